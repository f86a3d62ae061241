//! The compose box, below the tiles, so that a host that got the text first can be watched: the text, or what each host
//! would get.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Modifier, Style};
use unicode_width::UnicodeWidthChar;

use crate::broadcast::{MemberId, Receivers};
use crate::escape;
use crate::hosts::Template;
use crate::hosts::template::{Piece, Place};
use crate::tui::app::App;
use crate::tui::compose::{Canary, Compose, Ending, Reading, View};
use crate::tui::layout::Layout;

use super::dialogs::{self, most_columns, most_rows};
use super::picker::behind_columns;
use super::text::{behind, count, fitting, put, row, width, wrap};
use super::theme;

/// Most lines of the text that are shown at once, and how many are shown at least.
const TEXT_ROWS: usize = 12;
const LEAST_ROWS: usize = 3;

/// Lines of the host that got the text first.
const CANARY_ROWS: usize = 6;

/// What stands for a tab, one column wide.
const TAB: &str = "→";

/// A row in pieces.
type Spans = Vec<(String, Style)>;

/// Paints the box.
pub(super) fn compose(app: &App, compose: &Compose, layout: &Layout, buf: &mut Buffer) {
    let rows = rows(app, compose, layout);
    let inside = inside(rows.len(), layout);
    dialogs::frame(&title(app, compose), inside, layout, buf);
    for (n, spans) in rows.iter().take(usize::from(inside.height)).enumerate() {
        let mut line = row(inside, n as u16);
        for (text, style) in spans {
            let used = put(buf, line, text, *style);
            line = behind(line, used);
        }
    }
}

/// The cursor in the text.
pub(super) fn cursor(app: &App, compose: &Compose, layout: &Layout) -> Option<Position> {
    if compose.view != View::Text || compose.canary.is_some() {
        return None;
    }
    let inside = inside(rows(app, compose, layout).len(), layout);
    let window = Window::of(compose, layout);
    let (at, column) = compose.editor.cursor();
    let (x, y) = (column - window.left, u16::try_from(at - window.top).ok()?);
    let place = Position::new(inside.x + x, inside.y + y);
    inside.contains(place).then_some(place)
}

fn inside(rows: usize, layout: &Layout) -> Rect {
    let columns = most_columns(layout);
    let height = rows.min(most_rows(layout)) as u16;
    let x = (layout.area.width.saturating_sub(columns)) / 2;
    Rect::new(x, layout.status.y.saturating_sub(height + 1), columns, height)
}

fn title(app: &App, compose: &Compose) -> String {
    let name = match &compose.named {
        Some(name) => format!("Macro {name}"),
        None => "Compose".to_owned(),
    };
    match &compose.canary {
        Some(canary) => format!("{name} → the other {}", canary.batch.len() - 1),
        None => format!("{name} → {}", hearers(app)),
    }
}

/// Who would get it, as the bottom line says it.
fn hearers(app: &App) -> String {
    match app.broadcast().receivers() {
        Receivers::All(hear) if hear == app.tiles().len() => count(hear, "host"),
        Receivers::All(hear) => format!("{hear} of {}", count(app.tiles().len(), "host")),
        Receivers::Alone(id) => format!("{} alone", app.named(&[id])),
        Receivers::Nobody(_) => "nobody".to_owned(),
    }
}

fn rows(app: &App, compose: &Compose, layout: &Layout) -> Vec<Spans> {
    let mut rows = match (&compose.canary, compose.view) {
        (Some(canary), View::Text) => canary_rows(app, canary),
        (_, View::Text) => text_rows(compose, layout),
        (_, View::Preview(top)) => preview_rows(app, compose, top, layout),
    };
    let mut foot = Vec::new();
    let mut say = |text: &str, style| {
        foot.extend(wrap(text, most_columns(layout)).into_iter().map(|line| vec![(line, style)]));
    };
    if let Some(fault) = &compose.fault {
        say(fault, theme::strong());
    }
    say(&facts(compose), theme::quiet());
    say(&keys(app, compose), theme::quiet());
    // The keys are there whatever is left out.
    rows.truncate(most_rows(layout).saturating_sub(foot.len()));
    rows.append(&mut foot);
    rows
}

fn facts(compose: &Compose) -> String {
    let reading = match compose.reading {
        Reading::Template => "{host}, {n}, {dc}… are filled in, {{ is a brace",
        Reading::Literal => "braces are sent as they are",
    };
    let ending = match compose.ending {
        Ending::Enter => "Enter follows",
        Ending::Open => "no Enter follows",
    };
    format!("{reading} · {ending} · {}", count(compose.editor.lines().len(), "line"))
}

fn keys(app: &App, compose: &Compose) -> String {
    let view = match compose.view {
        View::Text => "Tab shows what each host gets",
        View::Preview(_) => "Tab the text",
    };
    if let Some(canary) = &compose.canary {
        let others = canary.batch.len() - 1;
        return format!("C-s sends it to the other {others} · {view} · Esc leaves it at that");
    }
    let hear = count(app.broadcast().receivers().count(), "host");
    let reading = match compose.reading {
        Reading::Template => "M-t literally",
        Reading::Literal => "M-t as a template",
    };
    let ending = match compose.ending {
        Ending::Enter => "M-e without Enter",
        Ending::Open => "M-e with Enter",
    };
    format!(
        "C-s sends it to {hear} · M-c to one first · {view} · {reading} · {ending} · C-p older · Esc leaves"
    )
}

