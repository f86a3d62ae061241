//! Scopes as values: which hosts the broadcast is limited to, how they were chosen, and the ones that have a name.
//!
//! Theory. A scope is a set of host *names*, frozen when it was taken: a host that reconnects, or is opened again under the
//! same name, is still in it, and nothing that a host prints can bring it in. How the hosts were chosen (the rule) is kept
//! beside them and asked again by a key of its own alone. Two rules are no frozen sets: "all" is no limit at all, and "in
//! sight" follows the user's own paging.

use std::collections::HashSet;
use std::sync::Arc;

use crate::hosts::{self, Facts, Host, HostSet};
use crate::pane::Situation;

/// The most named scopes; the first nine have a key.
pub const MOST_NAMED: usize = 99;

/// Longest name of a scope, in characters.
pub const NAME_CHARS: usize = 40;

/// How the hosts of a scope are chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Every host, also those that come later.
    All,
    /// The hosts on the screen, as the user pages.
    Visible,
    /// These hosts; there is nothing to ask again.
    These(Vec<Host>),
    /// The hosts of a cluster.
    Cluster(Arc<str>),
    /// The hosts with a tag.
    Tag(String),
    /// An expression over the open hosts.
    Expression(String),
    /// The hosts in some state.
    State(State),
    /// The hosts whose screen matches this regular expression.
    Matching(String),
    /// The hosts that the user marked.
    Marked,
}

/// A state of a host that a scope can be taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// What its program waits for.
    At(Situation),
    /// Its session is over.
    Closed,
    /// Bytes wait for it, or it is held.
    Behind,
    /// It came late and was not let in.
    Waiting,
    /// It hears nothing, whatever the scope.
    Deaf,
    /// Its screen is not as most others are.
    Odd,
}

impl State {
    /// All of them, in the order of the list.
    pub const ALL: [State; 8] = [
        State::At(Situation::Shell),
        State::At(Situation::Secret),
        State::At(Situation::FullScreen),
        State::Odd,
        State::Behind,
        State::Waiting,
        State::Deaf,
        State::Closed,
    ];

    /// The name of such a scope.
    pub fn name(self) -> &'static str {
        match self {
            State::At(Situation::Shell) => "shells",
            State::At(Situation::Secret) => "password prompts",
            State::At(Situation::FullScreen) => "full-screen programs",
            State::At(Situation::Other) => "other states",
            State::Closed => "closed",
            State::Behind => "behind",
            State::Waiting => "waiting",
            State::Deaf => "receiving nothing",
            State::Odd => "odd ones out",
        }
    }

    /// What it means, for the list.
    pub fn means(self) -> &'static str {
        match self {
            State::At(Situation::Shell) => "at a shell prompt",
            State::At(Situation::Secret) => "at a password prompt",
            State::At(Situation::FullScreen) => "in a full-screen program",
            State::At(Situation::Other) => "in none of the known states",
            State::Closed => "whose session is over",
            State::Behind => "that have not taken all that was typed",
            State::Waiting => "that came late and were not let in",
            State::Deaf => "that are detached, held, waiting or not ready",
            State::Odd => "whose screen differs from most",
        }
    }
}

/// A scope that the user chooses: its name and its rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The name, safe for a terminal.
    pub name: String,
    /// How its hosts are chosen.
    pub rule: Rule,
}

impl Choice {
    /// Every host.
    pub fn all() -> Choice {
        Choice { name: "all".to_owned(), rule: Rule::All }
    }

    /// The hosts on the screen.
    pub fn visible() -> Choice {
        Choice { name: "sight".to_owned(), rule: Rule::Visible }
    }

    /// These hosts, under a name.
    pub fn these(name: &str, hosts: Vec<Host>) -> Choice {
        Choice { name: crate::escape::text(name, NAME_CHARS), rule: Rule::These(hosts) }
    }

    /// An expression over the open hosts; its text is its name.
    pub fn expression(text: &str) -> Choice {
        Choice { name: crate::escape::text(text, NAME_CHARS), rule: Rule::Expression(text.to_owned()) }
    }

    /// A state of the hosts.
    pub fn state(state: State) -> Choice {
        Choice { name: state.name().to_owned(), rule: Rule::State(state) }
    }

