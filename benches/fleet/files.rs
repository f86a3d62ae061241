//! `omnes push` beside the tools that administrators copy files with, on real `sshd` in one run.
//!
//! All clients are given the same hosts, algorithms and files, and a fresh folder on each host in each round. CPU is the
//! client's, with all of its processes; the servers are not counted. omnes proves what arrives, sets its time and renames it; scp
//! does not. `parallel-scp` always compresses.

use std::path::Path;
use std::process::Command;

use crate::FAN_OUT;
use crate::ground::Ground;
use crate::measure::median;
use crate::peers::load;
use crate::tools;
use crate::tree::{self, TreeCost};

const ROUNDS: usize = 3;

/// What is sent to how many hosts.
#[derive(Clone, Copy, Debug)]
struct Load {
    hosts: usize,
    files: usize,
    /// Bytes of each file.
    bytes: usize,
}

const LOADS: [Load; 3] = [
    Load { hosts: 100, files: 1, bytes: 1_000_000 },
    Load { hosts: 4, files: 1, bytes: 100_000_000 },
    Load { hosts: 4, files: 10_000, bytes: 1000 },
];

/// The same in a few seconds, to see that all of it works.
const SMALL: [Load; 3] = [
    Load { hosts: 4, files: 1, bytes: 100_000 },
    Load { hosts: 2, files: 1, bytes: 5_000_000 },
    Load { hosts: 2, files: 100, bytes: 1000 },
];

/// A client, as it is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Client {
    /// One upload of it: to the first host alone.
    One,
    /// A bare russh client with the crate russh-sftp.
    Crate,
    /// A bare russh client with the fewest packets.
    Packets,
    /// omnes with its journal.
    Omnes,
    /// `xargs -P 32` with one `scp` for each host.
    Scp,
    ParallelScp,
    Clush,
}

impl Client {
    const ALL: [Client; 7] = [
        Client::One,
        Client::Crate,
        Client::Packets,
        Client::Omnes,
        Client::Scp,
        Client::ParallelScp,
        Client::Clush,
    ];

    fn name(self) -> &'static str {
        match self {
            Client::One => "one russh-sftp",
            Client::Crate => "russh, russh-sftp",
            Client::Packets => "russh, few packets",
            Client::Omnes => "omnes push",
            Client::Scp => "xargs -P 32 scp",
            Client::ParallelScp => "parallel-scp -p 32",
            Client::Clush => "clush --copy -f 64",
        }
    }

    /// Its command: the folder `source` into the folder of each host, where it is called `source` too; the bare
    /// clients leave that name away.
    fn command(self, ground: &Ground) -> Command {
        let (config, list, source) = (ground.at("ssh"), ground.at("list"), ground.at("source"));
        let options = format!("-F {config}");
        let words: Vec<&str> = match self {
            Client::One => return floor(ground.dir(), "floor-files-one"),
            Client::Crate => return floor(ground.dir(), "floor-files-crate"),
            Client::Packets => return floor(ground.dir(), "floor-files"),
            Client::Omnes => {
                let to = format!("{}:./", ground.hosts().join(","));
                return of(
                    &[env!("CARGO_BIN_EXE_omnes"), "push", "-F", &config, &source, "--to", &to],
                    ground,
                );
            }
            Client::Scp => vec![
                "xargs", "-a", &list, "-P", "32", "-I", "{}", "scp", "-q", "-r", "-F", &config, &source,
                "{}:.",
            ],
            Client::ParallelScp => {
                vec!["parallel-scp", "-p", "32", "-t", "0", "-r", "-x", &options, "-h", &list, &source, "."]
            }
            Client::Clush => {
                vec![
                    "clush",
                    "-q",
                    "-S",
                    "-f",
                    "64",
                    "-o",
                    &options,
                    "--hostfile",
                    &list,
                    "--copy",
                    &source,
                    "--dest",
                    ".",
                ]
            }
        };
        of(&words, ground)
    }

    /// Whom it sends to.
    fn hosts(self, ground: &Ground) -> &[String] {
        match self {
            Client::One => &ground.hosts()[..1],
            _ => ground.hosts(),
        }
    }

    fn megabytes(self, ground: &Ground, what: Load) -> f64 {
        (self.hosts(ground).len() * what.files * what.bytes) as f64 / 1e6
    }
}

