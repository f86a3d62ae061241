//! From the bytes of the user's terminal to keys, pastes and mouse events.
//!
//! Our own reader instead of crossterm's, for three reasons: crossterm waits for ever, and grows without bound, on a paste
//! whose end never comes; it takes an ESC at the edge of a read for the Escape key and lets the rest through as letters;
//! and it blocks for two seconds on a terminal that does not answer who it is. Pure: whoever reads the terminal feeds
//! the bytes, and calls [`Decoder::flush`] when nothing more has come for a moment. They may be a password, so they are
//! wiped as they are taken.

use std::fmt;

use zeroize::Zeroizing;

use super::event::{Hidden, Length};
use crate::pane::{FocusChange, Key, KeyCode, Mods, MouseButton, MouseEvent, MouseKind};
use crate::scrubbed::Scrubbed;

/// A paste is kept up to this length and one byte more, which tells that it was longer; the rest is counted out. No paste
/// of this length can be sent, so nothing is lost but memory.
const PASTE_BYTES: usize = 64 * 1024;

/// Longest sequence that is waited for; a longer one is none of ours and is dropped.
const SEQUENCE_BYTES: usize = 4096;

const PASTE_BEGIN: &[u8] = b"\x1b[200~";
const PASTE_END: &[u8] = b"\x1b[201~";

/// What the user's terminal said.
/// It may be a secret, of which a log shows the size.
#[derive(Clone, PartialEq, Eq)]
pub enum Input {
    /// A key.
    Key(Key),
    /// A paste; it is wiped when it goes.
    Paste(Zeroizing<String>),
    /// The mouse, in cells of the screen.
    Mouse(MouseEvent),
    /// The terminal gained or lost the focus.
    Focus(FocusChange),
    /// The terminal knows the kitty keyboard protocol.
    KnowsKitty,
}

/// Takes bytes in any pieces.
#[derive(Debug, Default)]
pub struct Decoder {
    rest: Scrubbed,
    paste: Option<Scrubbed>,
}

/// What stands at the beginning of some bytes.
enum Parsed {
    /// Something, and how many bytes it took.
    Some(Option<Input>, usize),
    /// The beginning of a paste, and how many bytes it took.
    Paste(usize),
    /// More bytes are needed.
    Incomplete,
}

impl Decoder {
    /// Takes bytes; returns what they complete.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Input> {
        self.rest.extend(bytes);
        let mut inputs = Vec::new();
        let mut at = 0;
        while at < self.rest.len() {
            if let Some(paste) = &mut self.paste {
                let (taken, ended) = take_paste(paste, &self.rest[at..]);
                at += taken;
                if !ended {
                    break;
                }
                inputs.extend(self.end_paste());
                continue;
            }
            match parse(&self.rest[at..]) {
                Parsed::Some(input, taken) => {
                    inputs.extend(input);
                    at += taken;
                }
                Parsed::Paste(taken) => {
                    self.paste = Some(Scrubbed::default());
                    at += taken;
                }
                Parsed::Incomplete => break,
            }
        }
        self.rest.consume(at);
        inputs
    }

    /// Is something unfinished, that [`Decoder::flush`] would end?
    pub fn is_waiting(&self) -> bool {
        self.paste.is_some() || !self.rest.is_empty()
    }

    /// Is a paste under way? Its pieces may come slowly.
    pub fn is_pasting(&self) -> bool {
        self.paste.is_some()
    }

    /// Nothing more has come: a paste ends as it is, a lone ESC was the Escape key.
    pub fn flush(&mut self) -> Vec<Input> {
        if let Some(paste) = &mut self.paste {
            paste.extend(&self.rest);
            self.rest = Scrubbed::default();
            return self.end_paste().into_iter().collect();
        }
        let rest = std::mem::take(&mut self.rest);
        let alt = |c| Input::Key(Key::new(KeyCode::Char(char::from(c)), Mods::ALT));
        match &*rest {
            [0x1b] => vec![Input::Key(Key::new(KeyCode::Esc, Mods::NONE))],
            [0x1b, c @ (b'[' | b'O' | b']' | b'P' | b'_')] => vec![alt(*c)],
            _ => Vec::new(),
        }
    }

    fn end_paste(&mut self) -> Option<Input> {
        let paste = self.paste.take()?;
        Some(Input::Paste(text_of(&paste)))
    }
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Input::Key(key) => f.debug_tuple("Key").field(&Hidden(*key)).finish(),
            Input::Paste(text) => f.debug_tuple("Paste").field(&Length(text.len())).finish(),
            Input::Mouse(mouse) => f.debug_tuple("Mouse").field(mouse).finish(),
            Input::Focus(change) => f.debug_tuple("Focus").field(change).finish(),
            Input::KnowsKitty => f.write_str("KnowsKitty"),
        }
    }
}

