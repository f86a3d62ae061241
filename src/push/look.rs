//! What stands on a host where a push goes: each folder listed once, and of what is in it only what the push is about.
//!
//! Theory: names come from a server that nobody trusts, so each is checked before anything is made of it, and what is in a
//! folder is looked at only below folders that are folders. A folder that may be entered and not read is asked for each
//! name by itself. What an earlier push left behind when it broke off is found on the way.

use futures_util::stream::{FuturesUnordered, StreamExt};

use super::delete::Scope;
use super::hand::{Hand, at_once, split};
use super::part::is_part;
use super::path::{RelPath, shown};
use super::remote::{Found, Stat};
use super::tree::{Entry, Kind, MAX_ENTRIES};
use super::trouble::Trouble;
use crate::outcome::FileFault;

/// Folders that are listed at once on one host.
const LISTED: usize = 8;

/// So many folders are asked for by their names, in a folder that may hold thousands of others.
const FEW: usize = 2;

/// Names that are asked for at once on one host.
const ASKED: usize = 32;

/// What a push is about, by path: made once for all hosts.
#[derive(Debug)]
pub(super) struct Wanted {
    /// The places of the entries, in the order of their paths.
    order: Vec<u32>,
    /// The folders that lie right in the root, where it is few of them and nothing else that does.
    tops: Vec<RelPath>,
}

/// What stands there.
#[derive(Debug, Default)]
pub(super) struct Sight {
    /// Below the root of the push, of links with their targets.
    pub(super) entries: Vec<Entry>,
    /// For each of them: whose it is, where the host says it.
    pub(super) owners: Vec<Option<(u32, u32)>>,
    /// What the source has not, where that is looked at too.
    pub(super) more: Vec<Entry>,
    /// What earlier pushes left behind, as paths of the host.
    pub(super) leftovers: Vec<Vec<u8>>,
}

impl Wanted {
    /// Of these entries.
    pub(super) fn new(source: &[Entry]) -> Wanted {
        let mut order: Vec<u32> = (0..u32::try_from(source.len()).unwrap_or(u32::MAX)).collect();
        order.sort_unstable_by(|a, b| source[*a as usize].path.cmp(&source[*b as usize].path));
        let is_top = |entry: &&Entry| !entry.path.is_root() && !entry.path.as_bytes().contains(&b'/');
        let tops: Vec<&Entry> = source.iter().filter(is_top).take(FEW + 1).collect();
        let is_asked = tops.len() <= FEW && tops.iter().all(|top| top.kind == Kind::Dir);
        let tops = tops.into_iter().filter(|_| is_asked).map(|top| top.path.clone()).collect();
        Wanted { order, tops }
    }

    fn find<'s>(&self, source: &'s [Entry], path: &RelPath) -> Option<&'s Entry> {
        let at = self.order.binary_search_by(|item| source[*item as usize].path.cmp(path)).ok()?;
        source.get(self.order[at] as usize)
    }

    /// Those that lie right in a folder.
    fn within<'s>(
        &'s self,
        source: &'s [Entry],
        folder: &'s RelPath,
    ) -> impl Iterator<Item = &'s Entry> + 's {
        let below = |path: &RelPath| {
            let rest = match folder.is_root() {
                true => path.as_bytes(),
                false => path.as_bytes().strip_prefix(folder.as_bytes())?.strip_prefix(b"/")?,
            };
            (!rest.is_empty() && !rest.contains(&b'/')).then_some(())
        };
        let begins = self.order.partition_point(|item| source[*item as usize].path < *folder);
        let entries = self.order[begins..].iter().map(|item| &source[*item as usize]);
        entries
            .take_while(|entry| folder.is_root() || entry.path.as_bytes().starts_with(folder.as_bytes()))
            .filter(move |entry| below(&entry.path).is_some())
    }
}

