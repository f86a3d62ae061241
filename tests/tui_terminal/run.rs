//! A run shown on the user's terminal, by the built program.

use super::*;

fn run(home: &tempfile::TempDir, words: &[&str]) -> Ui {
    let home = home.path().to_str().expect("a path in UTF-8");
    let env = [("HOME", home), ("TERM", "xterm-256color"), ("PATH", "/usr/bin:/bin")];
    Ui::start(Path::new(env!("CARGO_BIN_EXE_omnes")), words, &env, (30, 100))
}

#[test]
fn equal_output_is_one_tile_a_shell_opens_beside_it_and_the_exit_code_is_that_of_the_run() {
    let home = tempfile::tempdir().expect("a directory");
    let command = "case $(hostname) in demo04) echo other; exit 3;; *) echo same;; esac";
    let mut ui = run(&home, &["demo", "run", "--hosts", "6", "--tui", "--", command]);
    ui.wait("the end of the run", |screen| {
        screen.contains("the run is over: 5 of 6 ok") && screen.contains("exit status 3")
    });
    ui.keys("C-a $");
    ui.wait("a shell", |screen| screen.contains(" shell") && screen.contains(":~$"));
    ui.line("echo $((40+2))");
    ui.wait_for("42");
    ui.keys("C-a q");
    ui.wait_for("Leave omnes");
    ui.keys("y");
    let status = ui.wait_exit();
    assert_eq!(status.code(), Some(1));
    assert_eq!(ui.modes(), Modes::SANE);
    let raw = ui.raw();
    let text = String::from_utf8_lossy(&raw);
    let (_, after) = text.rsplit_once("\x1b[?1049l").expect("the screen was given back");
    assert!(after.contains("exit status 3"), "{after:?}");
    assert!(after.contains("5 ok: demo["), "{after:?}");
}

#[test]
fn leaving_ends_the_run_in_the_steps_of_an_interrupt() {
    let home = tempfile::tempdir().expect("a directory");
    let mut ui = run(&home, &["demo", "run", "--hosts", "3", "--tui", "-f", "2", "--", "sleep 600"]);
    ui.wait_for("running");
    for question in ["y starts no more", "y ends them"] {
        ui.keys("C-a q");
        ui.wait_for(question);
        ui.keys("y");
    }
    // The second step ends what runs, so the run comes to its end by itself.
    ui.wait_for("the run is over: 0 of 3 ok");
    ui.keys("C-a q");
    let status = ui.wait_exit();
    assert_eq!(status.code(), Some(130));
    assert_eq!(ui.modes(), Modes::SANE);
}

#[test]
fn a_signal_gives_the_terminal_back_and_ends_the_run() {
    let home = tempfile::tempdir().expect("a directory");
    let mut ui = run(&home, &["demo", "run", "--hosts", "3", "--tui", "--", "sleep 600"]);
    ui.wait_for("running");
    let pid = Pid::from_raw(ui.pid() as i32).expect("a process");
    kill_process(pid, Signal::TERM).expect("it lives");
    let status = ui.wait_exit();
    assert_eq!(status.code(), Some(130));
    assert_eq!(ui.modes(), Modes::SANE);
}

#[test]
fn what_does_not_go_together_is_said_before_anything_is_contacted() {
    let home = tempfile::tempdir().expect("a directory");
    for (words, why) in [
        (&["--output", "json"][..], "--output says how a run is told as lines"),
        (&["-b"][..], "-b says how a run is told as lines"),
        (&["--waves", "1,100%", "--pause"][..], "write --pause 60s"),
    ] {
        let words = [&["demo", "run", "--tui"], words, &["--", "true"]].concat();
        let mut ui = run(&home, &words);
        ui.wait_for(why);
        assert_eq!(ui.wait_exit().code(), Some(2));
    }
}
