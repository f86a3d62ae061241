//! What `push --delete` would take away on all hosts of a push together: what is shown, what needs a number, and what was
//! allowed.
//!
//! Theory: the question comes before anything is deleted anywhere, so all hosts are looked at first. Hosts that lose the same
//! share one list. When a host's turn has come it is looked at again, since time has passed; what would go then must be among
//! what was shown for it ([`Allowed::check`]).

mod lines;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt::Write as _;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::delete::{Doomed, Stays, is_much};
use super::manifest::Sum;
use super::path::RelPath;
use crate::hosts::{Host, HostSet};

/// Bytes of all different lists that are kept for a push.
pub const LISTS: usize = 256 << 20;

/// Paths that a group of hosts shows, where not all are asked for.
const SHOWN_PATHS: usize = 10;
/// Groups that are shown, where not all are asked for.
const SHOWN_GROUPS: usize = 20;

/// How much of the list is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// The first of each.
    Some,
    /// All: `--plan`.
    All,
}

/// The hosts would lose so many different things that they cannot be shown and kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "what would be deleted differs from host to host and is more than {} MB of names; push to fewer hosts at a time", LISTS >> 20
)]
pub struct TooMuch;

/// What is known of earlier pushes to a host.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Known {
    /// What they put there.
    Manifest,
    /// Nothing; a sentence says why.
    Nothing(String),
}

/// What would go on each host.
#[derive(Debug)]
pub struct Losses {
    /// Files of the source; with none of them everything is suspect.
    source_files: usize,
    groups: HashMap<(Sum, Known), Group>,
    bytes: usize,
}

#[derive(Debug)]
struct Group {
    doomed: Arc<Doomed>,
    known: Known,
    hosts: Vec<Host>,
    /// Those of them that lose more than a quarter of the files that may go.
    much: Vec<Host>,
    /// The files there, least and most.
    there: (usize, usize),
    /// The strangers among them, least and most.
    strangers: (usize, usize),
}

/// What the user is asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needed {
    /// The number that confirms: the files that go on the host that loses the most.
    pub number: usize,
    /// A host that loses so many.
    pub worst: Host,
    /// Why it has to be confirmed, in sentences.
    pub reasons: Vec<String>,
}

impl Losses {
    /// For a source with so many files.
    pub fn new(source_files: usize) -> Losses {
        Losses { source_files, groups: HashMap::new(), bytes: 0 }
    }

    /// A host was looked at.
    pub fn add(&mut self, host: &Host, doomed: Doomed, known: Known) -> Result<(), TooMuch> {
        let key = (digest(&doomed), known.clone());
        let bytes = size(&doomed);
        let (there, strangers) = (doomed.there, doomed.strangers);
        let is_much = is_much(doomed.files.len(), doomed.ours);
        let group = match self.groups.entry(key) {
            Entry::Occupied(group) => group.into_mut(),
            Entry::Vacant(_) if self.bytes + bytes > LISTS => return Err(TooMuch),
            Entry::Vacant(place) => {
                self.bytes += bytes;
                place.insert(Group {
                    doomed: Arc::new(doomed),
                    known,
                    hosts: Vec::new(),
                    much: Vec::new(),
                    there: (there, there),
                    strangers: (strangers, strangers),
                })
            }
        };
        group.hosts.push(host.clone());
        group.much.extend(is_much.then(|| host.clone()));
        group.there = (group.there.0.min(there), group.there.1.max(there));
        group.strangers = (group.strangers.0.min(strangers), group.strangers.1.max(strangers));
        Ok(())
    }

    /// Nothing would go anywhere.
    pub fn is_empty(&self) -> bool {
        self.groups.values().all(|group| group.doomed.is_empty())
    }

    /// The files that go on the host that loses the most.
    pub fn most(&self) -> usize {
        self.groups.values().map(|group| group.doomed.files.len()).max().unwrap_or(0)
    }

