//! A file on its way: written under a temporary name, renamed when all of it is on the disk.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use super::{BITS, Folder, LandError, Modes, times};
use crate::push::part;

/// A piece of zeros of at least so many bytes is not written but left out, as the hole it may have been there.
const HOLE: usize = 4096;

/// A file that nobody sees under its name yet. Dropped, it is removed.
#[derive(Debug)]
pub struct NewFile {
    folder: Arc<Folder>,
    name: Box<[u8]>,
    temporary: Vec<u8>,
    file: File,
    size: u64,
    mode: u32,
    landed: bool,
}

impl NewFile {
    /// Begins a file of this name, with the permissions that the host gives it.
    pub fn begin(folder: &Arc<Folder>, name: &[u8], mode: u32) -> Result<NewFile, LandError> {
        let temporary = part::chance_name(name);
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let bits = Mode::from_raw_mode(mode & BITS);
        let made = rustix::fs::openat(&folder.fd, &temporary, flags, bits);
        let fd = made.map_err(|errno| folder.error(name, errno))?;
        // Some file systems have no locks; then a pull at the same moment may take it for left over, and this one says so.
        let _ = rustix::fs::flock(&fd, FlockOperation::NonBlockingLockExclusive);
        let (folder, name, file) = (Arc::clone(folder), name.into(), File::from(fd));
        Ok(NewFile { folder, name, temporary, file, size: 0, mode, landed: false })
    }

    /// Adds bytes at its end.
    pub fn add(&mut self, bytes: &[u8]) -> Result<(), LandError> {
        let is_hole = bytes.len() >= HOLE && bytes.iter().all(|byte| *byte == 0);
        if !is_hole {
            self.file.write_all_at(bytes, self.size).map_err(|error| self.failed(&error))?;
        }
        self.size += bytes.len() as u64;
        Ok(())
    }

    /// Puts it in its place, with this time of its last change.
    pub fn land(mut self, mtime: i64) -> Result<(), LandError> {
        self.file.set_len(self.size).map_err(|error| self.failed(&error))?;
        let failed = |errno| self.folder.error(&self.name, errno);
        if self.folder.base.modes == Modes::Preserved {
            rustix::fs::fchmod(&self.file, Mode::from_raw_mode(self.mode & BITS)).map_err(failed)?;
        }
        rustix::fs::futimens(&self.file, &times(mtime)).map_err(failed)?;
        rustix::fs::fsync(&self.file).map_err(failed)?;
        let made = rustix::fs::fstat(&self.file).map_err(failed)?;
        self.folder.put(&self.temporary, &self.name, &made)?;
        self.landed = true;
        Ok(())
    }

    fn failed(&self, error: &std::io::Error) -> LandError {
        let errno = error.raw_os_error().map_or(Errno::IO, Errno::from_raw_os_error);
        self.folder.error(&self.name, errno)
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.landed {
            let _ = rustix::fs::unlinkat(&self.folder.fd, &self.temporary, AtFlags::empty());
        }
    }
}
