//! The deletions of `push --delete` on one host, once every file of it has arrived and what goes is allowed.
//!
//! Theory: what was decided from a listing is looked at once more, right before: each file must still be what it was, and
//! everything that it lies in a folder, since SFTP knows paths alone and a link that somebody puts in the place of a folder
//! would lead the deletion elsewhere. What is not as it was stays. Nothing of what fails here is undone or tried again.

use std::collections::{BTreeMap, HashMap, HashSet};

use futures_util::future::BoxFuture;

use super::delete::{Doomed, Held, Loss, Stays, aside};
use super::hand::{Hand, at_once};
use super::path::RelPath;
use super::tree::Kind;
use super::trouble::Trouble;
use crate::outcome::FileFault;

/// What is done at once on one host.
const AT_ONCE: usize = 32;

/// What a deletion asks of a host; paths are the host's own.
pub(super) trait Remover: Sync {
    /// What stands there, a link itself, and when it was changed last.
    fn lstat<'a>(&'a self, path: &'a [u8]) -> BoxFuture<'a, Result<Option<(Kind, i64)>, Trouble>>;
    /// The names in a folder, unchecked.
    fn names<'a>(&'a self, folder: &'a [u8]) -> BoxFuture<'a, Result<Vec<Box<[u8]>>, Trouble>>;
    /// Removes a file or a link.
    fn remove<'a>(&'a self, path: &'a [u8]) -> BoxFuture<'a, Result<(), Trouble>>;
    /// Removes an empty folder.
    fn remove_dir<'a>(&'a self, path: &'a [u8]) -> BoxFuture<'a, Result<(), Trouble>>;
    /// Gives a file another name, in place of what has it.
    fn rename<'a>(&'a self, from: &'a [u8], to: &'a [u8]) -> BoxFuture<'a, Result<(), Trouble>>;
}

/// What became of a deletion.
#[derive(Debug, Default)]
pub(super) struct Removed {
    /// Files and links that are gone, in ascending order; those that somebody else removed are among them.
    pub(super) files: Vec<RelPath>,
    /// Folders that are gone, in ascending order.
    pub(super) folders: Vec<RelPath>,
    /// What was to go and stays, since it is not what it was, or the name that it would be kept under was taken meanwhile.
    pub(super) stays: Vec<(RelPath, Stays)>,
    /// What was to go and could not be removed: the class, and a sentence with the path.
    pub(super) faults: Vec<(FileFault, String)>,
    /// The link ended on the way.
    pub(super) lost: Option<Trouble>,
}

impl Removed {
    /// Whether this path is gone.
    pub(super) fn has(&self, path: &RelPath) -> bool {
        self.files.binary_search(path).is_ok() || self.folders.binary_search(path).is_ok()
    }

    /// A fault of one thing is noted; the error is the end of the link.
    fn note(&mut self, trouble: Trouble) -> Result<(), Trouble> {
        match trouble {
            Trouble::File { fault, why } => {
                self.faults.push((fault, why));
                Ok(())
            }
            lost => Err(lost),
        }
    }
}

/// One host's deletion.
pub(super) struct Removing<'a, R> {
    /// Who does it.
    pub(super) remover: &'a R,
    /// The place that the user named, as the host calls it.
    pub(super) base: &'a [u8],
    /// What the source holds.
    pub(super) source: &'a Held,
    /// What stands behind the name of a file that is kept beside its place.
    pub(super) backup: Option<&'a [u8]>,
}

