//! The filter between a host and its emulator.
//!
//! It knows where sequences begin and end, and hands on only whole ones, and only those the emulator draws by. What an
//! emulator could be hurt or fooled with ends here: strings without an end (OSC, DCS, APC, PM, SOS are all swallowed; of
//! OSC only a title is kept), counts larger than the screen, more work than the bytes are worth ([`Budget`]), the
//! C1 controls, and characters that would make the screen lie ([`Characters`]).
//!
//! All state is kept between feeds, so what comes out does not depend on how the bytes were cut.

use memchr::{memchr, memchr3};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::budget::{Budget, Work};
use super::characters::Characters;
use super::charset::Charsets;
use super::clipboard::{self, Asked, ClipboardWrite};
use crate::escape;
use crate::size::Size;

const ESC: u8 = 0x1b;
const CAN: u8 = 0x18;
const SUB: u8 = 0x1a;
const BEL: u8 = 0x07;
const SO: u8 = 0x0e;
const SI: u8 = 0x0f;

/// The longest control sequence in bytes, its first and last apart; longer ones are swallowed whole. 32 parameters of
/// five digits, the most the emulator takes, fit.
const SEQUENCE_BYTES: usize = 200;
/// The longest OSC string kept while its end has not come; a longer one is swallowed up to its end.
const STRING_BYTES: usize = 4096;
/// Columns of a title.
const TITLE_COLUMNS: usize = 64;
/// How an OSC begins that offers text to the clipboard.
const CLIPBOARD: &[u8] = b"52;";
/// Modes that clear the alternate screen when set.
const CLEARING_MODE: u32 = 1049;

/// Where in the grammar of control sequences the next byte stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Text,
    Escape,
    /// After `ESC` and an intermediate byte: a character set, if that is the only one.
    EscapeMore(u8),
    Control,
    /// An OSC string, kept.
    Osc,
    /// An OSC string that grew too long.
    LongOsc,
    /// Any other string.
    Swallow,
}

/// The filter of one pane.
#[derive(Debug)]
pub(super) struct Filter {
    state: State,
    /// The sequence or OSC string under way; bounded by [`SEQUENCE_BYTES`] and [`STRING_BYTES`].
    held: Vec<u8>,
    characters: Characters,
    charsets: Charsets,
    /// What DECSC saved of them, for DECRC.
    saved_charsets: Charsets,
    size: Size,
    budget: Budget,
    title: Option<String>,
    clipboard: Option<ClipboardWrite>,
    clipboard_dropped: usize,
}

