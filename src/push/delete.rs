//! What `push --delete` would take away on one host, from values alone.
//!
//! Theory: a deletion is decided from four things: what stands there, what the source holds, what earlier pushes put there
//! ([`super::manifest`]), and what is excluded. Everything that is not certain stays: what nobody is known to have put there,
//! what was changed since, what a listing says in a way that no honest server would. `--delete-unknown` is the user's
//! word for the first two. A folder goes only when nothing is left in it, and then only one that a push made.
//!
//! A file system may take two names for one (`Readme`, `README`), so that deleting the old name would delete what was just
//! put there by the new one. What has such a name beside one of the source is *alike*: it goes, with what lies in it, only
//! after its folder was listed again, when every one of those names stands there by itself ([`Doomed::settle`]).

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};

use super::manifest::{Damage, Mark, Record, Sum};
use super::path::RelPath;
use super::tree::{Entry, Kind};

/// What may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strangers {
    /// Only what an earlier push put there and nobody changed since.
    Stay,
    /// Everything that the source has not: `--delete-unknown`.
    Go,
}

/// What becomes of a file that goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// It is removed.
    Gone,
    /// It stays under another name beside it (`--backup`), so its folder stays too. Where something has that name, be it of the
    /// source or of anybody, it stays as it is.
    Aside,
}

/// What the user allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// What may go.
    pub strangers: Strangers,
    /// What becomes of it.
    pub removal: Removal,
}

/// The paths that the source holds, made once for all hosts: 16 bytes each.
#[derive(Debug)]
pub struct Held {
    keys: RandomState,
    exact: Vec<u64>,
    folded: Vec<u64>,
    files: usize,
}

impl Held {
    /// Of everything that a push brings to one host: files, folders and links, whether they are new there or not.
    pub fn new<'a>(entries: impl Iterator<Item = (&'a RelPath, &'a Kind)>) -> Held {
        let mut held = Held { keys: RandomState::new(), exact: Vec::new(), folded: Vec::new(), files: 0 };
        for (path, kind) in entries {
            held.exact.push(held.keys.hash_one(path));
            held.folded.push(held.keys.hash_one(folded(path)));
            held.files += usize::from(*kind != Kind::Dir);
        }
        held.exact.sort_unstable();
        held.folded.sort_unstable();
        held
    }

    /// Files and links; where there is none, the source is empty.
    pub fn files(&self) -> usize {
        self.files
    }

    /// Whether the source has this path. Two paths of the same hash would keep one that could go, never the other way round.
    pub fn has(&self, path: &RelPath) -> bool {
        self.exact.binary_search(&self.keys.hash_one(path)).is_ok()
    }

    /// The outermost part of a path that the source has not by this name, where it may have it by another.
    fn may_have(&self, path: &RelPath) -> Option<RelPath> {
        let slashes = path.as_bytes().iter().zip(0..).filter(|(byte, _)| **byte == b'/').map(|(_, at)| at);
        let ends = slashes.chain([path.as_bytes().len()]);
        let mut parts = ends.filter_map(|end: usize| RelPath::parse(&path.as_bytes()[..end]).ok());
        parts.find(|part| !self.has(part)).filter(|part| self.alike(part) > 0)
    }

    /// How many of its paths a careless file system may take for this one.
    fn alike(&self, path: &RelPath) -> usize {
        let key = self.keys.hash_one(folded(path));
        let to = self.folded.partition_point(|other| *other <= key);
        to - self.folded[..to].partition_point(|other| *other < key)
    }
}

/// A path as the most careless file system has it: letters of either case are one, final dots and spaces do not count, and
/// all names that are not ASCII may be one, since accents can be written in several ways.
fn folded(path: &RelPath) -> Vec<u8> {
    let name = |name: &[u8]| match name.is_ascii() {
        true => {
            let end = name.iter().rposition(|byte| !matches!(byte, b'.' | b' ')).map_or(0, |last| last + 1);
            name[..end].to_ascii_lowercase()
        }
        false => b"\xff".to_vec(),
    };
    path.names().map(name).collect::<Vec<_>>().join(&b'/')
}

