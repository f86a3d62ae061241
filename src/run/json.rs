//! The JSON lines of a run, version 1: one object a line on standard output, described in `docs/events.md`.
//!
//! Within `"v": 1` fields may be added; none is removed, renamed or changed in meaning.

use std::time::Duration;

use base64::Engine as _;
use serde::Serialize;

use super::freight::FileTally;
use super::{Stream, Summary};
use crate::escape;
use crate::hosts::{Host, HostSet};
use crate::outcome::{Class, Fate, NotRun, Outcome, StepFailed, StepFault};
use crate::ssh::ConnectError;

/// The version that every line carries.
pub(super) const V: u32 = 1;

#[derive(Serialize)]
struct Start<'a> {
    v: u32,
    event: &'static str,
    command: &'a str,
    count: usize,
    hosts: String,
}

#[derive(Serialize)]
struct Said<'a> {
    v: u32,
    event: &'static str,
    host: &'a str,
    stream: &'static str,
    base64: bool,
    data: &'a str,
}

#[derive(Serialize)]
struct Ended<'a> {
    v: u32,
    event: &'static str,
    host: &'a str,
    class: &'static str,
    outcome: &'static str,
    status: Option<u32>,
    signal: Option<&'a str>,
    stage: Option<String>,
    fate: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<usize>,
    message: String,
    attempts: u32,
    seconds: f64,
}

#[derive(Serialize)]
struct Files<'a> {
    v: u32,
    event: &'static str,
    host: &'a str,
    #[serde(flatten)]
    tally: FileTally,
}

#[derive(Serialize)]
struct Again<'a> {
    v: u32,
    event: &'static str,
    host: &'a str,
    outcome: &'static str,
    message: String,
    attempt: u32,
    wait: f64,
}

#[derive(Serialize)]
struct End {
    v: u32,
    event: &'static str,
    exit: u8,
    stopped: Option<String>,
    seconds: f64,
    well: Part,
    failed: Part,
    not_run: Part,
    not_known: Part,
}

/// A set of hosts.
#[derive(Serialize)]
pub(super) struct Part {
    count: usize,
    hosts: String,
}

impl Part {
    /// These hosts, folded.
    pub(super) fn of(hosts: impl Iterator<Item = Host>) -> Part {
        let set: HostSet = hosts.collect();
        Part { count: set.len(), hosts: set.to_string() }
    }
}

/// The first line of a run.
pub fn start(text: &mut Vec<u8>, command: &str, hosts: &[Host]) {
    let set: HostSet = hosts.iter().cloned().collect();
    push(text, &Start { v: V, event: "start", command, count: hosts.len(), hosts: set.to_string() });
}

/// What a host wrote; base64 where it is not UTF-8.
pub fn output(text: &mut Vec<u8>, host: &str, stream: Stream, bytes: &[u8]) {
    let encoded;
    let (base64, data) = match std::str::from_utf8(bytes) {
        Ok(data) => (false, data),
        Err(_) => {
            encoded = base64::engine::general_purpose::STANDARD.encode(bytes);
            (true, encoded.as_str())
        }
    };
    push(text, &Said { v: V, event: "output", host, stream: stream.word(), base64, data });
}

/// An attempt that did nothing, and how long it is until the next.
pub fn again(text: &mut Vec<u8>, host: &str, end: (&Outcome, u32), wait: Duration) {
    let (outcome, attempt) = end;
    let (message, wait) = (outcome.to_string(), seconds(wait));
    let outcome = outcome.word();
    push(text, &Again { v: V, event: "retry", host, outcome, message, attempt, wait });
}

/// What became of a host's files.
pub fn files(text: &mut Vec<u8>, host: &str, tally: &FileTally) {
    push(text, &Files { v: V, event: "files", host, tally: *tally });
}

