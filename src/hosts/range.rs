//! Ranges: one item such as `web[01-12]` or `x{1..3}:{22,23}` as the texts it stands for.
//!
//! An item is a row of literals and choices. It is counted before anything is expanded, so that no spelling can cost more
//! than its own length; only then is the product walked. Brackets mean what they mean to `nodeset`, braces what they mean
//! to ClusterSSH with its faults mended. Neither nests.

use std::ops::Range;

/// The most hosts that one expression may name.
pub const HOST_LIMIT: usize = 100_000;
/// The longest item once expanded, in bytes: a user, a name and a port with room to spare.
const WIDTH_LIMIT: usize = 1024;

/// A fault in an item; the span is in bytes of the item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RangeFault {
    pub(super) span: Range<usize>,
    pub(super) message: String,
    pub(super) help: String,
}

fn fault<T>(
    span: Range<usize>,
    message: impl Into<String>,
    help: impl Into<String>,
) -> Result<T, RangeFault> {
    Err(RangeFault { span, message: message.into(), help: help.into() })
}

/// An item, read and counted but not expanded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ranges {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    Choice(Vec<Choice>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Choice {
    Word(String),
    /// `start`, `start + step`, … `count` of them, padded with zeros to `width`.
    Numbers {
        start: i64,
        step: i64,
        count: u64,
        width: usize,
    },
    /// The same over letters.
    Letters {
        start: u8,
        step: i64,
        count: u64,
    },
}

impl Choice {
    fn count(&self) -> u64 {
        match self {
            Choice::Word(_) => 1,
            Choice::Numbers { count, .. } | Choice::Letters { count, .. } => *count,
        }
    }

    fn push(&self, nth: u64, out: &mut String) {
        use std::fmt::Write;
        let offset = |step: i64| step * i64::try_from(nth).unwrap_or(i64::MAX);
        match self {
            Choice::Word(word) => out.push_str(word),
            Choice::Numbers { start, step, width, .. } => {
                let _ = write!(out, "{:0width$}", start + offset(*step));
            }
            Choice::Letters { start, step, .. } => {
                let letter = i64::from(*start) + offset(*step);
                out.push(u8::try_from(letter).map_or('?', char::from));
            }
        }
    }
}

impl Ranges {
    /// Reads an item. `[v6]` where an address may stand is no range.
    pub(super) fn parse(item: &str) -> Result<Ranges, RangeFault> {
        let mut parts = Vec::new();
        let mut at = 0;
        let mut literal = String::new();
        while let Some(c) = item[at..].chars().next() {
            let end = match c {
                '[' | '{' => closing(item, at)?,
                ']' | '}' => return fault(at..at + 1, format!("`{c}` closes nothing"), "take it out"),
                c => {
                    literal.push(c);
                    at += c.len_utf8();
                    continue;
                }
            };
            if c == '[' && is_address(item, at, end) {
                literal.push_str(&item[at..end]);
            } else {
                let choices = if c == '[' { bracket(item, at..end)? } else { brace(item, at..end)? };
                if c == '[' {
                    check_neighbours(item, at..end, &choices)?;
                }
                parts.push(Part::Literal(std::mem::take(&mut literal)));
                parts.push(Part::Choice(choices));
            }
            at = end;
        }
        parts.push(Part::Literal(literal));
        let ranges = Ranges { parts };
        match ranges.width() {
            width if width > WIDTH_LIMIT => fault(
                0..item.len(),
                format!("a host is at most {WIDTH_LIMIT} bytes long"),
                "separate hosts by commas",
            ),
            _ => Ok(ranges),
        }
    }

    /// The longest text it can stand for, in bytes, so that a product of long texts cannot fill the memory.
    fn width(&self) -> usize {
        let of_choice = |choice: &Choice| match choice {
            Choice::Word(word) => word.len(),
            Choice::Numbers { .. } => 1,
            Choice::Letters { .. } => 1,
        };
        let of_part = |part: &Part| match part {
            Part::Literal(literal) => literal.len(),
            Part::Choice(choices) => choices.iter().map(of_choice).max().unwrap_or(0).min(WIDTH_LIMIT + 1),
        };
        self.parts.iter().map(of_part).sum()
    }

    /// How many texts it stands for (equal ones counted as often as they are named).
    pub(super) fn count(&self) -> u64 {
        let sum = |choices: &[Choice]| choices.iter().fold(0u64, |n, c| n.saturating_add(c.count()));
        self.parts.iter().fold(1, |n, part| match part {
            Part::Literal(_) => n,
            Part::Choice(choices) => n.saturating_mul(sum(choices)),
        })
    }

