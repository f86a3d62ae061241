//! The rules of a configuration, and which of them concern a host.
//!
//! Theory: most blocks depend on the name of the host alone, so those that let it in are found first: blocks of plain
//! names by a table, the others by trying. What stands under a `Match` depends on what the lines before it said; its
//! line is a rule of its own (`What::Open`), judged when the walk through the rules comes to it.

use std::collections::HashMap;

use super::conditions::MatchTest;
use super::heard::{Heard, Source};
use super::keyword::Key;
use super::setting::{Setting, Value};
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
    judged: bool,
    wants_final: bool,
    may_canonicalize: bool,
}

/// A `Host` or `Match` line, under the one around the `Include` that led to it.
#[derive(Clone, Debug)]
struct Guard {
    parent: Option<usize>,
    test: GuardTest,
    rules: Vec<usize>,
    /// Whether it or one around it is a `Match`.
    judged: bool,
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
    guard: usize,
    what: What,
    place: Place,
}

#[derive(Clone, Debug)]
pub(super) enum What {
    /// The block begins here.
    Open,
    Set(Setting),
    Refuse(&'static str),
    Note(&'static str),
    Decline(&'static str),
}

/// Says whether a `Match` line applies, given its place and what was heard before it.
pub(in crate::ssh) type Judge<'j, 'a, E> =
    dyn FnMut(&'a MatchTest, &'a Place, &Heard<'a>) -> Result<bool, E> + 'j;

impl SshConfig {
    /// Goes through what concerns the host named `name` once, in order.
    pub(in crate::ssh) fn walk<'a, E>(
        &'a self,
        name: &str,
        heard: &mut Heard<'a>,
        judge: &mut Judge<'_, 'a, E>,
    ) -> Result<(), E> {
        // By guard, where there is a `Match` at all: whether the block applies.
        let mut applies = vec![true; if self.judged { self.guards.len() } else { 0 }];
        for Rule { guard, what, place } in self.concerned(name).into_iter().map(|rule| &self.rules[rule]) {
            let block = &self.guards[*guard];
            if let What::Open = what {
                let around = block.parent.is_none_or(|parent| applies[parent]);
                applies[*guard] = around
                    && match &block.test {
                        GuardTest::Match(test) => judge(test, place, heard)?,
                        GuardTest::Open | GuardTest::Host(_) => true,
                    };
                continue;
            }
            if block.judged && !applies[*guard] {
                continue;
            }
            match what {
                What::Open => {}
                What::Set(setting) => heard.hear(setting, Source::Config(place)),
                What::Refuse(keyword) => heard.refuse(keyword, place),
                What::Note(keyword) => heard.note(keyword, place),
                What::Decline(keyword) => {
                    heard.decide(keyword);
                }
            }
        }
        Ok(())
    }

    /// Whether a `Match final` stands anywhere, which makes ssh go through the configuration twice.
    pub(in crate::ssh) fn wants_final(&self) -> bool {
        self.wants_final
    }

    /// Whether canonicalization is asked for anywhere.
    pub(in crate::ssh) fn may_canonicalize(&self) -> bool {
        self.may_canonicalize
    }

    /// The rules whose `Host` lines let the name in, in the order of the files.
    fn concerned(&self, name: &str) -> Vec<usize> {
        let named = self.named.get(name.as_bytes()).into_iter().flatten();
        let mut rules: Vec<usize> = Vec::with_capacity(64);
        for &guard in named.chain(&self.tried).filter(|&&guard| self.lets_in(guard, name.as_bytes())) {
            rules.extend_from_slice(&self.guards[guard].rules);
        }
        rules.sort_unstable();
        rules
    }

    fn lets_in(&self, guard: usize, name: &[u8]) -> bool {
        let guard = &self.guards[guard];
        let own = match &guard.test {
            GuardTest::Open | GuardTest::Match(_) => true,
            GuardTest::Host(patterns) => accepts(patterns, name),
        };
        own && guard.parent.is_none_or(|parent| self.lets_in(parent, name))
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
        let judged = matches!(test, GuardTest::Match(_)) || parent.is_some_and(|id| self.guards[id].judged);
        self.wants_final |= matches!(&test, GuardTest::Match(test) if test.wants_final());
        self.judged |= judged;
        self.guards.push(Guard { parent, test, rules: Vec::new(), judged });
        if judged {
            self.add(id, What::Open, place);
        }
        id
    }

    /// Adds a rule to a block.
    pub(super) fn add(&mut self, guard: usize, what: What, place: Place) {
        if let What::Set(Setting { key: Key::CanonicalizeHostname, value: Value::Word("yes" | "always") }) =
            what
        {
            self.may_canonicalize = true;
        }
        self.guards[guard].rules.push(self.rules.len());
        self.rules.push(Rule { guard, what, place });
    }
}
