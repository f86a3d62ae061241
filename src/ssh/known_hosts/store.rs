//! The known_hosts files of a run: each is read once, and again where it has changed when the user tries again; what is
//! learned is appended.
//!
//! Shared by all connections; a check costs a look into an index. A file that is there and cannot be read as one
//! refuses every host that needs it: without it nobody can say that a key is not revoked or changed.

use std::collections::HashMap;
use std::fs::{DirBuilder, File, Metadata, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::file::Marker;
use super::key::Key;
use super::matcher::Index;
use super::verdict::{Held, Verdict, judge, known_as};
use crate::escape;
use crate::ssh::Target;
use crate::ssh::place::Place;

/// A larger file is refused.
const BYTES: u64 = 64 << 20;
/// How long another process may hold the lock; it is held for one append.
const LOCK_WAIT: Duration = Duration::from_secs(5);
/// Between two tries for the lock.
const LOCK_STEP: Duration = Duration::from_millis(5);
/// How often a file may be replaced between opening and locking it.
const REPLACED: usize = 8;

/// Why the files gave no verdict, or a key was not kept. Each refuses the host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// A file cannot be read.
    #[error("{file} cannot be read: {why}; host keys cannot be checked without it")]
    Unreadable {
        /// Which file.
        file: String,
        /// What is wrong with it.
        why: String,
    },
    /// A key could not be kept.
    #[error("the host key cannot be kept: {0}")]
    NotKept(String),
    /// Meanwhile another process kept a key that speaks against this one.
    #[error("{0}")]
    Conflict(String),
}

/// All known_hosts files of a run, by their paths.
#[derive(Debug, Default)]
pub struct KnownHosts {
    files: Mutex<HashMap<PathBuf, Arc<Slot>>>,
}

/// One file; `None` until it is needed.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) path: Arc<Path>,
    content: Mutex<Option<Result<Content, String>>>,
    /// Held by whoever appends. It is not `content`, since checks go on while another process has the file locked.
    pub(super) appending: Mutex<()>,
    /// The file is to be looked at again before it is next used.
    doubted: AtomicBool,
}

#[derive(Debug, Default)]
pub(super) struct Content {
    pub(super) index: Index,
    /// What the file was when it was read; `None` where there was none.
    seen: Option<Seen>,
}

/// By what a changed file is told from an unchanged one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    device: u64,
    inode: u64,
    length: u64,
    modified: Option<SystemTime>,
}

impl Seen {
    fn new(metadata: &Metadata) -> Seen {
        Seen {
            device: metadata.dev(),
            inode: metadata.ino(),
            length: metadata.len(),
            modified: metadata.modified().ok(),
        }
    }

    fn is_same_file(&self, other: &Seen) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }
}

impl KnownHosts {
    /// A store that has read nothing yet.
    pub fn new() -> KnownHosts {
        KnownHosts::default()
    }

    /// Looks at each file again before it is next used, and reads it again where it has changed: for a user who mended
    /// it and tries again.
    pub fn doubt(&self) {
        let files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        files.values().for_each(|slot| slot.doubted.store(true, Ordering::Relaxed));
    }

    /// What the target's files say about a key that it presents; `blob` is the key on the wire (RFC 4253 section 6.6).
    pub fn check(&self, target: &Target, blob: &[u8]) -> Result<Verdict, StoreError> {
        let name = known_as(target);
        let verdict = judge(&self.held(target, &name)?, &name, blob);
        if verdict != Verdict::Unknown || target.key_port.is_none() {
            return Ok(verdict);
        }
        // As ssh does: a host on another port may be known by its name alone. That can only speak for the key, or
        // say that it is revoked.
        let plain = judge(&self.held(target, &target.key_name)?, &target.key_name, blob);
        Ok(match plain {
            Verdict::Known | Verdict::Revoked { .. } => plain,
            Verdict::Unknown | Verdict::Changed { .. } => Verdict::Unknown,
        })
    }

    /// The key types that the target's files hold for it, each once, in the order of the files. To ask the host for
    /// these first spares needless questions, as OpenSSH does. Empty where a file cannot be read: the check says so.
    pub fn algorithms_for(&self, target: &Target) -> Vec<&'static str> {
        let held = self.held(target, &known_as(target)).unwrap_or_default();
        let mut algorithms = Vec::new();
        for line in held.iter().filter(|line| line.marker == Marker::Plain) {
            if !algorithms.contains(&line.key.algorithm) {
                algorithms.push(line.key.algorithm);
            }
        }
        algorithms
    }

    /// Keeps a key for the target, in the first of its `UserKnownHostsFile`s: one whole line, appended under a lock.
    /// Where another process has kept the same key meanwhile nothing is written; where it kept another one, or revoked
    /// this one, that is an error.
    ///
    /// This writes to a file and may wait up to 5 s for another process's append; checks do not wait for it.
    pub fn learn(&self, target: &Target, blob: &[u8]) -> Result<(), StoreError> {
        let path = target.user_known_hosts.first().ok_or_else(|| {
            StoreError::NotKept(
                "UserKnownHostsFile is none; name a file with -o UserKnownHostsFile".to_owned(),
            )
        })?;
        let name = known_as(target);
        let (algorithm, line) = line(&name, blob)?;
        let slot = self.slot(path);
        loaded(&slot.path, &mut slot.lock())?;
        let failed = |error: io::Error| StoreError::NotKept(format!("{}: {error}", shown(&slot.path)));
        let _turn = slot.appending.lock().unwrap_or_else(PoisonError::into_inner);
        let file = open_to_append(&slot.path).map_err(failed)?;
        let mut content = slot.lock();
        let content = loaded(&slot.path, &mut content)?;
        content.refresh(&file).map_err(failed)?;
        match judge(&content.held(&slot.path, &name), &name, blob) {
            Verdict::Known => return Ok(()),
            Verdict::Unknown => {}
            verdict => {
                let why = verdict.refusal(target, algorithm, blob);
                return Err(StoreError::Conflict(
                    why.expect("changed and revoked keys are refused with a reason"),
                ));
            }
        }
        let start = if content.index.is_torn() { "\n" } else { "" };
        (&file).write_all(format!("{start}{line}").as_bytes()).map_err(failed)?;
        content.refresh(&file).map_err(failed)?;
        if judge(&content.held(&slot.path, &name), &name, blob) != Verdict::Known {
            // Into /dev/null, then; for this run it is known all the same.
            content.index.extend(line.as_bytes());
        }
        Ok(())
    }

    /// The lines of all the target's files that name `name` and hold a valid key.
    fn held(&self, target: &Target, name: &str) -> Result<Vec<Held>, StoreError> {
        let mut held = Vec::new();
        for path in target.user_known_hosts.iter().chain(&target.global_known_hosts) {
            let slot = self.slot(path);
            let mut content = slot.lock();
            held.extend(loaded(&slot.path, &mut content)?.held(&slot.path, name));
        }
        Ok(held)
    }

    pub(super) fn slot(&self, path: &Path) -> Arc<Slot> {
        // A panic elsewhere leaves no half-made slot behind.
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = files.get(path) {
            return slot.clone();
        }
        let slot = Arc::new(Slot {
            path: path.into(),
            content: Mutex::new(None),
            appending: Mutex::new(()),
            doubted: AtomicBool::new(false),
        });
        files.insert(path.to_owned(), slot.clone());
        slot
    }
}

