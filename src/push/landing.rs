//! The local side of a pull: folders and files of ours, made below one that is open.
//!
//! Theory: what a server calls its files becomes names here, and anybody who may write beside us may swap a folder for a link
//! at any moment. So nothing below the user's own DIR is ever reached by a path: a folder is entered from the one above it,
//! name by name, each opened with `O_NOFOLLOW`, and whatever is made is made in a folder that is open. Content stands under a
//! temporary name in its folder until it is on the disk, and is then renamed; a name holds its old or its new content.
//! setuid, setgid and sticky never come from a server.
//!
//! Two names that the file system here cannot tell apart (`A` and `a` on some) would make one file of two. They are known by
//! what they lead to: a name that finds what this pull has put under another one is refused.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, Dir, FileType, FlockOperation, Mode, OFlags, Stat, Timespec, Timestamps};
use rustix::io::Errno;
use sha2::{Digest, Sha256};

use super::part;
use super::path::{RelPath, check_name};
use crate::escape;
use crate::outcome::FileFault;

mod file;

pub use file::NewFile;

/// How a folder is opened: never by way of a link.
const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// The mode of what is made where the server's counts for nothing; the umask takes from it.
const FOLDER_MODE: u32 = 0o777;

/// What we need of a folder to work in it.
const OURS: u32 = 0o700;

/// The bits that a server may say anything about.
const BITS: u32 = 0o777;

/// Characters of a place that a sentence shows at most.
const SHOWN: usize = 300;

/// Whose permissions what arrives has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Modes {
    /// Those of the host, less what the umask here takes.
    #[default]
    Masked,
    /// Those of the host.
    Preserved,
}

/// Why something cannot stand here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place} here: {why}")]
pub struct LandError {
    /// The class.
    pub fault: FileFault,
    place: String,
    why: String,
}

/// What stands under a name here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// A file.
    File {
        /// Bytes.
        size: u64,
        /// When it was changed last, in seconds since 1970.
        mtime: i64,
    },
    /// A folder.
    Folder,
    /// A link, and what it says.
    Link(Vec<u8>),
    /// A device, FIFO or socket.
    Special,
}

/// What this pull has put where, by what the file system knows it by.
#[derive(Debug, Default)]
struct Claims {
    /// By device and inode: a digest of the place.
    held: Mutex<HashMap<(u64, u64), u64>>,
    digest: RandomState,
}

/// The user's DIR, open; all that is brought stands below it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Ground {
    base: Arc<Base>,
}

#[derive(Debug)]
struct Base {
    root: OwnedFd,
    /// As the user named it, for sentences.
    name: String,
    modes: Modes,
    /// Of the places of hosts: their folders, or the files that stand for them.
    places: Arc<Claims>,
    /// The folders of places that were swept. Locked while one is, since a file that is just being made may look left over.
    swept: Mutex<HashSet<RelPath>>,
}

/// A folder below the ground, open.
#[derive(Debug)]
pub struct Folder {
    fd: OwnedFd,
    path: RelPath,
    base: Arc<Base>,
    claims: Arc<Claims>,
}

impl Ground {
    /// Opens DIR, which is made where there is none. It is the user's own word, so links in it are followed.
    pub fn open(dir: &Path, modes: Modes) -> Result<Ground, LandError> {
        let name = escape::text(&dir.display().to_string(), SHOWN);
        let failed = |error: std::io::Error| {
            let errno = error.raw_os_error().map_or(Errno::IO, Errno::from_raw_os_error);
            land_error(name.clone(), errno)
        };
        fs::create_dir_all(dir).map_err(failed)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root =
            rustix::fs::open(dir, flags, Mode::empty()).map_err(|errno| land_error(name.clone(), errno))?;
        let (places, swept) = Default::default();
        Ok(Ground { base: Arc::new(Base { root, name, modes, places, swept }) })
    }

    /// Whose permissions what arrives has.
    pub fn modes(&self) -> Modes {
        self.base.modes
    }

