//! What a host shows at a moment, as far as a script needs it: what it waits for, and the line of its cursor with its own
//! names put aside; and such lines as a regular expression that other hosts come to as well.

use std::collections::HashSet;

use crate::pane::names::Part;
use crate::pane::{CursorLine, Names};

/// The end of a line is what tells a prompt from another; so much of it is kept.
const LINE_TOKENS: usize = 100;

/// Different lines that an expression names one by one.
const APART: usize = 3;

/// Fewer signs that lines have in common say nothing.
const COMMON: usize = 2;

/// What a host waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Waits {
    /// A command, at the prompt of a shell.
    Shell,
    /// A line or a word, at another prompt: of a program, of a question, of a command that goes on.
    Line,
    /// A secret.
    Secret,
    /// Keys, in a program that has the whole screen.
    Screen,
    /// Nothing that can be seen: it works.
    Nothing,
    /// Its session is over.
    Gone,
}

/// What one host shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sight {
    /// What it waits for.
    pub waits: Waits,
    /// The line with its cursor, or another one that tells more.
    pub line: Shown,
}

impl Sight {
    /// Does this host stand at the same shell as then? Neither in another one, nor in a program that asks as shells do.
    pub fn same_shell(&self, then: &Sight) -> bool {
        let prompt = self.line.prompt();
        self.waits == Waits::Shell
            && then.waits == Waits::Shell
            && prompt.is_some()
            && prompt == then.line.prompt()
    }
}

/// A sign of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Token {
    Char(char),
    /// Any digits: numbers differ from host to host and from time to time.
    Digits,
    /// A name of the host.
    Name,
}

/// Where a line goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
enum Ends {
    /// The cursor stands behind it.
    #[default]
    AtCursor,
    /// Text stands behind the cursor.
    Beyond,
}

/// A line without the names of its host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Shown {
    tokens: Vec<Token>,
    ends: Ends,
}

/// What of a shell's prompt stays from command to command: all up to the host's name, and the sign at its end.
#[derive(Debug, PartialEq, Eq)]
struct Prompt<'a> {
    named: Option<&'a [Token]>,
    sign: Token,
}

impl Shown {
    /// The line with the cursor.
    pub fn of(line: &CursorLine, names: &Names) -> Shown {
        match line.behind.trim().is_empty() {
            true => Shown { tokens: tokens(line.before.trim_end(), names), ends: Ends::AtCursor },
            false => Shown::row(&line.text(), names),
        }
    }

    /// A row that the cursor is not in.
    pub fn row(text: &str, names: &Names) -> Shown {
        Shown { tokens: tokens(text.trim(), names), ends: Ends::Beyond }
    }

    /// Does nothing stand there?
    pub fn is_blank(&self) -> bool {
        self.tokens.is_empty()
    }

    /// Is this, which looks like a prompt at which a command is awaited, that of a shell? Programs that read lines ask with
    /// `>`, which is a shell's where the host's name stands before it; psql with `=#` and its like.
    pub fn is_shell(&self) -> bool {
        let named = self.tokens.contains(&Token::Name);
        match self.tokens.as_slice() {
            [.., Token::Char('>')] => named,
            [.., Token::Char(before), Token::Char('#' | '$')] => !"=-(*'\"!^".contains(*before),
            _ => true,
        }
    }

    /// The name under which a secret is asked for that was typed at this prompt.
    pub fn secret(&self) -> &'static str {
        let letter = |token: &Token| match token {
            Token::Char(c) => Some(c.to_ascii_lowercase()),
            _ => None,
        };
        let text: String = self.tokens.iter().filter_map(letter).collect();
        let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
        match () {
            () if has(&["[sudo]"]) => "sudo",
            () if has(&["passphrase"]) => "passphrase",
            () if has(&["new "]) => "new-password",
            () if has(&["code", "token", "otp", "pin"]) => "code",
            () => "password",
        }
    }

    fn prompt(&self) -> Option<Prompt<'_>> {
        let sign = *self.tokens.last()?;
        let name = self.tokens.iter().position(|token| *token == Token::Name);
        Some(Prompt { named: name.map(|at| &self.tokens[..at]), sign })
    }

    fn pattern(&self) -> String {
        let end = if self.ends == Ends::AtCursor { " ?$" } else { "" };
        format!("{}{end}", pattern(&self.tokens))
    }
}

fn tokens(text: &str, names: &Names) -> Vec<Token> {
    let mut tokens = Vec::new();
    for part in names.aside(text) {
        match part {
            Part::Name => tokens.push(Token::Name),
            Part::Text(text) => {
                for c in text.chars() {
                    match c.is_ascii_digit() {
                        true if tokens.last() == Some(&Token::Digits) => {}
                        true => tokens.push(Token::Digits),
                        false => tokens.push(Token::Char(c)),
                    }
                }
            }
        }
    }
    tokens.split_off(tokens.len().saturating_sub(LINE_TOKENS))
}

