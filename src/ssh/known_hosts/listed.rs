//! A list of host keys that was obtained elsewhere, to compare with what hosts present: pure.
//!
//! It says what is right and decides nothing: nobody learns a key from it that the host did not present. Read are lines
//! of known_hosts, as `ssh-keyscan` and an inventory write them, and fingerprints: `HOST SHA256:…`, or as
//! `ssh-keygen -l` prints them. A line that is neither is an error, since a list that was read in part proves nothing.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::file::{self, Marker};
use super::key::Key;
use super::matcher::Index;
use super::verdict::fingerprint;
use crate::escape;

/// A line that says nothing we understand.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: `{text}` is neither a line of known_hosts nor HOST SHA256:FINGERPRINT")]
pub struct ListError {
    /// Counted from 1.
    pub line: usize,
    /// The line, escaped and cut.
    pub text: String,
}

/// What the list says about a key that a host presents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Listing {
    /// It holds this key for the host.
    Match,
    /// It holds another in its place, or says that it is revoked.
    Mismatch,
    /// It names the host, and says nothing about a key of this type.
    Unlisted,
    /// It does not name the host.
    Absent,
}

/// The list.
#[derive(Debug, Default)]
pub struct Listed {
    lines: Index,
    /// By name in lower case.
    fingerprints: HashMap<String, Vec<Entry>>,
}

/// A fingerprint of the list.
#[derive(Clone, Debug)]
struct Entry {
    fingerprint: String,
    /// The type as `ssh-keygen -l` prints it, where it stands there: `ED25519`.
    kind: Option<String>,
}

/// What the list holds for a host.
#[derive(Debug, Default)]
struct Held {
    right: Vec<Entry>,
    revoked: Vec<String>,
}

impl Listed {
    /// Reads a list.
    pub fn parse(text: &[u8]) -> Result<Listed, ListError> {
        let mut listed = Listed::default();
        for (n, line) in text.split(|&byte| byte == b'\n').enumerate() {
            let line = line.trim_ascii();
            if line.is_empty() || line[0] == b'#' {
                continue;
            }
            if !listed.take_fingerprint(line) && !listed.take_line(line) {
                let text = escape::text(&String::from_utf8_lossy(line), 80);
                return Err(ListError { line: n + 1, text });
            }
        }
        Ok(listed)
    }

    fn take_line(&mut self, line: &[u8]) -> bool {
        let Some(read) = file::read(line) else { return false };
        if Key::read(&line[read.key_at..]).is_none() {
            return false;
        }
        self.lines.extend(&[line, b"\n"].concat());
        true
    }

    fn take_fingerprint(&mut self, line: &[u8]) -> bool {
        let Ok(line) = std::str::from_utf8(line) else { return false };
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let (names, fingerprint, kind) = match words[..] {
            [bits, print, names, .., kind] if is_number(bits) && print.starts_with(PREFIX) => {
                (names, print, kind.strip_prefix('(').and_then(|kind| kind.strip_suffix(')')))
            }
            [names, print, ..] if print.starts_with(PREFIX) => (names, print, None),
            [print, names] if print.starts_with(PREFIX) => (names, print, None),
            _ => return false,
        };
        let Some(fingerprint) = canonical(fingerprint) else { return false };
        let entry = Entry { fingerprint, kind: kind.map(str::to_owned) };
        for name in names.split(',') {
            self.fingerprints.entry(name.to_ascii_lowercase()).or_default().push(entry.clone());
        }
        true
    }

    /// What the list says about keys, given as algorithm and fingerprint, that one host presents. The first of `names`
    /// that the list holds is the host's.
    pub fn judge(&mut self, names: &[String], keys: &[(&str, &str)]) -> Vec<Listing> {
        let (mut right, mut revoked) = (Vec::new(), Vec::new());
        for name in names {
            let held = self.held(&name.to_ascii_lowercase());
            // Whatever name a revocation stands under, it counts.
            revoked.extend(held.revoked);
            if right.is_empty() {
                right = held.right;
            }
        }
        let holds = |print: &str| right.iter().any(|entry| entry.fingerprint == print);
        let proven = keys.iter().any(|(_, print)| holds(print));
        let judge = |&(algorithm, print): &(&str, &str)| {
            let same_type =
                |entry: &Entry| entry.kind.as_deref().is_some_and(|kind| is_kind(algorithm, kind));
            if revoked.iter().any(|revoked| revoked == print) {
                Listing::Mismatch
            } else if right.is_empty() {
                Listing::Absent
            } else if holds(print) {
                Listing::Match
            } else if !proven || right.iter().any(same_type) {
                Listing::Mismatch
            } else {
                Listing::Unlisted
            }
        };
        keys.iter().map(judge).collect()
    }

