//! What would be deleted on a host, by values.

use proptest::prelude::*;

use super::*;
use crate::push::manifest::Record;

const STAY: Policy = Policy { strangers: Strangers::Stay, removal: Removal::Gone };
const GO: Policy = Policy { strangers: Strangers::Go, removal: Removal::Gone };

fn path(text: &str) -> RelPath {
    RelPath::parse(text.as_bytes()).expect("a path")
}

fn entry(text: &str) -> Entry {
    let (path, kind) = match text.split_once(' ') {
        None => (text, Kind::File { size: 3 }),
        Some((path, "/")) => (path, Kind::Dir),
        Some((path, "special")) => (path, Kind::Special),
        Some((path, to)) => (path, Kind::Link { to: to.as_bytes().into() }),
    };
    Entry { path: RelPath::parse(path.as_bytes()).unwrap_or_default(), kind, mode: 0o644, mtime: 100 }
}

fn entries(text: &[&str]) -> Vec<Entry> {
    text.iter().map(|text| entry(text)).collect()
}

fn put(entry: &Entry) -> Record {
    let mark = match &entry.kind {
        Kind::Dir => Mark::Dir,
        Kind::Link { to } => Mark::Link { to: to.clone() },
        Kind::File { size } => Mark::File { size: *size, mtime: entry.mtime, sum: None },
        Kind::Special => Mark::File { size: 0, mtime: entry.mtime, sum: None },
    };
    Record { path: entry.path.clone(), mark }
}

/// As a manifest has them.
fn known(entries: &[Entry]) -> Vec<Record> {
    let mut known: Vec<Record> = entries.iter().filter(|entry| !entry.path.is_root()).map(put).collect();
    known.sort_by(|a, b| a.path.cmp(&b.path));
    known.dedup_by(|a, b| a.path == b.path);
    known
}

fn held(source: &[Entry]) -> Held {
    Held::new(source.iter().map(|entry| (&entry.path, &entry.kind)))
}

fn look(there: &[Entry], source: &[Entry], known: &[Record], policy: Policy) -> Doomed {
    let source = held(source);
    let excluded = |path: &RelPath, _: &Kind| path.as_bytes().ends_with(b".log");
    let sides = Sides {
        there,
        root: &RelPath::root(),
        source: &source,
        excluded: &excluded,
        suffix: b"",
        sum: &|_| None,
    };
    doomed(&sides, known.iter().cloned().map(Ok), policy).expect("it is whole")
}

fn names(doomed: &Doomed) -> Vec<String> {
    let files = doomed.files.iter().map(|loss| loss.path.to_string());
    files.chain(doomed.folders.iter().map(|path| format!("{path}/"))).collect()
}