    /// The folder in which the place of a host stands, made with those above it, and swept once. What is claimed in it is
    /// claimed before all hosts.
    pub fn for_place(&self, path: &RelPath) -> Result<Folder, LandError> {
        let folder = path.names().try_fold(self.root()?, |folder, name| folder.make(name))?;
        let mut swept = self.base.swept.lock().unwrap_or_else(PoisonError::into_inner);
        if swept.insert(path.clone()) {
            folder.sweep()?;
        }
        Ok(Folder { claims: Arc::clone(&self.base.places), ..folder })
    }

    /// A folder that is there and that nobody else of this pull writes into, without what earlier pulls have left in it.
    pub fn swept(&self, path: &RelPath) -> Result<Folder, LandError> {
        let folder = self.folder(path)?;
        folder.sweep()?;
        Ok(folder)
    }

    /// A folder that is there, walked to from DIR name by name.
    pub fn folder(&self, path: &RelPath) -> Result<Folder, LandError> {
        path.names().try_fold(self.root()?, |folder, name| folder.open(name))
    }

    fn root(&self) -> Result<Folder, LandError> {
        let base = Arc::clone(&self.base);
        let fd = rustix::io::fcntl_dupfd_cloexec(&base.root, 0);
        let fd = fd.map_err(|errno| land_error(base.name.clone(), errno))?;
        Ok(Folder { fd, path: RelPath::root(), base, claims: Arc::default() })
    }
}

impl Folder {
    /// Where it is, from DIR.
    pub fn path(&self) -> &RelPath {
        &self.path
    }

    /// Enters a folder of this one, made where there is none; says whether it was there before. Where permissions of hosts count,
    /// one of ours that we may not write into is opened for us; [`Folder::settle`] shuts it again.
    pub fn enter(&self, name: &[u8]) -> Result<(Folder, bool), LandError> {
        let was_there = self.make_here(name)?;
        let opened = self.open(name);
        let folder = match opened {
            Err(LandError { fault: FileFault::NoRight, .. }) if self.base.modes == Modes::Preserved => {
                self.unlock(name)?;
                self.open(name)?
            }
            opened => opened?,
        };
        let stat = rustix::fs::fstat(&folder.fd).map_err(|errno| self.error(name, errno))?;
        if self.base.modes == Modes::Preserved && stat.st_mode & OURS != OURS {
            // Where it is not ours, that shows when something is written.
            let _ = rustix::fs::fchmod(&folder.fd, Mode::from_raw_mode((stat.st_mode & BITS) | OURS));
        }
        self.claims().claim(&stat, self, name)?;
        Ok((folder, was_there))
    }

    /// Makes a folder; says whether something of that name stands here.
    fn make_here(&self, name: &[u8]) -> Result<bool, LandError> {
        check_name(name).map_err(|fault| self.refused(name, &fault.to_string()))?;
        match rustix::fs::mkdirat(&self.fd, name, Mode::from_raw_mode(FOLDER_MODE)) {
            Ok(()) => Ok(false),
            Err(Errno::EXIST) => Ok(true),
            Err(errno) => Err(self.error(name, errno)),
        }
    }

    fn make(self, name: &[u8]) -> Result<Folder, LandError> {
        self.make_here(name)?;
        self.open(name)
    }

    /// Lets us into a folder of ours that even we may not read; only Linux has a way that no link can mislead.
    #[cfg(not(target_os = "linux"))]
    fn unlock(&self, name: &[u8]) -> Result<(), LandError> {
        Err(self.error(name, Errno::ACCESS))
    }

