//! What is done on a host, held against a model of what stands there.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::push::path::RelPath;

/// What stands on a host, by path: what it is, its content as one number, and what it is marked with.
type Model = BTreeMap<Vec<u8>, Stood>;

#[derive(Clone, Debug, PartialEq, Eq)]
struct Stood {
    kind: Kind,
    content: u8,
    mode: u32,
    mtime: i64,
}

/// The time at which a host does what it is told.
const NOW: i64 = 2_000_000_000;

fn path(text: &str) -> RelPath {
    if text.is_empty() { RelPath::root() } else { RelPath::parse(text.as_bytes()).expect("a path") }
}

fn file(name: &str, size: u64, mtime: i64) -> Entry {
    Entry { path: path(name), kind: Kind::File { size }, mode: 0o644, mtime }
}

fn dir(name: &str) -> Entry {
    Entry { path: path(name), kind: Kind::Dir, mode: 0o755, mtime: 5 }
}

fn link(name: &str, to: &str) -> Entry {
    Entry { path: path(name), kind: Kind::Link { to: to.as_bytes().into() }, mode: 0o777, mtime: 5 }
}

fn all(source: &[Entry], there: &[Entry], policy: &Policy) -> Changes {
    changes(source, there, policy, &HashSet::new())
}

const KEPT: Policy = Policy { same: Same::SizeAndTime, modes: Modes::Kept, times: Times::All };

#[test]
fn a_tree_is_made_from_the_outside_and_shut_from_the_inside() {
    let mut shut = dir("a");
    shut.mode = 0o555;
    let source = [shut, dir("a/b"), file("a/b/c", 3, 7), link("a/l", "b/c")];
    let done = all(&source, &[], &KEPT);
    let before =
        [Act::MakeBase, Act::MakeDir { item: 0, mode: 0o755 }, Act::MakeDir { item: 1, mode: 0o755 }];
    assert_eq!(done.before, before);
    assert_eq!(
        done.files,
        [
            Act::Put { item: 2, mode: Mode::Set(0o644), mtime: 7, before: Before::Nothing },
            Act::Link { item: 3, mtime: Some(5) }
        ]
    );
    let after = [
        Act::SetTime { item: 1, mtime: 5 },
        Act::SetTime { item: 0, mtime: 5 },
        Act::SetMode { item: 0, mode: 0o555 },
    ];
    assert_eq!(done.after, after);
    assert_eq!((done.sent, done.same), (Count { files: 1, bytes: 3 }, Count::default()));
}

#[test]
fn without_preserve_nothing_that_stands_is_changed_but_the_content() {
    let root = dir("");
    let mut theirs = dir("d");
    (theirs.mode, theirs.mtime) = (0o700, 99);
    let mut old = file("d/f", 4, 7);
    old.mode = 0o600;
    let mut same = file("d/same", 4, 7);
    same.mode = 0o600;
    let source = [dir("d"), file("d/f", 5, 8), file("d/new", 1, 1), file("d/same", 4, 7)];
    let done = all(&source, &[root, theirs, old, same], &Policy::default());
    assert_eq!((done.before, done.after), (vec![], vec![]));
    assert_eq!(
        done.files,
        [
            Act::Put { item: 1, mode: Mode::KeepOr(0o644), mtime: 8, before: Before::Asked },
            Act::Put { item: 2, mode: Mode::KeepOr(0o644), mtime: 1, before: Before::Nothing },
        ]
    );
    assert_eq!(done.same, Count { files: 1, bytes: 4 });
}

#[test]
fn a_folder_for_a_file_and_the_reverse_are_faults_with_all_that_lies_in_them() {
    let special = Entry { kind: Kind::Special, ..file("fifo", 0, 0) };
    let there = [dir(""), file("d", 1, 1), dir("f"), file("f/kept", 1, 1), special, link("l", "/etc")];
    let source = [
        dir("d"),
        dir("d/e"),
        file("d/e/x", 1, 1),
        file("f", 1, 1),
        file("fifo", 1, 1),
        file("good", 1, 1),
        dir("l"),
        file("l/passwd", 1, 1),
    ];
    let done = all(&source, &there, &KEPT).at(b"/srv/x");
    let put = Act::Put { item: 5, mode: Mode::Set(0o644), mtime: 1, before: Before::Nothing };
    assert_eq!((&done.before[..], &done.files[..], &done.after[..]), (&[][..], &[put][..], &[][..]));
    let faults: Vec<_> = done.faults.iter().map(|f| (f.fault, f.why.as_str(), f.entries)).collect();
    let nothing = "and nothing is deleted for what is pushed";
    assert_eq!(
        faults,
        [
            (FileFault::IsDirectory, &*format!("/srv/x/d: no folder stands there, {nothing}"), 3),
            (FileFault::IsDirectory, &*format!("/srv/x/f: a folder stands there, {nothing}"), 1),
            (
                FileFault::Refused,
                &*format!("/srv/x/fifo: a device, FIFO or socket stands there, {nothing}"),
                1
            ),
            (FileFault::IsDirectory, &*format!("/srv/x/l: no folder stands there, {nothing}"), 2),
        ]
    );
}

