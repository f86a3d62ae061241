//! The terminal of one host: what the sequences of an xterm do, with `vt100` holding the screens.
//!
//! The parser ([`super::parser`]) hands over text that is fit to be shown, controls, and whole sequences. Most of it goes on
//! to the screens ([`super::screens`]) as it is. What `vt100` does otherwise or not at all is done around it: what it shows is
//! read (where the cursor is, what modes there are), and then it is given sequences that it knows. So tab stops become
//! columns, text without wrapping is held on its last column, erasing is done with a pen that has the background alone.
//! It is spread over this directory: text and controls (`text`), control sequences (`control`), modes and the two screens
//! (`modes`), what concerns the window (`window`), and updates that are shown only when they are complete (`update`).
//!
//! A cursor that has written the last column stands one column beyond it, and the next character begins the next row; what
//! erases from the cursor on then erases nothing of the row, as in tmux.

mod control;
mod modes;
#[cfg(test)]
mod tests;
mod text;
mod update;
mod window;

use std::ops::Range;
use std::time::Duration;

use super::budget::{Budget, Work};
use super::cell::{Cell, Color, Style};
use super::charset::Charsets;
use super::history::History;
use super::keyboard::Keyboards;
use super::modes::{Modes, Own};
use super::pens::Pens;
use super::replies::{Facts, Question, Replies};
use super::screens::{Place, Screens};
use super::tabs::Tabs;
use crate::size::Size;
use update::Update;
pub(super) use window::Window;

/// What DECSC saves beside the place of the cursor, which `vt100` saves. Each of the two screens has one.
#[derive(Clone, Copy, Debug, Default)]
struct Saved {
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
        self.0 = match (self.0.is_empty(), rows.is_empty()) {
            (_, true) => self.0.clone(),
            (true, _) => rows,
            _ => self.0.start.min(rows.start)..self.0.end.max(rows.end),
        };
    }
}

/// What is to be seen of a terminal at one moment.
#[derive(Clone, Copy)]
pub(super) struct Face<'a> {
    screen: &'a vt100::Screen,
    pens: &'a Pens,
    reversed: bool,
}

impl<'a> Face<'a> {
    /// The cell at a row and column, from 0; blank outside the screen.
    pub(super) fn cell(self, row: u16, col: u16) -> Cell<'a> {
        let cell = |col| self.screen.cell(row, col).map_or(Cell::BLANK, |cell| Cell::of(cell, self.pens));
        let mut seen = cell(col);
        if seen.continuation {
            // `vt100` gives the second half of a wide character no style.
            seen.style = cell(col.saturating_sub(1)).style;
        }
        seen.style.inverse ^= self.reversed;
        seen
    }

    /// The text of all rows, from the top, without styles; blanks at the end of a row may be missing. `vt100` counts its rows
    /// from the top for every cell that it is asked for, so this is far less work than the cells one by one.
    pub(super) fn texts(self) -> impl Iterator<Item = String> + 'a {
        self.screen.rows(0, self.size().cols)
    }

    pub(super) fn cursor(self) -> Place {
        let (row, col) = self.screen.cursor_position();
        Place { row, col }
    }

    /// The modes of that moment that `vt100` holds; how the cursor looks is among them.
    pub(super) fn modes(self) -> Modes {
        Modes::of(self.screen, Own::default())
    }

    pub(super) fn size(self) -> Size {
        let (rows, cols) = self.screen.size();
        Size { rows: rows.get(), cols: cols.get() }
    }
}

/// The terminal of one host.
pub(super) struct Terminal {
    screens: Screens,
    /// What text looks like from now on. The screens are told when there is some.
    style: Style,
    charsets: Charsets,
    /// Of the main screen and of the alternate one.
    saved: [Saved; 2],
    keyboards: [Keyboards; 2],
    /// The rows that scroll, in both screens.
    region: Range<u16>,
    tabs: Tabs,
    /// The last character of text, for REP.
    last: Option<char>,
    focus_events: bool,
    ways: Ways,
    update: Option<Update>,
    touched: Touched,
    /// Those that had changed when an update began.
    touched_before: Touched,
    now: Duration,
    budget: Budget,
    pub(super) window: Window,
    pub(super) replies: Replies,
}

impl Terminal {
    pub(super) fn new(size: Size, history: History) -> Terminal {
        Terminal {
            screens: Screens::new(size, history),
            style: Style::PLAIN,
            charsets: Charsets::default(),
            saved: Default::default(),
            keyboards: Default::default(),
            region: 0..size.rows,
            tabs: Tabs::new(size.cols),
            last: None,
            focus_events: false,
            ways: Ways::default(),
            update: None,
            touched: Touched(0..size.rows),
            touched_before: Touched::default(),
            now: Duration::ZERO,
            budget: Budget::new(size),
            window: Window::default(),
            replies: Replies::default(),
        }
    }

    pub(super) fn size(&self) -> Size {
        self.screens.size()
    }