    /// Lets us into a folder of ours that even we may not read.
    #[cfg(target_os = "linux")]
    fn unlock(&self, name: &[u8]) -> Result<(), LandError> {
        let failed = |errno| self.error(name, errno);
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(&self.fd, name, flags, Mode::empty()).map_err(failed)?;
        let stat = rustix::fs::fstat(&fd).map_err(failed)?;
        // The one way to change what such a descriptor stands for, whatever has the name by now.
        let way = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&fd));
        rustix::fs::chmod(way, Mode::from_raw_mode((stat.st_mode & BITS) | OURS)).map_err(failed)
    }

    fn open(&self, name: &[u8]) -> Result<Folder, LandError> {
        let path = self.path.join(name).map_err(|fault| self.refused(name, &fault.to_string()))?;
        let fd = rustix::fs::openat(&self.fd, name, FOLDER, Mode::empty()).map_err(|errno| {
            match (errno, self.look(name)) {
                (Errno::LOOP | Errno::NOTDIR, Ok(Some(Standing::Link(_)))) => {
                    self.refused(name, "a link stands there, and no link is followed")
                }
                (Errno::NOTDIR, _) => self.error(name, Errno::NOTDIR),
                (errno, _) => self.error(name, errno),
            }
        })?;
        Ok(Folder { fd, path, base: Arc::clone(&self.base), claims: Arc::default() })
    }

    /// What stands under this name; a link itself.
    pub fn look(&self, name: &[u8]) -> Result<Option<Standing>, LandError> {
        let stat = match rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(self.error(name, errno)),
        };
        Ok(Some(match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => {
                Standing::File { size: u64::try_from(stat.st_size).unwrap_or_default(), mtime: stat.st_mtime }
            }
            FileType::Directory => Standing::Folder,
            FileType::Symlink => {
                let to = rustix::fs::readlinkat(&self.fd, name, Vec::new());
                Standing::Link(to.map_err(|errno| self.error(name, errno))?.into_bytes())
            }
            _ => Standing::Special,
        }))
    }

    /// What stands under this name, a file or a link, counts as brought by this pull: it gets this time and, where those of hosts
    /// count, these permissions. Says false where it cannot have them, so that it is to be brought anew.
    pub fn keep(&self, name: &[u8], (mode, mtime): (u32, i64)) -> Result<bool, LandError> {
        let stat = rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW);
        let stat = stat.map_err(|errno| self.error(name, errno))?;
        self.claims().claim(&stat, self, name)?;
        let kind = FileType::from_raw_mode(stat.st_mode);
        let has_mode = kind == FileType::Symlink
            || self.base.modes == Modes::Masked
            || stat.st_mode & 0o7777 == mode & BITS;
        if has_mode && stat.st_mtime == mtime {
            return Ok(true);
        }
        let marked = match kind {
            FileType::Symlink => {
                rustix::fs::utimensat(&self.fd, name, &times(mtime), AtFlags::SYMLINK_NOFOLLOW)
            }
            // What has a second name has these marks under that, too.
            FileType::RegularFile if stat.st_nlink == 1 => self.mark(name, (&stat, mode, mtime)),
            _ => return Ok(false),
        };
        Ok(marked.is_ok())
    }

    fn mark(&self, name: &[u8], (stat, mode, mtime): (&Stat, u32, i64)) -> Result<(), Errno> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(&self.fd, name, flags, Mode::empty())?;
        if identity(&rustix::fs::fstat(&fd)?) != identity(stat) {
            return Err(Errno::STALE);
        }
        if self.base.modes == Modes::Preserved {
            rustix::fs::fchmod(&fd, Mode::from_raw_mode(mode & BITS))?;
        }
        rustix::fs::futimens(&fd, &times(mtime))
    }

    /// Does the folder list just this name, byte for byte?
    fn lists(&self, name: &[u8]) -> Result<bool, LandError> {
        let failed = |errno| land_error(self.shown(), errno);
        for entry in Dir::read_from(&self.fd).map_err(failed)? {
            if entry.map_err(failed)?.file_name().to_bytes() == name {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The SHA-256 of the file of this name.
    pub fn sha256(&self, name: &[u8]) -> Result<[u8; 32], LandError> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let opened = rustix::fs::openat(&self.fd, name, flags, Mode::empty());
        let mut file = fs::File::from(opened.map_err(|errno| self.error(name, errno))?);
        let (mut digest, mut piece) = (Sha256::new(), vec![0; 64 << 10]);
        loop {
            match file.read(&mut piece) {
                Ok(0) => return Ok(digest.finalize().into()),
                Ok(read) => digest.update(&piece[..read]),
                Err(error) => {
                    let errno = error.raw_os_error().map_or(Errno::IO, Errno::from_raw_os_error);
                    return Err(self.error(name, errno));
                }
            }
        }
    }

    /// Makes a link in the place of whatever file or link is there. Nothing here ever follows it.
    pub fn link(&self, name: &[u8], to: &[u8], mtime: i64) -> Result<(), LandError> {
        let made = part::chance_name(name);
        rustix::fs::symlinkat(to, &self.fd, &made).map_err(|errno| self.error(name, errno))?;
        let times = times(mtime);
        let set = rustix::fs::utimensat(&self.fd, &made, &times, AtFlags::SYMLINK_NOFOLLOW);
        let landed = set.map_err(|errno| self.error(name, errno)).and_then(|()| {
            let stat = rustix::fs::statat(&self.fd, &made, AtFlags::SYMLINK_NOFOLLOW);
            self.put(&made, name, &stat.map_err(|errno| self.error(name, errno))?)
        });
        if landed.is_err() {
            let _ = rustix::fs::unlinkat(&self.fd, &made, AtFlags::empty());
        }
        landed
    }

    /// Renames what was made under a temporary name; `made` is what the file system says of it.
    fn put(&self, temporary: &[u8], name: &[u8], made: &Stat) -> Result<(), LandError> {
        // Nobody else of this pull comes between looking and renaming.
        let mut claims = self.claims();
        match rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(there) => claims.check(&there, self, name)?,
            Err(Errno::NOENT) => {}
            Err(errno) => return Err(self.error(name, errno)),
        }
        rustix::fs::renameat(&self.fd, temporary, &self.fd, name).map_err(|errno| self.error(name, errno))?;
        claims.take(made, self, name);
        Ok(())
    }

    /// Removes what earlier pulls that broke off have left in this folder; gives how many. What another omnes is writing
    /// is locked, and stays.
    fn sweep(&self) -> Result<usize, LandError> {
        let failed = |errno| land_error(self.shown(), errno);
        let mut swept = 0;
        for entry in Dir::read_from(&self.fd).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name().to_bytes();
            if part::is_part(name) && self.is_left(name) {
                let removed = rustix::fs::unlinkat(&self.fd, name, AtFlags::empty());
                swept += usize::from(removed.is_ok());
            }
        }
        Ok(swept)
    }

    /// Does nobody write it any more?
    fn is_left(&self, name: &[u8]) -> bool {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match rustix::fs::openat(&self.fd, name, flags, Mode::empty()) {
            Ok(fd) => {
                rustix::fs::flock(&fd, FlockOperation::NonBlockingLockExclusive) != Err(Errno::WOULDBLOCK)
            }
            // A link, or a file that we may not read: nothing that is being written by us.
            Err(errno) => errno != Errno::NOENT,
        }
    }

    /// Gives the folder the permissions and the time of the one it was brought from.
    pub fn settle(&self, mode: u32, mtime: i64) -> Result<(), LandError> {
        let failed = |errno| land_error(self.shown(), errno);
        rustix::fs::fchmod(&self.fd, Mode::from_raw_mode(mode & BITS)).map_err(failed)?;
        rustix::fs::futimens(&self.fd, &times(mtime)).map_err(failed)
    }

    fn claims(&self) -> Held<'_> {
        let held = self.claims.held.lock().unwrap_or_else(PoisonError::into_inner);
        Held { held, digest: &self.claims.digest }
    }

    /// Where it is, as a sentence shows it.
    fn shown(&self) -> String {
        place(&self.base.name, &self.path)
    }

    fn shown_in(&self, name: &[u8]) -> String {
        let mut folder = self.shown();
        if !folder.ends_with('/') {
            folder.push('/');
        }
        folder + &super::path::shown(name)
    }

    fn error(&self, name: &[u8], errno: Errno) -> LandError {
        land_error(self.shown_in(name), errno)
    }

    /// What was to stand there is lost.
    pub fn lost(&self, name: &[u8], why: &str) -> LandError {
        LandError { fault: FileFault::Other, place: self.shown_in(name), why: why.to_owned() }
    }

    fn refused(&self, name: &[u8], why: &str) -> LandError {
        LandError { fault: FileFault::Refused, place: self.shown_in(name), why: why.to_owned() }
    }
}

