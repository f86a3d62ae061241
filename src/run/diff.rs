//! How one host's output differs from another's, as a unified diff: pure.
//!
//! Theory: lines are numbered by content, so that the comparison never looks at bytes again. What both have in common at
//! their beginning and end is put aside, and so are lines that only one of them has, since nothing can match them; what is
//! left goes through Myers' algorithm. Its cost grows with the product of both lengths where two outputs are the same lines
//! in another order, so beyond `WORK` all that is left counts as replaced: the diff is longer then, and still right.

use std::collections::HashMap;
use std::ops::Range;

use memchr::memchr;
use similar::{Algorithm, DiffOp, capture_diff_slices};

/// Lines of both that are shown around a difference.
const AROUND: usize = 3;

/// The most pairs of lines that are weighed against each other; beyond, the lines count as replaced.
const WORK: usize = 1_000_000;

/// What follows a last line that does not end, as diff(1) writes it.
const NO_END: &[u8] = b"\\ No newline at end of file\n";

/// How an output differs from the one that it is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference<'a> {
    /// In no byte.
    None,
    /// In these places.
    Lines(Vec<Hunk<'a>>),
    /// One of them is no text (it holds a NUL); they part at this byte, counted from 0.
    Binary(usize),
}

/// A place where two outputs differ, with what stands around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hunk<'a> {
    /// The lines of the reference that it covers, counted from 0.
    pub from: Range<usize>,
    /// The lines of the other.
    pub to: Range<usize>,
    /// All of them, in the order in which they are shown.
    pub rows: Vec<Row<'a>>,
}

