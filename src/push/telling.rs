//! Which host has which version, as text for people and as lines for machines: pure.
//!
//! Each path on which hosts differ is told once, its versions under their hosts, and every other file as a unified diff to the
//! reference: what most hosts have, what one host has, or a file of ours. Remote text is escaped where it goes to a terminal
//! and exact where it does not; names of files are always escaped in sentences, and exact in lines for machines.

use base64::Engine as _;
use serde::Serialize;

use super::contents::Contents;
use super::part::hex;
use super::path::{RelPath, shown};
use super::versions::{Account, At, Survey, Version, Versions};
use crate::hosts::{Host, HostSet};
use crate::run::report::{Form, Words, push_line};
use crate::run::{HostIx, Stream, diff, json};

/// Hex digits of a digest that people are shown.
const DIGITS: usize = 12;

/// With what every host's version is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference {
    /// With what most hosts have; differences are told by lines, too.
    Majority,
    /// The same, but only who has which version is told.
    Unshown,
    /// With what this host has.
    Host(HostIx),
    /// With a file of ours.
    File {
        /// As the user named it, escaped.
        name: String,
        /// Its size and digest.
        version: Version,
        /// Its content, where it is not too long to be compared.
        content: Option<Vec<u8>>,
    },
}

/// What tells of versions.
#[derive(Clone, Debug)]
pub struct Teller {
    /// The path that was asked for, as it was typed.
    pub top: Vec<u8>,
    /// The hosts of the plan.
    pub hosts: Vec<Host>,
    /// With what they are compared.
    pub reference: Reference,
}

#[derive(Serialize)]
struct VersionLine<'a> {
    v: u32,
    event: &'static str,
    #[serde(flatten)]
    path: PathWords,
    hosts: String,
    count: usize,
    reference: bool,
    kind: &'static str,
    size: Option<u64>,
    sha256: Option<String>,
    to: Option<String>,
    to_base64: Option<String>,
    why: Option<&'static str>,
    diff: Option<&'a str>,
}

#[derive(Serialize)]
struct VersionsLine {
    v: u32,
    event: &'static str,
    #[serde(flatten)]
    path: PathWords,
    hosts: String,
    count: usize,
    paths: usize,
    differ: usize,
}

/// A path for machines: whole, and where it is not UTF-8 its bytes too.
#[derive(Serialize)]
struct PathWords {
    path: String,
    path_base64: Option<String>,
}

impl PathWords {
    fn of(bytes: &[u8]) -> PathWords {
        let exact = || base64::engine::general_purpose::STANDARD.encode(bytes);
        let path_base64 = std::str::from_utf8(bytes).is_err().then(exact);
        PathWords { path: String::from_utf8_lossy(bytes).into_owned(), path_base64 }
    }
}

/// What there is to tell of: what hosts have, in order, and their content.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// What they have.
    pub versions: &'a Versions,
    /// In order.
    pub survey: &'a Survey,
    /// What may be shown of it.
    pub contents: &'a Contents,
}

impl<'a> Known<'a> {
    fn paths(self) -> impl Iterator<Item = At<'a>> {
        self.versions.paths(self.survey)
    }
}

impl Teller {
    /// Whether differences are told by lines, so that content is needed for that.
    pub fn shows_lines(&self) -> bool {
        self.reference != Reference::Unshown
    }

    /// Do hosts differ from each other or from the file of ours, or has nobody anything?
    pub fn differs(&self, known: Known<'_>) -> bool {
        let top = known.paths().next().map(|top| top.account());
        let is_there =
            top.is_some_and(|top| top.versions.first().is_some_and(|(version, _)| version.is_known()));
        known.versions.answered() > 0 && (!is_there || known.paths().any(|at| self.is_told(&at)))
    }

    /// Does something differ there?
    fn is_told(&self, at: &At<'_>) -> bool {
        let apart = match &self.reference {
            Reference::File { version, .. } => at.versions().any(|other| other != version),
            _ => !at.is_same(),
        };
        apart || at.versions().any(|version| matches!(version, Version::Unreadable(_)))
    }

