//! What a push of a whole folder remembers of each host, and what it deletes there: the part of the deed that deletions are
//! about.
//!
//! Theory: hosts are visited twice where something may be deleted: first all are only looked at, and what would go is gathered;
//! once that is allowed, each has its turn. Both visits are those of one deed, which deletes nothing before it is told what may
//! go ([`Tidy::allow`]). A host is remembered when all that was sent to it is in place, not before, so that what is
//! remembered is never more than what is there.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::delete::{self, Doomed, Held, Scope, Sides};
use super::exclude::{Excludes, Thing};
use super::losses::{Allowed, Known, Losses, Refusal, TooMuch};
use super::manifest::{Mark, Record};
use super::manifest_store::Shelf;
use super::path::RelPath;
use super::remove::Removed;
use super::tree::{Entry, Kind};
use crate::hosts::Host;
use crate::run::report::Words;

/// What a push of a whole folder remembers, and deletes.
pub struct Tidy {
    shelf: Shelf,
    /// The folder of the tree in the place that was named.
    root: RelPath,
    held: Held,
    excludes: Excludes,
    /// What stands behind the names of files that are kept beside their places.
    backup: Option<Vec<u8>>,
    deletion: Option<Deletion>,
    /// What is remembered of a host that has all of it, without folders, which only count where a push made them.
    landed: Vec<Record>,
}

/// `--delete`.
struct Deletion {
    policy: delete::Policy,
    /// The number that the user has confirmed with already.
    given: Option<usize>,
    losses: Mutex<Result<Losses, TooMuch>>,
    allowed: OnceLock<Allowed>,
}

/// What a tree is pushed with.
pub struct Ways {
    /// What is left out.
    pub excludes: Excludes,
    /// What stands behind the names of files that are kept.
    pub backup: Option<Vec<u8>>,
    /// What may be deleted.
    pub policy: Option<delete::Policy>,
    /// The number of files that the user has confirmed with already.
    pub given: Option<usize>,
}

/// What is looked at, of which host: its name, and the place there.
pub(super) type Spot<'a> = (&'a Host, &'a [u8]);

impl Tidy {
    /// For a tree with these entries, the folder itself the first.
    pub fn new(shelf: Shelf, entries: &[Entry], ways: Ways) -> Tidy {
        let root = entries.first().map(|entry| entry.path.clone()).unwrap_or_default();
        let held = Held::new(entries.iter().map(|entry| (&entry.path, &entry.kind)));
        let deletion = ways.policy.map(|policy| Deletion {
            policy,
            given: ways.given,
            losses: Mutex::new(Ok(Losses::new(held.files()))),
            allowed: OnceLock::new(),
        });
        let landed = landed(entries);
        Tidy { shelf, root, held, excludes: ways.excludes, backup: ways.backup, deletion, landed }
    }

    /// Whether this visit only looks at hosts, so that what would go can be shown before anything does.
    pub(super) fn only_looks(&self) -> bool {
        self.deletion.as_ref().is_some_and(|deletion| deletion.allowed.get().is_none())
    }

    /// What would go, of all hosts that were looked at.
    pub fn losses(&self) -> Result<Losses, TooMuch> {
        match &self.deletion {
            Some(deletion) => {
                let mut losses = deletion.losses.lock().unwrap_or_else(PoisonError::into_inner);
                std::mem::replace(&mut *losses, Ok(Losses::new(self.held.files())))
            }
            None => Ok(Losses::new(self.held.files())),
        }
    }

    /// Tells what would go, of all hosts that were looked at; nothing where that is too much ([`Tidy::losses`] says so).
    pub(super) fn tell(&self, words: &mut Words<'_>) {
        let Some(deletion) = &self.deletion else { return };
        if let Ok(losses) = &*deletion.losses.lock().unwrap_or_else(PoisonError::into_inner) {
            losses.tell(deletion.given, words);
        }
    }

    /// From now on this may go.
    pub fn allow(&self, allowed: Allowed) {
        if let Some(deletion) = &self.deletion {
            // The first word stands.
            let _ = deletion.allowed.set(allowed);
        }
    }

    /// A host was looked at.
    pub(super) fn add(&self, host: &Host, (doomed, known): (Doomed, Known)) {
        let Some(deletion) = &self.deletion else { return };
        let mut losses = deletion.losses.lock().unwrap_or_else(PoisonError::into_inner);
        if let Ok(all) = &mut *losses
            && let Err(much) = all.add(host, doomed, known)
        {
            *losses = Err(much);
        }
    }

