//! The main job on servers that are not ours: Debian's sshd, and the built binary as a user starts it.

#[allow(dead_code, reason = "each test crate uses its own part of the shared support")]
#[path = "support/lab.rs"]
mod lab;
#[allow(dead_code, reason = "each test crate uses its own part of the shared support")]
pub mod support;
#[allow(dead_code, reason = "each test crate uses its own part of the shared support")]
#[path = "support/ui.rs"]
mod ui;

use lab::Lab;
use support::dropbear::Dropbear;
use support::sshd::Sshd;
use ui::{Modes, Screen, Ui};

/// Five servers with ten addresses each: fifty hosts, in ClusterSSH's file.
fn fifty() -> Lab {
    let addresses = |server: usize| (1..=10).map(move |n| format!("127.{}.0.{n}", 20 + server));
    let servers: Vec<Sshd> = (0..5)
        .map(|n| {
            let listen: Vec<String> = addresses(n).collect();
            Sshd::builder().listen(&listen.iter().map(String::as_str).collect::<Vec<_>>()).start()
        })
        .collect();
    let lab = Lab::of(servers);
    let mut clusters = String::from("# fifty hosts on five machines\nfleet");
    let mut ssh_config = String::new();
    for (n, server) in lab.servers.iter().enumerate() {
        clusters.push_str(&format!(" \\\n  127.{}.0.{{1..10}}:{}", 20 + n, server.port()));
        let key = server.client_key();
        ssh_config.push_str(&format!("Host 127.{}.*\n  IdentityFile {}\n", 20 + n, key.display()));
    }
    lab.write(".clusterssh/clusters", &format!("{clusters}\n"));
    lab.write(".ssh/config", &ssh_config);
    lab.trust();
    lab
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn one_command_on_fifty_servers() {
    let lab = fifty();
    let gathered = lab.run(&["run", "-b", "fleet", "--", "echo", "the", "same;", "exit 3"]);
    let (out, err) = (text(&gathered.stdout), text(&gathered.stderr));
    assert_eq!(gathered.status.code(), Some(1), "{out}{err}");
    assert_eq!(out.matches("the same").count(), 1, "equal answers stand once:\n{out}\n{err}");
    assert!(err.contains("50 failed (exit status 3)"), "{err}");

    let json = lab.run(&["run", "--output", "json", "fleet", "--", "printf 'a\\0b'; echo oops >&2"]);
    assert_eq!(json.status.code(), Some(0), "{}", text(&json.stderr));
    let lines: Vec<serde_json::Value> =
        text(&json.stdout).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let outcomes: std::collections::BTreeSet<&str> = lines
        .iter()
        .filter(|line| line["outcome"] == "exited")
        .map(|line| line["host"].as_str().expect("a name"))
        .collect();
    assert_eq!(outcomes.len(), 50, "every host once");
    assert!(lines.iter().all(|line| line["v"] == 1));
}

#[test]
fn a_dead_server_and_a_changed_key_are_told_apart() {
    let mut lab = Lab::known(&["alpha", "beta", "gamma"]);
    lab.servers[1].kill();
    let wrong = lab.servers[0].known_hosts().split_once(' ').expect("a key").1.to_owned();
    let gamma = format!("[127.0.0.1]:{} {wrong}", lab.servers[2].port());
    lab.write(".ssh/known_hosts", &format!("{}{gamma}", lab.servers[0].known_hosts()));
    let run = lab.run(&["run", "lab", "--", "echo hello"]);
    let err = text(&run.stderr);
    assert_eq!(text(&run.stdout), "alpha: hello\n");
    assert_eq!(run.status.code(), Some(3), "{err}");
    assert!(err.contains("1 unreachable (tcp): beta"), "{err}");
    assert!(err.contains("1 host key refused: gamma"), "{err}");
    assert!(err.contains("ssh-keygen -R '[127.0.0.1]:"), "the mending command is named: {err}");
    assert!(!lab.servers[2].log().contains("Accepted"), "nothing was sent to the impostor");
}

#[test]
fn a_link_that_is_lost_after_the_status_is_told_of() {
    let lab = Lab::known(&["alpha"]);
    // What runs on in the background keeps the output open; a second after the status it ends the server's process.
    let command = "P=$PPID; (sleep 1; kill -9 $P) & echo said; exit 0";
    let run = lab.run(&["run", "lab", "--", command]);
    let err = text(&run.stderr);
    assert_eq!((run.status.code(), text(&run.stdout).as_str()), (Some(0), "alpha: said\n"), "{err}");
    assert!(err.contains("omnes: alpha: the command has ended, but its output may lack its end: "), "{err}");
}

/// Types a line whose text and effect differ, so that the echo of the typing is not taken for the answer.
fn say(ui: &Ui, word: &str) {
    ui.line(&format!("echo {}''{}", &word[..1], &word[1..]));
}

/// Brings all shells to the same bare state.
fn calm_shells(lab: &Lab, ui: &Ui, hosts: usize) {
    ui.wait("all sessions", |screen| screen.contains(&format!("→ {hosts} hosts")));
    ui.line("exec env PS1='$ ' HISTFILE= bash --norc --noprofile");
    ui.line(&format!("cd $(mktemp -d -p {}); clear", lab.home.path().display()));
    say(ui, "all-calm");
    ui.wait("calm shells", |screen| screen.count("all-calm") == hosts);
    ui.line("clear");
}

#[test]
fn broadcast_detach_edit_and_attach_again() {
    let lab = Lab::known(&["alpha", "beta", "gamma", "delta"]);
    let mut ui = lab.open((40, 130));
    calm_shells(&lab, &ui, 4);
    say(&ui, "everyone");
    ui.wait("the line on every host", |screen| screen.count("everyone") == 4);

    ui.keys("C-a l C-a d");
    ui.wait_for("→ beta alone");
    say(&ui, "exception");
    ui.wait("the line on one host", |screen| screen.count("exception") == 1);

    ui.keys("C-a h");
    ui.wait_for("→ 3 of 4 hosts");
    say(&ui, "the-rest");
    let screen = ui.wait("the line on the others", |screen| screen.count("the-rest") == 3);
    assert_eq!(screen.count("exception"), 1, "nothing else heard the exception:\n{}", screen.text());

    ui.keys("C-a D");
    ui.wait_for("→ 4 hosts");
    say(&ui, "together");
    ui.wait("the line on all again", |screen| screen.count("together") == 4);

    ui.keys("C-a q");
    ui.wait_for("4 sessions");
    ui.keys("y");
    assert!(ui.wait_exit().success());
    assert_eq!(ui.modes(), Modes::SANE);
}

#[test]
fn vi_works_on_all_at_once() {
    let lab = Lab::known(&["alpha", "beta", "gamma"]);
    let ui = lab.open((60, 100));
    calm_shells(&lab, &ui, 3);
    ui.line("vi -u NONE -N note");
    let in_vi = |screen: &Screen| screen.count("~") >= 3 * 5;
    ui.wait("vi on all", in_vi);
    ui.write("ione\rtwo\rthree");
    ui.keys("Esc Up Up");
    ui.write("ifirst-");
    ui.keys("Esc Down");
    ui.write("x:wq\r");
    ui.wait("the shells again", |screen| !in_vi(screen));
    ui.line("clear; tr '\\n' '+' <note");
    // `Up` twice from the end of `three` lands in `one` at its last letter.
    ui.wait("the edited file on all", |screen| screen.count("onfirst-e+") == 3);
}

#[test]
fn a_server_dies_and_comes_back_as_waiting() {
    let mut lab = Lab::known(&["alpha", "beta", "gamma"]);
    let ui = lab.open((60, 100));
    calm_shells(&lab, &ui, 3);
    lab.servers[2].kill();
    ui.wait_for("→ 2 of 3 hosts");
    say(&ui, "go-on");
    ui.wait("the others go on", |screen| screen.count("go-on") == 2);

    lab.servers[2].restart();
    ui.keys("C-a R");
    ui.wait_for("waiting");
    say(&ui, "not-yet");
    let screen = ui.wait("the two that take part", |screen| screen.count("not-yet") == 2);
    assert!(screen.contains("→ 2 of 3 hosts"), "{}", screen.text());

    ui.keys("C-a D");
    ui.wait_for("→ 3 hosts");
    say(&ui, "welcome");
    let screen = ui.wait("all three", |screen| screen.count("welcome") == 3);
    assert_eq!(screen.count("not-yet"), 2, "what it missed is not replayed:\n{}", screen.text());
}

#[test]
fn what_ssh_config_says_of_a_session_holds_for_commands() {
    let lab = Lab::of(vec![Sshd::builder().option("AcceptEnv DEEP").start()]);
    let (server, key) = (&lab.servers[0], lab.servers[0].client_key());
    let dropbear = Dropbear::start();
    let host = |name: &str, rest: &str| {
        let (port, key) = (server.port(), key.display());
        format!("Host {name}\n  HostName 127.0.0.1\n  Port {port}\n  IdentityFile {key}\n  {rest}\n")
    };
    let config = [
        host("plain", ""),
        host("old", "Ciphers 3des-cbc"),
        host("picky", "Ciphers aes128-ctr\n  MACs umac-64@openssh.com,hmac-sha2-256\n  Compression yes"),
        host("deep", "SetEnv DEEP=blue"),
        host("term", "RequestTTY force"),
        format!(
            "Host bear\n  HostName 127.0.0.1\n  Port {}\n  IdentityFile {}\n",
            dropbear.port(),
            dropbear.client_key().display()
        ),
    ];
    lab.write(".ssh/config", &config.concat());
    lab.write(".ssh/known_hosts", &format!("{}{}", server.known_hosts(), dropbear.known_hosts()));
    let command = "test -t 1 && echo terminal || echo \"pipe $DEEP\"";
    let run = lab.run(&["run", "plain,old,picky,deep,term,bear", "--", command]);
    let (out, err) = (text(&run.stdout), text(&run.stderr));
    let mut lines: Vec<&str> = out.lines().map(str::trim_end).collect();
    lines.sort_unstable();
    let expected = ["bear: pipe", "deep: pipe blue", "picky: pipe", "plain: pipe", "term: terminal"];
    assert_eq!(lines, expected, "{err}");
    assert!(
        err.contains("none of its Ciphers (3des-cbc) is supported by omnes, which has aes256-gcm"),
        "{err}"
    );
}
