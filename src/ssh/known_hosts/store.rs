//! The known_hosts files of a run: each is read once, and again where it has changed when the user tries again; what is
//! learned is appended.
//!
//! Shared by all connections; a check costs a look into an index, under a lock that readers share. A file that is there
//! and cannot be read as one refuses every host that needs it: without it nobody can say that a key is not revoked or
//! changed.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::certificate::HostCertificate;
use super::disk::{Seen, begins_with, open, open_to_append, read_from};
use super::file::Marker;
use super::key::Key;
use super::matcher::Index;
use super::revoked::{Found, Revoked};
use super::update;
use super::updates::Waiting;
use super::verdict::{Held, Verdict, Vouched, judge, known_as, vouch};
use crate::escape;
use crate::ssh::Target;
use crate::ssh::place::Place;

/// The names of the certificate types that hosts present.
const CERTIFICATES: [&str; 6] = [
    "ssh-ed25519-cert-v01@openssh.com",
    "ecdsa-sha2-nistp256-cert-v01@openssh.com",
    "ecdsa-sha2-nistp384-cert-v01@openssh.com",
    "ecdsa-sha2-nistp521-cert-v01@openssh.com",
    "rsa-sha2-512-cert-v01@openssh.com",
    "rsa-sha2-256-cert-v01@openssh.com",
];

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

/// All known_hosts files of a run, by their paths, and those of `RevokedHostKeys`.
#[derive(Debug, Default)]
pub struct KnownHosts {
    files: Mutex<HashMap<PathBuf, Arc<Slot>>>,
    revoked: Mutex<HashMap<PathBuf, RevokedFile>>,
    pub(super) waiting: Mutex<Waiting>,
}

/// A file of `RevokedHostKeys`, read when first needed; the error says what is wrong with it.
type RevokedFile = Arc<OnceLock<Result<Revoked, String>>>;

/// One file; `None` until it is needed.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) path: Arc<Path>,
    content: RwLock<Option<Result<Content, String>>>,
    /// Held by whoever appends or replaces. It is not `content`, since checks go on while another process has the file
    /// locked.
    appending: Mutex<()>,
    /// The file is to be looked at again before it is next used.
    doubted: AtomicBool,
}

#[derive(Debug, Default)]
pub(super) struct Content {
    pub(super) index: Index,
    /// What the file was when it was read; `None` where there was none.
    pub(super) seen: Option<Seen>,
}

impl KnownHosts {
    /// A store that has read nothing yet.
    pub fn new() -> KnownHosts {
        KnownHosts::default()
    }

    /// Looks at each file again before it is next used, and reads it again where it has changed: for a user who mended
    /// it and tries again.
    pub fn doubt(&self) {
        lock(&self.files).values().for_each(|slot| slot.doubted.store(true, Ordering::Relaxed));
        lock(&self.revoked).clear();
    }

    /// Whether all files that the target needs were read, so that looking into them waits for no disk.
    pub fn is_ready(&self, target: &Target) -> bool {
        let has_read = |path: &PathBuf| lock(&self.files).get(path).is_some_and(|slot| slot.is_read());
        let has_revoked =
            |path: &PathBuf| lock(&self.revoked).get(path).is_some_and(|file| file.get().is_some());
        target.user_known_hosts.iter().chain(&target.global_known_hosts).all(has_read)
            && target.keeping.revoked.iter().all(has_revoked)
    }

    /// Reads the files that the target needs. What is wrong with one is said when a key is checked.
    pub fn prepare(&self, target: &Target) {
        for path in target.user_known_hosts.iter().chain(&target.global_known_hosts) {
            drop(self.slot(path).read());
        }
        drop(self.revoked_at(target, |_| None));
    }

