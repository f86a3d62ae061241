//! Content of versions, kept until all hosts were asked: pure, but for the shelf that it is given.
//!
//! Theory: content is kept in [`Blocks`], equal content once, whatever host it came from. What has no room in memory goes to
//! the shelf, up to [`SHELF`]; beyond that content is lost, which is said, and told apart by its digest all the same. Blocks are
//! summed before anything is locked, and nothing here is locked while something is read of a host.

use std::collections::HashMap;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};

use crate::run::blocks::{BLOCK, BlockIx, Blocks, MEMORY, Piece, Shelf};

/// The longest file that is compared line by line, in bytes; a longer one is told apart by its digest.
pub const COMPARED: u64 = 4 << 20;

/// Bytes that go to the shelf at most, also of files that then were not read to their ends.
pub const SHELF: u64 = 16 << 30;

/// All content that is kept.
#[derive(Debug)]
pub struct Contents {
    kept: Mutex<Kept>,
}

#[derive(Debug)]
struct Kept {
    blocks: Blocks,
    of: HashMap<[u8; 32], Vec<BlockIx>>,
}

/// One file that is being read.
#[derive(Debug, Default)]
pub struct Stream {
    blocks: Vec<BlockIx>,
    /// Less than a block.
    tail: Vec<u8>,
}

impl Contents {
    /// Nothing is kept yet.
    pub fn new(shelf: Box<dyn Shelf>) -> Contents {
        Contents::within(MEMORY, Bounded { shelf, room: SHELF })
    }

    fn within(memory: usize, shelf: Bounded) -> Contents {
        let blocks = Blocks::new(memory, Box::new(shelf));
        Contents { kept: Mutex::new(Kept { blocks, of: HashMap::new() }) }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// More of a file. Sums it, and may write to the shelf: to be called where that may block.
    pub fn add(&self, stream: &mut Stream, mut bytes: &[u8]) {
        while stream.tail.len() + bytes.len() >= BLOCK {
            let (now, later) = bytes.split_at(BLOCK - stream.tail.len());
            stream.tail.extend_from_slice(now);
            self.end_block(stream);
            bytes = later;
        }
        stream.tail.extend_from_slice(bytes);
    }

    fn end_block(&self, stream: &mut Stream) {
        let digest = Sha256::digest(&stream.tail).into();
        stream.blocks.push(self.kept().blocks.keep_as(digest, &stream.tail));
        stream.tail.clear();
    }

    /// All of it; equal content is kept once.
    pub fn keep(&self, sha256: [u8; 32], mut stream: Stream) {
        if !stream.tail.is_empty() {
            self.end_block(&mut stream);
        }
        stream.blocks.shrink_to_fit();
        self.kept().of.entry(sha256).or_insert(stream.blocks);
    }

    /// The content of a file as a whole, where all of it is kept and it is not too long to be compared.
    pub fn whole(&self, sha256: &[u8; 32]) -> Option<Vec<u8>> {
        let kept = self.kept();
        let blocks = kept.of.get(sha256)?;
        let len: u64 = blocks.iter().map(|block| kept.blocks.len_of(*block) as u64).sum();
        if len > COMPARED {
            return None;
        }
        let mut whole = Vec::new();
        for block in blocks {
            let Piece::Bytes(bytes) = kept.blocks.piece(*block) else { return None };
            whole.extend_from_slice(&bytes);
        }
        Some(whole)
    }

    /// Hands on the content of a file piece by piece; `None` where not all of it is kept.
    pub fn pour<E>(
        &self,
        sha256: &[u8; 32],
        mut take: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Option<Result<(), E>> {
        let kept = self.kept();
        for block in kept.of.get(sha256)? {
            let Piece::Bytes(bytes) = kept.blocks.piece(*block) else { return None };
            if let Err(error) = take(&bytes) {
                return Some(Err(error));
            }
        }
        Some(Ok(()))
    }

    /// Why content was lost, as soon as some was.
    pub fn fault(&self) -> Option<String> {
        self.kept().blocks.fault().map(str::to_owned)
    }
}

/// A shelf that takes so many bytes.
#[derive(Debug)]
struct Bounded {
    shelf: Box<dyn Shelf>,
    room: u64,
}

impl Shelf for Bounded {
    fn put(&mut self, bytes: &[u8]) -> io::Result<u64> {
        let Some(room) = self.room.checked_sub(bytes.len() as u64) else {
            let why = format!("more than {} GiB of content that differs", SHELF >> 30);
            return Err(io::Error::new(io::ErrorKind::StorageFull, why));
        };
        self.room = room;
        self.shelf.put(bytes)
    }

    fn get(&self, at: u64, len: usize) -> io::Result<Vec<u8>> {
        self.shelf.get(at, len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default)]
    struct Board(Vec<u8>);

    impl Shelf for Board {
        fn put(&mut self, bytes: &[u8]) -> io::Result<u64> {
            self.0.extend_from_slice(bytes);
            Ok((self.0.len() - bytes.len()) as u64)
        }

        fn get(&self, at: u64, len: usize) -> io::Result<Vec<u8>> {
            let at = usize::try_from(at).expect("it fits");
            Ok(self.0[at..at + len].to_vec())
        }
    }

    fn contents(memory: usize, room: u64) -> Contents {
        Contents::within(memory, Bounded { shelf: Box::new(Board::default()), room })
    }

    fn kept(contents: &Contents, sum: u8, text: &[u8], pieces: usize) {
        let mut stream = Stream::default();
        text.chunks(pieces).for_each(|piece| contents.add(&mut stream, piece));
        contents.keep([sum; 32], stream);
    }

    fn numbers() -> Vec<u8> {
        (0..40_000).map(|n| format!("{n}\n")).collect::<String>().into_bytes()
    }

    #[test]
    fn content_comes_back_whole_from_memory_and_shelf() {
        let contents = contents(2 * BLOCK, 1 << 20);
        let text = numbers();
        for pieces in [999, BLOCK, 100_000] {
            kept(&contents, 1, &text, pieces);
        }
        assert_eq!((contents.whole(&[1; 32]), contents.whole(&[2; 32])), (Some(text.clone()), None));
        kept(&contents, 3, &vec![0; usize::try_from(COMPARED).expect("it fits") + 1], BLOCK);
        assert_eq!(contents.whole(&[3; 32]), None, "it is too long to be compared");
        let mut poured = Vec::new();
        let all = contents.pour(&[1; 32], |bytes| {
            poured.extend_from_slice(bytes);
            Ok::<(), ()>(())
        });
        assert_eq!((all, poured), (Some(Ok(())), text));
        assert_eq!(contents.fault(), None);
    }

    #[test]
    fn the_shelf_has_an_end_and_what_is_beyond_is_said_to_be_lost() {
        let contents = contents(BLOCK, BLOCK as u64);
        kept(&contents, 1, &numbers(), 7_777);
        assert_eq!(contents.whole(&[1; 32]), None);
        assert!(contents.pour(&[1; 32], |_| Ok::<(), ()>(())).is_none());
        assert!(contents.fault().is_some_and(|why| why.contains("16 GiB")), "{:?}", contents.fault());
    }
}
