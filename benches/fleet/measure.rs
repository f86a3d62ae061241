//! Starting a client as a process of its own, and what it cost.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

/// Nobody is asked whether it may be so many hosts.
pub(crate) const YES: &str = "--yes=100000";

/// What a process cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    /// Seconds from start to end.
    pub(crate) wall: f64,
    /// Seconds of CPU, user and system, all threads.
    pub(crate) cpu: f64,
    /// The most memory it had at once.
    pub(crate) peak_kib: u64,
    /// The part of the CPU time that the busiest thread had; says how far work spreads, however busy the machine is.
    pub(crate) busiest: f64,
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

/// How the host's key is looked for, and how the login is had.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Way<'a> {
    /// The file of known_hosts, in the directory of the fleet.
    pub(crate) known_hosts: &'a str,
    /// The ssh_config, there too; `none` for none.
    pub(crate) config: &'a str,
    /// The socket of an agent that holds the key; else the key's file is named.
    pub(crate) agent: Option<&'a Path>,
}

/// Without a configuration, plain known_hosts, the key's file.
pub(crate) const SIMPLE: Way<'static> = Way { known_hosts: "known_hosts", config: "none", agent: None };

/// `omnes SUBCOMMAND` on the hosts of a file in `dir`, as a user would type it; what it cost and printed.
pub(crate) fn omnes(
    dir: &Path,
    way: Way<'_>,
    subcommand: &str,
    (hosts, words): (&str, &[&str]),
) -> (Cost, String, ExitStatus) {
    let at = |name: &str| dir.join(name).display().to_string();
    let mut command = Command::new(env!("CARGO_BIN_EXE_omnes"));
    command
        .env_clear()
        .env("HOME", dir)
        .args([subcommand, "--hosts-from", &at(hosts)])
        .args((subcommand == "run").then_some(YES))
        .args(["-o", &format!("UserKnownHostsFile={}", at(way.known_hosts))])
        .args(["-F", &if way.config == "none" { "none".to_owned() } else { at(way.config) }])
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    match way.agent {
        Some(socket) => command.env("SSH_AUTH_SOCK", socket),
        None => command.args(["-i", &at("key"), "-o", "IdentitiesOnly=yes"]),
    };
    measured(command.args(words))
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
    let ended = AtomicBool::new(false);
    let (output, wall, cpu, (peak_kib, busiest)) = thread::scope(|scope| {
        let watch = scope.spawn(|| watch(pid, &ended));
        let output = read_all(&mut child);
        wait_without_reaping(pid);
        let wall = start.elapsed().as_secs_f64();
        ended.store(true, Ordering::Relaxed);
        (output, wall, cpu_seconds(pid), watch.join().expect("no panic"))
    });
    let status = child.wait().expect("a status");
    (Cost { wall, cpu, peak_kib, busiest }, output, status)
}

fn read_all(child: &mut Child) -> String {
    let mut output = String::new();
    let mut pipe = child.stdout.take().expect("piped");
    pipe.read_to_string(&mut output).expect("text");
    output
}

/// A process that has ended keeps its times until it is reaped.
pub(crate) fn wait_without_reaping(pid: u32) {
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

/// The peak of memory, and the busiest thread's part of the CPU time, looked at each 10 ms.
fn watch(pid: u32, ended: &AtomicBool) -> (u64, f64) {
    let (mut peak, mut threads) = (0, BTreeMap::new());
    while !ended.load(Ordering::Relaxed) {
        peak = peak.max(status_kib(pid, "VmHWM:"));
        threads.extend(thread_times(pid));
        thread::sleep(Duration::from_millis(10));
    }
    let busiest = threads.values().copied().max().unwrap_or(0) as f64;
    (peak, busiest / threads.values().sum::<u64>().max(1) as f64)
}

/// Nanoseconds on a CPU of each thread that lives (`/proc/PID/task/TID/schedstat`).
fn thread_times(pid: u32) -> Vec<(String, u64)> {
    let Ok(tasks) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let time = |task: std::fs::DirEntry| {
        let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        Some((task.file_name().to_string_lossy().into_owned(), text.split(' ').next()?.parse().ok()?))
    };
    tasks.filter_map(Result::ok).filter_map(time).collect()
}

/// Prints the middle of some times and what 99 of 100 stay below, in milliseconds.
pub(crate) fn tell_times(what: &str, times: Vec<f64>) {
    let mut sorted = times.clone();
    sorted.sort_by(f64::total_cmp);
    let p99 = sorted.get(sorted.len() * 99 / 100).or(sorted.last()).copied().unwrap_or(f64::NAN);
    println!("{what:>64} {:>8.1} / {p99:.1}", median(times.into_iter()));
}

/// What else the machine does: the load of the last minute.
pub(crate) fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}

/// A line of `/proc/PID/status` in KiB; 0 where the process has ended.
pub(crate) fn status_kib(pid: u32, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
