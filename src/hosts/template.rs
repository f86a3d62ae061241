//! Texts with places for what differs from host to host: `ssh-keygen -C {user}@{host}`.
//!
//! A name in braces is replaced: `{host}` (the name without user and port), `{target}` (as it was named), `{user}`,
//! `{port}`, `{n}` (its number among those that the text is for, from 1; `{n:03}` with zeros to three digits), `{count}`
//! (how many those are), and the variables of its clusters. `{{` and `}}` are braces. Nothing else is guessed: a brace that
//! stands alone, a name that nobody knows and a variable that this host lacks are errors that say where.

use std::fmt;

use crate::escape;

use super::{Facts, Host};

/// The names that every host has.
const NAMES: [&str; 6] = ["host", "target", "user", "port", "n", "count"];

/// Most digits to which a number is filled.
const MOST_DIGITS: usize = 9;

/// The port where nobody named one.
const SSH_PORT: u16 = 22;

/// Longest piece of a text that an error repeats, in characters.
const SHOWN_CHARS: usize = 40;

/// A text with its places found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

/// For whom a template is filled in.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The host as the user named it.
    pub host: &'a Host,
    /// What is known of it.
    pub facts: &'a Facts,
    /// Its number among those that the text is for, from 1.
    pub n: usize,
    /// How many those are.
    pub count: usize,
}

/// What is wrong with a template, where, and the next step.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {message}; {help}")]
pub struct TemplateError {
    /// Where the wrong part begins.
    pub at: Position,
    /// What is wrong, free of control characters.
    pub message: String,
    /// The next step.
    pub help: String,
}

/// A character of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line, from 1.
    pub line: usize,
    /// The character in it, from 1.
    pub column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            1 => write!(f, "column {}", self.column),
            line => write!(f, "line {line}, column {}", self.column),
        }
    }
}

/// What a piece of a filled-in text was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// The same.
    Text,
    /// A name in braces.
    Name,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Name(Name, Position),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Name {
    Host,
    Target,
    User,
    Port,
    /// Filled with zeros to so many digits.
    Number(usize),
    Count,
    Var(String),
}

impl Template {
    /// Finds the places of a text.
    pub fn parse(text: &str) -> Result<Template, TemplateError> {
        let mut reader = Reader { rest: text, at: Position { line: 1, column: 1 } };
        let mut parts = Vec::new();
        let mut plain = String::new();
        while let Some(c) = reader.peek() {
            let at = reader.at;
            reader.skip(1);
            match c {
                '{' | '}' if reader.peek() == Some(c) => {
                    plain.push(c);
                    reader.skip(1);
                }
                '{' => {
                    let name = reader.name(at)?;
                    if !plain.is_empty() {
                        parts.push(Part::Text(std::mem::take(&mut plain)));
                    }
                    parts.push(Part::Name(name, at));
                }
                '}' => return Err(fault(at, "this } closes nothing", "write }} for a brace")),
                c => plain.push(c),
            }
        }
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok(Template { parts })
    }

    /// A template that says this text and nothing else, braces and all.
    pub fn literal(text: &str) -> Template {
        Template { parts: vec![Part::Text(text.to_owned())] }
    }

    /// Does it say the same to every host?
    pub fn is_same_for_all(&self) -> bool {
        !self.parts.iter().any(|part| matches!(part, Part::Name(name, _) if *name != Name::Count))
    }

    /// Does every name in it mean something for this host?
    pub fn check(&self, place: &Place<'_>) -> Result<(), TemplateError> {
        let mut unused = String::new();
        for part in &self.parts {
            if let Part::Name(name, at) = part {
                unused.clear();
                name.render(*at, place, &mut unused)?;
            }
        }
        Ok(())
    }