impl Slot {
    pub(super) fn lock(&self) -> MutexGuard<'_, Option<Result<Content, String>>> {
        let mut content = self.content.lock().unwrap_or_else(|poisoned| {
            // Whatever was being changed is read again.
            let mut content = poisoned.into_inner();
            *content = None;
            content
        });
        if self.doubted.swap(false, Ordering::Relaxed) && self.has_changed(&content) {
            *content = None;
        }
        if content.is_none() {
            *content = Some(Content::read(&self.path).map_err(|error| error.to_string()));
        }
        content
    }

    /// Is the file another than the one that was read? What was learned into /dev/null stays.
    fn has_changed(&self, content: &Option<Result<Content, String>>) -> bool {
        match (content, std::fs::metadata(&self.path)) {
            (Some(Ok(content)), Ok(now)) => now.is_file() && content.seen != Some(Seen::new(&now)),
            (Some(Ok(content)), Err(_)) => content.seen.is_some(),
            (Some(Err(_)) | None, _) => true,
        }
    }
}

pub(super) fn loaded<'a>(
    path: &Path,
    content: &'a mut Option<Result<Content, String>>,
) -> Result<&'a mut Content, StoreError> {
    match content.as_mut().expect("locking a slot reads it") {
        Ok(content) => Ok(content),
        Err(why) => Err(StoreError::Unreadable { file: shown(path), why: why.clone() }),
    }
}

impl Content {
    /// Reads a file; a missing one is empty.
    fn read(path: &Path) -> io::Result<Content> {
        let mut content = Content::default();
        match open(File::options().read(true), path) {
            Ok(file) => content.refresh(&file)?,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {}
            Err(error) => return Err(error),
        }
        Ok(content)
    }

    /// Takes in what has changed since the file was read: only the end, if it has only grown.
    pub(super) fn refresh(&mut self, file: &File) -> io::Result<()> {
        let now = Seen::new(&file.metadata()?);
        if self.seen == Some(now) {
            return Ok(());
        }
        let known = self.index.len() as u64;
        let grown = self.seen.is_some_and(|seen| seen.is_same_file(&now) && seen.length == known)
            && now.length >= known
            && !self.index.is_torn();
        if !grown {
            self.index = Index::default();
        }
        let more = read_from(file, self.index.len() as u64)?;
        self.index.extend(&more);
        self.seen = Some(Seen { length: self.index.len() as u64, ..now });
        Ok(())
    }

    pub(super) fn held(&mut self, path: &Arc<Path>, name: &str) -> Vec<Held> {
        let found = self.index.find(name).into_iter();
        found
            .filter_map(|found| {
                let at = Place { file: path.clone(), line: found.line };
                Some(Held { marker: found.marker, key: Key::read(found.key)?, at })
            })
            .collect()
    }
}

/// The line that keeps a key, and the key's algorithm. What ssh would not read back as this host's key is not written.
pub(super) fn line(name: &str, blob: &[u8]) -> Result<(&'static str, String), StoreError> {
    let plain = |c: char| c.is_ascii_graphic() && !"*?!,|#@\\\"'".contains(c);
    if name.is_empty() || !name.chars().all(plain) {
        let shown = escape::text(name, 80);
        return Err(StoreError::NotKept(format!(
            "`{shown}` cannot stand in known_hosts; choose another HostKeyAlias"
        )));
    }
    let key = Key::from_blob(blob.to_vec());
    let key =
        key.ok_or_else(|| StoreError::NotKept("it is of a type that known_hosts does not hold".to_owned()))?;
    Ok((key.algorithm, format!("{name} {} {}\n", key.algorithm, STANDARD.encode(blob))))
}

/// Opens without waiting for the other end of a FIFO; anything but a file (or /dev/null) is an error.
fn open(options: &mut std::fs::OpenOptions, path: &Path) -> io::Result<File> {
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

pub(super) fn shown(path: &Path) -> String {
    escape::line(path.as_os_str().as_encoded_bytes())
}