/// Bytes as text, what is no UTF-8 as U+FFFD. The room is there from the beginning, so that growing leaves no copy behind.
fn text_of(bytes: &[u8]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(bytes.len() * 3));
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            text.push(char::REPLACEMENT_CHARACTER);
        }
    }
    text
}

/// Moves what belongs to a paste; returns how many bytes were taken, and whether its end was among them.
fn take_paste(paste: &mut Scrubbed, bytes: &[u8]) -> (usize, bool) {
    let end = paste_end(bytes);
    // A piece of the end marker may stand at the edge.
    let edge = (1..PASTE_END.len()).rev().find(|n| bytes.ends_with(&PASTE_END[..*n])).unwrap_or(0);
    let text = &bytes[..end.unwrap_or(bytes.len() - edge)];
    let room = (PASTE_BYTES + 1).saturating_sub(paste.len());
    paste.extend(&text[..text.len().min(room)]);
    match end {
        Some(at) => (at + PASTE_END.len(), true),
        None => (text.len(), false),
    }
}

/// Where the end marker of a paste stands. Some terminals (tmux's paste-buffer among them) let an end marker through that
/// stands in the pasted text itself, and what follows it would act as if it were typed. So of several ends that come at
/// once it is the last, unless the next paste begins directly behind one.
fn paste_end(bytes: &[u8]) -> Option<usize> {
    let mut end = memchr::memmem::find(bytes, PASTE_END)?;
    loop {
        let behind = end + PASTE_END.len();
        match memchr::memmem::find(&bytes[behind..], PASTE_END) {
            Some(next) if !bytes[behind..].starts_with(PASTE_BEGIN) => end = behind + next,
            _ => return Some(end),
        }
    }
}

fn parse(bytes: &[u8]) -> Parsed {
    match bytes {
        [0x1b] => Parsed::Incomplete,
        [0x1b, b'[', b'[', rest @ ..] => linux_function_key(rest),
        [0x1b, b'[', b'M', rest @ ..] if rest.len() < 3 => Parsed::Incomplete,
        // The old form of mouse events, which is never asked for: its bytes must not become keys.
        [0x1b, b'[', b'M', ..] => Parsed::Some(None, 6),
        [0x1b, b'[', rest @ ..] => csi(rest),
        [0x1b, b'O'] => Parsed::Incomplete,
        [0x1b, b'O', last, ..] => Parsed::Some(ss3(*last), 3),
        [0x1b, b']' | b'P' | b'_', rest @ ..] => string(rest),
        [0x1b, 0x1b, ..] => Parsed::Some(Some(Input::Key(Key::new(KeyCode::Esc, Mods::NONE))), 1),
        [0x1b, rest @ ..] => character(rest, Mods::ALT, 1),
        _ => character(bytes, Mods::NONE, 0),
    }
}

/// One character, with what stood before it.
fn character(bytes: &[u8], mods: Mods, before: usize) -> Parsed {
    let len = match bytes.first() {
        Some(0xc2..=0xdf) => 2,
        Some(0xe0..=0xef) => 3,
        Some(0xf0..=0xf4) => 4,
        _ => 1,
    };
    match std::str::from_utf8(&bytes[..len.min(bytes.len())]) {
        Ok(text) => {
            let key = text.chars().next().map(|c| Input::Key(Key::new(KeyCode::Char(c), mods)));
            Parsed::Some(key, before + len)
        }
        Err(error) if error.error_len().is_none() => Parsed::Incomplete,
        Err(_) => Parsed::Some(None, before + 1),
    }
}

/// An answer of the terminal that is a string (OSC, DCS, APC); not one is asked for.
fn string(bytes: &[u8]) -> Parsed {
    let bell = memchr::memchr(0x07, bytes).map(|at| at + 1);
    let st = memchr::memmem::find(bytes, b"\x1b\\").map(|at| at + 2);
    match bell.into_iter().chain(st).min() {
        Some(len) => Parsed::Some(None, len + 2),
        None if bytes.len() > SEQUENCE_BYTES => Parsed::Some(None, bytes.len() + 2),
        None => Parsed::Incomplete,
    }
}

