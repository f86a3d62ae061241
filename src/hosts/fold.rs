//! Folding: many hosts as the shortest row of ranges, spelled exactly as `nodeset -f` spells it.
//!
//! Hosts are put together by their pattern, which is the name with its numbers taken out. A pattern with one number folds
//! into runs. A pattern with several is a set of points in as many dimensions, covered by boxes: boxes that differ in one
//! axis only are merged, neighbours in sorted order first, then all pairs, until nothing merges. The order in which merges
//! happen decides which of several covers comes out, so it is kept as `nodeset` has it; what differs is the cost. Each
//! axis of a box carries a sum of hashes of its members, so that two axes are compared without looking at them, and the
//! pass over all pairs finds its partners in a table, so that 100,000 hosts that do not fold cost one look each.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt::Write;

use super::Host;
use super::host::{Form, digit_runs};

/// Longer numbers are left in the pattern: they would not fit 64 bits.
const DIGIT_LIMIT: usize = 18;

/// One number of a name. The order is nodeset's: by width, then by value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Index {
    width: u8,
    value: u64,
}

impl Index {
    fn is_padded(self) -> bool {
        self.width > 1 && self.text().starts_with('0')
    }

    fn text(self) -> String {
        format!("{:0width$}", self.value, width = usize::from(self.width))
    }

    /// 128 well mixed bits, so that a sum of them names a set.
    fn hash(self) -> u128 {
        let mix = |mut x: u64| {
            x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            x ^ (x >> 31)
        };
        let seed = self.value.wrapping_mul(64).wrapping_add(u64::from(self.width));
        let low = mix(seed.wrapping_add(0x9e37_79b9_7f4a_7c15));
        u128::from(mix(low ^ seed.rotate_left(32))) << 64 | u128::from(low)
    }
}

/// Hosts that may fold together: the same pattern, user, port and spelling.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Kind<'a> {
    pattern: String,
    user: Option<&'a str>,
    port: Option<u16>,
    form: Form,
}

/// Folds hosts, each of them once, into a text that parses back.
pub(super) fn fold(hosts: &[Host]) -> String {
    let mut kinds: BTreeMap<Kind<'_>, Vec<Vec<Index>>> = BTreeMap::new();
    for host in hosts {
        let (pattern, indexes) = split(host);
        let kind = Kind { pattern, user: host.user(), port: host.port(), form: host.form() };
        kinds.entry(kind).or_default().push(indexes);
    }
    let mut out = String::new();
    for (kind, points) in kinds {
        match points[0].len() {
            0 => kind.push(&[], &mut out),
            1 => {
                let mut axis: Vec<Index> = points.into_iter().map(|point| point[0]).collect();
                axis.sort_unstable();
                kind.push(&[axis_text(&axis)], &mut out);
            }
            _ => {
                for cell in cover(points) {
                    let axes: Vec<String> = cell.axes.into_iter().map(Axis::text).collect();
                    kind.push(&axes, &mut out);
                }
            }
        }
    }
    out
}

/// The pattern of a host with `%s` for each number (and `%%` for a percent sign), and its numbers. An address that needs
/// brackets has no numbers, since `[` would be read as a range.
fn split(host: &Host) -> (String, Vec<Index>) {
    let name = host.name();
    let mut pattern = String::with_capacity(name.len() + 4);
    let mut indexes = Vec::new();
    let mut at = 0;
    let escaped = |text: &str| text.replace('%', "%%");
    let folds = !name.contains(':') || (host.port().is_none() && host.form() == Form::Plain);
    for run in digit_runs(name).filter(|run| folds && run.len() <= DIGIT_LIMIT) {
        pattern.push_str(&escaped(&name[at..run.start]));
        pattern.push_str("%s");
        let digits = &name[run.clone()];
        let value = digits.bytes().fold(0, |n, digit| n * 10 + u64::from(digit - b'0'));
        indexes.push(Index { width: u8::try_from(digits.len()).unwrap_or(u8::MAX), value });
        at = run.end;
    }
    pattern.push_str(&escaped(&name[at..]));
    (pattern, indexes)
}

impl Kind<'_> {
    /// Appends the pattern with its axes filled in.
    fn push(&self, axes: &[String], out: &mut String) {
        if !out.is_empty() {
            out.push(',');
        }
        let mut name = String::new();
        let mut axes = axes.iter();
        let mut chars = self.pattern.chars();
        while let Some(c) = chars.next() {
            match c {
                '%' if chars.next() == Some('s') => name.push_str(axes.next().map_or("", String::as_str)),
                c => name.push(c),
            }
        }
        if self.form == Form::Uri {
            out.push_str("ssh://");
        }
        if let Some(user) = self.user {
            let _ = write!(out, "{user}@");
        }
        let address = name.contains(':');
        let _ = match (self.port, self.form) {
            (Some(port), _) if address => write!(out, "[{name}]:{port}"),
            (Some(port), _) => write!(out, "{name}:{port}"),
            (None, Form::Bracketed | Form::Uri) if address => write!(out, "[{name}]"),
            (None, _) => write!(out, "{name}"),
        };
    }
}

