//! Held sessions: how fast they echo and how much memory they take, through session, mailbox and pane.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use omnes::ask::Nobody;
use omnes::hosts::Host;
use omnes::pane::{HistoryLimit, Pane};
use omnes::session::{Hub, SessionEvent, SessionId};
use omnes::size::Size;
use omnes::ssh::{
    ConfigSource, Connector, HostKeyPolicy, KnownHosts, Overrides, Request, Resolver, SshConfig, Target, Tcp,
    UserEnvironment,
};

use crate::measure;

/// Rounds of the echo in one process.
pub(crate) const ECHOES: usize = 30;

/// Whether what the hosts say goes through a pane each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Panes {
    None,
    Fed,
}

/// Told by a role, in this order: memory of one session in KiB after the echoes, CPU of the process for one byte to one
/// session and back in microseconds, and the milliseconds of each round.
pub(crate) fn measure(dir: &Path, panes: Panes) -> Vec<f64> {
    let role = if panes == Panes::Fed { "held-panes" } else { "held" };
    measure::role(role, dir).1
}

/// The role: opens a session to every host, echoes, and tells memory and times.
pub(crate) fn report(panes: Panes) {
    let dir = std::env::var("OMNES_BENCH_DIR").expect("the directory of the fleet");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let told = runtime.block_on(hold(Path::new(&dir), panes));
    measure::tell(&told);
}

async fn hold(dir: &Path, with_panes: Panes) -> Vec<f64> {
    let targets = targets(dir);
    let known_hosts = KnownHosts::new();
    // Read now: what all sessions share is not a session's memory.
    let _types = known_hosts.algorithms_for(&targets[0]);
    let connector = Arc::new(Connector::new(Arc::new(Tcp), Arc::new(Nobody), Arc::new(known_hosts)));
    let mut hub = Hub::new(connector, 64);
    let listener = hub.listener();
    let before = measure::status_kib(std::process::id(), "VmRSS:");
    let count = targets.len();
    for (n, target) in targets.into_iter().enumerate() {
        hub.open(SessionId(n as u32), Ok(target), Size::DEFAULT);
    }
    // Without panes no room for them either: it would be counted as the sessions'.
    let fed = if with_panes == Panes::Fed { count } else { 0 };
    let mut panes: Vec<Pane> = (0..fed).map(|_| Pane::new(Size::DEFAULT, HistoryLimit::default())).collect();
    let mut ready = 0;
    while ready < count {
        for (id, event) in listener.next(1 << 20).await {
            match event {
                SessionEvent::Ready => ready += 1,
                SessionEvent::Closed(outcome) => panic!("{id} closed: {outcome}"),
                SessionEvent::Output(bytes) => feed(&mut panes, id, &bytes),
                _ => {}
            }
        }
    }
    let (mut told, cpu) = (vec![0.0, 0.0], measure::cpu_seconds(std::process::id()));
    for _ in 0..ECHOES {
        let start = Instant::now();
        for n in 0..count {
            assert!(hub.input(SessionId(n as u32), Bytes::from_static(b"#")), "input is taken");
        }
        let mut echoed = 0;
        while echoed < 2 * count {
            for (id, event) in listener.next(1 << 20).await {
                match event {
                    SessionEvent::Output(bytes) => {
                        echoed += usize::from(bytes.contains(&b'#'));
                        feed(&mut panes, id, &bytes);
                    }
                    SessionEvent::Written => echoed += 1,
                    _ => {}
                }
            }
        }
        told.push(start.elapsed().as_secs_f64() * 1e3);
    }
    told[1] = (measure::cpu_seconds(std::process::id()) - cpu) * 1e6 / (ECHOES * count) as f64;
    let after = measure::status_kib(std::process::id(), "VmRSS:");
    told[0] = (after - before) as f64 / count as f64;
    told
}

fn feed(panes: &mut [Pane], id: SessionId, bytes: &[u8]) {
    if let Some(pane) = panes.get_mut(id.0 as usize) {
        pane.feed(Duration::ZERO, bytes);
    }
}

/// The hosts as their names and the ssh_config of 200 blocks make them.
pub(crate) fn targets(dir: &Path) -> Vec<Target> {
    let named = std::fs::read_to_string(dir.join("named")).expect("the hosts");
    let environment = UserEnvironment::of_process();
    let at = |name: &str| dir.join(name);
    let config = SshConfig::load(&ConfigSource::File(at("config")), &environment).expect("a configuration");
    let options = [
        format!("UserKnownHostsFile={}", at("known_hosts").display()),
        "IdentitiesOnly=yes".to_owned(),
        "ConnectTimeout=60".to_owned(),
    ];
    let overrides = Overrides::new(None, None, vec![at("key").display().to_string()], &options);
    let overrides = overrides.expect("good options");
    let resolver = Resolver::new(config, overrides, environment, HostKeyPolicy::Strict);
    let target = |line: &str| {
        let (name, port) = line.rsplit_once(':').expect("a port");
        let host = Host::new(None, name, Some(port.parse().expect("a number")));
        resolver.resolve(&Request::new(host)).expect("a host that can be reached").target
    };
    named.lines().map(target).collect()
}
