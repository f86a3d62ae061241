//! A number for each row of a screen, to know what changed without comparing cells.
//!
//! Computed when asked for, and then only for rows that may have changed since. It says "changed" or "most likely not";
//! a host can make two screens collide on purpose, so it is no proof that two hosts show the same.

use std::hash::{Hash as _, Hasher};

use super::cell::{Cell, Style};
use super::terminal::{Face, Touched};
use crate::size::Size;

/// The numbers of one screen's rows.
#[derive(Debug)]
pub(super) struct Digest {
    rows: Vec<u64>,
    /// Rows that may differ from their numbers.
    stale: Touched,
    /// Rows computed since the beginning.
    computed: u64,
}

impl Digest {
    pub(super) fn new() -> Digest {
        Digest { rows: Vec::new(), stale: Touched::default(), computed: 0 }
    }

    /// Notes that rows may have changed.
    pub(super) fn touch(&mut self, touched: Touched) {
        if !touched.0.is_empty() {
            self.stale.add(touched.0);
        }
    }

    /// The number of each row of this screen.
    pub(super) fn rows(&mut self, face: Face<'_>) -> &[u64] {
        let rows = face.size().rows;
        let stale = match self.rows.len() == usize::from(rows) {
            true => self.stale.0.start..self.stale.0.end.min(rows),
            false => 0..rows,
        };
        self.stale = Touched::default();
        self.rows.resize(usize::from(rows), 0);
        for row in stale {
            self.computed += 1;
            self.rows[usize::from(row)] = number(face, row);
        }
        &self.rows
    }

    #[cfg(test)]
    fn computed(&self) -> u64 {
        self.computed
    }
}

fn number(face: Face<'_>, row: u16) -> u64 {
    let Size { cols, .. } = face.size();
    let mut hash = Mix(0x9e37_79b9_7f4a_7c15);
    for Cell { text, style, wide, .. } in (0..cols).map(|col| face.cell(row, col)) {
        // A blank is a blank, whether it was written or erased.
        let text = if text == " " { "" } else { text };
        match (text.as_bytes(), style == Style::PLAIN) {
            ([], true) => hash.write_u64(0),
            ([byte], true) => hash.write_u64(u64::from(*byte)),
            _ => (text, style, wide).hash(&mut hash),
        }
    }
    hash.0
}

/// A hash for short pieces: multiply and rotate.
struct Mix(u64);

impl Hasher for Mix {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, n: u8) {
        self.write_u64(u64::from(n));
    }

    fn write_u64(&mut self, n: u64) {
        self.0 = (self.0.rotate_left(5) ^ n).wrapping_mul(0x517c_c1b7_2722_0a95);
    }

    fn write_usize(&mut self, n: usize) {
        self.write_u64(n as u64);
    }

    fn write_isize(&mut self, n: isize) {
        self.write_u64(n as u64);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::pane::emulator::Emulator;
    use crate::pane::history::History;
    use crate::size::Size;

    struct Watched {
        emulator: Emulator,
        digest: Digest,
    }

    impl Watched {
        fn new() -> Watched {
            let emulator = Emulator::new(Size::DEFAULT, History::default());
            Watched { emulator, digest: Digest::new() }
        }

        /// Feeds bytes, and says which rows they changed and how many were computed to know it.
        fn feed(&mut self, bytes: &[u8]) -> (Vec<usize>, u64) {
            let before = self.rows().to_vec();
            let computed = self.digest.computed();
            self.emulator.feed(Duration::ZERO, bytes);
            let after = self.rows();
            let changed = (0..24).filter(|row| before[*row] != after[*row]).collect();
            (changed, self.digest.computed() - computed)
        }

        fn rows(&mut self) -> &[u64] {
            self.digest.touch(self.emulator.terminal_mut().take_touched());
            self.digest.rows(self.emulator.terminal().face())
        }
    }

    #[test]
    fn only_rows_that_were_touched_are_computed() {
        let mut watched = Watched::new();
        for (bytes, changed, computed) in [
            (&b"x"[..], vec![0], 1),
            (b"\x08 \x08", vec![0], 1),
            (b" \x1b[K", vec![], 1),
            (b"", vec![], 0),
            (b"\r\n\x1b[5;9H\x1b[31m", vec![], 0),
            (b"x\r\ny", vec![4, 5], 2),
            (b"\x1b[?2026hz", vec![], 0),
            (b"\x1b[?2026l", vec![5], 1),
            (b"\x1b[?5h", (0..24).collect(), 24),
        ] {
            assert_eq!(watched.feed(bytes), (changed, computed), "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn what_looks_the_same_has_the_same_number_whatever_was_shown_before() {
        let (mut one, mut other) = (Watched::new(), Watched::new());
        one.feed(b"\x1b[38;2;1;1;1mx\x1b[9;31my\x1b[m\x1b[2J\x1b[H");
        for watched in [&mut one, &mut other] {
            watched.feed(b"\x1b[38;2;7;8;9;4:3mwave\x1b[m \x1b[1;2mboth\x1b[m");
        }
        assert_eq!(one.rows(), other.rows());
        other.feed(b"\x1b[H\x1b[38;2;7;8;8;4:3mw");
        assert_ne!(one.rows()[0], other.rows()[0]);
    }

    #[test]
    fn lazy_numbers_equal_fresh_ones() {
        let mut watched = Watched::new();
        let mut seed = 3u64;
        let pieces: [&[u8]; 16] = [
            b"a",
            "語".as_bytes(),
            b"\r",
            b"\n",
            b"\x1b[31m",
            b"\x1b[K",
            b"\x1b[5;70H",
            b"\t",
            b"long long text",
            b"\x1b[3L",
            b"\x1b[2P",
            b"\x1b[1J",
            b"\x1bM",
            b"\x1b[3;9r",
            b"\x1b[?1049h",
            b"\x1b[?1049l",
        ];
        for _ in 0..3000 {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let bytes = pieces[(seed >> 33) as usize % pieces.len()];
            watched.emulator.feed(Duration::ZERO, bytes);
            if seed.is_multiple_of(3) {
                let lazy = watched.rows().to_vec();
                let fresh = Digest::new().rows(watched.emulator.terminal().face()).to_vec();
                assert_eq!(lazy, fresh, "{}", bytes.escape_ascii());
            }
        }
    }
}
