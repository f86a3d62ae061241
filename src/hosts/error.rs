//! What is wrong with an expression, a file or a selection, said with its place and the next step.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use unicode_width::UnicodeWidthStr;

use crate::escape;

/// Where a value or an item comes from.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Origin {
    /// The command line.
    Expression,
    /// A line of a file, from 1.
    File {
        /// The file as it was named to us.
        file: Arc<str>,
        /// The line, from 1.
        line: u32,
    },
    /// What a dynamic source answered.
    Source {
        /// The name of the source.
        name: Arc<str>,
    },
}

impl Origin {
    pub(super) fn file(file: &Arc<str>, line: usize) -> Origin {
        Origin::File { file: file.clone(), line: u32::try_from(line).unwrap_or(u32::MAX) }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Expression => f.write_str("the command line"),
            Origin::File { file, line } => write!(f, "{}:{line}", escape::line(file.as_bytes())),
            Origin::Source { name } => write!(f, "the answer of source `{}`", escape::line(name.as_bytes())),
        }
    }
}

/// A value and where it was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Valued<T> {
    /// The value.
    pub value: T,
    /// Where it was said.
    pub origin: Origin,
}

/// An expression that cannot be read or evaluated. It prints as a sentence, then the expression, then a caret under the
/// wrong part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExprError {
    /// Where the expression stands.
    pub origin: Origin,
    /// The column of the expression's first character in its file, from 1.
    pub column: usize,
    /// The whole expression.
    pub text: String,
    /// The wrong part, in bytes of `text`.
    pub span: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// The next step.
    pub help: String,
}

impl std::error::Error for ExprError {}

/// How many characters of a long expression are shown on each side of the wrong part.
const CONTEXT: usize = 30;

impl fmt::Display for ExprError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Origin::File { .. } = self.origin {
            let before = self.text.get(..self.span.start).unwrap_or(&self.text);
            write!(f, "{}:{}: ", self.origin, self.column + before.chars().count())?;
        } else if self.origin != Origin::Expression {
            write!(f, "{}: ", self.origin)?;
        }
        let (before, wrong, after) = self.cut();
        writeln!(f, "{}", visible(&self.message))?;
        writeln!(f, "  {before}{wrong}{after}")?;
        let carets = wrong.width().max(1);
        write!(f, "  {}{} {}", " ".repeat(before.width()), "^".repeat(carets), visible(&self.help))
    }
}

impl ExprError {
    /// What stands before, in and after the wrong part, made visible and cut where long.
    fn cut(&self) -> (String, String, String) {
        let inside =
            |at: usize| (0..=at.min(self.text.len())).rev().find(|at| self.text.is_char_boundary(*at));
        let start = inside(self.span.start).unwrap_or(0);
        let end = inside(self.span.end).unwrap_or(start).max(start);
        let (before, wrong, after) = (&self.text[..start], &self.text[start..end], &self.text[end..]);
        let tail = |text: &str| match text.char_indices().rev().nth(CONTEXT) {
            Some((at, c)) => format!("…{}", visible(&text[at + c.len_utf8()..])),
            None => visible(text),
        };
        let head = |text: &str, most: usize| match text.char_indices().nth(most) {
            Some((at, _)) => format!("{}…", visible(&text[..at])),
            None => visible(text),
        };
        (tail(before), head(wrong, 2 * CONTEXT), head(after, CONTEXT))
    }
}

/// Escaped, and a tab is one column wide.
fn visible(text: &str) -> String {
    escape::line(text.as_bytes()).replace('\t', " ")
}

/// A fault in a file of hosts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{}: {}; {}", escape::line(file.as_bytes()), place(*line, *column), visible(message), visible(help))]
pub struct FileProblem {
    /// The file as it was named to us.
    pub file: Arc<str>,
    /// The line, from 1; 0 where the file as a whole is at fault.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// The next step.
    pub help: String,
}

fn place(line: usize, column: usize) -> String {
    if line == 0 { String::new() } else { format!(":{line}:{column}") }
}

impl FileProblem {
    /// A fault of the file as a whole.
    pub(super) fn whole(file: &Arc<str>, message: impl Into<String>, help: impl Into<String>) -> FileProblem {
        FileProblem { file: file.clone(), line: 0, column: 0, message: message.into(), help: help.into() }
    }
}

/// Every fault of the files of hosts; at least one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(FileProblem::to_string).collect::<Vec<_>>().join("\n"))]
pub struct FileProblems(pub Vec<FileProblem>);

/// A selection of hosts that fails.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectError {
    /// An expression is wrong, on the command line or in a file.
    #[error(transparent)]
    Expression(#[from] Box<ExprError>),
    /// Two clusters, or two items, say different things about one host.
    #[error(transparent)]
    Disagree(#[from] Box<Disagreement>),
    /// Nothing is left.
    #[error("{} names no host at all; check it with `omnes hosts`, or say --allow-empty", escape::text(.0, 120))]
    Empty(String),
}

/// Two that say different things about one host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{}: {} and {}; settle it on the command line, or by [hosts.\"{}\"] in clusters.toml",
    escape::line(host.as_bytes()), says(one, what), says(two, what), escape::line(host.as_bytes())
)]
pub struct Disagreement {
    /// The host.
    pub host: String,
    /// The key they disagree about, such as `user`.
    pub what: String,
    /// Who says what.
    pub one: (String, Valued<String>),
    /// And who says otherwise.
    pub two: (String, Valued<String>),
}

fn says((who, said): &(String, Valued<String>), what: &str) -> String {
    let who = escape::line(who.as_bytes());
    format!("`{who}` says {what} {} ({})", escape::text(&said.value, 60), said.origin)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str, span: Range<usize>) -> ExprError {
        ExprError {
            origin: Origin::Expression,
            column: 1,
            text: text.to_owned(),
            span,
            message: "wrong".to_owned(),
            help: "mend it".to_owned(),
        }
    }

    #[test]
    fn the_caret_stands_under_the_wrong_part() {
        assert_eq!(error("web,h[5-1]", 6..9).to_string(), "wrong\n  web,h[5-1]\n        ^^^ mend it");
        assert_eq!(error("a\u{1b}b", 2..3).to_string(), "wrong\n  a^[b\n     ^ mend it");
        assert_eq!(error("日本x", 6..7).to_string(), "wrong\n  日本x\n      ^ mend it");
        assert_eq!(error("web", 3..3).to_string(), "wrong\n  web\n     ^ mend it");
    }

    #[test]
    fn long_texts_are_cut_around_it() {
        let shown = error(&",".repeat(1_000_000), 500_000..500_001).to_string();
        assert!(shown.len() < 200, "{shown}");
        let wide = error(&"x".repeat(1_000), 0..1_000).to_string();
        assert!(wide.len() < 250, "{wide}");
    }

    #[test]
    fn a_file_is_named_with_line_and_column() {
        let mut wrong = error("h[5-1]", 2..5);
        wrong.origin = Origin::file(&Arc::from("/etc/clusters"), 7);
        wrong.column = 5;
        assert!(wrong.to_string().starts_with("/etc/clusters:7:7: wrong\n"));
    }
}
