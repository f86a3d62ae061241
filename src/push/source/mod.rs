//! The local side of a push: what is to go out, and its content for all hosts.
//!
//! Theory: everything is looked at once, before any host is contacted ([`walk`]), and content is read once for all hosts
//! ([`feed`]). Below what the user named nothing is opened by a path: folders are walked by their handles and no link is
//! followed, so a link that somebody puts in our way leads nowhere. What was seen of a file is kept as its `Stamp` and held
//! against it whenever it is read, so that a file that changes under us is a fault, and never a mixture of two contents.

use std::borrow::Cow;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::Stat;

use super::path::{RelPath, shown};
use super::place::Landing;
use super::tree::{Entry, Kind};

pub mod feed;
mod hash;
mod kept;
mod open;
pub mod sample;
pub mod walk;

/// What was named to be pushed, and all that is in it.
#[derive(Debug, Default)]
pub struct Sources {
    roots: Vec<Root>,
    entries: Vec<Entry>,
    stamps: Vec<Stamp>,
    passed_over: Vec<String>,
    is_lone: bool,
    calls: u64,
}

/// One thing that was named.
#[derive(Debug)]
struct Root {
    /// As it was named.
    named: PathBuf,
    /// Its entries among those of all.
    span: Range<usize>,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: i64,
    seconds: i64,
    nanos: i64,
}

/// What one host gets: a part of the entries of all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lot {
    range: Range<usize>,
    is_lone: bool,
}

impl Lot {
    /// Is it one file, and nothing else was named? Only such a one may get another name there.
    pub fn is_lone(&self) -> bool {
        self.is_lone
    }

    /// Its part of [`Sources::all_entries`]: the first of its entries is the one at `start`.
    pub fn range(&self) -> Range<usize> {
        self.range.clone()
    }
}

impl Sources {
    /// What every host gets where not each gets its own.
    pub fn all(&self) -> Lot {
        Lot { range: 0..self.entries.len(), is_lone: self.is_lone }
    }

    /// All entries, by their paths below the place that the user named; parents before what is in them.
    pub fn all_entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Those of a lot. The one that becomes the place itself is the root of its tree.
    pub fn entries(&self, lot: &Lot, landing: Landing) -> Cow<'_, [Entry]> {
        let entries = &self.entries[lot.range()];
        match landing {
            Landing::Into => Cow::Borrowed(entries),
            Landing::As => Cow::Owned(
                entries.iter().map(|entry| Entry { path: RelPath::root(), ..entry.clone() }).collect(),
            ),
        }
    }

    /// FIFOs, devices and sockets that are not pushed, as sentences show them.
    pub fn passed_over(&self) -> &[String] {
        &self.passed_over
    }

    /// The bytes of one entry; what is no file has none.
    pub fn size(&self, item: usize) -> u64 {
        match self.entries[item].kind {
            Kind::File { size } => size,
            Kind::Dir | Kind::Link { .. } | Kind::Special => 0,
        }
    }

    /// How often the walk asked the system anything: grows with the number of entries, and not faster.
    pub fn calls(&self) -> u64 {
        self.calls
    }

    /// An entry as the user would name it here, for a sentence.
    pub fn shown(&self, item: usize) -> String {
        let root = self.root_of(item);
        shown_below(&root.named, &self.below(root, item))
    }

    fn root_of(&self, item: usize) -> &Root {
        &self.roots[self.roots.partition_point(|root| root.span.end <= item)]
    }

    /// Where it is below what was named.
    fn below(&self, root: &Root, item: usize) -> RelPath {
        let skipped = match root.form {
            Form::Itself => 1,
            Form::Contents => 0,
        };
        let join = |path: RelPath, name| path.join(name).expect("a part of a path that was checked");
        self.entries[item].path.names().skip(skipped).fold(RelPath::root(), join)
    }
}

impl Stamp {
    fn of(stat: &Stat) -> Stamp {
        // The types of these differ between systems.
        #[allow(clippy::unnecessary_cast)]
        Stamp {
            device: stat.st_dev as u64,
            inode: stat.st_ino as u64,
            size: stat.st_size as i64,
            seconds: stat.st_mtime as i64,
            nanos: stat.st_mtime_nsec as i64,
        }
    }

    /// Is it the same thing, whatever is in it?
    fn is_same_thing(&self, other: &Stamp) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }
}

/// A path below what was named, as a sentence shows it.
fn shown_below(named: &Path, below: &RelPath) -> String {
    let named = shown(named.as_os_str().as_bytes());
    match below.is_root() {
        true => named,
        false => format!("{}/{below}", named.trim_end_matches('/')),
    }
}
