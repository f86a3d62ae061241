//! A push that dies at any moment: every path holds its old or its new content, nothing but temporary files is left beside
//! them, and the next push takes those away.
//!
//! `OMNES_KILL_POINTS=50` makes each of the tests longer; without it they have ten moments.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;

use omnes::demo::State;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::ground::Ground;
use super::support::proxy::{End, Toxic, Way};
use super::*;

/// Files of a version; the last is large, so that many moments fall into it.
const FILES: usize = 60;

pub(super) fn points() -> usize {
    std::env::var("OMNES_KILL_POINTS").map_or(10, |n| n.parse().expect("OMNES_KILL_POINTS is a number"))
}

/// How a push is ended in its middle.
#[derive(Clone, Copy, Debug)]
enum Death {
    /// SIGKILL of omnes once so many bytes went to the host.
    Killed(u64),
    /// The link is cut after so many bytes of one way.
    Cut(Way, u64),
}

/// Content of a file in a version; versions differ in length, so that each is seen to have changed.
fn content(version: usize, n: usize) -> Vec<u8> {
    let bytes = if n + 1 == FILES { 2_000_000 } else { 1 + n * 97 } + version;
    (0..bytes).map(|at| (at.wrapping_mul(31) ^ version.wrapping_mul(7919) ^ n) as u8).collect()
}

fn file_name(n: usize) -> String {
    format!("file-{n:02}")
}

/// Writes a version where the user has it.
fn write(ground: &Ground, version: usize) {
    let _ = fs::create_dir(ground.path("tree"));
    for n in 0..FILES {
        fs::write(ground.path("tree").join(file_name(n)), content(version, n)).expect("a file");
    }
}

/// What a host has in its folder now: names and contents.
type Found = Vec<(Vec<u8>, Vec<u8>)>;

/// Pushes version after version, each ended at another moment, and looks what the host has after each.
fn push_and_die(ground: &Ground, (host, dest): (&str, &str), look: &dyn Fn() -> Found) {
    let proxy = ground.proxy.as_ref().expect("a proxy");
    let to = format!("{host}:{dest}");
    write(ground, 0);
    let up = proxy.passed(Way::Up);
    let output = ground.run("push", &["tree/.", "--to", &to]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let whole = proxy.passed(Way::Up) - up;
    assert_version(&look(), 0);
    let mut rng = StdRng::seed_from_u64(7);
    let mut old = 0;
    for point in 0..points() {
        let new = old + 1;
        write(ground, new);
        // A login takes some kilobytes; moments within it leave everything as it was.
        let at = rng.random_range(2_000..whole);
        let death = match point % 4 {
            0 | 1 => Death::Killed(at),
            2 => Death::Cut(Way::Up, at),
            _ => Death::Cut(Way::Down, rng.random_range(3_000..40_000)),
        };
        die(ground, &to, death);
        assert_old_or_new(&look(), (old, new), death);
        // The next push brings everything and takes away what was left.
        let output = ground.run("push", &["tree/.", "--to", &to]);
        assert!(output.status.success(), "after {death:?}: {}", text(&output.stderr));
        assert_version(&look(), new);
        old = new;
    }
}

fn die(ground: &Ground, to: &str, death: Death) {
    let proxy = ground.proxy.as_ref().expect("a proxy");
    match death {
        Death::Killed(at) => {
            let before = proxy.passed(Way::Up);
            let mut child = ground.begin("push", &["tree/.", "--to", to]);
            until("the moment of death", || {
                let is_over = child.try_wait().expect("our child").is_some();
                is_over || proxy.passed(Way::Up) - before >= at
            });
            // It may have ended by itself.
            let _ended = child.kill();
            child.wait().expect("our child");
        }
        Death::Cut(way, at) => {
            proxy.set(way, Toxic::Cut(at, End::Rst));
            let _lost = ground.run("push", &["tree/.", "--to", to]);
            proxy.set(way, Toxic::Clear);
        }
    }
    until("the host is rid of its client", || proxy.open() == 0);
}

/// The number of the file that a temporary name is for.
fn of_temporary(name: &[u8]) -> Option<usize> {
    let name = std::str::from_utf8(name).ok()?.strip_prefix(".file-")?;
    let (number, rest) = name.split_once(".omnes-")?;
    rest.strip_suffix(".part")?;
    number.parse().ok()
}

fn assert_old_or_new(found: &Found, (old, new): (usize, usize), death: Death) {
    let mut temporary = BTreeSet::new();
    let mut seen = 0;
    for (name, bytes) in found {
        let shown = text(name);
        match of_temporary(name) {
            Some(n) => assert!(temporary.insert(n), "{death:?}: two temporary files of one: {shown}"),
            None => {
                let n = shown.strip_prefix("file-").and_then(|n| n.parse().ok());
                let n: usize = n.unwrap_or_else(|| panic!("{death:?}: what is {shown}?"));
                let is_either = *bytes == content(old, n) || *bytes == content(new, n);
                assert!(is_either, "{death:?}: {shown} is neither old nor new, {} bytes", bytes.len());
                seen += 1;
            }
        }
    }
    assert_eq!(seen, FILES, "{death:?}: no file is gone");
}

fn assert_version(found: &Found, version: usize) {
    let names: Vec<String> = found.iter().map(|(name, _)| text(name)).collect();
    let expected: Vec<String> = (0..FILES).map(file_name).collect();
    assert_eq!(names, expected, "every file and no other");
    for (n, (_, bytes)) in found.iter().enumerate() {
        assert!(*bytes == content(version, n), "{} is version {version}", file_name(n));
    }
}

#[test]
fn a_push_to_a_real_server_that_dies_leaves_old_or_new() {
    let ground = Ground::real();
    let there = ground.path("there");
    fs::create_dir(&there).expect("a folder");
    // `None` where something was renamed while it was looked at.
    let glance = || -> Option<Found> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&there).expect("a folder").map(|entry| entry.expect("an entry")) {
            found.push((entry.file_name().as_bytes().to_vec(), fs::read(entry.path()).ok()?));
        }
        found.sort();
        Some(found)
    };
    // A server may still be at what it was sent before its client was gone.
    let look = || {
        let mut last = None;
        until("the server is at rest", || {
            let now = glance();
            let is_at_rest = now.is_some() && now == last;
            last = now;
            is_at_rest
        });
        last.expect("it was looked at")
    };
    push_and_die(&ground, ("real", &format!("{}/", there.display())), &look);
    assert_eq!(fs::metadata(&there).expect("a folder").nlink(), 2);
}

#[test]
fn at_every_instant_of_a_push_that_dies_a_path_is_old_or_new() {
    let ground = Ground::scripted_behind_a_proxy();
    let disk = ground.disk("demo01");
    let look = || {
        let tree = disk.tree("/srv/there");
        let content = |name: &[u8]| disk.content([b"/srv/there/", name].concat()).expect("a file").bytes();
        tree.into_iter().map(|(name, _)| (name.clone(), content(&name))).collect()
    };
    push_and_die(&ground, ("demo01", "/srv/there/"), &look);
    // The host has kept everything that its paths ever were, also while nobody looked.
    for n in 0..FILES {
        let states = disk.states(format!("/srv/there/{}", file_name(n)));
        let mut version = 0;
        for state in &states {
            let State::File { content: held, .. } = state else {
                panic!("{} was {state:?} at some time", file_name(n));
            };
            let is_next = (version..version + 2).find(|version| held.bytes() == content(*version, n));
            version = is_next.unwrap_or_else(|| panic!("{} was {held:?} at some time", file_name(n)));
        }
        assert_eq!(version, points(), "{} came to its last version", file_name(n));
    }
}
