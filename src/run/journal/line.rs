//! The lines of a journal: the JSON lines of `docs/events.md`, written and read back. Pure.
//!
//! Within version 1 fields and events may be added, so what is not known is passed over; a line of a later version is not.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::super::Passage;
use super::super::json::{V, push};
use super::{Books, Standing};

/// What a run is, in its first line: all that is needed to go on with it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Start {
    /// The name of the run.
    pub run: String,
    /// When it began, in UTC.
    pub at: String,
    /// What is sent to each host; the first host's where they differ.
    pub command: String,
    /// How many hosts.
    pub count: usize,
    /// The hosts, folded.
    pub hosts: String,
    /// By cluster: those of them that were named through it, folded.
    pub clusters: BTreeMap<String, String>,
    /// The words of the command line after `omnes`, as typed, without the values of `--env`.
    pub words: Vec<String>,
    /// The names given by `--env`, whose values are not kept.
    pub env: Vec<String>,
    /// The working directory.
    pub directory: String,
    /// By what it is (`script`, `stdin`): the SHA-256 of what was read, in hexadecimal digits.
    pub content: BTreeMap<String, String>,
    /// The version of omnes.
    pub version: String,
    /// The run whose command is run again.
    pub again: Option<String>,
}

/// The line that begins each further part of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Resume {
    /// The name of the run.
    pub run: String,
    /// When it was gone on with, in UTC.
    pub at: String,
    /// The words of that command line.
    pub words: Vec<String>,
    /// How many hosts have a turn in this part.
    pub count: usize,
    /// Those hosts, folded.
    pub hosts: String,
    /// The version of omnes.
    pub version: String,
}

/// What became of a host, as told in words.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Ended {
    /// The host.
    pub host: String,
    /// `well`, `failed`, `not_run` or `not_known`.
    pub class: String,
    /// The word of the outcome.
    pub outcome: String,
    /// The exit status.
    pub status: Option<u32>,
    /// The signal.
    pub signal: Option<String>,
    /// How far the connection came.
    pub stage: Option<String>,
    /// The same as a sentence.
    pub message: String,
    /// How long the host's turn took.
    pub seconds: f64,
}

/// The last line of each part of a run.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Close {
    /// The exit code of omnes.
    pub exit: u8,
    /// How long that part took.
    pub seconds: f64,
}

/// A line read back.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Record {
    /// The first line.
    Start(Start),
    /// A further part begins.
    Resume(Resume),
    /// From here on something may have been sent to a host.
    Intent {
        /// The host.
        host: String,
    },
    /// A step of a played script.
    Step {
        /// The host.
        host: String,
        /// Which step, from 0.
        step: usize,
        /// `begun` or `passed`.
        passage: String,
    },
    /// Output of a host that is not kept.
    LeftOut {
        /// The host.
        host: String,
        /// How many bytes.
        bytes: u64,
    },
    /// What became of a host.
    Outcome(Ended),
    /// The last line of a part.
    Summary(Close),
    /// An event of a later omnes.
    #[serde(other)]
    Other,
}

/// Why a line says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// It is no whole JSON line of ours.
    Damaged,
    /// It is of a later version.
    Later,
}

impl Record {
    /// A line read back, without its newline.
    pub fn read(line: &[u8]) -> Result<Record, Unreadable> {
        #[derive(Deserialize)]
        struct Version {
            v: u32,
        }
        let version: Version = serde_json::from_slice(line).map_err(|_| Unreadable::Damaged)?;
        if version.v != V {
            return Err(Unreadable::Later);
        }
        serde_json::from_slice(line).map_err(|_| Unreadable::Damaged)
    }
}

#[derive(Serialize)]
struct Line<'a, T> {
    v: u32,
    event: &'static str,
    #[serde(flatten)]
    rest: &'a T,
}

/// The first line.
pub fn start(text: &mut Vec<u8>, start: &Start) {
    push(text, &Line { v: V, event: "start", rest: start });
}

