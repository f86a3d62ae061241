//! Where the time of a run went: percentiles of each phase, and the slowest hosts: pure.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

use super::json::{self, V};
use super::ping::{Percentiles, STAGES, Spread, exact, ms, push_rows};
use super::{Happened, HostIx};
use crate::ssh::{Phases, Stage};

/// What a host's command is called beside the stages of reaching it.
const COMMAND: &str = "command";
/// The whole turn of a host.
const TOTAL: &str = "total";

/// What is known of one host's times.
#[derive(Clone, Debug, Default)]
struct Times {
    phases: Option<Phases>,
    /// Since the beginning of the run.
    sent: Option<Duration>,
    command: Option<Duration>,
    total: Option<Duration>,
}

/// The times of all hosts.
#[derive(Debug)]
pub struct Top {
    /// In the order of the plan.
    times: Vec<Times>,
    /// So many of the slowest are named.
    named: usize,
}

#[derive(Serialize)]
struct Line<'a> {
    v: u32,
    event: &'static str,
    count: usize,
    ms: BTreeMap<&'a str, Percentiles>,
    slowest: Vec<Slow<'a>>,
}

#[derive(Serialize)]
struct Slow<'a> {
    host: &'a str,
    total: f64,
    phases: BTreeMap<String, f64>,
}

impl Top {
    /// For so many hosts, of which so many of the slowest are named.
    pub fn new(hosts: usize, named: usize) -> Top {
        Top { times: vec![Times::default(); hosts], named }
    }

    /// Something happened, so long after the beginning.
    pub fn step(&mut self, happened: &Happened, at: Duration) {
        match happened {
            Happened::Reached(host, phases) => self.times[host.0].phases = Some(*phases),
            Happened::Sent(host) => self.times[host.0].sent = Some(at),
            Happened::Ended(host, _, took) => {
                let times = &mut self.times[host.0];
                times.command = times.sent.map(|sent| at.saturating_sub(sent));
                // Who had no turn took no time.
                times.total = (!took.is_zero()).then_some(*took);
            }
            _ => {}
        }
    }

    /// The table and the slowest hosts, for people; empty where no host had its turn.
    pub fn table(&self, names: &[String]) -> String {
        let mut text = String::new();
        let slowest = self.slowest();
        if slowest.is_empty() {
            return text;
        }
        push_rows(&mut text, self.times.iter().filter(|times| times.total.is_some()).count(), &self.rows());
        for (host, total) in slowest {
            let largest = self.times[host.0].parts().into_iter().max_by_key(|(_, took)| *took);
            let of = largest.map(|(name, took)| format!(", of which {name} {:.1}", ms(took)));
            let _ = writeln!(text, "  {}: {:.1} ms{}", names[host.0], ms(total), of.unwrap_or_default());
        }
        text
    }

    /// The same as a JSON line (`docs/events.md`).
    pub fn json(&self, names: &[String], text: &mut Vec<u8>) {
        let rows = self.rows();
        let slow = |(host, total): (HostIx, Duration)| {
            let parts = self.times[host.0].parts();
            let phases = parts.into_iter().map(|(name, took)| (name, exact(took))).collect();
            Slow { host: &names[host.0], total: exact(total), phases }
        };
        let line = Line {
            v: V,
            event: "top",
            count: self.times.iter().filter(|times| times.total.is_some()).count(),
            ms: rows.iter().map(|(name, spread)| (name.as_str(), Percentiles::of(spread))).collect(),
            slowest: self.slowest().into_iter().map(slow).collect(),
        };
        json::push(text, &line);
    }

    /// Each phase over the hosts that came so far.
    fn rows(&self) -> Vec<(String, Spread)> {
        let reached: Vec<&Phases> = self.times.iter().filter_map(|times| times.phases.as_ref()).collect();
        let spread = |times: Vec<Duration>| Spread::of(times);
        let mut rows: Vec<(String, Spread)> = Vec::new();
        for (stage, rare) in STAGES {
            let times: Vec<Duration> = reached.iter().map(|phases| phases.get(stage)).collect();
            if rare && times.iter().all(Duration::is_zero) {
                continue;
            }
            rows.extend(spread(times).map(|spread| (stage.to_string(), spread)));
        }
        let all = |of: fn(&Times) -> Option<Duration>| spread(self.times.iter().filter_map(of).collect());
        rows.extend(all(|times| times.command).map(|spread| (COMMAND.to_owned(), spread)));
        rows.extend(all(|times| times.total).map(|spread| (TOTAL.to_owned(), spread)));
        rows
    }

