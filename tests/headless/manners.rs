//! Cron, pipes and jq as users: nothing asks without a terminal, standard output holds only what hosts said or JSON, and the
//! exit code says what happened.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::net::TcpListener;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::plan::Served;
use crate::ui::Ui;
use crate::{OMNES, omnes, told};

/// Far above anything normal; whoever asks would wait for ever.
const DEADLINE: Duration = Duration::from_secs(60);

/// The program as cron starts it: in a session of its own, without a controlling terminal.
fn by_cron(words: &[&str], stdin: Stdio) -> (Child, tempfile::TempDir) {
    let (command, home) = omnes(words);
    let mut setsid = Command::new("setsid");
    setsid.arg("--wait").arg(command.get_program()).args(command.get_args()).env("HOME", home.path());
    setsid.env_remove("XDG_CONFIG_HOME").stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
    (setsid.spawn().expect("setsid starts"), home)
}

/// Waits for its end, within the deadline.
fn ended(mut child: Child) -> Output {
    let mut out = child.stdout.take().expect("a pipe");
    let mut err = child.stderr.take().expect("a pipe");
    let reader = std::thread::spawn(move || {
        let mut text = Vec::new();
        out.read_to_end(&mut text).map(|_| text)
    });
    let errors = std::thread::spawn(move || {
        let mut text = Vec::new();
        err.read_to_end(&mut text).map(|_| text)
    });
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("it is ours") {
            break status;
        }
        if begun.elapsed() > DEADLINE {
            let _ = child.kill();
            panic!("it waits for something");
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    let text = |thread: std::thread::JoinHandle<std::io::Result<Vec<u8>>>| {
        thread.join().expect("it reads").expect("a pipe can be read")
    };
    Output { status, stdout: text(reader), stderr: text(errors) }
}

/// A port of ours on which nobody listens.
fn dead_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

#[test]
fn by_cron_nothing_asks_and_each_stream_holds_what_it_should() {
    let dead = format!("me@127.0.0.1:{}", dead_port());
    let dead = dead.as_str();
    let many = format!("127.0.0.[1-101]:{}", dead_port());
    let demo = ["demo", "run", "--hosts", "3"];
    let both = "echo out; echo err >&2";
    let demo = |words: &[&'static str]| -> Vec<&'static str> { [&demo, words].concat() };
    let table: Vec<(Vec<&str>, i32, &str)> = vec![
        (demo(&["--", both]), 0, "3 ok"),
        (demo(&["-b", "--", both]), 0, "3 ok"),
        (demo(&["--output", "json", "--", both]), 0, ""),
        (vec!["demo", "run", "--hosts", "12", "--faults", "--output", "json", "--", both], 3, ""),
        (demo(&["--output", "json", "--plan", "--", both]), 0, ""),
        (demo(&["--waves", "1", "--pause", "--", both]), 2, "--pause 60s"),
        (demo(&["--yes", "2", "--", both]), 2, "--yes 2"),
        (vec!["run", "-F", "none", &many, "--", "id"], 2, "--yes 101"),
        (vec!["run", "-F", "none", "--ask-password", dead, "--", "id"], 2, "--password-command"),
        (vec!["run", "-F", "none", "--sudo", dead, "--", "id"], 2, "--sudo-no-password"),
        (vec!["run", "-F", "none", dead, "--", "id"], 3, "1 unreachable (tcp)"),
        (vec!["run", "-F", "none", "--output", "json", dead, "--", "id"], 3, ""),
        (vec!["keys", "-F", "none", "--accept", dead], 2, "--yes"),
        (vec!["ping", "-F", "none", "--output", "json", dead], 3, ""),
    ];
    for (words, code, said) in table {
        for stdin in [Stdio::null(), Stdio::piped()] {
            // An input that stays open and says nothing is no terminal either.
            let (child, _home) = by_cron(&words, stdin);
            let (got, out, err) = told(&ended(child));
            assert_eq!(got, code, "{words:?}: {out}{err}");
            assert!(err.contains(said), "{words:?}: {err}");
            let ours =
                |line: &&str| ["omnes: ", "demo0", "me@127."].iter().any(|begin| line.starts_with(begin));
            assert!(words.contains(&"-b") || err.lines().all(|line| ours(&line)), "{words:?}: {err}");
            if words.contains(&"json") {
                out.lines()
                    .for_each(|line| drop(serde_json::from_str::<serde_json::Value>(line).expect(line)));
            } else if !words.contains(&"-b") {
                let of_hosts = |line: &str| line.starts_with("demo0") && line.ends_with(": out");
                assert!(out.lines().all(of_hosts), "{words:?}: {out}");
            }
        }
    }
}

#[test]
fn jq_reads_every_line_of_a_run_with_faults() {
    let line = "$OMNES demo run --hosts 8 --faults --output json -- 'printf \"\\\\033[1m\\\\377\\n\"; exit 3' \
                | jq -es 'map(select(.event==\"outcome\")) | group_by(.outcome) | map({(.[0].outcome): length}) | add' | jq -c .";
    let (code, out, err) = crate::bash(line);
    assert_eq!(code, 0, "{err}");
    let counts: BTreeMap<String, usize> = serde_json::from_str(&out).expect("an object");
    assert_eq!(counts.values().sum::<usize>(), 8, "{counts:?}");
    assert_eq!(counts.get("exited"), Some(&6), "{counts:?}");
}

/// What a run that is told these words comes to, in JSON and as an exit code: both say the same.
fn exit_of(words: &[&str]) -> (i32, serde_json::Value) {
    let (child, _home) = by_cron(words, Stdio::null());
    let (code, out, err) = told(&ended(child));
    let last = out.lines().last().unwrap_or_else(|| panic!("{words:?} says nothing: {err}"));
    let last: serde_json::Value = serde_json::from_str(last).expect("JSON");
    assert_eq!((&last["event"], &last["exit"]), (&"summary".into(), &code.into()), "{words:?}: {out}{err}");
    (code, last)
}

#[test]
fn the_exit_code_is_as_documented_and_never_0_with_a_failure() {
    let dead = format!("me@127.0.0.1:{}", dead_port());
    let dead = dead.as_str();
    let json = ["--output", "json"];
    let on_demo = |words: &[&'static str]| [&["demo", "run", "--hosts", "6"], &json[..], words].concat();
    for (what, words, code) in [
        ("all ended well", on_demo(&["--", "true"]), 0),
        ("some ended with a status", on_demo(&["--", "test $(hostname) != demo02"]), 1),
        ("one was ended by a signal", on_demo(&["--", "test $(hostname) != demo02 || kill -9 $$"]), 1),
        ("some are unreachable", on_demo(&["--faults", "--", "true"]), 3),
        ("all are unreachable", vec!["run", "-F", "none", "--output", "json", dead, "--", "true"], 3),
        ("some unreachable, others failed", on_demo(&["--faults", "--", "false"]), 1),
        ("a command was timed out", on_demo(&["-u", "1", "--", "test $(hostname) = demo01 || sleep 60"]), 4),
        (
            "timed out, failed, unreachable",
            on_demo(&["--faults", "-u", "1", "--", "test $(hostname) = demo01 || sleep 60; false"]),
            4,
        ),
        ("the failure budget is spent", on_demo(&["--max-fail", "0", "-f", "1", "--", "false"]), 5),
    ] {
        let (got, summary) = exit_of(&words);
        assert_eq!(got, code, "{what}: {summary}");
        let ill: u64 = ["failed", "not_run", "not_known"]
            .iter()
            .filter_map(|class| summary[class]["count"].as_u64())
            .sum();
        assert_eq!(got == 0, ill == 0, "{what}: {summary}");
    }
    for (what, words, code) in [
        ("nothing matched", vec!["run", "-F", "none", "web!web", "--", "true"], 2),
        ("bad usage", vec!["run", "-F", "none", "--no-such-option", "web", "--", "true"], 2),
        ("no command", vec!["run", "-F", "none", "web", "--"], 2),
    ] {
        let (child, _home) = by_cron(&words, Stdio::null());
        let (got, out, err) = told(&ended(child));
        assert_eq!((got, out.as_str()), (code, ""), "{what}: {err}");
    }
}

#[test]
fn every_status_from_0_to_255_is_told_as_it_is() {
    let command = "n=$(hostname); n=${n#demo}; n=${n#0}; n=${n#0}; exit $((n - 1))";
    let (child, _home) =
        by_cron(&["demo", "run", "--hosts", "256", "--output", "json", "--", command], Stdio::null());
    let (code, out, err) = told(&ended(child));
    assert_eq!(code, 1, "{err}");
    let mut seen = BTreeMap::new();
    for line in out.lines() {
        let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        if line["event"] == "outcome" {
            let host = line["host"]
                .as_str()
                .expect("a name")
                .trim_start_matches("demo")
                .parse::<u64>()
                .expect("a number");
            let class = if host == 1 { "well" } else { "failed" };
            assert_eq!((&line["outcome"], &line["class"]), (&"exited".into(), &class.into()), "{line}");
            seen.insert(host, line["status"].as_u64());
        }
    }
    assert_eq!(seen, (1..=256).map(|n| (n, Some(n - 1))).collect());
}

#[test]
fn every_signal_is_told_by_its_name_and_is_no_success() {
    let signals = ["HUP", "INT", "QUIT", "ABRT", "KILL", "SEGV", "TERM", "USR1"];
    let command = "set -- HUP INT QUIT ABRT KILL SEGV TERM USR1; n=$(hostname); n=${n#demo}; shift $((${n#0} - 1)); kill -$1 $$; sleep 60";
    let (child, _home) =
        by_cron(&["demo", "run", "--hosts", "8", "--output", "json", "--", command], Stdio::null());
    let (code, out, err) = told(&ended(child));
    assert_eq!(code, 1, "{err}");
    let lines = out.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"));
    let told: BTreeMap<String, String> = lines
        .filter(|line| line["event"] == "outcome")
        .map(|line| {
            (
                line["host"].as_str().expect("a name").to_owned(),
                line["signal"].as_str().unwrap_or("none").to_owned(),
            )
        })
        .collect();
    let expected =
        signals.iter().enumerate().map(|(n, name)| (format!("demo{:02}", n + 1), (*name).to_owned()));
    assert_eq!(told, expected.collect());
}

#[test]
fn an_input_that_never_ends_delays_nothing() {
    for input in ["yes", "sleep 1000"] {
        let line = format!(
            "{input} | (\"$OMNES\" demo run --hosts 2 -- echo ok; echo \"it ended: $?\"; kill -9 $(pgrep -P $$) 2>/dev/null)"
        );
        let (_, home) = omnes(&[]);
        let mut bash = Command::new("setsid");
        bash.args(["--wait", "bash", "-c", &line]).env("HOME", home.path()).env("OMNES", OMNES);
        let child =
            bash.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("bash");
        let output = ended(child);
        let out = String::from_utf8_lossy(&output.stdout);
        assert!(out.contains("it ended: 0"), "{input}: {out}{}", String::from_utf8_lossy(&output.stderr));
        assert!(output.status.code().is_some() || output.status.signal().is_some());
    }
}

#[test]
fn a_run_in_the_background_of_a_terminal_is_not_stopped_and_leaves_its_input_alone() {
    let (_, home) = omnes(&[]);
    let served = Served::new(2);
    let run = "\"$OMNES\" run -F \"$1\" 'demo[01-02]' -- 'cat; echo done'";
    let line = format!("set -m; {run} & read -r typed; wait $!; echo \"it ended: $?, $typed\"");
    let (home, path) = (home.path().display().to_string(), std::env::var("PATH").expect("a PATH"));
    let env = [("HOME", home.as_str()), ("PATH", &path), ("TERM", "xterm-256color"), ("OMNES", OMNES)];
    let ui = Ui::start(Path::new("/bin/bash"), &["-c", &line, "bash", &served.config], &env, (24, 100));
    ui.wait_for("2 ok: demo[01-02]");
    ui.line("mine");
    ui.wait_for("it ended: 0, mine");
}

#[test]
fn an_interrupt_is_130_and_names_every_host() {
    let served = Served::new(4);
    let (_, home) = omnes(&[]);
    let mark = home.path().join("began");
    let command = format!("echo x >> {}; exec sleep 300", mark.display());
    let words = ["run", "-F", &served.config, "-f", "2", "--output", "json", "demo[01-04]", "--", &command];
    let child = Command::new(OMNES)
        .args(words)
        .env("HOME", home.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("omnes starts");
    let begun = Instant::now();
    while fs::read_to_string(&mark).unwrap_or_default().lines().count() < 2 {
        assert!(begun.elapsed() < DEADLINE, "the commands do not begin");
        std::thread::sleep(Duration::from_millis(10));
    }
    kill_process(Pid::from_child(&child), Signal::TERM).expect("it runs");
    let (code, out, err) = told(&ended(child));
    assert_eq!(code, 130, "{err}");
    let outcomes = out.lines().filter(|line| line.contains("\"event\":\"outcome\"")).count();
    assert_eq!(outcomes, 4, "{out}");
    let last: serde_json::Value = serde_json::from_str(out.lines().last().expect("a summary")).expect("JSON");
    assert_eq!((&last["exit"], &last["not_run"]["count"]), (&130.into(), &2.into()), "{last}");
}

#[test]
fn a_run_on_nobody_is_shown_and_goes_on_with_nobody() {
    let (mut first, home) = omnes(&["run", "--allow-empty", "web!web", "--", "true"]);
    assert_eq!(told(&first.output().expect("omnes starts")).0, 0);
    let then = |words: &[&str]| {
        let mut command = Command::new(OMNES);
        command.args(words).env("HOME", home.path()).env_remove("XDG_CONFIG_HOME").stdin(Stdio::null());
        told(&command.output().expect("omnes starts"))
    };
    let (code, out, err) = then(&["show", "last"]);
    assert!(code == 0 && out.contains(", complete: "), "{out}{err}");
    let (code, _, err) = then(&["run", "--resume", "last"]);
    assert!(code == 0 && err.contains("has nothing left to do"), "{code} {err}");
    let (code, _, err) = then(&["run", "--again", "last"]);
    assert_eq!(code, 0, "{err}");
    let (code, _, err) = then(&["hosts", "@run:last"]);
    assert!(code == 2 && err.contains("--allow-empty"), "{code} {err}");
}
