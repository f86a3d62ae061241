//! What stands on a host, held against what it gets: nothing is changed.

use std::borrow::Cow;
use std::collections::HashSet;

use super::{Purpose, SURVEYED, Via, Visit};
use crate::outcome::FileFault;
use crate::push::carry::Goods;
use crate::push::changes::{self, Changes, Policy};
use crate::push::delete::Doomed;
use crate::push::hand::{Hand, at_once};
use crate::push::look::{Scene, Sight, Wanted};
use crate::push::losses::Known;
use crate::push::path::RelPath;
use crate::push::place::{self, Landing, Stands};
use crate::push::remote::Stat;
use crate::push::tree::{Entry, Kind};
use crate::push::trouble::Trouble;

/// Files whose content is compared at once on one host.
const COMPARED: usize = 8;

/// What the host gets, and where, as it was found there.
pub(in crate::push) struct Ground<'a> {
    /// The root of the push, from `/`.
    pub(in crate::push) base: Vec<u8>,
    /// What it gets; of files that are filled in with their size there.
    pub(in crate::push) source: Cow<'a, [Entry]>,
    /// What stands there; the root is among it where it stands. Without entries, where nobody looks back at them.
    pub(in crate::push) sight: Sight,
    /// What is to be done.
    pub(in crate::push) changes: Changes,
    /// What would be deleted.
    pub(in crate::push) doomed: Option<(Doomed, Known)>,
}

/// Where a push begins on a host.
struct Root {
    /// From `/`.
    base: Vec<u8>,
    /// What stands there.
    stat: Option<Stat>,
    /// What was seen of [`Scene::tops`] on the way.
    tops: Option<Vec<(RelPath, Stat)>>,
}

impl<'a> Visit<'a> {
    /// Looks at what stands there, and decides what is to be done.
    pub(super) async fn survey(&self, hand: Hand<'_>) -> Result<Ground<'a>, Trouble> {
        let root = self.root(hand).await?;
        let stands = match &root.stat {
            None => Stands::Nothing,
            Some(Stat { kind: Kind::Dir, .. }) => Stands::Folder,
            Some(_) => Stands::Other,
        };
        let landing = place::landing(self.lot.is_lone(), &self.parcel.at, stands)
            .map_err(|(fault, why)| Trouble::file(fault, why))?;
        let source = self.source(landing)?;
        let entries = u32::try_from(source.len()).unwrap_or(SURVEYED).min(SURVEYED);
        let _room = self.push.surveys.acquire_many(entries).await.expect("nobody closes it");
        let mut sight = self.sight(hand, (&root, &source), landing).await?;
        let base = root.base;
        let equal = self.equal(hand, &base, (&source, &sight)).await?;
        let changes = changes::changes(&source, &sight.entries, &self.policy(), &equal).at(&base);
        let doomed = match &self.push.tidy {
            Some(tidy) => {
                let there = sight.entries.iter().cloned().chain(sight.more.drain(..)).collect();
                tidy.doomed((self.call.name, &base), there).await
            }
            None => None,
        };
        if !self.looks_back() {
            (sight.entries, sight.owners) = (Vec::new(), Vec::new());
        }
        Ok(Ground { base, source, sight, changes, doomed })
    }

    /// Whether what stands there is asked for once more after it is known what is to be done.
    fn looks_back(&self) -> bool {
        let manner = &self.push.manner;
        manner.backup.is_some() || manner.owner.is_some() || manner.purpose == Purpose::Foresee
    }

    /// Finds the root of the push.
    async fn root(&self, hand: Hand<'_>) -> Result<Root, Trouble> {
        let path = &self.parcel.at.path;
        // All at once. What goes wrong is asked again, since it is told with the whole path.
        if let (Hand::Own(_), Via::Sftp) = (hand, self.push.manner.via)
            && let (Ok(base), Ok(stat), Ok(tops)) =
                tokio::join!(self.resolve(hand, path), hand.stat(path), self.tops(hand, path))
        {
            return Ok(Root { base, stat, tops });
        }
        let base = self.resolve(hand, path).await?;
        hand.anchor(&base).await?;
        let stat = hand.stat(&base).await?;
        Ok(Root { base, stat, tops: None })
    }

    /// The folders right in the root that hold all that is pushed, where that decides what is looked at.
    async fn tops(&self, hand: Hand<'_>, path: &[u8]) -> Result<Option<Vec<(RelPath, Stat)>>, Trouble> {
        match &self.push.wanted {
            Some(wanted) if self.push.tidy.is_none() => {
                let scene = Scene { base: path, source: &[], wanted, scope: None, tops: None };
                scene.tops(hand).await.map(Some)
            }
            _ => Ok(None),
        }
    }

    async fn resolve(&self, hand: Hand<'_>, path: &[u8]) -> Result<Vec<u8>, Trouble> {
        match path.starts_with(b"/") {
            true => Ok(path.to_vec()),
            false => hand.resolve(path).await,
        }
    }

    /// What is filled in says more than its time.
    fn policy(&self) -> Policy {
        match self.push.fillings.is_empty() {
            true => self.push.manner.policy,
            false => Policy { same: changes::Same::Checksum, ..self.push.manner.policy },
        }
    }

    /// What this host gets; what is filled in with the size that it has here.
    fn source(&self, landing: Landing) -> Result<Cow<'a, [Entry]>, Trouble> {
        let mut source = self.push.feed.sources().entries(self.lot, landing);
        let first = self.lot.range().start;
        let mine = self.lot.range().filter(|item| self.push.fillings.contains_key(item));
        for item in mine {
            let filled = self.filled(item).map_err(|why| Trouble::file(FileFault::Other, why))?;
            source.to_mut()[item - first].kind = Kind::File { size: filled.len() as u64 };
        }
        Ok(source)
    }

