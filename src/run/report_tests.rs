use bytes::Bytes;

use super::*;
use crate::run::Limits;
use crate::ssh::{ConnectError, Stage};

const FILES: Sinks = Sinks { out: Sink::Exact, err: Sink::Exact };
const SCREEN: Sinks = Sinks { out: Sink::Terminal, err: Sink::Terminal };

fn plan(hosts: &[&str]) -> Plan {
    let hosts = hosts.iter().map(|host| host.parse().expect("a host")).collect();
    Plan::new("x", hosts, Limits::DEFAULT)
}

fn said(host: usize, stream: Stream, text: &str) -> Happened {
    Happened::Said(HostIx(host), stream, Bytes::copy_from_slice(text.as_bytes()))
}

fn ended(host: usize, outcome: Outcome) -> Happened {
    Happened::Ended(HostIx(host), outcome, Duration::from_millis(5))
}

fn tell(hosts: &[&str], how: (Output, Sinks), events: Vec<Happened>) -> (String, String, Summary) {
    let mut reporter = Reporter::new(&plan(hosts), how.0, how.1);
    let mut paper = Paper::default();
    reporter.begin(&mut paper);
    let mut books = vec![None; hosts.len()];
    for event in events {
        if let Happened::Ended(host, outcome, _) = &event {
            books[host.0] = Some(outcome.clone());
        }
        reporter.step(event, &mut paper);
    }
    let summary = Summary::new(books, Exit::Well);
    reporter.finish(&summary, Duration::from_secs(1), &mut paper);
    let of = |stream| {
        let parts = paper.parts.iter().filter(|(s, _)| *s == stream).map(|(_, text)| text.clone());
        String::from_utf8_lossy(&parts.collect::<Vec<_>>().concat()).into_owned()
    };
    (of(Stream::Out), of(Stream::Err), summary)
}

fn refused() -> Outcome {
    ConnectError::Unreachable { stage: Stage::Tcp, why: "Connection refused".into() }.into()
}

#[test]
fn live_lines_carry_their_host_and_the_summary_names_every_class() {
    let (out, err, summary) = tell(
        &["a1", "a2", "b1", "b2"],
        (Output::Stream, FILES),
        vec![
            said(0, Stream::Out, "one\ntw"),
            said(1, Stream::Out, "other\n"),
            said(0, Stream::Out, "o\r\n\x1b[31mthree"),
            said(1, Stream::Err, "oops\n"),
            ended(0, Outcome::Exited(0)),
            ended(1, Outcome::Exited(2)),
            ended(2, refused()),
        ],
    );
    assert_eq!(out, "a1: one\na2: other\na1: two\r\na1: \x1b[31mthree\n");
    assert_eq!(
        err,
        "a2: oops\na2: exit status 2\nb1: unreachable (tcp): Connection refused\n\
         omnes: 1 ok: a1; 1 failed (exit status 2): a2; 1 unreachable (tcp): b1; 1 not started: b2\n"
    );
    assert_eq!(summary.exit, Exit::Failed);
    assert_eq!(summary.outcomes.len(), 4);
}

#[test]
fn a_terminal_gets_nothing_that_acts() {
    let (out, err, _) = tell(
        &["a"],
        (Output::Stream, SCREEN),
        vec![
            said(0, Stream::Out, "\x1b]0;x\x07dos\r\n"),
            said(0, Stream::Err, "\u{9b}2J\n"),
            ended(0, Outcome::Exited(0)),
        ],
    );
    assert_eq!(out, "a: ^[]0;x^Gdos\n");
    assert_eq!(err, "a: \\u{9b}2J\nomnes: 1 ok: a\n");
}

#[test]
fn equal_results_stand_once_under_their_set() {
    let (out, err, summary) = tell(
        &["a", "b", "c", "d"],
        (Output::Gather, FILES),
        vec![
            said(0, Stream::Out, "up\n"),
            ended(2, refused()),
            said(1, Stream::Out, "up\n"),
            ended(1, Outcome::Exited(0)),
            ended(0, Outcome::Exited(0)),
            said(3, Stream::Err, "no\n"),
            ended(3, Outcome::Exited(1)),
        ],
    );
    let rule = "-".repeat(15);
    assert_eq!(out, format!("{rule}\na,b (2): ok\n{rule}\nup\n"));
    assert_eq!(
        err,
        format!(
            "{rule}\nd (1): exit status 1, standard error\n{rule}\nno\n\
             c (1): unreachable (tcp): Connection refused\n\
             omnes: 2 ok: a,b; 1 failed (exit status 1): d; 1 unreachable (tcp): c\n"
        )
    );
    assert_eq!(summary.exit, Exit::Failed);
}

#[test]
fn the_silent_are_named_too() {
    let (out, _, _) = tell(&["a"], (Output::Gather, FILES), vec![ended(0, Outcome::Exited(0))]);
    assert!(out.contains("a (1): ok\n"), "{out}");
}

#[test]
fn json_is_one_object_a_line_and_nothing_else() {
    let events = vec![
        said(0, Stream::Out, "hal"),
        said(0, Stream::Out, "lo\n"),
        said(0, Stream::Err, "tail"),
        ended(0, Outcome::Signalled("TERM".into())),
    ];
    let (out, err, _) = tell(&["a"], (Output::Json, SCREEN), events);
    assert_eq!(err, "");
    let lines: Vec<serde_json::Value> =
        out.lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect();
    assert_eq!(lines.len(), 5);
    assert_eq!((&lines[1]["data"], &lines[2]["data"]), (&"hallo\n".into(), &"tail".into()));
    assert_eq!((&lines[3]["outcome"], &lines[4]["exit"]), (&"signalled".into(), &1.into()));
}

#[test]
fn progress_is_for_terminals_only_and_wiped_before_the_result() {
    let (_, err, _) = tell(&["a", "b"], (Output::Gather, SCREEN), vec![ended(0, Outcome::Exited(0))]);
    assert!(err.starts_with("\r\x1b[Komnes: 1 of 2 hosts done\r\x1b[K"), "{err:?}");
}