    /// Tells all of it.
    pub fn tell(&self, known: Known<'_>, words: &mut Words<'_>) {
        if known.survey.is_empty() {
            return;
        }
        let answered = known.versions.hosts();
        if let Reference::Host(host) = &self.reference
            && answered.binary_search(host).is_err()
        {
            let host = &self.hosts[host.0];
            words.paper.notice(&format!("{host} gave no answer, so nothing is compared by lines"));
        }
        let (paths, mut differ) = (known.survey.len(), 0);
        for at in known.paths() {
            let is_told = self.is_told(&at);
            differ += usize::from(is_told);
            if is_told || paths == 1 {
                let account = at.account();
                match words.form {
                    Form::Text => self.account((&account, &answered), known.contents, words),
                    Form::Json => self.lines(&account, known.contents, words),
                }
                (words.press)(words.paper);
            }
        }
        self.sum(&answered, (paths, differ), words);
    }

    fn sum(&self, answered: &[HostIx], (paths, differ): (usize, usize), words: &mut Words<'_>) {
        let set = self.set(answered);
        let (hosts, count) = (set.to_string(), set.len());
        let out = words.paper.on(Stream::Out);
        match words.form {
            Form::Json => {
                let path = PathWords::of(&self.top);
                let line = VersionsLine { v: json::V, event: "versions", path, hosts, count, paths, differ };
                json::push(out, &line);
            }
            Form::Text if paths == 1 => {}
            Form::Text => {
                let (path, same) = (shown(&self.top), paths - differ);
                let same = match differ {
                    0 => "all the same".to_owned(),
                    _ => format!("{same} the same, {differ} not"),
                };
                out.extend_from_slice(
                    format!("{path}: {paths} entries, {same}, on {hosts} ({count})\n").as_bytes(),
                );
            }
        }
    }

    fn set(&self, hosts: &[HostIx]) -> HostSet {
        hosts.iter().map(|host| self.hosts[host.0].clone()).collect()
    }

    fn path(&self, path: &RelPath) -> String {
        shown(&path.below(&self.top))
    }

