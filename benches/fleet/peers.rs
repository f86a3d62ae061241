//! omnes beside the tools that administrators use, on the same hosts in one run.

use crate::ground::Ground;
use crate::measure::median;
use crate::tools::{self, Tool};
use crate::tree::{self, TreeCost};
use crate::{FAN_OUT, scale};

const ROUNDS: usize = 3;

/// Measures and prints, at these numbers of real and of scripted hosts.
pub(crate) fn measure(real: usize, scripted: usize, rounds: Option<usize>) {
    tools::install_missing();
    let rounds = rounds.unwrap_or(ROUNDS);
    println!(
        "all clients: curve25519-sha256, aes256-gcm@openssh.com, ed25519, host keys checked against known_hosts (the bare \
         client compares its type only); one login for each host"
    );
    println!(
        "CPU: the whole tree of processes; peak: proportional shares of the tree, of one process its own peak"
    );
    if !tools::is_there("bssh") {
        println!("bssh: not measured, it is in no package of Debian");
    }
    println!(
        "{:>6} {:>10} {:>26} {:>8} {:>8} {:>12} {:>8} {:>9} {:>10}",
        "hosts", "servers", "client", "wall s", "hosts/s", "CPU ms/host", "to omnes", "peak MiB", "load"
    );
    table(&Ground::sshd(real), rounds);
    table(&Ground::scripted(scripted), rounds);
}

fn table(ground: &Ground, rounds: usize) {
    let mut told = vec![Vec::new(); 1 + Tool::ALL.len()];
    let mut loads = vec![Vec::new(); told.len()];
    for _ in 0..rounds {
        told[0].push(bare(ground));
        loads[0].push(load());
        for (n, tool) in Tool::ALL.iter().enumerate() {
            told[1 + n].push(tree::run(tool.name(), &mut tool.command(ground)));
            loads[1 + n].push(load());
        }
    }
    let omnes = median(told[1].iter().map(|cost| cost.cpu));
    let names = std::iter::once("bare russh client").chain(Tool::ALL.iter().map(|tool| tool.name()));
    for ((name, costs), loads) in names.zip(&told).zip(&loads) {
        let of = |what: fn(&TreeCost) -> f64| median(costs.iter().map(what));
        let (wall, cpu, count) = (of(|cost| cost.wall), of(|cost| cost.cpu), ground.hosts().len() as f64);
        println!(
            "{count:>6} {:>10} {name:>26} {wall:>8.2} {:>8.0} {:>12.2} {:>8.2} {:>9.0} {:>10.1}",
            ground.what,
            count / wall,
            cpu / count * 1e3,
            cpu / omnes,
            of(|cost| cost.peak_kib as f64) / 1024.0,
            median(loads.iter().copied()),
        );
    }
}

/// The floor on the same hosts.
fn bare(ground: &Ground) -> TreeCost {
    scale::bare(ground.dir(), FAN_OUT)
}

/// How much the machine has to do: the average of the last minute.
pub(crate) fn load() -> f64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|word| word.parse().ok()).unwrap_or(f64::NAN)
}
