//! Logging in: key files, the agent, and what a refusal says.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use omnes::ask::{Answer, Question, SecretKind};
use omnes::ssh::{ConnectError, Logins, Target, Way};

use crate::common::*;
use crate::support::need;
use crate::support::sshd::{KeyKind, Sshd, keygen};

pub(crate) fn refusal(result: Result<omnes::ssh::Link, ConnectError>) -> String {
    match result {
        Err(ConnectError::Login(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn each_kind_of_key_file_logs_in() {
    let dir = tempfile::tempdir().unwrap();
    for kind in [KeyKind::Ed25519, KeyKind::Ecdsa, KeyKind::Rsa] {
        let path = dir.path().join(kind.name());
        let public = keygen(kind, &path);
        let sshd = Sshd::builder().authorize(&public).start();
        let target = target(sshd.address(), sshd.port(), &path);
        connector().connect(&target, &()).await.unwrap_or_else(|error| panic!("{kind:?}: {error}"));
        assert!(!sshd.log().contains("sha1"));
    }
}

#[tokio::test]
async fn a_wrong_key_is_a_refused_login_and_a_missing_one_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let stranger = dir.path().join("stranger");
    keygen(KeyKind::Ed25519, &stranger);
    let sshd = Sshd::builder().start();
    let mut target = target(sshd.address(), sshd.port(), &stranger);
    target.identities.push(dir.path().join("missing"));
    let why = refusal(connector().connect(&target, &()).await);
    assert!(why.contains("the key was not accepted") && why.contains("missing"), "{why}");
}

pub(crate) fn encrypt(path: &Path, passphrase: &str) {
    let keygen = need("ssh-keygen", "openssh-client");
    let done = Command::new(keygen).args(["-q", "-p", "-P", "", "-N", passphrase, "-f"]).arg(path).status();
    assert!(done.unwrap().success());
}

#[tokio::test]
async fn a_passphrase_is_asked_for_once_for_all_hosts() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("locked");
    let public = keygen(KeyKind::Ed25519, &path);
    encrypt(&path, "open sesame");
    let sshd = Sshd::builder().authorize(&public).start();
    let expected = path.clone();
    let ask = Scripted::new(move |n, question| match question {
        Question::Secret(request) => {
            assert_eq!(request.kind, SecretKind::Passphrase { key: expected.clone() });
            assert_eq!(request.refused.is_some(), n > 0);
            Answer::Secret(if n == 0 { "open barley" } else { "open sesame" }.into())
        }
        other => panic!("{other:?}"),
    });
    let connector = connector_with(ask.clone(), Arc::new(Keys::default()));
    let target = target(sshd.address(), sshd.port(), &path);
    let logins: Vec<_> = (0..12)
        .map(|_| {
            let (connector, target) = (connector.clone(), target.clone());
            tokio::spawn(async move { connector.connect(&target, &()).await.map(drop) })
        })
        .collect();
    for login in logins {
        login.await.unwrap().unwrap();
    }
    assert_eq!(ask.count(), 2);
}

#[tokio::test]
async fn nobody_is_asked_for_the_passphrase_of_a_key_that_the_host_does_not_take() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("locked");
    let public = keygen(KeyKind::Ed25519, &path);
    encrypt(&path, "open sesame");
    let sshd = Sshd::builder().start();
    let ask = Scripted::new(|_, question| panic!("asked {question:?}"));
    let connector = connector_with(ask, Arc::new(Keys::default()));
    let why = refusal(connector.connect(&target(sshd.address(), sshd.port(), &path), &()).await);
    assert_eq!(why, "the key was not accepted");
    // Where nobody can be asked, the sentence says which passphrase is wanted.
    let sshd = Sshd::builder().authorize(&public).start();
    let why =
        refusal(super::common::connector().connect(&target(sshd.address(), sshd.port(), &path), &()).await);
    assert!(why.contains("needs the passphrase of") && why.contains("locked"), "{why}");
}

#[tokio::test]
async fn what_the_configuration_bars_is_not_tried() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("locked");
    let public = keygen(KeyKind::Ed25519, &path);
    encrypt(&path, "open sesame");
    let sshd = Sshd::builder().authorize(&public).start();
    let ask = Scripted::new(|_, question| panic!("asked {question:?}"));
    let connector = connector_with(ask, Arc::new(Keys::default()));
    let locked = target(sshd.address(), sshd.port(), &path);
    let logins = Logins { questions: Way::Barred, passwords: Way::Barred, ..Logins::default() };
    let why = refusal(connector.connect(&Target { logins, ..locked }, &()).await);
    assert!(why.contains("BatchMode") && why.contains("locked"), "{why}");
    // The key that would be let in is not offered.
    let logins = Logins { keys: Way::Barred, ..Logins::default() };
    let why = refusal(connector.connect(&Target { logins, ..target_of(&sshd) }, &()).await);
    assert!(why.contains("bars keys"), "{why}");
    connector.connect(&target_of(&sshd), &()).await.unwrap();
}

/// Opening a FIFO waits for a writer, and reading a device may never end.
#[tokio::test]
async fn a_key_file_that_is_no_file_holds_up_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let fifo = dir.path().join("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let sshd = Sshd::builder().start();
    let mut target = target_of(&sshd);
    target.identities = vec![fifo, "/dev/zero".into(), sshd.client_key()];
    tokio::time::timeout(DEADLINE, connector().connect(&target, &())).await.unwrap().unwrap();
    target.identities.pop();
    let why = refusal(connector().connect(&target, &()).await);
    assert!(why.contains("fifo cannot be used: it is not a plain file"), "{why}");
}