/// Both sides of one host.
pub struct Sides<'a> {
    /// What stands there below the place that was named, in any order; the place itself may be among it.
    pub there: &'a [Entry],
    /// The folder of the tree in that place: its own name, or the place itself where the contents of SRC were sent. What is
    /// outside of it is never looked at, and it never goes.
    pub root: &'a RelPath,
    /// What the source holds for this host.
    pub source: &'a Held,
    /// Whether `--exclude` speaks of this path itself; what lies in an excluded folder is excluded too. Also for the
    /// temporary files of omnes and for backups.
    pub excluded: &'a dyn Fn(&RelPath, &Kind) -> bool,
    /// What stands behind the name of a file that goes and is kept; only where it goes [`Removal::Aside`].
    pub suffix: &'a [u8],
    /// The content of a file there, where it was read; without it the time decides.
    pub sum: &'a dyn Fn(&RelPath) -> Option<Sum>,
}

/// Which folders there have to be looked into.
#[derive(Debug)]
pub struct Scope {
    root: RelPath,
    /// Those in which earlier pushes put something, as hashes; `None`: all.
    folders: Option<HashSet<u64>>,
    keys: RandomState,
}

impl Scope {
    /// For a tree with this root there. Where only what is known may go, nothing has to be seen beside it.
    pub fn new(
        root: &RelPath,
        known: impl Iterator<Item = Result<Record, Damage>>,
        policy: Policy,
    ) -> Result<Scope, Damage> {
        let mut scope = Scope::nothing_known(root, policy);
        let Some(folders) = &mut scope.folders else { return Ok(scope) };
        for record in known {
            let mut path = record?.path;
            // Where a folder is known, those around it are.
            while folders.insert(scope.keys.hash_one(&path)) && !path.is_root() {
                path = folder(&path);
            }
        }
        Ok(scope)
    }

    /// The same where no earlier push is known.
    pub fn nothing_known(root: &RelPath, policy: Policy) -> Scope {
        let folders = (policy.strangers == Strangers::Stay).then(HashSet::new);
        Scope { root: root.clone(), folders, keys: RandomState::new() }
    }

    /// Whether something has to be seen that a push does not look at by itself.
    pub fn sees(&self, path: &RelPath) -> bool {
        lies_in(path, &self.root)
    }

    /// Whether a folder has to be looked into, of what a push does not look into by itself.
    pub fn looks_into(&self, path: &RelPath) -> bool {
        let is_known = |folders: &HashSet<u64>| folders.contains(&self.keys.hash_one(path));
        lies_in(path, &self.root) && self.folders.as_ref().is_none_or(is_known)
    }
}

/// Why something that the source has not stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stays {
    /// It was put there by a push and changed since.
    Changed,
    /// It is a device, FIFO or socket.
    Special,
    /// The listing says it in a way that no honest server does: twice, or inside of something that is no folder.
    Odd,
    /// It may be one of the source by another name.
    Alike,
    /// The name that it would be kept under is taken, or would be too long.
    Taken,
}

/// What would go on one host, and what would not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Doomed {
    /// Files and links, in ascending order.
    pub files: Vec<Loss>,
    /// Folders that are empty then, each after what lies in it.
    pub folders: Vec<RelPath>,
    /// What stays though the source has not got it and somebody may wonder, in ascending order; folders are not named.
    pub stays: Vec<(RelPath, Stays)>,
    /// Files and links that stay since no push is known to have put them there.
    pub strangers: usize,
    /// Files and links there that are not excluded.
    pub there: usize,
    /// Those of them among which the ones that go are counted: what cannot go whatever the source holds (strangers, devices,
    /// what no honest server says) makes no deletion a small one.
    pub ours: usize,
    /// What may be one of the source by another name, in ascending order: some of `files` and `folders`, or folders that
    /// they lie in.
    pub alike: Vec<RelPath>,
}

