//! `--plan`, and the user's word before a run on many or guarded hosts.

use std::fs;
use std::io::{BufRead, BufReader, ErrorKind};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::ui::Ui;
use crate::{OMNES, told};

/// Addresses that must never be connected to, and a home with cluster files and preferences.
struct Trap {
    listener: TcpListener,
    home: tempfile::TempDir,
}

impl Trap {
    fn new(config: &str, clusters: &str) -> Trap {
        let listener = TcpListener::bind("0.0.0.0:0").expect("a port");
        listener.set_nonblocking(true).expect("a mode");
        let home = tempfile::tempdir().expect("a temporary directory");
        let ours = home.path().join(".config/omnes");
        fs::create_dir_all(&ours).expect("a directory");
        let port = listener.local_addr().expect("an address").port().to_string();
        fs::write(ours.join("config.toml"), config).expect("a file");
        fs::write(ours.join("clusters.toml"), clusters.replace("PORT", &port)).expect("a file");
        Trap { listener, home }
    }

    /// `me@127.0.0.[1-N]` on the listener's port: every address of 127/8 is ours.
    fn hosts(&self, n: usize) -> String {
        format!("me@127.0.0.[1-{n}]:{}", self.port())
    }

    fn port(&self) -> u16 {
        self.listener.local_addr().expect("an address").port()
    }

    fn run(&self, words: &[&str]) -> (i32, String, String) {
        told(&self.command(words).output().expect("omnes starts"))
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(OMNES);
        command.args(words).env("HOME", self.home.path()).stdin(Stdio::null());
        command.env_remove("XDG_CONFIG_HOME").env_remove("XDG_STATE_HOME");
        command
    }

    /// The same in a terminal.
    fn in_terminal(&self, program: &str, words: &[&str]) -> Ui {
        let home = self.home.path().display().to_string();
        let path = std::env::var("PATH").expect("a PATH");
        let env = [("HOME", home.as_str()), ("PATH", &path), ("TERM", "xterm-256color"), ("OMNES", OMNES)];
        Ui::start(Path::new(program), words, &env, (40, 160))
    }

    /// Nobody has connected, and nothing is remembered of a run.
    fn is_untouched(&self) {
        let refused = self.listener.accept().expect_err("nobody may have connected");
        assert_eq!(refused.kind(), ErrorKind::WouldBlock);
        let runs = self.home.path().join(".local/state/omnes/runs");
        let kept = runs.read_dir().map(Iterator::count).unwrap_or_default();
        assert_eq!(kept, 0, "a run that did not begin was recorded");
    }
}

const CLUSTERS: &str = r#"
[clusters.web]
hosts = ["127.0.0.[1-4]"]
user = "deploy"
port = PORT
tags = ["prod"]
[clusters.inner]
hosts = ["10.9.9.[1-2]"]
jump = "127.0.0.9:PORT"
[sources.cloud]
list = ["echo", "x"]
map = ["sh", "-c", "touch \"$HOME/asked\"; echo 127.0.0.1:PORT"]
"#;

const GUARD: &str = "[guards.prod]\npatterns = ['\\breboot\\b']\n";

#[test]
fn a_plan_says_what_would_happen_and_contacts_nobody() {
    let trap = Trap::new(GUARD, CLUSTERS);
    let line =
        "run --plan -F none web inner --waves 1,50% --pause 60s --max-fail 10% -f 2 -u 30 -- sudo reboot";
    let (code, out, err) = trap.run(&line.split(' ').collect::<Vec<_>>());
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    for part in [
        "plan for 6 hosts; no host was contacted\nsent\n",
        " (6):\n    sudo reboot\n",
        "turns\n  wave 1 of 3: 10.9.9.1 (1)\n  a pause of 60 s\n  wave 2 of 3: 10.9.9.2 127.0.0.1 127.0.0.2 (3)\n",
        " (2): through 127.0.0.9",
        " (4): directly\n",
        "\n  2 hosts at once\n  15 s to reach a host\n  30 s for a command\n",
        "\n  it stops when more fail than 10%\n",
        "asked\n  `sudo reboot` matches `\\breboot\\b`, which is guarded: 4 of the 6 hosts that would hear it are tagged prod: \
         their number, unless --yes 6 answers\n",
        "output\n  what hosts write to standard output",
    ] {
        assert!(out.contains(part), "no {part:?}: {out}");
    }
    trap.is_untouched();
}

#[test]
fn a_plan_as_json_is_one_line_with_every_host() {
    let trap = Trap::new("", CLUSTERS);
    let (code, out, err) =
        trap.run(&["run", "--plan", "--output", "json", "-F", "none", "web", "inner", "--", "uptime"]);
    assert_eq!((code, err.as_str(), out.lines().count()), (0, "", 1), "{out}");
    let line: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((&line["v"], &line["event"], &line["count"]), (&1.into(), &"plan".into(), &6.into()));
    let targets = line["targets"].as_array().expect("targets");
    assert_eq!(targets.len(), 6);
    assert_eq!((&targets[2]["user"], &targets[2]["port"]), (&"deploy".into(), &trap.port().into()), "{line}");
    assert!(targets[0]["through"][0].as_str().expect("a jump host").starts_with("127.0.0.9"), "{line}");
    assert_eq!(line["sent"][0]["command"], "uptime");
    crate::schema::Schema::of_docs().check(&line).expect("an event of the documentation");
    trap.is_untouched();
}

