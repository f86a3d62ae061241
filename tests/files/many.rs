//! One file to a thousand hosts of which some die and some crawl.

use std::collections::BTreeMap;
use std::fs;

use omnes::demo::{Disk, Fault, Faults, FilesFault, Sha, State, host_name, sha256};

use super::ground::Ground;
use super::*;

const HOSTS: usize = 1000;
/// Bytes of the file.
const BYTES: usize = 256 * 1024;
/// Of a thousand hosts, those whose link breaks in the middle of the file, and those that take minutes for it.
const SHARES: [(Fault, usize); 2] =
    [(Fault::Files(FilesFault::DiesAfter(100_000)), 50), (Fault::Files(FilesFault::Slow(500)), 10)];
/// The most memory omnes may have while it sends, in KiB: 150 MB and what is under way.
const MEMORY: u64 = 150 * 1000 + 64 * 1024;
const PATH: &str = "/srv/file";

#[test]
fn a_thousand_hosts_get_a_file_and_each_is_accounted_for() {
    let faults = Faults::by_shares(HOSTS, &SHARES, 11);
    let [dying, slow] = SHARES.map(|(fault, _)| faults.having(fault));
    let ground = Ground::scripted(HOSTS, faults);
    let [old, new] =
        [1u8, 2].map(|seed| (0..BYTES).map(|at| (at as u8).wrapping_mul(seed)).collect::<Vec<u8>>());
    let names: Vec<String> = (1..=HOSTS).map(|n| host_name(n, HOSTS)).collect();
    // Half of them have an older one.
    for name in names.iter().step_by(2) {
        ground.disk(name).put(PATH, &old[1..], (0o600, 5));
    }
    fs::write(ground.path("file"), &new).expect("a file");
    let to = format!("{}:{PATH}", ground.fleet().expression());
    let mut command = ground.omnes("push", &["--yes", "1000", "--output", "json", "file", "--to", &to]);
    let out = fs::File::create(ground.path("out")).expect("a file");
    let err = fs::File::create(ground.path("err")).expect("a file");
    let mut child = command.stdout(out).stderr(err).spawn().expect("omnes starts");
    let numbers = |all: &[usize], n: usize| all.contains(&n);
    let is_well = |n: usize| !numbers(&dying, n) && !numbers(&slow, n);
    let digest = sha256(&new);
    let mut left: Vec<usize> = (1..=HOSTS).filter(|n| is_well(*n)).collect();
    let (mut peak, mut read) = (0, 0);
    until("all hosts that are well have the file", || {
        left.retain(|n| !has(&ground.disk(&names[n - 1]), digest));
        peak = peak.max(peak_kib(child.id()));
        read = read.max(bytes_read(child.id()));
        assert!(
            child.try_wait().expect("our child").is_none() || left.is_empty(),
            "it ended without {left:?}"
        );
        // A look reads the memory of a process and a thousand disks: often enough, and no load of its own.
        std::thread::sleep(Duration::from_millis(100));
        left.is_empty()
    });
    // Those that crawl have held nobody; they are cut off, since they would take minutes.
    for n in &slow {
        let states = ground.disk(&names[n - 1]).states(PATH);
        assert!(!states.iter().any(|state| is(state, &new)), "{} is not so slow", names[n - 1]);
        ground.kill(&names[n - 1]);
    }
    until("omnes ends", || child.try_wait().expect("our child").is_some());
    let (out, err) =
        (fs::read(ground.path("out")).expect("a file"), fs::read(ground.path("err")).expect("a file"));
    let told = told(&text(&out));
    assert_eq!(told.len(), HOSTS, "{}", text(&err));
    for (n, name) in names.iter().enumerate().map(|(at, name)| (at + 1, name)) {
        let outcome = told.get(name).unwrap_or_else(|| panic!("nothing of {name}"));
        assert_eq!(outcome.len(), 1, "{name} is told of once");
        assert_eq!(outcome[0] == "well", is_well(n), "{name}: {outcome:?}");
        let older = (n % 2 == 1).then_some(&old[1..]);
        let states = ground.disk(name).states(PATH);
        let either = |state: &State| is(state, &new) || older.is_some_and(|older| is(state, older));
        assert!(states.iter().all(either), "{name}: {states:?}");
        assert_eq!(states.last().is_some_and(|state| is(state, &new)), is_well(n), "{name}: {states:?}");
    }
    assert!(peak <= MEMORY, "it took {peak} KiB");
    // Read for each host, the file alone would be eight times that.
    assert!(read <= 32 * 1024 * 1024, "it read {read} bytes");
}

/// Whether the whole new file is there; the older one is shorter.
fn has(disk: &Disk, digest: Sha) -> bool {
    let size = disk.stat(PATH).map(|stat| stat.size);
    size == Some(BYTES as u64) && disk.sha256(PATH) == Some(digest)
}

fn is(state: &State, expected: &[u8]) -> bool {
    matches!(state, State::File { content, .. } if content.bytes() == expected)
}

/// The classes of outcomes of each host, by the JSON lines.
fn told(out: &str) -> BTreeMap<String, Vec<String>> {
    let mut told: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in out.lines() {
        let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        if line["event"] == "outcome" {
            let of = |key: &str| line[key].as_str().expect("text").to_owned();
            told.entry(of("host")).or_default().push(of("class"));
        }
    }
    told
}

/// The peak of a process's memory; 0 once it has ended.
pub(super) fn peak_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// What a process has read from files and pipes; 0 once it has ended. What comes from sockets does not count.
fn bytes_read(pid: u32) -> u64 {
    let io = fs::read_to_string(format!("/proc/{pid}/io")).unwrap_or_default();
    let line = io.lines().find_map(|line| line.strip_prefix("rchar:"));
    line.and_then(|rest| rest.trim().parse().ok()).unwrap_or(0)
}
