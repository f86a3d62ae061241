//! What a host says is in a folder, its names checked, in little memory: pure.
//!
//! Theory: a folder is listed once and as a whole before anything is made of it, so that a listing without an end comes to its
//! end before it has cost a file. A row costs some 32 bytes beside its name, and where a folder is costs two words, since each
//! knows the one above it: a path is put together when it is needed, and never kept. A name that leads elsewhere, and one that
//! stands there twice, is refused; of two equal names the first counts, so nothing that is made for it is walked into for the
//! other.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use super::part;
use super::path::{MAX_DEPTH, NameFault, RelPath, check_name};
use super::remote::Found;
use super::tree::Kind;

/// A folder of a host.
#[derive(Debug)]
pub struct Sifted {
    place: Where,
    names: Vec<u8>,
    rows: Vec<Row>,
    refused: Vec<(Box<[u8]>, Refusal)>,
    parts: usize,
}

/// Where something is in a tree: it is its top, or one of the things in a folder.
#[derive(Clone, Debug, Default)]
pub struct Where(Option<(Arc<Sifted>, u32)>);

impl Where {
    /// The top itself.
    pub fn top() -> Where {
        Where(None)
    }

    /// The folder in which it lies and its number there, unless it is the top.
    pub fn within(&self) -> Option<(&Arc<Sifted>, usize)> {
        self.0.as_ref().map(|(folder, at)| (folder, *at as usize))
    }

    /// How many folders below the top.
    pub fn depth(&self) -> usize {
        self.ways().count()
    }

    /// Its path from the top.
    pub fn path(&self) -> RelPath {
        let mut names: Vec<&[u8]> = self.ways().map(|(folder, at)| folder.name_of(*at as usize)).collect();
        names.reverse();
        RelPath::of_names(names).expect("each was checked")
    }

    /// What it lies in, from the innermost.
    fn ways(&self) -> impl Iterator<Item = &(Arc<Sifted>, u32)> {
        std::iter::successors(self.0.as_ref(), |(folder, _)| folder.place.0.as_ref())
    }
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
    depth: usize,
    seen: HashSet<u64>,
    digest: RandomState,
}

impl Sieve {
    /// Nothing of this folder yet.
    pub fn new(place: Where) -> Sieve {
        let depth = place.depth();
        let sifted = Sifted { place, names: Vec::new(), rows: Vec::new(), refused: Vec::new(), parts: 0 };
        Sieve { sifted, depth, seen: HashSet::new(), digest: RandomState::new() }
    }

    /// One more of it. What a push there has not finished, or has left, is counted and passed over.
    pub fn add(&mut self, found: &Found) {
        if part::is_part(&found.name) {
            self.sifted.parts += 1;
            return;
        }
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
        if self.depth >= MAX_DEPTH {
            return Err(Refusal::Name(NameFault::Deep));
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

    /// Its path from the top.
    pub fn path(&self) -> RelPath {
        self.place.path()
    }

    /// Where it is.
    pub fn place(&self) -> &Where {
        &self.place
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
        let Row { what, mode, size, mtime, .. } = self.rows[at];
        Item { name: self.name_of(at), what, mode: mode.into(), size, mtime }
    }

    /// The name of the one of this number.
    pub fn name_of(&self, at: usize) -> &[u8] {
        let begin = at.checked_sub(1).map_or(0, |before| self.rows[before].end as usize);
        &self.names[begin..self.rows[at].end as usize]
    }

    /// All of them, in the order of the host.
    pub fn items(&self) -> impl Iterator<Item = Item<'_>> {
        (0..self.len()).map(|at| self.item(at))
    }

    /// Where the one of this number is.
    pub fn place_of(self: &Arc<Sifted>, at: usize) -> Where {
        Where(Some((Arc::clone(self), u32::try_from(at).expect("no more than a million"))))
    }

    /// The names that were refused, cut where they are too long.
    pub fn refused(&self) -> &[(Box<[u8]>, Refusal)] {
        &self.refused
    }

    /// How many files pushes have not finished there, or have left.
    pub fn parts(&self) -> usize {
        self.parts
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
        let mut sieve = Sieve::new(Where::top());
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
        assert_eq!(sieve.refused(), 7, "what a push has left says nothing against the server");
        let sifted = Arc::new(sieve.end());
        let kept: Vec<_> = sifted.items().map(|item| (item.name, item.what, item.size)).collect();
        let file = (&b"\xff\n\x1b"[..], What::File, 7);
        assert_eq!(kept, [(&b"d"[..], What::Folder, 0), file, (b"pipe", What::Special, 0)]);
        assert_eq!((sifted.item(1).mode, sifted.item(1).mtime), (0o4755, -1));
        assert_eq!(sifted.refused()[0], (b"d".as_slice().into(), Refusal::Twice));
        assert!(sifted.refused().iter().all(|(name, _)| name.len() <= 510));
        assert_eq!((sifted.place_of(0).path().as_bytes(), sifted.parts()), (&b"d"[..], 1));
    }

    /// A folder of a folder of a folder, as deep as that.
    fn nested(name: &[u8], depth: usize) -> Where {
        (0..depth).fold(Where::top(), |place, _| {
            let mut sieve = Sieve::new(place);
            sieve.add(&found(name, Kind::Dir));
            Arc::new(sieve.end()).place_of(0)
        })
    }

    #[test]
    fn nothing_lies_deeper_than_the_limit() {
        let mut sieve = Sieve::new(nested(b"d", MAX_DEPTH));
        sieve.add(&found(b"d", Kind::Dir));
        assert_eq!(sieve.end().refused()[0].1, Refusal::Name(NameFault::Deep));
    }

    #[test]
    fn what_lies_deep_knows_its_path_and_keeps_only_its_name() {
        let long = [b'x'; 250];
        let place = nested(&long, 62);
        assert_eq!((place.depth(), place.path().as_bytes().len()), (62, 62 * 251 - 1));
        let mut sieve = Sieve::new(place);
        (0..1000).for_each(|n| sieve.add(&found(format!("f{n}").as_bytes(), Kind::Dir)));
        let sifted = Arc::new(sieve.end());
        assert!(sifted.names.len() < 4000);
        assert!(sifted.place_of(7).path().as_bytes().ends_with(b"xx/f7"));
        assert!(size_of::<Where>() <= 16);
    }
}
