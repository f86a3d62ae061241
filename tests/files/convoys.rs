//! Small new files travel together: each is whole or not there, and what keeps one keeps no other.

use std::collections::BTreeSet;
use std::fs;

use omnes::demo::{Disk, Fault, Faults, FilesFault, State};

use super::ground::Ground;
use super::*;

const FILES: usize = 60;
const BYTES: usize = 400;

fn content(n: usize) -> Vec<u8> {
    vec![b'a' + (n % 26) as u8; BYTES]
}

fn name(n: usize) -> String {
    format!("file-{n:02}")
}

/// A folder of them here.
fn make(ground: &Ground) {
    fs::create_dir(ground.path("many")).expect("a folder");
    for n in 0..FILES {
        fs::write(ground.path("many").join(name(n)), content(n)).expect("a file");
    }
}

/// Which of them are there; whatever is, is whole and always was.
fn landed(disk: &Disk) -> BTreeSet<usize> {
    let is_there = |n: &usize| {
        let path = format!("/srv/new/many/{}", name(*n));
        let whole = |state: &State| match state {
            State::Absent => true,
            State::File { content: found, .. } => found.bytes() == content(*n),
            _ => false,
        };
        assert!(disk.states(&path).iter().all(whole), "{path}: {:?}", disk.states(&path));
        disk.content(&path).is_some()
    };
    (0..FILES).filter(is_there).collect()
}

/// All names below the folder that they go to.
fn names(disk: &Disk) -> Vec<String> {
    disk.tree("/srv/new/many").iter().map(|(path, _)| text(path)).collect()
}

#[test]
fn a_disk_that_fills_up_keeps_what_fits_whole_and_nothing_else() {
    let ground = Ground::scripted(2, Faults::none().with(1, Fault::Files(FilesFault::NoSpaceAfter(8_000))));
    make(&ground);
    let disks = ["demo01", "demo02"].map(|host| ground.disk(host));
    let output = ground.run("push", &["--output", "json", "many", "--to", "demo[01-02]:/srv/new/"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let lines = text(&output.stdout);
    let of = |event: &str, host: &str| {
        let lines = lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"));
        let mut lines = lines.filter(|line| line["event"] == event && line["host"] == host);
        lines.next().unwrap_or_else(|| panic!("{host} is told of: {lines:?}"))
    };
    assert_eq!(
        (of("outcome", "demo01")["outcome"].as_str(), landed(&disks[1]).len()),
        (Some("no-space"), FILES)
    );
    let there = landed(&disks[0]);
    assert!((10..=20).contains(&there.len()), "there is room for 20 files of 60: {there:?}");
    assert_eq!(
        names(&disks[0]),
        there.iter().map(|n| name(*n)).collect::<Vec<_>>(),
        "nothing of ours is left"
    );
    let files = of("files", "demo01");
    let failed = FILES - there.len();
    assert_eq!(files["failed"].as_u64(), Some(failed as u64), "each is counted: {files}");
    assert_eq!(files["bytes"].as_u64().map(|bytes| bytes >= (there.len() * BYTES) as u64), Some(true));
}

#[test]
fn each_is_opened_once_and_nothing_is_asked_that_is_known() {
    let ground = Ground::scripted(1, Faults::none());
    make(&ground);
    let disk = ground.disk("demo01");
    for n in 0..50 {
        disk.put(format!("/srv/other-{n}"), "of somebody else", (0o644, 7));
    }
    let push = || ground.run("push", &["many", "--to", "demo01:/srv/new/"]);
    // Another folder stands there already, so that this one is looked for.
    disk.put("/srv/new/beside/it", "x", (0o644, 7));
    let output = push();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(landed(&disk).len(), FILES);
    assert_eq!(disk.asked("/srv/new").lists, 0, "the one folder is asked for by its name");
    for n in 0..FILES {
        let of_it = disk.asked(format!("/srv/new/many/{}", name(n)));
        assert_eq!((of_it.opens, of_it.stats), (0, 0), "nothing stood there");
    }
    let parts: Vec<Vec<u8>> = disk.ever().into_iter().filter(|path| path.ends_with(b".part")).collect();
    assert_eq!(parts.len(), FILES, "each had one temporary name");
    for part in &parts {
        let of_it = disk.asked(part);
        assert_eq!((of_it.opens, of_it.writes, of_it.reads), (1, 1, 1), "{}: {of_it:?}", text(part));
    }
    // What is there is not sent again, and the folder is listed for it, once.
    let lists = disk.asked("/srv/new/many").lists;
    assert_eq!(push().status.code(), Some(0));
    assert_eq!((disk.asked("/srv/new/many").lists, disk.asked("/srv/new").lists), (lists + 1, 0));
    assert_eq!(disk.ever().iter().filter(|path| path.ends_with(b".part")).count(), FILES);
}