/// A stock ssh-agent with keys, for as long as it lives.
pub(crate) struct Agent {
    pub(crate) child: Child,
    pub(crate) socket: PathBuf,
    _dir: tempfile::TempDir,
}

impl Agent {
    pub(crate) fn start(keys: &[PathBuf]) -> Agent {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("agent");
        let child = Command::new(need("ssh-agent", "openssh-client"))
            .args(["-D", "-a"])
            .arg(&socket)
            .stdout(Stdio::null())
            .spawn()
            .expect("ssh-agent starts");
        let agent = Agent { child, socket, _dir: dir };
        let start = Instant::now();
        while std::os::unix::net::UnixStream::connect(&agent.socket).is_err() {
            assert!(start.elapsed() < DEADLINE, "ssh-agent does not listen");
            std::thread::sleep(Duration::from_millis(5));
        }
        for key in keys {
            let mut add = Command::new(need("ssh-add", "openssh-client"));
            let done = add.arg("-q").arg(key).env("SSH_AUTH_SOCK", &agent.socket).status();
            assert!(done.unwrap().success());
        }
        agent
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, signal).unwrap();
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn with_agent(sshd: &Sshd, agent: &Agent) -> Target {
    let mut target = target_of(sshd);
    target.identities.clear();
    target.identities_configured = false;
    target.agent = Some(agent.socket.clone());
    target.connect_timeout = Duration::from_secs(60);
    target
}

#[tokio::test]
async fn two_hundred_logins_share_the_agent() {
    let sshd = Sshd::builder().start();
    let agent = Agent::start(&[sshd.client_key()]);
    let target = with_agent(&sshd, &agent);
    let connector = connector();
    let logins: Vec<_> = (0..200)
        .map(|_| {
            let (connector, target) = (connector.clone(), target.clone());
            tokio::spawn(async move { connector.connect(&target, &()).await })
        })
        .collect();
    for (n, login) in logins.into_iter().enumerate() {
        login.await.unwrap().unwrap_or_else(|error| panic!("login {n}: {error}"));
    }
    let open = std::fs::read_dir(format!("/proc/{}/fd", agent.child.id())).unwrap();
    let sockets = open.flatten().filter(|fd| {
        std::fs::read_link(fd.path()).is_ok_and(|to| to.to_string_lossy().starts_with("socket:"))
    });
    // Eight connections and the listener.
    let sockets = sockets.count();
    assert!(sockets <= 9, "the agent has {sockets} sockets");
}

#[tokio::test]
async fn each_kind_of_key_signs_through_the_agent() {
    let dir = tempfile::tempdir().unwrap();
    for kind in [KeyKind::Ed25519, KeyKind::Ecdsa, KeyKind::Rsa] {
        let path = dir.path().join(kind.name());
        let sshd = Sshd::builder().authorize(&keygen(kind, &path)).start();
        let agent = Agent::start(&[path]);
        let target = with_agent(&sshd, &agent);
        connector().connect(&target, &()).await.unwrap_or_else(|error| panic!("{kind:?}: {error}"));
    }
}

#[tokio::test]
async fn an_agent_that_is_gone_is_told_when_it_was_needed() {
    let sshd = Sshd::builder().start();
    let mut target = target_of(&sshd);
    target.agent = Some(sshd.dir().join("no-agent"));
    connector().connect(&target, &()).await.unwrap();
    target.identities.clear();
    let why = refusal(connector().connect(&target, &()).await);
    assert!(why.contains("needs a key") && why.contains("no agent at"), "{why}");
}

#[tokio::test]
async fn of_many_keys_the_configured_one_is_offered_first() {
    let dir = tempfile::tempdir().unwrap();
    let sshd = Sshd::builder().start();
    let mut keys: Vec<PathBuf> = (0..8).map(|n| dir.path().join(format!("k{n}"))).collect();
    keys.iter().for_each(|key| drop(keygen(KeyKind::Ed25519, key)));
    keys.push(sshd.client_key());
    let agent = Agent::start(&keys);
    // Not named, the ninth key is never reached; and the host is not pestered.
    let unnamed = with_agent(&sshd, &agent);
    let why = refusal(connector().connect(&unnamed, &()).await);
    assert!(why.contains("IdentitiesOnly"), "{why}");
    sshd.wait_for_log("Too many authentication failures");
    assert!(sshd.log().matches("Failed publickey").count() <= 6);
    // Named by its public half alone, it is the first.
    let mut named = unnamed;
    named.identities = vec![sshd.client_key().with_extension("pub")];
    let before = sshd.log().matches("Failed publickey").count();
    connector().connect(&named, &()).await.unwrap();
    named.identities_only = true;
    connector().connect(&named, &()).await.unwrap();
    assert_eq!(sshd.log().matches("Failed publickey").count(), before);
}

#[tokio::test]
async fn a_frozen_agent_costs_one_deadline_for_all_hosts() {
    let sshd = Sshd::builder().start();
    let agent = Agent::start(&[]);
    agent.signal(rustix::process::Signal::STOP);
    let mut target = target_of(&sshd);
    target.agent = Some(agent.socket.clone());
    let connector = connector();
    let start = Instant::now();
    // The key file is there: a dead agent is a note, not the end.
    let logins: Vec<_> = (0..30)
        .map(|_| {
            let (connector, target) = (connector.clone(), target.clone());
            tokio::spawn(async move { connector.connect(&target, &()).await.map(drop) })
        })
        .collect();
    for login in logins {
        login.await.unwrap().unwrap();
    }
    let took = start.elapsed();
    // Were it one for each request, thirty hosts would take four deadlines one after the other.
    assert!(took >= Duration::from_secs(10) && took < Duration::from_secs(35), "{took:?}");
}