    /// What the target's files say about a key that it presents; `blob` is the key on the wire (RFC 4253 section 6.6).
    pub fn check(&self, target: &Target, blob: &[u8]) -> Result<Verdict, StoreError> {
        if let Some(at) = self.revoked_at(target, |revoked| revoked.key(blob))? {
            return Ok(Verdict::Revoked { at });
        }
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

    /// Whether an authority that the target's files name vouches for it with this certificate at the time `now`
    /// (seconds since 1970). Where none does, the certificate's key is to be checked like any other.
    pub fn vouch(
        &self,
        target: &Target,
        certificate: &HostCertificate,
        now: u64,
    ) -> Result<Vouched, StoreError> {
        if let Some(at) = self.revoked_at(target, |revoked| revoked.certificate(certificate))? {
            return Ok(Vouched::Revoked { at });
        }
        let flaw = || certificate.flaw(&target.key_name, now, &target.algorithms.ca_signatures);
        let vouched = vouch(&self.held(target, &known_as(target))?, certificate, flaw);
        if target.key_port.is_none() || vouched != Vouched::Unknown {
            return Ok(vouched);
        }
        Ok(vouch(&self.held(target, &target.key_name)?, certificate, flaw))
    }

    /// The key types that the target's files hold for it, each once, in the order of the files; the types of
    /// certificates come first where one may decide. To ask the host for these first spares needless questions, as
    /// OpenSSH does. Empty where a file cannot be read: the check says so.
    pub fn algorithms_for(&self, target: &Target) -> Vec<&'static str> {
        let name = known_as(target);
        let held = self.held(target, &name).unwrap_or_default();
        let mut algorithms = Vec::new();
        if !target.keeping.revoked.is_empty()
            || held.iter().any(|line| line.marker != Marker::Plain)
            || (target.key_port.is_some() && self.has_marked(target, &target.key_name))
        {
            algorithms.extend(CERTIFICATES);
        }
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
        let (algorithm, line) = line(target, &name, blob)?;
        let slot = self.slot(path);
        drop(slot.read()?);
        let failed = |error: io::Error| StoreError::NotKept(format!("{}: {error}", shown(&slot.path)));
        let _turn = slot.turn();
        let file = open_to_append(&slot.path).map_err(failed)?;
        slot.change(|content| content.refresh(&file))?.map_err(failed)?;
        let start = {
            let content = slot.read()?;
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
            if content.index.is_torn() { "\n" } else { "" }
        };
        (&file).write_all(format!("{start}{line}").as_bytes()).map_err(failed)?;
        slot.change(|content| {
            content.refresh(&file).map_err(failed)?;
            if judge(&content.held(&slot.path, &name), &name, blob) != Verdict::Known {
                // Into /dev/null, then; for this run it is known all the same.
                content.index.extend(line.as_bytes());
            }
            Ok(())
        })?
    }

    /// The lines of all the target's files that name `name` and hold a valid key.
    fn held(&self, target: &Target, name: &str) -> Result<Vec<Held>, StoreError> {
        let mut held = Vec::new();
        for path in target.user_known_hosts.iter().chain(&target.global_known_hosts) {
            let slot = self.slot(path);
            held.extend(slot.read()?.held(&slot.path, name));
        }
        Ok(held)
    }

    /// Whether a line with a marker names `name`; without any marker in the files no name is looked for.
    fn has_marked(&self, target: &Target, name: &str) -> bool {
        target.user_known_hosts.iter().chain(&target.global_known_hosts).any(|path| {
            let slot = self.slot(path);
            slot.read().is_ok_and(|content| {
                content.index.has_markers()
                    && content.held(&slot.path, name).iter().any(|line| line.marker != Marker::Plain)
            })
        })
    }

    /// Where one of the files of `RevokedHostKeys` revokes what `look` looks for.
    fn revoked_at(
        &self,
        target: &Target,
        look: impl Fn(&Revoked) -> Option<Found>,
    ) -> Result<Option<Place>, StoreError> {
        for path in &target.keeping.revoked {
            let file = Arc::clone(lock(&self.revoked).entry(path.clone()).or_default());
            // A missing file is an error, as it is for ssh.
            let read = || {
                let bytes = open(File::options().read(true), path).and_then(|file| read_from(&file, 0));
                Revoked::read(&bytes.map_err(|error| error.to_string())?)
            };
            let revoked = file.get_or_init(read).as_ref();
            let revoked =
                revoked.map_err(|why| StoreError::Unreadable { file: shown(path), why: why.clone() })?;
            if let Some(found) = look(revoked) {
                return Ok(Some(Place { file: path.as_path().into(), line: found.unwrap_or(0) }));
            }
        }
        Ok(None)
    }

    pub(super) fn slot(&self, path: &Path) -> Arc<Slot> {
        let mut files = lock(&self.files);
        if let Some(slot) = files.get(path) {
            return slot.clone();
        }
        let slot = Arc::new(Slot {
            path: path.into(),
            content: RwLock::new(None),
            appending: Mutex::new(()),
            doubted: AtomicBool::new(false),
        });
        files.insert(path.to_owned(), slot.clone());
        slot
    }
}

/// A panic elsewhere leaves nothing half-made behind these locks.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A file's content while others may read it too; it was read.
pub(super) struct Reading<'a>(RwLockReadGuard<'a, Option<Result<Content, String>>>);

