//! `omnes ctl` and the socket behind it, on the built program: scripts, and those who mean harm.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::ui::Ui;

const OMNES: &str = env!("CARGO_BIN_EXE_omnes");

/// Far above anything normal.
const DEADLINE: Duration = Duration::from_secs(60);

/// A demo in a terminal, and a place for its socket.
struct Desk {
    home: tempfile::TempDir,
}

impl Desk {
    fn new() -> Desk {
        Desk { home: tempfile::tempdir().expect("a directory") }
    }

    fn open(&self, more: &[&str]) -> Ui {
        let args = [&["demo", "--hosts", "3"], more].concat();
        let home = self.home.path().to_str().expect("UTF-8");
        let env = [("HOME", home), ("TERM", "xterm-256color"), ("PATH", "/usr/bin:/bin")];
        let ui = Ui::start(Path::new(OMNES), &args, &env, (40, 100));
        ui.wait("prompts", |screen| screen.contains("demo01:~$") && screen.contains("demo02:~$"));
        ui
    }

    fn directory(&self) -> PathBuf {
        self.home.path().join(".local/state/omnes/run")
    }

    fn ctl(&self, args: &[&str]) -> Command {
        let mut command = Command::new(OMNES);
        command.env_clear().env("HOME", self.home.path()).arg("ctl").args(args);
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.ctl(args).output().expect("omnes starts")
    }