#[test]
fn the_place_itself_is_made_or_left_as_it_is() {
    let mut ours = dir("");
    (ours.mode, ours.mtime) = (0o700, 1);
    let source = [ours, file("f", 1, 1)];
    let made = all(&source, &[], &KEPT);
    assert_eq!(made.before, [Act::MakeBase]);
    assert_eq!(made.after, [Act::SetTime { item: 0, mtime: 1 }, Act::SetMode { item: 0, mode: 0o700 }]);
    let stands = all(&source, &[dir("")], &KEPT);
    assert_eq!((stands.before, stands.after), (vec![], vec![]));
    let file_for_it = all(&source, &[file("", 1, 1)], &KEPT);
    assert_eq!(file_for_it.faults[0].entries, 2);
    assert!(file_for_it.at(b"/srv").faults[0].why.starts_with("/srv: no folder stands there"));
    let alone = all(&[file("", 3, 3)], &[], &KEPT);
    assert_eq!(alone.before, []);
    assert_eq!(
        alone.files,
        [Act::Put { item: 0, mode: Mode::Set(0o644), mtime: 3, before: Before::Nothing }]
    );
    assert_eq!(all(&[], &[], &KEPT), Changes::default());
}

#[test]
fn content_decides_where_it_is_asked_for() {
    let policy = Policy { same: Same::Checksum, ..Policy::default() };
    let source =
        [file("equal", 4, 9), file("differs", 4, 7), file("longer", 5, 7), file("new", 1, 1), link("l", "x")];
    let there = [dir(""), file("equal", 4, 7), file("differs", 4, 7), file("longer", 4, 7), link("l", "x")];
    assert_eq!(asks(&source, &there, &policy), [0, 1]);
    assert_eq!(asks(&source, &there, &Policy::default()), [0usize; 0]);
    let done = changes(&source, &there, &policy, &HashSet::from([0]));
    let put = |item: usize| Act::Put {
        item,
        mode: Mode::KeepOr(0o644),
        mtime: source[item].mtime,
        before: if item == 3 { Before::Nothing } else { Before::Asked },
    };
    assert_eq!(done.files, [Act::SetTime { item: 0, mtime: 9 }, put(1), put(2), put(3)]);
}

#[test]
fn times_and_modes_are_those_that_can_be_kept() {
    let mut early = file("early", 1, -5);
    early.mode = 0o6755;
    let late = file("late", 1, 1 << 40);
    let mut shared = dir("shared");
    shared.mode = 0o3775;
    let source = [early, late, shared];
    let done = all(&source, &[dir("")], &KEPT);
    assert_eq!(
        done.files,
        [
            Act::Put { item: 0, mode: Mode::Set(0o6755), mtime: 0, before: Before::Nothing },
            Act::Put { item: 1, mode: Mode::Set(0o644), mtime: 4_294_967_295, before: Before::Nothing },
        ]
    );
    assert_eq!(
        done.before,
        [Act::MakeDir { item: 2, mode: 0o3775 }],
        "setgid and sticky of a folder are kept"
    );
    let another = all(&source, &[dir("")], &Policy { modes: Modes::KeptForAnother, ..KEPT });
    assert_eq!(
        another.files[0],
        Act::Put { item: 0, mode: Mode::Set(0o755), mtime: 0, before: Before::Nothing }
    );
    assert_eq!(another.before, done.before);
    let set = Policy { modes: Modes::Set { files: 0o4711, folders: 0o750 }, ..Policy::default() };
    let done = all(&source, &[dir("")], &set);
    assert_eq!(
        done.files[0],
        Act::Put { item: 0, mode: Mode::Set(0o4711), mtime: 0, before: Before::Nothing }
    );
    assert_eq!(done.before, [Act::MakeDir { item: 2, mode: 0o750 }]);
}

