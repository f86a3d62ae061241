//! Two screens side by side: which rows belong together, and which units of a row differ.
//!
//! Equal units get equal numbers first, and so do equal rows, so that one step of an alignment compares two numbers. Units
//! are aligned only in rows that differ, only in those that are to be shown, and in all with a bound on the steps.

use std::collections::HashMap;
use std::ops::Range;

use crate::pane::{Names, Row, Screen};

/// Sequences longer than this are not matched in their middle: all of it counts as different. No row or screen of usual
/// size is.
const MATCHED: usize = 400;

/// Steps of one comparison, some 10 ms. In the rows that come after so many, all behind the first unit that differs and
/// before the last one counts as different.
const STEPS: u64 = 4_000_000;

/// Elements of two sequences that stand beside each other; at least one is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair {
    /// Place in the first sequence.
    pub left: Option<usize>,
    /// Place in the second.
    pub right: Option<usize>,
    /// They are equal.
    pub equal: bool,
}

/// Puts two sequences side by side so that as many equal elements as can be stand together, in order; what differs
/// between them stands beside each other as far as it goes.
pub fn align<T: PartialEq>(left: &[T], right: &[T]) -> Vec<Pair> {
    let mut steps = u64::MAX;
    align_within(left, right, &mut steps)
}

/// The same with the steps that are left; where they are too few, the middle counts as different.
fn align_within<T: PartialEq>(left: &[T], right: &[T], steps: &mut u64) -> Vec<Pair> {
    let head = left.iter().zip(right).take_while(|(l, r)| l == r).count();
    let rest = left.len().min(right.len()) - head;
    let tail = left.iter().rev().zip(right.iter().rev()).take(rest).take_while(|(l, r)| l == r).count();
    let (left_end, right_end) = (left.len() - tail, right.len() - tail);
    let mut pairs: Vec<Pair> = (0..head).map(|n| equal(n, n)).collect();
    let (mut l, mut r) = (head, head);
    for (next_left, next_right) in common(&left[head..left_end], &right[head..right_end], steps) {
        differing(&mut pairs, l..head + next_left, r..head + next_right);
        pairs.push(equal(head + next_left, head + next_right));
        (l, r) = (head + next_left + 1, head + next_right + 1);
    }
    differing(&mut pairs, l..left_end, r..right_end);
    pairs.extend((0..tail).map(|n| equal(left_end + n, right_end + n)));
    pairs
}

fn equal(left: usize, right: usize) -> Pair {
    Pair { left: Some(left), right: Some(right), equal: true }
}

fn differing(pairs: &mut Vec<Pair>, left: std::ops::Range<usize>, right: std::ops::Range<usize>) {
    for n in 0..left.len().max(right.len()) {
        let place = |range: &std::ops::Range<usize>| (n < range.len()).then(|| range.start + n);
        pairs.push(Pair { left: place(&left), right: place(&right), equal: false });
    }
}

/// The longest common subsequence, as pairs of places.
fn common<T: PartialEq>(left: &[T], right: &[T], steps: &mut u64) -> Vec<(usize, usize)> {
    let cost = left.len() as u64 * right.len() as u64;
    if cost == 0 || left.len().max(right.len()) > MATCHED || cost > *steps {
        return Vec::new();
    }
    *steps -= cost;
    let width = right.len() + 1;
    let mut longest = vec![0u16; (left.len() + 1) * width];
    for l in (0..left.len()).rev() {
        for r in (0..right.len()).rev() {
            longest[l * width + r] = match left[l] == right[r] {
                true => longest[(l + 1) * width + r + 1] + 1,
                false => longest[(l + 1) * width + r].max(longest[l * width + r + 1]),
            };
        }
    }
    let (mut l, mut r, mut found) = (0, 0, Vec::new());
    while l < left.len() && r < right.len() {
        if left[l] == right[r] {
            found.push((l, r));
            (l, r) = (l + 1, r + 1);
        } else if longest[(l + 1) * width + r] >= longest[l * width + r + 1] {
            l += 1;
        } else {
            r += 1;
        }
    }
    found
}

