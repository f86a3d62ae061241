//! Headless runs of the built program on its own demo fleet, with real shells: outputs, exit codes, signals, pipes.

#[path = "headless/push.rs"]
mod push;
#[path = "headless/report.rs"]
mod report;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};

#[path = "headless/delete.rs"]
mod delete;
#[path = "headless/journal.rs"]
mod journal;
#[path = "headless/manners.rs"]
mod manners;
#[path = "headless/pace.rs"]
mod pace;
#[path = "headless/plan.rs"]
mod plan;
#[path = "headless/play.rs"]
mod play;
#[path = "headless/schema.rs"]
mod schema;
#[path = "headless/tui.rs"]
mod tui;
#[path = "headless/work.rs"]
mod work;

#[allow(dead_code, reason = "each test crate uses its own part of the shared support")]
#[path = "support/ui.rs"]
mod ui;

const OMNES: &str = env!("CARGO_BIN_EXE_omnes");

/// The program with a home of its own.
fn omnes(words: &[&str]) -> (Command, tempfile::TempDir) {
    let home = tempfile::tempdir().expect("a temporary directory");
    let mut command = Command::new(OMNES);
    command.args(words).env("HOME", home.path()).env_remove("XDG_CONFIG_HOME").stdin(Stdio::null());
    (command, home)
}

fn run(words: &[&str]) -> (i32, String, String) {
    let (mut command, _home) = omnes(words);
    told(&command.output().expect("omnes starts"))
}

fn told(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().expect("an exit code"), text(&output.stdout), text(&output.stderr))
}

fn bash(line: &str) -> (i32, String, String) {
    let home = tempfile::tempdir().expect("a temporary directory");
    let mut command = Command::new("bash");
    command.args(["-c", line]).env("HOME", home.path()).env("OMNES", OMNES);
    told(&command.output().expect("bash starts"))
}

#[test]
fn every_host_speaks_once_under_its_own_name() {
    let (code, out, err) = run(&["demo", "run", "--hosts", "30", "--", "hostname"]);
    let mut lines: Vec<&str> = out.lines().collect();
    lines.sort_unstable();
    let expected: Vec<String> = (1..=30).map(|n| format!("demo{n:02}: demo{n:02}")).collect();
    assert_eq!((code, lines), (0, expected.iter().map(String::as_str).collect()), "{err}");
    assert_eq!(err, "omnes: 30 ok: demo[01-30]\n");
}

#[test]
fn exit_codes_name_the_worst_class() {
    for (words, code, summary) in [
        (["-u", "0", "--", "true"].as_slice(), 0, "12 ok: demo[01-12]"),
        (&["--", "exit 3"], 1, "12 failed (exit status 3): demo[01-12]"),
        (&["--", "kill -9 $$"], 1, "12 failed (signal KILL): demo[01-12]"),
        (
            &["--faults", "--", "true"],
            3,
            "10 ok: demo[01-10]; 1 unreachable (tcp): demo11; 1 host key refused: demo12",
        ),
        (
            &["--faults", "--", "exit 1"],
            1,
            "10 failed (exit status 1): demo[01-10]; 1 unreachable (tcp): demo11",
        ),
        (&["--faults", "-u", "1", "--", "exec sleep 60"], 4, "10 timed out, may still run: demo[01-10]"),
    ] {
        let (got, _, err) = run(&[&["demo", "run"], words].concat());
        assert_eq!(got, code, "{words:?}: {err}");
        assert!(err.lines().last().is_some_and(|line| line.contains(summary)), "{words:?}: {err}");
    }
}

#[test]
fn gathered_output_stands_once_with_its_status() {
    let command = "case $(hostname) in demo0[1-3]) echo old; exit 2;; *) echo new;; esac";
    let (code, out, err) = run(&["demo", "run", "-b", "--", command]);
    let rule = "-".repeat(15);
    let expected = format!(
        "{rule}\ndemo[04-12] (9): ok\n{rule}\nnew\n{rule}\ndemo[01-03] (3): exit status 2\n{rule}\nold\n"
    );
    assert_eq!((code, out), (1, expected), "{err}");
    assert_eq!(err, "omnes: 9 ok: demo[04-12]; 3 failed (exit status 2): demo[01-03]\n");
}

#[test]
fn json_lines_account_for_every_host_exactly_once() {
    let (code, out, err) =
        run(&["demo", "run", "--faults", "--output", "json", "--", "printf 'a\\377'; echo b >&2"]);
    assert_eq!((code, err.as_str()), (3, ""));
    let lines: Vec<serde_json::Value> =
        out.lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect();
    let mut ends: BTreeMap<&str, usize> = BTreeMap::new();
    for line in lines.iter().filter(|line| line["event"] == "outcome") {
        *ends.entry(line["host"].as_str().expect("a name")).or_default() += 1;
    }
    assert_eq!((ends.len(), ends.values().max()), (12, Some(&1)));
    let bytes = lines.iter().filter(|line| line["stream"] == "stdout");
    assert!(bytes.clone().all(|line| line["base64"] == true && line["data"] == "Yf8="), "{out}");
    assert_eq!(bytes.count(), 10);
    let last = lines.last().expect("a summary");
    assert_eq!(
        (&last["event"], &last["exit"], &last["not_run"]["hosts"]),
        (&"summary".into(), &3.into(), &"demo[11-12]".into())
    );
}

