//! What a journal says, put together: each host of the run with where it stands. Pure.
//!
//! The later turn of a host stands. A line that cannot be read at the end of a part was cut off when that part ended,
//! before what it announces could happen, and is passed over. Anywhere else it is damage: then nothing is certain of a host
//! but what stands there, so whoever seems not to have run counts as not known.

use std::collections::{BTreeMap, HashMap};

use super::line::{Close, Ended, Record, Resume, Start, Unreadable};
use crate::hosts::{Host, HostSet};

/// A run as its journal has it.
#[derive(Clone, Debug)]
pub struct Books {
    /// What the run is.
    pub start: Start,
    /// Its hosts, in natural order.
    pub hosts: Vec<Host>,
    /// Its further parts.
    pub resumed: Vec<Resume>,
    /// The end of the last part, where it came to one.
    pub close: Option<Close>,
    /// Lines that cannot be read, those that a sudden end cut off apart.
    pub damaged: usize,
    accounts: Vec<Account>,
    numbers: HashMap<String, usize>,
}

/// What is recorded of one host.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Account {
    /// Something was about to be sent.
    pub intent: bool,
    /// The furthest step of a played script that was begun.
    pub begun: Option<usize>,
    /// The furthest step that was passed.
    pub passed: Option<usize>,
    /// Bytes of output that are not kept.
    pub left_out: u64,
    /// What became of it.
    pub ended: Option<Ended>,
    /// In which part of the run.
    part: usize,
}

/// Where a host stands in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// The command ended with status 0.
    Well,
    /// It ended otherwise.
    Failed,
    /// It certainly did not run; there was an attempt.
    NotRun,
    /// It had no turn.
    NotStarted,
    /// It may have run.
    NotKnown,
}

/// Why a journal cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BookError {
    /// Its first line is missing or damaged.
    #[error("its first line cannot be read, so nothing is known of the run")]
    NoStart,
    /// It was written by a later omnes.
    #[error("it was written by a later omnes; use that one")]
    Later,
    /// The hosts of its first line do not read back.
    #[error("the hosts in its first line cannot be read")]
    Hosts,
}

impl Books {
    /// Reads a journal.
    pub fn read(text: &[u8]) -> Result<Books, BookError> {
        let mut lines = text.split(|byte| *byte == b'\n');
        let first = lines.next().unwrap_or_default();
        let start = match Record::read(first) {
            Ok(Record::Start(start)) => start,
            Err(Unreadable::Later) => return Err(BookError::Later),
            _ => return Err(BookError::NoStart),
        };
        let mut books = Books::begun(start)?;
        // What follows the last newline was cut off, or is nothing.
        let mut cut = false;
        let mut lines = lines.peekable();
        while let Some(line) = lines.next() {
            let is_tail = lines.peek().is_none();
            match Record::read(line) {
                Ok(record) => {
                    books.damaged +=
                        usize::from(std::mem::take(&mut cut) && !matches!(record, Record::Resume(_)));
                    books.enter(record);
                }
                Err(Unreadable::Later) => return Err(BookError::Later),
                Err(Unreadable::Damaged) if is_tail => {}
                Err(Unreadable::Damaged) => books.damaged += usize::from(std::mem::replace(&mut cut, true)),
            }
        }
        // A last line with its newline was written whole.
        books.damaged += usize::from(cut);
        Ok(books)
    }

    fn begun(start: Start) -> Result<Books, BookError> {
        let hosts: HostSet = start.hosts.parse().map_err(|_| BookError::Hosts)?;
        let hosts: Vec<Host> = hosts.iter().cloned().collect();
        if hosts.len() != start.count {
            return Err(BookError::Hosts);
        }
        let numbers = hosts.iter().enumerate().map(|(at, host)| (host.to_string(), at)).collect();
        let accounts = vec![Account::default(); hosts.len()];
        Ok(Books { start, hosts, resumed: Vec::new(), close: None, damaged: 0, accounts, numbers })
    }

