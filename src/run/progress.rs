//! How far a run is, in one line: pure.
//!
//! Theory: hosts are waiting, running or done, and the line says how many are which, what became of the done, how fast it
//! goes, and, when the last ones run, who they are and for how long. The rate is that of the last seconds, so that a host that
//! hangs from the beginning does not spoil it; the estimate is said only while hosts wait for their turn, since about the
//! last ones a rate says nothing. What does not fit the width is left out from the end, never wrapped.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use unicode_width::UnicodeWidthStr;

use super::freight::Loads;
use super::{Happened, HostIx};
use crate::escape;
use crate::outcome::{Class, Outcome};

/// Over how many seconds the rate is taken; one sample for each.
const SAMPLES: usize = 10;
/// How far apart samples are.
const APART: Duration = Duration::from_secs(1);
/// A rate that would be shown as none, in hosts a second.
const SLOWEST: f64 = 0.05;
/// So many hosts are named when they are the last.
const NAMED: usize = 8;

/// The books of a run as the line needs them.
#[derive(Debug)]
pub struct Progress {
    names: Vec<String>,
    /// Who runs, and since when.
    running: BTreeMap<HostIx, Duration>,
    /// By class: how many are done.
    done: [usize; 4],
    /// How many were done at a moment of the last seconds, the oldest first.
    samples: VecDeque<(Duration, usize)>,
    /// The bytes of files, where any are on their way.
    loads: Loads,
}

impl Progress {
    /// Nobody of these was begun.
    pub fn new(names: &[String]) -> Progress {
        let names = names.iter().map(|name| escape::line(name.as_bytes())).collect();
        let (running, samples) = (BTreeMap::new(), VecDeque::new());
        Progress { names, running, done: [0; 4], samples, loads: Loads::default() }
    }

    /// Something happened, so long after the beginning.
    pub fn step(&mut self, happened: &Happened, at: Duration) {
        match happened {
            Happened::Began(host) => {
                self.running.insert(*host, at);
            }
            // It waits for another turn.
            Happened::Again(host, ..) => {
                self.running.remove(host);
            }
            Happened::Moved(host, freight) => self.loads.moved(*host, *freight),
            Happened::Ended(host, outcome, _) => self.ended(*host, outcome),
            _ => {}
        }
    }

    fn ended(&mut self, host: HostIx, outcome: &Outcome) {
        self.running.remove(&host);
        self.done[outcome.class() as usize] += 1;
        self.loads.ended(host, outcome.class() == Class::Well);
    }

    fn all_done(&self) -> usize {
        self.done.iter().sum()
    }

    /// The line, at most so many columns wide; `None` while nobody is at work.
    pub fn line(&mut self, now: Duration, width: usize) -> Option<String> {
        if self.running.is_empty() {
            return None;
        }
        let done = self.all_done();
        if self.samples.back().is_none_or(|(at, _)| now.saturating_sub(*at) >= APART) {
            self.samples.push_back((now, done));
            if self.samples.len() > SAMPLES {
                self.samples.pop_front();
            }
        }
        let mut line = String::new();
        let mut fits = |part: &str| {
            let fitting = line.width() + part.width() <= width;
            if fitting {
                line.push_str(part);
            }
            fitting
        };
        if fits("omnes: ") && self.parts(now, done).iter().all(|part| fits(part)) {
            let names = self.last(now);
            let more =
                |left: usize| if left > 1 { format!(" and {left} more") } else { " and 1 more".to_owned() };
            let mut left = names.len();
            for name in names {
                if !fits(&name) {
                    fits(&more(left));
                    break;
                }
                left -= 1;
            }
        }
        Some(line)
    }

    fn parts(&mut self, now: Duration, done: usize) -> Vec<String> {
        let total = self.names.len();
        let mut parts = vec![format!("{done} of {total} done")];
        // Hosts differ less in the number of their bytes than in their speed, so bytes tell how long it takes.
        let bytes = self.loads.parts(now, total);
        let is_freight = !bytes.is_empty();
        parts.extend(bytes);
        for (class, word) in
            [(Class::Failed, "failed"), (Class::NotRun, "not run"), (Class::NotKnown, "not known")]
        {
            let count = self.done[class as usize];
            if count > 0 {
                parts.push(format!(", {count} {word}"));
            }
        }
        parts.push(format!(", {} running", self.running.len()));
        if !is_freight && let Some(rate) = self.rate(now, done) {
            parts.push(if rate < 9.95 { format!(", {rate:.1}/s") } else { format!(", {rate:.0}/s") });
            if self.waiting() > 0 {
                let left = Duration::from_secs_f64((total - done) as f64 / rate);
                parts.push(format!(", about {} left", span(left)));
            }
        }
        parts
    }

    fn waiting(&self) -> usize {
        self.names.len().saturating_sub(self.all_done() + self.running.len())
    }

    /// Hosts a second in the last seconds, where any came to its end.
    fn rate(&self, now: Duration, done: usize) -> Option<f64> {
        let (at, before) = *self.samples.front()?;
        let span = now.saturating_sub(at);
        let rate = (done - before) as f64 / span.as_secs_f64().max(f64::MIN_POSITIVE);
        (span >= APART && rate >= SLOWEST).then_some(rate)
    }

