//! Starting a client as a process of its own, and what it cost.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

/// What a process cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    /// Seconds from start to end.
    pub(crate) wall: f64,
    /// Seconds of CPU, user and system, all threads.
    pub(crate) cpu: f64,
    /// The most memory it had at once.
    pub(crate) peak_kib: u64,
}

/// This program in another role; what it cost, and the numbers it told.
pub(crate) fn role(role: &str, dir: &Path) -> (Cost, Vec<f64>) {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.env("OMNES_BENCH_ROLE", role).env("OMNES_BENCH_DIR", dir).stdout(Stdio::piped());
    let (cost, output, status) = measured(&mut command);
    assert!(status.success(), "the {role} failed ({status})");
    (cost, output.split_whitespace().map(|word| word.parse().expect("a number")).collect())
}

/// Tells numbers to the process that started this role.
pub(crate) fn tell(numbers: &[f64]) {
    numbers.iter().for_each(|n| println!("{n}"));
}

/// `omnes run` of `true` on the hosts of a file in `dir`, as a user would type it; what it cost and printed.
pub(crate) fn omnes_run(dir: &Path, hosts: &str, options: &[&str]) -> (Cost, String, ExitStatus) {
    let at = |name: &str| dir.join(name).display().to_string();
    let mut command = Command::new(env!("CARGO_BIN_EXE_omnes"));
    command
        .env_clear()
        .env("HOME", dir)
        .args(["run", "--hosts-from", &at(hosts), "-i", &at("key")])
        .args(["-o", &format!("UserKnownHostsFile={}", at("known_hosts"))])
        .args(["-o", "IdentitiesOnly=yes", "-F", "none"])
        .args(options)
        .args(["--", "true"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    measured(&mut command)
}

/// The middle of the numbers.
pub(crate) fn median(numbers: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = numbers.collect();
    sorted.sort_by(f64::total_cmp);
    assert!(!sorted.is_empty(), "nothing was measured");
    sorted[sorted.len() / 2]
}

fn measured(command: &mut Command) -> (Cost, String, ExitStatus) {
    let start = Instant::now();
    let mut child = command.stdin(Stdio::null()).spawn().expect("the client starts");
    let pid = child.id();
    let (ended, peak) = (AtomicBool::new(false), AtomicU64::new(0));
    let (output, wall, cpu) = thread::scope(|scope| {
        scope.spawn(|| watch_memory(pid, &ended, &peak));
        let output = read_all(&mut child);
        wait_without_reaping(pid);
        let wall = start.elapsed().as_secs_f64();
        ended.store(true, Ordering::Relaxed);
        (output, wall, cpu_seconds(pid))
    });
    let status = child.wait().expect("a status");
    (Cost { wall, cpu, peak_kib: peak.into_inner() }, output, status)
}

fn read_all(child: &mut Child) -> String {
    let mut output = String::new();
    let mut pipe = child.stdout.take().expect("piped");
    pipe.read_to_string(&mut output).expect("text");
    output
}

/// A process that has ended keeps its times until it is reaped.
fn wait_without_reaping(pid: u32) {
    let pid = Pid::from_raw(pid.try_into().expect("a pid")).expect("not zero");
    waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT).expect("our child");
}

/// User and system time of all threads (proc(5), fields 14 and 15, in ticks of 10 ms).
pub(crate) fn cpu_seconds(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("not reaped yet");
    let after_name = stat.rsplit_once(") ").expect("a name").1;
    let fields: Vec<f64> =
        after_name.split(' ').skip(11).take(2).map(|n| n.parse().expect("ticks")).collect();
    (fields[0] + fields[1]) / 100.0
}

fn watch_memory(pid: u32, ended: &AtomicBool, peak: &AtomicU64) {
    while !ended.load(Ordering::Relaxed) {
        peak.fetch_max(status_kib(pid, "VmHWM:"), Ordering::Relaxed);
        thread::sleep(Duration::from_millis(10));
    }
}

/// A line of `/proc/PID/status` in KiB; 0 where the process has ended.
pub(crate) fn status_kib(pid: u32, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
