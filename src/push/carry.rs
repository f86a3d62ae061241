//! Doing on a host what is to be done there: folders, then files with many under way, then the marks of folders.
//!
//! Theory: each thing is whole or untouched, so their order matters only where one lies in another, and what fails keeps
//! nobody from its turn but what lies in it. Two faults end it all before its time: a full disk and a file system that can
//! only be read, since every further file would meet them again.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt};

use super::changes::{Act, Changes};
use super::convoy::{self, Ship};
use super::hand::{Hand, Old};
use super::path::RelPath;
use super::put::{Before, Mode, Source, Verify, Way, Wish};
use super::remote::Marks;
use super::tree::{Entry, Kind};
use super::trouble::Trouble;
use crate::outcome::{FileFault, FilesFailed};
use crate::run::FileTally;

/// Things that are done at once on one host: so many small files are on their way while each waits for its answers. Of large
/// ones the window of each and the budget of the run bound the bytes. A convoy that begins below it goes whole.
const AT_ONCE: usize = 64;

/// The content of the files of one host.
pub(super) trait Goods: Sync {
    /// These entries will be opened next.
    fn expect(&self, items: &[usize]);
    /// Of the entry at this place; the error is a sentence.
    fn open(&self, item: usize) -> BoxFuture<'_, Result<Box<dyn Source>, String>>;
}

/// Who carries things out on one host.
pub(super) struct Carrier<'a> {
    /// What does them.
    pub(super) hand: Hand<'a>,
    /// The root of the push there.
    pub(super) base: &'a [u8],
    /// What the push brings.
    pub(super) source: &'a [Entry],
    /// The content.
    pub(super) goods: &'a dyn Goods,
    /// What old content is kept under, where it is: behind the name.
    pub(super) backup: Option<&'a [u8]>,
    /// Whom everything is to belong to.
    pub(super) owner: Option<(u32, u32)>,
    /// How content is proven.
    pub(super) verify: Verify,
    /// What stands there now.
    pub(super) standing: &'a HashSet<&'a RelPath>,
    /// What earlier pushes left that is gone on with, by the place of its file.
    pub(super) begun: &'a HashMap<usize, Vec<u8>>,
    /// Bytes that have gone over.
    pub(super) moved: &'a AtomicU64,
}

/// What was done, and what was not.
#[derive(Debug, Default)]
pub(super) struct Books {
    /// In numbers.
    pub(super) tally: FileTally,
    /// The first fault.
    first: Option<(FileFault, String)>,
    /// Folders that could not be made.
    lost: HashSet<RelPath>,
    /// Every further file would fail for the same reason.
    is_over: bool,
}

impl Books {
    /// Something did not work, and with it so many entries.
    pub(super) fn failed(&mut self, fault: FileFault, why: &str, entries: usize) {
        self.tally.failed += entries;
        self.first.get_or_insert_with(|| (fault, why.to_owned()));
        self.is_over |= matches!(fault, FileFault::NoSpace | FileFault::ReadOnly);
    }

    /// What kept files from their place, if anything did.
    pub(super) fn fault(&self) -> Option<FilesFailed> {
        let (fault, why) = self.first.clone()?;
        Some(FilesFailed { fault, why, files: self.tally.failed.max(1) })
    }

    /// Whether it lies in a folder that could not be made.
    fn is_lost(&self, path: &RelPath) -> bool {
        if self.lost.is_empty() {
            return false;
        }
        let mut at = path.clone();
        loop {
            if self.lost.contains(&at) {
                return true;
            }
            match at.split() {
                Some((folder, _)) => at = folder,
                None => return false,
            }
        }
    }
}

