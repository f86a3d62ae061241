//! The failure budget: how many hosts may fail before a run stops. Pure.
//!
//! It is of the run as a whole, whatever its waves. A rule allows so many failures, and the run stops when there are *more*:
//! `5` stops at the sixth, `0` at the first. A percentage is of all hosts of the run, rounded down. A rule without a class
//! counts every outcome but a good one; whom the run itself or the user kept from running is no failure. A failure that
//! is tried again counts only when it is the last.

use std::fmt;
use std::str::FromStr;

use super::share::Share;
use crate::outcome::{Class, NotRun, Outcome, Unknown};

/// What a rule counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    Any,
    Class(Class),
    /// The [`Outcome::word`].
    Word(&'static str),
}

/// Names of what can be counted.
const WHICH: [(&str, Which); 11] = [
    ("failed", Which::Class(Class::Failed)),
    ("not-run", Which::Class(Class::NotRun)),
    ("not-known", Which::Class(Class::NotKnown)),
    ("unreachable", Which::Word("unreachable")),
    ("unsupported", Which::Word("unsupported")),
    ("host-key", Which::Word("host-key")),
    ("login", Which::Word("login")),
    ("throttled", Which::Word("throttled")),
    ("timed-out", Which::Word("timed-out")),
    ("link-lost", Which::Word("link-lost")),
    ("no-status", Which::Word("no-status")),
];

impl Which {
    fn counts(self, outcome: &Outcome) -> bool {
        let is_ours = matches!(
            outcome,
            Outcome::NotRun(NotRun::Cancelled | NotRun::NotStarted) | Outcome::Unknown(Unknown::Killed(_))
        );
        let class = outcome.class();
        class != Class::Well
            && !is_ours
            && match self {
                Which::Any => true,
                Which::Class(counted) => counted == class,
                Which::Word(word) => word == outcome.word(),
            }
    }

    fn name(self) -> Option<&'static str> {
        WHICH.iter().find(|(_, which)| *which == self).map(|(name, _)| *name)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rule {
    which: Which,
    at_most: Share,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.which.name() {
            Some(name) => write!(f, "{name}={}", self.at_most),
            None => self.at_most.fmt(f),
        }
    }
}

/// How many may fail; without a rule all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Budget(Vec<Rule>);

impl FromStr for Budget {
    type Err = String;

    fn from_str(text: &str) -> Result<Budget, String> {
        let mut rules: Vec<Rule> = Vec::new();
        for part in text.split(',') {
            let rule = rule(part.trim())?;
            if rules.iter().any(|other| other.which == rule.which) {
                return Err(format!("`{part}`: there is a bound for the same failures already; write one"));
            }
            rules.push(rule);
        }
        Ok(Budget(rules))
    }
}

fn rule(text: &str) -> Result<Rule, String> {
    let (name, bound) = match text.split_once('=') {
        Some((name, bound)) => (Some(name.trim()), bound.trim()),
        None => (None, text),
    };
    let which = match name {
        None => Which::Any,
        Some(name) => match WHICH.iter().find(|(known, _)| *known == name) {
            Some((_, which)) => *which,
            None => {
                let known: Vec<&str> = WHICH.iter().map(|(known, _)| *known).collect();
                return Err(format!("`{name}` is no kind of failure; there are {}", known.join(", ")));
            }
        },
    };
    let at_most = bound.parse().map_err(|_| {
        format!(
            "`{text}` is no bound; write how many may fail before the run stops, such as 5, 5% of all hosts, or by kind \
             unreachable=10%,failed=0 (0 stops at the first)"
        )
    })?;
    Ok(Rule { which, at_most })
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, rule) in self.0.iter().enumerate() {
            let comma = if n == 0 { "" } else { "," };
            write!(f, "{comma}{rule}")?;
        }
        Ok(())
    }
}

/// A budget in use.
#[derive(Clone, Debug)]
pub(super) struct Spent {
    hosts: usize,
    /// Each with what it has counted.
    rules: Vec<(Rule, usize)>,
}

impl Spent {
    /// Nothing is spent yet, of a run of so many hosts.
    pub(super) fn new(budget: &Budget, hosts: usize) -> Spent {
        Spent { hosts, rules: budget.0.iter().map(|rule| (*rule, 0)).collect() }
    }