    /// What it says to one host, in pieces, each with whether it is a name filled in.
    pub fn pieces(&self, place: &Place<'_>) -> Result<Vec<(String, Piece)>, TemplateError> {
        let piece = |part: &Part| match part {
            Part::Text(text) => Ok((text.clone(), Piece::Text)),
            Part::Name(name, at) => {
                let mut out = String::new();
                name.render(*at, place, &mut out)?;
                Ok((out, Piece::Name))
            }
        };
        self.parts.iter().map(piece).collect()
    }

    /// What it says to one host.
    pub fn render(&self, place: &Place<'_>) -> Result<String, TemplateError> {
        let whole = self.render_within(place, usize::MAX)?;
        Ok(whole.expect("nothing is that long"))
    }

    /// What it says to one host; `None` where that has more than so many bytes, of which no more than one part is made.
    pub fn render_within(&self, place: &Place<'_>, most: usize) -> Result<Option<String>, TemplateError> {
        let mut out = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Name(name, at) => name.render(*at, place, &mut out)?,
            }
            if out.len() > most {
                return Ok(None);
            }
        }
        Ok(Some(out))
    }
}

/// A text that, as a template, says just this.
pub fn escaped(text: &str) -> String {
    text.replace('{', "{{").replace('}', "}}")
}

impl Name {
    /// What is filled in is a word and no key: a control character in it would act, or execute what stands before it.
    fn render(&self, at: Position, place: &Place<'_>, out: &mut String) -> Result<(), TemplateError> {
        let begins = out.len();
        self.fill_in(at, place, out)?;
        match out[begins..].contains(char::is_control) {
            true => Err(acts(at, place)),
            false => Ok(()),
        }
    }

    fn fill_in(&self, at: Position, place: &Place<'_>, out: &mut String) -> Result<(), TemplateError> {
        let Place { host, facts, n, count } = place;
        match self {
            Name::Host => out.push_str(host.name()),
            Name::Target => out.push_str(&host.to_string()),
            Name::User => match facts.user.as_deref().or(host.user()) {
                Some(user) => out.push_str(user),
                None => return Err(unknown_user(at, place)),
            },
            Name::Port => {
                out.push_str(&facts.port.or(host.port()).unwrap_or(SSH_PORT).to_string());
            }
            Name::Number(digits) => out.push_str(&format!("{n:0digits$}")),
            Name::Count => out.push_str(&count.to_string()),
            Name::Var(name) => match facts.vars.get(name) {
                Some(value) => out.push_str(value),
                None => return Err(unknown_var(at, name, place)),
            },
        }
        Ok(())
    }
}

/// What is left of a text, and where it begins.
struct Reader<'a> {
    rest: &'a str,
    at: Position,
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn skip(&mut self, bytes: usize) {
        let (gone, rest) = self.rest.split_at(bytes.max(self.peek().map_or(0, char::len_utf8)));
        for c in gone.chars() {
            self.at = match c {
                '\n' => Position { line: self.at.line + 1, column: 1 },
                _ => Position { column: self.at.column + 1, ..self.at },
            };
        }
        self.rest = rest;
    }

    /// The name behind an opening brace, which stands at `at`, with its closing one.
    fn name(&mut self, at: Position) -> Result<Name, TemplateError> {
        let Some(end) = self.rest.find(['{', '}', '\n']).filter(|end| self.rest[*end..].starts_with('}'))
        else {
            return Err(fault(at, "this { is not closed", BRACE));
        };
        let written = &self.rest[..end];
        let name = named(written, at)?;
        self.skip(end + 1);
        Ok(name)
    }
}

const BRACE: &str = "write {{ for a brace";

