//! Where manifests are kept: what pushes of a tree put on each host.
//!
//! Below one directory there is one for each tree, by the digest of its names (the folder it comes from, and DEST as it was
//! written): `bodies/` holds manifests by their own digests, each once, however many hosts hold the same; `ledger` has a
//! line for each host that says which body is its own and for which folder there. Everything is for its user alone.
//!
//! Every other file gets its content under another name and is then renamed, so that a program that was killed leaves the old one or
//! the new one. Nothing is forced to the disk: what a power failure takes away or leaves half is told by its digest, and
//! then nothing is known, which costs nobody a file. The lock of a tree is shared by those that push it; whoever has it alone
//! may sweep up bodies that no host has any more.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufReader, BufWriter, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};

use super::delete::{Doomed, Policy, Scope, Sides, doomed};
use super::losses;
use super::manifest::{self, Damage, Reader, Record, Sum, WriteFault, renewed};
use super::manifest_ledger::{self as ledger, Ledger};
use super::path::{RelPath, shown};
use crate::escape;
use crate::hosts::Host;

/// How long a tree, or a host of it, is remembered that is pushed no more.
const KEEP: Duration = Duration::from_secs(400 * 24 * 60 * 60);
/// Trees that are remembered; those that were pushed longest ago are forgotten first.
const TREES: usize = 1_000;
/// Bytes of all trees together, beside which the same holds.
const BYTES: u64 = 1 << 30;

/// How long another omnes may sweep.
const TRIES: usize = 300;
/// A lock of a file says to nobody that it is free, so whoever waits for one without giving up its deadline asks again.
const TRY_AGAIN: Duration = Duration::from_millis(10);

const BODIES: &str = "bodies";
const LEDGER: &str = "ledger";

/// What makes two pushes pushes of the same tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeName {
    /// The folder here: absolute, its links resolved.
    pub source: Vec<u8>,
    /// Where it goes, as it was written, before `{host}` and the like are filled in.
    pub dest: Vec<u8>,
}

/// All trees of this user.
#[derive(Clone, Debug)]
pub struct Shelves {
    root: PathBuf,
}

/// What is remembered of one tree, while it is pushed. Its functions read and write files, so they belong on a thread that
/// may wait.
#[derive(Debug)]
pub struct Shelf {
    directory: PathBuf,
    /// Held for its lock; `None` where there was nothing to be locked.
    _lock: Option<File>,
    ledger: Ledger,
    /// Bodies that were read to their end, or written, since this was opened; who writes one holds it.
    whole: Mutex<HashSet<Sum>>,
}

/// What a push put on a host: files and links, which hosts may share, and the folders that it made there.
pub type Landed<'a> = (&'a [Record], &'a [Record]);

/// Why nothing is known of earlier pushes to a host; sentences.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unknown {
    /// There was none, or it is not remembered.
    #[error("no earlier push of this folder to it is known")]
    Never,
    /// It went to another folder there.
    #[error("the earlier push of this folder went to {0} there")]
    Elsewhere(String),
    /// What was remembered cannot be read.
    #[error("what is remembered of earlier pushes to it is damaged: {0}")]
    Damaged(Damage),
}

/// What earlier pushes put on a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    path: PathBuf,
    sum: Sum,
}

impl Body {
    /// Its records, in ascending order; they count when all of them were read.
    pub fn records(&self) -> Result<Reader<BufReader<File>>, Damage> {
        Ok(Reader::new(BufReader::with_capacity(64 << 10, File::open(&self.path)?), self.sum))
    }
}

impl Shelves {
    /// Below this directory, which need not be there.
    pub fn at(root: PathBuf) -> Shelves {
        Shelves { root }
    }

    /// What is remembered of a tree; forgets what is kept no longer.
    pub fn open(&self, tree: &TreeName) -> io::Result<Shelf> {
        let directory = self.root.join(tree.key());
        let lock = locked(&directory, || {
            sweep(&directory);
            self.forget(&directory);
        })?;
        let ledger = Ledger::open(&directory.join(LEDGER))?;
        let shelf = Shelf { directory, _lock: Some(lock), ledger, whole: Mutex::default() };
        // For people who look into the directory; nothing reads it.
        let text = format!("{}\n{}\n", escape::line(&tree.source), escape::line(&tree.dest));
        shelf.replace("tree", text.as_bytes())?;
        Ok(shelf)
    }

    /// The same for who only looks: nothing is written, nothing forgotten, and nothing can be remembered.
    pub fn look(&self, tree: &TreeName) -> io::Result<Shelf> {
        let directory = self.root.join(tree.key());
        let lock = shared(&directory.join("lock"))?;
        let ledger = Ledger::look(&directory.join(LEDGER))?;
        Ok(Shelf { directory, _lock: lock, ledger, whole: Mutex::default() })
    }

