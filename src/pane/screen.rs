//! Reading a pane: its screen, its history, its cursor, its title.

use super::cell::{Cell, StyledLine};
use super::emulator::Emulator;
use super::modes::{Cursor, CursorShape};
use crate::size::Size;

/// Where the cursor stands and how it looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CursorAt {
    /// Row, from 0, always on the screen.
    pub row: u16,
    /// Column, from 0, always on the screen.
    pub col: u16,
    /// Whether it is drawn.
    pub cursor: Cursor,
    /// Its shape.
    pub shape: CursorShape,
}

/// A view of a pane as it is now.
#[derive(Clone, Copy)]
pub struct Screen<'a> {
    pub(super) emulator: &'a Emulator,
    pub(super) title: &'a str,
}

impl<'a> Screen<'a> {
    /// Size of the screen, which is at least 10x3 cells however small the pane is shown.
    pub fn size(self) -> Size {
        self.emulator.size()
    }

    /// The cell at a row and column, from 0; blank outside the screen.
    pub fn cell(self, row: u16, col: u16) -> Cell<'a> {
        self.emulator.screen().cell(row, col).map_or(Cell::BLANK, Cell::of)
    }

    /// The cursor.
    pub fn cursor(self) -> CursorAt {
        let (row, col) = self.emulator.screen().cursor_position();
        let (size, modes) = (self.size(), self.emulator.modes());
        CursorAt {
            row: row.min(size.rows - 1),
            // After the last column was written the cursor waits beyond it.
            col: col.min(size.cols - 1),
            cursor: modes.cursor,
            shape: modes.cursor_shape,
        }
    }

    /// The title the host set, fit to be shown: at most 64 characters, nothing that acts.
    pub fn title(self) -> &'a str {
        self.title
    }

    /// The text of a row, without blanks at its end; empty outside the screen.
    pub fn row_text(self, row: u16) -> String {
        let mut text = self.row(row).text();
        text.truncate(text.trim_end().len());
        text
    }

    /// The text of all rows, each ended by a newline, without blanks at the ends of rows.
    pub fn text(self) -> String {
        (0..self.size().rows).map(|row| self.row_text(row) + "\n").collect()
    }

    /// Lines in the history.
    pub fn history_len(self) -> usize {
        self.emulator.history().len()
    }

    /// Lines that the history has lost so far. While this and the length stay, line numbers stay.
    pub fn history_dropped(self) -> u64 {
        self.emulator.history().dropped()
    }

    /// Lines in the history and rows of the screen together.
    pub fn line_count(self) -> usize {
        self.history_len() + usize::from(self.size().rows)
    }

    /// Line `n` of history and screen together, 0 being the oldest; empty beyond the last.
    pub fn line(self, n: usize) -> StyledLine {
        let history = self.emulator.history();
        match n.checked_sub(history.len()) {
            None => history.line(n).unwrap_or_default(),
            Some(row) => u16::try_from(row).map(|row| self.row(row)).unwrap_or_default(),
        }
    }

    fn row(self, row: u16) -> StyledLine {
        let mut line = StyledLine::default();
        let size = self.size();
        if row >= size.rows {
            return line;
        }
        for cell in (0..size.cols).map(|col| self.cell(row, col)).filter(|cell| !cell.continuation) {
            line.push(if cell.text.is_empty() { " " } else { cell.text }, cell.style);
        }
        line
    }
}
