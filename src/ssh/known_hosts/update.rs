//! What the keys that a host announces (`UpdateHostKeys`, OpenSSH's PROTOCOL section 2.5) change in its lines.
//!
//! Theory: as in ssh, lines that somebody wrote by hand stay untouched: where a marker, a pattern or a list of more
//! than two names is involved, or where one of the keys also stands under another name, nothing is changed at all. A
//! host never gets more lines than it announced keys.

use std::collections::HashSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::file::Marker;
use super::hashes;
use super::key::Key;
use super::matcher::Index;
use crate::ssh::target::Names;

/// A host announces at most so many keys; who announces more is not listened to.
pub(crate) const KEYS: usize = 32;

/// What is to be done about announced keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Nothing: all is known, or the lines are such that they are left alone.
    Nothing,
    /// The host is to prove that it holds these, which are new; then its lines may be brought up to date.
    Prove(Vec<Vec<u8>>),
    /// Its lines may be brought up to date: some of its keys are no longer in use.
    Write,
}

/// What the files say about a host that announces keys; made by looking at each file once.
#[derive(Debug)]
pub(super) struct Survey<'a> {
    name: &'a str,
    announced: &'a [Vec<u8>],
    held: Vec<bool>,
    /// Held and not announced.
    pub(super) old: Vec<Vec<u8>>,
    left_alone: bool,
}

impl<'a> Survey<'a> {
    pub(super) fn new(name: &'a str, announced: &'a [Vec<u8>]) -> Survey<'a> {
        Survey { name, announced, held: vec![false; announced.len()], old: Vec::new(), left_alone: false }
    }

    /// Looks at one of the user's files.
    pub(super) fn look(&mut self, index: &Index) {
        for found in index.find(self.name) {
            let Some(key) = Key::read(found.key) else { continue };
            if found.marker != Marker::Plain || is_complex(found.hosts) {
                self.left_alone = true;
            } else if let Some(at) = self.announced.iter().position(|announced| *announced == key.blob) {
                self.held[at] = true;
            } else if !self.old.contains(&key.blob) {
                self.old.push(key.blob);
            }
        }
        self.left_alone |= self.announced.iter().any(|key| index.elsewhere(self.name, key));
    }

    /// Looks at one of the user's files again, when `old` is complete.
    pub(super) fn look_for_old(&mut self, index: &Index) {
        self.left_alone |= self.old.iter().any(|key| index.elsewhere(self.name, key));
    }

    /// What is to be done, where the host has proven itself with `presented`.
    pub(super) fn plan(&self, presented: &[u8]) -> Plan {
        let announced = || self.announced.iter().zip(&self.held);
        // Who is known by another file, or only by the name without a port, is not listened to.
        let is_trusted = self.old.iter().any(|key| key == presented)
            || announced().any(|(key, &held)| held && key == presented);
        let new: Vec<Vec<u8>> = announced().filter(|(_, held)| !**held).map(|(key, _)| key.clone()).collect();
        if !is_trusted || self.left_alone || (new.is_empty() && self.old.is_empty()) {
            Plan::Nothing
        } else if new.is_empty() {
            Plan::Write
        } else {
            Plan::Prove(new)
        }
    }
}

/// Whether a host field was written by hand: patterns, or more than two names.
fn is_complex(hosts: &[u8]) -> bool {
    hosts.iter().any(|byte| b"*?".contains(byte)) || hosts.iter().filter(|&&byte| byte == b',').count() > 1
}

/// The keys of one host, all proven or known, which are to take the place of those it had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) name: String,
    pub(super) names: Names,
    pub(super) keys: Vec<Vec<u8>>,
}

/// Which of the user's files one is for a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The only one: a host that is no longer in it was taken out since it announced its keys, and does not come back.
    Only,
    /// The first, which keeps what is learned.
    First,
    /// Another one: only what a host no longer has is taken out of it.
    Other,
}

/// The text of a file after changes; `None` where nothing changes.
pub(super) fn rewrite(index: &Index, changes: &[(Role, &Change)]) -> Option<Vec<u8>> {
    let mut dropped = HashSet::new();
    let mut added = String::new();
    for (role, change) in changes {
        let found = index.find(&change.name);
        let held = || found.iter().filter_map(|found| Some((found, Key::read(found.key)?)));
        // Somebody may have written such a line since the change was planned.
        if held().any(|(found, _)| found.marker != Marker::Plain || is_complex(found.hosts)) {
            continue;
        }
        if *role == Role::Only && held().next().is_none() {
            continue;
        }
        let keeps = *role != Role::Other;
        let mut kept = Vec::new();
        for (found, key) in held() {
            if keeps && change.keys.contains(&key.blob) {
                kept.push(key.blob);
            } else {
                dropped.insert(found.line);
            }
        }
        let new = change.keys.iter().filter(|key| keeps && !kept.contains(key));
        new.filter_map(|key| line(&change.name, change.names, key)).for_each(|line| added.push_str(&line));
    }
    if dropped.is_empty() && added.is_empty() {
        return None;
    }
    let mut text = Vec::new();
    for (_, line) in index.lines().filter(|(line, _)| !dropped.contains(line)) {
        text.extend_from_slice(line);
        if !line.ends_with(b"\n") {
            text.push(b'\n');
        }
    }
    text.extend_from_slice(added.as_bytes());
    Some(text)
}