/// One axis as it is printed: bare where it is one number, else in brackets.
fn axis_text(sorted: &[Index]) -> String {
    match sorted {
        [only] => only.text(),
        _ => format!("[{}]", runs(sorted)),
    }
}

/// Sorted numbers as `1-3,7,010-012`.
///
/// A run goes on while numbers follow each other and their padding agrees: a padded run takes only numbers of its own
/// width, an unpadded one only numbers without a leading zero. Whether a run counts as padded is inherited by the next
/// one where the break was a mere gap after a lone number, which is nodeset's way and shows in `[08,11-99,100]`.
fn runs(sorted: &[Index]) -> String {
    let mut out = String::new();
    let mut emit = |first: Index, last: Index| {
        if !out.is_empty() {
            out.push(',');
        }
        out.push_str(&first.text());
        if first != last {
            let _ = write!(out, "-{}", last.text());
        }
    };
    let Some((&head, rest)) = sorted.split_first() else { return out };
    let (mut first, mut last) = (head, head);
    let mut padded = head.is_padded();
    for &next in rest {
        let mismatch = if padded { next.width != last.width } else { next.is_padded() };
        if !mismatch && next.value.checked_sub(last.value) == Some(1) {
            last = next;
            continue;
        }
        emit(first, last);
        if mismatch || first != last {
            padded = next.is_padded();
        }
        (first, last) = (next, next);
    }
    emit(first, last);
    out
}

/// A set of numbers, unordered, known by its sum of hashes.
struct Axis {
    sum: u128,
    low: Index,
    high: Index,
    members: Vec<Index>,
}

impl Axis {
    fn one(index: Index) -> Axis {
        Axis { sum: index.hash(), low: index, high: index, members: vec![index] }
    }

    /// Takes in an axis that shares no member with this one; the smaller moves into the larger.
    fn absorb(&mut self, mut other: Axis) {
        self.sum = self.sum.wrapping_add(other.sum);
        self.low = self.low.min(other.low);
        self.high = self.high.max(other.high);
        if other.members.len() > self.members.len() {
            std::mem::swap(&mut self.members, &mut other.members);
        }
        self.members.append(&mut other.members);
    }

    fn text(mut self) -> String {
        self.members.sort_unstable();
        axis_text(&self.members)
    }
}

/// The product of its axes.
struct Cell {
    axes: Vec<Axis>,
}

impl Cell {
    /// The only axis in which two disjoint boxes differ, if it is the only one.
    fn differs_in(&self, other: &Cell) -> Option<usize> {
        let mut differing = (0..self.axes.len()).filter(|&axis| self.axes[axis].sum != other.axes[axis].sum);
        let first = differing.next()?;
        differing.next().is_none().then_some(first)
    }

    fn merge(&mut self, mut other: Cell, axis: usize) {
        self.axes[axis].absorb(other.axes.swap_remove(axis));
    }

    /// What names the boxes that differ from this one in `axis` alone.
    fn key_without(&self, axis: usize) -> u128 {
        let mut key = axis as u128;
        for (n, other) in self.axes.iter().enumerate().filter(|(n, _)| *n != axis) {
            key = (key ^ other.sum ^ (n as u128)).wrapping_mul(0x0fc9_4e3b_f4e9_ab32_8664_58cd_56f5_e605);
            key ^= key >> 61;
        }
        key
    }
}

/// Covers points with boxes as nodeset does.
fn cover(points: Vec<Vec<Index>>) -> Vec<Cell> {
    if let Some(whole) = whole_product(&points) {
        return vec![whole];
    }
    let one = |point: Vec<Index>| Cell { axes: point.into_iter().map(Axis::one).collect() };
    let mut cells: Vec<Cell> = points.into_iter().map(one).collect();
    loop {
        sort(&mut cells);
        if !merge_neighbours(&mut cells) {
            break;
        }
    }
    while merge_all(&mut cells) {
        sort(&mut cells);
    }
    cells
}

/// The one box that the points fill, where they fill one.
fn whole_product(points: &[Vec<Index>]) -> Option<Cell> {
    let mut product = 1usize;
    let mut axes = Vec::new();
    for axis in 0..points[0].len() {
        let mut members: Vec<Index> = points.iter().map(|point| point[axis]).collect();
        members.sort_unstable();
        members.dedup();
        product = product.checked_mul(members.len()).filter(|n| *n <= points.len())?;
        let sum = members.iter().fold(0u128, |sum, index| sum.wrapping_add(index.hash()));
        axes.push(Axis { sum, low: members[0], high: members[members.len() - 1], members });
    }
    (product == points.len()).then_some(Cell { axes })
}