fn pattern(tokens: &[Token]) -> String {
    let mut text = String::new();
    for token in tokens {
        match token {
            Token::Char(c) => push_escaped(&mut text, *c),
            Token::Digits => text.push_str("\\d+"),
            Token::Name => text.push_str("\\S+"),
        }
    }
    text
}

fn push_escaped(text: &mut String, c: char) {
    if "\\.+*?()|[]{}^$".contains(c) {
        text.push('\\');
    }
    text.push(if c.is_control() { '.' } else { c });
}

/// A text as a regular expression for its echo: the end of its last line that is not blank.
pub(super) fn echo_of(text: &str) -> Option<String> {
    let last = text.lines().map(str::trim).rfind(|line| !line.is_empty())?;
    let skipped = last.chars().count().saturating_sub(LINE_TOKENS / 2);
    let mut echo = String::new();
    last.chars().skip(skipped).for_each(|c| push_escaped(&mut echo, c));
    Some(echo)
}

/// The regular expression that all of these lines match, made of what does not change; `None` where they have nothing in
/// common, or are blank.
pub(super) fn expect<'a>(lines: impl Iterator<Item = &'a Shown>) -> Option<String> {
    let mut seen = HashSet::new();
    let kinds: Vec<&Shown> = lines.filter(|line| !line.is_blank() && seen.insert(*line)).collect();
    match kinds.as_slice() {
        [] => None,
        [one] => Some(one.pattern()),
        several if several.len() <= APART => {
            let patterns: Vec<String> = several.iter().map(|line| line.pattern()).collect();
            Some(format!("(?:{})", patterns.join("|")))
        }
        many => in_common(many),
    }
}

/// What the ends of many lines have in common.
fn in_common(kinds: &[&Shown]) -> Option<String> {
    let (first, others) = kinds.split_first()?;
    let shared = |other: &&Shown| {
        let pairs = first.tokens.iter().rev().zip(other.tokens.iter().rev());
        pairs.take_while(|(a, b)| a == b).count()
    };
    let common = others.iter().map(shared).min().unwrap_or(0);
    let ends = kinds.iter().all(|line| line.ends == Ends::AtCursor);
    (common >= COMMON && ends)
        .then(|| format!("{} ?$", pattern(&first.tokens[first.tokens.len() - common..])))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(before: &str) -> Shown {
        Shown::of(&CursorLine { before: before.to_owned(), behind: String::new() }, &Names::given(["web04"]))
    }

    fn sight(before: &str) -> Sight {
        Sight { waits: Waits::Shell, line: at(before) }
    }

    #[test]
    fn a_line_becomes_an_expression_without_what_changes() {
        for (line, expected) in [
            ("ann@web04:~$ ", Some(r"ann@\S+:~\$ ?$")),
            ("[sudo] password for ann: ", Some(r"\[sudo\] password for ann: ?$")),
            ("Continue (y/n)? [12] ", Some(r"Continue \(y/n\)\? \[\d+\] ?$")),
            ("   ", None),
        ] {
            assert_eq!(expect([at(line)].iter()).as_deref(), expected, "{line:?}");
        }
        let beyond = CursorLine { before: "hel".into(), behind: "lo.".into() };
        let beyond = Shown::of(&beyond, &Names::default());
        assert_eq!(expect([beyond].iter()).as_deref(), Some(r"hello\."));
    }

    #[test]
    fn several_lines_share_one_expression() {
        let expected = |lines: &[&str]| expect(lines.iter().map(|line| at(line)).collect::<Vec<_>>().iter());
        assert_eq!(expected(&["a 1$ ", "a 22$ "]).as_deref(), Some(r"a \d+\$ ?$"));
        assert_eq!(expected(&["a$ ", "b# "]).as_deref(), Some(r"(?:a\$ ?$|b# ?$)"));
        assert_eq!(expected(&["a:~$ ", "b:~$ ", "c:~$ ", "d:~$ "]).as_deref(), Some(r":~\$ ?$"));
        assert_eq!(expected(&["a1", "b2", "c3", "dx"]), None);
    }

    #[test]
    fn a_shell_is_known_again_and_another_is_not() {
        for (then, now, same) in [
            ("ann@web04:~$ ", "ann@web04:/etc$ ", true),
            ("ann@web04:~$ ", "root@web04:~# ", false),
            ("ann@web04:~$ ", "ann@other:~$ ", false),
            ("ann@web04:~$ ", "> ", false),
            ("$ ", "$ ", true),
            ("", "", false),
        ] {
            assert_eq!(sight(now).same_shell(&sight(then)), same, "{then} {now}");
        }
        for (prompt, shell) in [
            ("web04> ", true),
            (">>> ", false),
            ("mysql> ", false),
            ("shop=# ", false),
            ("root@web04:/etc# ", true),
            ("λ", true),
        ] {
            assert_eq!(at(prompt).is_shell(), shell, "{prompt}");
        }
    }

    #[test]
    fn a_paste_is_known_by_its_echo() {
        assert_eq!(echo_of("one\n  two.\n\n").as_deref(), Some("two\\."));
        assert_eq!(echo_of(" \n"), None);
        assert_eq!(echo_of(&"x".repeat(200)), Some("x".repeat(50)));
    }
}
