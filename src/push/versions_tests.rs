use super::super::remote::{Found, Stat};
use super::super::sift::Sieve;
use super::super::tree::Kind;
use super::*;

/// What a host has that has just these paths.
pub(in crate::push) fn seen(versions: &mut Versions, rows: &[(&str, Version)], marks: Marks) -> Seen {
    let mut seen = Seen::default();
    let (_, top) = rows.iter().find(|(path, _)| path.is_empty()).expect("every host has a top");
    seen.top(versions.version(top.clone()), marks);
    if *top == Version::Folder {
        folder((&mut seen, versions), rows, (Where::top(), ""), marks);
    }
    seen
}

fn folder(
    (seen, versions): (&mut Seen, &mut Versions),
    rows: &[(&str, Version)],
    (place, path): (Where, &str),
    marks: Marks,
) {
    let inner = |(inner, version): &(&'_ str, Version)| {
        let (outer, name) = inner.rsplit_once('/').unwrap_or(("", inner));
        (outer == path && !inner.is_empty()).then(|| (name.to_owned(), (*inner).to_owned(), version.clone()))
    };
    let inner: Vec<(String, String, Version)> = rows.iter().filter_map(inner).collect();
    let mut sieve = Sieve::new(place);
    for (name, _, version) in &inner {
        let kind = if *version == Version::Folder { Kind::Dir } else { Kind::File { size: 1 } };
        let stat = Stat { kind, mode: marks.mode, mtime: marks.mtime, owner: None };
        sieve.add(&Found { name: name.as_bytes().into(), stat });
    }
    let sifted = Arc::new(sieve.end());
    seen.folder(&sifted);
    for (at, (_, path, version)) in inner.iter().enumerate() {
        seen.is(&sifted.place_of(at), versions.version(version.clone()));
        if *version == Version::Folder {
            folder((seen, versions), rows, (sifted.place_of(at), path), marks);
        }
    }
}

fn file(letter: u8) -> Version {
    Version::File { size: 1, sha256: [letter; 32] }
}

fn marks(host: usize) -> Marks {
    Marks { mode: 0o644 | host as u32, mtime: 10 - host as i64 }
}

fn versions(hosts: &[&[(&str, Version)]]) -> Versions {
    let mut versions = Versions::default();
    for (host, rows) in hosts.iter().enumerate() {
        let seen = seen(&mut versions, rows, marks(host));
        versions.tree(HostIx(host), &seen).expect("there is room");
    }
    versions
}

fn accounts(versions: &Versions) -> Vec<Account> {
    versions.paths(&versions.survey()).map(|at| at.account()).collect()
}

fn shown(account: &Account) -> (String, Vec<(Version, Vec<usize>)>) {
    let numbers = |hosts: &Vec<HostIx>| hosts.iter().map(|host| host.0).collect();
    let versions = account.versions.iter().map(|(version, hosts)| (version.clone(), numbers(hosts)));
    (account.path.to_string(), versions.collect())
}

#[test]
fn the_version_of_most_hosts_comes_first_and_what_is_missing_is_one() {
    let one = |version| vec![("", version)];
    let hosts = [one(file(1)), one(file(2)), one(Version::Missing), one(file(2)), one(Version::Folder)];
    let hosts: Vec<&[_]> = hosts.iter().map(Vec::as_slice).collect();
    let versions = versions(&hosts);
    let accounts = accounts(&versions);
    assert_eq!(accounts.len(), 1);
    let expected = vec![
        (file(2), vec![1, 3]),
        (file(1), vec![0]),
        (Version::Folder, vec![4]),
        (Version::Missing, vec![2]),
    ];
    assert_eq!(shown(&accounts[0]).1, expected);
    assert_eq!(versions.answered(), 5);
    assert_eq!((accounts[0].of(HostIx(4)), accounts[0].of(HostIx(7))), (Some(2), None));
    let survey = versions.survey();
    let top = versions.paths(&survey).next().expect("there is one");
    assert!(!top.is_same() && top.of_all().is_none());
}