/// F1 to F5 of the Linux console: `ESC [ [ A`.
fn linux_function_key(rest: &[u8]) -> Parsed {
    match rest.first() {
        None => Parsed::Incomplete,
        Some(last @ b'A'..=b'E') => Parsed::Some(key(KeyCode::F(last - b'A' + 1), Mods::NONE), 4),
        Some(_) => Parsed::Some(None, 4),
    }
}

fn ss3(last: u8) -> Option<Input> {
    let code = match last {
        b'M' => KeyCode::Enter,
        b'j'..=b'y' => KeyCode::Char(char::from(last - 0x40)),
        _ => letter(last)?,
    };
    key(code, Mods::NONE)
}

/// The keys named by the last letter of a sequence.
fn letter(last: u8) -> Option<KeyCode> {
    Some(match last {
        b'A' => KeyCode::Up,
        b'B' => KeyCode::Down,
        b'C' => KeyCode::Right,
        b'D' => KeyCode::Left,
        b'F' => KeyCode::End,
        b'H' => KeyCode::Home,
        b'P'..=b'S' => KeyCode::F(last - b'P' + 1),
        b'Z' => KeyCode::BackTab,
        _ => return None,
    })
}

fn key(code: KeyCode, mods: Mods) -> Option<Input> {
    Some(Input::Key(Key::new(code, mods)))
}

/// A control sequence: parameters, then a last byte from `@` to `~`.
fn csi(rest: &[u8]) -> Parsed {
    let Some(len) = rest.iter().position(|b| (0x40..=0x7e).contains(b)) else {
        return if rest.len() > SEQUENCE_BYTES {
            Parsed::Some(None, rest.len() + 2)
        } else {
            Parsed::Incomplete
        };
    };
    let taken = len + 3;
    let Ok(text) = std::str::from_utf8(&rest[..len]) else { return Parsed::Some(None, taken) };
    match (rest[len], text) {
        (b'~', "200") => Parsed::Paste(taken),
        (last, text) => Parsed::Some(sequence(last, text), taken),
    }
}

fn sequence(last: u8, text: &str) -> Option<Input> {
    if let Some(mouse) = text.strip_prefix('<') {
        return sgr_mouse(mouse, last);
    }
    if text.starts_with('?') {
        return (last == b'u').then_some(Input::KnowsKitty);
    }
    let fields: Vec<Vec<u32>> =
        text.split(';').map(|field| field.split(':').map(|n| n.parse().unwrap_or(0)).collect()).collect();
    let field = |n: usize, part: usize| fields.get(n).and_then(|f| f.get(part)).copied();
    let mods = mods(field(1, 0).unwrap_or(1));
    // Releases are reported only where they are asked for; they are never keys.
    if field(1, 1) == Some(3) {
        return None;
    }
    match last {
        b'I' if text.is_empty() => Some(Input::Focus(FocusChange::Gained)),
        b'O' if text.is_empty() => Some(Input::Focus(FocusChange::Lost)),
        b'u' => kitty(field(0, 0)?, field(0, 1), mods),
        b'~' if field(0, 0) == Some(27) => kitty(field(2, 0)?, None, mods),
        b'~' => key(numbered(field(0, 0)?)?, mods),
        last => key(letter(last)?, mods),
    }
}

/// xterm's and kitty's number for modifiers: one more than their bits.
fn mods(number: u32) -> Mods {
    let bits = number.saturating_sub(1);
    Mods { shift: bits & 1 != 0, alt: bits & 2 != 0, ctrl: bits & 4 != 0 }
}

/// The keys of `CSI number ~`.
fn numbered(number: u32) -> Option<KeyCode> {
    Some(match number {
        1 | 7 => KeyCode::Home,
        2 => KeyCode::Insert,
        3 => KeyCode::Delete,
        4 | 8 => KeyCode::End,
        5 => KeyCode::PageUp,
        6 => KeyCode::PageDown,
        11..=15 => KeyCode::F(number as u8 - 10),
        17..=21 => KeyCode::F(number as u8 - 11),
        23..=26 => KeyCode::F(number as u8 - 12),
        28 | 29 => KeyCode::F(number as u8 - 13),
        31..=34 => KeyCode::F(number as u8 - 14),
        _ => return None,
    })
}

