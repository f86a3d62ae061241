//! The language of host expressions: text to a tree whose every part knows where it stands.
//!
//! Operators work from left to right, parentheses group. What an item means (a cluster, a host, a pattern) is decided
//! by the evaluator; here it is only cut out.

use std::ops::Range;

use super::{ExprError, Origin};

/// The longest expression in bytes; a list of 20,000 full names fits.
pub(super) const TEXT_LIMIT: usize = 1 << 20;
/// What may become of a host in a run, as `@run:ID:WORD,WORD` names it. A comma before one of these does not end the item;
/// a host of such a name is written before it, or as an argument of its own.
pub const FATES: [&str; 33] = [
    "all",
    "ok",
    "well",
    "failed",
    "not-run",
    "unknown",
    "not-known",
    "not-ok",
    "unreachable",
    "login",
    "host-key",
    "throttled",
    "sudo",
    "unsupported",
    "cancelled",
    "not-started",
    "timed-out",
    "killed",
    "link-lost",
    "no-status",
    "signalled",
    "exited",
    "no-space",
    "no-right",
    "read-only",
    "busy",
    "is-directory",
    "checksum-differs",
    "missing",
    "no-sftp",
    "odd-server",
    "refused",
    "file-failed",
];
/// How deep parentheses may nest.
const DEPTH_LIMIT: usize = 32;

/// How a term joins what stands before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    Union,
    Difference,
    Intersection,
    SymmetricDifference,
}

impl Op {
    fn read(c: char) -> Option<Op> {
        Some(match c {
            ',' => Op::Union,
            '!' => Op::Difference,
            '&' => Op::Intersection,
            '^' => Op::SymmetricDifference,
            _ => return None,
        })
    }
}

/// A term with the operator before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) op: Op,
    pub(super) term: Term,
}

/// What an operator joins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Term {
    Group(Vec<Step>),
    /// The bytes of one item.
    Item(Range<usize>),
}

/// An expression, cut into its terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Expr {
    pub(super) steps: Vec<Step>,
    /// It begins with `!`, `&` or `^`, so it applies to all that was named before it.
    pub(super) continues: bool,
}

/// Cuts an expression into its terms. `error` makes an error out of a span, a message and a next step.
pub(super) fn parse(text: &str, origin: &Origin, column: usize) -> Result<Expr, ExprError> {
    let mut parser = Parser { text, at: 0, depth: 0 };
    let parsed = if text.len() > TEXT_LIMIT {
        Err((0..0, format!("the expression is longer than {TEXT_LIMIT} bytes"), "use --hosts-from FILE"))
    } else {
        parser.expression()
    };
    parsed.map_err(|(span, message, help)| ExprError {
        origin: origin.clone(),
        column,
        text: text.to_owned(),
        span,
        message,
        help: help.to_owned(),
    })
}

type Wrong = (Range<usize>, String, &'static str);

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn expression(&mut self) -> Result<Expr, Wrong> {
        let leading = self.peek().and_then(Op::read).filter(|op| *op != Op::Union);
        if leading.is_some() {
            self.at += 1;
        }
        let steps = self.steps(leading.unwrap_or(Op::Union))?;
        match self.peek() {
            None => Ok(Expr { steps, continues: leading.is_some() }),
            Some(_) => Err((self.at..self.at + 1, "`)` closes nothing".to_owned(), "take it out")),
        }
    }

    /// Terms and operators up to the end or a `)`.
    fn steps(&mut self, first: Op) -> Result<Vec<Step>, Wrong> {
        let mut steps = vec![Step { op: first, term: self.term()? }];
        while let Some(c) = self.peek().filter(|c| *c != ')') {
            let Some(op) = Op::read(c) else {
                return Err((
                    self.at..self.at + c.len_utf8(),
                    "an operator is missing before this".to_owned(),
                    "join hosts by a comma",
                ));
            };
            self.at += 1;
            steps.push(Step { op, term: self.term()? });
        }
        Ok(steps)
    }

    fn term(&mut self) -> Result<Term, Wrong> {
        match self.peek() {
            Some('(') => self.group(),
            Some(c) if c != ')' && Op::read(c).is_none() => Ok(Term::Item(self.item())),
            _ => {
                let before = self.text[..self.at].trim_end().len();
                let span =
                    if before == 0 { 0..self.at.max(1).min(self.text.len()) } else { before - 1..before };
                Err((
                    span,
                    "a host or cluster is missing here".to_owned(),
                    "name one, or take the operator out",
                ))
            }
        }
    }

    fn group(&mut self) -> Result<Term, Wrong> {
        let open = self.at;
        self.depth += 1;
        if self.depth > DEPTH_LIMIT {
            let message = format!("parentheses nest deeper than {DEPTH_LIMIT}");
            return Err((open..open + 1, message, "define a cluster for the inner part"));
        }
        self.at += 1;
        let steps = self.steps(Op::Union)?;
        if self.peek() != Some(')') {
            return Err((open..open + 1, "`(` is not closed".to_owned(), "add `)`"));
        }
        self.at += 1;
        self.depth -= 1;
        Ok(Term::Group(steps))
    }

    /// An item ends at a blank, an operator or a parenthesis outside its brackets and braces.
    fn item(&mut self) -> Range<usize> {
        let start = self.at;
        let mut close = None;
        for (offset, c) in self.text[start..].char_indices() {
            match (close, c) {
                (Some(end), c) if c == end => close = None,
                (Some(_), _) => {}
                (None, '[') => close = Some(']'),
                (None, '{') => close = Some('}'),
                (None, ',') if self.names_another_fate(start, start + offset) => {}
                (None, c) if c.is_whitespace() || c == '(' || c == ')' || Op::read(c).is_some() => {
                    self.at = start + offset;
                    return start..self.at;
                }
                (None, _) => {}
            }
        }
        self.at = self.text.len();
        start..self.text.trim_end().len()
    }

    /// Whether the comma at `comma` stands between two fates of `@run:ID:WORD,WORD`, an item that begins at `start`.
    fn names_another_fate(&self, start: usize, comma: usize) -> bool {
        let item = &self.text[start..comma];
        let of_run = item.strip_prefix("@run:").is_some_and(|said| said.contains(':'));
        let word = self.text[comma + 1..].split(|c: char| c.is_whitespace() || "()!&^,".contains(c)).next();
        of_run && word.is_some_and(|word| FATES.contains(&word))
    }

    /// The next character that is no blank.
    fn peek(&mut self) -> Option<char> {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
        self.text[self.at..].chars().next()
    }
}

