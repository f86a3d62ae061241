//! What does things on a host: the login's own files, or root's by way of a helper behind `sudo`.
//!
//! Theory: a push decides what is to be done, and a [`Hand`] does it, one thing at a time and each whole or not at all. Which
//! of both it is makes no difference to whoever asks. What only root may see is asked of the helper, and only after the
//! login was refused.

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use sha2::{Digest, Sha256};

use super::get::{Limit, Links, Sink};
use super::lift::Lift;
use super::part::chance_name;
use super::put::{Mode, Source, Way, Wish};
use super::remote::{Found, Marks, Remote, Stat};
use super::source::feed::Made;
use super::tree::Kind;
use super::trouble::Trouble;
use crate::outcome::FileFault;

/// Bytes of a file that is kept by a copy, which goes through our memory.
const COPIED: u64 = 16 << 20;

/// What does things on one host.
#[derive(Clone, Copy)]
pub(super) enum Hand<'a> {
    /// The login.
    Own(&'a Remote<'a>),
    /// Root.
    Lifted(&'a Remote<'a>, &'a Lift<'a>),
}

/// What becomes of the old content.
#[derive(Clone, Copy, Debug)]
pub(super) enum Old<'a> {
    /// It goes.
    Goes,
    /// It stays under this path, where there is any.
    Stays(&'a [u8]),
}

impl<'a> Hand<'a> {
    fn remote(self) -> &'a Remote<'a> {
        match self {
            Hand::Own(remote) | Hand::Lifted(remote, _) => remote,
        }
    }

    /// A path from `/`; relative ones are below the login's folder.
    pub(super) async fn resolve(self, path: &[u8]) -> Result<Vec<u8>, Trouble> {
        self.remote().resolve(path).await
    }

    /// Takes this as the root of what is done: root does nothing that is not there.
    pub(super) async fn anchor(self, base: &[u8]) -> Result<(), Trouble> {
        match self {
            Hand::Own(_) => Ok(()),
            Hand::Lifted(_, lift) => lift.anchor(base).await,
        }
    }

    /// What stands there, a link itself.
    pub(super) async fn lstat(self, path: &[u8]) -> Result<Option<Stat>, Trouble> {
        match (self.remote().lstat(path).await, self) {
            (Err(trouble), Hand::Lifted(_, lift)) if trouble.fault() == Some(FileFault::NoRight) => {
                lift.lstat(path).await
            }
            (stat, _) => stat,
        }
    }

    /// What stands there or where a link leads.
    pub(super) async fn stat(self, path: &[u8]) -> Result<Option<Stat>, Trouble> {
        match (self.remote().stat(path).await, self) {
            (Err(trouble), Hand::Lifted(_, lift)) if trouble.fault() == Some(FileFault::NoRight) => {
                lift.stat(path).await
            }
            (stat, _) => stat,
        }
    }

    /// What a link says.
    pub(super) async fn read_link(self, path: &[u8]) -> Result<Box<[u8]>, Trouble> {
        match (self.remote().read_link(path).await, self) {
            (Err(trouble), Hand::Lifted(_, lift)) if trouble.fault() == Some(FileFault::NoRight) => {
                lift.read_link(path).await
            }
            (link, _) => link,
        }
    }

    /// All that is in a folder; `each` is given what was found, page by page.
    pub(super) async fn list(
        self,
        folder: &[u8],
        mut each: impl FnMut(Found) -> Result<(), Trouble>,
    ) -> Result<(), Trouble> {
        let (mut listing, mut is_empty) = match (self.remote().list(folder).await, self) {
            (Ok(listing), _) => (listing, true),
            (Err(trouble), Hand::Lifted(_, lift)) if trouble.fault() == Some(FileFault::NoRight) => {
                return lift.list(folder).await?.into_iter().try_for_each(each);
            }
            (Err(trouble), _) => return Err(trouble),
        };
        while let Some(page) = listing.next().await? {
            is_empty &= page.is_empty();
            page.into_iter().try_for_each(&mut each)?;
        }
        // Of a folder that may be read and not entered, servers list nothing.
        if let (true, Hand::Lifted(remote, lift)) = (is_empty, self) {
            let entered = remote.lstat(&[folder, b"/."].concat()).await;
            if entered.is_err_and(|trouble| trouble.fault() == Some(FileFault::NoRight)) {
                return lift.list(folder).await?.into_iter().try_for_each(each);
            }
        }
        Ok(())
    }