    fn enter(&mut self, record: Record) {
        match record {
            Record::Start(_) => self.damaged += 1,
            Record::Resume(part) => {
                self.close = None;
                self.resumed.push(part);
            }
            Record::Summary(close) => self.close = Some(close),
            Record::Intent { host } => {
                self.update(&host, |account| {
                    *account = Account {
                        intent: true,
                        begun: account.begun,
                        passed: account.passed,
                        ..Account::default()
                    };
                });
            }
            Record::Step { host, step, passage } => self.update(&host, |account| {
                account.intent = true;
                account.ended = None;
                match passage.as_str() {
                    "passed" => account.passed = account.passed.max(Some(step)),
                    _ => account.begun = account.begun.max(Some(step)),
                }
            }),
            Record::LeftOut { host, bytes } => self.update(&host, |account| account.left_out += bytes),
            Record::Outcome(ended) => {
                let (host, part) = (ended.host.clone(), self.resumed.len());
                self.update(&host, |account| {
                    // A host that has told its end and is given up nevertheless is told of twice; the first knows better.
                    if account.ended.is_none() || account.part != part {
                        (account.ended, account.part) = (Some(ended), part);
                    }
                });
            }
            Record::Other => {}
        }
    }

    fn update(&mut self, host: &str, change: impl FnOnce(&mut Account)) {
        match self.numbers.get(host) {
            Some(number) => change(&mut self.accounts[*number]),
            // A host that is not in the run is a line that is not what it was.
            None => self.damaged += 1,
        }
    }

    /// The number of a host in the run.
    pub fn number(&self, host: &str) -> Option<usize> {
        self.numbers.get(host).copied()
    }

    /// What is recorded of the host of this number.
    pub fn account(&self, number: usize) -> &Account {
        &self.accounts[number]
    }

    /// Where the host of this number stands.
    pub fn standing(&self, number: usize) -> Standing {
        let account = &self.accounts[number];
        let standing =
            match account.ended.as_ref().map(|ended| (ended.class.as_str(), ended.outcome.as_str())) {
                Some(("well", _)) => Standing::Well,
                Some(("failed", _)) => Standing::Failed,
                Some(("not_run", "not-started")) => Standing::NotStarted,
                Some(("not_run", _)) => Standing::NotRun,
                None if !account.intent => Standing::NotStarted,
                _ => Standing::NotKnown,
            };
        match standing {
            Standing::NotRun | Standing::NotStarted if self.damaged > 0 => Standing::NotKnown,
            standing => standing,
        }
    }

    /// What became of the host of this number, in words: those of its outcome, or that there is none.
    pub fn words(&self, number: usize) -> String {
        match &self.accounts[number] {
            Account { ended: Some(ended), .. } => crate::escape::text(&ended.message, 400),
            Account { intent: true, .. } => "no outcome is recorded; it may have run".to_owned(),
            _ => "not started".to_owned(),
        }
    }

    /// How many hosts stand where.
    pub fn counts(&self) -> BTreeMap<Standing, usize> {
        let mut counts = BTreeMap::new();
        for number in 0..self.hosts.len() {
            *counts.entry(self.standing(number)).or_default() += 1;
        }
        counts
    }

    /// Hosts under equal words, in the order of what they stand for.
    pub fn groups(&self, numbers: impl Iterator<Item = usize>) -> Vec<(Standing, String, HostSet)> {
        let mut groups: BTreeMap<(Standing, String), Vec<Host>> = BTreeMap::new();
        for number in numbers {
            let key = (self.standing(number), self.words(number));
            groups.entry(key).or_default().push(self.hosts[number].clone());
        }
        groups
            .into_iter()
            .map(|((standing, words), hosts)| (standing, words, hosts.into_iter().collect()))
            .collect()
    }

    /// The hosts of a selection.
    pub fn chosen<'a>(&'a self, wishes: &'a [Wish]) -> impl Iterator<Item = usize> + 'a {
        (0..self.hosts.len()).filter(move |number| wishes.iter().any(|wish| wish.holds(self, *number)))
    }

