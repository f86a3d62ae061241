//! Entries taken out of the text of a known_hosts file: pure, from text to text.
//!
//! Only what was named is touched: the name of one host in lines that hold one of these keys. A line that names other
//! hosts too keeps them, a line whose pattern takes the host is not rewritten, and lines with a marker never are. All
//! other bytes stay as they are.

use std::collections::{BTreeMap, BTreeSet};

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

/// What becomes of a line.
#[derive(Debug, PartialEq, Eq)]
enum Cut {
    Kept,
    Gone,
    Changed(Vec<u8>),
    Stuck(Vec<u8>),
}

/// The text without what is cut.
pub(super) fn cut(text: &[u8], cuts: &Cuts) -> Result<Vec<u8>, Stuck> {
    let mut left = Vec::with_capacity(text.len());
    for (n, whole) in text.split_inclusive(|&byte| byte == b'\n').enumerate() {
        let line = whole.strip_suffix(b"\n").unwrap_or(whole);
        match cut_line(line, cuts) {
            Cut::Kept => left.extend_from_slice(whole),
            Cut::Gone => {}
            Cut::Changed(line_left) => {
                left.extend_from_slice(&line_left);
                left.extend_from_slice(&whole[line.len()..]);
            }
            Cut::Stuck(pattern) => return Err(Stuck { line: n + 1, pattern }),
        }
    }
    Ok(left)
}

/// Whether a line of the text would be stuck.
pub(super) fn stuck(text: &[u8], line: usize, cuts: &Cuts) -> Option<Stuck> {
    let whole = text.split(|&byte| byte == b'\n').nth(line.checked_sub(1)?)?;
    match cut_line(whole, cuts) {
        Cut::Stuck(pattern) => Some(Stuck { line, pattern }),
        _ => None,
    }
}

fn cut_line(line: &[u8], cuts: &Cuts) -> Cut {
    let Some(read) = file::read(line).filter(|read| read.marker == Marker::Plain) else { return Cut::Kept };
    let end = line.iter().position(|&byte| byte == 0).unwrap_or(line.len());
    let Some(key) = Key::read(&line[read.key_at..end]) else { return Cut::Kept };
    let Some(names) = cuts.get(&fingerprint(&key.blob)) else { return Cut::Kept };
    let named: Vec<&str> = names.iter().map(String::as_str).filter(|name| is_named(line, name)).collect();
    if named.is_empty() {
        return Cut::Kept;
    }
    if read.hosts[0] == b'|' {
        // A hashed name stands alone in its line.
        return Cut::Gone;
    }
    let is_cut = |part: &[u8]| named.iter().any(|name| part.eq_ignore_ascii_case(name.as_bytes()));
    let left: Vec<&[u8]> = read.hosts.split(|&byte| byte == b',').filter(|part| !is_cut(part)).collect();
    let takes = |part: &&&[u8]| named.iter().any(|name| accepts(&Pattern::list(part), name.as_bytes()));
    if let Some(pattern) = left.iter().find(takes) {
        return Cut::Stuck(pattern.to_vec());
    }
    if left.iter().all(|part| part.starts_with(b"!")) {
        return Cut::Gone;
    }
    // A line without a marker begins with its hosts, blanks apart.
    let hosts_at = line.iter().position(|byte| !matches!(byte, b' ' | b'\t')).unwrap_or(0);
    let behind = &line[hosts_at + read.hosts.len()..];
    Cut::Changed([&line[..hosts_at], &left.join(&b','), behind].concat())
}

fn is_named(line: &[u8], name: &str) -> bool {
    let mut index = Index::default();
    index.extend(line);
    !index.find(name).is_empty()
}

#[cfg(test)]
mod tests {
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

    /// A line is written as `HOSTS KEY REST`, its key as a digit.
    fn cut_of(lines: &[&str], entries: &[(u8, &str)]) -> Result<String, Stuck> {
        let text: String = lines.iter().map(|line| written(line)).collect();
        cut(text.as_bytes(), &cuts(entries)).map(|left| String::from_utf8(left).unwrap())
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
            assert_eq!(stuck(text.as_bytes(), line, &cuts(&[(1, "web")])), Some(expected.clone()));
            assert_eq!(cut_of(&lines, &[(1, "web")]), Err(expected), "{lines:?}");
        }
        assert_eq!(stuck(b"", 1, &cuts(&[(1, "web")])), None);
        assert_eq!(stuck(written("w* K2").as_bytes(), 1, &cuts(&[(1, "web")])), None);
    }

    #[test]
    fn odd_line_ends_stay() {
        let text = format!("a,web {}\r\nb {}", ed25519(1), ed25519(2));
        let left = cut(text.as_bytes(), &cuts(&[(1, "web")])).unwrap();
        assert_eq!(String::from_utf8(left).unwrap(), text.replace("a,web", "a"));
    }
}