/// Two rows of two screens beside each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// The row of the first screen.
    pub left: Option<u16>,
    /// The row of the second.
    pub right: Option<u16>,
    /// Are both there, and equal with the names put aside?
    pub equal: bool,
    /// The columns of the first that differ; empty in a line whose columns were not asked for.
    pub left_differs: Vec<Range<u16>>,
    /// The columns of the second that differ.
    pub right_differs: Vec<Range<u16>>,
}

/// Two screens side by side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    /// Their rows.
    pub lines: Vec<Line>,
    /// Steps that this took: pairs of numbers that were compared.
    pub steps: u64,
}

/// A screen with the names of its host.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    /// What it shows.
    pub screen: Screen<'a>,
    /// The names that do not count.
    pub names: &'a Names,
}

/// A screen whose rows and units are numbers.
struct Numbered {
    /// Each row as the number of all of it.
    rows: Vec<u32>,
    /// Each row as the numbers of its units, with their columns.
    units: Vec<(Vec<u32>, Vec<Range<u16>>)>,
}

/// The same number for what is equal, on both screens.
#[derive(Default)]
struct Numbers {
    units: HashMap<Vec<u8>, u32>,
    rows: HashMap<Vec<u32>, u32>,
}

impl Numbers {
    fn screen(&mut self, side: Side<'_>) -> Numbered {
        let mut numbered = Numbered { rows: Vec::new(), units: Vec::new() };
        let (mut row, mut bytes) = (Row::default(), Vec::new());
        for n in 0..side.screen.size().rows {
            row.read(side.screen, n, side.names);
            let mut units = Vec::with_capacity(row.units().len());
            for unit in row.units() {
                bytes.clear();
                row.put_bytes(unit, &mut bytes);
                units.push(number(&mut self.units, &bytes));
            }
            let columns = row.units().iter().map(|unit| unit.columns.clone()).collect();
            numbered.rows.push(number(&mut self.rows, &units));
            numbered.units.push((units, columns));
        }
        numbered
    }
}

/// The number of a sequence; a new one is copied.
fn number<T: Clone + Eq + std::hash::Hash>(known: &mut HashMap<Vec<T>, u32>, of: &[T]) -> u32 {
    if let Some(number) = known.get(of) {
        return *number;
    }
    let number = known.len() as u32;
    known.insert(of.to_vec(), number);
    number
}

