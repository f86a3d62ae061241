//! What is looked for, where it stands, and how a search goes over many panes without keeping anybody waiting.
//!
//! Nothing is indexed: text is read from the panes' compact history when it is asked for. A pattern cannot run away: its
//! size is bounded and its time is linear in the text. Work is done in slices of so many bytes of text
//! ([`Sweep::slice`], [`Seek::slice`]), so whoever calls decides how long one takes.

use std::collections::BTreeMap;
use std::ops::Range;

use regex::{Regex, RegexBuilder};
use unicode_width::UnicodeWidthChar;

use crate::broadcast::MemberId;
use crate::escape;
use crate::pane::Screen;

/// Begins a pattern; without it text is looked for as it stands.
pub const PATTERN: &str = "re:";

/// A compiled pattern is at most this large, and so is what it builds while it is used, in bytes.
const PATTERN_BYTES: usize = 256 * 1024;

/// Longer words are looked for as a pattern: the comparison takes the product of both lengths where a line is made for it.
const WORDS_BYTES: usize = 64;

/// Groups within groups in a pattern.
const PATTERN_DEPTH: u32 = 32;

/// What reading a line costs beside its bytes, so that empty lines are not free.
const LINE_COST: usize = 16;

/// Longest line shown for a hit, in characters.
const SHOWN_CHARS: usize = 200;

/// What is looked for.
#[derive(Clone, Debug)]
pub struct Query {
    text: String,
    regex: Regex,
    /// ASCII that is looked for as it stands, in either case: most searches are that, and there is often a hit on each line,
    /// where a regular expression has much to begin and to end.
    words: Option<Box<[u8]>>,
}

/// Queries are equal when they were written so.
impl PartialEq for Query {
    fn eq(&self, other: &Query) -> bool {
        self.text == other.text
    }
}

impl Eq for Query {}

impl Query {
    /// Reads what the user wrote: text as it stands, or `re:` and a regular expression. Without a capital letter either
    /// case is found. The error is a sentence.
    pub fn parse(text: &str) -> Result<Query, String> {
        let (pattern, capitals) = match text.strip_prefix(PATTERN) {
            Some(pattern) => (pattern.to_owned(), has_capital_letter(pattern)),
            None => (regex::escape(text), text.chars().any(char::is_uppercase)),
        };
        if pattern.is_empty() {
            return Err("write what to look for".to_owned());
        }
        let built = RegexBuilder::new(&pattern)
            .case_insensitive(!capitals)
            .size_limit(PATTERN_BYTES)
            .dfa_size_limit(PATTERN_BYTES)
            .nest_limit(PATTERN_DEPTH)
            .build();
        let regex = built.map_err(|error| {
            // The error of the library draws an arrow under the place over several lines; its last line says what it is.
            let said = error.to_string();
            let last = said.lines().last().unwrap_or_default().trim_start_matches("error: ");
            format!("this is no pattern: {}", escape::text(last, SHOWN_CHARS))
        })?;
        if regex.is_match("") {
            return Err("this pattern is found everywhere, since it matches nothing at all too".to_owned());
        }
        let plain = !text.starts_with(PATTERN) && !capitals && text.is_ascii() && text.len() <= WORDS_BYTES;
        let words = plain.then(|| text.as_bytes().into());
        Ok(Query { text: text.to_owned(), regex, words })
    }

    /// What the user wrote.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where it stands in a line, in bytes; nothing empty.
    pub fn find<'a>(&'a self, line: &'a str) -> impl Iterator<Item = Range<usize>> + 'a {
        // Letters beyond ASCII can be a case of one in it, as the sign for kelvin is.
        let words = self.words.as_deref().filter(|_| line.is_ascii());
        let by_pattern = words.is_none().then(|| self.regex.find_iter(line));
        let found = by_pattern.into_iter().flatten().map(|found| found.range());
        found
            .filter(|range| !range.is_empty())
            .chain(words.into_iter().flat_map(|words| in_either_case(words, line)))
    }

    /// The same in columns.
    pub fn columns(&self, line: &str) -> Vec<Range<u16>> {
        self.find(line).map(|bytes| column_at(line, bytes.start)..column_at(line, bytes.end)).collect()
    }

    /// Does it stand in this line?
    pub fn is_in(&self, line: &str) -> bool {
        self.find(line).next().is_some()
    }
}

