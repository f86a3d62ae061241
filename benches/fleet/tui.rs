//! The built binary in a terminal: what a user waits for, and what it costs.
//!
//! A thread reads what omnes writes and notes when it came. A key's echo is found as its character in what is painted, so
//! the way over the network and the host's own time are in every figure. What a frame shows is read from a terminal of
//! our own that is fed with the same bytes, since omnes paints only what differs.
//!
//! `OMNES_BENCH_OMNES` names another build of omnes to measure, to compare two in turn.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use omnes::pane::{HistoryLimit, Pane};
use omnes::size::Size;
use pty_process::blocking::{self, Pty};

use crate::measure::{cpu_seconds, load, status_kib, tell_times as tell};
use crate::server::Server;

/// The keys whose echo is looked for, nothing else on the screen has them. Each line has another one: what stands at the same
/// place as before is not painted again.
const MARKS: &[u8] = b"#^`";
/// Keys of one line, which is never so long that it would wrap.
const LINE: usize = 20;
/// Keys of one measurement.
const KEYS: usize = 100;
/// How long the screen is left alone between two keys, so that each is a key of its own.
const PAUSE: Duration = Duration::from_millis(40);
/// A wait that takes longer has failed.
const DEADLINE: Duration = Duration::from_secs(120);
/// The end of a frame: the terminal may show it.
const FRAME_ENDS: &[u8] = b"\x1b[?2026l";
/// The outer terminal.
const SIZE: Size = Size { rows: 60, cols: 200 };
/// What a host that floods prints, without an end and paced: 1 MB a second, in pieces that come faster than frames.
const FLOOD: &str = "flood 1000000";
/// The same as fast as it is taken, each line with another number.
const COUNTS: &str = "lines 900000000";
/// What stands behind the number, as far as a tile shows it.
const COUNTED: &str = " a line";
/// How often C-c and the search are measured.
const TIMES: usize = 5;
/// How long nothing happens, to see what that costs.
const IDLE: Duration = Duration::from_secs(30);

/// Measures all that the TUI promises about time and memory, on fleets of these sizes.
pub(crate) fn measure() {
    println!("the TUI, {KEYS} keys each; milliseconds p50 / p99");
    echoes(200);
    floods();
    many();
}

/// Keys to hosts that do nothing else.
fn echoes(hosts: usize) {
    let server = Server::start(hosts);
    let screen = Screen::open(&server, hosts);
    println!("{:>64} {:>8}", "load", load());
    tell(&format!("{hosts} hosts: key to its first echo on the screen"), screen.key_times());
    tell(&format!("{hosts} hosts: key of omnes itself to the screen"), screen.own_key_times());
}

/// Three of a hundred hosts print without an end.
fn floods() {
    let server = Server::start(100);
    let screen = Screen::open(&server, 100);
    println!("{:>64} {:>8}", "load", load());
    screen.tell_some(&server, 3, FLOOD);
    Eye::on(&screen).sees(|text| text.contains("floods"));
    let from = screen.now();
    tell("100 hosts, 3 flooding: key to its echo on another", screen.key_times());
    tell("100 hosts, 3 flooding: from frame to frame", screen.frames_since(from));
    screen.write(b"\x03");
    screen.quiet();
    let ends = (0..TIMES).map(|_| {
        screen.tell_some(&server, 3, COUNTS);
        let mut eye = Eye::on(&screen);
        eye.sees(|text| greatest(text) > Some(100_000));
        let pressed = Instant::now();
        screen.write(b"\x03");
        screen.quiet();
        ms(eye.last_growth().unwrap_or(pressed).saturating_duration_since(pressed))
    });
    tell("100 hosts, 3 unpaced: C-c to the last line of them painted", ends.collect());
}

/// A thousand hosts with a full history each, 200 of them busy.
fn many() {
    const HOSTS: usize = 1000;
    let server = Server::start(HOSTS);
    let screen = Screen::open(&server, HOSTS);
    println!("{:>64} {:>8}", "load", load());
    let bare = screen.kib_per_host(HOSTS);
    screen.write(b"lines 1100\r");
    screen.quiet();
    println!("{:>64} {bare:>8.0}", "1000 hosts: KiB a host, at their prompts");
    println!("{:>64} {:>8.0}", "1000 hosts: KiB a host, 1,000 lines each", screen.kib_per_host(HOSTS));
    let (from, cpu) = (Instant::now(), cpu_seconds(screen.pid()));
    // Nothing happens: that is what is measured.
    thread::sleep(IDLE);
    let idle = (cpu_seconds(screen.pid()) - cpu) / from.elapsed().as_secs_f64() * 100.0;
    println!("{:>64} {idle:>8.2}", "1000 hosts, idle: % of a core");
    let searches = (0..TIMES).map(|_| {
        let from = screen.now();
        screen.write(b"\x01\x1b/");
        screen.wait_since(from, b"search:");
        let (mut eye, asked) = (Eye::on(&screen), Instant::now());
        screen.write(b"columns\r");
        // The list of hosts with hits is complete when every host was searched.
        let at = eye.sees(|text| text.contains("1000 matches"));
        screen.write(b"\x1b");
        screen.quiet();
        ms(at - asked)
    });
    tell("1000 hosts of 1,000 lines: search of all", searches.collect());
    tell("1000 hosts: key to its first echo", screen.key_times());
    // Every fifth, so that a page shows hosts that echo beside those that flood.
    screen.tell_every(&server, HOSTS / 200, "flood 2048");
    Eye::on(&screen).sees(|text| text.contains("floods"));
    tell("1000 hosts, 200 busy: key to its first echo", screen.key_times());
    tell("1000 hosts, 200 busy: key of omnes itself to the screen", screen.own_key_times());
    println!("{:>64} {:>8}", "load", load());
}