/// What became of a host, after so many attempts.
pub fn outcome(text: &mut Vec<u8>, host: &str, end: (&Outcome, u32), took: Duration) {
    let (outcome, attempts) = end;
    let fate = outcome.fate().map(Fate::word);
    let (status, signal, stage) = match outcome {
        Outcome::Exited(status) => (Some(*status), None, None),
        Outcome::StepFailed(StepFailed { why: StepFault::Status(status), .. }) => (Some(*status), None, None),
        Outcome::Signalled(name) => (None, Some(name.as_str()), None),
        Outcome::NotRun(NotRun::Connect(ConnectError::Unreachable { stage, .. })) => {
            (None, None, Some(stage.to_string()))
        }
        _ => (None, None, None),
    };
    let line = Ended {
        v: V,
        event: "outcome",
        host,
        class: class_word(outcome.class()),
        outcome: outcome.word(),
        status,
        signal,
        stage,
        fate,
        step: outcome.step(),
        files: outcome.files(),
        message: outcome.to_string(),
        attempts,
        seconds: seconds(took),
    };
    push(text, &line);
}

/// The last line of a run.
pub fn summary(text: &mut Vec<u8>, hosts: &[Host], summary: &Summary, took: Duration) {
    let part = |class| {
        let of_class = hosts.iter().zip(&summary.outcomes).filter(|(_, outcome)| outcome.class() == class);
        Part::of(of_class.map(|(host, _)| host.clone()))
    };
    let line = End {
        v: V,
        event: "summary",
        exit: summary.exit.code(),
        stopped: summary.stopped.as_ref().map(ToString::to_string),
        seconds: seconds(took),
        well: part(Class::Well),
        failed: part(Class::Failed),
        not_run: part(Class::NotRun),
        not_known: part(Class::NotKnown),
    };
    push(text, &line);
}

fn class_word(class: Class) -> &'static str {
    match class {
        Class::Well => "well",
        Class::Failed => "failed",
        Class::NotRun => "not_run",
        Class::NotKnown => "not_known",
    }
}

/// Whole milliseconds, so that the figure is short.
fn seconds(took: Duration) -> f64 {
    (took.as_secs_f64() * 1e3).round() / 1e3
}