impl<R: Remover> Removing<'_, R> {
    /// Deletes what is allowed to go.
    pub(super) async fn carry_out(&self, mut doomed: Doomed) -> Removed {
        let mut removed = Removed::default();
        if let Err(lost) = self.all(&mut doomed, &mut removed).await {
            removed.lost = Some(lost);
        }
        removed.files.sort();
        removed.folders.sort();
        removed.stays.append(&mut doomed.stays);
        removed
    }

    async fn all(&self, doomed: &mut Doomed, removed: &mut Removed) -> Result<(), Trouble> {
        // What stayed before was told when the question was put.
        doomed.stays.clear();
        for folder in doomed.to_be_listed() {
            match self.remover.names(&folder.below(self.base)).await {
                Ok(names) => {
                    let names: Vec<&[u8]> = names.iter().map(|name| &**name).collect();
                    doomed.settle(&folder, &names, self.source);
                }
                Err(trouble) => {
                    removed.note(trouble)?;
                    doomed.settle(&folder, &[], self.source);
                }
            }
        }
        self.files(doomed, removed).await?;
        self.folders(doomed, removed).await
    }

    async fn files(&self, doomed: &mut Doomed, removed: &mut Removed) -> Result<(), Trouble> {
        let mut by_folder: BTreeMap<RelPath, Vec<Loss>> = BTreeMap::new();
        for loss in &doomed.files {
            by_folder.entry(around(&loss.path)).or_default().push(loss.clone());
        }
        let (mut solid, mut changed, mut failed) = (HashMap::new(), HashSet::new(), HashSet::new());
        let mut taken = HashSet::new();
        for (folder, losses) in by_folder {
            if !self.is_solid(&folder, &mut solid).await? {
                changed.insert(folder);
                continue;
            }
            let going = losses.into_iter().map(|loss| self.file(loss));
            for (gone, path) in at_once(AT_ONCE, going).await {
                match gone {
                    Ok(None) => removed.files.push(path),
                    Ok(Some(Stays::Taken)) => drop(taken.insert(path)),
                    Ok(Some(_)) => drop(changed.insert(path)),
                    Err(trouble) => {
                        removed.note(trouble)?;
                        failed.insert(path);
                    }
                }
            }
        }
        doomed.leave(&failed);
        doomed.keep(&changed, Stays::Changed);
        doomed.keep(&taken, Stays::Taken);
        Ok(())
    }

    async fn file(&self, loss: Loss) -> (Result<Option<Stays>, Trouble>, RelPath) {
        (self.take_file(&loss).await, loss.path)
    }

    /// Takes it away. It stays where it is not what it was, and where what it would be kept under is there by now: everything
    /// of the source is in its place, so that of the source is seen too.
    async fn take_file(&self, loss: &Loss) -> Result<Option<Stays>, Trouble> {
        let path = loss.path.below(self.base);
        match self.remover.lstat(&path).await? {
            None => return Ok(None),
            Some((kind, mtime)) if !loss.is_still(&kind, mtime) => return Ok(Some(Stays::Changed)),
            Some(_) => {}
        }
        let gone = match self.backup {
            None => self.remover.remove(&path).await,
            Some(suffix) => {
                let Some(kept) = aside(&loss.path, suffix) else { return Ok(Some(Stays::Taken)) };
                let kept = kept.below(self.base);
                if self.remover.lstat(&kept).await?.is_some() {
                    return Ok(Some(Stays::Taken));
                }
                self.remover.rename(&path, &kept).await
            }
        };
        match gone {
            Err(trouble) if trouble.fault() == Some(FileFault::Missing) => Ok(None),
            gone => gone.map(|()| None),
        }
    }

    async fn folders(&self, doomed: &mut Doomed, removed: &mut Removed) -> Result<(), Trouble> {
        // Folders of one depth do not lie in each other.
        let mut by_depth: BTreeMap<usize, Vec<RelPath>> = BTreeMap::new();
        for folder in &doomed.folders {
            by_depth.entry(folder.depth()).or_default().push(folder.clone());
        }
        let mut solid = HashMap::new();
        for (_, folders) in by_depth.into_iter().rev() {
            let mut empty = Vec::new();
            for folder in folders {
                if self.is_solid(&folder, &mut solid).await? {
                    empty.push(folder);
                }
            }
            let going = empty.into_iter().map(|folder| self.folder(folder));
            for (gone, folder) in at_once(AT_ONCE, going).await {
                match gone {
                    Ok(true) => removed.folders.push(folder),
                    Ok(false) => {}
                    Err(trouble) => removed.note(trouble)?,
                }
            }
        }
        Ok(())
    }

    async fn folder(&self, folder: RelPath) -> (Result<bool, Trouble>, RelPath) {
        (self.take_folder(&folder).await, folder)
    }

    /// Whether it is gone; where something was put into it in the meantime it stays, which is no fault.
    async fn take_folder(&self, folder: &RelPath) -> Result<bool, Trouble> {
        let path = folder.below(self.base);
        let Err(trouble) = self.remover.remove_dir(&path).await else { return Ok(true) };
        match trouble.fault() {
            Some(FileFault::Missing) => Ok(true),
            Some(_) => match self.remover.names(&path).await {
                Ok(names) if !names.is_empty() => Ok(false),
                _ => Err(trouble),
            },
            None => Err(trouble),
        }
    }

    /// Whether this, and all that it lies in below the place that the user named, are folders and no links.
    async fn is_solid(&self, folder: &RelPath, known: &mut HashMap<RelPath, bool>) -> Result<bool, Trouble> {
        let mut path = RelPath::root();
        for name in folder.names() {
            // The names of a path that was made make one again.
            let Ok(next) = path.join(name) else { return Ok(false) };
            path = next;
            let is_folder = match known.get(&path) {
                Some(is_folder) => *is_folder,
                None => {
                    let stands = self.remover.lstat(&path.below(self.base)).await;
                    let is_folder = match stands {
                        Ok(stands) => matches!(stands, Some((Kind::Dir, _))),
                        Err(Trouble::File { .. }) => false,
                        Err(lost) => return Err(lost),
                    };
                    known.insert(path.clone(), is_folder);
                    is_folder
                }
            };
            if !is_folder {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// The login's own hand, or root's.
impl Remover for Hand<'_> {
    fn lstat<'a>(&'a self, path: &'a [u8]) -> BoxFuture<'a, Result<Option<(Kind, i64)>, Trouble>> {
        let hand = *self;
        Box::pin(async move { Ok(hand.lstat(path).await?.map(|stat| (stat.kind, stat.mtime))) })
    }

    fn names<'a>(&'a self, folder: &'a [u8]) -> BoxFuture<'a, Result<Vec<Box<[u8]>>, Trouble>> {
        let hand = *self;
        Box::pin(async move {
            let mut names = Vec::new();
            let listed = hand.list(folder, |found| {
                names.push(found.name);
                Ok(())
            });
            listed.await?;
            Ok(names)
        })
    }

    fn remove<'a>(&'a self, path: &'a [u8]) -> BoxFuture<'a, Result<(), Trouble>> {
        Box::pin(self.sweep(path))
    }

    fn remove_dir<'a>(&'a self, path: &'a [u8]) -> BoxFuture<'a, Result<(), Trouble>> {
        let hand = *self;
        Box::pin(async move { hand.remove_dir(path).await })
    }

    fn rename<'a>(&'a self, from: &'a [u8], to: &'a [u8]) -> BoxFuture<'a, Result<(), Trouble>> {
        let hand = *self;
        Box::pin(async move { hand.rename(from, to).await })
    }
}

fn around(path: &RelPath) -> RelPath {
    path.split().map(|(folder, _)| folder).unwrap_or_default()
}

#[cfg(test)]
#[path = "remove_tests.rs"]
mod tests;
