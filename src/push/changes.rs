//! What is to be done on one host so that a tree stands there: pure.
//!
//! Theory: the tree of the source and what stands on the host are values, and the difference is a list of acts in three
//! parts. First folders are made, parents before what is in them; then files and links are put, in any order and as many at
//! once as one likes; last come times and modes of folders, the deepest first, since whatever is put into a folder changes
//! its time, and a folder that is shut cannot be written into. Nothing here deletes: where a folder stands and a file should,
//! or the other way round, that one thing fails and all else goes on.
//!
//! Two files are the same when size and time are, or, where somebody asks for it, size and content. That is why the time of a
//! file is set to the source's on every host, asked for or not: the next push would find nothing the same otherwise. Links
//! stay links, and say there what they say here. Times are compared as SFTP can say them, in seconds from 1970 to 2106.
//!
//! Without `preserve` a new file has the permissions of the source, one that is replaced keeps its own, and a folder that
//! stands is left as it is. With it, permissions of files and folders and times of all things are the source's. The bits setuid
//! and setgid of a file go along only with `preserve`, and only where nobody gives the file to another (`--sudo`, `--owner`); the walk has
//! taken them from files that are not the user's own. The root, which is the place that the user named, is made where it is not
//! there and otherwise never changed.

use std::collections::{HashMap, HashSet};

use super::path::{RelPath, shown};
use super::put::{Before, Mode};
use super::tree::{Entry, Kind, SET_IDS};
use crate::outcome::FileFault;

/// How a file that stands is told from one that has to be sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Same {
    /// Size and time are the same.
    #[default]
    SizeAndTime,
    /// Size and content are; what stands there is summed or read.
    Checksum,
}

/// Which permissions things have there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Modes {
    /// What is new has the source's; what stands keeps its own.
    #[default]
    New,
    /// Everything has the source's.
    Kept,
    /// The same, but for setuid and setgid of files, since they will be somebody else's.
    KeptForAnother,
    /// Everything has these.
    Set {
        /// Of files, `07777`.
        files: u32,
        /// Of folders, `07777`.
        folders: u32,
    },
}

/// Whose times are the source's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Times {
    /// Those of files.
    #[default]
    Files,
    /// Those of folders and links too.
    All,
}

/// What makes a tree there that of the source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// When a file need not be sent.
    pub same: Same,
    /// Permissions.
    pub modes: Modes,
    /// Times.
    pub times: Times,
}

/// One thing to be done. `item` is the place of what it is about among the entries of the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Make the folder that the user named as the place; it lies in one that is there.
    MakeBase,
    /// Make a folder with this mode.
    MakeDir {
        /// Which.
        item: usize,
        /// `07777`; its owner can write into it.
        mode: u32,
    },
    /// Put a file in its place, whole, over what stands there.
    Put {
        /// Which.
        item: usize,
        /// Its permissions.
        mode: Mode,
        /// Its time, in seconds since 1970.
        mtime: i64,
        /// Whether anything stands there.
        before: Before,
    },
    /// Put a link in its place, over a file or a link.
    Link {
        /// Which.
        item: usize,
        /// The time of the link itself, in seconds since 1970, where it is set.
        mtime: Option<i64>,
    },
    /// Set permissions.
    SetMode {
        /// Of which.
        item: usize,
        /// `07777`.
        mode: u32,
    },
    /// Set the time.
    SetTime {
        /// Of which.
        item: usize,
        /// Seconds since 1970.
        mtime: i64,
    },
}

/// One thing that cannot be done, with all that lies in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The class.
    pub fault: FileFault,
    /// What it is about, from the root of the push.
    pub path: RelPath,
    /// Why, without the path; with it once [`Changes::at`] was told where the root is. Free of control characters.
    pub why: String,
    /// How many entries of the source do not get there.
    pub entries: usize,
}

/// What is to be done on one host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// In this order, before all else: folders are made, or opened for writing.
    pub before: Vec<Act>,
    /// Files, links, and their modes and times; in any order.
    pub files: Vec<Act>,
    /// In this order, after all else: times and modes of folders.
    pub after: Vec<Act>,
    /// What cannot be done.
    pub faults: Vec<Fault>,
    /// Files that need not be sent.
    pub same: Count,
    /// Files that are to be sent.
    pub sent: Count,
}

impl Changes {
    /// The same with the whole path in each sentence about what cannot be done; the root of the push is this one.
    pub fn at(mut self, base: &[u8]) -> Changes {
        for fault in &mut self.faults {
            fault.why = format!("{}: {}", shown(&fault.path.below(base)), fault.why);
        }
        self
    }
}

/// Files and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// How many.
    pub files: usize,
    /// Bytes of all.
    pub bytes: u64,
}

