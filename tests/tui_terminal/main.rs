//! The user's own terminal is given back as it was, however the program ends.

mod ctl;
mod deaths;
#[path = "../keeping/terminal.rs"]
mod keeping;
mod outer;
mod plain;
mod progress;
mod recorder;
mod run;
#[path = "../support/ui.rs"]
pub mod ui;

use std::os::unix::process::ExitStatusExt;
use std::path::Path;

use rustix::process::{Pid, Signal, kill_process};
use ui::{Modes, Ui};

fn demo(home: &tempfile::TempDir) -> Ui {
    let home = home.path().to_str().expect("a path in UTF-8");
    let env = [("HOME", home), ("TERM", "xterm-256color"), ("PATH", "/usr/bin:/bin")];
    let ui = Ui::start(Path::new(env!("CARGO_BIN_EXE_omnes")), &["demo", "--hosts", "2"], &env, (30, 100));
    ui.wait("two prompts", |screen| screen.contains("demo01:~$") && screen.contains("demo02:~$"));
    ui
}

#[test]
fn leaving_and_every_signal_give_the_terminal_back() {
    for signal in [None, Some(Signal::TERM), Some(Signal::HUP), Some(Signal::INT), Some(Signal::QUIT)] {
        let home = tempfile::tempdir().expect("a directory");
        let mut ui = demo(&home);
        let on = ui.modes();
        let before = ui.line_modes_at_start().to_owned();
        assert!(on.alternate && on.mouse && on.bracketed_paste, "{on:?}");
        match signal {
            None => {
                ui.keys("C-a q");
                ui.wait_for("Leave omnes");
                ui.keys("y");
            }
            Some(signal) => {
                let pid = Pid::from_raw(ui.pid() as i32).expect("a process");
                kill_process(pid, signal).expect("it lives");
            }
        }
        let status = ui.wait_exit();
        assert_eq!(ui.modes(), Modes::SANE, "after {signal:?}");
        assert_eq!(ui.line_modes(), before, "after {signal:?}");
        assert_eq!(status.signal(), None, "it ends by itself after {signal:?}");
        assert_eq!(status.code(), Some(if signal.is_none() { 0 } else { 130 }));
        let raw = ui.raw();
        let text = String::from_utf8_lossy(&raw);
        assert!(
            text.contains("\x1b[?1004h") && text.contains("\x1b[?1004l"),
            "focus reports end after {signal:?}"
        );
    }
}

#[test]
fn a_paste_without_its_end_does_not_stop_the_keyboard() {
    let home = tempfile::tempdir().expect("a directory");
    let ui = demo(&home);
    ui.write("\x1b[200~echo pas");
    ui.write("ted");
    ui.wait("the paste, without its end", |screen| screen.count("$ echo pasted") >= 1);
    ui.keys("Enter");
    ui.wait("the keyboard goes on", |screen| screen.rows.iter().any(|row| row.contains("║pasted")));
}

#[test]
fn a_long_input_without_brackets_holds_no_host() {
    let home = tempfile::tempdir().expect("a directory");
    let ui = demo(&home);
    ui.line("stty -echo; wc -c");
    ui.wait_for("wc -c");
    // Lines, because a terminal that gathers lines keeps at most 4 kB of one.
    let line = "x".repeat(99) + "\r";
    ui.write(line.repeat(2_000));
    ui.write("\x04");
    ui.wait("every byte on both hosts", |screen| screen.count("200000") == 2);
}

#[test]
fn keys_come_through_while_a_host_floods() {
    let home = tempfile::tempdir().expect("a directory");
    let ui = demo(&home);
    ui.keys("C-a d");
    ui.wait_for("→ demo01 alone");
    ui.line("yes");
    ui.wait("the flood", |screen| screen.count("║y ") > 5);
    ui.keys("C-a o");
    ui.line("echo $((6*7))");
    ui.wait("the other host", |screen| screen.contains("║42"));
    ui.keys("C-a o C-c");
    ui.line("echo st''opped");
    ui.wait_for("stopped");
}

#[test]
fn motion_of_the_mouse_is_asked_for_while_a_program_wants_it_and_goes_to_the_pane_under_it() {
    let home = tempfile::tempdir().expect("a directory");
    let ui = demo(&home);
    let asked = |ui: &Ui| String::from_utf8_lossy(&ui.raw()).contains("\x1b[?1003h");
    assert!(!asked(&ui), "nobody wants it yet");
    ui.line(r"printf '\033[?1003h\033[?1006hrea''dy\n'; stty -icanon -echo; cat -v");
    ui.wait("both programs", |screen| screen.count("║ready") == 2);
    ui.write("\x1b[<35;5;5M");
    ui.wait("what the program heard", |screen| screen.contains("║^[[<35;"));
    assert!(asked(&ui));
    let heard = ui.wait("one of them", |screen| screen.count("<35;") > 0).count("<35;");
    assert_eq!(heard, 1, "the pane under the pointer alone");
}

