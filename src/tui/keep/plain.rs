//! A host's output as lines of text, the way a terminal would show them.
//!
//! This is no screen: a line is written once, when it is complete, so what a program does to a line before its end is
//! done here too (a progress bar is one line), and what it does to lines above is not. A program that takes the whole
//! screen is one line that says so.

use std::mem;

use unicode_width::UnicodeWidthChar;

use super::utf8::Utf8;
use crate::escape;

/// Columns of the longest line; what is longer goes on in the next one.
const LONGEST: usize = 4_096;

/// Marks on one character that are kept.
const MARKS: usize = 8;

/// Longest parameters of a sequence, in characters; what has longer ones does nothing.
const PARAMETERS: usize = 48;

/// Longest title or other text for a terminal that is waited for, in characters.
const STRING: usize = 4_096;

/// What stands for a program that takes the whole screen.
pub const FULL_SCREEN: &str = "[full-screen program]";

/// One column of the line.
#[derive(Clone, Debug)]
enum Cell {
    /// A character and the marks on it.
    Shown(char, String),
    /// The second half of a wide character.
    Half,
}

impl Cell {
    const BLANK: Cell = Cell::Shown(' ', String::new());
}

/// Where we are in a sequence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Ground,
    Escape,
    /// One more character belongs to the sequence.
    Designates,
    Csi,
    /// A text for the terminal, with its length so far.
    String(usize),
}

/// Which screen the host shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Shows {
    #[default]
    Lines,
    Program,
}

/// The line that is being written, and where in the stream we are.
#[derive(Debug, Default)]
pub struct Plain {
    utf8: Utf8,
    state: State,
    parameters: String,
    shows: Shows,
    line: Vec<Cell>,
    column: usize,
    /// Complete lines.
    out: String,
}

impl Plain {
    /// The lines that these bytes complete, each with its end; free of control characters.
    pub fn feed(&mut self, bytes: &[u8]) -> String {
        let text = self.utf8.feed(bytes);
        text.chars().for_each(|c| self.take(c));
        mem::take(&mut self.out)
    }

    /// What is left when no more comes; the next line begins anew.
    pub fn end(&mut self) -> String {
        let rest = self.utf8.end();
        rest.chars().for_each(|c| self.take(c));
        self.break_line();
        let out = mem::take(&mut self.out);
        *self = Plain::default();
        out
    }

    fn take(&mut self, c: char) {
        match (self.state, c) {
            (_, '\x18' | '\x1a') => self.state = State::Ground,
            (_, '\x1b') => self.state = State::Escape,
            (State::Ground, _) => self.shown(c),
            (State::Escape, _) => self.escape(c),
            (State::Designates, _) => self.state = State::Ground,
            (State::Csi, _) => self.csi(c),
            (State::String(_), '\x07' | '\u{9c}') => self.state = State::Ground,
            (State::String(STRING), _) => self.state = State::Ground,
            (State::String(n), _) => self.state = State::String(n + 1),
        }
    }

    fn shown(&mut self, c: char) {
        if self.shows == Shows::Program {
            return;
        }
        match c {
            '\n' | '\x0b' | '\x0c' => self.end_line(),
            '\r' => self.column = 0,
            '\x08' => self.column = self.column.saturating_sub(1),
            '\t' => self.column = (self.column / 8 + 1) * 8,
            c if c.is_control() => {}
            c => self.put(c),
        }
    }

    fn escape(&mut self, c: char) {
        self.state = match c {
            '[' => {
                self.parameters.clear();
                State::Csi
            }
            ']' | 'P' | 'X' | '^' | '_' => State::String(0),
            ' ' | '#' | '%' | '(' | ')' | '*' | '+' | '-' | '.' | '/' => State::Designates,
            _ => State::Ground,
        };
        match c {
            'D' | 'E' if self.shows == Shows::Lines => self.end_line(),
            'M' if self.shows == Shows::Lines => self.break_line(),
            'c' => {
                self.break_line();
                self.shows = Shows::Lines;
            }
            _ => {}
        }
    }

    fn csi(&mut self, c: char) {
        match c {
            '\x20'..='\x3f' if self.parameters.len() <= PARAMETERS => self.parameters.push(c),
            '\x20'..='\x3f' => {}
            '\x40'..='\x7e' => {
                self.state = State::Ground;
                let parameters = mem::take(&mut self.parameters);
                if parameters.len() <= PARAMETERS {
                    self.sequence(&parameters, c);
                }
                self.parameters = parameters;
            }
            // A control character in a sequence acts as if it stood before it.
            c if c.is_control() => self.shown(c),
            _ => self.state = State::Ground,
        }
    }