/// The files whose content has to be compared before the changes are known, by their places in the source: those that
/// stand there with the same size, where content decides.
pub fn asks(source: &[Entry], there: &[Entry], policy: &Policy) -> Vec<usize> {
    if policy.same == Same::SizeAndTime {
        return Vec::new();
    }
    let there = by_path(there);
    let is_asked = |(_, entry): &(usize, &Entry)| {
        let stands = there.get(entry.path.as_bytes());
        matches!(entry.kind, Kind::File { .. }) && stands.is_some_and(|stands| stands.kind == entry.kind)
    };
    source.iter().enumerate().filter(is_asked).map(|(item, _)| item).collect()
}

/// What is to be done so that the source stands there. Parents come before what is in them on both sides; `equal` are those
/// of [`asks`] whose content is the same.
pub fn changes(source: &[Entry], there: &[Entry], policy: &Policy, equal: &HashSet<usize>) -> Changes {
    let mut weighing = Weighing {
        source,
        there: by_path(there),
        policy,
        equal,
        folders: HashMap::new(),
        faulty: HashMap::new(),
        changes: Changes::default(),
    };
    weighing.base();
    (0..source.len()).for_each(|item| weighing.weigh(item));
    weighing.close()
}

fn by_path(entries: &[Entry]) -> HashMap<&[u8], &Entry> {
    entries.iter().map(|entry| (entry.path.as_bytes(), entry)).collect()
}

/// A time as SFTP can say it: seconds from 1970 to 2106.
pub(super) fn said(mtime: i64) -> i64 {
    mtime.clamp(0, i64::from(u32::MAX))
}

/// What the owner of a folder needs to put something into it.
const OWNER: u32 = 0o700;

/// A folder of the source on its way.
struct Folder {
    item: usize,
    /// It is new, or something in it changes, which changes its time.
    is_touched: bool,
    /// The permissions that it has while files are put into it.
    mode: u32,
    is_new: bool,
}

/// What is known while one entry after the other is held against what stands there.
struct Weighing<'a> {
    source: &'a [Entry],
    there: HashMap<&'a [u8], &'a Entry>,
    policy: &'a Policy,
    equal: &'a HashSet<usize>,
    folders: HashMap<&'a [u8], Folder>,
    /// Folders that cannot be made, and what was said of that.
    faulty: HashMap<&'a [u8], usize>,
    changes: Changes,
}

impl<'a> Weighing<'a> {
    /// The folder that the user named is made first, whatever lands in it.
    fn base(&mut self) {
        let is_one_file = matches!(self.source, [one] if one.path.is_root() && one.kind != Kind::Dir);
        if !is_one_file && !self.source.is_empty() && !self.there.contains_key(&b""[..]) {
            self.changes.before.push(Act::MakeBase);
        }
    }

    fn weigh(&mut self, item: usize) {
        let entry = &self.source[item];
        let path = entry.path.as_bytes();
        if let Some(&fault) = parent(path).and_then(|parent| self.faulty.get(parent)) {
            self.changes.faults[fault].entries += 1;
            if entry.kind == Kind::Dir {
                self.faulty.insert(path, fault);
            }
            return;
        }
        let stands = self.there.get(path).copied();
        match (&entry.kind, stands.map(|stands| &stands.kind)) {
            (Kind::Special, _) => {}
            (Kind::Dir, None | Some(Kind::Dir)) => self.folder(item, stands),
            (Kind::Dir, Some(_)) => self.fault(item, FileFault::IsDirectory, "no folder stands there"),
            (_, Some(Kind::Dir)) => self.fault(item, FileFault::IsDirectory, "a folder stands there"),
            (_, Some(Kind::Special)) => {
                self.fault(item, FileFault::Refused, "a device, FIFO or socket stands there");
            }
            (Kind::File { .. }, Some(Kind::File { .. })) => self.file(item, stands),
            (Kind::File { .. }, _) => self.file(item, None),
            (Kind::Link { to }, Some(Kind::Link { to: old })) if to == old => self.time(item, stands),
            (Kind::Link { .. }, _) => {
                let mtime = (self.policy.times == Times::All).then_some(said(entry.mtime));
                self.changes.files.push(Act::Link { item, mtime });
                self.touch(item);
            }
        }
    }

    fn fault(&mut self, item: usize, fault: FileFault, what: &str) {
        let path = &self.source[item].path;
        let why = format!("{what}, and nothing is deleted for what is pushed");
        if self.source[item].kind == Kind::Dir {
            self.faulty.insert(path.as_bytes(), self.changes.faults.len());
        }
        self.changes.faults.push(Fault { fault, path: path.clone(), why, entries: 1 });
    }

    fn folder(&mut self, item: usize, stands: Option<&Entry>) {
        let entry = &self.source[item];
        let mode = match stands {
            Some(stands) => stands.mode,
            None => self.mode_of(item) | OWNER,
        };
        let is_new = stands.is_none();
        if is_new && !entry.path.is_root() {
            self.touch(item);
            self.changes.before.push(Act::MakeDir { item, mode });
        }
        self.folders.insert(entry.path.as_bytes(), Folder { item, is_touched: is_new, mode, is_new });
    }

