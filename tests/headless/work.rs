//! What is sent: commands, scripts, inputs, variables, templates and terminals, on hosts with real shells.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use super::{bash, begin, run};

/// `omnes demo run` on so many hosts, gathered, so that outputs stand in order.
fn demo(hosts: &str, words: &[&str]) -> (i32, String, String) {
    run(&[&["demo", "run", "--hosts", hosts], words].concat())
}

fn file(dir: &Path, name: &str, text: impl AsRef<[u8]>) -> String {
    let path = dir.join(name);
    fs::write(&path, text).expect("a file");
    path.display().to_string()
}

#[test]
fn without_template_not_a_byte_is_changed() {
    let (code, out, err) = demo("1", &["--", "host=x; echo ${host} {host} '{{'"]);
    assert_eq!((code, out.as_str()), (0, "demo01: x {host} {{\n"), "{err}");
}

#[test]
fn a_template_is_filled_in_and_quoted_for_each_host() {
    let (code, mut out, err) = run(&[
        "demo",
        "run",
        "--hosts",
        "2",
        "--template",
        "-b",
        "--",
        "echo {n:02}/{count} {host} ${{HOME:+x}}",
    ]);
    assert_eq!(code, 0, "{err}");
    out.retain(|c| c != '-');
    assert!(out.contains("\n01/2 demo01 x\n") && out.contains("\n02/2 demo02 x\n"), "{out}");
}

#[test]
fn a_place_that_means_nothing_stops_everybody_before_anything_is_contacted() {
    let (code, out, err) = demo("3", &["--template", "--", "echo {rack}"]);
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.starts_with("omnes: the command: column 6: {rack} means nothing for demo01; "), "{err}");
    assert!(err.trim_end().ends_with("nothing was contacted"), "{err}");
}

#[test]
fn a_script_of_sh_needs_no_file_and_gets_its_arguments_and_its_host() {
    let dir = tempfile::tempdir().expect("a directory");
    let text = "set -eu\ncd \"$HOME\"\nprintf '%s|' \"$0\" \"$@\" \"$OMNES_HOST\" \"$OMNES_N/$OMNES_COUNT\" \"it's\"\nls -A | wc -l\n";
    let script = file(dir.path(), "deploy", text);
    let (code, out, err) = demo("1", &["--script", &script, "--", "a b", "$x", "it's", ""]);
    assert_eq!((code, out.as_str()), (0, "demo01: deploy|a b|$x|it's||demo01|1/1|it's|0\n"), "{err}");
    // An exit status in the middle, and a standard input of its own.
    let script =
        file(dir.path(), "reads", "#!/bin/sh -e\nread first\necho \"got $first\"\nfalse\necho never\n");
    let input = file(dir.path(), "input", "one\ntwo\n");
    let (code, out, err) = demo("1", &["--script", &script, "--stdin", &input]);
    assert_eq!((code, out.as_str()), (1, "demo01: got one\n"), "{err}");
}

#[test]
fn any_interpreter_reads_its_script_without_a_file() {
    let dir = tempfile::tempdir().expect("a directory");
    for (first, text) in [
        ("#!/bin/bash", "[[ x == x ]] && echo \"$1 $OMNES_HOST\"; ls -A $HOME | wc -l"),
        ("#!/usr/bin/env bash", "a=(1 \"$1\"); echo \"${a[1]} $OMNES_HOST\"; ls -A $HOME | wc -l"),
        (
            "#!/usr/bin/perl -w",
            "print \"$ARGV[0] $ENV{OMNES_HOST}\\n\"; print 0 + (() = glob(\"$ENV{HOME}/*\")), \"\\n\";",
        ),
        ("#!/usr/bin/awk -f", "BEGIN { print ARGV[1] \" \" ENVIRON[\"OMNES_HOST\"]; print 0 }"),
        (
            "#!/usr/bin/env python3",
            "import os, sys\nprint(sys.argv[1], os.environ['OMNES_HOST'])\nprint(len(os.listdir(os.environ['HOME'])))",
        ),
    ] {
        // Longer than a pipe takes at once, so that whoever fills it has to wait.
        let text = format!(
            "{first}\n{text}\n{}",
            "# to be sent too, though nobody does anything with it\n".repeat(1500)
        );
        let script = file(dir.path(), "script", text);
        let (code, out, err) = demo("2", &["--script", &script, "--", "it's $1"]);
        let mut lines: Vec<&str> = out.lines().collect();
        lines.sort_unstable();
        let expected = ["demo01: 0", "demo01: it's $1 demo01", "demo02: 0", "demo02: it's $1 demo02"];
        assert_eq!((code, &lines[..]), (0, &expected[..]), "{first}: {err}");
    }
}

