//! Bytes that were typed, and may be a password: what is done with is overwritten, and growing leaves no copy behind.

use std::mem;
use std::ops::Deref;

use bytes::Bytes;
use zeroize::{Zeroize, Zeroizing};

/// A buffer that wipes what leaves it. No log shows what it holds.
#[derive(Default)]
pub(crate) struct Scrubbed(Zeroizing<Vec<u8>>);

impl Deref for Scrubbed {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for Scrubbed {
    fn from(bytes: Vec<u8>) -> Scrubbed {
        Scrubbed(Zeroizing::new(bytes))
    }
}

impl std::fmt::Debug for Scrubbed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "[{} bytes]", self.0.len())
    }
}

impl Scrubbed {
    /// Adds bytes at the end.
    pub(crate) fn extend(&mut self, bytes: &[u8]) {
        let needed = self.0.len() + bytes.len();
        if needed > self.0.capacity() {
            let mut larger = Zeroizing::new(Vec::with_capacity(needed.next_power_of_two().max(64)));
            larger.extend_from_slice(&self.0);
            // The old one is wiped as it goes.
            self.0 = larger;
        }
        self.0.extend_from_slice(bytes);
    }

    /// The first bytes, taken out; they are wiped wherever the last one who holds them lets go of them.
    pub(crate) fn split_to(&mut self, count: usize) -> Bytes {
        let taken = match count >= self.0.len() {
            true => mem::take(&mut self.0),
            false => {
                let taken = Zeroizing::new(self.0[..count].to_vec());
                self.consume(count);
                taken
            }
        };
        Bytes::from_owner(taken)
    }

    /// Takes bytes away at the end, so that so many are left.
    pub(crate) fn cut(&mut self, left: usize) {
        let left = left.min(self.0.len());
        self.0[left..].zeroize();
        self.0.truncate(left);
    }

    /// Takes bytes away at the beginning.
    pub(crate) fn consume(&mut self, count: usize) {
        let left = self.0.len() - count;
        self.0.copy_within(count.., 0);
        self.0[left..].zeroize();
        self.0.truncate(left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_split_off_comes_in_order_and_leaves_nothing_behind() {
        let mut bytes = Scrubbed::default();
        bytes.extend(b"hunter2");
        assert_eq!(bytes.split_to(6), b"hunter"[..]);
        assert_eq!(&*bytes, b"2");
        assert_eq!(bytes.split_to(9), b"2"[..]);
        assert_eq!((bytes.len(), bytes.0.capacity()), (0, 0));
        assert_eq!(bytes.split_to(1), b""[..]);
    }

    #[test]
    fn what_is_consumed_is_gone() {
        let mut bytes = Scrubbed::default();
        bytes.extend(b"hunter2");
        bytes.extend(b" and more");
        bytes.consume(8);
        assert_eq!(&*bytes, b"and more");
        bytes.consume(8);
        assert!(bytes.is_empty());
        bytes.extend(b"abc");
        bytes.cut(1);
        assert_eq!(&*bytes, b"a");
        bytes.cut(0);
        // Within the capacity nothing moves: the place where it stood is read again, and is empty.
        bytes.0.resize(16, 0xff);
        bytes.0.truncate(0);
        bytes.extend(b"secret");
        bytes.consume(6);
        let capacity = bytes.0.capacity();
        bytes.extend(&vec![b'x'; capacity + 1]);
        assert_eq!(bytes.len(), capacity + 1);
        assert_eq!(format!("{bytes:?}"), format!("[{} bytes]", capacity + 1));
    }
}
