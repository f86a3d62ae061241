//! What control sequences do.

use super::{Place, Terminal};
use crate::pane::budget::Work;
use crate::pane::modes::CursorShape;
use crate::pane::replies::Question;
use crate::pane::sequence::{Parameters, Sequence};
use crate::pane::sgr;

impl Terminal {
    /// A whole control sequence. What is not known does nothing, unless it is a question on the list.
    pub(in crate::pane) fn sequence(&mut self, sequence: Sequence<'_>) {
        let parameters = sequence.parameters;
        match (sequence.mark, sequence.intermediate, sequence.end) {
            (0, 0, b'm') => {
                let mut style = self.style;
                sgr::apply(&mut style, parameters);
                self.set_style(style);
            }
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

    /// Where a row counted from 0 lies, and where rows begin and end, with the origin the host chose.
    fn bounds(&self) -> (u16, u16) {
        match self.ways.origin {
            true => (self.region.start, self.region.end - 1),
            false => (0, self.size.rows - 1),
        }
    }

    /// CUP: rows and columns from 1.
    pub(super) fn go(&mut self, row: u16, col: u16) {
        let (first, last) = self.bounds();
        let row = (row - 1).saturating_add(first).min(last);
        self.cursor = Place { row, col: (col - 1).min(self.size.cols - 1) };
    }

    fn travel(&mut self, sequence: Sequence<'_>) {
        let parameters = sequence.parameters;
        let n = parameters.count(0);
        match sequence.end {
            b'A' => self.up(n),
            b'B' | b'e' => self.down(n),
            b'C' | b'a' => self.to_column(self.cursor.col.saturating_add(n)),
            // From beyond the last column the first step leads onto it.
            b'D' => self.to_column(self.cursor.col.saturating_sub(n)),
            b'E' => {
                self.cursor.col = 0;
                self.down(n);
            }
            b'F' => {
                self.cursor.col = 0;
                self.up(n);
            }
            b'G' | b'`' => self.to_column(n - 1),
            b'H' | b'f' => self.go(n, parameters.count(1)),
            b'I' => self.tab(n),
            b'Z' => self.back_tab(n),
            b'd' => {
                let (first, last) = self.bounds();
                self.cursor.row = (n - 1).saturating_add(first).min(last);
            }
            _ => {}
        }
    }

    fn to_column(&mut self, col: u16) {
        self.cursor.col = col.min(self.size.cols - 1);
    }

    /// CUU stops at the top of the region, if it begins within or below it.
    fn up(&mut self, n: u16) {
        let stop = if self.cursor.row >= self.region.start { self.region.start } else { 0 };
        self.cursor.row = self.cursor.row.saturating_sub(n).max(stop);
    }

    /// CUD stops at the bottom of the region, if it begins within or above it.
    fn down(&mut self, n: u16) {
        let stop = if self.cursor.row < self.region.end { self.region.end } else { self.size.rows };
        self.cursor.row = self.cursor.row.saturating_add(n).min(stop - 1);
    }

    /// What inserts, deletes and scrolls. A count beyond what there is room for is that room.
    fn shift(&mut self, sequence: Sequence<'_>) {
        let (rows, cols) = (self.size.rows, self.size.cols);
        let (n, pen) = (sequence.parameters.count(0), self.pen.erased());
        let of_rows = |n: u16| u64::from(n.min(rows)) * u64::from(cols);
        let (cells, work) = match sequence.end {
            b'@' | b'P' | b'X' => (u64::from(cols), Work::Shift),
            b'S' => (of_rows(n), Work::Keep),
            _ => (of_rows(n), Work::Clear),
        };
        if !self.budget.pay(cells, work) {
            return;
        }
        let col = self.cursor.col;
        let below = self.cursor.row..self.region.end;
        let inside = self.region.contains(&self.cursor.row);
        match sequence.end {
            b'@' => self.row_mut().insert(col, n, pen),
            b'P' => self.row_mut().delete(col, n, pen),
            b'X' => self.row_mut().erase(col..col.saturating_add(n).min(cols), pen),
            b'L' if inside => {
                self.touched.add(below.clone());
                self.grid_mut().scroll_down(below, n, pen);
            }
            b'M' if inside => {
                self.touched.add(below.clone());
                self.grid_mut().scroll_up(below, n, pen);
            }
            b'S' => self.scroll_up(n),
            // With more parameters it would ask for the mouse to be tracked (mode 1001).
            b'T' if sequence.parameters.len() == 1 => self.scroll_down(n),
            _ => {}
        }
    }

    /// ED. Number 3 erases the scrollback, which is the history.
    fn erase_display(&mut self, what: u16) {
        if what == 3 {
            return self.history.clear();
        }
        if what > 2 || !self.budget.pay(self.cells(), Work::Clear) {
            return;
        }
        let (row, rows, pen) = (self.cursor.row, self.size.rows, self.pen.erased());
        let whole = match what {
            0 => row + 1..rows,
            1 => 0..row,
            _ => 0..rows,
        };
        self.touched.add(whole.clone());
        self.grid_mut().erase(whole, pen);
        if what < 2 {
            self.erase_in_row(what);
        }
    }

    /// EL.
    fn erase_line(&mut self, what: u16) {
        if what <= 2 && self.budget.pay(u64::from(self.size.cols), Work::Shift) {
            self.erase_in_row(what);
        }
    }

    fn erase_in_row(&mut self, what: u16) {
        let (col, cols, pen) = (self.cursor.col, self.size.cols, self.pen.erased());
        let range = match what {
            0 => col..cols,
            1 => 0..(col + 1).min(cols),
            _ => 0..cols,
        };
        self.row_mut().erase(range, pen);
    }

    /// TBC.
    fn clear_tabs(&mut self, what: u16) {
        match what {
            0 => self.tabs.clear(self.cursor.col.min(self.size.cols - 1)),
            3 => self.tabs.clear_all(),
            _ => {}
        }
    }

    /// DECSTBM: a region of two rows at least; any other order is passed over, as xterm does.
    fn set_region(&mut self, parameters: Parameters<'_>) {
        let last = match parameters.number(1) {
            0 => self.size.rows,
            last => last.min(self.size.rows),
        };
        let first = parameters.count(0);
        if first < last {
            self.region = first - 1..last;
            self.go(1, 1);
        }
    }

    /// DECSCUSR. Whether it blinks is the business of the user's terminal.
    fn shape_cursor(&mut self, number: u16) {
        self.modes.cursor_shape = match number {
            0 => CursorShape::Default,
            1 | 2 => CursorShape::Block,
            3 | 4 => CursorShape::Underline,
            5 | 6 => CursorShape::Bar,
            _ => return,
        };
    }

    fn set_keyboard(&mut self, sequence: Sequence<'_>) {
        let (shown, parameters) = (self.shown(), sequence.parameters);
        let keyboards = &mut self.keyboards[shown];
        match sequence.mark {
            b'>' => keyboards.push(parameters.number(0)),
            b'<' => keyboards.pop(parameters.count(0)),
            _ => keyboards.set(parameters.number(0), parameters.number(1)),
        }
        self.modes.key_encoding = keyboards.encoding();
    }
}