/// The claims of a folder, locked.
struct Held<'a> {
    held: MutexGuard<'a, HashMap<(u64, u64), u64>>,
    digest: &'a RandomState,
}

impl Held<'_> {
    fn of(&self, folder: &Folder, name: &[u8]) -> u64 {
        self.digest.hash_one((folder.path.as_bytes(), name))
    }

    /// Does this name lead to what another one has brought?
    fn check(&self, stat: &Stat, folder: &Folder, name: &[u8]) -> Result<(), LandError> {
        let why = "the file system here takes its name for that of something else on the host";
        let is_held = self.held.get(&identity(stat)).is_some_and(|by| *by != self.of(folder, name));
        // A file may have two names here that the user gave it; each stands in its folder, spelled so.
        let may_have_two = stat.st_nlink > 1 && FileType::from_raw_mode(stat.st_mode) != FileType::Directory;
        match is_held && !(may_have_two && folder.lists(name)?) {
            true => Err(folder.refused(name, why)),
            false => Ok(()),
        }
    }

    fn take(&mut self, stat: &Stat, folder: &Folder, name: &[u8]) {
        let by = self.of(folder, name);
        self.held.insert(identity(stat), by);
    }

    fn claim(mut self, stat: &Stat, folder: &Folder, name: &[u8]) -> Result<(), LandError> {
        self.check(stat, folder, name)?;
        self.take(stat, folder, name);
        Ok(())
    }
}

