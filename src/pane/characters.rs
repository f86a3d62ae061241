//! Which characters of a host may reach its screen.
//!
//! The emulator must show what the outer terminal will show, cell for cell. So characters that hide, join or reorder others
//! are left out (U+FE0F would even make the emulator panic), the C1 controls do not act, a pile of combining marks is cut,
//! and bytes that are not UTF-8 become `?`, one for each maximal part, since the emulator would drop them and shift the
//! rest of the line. Only whole characters are passed on, however the bytes were cut.

use unicode_width::UnicodeWidthChar as _;

/// Combining marks after one character; more are dropped.
const MARKS: u8 = 6;

/// The characters of one stream of text.
#[derive(Clone, Debug, Default)]
pub(super) struct Characters {
    /// A character under way.
    partial: [u8; 4],
    partial_len: usize,
    /// Combining marks since the last character that takes room.
    marks: u8,
}

impl Characters {
    /// Whether the next byte must be offered to [`Characters::finish`].
    pub(super) fn is_unfinished(&self) -> bool {
        self.partial_len > 0
    }

    /// Notes that something else stood between this text and the next.
    pub(super) fn begin(&mut self) {
        self.marks = 0;
    }

    /// Passes text on; a character that its end cuts off is kept.
    pub(super) fn pass(&mut self, text: &[u8], out: &mut Vec<u8>) {
        if text.is_ascii() {
            self.marks = 0;
            out.extend_from_slice(text);
            return;
        }
        let mut left = text.len();
        for chunk in text.utf8_chunks() {
            self.checked(chunk.valid(), out);
            left -= chunk.valid().len() + chunk.invalid().len();
            let broken = chunk.invalid();
            if left == 0 && begins_character(broken) {
                self.partial[..broken.len()].copy_from_slice(broken);
                self.partial_len = broken.len();
            } else if !broken.is_empty() {
                self.broken(out);
            }
        }
    }

    /// Adds a byte to the character under way and says how many bytes it took: none if the byte does not belong to it.
    pub(super) fn finish(&mut self, byte: u8, out: &mut Vec<u8>) -> usize {
        self.partial[self.partial_len] = byte;
        let bytes = self.partial;
        let bytes = &bytes[..=self.partial_len];
        match std::str::from_utf8(bytes) {
            Ok(character) => {
                self.partial_len = 0;
                self.checked(character, out);
                1
            }
            Err(_) if begins_character(bytes) => {
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
    fn checked(&mut self, text: &str, out: &mut Vec<u8>) {
        let mut from = 0;
        for (at, c) in text.char_indices() {
            let replacement = match self.fate(c) {
                Fate::Pass => continue,
                Fate::Drop => "",
                Fate::Replace(with) => with,
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
            return match c {
                '\u{80}'..='\u{9f}' => Fate::Drop,
                // Hosts count a column for the soft hyphen, the emulator none.
                '\u{ad}' => Fate::Replace("-"),
                _ => Fate::Pass,
            };
        }
        if is_unseen(c) {
            return Fate::Drop;
        }
        if c.width() != Some(0) {
            self.marks = 0;
            return if c == char::REPLACEMENT_CHARACTER { Fate::Replace("?") } else { Fate::Pass };
        }
        self.marks = self.marks.saturating_add(1);
        if self.marks > MARKS { Fate::Drop } else { Fate::Pass }
    }
}

enum Fate {
    Pass,
    Drop,
    Replace(&'static str),
}

/// Whether these bytes begin a character that more bytes could finish.
fn begins_character(bytes: &[u8]) -> bool {
    matches!(std::str::from_utf8(bytes), Err(e) if e.error_len().is_none())
}

/// Characters that take no cell of their own and change how a terminal shows their neighbours, so that what is seen would
/// not be what the cells say: variation selectors, joiners, marks of direction, fillers, tags.
fn is_unseen(c: char) -> bool {
    matches!(c,
        '\u{fe00}'..='\u{fe0f}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{61c}'
        | '\u{180b}'..='\u{180f}'
        | '\u{3164}'
        | '\u{ffa0}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(input: impl AsRef<[u8]>) -> String {
        let (mut characters, mut out, mut rest) = (Characters::default(), Vec::new(), input.as_ref());
        // In pieces of seven bytes, so that most characters are cut somewhere.
        while !rest.is_empty() {
            let (piece, later) = rest.split_at(rest.len().min(7));
            if characters.is_unfinished() {
                rest = &rest[characters.finish(rest[0], &mut out)..];
            } else {
                characters.pass(piece, &mut out);
                rest = later;
            }
        }
        String::from_utf8(out).expect("only whole characters pass").escape_debug().to_string()
    }

    #[test]
    fn bytes_that_are_not_utf8_become_one_mark_each() {
        for (input, output) in [
            (&b"caf\xe9!"[..], "caf?!"),
            (b"\xff\xfe", "??"),
            (b"\xe2\x80\nx", "?\\nx"),
            (b"\xf0\x9f\x98\xf0\x9f\x98\x80", "?😀"),
            (b"\xc0\xaf\xed\xa0\x80", "?????"),
            (b"\x9b31m", "?31m"),
        ] {
            assert_eq!(passed(input), output, "{input:?}");
        }
    }

    #[test]
    fn what_would_make_the_screen_lie_is_left_out() {
        for (input, output) in [
            ("a\u{9b}31mb\u{85}", "a31mb"),
            ("8\u{fe0f}x\u{fe0e}", "8x"),
            ("\u{202e}live\u{2066}\u{200b}\u{feff}", "live"),
            ("👩\u{200d}👧", "👩👧"),
            ("co\u{ad}op \u{3164}\u{e0041}", "co-op "),
            ("é 語 ö \u{fffd}", "é 語 ö ?"),
        ] {
            assert_eq!(passed(input), output, "{input:?}");
        }
    }

    #[test]
    fn combining_marks_have_a_limit() {
        let flood = "a".to_owned() + &"\u{301}".repeat(10_000) + "b\u{301}";
        assert_eq!(passed(flood).chars().count(), 1 + usize::from(MARKS) + 2);
    }
}
