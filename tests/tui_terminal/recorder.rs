//! What is done in the TUI of the built program, as a script: recorded on the demo, then played headless on another fleet.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use omnes::play::file::parse;

use crate::ui::Ui;

const OMNES: &str = env!("CARGO_BIN_EXE_omnes");

/// Far above anything normal.
const DEADLINE: Duration = Duration::from_secs(60);

/// A place for files, and a demo of three hosts that is recorded there.
struct Recorded {
    home: tempfile::TempDir,
}

impl Recorded {
    fn new() -> Recorded {
        Recorded { home: tempfile::tempdir().expect("a directory") }
    }

    fn file(&self) -> PathBuf {
        self.home.path().join("setup.toml")
    }

    fn open(&self) -> Ui {
        let file = self.file().display().to_string();
        let home = self.home.path().to_str().expect("UTF-8");
        let env = [("HOME", home), ("TERM", "xterm-256color"), ("PATH", "/usr/bin:/bin")];
        let args = ["demo", "--hosts", "3", "--record", &file];
        let ui = Ui::start(Path::new(OMNES), &args, &env, (40, 120));
        ui.wait("prompts", |screen| (1..=3).all(|n| screen.contains(&format!("demo0{n}:~$"))));
        ui.wait_for("● script");
        ui
    }

    /// Waits until the file holds a text: each step stands there as soon as it is done.
    fn holds(&self, text: &str) {
        let until = Instant::now() + DEADLINE;
        loop {
            let file = fs::read_to_string(self.file()).unwrap_or_default();
            if file.contains(text) {
                return;
            }
            assert!(Instant::now() < until, "waiting for `{text}`; the file was:\n{file}");
            std::thread::yield_now();
        }
    }

    fn omnes(&self, args: &[&str]) -> Output {
        let mut command = Command::new(OMNES);
        command.env_clear().env("HOME", self.home.path()).env("PATH", "/usr/bin:/bin").args(args);
        command.output().expect("omnes starts")
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn what_was_done_with_an_exception_and_a_secret_is_done_again_without_windows() {
    let recorded = Recorded::new();
    let mut ui = recorded.open();
    ui.line("mkdir site && cd site");
    recorded.holds("run = \"mkdir site && cd site\"");
    ui.keys("C-a d");
    ui.wait_for("demo01 alone");
    ui.line("echo special > kind");
    recorded.holds("on = \"demo01\"\nrun = \"echo special > kind\"");
    ui.keys("C-a j");
    ui.wait_for("2 of 3 hosts");
    ui.line("echo usual > kind");
    recorded.holds("on = \"*!demo01\"\nrun = \"echo usual > kind\"");
    ui.keys("C-a D");
    ui.wait_for("→ 3 hosts");
    ui.line("printf 'Password: '; stty -echo; read -r word; stty echo; echo; echo \"$word\" | wc -c >> kind");
    ui.wait("three prompts for a secret", |screen| screen.count("║Password:") == 3);
    ui.write("hunter2\r");
    recorded.holds("secret = \"password\"");
    ui.line("cat kind");
    recorded.holds("run = \"cat kind\"");
    ui.keys("C-a q");
    ui.wait_for("Leave omnes");
    ui.keys("y");
    assert!(ui.wait_exit().success());

    let script = fs::read_to_string(recorded.file()).expect("the script");
    assert!(!script.contains("hunter"), "{script}");
    assert_eq!(fs::metadata(recorded.file()).expect("the script").permissions().mode() & 0o777, 0o600);
    assert_eq!(
        parse("setup.toml", &script).unwrap_or_else(|error| panic!("{error}\n{script}")).steps.len(),
        6
    );

    let file = recorded.file().display().to_string();
    let secret = "password=echo correct";
    let played = recorded.omnes(&["demo", "--hosts", "20", "play", &file, "--secret-command", secret, "-b"]);
    let (out, err) = (text(&played.stdout), text(&played.stderr));
    assert_eq!(played.status.code(), Some(0), "{script}\n{out}\n{err}");
    assert!(out.contains("demo01 (1): ok\n---------------\nspecial\n8\n"), "{out}");
    assert!(out.contains("demo[02-20] (19): ok\n---------------\nusual\n8\n"), "{out}");
}

#[test]
fn a_recording_outlives_a_program_that_is_killed_and_overwrites_nothing() {
    let recorded = Recorded::new();
    let ui = recorded.open();
    ui.line("uptime");
    recorded.holds("run = \"uptime\"");
    let pid = rustix::process::Pid::from_raw(ui.pid() as i32).expect("a process");
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("it lives");
    assert!(ui.ends_within(DEADLINE));
    let script = fs::read_to_string(recorded.file()).expect("the script");
    assert_eq!(parse("setup.toml", &script).expect("a script").steps.len(), 1, "{script}");

    let file = recorded.file().display().to_string();
    let again = recorded.omnes(&["demo", "--record", &file]);
    assert_eq!(again.status.code(), Some(2));
    assert!(text(&again.stderr).contains("exists already; name a new file"), "{}", text(&again.stderr));
    let nowhere = recorded.omnes(&["open", "web01", "--record", "/nowhere/setup.toml"]);
    assert_eq!(nowhere.status.code(), Some(2));
    assert!(text(&nowhere.stderr).contains("there is no directory"), "{}", text(&nowhere.stderr));
    assert_eq!(fs::read_to_string(recorded.file()).expect("the script"), script);
}
