//! Paths of trees that many hosts have, each name kept once: pure.
//!
//! Theory: a path is a folder and a name in it, so a tree costs its names and some 16 bytes for each, however deep it is, and
//! that no host can change by long paths. In order, what lies in a folder comes right behind it, and names of a folder rise;
//! to find that order only single names are compared.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use super::path::RelPath;

/// Bytes of all names of all hosts; a host that would need more has no room.
pub const NAMES: usize = 256 << 20;

/// Which path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PathIx(u32);

impl PathIx {
    /// The root of all of them.
    pub const ROOT: PathIx = PathIx(0);

    /// Its place in lists by path.
    pub fn at(self) -> usize {
        self.0 as usize
    }
}

/// All paths; the root is always one of them.
#[derive(Debug)]
pub struct Paths {
    rows: Vec<Row>,
    names: Vec<u8>,
    /// By a digest of folder and name: the path that came last of those that have it.
    found: HashMap<u64, PathIx>,
    digest: RandomState,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    folder: PathIx,
    /// Where its name ends; it begins where that of the row before ends.
    end: u32,
    /// Another one with the same digest.
    other: Option<PathIx>,
}

impl Default for Paths {
    fn default() -> Paths {
        let root = Row { folder: PathIx::ROOT, end: 0, other: None };
        Paths { rows: vec![root], names: Vec::new(), found: HashMap::new(), digest: RandomState::new() }
    }
}

impl Paths {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.rows.len()
    }

    /// The path of this name in a folder; `None` where there is no room for one more.
    pub fn take(&mut self, folder: PathIx, name: &[u8]) -> Option<PathIx> {
        let digest = self.digest.hash_one((folder, name));
        let newest = self.found.get(&digest).copied();
        let same = |path: &PathIx| self.rows[path.at()].folder == folder && self.name(*path) == name;
        let known = std::iter::successors(newest, |path| self.rows[path.at()].other).find(same);
        if known.is_some() {
            return known;
        }
        let end = self.names.len() + name.len();
        if end > NAMES {
            return None;
        }
        let path = PathIx(u32::try_from(self.rows.len()).ok()?);
        self.names.extend_from_slice(name);
        let end = u32::try_from(end).expect("no more than there is room for");
        self.rows.push(Row { folder, end, other: newest });
        self.found.insert(digest, path);
        Some(path)
    }

    /// The folder in which it lies; the root lies in none.
    pub fn folder(&self, path: PathIx) -> Option<PathIx> {
        (path != PathIx::ROOT).then(|| self.rows[path.at()].folder)
    }

    fn name(&self, path: PathIx) -> &[u8] {
        let begin = path.at().checked_sub(1).map_or(0, |before| self.rows[before].end as usize);
        &self.names[begin..self.rows[path.at()].end as usize]
    }

    /// A path in full.
    pub fn path(&self, path: PathIx) -> RelPath {
        let way = std::iter::successors(Some(path), |path| self.folder(*path));
        let mut names: Vec<&[u8]> =
            way.filter(|path| *path != PathIx::ROOT).map(|path| self.name(path)).collect();
        names.reverse();
        RelPath::of_names(names).expect("each was checked")
    }

    /// All of them in their order.
    pub fn in_order(&self) -> Vec<PathIx> {
        let numbers = 1..u32::try_from(self.rows.len()).expect("they have numbers");
        let mut by_folder: Vec<PathIx> = numbers.map(PathIx).collect();
        by_folder.sort_unstable_by(|one, other| {
            let folder = |path: PathIx| self.rows[path.at()].folder;
            (folder(*one).cmp(&folder(*other))).then_with(|| self.name(*other).cmp(self.name(*one)))
        });
        let mut order = Vec::with_capacity(self.rows.len());
        let mut waiting = vec![PathIx::ROOT];
        while let Some(path) = waiting.pop() {
            order.push(path);
            let begin = by_folder.partition_point(|other| self.rows[other.at()].folder < path);
            let inner = by_folder[begin..].iter().take_while(|other| self.rows[other.at()].folder == path);
            // The last name comes first, so that the first name is the next that is taken.
            waiting.extend(inner);
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(paths: &mut Paths, path: &[u8]) -> PathIx {
        let names = path.split(|byte| *byte == b'/');
        names.fold(PathIx::ROOT, |folder, name| paths.take(folder, name).expect("there is room"))
    }

    #[test]
    fn a_path_is_known_again_and_comes_back_whole() {
        let mut paths = Paths::default();
        let all = [&b"b"[..], b"a/x", b"a", b"a-b", b"a/x/\xff\n", b"a/b", b"c/x"];
        let numbers: Vec<PathIx> = all.iter().map(|path| taken(&mut paths, path)).collect();
        for (path, number) in all.iter().zip(&numbers) {
            assert_eq!(taken(&mut paths, path), *number);
            assert_eq!(paths.path(*number).as_bytes(), *path);
        }
        assert_eq!((paths.count(), paths.path(PathIx::ROOT)), (9, RelPath::root()));
        assert_eq!(paths.folder(numbers[1]), Some(numbers[2]));
        let order: Vec<Vec<u8>> =
            paths.in_order().into_iter().map(|path| paths.path(path).as_bytes().to_vec()).collect();
        let expected =
            [&b""[..], b"a", b"a/b", b"a/x", b"a/x/\xff\n", b"a-b", b"b", b"c", b"c/x"].map(<[u8]>::to_vec);
        assert_eq!(order, expected, "what lies in a folder comes right behind it");
    }

    #[test]
    fn long_folders_cost_once_what_they_are_called() {
        let mut paths = Paths::default();
        let deep = (0..62).fold(PathIx::ROOT, |at, _| paths.take(at, &[b'x'; 250]).expect("there is room"));
        for n in 0..100_000 {
            paths.take(deep, format!("{n:06}").as_bytes()).expect("there is room");
        }
        assert_eq!(paths.names.len(), 62 * 250 + 100_000 * 6, "and not 1.6 GB");
        assert_eq!(paths.in_order().len(), 100_063);
    }
}