#[test]
fn what_lies_in_a_folder_counts_only_where_the_folder_is() {
    let tree =
        |letter| vec![("", Version::Folder), ("a", Version::Folder), ("a/x", file(letter)), ("b", file(9))];
    let without = vec![("", Version::Folder), ("b", file(9))];
    let empty = vec![("", Version::Folder), ("a", Version::Folder), ("b", file(9))];
    let hosts = [tree(1), tree(1), without, empty, vec![("", Version::Missing)]];
    let hosts: Vec<&[_]> = hosts.iter().map(Vec::as_slice).collect();
    let accounts = accounts(&versions(&hosts));
    let seen: Vec<_> = accounts.iter().map(shown).collect();
    assert_eq!(
        seen,
        [
            ("".to_owned(), vec![(Version::Folder, vec![0, 1, 2, 3]), (Version::Missing, vec![4])]),
            ("a".to_owned(), vec![(Version::Folder, vec![0, 1, 3]), (Version::Missing, vec![2])]),
            ("a/x".to_owned(), vec![(file(1), vec![0, 1]), (Version::Missing, vec![3])]),
            ("b".to_owned(), vec![(file(9), vec![0, 1, 2, 3])]),
        ]
    );
}

#[test]
fn what_all_have_has_the_marks_that_all_of_them_give() {
    let rows: &[(&str, Version)] = &[("", Version::Folder), ("f", file(1))];
    let versions = versions(&[rows, rows, rows]);
    let survey = versions.survey();
    let all: Vec<_> = versions.paths(&survey).map(|at| (at.path().to_string(), at.of_all())).collect();
    let expected = Marks { mode: 0o644, mtime: 8 };
    assert_eq!(
        all,
        [(String::new(), Some((&Version::Folder, expected))), ("f".to_owned(), Some((&file(1), expected)))]
    );
}

#[test]
fn a_host_that_breaks_off_has_said_nothing() {
    let rows: &[(&str, Version)] = &[("", Version::Folder), ("f", file(1))];
    let mut versions = versions(&[rows]);
    // The second host is seen in part, with a path that nobody else has, and is lost.
    let lost = seen(&mut versions, &[("", Version::Folder), ("g", file(2))], Marks { mode: 0, mtime: 0 });
    drop(lost);
    let accounts = accounts(&versions);
    assert_eq!(accounts.iter().map(|account| account.path.to_string()).collect::<Vec<_>>(), ["", "f"]);
    let survey = versions.survey();
    assert!(versions.paths(&survey).all(|at| at.is_same()));
    assert_eq!(versions.paths(&survey).last().and_then(|at| at.of_all()), Some((&file(1), marks(0))));
}

#[test]
fn a_folder_that_turns_out_unreadable_is_that_whatever_it_was_before() {
    let mut versions = Versions::default();
    let mut sieve = Sieve::new(Where::top());
    for name in [&b"a"[..], b"b"] {
        let stat = Stat { kind: Kind::Dir, mode: 0o755, mtime: 1, owner: None };
        sieve.add(&Found { name: name.into(), stat });
    }
    let sifted = Arc::new(sieve.end());
    let (folder, unread) =
        (versions.version(Version::Folder), versions.version(Version::Unreadable(FileFault::NoRight)));
    let mut seen = Seen::default();
    seen.top(folder, Marks::ALL);
    seen.folder(&sifted);
    (0..2).for_each(|at| seen.is(&sifted.place_of(at), folder));
    seen.is(&sifted.place_of(1), unread);
    versions.tree(HostIx(0), &seen).expect("there is room");
    let told: Vec<_> = accounts(&versions).iter().map(|account| account.versions[0].0.clone()).collect();
    assert_eq!(told, [Version::Folder, Version::Folder, Version::Unreadable(FileFault::NoRight)]);
}

#[test]
fn equal_trees_are_kept_once_and_many_hosts_that_all_differ_are_told_apart() {
    let rows: &[(&str, Version)] = &[("", file(1))];
    let same = versions(&[rows; 50]);
    assert_eq!((same.trees.len(), same.pairs, same.answered()), (1, 1, 50));
    let apart: Vec<Vec<(&str, Version)>> = (0..1000u64)
        .map(|size| vec![("", Version::Folder), ("f", Version::File { size, sha256: [0; 32] })])
        .collect();
    let apart: Vec<&[_]> = apart.iter().map(Vec::as_slice).collect();
    let accounts = accounts(&versions(&apart));
    assert_eq!(accounts.iter().map(|account| account.versions.len()).collect::<Vec<_>>(), [1, 1000]);
}
