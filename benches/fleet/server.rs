//! The fleet as a process of its own.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use omnes::demo::{Faults, Fleet, FleetConfig, LEDGER, Transport};

/// Lines in the known_hosts file, whatever the number of hosts.
const KNOWN_HOSTS_LINES: usize = 5000;

/// A running fleet; it ends with this value.
pub(crate) struct Server {
    child: Child,
    dir: PathBuf,
}

impl Server {
    /// Starts a fleet of scripted hosts on loopback and waits until it serves.
    pub(crate) fn start(hosts: usize) -> Server {
        Server::with_faults(hosts, "")
    }

    /// The same with the faults of the ledger, given out by `seed`; no seed, no faults.
    pub(crate) fn with_faults(hosts: usize, seed: &str) -> Server {
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .env("OMNES_BENCH_ROLE", "server")
            .env("OMNES_BENCH_HOSTS", hosts.to_string())
            .env("OMNES_BENCH_SEED", seed)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("piped");
        BufReader::new(stdout).read_line(&mut line).expect("the server tells its directory");
        assert!(!line.trim().is_empty(), "the server did not start");
        Server { child, dir: PathBuf::from(line.trim()) }
    }

    /// Where its `hosts`, `key` and `known_hosts` stand.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// The role: serves until standard input ends.
pub(crate) fn serve() {
    let hosts = std::env::var("OMNES_BENCH_HOSTS").expect("how many").parse().expect("a number");
    let faults = match std::env::var("OMNES_BENCH_SEED").ok().and_then(|seed| seed.parse().ok()) {
        Some(seed) => Faults::by_shares(hosts, LEDGER, seed),
        None => Faults::none(),
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let config = FleetConfig { transport: Transport::Loopback, faults, ..FleetConfig::scripted(hosts) };
        let fleet = Fleet::start(config).await.expect("a fleet");
        let dir = tempfile::tempdir().expect("a directory");
        describe(&fleet, dir.path());
        println!("{}", dir.path().display());
        std::io::stdout().flush().expect("the bench listens");
        let end = tokio::task::spawn_blocking(|| std::io::stdin().lines().for_each(drop));
        end.await.expect("no panic");
        fleet.stop().await.expect("it stops");
    });
}

/// Writes what a client needs, under the names by which it connects: `127.0.0.1` and a port.
fn describe(fleet: &Fleet, dir: &Path) {
    let known = std::fs::read_to_string(fleet.known_hosts()).expect("its keys");
    let (mut hosts, mut lines) = (String::new(), String::new());
    for (name, line) in fleet.names().zip(known.lines()) {
        let port = fleet.port(name).expect("on loopback");
        let key = line.split_once(' ').expect("a name and a key").1;
        hosts.push_str(&format!("demo@127.0.0.1:{port}\n"));
        lines.push_str(&format!("[127.0.0.1]:{port} {key}\n"));
    }
    let one_key = known.lines().next().and_then(|line| line.split_once(' ')).expect("a key").1.to_owned();
    for n in lines.lines().count()..KNOWN_HOSTS_LINES {
        lines.push_str(&format!("other{n:04}.example.org {one_key}\n"));
    }
    std::fs::write(dir.join("hosts"), hosts).expect("a file");
    std::fs::write(dir.join("known_hosts"), lines).expect("a file");
    std::fs::copy(fleet.client_key(), dir.join("key")).expect("the key");
}
