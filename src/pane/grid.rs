//! The rows of one screen, and what moves and erases cells in them.
//!
//! No half of a wide character ever stands alone: before cells are written, the characters that reach over the edges of
//! what is written are taken out whole.

use std::ops::Range;

use super::pen::Pen;
use super::slot::Slot;
use crate::size::Size;

/// One row.
#[derive(Clone, Debug)]
pub(super) struct Row {
    slots: Vec<Slot>,
}

impl Row {
    fn new(cols: u16, pen: Pen) -> Row {
        Row { slots: vec![Slot::blank(pen); usize::from(cols)] }
    }

    pub(super) fn slots(&self) -> &[Slot] {
        &self.slots
    }

    pub(super) fn slot_mut(&mut self, col: u16) -> Option<&mut Slot> {
        self.slots.get_mut(usize::from(col))
    }

    /// Takes out a wide character that stands half before and half behind the left edge of this column.
    fn part(&mut self, col: usize) {
        if let Some(slot) = self.slots.get_mut(col).filter(|slot| slot.is_continuation()) {
            *slot = slot.emptied();
            if let Some(first) = col.checked_sub(1) {
                self.slots[first] = self.slots[first].emptied();
            }
        }
    }

    /// The cells from a column on, ready to be written whole.
    pub(super) fn opened(&mut self, col: u16, count: usize) -> &mut [Slot] {
        let from = usize::from(col).min(self.slots.len());
        let to = (from + count).min(self.slots.len());
        self.part(from);
        self.part(to);
        &mut self.slots[from..to]
    }

    pub(super) fn erase(&mut self, cols: Range<u16>, pen: Pen) {
        let count = usize::from(cols.end.saturating_sub(cols.start));
        self.opened(cols.start, count).fill(Slot::blank(pen));
    }

    /// Moves the cells from a column on to the right; those at the end are lost.
    pub(super) fn insert(&mut self, col: u16, count: u16, pen: Pen) {
        let (from, len) = (usize::from(col).min(self.slots.len()), self.slots.len());
        let count = usize::from(count).min(len - from);
        self.part(from);
        self.part(len - count);
        self.slots[from..].rotate_right(count);
        self.slots[from..from + count].fill(Slot::blank(pen));
    }

    /// Takes cells out; those behind them move to the left.
    pub(super) fn delete(&mut self, col: u16, count: u16, pen: Pen) {
        let (from, len) = (usize::from(col).min(self.slots.len()), self.slots.len());
        let count = usize::from(count).min(len - from);
        self.part(from);
        self.part(from + count);
        self.slots[from..].rotate_left(count);
        self.slots[len - count..].fill(Slot::blank(pen));
    }

    fn resize(&mut self, cols: u16) {
        self.part(usize::from(cols));
        self.slots.resize(usize::from(cols), Slot::blank(Pen::PLAIN));
        self.slots.shrink_to_fit();
    }
}

/// The rows of one screen.
#[derive(Clone, Debug)]
pub(super) struct Grid {
    rows: Vec<Row>,
    cols: u16,
}

impl Grid {
    pub(super) fn new(size: Size) -> Grid {
        Grid { rows: vec![Row::new(size.cols, Pen::PLAIN); usize::from(size.rows)], cols: size.cols }
    }

    pub(super) fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// A row of the screen. A row beyond the last is the last.
    pub(super) fn row_mut(&mut self, row: u16) -> &mut Row {
        let last = self.rows.len() - 1;
        &mut self.rows[usize::from(row).min(last)]
    }

    pub(super) fn slots_mut(&mut self) -> impl Iterator<Item = &mut Slot> {
        self.rows.iter_mut().flat_map(|row| row.slots.iter_mut())
    }

    /// Erases whole rows.
    pub(super) fn erase(&mut self, rows: Range<u16>, pen: Pen) {
        for row in &mut self.rows[usize::from(rows.start)..usize::from(rows.end)] {
            row.slots.fill(Slot::blank(pen));
        }
    }

