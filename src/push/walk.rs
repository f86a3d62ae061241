//! A tree of a host, folder by folder, and what is done with each thing in it.
//!
//! Theory: each folder is listed once, from its beginning to its end, before its things are looked at; while some things of a
//! folder are still on their way, the next folder is listed. Links are never walked into. What is wrong with one thing is the errand's
//! to tell; an error here is the end of the host's part.

use std::collections::HashSet;
use std::pin::pin;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};

use super::path::shown;
use super::remote::Remote;
use super::sift::{Sieve, Sifted, What, Where};
use super::tree::MAX_ENTRIES;
use super::trouble::Trouble;
use crate::outcome::FileFault;

/// Things of one host that are on their way at once: so many round trips at a time.
pub const AT_ONCE: usize = 16;

/// Names of one host that may be refused; one that has more has no tree.
const REFUSED: usize = 1_000;

/// Bytes of all names of one host; so many cost memory while they are looked at.
const NAMES: usize = 64 << 20;

/// What is to be done in a folder. There may be a million tasks of it, so each should be some words, not a path.
#[derive(Debug)]
pub struct Todo<T> {
    /// One by one.
    pub tasks: Vec<T>,
    /// Folders in it that are not walked into, by their numbers.
    pub shut: HashSet<usize>,
}

impl<T> Default for Todo<T> {
    fn default() -> Todo<T> {
        Todo { tasks: Vec::new(), shut: HashSet::new() }
    }
}

/// What is done with a tree.
pub trait Errand: Sync {
    /// A thing that is to be done, and takes a while.
    type Task: Send;

    /// A folder was listed; gives what is to be done in it, unless nothing in it is to be looked at.
    fn folder(&self, sifted: Arc<Sifted>) -> BoxFuture<'_, Result<Option<Todo<Self::Task>>, Trouble>>;

    /// Does one thing.
    fn carry_out(&self, task: Self::Task) -> BoxFuture<'_, Result<(), Trouble>>;

    /// A folder cannot be listed.
    fn unread<'a>(&'a self, place: &'a Where, fault: FileFault, why: &'a str) -> BoxFuture<'a, ()>;
}

/// The folders of a tree that are still to be listed.
struct Walk<'a> {
    remote: &'a Remote<'a>,
    top: &'a [u8],
    waiting: Vec<Where>,
    entries: usize,
    names: usize,
    refused: usize,
}

/// What came of listing a folder.
enum Listed {
    Folder(Arc<Sifted>),
    Unread(Where, FileFault, String),
}

/// Walks the tree whose root is the folder `top`. An error ends it; what was done by then is done.
pub async fn walk<E: Errand>(remote: &Remote<'_>, top: &[u8], errand: &E) -> Result<(), Trouble> {
    let mut walk = Walk { remote, top, waiting: vec![Where::top()], entries: 0, names: 0, refused: 0 };
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
            Some(Listed::Unread(place, fault, why)) => errand.unread(&place, fault, &why).await,
            Some(Listed::Folder(sifted)) => {
                let Some(todo) = errand.folder(Arc::clone(&sifted)).await? else { continue };
                walk.enter(&sifted, &todo.shut);
                for task in todo.tasks {
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
        let Some(place) = self.waiting.pop() else { return Ok(None) };
        match self.list(&place).await {
            Ok(sifted) => Ok(Some(Listed::Folder(Arc::new(sifted)))),
            Err(Trouble::File { fault, why }) if !is_final(fault) => {
                Ok(Some(Listed::Unread(place, fault, why)))
            }
            Err(trouble) => Err(trouble),
        }
    }

    async fn list(&mut self, place: &Where) -> Result<Sifted, Trouble> {
        let path = place.path();
        let folder = path.below(self.top);
        let mut listing = self.remote.list(&folder).await?;
        let mut sieve = Sieve::new(place.clone());
        while let Some(page) = listing.next().await? {
            self.entries += page.len();
            self.names += page.iter().map(|found| found.name.len()).sum::<usize>();
            page.iter().for_each(|found| sieve.add(found));
            self.is_bounded(&folder, self.refused + sieve.refused())?;
        }
        self.refused += sieve.refused();
        Ok(sieve.end())
    }

    /// An error as soon as the host has too much of anything.
    fn is_bounded(&self, folder: &[u8], refused: usize) -> Result<(), Trouble> {
        let top = shown(self.top);
        let (fault, why) = if self.entries > MAX_ENTRIES {
            let why = format!("{top}: more than {MAX_ENTRIES} entries; take its folders one by one");
            (FileFault::Refused, why)
        } else if self.names > NAMES {
            let mib = NAMES >> 20;
            (FileFault::Refused, format!("{top}: more than {mib} MiB of names; take its folders one by one"))
        } else if refused > REFUSED {
            let folder = shown(folder);
            (FileFault::Odd, format!("{folder}: more than {REFUSED} names that no honest server lists"))
        } else {
            return Ok(());
        };
        Err(Trouble::file(fault, why))
    }

    /// The folders in this one come next, in their order, but for those that are shut.
    fn enter(&mut self, sifted: &Arc<Sifted>, shut: &HashSet<usize>) {
        let is_entered = |at: &usize| sifted.item(*at).what == What::Folder && !shut.contains(at);
        let from = self.waiting.len();
        self.waiting.extend((0..sifted.len()).filter(is_entered).map(|at| sifted.place_of(at)));
        self.waiting[from..].reverse();
    }
}

/// Whether such a fault says something about the whole host.
fn is_final(fault: FileFault) -> bool {
    matches!(fault, FileFault::Odd | FileFault::Refused | FileFault::NoSftp)
}