#[test]
fn what_a_push_put_there_and_the_source_has_no_more_goes() {
    // There, source, put by earlier pushes, what goes without and with --delete-unknown.
    for (there, source, before, goes, all) in [
        (&["a", "b"][..], &["a"][..], &["a", "b"][..], &["b"][..], &["b"][..]),
        (&["a", "stranger"], &["a"], &["a"], &[], &["stranger"]),
        (&["a", "b"], &["a", "b"], &["a", "b"], &[], &[]),
        (
            &["a", "d /", "d/b", "d/e /", "d/e/c"],
            &["a"],
            &["a", "d /", "d/b", "d/e /", "d/e/c"],
            &["d/b", "d/e/c", "d/e/", "d/"],
            &["d/b", "d/e/c", "d/e/", "d/"],
        ),
        // A folder that was there before, and one with a stranger in it, stay.
        (&["d /", "d/b", "a"], &["a"], &["d/b", "a"], &["d/b"], &["d/b", "d/"]),
        (&["d /", "d/b", "d/s", "a"], &["a"], &["d /", "d/b", "a"], &["d/b"], &["d/b", "d/s", "d/"]),
        (&["l target", "a"], &["a"], &["l target", "a"], &["l"], &["l"]),
        (&["l other", "a"], &["a"], &["l target", "a"], &[], &["l"]),
        (&["p special", "a"], &["a"], &["p special", "a"], &[], &[]),
        (&["x.log", "c.log /", "c.log/y", "a"], &["a"], &["x.log", "c.log /", "c.log/y"], &[], &[]),
        (&["d /", "d/x.log", "d/b", "a"], &["a"], &["d /", "d/b", "a"], &["d/b"], &["d/b"]),
        (&[" /", "a"], &[], &["a"], &["a"], &["a"]),
        // No honest listing says that.
        (&["l target", "l/b", "a"], &["a"], &["l target", "l/b"], &["l"], &["l"]),
        (&["b", "b special"], &[], &["b"], &[], &[]),
        (&["d/b"], &[], &["d/b"], &[], &[]),
        (&["d /", "d/e/f /"], &[], &["d /"], &[], &[]),
        (&["d /", "d target", "d/b"], &[], &["d /", "d/b"], &[], &[]),
    ] {
        let (there, source, before) = (entries(there), entries(source), known(&entries(before)));
        assert_eq!(names(&look(&there, &source, &before, STAY)), goes, "{there:?}");
        assert_eq!(names(&look(&there, &source, &before, GO)), all, "{there:?}");
    }
}

#[test]
fn what_was_changed_by_hand_is_named_and_stays() {
    let there = entries(&["a", "b", "c"]);
    let mut before = known(&there);
    before[1].mark = Mark::File { size: 3, mtime: 99, sum: None };
    let doomed = look(&there, &entries(&["a"]), &before, STAY);
    assert_eq!((names(&doomed), doomed.stays), (vec!["c".to_owned()], vec![(path("b"), Stays::Changed)]));
    assert_eq!((doomed.there, doomed.strangers), (3, 0));
    assert_eq!(names(&look(&there, &entries(&["a"]), &before, GO)), ["b", "c"]);
}

#[test]
fn the_content_decides_where_it_was_read() {
    let (there, source) = (entries(&["b"]), held(&[]));
    let before =
        [Record { path: path("b"), mark: Mark::File { size: 3, mtime: 1, sum: Some(Sum([1; 32])) } }];
    for (sum, goes) in [(None, 0), (Some(Sum([1; 32])), 1), (Some(Sum([2; 32])), 0)] {
        let sides = Sides {
            there: &there,
            root: &RelPath::root(),
            source: &source,
            excluded: &|_, _| false,
            suffix: b"",
            sum: &|_| sum,
        };
        let doomed = doomed(&sides, before.iter().cloned().map(Ok), STAY).expect("it is whole");
        assert_eq!(doomed.files.len(), goes, "{sum:?}");
    }
}

#[test]
fn a_damaged_manifest_says_nothing_wherever_the_damage_is() {
    let (there, source) = (entries(&["b"]), held(&[]));
    let (root, nobody) = (RelPath::root(), |_: &RelPath| None);
    let sides = Sides {
        there: &there,
        root: &root,
        source: &source,
        excluded: &|_, _| false,
        suffix: b"",
        sum: &nobody,
    };
    let record = |name: &str| Ok(put(&entry(name)));
    for damaged in [
        vec![Err(Damage::Short)],
        vec![record("a"), Err(Damage::Short)],
        vec![record("b"), Err(Damage::Altered)],
        vec![record("b"), record("c"), Err(Damage::Altered)],
    ] {
        assert!(doomed(&sides, damaged.clone().into_iter(), STAY).is_err(), "{damaged:?}");
    }
}

#[test]
fn with_a_backup_beside_it_a_folder_stays() {
    let there = entries(&["d /", "d/b", "e /"]);
    assert_eq!(names(&kept_beside(&there, &[], STAY)), ["d/b", "e/"]);
}