#[test]
fn the_two_streams_stay_apart_and_bytes_are_exact_in_a_pipe() {
    let (_, out, err) =
        run(&["demo", "run", "--hosts", "1", "--", r"printf '\033[1mx\001\r\n'; printf 'tail' >&2"]);
    assert_eq!(out, "demo01: \u{1b}[1mx\u{1}\r\n");
    assert_eq!(err, "demo01: tail\nomnes: 1 ok: demo01\n");
}

#[test]
fn long_outputs_arrive_whole_and_in_order() {
    let (code, out, err) = run(&["demo", "run", "--hosts", "6", "--", "seq 1 60000"]);
    assert_eq!(code, 0, "{err}");
    let mut next: BTreeMap<&str, u32> = BTreeMap::new();
    for line in out.lines() {
        let (host, number) = line.split_once(": ").expect("a host before each line");
        let next = next.entry(host).or_insert(1);
        assert_eq!(number.parse(), Ok(*next), "{line}");
        *next += 1;
    }
    assert_eq!(next.values().copied().collect::<Vec<_>>(), [60_001; 6]);
}

#[test]
fn the_input_of_the_caller_is_left_alone() {
    let line = "printf 'one\\ntwo\\n' | while read word; do $OMNES demo run --hosts 1 -- cat; echo $word; done 2>/dev/null";
    assert_eq!(bash(line), (0, "one\ntwo\n".to_owned(), String::new()));
}

#[test]
fn a_reader_that_has_seen_enough_ends_the_run_quietly_as_our_fault() {
    let line = "$OMNES demo run --hosts 3 -- 'yes' | head -1 >/dev/null; exit ${PIPESTATUS[0]}";
    let (code, _, err) = bash(line);
    assert_eq!(code, 6, "{err}");
    assert!(err.starts_with("omnes: 3 ") || err.lines().count() <= 4, "{err}");
    assert!(!err.contains("cannot be written"), "{err}");
}

#[test]
fn a_full_disk_is_named_and_our_fault() {
    let (code, _, err) = bash("$OMNES demo run --hosts 3 -- 'yes' >/dev/full");
    assert_eq!(code, 6, "{err}");
    assert!(err.contains("standard output cannot be written: No space left on device"), "{err}");
}

#[test]
fn a_famine_of_descriptors_lowers_the_fan_out_and_loses_nobody() {
    let (code, out, err) = bash("ulimit -n 128; $OMNES demo run --hosts 60 -- hostname");
    assert_eq!((code, out.lines().count()), (0, 60), "{err}");
    assert!(err.starts_with("omnes: fan-out 8 instead of 60: 128 file descriptors"), "{err}");
}

/// A run that has begun.
struct Begun {
    child: Child,
    out: BufReader<std::process::ChildStdout>,
    _home: tempfile::TempDir,
}

/// Starts a run and waits for so many lines of it.
fn begin(lines: usize, words: &[&str]) -> Begun {
    let (mut command, home) = omnes(words);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("omnes starts");
    let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
    for _ in 0..lines {
        out.read_line(&mut String::new()).expect("a line");
    }
    Begun { child, out, _home: home }
}

impl Begun {
    fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).expect("it still runs");
    }

    /// Waits until standard error says this.
    fn told(&mut self, err: &mut impl BufRead, part: &str) {
        let mut line = String::new();
        while !line.contains(part) {
            line.clear();
            assert_ne!(err.read_line(&mut line).expect("text"), 0, "it ended without saying {part:?}");
        }
    }

    fn end(mut self, mut err: impl Read) -> (i32, String) {
        let mut text = String::new();
        self.out.read_to_string(&mut String::new()).expect("text");
        err.read_to_string(&mut text).expect("text");
        (self.child.wait().expect("it ends").code().expect("an exit code"), text)
    }
}

#[test]
fn the_first_interrupt_waits_and_the_second_ends() {
    let mut run = begin(2, &["demo", "run", "-f", "2", "--hosts", "5", "--", "echo up; exec sleep 300"]);
    let mut err = BufReader::new(run.child.stderr.take().expect("a pipe"));
    run.signal(Signal::INT);
    run.told(&mut err, "no more hosts are started");
    run.signal(Signal::INT);
    let (code, text) = run.end(err);
    assert_eq!(code, 130, "{text}");
    assert!(text.contains("ending 2 commands"), "{text}");
    assert!(text.lines().last().is_some_and(|line| line.contains("3 not started: demo[03-05]")), "{text}");
}

#[test]
fn term_ends_the_commands_at_once() {
    let mut run = begin(3, &["demo", "run", "--hosts", "3", "--", "echo up; exec sleep 300"]);
    let err = run.child.stderr.take().expect("a pipe");
    run.signal(Signal::TERM);
    let (code, text) = run.end(err);
    assert_eq!(code, 130, "{text}");
    assert!(text.contains("3 interrupted, may still run: demo[01-03]"), "{text}");
}

