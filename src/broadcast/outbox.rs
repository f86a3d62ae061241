//! What was typed for one host and has not gone to its transport yet.

use std::mem;

use bytes::Bytes;

use crate::scrubbed::Scrubbed;

/// Bytes kept for one host. What would go beyond is not taken and the host is held, so that nothing is lost in silence.
pub const OUTBOX_BYTES: usize = 64 * 1024;

/// Bytes handed to a session at once: half an SSH packet's usual maximum, so that a chunk never waits for long.
pub const CHUNK_BYTES: usize = 16 * 1024;

/// Replies of a terminal are taken only below this backlog: a host that asks without reading cannot get itself held.
const REPLY_BYTES: usize = 16 * 1024;

/// An ordered, bounded queue of input with at most one chunk under way. It may be a password: it is wiped when it goes, and no
/// log shows it.
#[derive(Debug, Default)]
pub struct Outbox {
    kept: Scrubbed,
    under_way: usize,
    flow: Flow,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Flow {
    #[default]
    Free,
    Held,
}

/// What became of input that was put into an outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Push {
    /// Taken as a whole.
    Taken,
    /// It did not fit, none of it was taken, and the host is held from now on.
    NowHeld,
    /// Not taken: the host is held or not open, or a reply came while too much was kept.
    Refused,
}

impl Outbox {
    /// Puts input at the end, as a whole or not at all. What does not fit makes the host held.
    pub fn push(&mut self, input: &[u8]) -> Push {
        if self.is_held() {
            return Push::Refused;
        }
        if self.backlog() + input.len() > OUTBOX_BYTES {
            self.flow = Flow::Held;
            return Push::NowHeld;
        }
        self.kept.extend(input);
        Push::Taken
    }

    /// Puts an automatic reply at the end. It is dropped while the host does not read what it is sent, since the reply
    /// would come after the question had lost its sense, and must never use up the room of the user's own keys.
    pub fn push_reply(&mut self, reply: &[u8]) -> Push {
        if self.is_held() || self.backlog() + reply.len() > REPLY_BYTES {
            return Push::Refused;
        }
        self.kept.extend(reply);
        Push::Taken
    }

    /// The next chunk, unless one is under way, nothing is kept, or the host is held.
    pub fn take_chunk(&mut self) -> Option<Bytes> {
        if self.is_held() || self.under_way > 0 || self.kept.is_empty() {
            return None;
        }
        let len = self.kept.len().min(CHUNK_BYTES);
        // With the last of it goes its room: there may be thousands of hosts that are idle.
        let chunk = self.kept.split_to(len);
        self.under_way = len;
        Some(chunk)
    }

    /// The chunk under way has gone to the transport.
    pub fn written(&mut self) {
        self.under_way = 0;
    }

    /// Bytes not gone to the transport yet, those under way included.
    pub fn backlog(&self) -> usize {
        self.kept.len() + self.under_way
    }

    /// Is input kept back?
    pub fn is_held(&self) -> bool {
        self.flow == Flow::Held
    }

    /// Lets go on, beginning with what was kept.
    pub fn release(&mut self) {
        self.flow = Flow::Free;
    }

    /// Lets go on without what was kept; returns how many bytes that were. A chunk under way cannot be called back.
    pub fn discard(&mut self) -> usize {
        self.flow = Flow::Free;
        mem::take(&mut self.kept).len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(len: usize) -> Bytes {
        Bytes::from(vec![b'x'; len])
    }

    #[test]
    fn one_chunk_is_under_way_and_the_rest_is_coalesced() {
        let mut o = Outbox::default();
        o.push(b"a");
        assert_eq!(o.take_chunk().as_deref(), Some(&b"a"[..]));
        for key in [&b"b"[..], b"c", b"d"] {
            assert_eq!(o.push(key), Push::Taken);
        }
        assert_eq!((o.take_chunk(), o.backlog()), (None, 4));
        o.written();
        assert_eq!(o.take_chunk().as_deref(), Some(&b"bcd"[..]));
        o.written();
        assert_eq!((o.take_chunk(), o.backlog()), (None, 0));
    }

    #[test]
    fn chunks_are_bounded() {
        let mut o = Outbox::default();
        o.push(&bytes(CHUNK_BYTES + 1));
        assert_eq!(o.take_chunk().map(|c| c.len()), Some(CHUNK_BYTES));
        o.written();
        assert_eq!(o.take_chunk().map(|c| c.len()), Some(1));
    }

    #[test]
    fn at_the_bound_it_holds_and_release_sends_exactly_what_was_kept() {
        let mut o = Outbox::default();
        o.push(b"first");
        let _under_way = o.take_chunk();
        o.push(b"kept");
        assert_eq!(o.push(&bytes(OUTBOX_BYTES)), Push::NowHeld);
        assert_eq!(o.push(b"never"), Push::Refused);
        o.written();
        assert_eq!(o.take_chunk(), None, "what is kept is not sent while it is held");
        o.release();
        assert_eq!(o.take_chunk().as_deref(), Some(&b"kept"[..]));
    }

    #[test]
    fn discard_throws_away_what_was_kept_and_says_how_much() {
        let mut o = Outbox::default();
        o.push(&bytes(OUTBOX_BYTES));
        o.push(&bytes(1));
        assert_eq!(o.discard(), OUTBOX_BYTES);
        assert_eq!((o.is_held(), o.backlog()), (false, 0));
    }

    #[test]
    fn what_is_kept_stands_in_no_log() {
        let mut o = Outbox::default();
        o.push(b"hunter2");
        assert!(format!("{o:?}").contains("[7 bytes]"), "{o:?}");
    }

    #[test]
    fn replies_never_hold_a_host() {
        let mut o = Outbox::default();
        let mut taken = 0;
        for _ in 0..100_000 {
            taken += usize::from(o.push_reply(b"\x1b[?6c") == Push::Taken);
        }
        assert!(taken > 0 && o.backlog() <= REPLY_BYTES && !o.is_held());
        assert_eq!(o.push(b"a"), Push::Taken);
    }
}
