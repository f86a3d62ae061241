//! The two screens of one terminal, as `vt100` holds them: cells, cursor, wrapping, the region that scrolls, erasing.
//!
//! `vt100` is given text that is fit to be shown and whole sequences that it knows, and nothing else; between them its
//! screen is read. What a terminal does beyond that is put together from these (`terminal`).

use std::fmt::Write as _;
use std::num::NonZeroU16;

use super::cell::{Cell, Style};
use super::history::History;
use super::pens::{self, Pens};
use crate::size::Size;

/// A place on the screen, from 0. The column may be one beyond the last: there the cursor waits after the last column
/// was written, until the next character begins the next row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) row: u16,
    pub(super) col: u16,
}

/// Both screens, and what becomes of the rows that leave them.
pub(super) struct Screens {
    vt: vt100::Parser<Watch>,
    /// What `vt100` draws with; nothing where only it knows.
    painted: Option<Style>,
    /// The alternate screen has been shown, so that `vt100` holds cells for it.
    has_alternate: bool,
    /// A sequence on its way, kept for its memory.
    order: String,
}

impl Screens {
    pub(super) fn new(size: Size, history: History) -> Screens {
        let watch = Watch { history, ..Watch::default() };
        // Rows that leave the screen go to our own history at once; `vt100` keeps none.
        let vt = vt100::Parser::new_with_callbacks(cells(size.rows), cells(size.cols), 0, watch);
        Screens { vt, painted: Some(Style::PLAIN), has_alternate: false, order: String::new() }
    }

    /// The screen that is written to.
    pub(super) fn live(&self) -> &vt100::Screen {
        self.vt.screen()
    }

    pub(super) fn size(&self) -> Size {
        let (rows, cols) = self.live().size();
        Size { rows: rows.get(), cols: cols.get() }
    }

    pub(super) fn cursor(&self) -> Place {
        let (row, col) = self.live().cursor_position();
        Place { row, col }
    }

