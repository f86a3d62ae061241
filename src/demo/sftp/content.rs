//! What a file holds, in the pieces in which it was written. Pure.
//!
//! Theory: a thousand hosts that are sent the same file hold the same pieces, since one client cuts them all. So pieces are
//! looked up in a [`Pool`] by their digest and kept once for all hosts of a fleet, and a file costs a host a few words for
//! each of its pieces, however large they are.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Mutex, MutexGuard};

use bytes::{Bytes, BytesMut};
use sha2::{Digest, Sha256};

/// Shorter pieces are not looked up: what is kept about one would be no less than the piece, in bytes.
const WORTH_SHARING: usize = 256;
/// Pieces in a pool before it is first looked through for those that nobody holds any more.
const FIRST_SWEEP: usize = 4096;
/// Zeros that stand for a hole while a file is hashed or read.
const ZEROS: &[u8] = &[0; 4096];

/// The digest of a whole file.
pub type Sha = [u8; 32];

/// The digest of some bytes.
pub fn sha256(bytes: &[u8]) -> Sha {
    Sha256::digest(bytes).into()
}

/// Pieces that are kept once for all hosts of a fleet. It holds those that somebody uses, and at most as many that nobody
/// uses any more.
#[derive(Debug, Default)]
pub(in crate::demo) struct Pool {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    pieces: HashMap<Sha, Bytes>,
    /// How many there were after the last sweep.
    after_sweep: usize,
}

impl Pool {
    /// The same bytes, in memory that all who hold them share.
    pub(super) fn share(&self, piece: &[u8]) -> Bytes {
        if piece.len() < WORTH_SHARING {
            return Bytes::copy_from_slice(piece);
        }
        let digest = sha256(piece);
        let mut kept = self.lock();
        if let Some(known) = kept.pieces.get(&digest) {
            return known.clone();
        }
        if kept.pieces.len() >= FIRST_SWEEP.max(2 * kept.after_sweep) {
            kept.pieces.retain(|_, piece| !piece.is_unique());
            kept.after_sweep = kept.pieces.len();
        }
        let own = Bytes::copy_from_slice(piece);
        kept.pieces.insert(digest, own.clone());
        own
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().expect("no holder of this lock can panic")
    }
}

/// The bytes of a file. What was never written below its end reads as zeros.
#[derive(Clone, Default)]
pub struct Content {
    /// By offset; none is empty, and none reaches into the next.
    pieces: BTreeMap<u64, Bytes>,
    len: u64,
}

impl Content {
    /// A file of one piece.
    pub(super) fn whole(piece: Bytes) -> Content {
        let mut content = Content::default();
        content.write(0, piece);
        content
    }

    /// How many bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All of them. Holes are filled, so a sparse file takes the memory of a whole one.
    pub fn bytes(&self) -> Vec<u8> {
        let mut all = Vec::new();
        self.each(0, self.len, |some| all.extend_from_slice(some));
        all
    }

    /// The digest of all of them.
    pub fn sha256(&self) -> Sha {
        let mut digest = Sha256::new();
        self.each(0, self.len, |some| digest.update(some));
        digest.finalize().into()
    }

    /// Puts `piece` at `offset`, over what is there.
    pub(super) fn write(&mut self, offset: u64, piece: Bytes) {
        if piece.is_empty() {
            return;
        }
        let end = offset.saturating_add(piece.len() as u64);
        self.clear(offset, end);
        self.pieces.insert(offset, piece);
        self.len = self.len.max(end);
    }

    /// Makes it so long: cut at the end, or with a hole there.
    pub(super) fn resize(&mut self, len: u64) {
        if len < self.len {
            self.clear(len, self.len);
        }
        self.len = len;
    }

    /// At most `count` bytes from `offset`; none at the end.
    pub(super) fn read(&self, offset: u64, count: usize) -> Bytes {
        let end = offset.saturating_add(count as u64).min(self.len);
        if let Some((at, piece)) = self.pieces.range(..=offset).next_back()
            && end <= at + piece.len() as u64
            && offset < end
        {
            return piece.slice(within(*at, offset)..within(*at, end));
        }
        let mut read = BytesMut::new();
        self.each(offset, end, |some| read.extend_from_slice(some));
        read.freeze()
    }

