//! The JSON lines of a look at host keys (`docs/events.md`).

use serde::Serialize;

use super::{Done, Look, Report, Seen, State};
use crate::hosts::Host;
use crate::outcome::Exit;
use crate::run::json::{self, Part, V};
use crate::run::survey::Found;
use crate::run::tally;
use crate::ssh::known_hosts::{Listing, Standing};

#[derive(Serialize)]
struct Line<'a> {
    v: u32,
    event: &'static str,
    host: String,
    name: Option<&'a str>,
    state: &'static str,
    list: Option<&'static str>,
    keys: Vec<Key<'a>>,
    done: Option<&'static str>,
    stage: Option<String>,
    message: Option<String>,
}

#[derive(Serialize)]
struct Key<'a> {
    algorithm: &'a str,
    fingerprint: &'a str,
    state: &'static str,
    list: Option<&'static str>,
    held: Vec<Held<'a>>,
}

#[derive(Serialize)]
struct Held<'a> {
    algorithm: &'static str,
    fingerprint: &'a str,
    file: String,
    line: usize,
}

#[derive(Serialize)]
struct End {
    v: u32,
    event: &'static str,
    exit: u8,
    known: Part,
    certified: Part,
    new: Part,
    changed: Part,
    revoked: Part,
    unreachable: Part,
    learned: Part,
    replaced: Part,
}

impl Report {
    /// The report as JSON lines, each host as it was found, with what was done then and the exit code after that.
    pub fn json(&self, done: &Done, exit: Exit) -> Vec<u8> {
        let mut text = Vec::new();
        for (host, found) in self.hosts.iter().zip(&self.found) {
            json::push(&mut text, &line(host, found, done));
        }
        let part = |state| Part::of(self.in_state(state).cloned());
        let failed = self.hosts.iter().zip(&self.found).filter(|(_, found)| found.is_err());
        let end = End {
            v: V,
            event: "keys-summary",
            exit: exit.code(),
            known: part(State::Known),
            certified: part(State::Certified),
            new: part(State::New),
            changed: part(State::Changed),
            revoked: part(State::Revoked),
            unreachable: Part::of(failed.map(|(host, _)| host.clone())),
            learned: Part::of(done.learned.iter().cloned()),
            replaced: Part::of(done.replaced.iter().cloned()),
        };
        json::push(&mut text, &end);
        text
    }
}

fn line<'a>(host: &Host, found: &'a Found<Look>, done: &Done) -> Line<'a> {
    let (look, failure) = (found.as_ref().ok(), found.as_ref().err());
    let done = match (done.learned.contains(host), done.replaced.contains(host)) {
        (_, true) => Some("replaced"),
        (true, _) => Some("learned"),
        _ => None,
    };
    Line {
        v: V,
        event: "keys",
        host: host.to_string(),
        name: look.map(|look| look.name.as_str()),
        state: failure.map(tally::word).or_else(|| look.map(|look| look.state().word())).unwrap_or_default(),
        list: look.and_then(Look::listing).map(list_word),
        keys: look.map(|look| look.keys.iter().map(key).collect()).unwrap_or_default(),
        done,
        stage: failure.and_then(tally::stage),
        message: failure.map(ToString::to_string),
    }
}

fn key(seen: &Seen) -> Key<'_> {
    let file = |path: &std::path::Path| path.display().to_string();
    let (state, held) = match &seen.standing {
        Standing::Known => ("known", Vec::new()),
        Standing::Further => ("further", Vec::new()),
        Standing::New => ("new", Vec::new()),
        Standing::Certified => ("certified", Vec::new()),
        Standing::Void(_) => ("void", Vec::new()),
        Standing::Revoked(_) => ("revoked", Vec::new()),
        Standing::Changed(held) => {
            let held = held.iter().map(|old| Held {
                algorithm: old.algorithm,
                fingerprint: &old.fingerprint,
                file: file(&old.at.file),
                line: old.at.line,
            });
            ("changed", held.collect())
        }
    };
    Key {
        algorithm: &seen.key.algorithm,
        fingerprint: &seen.key.fingerprint,
        state,
        list: seen.listing.map(list_word),
        held,
    }
}

fn list_word(listing: Listing) -> &'static str {
    match listing {
        Listing::Match => "match",
        Listing::Mismatch => "mismatch",
        Listing::Unlisted => "unlisted",
        Listing::Absent => "absent",
    }
}