/// Puts two screens side by side; which columns differ is found for these of the lines.
pub fn compare(left: Side<'_>, right: Side<'_>, columns_of: Range<usize>) -> Compared {
    let mut numbers = Numbers::default();
    let (left, right) = (numbers.screen(left), numbers.screen(right));
    let mut steps = STEPS;
    let pairs = align_within(&left.rows, &right.rows, &mut steps);
    let line = |pair: &Pair| Line {
        left: pair.left.map(|n| n as u16),
        right: pair.right.map(|n| n as u16),
        equal: pair.equal,
        ..Line::default()
    };
    let mut lines: Vec<Line> = pairs.iter().map(line).collect();
    let empty =
        |of: &Numbered, row: Option<u16>| row.is_none_or(|row| of.units[usize::from(row)].0.is_empty());
    while lines.last().is_some_and(|line| empty(&left, line.left) && empty(&right, line.right)) {
        lines.pop();
    }
    for line in lines.iter_mut().take(columns_of.end).skip(columns_of.start).filter(|line| !line.equal) {
        let (Some(l), Some(r)) = (line.left, line.right) else { continue };
        let (l, r) = (&left.units[usize::from(l)], &right.units[usize::from(r)]);
        let units = align_within(&l.0, &r.0, &mut steps);
        for unit in units.into_iter().filter(|unit| !unit.equal) {
            line.left_differs.extend(unit.left.map(|n| l.1[n].clone()));
            line.right_differs.extend(unit.right.map(|n| r.1[n].clone()));
        }
    }
    Compared { lines, steps: STEPS - steps }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::pane::{HistoryLimit, Pane};
    use crate::size::Size;

    fn places(left: &str, right: &str) -> String {
        let (l, r): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
        let mark = |place: Option<usize>, of: &[char]| place.map_or('-', |n| of[n]);
        let show = |pair: &Pair| match pair.equal {
            true => mark(pair.left, &l).to_string(),
            false => format!("[{}{}]", mark(pair.left, &l), mark(pair.right, &r)),
        };
        align(&l, &r).iter().map(show).collect()
    }

    #[test]
    fn what_is_equal_stands_together() {
        for (left, right, expected) in [
            ("abc", "abc", "abc"),
            ("abc", "axc", "a[bx]c"),
            ("abc", "abxc", "ab[-x]c"),
            ("abcd", "bxd", "[a-]b[cx]d"),
            ("load 0.12 5", "load 0.34 6", "load 0.[13][24] [56]"),
            ("", "ab", "[-a][-b]"),
            ("aaa", "aa", "aa[a-]"),
        ] {
            assert_eq!(places(left, right), expected, "{left} {right}");
        }
    }

    fn pane(name: &str, shows: &str) -> Pane {
        let mut pane = Pane::new(Size::DEFAULT, HistoryLimit::lines(0));
        pane.set_names(Names::given([name]));
        pane.feed(Duration::ZERO, shows.as_bytes());
        pane
    }

    #[test]
    fn rows_that_one_has_more_do_not_shift_the_others() {
        let left = pane("web1", "web1:~$ df\r\nsda 12%\r\nok");
        let right = pane("web22", "web22:~$ df\r\nwarning\r\nsda 17%\r\nok");
        let side = |pane| Side { screen: Pane::screen(pane), names: Pane::names(pane) };
        let lines = compare(side(&left), side(&right), 0..24).lines;
        let rows: Vec<_> = lines.iter().map(|line| (line.left, line.right, !line.equal)).collect();
        assert_eq!(
            rows[..2],
            [(Some(0), Some(0), false), (Some(1), Some(1), true)],
            "the name does not count: {rows:?}"
        );
        assert_eq!(rows.last(), Some(&(Some(2), Some(3), false)), "{rows:?}");
    }

    #[test]
    fn the_cells_that_differ_are_known() {
        let (left, right) = (pane("web1", "web1 up 3 days"), pane("web22", "web22 up 4 days"));
        let side = |pane| Side { screen: Pane::screen(pane), names: Pane::names(pane) };
        let lines = compare(side(&left), side(&right), 0..24).lines;
        let differ = format!("{:?} {:?}", lines[0].left_differs, lines[0].right_differs);
        assert_eq!(differ, "[8..9] [9..10]");
        assert_eq!(lines.len(), 1, "what is empty on both is left out");
    }

    /// A screen of this size on which every row is another one, and no cell is like the one beside it on the other screen.
    fn noise(size: Size, seed: u32) -> Pane {
        let mut pane = Pane::new(size, HistoryLimit::lines(0));
        let mut random = seed;
        let mut text = Vec::new();
        for _ in 0..size.rows {
            for _ in 0..size.cols {
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                text.push(b'a' + (random >> 24) as u8 % 26);
            }
        }
        pane.feed(Duration::ZERO, &text);
        pane
    }

    #[test]
    fn the_largest_screens_are_compared_in_a_bounded_number_of_steps() {
        let size = Size { rows: 300, cols: 200 };
        let (left, right) = (noise(size, 1), noise(size, 2));
        let side = |pane| Side { screen: Pane::screen(pane), names: Pane::names(pane) };
        let all = compare(side(&left), side(&right), 0..300);
        assert!(
            all.lines.iter().all(|line| !line.equal && !line.left_differs.is_empty()),
            "nothing is left out"
        );
        assert!((90_000..=STEPS).contains(&all.steps), "{}", all.steps);
        let shown = compare(side(&left), side(&right), 10..12);
        assert!(shown.steps <= 90_000 + 2 * 40_000, "rows out of sight cost no columns: {}", shown.steps);
        let known = |line: &Line| !line.left_differs.is_empty();
        assert_eq!(shown.lines.iter().filter(|line| known(line)).count(), 2);
        assert_eq!(compare(side(&left), side(&left), 0..300).steps, 0, "equal screens cost none");
    }
}
