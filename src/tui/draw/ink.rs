//! How what hosts print looks on the user's terminal: their attributes, and their colours as far as it has them.

use std::cell::Cell as Known;

use ratatui::buffer::Buffer;
use ratatui::layout::Position;
use ratatui::style::{Modifier, Style};
use unicode_width::UnicodeWidthStr;

use crate::pane::{self, Cell};
use crate::tui::app::App;
use crate::tui::theme::Theme;

use super::theme;

/// Styles of hosts on the user's terminal. The nearest colour is looked for among hundreds, so the last style is kept:
/// most cells look as the one before them.
pub(super) struct Ink<'a> {
    theme: &'a Theme,
    last: Known<(pane::Style, Style)>,
}

impl<'a> Ink<'a> {
    /// For one tile or one line.
    pub(super) fn of(app: &'a App) -> Ink<'a> {
        let (theme, usual) = (&app.options().theme, pane::Style::default());
        Ink { theme, last: Known::new((usual, shown(theme, usual))) }
    }

    /// A style as the terminal can show it.
    pub(super) fn style(&self, style: pane::Style) -> Style {
        if self.last.get().0 != style {
            self.last.set((style, shown(self.theme, style)));
        }
        self.last.get().1
    }

    /// Paints one cell. Half of a wide character is never painted: neither over the frame nor without its first half.
    pub(super) fn paint(&self, cell: Cell<'_>, room: u16, at: Position, buf: &mut Buffer) {
        let Some(target) = buf.cell_mut(at) else { return };
        if cell.continuation {
            // The first half stands to the left and has taken this cell, unless it is out of sight.
            target.set_style(self.style(cell.style));
            return;
        }
        let text = match cell.text {
            "" => " ",
            _ if cell.wide && room < 2 => " ",
            // The emulator and the screen must agree on every width, or the rest of the row is out of place.
            text if text.len() > 1 && text.width() != 1 + usize::from(cell.wide) => "\u{fffd}",
            text => text,
        };
        target.set_symbol(text).set_style(self.style(cell.style));
    }
}

fn shown(theme: &Theme, style: pane::Style) -> Style {
    let color = |color| theme::color(theme.shown(color));
    let mut out = Style::new().fg(color(style.fg)).bg(color(style.bg));
    if style.underline.is_some() {
        out = out.underline_color(color(style.underline_color));
    }
    for (set, modifier) in [
        (style.bold, Modifier::BOLD),
        (style.dim, Modifier::DIM),
        (style.italic, Modifier::ITALIC),
        // A wave, dots and dashes cannot be told to the screen, so every kind of line is drawn as one.
        (style.underline.is_some(), Modifier::UNDERLINED),
        (style.inverse, Modifier::REVERSED),
        (style.blink, Modifier::SLOW_BLINK),
        (style.conceal, Modifier::HIDDEN),
        (style.strike, Modifier::CROSSED_OUT),
    ] {
        if set {
            out = out.add_modifier(modifier);
        }
    }
    out
}
