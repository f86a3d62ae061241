//! What many hosts wrote, kept once: pure, but for the shelf that it is given.
//!
//! Theory: output is cut into blocks of [`BLOCK`] bytes, counted from the beginning of a stream, so that equal outputs have
//! equal blocks however their pieces arrived, and blocks are known by their SHA-256, so that a host cannot make its block
//! pass for another's. A block that is known already costs its number. So a thousand equal outputs cost one while they
//! arrive, not when they are over. The first [`MEMORY`] bytes stay in memory, all others go to a [`Shelf`] (a file). What
//! the shelf does not take is lost and counted, never passed over: two outputs that are equal are still known to be.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Debug;
use std::io;

use sha2::{Digest, Sha256};

/// The size of a block in bytes. So much of each of the two streams of a running host is in memory.
pub const BLOCK: usize = 32 << 10;
/// How many bytes of blocks stay in memory; what comes after goes to the shelf.
pub const MEMORY: usize = 64 << 20;

/// Where blocks go that have no room in memory.
pub trait Shelf: Debug + Send {
    /// Keeps bytes, and says where.
    fn put(&mut self, bytes: &[u8]) -> io::Result<u64>;
    /// Gives so many bytes back.
    fn get(&self, at: u64, len: usize) -> io::Result<Vec<u8>>;
}

/// Which block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BlockIx(u32);

/// A stretch of an output as it is given back.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// These bytes.
    Bytes(Cow<'a, [u8]>),
    /// So many bytes that could not be kept.
    Lost(usize),
}

#[derive(Debug)]
struct Block {
    len: usize,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Memory(Box<[u8]>),
    Shelf(u64),
    Lost,
}

/// All blocks of a run. Beside each stand some 100 bytes of memory, whatever its place.
#[derive(Debug)]
pub struct Blocks {
    known: HashMap<[u8; 32], BlockIx>,
    blocks: Vec<Block>,
    room: usize,
    shelf: Box<dyn Shelf>,
    fault: Option<String>,
}

impl Blocks {
    /// No block yet; so many bytes stay in memory.
    pub fn new(memory: usize, shelf: Box<dyn Shelf>) -> Blocks {
        Blocks { known: HashMap::new(), blocks: Vec::new(), room: memory, shelf, fault: None }
    }

    /// Why blocks were lost, as soon as one was.
    pub fn fault(&self) -> Option<&str> {
        self.fault.as_deref()
    }

    /// The number of a block with these bytes.
    pub fn keep(&mut self, bytes: &[u8]) -> BlockIx {
        self.keep_as(Sha256::digest(bytes).into(), bytes)
    }

    /// The same where their SHA-256 is known.
    pub fn keep_as(&mut self, digest: [u8; 32], bytes: &[u8]) -> BlockIx {
        if let Some(known) = self.known.get(&digest) {
            return *known;
        }
        let ix = BlockIx(u32::try_from(self.blocks.len()).expect("no disk holds 2^32 blocks"));
        let place = self.place(bytes);
        self.blocks.push(Block { len: bytes.len(), place });
        self.known.insert(digest, ix);
        ix
    }

    fn place(&mut self, bytes: &[u8]) -> Place {
        if let Some(room) = self.room.checked_sub(bytes.len()) {
            self.room = room;
            return Place::Memory(bytes.into());
        }
        if self.fault.is_some() {
            return Place::Lost;
        }
        match self.shelf.put(bytes) {
            Ok(at) => Place::Shelf(at),
            Err(error) => {
                self.fault = Some(error.to_string());
                Place::Lost
            }
        }
    }

    /// The bytes of a block. A shelf that does not give them back has lost them.
    pub fn piece(&self, block: BlockIx) -> Piece<'_> {
        let Block { len, place } = &self.blocks[block.0 as usize];
        match place {
            Place::Memory(bytes) => Piece::Bytes(Cow::Borrowed(bytes)),
            Place::Shelf(at) => match self.shelf.get(*at, *len) {
                Ok(bytes) => Piece::Bytes(Cow::Owned(bytes)),
                Err(_) => Piece::Lost(*len),
            },
            Place::Lost => Piece::Lost(*len),
        }
    }

    /// How many bytes a block has.
    pub fn len_of(&self, block: BlockIx) -> usize {
        self.blocks[block.0 as usize].len
    }
}

/// One stream of a host that still runs.
#[derive(Debug, Default)]
pub struct Flow {
    whole: Vec<BlockIx>,
    /// Less than a block.
    tail: Vec<u8>,
}

