//! The local side of a push: what is to go out, and its content for all hosts.
//!
//! Theory: everything is looked at once, before any host is contacted ([`walk`]), and content is read once for all hosts
//! ([`feed`]). Below what the user named nothing is opened by a path: folders are walked by their handles and no link is
//! followed, so a link that somebody puts in our way leads nowhere. What was seen of a file is kept as its [`Stamp`] and held
//! against it whenever it is read, so that a file that changes under us is a fault, and never a mixture of two contents.

use std::borrow::Cow;
use std::ops::Range;
use std::path::PathBuf;

use super::path::RelPath;
use super::tree::{Entry, Kind};

pub mod feed;
mod hash;
mod open;
pub mod walk;

/// What was named to be pushed, and all that is in it.
#[derive(Debug)]
pub struct Sources {
    roots: Vec<Root>,
    entries: Vec<Entry>,
    stamps: Vec<Stamp>,
    passed_over: Vec<String>,
    calls: u64,
}

/// One thing that was named.
#[derive(Debug)]
pub struct Root {
    /// As it was named.
    named: PathBuf,
    /// Its entries among those of all.
    span: Range<usize>,
    /// How much of the path of each entry is not below it here: its own name, or nothing where its contents were named.
    form: Form,
    /// What it was when it was walked; it may not be another when it is opened again.
    stamp: Stamp,
}

/// How what was named appears there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// Under its own name.
    Itself,
    /// What is in it, without its name: `SRC/.`
    Contents,
}

/// What tells a file from another, and from itself after a change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    seconds: i64,
    nanos: i64,
}

/// Where something of the source goes, below the place that the user named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Landing {
    /// Into it, under its own name.
    Into,
    /// It becomes what was named there: one file, under a name of its own.
    As,
}

/// What one host gets: a part of the entries of all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lot {
    range: Range<usize>,
    is_lone: bool,
}