    /// Whether the last part came to its end, uninterrupted.
    pub fn is_complete(&self) -> bool {
        self.close.as_ref().is_some_and(|close| close.exit != 130)
    }
}

/// Hosts by what became of them: `failed`, `unreachable`, `all`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Every host of the run.
    All,
    /// Those that stand so.
    Standing(Standing),
    /// Every host that certainly did not run.
    NeverRan,
    /// Every host that is not well.
    NotWell,
    /// Those with this word of an outcome.
    Outcome(&'static str),
}

/// What can be wished for, in the order in which it is named.
const WISHES: [(&str, Wish); 31] = [
    ("all", Wish::All),
    ("ok", Wish::Standing(Standing::Well)),
    ("failed", Wish::Standing(Standing::Failed)),
    ("not-run", Wish::NeverRan),
    ("unknown", Wish::Standing(Standing::NotKnown)),
    ("not-ok", Wish::NotWell),
    ("unreachable", Wish::Outcome("unreachable")),
    ("login", Wish::Outcome("login")),
    ("host-key", Wish::Outcome("host-key")),
    ("throttled", Wish::Outcome("throttled")),
    ("sudo", Wish::Outcome("sudo")),
    ("unsupported", Wish::Outcome("unsupported")),
    ("cancelled", Wish::Outcome("cancelled")),
    ("not-started", Wish::Standing(Standing::NotStarted)),
    ("timed-out", Wish::Outcome("timed-out")),
    ("killed", Wish::Outcome("killed")),
    ("link-lost", Wish::Outcome("link-lost")),
    ("no-status", Wish::Outcome("no-status")),
    ("signalled", Wish::Outcome("signalled")),
    ("exited", Wish::Outcome("exited")),
    ("no-space", Wish::Outcome("no-space")),
    ("no-right", Wish::Outcome("no-right")),
    ("read-only", Wish::Outcome("read-only")),
    ("busy", Wish::Outcome("busy")),
    ("is-directory", Wish::Outcome("is-directory")),
    ("checksum-differs", Wish::Outcome("checksum-differs")),
    ("missing", Wish::Outcome("missing")),
    ("no-sftp", Wish::Outcome("no-sftp")),
    ("odd-server", Wish::Outcome("odd-server")),
    ("refused", Wish::Outcome("refused")),
    ("file-failed", Wish::Outcome("file-failed")),
];

/// A word that stands for no hosts of a run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{said}` is nothing that becomes of a host; write one or more of {known}")]
pub struct WishError {
    said: String,
    known: String,
}

impl Wish {
    /// Reads words with commas between them. `-` and `_` are the same.
    pub fn read(text: &str) -> Result<Vec<Wish>, WishError> {
        text.split(',').map(|word| Wish::one(word.trim())).collect()
    }

    fn one(word: &str) -> Result<Wish, WishError> {
        let plain = word.to_ascii_lowercase().replace('_', "-");
        let same = match plain.as_str() {
            "well" => "ok",
            "not-known" => "unknown",
            same => same,
        };
        let found = WISHES.iter().find(|(known, _)| *known == same);
        found.map(|(_, wish)| wish.clone()).ok_or_else(|| WishError {
            said: crate::escape::text(word, 40),
            known: WISHES.map(|(known, _)| known).join(", "),
        })
    }

    /// Whether a host of the run is meant.
    pub fn holds(&self, books: &Books, number: usize) -> bool {
        let standing = books.standing(number);
        match self {
            Wish::All => true,
            Wish::Standing(wanted) => standing == *wanted,
            Wish::NeverRan => matches!(standing, Standing::NotRun | Standing::NotStarted),
            Wish::NotWell => standing != Standing::Well,
            Wish::Outcome(word) => {
                books.account(number).ended.as_ref().is_some_and(|ended| ended.outcome == *word)
            }
        }
    }
}

#[cfg(test)]
#[path = "books_tests.rs"]
mod tests;
