//! Which lines of a file name a host.
//!
//! Plain names are found by their text, so that thousands of lines cost nothing per host; patterns are few and tried
//! one by one; a hashed name can only be tried by hashing, so what was found for a name is kept.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

use super::file::{self, Marker};
use crate::ssh::pattern::{Pattern, accepts};

/// A subpattern of this length or more makes ssh give up on its line.
const SUBPATTERN: usize = 1023;

/// The text of a known_hosts file with an index.
#[derive(Debug, Default)]
pub(super) struct Index {
    text: Vec<u8>,
    /// Lines counted so far.
    lines: usize,
    entries: Vec<Entry>,
    plain: HashMap<Box<[u8]>, Vec<usize>>,
    patterns: Vec<(Vec<Pattern>, usize)>,
    hashed: Vec<(HashedName, usize)>,
    /// What was found among `hashed` for a name, and how many of them were tried.
    tried: HashMap<Box<[u8]>, (usize, Vec<usize>)>,
}

#[derive(Debug)]
struct Entry {
    marker: Marker,
    line: usize,
    /// The key's text, within `Index::text`.
    key: std::ops::Range<usize>,
}

/// A line that names the host.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found<'a> {
    pub(super) marker: Marker,
    /// Counted from 1.
    pub(super) line: usize,
    /// `algorithm base64 …`.
    pub(super) key: &'a [u8],
}

impl Index {
    /// Takes in more of the file: whole lines, the last perhaps without its line end.
    pub(super) fn extend(&mut self, more: &[u8]) {
        let mut at = self.text.len();
        self.text.extend_from_slice(more);
        let lines = more.split_inclusive(|&byte| byte == b'\n');
        for line in lines {
            self.lines += 1;
            let content = line.strip_suffix(b"\n").unwrap_or(line);
            if let Some(read) = file::read(content) {
                let end = at + content.iter().position(|&byte| byte == 0).unwrap_or(content.len());
                let entry = Entry { marker: read.marker, line: self.lines, key: at + read.key_at..end };
                self.index(read.hosts, entry);
            }
            at += line.len();
        }
    }

    /// How many bytes were taken in.
    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    /// Whether the text ends within a line.
    pub(super) fn is_torn(&self) -> bool {
        self.text.last().is_some_and(|&byte| byte != b'\n')
    }

    fn index(&mut self, hosts: &[u8], entry: Entry) {
        let id = self.entries.len();
        if hosts[0] == b'|' {
            let Some(hashed) = HashedName::read(hosts) else { return };
            self.hashed.push((hashed, id));
        } else if hosts.split(|&byte| byte == b',').any(|part| part.len() > SUBPATTERN) {
            return;
        } else {
            let patterns = Pattern::list(hosts);
            match patterns.iter().map(Pattern::exact).collect::<Option<Vec<_>>>() {
                Some(names) => names.into_iter().for_each(|name| {
                    let ids = self.plain.entry(name.into()).or_default();
                    if ids.last() != Some(&id) {
                        ids.push(id);
                    }
                }),
                None => self.patterns.push((patterns, id)),
            }
        }
        self.entries.push(entry);
    }

    /// The lines that name `name` (`host` or `[host]:port`, in lower case), in the order of the file.
    pub(super) fn find(&mut self, name: &str) -> Vec<Found<'_>> {
        let name = name.as_bytes();
        let mut ids = self.plain.get(name).cloned().unwrap_or_default();
        ids.extend(self.patterns.iter().filter(|(patterns, _)| accepts(patterns, name)).map(|&(_, id)| id));
        if !self.hashed.is_empty() {
            let (tried, found) = self.tried.entry(name.into()).or_default();
            found.extend(
                self.hashed[*tried..].iter().filter(|(hashed, _)| hashed.is(name)).map(|&(_, id)| id),
            );
            *tried = self.hashed.len();
            ids.extend(found.iter());
        }
        ids.sort_unstable();
        let found = |id: usize| {
            let Entry { marker, line, key } = &self.entries[id];
            Found { marker: *marker, line: *line, key: &self.text[key.clone()] }
        };
        ids.into_iter().map(found).collect()
    }
}