/// Appends a line. JSON leaves DEL, the C1 controls and what turns text around as they are; a terminal would act on
/// them, so they are written as `\u` escapes, which mean the same to a parser.
pub(super) fn push(text: &mut Vec<u8>, line: &impl Serialize) {
    let line = serde_json::to_string(line).expect("plain structs of strings and numbers always serialise");
    let mut plain = 0;
    for (at, c) in line.char_indices().filter(|(_, c)| escape::acts(*c)) {
        text.extend_from_slice(&line.as_bytes()[plain..at]);
        for unit in c.encode_utf16(&mut [0; 2]) {
            text.extend_from_slice(format!("\\u{unit:04x}").as_bytes());
        }
        plain = at + c.len_utf8();
    }
    text.extend_from_slice(&line.as_bytes()[plain..]);
    text.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{Exit, FileFault, FilesFailed, Unknown};
    use crate::ssh::Stage;

    fn every_line() -> Vec<serde_json::Value> {
        let mut text = Vec::new();
        let hosts = [Host::new(Some("me"), "web1", Some(2222)), Host::new(None, "ünï\u{1b}", None)];
        start(&mut text, "printf '\\n'", &hosts);
        output(&mut text, "web1", Stream::Out, "zwei\n\u{7}\"".as_bytes());
        output(&mut text, "web1", Stream::Err, b"\xff\0");
        let outcomes = vec![
            Outcome::Exited(3),
            ConnectError::Unreachable { stage: Stage::Tcp, why: "Connection refused".into() }.into(),
            Outcome::Signalled("KILL".into()),
            Outcome::Unknown(Unknown::Killed(Fate::MayStillRun)),
            Outcome::FilesFailed(FilesFailed { fault: FileFault::NoSpace, why: "/x: full".into(), files: 2 }),
        ];
        let tally = FileTally { sent: 3, unchanged: 4, removed: 1, failed: 2, bytes: 70 };
        files(&mut text, "web1", &tally);
        for each in &outcomes {
            outcome(&mut text, "web1", (each, 1), Duration::from_micros(1_234_567));
        }
        again(&mut text, "web1", (&outcomes[1], 2), Duration::from_millis(1500));
        let end = Summary { outcomes: outcomes[..2].to_vec(), exit: Exit::Failed, stopped: None };
        summary(&mut text, &hosts, &end, Duration::from_secs(2));
        let lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
        lines.into_iter().map(|line| serde_json::from_slice(line).expect("a JSON line")).collect()
    }

    #[test]
    fn each_line_parses_and_says_what_happened() {
        let lines = every_line();
        let events: Vec<&str> = lines.iter().map(|line| line["event"].as_str().expect("a word")).collect();
        let expected =
            ["start", "output", "output", "files", "outcome", "outcome", "outcome", "outcome", "outcome", "retry", "summary"];
        assert_eq!(events, expected);
        assert!(lines.iter().all(|line| line["v"] == 1));
        assert_eq!(lines[1]["data"], "zwei\n\u{7}\"");
        assert_eq!((&lines[2]["base64"], &lines[2]["data"]), (&true.into(), &"/wA=".into()));
        assert_eq!((&lines[4]["status"], &lines[4]["seconds"]), (&3.into(), &1.235.into()));
        assert_eq!((&lines[5]["stage"], &lines[5]["outcome"]), (&"tcp".into(), &"unreachable".into()));
        assert_eq!(lines[6]["signal"], "KILL");
        assert_eq!((&lines[7]["class"], &lines[7]["fate"]), (&"not_known".into(), &"may-still-run".into()));
        assert!(lines[6]["fate"].is_null() && lines[6].get("files").is_none());
        assert_eq!((&lines[3]["unchanged"], &lines[3]["bytes"]), (&4.into(), &70.into()));
        assert_eq!((&lines[8]["outcome"], &lines[8]["files"]), (&"no-space".into(), &2.into()));
        assert_eq!((&lines[9]["attempt"], &lines[9]["wait"]), (&2.into(), &1.5.into()));
        assert_eq!((&lines[10]["failed"]["count"], &lines[10]["exit"]), (&1.into(), &1.into()));
    }

    #[test]
    fn no_character_of_a_host_acts_on_a_terminal() {
        let said = "\u{9b}2J\u{7f}\u{202e}\u{e0041}\tö\n";
        let mut text = Vec::new();
        output(&mut text, "web1", Stream::Out, said.as_bytes());
        let line = String::from_utf8(text).expect("text");
        assert!(line.trim_end().chars().all(|c| !escape::acts(c)), "{line}");
        let value: serde_json::Value = serde_json::from_str(&line).expect("a JSON line");
        assert_eq!(value["data"], said);
    }

    #[test]
    fn the_page_describes_every_event_and_every_field() {
        let page = include_str!("../../docs/events.md");
        for line in every_line() {
            let event = line["event"].as_str().expect("a word").to_owned();
            let section = page.split("\n## ").find(|part| part.starts_with(&format!("`{event}`")));
            let section = section.unwrap_or_else(|| panic!("no section for {event}"));
            for field in
                line.as_object().expect("an object").keys().filter(|key| *key != "v" && *key != "event")
            {
                assert!(section.contains(&format!("| `{field}` |")), "{event}: {field}");
            }
        }
        for word in ["exited", "signalled", "unreachable", "unsupported", "host-key", "login", "throttled"] {
            assert!(page.contains(&format!("`{word}`")), "{word}");
        }
        for fault in FileFault::ALL {
            assert!(page.contains(&format!("| `{}` | `failed` |", fault.word())), "{fault}");
        }
        for word in ["may-still-run", "ended"] {
            assert!(page.contains(&format!("`{word}`")), "{word}");
        }
        for word in ["cancelled", "not-started", "timed-out", "killed", "link-lost", "no-status", "sudo"] {
            assert!(page.contains(&format!("`{word}`")), "{word}");
        }
    }
}
