//! The filter between a host and its emulator.
//!
//! It knows where sequences begin and end, and hands on only whole ones, and only those the emulator draws by. What an
//! emulator could be hurt or fooled with ends here: strings without an end (OSC, DCS, APC, PM, SOS are all swallowed; of
//! OSC only a title is kept), counts larger than the screen, more work than the bytes are worth ([`Budget`]), the
//! C1 controls, variation selectors (U+FE0F makes the emulator panic), characters that reorder or hide others, and
//! piles of combining marks. Bytes that are not UTF-8 become `?`, one for each maximal part, since the emulator would
//! drop them and shift the rest of the line.
//!
//! All state is kept between feeds, so what comes out does not depend on how the bytes were cut.

use memchr::{memchr, memchr3};
use unicode_width::UnicodeWidthChar;

use super::budget::{Budget, Work};
use crate::escape;
use crate::size::Size;

const ESC: u8 = 0x1b;
const CAN: u8 = 0x18;
const SUB: u8 = 0x1a;
const BEL: u8 = 0x07;

/// The longest control sequence in bytes, its first and last apart; longer ones are swallowed whole. 32 parameters of
/// five digits, the most the emulator takes, fit.
const SEQUENCE_BYTES: usize = 200;
/// The longest OSC string kept while its end has not come; a longer one is swallowed up to its end.
const STRING_BYTES: usize = 4096;
/// Combining marks after one character; more are dropped.
const MARKS: u8 = 6;
/// Columns of a title.
const TITLE_COLUMNS: usize = 64;
/// Modes that clear the alternate screen when set.
const CLEARING_MODE: u32 = 1049;

/// Where in the grammar of control sequences the next byte stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Text,
    Escape,
    /// After `ESC` and an intermediate byte: charsets and the like, which the emulator does not draw by.
    EscapeMore,
    Control,
    /// An OSC string, kept.
    Osc,
    /// Any other string, or an OSC that grew too long.
    Swallow,
}

/// The filter of one pane.
#[derive(Debug)]
pub(super) struct Filter {
    state: State,
    /// The sequence or OSC string under way; bounded by [`SEQUENCE_BYTES`] and [`STRING_BYTES`].
    held: Vec<u8>,
    /// A character under way.
    partial: [u8; 4],
    partial_len: usize,
    /// Combining marks since the last character that takes room.
    marks: u8,
    size: Size,
    budget: Budget,
    title: Option<String>,
}

impl Filter {
    pub(super) fn new(size: Size) -> Filter {
        Filter {
            state: State::Text,
            held: Vec::new(),
            partial: [0; 4],
            partial_len: 0,
            marks: 0,
            size,
            budget: Budget::new(size),
            title: None,
        }
    }

    pub(super) fn resize(&mut self, size: Size) {
        self.size = size;
        self.budget.resize(size);
    }

    /// Takes the title set since the last call, fit to be shown.
    pub(super) fn take_title(&mut self) -> Option<String> {
        self.title.take()
    }

    /// Units of work passed on since the beginning; see [`Budget`].
    pub(super) fn work(&self) -> u64 {
        self.budget.spent()
    }

    /// Memory held, in bytes.
    pub(super) fn held_bytes(&self) -> usize {
        self.held.capacity()
    }

    /// Appends to `out` what the emulator may see of `input`.
    pub(super) fn feed(&mut self, input: &[u8], out: &mut Vec<u8>) {
        let mut rest = input;
        while !rest.is_empty() {
            let used = match self.state {
                State::Text => self.text(rest, out),
                State::Osc | State::Swallow => self.string(rest),
                _ => {
                    self.sequence(rest[0], out);
                    1
                }
            };
            self.budget.earn(used);
            rest = &rest[used..];
        }
    }

    /// Text up to the next ESC; returns how many bytes it took.
    fn text(&mut self, input: &[u8], out: &mut Vec<u8>) -> usize {
        if self.partial_len > 0 {
            return self.finish_character(input[0], out);
        }
        match memchr(ESC, input).unwrap_or(input.len()) {
            0 => {
                self.state = State::Escape;
                1
            }
            end => {
                self.plain(&input[..end], out);
                end
            }
        }
    }

    fn plain(&mut self, text: &[u8], out: &mut Vec<u8>) {
        if text.is_ascii() {
            self.marks = 0;
            out.extend_from_slice(text);
            return;
        }
        let mut left = text.len();
        for chunk in text.utf8_chunks() {
            self.characters(chunk.valid(), out);
            left -= chunk.valid().len() + chunk.invalid().len();
            let broken = chunk.invalid();
            if left == 0 && is_unfinished(broken) {
                self.partial[..broken.len()].copy_from_slice(broken);
                self.partial_len = broken.len();
            } else if !broken.is_empty() {
                self.broken(out);
            }
        }
    }

