//! The checksum of a file, taken with the one reading that every file gets: blocking.

use std::os::unix::fs::FileExt;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::Sources;
use super::kept::{PIECE, pieces};
use super::open::SourceFault;

impl Sources {
    /// Reads a file from its beginning to its end, and gives each piece to `each` on the way; the result is the SHA-256 of
    /// what it holds, and it was one and the same file from the first byte to the last.
    pub(super) fn read_whole(
        &self,
        item: usize,
        mut each: impl FnMut(u32, Bytes),
    ) -> Result<[u8; 32], SourceFault> {
        let file = self.open(item)?;
        let mut sum = Sha256::new();
        for piece in 0..pieces(self.size(item)) {
            let bytes = self.read(item, &file, piece)?;
            sum.update(&bytes);
            each(piece, bytes);
        }
        self.unchanged(item, &file)?;
        Ok(sum.finalize().into())
    }

    /// Reads one piece of a file.
    pub(super) fn read_piece(&self, item: usize, piece: u32) -> Result<Bytes, SourceFault> {
        let file = self.open(item)?;
        let bytes = self.read(item, &file, piece)?;
        self.unchanged(item, &file)?;
        Ok(bytes)
    }

    fn read(&self, item: usize, file: &std::fs::File, piece: u32) -> Result<Bytes, SourceFault> {
        let at = u64::from(piece) * PIECE as u64;
        let left = self.size(item) - at;
        let mut bytes = vec![0; usize::try_from(left).map_or(PIECE, |left| left.min(PIECE))];
        file.read_exact_at(&mut bytes, at).map_err(|error| self.unreadable(item, &error))?;
        Ok(bytes.into())
    }
}
