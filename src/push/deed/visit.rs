//! One host's part of a push, from its first look to what is told of it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::{Ground, Purpose, Via, Visit};
use crate::outcome::{Fate, FileFault, FilesFailed, NotRun, Outcome, Unknown};
use crate::push::begin::WORTH;
use crate::push::carry::{self, Books, Carrier, Goods};
use crate::push::changes::Act;
use crate::push::delete::{Doomed, Stays};
use crate::push::foresee;
use crate::push::hand::{self, Hand, at_once};
use crate::push::lift::{self, Lift};
use crate::push::part;
use crate::push::path::RelPath;
use crate::push::put::Source;
use crate::push::remote::Remote;
use crate::push::remove::{Removed, Removing};
use crate::push::source::feed::Made;
use crate::push::tree::Kind;
use crate::push::trouble::Trouble;
use crate::run::deed::Ending;
use crate::run::helper::Answers;
use crate::run::{Freight, Stream};
use crate::ssh::{ConnectError, Stage};

/// How often a host says how far its bytes are.
const TELLING: Duration = Duration::from_millis(500);

/// Leftovers that are removed at once on one host.
const SWEPT: usize = 16;

impl Visit<'_> {
    /// Nothing more is to be begun, and here nothing was.
    pub(super) async fn given_up(&self) {
        self.call.cancelled().await;
        if self.call.is_sent() {
            std::future::pending().await
        }
    }

    pub(super) async fn go(&self) -> Outcome {
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
            Purpose::Foresee => self.foresee(hand, &ground, owner).await,
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
        let begun = self.sweep(hand, ground).await;
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
            begun: &begun,
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
        books.tally.removed = removed.files.len() + removed.folders.len();
        removed.faults.iter().for_each(|(fault, why)| books.failed(*fault, why, 1));
        let lost = removed.lost.take();
        let made = ground.changes.before.iter().filter(|act| matches!(act, Act::MakeDir { .. }));
        let made = made.filter_map(carry::item).map(|item| ground.source[item].path.clone()).collect();
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
        if let Some((first, why)) = removed.stays.first() {
            let more = removed.stays.len() - 1;
            let more = if more == 0 { String::new() } else { format!(", and {more} more,") };
            let since = match why {
                Stays::Taken => "the name that it would be kept under is taken",
                _ => "it changed",
            };
            self.call.notice(&format!("{first}{more} was to be deleted and stays, since {since}")).await;
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

    /// Removes what earlier pushes left behind, but what this one goes on with: that it gives, by the place of its file.
    async fn sweep(&self, hand: Hand<'_>, ground: &Ground<'_>) -> HashMap<usize, Vec<u8>> {
        let leftovers = &ground.sight.leftovers;
        let begun = self.begun(hand, ground).await;
        let kept: HashSet<&Vec<u8>> = begun.values().collect();
        let gone = leftovers.iter().filter(|left| !kept.contains(left));
        // Somebody else may be at work on it; what stays is found by the next push.
        let _ = at_once(SWEPT, gone.map(|left| hand.sweep(left))).await;
        begun
    }

    /// Of what earlier pushes left: the beginnings of files that this one puts, where they are worth it.
    async fn begun(&self, hand: Hand<'_>, ground: &Ground<'_>) -> HashMap<usize, Vec<u8>> {
        let mut begun = HashMap::new();
        // Root's files land elsewhere first, and a shell goes on with nothing.
        if !matches!((hand, self.push.manner.via), (Hand::Own(_), Via::Sftp)) {
            return begun;
        }
        let mut by_stem: HashMap<Vec<u8>, Vec<&Vec<u8>>> = HashMap::new();
        for left in &ground.sight.leftovers {
            let (folder, name) = hand::split(left);
            if let Some(stem) = part::stem(name) {
                by_stem.entry([folder, stem].concat()).or_default().push(left);
            }
        }
        if by_stem.is_empty() {
            return begun;
        }
        for act in &ground.changes.files {
            let Act::Put { item, .. } = act else { continue };
            let entry = &ground.source[*item];
            if !matches!(entry.kind, Kind::File { size } if size >= WORTH) {
                continue;
            }
            let at = entry.path.below(&ground.base);
            let (folder, name) = hand::split(&at);
            let stems = part::stems(name).map(|stem| [folder, &stem].concat());
            let lefts: Vec<&&Vec<u8>> = stems.iter().filter_map(|stem| by_stem.get(stem)).flatten().collect();
            // Only where something was left is content asked for before its turn.
            if lefts.is_empty() {
                continue;
            }
            let Ok(content) = self.open(*item).await else { continue };
            let sum = content.sha256();
            if let Some(left) = lefts.into_iter().find(|left| part::is_begun(hand::split(left).1, &sum)) {
                begun.insert(*item, (*left).clone());
            }
        }
        begun
    }

    /// Says now and then how far the bytes are.
    async fn telling(&self, moved: &AtomicU64, total: u64) {
        let mut ticks = interval_at(Instant::now() + TELLING, TELLING);
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
    async fn foresee(&self, hand: Hand<'_>, ground: &Ground<'_>, owner: Option<(u32, u32)>) -> Outcome {
        let content = |item: usize| {
            let is_filled = self.push.fillings.contains_key(&(item + self.lot.range().start));
            is_filled.then(|| self.filled(item + self.lot.range().start).unwrap_or_default())
        };
        let text = match foresee::text(hand, (ground, &self.disowned(ground, owner)), &content).await {
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
    pub(super) fn ended(&self, ending: Ending) -> Outcome {
        match (self.call.is_sent(), ending) {
            (false, Ending::Told) => Outcome::NotRun(NotRun::Cancelled),
            (_, Ending::Told) => Outcome::Unknown(Unknown::Killed(Fate::Ended)),
            (false, Ending::Overdue(after)) => {
                let span = after.as_secs_f64();
                let why = format!("nothing was changed within the {span} s of --command-timeout");
                Outcome::FilesFailed(FilesFailed { fault: FileFault::Other, why, files: 0 })
            }
            (true, Ending::Overdue(after)) => Outcome::Unknown(Unknown::TimedOut(after, Fate::Ended)),
        }
    }
}

impl Goods for Visit<'_> {
    fn expect(&self, items: &[usize]) {
        let items = items.iter().map(|item| item + self.lot.range().start);
        self.push.feed.expect(items.filter(|item| !self.push.fillings.contains_key(item)));
    }

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

fn failed(fault: FileFault, why: String) -> Outcome {
    Outcome::FilesFailed(FilesFailed { fault, why, files: 1 })
}

/// What a trouble is before anything had an effect.
fn before(trouble: Trouble) -> Outcome {
    match trouble {
        Trouble::File { fault, why } => failed(fault, why),
        Trouble::Unreachable(error) => error.into(),
        Trouble::Lost(why) => ConnectError::Unreachable { stage: Stage::Channel, why }.into(),
    }
}
