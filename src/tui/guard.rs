//! Guard rails: tags whose hosts are shown with care, and patterns that are asked for before such a host hears them.
//!
//! Pure: which tags, which patterns, and whether a text matches. When it is asked, and what becomes of the answer, is the
//! business of the app.

use regex::Regex;

use crate::escape;
use crate::pane::{self, Color};

/// The most guarded tags.
pub const MOST_GUARDS: usize = 64;

/// What executes a line from within a text: line ends, and readline's `C-o`.
pub const EXECUTES: [char; 3] = ['\n', '\r', '\x0f'];

/// Longest line shown in a question, in characters.
const LINE_CHARS: usize = 300;

/// What is done about receivers that are in different modes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mixed {
    /// Asked before Enter and a paste.
    Ask,
    /// Told in the status line; asked where a guarded host hears, and where some read a secret and others a command.
    #[default]
    Tell,
    /// Neither.
    Off,
}

/// One guarded tag.
#[derive(Clone, Debug)]
pub struct Guard {
    /// The tag.
    pub tag: String,
    /// Its colour; its name always stands beside it.
    pub color: Color,
    /// What is asked for.
    pub patterns: Vec<Regex>,
    /// It is asked where at least so many of its hosts hear; 1 asks always.
    pub confirm: usize,
}

/// Which guards a host has: a bit for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Guarding(u64);

impl Guarding {
    /// Has it none?
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Has it the `n`th?
    pub fn has(self, n: usize) -> bool {
        n < MOST_GUARDS && self.0 & (1 << n) != 0
    }
}

/// All guarded tags, in the order of the configuration, at most [`MOST_GUARDS`].
#[derive(Clone, Debug, Default)]
pub struct Guards {
    /// What is done about receivers in different modes.
    pub mixed: Mixed,
    list: Vec<Guard>,
}

impl Guards {
    /// These guards; what is beyond [`MOST_GUARDS`] does not count, and the configuration refuses it.
    pub fn new(mixed: Mixed, mut list: Vec<Guard>) -> Guards {
        list.truncate(MOST_GUARDS);
        Guards { mixed, list }
    }

    /// One guard, with its patterns as text. The error says which pattern is wrong.
    pub fn guard(tag: &str, color: Color, patterns: &[String], confirm: usize) -> Result<Guard, String> {
        let patterns = patterns.iter().map(|text| pane::pattern(text)).collect::<Result<_, _>>()?;
        Ok(Guard { tag: escape::text(tag, 40), color, patterns, confirm })
    }

    /// The guards of a host with these tags.
    pub fn of(&self, tags: &[String]) -> Guarding {
        let bit = |(n, guard): (usize, &Guard)| u64::from(tags.contains(&guard.tag)) << n;
        Guarding(self.list.iter().enumerate().map(bit).fold(0, |all, bit| all | bit))
    }

    /// The first guard that a host has: it gives the colour.
    pub fn first(&self, guarding: Guarding) -> Option<&Guard> {
        self.with(guarding).map(|(_, guard)| guard).next()
    }

    /// The guards that a host has, with their numbers.
    pub fn with(&self, guarding: Guarding) -> impl Iterator<Item = (usize, &Guard)> {
        self.list.iter().enumerate().filter(move |(n, _)| guarding.has(*n))
    }

    /// All guards, with their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &Guard)> {
        self.list.iter().enumerate()
    }
}

impl Guard {
    /// The pattern that a text matches, and the line of the text where it does.
    pub fn matches(&self, text: &str) -> Option<(String, String)> {
        if self.patterns.is_empty() {
            return None;
        }
        let lines = text.split(EXECUTES);
        lines.into_iter().find_map(|line| {
            let pattern = self.patterns.iter().find(|pattern| pattern.is_match(line))?;
            // A blank at the end of a pattern is part of it.
            let pattern = escape::line(pattern.as_str().as_bytes()).chars().take(LINE_CHARS).collect();
            Some((pattern, escape::text(line, LINE_CHARS)))
        })
    }
}

/// Something that is about to be executed on guarded hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guarded {
    /// The guarded tag.
    pub tag: String,
    /// The pattern that matched, as the user wrote it; safe for a terminal.
    pub pattern: String,
    /// The line that matched, escaped.
    pub line: String,
    /// How many of the receivers have the tag.
    pub guarded: usize,
    /// How many receivers there are.
    pub hosts: usize,
}

impl Guarded {
    /// What is asked, in a sentence.
    pub fn sentence(&self) -> String {
        let hosts = if self.hosts == 1 { "host" } else { "hosts" };
        format!(
            "matches `{}`, which is guarded: {} of the {} {hosts} that would hear it {} tagged {}",
            self.pattern,
            self.guarded,
            self.hosts,
            if self.guarded == 1 { "is" } else { "are" },
            self.tag
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guards() -> Guards {
        let guard = |tag: &str, patterns: &[&str], confirm| {
            let patterns: Vec<String> = patterns.iter().map(|text| text.to_string()).collect();
            Guards::guard(tag, Color::Indexed(1), &patterns, confirm).expect("good patterns")
        };
        Guards::new(
            Mixed::Tell,
            vec![guard("prod", &["reboot|rm -rf", r"\bmkfs", "^dd "], 1), guard("eu", &[], 1)],
        )
    }

    #[test]
    fn hosts_have_the_guards_of_their_tags() {
        let guards = guards();
        let tags = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let of = |text: &str| guards.of(&tags(text));
        assert!(of("dev lab").is_empty());
        assert_eq!(guards.first(of("eu x prod")).map(|guard| guard.tag.as_str()), Some("prod"));
        assert_eq!(guards.with(of("eu prod")).count(), 2);
        assert!(of("eu").has(1) && !of("eu").has(0) && !of("eu").has(99));
    }

    #[test]
    fn a_line_that_matches_is_shown_escaped_with_its_pattern() {
        let guards = guards();
        let (_, prod) = guards.iter().next().expect("a guard");
        for (text, expected) in [
            ("ls", None),
            ("sudo reboot", Some(("reboot|rm -rf", "sudo reboot"))),
            ("cd /\nrm -rf x\nls", Some(("reboot|rm -rf", "rm -rf x"))),
            ("ls\rdd if=a of=b", Some(("^dd ", "dd if=a of=b"))),
            ("ls\x0fdd if=a of=b", Some(("^dd ", "dd if=a of=b"))),
            ("add one", None),
            ("x mkfs.ext4\x1b[2J", Some((r"\bmkfs", "x mkfs.ext4^[[2J"))),
        ] {
            let expected = expected.map(|(pattern, line)| (pattern.to_owned(), line.to_owned()));
            assert_eq!(prod.matches(text), expected, "{text:?}");
        }
    }
}