    fn sequence(&mut self, parameters: &str, last: char) {
        if let (Some(modes), 'h' | 'l') = (parameters.strip_prefix('?'), last) {
            let alternate = |mode: &str| matches!(mode, "47" | "1047" | "1049");
            if modes.split(';').any(alternate) {
                self.change_screen(last);
            }
            return;
        }
        let plain = |c: char| c.is_ascii_digit() || c == ';';
        if self.shows == Shows::Program || !parameters.chars().all(plain) {
            return;
        }
        let number = |n: usize| parameters.split(';').nth(n).and_then(|p| p.parse::<usize>().ok());
        let first = number(0).unwrap_or(0);
        let count = first.clamp(1, LONGEST);
        match last {
            'K' => self.erase(first),
            'J' if first == 0 => self.erase(0),
            'J' => self.break_line(),
            'C' | 'a' => self.column += count,
            'D' => self.column = self.column.saturating_sub(count),
            'G' | '`' => self.column = count - 1,
            'P' => self.delete(count),
            '@' => self.insert(count),
            'X' => self.blank(self.column, self.column + count),
            'H' | 'f' => self.go(number(1).unwrap_or(1).clamp(1, LONGEST) - 1),
            'A' | 'B' | 'd' => self.go(self.column),
            'E' | 'F' => self.go(0),
            _ => {}
        }
        self.column = self.column.min(LONGEST);
    }

    fn change_screen(&mut self, last: char) {
        let shows = if last == 'h' { Shows::Program } else { Shows::Lines };
        if self.shows == Shows::Lines && shows == Shows::Program {
            self.break_line();
            self.out.push_str(FULL_SCREEN);
            self.out.push('\n');
        }
        self.shows = shows;
        self.column = 0;
    }

    fn put(&mut self, c: char) {
        let wide = c.width().unwrap_or(0);
        if wide == 0 {
            return self.mark(c);
        }
        if self.column + wide > LONGEST {
            self.end_line();
        }
        let end = self.column + wide;
        if self.line.len() < end {
            self.line.resize(end, Cell::BLANK);
        }
        self.blank(self.column, end);
        self.line[self.column] = Cell::Shown(c, String::new());
        if wide == 2 {
            self.line[self.column + 1] = Cell::Half;
        }
        self.column = end;
    }

    /// A mark belongs to the character before the cursor.
    fn mark(&mut self, c: char) {
        let before = self.line.iter_mut().take(self.column).rev();
        let cell = before.take(2).find_map(|cell| match cell {
            Cell::Shown(_, marks) => Some(marks),
            Cell::Half => None,
        });
        if let Some(marks) = cell
            && marks.chars().count() < MARKS
        {
            marks.push(c);
        }
    }

    /// Blanks from one column to another, and the halves of wide characters that are left at the borders.
    fn blank(&mut self, from: usize, to: usize) {
        let to = to.min(self.line.len());
        if from >= to {
            return;
        }
        if from > 0 && matches!(self.line[from], Cell::Half) {
            self.line[from - 1] = Cell::BLANK;
        }
        if matches!(self.line.get(to), Some(Cell::Half)) {
            self.line[to] = Cell::BLANK;
        }
        self.line[from..to].fill(Cell::BLANK);
    }

    fn erase(&mut self, what: usize) {
        match what {
            0 => {
                self.blank(self.column, self.line.len());
                self.line.truncate(self.column);
            }
            1 => self.blank(0, self.column + 1),
            _ => self.line.clear(),
        }
    }

    fn delete(&mut self, count: usize) {
        let end = (self.column + count).min(self.line.len());
        if self.column < end {
            self.blank(self.column, end);
            self.line.drain(self.column..end);
        }
    }

    fn insert(&mut self, count: usize) {
        if self.column < self.line.len() {
            self.blank(self.column, self.column);
            let count = count.min(LONGEST - self.line.len().min(LONGEST));
            self.line.splice(self.column..self.column, std::iter::repeat_n(Cell::BLANK, count));
        }
    }

    /// The cursor goes to another row, where we do not know what stands.
    fn go(&mut self, column: usize) {
        self.break_line();
        self.column = column;
    }

    /// Writes the line, if anything stands in it.
    fn break_line(&mut self) {
        let blank = |cell: &Cell| matches!(cell, Cell::Shown(' ', marks) if marks.is_empty());
        if self.line.iter().all(blank) {
            self.line.clear();
            self.column = 0;
        } else {
            self.end_line();
        }
    }