/// What is looked at.
#[derive(Clone, Copy)]
pub(super) struct Scene<'a> {
    /// The root of the push on the host.
    pub(super) base: &'a [u8],
    /// What the push brings.
    pub(super) source: &'a [Entry],
    /// The same, to be looked up.
    pub(super) wanted: &'a Wanted,
    /// What is looked at beside what the source has.
    pub(super) scope: Option<&'a Scope>,
    /// What [`Scene::tops`] has seen, where that was asked for.
    pub(super) tops: Option<&'a [(RelPath, Stat)]>,
}

/// What was found in one folder.
struct Page {
    entries: Vec<(Entry, Option<(u32, u32)>)>,
    leftovers: Vec<Vec<u8>>,
}

impl Scene<'_> {
    /// Looks at all of it, below a folder that stands.
    pub(super) async fn tree(self, hand: Hand<'_>) -> Result<Sight, Trouble> {
        let mut sight = Sight::default();
        let (mut queue, mut under_way) = (vec![RelPath::root()], FuturesUnordered::new());
        loop {
            while under_way.len() < LISTED
                && let Some(folder) = queue.pop()
            {
                under_way.push(self.folder(hand, folder));
            }
            let Some(page) = under_way.next().await else { return Ok(sight) };
            let Page { entries, leftovers } = page?;
            sight.leftovers.extend(leftovers);
            for (entry, owner) in entries {
                if sight.entries.len() + sight.more.len() >= MAX_ENTRIES {
                    let why = format!("{}: more than {MAX_ENTRIES} entries", shown(self.base));
                    return Err(Trouble::file(FileFault::Refused, why));
                }
                if entry.kind == Kind::Dir && self.is_looked_into(&entry) {
                    queue.push(entry.path.clone());
                }
                if self.wanted.find(self.source, &entry.path).is_none() {
                    sight.more.push(entry);
                    continue;
                }
                sight.entries.push(entry);
                sight.owners.push(owner);
            }
        }
    }

    /// Asks for the few folders that lie right in the root, where all of the push is in them. It needs no root that is known from
    /// `/`, and nothing need stand there.
    pub(super) async fn tops(self, hand: Hand<'_>) -> Result<Vec<(RelPath, Stat)>, Trouble> {
        self.each(hand, self.wanted.tops.clone()).await
    }

    /// Looks at the one file that the push is about, which the root is, and at what was left beside it.
    pub(super) async fn lone(self, hand: Hand<'_>) -> Result<Sight, Trouble> {
        let mut sight = Sight::default();
        let (folder, name) = split(self.base);
        let folder = if folder.is_empty() { &b"."[..] } else { folder };
        let listed = hand.list(folder, |found| {
            if super::part::is_part_of(&found.name, name) {
                sight.leftovers.push([folder, &found.name].concat());
            }
            Ok(())
        });
        match listed.await {
            // What cannot be listed may be written to nevertheless.
            Ok(()) | Err(Trouble::File { .. }) => {}
            Err(trouble) => return Err(trouble),
        }
        if let Some(stat) = hand.lstat(self.base).await? {
            let (entry, owner) = self.entry(hand, RelPath::root(), stat).await?;
            sight.entries.push(entry);
            sight.owners.push(owner);
        }
        Ok(sight)
    }

    /// A folder that the source has too, or one in which something may be deleted.
    fn is_looked_into(&self, entry: &Entry) -> bool {
        self.scope.is_some_and(|scope| scope.looks_into(&entry.path))
            || self.wanted.find(self.source, &entry.path).is_some_and(|wanted| wanted.kind == Kind::Dir)
    }

    async fn folder(self, hand: Hand<'_>, folder: RelPath) -> Result<Page, Trouble> {
        // Where no file goes no push leaves anything, and where nothing is deleted nobody need know what else there is.
        if folder.is_root() && self.scope.is_none() && !self.wanted.tops.is_empty() {
            let found = match self.tops {
                Some(seen) => seen.to_vec(),
                None => self.tops(hand).await?,
            };
            return self.page(hand, (found, Vec::new())).await;
        }
        let at = folder.below(self.base).into_owned();
        let (mut found, mut leftovers) = (Vec::new(), Vec::new());
        let listed = hand.list(&at, |one| {
            let path = folder.join(&one.name).map_err(|fault| odd(&at, &one, fault))?;
            if is_part(&one.name) {
                leftovers.push(path.below(self.base).into_owned());
            } else if self.scope.is_some_and(|scope| scope.sees(&path))
                || self.wanted.find(self.source, &path).is_some()
            {
                found.push((path, one.stat));
            }
            Ok(())
        });
        match listed.await {
            Ok(()) => {}
            Err(trouble) if trouble.fault() == Some(FileFault::NoRight) => {
                let wanted = self.wanted.within(self.source, &folder);
                let names = wanted.map(|entry| entry.path.clone()).collect();
                (found, leftovers) = (self.each(hand, names).await?, Vec::new());
            }
            // It went while we looked; whoever writes into it will hear that.
            Err(trouble) if trouble.fault() == Some(FileFault::Missing) => {}
            Err(trouble) => return Err(trouble),
        }
        self.page(hand, (found, leftovers)).await
    }

    async fn page(
        self,
        hand: Hand<'_>,
        (found, leftovers): (Vec<(RelPath, Stat)>, Vec<Vec<u8>>),
    ) -> Result<Page, Trouble> {
        let mut entries = Vec::with_capacity(found.len());
        let reading = found.into_iter().map(|(path, stat)| self.entry(hand, path, stat));
        for entry in at_once(ASKED, reading).await {
            entries.push(entry?);
        }
        Ok(Page { entries, leftovers })
    }

    /// Asks for each name by itself, in a folder that cannot be listed or need not be.
    async fn each(self, hand: Hand<'_>, paths: Vec<RelPath>) -> Result<Vec<(RelPath, Stat)>, Trouble> {
        let asking = paths.into_iter().map(|path| async move {
            let stat = hand.lstat(&path.below(self.base)).await;
            (path, stat)
        });
        let mut found = Vec::new();
        for (path, stat) in at_once(ASKED, asking).await {
            match stat {
                Ok(Some(stat)) => found.push((path, stat)),
                // What cannot be looked at is tried.
                Ok(None) | Err(Trouble::File { .. }) => {}
                Err(trouble) => return Err(trouble),
            }
        }
        Ok(found)
    }

    /// With what a link says, where that is wanted.
    async fn entry(
        self,
        hand: Hand<'_>,
        path: RelPath,
        stat: Stat,
    ) -> Result<(Entry, Option<(u32, u32)>), Trouble> {
        let Stat { mut kind, mode, mtime, owner } = stat;
        if let Kind::Link { to } = &mut kind {
            *to = match hand.read_link(&path.below(self.base)).await {
                Ok(to) => to,
                Err(Trouble::File { .. }) => Box::default(),
                Err(trouble) => return Err(trouble),
            };
        }
        Ok((Entry { path, kind, mode, mtime }, owner))
    }
}