/// Largest box first; then axis by axis the larger, the lower first number, the lower last number. Numbers are compared
/// as text here, as nodeset does.
fn sort(cells: &mut [Cell]) {
    cells.sort_by_cached_key(|cell| {
        let size = cell.axes.iter().fold(1usize, |n, axis| n.saturating_mul(axis.members.len()));
        let axes: Vec<_> = cell
            .axes
            .iter()
            .map(|axis| (std::cmp::Reverse(axis.members.len()), axis.low.text(), axis.high.text()))
            .collect();
        (std::cmp::Reverse(size), axes)
    });
}

/// One pass in which each box takes in its next neighbours until the first that does not fit.
fn merge_neighbours(cells: &mut Vec<Cell>) -> bool {
    let before = cells.len();
    let mut rest = VecDeque::from(std::mem::take(cells));
    while let Some(mut cell) = rest.pop_front() {
        while let Some(axis) = rest.front().and_then(|next| cell.differs_in(next))
            && let Some(next) = rest.pop_front()
        {
            cell.merge(next, axis);
        }
        cells.push(cell);
    }
    cells.len() < before
}

/// One pass in which each box takes in every later one that fits, from near to far.
fn merge_all(cells: &mut Vec<Cell>) -> bool {
    let before = cells.len();
    let dimensions = cells[0].axes.len();
    let mut places: HashMap<u128, Vec<usize>> = HashMap::with_capacity(before * dimensions);
    for (place, cell) in cells.iter().enumerate() {
        (0..dimensions).for_each(|axis| places.entry(cell.key_without(axis)).or_default().push(place));
    }
    let mut slots: Vec<Option<Cell>> = std::mem::take(cells).into_iter().map(Some).collect();
    for place in 0..slots.len() {
        let Some(mut cell) = slots[place].take() else { continue };
        let mut from = place + 1;
        while let Some((at, axis)) = next_partner(&cell, from, &places, &slots)
            && let Some(partner) = slots[at].take()
        {
            cell.merge(partner, axis);
            from = at + 1;
        }
        cells.push(cell);
    }
    cells.len() < before
}

/// The nearest box at `from` or later that differs from `cell` in one axis, and that axis.
fn next_partner(
    cell: &Cell,
    from: usize,
    places: &HashMap<u128, Vec<usize>>,
    slots: &[Option<Cell>],
) -> Option<(usize, usize)> {
    let mut nearest: Option<(usize, usize)> = None;
    for axis in 0..cell.axes.len() {
        let Some(list) = places.get(&cell.key_without(axis)) else { continue };
        let start = list.partition_point(|place| *place < from);
        let fits =
            |slot: &Option<Cell>| slot.as_ref().is_some_and(|other| cell.differs_in(other) == Some(axis));
        let found = list[start..].iter().copied().find(|place| fits(&slots[*place]));
        if let Some(place) = found
            && nearest.is_none_or(|(near, _)| place < near)
        {
            nearest = Some((place, axis));
        }
    }
    nearest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(names: &str) -> String {
        let hosts: Vec<Host> = names.split(' ').map(|name| name.parse().unwrap()).collect();
        fold(&hosts)
    }

    #[test]
    fn one_number_folds_into_runs() {
        let table = [
            ("web1", "web1"),
            ("web1 web2 web3 web7", "web[1-3,7]"),
            ("n08 n09 n10 n11 n12", "n[08-12]"),
            ("n9 n10 n010", "n[9-10,010]"),
            ("n2 n01 n001", "n[2,01,001]"),
            ("a a1 a2 b", "a,a[1-2],b"),
            ("n99 n100 n101", "n[99-101]"),
            ("n098 n099 n100", "n[098-100]"),
            ("1 2 3", "[1-3]"),
            (
                "n1234567890123456789012 n1234567890123456789013",
                "n1234567890123456789012,n1234567890123456789013",
            ),
        ];
        for (names, text) in table {
            assert_eq!(folded(names), text, "{names}");
        }
    }

    #[test]
    fn users_ports_and_spellings_stay_apart_and_parse_back() {
        let table = [
            ("u@web1:22 u@web2:22 web3", "web3,u@web[1-2]:22"),
            ("u1@web1 u2@web2", "u1@web1,u2@web2"),
            ("::1 ::2", "::[1-2]"),
            ("[::1]:22 [::2]:22", "[::1]:22,[::2]:22"),
            ("[::1]", "[::1]"),
            ("ssh://web1 ssh://web2", "ssh://web[1-2]"),
            ("fe80::1%eth0", "fe80::1%eth0"),
        ];
        for (names, text) in table {
            assert_eq!(folded(names), text, "{names}");
        }
    }

    #[test]
    fn several_numbers_are_covered_by_boxes() {
        let table = [
            ("r1n1 r1n2 r2n1 r2n2", "r[1-2]n[1-2]"),
            ("r1c9 r2c1 r2c2 r3c1 r3c2", "r[2-3]c[1-2],r1c9"),
            ("a1b1 a2b2", "a1b1,a2b2"),
            ("10.0.0.1 10.0.0.2 10.0.1.1", "10.0.0.[1-2],10.0.1.1"),
        ];
        for (names, text) in table {
            assert_eq!(folded(names), text, "{names}");
        }
    }
}
