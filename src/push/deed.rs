//! The deed of `omnes push`: looking at what stands on a host, and bringing there what is missing.
//!
//! Theory: until the first byte goes out that changes anything, the host is only looked at, so a host that fails before that
//! was certainly not changed. From then on each file is whole or what it was; where the link is lost in between, nobody knows
//! how far it came, and pushing again is always right, since what is there already is found. That is why a push that goes on
//! has all hosts do their part again on which not everything is known to be in its place.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt};
use tokio::time::{MissedTickBehavior, interval};

use super::carry::{Books, Carrier, Goods};
use super::changes::{self, Act, Changes, Policy};
use super::delete::Doomed;
use super::fill::Filling;
use super::foresee;
use super::hand::{Hand, at_once};
use super::lift::{self, Lift};
use super::losses::Known;
use super::look::{Scene, Sight, Wanted};
use super::path::{RelPath, shown};
use super::place::{self, At, Landing, Stands};
use super::put::{Source, Verify};
use super::remote::{Marks, Remote, Stat};
use super::remove::{Removed, Removing};
use super::source::feed::{Feed, Made};
use super::source::Lot;
use super::tidy::Tidy;
use super::tree::{Entry, Kind};
use super::trouble::Trouble;
use super::window::Budget;
use crate::hosts::{Facts, Host, Place};
use crate::outcome::{Fate, FileFault, FilesFailed, NotRun, Outcome, Unknown};
use crate::run::helper::Answers;
use crate::run::sudo::Sudo;
use crate::run::{Call, Deed, Freight, HostIx, Stream, quote};
use crate::run::deed::Ending;
use crate::ssh::{ChannelEvent, ConnectError, Link, Stage, SudoPasswords};

/// How often a host says how far its bytes are.
const TELLING: Duration = Duration::from_millis(500);

/// Files whose content is compared at once on one host.
const COMPARED: usize = 8;

/// Leftovers that are removed at once on one host.
const SWEPT: usize = 16;

/// How files get to a host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Via {
    /// SFTP.
    #[default]
    Sftp,
    /// A POSIX shell.
    Shell,
}

/// What is done with what is found out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Purpose {
    /// It is carried out.
    #[default]
    Change,
    /// It is told, and nothing is changed.
    Foresee,
}

/// Whom everything is to belong to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// A name or number of the host.
    pub user: String,
    /// The same; without one the group of the user's logins.
    pub group: Option<String>,
}

/// How things are pushed; the same for all hosts.
#[derive(Default)]
pub struct Manner {
    /// When two files are the same, and which marks they have.
    pub policy: Policy,
    /// What old content is kept under: behind its name.
    pub backup: Option<Vec<u8>>,
    /// Whom everything is to belong to.
    pub owner: Option<Owner>,
    /// By `sudo`, with whoever has passwords.
    pub sudo: Option<(Sudo, SudoPasswords)>,
    /// How files get there.
    pub via: Via,
    /// How content is proven.
    pub verify: Verify,
    /// Whether it is done at all.
    pub purpose: Purpose,
}

/// What one host gets.
#[derive(Clone, Debug)]
pub struct Parcel {
    /// Which part of the source.
    pub lot: Lot,
    /// Where it goes.
    pub at: At,
    /// The host, as a template sees it.
    pub host: Host,
    /// What is known of it.
    pub facts: Facts,
    /// Its number in the whole run, from 1.
    pub n: usize,
    /// How many hosts the whole run has.
    pub count: usize,
}

/// A push of these sources to these hosts.
pub struct Push {
    feed: Arc<Feed>,
    parcels: Vec<Parcel>,
    manner: Manner,
    /// By the place among all entries: files that are filled in.
    fillings: HashMap<usize, Filling>,
    /// What every host gets where all get the same, to be looked up.
    wanted: Option<Wanted>,
    /// What is remembered and deleted, where a folder is pushed as a whole.
    tidy: Option<Arc<Tidy>>,
    budget: Arc<Budget>,
}

impl Parcel {
    /// The host, as a template sees it.
    pub fn place(&self) -> Place<'_> {
        Place { host: &self.host, facts: &self.facts, n: self.n, count: self.count }
    }
}

