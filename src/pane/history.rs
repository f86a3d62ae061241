//! The lines that have left the top of a screen, as compact text.
//!
//! A cell takes 32 bytes, so a thousand full lines of 80 columns would take 2.5 MB a pane. Here a line is its text with a
//! marker of 3 to 13 bytes where the style changes, whole lines end to end in blocks, and 2 bytes to say where each line
//! ends: a thousand lines of 72 columns stay under 100 kB.
//!
//! Blocks are all of one size and never move. One array that grows would be copied to a larger place again and again, and
//! with a thousand panes that grow at once the places left behind were a seventh of the memory of omnes.

use std::collections::VecDeque;

use super::cell::{Color, Style, StyledLine, Underline};
use super::pens::Pens;

/// Begins a change of style; text never holds it, since a cell shows no control character.
const MARK: u8 = 0x1b;
/// A block holds so many bytes, or one line that is longer.
const BLOCK_BYTES: usize = 4 * 1024;
/// And at most so many lines, since lines may be empty.
const BLOCK_LINES: usize = 256;
/// A single line longer than this is cut; no screen is wide enough to make one in plain text.
const LINE_BYTES: usize = 16 * 1024;

/// How much history a pane keeps; whichever bound is met first drops the oldest lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryLimit {
    /// Lines.
    pub lines: usize,
    /// Bytes of text and style marks.
    pub bytes: usize,
}

impl HistoryLimit {
    /// A limit by lines, with 200 bytes allowed for each on average.
    pub const fn lines(lines: usize) -> HistoryLimit {
        HistoryLimit { lines, bytes: lines * 200 }
    }
}

impl Default for HistoryLimit {
    fn default() -> HistoryLimit {
        HistoryLimit::lines(1000)
    }
}

/// A bounded ring of lines, the oldest first.
#[derive(Debug, Default)]
pub(super) struct History {
    limit: HistoryLimit,
    blocks: VecDeque<Block>,
    /// The number of the oldest line kept, as blocks count them.
    oldest: u64,
    /// The number of the line that comes next.
    next: u64,
    /// Bytes of the lines kept.
    bytes: usize,
    /// Lines dropped since the beginning, so that a reader can tell that its line moved.
    dropped: u64,
}

/// Some lines that follow each other. What is full is never changed.
#[derive(Debug)]
struct Block {
    /// The number of its first line.
    first: u64,
    bytes: Vec<u8>,
    /// Where each line ends.
    ends: Vec<u16>,
}

impl Block {
    fn new(first: u64, least: usize) -> Block {
        Block { first, bytes: Vec::with_capacity(least.max(BLOCK_BYTES)), ends: Vec::new() }
    }

    fn takes(&self, line: &[u8]) -> bool {
        self.bytes.len() + line.len() <= self.bytes.capacity() && self.ends.len() < BLOCK_LINES
    }

    fn push(&mut self, line: &[u8]) {
        self.bytes.extend_from_slice(line);
        self.ends.push(u16::try_from(self.bytes.len()).expect("a line is cut long before 64 kB"));
    }

    /// The number behind its last line.
    fn end(&self) -> u64 {
        self.first + self.ends.len() as u64
    }

    fn line(&self, number: u64) -> Option<&[u8]> {
        let n = usize::try_from(number.checked_sub(self.first)?).ok()?;
        let start = n.checked_sub(1).map_or(0, |before| usize::from(self.ends[before]));
        self.bytes.get(start..usize::from(*self.ends.get(n)?))
    }
}

impl History {
    pub(super) fn new(limit: HistoryLimit) -> History {
        History { limit, ..History::default() }
    }

