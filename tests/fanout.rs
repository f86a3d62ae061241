//! A run without processes: the fan-out against the demo fleet in memory, its output in buffers.

#[path = "fanout/report.rs"]
mod report;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use omnes::ask::{BoxFuture, Nobody};
use omnes::demo::{Fault, Faults, Fleet, FleetConfig, LEDGER, Refusal, StallAt, host_name};
use omnes::outcome::{Class, Exit, Fate, NotRun, Outcome, Unknown};
use omnes::run::report::{Sink, Sinks};
use omnes::run::{self, Ends, Interrupt, Job, Limits, Output, Plan, Summary};
use omnes::ssh::{ConnectError, Connector, Dial, Hop, KnownHosts, Progress, Stage, Stream};
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;

#[path = "fanout/pace.rs"]
mod pace;
#[path = "fanout/soak.rs"]
mod soak;

/// A stream of ours that can be read afterwards.
#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Buffer {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("no writer panicked").clone()).expect("text")
    }
}

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no writer panicked").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A reader that went away.
struct Broken;

impl Write for Broken {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Scene {
    fleet: Arc<Fleet>,
    limits: Limits,
    connect_timeout: Duration,
    output: Output,
    out: Buffer,
    err: Buffer,
}

impl Scene {
    async fn new(config: FleetConfig) -> Scene {
        let fleet = Arc::new(Fleet::start(config).await.expect("a fleet"));
        Scene {
            fleet,
            limits: Limits::DEFAULT,
            connect_timeout: Duration::from_secs(60),
            output: Output::Stream,
            out: Buffer::default(),
            err: Buffer::default(),
        }
    }

    fn job(&self, command: &str) -> Job {
        let mut targets = self.fleet.targets();
        targets.iter_mut().for_each(|target| target.connect_timeout = self.connect_timeout);
        let hosts = targets.iter().map(|target| target.host.clone()).collect();
        Job::command(
            Plan::new(command, hosts, self.limits),
            targets.into_iter().map(Ok).collect(),
            Connector::new(self.fleet.clone(), Arc::new(Nobody), Arc::new(KnownHosts::new())),
        )
    }

    fn ends(&self) -> Ends {
        Ends {
            out: Box::new(self.out.clone()),
            err: Box::new(self.err.clone()),
            sinks: Sinks { out: Sink::Exact, err: Sink::Exact },
        }
    }

    async fn run(&self, command: &str) -> Summary {
        let (_keep, interrupts) = mpsc::channel(1);
        in_time(run::run(self.job(command), self.output, self.ends(), interrupts)).await
    }
}

async fn in_time<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(120), work).await.expect("it ends in time")
}