#[test]
fn a_script_may_be_filled_in_and_may_come_from_standard_input() {
    let line = "printf 'echo {n} \"$OMNES_N\" \"$1\"' | $OMNES demo run --hosts 1 --template --script - -- '{host}!'";
    assert_eq!(bash(line), (0, "demo01: 1 1 demo01!\n".to_owned(), "omnes: 1 ok: demo01\n".to_owned()));
    let dir = tempfile::tempdir().expect("a directory");
    let script = file(dir.path(), "s", "echo {{host}}\n\necho {hots}\n");
    let (code, _, err) = demo("2", &["--template", "--script", &script]);
    assert!(
        code == 2 && err.starts_with("omnes: s: line 3, column 6: {hots} means nothing for demo01"),
        "{err}"
    );
}

#[test]
fn variables_a_directory_and_another_shell() {
    let words = ["--env", "A=it's $x", "--env", "B=", "--chdir", "/", "--shell=bash", "--"];
    let line = "printf '%s|' \"$A\" \"${B-unset}\" $PWD $OMNES_HOST ${BASH_VERSION:+bash}";
    let (code, out, err) = demo("1", &[&words[..], &[line]].concat());
    assert_eq!((code, out.as_str()), (0, "demo01: it's $x||/|demo01|bash|\n"), "{err}");
    let (code, out, err) = demo("1", &["--chdir", "/nonexistent", "--", "touch x; echo ran"]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(err.contains("/nonexistent") && err.contains("exit status 126"), "{err}");
    let (_, out, _) = demo("1", &["--template", "--env", "WHO={host} {n}", "--", "echo \"$WHO\""]);
    assert_eq!(out, "demo01: demo01 1\n");
}

#[test]
fn everybody_gets_the_whole_input() {
    let dir = tempfile::tempdir().expect("a directory");
    let text: Vec<u8> = (0..700_000_u32).flat_map(u32::to_le_bytes).collect();
    let input = file(dir.path(), "input", &text);
    let sum = Command::new("cksum")
        .stdin(fs::File::open(&input).expect("ours"))
        .output()
        .expect("cksum runs")
        .stdout;
    let sum = String::from_utf8(sum).expect("text");
    for line in ["--stdin $INPUT", "--stdin - <$INPUT", "--stdin - < <(cat $INPUT)"] {
        let (before, after) = line.split_at(line.find('<').unwrap_or(line.len()));
        let line = format!("INPUT={input}; $OMNES demo run --hosts 5 -f 2 -b {before} -- cksum {after}");
        let (code, out, err) = bash(&line);
        assert_eq!(code, 0, "{line}: {err}");
        assert!(out.contains("demo[01-05] (5): ok") && out.ends_with(&sum), "{line}: {out}");
    }
}

#[test]
fn an_input_without_end_ends_with_its_readers() {
    let begun = Instant::now();
    let line = "yes | $OMNES demo run --hosts 3 --stdin - -- head -c 100000 | wc -c";
    let (code, out, _) = bash(line);
    // Each line stands behind the name of its host.
    assert_eq!((code, out.trim()), (0, "1500000"), "100,000 bytes are 50,000 lines");
    assert!(begun.elapsed() < Duration::from_secs(60));
    // What a loop reads is left to the loop, unless it is asked for.
    let line = "seq 3 | while read n; do $OMNES demo run --hosts 1 -- 'cat; echo x' 2>/dev/null; done; \
                seq 3 | { $OMNES demo run --hosts 1 --stdin - -- 'cat; echo x' 2>/dev/null; cat; }";
    let x = "demo01: x\n";
    assert_eq!(bash(line).1, format!("{x}{x}{x}demo01: 1\ndemo01: 2\ndemo01: 3\n{x}"));
}

#[test]
fn two_readers_of_standard_input_are_refused() {
    let (code, _, err) = run(&["run", "-", "--stdin", "-", "--", "cat"]);
    assert_eq!(code, 2);
    assert!(err.contains("standard input has two readers, the target `-` and `--stdin -`"), "{err}");
}

#[test]
fn in_the_background_of_a_terminal_nothing_is_read_and_nothing_stops() {
    // A job that reads its terminal from the background is stopped by it (SIGTTIN); `script` makes the terminal.
    let line = "script -qec \"bash -mc '$OMNES demo run --hosts 2 -- hostname & wait; echo over'\" /dev/null </dev/null";
    let (code, out, _) = bash(line);
    assert!(code == 0 && out.contains("demo01: demo01") && out.contains("over"), "{out}");
}

#[test]
fn a_terminal_is_given_where_it_is_wanted() {
    let (code, out, err) = demo("1", &["--pty", "--", "test -t 0 && test -t 1 && stty size; cat; exit 5"]);
    assert_eq!((code, out.as_str()), (1, "demo01: 24 80\r\n"), "{err}");
    assert!(err.contains("exit status 5"), "{err}");
    assert_eq!(demo("1", &["--", "test -t 0 || echo none"]).1, "demo01: none\n");
}

#[test]
fn every_exit_status_is_told_and_a_missing_one_is_no_success() {
    let line = "exit $(( ($(hostname | tr -dc 0-9 | sed 's/^0*//') - 1) % 256 ))";
    let (code, out, _) = run(&["demo", "run", "--hosts", "256", "--output", "json", "--", line]);
    let mut told: Vec<u64> = (out.lines())
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("a JSON line"))
        .filter(|line| line["event"] == "outcome")
        .map(|line| line["status"].as_u64().expect("a status"))
        .collect();
    told.sort_unstable();
    assert_eq!((code, told), (1, (0..256).collect()));
    for (line, part) in [
        ("kill -9 $$", "1 failed (signal KILL): demo01"),
        ("kill -SEGV $$", "1 failed (signal SEGV): demo01"),
        ("echo x; exec >&- 2>&-; sleep 0.3; exit 7", "1 failed (exit status 7): demo01"),
        ("exec 1>&- 2>&-; kill -TERM $$", "1 failed (signal TERM): demo01"),
    ] {
        let (code, _, err) = demo("1", &["--", line]);
        assert!(code == 1 && err.contains(part), "{line}: {err}");
    }
}