/// A key of the kitty keyboard protocol: the character it would make, the one it makes with Shift, or a private number.
fn kitty(code: u32, shifted: Option<u32>, mods: Mods) -> Option<Input> {
    const KEYPAD: [char; 18] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '.', '/', '*', '-', '+', '\r', '=', ','];
    const KEYPAD_NAMED: [KeyCode; 10] = [
        KeyCode::Left,
        KeyCode::Right,
        KeyCode::Up,
        KeyCode::Down,
        KeyCode::PageUp,
        KeyCode::PageDown,
        KeyCode::Home,
        KeyCode::End,
        KeyCode::Insert,
        KeyCode::Delete,
    ];
    match code {
        57376..=57387 => key(KeyCode::F((code - 57376) as u8 + 13), mods),
        57399..=57416 => key(KeyCode::Char(KEYPAD[(code - 57399) as usize]), mods),
        57417..=57426 => key(KEYPAD_NAMED[(code - 57417) as usize], mods),
        // Modifiers and media keys of their own: nothing to send.
        0xe000..=0xf8ff => None,
        _ => {
            let shifted = shifted.filter(|c| mods.shift && !mods.ctrl && *c != 0);
            key(KeyCode::Char(char::from_u32(shifted.unwrap_or(code))?), mods)
        }
    }
}