    /// The first of its texts.
    pub(super) fn first(&self) -> String {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Choice(choices) => choices.iter().take(1).for_each(|choice| choice.push(0, &mut text)),
            }
        }
        text
    }

    /// The texts, in the order written. The caller has compared `count` with its limit.
    pub(super) fn expand(&self) -> Vec<String> {
        let mut texts = vec![String::new()];
        for part in &self.parts {
            match part {
                Part::Literal(literal) => texts.iter_mut().for_each(|text| text.push_str(literal)),
                Part::Choice(choices) => {
                    texts = texts.iter().flat_map(|text| each(text, choices)).collect();
                }
            }
        }
        texts
    }
}

fn each<'a>(text: &'a str, choices: &'a [Choice]) -> impl Iterator<Item = String> {
    choices.iter().flat_map(move |choice| {
        (0..choice.count()).map(move |nth| {
            let mut grown = String::with_capacity(text.len() + 12);
            grown.push_str(text);
            choice.push(nth, &mut grown);
            grown
        })
    })
}

/// The end of the bracket or brace that opens at `at`.
fn closing(item: &str, at: usize) -> Result<usize, RangeFault> {
    let (open, close) = if item.as_bytes()[at] == b'[' { ('[', ']') } else { ('{', '}') };
    for (offset, c) in item[at + 1..].char_indices() {
        let here = at + 1 + offset;
        match c {
            c if c == close => return Ok(here + 1),
            '[' | '{' => {
                return fault(here..here + 1, "ranges do not nest", format!("close the `{open}` before it"));
            }
            _ => {}
        }
    }
    fault(at..at + 1, format!("`{open}` is not closed"), format!("add `{close}`"))
}

/// `[::1]` at the start of an item, after `@` or after `ssh://` is an address.
fn is_address(item: &str, at: usize, end: usize) -> bool {
    let before = &item[..at];
    item[at..end].contains(':') && (before.is_empty() || before.ends_with('@') || before.ends_with("ssh://"))
}

/// The elements of a bracket or brace with their spans.
fn elements(item: &str, span: Range<usize>) -> impl Iterator<Item = (Range<usize>, &str)> {
    let mut at = span.start + 1;
    item[span.start + 1..span.end - 1].split(',').map(move |element| {
        let start = at;
        at += element.len() + 1;
        (start..start + element.len(), element)
    })
}

fn bracket(item: &str, span: Range<usize>) -> Result<Vec<Choice>, RangeFault> {
    elements(item, span.clone())
        .map(|(at, element)| {
            let at = if at.is_empty() { span.clone() } else { at };
            bracket_element(element.trim()).map_err(|(message, help)| RangeFault {
                span: at,
                message: message.to_owned(),
                help: help.to_owned(),
            })
        })
        .collect()
}

type Saying = (&'static str, &'static str);

/// `7`, `-7`, `01-12`, `0-30/2`, `-5--3`.
fn bracket_element(element: &str) -> Result<Choice, Saying> {
    if element.is_empty() {
        return Err(("the range is empty", "write numbers, such as [1-3,7]"));
    }
    let (base, step) = match element.split_once('/') {
        Some((base, step)) => (base, positive(step.trim())?),
        None => (element, 1),
    };
    let (begin, end) = match signed(base.trim()).ok_or(NOT_NUMBERS)? {
        (_, "") if step != 1 => return Err(("a step needs a range", "write it as [0-30/2]")),
        (begin, "") => (begin, begin),
        (begin, rest) => {
            let end = rest.trim_start().strip_prefix('-').ok_or(NOT_NUMBERS)?;
            match signed(end.trim()) {
                Some((end, "")) => (begin, end),
                _ => return Err(NOT_NUMBERS),
            }
        }
    };
    numbers(begin, end, step)
}

const NOT_NUMBERS: Saying = ("a bracket holds numbers only", "write [1-3,7], or {a,b} for words");
const TOO_LONG: Saying = ("a number has more than 18 digits", "write the hosts out");

/// A number at the start: its sign and its digits, and what follows them.
fn signed(text: &str) -> Option<((bool, &str), &str)> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let length = digits.bytes().take_while(u8::is_ascii_digit).count();
    (length > 0).then(|| ((negative, &digits[..length]), &digits[length..]))
}

fn positive(step: &str) -> Result<i64, Saying> {
    let good = !step.is_empty() && step.len() <= 18 && step.bytes().all(|b| b.is_ascii_digit());
    match good.then(|| step.parse::<i64>()) {
        Some(Ok(step)) if step > 0 => Ok(step),
        _ => Err(("the step is no number above 0", "write it as [0-30/2]")),
    }
}