#[test]
fn the_third_interrupt_leaves_at_once() {
    let mut run = begin(
        2,
        &["demo", "run", "--hosts", "2", "--", "trap '' TERM; echo up; for i in $(seq 60); do sleep 1; done"],
    );
    let mut err = BufReader::new(run.child.stderr.take().expect("a pipe"));
    run.signal(Signal::INT);
    run.told(&mut err, "no more hosts are started");
    run.signal(Signal::INT);
    run.told(&mut err, "ending 2 commands");
    run.signal(Signal::INT);
    let (code, text) = run.end(err);
    assert_eq!(code, 130, "{text}");
}

#[test]
fn a_served_fleet_is_reached_by_run_with_its_own_configuration() {
    let (mut command, _home) = omnes(&["demo", "serve", "--hosts", "8"]);
    let mut server = command.stdout(Stdio::piped()).spawn().expect("omnes starts");
    let mut lines = BufReader::new(server.stdout.take().expect("a pipe")).lines().map_while(Result::ok);
    let config = lines.find_map(|line| line.strip_prefix("ssh_config").map(|path| path.trim().to_owned()));
    let config = config.expect("the server says where its ssh_config is");
    let (code, out, err) =
        run(&["run", "-F", &config, "-b", "demo[01-08]", "-x", "demo03", "--", "echo", "here"]);
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("demo[01-02,04-08] (7): ok"), "{out}");
    kill_process(Pid::from_child(&server), Signal::TERM).expect("it still runs");
    assert!(server.wait().expect("it ends").success());
}

#[test]
fn without_a_terminal_the_demo_tells_its_story() {
    let (code, out, err) = run(&["demo", "--hosts", "5"]);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    let told: Vec<&str> = out.lines().map(str::trim).collect();
    for line in [
        "→ 5 of 5 hosts: echo port 80 > app.conf; cat app.conf",
        "demo[01-05]: port 80",
        "→ demo01 alone: echo port 8080 > app.conf",
        "→ 5 of 5 hosts: cat app.conf",
        "demo[02-05]: port 80",
        "demo01: port 8080",
    ] {
        assert!(told.contains(&line), "no {line:?}: {out}");
    }
}

#[test]
fn under_nohup_a_hangup_changes_nothing() {
    let (_, home) = omnes(&[]);
    let line = "trap '' HUP; exec \"$0\" demo run --hosts 1 -- 'echo up; sleep 1; echo done'";
    let mut child = Command::new("bash")
        .args(["-c", line, OMNES])
        .env("HOME", home.path())
        .stdout(Stdio::piped())
        .spawn()
        .expect("bash starts");
    let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
    out.read_line(&mut String::new()).expect("a first line");
    kill_process(Pid::from_child(&child), Signal::HUP).expect("it still runs");
    let mut rest = String::new();
    out.read_to_string(&mut rest).expect("text");
    assert_eq!(rest, "demo01: done\n");
    assert!(child.wait().expect("it ends").success());
}

#[test]
fn a_demo_that_is_interrupted_leaves_no_files_behind() {
    for words in [&["demo"] as &[&str], &["demo", "run", "--", "echo up; sleep 60"], &["demo", "serve"]] {
        for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
            let temp = tempfile::tempdir().expect("a temporary directory");
            let (mut command, _home) = omnes(words);
            command.env("TMPDIR", temp.path()).stdout(Stdio::piped()).stderr(Stdio::null());
            let mut child = command.spawn().expect("omnes starts");
            // Its first line says that the fleet is there.
            let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
            out.read_line(&mut String::new()).expect("a line");
            assert!(temp.path().read_dir().expect("a directory").next().is_some(), "{words:?}");
            let pid = Pid::from_child(&child);
            // Again and again, as somebody impatient does: signals that come together count as one.
            let begun = std::time::Instant::now();
            let status = loop {
                let _ended = kill_process(pid, signal);
                if let Some(status) = child.try_wait().expect("it is ours") {
                    break status;
                }
                assert!(
                    begun.elapsed() < std::time::Duration::from_secs(60),
                    "{words:?} {signal:?}: it goes on"
                );
                std::thread::sleep(std::time::Duration::from_millis(20));
            };
            assert!(status.code().is_some(), "{words:?} was ended by {signal:?}: {status}");
            let left: Vec<_> = temp.path().read_dir().expect("a directory").collect();
            assert!(left.is_empty(), "{words:?} {signal:?}: {left:?}");
        }
    }
}

#[test]
fn output_that_cannot_be_written_is_our_fault_everywhere() {
    for words in
        ["man", "completions bash", "hosts web01", "demo", "demo serve", "demo run --hosts 1 -- echo x"]
    {
        let (code, _, err) = bash(&format!("$OMNES {words} </dev/null >/dev/full"));
        assert_eq!(code, 6, "{words}: {err}");
        assert!(err.contains("No space left on device"), "{words}: {err}");
    }
}
