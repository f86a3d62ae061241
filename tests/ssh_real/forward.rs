//! The user's agent, lent to hosts that are to have it and to no other.

use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, mpsc};

use omnes::ask::Nobody;
use omnes::size::Size;
use omnes::ssh::{ConnectError, Target};

use crate::common::*;
use crate::support::sshd::{KeyKind, Sshd, keygen};

/// A real agent with one key, for as long as it lives.
struct Agent {
    dir: tempfile::TempDir,
    child: Child,
}

impl Agent {
    fn start() -> Agent {
        let dir = tempfile::tempdir().unwrap();
        keygen(KeyKind::Ed25519, &dir.path().join("lent"));
        let mut child = Command::new("ssh-agent")
            .args(["-D", "-a"])
            .arg(dir.path().join("agent"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // It prints where it is once it listens.
        child.stdout.take().unwrap().read_exact(&mut [0; 20]).unwrap();
        let agent = Agent { dir, child };
        let added = Command::new("ssh-add")
            .arg(agent.dir.path().join("lent"))
            .env("SSH_AUTH_SOCK", agent.socket())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert!(added.success());
        agent
    }

    fn socket(&self) -> PathBuf {
        self.dir.path().join("agent")
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lending(target: Target, socket: &Path) -> Target {
    Target { forward_agent: Some(socket.to_owned()), ..target }
}

const LIST: &str = "ssh-add -l 2>&1; echo socket=${SSH_AUTH_SOCK:+set}";

#[tokio::test]
async fn the_agent_reaches_the_hosts_that_are_to_have_it() {
    let agent = Agent::start();
    let servers: Vec<Sshd> = (0..3).map(|_| Sshd::builder().start()).collect();
    let mut answers = Vec::new();
    for (n, sshd) in servers.iter().enumerate() {
        let target = if n == 1 { target_of(sshd) } else { lending(target_of(sshd), &agent.socket()) };
        let link = connector().connect(&target, &()).await.unwrap();
        // Several at once, and again on the same connection.
        let (one, two) = tokio::join!(run(&link, LIST), run(&link, LIST));
        assert_eq!(one.stdout, two.stdout);
        answers.push(String::from_utf8(one.stdout).unwrap());
        link.close().await;
    }
    assert!(answers[0].contains("ED25519") && answers[0].contains("socket=set"), "{}", answers[0]);
    assert_eq!(answers[2], answers[0]);
    assert!(
        answers[1].contains("authentication agent") && answers[1].ends_with("socket=\n"),
        "{}",
        answers[1]
    );
}

#[tokio::test]
async fn where_there_is_no_agent_none_is_lent() {
    let dir = tempfile::tempdir().unwrap();
    let sshd = Sshd::builder().start();
    let target = lending(target_of(&sshd), &dir.path().join("nobody"));
    let link = connector().connect(&target, &()).await.unwrap();
    assert_eq!(run(&link, "echo socket=${SSH_AUTH_SOCK:+set}").await.stdout, b"socket=\n");
}

#[tokio::test]
async fn the_agent_signs_for_a_login_from_the_host_onwards() {
    let agent = Agent::start();
    let lent = std::fs::read_to_string(agent.dir.path().join("lent.pub")).unwrap();
    let (first, second) = (Sshd::builder().start(), Sshd::builder().authorize(lent.trim()).start());
    let link = connector().connect(&lending(target_of(&first), &agent.socket()), &()).await.unwrap();
    let onwards = format!(
        "ssh -F none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -p {} 127.0.0.1 echo far",
        second.port()
    );
    let said = run(&link, &onwards).await;
    assert_eq!(said.stdout, b"far\n", "{}", String::from_utf8_lossy(&said.stderr));
    // In a terminal as in a command.
    let mut shell = link.shell("dumb", Size::DEFAULT).await.unwrap();
    shell.input.write("ssh-add -l\n".into()).await.unwrap();
    until(&mut shell, "ED25519").await;
}

/// An agent that answers everything with one message and tells what it was asked.
fn recorder(answer: u8) -> (tempfile::TempDir, mpsc::Receiver<Vec<u8>>) {
    let dir = tempfile::tempdir().unwrap();
    let listener = UnixListener::bind(dir.path().join("agent")).unwrap();
    let (asked, questions) = mpsc::channel();
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let mut length = [0; 4];
            while stream.read_exact(&mut length).is_ok() {
                let mut question = vec![0; u32::from_be_bytes(length) as usize];
                stream.read_exact(&mut question).unwrap();
                if asked.send(question).is_err() || stream.write_all(&[0, 0, 0, 1, answer]).is_err() {
                    return;
                }
            }
        }
    });
    (dir, questions)
}

#[tokio::test]
async fn the_agent_is_told_first_which_host_asks() {
    const SUCCESS: u8 = 6;
    const FAILURE: u8 = 5;
    const EXTENSION: u8 = 27;
    const LIST_KEYS: u8 = 11;
    for answer in [SUCCESS, FAILURE] {
        let (dir, questions) = recorder(answer);
        let sshd = Sshd::builder().start();
        let target = lending(target_of(&sshd), &dir.path().join("agent"));
        let link = connector().connect(&target, &()).await.unwrap();
        run(&link, "ssh-add -l").await;
        let first = questions.recv().unwrap();
        let name = b"session-bind@openssh.com";
        assert_eq!(first[0], EXTENSION);
        assert_eq!(&first[5..5 + name.len()], name);
        assert_eq!(first.last(), Some(&1), "it is for a host that asks, not for our own login");
        // What the host says comes after it, whatever the agent thinks of the message. `ssh-add` on the host
        // tells the agent nothing about itself.
        let asked: Vec<u8> = questions.try_iter().map(|question| question[0]).collect();
        assert!(asked.contains(&LIST_KEYS), "{asked:?}");
    }
}

#[tokio::test]
async fn a_host_with_another_key_gets_nothing() {
    let (dir, questions) = recorder(6);
    let sshd = Sshd::builder().start();
    let target = lending(target_of(&sshd), &dir.path().join("agent"));
    let keys = Arc::new(Keys::default());
    keys.falsify(&target);
    let refused = connector_with(Arc::new(Nobody), keys).connect(&target, &()).await.unwrap_err();
    assert!(matches!(refused, ConnectError::HostKey(_)), "{refused}");
    assert!(questions.try_recv().is_err());
}

#[tokio::test]
async fn an_agent_that_is_gone_costs_the_host_its_answer_only() {
    let sshd = Sshd::builder().start();
    let target = lending(target_of(&sshd), Path::new("/nonexistent/agent"));
    let link = connector().connect(&target, &()).await.unwrap();
    let said = run(&link, "ssh-add -l 2>&1; echo still here").await;
    assert!(said.stdout.ends_with(b"still here\n"), "{said:?}");
    assert_eq!(said.exit, Some(0));
}

#[tokio::test]
async fn a_host_cannot_have_more_channels_to_the_agent_than_the_bound() {
    const BOUND: usize = 16;
    let dir = tempfile::tempdir().unwrap();
    let listener = UnixListener::bind(dir.path().join("agent")).unwrap();
    let (asked, mut questions) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let asked = asked.clone();
            // Answers which host asks, keeps the question after that, and refuses it once it is let go.
            std::thread::spawn(move || {
                let mut question = vec![0; 1000];
                let _ = stream.read(&mut question).unwrap();
                stream.write_all(&[0, 0, 0, 1, 6]).unwrap();
                let _ = stream.read(&mut question).unwrap();
                asked.send(stream).unwrap();
            });
        }
    });
    let sshd = Sshd::builder().start();
    let target = lending(target_of(&sshd), &dir.path().join("agent"));
    let link = connector().connect(&target, &()).await.unwrap();
    let ask = "for n in $(seq 20); do (ssh-add -l 2>&1; echo ended) & done; wait; echo all";
    let mut channel = link.exec(ask.as_bytes()).await.unwrap();
    let mut held = Vec::new();
    while held.len() < BOUND {
        held.push(tokio::time::timeout(DEADLINE, questions.recv()).await.expect("16 questions").unwrap());
    }
    // The others have been refused before any of these has its answer.
    let mut said = String::new();
    while said.matches("ended").count() < 20 - BOUND {
        said.push_str(&until(&mut channel, "\n").await);
    }
    for mut stream in held {
        stream.write_all(&[0, 0, 0, 1, 5]).unwrap();
    }
    said.push_str(&until(&mut channel, "all\n").await);
    assert_eq!(said.matches("agent refused operation").count(), BOUND, "{said}");
    assert_eq!(said.matches("ended").count(), 20, "{said}");
    assert!(questions.try_recv().is_err());
}
