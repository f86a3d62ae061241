//! What is to be done on one host so that a tree stands there: pure.
//!
//! Theory: the tree of the source and what stands on the host are values, and the difference is a list of acts in three
//! parts. First folders are made, parents before what is in them; then files and links are put, in any order and as many at
//! once as one likes; last come times and modes of folders, the deepest first, since whatever is put into a folder changes
//! its time, and a folder that is shut cannot be written into. Nothing here deletes: where a folder stands and a file should,
//! or the other way round, that one thing fails and all else goes on.
//!
//! Two files are the same when size and time are, or, where somebody asks for it, size and content. That is why the time of a
//! file is set to the source's on every host, asked for or not: the next push would find nothing the same otherwise. Links
//! stay links, and say there what they say here. Times are compared as SFTP can say them, in seconds from 1970 to 2106.
//!
//! Without `preserve` a new file has the permissions of the source, one that is replaced keeps its own, and a folder that
//! stands is left as it is. With it, permissions of files and folders and times of folders are the source's. The bits setuid
//! and setgid of a file go with neither, since whose they would be there is not said here; `--mode` can set them. The root,
//! which is the place that the user named, is made where it is not there and otherwise never changed.

use std::collections::{HashMap, HashSet};

use super::path::RelPath;
use super::put::Mode;
use super::tree::{Entry, Kind};
use crate::outcome::FileFault;

/// How a file that stands is told from one that has to be sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Same {
    /// Size and time are the same.
    #[default]
    SizeAndTime,
    /// Size and content are; what stands there is summed or read.
    Checksum,
}

/// Which permissions things have there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Modes {
    /// What is new has the source's; what stands keeps its own.
    #[default]
    New,
    /// Everything has the source's, but for setuid and setgid of files.
    Kept,
    /// Everything has these.
    Set {
        /// Of files, `07777`.
        files: u32,
        /// Of folders, `07777`.
        folders: u32,
    },
}

/// Whose times are the source's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Times {
    /// Those of files.
    #[default]
    Files,
    /// Those of folders too.
    All,
}

/// What makes a tree there that of the source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// When a file need not be sent.
    pub same: Same,
    /// Permissions.
    pub modes: Modes,
    /// Times.
    pub times: Times,
}

/// One thing to be done. `item` is the place of what it is about among the entries of the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Make the folder that the user named as the place.
    MakeBase,
    /// Make a folder with this mode.
    MakeDir {
        /// Which.
        item: usize,
        /// `07777`; its owner can write into it.
        mode: u32,
    },
    /// Put a file in its place, whole, over what stands there.
    Put {
        /// Which.
        item: usize,
        /// Its permissions.
        mode: Mode,
        /// Its time, in seconds since 1970.
        mtime: i64,
    },
    /// Put a link in its place, over a file or a link.
    Link {
        /// Which.
        item: usize,
    },
    /// Set permissions.
    SetMode {
        /// Of which.
        item: usize,
        /// `07777`.
        mode: u32,
    },
    /// Set the time.
    SetTime {
        /// Of which.
        item: usize,
        /// Seconds since 1970.
        mtime: i64,
    },
}

/// One thing that cannot be done, with all that lies in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The class.
    pub fault: FileFault,
    /// A sentence with the path, free of control characters.
    pub why: String,
    /// How many entries of the source do not get there.
    pub entries: usize,
}

/// What is to be done on one host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// In this order, before all else: folders are made, or opened for writing.
    pub before: Vec<Act>,
    /// Files, links, and their modes and times; in any order.
    pub files: Vec<Act>,
    /// In this order, after all else: times and modes of folders.
    pub after: Vec<Act>,
    /// What cannot be done.
    pub faults: Vec<Fault>,
    /// Files that need not be sent.
    pub same: Count,
    /// Files that are to be sent.
    pub sent: Count,
}

/// Files and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// How many.
    pub files: usize,
    /// Bytes of all.
    pub bytes: u64,
}
