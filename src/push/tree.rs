//! What a folder holds, as a value: the same for what stands here and for what stands on a host.

use super::path::RelPath;

/// Entries of a tree; more are refused, on either side.
pub const MAX_ENTRIES: usize = 1_000_000;

/// Setuid and setgid among permission bits.
pub const SET_IDS: u32 = 0o6000;

/// What something is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A file with so many bytes.
    File {
        /// Bytes.
        size: u64,
    },
    /// A folder.
    Dir,
    /// A symbolic link, and what it says.
    Link {
        /// Its target, as it stands there; it is never followed.
        to: Box<[u8]>,
    },
    /// A device, FIFO or socket; never opened.
    Special,
}

/// One thing in a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where, from the root.
    pub path: RelPath,
    /// What.
    pub kind: Kind,
    /// Permission bits, with setuid, setgid and sticky: `07777`.
    pub mode: u32,
    /// When it was changed last, in seconds since 1970.
    pub mtime: i64,
}
