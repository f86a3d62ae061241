//! Pastes: what they hold, what is taken out of them, and what a host receives.
//!
//! A paste that carries the end marker of bracketed paste would leave the brackets and be executed, so the markers are
//! taken out in both their forms, until none is left that the removal of another put together.

use zeroize::Zeroizing;

use super::modes::Modes;

const START: &str = "\x1b[200~";
const END: &str = "\x1b[201~";
/// The markers in all their spellings: CSI is `ESC [`, or the single C1 character U+009B.
const MARKERS: [&str; 4] = [START, END, "\u{9b}200~", "\u{9b}201~"];

/// What a paste holds, for the question whether to send it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct PasteShape {
    /// Lines; a trailing line end does not begin another.
    pub lines: usize,
    /// Control characters other than tab and line ends, C1 included.
    pub control_bytes: usize,
    /// Length in bytes.
    pub bytes: usize,
}

/// Looks at a paste as the user made it, before anything is taken out.
pub fn inspect(text: &str) -> PasteShape {
    let breaks = memchr::memchr2_iter(b'\n', b'\r', text.as_bytes()).count() - text.matches("\r\n").count();
    let ends_open = !text.is_empty() && !text.ends_with(['\n', '\r']);
    PasteShape {
        lines: breaks + usize::from(ends_open),
        control_bytes: text.chars().filter(|&c| is_control(c)).count(),
        bytes: text.len(),
    }
}

fn is_control(c: char) -> bool {
    c.is_control() && !matches!(c, '\t' | '\n' | '\r')
}

/// Takes out the paste markers and every C1 character, to a fixed point; all else stays.
pub fn clean(text: &str) -> String {
    let unmarked = Zeroizing::new(without_markers(text.chars()));
    // Without its C1 characters the rest may close up to a marker; a second pass over text without C1 is the last.
    without_markers(unmarked.chars().filter(|c| !('\u{80}'..='\u{9f}').contains(c)))
}

/// Takes out every control character too, tab and line ends apart, for a user who wants the text alone.
pub fn printable(text: &str) -> String {
    clean(text).chars().filter(|&c| !is_control(c)).collect()
}

/// Removes each marker at the moment its last character arrives, so that what it separated is looked at again.
/// Linear, where repeated removal would take a pass for each level of nesting.
fn without_markers(text: impl Iterator<Item = char>) -> String {
    // As much as it may become, so that growing leaves no copy behind: it may be a secret.
    let mut out = String::with_capacity(text.size_hint().1.unwrap_or(0));
    for c in text {
        out.push(c);
        let marker = MARKERS.iter().find(|marker| c == '~' && out.ends_with(**marker));
        out.truncate(out.len() - marker.map_or(0, |marker| marker.len()));
    }
    out
}

/// The bytes of a paste for a terminal in these modes, cleaned: in brackets if the host asked for them, otherwise with
/// line ends as the Enter key sends them.
pub fn encode_paste(text: &str, modes: &Modes) -> Vec<u8> {
    let text = Zeroizing::new(clean(text));
    match modes.bracketed_paste {
        true => [START, &text, END].concat().into_bytes(),
        false => Zeroizing::new(text.replace("\r\n", "\r")).replace('\n', "\r").into_bytes(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bracketed() -> Modes {
        Modes { bracketed_paste: true, ..Modes::default() }
    }

    #[test]
    fn lines_and_controls_are_counted() {
        for (text, lines, control_bytes) in [
            ("", 0, 0),
            ("one", 1, 0),
            ("one\n", 1, 0),
            ("one\ntwo", 2, 0),
            ("one\r\ntwo\r\n", 2, 0),
            ("one\rtwo\rthree", 3, 0),
            ("a\tb\x1b\x03\u{9b}\x7f", 1, 4),
        ] {
            let shape = inspect(text);
            assert_eq!(
                (shape.lines, shape.control_bytes, shape.bytes),
                (lines, control_bytes, text.len()),
                "{text:?}"
            );
        }
    }

    #[test]
    fn markers_and_c1_go_to_a_fixed_point() {
        for (text, left) in [
            ("ls\x1b[201~\nrm", "ls\nrm"),
            ("\x1b[20\x1b[201~1~rm", "rm"),
            ("\x1b[2\x1b[20\x1b[200~1~01~rm", "rm"),
            ("\u{9b}201~rm", "rm"),
            ("\x1b\u{9b}[201~rm", "rm"),
            ("\x1b[\u{9b}201~201~rm", "rm"),
            ("\u{9b}\u{9b}200~201~rm", "rm"),
            ("\x1b\u{80}[\u{81}20\u{9b}201~1~rm", "rm"),
            ("\u{9b}31mred", "31mred"),
            ("keep\ttab\nand \x1b[31m", "keep\ttab\nand \x1b[31m"),
        ] {
            assert_eq!(clean(text), left, "{text:?}");
            assert_eq!(clean(&clean(text)), clean(text), "{text:?}");
        }
        assert_eq!(printable("a\x1b[31m\tb\n\x07"), "a[31m\tb\n");
    }

    #[test]
    fn deep_nesting_is_taken_apart_in_one_pass() {
        let depth = 150_000;
        let text = format!("{}{}rm", "\x1b[20".repeat(depth), "1~".repeat(depth));
        assert_eq!(clean(&text), "rm");
    }

    #[test]
    fn no_mix_of_marker_pieces_survives() {
        let pieces = ["\x1b", "[", "20", "0", "1", "~", "\u{9b}", "\u{85}", "x"];
        let mut seed = 7u64;
        for _ in 0..20_000 {
            let text: String = (0..24)
                .map(|_| {
                    seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                    pieces[(seed >> 33) as usize % pieces.len()]
                })
                .collect();
            let cleaned = clean(&text);
            assert!(MARKERS.iter().all(|m| !cleaned.contains(m)), "{text:?}");
            assert!(!cleaned.chars().any(|c| ('\u{80}'..='\u{9f}').contains(&c)), "{text:?}");
        }
    }

    #[test]
    fn each_pane_gets_its_own_form() {
        assert_eq!(encode_paste("a\nb\r\nc", &Modes::default()), b"a\rb\rc");
        assert_eq!(encode_paste("a\nb\x1b[201~c", &bracketed()), b"\x1b[200~a\nbc\x1b[201~");
    }
}
