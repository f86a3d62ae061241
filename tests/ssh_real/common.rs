//! What the tests of the transport share.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use omnes::ask::{Answer, Ask, BoxFuture, Nobody, Question};
use omnes::hosts::Host;
use omnes::ssh::{Channel, ChannelEvent, Connector, HostKeyPolicy, HostKeys, Link, Target, Tcp, Verdict};

use crate::support::sshd::Sshd;

/// Longer than anything here takes.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// Host keys in memory: `name` to the one key that is right.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    known: Mutex<HashMap<String, Vec<u8>>>,
    pub(crate) learned: Mutex<Vec<String>>,
}

impl Keys {
    fn name(target: &Target) -> String {
        format!("{}:{:?}", target.key_name, target.key_port)
    }

    pub(crate) fn learned(&self) -> usize {
        self.learned.lock().unwrap().len()
    }

    /// Holds another key for a target than the one it has.
    pub(crate) fn falsify(&self, target: &Target) {
        self.known.lock().unwrap().insert(Keys::name(target), vec![0]);
    }
}

impl HostKeys for Keys {
    fn check(&self, target: &Target, _: &str, blob: &[u8]) -> Verdict {
        match self.known.lock().unwrap().get(&Keys::name(target)) {
            None => Verdict::Unknown,
            Some(known) if known == blob => Verdict::Known,
            Some(_) => Verdict::Refused("the key has changed".to_owned()),
        }
    }

    fn learn(&self, target: &Target, _: &str, blob: &[u8]) -> Result<(), String> {
        self.known.lock().unwrap().insert(Keys::name(target), blob.to_vec());
        self.learned.lock().unwrap().push(Keys::name(target));
        Ok(())
    }

    fn algorithms_for(&self, _: &Target) -> Vec<String> {
        Vec::new()
    }
}

/// The login name of whoever runs the tests.
pub(crate) fn user() -> String {
    let output = std::process::Command::new("id").arg("-un").output().expect("id runs");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A target for a server, with one key file.
pub(crate) fn target(address: &str, port: u16, key: &Path) -> Target {
    Target {
        key_port: Some(port),
        identities: vec![key.to_owned()],
        identities_configured: true,
        policy: HostKeyPolicy::AcceptNew,
        connect_timeout: Duration::from_secs(30),
        ..Target::bare(Host::new(None, &format!("h{port}"), None), address, port, &user())
    }
}

pub(crate) fn target_of(sshd: &Sshd) -> Target {
    target(sshd.address(), sshd.port(), &sshd.client_key())
}

pub(crate) fn connector() -> Connector {
    connector_with(Arc::new(Nobody), Arc::new(Keys::default()))
}

pub(crate) fn connector_with(ask: Arc<dyn Ask>, keys: Arc<Keys>) -> Connector {
    Connector::new(Arc::new(Tcp), ask, keys)
}

/// Answers from a function, and keeps the questions.
pub(crate) struct Scripted<F> {
    answer: F,
    pub(crate) asked: Mutex<Vec<Question>>,
}

impl<F: Fn(usize, &Question) -> Answer + Send + Sync> Scripted<F> {
    pub(crate) fn new(answer: F) -> Arc<Scripted<F>> {
        Arc::new(Scripted { answer, asked: Mutex::default() })
    }

    pub(crate) fn count(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

impl<F: Fn(usize, &Question) -> Answer + Send + Sync> Ask for Scripted<F> {
    fn ask(&self, question: Question) -> BoxFuture<'_, Answer> {
        let mut asked = self.asked.lock().unwrap();
        let answer = (self.answer)(asked.len(), &question);
        asked.push(question);
        drop(asked);
        Box::pin(async move {
            // A person is never faster than the network.
            tokio::time::sleep(Duration::from_millis(100)).await;
            answer
        })
    }
}

/// All that a command said.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    pub(crate) exit: Option<u32>,
    pub(crate) signal: Option<String>,
    pub(crate) closed: Option<Result<(), String>>,
}

/// Reads a channel to its end.
pub(crate) async fn collect(mut channel: Channel) -> Said {
    let mut said = Said::default();
    let end = async {
        loop {
            match channel.output.next().await {
                ChannelEvent::Data(bytes) => said.stdout.extend_from_slice(&bytes),
                ChannelEvent::Stderr(bytes) => said.stderr.extend_from_slice(&bytes),
                ChannelEvent::Eof => {}
                ChannelEvent::Exit(status) => said.exit = Some(status),
                ChannelEvent::Signal(name) => said.signal = Some(name),
                ChannelEvent::Closed(how) => return how,
            }
        }
    };
    let how = tokio::time::timeout(DEADLINE, end).await.expect("the channel ends");
    said.closed = Some(how);
    said
}

pub(crate) async fn run(link: &Link, command: &str) -> Said {
    collect(link.exec(command.as_bytes()).await.expect("the command starts")).await
}

/// Reads until the terminal has shown `text`; gives all of it.
pub(crate) async fn until(channel: &mut Channel, text: &str) -> String {
    let mut seen = String::new();
    let wait = async {
        while !seen.contains(text) {
            match channel.output.next().await {
                ChannelEvent::Data(bytes) => seen.push_str(&String::from_utf8_lossy(&bytes)),
                other => panic!("{other:?} before {text:?}"),
            }
        }
    };
    tokio::time::timeout(DEADLINE, wait).await.unwrap_or_else(|_| panic!("no {text:?} came"));
    seen
}

/// Polls a condition that has no event, within the deadline.
pub(crate) async fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let poll = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(DEADLINE, poll).await.unwrap_or_else(|_| panic!("never: {what}"));
}
