//! The terminal of one host: what the sequences of an xterm do to its screens.
//!
//! The parser ([`super::parser`]) hands over text that is fit to be shown, controls, and whole sequences. What they do is
//! spread over this directory: text and controls (`text`), control sequences (`control`), modes and the two screens
//! (`modes`), what concerns the window (`window`), and updates that are shown only when they are complete (`update`).
//!
//! A cursor that has written the last column stands one column beyond it, and the next character begins the next row; what
//! erases from the cursor on then erases nothing of the row, as in tmux.

mod control;
mod modes;
mod text;
mod update;
mod window;

use std::ops::Range;
use std::time::Duration;

use super::budget::{Budget, Work};
use super::cell::Style;
use super::charset::Charsets;
use super::grid::{Grid, Row};
use super::history::History;
use super::keyboard::Keyboards;
use super::modes::Modes;
use super::pen::Pen;
use super::replies::{Facts, Question, Replies};
use super::slot::Clusters;
use super::tabs::Tabs;
use crate::size::Size;
use update::Update;
pub(super) use window::Window;

/// A place on the screen, from 0. The column may be one beyond the last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) row: u16,
    pub(super) col: u16,
}

/// What DECSC saves. Each of the two screens has one.
#[derive(Clone, Copy, Debug, Default)]
struct Saved {
    cursor: Place,
    style: Style,
    charsets: Charsets,
    origin: bool,
}

/// The modes that concern this terminal alone, and not what its host hears.
#[derive(Clone, Copy, Debug)]
struct Ways {
    /// IRM: text moves what it meets to the right.
    insert: bool,
    /// DECAWM: text goes on in the next row.
    autowrap: bool,
    /// DECOM: rows are counted from the top of the region.
    origin: bool,
    /// LNM: a line feed returns to the first column.
    newline: bool,
    /// DECSCNM: the whole screen in inverse.
    reversed: bool,
}

impl Default for Ways {
    fn default() -> Ways {
        Ways { insert: false, autowrap: true, origin: false, newline: false, reversed: false }
    }
}

/// Which rows may have changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Touched(pub(super) Range<u16>);

impl Touched {
    /// Notes that these may have, too.
    pub(super) fn add(&mut self, rows: Range<u16>) {
        self.0 = match self.0.is_empty() {
            true => rows,
            false => self.0.start.min(rows.start)..self.0.end.max(rows.end),
        };
    }
}

/// What is to be seen of a terminal at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Face<'a> {
    pub(super) rows: &'a [Row],
    pub(super) clusters: &'a Clusters,
    pub(super) cursor: Place,
    pub(super) modes: &'a Modes,
    pub(super) reversed: bool,
}

/// The terminal of one host.
#[derive(Debug)]
pub(super) struct Terminal {
    size: Size,
    main: Grid,
    /// Made when it is first shown, and let go with what empties it.
    alternate: Option<Grid>,
    clusters: Clusters,
    cursor: Place,
    style: Style,
    /// The style, packed.
    pen: Pen,
    charsets: Charsets,
    /// Of the main screen and of the alternate one.
    saved: [Saved; 2],
    keyboards: [Keyboards; 2],
    /// The rows that scroll.
    region: Range<u16>,
    tabs: Tabs,
    /// The last character of text, for REP.
    last: Option<char>,
    modes: Modes,
    ways: Ways,
    update: Option<Update>,
    touched: Touched,
    now: Duration,
    budget: Budget,
    pub(super) window: Window,
    pub(super) history: History,
    pub(super) replies: Replies,
    pub(super) bell: bool,
}

impl Terminal {
    pub(super) fn new(size: Size, history: History) -> Terminal {
        Terminal {
            size,
            main: Grid::new(size),
            alternate: None,
            clusters: Clusters::default(),
            cursor: Place::default(),
            style: Style::PLAIN,
            pen: Pen::PLAIN,
            charsets: Charsets::default(),
            saved: Default::default(),
            keyboards: Default::default(),
            region: 0..size.rows,
            tabs: Tabs::new(size.cols),
            last: None,
            modes: Modes::default(),
            ways: Ways::default(),
            update: None,
            touched: Touched(0..size.rows),
            now: Duration::ZERO,
            budget: Budget::new(size),
            window: Window::default(),
            history,
            replies: Replies::default(),
            bell: false,
        }
    }

    pub(super) fn size(&self) -> Size {
        self.size
    }

    pub(super) fn modes(&self) -> &Modes {
        &self.modes
    }

    /// Units of work done since the beginning; see [`Budget`].
    pub(super) fn work(&self) -> u64 {
        self.budget.spent()
    }

    /// Notes that this many bytes came.
    pub(super) fn earn(&mut self, bytes: usize) {
        self.budget.earn(bytes);
        self.count_update(bytes);
    }

