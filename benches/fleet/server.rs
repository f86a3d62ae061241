//! The fleet as a process of its own.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use omnes::demo::{Faults, Fleet, FleetConfig, LEDGER, Transport};

use crate::papers;

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

    /// Where the files stand that clients need (`papers`).
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
        papers::write(&fleet, dir.path());
        println!("{}", dir.path().display());
        std::io::stdout().flush().expect("the bench listens");
        let end = tokio::task::spawn_blocking(|| std::io::stdin().lines().for_each(drop));
        end.await.expect("no panic");
        fleet.stop().await.expect("it stops");
    });
}
