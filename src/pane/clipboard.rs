//! What a host asks to be put into the user's clipboard (OSC 52).
//!
//! A pane only collects it: whether it is put anywhere is for the user to allow, per pane. Questions for what the clipboard
//! holds (`52;c;?`) are never answered and leave no trace here.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// The most a host may offer, in bytes once decoded; more is dropped and counted.
pub const CLIPBOARD_BYTES: usize = 100_000;

/// The longest OSC string that can hold so much: its number, the names of selections, and base64.
pub(super) const STRING_BYTES: usize = CLIPBOARD_BYTES.div_ceil(3) * 4 + 32;

/// Some programs leave the padding out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Text that a host offers to the clipboard: exactly what it sent (what is not UTF-8 replaced), at most
/// [`CLIPBOARD_BYTES`] of it. Control characters stand in it as they came, so it is escaped before it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClipboardWrite(pub String);

/// What an OSC 52 asks for, its number apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Write(ClipboardWrite),
    /// More than is taken.
    TooMuch,
    /// A question, a request to empty the clipboard, or nothing that can be understood.
    Nothing,
}

/// Reads `SELECTIONS;DATA`. Whichever selection is meant, there is one clipboard here.
pub(super) fn asked(string: &[u8]) -> Asked {
    let Some(at) = memchr::memchr(b';', string) else { return Asked::Nothing };
    match BASE64.decode(&string[at + 1..]) {
        Ok(bytes) if bytes.is_empty() => Asked::Nothing,
        Ok(bytes) if bytes.len() > CLIPBOARD_BYTES => Asked::TooMuch,
        Ok(bytes) => Asked::Write(ClipboardWrite(String::from_utf8_lossy(&bytes).into_owned())),
        Err(_) => Asked::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_text_to_be_written_is_understood() {
        let write = |text: &str| Asked::Write(ClipboardWrite(text.to_owned()));
        for (string, expected) in [
            (&b"c;aGVsbG8="[..], write("hello")),
            (b";aGVsbG8", write("hello")),
            (b"pc;w6kK", write("é\n")),
            (b"c;/w==", write("\u{fffd}")),
            (b"c;?", Asked::Nothing),
            (b"c;", Asked::Nothing),
            (b"c;!", Asked::Nothing),
            (b"aGVsbG8=", Asked::Nothing),
        ] {
            assert_eq!(asked(string), expected, "{}", string.escape_ascii());
        }
        let full = |bytes: usize| [b"c;", BASE64.encode(vec![b'x'; bytes]).as_bytes()].concat();
        assert_eq!(asked(&full(CLIPBOARD_BYTES)), write(&"x".repeat(CLIPBOARD_BYTES)));
        assert_eq!(asked(&full(CLIPBOARD_BYTES + 1)), Asked::TooMuch);
        assert!(full(CLIPBOARD_BYTES).len() <= STRING_BYTES);
    }
}