    /// Moves rows up; the first ones are lost, blank ones come from below.
    pub(super) fn scroll_up(&mut self, rows: Range<u16>, count: u16, pen: Pen) {
        let count = count.min(rows.end.saturating_sub(rows.start));
        self.rows[usize::from(rows.start)..usize::from(rows.end)].rotate_left(usize::from(count));
        self.erase(rows.end - count..rows.end, pen);
    }

    /// Moves rows down; the last ones are lost, blank ones come from above.
    pub(super) fn scroll_down(&mut self, rows: Range<u16>, count: u16, pen: Pen) {
        let count = count.min(rows.end.saturating_sub(rows.start));
        self.rows[usize::from(rows.start)..usize::from(rows.end)].rotate_right(usize::from(count));
        self.erase(rows.start..rows.start + count, pen);
    }

    /// Takes this many rows off the top, adds or takes rows at the bottom, cuts or widens all to the right.
    pub(super) fn resize(&mut self, size: Size, off_top: u16) {
        self.rows.drain(..usize::from(off_top));
        self.cols = size.cols;
        self.rows.truncate(usize::from(size.rows));
        self.rows.iter_mut().for_each(|row| row.resize(size.cols));
        self.rows.resize_with(usize::from(size.rows), || Row::new(size.cols, Pen::PLAIN));
        self.rows.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pane::slot::Clusters;

    fn row(text: &str) -> Row {
        let slots = text.chars().flat_map(|c| match c {
            '語' => Slot::wide(c, Pen::PLAIN).to_vec(),
            c => vec![Slot::narrow(c, Pen::PLAIN)],
        });
        Row { slots: slots.collect() }
    }

    /// The row as text; a blank cell is a dot, the second half of a wide character is nothing.
    fn text(row: &Row) -> String {
        let clusters = Clusters::default();
        let cell = |slot: &Slot| match slot.text(&clusters) {
            "" if slot.is_continuation() => String::new(),
            "" => ".".to_owned(),
            text => text.to_owned(),
        };
        row.slots.iter().map(cell).collect()
    }

    #[test]
    fn no_half_of_a_wide_character_is_left() {
        let changed = |change: &dyn Fn(&mut Row)| {
            let mut row = row("a語b語c");
            change(&mut row);
            assert_eq!(row.slots.len(), 7);
            for (n, slot) in row.slots.iter().enumerate() {
                let next = row.slots.get(n + 1).is_some_and(Slot::is_continuation);
                assert_eq!(slot.is_wide(), next, "cell {n} of {}", text(&row));
            }
            text(&row)
        };
        assert_eq!(changed(&|row| row.erase(2..3, Pen::PLAIN)), "a..b語c");
        assert_eq!(changed(&|row| row.erase(2..5, Pen::PLAIN)), "a.....c");
        assert_eq!(changed(&|row| row.insert(2, 1, Pen::PLAIN)), "a...b語");
        assert_eq!(changed(&|row| row.insert(0, 2, Pen::PLAIN)), "..a語b.");
        assert_eq!(changed(&|row| row.insert(9, 2, Pen::PLAIN)), "a語b語c");
        assert_eq!(changed(&|row| row.delete(0, 2, Pen::PLAIN)), ".b語c..");
        assert_eq!(changed(&|row| row.delete(5, 99, Pen::PLAIN)), "a語b...");
        assert_eq!(changed(&|row| row.opened(4, 1).fill(Slot::ascii(b'x', Pen::PLAIN))), "a語bx.c");
        let mut cut = row("a語b語c");
        cut.resize(5);
        assert_eq!(text(&cut), "a語b.");
    }

    #[test]
    fn rows_move_within_their_bounds() {
        let mut grid = Grid { rows: ["1", "2", "3", "4"].map(row).to_vec(), cols: 1 };
        let shown = |grid: &Grid| grid.rows.iter().map(text).collect::<String>();
        grid.scroll_up(1..3, 1, Pen::PLAIN);
        assert_eq!(shown(&grid), "13.4");
        grid.scroll_down(0..4, 9, Pen::PLAIN);
        assert_eq!(shown(&grid), "....");
        grid.resize(Size::new(3, 2), 1);
        assert_eq!(shown(&grid), "......");
    }
}
