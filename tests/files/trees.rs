//! Trees of files: made from a seed with all that a tree may have in it, and looked at as values.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, utimensat};

/// What stands somewhere in a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Leaf {
    pub(crate) what: What,
    /// Permission bits; of a link none.
    pub(crate) mode: u32,
    /// Seconds since 1970.
    pub(crate) mtime: i64,
}

/// What it is, and what is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    File(Vec<u8>),
    Dir,
    Link(Vec<u8>),
}

/// A tree by its paths below the root, which is there by the empty path.
pub(crate) type Tree = BTreeMap<Vec<u8>, Leaf>;

/// Looks at a tree on disk.
pub(crate) fn read(root: &Path) -> Tree {
    let mut tree = Tree::new();
    look(root, Vec::new(), &mut tree);
    tree
}

fn look(path: &Path, name: Vec<u8>, tree: &mut Tree) {
    let about = fs::symlink_metadata(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let what = match about.file_type() {
        kind if kind.is_symlink() => {
            What::Link(fs::read_link(path).expect("a link").into_os_string().into_vec())
        }
        kind if kind.is_dir() => What::Dir,
        _ => What::File(fs::read(path).expect("root reads every file")),
    };
    let mode = if matches!(what, What::Link(_)) { 0 } else { about.mode() & 0o7777 };
    if what == What::Dir {
        for entry in fs::read_dir(path).expect("a folder").map(|entry| entry.expect("an entry")) {
            let mut below = name.clone();
            if !below.is_empty() {
                below.push(b'/');
            }
            below.extend_from_slice(entry.file_name().as_bytes());
            look(&entry.path(), below, tree);
        }
    }
    tree.insert(name, Leaf { what, mode, mtime: about.mtime() });
}

/// Makes a tree from a seed: names of any bytes, modes with and without setuid, links that lead nowhere and out, empty
/// folders, times before 1970 and after 2038.
pub(crate) fn make(root: &Path, seed: u64, entries: usize) {
    let mut rng = StdRng::seed_from_u64(seed);
    fs::create_dir(root).expect("a folder");
    let mut folders = vec![root.to_owned()];
    let mut made = Vec::new();
    for n in 0..entries {
        let folder = &folders[rng.random_range(0..folders.len())];
        let path = folder.join(OsStr::from_bytes(&name(&mut rng, n)));
        match rng.random_range(0..10) {
            0..=1 => {
                fs::create_dir(&path).expect("a folder");
                folders.push(path.clone());
            }
            2 => {
                let to: &[u8] =
                    [&b"../up"[..], b"/etc/passwd", b"nowhere", b"\xff\xfe", b"."][rng.random_range(0..5)];
                symlink(OsStr::from_bytes(to), &path).expect("a link");
            }
            _ => {
                let bytes = [0, 1, 100, 4096, 70_000][rng.random_range(0..5)];
                let content: Vec<u8> = (0..bytes).map(|_| rng.random()).collect();
                fs::write(&path, content).expect("a file");
            }
        }
        made.push(path);
    }
    // What is in a folder changes its time, so the innermost come first.
    for path in made.iter().rev().chain([&root.to_owned()]) {
        mark(path, &mut rng);
    }
}

/// A name of any bytes but those that no name has; its number makes it the only one of its kind.
fn name(rng: &mut StdRng, n: usize) -> Vec<u8> {
    let length = [1, 4, 9, 40, 240][rng.random_range(0..5)];
    let any =
        (0..length).map(|_| rng.random_range(1..=255u8)).map(|byte| if byte == b'/' { b' ' } else { byte });
    let mut name: Vec<u8> = any.collect();
    name.extend_from_slice(format!("-{n}").as_bytes());
    name
}

fn mark(path: &Path, rng: &mut StdRng) {
    let about = fs::symlink_metadata(path).expect("it was made");
    if !about.is_symlink() {
        let modes: &[u32] = match about.is_dir() {
            true => &[0o755, 0o700, 0o1777, 0o2755, 0o555],
            false => &[0o644, 0o600, 0o755, 0o4755, 0o2711, 0o000, 0o444, 0o666, 0o101],
        };
        let mode = modes[rng.random_range(0..modes.len())];
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("ours");
    }
    let times = [-86_400, 0, 1, 1_700_000_000, (1 << 31) + 7, (1 << 32) - 1];
    set_time(path, times[rng.random_range(0..times.len())]);
}

/// Sets the time of something, of a link its own.
pub(crate) fn set_time(path: &Path, seconds: i64) {
    let time = Timespec { tv_sec: seconds, tv_nsec: 0 };
    let times = Timestamps { last_access: time, last_modification: time };
    utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).expect("a time");
}

/// Panics with the paths at which two trees differ; the first is what came of `omnes`.
pub(crate) fn assert_same(what: &str, ours: &Tree, theirs: &Tree) {
    let paths: std::collections::BTreeSet<&Vec<u8>> = ours.keys().chain(theirs.keys()).collect();
    let differ: Vec<String> = paths
        .into_iter()
        .filter(|path| ours.get(*path) != theirs.get(*path))
        .map(|path| {
            format!(
                "{:?}\n  ours   {:?}\n  theirs {:?}",
                String::from_utf8_lossy(path),
                ours.get(path).map(short),
                theirs.get(path).map(short)
            )
        })
        .collect();
    assert!(
        differ.is_empty(),
        "{what}: {} of {} paths differ:\n{}",
        differ.len(),
        theirs.len(),
        differ.join("\n")
    );
}

/// Without most of a content.
fn short(leaf: &Leaf) -> (String, String, i64) {
    let what = match &leaf.what {
        What::File(content) => {
            format!("file of {} bytes, {:?}", content.len(), &content[..content.len().min(8)])
        }
        other => format!("{other:?}"),
    };
    (what, format!("{:o}", leaf.mode), leaf.mtime)
}