#[test]
fn nothing_is_lost_when_a_command_ends() {
    let line = "i=0; while [ $i -lt 2000 ]; do echo $i; i=$((i+1)); done; printf 'a\\0b' >&2; head -c 1000000 /dev/zero; printf end";
    for words in [&["--"] as &[&str], &["--ensure-kill", "--"]] {
        for _ in 0..8 {
            let (code, out, err) = demo("4", &[words, &[line]].concat());
            assert_eq!(code, 0, "{err}");
            for host in ["demo01", "demo02", "demo03", "demo04"] {
                let own: Vec<&str> =
                    out.split('\n').filter_map(|line| line.strip_prefix(host)?.strip_prefix(": ")).collect();
                assert_eq!(own.len(), 2001, "{host}");
                assert!(own[..2000].iter().enumerate().all(|(n, line)| *line == n.to_string()), "{host}");
                assert!(own[2000].len() == 1_000_003 && own[2000].ends_with("\0end"), "{host}");
                assert!(err.contains(&format!("{host}: a\0b")), "{host}");
            }
        }
    }
}

/// Processes with this word in their command line.
fn alive(word: &str) -> Vec<String> {
    let out = Command::new("pgrep").args(["-f", word]).output().expect("pgrep runs").stdout;
    String::from_utf8_lossy(&out).lines().map(str::to_owned).collect()
}

