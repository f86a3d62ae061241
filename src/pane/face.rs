//! What a screen shows once its host's own names are put aside, as a number that says whether two screens show the same.
//!
//! A row is read as *units*: the characters as they stand, but each name of the host as one unit, and in a row that holds
//! such a name each run of blanks as one unit too, since a name of another length moves what stands behind it. Blanks at
//! the end of a row do not count, only how they look. The styles belong to the units. The cursor counts, by the unit it
//! stands at: who types into two screens types at the same place.
//!
//! A row is read again only when it may have changed. The numbers are keyed with what no host knows (the key is drawn
//! when the program starts), so that a host cannot print itself into a number that another screen has; and what stands
//! for a name in what is hashed is a byte that no text holds, so that a host cannot print that either.

use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::ops::Range;

use super::cell::Style;
use super::names::{Names, Spelling, begins_word};
use super::screen::Screen;
use super::terminal::Touched;

/// What stands for units in what is hashed: bytes that UTF-8 never holds.
const NAME: [u8; 3] = [0xf8, 0xf9, 0xfa];
const GAP: u8 = 0xfb;
const TAIL: u8 = 0xfc;
const STYLE: u8 = 0xff;

/// What one unit of a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// One cell, or both of a wide character.
    Cell,
    /// A name of the host.
    Name(Spelling),
    /// Blanks in a row with a name.
    Gap,
    /// Blanks at the end of the row that can be seen, such as the rest of a bar.
    Tail,
}

/// One unit of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// What it is.
    pub what: What,
    /// The columns it takes.
    pub columns: Range<u16>,
    /// Its cells in the row that was read.
    cells: Range<usize>,
}

/// One cell that was read: where its text begins, its column, how it looks.
struct Read {
    at: usize,
    column: u16,
    style: Style,
}

/// A row as it was read, with the names put aside.
#[derive(Default)]
pub struct Row {
    text: String,
    cells: Vec<Read>,
    units: Vec<Unit>,
    /// Cells up to the last that is no blank.
    used: usize,
}

impl Row {
    /// Reads a row of a screen.
    pub fn read(&mut self, screen: Screen<'_>, row: u16, names: &Names) {
        self.take_cells(screen, row);
        self.units.clear();
        let mut place = 0;
        let mut named = false;
        while place < self.used {
            let unit = match self.name_at(place, names) {
                Some((end, spelling)) => {
                    named = true;
                    self.unit(What::Name(spelling), place..end)
                }
                None => self.unit(What::Cell, place..place + 1),
            };
            place = unit.cells.end;
            self.units.push(unit);
        }
        if named {
            self.join_blanks();
        }
        let tail = self.used..self.cells.len();
        if self.cells[tail.clone()].iter().any(|cell| cell.style != Style::default()) {
            let unit = self.unit(What::Tail, tail);
            self.units.push(unit);
        }
    }

    /// The units, from the left.
    pub fn units(&self) -> &[Unit] {
        &self.units
    }

    /// Puts the bytes of one unit alone, for a comparison, behind `bytes`; they hold its style.
    pub fn put_bytes(&self, unit: &Unit, bytes: &mut Vec<u8>) {
        self.put(unit, &mut None, bytes);
    }

    /// Puts the bytes that stand for the whole row behind `bytes`.
    fn put_all(&self, bytes: &mut Vec<u8>) {
        let mut style = Some(Style::default());
        self.units.iter().for_each(|unit| self.put(unit, &mut style, bytes));
    }

    /// The bytes of a unit: its kind or its text, and each style that begins in it.
    fn put(&self, unit: &Unit, style: &mut Option<Style>, bytes: &mut Vec<u8>) {
        match unit.what {
            What::Cell => {}
            What::Name(spelling) => bytes.push(NAME[spelling as usize]),
            What::Gap => bytes.push(GAP),
            What::Tail => bytes.push(TAIL),
        }
        for n in unit.cells.clone() {
            if *style != Some(self.cells[n].style) {
                *style = Some(self.cells[n].style);
                bytes.push(STYLE);
                self.cells[n].style.hash(&mut Bytes(bytes));
            }
        }
        if unit.what == What::Cell {
            bytes.extend_from_slice(self.text_of(unit.cells.start).as_bytes());
        }
    }

    /// Where the cursor stands: at which unit, and how many columns behind its beginning.
    fn place_of(&self, column: u16) -> (u32, u16) {
        let units = self.units.iter().filter(|unit| unit.what != What::Tail);
        let mut end = 0;
        let mut count = 0;
        for unit in units {
            if unit.columns.contains(&column) {
                return (count, column - unit.columns.start);
            }
            end = unit.columns.end;
            count += 1;
        }
        (count, column.saturating_sub(end))
    }

    fn take_cells(&mut self, screen: Screen<'_>, row: u16) {
        self.text.clear();
        self.cells.clear();
        self.used = 0;
        for column in 0..screen.size().cols {
            let cell = screen.cell(row, column);
            if cell.continuation {
                continue;
            }
            self.cells.push(Read { at: self.text.len(), column, style: cell.style });
            match cell.text {
                "" | " " => self.text.push(' '),
                text => {
                    self.text.push_str(text);
                    self.used = self.cells.len();
                }
            }
        }
    }

