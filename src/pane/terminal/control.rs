//! What control sequences do.

use super::Terminal;
use crate::pane::budget::Work;
use crate::pane::replies::Question;
use crate::pane::screens::Place;
use crate::pane::sequence::{Parameters, Sequence};
use crate::pane::sgr;
use crate::size::Size;

impl Terminal {
    /// A whole control sequence. What is not known does nothing, unless it is a question on the list.
    pub(in crate::pane) fn sequence(&mut self, sequence: Sequence<'_>) {
        let parameters = sequence.parameters;
        match (sequence.mark, sequence.intermediate, sequence.end) {
            (0, 0, b'm') => sgr::apply(&mut self.style, parameters),
            (0 | b'?', 0, b'J') => self.erase_display(parameters.number(0)),
            (0 | b'?', 0, b'K') => self.erase_line(parameters.number(0)),
            (0, 0, b'A'..=b'I' | b'Z' | b'`' | b'a' | b'd' | b'e' | b'f') => self.travel(sequence),
            (0, 0, b'@' | b'P' | b'X' | b'L' | b'M' | b'S' | b'T') => self.shift(sequence),
            (0, 0, b'b') => self.repeat(parameters.count(0)),
            (0, 0, b'g') => self.clear_tabs(parameters.number(0)),
            (0, 0, b'r') => self.set_region(parameters),
            (0, 0, b's') if parameters.is_empty() => self.save_cursor(),
            (0, 0, b'u') if parameters.is_empty() => self.restore_cursor(),
            (0, 0, b't') => self.window(sequence),
            (0, 0, b'h' | b'l') => self.set_ansi_modes(sequence),
            (b'?', 0, b'h' | b'l') => self.set_private_modes(sequence),
            (0, b' ', b'q') => self.shape_cursor(parameters.number(0)),
            (0, b'!', b'p') => self.soft_reset(),
            (b'>' | b'<' | b'=', 0, b'u') => self.set_keyboard(sequence),
            _ => self.answer(Question::of(sequence)),
        }
    }

    /// Between which rows the host counts, with the origin it chose.
    fn bounds(&self) -> (u16, u16) {
        match self.ways.origin {
            true => (self.region.start, self.region.end - 1),
            false => (0, self.size().rows - 1),
        }
    }

    /// What moves the cursor. Whoever moves is on the last column, and no longer behind it, but for a step to the left, which
    /// leads from there onto it.
    fn travel(&mut self, sequence: Sequence<'_>) {
        let (n, last_col) = (sequence.parameters.count(0), self.size().cols - 1);
        let from = self.screens.cursor();
        let col = from.col.min(last_col);
        let place = |row, col| Place { row, col };
        let to = match sequence.end {
            b'A' => place(self.up(n), col),
            b'B' | b'e' => place(self.down(n), col),
            b'C' | b'a' => place(from.row, col.saturating_add(n)),
            b'D' => place(from.row, from.col.saturating_sub(n)),
            b'E' => place(self.down(n), 0),
            b'F' => place(self.up(n), 0),
            b'G' | b'`' => place(from.row, n - 1),
            b'H' | b'f' => return self.go(n, sequence.parameters.count(1)),
            b'I' => return self.tab(n),
            b'Z' => return self.back_tab(n),
            _ => {
                let (first, last) = self.bounds();
                place((n - 1).saturating_add(first).min(last), col)
            }
        };
        self.screens.place(place(to.row, to.col.min(last_col)));
    }

    /// CUP: rows and columns from 1. `vt100` knows the origin.
    fn go(&mut self, row: u16, col: u16) {
        self.screens.order(format_args!("\x1b[{row};{col}H"));
    }

    /// The row that CUU leads to. It stops at the top of the region, if it begins within or below it.
    fn up(&self, n: u16) -> u16 {
        let row = self.screens.cursor().row;
        let stop = if row >= self.region.start { self.region.start } else { 0 };
        row.saturating_sub(n).max(stop)
    }

    /// The row that CUD leads to. It stops at the bottom of the region, if it begins within or above it.
    fn down(&self, n: u16) -> u16 {
        let row = self.screens.cursor().row;
        let stop = if row < self.region.end { self.region.end } else { self.size().rows };
        row.saturating_add(n).min(stop - 1)
    }

