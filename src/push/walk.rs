//! A tree of a host, folder by folder, and what is done with each thing in it.
//!
//! Theory: each folder is listed once, from its beginning to its end, before its things are looked at; while some things of a
//! folder are still on their way, the next folder is listed. Links are never walked into. What is wrong with one thing is the errand's
//! to tell; an error here is the end of the host's part.

use std::pin::pin;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};

use super::path::{RelPath, shown};
use super::remote::Remote;
use super::sift::{Sieve, Sifted, What};
use super::tree::MAX_ENTRIES;
use super::trouble::Trouble;
use crate::outcome::FileFault;

/// Things of one host that are on their way at once: so many round trips at a time.
pub const AT_ONCE: usize = 16;

/// Names of one host that may be refused; one that has more has no tree.
const REFUSED: usize = 1_000;

/// What is done with a tree.
pub trait Errand: Sync {
    /// A thing that is to be done, and takes a while.
    type Task: Send;

    /// A folder was listed; gives what is to be done in it.
    fn folder(&self, sifted: Arc<Sifted>) -> BoxFuture<'_, Result<Vec<Self::Task>, Trouble>>;

    /// Does one thing.
    fn carry_out(&self, task: Self::Task) -> BoxFuture<'_, Result<(), Trouble>>;

    /// A folder cannot be listed.
    fn unread<'a>(&'a self, path: &'a RelPath, fault: FileFault, why: &'a str) -> BoxFuture<'a, ()>;

    /// Whether the walk goes into this folder.
    fn enters(&self, _path: &RelPath) -> bool {
        true
    }
}

/// The folders of a tree that are still to be listed.
struct Walk<'a> {
    remote: &'a Remote<'a>,
    top: &'a [u8],
    waiting: Vec<RelPath>,
    entries: usize,
    refused: usize,
}

/// What came of listing a folder.
enum Listed {
    Folder(Arc<Sifted>),
    Unread(RelPath, FileFault, String),
}

/// Walks the tree whose root is the folder `top`. An error ends it; what was done by then is done.
pub async fn walk<E: Errand>(remote: &Remote<'_>, top: &[u8], errand: &E) -> Result<(), Trouble> {
    let mut walk = Walk { remote, top, waiting: vec![RelPath::root()], entries: 0, refused: 0 };
    let mut under_way = FuturesUnordered::new();
    loop {
        let listed = {
            let mut listing = pin!(walk.next());
            loop {
                tokio::select! {
                    biased;
                    Some(done) = under_way.next() => done?,
                    listed = &mut listing => break listed?,
                }
            }
        };
        match listed {
            None => break,
            Some(Listed::Unread(path, fault, why)) => errand.unread(&path, fault, &why).await,
            Some(Listed::Folder(sifted)) => {
                let tasks = errand.folder(Arc::clone(&sifted)).await?;
                walk.enter(&sifted, errand);
                for task in tasks {
                    while under_way.len() >= AT_ONCE {
                        under_way.next().await.transpose()?;
                    }
                    under_way.push(errand.carry_out(task));
                }
            }
        }
    }
    while let Some(done) = under_way.next().await {
        done?;
    }
    Ok(())
}

impl Walk<'_> {
    async fn next(&mut self) -> Result<Option<Listed>, Trouble> {
        let Some(path) = self.waiting.pop() else { return Ok(None) };
        match self.list(&path).await {
            Ok(sifted) => Ok(Some(Listed::Folder(Arc::new(sifted)))),
            Err(Trouble::File { fault, why }) if !is_final(fault) => {
                Ok(Some(Listed::Unread(path, fault, why)))
            }
            Err(trouble) => Err(trouble),
        }
    }

    async fn list(&mut self, path: &RelPath) -> Result<Sifted, Trouble> {
        let folder = path.below(self.top);
        let mut listing = self.remote.list(&folder).await?;
        let mut sieve = Sieve::new(path.clone());
        while let Some(page) = listing.next().await? {
            self.entries += page.len();
            page.iter().for_each(|found| sieve.add(found));
            if self.entries > MAX_ENTRIES {
                let why = format!(
                    "{}: more than {MAX_ENTRIES} entries; pull its folders one by one",
                    shown(self.top)
                );
                return Err(Trouble::file(FileFault::Refused, why));
            }
            if self.refused + sieve.refused() > REFUSED {
                let why =
                    format!("{}: more than {REFUSED} names that no honest server lists", shown(&folder));
                return Err(Trouble::file(FileFault::Odd, why));
            }
        }
        self.refused += sieve.refused();
        Ok(sieve.end())
    }

    /// The folders in this one come next, in their order.
    fn enter(&mut self, sifted: &Sifted, errand: &impl Errand) {
        let folders = sifted.items().filter(|item| item.what == What::Folder);
        let from = self.waiting.len();
        self.waiting.extend(folders.map(|item| sifted.path_of(item.name)).filter(|path| errand.enters(path)));
        self.waiting[from..].reverse();
    }
}

/// Whether such a fault says something about the whole host.
fn is_final(fault: FileFault) -> bool {
    matches!(fault, FileFault::Odd | FileFault::Refused | FileFault::NoSftp)
}
