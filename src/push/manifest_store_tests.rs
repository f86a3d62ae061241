//! The store of manifests on a real file system.

use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::*;
use crate::push::delete::{Held, Removal, Strangers};
use crate::push::manifest::Mark;
use crate::push::tree::{Entry, Kind};

const STAY: Policy = Policy { strangers: Strangers::Stay, removal: Removal::Gone };

struct Home {
    directory: TempDir,
}

impl Home {
    fn new() -> Home {
        Home { directory: tempfile::tempdir().expect("a directory") }
    }

    fn shelves(&self) -> Shelves {
        Shelves::at(self.directory.path().join("omnes/pushed"))
    }

    fn shelf(&self) -> Shelf {
        self.shelves().open(&tree("/srv/site")).expect("it opens")
    }
}

fn tree(source: &str) -> TreeName {
    TreeName { source: source.into(), dest: b"/srv/{host}".to_vec() }
}

fn host(name: &str) -> Host {
    name.parse().expect("a host")
}

fn path(text: &str) -> RelPath {
    RelPath::parse(text.as_bytes()).expect("a path")
}

fn file(name: &str) -> Record {
    Record { path: path(name), mark: Mark::File { size: 3, mtime: 100, sum: None } }
}

fn landed(names: &[&str]) -> Vec<Record> {
    names.iter().map(|name| file(name)).collect()
}

fn put(shelf: &Shelf, name: &str, names: &[&str]) {
    shelf.record((&host(name), b"/srv"), (&landed(names), &[]), &|_| false).expect("it is written");
}

fn read(shelf: &Shelf, name: &str) -> Result<Vec<String>, Unknown> {
    let body = shelf.known(&host(name), b"/srv")?;
    let records = body.records().and_then(Iterator::collect::<Result<Vec<Record>, Damage>>);
    Ok(records.map_err(Unknown::Damaged)?.iter().map(|record| record.path.to_string()).collect())
}

fn every_file(directory: &Path) -> Vec<PathBuf> {
    let below = directories(directory).into_iter().flat_map(|directory| every_file(&directory));
    files(directory).into_iter().chain(below).collect()
}

#[test]
fn what_was_put_is_known_again_by_tree_host_and_folder() {
    let home = Home::new();
    put(&home.shelf(), "web1", &["a", "b"]);
    let shelf = home.shelf();
    assert_eq!(read(&shelf, "web1"), Ok(vec!["a".to_owned(), "b".to_owned()]));
    assert_eq!(read(&shelf, "deploy@web1"), Ok(vec!["a".to_owned(), "b".to_owned()]), "a user is no host");
    assert_eq!(read(&shelf, "web1:2222"), Err(Unknown::Never), "another port is another host");
    assert_eq!(read(&shelf, "web2"), Err(Unknown::Never));
    let elsewhere = shelf.known(&host("web1"), b"/srv2").expect_err("another folder");
    assert_eq!(elsewhere.to_string(), "the earlier push of this folder went to /srv there");
    for other in [tree("/srv/other"), TreeName { dest: b"/srv".to_vec(), ..tree("/srv/site") }] {
        let shelf = home.shelves().open(&other).expect("it opens");
        assert_eq!(read(&shelf, "web1"), Err(Unknown::Never), "{other:?}");
    }
}

#[test]
fn what_a_push_did_not_reach_is_remembered_until_it_is_gone() {
    let home = Home::new();
    let shelf = home.shelf();
    put(&shelf, "web1", &["a", "b"]);
    put(&shelf, "web1", &["b", "c"]);
    assert_eq!(read(&shelf, "web1"), Ok(["a", "b", "c"].map(str::to_owned).to_vec()));
    let gone = path("a");
    let landed = landed(&["b"]);
    let recorded = shelf.record((&host("web1"), b"/srv"), (&landed, &[]), &|path| *path == gone);
    recorded.expect("it is written");
    assert_eq!(read(&shelf, "web1"), Ok(["b", "c"].map(str::to_owned).to_vec()));
    // What went to another folder says nothing of this one.
    let recorded = shelf.record((&host("web1"), b"/new"), (&[file("z")], &[]), &|_| false);
    recorded.expect("it is written");
    assert_eq!(read(&shelf, "web1"), Err(Unknown::Elsewhere("/new".to_owned())));
    put(&shelf, "web1", &["y"]);
    assert_eq!(read(&shelf, "web1"), Ok(vec!["y".to_owned()]));
}

