//! Hosts that break off, grow, lie or hold much, read by `omnes pull` and `omnes diff`: what is said of them, what it costs here,
//! and what stands here afterwards.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use omnes::demo::{Fault, Faults, FilesFault};

use super::ground::Ground;
use super::many::peak_kib;
use super::pull::{below, lines, of_event};
use super::*;

/// How often a line says that.
fn count(text: &str, part: &str) -> usize {
    text.lines().filter(|line| line.contains(part)).count()
}

#[test]
fn a_host_that_breaks_off_in_a_comparison_has_said_nothing() {
    let ground = Ground::scripted(3, Faults::none().with(3, Fault::Files(FilesFault::DiesAfter(250_000))));
    for name in ["demo01", "demo02", "demo03"] {
        for n in 0..40 {
            let mode = if name == "demo03" { 0o400 } else { 0o640 };
            ground.disk(name).put(format!("/data/f{n}"), vec![b'x'; 10_000], (mode, 7));
        }
    }
    ground.disk("demo03").put("/data/own", "only the lost one has it", (0o644, 7));
    let from = format!("{}:/data", ground.fleet().expression());
    let output = ground.run("diff", &[&from]);
    let (said, errors) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(3), "{said}{errors}");
    assert_eq!(said, "/data: 41 entries, all the same, on demo[01-02] (2)\n", "{errors}");
    let output = ground.run("pull", &[&from, "--to", "one", "--same"]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    let stat = fs::metadata(ground.path("one/data/f7")).expect("the others have it alike");
    assert_eq!(stat.mode() & 0o777, 0o640, "the permissions of those that answered");
    assert!(!ground.path("one/data/own").exists());
    let against = ground.run("diff", &[&from, "--against", "demo03"]);
    let errors = text(&against.stderr);
    assert!(errors.contains("demo03 gave no answer, so nothing is compared by lines"), "{errors}");
}

#[test]
fn a_file_that_has_more_than_its_host_says_is_not_called_the_same() {
    let ground = Ground::scripted(2, Faults::none().with(2, Fault::Files(FilesFault::SaysLess)));
    // The second says ten bytes of every file, and gives as many as are asked for.
    for name in ["demo01", "demo02"] {
        ground.disk(name).put("/data/x", "xxxxxxxxxx", (0o644, 7));
    }
    let output = ground.run("diff", &["demo[01-02]:/data"]);
    let (said, errors) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{said}{errors}");
    assert!(!said.contains("all the same"), "{said}");
    assert_eq!(count(&errors, "it has more than the host said"), 1, "{errors}");
}

#[test]
fn what_went_wrong_stands_once() {
    let ground = Ground::scripted(1, Faults::none());
    let output = ground.run("pull", &["demo01:/nothing", "--to", "out"]);
    let errors = text(&output.stderr);
    assert_eq!((output.status.code(), count(&errors, "there is no such file")), (Some(1), 1), "{errors}");
    // Of several, each.
    for n in 0..3 {
        ground.disk("demo01").put(format!("/data/f{n}"), "text", (0o644, 7));
        fs::create_dir_all(ground.path(&format!("out/demo01/data/f{n}"))).expect("a folder in the way");
    }
    let output = ground.run("pull", &["demo01:/data", "--to", "out"]);
    let errors = text(&output.stderr);
    for n in 0..3 {
        assert_eq!(count(&errors, &format!("demo01/data/f{n} here:")), 1, "{errors}");
    }
}

#[test]
fn a_part_that_broke_off_counts_what_had_failed_before() {
    let ground = Ground::scripted(1, Faults::none().with(1, Fault::Files(FilesFault::EndlessDepth)));
    let output = ground.run("pull", &["demo01:/data", "--to", "out", "--output", "json"]);
    let lines = lines(&output);
    let (outcome, files) = (of_event(&lines, "outcome"), of_event(&lines, "files"));
    assert_eq!(outcome[0]["files"], files[0]["failed"], "{lines:?}");
}