    /// The SHA-256 of a file there.
    pub(super) async fn sha256(self, path: &[u8], size: u64) -> Result<[u8; 32], Trouble> {
        if let Hand::Lifted(_, lift) = self {
            return lift.sha256(path, size).await;
        }
        match self.remote().sha256(path, size).await? {
            Some(sum) => Ok(sum),
            None => self.read(path, &mut Nothing, u64::MAX).await,
        }
    }

    /// Reads a file of at most so many bytes; gives its SHA-256.
    pub(super) async fn read(
        self,
        path: &[u8],
        sink: &mut dyn Sink,
        bytes: u64,
    ) -> Result<[u8; 32], Trouble> {
        let limit = Limit { bytes, links: Links::Refused };
        match (self.remote().get(path, sink, limit).await, self) {
            (Err(trouble), Hand::Lifted(_, lift)) if trouble.fault() == Some(FileFault::NoRight) => {
                let content = lift.read(path, bytes).await?;
                let sum = Sha256::digest(&content).into();
                sink.take(content.into()).await.map_err(|why| Trouble::file(FileFault::Other, why))?;
                Ok(sum)
            }
            (got, _) => Ok(got?.sha256),
        }
    }

    /// Makes a folder.
    pub(super) async fn make_dir(self, path: &[u8], mode: u32) -> Result<(), Trouble> {
        match self {
            Hand::Own(remote) => remote.make_dir(path, mode).await,
            Hand::Lifted(_, lift) => lift.make_dir(path, mode).await,
        }
    }

    /// Puts a file in its place.
    pub(super) async fn put(
        self,
        path: &[u8],
        (source, wish): (&dyn Source, &Wish),
        old: Old<'_>,
    ) -> Result<(), Trouble> {
        match self {
            Hand::Own(remote) => {
                keep(remote, path, old).await?;
                remote.put(path, source, wish).await.map(drop)
            }
            Hand::Lifted(_, lift) => lift.put(path, (source, wish), old).await,
        }
    }

    /// The way of small files that travel together: only by SFTP, as the login.
    pub(super) fn way_of_convoys(self) -> Option<Way<'a>> {
        match self {
            Hand::Own(remote) => remote.way_of_convoys(),
            Hand::Lifted(..) => None,
        }
    }

    /// Puts a link in its place.
    pub(super) async fn link(self, to: &[u8], path: &[u8], old: Old<'_>) -> Result<(), Trouble> {
        let Hand::Own(remote) = self else {
            let Hand::Lifted(_, lift) = self else { unreachable!("there are two") };
            return lift.link(to, path, old).await;
        };
        keep(remote, path, old).await?;
        let beside = beside(path);
        remote.symlink(to, &beside).await?;
        let renamed = remote.rename(&beside, path).await;
        if renamed.is_err() {
            let _ = remote.remove(&beside).await;
        }
        renamed
    }

    /// Sets marks; a link is never followed.
    pub(super) async fn set(self, path: &[u8], marks: Marks) -> Result<(), Trouble> {
        match self {
            Hand::Own(remote) => remote.set(path, marks).await,
            Hand::Lifted(_, lift) => lift.set(path, marks).await,
        }
    }

    /// Removes what pushes that broke off left there; it is the login's own, whoever moves it into place.
    pub(super) async fn sweep(self, path: &[u8]) -> Result<(), Trouble> {
        match self {
            Hand::Own(remote) => remote.remove(path).await,
            Hand::Lifted(_, lift) => lift.remove(path).await,
        }
    }

    /// Removes an empty folder.
    pub(super) async fn remove_dir(self, path: &[u8]) -> Result<(), Trouble> {
        match self {
            Hand::Own(remote) => remote.remove_dir(path).await,
            Hand::Lifted(_, lift) => lift.remove_dir(path).await,
        }
    }

    /// Gives a file or a link another name, in place of what has it.
    pub(super) async fn rename(self, from: &[u8], to: &[u8]) -> Result<(), Trouble> {
        match self {
            Hand::Own(remote) => remote.rename(from, to).await,
            Hand::Lifted(_, lift) => lift.rename(from, to).await,
        }
    }
}

