//! Hosts as single lines: who hears, what is special about a host, and the line its cursor is in.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::widgets::{Clear, Widget};

use crate::pane::{Cursor, CursorShape};
use crate::tui::app::{App, Mark, Tile};
use crate::tui::layout::Layout;

use super::ink::Ink;
use super::panes::{self, remarks};
use super::text::{behind, fitting, put, width};
use super::theme;
use super::{fold, guards};

/// Columns before the name: the mark of the focus, the glyph, a blank.
const LEAD: u16 = 3;

/// Widest and narrowest column of names.
const NAMES: std::ops::RangeInclusive<u16> = 6..=32;

/// What stands in front of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Front {
    /// Beside the glyph, one column wide.
    pub(super) pointer: &'static str,
    /// The style of the glyph and the name.
    pub(super) style: Style,
}

/// Paints a page of lines.
pub(super) fn page(app: &App, layout: &Layout, buf: &mut Buffer) {
    let tiles = || layout.tiles.iter().filter_map(|(id, rect)| Some((app.tile(*id)?, *rect)));
    let names = names(app, tiles(), Whose::Tile);
    for (tile, rect) in tiles() {
        let focused = app.broadcast().focus() == Some(tile.member);
        let front = match focused {
            true => Front { pointer: "▶", style: theme::attention() },
            false => Front { pointer: " ", style: guards::frame(app, tile, app.mark(tile.member)) },
        };
        line(app, tile, front, Row { area: rect, names, whose: Whose::Tile }, buf);
    }
}

/// Where a line stands, and how wide its column of names is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// One row high.
    pub(super) area: Rect,
    /// Columns for the name.
    pub(super) names: u16,
    /// Whose name it is.
    pub(super) whose: Whose,
}

/// Whose name stands in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    /// That of all hosts which the tile stands for.
    Tile,
    /// The host's own.
    Host,
}

fn name(app: &App, tile: &Tile, whose: Whose, room: u16) -> String {
    match whose {
        Whose::Tile => fold::name(app, tile, room),
        Whose::Host => tile.name.clone(),
    }
}

/// How wide the column of names is for these hosts.
pub(super) fn names<'a>(app: &App, tiles: impl Iterator<Item = (&'a Tile, Rect)>, whose: Whose) -> u16 {
    let most =
        |(tile, rect): (&Tile, Rect)| width(&name(app, tile, whose, rect.width / 3)).min(rect.width / 3);
    tiles.map(most).max().unwrap_or(0).clamp(*NAMES.start(), *NAMES.end())
}

/// Paints one line.
pub(super) fn line(app: &App, tile: &Tile, front: Front, row: Row, buf: &mut Buffer) {
    let mark = app.mark(tile.member);
    Clear.render(row.area.intersection(buf.area), buf);
    put(buf, row.area, &format!("{}{} ", front.pointer, mark.glyph()), front.style);
    let remarks = special(app, tile, row.whose);
    let Parts { name: line, remark, bar, text } = Parts::of(row, width(&remarks));
    put(buf, line, fitting(&name(app, tile, row.whose, line.width), line.width), front.style);
    put(buf, remark, &remarks, theme::frame(app, mark));
    put(buf, bar, if mark == Mark::Hears { "║" } else { "│" }, theme::frame(app, mark));
    if text.is_empty() {
        return;
    }
    panes::screen(&Ink::of(app), tile, (shown(tile, text), text), buf);
}

/// What is special about a host, for the middle of a line.
fn special(app: &App, tile: &Tile, whose: Whose) -> String {
    let remarks = format!("{}{}", guards::words(app, tile), remarks(app, tile, whose));
    let remarks = remarks.trim_start();
    remarks
        .strip_prefix("· ")
        .or(Some(remarks).filter(|remarks| !remarks.is_empty()))
        .map_or(String::new(), |remarks| format!("{remarks} "))
}

/// The parts of a line behind the glyph.
struct Parts {
    name: Rect,
    remark: Rect,
    /// Between what omnes says and what the host does: double where it hears, as a frame is.
    bar: Rect,
    text: Rect,
}

impl Parts {
    /// The parts of a line whose remarks are so many columns wide.
    fn of(row: Row, remarks: u16) -> Parts {
        let cut = |line: Rect, columns: u16| Rect { width: columns.min(line.width), ..line };
        let rest = behind(row.area, LEAD);
        let name = cut(rest, row.names);
        let rest = behind(rest, row.names + 1);
        let remark = cut(rest, remarks);
        let rest = behind(rest, remark.width);
        Parts { name, remark, bar: cut(rest, 1), text: behind(rest, 2) }
    }
}

/// The row of a screen that says most, and the first column shown of it: the row with the cursor and the part around it;
/// where nothing stands there, the last row above it in which something does.
fn shown(tile: &Tile, text: Rect) -> (u16, u16) {
    // A line follows the cursor also where the tile of its host was moved off it.
    let (row, col) = tile.around_cursor(Rect { height: 1, ..text });
    let is_blank = |row: u16| is_blank(tile, row);
    match is_blank(row) {
        false => (row, col),
        true => (0..row).rev().find(|row| !is_blank(*row)).map_or((row, col), |above| (above, 0)),
    }
}

fn is_blank(tile: &Tile, row: u16) -> bool {
    let screen = tile.pane.screen();
    (0..screen.size().cols).all(|col| matches!(screen.cell(row, col).text, "" | " "))
}

/// The cursor in the line of the focused host, where its program shows one.
pub(super) fn cursor(app: &App, layout: &Layout) -> Option<(Position, CursorShape)> {
    let tile = app.broadcast().focus().and_then(|id| app.tile(id))?;
    let area = layout.rect(tile.member)?;
    let cursor = tile.pane.screen().cursor();
    if !tile.state.is_ready() || cursor.cursor == Cursor::Hidden {
        return None;
    }
    let tiles = layout.tiles.iter().filter_map(|(id, rect)| Some((app.tile(*id)?, *rect)));
    let row = Row { area, names: names(app, tiles, Whose::Tile), whose: Whose::Tile };
    let text = Parts::of(row, width(&special(app, tile, Whose::Tile))).text;
    let (row, first) = shown(tile, text);
    let col = cursor.col.checked_sub(first).filter(|_| row == cursor.row)?;
    let at = Position::new(text.x.saturating_add(col), text.y);
    text.contains(at).then_some((at, cursor.shape))
}