#[test]
fn what_pushes_have_left_says_nothing_against_a_host() {
    let ground = Ground::scripted(1, Faults::none());
    let disk = ground.disk("demo01");
    for n in 0..1_200 {
        disk.put(format!("/data/.f.omnes-{n:016x}.part"), "half", (0o600, 7));
    }
    disk.put("/data/f", "whole", (0o644, 7));
    let output = ground.run("pull", &["demo01:/data", "--to", "out"]);
    let errors = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{errors}");
    assert_eq!(below(&ground.path("out/demo01/data")).len(), 1);
    assert_eq!(count(&errors, "1200 files that pushes have left"), 1, "{errors}");
}

#[test]
fn what_is_unchanged_gets_its_marks_and_two_names_of_one_file_are_no_fault() {
    let ground = Ground::scripted(1, Faults::none());
    for name in ["p", "q"] {
        ground.disk("demo01").put(format!("/data/{name}"), "same", (0o750, 1_000));
    }
    let pull = |words: &[&str]| {
        let output = ground.run("pull", &[&["demo01:/data", "--to", "out"][..], words].concat());
        assert_eq!(output.status.code(), Some(0), "{words:?}: {}", text(&output.stderr));
    };
    pull(&[]);
    let here = |name: &str| ground.path(&format!("out/demo01/data/{name}"));
    fs::set_permissions(here("p"), fs::Permissions::from_mode(0o600)).expect("it is ours");
    pull(&["--preserve"]);
    assert_eq!(fs::metadata(here("p")).expect("it is there").mode() & 0o777, 0o750);
    let touched = fs::File::options().write(true).open(here("p")).expect("a file");
    touched.set_modified(std::time::SystemTime::now()).expect("it is ours");
    pull(&["--checksum"]);
    assert_eq!(fs::metadata(here("p")).expect("it is there").mtime(), 1_000);
    fs::remove_file(here("q")).expect("it is ours");
    fs::hard_link(here("p"), here("q")).expect("a second name");
    pull(&[]);
    ground.disk("demo01").put("/data/q", "other", (0o750, 2_000));
    pull(&[]);
    assert_eq!(fs::read(here("p")).expect("a file"), b"same");
    assert_eq!(fs::read(here("q")).expect("a file"), b"other");
}

/// Runs omnes to its end; gives its exit code and the most memory that it had, in KiB.
fn measured(ground: &Ground, subcommand: &str, words: &[&str]) -> (Option<i32>, u64) {
    let mut child = ground.begin(subcommand, words);
    let (mut peak, mut status) = (0, None);
    until("omnes ends", || {
        peak = peak.max(peak_kib(child.id()));
        status = child.try_wait().expect("our child");
        status.is_some()
    });
    (status.and_then(|status| status.code()), peak)
}

#[test]
fn long_folders_and_much_content_cost_no_memory_here() {
    let ground = Ground::scripted(1, Faults::none());
    let disk = ground.disk("demo01");
    disk.put("/data/plain/f", "", (0o644, 7));
    let deep = format!("/data/deep/{}", vec!["d".repeat(250); 15].join("/"));
    for n in 0..8_000 {
        disk.put(format!("{deep}/f{n}"), "", (0o644, 7));
    }
    let (code, plain) = measured(&ground, "diff", &["demo01:/data/plain", "-q"]);
    assert_eq!(code, Some(0));
    // Each path has 3.8 kB, so to keep each of them once would be 30 MB more.
    let both =
        [("diff", &["demo01:/data/deep", "-q"][..]), ("pull", &["demo01:/data/deep", "--to", "out"][..])];
    for (subcommand, words) in both {
        let (code, peak) = measured(&ground, subcommand, words);
        assert_eq!(code, Some(0), "{subcommand}");
        assert!(peak < plain + 25_000, "{subcommand}: {peak} KiB, and {plain} for one file");
    }
    // What nobody will look at is not kept.
    for n in 0..12u8 {
        let content: Vec<u8> =
            (0..4_000_000u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8 ^ n).collect();
        disk.put(format!("/data/much/f{n}"), content, (0o644, 7));
    }
    let (code, peak) = measured(&ground, "diff", &["demo01:/data/much", "-q"]);
    assert_eq!(code, Some(0));
    assert!(peak < plain + 25_000, "{peak} KiB, and {plain} for one file");
}