/// What would go where files are kept under their names with `.old`; all of what is there was put there by pushes.
fn kept_beside(there: &[Entry], source: &[Entry], policy: Policy) -> Doomed {
    let source = held(source);
    let root = &RelPath::root();
    let (excluded, sum) = (|path: &RelPath, _: &Kind| path.as_bytes().ends_with(b".old"), |_: &RelPath| None);
    let sides = Sides { there, root, source: &source, excluded: &excluded, suffix: b".old", sum: &sum };
    let aside = Policy { removal: Removal::Aside, ..policy };
    doomed(&sides, known(there).into_iter().map(Ok), aside).expect("it is whole")
}

#[test]
fn nothing_is_replaced_for_a_file_that_goes_and_is_kept() {
    let long = "n".repeat(253);
    // There, source, what goes, what stays since it has no free name.
    for (there, source, goes, stays) in [
        (&["a", "b"][..], &["b"][..], &["a"][..], &[][..]),
        // The source has a file of that name now, or one that may be taken for it.
        (&["a", "b"], &["a.old", "b"], &[], &["a"]),
        (&["a", "b"], &["A.OLD", "b"], &[], &["a"]),
        // Something has that name there.
        (&["a", "a.old", "b"], &["b"], &[], &["a"]),
        (&["a", "a.old /", "b"], &["b"], &[], &["a"]),
        (&["d /", "d/a", "d/a.old", "a.old", "d/c"], &[], &["d/c"], &["d/a"]),
        (&[&long], &[], &[], &[&long]),
    ] {
        let (there, source) = (entries(there), entries(source));
        for policy in [STAY, GO] {
            let doomed = kept_beside(&there, &source, policy);
            assert_eq!(names(&doomed), goes, "{there:?}");
            let taken: Vec<RelPath> = doomed.staying(Stays::Taken).cloned().collect();
            let stays: Vec<RelPath> = stays.iter().map(|text| path(text)).collect();
            assert_eq!(taken, stays, "{there:?}");
        }
    }
}

#[test]
fn what_cannot_go_makes_no_deletion_a_small_one() {
    let strangers: Vec<String> = (0..100).map(|n| format!("upload{n:02}")).collect();
    let mut there = entries(&["a", "b", "p special", "x.log", "d /"]);
    let before = known(&there);
    there.extend(strangers.iter().map(|name| entry(name)));
    let stay = look(&there, &[], &before, STAY);
    assert_eq!((stay.files.len(), stay.ours, stay.there, stay.strangers), (2, 2, 103, 100));
    assert!(is_much(stay.files.len(), stay.ours));
    let go = look(&there, &entries(&["b"]), &before, GO);
    assert_eq!((go.files.len(), go.ours, go.there), (101, 102, 103));
    // What the source has too, and what was changed by hand, is among what a push put there.
    let mut before = known(&entries(&["a", "b", "c"]));
    before[2].mark = Mark::File { size: 3, mtime: 99, sum: None };
    let some = look(&entries(&["a", "b", "c"]), &entries(&["a"]), &before, STAY);
    assert_eq!((some.files.len(), some.ours), (1, 3));
}

#[test]
fn nothing_outside_of_the_folder_of_the_tree_is_looked_at() {
    let there = entries(&["other", "site-old /", "site-old/a", "site /", "site/a", "site/d /", "site/d/b"]);
    let (root, source) = (path("site"), held(&entries(&["site /"])));
    let sides = Sides {
        there: &there,
        root: &root,
        source: &source,
        excluded: &|_, _| false,
        suffix: b"",
        sum: &|_| None,
    };
    let all = doomed(&sides, std::iter::empty(), GO).expect("nothing is known");
    assert_eq!((names(&all), all.there), (["site/a", "site/d/b", "site/d/"].map(str::to_owned).to_vec(), 2));
    let known = known(&there);
    let ours = doomed(&sides, known.into_iter().map(Ok), STAY).expect("it is whole");
    assert_eq!(names(&ours), names(&all));
}

