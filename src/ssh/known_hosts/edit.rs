//! Entries taken out of the text of a known_hosts file: pure, from text to text.
//!
//! Only what was named is touched: the name of one host in lines that hold one of these keys. A line that names other
//! hosts too keeps them, a line whose pattern takes the host is not rewritten, and lines with a marker never are. All
//! other bytes stay as they are.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::file::{self, Marker};
use super::key::Key;
use super::matcher::Index;
use super::verdict::fingerprint;
use crate::ssh::pattern::{Pattern, accepts};

/// What is taken out: by the fingerprint of a key, the names (`name` or `[name]:port`) that no longer have it.
pub(super) type Cuts = BTreeMap<String, BTreeSet<String>>;

/// A line that names a host by a pattern, so that the host cannot be taken out of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stuck {
    /// Counted from 1.
    pub(super) line: usize,
    /// The pattern.
    pub(super) pattern: Vec<u8>,
}

/// What becomes of a line that names a host which is taken out of it.
#[derive(Debug, PartialEq, Eq)]
enum Cut {
    Gone,
    /// What is left of its names.
    Left(Vec<u8>),
    Stuck(Vec<u8>),
}

/// The text without what is cut.
///
/// The lines are found by the index, so that a fleet of one key costs no more than as many hosts with keys of their own.
pub(super) fn cut(index: &Index, cuts: &Cuts) -> Result<Vec<u8>, Stuck> {
    let named = named(index, cuts);
    let mut left = Vec::with_capacity(index.len());
    for (line, whole) in index.lines() {
        let read = file::read(whole.strip_suffix(b"\n").unwrap_or(whole));
        let (Some(names), Some(read)) = (named.get(&line), read) else {
            left.extend_from_slice(whole);
            continue;
        };
        match cut_hosts(read.hosts, names) {
            Cut::Gone => {}
            Cut::Left(hosts) => {
                left.extend_from_slice(&whole[..read.hosts_at]);
                left.extend_from_slice(&hosts);
                left.extend_from_slice(&whole[read.hosts_at + read.hosts.len()..]);
            }
            Cut::Stuck(pattern) => return Err(Stuck { line, pattern }),
        }
    }
    Ok(left)
}

/// Whether a host could not be taken out of this line.
pub(super) fn stuck(index: &Index, line: usize, name: &str) -> Option<Stuck> {
    let found = index.at(line).filter(|found| found.marker == Marker::Plain)?;
    match cut_hosts(found.hosts, &BTreeSet::from([name])) {
        Cut::Stuck(pattern) => Some(Stuck { line, pattern }),
        Cut::Gone | Cut::Left(_) => None,
    }
}

/// The lines that lose names, with these.
fn named<'a>(index: &Index, cuts: &'a Cuts) -> HashMap<usize, BTreeSet<&'a str>> {
    let mut prints: HashMap<&str, HashSet<&str>> = HashMap::new();
    for (print, names) in cuts {
        for name in names {
            prints.entry(name).or_default().insert(print);
        }
    }
    let mut named: HashMap<usize, BTreeSet<&str>> = HashMap::new();
    for (name, prints) in prints {
        let plain = index.find(name).into_iter().filter(|found| found.marker == Marker::Plain);
        for found in plain {
            if Key::read(found.key).is_some_and(|key| prints.contains(&*fingerprint(&key.blob))) {
                named.entry(found.line).or_default().insert(name);
            }
        }
    }
    named
}