fn named(written: &str, at: Position) -> Result<Name, TemplateError> {
    let (name, format) = match written.split_once(':') {
        Some((name, format)) => (name, Some(format)),
        None => (written, None),
    };
    let is_name = name.chars().all(|c| c.is_alphanumeric() || "_-.".contains(c)) && !name.is_empty();
    if !is_name {
        return Err(fault(at, &format!("{} is no name", shown(written)), BRACE));
    }
    match (name, format) {
        ("n", Some(digits)) => filled(digits).map(Name::Number).ok_or_else(|| {
            fault(at, &format!("{} has no number of digits", shown(written)), "write {n} or {n:03}")
        }),
        (_, Some(_)) => {
            Err(fault(at, &format!("{} has a format", shown(written)), "only {n:03} may have one"))
        }
        ("host", None) => Ok(Name::Host),
        ("target", None) => Ok(Name::Target),
        ("user", None) => Ok(Name::User),
        ("port", None) => Ok(Name::Port),
        ("n", None) => Ok(Name::Number(0)),
        ("count", None) => Ok(Name::Count),
        (var, None) => Ok(Name::Var(var.to_owned())),
    }
}

/// The digits that `03` asks for.
fn filled(format: &str) -> Option<usize> {
    let digits: usize = format.strip_prefix('0')?.parse().ok()?;
    (format.bytes().all(|b| b.is_ascii_digit()) && (1..=MOST_DIGITS).contains(&digits)).then_some(digits)
}

fn unknown_user(at: Position, place: &Place<'_>) -> TemplateError {
    let host = escape::text(&place.host.to_string(), SHOWN_CHARS);
    fault(at, &format!("the login name of {host} is not known"), "name it with the host: user@host")
}

fn acts(at: Position, place: &Place<'_>) -> TemplateError {
    let host = escape::text(&place.host.to_string(), SHOWN_CHARS);
    let message = format!("what stands here for {host} has control characters");
    fault(at, &message, "take them out of its clusters and settings")
}

fn unknown_var(at: Position, name: &str, place: &Place<'_>) -> TemplateError {
    let host = escape::text(&place.host.to_string(), SHOWN_CHARS);
    let known: Vec<&str> = NAMES.into_iter().chain(place.facts.vars.keys().map(String::as_str)).collect();
    let near = (known.iter())
        .map(|known| (strsim::damerau_levenshtein(known, name), *known))
        .filter(|(distance, known)| *distance <= known.len().max(name.len()).div_ceil(3))
        .min();
    let step = match near {
        Some((_, near)) => format!("did you mean {}, or {{{{ for a brace?", shown(near)),
        None => format!("known are {}; {{{{ is a brace", escape::text(&known.join(", "), 4 * SHOWN_CHARS)),
    };
    fault(at, &format!("{} means nothing for {host}", shown(name)), &step)
}

/// A name as it was written.
fn shown(name: &str) -> String {
    format!("{{{}}}", escape::text(name, SHOWN_CHARS))
}