    /// Hands on what lies between two offsets, in order.
    fn each(&self, from: u64, to: u64, mut hand_on: impl FnMut(&[u8])) {
        let first = self.pieces.range(..=from).next_back().map_or(from, |(at, _)| *at);
        let mut at = from;
        for (start, piece) in self.pieces.range(first..to.max(first)) {
            let end = (start + piece.len() as u64).min(to);
            if end <= at {
                continue;
            }
            zeros(start.saturating_sub(at), &mut hand_on);
            at = at.max(*start);
            hand_on(&piece[within(*start, at)..within(*start, end)]);
            at = end;
        }
        zeros(to.saturating_sub(at), &mut hand_on);
    }

    /// Takes away what lies between two offsets; a piece that reaches over either keeps its other part.
    fn clear(&mut self, from: u64, to: u64) {
        let first = self.pieces.range(..from).next_back().map_or(from, |(at, _)| *at);
        let touched: Vec<u64> = self.pieces.range(first..to).map(|(at, _)| *at).collect();
        for at in touched {
            let end = at + self.pieces[&at].len() as u64;
            if end <= from {
                continue;
            }
            let piece = self.pieces.remove(&at).expect("it was listed just now");
            if at < from {
                self.pieces.insert(at, piece.slice(..within(at, from)));
            }
            if to < end {
                self.pieces.insert(to, piece.slice(within(at, to)..));
            }
        }
    }
}

/// By the bytes, however they were cut.
impl PartialEq for Content {
    fn eq(&self, other: &Content) -> bool {
        self.len == other.len && (self.pieces == other.pieces || self.bytes() == other.bytes())
    }
}

impl Eq for Content {}

/// How far into a piece an offset lies.
fn within(start: u64, offset: u64) -> usize {
    usize::try_from(offset - start).expect("a piece is in memory")
}

fn zeros(mut count: u64, hand_on: &mut impl FnMut(&[u8])) {
    while count > 0 {
        let some = usize::try_from(count).map_or(ZEROS.len(), |count| count.min(ZEROS.len()));
        hand_on(&ZEROS[..some]);
        count -= some as u64;
    }
}

/// How long it is and how it begins; the whole of a large file would bury what a test has to say.
impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes, {:?}…", self.len, self.read(0, 24))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_where_they_were_written_in_whatever_order() {
        // The same writes to a plain vector say what must come out.
        let writes: &[(usize, &str)] = &[
            (0, "aaaa"),
            (8, "bbbb"),
            (4, "cccc"),
            (2, "dddd"),
            (1, "e"),
            (20, "f"),
            (0, "gggggggggggg"),
            (30, ""),
        ];
        let (mut content, mut plain) = (Content::default(), Vec::new());
        for (offset, text) in writes {
            content.write(*offset as u64, Bytes::from_static(text.as_bytes()));
            if !text.is_empty() {
                plain.resize(plain.len().max(offset + text.len()), 0);
                plain[*offset..offset + text.len()].copy_from_slice(text.as_bytes());
            }
            assert_eq!(content.bytes(), plain, "after {text} at {offset}");
            assert_eq!(content.sha256(), sha256(&plain));
            for from in 0..plain.len() + 2 {
                for count in 0..6 {
                    let end = (from + count).min(plain.len());
                    let expected = plain.get(from.min(end)..end).unwrap_or_default();
                    assert_eq!(content.read(from as u64, count), expected, "{count} at {from}");
                }
            }
        }
    }

    #[test]
    fn a_file_is_cut_and_stretched() {
        let mut content = Content::whole(Bytes::from_static(b"abcdef"));
        content.resize(3);
        assert_eq!(content.bytes(), b"abc");
        content.resize(5);
        assert_eq!(content.bytes(), b"abc\0\0");
        content.write(4, Bytes::from_static(b"x"));
        assert_eq!((content.bytes(), content.len()), (b"abc\0x".to_vec(), 5));
        content.resize(1 << 40);
        assert_eq!(content.read((1 << 40) - 2, 10), &b"\0\0"[..]);
    }

    #[test]
    fn equal_pieces_are_kept_once_and_those_that_nobody_holds_go() {
        let pool = Pool::default();
        let piece = vec![7; 32 * 1024];
        let (one, other) = (pool.share(&piece), pool.share(&piece));
        assert_eq!(one.as_ptr(), other.as_ptr());
        for n in 0..3 * FIRST_SWEEP as u64 {
            pool.share(&[&n.to_be_bytes()[..], &[0; WORTH_SHARING]].concat());
        }
        assert!(pool.lock().pieces.len() <= 2 * FIRST_SWEEP);
        assert_eq!(pool.share(&piece).as_ptr(), one.as_ptr(), "what is held stays");
    }
}
