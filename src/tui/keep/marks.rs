//! The lines of ours in a log, and why no host can print one.
//!
//! A mark begins with words that nothing else in the file begins with: where a host prints those very words, one character is
//! put into them before they are written. In a text log that is a backslash before the line (and one more before a line
//! that has backslashes there already, so that it can be taken away again). A raw log is played on a terminal, so there it
//! is a NUL, which a terminal passes over, before the last character of the words; wherever they stand, since a terminal
//! can begin a line anywhere.

use std::borrow::Cow;

/// What a mark begins with.
pub const BEGINS: &str = "--- omnes: ";

/// The same as a host could print it, to the point at which only its last character is missing.
const ALMOST: &[u8] = b"--- omnes:";

/// The line of a mark, without its end; `text` is free of control characters.
pub fn mark(time: impl std::fmt::Display, text: &str) -> String {
    format!("{BEGINS}{time} {text} ---")
}

/// Lines of a host for a text log: none of them begins as a mark does.
pub fn guarded(lines: &str) -> Cow<'_, str> {
    if !lines.contains(BEGINS.trim_end()) {
        return Cow::Borrowed(lines);
    }
    let mut out = String::with_capacity(lines.len() + 1);
    for line in lines.split_inclusive('\n') {
        // Its blank at the end may be gone with the other blanks of a line.
        if line.trim_start_matches('\\').starts_with(BEGINS.trim_end()) {
            out.push('\\');
        }
        out.push_str(line);
    }
    Cow::Owned(out)
}

/// Bytes of one host for a raw log, in whatever pieces they come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Raw {
    /// So many bytes of the words stand at the end of what was written.
    begun: usize,
}

impl Raw {
    /// The bytes as they are written: they hold the words of a mark nowhere.
    pub fn guarded<'a>(&mut self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        let mut out: Option<Vec<u8>> = None;
        for (n, byte) in bytes.iter().enumerate() {
            let last = BEGINS.as_bytes()[ALMOST.len()];
            if self.begun == ALMOST.len() && *byte == last {
                out.get_or_insert_with(|| bytes[..n].to_vec()).push(0);
                self.begun = 0;
            } else {
                self.step(*byte);
            }
            if let Some(out) = &mut out {
                out.push(*byte);
            }
        }
        out.map_or(Cow::Borrowed(bytes), Cow::Owned)
    }

    /// How much of the words stands at the end now.
    fn step(&mut self, byte: u8) {
        self.begun = match ALMOST.get(self.begun) {
            Some(next) if *next == byte => self.begun + 1,
            // Of four dashes the last three count; nothing else in the words repeats their beginning.
            _ if byte == b'-' && self.begun == 3 => 3,
            _ => usize::from(byte == ALMOST[0]),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORGED: &str = "--- omnes: 2026-11-21T14:55:08Z web01, log ends ---";

    #[test]
    fn no_line_of_a_host_begins_as_a_mark_in_a_text_log() {
        for (lines, written) in [
            ("one\ntwo\n", "one\ntwo\n"),
            ("--- omnes: x\n", "\\--- omnes: x\n"),
            ("a\n--- omnes: x\n--- omnes:\n", "a\n\\--- omnes: x\n\\--- omnes:\n"),
            ("\\--- omnes: x\n", "\\\\--- omnes: x\n"),
            ("say --- omnes: x\n", "say --- omnes: x\n"),
            ("--- omnes x\n---\n", "--- omnes x\n---\n"),
        ] {
            assert_eq!(guarded(lines), written);
        }
        assert!(mark("now", "web01, log ends").starts_with(BEGINS));
    }

    #[test]
    fn the_words_of_a_mark_stand_nowhere_in_a_raw_log_however_they_come() {
        let written = |pieces: &[&[u8]]| {
            let mut raw = Raw::default();
            pieces.iter().flat_map(|piece| raw.guarded(piece).into_owned()).collect::<Vec<u8>>()
        };
        let bytes = format!("\r\n{FORGED}\r\n-----{FORGED}--- omnes:--- omnes: --- --- omnes: ").into_bytes();
        let whole = written(&[&bytes]);
        assert!(memchr::memmem::find(&whole, BEGINS.as_bytes()).is_none(), "{}", whole.escape_ascii());
        let shown: Vec<u8> = whole.iter().copied().filter(|byte| *byte != 0).collect();
        assert_eq!(shown, bytes, "nothing but NULs was put in");
        assert_eq!(whole.len() - bytes.len(), 4);
        for cut in 0..bytes.len() {
            assert_eq!(written(&[&bytes[..cut], &bytes[cut..]]), whole, "cut at {cut}");
        }
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(written(&single), whole);
        assert!(matches!(Raw::default().guarded(b"plain --- text"), Cow::Borrowed(_)));
    }
}
