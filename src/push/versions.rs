//! Which host has which version of what: pure.
//!
//! Theory: a version is a value (a file by its size and SHA-256, a folder, a link by what it says, or that there is nothing, or
//! nothing that may be read), and a host is a row of pairs of path and version. Names, versions and rows are each kept once, so
//! a thousand hosts that agree cost one, and memory grows with what differs. What a host is [`Seen`] to have counts when all of
//! it is known, in one go: a host that breaks off has said nothing. Hosts are named only where a path is told.
//!
//! A path counts only where a host has the folder that it lies in, so that a folder that is missing is told once, and not
//! with all that would be in it.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;

use super::path::RelPath;
use super::paths::{PathIx, Paths};
use super::sift::{Sifted, Where};
use crate::outcome::FileFault;
use crate::run::HostIx;

/// Pairs of path and version of all hosts that differ; a host beyond is refused.
const PAIRS: usize = 32 << 20;

/// What a host has at a path.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// A file.
    File {
        /// Bytes.
        size: u64,
        /// Of its content.
        sha256: [u8; 32],
    },
    /// A folder.
    Folder,
    /// A link that says this.
    Link(Box<[u8]>),
    /// A device, FIFO or socket; never opened.
    Special,
    /// Nothing.
    Missing,
    /// Something that this keeps from being read.
    Unreadable(FileFault),
}

impl Version {
    /// Something is there, and is known.
    pub fn is_known(&self) -> bool {
        !matches!(self, Version::Missing | Version::Unreadable(_))
    }
}

/// Which version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VersionIx(NonZeroU32);

/// What one host has where; in the order of the paths.
type Tree = Arc<[(PathIx, VersionIx)]>;

/// Too much differs to be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the hosts differ in more than can be compared at once; compare folder by folder")]
pub struct TooMany;

/// Permissions and time for one copy of what all have: what all allow, and the earliest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marks {
    /// Permission bits.
    pub mode: u32,
    /// Seconds since 1970.
    pub mtime: i64,
}

impl Marks {
    /// Of something of which nothing is known, so that it takes nothing from others.
    pub const ALL: Marks = Marks { mode: 0o7777, mtime: i64::MAX };

    fn and(self, other: Marks) -> Marks {
        Marks { mode: self.mode & other.mode, mtime: self.mtime.min(other.mtime) }
    }
}

/// What one host is seen to have, so far.
#[derive(Debug, Default)]
pub struct Seen {
    top: Option<(VersionIx, Marks)>,
    /// In the order in which they were listed, so that each comes behind the one it lies in.
    folders: Vec<(Arc<Sifted>, Vec<Option<VersionIx>>)>,
    /// By the address of a folder, which is kept above and so is nobody else's: which one it is.
    numbers: HashMap<usize, usize>,
}

impl Seen {
    /// What was named is that.
    pub fn top(&mut self, version: VersionIx, marks: Marks) {
        self.top = Some((version, marks));
    }

    /// A folder was listed; nothing is known yet of what is in it.
    pub fn folder(&mut self, sifted: &Arc<Sifted>) {
        self.numbers.insert(Arc::as_ptr(sifted).addr(), self.folders.len());
        self.folders.push((Arc::clone(sifted), vec![None; sifted.len()]));
    }

    /// Something in a folder, or what was named, is that; it may have been thought something else before.
    pub fn is(&mut self, place: &Where, version: VersionIx) {
        let Some((folder, at)) = place.within() else {
            self.top = Some((version, Marks::ALL));
            return;
        };
        if let Some(number) = self.numbers.get(&Arc::as_ptr(folder).addr()) {
            self.folders[*number].1[at] = Some(version);
        }
    }
}

/// What hosts have.
#[derive(Debug, Default)]
pub struct Versions {
    paths: Paths,
    /// By path.
    marks: Vec<Marks>,
    versions: Vec<Version>,
    version_numbers: HashMap<Version, VersionIx>,
    trees: HashMap<Tree, usize>,
    /// By tree: who has it.
    hosts: Vec<Vec<HostIx>>,
    pairs: usize,
}

/// One path of one host.
type Sight = (PathIx, VersionIx, Marks);

