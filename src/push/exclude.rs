//! What is left out of a tree: `--exclude` and `--exclude-from`, in the syntax of gitignore(5). Pure.
//!
//! Theory: patterns are read in the order in which they were given, and the last that fits decides, so `!keep.log` takes
//! back what `*.log` left out before. A pattern with a slash at its beginning or in its middle is about a place below each
//! folder that was named; one without is about a name at any depth. A folder that is left out is not entered, so nothing in
//! it can be taken back. What was named itself is left out by patterns of the second kind alone.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::path::RelPath;
use crate::escape;

/// Patterns at most.
const MOST: usize = 10_000;

/// Characters of a pattern that a sentence repeats.
const SHOWN: usize = 80;

/// What is left out.
#[derive(Clone, Debug)]
pub struct Excludes {
    all: Gitignore,
    /// Those about a name alone.
    names: Gitignore,
}

/// A pattern that cannot be read, where it stands, and the next step.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {why}")]
pub struct ExcludeError {
    /// The option, or the file with its line.
    pub place: String,
    /// What is wrong and what to do, free of control characters.
    pub why: String,
}

/// Collects patterns, in the order in which they were given.
#[derive(Debug)]
pub struct Patterns {
    all: GitignoreBuilder,
    names: GitignoreBuilder,
    count: usize,
}

impl Default for Patterns {
    fn default() -> Patterns {
        Patterns { all: GitignoreBuilder::new(""), names: GitignoreBuilder::new(""), count: 0 }
    }
}

impl Patterns {
    /// One `--exclude PATTERN`. One that would do nothing is an error, unlike in a file.
    pub fn option(&mut self, pattern: &str) -> Result<(), ExcludeError> {
        let nothing = match pattern.trim() {
            "" => Some("an empty pattern leaves out nothing"),
            text if text.starts_with('#') => Some("a pattern that begins with # is a comment; write \\#"),
            _ => None,
        };
        match nothing {
            Some(why) => Err(ExcludeError { place: "--exclude".to_owned(), why: why.to_owned() }),
            None => self.add("--exclude", pattern),
        }
    }