/// A file or link that would go, as it was when that was decided.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Loss {
    /// Where, from the root.
    pub path: RelPath,
    /// Bytes; `None` for a link.
    pub size: Option<u64>,
    /// When it was changed last, in seconds since 1970.
    pub mtime: i64,
}

impl Loss {
    /// Whether what stands there is still what was to go.
    pub fn is_still(&self, kind: &Kind, mtime: i64) -> bool {
        match kind {
            Kind::File { size } => self.size == Some(*size) && self.mtime == mtime,
            Kind::Link { .. } => self.size.is_none(),
            Kind::Dir | Kind::Special => false,
        }
    }
}

/// More than a quarter of the files that may go.
pub fn is_much(files: usize, ours: usize) -> bool {
    files.saturating_mul(4) > ours
}

/// Where a file is kept beside its place; `None` where its name would be too long.
pub(super) fn aside(path: &RelPath, suffix: &[u8]) -> Option<RelPath> {
    let (folder, name) = path.split()?;
    folder.join(&[name, suffix].concat()).ok()
}

impl Doomed {
    /// Nothing would go.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && self.folders.is_empty()
    }

    /// What stays for this reason.
    pub fn staying(&self, why: Stays) -> impl Iterator<Item = &RelPath> {
        self.stays.iter().filter(move |(_, stays)| *stays == why).map(|(path, _)| path)
    }

    /// The folders that have to be listed again, once every file has arrived, before [`Doomed::settle`].
    pub fn to_be_listed(&self) -> Vec<RelPath> {
        let mut folders: Vec<RelPath> = self.alike.iter().map(folder).collect();
        folders.sort();
        folders.dedup();
        folders
    }

    /// The names that a folder of [`Doomed::to_be_listed`] has now: what may be one of the source by another name goes
    /// only where all those that it may be stand beside it.
    pub fn settle(&mut self, of: &RelPath, names: &[&[u8]], source: &Held) {
        let now: HashSet<RelPath> = names.iter().filter_map(|name| of.join(name).ok()).collect();
        let mut beside: HashMap<Vec<u8>, usize> = HashMap::new();
        for path in now.iter().filter(|path| source.has(path)) {
            *beside.entry(folded(path)).or_default() += 1;
        }
        let stands_apart = |path: &RelPath| {
            now.contains(path) && beside.get(&folded(path)).is_some_and(|count| *count == source.alike(path))
        };
        let alike = std::mem::take(&mut self.alike);
        let (here, elsewhere): (Vec<RelPath>, _) = alike.into_iter().partition(|path| folder(path) == *of);
        self.alike = elsewhere;
        self.keep(&here.into_iter().filter(|path| !stands_apart(path)).collect(), Stays::Alike);
    }

    /// These stay after all, with what lies in them and with the folders that they lie in.
    pub fn keep(&mut self, paths: &HashSet<RelPath>, why: Stays) {
        let kept = self.files.iter().filter(|loss| parts(&loss.path).any(|part| paths.contains(&part)));
        self.stays.extend(kept.map(|loss| (loss.path.clone(), why)));
        self.stays.sort();
        self.leave(paths);
    }

    /// The same, without a word about why.
    pub fn leave(&mut self, paths: &HashSet<RelPath>) {
        if paths.is_empty() {
            return;
        }
        let is_left = |path: &RelPath| parts(path).any(|part| paths.contains(&part));
        let around: HashSet<RelPath> = paths.iter().flat_map(parts).collect();
        self.files.retain(|loss| !is_left(&loss.path));
        self.folders.retain(|folder| !is_left(folder) && !around.contains(folder));
        self.alike.retain(|alike| !is_left(alike));
    }
}

/// A path, and the folders that it lies in but for the root.
fn parts(path: &RelPath) -> impl Iterator<Item = RelPath> + use<> {
    let next = |path: &RelPath| Some(folder(path)).filter(|folder| !folder.is_root());
    std::iter::successors(Some(path.clone()), next)
}

/// Whether a path is this one or lies in it.
fn lies_in(path: &RelPath, folder: &RelPath) -> bool {
    let rest = path.as_bytes().strip_prefix(folder.as_bytes());
    folder.is_root() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}