#[test]
fn a_thousand_hosts_with_the_same_tree_share_one_body() {
    let home = Home::new();
    let shelf = home.shelf();
    let names: Vec<String> = (0..500).map(|n| format!("file{n:04}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for n in 0..1000 {
        put(&shelf, &format!("web{n}"), &names);
    }
    assert_eq!(files(&shelf.directory.join(BODIES)).len(), 1);
    let all: u64 = every_file(home.directory.path())
        .iter()
        .map(|path| path.metadata().expect("it is there").len())
        .sum();
    assert!(all < 600 * 1000, "{all} bytes");
    assert_eq!(read(&shelf, "web999").expect("it is known").len(), 500);
}

#[test]
fn everything_is_for_its_user_alone() {
    let home = Home::new();
    put(&home.shelf(), "web1", &["a"]);
    let root = home.directory.path().join("omnes");
    let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    let files = every_file(&root);
    assert_eq!(files.len(), 4, "the tree's names, its lock, its hosts and a body: {files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
        let around = file.ancestors().skip(1).take_while(|around| around.starts_with(&root));
        around.for_each(|around| assert_eq!(mode(around), 0o700, "{}", around.display()));
    }
}

/// What may become of a file: half of it, nothing of it, another byte in it.
const SPOILS: [fn(&mut Vec<u8>); 3] = [
    |bytes| bytes.truncate(bytes.len() / 2),
    |bytes| bytes.clear(),
    |bytes| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
    },
];

#[test]
fn where_anything_is_damaged_nothing_is_known_and_nothing_goes() {
    let there = [Entry { path: path("a"), kind: Kind::File { size: 3 }, mode: 0, mtime: 100 }];
    let source = Held::new(std::iter::empty());
    let root = RelPath::root();
    let sides = Sides {
        there: &there,
        root: &root,
        source: &source,
        excluded: &|_, _| false,
        suffix: b"",
        sum: &|_| None,
    };
    let web1 = host("web1");
    let goes = |shelf: &Shelf| {
        let (doomed, known) = shelf.doomed((&web1, b"/srv"), &sides, STAY);
        (doomed.files.len(), known == losses::Known::Manifest)
    };
    let of_it =
        |shelf: &Shelf| [vec![shelf.directory.join(LEDGER)], files(&shelf.directory.join(BODIES))].concat();
    let count = {
        let home = Home::new();
        let shelf = home.shelf();
        put(&shelf, "web1", &["a", "b"]);
        assert_eq!(goes(&shelf), (1, true));
        of_it(&shelf).len()
    };
    assert_eq!(count, 2);
    for which in 0..count {
        for spoil in SPOILS {
            let home = Home::new();
            let shelf = home.shelf();
            put(&shelf, "web1", &["a", "b"]);
            let damaged = of_it(&shelf).swap_remove(which);
            let mut bytes = fs::read(&damaged).expect("it is there");
            spoil(&mut bytes);
            fs::write(&damaged, bytes).expect("it is written");
            assert_eq!(goes(&home.shelf()), (0, false), "{}", damaged.display());
            // The next push mends it, since it knows what it put there.
            let shelf = home.shelf();
            put(&shelf, "web1", &["a", "b"]);
            assert_eq!(goes(&shelf), (1, true), "{}", damaged.display());
        }
        let home = Home::new();
        let shelf = home.shelf();
        put(&shelf, "web1", &["a", "b"]);
        fs::remove_file(of_it(&shelf).swap_remove(which)).expect("it is there");
        assert_eq!(goes(&home.shelf()), (0, false));
    }
}