    /// Adds a byte to the character under way; one that does not fit is left for the next round.
    fn finish_character(&mut self, byte: u8, out: &mut Vec<u8>) -> usize {
        self.partial[self.partial_len] = byte;
        let bytes = self.partial;
        let bytes = &bytes[..=self.partial_len];
        match std::str::from_utf8(bytes) {
            Ok(character) => {
                self.partial_len = 0;
                self.characters(character, out);
                1
            }
            Err(_) if is_unfinished(bytes) => {
                self.partial_len += 1;
                1
            }
            Err(_) => {
                self.partial_len = 0;
                self.broken(out);
                0
            }
        }
    }

    fn broken(&mut self, out: &mut Vec<u8>) {
        self.marks = 0;
        out.push(b'?');
    }

    /// Copies characters in stretches, leaving out those that may not pass.
    fn characters(&mut self, text: &str, out: &mut Vec<u8>) {
        let mut from = 0;
        for (at, c) in text.char_indices() {
            let replacement = match self.fate(c) {
                Fate::Pass => continue,
                Fate::Drop => "",
                Fate::Replace => "?",
            };
            out.extend_from_slice(&text.as_bytes()[from..at]);
            out.extend_from_slice(replacement.as_bytes());
            from = at + c.len_utf8();
        }
        out.extend_from_slice(&text.as_bytes()[from..]);
    }

    fn fate(&mut self, c: char) -> Fate {
        if c < '\u{300}' {
            self.marks = 0;
            return if ('\u{80}'..='\u{9f}').contains(&c) { Fate::Drop } else { Fate::Pass };
        }
        if is_unseen(c) {
            return Fate::Drop;
        }
        if c.width() != Some(0) {
            self.marks = 0;
            return if c == char::REPLACEMENT_CHARACTER { Fate::Replace } else { Fate::Pass };
        }
        self.marks = self.marks.saturating_add(1);
        if self.marks > MARKS { Fate::Drop } else { Fate::Pass }
    }

    /// A string up to its end, by BEL (OSC only), CAN, SUB or the ESC of its terminator.
    fn string(&mut self, input: &[u8]) -> usize {
        let mut end = memchr3(ESC, CAN, SUB, input);
        if self.state == State::Osc {
            let bell = memchr(BEL, &input[..end.unwrap_or(input.len())]);
            end = bell.or(end);
            let text = &input[..end.unwrap_or(input.len())];
            if self.held.len() + text.len() > STRING_BYTES {
                self.release();
                self.state = State::Swallow;
                // A BEL ends a string that was too long as well.
                return self.swallowed(input, end);
            }
            self.held.extend_from_slice(text);
        }
        match end.map(|at| input[at]) {
            None => return input.len(),
            Some(ESC) => self.state = State::Escape,
            Some(BEL) => {
                self.title();
                self.release();
                self.state = State::Text;
            }
            Some(_) => {
                self.release();
                self.state = State::Text;
            }
        }
        end.map_or(input.len(), |at| at + 1)
    }

    fn swallowed(&mut self, input: &[u8], end: Option<usize>) -> usize {
        match end.map(|at| (at, input[at])) {
            None => input.len(),
            Some((at, ESC)) => {
                self.state = State::Escape;
                at + 1
            }
            Some((at, _)) => {
                self.state = State::Text;
                at + 1
            }
        }
    }

    /// Keeps the title of an OSC 0 or 2.
    fn title(&mut self) {
        if let [b'0' | b'2', b';', title @ ..] = &self.held[..] {
            self.title = Some(escape::text(&String::from_utf8_lossy(title), TITLE_COLUMNS));
        }
    }

    /// Forgets what is held, and its memory if it was much.
    fn release(&mut self) {
        self.held.clear();
        if self.held.capacity() > 2 * SEQUENCE_BYTES {
            self.held = Vec::new();
        }
    }

    /// One byte after ESC.
    fn sequence(&mut self, byte: u8, out: &mut Vec<u8>) {
        match byte {
            CAN | SUB => {
                self.release();
                self.state = State::Text;
            }
            ESC => {
                self.release();
                self.state = State::Escape;
            }
            // Control characters act at once, even within a sequence.
            0x00..=0x1f => out.push(byte),
            0x7f.. => {}
            _ => match self.state {
                State::Escape => self.escape(byte, out),
                State::Control => self.control(byte, out),
                _ => {
                    if byte >= 0x30 {
                        self.state = State::Text;
                    }
                }
            },
        }
    }

    fn escape(&mut self, byte: u8, out: &mut Vec<u8>) {
        // Only an OSC leaves something held: this ESC was the beginning of its terminator, or cut it off.
        if byte == b'\\' {
            self.title();
        }
        self.release();
        self.marks = 0;
        self.state = match byte {
            b'[' => State::Control,
            b']' => State::Osc,
            b'P' | b'X' | b'^' | b'_' => State::Swallow,
            0x20..=0x2f => State::EscapeMore,
            b'c' => {
                self.reset_terminal(out);
                State::Text
            }
            b'7' | b'8' | b'=' | b'>' | b'M' | b'g' => {
                out.extend_from_slice(&[ESC, byte]);
                State::Text
            }
            _ => State::Text,
        };
    }

