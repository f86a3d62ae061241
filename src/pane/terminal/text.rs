//! Text, and the controls that stand in it.

use unicode_width::UnicodeWidthChar as _;

use super::Terminal;
use crate::pane::budget::Work;
use crate::pane::slot::Slot;

impl Terminal {
    /// Text with its controls. It holds whole characters, and none that is not fit to be shown.
    pub(in crate::pane) fn text(&mut self, text: &str) {
        let mut rest = text;
        while let Some(first) = rest.bytes().next() {
            let run = rest.bytes().take_while(|byte| matches!(byte, b' '..=b'~')).count();
            let used = match first {
                _ if run > 0 && self.runs() => {
                    self.run(&rest.as_bytes()[..run]);
                    run
                }
                0x00..=0x1f | 0x7f => {
                    self.control(first);
                    1
                }
                _ => {
                    let c = rest.chars().next().expect("there is a first byte");
                    self.character(self.charsets.draw(c));
                    c.len_utf8()
                }
            };
            rest = &rest[used..];
        }
    }

    /// Whether plain text needs no look at each character.
    fn runs(&self) -> bool {
        self.charsets.is_ascii() && self.ways.autowrap && !self.ways.insert
    }

    /// Printable ASCII.
    fn run(&mut self, text: &[u8]) {
        let mut rest = text;
        while !rest.is_empty() {
            self.wrap(1);
            let (col, pen) = (self.cursor.col, self.pen);
            let fits = rest.len().min(usize::from(self.size.cols - col));
            let (now, later) = rest.split_at(fits);
            let slots = self.row_mut().opened(col, fits);
            for (slot, byte) in slots.iter_mut().zip(now) {
                *slot = Slot::ascii(*byte, pen);
            }
            self.cursor.col += fits as u16;
            rest = later;
        }
        self.last = text.last().map(|byte| char::from(*byte));
    }

    /// One character, as it is to be shown.
    pub(super) fn character(&mut self, c: char) {
        // One character has a width of three; there are no cells for that.
        let width = c.width().unwrap_or(1).min(2) as u16;
        if width == 0 {
            return self.combine(c);
        }
        self.last = Some(c);
        self.wrap(width);
        let (col, pen, erased) = (self.cursor.col, self.pen, self.pen.erased());
        if self.ways.insert {
            self.row_mut().insert(col, width, erased);
        }
        let slots = self.row_mut().opened(col, usize::from(width));
        match slots {
            [slot] => *slot = Slot::narrow(c, pen),
            slots => slots.copy_from_slice(&Slot::wide(c, pen)),
        }
        self.cursor.col += width;
        if !self.ways.autowrap {
            self.cursor.col = self.cursor.col.min(self.size.cols - 1);
        }
    }

    /// Makes room for a character of this width: in the next row if none is left in this one, or over the last columns if the
    /// host wants no next row.
    fn wrap(&mut self, width: u16) {
        if self.cursor.col + width <= self.size.cols {
            return;
        }
        if self.ways.autowrap {
            self.cursor.col = 0;
            self.index();
        } else {
            self.cursor.col = self.size.cols - width;
        }
    }

    /// A combining mark joins the character before the cursor.
    fn combine(&mut self, mark: char) {
        let row = usize::from(self.cursor.row);
        let slots = self.grid().rows()[row].slots();
        let Some(mut col) = self.cursor.col.checked_sub(1) else { return };
        if slots.get(usize::from(col)).is_some_and(Slot::is_continuation) {
            col = col.saturating_sub(1);
        }
        if self.clusters.wants_sweep() {
            self.sweep();
        }
        let mut clusters = std::mem::take(&mut self.clusters);
        if let Some(slot) = self.row_mut().slot_mut(col) {
            slot.combine(mark, &mut clusters);
        }
        self.clusters = clusters;
    }

    /// A control character.
    pub(in crate::pane) fn control(&mut self, byte: u8) {
        match byte {
            0x07 => self.bell = true,
            0x08 => self.cursor.col = self.cursor.col.saturating_sub(1),
            0x09 => self.tab(1),
            0x0a..=0x0c => {
                if self.ways.newline {
                    self.cursor.col = 0;
                }
                self.index();
            }
            0x0d => self.cursor.col = 0,
            0x0e => self.charsets.shift_out(),
            0x0f => self.charsets.shift_in(),
            _ => {}
        }
    }

    /// HT and CHT.
    pub(super) fn tab(&mut self, count: u16) {
        for _ in 0..count.min(self.size.cols) {
            self.cursor.col = self.tabs.after(self.cursor.col);
        }
    }

    /// CBT.
    pub(super) fn back_tab(&mut self, count: u16) {
        for _ in 0..count.min(self.size.cols) {
            self.cursor.col = self.tabs.before(self.cursor.col);
        }
    }

    /// IND: down, and scroll at the bottom of the region.
    pub(in crate::pane) fn index(&mut self) {
        if self.cursor.row + 1 == self.region.end {
            self.scroll_up(1);
        } else if self.cursor.row + 1 < self.size.rows {
            self.cursor.row += 1;
        }
    }

    /// NEL.
    pub(in crate::pane) fn next_line(&mut self) {
        self.cursor.col = 0;
        self.index();
    }

    /// RI: up, and scroll at the top of the region.
    pub(in crate::pane) fn reverse_index(&mut self) {
        if self.cursor.row == self.region.start {
            let cells = u64::from(self.size.cols);
            if self.budget.pay(cells, Work::Clear) {
                self.scroll_down(1);
            }
        } else {
            self.cursor.row = self.cursor.row.saturating_sub(1);
        }
    }

    /// HTS.
    pub(in crate::pane) fn set_tab(&mut self) {
        self.tabs.set(self.cursor.col.min(self.size.cols - 1));
    }

    /// A character set for G0 or G1.
    pub(in crate::pane) fn designate(&mut self, slot: u8, name: u8) {
        self.charsets.designate(slot, name);
    }

    /// DECALN: the screen full of `E`, to adjust the tube by.
    pub(in crate::pane) fn align(&mut self) {
        if !self.budget.pay(self.cells(), Work::Draw) {
            return;
        }
        self.region = 0..self.size.rows;
        self.ways.origin = false;
        self.cursor = super::Place::default();
        self.touched.add(0..self.size.rows);
        self.grid_mut().slots_mut().for_each(|slot| *slot = Slot::ascii(b'E', crate::pane::pen::Pen::PLAIN));
    }

    /// REP.
    pub(super) fn repeat(&mut self, count: u16) {
        let Some(c) = self.last else { return };
        let count = u64::from(count).min(self.cells()).min(self.budget.affordable(Work::Draw));
        if self.budget.pay(count, Work::Draw) {
            (0..count).for_each(|_| self.character(c));
        }
    }
}
