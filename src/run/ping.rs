//! How long hosts took to be reached, as a table of percentiles, with the stragglers and the failures named: pure.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

use super::json::{self, Part, V};
use super::survey::Found;
use super::tally;
use crate::hosts::{Host, HostSet};
use crate::outcome::Exit;
use crate::ssh::{Phases, Stage};

/// The stages of a ping, in their order. Those marked are shown only where a host went through them.
pub(super) const STAGES: [(Stage, bool); 7] = [
    (Stage::Resolve, false),
    (Stage::Tcp, false),
    (Stage::Jump, true),
    (Stage::Proxy, true),
    (Stage::Banner, false),
    (Stage::KeyExchange, false),
    (Stage::Login, false),
];

/// A straggler takes more than so many times the median, and
const TIMES: u32 = 3;
/// so much longer than it: where all hosts are quick nobody is slow.
const LONGER: Duration = Duration::from_millis(100);
/// Stragglers that are named one by one.
const NAMED: usize = 10;

/// The spread of one phase over the hosts that were reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spread {
    /// Half of the hosts took no longer.
    pub p50: Duration,
    /// Nine of ten.
    pub p90: Duration,
    /// Ninety-nine of a hundred.
    pub p99: Duration,
    /// The slowest.
    pub max: Duration,
}

impl Spread {
    /// The spread of these times, by nearest rank: each value is one that was measured. `None` of none.
    pub fn of(mut times: Vec<Duration>) -> Option<Spread> {
        times.sort_unstable();
        let rank = |percent: usize| times[(times.len() * percent).div_ceil(100).max(1) - 1];
        let max = *times.last()?;
        Some(Spread { p50: rank(50), p90: rank(90), p99: rank(99), max })
    }
}

/// A host that took far longer than the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Straggler {
    /// Which host.
    pub host: Host,
    /// All its phases added up.
    pub total: Duration,
    /// The phase that took longest.
    pub slowest: Stage,
    /// How long that took.
    pub took: Duration,
}

/// What a ping found.
#[derive(Clone, Debug)]
pub struct Report {
    hosts: Vec<Host>,
    found: Vec<Found<Phases>>,
    rows: Vec<(String, Spread)>,
    stragglers: Vec<Straggler>,
    exit: Exit,
}

impl Report {
    /// The report on `hosts`, of each of which something was found; `end` is what the survey itself came to.
    pub fn new(hosts: Vec<Host>, found: Vec<Found<Phases>>, end: Exit) -> Report {
        let exit = if found.iter().any(Result::is_err) { end.worst(Exit::NotRun) } else { end };
        let reached: Vec<(&Host, &Phases)> =
            hosts.iter().zip(&found).filter_map(|(host, found)| Some((host, found.as_ref().ok()?))).collect();
        let (rows, stragglers) = (rows(&reached), stragglers(&reached));
        Report { hosts, found, rows, stragglers, exit }
    }

    /// What all hosts add up to.
    pub fn exit(&self) -> Exit {
        self.exit
    }

    /// The table and the stragglers, for standard output.
    pub fn table(&self) -> String {
        let mut text = String::new();
        let reached = self.found.iter().filter(|found| found.is_ok()).count();
        if reached == 0 {
            return text;
        }
        push_rows(&mut text, reached, &self.rows);
        self.push_stragglers(&mut text);
        text
    }

    fn push_stragglers(&self, text: &mut String) {
        if self.stragglers.is_empty() {
            return;
        }
        let set: HostSet = self.stragglers.iter().map(|slow| slow.host.clone()).collect();
        let worst = match self.stragglers.len() > NAMED {
            true => format!("; the {NAMED} slowest"),
            false => String::new(),
        };
        let limit = format!("more than {TIMES} times the median, and by {} ms or more", LONGER.as_millis());
        let _ = writeln!(text, "slow ({limit}): {} {set}{worst}", set.len());
        for slow in self.stragglers.iter().take(NAMED) {
            let (total, took) = (ms(slow.total), ms(slow.took));
            let _ = writeln!(text, "  {}: {total:.1} ms, of which {} {took:.1}", slow.host, slow.slowest);
        }
    }

    /// Whoever was not reached, with the reason, for standard error.
    pub fn failures(&self) -> String {
        tally::failures(&self.hosts, &self.found)
    }

    /// All in one line: `46 reached: web[01-46]; 1 unreachable (tcp): web48`.
    pub fn summary(&self) -> String {
        let mut all: Vec<(&Host, &Found<Phases>)> = self.hosts.iter().zip(&self.found).collect();
        all.sort_by_key(|(_, found)| found.is_err());
        tally::line(all.into_iter().map(|(host, found)| match found {
            Ok(_) => (host, "reached".to_owned()),
            Err(why) => (host, tally::kind(why)),
        }))
    }

