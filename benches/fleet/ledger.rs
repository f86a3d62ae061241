//! A run over a fleet with many broken hosts: every host is told of once, as what it is, and in time.

use std::collections::BTreeMap;
use std::path::Path;

use omnes::demo::{Fault, Faults, LEDGER, StallAt};
use serde_json::Value;

use crate::measure::{self, Cost, median};
use crate::server::Server;

/// Hosts of the fleet.
const HOSTS: usize = 1000;

/// Who has which fault.
const SEED: &str = "2026";

/// Both timeouts in seconds.
const TIMEOUT: &str = "5";

/// Rounds; each takes the timeout at least.
const ROUNDS: usize = 3;

/// Class, outcome and stage, as the JSON lines name them; how many hosts ended so.
type Counts = BTreeMap<(String, String, String), usize>;

/// Runs and checks the ledger, and prints what it cost.
pub(crate) fn measure() {
    let server = Server::with_faults(HOSTS, SEED);
    let faults = Faults::by_shares(HOSTS, LEDGER, SEED.parse().expect("a number"));
    let hosts = std::fs::read_to_string(server.dir().join("hosts")).expect("the hosts");
    let hosts: Vec<&str> = hosts.lines().collect();
    let good: Vec<&str> = (1..=HOSTS).filter(|n| faults.of(*n).is_none()).map(|n| hosts[n - 1]).collect();
    std::fs::write(server.dir().join("good"), good.join("\n")).expect("a file");
    let (mut all, mut alone, mut counts) = (Vec::new(), Vec::new(), Counts::new());
    for _ in 0..ROUNDS {
        let (cost, _, status) = run(server.dir(), "good");
        assert!(status.success(), "the good hosts do well ({status})");
        alone.push(cost);
        let (cost, lines, _) = run(server.dir(), "hosts");
        all.push(cost);
        counts = check(&hosts, &faults, &lines);
    }
    print(&counts, &all, &alone, good.len());
}

fn run(dir: &Path, hosts: &str) -> (Cost, String, std::process::ExitStatus) {
    let timeouts = ["--connect-timeout", TIMEOUT, "--command-timeout", TIMEOUT];
    let words = [&["--output", "json"][..], &timeouts, &["--", "true"]].concat();
    measure::omnes(dir, measure::SIMPLE, "run", (hosts, &words))
}

/// Every host has one outcome, and it is that of its fault.
fn check(hosts: &[&str], faults: &Faults, lines: &str) -> Counts {
    let mut told: BTreeMap<&str, (String, String, String)> = BTreeMap::new();
    let mut counts = Counts::new();
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    for line in lines.iter().filter(|line| line["event"] == "outcome") {
        let host = line["host"].as_str().expect("a host");
        let word = |field: &str| line[field].as_str().unwrap_or("").to_owned();
        let end = (word("class"), word("outcome"), word("stage"));
        *counts.entry(end.clone()).or_default() += 1;
        assert!(told.insert(host, end).is_none(), "{host} was told of twice");
    }
    for (n, host) in (1..).zip(hosts) {
        let (class, outcome, stage) = told.get(host).unwrap_or_else(|| panic!("nothing was told of {host}"));
        let fault = faults.of(n);
        assert_eq!((class.as_str(), outcome.as_str(), stage.as_str()), expected(fault), "{fault:?}: {host}");
    }
    assert_eq!(told.len(), hosts.len(), "no host is told of that was not asked for");
    counts
}

/// What a client can know of a host with this fault.
fn expected(fault: Option<Fault>) -> (&'static str, &'static str, &'static str) {
    match fault {
        None => ("well", "exited", ""),
        Some(Fault::Refuse(_)) => ("not_run", "unreachable", "tcp"),
        Some(Fault::Stall(StallAt::Banner)) => ("not_run", "unreachable", "banner"),
        Some(Fault::Stall(StallAt::KeyExchange)) => ("not_run", "unreachable", "key exchange"),
        Some(Fault::Stall(StallAt::Login)) => ("not_run", "unreachable", "login"),
        Some(Fault::Stall(StallAt::Channel)) => ("not_run", "unreachable", "channel"),
        Some(Fault::ChangedKey) => ("not_run", "host-key", ""),
        Some(Fault::RefuseLogin) => ("not_run", "login", ""),
        Some(Fault::Flood(_)) => ("not_known", "timed-out", ""),
        Some(Fault::Stall(StallAt::Request) | Fault::DieAfter(_)) => ("not_known", "link-lost", ""),
        Some(Fault::NoExitStatus) => ("not_known", "no-status", ""),
        Some(fault) => panic!("the ledger has no {fault:?}"),
    }
}

fn print(counts: &Counts, all: &[Cost], alone: &[Cost], good: usize) {
    println!(
        "ledger: {HOSTS} hosts, seed {SEED}, timeouts of {TIMEOUT} s, {ROUNDS} rounds; each told of once, as seeded"
    );
    for ((class, outcome, stage), count) in counts {
        println!("  {count:>4} {class} {outcome} {stage}");
    }
    let wall = |costs: &[Cost]| median(costs.iter().map(|cost| cost.wall));
    let (all_wall, alone_wall) = (wall(all), wall(alone));
    let bound = alone_wall + TIMEOUT.parse::<f64>().expect("a number") + 2.0;
    println!(
        "  wall {all_wall:.2} s; the {good} good hosts alone {alone_wall:.2} s, so at most {bound:.2} s"
    );
    let peak = all.iter().map(|cost| cost.peak_kib).max().expect("a round") as f64 * 1.024 / 1e3;
    println!("  peak memory {peak:.0} MB; at most {:.0} MB", 100.0 + 0.15 * HOSTS as f64);
}
