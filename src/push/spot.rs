//! Where what a host has comes to stand here: pure.
//!
//! Theory: what is typed as `--to` is a folder that is ours and, from its first `{` on, names below it that are made for each
//! host. What a template puts in becomes part of a name and never a way out: a host, a variable, is spelled as the name of a
//! file (`run::files::file_name`, which keeps different words different), and what then is no name is refused. Hosts that would
//! come to stand in one place, or one in another's, are refused before anything is contacted.

use std::collections::BTreeMap;

use super::path::{RelPath, shown};
use crate::hosts::template::{Piece, Place, Template};
use crate::hosts::{Facts, Host};
use crate::run::files::file_name;

/// What `--to` says: a folder, and names below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The folder that is ours, as it was typed; `.` where nothing was.
    pub folder: String,
    /// What stands below it, with places for what differs.
    below: Template,
    /// Whether what arrives goes into that under its own name.
    under: Under,
}

/// Under which name something comes to stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Under {
    /// Under its own, in the folder that is named.
    Own,
    /// Under the one that was typed.
    Typed,
}

/// What is brought from a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The path there, as the host takes it.
    pub path: Vec<u8>,
    /// Its own name, unless what is in it is wanted (`web:/srv/site/.`).
    pub name: Option<Vec<u8>>,
}

/// Why nothing can be brought.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpotError {
    /// The template is wrong, or means nothing for a host.
    #[error("--to: {0}")]
    Template(String),
    /// What it comes to is no name.
    #[error("--to would be {place} for {host}: {why}")]
    Name {
        /// Of which host.
        host: String,
        /// What it comes to.
        place: String,
        /// What is wrong with it.
        why: String,
    },
    /// Two hosts would come to stand in one place.
    #[error(
        "{one} and {other} would both come to {place}; tell them apart by {{target}}, {{n}} or {{port}} in --to"
    )]
    Same {
        /// The one.
        one: String,
        /// The other.
        other: String,
        /// Where.
        place: String,
    },
}

impl Wanted {
    /// This path of a host.
    pub fn new(path: Vec<u8>) -> Wanted {
        let last = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        let name = (!matches!(last, b"" | b"." | b"..")).then(|| last.to_vec());
        Wanted { path, name }
    }
}

impl Destination {
    /// Reads what was typed as `--to`. Where it names nothing of a host, a folder for each host is made in it.
    pub fn parse(typed: &str) -> Result<Destination, SpotError> {
        Template::parse(typed).map_err(|error| SpotError::Template(error.to_string()))?;
        let Some(begin) = brace(typed) else {
            let below = Template::parse("{target}").expect("a good template");
            return Ok(Destination { folder: literal(typed), below, under: Under::Own });
        };
        let (folder, below) = match typed[..begin].rfind('/') {
            Some(slash) => (&typed[..=slash], &typed[slash + 1..]),
            None => ("", typed),
        };
        let (below, under) = match below.strip_suffix('/') {
            Some(below) => (below, Under::Own),
            None => (below, Under::Typed),
        };
        let below = Template::parse(below).map_err(|error| SpotError::Template(error.to_string()))?;
        let folder = if folder.is_empty() { ".".to_owned() } else { literal(folder) };
        Ok(Destination { folder, below, under })
    }

    /// One place for all hosts: DIR itself.
    pub fn shared(typed: &str) -> Result<Destination, SpotError> {
        Template::parse(typed).map_err(|error| SpotError::Template(error.to_string()))?;
        match brace(typed).is_none() {
            true => {
                Ok(Destination { folder: literal(typed), below: Template::literal(""), under: Under::Own })
            }
            false => Err(SpotError::Template(
                "with --same all hosts have one copy; name a folder without {host} or other such names"
                    .to_owned(),
            )),
        }
    }

    /// Where each host's part stands, from the folder.
    pub fn spots(
        &self,
        hosts: &[Host],
        facts: &[Facts],
        wanted: &[Wanted],
    ) -> Result<Vec<RelPath>, SpotError> {
        let count = hosts.len();
        let mut spots = Vec::with_capacity(count);
        for (n, (host, facts)) in hosts.iter().zip(facts).enumerate() {
            spots.push(self.spot(&Place { host, facts, n: n + 1, count }, &wanted[n])?);
        }
        self.apart(hosts, &spots)?;
        Ok(spots)
    }

    fn spot(&self, place: &Place<'_>, wanted: &Wanted) -> Result<RelPath, SpotError> {
        let pieces = self.below.pieces(place).map_err(|error| SpotError::Template(error.to_string()))?;
        let part = |(text, piece): (String, Piece)| match piece {
            Piece::Text => text,
            Piece::Name => file_name(&text),
        };
        let mut path: Vec<u8> = pieces.into_iter().map(part).collect::<String>().into_bytes();
        if let Some(name) = wanted.name.as_ref().filter(|_| self.under == Under::Own) {
            path.extend_from_slice(if path.is_empty() { b"" } else { b"/" });
            path.extend_from_slice(name);
        }
        if path.is_empty() {
            return Ok(RelPath::root());
        }
        RelPath::parse(&path).map_err(|fault| SpotError::Name {
            host: place.host.to_string(),
            place: self.shown(&path),
            why: fault.to_string(),
        })
    }

