//! What `omnes ping` says of the phases of a connect.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::measure::{self, SIMPLE, Way, median};
use crate::server::Server;
use crate::{FAN_OUT, ROUNDS};

/// The phases in their order, as ping names them.
const PHASES: [&str; 6] = ["resolve", "tcp", "banner", "key exchange", "login", "total"];

/// A phase, and what of it.
type Cell = (String, &'static str);

/// Measures and prints.
pub(crate) fn measure(hosts: usize) {
    let server = Server::start(hosts);
    println!("ping of {hosts} hosts, ssh_config of 200 blocks, medians of {ROUNDS} rounds, ms");
    println!(
        "{:>8} {:>8} {:>14} {:>8} {:>8} {:>8} {:>8}",
        "fan-out", "names", "phase", "p50", "p90", "p99", "max"
    );
    for fanout in [1, FAN_OUT] {
        for names in ["known_hosts", "hashed"] {
            let way = Way { known_hosts: names, config: "config", ..SIMPLE };
            let mut cells: BTreeMap<Cell, Vec<f64>> = BTreeMap::new();
            for _ in 0..ROUNDS {
                let words = ["-f", &fanout.to_string(), "--output", "json"];
                let (_, said, status) = measure::omnes(server.dir(), way, "ping", ("named", &words));
                assert!(status.success(), "every host is reached ({status}); it said: {said}");
                read(&said, hosts, &mut cells);
            }
            let names = if names == "hashed" { "hashed" } else { "plain" };
            for phase in PHASES {
                print!("{fanout:>8} {names:>8} {phase:>14}");
                for of in OF {
                    print!(" {:>8.2}", median(cells[&(phase.to_owned(), of)].iter().copied()));
                }
                println!();
            }
        }
    }
}

const OF: [&str; 4] = ["p50", "p90", "p99", "max"];

/// Takes the summary of one ping into the cells.
fn read(said: &str, hosts: usize, cells: &mut BTreeMap<Cell, Vec<f64>>) {
    let lines: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.iter().filter(|line| line["event"] == "ping").count(), hosts, "each host once");
    let summary = lines.last().filter(|line| line["event"] == "ping-summary").expect("a summary");
    for phase in PHASES {
        for of in OF {
            let ms =
                summary["ms"][phase][of].as_f64().unwrap_or_else(|| panic!("no {of} of {phase}: {summary}"));
            cells.entry((phase.to_owned(), of)).or_default().push(ms);
        }
    }
}