/// `|1|salt|hash`: HMAC-SHA1 of the name under the salt.
#[derive(Debug)]
struct HashedName {
    /// The keyed start, made once; a clone of it hashes a name.
    hmac: Hmac<Sha1>,
    hash: Box<[u8]>,
}

impl HashedName {
    /// Reads the whole host field; other schemes than 1 and salts of another length than 20 are invalid.
    fn read(text: &[u8]) -> Option<HashedName> {
        let rest = text.strip_prefix(b"|1|")?;
        let bar = rest.iter().position(|&byte| byte == b'|')?;
        let salt = STANDARD.decode(&rest[..bar]).ok().filter(|salt| salt.len() == 20)?;
        let hash = STANDARD.decode(&rest[bar + 1..]).ok()?;
        Some(HashedName { hmac: Hmac::new_from_slice(&salt).ok()?, hash: hash.into() })
    }

    fn is(&self, name: &[u8]) -> bool {
        self.hmac.clone().chain_update(name).finalize().into_bytes()[..] == self.hash[..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8], name: &str) -> Vec<usize> {
        let mut index = Index::default();
        index.extend(text);
        index.find(name).iter().map(|found| found.line).collect()
    }

    fn hashed(name: &str) -> String {
        let salt = [7; 20];
        let mac = Hmac::<Sha1>::new_from_slice(&salt).unwrap().chain_update(name).finalize().into_bytes();
        format!("|1|{}|{}", STANDARD.encode(salt), STANDARD.encode(mac))
    }

    #[test]
    fn names_are_found() {
        let hash = hashed("[web]:2222");
        let text = format!(
            "web k\nWEB,db k\n*.org,!bad.org k\n{hash} k\n[web]:2222 k\n# web k\n@revoked w?b k\n!web k\n"
        );
        for (name, expected) in [
            ("web", vec![1, 2, 7]),
            ("db", vec![2]),
            ("good.org", vec![3]),
            ("bad.org", vec![]),
            ("[web]:2222", vec![4, 5]),
            ("x", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(lines(text.as_bytes(), name), expected, "{name}");
        }
    }

    #[test]
    fn bad_host_fields_match_nothing() {
        let long = "y".repeat(SUBPATTERN + 1);
        let good = hashed("web");
        let text =
            format!("web,{long} k\n|2|{} k\n{good}= k\n|1|{} k\n|1|AAAA|AAAA k\n", &good[3..], &good[3..30]);
        assert_eq!(lines(text.as_bytes(), "web"), Vec::<usize>::new());
        assert_eq!(lines(b"\xff\xfe,web k", "web"), vec![1]);
    }

    #[test]
    fn no_text_makes_it_panic() {
        use crate::ssh::known_hosts::key::{Key, tests::ed25519};
        let key = ed25519(1);
        let whole =
            format!("@revoked w*,!x {key} c\n{} {key}\r\n[web]:22\t{key}", hashed("web")).into_bytes();
        for at in 0..whole.len() {
            for byte in [b' ', b'\t', b'\n', b'|', b'@', b',', b'*', b'=', 0, 0xff] {
                let mut text = whole.clone();
                text[at] = byte;
                for text in [&text[..], &text[..=at]] {
                    let mut index = Index::default();
                    index.extend(text);
                    for name in ["web", "[web]:22", ""] {
                        index.find(name).iter().for_each(|found| drop(Key::read(found.key)));
                    }
                }
            }
        }
    }

    #[test]
    fn growth_is_seen() {
        let mut index = Index::default();
        index.extend(format!("a k\n{} k", hashed("b")).as_bytes());
        assert!(index.is_torn());
        assert_eq!(index.find("b").len(), 1);
        index.extend(format!("\n{} k\nb k\n", hashed("b")).as_bytes());
        assert!(!index.is_torn());
        assert_eq!(index.find("b").iter().map(|found| found.line).collect::<Vec<_>>(), [2, 4, 5]);
    }
}