impl Carrier<'_> {
    /// Does all of it. An error says that nobody answers any more.
    pub(super) async fn carry_out(&self, changes: &Changes, books: &mut Books) -> Result<(), Trouble> {
        let depth = |act: &Act| depth(act, self.source);
        let (mut before, mut after) = (changes.before.clone(), changes.after.clone());
        before.sort_by_key(depth);
        after.sort_by_key(|act| std::cmp::Reverse(depth(act)));
        for level in levels(&before, self.source) {
            self.some(level, books).await?;
        }
        self.some(&changes.files, books).await?;
        for level in levels(&after, self.source) {
            self.some(level, books).await?;
        }
        Ok(())
    }

    /// Things of which none lies in another, many at once.
    async fn some(&self, acts: &[Act], books: &mut Books) -> Result<(), Trouble> {
        // What may still begin is decided when its turn comes.
        let mut waiting = self.groups(acts);
        let (mut under_way, mut many) = (stream::FuturesUnordered::new(), 0);
        loop {
            while many < AT_ONCE
                && let Some(group) = waiting.next()
            {
                let (lost, group): (Vec<&Act>, Vec<&Act>) =
                    group.iter().partition(|act| books.is_over || books.is_lost(self.path(act)));
                // Whatever kept the first is said; these count.
                books.tally.failed += lost.into_iter().filter(|act| counts(act)).count();
                if !group.is_empty() {
                    many += group.len();
                    under_way.push(self.group(group));
                }
            }
            let Some(became) = under_way.next().await else { return Ok(()) };
            many -= became.len();
            for (act, became) in became {
                match became {
                    Ok(()) => self.done(act, books),
                    Err(Trouble::File { fault, why }) => {
                        if matches!(act, Act::MakeBase | Act::MakeDir { .. }) {
                            books.lost.insert(self.path(act).clone());
                        }
                        books.failed(fault, &why, 1);
                    }
                    Err(trouble) => return Err(trouble),
                }
            }
        }
    }

    /// Neighbours that are done together, in their order: small new files as convoys, all else one by one.
    fn groups<'b>(&'b self, acts: &'b [Act]) -> impl Iterator<Item = &'b [Act]> {
        let together = acts.chunk_by(|one, other| self.is_in_convoy(one) && self.is_in_convoy(other));
        together.flat_map(|acts| acts.chunks(convoy::LENGTH))
    }

    fn is_in_convoy(&self, act: &Act) -> bool {
        match act {
            Act::Put { item, before: Before::Nothing, .. } => {
                let is_small =
                    matches!(self.source[*item].kind, Kind::File { size } if size <= convoy::SMALL);
                is_small && self.hand.way_of_convoys().is_some() && !self.begun.contains_key(item)
            }
            _ => false,
        }
    }

    async fn group<'b>(&self, acts: Vec<&'b Act>) -> Vec<(&'b Act, Result<(), Trouble>)> {
        if let ([_, _, ..], Some(way)) = (&acts[..], self.hand.way_of_convoys()) {
            return self.convoy(way, acts).await;
        }
        let mut became = Vec::with_capacity(acts.len());
        for act in acts {
            became.push((act, Box::pin(self.act(act)).await));
        }
        became
    }

    /// Small new files.
    async fn convoy<'b>(&self, way: Way<'_>, acts: Vec<&'b Act>) -> Vec<(&'b Act, Result<(), Trouble>)> {
        self.goods.expect(&acts.iter().filter_map(|act| item(act)).collect::<Vec<_>>());
        let (mut ready, mut became) = (Vec::with_capacity(acts.len()), Vec::with_capacity(acts.len()));
        for act in acts {
            let Act::Put { item, mode, mtime, .. } = act else { unreachable!("only files travel together") };
            match self.content(*item).await {
                Ok(source) => {
                    let at = self.path(act).below(self.base);
                    ready.push((act, at, source, self.wish((*mode, *mtime), Before::Nothing)));
                }
                Err(trouble) => became.push((act, Err(trouble))),
            }
        }
        let ships: Vec<Ship<'_>> =
            ready.iter().map(|(_, path, source, wish)| Ship { path, source, wish }).collect();
        let put = convoy::put_together(way, &ships).await;
        became.extend(ready.iter().map(|(act, ..)| *act).zip(put));
        became
    }

    async fn content(&self, item: usize) -> Result<Counted<'_>, Trouble> {
        let content = self.goods.open(item).await.map_err(|why| Trouble::file(FileFault::Other, why))?;
        Ok(Counted { content, moved: self.moved })
    }

    fn wish(&self, (mode, mtime): (Mode, i64), before: Before) -> Wish {
        let (owner, verify) = (self.owner, self.verify);
        Wish { before, mtime: Some(mtime), owner, verify, ..Wish::with_mode(mode) }
    }

    fn done(&self, act: &Act, books: &mut Books) {
        if !counts(act) {
            return;
        }
        books.tally.sent += 1;
        if let Act::Put { item, .. } = act
            && let Kind::File { size } = self.source[*item].kind
        {
            books.tally.bytes += size;
        }
    }

    fn path(&self, act: &Act) -> &RelPath {
        static ROOT: std::sync::LazyLock<RelPath> = std::sync::LazyLock::new(RelPath::root);
        item(act).map_or(&ROOT, |item| &self.source[item].path)
    }

    async fn act(&self, act: &Act) -> Result<(), Trouble> {
        let at = self.path(act).below(self.base);
        match act {
            Act::MakeBase => self.make(&at, 0o755).await,
            Act::MakeDir { mode, .. } => self.make(&at, *mode).await,
            Act::SetMode { mode, .. } => {
                self.hand.set(&at, Marks { mode: Some(*mode), ..Marks::default() }).await
            }
            Act::SetTime { mtime, .. } => {
                self.hand.set(&at, Marks { mtime: Some(*mtime), ..Marks::default() }).await
            }
            Act::Link { item, mtime } => {
                let Kind::Link { to } = &self.source[*item].kind else { return Ok(()) };
                let backup = self.backup_of(&at, *item);
                self.hand.link(to, &at, old(backup.as_deref())).await?;
                self.own(&at).await?;
                match mtime {
                    Some(_) => self.hand.set(&at, Marks { mtime: *mtime, ..Marks::default() }).await,
                    None => Ok(()),
                }
            }
            Act::Put { item, mode, mtime, before } => {
                let source = self.content(*item).await?;
                let left = self.begun.get(item).cloned();
                let wish = Wish { left, ..self.wish((*mode, *mtime), *before) };
                let backup = self.backup_of(&at, *item);
                self.hand.put(&at, (&source, &wish), old(backup.as_deref())).await
            }
        }
    }

    async fn make(&self, at: &[u8], mode: u32) -> Result<(), Trouble> {
        self.hand.make_dir(at, mode).await?;
        self.own(at).await
    }

    async fn own(&self, at: &[u8]) -> Result<(), Trouble> {
        match self.owner {
            Some(owner) => self.hand.set(at, Marks { owner: Some(owner), ..Marks::default() }).await,
            None => Ok(()),
        }
    }

    /// Where the old content goes, where there is any and it is kept.
    fn backup_of(&self, at: &[u8], item: usize) -> Option<Vec<u8>> {
        let suffix = self.backup.filter(|_| self.standing.contains(&self.source[item].path))?;
        Some([at, suffix].concat())
    }
}