    /// What inserts, deletes and scrolls. A count beyond what there is room for is that room. `vt100` erases with all
    /// attributes, and what it inserts and scrolls in has no background, so that is given afterwards.
    fn shift(&mut self, sequence: Sequence<'_>) {
        let Size { rows, cols } = self.size();
        let n = sequence.parameters.count(0).min(rows.max(cols));
        let of_rows = |n: u16| u64::from(n.min(rows)) * u64::from(cols);
        let (cells, work) = match sequence.end {
            b'@' | b'P' | b'X' => (u64::from(cols), Work::Shift),
            b'S' => (of_rows(n), Work::Keep),
            _ => (of_rows(n), Work::Clear),
        };
        if !self.budget.pay(cells, work) {
            return;
        }
        match sequence.end {
            b'@' => self.insert_cells(n),
            b'P' => self.delete_cells(n),
            b'X' => {
                self.paint_erased();
                self.screens.order(format_args!("\x1b[{n}X"));
                self.touch_row();
            }
            // With more parameters it would ask for the mouse to be tracked (mode 1001).
            b'T' if sequence.parameters.len() > 1 => {}
            end => self.shift_rows(end, n),
        }
    }

    fn touch_row(&mut self) {
        let row = self.screens.cursor().row;
        self.touched.add(row..row + 1);
    }

    /// ICH.
    pub(super) fn insert_cells(&mut self, n: u16) {
        let place = self.screens.cursor();
        self.touch_row();
        if self.screens.cell(place).continuation {
            // `vt100` would part the two halves of a wide character.
            self.paint_erased();
            self.screens.write(b"\x1b[X");
        }
        self.screens.order(format_args!("\x1b[{n}@"));
        if self.has_background() {
            self.paint_erased();
            self.screens.order(format_args!("\x1b[{n}X"));
        }
    }

    /// DCH.
    fn delete_cells(&mut self, n: u16) {
        let (Place { row, col }, cols) = (self.screens.cursor(), self.size().cols);
        self.touch_row();
        self.screens.order(format_args!("\x1b[{n}P"));
        // Behind the last column nothing was deleted, and the cursor could not come back there.
        if self.has_background() && col < cols {
            self.paint_erased();
            self.screens.place(Place { row, col: cols.saturating_sub(n).max(col) });
            self.screens.write(b"\x1b[K");
            self.screens.place(Place { row, col });
        }
    }

    /// IL, DL, SU and SD: the new rows are those at one end of what moves.
    fn shift_rows(&mut self, end: u8, n: u16) {
        let row = self.screens.cursor().row;
        let moved = match end {
            b'L' | b'M' if !self.region.contains(&row) => return,
            b'L' | b'M' => row..self.region.end,
            _ => self.region.clone(),
        };
        self.touched.add(moved.clone());
        self.screens.order(format_args!("\x1b[{n}{}", char::from(end)));
        let n = n.min(moved.end - moved.start);
        self.fill_rows(match end {
            b'L' | b'T' => moved.start..moved.start + n,
            _ => moved.end - n..moved.end,
        });
    }

    /// ED. Number 3 erases the scrollback, which is the history.
    fn erase_display(&mut self, what: u16) {
        if what == 3 {
            return self.screens.history_mut().clear();
        }
        if what <= 2 && self.budget.pay(self.cells(), Work::Clear) {
            let (row, rows) = (self.screens.cursor().row, self.size().rows);
            self.touched.add(match what {
                0 => row..rows,
                1 => 0..row + 1,
                _ => 0..rows,
            });
            self.paint_erased();
            self.screens.order(format_args!("\x1b[{what}J"));
        }
    }

    /// EL.
    fn erase_line(&mut self, what: u16) {
        if what <= 2 && self.budget.pay(u64::from(self.size().cols), Work::Shift) {
            self.touch_row();
            self.paint_erased();
            self.screens.order(format_args!("\x1b[{what}K"));
        }
    }

    /// TBC.
    fn clear_tabs(&mut self, what: u16) {
        match what {
            0 => self.tabs.clear(self.screens.cursor().col.min(self.size().cols - 1)),
            3 => self.tabs.clear_all(),
            _ => {}
        }
    }

    /// DECSTBM: a region of two rows at least; any other order is passed over, as xterm does.
    fn set_region(&mut self, parameters: Parameters<'_>) {
        let rows = self.size().rows;
        let last = match parameters.number(1) {
            0 => rows,
            last => last.min(rows),
        };
        let first = parameters.count(0);
        if first < last {
            self.region = first - 1..last;
            self.give_region();
        }
    }

    /// DECSCUSR. Whether it blinks is the business of the user's terminal.
    fn shape_cursor(&mut self, number: u16) {
        if number <= 6 {
            self.screens.order(format_args!("\x1b[{number} q"));
        }
    }

    fn set_keyboard(&mut self, sequence: Sequence<'_>) {
        let (shown, parameters) = (self.shown(), sequence.parameters);
        let keyboards = &mut self.keyboards[shown];
        match sequence.mark {
            b'>' => keyboards.push(parameters.number(0)),
            b'<' => keyboards.pop(parameters.count(0)),
            _ => keyboards.set(parameters.number(0), parameters.number(1)),
        }
    }
}
