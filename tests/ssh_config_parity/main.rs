//! What our reader makes of ssh_config, beside `ssh -G`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails there")]

#[path = "../support/mod.rs"]
pub mod support;

mod oracle;
mod writer;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;

use omnes::hosts::Host;
use omnes::ssh::{LocalMachine, MatchExec, Overrides, Request};
use oracle::{follow, one, same, ssh_g};
use support::config::{environment, resolver_of};
use tempfile::TempDir;
use writer::Writer;

/// The files of a directory, for messages.
fn all(dir: &Path) -> String {
    let mut files: Vec<PathBuf> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
        .iter()
        .map(|file| format!("--- {}\n{}", file.display(), fs::read_to_string(file).unwrap()))
        .collect()
}

/// The first line that `ssh` complains about, as `file:line`.
fn complaint(said: &str) -> Option<String> {
    let line = said.lines().find(|line| line.contains(" line ") && !line.starts_with("debug"))?;
    let (file, rest) = line.split_once(" line ")?;
    let number: String = rest.chars().take_while(char::is_ascii_digit).collect();
    Some(format!("{}:{number}", file.trim_end_matches(':')))
}

/// What became of the hosts of the generated configurations.
#[derive(Debug, Default)]
struct Tally {
    equal: AtomicUsize,
    jumped: AtomicUsize,
    refused: AtomicUsize,
    circles: AtomicUsize,
    wrong: AtomicUsize,
}

/// One generated configuration, asked about each host; what is said on failure begins with the seed that makes it again.
fn compare(seed: u64, tally: &Tally) {
    const HOSTS: [&str; 5] = ["web1", "db-2", "WEB1", "10.0.0.7", "x.example.org"];
    let mut writer = Writer::new(seed);
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("config");
    fs::write(&file, writer.file(dir.path(), 0)).unwrap();
    let (options, overrides) = writer.options();
    let ours = resolver_of(&file, overrides, environment());
    let ours = ours.map(|ours| ours.asking(Arc::new(LocalMachine::new(MatchExec::Allowed, None))));
    let count = |counter: &AtomicUsize| counter.fetch_add(1, Ordering::Relaxed);
    for host in HOSTS {
        let what = format!("OMNES_PARITY_SEED={seed}, host {host}, {options:?}:\n{}", all(dir.path()));
        let ours = match (&ours, ssh_g(&file, &options, host)) {
            (Ok(ours), Ok(theirs)) => (ours.resolve(&Request::new(Host::new(None, host, None))), theirs),
            (Err(ours), Err(theirs)) => {
                // With `LogLevel quiet` before the line, ssh says nothing about it.
                let quiet = theirs.trim().is_empty() && what.to_lowercase().contains("loglevel");
                let place = complaint(&theirs).unwrap_or_default();
                assert!(quiet || !place.is_empty(), "{theirs}: {what}");
                assert!(quiet || ours.starts_with(&format!("{place}: ")), "{ours} | {theirs} | {what}");
                count(&tally.wrong);
                continue;
            }
            (Err(error), Ok(_)) => {
                // Within a block that cannot apply, ssh reads no more than the first pattern of a `Host` line.
                assert!(error.contains("Host: a pattern is empty"), "only we say {error}: {what}");
                count(&tally.wrong);
                continue;
            }
            (Ok(ours), Err(error)) => {
                let ours = ours.resolve(&Request::new(Host::new(None, host, None)));
                assert!(error.contains("jumphost loop"), "only ssh says {error}: {what}");
                let ours = ours.err().map(|ours| ours.to_string()).unwrap_or_default();
                // The host may be refused for what comes before its route.
                assert!(ours.contains("itself") || ours.contains("CheckHostIP"), "{error} | {ours}: {what}");
                count(&tally.circles);
                continue;
            }
        };
        match ours {
            (Ok(ours), theirs) => {
                assert_eq!(one(&theirs, "checkhostip"), "no", "not refused: {what}");
                same(&ours.target, &theirs, &what);
                follow(&file, &theirs, Some(&ours.target), &what)
                    .unwrap_or_else(|error| panic!("{error}: {what}"));
                count(if theirs.contains_key("proxyjump") { &tally.jumped } else { &tally.equal });
            }
            (Err(error), theirs) if error.to_string().contains("CheckHostIP") => {
                let here = one(&theirs, "checkhostip") == "yes";
                assert!(here || theirs.contains_key("proxyjump"), "{error}: {what}");
                count(&tally.refused);
            }
            // `%h` of an IPv6 address makes no name of a jump host.
            (Err(error), theirs) if error.to_string().contains("no jump host") => {
                assert!(one(&theirs, "hostname").contains(':'), "{error}: {what}");
                count(&tally.circles);
            }
            (Err(error), theirs) => {
                let circle =
                    ["circle", "itself", "in a row"].iter().any(|part| error.to_string().contains(part));
                assert!(circle, "{error}: {what}");
                assert!(follow(&file, &theirs, None, &what).is_err(), "only we say {error}: {what}");
                count(&tally.circles);
            }
        }
    }
}