impl Versions {
    /// The number of a version.
    pub fn version(&mut self, version: Version) -> VersionIx {
        if let Some(known) = self.version_numbers.get(&version) {
            return *known;
        }
        self.versions.push(version.clone());
        let number = u32::try_from(self.versions.len()).ok().and_then(NonZeroU32::new);
        let ix = VersionIx(number.expect("a million for each of a hundred thousand hosts is not reached"));
        self.version_numbers.insert(version, ix);
        ix
    }

    fn of(&self, version: VersionIx) -> &Version {
        &self.versions[version.0.get() as usize - 1]
    }

    /// All that a host has.
    pub fn tree(&mut self, host: HostIx, seen: &Seen) -> Result<(), TooMany> {
        let sights = self.sights(seen)?;
        let mut rows: Vec<(PathIx, VersionIx)> =
            sights.iter().map(|(path, version, _)| (*path, *version)).collect();
        rows.sort_unstable();
        if let Some(known) = self.trees.get(rows.as_slice()) {
            self.hosts[*known].push(host);
        } else {
            if self.pairs + rows.len() > PAIRS {
                return Err(TooMany);
            }
            self.pairs += rows.len();
            self.trees.insert(rows.into(), self.hosts.len());
            self.hosts.push(vec![host]);
        }
        self.marks.resize(self.paths.count(), Marks::ALL);
        for (path, _, marks) in sights {
            let all = &mut self.marks[path.at()];
            *all = all.and(marks);
        }
        Ok(())
    }

    fn sights(&mut self, seen: &Seen) -> Result<Vec<Sight>, TooMany> {
        let mut sights: Vec<Sight> = Vec::new();
        sights.extend(seen.top.map(|(version, marks)| (PathIx::ROOT, version, marks)));
        let mut folders: Vec<PathIx> = Vec::with_capacity(seen.folders.len());
        for (sifted, versions) in &seen.folders {
            let folder = match sifted.place().within() {
                None => PathIx::ROOT,
                Some((outer, at)) => {
                    let number = seen.numbers.get(&Arc::as_ptr(outer).addr());
                    let number = *number.expect("the folder of a folder was listed before it");
                    self.paths.take(folders[number], outer.name_of(at)).ok_or(TooMany)?
                }
            };
            folders.push(folder);
            for (item, version) in sifted.items().zip(versions) {
                let Some(version) = *version else { continue };
                let path = self.paths.take(folder, item.name).ok_or(TooMany)?;
                sights.push((path, version, Marks { mode: item.mode, mtime: item.mtime }));
            }
        }
        Ok(sights)
    }

    /// How many hosts have been asked.
    pub fn answered(&self) -> usize {
        self.hosts.iter().map(Vec::len).sum()
    }

    /// Those hosts, in the order of the plan.
    pub fn hosts(&self) -> Vec<HostIx> {
        let mut hosts: Vec<HostIx> = self.hosts.iter().flatten().copied().collect();
        hosts.sort_unstable();
        hosts
    }

    /// Sets in order what is known now.
    pub fn survey(&self) -> Survey {
        let mut trees: Vec<(&Tree, usize)> =
            self.trees.iter().map(|(tree, number)| (tree, *number)).collect();
        trees.sort_unstable_by_key(|(_, number)| *number);
        let mut ends = vec![0; self.paths.count() + 1];
        for (tree, _) in &trees {
            tree.iter().for_each(|(path, _)| ends[path.at() + 1] += 1);
        }
        (1..ends.len()).for_each(|at| ends[at] += ends[at - 1]);
        // Each place is filled below: there are as many as pairs.
        let (mut next, mut at) = (ends.clone(), vec![(0, VersionIx(NonZeroU32::MIN)); ends[ends.len() - 1]]);
        for (tree, tree_number) in trees {
            for (path, version) in tree.iter() {
                at[next[path.at()]] = (number(tree_number), *version);
                next[path.at()] += 1;
            }
        }
        let is_told = |path: &PathIx| ends[path.at()] < ends[path.at() + 1];
        let order = self.paths.in_order().into_iter().filter(is_told).collect();
        Survey { order, ends, at }
    }

    /// Path by path, in the order of a survey of these versions.
    pub fn paths<'a>(&'a self, survey: &'a Survey) -> impl Iterator<Item = At<'a>> {
        survey.order.iter().map(|path| self.at(*path, survey))
    }

