//! Hosts that attack: at worst one of them is lost, and what it says about itself can be printed.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/hostile.rs"]
mod hostile;
#[allow(dead_code, reason = "each test crate uses its own part of the shared support")]
pub mod support;
#[allow(dead_code, reason = "each test crate uses its own part of the shared support")]
#[path = "support/ui.rs"]
mod ui;
#[path = "support/wire.rs"]
mod wire;

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use hostile::{Attack, Hostile};
use omnes::ask::Nobody;
use omnes::hosts::Host;
use omnes::ssh::{Connector, HostKeys, Target, Tcp, Verdict};
use serde_json::Value;
use support::sshd::Sshd;
use tempfile::TempDir;

const OMNES: &str = env!("CARGO_BIN_EXE_omnes");

/// Good hosts beside the hostile ones: on real servers, each with several addresses.
const SERVERS: usize = 2;
const ADDRESSES: usize = 8;

/// A fleet of which some attack, and the home of its user.
struct Fleet {
    home: TempDir,
    servers: Vec<Sshd>,
    hostile: Vec<Hostile>,
}

/// What became of a run: the outcome lines by host, the summary, and the most memory it took, in kB.
struct Outcome {
    hosts: BTreeMap<String, Value>,
    summary: String,
    memory: u64,
}

impl Fleet {
    /// One host for each attack.
    fn of(attacks: &[Attack]) -> Fleet {
        let listen = |n: usize| (1..=ADDRESSES).map(move |m| format!("127.{}.0.{m}", 40 + n));
        let servers: Vec<Sshd> = (0..SERVERS)
            .map(|n| {
                let listen: Vec<String> = listen(n).collect();
                Sshd::builder().listen(&listen.iter().map(String::as_str).collect::<Vec<_>>()).start()
            })
            .collect();
        let hostile: Vec<Hostile> = attacks.iter().map(|&attack| Hostile::start(attack)).collect();
        let mut clusters = String::new();
        let mut names = Vec::new();
        for (n, attack) in attacks.iter().enumerate() {
            let (name, port) = (format!("{}{n}", attack.host()), hostile[n].port());
            clusters.push_str(&format!("[hosts.{name}]\naddress = \"127.0.0.1\"\nport = {port}\n"));
            names.push(name);
        }
        for (n, server) in servers.iter().enumerate() {
            for (m, address) in listen(n).enumerate() {
                let (name, port, key) = (format!("good{n}x{m}"), server.port(), server.client_key());
                clusters.push_str(&format!(
                    "[hosts.{name}]\naddress = \"{address}\"\nport = {port}\nidentity = {key:?}\n"
                ));
                names.push(name);
            }
        }
        let home = TempDir::new().unwrap();
        let write = |path: &str, text: &str| {
            let path = home.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write(".config/omnes/clusters.toml", &format!("[clusters.lab]\nhosts = {names:?}\n{clusters}"));
        let known: String =
            (servers.iter().map(Sshd::known_hosts)).chain(hostile.iter().map(Hostile::known_hosts)).collect();
        write(".ssh/known_hosts", &known);
        Fleet { home, servers, hostile }
    }

    fn omnes(&self, args: &[&str]) -> Command {
        let mut command = Command::new(OMNES);
        command.env_clear().env("HOME", self.home.path()).env("PATH", std::env::var_os("PATH").unwrap());
        command.args(args).stdin(Stdio::null());
        command
    }

    fn hosts(&self) -> usize {
        self.hostile.len() + self.servers.len() * ADDRESSES
    }

    /// Runs a command that ends on the good hosts only when all others have ended, and looks at the memory between.
    fn run(&self) -> Outcome {
        let gate = self.home.path().join("gate");
        let _ = fs::remove_file(&gate);
        let command = format!("while [ ! -e {} ]; do sleep 0.05; done; echo fine", gate.display());
        let args = ["run", "--output", "json", "-u", "60", "--connect-timeout", "12", "lab", "--", &command];
        let mut child = self.omnes(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut outcome = Outcome { hosts: BTreeMap::new(), summary: String::new(), memory: 0 };
        let ended = |outcome: &Outcome| outcome.hosts.len() >= self.hostile.len();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            let value: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"));
            if value["event"] == "outcome" {
                let name = value["host"].as_str().unwrap().to_owned();
                assert!(outcome.hosts.insert(name, value).is_none(), "twice: {line}");
                if ended(&outcome) && outcome.memory == 0 {
                    outcome.memory = peak(child.id());
                    fs::write(&gate, "").unwrap();
                }
            }
        }
        let output = child.wait_with_output().unwrap();
        outcome.summary = String::from_utf8(output.stderr).unwrap();
        assert_eq!(outcome.hosts.len(), self.hosts(), "every host once: {}", outcome.summary);
        outcome
    }
}

/// The most memory that a process has taken so far, in kB.
fn peak(process: u32) -> u64 {
    let status = fs::read_to_string(Path::new("/proc").join(process.to_string()).join("status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// What may become of a host that attacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It is lost before the command was sent.
    NotRun,
    /// It is lost after that.
    NotKnown,
    /// The attack comes to nothing.
    Harmless,
}

fn fates(attack: Attack) -> &'static [Fate] {
    match attack {
        Attack::None | Attack::HostKeysWithoutEnd | Attack::BannerOfEscapes | Attack::BannersWithoutEnd => {
            &[Fate::Harmless]
        }
        Attack::WindowOverflow | Attack::DataBeyondTheWindow => &[Fate::Harmless, Fate::NotKnown],
        Attack::RequestFlood | Attack::ChannelFlood => &[Fate::Harmless, Fate::NotKnown],
        Attack::DataForNoChannel
        | Attack::EofForNoChannel
        | Attack::StatusForNoChannel
        | Attack::FloodInAnExchange => &[Fate::NotKnown],
        _ => &[Fate::NotRun],
    }
}

/// Nothing that a terminal would act on, and nothing that turns the line around.
fn assert_printable(text: &str) {
    let odd = |c: &char| (c.is_control() && *c != '\n') || ('\u{202a}'..='\u{202e}').contains(c);
    assert_eq!(text.chars().find(odd), None, "{text:?}");
}

fn fate(ended: &Value) -> Fate {
    match ended["class"].as_str().unwrap() {
        "well" => Fate::Harmless,
        "not_run" => Fate::NotRun,
        "not_known" => Fate::NotKnown,
        other => panic!("{other}: {ended}"),
    }
}

#[test]
fn hosts_that_attack_are_lost_and_nothing_else_is() {
    let calm = Fleet::of(&[Attack::None; Attack::ALL.len()]).run();
    let fleet = Fleet::of(&Attack::ALL);
    let outcome = fleet.run();
    for (n, attack) in Attack::ALL.into_iter().enumerate() {
        let ended = &outcome.hosts[&format!("{}{n}", attack.host())];
        println!("{attack:?}: {}", ended["message"]);
        assert!(fates(attack).contains(&fate(ended)), "{ended}");
        let message = ended["message"].as_str().unwrap();
        assert_printable(message);
        assert!(message.len() < 1000, "{message}");
    }
    for (name, ended) in outcome.hosts.iter().filter(|(name, _)| name.starts_with("good")) {
        assert_eq!(fate(ended), Fate::Harmless, "{name}: {ended}");
    }
    assert_printable(&outcome.summary);
    let grown = outcome.memory.saturating_sub(calm.memory);
    println!("{} kB with good hosts only, {grown} kB more with the others", calm.memory);
    assert!(grown <= 8 * 1024, "{grown} kB");
    // For a person it is as printable as for a machine.
    let args =
        ["run", "-u", "20", "--connect-timeout", "12", "bannerofescapes12,farewellofescapes26", "--", "x"];
    let spoken = fleet.omnes(&args).output().unwrap();
    let spoken = String::from_utf8([spoken.stdout, spoken.stderr].concat()).unwrap();
    assert!(spoken.contains("farewellofescapes26"), "{spoken}");
    assert_printable(&spoken);
}

#[test]
fn no_session_comes_of_an_exchange_that_was_tampered_with() {
    let attacks = [&Attack::ON_THE_EXCHANGE[..], &Attack::WITHOUT_A_PROMISE].concat();
    let outcome = Fleet::of(&attacks).run();
    for (n, attack) in attacks.into_iter().enumerate() {
        let ended = &outcome.hosts[&format!("{}{n}", attack.host())];
        let old = Attack::WITHOUT_A_PROMISE.contains(&attack);
        assert_eq!(fate(ended), if old { Fate::Harmless } else { Fate::NotRun }, "{ended}");
    }
}

#[test]
fn in_the_tui_the_good_hosts_go_on() {
    // Those that come to a terminal, or nearly.
    let attacks = [
        Attack::BannerOfEscapes,
        Attack::FarewellOfEscapes,
        Attack::PacketsOfNothing,
        Attack::WindowOverflow,
        Attack::DataBeyondTheWindow,
        Attack::DataForNoChannel,
        Attack::FloodInAnExchange,
        Attack::ChannelFlood,
    ];
    let fleet = Fleet::of(&attacks);
    let mut hosts: Vec<String> =
        attacks.iter().zip(0..).map(|(one, n)| format!("{}{n}", one.host())).collect();
    hosts.extend(["good0x0".to_owned(), "good1x0".to_owned()]);
    let (home, path) = (fleet.home.path().display().to_string(), std::env::var("PATH").unwrap());
    let env = [("HOME", &*home), ("PATH", &path), ("TERM", "xterm-256color"), ("LANG", "C.UTF-8")];
    let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
    let mut ui = ui::Ui::start(Path::new(OMNES), &hosts, &env, (50, 160));
    ui.wait("the good hosts alone", |screen| screen.contains("→ 2 of 10 hosts"));
    ui.line("echo still''-here");
    ui.wait("their answer", |screen| screen.count("still-here") == 2);
    ui.keys("C-a q");
    ui.wait_for("sessions");
    ui.keys("y");
    assert!(ui.wait_exit().success());
    assert_eq!(ui.modes(), ui::Modes::SANE);
}

/// Host keys that cannot be looked at without a fault of ours.
struct Faulty;

impl HostKeys for Faulty {
    fn check(&self, target: &Target, _: &str, _: &[u8]) -> Verdict {
        panic!("a fault, for {}", target.host)
    }

    fn learn(&self, _: &Target, _: &str, _: &[u8]) -> Result<(), String> {
        Ok(())
    }

    fn algorithms_for(&self, _: &Target) -> Vec<String> {
        Vec::new()
    }
}

#[tokio::test]
async fn a_fault_of_ours_ends_one_connection_with_a_sentence() {
    let hostile = Hostile::start(Attack::None);
    let connector = Connector::new(Arc::new(Tcp), Arc::new(Nobody), Arc::new(Faulty));
    let host = Host::new(None, "odd", None);
    let error = connector.connect(&Target::bare(host, "127.0.0.1", hostile.port(), "ann"), &()).await;
    let error = error.unwrap_err().to_string();
    assert!(error.contains("a fault in omnes") && error.contains("--debug"), "{error}");
}
