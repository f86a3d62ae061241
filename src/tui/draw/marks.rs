//! What omnes paints over the text of a tile (hits, the selection), and what it says of reading in titles and in the
//! bottom line. None of it is said by colour: hits and selections are reversed, hits are underlined too, and the one that
//! was gone to is bold with the cursor on it.

use std::ops::Range;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Modifier, Style};

use crate::tui::app::{App, Scrolling, Sign, Tile, Window};
use crate::tui::layout::{self, Layout};

use super::panes::Whom;
use super::text::{count, row};

/// Paints over the lines of a tile.
pub(super) fn lines(app: &App, tile: &Tile, inside: Rect, buf: &mut Buffer) {
    let selection = app.look().filter(|look| look.member == tile.member).and_then(|look| look.selection());
    let query = app.sought();
    if selection.is_none() && query.is_none() {
        return;
    }
    let (window, screen) = (app.window(tile, inside), tile.pane.screen());
    let mut text = String::new();
    for n in 0..inside.height {
        let (line, target) = (window.line + u64::from(n), row(inside, n));
        screen.text_of(line, &mut text);
        for columns in query.map(|query| query.columns(&text)).unwrap_or_default() {
            let is_hit =
                app.hit_of(tile.member).is_some_and(|hit| hit.line == line && hit.columns == columns);
            let style = Style::new().add_modifier(Modifier::REVERSED | Modifier::UNDERLINED);
            let style = if is_hit { style.add_modifier(Modifier::BOLD) } else { style };
            paint(window, columns, target, style, buf);
        }
        let width = crate::tui::search::column_at(&text, text.len()).max(1);
        if let Some(columns) = selection.and_then(|selection| selection.columns(line)) {
            let columns = columns.start..columns.end.min(width.max(columns.start + 1));
            paint(window, columns, target, Style::new().add_modifier(Modifier::REVERSED), buf);
        }
    }
}

/// Gives columns of a line a style.
fn paint(window: Window, columns: Range<u16>, target: Rect, style: Style, buf: &mut Buffer) {
    let start = columns.start.saturating_sub(window.col).min(target.width);
    let end = columns.end.saturating_sub(window.col).min(target.width);
    let part = Rect { x: target.x + start, width: end.saturating_sub(start), ..target };
    buf.set_style(part.intersection(buf.area), style);
}

/// The cursor of a look back.
pub(super) fn cursor(app: &App, layout: &Layout) -> Option<Position> {
    let look = app.look()?;
    let inside = layout::inner(layout.rect(look.member)?);
    let window = app.window(app.tile(look.member)?, inside);
    let row = u16::try_from(look.cursor.line.checked_sub(window.line)?).ok()?;
    let at = Position::new(inside.x + look.cursor.col.checked_sub(window.col)?, inside.y.checked_add(row)?);
    inside.contains(at).then_some(at)
}

/// What a tile's title says of reading.
pub(super) fn remarks(app: &App, tile: &Tile, whom: &Whom<'_>) -> String {
    let inside = app.layout().rect(tile.member).map_or(Rect::new(0, 0, 1, 1), layout::inner);
    let mut text = String::new();
    // The most important one alone: a title is short.
    if Sign::ALL.into_iter().any(|sign| app.signs(sign) > 0)
        && let Some(sign) = whom.hosts().filter_map(|host| app.sign(host.member)).min()
    {
        let word = format!("{} {}", sign.glyph(), sign.word());
        text.push_str(&whom.told(&word, |host| app.sign(host.member) == Some(sign)));
    }
    let screen = tile.pane.screen();
    let look = app.look().filter(|look| look.member == tile.member);
    if look.is_some() || tile.top.is_some() {
        let line = look.map_or_else(|| app.window(tile, inside).line, |look| look.cursor.line);
        let n = line.saturating_sub(screen.first_line()) + 1;
        text.push_str(&format!(" · looking back, line {n} of {}", screen.line_count()));
    }
    text
}

/// What the bottom line says of reading, the most important first.
pub(super) fn facts(app: &App) -> Vec<String> {
    let mut facts: Vec<String> = Sign::ALL
        .into_iter()
        .map(|sign| (sign, app.signs(sign)))
        .filter(|(_, n)| *n > 0)
        .map(|(sign, n)| format!("{} {n} {}", sign.glyph(), sign.word()))
        .collect();
    facts.extend(app.watch_fact());
    if app.scrolling() == Scrolling::Together {
        facts.push("scrolling together".to_owned());
    }
    if let Some(sweep) = app.sweep().filter(|sweep| !sweep.is_done()) {
        let (done, all) = sweep.progress();
        facts.insert(
            0,
            format!("searching: {done} of {}, {}", count(all, "host"), count(sweep.total(), "hit")),
        );
    }
    facts
}