    /// The last ones, each as a part of the line, the slowest first.
    fn last(&self, now: Duration) -> Vec<String> {
        if self.waiting() > 0 || self.running.len() > NAMED {
            return Vec::new();
        }
        let mut last: Vec<(Duration, HostIx)> = self.running.iter().map(|(host, at)| (*at, *host)).collect();
        last.sort_unstable();
        let named = last.into_iter().enumerate().map(|(n, (at, host))| {
            let before = if n == 0 { ": " } else { ", " };
            let percent = self.loads.percent(host).map(|percent| format!(", {percent}%")).unwrap_or_default();
            format!("{before}{} ({}{percent})", self.names[host.0], span(now.saturating_sub(at)))
        });
        named.collect()
    }
}

/// `12 s`, `3 min`, `2 h`: no more precise than a guess is.
pub(super) fn span(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..100 => format!("{} s", seconds.max(1)),
        seconds @ 100..6_000 => format!("{} min", (seconds + 30) / 60),
        seconds => format!("{} h", (seconds + 1_800) / 3_600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Freight;

    fn names(count: usize) -> Vec<String> {
        (1..=count).map(|n| format!("web{n}")).collect()
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn end(progress: &mut Progress, host: usize, outcome: Outcome, now: Duration) {
        progress.step(&Happened::Ended(HostIx(host), outcome, Duration::ZERO), now);
    }

    #[test]
    fn it_says_who_is_done_who_runs_how_fast_and_how_long() {
        let mut progress = Progress::new(&names(100));
        assert_eq!(progress.line(at(0), 80), None, "nobody was begun");
        (0..20).for_each(|host| progress.step(&Happened::Began(HostIx(host)), at(0)));
        assert_eq!(progress.line(at(0), 80).as_deref(), Some("omnes: 0 of 100 done, 20 running"));
        (0..10).for_each(|host| end(&mut progress, host, Outcome::Exited(u32::from(host < 2)), at(1)));
        let line = progress.line(at(2), 80);
        assert_eq!(
            line.as_deref(),
            Some("omnes: 10 of 100 done, 2 failed, 10 running, 5.0/s, about 18 s left")
        );
        // Half a minute in which nothing ends is no rate at all.
        (3..30).for_each(|second| drop(progress.line(at(second), 80)));
        assert_eq!(progress.line(at(30), 80).as_deref(), Some("omnes: 10 of 100 done, 2 failed, 10 running"));
    }

    #[test]
    fn the_last_are_named_the_slowest_first_and_as_many_as_fit() {
        let mut progress = Progress::new(&names(12));
        (0..12).for_each(|host| progress.step(&Happened::Began(HostIx(host)), at(12 - host as u64)));
        (0..3).for_each(|host| end(&mut progress, host, Outcome::Exited(0), at(14)));
        assert_eq!(progress.line(at(20), 200).as_deref(), Some("omnes: 3 of 12 done, 9 running"), "too many");
        (3..9).for_each(|host| end(&mut progress, host, Outcome::Exited(0), at(21)));
        let line = |progress: &mut Progress, width| progress.line(at(200), width).expect("three run");
        let all = "omnes: 9 of 12 done, 3 running: web12 (3 min), web11 (3 min), web10 (3 min)";
        assert_eq!(line(&mut progress, 200), all);
        assert_eq!(line(&mut progress, 58), "omnes: 9 of 12 done, 3 running: web12 (3 min) and 2 more");
        for width in 0..100 {
            assert!(line(&mut progress, width).width() <= width, "{width}");
        }
        (9..12).for_each(|host| end(&mut progress, host, Outcome::Exited(0), at(201)));
        assert_eq!(progress.line(at(202), 80), None);
    }

    #[test]
    fn bytes_on_their_way_say_how_fast_it_goes_and_how_far_the_last_are() {
        let mut progress = Progress::new(&names(2));
        (0..2).for_each(|host| progress.step(&Happened::Began(HostIx(host)), at(0)));
        let moved = |host, done| Happened::Moved(HostIx(host), Freight { done, total: 100_000_000 });
        (0..2).for_each(|host| progress.step(&moved(host, 0), at(0)));
        drop(progress.line(at(0), 80));
        progress.step(&moved(0, 100_000_000), at(10));
        progress.step(&moved(1, 40_000_000), at(10));
        end(&mut progress, 0, Outcome::Exited(0), at(10));
        let line =
            "omnes: 1 of 2 done, 140 MB of 200 MB, 14 MB/s, about 4 s left, 1 running: web2 (10 s, 40%)";
        assert_eq!(progress.line(at(10), 120).as_deref(), Some(line));
    }

    #[test]
    fn no_name_acts_on_the_terminal() {
        let mut progress = Progress::new(&["a\x1b[2J".to_owned()]);
        progress.step(&Happened::Began(HostIx(0)), at(0));
        assert_eq!(progress.line(at(1), 80).as_deref(), Some("omnes: 0 of 1 done, 1 running: a^[[2J (1 s)"));
    }
}