#[test]
fn a_source_is_asked_for_a_plan_since_hosts_have_to_be_known() {
    let trap = Trap::new("", CLUSTERS);
    let (code, out, err) = trap.run(&["run", "--plan", "-F", "none", "@cloud:x", "--", "uptime"]);
    assert_eq!(code, 0, "{err}");
    assert!(out.starts_with("plan for 1 host; no host was contacted\n"), "{out}");
    assert!(trap.home.path().join("asked").exists());
    trap.is_untouched();
}

#[test]
fn a_plan_fails_where_the_run_would_not_begin() {
    let trap = Trap::new("", CLUSTERS);
    for (words, part) in [
        (&["--yes", "3", "web", "--", "id"][..], "--yes 3 is for at most 3 hosts, and there are 4"),
        (&["web", "--max-fail", "many", "--", "id"], "many"),
        (&["web[", "--", "id"], "web["),
    ] {
        let (code, out, err) = trap.run(&[&["run", "--plan", "-F", "none"], words].concat());
        assert_eq!((code, out.as_str()), (2, ""), "{words:?}: {err}");
        assert!(err.contains(part), "{words:?}: {err}");
    }
    trap.is_untouched();
}

#[test]
fn the_demo_tells_its_plan_and_runs_nothing() {
    let trap = Trap::new("limits.confirm_above = 2", "");
    let mark = trap.home.path().join("ran");
    let command = format!("echo x >> {}", mark.display());
    let (code, out, err) = trap.run(&["demo", "run", "--hosts", "5", "--plan", "--", &command]);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    assert!(out.starts_with("plan for 5 hosts; no host was contacted\n"), "{out}");
    assert!(!mark.exists());
    // Its hosts are toys: it runs without a word.
    let (code, _, err) = trap.run(&["demo", "run", "--hosts", "5", "--", &command]);
    assert_eq!((code, fs::read_to_string(mark).expect("it ran").lines().count()), (0, 5), "{err}");
}

#[test]
fn where_nobody_can_be_asked_the_option_that_answers_is_named_and_nothing_is_contacted() {
    let trap = Trap::new(&format!("limits.confirm_above = 5\n{GUARD}"), CLUSTERS);
    let six = trap.hosts(6);
    let guarded = "4 of the 4 hosts that would hear it are tagged prod; nobody can be asked here, so confirm with --yes 4";
    for (words, part) in [
        (
            &[six.as_str(), "--", "id"][..],
            "6 hosts are more than 5 (`confirm_above`); nobody can be asked here, so confirm with --yes 6",
        ),
        (&["web", "--", "cd /; reboot"], guarded),
        (&["--output", "json", "web", "--", "reboot"], guarded),
        (&["--yes", "5", &six, "--", "id"], "--yes 5 is for at most 5 hosts, and there are 6"),
        (&["--yes", "many", &six, "--", "id"], "--yes"),
    ] {
        let (code, out, err) = trap.run(&[&["run", "-F", "none"], words].concat());
        assert_eq!((code, out.as_str()), (2, ""), "{words:?}: {err}");
        assert!(err.contains(part), "{words:?}: {err}");
    }
    trap.is_untouched();
}

#[test]
fn a_hundred_hosts_need_no_word_and_one_more_does() {
    let trap = Trap::new("", "");
    let (code, _, err) = trap.run(&["run", "-F", "none", &trap.hosts(101), "--", "id"]);
    assert_eq!(code, 2, "{err}");
    assert!(err.contains("101 hosts are more than 100"), "{err}");
    trap.is_untouched();
    let plan = trap.run(&["run", "--plan", "-F", "none", &trap.hosts(100), "--", "id"]).1;
    assert!(plan.contains("asked\n  nothing"), "{plan}");
}

const QUESTION: &str = "run `id` on 3 hosts: ";

#[test]
fn whatever_is_not_the_number_is_no() {
    let trap = Trap::new("limits.confirm_above = 2", "");
    let hosts = trap.hosts(3);
    for (answer, said) in [
        ("\r", "not confirmed: nothing was typed; nothing was contacted"),
        ("yes\r", "not confirmed: `yes` is not 3, the number of hosts; nothing was contacted"),
        ("2\r", "not confirmed: `2` is not 3, the number of hosts; nothing was contacted"),
        ("\u{4}", "not confirmed: nothing was typed; nothing was contacted"),
    ] {
        let mut ui = trap.in_terminal(OMNES, &["run", "-F", "none", &hosts, "--", "id"]);
        ui.wait_for("3 hosts are more than 2 (`confirm_above`)");
        ui.wait_for(QUESTION);
        ui.wait_for("(type the number of hosts to confirm)");
        ui.write(answer);
        ui.wait_for(said);
        assert_eq!(ui.wait_exit().code(), Some(2), "{answer:?}");
        assert_eq!(ui.line_modes(), ui.line_modes_at_start());
    }
    trap.is_untouched();
}