fn fleet(hosts: usize, faults: Faults) -> FleetConfig {
    FleetConfig { faults, ..FleetConfig::scripted(hosts) }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_good_host_runs_the_command_once_and_its_lines_carry_its_name() {
    let scene = Scene::new(fleet(20, Faults::none())).await;
    let summary = scene.run("hostname").await;
    assert_eq!(summary.exit, Exit::Well);
    let mut lines: Vec<String> = scene.out.text().lines().map(str::to_owned).collect();
    lines.sort();
    let expected: Vec<String> =
        (1..=20).map(|n| host_name(n, 20)).map(|name| format!("{name}: {name}")).collect();
    assert_eq!(lines, expected);
    assert_eq!(scene.err.text(), "omnes: 20 ok: demo[01-20]\n");
    for name in scene.fleet.names() {
        assert_eq!(scene.fleet.truth().executions(name, "hostname"), 1, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn outcomes_say_what_is_certain_and_what_is_not() {
    let faults = Faults::none()
        .with(1, Fault::Refuse(Refusal::Port))
        .with(2, Fault::ChangedKey)
        .with(3, Fault::RefuseLogin)
        .with(4, Fault::DieAfter(0))
        .with(5, Fault::NoExitStatus)
        .with(6, Fault::ExitStatus(7));
    let scene = Scene::new(fleet(7, faults)).await;
    let summary = scene.run("hostname").await;
    let words: Vec<&str> = summary.outcomes.iter().map(Outcome::word).collect();
    assert_eq!(
        words,
        ["unreachable", "host-key", "login", "link-lost", "no-status", "exited", "exited"],
        "{}",
        scene.err.text()
    );
    assert_eq!(summary.outcomes[5], Outcome::Exited(7));
    assert_eq!(summary.exit, Exit::NotKnown);
    for (n, runs) in [(1, 0), (2, 0), (3, 0), (4, 1), (5, 1), (6, 1), (7, 1)] {
        assert_eq!(scene.fleet.truth().executions(&host_name(n, 7), "hostname"), runs, "{n}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn timeouts_tell_not_run_from_may_still_run() {
    let faults = Faults::none()
        .with(1, Fault::Stall(StallAt::Login))
        .with(2, Fault::Stall(StallAt::Request))
        .with(3, Fault::FLOOD);
    let mut scene = Scene::new(fleet(4, faults)).await;
    scene.connect_timeout = Duration::from_secs(3);
    scene.limits.command_timeout = Some(Duration::from_secs(2));
    let summary = scene.run("hostname").await;
    let unreachable = |outcome: &Outcome, stage| matches!(outcome, Outcome::NotRun(NotRun::Connect(ConnectError::Unreachable { stage: at, .. })) if *at == stage);
    assert!(unreachable(&summary.outcomes[0], Stage::Login), "{:?}", summary.outcomes[0]);
    assert_eq!(summary.outcomes[1].class(), Class::NotKnown, "{:?}", summary.outcomes[1]);
    assert_eq!(
        summary.outcomes[2],
        Outcome::Unknown(Unknown::TimedOut(Duration::from_secs(2), Fate::MayStillRun))
    );
    assert_eq!(summary.outcomes[3], Outcome::Exited(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ledger_of_a_thousand_hosts_is_exact() {
    const HOSTS: usize = 1000;
    let mut scene = Scene::new(fleet(HOSTS, Faults::by_shares(HOSTS, LEDGER, 2026))).await;
    scene.output = Output::Json;
    // With so few at once a handshake takes a tenth of the timeout, even where others use the machine too.
    scene.limits.fanout = NonZeroUsize::new(64).expect("not zero");
    scene.connect_timeout = Duration::from_secs(5);
    scene.limits.command_timeout = Some(Duration::from_secs(5));
    let summary = scene.run("hostname").await;
    let expected = |name: &str| match scene.fleet.fault(name) {
        None => ("exited", 1),
        Some(Fault::Stall(StallAt::Request)) => ("link-lost", 0),
        Some(Fault::Refuse(_) | Fault::Stall(_)) => ("unreachable", 0),
        Some(Fault::ChangedKey) => ("host-key", 0),
        Some(Fault::RefuseLogin) => ("login", 0),
        Some(Fault::Flood(_)) => ("timed-out", 1),
        Some(Fault::DieAfter(_)) => ("link-lost", 1),
        Some(Fault::NoExitStatus) => ("no-status", 1),
        Some(other) => panic!("{other:?} is not in the ledger"),
    };
    for (name, outcome) in scene.fleet.names().zip(&summary.outcomes) {
        let runs = scene.fleet.truth().executions(name, "hostname");
        assert_eq!((outcome.word(), runs), expected(name), "{name}: {outcome}");
    }
    let words = summary.outcomes.iter().fold(BTreeMap::new(), |mut words: BTreeMap<_, usize>, outcome| {
        *words.entry(outcome.word()).or_default() += 1;
        words
    });
    let seeded = [
        ("exited", 780),
        ("host-key", 20),
        ("link-lost", 20),
        ("login", 20),
        ("no-status", 10),
        ("timed-out", 10),
        ("unreachable", 140),
    ];
    assert_eq!(words, BTreeMap::from(seeded));
    assert_eq!(summary.exit, Exit::NotKnown);
    let lines = json_lines(&scene.out.text());
    let names: Vec<&str> = scene.fleet.names().collect();
    assert_eq!(told(&lines), names, "every host once");
    let last = lines.last().expect("a summary");
    for (class, count) in [("well", 780), ("failed", 0), ("not_run", 180), ("not_known", 40)] {
        assert_eq!(last[class]["count"], count, "{class}: {last}");
    }
    assert_eq!(last["exit"], 4);
}

fn json_lines(text: &str) -> Vec<serde_json::Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect()
}

/// The hosts of all outcomes, sorted.
fn told(lines: &[serde_json::Value]) -> Vec<&str> {
    let ends = lines.iter().filter(|line| line["event"] == "outcome");
    let mut told: Vec<&str> = ends.filter_map(|line| line["host"].as_str()).collect();
    told.sort_unstable();
    told
}

/// The way to a fleet, with a hole in it.
struct Hole(Arc<Fleet>);

impl Dial for Hole {
    fn dial<'a>(
        &'a self,
        hop: &'a Hop,
        progress: &'a dyn Progress,
    ) -> BoxFuture<'a, Result<Stream, ConnectError>> {
        assert_ne!(hop.address, "demo02", "the fault of this test");
        self.0.dial(hop, progress)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_whose_task_fails_inside_omnes_is_told_of_like_any_other() {
    let scene = Scene { output: Output::Json, ..Scene::new(fleet(3, Faults::none())).await };
    let (_keep, interrupts) = mpsc::channel(1);
    let hole = Arc::new(Hole(scene.fleet.clone()));
    let connector = Connector::new(hole, Arc::new(Nobody), Arc::new(KnownHosts::new()));
    let job = Job { connector, ..scene.job("hostname") };
    let summary = in_time(run::run(job, scene.output, scene.ends(), interrupts)).await;
    assert_eq!(summary.exit, Exit::OwnFault);
    let lines = json_lines(&scene.out.text());
    assert_eq!(told(&lines), ["demo01", "demo02", "demo03"]);
    let failed = lines.iter().find(|line| line["event"] == "outcome" && line["host"] == "demo02");
    assert_eq!(failed.expect("its outcome")["class"], "not_known");
}

/// A fleet whose first connections are turned away, one for each host.
struct Porch(Arc<Fleet>, Mutex<Vec<String>>);

impl Dial for Porch {
    fn dial<'a>(
        &'a self,
        hop: &'a Hop,
        progress: &'a dyn Progress,
    ) -> BoxFuture<'a, Result<Stream, ConnectError>> {
        let mut refused = self.1.lock().expect("no test panics while it holds this");
        if refused.contains(&hop.address) {
            return self.0.dial(hop, progress);
        }
        refused.push(hop.address.clone());
        let (near, mut far) = tokio::io::duplex(1024);
        tokio::spawn(async move { far.write_all(b"Exceeded MaxStartups\r\n").await });
        Box::pin(async move { Ok(Box::new(near) as Stream) })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hosts_that_are_throttled_run_the_command_later_and_that_is_said_once() {
    let scene = Scene::new(fleet(3, Faults::none())).await;
    let (_keep, interrupts) = mpsc::channel(1);
    let porch = Arc::new(Porch(scene.fleet.clone(), Mutex::default()));
    let connector = Connector::new(porch, Arc::new(Nobody), Arc::new(KnownHosts::new()));
    let job = Job { connector, ..scene.job("hostname") };
    let summary = in_time(run::run(job, scene.output, scene.ends(), interrupts)).await;
    assert_eq!(summary.exit, Exit::Well);
    let told = scene.err.text();
    assert_eq!(told.matches("the host says `Exceeded MaxStartups`").count(), 1, "{told}");
    assert!(told.contains(": turned away for now, and tried again"), "{told}");
    assert!(told.ends_with("omnes: 3 ok: demo[01-03]\n"), "{told}");
}

/// Interrupts a run as soon as `hosts` commands run, `times` times; gives what it came to.
async fn interrupted(scene: &Scene, command: &str, hosts: usize, times: usize) -> Summary {
    let (send, interrupts) = mpsc::channel(4);
    let running = run::run(scene.job(command), scene.output, scene.ends(), interrupts);
    let interrupting = async {
        let names: Vec<&str> = scene.fleet.names().collect();
        let count =
            |truth: &omnes::demo::Truth| names.iter().filter(|n| truth.executions(n, command) > 0).count();
        scene.fleet.truth().wait_until(|truth| count(truth) >= hosts).await;
        for _ in 0..times {
            send.send(Interrupt::Int).await.expect("the run still listens");
        }
        std::future::pending::<()>().await
    };
    in_time(async {
        tokio::select! { summary = running => summary, () = interrupting => unreachable!("it waits for ever") }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_interrupt_starts_no_more_and_lets_the_running_end() {
    let mut scene = Scene::new(fleet(6, Faults::none())).await;
    scene.limits.fanout = NonZeroUsize::new(2).expect("not zero");
    scene.limits.command_timeout = Some(Duration::from_secs(3));
    let summary = interrupted(&scene, "sleep-for-ever", 2, 1).await;
    assert_eq!(summary.exit, Exit::Interrupted);
    let count = |word: &str| summary.outcomes.iter().filter(|outcome| outcome.word() == word).count();
    assert_eq!((count("timed-out"), count("not-started")), (2, 4), "{:?}", summary.outcomes);
    assert!(scene.err.text().contains("no more hosts are started, 2 go on"), "{}", scene.err.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_interrupt_ends_the_commands_and_the_third_leaves() {
    for times in [2, 3] {
        let scene = Scene { output: Output::Json, ..Scene::new(fleet(3, Faults::none())).await };
        let begun = std::time::Instant::now();
        let summary = interrupted(&scene, "sleep-for-ever", 3, times).await;
        assert_eq!(summary.exit, Exit::Interrupted);
        assert!(begun.elapsed() < Duration::from_secs(60));
        for outcome in &summary.outcomes {
            assert!(matches!(outcome.word(), "killed" | "signalled"), "{outcome:?}");
        }
        let lines = json_lines(&scene.out.text());
        assert_eq!(told(&lines), ["demo01", "demo02", "demo03"], "{times} interrupts");
        assert_eq!(lines.last().expect("a summary")["exit"], 130);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_goes_away_ends_the_run_and_is_our_fault() {
    let scene = Scene::new(fleet(4, Faults::none().with(1, Fault::FLOOD).with(2, Fault::FLOOD))).await;
    let (_keep, interrupts) = mpsc::channel(1);
    let ends = Ends { out: Box::new(Broken), ..scene.ends() };
    let summary = in_time(run::run(scene.job("hostname"), scene.output, ends, interrupts)).await;
    assert_eq!(summary.exit, Exit::OwnFault);
    assert_eq!(summary.outcomes.len(), 4);
    assert!(!scene.err.text().contains("cannot be written"), "{}", scene.err.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_outputs_are_gathered_under_their_set() {
    let mut scene = Scene::new(fleet(12, Faults::none().with(5, Fault::ExitStatus(3)))).await;
    scene.output = Output::Gather;
    let summary = scene.run("echo same").await;
    assert_eq!(summary.exit, Exit::Failed);
    let rule = "-".repeat(15);
    let block = |title: &str| format!("{rule}\n{title}\n{rule}\nsame\n");
    let expected = block("demo[01-04,06-12] (11): ok") + &block("demo05 (1): exit status 3");
    // Folding belongs to the host sets; the order and the counts are ours.
    assert_eq!(scene.out.text(), expected);
}
