//! What is typed reaches exactly the hosts that hear it: in order, once, and no other host.
//!
//! The whole way is real: the app, the sessions, SSH, and the hosts' own record of every byte they received.

#[path = "support/desk.rs"]
mod desk;

use std::sync::Arc;
use std::time::Duration;

use desk::DemoDesk;
use omnes::broadcast::{Member, Part};
use omnes::demo::{Fault, Faults, Fleet, FleetConfig, Recording};
use omnes::size::Size;
use omnes::tui::app::{App, Options};
use omnes::tui::rehearsal::Rehearsal;

/// Far above what is normal.
const DEADLINE: Duration = Duration::from_secs(120);

/// A seeded sequence (xorshift64), so that a failure can be had again.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

async fn open(config: FleetConfig) -> (Arc<Fleet>, Rehearsal<DemoDesk>) {
    let hosts = config.hosts;
    let fleet = Arc::new(Fleet::start(config).await.expect("a fleet"));
    let desk = DemoDesk::new(&fleet);
    let named = desk.hosts();
    let app = App::new(Options::default(), Size { rows: 50, cols: 160 });
    let mut rehearsal = Rehearsal::start(app, named, desk);
    let all_ready = rehearsal
        .until(DEADLINE, |app| app.tiles().filter(|tile| tile.state.is_ready()).count() == hosts)
        .await;
    assert!(all_ready, "all sessions come up");
    (fleet, rehearsal)
}

fn member(app: &App, n: usize) -> &Member {
    app.broadcast().members().nth(n).expect("as many members as hosts")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_host_receives_exactly_the_keys_it_was_to_hear() {
    const HOSTS: usize = 200;
    const KEYS: usize = 10_000;
    const TOGGLES: usize = 500;
    let config = FleetConfig { recording: Recording::Bytes, ..FleetConfig::scripted(HOSTS) };
    let (fleet, mut rehearsal) = open(config).await;
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let (mut focus, mut attached) = (0, [true; HOSTS]);
    let mut expected: Vec<Vec<u8>> = vec![Vec::new(); HOSTS];
    for n in 0..KEYS {
        if n % (KEYS / TOGGLES) == 0 {
            for _ in 0..dice.below(12) {
                rehearsal.keys("C-a o");
                focus = (focus + 1) % HOSTS;
            }
            rehearsal.keys("C-a d");
            attached[focus] = !attached[focus];
        }
        let letter = (b'a' + dice.below(26) as u8) as char;
        rehearsal.keys(&letter.to_string());
        for host in 0..HOSTS {
            if (attached[focus] && attached[host]) || (!attached[focus] && host == focus) {
                expected[host].push(letter as u8);
            }
        }
        rehearsal.hear();
    }
    let sent = rehearsal.until(DEADLINE, |app| app.broadcast().members().all(|m| m.backlog() == 0)).await;
    assert!(sent, "everything is handed over");
    let names: Vec<String> = fleet.names().map(str::to_owned).collect();
    let arrived = fleet.truth().wait_until(|truth| {
        names.iter().zip(&expected).all(|(name, keys)| truth.received_bytes(name) >= keys.len() as u64)
    });
    tokio::time::timeout(DEADLINE, arrived).await.expect("everything arrives");
    for (name, keys) in names.iter().zip(&expected) {
        assert!(fleet.truth().received(name) == *keys, "{name} received something else");
    }
    let distinct: std::collections::BTreeSet<&Vec<u8>> = expected.iter().collect();
    assert!(distinct.len() > HOSTS / 2, "the script tells the hosts apart");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_reads_nothing_is_held_at_its_bound_and_delays_nobody() {
    const KEYS: usize = 200_000;
    let config = FleetConfig {
        faults: Faults::none().with(2, Fault::NeverReads),
        recording: Recording::Bytes,
        ..FleetConfig::scripted(3)
    };
    let (fleet, mut rehearsal) = open(config).await;
    let others_keep_up = |app: &App| [0, 2].iter().all(|n| member(app, *n).backlog() < 32 * 1024);
    for _ in 0..KEYS {
        rehearsal.keys("x");
        if !others_keep_up(rehearsal.app()) {
            assert!(rehearsal.until(DEADLINE, others_keep_up).await, "the others take their keys");
        }
    }
    let others_done = |app: &App| [0, 2].iter().all(|n| member(app, *n).backlog() == 0);
    assert!(rehearsal.until(DEADLINE, others_done).await, "the others take all of it");
    let arrived = fleet.truth().wait_until(|truth| {
        ["demo01", "demo03"].iter().all(|name| truth.received_bytes(name) == KEYS as u64)
    });
    tokio::time::timeout(DEADLINE, arrived).await.expect("the others hear every key");
    let stuck = member(rehearsal.app(), 1);
    assert!(stuck.is_held() && stuck.part() == Part::Attached);
    assert!(stuck.backlog() <= 64 * 1024, "{} bytes are kept", stuck.backlog());

    // Attach-all does not release it; its keys are kept until the user decides.
    rehearsal.keys("C-a D");
    assert!(member(rehearsal.app(), 1).is_held());
    rehearsal.keys("C-a o C-a U");
    assert!(!member(rehearsal.app(), 1).is_held());
}