impl std::ops::Deref for Reading<'_> {
    type Target = Content;

    fn deref(&self) -> &Content {
        let content = self.0.as_ref().and_then(|content| content.as_ref().ok());
        content.expect("a content that could not be read is never handed out")
    }
}

impl Slot {
    /// The content, read where it was not yet.
    pub(super) fn read(&self) -> Result<Reading<'_>, StoreError> {
        loop {
            if !self.doubted.load(Ordering::Relaxed)
                && let Ok(content) = self.content.read()
            {
                match &*content {
                    Some(Ok(_)) => return Ok(Reading(content)),
                    Some(Err(why)) => return Err(self.unreadable(why)),
                    None => {}
                }
            }
            drop(self.load());
        }
    }

    /// Whether the content is there, and nobody is changing it.
    fn is_read(&self) -> bool {
        !self.doubted.load(Ordering::Relaxed)
            && self.content.try_read().is_ok_and(|content| content.is_some())
    }

    /// Changes the content, when nobody reads it.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Content) -> T) -> Result<T, StoreError> {
        match self.load().as_mut().expect("loading reads it") {
            Ok(content) => Ok(change(content)),
            Err(why) => Err(self.unreadable(why)),
        }
    }

    /// The turn to append or to replace.
    pub(super) fn turn(&self) -> MutexGuard<'_, ()> {
        lock(&self.appending)
    }

    fn unreadable(&self, why: &str) -> StoreError {
        StoreError::Unreadable { file: shown(&self.path), why: why.to_owned() }
    }

    fn load(&self) -> RwLockWriteGuard<'_, Option<Result<Content, String>>> {
        let mut content = self.content.write().unwrap_or_else(|poisoned| {
            // Whatever was being changed is read again.
            self.content.clear_poison();
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
            (Some(Ok(content)), Ok(now)) => {
                let now_seen = Seen::new(&now);
                now.is_file() && !content.seen.is_some_and(|seen| now_seen.is_unchanged_since(&seen))
            }
            (Some(Ok(content)), Err(_)) => content.seen.is_some(),
            (Some(Err(_)) | None, _) => true,
        }
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

    /// Takes in what has changed since the file was read: only the end, if it has only grown. Where the file's times
    /// leave that open its bytes are compared, which is much cheaper than reading its lines.
    pub(super) fn refresh(&mut self, file: &File) -> io::Result<()> {
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            // /dev/null holds nothing, and what was learned into it stays.
            return Ok(());
        }
        let now = Seen::new(&metadata);
        if self.seen.is_some_and(|seen| now.is_unchanged_since(&seen)) {
            return Ok(());
        }
        let has_grown = now.length >= self.index.len() as u64 && begins_with(file, self.index.text())?;
        let ends_within_a_line = now.length > self.index.len() as u64 && self.index.is_torn();
        if !has_grown || ends_within_a_line {
            self.index = self.index.anew();
        }
        let more = read_from(file, self.index.len() as u64)?;
        self.index.extend(&more);
        self.seen = Some(now.with_length(self.index.len() as u64));
        Ok(())
    }

    pub(super) fn held(&self, path: &Arc<Path>, name: &str) -> Vec<Held> {
        let found = self.index.find(name).into_iter();
        found
            .filter_map(|found| {
                let at = Place { file: path.clone(), line: found.line };
                Some(Held { marker: found.marker, key: Key::read(found.key)?, at })
            })
            .collect()
    }
}

/// Whether a name can stand in a line, as this one name and nothing else.
pub(super) fn can_stand(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_graphic() && !"*?!,|#@\\\"'".contains(c);
    !name.is_empty() && name.chars().all(plain)
}

/// The line that keeps a key, and the key's algorithm. What ssh would not read back as this host's key is not written.
pub(super) fn line(target: &Target, name: &str, blob: &[u8]) -> Result<(&'static str, String), StoreError> {
    if !can_stand(name) {
        let shown = escape::text(name, 80);
        return Err(StoreError::NotKept(format!(
            "`{shown}` cannot stand in known_hosts; choose another HostKeyAlias"
        )));
    }
    let kept = Key::from_blob(blob.to_vec()).zip(update::line(name, target.keeping.names, blob));
    let (key, line) =
        kept.ok_or_else(|| StoreError::NotKept("it is of a type that known_hosts does not hold".to_owned()))?;
    Ok((key.algorithm, line))
}

pub(super) fn shown(path: &Path) -> String {
    escape::line(path.as_os_str().as_encoded_bytes())
}