    fn held(&mut self, name: &str) -> Held {
        let mut held = Held::default();
        held.right.extend(self.fingerprints.get(name).into_iter().flatten().cloned());
        for found in self.lines.find(name) {
            let Some(key) = Key::read(found.key) else { continue };
            let fingerprint = fingerprint(&key.blob);
            match found.marker {
                Marker::Plain => {
                    held.right.push(Entry { fingerprint, kind: Some(key.algorithm.to_owned()) });
                }
                Marker::Revoked => held.revoked.push(fingerprint),
                Marker::Authority => {}
            }
        }
        held
    }
}

const PREFIX: &str = "SHA256:";

fn is_number(word: &str) -> bool {
    word.bytes().all(|byte| byte.is_ascii_digit())
}

/// The fingerprint without padding, if it is one.
fn canonical(word: &str) -> Option<String> {
    let hash = word.strip_prefix(PREFIX)?.trim_end_matches('=');
    let bytes = STANDARD_NO_PAD.decode(hash).ok()?;
    (bytes.len() == 32).then(|| format!("{PREFIX}{hash}"))
}

/// Is `kind`, an algorithm or a word of `ssh-keygen -l`, the type of this algorithm? `ECDSA` is any of its curves.
fn is_kind(algorithm: &str, kind: &str) -> bool {
    let word = match algorithm {
        "ssh-ed25519" => "ED25519",
        "ssh-rsa" => "RSA",
        "ssh-dss" => "DSA",
        ecdsa if ecdsa.starts_with("ecdsa-sha2-") => "ECDSA",
        _ => "",
    };
    kind == algorithm || kind == word
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ssh::known_hosts::key::tests::ed25519;

    fn print(key: u8) -> String {
        fingerprint(&Key::read(ed25519(key).as_bytes()).unwrap().blob)
    }

    fn judged(list: &str, name: &str, keys: &[(&str, u8)]) -> Vec<Listing> {
        let prints: Vec<String> = keys.iter().map(|(_, key)| print(*key)).collect();
        let keys: Vec<(&str, &str)> =
            keys.iter().zip(&prints).map(|((algorithm, _), print)| (*algorithm, print.as_str())).collect();
        Listed::parse(list.as_bytes()).unwrap().judge(&["alias".to_owned(), name.to_owned()], &keys)
    }

    #[test]
    fn every_form_is_read() {
        let (key, print) = (ed25519(1), print(1));
        for list in [
            format!("web {key}"),
            format!("# web:22 SSH-2.0-OpenSSH_9.2\r\nweb {key} comment\r\n"),
            format!("db,WEB {key}"),
            format!("web {print}"),
            format!("Web,db {print}= what"),
            format!("{print} web"),
            format!("256 {print} web (ED25519)"),
        ] {
            assert_eq!(judged(&list, "web", &[("ssh-ed25519", 1)]), [Listing::Match], "{list}");
            assert_eq!(judged(&list, "web", &[("ssh-ed25519", 2)]), [Listing::Mismatch], "{list}");
            assert_eq!(judged(&list, "www", &[("ssh-ed25519", 1)]), [Listing::Absent], "{list}");
        }
        assert_eq!(judged(&format!("[web]:22 {print}"), "[web]:22", &[("x", 1)]), [Listing::Match]);
    }

    #[test]
    fn what_is_not_understood_is_named_with_its_line() {
        for bad in
            ["web", "web SHA256:abc", "web ssh-ed25519 AAAA", "MD5:00:11 web", "@what web x", "\x1b[2J"]
        {
            let error = Listed::parse(format!("\n# x\n{bad}\n").as_bytes()).unwrap_err();
            assert_eq!(error.line, 3, "{bad}");
            assert!(!error.to_string().contains('\x1b'));
        }
    }

    #[test]
    fn keys_are_seen_beside_each_other() {
        use Listing::{Absent, Match, Mismatch, Unlisted};
        let (ed, rsa) = ("ssh-ed25519", "ssh-rsa");
        let plain = format!("web {}", ed25519(1));
        let print = format!("web {}", print(1));
        let revoked = format!("web {}\n@revoked * {}", ed25519(1), ed25519(2));
        for (list, keys, expected) in [
            (&plain, vec![(ed, 1), (rsa, 2)], vec![Match, Unlisted]),
            (&plain, vec![(ed, 3), (rsa, 2)], vec![Mismatch, Mismatch]),
            (&print, vec![(ed, 1), (rsa, 2)], vec![Match, Unlisted]),
            (&print, vec![(ed, 3), (rsa, 2)], vec![Mismatch, Mismatch]),
            (&revoked, vec![(ed, 1), (rsa, 2)], vec![Match, Mismatch]),
        ] {
            assert_eq!(judged(list, "web", &keys), expected, "{list} {keys:?}");
        }
        // The most particular name that the list has decides.
        let both = format!("alias {}\nweb {}", ed25519(2), ed25519(1));
        assert_eq!(judged(&both, "web", &[(ed, 1)]), [Mismatch]);
        assert_eq!(judged("", "web", &[(ed, 1)]), [Absent]);
    }
}