    /// What has to be confirmed by a number, if anything has.
    pub fn needed(&self) -> Option<Needed> {
        let losing = || self.groups.values().filter(|group| !group.doomed.files.is_empty());
        let worst = losing().max_by_key(|group| group.doomed.files.len())?;
        let much: HostSet = losing().flat_map(|group| group.much.iter().cloned()).collect();
        let mut reasons = Vec::new();
        if self.source_files == 0 {
            reasons.push("the source holds no file".to_owned());
        }
        if !much.is_empty() {
            let beside = losing().any(|group| !group.much.is_empty() && group.strangers.1 > 0);
            let beside =
                if beside { ", not counting those that no push is known to have put there" } else { "" };
            let of = hosts(much.len());
            reasons.push(format!("more than 25 % of the files there would go on {of}: {much}{beside}"));
        }
        let worst_host = worst.hosts.iter().min()?.clone();
        let number = worst.doomed.files.len();
        (!reasons.is_empty()).then_some(Needed { number, worst: worst_host, reasons })
    }

    /// What would go and what stays, hosts that are alike together, as lines that end with a line feed.
    pub fn told(&self, detail: Detail) -> String {
        let groups = self.sorted();
        let shown = if detail == Detail::All { groups.len() } else { SHOWN_GROUPS };
        let mut text = String::new();
        for (hosts, group) in groups.iter().take(shown) {
            group.tell(&mut text, hosts, detail);
        }
        let rest: HostSet = groups.iter().skip(shown).flat_map(|(hosts, _)| hosts.iter().cloned()).collect();
        if !rest.is_empty() {
            let _ = writeln!(text, "{rest}: others, which --plan shows");
        }
        text
    }

    /// Hosts that are alike, those that lose the most first, without those of which there is nothing to say.
    fn sorted(&self) -> Vec<(HostSet, &Group)> {
        let groups = self.groups.values().filter(|group| group.says_something());
        let mut groups: Vec<(HostSet, &Group)> =
            groups.map(|group| (group.hosts.iter().cloned().collect(), group)).collect();
        groups.sort_by(|a, b| {
            let files = |group: &Group| std::cmp::Reverse(group.doomed.files.len());
            (files(a.1), a.0.iter().next()).cmp(&(files(b.1), b.0.iter().next()))
        });
        groups
    }

    /// What was shown may go.
    pub fn allowed(self) -> Allowed {
        let groups = self.groups.into_values();
        let of =
            groups.flat_map(|group| group.hosts.into_iter().map(move |host| (host, group.doomed.clone())));
        Allowed { of: of.collect() }
    }
}

impl Group {
    fn says_something(&self) -> bool {
        let is_known = self.known == Known::Manifest;
        !is_known || !self.doomed.is_empty() || !self.doomed.stays.is_empty() || self.strangers.1 > 0
    }

    fn tell(&self, text: &mut String, hosts: &HostSet, detail: Detail) {
        let doomed = &self.doomed;
        let _ = writeln!(text, "{hosts}: {}", self.summary());
        if let Known::Nothing(why) = &self.known {
            let _ = writeln!(text, "  {why}");
        }
        let paths = doomed.files.iter().map(|loss| &loss.path);
        list(text, paths, detail, |path| format!("- {path}"));
        list(text, doomed.folders.iter(), detail, |path| format!("- {path}/"));
        for (why, says) in [
            (Stays::Changed, "was changed there since it was put there, and stays"),
            (Stays::Taken, "has no free name to be kept under, and stays"),
            (Stays::Alike, "may be a file of the source by another name, and stays"),
            (Stays::Odd, "is not told by that host as an honest one does, and stays"),
            (Stays::Special, "is a device, FIFO or socket, and stays"),
        ] {
            list(text, doomed.staying(why), detail, |path| format!("= {path} {says}"));
        }
        if self.strangers.1 > 0 {
            let strangers = range(self.strangers);
            let said = format!("not known to be of a push, so that they stay: {strangers}");
            let _ = writeln!(text, "  {said} (--delete-unknown deletes them)");
        }
    }