    /// The hosts whose screen matches.
    pub fn matching(regex: &str) -> Choice {
        let name = format!("/{}/", crate::escape::text(regex, NAME_CHARS));
        Choice { name, rule: Rule::Matching(regex.to_owned()) }
    }

    /// The hosts of a cluster.
    pub fn cluster(name: &Arc<str>) -> Choice {
        Choice { name: crate::escape::text(name, NAME_CHARS), rule: Rule::Cluster(name.clone()) }
    }

    /// The hosts with a tag.
    pub fn tag(name: &str) -> Choice {
        Choice { name: crate::escape::text(name, NAME_CHARS), rule: Rule::Tag(name.to_owned()) }
    }

    /// The hosts that the user marked.
    pub fn marked() -> Choice {
        Choice { name: "marked".to_owned(), rule: Rule::Marked }
    }
}

/// A scope in force or kept under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Its name and rule.
    pub choice: Choice,
    /// Its hosts as they were when it was taken; not looked at where the rule is "all" or "in sight".
    pub hosts: HashSet<Host>,
}

impl Taken {
    /// No limit.
    pub fn all() -> Taken {
        Taken { choice: Choice::all(), hosts: HashSet::new() }
    }

    /// Is this host in the scope?
    pub fn holds(&self, host: &Host) -> bool {
        self.choice.rule == Rule::All || self.hosts.contains(host)
    }
}

/// Which half of a scope was taken last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// The first one, which is the larger where they differ.
    First,
    /// The other one.
    Other,
}

/// The scope in force, those with a name, and the marks.
#[derive(Clone, Debug)]
pub struct Scopes {
    /// The one in force.
    pub current: Taken,
    /// The whole of which the present scope is a half.
    pub whole: Option<(Taken, Half)>,
    /// Those with a name, in the order of their numbers.
    pub named: Vec<Taken>,
    /// Hosts that the user marked.
    pub marked: HashSet<Host>,
}

impl Default for Scopes {
    fn default() -> Scopes {
        Scopes { current: Taken::all(), whole: None, named: Vec::new(), marked: HashSet::new() }
    }
}

impl Scopes {
    /// Keeps the present scope under a name and returns its number, from 1. A scope of that name is replaced.
    pub fn keep(&mut self, name: &str) -> Result<usize, String> {
        let mut kept = self.current.clone();
        kept.choice.name = crate::escape::text(name, NAME_CHARS);
        let number = self.put(kept.clone())?;
        self.current = kept;
        Ok(number)
    }

    /// Keeps a scope under its name and returns its number, from 1. A scope of that name is replaced.
    pub fn put(&mut self, kept: Taken) -> Result<usize, String> {
        if kept.choice.name.is_empty() {
            return Err("write a name".to_owned());
        }
        let at = self.named.iter().position(|known| known.choice.name == kept.choice.name);
        match at {
            Some(at) => self.named[at] = kept,
            None if self.named.len() >= MOST_NAMED => {
                return Err(format!("there are {MOST_NAMED} named scopes; use the name of one of them"));
            }
            None => self.named.push(kept),
        }
        Ok(at.unwrap_or(self.named.len() - 1) + 1)
    }

    /// The number of the present scope, from 1, if it is one of those with a name.
    pub fn number(&self) -> Option<usize> {
        let name = &self.current.choice.name;
        self.named.iter().position(|kept| kept.choice.name == *name && *kept == self.current).map(|n| n + 1)
    }

    /// Marks a host, or takes its mark away; says whether it is marked now.
    pub fn toggle_mark(&mut self, host: &Host) -> bool {
        let is_new = !self.marked.remove(host);
        if is_new {
            self.marked.insert(host.clone());
        }
        is_new
    }
}

/// The half of a list of hosts; the first half is the larger one.
pub fn half(hosts: &[Host], which: Half) -> &[Host] {
    let (first, other) = hosts.split_at(hosts.len().div_ceil(2));
    match which {
        Half::First => first,
        Half::Other => other,
    }
}

/// A set of hosts in few words: folded, cut where it is long.
pub fn folded<'a>(hosts: impl IntoIterator<Item = &'a Host>) -> String {
    let hosts: HostSet = hosts.into_iter().cloned().collect();
    crate::escape::text(&hosts.to_string(), 80)
}

