//! The grammar between a host and its terminal.
//!
//! It knows where sequences begin and end, and hands on only whole ones. What a terminal could be hurt or fooled with ends
//! here: strings without an end (DCS, APC, PM and SOS are swallowed, an OSC is held up to a bound), sequences too long to
//! mean anything, the C1 controls, and characters that would make the screen lie ([`Characters`]).
//!
//! All state is kept between feeds, so what comes out does not depend on how the bytes were cut.

use memchr::{memchr, memchr3};

use super::characters::Characters;
use super::clipboard;
use super::sequence::Sequence;
use super::terminal::Terminal;

const ESC: u8 = 0x1b;
const CAN: u8 = 0x18;
const SUB: u8 = 0x1a;
const BEL: u8 = 0x07;

/// The longest control sequence in bytes, its first and last apart; longer ones are swallowed whole. 32 parameters of
/// five digits fit.
const SEQUENCE_BYTES: usize = 200;
/// The longest OSC string that is held while its end has not come, unless it is for the clipboard.
const STRING_BYTES: usize = 4096;
/// Text is handed on in pieces of this many bytes, so that what is on its way stays small.
const PIECE: usize = 4096;
/// How an OSC for the clipboard begins.
const CLIPBOARD: &[u8] = b"52;";

/// Where in the grammar the next byte stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Text,
    Escape,
    /// After `ESC` and an intermediate byte; 0 after a second one, with which nothing begins that we know.
    EscapeMore(u8),
    Control,
    /// An OSC string, held.
    Osc,
    /// A string that is swallowed: an OSC that grew too long (which a BEL ends, too), or any other.
    Swallow {
        bell_ends: bool,
    },
}

/// The parser of one pane.
#[derive(Debug, Default)]
pub(super) struct Parser {
    state: State,
    /// The sequence or OSC string under way, within its bound.
    held: Vec<u8>,
    characters: Characters,
    /// Text on its way, kept for its memory.
    passed: Vec<u8>,
}

impl Parser {
    /// Memory held, in bytes.
    pub(super) fn held_bytes(&self) -> usize {
        self.held.capacity() + self.passed.capacity()
    }

    /// Hands what these bytes say to the terminal.
    pub(super) fn feed(&mut self, input: &[u8], terminal: &mut Terminal) {
        let mut rest = input;
        while let Some(&first) = rest.first() {
            let used = match self.state {
                State::Text => self.text(rest, terminal),
                State::Osc | State::Swallow { .. } => self.string(rest, terminal),
                _ => {
                    self.sequence(first, terminal);
                    1
                }
            };
            terminal.earn(used);
            rest = &rest[used..];
        }
    }

    /// Text up to the next ESC; returns how many bytes it took.
    fn text(&mut self, input: &[u8], terminal: &mut Terminal) -> usize {
        self.passed.clear();
        let input = &input[..input.len().min(PIECE)];
        let used = if self.characters.is_unfinished() {
            self.characters.finish(input[0], &mut self.passed)
        } else {
            match memchr(ESC, input).unwrap_or(input.len()) {
                0 => {
                    self.state = State::Escape;
                    return 1;
                }
                end => {
                    self.characters.pass(&input[..end], &mut self.passed);
                    end
                }
            }
        };
        terminal.text(std::str::from_utf8(&self.passed).expect("only whole characters pass"));
        used
    }

    /// A string up to its end: CAN, SUB, the ESC of its terminator, or BEL where it is an OSC.
    fn string(&mut self, input: &[u8], terminal: &mut Terminal) -> usize {
        let end = memchr3(ESC, CAN, SUB, input).unwrap_or(input.len());
        let end = match self.state {
            State::Swallow { bell_ends: false } => end,
            _ => memchr(BEL, &input[..end]).unwrap_or(end),
        };
        if self.state == State::Osc {
            self.hold(&input[..end], terminal);
        }
        let Some(&last) = input.get(end) else { return end };
        if last == ESC {
            // What is held waits for the byte behind: `\` ends the string, any other cuts it off.
            self.state = State::Escape;
            return end + 1;
        }
        if last == BEL {
            terminal.window.string(&self.held);
        }
        self.release();
        self.state = State::Text;
        end + 1
    }