    fn summary(&self) -> String {
        let doomed = &self.doomed;
        let folders = match doomed.folders.len() {
            0 => String::new(),
            1 => ", and 1 folder".to_owned(),
            n => format!(", and {n} folders"),
        };
        match doomed.is_empty() {
            true => "nothing would go".to_owned(),
            false => format!("{} of {} would go{folders}", doomed.files.len(), range(self.there)),
        }
    }
}

/// `12 files`, `12 to 40 files`.
fn range((least, most): (usize, usize)) -> String {
    if least == most { files(most) } else { format!("{least} to {}", files(most)) }
}

fn list<'a>(
    text: &mut String,
    paths: impl Iterator<Item = &'a RelPath>,
    detail: Detail,
    line: impl Fn(&RelPath) -> String,
) {
    let shown = if detail == Detail::All { usize::MAX } else { SHOWN_PATHS };
    let mut paths = paths;
    for path in paths.by_ref().take(shown) {
        let _ = writeln!(text, "  {}", line(path));
    }
    let rest = paths.count();
    if rest > 0 {
        let _ = writeln!(text, "  and {rest} more, which --plan shows");
    }
}

/// What was shown for each host and may go.
#[derive(Debug, Default)]
pub struct Allowed {
    of: HashMap<Host, Arc<Doomed>>,
}

/// Why nothing may be deleted on a host after all; sentences.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It was not looked at before.
    #[error("nothing was deleted: it was not reached when the others were looked at; push again")]
    NotShown,
    /// What would go now was not shown.
    #[error(
        "nothing was deleted: {path} would go now, which was not so when the question was put{more}; push again"
    )]
    More {
        /// The first of it, escaped.
        path: String,
        /// How many more, in words.
        more: String,
    },
}

impl Allowed {
    /// Whether what would go on a host is among what was shown for it.
    pub fn check(&self, host: &Host, doomed: &Doomed) -> Result<(), Refusal> {
        if doomed.is_empty() {
            return Ok(());
        }
        let shown = self.of.get(host).ok_or(Refusal::NotShown)?;
        let files = doomed.files.iter().filter(|loss| !has_file(shown, &loss.path)).map(|loss| &loss.path);
        let folders = doomed.folders.iter().filter(|folder| !has_folder(shown, folder));
        let mut beyond = files.chain(folders);
        let Some(first) = beyond.next() else { return Ok(()) };
        let more = match beyond.count() {
            0 => String::new(),
            n => format!(", and {n} more"),
        };
        Err(Refusal::More { path: first.to_string(), more })
    }
}

fn has_file(shown: &Doomed, path: &RelPath) -> bool {
    shown.files.binary_search_by(|loss| loss.path.cmp(path)).is_ok()
}

/// Folders stand in descending order: each after what lies in it.
fn has_folder(shown: &Doomed, path: &RelPath) -> bool {
    shown.folders.binary_search_by(|folder| path.cmp(folder)).is_ok()
}

/// By what hosts that lose the same are found: all that is named of them.
fn digest(doomed: &Doomed) -> Sum {
    let mut digest = Sha256::new();
    let mut put = |tag: u8, path: &RelPath| {
        digest.update([tag]);
        digest.update(path.as_bytes());
        digest.update([0]);
    };
    doomed.files.iter().for_each(|loss| put(b'f', &loss.path));
    doomed.folders.iter().for_each(|path| put(b'd', path));
    doomed.stays.iter().for_each(|(path, why)| put(*why as u8, path));
    Sum(digest.finalize().into())
}

/// What a list takes in memory, about.
fn size(doomed: &Doomed) -> usize {
    let paths = doomed.files.iter().map(|loss| &loss.path).chain(&doomed.folders);
    let paths = paths.chain(doomed.stays.iter().map(|(path, _)| path)).chain(&doomed.alike);
    paths.map(|path| path.as_bytes().len() + 64).sum()
}

fn files(n: usize) -> String {
    if n == 1 { "1 file".to_owned() } else { format!("{n} files") }
}

fn hosts(n: usize) -> String {
    if n == 1 { "1 host".to_owned() } else { format!("{n} hosts") }
}

#[cfg(test)]
#[path = "losses_tests.rs"]
mod tests;