#[test]
fn a_folder_that_is_shut_is_opened_for_what_goes_into_it_and_shut_again() {
    let mut shut = dir("d");
    shut.mode = 0o555;
    let source = [shut.clone(), dir("d/e"), file("d/f", 1, 1)];
    let there = [dir(""), shut.clone()];
    let done = all(&source, &there, &KEPT);
    assert_eq!(done.before, [Act::SetMode { item: 0, mode: 0o755 }, Act::MakeDir { item: 1, mode: 0o755 }]);
    assert_eq!(done.after.last(), Some(&Act::SetMode { item: 0, mode: 0o555 }));
    let done = all(&source, &there, &Policy::default());
    assert_eq!(done.before, [Act::MakeDir { item: 1, mode: 0o755 }], "nobody asked for its permissions");
}

/// A host that does what it is told, and refuses what a host would refuse.
fn carry_out(source: &[Entry], contents: &[u8], done: &Changes, host: &mut Model) {
    // Files come in any order, so here they come in the worst.
    let acts = done.before.iter().chain(done.files.iter().rev()).chain(&done.after);
    for act in acts {
        let (item, changes_folder) = match *act {
            Act::MakeBase => {
                let base = Stood { kind: Kind::Dir, content: 0, mode: 0o755, mtime: NOW };
                assert_eq!(host.insert(Vec::new(), base), None);
                continue;
            }
            Act::MakeDir { item, .. } | Act::Put { item, .. } | Act::Link { item, .. } => (item, true),
            Act::SetMode { item, .. } | Act::SetTime { item, .. } => (item, false),
        };
        let Entry { path, kind, .. } = &source[item];
        let key = path.as_bytes().to_vec();
        if let Some(parent) = parent(&key).filter(|_| changes_folder) {
            let folder = host.get_mut(parent).expect("it lies in a folder that is there");
            assert_eq!(
                (&folder.kind, folder.mode & 0o300),
                (&Kind::Dir, 0o300),
                "{path} in a folder that is open"
            );
            folder.mtime = NOW;
        }
        let old = host.get(&key).cloned();
        match *act {
            Act::MakeBase => unreachable!("it has no item"),
            Act::MakeDir { mode, .. } => {
                assert_eq!(old, None, "{path}");
                host.insert(key, Stood { kind: Kind::Dir, content: 0, mode, mtime: NOW });
            }
            Act::Put { mode, mtime, before, .. } => {
                assert_eq!(before == Before::Nothing, old.is_none(), "{path}");
                assert!(old.as_ref().is_none_or(|old| !matches!(old.kind, Kind::Dir | Kind::Special)));
                let kept = old.filter(|old| matches!(old.kind, Kind::File { .. })).map(|old| old.mode);
                let mode = match mode {
                    Mode::Set(mode) => mode,
                    Mode::KeepOr(mode) => kept.unwrap_or(mode),
                };
                host.insert(key, Stood { kind: kind.clone(), content: contents[item], mode, mtime });
            }
            Act::Link { mtime, .. } => {
                assert!(old.is_none_or(|old| !matches!(old.kind, Kind::Dir | Kind::Special)));
                let mtime = mtime.unwrap_or(NOW);
                host.insert(key, Stood { kind: kind.clone(), content: 0, mode: 0o777, mtime });
            }
            Act::SetMode { mode, .. } => host.get_mut(&key).expect("it is there").mode = mode,
            Act::SetTime { mtime, .. } => host.get_mut(&key).expect("it is there").mtime = mtime,
        }
    }
}

fn entries(host: &Model) -> Vec<Entry> {
    host.iter()
        .map(|(key, stood)| Entry {
            path: if key.is_empty() { RelPath::root() } else { RelPath::parse(key).expect("a path") },
            kind: stood.kind.clone(),
            mode: stood.mode,
            mtime: stood.mtime,
        })
        .collect()
}

/// What a host's `sha256sum` would find.
fn equal(source: &[Entry], contents: &[u8], host: &Model, policy: &Policy) -> HashSet<usize> {
    let same = |item: &usize| host[source[*item].path.as_bytes()].content == contents[*item];
    asks(source, &entries(host), policy).into_iter().filter(same).collect()
}

fn some_kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        3 => Just(Kind::Dir),
        4 => (0u64..3).prop_map(|size| Kind::File { size }),
        1 => "[ab]".prop_map(|to| Kind::Link { to: to.into_bytes().into() }),
    ]
}

