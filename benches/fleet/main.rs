//! omnes beside the floor, on a scripted fleet that is a process of its own.
//!
//! `cargo bench --bench fleet` starts a fleet of scripted hosts in one process, and measures in turn, several rounds each:
//!
//! - `run`: `omnes run HOSTS -- true` (the built binary) beside a bare russh client with the same algorithms and fan-out:
//!   wall time, CPU per host, peak memory; without an ssh_config, with one of 200 `Host` blocks, with 5,000 lines of
//!   known_hosts plain and hashed, with a key's file and with `ssh-agent`;
//! - `ping`: what `omnes ping --output json` says of the phases of a connect, with plain and with hashed names;
//! - `held`: 1,000 open shells: one byte to all until all have echoed it, and the memory of a session after that, through
//!   session and mailbox, without and with panes, beside the bare client;
//! - `ledger`: `omnes run` on 1,000 hosts of which 220 are broken in ten ways: that each is reported once and as what
//!   it is, how long it takes, and the peak of memory;
//! - `sends`: one key to 200 hosts through the app, the sessions and SSH: from the first write on a socket to the last;
//! - `tui`: the built binary in a terminal: from a key to the screen with 200 and 1,000 hosts, quiet, flooding and busy, the
//!   time from frame to frame, how soon C-c ends what a flood shows, memory a host, CPU while idle, and a search of all.
//!
//! Every role is this program started again with `OMNES_BENCH_ROLE`, so that no measurement shares a process with
//! another. Figures are medians, and ratios are of medians of the same run. `-- run 1000` limits what is measured.

mod agent;
mod bare;
mod held;
mod ledger;
mod measure;
mod papers;
mod ping;
mod run;
mod sends;
mod server;
mod tui;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use held::Panes;
use measure::median;
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
        Ok("floor-held") => {
            floor(|fleet| async move { measure::tell(&bare::hold(&fleet, held::ECHOES).await) })
        }
        Ok("sends") => sends::report(),
        Ok("held") => held::report(Panes::None),
        Ok("held-panes") => held::report(Panes::Fed),
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
        run::measure(&sizes);
    }
    if wanted("ping") {
        ping::measure(1000);
    }
    if wanted("held") {
        held(1000);
    }
    if wanted("ledger") {
        ledger::measure();
    }
    if wanted("sends") {
        sends::measure();
    }
    if wanted("tui") {
        tui::measure();
    }
}

fn held(hosts: usize) {
    let server = Server::start(hosts);
    let mut told = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        told[0].push(measure::role("floor-held", server.dir()).1);
        told[1].push(held::measure(server.dir(), Panes::None));
        told[2].push(held::measure(server.dir(), Panes::Fed));
    }
    println!("{hosts} held sessions, {ROUNDS} rounds of {} echoes of one byte to all, medians", held::ECHOES);
    println!("{:>28} {:>9} {:>15} {:>12}", "", "echo ms", "CPU us/session", "KiB/session");
    for (what, told) in ["floor", "omnes without a pane", "omnes with pane and history"].iter().zip(&told) {
        let echo = median(told.iter().flat_map(|round| round[2..].iter().copied()));
        let (kib, cpu) =
            (median(told.iter().map(|round| round[0])), median(told.iter().map(|round| round[1])));
        println!("{what:>28} {echo:>9.1} {cpu:>15.0} {kib:>12.0}");
    }
}
