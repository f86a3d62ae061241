//! Text, and the controls that stand in it.

use memchr::memchr2;
use unicode_width::UnicodeWidthChar as _;

use super::Terminal;
use crate::pane::budget::Work;
use crate::pane::cell::Style;
use crate::pane::screens::Place;

const SO: u8 = 0x0e;
const SI: u8 = 0x0f;

impl Terminal {
    /// Text with its controls. It holds whole characters, and none that is not fit to be shown.
    pub(in crate::pane) fn text(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        if self.is_plain() && self.tabs.are_usual() && memchr2(SO, SI, text.as_bytes()).is_none() {
            return self.pass(text);
        }
        let mut rest = text;
        while let Some(first) = rest.bytes().next() {
            let end = rest.bytes().position(is_control).unwrap_or(rest.len());
            let (characters, later) = rest.split_at(end.max(1));
            match end {
                0 => self.control(first),
                _ => self.characters(characters),
            }
            rest = later;
        }
    }

    /// Whether `vt100` does with text, line feeds and wraps what is to be done.
    fn is_plain(&self) -> bool {
        self.charsets.is_ascii() && self.runs_on() && !self.ways.newline && !self.has_background()
    }

    /// Whether characters are drawn one behind the other, and those beyond the last column in the next row.
    fn runs_on(&self) -> bool {
        self.ways.autowrap && !self.ways.insert
    }

    /// Text that `vt100` can have as it is.
    fn pass(&mut self, text: &str) {
        let before = self.screens.cursor();
        let is_seen = !text.bytes().all(is_control);
        if is_seen {
            self.paint(self.style);
        }
        self.screens.write(text.as_bytes());
        self.touch_rows(before, text, is_seen);
        if let Some(last) = text.chars().rev().find(|c| c.width().is_some_and(|width| width > 0)) {
            self.last = Some(last);
        }
    }

    /// Notes which rows this text may have changed, which was drawn from here on.
    fn touch_rows(&mut self, before: Place, text: &str, is_seen: bool) {
        let (mut feeds, mut tabs) = (0, 0);
        for byte in text.bytes() {
            feeds += usize::from(matches!(byte, 0x0a..=0x0c));
            tabs += usize::from(byte == 0x09);
        }
        // No character takes more columns than bytes, and no tab more than eight.
        let columns = usize::from(before.col) + text.len() + 7 * tabs;
        let wraps = columns.saturating_sub(1) / usize::from(self.size().cols);
        let lowest = usize::from(before.row) + feeds + wraps;
        if lowest >= usize::from(self.region.end) {
            // It may have scrolled.
            self.touch_all();
        } else if is_seen {
            let after = self.screens.cursor().row;
            self.touched.add(before.row..after.max(before.row) + 1);
        }
    }

    /// Characters without controls.
    fn characters(&mut self, text: &str) {
        if self.charsets.is_ascii() {
            return self.draw(text);
        }
        let drawn: String = text.chars().map(|c| self.charsets.draw(c)).collect();
        self.draw(&drawn);
    }

    /// Characters as they are to be shown.
    fn draw(&mut self, text: &str) {
        match (self.runs_on(), self.has_background()) {
            (true, false) => self.pass(text),
            (true, true) => self.draw_over_background(text),
            (false, _) => self.draw_one_by_one(text),
        }
    }

    /// Row by row: where the screen scrolls for the next character, the new row gets the background.
    fn draw_over_background(&mut self, text: &str) {
        let mut rest = text;
        while !rest.is_empty() {
            let Place { row, col } = self.screens.cursor();
            let room = self.size().cols.saturating_sub(col);
            let fits = match fitting(rest, room) {
                0 => fitting(rest, width(rest.chars().next().unwrap_or(' '))),
                fits => fits,
            };
            let (now, later) = rest.split_at(fits);
            let scrolls = row + 1 == self.region.end && width(now.chars().next().unwrap_or(' ')) > room;
            self.pass(now);
            if scrolls {
                self.paint_erased();
                self.screens.write(b"\x1b[K");
            }
            rest = later;
        }
    }

