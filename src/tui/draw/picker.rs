//! Lists to choose from, and lines that are asked for.

use ratatui::buffer::Buffer;
use ratatui::layout::Position;
use ratatui::style::Style;

use crate::tui::app::{Picking, Prompt};
use crate::tui::layout::Layout;
use crate::tui::line::Line;
use crate::tui::picker::Picker;

use super::dialogs::{self, Panel, Row};
use super::text::{count, fitting, width};
use super::theme;

/// What stands before the letters of a list.
const LETTERS: &str = "› ";

/// Columns of the line in a dialog, so that the box does not grow with it.
const LINE_COLUMNS: u16 = 60;

/// Paints a list.
pub(super) fn picker(picking: Picking, picker: &Picker, layout: &Layout, buf: &mut Buffer) {
    dialogs::panel(&picker_panel(picking, picker, layout), layout, buf);
}

/// The cursor among the letters of a list.
pub(super) fn picker_cursor(picking: Picking, picker: &Picker, layout: &Layout) -> Option<Position> {
    let columns = before_cursor(LETTERS, picker.line(), layout);
    dialogs::cursor_in(&picker_panel(picking, picker, layout), LETTERS, columns, layout)
}

fn picker_panel(picking: Picking, picker: &Picker, layout: &Layout) -> Panel<'static> {
    let columns = dialogs::most_columns(layout);
    // As many rows as there are choices and room, whether or not so many match: the box stands still while letters are typed.
    // Hits come while the list is open, so it has all the room from the beginning.
    let wanted = if picking == Picking::Hits { usize::MAX } else { picker.len() };
    let room = dialogs::most_rows(layout).saturating_sub(2).min(wanted).clamp(1, 20);
    let first = picker.marked().saturating_sub(room - 1);
    let mut rows = vec![line_row(LETTERS, picker.line(), layout)];
    for n in first..first + room {
        let Some(choice) = picker.matching().nth(n) else {
            rows.push(Row::new(" ".repeat(usize::from(columns)), Style::new()));
            continue;
        };
        let (mark, style) = if n == picker.marked() { ("▶", theme::strong()) } else { (" ", Style::new()) };
        let detail = fitting(&choice.detail, columns / 2);
        let text = fitting(&choice.text, columns.saturating_sub(width(detail) + 3));
        let gap = usize::from(columns.saturating_sub(width(text) + width(detail) + 2));
        rows.push(Row::new(format!("{mark} {text}{:gap$}{detail}", ""), style));
    }
    let all = count(picker.matching().len(), "match").replace("matchs", "matches");
    rows.push(Row::new(format!("{all} · ↑ ↓ move · {} · Esc leaves", picking.enter()), theme::quiet()));
    Panel { title: picking.title(), rows }
}

/// Paints a line that is asked for.
pub(super) fn prompt(prompt: &Prompt, layout: &Layout, buf: &mut Buffer) {
    dialogs::panel(&prompt_panel(prompt, layout), layout, buf);
}

/// The cursor in that line.
pub(super) fn prompt_cursor(prompt: &Prompt, layout: &Layout) -> Option<Position> {
    let label = prompt.purpose.label();
    let columns = before_cursor(label, &prompt.line, layout);
    dialogs::cursor_in(&prompt_panel(prompt, layout), label, columns, layout)
}

fn prompt_panel(prompt: &Prompt, layout: &Layout) -> Panel<'static> {
    let purpose = &prompt.purpose;
    let mut rows = vec![line_row(purpose.label(), &prompt.line, layout)];
    if let Some(fault) = &prompt.fault {
        rows.push(Row::new(fault.clone(), theme::strong()));
    }
    rows.push(Row::new(purpose.hint(), theme::quiet()));
    rows.push(Row::new(purpose.keys(), theme::quiet()));
    Panel { title: purpose.title(), rows }
}

/// A label with the part of a line around its cursor.
fn line_row(label: &str, line: &Line, layout: &Layout) -> Row {
    let room = room(label, layout);
    let shown = behind_columns(line.text(), skipped(line, room));
    let pad = usize::from(room.min(LINE_COLUMNS));
    Row::typed(format!("{label}{:<pad$}", fitting(shown, room)), theme::strong())
}

fn before_cursor(label: &str, line: &Line, layout: &Layout) -> u16 {
    let skipped = line.text().len() - behind_columns(line.text(), skipped(line, room(label, layout))).len();
    line.cursor().saturating_sub(width(&line.text()[..skipped]))
}

/// Columns for the line; one is left for the cursor behind its end.
fn room(label: &str, layout: &Layout) -> u16 {
    dialogs::most_columns(layout).saturating_sub(width(label) + 1)
}

/// Columns at the beginning of a line that are out of sight.
fn skipped(line: &Line, room: u16) -> u16 {
    line.cursor().saturating_sub(room)
}

/// What is left of a text without its first columns; a wide character that is half among them goes with them.
pub(super) fn behind_columns(text: &str, columns: u16) -> &str {
    let head = fitting(text, columns);
    let cut =
        if width(head) < columns { text[head.len()..].chars().next().map_or(0, char::len_utf8) } else { 0 };
    &text[head.len() + cut..]
}