/// Does a text match a pattern of `*` (any run) and `?` (any one character)? Linear in their product.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p + 1, t));
                p += 1;
            }
            Some(c) if *c == b'?' || *c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((after, from)) = retry else { return false };
                (p, t) = (after, from + 1);
                retry = Some((after, from + 1));
            }
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tree in a form that is easy to read: every group in parentheses.
    fn shown(text: &str) -> String {
        fn steps(text: &str, list: &[Step], out: &mut String) {
            for step in list {
                out.push(match step.op {
                    Op::Union => ',',
                    Op::Difference => '!',
                    Op::Intersection => '&',
                    Op::SymmetricDifference => '^',
                });
                match &step.term {
                    Term::Item(span) => out.push_str(&text[span.clone()]),
                    Term::Group(inner) => {
                        out.push('(');
                        steps(text, inner, out);
                        out.push(')');
                    }
                }
            }
        }
        let expr = parse(text, &Origin::Expression, 1).unwrap_or_else(|error| panic!("{error}"));
        let mut out = String::new();
        steps(text, &expr.steps, &mut out);
        out
    }

    #[test]
    fn a_comma_between_two_fates_of_a_run_ends_no_item() {
        for (text, items) in [
            ("@run:last:failed,login", vec!["@run:last:failed,login"]),
            ("@run:last:failed,login,web1", vec!["@run:last:failed,login", "web1"]),
            ("login,@run:-1:failed!web1", vec!["login", "@run:-1:failed", "web1"]),
            ("@run:last,failed", vec!["@run:last", "failed"]),
            ("@runs:last:failed,login", vec!["@runs:last:failed", "login"]),
        ] {
            let expr = parse(text, &Origin::Expression, 1).expect(text);
            let cut = expr.steps.iter().map(|step| match &step.term {
                Term::Item(span) => &text[span.clone()],
                Term::Group(_) => "a group",
            });
            assert_eq!(cut.collect::<Vec<_>>(), items, "{text}");
        }
    }

    #[test]
    fn expressions_are_cut_at_their_operators() {
        assert_eq!(shown("a"), ",a");
        assert_eq!(shown(" a , b!c&d^e "), ",a,b!c&d^e");
        assert_eq!(shown("n[1,3],x{a,b}!n1"), ",n[1,3],x{a,b}!n1");
        assert_eq!(shown("(a,b)&(c!(d^e))"), ",(,a,b)&(,c!(,d^e))");
        assert_eq!(shown("!a,b"), "!a,b");
        assert_eq!(shown("[::1]:22,@s:g"), ",[::1]:22,@s:g");
    }

    #[test]
    fn faults_are_named_where_they_stand() {
        let deep = "(".repeat(33) + "a" + &")".repeat(33);
        let table = [
            ("", 0..0, "missing"),
            ("a,,b", 1..2, "missing"),
            ("a,", 1..2, "missing"),
            (",a", 0..1, "missing"),
            ("a!", 1..2, "missing"),
            ("!", 0..1, "missing"),
            ("()", 0..1, "missing"),
            ("a b", 2..3, "operator"),
            ("(a", 0..1, "not closed"),
            ("a)", 1..2, "closes nothing"),
            ("a(b)", 1..2, "operator"),
            (deep.as_str(), 32..33, "deeper"),
        ];
        for (text, span, says) in table {
            let error = parse(text, &Origin::Expression, 1).expect_err(text);
            assert_eq!(error.span, span, "{text}: {error}");
            assert!(error.message.contains(says), "{text}: {error}");
        }
        let commas = ",".repeat(TEXT_LIMIT + 1);
        assert!(parse(&commas, &Origin::Expression, 1).expect_err("too long").message.contains("longer"));
    }

    #[test]
    fn patterns_match_whole_names() {
        for (pattern, text, expected) in [
            ("web*", "web1", true),
            ("web*", "aweb1", false),
            ("*", "", true),
            ("w?b", "web", true),
            ("w?b", "wb", false),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b", "xxaxxbx", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
        assert!(!matches(&"*a".repeat(50), &"a".repeat(49)));
    }
}
