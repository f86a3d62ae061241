//! The fleet as a process of its own.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use omnes::demo::{Faults, Fleet, FleetConfig, LEDGER, Transport};

use crate::{ground, papers};

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

    /// The same, each host an address of 127/8 of its own, all with one port: how a client that cannot be told a port names
    /// them.
    pub(crate) fn on_addresses(hosts: usize) -> Server {
        Server::spawn(hosts, &[("OMNES_BENCH_ADDRESSES", "1")])
    }

    /// The same with the faults of the ledger, given out by `seed`; no seed, no faults.
    pub(crate) fn with_faults(hosts: usize, seed: &str) -> Server {
        Server::spawn(hosts, &[("OMNES_BENCH_SEED", seed)])
    }

    fn spawn(hosts: usize, how: &[(&str, &str)]) -> Server {
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .env("OMNES_BENCH_ROLE", "server")
            .env("OMNES_BENCH_HOSTS", hosts.to_string())
            .envs(how.iter().copied())
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
        let on_addresses = std::env::var_os("OMNES_BENCH_ADDRESSES").is_some();
        let transport = if on_addresses { Transport::Memory } else { Transport::Loopback };
        let config = FleetConfig { transport, faults, ..FleetConfig::scripted(hosts) };
        let fleet = Arc::new(Fleet::start(config).await.expect("a fleet"));
        let dir = tempfile::tempdir().expect("a directory");
        let doors = if on_addresses { open_doors(&fleet).await } else { Vec::new() };
        let addresses = match on_addresses {
            true => doors.iter().map(|(address, _)| *address).collect(),
            false => fleet.names().map(|name| loopback(&fleet, name)).collect::<Vec<_>>(),
        };
        papers::write(&fleet, &addresses, dir.path());
        println!("{}", dir.path().display());
        std::io::stdout().flush().expect("the bench listens");
        let end = tokio::task::spawn_blocking(|| std::io::stdin().lines().for_each(drop));
        end.await.expect("no panic");
        doors.iter().for_each(|(_, accepting)| accepting.abort());
        fleet.stop().await.expect("it stops");
    });
}

fn loopback(fleet: &Fleet, name: &str) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, fleet.port(name).expect("on loopback")))
}

/// An address for each host, all with one port that was free on the first of them.
async fn open_doors(fleet: &Arc<Fleet>) -> Vec<(SocketAddr, JoinHandle<()>)> {
    let mut port = 0;
    let mut doors = Vec::new();
    for (n, name) in fleet.names().enumerate() {
        let listener = TcpListener::bind((ground::address(n), port)).await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        port = address.port();
        doors.push((address, tokio::spawn(serve_door(listener, Arc::clone(fleet), name.to_owned()))));
    }
    doors
}

/// Joins what comes to an address with its host.
async fn serve_door(listener: TcpListener, fleet: Arc<Fleet>, name: String) {
    while let Ok((mut near, _)) = listener.accept().await {
        let fleet = Arc::clone(&fleet);
        let name = name.clone();
        tokio::spawn(async move {
            let _ = near.set_nodelay(true);
            if let Ok(mut far) = fleet.connect(&name).await {
                // Either end may break off.
                let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
            }
        });
    }
}
