//! Saved sets on real servers: what was open is open again.

use std::path::Path;

use super::lab::Lab;
use super::ui::Ui;

fn start(lab: &Lab, args: &[&str]) -> Ui {
    let (home, path) = (lab.home.path().display().to_string(), std::env::var("PATH").expect("a PATH"));
    let env = [("HOME", home.as_str()), ("PATH", &path), ("TERM", "xterm-256color"), ("LANG", "C.UTF-8")];
    Ui::start(Path::new(env!("CARGO_BIN_EXE_omnes")), args, &env, (30, 100))
}

fn leave(mut ui: Ui) {
    ui.keys("C-a q");
    ui.wait_for("Leave omnes");
    ui.keys("y");
    assert_eq!(ui.wait_exit().code(), Some(0));
}

#[test]
fn a_set_is_opened_again_with_the_same_hosts_detached() {
    let lab = Lab::known(&["alpha", "beta", "gamma"]);
    let ui = lab.open((30, 100));
    ui.wait_for("→ 3 hosts");
    ui.keys("C-a o C-a d C-a K");
    ui.wait_for("name: ");
    ui.write("rollout\r");
    ui.wait_for("omnes open --restore rollout");
    ui.keys("C-a d");
    ui.wait_for("→ 3 hosts");
    leave(ui);

    let ui = start(&lab, &["--restore", "rollout"]);
    ui.wait("beta is detached before any key", |screen| screen.contains("→ beta alone"));
    ui.keys("C-a o");
    ui.wait_for("→ 2 of 3 hosts");
    leave(ui);

    let ui = start(&lab, &["--restore", "rollout", "-x", "gamma"]);
    ui.wait_for("→ beta alone");
    ui.keys("C-a d");
    ui.wait_for("→ 2 hosts");
    ui.keys("C-a d");
    ui.wait_for("→ beta alone");
    leave(ui);

    // What was open last was that; now without the name, and beta is gone.
    let keys: Vec<_> = lab.servers.iter().map(|server| server.client_key()).collect();
    lab.name(&["alpha"], &keys);
    let ui = start(&lab, &["open", "--restore"]);
    ui.wait_for("not opened again: beta (@lab does not hold it any more)");
    ui.wait_for("→ 1 host");
    leave(ui);
}

#[test]
fn a_set_that_cannot_be_opened_is_told_before_anything_connects() {
    let lab = Lab::known(&["alpha"]);
    let told = |args: &[&str]| {
        let output = lab.run(args);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert!(told(&["--restore"]).contains("there is no saved set `last`\nno set is saved yet"));
    lab.write(
        ".local/state/omnes/sets/web.toml",
        "version = 1\n[[host]]\nname = \"alpha\"\ndetatched = true\n",
    );
    lab.write(
        ".local/state/omnes/sets/gone.toml",
        "version = 1\n[[host]]\nname = \"a1\"\ncluster = \"nowhere\"\n",
    );
    assert!(told(&["open", "--restore", "?"]).contains("saved sets: gone, web"));
    let typo = told(&["open", "--restore", "web"]);
    assert!(typo.contains("sets/web.toml:4:1: unknown field `detatched`"), "{typo}");
    let gone = told(&["open", "--restore", "gone"]);
    assert!(gone.contains("`gone` can be opened: a1 (there is no cluster @nowhere any more)"), "{gone}");
}
