//! Which lines of a file name a host.
//!
//! Plain names are found by their text, so that thousands of lines cost nothing per host; patterns are few and tried
//! one by one; for hashed names see [`Hashes`].

use std::collections::HashMap;
use std::sync::OnceLock;

use super::file::{self, Marker};
use super::hashes::Hashes;
use super::key::Key;
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
    /// Whether any of them has a marker.
    is_marked: bool,
    plain: HashMap<Box<[u8]>, Vec<usize>>,
    patterns: Vec<(Vec<Pattern>, usize)>,
    hashes: Hashes,
    /// The lines with each of `hashes`, by its number.
    hashed: HashMap<usize, Vec<usize>>,
    /// The lines that hold each key; made when first needed.
    keys: OnceLock<HashMap<Vec<u8>, Vec<usize>>>,
}

#[derive(Debug)]
struct Entry {
    marker: Marker,
    line: usize,
    /// The names' text, within `Index::text`.
    hosts: std::ops::Range<usize>,
    /// The key's text, likewise.
    key: std::ops::Range<usize>,
}

/// A line that names the host.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found<'a> {
    pub(super) marker: Marker,
    /// Counted from 1.
    pub(super) line: usize,
    /// The names and patterns, or the one hashed name.
    pub(super) hosts: &'a [u8],
    /// `algorithm base64 …`.
    pub(super) key: &'a [u8],
}

impl Index {
    /// An empty one, for a file that is read anew: what is known about hashed names stays.
    pub(super) fn anew(&mut self) -> Index {
        Index { hashes: std::mem::take(&mut self.hashes), ..Index::default() }
    }

    /// Takes in more of the file: whole lines, the last perhaps without its line end.
    pub(super) fn extend(&mut self, more: &[u8]) {
        let (mut at, known) = (self.text.len(), self.entries.len());
        self.text.extend_from_slice(more);
        let lines = more.split_inclusive(|&byte| byte == b'\n');
        for line in lines {
            self.lines += 1;
            let content = line.strip_suffix(b"\n").unwrap_or(line);
            if let Some(read) = file::read(content) {
                let end = at + content.iter().position(|&byte| byte == 0).unwrap_or(content.len());
                let hosts_at = at + read.hosts_at;
                let hosts = hosts_at..hosts_at + read.hosts.len();
                let entry =
                    Entry { marker: read.marker, line: self.lines, hosts, key: at + read.key_at..end };
                self.index(read.hosts, entry);
            }
            at += line.len();
        }
        if let Some(mut keys) = self.keys.take() {
            self.enter_keys(&mut keys, known);
            self.keys = OnceLock::from(keys);
        }
    }

    /// Enters the keys of the entries from the number `from` on.
    fn enter_keys(&self, keys: &mut HashMap<Vec<u8>, Vec<usize>>, from: usize) {
        for (id, entry) in self.entries.iter().enumerate().skip(from) {
            if let Some(key) = Key::read(&self.text[entry.key.clone()]) {
                keys.entry(key.blob).or_default().push(id);
            }
        }
    }

    /// What was taken in.
    pub(super) fn text(&self) -> &[u8] {
        &self.text
    }

    /// How many bytes were taken in.
    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    /// Whether any line has a marker.
    pub(super) fn has_markers(&self) -> bool {
        self.is_marked
    }

    /// Whether the text ends within a line.
    pub(super) fn is_torn(&self) -> bool {
        self.text.last().is_some_and(|&byte| byte != b'\n')
    }

    fn index(&mut self, hosts: &[u8], entry: Entry) {
        let id = self.entries.len();
        if hosts[0] == b'|' {
            let Some(number) = self.hashes.number(hosts) else { return };
            self.hashed.entry(number).or_default().push(id);
        } else if hosts
            .split(|&byte| byte == b',')
            .any(|part| part.strip_prefix(b"!").unwrap_or(part).len() >= SUBPATTERN)
        {
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
        self.is_marked |= entry.marker != Marker::Plain;
        self.entries.push(entry);
    }

    /// The lines that name `name` (`host` or `[host]:port`, in lower case), in the order of the file.
    pub(super) fn find(&self, name: &str) -> Vec<Found<'_>> {
        self.ids(name.as_bytes()).into_iter().map(|id| self.found(id)).collect()
    }

    /// Whether a line that does not name `name` holds this key.
    pub(super) fn elsewhere(&self, name: &str, blob: &[u8]) -> bool {
        let keys = self.keys.get_or_init(|| {
            let mut keys = HashMap::new();
            self.enter_keys(&mut keys, 0);
            keys
        });
        let named = self.ids(name.as_bytes());
        keys.get(blob).is_some_and(|ids| ids.iter().any(|id| named.binary_search(id).is_err()))
    }

    /// The line with this number, counted from 1, if it names anybody.
    pub(super) fn at(&self, line: usize) -> Option<Found<'_>> {
        Some(self.found(self.entries.binary_search_by_key(&line, |entry| entry.line).ok()?))
    }

    fn ids(&self, name: &[u8]) -> Vec<usize> {
        let mut ids = self.plain.get(name).cloned().unwrap_or_default();
        ids.extend(self.patterns.iter().filter(|(patterns, _)| accepts(patterns, name)).map(|&(_, id)| id));
        let hashed = self.hashes.of(name);
        ids.extend(hashed.iter().filter_map(|number| self.hashed.get(number)).flatten());
        ids.sort_unstable();
        ids
    }

    fn found(&self, id: usize) -> Found<'_> {
        let Entry { marker, line, hosts, key } = &self.entries[id];
        Found { marker: *marker, line: *line, hosts: &self.text[hosts.clone()], key: &self.text[key.clone()] }
    }

    /// The lines of the text, with their line ends, counted from 1.
    pub(super) fn lines(&self) -> impl Iterator<Item = (usize, &[u8])> {
        (1..).zip(self.text.split_inclusive(|&byte| byte == b'\n'))
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
        crate::ssh::known_hosts::hashes::hash(name, &[7; 20])
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
    fn what_was_hashed_once_is_known_when_the_file_is_read_anew() {
        let mut index = Index::default();
        index.extend(format!("{} k\n{} k\n", hashed("a"), hashed("b")).as_bytes());
        assert_eq!(index.find("b").len(), 1);
        assert_eq!(index.hashes.work(), 2);
        let mut index = index.anew();
        index.extend(format!("{} k\nx k\n{} k\n{} k\n", hashed("b"), hashed("b"), hashed("c")).as_bytes());
        assert_eq!(index.find("b").iter().map(|found| found.line).collect::<Vec<_>>(), [1, 3]);
        assert_eq!(index.hashes.work(), 3, "the new one alone was tried");
    }

    #[test]
    fn keys_under_other_names_are_seen() {
        use crate::ssh::known_hosts::key::tests::ed25519;
        let mut index = Index::default();
        let text = format!("a {}\na,b {}\n{} {}\n", ed25519(1), ed25519(2), hashed("c"), ed25519(2));
        index.extend(text.as_bytes());
        let blob = |byte| Key::read(ed25519(byte).as_bytes()).unwrap().blob;
        assert!(!index.elsewhere("a", &blob(1)) && index.elsewhere("a", &blob(2)));
        assert!(index.elsewhere("c", &blob(2)) && !index.elsewhere("a", &blob(3)));
        index.extend(format!("z {}\n", ed25519(1)).as_bytes());
        assert!(index.elsewhere("a", &blob(1)));
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
