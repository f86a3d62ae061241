//! The names by which one host goes, so that they can be put aside when screens are compared.
//!
//! Two hosts that did the same still differ in their own names: in the prompt, in a title, in lines of a log. A name
//! counts only as a whole word, so that the host `web` keeps its `website`. Most names are the user's own words. One may
//! be learned from the host, the one in its first prompt (`user@HOST:`), since a machine is often called otherwise than
//! the user calls it; it is a word that the host chooses, so whoever teaches it refuses the names of other hosts.

use std::net::IpAddr;

/// Shorter words are not put aside: they stand in too much that is no name.
const SHORTEST: usize = 2;

/// Longer words are no names (RFC 1035).
const LONGEST: usize = 255;

/// How a name is spelled. Hosts that show themselves in different spellings do not show the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Spelling {
    /// One word: `web01`.
    Word,
    /// With its domain: `web01.example.org`.
    Dotted,
    /// A number: `10.0.0.3`.
    Address,
}

/// A part of a text from which the names of a host are put aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// What stands there.
    Text(&'a str),
    /// A name of the host.
    Name,
}

/// All names of one host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// The longest first, so that a name with its domain is found before the name alone.
    words: Vec<(Box<str>, Spelling)>,
    /// The one that the host showed, with its first part where it has several.
    shown: Option<Box<str>>,
}

impl Names {
    /// The names that the user's own files and words give a host. What is too short or only a number is left out.
    pub fn given<'a>(names: impl IntoIterator<Item = &'a str>) -> Names {
        let mut all = Names::default();
        names.into_iter().for_each(|name| all.put(name));
        all
    }

    /// Adds the name that the host shows itself; only the first counts. Says whether it was taken.
    pub fn learn(&mut self, shown: &str) -> bool {
        if self.shown.is_some() || spelling(shown).is_none() {
            return false;
        }
        self.shown = Some(shown.into());
        self.put(shown);
        true
    }

    /// The name that the host showed.
    pub fn shown(&self) -> Option<&str> {
        self.shown.as_deref()
    }

    /// The name at a place of a text where a word begins: its length in bytes, and how it is spelled.
    pub(super) fn at(&self, text: &str, at: usize) -> Option<(usize, Spelling)> {
        let rest = &text.as_bytes()[at..];
        let found = self.words.iter().find(|(word, _)| {
            let len = word.len();
            rest.len() >= len
                && rest[..len].eq_ignore_ascii_case(word.as_bytes())
                && text.get(at + len..).is_some_and(ends_word)
        });
        found.map(|(word, spelling)| (word.len(), *spelling))
    }

    /// A text in parts, each of the names that it holds being one.
    pub fn aside<'a>(&self, text: &'a str) -> Vec<Part<'a>> {
        let mut parts = Vec::new();
        let (mut from, mut at) = (0, 0);
        while let Some(c) = text[at..].chars().next() {
            let name = begins_word(text[..at].chars().next_back()).then(|| self.at(text, at)).flatten();
            match name {
                Some((length, _)) => {
                    if from < at {
                        parts.push(Part::Text(&text[from..at]));
                    }
                    parts.push(Part::Name);
                    at += length;
                    from = at;
                }
                None => at += c.len_utf8(),
            }
        }
        if from < text.len() {
            parts.push(Part::Text(&text[from..]));
        }
        parts
    }

    fn put(&mut self, name: &str) {
        let Some(spelling) = spelling(name) else { return };
        let known = self.words.iter().any(|(word, _)| word.eq_ignore_ascii_case(name));
        if !known {
            self.words.push((name.into(), spelling));
            self.words.sort_by_key(|(word, _)| std::cmp::Reverse(word.len()));
        }
        if spelling == Spelling::Dotted {
            self.put(short(name));
        }
    }
}

/// The part of a name before its domain; an address is whole.
pub fn short(name: &str) -> &str {
    match spelling(name) {
        Some(Spelling::Dotted) => name.split('.').next().unwrap_or(name),
        _ => name,
    }
}

