//! Runs again and again in one process, and a TUI that is typed to: memory, descriptors, threads and tasks stay where they
//! are.
//!
//! The first third of the time is for warming up; two minutes and more, since the memory of a process that has just started
//! grows until its allocator has seen the worst. What is seen after it is compared with what is seen at the end; the bench
//! fails where something has grown. The runs have one arena of the C library: with the usual 16, memory grows for a quarter of
//! an hour, until each has been filled by threads that come and go, and a leak would not be seen beside that.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use omnes::ask::Nobody;
use omnes::run::report::{Sink, Sinks};
use omnes::run::{Ends, Job, Limits, Output, Plan};
use omnes::ssh::{Connector, KnownHosts, Tcp};

use crate::measure::{median, status_kib};
use crate::server::Server;
use crate::tui::{Eye, Screen};

/// Hosts of one run, some of them broken in ways that end at once or after the timeout.
const HOSTS: usize = 100;
/// Hosts in the TUI.
const SHOWN: usize = 50;
/// What memory may grow by: a twentieth, and so much.
const SLACK_KIB: f64 = 4096.0;

/// What is looked at.
#[derive(Clone, Copy, Debug)]
struct Look {
    kib: u64,
    descriptors: usize,
    threads: u64,
    tasks: usize,
}

/// Soaks for so many minutes, half of it each.
pub(crate) fn measure(minutes: f64) {
    let half = Duration::from_secs_f64(minutes * 30.0);
    println!("soak of {minutes} minutes");
    println!(
        "{:>34} {:>8} {:>22} {:>16} {:>14} {:>12}",
        "", "looks", "KiB", "descriptors", "threads", "tasks"
    );
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command
        .env("OMNES_BENCH_ROLE", "soak-runs")
        .env("OMNES_BENCH_SECONDS", half.as_secs_f64().to_string())
        .env("MALLOC_ARENA_MAX", "1");
    assert!(command.status().expect("it starts").success(), "run after run leaves something behind");
    shown(half);
}

/// The role: run after run, for as long as it is told.
pub(crate) fn role() {
    let seconds = std::env::var("OMNES_BENCH_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    runs(Duration::from_secs_f64(seconds.expect("for how long")));
}

fn look(pid: u32, tasks: usize) -> Look {
    let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count);
    Look { kib: status_kib(pid, "VmRSS:"), descriptors, threads: status_kib(pid, "Threads:"), tasks }
}

/// Run after run in this process, against a fleet in another.
fn runs(time: Duration) {
    let server = Server::with_faults(HOSTS, "7");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut looks = Vec::new();
    let end = Instant::now() + time;
    while Instant::now() < end {
        runtime.block_on(one_run(server.dir()));
        let settled = Instant::now() + Duration::from_secs(10);
        // Connections that were cut end in their own tasks, a moment later.
        while runtime.metrics().num_alive_tasks() > 0 && Instant::now() < settled {
            std::thread::sleep(Duration::from_millis(5));
        }
        looks.push(look(std::process::id(), runtime.metrics().num_alive_tasks()));
    }
    judge(&format!("omnes run on {HOSTS}, a fifth broken"), &looks);
}

async fn one_run(dir: &Path) {
    let targets = crate::held::targets(dir);
    let hosts = targets.iter().map(|target| target.host.clone()).collect();
    let mut limits = Limits::DEFAULT;
    limits.command_timeout = Some(Duration::from_millis(500));
    let connector = Connector::new(Arc::new(Tcp), Arc::new(Nobody), Arc::new(KnownHosts::new()));
    let targets = targets.into_iter().map(|mut target| {
        target.connect_timeout = Duration::from_millis(500);
        Ok(target)
    });
    let job = Job::command(Plan::new("hostname; lines 20", hosts, limits), targets.collect(), connector);
    let sinks = Sinks { out: Sink::Exact, err: Sink::Exact };
    let ends = Ends { out: Box::new(std::io::sink()), err: Box::new(std::io::sink()), sinks };
    let (_keep, interrupts) = tokio::sync::mpsc::channel(1);
    let summary = omnes::run::run(job, Output::Gather, ends, interrupts).await;
    assert_eq!(summary.outcomes.len(), HOSTS, "every host is accounted for");
}

/// The built binary with shells that print and are typed to.
fn shown(time: Duration) {
    let server = Server::start(SHOWN);
    let screen = Screen::open(&server, SHOWN);
    let (mut looks, mut eye) = (Vec::new(), Eye::on(&screen));
    let end = Instant::now() + time;
    // What stands at the same place as before is not painted again, so each round ends with another number.
    for lines in (100..107).cycle().take_while(|_| Instant::now() < end) {
        screen.write(format!("lines {lines}\r").as_bytes());
        eye.sees(|text| text.contains(&format!("{lines} a line")));
        // The rhythm of a person; the history of every pane is full after a few rounds.
        std::thread::sleep(Duration::from_millis(300));
        looks.push(look(screen.pid(), 0));
    }
    judge(&format!("omnes open with {SHOWN} shells"), &looks);
}

fn judge(what: &str, looks: &[Look]) {
    assert!(looks.len() >= 6, "too short a time to say anything: {} looks", looks.len());
    let (warm, end) = (&looks[looks.len() / 3..looks.len() / 2], &looks[looks.len() - looks.len() / 6..]);
    let of = |some: &[Look], what: fn(&Look) -> f64| median(some.iter().map(what));
    let both = |what: fn(&Look) -> f64| (of(warm, what), of(end, what));
    let kib = both(|look| look.kib as f64);
    let descriptors = both(|look| look.descriptors as f64);
    let threads = both(|look| look.threads as f64);
    let tasks = both(|look| look.tasks as f64);
    println!(
        "{what:>34} {:>8} {:>10.0} -> {:>8.0} {:>7.0} -> {:>5.0} {:>5.0} -> {:>5.0} {:>4.0} -> {:>4.0}",
        looks.len(),
        kib.0,
        kib.1,
        descriptors.0,
        descriptors.1,
        threads.0,
        threads.1,
        tasks.0,
        tasks.1
    );
    assert!(kib.1 <= kib.0 * 1.05 + SLACK_KIB, "memory has grown");
    assert!(descriptors.1 <= descriptors.0 + 1.0, "descriptors have grown");
    assert!(threads.1 <= threads.0 + 1.0, "threads have grown");
    assert!(tasks.1 <= tasks.0, "tasks have grown");
}