#[test]
fn where_strangers_stay_only_folders_with_something_known_are_looked_into() {
    let record = |name: &str| Ok(put(&entry(name)));
    let known = || [record("site/d/e/x"), record("site/f /")].into_iter();
    let scope = |policy| Scope::new(&path("site"), known(), policy).expect("it is whole");
    let (some, all) = (scope(STAY), scope(GO));
    for (folder, is_known, is_inside) in [
        ("site", true, true),
        ("site/d", true, true),
        ("site/d/e", true, true),
        ("site/f", true, true),
        ("site/g", false, true),
        ("site/d/h", false, true),
        ("sites", false, false),
        ("other", false, false),
    ] {
        assert_eq!(some.looks_into(&path(folder)), is_known, "{folder}");
        assert_eq!(all.looks_into(&path(folder)), is_inside, "{folder}");
    }
    assert_eq!(Scope::new(&path("site"), [Err(Damage::Short)].into_iter(), STAY).err(), Some(Damage::Short));
}

#[test]
fn a_quarter_is_not_much() {
    for (files, there, much) in
        [(0, 0, false), (1, 4, false), (2, 7, true), (25, 100, false), (26, 100, true), (1, 1, true)]
    {
        assert_eq!(is_much(files, there), much, "{files} of {there}");
    }
}

#[test]
fn another_name_of_what_was_just_put_there_goes_only_where_both_stand() {
    // There before, the source, the names of the root after the push, what goes then.
    for (there, source, after, goes) in [
        (&["A"][..], &["a"][..], &["A", "a"][..], &["A"][..]),
        (&["A"], &["a"], &["A"], &[]),
        (&["A"], &["a"], &["a"], &[]),
        (&["a."], &["a"], &["a.", "a"], &["a."]),
        // An accent in one form or the other.
        (&["e\u{301}"], &["\u{e9}", "ü"], &["e\u{301}", "ü"], &[]),
        (&["e\u{301}"], &["\u{e9}", "ü"], &["e\u{301}", "\u{e9}", "ü"], &["e\u{301}"]),
        (&["D /", "D/x", "D/y"], &["d /", "d/x"], &["D"], &[]),
        (&["D /", "D/x", "D/y"], &["d /", "d/x"], &["D", "d"], &["D/x", "D/y", "D/"]),
    ] {
        let there = entries(there);
        let source = entries(source);
        let mut doomed = look(&there, &source, &known(&there), STAY);
        assert_eq!(doomed.to_be_listed(), [RelPath::root()], "{there:?}");
        let after: Vec<&[u8]> = after.iter().map(|name| name.as_bytes()).collect();
        doomed.settle(&RelPath::root(), &after, &held(&source));
        assert_eq!(names(&doomed), goes, "{there:?} {after:?}");
        assert!(doomed.to_be_listed().is_empty());
        let kept =
            if goes.is_empty() { there.iter().filter(|entry| entry.kind != Kind::Dir).count() } else { 0 };
        assert_eq!(doomed.staying(Stays::Alike).count(), kept, "what stays is named");
    }
    let apart = look(&entries(&["b"]), &entries(&["a"]), &known(&entries(&["b"])), STAY);
    assert_eq!((names(&apart), apart.alike), (vec!["b".to_owned()], vec![]));
}

#[test]
fn what_is_kept_keeps_the_folders_around_it() {
    let there = entries(&["d /", "d/e /", "d/e/a", "d/f /", "d/f/b", "dd /"]);
    let mut doomed = look(&there, &[], &known(&there), STAY);
    assert_eq!(names(&doomed), ["d/e/a", "d/f/b", "dd/", "d/f/", "d/e/", "d/"]);
    doomed.keep(&HashSet::from([path("d/f/b")]), Stays::Changed);
    assert_eq!(names(&doomed), ["d/e/a", "dd/", "d/e/"]);
    assert_eq!(doomed.stays, [(path("d/f/b"), Stays::Changed)]);
}

