//! The escaper: the only way, besides a pane, by which remote text reaches the user's terminal.
//!
//! A host that is hostile may send control sequences, C1 controls in either encoding, bidirectional overrides or bytes
//! that are not UTF-8. All of them become visible text here; what is printable stays as it is.

use std::fmt::Write;

/// Escapes bytes for one line of a terminal: only printable characters and tabs are left.
///
/// Control characters become `^X`, everything else that is not printable `\u{..}`, bytes that are not UTF-8 `\xNN`.
/// Line ends are the caller's business: `\n` becomes `^J` too.
pub fn line(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        chunk.valid().chars().for_each(|c| push(&mut out, c));
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out
}

/// Escapes text that came from a host for a sentence of ours, cut to at most `limit` characters.
pub fn text(text: &str, limit: usize) -> String {
    let mut out = String::new();
    for (n, c) in text.trim().chars().enumerate() {
        if n == limit {
            out.push('…');
            break;
        }
        match c {
            '\n' | '\r' | '\t' => out.push(' '),
            c => push(&mut out, c),
        }
    }
    out
}

/// Why something of the system did not work, in its own words without the number: `No such file or directory`.
pub fn reason(error: &dyn std::fmt::Display) -> String {
    let said = error.to_string();
    let numbered = said.rsplit_once(" (os error ");
    let words =
        numbered.filter(|(_, number)| number.trim_end_matches(')').bytes().all(|b| b.is_ascii_digit()));
    words.map_or(said.as_str(), |(words, _)| words).to_owned()
}

/// Would a terminal act on this character, or show something else than it says?
pub fn acts(c: char) -> bool {
    c.is_ascii_control() || is_deceptive(c)
}

fn push(out: &mut String, c: char) {
    match c {
        '\t' => out.push('\t'),
        '\0'..='\x1f' => {
            out.push('^');
            out.push(char::from(c as u8 + 0x40));
        }
        '\x7f' => out.push_str("^?"),
        c if is_deceptive(c) => {
            let _ = write!(out, "\\u{{{:x}}}", c as u32);
        }
        c => out.push(c),
    }
}

/// C1 controls, and characters that change the order of others or cannot be seen.
fn is_deceptive(c: char) -> bool {
    matches!(c,
        '\u{80}'..='\u{9f}'
        | '\u{ad}'
        | '\u{61c}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_gives_its_reasons_without_numbers() {
        for (said, told) in [
            ("No such file or directory (os error 2)", "No such file or directory"),
            ("it is not a plain file", "it is not a plain file"),
            ("odd (os error x)", "odd (os error x)"),
        ] {
            assert_eq!(reason(&said), told);
        }
    }

    #[test]
    fn nothing_that_acts_is_left() {
        assert_eq!(line(b"a\x1b[2Jb\x07\r\n"), "a^[[2Jb^G^M^J");
        assert_eq!(line("é\u{9b}x\u{202e}y".as_bytes()), "é\\u{9b}x\\u{202e}y");
        assert_eq!(line(b"\xff\tok"), "\\xff\tok");
        assert_eq!(text(" two\nlines\x1b ", 40), "two lines^[");
        assert_eq!(text("abcdef", 3), "abc…");
    }

    #[test]
    fn every_single_byte_is_safe() {
        for byte in 0..=255u8 {
            let shown = line(&[byte]);
            assert!(shown.chars().all(|c| c == '\t' || !c.is_control()), "{byte}");
        }
    }
}