    /// RIS. The emulator does not track focus events, so their mode is reset beside it.
    fn reset_terminal(&mut self, out: &mut Vec<u8>) {
        if self.budget.pay(self.cells(), Work::Allocate) {
            out.extend_from_slice(b"\x1b[?1004l\x1bc");
        }
    }

    /// One byte of a control sequence.
    fn control(&mut self, byte: u8, out: &mut Vec<u8>) {
        if byte < 0x40 {
            // One more than fits marks the sequence as too long.
            if self.held.len() <= SEQUENCE_BYTES {
                self.held.push(byte);
            }
            return;
        }
        self.state = State::Text;
        let held = std::mem::take(&mut self.held);
        if held.len() <= SEQUENCE_BYTES {
            self.dispatch(&held, byte, out);
        }
        self.held = held;
        self.release();
    }

    fn dispatch(&mut self, held: &[u8], end: u8, out: &mut Vec<u8>) {
        let plain = held.iter().all(|b| (b'0'..=b';').contains(b));
        let decset = held.first() == Some(&b'?');
        let (rows, cols) = (u64::from(self.size.rows), u64::from(self.size.cols));
        let count = u64::from(parameters(held).next().unwrap_or(0).max(1));
        let paid = match end {
            b'm' => true,
            b'@' | b'P' | b'X' if plain => {
                return self.counted(count.min(cols), (cols, Work::Shift), end, out);
            }
            b'L' | b'M' | b'T' if plain => {
                return self.counted(count.min(rows), (count.min(rows) * cols, Work::Clear), end, out);
            }
            b'S' if plain => {
                return self.counted(count.min(rows), (count.min(rows) * cols, Work::Keep), end, out);
            }
            b'I' | b'Z' if plain => return self.counted(count.min(cols), (cols, Work::Clear), end, out),
            b'b' if plain => {
                let count = count.min(self.cells()).min(self.budget.affordable(Work::Draw));
                return self.counted(count, (count, Work::Draw), end, out);
            }
            b'J' if plain || decset => return self.erase(held, out),
            b'K' => self.budget.pay(cols, Work::Shift),
            b'h' if decset => {
                let clears = parameters(&held[1..]).filter(|&mode| mode == CLEARING_MODE).count() as u64;
                self.budget.pay(clears * self.cells(), Work::Allocate)
            }
            _ => true,
        };
        if paid {
            out.extend_from_slice(&[ESC, b'[']);
            out.extend_from_slice(held);
            out.push(end);
        }
    }

    /// Passes a sequence that has a count, with the count the screen has room for.
    fn counted(&mut self, count: u64, (cells, work): (u64, Work), end: u8, out: &mut Vec<u8>) {
        if count > 0 && self.budget.pay(cells, work) {
            out.extend_from_slice(&[ESC, b'[']);
            out.extend_from_slice(count.to_string().as_bytes());
            out.push(end);
        }
    }

    /// ED. Number 3 erases the scrollback, which is ours: the emulator hands on `CSI > 3 J`, which means nothing to it.
    fn erase(&mut self, held: &[u8], out: &mut Vec<u8>) {
        let number = parameters(held.strip_prefix(b"?").unwrap_or(held)).next().unwrap_or(0);
        match number {
            0..=2 if self.budget.pay(self.cells(), Work::Clear) => {
                out.extend_from_slice(&[ESC, b'[', b'0' + number as u8, b'J']);
            }
            3 => out.extend_from_slice(ERASE_HISTORY),
            _ => {}
        }
    }

    fn cells(&self) -> u64 {
        u64::from(self.size.rows) * u64::from(self.size.cols)
    }
}

/// What the emulator's callbacks take as the order to erase the history.
const ERASE_HISTORY: &[u8] = b"\x1b[>3J";

enum Fate {
    Pass,
    Drop,
    Replace,
}

/// The parameters of a control sequence; too large ones saturate, absent ones are 0.
fn parameters(held: &[u8]) -> impl Iterator<Item = u32> {
    held.split(|b| *b == b';').map(|digits| {
        let digits = digits.iter().take_while(|b| b.is_ascii_digit());
        digits.fold(0u32, |n, b| n.saturating_mul(10).saturating_add(u32::from(b - b'0')))
    })
}

/// Whether these bytes begin a character that more bytes could finish.
fn is_unfinished(bytes: &[u8]) -> bool {
    matches!(std::str::from_utf8(bytes), Err(e) if e.error_len().is_none())
}

/// Characters that take no cell of their own and change how a terminal shows their neighbours, so that what is seen would
/// not be what the cells say: variation selectors, joiners, marks of direction, tags.
fn is_unseen(c: char) -> bool {
    matches!(c,
        '\u{fe00}'..='\u{fe0f}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{61c}'
        | '\u{180b}'..='\u{180f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e0fff}')
}