    pub(super) fn len(&self) -> usize {
        (self.next - self.oldest) as usize
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Memory held, in bytes, slack included.
    pub(super) fn held_bytes(&self) -> usize {
        let held = |block: &Block| block.bytes.capacity() + block.ends.capacity() * size_of::<u16>();
        self.blocks.iter().map(held).sum::<usize>() + self.blocks.capacity() * size_of::<Block>()
    }

    pub(super) fn clear(&mut self) {
        self.dropped += self.len() as u64;
        self.blocks = VecDeque::new();
        (self.oldest, self.bytes) = (self.next, 0);
    }

    /// Appends a line given as text with SGR sequences between its stretches, as `vt100` writes rows, which was drawn with
    /// these pens.
    pub(super) fn push(&mut self, formatted: &str, pens: &Pens) {
        let line = compact(formatted, pens);
        if self.limit.lines == 0 || line.len() > self.limit.bytes {
            self.dropped += 1;
            return;
        }
        while self.len() >= self.limit.lines || self.bytes + line.len() > self.limit.bytes {
            self.drop_oldest();
        }
        if !self.blocks.back().is_some_and(|block| block.takes(&line)) {
            self.blocks.push_back(Block::new(self.next, line.len()));
        }
        if let Some(block) = self.blocks.back_mut() {
            block.push(&line);
        }
        self.next += 1;
        self.bytes += line.len();
    }

    fn drop_oldest(&mut self) {
        self.bytes -= self.bytes_of(0).map_or(0, <[u8]>::len);
        self.oldest += 1;
        self.dropped += 1;
        if self.blocks.front().is_some_and(|block| block.end() <= self.oldest) {
            self.blocks.pop_front();
        }
    }

    /// Line `n`, 0 being the oldest kept.
    pub(super) fn line(&self, n: usize) -> Option<StyledLine> {
        self.bytes_of(n).map(expand)
    }

    /// Appends the text of line `n` without its styles; nothing beyond the last line.
    pub(super) fn text(&self, n: usize, out: &mut String) {
        if let Some(line) = self.bytes_of(n) {
            plain(line, out);
        }
    }

    fn bytes_of(&self, n: usize) -> Option<&[u8]> {
        let number = self.oldest + n as u64;
        let after = self.blocks.partition_point(|block| block.first <= number);
        self.blocks.get(after.checked_sub(1)?)?.line(number)
    }
}

/// From text with SGR sequences to text with marks.
fn compact(formatted: &str, pens: &Pens) -> Vec<u8> {
    let mut line = Vec::with_capacity(formatted.len());
    let mut drawn = Style::PLAIN;
    let mut pieces = formatted.split('\x1b');
    let first = pieces.next().unwrap_or_default();
    line.extend_from_slice(&first.as_bytes()[..first.floor_char_boundary(LINE_BYTES)]);
    for piece in pieces {
        let Some((parameters, text)) = piece.split_once('m') else { continue };
        apply(&mut drawn, parameters.trim_start_matches('['));
        if text.is_empty() {
            continue;
        }
        if line.len() + text.len() > LINE_BYTES {
            break;
        }
        mark(&mut line, pens.meant(drawn));
        line.extend_from_slice(text.as_bytes());
    }
    line
}

/// Applies the SGR parameters that `vt100` writes; it writes no others.
fn apply(style: &mut Style, parameters: &str) {
    let mut numbers = parameters.split(';').map(|n| n.parse::<u8>().unwrap_or(0));
    while let Some(n) = numbers.next() {
        match n {
            0 => *style = Style::default(),
            1 => (style.bold, style.dim) = (true, false),
            2 => (style.bold, style.dim) = (false, true),
            22 => (style.bold, style.dim) = (false, false),
            3 | 23 => style.italic = n == 3,
            4 => style.underline = Underline::Single,
            24 => style.underline = Underline::None,
            7 | 27 => style.inverse = n == 7,
            30..=37 => style.fg = Color::Indexed(n - 30),
            38 => style.fg = extended(&mut numbers),
            39 => style.fg = Color::Default,
            40..=47 => style.bg = Color::Indexed(n - 40),
            48 => style.bg = extended(&mut numbers),
            49 => style.bg = Color::Default,
            90..=97 => style.fg = Color::Indexed(n - 82),
            100..=107 => style.bg = Color::Indexed(n - 92),
            _ => {}
        }
    }
}

fn extended(numbers: &mut impl Iterator<Item = u8>) -> Color {
    let mut next = || numbers.next().unwrap_or(0);
    match next() {
        5 => Color::Indexed(next()),
        _ => Color::Rgb(next(), next(), next()),
    }
}

/// Writes a style: the mark, a byte of attributes, a byte with the kinds of the colours and of the underline, then the
/// colours; that of the underline only where it has one, which the highest bit says.
fn mark(line: &mut Vec<u8>, style: Style) {
    let Style { bold, dim, italic, inverse, blink, conceal, strike, overline, .. } = style;
    let attributes = [bold, dim, italic, inverse, blink, conceal, strike, overline];
    let bits = attributes.iter().enumerate().fold(0, |bits, (n, &on)| bits | u8::from(on) << n);
    let lined = style.underline_color != Color::Default;
    let kinds = kind(style.fg) | kind(style.bg) << 2 | (style.underline as u8) << 4 | u8::from(lined) << 7;
    line.extend([MARK, bits, kinds]);
    push_color(line, style.fg);
    push_color(line, style.bg);
    if lined {
        line.push(kind(style.underline_color));
        push_color(line, style.underline_color);
    }
}

fn push_color(line: &mut Vec<u8>, color: Color) {
    match color {
        Color::Default => {}
        Color::Indexed(n) => line.push(n),
        Color::Rgb(r, g, b) => line.extend([r, g, b]),
    }
}

fn kind(color: Color) -> u8 {
    match color {
        Color::Default => 0,
        Color::Indexed(_) => 1,
        Color::Rgb(..) => 2,
    }
}

/// From text with marks to spans.
fn expand(mut line: &[u8]) -> StyledLine {
    let mut out = StyledLine::default();
    let mut style = Style::default();
    while !line.is_empty() {
        let end = memchr::memchr(MARK, line).unwrap_or(line.len());
        if end > 0 {
            out.push(&String::from_utf8_lossy(&line[..end]), style);
        }
        line = &line[end..];
        if !line.is_empty() {
            style = unmark(&mut line);
        }
    }
    out
}

/// From text with marks to text.
fn plain(mut line: &[u8], out: &mut String) {
    while !line.is_empty() {
        let end = memchr::memchr(MARK, line).unwrap_or(line.len());
        // It is UTF-8, and to look whether it is takes less than to look where it is not.
        match str::from_utf8(&line[..end]) {
            Ok(text) => out.push_str(text),
            Err(_) => out.push_str(&String::from_utf8_lossy(&line[..end])),
        }
        line = &line[end..];
        if !line.is_empty() {
            unmark(&mut line);
        }
    }
}

fn next(line: &mut &[u8]) -> u8 {
    line.split_off_first().copied().unwrap_or(0)
}

/// A colour whose kind stands in the two lowest bits.
fn color(line: &mut &[u8], kind: u8) -> Color {
    match kind & 3 {
        0 => Color::Default,
        1 => Color::Indexed(next(line)),
        _ => Color::Rgb(next(line), next(line), next(line)),
    }
}

fn unmark(line: &mut &[u8]) -> Style {
    let (_, bits, kinds) = (next(line), next(line), next(line));
    let (fg, bg) = (color(line, kinds), color(line, kinds >> 2));
    let lined = if kinds & 1 << 7 == 0 { 0 } else { next(line) };
    let underline_color = color(line, lined);
    let on = |n: u8| bits & 1 << n != 0;
    Style {
        fg,
        bg,
        bold: on(0),
        dim: on(1),
        italic: on(2),
        inverse: on(3),
        blink: on(4),
        conceal: on(5),
        strike: on(6),
        overline: on(7),
        underline: Underline::ALL[usize::from(kinds >> 4 & 7) % Underline::ALL.len()],
        underline_color,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pane::pens::put_sgr;

    impl History {
        fn push_text(&mut self, text: &str) {
            self.push(text, &Pens::default());
        }
    }

    #[test]
    fn a_thousand_lines_of_72_columns_take_at_most_100_kb() {
        let mut history = History::new(HistoryLimit::lines(1000));
        for n in 0..5000 {
            history.push_text(&format!("{n:>72}"));
            assert!(history.held_bytes() <= 100_000, "{} after {n}", history.held_bytes());
        }
        assert_eq!(history.len(), 1000);
        assert_eq!(history.dropped(), 4000);
        assert_eq!(history.line(0).map(|l| l.text()), Some(format!("{:>72}", 4000)));
        assert_eq!(history.line(999).map(|l| l.text()), Some(format!("{:>72}", 4999)));
        assert_eq!(history.line(1000), None);
    }

    #[test]
    fn a_line_is_found_whatever_the_lines_before_it_took() {
        let mut history = History::new(HistoryLimit { lines: 700, bytes: 200_000 });
        let line = |n: usize| match n % 5 {
            0 => String::new(),
            1 => "x".repeat(n * 37 % 9000),
            _ => format!("line {n}"),
        };
        for n in 0..3000 {
            history.push_text(&line(n));
            assert!(history.bytes <= 200_000 && history.len() <= 700);
            for back in
                [0, 1, history.len() / 2, history.len() - 1].into_iter().filter(|n| *n < history.len())
            {
                let (at, mut text) = (history.len() - 1 - back, String::new());
                history.text(at, &mut text);
                assert_eq!(text, line(n - back), "{back} before {n}");
            }
            assert_eq!(history.dropped() + history.len() as u64, n as u64 + 1);
        }
        let kept: usize = (0..history.len()).map(|n| history.bytes_of(n).map_or(0, <[u8]>::len)).sum();
        assert_eq!(kept, history.bytes);
    }

    #[test]
    fn a_line_without_an_end_is_cut_between_characters() {
        let mut history = History::new(HistoryLimit::default());
        history.push_text(&"é".repeat(40_000));
        history.push_text(&format!("\x1b[1m{}", "x".repeat(70_000)));
        assert_eq!(history.line(0).map(|line| line.text()), Some("é".repeat(LINE_BYTES / 2)));
        assert_eq!(history.line(1).map(|line| line.text()), Some(String::new()));
    }

    #[test]
    fn both_bounds_hold() {
        let mut history = History::new(HistoryLimit { lines: 10, bytes: 100 });
        for n in 0..50 {
            history.push_text(&"x".repeat(n));
            assert!(history.len() <= 10 && history.bytes <= 100);
        }
        history.push_text(&"x".repeat(101));
        assert_eq!(history.line(history.len() - 1).map(|l| l.text().len()), Some(49), "too long, not kept");
        history.clear();
        assert_eq!((history.len(), history.held_bytes()), (0, 0));
        let mut none = History::new(HistoryLimit::lines(0));
        none.push_text("x");
        assert_eq!(none.len(), 0);
    }

    #[test]
    fn styles_survive() {
        let plain = Style::PLAIN;
        let red = Style { fg: Color::Indexed(1), bold: true, ..plain };
        let mixed = Style { fg: Color::Rgb(27, 0, 255), bg: Color::Indexed(27), ..plain };
        let more = Style { inverse: true, dim: true, italic: true, underline: Underline::Single, ..plain };
        let wave = Style { underline: Underline::Curly, underline_color: Color::Rgb(27, 27, 27), ..plain };
        let last = Style { conceal: true, blink: true, strike: true, overline: true, ..wave };
        let spans =
            [("a", plain), ("b", red), ("c", plain), ("é", mixed), ("語", more), ("~", wave), (".", last)];
        let (mut pens, mut row) = (Pens::default(), String::new());
        for (text, style) in spans {
            put_sgr(pens.drawn(style), &mut row);
            row.push_str(text);
        }
        let mut history = History::new(HistoryLimit::default());
        history.push(&row, &pens);
        history.push("\x1b[31;1mb\x1b[39;22mc\x1b[m", &pens);
        let line = history.line(0).expect("just pushed");
        let found: Vec<_> = line.spans.iter().map(|s| (s.text.as_str(), s.style)).collect();
        assert_eq!(found, spans);
        let line = history.line(1).expect("just pushed");
        let found: Vec<_> = line.spans.iter().map(|s| (s.text.as_str(), s.style)).collect();
        assert_eq!(found, [("b", red), ("c", plain)]);
    }
}
