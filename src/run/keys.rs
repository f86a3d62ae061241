//! The host keys of a fleet against known_hosts: states, what may be learned or replaced, and the table. Pure.
//!
//! A host has one state, the worst that its keys have; a key of a further type on a host that proves itself by another
//! is no state of its own. What is learned without a list is trust on first use, so it is offered for new hosts only;
//! what a list confirms may be learned of known hosts too.

use std::fmt::Write as _;

use super::survey::Found;
use super::tally;
use crate::escape;
use crate::hosts::{Host, HostSet};
use crate::outcome::Exit;
use crate::ssh::HostKey;
use crate::ssh::known_hosts::{HeldKey, Listing, Standing};

mod lines;

/// A key that a host presented.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The key.
    pub key: HostKey,
    /// How it stands to known_hosts.
    pub standing: Standing,
    /// What the list of `--from` says, where there is one.
    pub listing: Option<Listing>,
}

/// What was seen of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// The name under which known_hosts has it: `name` or `[name]:port`.
    pub name: String,
    /// The keys that it presents, at least one.
    pub keys: Vec<Seen>,
}

/// The state of a host, in the order of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// It presents a key that is held, and none that speaks against it.
    Known,
    /// An authority vouches for it, which counts more than what is held.
    Certified,
    /// No key of it is held.
    New,
    /// It presents another key than the one that is held.
    Changed,
    /// It presents a key that is marked as never to be accepted.
    Revoked,
}

impl State {
    /// The word of the table and of the JSON lines.
    pub fn word(self) -> &'static str {
        match self {
            State::Known => "known",
            State::Certified => "certified",
            State::New => "new",
            State::Changed => "changed",
            State::Revoked => "revoked",
        }
    }
}

impl Look {
    /// The host's state.
    pub fn state(&self) -> State {
        let has = |of: fn(&Standing) -> bool| self.keys.iter().any(|seen| of(&seen.standing));
        if has(|standing| matches!(standing, Standing::Revoked(_))) {
            State::Revoked
        } else if has(|standing| *standing == Standing::Certified) {
            State::Certified
        } else if has(|standing| matches!(standing, Standing::Changed(_))) {
            State::Changed
        } else if has(|standing| *standing == Standing::Known) {
            State::Known
        } else {
            State::New
        }
    }

    /// What the list says about the host: one key that is not as listed spoils it.
    pub fn listing(&self) -> Option<Listing> {
        let listings = || self.keys.iter().filter_map(|seen| seen.listing);
        let one = |wanted| listings().any(|listing| listing == wanted).then_some(wanted);
        one(Listing::Mismatch).or_else(|| one(Listing::Match)).or_else(|| one(Listing::Absent))
    }

    /// The keys that `--accept` learns.
    pub fn learnable(&self) -> Vec<&HostKey> {
        let fits = |seen: &&Seen| match (self.state(), self.listing()) {
            (State::New, None) => seen.standing == Standing::New,
            (State::New | State::Known, Some(Listing::Match)) => {
                matches!(seen.standing, Standing::New | Standing::Further)
                    && seen.listing == Some(Listing::Match)
            }
            _ => false,
        };
        self.keys.iter().filter(fits).map(|seen| &seen.key).collect()
    }

    /// The keys that `--replace` puts in the place of held ones, and those; `None` where nothing is replaced.
    pub fn replaceable(&self) -> Option<(Vec<HeldKey>, Vec<&HostKey>)> {
        if self.state() != State::Changed || !matches!(self.listing(), None | Some(Listing::Match)) {
            return None;
        }
        let (mut old, mut new) = (Vec::<HeldKey>::new(), Vec::new());
        for seen in self.keys.iter().filter(|seen| matches!(seen.listing, None | Some(Listing::Match))) {
            if let Standing::Changed(held) = &seen.standing {
                new.push(&seen.key);
                for held in held {
                    if !old.contains(held) {
                        old.push(held.clone());
                    }
                }
            }
        }
        (!new.is_empty()).then_some((old, new))
    }

    /// Nothing about the host needs a word.
    fn is_well(&self) -> bool {
        matches!(self.state(), State::Known | State::Certified)
            && matches!(self.listing(), None | Some(Listing::Match))
    }
}

/// What the user asked to be done beyond looking, and what came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Hosts whose keys were learned.
    pub learned: HostSet,
    /// Hosts whose keys were replaced.
    pub replaced: HostSet,
}

/// Whose keys are shown one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Those that need a look: new, changed, revoked, not as listed.
    Needed,
    /// All.
    All,
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Report {
    /// The hosts, in their order.
    pub hosts: Vec<Host>,
    /// What was found on each.
    pub found: Vec<Found<Look>>,
    end: Exit,
}

impl Report {
    /// The report on `hosts`; `end` is what the survey itself came to.
    pub fn new(hosts: Vec<Host>, found: Vec<Found<Look>>, end: Exit) -> Report {
        Report { hosts, found, end }
    }

