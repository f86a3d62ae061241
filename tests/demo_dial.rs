//! The demo fleet under our own client: each fault comes out as the outcome that it stands for.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use omnes::ask::Nobody;
use omnes::demo::{Fault, Faults, Fleet, FleetConfig, LEDGER, Recording, StallAt, Transport};
use omnes::size::Size;
use omnes::ssh::{
    ChannelEvent, ChannelOutput, ConnectError, Connector, HostKeys, Link, Opened, StartError, Target, Verdict,
};

/// Many times what any step here takes.
const DEADLINE: Duration = Duration::from_secs(60);

async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, work).await.expect("nothing here takes a minute")
}

/// The lines of the fleet's known_hosts, looked up by name: `name type key`.
struct Lines(BTreeMap<String, (String, String)>);

impl Lines {
    fn of(fleet: &Fleet) -> Arc<Lines> {
        let text = std::fs::read_to_string(fleet.known_hosts()).unwrap();
        let lines = text.lines().map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            (words[0].to_owned(), (words[1].to_owned(), words[2].to_owned()))
        });
        Arc::new(Lines(lines.collect()))
    }
}

impl HostKeys for Lines {
    fn check(&self, target: &Target, _: &str, blob: &[u8]) -> Verdict {
        let shown = base64::engine::general_purpose::STANDARD.encode(blob);
        match self.0.get(&target.key_name) {
            None => Verdict::Unknown,
            Some((_, known)) if *known == shown => Verdict::Known,
            Some(_) => Verdict::Refused("changed".to_owned()),
        }
    }
    fn learn(&self, _: &Target, _: &str, _: &[u8]) -> Result<(), String> {
        Err("this test learns nothing".to_owned())
    }
    fn algorithms_for(&self, target: &Target) -> Vec<String> {
        self.0.get(&target.key_name).map(|(algorithm, _)| algorithm.clone()).into_iter().collect()
    }
}

fn connector(fleet: &Arc<Fleet>) -> Connector {
    Connector::new(fleet.clone(), Arc::new(Nobody), Lines::of(fleet))
}

/// What became of one command, as one word.
async fn class(connector: &Connector, target: &Target, command: &[u8]) -> &'static str {
    let opened = async {
        let link = connector.connect(target, &()).await?;
        let opened = link.open().await?;
        Ok((link, opened))
    };
    // The link lives as long as its channel is wanted.
    let (_link, opened): (Link, Opened) = match opened.await {
        Ok(opened) => opened,
        Err(ConnectError::HostKey(_)) => return "host key",
        Err(ConnectError::Login(_)) => return "login",
        Err(_) => return "unreachable",
    };
    match opened.exec(command).await {
        Ok(mut channel) => watch(&mut channel.output).await,
        Err(StartError::NotRun(_)) => "unreachable",
        Err(StartError::Lost(_)) => "not known",
    }
}