/// Where words of ASCII stand in a line of ASCII, in either case, one after the other.
fn in_either_case<'a>(words: &'a [u8], line: &'a str) -> impl Iterator<Item = Range<usize>> + 'a {
    let line = line.as_bytes();
    let first = words.first().copied().unwrap_or_default();
    let (lower, upper) = (first.to_ascii_lowercase(), first.to_ascii_uppercase());
    let mut from = 0;
    std::iter::from_fn(move || {
        loop {
            let start = from + memchr::memchr2(lower, upper, line.get(from..)?)?;
            let end = start + words.len();
            if line.get(start..end)?.eq_ignore_ascii_case(words) {
                from = end;
                return Some(start..end);
            }
            from = start + 1;
        }
    })
}

/// A capital letter that means itself, and not the name of a class such as `\W` or `\p{Greek}`.
fn has_capital_letter(pattern: &str) -> bool {
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                let is_class = matches!(chars.next(), Some('p' | 'P'));
                if is_class && chars.peek() == Some(&'{') {
                    chars.by_ref().find(|c| *c == '}');
                }
            }
            c if c.is_uppercase() => return true,
            _ => {}
        }
    }
    false
}

/// The column of the cell in which the character at this byte stands.
pub fn column_at(line: &str, byte: usize) -> u16 {
    let columns: usize = line[..byte].chars().map(|c| c.width().unwrap_or(0)).sum();
    u16::try_from(columns).unwrap_or(u16::MAX)
}

/// A place in a pane's text: the number of its line, counted from the host's first line ever, and the column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct At {
    /// Which line.
    pub line: u64,
    /// Which column, from 0.
    pub col: u16,
}

/// Where something that was looked for stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// The number of its line.
    pub line: u64,
    /// Its columns.
    pub columns: Range<u16>,
}

impl Hit {
    /// Its first character.
    pub fn at(&self) -> At {
        At { line: self.line, col: self.columns.start }
    }
}

/// Which way a search goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Towards the oldest line.
    Older,
    /// Towards the newest line.
    Newer,
}

impl Way {
    /// The other way.
    pub fn back(self) -> Way {
        match self {
            Way::Older => Way::Newer,
            Way::Newer => Way::Older,
        }
    }
}

/// What a slice of a search came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sought {
    /// Here it is.
    Found(Hit),
    /// It stands nowhere that way.
    Nowhere,
    /// Not yet: there is more to read.
    Further,
}

/// A search for the next hit in one pane.
#[derive(Clone, Debug)]
pub struct Seek {
    /// Hits at this place or before it on the way do not count.
    from: At,
    way: Way,
    /// The line to be read next.
    line: u64,
}

impl Seek {
    /// A search that begins behind a place, on the way.
    pub fn new(from: At, way: Way) -> Seek {
        Seek { from, way, line: from.line }
    }

    /// Which way it goes.
    pub fn way(&self) -> Way {
        self.way
    }

    /// Reads on until something is found or so many bytes were read.
    pub fn slice(&mut self, screen: Screen<'_>, query: &Query, bytes: usize) -> Sought {
        let (first, end) = (screen.first_line(), screen.end_line());
        // What left the history meanwhile is passed over, and a place beyond the end is the end.
        self.line = match self.way {
            Way::Newer => self.line.max(first),
            Way::Older => self.line.min(end.saturating_sub(1)),
        };
        let (mut text, mut read, mut lines) = (String::new(), 0, screen.lines());
        while (first..end).contains(&self.line) {
            if read >= bytes {
                return Sought::Further;
            }
            lines.text_of(self.line, &mut text);
            read += text.len() + LINE_COST;
            if let Some(columns) = self.among(query.columns(&text)) {
                return Sought::Found(Hit { line: self.line, columns });
            }
            match (self.way, self.line.checked_sub(1)) {
                (Way::Newer, _) => self.line += 1,
                (Way::Older, Some(before)) => self.line = before,
                (Way::Older, None) => return Sought::Nowhere,
            }
        }
        Sought::Nowhere
    }

    fn among(&self, mut hits: Vec<Range<u16>>) -> Option<Range<u16>> {
        let at = |columns: &Range<u16>| At { line: self.line, col: columns.start };
        match self.way {
            Way::Newer => hits.into_iter().find(|columns| at(columns) > self.from),
            Way::Older => {
                hits.retain(|columns| at(columns) < self.from);
                hits.pop()
            }
        }
    }
}

/// What a host's output holds of what is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hits {
    /// How many.
    pub count: usize,
    /// The newest.
    pub last: Hit,
    /// The line of the newest, fit to be shown.
    pub line: String,
}

/// A search over many panes that counts the hits of each.
#[derive(Clone, Debug)]
pub struct Sweep {
    members: Vec<MemberId>,
    /// How many members are done.
    done: usize,
    /// In the one that is being read: the line to read next and the one to end before.
    lines: Option<Range<u64>>,
    found: BTreeMap<MemberId, Hits>,
    total: usize,
}

