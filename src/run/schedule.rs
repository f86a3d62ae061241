//! Who is begun when: waves, attempts, lanes, fan-out and budget as one value. Pure, without a clock.
//!
//! Theory: the fan-out tells what happened ([`Schedule::goes`], [`Schedule::reached`], [`Schedule::ended`] and so on) and
//! asks what to do ([`Schedule::next`]) until that is to wait. `now` is the time since the beginning of the run. Each host has
//! its turns in one wave: the first, and further attempts after failures that did nothing; these go before hosts that had no
//! turn yet, so that a wave comes to its end. A wave is over when none of its hosts is at work or waits for another
//! attempt. What stops a run (its budget, the user) begins nothing more; whoever is at work goes on.
//!
//! Each answer costs O(1), or O(log n) of the hosts that wait for another attempt; nothing here looks at all hosts.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::time::Duration;

use super::HostIx;
use super::budget::{Budget, Excess, Spent};
use super::lanes::Lanes;
pub use super::lanes::Way;
use super::retry::{self, Retry};
use super::throttle::{Era, Fanout, Throttle};
use super::waves::Waves;
use crate::outcome::{NotRun, Outcome};
use crate::ssh::ConnectError;

/// In which order, in which waves, how often and how long: what the user wants of a run's pace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pacing {
    /// The hosts in the order of their turns; where it is empty that of the plan.
    pub turns: Vec<HostIx>,
    /// The sizes of the waves.
    pub waves: Waves,
    /// What comes between them.
    pub pause: Pause,
    /// How many hosts may fail.
    pub budget: Budget,
    /// What is tried again.
    pub retry: Retry,
    /// Who decides how many hosts are worked on at once.
    pub fanout: Fanout,
    /// What chance is drawn from; the same gives the same.
    pub seed: u64,
}

impl Pacing {
    /// The hosts of each wave, for a plan of so many.
    pub fn waves(&self, hosts: usize) -> Vec<Vec<HostIx>> {
        let turns = self.turns(hosts);
        let mut begin = 0;
        let mut wave = |end| turns[std::mem::replace(&mut begin, end)..end].to_vec();
        self.waves.cut(hosts).into_iter().map(&mut wave).collect()
    }

    fn turns(&self, hosts: usize) -> Vec<HostIx> {
        match self.turns.is_empty() {
            true => (0..hosts).map(HostIx).collect(),
            false => self.turns.clone(),
        }
    }
}

/// What comes between two waves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pause {
    /// Nothing.
    #[default]
    None,
    /// A wait.
    For(Duration),
    /// The user looks, and says whether it goes on.
    Look,
}

/// What the fan-out is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Begin this host; the attempt counts from 1.
    Start(HostIx, u32),
    /// Wait until something happens, or until then.
    Wait(Option<Duration>),
    /// A wave is over, and another is to come after [`Schedule::go_on`]; said once.
    WaveOver(WaveOver),
    /// Nobody is at work any more, and nobody will be.
    Over,
}

/// A wave at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaveOver {
    /// Which one, from 1.
    pub wave: usize,
    /// Of how many.
    pub waves: usize,
    /// Its hosts, as places in the order of turns.
    pub hosts: Range<usize>,
    /// How many hosts the next one has.
    pub next: usize,
}

/// Why no more hosts are begun, where that was not an interrupt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// The failure budget.
    Budget(Excess),
    /// The user's word at a pause: after this wave of so many.
    AtPause(usize, usize),
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stopped::Budget(excess) => excess.fmt(f),
            Stopped::AtPause(wave, waves) => write!(f, "by you, after wave {wave} of {waves}"),
        }
    }
}

/// How far the run is with its waves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Wave,
    Between,
    Stopped,
}

/// What is known of each host's attempts.
#[derive(Clone, Copy, Debug, Default)]
struct Attempts {
    begun: u32,
    /// Of the present one: when it was begun, and whether it was turned away.
    era: Era,
    refused: bool,
}

/// The whole of it.
#[derive(Debug)]
pub struct Schedule {
    turns: Vec<HostIx>,
    /// How many of them were begun.
    begun: usize,
    /// Where each wave ends.
    ends: Vec<usize>,
    wave: usize,
    step: Step,
    attempts: Vec<Attempts>,
    lanes: Lanes,
    throttle: Throttle,
    /// Who waits for another attempt, until when. At most every host once.
    again: BinaryHeap<Reverse<(Duration, HostIx)>>,
    retry: Retry,
    seed: u64,
    spent: Spent,
    stopped: Option<Stopped>,
}

impl Schedule {
    /// Nothing has begun.
    pub fn new(pacing: &Pacing, hosts: usize, fanout: NonZeroUsize) -> Schedule {
        let aside = match pacing.fanout {
            Fanout::Fixed => 0,
            Fanout::Adapts { aside } => aside,
        };
        Schedule {
            turns: pacing.turns(hosts),
            begun: 0,
            ends: pacing.waves.cut(hosts),
            wave: 0,
            step: Step::Wave,
            attempts: vec![Attempts::default(); hosts],
            lanes: Lanes::new(hosts, aside),
            throttle: Throttle::new(fanout.get(), pacing.fanout),
            again: BinaryHeap::new(),
            retry: pacing.retry.clone(),
            seed: pacing.seed,
            spent: Spent::new(&pacing.budget, hosts),
            stopped: None,
        }
    }

