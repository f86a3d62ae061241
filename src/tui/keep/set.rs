//! The open set as a value: which hosts, who was detached, whom the broadcast was limited to, how it was laid out.
//!
//! In a file it is TOML that a person can read and mend; what is not known there is an error with its place.

use serde::{Deserialize, Serialize};

use crate::tui::tiling::Density;

/// The form of the file that this version writes and reads.
const VERSION: u32 = 1;

/// Longest name of a set, in characters.
const NAME_CHARS: usize = 64;

/// The set that is saved when the user leaves.
pub const LAST: &str = "last";

/// Hosts that were open, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenSet {
    version: u32,
    /// The host with the cursor, as named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub focus: Option<String>,
    /// Whom the broadcast was limited to; if this is not there, it is as at every start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<SavedScope>,
    /// How the tiles stood.
    #[serde(default, skip_serializing_if = "SavedLayout::is_usual")]
    pub layout: SavedLayout,
    /// The scopes with a name, in the order of their numbers.
    #[serde(default, rename = "named", skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<SavedScope>,
    /// The hosts, in order.
    #[serde(default, rename = "host")]
    pub hosts: Vec<SavedHost>,
}

/// One host of the set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedHost {
    /// As named.
    pub name: String,
    /// The outermost cluster through which it was named; its values for the host are looked up there again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// The user took it out of the broadcast.
    #[serde(default, skip_serializing_if = "is_false")]
    pub detached: bool,
    /// The user marked it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub marked: bool,
}

/// Hosts that the broadcast was limited to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedScope {
    /// What the user calls it.
    pub name: String,
    /// The hosts, as named.
    pub hosts: Vec<String>,
}

/// How the tiles stood; what is not there is as usual.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedLayout {
    /// One tile filled the screen.
    #[serde(default, skip_serializing_if = "is_false")]
    pub zoom: bool,
    /// Equal screens were folded, or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fold: Option<bool>,
    /// How dense the tiles stood: `full`, `grid`, `compact` or `lines`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub density: Option<String>,
    /// Tiles beside each other; 0 leaves that to the screen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<u16>,
}

impl SavedLayout {
    fn is_usual(&self) -> bool {
        *self == SavedLayout::default()
    }

    /// How dense the tiles stood, if that is said and is a word of the view's.
    pub fn density(&self) -> Option<Density> {
        let word = self.density.as_deref()?;
        Density::ALL.into_iter().find(|density| density.word() == word)
    }
}

fn is_false(value: &bool) -> bool {
    !value
}

impl OpenSet {
    /// A set of these hosts.
    pub fn of(hosts: Vec<SavedHost>) -> OpenSet {
        OpenSet { version: VERSION, hosts, ..OpenSet::default() }
    }

    /// The text of its file.
    pub fn to_text(&self) -> String {
        let text = toml::to_string(self).expect("every value of it has a form in TOML");
        format!("# An open set of omnes; `omnes open --restore NAME` opens it again.\n{text}")
    }

    /// Reads the text of a file; its name stands in errors, which are sentences with the place.
    pub fn parse(file: &str, text: &str) -> Result<OpenSet, String> {
        let set: OpenSet = toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            let before = text.get(..at).unwrap_or(text);
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
            let fault = crate::escape::text(&error.message().trim_end().replace('\n', "; "), 400);
            format!("{file}:{line}:{column}: {fault}")
        })?;
        if let (Some(word), None) = (&set.layout.density, set.layout.density()) {
            let word = crate::escape::text(word, 40);
            return Err(format!("{file}: `density` is \"{word}\"; write full, grid, compact or lines"));
        }
        match set.version {
            VERSION => Ok(set),
            other => Err(format!("{file}: `version` is {other}; this omnes reads sets of version {VERSION}")),
        }
    }
}

/// Can a set have this name? Why not, in a sentence.
pub fn name(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let begins = text.starts_with(|c: char| c.is_ascii_alphanumeric());
    if begins && text.chars().all(plain) && text.chars().count() <= NAME_CHARS {
        return Ok(text.to_owned());
    }
    let shown = crate::escape::text(text, NAME_CHARS);
    Err(format!(
        "`{shown}` is no name for a set; write letters, digits, `-`, `_` and `.`, at most {NAME_CHARS}, a letter or digit first"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(name: &str) -> SavedHost {
        SavedHost { name: name.to_owned(), ..SavedHost::default() }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let mut set = OpenSet::of(vec![
            SavedHost { cluster: Some("web".to_owned()), detached: true, ..host("deploy@web01:2222") },
            SavedHost { marked: true, ..host("[::1]:22") },
        ]);
        assert_eq!(OpenSet::parse("x", &set.to_text()), Ok(set.clone()));
        set.focus = Some("[::1]:22".to_owned());
        let scope =
            |name: &str, host: &str| SavedScope { name: name.to_owned(), hosts: vec![host.to_owned()] };
        set.scope = Some(scope("!web", "[::1]:22"));
        set.scopes = vec![scope("canary", "deploy@web01:2222"), scope("2", "[::1]:22")];
        set.layout =
            SavedLayout { zoom: true, density: Some("lines".to_owned()), columns: Some(3), fold: Some(true) };
        assert_eq!(OpenSet::parse("x", &set.to_text()), Ok(set.clone()));
        assert!(
            set.to_text()
                .contains("[[host]]\nname = \"deploy@web01:2222\"\ncluster = \"web\"\ndetached = true\n")
        );
    }

    #[test]
    fn a_typing_error_is_told_with_its_place() {
        for (text, told) in [
            ("version = 1\n[[host]]\nnmae = \"web1\"\n", "sets/a.toml:3:1: unknown field `nmae`"),
            ("version = 1\n[[host]]\ndetached = true\n", "sets/a.toml:2:1: missing field `name`"),
            ("version = 1\n[[host]]\nname = 3\n", "sets/a.toml:3:8: invalid type"),
            ("version = 1\nhosts = []\n", "sets/a.toml:2:1: unknown field `hosts`"),
            ("version = 1\n[[host]\n", "sets/a.toml:2:8: "),
            (
                "version = 1\n[layout]\ndensity = \"tight\"\n",
                "sets/a.toml: `density` is \"tight\"; write full, grid, compact or lines",
            ),
            ("version = 7\n", "sets/a.toml: `version` is 7; this omnes reads sets of version 1"),
            ("", "sets/a.toml:1:1: missing field `version`"),
        ] {
            let error = OpenSet::parse("sets/a.toml", text).expect_err(text);
            assert!(error.starts_with(told), "{text}: {error}");
            assert!(!error.contains('\n'), "{error:?}");
        }
    }

    #[test]
    fn names_stay_in_their_directory() {
        for good in ["web", "2026-11.rollout_a", "a"] {
            assert_eq!(name(good).as_deref(), Ok(good));
        }
        for bad in ["", ".", "..", "../x", "-rf", "a/b", "a b", "bücher", "\x1b[2J", &"x".repeat(65)] {
            let told = name(bad).expect_err(bad);
            assert!(!told.contains('\x1b'), "{told:?}");
        }
    }
}