    /// Forgets trees other than this one that are kept no longer.
    fn forget(&self, present: &Path) {
        let mut others: Vec<Old> = directories(&self.root)
            .into_iter()
            .filter(|directory| directory != present)
            .map(|directory| Old {
                bytes: bytes(&directory.join(BODIES)),
                age: age(&directory.join(LEDGER)),
                directory,
            })
            .collect();
        others.sort_by_key(|old| old.age);
        let mut total = bytes(&present.join(BODIES));
        for (older, old) in (1..).zip(others) {
            total += old.bytes;
            if old.age > KEEP || older >= TREES || total > BYTES {
                old.delete();
            }
        }
    }
}

/// A tree that may be forgotten.
struct Old {
    directory: PathBuf,
    bytes: u64,
    age: Duration,
}

impl Old {
    /// Deletes it, unless it is being pushed.
    fn delete(&self) {
        let lock = File::open(self.directory.join("lock"));
        if lock.is_ok_and(|lock| lock.try_lock().is_ok()) {
            let _ = fs::remove_dir_all(&self.directory);
        }
    }
}

impl TreeName {
    fn key(&self) -> String {
        let mut digest = Sha256::new();
        digest.update((self.source.len() as u64).to_le_bytes());
        digest.update(&self.source);
        digest.update(&self.dest);
        short(digest)
    }
}

/// Enough digits that no two are the same by chance.
fn short(digest: Sha256) -> String {
    let mut digits = Sum(digest.finalize().into()).to_string();
    digits.truncate(40);
    digits
}

impl Shelf {
    /// What earlier pushes of the tree put into the folder `root` of a host, as the host itself calls it.
    pub fn known(&self, host: &Host, root: &[u8]) -> Result<Body, Unknown> {
        let held = self.ledger.held(&identity(host)).map_err(|error| Unknown::Damaged(error.into()))?;
        let held = held.ok_or(Unknown::Never)?;
        match held.root == root {
            true => Ok(Body { path: self.body(held.body), sum: held.body }),
            false => Err(Unknown::Elsewhere(shown(&held.root))),
        }
    }

    /// What would go on a host, and what is known of earlier pushes to it.
    pub fn doomed(
        &self,
        (host, root): (&Host, &[u8]),
        sides: &Sides<'_>,
        policy: Policy,
    ) -> (Doomed, losses::Known) {
        let body = self.known(host, root);
        let looked = body.and_then(|body| {
            let records = body.records().map_err(Unknown::Damaged)?;
            doomed(sides, records, policy).map_err(Unknown::Damaged)
        });
        match looked {
            Ok(doomed) => (doomed, losses::Known::Manifest),
            Err(unknown) => {
                let nothing = doomed(sides, std::iter::empty(), policy).unwrap_or_default();
                (nothing, losses::Known::Nothing(unknown.to_string()))
            }
        }
    }

    /// Which folders of a host have to be looked into before [`Shelf::doomed`]; `inside` is the folder of the tree in `root`.
    pub fn scope(&self, (host, root): (&Host, &[u8]), inside: &RelPath, policy: Policy) -> Scope {
        let known = self.known(host, root).and_then(|body| {
            let records = body.records().map_err(Unknown::Damaged)?;
            Scope::new(inside, records, policy).map_err(Unknown::Damaged)
        });
        known.unwrap_or_else(|_| Scope::nothing_known(inside, policy))
    }

    /// A push to a host is over: remembers what landed, each of both in ascending order, and what was known before and
    /// neither landed nor is `gone`.
    pub fn record(
        &self,
        (host, root): (&Host, &[u8]),
        landed: Landed<'_>,
        gone: &dyn Fn(&RelPath) -> bool,
    ) -> io::Result<()> {
        let before = self.known(host, root).ok().filter(|body| self.is_whole(body));
        // Merged twice: most hosts come to a body that is there already, and then nothing is written.
        let sum = merge(before.as_ref(), landed, gone, &mut io::sink())?;
        if !self.is_whole(&Body { path: self.body(sum), sum }) {
            let mut whole = self.whole.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            if !whole.contains(&sum) {
                let name = format!("{BODIES}/{sum}");
                put(&self.directory, &name, |file| merge(before.as_ref(), landed, gone, file).map(drop))?;
                whole.insert(sum);
            }
        }
        self.ledger.hold(&identity(host), (root, sum))
    }

    /// Whether a body reads to its end; each is read once for that.
    fn is_whole(&self, body: &Body) -> bool {
        let mut whole = self.whole.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let reads = || body.records().is_ok_and(|mut records| records.all(|record| record.is_ok()));
        whole.contains(&body.sum) || (reads() && whole.insert(body.sum))
    }

    fn body(&self, sum: Sum) -> PathBuf {
        self.directory.join(BODIES).join(sum.to_string())
    }

    fn replace(&self, name: &str, content: &[u8]) -> io::Result<()> {
        put(&self.directory, name, |file| file.write_all(content))
    }
}