/// The line of a further part.
pub fn resume(text: &mut Vec<u8>, resume: &Resume) {
    push(text, &Line { v: V, event: "resume", rest: resume });
}

/// Something is about to be sent to a host.
pub fn intent(text: &mut Vec<u8>, host: &str) {
    #[derive(Serialize)]
    struct Intent<'a> {
        host: &'a str,
    }
    push(text, &Line { v: V, event: "intent", rest: &Intent { host } });
}

/// A step of a played script.
pub fn step(text: &mut Vec<u8>, host: &str, step: usize, passage: Passage) {
    #[derive(Serialize)]
    struct Step<'a> {
        host: &'a str,
        step: usize,
        passage: &'static str,
    }
    let passage = match passage {
        Passage::Begun => "begun",
        Passage::Passed => "passed",
    };
    push(text, &Line { v: V, event: "step", rest: &Step { host, step, passage } });
}

/// Output of a host that is not kept.
pub fn left_out(text: &mut Vec<u8>, host: &str, bytes: u64) {
    #[derive(Serialize)]
    struct LeftOut<'a> {
        host: &'a str,
        bytes: u64,
    }
    push(text, &Line { v: V, event: "left-out", rest: &LeftOut { host, bytes } });
}

/// A run with where it is, as `omnes runs` lists it.
pub fn run(text: &mut Vec<u8>, id: &str, state: &str, books: &Books) {
    #[derive(Serialize)]
    struct Run<'a> {
        run: &'a str,
        state: &'a str,
        at: &'a str,
        command: &'a str,
        words: &'a [String],
        count: usize,
        hosts: &'a str,
        parts: usize,
        exit: Option<u8>,
        well: usize,
        failed: usize,
        not_run: usize,
        not_known: usize,
        message: Option<&'a str>,
    }
    let counts = books.counts();
    let count = |standing| counts.get(&standing).copied().unwrap_or_default();
    let start = &books.start;
    let rest = Run {
        run: id,
        state,
        at: &start.at,
        command: &start.command,
        words: &start.words,
        count: start.count,
        hosts: &start.hosts,
        parts: 1 + books.resumed.len(),
        exit: books.close.as_ref().map(|close| close.exit),
        well: count(Standing::Well),
        failed: count(Standing::Failed),
        not_run: count(Standing::NotRun) + count(Standing::NotStarted),
        not_known: count(Standing::NotKnown),
        message: None,
    };
    push(text, &Line { v: V, event: "run", rest: &rest });
}

/// A run of which nothing is known but its name, and why.
pub fn unreadable_run(text: &mut Vec<u8>, id: &str, why: &str) {
    #[derive(Serialize)]
    struct Run<'a> {
        run: &'a str,
        state: &'a str,
        message: &'a str,
    }
    push(text, &Line { v: V, event: "run", rest: &Run { run: id, state: "unreadable", message: why } });
}

