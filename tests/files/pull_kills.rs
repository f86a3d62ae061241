//! A pull that dies at any moment: every path here holds its old or its new content, nothing but temporary files is left beside
//! them, and the next pull takes those away.
//!
//! `OMNES_KILL_POINTS=50` makes the test longer; without it it has ten moments.

use std::collections::BTreeSet;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::ground::Ground;
use super::kills::points;
use super::pull::below;
use super::support::proxy::{End, Toxic, Way};
use super::*;

/// Files of a version; the last is large, so that many moments fall into it.
const FILES: usize = 20;

/// How a pull is ended in its middle.
#[derive(Clone, Copy, Debug)]
enum Death {
    /// SIGKILL of omnes once so many bytes came from the host.
    Killed(u64),
    /// The link is cut after so many bytes from the host.
    Cut(u64),
}

/// Content of a file in a version; versions differ in length.
fn content(version: usize, n: usize) -> Vec<u8> {
    let bytes = if n + 1 == FILES { 2_000_000 } else { 1 + n * 997 } + version;
    (0..bytes).map(|at| (at.wrapping_mul(31) ^ version.wrapping_mul(7919) ^ n) as u8).collect()
}

fn put(ground: &Ground, version: usize) {
    let disk = ground.disk("demo01");
    for n in 0..FILES {
        disk.put(format!("/data/f{n:02}"), content(version, n), (0o644, 1_000 + version as i64));
    }
}

fn assert_old_or_new(here: &Path, (old, new): (usize, usize), death: Death) {
    let mut temporary = BTreeSet::new();
    let mut seen = 0;
    for (name, what) in below(here) {
        let shown = text(&name);
        if let Some(rest) = shown.strip_prefix(".f") {
            assert!(shown.ends_with(".part"), "{death:?}: what is {shown}?");
            assert!(temporary.insert(rest[..2].to_owned()), "{death:?}: two temporary files of one: {shown}");
            continue;
        }
        let n: usize = shown.strip_prefix('f').and_then(|n| n.parse().ok()).expect("a file of ours");
        let is_either = what[1..] == content(old, n) || what[1..] == content(new, n);
        assert!(is_either, "{death:?}: {shown} is neither old nor new, {} bytes", what.len() - 1);
        seen += 1;
    }
    assert_eq!(seen, FILES, "{death:?}: no file is gone");
}

fn pull(ground: &Ground, death: &str) {
    let output = ground.run("pull", &["demo01:/data", "--to", "out"]);
    assert_eq!(output.status.code(), Some(0), "{death}: {}", text(&output.stderr));
}

fn die(ground: &Ground, death: Death) {
    let proxy = ground.proxy.as_ref().expect("a proxy");
    match death {
        Death::Killed(at) => {
            let before = proxy.passed(Way::Down);
            let mut child = ground.begin("pull", &["demo01:/data", "--to", "out"]);
            until("the moment of death", || {
                let is_over = child.try_wait().expect("our child").is_some();
                is_over || proxy.passed(Way::Down) - before >= at
            });
            // It may have ended by itself.
            let _ended = child.kill();
            child.wait().expect("our child");
        }
        Death::Cut(at) => {
            proxy.set(Way::Down, Toxic::Cut(at, End::Rst));
            let lost = ground.run("pull", &["demo01:/data", "--to", "out"]);
            assert_ne!(lost.status.code(), Some(4), "a pull is never of unknown end");
            proxy.set(Way::Down, Toxic::Clear);
        }
    }
    until("the host is rid of its client", || proxy.open() == 0);
}

#[test]
fn a_pull_that_dies_leaves_old_or_new_and_the_next_one_sweeps() {
    let ground = Ground::scripted_behind_a_proxy();
    let proxy = ground.proxy.as_ref().expect("a proxy");
    let here = ground.path("out/demo01/data");
    put(&ground, 0);
    let down = proxy.passed(Way::Down);
    pull(&ground, "nothing");
    let whole = proxy.passed(Way::Down) - down;
    let mut rng = StdRng::seed_from_u64(11);
    for point in 0..points() {
        let (old, new) = (point, point + 1);
        put(&ground, new);
        let at = rng.random_range(3_000..whole);
        let death = if point % 2 == 0 { Death::Killed(at) } else { Death::Cut(at) };
        die(&ground, death);
        assert_old_or_new(&here, (old, new), death);
        pull(&ground, &format!("{death:?}"));
        let found = below(&here);
        assert_eq!(found.len(), FILES, "{death:?}: what was left is swept");
        for n in 0..FILES {
            assert!(
                found[format!("f{n:02}").as_bytes()][1..] == content(new, n),
                "{death:?}: f{n:02} is new"
            );
        }
    }
}