fn odd(folder: &[u8], found: &Found, fault: super::path::NameFault) -> Trouble {
    let why = format!("{}: the host lists {fault} there: `{}`", shown(folder), shown(&found.name));
    Trouble::file(FileFault::Odd, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(path: &str) -> Entry {
        let path = RelPath::parse(path.as_bytes()).expect("a path");
        Entry { path, kind: Kind::Dir, mode: 0o755, mtime: 0 }
    }

    #[test]
    fn what_lies_right_in_a_folder_is_found() {
        let source: Vec<Entry> = ["b", "a", "a/x", "a/x/y", "a-b", "a/z", "ab"].map(entry).to_vec();
        let wanted = Wanted::new(&source);
        let within = |folder: &RelPath| {
            let paths = wanted.within(&source, folder).map(|entry| entry.path.to_string());
            paths.collect::<Vec<_>>()
        };
        assert_eq!(within(&RelPath::root()), ["a", "a-b", "ab", "b"]);
        assert_eq!(within(&RelPath::parse(b"a").expect("a path")), ["a/x", "a/z"]);
        assert_eq!(within(&RelPath::parse(b"a/x").expect("a path")), ["a/x/y"]);
        assert_eq!(wanted.find(&source, &source[3].path), Some(&source[3]));
        assert_eq!(wanted.find(&source, &entry("a/y").path), None);
    }
}