#[test]
fn an_interrupt_at_the_question_contacts_nobody() {
    let trap = Trap::new("limits.confirm_above = 2", "");
    let mut ui = trap.in_terminal(OMNES, &["run", "-F", "none", &trap.hosts(3), "--", "id"]);
    ui.wait_for("(type the number of hosts to confirm)");
    ui.keys("C-c");
    ui.wait_for("omnes: interrupted; nothing was contacted");
    assert_eq!(ui.wait_exit().code(), Some(130));
    trap.is_untouched();
}

#[test]
fn what_was_typed_before_the_question_does_not_answer_it() {
    let trap = Trap::new("limits.confirm_above = 2", "");
    // It is typed while the hosts' names are still being read from a pipe that is open.
    let line = "printf 'ready\\n'; (read _ < go; printf '%s\\n' \"$1\") | \"$OMNES\" run -F none - -- id";
    let fifo = trap.home.path().join("go");
    assert!(Command::new("mkfifo").arg(&fifo).status().expect("mkfifo").success());
    let line = format!("cd; {line}");
    let mut ui = trap.in_terminal("/bin/bash", &["-c", &line, "bash", &trap.hosts(3)]);
    ui.wait_for("ready");
    ui.write("3\r");
    ui.wait_for("3");
    fs::write(&fifo, "\n").expect("it is read");
    ui.wait_for("(type the number of hosts to confirm)");
    ui.write("\r");
    ui.wait_for("not confirmed: nothing was typed");
    assert_eq!(ui.wait_exit().code(), Some(2));
    trap.is_untouched();
}

#[test]
fn a_job_in_the_background_is_not_stopped_by_the_question() {
    let trap = Trap::new("limits.confirm_above = 2", "");
    let line = "set -m; \"$OMNES\" run -F none \"$1\" -- id & wait $!; echo \"it ended: $?\"";
    let ui = trap.in_terminal("/bin/bash", &["-c", line, "bash", &trap.hosts(3)]);
    ui.wait_for("confirm with --yes 3");
    ui.wait_for("it ended: 2");
    trap.is_untouched();
}

/// Demo hosts that listen.
pub(crate) struct Served {
    server: Child,
    pub(crate) config: String,
    /// It goes on saying things, and ends when nobody hears them.
    _out: BufReader<ChildStdout>,
    _home: tempfile::TempDir,
}

impl Served {
    pub(crate) fn new(hosts: usize) -> Served {
        let (mut command, home) = crate::omnes(&["demo", "serve", "--hosts", &hosts.to_string()]);
        let mut server = command.stdout(Stdio::piped()).spawn().expect("omnes starts");
        let mut out = BufReader::new(server.stdout.take().expect("a pipe"));
        let config = loop {
            let mut line = String::new();
            assert_ne!(out.read_line(&mut line).expect("text"), 0, "the server says where its ssh_config is");
            if let Some(path) = line.strip_prefix("ssh_config") {
                break path.trim().to_owned();
            }
        };
        Served { server, config, _out: out, _home: home }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.server), Signal::TERM);
        let _ = self.server.wait();
    }
}

#[test]
fn the_number_begins_the_run_whatever_becomes_of_standard_output() {
    let trap = Trap::new("limits.confirm_above = 2", "");
    let served = Served::new(3);
    let file = trap.home.path().join("out");
    let line = format!("\"$OMNES\" run -F {} 'demo[01-03]' -- hostname > {}", served.config, file.display());
    let mut ui = trap.in_terminal("/bin/bash", &["-c", &line]);
    ui.wait_for("run `hostname` on 3 hosts: demo[01-03]? (type the number of hosts to confirm)");
    ui.write(" 3 \r");
    ui.wait_for("3 ok: demo[01-03]");
    assert_eq!(ui.wait_exit().code(), Some(0));
    let out = fs::read_to_string(&file).expect("a file");
    let mut lines: Vec<&str> = out.lines().collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        ["demo01: demo01", "demo02: demo02", "demo03: demo03"],
        "nothing of the question is in it"
    );
}

#[test]
fn yes_answers_beforehand_for_at_most_so_many_hosts() {
    let trap = Trap::new("limits.confirm_above = 2", "");
    let served = Served::new(3);
    for (yes, code) in [("3", 0), ("10", 0), ("2", 2)] {
        let words = ["run", "-F", &served.config, "--yes", yes, "demo[01-03]", "--", "true"];
        let (got, out, err) = trap.run(&words);
        assert_eq!((got, out.as_str()), (code, ""), "{yes}: {err}");
    }
}
