//! A known_hosts file on the disk: opened without waiting, locked, appended to, replaced as a whole.

use std::fs::{self, DirBuilder, File, Metadata, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, FileTypeExt, MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A larger file is refused.
pub(super) const BYTES: u64 = 256 << 20;
/// How long others may keep us from the lock; each holds it for one append or one replacement.
const LOCK_WAIT: Duration = Duration::from_secs(5);
/// Between two tries for the lock.
const LOCK_STEP: Duration = Duration::from_millis(1);

/// How old a file's last change must be, so that its times tell it from the next change: file systems keep time in steps
/// of up to 2 s (FAT).
const STEP: Duration = Duration::from_secs(2);
/// Files are compared in pieces of this many bytes.
const PIECE: usize = 64 << 10;

/// By what a changed file is told from an unchanged one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    device: u64,
    inode: u64,
    pub(super) length: u64,
    /// When its content was last changed, and when anything of it was: seconds and nanoseconds since 1970. The second
    /// cannot be set back.
    modified: (i64, i64),
    changed: (i64, i64),
    /// When it was looked at, such was the last change that the next one will bear another time.
    is_settled: bool,
}

impl Seen {
    pub(super) fn new(metadata: &Metadata) -> Seen {
        Seen {
            device: metadata.dev(),
            inode: metadata.ino(),
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            is_settled: is_settled(metadata.mtime().max(metadata.ctime())),
        }
    }

    /// Whether the file is certainly as it was when it was seen `before`. Where it is not certain the content tells.
    pub(super) fn is_unchanged_since(&self, before: &Seen) -> bool {
        let times = |seen: &Seen| (seen.length, seen.modified, seen.changed);
        before.is_settled && self.is_same_file(before) && times(self) == times(before)
    }

    /// The same, when so many bytes of it were read.
    pub(super) fn with_length(self, length: u64) -> Seen {
        Seen { length, ..self }
    }

    pub(super) fn is_same_file(&self, other: &Seen) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }
}

/// Whether a change at this second is so long ago that another one now bears another time.
fn is_settled(changed: i64) -> bool {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(changed).is_ok_and(|changed| Duration::from_secs(changed) + STEP < now)
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
    let deadline = Instant::now() + LOCK_WAIT;
    loop {
        let file = open(File::options().read(true).append(true).create(true).mode(0o600), path)?;
        lock(&file, deadline)?;
        // `ssh-keygen -R` puts a new file in its place; then this one is nobody's.
        let here = Seen::new(&file.metadata()?);
        if fs::metadata(path).is_ok_and(|there| Seen::new(&there).is_same_file(&here)) {
            return Ok(file);
        }
        if Instant::now() > deadline {
            return Err(io::Error::other("the file is replaced again and again"));
        }
    }
}

/// Opens and locks the file that is to be replaced, and gives its own path: where `path` is a link, the file is
/// replaced that it leads to.
pub(super) fn open_to_replace(path: &Path) -> io::Result<(File, PathBuf)> {
    // Makes it where it is missing, perhaps at the far end of a link.
    drop(open_to_append(path)?);
    let real = fs::canonicalize(path)?;
    Ok((open_to_append(&real)?, real))
}

fn lock(file: &File, deadline: Instant) -> io::Result<()> {
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            // Some file systems have no locks; appending whole lines is safe all the same.
            Err(TryLockError::Error(error)) if has_no_locks(&error) => return Ok(()),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) if Instant::now() > deadline => {
                return Err(io::Error::other("another process keeps it locked"));
            }
            Err(TryLockError::WouldBlock) => thread::sleep(LOCK_STEP),
        }
    }
}

/// Whether a lock failed because the file system has none; NFS without its lock service says so in its own way.
fn has_no_locks(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Unsupported
        || error.raw_os_error() == Some(rustix::io::Errno::NOLCK.raw_os_error())
}

/// Puts a file with the text `new` in the place of `file`, which `path` names and we have locked; gives the backup's
/// path. Where the file no longer holds `old`, since not everybody who appends takes the lock, it stays: `None`. A
/// reader sees the old text or the new one, whole; owner and mode stay as they were.
pub(super) fn exchange(file: &File, path: &Path, old: &[u8], new: &[u8]) -> io::Result<Option<PathBuf>> {
    let was = file.metadata()?;
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty());
    let directory = directory.unwrap_or(Path::new("."));
    if !was.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut made = tempfile::Builder::new().prefix(".known_hosts.").tempfile_in(directory)?;
    made.write_all(new)?;
    let is = made.as_file().metadata()?;
    if (is.uid(), is.gid()) != (was.uid(), was.gid()) {
        fchown(made.as_file(), Some(was.uid()), Some(was.gid()))?;
    }
    made.as_file().set_permissions(was.permissions())?;
    made.as_file().sync_all()?;
    if !holds(file, old)? {
        return Ok(None);
    }
    let backup = back_up(path, directory)?;
    made.persist(path)?;
    File::open(directory)?.sync_all()?;
    Ok(Some(backup))
}

/// Whether a file holds this text and nothing else.
pub(super) fn holds(file: &File, text: &[u8]) -> io::Result<bool> {
    Ok(file.metadata()?.len() == text.len() as u64 && begins_with(file, text)?)
}

/// Whether a file begins with this text.
pub(super) fn begins_with(file: &File, text: &[u8]) -> io::Result<bool> {
    let mut piece = vec![0; PIECE.min(text.len())];
    for (at, expected) in (0..).step_by(PIECE).zip(text.chunks(PIECE)) {
        let piece = &mut piece[..expected.len()];
        match file.read_exact_at(piece, at) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
            read => read?,
        }
        if piece != expected {
            return Ok(false);
        }
    }
    Ok(true)
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
