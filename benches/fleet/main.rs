//! omnes beside the floor, on a scripted fleet that is a process of its own.
//!
//! `cargo bench --bench fleet` starts a fleet of scripted hosts in one process, and measures in turn, several rounds each:
//!
//! - `run`: `omnes run HOSTS -- true` (the built binary, known_hosts of 5,000 plain lines) beside a bare russh client
//!   with the same algorithms and fan-out: wall time, CPU per host, peak memory;
//! - `echo`: one byte to 1,000 sessions until all have echoed it, through session, mailbox and pane, beside the bare
//!   client;
//! - `held`: memory of a held session, without and with a pane.
//!
//! Every role is this program started again with `OMNES_BENCH_ROLE`, so that no measurement shares a process with
//! another. Figures are medians, and ratios are of medians of the same run. `-- run 1000` limits what is measured.

mod bare;
mod held;
mod measure;
mod server;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use measure::{Cost, median};
use server::Server;

/// Hosts worked on at once, in both clients.
const FAN_OUT: usize = 64;

/// Rounds of each measurement.
const ROUNDS: usize = 5;

fn main() {
    match std::env::var("OMNES_BENCH_ROLE").as_deref() {
        Ok("server") => server::serve(),
        Ok("floor-run") => floor(|fleet| async move {
            let well = bare::run_all(&fleet).await;
            assert_eq!(well, fleet.addresses.len(), "every host answers the floor");
        }),
        Ok("floor-echo") => floor(|fleet| async move { measure::tell(&bare::echo_all(&fleet, 30).await) }),
        Ok("held") => held::report(),
        Ok(role) => panic!("no such role: {role}"),
        Err(_) => measure_all(),
    }
}

fn floor<F: Future<Output = ()>>(work: impl FnOnce(bare::Fleet) -> F) {
    let dir = std::env::var("OMNES_BENCH_DIR").expect("the directory of the fleet");
    let dir = Path::new(&dir);
    let hosts = std::fs::read_to_string(dir.join("hosts")).expect("the hosts");
    let addresses: Arc<[SocketAddr]> =
        hosts.lines().map(|line| line.trim_start_matches("demo@").parse().expect("an address")).collect();
    let key = russh::keys::load_secret_key(dir.join("key"), None).expect("the key");
    let fleet = bare::Fleet { addresses, key: Arc::new(key), user: "demo".to_owned(), fan_out: FAN_OUT };
    tokio::runtime::Runtime::new().expect("a runtime").block_on(work(fleet));
}

fn measure_all() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let wanted = |what: &str| words.is_empty() || words.iter().any(|word| word == what);
    let sizes: Vec<usize> = words.iter().filter_map(|word| word.parse().ok()).collect();
    let sizes = if sizes.is_empty() { vec![1000, 5000] } else { sizes };
    if wanted("run") {
        println!("run `true`, fan-out {FAN_OUT}, known_hosts of 5,000 plain lines, {ROUNDS} rounds, medians");
        println!(
            "{:>6} {:>7} {:>9} {:>9} {:>12} {:>9}",
            "hosts", "client", "wall s", "hosts/s", "CPU ms/host", "peak MiB"
        );
        sizes.iter().for_each(|hosts| run(*hosts));
    }
    if wanted("echo") {
        echo(1000);
    }
    if wanted("held") {
        memory(1000);
    }
}

fn run(hosts: usize) {
    let server = Server::start(hosts);
    let (mut floor, mut omnes) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        floor.push(measure::role("floor-run", server.dir()).0);
        omnes.push(measure::omnes_run(server.dir(), FAN_OUT));
    }
    for (client, costs) in [("floor", &floor), ("omnes", &omnes)] {
        let wall = median(costs.iter().map(|cost| cost.wall));
        println!(
            "{hosts:>6} {client:>7} {wall:>9.2} {:>9.0} {:>12.2} {:>9.0}",
            hosts as f64 / wall,
            median(costs.iter().map(|cost| cost.cpu)) / hosts as f64 * 1e3,
            median(costs.iter().map(|cost| cost.peak_kib as f64)) / 1024.0,
        );
    }
    let ratio = |of: fn(&Cost) -> f64| median(omnes.iter().map(of)) / median(floor.iter().map(of));
    println!("{hosts:>6}   ratio: wall {:.2}, CPU {:.2}", ratio(|cost| cost.wall), ratio(|cost| cost.cpu));
}

fn echo(hosts: usize) {
    let server = Server::start(hosts);
    println!("one byte to {hosts} sessions until all have echoed, ms");
    let (mut floors, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        floors.extend(measure::role("floor-echo", server.dir()).1);
        ours.extend(held::echo(server.dir()));
    }
    let (floor, ours) = (median(floors.into_iter()), median(ours.into_iter()));
    println!("  floor {floor:.1}   omnes (session, mailbox, pane) {ours:.1}   ratio {:.2}", ours / floor);
}

fn memory(hosts: usize) {
    let server = Server::start(hosts);
    for panes in [false, true] {
        let kib = held::per_session_kib(server.dir(), panes);
        let what = if panes { "with a pane and 1,000 lines of history" } else { "without a pane" };
        println!("a held session {what}: {kib:.0} KiB");
    }
}