/// The part of the text that is shown: its first line and column.
struct Window {
    top: usize,
    left: u16,
    rows: usize,
}

impl Window {
    fn of(compose: &Compose, layout: &Layout) -> Window {
        let room = most_rows(layout).saturating_sub(6).clamp(1, TEXT_ROWS);
        let rows = compose.editor.lines().len().clamp(LEAST_ROWS.min(room), room);
        let (at, column) = compose.editor.cursor();
        let top = at.saturating_sub(rows - 1);
        Window { top, left: column.saturating_sub(most_columns(layout).saturating_sub(1)), rows }
    }
}

fn text_rows(compose: &Compose, layout: &Layout) -> Vec<Spans> {
    let window = Window::of(compose, layout);
    let columns = most_columns(layout);
    let mut rows: Vec<Spans> = (compose.editor.lines().skip(window.top).take(window.rows))
        .map(|line| {
            let line = line.replace('\t', TAB);
            let shown = fitting(behind_columns(&line, window.left), columns).to_owned();
            vec![(shown, theme::strong())]
        })
        .collect();
    rows.resize(window.rows, Vec::new());
    rows
}

/// What the host shows that got the text first.
fn canary_rows(app: &App, canary: &Canary) -> Vec<Spans> {
    let name = app.named(&[canary.first]);
    let mut rows = vec![vec![(format!("sent to {name}, which shows:"), theme::strong())]];
    let Some(tile) = app.tile(canary.first) else { return rows };
    let screen = tile.pane.screen();
    let last = screen.cursor().row;
    let first = (last + 1).saturating_sub(CANARY_ROWS as u16);
    for n in first..=last {
        let text = escape::line(screen.row_text(n).as_bytes());
        rows.push(vec![("│ ".to_owned(), theme::quiet()), (text, Style::new())]);
    }
    rows
}

/// What each host would get, from the one with this number on: so many as there is room for are filled in, and no more.
fn preview_rows(app: &App, compose: &Compose, top: usize, layout: &Layout) -> Vec<Spans> {
    let room = most_rows(layout).saturating_sub(5).clamp(1, 2 * TEXT_ROWS);
    let hearing = app.broadcast().hearing();
    let batch = compose.canary.as_ref().map_or(hearing.as_slice(), |canary| canary.batch.as_slice());
    let mut rows = Vec::new();
    let Ok(template) = compose.template() else { return text_rows(compose, layout) };
    let shown = if template.is_same_for_all() { batch.get(..1).unwrap_or_default() } else { batch };
    for (n, id) in shown.iter().enumerate().skip(top.min(shown.len().saturating_sub(1))) {
        if rows.len() >= room {
            break;
        }
        let who =
            if shown.len() < batch.len() || shown.len() == 1 { batch } else { std::slice::from_ref(id) };
        rows.push(vec![(format!("{}:", app.named(who)), theme::strong())]);
        rows.extend(filled_in(app, &template, *id, (n + 1, batch.len()), layout));
    }
    let last = rows.len() > room;
    rows.truncate(room);
    if last && let Some(row) = rows.last_mut() {
        *row = vec![("│ …".to_owned(), theme::quiet())];
    }
    rows
}

/// The text of one host, broken into rows; what was filled in stands out.
fn filled_in(
    app: &App,
    template: &Template,
    id: MemberId,
    (n, all): (usize, usize),
    layout: &Layout,
) -> Vec<Spans> {
    let Some(tile) = app.tile(id) else { return Vec::new() };
    let place = Place { host: &tile.host, facts: &tile.facts, n, count: all };
    match template.pieces(&place) {
        Err(error) => vec![vec![(format!("✗ {error}"), theme::strong())]],
        Ok(pieces) => broken(&pieces, most_columns(layout).saturating_sub(2)),
    }
}

fn broken(pieces: &[(String, Piece)], columns: u16) -> Vec<Spans> {
    let begin = || vec![("│ ".to_owned(), theme::quiet())];
    let (mut rows, mut used) = (vec![begin()], 0);
    for (text, piece) in pieces {
        let style = match piece {
            Piece::Text => Style::new(),
            Piece::Name => Style::new().add_modifier(Modifier::BOLD | Modifier::UNDERLINED),
        };
        for (n, line) in text.split('\n').enumerate() {
            if n > 0 {
                rows.push(begin());
                used = 0;
            }
            for c in escape::line(line.as_bytes()).replace('\t', TAB).chars() {
                let wide = c.width().unwrap_or(0) as u16;
                if used + wide > columns {
                    rows.push(begin());
                    used = 0;
                }
                used += wide;
                push(rows.last_mut(), c, style);
            }
        }
    }
    rows
}

fn push(row: Option<&mut Spans>, c: char, style: Style) {
    let Some(row) = row else { return };
    match row.last_mut() {
        Some((text, last)) if *last == style && row_is_begun(text) => text.push(c),
        _ => row.push((c.to_string(), style)),
    }
}

/// The mark at the beginning of a row takes no text.
fn row_is_begun(text: &str) -> bool {
    !(text.starts_with('│') && width(text) == 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_broken_where_it_must_and_nothing_in_it_acts() {
        let pieces = [("ab\x1b\n\t".to_owned(), Piece::Text), ("web01".to_owned(), Piece::Name)];
        let text = |row: &Spans| row.iter().map(|(text, _)| text.as_str()).collect::<String>();
        let rows: Vec<String> = broken(&pieces, 4).iter().map(text).collect();
        assert_eq!(rows, ["│ ab^[", "│ →web", "│ 01"]);
    }
}
