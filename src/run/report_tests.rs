use bytes::Bytes;

use super::*;
use crate::run::Limits;
use crate::run::blocks::BLOCK;
use crate::run::blocks::tests::Board;
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

fn tell(
    hosts: &[&str],
    how: (impl Into<Reading>, Sinks),
    events: Vec<Happened>,
) -> (String, String, Summary) {
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
fn quiet_is_who_did_not_do_well_folded_and_the_summary() {
    let events = vec![
        said(0, Stream::Out, "up\n"),
        said(1, Stream::Err, "no\n"),
        ended(0, Outcome::Exited(0)),
        ended(1, Outcome::Exited(1)),
        ended(2, refused()),
        ended(3, Outcome::Exited(1)),
        ended(4, Outcome::NotRun(NotRun::NotStarted)),
    ];
    let (out, err, summary) = tell(&["a", "b1", "c", "b2", "d"], (Output::Quiet, FILES), events);
    assert_eq!(
        (out.as_str(), err.as_str()),
        (
            "",
            "b[1-2] (2): exit status 1\nc (1): unreachable (tcp): Connection refused\n\
             omnes: 1 ok: a; 2 failed (exit status 1): b[1-2]; 1 unreachable (tcp): c; 1 not started: d\n"
        )
    );
    assert_eq!(summary.exit, Exit::Failed);
}

#[test]
fn who_looks_sees_what_is_known_and_at_the_end_only_the_rest() {
    let mut reporter = Reporter::new(&plan(&["a", "b", "c"]), Output::Gather, FILES);
    let mut paper = Paper::default();
    for host in [0, 2] {
        reporter.step(said(host, Stream::Out, "same\n"), &mut paper);
        reporter.step(said(1, Stream::Out, "slow "), &mut paper);
        reporter.step(ended(host, Outcome::Exited(0)), &mut paper);
    }
    let text = |paper: &mut Paper| {
        let parts = std::mem::take(&mut paper.parts).into_iter().map(|(_, text)| text);
        String::from_utf8(parts.collect::<Vec<_>>().concat()).expect("text")
    };
    assert_eq!(text(&mut paper), "");
    reporter.step(Happened::Looked, &mut paper);
    let rule = "-".repeat(15);
    assert_eq!(text(&mut paper), format!("{rule}\na,c (2): ok\n{rule}\nsame\n"));
    reporter.step(Happened::Looked, &mut paper);
    assert_eq!(text(&mut paper), "");
    reporter.step(ended(1, Outcome::Exited(0)), &mut paper);
    let summary = Summary::new(vec![Some(Outcome::Exited(0)); 3], Exit::Well);
    reporter.finish(&summary, Duration::from_secs(1), &mut paper);
    assert_eq!(text(&mut paper), format!("{rule}\nb (1): ok\n{rule}\nslow slow \nomnes: 3 ok: a,b,c\n"));
}

fn differing() -> Vec<Happened> {
    let mut events = Vec::new();
    for (host, out, err, status) in [
        (0, "one\ntwo\n", "", 0),
        (1, "one\ntwo\n", "", 0),
        (2, "one\nzwei\n", "", 0),
        (3, "one\ntwo\n", "", 5),
        (4, "one\ntwo\n", "warning\n", 0),
        (5, "one\n\0\n", "", 0),
    ] {
        events.push(said(host, Stream::Out, out));
        events.push(said(host, Stream::Err, err));
        events.push(ended(host, Outcome::Exited(status)));
    }
    events.push(ended(6, refused()));
    events
}

#[test]
fn a_comparison_shows_the_majority_once_and_how_the_others_differ() {
    let hosts = ["a1", "a2", "b", "c", "d", "e", "f"];
    let reading = Reading { diff: Some(Against::Majority), ..Output::Gather.into() };
    let (out, err, _) = tell(&hosts, (reading, FILES), differing());
    let rule = "-".repeat(15);
    let head = |title: &str| format!("{rule}\n{title}\n{rule}\n");
    let expected = [
        &head("a[1-2] (2): ok"),
        "one\ntwo\n",
        &head("b (1): ok, compared with a[1-2]"),
        "--- a[1-2]\n+++ b\n@@ -1,2 +1,2 @@\n one\n-two\n+zwei\n",
        &head("e (1): ok, compared with a[1-2]"),
        "a[1-2] and e: binary, different from byte 5 on\n",
        &head("c (1): exit status 5, the same output"),
    ];
    assert_eq!(out, expected.concat());
    let expected = [
        &head("d (1): ok, standard error, compared with a[1-2]"),
        "--- a[1-2]\n+++ d\n@@ -0,0 +1 @@\n+warning\n",
        "f (1): unreachable (tcp): Connection refused\n",
    ];
    assert!(err.starts_with(&expected.concat()), "{err}");
}

#[test]
fn a_comparison_with_one_host_is_with_that_host_if_it_ran() {
    let hosts = ["a1", "a2", "b", "c", "d", "e", "f"];
    let told = |host| {
        let reading = Reading { diff: Some(Against::Host(HostIx(host))), ..Output::Gather.into() };
        tell(&hosts, (reading, SCREEN), differing())
    };
    let (out, _, _) = told(2);
    assert!(out.contains("\nb (1): ok\n"), "{out}");
    assert!(out.contains("--- b\n+++ a[1-2]\n@@ -1,2 +1,2 @@\n one\n-zwei\n+two\n"), "{out}");
    let (out, err, _) = told(6);
    assert!(err.starts_with("omnes: f did not run it; compared is with what most hosts wrote\n"), "{err}");
    assert!(out.contains("\na[1-2] (2): ok\n"), "{out}");
}

#[test]
fn a_line_that_stands_in_two_blocks_is_whole_and_none_of_its_bytes_acts() {
    let long = format!("{}é\x1b[2J\r\nlast", "x".repeat(BLOCK - 1));
    let (out, _, _) = tell(
        &["a"],
        (Output::Gather, SCREEN),
        vec![said(0, Stream::Out, &long), ended(0, Outcome::Exited(0))],
    );
    assert!(out.ends_with("xxé^[[2J\nlast\n"), "{}", &out[out.len() - 40..]);
}

#[test]
fn output_that_cannot_be_kept_is_counted_where_it_is_missing() {
    let reading = Reading::from(Output::Gather);
    let full = Gather::within(BLOCK, Box::new(Board::default()));
    let mut reporter = Reporter::with(&plan(&["a"]), reading, FILES, full);
    let mut paper = Paper::default();
    let text: String = (0..).map(|n| format!("{n}\n")).take(20_000).collect();
    reporter.step(said(0, Stream::Out, &text), &mut paper);
    reporter.step(ended(0, Outcome::Exited(0)), &mut paper);
    assert_eq!(reporter.fault(), Some("no storage space"));
    reporter.tell_gathered(&mut paper, &mut |_| {});
    let (stream, last) = paper.parts.last().expect("it says so");
    let lost = text.len() - BLOCK;
    assert_eq!(*stream, Stream::Err);
    assert_eq!(
        String::from_utf8_lossy(last),
        format!("omnes: {lost} bytes of that are missing: no storage space\n")
    );
}

#[test]
fn who_asks_for_details_hears_when_hosts_are_reached_and_which_step_they_are_at() {
    let events = || {
        let phases = [(Stage::Login, Duration::from_millis(12))].into_iter().collect();
        vec![
            Happened::Reached(HostIx(0), phases),
            Happened::Step(HostIx(0), 0, Passage::Begun),
            Happened::Step(HostIx(0), 0, Passage::Passed),
            ended(0, Outcome::Exited(0)),
        ]
    };
    let verbose = |output| Reading { detail: Detail::Verbose, ..Reading::from(output) };
    for output in [Output::Stream, Output::Gather, Output::Quiet] {
        let (_, err, _) = tell(&["a"], (output, FILES), events());
        assert_eq!(err, "omnes: 1 ok: a\n");
        let (_, err, _) = tell(&["a"], (verbose(output), FILES), events());
        let expected =
            "omnes: a: reached in 12 ms\nomnes: a: step 1 begun\nomnes: a: step 1 passed\nomnes: 1 ok: a\n";
        assert_eq!(err, expected);
    }
    let (_, err, _) = tell(&["a"], (verbose(Output::Json), FILES), events());
    assert_eq!(err, "");
}

#[test]
fn where_the_time_went_stands_before_the_summary() {
    let reading = Reading { top: Some(3), ..Reading::default() };
    let (out, err, _) = tell(&["a"], (reading, FILES), vec![ended(0, Outcome::Exited(0))]);
    assert_eq!(out, "");
    let lines: Vec<&str> = err.lines().collect();
    assert!(lines[0].starts_with("ms, 1 host") && lines[1].starts_with("total"), "{err}");
    assert_eq!(lines[2..], ["  a: 5.0 ms", "omnes: 1 ok: a"]);
    let json = Reading { output: Output::Json, ..reading };
    let (out, err, _) = tell(&["a"], (json, FILES), vec![ended(0, Outcome::Exited(0))]);
    assert!(out.lines().nth(2).is_some_and(|line| line.contains("\"event\":\"top\"")), "{out}");
    assert_eq!((out.lines().count(), err.as_str()), (4, ""));
}

#[test]
fn however_much_was_gathered_little_of_it_is_text_at_once() {
    let hosts: Vec<String> = (0..200).map(|n| format!("h{n}")).collect();
    let names: Vec<&str> = hosts.iter().map(String::as_str).collect();
    let board = Box::new(Board { room: usize::MAX, ..Board::default() });
    let mut reporter =
        Reporter::with(&plan(&names), Output::Gather.into(), FILES, Gather::within(2 * BLOCK, board));
    let mut paper = Paper::default();
    for host in 0..hosts.len() {
        let text = format!("{host} {}\n", "x".repeat(98)).repeat(1_000);
        reporter.step(said(host, Stream::Out, &text), &mut paper);
        reporter.step(ended(host, Outcome::Exited(0)), &mut paper);
    }
    let (mut all, mut most) = (0, 0);
    reporter.tell_gathered(&mut paper, &mut |paper| {
        most = most.max(paper.len());
        all += paper.len();
        paper.parts.clear();
    });
    assert!(all > 20_000_000 && most < 2 * BLOCK, "{all} bytes, {most} at once");
}

#[test]
fn what_became_of_files_is_told_folded_and_to_machines_at_once() {
    use crate::outcome::{FileFault, FilesFailed};
    let tally = crate::run::FileTally { sent: 2, unchanged: 3, bytes: 4_500, ..Default::default() };
    let failed =
        FilesFailed { fault: FileFault::NoSpace, why: "/srv/a: no space left there".into(), files: 2 };
    let events = || {
        let told = (0..3).map(|host| Happened::Files(HostIx(host), tally));
        let ends = [Outcome::Exited(0), Outcome::Exited(0), Outcome::FilesFailed(failed.clone())];
        told.chain(ends.into_iter().enumerate().map(|(host, end)| ended(host, end))).collect::<Vec<_>>()
    };
    let (out, err, summary) = tell(&["a1", "a2", "a3"], (Output::Stream, FILES), events());
    let lines = [
        "a3: /srv/a: no space left there, and 1 more",
        "omnes: a[1-3]: 2 sent (4.5 kB), 3 unchanged",
        "omnes: 2 ok: a[1-2]; 1 failed (no-space): a3",
    ];
    assert_eq!((out.as_str(), err.trim_end().lines().collect::<Vec<_>>()), ("", lines.to_vec()));
    assert_eq!(summary.exit, Exit::Failed);
    let (out, _, _) = tell(&["a1", "a2", "a3"], (Output::Json, FILES), events());
    let line =
        r#"{"v":1,"event":"files","host":"a1","sent":2,"unchanged":3,"removed":0,"failed":0,"bytes":4500}"#;
    assert_eq!(out.lines().nth(1), Some(line));
}