#[test]
fn resizes_in_a_storm_leave_a_whole_picture() {
    let home = tempfile::tempdir().expect("a directory");
    let ui = demo(&home);
    for n in 0..200u16 {
        ui.resize(1 + n * 7 % 60, 1 + n * 13 % 200);
    }
    ui.resize(30, 100);
    let whole = |screen: &ui::Screen| {
        let corner = |row: &String| row.starts_with('╔') && row.trim_end().ends_with('╗');
        screen.rows.iter().filter(|row| corner(row)).count() >= 1 && screen.contains("C-a ? help")
    };
    ui.wait("a whole picture", whole);
    ui.line("echo al''ive");
    ui.wait_for("alive");
}

#[test]
fn the_cursor_stands_where_the_focused_host_has_it() {
    let home = tempfile::tempdir().expect("a directory");
    let ui = demo(&home);
    ui.write("abc");
    let echoed = |screen: &ui::Screen| screen.rows[1].contains("$ abc") && screen.cursor.0 == 1;
    let screen = ui.wait("the echo in the focused tile", echoed);
    let column =
        screen.rows[1].find("$ abc").expect("the focused tile is on top") - "║".len() + "║".chars().count();
    ui.wait("the cursor behind it", |screen| usize::from(screen.cursor.1) == column + "$ abc".len());
    ui.keys("C-a ?");
    // The bottom line is painted last.
    ui.wait_for("keys go to the help");
    assert!(ui.screen().contains("After C-a:"));
}

#[test]
fn a_suspended_program_gives_the_terminal_to_the_shell_and_comes_back_with_fg() {
    let home = tempfile::tempdir().expect("a directory");
    // The shell would switch the paste mode on for its own prompt.
    std::fs::write(home.path().join(".inputrc"), "set enable-bracketed-paste off\n").expect("a file");
    let path = home.path().to_str().expect("a path in UTF-8");
    let env = [("HOME", path), ("TERM", "xterm-256color"), ("PATH", "/usr/bin:/bin"), ("PS1", "shell> ")];
    let ui = Ui::start(Path::new("/bin/bash"), &["--norc", "--noprofile", "-i"], &env, (30, 100));
    ui.wait_for("shell>");
    ui.line(&format!("{} demo --hosts 2", env!("CARGO_BIN_EXE_omnes")));
    ui.wait("two prompts", |screen| screen.contains("demo01:~$") && screen.contains("demo02:~$"));
    ui.line("x=kept");
    ui.keys("C-a C-z");
    ui.wait_for("Stopped");
    assert_eq!(ui.modes(), Modes::SANE);
    ui.line("stty -a | grep -o ' icanon' | tr a-z A-Z");
    ui.wait_for("ICANON");
    ui.resize(40, 120);
    ui.line("fg");
    ui.wait("the tiles in the new size", |screen| {
        screen.rows.len() == 40 && screen.rows[0].trim_end().ends_with('╗') && screen.contains("C-a ? help")
    });
    ui.line("echo $x-alive");
    ui.wait_for("kept-alive");

    // Somebody else stops it, as `kill -TSTP` does.
    let omnes = child_of(ui.pid());
    kill_process(omnes, Signal::TSTP).expect("it lives");
    ui.wait("the shell's own screen", |screen| screen.count("Stopped") == 2);
    assert_eq!(ui.modes(), Modes::SANE);
    ui.line("fg");
    ui.wait_for("C-a ? help");
    ui.line("echo $x-still");
    ui.wait_for("kept-still");

    // And in a way that nobody hears of. The shell takes its terminal without a word to the program.
    kill_process(omnes, Signal::STOP).expect("it lives");
    ui.wait_for("shell>");
    ui.line("clear; fg");
    ui.wait("all of it again", |screen| screen.contains("kept-still") && screen.contains("C-a ? help"));
    ui.line("echo $x-yet");
    ui.wait_for("kept-yet");
}

/// The process that a shell has started.
fn child_of(shell: u32) -> Pid {
    let children = std::fs::read_to_string(format!("/proc/{shell}/task/{shell}/children")).expect("it lives");
    let first = children.split_whitespace().next().and_then(|id| id.parse().ok()).expect("a child");
    Pid::from_raw(first).expect("a process")
}

#[test]
fn where_nothing_could_continue_it_a_stop_is_not_heeded() {
    let home = tempfile::tempdir().expect("a directory");
    let ui = demo(&home);
    kill_process(Pid::from_raw(ui.pid() as i32).expect("a process"), Signal::TSTP).expect("it lives");
    ui.line("echo go''es on");
    ui.wait("both go on", |screen| screen.count("goes on") == 2);
    ui.keys("C-a C-z");
    ui.line("echo sti''ll");
    ui.wait("both go on again", |screen| screen.count("still") == 2);
}
