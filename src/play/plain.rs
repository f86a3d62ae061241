//! What a terminal was told, as text: lines without what only a terminal acts on. Pure.
//!
//! Theory: a line goes out when it has ended, as it looked then: what a carriage return or a backspace wrote over is
//! gone, escape sequences are left out. A line without any of these is passed on byte by byte.

/// The longest line that is waited for, in bytes; a longer one goes out in pieces.
const LINE: usize = 64 * 1024;

const ESC: u8 = 0x1b;

/// Bytes to lines.
#[derive(Debug, Default)]
pub struct Lines {
    line: Vec<u8>,
}

impl Lines {
    /// Takes bytes, and gives back the lines that have ended, each with `\n`.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(piece);
            if piece.ends_with(b"\n") || self.line.len() > LINE {
                push(&mut out, &self.line);
                self.line.clear();
            }
        }
        out
    }

    /// The last line, if it has no end, with one.
    pub fn finish(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        let line = std::mem::take(&mut self.line);
        push(&mut out, &line);
        if !out.is_empty() && !out.ends_with(b"\n") {
            out.push(b'\n');
        }
        out
    }
}

/// All of it as text for a pattern; where the cursor was moved, a line ends.
pub fn text(bytes: &[u8]) -> String {
    let mut out = Vec::new();
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        push(&mut out, line);
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn push(out: &mut Vec<u8>, line: &[u8]) {
    let (text, end): (&[u8], &[u8]) = match line.strip_suffix(b"\n") {
        Some(text) => (text.strip_suffix(b"\r").unwrap_or(text), b"\n"),
        None => (line, b""),
    };
    match text.iter().all(|byte| !is_control(*byte)) {
        true => out.extend_from_slice(text),
        false => out.extend_from_slice(drawn(text).as_bytes()),
    }
    out.extend_from_slice(end);
}

fn is_control(byte: u8) -> bool {
    byte != b'\t' && (byte < b' ' || byte == 0x7f)
}

/// One line as it looks when it was written to its end.
fn drawn(line: &[u8]) -> String {
    let mut shown = String::new();
    let mut cells: Vec<char> = Vec::new();
    let mut at = 0;
    let mut rest = line;
    while let Some(&byte) = rest.first() {
        if byte == ESC {
            let (length, act) = sequence(rest);
            match act {
                Act::Erase => cells.truncate(at),
                Act::Move if !cells.is_empty() => {
                    shown.extend(cells.drain(..));
                    shown.push('\n');
                    at = 0;
                }
                Act::Move | Act::Nothing => {}
            }
            rest = &rest[length..];
            continue;
        }
        if is_control(byte) {
            match byte {
                b'\r' => at = 0,
                0x08 => at = at.saturating_sub(1),
                _ => {}
            }
            rest = &rest[1..];
            continue;
        }
        let end = rest.iter().position(|byte| is_control(*byte)).unwrap_or(rest.len());
        for c in String::from_utf8_lossy(&rest[..end]).chars() {
            match cells.get_mut(at) {
                Some(cell) => *cell = c,
                None => cells.push(c),
            }
            at += 1;
        }
        rest = &rest[end..];
    }
    shown.extend(cells);
    shown
}

/// What a sequence does to the line it stands in.
enum Act {
    Nothing,
    /// What stands behind the cursor goes.
    Erase,
    /// The cursor goes somewhere else.
    Move,
}

/// The length of the sequence that begins here, and what it does.
fn sequence(bytes: &[u8]) -> (usize, Act) {
    match bytes.get(1) {
        Some(b'[') => {
            let final_at = bytes.iter().skip(2).position(|byte| matches!(byte, 0x40..=0x7e));
            let Some(end) = final_at.map(|at| at + 2) else { return (bytes.len(), Act::Nothing) };
            let act = match bytes[end] {
                b'K' if matches!(&bytes[2..end], b"" | b"0") => Act::Erase,
                b'A' | b'B' | b'E' | b'F' | b'H' | b'd' | b'f' => Act::Move,
                _ => Act::Nothing,
            };
            (end + 1, act)
        }
        Some(b']' | b'P' | b'X' | b'^' | b'_') => {
            let end = bytes.iter().enumerate().skip(2).find_map(|(at, byte)| match byte {
                0x07 => Some(at + 1),
                b'\\' if bytes[at - 1] == ESC => Some(at + 1),
                _ => None,
            });
            (end.unwrap_or(bytes.len()), Act::Nothing)
        }
        Some(0x20..=0x2f) => (bytes.len().min(3), Act::Nothing),
        Some(_) => (2, Act::Nothing),
        None => (1, Act::Nothing),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_as_they_looked_when_they_ended() {
        for (bytes, expected) in [
            (&b"one\r\ntwo\n"[..], "one\ntwo\n"),
            (b"10 %\r100 %\r\n", "100 %\n"),
            (b"abc\r\x1b[Kx\r\n", "x\n"),
            (b"\x1b[01;34mdir\x1b[0m\tx\r\n", "dir\tx\n"),
            (b"ab\x08\x08xy\r\n", "xy\n"),
            (b"\x1b]0;title\x07a\x1b]8;;u\x1b\\b\x1b(B\r\n", "ab\n"),
            (b"\x07bell\r\n", "bell\n"),
            (b"open", "open\n"),
            (b"\x1b[", ""),
            (b"", ""),
        ] {
            let mut lines = Lines::default();
            let mut out = lines.feed(bytes);
            out.extend(lines.finish());
            assert_eq!(String::from_utf8_lossy(&out), expected);
        }
    }

    #[test]
    fn bytes_that_are_no_text_pass_and_pieces_do_not_matter() {
        let bytes = b"\xff\xfe plain\n\x1b[1mbold\x1b[m\n";
        let mut lines = Lines::default();
        let out: Vec<u8> = bytes.iter().flat_map(|byte| lines.feed(&[*byte])).collect();
        assert_eq!(out, b"\xff\xfe plain\nbold\n");
        let mut lines = Lines::default();
        assert!(lines.feed(&vec![b'x'; LINE + 1]).len() > LINE, "a line without end is not kept");
    }

    #[test]
    fn a_screen_that_is_drawn_falls_into_lines() {
        let drawn = b"\x1b[?1049h\x1b[2J\x1b[1;1Hfirst\x1b[24;1H\"motd\" 3L, 5B\x1b[1;1H";
        assert_eq!(text(drawn), "first\n\"motd\" 3L, 5B\n");
    }
}
