//! Opening a file of the source again: blocking.
//!
//! Theory: a file is opened for each piece that is read, and closed again, so that ten thousand files cost no descriptor
//! while they wait. The way to it goes from what was named down by handles, over no link, and what is found at its end is held
//! against what the walk saw.

use std::fs::File;
use std::io;

use rustix::fs::{CWD, Mode, OFlags, fstat, openat};
use rustix::io::Errno;

use super::walk::READ;
use super::{Sources, Stamp};
use crate::escape;

/// Why content cannot be had; each a sentence with the path and the next step.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourceFault {
    /// It is not what the walk saw.
    #[error("{0} changed here while it was pushed; push again when nothing writes to it")]
    Changed(String),
    /// It cannot be opened or read any more.
    #[error("{0} cannot be read here: {1}")]
    Unreadable(String, String),
}

impl Sources {
    /// Opens a file that the walk found.
    pub(super) fn open(&self, item: usize) -> Result<File, SourceFault> {
        let root = self.root_of(item);
        let below = self.below(root, item);
        let mut file =
            openat(CWD, root.named.as_path(), READ, Mode::empty()).map_err(|error| self.lost(item, error))?;
        if !below.is_root() {
            let folder = fstat(&file).map_err(|error| self.lost(item, error))?;
            if !Stamp::of(&folder).is_same_thing(&root.stamp) {
                return Err(SourceFault::Changed(self.shown(item)));
            }
        }
        let mut names = below.names().peekable();
        while let Some(name) = names.next() {
            let kind = if names.peek().is_some() { OFlags::DIRECTORY } else { OFlags::empty() };
            file = openat(&file, name, READ | OFlags::NOFOLLOW | kind, Mode::empty())
                .map_err(|error| self.lost(item, error))?;
        }
        let file = File::from(file);
        self.unchanged(item, &file)?;
        Ok(file)
    }

    /// Is it still what the walk saw?
    pub(super) fn unchanged(&self, item: usize, file: &File) -> Result<(), SourceFault> {
        let stat = fstat(file).map_err(|error| self.lost(item, error))?;
        match Stamp::of(&stat) == self.stamps[item] {
            true => Ok(()),
            false => Err(SourceFault::Changed(self.shown(item))),
        }
    }

    /// What was there and is not, or is something else, changed.
    fn lost(&self, item: usize, error: Errno) -> SourceFault {
        match error {
            Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::NXIO => {
                SourceFault::Changed(self.shown(item))
            }
            error => self.unreadable(item, &error.into()),
        }
    }

    /// It cannot be read.
    pub(super) fn unreadable(&self, item: usize, error: &io::Error) -> SourceFault {
        match error.kind() {
            // It ends before the size that it had.
            io::ErrorKind::UnexpectedEof => SourceFault::Changed(self.shown(item)),
            _ => SourceFault::Unreadable(self.shown(item), escape::reason(error)),
        }
    }
}