    /// The screen that is written to, which is not the one to be seen while an update is under way.
    fn live(&self) -> Face<'_> {
        Face {
            rows: self.grid().rows(),
            clusters: &self.clusters,
            cursor: self.cursor,
            modes: &self.modes,
            reversed: self.ways.reversed,
        }
    }

    /// What is to be seen.
    pub(super) fn face(&self) -> Face<'_> {
        self.update.as_ref().map_or_else(|| self.live(), Update::face)
    }

    /// The rows of what is to be seen that may have changed since the last call.
    pub(super) fn take_touched(&mut self) -> Touched {
        match self.update {
            Some(_) => Touched::default(),
            None => std::mem::take(&mut self.touched),
        }
    }

    /// Memory held beside cells and history, in bytes.
    pub(super) fn held_bytes(&self) -> usize {
        self.clusters.held_bytes() + self.window.held_bytes()
    }

    fn grid(&self) -> &Grid {
        self.alternate.as_ref().filter(|_| self.modes.alternate_screen).unwrap_or(&self.main)
    }

    fn grid_mut(&mut self) -> &mut Grid {
        match &mut self.alternate {
            Some(alternate) if self.modes.alternate_screen => alternate,
            _ => &mut self.main,
        }
    }

    /// The row of the cursor, to be changed.
    fn row_mut(&mut self) -> &mut Row {
        let row = self.cursor.row;
        self.touched.add(row..row + 1);
        self.grid_mut().row_mut(row)
    }

    fn cells(&self) -> u64 {
        u64::from(self.size.rows) * u64::from(self.size.cols)
    }

    fn set_style(&mut self, style: Style) {
        self.style = style;
        self.pen = Pen::of(&style);
    }

    /// Answers a question, if it is on the list.
    fn answer(&mut self, question: Question) {
        let facts = Facts {
            modes: self.modes,
            autowrap: self.ways.autowrap,
            updating: self.update.is_some(),
            keyboard: self.keyboards[self.shown()].flags(),
            size: self.size,
            cursor: (self.cursor.row, self.cursor.col),
        };
        self.replies.answer(self.now, question, &facts);
    }

    /// 0 while the main screen is shown, 1 while the alternate one is.
    fn shown(&self) -> usize {
        usize::from(self.modes.alternate_screen)
    }

    /// Scrolls the region; rows that leave the main screen at its top go to the history.
    fn scroll_up(&mut self, count: u16) {
        let region = self.region.clone();
        let count = count.min(region.end - region.start);
        if region.start == 0 && !self.modes.alternate_screen {
            for row in &self.main.rows()[..usize::from(count)] {
                self.history.push(row, &self.clusters);
            }
        }
        let pen = self.pen.erased();
        self.touched.add(region.clone());
        self.grid_mut().scroll_up(region, count, pen);
    }

    fn scroll_down(&mut self, count: u16) {
        let (region, pen) = (self.region.clone(), self.pen.erased());
        self.touched.add(region.clone());
        self.grid_mut().scroll_down(region, count, pen);
    }

    /// RIS: everything as at the beginning, the history apart.
    pub(super) fn reset(&mut self) {
        if !self.budget.pay(self.cells(), Work::Allocate) {
            return;
        }
        let fresh = Terminal::new(self.size, std::mem::take(&mut self.history));
        let Terminal { replies, budget, window, bell, now, .. } = std::mem::replace(self, fresh);
        (self.replies, self.budget, self.window) = (replies, budget, window);
        (self.bell, self.now) = (bell, now);
    }

    /// DECSTR: modes, region and style as at the beginning; what is to be seen stays.
    fn soft_reset(&mut self) {
        self.ways = Ways { reversed: self.ways.reversed, ..Ways::default() };
        self.region = 0..self.size.rows;
        self.set_style(Style::PLAIN);
        self.charsets = Charsets::default();
        self.saved[self.shown()] = Saved::default();
        self.modes.application_cursor = false;
        self.modes.application_keypad = false;
        self.modes.cursor = super::modes::Cursor::Visible;
        self.window.begin_anew();
    }

    /// Gives both screens another size. Rows below the cursor go first, then rows at the top, which go to the history; room
    /// is added at the bottom. Lines are not broken anew: a row is cut or widened at its end.
    pub(super) fn resize(&mut self, size: Size) {
        self.end_update();
        let main = match self.modes.alternate_screen {
            true => self.saved[0].cursor.row,
            false => self.cursor.row,
        };
        let off = (main + 1).saturating_sub(size.rows);
        for row in &self.main.rows()[..usize::from(off)] {
            self.history.push(row, &self.clusters);
        }
        self.main.resize(size, off);
        let mut moved = [off, 0];
        if let Some(alternate) = &mut self.alternate {
            let row = if self.modes.alternate_screen { self.cursor.row } else { self.saved[1].cursor.row };
            moved[1] = (row + 1).saturating_sub(size.rows);
            alternate.resize(size, moved[1]);
        }
        let fit = |place: &mut Place, moved: u16| {
            place.row = place.row.saturating_sub(moved).min(size.rows - 1);
            place.col = place.col.min(size.cols - 1);
        };
        for (saved, moved) in self.saved.iter_mut().zip(moved) {
            fit(&mut saved.cursor, moved);
        }
        let shown = self.shown();
        fit(&mut self.cursor, moved[shown]);
        self.size = size;
        self.region = 0..size.rows;
        self.tabs.resize(size.cols);
        self.budget.resize(size);
        self.touched = Touched(0..size.rows);
        self.sweep();
    }

    /// Lets go of the text of cells that are gone.
    fn sweep(&mut self) {
        let alternate = self.alternate.iter_mut().flat_map(Grid::slots_mut);
        self.clusters.sweep(self.main.slots_mut().chain(alternate));
    }
}
