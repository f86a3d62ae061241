//! Which host has which version of what: pure, but for the shelf that it is given.
//!
//! Theory: a version is a value (a file by its size and SHA-256, a folder, a link by what it says, or that there is nothing, or
//! nothing that may be read), and a host is a row of pairs of path and version. Paths, versions and rows are each kept once, so
//! a thousand hosts that agree cost one, and memory grows with what differs. Content is kept in [`Blocks`], equal content once, up to
//! a bound for each file beyond which only its digest is known.
//!
//! A path counts only where a host has the folder that it lies in, so that a folder that is missing is told once, and not
//! with all that would be in it.

use std::collections::HashMap;
use std::sync::Arc;

use super::path::RelPath;
use crate::outcome::FileFault;
use crate::run::HostIx;
use crate::run::blocks::{BlockIx, Blocks, Flow, MEMORY, Piece, Shelf};

/// The longest file that is compared line by line, in bytes; a longer one is told apart by its digest.
pub const COMPARED: u64 = 4 << 20;

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

/// Which path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PathIx(u32);

/// Which version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VersionIx(u32);

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
}

/// What hosts have.
#[derive(Debug)]
pub struct Versions {
    paths: Vec<RelPath>,
    marks: Vec<Marks>,
    path_numbers: HashMap<RelPath, PathIx>,
    versions: Vec<Version>,
    version_numbers: HashMap<Version, VersionIx>,
    trees: HashMap<Tree, usize>,
    /// By tree: who has it.
    hosts: Vec<Vec<HostIx>>,
    pairs: usize,
    contents: HashMap<[u8; 32], Vec<BlockIx>>,
    blocks: Blocks,
}

/// Who has what at one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Where.
    pub path: RelPath,
    /// The versions, that of most hosts first; of equally many that which is known, then that of the first host.
    pub versions: Vec<(Version, Vec<HostIx>)>,
    /// Permissions and time for one copy.
    pub marks: Marks,
}

impl Versions {
    /// Nothing is known; content for which there is no room in memory goes to the shelf.
    pub fn new(shelf: Box<dyn Shelf>) -> Versions {
        Versions {
            paths: Vec::new(),
            marks: Vec::new(),
            path_numbers: HashMap::new(),
            versions: Vec::new(),
            version_numbers: HashMap::new(),
            trees: HashMap::new(),
            hosts: Vec::new(),
            pairs: 0,
            contents: HashMap::new(),
            blocks: Blocks::new(MEMORY, shelf),
        }
    }

    /// The number of a path on which a host has something with these marks.
    pub fn path(&mut self, path: RelPath, marks: Marks) -> PathIx {
        if let Some(known) = self.path_numbers.get(&path) {
            let all = &mut self.marks[known.0 as usize];
            *all = Marks { mode: all.mode & marks.mode, mtime: all.mtime.min(marks.mtime) };
            return *known;
        }
        let ix = PathIx(u32::try_from(self.paths.len()).expect("fewer pairs are kept"));
        self.paths.push(path.clone());
        self.marks.push(marks);
        self.path_numbers.insert(path, ix);
        ix
    }

    /// The number of a version.
    pub fn version(&mut self, version: Version) -> VersionIx {
        if let Some(known) = self.version_numbers.get(&version) {
            return *known;
        }
        let ix = VersionIx(u32::try_from(self.versions.len()).expect("fewer pairs are kept"));
        self.versions.push(version.clone());
        self.version_numbers.insert(version, ix);
        ix
    }

    /// More of the content of a file.
    pub fn add(&mut self, flow: &mut Flow, bytes: &[u8]) {
        flow.add(bytes, &mut self.blocks);
    }

    /// All of it; equal content is kept once.
    pub fn keep(&mut self, sha256: [u8; 32], flow: Flow) {
        let blocks = flow.end(&mut self.blocks);
        self.contents.entry(sha256).or_insert(blocks);
    }