fn numbers(begin: (bool, &str), end: (bool, &str), step: i64) -> Result<Choice, Saying> {
    let (low, high) = (value(begin)?, value(end)?);
    // Zero itself pads only where it opens the range: `[0-00]` is 0 to nodeset.
    let begin_is_padded = begin.1.len() > 1 && begin.1.starts_with('0');
    let end_is_padded = high != 0 && end.1.starts_with('0');
    if (begin_is_padded || end_is_padded) && begin.1.len() != end.1.len() {
        return Err(("both ends of a padded range need the same width", "write it as [01-12]"));
    }
    if begin_is_padded && begin.0 {
        return Err(("a negative number is not padded", "take the zeros out"));
    }
    if low > high {
        return Err(("the range runs backwards", "write the lower number first"));
    }
    let count = u64::try_from((high - low) / step).map_or(u64::MAX, |n| n.saturating_add(1));
    let width = if begin_is_padded { begin.1.len() } else { 0 };
    Ok(Choice::Numbers { start: low, step, count, width })
}

fn value((negative, digits): (bool, &str)) -> Result<i64, Saying> {
    if digits.len() > 18 {
        return Err(TOO_LONG);
    }
    let value: i64 = digits.parse().map_err(|_| NOT_NUMBERS)?;
    Ok(if negative { -value } else { value })
}

/// Two spellings are refused though a meaning could be made up: `][`, as in nodeset, and digits before a range that
/// changes its width, where nodeset itself reads `n1[8-11]` as the 94 hosts `n[18-111]`.
fn check_neighbours(item: &str, span: Range<usize>, choices: &[Choice]) -> Result<(), RangeFault> {
    if item[span.end..].starts_with('[') {
        return fault(
            span.end..span.end + 1,
            "a bracket follows a bracket",
            "put a letter or a dash between them",
        );
    }
    if !item[..span.start].ends_with(|c: char| c.is_ascii_digit()) {
        return Ok(());
    }
    let ends: Vec<(i64, i64, bool)> = choices
        .iter()
        .filter_map(|choice| match choice {
            Choice::Numbers { start, step, count, width } => {
                let last = i64::try_from(count - 1).map_or(*start, |n| start + n * step);
                Some((*start, last, *step == 1 && *width == 0))
            }
            _ => None,
        })
        .collect();
    let holds =
        |number: i64| ends.iter().any(|(low, high, plain)| *plain && (*low..=*high).contains(&number));
    let grows = (1..18).map(|width| 10i64.pow(width)).any(|power| holds(power - 1) && holds(power));
    if grows {
        return fault(
            span,
            "digits stand before a range whose numbers grow in width, which can be read in two ways",
            "put the digits into the bracket, as in n[18-19,110-111]",
        );
    }
    Ok(())
}

fn brace(item: &str, span: Range<usize>) -> Result<Vec<Choice>, RangeFault> {
    let inside = &item[span.start + 1..span.end - 1];
    if !inside.contains(',') && !inside.contains("..") {
        return fault(span, "a brace needs a list or a range", "write {a,b} or {1..3}");
    }
    elements(item, span)
        .map(|(at, element)| {
            brace_element(element.trim()).map_err(|(message, help)| RangeFault {
                span: at,
                message: message.to_owned(),
                help: help.to_owned(),
            })
        })
        .collect()
}

