//! A known_hosts file on the disk: opened without waiting, locked, appended to, replaced as a whole.

use std::fs::{self, DirBuilder, File, Metadata, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, FileTypeExt, MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};
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
pub(super) fn open(options: &mut fs::OpenOptions, path: &Path) -> io::Result<File> {
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
        if fs::metadata(path).is_ok_and(|there| Seen::new(&there).is_same_file(&here)) {
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

/// Puts a file with this text in the place of `file`, which `path` names and we have locked; gives the backup's path. A
/// reader sees the old text or the new one, whole; owner and mode stay as they were.
pub(super) fn exchange(file: &File, path: &Path, text: &[u8]) -> io::Result<PathBuf> {
    let old = file.metadata()?;
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty());
    let directory = directory.unwrap_or(Path::new("."));
    if !old.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut new = tempfile::Builder::new().prefix(".known_hosts.").tempfile_in(directory)?;
    new.write_all(text)?;
    let made = new.as_file().metadata()?;
    if (made.uid(), made.gid()) != (old.uid(), old.gid()) {
        fchown(new.as_file(), Some(old.uid()), Some(old.gid()))?;
    }
    new.as_file().set_permissions(old.permissions())?;
    new.as_file().sync_all()?;
    let backup = back_up(path, directory)?;
    new.persist(path)?;
    File::open(directory)?.sync_all()?;
    Ok(backup)
}

/// Gives the file a second name, in the place of an older backup, as ssh-keygen does.
fn back_up(path: &Path, directory: &Path) -> io::Result<PathBuf> {
    let mut backup = path.as_os_str().to_owned();
    backup.push(".old");
    let backup = PathBuf::from(backup);
    // A name of our own first: a link cannot take the place of another.
    let spare = tempfile::Builder::new()
        .prefix(".known_hosts.")
        .make_in(directory, |spare| fs::hard_link(path, spare));
    match spare {
        Ok(spare) => {
            // Where the backup is this file already, this does nothing, and the spare name goes when it is dropped.
            fs::rename(spare.path(), &backup)?;
        }
        // Some file systems have no links.
        Err(_) => {
            let mut copy = tempfile::Builder::new().prefix(".known_hosts.").tempfile_in(directory)?;
            io::copy(&mut File::open(path)?, &mut copy)?;
            copy.as_file().set_permissions(fs::metadata(path)?.permissions())?;
            copy.as_file().sync_all()?;
            copy.persist(&backup)?;
        }
    }
    Ok(backup)
}

/// The bytes from `offset` to the end, of a file within the bound.
pub(super) fn read_from(file: &File, offset: u64) -> io::Result<Vec<u8>> {
    let too_large = || io::Error::other(format!("it is larger than {} MB", BYTES >> 20));
    if file.metadata()?.len() > BYTES {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    Positioned { file, at: offset }.take(BYTES + 1 - offset.min(BYTES)).read_to_end(&mut bytes)?;
    if offset + bytes.len() as u64 > BYTES {
        return Err(too_large());
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