fn some_tree() -> impl Strategy<Value = Model> {
    let mode = prop_oneof![Just(0o755u32), Just(0o644), Just(0o555), Just(0o4711), Just(0o2770)];
    let stood = (some_kind(), 0u8..3, mode, -1i64..3).prop_map(|(kind, content, mode, mtime)| Stood {
        kind,
        content,
        mode,
        mtime,
    });
    proptest::collection::btree_map("[ab](/[ab-]){0,3}", stood, 0..12).prop_map(|some| {
        let some: Model = some.into_iter().map(|(key, stood)| (key.into_bytes(), stood)).collect();
        let mut whole = Model::new();
        for (key, stood) in some {
            // What lies in something is in a folder.
            let slashes = key.iter().enumerate().filter(|(_, byte)| **byte == b'/');
            for (at, _) in slashes {
                let folder = Stood { kind: Kind::Dir, content: 0, mode: 0o755, mtime: 1 };
                let within = whole.entry(key[..at].to_vec()).or_insert_with(|| folder.clone());
                if within.kind != Kind::Dir {
                    *within = folder;
                }
            }
            whole.insert(key, stood);
        }
        whole
    })
}

fn some_policy() -> impl Strategy<Value = Policy> {
    let same = prop_oneof![Just(Same::SizeAndTime), Just(Same::Checksum)];
    let modes = prop_oneof![
        Just(Modes::New),
        Just(Modes::Kept),
        Just(Modes::KeptForAnother),
        Just(Modes::Set { files: 0o600, folders: 0o500 })
    ];
    let times = prop_oneof![Just(Times::Files), Just(Times::All)];
    (same, modes, times).prop_map(|(same, modes, times)| Policy { same, modes, times })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// After the acts the source stands there but for what was said to fail, all else there is what it was, and a second
    /// push finds nothing to do.
    #[test]
    fn the_acts_make_it_the_source_and_then_there_are_none(
        ours in some_tree(),
        mut theirs in some_tree(),
        base in prop_oneof![Just(None), Just(Some(0o755u32))],
        policy in some_policy(),
    ) {
        match base {
            Some(mode) => drop(theirs.insert(vec![], Stood { kind: Kind::Dir, content: 0, mode, mtime: 1 })),
            None => theirs.clear(),
        }
        let source = entries(&ours);
        let contents: Vec<u8> = ours.values().map(|stood| stood.content).collect();
        let mut host = theirs.clone();
        // A folder that its owner has shut is open to nobody but its owner's `chmod`.
        if policy.modes == Modes::New {
            host.values_mut().filter(|stood| stood.kind == Kind::Dir).for_each(|stood| stood.mode |= OWNER);
        }
        let before = host.clone();
        let done = changes(&source, &entries(&host), &policy, &equal(&source, &contents, &host, &policy));
        carry_out(&source, &contents, &done, &mut host);

        let failed: usize = done.faults.iter().map(|fault| fault.entries).sum();
        let mut missing = 0;
        for (key, stood) in &ours {
            let there = host.get(key).filter(|there| there.kind == stood.kind);
            let Some(there) = there else { missing += 1; continue };
            let is_file = matches!(stood.kind, Kind::File { .. });
            if is_file && policy.same == Same::Checksum {
                prop_assert_eq!(there.content, stood.content);
            }
            if is_file || policy.times == Times::All {
                prop_assert_eq!(said(there.mtime), said(stood.mtime));
            }
            match (policy.modes, is_file, &stood.kind) {
                (Modes::Kept, true, _) => prop_assert_eq!(there.mode, stood.mode),
                (Modes::KeptForAnother, true, _) => prop_assert_eq!(there.mode, stood.mode & 0o1777),
                (Modes::Kept | Modes::KeptForAnother, _, Kind::Dir) => prop_assert_eq!(there.mode, stood.mode),
                (Modes::Set { files, .. }, true, _) => prop_assert_eq!(there.mode, files),
                (Modes::Set { folders, .. }, _, Kind::Dir) => prop_assert_eq!(there.mode, folders),
                _ => {}
            }
        }
        prop_assert!(missing <= failed, "{} are not there, {} were said to fail", missing, failed);
        for (key, stood) in before.iter().filter(|(key, _)| !ours.contains_key(*key) && !key.is_empty()) {
            prop_assert_eq!(host.get(key), Some(stood), "what is not of the source stays");
        }

        let again = changes(&source, &entries(&host), &policy, &equal(&source, &contents, &host, &policy));
        let acts: Vec<&Act> = again.before.iter().chain(&again.files).chain(&again.after).collect();
        prop_assert_eq!(acts, Vec::<&Act>::new());
        prop_assert_eq!(again.faults, done.faults);
        prop_assert_eq!(again.sent, Count::default());
    }
}
