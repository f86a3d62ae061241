//! Two screens side by side: which rows belong together, and which units of a row differ.

use crate::pane::{Names, Row, Screen};

/// Sequences longer than this are not matched in their middle: all of it counts as different. No row or screen of usual
/// size is.
const MATCHED: usize = 400;

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
    let head = left.iter().zip(right).take_while(|(l, r)| l == r).count();
    let rest = left.len().min(right.len()) - head;
    let tail = left.iter().rev().zip(right.iter().rev()).take(rest).take_while(|(l, r)| l == r).count();
    let (left_end, right_end) = (left.len() - tail, right.len() - tail);
    let mut pairs: Vec<Pair> = (0..head).map(|n| equal(n, n)).collect();
    let (mut l, mut r) = (head, head);
    for (next_left, next_right) in common(&left[head..left_end], &right[head..right_end]) {
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
fn common<T: PartialEq>(left: &[T], right: &[T]) -> Vec<(usize, usize)> {
    if left.is_empty() || right.is_empty() || left.len().max(right.len()) > MATCHED {
        return Vec::new();
    }
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
    /// The columns of the first that differ.
    pub left_differs: Vec<std::ops::Range<u16>>,
    /// The columns of the second that differ.
    pub right_differs: Vec<std::ops::Range<u16>>,
}

impl Line {
    /// Do the rows differ, the names put aside?
    pub fn differs(&self) -> bool {
        self.left.is_none()
            || self.right.is_none()
            || !self.left_differs.is_empty()
            || !self.right_differs.is_empty()
    }
}

/// A screen with the names of its host.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    /// What it shows.
    pub screen: Screen<'a>,
    /// The names that do not count.
    pub names: &'a Names,
}

/// Each row as its units.
type Rows = Vec<Vec<(Vec<u8>, std::ops::Range<u16>)>>;

impl Side<'_> {
    fn rows(&self) -> Rows {
        let mut row = Row::default();
        let read = |n: u16| {
            row.read(self.screen, n, self.names);
            row.units().iter().map(|unit| (row.bytes(unit), unit.columns.clone())).collect()
        };
        (0..self.screen.size().rows).map(read).collect()
    }
}

/// Puts two screens side by side.
pub fn compare(left: Side<'_>, right: Side<'_>) -> Vec<Line> {
    let (left, right) = (left.rows(), right.rows());
    let bytes = |rows: &Rows| -> Vec<Vec<Vec<u8>>> {
        rows.iter().map(|row| row.iter().map(|(bytes, _)| bytes.clone()).collect()).collect()
    };
    let (left_bytes, right_bytes) = (bytes(&left), bytes(&right));
    let line = |pair: Pair| {
        let mut line = Line {
            left: pair.left.map(|n| n as u16),
            right: pair.right.map(|n| n as u16),
            ..Line::default()
        };
        let (Some(l), Some(r), false) = (pair.left, pair.right, pair.equal) else { return line };
        for unit in align(&left_bytes[l], &right_bytes[r]).into_iter().filter(|unit| !unit.equal) {
            line.left_differs.extend(unit.left.map(|n| left[l][n].1.clone()));
            line.right_differs.extend(unit.right.map(|n| right[r][n].1.clone()));
        }
        line
    };
    let mut lines: Vec<Line> = align(&left_bytes, &right_bytes).into_iter().map(line).collect();
    let empty = |rows: &Rows, row: Option<u16>| row.is_none_or(|row| rows[usize::from(row)].is_empty());
    while lines.last().is_some_and(|line| empty(&left, line.left) && empty(&right, line.right)) {
        lines.pop();
    }
    lines
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
        let lines = compare(side(&left), side(&right));
        let rows: Vec<_> = lines.iter().map(|line| (line.left, line.right, line.differs())).collect();
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
        let lines = compare(side(&left), side(&right));
        let differ = format!("{:?} {:?}", lines[0].left_differs, lines[0].right_differs);
        assert_eq!(differ, "[8..9] [9..10]");
        assert_eq!(lines.len(), 1, "what is empty on both is left out");
    }
}
