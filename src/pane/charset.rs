//! The character sets of a terminal (ISO 2022, as far as programs still use it): ASCII, and the line drawing of the VT100,
//! with which ncurses draws boxes where the locale is not UTF-8.

/// One set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Set {
    #[default]
    Ascii,
    /// DEC Special Graphics.
    Lines,
}

/// Which sets are in use: `ESC ( x` names the first (G0), `ESC ) x` the second (G1), SI and SO choose between them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Charsets {
    sets: [Set; 2],
    chosen: usize,
}

/// What `_` to `~` stand for in DEC Special Graphics.
const LINES: [char; 32] = [
    ' ', '◆', '▒', '␉', '␌', '␍', '␊', '°', '±', '␤', '␋', '┘', '┐', '┌', '└', '┼', '⎺', '⎻', '─', '⎼', '⎽',
    '├', '┤', '┴', '┬', '│', '≤', '≥', 'π', '≠', '£', '·',
];

impl Charsets {
    /// `ESC`, an intermediate byte, a final byte. Anything but line drawing is ASCII to us; sets other than G0 and G1 are
    /// not kept, since nothing chooses them.
    pub(super) fn designate(&mut self, slot: u8, name: u8) {
        let set = if name == b'0' { Set::Lines } else { Set::Ascii };
        match slot {
            b'(' => self.sets[0] = set,
            b')' => self.sets[1] = set,
            _ => {}
        }
    }

    /// SI: the first set from now on.
    pub(super) fn shift_in(&mut self) {
        self.chosen = 0;
    }

    /// SO: the second.
    pub(super) fn shift_out(&mut self) {
        self.chosen = 1;
    }

    /// Whether text passes as it is.
    pub(super) fn is_ascii(&self) -> bool {
        self.sets[self.chosen] == Set::Ascii
    }

    /// What a byte of text stands for.
    pub(super) fn draw(&self, byte: u8, out: &mut Vec<u8>) {
        match byte {
            b'_'..=b'~' if !self.is_ascii() => {
                let c = LINES[usize::from(byte - b'_')];
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
            _ => out.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_drawing_character_is_one_column_wide() {
        use unicode_width::UnicodeWidthChar as _;
        assert!(LINES.iter().all(|c| c.width() == Some(1)), "{LINES:?}");
    }
}