    /// Holds more of an OSC string, or gives it up when it grows too long.
    fn hold(&mut self, text: &[u8], terminal: &mut Terminal) {
        // What the string is for stands in its first bytes, however they are cut.
        let missing = CLIPBOARD.len().saturating_sub(self.held.len()).min(text.len());
        let (beginning, text) = text.split_at(missing);
        self.held.extend_from_slice(beginning);
        let bound = if self.held.starts_with(CLIPBOARD) { clipboard::STRING_BYTES } else { STRING_BYTES };
        if self.held.len() + text.len() <= bound {
            self.held.extend_from_slice(text);
            return;
        }
        terminal.window.dropped(&self.held);
        self.release();
        self.state = State::Swallow { bell_ends: true };
    }

    /// Forgets what is held, and its memory if it was much.
    fn release(&mut self) {
        self.held.clear();
        if self.held.capacity() > 2 * SEQUENCE_BYTES {
            self.held = Vec::new();
        }
    }

    /// One byte after ESC.
    fn sequence(&mut self, byte: u8, terminal: &mut Terminal) {
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
            0x00..=0x1f => terminal.control(byte),
            0x7f.. => {}
            _ => match self.state {
                State::Control => self.control(byte, terminal),
                State::EscapeMore(first) if byte >= 0x30 => {
                    self.state = State::Text;
                    match (first, byte) {
                        (b'#', b'8') => terminal.align(),
                        (slot, name) => terminal.designate(slot, name),
                    }
                }
                State::EscapeMore(_) => self.state = State::EscapeMore(0),
                _ => self.escape(byte, terminal),
            },
        }
    }

    /// The byte behind ESC.
    fn escape(&mut self, byte: u8, terminal: &mut Terminal) {
        // Only an OSC leaves something held: this ESC was the beginning of its terminator, or cut it off.
        if byte == b'\\' {
            terminal.window.string(&self.held);
        }
        self.release();
        self.characters.begin();
        self.state = match byte {
            b'[' => State::Control,
            b']' => State::Osc,
            b'P' | b'X' | b'^' | b'_' => State::Swallow { bell_ends: false },
            0x20..=0x2f => State::EscapeMore(byte),
            _ => State::Text,
        };
        match byte {
            b'7' => terminal.save_cursor(),
            b'8' => terminal.restore_cursor(),
            b'=' | b'>' => terminal.set_keypad(byte == b'='),
            b'D' => terminal.index(),
            b'E' => terminal.next_line(),
            b'H' => terminal.set_tab(),
            b'M' => terminal.reverse_index(),
            b'c' => terminal.reset(),
            _ => {}
        }
    }

    /// One byte of a control sequence.
    fn control(&mut self, byte: u8, terminal: &mut Terminal) {
        if byte < 0x40 {
            // One more than fits marks the sequence as too long.
            if self.held.len() <= SEQUENCE_BYTES {
                self.held.push(byte);
            }
            return;
        }
        self.state = State::Text;
        if self.held.len() <= SEQUENCE_BYTES
            && let Some(sequence) = Sequence::parse(&self.held, byte)
        {
            terminal.sequence(sequence);
        }
        self.release();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pane::history::{History, HistoryLimit};
    use crate::size::Size;

    fn terminal() -> Terminal {
        Terminal::new(Size::new(3, 20), History::new(HistoryLimit::default()))
    }

    /// What is seen of the first row.
    fn seen(input: &str) -> String {
        let mut terminal = terminal();
        Parser::default().feed(input.as_bytes(), &mut terminal);
        let face = terminal.face();
        let row: String = face.rows[0].slots().iter().map(|slot| slot.text(face.clusters)).collect();
        row.trim_end().to_owned()
    }

    #[test]
    fn only_text_is_seen() {
        for (input, row) in [
            ("plain é 語 e\u{301}", "plain é 語 e\u{301}"),
            ("\x1b[1;31mred\x1b[m", "red"),
            ("\x1b(B\x1b%G\x1bZ\x1bkname\x1b\\", "name"),
            ("a\u{9b}31mb\u{9d}0;x\u{9c}\u{85}", "a31mb0;x"),
            ("8\u{fe0f}\u{200d}\u{202e}\u{feff}x\u{fffd}", "8x?"),
            ("\x1b]52;c;aGk=\x07\x1b]8;;http://x\x1b\\link", "link"),
            ("\x1bPq#0;2;0\x1b\\\x1b_Gi=1\x1b\\\x1b^pm\x1b\\\x1bXsos\x1b\\ok", "ok"),
            ("\x1bPstring\x18ok\x1b]0;x\x1aok", "okok"),
            ("\x1b[3\r1mx\x1b[5\x18ok\x1b[7\x1b[8m", "xok"),
            ("\x1b[????1hx\x1b[1 $py", "xy"),
            ("\x1bP\x07x\x1b\\y\x1b]\x07z", "yz"),
        ] {
            assert_eq!(seen(input), row, "{input:?}");
        }
        let many = format!("\x1b[{}m", "1;".repeat(SEQUENCE_BYTES));
        assert_eq!(seen(&(many + "ok")), "ok");
    }

    #[test]
    fn boxes_are_drawn() {
        for (input, row) in [
            ("\x1b(0lqk\x1b(B lqk", "┌─┐ lqk"),
            ("\x1b)0a\x0ex x\x0fx", "a│ │x"),
            ("\x1b(0é_tX~\u{2500}\x1b(B~", "é ├X·─~"),
            ("\x1b(0\x1b7\x1b(Bq\x1b8q", "─"),
            ("\x1b(0\x1bcq", "q"),
            ("\x1b(A\x1b*0\x1b($0q", "q"),
            ("\x1b[\x0e1m\x1b)0q\x1b[2b", "───"),
        ] {
            assert_eq!(seen(input), row, "{input:?}");
        }
    }

    #[test]
    fn strings_that_are_cut_off_say_nothing() {
        for input in
            ["\x1b]2;cut\x18", "\x1b]2;cut\x1b[m", "\x1b]2;cut", "\x1b]2;cut\x1b]0", "\x1bP2;cut\x1b\\"]
        {
            let mut terminal = terminal();
            Parser::default().feed(input.as_bytes(), &mut terminal);
            assert_eq!(terminal.window.title(), "", "{input:?}");
        }
    }

    #[test]
    fn a_string_without_an_end_holds_no_memory() {
        for start in ["\x1b]2;", "\x1bP", "\x1b_", "\x1b^", "\x1bX", "\x1b[1;", "\x1b]52;c;"] {
            let (mut parser, mut terminal) = (Parser::default(), terminal());
            parser.feed(start.as_bytes(), &mut terminal);
            let mut peak = 0;
            for _ in 0..1000 {
                parser.feed(&[b'1'; 4096], &mut terminal);
                peak = peak.max(parser.held_bytes());
            }
            let bound = if start.contains("52") { 2 * clipboard::STRING_BYTES } else { 4 * STRING_BYTES };
            assert!(peak <= bound, "{start:?}: {peak}");
            parser.feed(b"\x07\x1b\\\x1b[2J\x1b[Hok", &mut terminal);
            assert!(parser.held_bytes() <= 3 * STRING_BYTES, "{start:?}");
            assert_eq!(terminal.face().rows[0].slots()[0].text(terminal.face().clusters), "o", "{start:?}");
        }
    }
}
