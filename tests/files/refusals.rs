//! Hosts that cannot take a file say which way, keep what they have, and nothing of ours stays with them.

use std::fs;

use omnes::demo::{Fault, Faults, FilesFault, State};

use super::ground::Ground;
use super::*;

/// The faults of the hosts in their order, and the outcome of each.
const CASES: [(FilesFault, &str); 5] = [
    (FilesFault::NoSpaceAfter(5_000), "no-space"),
    (FilesFault::ReadOnly, "read-only"),
    (FilesFault::NoRight, "no-right"),
    (FilesFault::NoSubsystem, "no-sftp"),
    (FilesFault::Noise, "odd-server"),
];

#[test]
fn each_refusal_has_its_class_and_changes_nothing() {
    let faults = CASES.iter().enumerate();
    let faults = faults.fold(Faults::none(), |all, (at, (fault, _))| all.with(at + 1, Fault::Files(*fault)));
    // One more host is well, but a folder stands where the file should.
    let hosts = CASES.len() + 1;
    let ground = Ground::scripted(hosts, faults);
    let names: Vec<String> = ground.fleet().names().map(str::to_owned).collect();
    for name in &names[..CASES.len()] {
        ground.disk(name).put("/srv/file", "what was there", (0o640, 7));
    }
    ground.disk(&names[CASES.len()]).put("/srv/file/inside", "a folder has this", (0o640, 7));
    let room: Vec<u64> = names.iter().map(|name| ground.disk(name).room()).collect();
    fs::write(ground.path("file"), vec![b'n'; 20_000]).expect("a file");
    let to = format!("{}:/srv/file", ground.fleet().expression());
    // The folder makes of `/srv/file` what a copy into it would be, so the last host gets `/srv/file/file`.
    let output = ground.run("push", &["--output", "json", "file", "--to", &to]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let said = |host: &str, key: &str| {
        let lines = text(&output.stdout);
        let lines = lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"));
        let mut lines = lines.filter(|line| line["event"] == "outcome" && line["host"] == host);
        lines.next().and_then(|line| line[key].as_str().map(str::to_owned))
    };
    for ((name, (fault, word)), room) in names.iter().zip(CASES).zip(&room) {
        let disk = ground.disk(name);
        assert_eq!(said(name, "outcome").as_deref(), Some(word), "{fault:?}");
        let states = disk.states("/srv/file");
        assert!(
            matches!(&states[..], [State::File { content, mode: 0o640 }] if content.bytes() == b"what was there"),
            "{fault:?}: {states:?}"
        );
        let left: Vec<String> = disk.tree("/srv").iter().map(|(path, _)| text(path)).collect();
        assert_eq!(left, ["file", "www", "www/index.html"], "{fault:?}: nothing of ours is left");
        assert_eq!(disk.room(), *room, "{fault:?}");
    }
    let last = &names[CASES.len()];
    assert_eq!(said(last, "class").as_deref(), Some("well"));
    assert!(ground.disk(last).content("/srv/file/file").is_some());
    assert!(ground.disk(last).content("/srv/file/inside").is_some());
}

#[test]
fn nothing_is_opened_that_is_no_file() {
    let ground = Ground::scripted(1, Faults::none());
    let disk = ground.disk("demo01");
    disk.put_fifo("/srv/file");
    fs::write(ground.path("file"), "new").expect("a file");
    let output = ground.run("push", &["file", "--to", "demo01:/srv/file"]);
    let is_fifo = disk.states("/srv/file").last() == Some(&State::Fifo);
    assert_eq!(disk.asked("/srv/file").opens, 0, "{}", text(&output.stderr));
    assert!(is_fifo || output.status.success(), "either it stays or a file takes its place");
}
