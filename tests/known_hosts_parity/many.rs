//! What thousands of lines cost.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use omnes::ssh::Target;
use omnes::ssh::known_hosts::{KnownHosts, Verdict};
use tempfile::TempDir;

use crate::support::need;
use crate::support::sshd::{KeyKind, keygen};
use crate::{blob, each, target};

/// Ten thousand hosts against 5,000 plain and 100 hashed lines; the bound is many times what it takes.
#[test]
fn thousands_of_lines_cost_nothing_per_host() {
    let dir = TempDir::new().unwrap();
    let key = keygen(KeyKind::Ed25519, &dir.path().join("key"));
    let file = dir.path().join("known_hosts");
    let mut text: String = (0..5000).map(|n| format!("host{n}.example.org {key}\n")).collect();
    (0..100).for_each(|n| {
        let (salt, hash) = (STANDARD.encode([n; 20]), STANDARD.encode([!n; 20]));
        text.push_str(&format!("|1|{salt}|{hash} {key}\n"));
    });
    fs::write(&file, text).unwrap();
    let base = target(&[format!("UserKnownHostsFile={}", file.display())], "host0.example.org");
    let (store, blob) = (KnownHosts::new(), blob(&key));
    let start = Instant::now();
    for n in 0..10_000 {
        let target = Target { key_name: format!("host{n}.example.org"), ..base.clone() };
        let expected = if n < 5000 { Verdict::Known } else { Verdict::Unknown };
        assert_eq!(store.check(&target, &blob).unwrap(), expected);
        assert_eq!(store.algorithms_for(&target).len(), usize::from(n < 5000));
    }
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

/// Five thousand hashed lines: a name costs one hash for each line, once, however often it is looked for. The
/// bound is many times what it takes.
#[test]
fn thousands_of_hashed_lines_cost_each_name_once() {
    let dir = TempDir::new().unwrap();
    let key = keygen(KeyKind::Ed25519, &dir.path().join("key"));
    let file = dir.path().join("known_hosts");
    let plain: String = (0..5000).map(|n| format!("host{n}.example.org {key}\n")).collect();
    fs::write(&file, plain).unwrap();
    let keygen = need("ssh-keygen", "openssh-client");
    assert!(Command::new(keygen).args(["-H", "-f"]).arg(&file).output().unwrap().status.success());
    assert!(fs::read(&file).unwrap().starts_with(b"|1|"));
    let base = target(&[format!("UserKnownHostsFile={}", file.display())], "host0.example.org");
    let (store, blob) = (KnownHosts::new(), blob(&key));
    let look = |n: usize| {
        let target = Target { key_name: format!("host{n}.example.org"), ..base.clone() };
        let expected = if n < 5000 { Verdict::Known } else { Verdict::Unknown };
        assert_eq!(store.algorithms_for(&target).len(), usize::from(n < 5000));
        assert_eq!(store.check(&target, &blob).unwrap(), expected);
    };
    look(0);
    let start = cpu();
    (4900..5100).for_each(look);
    let first = cpu() - start;
    let start = cpu();
    (0..20).for_each(|_| (4900..5100).for_each(look));
    let again = (cpu() - start) / 20;
    println!("{:?} a name, then {:?}", first / 200, again / 200);
    assert!(first < Duration::from_millis(200 * 4 * 5), "{first:?} for 200 names");
    assert!(again < first / 2, "what was found is kept: {first:?}, then {again:?}");
    // On other threads it is no other.
    each(&[0, 4999, 5000, 5001, 77], |&n| look(n));
}

/// What this thread has cost so far.
fn cpu() -> Duration {
    let statistics = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(statistics.split(' ').next().unwrap().parse().unwrap())
}