fn of(words: &[&str], ground: &Ground) -> Command {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).env_clear().env("HOME", ground.dir());
    command.env("PATH", "/usr/local/bin:/usr/bin:/bin").env("LANG", "C.UTF-8");
    command
}

fn floor(dir: &Path, role: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command
        .env("OMNES_BENCH_ROLE", role)
        .env("OMNES_BENCH_DIR", dir)
        .env("OMNES_BENCH_KEX", "curve25519")
        .env("OMNES_BENCH_FAN_OUT", FAN_OUT.to_string());
    command
}

/// Measures and prints.
pub(crate) fn measure(is_small: bool, rounds: Option<usize>) {
    tools::install_missing();
    println!("files onto real sshd, curve25519-sha256, aes256-gcm@openssh.com, medians, clients in turns");
    println!(
        "CPU: the client with all its processes; peak: proportional shares of them, of one its own peak"
    );
    println!(
        "{:>5} {:>18} {:>20} {:>8} {:>8} {:>9} {:>10} {:>9} {:>9} {:>9} {:>9} {:>6}",
        "hosts",
        "of each",
        "client",
        "wall s",
        "MB/s",
        "files/s",
        "CPU ms/MB",
        "to one",
        "to crate",
        "to few",
        "peak MiB",
        "load"
    );
    for load in if is_small { SMALL } else { LOADS } {
        table(load, rounds.unwrap_or(ROUNDS));
    }
}

fn table(what: Load, rounds: usize) {
    let ground = Ground::files(what.hosts);
    write(&ground.dir().join("source"), what);
    let mut told: [Vec<TreeCost>; Client::ALL.len()] = [const { Vec::new() }; Client::ALL.len()];
    let mut loads: [Vec<f64>; Client::ALL.len()] = [const { Vec::new() }; Client::ALL.len()];
    for _ in 0..rounds {
        for (n, client) in Client::ALL.iter().enumerate() {
            told[n].push(tree::run(client.name(), &mut client.command(&ground)));
            loads[n].push(load());
            take_away(&ground, *client, what);
        }
    }
    let of = |costs: &[TreeCost], part: fn(&TreeCost) -> f64| median(costs.iter().map(part));
    // Seconds of CPU for each MB.
    let cpu = |n: usize| of(&told[n], |cost| cost.cpu) / Client::ALL[n].megabytes(&ground, what);
    let floors = [0, 1, 2].map(cpu);
    for (n, (client, costs)) in Client::ALL.iter().zip(&told).enumerate() {
        let (wall, cpu, hosts) = (of(costs, |cost| cost.wall), cpu(n), client.hosts(&ground).len());
        let [to_one, to_crate, to_packets] = floors.map(|floor| cpu / floor);
        println!(
            "{hosts:>5} {:>18} {:>20} {wall:>8.2} {:>8.1} {:>9.0} {:>10.2} {to_one:>9.2} {to_crate:>9.2} \
             {to_packets:>9.2} {:>9.0} {:>6.1}",
            format!("{} x {} kB", what.files, what.bytes / 1000),
            client.name(),
            client.megabytes(&ground, what) / wall,
            (hosts * what.files) as f64 / wall,
            cpu * 1e3,
            of(costs, |cost| cost.peak_kib as f64) / 1024.0,
            median(loads[n].iter().copied()),
        );
    }
}

/// Files without any order in them, so that compression gains nothing.
fn write(source: &Path, what: Load) {
    std::fs::create_dir(source).expect("a folder");
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for n in 0..what.files {
        let mut content = Vec::with_capacity(what.bytes + 8);
        while content.len() < what.bytes {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            content.extend_from_slice(&(state ^ state >> 29).to_le_bytes());
        }
        content.truncate(what.bytes);
        std::fs::write(source.join(format!("file-{n:05}")), content).expect("a file");
    }
}

/// Looks that every host has every byte, and removes it.
fn take_away(ground: &Ground, client: Client, what: Load) {
    let source = ground.dir().join("source");
    for host in client.hosts(ground) {
        let mut landed = ground.landed().join(host);
        if !matches!(client, Client::One | Client::Crate | Client::Packets) {
            landed.push("source");
        }
        for n in 0..what.files {
            let name = format!("file-{n:05}");
            let [sent, arrived] = [&source, &landed].map(|folder| std::fs::read(folder.join(&name)).ok());
            assert!(sent.is_some() && sent == arrived, "{}: {name} on {host}", client.name());
        }
    }
    std::fs::remove_dir_all(ground.landed()).expect("what has landed");
}
