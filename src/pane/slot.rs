//! One cell as a screen holds it, in sixteen bytes: its text inline, or where its text with combining marks is kept.

use super::cell::Cell;
use super::pen::{Pen, TAGS};

const WIDE: u32 = TAGS[0];
const CONTINUATION: u32 = TAGS[1];
const CLUSTER: u32 = TAGS[2];

/// The longest text of one cell in bytes: a character and six marks.
const CLUSTER_BYTES: usize = 28;
/// Clusters made since the last sweep before there is another, at least.
const LEAST_SWEPT: usize = 256;

/// One cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    /// A character as UTF-8, ended by zeros; nothing; or the number of a cluster.
    glyph: [u8; 4],
    pen: Pen,
}

const _: () = assert!(size_of::<Slot>() == 16);

impl Slot {
    /// A cell that shows nothing.
    pub(super) fn blank(pen: Pen) -> Slot {
        Slot { glyph: [0; 4], pen }
    }

    pub(super) fn ascii(byte: u8, pen: Pen) -> Slot {
        Slot { glyph: [byte, 0, 0, 0], pen }
    }

    pub(super) fn narrow(c: char, pen: Pen) -> Slot {
        let mut glyph = [0; 4];
        c.encode_utf8(&mut glyph);
        Slot { glyph, pen }
    }

    /// Both cells of a wide character.
    pub(super) fn wide(c: char, pen: Pen) -> [Slot; 2] {
        let first = Slot::narrow(c, pen.tagged(WIDE));
        [first, Slot::blank(pen.tagged(CONTINUATION))]
    }

    pub(super) fn is_wide(&self) -> bool {
        self.pen.has(WIDE)
    }

    pub(super) fn is_continuation(&self) -> bool {
        self.pen.has(CONTINUATION)
    }

    /// What is left of a wide character when its other half is overwritten.
    pub(super) fn emptied(&self) -> Slot {
        Slot::blank(self.pen.untagged())
    }

    /// Whether it looks like a cell that nothing was ever written to.
    pub(super) fn is_bare(&self) -> bool {
        self.pen == Pen::PLAIN && matches!(self.glyph, [0 | b' ', 0, 0, 0])
    }

    pub(super) fn text<'a>(&'a self, clusters: &'a Clusters) -> &'a str {
        if self.pen.has(CLUSTER) {
            return clusters.text(u32::from_le_bytes(self.glyph));
        }
        let len = self.glyph.iter().position(|byte| *byte == 0).unwrap_or(4);
        std::str::from_utf8(&self.glyph[..len]).unwrap_or_default()
    }

    pub(super) fn cell<'a>(&'a self, clusters: &'a Clusters) -> Cell<'a> {
        Cell {
            text: self.text(clusters),
            style: self.pen.style(),
            wide: self.is_wide(),
            continuation: self.is_continuation(),
        }
    }

    pub(super) fn pen(&self) -> Pen {
        self.pen
    }

    /// Adds a combining mark, as far as there is room.
    pub(super) fn combine(&mut self, mark: char, clusters: &mut Clusters) {
        if self.pen.has(CLUSTER) {
            return clusters.append(u32::from_le_bytes(self.glyph), mark);
        }
        let base = match self.text(clusters) {
            "" => " ",
            base => base,
        };
        let text = format!("{base}{mark}");
        self.glyph = clusters.add(text).to_le_bytes();
        self.pen = self.pen.tagged(CLUSTER);
    }
}

/// The texts of cells with combining marks. Each belongs to one cell, and stays until a sweep finds its cell gone.
#[derive(Clone, Debug, Default)]
pub(super) struct Clusters {
    texts: Vec<String>,
    /// How many were in use at the last sweep.
    used: usize,
}

impl Clusters {
    fn text(&self, n: u32) -> &str {
        self.texts.get(n as usize).map_or("", String::as_str)
    }

    fn add(&mut self, text: String) -> u32 {
        self.texts.push(text);
        (self.texts.len() - 1) as u32
    }

    fn append(&mut self, n: u32, mark: char) {
        if let Some(text) = self.texts.get_mut(n as usize)
            && text.len() + mark.len_utf8() <= CLUSTER_BYTES
        {
            text.push(mark);
        }
    }

    /// Whether so many were made that most must be unused. There are never more than half as many again as cells of both
    /// screens together, and [`LEAST_SWEPT`].
    pub(super) fn wants_sweep(&self) -> bool {
        self.texts.len() > self.used + (self.used / 2).max(LEAST_SWEPT)
    }

    /// Keeps those that these cells use.
    pub(super) fn sweep<'a>(&mut self, slots: impl Iterator<Item = &'a mut Slot>) {
        let mut kept = Vec::new();
        for slot in slots.filter(|slot| slot.pen.has(CLUSTER)) {
            let text = self.texts.get_mut(u32::from_le_bytes(slot.glyph) as usize);
            kept.push(text.map(std::mem::take).unwrap_or_default());
            slot.glyph = (kept.len() as u32 - 1).to_le_bytes();
        }
        self.used = kept.len();
        self.texts = kept;
    }

    /// Memory held, in bytes.
    pub(super) fn held_bytes(&self) -> usize {
        self.texts.capacity() * size_of::<String>() + self.texts.iter().map(String::capacity).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_join_their_cell_and_go_with_it() {
        let mut clusters = Clusters::default();
        let mut slots =
            [Slot::narrow('e', Pen::PLAIN), Slot::blank(Pen::PLAIN), Slot::narrow('😀', Pen::PLAIN)];
        for slot in &mut slots {
            slot.combine('\u{301}', &mut clusters);
            slot.combine('\u{302}', &mut clusters);
        }
        slots[1] = Slot::ascii(b'x', Pen::PLAIN);
        clusters.sweep(slots.iter_mut());
        let texts = slots.each_ref().map(|slot| slot.text(&clusters));
        assert_eq!(texts, ["e\u{301}\u{302}", "x", "😀\u{301}\u{302}"]);
        assert_eq!(clusters.texts.len(), 2);
    }

    #[test]
    fn a_pile_of_marks_has_a_bound() {
        let (mut clusters, mut slot) = (Clusters::default(), Slot::narrow('a', Pen::PLAIN));
        (0..10_000).for_each(|_| slot.combine('\u{301}', &mut clusters));
        assert!(slot.text(&clusters).len() <= CLUSTER_BYTES);
        let mut peak = 0;
        for _ in 0..10_000 {
            slot = Slot::narrow('a', Pen::PLAIN);
            slot.combine('\u{301}', &mut clusters);
            if clusters.wants_sweep() {
                clusters.sweep(std::iter::once(&mut slot));
            }
            peak = peak.max(clusters.held_bytes());
        }
        assert!(peak < 40_000, "{peak}");
    }
}