impl Push {
    /// For hosts in the order of the plan. `bytes` is what all hosts together may have under way beyond what each has.
    pub fn new(feed: Arc<Feed>, parcels: Vec<Parcel>, manner: Manner, bytes: usize) -> Push {
        let all = feed.sources().all();
        let is_same = parcels.iter().all(|parcel| parcel.lot == all);
        let wanted = (is_same && !all.is_lone()).then(|| Wanted::new(&feed.sources().entries(&all, Landing::Into)));
        Push { feed, parcels, manner, fillings: HashMap::new(), wanted, tidy: None, budget: Budget::new(bytes) }
    }

    /// The same with files that are filled in for each host, by their places among all entries.
    pub fn filling(self, fillings: HashMap<usize, Filling>) -> Push {
        Push { fillings, ..self }
    }

    /// The same with what is remembered and deleted.
    pub fn tidying(self, tidy: Option<Arc<Tidy>>) -> Push {
        Push { tidy, ..self }
    }

    /// Whether anything is changed in this visit.
    fn changes(&self) -> bool {
        self.manner.purpose == Purpose::Change && !self.tidy.as_ref().is_some_and(|tidy| tidy.only_looks())
    }

    /// What was read of the source.
    pub fn feed(&self) -> &Arc<Feed> {
        &self.feed
    }

    /// What this host gets, and where.
    pub fn parcel(&self, host: HostIx) -> &Parcel {
        &self.parcels[host.0]
    }
}

impl Deed for Push {
    fn carry_out<'a>(&'a self, call: Call<'a>, link: &'a Link) -> BoxFuture<'a, Outcome> {
        async move {
            let parcel = &self.parcels[call.host.0];
            let visit = Visit { push: self, call: &call, link, parcel, lot: &parcel.lot };
            tokio::select! {
                biased;
                outcome = visit.go() => outcome,
                () = visit.given_up() => Outcome::NotRun(NotRun::Cancelled),
                ending = call.to_be_ended() => visit.ended(ending),
            }
        }
        .boxed()
    }
}

fn failed(fault: FileFault, why: String) -> Outcome {
    Outcome::FilesFailed(FilesFailed { fault, why, files: 1 })
}

/// One host's part.
struct Visit<'a> {
    push: &'a Push,
    call: &'a Call<'a>,
    link: &'a Link,
    parcel: &'a Parcel,
    lot: &'a Lot,
}

/// What the host gets, and where, as it was found there.
pub(super) struct Ground<'a> {
    /// The root of the push, from `/`.
    pub(super) base: Vec<u8>,
    /// What it gets; of files that are filled in with their size there.
    pub(super) source: Cow<'a, [Entry]>,
    /// What stands there; the root is among it where it stands.
    pub(super) sight: Sight,
    /// What is to be done.
    pub(super) changes: Changes,
    /// What would be deleted.
    pub(super) doomed: Option<(Doomed, Known)>,
}

impl<'a> Visit<'a> {
    /// Nothing more is to be begun, and here nothing was.
    async fn given_up(&self) {
        self.call.cancelled().await;
        if self.call.is_sent() {
            std::future::pending().await
        }
    }

    async fn go(&self) -> Outcome {
        let remote = match self.push.manner.via {
            Via::Sftp => Remote::over_sftp(self.link, Arc::clone(&self.push.budget)).await,
            Via::Shell => Ok(Remote::over_shell(self.link, Arc::clone(&self.push.budget))),
        };
        let remote = match remote {
            Ok(remote) => remote,
            Err(Trouble::File { fault: FileFault::NoSftp, why }) => {
                let why = format!("{why}; --via shell sends files through its shell");
                return failed(FileFault::NoSftp, why);
            }
            Err(trouble) => return before(trouble),
        };
        let Some((sudo, passwords)) = &self.push.manner.sudo else {
            return self.with(Hand::Own(&remote)).await;
        };
        let lifted = lift::lift((self.call, self.link), &remote, (sudo, passwords)).await;
        match lifted {
            Ok((lift, answers)) => self.lifted(&remote, lift, answers).await,
            Err(outcome) => outcome,
        }
    }

