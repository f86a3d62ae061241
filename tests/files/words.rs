//! What one types and what one reads: words that name hosts again, places, and the next step.

use std::fs;
use std::io::Write;

use omnes::demo::{Fault, Faults, FilesFault};

use super::ground::Ground;
use super::*;

/// Its exit code, and what it says on both streams.
fn told(output: &Output) -> (Option<i32>, String, String) {
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn the_summary_says_the_word_that_names_the_hosts_again() {
    let ground = Ground::scripted(2, Faults::none().with(1, Fault::Files(FilesFault::NoRight)));
    fs::write(ground.path("file"), "new").expect("a file");
    let to = format!("{}:/srv/new", ground.fleet().expression());
    let (code, _, said) = told(&ground.run("push", &["file", "--to", &to]));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("1 failed (no-right): demo01"), "{said}");
    let (code, _, said) = told(&ground.run("push", &["file", "--hosts-of", "last:no-right", "/srv/new"]));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.trim_end().ends_with("omnes: 1 failed (no-right): demo01"), "{said}");
}

#[test]
fn hosts_may_be_named_beside_the_place_and_on_standard_input() {
    let ground = Ground::scripted(2, Faults::none());
    let names: Vec<String> = ground.fleet().names().map(str::to_owned).collect();
    fs::write(ground.path("file"), "new").expect("a file");
    let (code, _, said) = told(&ground.run("push", &["file", "-w", &names[0], "/srv/beside"]));
    assert_eq!(code, Some(0), "{said}");
    assert!(ground.disk(&names[0]).content("/srv/beside").is_some());
    for (subcommand, words) in [
        ("push", &["file", "-:/srv/piped"] as &[&str]),
        ("push", &["file", "--to", "-:/srv/piped"]),
        ("pull", &["-:/srv/piped", "--to", "out"]),
        ("diff", &["-:/srv/piped"]),
    ] {
        let mut command = ground.omnes(subcommand, words);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("omnes starts");
        let list = format!("{}\n{}\n", names[0], names[1]);
        child.stdin.take().expect("a pipe").write_all(list.as_bytes()).expect("it reads");
        let (code, _, said) = told(&child.wait_with_output().expect("it ends"));
        assert_eq!(code, Some(0), "{subcommand} {words:?}: {said}");
        assert!(said.contains("2 ok: demo[01-02]"), "{subcommand} {words:?}: {said}");
    }
    assert_eq!(fs::read(ground.path(&format!("out/{}/piped", names[1]))).expect("it came"), b"new");
}

#[test]
fn what_stands_in_the_way_is_named_from_the_root() {
    let ground = Ground::scripted(1, Faults::none());
    let name = ground.fleet().names().next().expect("a host").to_owned();
    ground.disk(&name).put("/srv/in/file/inside", "a folder has this", (0o640, 7));
    fs::write(ground.path("file"), "new").expect("a file");
    let (code, _, said) = told(&ground.run("push", &["file", "--to", &format!("{name}:/srv/in/")]));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(&format!("{name}: /srv/in/file: a folder stands there")), "{said}");
}

#[test]
fn a_host_without_sftp_is_told_of_with_the_other_way() {
    let ground = Ground::scripted(1, Faults::none().with(1, Fault::Files(FilesFault::NoSubsystem)));
    let name = ground.fleet().names().next().expect("a host").to_owned();
    let from = format!("{name}:/srv/file");
    for (subcommand, words) in [("pull", &[&*from, "--to", "out"] as &[&str]), ("diff", &[&*from])] {
        let (_, out, said) = told(&ground.run(subcommand, words));
        assert!((out + &said).contains("--via shell reads files through its shell"), "{subcommand}: {said}");
    }
}

#[test]
fn a_run_that_is_not_gone_on_with_is_told_how_it_is_done_again() {
    let ground = Ground::scripted(1, Faults::none());
    let name = ground.fleet().names().next().expect("a host").to_owned();
    let from = format!("{name}:/srv/nothing");
    let (code, _, said) = told(&ground.run("pull", &[&from, "--to", "out"]));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(&format!("1 failed (missing): {name}")), "{said}");
    let (code, _, said) = told(&ground.run("push", &["--resume", "last"]));
    assert_eq!(code, Some(2), "{said}");
    let (_, line) = said.split_once("do it again for the hosts that are not done: omnes pull ").expect(&said);
    assert!(line.contains(":not-ok:/srv/nothing --to out"), "{said}");
    // What it prints can be typed.
    let mut command = ground.omnes("pull", &[]);
    let output = command.args(line.trim_end().split(' ').skip(2)).output().expect("omnes starts");
    let (_, _, said) = told(&output);
    assert!(said.trim_end().ends_with(&format!("omnes: 1 failed (missing): {name}")), "{said}");
}

#[test]
fn details_of_a_host_are_told_once() {
    let ground = Ground::scripted(1, Faults::none());
    let name = ground.fleet().names().next().expect("a host").to_owned();
    fs::write(ground.path("file"), "new").expect("a file");
    let (code, _, said) = told(&ground.run("push", &["file", "-v", "--to", &format!("{name}:/srv/new")]));
    assert_eq!((code, said.matches("1 sent (3 B)").count()), (Some(0), 1), "{said}");
}

#[test]
fn a_folder_here_is_a_folder() {
    let ground = Ground::scripted(1, Faults::none());
    for (to, part) in [("/dev/null", "--to: /dev/null here is no folder"), ("", "--to: it is empty")] {
        let (code, _, said) = told(&ground.run("pull", &["demo01:/srv/file", "--to", to]));
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(part), "{said}");
    }
}