async fn watch(output: &mut ChannelOutput) -> &'static str {
    let (mut status, mut bytes) = (None, 0);
    loop {
        match output.next().await {
            ChannelEvent::Data(data) => bytes += data.len(),
            ChannelEvent::Exit(code) => status = Some(code),
            ChannelEvent::Closed(_) if status == Some(0) => return "well",
            ChannelEvent::Closed(_) => return "not known",
            _ => {}
        }
        if bytes > 50_000 {
            return "flood";
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ledger_comes_out_as_it_was_seeded() {
    const HOSTS: usize = 400;
    let faults = Faults::by_shares(HOSTS, LEDGER, 2026);
    let config = FleetConfig { faults: faults.clone(), ..FleetConfig::scripted(HOSTS) };
    let fleet = Arc::new(Fleet::start(config).await.unwrap());
    let connector = connector(&fleet);
    let gate = Arc::new(tokio::sync::Semaphore::new(48));
    let mut running = tokio::task::JoinSet::new();
    for mut target in fleet.targets() {
        let (connector, gate) = (connector.clone(), gate.clone());
        target.connect_timeout = Duration::from_secs(5);
        running.spawn(async move {
            let _turn = gate.acquire_owned().await.unwrap();
            (target.host.name().to_owned(), class(&connector, &target, b"echo here").await)
        });
    }
    let mut seen = BTreeMap::new();
    within(async {
        while let Some(done) = running.join_next().await {
            let (name, class) = done.unwrap();
            assert!(seen.insert(name, class).is_none());
        }
    })
    .await;
    assert_eq!(seen.len(), HOSTS);
    for (name, class) in &seen {
        let (expected, runs) = match fleet.fault(name) {
            None => ("well", 1),
            Some(Fault::Stall(StallAt::Request)) => ("not known", 0),
            Some(Fault::Refuse(_) | Fault::Stall(_)) => ("unreachable", 0),
            Some(Fault::ChangedKey) => ("host key", 0),
            Some(Fault::RefuseLogin) => ("login", 0),
            Some(Fault::Flood(_)) => ("flood", 1),
            Some(Fault::DieAfter(_) | Fault::NoExitStatus) => ("not known", 1),
            Some(other) => panic!("{other:?} is not of the ledger"),
        };
        let fault = fleet.fault(name);
        assert_eq!(
            (*class, fleet.truth().executions(name, "echo here")),
            (expected, runs),
            "{name}: {fault:?}"
        );
    }
    drop(connector);
    within(fleet.stop()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn each_stall_is_named_after_its_stage() {
    let stages = [
        (StallAt::Banner, "unreachable (banner)"),
        (StallAt::KeyExchange, "unreachable (key exchange)"),
        (StallAt::Login, "unreachable (login)"),
        (StallAt::Channel, "unreachable (channel)"),
        (StallAt::Request, "link lost after the command was sent"),
    ];
    for transport in [Transport::Memory, Transport::Loopback] {
        let faults =
            (1..).zip(&stages).fold(Faults::none(), |f, (at, (stage, _))| f.with(at, Fault::Stall(*stage)));
        let config = FleetConfig { faults, transport, ..FleetConfig::scripted(stages.len()) };
        let fleet = Arc::new(Fleet::start(config).await.unwrap());
        let connector = connector(&fleet);
        // Side by side, since each of them takes all of its timeout.
        let mut running = tokio::task::JoinSet::new();
        for (mut target, (stage, expected)) in fleet.targets().into_iter().zip(stages) {
            target.connect_timeout = Duration::from_secs(2);
            let connector = connector.clone();
            running.spawn(async move {
                let ended = within(async {
                    let link = connector.connect(&target, &()).await?;
                    link.open().await?.exec(b"true").await.map(|_| ())
                });
                let sentence = ended.await.unwrap_err().to_string();
                assert!(sentence.starts_with(expected), "{stage:?} over {transport:?}: {sentence}");
            });
        }
        while let Some(done) = running.join_next().await {
            done.unwrap();
        }
        drop(connector);
        within(fleet.stop()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_shell_hears_keys_resizes_and_signals_over_memory() {
    let config = FleetConfig { hosts: 2, recording: Recording::Bytes, ..FleetConfig::default() };
    let fleet = Arc::new(Fleet::start(config).await.unwrap());
    let connector = connector(&fleet);
    let target = fleet.target("demo02").unwrap();
    let link = within(connector.connect(&target, &())).await.unwrap();
    let mut shell = within(link.shell("xterm-256color", Size::new(40, 100))).await.unwrap();
    let mut screen = Screen::default();
    within(screen.shows(&mut shell.output, "demo02:~$ ")).await;
    shell.input.write("stty size; echo $TERM $HOSTNAME\r".into()).await.unwrap();
    within(screen.shows(&mut shell.output, "40 100\r\nxterm-256color demo02\r\n")).await;
    within(screen.shows(&mut shell.output, "demo02:~$ ")).await;
    shell.input.resize(Size::new(30, 90)).await.unwrap();
    shell.input.write("stty size\r".into()).await.unwrap();
    within(screen.shows(&mut shell.output, "30 90\r\n")).await;
    within(screen.shows(&mut shell.output, "demo02:~$ ")).await;
    // What is typed while bash changes the terminal's modes may be lost, as on any host: what a command says proves that
    // the terminal is its own, what cat gives back that cat runs and will have the ^C, and the prompt that bash is back.
    shell.input.write("echo go$((1)); cat\r".into()).await.unwrap();
    within(screen.shows(&mut shell.output, "go1\r\n")).await;
    shell.input.write("up\r".into()).await.unwrap();
    within(screen.shows(&mut shell.output, "up\r\nup\r\n")).await;
    shell.input.write("\x03".into()).await.unwrap();
    within(screen.shows(&mut shell.output, "demo02:~$ ")).await;
    shell.input.write("exit 6\r".into()).await.unwrap();
    let mut status = None;
    loop {
        match within(shell.output.next()).await {
            ChannelEvent::Exit(code) => status = Some(code),
            ChannelEvent::Closed(_) => break,
            _ => {}
        }
    }
    assert_eq!(status, Some(6));
    let heard = b"stty size; echo $TERM $HOSTNAME\rstty size\recho go$((1)); cat\rup\r\x03exit 6\r";
    assert_eq!(fleet.truth().received("demo02"), heard);
    let mut sleeper = within(link.exec(b"sleep 600")).await.unwrap();
    sleeper.input.signal("TERM").await.unwrap();
    while !matches!(within(sleeper.output.next()).await, ChannelEvent::Signal(name) if name == "TERM") {}
    drop((connector, link, shell, sleeper));
    within(fleet.stop()).await.unwrap();
}

/// What was said after what was waited for last.
#[derive(Default)]
struct Screen(String);

impl Screen {
    /// Reads up to and including `wanted`.
    async fn shows(&mut self, output: &mut ChannelOutput, wanted: &str) {
        loop {
            if let Some(at) = self.0.find(wanted) {
                self.0.drain(..at + wanted.len());
                return;
            }
            match output.next().await {
                ChannelEvent::Data(data) => self.0 += &String::from_utf8_lossy(&data),
                ChannelEvent::Closed(how) => panic!("closed before {wanted:?}: {how:?} after {:?}", self.0),
                _ => {}
            }
        }
    }
}

/// A program that writes faster than its reader reads is made to wait: what it got rid of stays bounded.
#[tokio::test(flavor = "multi_thread")]
async fn an_unread_client_stops_the_program() {
    let fleet = Arc::new(Fleet::start(FleetConfig { hosts: 5, ..FleetConfig::default() }).await.unwrap());
    let connector = connector(&fleet);
    let target = fleet.target("demo01").unwrap();
    let link = within(connector.connect(&target, &())).await.unwrap();
    // 16 MB into a client that reads nothing; the shell then says that it got rid of them.
    let command = b"head -c 16000000 /dev/zero && touch done";
    let mut unread = within(link.exec(command)).await.unwrap();
    let second = fleet.target("demo02").unwrap();
    let other = within(connector.connect(&second, &())).await.unwrap();
    // Another host sends as much to a client that does read, and so shows that there was time enough.
    let mut read = within(other.exec(command)).await.unwrap();
    let mut bytes = 0;
    loop {
        match within(read.output.next()).await {
            ChannelEvent::Data(data) => bytes += data.len(),
            ChannelEvent::Closed(_) => break,
            _ => {}
        }
    }
    assert_eq!(bytes, 16_000_000);
    assert!(fleet.directory().join("home/demo02/done").exists());
    assert!(!fleet.directory().join("home/demo01/done").exists(), "nobody read what demo01 wrote");
    let mut bytes = 0;
    while bytes < 16_000_000 {
        if let ChannelEvent::Data(data) = within(unread.output.next()).await {
            bytes += data.len();
        }
    }
    while !matches!(within(unread.output.next()).await, ChannelEvent::Closed(_)) {}
    assert!(fleet.directory().join("home/demo01/done").exists());
    drop((connector, link, other));
    within(fleet.stop()).await.unwrap();
}