/// The greatest number of a line that [`COUNTS`] has made.
fn greatest(text: &str) -> Option<u64> {
    let number = |(at, _): (usize, &str)| {
        let before = &text[..at];
        before[before.trim_end_matches(|c: char| c.is_ascii_digit()).len()..].parse().ok()
    };
    text.match_indices(COUNTED).filter_map(number).max()
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// The hosts in the order of their tiles, which is that of their ports.
fn in_order(server: &Server) -> Vec<String> {
    let all = fs::read_to_string(server.dir().join("hosts")).expect("the hosts");
    let mut hosts: Vec<String> = all.lines().map(str::to_owned).collect();
    hosts.sort_by_key(|host| host.rsplit(':').next().and_then(|port| port.parse::<u16>().ok()));
    hosts
}

/// omnes in a terminal.
pub(crate) struct Screen {
    child: Child,
    pty: Arc<Pty>,
    seen: Arc<(Mutex<Vec<Seen>>, Condvar)>,
    home: PathBuf,
}

/// What was read at once, and when.
struct Seen {
    at: Instant,
    bytes: Vec<u8>,
}

impl Screen {
    /// Opens all hosts of a fleet, and waits until each is ready and has said so.
    pub(crate) fn open(server: &Server, hosts: usize) -> Screen {
        let dir = server.dir();
        let home = dir.join("home");
        fs::create_dir_all(&home).expect("a home");
        let (pty, pts) = blocking::open().expect("a terminal");
        pty.resize(pty_process::Size::new(SIZE.rows, SIZE.cols)).expect("a size");
        let at = |name: &str| dir.join(name).display().to_string();
        let child = blocking::Command::new(binary())
            .args(["open", "--name", "bench", "-F", "none", "--hosts-from", &at("hosts")])
            .args(["-i", &at("key"), "-o", "IdentitiesOnly=yes"])
            .args(["-o", &format!("UserKnownHostsFile={}", at("known_hosts"))])
            .env_clear()
            .envs(environment(&home))
            .spawn(pts)
            .expect("omnes starts");
        let pty = Arc::new(pty);
        let seen: Arc<(Mutex<Vec<Seen>>, Condvar)> = Arc::default();
        thread::spawn({
            let (pty, seen) = (pty.clone(), seen.clone());
            move || read(&pty, &seen)
        });
        let screen = Screen { child, pty, seen, home };
        screen.wait_for(format!("→ {hosts} hosts").as_bytes());
        screen.quiet();
        screen
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn write(&self, bytes: &[u8]) {
        (&*self.pty).write_all(bytes).expect("omnes reads its terminal");
    }

    /// Types a line on the first so many hosts of the screen alone.
    fn tell_some(&self, server: &Server, hosts: usize, line: &str) {
        self.tell(&in_order(server)[..hosts], line);
    }

    /// Types a line on every so many-th host of the screen alone.
    fn tell_every(&self, server: &Server, step: usize, line: &str) {
        let some: Vec<String> = in_order(server).into_iter().step_by(step).collect();
        self.tell(&some, line);
    }

    /// Types a line on these alone, over the control socket.
    fn tell(&self, some: &[String], line: &str) {
        let status = Command::new(binary())
            .args(["ctl", "--to", "bench", "send", "--enter", "--host", &some.join(","), line])
            .env_clear()
            .envs(environment(&self.home))
            .status();
        assert!(status.expect("omnes ctl runs").success(), "the hosts are told");
    }

    /// A place in what was read.
    fn now(&self) -> usize {
        self.seen.0.lock().expect("the reader lives").len()
    }

    /// When these bytes came first.
    fn wait_for(&self, bytes: &[u8]) -> Instant {
        self.wait_since(0, bytes)
    }

    fn wait_since(&self, from: usize, bytes: &[u8]) -> Instant {
        let deadline = Instant::now() + DEADLINE;
        let mut seen = self.seen.0.lock().expect("the reader lives");
        loop {
            if let Some(found) = seen[from..].iter().find(|piece| holds(&piece.bytes, bytes)) {
                return found.at;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                drop(seen);
                panic!(
                    "{} did not come:\n{}",
                    String::from_utf8_lossy(bytes),
                    Eye::on(self).terminal.screen().text()
                );
            }
            seen = self.seen.1.wait_timeout(seen, left).expect("the reader lives").0;
        }
    }

    fn pieces(&self, from: usize) -> Vec<(Instant, Vec<u8>)> {
        let seen = self.seen.0.lock().expect("the reader lives");
        seen[from..].iter().map(|piece| (piece.at, piece.bytes.clone())).collect()
    }

    /// Waits until nothing was painted for a while.
    fn quiet(&self) {
        let mut before = self.now();
        loop {
            thread::sleep(Duration::from_secs(1));
            let now = self.now();
            if now == before {
                return;
            }
            before = now;
        }
    }

    /// From a key for the hosts to the first frame that shows it, in milliseconds.
    fn key_times(&self) -> Vec<f64> {
        let time = |n: usize| {
            let mark = MARKS[n / LINE % MARKS.len()];
            let (from, pressed) = (self.now(), Instant::now());
            self.write(&[mark]);
            let shown = self.wait_since(from, &[mark]);
            if n % LINE == LINE - 1 {
                self.write(b"\r");
            }
            thread::sleep(PAUSE);
            ms(shown - pressed)
        };
        (0..KEYS).map(time).collect()
    }

    /// From a key for omnes to the frame that shows it, in milliseconds: no host has a part in it.
    fn own_key_times(&self) -> Vec<f64> {
        let time = |_| {
            let (from, pressed) = (self.now(), Instant::now());
            self.write(b"\x01");
            let shown = self.wait_since(from, "…".as_bytes());
            self.write(b"\x1b");
            thread::sleep(PAUSE * 2);
            ms(shown - pressed)
        };
        (0..KEYS).map(time).collect()
    }

    /// The milliseconds between frames that came since a place.
    fn frames_since(&self, from: usize) -> Vec<f64> {
        let seen = self.seen.0.lock().expect("the reader lives");
        let ends: Vec<Instant> = seen[from..]
            .iter()
            .filter(|piece| holds(&piece.bytes, FRAME_ENDS))
            .map(|piece| piece.at)
            .collect();
        ends.windows(2).map(|pair| ms(pair[1] - pair[0])).collect()
    }

    fn kib_per_host(&self, hosts: usize) -> f64 {
        status_kib(self.pid(), "VmRSS:") as f64 / hosts as f64
    }
}

/// Sees what omnes shows, frame by frame.
pub(crate) struct Eye<'a> {
    screen: &'a Screen,
    terminal: Pane,
    read: usize,
}

impl<'a> Eye<'a> {
    /// Sees what is shown now.
    pub(crate) fn on(screen: &'a Screen) -> Eye<'a> {
        let mut eye = Eye { screen, terminal: Pane::new(SIZE, HistoryLimit::lines(0)), read: 0 };
        for (_, bytes) in screen.pieces(0) {
            eye.take(&bytes);
        }
        eye
    }

    fn take(&mut self, bytes: &[u8]) {
        self.terminal.feed(Duration::ZERO, bytes);
        self.read += 1;
    }

    /// When the first frame came, of those not seen yet, that shows what is wanted.
    pub(crate) fn sees(&mut self, wanted: impl Fn(&str) -> bool) -> Instant {
        let deadline = Instant::now() + DEADLINE;
        loop {
            for (at, bytes) in self.screen.pieces(self.read) {
                self.take(&bytes);
                if wanted(&self.terminal.screen().text()) {
                    return at;
                }
            }
            assert!(Instant::now() < deadline, "{}", self.terminal.screen().text());
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// When the numbers that hosts print grew last, in what is not seen yet.
    fn last_growth(&mut self) -> Option<Instant> {
        let (mut last, mut count) = (None, greatest(&self.terminal.screen().text()));
        for (at, bytes) in self.screen.pieces(self.read) {
            self.take(&bytes);
            let shown = greatest(&self.terminal.screen().text());
            if shown > count {
                (last, count) = (Some(at), shown);
            }
        }
        last
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The omnes that is measured.
fn binary() -> String {
    std::env::var("OMNES_BENCH_OMNES").unwrap_or_else(|_| env!("CARGO_BIN_EXE_omnes").to_owned())
}

fn environment(home: &Path) -> [(&'static str, String); 5] {
    let home = home.display().to_string();
    let [term, path, lang] = ["xterm-256color", "/usr/bin:/bin", "C.UTF-8"].map(str::to_owned);
    [("HOME", home.clone()), ("XDG_RUNTIME_DIR", home), ("TERM", term), ("PATH", path), ("LANG", lang)]
}

fn read(pty: &Pty, seen: &(Mutex<Vec<Seen>>, Condvar)) {
    let mut buffer = [0; 1 << 16];
    while let Ok(count @ 1..) = (&*pty).read(&mut buffer) {
        let piece = Seen { at: Instant::now(), bytes: buffer[..count].to_vec() };
        seen.0.lock().expect("nobody panics").push(piece);
        seen.1.notify_all();
    }
}

fn holds(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}