/// The line that keeps a key under a name, with its line end; `None` for a key of no known type.
pub(super) fn line(name: &str, names: Names, blob: &[u8]) -> Option<String> {
    let key = Key::from_blob(blob.to_vec()).filter(|key| !key.is_certificate())?;
    let name = match names {
        Names::Plain => name.to_owned(),
        Names::Hashed => hashes::hashed(name),
    };
    Some(format!("{name} {} {}\n", key.algorithm, STANDARD.encode(blob)))
}

#[cfg(test)]
mod tests {
    use super::super::key::tests::ed25519;
    use super::*;

    fn blob(byte: u8) -> Vec<u8> {
        Key::read(ed25519(byte).as_bytes()).unwrap().blob
    }

    /// `1` to `9` after a blank stand for keys.
    fn file(text: &str) -> Index {
        let text = (1..=9)
            .fold(text.to_owned(), |text, n| text.replace(&format!(" {n}\n"), &format!(" {}\n", ed25519(n))));
        let mut index = Index::default();
        index.extend(text.as_bytes());
        index
    }

    fn plan(files: &[&str], presented: u8, announced: &[u8]) -> Plan {
        let announced: Vec<Vec<u8>> = announced.iter().map(|&byte| blob(byte)).collect();
        let mut survey = Survey::new("web", &announced);
        let files: Vec<Index> = files.iter().map(|text| file(text)).collect();
        files.iter().for_each(|index| survey.look(index));
        files.iter().for_each(|index| survey.look_for_old(index));
        survey.plan(&blob(presented))
    }

    #[test]
    fn announced_keys_are_compared_with_the_lines() {
        let prove = |keys: &[u8]| Plan::Prove(keys.iter().map(|&byte| blob(byte)).collect());
        for (title, files, announced, expected) in [
            ("all known", &["web 1\nweb 2\n"][..], &[1, 2][..], Plan::Nothing),
            ("one new", &["web 1\n"], &[1, 2], prove(&[2])),
            ("one new, one old", &["web 1\nweb 3\n"], &[2, 1], prove(&[2])),
            ("one old", &["web 1\nweb 2\n"], &[1], Plan::Write),
            ("its own key is gone", &["web 1\n"], &[2], prove(&[2])),
            ("known by another file", &["db 9\n"], &[1, 2], Plan::Nothing),
            ("in the second file", &["", "web 1\n"], &[1, 2], prove(&[2])),
            ("a pattern", &["w* 1\n"], &[1, 2], Plan::Nothing),
            ("two names", &["web,10.0.0.1 1\n"], &[1, 2], prove(&[2])),
            ("three names", &["web,a,b 1\n"], &[1, 2], Plan::Nothing),
            ("an authority", &["web 1\n@cert-authority * 3\n"], &[1, 2], Plan::Nothing),
            ("a revocation", &["web 1\n@revoked web 3\n"], &[1, 2], Plan::Nothing),
            ("the same key elsewhere", &["web 1\ndb 1\n"], &[1, 2], Plan::Nothing),
            ("the new key elsewhere", &["web 1\n", "db 2\n"], &[1, 2], Plan::Nothing),
            ("the old key elsewhere", &["web 1\nweb 3\n", "db 3\n"], &[1, 2], Plan::Nothing),
        ] {
            assert_eq!(plan(files, 1, announced), expected, "{title}");
        }
    }

    #[test]
    fn lines_are_replaced_and_all_others_stay() {
        let index = file("# mine\nweb 1\nweb 3\ndb 3\nweb what\n@revoked db 4\nlast 5");
        let keys = vec![blob(1), blob(2)];
        let change = Change { name: "web".to_owned(), names: Names::Plain, keys: keys.clone() };
        let lines = |text: Vec<u8>| String::from_utf8(text).unwrap();
        let key = ed25519;
        let first = lines(rewrite(&index, &[(Role::First, &change)]).unwrap());
        let rest = format!("db {}\nweb what\n@revoked db {}\nlast 5\n", key(3), key(4));
        assert_eq!(first, format!("# mine\nweb {}\n{rest}web {}\n", key(1), key(2)));
        let second = lines(rewrite(&index, &[(Role::Other, &change)]).unwrap());
        assert_eq!(second, format!("# mine\n{rest}"));
        // Nothing is left to do.
        let mut done = Index::default();
        done.extend(first.as_bytes());
        assert_eq!(rewrite(&done, &[(Role::First, &change)]), None);
        // Meanwhile somebody revoked a key of the host.
        assert_eq!(rewrite(&file("web 3\n@revoked web 4\n"), &[(Role::First, &change)]), None);
        // Meanwhile somebody took the host out.
        assert_eq!(rewrite(&file("db 3\n"), &[(Role::Only, &change)]), None);
        let only = rewrite(&index, &[(Role::Only, &change)]).map(lines);
        assert_eq!(only, Some(first.clone()));
        // Two hosts at once, one hashed.
        let other = Change { name: "new".to_owned(), names: Names::Hashed, keys };
        let mut both = Index::default();
        both.extend(&rewrite(&index, &[(Role::First, &change), (Role::First, &other)]).unwrap());
        assert_eq!((both.find("web").len(), both.find("new").len(), both.find("db").len()), (3, 2, 2));
    }
}
