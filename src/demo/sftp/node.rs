//! What a file system is made of, as values.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::content::Content;

/// Why something cannot be done; the errors of Linux that clients can tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Errno {
    NotFound,
    NotDir,
    IsDir,
    Exists,
    NotEmpty,
    Denied,
    ReadOnly,
    NoSpace,
    Loop,
    Invalid,
    TooLong,
}

/// What the account may do to the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Rights {
    /// Everything.
    #[default]
    All,
    /// It is mounted for reading only.
    ReadOnly,
    /// Nothing in it belongs to the account, which may read it.
    Others,
}

/// What something is, with what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Body {
    File(Arc<Content>),
    Dir(BTreeMap<Box<[u8]>, NodeId>),
    /// Where it leads, as it stands there.
    Link(Box<[u8]>),
    /// A FIFO, which whoever opens it waits for.
    Fifo,
}

/// A node, for as long as it has a name or is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct NodeId(pub(super) u64);

/// What is known of a node.
#[derive(Debug)]
pub(super) struct Node {
    /// The folder it lies in; the root lies in itself.
    pub(super) parent: NodeId,
    pub(super) name: Box<[u8]>,
    pub(super) body: Body,
    pub(super) mode: u32,
    pub(super) owner: (u32, u32),
    pub(super) mtime: i64,
    pub(super) opens: u32,
    pub(super) is_linked: bool,
    /// It was written to and not closed since.
    pub(super) is_changing: bool,
}

impl Node {
    /// A node that was named just now.
    pub(super) fn new((parent, name): (NodeId, &[u8]), body: Body, (mode, mtime): (u32, i64)) -> Node {
        Node {
            parent,
            name: name.into(),
            body,
            mode: mode & 0o7777,
            owner: (0, 0),
            mtime,
            opens: 0,
            is_linked: true,
            is_changing: false,
        }
    }
}

/// What is said of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// What it is.
    pub kind: Kind,
    /// Bytes of a file or of what a link says; of a folder how many names it holds.
    pub size: u64,
    /// Permission bits: `07777`.
    pub mode: u32,
    /// User and group.
    pub owner: (u32, u32),
    /// Last change, in seconds since 1970.
    pub mtime: i64,
}

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A file.
    File,
    /// A folder.
    Dir,
    /// A symbolic link.
    Link,
    /// A FIFO.
    Fifo,
}

/// What a path named at some time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing.
    Absent,
    /// A file that nobody was in the middle of writing.
    File {
        /// What was in it.
        content: Content,
        /// Its permission bits.
        mode: u32,
    },
    /// A file that was being written where it stood: a reader could have seen any part of it.
    Changing,
    /// A folder.
    Dir,
    /// A link and where it led.
    Link(Vec<u8>),
    /// A FIFO.
    Fifo,
}

/// How a file is opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Opening {
    pub(super) write: bool,
    pub(super) create: bool,
    pub(super) exclusive: bool,
    pub(super) truncate: bool,
    /// The mode of a file that is made by it.
    pub(super) mode: u32,
}

/// Whether a link at the end of a path is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Last {
    Followed,
    Itself,
}

/// Whether a rename may take the place of what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    Refused,
    Replaced,
}