    /// A cell of the screen that is written to; blank outside.
    pub(super) fn cell(&self, place: Place) -> Cell<'_> {
        self.live().cell(place.row, place.col).map_or(Cell::BLANK, |cell| Cell::of(cell, self.pens()))
    }

    pub(super) fn history(&self) -> &History {
        &self.vt.callbacks().history
    }

    pub(super) fn history_mut(&mut self) -> &mut History {
        &mut self.vt.callbacks_mut().history
    }

    pub(super) fn pens(&self) -> &Pens {
        &self.vt.callbacks().pens
    }

    /// Whether the bell rang since the last call.
    pub(super) fn take_bell(&mut self) -> bool {
        std::mem::take(&mut self.vt.callbacks_mut().bell)
    }

    /// Gives `vt100` text or sequences.
    pub(super) fn write(&mut self, bytes: &[u8]) {
        self.vt.process(bytes);
    }

    /// Gives it a sequence that has to be put together.
    pub(super) fn order(&mut self, sequence: std::fmt::Arguments<'_>) {
        self.order.clear();
        self.order.write_fmt(sequence).expect("writing into memory cannot fail");
        self.vt.process(self.order.as_bytes());
    }

    /// Draws in this style from now on.
    pub(super) fn paint(&mut self, style: Style) {
        if self.painted == Some(style) {
            return;
        }
        let drawn = self.vt.callbacks_mut().pens.drawn(style);
        self.order.clear();
        pens::put_sgr(drawn, &mut self.order);
        self.vt.process(self.order.as_bytes());
        self.painted = Some(style);
    }

    /// Moves the cursor, whatever region and origin there are. A column beyond the last becomes the last.
    pub(super) fn place(&mut self, to: Place) {
        let from = self.cursor();
        if from.row != to.row {
            self.order(format_args!("\x1b[{}d", to.row + 1));
        }
        if from.col != to.col {
            self.order(format_args!("\x1b[{}G", to.col + 1));
        }
    }

    /// DECRC, which brings a pen back too.
    pub(super) fn restore_cursor(&mut self) {
        self.write(b"\x1b8");
        self.painted = None;
    }

    /// Shows the alternate screen or the main one, each with a cursor, region and origin of its own.
    pub(super) fn show(&mut self, alternate: bool) {
        self.has_alternate |= alternate;
        self.write(if alternate { b"\x1b[?47h" } else { b"\x1b[?47l" });
    }

    /// RIS.
    pub(super) fn reset(&mut self) {
        self.write(b"\x1bc");
        self.painted = Some(Style::PLAIN);
        self.has_alternate = false;
        self.vt.callbacks_mut().pens = Pens::default();
    }

    /// Gives both screens another size. Rows that fall off the top of the main one go to the history; room is added at the
    /// bottom.
    pub(super) fn resize(&mut self, size: Size) {
        self.forget_scrolled();
        self.vt.set_size(cells(size.rows), cells(size.cols));
    }

    /// Makes `vt100` forget how many rows it has scrolled away: when its screen grows it would put as many blank rows on top,
    /// in the place of rows that it no longer has. That number belongs to the main screen, so the alternate one is left
    /// for a moment; mode 47 clears nothing.
    fn forget_scrolled(&mut self) {
        if self.live().alternate_screen() {
            self.elsewhere(|vt| vt.screen_mut().clear_scrollback());
        } else {
            self.vt.screen_mut().clear_scrollback();
        }
    }

    /// Does something while the other screen is shown.
    fn elsewhere(&mut self, work: impl FnOnce(&mut vt100::Parser<Watch>)) {
        let alternate = self.live().alternate_screen();
        self.show(!alternate);
        work(&mut self.vt);
        self.show(alternate);
    }

    /// Whether pens should be swept before another is made.
    pub(super) fn want_sweep(&self) -> bool {
        let Size { rows, cols } = self.size();
        self.pens().want_sweep(usize::from(rows) * usize::from(cols))
    }

    /// Frees the pens that neither a screen nor this copy of one shows.
    pub(super) fn sweep(&mut self, copy: Option<&vt100::Screen>) {
        let mut pens = std::mem::take(&mut self.vt.callbacks_mut().pens);
        let mut marks = pens.begin_sweep();
        copy.into_iter().flat_map(cells_of).for_each(|cell| marks.mark(cell));
        cells_of(self.live()).for_each(|cell| marks.mark(cell));
        if self.has_alternate {
            self.elsewhere(|vt| cells_of(vt.screen()).for_each(|cell| marks.mark(cell)));
        }
        pens.end_sweep(marks);
        self.vt.callbacks_mut().pens = pens;
        self.painted = None;
    }

    /// Memory held beside cells and history, in bytes.
    pub(super) fn held_bytes(&self) -> usize {
        self.pens().held_bytes() + self.order.capacity() + self.vt.callbacks().row.capacity()
    }
}

fn cells_of(screen: &vt100::Screen) -> impl Iterator<Item = &vt100::Cell> {
    let (rows, cols) = screen.size();
    (0..rows.get()).flat_map(move |row| (0..cols.get()).filter_map(move |col| screen.cell(row, col)))
}

fn cells(n: u16) -> NonZeroU16 {
    NonZeroU16::new(n).unwrap_or(NonZeroU16::MIN)
}

/// What `vt100` tells while it works.
#[derive(Debug, Default)]
struct Watch {
    history: History,
    pens: Pens,
    bell: bool,
    /// A row on its way to the history, kept for its memory.
    row: String,
}

impl vt100::Callbacks for Watch {
    fn audible_bell(&mut self, _: &mut vt100::Screen) {
        self.bell = true;
    }

    fn on_scroll(&mut self, contents: vt100::capture::RowContents<'_>, alternate_screen: bool) {
        if alternate_screen {
            return;
        }
        self.row.clear();
        let mut plain = vt100::capture::BasicFormattedCaptureState::new();
        if contents.write_formatted_basic(&mut self.row, &mut plain).is_ok() {
            self.history.push(&self.row, &self.pens);
        }
    }
}
