//! `--tui` where there is nothing to show it on.

use std::process::{Command, Stdio};

use crate::{OMNES, told};

#[test]
fn without_a_terminal_the_next_step_is_named_and_nothing_runs() {
    let home = tempfile::tempdir().expect("a directory");
    let mut command = Command::new(OMNES);
    command.args(["demo", "run", "--hosts", "2", "--tui", "--", "hostname"]);
    command.env("HOME", home.path()).env_remove("XDG_STATE_HOME").stdin(Stdio::null());
    let (code, out, err) = told(&command.output().expect("omnes starts"));
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.contains("there is no terminal; leave it out, or write --output gather"), "{err}");
}
