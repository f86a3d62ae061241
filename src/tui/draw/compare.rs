//! Two screens side by side. What differs is reversed and underlined, and its row has a mark between both.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::widgets::{Clear, Widget};

use crate::broadcast::MemberId;
use crate::tui::app::{App, Comparison};
use crate::tui::fold::compare::Line;
use crate::tui::layout::Layout;

use super::ink::Ink;
use super::text::{behind, count, fitting, put, row};
use super::theme;

/// Columns between both screens.
const GUTTER: u16 = 3;

/// Paints the comparison over the tiles.
pub(super) fn compare(app: &App, comparison: &Comparison, layout: &Layout, buf: &mut Buffer) {
    let body = Rect::new(0, 0, layout.area.width, layout.status.y).intersection(buf.area);
    Clear.render(body, buf);
    let half = body.width.saturating_sub(GUTTER) / 2;
    let left = Rect { width: half, ..body };
    let right = Rect { width: half, ..behind(body, half + GUTTER) };
    let room = usize::from(body.height.saturating_sub(2));
    let lines = app.compared(comparison, comparison.top..comparison.top + room).lines;
    heading(comparison, (left, right), buf);
    for (n, line) in (1u16..).zip(lines.iter().skip(comparison.top).take(room)) {
        let first = comparison.first_column;
        let sides = [
            (comparison.left().0, line.left, &line.left_differs, row(left, n)),
            (comparison.right().0, line.right, &line.right_differs, row(right, n)),
        ];
        for (member, from, differs, area) in sides {
            if let Some(from) = from {
                screen_row(app, (member, from, first), area, buf);
                differs.iter().for_each(|columns| mark(columns, first, area, buf));
            }
        }
        put(buf, behind(row(body, n), half), gutter(line), theme::strong());
    }
    let differing = lines.iter().filter(|line| !line.equal).count();
    let (at, of) = comparison.place();
    let others = if of > 1 { format!(" · n p other of {of} ({at})") } else { String::new() };
    let text = format!("{} · ↑ ↓ ← → scroll{others} · Esc leaves", differ(differing));
    put(buf, row(body, body.height.saturating_sub(1)), &text, theme::quiet());
}

fn differ(rows: usize) -> String {
    match rows {
        0 => "no row differs, names put aside".to_owned(),
        1 => "1 row differs, names put aside".to_owned(),
        n => format!("{} differ, names put aside", count(n, "row")),
    }
}

fn heading(comparison: &Comparison, (left, right): (Rect, Rect), buf: &mut Buffer) {
    for (label, area) in [(comparison.left().1, left), (comparison.right().1, right)] {
        put(buf, row(area, 0), fitting(label, area.width), theme::attention());
    }
}

/// One row of a screen, from a column on.
fn screen_row(app: &App, (member, from, first): (MemberId, u16, u16), area: Rect, buf: &mut Buffer) {
    let Some(tile) = app.tile(member) else { return };
    let (screen, ink) = (tile.pane.screen(), Ink::of(app));
    for (n, x) in (area.left()..area.right()).enumerate() {
        let cell = screen.cell(from, first + n as u16);
        ink.paint(cell, area.right() - x, Position::new(x, area.y), buf);
    }
}

/// Marks columns of a row.
fn mark(columns: &std::ops::Range<u16>, first: u16, area: Rect, buf: &mut Buffer) {
    let start = columns.start.max(first) - first;
    let end = columns.end.max(first) - first;
    let marked = Rect { width: end.saturating_sub(start), ..behind(area, start) };
    let style = Style::new().add_modifier(Modifier::REVERSED | Modifier::UNDERLINED);
    buf.set_style(marked.intersection(area), style);
}

fn gutter(line: &Line) -> &'static str {
    match (line.left, line.right) {
        (Some(_), None) => " < ",
        (None, Some(_)) => " > ",
        _ if !line.equal => " ≠ ",
        _ => " │ ",
    }
}