    /// All that a host has.
    pub fn tree(&mut self, host: HostIx, mut rows: Vec<(PathIx, VersionIx)>) -> Result<(), TooMany> {
        rows.sort_unstable();
        if let Some(known) = self.trees.get(rows.as_slice()) {
            self.hosts[*known].push(host);
            return Ok(());
        }
        if self.pairs + rows.len() > PAIRS {
            return Err(TooMany);
        }
        self.pairs += rows.len();
        self.trees.insert(rows.into(), self.hosts.len());
        self.hosts.push(vec![host]);
        Ok(())
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

    /// Who has what, path by path.
    pub fn accounts(&self) -> Vec<Account> {
        let mut at: Vec<Vec<(usize, VersionIx)>> = vec![Vec::new(); self.paths.len()];
        let mut trees: Vec<(&Tree, usize)> =
            self.trees.iter().map(|(tree, number)| (tree, *number)).collect();
        trees.sort_unstable_by_key(|(_, number)| *number);
        for (tree, number) in trees {
            tree.iter().for_each(|(path, version)| at[path.0 as usize].push((number, *version)));
        }
        let mut order: Vec<usize> = (0..self.paths.len()).collect();
        order.sort_unstable_by(|a, b| self.paths[*a].names().cmp(self.paths[*b].names()));
        order.into_iter().map(|path| self.account(path, &at)).collect()
    }

    fn account(&self, path: usize, at: &[Vec<(usize, VersionIx)>]) -> Account {
        let mut of: HashMap<Option<VersionIx>, Vec<HostIx>> = HashMap::new();
        let mut add = |version: Option<VersionIx>, tree: usize| {
            of.entry(version).or_default().extend_from_slice(&self.hosts[tree]);
        };
        let mut present = at[path].iter().copied().peekable();
        for tree in self.expected(path, at) {
            match present.next_if(|(number, _)| *number == tree) {
                Some((_, version)) => add(Some(version), tree),
                None => add(None, tree),
            }
        }
        let version = |number: Option<VersionIx>| {
            number.map_or(Version::Missing, |number| self.versions[number.0 as usize].clone())
        };
        let mut versions: Vec<(Version, Vec<HostIx>)> =
            of.into_iter().map(|(number, hosts)| (version(number), hosts)).collect();
        versions.iter_mut().for_each(|(_, hosts)| hosts.sort_unstable());
        versions.sort_by_key(|(version, hosts)| {
            (std::cmp::Reverse(hosts.len()), !version.is_known(), hosts.first().copied())
        });
        Account { path: self.paths[path].clone(), versions, marks: self.marks[path] }
    }

    /// The trees that have the folder in which this path lies, rising.
    fn expected(&self, path: usize, at: &[Vec<(usize, VersionIx)>]) -> Vec<usize> {
        let Some((parent, _)) = self.paths[path].split() else { return (0..self.hosts.len()).collect() };
        let Some(parent) = self.path_numbers.get(&parent) else { return Vec::new() };
        let is_folder = |version: VersionIx| self.versions[version.0 as usize] == Version::Folder;
        let above = at[parent.0 as usize].iter();
        above.filter(|(_, version)| is_folder(*version)).map(|(tree, _)| *tree).collect()
    }

    /// The content of a file, piece by piece; `None` where it is not kept.
    pub fn pieces(&self, sha256: &[u8; 32]) -> Option<impl Iterator<Item = Piece<'_>>> {
        Some(self.contents.get(sha256)?.iter().map(|block| self.blocks.piece(*block)))
    }

    /// The same as a whole, where nothing of it was lost and it is not too long to be compared.
    pub fn content(&self, sha256: &[u8; 32]) -> Option<Vec<u8>> {
        let blocks = self.contents.get(sha256)?;
        let len: u64 = blocks.iter().map(|block| self.blocks.len_of(*block) as u64).sum();
        if len > COMPARED {
            return None;
        }
        let mut whole = Vec::new();
        for block in blocks {
            let Piece::Bytes(bytes) = self.blocks.piece(*block) else { return None };
            whole.extend_from_slice(&bytes);
        }
        Some(whole)
    }

    /// Why content was lost, as soon as some was.
    pub fn fault(&self) -> Option<&str> {
        self.blocks.fault()
    }
}

impl Account {
    /// Do these hosts, all of them, have one and the same there?
    pub fn is_same(&self) -> bool {
        self.versions.len() == 1
    }