impl Sweep {
    /// A search over these, in this order.
    pub fn new(members: Vec<MemberId>) -> Sweep {
        Sweep { members, done: 0, lines: None, found: BTreeMap::new(), total: 0 }
    }

    /// Reads on until all is read or so many bytes were; returns how many bytes that were. `screen` knows no screen of a
    /// member that is gone.
    pub fn slice<'a>(
        &mut self,
        query: &Query,
        bytes: usize,
        screen: impl Fn(MemberId) -> Option<Screen<'a>>,
    ) -> usize {
        let (mut text, mut read) = (String::new(), 0);
        while let Some(member) = self.members.get(self.done).copied() {
            let Some(screen) = screen(member) else {
                self.next_member();
                continue;
            };
            let mut lines = self.lines.take().unwrap_or_else(|| screen.first_line()..screen.end_line());
            lines.start = lines.start.max(screen.first_line());
            let (mut newest, mut reader) = (Newest::default(), screen.lines());
            while lines.start < lines.end && read < bytes {
                reader.text_of(lines.start, &mut text);
                read += text.len() + LINE_COST;
                newest.look(query, lines.start, &mut text);
                lines.start += 1;
            }
            self.total += newest.count;
            newest.note(&mut self.found, member);
            if lines.start < lines.end {
                self.lines = Some(lines);
                return read;
            }
            self.next_member();
        }
        read
    }

    fn next_member(&mut self) {
        self.done += 1;
        self.lines = None;
    }

    /// Reads no further.
    pub fn stop(&mut self) {
        self.members.truncate(self.done);
        self.lines = None;
    }

    /// Is all read?
    pub fn is_done(&self) -> bool {
        self.done == self.members.len()
    }

    /// How many members are read, of how many.
    pub fn progress(&self) -> (usize, usize) {
        (self.done, self.members.len())
    }

    /// Hits of all hosts together.
    pub fn total(&self) -> usize {
        self.total
    }

    /// The hosts with hits, in the order they came.
    pub fn found(&self) -> &BTreeMap<MemberId, Hits> {
        &self.found
    }

    /// The member with hits that comes next after this one, round and round.
    pub fn after(&self, member: MemberId, way: Way) -> Option<MemberId> {
        use std::ops::Bound::{Excluded, Unbounded};
        let key = |(id, _): (&MemberId, &Hits)| *id;
        // Hits of one host are gone through from the newest to the oldest, so that is the way on.
        match way {
            Way::Older => {
                self.found.range((Excluded(member), Unbounded)).next().or(self.found.iter().next()).map(key)
            }
            Way::Newer => self.found.range(..member).next_back().or(self.found.iter().next_back()).map(key),
        }
    }
}

/// The hits of one host in one slice: how many, and where the newest stands. A host may have one on each of its lines, so
/// only the newest is made fit to be shown.
#[derive(Default)]
struct Newest {
    count: usize,
    line: u64,
    bytes: Range<usize>,
    text: String,
}

impl Newest {
    /// Looks at a line; one with hits changes place with the text that was kept.
    fn look(&mut self, query: &Query, line: u64, text: &mut String) {
        let (count, last) = query.find(text).fold((0, None), |(count, _), found| (count + 1, Some(found)));
        if let Some(bytes) = last {
            (self.count, self.line, self.bytes) = (self.count + count, line, bytes);
            std::mem::swap(&mut self.text, text);
        }
    }