    /// The same as JSON lines (`docs/events.md`).
    pub fn json(&self) -> Vec<u8> {
        let mut text = Vec::new();
        for (host, found) in self.hosts.iter().zip(&self.found) {
            json::push(&mut text, &self.host_line(host, found));
        }
        let part = |reached| {
            let one =
                |(host, found): (&Host, &Found<Phases>)| (found.is_ok() == reached).then(|| host.clone());
            Part::of(self.hosts.iter().zip(&self.found).filter_map(one))
        };
        let end = End {
            v: V,
            event: "ping-summary",
            exit: self.exit.code(),
            reached: part(true),
            not_reached: part(false),
            slow: Part::of(self.stragglers.iter().map(|slow| slow.host.clone())),
            ms: self.rows.iter().map(|(name, of)| (name.as_str(), Percentiles::of(of))).collect(),
        };
        json::push(&mut text, &end);
        text
    }

    fn host_line(&self, host: &Host, found: &Found<Phases>) -> Line {
        let used = |phases: &Phases| {
            let shown = STAGES.into_iter().filter(|(stage, rare)| !rare || !phases.get(*stage).is_zero());
            shown.map(|(stage, _)| (stage.to_string(), exact(phases.get(stage)))).collect()
        };
        let failure = found.as_ref().err();
        Line {
            v: V,
            event: "ping",
            host: host.to_string(),
            outcome: failure.map_or("reached", tally::word),
            phases: found.as_ref().ok().map(used),
            total: found.as_ref().ok().map(|phases| exact(phases.total())),
            stage: failure.and_then(tally::stage),
            message: failure.map(ToString::to_string),
        }
    }
}

#[derive(Serialize)]
struct Line {
    v: u32,
    event: &'static str,
    host: String,
    outcome: &'static str,
    phases: Option<BTreeMap<String, f64>>,
    total: Option<f64>,
    stage: Option<String>,
    message: Option<String>,
}

#[derive(Serialize)]
struct End<'a> {
    v: u32,
    event: &'static str,
    exit: u8,
    reached: Part,
    not_reached: Part,
    slow: Part,
    ms: BTreeMap<&'a str, Percentiles>,
}

/// A spread in milliseconds.
#[derive(Serialize)]
pub(super) struct Percentiles {
    p50: f64,
    p90: f64,
    p99: f64,
    max: f64,
}

impl Percentiles {
    pub(super) fn of(spread: &Spread) -> Percentiles {
        let Spread { p50, p90, p99, max } = *spread;
        Percentiles { p50: exact(p50), p90: exact(p90), p99: exact(p99), max: exact(max) }
    }
}

/// The table of what so many hosts took.
pub(super) fn push_rows(text: &mut String, hosts: usize, rows: &[(String, Spread)]) {
    let of = if hosts == 1 { "1 host".to_owned() } else { format!("{hosts} hosts") };
    let _ = writeln!(text, "{:<14}{:>9}{:>9}{:>9}{:>9}", format!("ms, {of}"), "p50", "p90", "p99", "max");
    for (name, Spread { p50, p90, p99, max }) in rows {
        let [p50, p90, p99, max] = [p50, p90, p99, max].map(|time| ms(*time));
        let _ = writeln!(text, "{name:<14}{p50:>9.1}{p90:>9.1}{p99:>9.1}{max:>9.1}");
    }
}

pub(super) fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Milliseconds to the microsecond.
pub(super) fn exact(time: Duration) -> f64 {
    (ms(time) * 1e3).round() / 1e3
}

fn rows(reached: &[(&Host, &Phases)]) -> Vec<(String, Spread)> {
    let times =
        |stage: Stage| -> Vec<Duration> { reached.iter().map(|(_, phases)| phases.get(stage)).collect() };
    let shown = STAGES.into_iter().filter_map(|(stage, rare)| {
        let times = times(stage);
        let unused = rare && times.iter().all(Duration::is_zero);
        (!unused).then(|| Some((stage.to_string(), Spread::of(times)?)))?
    });
    let total = Spread::of(reached.iter().map(|(_, phases)| phases.total()).collect());
    shown.chain(total.map(|total| ("total".to_owned(), total))).collect()
}

/// Whoever took far longer than the median, the slowest first.
fn stragglers(reached: &[(&Host, &Phases)]) -> Vec<Straggler> {
    let Some(all) = Spread::of(reached.iter().map(|(_, phases)| phases.total()).collect()) else {
        return Vec::new();
    };
    let limit = (all.p50 * TIMES).max(all.p50 + LONGER);
    let slow = reached.iter().filter(|(_, phases)| phases.total() > limit).map(|(host, phases)| {
        let slowest = STAGES.into_iter().map(|(stage, _)| stage).max_by_key(|stage| phases.get(*stage));
        let slowest = slowest.expect("there are stages");
        Straggler { host: (*host).clone(), total: phases.total(), slowest, took: phases.get(slowest) }
    });
    let mut slow: Vec<Straggler> = slow.collect();
    slow.sort_by_key(|slow| std::cmp::Reverse(slow.total));
    slow
}

#[cfg(test)]
#[path = "ping_tests.rs"]
mod tests;
