//! Trees as `rsync -a` takes them: names, contents, modes, times and links come out the same.

use std::fs;
use std::process::Command;

use super::ground::Ground;
use super::trees::{self, Tree};
use super::*;

/// Trees, and entries of each.
const SEEDS: std::ops::Range<u64> = 0..4;
const ENTRIES: usize = 150;

/// What SFTP cannot say is the nearest that it can: it counts seconds since 1970 in 32 bits without a sign.
fn as_sftp_says(mut tree: Tree) -> Tree {
    tree.values_mut().for_each(|leaf| leaf.mtime = leaf.mtime.clamp(0, u32::MAX.into()));
    // DEST itself stood before, and a push marks what it brings.
    tree.remove(&b""[..]);
    tree
}

/// `rsync -a FROM/ TO/`.
fn rsync(from: &Path, to: &Path) {
    let mut command = Command::new(support::need("rsync", "rsync"));
    let output =
        command.args(["-a", "--"]).arg(from.join("")).arg(to.join("")).output().expect("rsync starts");
    assert!(output.status.success(), "{}", text(&output.stderr));
}

#[test]
fn a_pushed_tree_is_what_rsync_makes_of_it() {
    let ground = Ground::real();
    for seed in SEEDS {
        let [source, ours, theirs] =
            ["source", "ours", "theirs"].map(|name| ground.path(&format!("{name}-{seed}")));
        trees::make(&source, seed, ENTRIES);
        fs::create_dir(&ours).expect("a folder");
        rsync(&source, &theirs);
        let (from, to) = (format!("source-{seed}/."), format!("real:{}/", ours.display()));
        let output = ground.run("push", &["--preserve", &from, "--to", &to]);
        assert!(output.status.success(), "seed {seed}: {}", text(&output.stderr));
        let expected = as_sftp_says(trees::read(&theirs));
        trees::assert_same(&format!("seed {seed}"), &as_sftp_says(trees::read(&ours)), &expected);
        // A second push finds nothing to do, and changes nothing.
        let output = ground.run("push", &["--preserve", &from, "--to", &to]);
        assert!(output.status.success(), "seed {seed}, again: {}", text(&output.stderr));
        trees::assert_same(&format!("seed {seed}, again"), &as_sftp_says(trees::read(&ours)), &expected);
    }
}
