//! How long it takes to settle a fleet from a large ssh_config.
//!
//! `fleet` is the bound that counts: 10,000 hosts against 200 `Host` blocks, every host in several of them, in 200 ms or
//! less on one core. `jump` is the same fleet behind one bastion; `twice` has a `Match final`, which makes the
//! configuration be gone through twice for each host.

use std::fmt::Write;
use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use omnes::hosts::Host;
use omnes::ssh::{ConfigSource, HostKeyPolicy, Overrides, Request, Resolver, SshConfig, UserEnvironment};

const HOSTS: usize = 10_000;

/// 200 blocks: plain names, prefixes, suffixes, holes, negations, and some that are for all.
fn config(more: &str) -> String {
    let mut text = more.to_owned();
    for n in 0..200 {
        let pattern = match n % 8 {
            0 => format!("rack{n}-*"),
            1 => format!("node{n} rack{}-1.example.org web{n}", n * 7),
            2 => format!("rack{}?-*.example.org !rack{}0-9*", n / 20, n / 20),
            3 => format!("*-{n}.example.org"),
            4 => "*.example.org !*.internal !bastion*".to_owned(),
            5 => format!("*{n}*.example.* !rack1-*"),
            6 => format!("10.{n}.* fd00::{n}:*"),
            _ => format!("!other* rack*{n}.example.org"),
        };
        let _ = writeln!(text, "Host {pattern}");
        let _ = match n % 4 {
            0 => writeln!(text, "  User u{n}\n  Port {}\n  IdentityFile ~/.ssh/key-{n}", 1000 + n),
            1 => writeln!(text, "  HostName %h.net\n  Ciphers ^aes256-gcm@openssh.com"),
            2 => writeln!(text, "  ServerAliveInterval {n}\n  SendEnv LANG LC_*\n  SetEnv X={n}"),
            _ => writeln!(text, "  UserKnownHostsFile ~/.ssh/known-%k\n  StrictHostKeyChecking yes"),
        };
    }
    text.push_str("Host *\n  User deploy\n  HashKnownHosts yes\n  ForwardAgent no\n  Compression yes\n");
    text
}

fn resolver(text: &str) -> Resolver {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("config");
    std::fs::write(&file, text).expect("a file");
    let environment = UserEnvironment::of_process();
    let config = SshConfig::load(&ConfigSource::File(file), &environment).expect("a good configuration");
    Resolver::new(config, Overrides::default(), environment, HostKeyPolicy::Strict)
}

fn fleet() -> Vec<Request> {
    let name = |n: usize| format!("rack{}-{n}.example.org", n % 200);
    (0..HOSTS).map(|n| Request::new(Host::new(None, &name(n), None))).collect()
}

fn settle(criterion: &mut Criterion) {
    let requests = fleet();
    let mut group = criterion.benchmark_group("ssh_config");
    group.sample_size(20);
    for (name, more) in [
        ("fleet", ""),
        ("jump", "Host rack*\n  ProxyJump bastion.example.org\n"),
        ("twice", "Match final host *.nowhere\n  Port 1\n"),
    ] {
        let resolver = resolver(&config(more));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                for request in &requests {
                    black_box(resolver.resolve(request).expect("a host that can be reached"));
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, settle);
criterion_main!(benches);
