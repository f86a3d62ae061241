//! What is kept, on the real program in a real terminal: logs, recordings, the history, and a disk that is full.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::{Pid, Signal, kill_process};

use super::ui::Ui;

/// The demo with two hosts, a home and these arguments.
fn demo(home: &Path, args: &[&str]) -> Ui {
    let path = home.to_str().expect("a path in UTF-8");
    let env = [("HOME", path), ("TERM", "xterm-256color"), ("PATH", "/usr/bin:/bin"), ("LANG", "C.UTF-8")];
    let args: Vec<&str> = ["demo", "--hosts", "2"].into_iter().chain(args.iter().copied()).collect();
    let ui = Ui::start(Path::new(env!("CARGO_BIN_EXE_omnes")), &args, &env, (30, 100));
    ui.wait("two prompts", |screen| screen.contains("demo01:~$") && screen.contains("demo02:~$"));
    ui
}

fn leave(mut ui: Ui) {
    ui.keys("C-a q");
    ui.wait_for("Leave omnes");
    ui.keys("y");
    assert_eq!(ui.wait_exit().code(), Some(0));
}

fn state(home: &Path) -> PathBuf {
    home.join(".local/state/omnes")
}

/// Every file below a directory.
fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .flat_map(|entry| match entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            true => files(&entry.path()),
            false => vec![entry.path()],
        })
        .collect()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The output of a recording, all together.
fn output(cast: &Path) -> String {
    let event = |line: &str| serde_json::from_str::<(f64, String, String)>(line).expect("an event");
    let events = read(cast).lines().skip(1).map(event).collect::<Vec<_>>();
    assert!(events.iter().all(|(_, code, _)| code != "i"), "input is never recorded");
    events.into_iter().filter(|(_, code, _)| code == "o").map(|(_, _, data)| data).collect()
}

fn recording(home: &Path, name: &str) -> PathBuf {
    let begins =
        |path: &PathBuf| path.file_name().is_some_and(|file| file.to_string_lossy().starts_with(name));
    files(&state(home).join("recordings")).into_iter().find(begins).expect("a recording")
}

#[test]
fn a_log_holds_what_the_hosts_showed_and_the_history_what_they_were_sent() {
    let home = tempfile::tempdir().expect("a directory");
    let logs = home.path().join("my logs");
    let ui = demo(home.path(), &["--log", logs.to_str().expect("a path in UTF-8")]);
    ui.wait_for("2 logged");
    ui.line("printf '\\033[3%dmcol''oured\\033[m\\n' 1");
    ui.wait("both", |screen| screen.count("coloured") == 2);
    ui.line(" echo bl''ank");
    ui.wait("both", |screen| screen.count("blank") >= 2);
    leave(ui);
    for host in ["demo01", "demo02"] {
        let log = read(&logs.join(format!("{host}.log")));
        assert!(log.lines().any(|line| line == "coloured"), "{log}");
        assert!(log.starts_with("--- omnes: ") && log.trim_end().ends_with("---"), "{log}");
    }
    let history = read(&state(home.path()).join("history"));
    assert_eq!(history.lines().count(), 1, "a line with a blank before it is not kept: {history}");
    assert!(history.contains("\"hosts\":\"demo[01-02]\"") && history.contains("col''oured"), "{history}");
    assert!(!state(home.path()).join("sets").exists(), "the demo leaves no set behind");
}

#[test]
fn a_secret_that_is_typed_at_a_prompt_is_in_no_file() {
    let home = tempfile::tempdir().expect("a directory");
    let ui = demo(home.path(), &["--log", home.path().join("logs").to_str().expect("a path in UTF-8")]);
    ui.keys("C-a E");
    ui.write("\x01\x1be");
    ui.wait_for("● rec");
    ui.line("read -rsp '[sudo] password for ann: ' x; echo; echo length ${#x}");
    ui.wait("both ask", |screen| screen.count("[sudo] password for ann: ") >= 4);
    ui.line("tops3cret");
    ui.wait("both have it", |screen| screen.count("length 9") == 2);
    leave(ui);
    let found = files(home.path());
    let kept = found.iter().filter(|path| !path.ends_with(".bash_history"));
    let holds = |path: &&PathBuf| {
        String::from_utf8_lossy(&fs::read(path).expect("it is there")).contains("tops3cret")
    };
    assert_eq!(kept.filter(holds).collect::<Vec<_>>(), Vec::<&PathBuf>::new());
    let history = read(&state(home.path()).join("history"));
    assert!(history.contains("not kept: secret prompt"), "{history}");
    let names = ["demo01.log", "demo02.log", "history"];
    for name in names {
        assert!(found.iter().any(|path| path.ends_with(name)), "{name} is among {found:?}");
    }
}