/// What the file system knows something by.
fn identity(stat: &Stat) -> (u64, u64) {
    (stat.st_dev, stat.st_ino)
}

/// Both times of something that was changed then.
fn times(mtime: i64) -> Timestamps {
    let at = Timespec { tv_sec: mtime, tv_nsec: 0 };
    Timestamps { last_access: at, last_modification: at }
}

fn place(base: &str, path: &RelPath) -> String {
    match (path.is_root(), base.ends_with('/')) {
        (true, _) => base.to_owned(),
        (false, true) => format!("{base}{path}"),
        (false, false) => format!("{base}/{path}"),
    }
}

fn land_error(place: String, errno: Errno) -> LandError {
    let (fault, why) = match errno {
        Errno::NOSPC => (FileFault::NoSpace, "there is no room left".to_owned()),
        Errno::DQUOT => (FileFault::NoSpace, "the quota is used up".to_owned()),
        Errno::ACCESS | Errno::PERM => (FileFault::NoRight, "you have no right to write there".to_owned()),
        Errno::ROFS => (FileFault::ReadOnly, "the file system can only be read".to_owned()),
        Errno::BUSY | Errno::TXTBSY => (FileFault::Busy, "it is in use".to_owned()),
        Errno::ISDIR | Errno::NOTEMPTY | Errno::EXIST => {
            (FileFault::IsDirectory, "a folder stands there".to_owned())
        }
        Errno::NOTDIR => (FileFault::IsDirectory, "something that is no folder stands there".to_owned()),
        Errno::LOOP => (FileFault::Refused, "a link stands there, and no link is followed".to_owned()),
        Errno::NAMETOOLONG | Errno::INVAL | Errno::ILSEQ => {
            (FileFault::Refused, "the file system here cannot have such a name".to_owned())
        }
        errno => (FileFault::Other, errno.to_string()),
    };
    LandError { fault, place, why }
}

impl LandError {
    /// Whether nothing else could be written there either.
    pub fn is_for_all(&self) -> bool {
        matches!(self.fault, FileFault::NoSpace | FileFault::ReadOnly)
    }
}

#[cfg(test)]
#[path = "landing_tests.rs"]
mod tests;
