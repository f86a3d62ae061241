//! The walk through what was named: blocking, and once.
//!
//! Theory: each folder is read by its handle, its names are sorted, and each is looked at once without following a link, so
//! the work grows with the number of entries and two walks of the same tree give the same list, parents before what is in
//! them. Each file is opened once here, so that one that cannot be read is an error while no host knows of the push. A link
//! that was named itself is followed, as cp(1) does; any other stays a link. FIFOs, devices and sockets are passed over and
//! named: what is in them is nothing that stands still.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat, fstat, openat, readlinkat, statat};

use super::{Form, Lot, Root, Sources, Stamp, shown_below};
use crate::escape;
use crate::push::exclude::{Excludes, Thing};
use crate::push::path::{NameFault, RelPath, check_name, shown};
use crate::push::tree::{Entry, Kind, MAX_ENTRIES, SET_IDS};

/// Why there is nothing to push; each a sentence with the path and the next step.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WalkError {
    /// It is not there, or may not be read.
    #[error("{0} cannot be read: {1}; mend that, or leave it out with --exclude")]
    Unreadable(String, String),
    /// What was named is not there.
    #[error("{0} cannot be read: {1}; check the name")]
    Nowhere(String, String),
    /// It is neither a file nor a folder.
    #[error("{0} is no file and no folder; FIFOs, devices and sockets are not pushed")]
    Special(String),
    /// More than [`MAX_ENTRIES`].
    #[error(
        "there are more than {1} things to push, {0} is beyond; push one part after the other, or leave some out with --exclude"
    )]
    TooMany(String, usize),
    /// A name that cannot be pushed, such as one too deep.
    #[error("{0} cannot be pushed: {1}; leave it out with --exclude")]
    Name(String, NameFault),
    /// Two things would be the same there.
    #[error("{0} and {1} would both become {2} there; push them one after the other, to different places")]
    Twice(String, String, String),
    /// Nothing is left.
    #[error("nothing is left to push: --exclude leaves out all that was named")]
    Nothing,
}

/// What `--map DIR` holds for some hosts.
#[derive(Debug)]
pub struct Mapped {
    /// All of it.
    pub sources: Sources,
    /// What each host gets, in the order of the names; `None` where there is nothing of its name.
    pub lots: Vec<Option<Lot>>,
}

/// Walks what was named, in this order.
pub fn walk(named: &[PathBuf], excludes: &Excludes) -> Result<Sources, WalkError> {
    walk_bounded(named, excludes, MAX_ENTRIES)
}

fn walk_bounded(named: &[PathBuf], excludes: &Excludes, most: usize) -> Result<Sources, WalkError> {
    let mut walk = Walk::new(excludes, most);
    walk.taken = (named.len() > 1).then(HashMap::new);
    for path in named {
        walk.root(path, Form::of(path))?;
    }
    if walk.found.entries.is_empty() {
        return Err(WalkError::Nothing);
    }
    // Counted by what was named: what --exclude leaves of several is still several.
    walk.found.is_lone = named.len() == 1 && walk.found.entries[0].kind != Kind::Dir;
    Ok(walk.found)
}

/// Walks what is in `dir` by the names of hosts: a file, or a folder whose contents are meant.
pub fn map(dir: &Path, names: &[&str], excludes: &Excludes) -> Result<Mapped, WalkError> {
    let mut walk = Walk::new(excludes, MAX_ENTRIES);
    let mut lots = Vec::with_capacity(names.len());
    for name in names {
        let path = dir.join(name);
        // A name of a host is one name here, whatever an inventory makes of it.
        let is_name = check_name(name.as_bytes()).is_ok();
        let kind = is_name.then(|| walk.call(|| statat(CWD, path.as_path(), AtFlags::empty()))).transpose();
        let lot = match kind {
            Ok(None) | Err(rustix::io::Errno::NOENT) => None,
            Err(error) => return Err(unreadable(shown(path.as_os_str().as_bytes()), error)),
            Ok(Some(stat)) => {
                let is_folder = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
                walk.root(&path, if is_folder { Form::Contents } else { Form::Itself })?
            }
        };
        lots.push(lot);
    }
    Ok(Mapped { sources: walk.found, lots })
}

impl Form {
    /// As cp(1) reads a word: a slash at its end says nothing, `/.` that its contents are meant. What has no name of its own
    /// (`/`, `..`) can only be meant so.
    fn of(path: &Path) -> Form {
        match last_name(path) {
            b"" | b"." | b".." => Form::Contents,
            _ => Form::Itself,
        }
    }
}

