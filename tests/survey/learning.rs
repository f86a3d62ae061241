//! `omnes keys --accept`.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::common::{ALL, found_by_keygen, known_hosts, lab, name, ssh_gets_in, stranger, told};
use crate::lab::Lab;
use crate::support::sshd::KeyKind;
use crate::ui::Ui;

const ED: &[KeyKind] = &[KeyKind::Ed25519];

/// web1 new with three keys, web2 changed, web3 revoked.
fn new_changed_revoked() -> Lab {
    let lab = lab(&[&ALL, ED, ED]);
    let [_, changed, revoked] = &lab.servers[..] else { panic!("three servers") };
    let text = format!(
        "{} {}\n@revoked {} {}\n# the end, without a line end",
        name(changed),
        stranger(&lab, KeyKind::Ed25519),
        name(revoked),
        revoked.host_key(KeyKind::Ed25519),
    );
    lab.write(".ssh/known_hosts", &text);
    lab
}

#[test]
fn new_hosts_are_learned_with_all_their_keys_and_nobody_else() {
    let lab = new_changed_revoked();
    let before = known_hosts(&lab);
    let (code, out, err) = told(&lab.run(&["keys", "lab", "--accept", "--yes"]));
    assert_eq!(code, 1, "web2 and web3 are as they were: {out}{err}");
    assert!(err.contains("omnes: learned the keys of 1 host: web1\n"), "{err}");
    let after = known_hosts(&lab);
    assert!(after.starts_with(&format!("{before}\n")), "{after}");
    assert_eq!(after.lines().count(), before.lines().count() + 3);
    let server = &lab.servers[0];
    let mut keys: Vec<&str> = ALL.iter().map(|kind| server.host_key(*kind)).collect();
    keys.sort_unstable();
    assert_eq!(found_by_keygen(&lab.path(".ssh/known_hosts"), &name(server)), keys);
    for kind in ALL {
        assert!(ssh_gets_in(&lab, server, kind), "{kind:?}");
    }
    // Known from now on, and there is nothing more to learn.
    let (code, out, err) = told(&lab.run(&["keys", "web1", "--accept", "--yes"]));
    assert_eq!((code, out.as_str()), (0, "known                    1  web1\n"), "{err}");
    assert_eq!(known_hosts(&lab), after);
}

#[test]
fn where_nobody_can_be_asked_nothing_is_contacted() {
    let lab = new_changed_revoked();
    for (words, option) in [
        (&["keys", "lab", "--accept"][..], "--yes"),
        (&["keys", "lab", "--replace"], "--confirm N"),
        (&["keys", "lab", "--accept", "--yes", "--replace"], "--confirm N"),
        (&["keys", "lab", "--accept", "--output", "json"], "--yes"),
    ] {
        let (code, out, err) = told(&lab.run(words));
        assert_eq!((code, out.as_str()), (2, ""), "{words:?}: {err}");
        assert!(err.contains(option), "{words:?}: {err}");
    }
    assert!(lab.servers.iter().all(|server| !server.log().contains("Connection")));
}

/// Runs `omnes keys` in a terminal.
fn in_terminal(lab: &Lab, args: &[&str]) -> Ui {
    let home = lab.home.path().display().to_string();
    let path = std::env::var("PATH").expect("a PATH");
    let env = [("HOME", home.as_str()), ("PATH", &path), ("TERM", "xterm-256color"), ("LANG", "C.UTF-8")];
    Ui::start(Path::new(env!("CARGO_BIN_EXE_omnes")), &[&["keys"], args].concat(), &env, (40, 160))
}

#[test]
fn a_terminal_is_asked_and_enter_alone_is_no() {
    let lab = new_changed_revoked();
    let before = known_hosts(&lab);
    for (answer, learned) in [("\r", false), ("y\r", false), ("2\r", false), ("yes\r", true)] {
        let mut ui = in_terminal(&lab, &["web1", "--accept"]);
        ui.wait_for("learn 3 keys of 1 host: web1? (type `yes` or the number of hosts to confirm)");
        ui.write(answer);
        ui.wait_for(if learned { "learned the keys of 1 host: web1" } else { "nothing was learned" });
        assert_eq!(ui.wait_exit().code(), Some(i32::from(!learned)), "{answer:?}");
        assert_eq!(known_hosts(&lab) == before, !learned, "{answer:?}");
    }
}

#[test]
fn the_number_of_hosts_is_typed_before_keys_are_replaced() {
    let lab = new_changed_revoked();
    let before = known_hosts(&lab);
    for (answer, replaced) in [("\r", false), ("yes\r", false), ("1\r", true)] {
        let mut ui = in_terminal(&lab, &["lab", "--replace"]);
        ui.wait_for("replace the keys of 1 host: web2? (type the number of hosts to confirm)");
        ui.write(answer);
        ui.wait_for(if replaced { "replaced the keys of 1 host: web2" } else { "nothing was replaced" });
        ui.wait_exit();
        assert_eq!(known_hosts(&lab) == before, !replaced, "{answer:?}");
    }
}

#[test]
fn an_interrupted_question_changes_nothing() {
    let lab = new_changed_revoked();
    let before = known_hosts(&lab);
    let mut ui = in_terminal(&lab, &["web1", "--accept"]);
    ui.wait_for("to confirm)");
    ui.write("\x03");
    assert_eq!(ui.wait_exit().code(), Some(130));
    assert_eq!(known_hosts(&lab), before);
}

#[test]
fn a_file_that_is_not_there_yet_is_made_for_the_user_alone() {
    use std::os::unix::fs::PermissionsExt;
    let lab = lab(&[ED]);
    let (code, _, err) = told(&lab.run(&["keys", "lab", "--accept", "--yes"]));
    assert_eq!(code, 0, "{err}");
    let mode = |name: &str| fs::metadata(lab.path(name)).expect(name).permissions().mode() & 0o777;
    assert_eq!((mode(".ssh"), mode(".ssh/known_hosts")), (0o700, 0o600));
}

#[test]
fn two_processes_that_learn_the_same_hosts_leave_each_key_once() {
    let lab = lab(&[&ALL, ED, ED]);
    let start = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_omnes"));
        command.args(["keys", "lab", "--accept", "--yes"]).env("HOME", lab.home.path());
        command.env_remove("XDG_CONFIG_HOME").stdin(std::process::Stdio::null());
        command
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .expect("omnes starts")
    };
    let both = [start(), start()];
    for mut child in both {
        assert_eq!(child.wait().expect("it ends").code(), Some(0));
    }
    assert_eq!(known_hosts(&lab).lines().count(), 5);
}

#[test]
fn names_are_hashed_where_that_is_configured() {
    let lab = lab(&[&ALL]);
    let words = ["keys", "lab", "-o", "HashKnownHosts=yes", "--accept", "--yes"];
    let (code, _, err) = told(&lab.run(&words));
    assert_eq!(code, 0, "{err}");
    let text = known_hosts(&lab);
    assert!(text.lines().count() == 3 && text.lines().all(|line| line.starts_with("|1|")), "{text}");
    assert_eq!(found_by_keygen(&lab.path(".ssh/known_hosts"), &name(&lab.servers[0])).len(), 3);
}