    pub(super) fn filled(&self, item: usize) -> Result<bytes::Bytes, String> {
        self.push.fillings[&item].fill(&self.parcel.place()).map_err(|fault| fault.to_string())
    }

    async fn sight(
        &self,
        hand: Hand<'_>,
        (root, source): (&Root, &[Entry]),
        landing: Landing,
    ) -> Result<Sight, Trouble> {
        let made;
        let wanted = match &self.push.wanted {
            Some(wanted) => wanted,
            None => {
                made = Wanted::new(source);
                &made
            }
        };
        let scope = match &self.push.tidy {
            Some(tidy) => tidy.scope((self.call.name, &root.base)).await,
            None => None,
        };
        let (scope, tops) = (scope.as_ref(), root.tops.as_deref());
        let scene = Scene { base: &root.base, source, wanted, scope, tops };
        if landing == Landing::As {
            return scene.lone(hand).await;
        }
        let Some(stat) = &root.stat else { return Ok(Sight::default()) };
        let mut sight = scene.tree(hand).await?;
        let root =
            Entry { path: RelPath::root(), kind: stat.kind.clone(), mode: stat.mode, mtime: stat.mtime };
        sight.entries.push(root);
        sight.owners.push(stat.owner);
        Ok(sight)
    }

    /// The places of files whose content stands there already, of those for which that decides.
    async fn equal(
        &self,
        hand: Hand<'_>,
        base: &[u8],
        (source, sight): (&[Entry], &Sight),
    ) -> Result<HashSet<usize>, Trouble> {
        let asks = changes::asks(source, &sight.entries, &self.policy());
        let comparing = asks.into_iter().map(|item| self.is_equal(hand, base, (source, item)));
        let mut equal = HashSet::new();
        for item in at_once(COMPARED, comparing).await {
            equal.extend(item?);
        }
        Ok(equal)
    }

    /// The place of a file, where its content stands there.
    async fn is_equal(
        &self,
        hand: Hand<'_>,
        base: &[u8],
        (source, item): (&[Entry], usize),
    ) -> Result<Option<usize>, Trouble> {
        let at = source[item].path.below(base);
        let Kind::File { size } = source[item].kind else { return Ok(None) };
        let there = match hand.sha256(&at, size).await {
            Ok(sum) => sum,
            // What cannot be read is sent.
            Err(Trouble::File { .. }) => return Ok(None),
            Err(trouble) => return Err(trouble),
        };
        let here = self.open(item).await.map_err(|why| Trouble::file(FileFault::Other, why))?.sha256();
        Ok((there == here).then_some(item))
    }
}
