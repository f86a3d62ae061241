//! What becomes of files on the hosts of a run, as numbers: pure.
//!
//! Theory: while bytes are under way a host says how far it is ([`Freight`]), as absolute numbers, so that whoever is behind
//! may leave some out; at its end it says once what became of its files ([`FileTally`]). Hosts with equal tallies are told of
//! together.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde::Serialize;

use super::HostIx;
use crate::hosts::{Host, HostSet};

/// Over how many seconds the rate of bytes is taken; one sample for each.
const SAMPLES: usize = 10;

/// How far apart samples are.
const APART: Duration = Duration::from_secs(1);

/// So many different tallies stand in a report; the rest are counted.
const TOLD: usize = 20;

/// How far the bytes of one host are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Freight {
    /// Bytes that went over.
    pub done: u64,
    /// Bytes that have to, those among them.
    pub total: u64,
}

/// What became of the entries of one host: files, links and folders.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct FileTally {
    /// Brought into place.
    pub sent: usize,
    /// There already.
    pub unchanged: usize,
    /// Deleted.
    pub removed: usize,
    /// Kept from their place; each is what it was.
    pub failed: usize,
    /// Bytes of content that went over.
    pub bytes: u64,
}

impl FileTally {
    /// As a sentence has it: `12 sent (3.4 MB), 5 unchanged`.
    pub fn words(&self) -> String {
        let mut parts = vec![format!("{} sent ({})", self.sent, size(self.bytes))];
        for (count, word) in
            [(self.unchanged, "unchanged"), (self.removed, "removed"), (self.failed, "failed")]
        {
            if count > 0 {
                parts.push(format!("{count} {word}"));
            }
        }
        parts.join(", ")
    }
}

/// The tallies of a run.
#[derive(Clone, Debug, Default)]
pub struct Tallies(BTreeMap<FileTally, Vec<HostIx>>);

impl Tallies {
    /// A host's, told once.
    pub fn add(&mut self, host: HostIx, tally: FileTally) {
        self.0.entry(tally).or_default().push(host);
    }

    /// Those alone that several hosts have alike.
    pub fn shared(&self) -> Tallies {
        Tallies(
            self.0.iter().filter(|(_, of)| of.len() > 1).map(|(tally, of)| (*tally, of.clone())).collect(),
        )
    }

    /// A line for each kind, that of most hosts first: `web[01-47]: 12 sent (3.4 MB), 5 unchanged`.
    pub fn lines(&self, hosts: &[Host]) -> Vec<String> {
        let mut kinds: Vec<(&FileTally, &Vec<HostIx>)> = self.0.iter().collect();
        kinds.sort_by_key(|(_, of)| std::cmp::Reverse(of.len()));
        let folded = |of: &[HostIx]| of.iter().map(|host| hosts[host.0].clone()).collect::<HostSet>();
        let line = |(tally, of): &(&FileTally, &Vec<HostIx>)| format!("{}: {}", folded(of), tally.words());
        let mut lines: Vec<String> = kinds.iter().take(TOLD).map(line).collect();
        if let Some(left) = kinds.get(TOLD..).filter(|left| !left.is_empty()) {
            let of: Vec<HostIx> = left.iter().flat_map(|(_, of)| of.iter().copied()).collect();
            lines.push(format!("{}: other numbers; --output json has them all", folded(&of)));
        }
        lines
    }
}

/// The bytes of all hosts of a run, as its progress line needs them.
#[derive(Clone, Debug, Default)]
pub struct Loads {
    of: BTreeMap<HostIx, Freight>,
    all: Freight,
    /// Hosts that ended without all of their bytes, which say nothing about what others need.
    short: usize,
    /// How many bytes had gone over at a moment of the last seconds, the oldest first.
    samples: VecDeque<(Duration, u64)>,
}

impl Loads {
    /// A host is so far.
    pub fn moved(&mut self, host: HostIx, freight: Freight) {
        let old = self.of.insert(host, freight).unwrap_or_default();
        let step = |all: u64, old: u64, new: u64| all.saturating_sub(old).saturating_add(new);
        self.all.done = step(self.all.done, old.done, freight.done);
        self.all.total = step(self.all.total, old.total, freight.total);
    }

    /// A host has ended: what it still needed has gone over, or never will.
    pub fn ended(&mut self, host: HostIx, is_well: bool) {
        let old = self.of.get(&host).copied().unwrap_or_default();
        let settled = if is_well { old.total } else { old.done };
        self.short += usize::from(!is_well);
        self.moved(host, Freight { done: settled, total: settled });
    }

    /// How much of a host's bytes has gone over, in percent.
    pub fn percent(&self, host: HostIx) -> Option<u64> {
        let freight = self.of.get(&host).filter(|freight| freight.total > 0)?;
        Some(
            u64::try_from(u128::from(freight.done.min(freight.total)) * 100 / u128::from(freight.total))
                .unwrap_or(100),
        )
    }

