//! `--plain` on the built program: lines in, lines out, and nothing that a screen reader or a dumb terminal could not take.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::ui::{Modes, Ui};

const OMNES: &str = env!("CARGO_BIN_EXE_omnes");

fn demo(home: &tempfile::TempDir, args: &[&str], more: &[(&str, &str)]) -> Ui {
    let home = home.path().to_str().expect("a path in UTF-8");
    let env = [&[("HOME", home), ("PATH", "/usr/bin:/bin")][..], more].concat();
    let args = [&["demo"], args].concat();
    Ui::start(Path::new(OMNES), &args, &env, (50, 120))
}

/// Everything told so far, as text.
fn told(ui: &Ui) -> String {
    String::from_utf8_lossy(&ui.raw()).replace('\r', "")
}

/// Waits until this was told.
fn hear(ui: &Ui, text: &str) {
    ui.wait_written(text, 1);
}

/// No byte that moves a cursor, colours or draws.
fn assert_only_lines(ui: &Ui) {
    let raw = ui.raw();
    let text = String::from_utf8_lossy(&raw);
    let bad = text.chars().find(|c| (c.is_control() && !"\r\n".contains(*c)) || "─│┌┐└┘║═╔╗╚╝█".contains(*c));
    assert_eq!(bad, None, "{text}");
}

#[test]
fn lines_go_to_the_hosts_and_their_answers_come_as_lines() {
    let home = tempfile::tempdir().expect("a directory");
    let mut ui = demo(&home, &["--plain", "--hosts", "3"], &[("TERM", "xterm-256color")]);
    let before = ui.line_modes_at_start().to_owned();
    hear(&ui, ":~$\n");
    ui.write(":attach all\n");
    hear(&ui, "omnes: all 3 hosts hear");
    ui.write("echo sa''me; echo I am $HOSTNAME\n");
    hear(&ui, ": same\n");
    hear(&ui, ": I am ");

    // A command of ours, a host's own edit, and a line that begins with a colon.
    ui.write(":detach demo02\n");
    hear(&ui, "demo02: detached");
    ui.write(":focus demo02\n");
    hear(&ui, "omnes: demo02 alone hears");
    ui.write("::\n:nonsense\n:hosts demo02\n");
    hear(&ui, "`nonsense` is no action");
    hear(&ui, "HOST ");
    ui.write("exit 7\n");
    hear(&ui, "demo02: closed: the shell ended with status 7");
    hear(&ui, "nobody hears");

    // Leaving is asked, and only yes leaves.
    ui.write(":quit\n");
    hear(&ui, "Leave omnes and end them?");
    ui.write("no\n");
    ui.write(":focus demo01\n");
    hear(&ui, "the focus is on demo01");
    ui.write(":quit\n");
    ui.wait_written("Leave omnes", 2);
    ui.write("y\n");
    assert_eq!(ui.wait_exit().code(), Some(0));
    assert_only_lines(&ui);
    assert_eq!((ui.modes(), ui.line_modes()), (Modes::SANE, before));
}

#[test]
fn the_interrupt_key_goes_to_the_hosts_and_three_of_them_leave() {
    let home = tempfile::tempdir().expect("a directory");
    let mut ui = demo(&home, &["--plain", "--hosts", "1"], &[("TERM", "xterm-256color")]);
    hear(&ui, "demo01:~$");
    ui.write("sh -c 'trap \"echo interrupt\" INT; echo set up; while :; do sleep 1; done'\n");
    hear(&ui, ": set up\n");
    ui.write("\x03");
    hear(&ui, "interrupt\n");
    // The end of the input leaves nothing: it may have been meant for a host.
    ui.write("\x04");
    hear(&ui, "`:keys C-d` sends C-d");
    let until = Instant::now() + Duration::from_secs(60);
    while !ui.ends_within(Duration::from_millis(50)) {
        assert!(Instant::now() < until, "it does not leave:\n{}", told(&ui));
        ui.type_if_it_lives(b"\x03");
    }
    assert_eq!(ui.wait_exit().code(), Some(0));
    assert!(told(&ui).contains("once more now leaves omnes"), "{}", told(&ui));
    assert_only_lines(&ui);
}

#[test]
fn terminals_that_cannot_show_tiles_get_lines_with_the_reason_and_others_tiles() {
    for (env, reason) in [
        (&[("TERM", "dumb")][..], Some("TERM is `dumb`")),
        (&[], Some("TERM is not set")),
        (&[("TERM", "xterm"), ("LC_ALL", "de_DE.ISO-8859-1")], Some("not UTF-8")),
        (&[("TERM", "linux"), ("LANG", "C")], None),
        (&[("TERM", "xterm"), ("NO_COLOR", "1")], None),
        (&[("TERM", "screen")], None),
        (&[("TERM", "tmux-256color"), ("LANG", "C.UTF-8")], None),
    ] {
        let home = tempfile::tempdir().expect("a directory");
        let began = Instant::now();
        let mut ui = demo(&home, &["--hosts", "1"], env);
        match reason {
            Some(reason) => {
                hear(&ui, reason);
                hear(&ui, "demo01:~$");
                assert_only_lines(&ui);
                if env.len() == 2 {
                    assert!(ui.raw().is_ascii(), "{}", told(&ui));
                }
            }
            None => {
                ui.wait("a tile", |screen| screen.contains("demo01:~$") && screen.contains("C-a ? help"));
            }
        }
        assert!(began.elapsed() < Duration::from_secs(30), "{env:?}");
        let pid = rustix::process::Pid::from_raw(ui.pid() as i32).expect("a process");
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it lives");
        assert_eq!(ui.wait_exit().code(), Some(130), "{env:?}");
        assert_eq!(ui.modes(), Modes::SANE, "{env:?}");
    }
}

#[test]
fn scripts_reach_the_plain_mode_too() {
    let home = tempfile::tempdir().expect("a directory");
    let mut ui = demo(&home, &["--plain", "--hosts", "1", "--name", "lines"], &[("TERM", "dumb")]);
    hear(&ui, "demo01:~$");
    let ctl = |args: &[&str]| {
        let mut command = std::process::Command::new(OMNES);
        let output =
            command.env_clear().env("HOME", home.path()).arg("ctl").args(args).output().expect("it starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    ctl(&["send", "--enter", "echo by a scr''ipt"]);
    ctl(&["wait", "by a script"]);
    hear(&ui, "omnes: ctl: sent");
    hear(&ui, "demo01: by a script");
    ctl(&["quit"]);
    assert_eq!(ui.wait_exit().code(), Some(0));
}

#[test]
fn lines_go_into_a_pipe_and_the_last_of_them_are_not_lost() {
    let home = tempfile::tempdir().expect("a directory");
    let path = home.path().to_str().expect("a path in UTF-8");
    let env = [("HOME", path), ("PATH", "/usr/bin:/bin"), ("TERM", "xterm-256color")];
    let line = format!("{OMNES} demo --plain --hosts 1 | sed -u 's/^/piped /'; echo left");
    let mut ui = Ui::start(Path::new("/bin/sh"), &["-c", &line], &env, (50, 120));
    hear(&ui, "piped demo01: demo01:~$");
    ui.write("echo to a pi''pe\n");
    hear(&ui, "piped demo01: to a pipe\n");
    ui.write(":quit\n");
    hear(&ui, "piped omnes: type y for yes");
    ui.write("y\n");
    hear(&ui, "left\n");
    ui.wait_exit();
}