fn gone(word: &str) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !alive(word).is_empty() {
        assert!(Instant::now() < deadline, "{word} still runs");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn after_a_timeout_killed_is_said_only_where_it_is_certain() {
    // It ignores what can be ignored, and has children that do.
    let word = format!("7{}.25", std::process::id());
    let stubborn =
        format!("trap '' HUP TERM INT; sleep {word} & sleep {word} & while :; do sleep {word}; done");
    let (code, _, err) = demo("2", &["-u", "2", "--", &stubborn]);
    assert!(code == 4 && err.contains("2 timed out, may still run: demo[01-02]"), "{err}");
    let ends = "trap 'exit 3' TERM; while :; do sleep 0.1; done";
    let (code, _, err) = demo("2", &["-u", "1", "--", ends]);
    assert!(code == 4 && err.contains("2 timed out, ended: demo[01-02]"), "{err}");
    let (code, out, err) = demo("3", &["-u", "2", "--ensure-kill", "--", &format!("echo up; {stubborn}")]);
    assert!(code == 4 && err.contains("3 timed out, killed: demo[01-03]"), "{err}");
    assert_eq!(out.matches("up").count(), 3, "{out}");
    assert!(!err.contains("[omnes"), "{err}");
    assert_eq!(alive(&word), [""; 0], "killed was certain");
}

#[test]
fn a_wrapped_command_ends_with_its_own_status_and_both_outputs() {
    let line = "echo out; echo err >&2; read x || echo nothing; exit 9";
    let (code, out, err) = demo("1", &["--ensure-kill", "--env", "A=1", "--chdir", "/", "--", line]);
    assert_eq!((code, out.as_str()), (1, "demo01: out\ndemo01: nothing\n"));
    assert!(
        err.contains("demo01: err\n") && err.contains("exit status 9") && !err.contains("[omnes"),
        "{err}"
    );
}

#[test]
fn a_wrapped_command_ends_with_the_user() {
    let word = format!("8{}.25", std::process::id());
    let stubborn = format!("trap '' HUP TERM; echo up; while :; do sleep {word}; done");
    let words = ["demo", "run", "--hosts", "2", "--ensure-kill", "--", &stubborn];
    let mut killed = begin(2, &words);
    let err = killed.child.stderr.take().expect("a pipe");
    killed.signal(rustix::process::Signal::TERM);
    let (code, text) = killed.end(err);
    // A busy host may take longer than somebody who waits for a prompt does; then it is not called killed.
    let is_certain = text.contains("2 killed: demo[01-02]");
    assert!(code == 130 && (is_certain || text.contains("interrupted, may still run: demo")), "{text}");
    assert!(!is_certain || alive(&word).is_empty(), "{text}");
    gone(&word);
}

#[test]
fn every_login_shell_hands_on_every_character() {
    let odd = "it's \\' \"q\" $HOME `id` !x \\\\ * ~ # & ; < > | { } [ ] ( ) % ^ \t é";
    for shell in ["sh", "bash", "fish", "csh", "mksh", "busybox sh"] {
        let (program, arguments) = shell.split_once(' ').map_or((shell, vec![]), |(p, a)| (p, vec![a]));
        let line = omnes::run::quote::line(["printf", "%s", odd]);
        let line = String::from_utf8(line).expect("text");
        let said = Command::new(program).args(arguments).args(["-c", &line]).output();
        let said = said.unwrap_or_else(|error| panic!("{program} is missing ({error}): see tests/run"));
        assert_eq!(String::from_utf8_lossy(&said.stdout), odd, "{shell}: {line}");
    }
}

#[test]
fn without_a_terminal_sudo_says_which_option_answers() {
    let (code, _, err) = run(&["run", "nowhere", "--sudo", "--", "id"]);
    assert_eq!(code, 2);
    for option in ["--sudo-password-command", "--sudo-password-fd", "--sudo-no-password"] {
        assert!(err.contains(option), "{err}");
    }
    let (code, _, err) = demo("1", &["--sudo", "--sudo-no-password", "--", "id"]);
    assert!(code == 2 && err.contains("the hosts of the demo are this machine"), "{err}");
}

#[test]
fn a_script_that_cannot_be_read_or_sent_is_named() {
    let dir = tempfile::tempdir().expect("a directory");
    let locked = file(dir.path(), "binary", b"#!/bin/sh\n\0");
    let (code, _, err) = demo("1", &["--script", &locked]);
    assert!(code == 2 && err.contains("it holds a NUL byte"), "{err}");
    let long = file(dir.path(), "long", "x\n".repeat(100_000));
    let (code, _, err) = demo("1", &["--script", &long]);
    assert!(code == 2 && err.contains("no Linux takes a longer command"), "{err}");
}
