//! The list of hosts at the side: how many are in which state, the filter, and one line for each host that matches.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::widgets::{Block, BorderType, Clear, Widget};

use crate::tui::app::{App, HostList, Keyboard, Listed};
use crate::tui::layout;

use super::guards;
use super::rows::{self, Front, Row, Whose};
use super::text::{behind, count, fitting, put, row, width};
use super::theme;

/// What stands before the filter.
const FILTER: &str = "/ ";

/// What its keys do.
const KEYS: &str = " Enter goes · Space in/out ";

/// What a filter may hold.
const HINT: &str = "name, state, tag";

/// Paints the list, if it is open.
pub(super) fn list(app: &App, buf: &mut Buffer) {
    let (Some(area), Some(list), Some(listed)) = (app.layout().list, app.list(), app.listed()) else {
        return;
    };
    let has_keyboard = matches!(app.keyboard(), Keyboard::HostList);
    Clear.render(area.intersection(buf.area), buf);
    if layout::has_frame(area) {
        let (kind, style) = match has_keyboard {
            true => (BorderType::Thick, theme::strong()),
            false => (BorderType::Plain, theme::quiet()),
        };
        Block::bordered().border_type(kind).border_style(style).render(area.intersection(buf.area), buf);
    }
    put(
        buf,
        behind(row(area, 0), 2),
        &title(app, &listed),
        if has_keyboard { theme::attention() } else { theme::strong() },
    );
    if has_keyboard && layout::has_frame(area) {
        let line = behind(row(area, area.height - 1), 2);
        put(buf, line, fitting(KEYS, line.width.saturating_sub(1)), theme::quiet());
    }
    let inside = layout::inner(area);
    put(buf, row(inside, 0), &counts(app, inside.width), theme::strong());
    filter(list, row(inside, 1), buf);
    if listed.matching.is_empty() {
        put(buf, row(listed.rows, 0), " no host matches", theme::quiet());
    }
    hosts(app, &listed, buf);
}

fn title(app: &App, listed: &Listed<'_>) -> String {
    let all = count(app.tiles().len(), "host");
    match listed.matching.len() == app.tiles().len() {
        true => format!(" {all} "),
        false => format!(" {} of {all} ", listed.matching.len()),
    }
}

/// As many of the counts as fit, those that receive first.
fn counts(app: &App, columns: u16) -> String {
    let receiving = app.broadcast().members().filter(|member| member.receives()).count();
    let mut text = format!(" {receiving} receiving");
    for state in super::status::states(app) {
        // The key that mends it stands in the bottom line.
        let state = state.split(':').next().unwrap_or_default();
        if width(&text) + width(state) + 3 > columns {
            break;
        }
        text.push_str(&format!(" · {state}"));
    }
    text
}

fn filter(list: &HostList, line: Rect, buf: &mut Buffer) {
    let used = put(buf, behind(line, 1), FILTER, theme::strong()) + 1;
    match list.line().text() {
        "" => put(buf, behind(line, used), HINT, theme::quiet()),
        text => put(buf, behind(line, used), fitting(text, line.width), Style::new()),
    };
}

fn hosts(app: &App, listed: &Listed<'_>, buf: &mut Buffer) {
    let shown = || listed.shown().filter_map(|(id, area)| Some((app.tile(id)?, area)));
    let names = rows::names(app, shown(), Whose::Host);
    let marked = listed.marked.and_then(|n| listed.matching.get(n)).copied();
    for (tile, area) in shown() {
        let (is_marked, focused) =
            (marked == Some(tile.member), app.broadcast().focus() == Some(tile.member));
        let pointer = match (focused, is_marked) {
            (true, _) => "▶",
            (false, true) => "›",
            (false, false) => " ",
        };
        let style = guards::frame(app, tile, app.mark(tile.member));
        let style = match is_marked && matches!(app.keyboard(), Keyboard::HostList) {
            true => style.add_modifier(Modifier::REVERSED),
            false => style,
        };
        rows::line(app, tile, Front { pointer, style }, Row { area, names, whose: Whose::Host }, buf);
    }
}

/// The cursor in the filter.
pub(super) fn cursor(app: &App) -> Option<Position> {
    let (area, list) = (app.layout().list?, app.list()?);
    let line = row(layout::inner(area), 1);
    let column = (1 + width(FILTER)).saturating_add(list.line().cursor()).min(line.width.saturating_sub(1));
    (!line.is_empty()).then(|| Position::new(line.x + column, line.y))
}