impl Filter {
    pub(super) fn new(size: Size) -> Filter {
        Filter {
            state: State::Text,
            held: Vec::new(),
            characters: Characters::default(),
            charsets: Charsets::default(),
            saved_charsets: Charsets::default(),
            size,
            budget: Budget::new(size),
            title: None,
            clipboard: None,
            clipboard_dropped: 0,
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

    /// Takes what was offered to the clipboard since the last call, and how many offers were too large.
    pub(super) fn take_clipboard(&mut self) -> (Option<ClipboardWrite>, usize) {
        (self.clipboard.take(), std::mem::take(&mut self.clipboard_dropped))
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
                State::Osc | State::LongOsc | State::Swallow => self.string(rest),
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
        if self.characters.is_unfinished() {
            return self.characters.finish(input[0], out);
        }
        match memchr3(ESC, SI, SO, input).unwrap_or(input.len()) {
            0 => {
                match input[0] {
                    SI => self.charsets.shift_in(),
                    SO => self.charsets.shift_out(),
                    _ => self.state = State::Escape,
                }
                1
            }
            end if self.charsets.is_ascii() => {
                self.characters.pass(&input[..end], out);
                end
            }
            end => self.drawn(&input[..end], out),
        }
    }

    /// Text while line drawing is chosen; characters beyond ASCII pass as ever. Returns how many bytes it took.
    fn drawn(&mut self, text: &[u8], out: &mut Vec<u8>) -> usize {
        let ascii = text.iter().take_while(|byte| byte.is_ascii()).count();
        if ascii > 0 {
            self.characters.begin();
            text[..ascii].iter().for_each(|&byte| self.charsets.draw(byte, out));
            return ascii;
        }
        let other = text.iter().take_while(|byte| !byte.is_ascii()).count();
        self.characters.pass(&text[..other], out);
        other
    }

    /// A string up to its end: CAN, SUB, the ESC of its terminator, or BEL where it is an OSC.
    fn string(&mut self, input: &[u8]) -> usize {
        let end = memchr3(ESC, CAN, SUB, input).unwrap_or(input.len());
        let end = match self.state {
            State::Swallow => end,
            _ => memchr(BEL, &input[..end]).unwrap_or(end),
        };
        if self.state == State::Osc {
            self.hold(&input[..end]);
        }
        let Some(&last) = input.get(end) else { return end };
        if last == ESC {
            self.state = State::Escape;
            return end + 1;
        }
        if last == BEL {
            self.string_ended();
        }
        self.release();
        self.state = State::Text;
        end + 1
    }

    /// Keeps more of an OSC string, or gives it up when it grows too long.
    fn hold(&mut self, text: &[u8]) {
        let clipboard = self.held.starts_with(CLIPBOARD);
        let bound = if clipboard { clipboard::STRING_BYTES } else { STRING_BYTES };
        let room = bound.saturating_sub(self.held.len());
        if text.len() > room && !clipboard && text.len() <= clipboard::STRING_BYTES {
            // What kind of string it is may stand in this very piece.
            let head = [&self.held[..], &text[..text.len().min(CLIPBOARD.len())]].concat();
            if head.starts_with(CLIPBOARD) {
                self.held.reserve_exact(text.len());
                return self.held.extend_from_slice(text);
            }
        }
        if text.len() <= room {
            self.held.extend_from_slice(text);
        } else {
            self.clipboard_dropped += usize::from(clipboard);
            self.release();
            self.state = State::LongOsc;
        }
    }

    /// Keeps the title of an OSC 0 or 2, and what an OSC 52 offers.
    fn string_ended(&mut self) {
        match &self.held[..] {
            [b'0' | b'2', b';', title @ ..] => {
                let title = escape::text(&String::from_utf8_lossy(title), TITLE_COLUMNS);
                self.title = Some(cut(&title, TITLE_COLUMNS));
            }
            [b'5', b'2', b';', string @ ..] => match clipboard::asked(string) {
                Asked::Write(write) => self.clipboard = Some(write),
                Asked::TooMuch => self.clipboard_dropped += 1,
                Asked::Nothing => {}
            },
            _ => {}
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
            SI => self.charsets.shift_in(),
            SO => self.charsets.shift_out(),
            // Control characters act at once, even within a sequence.
            0x00..=0x1f => out.push(byte),
            0x7f.. => {}
            _ => match self.state {
                State::Escape => self.escape(byte, out),
                State::Control => self.control(byte, out),
                State::EscapeMore(slot) if byte >= 0x30 => {
                    self.charsets.designate(slot, byte);
                    self.state = State::Text;
                }
                // A second intermediate byte: nothing that we know.
                _ => self.state = State::EscapeMore(0),
            },
        }
    }

    fn escape(&mut self, byte: u8, out: &mut Vec<u8>) {
        // Only an OSC leaves something held: this ESC was the beginning of its terminator, or cut it off.
        if byte == b'\\' {
            self.string_ended();
        }
        self.release();
        self.characters.begin();
        self.state = match byte {
            b'[' => State::Control,
            b']' => State::Osc,
            b'P' | b'X' | b'^' | b'_' => State::Swallow,
            0x20..=0x2f => State::EscapeMore(byte),
            b'c' => {
                self.reset_terminal(out);
                State::Text
            }
            // IND and NEL, in the words of the emulator.
            b'D' => {
                out.push(b'\n');
                State::Text
            }
            b'E' => {
                out.extend_from_slice(b"\r\n");
                State::Text
            }
            b'7' | b'8' | b'=' | b'>' | b'M' | b'g' => {
                match byte {
                    b'7' => self.saved_charsets = self.charsets,
                    b'8' => self.charsets = self.saved_charsets,
                    _ => {}
                }
                out.extend_from_slice(&[ESC, byte]);
                State::Text
            }
            _ => State::Text,
        };
    }

    /// RIS. The emulator does not track focus events, so their mode is reset beside it.
    fn reset_terminal(&mut self, out: &mut Vec<u8>) {
        (self.charsets, self.saved_charsets) = Default::default();
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

    /// ED. Number 3 erases the scrollback, which is ours: see [`ERASE_HISTORY`].
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

/// The order to erase the history. It means nothing to the emulator, which hands it to its callbacks, and so takes effect
/// between the lines before it and those after it. A host that sends it itself says the same.
const ERASE_HISTORY: &[u8] = b"\x1b[>3J";

/// Cuts text to a width; what is cut off leaves an ellipsis within it.
fn cut(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        let width = c.width().unwrap_or(0);
        if used + width >= columns {
            out.push('…');
            break;
        }
        used += width;
        out.push(c);
    }
    out
}

/// The parameters of a control sequence; too large ones saturate, absent ones are 0.
fn parameters(held: &[u8]) -> impl Iterator<Item = u32> {
    held.split(|b| *b == b';').map(|digits| {
        let digits = digits.iter().take_while(|b| b.is_ascii_digit());
        digits.fold(0u32, |n, b| n.saturating_mul(10).saturating_add(u32::from(b - b'0')))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(input: impl AsRef<[u8]>) -> String {
        let mut out = Vec::new();
        Filter::new(Size::DEFAULT).feed(input.as_ref(), &mut out);
        String::from_utf8(out).expect("only whole characters pass").escape_debug().to_string()
    }

    #[test]
    fn what_draws_passes_and_the_rest_does_not() {
        for (input, output) in [
            ("plain\ttext\r\n", "plain\\ttext\\r\\n"),
            ("é 語 e\u{301}", "é 語 e\u{301}"),
            ("\x1b[1;31mred\x1b[m", "\\u{1b}[1;31mred\\u{1b}[m"),
            ("\x1b[?1049h\x1b[?25l", "\\u{1b}[?1049h\\u{1b}[?25l"),
            ("\x1b7\x1b8\x1bM", "\\u{1b}7\\u{1b}8\\u{1b}M"),
            ("\x1b(B\x1b#8\x1bZ\x1bkname\x1b\\", "name"),
            ("\x1bc", "\\u{1b}[?1004l\\u{1b}c"),
            ("\x1b[3J", "\\u{1b}[>3J"),
            ("\x1b[J\x1b[?2J\x1b[9J", "\\u{1b}[0J\\u{1b}[2J"),
            ("a\u{9b}31mb\u{9d}0;x\u{9c}\u{85}", "a31mb0;x"),
            ("8\u{fe0f}\u{200d}\u{202e}\u{feff}x", "8x"),
            ("\u{fffd}", "?"),
            ("\x1b]52;c;aGk=\x07\x1b]8;;http://x\x1b\\link", "link"),
            ("\x1bPq#0;2;0\x1b\\\x1b_Gi=1\x1b\\\x1b^pm\x1b\\\x1bXsos\x1b\\ok", "ok"),
            ("\x1bPstring\x18ok\x1b]0;x\x1aok", "okok"),
            ("\x1b[3\n1m\x1b[5\x18ok\x1b[7\x1b[8m", "\\n\\u{1b}[31mok\\u{1b}[8m"),
        ] {
            assert_eq!(passed(input), output.replace("\\\\", "\\"), "{input:?}");
        }
    }

    #[test]
    fn boxes_are_drawn() {
        for (input, output) in [
            ("\x1b(0lqk\x1b(B lqk", "┌─┐ lqk"),
            ("\x1b)0a\x0ex x\x0fx", "a│ │x"),
            ("\x1b(0é_tX~\u{2500}\x1b(B~", "é ├X·─~"),
            ("\x1b(0\x1b7\x1b(Bq\x1b8q", "\\u{1b}7q\\u{1b}8─"),
            ("\x1b(0\x1bcq", "\\u{1b}[?1004l\\u{1b}cq"),
            ("\x1b(A\x1b*0\x1b($0\x1b#8q", "q"),
            ("a\x1bDb\x1bEc", "a\\nb\\r\\nc"),
            ("\x1b[\x0e1m\x1b)0q", "\\u{1b}[1m─"),
        ] {
            assert_eq!(passed(input), output, "{input:?}");
        }
    }

    #[test]
    fn counts_are_cut_to_the_screen() {
        for (input, output) in [
            ("65535@", "80@"),
            ("99999999999P", "80P"),
            ("4294967297X", "80X"),
            ("999L", "24L"),
            ("999M", "24M"),
            ("999S", "24S"),
            ("999T", "24T"),
            ("999I", "80I"),
            ("999Z", "80Z"),
            ("99999999999b", "1920b"),
            ("5b", "5b"),
            ("0P", "1P"),
        ] {
            assert_eq!(passed(format!("x\x1b[{input}")), format!("x\\u{{1b}}[{output}"), "{input}");
        }
        let many = format!("\x1b[{}m", "1;".repeat(SEQUENCE_BYTES));
        assert_eq!(passed(many + "ok"), "ok");
    }

    #[test]
    fn titles_are_kept_fit_to_be_shown() {
        for (input, title) in [
            ("\x1b]0;vim; a\x07", Some("vim; a")),
            ("\x1b]2;é “x”\x1b\\", Some("é “x”")),
            ("\x1b]2;a\nb\u{202e}c\x07", Some("a b\\u{202e}c")),
            ("\x1b]1;icon\x07\x1b]7;file://x\x07", None),
            ("\x1b]2;cut\x18", None),
            ("\x1b]2;cut\x1b[m", None),
        ] {
            let mut filter = Filter::new(Size::DEFAULT);
            filter.feed(input.as_bytes(), &mut Vec::new());
            assert_eq!(filter.take_title().as_deref(), title, "{input:?}");
        }
        let mut filter = Filter::new(Size::DEFAULT);
        for piece in ["x", "語", "\u{202e}", "e\u{301}"] {
            filter.feed(format!("\x1b]2;{}\x07", piece.repeat(500)).as_bytes(), &mut Vec::new());
            let title = filter.take_title().expect("set");
            assert!(title.width() <= TITLE_COLUMNS && title.ends_with('…'), "{title}");
        }
    }

    #[test]
    fn a_string_without_an_end_holds_no_memory() {
        for start in ["\x1b]2;", "\x1bP", "\x1b_", "\x1b^", "\x1bX", "\x1b[1;"] {
            let (mut filter, mut out) = (Filter::new(Size::DEFAULT), Vec::new());
            filter.feed(start.as_bytes(), &mut out);
            for _ in 0..1000 {
                filter.feed(&[b'1'; 4096], &mut out);
                assert!(filter.held_bytes() <= 2 * STRING_BYTES, "{start:?}");
            }
            filter.feed(b"\x07\x1b\\ok", &mut out);
            assert!(out.ends_with(b"ok"), "{start:?}");
        }
    }
}
