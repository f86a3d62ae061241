//! One file from a host (signatures; the rest follows).

use bytes::Bytes;
use futures_util::future::BoxFuture;

/// Takes what is read, in order.
pub trait Sink: Send {
    /// The next bytes; the error is a sentence and ends the reading.
    fn take(&mut self, bytes: Bytes) -> BoxFuture<'_, Result<(), String>>;
}

/// What is read at most, and of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Bytes; a file that is larger is refused.
    pub bytes: u64,
    /// Whether a link is followed.
    pub links: Links,
}

/// What a link in the place of a file means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    /// The file it leads to.
    Followed,
    /// It is refused.
    Refused,
}

/// What was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Got {
    /// Bytes.
    pub size: u64,
    /// Their SHA-256.
    pub sha256: [u8; 32],
    /// Whether the file went on after what it said its size was: it grew, and this is its beginning.
    pub grew: bool,
    /// Its mode and time when it was opened.
    pub mode: u32,
    /// When it was changed last, in seconds since 1970.
    pub mtime: i64,
}
