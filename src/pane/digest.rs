//! A number for each row of a screen, to know what changed without comparing cells.
//!
//! Computed when asked for, and then only for rows that may have changed since. It says "changed" or "most likely not";
//! a host can make two screens collide on purpose, so it is no proof that two hosts show the same.

use super::cell::Cell;

/// Which rows may differ from their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stale {
    None,
    Row(u16),
    All,
}

/// The numbers of one screen's rows.
#[derive(Debug)]
pub(super) struct Digest {
    rows: Vec<u64>,
    stale: Stale,
    /// Rows computed since the beginning.
    computed: u64,
}

impl Digest {
    pub(super) fn new() -> Digest {
        Digest { rows: Vec::new(), stale: Stale::All, computed: 0 }
    }

    /// Notes that rows may have changed.
    pub(super) fn touch(&mut self, touched: Stale) {
        self.stale = match (self.stale, touched) {
            (stale, Stale::None) => stale,
            (Stale::None, touched) => touched,
            (Stale::Row(a), Stale::Row(b)) if a == b => Stale::Row(a),
            _ => Stale::All,
        };
    }

    /// The number of each row of this screen.
    pub(super) fn rows(&mut self, screen: &vt100::Screen) -> &[u64] {
        let (rows, cols) = screen.size();
        let (rows, cols) = (rows.get(), cols.get());
        match self.stale {
            Stale::Row(row) if self.rows.len() == usize::from(rows) && row < rows => {
                self.rows[usize::from(row)] = number(screen, row, cols);
                self.computed += 1;
            }
            Stale::None => {}
            _ => {
                self.rows.clear();
                self.rows.extend((0..rows).map(|row| number(screen, row, cols)));
                self.computed += u64::from(rows);
            }
        }
        self.stale = Stale::None;
        &self.rows
    }

    #[cfg(test)]
    fn computed(&self) -> u64 {
        self.computed
    }
}

fn number(screen: &vt100::Screen, row: u16, cols: u16) -> u64 {
    let mut hash = Mix(0x9e37_79b9_7f4a_7c15);
    for cell in (0..cols).filter_map(|col| screen.cell(row, col)).map(Cell::of) {
        std::hash::Hash::hash(&(cell.text, cell.style, cell.wide), &mut hash);
    }
    hash.0
}

/// A hash for short pieces: multiply and rotate.
struct Mix(u64);

impl std::hash::Hasher for Mix {
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

/// Which rows bytes for the emulator may change: the cursor's row alone when they are text too short to wrap, as the echo
/// of a key is; otherwise any.
pub(super) fn touched(bytes: &[u8], screen: &vt100::Screen) -> Stale {
    let (row, col) = screen.cursor_position();
    let room = usize::from(screen.size().1.get().saturating_sub(col));
    // A tab is one byte and up to eight columns.
    let stays = |b: &u8| !matches!(b, b'\t' | b'\n' | 0x0b | 0x0c | 0x1b);
    match bytes.len() {
        0 => Stale::None,
        // A character may be two columns wide.
        n if n * 2 < room && bytes.iter().all(stays) => Stale::Row(row),
        _ => Stale::All,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parser() -> vt100::Parser {
        vt100::Parser::default()
    }

    #[test]
    fn echo_of_a_key_computes_one_row() {
        let (mut parser, mut digest) = (parser(), Digest::new());
        let before = digest.rows(parser.screen()).to_vec();
        assert_eq!(digest.computed(), 24);
        for (bytes, rows) in [(&b"x"[..], 1), (b"\x08 \x08", 1), (b"", 0), (b"\r\n", 24), (b"\x1b[H", 24)] {
            let computed = digest.computed();
            digest.touch(touched(bytes, parser.screen()));
            parser.process(bytes);
            digest.rows(parser.screen());
            assert_eq!(digest.computed() - computed, rows, "{bytes:?}");
        }
        assert_ne!(digest.rows(parser.screen())[0], before[0], "an erased cell is not an empty one");
        assert_eq!(digest.rows(parser.screen())[1..], before[1..]);
    }

    #[test]
    fn lazy_numbers_equal_fresh_ones() {
        let (mut parser, mut digest) = (parser(), Digest::new());
        let mut seed = 3u64;
        let pieces: [&[u8]; 9] = [
            b"a",
            "語".as_bytes(),
            b"\r",
            b"\n",
            b"\x1b[31m",
            b"\x1b[K",
            b"\x1b[5;70H",
            b"\t",
            b"long long text",
        ];
        for _ in 0..3000 {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let bytes = pieces[(seed >> 33) as usize % pieces.len()];
            digest.touch(touched(bytes, parser.screen()));
            parser.process(bytes);
            if seed.is_multiple_of(3) {
                assert_eq!(digest.rows(parser.screen()), Digest::new().rows(parser.screen()), "{bytes:?}");
            }
        }
    }
}
