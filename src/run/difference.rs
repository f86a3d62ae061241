//! What differs between two texts, line by line: pure.

/// How many lines of each side are compared at most once equal beginnings and ends are put aside; beyond that the rest counts
/// as different.
const LIMIT: usize = 2_000;

/// A line of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// It stands on both sides.
    Same(&'a [u8]),
    /// Only the first has it.
    Gone(&'a [u8]),
    /// Only the second has it.
    New(&'a [u8]),
}

/// The lines of both, in an order in which each side is whole.
pub fn lines<'a>(one: &'a [u8], two: &'a [u8]) -> Vec<Line<'a>> {
    let (one, two) = (cut(one), cut(two));
    let first = one.iter().zip(&two).take_while(|(a, b)| a == b).count();
    let last = one[first..].iter().rev().zip(two[first..].iter().rev()).take_while(|(a, b)| a == b).count();
    let (middle_one, middle_two) = (&one[first..one.len() - last], &two[first..two.len() - last]);
    let mut lines: Vec<Line> = one[..first].iter().map(|line| Line::Same(line)).collect();
    compare(middle_one, middle_two, &mut lines);
    lines.extend(one[one.len() - last..].iter().map(|line| Line::Same(line)));
    lines
}

fn cut(text: &[u8]) -> Vec<&[u8]> {
    text.split_inclusive(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\n").unwrap_or(line)).collect()
}

/// By the longest common subsequence, in time and space of the product of both.
fn compare<'a>(one: &[&'a [u8]], two: &[&'a [u8]], lines: &mut Vec<Line<'a>>) {
    if one.len() > LIMIT || two.len() > LIMIT {
        lines.extend(one.iter().map(|line| Line::Gone(line)));
        lines.extend(two.iter().map(|line| Line::New(line)));
        return;
    }
    let width = two.len() + 1;
    let mut common = vec![0u16; (one.len() + 1) * width];
    for a in (0..one.len()).rev() {
        for b in (0..two.len()).rev() {
            common[a * width + b] = match one[a] == two[b] {
                true => common[(a + 1) * width + b + 1] + 1,
                false => common[(a + 1) * width + b].max(common[a * width + b + 1]),
            };
        }
    }
    let (mut a, mut b) = (0, 0);
    while a < one.len() || b < two.len() {
        if a < one.len() && b < two.len() && one[a] == two[b] {
            lines.push(Line::Same(one[a]));
            (a, b) = (a + 1, b + 1);
        } else if b == two.len()
            || (a < one.len() && common[(a + 1) * width + b] >= common[a * width + b + 1])
        {
            lines.push(Line::Gone(one[a]));
            a += 1;
        } else {
            lines.push(Line::New(two[b]));
            b += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(one: &str, two: &str) -> String {
        let lines = lines(one.as_bytes(), two.as_bytes());
        let shown = lines.iter().map(|line| {
            let (mark, line) = match line {
                Line::Same(line) => (' ', line),
                Line::Gone(line) => ('-', line),
                Line::New(line) => ('+', line),
            };
            format!("{mark}{}", String::from_utf8_lossy(line))
        });
        shown.collect::<Vec<_>>().join("|")
    }

    #[test]
    fn only_what_differs_is_marked() {
        for (one, two, expected) in [
            ("a\nb\n", "a\nb\n", " a| b"),
            ("a\nb\nc\n", "a\nx\nc\n", " a|-b|+x| c"),
            ("", "a\n", "+a"),
            ("a\n", "", "-a"),
            ("a\nb\nc\nd\n", "b\nc\ne\nd\n", "-a| b| c|+e| d"),
            ("a", "a\n", " a"),
            ("a\na\n", "a\n", " a|-a"),
        ] {
            assert_eq!(shown(one, two), expected, "{one:?} {two:?}");
        }
        let long = |word: &str| (0..3_000).map(|n| format!("{word}{n}\n")).collect::<String>();
        let (one, two) = (long("a"), long("b"));
        assert_eq!(lines(one.as_bytes(), two.as_bytes()).len(), 6_000);
    }
}
