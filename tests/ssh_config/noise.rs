//! Files of chance bytes: no panic, no hang, no endless sentence.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use omnes::hosts::Host;
use omnes::ssh::{
    ConfigSource, HostKeyPolicy, LocalMachine, MatchExec, Overrides, Request, Resolver, SshConfig,
};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tempfile::TempDir;

use crate::support::config::environment;

/// Files that are read; the limit is more than five times what they take.
const FILES: u64 = 1_000;
const LIMIT: Duration = Duration::from_secs(120);
/// A sentence longer than this is no sentence.
const SENTENCE: usize = 2_000;

/// What lines are made of, so that chance finds its way beyond the first word.
const PIECES: [&str; 48] = [
    "Host",
    "Match",
    "Include",
    "HostName",
    "User",
    "Port",
    "IdentityFile",
    "ProxyJump",
    "ProxyCommand",
    "SendEnv",
    "SetEnv",
    "Ciphers",
    "UserKnownHostsFile",
    "CanonicalizeHostname",
    "CanonicalDomains",
    "IgnoreUnknown",
    "AddKeysToAgent",
    "ConnectTimeout",
    "ForwardAgent",
    "RemoteCommand",
    "Tag",
    "CheckHostIP",
    "final",
    "canonical",
    "all",
    "!",
    "host",
    "user",
    "exec",
    "tagged",
    "=",
    " ",
    "\t",
    "\n",
    "\r\n",
    "\"",
    "'",
    "\\",
    "#",
    ",",
    "*",
    "?",
    "%h",
    "%",
    "${HOME}",
    "${",
    "~",
    "none",
];

fn noise(random: &mut StdRng, own: &str) -> Vec<u8> {
    let mut text = Vec::new();
    for _ in 0..random.random_range(0..60) {
        match random.random_range(0..20) {
            0 => text.push(random.random::<u8>()),
            1 => text.extend((0..random.random_range(0..9)).map(|_| random.random::<u8>())),
            2 => text.extend(random.random::<u64>().to_string().bytes()),
            3 => text.extend(b"*?".repeat(random.random_range(1..300))),
            // A file that includes itself, perhaps more than once, and so each of its copies.
            4 => text.extend(format!("\nInclude {own}\n").bytes()),
            5 => text.extend(b"\xef\xbb\xbf\xf0\x9f\x90\xa7\xe2\x80\xae"),
            6..=9 => text.push(b' '),
            _ => text.extend(PIECES[random.random_range(0..PIECES.len())].bytes()),
        }
    }
    text
}

#[test]
fn chance_bytes_do_no_harm() {
    let (environment, started) = (environment(), Instant::now());
    let (mut read, mut settled) = (0, 0);
    for seed in 0..FILES {
        let mut random = StdRng::seed_from_u64(seed);
        let dir = TempDir::new().unwrap();
        let file = dir.path().join("c");
        fs::write(&file, noise(&mut random, file.to_str().unwrap())).unwrap();
        let sentence = |error: String| {
            assert!(error.len() <= SENTENCE, "seed {seed}: {} bytes", error.len());
            assert!(!error.contains(char::is_control), "seed {seed}: {error:?}");
        };
        let config = match SshConfig::load(&ConfigSource::File(file), &environment) {
            Ok(config) => config,
            Err(error) => {
                sentence(error.to_string());
                continue;
            }
        };
        read += 1;
        let machine = LocalMachine::new(MatchExec::Refused, None);
        let resolver = Resolver::new(config, Overrides::default(), environment.clone(), HostKeyPolicy::Ask);
        let resolver = resolver.asking(Arc::new(machine));
        for name in ["web1", "10.0.0.1", "x.example.org"] {
            match resolver.resolve(&Request::new(Host::new(None, name, None))) {
                Ok(_) => settled += 1,
                Err(error) => sentence(error.to_string()),
            }
        }
        assert!(started.elapsed() < LIMIT, "seed {seed} came after {:?}", started.elapsed());
    }
    // Noise that is never read proves nothing about what comes after.
    assert!(
        read > FILES / 50 && settled > FILES / 50,
        "{read} of {FILES} were read, {settled} hosts settled"
    );
}
