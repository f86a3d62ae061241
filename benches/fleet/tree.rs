//! A client of several processes: what all of them together cost.
//!
//! CPU is that of the process and of all its descendants that were waited for, which every tool measured here does before
//! it ends. Memory is looked at while it runs: the proportional share of each process (`Pss`), so that pages that a
//! hundred `ssh` share count once.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::measure::{status_kib, wait_without_reaping};

/// Between two looks at the memory; each costs a few milliseconds of a core where there are many processes.
const LOOK: Duration = Duration::from_millis(200);

/// What a tree of processes cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TreeCost {
    /// Seconds from start to end.
    pub(crate) wall: f64,
    /// Seconds of CPU of all processes.
    pub(crate) cpu: f64,
    /// The most memory that they had at once.
    pub(crate) peak_kib: u64,
}

/// Runs a command to its end; its output is thrown away. Panics where it fails.
pub(crate) fn run(what: &str, command: &mut Command) -> TreeCost {
    let start = Instant::now();
    let spawned = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut child = spawned.unwrap_or_else(|error| panic!("{what} does not start: {error}"));
    let (pid, ended) = (child.id(), AtomicBool::new(false));
    let mut said = child.stderr.take().expect("piped");
    let (cost, said) = thread::scope(|scope| {
        let watch = scope.spawn(|| peak(pid, &ended));
        // Standard error is read, so that nobody waits for room in the pipe; it is shown where the tool fails.
        let said = scope.spawn(move || {
            let mut text = Vec::new();
            let _ = std::io::Read::read_to_end(&mut said, &mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        wait_without_reaping(pid);
        let (wall, cpu) = (start.elapsed().as_secs_f64(), tree_seconds(pid));
        ended.store(true, Ordering::Relaxed);
        watch.thread().unpark();
        let peak_kib = watch.join().expect("no panic");
        (TreeCost { wall, cpu, peak_kib }, said.join().expect("no panic"))
    });
    let status = child.wait().expect("a status");
    assert!(status.success(), "{what} failed ({status}): {said}");
    cost
}

/// User and system time of a process that has ended and of all descendants that were waited for (proc(5), fields 14 to 17).
fn tree_seconds(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("not reaped yet");
    let after_name = stat.rsplit_once(") ").expect("a name").1;
    let ticks = after_name.split(' ').skip(11).take(4).map(|n| n.parse::<f64>().expect("ticks"));
    ticks.sum::<f64>() / 100.0
}

fn peak(pid: u32, ended: &AtomicBool) -> u64 {
    let mut peak = 0;
    while !ended.load(Ordering::Relaxed) {
        let family = family(pid);
        // A process knows its own peak; of several only a look tells what they have at once.
        let now = match family[..] {
            [alone] => status_kib(alone, "VmHWM:"),
            _ => family.into_iter().map(share_kib).sum(),
        };
        peak = peak.max(now);
        thread::park_timeout(LOOK);
    }
    peak
}

/// A process and its descendants.
fn family(first: u32) -> Vec<u32> {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for entry in std::fs::read_dir("/proc").expect("/proc").flatten() {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        let parent = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1)?.parse().ok());
        parent.into_iter().for_each(|parent| children.entry(parent).or_default().push(id));
    }
    let mut family = vec![first];
    let mut at = 0;
    while at < family.len() {
        family.extend(children.get(&family[at]).into_iter().flatten());
        at += 1;
    }
    family
}

/// The memory of a process, what it shares with others divided among them; 0 where it has ended.
fn share_kib(pid: u32) -> u64 {
    let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