fn folder(path: &RelPath) -> RelPath {
    path.split().map(|(folder, _)| folder).unwrap_or_default()
}

/// What would go. `known` is what earlier pushes put there, in ascending order; an error in it says that nothing is known.
pub fn doomed(
    sides: &Sides<'_>,
    known: impl Iterator<Item = Result<Record, Damage>>,
    policy: Policy,
) -> Result<Doomed, Damage> {
    let mut look = Look::new(sides);
    let mut known = known.peekable();
    for at in 0..look.order.len() {
        let entry = look.order[at];
        let mut mark = None;
        while let Some(record) = known.next_if(|record| precedes(record, &entry.path)) {
            let Record { path, mark: put } = record?;
            if path == entry.path {
                mark = Some(put);
                break;
            }
        }
        let fate = look.fate(entry, mark.as_ref(), policy);
        look.fates.push(fate);
    }
    // A damage that comes later says of what came before that it was not what was written.
    known.try_for_each(|record| record.map(drop))?;
    Ok(look.doomed(policy))
}

fn precedes(record: &Result<Record, Damage>, path: &RelPath) -> bool {
    match record {
        Ok(record) => record.path <= *path,
        Err(_) => true,
    }
}

/// What is decided about one thing there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Goes,
    /// It may, when nothing is left in it.
    GoesWhenEmpty,
    /// It is excluded, and so is what lies in it.
    Excluded,
    /// The source has it, or it is a folder that no push made.
    Belongs,
    /// No push is known to have put it there.
    Unknown,
    Stays(Stays),
}

impl Fate {
    /// Whether it would go if the source held nothing and nobody had touched it.
    fn may_go(self) -> bool {
        match self {
            Fate::Goes | Fate::GoesWhenEmpty | Fate::Belongs => true,
            Fate::Stays(why) => !matches!(why, Stays::Special | Stays::Odd),
            Fate::Excluded | Fate::Unknown => false,
        }
    }
}

struct Look<'a> {
    sides: &'a Sides<'a>,
    order: Vec<&'a Entry>,
    /// The folders among them by their paths.
    folders: HashMap<&'a [u8], usize>,
    fates: Vec<Fate>,
    /// Paths that come more than once.
    twice: HashSet<&'a RelPath>,
}