    /// The version with which the others are compared, and what it is called; its place among the versions, where it is one.
    /// None where the host with which all are compared says nothing of this path.
    fn compared<'a>(&'a self, account: &'a Account) -> Option<(&'a Version, String, Option<usize>)> {
        let at = match &self.reference {
            Reference::File { name, version, .. } => return Some((version, name.clone(), None)),
            Reference::Host(host) => account.of(*host)?,
            Reference::Majority | Reference::Unshown => 0,
        };
        let (version, hosts) = account.versions.get(at)?;
        Some((version, self.set(hosts).to_string(), Some(at)))
    }

    fn account(
        &self,
        (account, answered): (&Account, &[HostIx]),
        contents: &Contents,
        words: &mut Words<'_>,
    ) {
        let compared = self.compared(account);
        let reference = compared.as_ref().and_then(|(_, _, at)| *at);
        let path = self.path(&account.path);
        let head = match account.versions.len() {
            1 => format!("{path}: one version\n"),
            n => format!("{path}: {n} versions\n"),
        };
        words.paper.on(Stream::Out).extend_from_slice(head.as_bytes());
        for (at, (version, hosts)) in account.versions.iter().enumerate() {
            let set = self.set(hosts);
            let mark = match (reference == Some(at), &self.reference) {
                (true, Reference::Host(_)) if account.versions.len() > 1 => ", compared with",
                (true, _) if account.versions.len() > 1 => ", most",
                (false, Reference::File { version: ours, .. }) if ours == version => ", as here",
                _ => "",
            };
            let line = format!("  {set} ({}): {}{mark}\n", set.len(), described(version));
            words.paper.on(Stream::Out).extend_from_slice(line.as_bytes());
        }
        if let Reference::Host(host) = &self.reference
            && compared.is_none()
            && answered.binary_search(host).is_ok()
        {
            let line = format!("  {} has no such folder, so nothing is compared\n", self.hosts[host.0]);
            words.paper.on(Stream::Out).extend_from_slice(line.as_bytes());
        }
        for (version, hosts) in &account.versions {
            self.difference(account, (version, hosts), contents, words);
        }
    }

    /// How a version differs from the reference, as a unified diff.
    fn difference(
        &self,
        account: &Account,
        (version, hosts): (&Version, &[HostIx]),
        contents: &Contents,
        words: &mut Words<'_>,
    ) {
        if !self.shows_lines() {
            return;
        }
        let Some((reference, name, _)) = self.compared(account) else { return };
        let (Version::File { .. }, Version::File { .. }) = (reference, version) else { return };
        if reference == version {
            return;
        }
        let names = [name, self.set(hosts).to_string()];
        let (sink, text) = (words.sinks.of(Stream::Out), words.paper.on(Stream::Out));
        match (self.content_of(reference, contents), content(version, contents)) {
            (Some(from), Some(to)) => {
                let names = [names[0].as_str(), names[1].as_str()];
                let push = |text: &mut Vec<u8>, line: &[u8]| push_line(text, line, sink);
                diff::unified(text, &diff::compare(&from, &to), names, push);
            }
            _ => {
                let line =
                    format!("{} and {}: different, and not compared line by line\n", names[0], names[1]);
                text.extend_from_slice(line.as_bytes());
            }
        }
        (words.press)(words.paper);
    }

    fn content_of(&self, reference: &Version, contents: &Contents) -> Option<Vec<u8>> {
        match &self.reference {
            Reference::File { content, .. } => content.clone(),
            _ => content(reference, contents),
        }
    }

    /// The same for machines.
    fn lines(&self, account: &Account, contents: &Contents, words: &mut Words<'_>) {
        let reference = self.compared(account).and_then(|(_, _, at)| at);
        for (at, (version, hosts)) in account.versions.iter().enumerate() {
            let mut paper = crate::run::report::Paper::default();
            let mut inner =
                Words { form: Form::Text, sinks: words.sinks, paper: &mut paper, press: &mut |_| {} };
            self.difference(account, (version, hosts), contents, &mut inner);
            let diff: Vec<u8> = paper.parts.into_iter().flat_map(|(_, text)| text).collect();
            let diff = String::from_utf8_lossy(&diff);
            let set = self.set(hosts);
            let (kind, size, sha256) = match version {
                Version::File { size, sha256 } => ("file", Some(*size), Some(hex(sha256))),
                Version::Folder => ("folder", None, None),
                Version::Link(_) => ("link", None, None),
                Version::Special => ("special", None, None),
                Version::Missing => ("missing", None, None),
                Version::Unreadable(_) => ("unreadable", None, None),
            };
            let to = if let Version::Link(to) = version { Some(PathWords::of(to)) } else { None };
            let (to, to_base64) = to.map_or((None, None), |to| (Some(to.path), to.path_base64));
            let why = if let Version::Unreadable(fault) = version { Some(fault.word()) } else { None };
            let line = VersionLine {
                v: json::V,
                event: "version",
                path: PathWords::of(&account.path.below(&self.top)),
                hosts: set.to_string(),
                count: set.len(),
                reference: reference == Some(at),
                kind,
                size,
                sha256,
                to,
                to_base64,
                why,
                diff: (!diff.is_empty()).then_some(&*diff),
            };
            json::push(words.paper.on(Stream::Out), &line);
        }
    }
}

fn content(version: &Version, contents: &Contents) -> Option<Vec<u8>> {
    match version {
        Version::File { sha256, .. } => contents.whole(sha256),
        _ => None,
    }
}

/// A version in a few words.
fn described(version: &Version) -> String {
    match version {
        Version::File { size: 1, sha256 } => format!("1 byte, sha256 {}", &hex(sha256)[..DIGITS]),
        Version::File { size, sha256 } => format!("{size} bytes, sha256 {}", &hex(sha256)[..DIGITS]),
        Version::Folder => "a folder".to_owned(),
        Version::Link(to) => format!("a link to {}", shown(to)),
        Version::Special => "a device, FIFO or socket".to_owned(),
        Version::Missing => "missing".to_owned(),
        Version::Unreadable(fault) => format!("cannot be read: {fault}"),
    }
}

#[cfg(test)]
#[path = "telling_tests.rs"]
mod tests;
