//! A password that is typed at prompts of real shells, and then looked for in every file that omnes leaves behind.

use std::fs;
use std::path::{Path, PathBuf};

use crate::lab::Lab;
use crate::ui::Ui;

/// What must not be found, and what must, so that a search that looks at nothing fails.
const SECRET: &str = "hunter2";
const SPOKEN: &str = "spoken-aloud";

/// Every file under a directory.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).expect("a directory").flatten() {
        let kind = entry.file_type().expect("a kind");
        if kind.is_dir() {
            found.extend(files(&entry.path()));
        } else if kind.is_file() {
            found.push(entry.path());
        }
    }
    found
}

/// The files under a directory that hold a text.
fn holding(dir: &Path, text: &str) -> Vec<PathBuf> {
    let holds = |file: &PathBuf| {
        let bytes = fs::read(file).expect("a file");
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    };
    files(dir).into_iter().filter(holds).collect()
}

fn open(lab: &Lab) -> Ui {
    let (home, debug) = (lab.path("").display().to_string(), lab.path("debug.log").display().to_string());
    let path = std::env::var("PATH").expect("a PATH");
    let env = [("HOME", home.as_str()), ("PATH", &path), ("TERM", "xterm-256color"), ("LANG", "C.UTF-8")];
    Ui::start(Path::new(env!("CARGO_BIN_EXE_omnes")), &["--debug", &debug, "lab"], &env, (30, 100))
}

#[test]
fn a_password_is_in_no_file_whichever_way_it_was_typed() {
    let lab = Lab::known(&["alpha", "beta"]);
    let mut ui = open(&lab);
    ui.wait_for("→ 2 hosts");
    let remote = lab.path("remote-history").display().to_string();
    ui.line(&format!("exec env PS1='$ ' HISTFILE={remote} bash --norc --noprofile"));
    ui.line("clear; echo all''-calm");
    ui.wait("calm shells", |screen| screen.count("all-calm") == 2);
    // Everything that can be kept is: the log of each host, a recording of one and of the screen, the history, a script.
    ui.write("\x01\x1bl\x01E\x01\x1be\x01B");
    ui.line(&format!("clear; echo {SPOKEN}"));
    ui.wait("it is said", |screen| screen.count(&format!("║{SPOKEN}")) == 2);

    // The normal way, at a prompt that does not echo.
    let ask = "read -rs -p '[sudo] password for ann: ' x; echo; echo \"got ${#x}.\"";
    ui.line(&format!("clear; {ask}"));
    ui.wait("both ask", |screen| screen.count("║[sudo] password for ann:") == 2);
    ui.line(&format!("{SECRET}-typed"));
    ui.wait("both have it", |screen| screen.count("║got 13.") == 2);

    // In the box, while beta is at a shell.
    ui.keys("C-a d");
    ui.line(&format!("clear; {ask}"));
    ui.wait("alpha asks", |screen| screen.count("║[sudo] password for ann:") == 1);
    ui.keys("C-a d");
    ui.wait_for("→ 2 hosts");
    ui.keys("C-a P");
    ui.wait_for("skips 1 at a shell prompt: beta");
    ui.write(format!("{SECRET}-in-the-box"));
    ui.wait_for("hidden: •••••••• (not counted: the screen is recorded)");
    ui.keys("Enter");
    ui.wait_for("the secret went to alpha; 1 skipped: beta");
    ui.wait("alpha has it", |screen| screen.count("║got 18.") == 1);

    // Pasted, with its line end.
    ui.keys("C-a d");
    ui.line(&format!("clear; {ask}"));
    ui.wait("alpha asks again", |screen| screen.count("║[sudo] password for ann:") == 1);
    ui.write(format!("\x1b[200~{SECRET}-pasted\r\x1b[201~"));
    ui.wait_for("not shown, since a host asks for a secret");
    ui.wait_for("y sends it");
    ui.keys("y");
    ui.wait("alpha has it too", |screen| screen.count("║got 14.") == 1);
    ui.line("history -a; echo wri''tten");
    ui.wait_for("written");

    let shown = ui.raw();
    assert!(!shown.windows(SECRET.len()).any(|window| window == SECRET.as_bytes()), "it was on the screen");
    ui.keys("C-a q y");
    ui.wait_exit();
    let kept = holding(lab.home.path(), SPOKEN);
    let names: Vec<String> = kept.iter().map(|file| file.display().to_string()).collect();
    for (what, part) in
        [("a log", "/logs/"), ("a recording", ".cast"), ("a history", "history"), ("a script", ".toml")]
    {
        assert!(names.iter().any(|name| name.contains(part)), "{what} holds what was said: {names:?}");
    }
    assert!(lab.path("debug.log").exists());
    assert_eq!(holding(lab.home.path(), SECRET), [] as [PathBuf; 0]);
}