impl<'a> Look<'a> {
    fn new(sides: &'a Sides<'a>) -> Look<'a> {
        let is_inside = |entry: &&Entry| entry.path != *sides.root && lies_in(&entry.path, sides.root);
        let mut order: Vec<&Entry> = sides.there.iter().filter(is_inside).collect();
        order.sort_by(|a, b| a.path.cmp(&b.path));
        let twice = order.windows(2).filter(|pair| pair[0].path == pair[1].path).map(|pair| &pair[0].path);
        let twice = twice.collect();
        order.dedup_by(|a, b| a.path == b.path);
        let folders = order.iter().zip(0..).filter(|(entry, _)| entry.kind == Kind::Dir);
        let folders = folders.map(|(entry, at)| (entry.path.as_bytes(), at)).collect();
        let fates = Vec::with_capacity(order.len());
        Look { sides, order, folders, fates, twice }
    }

    /// The folder that it lies in; the root has no number. `None` where what it lies in is no folder.
    fn parent(&self, path: &RelPath) -> Option<Option<usize>> {
        let slash = path.as_bytes().iter().rposition(|byte| *byte == b'/').unwrap_or(0);
        match &path.as_bytes()[..slash] {
            root if root == self.sides.root.as_bytes() => Some(None),
            folder => self.folders.get(folder).copied().map(Some),
        }
    }

    /// The innermost folder that it lies in, also where the listing leaves out some between.
    fn around(&self, path: &RelPath) -> Option<usize> {
        let listed = |part: RelPath| self.folders.get(part.as_bytes()).copied();
        match self.parent(path) {
            Some(parent) => parent,
            None => parts(path).skip(1).find_map(listed),
        }
    }

    /// Folders come before what lies in them, so theirs is decided already.
    fn fate(&self, entry: &Entry, mark: Option<&Mark>, policy: Policy) -> Fate {
        let Some(parent) = self.parent(&entry.path) else { return Fate::Stays(Stays::Odd) };
        match parent.map(|parent| self.fates[parent]) {
            Some(Fate::Excluded) => return Fate::Excluded,
            Some(Fate::Stays(why)) => return Fate::Stays(why),
            _ if (self.sides.excluded)(&entry.path, &entry.kind) => return Fate::Excluded,
            _ => {}
        }
        let known = mark.map(|mark| mark.is_still(&entry.kind, entry.mtime, (self.sides.sum)(&entry.path)));
        match (&entry.kind, policy.strangers, known) {
            _ if self.twice.contains(&entry.path) => Fate::Stays(Stays::Odd),
            _ if self.sides.source.has(&entry.path) => Fate::Belongs,
            (Kind::Special, ..) => Fate::Stays(Stays::Special),
            (Kind::Dir, Strangers::Go, _) | (Kind::Dir, _, Some(true)) => Fate::GoesWhenEmpty,
            (Kind::Dir, ..) => Fate::Belongs,
            (_, Strangers::Go, _) | (_, _, Some(true)) => Fate::Goes,
            (_, _, Some(false)) => Fate::Stays(Stays::Changed),
            (_, _, None) => Fate::Unknown,
        }
    }

    /// What would be kept under a name that something has stays: nothing is replaced for what goes.
    fn keep_what_has_no_name(&mut self) {
        let is_free = |path: RelPath| {
            self.sides.source.alike(&path) == 0
                && self.order.binary_search_by(|entry| entry.path.cmp(&path)).is_err()
        };
        for (entry, fate) in self.order.iter().zip(&mut self.fates) {
            if *fate == Fate::Goes && !aside(&entry.path, self.sides.suffix).is_some_and(is_free) {
                *fate = Fate::Stays(Stays::Taken);
            }
        }
    }

    fn doomed(mut self, policy: Policy) -> Doomed {
        if policy.removal == Removal::Aside {
            self.keep_what_has_no_name();
        }
        let mut doomed = Doomed::default();
        let mut holds_something = vec![false; self.order.len()];
        // What lies in a folder comes after it, so that this way round a folder is asked last.
        for at in (0..self.order.len()).rev() {
            let (entry, fate) = (self.order[at], self.fates[at]);
            let goes = match fate {
                Fate::Goes => true,
                Fate::GoesWhenEmpty => !holds_something[at],
                _ => false,
            };
            let leaves = !goes || (fate == Fate::Goes && policy.removal == Removal::Aside);
            if let (true, Some(around)) = (leaves, self.around(&entry.path)) {
                holds_something[around] = true;
            }
            let is_file = entry.kind != Kind::Dir;
            doomed.there += usize::from(is_file && fate != Fate::Excluded);
            doomed.ours += usize::from(is_file && fate.may_go());
            match fate {
                Fate::Goes => doomed.files.push(loss(entry)),
                Fate::GoesWhenEmpty if goes => doomed.folders.push(entry.path.clone()),
                Fate::Unknown => doomed.strangers += 1,
                Fate::Stays(why) if is_file => doomed.stays.push((entry.path.clone(), why)),
                _ => {}
            }
        }
        doomed.files.reverse();
        doomed.stays.reverse();
        let goes = doomed.files.iter().map(|loss| &loss.path).chain(&doomed.folders);
        let mut alike: Vec<RelPath> = goes.filter_map(|path| self.sides.source.may_have(path)).collect();
        alike.sort();
        alike.dedup();
        doomed.alike = alike;
        doomed
    }
}

fn loss(entry: &Entry) -> Loss {
    let size = match entry.kind {
        Kind::File { size } => Some(size),
        _ => None,
    };
    Loss { path: entry.path.clone(), size, mtime: entry.mtime }
}

#[cfg(test)]
#[path = "delete_tests.rs"]
mod tests;
