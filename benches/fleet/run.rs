//! `omnes run` in several ways, each beside the floor of the same run.

use std::path::Path;

use crate::agent::Agent;
use crate::measure::{self, Cost, SIMPLE, Way, median};
use crate::server::Server;
use crate::{FAN_OUT, ROUNDS};

/// The ways, by what is said of them; the second is the file of the hosts' names.
fn ways(agent: &Agent) -> [(&'static str, &'static str, Way<'_>); 4] {
    let configured = Way { config: "config", ..SIMPLE };
    [
        ("omnes, no ssh_config", "hosts", SIMPLE),
        ("ssh_config", "named", configured),
        ("ssh_config, hashed", "named", Way { known_hosts: "hashed", ..configured }),
        ("ssh_config, agent", "named", Way { agent: Some(agent.socket()), ..configured }),
    ]
}

/// Measures and prints; the clients take turns, so that what else the machine does meets all of them.
pub(crate) fn measure(sizes: &[usize]) {
    println!("run `true`, fan-out {FAN_OUT}, 5,000 lines of known_hosts, {ROUNDS} rounds, medians");
    println!(
        "{:>6} {:>22} {:>8} {:>8} {:>12} {:>9} {:>11} {:>9} {:>15}",
        "hosts",
        "client",
        "wall s",
        "hosts/s",
        "CPU ms/host",
        "to floor",
        "CPU / wall",
        "peak MiB",
        "busiest thread"
    );
    sizes.iter().for_each(|hosts| measure_size(*hosts));
}

fn measure_size(hosts: usize) {
    let server = Server::start(hosts);
    let agent = Agent::with_key_of(server.dir());
    let ways = ways(&agent);
    let (mut floor, mut costs, mut agents) = (Vec::new(), [const { Vec::new() }; 4], Vec::new());
    for _ in 0..ROUNDS {
        floor.push(measure::role("floor-run", server.dir()).0);
        for ((_, hosts, way), costs) in ways.iter().zip(&mut costs) {
            let before = agent.cpu();
            costs.push(run(server.dir(), *way, hosts));
            if way.agent.is_some() {
                agents.push(agent.cpu() - before);
            }
        }
    }
    let bare = cpu(&floor);
    print(hosts, "floor", &floor, bare);
    for ((what, ..), costs) in ways.iter().zip(&costs) {
        print(hosts, what, costs, bare);
    }
    let agents = median(agents.into_iter()) / hosts as f64 * 1e3;
    println!("{hosts:>6} {:>22} {agents:>30.2}", "ssh-agent itself");
}

fn run(dir: &Path, way: Way<'_>, hosts: &str) -> Cost {
    let words = ["-f", &FAN_OUT.to_string(), "--", "true"];
    let (cost, said, status) = measure::omnes(dir, way, "run", (hosts, &words));
    assert!(status.success(), "every host answers omnes ({way:?}: {status}); it said: {said}");
    cost
}

fn cpu(costs: &[Cost]) -> f64 {
    median(costs.iter().map(|cost| cost.cpu))
}

fn print(hosts: usize, client: &str, costs: &[Cost], bare: f64) {
    let of = |what: fn(&Cost) -> f64| median(costs.iter().map(what));
    let (wall, cpu) = (of(|cost| cost.wall), cpu(costs));
    println!(
        "{hosts:>6} {client:>22} {wall:>8.2} {:>8.0} {:>12.2} {:>9.2} {:>11.2} {:>9.0} {:>14.0}%",
        hosts as f64 / wall,
        cpu / hosts as f64 * 1e3,
        cpu / bare,
        of(|cost| cost.cpu / cost.wall),
        of(|cost| cost.peak_kib as f64) / 1024.0,
        of(|cost| cost.busiest) * 100.0,
    );
}