    /// The same behind `sudo`, whose helper is heard all the while.
    async fn lifted(&self, remote: &Remote<'_>, mut lift: Lift<'_>, mut answers: Answers) -> Outcome {
        if self.push.changes() {
            // The private folder is the first thing that has an effect there.
            if let Err(why) = self.call.sending().await {
                return Outcome::NotRun(why);
            }
            if let Err(trouble) = lift.prepare().await {
                return self.after(trouble);
            }
        }
        let lift = &lift;
        let work = async {
            let outcome = self.with(Hand::Lifted(remote, lift)).await;
            lift.leave().await;
            outcome
        };
        let mut work = std::pin::pin!(work);
        tokio::select! {
            biased;
            outcome = &mut work => return outcome,
            () = lift.listen(&mut answers) => {}
        }
        // Whoever asks now hears that it is gone.
        work.await
    }

    async fn with(&self, hand: Hand<'_>) -> Outcome {
        let owner = match self.owner(hand).await {
            Ok(owner) => owner,
            Err(trouble) => return self.trouble(trouble),
        };
        let ground = match self.survey(hand).await {
            Ok(ground) => ground,
            Err(trouble) => return self.trouble(trouble),
        };
        match self.push.manner.purpose {
            Purpose::Change if !self.push.changes() => self.look(ground),
            Purpose::Change => self.change(hand, &ground, owner).await,
            Purpose::Foresee => self.foresee(hand, &ground).await,
        }
    }