    /// Books the end of a host; says what that exceeds.
    pub(super) fn book(&mut self, outcome: &Outcome) -> Option<Excess> {
        let hosts = self.hosts;
        let mut excess = None;
        for (rule, seen) in self.rules.iter_mut().filter(|(rule, _)| rule.which.counts(outcome)) {
            *seen += 1;
            let allowed = rule.at_most.of(hosts);
            if *seen > allowed {
                excess.get_or_insert(Excess { rule: *rule, seen: *seen, allowed, hosts });
            }
        }
        excess
    }
}

/// A budget that is exceeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excess {
    rule: Rule,
    seen: usize,
    allowed: usize,
    hosts: usize,
}

impl fmt::Display for Excess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Excess { rule, seen, allowed, hosts } = self;
        let fail = if *seen == 1 { "failure" } else { "failures" };
        let kind = rule.which.name().map(|name| format!(" ({name})")).unwrap_or_default();
        write!(f, "{seen} {fail}{kind} among {hosts} hosts, where --max-fail {rule} allows {allowed}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Fate;
    use crate::ssh::{ConnectError, Stage};

    fn unreachable() -> Outcome {
        ConnectError::Unreachable { stage: Stage::Tcp, why: "x".into() }.into()
    }

    fn stops_at(budget: &str, hosts: usize, outcome: &Outcome) -> Option<usize> {
        let mut spent = Spent::new(&budget.parse().expect(budget), hosts);
        (1..=hosts).find(|_| spent.book(outcome).is_some())
    }

    #[test]
    fn a_run_stops_at_the_first_failure_beyond_what_is_allowed() {
        let failed = Outcome::Exited(1);
        for (budget, hosts, outcome, stops) in [
            ("0", 10, &failed, Some(1)),
            ("5", 10, &failed, Some(6)),
            ("5%", 1000, &failed, Some(51)),
            ("5%", 10, &failed, Some(1)),
            ("100%", 10, &failed, None),
            ("unreachable=10%,failed=0", 100, &failed, Some(1)),
            ("unreachable=10%,failed=0", 100, &unreachable(), Some(11)),
            ("not-run=2,failed=0", 100, &unreachable(), Some(3)),
            ("unreachable=50%,3", 100, &unreachable(), Some(4)),
            ("failed=0", 100, &Outcome::Signalled("KILL".into()), Some(1)),
            (
                "timed-out=0",
                9,
                &Outcome::Unknown(Unknown::TimedOut(Default::default(), Fate::Killed)),
                Some(1),
            ),
            ("failed=0", 9, &Outcome::Unknown(Unknown::NoStatus), None),
            ("0", 9, &Outcome::Unknown(Unknown::NoStatus), Some(1)),
            ("0", 9, &Outcome::Exited(0), None),
            ("0", 9, &Outcome::NotRun(NotRun::Cancelled), None),
            ("0", 9, &Outcome::Unknown(Unknown::Killed(Fate::Killed)), None),
        ] {
            assert_eq!(stops_at(budget, hosts, outcome), stops, "{budget} of {hosts}: {outcome}");
        }
        assert_eq!(stops_at("0", 5, &Outcome::Exited(3)), Some(1));
        assert!(Spent::new(&Budget::default(), 5).book(&Outcome::Exited(3)).is_none());
    }

    #[test]
    fn what_was_exceeded_is_said_with_its_figures() {
        let mut spent = Spent::new(&"unreachable=1".parse().expect("a budget"), 40);
        assert_eq!(spent.book(&unreachable()), None);
        let excess = spent.book(&unreachable()).expect("more than one");
        let said = "2 failures (unreachable) among 40 hosts, where --max-fail unreachable=1 allows 1";
        assert_eq!(excess.to_string(), said);
    }

    #[test]
    fn faults_of_a_budget_name_what_there_is() {
        for (wrong, said) in [
            ("", "write how many may fail"),
            ("5%,6", "there is a bound"),
            ("dead=5", "`dead` is no kind of failure; there are failed, not-run"),
            ("failed=", "(0 stops at the first)"),
            ("failed=x", "(0 stops at the first)"),
        ] {
            let error = wrong.parse::<Budget>().expect_err(wrong);
            assert!(error.contains(said), "{wrong}: {error}");
        }
        let text = "5%,unreachable=10%,failed=0";
        assert_eq!(text.parse::<Budget>().expect("a budget").to_string(), text);
    }
}