/// More of them with `OMNES_PARITY_CONFIGS=5000`; one of them with the seed that a failure names.
#[test]
fn generated_files_resolve_as_with_ssh_g() {
    let asked = |name: &str| std::env::var(name).ok().map(|value| value.parse::<u64>().expect(name));
    if let Some(seed) = asked("OMNES_PARITY_SEED") {
        return compare(seed, &Tally::default());
    }
    let configs = asked("OMNES_PARITY_CONFIGS").unwrap_or(240);
    let (next, tally) = (AtomicU64::new(0), Tally::default());
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while let Some(seed) =
                    Some(next.fetch_add(1, Ordering::Relaxed)).filter(|seed| *seed < configs)
                {
                    compare(seed, &tally);
                }
            });
        }
    });
    // A generator that only makes one kind would prove nothing.
    let enough = [
        (&tally.equal, 500),
        (&tally.jumped, 40),
        (&tally.refused, 5),
        (&tally.circles, 5),
        (&tally.wrong, 20),
    ];
    assert!(enough.iter().all(|(count, least)| count.load(Ordering::Relaxed) >= *least), "{tally:?}");
}

#[test]
fn written_files_resolve_as_with_ssh_g() {
    let environment = environment();
    for (text, hosts) in [
        (
            "",
            &["web1", "WEB1", "127.1", "0:0::1", "::ffff:1.2.3.4", "0177.0.0.1", "1.2.3", "256.1.1.1", "a_b"]
                as &[&str],
        ),
        ("User one\nHost web1\nUser two\nPort 7\n", &["web1", "db"]),
        ("Host web1\nUser q\nHost=db\nUser=z\nHost \"web1\"\nPort=3", &["web1", "db"]),
        ("HostName %h.A.b\nHostKeyAlias %h-Foo\n", &["XaB"]),
        ("Po\"rt\" 44\n\"User\" x\n", &["web1"]),
        ("IgnoreUnknown Fancy*,other\nFancyThing yes\nOther 1\nPort 5\n", &["web1"]),
        ("IdentityFile /a\nIdentityFile /a\nIdentityFile /b\nIdentityFile none\n", &["web1"]),
        ("IdentityFile none\n", &["web1"]),
        ("UserKnownHostsFile /a \"/b c\" /d\\ e ~/f\n", &["web1"]),
        ("ProxyJump none\nProxyJump bastion\nPort 3\n", &["web1"]),
        ("ProxyCommand none\nProxyJump bastion\nPort 3\n", &["web1"]),
        ("HostName Foo\nMatch host foo\nUser f\nMatch final host foo\nPort 5\n", &["web1"]),
        ("HostName Foo\nMatch final all\nUser f\nHost foo\nPort 8\n", &["web1", "Foo"]),
        ("Host foo\nPort 8\nMatch final originalhost web1\nUser q\nHost web1\nHostName foo\n", &["web1"]),
        ("CanonicalizeHostname yes\nHostName Foo\nHost foo\nPort 8\nMatch canonical\nUser c\n", &["web1"]),
        ("CanonicalizeHostname always\nCanonicalDomains none\nMatch !canonical\nUser c\n", &["web1"]),
        ("SendEnv HOME PATH\nHost web*\nSendEnv -P* LANG\nSetEnv HOME=x\nSetEnv Y=z\n", &["web1", "db"]),
        ("IdentityFile /a\nMatch final\nIdentityFile /b\nSendEnv HOME\n", &["web1"]),
        (
            "ConnectTimeout none\nConnectTimeout 5\nServerAliveInterval none\nServerAliveInterval 7\n",
            &["web1"],
        ),
        ("Match user root all\nPort 5\nMatch localuser=root user = root\nTCPKeepAlive no\n", &["web1"]),
        ("Include /nonexistent/*\nUser u\n", &["web1"]),
        ("Host # web1\nUser u\nMatch all # note\nPort 5\nProtocol # 2\n", &["web1"]),
        ("ForwardAgent yes\nHost web*\nForwardAgent /agents/%h\nForwardAgent /b\n", &["web1", "db"]),
        ("UpdateHostKeys ask\nMatch host web1\nLogLevel error\n", &["web1", "db"]),
        ("AddressFamily inet6\nHostName 127.1\n", &["web1"]),
        ("AddressFamily inet\nHostName 0:0::1\n", &["web1"]),
        ("HostName FE80::1%%Lan\n", &["web1"]),
        ("CanonicalizePermittedCNAMEs none\nHostName %h%%%h\n", &["WEB1"]),
        ("Match all\nUser u\nMatch !all\nPort 4\n", &["web1"]),
    ] {
        let dir = TempDir::new().unwrap();
        let file = dir.path().join("config");
        fs::write(&file, text).unwrap();
        let ours = resolver_of(&file, Overrides::default(), environment.clone()).unwrap();
        for &host in hosts {
            let theirs = ssh_g(&file, &[], host).unwrap();
            let ours = ours.resolve(&Request::new(Host::new(None, host, None))).unwrap();
            same(&ours.target, &theirs, &format!("{host}: {text}"));
            follow(&file, &theirs, Some(&ours.target), text).unwrap();
        }
    }
}