    /// What to do; to be asked again until it is to wait.
    pub fn next(&mut self, now: Duration) -> Decision {
        let look = self.lanes.sort(self.throttle.usual(), now);
        match self.step {
            Step::Stopped if self.lanes.at_work() == 0 => return Decision::Over,
            Step::Stopped | Step::Between => return Decision::Wait(None),
            Step::Wave => {}
        }
        let room =
            self.lanes.holding() < self.throttle.most() && self.lanes.loading() < self.throttle.allowed();
        let due = self.again.peek().map(|Reverse((due, _))| *due);
        if room && due.is_some_and(|due| due <= now) {
            let Reverse((_, host)) = self.again.pop().expect("one was seen");
            return self.begin(host, now);
        }
        let end = self.ends.get(self.wave).copied().unwrap_or(self.begun);
        if room && self.begun < end {
            self.begun += 1;
            return self.begin(self.turns[self.begun - 1], now);
        }
        if self.begun == end && self.lanes.at_work() == 0 && self.again.is_empty() {
            return self.end_wave(end);
        }
        let due = due.filter(|_| room);
        Decision::Wait([look, due].into_iter().flatten().min())
    }

    fn begin(&mut self, host: HostIx, now: Duration) -> Decision {
        self.lanes.begin(host, now);
        let attempts = &mut self.attempts[host.0];
        *attempts = Attempts { begun: attempts.begun + 1, era: self.throttle.era(), refused: false };
        Decision::Start(host, attempts.begun)
    }

    fn end_wave(&mut self, end: usize) -> Decision {
        let Some(next) = self.ends.get(self.wave + 1) else {
            self.step = Step::Stopped;
            return Decision::Over;
        };
        let begin = self.wave.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.wave += 1;
        self.step = Step::Between;
        let (waves, next) = (self.ends.len(), next - end);
        Decision::WaveOver(WaveOver { wave: self.wave, waves, hosts: begin..end, next })
    }

    /// The next wave may begin.
    pub fn go_on(&mut self) {
        if self.step == Step::Between {
            self.step = Step::Wave;
        }
    }

    /// Nothing more is begun; whoever waited for another attempt gets none.
    pub fn stop(&mut self) {
        self.step = Step::Stopped;
        self.again.clear();
    }

    /// The user's word at a pause is that this is enough.
    pub fn stop_here(&mut self) {
        if self.step == Step::Between {
            self.stopped.get_or_insert(Stopped::AtPause(self.wave, self.ends.len()));
        }
        self.stop();
    }

    /// Why it stopped before every host had its turn.
    pub fn stopped(&self) -> Option<&Stopped> {
        self.stopped.as_ref()
    }

    /// The hosts of a wave.
    pub fn hosts(&self, wave: &WaveOver) -> &[HostIx] {
        &self.turns[wave.hosts.clone()]
    }

    /// A host on its way waits, or goes on.
    pub fn goes(&mut self, now: Duration, host: HostIx, way: Way) {
        if way == Way::Back {
            self.turned_away(host);
        }
        self.lanes.goes(host, way, now);
    }

    /// A host was turned away.
    fn turned_away(&mut self, host: HostIx) {
        let attempts = &mut self.attempts[host.0];
        if !std::mem::replace(&mut attempts.refused, true) {
            self.throttle.refused(attempts.era);
        }
    }

    /// There is a link to a host; reaching it took so long.
    pub fn reached(&mut self, host: HostIx, took: Duration) {
        self.lanes.reached(host);
        self.throttle.reached(self.attempts[host.0].era, took);
    }

    /// What is tried again, and after how long: what a host's task is to know before it tells of its end.
    pub fn retry(&self) -> Retrying {
        Retrying { retry: self.retry.clone(), seed: self.seed }
    }

    /// An attempt came to nothing, and another is wanted after this wait. Whether there will be one: not where the run has
    /// stopped, and then this was the host's end.
    pub fn failed(&mut self, now: Duration, host: HostIx, end: (&Outcome, Duration)) -> bool {
        let (outcome, wait) = end;
        if self.step == Step::Stopped {
            self.ended(host, outcome);
            return false;
        }
        self.part_with(host, outcome);
        self.again.push(Reverse((now + wait, host)));
        true
    }

    /// A host has its outcome; says whether that stopped the run.
    pub fn ended(&mut self, host: HostIx, outcome: &Outcome) -> Option<&Stopped> {
        self.part_with(host, outcome);
        let excess = self.spent.book(outcome)?;
        if self.step == Step::Stopped {
            return None;
        }
        self.stop();
        Some(self.stopped.insert(Stopped::Budget(excess)))
    }

    fn part_with(&mut self, host: HostIx, outcome: &Outcome) {
        self.lanes.ended(host);
        if let Outcome::NotRun(NotRun::Connect(ConnectError::Throttled(_))) = outcome {
            self.turned_away(host);
        }
    }
}

/// What is tried again, for whoever ends an attempt.
#[derive(Clone, Debug)]
pub struct Retrying {
    retry: Retry,
    seed: u64,
}

impl Retrying {
    /// How long to wait before the next attempt, where the one that ended so is not to be the last.
    pub fn again(&self, outcome: &Outcome, host: HostIx, attempt: u32) -> Option<Duration> {
        self.retry.again(outcome, attempt, retry::luck(self.seed, host, attempt))
    }
}

#[cfg(test)]
#[path = "schedule_tests.rs"]
mod tests;
