//! What a host receives for a key, as xterm sends it under the modes of that host's terminal.
//!
//! The remote TERM is `xterm-256color`, so terminfo's `kcuu1`, `kf5` and the rest must name the bytes produced here.

use std::fmt::Write;
use std::ops::Deref;

use super::key::{Key, KeyCode, Mods};
use super::modes::Modes;

/// The longest encoding: a mouse event in SGR form with two five-digit numbers.
const CAPACITY: usize = 24;

/// The bytes of one key or mouse event, held inline because a broadcast makes one per pane.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Encoded {
    bytes: [u8; CAPACITY],
    len: u8,
}

impl Encoded {
    pub(super) fn new() -> Encoded {
        Encoded { bytes: [0; CAPACITY], len: 0 }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        let from = usize::from(self.len);
        self.bytes[from..from + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len() as u8;
    }

    pub(super) fn push_char(&mut self, c: char) {
        self.push(c.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

impl Write for Encoded {
    fn write_str(&mut self, s: &str) -> std::fmt::Result {
        self.push(s.as_bytes());
        Ok(())
    }
}

impl Deref for Encoded {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

impl std::fmt::Debug for Encoded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.escape_ascii())
    }
}

/// The bytes of a key for a terminal in these modes; never empty.
pub fn encode_key(key: Key, modes: &Modes) -> Encoded {
    let mods = key.mods();
    let mut out = Encoded::new();
    match key.code() {
        KeyCode::Char(c) => text(&mut out, c, mods),
        KeyCode::Enter => single(&mut out, b'\r', mods),
        KeyCode::Tab => single(&mut out, b'\t', mods),
        KeyCode::Esc => single(&mut out, 0x1b, mods),
        KeyCode::Backspace => single(&mut out, if mods.ctrl { 0x08 } else { 0x7f }, mods),
        KeyCode::BackTab => {
            meta(&mut out, mods);
            out.push(b"\x1b[Z");
        }
        KeyCode::Up => cursor(&mut out, 'A', mods, modes),
        KeyCode::Down => cursor(&mut out, 'B', mods, modes),
        KeyCode::Right => cursor(&mut out, 'C', mods, modes),
        KeyCode::Left => cursor(&mut out, 'D', mods, modes),
        KeyCode::Home => cursor(&mut out, 'H', mods, modes),
        KeyCode::End => cursor(&mut out, 'F', mods, modes),
        KeyCode::Insert => tilde(&mut out, 2, mods),
        KeyCode::Delete => tilde(&mut out, 3, mods),
        KeyCode::PageUp => tilde(&mut out, 5, mods),
        KeyCode::PageDown => tilde(&mut out, 6, mods),
        // terminfo's kf13 to kf24 are Shift with F1 to F12.
        KeyCode::F(n @ 13..) => function(&mut out, n - 12, Mods { shift: true, ..mods }),
        KeyCode::F(n) => function(&mut out, n, mods),
    }
    out
}

fn meta(out: &mut Encoded, mods: Mods) {
    if mods.alt {
        out.push(b"\x1b");
    }
}

fn single(out: &mut Encoded, byte: u8, mods: Mods) {
    meta(out, mods);
    out.push(&[byte]);
}

/// A character; with Ctrl the control character it makes on a terminal, or itself where it makes none.
fn text(out: &mut Encoded, c: char, mods: Mods) {
    meta(out, mods);
    match mods.ctrl.then(|| control(c)).flatten() {
        Some(byte) => out.push(&[byte]),
        None => out.push_char(c),
    }
}

/// What Ctrl makes of a character: the letters, the six signs after `Z`, and the digits that stand for them on keyboards
/// where those signs need Shift.
fn control(c: char) -> Option<u8> {
    Some(match c {
        'a'..='z' => c as u8 & 0x1f,
        '@' | ' ' | '2' => 0x00,
        '[' | '3' => 0x1b,
        '\\' | '4' => 0x1c,
        ']' | '5' => 0x1d,
        '^' | '~' | '6' => 0x1e,
        '_' | '/' | '7' => 0x1f,
        '?' | '8' => 0x7f,
        _ => return None,
    })
}

/// xterm's number for held modifiers: one more than a bit each for Shift, Alt and Ctrl.
fn number(mods: Mods) -> u8 {
    1 + u8::from(mods.shift) + 2 * u8::from(mods.alt) + 4 * u8::from(mods.ctrl)
}

fn cursor(out: &mut Encoded, letter: char, mods: Mods, modes: &Modes) {
    match (mods.is_empty(), modes.application_cursor) {
        (true, true) => out.push(b"\x1bO"),
        (true, false) => out.push(b"\x1b["),
        (false, _) => sequence(out, format_args!("\x1b[1;{}", number(mods))),
    }
    out.push_char(letter);
}

fn tilde(out: &mut Encoded, n: u8, mods: Mods) {
    match mods.is_empty() {
        true => sequence(out, format_args!("\x1b[{n}~")),
        false => sequence(out, format_args!("\x1b[{n};{}~", number(mods))),
    }
}

fn function(out: &mut Encoded, n: u8, mods: Mods) {
    match n {
        1..=4 => {
            let letter = char::from(b'P' + n - 1);
            match mods.is_empty() {
                true => sequence(out, format_args!("\x1bO{letter}")),
                false => sequence(out, format_args!("\x1b[1;{}{letter}", number(mods))),
            }
        }
        5 => tilde(out, 15, mods),
        // The numbers skip 16 and 22, as on a VT220 keyboard with its gaps between groups of keys.
        6..=10 => tilde(out, n + 11, mods),
        _ => tilde(out, n + 12, mods),
    }
}

pub(super) fn sequence(out: &mut Encoded, args: std::fmt::Arguments<'_>) {
    out.write_fmt(args).expect("writing into memory cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(notation: &str, modes: &Modes) -> String {
        let key: Key = notation.parse().unwrap_or_else(|e| panic!("{e}"));
        encode_key(key, modes).escape_ascii().to_string()
    }

    #[test]
    fn keys_are_sent_as_xterm_sends_them() {
        let modes = Modes::default();
        for (key, bytes) in [
            ("a", "a"),
            ("A", "A"),
            ("é", "\\xc3\\xa9"),
            ("M-x", "\\x1bx"),
            ("M-é", "\\x1b\\xc3\\xa9"),
            ("C-a", "\\x01"),
            ("C-S-a", "\\x01"),
            ("C-z", "\\x1a"),
            ("C-M-a", "\\x1b\\x01"),
            ("C-Space", "\\x00"),
            ("C-@", "\\x00"),
            ("C-[", "\\x1b"),
            ("C-\\", "\\x1c"),
            ("C-]", "\\x1d"),
            ("C-^", "\\x1e"),
            ("C-_", "\\x1f"),
            ("C-/", "\\x1f"),
            ("C-?", "\\x7f"),
            ("C-1", "1"),
            ("C-é", "\\xc3\\xa9"),
            ("Enter", "\\r"),
            ("M-Enter", "\\x1b\\r"),
            ("Tab", "\\t"),
            ("S-Tab", "\\x1b[Z"),
            ("Esc", "\\x1b"),
            ("M-Esc", "\\x1b\\x1b"),
            ("Backspace", "\\x7f"),
            ("C-Backspace", "\\x08"),
            ("M-Backspace", "\\x1b\\x7f"),
            ("Up", "\\x1b[A"),
            ("C-Up", "\\x1b[1;5A"),
            ("M-Left", "\\x1b[1;3D"),
            ("C-M-Left", "\\x1b[1;7D"),
            ("S-End", "\\x1b[1;2F"),
            ("Home", "\\x1b[H"),
            ("Insert", "\\x1b[2~"),
            ("Delete", "\\x1b[3~"),
            ("C-Delete", "\\x1b[3;5~"),
            ("PageUp", "\\x1b[5~"),
            ("C-M-S-PageDown", "\\x1b[6;8~"),
        ] {
            assert_eq!(sent(key, &modes), bytes, "{key}");
        }
    }

    #[test]
    fn function_keys_follow_terminfo() {
        let modes = Modes::default();
        let numbers = [(5, 15), (6, 17), (7, 18), (8, 19), (9, 20), (10, 21), (11, 23), (12, 24)];
        for (n, number) in numbers {
            assert_eq!(sent(&format!("F{n}"), &modes), format!("\\x1b[{number}~"));
            assert_eq!(sent(&format!("F{}", n + 12), &modes), format!("\\x1b[{number};2~"));
        }
        for (n, letter) in [(1, 'P'), (2, 'Q'), (3, 'R'), (4, 'S')] {
            assert_eq!(sent(&format!("F{n}"), &modes), format!("\\x1bO{letter}"));
            assert_eq!(sent(&format!("F{}", n + 12), &modes), format!("\\x1b[1;2{letter}"));
        }
        assert_eq!(sent("S-F5", &modes), "\\x1b[15;2~");
        assert_eq!(sent("C-F13", &modes), "\\x1b[1;6P");
    }

    #[test]
    fn application_mode_changes_only_bare_cursor_keys() {
        let modes = Modes { application_cursor: true, application_keypad: true, ..Modes::default() };
        for (key, bytes) in [
            ("Up", "\\x1bOA"),
            ("Left", "\\x1bOD"),
            ("Home", "\\x1bOH"),
            ("End", "\\x1bOF"),
            ("C-Up", "\\x1b[1;5A"),
            ("PageUp", "\\x1b[5~"),
            ("Enter", "\\r"),
        ] {
            assert_eq!(sent(key, &modes), bytes, "{key}");
        }
    }
}
