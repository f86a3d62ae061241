//! The file system of one host, as its sessions share it and as tests look at it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use super::content::{Content, Pool, Sha};
use super::fs::{Fs, History};
use super::node::{Body, Last, NodeId, Rights, Stat, State};
use crate::demo::scenario::FilesFault;

/// How often something was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Openings of a file.
    pub opens: usize,
    /// Pieces of it that were read.
    pub reads: usize,
    /// Pieces of it that were written.
    pub writes: usize,
    /// Openings of a folder.
    pub lists: usize,
    /// Questions what it is.
    pub stats: usize,
}

/// The files of one host. Paths are absolute; what a test does to them is done as root, whatever is wrong with the host.
#[derive(Debug)]
pub struct Disk {
    held: Mutex<Held>,
    pool: Arc<Pool>,
}

/// What the lock holds.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) fs: Fs,
    pub(super) history: History,
    counted: BTreeMap<Box<[u8]>, Counted>,
}

impl Held {
    /// Counts a request about a path, where that is kept.
    pub(super) fn count(&mut self, path: &[u8], count: impl FnOnce(&mut Counted)) {
        if self.history == History::None {
            return;
        }
        match self.counted.get_mut(path) {
            Some(counted) => count(counted),
            None => count(self.counted.entry(path.into()).or_default()),
        }
    }

    /// The same for something that is open.
    pub(super) fn count_node(&mut self, id: NodeId, count: impl FnOnce(&mut Counted)) {
        if self.history == History::Kept {
            self.count(&self.fs.path(id), count);
        }
    }
}

impl Disk {
    /// An empty disk whose pieces are those of `pool`.
    pub(in crate::demo) fn new(history: History, pool: &Arc<Pool>) -> Disk {
        let held = Held { fs: Fs::new(history), history, counted: BTreeMap::new() };
        Disk { held: Mutex::new(held), pool: pool.clone() }
    }

    /// What is wrong with the disk itself, from now on.
    pub(in crate::demo) fn suffer(&self, fault: FilesFault) {
        let mut held = self.lock();
        let rights = match fault {
            FilesFault::NoSpaceAfter(free) => return held.fs.bound(free),
            FilesFault::ReadOnly => Rights::ReadOnly,
            FilesFault::NoRight => Rights::Others,
            _ => Rights::All,
        };
        held.fs.allow(rights);
    }

    /// Puts a file there with the folders that lead to it, in the place of what was there.
    pub fn put(&self, path: impl AsRef<[u8]>, content: impl AsRef<[u8]>, (mode, mtime): (u32, i64)) {
        let content = Content::whole(self.pool.share(content.as_ref()));
        self.set(path.as_ref(), Body::File(Arc::new(content)), (mode, mtime));
    }

    /// Puts a link there, likewise.
    pub fn put_link(&self, path: impl AsRef<[u8]>, to: impl AsRef<[u8]>) {
        self.set(path.as_ref(), Body::Link(to.as_ref().into()), (0o777, 0));
    }

    /// Puts a FIFO there, likewise.
    pub fn put_fifo(&self, path: impl AsRef<[u8]>) {
        self.set(path.as_ref(), Body::Fifo, (0o644, 0));
    }

    /// Makes a folder there and those that lead to it; one that is there stays as it is.
    pub fn put_dir(&self, path: impl AsRef<[u8]>, (mode, mtime): (u32, i64)) {
        let path = path.as_ref();
        if self.stat(path).is_none() {
            self.set(path, Body::Dir(BTreeMap::new()), (mode, mtime));
        }
    }

    /// What is in a file; `None` where there is none.
    pub fn content(&self, path: impl AsRef<[u8]>) -> Option<Content> {
        let held = self.lock();
        match held.fs.body(held.fs.find(path.as_ref(), Last::Itself).ok()?) {
            Body::File(content) => Some(Content::clone(content)),
            _ => None,
        }
    }

    /// The digest of a file; `None` where there is none.
    pub fn sha256(&self, path: impl AsRef<[u8]>) -> Option<Sha> {
        Some(self.content(path)?.sha256())
    }

    /// Where a link leads; `None` where there is none.
    pub fn link(&self, path: impl AsRef<[u8]>) -> Option<Vec<u8>> {
        let held = self.lock();
        match held.fs.body(held.fs.find(path.as_ref(), Last::Itself).ok()?) {
            Body::Link(to) => Some(to.to_vec()),
            _ => None,
        }
    }

    /// What stands there, a link itself.
    pub fn stat(&self, path: impl AsRef<[u8]>) -> Option<Stat> {
        let held = self.lock();
        held.fs.find(path.as_ref(), Last::Itself).ok().map(|id| held.fs.stat(id))
    }

    /// All there is below a folder, by its path from there, in order.
    pub fn tree(&self, folder: impl AsRef<[u8]>) -> Vec<(Vec<u8>, Stat)> {
        let held = self.lock();
        let folder = folder.as_ref();
        let root = [folder.strip_suffix(b"/").unwrap_or(folder), b"/"].concat();
        let all = held.fs.walk().into_iter();
        all.filter_map(|(path, id)| Some((path.strip_prefix(&*root)?.to_vec(), held.fs.stat(id)))).collect()
    }

    /// Everything this path ever was, oldest first; only with [`History::Kept`].
    pub fn states(&self, path: impl AsRef<[u8]>) -> Vec<State> {
        self.lock().fs.states(path.as_ref())
    }

    /// Every path that ever was anything; only with [`History::Kept`].
    pub fn ever(&self) -> Vec<Vec<u8>> {
        self.lock().fs.ever()
    }

    /// How often this path was asked for, as it was then; only with [`History::Kept`].
    pub fn asked(&self, path: impl AsRef<[u8]>) -> Counted {
        self.lock().counted.get(path.as_ref()).copied().unwrap_or_default()
    }

    /// The bytes that can still be written.
    pub fn room(&self) -> u64 {
        self.lock().fs.room().1
    }

    pub(super) fn pool(&self) -> &Pool {
        &self.pool
    }

    /// The lock is held for one request, never over an await.
    pub(super) fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().expect("no holder of this lock can panic")
    }

    fn set(&self, path: &[u8], body: Body, (mode, mtime): (u32, i64)) {
        let mut held = self.lock();
        let rights = held.fs.allow(Rights::All);
        let slashes = path.iter().enumerate().skip(1).filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
        for slash in slashes {
            // It is there already, or what comes after it fails.
            let _there = held.fs.make(&path[..slash], Body::Dir(BTreeMap::new()), (0o755, mtime));
        }
        // What is not there need not go.
        let _none = held.fs.remove(path, mtime);
        let made = held.fs.make(path, body, (mode, mtime));
        held.fs.allow(rights);
        drop(held);
        if let Err(error) = made {
            panic!("nothing can be put at {}: {error:?}", String::from_utf8_lossy(path));
        }
    }
}
