//! The window: pieces of files that were read and are kept for the hosts that want them next.
//!
//! Theory: hosts go through a file in order, so what was read first is what is wanted last again, and goes first. A host that
//! is so slow that its next piece is gone reads it again from the file; nobody waits for it. A tree that fits the window is
//! read once however far apart its hosts are.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;
use tokio::sync::watch;

use super::open::SourceFault;

/// Bytes of a piece; the last of a file is shorter. As many as `sftp-server` takes in one write, so that a piece is one.
pub(super) const PIECE: usize = 255 * 1024;

/// What keeping a piece costs beside its bytes, about.
const KEEPING: usize = 128;

/// How many pieces a file has.
pub(super) fn pieces(size: u64) -> u32 {
    u32::try_from(size.div_ceil(PIECE as u64)).unwrap_or(u32::MAX)
}

/// A piece: of which file, and its number there.
pub(super) type Key = (usize, u32);

/// What comes of a reading that is under way; `None` until it is over.
pub(super) type Coming<T> = watch::Receiver<Option<Result<T, SourceFault>>>;

/// A piece that somebody wants.
pub(super) enum Piece {
    /// It is here.
    Here(Bytes),
    /// It is being read.
    Coming(Coming<Bytes>),
}

/// Pieces, the oldest first to go.
pub(super) struct Kept {
    bound: usize,
    held: usize,
    order: VecDeque<Key>,
    pieces: HashMap<Key, Piece>,
}

impl Kept {
    /// Keeps so many bytes at most.
    pub(super) fn new(bound: usize) -> Kept {
        Kept { bound, held: 0, order: VecDeque::new(), pieces: HashMap::new() }
    }

    /// Does a file of this size fit as a whole?
    pub(super) fn holds(&self, size: u64) -> bool {
        let keeping = KEEPING as u64 * u64::from(pieces(size));
        size.saturating_add(keeping) <= self.bound as u64
    }

    pub(super) fn get(&self, key: Key) -> Option<&Piece> {
        self.pieces.get(&key)
    }

    /// Somebody reads this piece.
    pub(super) fn expect(&mut self, key: Key, coming: Coming<Bytes>) {
        self.pieces.insert(key, Piece::Coming(coming));
    }

    /// It was not to be had.
    pub(super) fn forget(&mut self, key: Key) {
        if let Some(Piece::Coming(_)) = self.pieces.get(&key) {
            self.pieces.remove(&key);
        }
    }

    /// Takes a piece that was read, and lets go of the oldest until it fits.
    pub(super) fn keep(&mut self, key: Key, bytes: Bytes) {
        if let Some(Piece::Here(_)) = self.pieces.get(&key) {
            return;
        }
        let size = bytes.len() + KEEPING;
        while self.held + size > self.bound
            && let Some(oldest) = self.order.pop_front()
        {
            if let Some(Piece::Here(gone)) = self.pieces.remove(&oldest) {
                self.held -= gone.len() + KEEPING;
            }
        }
        if size > self.bound {
            self.pieces.remove(&key);
            return;
        }
        self.held += size;
        self.order.push_back(key);
        self.pieces.insert(key, Piece::Here(bytes));
    }

    /// Bytes that are kept now.
    pub(super) fn held(&self) -> usize {
        self.held
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(size: usize) -> Bytes {
        vec![7; size].into()
    }

    fn is_here(kept: &Kept, key: Key) -> bool {
        matches!(kept.get(key), Some(Piece::Here(_)))
    }

    #[test]
    fn the_oldest_goes_and_the_bound_is_kept() {
        let mut kept = Kept::new(3 * (100 + KEEPING));
        for n in 0..10 {
            kept.keep((1, n), piece(100));
            assert!(kept.held() <= 3 * (100 + KEEPING));
        }
        assert!((0..7).all(|n| !is_here(&kept, (1, n))));
        assert!((7..10).all(|n| is_here(&kept, (1, n))));
        kept.keep((2, 0), piece(3 * 100 + KEEPING));
        assert!(is_here(&kept, (2, 0)) && (7..9).all(|n| !is_here(&kept, (1, n))), "as many go as must");
        kept.keep((3, 0), piece(10_000));
        assert!(!is_here(&kept, (3, 0)), "what is too large is not kept");
    }

    #[test]
    fn the_number_of_pieces_has_no_piece_too_many() {
        let size = PIECE as u64;
        for (bytes, count) in [(0, 0), (1, 1), (size, 1), (size + 1, 2), (10 * size, 10)] {
            assert_eq!(pieces(bytes), count, "{bytes}");
        }
    }
}