    /// No two hosts in one place, and none in another's.
    fn apart(&self, hosts: &[Host], spots: &[RelPath]) -> Result<(), SpotError> {
        let mut taken: BTreeMap<Vec<&[u8]>, usize> = BTreeMap::new();
        let clash = |one: usize, other: usize| SpotError::Same {
            one: hosts[one].to_string(),
            other: hosts[other].to_string(),
            place: self.shown(spots[one].as_bytes()),
        };
        for (at, spot) in spots.iter().enumerate() {
            if let Some(other) = taken.insert(spot.names().collect(), at) {
                return Err(clash(other, at));
            }
        }
        // In this order what lies in a place comes right behind it.
        let mut last: Option<(&Vec<&[u8]>, usize)> = None;
        for (names, at) in &taken {
            match last {
                Some((outer, one)) if names.starts_with(outer) => return Err(clash(one, *at)),
                _ => last = Some((names, *at)),
            }
        }
        Ok(())
    }

    /// A place below the folder, with the folder, as a sentence shows it.
    fn shown(&self, below: &[u8]) -> String {
        match self.folder.as_str() {
            "." => shown(below),
            folder => format!("{}/{}", shown(folder.trim_end_matches('/').as_bytes()), shown(below)),
        }
    }

    /// Where the one copy of all stands.
    pub fn one_spot(&self, wanted: &Wanted) -> Result<RelPath, SpotError> {
        let name = wanted.name.as_deref().unwrap_or_default();
        match name.is_empty() {
            true => Ok(RelPath::root()),
            false => RelPath::parse(name).map_err(|fault| SpotError::Template(fault.to_string())),
        }
    }
}

/// Where the first name in braces begins.
fn brace(text: &str) -> Option<usize> {
    let mut at = 0;
    while let Some(found) = text[at..].find('{') {
        match text[at + found + 1..].starts_with('{') {
            true => at += found + 2,
            false => return Some(at + found),
        }
    }
    None
}

/// A text without names in braces, as it is meant.
fn literal(text: &str) -> String {
    text.replace("{{", "{").replace("}}", "}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spots(to: &str, from: &str, hosts: &[&str]) -> Result<(String, Vec<String>), String> {
        let hosts: Vec<Host> = hosts.iter().map(|host| host.parse().expect("a host")).collect();
        let vars = [("dc", "eu/lon"), ("up", ".."), ("empty", "")];
        let vars = vars.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let facts = vec![Facts { vars, ..Facts::default() }; hosts.len()];
        let destination = Destination::parse(to).map_err(|error| error.to_string())?;
        let wanted = vec![Wanted::new(from.as_bytes().to_vec()); hosts.len()];
        let spots = destination.spots(&hosts, &facts, &wanted).map_err(|error| error.to_string())?;
        let text = |spot: &RelPath| String::from_utf8(spot.as_bytes().to_vec()).expect("text");
        Ok((destination.folder, spots.iter().map(text).collect()))
    }

    #[test]
    fn each_host_has_a_folder_of_its_own_or_a_place_of_its_own() {
        for (to, from, folder, spot) in [
            ("out", "/etc/hosts", "out", "web1/hosts"),
            ("out/", "/etc/nginx", "out/", "web1/nginx"),
            ("out", "/etc/nginx/.", "out", "web1"),
            ("out", "/", "out", "web1"),
            ("out", ".", "out", "web1"),
            ("out", "./x", "out", "web1/x"),
            ("logs/{host}.log", "/var/log/syslog", "logs/", "web1.log"),
            ("{host}.log", "/var/log/syslog", ".", "web1.log"),
            ("a/{dc}/{host}/b", "/etc/nginx", "a/", "eu%2Flon/web1/b"),
            ("a/{host}/", "/etc/nginx", "a/", "web1/nginx"),
            ("a/x{host}/", "/etc/nginx/.", "a/", "xweb1"),
            ("{{x}}", "/etc/hosts", "{x}", "web1/hosts"),
            ("{{x}}/{host}", "/etc/hosts", "{x}/", "web1"),
            ("{up}/{host}", "/etc/hosts", ".", "%2E./web1"),
            ("all{count}", "/etc/hosts", ".", "all1"),
        ] {
            assert_eq!(
                spots(to, from, &["web1"]),
                Ok((folder.to_owned(), vec![spot.to_owned()])),
                "{to} {from}"
            );
        }
    }

    #[test]
    fn hosts_become_names_that_stay_apart() {
        let hosts = ["ann@web1:2222", "web1", "[::1]:22", "fe80::1%eth0", "ssh://db"];
        let (_, spots) = spots("out", "/x", &hosts).expect("they are apart");
        let folders = ["ann@web1:2222/x", "web1/x", "%5B::1%5D:22/x", "fe80::1%25eth0/x", "ssh:%2F%2Fdb/x"];
        assert_eq!(spots, folders);
    }

    #[test]
    fn two_hosts_in_one_place_are_refused() {
        let one = spots("{host}", "/x", &["web1:22", "web1:23"]).expect_err("one place");
        assert_eq!(
            one,
            "web1:22 and web1:23 would both come to web1; tell them apart by {target}, {n} or {port} in --to"
        );
        let below = spots("out/all/{count}", "/x", &["web1", "web2"]).expect_err("one place");
        assert!(below.contains("would both come to out/all/2;"), "{below}");
        assert!(spots("{n}/{user}", "/x", &["a@web1", "b@web2"]).is_ok());
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for (to, part) in [
            ("a/{host}/../b", "stands for another folder"),
            ("{host}//b", "an empty name"),
            ("{empty}/b", "an empty name"),
            ("{hots}", "means nothing"),
            ("{", "is not closed"),
        ] {
            let error = spots(to, "/x", &["web1"]).expect_err(to);
            assert!(error.contains(part), "{to}: {error}");
        }
        assert!(Destination::shared("out/{host}").is_err());
    }
}