    pub(super) fn modes(&self) -> Modes {
        let key_encoding = self.keyboards[self.shown()].encoding();
        Modes::of(self.screens.live(), Own { focus_events: self.focus_events, key_encoding })
    }

    pub(super) fn history(&self) -> &History {
        self.screens.history()
    }

    /// Takes the history out of a terminal that is given up.
    pub(super) fn take_history(&mut self) -> History {
        std::mem::take(self.screens.history_mut())
    }

    /// Whether the bell rang since the last call.
    pub(super) fn take_bell(&mut self) -> bool {
        self.screens.take_bell()
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

    /// What is to be seen, which is not the screen that is written to while an update is under way.
    pub(super) fn face(&self) -> Face<'_> {
        let (screen, reversed) = match &self.update {
            Some(update) => (update.screen(), update.is_reversed()),
            None => (self.screens.live(), self.ways.reversed),
        };
        Face { screen, pens: self.screens.pens(), reversed }
    }

    /// The rows of what is to be seen that may have changed since the last call.
    pub(super) fn take_touched(&mut self) -> Touched {
        let mut touched = std::mem::take(&mut self.touched_before);
        if self.update.is_none() {
            touched.add(std::mem::take(&mut self.touched).0);
        }
        touched
    }

    /// Memory held beside cells and history, in bytes.
    pub(super) fn held_bytes(&self) -> usize {
        self.screens.held_bytes() + self.window.held_bytes()
    }

    fn cells(&self) -> u64 {
        u64::from(self.size().rows) * u64::from(self.size().cols)
    }

    fn touch_all(&mut self) {
        self.touched.add(0..self.size().rows);
    }

    /// The screens draw in this style from now on.
    fn paint(&mut self, style: Style) {
        if self.screens.want_sweep() {
            self.screens.sweep(self.update.as_ref().map(Update::screen));
        }
        self.screens.paint(style);
    }

    /// What erased cells look like: the background stays, attributes do not. `vt100` keeps attributes when it erases.
    fn paint_erased(&mut self) {
        self.paint(Style { bg: self.style.bg, ..Style::PLAIN });
    }

    fn has_background(&self) -> bool {
        self.style.bg != Color::Default
    }

    /// Erases these rows where `vt100` blanked them without the background. The cursor stays.
    fn fill_rows(&mut self, rows: Range<u16>) {
        if !self.has_background() {
            return;
        }
        self.paint_erased();
        let row = self.screens.cursor().row;
        for n in rows {
            self.screens.order(format_args!("\x1b[{}d\x1b[2K", n + 1));
        }
        self.screens.order(format_args!("\x1b[{}d", row + 1));
    }

    /// Answers a question, if it is on the list.
    fn answer(&mut self, question: Question) {
        let Place { row, col } = self.screens.cursor();
        let facts = Facts {
            modes: self.modes(),
            autowrap: self.ways.autowrap,
            updating: self.update.is_some(),
            keyboard: self.keyboards[self.shown()].flags(),
            size: self.size(),
            cursor: (row, col),
        };
        self.replies.answer(self.now, question, &facts);
    }

    /// 0 while the main screen is written to, 1 while the alternate one is.
    fn shown(&self) -> usize {
        usize::from(self.screens.live().alternate_screen())
    }

    /// RIS: everything as at the beginning; history, title and what is counted stay.
    pub(super) fn reset(&mut self) {
        if !self.budget.pay(self.cells(), Work::Allocate) {
            return;
        }
        let size = self.size();
        self.end_update();
        self.screens.reset();
        self.touch_all();
        self.style = Style::PLAIN;
        self.charsets = Charsets::default();
        self.saved = Default::default();
        self.keyboards = Default::default();
        self.region = 0..size.rows;
        self.tabs = Tabs::new(size.cols);
        self.last = None;
        self.focus_events = false;
        self.ways = Ways::default();
    }

    /// DECSTR: modes, region and style as at the beginning; what is to be seen stays.
    fn soft_reset(&mut self) {
        self.ways = Ways { reversed: self.ways.reversed, ..Ways::default() };
        self.region = 0..self.size().rows;
        self.style = Style::PLAIN;
        self.charsets = Charsets::default();
        self.saved[self.shown()] = Saved::default();
        self.window.begin_anew();
        let place = self.screens.cursor();
        // What is saved is the first cell, to which region and origin lead.
        self.screens.write(b"\x1b[r\x1b[?6l\x1b7\x1b[?1l\x1b>\x1b[?25h");
        self.screens.place(place);
    }

    /// Gives both screens another size. Rows below the cursor go first, then rows at the top, which go to the history; room
    /// is added at the bottom. Lines are not broken anew: a row is cut or widened at its end.
    pub(super) fn resize(&mut self, size: Size) {
        self.end_update();
        self.screens.resize(size);
        self.region = 0..size.rows;
        self.tabs.resize(size.cols);
        self.budget.resize(size);
        self.touched = Touched(0..size.rows);
    }
}
