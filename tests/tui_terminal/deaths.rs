//! What the terminal and the sessions live through: panics, a terminal that goes away or hangs, hosts that die in the middle
//! of a full-screen program, storms of resizes.

use std::time::{Duration, Instant};

use crate::ui::{Modes, Ui};

/// Says in the child which thread panics while the terminal is taken.
const PANICS: &str = "OMNES_TEST_PANICS_IN";

#[test]
fn a_panic_anywhere_leaves_the_terminal_as_it_was() {
    if let Ok(place) = std::env::var(PANICS) {
        return panic_in(&place);
    }
    let this = std::env::current_exe().expect("this test's own program");
    let name = "deaths::a_panic_anywhere_leaves_the_terminal_as_it_was";
    for (place, told) in [("main", true), ("frame", true), ("task", false), ("thread", false)] {
        let env = [(PANICS, place), ("TERM", "xterm-256color"), ("RUST_BACKTRACE", "0")];
        let mut ui = Ui::start(&this, &["--exact", name, "--nocapture", "--test-threads=1"], &env, (30, 100));
        let before = ui.line_modes_at_start().to_owned();
        // The screen's owner ends with its panic; what panics elsewhere ends for itself alone.
        assert_eq!(ui.wait_exit().success(), !told, "in {place}");
        assert_eq!((ui.modes(), ui.line_modes()), (Modes::SANE, before), "in {place}");
        assert_eq!(ui.screen().contains("provoked"), told, "in {place}:\n{}", ui.screen().text());
    }
}

/// The built program has no way to panic that could be provoked from outside; this is its terminal, taken and lost in
/// the same ways.
fn panic_in(place: &str) {
    let terminal = omnes::tui::terminal::Terminal::enter().expect("a terminal");
    match place {
        "main" => panic!("provoked"),
        "frame" => {
            let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
            runtime.block_on(async { panic!("provoked") })
        }
        "task" => {
            let runtime = tokio::runtime::Builder::new_multi_thread().build().expect("a runtime");
            let ended = runtime.block_on(async { tokio::spawn(async { panic!("provoked") }).await });
            assert!(ended.is_err());
        }
        _ => assert!(std::thread::spawn(|| panic!("provoked")).join().is_err()),
    }
    drop(terminal);
}

#[test]
fn a_terminal_that_goes_away_ends_the_program() {
    use std::io::Read;
    let home = tempfile::tempdir().expect("a directory");
    for mode in [&["demo", "--hosts", "1"][..], &["demo", "--hosts", "1", "--plain"]] {
        let logs = home.path().join(mode.join(""));
        let (pty, pts) = pty_process::blocking::open().expect("a pty");
        pty.resize(pty_process::Size::new(30, 100)).expect("a size");
        let mut child = pty_process::blocking::Command::new(env!("CARGO_BIN_EXE_omnes"))
            .args(mode)
            .arg("--log")
            .arg(&logs)
            .env_clear()
            .env("HOME", home.path())
            .env("TERM", "xterm")
            .env("PATH", "/usr/bin:/bin")
            .spawn(pts)
            .expect("it starts");
        let (mut pty, mut seen, mut buffer) = (pty, Vec::new(), [0; 4096]);
        while !String::from_utf8_lossy(&seen).contains("demo01:~$") {
            let n = pty.read(&mut buffer).expect("it lives");
            seen.extend_from_slice(&buffer[..n]);
        }
        drop(pty);
        let (send, ended) = std::sync::mpsc::channel();
        let pid = child.id();
        std::thread::spawn(move || send.send(child.wait()));
        let status = ended.recv_timeout(Duration::from_secs(30));
        let status = status.unwrap_or_else(|_| panic!("process {pid} outlives its terminal: {mode:?}"));
        assert_eq!(status.expect("a status").code(), Some(130), "{mode:?}");
        let log = std::fs::read_to_string(logs.join("demo01.log")).expect("a log");
        assert!(log.contains("demo01:~$") && log.ends_with("log ends ---\n"), "{mode:?}: {log}");
    }
}