#[test]
fn one_host_is_not_taken_for_another() {
    let home = Home::new();
    let shelf = home.shelf();
    put(&shelf, "web1", &["a"]);
    let ledger = shelf.directory.join(LEDGER);
    let line = fs::read_to_string(&ledger).expect("it is there");
    fs::write(&ledger, format!("{line}{}", line.replace("web1", "web2"))).expect("it is written");
    let shelf = home.shelf();
    assert_eq!(read(&shelf, "web2"), Err(Unknown::Never), "no line is one whose digest is another's");
    assert_eq!(read(&shelf, "web1"), Ok(vec!["a".to_owned()]));
}

#[test]
fn bodies_that_no_host_has_go_when_nobody_pushes_the_tree() {
    let home = Home::new();
    let first = home.shelf();
    put(&first, "web1", &["a"]);
    put(&first, "web1", &["a", "b"]);
    fs::write(first.directory.join("new-0123456789abcdef"), "half").expect("it is written");
    let second = home.shelf();
    assert_eq!(files(&first.directory.join(BODIES)).len(), 2, "the first is still at work");
    drop((first, second));
    let third = home.shelf();
    assert_eq!(files(&third.directory.join(BODIES)).len(), 1);
    assert!(!third.directory.join("new-0123456789abcdef").exists());
    assert_eq!(read(&third, "web1").expect("it is known").len(), 2);
}

#[test]
fn trees_that_are_pushed_no_more_are_forgotten() {
    let home = Home::new();
    put(&home.shelf(), "web1", &["a"]);
    let long_ago = SystemTime::now() - KEEP - Duration::from_secs(60);
    let directory = home.shelf().directory.clone();
    let age = |directory: &Path| {
        let ledger = File::open(directory.join(LEDGER)).expect("it is there");
        ledger.set_modified(long_ago).expect("it is its own");
    };
    age(&directory);
    let at_work = home.shelf();
    home.shelves().open(&tree("/srv/other")).expect("it opens");
    assert!(directory.exists(), "it is being pushed");
    drop(at_work);
    home.shelves().open(&tree("/srv/third")).expect("it opens");
    assert!(!directory.exists());
}

/// Writes for ever, in a process of its own; see the test below.
fn writer(root: &Path) {
    let shelf = Shelves::at(root.to_owned()).open(&tree("/srv/site")).expect("it opens");
    let names: Vec<String> = (0..200).map(|n| format!("file{n:04}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for n in 1.. {
        let gone = |path: &RelPath| path.as_bytes() != b"always";
        let landed: Vec<Record> = ["always"].iter().chain(&names[n % 100..]).map(|name| file(name)).collect();
        shelf.record((&host("web1"), b"/srv"), (&landed, &[]), &gone).expect("it is written");
        println!("{n}");
    }
}

/// This test is its own second process: it is started again with the variable set.
#[test]
fn who_is_killed_at_any_instant_leaves_the_old_or_the_new() {
    const WRITES: &str = "OMNES_TEST_WRITES_MANIFESTS";
    if let Some(root) = std::env::var_os(WRITES) {
        return writer(Path::new(&root));
    }
    let home = Home::new();
    let root = home.directory.path().join("omnes/pushed");
    put(&home.shelf(), "web1", &["always"]);
    for round in 0..10_u64 {
        let test = "push::manifest_store::tests::who_is_killed_at_any_instant_leaves_the_old_or_the_new";
        let mut child = Command::new(std::env::current_exe().expect("this test"))
            .args(["--exact", test, "--nocapture"])
            .env(WRITES, &root)
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let lines = io::BufRead::lines(BufReader::new(child.stdout.take().expect("it is a pipe")));
        // As many records as the round says, and then at whatever instant it is.
        let seen = lines.take(5 + round as usize * 3).filter_map(Result::ok).count();
        assert!(seen > 0);
        child.kill().expect("it is there");
        child.wait().expect("it was started here");
        let known = read(&home.shelf(), "web1").expect("the old or the new");
        assert_eq!(known.first().map(String::as_str), Some("always"), "round {round}");
    }
}