impl Flow {
    /// More of it.
    pub fn add(&mut self, mut bytes: &[u8], blocks: &mut Blocks) {
        while self.tail.len() + bytes.len() >= BLOCK {
            let (now, later) = bytes.split_at(BLOCK - self.tail.len());
            self.tail.extend_from_slice(now);
            self.whole.push(blocks.keep(&self.tail));
            self.tail.clear();
            bytes = later;
        }
        self.tail.extend_from_slice(bytes);
    }

    /// All of it. Two streams are equal exactly where these are.
    pub fn end(mut self, blocks: &mut Blocks) -> Vec<BlockIx> {
        if !self.tail.is_empty() {
            self.whole.push(blocks.keep(&self.tail));
        }
        self.whole.shrink_to_fit();
        self.whole
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A shelf in memory that takes so many bytes.
    #[derive(Debug, Default)]
    pub(in crate::run) struct Board {
        pub(in crate::run) bytes: Vec<u8>,
        pub(in crate::run) room: usize,
    }

    impl Shelf for Board {
        fn put(&mut self, bytes: &[u8]) -> io::Result<u64> {
            if self.bytes.len() + bytes.len() > self.room {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.bytes.extend_from_slice(bytes);
            Ok((self.bytes.len() - bytes.len()) as u64)
        }

        fn get(&self, at: u64, len: usize) -> io::Result<Vec<u8>> {
            let at = usize::try_from(at).expect("it fits");
            Ok(self.bytes[at..at + len].to_vec())
        }
    }

    fn whole(blocks: &Blocks, stream: &[BlockIx]) -> (Vec<u8>, usize) {
        let (mut bytes, mut lost) = (Vec::new(), 0);
        for block in stream {
            match blocks.piece(*block) {
                Piece::Bytes(piece) => bytes.extend_from_slice(&piece),
                Piece::Lost(len) => lost += len,
            }
        }
        (bytes, lost)
    }

    fn numbers(count: usize) -> Vec<u8> {
        (0..count).map(|n| format!("{n}\n")).collect::<String>().into_bytes()
    }

    fn write(blocks: &mut Blocks, text: &[u8], pieces: usize) -> Vec<BlockIx> {
        let mut flow = Flow::default();
        text.chunks(pieces).for_each(|piece| flow.add(piece, blocks));
        flow.end(blocks)
    }

    #[test]
    fn equal_streams_are_equal_however_they_arrive_and_cost_one() {
        let mut blocks = Blocks::new(MEMORY, Box::new(Board::default()));
        let text = numbers(40_000);
        let one = write(&mut blocks, &text, 100_000);
        for pieces in [1, 1_000, BLOCK, BLOCK + 1] {
            assert_eq!(write(&mut blocks, &text, pieces), one, "{pieces}");
        }
        assert_eq!(MEMORY - blocks.room, text.len());
        assert_eq!(whole(&blocks, &one), (text.clone(), 0));
        assert_eq!(write(&mut blocks, &[], 1), []);
        // A stream that begins like another costs only where they part.
        let longer = [text.as_slice(), b"more"].concat();
        write(&mut blocks, &longer, 5_000);
        assert!(MEMORY - blocks.room < text.len() + BLOCK);
    }

    #[test]
    fn what_has_no_room_in_memory_comes_back_from_the_shelf() {
        let text = numbers(40_000);
        let mut blocks = Blocks::new(2 * BLOCK, Box::new(Board { room: 1 << 20, ..Board::default() }));
        let stream = write(&mut blocks, &text, 7_777);
        assert_eq!(whole(&blocks, &stream), (text, 0));
        assert_eq!((blocks.room, blocks.fault()), (0, None));
    }

    #[test]
    fn what_the_shelf_does_not_take_is_counted_and_still_known() {
        let text = numbers(40_000);
        let mut blocks = Blocks::new(BLOCK, Box::new(Board { room: BLOCK, ..Board::default() }));
        let stream = write(&mut blocks, &text, 7_777);
        assert_eq!(whole(&blocks, &stream), (text[..2 * BLOCK].to_vec(), text.len() - 2 * BLOCK));
        assert!(blocks.fault().is_some());
        assert_eq!(write(&mut blocks, &text, 10), stream);
        let mut other = text;
        *other.last_mut().expect("there is one") = b'?';
        assert_ne!(write(&mut blocks, &other, 10), stream, "lost bytes differ still");
    }
}