    /// What all hosts add up to.
    pub fn exit(&self) -> Exit {
        let of = |found: &Found<Look>| match found {
            Ok(look) if look.is_well() => Exit::Well,
            Ok(_) => Exit::Failed,
            Err(_) => Exit::NotRun,
        };
        self.found.iter().map(of).fold(self.end, Exit::worst)
    }

    /// How many hosts are in this state.
    pub fn count(&self, state: State) -> usize {
        self.in_state(state).count()
    }

    fn in_state(&self, state: State) -> impl Iterator<Item = &Host> {
        let all = self.hosts.iter().zip(&self.found);
        all.filter(move |(_, found)| found.as_ref().is_ok_and(|look| look.state() == state))
            .map(|(host, _)| host)
    }

    /// The hosts that the list says this about.
    fn listed(&self, listing: Listing) -> impl Iterator<Item = &Host> {
        let all = self.hosts.iter().zip(&self.found);
        let says =
            move |found: &Found<Look>| found.as_ref().is_ok_and(|look| look.listing() == Some(listing));
        all.filter(move |(_, found)| says(found)).map(|(host, _)| host)
    }

    /// The folded table, and under it the keys that need a look.
    pub fn table(&self, detail: Detail) -> String {
        let mut text = String::new();
        let mut rows = Vec::new();
        let mut row = |label: &str, set: HostSet| {
            if !set.is_empty() {
                rows.push((label.to_owned(), set));
            }
        };
        for state in [State::Known, State::Certified, State::New, State::Changed, State::Revoked] {
            row(state.word(), self.in_state(state).cloned().collect());
        }
        let failed = self.hosts.iter().zip(&self.found).filter_map(|(host, found)| match found {
            Ok(_) => None,
            Err(why) => Some((host, tally::kind(why))),
        });
        tally::grouped(failed).into_iter().for_each(|(kind, set)| row(&kind, set));
        for listing in [Listing::Match, Listing::Mismatch, Listing::Absent] {
            row(listing_words(listing), self.listed(listing).cloned().collect());
        }
        let width = rows.iter().map(|(label, _)| label.len()).fold(20, usize::max);
        for (label, set) in &rows {
            let _ = writeln!(text, "{label:<width$}{:>6}  {set}", set.len());
        }
        for (host, look) in self.looks() {
            if detail == Detail::All || !look.is_well() {
                push_keys(&mut text, host, look, detail);
            }
        }
        text.push_str(&tally::failures(&self.hosts, &self.found));
        text
    }

    /// The hosts that answered, with what was seen of them.
    fn looks(&self) -> impl Iterator<Item = (&Host, &Look)> {
        let all = self.hosts.iter().zip(&self.found);
        all.filter_map(|(host, found)| Some((host, found.as_ref().ok()?)))
    }
}

fn listing_words(listing: Listing) -> &'static str {
    match listing {
        Listing::Match => "as listed",
        Listing::Mismatch => "NOT as listed",
        Listing::Unlisted => "type not listed",
        Listing::Absent => "not on the list",
    }
}

/// One line a key: `web07: changed ssh-ed25519 SHA256:…, held: ssh-ed25519 SHA256:… (~/.ssh/known_hosts:7)`.
fn push_keys(text: &mut String, host: &Host, look: &Look, detail: Detail) {
    let named = host.to_string();
    let name = match named == look.name {
        true => String::new(),
        false => format!(" as {}", escape::line(look.name.as_bytes())),
    };
    for seen in &look.keys {
        let spoken_of = seen.listing.is_some_and(|listing| listing != Listing::Match);
        if detail == Detail::Needed
            && !spoken_of
            && (look.is_well() || matches!(seen.standing, Standing::Known | Standing::Further))
        {
            continue;
        }
        let (word, more) = match &seen.standing {
            Standing::Known => ("known", String::new()),
            Standing::Further => ("further", String::new()),
            Standing::New => ("new", String::new()),
            Standing::Certified => ("certified", String::new()),
            Standing::Void(why) => ("void", format!(": {why}")),
            Standing::Revoked(at) => ("revoked", format!(" ({at})")),
            Standing::Changed(held) => {
                let held =
                    held.iter().map(|old| format!("{} {} ({})", old.algorithm, old.fingerprint, old.at));
                ("changed", format!(", held: {}", held.collect::<Vec<_>>().join(", ")))
            }
        };
        let listed = seen.listing.map(|listing| format!(", {}", listing_words(listing))).unwrap_or_default();
        let HostKey { algorithm, fingerprint, .. } = &seen.key;
        let _ = writeln!(text, "{named}: {word} {algorithm} {fingerprint}{name}{listed}{more}");
    }
}

#[cfg(test)]
#[path = "keys_tests.rs"]
mod tests;