    fn end_line(&mut self) {
        let mut text = String::with_capacity(self.line.len());
        for cell in self.line.drain(..) {
            if let Cell::Shown(c, marks) = cell {
                text.push(c);
                text.push_str(&marks);
            }
        }
        self.out.push_str(&escape::line(text.trim_end().as_bytes()));
        self.out.push('\n');
        self.column = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> String {
        let mut plain = Plain::default();
        let out = plain.feed(text.as_bytes());
        out + &plain.end()
    }

    #[test]
    fn lines_are_what_a_terminal_would_show() {
        for (text, expected) in [
            ("one\r\ntwo\r\n", "one\ntwo\n"),
            ("one\n\n", "one\n\n"),
            ("no end", "no end\n"),
            ("\x1b[1;31mred\x1b[0m \x1b[38;5;3mx\x1b[m\n", "red x\n"),
            ("\x1b]0;title\x07prompt$ \x1b]2;t\x1b\\ls\n", "prompt$ ls\n"),
            ("10%\r50%\r100% done\n", "100% done\n"),
            ("long text\rab\x1b[K\n", "ab\n"),
            ("abc\x08\x08X\n", "aXc\n"),
            ("pass\x08\x1b[K\x08\x1b[Kx\n", "pax\n"),
            ("abcdef\x1b[3D\x1b[P\x1b[@Z\n", "abcZef\n"),
            ("a\tb\n", "a       b\n"),
            ("\x1b[5Cx\x1b[2Gy\n", " y   x\n"),
            ("%                    \r \r$ \n", "$\n"),
            ("語語\r\x1b[Cx\n", " x語\n"),
            ("e\u{301}\u{301}!\n", "e\u{301}\u{301}!\n"),
            ("top\x1b[H\x1b[2Jcleared\n", "top\ncleared\n"),
            ("before\x1b[?1049hvim\r\n~\r\n\x1b[?1049lafter\n", "before\n[full-screen program]\nafter\n"),
            ("\x1b[?25l\x1b[?2004hx\x1b[?2004l\n", "x\n"),
            ("\x1b(B\x1b=x\x1bPq#0;2\x1b\\y\x07\n", "xy\n"),
            ("\x1b[1;2", ""),
            ("a\u{202e}b\u{9b}31m\n", "a\\u{202e}b31m\n"),
            ("nul\0x\n", "nulx\n"),
        ] {
            assert_eq!(plain(text), expected, "{text:?}");
        }
    }

    #[test]
    fn every_cut_gives_the_same_lines() {
        let text = "1\x1b[31m2é\r\x1b]0;t\x07x\n\x1b[?1049h~\x1b[?1049l語\x08\x08e\u{301}\r\n".as_bytes();
        let mut whole = Plain::default();
        let expected = whole.feed(text) + &whole.end();
        for cut in 0..text.len() {
            let mut plain = Plain::default();
            let lines = plain.feed(&text[..cut]) + &plain.feed(&text[cut..]) + &plain.end();
            assert_eq!(lines, expected, "{cut}");
        }
    }

    #[test]
    fn nothing_a_host_prints_makes_a_line_without_bound() {
        let long = plain(&"x".repeat(3 * LONGEST));
        assert!(long.lines().all(|line| line.len() == LONGEST) && long.lines().count() == 3);
        let mut bounded = Plain::default();
        for text in
            ["\x1b[9999999C", "x\x1b[99999@", "e\u{301}", "\x1b]0;", "\x1b[", "9;9;", "\t", "語\x1b[1K"]
        {
            assert!(
                bounded.feed(text.repeat(20_000).as_bytes()).lines().all(|line| line.len() <= 3 * LONGEST)
            );
            assert!(bounded.line.len() <= LONGEST && bounded.parameters.len() <= PARAMETERS + 1);
            bounded.feed(b"\x18");
        }
    }

    /// Whatever comes, what a log holds acts on nobody's terminal.
    #[test]
    fn noise_becomes_text_that_does_not_act() {
        let mut seed = 1u64;
        let mut next = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) as usize
        };
        let parts: [&[u8]; 12] = [
            b"\x1b[",
            b"\x1b]",
            b"31",
            b";",
            b"m",
            b"K",
            b"\r",
            b"\n",
            "語é".as_bytes(),
            b"\x9b\xff",
            b"\x1b[2P",
            b"@D",
        ];
        let mut plain = Plain::default();
        for _ in 0..20_000 {
            let text = plain.feed(parts[next() % parts.len()]);
            assert!(text.chars().all(|c| c == '\n' || !escape::acts(c)), "{text:?}");
        }
    }
}
