//! Links that fall silent without an end: shown as stalled where somebody looks at them, lost where nobody does.
//!
//! The intervals are those of a host's configuration, below a second: what the usual ones come to is tested by values.
//! With `OMNES_TEST_REAL_TIME=1` these tests wait for the usual ones instead.

use std::collections::VecDeque;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use omnes::ask::Nobody;
use omnes::outcome::{Outcome, Unknown};
use omnes::session::{Hub, Listener, SessionEvent, SessionId};
use omnes::size::Size;
use omnes::ssh::{Alive, Connector, Route, Silence, Target, Tcp};

use crate::common::*;
use crate::cuts::{run_on, through};
use crate::support::need;
use crate::support::proxy::{Proxy, Toxic, Way};
use crate::support::sshd::Sshd;

/// What is waited for.
struct Times {
    /// How a pane is asked, and within what time it must be shown as stalled.
    pane: (Option<Alive>, Duration),
    /// How a run asks, and between what times it must be lost.
    run: (Option<Alive>, Duration, Duration),
}

/// Short times with a wide margin, since the machine may be busy; or the usual ones, which must hold exactly.
fn times() -> Times {
    let s = Duration::from_secs;
    match std::env::var_os("OMNES_TEST_REAL_TIME") {
        None => Times { pane: (alive(400, u32::MAX), s(8)), run: (alive(1000, 2), s(2), s(15)) },
        Some(_) => Times { pane: (None, s(16)), run: (None, s(45), s(61)) },
    }
}

const SESSION: SessionId = SessionId(7);

/// A session through a proxy, as the TUI has it.
struct Pane {
    _sshd: Sshd,
    proxy: Proxy,
    hub: Hub,
    listener: Arc<Listener>,
    /// What came and was not looked at yet.
    heard: VecDeque<SessionEvent>,
    /// What its host has said so far.
    said: String,
}

impl Pane {
    async fn open(alive: Option<Alive>) -> Pane {
        let sshd = Sshd::builder().start();
        let proxy = Proxy::to(sshd.port());
        let target = Target { alive, ..through(&proxy, &sshd, 0) };
        let connector = Connector::new(Arc::new(Tcp), Arc::new(Nobody), Arc::new(Keys::default()))
            .with_silence(Silence::Shown);
        let mut hub = Hub::new(Arc::new(connector), 1);
        hub.open(SESSION, Ok(target), Size::DEFAULT);
        let mut pane = Pane {
            listener: hub.listener(),
            _sshd: sshd,
            proxy,
            hub,
            heard: VecDeque::new(),
            said: String::new(),
        };
        pane.until("ready", |event| matches!(event, SessionEvent::Ready)).await;
        pane.type_in("PS1=; stty -echo; echo go''es\n");
        pane.until_said("goes").await;
        pane
    }

    fn type_in(&self, text: &str) {
        assert!(self.hub.input(SESSION, Bytes::copy_from_slice(text.as_bytes())));
    }

    /// Waits for an event; what the host says meanwhile is kept.
    async fn until(&mut self, what: &str, wanted: impl Fn(&SessionEvent) -> bool) -> SessionEvent {
        let wait = async {
            loop {
                while let Some(event) = self.heard.pop_front() {
                    if let SessionEvent::Output(bytes) = &event {
                        self.said.push_str(&String::from_utf8_lossy(bytes));
                    }
                    if wanted(&event) {
                        return event;
                    }
                    assert!(!matches!(event, SessionEvent::Closed(_)), "{what}: {event:?}");
                }
                self.heard.extend(self.listener.next(1).await.into_iter().map(|(_, event)| event));
            }
        };
        tokio::time::timeout(DEADLINE * 2, wait).await.unwrap_or_else(|_| panic!("never: {what}"))
    }

    async fn until_said(&mut self, text: &str) {
        while !self.said.contains(text) {
            self.until(text, |event| matches!(event, SessionEvent::Output(_))).await;
        }
    }

    /// The cable is pulled, somebody types or not, and it is put back: the session goes on as if nothing had been.
    async fn stall_and_resume(&mut self, typed: Option<&str>) -> Duration {
        self.proxy.set_both(Toxic::Stall);
        let pulled = Instant::now();
        if let Some(typed) = typed {
            self.type_in(typed);
        }
        let event = self.until("it is stalled", |event| matches!(event, SessionEvent::Stalled(_))).await;
        let shown = pulled.elapsed();
        let SessionEvent::Stalled(silent) = event else { unreachable!() };
        assert!(silent > Duration::ZERO && silent < shown + Duration::from_secs(20), "{silent:?}");
        self.proxy.set_both(Toxic::Clear);
        self.until("it is heard again", |event| matches!(event, SessionEvent::Resumed)).await;
        shown
    }
}

fn alive(millis: u64, count: u32) -> Option<Alive> {
    Some(Alive { interval: Duration::from_millis(millis), count })
}

#[tokio::test]
async fn a_silent_session_is_stalled_idle_or_typing_and_goes_on_with_what_was_typed() {
    let (alive, limit) = times().pane;
    let mut pane = Pane::open(alive).await;
    for typed in [None, Some("echo ty''ped\n")] {
        let shown = pane.stall_and_resume(typed).await;
        assert!(shown <= limit, "{typed:?}: {shown:?}");
    }
    pane.until_said("typed").await;
    // A program that reads without a word is not silent: the host answers for it.
    pane.type_in("read line; echo he''ard $line\nsomething\n");
    pane.until_said("heard something").await;
    // And one way alone is as good as none.
    pane.proxy.set(Way::Down, Toxic::Stall);
    pane.until("it is stalled", |event| matches!(event, SessionEvent::Stalled(_))).await;
    pane.proxy.reset();
    let end = pane.until("TCP ends it", |event| matches!(event, SessionEvent::Closed(_))).await;
    assert!(matches!(end, SessionEvent::Closed(Outcome::Unknown(Unknown::LinkLost(_)))), "{end:?}");
}