    fn note(self, found: &mut BTreeMap<MemberId, Hits>, member: MemberId) {
        if self.count == 0 {
            return;
        }
        let Range { start, end } = self.bytes;
        let columns = column_at(&self.text, start)..column_at(&self.text, end);
        let before = found.get(&member).map_or(0, |hits| hits.count);
        let (last, line) = (Hit { line: self.line, columns }, escape::text(&self.text, SHOWN_CHARS));
        found.insert(member, Hits { count: before + self.count, last, line });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::pane::{HistoryLimit, Pane};
    use crate::size::Size;

    fn pane(text: &str) -> Pane {
        let mut pane = Pane::new(Size::new(4, 40), HistoryLimit::lines(100));
        pane.feed(Duration::ZERO, text.as_bytes());
        pane
    }

    fn query(text: &str) -> Query {
        Query::parse(text).expect(text)
    }

    #[test]
    fn text_is_found_as_it_stands_and_a_capital_makes_it_exact() {
        for (wanted, line, columns) in [
            ("err", "an Error: err", "3..6 10..13"),
            ("Err", "an Error: err", "3..6"),
            ("a.b", "a.b axb", "0..3"),
            ("語", "日本語 x語", "4..6 8..10"),
            ("aa", "aAaaa", "0..2 2..4"),
            ("aab", "aaab aAB b aa", "1..4 5..8"),
            ("k", "kK\u{212a}", "0..1 1..2 2..3"),
            ("$ [", "~$ [x]", "1..4"),
            ("re:e\\d+", "e1 E22", "0..2 3..6"),
            ("re:\\Derr", "1err xerr XErr", "5..9 10..14"),
            ("re:X\\w", "xy XY", "3..5"),
            ("re:\\p{Greek}+", "αβΓ", "0..3"),
            ("re:x*y", "xxy", "0..3"),
            ("none", "an Error", ""),
        ] {
            let found: Vec<String> = query(wanted).columns(line).iter().map(|at| format!("{at:?}")).collect();
            assert_eq!(found.join(" "), columns, "{wanted} in {line}");
        }
    }

    #[test]
    fn what_cannot_be_looked_for_is_said() {
        for (wanted, said) in [
            ("", "write what to look for"),
            ("re:", "write what to look for"),
            ("re:(", "this is no pattern: unclosed group"),
            ("re:x*", "this pattern is found everywhere, since it matches nothing at all too"),
        ] {
            assert_eq!(Query::parse(wanted).expect_err(wanted), said);
        }
        for bomb in
            ["re:(a{1000}){1000}", "re:\\w{500}", &format!("re:{}a{}", "(".repeat(99), ")".repeat(99))]
        {
            let said = Query::parse(bomb).expect_err(bomb);
            assert!(said.starts_with("this is no pattern: "), "{said}");
        }
    }

    #[test]
    fn the_next_hit_is_found_either_way_in_slices_of_any_size() {
        let pane = pane("one two\r\nthree\r\none one\r\n\r\nfour\r\none");
        let (screen, one) = (pane.screen(), query("one"));
        for bytes in [1, 30, 10_000] {
            let walk = |way, from| {
                let (mut from, mut all) = (from, Vec::new());
                let mut seek = Seek::new(from, way);
                loop {
                    match seek.slice(screen, &one, bytes) {
                        Sought::Further => {}
                        Sought::Nowhere => return all,
                        Sought::Found(hit) => {
                            from = hit.at();
                            all.push((from.line, from.col));
                            seek = Seek::new(from, way);
                        }
                    }
                }
            };
            let back = walk(Way::Older, At { line: 99, col: 0 });
            assert_eq!(back, [(5, 0), (2, 4), (2, 0), (0, 0)], "{bytes}");
            assert_eq!(walk(Way::Newer, At { line: 0, col: 0 }), [(2, 0), (2, 4), (5, 0)]);
            assert_eq!(walk(Way::Older, At { line: 2, col: 4 }), [(2, 0), (0, 0)]);
        }
    }

    #[test]
    fn a_sweep_counts_the_hits_of_each_pane_in_bounded_slices() {
        let panes: Vec<Pane> = (0..20).map(|n| pane(&"a hit, a Hit\r\nnothing\r\n".repeat(n % 4))).collect();
        let screen = |id: MemberId| panes.get(id.0 as usize).map(Pane::screen);
        for bytes in [1, 100, 1 << 20] {
            let mut sweep = Sweep::new((0..22).map(MemberId).collect());
            let mut slices = 0;
            while !sweep.is_done() {
                let read = sweep.slice(&query("hit"), bytes, screen);
                assert!(read < bytes + 60, "{read} bytes at once");
                slices += 1;
            }
            let lines = 20 * 4 + 15 * 2 + 10;
            assert!(slices >= lines * LINE_COST / (bytes + 60), "{slices}");
            let counts: Vec<usize> = sweep.found().values().map(|hits| hits.count).collect();
            assert_eq!(counts, [2, 4, 6].repeat(5));
            assert_eq!((sweep.total(), sweep.progress()), (60, (22, 22)));
            let third = &sweep.found()[&MemberId(3)];
            assert_eq!((third.last.line, &third.last.columns, &*third.line), (4, &(9..12), "a hit, a Hit"));
            assert_eq!(sweep.after(MemberId(3), Way::Older), Some(MemberId(5)));
            assert_eq!(sweep.after(MemberId(19), Way::Older), Some(MemberId(1)));
            assert_eq!(sweep.after(MemberId(1), Way::Newer), Some(MemberId(19)));
        }
    }
}
