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
//! Only where they are named, since they take long:
//!
//! - `one`: one host from start to exit, beside `ssh`;
//! - `peers [REAL SCRIPTED]`: beside pdsh, clush, parallel-ssh and `xargs ssh`, on real `sshd` and on scripted hosts;
//! - `scale [SIZES]`: with journal and gathered output at 1,000, 5,000 and 10,000 hosts, beside the bare client;
//! - `outputs`: 5,000 hosts with 100 kB each that no other host says;
//! - `files [small]`: `omnes push` beside `scp`, `parallel-scp` and `clush --copy`: a file to many hosts, a large one to
//!   few, many small ones to few;
//! - `soak [MINUTES]`: run after run in one process, then the TUI: nothing grows.
//!
//! `rounds=N` beside them says how often. Every role is this program started again with `OMNES_BENCH_ROLE`, so that no
//! measurement shares a process with another. Figures are medians, and ratios are of medians of the same run. `-- run 1000` limits what is measured.

mod agent;
mod bare;
mod files;
mod ground;
mod held;
mod ledger;
mod measure;
mod one;
mod papers;
mod peers;
mod ping;
mod run;
mod scale;
mod sends;
mod server;
mod soak;
mod tools;
mod tree;
mod tui;
mod upload;

#[path = "../../tests/support/mod.rs"]
pub mod support;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use bare::Kex;
use held::Panes;
use measure::median;
use server::Server;
use upload::By;

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
        Ok("floor-files") => floor(|fleet| upload::run(fleet, By::Packets)),
        Ok("floor-files-one") => floor(|fleet| upload::run(fleet, By::One)),
        Ok("floor-files-crate") => floor(|fleet| upload::run(fleet, By::Crate)),
        Ok("floor-held") => {
            floor(|fleet| async move { measure::tell(&bare::hold(&fleet, held::ECHOES).await) })
        }
        Ok("sends") => sends::report(),
        Ok("held") => held::report(Panes::None),
        Ok("held-panes") => held::report(Panes::Fed),
        Ok("soak-runs") => soak::role(),
        Ok(role) => panic!("no such role: {role}"),
        Err(_) => measure_wanted(),
    }
}

fn floor<F: Future<Output = ()>>(work: impl FnOnce(bare::Fleet) -> F) {
    let dir = std::env::var("OMNES_BENCH_DIR").expect("the directory of the fleet");
    let dir = Path::new(&dir);
    let hosts = std::fs::read_to_string(dir.join("hosts")).expect("the hosts");
    let addresses: Arc<[SocketAddr]> = hosts
        .lines()
        .map(|line| line.rsplit_once('@').expect("a user").1.parse().expect("an address"))
        .collect();
    let user = hosts.split('@').next().expect("a user").to_owned();
    let key = russh::keys::load_secret_key(dir.join("key"), None).expect("the key");
    let kex = match std::env::var("OMNES_BENCH_KEX").as_deref() {
        Ok("curve25519") => Kex::Curve25519,
        _ => Kex::MlKem,
    };
    let fan_out = std::env::var("OMNES_BENCH_FAN_OUT").map_or(FAN_OUT, |n| n.parse().expect("a number"));
    let command = std::fs::read_to_string(dir.join("command")).unwrap_or_else(|_| "true".to_owned());
    let fleet = bare::Fleet { addresses, key: Arc::new(key), user, fan_out, kex, command };
    tokio::runtime::Runtime::new().expect("a runtime").block_on(work(fleet));
}

fn measure_wanted() {
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
    on_demand(&words);
}

/// What takes long, or installs something: measured only where it is named.
fn on_demand(words: &[String]) {
    let named = |what: &str| words.iter().any(|word| word == what);
    let number = |word: &String| word.parse().ok();
    let sizes: Vec<usize> = words.iter().filter_map(number).collect();
    let rounds = words.iter().find_map(|word| word.strip_prefix("rounds=")?.parse().ok());
    if named("one") {
        one::measure(rounds);
    }
    if named("peers") {
        let (real, scripted) = (sizes.first().copied().unwrap_or(200), sizes.get(1).copied().unwrap_or(1000));
        peers::measure(real, scripted, rounds);
    }
    if named("scale") {
        let sizes = if sizes.is_empty() { vec![1000, 5000, 10_000] } else { sizes.clone() };
        scale::measure(&sizes, rounds);
    }
    if named("outputs") {
        scale::outputs(rounds);
    }
    if named("files") {
        files::measure(named("small"), rounds);
    }
    if named("soak") {
        let minutes = words.iter().find_map(|word| word.parse().ok());
        soak::measure(minutes.unwrap_or(10.0));
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