#[tokio::test]
async fn a_configuration_that_ends_silence_ends_a_pane_too() {
    let mut pane = Pane::open(alive(200, 2)).await;
    pane.proxy.set_both(Toxic::Stall);
    let pulled = Instant::now();
    let end = pane.until("it is lost", |event| matches!(event, SessionEvent::Closed(_))).await;
    assert!(pulled.elapsed() >= Duration::from_millis(400), "two questions were given their time");
    let SessionEvent::Closed(Outcome::Unknown(Unknown::LinkLost(why))) = &end else { panic!("{end:?}") };
    assert!(why.starts_with("nothing heard for "), "{why}");
}

#[tokio::test]
async fn a_link_knows_that_it_is_stalled() {
    let sshd = Sshd::builder().start();
    let proxy = Proxy::to(sshd.port());
    let target = Target { alive: alive(200, u32::MAX), ..through(&proxy, &sshd, 0) };
    let link = connector().connect(&target, &()).await.unwrap();
    let mut pulse = link.pulse();
    assert!(!link.is_stalled());
    proxy.set(Way::Up, Toxic::Stall);
    assert!(tokio::time::timeout(DEADLINE, pulse.changed()).await.unwrap().is_some());
    assert!(link.is_stalled() && !link.is_closed());
    proxy.set(Way::Up, Toxic::Clear);
    assert!(tokio::time::timeout(DEADLINE, pulse.changed()).await.unwrap().is_none());
    assert!(!link.is_stalled());
    assert_eq!(run(&link, "echo on").await.stdout, b"on\n");
}

#[tokio::test]
async fn nobody_new_is_sent_through_a_jump_host_that_is_silent() {
    let (bastion, sshd) = (Sshd::builder().start(), Sshd::builder().start());
    let proxy = Proxy::to(bastion.port());
    let alive = alive(200, u32::MAX);
    let via = Target { alive, ..target("127.0.0.1", proxy.port(), &bastion.client_key()) };
    let behind = Target { alive, route: Route::Jump(Arc::new(via)), ..target_of(&sshd) };
    let connector = Connector::new(Arc::new(Tcp), Arc::new(Nobody), Arc::new(Keys::default()))
        .with_silence(Silence::Shown);
    let first = connector.connect(&behind, &()).await.unwrap();
    proxy.strand();
    let stalled = tokio::time::timeout(DEADLINE, first.pulse().changed()).await.unwrap();
    assert!(stalled.is_some() && !first.is_closed(), "it is shown, and stays");
    // The jump host is back, and whoever is reconnected reaches it: perhaps a moment later than its guests it is known
    // to be silent too.
    let hasty = Target { connect_timeout: Duration::from_secs(3), ..behind };
    let mut tries = 0;
    let again = loop {
        match connector.connect(&hasty, &()).await {
            Ok(link) => break link,
            Err(error) => assert!(tries < 3, "{error}"),
        }
        tries += 1;
    };
    assert_eq!(run(&again, "echo back").await.stdout, b"back\n");
    assert_eq!(proxy.connections(), 2);
}

/// A command that is on its way while its link falls silent; how it ended and how long that took from then on.
async fn lost(alive: Option<Alive>) -> (Outcome, Duration) {
    let sshd = Sshd::builder().start();
    let proxy = Proxy::to(sshd.port());
    let target = Target { alive, ..through(&proxy, &sshd, 0) };
    let started = sshd.dir().join("started");
    let command = format!("touch {}; sleep 1000", started.display());
    let run = tokio::spawn(async move {
        let summary = run_on(vec![target], &command).await;
        summary.outcomes[0].clone()
    });
    wait_until("the command runs", || started.exists()).await;
    proxy.set_both(Toxic::Stall);
    let pulled = Instant::now();
    (run.await.expect("it ends"), pulled.elapsed())
}

#[tokio::test]
async fn without_windows_a_silent_link_is_lost_when_ssh_loses_it() {
    let (asks, soonest, latest) = times().run;
    let (outcome, took) = lost(asks).await;
    assert!((soonest..=latest).contains(&took), "{took:?}");
    let Outcome::Unknown(Unknown::LinkLost(why)) = &outcome else { panic!("{outcome:?}") };
    assert!(why.starts_with("nothing heard for "), "{why}");

    // The same for `ssh`, which asks at the same intervals.
    let sshd = Sshd::builder().start();
    let proxy = Proxy::to(sshd.port());
    let started = sshd.dir().join("started");
    let mut ssh = Command::new(need("ssh", "openssh-client"))
        .args(["-F", "/dev/null", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"])
        .args(["-o", "ServerAliveInterval=1", "-o", "ServerAliveCountMax=2", "-o", "LogLevel=QUIET"])
        .args(["-p", &proxy.port().to_string(), "-i"])
        .arg(sshd.client_key())
        .arg("127.0.0.1")
        .arg(format!("touch {}; sleep 1000", started.display()))
        .spawn()
        .expect("ssh starts");
    wait_until("the command runs", || started.exists()).await;
    proxy.set_both(Toxic::Stall);
    let pulled = Instant::now();
    let status = tokio::task::spawn_blocking(move || ssh.wait()).await.unwrap().unwrap();
    let took = pulled.elapsed();
    assert_eq!(status.code(), Some(255));
    // Three intervals from the last byte heard, which came up to an interval before.
    assert!(took >= Duration::from_secs(2) && took < Duration::from_secs(15), "{took:?}");
}