/// What stands behind the last slash but those at the end.
fn last_name(path: &Path) -> &[u8] {
    let bytes = path.as_os_str().as_bytes();
    let end = bytes.iter().rposition(|byte| *byte != b'/').map_or(0, |at| at + 1);
    let begin = bytes[..end].iter().rposition(|byte| *byte == b'/').map_or(0, |at| at + 1);
    &bytes[begin..end]
}

/// A walk on its way.
struct Walk<'a> {
    excludes: &'a Excludes,
    most: usize,
    found: Sources,
    /// What is there already, and of which root, where several were named.
    taken: Option<HashMap<RelPath, usize>>,
}

/// A folder that is being walked: where it goes, and where it is below the folder that was named.
struct Folder {
    there: RelPath,
    below: RelPath,
}

impl<'a> Walk<'a> {
    fn new(excludes: &'a Excludes, most: usize) -> Walk<'a> {
        Walk { excludes, most, found: Sources::default(), taken: None }
    }

    /// Asks the system, and counts that.
    fn call<T>(&mut self, ask: impl FnOnce() -> T) -> T {
        self.found.calls += 1;
        ask()
    }

    /// Walks one thing that was named; gives what it came to, unless it is left out.
    fn root(&mut self, named: &Path, form: Form) -> Result<Option<Lot>, WalkError> {
        let shown = shown(named.as_os_str().as_bytes());
        let name = last_name(named);
        let (file, stat) = self.open_named(named, &shown)?;
        let kind = kind_of(&stat);
        let thing = if kind == Kind::Dir { Thing::Folder } else { Thing::Other };
        if form == Form::Itself && self.excludes.leaves_out_named(name, thing) {
            return Ok(None);
        }
        let begin = self.found.entries.len();
        let stamp = Stamp::of(&stat);
        self.found.roots.push(Root { named: named.to_owned(), span: begin..begin, form, stamp });
        let there = match form {
            Form::Itself => {
                RelPath::root().join(name).map_err(|fault| WalkError::Name(shown.clone(), fault))?
            }
            Form::Contents => RelPath::root(),
        };
        self.put(entry(there.clone(), kind.clone(), &stat), stamp, &RelPath::root())?;
        if kind == Kind::Dir {
            self.folder(file, &Folder { there, below: RelPath::root() })?;
        }
        let range = begin..self.found.entries.len();
        let is_lone = kind != Kind::Dir;
        Ok(Some(Lot { range, is_lone }))
    }

    /// Opens what was named, over links. Nothing but a file or a folder is opened.
    fn open_named(&mut self, named: &Path, shown: &str) -> Result<(OwnedFd, Stat), WalkError> {
        let refused = |error| unreadable(shown.to_owned(), error);
        let before =
            self.call(|| statat(CWD, named, AtFlags::empty())).map_err(|error| match refused(error) {
                WalkError::Unreadable(path, why) if error == rustix::io::Errno::NOENT => {
                    WalkError::Nowhere(path, why)
                }
                other => other,
            })?;
        if kind_of(&before) == Kind::Special {
            return Err(WalkError::Special(shown.to_owned()));
        }
        let file = self.call(|| openat(CWD, named, READ, Mode::empty())).map_err(refused)?;
        let stat = self.call(|| fstat(&file)).map_err(refused)?;
        match kind_of(&stat) {
            Kind::File { .. } | Kind::Dir => Ok((file, stat)),
            Kind::Link { .. } | Kind::Special => Err(WalkError::Special(shown.to_owned())),
        }
    }

    /// Walks what is in a folder.
    fn folder(&mut self, file: OwnedFd, folder: &Folder) -> Result<(), WalkError> {
        let faulty = |walk: &Walk<'_>, error| unreadable(walk.shown(&folder.below), error);
        let mut dir = Dir::new(file).map_err(|error| faulty(self, error))?;
        let names = self.names(&mut dir).map_err(|error| faulty(self, error))?;
        for name in names {
            let handle = dir.fd().map_err(|error| faulty(self, error))?;
            self.one(handle, folder, &name)?;
        }
        Ok(())
    }

    fn names(&mut self, dir: &mut Dir) -> Result<Vec<Box<[u8]>>, rustix::io::Errno> {
        let mut names: Vec<Box<[u8]>> = Vec::new();
        while let Some(found) = self.call(|| dir.read()) {
            let found = found?;
            let name = found.file_name().to_bytes();
            // One more than there may be says enough.
            if !matches!(name, b"." | b"..") && names.len() <= self.most {
                names.push(name.into());
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Looks at one name in a folder.
    fn one(&mut self, dir: impl AsFd, folder: &Folder, name: &[u8]) -> Result<(), WalkError> {
        let join = |path: &RelPath| path.join(name);
        let (below, there) = match (join(&folder.below), join(&folder.there)) {
            (Ok(below), Ok(there)) => (below, there),
            (Err(fault), _) | (_, Err(fault)) => {
                return Err(WalkError::Name(format!("{}/{}", self.shown(&folder.below), shown(name)), fault));
            }
        };
        let refused = |walk: &Walk<'_>, error| unreadable(walk.shown(&below), error);
        let stat = self
            .call(|| statat(&dir, name, AtFlags::SYMLINK_NOFOLLOW))
            .map_err(|error| refused(self, error))?;
        let mut kind = kind_of(&stat);
        let thing = if kind == Kind::Dir { Thing::Folder } else { Thing::Other };
        if self.excludes.leaves_out(&below, thing) {
            return Ok(());
        }
        let open = |flags| openat(&dir, name, READ | OFlags::NOFOLLOW | flags, Mode::empty());
        let mut inside = None;
        match &mut kind {
            Kind::Special => {
                let shown = self.shown(&below);
                self.found.passed_over.push(shown);
                return self.bounded(&below);
            }
            Kind::Link { to } => {
                let said = self.call(|| readlinkat(&dir, name, Vec::new()));
                *to = said.map_err(|error| refused(self, error))?.into_bytes().into();
            }
            Kind::File { .. } => {
                self.call(|| open(OFlags::empty())).map_err(|error| refused(self, error))?;
            }
            Kind::Dir => {
                let opened = self.call(|| open(OFlags::DIRECTORY));
                inside = Some(opened.map_err(|error| refused(self, error))?);
            }
        }
        self.put(entry(there.clone(), kind, &stat), Stamp::of(&stat), &below)?;
        match inside {
            Some(file) => self.folder(file, &Folder { there, below }),
            None => Ok(()),
        }
    }

    /// Takes an entry in. A folder that two of those named have is one folder there.
    fn put(&mut self, entry: Entry, stamp: Stamp, below: &RelPath) -> Result<(), WalkError> {
        let root = self.found.roots.len() - 1;
        let item = self.found.entries.len();
        if let Some(taken) = &mut self.taken {
            if let Some(&other) = taken.get(&entry.path) {
                if self.found.entries[other].kind == Kind::Dir && entry.kind == Kind::Dir {
                    return Ok(());
                }
                let path = entry.path.to_string();
                return Err(WalkError::Twice(self.found.shown(other), self.shown(below), path));
            }
            taken.insert(entry.path.clone(), item);
        }
        self.found.entries.push(entry);
        self.found.stamps.push(stamp);
        self.found.roots[root].span.end = item + 1;
        self.bounded(below)
    }

    fn bounded(&self, below: &RelPath) -> Result<(), WalkError> {
        match self.found.entries.len() + self.found.passed_over.len() > self.most {
            true => Err(WalkError::TooMany(self.shown(below), self.most)),
            false => Ok(()),
        }
    }

    /// Something below what is being walked, as a sentence shows it.
    fn shown(&self, below: &RelPath) -> String {
        shown_below(&self.found.roots[self.found.roots.len() - 1].named, below)
    }
}

/// How files and folders are opened: never waiting for the other end of a FIFO, never becoming anybody's terminal.
pub(super) const READ: OFlags =
    OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

fn kind_of(stat: &Stat) -> Kind {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Kind::File { size: u64::try_from(stat.st_size).unwrap_or(0) },
        FileType::Directory => Kind::Dir,
        FileType::Symlink => Kind::Link { to: Box::default() },
        _ => Kind::Special,
    }
}

fn entry(path: RelPath, kind: Kind, stat: &Stat) -> Entry {
    // A program that acts for whom it belongs to would act for somebody else there, where it belongs to the login.
    let is_ours = kind == Kind::Dir || stat.st_uid == rustix::process::geteuid().as_raw();
    let mode = if is_ours { stat.st_mode & 0o7777 } else { stat.st_mode & 0o7777 & !SET_IDS };
    Entry { path, kind, mode, mtime: stat.st_mtime }
}

fn unreadable(shown: String, error: rustix::io::Errno) -> WalkError {
    WalkError::Unreadable(shown, escape::reason(&io::Error::from(error)))
}

#[cfg(test)]
#[path = "walk_tests.rs"]
mod tests;