    fn file(&mut self, item: usize, stands: Option<&Entry>) {
        let entry = &self.source[item];
        let bytes = if let Kind::File { size } = entry.kind { size } else { 0 };
        let Some(stands) = stands.filter(|stands| self.is_same(item, stands)) else {
            let mode = match self.policy.modes {
                Modes::New => Mode::KeepOr(self.mode_of(item)),
                Modes::Kept | Modes::KeptForAnother | Modes::Set { .. } => Mode::Set(self.mode_of(item)),
            };
            let before = match self.there.contains_key(entry.path.as_bytes()) {
                true => Before::Asked,
                false => Before::Nothing,
            };
            self.changes.files.push(Act::Put { item, mode, mtime: said(entry.mtime), before });
            self.changes.sent.add(bytes);
            return self.touch(item);
        };
        self.changes.same.add(bytes);
        if let Some(mode) = self.mode_to_set(item, stands.mode) {
            self.changes.files.push(Act::SetMode { item, mode });
        }
        if said(entry.mtime) != said(stands.mtime) {
            self.changes.files.push(Act::SetTime { item, mtime: said(entry.mtime) });
        }
    }

    /// The time of a link that says what it should.
    fn time(&mut self, item: usize, stands: Option<&Entry>) {
        let mtime = said(self.source[item].mtime);
        if self.policy.times == Times::All && stands.is_some_and(|stands| said(stands.mtime) != mtime) {
            self.changes.files.push(Act::SetTime { item, mtime });
        }
    }

    fn is_same(&self, item: usize, stands: &Entry) -> bool {
        let entry = &self.source[item];
        match self.policy.same {
            Same::SizeAndTime => entry.kind == stands.kind && said(entry.mtime) == said(stands.mtime),
            Same::Checksum => self.equal.contains(&item),
        }
    }

    /// The permissions that something of the source has there, or would have if it were new.
    fn mode_of(&self, item: usize) -> u32 {
        let entry = &self.source[item];
        match (&entry.kind, self.policy.modes) {
            (Kind::Dir, Modes::Set { folders, .. }) => folders & 0o7777,
            (_, Modes::Set { files, .. }) => files & 0o7777,
            (Kind::Dir, Modes::Kept | Modes::KeptForAnother) | (_, Modes::Kept) => entry.mode & 0o7777,
            (_, Modes::KeptForAnother) => entry.mode & 0o7777 & !SET_IDS,
            (_, Modes::New) => entry.mode & 0o777,
        }
    }

    /// The permissions that something is to be given that stands there with these.
    fn mode_to_set(&self, item: usize, stands: u32) -> Option<u32> {
        let mode = self.mode_of(item);
        (self.policy.modes != Modes::New && mode != stands & 0o7777).then_some(mode)
    }

    /// Something in the folder of this changes. A folder that is shut is opened for that, where its permissions are ours.
    fn touch(&mut self, item: usize) {
        let Some(folder) =
            parent(self.source[item].path.as_bytes()).and_then(|parent| self.folders.get_mut(parent))
        else {
            return;
        };
        folder.is_touched = true;
        let is_ours = self.policy.modes != Modes::New && !self.source[folder.item].path.is_root();
        if is_ours && folder.mode & OWNER != OWNER {
            folder.mode |= OWNER;
            self.changes.before.push(Act::SetMode { item: folder.item, mode: folder.mode & 0o7777 });
        }
    }

    /// Times and permissions of folders, the deepest first.
    fn close(mut self) -> Changes {
        let mut folders: Vec<Folder> = std::mem::take(&mut self.folders).into_values().collect();
        folders.sort_unstable_by_key(|folder| std::cmp::Reverse(folder.item));
        for Folder { item, is_touched, mode, is_new } in folders {
            let entry = &self.source[item];
            if entry.path.is_root() && !is_new {
                continue;
            }
            let stands = self.there.get(entry.path.as_bytes()).map(|stands| said(stands.mtime));
            if self.policy.times == Times::All && (is_touched || stands != Some(said(entry.mtime))) {
                self.changes.after.push(Act::SetTime { item, mtime: said(entry.mtime) });
            }
            let wanted = match is_new {
                true => Some(self.mode_of(item)).filter(|wanted| *wanted != mode || entry.path.is_root()),
                false => self.mode_to_set(item, mode),
            };
            if let Some(mode) = wanted {
                self.changes.after.push(Act::SetMode { item, mode });
            }
        }
        self.changes
    }
}

/// The path of the folder that a path lies in; the root lies in none.
fn parent(path: &[u8]) -> Option<&[u8]> {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(slash) => Some(&path[..slash]),
        None if path.is_empty() => None,
        None => Some(b""),
    }
}

impl Count {
    fn add(&mut self, bytes: u64) {
        self.files += 1;
        self.bytes += bytes;
    }
}

#[cfg(test)]
#[path = "changes_tests.rs"]
mod tests;