    /// Whether this may go on a host.
    pub(super) fn check(&self, host: &Host, doomed: &Doomed) -> Result<(), Refusal> {
        match self.deletion.as_ref().and_then(|deletion| deletion.allowed.get()) {
            Some(allowed) => allowed.check(host, doomed),
            None if doomed.is_empty() => Ok(()),
            None => Err(Refusal::NotShown),
        }
    }

    /// What the source holds.
    pub(super) fn held(&self) -> &Held {
        &self.held
    }

    /// What stands behind the names of files that are kept.
    pub(super) fn backup(&self) -> Option<&[u8]> {
        self.backup.as_deref()
    }

    /// Which folders of a host have to be looked into; `None` where nothing is deleted.
    pub(super) async fn scope(self: &Arc<Self>, (host, base): Spot<'_>) -> Option<Scope> {
        let policy = self.deletion.as_ref()?.policy;
        let (tidy, host, base) = (Arc::clone(self), host.clone(), base.to_vec());
        waited(move || tidy.shelf.scope((&host, &base), &tidy.root, policy)).await
    }

    /// What would go on a host where this stands.
    pub(super) async fn doomed(
        self: &Arc<Self>,
        (host, base): Spot<'_>,
        there: Vec<Entry>,
    ) -> Option<(Doomed, Known)> {
        let policy = self.deletion.as_ref()?.policy;
        let (tidy, host, base) = (Arc::clone(self), host.clone(), base.to_vec());
        waited(move || {
            let excluded = |path: &RelPath, kind: &Kind| tidy.is_excluded(path, kind);
            let sides = Sides {
                there: &there,
                root: &tidy.root,
                source: &tidy.held,
                excluded: &excluded,
                suffix: tidy.backup.as_deref().unwrap_or_default(),
                sum: &|_| None,
            };
            tidy.shelf.doomed((&host, &base), &sides, policy)
        })
        .await
    }

    fn is_excluded(&self, path: &RelPath, kind: &Kind) -> bool {
        let is_backup = |suffix: &Vec<u8>| *kind != Kind::Dir && path.as_bytes().ends_with(suffix);
        let thing = if *kind == Kind::Dir { Thing::Folder } else { Thing::Other };
        let below = path.as_bytes().strip_prefix(self.root.as_bytes()).unwrap_or(path.as_bytes());
        let below = RelPath::parse(below.strip_prefix(b"/").unwrap_or(below)).unwrap_or_default();
        self.backup.as_ref().is_some_and(is_backup) || self.excludes.leaves_out(&below, thing)
    }

    /// All of it is in its place on a host: remembers that, with the folders that were `made`, and without what is `gone`.
    /// `own` is what it holds where that is not the same for all hosts. The error is a sentence.
    pub(super) async fn remember(
        self: &Arc<Self>,
        (host, base): Spot<'_>,
        (own, made): (Option<&[Entry]>, Vec<RelPath>),
        gone: Removed,
    ) -> Result<(), String> {
        let (tidy, host, base, own) = (Arc::clone(self), host.clone(), base.to_vec(), own.map(landed));
        let mut folders: Vec<Record> =
            made.into_iter().map(|path| Record { path, mark: Mark::Dir }).collect();
        folders.sort_by(|a, b| a.path.cmp(&b.path));
        let recorded = waited(move || {
            let files = own.as_deref().unwrap_or(&tidy.landed);
            let is_gone = |path: &RelPath| gone.has(path);
            tidy.shelf.record((&host, &base), (files, &folders), &is_gone)
        });
        match recorded.await {
            None | Some(Ok(())) => Ok(()),
            Some(Err(error)) => {
                let why = crate::escape::reason(&error);
                Err(format!("what was put there is not remembered ({why}), so a later --delete leaves it"))
            }
        }
    }
}

/// What is remembered of files and links, in ascending order.
fn landed(entries: &[Entry]) -> Vec<Record> {
    let record = |entry: &Entry| {
        let mark = match &entry.kind {
            Kind::File { size } => {
                Mark::File { size: *size, mtime: super::changes::said(entry.mtime), sum: None }
            }
            Kind::Link { to } => Mark::Link { to: to.clone() },
            Kind::Dir | Kind::Special => return None,
        };
        Some(Record { path: entry.path.clone(), mark })
    };
    let mut landed: Vec<Record> = entries.iter().filter_map(record).collect();
    landed.sort_by(|a, b| a.path.cmp(&b.path));
    landed
}

/// On a thread that may wait; `None` where it broke off.
async fn waited<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok()
}