    /// A name that begins at this cell and ends with another, and the cell behind it.
    fn name_at(&self, cell: usize, names: &Names) -> Option<(usize, Spelling)> {
        let at = self.cells[cell].at;
        if !begins_word(self.text[..at].chars().next_back()) {
            return None;
        }
        let (len, spelling) = names.at(&self.text, at)?;
        let end = self.cells[cell..].iter().take_while(|cell| cell.at < at + len).count() + cell;
        let whole = self.cells.get(end).map_or(self.text.len(), |cell| cell.at) == at + len;
        whole.then_some((end, spelling))
    }

    fn join_blanks(&mut self) {
        let units = std::mem::take(&mut self.units);
        for unit in units {
            let blank = unit.what == What::Cell && self.text_of(unit.cells.start) == " ";
            match self.units.last_mut() {
                Some(gap) if blank && gap.what == What::Gap => {
                    gap.cells.end = unit.cells.end;
                    gap.columns.end = unit.columns.end;
                }
                _ if blank => self.units.push(Unit { what: What::Gap, ..unit }),
                _ => self.units.push(unit),
            }
        }
    }

    fn unit(&self, what: What, cells: Range<usize>) -> Unit {
        let column = |n: usize| self.cells.get(n).map(|cell| cell.column);
        let start = column(cells.start).unwrap_or(0);
        // A wide character takes the column behind its own too; the last one's end is not known here and does not matter.
        let end = column(cells.end).unwrap_or_else(|| column(cells.end - 1).map_or(start, |last| last + 1));
        Unit { what, columns: start..end, cells }
    }

    fn text_of(&self, cell: usize) -> &str {
        let end = self.cells.get(cell + 1).map_or(self.text.len(), |next| next.at);
        &self.text[self.cells[cell].at..end]
    }
}

/// Writes down what a value hashes, so that it can be hashed with its neighbours at once.
struct Bytes<'a>(&'a mut Vec<u8>);

impl Hasher for Bytes<'_> {
    fn finish(&self) -> u64 {
        0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }
}

/// Reads the faces of many panes with one key; keeps its memory from one to the next.
pub struct FaceReader {
    key: RandomState,
    row: Row,
    bytes: Vec<u8>,
    rows: u64,
}

impl FaceReader {
    /// Numbers under this key are equal where faces are, and say nothing under another.
    pub fn new(key: RandomState) -> FaceReader {
        FaceReader { key, row: Row::default(), bytes: Vec::new(), rows: 0 }
    }

    /// Rows read since the beginning.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    fn read(&mut self, screen: Screen<'_>, row: u16, names: &Names) -> u64 {
        self.rows += 1;
        self.row.read(screen, row, names);
        self.bytes.clear();
        self.row.put_all(&mut self.bytes);
        let mut hasher = self.key.build_hasher();
        hasher.write(&self.bytes);
        hasher.finish()
    }
}

/// The numbers of one pane's rows, with the names of its host.
#[derive(Debug)]
pub(super) struct Face {
    rows: Vec<u64>,
    stale: Touched,
    names: Names,
    /// Row, column and place of the cursor when it was last looked for.
    cursor: ((u16, u16), (u32, u16)),
}

impl Face {
    pub(super) fn new(names: Names) -> Face {
        Face { rows: Vec::new(), stale: Touched::default(), names, cursor: ((u16::MAX, 0), (0, 0)) }
    }

    pub(super) fn names(&self) -> &Names {
        &self.names
    }

    /// Notes that rows may have changed.
    pub(super) fn touch(&mut self, touched: Touched) {
        self.stale.add(touched.0);
    }

    /// The number of the whole screen with its cursor.
    pub(super) fn number(&mut self, screen: Screen<'_>, reader: &mut FaceReader) -> u64 {
        let rows = usize::from(screen.size().rows);
        let at = (screen.cursor().row, screen.cursor().col);
        let stale = match self.rows.len() == rows {
            true => self.stale.0.start..self.stale.0.end.min(screen.size().rows),
            false => 0..screen.size().rows,
        };
        self.rows.resize(rows, 0);
        for row in stale {
            self.rows[usize::from(row)] = reader.read(screen, row, &self.names);
            if row == at.0 {
                self.cursor = (at, reader.row.place_of(at.1));
            }
        }
        if self.cursor.0 != at {
            reader.read(screen, at.0, &self.names);
            self.cursor = (at, reader.row.place_of(at.1));
        }
        self.stale = Touched::default();
        let mut hasher = reader.key.build_hasher();
        self.rows.hash(&mut hasher);
        let seen = screen.cursor().cursor == super::modes::Cursor::Visible;
        seen.then_some((at.0, self.cursor.1)).hash(&mut hasher);
        hasher.finish()
    }
}

#[cfg(test)]
mod tests;