#[test]
fn a_recording_of_the_screen_plays_back_to_what_was_shown() {
    let home = tempfile::tempdir().expect("a directory");
    let ui = demo(home.path(), &[]);
    ui.write("\x01\x1be");
    ui.wait_for("the screen is recorded in");
    ui.line("echo reco''rded");
    ui.wait("both", |screen| screen.count("recorded") >= 2);
    ui.keys("C-a d");
    let shown = ui.wait_for("→ demo01 alone");
    leave(ui);
    let text = output(&recording(home.path(), "screen-"));
    let mut parser =
        vt100::Parser::new(30.try_into().expect("not zero"), 100.try_into().expect("not zero"), 0);
    // Whole frames, up to the one with the question whether to leave.
    let asks = text.find("Leave").expect("the question is in it too");
    let end = text[..asks].rfind("\x1b[?2026h").expect("the beginning of its frame");
    parser.process(&text.as_bytes()[..end]);
    let rows: Vec<String> = parser.screen().rows(0, 100).collect();
    for row in shown.rows.iter().filter(|row| row.contains("recorded") && row.contains('║')) {
        assert!(rows.contains(row), "{row}\n{}", rows.join("\n"));
    }
    assert!(text.starts_with("\x1b[?2026h"), "it begins with a whole frame");
}

#[test]
fn a_full_disk_stops_the_logs_with_one_sentence_and_nothing_else() {
    let home = tempfile::tempdir().expect("a directory");
    let disk = Disk::small(home.path());
    let ui = demo(home.path(), &["--log", disk.0.to_str().expect("a path in UTF-8")]);
    ui.wait_for("2 logged");
    ui.line("head -c 300000 /dev/zero | tr '\\0' 'x' | fold; echo th''rough");
    ui.wait("one sentence for both", |screen| {
        screen.contains("1 more have stopped: ") && screen.contains("No space")
    });
    ui.wait("the hosts go on", |screen| screen.count("through") == 2);
    ui.line("echo al''ive");
    ui.wait("both", |screen| screen.count("alive") >= 2);
    leave(ui);
    assert!(read(&disk.0.join("demo01.log")).starts_with("--- omnes: "));
}

/// A file system with room for little.
struct Disk(PathBuf);

impl Disk {
    fn small(below: &Path) -> Disk {
        let path = below.join("disk");
        fs::create_dir(&path).expect("a directory");
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"]).arg(&path).status();
        assert!(mounted.expect("mount is there").success(), "the tests run as root");
        Disk(path)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn what_is_written_can_be_read_after_the_program_was_killed() {
    let home = tempfile::tempdir().expect("a directory");
    let mut ui = demo(home.path(), &["--log", home.path().join("logs").to_str().expect("a path in UTF-8")]);
    ui.keys("C-a E");
    ui.wait_for("is recorded in");
    ui.line("for i in $(seq 1 300); do echo line $i; done; echo en''ded");
    ui.wait("both", |screen| screen.count("ended") >= 2);
    ui.line("yes | head -c 3000000");
    ui.wait("a flood", |screen| screen.count("║y ") > 5);
    kill_process(Pid::from_raw(ui.pid() as i32).expect("a process"), Signal::KILL).expect("it lives");
    ui.wait_exit();
    let log = read(&home.path().join("logs/demo01.log"));
    let lines: Vec<&str> = log.lines().filter(|line| line.starts_with("line ")).collect();
    assert_eq!(lines.len(), 300, "every complete line before it is there");
    assert!(output(&recording(home.path(), "demo01-")).contains("line 300\r\n"));
    for line in read(&state(home.path()).join("history")).lines() {
        serde_json::from_str::<serde_json::Value>(line).expect("a whole line");
    }
}