    /// The slowest hosts and how long they took, the slowest first.
    fn slowest(&self) -> Vec<(HostIx, Duration)> {
        let timed = self.times.iter().enumerate();
        let mut all: Vec<(HostIx, Duration)> =
            timed.filter_map(|(ix, times)| Some((HostIx(ix), times.total?))).collect();
        all.sort_by_key(|(host, total)| (std::cmp::Reverse(*total), *host));
        all.truncate(self.named);
        all
    }
}

impl Times {
    /// The parts of a host's turn that took any time.
    fn parts(&self) -> Vec<(String, Duration)> {
        let stages = STAGES.into_iter().map(|(stage, _)| stage);
        let of = |stage: Stage| Some((stage.to_string(), self.phases.as_ref()?.get(stage)));
        let command = self.command.map(|took| (COMMAND.to_owned(), took));
        stages.filter_map(of).chain(command).filter(|(_, took)| !took.is_zero()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{NotRun, Outcome};

    fn millis(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn top() -> Top {
        let mut top = Top::new(5, 2);
        for (host, login, command) in [(0, 20, 100), (1, 10, 4_000), (2, 900, 50)] {
            let phases = [(Stage::Tcp, millis(1)), (Stage::Login, millis(login))].into_iter().collect();
            top.step(&Happened::Reached(HostIx(host), phases), millis(5));
            top.step(&Happened::Sent(HostIx(host)), millis(1_000));
            let took = millis(1 + login + command);
            top.step(&Happened::Ended(HostIx(host), Outcome::Exited(0), took), millis(1_000 + command));
        }
        // One that was not reached, and one that had no turn.
        top.step(&Happened::Ended(HostIx(3), Outcome::NotRun(NotRun::Cancelled), millis(7)), millis(7));
        top.step(&Happened::Ended(HostIx(4), Outcome::NotRun(NotRun::NotStarted), millis(0)), millis(7));
        top
    }

    fn names() -> Vec<String> {
        (1..=5).map(|n| format!("web{n}")).collect()
    }

    #[test]
    fn each_phase_has_its_percentiles_and_the_slowest_say_why() {
        let table = top().table(&names());
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines[0], "ms, 4 hosts         p50      p90      p99      max");
        let line = |name: &str| lines.iter().find(|line| line.starts_with(name)).copied();
        assert_eq!(line("login"), Some("login              20.0    900.0    900.0    900.0"));
        assert_eq!(line("command"), Some("command           100.0   4000.0   4000.0   4000.0"));
        assert_eq!(line("total"), Some("total             121.0   4011.0   4011.0   4011.0"));
        assert_eq!(line("jump host"), None);
        let last = ["  web2: 4011.0 ms, of which command 4000.0", "  web3: 951.0 ms, of which login 900.0"];
        assert_eq!(lines[lines.len() - 2..], last);
        assert_eq!(Top::new(3, 2).table(&names()), "");
    }

    #[test]
    fn machines_get_the_same() {
        let mut text = Vec::new();
        top().json(&names(), &mut text);
        let line: serde_json::Value = serde_json::from_slice(&text).expect("a JSON line");
        assert_eq!((&line["event"], &line["count"]), (&"top".into(), &4.into()));
        assert_eq!(
            (&line["ms"]["command"]["p50"], &line["ms"]["total"]["max"]),
            (&100.0.into(), &4011.0.into())
        );
        assert_eq!(
            (&line["slowest"][1]["host"], &line["slowest"][1]["phases"]["login"]),
            (&"web3".into(), &900.0.into())
        );
        let page = include_str!("../../docs/events.md");
        let section = page.split("\n## ").find(|part| part.starts_with("`top`")).expect("a section");
        for field in line.as_object().expect("an object").keys().filter(|key| *key != "v" && *key != "event")
        {
            assert!(section.contains(&format!("| `{field}` |")), "{field}");
        }
    }
}