/// A word, `1..12`, `01..12`, `5..1`, `a..f`, each with an optional `..STEP`.
fn brace_element(element: &str) -> Result<Choice, Saying> {
    let Some((begin, rest)) = element.split_once("..") else { return Ok(Choice::Word(element.to_owned())) };
    let (end, step) = match rest.split_once("..") {
        Some((end, step)) => (end, positive(step)?),
        None => (rest, 1),
    };
    if let ([low], [high]) = (begin.as_bytes(), end.as_bytes())
        && low.is_ascii_alphabetic()
        && high.is_ascii_alphabetic()
    {
        if low.is_ascii_lowercase() != high.is_ascii_lowercase() {
            return Err(("one letter is small, the other is not", "write {a..f} or {A..F}"));
        }
        let distance = i64::from(*high) - i64::from(*low);
        let count = distance.unsigned_abs() / step.unsigned_abs() + 1;
        return Ok(Choice::Letters { start: *low, step: step * distance.signum(), count });
    }
    let read = |text| match signed(text) {
        Some((number, "")) => Ok((value(number)?, number.1)),
        _ => Err(("a range in braces needs two numbers or two letters", "write {1..3} or {a..c}")),
    };
    let ((low, low_digits), (high, high_digits)) = (read(begin)?, read(end)?);
    let padded = |digits: &str| digits.len() > 1 && digits.starts_with('0');
    let width =
        if padded(low_digits) || padded(high_digits) { low_digits.len().max(high_digits.len()) } else { 0 };
    let distance = high - low;
    let count = distance.unsigned_abs() / step.unsigned_abs() + 1;
    Ok(Choice::Numbers { start: low, step: step * distance.signum(), count, width })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(item: &str) -> String {
        let ranges = Ranges::parse(item).unwrap_or_else(|fault| panic!("{item}: {fault:?}"));
        let texts = ranges.expand();
        assert_eq!(ranges.count(), texts.len() as u64, "{item}");
        texts.join(" ")
    }

    #[test]
    fn brackets_and_braces_mean_what_they_should() {
        let table = [
            ("web", "web"),
            ("n[1-3,7]", "n1 n2 n3 n7"),
            ("n[08-11]", "n08 n09 n10 n11"),
            ("n[2,01,001]", "n2 n01 n001"),
            ("n[0-6/2]-x", "n0-x n2-x n4-x n6-x"),
            ("r[1-2]n[1-2]", "r1n1 r1n2 r2n1 r2n2"),
            ("node-00[08-10]", "node-0008 node-0009 node-0010"),
            ("n[-2-0]", "n-2 n-1 n0"),
            ("n[-2--1]", "n-2 n-1"),
            ("n[ 1 - 2 , 5 ]", "n1 n2 n5"),
            ("n[0-00]", "n0"),
            ("[1-2]", "1 2"),
            ("n3-[1-2]0-[0-1]5", "n3-10-05 n3-10-15 n3-20-05 n3-20-15"),
            ("[::1]:22", "[::1]:22"),
            ("u@[::1]", "u@[::1]"),
            ("2001:db8::[1-2]", "2001:db8::1 2001:db8::2"),
            ("w{a,b}", "wa wb"),
            ("w{01..03}", "w01 w02 w03"),
            ("w{3..1}", "w3 w2 w1"),
            ("p{01..3}", "p01 p02 p03"),
            ("h{1..10..4}", "h1 h5 h9"),
            ("w{0..1,e..g,x}", "w0 w1 we wf wg wx"),
            ("w{1..2}{1..2}", "w11 w12 w21 w22"),
            ("x{1..2}:{22,23}", "x1:22 x1:23 x2:22 x2:23"),
            ("web{,-ib}", "web web-ib"),
            ("127.0.{20..21}.1", "127.0.20.1 127.0.21.1"),
        ];
        for (item, texts) in table {
            assert_eq!(expanded(item), texts, "{item}");
        }
    }

    #[test]
    fn faults_are_named_where_they_stand() {
        let table = [
            ("n[5-1]", 2..5, "backwards"),
            ("n[]", 1..3, "empty"),
            ("n[1,]", 1..5, "empty"),
            ("n[-]", 2..3, "numbers only"),
            ("n[1-]", 2..4, "numbers only"),
            ("n[a-b]", 2..5, "numbers only"),
            ("n[1-2-3]", 2..7, "numbers only"),
            ("n[1-10/0]", 2..8, "step"),
            ("n[1-10/-1]", 2..9, "step"),
            ("n[1/2]", 2..5, "step"),
            ("n[1-010]", 2..7, "width"),
            ("n[01-100]", 2..8, "width"),
            ("n[1-[2-3]]", 4..5, "nest"),
            ("n[1-3", 1..2, "not closed"),
            ("n1]", 2..3, "closes nothing"),
            ("n[1-2][3-4]", 6..7, "follows a bracket"),
            ("n1[8-11]", 2..8, "two ways"),
            ("n1[9,10]", 2..8, "two ways"),
            ("n[1-99999999999999999999]", 2..24, "18 digits"),
            ("n[١-٣]", 2..7, "numbers only"),
            ("n{a}", 1..4, "list or a range"),
            ("n{a..}", 2..5, "two numbers"),
            ("n{1..3..0}", 2..9, "step"),
            ("n{a,{b,c}}", 4..5, "nest"),
        ];
        for (item, span, says) in table {
            let fault = Ranges::parse(item).expect_err(item);
            assert_eq!(fault.span, span, "{item}: {fault:?}");
            assert!(fault.message.contains(says), "{item}: {fault:?}");
        }
    }

    #[test]
    fn counting_costs_nothing_however_large() {
        let product = |item: &str, times| Ranges::parse(&item.repeat(times)).unwrap().count();
        assert_eq!(product("h[1-999999999999999999]", 1), 999_999_999_999_999_999);
        assert_eq!(product("{a,b}", 1_000), u64::MAX);
        assert_eq!(product("a[1-999]", 20), u64::MAX);
        assert!(Ranges::parse(&"{a,b}".repeat(1_500)).is_err(), "1,500 letters are no host");
        assert!(Ranges::parse(&format!("{{{},b}}", "x".repeat(2_000))).is_err());
        assert_eq!(product("{-999999999999999999..999999999999999999}", 1), 1_999_999_999_999_999_999);
    }
}