    /// The version that a host has.
    pub fn of(&self, host: HostIx) -> Option<&(Version, Vec<HostIx>)> {
        self.versions.iter().find(|(_, hosts)| hosts.binary_search(&host).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[derive(Debug)]
    struct NoShelf;

    impl Shelf for NoShelf {
        fn put(&mut self, _: &[u8]) -> io::Result<u64> {
            Err(io::ErrorKind::StorageFull.into())
        }

        fn get(&self, _: u64, _: usize) -> io::Result<Vec<u8>> {
            Err(io::ErrorKind::NotFound.into())
        }
    }

    fn path(text: &str) -> RelPath {
        if text.is_empty() { RelPath::root() } else { RelPath::parse(text.as_bytes()).expect("a path") }
    }

    fn file(letter: u8) -> Version {
        Version::File { size: 1, sha256: [letter; 32] }
    }

    fn versions(hosts: &[&[(&str, Version)]]) -> Versions {
        let mut versions = Versions::new(Box::new(NoShelf));
        for (host, rows) in hosts.iter().enumerate() {
            let marks = Marks { mode: 0o644 | host as u32, mtime: 10 - host as i64 };
            let rows = rows
                .iter()
                .map(|(at, version)| (versions.path(path(at), marks), versions.version(version.clone())))
                .collect();
            versions.tree(HostIx(host), rows).expect("there is room");
        }
        versions
    }

    fn shown(account: &Account) -> (String, Vec<(Version, Vec<usize>)>) {
        let numbers = |hosts: &Vec<HostIx>| hosts.iter().map(|host| host.0).collect();
        let versions = account.versions.iter().map(|(version, hosts)| (version.clone(), numbers(hosts)));
        (account.path.to_string(), versions.collect())
    }

    #[test]
    fn the_version_of_most_hosts_comes_first_and_what_is_missing_is_one() {
        let one = |version| vec![("", version)];
        let hosts = [one(file(1)), one(file(2)), one(Version::Missing), one(file(2)), one(Version::Folder)];
        let hosts: Vec<&[_]> = hosts.iter().map(Vec::as_slice).collect();
        let versions = versions(&hosts);
        let accounts = versions.accounts();
        assert_eq!(accounts.len(), 1);
        let expected = vec![
            (file(2), vec![1, 3]),
            (file(1), vec![0]),
            (Version::Folder, vec![4]),
            (Version::Missing, vec![2]),
        ];
        assert_eq!(shown(&accounts[0]).1, expected);
        assert_eq!(accounts[0].marks, Marks { mode: 0o644, mtime: 6 });
        assert_eq!((versions.answered(), accounts[0].is_same()), (5, false));
        assert_eq!(accounts[0].of(HostIx(4)).map(|(version, _)| version), Some(&Version::Folder));
    }

    #[test]
    fn what_lies_in_a_folder_counts_only_where_the_folder_is() {
        let tree = |letter| {
            vec![("", Version::Folder), ("a", Version::Folder), ("a/x", file(letter)), ("b", file(9))]
        };
        let without = vec![("", Version::Folder), ("b", file(9))];
        let empty = vec![("", Version::Folder), ("a", Version::Folder), ("b", file(9))];
        let hosts = [tree(1), tree(1), without, empty, vec![("", Version::Missing)]];
        let hosts: Vec<&[_]> = hosts.iter().map(Vec::as_slice).collect();
        let accounts = versions(&hosts).accounts();
        let seen: Vec<_> = accounts.iter().map(shown).collect();
        assert_eq!(
            seen,
            [
                ("".to_owned(), vec![(Version::Folder, vec![0, 1, 2, 3]), (Version::Missing, vec![4])]),
                ("a".to_owned(), vec![(Version::Folder, vec![0, 1, 3]), (Version::Missing, vec![2])]),
                ("a/x".to_owned(), vec![(file(1), vec![0, 1]), (Version::Missing, vec![3])]),
                ("b".to_owned(), vec![(file(9), vec![0, 1, 2, 3])]),
            ]
        );
        assert!(accounts[3].is_same());
    }

    #[test]
    fn equal_content_and_equal_trees_are_kept_once() {
        let rows: &[(&str, Version)] = &[("", file(1))];
        let mut versions = versions(&[rows; 50]);
        assert_eq!((versions.trees.len(), versions.pairs, versions.answered()), (1, 1, 50));
        let text = vec![7; 100_000];
        for _ in 0..3 {
            let mut flow = Flow::default();
            text.chunks(999).for_each(|piece| versions.add(&mut flow, piece));
            versions.keep([1; 32], flow);
        }
        assert_eq!(versions.content(&[1; 32]), Some(text));
        assert_eq!(versions.content(&[2; 32]), None);
        let mut flow = Flow::default();
        let long = vec![0; usize::try_from(COMPARED).expect("it fits") + 1];
        versions.add(&mut flow, &long);
        versions.keep([3; 32], flow);
        assert_eq!(versions.content(&[3; 32]), None, "it is too long to be compared");
        assert!(versions.pieces(&[3; 32]).is_some_and(|pieces| pieces.count() > 100));
    }
}
