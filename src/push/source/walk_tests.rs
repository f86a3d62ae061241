//! Real folders, walked.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;

use proptest::prelude::*;

use super::*;
use crate::push::exclude::Patterns;
use crate::push::path::MAX_DEPTH;
use crate::push::place::Landing;

struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Home {
        Home(tempfile::tempdir().expect("a folder"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn folder(&self, name: &str) -> &Home {
        fs::create_dir_all(self.path(name)).expect("a folder");
        self
    }

    fn file(&self, name: &str, content: &str) -> &Home {
        fs::write(self.path(name), content).expect("a file");
        self
    }

    fn walk(&self, named: &[&str]) -> Result<Sources, WalkError> {
        self.walk_without(named, &[])
    }

    fn walk_without(&self, named: &[&str], patterns: &[&str]) -> Result<Sources, WalkError> {
        let mut all = Patterns::default();
        patterns.iter().for_each(|pattern| all.option(pattern).expect("a pattern"));
        let named: Vec<PathBuf> = named
            .iter()
            // As a shell gives them: `Path::join` would lose what is at their end.
            .map(|name| PathBuf::from(format!("{}/{name}", self.0.path().display())))
            .collect();
        walk(&named, &all.build().expect("few patterns"))
    }

    /// An error without the folder that all this is in.
    fn fault(&self, named: &[&str]) -> String {
        let error = self.walk(named).expect_err("a fault").to_string();
        error.replace(&format!("{}/", self.0.path().display()), "")
    }
}

fn paths(sources: &Sources) -> Vec<String> {
    sources.all_entries().iter().map(|entry| entry.path.to_string()).collect()
}

#[test]
fn a_folder_goes_under_its_name_and_its_contents_without() {
    let home = Home::new();
    home.folder("site/sub")
        .file("site/b", "2")
        .file("site/sub/x", "")
        .file("site/a-", "1")
        .file("site/a", "");
    let below = ["a", "a-", "b", "sub", "sub/x"];
    let with_name: Vec<String> = below.iter().map(|path| format!("site/{path}")).collect();
    for named in ["site", "site/", "site//"] {
        let sources = home.walk(&[named]).expect(named);
        assert_eq!(paths(&sources), [&["site".to_owned()], &with_name[..]].concat(), "{named}");
        assert!(!sources.all().is_lone());
    }
    for named in ["site/.", "site/./", "site/sub/.."] {
        let sources = home.walk(&[named]).expect(named);
        assert_eq!(paths(&sources), [&[""], &below[..]].concat(), "{named}");
    }
    let one = home.walk(&["site/b"]).expect("a file");
    assert_eq!((paths(&one), one.all().is_lone()), (vec!["b".to_owned()], true));
    assert_eq!(one.entries(&one.all(), Landing::As)[0].path, RelPath::root());
    assert_eq!(one.entries(&one.all(), Landing::Into)[0].path.to_string(), "b");
    assert_eq!((one.size(0), one.shown(0).ends_with("site/b")), (1, true));
}

#[test]
fn modes_times_and_kinds_are_those_of_the_system() {
    let home = Home::new();
    home.folder("d").file("d/f", "abc");
    fs::set_permissions(home.path("d/f"), fs::Permissions::from_mode(0o4750)).expect("ours");
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_234_567);
    fs::File::open(home.path("d/f")).and_then(|file| file.set_modified(time)).expect("ours");
    symlink("../elsewhere", home.path("d/l")).expect("a link");
    symlink("/etc", home.path("d/m")).expect("a link");
    let sources = home.walk(&["d/."]).expect("a folder");
    let [root, file, link, to_folder] = sources.all_entries() else { panic!("{sources:?}") };
    assert_eq!(root.kind, Kind::Dir);
    assert_eq!((&file.kind, file.mode, file.mtime), (&Kind::File { size: 3 }, 0o4750, 1_234_567));
    assert_eq!(link.kind, Kind::Link { to: (*b"../elsewhere").into() });
    assert_eq!(to_folder.kind, Kind::Link { to: (*b"/etc").into() }, "it is not entered");
}

#[test]
fn a_file_of_somebody_else_acts_for_nobody_there() {
    let home = Home::new();
    home.folder("d").file("d/f", "abc").file("d/g", "abc");
    // Only root can make a file somebody else's; whoever else runs this has none, and all are as they stand.
    let is_root = rustix::process::geteuid().is_root();
    if is_root {
        std::os::unix::fs::chown(home.path("d/g"), Some(1), None).expect("root may");
    }
    for file in ["d/f", "d/g"] {
        fs::set_permissions(home.path(file), fs::Permissions::from_mode(0o6755)).expect("ours");
    }
    let sources = home.walk(&["d/."]).expect("a folder");
    let [_, ours, other] = sources.all_entries() else { panic!("{sources:?}") };
    assert_eq!((ours.mode, other.mode), (0o6755, if is_root { 0o755 } else { 0o6755 }));
}

#[test]
fn a_link_that_was_named_is_followed() {
    let home = Home::new();
    home.folder("real").file("real/f", "x");
    symlink("real", home.path("dir")).expect("a link");
    symlink("real/f", home.path("file")).expect("a link");
    symlink("nowhere", home.path("lost")).expect("a link");
    assert_eq!(paths(&home.walk(&["dir"]).expect("a folder")), ["dir", "dir/f"]);
    let file = home.walk(&["file"]).expect("a file");
    assert_eq!((paths(&file), file.size(0)), (vec!["file".to_owned()], 1));
    assert_eq!(home.fault(&["lost"]), "lost cannot be read: No such file or directory; check the name");
}

#[test]
fn names_are_bytes() {
    let home = Home::new();
    for byte in (1..=255u8).filter(|byte| !matches!(byte, b'/' | b'.')) {
        fs::write(home.0.path().join(OsStr::from_bytes(&[byte])), [byte]).expect("a name");
    }
    fs::write(home.0.path().join(OsStr::from_bytes(&[b'\xfe'; 255])), "long").expect("a name");
    let sources = home.walk(&["."]).expect("a folder");
    let found: Vec<&[u8]> = sources.all_entries()[1..].iter().map(|entry| entry.path.as_bytes()).collect();
    let mut expected: Vec<Vec<u8>> =
        (1..=255u8).filter(|b| !matches!(b, b'/' | b'.')).map(|b| vec![b]).collect();
    expected.push(vec![b'\xfe'; 255]);
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn what_does_not_stand_still_is_passed_over_and_named() {
    let home = Home::new();
    home.folder("d/sub").file("d/f", "x");
    rustix::fs::mknodat(CWD, home.path("d/fifo"), FileType::Fifo, Mode::RUSR, 0).expect("a FIFO");
    let _socket = UnixListener::bind(home.path("d/sub/sock")).expect("a socket");
    let sources = home.walk(&["d"]).expect("a folder");
    assert_eq!(paths(&sources), ["d", "d/f", "d/sub"]);
    let passed: Vec<&str> = sources
        .passed_over()
        .iter()
        .filter_map(|path| path.rsplit_once("/d/"))
        .map(|(_, name)| name)
        .collect();
    assert_eq!(passed, ["fifo", "sub/sock"]);
    assert_eq!(
        home.fault(&["d/fifo"]),
        "d/fifo is no file and no folder; FIFOs, devices and sockets are not pushed"
    );
}

#[test]
fn a_folder_that_is_left_out_is_not_entered() {
    let home = Home::new();
    home.folder("d/.git/objects").folder("d/src").file("d/src/a.o", "").file("d/src/a.c", "");
    let all = home.walk(&["d"]).expect("a folder");
    let some = home.walk_without(&["d"], &[".git/", "*.o"]).expect("a folder");
    assert_eq!(paths(&some), ["d", "d/src", "d/src/a.c"]);
    assert!(some.calls() < all.calls(), "{} of {}", some.calls(), all.calls());
    let some = home.walk_without(&["d/src/a.c", "d/src/a.o"], &["*.o"]).expect("a file");
    assert_eq!(paths(&some), ["a.c"]);
    assert!(!some.all().is_lone(), "two were named");
    assert_eq!(home.walk_without(&["d"], &["d"]).expect_err("nothing"), WalkError::Nothing);
}

#[test]
fn folders_of_one_name_are_one_and_files_of_one_name_are_a_fault() {
    let home = Home::new();
    home.folder("a/etc").folder("b/etc").file("a/etc/x", "1").file("b/etc/y", "22").file("b/x", "");
    let both = home.walk(&["a/.", "b/."]).expect("two folders");
    assert_eq!(paths(&both), ["", "etc", "etc/x", "etc/y", "x"]);
    let sizes: Vec<u64> = (0..5).map(|item| both.size(item)).collect();
    assert_eq!(sizes, [0, 0, 1, 2, 0]);
    assert!(
        both.shown(2).ends_with("a/./etc/x") && both.shown(3).ends_with("b/./etc/y"),
        "{}",
        both.shown(3)
    );
    home.file("b/etc/x", "");
    assert_eq!(
        home.fault(&["a/etc/x", "b/etc/x"]),
        "a/etc/x and b/etc/x would both become x there; push them one after the other, to different places"
    );
    assert!(home.fault(&["a/.", "b/."]).starts_with("a/./etc/x and b/./etc/x would both become etc/x"));
}

#[test]
fn too_many_and_too_deep_are_faults_with_a_place() {
    let home = Home::new();
    home.folder("d/e").file("d/a", "").file("d/e/b", "");
    let named = [home.path("d")];
    assert!(walk_bounded(&named, &Excludes::default(), 4).is_ok());
    let error = walk_bounded(&named, &Excludes::default(), 3).expect_err("there are four").to_string();
    assert!(
        error.starts_with("there are more than 3 things to push, ") && error.contains("d/e/b is beyond"),
        "{error}"
    );
    home.folder(&format!("deep{}", "/x".repeat(MAX_DEPTH)));
    let error = home.fault(&["deep"]);
    assert!(error.contains("cannot be pushed: a name more than 256 folders deep; leave it out"), "{error}");
    assert!(home.walk(&["deep/."]).is_ok());
}

#[test]
fn a_walk_asks_as_often_as_there_are_entries() {
    let home = Home::new();
    let calls = |name: &str, folders: usize, files: usize| {
        for folder in 0..folders {
            home.folder(&format!("{name}/{folder}"));
            for file in 0..files {
                home.file(&format!("{name}/{folder}/{file}"), "");
            }
        }
        let sources = home.walk(&[name]).expect("a folder");
        assert_eq!(sources.all_entries().len(), 1 + folders * (files + 1));
        sources.calls()
    };
    // Flat, wide and narrow: so many for each entry, whatever lies where.
    let (small, large) = (calls("a", 1, 100), calls("b", 1, 400));
    assert_eq!((large - small) / 300, 3, "one name, one look and one opening for each file");
    assert_eq!((large - small) % 300, 0);
    let (small, large) = (calls("c", 20, 5), calls("d", 80, 5));
    assert_eq!((large - small) % 60, 0);
    assert!((large - small) / 60 <= 3 * 5 + 8);
}

#[test]
fn what_cannot_be_read_is_named_before_anything_else() {
    let home = Home::new();
    home.file("f", "");
    assert_eq!(
        home.fault(&["f/"]),
        "f/ cannot be read: Not a directory; mend that, or leave it out with --exclude"
    );
    let error = home.fault(&["a\x1b[2J"]);
    assert!(error.starts_with("a^[[2J cannot be read: No such file"), "{error}");
}

#[test]
fn each_host_has_what_bears_its_name() {
    let home = Home::new();
    home.folder("map/web2/conf").file("map/web1", "one").file("map/web2/conf/x", "two").file("map/other", "");
    let names = ["web1", "web2", "web3", "..", ""];
    let Mapped { sources, lots } = map(&home.path("map"), &names, &Excludes::default()).expect("a folder");
    let of = |n: usize| {
        let lot: &Lot = lots[n].as_ref()?;
        let paths: Vec<String> =
            sources.entries(lot, Landing::Into).iter().map(|entry| entry.path.to_string()).collect();
        Some((paths.join(" "), lot.is_lone()))
    };
    assert_eq!(of(0), Some(("web1".to_owned(), true)));
    assert_eq!(of(1), Some((" conf conf/x".to_owned(), false)));
    assert_eq!((of(2), of(3), of(4)), (None, None, None));
    assert!(sources.shown(3).ends_with("map/web2/conf/x"), "{}", sources.shown(3));
}

#[test]
fn a_folder_that_is_swapped_for_a_link_leads_nowhere() {
    let home = Home::new();
    home.folder("tree/sub").file("tree/sub/f", "inside").folder("outside").file("outside/secret", "outside!");
    let (sub, aside, outside) = (home.path("tree/sub"), home.path("aside"), home.path("outside"));
    let walking = std::sync::atomic::AtomicBool::new(true);
    let seen: Vec<Vec<String>> = std::thread::scope(|scope| {
        scope.spawn(|| {
            while walking.load(std::sync::atomic::Ordering::Relaxed) {
                fs::rename(&sub, &aside).expect("ours");
                symlink(&outside, &sub).expect("a link");
                fs::remove_file(&sub).expect("ours");
                fs::rename(&aside, &sub).expect("ours");
            }
        });
        let walks = (0..300).filter_map(|_| home.walk(&["tree"]).ok());
        let seen = walks.map(|sources| paths(&sources)).collect();
        walking.store(false, std::sync::atomic::Ordering::Relaxed);
        seen
    });
    for paths in &seen {
        assert!(!paths.iter().any(|path| path.contains("secret")), "{paths:?}");
    }
    assert!(!seen.is_empty(), "not all of them were disturbed");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Whatever the tree, parents come first and no path comes twice.
    #[test]
    fn parents_come_before_what_is_in_them(names in proptest::collection::btree_set("[a-c.-]{1,2}(/[a-c.-]{1,2}){0,3}", 1..12)) {
        let home = Home::new();
        for name in names.iter().filter(|name| !name.split('/').any(|part| part == "." || part == "..")) {
            home.folder(name);
        }
        let sources = home.walk(&["."]).expect("a folder");
        let mut seen = std::collections::HashSet::new();
        for entry in sources.all_entries() {
            if let Some((folder, _)) = entry.path.split() {
                prop_assert!(seen.contains(&folder), "{}", entry.path);
            }
            prop_assert!(seen.insert(entry.path.clone()), "{}", entry.path);
        }
    }
}