/// `CSI < buttons ; column ; row M` (or `m` for a release).
fn sgr_mouse(text: &str, last: u8) -> Option<Input> {
    let mut numbers = text.split(';').map(|n| n.parse::<u16>().ok());
    let (buttons, col, row) = (numbers.next()??, numbers.next()??, numbers.next()??);
    let button = match buttons & 3 {
        0 => Some(MouseButton::Left),
        1 => Some(MouseButton::Middle),
        2 => Some(MouseButton::Right),
        _ => None,
    };
    let kind = match (buttons & (64 | 32), last) {
        (64, b'M') => [MouseKind::WheelUp, MouseKind::WheelDown, MouseKind::WheelLeft, MouseKind::WheelRight]
            [usize::from(buttons & 3)],
        (32, b'M') => button.map_or(MouseKind::Moved, MouseKind::Drag),
        (0, b'M') => MouseKind::Down(button?),
        (0, b'm') => MouseKind::Up(button?),
        _ => return None,
    };
    let mods = Mods { shift: buttons & 4 != 0, alt: buttons & 8 != 0, ctrl: buttons & 16 != 0 };
    Some(Input::Mouse(MouseEvent { kind, row: row.checked_sub(1)?, col: col.checked_sub(1)?, mods }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(bytes: &[u8]) -> String {
        let mut decoder = Decoder::default();
        let mut inputs = decoder.feed(bytes);
        inputs.extend(decoder.flush());
        let show = |input| match input {
            Input::Key(key) => key.to_string(),
            other => format!("{other:?}"),
        };
        inputs.into_iter().map(show).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn keys_of_many_terminals() {
        for (bytes, expected) in [
            (&b"aZ1"[..], "a Z 1"),
            ("é日".as_bytes(), "é 日"),
            (b"\r\t\x7f\x01\x1a", "Enter Tab Backspace C-a C-z"),
            (b"\x1b[A\x1bOB\x1b[1;5C\x1b[1;3D\x1b[Z", "Up Down C-Right M-Left S-Tab"),
            (b"\x1b[H\x1b[4~\x1b[1~\x1bOF\x1b[5~\x1b[3;5~", "Home End Home End PageUp C-Delete"),
            (b"\x1bOP\x1b[15~\x1b[24;2~\x1b[[B\x1b[1;2R\x1b[11~", "F1 F5 S-F12 F2 S-F3 F1"),
            (b"\x1b", "Esc"),
            (b"\x1bx\x1b\x1b[A\x1b\r", "M-x Esc Up M-Enter"),
            (b"\x1b[", "M-["),
            (
                b"\x1b[97;5u\x1b[27u\x1b[13;5u\x1b[49:33;4u\x1b[97;5:3u\x1b[57414u\x1b[57441u",
                "C-a Esc C-Enter M-! Enter",
            ),
            (b"\x1b[27;5;13~", "C-Enter"),
            (b"\x1b[I\x1b[O", "Focus(Gained) Focus(Lost)"),
            (b"\x1b[?0u\x1b[?62;22cx", "KnowsKitty x"),
            (b"\x1b]11;rgb:0/0/0\x07a\x1bP1+r\x1b\\b", "a b"),
            (b"\xff\xc3(", "("),
            (b"\x1b[99X\x1b[Mabcq", "q"),
        ] {
            assert_eq!(keys(bytes), expected, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn mouse_events() {
        let of = |bytes: &[u8]| match Decoder::default().feed(bytes).as_slice() {
            [Input::Mouse(mouse)] => (mouse.kind, mouse.col, mouse.row),
            other => panic!("{other:?}"),
        };
        assert_eq!(of(b"\x1b[<0;10;5M"), (MouseKind::Down(MouseButton::Left), 9, 4));
        assert_eq!(of(b"\x1b[<2;10;5m"), (MouseKind::Up(MouseButton::Right), 9, 4));
        assert_eq!(of(b"\x1b[<32;1;1M"), (MouseKind::Drag(MouseButton::Left), 0, 0));
        assert_eq!(of(b"\x1b[<35;1;1M"), (MouseKind::Moved, 0, 0));
        assert_eq!(of(b"\x1b[<65;1;1M"), (MouseKind::WheelDown, 0, 0));
        assert_eq!(Decoder::default().feed(b"\x1b[<0;0;0M"), []);
    }

    #[test]
    fn pieces_of_any_size_give_the_same() {
        let bytes = "a\x1b[1;5Cé\x1b[200~two\nlines\x1b[201~\x1bx\x1b[<0;3;4Mz".as_bytes();
        let whole = Decoder::default().feed(bytes);
        assert_eq!(whole.len(), 7);
        for size in 1..bytes.len() {
            let mut decoder = Decoder::default();
            let pieces: Vec<Input> = bytes.chunks(size).flat_map(|piece| decoder.feed(piece)).collect();
            assert_eq!(pieces, whole, "in pieces of {size}");
        }
    }

    #[test]
    fn an_end_marker_inside_a_paste_does_not_end_it() {
        let of = |bytes: &[u8]| Decoder::default().feed(bytes);
        let paste = |text: &str| Input::Paste(text.to_owned().into());
        assert_eq!(of(b"\x1b[200~a\x1b[201~\rrm\r\x1b[201~"), [paste("a\x1b[201~\rrm\r")]);
        assert_eq!(
            of(b"\x1b[200~a\x1b[201~\rrm\r\x1b[200~b\x1b[201~"),
            [paste("a\x1b[201~\rrm\r\x1b[200~b")],
            "nor with a beginning behind it"
        );
        assert_eq!(of(b"\x1b[200~a\x1b[201~\x1b[200~b\x1b[201~"), [paste("a"), paste("b")]);
        assert_eq!(of(b"\x1b[200~a\x1b[201~b"), [paste("a"), Input::Key(Key::char('b'))]);
    }

    #[test]
    fn a_paste_without_an_end_is_bounded_and_ends_when_nothing_more_comes() {
        let mut decoder = Decoder::default();
        assert_eq!(decoder.feed(b"\x1b[200~abc"), []);
        assert!(decoder.is_pasting());
        assert_eq!(decoder.flush(), [Input::Paste("abc".to_owned().into())]);
        assert!(!decoder.is_waiting());
        decoder.feed(b"\x1b[200~");
        for _ in 0..100 {
            decoder.feed(&[b'x'; 10_000]);
        }
        let inputs = decoder.feed(b"\x1b[201~y");
        assert!(matches!(&inputs[0], Input::Paste(text) if text.len() == PASTE_BYTES + 1));
        assert_eq!(inputs[1], Input::Key(Key::char('y')));
    }

    #[test]
    fn no_bytes_make_it_fail_or_wait_without_end() {
        let mut seed = 1u64;
        let mut decoder = Decoder::default();
        for _ in 0..20_000 {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let pool = b"\x1b[<;:?0129~uMmAOP]\x07\xc3\xffx";
            decoder.feed(&[pool[(seed >> 40) as usize % pool.len()]]);
            assert!(decoder.rest.len() <= SEQUENCE_BYTES + 8);
        }
    }
}
