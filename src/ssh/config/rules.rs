//! The rules of a configuration, and what they say about one host.

use std::collections::HashMap;

use super::parse::MatchTest;
use super::setting::Setting;
use crate::ssh::pattern::{Pattern, accepts};
use crate::ssh::place::Place;

/// A configuration as read; shared by all hosts.
#[derive(Clone, Debug, Default)]
pub struct SshConfig {
    guards: Vec<Guard>,
    rules: Vec<Rule>,
    /// Guards whose every pattern is a plain name, by that name; all others are tried for every host.
    named: HashMap<Box<[u8]>, Vec<usize>>,
    tried: Vec<usize>,
}

/// A `Host` or `Match` line, under the one around the `Include` that led to it.
#[derive(Clone, Debug)]
struct Guard {
    parent: Option<usize>,
    test: GuardTest,
    place: Place,
    rules: Vec<usize>,
}

#[derive(Clone, Debug)]
pub(super) enum GuardTest {
    /// The lines before the first `Host`.
    Open,
    Host(Vec<Pattern>),
    Match(MatchTest),
}

#[derive(Clone, Debug)]
struct Rule {
    what: What,
    place: Place,
}

#[derive(Clone, Debug)]
pub(super) enum What {
    Set(Setting),
    Refuse(&'static str),
    Note(&'static str),
    Decline(&'static str),
}

/// What a configuration says about one host, each value with its place; the first value won.
#[derive(Clone, Debug, Default)]
pub(in crate::ssh) struct Evaluated<'a> {
    /// Every setting that applies, in order.
    pub(in crate::ssh) settings: Vec<(&'a Setting, &'a Place)>,
    /// Keywords that refuse the host, each with its place.
    pub(in crate::ssh) refused: Vec<(&'static str, &'a Place)>,
    /// Keywords that are passed over.
    pub(in crate::ssh) noted: Vec<(&'static str, &'a Place)>,
}

impl SshConfig {
    /// What applies to the host named `name`, `Match` blocks that are not evaluated left out.
    pub(in crate::ssh) fn evaluate(&self, name: &str) -> Evaluated<'_> {
        let named = self.named.get(name.as_bytes()).into_iter().flatten();
        let mut rules: Vec<usize> = (named.chain(&self.tried))
            .filter(|&&guard| self.lets_in(guard, name))
            .flat_map(|&guard| &self.guards[guard].rules)
            .copied()
            .collect();
        rules.sort_unstable();
        let mut evaluated = Evaluated::default();
        let mut decided: Vec<&str> = Vec::new();
        let mut is_first = |keyword: &'static str| {
            let first = !decided.contains(&keyword);
            decided.push(keyword);
            // As in ssh, `ProxyCommand none` also bars a later ProxyJump; `ProxyJump none` bars no ProxyCommand.
            if keyword == "ProxyCommand" {
                decided.push("ProxyJump");
            }
            first
        };
        for Rule { what, place } in rules.into_iter().map(|rule| &self.rules[rule]) {
            match what {
                What::Set(setting) => evaluated.settings.push((setting, place)),
                What::Refuse(keyword) if is_first(keyword) => evaluated.refused.push((keyword, place)),
                What::Note(keyword) if is_first(keyword) => evaluated.noted.push((keyword, place)),
                What::Decline(keyword) => {
                    is_first(keyword);
                }
                What::Refuse(_) | What::Note(_) => {}
            }
        }
        evaluated
    }

    /// The first `Match` line that is not evaluated and may concern the host, dialled as `address`.
    pub(in crate::ssh) fn doubtful(&self, name: &str, address: &str) -> Option<&Place> {
        let concerned = |guard: &&Guard| {
            let GuardTest::Match(test @ MatchTest::Doubtful(_)) = &guard.test else { return false };
            test.may_apply(name, address) && guard.parent.is_none_or(|parent| self.may_let_in(parent, name))
        };
        self.guards.iter().find(concerned).map(|guard| &guard.place)
    }

    fn lets_in(&self, guard: usize, name: &str) -> bool {
        self.chain(guard).all(|guard| match &guard.test {
            GuardTest::Open | GuardTest::Match(MatchTest::Always) => true,
            GuardTest::Match(_) => false,
            GuardTest::Host(patterns) => accepts(patterns, name.as_bytes()),
        })
    }

    /// As `lets_in`, where a `Match` that is not evaluated may be true.
    fn may_let_in(&self, guard: usize, name: &str) -> bool {
        self.chain(guard).all(|guard| match &guard.test {
            GuardTest::Open => true,
            GuardTest::Match(test) => *test != MatchTest::Never,
            GuardTest::Host(patterns) => accepts(patterns, name.as_bytes()),
        })
    }

    fn chain(&self, guard: usize) -> impl Iterator<Item = &Guard> {
        std::iter::successors(Some(&self.guards[guard]), |guard| Some(&self.guards[guard.parent?]))
    }

    /// Opens a block at `place`, within `parent`; gives its number.
    pub(super) fn open(&mut self, parent: Option<usize>, test: GuardTest, place: Place) -> usize {
        let id = self.guards.len();
        let names: Option<Vec<&[u8]>> = match &test {
            GuardTest::Host(patterns) => patterns.iter().map(Pattern::exact).collect(),
            _ => None,
        };
        match names {
            Some(names) => names.into_iter().for_each(|name| {
                let guards = self.named.entry(name.into()).or_default();
                if guards.last() != Some(&id) {
                    guards.push(id);
                }
            }),
            None => self.tried.push(id),
        }
        self.guards.push(Guard { parent, test, place, rules: Vec::new() });
        id
    }

    /// Adds a rule to a block.
    pub(super) fn add(&mut self, guard: usize, what: What, place: Place) {
        self.guards[guard].rules.push(self.rules.len());
        self.rules.push(Rule { what, place });
    }
}
