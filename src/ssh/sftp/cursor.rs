//! Reading and writing the four shapes that packets are made of: bytes, numbers, and strings with a length. Pure.

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// A packet that is not what the protocol says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// It ends before what it announces.
    #[error("a packet that ends too early")]
    Short,
    /// Something stands after its end.
    #[error("a packet with {0} bytes too many")]
    Long(usize),
    /// It announces more than any packet may hold.
    #[error("a packet of {0} bytes, which is more than there may be")]
    Huge(usize),
    /// A kind that nobody knows here.
    #[error("a packet of the unknown kind {0}")]
    Unknown(u8),
}

/// A packet that is being read. The strings it gives share its memory.
#[derive(Debug)]
pub(super) struct Cursor {
    rest: Bytes,
}

impl Cursor {
    pub(super) fn new(packet: Bytes) -> Cursor {
        Cursor { rest: packet }
    }

    pub(super) fn u8(&mut self) -> Result<u8, Malformed> {
        self.rest.try_get_u8().map_err(|_| Malformed::Short)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Malformed> {
        self.rest.try_get_u32().map_err(|_| Malformed::Short)
    }

    pub(super) fn u64(&mut self) -> Result<u64, Malformed> {
        self.rest.try_get_u64().map_err(|_| Malformed::Short)
    }

    pub(super) fn string(&mut self) -> Result<Bytes, Malformed> {
        let length = self.u32()? as usize;
        if length > self.rest.len() {
            return Err(Malformed::Short);
        }
        Ok(self.rest.split_to(length))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// All that is left.
    pub(super) fn rest(self) -> Bytes {
        self.rest
    }

    /// Nothing may be left.
    pub(super) fn end(self) -> Result<(), Malformed> {
        if self.rest.is_empty() { Ok(()) } else { Err(Malformed::Long(self.rest.len())) }
    }
}

/// Writes strings with their length.
pub(super) trait PutString {
    fn put_string(&mut self, string: &[u8]);
}

impl PutString for BytesMut {
    fn put_string(&mut self, string: &[u8]) {
        self.put_u32(u32::try_from(string.len()).expect("nothing that is sent is longer than a packet"));
        self.put_slice(string);
    }
}