    /// What stands in an `--exclude-from` file: a pattern a line, `#` comments.
    pub fn file(&mut self, name: &str, content: &[u8]) -> Result<(), ExcludeError> {
        let name = escape::line(name.as_bytes());
        let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
        for (n, line) in content.split(|byte| *byte == b'\n').enumerate() {
            let place = format!("{name}:{}", n + 1);
            match std::str::from_utf8(line) {
                Ok(line) => self.add(&place, line)?,
                Err(_) => {
                    let why = "this pattern is not UTF-8; ? and * stand for any byte".to_owned();
                    return Err(ExcludeError { place, why });
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, place: &str, line: &str) -> Result<(), ExcludeError> {
        let fault = |why: String| ExcludeError { place: place.to_owned(), why };
        self.count += 1;
        if self.count > MOST {
            return Err(fault(format!("more than {MOST} patterns; name folders instead of what is in them")));
        }
        let unreadable = |error: ignore::Error| {
            let (line, error) = (escape::text(line, SHOWN), escape::text(&error.to_string(), 2 * SHOWN));
            fault(format!("{line} is no pattern of gitignore: {error}"))
        };
        self.all.add_line(None, line).map_err(unreadable)?;
        if !is_placed(line) {
            self.names.add_line(None, line).map_err(unreadable)?;
        }
        Ok(())
    }

    /// All of them together.
    pub fn build(&self) -> Result<Excludes, ExcludeError> {
        let set = |builder: &GitignoreBuilder| {
            builder.build().map_err(|error| ExcludeError {
                place: "--exclude".to_owned(),
                why: format!(
                    "these patterns are too much together: {}",
                    escape::text(&error.to_string(), 2 * SHOWN)
                ),
            })
        };
        Ok(Excludes { all: set(&self.all)?, names: set(&self.names)? })
    }
}

/// Is it about a place, and not about a name at any depth?
fn is_placed(pattern: &str) -> bool {
    let pattern = pattern.trim_end();
    let pattern = pattern.strip_prefix('!').unwrap_or(pattern);
    pattern.strip_suffix('/').unwrap_or(pattern).contains('/')
}

/// Whether a thing is a folder, which patterns with a slash at their end ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thing {
    /// A folder.
    Folder,
    /// Anything else.
    Other,
}

impl Default for Excludes {
    fn default() -> Excludes {
        Excludes { all: Gitignore::empty(), names: Gitignore::empty() }
    }
}

impl Excludes {
    /// Is this left out of the folder that was named, where what it lies in is not?
    pub fn leaves_out(&self, below: &RelPath, thing: Thing) -> bool {
        fits(&self.all, below.as_bytes(), thing)
    }

    /// Is this left out, by itself or with a folder that it lies in?
    pub fn covers(&self, below: &RelPath, thing: Thing) -> bool {
        let bytes = below.as_bytes();
        let in_folder =
            |(at, byte): (usize, &u8)| *byte == b'/' && fits(&self.all, &bytes[..at], Thing::Folder);
        !self.all.is_empty() && (bytes.iter().enumerate().any(in_folder) || self.leaves_out(below, thing))
    }

    /// Is what was named itself left out, by its name?
    pub fn leaves_out_named(&self, name: &[u8], thing: Thing) -> bool {
        fits(&self.names, name, thing)
    }
}

fn fits(set: &Gitignore, path: &[u8], thing: Thing) -> bool {
    !path.is_empty() && set.matched(Path::new(OsStr::from_bytes(path)), thing == Thing::Folder).is_ignore()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn excludes(patterns: &[&str]) -> Excludes {
        let mut all = Patterns::default();
        patterns.iter().for_each(|pattern| all.option(pattern).expect("a pattern"));
        all.build().expect("few patterns")
    }

    fn path(text: &[u8]) -> RelPath {
        RelPath::parse(text).expect("a path")
    }

    #[test]
    fn patterns_are_those_of_gitignore() {
        use Thing::{Folder, Other};
        let excludes = excludes(&["*.log", "!keep.log", "/build", "cache/", "doc/*.txt", "**/x/y", "a?c"]);
        for (text, thing, is_out) in [
            (&b"a.log"[..], Other, true),
            (b"deep/er/a.log", Other, true),
            (b"keep.log", Other, false),
            (b"deep/keep.log", Other, false),
            (b"build", Folder, true),
            (b"sub/build", Folder, false),
            (b"sub/cache", Folder, true),
            (b"sub/cache", Other, false),
            (b"doc/a.txt", Other, true),
            (b"doc/b/a.txt", Other, false),
            (b"p/x/y", Other, true),
            (b"a\xffc", Other, true),
            (b"plain", Other, false),
        ] {
            assert_eq!(excludes.leaves_out(&path(text), thing), is_out, "{}", path(text));
        }
    }

    #[test]
    fn nothing_in_a_folder_that_is_left_out_is_taken_back() {
        let excludes = excludes(&["cache/", "!keep"]);
        assert!(!excludes.leaves_out(&path(b"cache/keep"), Thing::Other));
        assert!(excludes.covers(&path(b"cache/keep"), Thing::Other));
        assert!(excludes.covers(&path(b"a/cache"), Thing::Folder));
        assert!(!excludes.covers(&path(b"a/keep"), Thing::Other));
        assert!(!Excludes::default().covers(&path(b"a"), Thing::Other));
    }

    #[test]
    fn what_was_named_is_left_out_by_its_name_alone() {
        let excludes = excludes(&["/build", "a/b", "*.bak", "target/"]);
        for (name, thing, is_out) in [
            (&b"build"[..], Thing::Folder, false),
            (b"b", Thing::Other, false),
            (b"x.bak", Thing::Other, true),
            (b"target", Thing::Folder, true),
            (b"target", Thing::Other, false),
        ] {
            assert_eq!(excludes.leaves_out_named(name, thing), is_out, "{name:?}");
        }
    }

    #[test]
    fn a_file_has_comments_and_its_faults_have_lines() {
        let mut patterns = Patterns::default();
        patterns.file("ex", b"# nothing\n\n*.o\n\\#odd\n").expect("patterns");
        let excludes = patterns.build().expect("few");
        assert!(excludes.leaves_out(&path(b"a.o"), Thing::Other));
        assert!(excludes.leaves_out(&path(b"#odd"), Thing::Other));
        let fault =
            |content: &[u8]| Patterns::default().file("e\x1bx", content).expect_err("a fault").to_string();
        assert_eq!(fault(b"a\n\xff\n"), "e^[x:2: this pattern is not UTF-8; ? and * stand for any byte");
        assert!(fault(b"a\n{a,b\n").starts_with("e^[x:2: {a,b is no pattern of gitignore: "));
        let many = "a\n".repeat(MOST + 1);
        assert!(fault(many.as_bytes()).contains(":10001: more than 10000 patterns"));
    }

    #[test]
    fn an_option_that_does_nothing_is_an_error() {
        let fault = |text: &str| Patterns::default().option(text).expect_err("a fault").to_string();
        assert_eq!(fault(" "), "--exclude: an empty pattern leaves out nothing");
        assert_eq!(fault("#a"), "--exclude: a pattern that begins with # is a comment; write \\#");
    }
}