#[test]
fn a_loss_is_what_it_was() {
    let loss = |size| Loss { path: path("a"), size, mtime: 7 };
    assert!(loss(Some(3)).is_still(&Kind::File { size: 3 }, 7));
    assert!(!loss(Some(3)).is_still(&Kind::File { size: 4 }, 7));
    assert!(!loss(Some(3)).is_still(&Kind::File { size: 3 }, 8));
    assert!(!loss(Some(3)).is_still(&Kind::Dir, 7));
    assert!(!loss(None).is_still(&Kind::File { size: 0 }, 7));
    assert!(loss(None).is_still(&Kind::Link { to: b"".as_slice().into() }, 9));
}

/// Few names, so that both sides have many of them in common.
fn any_tree() -> impl Strategy<Value = Vec<Entry>> {
    let name = prop::sample::select(vec!["a", "A", "b", "x.log", "é"]);
    let place = prop::collection::vec(name, 1..4).prop_map(|names| path(&names.join("/")));
    let kind = prop_oneof![
        3 => Just(Kind::Dir),
        3 => (0u64..3).prop_map(|size| Kind::File { size }),
        1 => Just(Kind::Link { to: b"/etc".as_slice().into() }),
        1 => Just(Kind::Special),
    ];
    let entry = (place, kind, 0i64..3).prop_map(|(path, kind, mtime)| Entry { path, kind, mode: 0, mtime });
    prop::collection::vec(entry, 0..30)
}

fn is_excluded(path: &RelPath) -> bool {
    path.names().any(|name| name.ends_with(b".log"))
}

proptest! {
    #[test]
    fn nothing_goes_that_the_source_holds_that_is_excluded_or_that_nobody_put_there(
        there in any_tree(),
        source in any_tree(),
        before in any_tree(),
        unknown in any::<bool>(),
    ) {
        let policy = if unknown { GO } else { STAY };
        let before = known(&before);
        let doomed = look(&there, &source, &before, policy);
        let of = |path: &RelPath| there.iter().filter(|entry| entry.path == *path).collect::<Vec<_>>();
        let goes: Vec<&RelPath> = doomed.files.iter().map(|loss| &loss.path).chain(&doomed.folders).collect();
        for (n, path) in goes.iter().enumerate() {
            prop_assert!(!goes[..n].contains(path), "once");
            prop_assert!(!path.is_root());
            prop_assert!(!is_excluded(path));
            prop_assert!(source.iter().all(|held| held.path != **path));
            let [entry] = of(path)[..] else { panic!("{path} stands there once") };
            let is_folder = n >= doomed.files.len();
            prop_assert_eq!(is_folder, entry.kind == Kind::Dir);
            prop_assert!(entry.kind != Kind::Special);
            let was_put = before.iter().any(|put| put.path == **path && put.mark.is_still(&entry.kind, entry.mtime, None));
            prop_assert!(unknown || was_put);
            // Everything that it lies in is a folder and no link.
            let mut around = path.split().map(|(folder, _)| folder);
            while let Some(folder) = around.filter(|folder| !folder.is_root()) {
                prop_assert!(of(&folder).iter().any(|entry| entry.kind == Kind::Dir));
                around = folder.split().map(|(folder, _)| folder);
            }
            if is_folder {
                // What lies in it went before.
                let inside = there.iter().filter(|inside| inside.path != **path && lies_in(&inside.path, path));
                for inside in inside {
                    prop_assert!(goes[..n].contains(&&inside.path));
                }
            }
        }
        for pair in doomed.files.windows(2) {
            prop_assert!(pair[0].path < pair[1].path);
        }
        for pair in doomed.folders.windows(2) {
            prop_assert!(pair[0] > pair[1]);
        }
        prop_assert!(doomed.files.len() <= doomed.there);
    }
}