/// Keeps the old content under another name, in which it stays when the path gets its new content: at no instant is there
/// nothing at the path.
async fn keep(remote: &Remote<'_>, path: &[u8], old: Old<'_>) -> Result<(), Trouble> {
    let Old::Stays(backup) = old else { return Ok(()) };
    let beside = beside(backup);
    match remote.hard_link(path, &beside).await {
        Ok(()) => {}
        Err(Trouble::File { .. }) => return copy(remote, path, backup).await,
        Err(trouble) => return Err(trouble),
    }
    let renamed = remote.rename(&beside, backup).await;
    // Two names of one file: renaming one onto the other does nothing at all, and leaves both.
    let _ = remote.remove(&beside).await;
    renamed
}

/// The same where a file can have no second name: by way of us.
async fn copy(remote: &Remote<'_>, path: &[u8], backup: &[u8]) -> Result<(), Trouble> {
    let Some(stat) = remote.lstat(path).await? else { return Ok(()) };
    if let Kind::Link { .. } = stat.kind {
        let (to, beside) = (remote.read_link(path).await?, beside(backup));
        remote.symlink(&to, &beside).await?;
        return remote.rename(&beside, backup).await;
    }
    let mut whole = Whole::default();
    let limit = Limit { bytes: COPIED, links: Links::Refused };
    remote.get(path, &mut whole, limit).await?;
    let wish =
        Wish { mtime: Some(stat.mtime), owner: stat.owner, ..Wish::with_mode(Mode::Set(stat.mode & 0o777)) };
    remote.put(backup, &Made::new(whole.0.into()), &wish).await.map(drop)
}

/// A name in the same folder that nobody can foresee.
pub(super) fn beside(path: &[u8]) -> Vec<u8> {
    let (folder, name) = split(path);
    [folder, &chance_name(name)].concat()
}

/// The folder of a path with its slash, and the name in it.
pub(super) fn split(path: &[u8]) -> (&[u8], &[u8]) {
    let at = path.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
    path.split_at(at)
}

/// Takes what is read for its sum alone.
struct Nothing;

impl Sink for Nothing {
    fn take(&mut self, _: Bytes) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// All that is read, up to the bound of the reading.
#[derive(Default)]
pub(super) struct Whole(pub(super) Vec<u8>);

impl Sink for Whole {
    fn take(&mut self, bytes: Bytes) -> BoxFuture<'_, Result<(), String>> {
        self.0.extend_from_slice(&bytes);
        Box::pin(std::future::ready(Ok(())))
    }
}

/// Carries out futures, so many at once, and gives what they come to, in the order in which that happens.
pub(super) async fn at_once<F: Future>(most: usize, mut waiting: impl Iterator<Item = F>) -> Vec<F::Output> {
    let (mut under_way, mut all) = (FuturesUnordered::new(), Vec::new());
    loop {
        while under_way.len() < most
            && let Some(next) = waiting.next()
        {
            under_way.push(next);
        }
        match under_way.next().await {
            Some(one) => all.push(one),
            None => return all,
        }
    }
}
