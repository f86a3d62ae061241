//! What a host says is in a folder, its names checked, in little memory: pure.
//!
//! Theory: a folder is listed once and as a whole before anything is made of it, so that a listing without an end comes to its
//! end before it has cost a file. A row costs some 24 bytes beside its name. A name that leads elsewhere, and one that stands there
//! twice, is refused; of two equal names the first counts, so nothing that is made for it is walked into for the other.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use super::part;
use super::path::{MAX_DEPTH, NameFault, RelPath, check_name};
use super::remote::Found;
use super::tree::Kind;

/// A folder of a host.
#[derive(Debug)]
pub struct Sifted {
    path: RelPath,
    names: Vec<u8>,
    rows: Vec<Row>,
    refused: Vec<(Box<[u8]>, Refusal)>,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    end: u32,
    what: What,
    mode: u16,
    size: u64,
    mtime: i64,
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A file.
    File,
    /// A folder.
    Folder,
    /// A link.
    Link,
    /// A device, FIFO or socket.
    Special,
}

/// Why a name of a host is passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is no name.
    #[error("{0}")]
    Name(NameFault),
    /// It stands in its folder twice.
    #[error("a name that the host lists twice")]
    Twice,
    /// It is what a push there has not finished, or has left.
    #[error("what a push that broke off has left there")]
    Part,
}

/// One thing in a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item<'a> {
    /// Its name, checked.
    pub name: &'a [u8],
    /// What it is.
    pub what: What,
    /// Permission bits.
    pub mode: u32,
    /// Bytes, of a file.
    pub size: u64,
    /// When it was changed last, in seconds since 1970.
    pub mtime: i64,
}

/// A folder that is being listed.
#[derive(Debug)]
pub struct Sieve {
    sifted: Sifted,
    seen: HashSet<u64>,
    digest: RandomState,
}

impl Sieve {
    /// Nothing of this folder yet.
    pub fn new(path: RelPath) -> Sieve {
        let sifted = Sifted { path, names: Vec::new(), rows: Vec::new(), refused: Vec::new() };
        Sieve { sifted, seen: HashSet::new(), digest: RandomState::new() }
    }

    /// One more of it.
    pub fn add(&mut self, found: &Found) {
        match self.check(&found.name) {
            Ok(()) => self.sifted.push(found),
            Err(refusal) => {
                let shown = found.name.len().min(2 * super::path::MAX_NAME);
                self.sifted.refused.push((found.name[..shown].into(), refusal));
            }
        }
    }

    fn check(&mut self, name: &[u8]) -> Result<(), Refusal> {
        check_name(name).map_err(Refusal::Name)?;
        if self.sifted.path.depth() >= MAX_DEPTH {
            return Err(Refusal::Name(NameFault::Deep));
        }
        if part::is_part(name) {
            return Err(Refusal::Part);
        }
        match self.seen.insert(self.digest.hash_one(name)) {
            true => Ok(()),
            false => Err(Refusal::Twice),
        }
    }

    /// How many names were refused.
    pub fn refused(&self) -> usize {
        self.sifted.refused.len()
    }

    /// All of it.
    pub fn end(mut self) -> Sifted {
        self.sifted.names.shrink_to_fit();
        self.sifted.rows.shrink_to_fit();
        self.sifted
    }
}

impl Sifted {
    fn push(&mut self, found: &Found) {
        self.names.extend_from_slice(&found.name);
        let (what, size) = match found.stat.kind {
            Kind::File { size } => (What::File, size),
            Kind::Dir => (What::Folder, 0),
            Kind::Link { .. } => (What::Link, 0),
            Kind::Special => (What::Special, 0),
        };
        let end = u32::try_from(self.names.len()).expect("a million names of 255 bytes");
        let mode = u16::try_from(found.stat.mode & 0o7777).expect("twelve bits");
        self.rows.push(Row { end, what, mode, size, mtime: found.stat.mtime });
    }

    /// Where it is, from the top.
    pub fn path(&self) -> &RelPath {
        &self.path
    }

    /// How many things are in it.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The one of this number.
    pub fn item(&self, at: usize) -> Item<'_> {
        let begin = at.checked_sub(1).map_or(0, |before| self.rows[before].end as usize);
        let Row { end, what, mode, size, mtime } = self.rows[at];
        Item { name: &self.names[begin..end as usize], what, mode: mode.into(), size, mtime }
    }

    /// All of them, in the order of the host.
    pub fn items(&self) -> impl Iterator<Item = Item<'_>> {
        (0..self.len()).map(|at| self.item(at))
    }

    /// Where one of them is, from the top.
    pub fn path_of(&self, name: &[u8]) -> RelPath {
        self.path.join(name).expect("it was checked")
    }

    /// The names that were refused, cut where they are too long.
    pub fn refused(&self) -> &[(Box<[u8]>, Refusal)] {
        &self.refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::push::remote::Stat;

    fn found(name: &[u8], kind: Kind) -> Found {
        Found { name: name.into(), stat: Stat { kind, mode: 0o104_755, mtime: -1, owner: None } }
    }

    #[test]
    fn names_that_lead_elsewhere_and_names_that_come_twice_are_refused() {
        let mut sieve = Sieve::new(RelPath::root());
        for (name, kind) in [
            (&b"d"[..], Kind::Dir),
            (b"d", Kind::Link { to: b"/etc".as_slice().into() }),
            (b"..", Kind::Dir),
            (b"a/../b", Kind::File { size: 1 }),
            (b"/etc/passwd", Kind::File { size: 1 }),
            (b"", Kind::Dir),
            (b"a\0", Kind::Dir),
            (&[b'x'; 4096], Kind::Dir),
            (b".a.omnes-0123456789abcdef.part", Kind::File { size: 1 }),
            (b"\xff\n\x1b", Kind::File { size: 7 }),
            (b"pipe", Kind::Special),
        ] {
            sieve.add(&found(name, kind));
        }
        assert_eq!(sieve.refused(), 8);
        let sifted = sieve.end();
        let kept: Vec<_> = sifted.items().map(|item| (item.name, item.what, item.size)).collect();
        let file = (&b"\xff\n\x1b"[..], What::File, 7);
        assert_eq!(kept, [(&b"d"[..], What::Folder, 0), file, (b"pipe", What::Special, 0)]);
        assert_eq!((sifted.item(1).mode, sifted.item(1).mtime), (0o4755, -1));
        assert_eq!(sifted.refused()[0], (b"d".as_slice().into(), Refusal::Twice));
        assert!(sifted.refused().iter().all(|(name, _)| name.len() <= 510));
        assert_eq!(sifted.path_of(b"d").as_bytes(), b"d");
    }

    #[test]
    fn nothing_lies_deeper_than_the_limit() {
        let deep = (0..MAX_DEPTH).fold(RelPath::root(), |path, _| path.join(b"d").expect("not too deep"));
        let mut sieve = Sieve::new(deep);
        sieve.add(&found(b"d", Kind::Dir));
        assert_eq!(sieve.end().refused()[0].1, Refusal::Name(NameFault::Deep));
    }
}