/// One line of a hunk, with its line end where it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Row<'a> {
    /// Both have it.
    Both(&'a [u8]),
    /// Only the reference has it.
    Gone(&'a [u8]),
    /// Only the other has it.
    New(&'a [u8]),
}

impl<'a> Row<'a> {
    /// The mark that a unified diff puts before it, and the line.
    pub fn parts(self) -> (u8, &'a [u8]) {
        match self {
            Row::Both(line) => (b' ', line),
            Row::Gone(line) => (b'-', line),
            Row::New(line) => (b'+', line),
        }
    }
}

/// Compares an output with the one that is the reference.
pub fn compare<'a>(reference: &'a [u8], other: &'a [u8]) -> Difference<'a> {
    if reference == other {
        return Difference::None;
    }
    if [reference, other].iter().any(|bytes| memchr(0, bytes).is_some()) {
        let parting = reference.iter().zip(other).position(|(a, b)| a != b);
        return Difference::Binary(parting.unwrap_or(reference.len().min(other.len())));
    }
    let (from, to) = (lines(reference), lines(other));
    Difference::Lines(hunks(&from, &to, &changes(&from, &to)))
}

/// The difference as text, under these two names; `push_line` appends one line of a host, made safe for where it goes, with a
/// line end. Without a difference there is no text.
pub fn unified(
    text: &mut Vec<u8>,
    difference: &Difference<'_>,
    names: [&str; 2],
    mut push_line: impl FnMut(&mut Vec<u8>, &[u8]),
) {
    let [reference, other] = names;
    match difference {
        Difference::None => {}
        Difference::Binary(at) => {
            let line = format!("{reference} and {other}: binary, different from byte {} on\n", at + 1);
            text.extend_from_slice(line.as_bytes());
        }
        Difference::Lines(hunks) => {
            text.extend_from_slice(format!("--- {reference}\n+++ {other}\n").as_bytes());
            hunks.iter().for_each(|hunk| push_hunk(text, hunk, &mut push_line));
        }
    }
}

fn push_hunk(text: &mut Vec<u8>, hunk: &Hunk<'_>, push_line: &mut impl FnMut(&mut Vec<u8>, &[u8])) {
    let head = format!("@@ -{} +{} @@\n", span(&hunk.from), span(&hunk.to));
    text.extend_from_slice(head.as_bytes());
    for (mark, line) in hunk.rows.iter().map(|row| row.parts()) {
        text.push(mark);
        push_line(text, line);
        if !line.ends_with(b"\n") {
            text.extend_from_slice(NO_END);
        }
    }
}

/// Lines as a hunk's head counts them: from 1, and the line before where there are none.
fn span(lines: &Range<usize>) -> String {
    match lines.len() {
        0 => format!("{},0", lines.start),
        1 => format!("{}", lines.start + 1),
        n => format!("{},{n}", lines.start + 1),
    }
}

fn lines(bytes: &[u8]) -> Vec<&[u8]> {
    bytes.split_inclusive(|byte| *byte == b'\n').collect()
}

/// A stretch of lines that was replaced, in both; one of the two may be empty.
type Change = (Range<usize>, Range<usize>);

/// Where they differ, in order, with at least one common line between two changes.
fn changes(from: &[&[u8]], to: &[&[u8]]) -> Vec<Change> {
    let head = from.iter().zip(to).take_while(|(a, b)| a == b).count();
    let (rest_from, rest_to) = (&from[head..], &to[head..]);
    let tail = rest_from.iter().rev().zip(rest_to.iter().rev()).take_while(|(a, b)| a == b).count();
    let (middle_from, middle_to) = (&rest_from[..rest_from.len() - tail], &rest_to[..rest_to.len() - tail]);
    let kept = matches(middle_from, middle_to);
    let mut found: Vec<Change> = Vec::new();
    let (mut a, mut b) = (0, 0);
    for (x, y) in kept.into_iter().chain([(middle_from.len(), middle_to.len())]) {
        if (a, b) != (x, y) {
            found.push((head + a..head + x, head + b..head + y));
        }
        (a, b) = (x + 1, y + 1);
    }
    found
}

/// Pairs of lines that stay, rising in both.
fn matches(from: &[&[u8]], to: &[&[u8]]) -> Vec<(usize, usize)> {
    let mut seen: HashMap<&[u8], (u32, bool)> = HashMap::new();
    for line in from {
        let next = u32::try_from(seen.len()).unwrap_or(u32::MAX);
        seen.entry(line).or_insert((next, false));
    }
    let mut theirs: Vec<(u32, usize)> = Vec::new();
    for (at, line) in to.iter().enumerate() {
        if let Some((number, both)) = seen.get_mut(line) {
            *both = true;
            theirs.push((*number, at));
        }
    }
    let shared = |(at, line): (usize, &&[u8])| match seen[*line] {
        (number, true) => Some((number, at)),
        (_, false) => None,
    };
    let ours: Vec<(u32, usize)> = from.iter().enumerate().filter_map(shared).collect();
    if ours.len().saturating_mul(theirs.len()) > WORK {
        return Vec::new();
    }
    let numbers = |side: &[(u32, usize)]| side.iter().map(|(number, _)| *number).collect::<Vec<_>>();
    let mut pairs = Vec::new();
    for op in capture_diff_slices(Algorithm::Myers, &numbers(&ours), &numbers(&theirs)) {
        if let DiffOp::Equal { old_index, new_index, len } = op {
            pairs.extend((0..len).map(|n| (ours[old_index + n].1, theirs[new_index + n].1)));
        }
    }
    pairs
}

/// The changes with what stands around them; those that nearly touch share a hunk.
fn hunks<'a>(from: &[&'a [u8]], to: &[&'a [u8]], changes: &[Change]) -> Vec<Hunk<'a>> {
    let mut hunks = Vec::new();
    let mut rest = changes;
    while let [first, ..] = rest {
        let near = |pair: &[Change]| pair[1].0.start - pair[0].0.end <= 2 * AROUND;
        let count = 1 + rest.windows(2).take_while(|pair| near(pair)).count();
        let (together, after) = rest.split_at(count);
        let last = &together[count - 1];
        let before = first.0.start.min(AROUND);
        let behind = (from.len() - last.0.end).min(AROUND);
        let mut hunk = Hunk {
            from: first.0.start - before..last.0.end + behind,
            to: first.1.start - before..last.1.end + behind,
            rows: Vec::new(),
        };
        let mut at = hunk.from.start;
        for (gone, new) in together {
            hunk.rows.extend(from[at..gone.start].iter().map(|line| Row::Both(line)));
            hunk.rows.extend(from[gone.clone()].iter().map(|line| Row::Gone(line)));
            hunk.rows.extend(to[new.clone()].iter().map(|line| Row::New(line)));
            at = gone.end;
        }
        hunk.rows.extend(from[at..hunk.from.end].iter().map(|line| Row::Both(line)));
        hunks.push(hunk);
        rest = after;
    }
    hunks
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(reference: &[u8], other: &[u8]) -> String {
        let mut text = Vec::new();
        unified(&mut text, &compare(reference, other), ["a", "b"], |text, line| {
            text.extend_from_slice(line.strip_suffix(b"\n").unwrap_or(line));
            text.push(b'\n');
        });
        String::from_utf8(text).expect("text")
    }

    #[test]
    fn only_what_differs_is_shown_with_three_lines_around() {
        let lines = |changed: &[(usize, &str)]| {
            let line = |n: usize| match changed.iter().find(|(at, _)| *at == n) {
                Some((_, text)) => (*text).to_owned(),
                None => format!("{n}\n"),
            };
            (1..=20).map(line).collect::<String>()
        };
        let (one, two) = (lines(&[]), lines(&[(2, "zwei\n"), (15, ""), (20, "20\n21")]));
        assert_eq!(
            text(one.as_bytes(), two.as_bytes()),
            "--- a\n+++ b\n@@ -1,5 +1,5 @@\n 1\n-2\n+zwei\n 3\n 4\n 5\n\
             @@ -12,9 +12,9 @@\n 12\n 13\n 14\n-15\n 16\n 17\n 18\n 19\n 20\n+21\n\\ No newline at end of file\n"
        );
    }

    #[test]
    fn nothing_and_an_end_are_said_as_diff_says_them() {
        for (reference, other, expected) in [
            ("same\n", "same\n", ""),
            ("", "x\n", "--- a\n+++ b\n@@ -0,0 +1 @@\n+x\n"),
            ("x\n", "", "--- a\n+++ b\n@@ -1 +0,0 @@\n-x\n"),
            ("x\n", "x", "--- a\n+++ b\n@@ -1 +1 @@\n-x\n+x\n\\ No newline at end of file\n"),
        ] {
            assert_eq!(text(reference.as_bytes(), other.as_bytes()), expected, "{reference:?} {other:?}");
        }
    }

    #[test]
    fn what_is_no_text_is_named_so_and_bytes_that_are_no_utf8_are_lines_still() {
        assert_eq!(compare(b"ab\0c", b"ab\0d"), Difference::Binary(3));
        assert_eq!(compare(b"ab", b"ab\0"), Difference::Binary(2));
        assert_eq!(text(b"ab\0c", b"ab"), "a and b: binary, different from byte 3 on\n");
        assert!(matches!(compare(b"\xff\n", b"\xfe\n"), Difference::Lines(hunks) if hunks.len() == 1));
    }

    #[test]
    fn lines_in_another_order_by_the_thousand_cost_no_square() {
        let forward: String = (0..20_000).map(|n| format!("{n}\n")).collect();
        let backward: String = (0..20_000).rev().map(|n| format!("{n}\n")).collect();
        let Difference::Lines(hunks) = compare(forward.as_bytes(), backward.as_bytes()) else {
            panic!("they differ")
        };
        assert_eq!(hunks.iter().map(|hunk| hunk.rows.len()).sum::<usize>(), 40_000, "all replaced");
        let own: String = (0..20_000).map(|n| format!("own {n}\nall\n")).collect();
        let other: String = (0..20_000).map(|n| format!("other {n}\n")).collect();
        assert!(matches!(compare(own.as_bytes(), other.as_bytes()), Difference::Lines(_)));
    }

    proptest! {
        #[test]
        fn the_rows_are_both_outputs(one in "[ab\n]{0,40}", two in "[ab\n]{0,40}") {
            let (from, to) = (lines(one.as_bytes()), lines(two.as_bytes()));
            let mut patched = Vec::new();
            let mut at = 0;
            for hunk in hunks(&from, &to, &changes(&from, &to)) {
                patched.extend_from_slice(&from[at..hunk.from.start]);
                let gone = hunk.rows.iter().filter(|row| !matches!(row, Row::New(_))).map(|row| row.parts().1);
                prop_assert_eq!(gone.collect::<Vec<_>>(), &from[hunk.from.clone()]);
                let kept = hunk.rows.iter().filter(|row| !matches!(row, Row::Gone(_))).map(|row| row.parts().1);
                prop_assert_eq!(kept.clone().collect::<Vec<_>>(), &to[hunk.to.clone()]);
                patched.extend(kept);
                at = hunk.from.end;
            }
            patched.extend_from_slice(&from[at..]);
            prop_assert_eq!(patched.concat(), two.as_bytes());
        }
    }
}