/// Takes these names, in lower case, out of the names of a line that takes them.
fn cut_hosts(hosts: &[u8], names: &BTreeSet<&str>) -> Cut {
    if hosts[0] == b'|' {
        // A hashed name stands alone in its line.
        return Cut::Gone;
    }
    let lower = hosts.to_ascii_lowercase();
    let is_cut = |part: &[u8]| std::str::from_utf8(part).is_ok_and(|part| names.contains(part));
    let parts = lower.split(|&byte| byte == b',').zip(hosts.split(|&byte| byte == b','));
    let left: Vec<&[u8]> = parts.filter(|(lower, _)| !is_cut(lower)).map(|(_, part)| part).collect();
    let takes = |part: &&&[u8]| {
        let pattern = Pattern::list(part);
        pattern[0].exact().is_none() && names.iter().any(|name| accepts(&pattern, name.as_bytes()))
    };
    if let Some(pattern) = left.iter().find(takes) {
        return Cut::Stuck(pattern.to_vec());
    }
    match left.iter().all(|part| part.starts_with(b"!")) {
        true => Cut::Gone,
        false => Cut::Left(left.join(&b',')),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use hmac::{Hmac, KeyInit, Mac};
    use sha1::Sha1;

    use super::*;
    use crate::ssh::known_hosts::key::tests::ed25519;

    fn cuts(entries: &[(u8, &str)]) -> Cuts {
        let mut cuts = Cuts::new();
        for (key, name) in entries {
            let key = Key::read(ed25519(*key).as_bytes()).unwrap();
            cuts.entry(fingerprint(&key.blob)).or_default().insert((*name).to_owned());
        }
        cuts
    }

    fn hashed(name: &str) -> String {
        let salt = [7; 20];
        let mac = Hmac::<Sha1>::new_from_slice(&salt).unwrap().chain_update(name).finalize().into_bytes();
        format!("|1|{}|{}", STANDARD.encode(salt), STANDARD.encode(mac))
    }

    fn index(text: &[u8]) -> Index {
        let mut index = Index::default();
        index.extend(text);
        index
    }

    /// A line is written as `HOSTS KEY REST`, its key as a digit.
    fn cut_of(lines: &[&str], entries: &[(u8, &str)]) -> Result<String, Stuck> {
        let text: String = lines.iter().map(|line| written(line)).collect();
        cut(&index(text.as_bytes()), &cuts(entries)).map(|left| String::from_utf8(left).unwrap())
    }

    fn written(line: &str) -> String {
        let key = |n: u8| (format!(" K{n}"), format!(" {}", ed25519(n)));
        [key(1), key(2)].iter().fold(line.to_owned(), |line, (short, long)| line.replace(short, long)) + "\n"
    }

    #[test]
    fn only_the_entries_of_this_host_and_key_go() {
        let hash = hashed("[web]:22");
        let (hash_1, hash_2) = (format!("{hash} K1 x"), format!("{hash} K2"));
        for (lines, left) in [
            (vec!["web K1"], vec![]),
            (vec!["web K1", "web K2", "db K1"], vec!["web K2", "db K1"]),
            (vec!["a,web,b K1 comment"], vec!["a,b K1 comment"]),
            (vec!["WEB,b K1", "  web,b\tx", "\t web,b K1"], vec!["b K1", "  web,b\tx", "\t b K1"]),
            (vec!["web,web K1"], vec![]),
            (vec!["web,!bad K1"], vec![]),
            (vec!["web,*.org K1"], vec!["*.org K1"]),
            (vec!["# web K1", "", "nonsense"], vec!["# web K1", "", "nonsense"]),
            (
                vec!["@revoked web K1", "@cert-authority web K1"],
                vec!["@revoked web K1", "@cert-authority web K1"],
            ),
            (vec!["!web,w* K1"], vec!["!web,w* K1"]),
            (vec![&hash_1, &hash_2], vec![&hash_1, &hash_2]),
        ] {
            let left: String = left.iter().map(|line| written(line)).collect();
            assert_eq!(cut_of(&lines, &[(1, "web")]), Ok(left), "{lines:?}");
        }
        assert_eq!(cut_of(&[&hash_1, &hash_2], &[(1, "[web]:22"), (1, "db")]), Ok(written(&hash_2)));
    }

    #[test]
    fn a_pattern_that_takes_the_host_is_not_rewritten() {
        for (lines, line, pattern) in
            [(vec!["db K1", "w* K1"], 2, "w*"), (vec!["web,we? K1"], 1, "we?"), (vec!["W*,!bad K1"], 1, "W*")]
        {
            let expected = Stuck { line, pattern: pattern.into() };
            let text: String = lines.iter().map(|line| written(line)).collect();
            assert_eq!(stuck(&index(text.as_bytes()), line, "web"), Some(expected.clone()));
            assert_eq!(cut_of(&lines, &[(1, "web")]), Err(expected), "{lines:?}");
        }
        assert_eq!(stuck(&index(b""), 1, "web"), None);
        assert_eq!(stuck(&index(written("web,x* K2").as_bytes()), 1, "web"), None);
        assert_eq!(cut_of(&["w* K2"], &[(1, "web")]), Ok(written("w* K2")), "another key");
    }

    #[test]
    fn a_fleet_of_one_key_takes_no_time() {
        let entries: Vec<String> = (0..5000).map(|n| format!("web{n}")).collect();
        let text: String =
            entries.iter().map(|name| format!("{name} {0}\nx{name} {0}\n", ed25519(1))).collect();
        let entries: Vec<(u8, &str)> = entries.iter().map(|name| (1, name.as_str())).collect();
        let list = index(text.as_bytes());
        let start = Instant::now();
        let left = cut(&list, &cuts(&entries)).unwrap();
        assert_eq!(left.split(|&byte| byte == b'\n').filter(|line| line.starts_with(b"xweb")).count(), 5000);
        assert!(!left.starts_with(b"web"));
        // Each name is looked for once; a look at each line for each name takes minutes.
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    }

    #[test]
    fn odd_line_ends_stay() {
        let text = format!("a,web {}\r\nb {}", ed25519(1), ed25519(2));
        let left = cut(&index(text.as_bytes()), &cuts(&[(1, "web")])).unwrap();
        assert_eq!(String::from_utf8(left).unwrap(), text.replace("a,web", "a"));
    }
}