/// Puts a file of a tree in its place whole.
fn put(directory: &Path, name: &str, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let path = directory.join(name);
    let new = directory.join(format!("{NEW}{:016x}", rand::random::<u64>()));
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    let mut file = BufWriter::new(file);
    let placed = fill(&mut file).and_then(|()| file.flush()).and_then(|()| fs::rename(&new, path));
    placed.inspect_err(|_| {
        // It may be gone; the fault that counts is the first.
        let _ = fs::remove_file(&new);
    })
}

/// What the name of a file begins with that is not in its place yet.
const NEW: &str = "new-";

/// The manifest after a push, written as it is made.
fn merge(
    before: Option<&Body>,
    (files, folders): Landed<'_>,
    gone: &dyn Fn(&RelPath) -> bool,
    into: &mut dyn Write,
) -> io::Result<Sum> {
    let before = before.map(Body::records).transpose().map_err(io::Error::other)?;
    let records = renewed(before.into_iter().flatten(), folders.iter().cloned(), gone);
    let records = renewed(records, files.iter().cloned(), &|_| false);
    manifest::write(records, into).map_err(|fault| match fault {
        WriteFault::Io(error) => error,
        WriteFault::Before(damage) => io::Error::other(damage),
    })
}

/// A host as sets know it: its name and its port.
fn identity(host: &Host) -> String {
    let port = host.port().map(|port| port.to_string()).unwrap_or_default();
    format!("{} {port}", host.name())
}

/// The lock of a tree, shared; where nobody else has it, `alone` is called before.
fn locked(directory: &Path, alone: impl Fn()) -> io::Result<File> {
    let path = directory.join("lock");
    for _ in 0..TRIES {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(directory.join(BODIES))?;
        let lock = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(&path)?;
        if lock.try_lock().is_ok() {
            alone();
            lock.unlock()?;
        }
        match lock.try_lock_shared() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(TRY_AGAIN),
            // A file system without locks has nothing to wait for.
            _ if is_at(&lock, &path) => return Ok(lock),
            // Who swept the tree away in between took the file too.
            _ => {}
        }
    }
    Err(stuck())
}

/// The lock of a tree that stands, shared; `None` where there is none.
fn shared(path: &Path) -> io::Result<Option<File>> {
    for _ in 0..TRIES {
        let lock = match File::open(path) {
            Ok(lock) => lock,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        match lock.try_lock_shared() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(TRY_AGAIN),
            _ if is_at(&lock, path) => return Ok(Some(lock)),
            _ => {}
        }
    }
    Err(stuck())
}

fn stuck() -> io::Error {
    let why = "another omnes has held its lock for 3 s; is there one that was stopped?";
    io::Error::new(io::ErrorKind::TimedOut, why)
}

fn is_at(file: &File, path: &Path) -> bool {
    let id = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    match (file.metadata(), fs::metadata(path)) {
        (Ok(open), Ok(there)) => id(open) == id(there),
        _ => false,
    }
}

/// Forgets hosts that are kept no longer, and deletes bodies that no host has and what was never put in its place. Whoever calls
/// it is alone with this tree. What cannot be read is left as it is.
fn sweep(directory: &Path) {
    let path = directory.join(LEDGER);
    let Ok((mut hosts, is_stale)) = Ledger::look(&path).and_then(|ledger| ledger.all()) else { return };
    let all = hosts.len();
    hosts.retain(|_, held| held.age() <= KEEP);
    if is_stale || hosts.len() < all {
        let lines = ledger::written(&hosts);
        if put(directory, LEDGER, |file| file.write_all(lines.as_bytes())).is_err() {
            return;
        }
    }
    let wanted: HashSet<String> = hosts.values().map(|held| held.body.to_string()).collect();
    let is_wanted = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| wanted.contains(name))
    };
    let bodies = files(&directory.join(BODIES)).into_iter().filter(|path| !is_wanted(path));
    let is_new = |path: &PathBuf| {
        path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(NEW.as_bytes()))
    };
    let unplaced = files(directory).into_iter().filter(is_new);
    bodies.chain(unplaced).for_each(|path| {
        let _ = fs::remove_file(path);
    });
}

fn entries(directory: &Path, wanted: impl Fn(&fs::FileType) -> bool) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let wanted = entries.filter(|entry| entry.file_type().is_ok_and(|kind| wanted(&kind)));
    wanted.map(|entry| entry.path()).collect()
}

fn files(directory: &Path) -> Vec<PathBuf> {
    entries(directory, fs::FileType::is_file)
}

fn directories(directory: &Path) -> Vec<PathBuf> {
    entries(directory, fs::FileType::is_dir)
}

fn bytes(directory: &Path) -> u64 {
    files(directory).iter().filter_map(|path| fs::metadata(path).ok()).map(|file| file.len()).sum()
}

/// How long ago something was changed.
fn age(path: &Path) -> Duration {
    let changed = fs::metadata(path).and_then(|there| there.modified()).ok();
    changed.and_then(|at| SystemTime::now().duration_since(at).ok()).unwrap_or_default()
}

#[cfg(test)]
#[path = "manifest_store_tests.rs"]
mod tests;
