//! A known_hosts file on the disk: opened without waiting, locked, appended to, replaced as a whole.

use std::ffi::OsString;
use std::fs::{DirBuilder, File, Metadata, TryLockError};
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt, FileExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// A larger file is refused.
pub(super) const BYTES: u64 = 256 << 20;
/// How long another process may hold the lock; it is held for one append.
const LOCK_WAIT: Duration = Duration::from_secs(5);
/// Between two tries for the lock.
const LOCK_STEP: Duration = Duration::from_millis(5);
/// How often a file may be replaced between opening and locking it.
const REPLACED: usize = 8;

/// By what a changed file is told from an unchanged one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    device: u64,
    inode: u64,
    pub(super) length: u64,
    modified: Option<SystemTime>,
}

impl Seen {
    pub(super) fn new(metadata: &Metadata) -> Seen {
        Seen {
            device: metadata.dev(),
            inode: metadata.ino(),
            length: metadata.len(),
            modified: metadata.modified().ok(),
        }
    }

    /// The same, when so many bytes of it were read.
    pub(super) fn with_length(self, length: u64) -> Seen {
        Seen { length, ..self }
    }

    pub(super) fn is_same_file(&self, other: &Seen) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }
}

/// Opens without waiting for the other end of a FIFO; anything but a file (or /dev/null) is an error.
pub(super) fn open(options: &mut std::fs::OpenOptions, path: &Path) -> io::Result<File> {
    let nonblocking = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).expect("open's flags are an int");
    let file = options.custom_flags(nonblocking).open(path)?;
    let metadata = file.metadata()?;
    let null = metadata.file_type().is_char_device() && metadata.rdev() == rustix::fs::makedev(1, 3);
    if metadata.is_dir() {
        return Err(io::Error::other("it is a directory"));
    }
    if !metadata.is_file() && !null {
        return Err(io::Error::other("it is not a regular file"));
    }
    Ok(file)
}

/// Opens for appending and locks; makes file and directory where they are missing, for the user alone.
pub(super) fn open_to_append(path: &Path) -> io::Result<File> {
    if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty())
        && !directory.exists()
    {
        match DirBuilder::new().mode(0o700).create(directory) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
    }
    for _ in 0..REPLACED {
        let file = open(File::options().read(true).append(true).create(true).mode(0o600), path)?;
        lock(&file)?;
        // `ssh-keygen -R` puts a new file in its place; then this one is nobody's.
        let here = Seen::new(&file.metadata()?);
        if std::fs::metadata(path).is_ok_and(|there| Seen::new(&there).is_same_file(&here)) {
            return Ok(file);
        }
    }
    Err(io::Error::other("the file is replaced again and again"))
}

fn lock(file: &File) -> io::Result<()> {
    let deadline = Instant::now() + LOCK_WAIT;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            // Some file systems have no locks; appending whole lines is safe all the same.
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => return Ok(()),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) if Instant::now() > deadline => {
                return Err(io::Error::other("another process keeps it locked"));
            }
            Err(TryLockError::WouldBlock) => thread::sleep(LOCK_STEP),
        }
    }
}

/// Puts `text` in the place of a file that `old` has locked and that was as `seen` when it was read: a reader sees the
/// old text or the new one, whole. A symbolic link stays one; owner and mode stay as they were; the old text is kept
/// beside it with the ending `.old`, as ssh does.
///
/// False where the file has changed meanwhile and nothing was done: not everybody who appends takes the lock.
pub(super) fn replace(path: &Path, old: &File, seen: Seen, text: &[u8]) -> io::Result<bool> {
    let was = old.metadata()?;
    if !was.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let path = std::fs::canonicalize(path)?;
    let directory = path.parent().ok_or_else(|| io::Error::other("it has no directory"))?;
    let mut new = tempfile::Builder::new().prefix(".known_hosts.").tempfile_in(directory)?;
    new.write_all(text)?;
    if (was.uid(), was.gid()) != (new.as_file().metadata()?.uid(), new.as_file().metadata()?.gid()) {
        let owner = (rustix::fs::Uid::from_raw(was.uid()), rustix::fs::Gid::from_raw(was.gid()));
        rustix::fs::fchown(new.as_file().as_fd(), Some(owner.0), Some(owner.1))?;
    }
    new.as_file().set_permissions(PermissionsExt::from_mode(was.mode() & 0o7777))?;
    new.as_file().sync_data()?;
    let mut backup = OsString::from(path.as_os_str());
    backup.push(".old");
    match std::fs::remove_file(&backup) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    std::fs::hard_link(&path, &backup)?;
    let now = Seen::new(&std::fs::metadata(&path)?);
    if now != seen {
        return Ok(false);
    }
    new.persist(&path).map_err(|error| error.error)?;
    Ok(true)
}

/// The bytes from `offset` to the end, of a file within the bound.
pub(super) fn read_from(file: &File, offset: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    Positioned { file, at: offset }.take(BYTES + 1 - offset.min(BYTES)).read_to_end(&mut bytes)?;
    if offset + bytes.len() as u64 > BYTES {
        return Err(io::Error::other(format!("it is larger than {} MB", BYTES >> 20)));
    }
    Ok(bytes)
}

/// Reads at a position of its own: the file's own moves with every append.
struct Positioned<'a> {
    file: &'a File,
    at: u64,
}

impl Read for Positioned<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}
