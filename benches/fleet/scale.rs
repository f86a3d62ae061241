//! `omnes run` as it is meant for thousands: with its journal and gathered output, beside the bare client.
//!
//! At each size every host must be well, or the bench fails; at the largest one every host is also looked for in the JSON
//! lines, once. Names that fold are addresses; names that do not are words of letters only.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use crate::ground::Ground;
use crate::measure::{self, SIMPLE, median};
use crate::peers::load;
use crate::server::Server;
use crate::tools::Tool;
use crate::tree::{self, TreeCost};

/// Hosts at once, as omnes does by default; the bare client has as many.
const FAN_OUT: usize = 256;
const ROUNDS: usize = 3;
/// Hosts and lines of the outputs that differ from host to host, of 72 bytes each.
const OUTPUTS: (usize, usize) = (5000, 1400);

/// Measures and prints.
pub(crate) fn measure(sizes: &[usize], rounds: Option<usize>) {
    let rounds = rounds.unwrap_or(ROUNDS);
    println!(
        "run -b with its journal, default fan-out, {rounds} rounds in turns with the bare client, medians"
    );
    println!(
        "{:>6} {:>24} {:>8} {:>8} {:>12} {:>10} {:>10} {:>9} {:>6}",
        "hosts", "client", "wall s", "hosts/s", "CPU ms/host", "CPU ratio", "wall ratio", "peak MiB", "load"
    );
    sizes.iter().for_each(|hosts| regular(*hosts, rounds));
    let largest = sizes.iter().copied().max().unwrap_or_default();
    odd(largest, rounds);
}

fn regular(hosts: usize, rounds: usize) {
    let ground = Ground::scripted(hosts);
    let (mut floor, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        floor.push(bare(ground.dir(), FAN_OUT));
        ours.push(tree::run("omnes", &mut Tool::Omnes.command(&ground)));
    }
    print(hosts, "bare russh client", (&floor, &floor));
    print(hosts, "omnes, journal, gather", (&ours, &floor));
}

/// Names of which no two fold; the ratio is to nothing, since the bare client knows no names.
fn odd(hosts: usize, rounds: usize) {
    let server = Server::start(hosts);
    let words = ["-b", "--", "true"];
    let run = |_| tree::run("omnes", &mut on(server.dir(), "odd", &words));
    let ours: Vec<TreeCost> = (0..rounds).map(run).collect();
    print(hosts, "omnes, odd names", (&ours, &ours));
    account(hosts, server.dir());
}

/// `omnes run` on a list of hosts by names that `odd-config` makes addresses of.
fn on(dir: &Path, list: &str, words: &[&str]) -> Command {
    let at = |name: &str| dir.join(name).display().to_string();
    let mut command = Command::new(env!("CARGO_BIN_EXE_omnes"));
    command
        .env_clear()
        .env("HOME", dir)
        .args(["run", measure::YES, "-F", &at("odd-config"), "--hosts-from", &at(list), "-i", &at("key")])
        .args(["-o", "IdentitiesOnly=yes", "-o", &format!("UserKnownHostsFile={}", at("known_hosts"))])
        .args(words);
    command
}

/// Every host of a run is told of once, and is well.
fn account(hosts: usize, dir: &Path) {
    let words = ["--output", "json", "--", "true"];
    let (_, lines, status) = measure::omnes(dir, SIMPLE, "run", ("hosts", &words));
    assert!(status.success(), "every host is well ({status})");
    let mut told: BTreeMap<String, usize> = BTreeMap::new();
    for line in lines.lines() {
        let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        if line["event"] == "outcome" {
            *told.entry(line["host"].as_str().expect("a host").to_owned()).or_default() += 1;
        }
    }
    assert!(told.len() == hosts && told.values().all(|times| *times == 1), "each of {hosts} once");
    println!("{hosts:>6} hosts: each is told of once in the JSON lines");
}

/// 100 kB of each host that no other host says.
pub(crate) fn outputs(rounds: Option<usize>) {
    let (hosts, lines) = OUTPUTS;
    let server = Server::start(hosts);
    let says = format!("hostname; lines {lines}");
    println!("{hosts} hosts, each with {lines} lines that differ from all others'");
    for way in [&["-b"][..], &["--output", "stream"], &["--no-journal", "-b"]] {
        let words = [way, &["--", &says]].concat();
        let run = |_| tree::run("omnes", &mut on(server.dir(), "odd", &words));
        let ours: Vec<TreeCost> = (0..rounds.unwrap_or(1)).map(run).collect();
        print(hosts, &way.join(" "), (&ours, &ours));
    }
}

/// The bare client on the hosts of a directory, with the algorithms of `ground`.
pub(crate) fn bare(dir: &Path, fan_out: usize) -> TreeCost {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command
        .env("OMNES_BENCH_ROLE", "floor-run")
        .env("OMNES_BENCH_DIR", dir)
        .env("OMNES_BENCH_KEX", "curve25519")
        .env("OMNES_BENCH_FAN_OUT", fan_out.to_string());
    tree::run("the bare client", &mut command)
}

fn print(hosts: usize, client: &str, (costs, beside): (&[TreeCost], &[TreeCost])) {
    let of = |costs: &[TreeCost], what: fn(&TreeCost) -> f64| median(costs.iter().map(what));
    let wall = |cost: &TreeCost| cost.wall;
    let cpu = |cost: &TreeCost| cost.cpu;
    println!(
        "{hosts:>6} {client:>24} {:>8.2} {:>8.0} {:>12.3} {:>10.2} {:>10.2} {:>9.0} {:>6.1}",
        of(costs, wall),
        hosts as f64 / of(costs, wall),
        of(costs, cpu) / hosts as f64 * 1e3,
        of(costs, cpu) / of(beside, cpu),
        of(costs, wall) / of(beside, wall),
        of(costs, |cost| cost.peak_kib as f64) / 1024.0,
        load(),
    );
}