    fn out(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert_eq!(output.status.code(), Some(0), "{args:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    fn fails(&self, args: &[&str]) -> (Option<i32>, String) {
        let output = self.run(args);
        (output.status.code(), text(&output.stderr))
    }

    fn connect(&self, called: &str) -> BufReader<UnixStream> {
        let stream = UnixStream::connect(self.directory().join(format!("{called}.sock"))).expect("a socket");
        stream.set_read_timeout(Some(DEADLINE)).expect("a deadline");
        let mut stream = BufReader::new(stream);
        let hello = line(&mut stream);
        assert!(hello.contains("\"v\":1") && hello.contains("\"pid\":"), "{hello}");
        stream
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn line(stream: &mut BufReader<UnixStream>) -> String {
    let mut line = String::new();
    stream.read_line(&mut line).expect("an answer in time");
    line
}

#[test]
fn a_script_drives_a_running_omnes() {
    let desk = Desk::new();
    let mut ui = desk.open(&["--name", "lab"]);
    desk.out(&["detach", "demo03"]);
    desk.out(&["send", "--enter", "echo $((6*7))"]);
    desk.out(&["wait", "^42$", "--host", "demo[01-02]"]);
    ui.wait("shown in the tiles and in the line", |screen| screen.count("║42") == 2);
    desk.out(&["wait", "--prompt", "--timeout", "60", "--host", "demo[01-02]"]);
    let dump = desk.out(&["dump", "-b", "--host", "demo01"]);
    assert!(dump.contains("\n42\n"), "{dump}");
    let dump = desk.out(&["dump"]);
    assert!(dump.contains("==> demo01 <==") && dump.contains("==> demo03 <=="), "{dump}");

    let list = desk.out(&["--to", "lab", "list"]);
    let of = |host: &str| list.lines().find(|line| line.starts_with(host)).expect("a line of it").to_owned();
    assert!(of("demo01").contains("ready") && of("demo01").contains("yes"), "{list}");
    assert!(of("demo03").contains("detached"), "{list}");
    let json = desk.out(&["list", "--output", "json", "--host", "demo02"]);
    let host: serde_json::Value = serde_json::from_str(&json).expect("one line of JSON");
    assert_eq!((&host["v"], &host["host"], &host["state"]), (&1.into(), &"demo02".into(), &"ready".into()));

    // What scripts do is the same as what hands do, and is shown.
    desk.out(&["focus", "demo02"]);
    desk.out(&["do", "detach"]);
    ui.wait_for("→ demo02 alone");
    desk.out(&["send", "--enter", "echo on''ly"]);
    ui.wait("one host", |screen| screen.count("║only") == 1);
    assert!(ui.screen().contains("ctl: sent"), "{}", ui.screen().text());
    desk.out(&["keys", "--host", "demo01", "e", "c", "h", "o", "Space", "k", "Enter"]);
    ui.wait("keys", |screen| screen.contains("k"));

    // Refused, with the reason and the exit code.
    let (code, why) = desk.fails(&["wait", "never", "--timeout", "0.2", "--host", "demo[01-02]"]);
    assert!(code == Some(1) && why.contains("demo[01-02]"), "{why}");
    let (code, why) = desk.fails(&["send", "--enter", "a\nb"]);
    assert!(code == Some(1) && why.contains("--yes"), "{why}");
    let (code, why) = desk.fails(&["do", "detahc"]);
    assert!(code == Some(2) && why.contains("detach"), "{why}");
    ui.keys("C-a q");
    ui.wait_for("Leave omnes");
    let (code, why) = desk.fails(&["send", "y"]);
    assert!(code == Some(1) && why.contains("dialog"), "{why}");
    ui.keys("n");
    desk.out(&["quit"]);
    assert_eq!(ui.wait_exit().code(), Some(0));
    assert_eq!(fs::read_dir(desk.directory()).expect("the directory").count(), 0, "its socket is gone");
    let (code, why) = desk.fails(&["list"]);
    assert!(code == Some(3) && why.contains("no omnes"), "{why}");
}

#[test]
fn each_omnes_is_found_by_its_name_and_by_its_process() {
    let desk = Desk::new();
    let (named, other) = (desk.open(&["--name", "prod"]), desk.open(&[]));
    let (code, why) = desk.fails(&["list"]);
    assert!(code == Some(3) && why.contains("--to prod") && why.contains(&other.pid().to_string()), "{why}");
    for to in ["prod".to_owned(), named.pid().to_string(), other.pid().to_string()] {
        assert!(desk.out(&["--to", &to, "list"]).contains("demo01"), "{to}");
    }
    let (code, why) = desk.fails(&["--to", "elsewhere", "list"]);
    assert!(code == Some(3) && why.contains("elsewhere"), "{why}");
    let taken = Command::new(OMNES)
        .args(["demo", "--hosts", "1", "--plain", "--name", "a/b"])
        .env_clear()
        .env("HOME", desk.home.path())
        .output()
        .expect("omnes starts");
    assert_eq!(taken.status.code(), Some(2));
    assert!(text(&taken.stderr).contains("is no name"), "{}", text(&taken.stderr));

    // The socket is its user's alone, and what a dead one left is taken away by the next.
    let meta = |path: &Path| fs::metadata(path).expect("it is there");
    assert_eq!(meta(&desk.directory()).permissions().mode() & 0o777, 0o700);
    let socket = desk.directory().join("prod.sock");
    assert_eq!(meta(&socket).permissions().mode() & 0o777, 0o600);
    drop(named);
    assert!(socket.exists(), "it was killed");
    let again = desk.open(&["--name", "prod"]);
    assert!(desk.out(&["--to", "prod", "list"]).contains("demo01"), "the new one answers");
    drop((other, again));
}

#[test]
fn with_the_socket_switched_off_nobody_listens() {
    let desk = Desk::new();
    let config = desk.home.path().join(".config/omnes");
    fs::create_dir_all(&config).expect("a directory");
    fs::write(config.join("config.toml"), "[control]\nsocket = false\n").expect("a file");
    let _ui = desk.open(&[]);
    assert!(!desk.directory().exists());
    assert_eq!(desk.fails(&["list"]).0, Some(3));
}

#[test]
fn two_hundred_requests_at_once_are_all_answered() {
    let desk = Desk::new();
    let ui = desk.open(&["--name", "lab"]);
    let children: Vec<_> = (0..200)
        .map(|n| {
            let host = if n % 2 == 0 { "demo01" } else { "demo02" };
            let mut ctl = desk.ctl(&["--to", "lab", "list", "--host", host]);
            ctl.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts")
        })
        .collect();
    for child in children {
        let output = child.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert!(text(&output.stdout).contains("demo0"), "{}", text(&output.stdout));
    }
    ui.line("echo al''ive");
    ui.wait_for("║alive");
}

#[test]
fn clients_that_mean_harm_are_cut_and_nobody_else_feels_it() {
    let desk = Desk::new();
    let ui = desk.open(&["--name", "lab"]);

    // Garbage, another version, a request without end: each gets a sentence and is cut.
    let huge = format!("{{\"v\":1,\"verb\":\"send\",\"text\":\"{}\"}}\n", "x".repeat(70_000));
    for sent in
        ["\x01\x02garbage\n", "{}\n", "{\"v\":9,\"verb\":\"list\"}\n", "{\"v\":1,\"verb\":\"sned\"}\n", &huge]
    {
        let mut stream = desk.connect("lab");
        // A sentence may come before all of it was taken.
        let _ = stream.get_mut().write_all(sent.as_bytes());
        let answer = line(&mut stream);
        assert!(answer.contains("\"result\":\"usage\""), "{answer}");
        let mut rest = Vec::new();
        // What it did not take is told by a reset.
        let _ = stream.read_to_end(&mut rest);
        assert!(rest.is_empty());
    }

    // Clients that wait hold places; one that goes away gives its place back, and others wait their turn.
    let mut waiting: Vec<_> = (0..16).map(|_| desk.connect("lab")).collect();
    for stream in &mut waiting {
        let request = "{\"v\":1,\"verb\":\"wait\",\"for\":{\"line\":\"never\"},\"timeout_ms\":600000}\n";
        stream.get_mut().write_all(request.as_bytes()).expect("it is taken");
    }
    let late = desk.ctl(&["--to", "lab", "list"]).stdout(Stdio::piped()).spawn().expect("it starts");
    ui.line("echo st''ill");
    ui.wait("the keyboard does not wait", |screen| screen.count("║still") >= 2);
    drop(waiting);
    let late = late.wait_with_output().expect("it ends");
    assert!(late.status.success() && text(&late.stdout).contains("demo01"));

    // One that asks for much and reads nothing keeps only its own place.
    let mut greedy = desk.connect("lab");
    greedy.get_ref().set_nonblocking(true).expect("a socket");
    let until = Instant::now() + DEADLINE;
    let request = b"{\"v\":1,\"verb\":\"dump\",\"history\":true}\n".repeat(100);
    while greedy.get_mut().write(&request).is_ok() && Instant::now() < until {}
    assert!(desk.out(&["--to", "lab", "list"]).contains("demo01"));

    // A client that has only ended what it sends still gets its answer.
    let mut half = desk.connect("lab");
    half.get_mut().write_all(b"{\"v\":1,\"verb\":\"list\"}\n").expect("it is taken");
    half.get_ref().shutdown(std::net::Shutdown::Write).expect("a socket");
    assert!(line(&mut half).contains("demo01"));
}

#[test]
fn another_user_is_let_in_nowhere() {
    let desk = Desk::new();
    let _ui = desk.open(&["--name", "lab"]);
    assert!(
        rustix::process::geteuid().is_root(),
        "only root can become somebody else: run this test as root"
    );
    // Even where the directories were open to him.
    for dir in desk.directory().ancestors().take_while(|dir| dir.starts_with(desk.home.path())) {
        fs::set_permissions(dir, fs::Permissions::from_mode(0o777)).expect("ours");
    }
    let socket = desk.directory().join("lab.sock");
    fs::set_permissions(&socket, fs::Permissions::from_mode(0o777)).expect("ours");
    let script = "use Socket; socket(S, PF_UNIX, SOCK_STREAM, 0) or die; connect(S, sockaddr_un($ARGV[0])) or die; \
        alarm 60; my $n = sysread(S, my $greeting, 100); print defined $n ? $n : 0;";
    let other = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups", "/usr/bin/perl", "-e", script])
        .arg(&socket)
        .output()
        .expect("setpriv starts");
    assert_eq!(text(&other.stdout), "0", "not even a greeting: {}", text(&other.stderr));
    // And nobody is told by a client what lies in a directory that others can write.
    let (code, why) = desk.fails(&["--to", "lab", "list"]);
    assert!(code == Some(3) && why.contains("closed to others"), "{why}");
}