#[test]
fn a_host_that_dies_in_a_full_screen_program_leaves_no_stray_bytes() {
    let home = tempfile::tempdir().expect("a directory");
    let mut ui = super::demo(&home);
    ui.line(r"printf '\033[?1049h\033[?1000h\033[?1003h\033[?1006h\033[?1004hfull'; kill -9 $$");
    ui.wait("both are closed", |screen| screen.contains("2 closed"));
    for n in 1..40 {
        ui.write(format!("\x1b[<35;{n};5M\x1b[<0;{n};6M\x1b[<0;{n};6m"));
    }
    ui.write("\x1b[O\x1b[I");
    ui.keys("C-a R");
    ui.wait("new shells", |screen| screen.count("new session]") == 2 && screen.count(":~$") >= 2);
    ui.keys("C-a D");
    for n in 1..40 {
        ui.write(format!("\x1b[<35;{n};5M"));
    }
    ui.line("echo cle''an");
    let screen = ui.wait("both hear", |screen| screen.count("║clean") + screen.count("│clean") >= 2);
    assert_eq!(screen.count("[<"), 0, "{}", screen.text());
    assert_eq!(screen.count("35;"), 0, "{}", screen.text());
    ui.keys("C-a q");
    ui.wait_for("Leave omnes");
    ui.keys("y");
    ui.wait_exit();
    assert_eq!(ui.modes(), Modes::SANE);
}

#[test]
fn a_storm_of_resizes_tells_hosts_few_sizes_and_the_last_one() {
    let home = tempfile::tempdir().expect("a directory");
    let ui = super::demo(&home);
    // Says its size and how often it was told one, at the start and whenever it is told another.
    let watch = r#"sh -c 'n=0; say() { clear; stty size; echo told=$n.; }; say
        trap "n=\$((n+1)); say" WINCH; sleep 1000 & while :; do wait; done'"#;
    ui.line(&watch.replace('\n', ";"));
    ui.wait("both count", |screen| screen.count("║told=0.") == 2);
    for n in 0..1000u16 {
        ui.resize(1 + n * 7 % 200, 1 + n * 13 % 500);
    }
    ui.resize(61, 100);
    let whole = |screen: &crate::ui::Screen| screen.count("║28 98 ") == 2 && screen.count("║told=") == 2;
    let screen = ui.wait("the last size on both", |screen| whole(screen) && screen.contains("C-a ? help"));
    for row in screen.rows.iter().filter(|row| row.contains("║told=")) {
        let told = row.split("told=").nth(1).and_then(|rest| rest.split('.').next()).expect("a number");
        assert!((1..=20).contains(&told.parse::<u32>().expect("a number")), "{row}");
    }
}

#[test]
fn a_terminal_that_takes_no_output_holds_up_nothing_but_the_picture() {
    let home = tempfile::tempdir().expect("a directory");
    let ui = super::demo(&home);
    // One host is busy without end; the other does what is typed, and says so where it can be seen from outside.
    ui.keys("C-a d");
    ui.line("while :; do echo $RANDOM $RANDOM $RANDOM; done");
    ui.keys("C-a o");
    let file = home.path().join("heard");
    ui.stall(true);
    let memory = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", ui.pid())).expect("it lives");
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("its memory");
        line.split_whitespace().nth(1).and_then(|kb| kb.parse::<u64>().ok()).expect("kB")
    };
    let mut first = 0;
    for n in 0..200 {
        ui.line(&format!("echo {n} > {}", file.display()));
        let until = Instant::now() + Duration::from_secs(60);
        while std::fs::read_to_string(&file).unwrap_or_default().trim() != n.to_string() {
            assert!(Instant::now() < until, "line {n} was not heard while the terminal hung");
            std::thread::yield_now();
        }
        if n == 50 {
            first = memory();
        }
    }
    let after = memory();
    assert!(after < first + 20_000, "{first} kB became {after} kB while nobody read");
    ui.stall(false);
    ui.line("echo go''es on");
    ui.wait_for("goes on");
}