    fn at<'a>(&'a self, path: PathIx, survey: &Survey) -> At<'a> {
        let mut pairs: Vec<(Option<VersionIx>, u32)> = Vec::new();
        let mut present = survey.of(path).iter().copied().peekable();
        let mut expected = |tree: u32| {
            let version = present.next_if(|(number, _)| *number == tree).map(|(_, version)| version);
            pairs.push((version, tree));
        };
        match self.paths.folder(path) {
            None => (0..number(self.hosts.len())).for_each(&mut expected),
            Some(folder) => {
                let above = survey.of(folder).iter();
                let have = above.filter(|(_, version)| *self.of(*version) == Version::Folder);
                have.for_each(|(tree, _)| expected(*tree));
            }
        }
        pairs.sort_unstable();
        let together = pairs.chunk_by(|one, other| one.0 == other.0);
        let versions = together.map(|pairs| (pairs[0].0, pairs.iter().map(|(_, tree)| *tree).collect()));
        At { all: self, path, versions: versions.collect() }
    }
}

/// The number of a tree.
fn number(tree: usize) -> u32 {
    u32::try_from(tree).expect("no more trees than hosts")
}

/// Versions set in order.
#[derive(Debug)]
pub struct Survey {
    order: Vec<PathIx>,
    /// By path: where its pairs end; they begin where those of the path before end.
    ends: Vec<usize>,
    /// Pairs of tree and version, rising by tree.
    at: Vec<(u32, VersionIx)>,
}

impl Survey {
    /// How many paths some host has.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Nobody has said anything.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    fn of(&self, path: PathIx) -> &[(u32, VersionIx)] {
        &self.at[self.ends[path.at()]..self.ends[path.at() + 1]]
    }
}

/// What is at one path, by trees of hosts.
#[derive(Debug)]
pub struct At<'a> {
    all: &'a Versions,
    path: PathIx,
    versions: Vec<(Option<VersionIx>, Vec<u32>)>,
}

impl<'a> At<'a> {
    /// Do these hosts, all of them, have one and the same there?
    pub fn is_same(&self) -> bool {
        self.versions.len() == 1
    }

    /// The versions, in no order.
    pub fn versions(&self) -> impl Iterator<Item = &'a Version> {
        self.versions.iter().map(|(version, _)| self.version(*version))
    }

    fn version(&self, version: Option<VersionIx>) -> &'a Version {
        version.map_or(&Version::Missing, |version| self.all.of(version))
    }

    /// The one version of all hosts that answered, with permissions and time for one copy.
    pub fn of_all(&self) -> Option<(&'a Version, Marks)> {
        let [(version, trees)] = &self.versions[..] else { return None };
        let is_everywhere = trees.len() == self.all.hosts.len();
        is_everywhere.then(|| (self.version(*version), self.all.marks[self.path.at()]))
    }

    /// The path in full.
    pub fn path(&self) -> RelPath {
        self.all.paths.path(self.path)
    }

    /// All of it, with the names of hosts.
    pub fn account(&self) -> Account {
        let of = |(version, trees): &(Option<VersionIx>, Vec<u32>)| {
            let hosts = trees.iter().flat_map(|tree| &self.all.hosts[*tree as usize]);
            let mut hosts: Vec<HostIx> = hosts.copied().collect();
            hosts.sort_unstable();
            (self.version(*version).clone(), hosts)
        };
        let mut versions: Vec<(Version, Vec<HostIx>)> = self.versions.iter().map(of).collect();
        versions.sort_by_key(|(version, hosts)| {
            (std::cmp::Reverse(hosts.len()), !version.is_known(), hosts.first().copied())
        });
        Account { path: self.path(), versions }
    }
}

/// Who has what at one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Where.
    pub path: RelPath,
    /// The versions, that of most hosts first; of equally many that which is known, then that of the first host.
    pub versions: Vec<(Version, Vec<HostIx>)>,
}

impl Account {
    /// The place, among the versions, of that of a host; none where this says nothing of it.
    pub fn of(&self, host: HostIx) -> Option<usize> {
        self.versions.iter().position(|(_, hosts)| hosts.binary_search(&host).is_ok())
    }
}

#[cfg(test)]
#[path = "versions_tests.rs"]
pub(super) mod tests;