    /// How far all of `hosts` hosts are, the rate, and how long it may take: as parts of a line. Where some have not said yet
    /// how much they need, it is taken to be what the others need.
    pub fn parts(&mut self, now: Duration, hosts: usize) -> Vec<String> {
        if self.all.total == 0 {
            return Vec::new();
        }
        if self.samples.back().is_none_or(|(at, _)| now.saturating_sub(*at) >= APART) {
            self.samples.push_back((now, self.all.done));
            if self.samples.len() > SAMPLES {
                self.samples.pop_front();
            }
        }
        let unknown = hosts.saturating_sub(self.of.len());
        let each = self.all.total as f64 / (self.of.len() - self.short).max(1) as f64;
        let total = self.all.total as f64 + each * unknown as f64;
        let about = if unknown > 0 { "about " } else { "" };
        let mut parts = vec![format!(", {} of {about}{}", size(self.all.done), size(total as u64))];
        if let Some(rate) = self.rate(now) {
            parts.push(format!(", {}/s", size(rate as u64)));
            let left = (total - self.all.done as f64).max(0.0) / rate;
            if (1.0..1e6).contains(&left) {
                parts.push(format!(", about {} left", super::progress::span(Duration::from_secs_f64(left))));
            }
        }
        parts
    }

    /// Bytes a second in the last seconds, where any went.
    fn rate(&self, now: Duration) -> Option<f64> {
        let (at, before) = *self.samples.front()?;
        let span = now.saturating_sub(at);
        let rate = self.all.done.saturating_sub(before) as f64 / span.as_secs_f64().max(f64::MIN_POSITIVE);
        (span >= APART && rate >= 1.0).then_some(rate)
    }
}

/// Bytes as people read them: `312 B`, `4.5 kB`, `34 MB`.
pub fn size(bytes: u64) -> String {
    let (mut value, mut unit) = (bytes as f64, "B");
    for larger in ["kB", "MB", "GB", "TB", "PB", "EB"] {
        if value < 999.5 {
            break;
        }
        (value, unit) = (value / 1000.0, larger);
    }
    if unit == "B" || value >= 9.95 { format!("{value:.0} {unit}") } else { format!("{value:.1} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        for (bytes, expected) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (9_949, "9.9 kB"),
            (9_950, "10 kB"),
            (999_499, "999 kB"),
            (999_500, "1.0 MB"),
            (34_000_000, "34 MB"),
            (u64::MAX, "18 EB"),
        ] {
            assert_eq!(size(bytes), expected, "{bytes}");
        }
    }

    #[test]
    fn hosts_with_equal_tallies_are_told_of_together() {
        let hosts: Vec<Host> = (1..=4).map(|n| Host::new(None, &format!("web{n}"), None)).collect();
        let mut tallies = Tallies::default();
        let all = FileTally { sent: 12, bytes: 3_400_000, ..FileTally::default() };
        for host in [0, 1, 3] {
            tallies.add(HostIx(host), all);
        }
        tallies.add(HostIx(2), FileTally { unchanged: 5, removed: 2, failed: 1, ..FileTally::default() });
        let expected =
            ["web[1-2,4]: 12 sent (3.4 MB)", "web3: 0 sent (0 B), 5 unchanged, 2 removed, 1 failed"];
        assert_eq!(tallies.lines(&hosts), expected);
        assert_eq!(tallies.shared().lines(&hosts), expected[..1]);
    }

    #[test]
    fn how_far_all_are_is_said_with_what_the_others_will_need() {
        let mut loads = Loads::default();
        assert_eq!(loads.parts(Duration::ZERO, 4), Vec::<String>::new());
        loads.moved(HostIx(0), Freight { done: 0, total: 100_000_000 });
        loads.moved(HostIx(1), Freight { done: 0, total: 100_000_000 });
        assert_eq!(loads.parts(Duration::ZERO, 4), [", 0 B of about 400 MB"]);
        loads.moved(HostIx(0), Freight { done: 50_000_000, total: 100_000_000 });
        loads.moved(HostIx(0), Freight { done: 90_000_000, total: 100_000_000 });
        let parts = loads.parts(Duration::from_secs(3), 2);
        assert_eq!(parts, [", 90 MB of 200 MB", ", 30 MB/s", ", about 3 s left"]);
        assert_eq!((loads.percent(HostIx(0)), loads.percent(HostIx(3))), (Some(90), None));
    }

    #[test]
    fn hosts_that_ended_need_no_more() {
        let mut loads = Loads::default();
        // One was never reached, one had all of it already, one lost its link in the middle, and one waits for its turn.
        loads.ended(HostIx(0), false);
        loads.moved(HostIx(1), Freight { done: 0, total: 100_000_000 });
        loads.ended(HostIx(2), true);
        assert_eq!(loads.parts(Duration::ZERO, 5), [", 0 B of about 200 MB"]);
        loads.moved(HostIx(3), Freight { done: 40_000_000, total: 100_000_000 });
        loads.ended(HostIx(3), false);
        loads.ended(HostIx(1), true);
        loads.ended(HostIx(4), true);
        assert_eq!(loads.parts(Duration::from_millis(10), 5), [", 140 MB of 140 MB"]);
    }

    #[test]
    fn a_thousand_different_tallies_are_no_thousand_lines() {
        let hosts: Vec<Host> = (1..=1000).map(|n| Host::new(None, &format!("web{n}"), None)).collect();
        let mut tallies = Tallies::default();
        for n in 0..1000 {
            tallies.add(HostIx(n), FileTally { bytes: n as u64, ..FileTally::default() });
        }
        let lines = tallies.lines(&hosts);
        assert_eq!(lines.len(), TOLD + 1);
        assert_eq!(lines[TOLD], "web[21-1000]: other numbers; --output json has them all");
    }
}