/// The hosts of the list that an expression names, as [`hosts::among`] reads it; none is an error.
pub fn select(text: &str, open: &[(&Host, &Facts)]) -> Result<Vec<Host>, String> {
    let found = hosts::among(text, open)?;
    match found.is_empty() {
        true => Err(format!("no open host is named by `{}`", crate::escape::text(text, 60))),
        false => Ok(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(clusters: &[&str], tags: &[&str]) -> Facts {
        Facts {
            clusters: clusters.iter().map(|name| Arc::from(*name)).collect(),
            tags: tags.iter().map(|tag| tag.to_string()).collect(),
            ..Facts::default()
        }
    }

    fn open() -> Vec<(Host, Facts)> {
        let host = |text: &str| text.parse::<Host>().expect("a host");
        vec![
            (host("web01"), facts(&["web"], &["prod"])),
            (host("web02"), facts(&["web"], &["prod", "canary"])),
            (host("ann@web03:2222"), facts(&["web"], &[])),
            (host("db1"), facts(&["db", "stores"], &["prod"])),
            (host("db2:22"), facts(&["db"], &[])),
            (host("db2:23"), facts(&["db"], &[])),
            // A host that bears the name of a cluster.
            (host("db"), facts(&["stores"], &[])),
        ]
    }

    fn told(text: &str) -> Result<String, String> {
        let open = open();
        let list: Vec<(&Host, &Facts)> = open.iter().map(|(host, facts)| (host, facts)).collect();
        let names = |hosts: Vec<Host>| hosts.iter().map(Host::to_string).collect::<Vec<_>>().join(" ");
        select(text, &list).map(names)
    }

    #[test]
    fn an_expression_is_read_over_the_open_hosts() {
        for (text, hosts) in [
            ("web01", "web01"),
            ("web[01-12]", "web01 web02 ann@web03:2222"),
            ("web*", "web01 web02 ann@web03:2222"),
            ("*!web03", "web01 web02 db1 db2:22 db2:23 db"),
            ("*!web03:2222", "web01 web02 db1 db2:22 db2:23 db"),
            ("@web", "web01 web02 ann@web03:2222"),
            ("web", "web01 web02 ann@web03:2222"),
            ("@web!@prod", "ann@web03:2222"),
            ("@prod&@db", "db1"),
            ("@web^@prod", "ann@web03:2222 db1"),
            ("@canary,db1", "web02 db1"),
            ("@stores", "db1 db"),
            ("db", "db1 db2:22 db2:23"),
            ("db2:23", "db2:23"),
            ("@*", "web01 web02 ann@web03:2222 db1 db2:22 db2:23 db"),
            ("web02,nosuch", "web02"),
        ] {
            assert_eq!(told(text), Ok(hosts.to_owned()), "{text}");
        }
    }

    #[test]
    fn an_empty_or_wrong_expression_is_a_sentence() {
        for (text, fault) in [
            ("nosuch", "no open host is named by `nosuch`"),
            ("web01!web01", "no open host is named by `web01!web01`"),
            ("@nosuch", "no cluster is named `nosuch`"),
            ("web[1-999999999]", "the limit is 100,000 hosts"),
            ("h[", ""),
            ("!web01", "nothing stands before this operator"),
        ] {
            let error = told(text).expect_err(text);
            assert!(error.contains(fault) && !error.contains('\n') && !error.is_empty(), "{text}: {error}");
        }
    }

    #[test]
    fn halves_names_and_marks() {
        let hosts: Vec<Host> = ["a", "b", "c"].iter().map(|name| Host::new(None, name, None)).collect();
        assert_eq!((half(&hosts, Half::First).len(), half(&hosts, Half::Other).len()), (2, 1));
        let mut scopes = Scopes::default();
        assert!(scopes.toggle_mark(&hosts[0]) && !scopes.toggle_mark(&hosts[0]));
        assert_eq!(scopes.number(), None);
        assert_eq!((scopes.keep("one"), scopes.keep("two"), scopes.keep("one")), (Ok(1), Ok(2), Ok(1)));
        assert_eq!((scopes.number(), scopes.named.len()), (Some(1), 2));
        assert!(scopes.keep(" ").is_err());
        for n in 0..97 {
            assert!(scopes.keep(&format!("s{n}")).is_ok());
        }
        assert!(scopes.keep("one more").is_err_and(|error| error.starts_with("there are 99")));
    }
}