fn old(backup: Option<&[u8]>) -> Old<'_> {
    backup.map_or(Old::Goes, Old::Stays)
}

/// The place of what an act is about; the root of the push has none.
pub(super) fn item(act: &Act) -> Option<usize> {
    match act {
        Act::MakeBase => None,
        Act::MakeDir { item, .. }
        | Act::Put { item, .. }
        | Act::Link { item, .. }
        | Act::SetMode { item, .. }
        | Act::SetTime { item, .. } => Some(*item),
    }
}

/// Whether an act brings an entry, and does not only change its marks.
fn counts(act: &Act) -> bool {
    matches!(act, Act::MakeDir { .. } | Act::Put { .. } | Act::Link { .. })
}

/// How deep what an act is about lies; the root of the push lies above all.
fn depth(act: &Act, source: &[Entry]) -> usize {
    item(act).map_or(0, |item| 1 + source[item].path.depth())
}

/// Neighbours of the same depth, of which none can lie in another.
fn levels<'a>(acts: &'a [Act], source: &'a [Entry]) -> impl Iterator<Item = &'a [Act]> {
    // Several acts may be about one folder, such as its mode and its time.
    let is_apart = move |a: &Act, b: &Act| depth(a, source) == depth(b, source) && item(a) != item(b);
    acts.chunk_by(is_apart)
}

/// Content that says how much of it was asked for.
struct Counted<'a> {
    content: Box<dyn Source>,
    moved: &'a AtomicU64,
}

impl Source for Counted<'_> {
    fn size(&self) -> u64 {
        self.content.size()
    }

    fn chunk(&self, at: u64) -> BoxFuture<'_, Result<Bytes, String>> {
        Box::pin(async move {
            let bytes = self.content.chunk(at).await?;
            self.moved.fetch_add(bytes.len() as u64, Ordering::Relaxed);
            Ok(bytes)
        })
    }

    fn sha256(&self) -> [u8; 32] {
        self.content.sha256()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(path: &str) -> Entry {
        let path = RelPath::parse(path.as_bytes()).expect("a path");
        Entry { path, kind: Kind::Dir, mode: 0o755, mtime: 0 }
    }

    #[test]
    fn folders_of_one_depth_are_made_together_and_never_before_what_they_lie_in() {
        let source: Vec<Entry> = ["a", "a/b", "a/c", "d", "d/e"].map(entry).to_vec();
        let make = |item| Act::MakeDir { item, mode: 0o755 };
        let acts = [Act::MakeBase, make(0), make(1), make(2), make(3), make(4)];
        let sizes: Vec<usize> = levels(&acts, &source).map(<[Act]>::len).collect();
        assert_eq!(sizes, [1, 1, 2, 1, 1]);
        let marks = [
            Act::SetMode { item: 1, mode: 0 },
            Act::SetTime { item: 1, mtime: 0 },
            Act::SetTime { item: 2, mtime: 0 },
        ];
        assert_eq!(levels(&marks, &source).map(<[Act]>::len).collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn what_lies_in_a_lost_folder_is_lost_and_a_full_disk_ends_it() {
        let mut books = Books::default();
        let path = |text: &str| RelPath::parse(text.as_bytes()).expect("a path");
        books.lost.insert(path("a/b"));
        books.failed(FileFault::NoRight, "/x/a/b: no right", 1);
        assert!(books.is_lost(&path("a/b/c/d")) && !books.is_lost(&path("a/bc")) && !books.is_over);
        books.failed(FileFault::NoSpace, "/x/c: no space", 2);
        assert!(books.is_over);
        let failed = FilesFailed { fault: FileFault::NoRight, why: "/x/a/b: no right".into(), files: 3 };
        assert_eq!(books.fault(), Some(failed));
    }
}