fn fault(at: Position, message: &str, help: &str) -> TemplateError {
    TemplateError { at, message: message.to_owned(), help: help.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn web() -> (Host, Facts) {
        let host = "ann@web03:2222".parse().expect("a host");
        let vars = [("dc", "lon"), ("role", "canary"), ("odd", "{host}")];
        let vars = vars.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        (host, Facts { vars, user: Some("deploy".to_owned()), port: Some(2222), ..Facts::default() })
    }

    fn rendered(text: &str) -> Result<String, String> {
        let (host, facts) = web();
        let place = Place { host: &host, facts: &facts, n: 7, count: 12 };
        let template = Template::parse(text).map_err(|error| error.to_string())?;
        template.render(&place).map_err(|error| error.to_string())
    }

    #[test]
    fn every_name_is_filled_in() {
        for (text, said) in [
            ("", ""),
            ("uptime", "uptime"),
            ("{host}", "web03"),
            ("{target}", "ann@web03:2222"),
            ("{user}@{host}:{port}", "deploy@web03:2222"),
            ("{n} of {count}, {n:03}", "7 of 12, 007"),
            ("{dc}/{role}", "lon/canary"),
            ("a {{b}} ${{HOME}} {{{host}}}", "a {b} ${HOME} {web03}"),
            ("{odd}", "{host}"),
            ("zwei\nlinien {n}\n", "zwei\nlinien 7\n"),
        ] {
            assert_eq!(rendered(text).as_deref(), Ok(said), "{text}");
        }
    }

    #[test]
    fn a_fault_names_its_place_and_the_next_step() {
        for (text, said) in [
            (
                "ab {hots}",
                "column 4: {hots} means nothing for ann@web03:2222; did you mean {host}, or {{ for a brace?",
            ),
            (
                "{rolle}",
                "column 1: {rolle} means nothing for ann@web03:2222; did you mean {role}, or {{ for a brace?",
            ),
            ("{x}", "column 1: {x} means nothing for ann@web03:2222; did you mean {n}, or {{ for a brace?"),
            (
                "{zzzzzz}",
                "column 1: {zzzzzz} means nothing for ann@web03:2222; known are host, target, user, port, n, count, \
                 dc, odd, role; {{ is a brace",
            ),
            ("é\n語 {", "line 2, column 3: this { is not closed; write {{ for a brace"),
            ("{a\n}", "column 1: this { is not closed; write {{ for a brace"),
            ("awk '{print $1}'", "column 6: {print $1} is no name; write {{ for a brace"),
            ("{}", "column 1: {} is no name; write {{ for a brace"),
            ("{\x1b}", "column 1: {^[} is no name; write {{ for a brace"),
            ("a }", "column 3: this } closes nothing; write }} for a brace"),
            ("{n:3}", "column 1: {n:3} has no number of digits; write {n} or {n:03}"),
            ("{n:0999}", "column 1: {n:0999} has no number of digits; write {n} or {n:03}"),
            ("{host:03}", "column 1: {host:03} has a format; only {n:03} may have one"),
        ] {
            assert_eq!(rendered(text).expect_err(text), said, "{text}");
        }
    }

    #[test]
    fn a_host_of_which_only_the_name_is_known() {
        let (host, facts) = (Host::new(None, "web01", None), Facts::default());
        let place = Place { host: &host, facts: &facts, n: 1, count: 1 };
        let said = |text: &str| Template::parse(text).expect(text).render(&place);
        assert_eq!(said("{host} {port}").as_deref(), Ok("web01 22"));
        let error = said("as {user}").expect_err("nobody named a user");
        assert_eq!(
            error.to_string(),
            "column 4: the login name of web01 is not known; name it with the host: user@host"
        );
        assert_eq!(Template::literal("${x}").render(&place).as_deref(), Ok("${x}"));
    }

    #[test]
    fn what_would_act_is_not_filled_in() {
        let host = Host::new(None, "web01", None);
        for value in ["a\nreboot", "\x03", "x\x1b[A", "\u{9b}A", "\r"] {
            let vars = [("dc".to_owned(), value.to_owned())].into();
            let facts = Facts { vars, ..Facts::default() };
            let place = Place { host: &host, facts: &facts, n: 1, count: 1 };
            let template = Template::parse("echo {dc}").expect("a template");
            let error = template.render(&place).expect_err(value).to_string();
            assert_eq!(
                error,
                "column 6: what stands here for web01 has control characters; take them out of its clusters and settings"
            );
            assert!(template.check(&place).is_err() && template.pieces(&place).is_err(), "{value:?}");
        }
    }

    #[test]
    fn what_says_the_same_to_all_is_known_as_such() {
        for (text, same) in
            [("uptime", true), ("{{n}}", true), ("{count}", true), ("{n}", false), ("{dc}", false)]
        {
            assert_eq!(Template::parse(text).expect(text).is_same_for_all(), same, "{text}");
        }
    }

    proptest! {
        #[test]
        fn an_escaped_text_says_itself(text in "\\PC*|[{}a\\n:0n]*") {
            prop_assert_eq!(rendered(&escaped(&text)), Ok(text));
        }

        #[test]
        fn no_text_is_a_panic(text in "[{}a-z\\n:0-9 \\x1bé]*") {
            let _ = rendered(&text);
        }
    }
}