/// Where a host stands in a run, as `omnes show` tells it.
pub fn host(text: &mut Vec<u8>, books: &Books, number: usize) {
    #[derive(Serialize)]
    struct Shown<'a> {
        host: String,
        class: &'static str,
        outcome: Option<&'a str>,
        status: Option<u32>,
        signal: Option<&'a str>,
        stage: Option<&'a str>,
        message: String,
        seconds: Option<f64>,
        sent: bool,
        step: Option<usize>,
        left_out: u64,
    }
    let account = books.account(number);
    let ended = account.ended.as_ref();
    let rest = Shown {
        host: books.hosts[number].to_string(),
        class: match books.standing(number) {
            Standing::Well => "well",
            Standing::Failed => "failed",
            Standing::NotRun | Standing::NotStarted => "not_run",
            Standing::NotKnown => "not_known",
        },
        outcome: ended.map(|ended| ended.outcome.as_str()),
        status: ended.and_then(|ended| ended.status),
        signal: ended.and_then(|ended| ended.signal.as_deref()),
        stage: ended.and_then(|ended| ended.stage.as_deref()),
        message: books.words(number),
        seconds: ended.map(|ended| ended.seconds),
        sent: account.intent,
        step: account.begun.max(account.passed),
        left_out: account.left_out,
    };
    push(text, &Line { v: V, event: "host", rest: &rest });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_read_back_as_they_were_written() {
        let mut text = Vec::new();
        let first = Start {
            run: "20261121-181502-k3f".to_owned(),
            words: vec!["run".to_owned(), "web".to_owned(), "--".to_owned(), "a\u{9b}\"\n".to_owned()],
            clusters: BTreeMap::from([("web".to_owned(), "web[1-2]".to_owned())]),
            count: 2,
            hosts: "web[1-2]".to_owned(),
            ..Start::default()
        };
        let again =
            Resume { run: first.run.clone(), count: 1, hosts: "web2".to_owned(), ..Resume::default() };
        start(&mut text, &first);
        resume(&mut text, &again);
        intent(&mut text, "web1");
        step(&mut text, "web1", 3, Passage::Begun);
        step(&mut text, "web1", 3, Passage::Passed);
        left_out(&mut text, "web1", 70);
        let lines: Vec<Record> = text
            .strip_suffix(b"\n")
            .expect("an end")
            .split(|byte| *byte == b'\n')
            .map(|line| Record::read(line).expect("a line"))
            .collect();
        let host = || "web1".to_owned();
        let expected = [
            Record::Start(first),
            Record::Resume(again),
            Record::Intent { host: host() },
            Record::Step { host: host(), step: 3, passage: "begun".to_owned() },
            Record::Step { host: host(), step: 3, passage: "passed".to_owned() },
            Record::LeftOut { host: host(), bytes: 70 },
        ];
        assert_eq!(lines, expected);
        assert!(!text.contains(&0x9b), "what acts on a terminal is escaped");
    }

    #[test]
    fn what_is_not_known_is_passed_over_and_what_is_torn_is_named() {
        for (line, expected) in [
            (r#"{"v":1,"event":"weather","host":"a"}"#, Ok(Record::Other)),
            (r#"{"v":1,"event":"intent","host":"a","by":"wire"}"#, Ok(Record::Intent { host: "a".into() })),
            (r#"{"v":2,"event":"intent","host":"a"}"#, Err(Unreadable::Later)),
            (r#"{"v":1,"event":"intent","ho"#, Err(Unreadable::Damaged)),
            (r#"{"v":1,"event":"intent"}"#, Err(Unreadable::Damaged)),
            ("", Err(Unreadable::Damaged)),
            ("\0\0\0\0", Err(Unreadable::Damaged)),
        ] {
            assert_eq!(Record::read(line.as_bytes()), expected, "{line}");
        }
    }

    #[test]
    fn the_page_describes_every_event_and_every_field() {
        let page = include_str!("../../../docs/events.md");
        let mut text = Vec::new();
        start(&mut text, &Start { count: 1, hosts: "web1".to_owned(), ..Start::default() });
        let books = Books::read(&text).expect("a journal");
        resume(&mut text, &Resume::default());
        intent(&mut text, "web1");
        step(&mut text, "web1", 3, Passage::Begun);
        left_out(&mut text, "web1", 70);
        run(&mut text, "20261121-181502-k3f", "complete", &books);
        unreadable_run(&mut text, "20261121-181502-k3f", "torn");
        host(&mut text, &books, 0);
        for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let line: serde_json::Value = serde_json::from_slice(line).expect("a JSON line");
            let event = line["event"].as_str().expect("a word").to_owned();
            let section = page.split("\n## ").find(|part| part.starts_with(&format!("`{event}`")));
            let section = section.unwrap_or_else(|| panic!("no section for {event}"));
            let fields = line.as_object().expect("an object").keys();
            for field in fields.filter(|key| *key != "v" && *key != "event") {
                assert!(section.contains(&format!("| `{field}` |")), "{event}: {field}");
            }
        }
    }
}
