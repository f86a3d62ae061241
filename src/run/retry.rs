//! Which failures are tried again, and when. Pure.
//!
//! Only what certainly did nothing is ever tried again: a failure from before the moment at which something was sent. What
//! failed after that may have run, and running it twice is for the user to decide. [`crate::ssh`] has its own patience with
//! servers that turn connections away (a few tries within one connection); this is for what that did not mend.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::HostIx;
use crate::outcome::Outcome;

/// The wait before the second attempt; each further one is twice as long. By half longer or shorter, so that hosts that
/// failed together do not come back together.
const FIRST: Duration = Duration::from_secs(1);

/// No wait is longer, but for that half.
const LONGEST: Duration = Duration::from_secs(30);

/// The failures that can be tried again, as [`Outcome::word`]s.
const KINDS: [&str; 3] = ["unreachable", "throttled", "login"];

/// Kinds of failures, as [`Outcome::word`]s.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryOn(Vec<&'static str>);

impl Default for RetryOn {
    /// What may pass by itself.
    fn default() -> RetryOn {
        RetryOn(vec!["unreachable", "throttled"])
    }
}

impl FromStr for RetryOn {
    type Err = String;

    fn from_str(text: &str) -> Result<RetryOn, String> {
        let kind = |text: &str| match KINDS.iter().find(|kind| **kind == text.trim()) {
            Some(kind) => Ok(*kind),
            None => Err(format!("`{text}` {}; write some of {}", why_not(text.trim()), KINDS.join(","))),
        };
        text.split(',').map(kind).collect::<Result<_, _>>().map(RetryOn)
    }
}

impl fmt::Display for RetryOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(","))
    }
}

fn why_not(kind: &str) -> &'static str {
    match kind {
        "host-key" | "unsupported" => "does not pass by itself",
        "failed" | "exited" | "signalled" | "not-known" | "timed-out" | "killed" | "link-lost"
        | "no-status" => "may have run, and is never run again by itself",
        _ => "is no failure that can be tried again",
    }
}

/// How often is tried again, and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Attempts after the first.
    pub times: u32,
    /// Which failures.
    pub on: RetryOn,
    /// The wait before the second attempt, before it is made longer or shorter.
    pub first: Duration,
}

impl Default for Retry {
    /// Never.
    fn default() -> Retry {
        Retry { times: 0, on: RetryOn::default(), first: FIRST }
    }
}

impl Retry {
    /// How long to wait before the next attempt, where there is to be one. `attempt` is the one that failed, from 1;
    /// `luck` is what no two hosts have in common.
    pub(super) fn again(&self, outcome: &Outcome, attempt: u32, luck: u64) -> Option<Duration> {
        let may = attempt <= self.times && self.on.0.contains(&outcome.word());
        may.then(|| {
            let doubled = self.first.saturating_mul(1 << (attempt - 1).min(16)).min(LONGEST);
            doubled.mul_f64(0.5 + (luck >> 11) as f64 / (1_u64 << 53) as f64)
        })
    }
}

/// What is drawn for an attempt of a host: evenly spread, and the same for the same seed (a step of SplitMix64).
pub(super) fn luck(seed: u64, host: HostIx, attempt: u32) -> u64 {
    let mut x = seed
        .wrapping_add((host.0 as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15))
        .wrapping_add(u64::from(attempt).wrapping_mul(0xd1b5_4a32_d192_ed03));
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Unknown;
    use crate::ssh::{ConnectError, Stage};

    fn outcomes() -> Vec<Outcome> {
        vec![
            ConnectError::Unreachable { stage: Stage::Tcp, why: String::new() }.into(),
            ConnectError::Throttled(String::new()).into(),
            ConnectError::Login(String::new()).into(),
            ConnectError::HostKey(String::new()).into(),
            Outcome::Exited(1),
            Outcome::Unknown(Unknown::LinkLost(String::new())),
        ]
    }

    #[test]
    fn only_the_wanted_failures_are_tried_again_and_only_so_often() {
        let retried = |retry: &Retry, attempt| -> Vec<&'static str> {
            let again = |outcome: &Outcome| retry.again(outcome, attempt, 7).map(|_| outcome.word());
            outcomes().iter().filter_map(again).collect()
        };
        let twice = Retry { times: 2, ..Retry::default() };
        assert_eq!(retried(&twice, 1), ["unreachable", "throttled"]);
        assert_eq!(retried(&twice, 2), ["unreachable", "throttled"]);
        assert_eq!(retried(&twice, 3), [""; 0]);
        assert_eq!(retried(&Retry::default(), 1), [""; 0]);
        let logins = Retry { on: "login".parse().expect("a kind"), ..twice };
        assert_eq!(retried(&logins, 1), ["login"]);
    }

    #[test]
    fn each_wait_is_twice_as_long_within_its_half_and_never_without_end() {
        let retry = Retry { times: u32::MAX, ..Retry::default() };
        let outcome = &outcomes()[0];
        for (attempt, seconds) in
            [(1, 1.0), (2, 2.0), (3, 4.0), (5, 16.0), (6, 30.0), (40, 30.0), (u32::MAX, 30.0)]
        {
            for host in 0..50 {
                let luck = luck(3, HostIx(host), attempt);
                let wait = retry.again(outcome, attempt, luck).expect("it is tried again").as_secs_f64();
                assert!((0.5..1.5).contains(&(wait / seconds)), "{attempt}: {wait}");
            }
        }
        let waits: std::collections::BTreeSet<_> =
            (0..1000).map(|host| retry.again(outcome, 1, luck(3, HostIx(host), 1))).collect();
        assert!(waits.len() > 990, "no two come back together: {}", waits.len());
    }

    #[test]
    fn what_cannot_be_tried_again_is_refused_with_the_reason() {
        for (wrong, why) in [
            ("link-lost", "may have run"),
            ("failed", "may have run"),
            ("unreachable,host-key", "does not pass by itself"),
            ("", "write some of unreachable,throttled,login"),
        ] {
            let error = wrong.parse::<RetryOn>().expect_err(wrong);
            assert!(error.contains(why), "{wrong}: {error}");
        }
    }
}