    /// Each character for itself: text is moved to make room for it, or it takes the last columns where there is no next row.
    fn draw_one_by_one(&mut self, text: &str) {
        let cols = self.size().cols;
        for c in text.chars() {
            let width = width(c);
            let Place { col, .. } = self.screens.cursor();
            if width > 0 && col + width > cols {
                match self.ways.autowrap {
                    true => self.next_line(),
                    false => self.screens.order(format_args!("\x1b[{}G", cols - width + 1)),
                }
            }
            if width > 0 && self.ways.insert {
                self.insert_cells(width);
            }
            self.pass(c.encode_utf8(&mut [0; 4]));
            if !self.ways.autowrap && self.screens.cursor().col == cols {
                self.screens.order(format_args!("\x1b[{cols}G"));
            }
        }
    }

    /// A control character.
    pub(in crate::pane) fn control(&mut self, byte: u8) {
        match byte {
            0x07 | 0x08 | 0x0d => self.screens.write(&[byte]),
            0x09 => self.tab(1),
            0x0a..=0x0c => {
                if self.ways.newline {
                    self.screens.write(b"\r");
                }
                self.index();
            }
            SO => self.charsets.shift_out(),
            SI => self.charsets.shift_in(),
            _ => {}
        }
    }

    /// HT and CHT.
    pub(super) fn tab(&mut self, count: u16) {
        self.go_by_tabs(count, |terminal, col| terminal.tabs.after(col));
    }

    /// CBT.
    pub(super) fn back_tab(&mut self, count: u16) {
        self.go_by_tabs(count, |terminal, col| terminal.tabs.before(col));
    }

    fn go_by_tabs(&mut self, count: u16, next: impl Fn(&Terminal, u16) -> u16) {
        let mut place = self.screens.cursor();
        place.col = place.col.min(self.size().cols - 1);
        for _ in 0..count.min(self.size().cols) {
            place.col = next(self, place.col);
        }
        self.screens.place(place);
    }

    /// IND: down, and scroll at the bottom of the region.
    pub(in crate::pane) fn index(&mut self) {
        let row = self.screens.cursor().row;
        self.screens.write(b"\n");
        if row + 1 == self.region.end {
            self.touched.add(self.region.clone());
            self.fill_rows(row..row + 1);
        }
    }

    /// NEL.
    pub(in crate::pane) fn next_line(&mut self) {
        self.screens.write(b"\r");
        self.index();
    }

    /// RI: up, and scroll at the top of the region.
    pub(in crate::pane) fn reverse_index(&mut self) {
        let row = self.screens.cursor().row;
        if row == self.region.start {
            if self.budget.pay(u64::from(self.size().cols), Work::Clear) {
                self.touched.add(self.region.clone());
                self.screens.write(b"\x1bM");
                self.fill_rows(row..row + 1);
            }
        } else if row > 0 {
            // In the first row of the screen `vt100` would scroll a region below it.
            self.screens.write(b"\x1bM");
        }
    }

    /// HTS.
    pub(in crate::pane) fn set_tab(&mut self) {
        self.tabs.set(self.screens.cursor().col.min(self.size().cols - 1));
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
        let size = self.size();
        self.region = 0..size.rows;
        self.ways.origin = false;
        self.give_region();
        self.touch_all();
        self.paint(Style::PLAIN);
        let row = "E".repeat(usize::from(size.cols));
        for n in 0..size.rows {
            self.screens.order(format_args!("\x1b[{};1H{row}", n + 1));
        }
        self.screens.write(b"\x1b[H");
    }

    /// REP.
    pub(super) fn repeat(&mut self, count: u16) {
        let Some(c) = self.last else { return };
        let count = u64::from(count).min(self.cells()).min(self.budget.affordable(Work::Draw));
        if self.budget.pay(count, Work::Draw) {
            self.draw(&c.to_string().repeat(count as usize));
        }
    }
}

fn is_control(byte: u8) -> bool {
    byte < b' ' || byte == 0x7f
}

/// The columns that `vt100` gives a character. There is one with a width of three, for which it has no cells either.
fn width(c: char) -> u16 {
    c.width().unwrap_or(1).min(2) as u16
}

/// How many bytes of this text take no more than so many columns; marks go with their character.
fn fitting(text: &str, room: u16) -> usize {
    let mut used = 0;
    let first_beyond = text.char_indices().find(|(_, c)| {
        used += usize::from(width(*c));
        used > usize::from(room)
    });
    first_beyond.map_or(text.len(), |(at, _)| at)
}