    /// Looks at what stands there, and decides what is to be done.
    async fn survey(&self, hand: Hand<'_>) -> Result<Ground<'a>, Trouble> {
        let base = self.resolve(hand, &self.parcel.at.path).await?;
        let stat = hand.stat(&base).await?;
        let stands = match &stat {
            None => Stands::Nothing,
            Some(Stat { kind: Kind::Dir, .. }) => Stands::Folder,
            Some(_) => Stands::Other,
        };
        let landing = place::landing(self.lot.is_lone(), &self.parcel.at, stands)
            .map_err(|(fault, why)| Trouble::file(fault, why))?;
        let source = self.source(landing)?;
        let mut sight = self.sight(hand, (&base, &source), (landing, stat)).await?;
        let equal = self.equal(hand, &base, (&source, &sight)).await?;
        let changes = changes::changes(&source, &sight.entries, &self.policy(), &equal);
        let doomed = match &self.push.tidy {
            Some(tidy) => {
                let there = sight.entries.iter().cloned().chain(sight.more.drain(..)).collect();
                tidy.doomed((self.call.name, &base), there).await
            }
            None => None,
        };
        Ok(Ground { base, source, sight, changes, doomed })
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

    fn filled(&self, item: usize) -> Result<bytes::Bytes, String> {
        self.push.fillings[&item].fill(&self.parcel.place()).map_err(|fault| fault.to_string())
    }

    async fn sight(
        &self,
        hand: Hand<'_>,
        (base, source): (&[u8], &[Entry]),
        (landing, stat): (Landing, Option<Stat>),
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
            Some(tidy) => tidy.scope((self.call.name, base)).await,
            None => None,
        };
        let scene = Scene { base, source, wanted, scope: scope.as_ref() };
        if landing == Landing::As {
            return scene.lone(hand).await;
        }
        let Some(stat) = stat else { return Ok(Sight::default()) };
        let mut sight = scene.tree(hand).await?;
        let root = Entry { path: RelPath::root(), kind: stat.kind, mode: stat.mode, mtime: stat.mtime };
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

    /// The numbers of the owner that is wanted.
    async fn owner(&self, hand: Hand<'_>) -> Result<Option<(u32, u32)>, Trouble> {
        let Some(Owner { user, group }) = &self.push.manner.owner else { return Ok(None) };
        let group = group.as_deref().unwrap_or_default();
        match hand {
            Hand::Lifted(_, lift) => lift.ids(user, group).await.map(Some),
            Hand::Own(_) => self.ids(user, group).await.map(Some),
        }
    }

    async fn ids(&self, user: &str, group: &str) -> Result<(u32, u32), Trouble> {
        if let (Ok(user), Ok(group)) = (user.parse(), group.parse()) {
            return Ok((user, group));
        }
        let script = r#"id -u "$1" && if [ -z "$2" ]; then id -g "$1"; else getent group "$2" | cut -d: -f3; fi"#;
        let words = ["sh", "-c", script, "sh", user, group];
        let mut channel = self.link.exec(&quote::line(words)).await.map_err(|error| Trouble::Lost(error.to_string()))?;
        let mut said = Vec::new();
        loop {
            match channel.output.next().await {
                ChannelEvent::Data(bytes) if said.len() < 256 => said.extend_from_slice(&bytes),
                ChannelEvent::Closed(Err(why)) => return Err(Trouble::Lost(why)),
                ChannelEvent::Closed(Ok(())) => break,
                _ => {}
            }
        }
        let text = String::from_utf8_lossy(&said);
        let mut lines = text.lines().map(|line| line.trim().parse().ok());
        match (lines.next().flatten(), lines.next().flatten()) {
            (Some(user), Some(group)) => Ok((user, group)),
            _ => {
                let who = if group.is_empty() { user.to_owned() } else { format!("{user}:{group}") };
                Err(Trouble::file(FileFault::Refused, format!("--owner {who}: the host knows no such user or group")))
            }
        }
    }

    /// Carries out what was decided.
    async fn change(&self, hand: Hand<'_>, ground: &Ground<'_>, owner: Option<(u32, u32)>) -> Outcome {
        let changes = &ground.changes;
        let mut books = Books::default();
        books.tally.unchanged = changes.same.files;
        changes.faults.iter().for_each(|fault| books.failed(fault.fault, &fault.why, fault.entries));
        let owned = self.disowned(ground, owner);
        let is_nothing = changes.before.is_empty() && changes.files.is_empty() && changes.after.is_empty();
        let deletes = ground.doomed.as_ref().is_some_and(|(doomed, _)| !doomed.is_empty());
        if is_nothing && owned.is_empty() && ground.sight.leftovers.is_empty() && !deletes {
            return match self.finish(hand, ground, &mut books).await {
                Ok(()) => self.told(books).await,
                Err(trouble) => self.after(trouble),
            };
        }
        if matches!(hand, Hand::Own(_))
            && let Err(why) = self.call.sending().await
        {
            return Outcome::NotRun(why);
        }
        self.sweep(hand, ground).await;
        let standing: HashSet<&RelPath> = ground.sight.entries.iter().map(|entry| &entry.path).collect();
        let moved = AtomicU64::new(0);
        let carrier = Carrier {
            hand,
            base: &ground.base,
            source: &ground.source,
            goods: self,
            backup: self.push.manner.backup.as_deref(),
            owner,
            verify: self.push.manner.verify,
            standing: &standing,
            moved: &moved,
        };
        let carried = {
            let work = async {
                carrier.carry_out(changes, &mut books).await?;
                self.give(hand, (ground, &mut books), (owner, &owned)).await?;
                self.finish(hand, ground, &mut books).await
            };
            let mut work = std::pin::pin!(work);
            tokio::select! {
                carried = &mut work => carried,
                () = self.telling(&moved, changes.sent.bytes) => unreachable!("it tells for ever"),
            }
        };
        match carried {
            Ok(()) => self.told(books).await,
            Err(trouble) => {
                self.call.files(books.tally).await;
                self.after(trouble)
            }
        }
    }

    /// Once all is in its place: deletes what may go, and remembers what is there.
    async fn finish(&self, hand: Hand<'_>, ground: &Ground<'_>, books: &mut Books) -> Result<(), Trouble> {
        let Some(tidy) = self.push.tidy.as_ref().filter(|_| books.fault().is_none()) else { return Ok(()) };
        let mut removed = Removed::default();
        if let Some((doomed, _)) = &ground.doomed {
            match tidy.check(self.call.name, doomed) {
                Ok(()) => removed = self.delete(hand, &ground.base, doomed).await,
                Err(refusal) => books.failed(FileFault::Refused, &refusal.to_string(), 1),
            }
        }
        removed.faults.iter().for_each(|(fault, why)| books.failed(*fault, why, 1));
        let lost = removed.lost.take();
        let made = ground.changes.before.iter().filter(|act| matches!(act, Act::MakeDir { .. }));
        let made = made.filter_map(super::carry::item).map(|item| ground.source[item].path.clone()).collect();
        let own = (!self.push.fillings.is_empty()).then_some(&*ground.source);
        if let Err(why) = tidy.remember((self.call.name, &ground.base), (own, made), removed).await {
            self.call.notice(&why).await;
        }
        lost.map_or(Ok(()), Err)
    }

    async fn delete(&self, hand: Hand<'_>, base: &[u8], doomed: &Doomed) -> Removed {
        let Some(tidy) = &self.push.tidy else { return Removed::default() };
        let removing = Removing { remover: &hand, base, source: tidy.held(), backup: tidy.backup() };
        let removed = removing.carry_out(doomed.clone()).await;
        if let Some((first, _)) = removed.stays.first() {
            let more = removed.stays.len() - 1;
            let more = if more == 0 { String::new() } else { format!(", and {more} more,") };
            self.call.notice(&format!("{first}{more} was to be deleted and stays, since it changed")).await;
        }
        removed
    }

    /// What would go is gathered, and nothing is changed.
    fn look(&self, ground: Ground<'_>) -> Outcome {
        if let (Some(tidy), Some(doomed)) = (&self.push.tidy, ground.doomed) {
            tidy.add(self.call.name, doomed);
        }
        Outcome::Exited(0)
    }

    /// What stands there and belongs to somebody else.
    fn disowned(&self, ground: &Ground<'_>, owner: Option<(u32, u32)>) -> Vec<RelPath> {
        let Some(owner) = owner else { return Vec::new() };
        let put: HashSet<&RelPath> = ground
            .changes
            .files
            .iter()
            .filter(|act| matches!(act, Act::Put { .. } | Act::Link { .. }))
            .filter_map(super::carry::item)
            .map(|item| &ground.source[item].path)
            .collect();
        let theirs = ground.sight.entries.iter().zip(&ground.sight.owners);
        theirs
            .filter(|(entry, whose)| entry.kind != Kind::Dir && whose.is_some_and(|whose| whose != owner))
            .filter(|(entry, _)| !put.contains(&entry.path))
            .map(|(entry, _)| entry.path.clone())
            .collect()
    }

    /// Gives what stands there unchanged to whom it is to belong.
    async fn give(
        &self,
        hand: Hand<'_>,
        (ground, books): (&Ground<'_>, &mut Books),
        (owner, theirs): (Option<(u32, u32)>, &[RelPath]),
    ) -> Result<(), Trouble> {
        let marks = Marks { owner, ..Marks::default() };
        let base = ground.base.as_slice();
        let giving = theirs.iter().map(|path| async move { hand.set(&path.below(base), marks).await });
        for given in at_once(COMPARED, giving).await {
            match given {
                Ok(()) => {}
                Err(Trouble::File { fault, why }) => books.failed(fault, &why, 1),
                Err(trouble) => return Err(trouble),
            }
        }
        Ok(())
    }

    /// Removes what earlier pushes left behind, but what this one goes on with.
    async fn sweep(&self, hand: Hand<'_>, ground: &Ground<'_>) {
        let mut kept = HashSet::new();
        for act in &ground.changes.files {
            let Act::Put { item, .. } = act else { continue };
            // Only where something was left is any content asked for before its turn.
            if ground.sight.leftovers.is_empty() {
                break;
            }
            let at = ground.source[*item].path.below(&ground.base).into_owned();
            let (folder, name) = super::hand::split(&at);
            let is_its = |part: &&Vec<u8>| {
                part.strip_prefix(folder).is_some_and(|part| super::part::is_part_of(part, name))
            };
            if ground.sight.leftovers.iter().any(|part| is_its(&part))
                && let Ok(content) = self.open(*item).await
            {
                kept.insert([folder, &super::part::part_name(name, &content.sha256())].concat());
            }
        }
        let gone = ground.sight.leftovers.iter().filter(|part| !kept.contains(*part));
        // Somebody else may be at work on it; what stays is found by the next push.
        let _ = at_once(SWEPT, gone.map(|part| hand.sweep(part))).await;
    }

    /// Says now and then how far the bytes are.
    async fn telling(&self, moved: &AtomicU64, total: u64) {
        let mut ticks = interval(TELLING);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let done = moved.load(Ordering::Relaxed).min(total);
            self.call.moved(Freight { done, total });
        }
    }

    async fn told(&self, books: Books) -> Outcome {
        self.call.files(books.tally).await;
        match books.fault() {
            None => Outcome::Exited(0),
            Some(failed) => Outcome::FilesFailed(failed),
        }
    }

    /// Tells what would be done.
    async fn foresee(&self, hand: Hand<'_>, ground: &Ground<'_>) -> Outcome {
        let content = |item: usize| {
            let is_filled = self.push.fillings.contains_key(&(item + self.lot.range().start));
            is_filled.then(|| self.filled(item + self.lot.range().start).unwrap_or_default())
        };
        let text = match foresee::text(hand, ground, &content).await {
            Ok(text) => text,
            Err(trouble) => return before(trouble),
        };
        self.call.said(Stream::Out, text.into()).await;
        if let (Some(tidy), Some(doomed)) = (&self.push.tidy, &ground.doomed) {
            tidy.add(self.call.name, doomed.clone());
        }
        match ground.changes.faults.first() {
            None => Outcome::Exited(0),
            Some(first) => {
                let files = ground.changes.faults.iter().map(|fault| fault.entries).sum();
                Outcome::FilesFailed(FilesFailed { fault: first.fault, why: first.why.clone(), files })
            }
        }
    }

    /// What a trouble is that comes while the host is looked at.
    fn trouble(&self, trouble: Trouble) -> Outcome {
        let is_sent = self.push.manner.sudo.is_some() && self.push.changes();
        if is_sent { self.after(trouble) } else { before(trouble) }
    }

    /// What a trouble is once something may have had an effect.
    fn after(&self, trouble: Trouble) -> Outcome {
        match trouble {
            Trouble::File { fault, why } => failed(fault, why),
            Trouble::Unreachable(error) => Outcome::Unknown(Unknown::LinkLost(error.to_string())),
            Trouble::Lost(why) => Outcome::Unknown(Unknown::LinkLost(why)),
        }
    }

    /// The user, or the time, ends it: what is under way is left where it is, and what is in its place stays.
    fn ended(&self, ending: Ending) -> Outcome {
        match (self.call.is_sent(), ending) {
            (false, Ending::Told) => Outcome::NotRun(NotRun::Cancelled),
            (_, Ending::Told) => Outcome::Unknown(Unknown::Killed(Fate::Ended)),
            (false, Ending::Overdue(after)) => {
                let why = format!("it was not looked at within {} s", after.as_secs_f64());
                ConnectError::Unreachable { stage: Stage::Channel, why }.into()
            }
            (true, Ending::Overdue(after)) => Outcome::Unknown(Unknown::TimedOut(after, Fate::Ended)),
        }
    }
}

/// What a trouble is before anything had an effect.
fn before(trouble: Trouble) -> Outcome {
    match trouble {
        Trouble::File { fault, why } => failed(fault, why),
        Trouble::Unreachable(error) => error.into(),
        Trouble::Lost(why) => ConnectError::Unreachable { stage: Stage::Channel, why }.into(),
    }
}

impl Goods for Visit<'_> {
    fn open(&self, item: usize) -> BoxFuture<'_, Result<Box<dyn Source>, String>> {
        let item = item + self.lot.range().start;
        async move {
            if self.push.fillings.contains_key(&item) {
                return Ok(Box::new(Made::new(self.filled(item)?)) as Box<dyn Source>);
            }
            let content = self.push.feed.file(item).await.map_err(|fault| fault.to_string())?;
            Ok(Box::new(content) as Box<dyn Source>)
        }
        .boxed()
    }
}