/// How a name is spelled; `None` for what is not put aside.
fn spelling(name: &str) -> Option<Spelling> {
    if !(SHORTEST..=LONGEST).contains(&name.len()) {
        return None;
    }
    if name.parse::<IpAddr>().is_ok() {
        return Some(Spelling::Address);
    }
    let has_letter = name.chars().any(char::is_alphabetic);
    let inner_dot = name.trim_matches('.').contains('.');
    has_letter.then_some(if inner_dot { Spelling::Dotted } else { Spelling::Word })
}

/// Can a word begin behind this text?
pub(super) fn begins_word(before: Option<char>) -> bool {
    !before.is_some_and(char::is_alphanumeric)
}

fn ends_word(rest: &str) -> bool {
    !rest.chars().next().is_some_and(char::is_alphanumeric)
}

/// The host that a prompt names, in a row that ends with the prompt, or in a title: what follows the `@` of
/// `user@host:~$`, `[user@host ~]#` and their like.
pub fn shown_in(prompt: &str) -> Option<&str> {
    let at = prompt.find('@')?;
    let (before, behind) = (&prompt[..at], &prompt[at + 1..]);
    let user = before.trim_end_matches(is_of_name);
    let begins = user.is_empty() || user.ends_with(['[', '(', ' ']);
    let host = &behind[..behind.find(|c| !is_of_name(c)).unwrap_or(behind.len())];
    let next = behind[host.len()..].chars().next();
    let ends = next.is_none_or(|c| " :])>#$%~".contains(c));
    let named = user.len() < before.len() && begins && ends && host != "localhost";
    (named && spelling(host).is_some_and(|s| s != Spelling::Address)).then_some(host)
}

/// Does a row end as a shell's prompt does?
pub fn ends_as_prompt(row: &str) -> bool {
    row.trim_end().ends_with(['$', '#', '%', '>', '❯'])
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_.".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_as_whole_words_the_longest_first() {
        let mut names = Names::given(["web1.example.org", "10.0.0.1"]);
        assert!(names.learn("ip-7") && !names.learn("other"));
        for (text, at, expected) in [
            ("web1", 0, Some((4, Spelling::Word))),
            ("WEB1:", 0, Some((4, Spelling::Word))),
            ("web1.example.org.", 0, Some((16, Spelling::Dotted))),
            ("web1.example.com", 0, Some((4, Spelling::Word))),
            ("web10", 0, None),
            ("web", 0, None),
            ("10.0.0.1", 0, Some((8, Spelling::Address))),
            ("10.0.0.12", 0, None),
            ("at ip-7!", 3, Some((4, Spelling::Word))),
            ("web1é", 0, None),
        ] {
            assert_eq!(names.at(text, at), expected, "{text}");
        }
    }

    #[test]
    fn a_text_without_the_names_in_it() {
        let names = Names::given(["web1.example.org"]);
        let parts = names.aside("ann@web1:~$ éweb1 WEB1.example.org");
        let (text, name) = (Part::Text, Part::Name);
        assert_eq!(parts, [text("ann@"), name, text(":~$ éweb1 "), name]);
        assert_eq!(names.aside(""), []);
    }

    #[test]
    fn what_is_hardly_a_name_is_not_put_aside() {
        let names = Names::given(["a", "7", "1234", ""]);
        assert_eq!(names, Names::default());
        assert!(Names::given(["::1"]).at("::1", 0).is_some());
    }

    #[test]
    fn a_prompt_names_its_host() {
        for (row, expected) in [
            ("ann@ip-10-0-0-7:~$ ", Some("ip-10-0-0-7")),
            ("[root@db.example.org ~]# ", Some("db.example.org")),
            ("(venv) ann@box:/srv> ", Some("box")),
            ("ann@box", Some("box")),
            ("@box:", None),
            ("mail:ann@box:", None),
            ("ann@10.0.0.7:~$", None),
            ("ann@localhost:~$", None),
            ("ann@box!", None),
            ("é@box:", None),
            ("$ ", None),
        ] {
            assert_eq!(shown_in(row), expected, "{row}");
        }
        assert!(ends_as_prompt("x$ ") && !ends_as_prompt("x"));
    }
}
