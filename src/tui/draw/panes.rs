//! One tile: its frame and title, which say who hears, and the part of its terminal that it has room for.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::widgets::{Block, BorderType, Clear, Widget};

use crate::broadcast::{MemberId, Receivers};
use crate::outcome::Outcome;
use crate::pane::{Cursor, CursorShape, StyledLine};
use crate::session::{SessionState, Wait};
use crate::tui::action::Action;
use crate::tui::app::{App, Mark, Tile, Window, Work, command_ending, ending, ending_in_short};
use crate::tui::layout::{self, Form, Layout};
use crate::tui::selection;

use super::ink::Ink;
use super::rows::Whose;
use super::text::{age, behind, bytes, fitting, put, row, width, wrap};
use super::{fold, guards, marks, theme};

/// A backlog below this is what a key or two leave behind for a moment, and would only flicker.
const BACKLOG_SHOWN: usize = 64;

/// Columns of a title that its name does not have: two arrows, the glyph, a blank.
const BESIDE_NAME: u16 = 4;

/// Paints a tile.
pub(super) fn tile(app: &App, tile: &Tile, rect: Rect, buf: &mut Buffer) {
    let mark = app.mark(tile.member);
    Clear.render(rect.intersection(buf.area), buf);
    if layout::has_frame(rect) {
        let kind = if mark == Mark::Hears { BorderType::Double } else { BorderType::Plain };
        let block = Block::bordered().border_type(kind).border_style(guards::frame(app, tile, mark));
        block.render(rect, buf);
        let line = Rect::new(rect.x + 1, rect.y, rect.width - 2, 1);
        title(app, tile, mark, line, buf);
    } else {
        title(app, tile, mark, row(rect, 0), buf);
    }
    let inner = layout::inner(rect);
    match app.looks_back(tile, inner) {
        true => history(app, tile, inner, buf),
        false => screen(&Ink::of(app), tile, (tile.view(inner), inner), buf),
    }
    marks::lines(app, tile, inner, buf);
    if let SessionState::Closed(outcome) = &tile.state
        && !is_told_by_title(tile, outcome)
    {
        end(app, tile, outcome, inner, buf);
    }
}

/// A command that ran has its end in the title, and its last lines are not covered.
fn is_told_by_title(tile: &Tile, outcome: &Outcome) -> bool {
    tile.work == Work::Command && !matches!(outcome, Outcome::NotRun(_))
}

/// `● web04`, what is special about it, and for the focus arrows around it.
fn title(app: &App, tile: &Tile, mark: Mark, line: Rect, buf: &mut Buffer) {
    let focused = app.broadcast().focus() == Some(tile.member);
    let frame = guards::frame(app, tile, mark);
    let style = if focused { frame.patch(theme::attention()) } else { frame };
    let (open, close) = if focused { ("▶", "◀") } else { (" ", " ") };
    let said = format!("{}{}", guards::words(app, tile), remarks(app, tile, Whose::Tile));
    let name = fold::name(app, tile, line.width.saturating_sub(width(&said) + BESIDE_NAME));
    let text = format!("{open}{} {name}{said}{close}", mark.glyph());
    put(buf, line, &text, style);
}

/// What is special about a host, or about all hosts of its tile; each remark begins with ` · `.
pub(super) fn remarks(app: &App, tile: &Tile, whose: Whose) -> String {
    let mark = app.mark(tile.member);
    let whom = Whom::of(app, tile, whose);
    let is_fold = whom.all > 1;
    let mut text = match &tile.state {
        SessionState::Queued => " · waits for its turn".to_owned(),
        SessionState::Waiting(Wait::Turn) => " · waits for its turn".to_owned(),
        SessionState::Waiting(Wait::Throttled(why)) => format!(" · waits to be let in: {why}"),
        SessionState::Running => " · running".to_owned(),
        SessionState::Closed(outcome) if tile.work == Work::Command => {
            format!(" · {}", command_ending(outcome))
        }
        SessionState::Connecting(_) if is_fold || tile.work == Work::Command => " · connecting".to_owned(),
        SessionState::Connecting(stage) => format!(" · connecting: {stage}"),
        SessionState::Asking => format!(" · asks: {}", app.options().keymap.hint(Action::Answer)),
        SessionState::Closed(outcome) => {
            let back = returns(app, tile).map_or(String::new(), |back| format!(" · {back}"));
            format!(" · closed: {}{back}", ending_in_short(outcome))
        }
        SessionState::Ready if matches!(app.audience(), Some(Receivers::Alone(id)) if id == tile.member) => {
            " · alone".to_owned()
        }
        SessionState::Ready if mark.word().is_empty() => String::new(),
        SessionState::Ready => format!(" · {}", mark.word()),
    };
    if !app.scopes().marked.is_empty() {
        text.push_str(&whom.told("marked", |tile| app.scopes().marked.contains(&tile.host)));
    }
    if let Some(since) = tile.recovery.silent_since() {
        text.push_str(&stalled(app, tile, since));
    }
    let backlog = |tile: &Tile| app.broadcast().member(tile.member).map_or(0, |member| member.backlog());
    let behind: usize = whom.hosts().map(backlog).sum();
    if behind >= BACKLOG_SHOWN {
        text.push_str(&whom.told(&format!("{} behind", bytes(behind)), |tile| backlog(tile) > 0));
    }
    text.push_str(&marks::remarks(app, tile, &whom));
    if tile.pan.is_some() && app.layout().form == Form::Tile && whose == Whose::Tile {
        text.push_str(" · panned");
    }
    if app.keeping().is_recording() {
        text.push_str(&whom.told("● rec", |tile| app.keeping().records(tile.member)));
    }
    if app.keeping().logged() > 0 {
        text.push_str(&whom.told("log", |tile| app.keeping().logs(tile.member)));
    }
    text
}

/// The hosts of whom remarks speak: the one of a line, or all of a tile.
pub(super) struct Whom<'a> {
    app: &'a App,
    /// Empty where it is the one host.
    members: Vec<MemberId>,
    one: &'a Tile,
    all: usize,
}

impl<'a> Whom<'a> {
    fn of(app: &'a App, one: &'a Tile, whose: Whose) -> Whom<'a> {
        let members = match whose {
            Whose::Tile if app.stands_for(one.member) > 1 => app.members_of_tile(one.member),
            Whose::Tile | Whose::Host => Vec::new(),
        };
        Whom { app, one, all: members.len().max(1), members }
    }

    /// Each of them.
    pub(super) fn hosts(&self) -> impl Iterator<Item = &'a Tile> {
        let app = self.app;
        let one = self.members.is_empty().then_some(self.one);
        one.into_iter().chain(self.members.iter().filter_map(move |id| app.tile(*id)))
    }

    /// A remark of which these are meant, with their number where a tile stands for more: ` · marked`, ` · marked: 2 of 5`,
    /// ` · marked: all 5`. Nothing where it is none of them.
    pub(super) fn told(&self, word: &str, is: impl Fn(&Tile) -> bool) -> String {
        let all = self.all;
        match self.hosts().filter(|tile| is(tile)).count() {
            0 => String::new(),
            _ if all == 1 => format!(" · {word}"),
            n if n == all => format!(" · {word}: all {all}"),
            n => format!(" · {word}: {n} of {all}"),
        }
    }
}

/// A stalled host, and whether keys are on their way to it.
fn stalled(app: &App, tile: &Tile, since: Duration) -> String {
    let silent = age(app.now().saturating_sub(since));
    match tile.recovery.unanswered() {
        0 => format!(" · stalled {silent}"),
        sent => format!(" · stalled {silent}, {} unanswered", bytes(sent)),
    }
}

/// When a closed host is tried again by itself.
fn returns(app: &App, tile: &Tile) -> Option<String> {
    let left = tile.recovery.due()?.saturating_sub(app.now());
    Some(format!("reconnects in {}", age(left + Duration::from_millis(999))))
}

/// The part of a terminal that begins at this row and column, in an area.
pub(super) fn screen(ink: &Ink<'_>, tile: &Tile, part: ((u16, u16), Rect), buf: &mut Buffer) {
    let ((first_row, first_col), area) = part;
    let screen = tile.pane.screen();
    for (r, y) in (area.top()..area.bottom()).enumerate() {
        for (c, x) in (area.left()..area.right()).enumerate() {
            let (r, c) = (first_row + r as u16, first_col + c as u16);
            let room = area.right() - x;
            ink.paint(screen.cell(r, c), room, Position::new(x, y), buf);
        }
    }
}

/// Lines of the history and the screen. What stands to the left of the window is passed over.
fn history(app: &App, tile: &Tile, area: Rect, buf: &mut Buffer) {
    let (screen, ink) = (tile.pane.screen(), Ink::of(app));
    let window: Window = app.window(tile, area);
    let top = window.line.saturating_sub(screen.first_line()) as usize;
    for n in 0..area.height {
        let StyledLine { spans } = screen.line(top + usize::from(n));
        let (mut left, mut passed) = (row(area, n), 0);
        for span in spans {
            let shown = match window.col - passed.min(window.col) {
                0 => span.text.as_str(),
                hidden => selection::part(&span.text, hidden..u16::MAX),
            };
            passed = passed.saturating_add(width(&span.text));
            let used = put(buf, left, shown, ink.style(span.style));
            left = behind(left, used);
        }
    }
}

/// How a session ended, over the last rows of its screen, which stays. It takes the rows the host left empty, and half of
/// the tile at least; a reason that is longer ends in `…`, and zoom shows the whole.
fn end(app: &App, tile: &Tile, outcome: &Outcome, area: Rect, buf: &mut Buffer) {
    let map = &app.options().keymap;
    let by_hand = map.hint(Action::Reconnect);
    let again = match returns(app, tile) {
        None if tile.work == Work::Command => format!("{} opens a shell", map.hint(Action::OpenShell)),
        None => format!("{by_hand} reconnects"),
        Some(returns) => format!("{returns}, {by_hand} at once"),
    };
    let mut lines = wrap(&format!("× {} · {again}", ending(outcome)), area.width);
    let room = area.height.saturating_sub(rows_used(tile, area)).max(area.height.div_ceil(2));
    if lines.len() > usize::from(room) {
        lines = wrap(&format!("× {}", ending(outcome)), area.width);
        lines.truncate(usize::from(room.saturating_sub(1)).max(1));
        if let Some(last) = lines.last_mut() {
            *last = format!("{}…", fitting(last, area.width.saturating_sub(1)));
        }
        lines.push(format!("{} shows all · {again}", map.hint(Action::Zoom)));
        lines.truncate(usize::from(room));
    }
    let first = area.height - (lines.len() as u16).min(area.height);
    for (n, line) in (first..area.height).zip(lines) {
        let target = row(area, n);
        buf.set_style(target, theme::attention());
        put(buf, target, &format!("{line:<width$}", width = usize::from(area.width)), theme::attention());
    }
}

/// Rows of a tile that the host wrote into, counted from the top.
fn rows_used(tile: &Tile, area: Rect) -> u16 {
    if tile.top_line(area.height.max(1)).is_some() {
        return area.height;
    }
    let (first, _) = tile.view(area);
    let screen = tile.pane.screen();
    let is_used = |n: &u16| !screen.row_text(first + n).is_empty();
    (0..area.height).rev().find(is_used).map_or(0, |n| n + 1)
}

/// What stands where no host is open.
pub(super) fn nothing(app: &App, layout: &Layout, buf: &mut Buffer) {
    let map = &app.options().keymap;
    let text =
        format!("No host is open. {} adds hosts, {} leaves.", map.hint(Action::Add), map.hint(Action::Quit));
    let body = Rect::new(0, 0, layout.area.width, layout.status.y);
    let lines = wrap(&text, body.width);
    for (n, line) in lines.iter().enumerate() {
        put(buf, row(body, body.height / 2 + n as u16), line, theme::quiet());
    }
}

/// The cursor of the focused tile, where its program shows one.
pub(super) fn cursor(app: &App, layout: &Layout) -> Option<(Position, CursorShape)> {
    let tile = app.broadcast().focus().and_then(|id| app.tile(id))?;
    let area = layout::inner(layout.rect(tile.member)?);
    let cursor = tile.pane.screen().cursor();
    let looks_back = tile.top_line(area.height.max(1)).is_some();
    if !tile.state.is_ready() || cursor.cursor == Cursor::Hidden || looks_back || area.is_empty() {
        return None;
    }
    // A panned tile may show another part than the one with the cursor.
    let (first_row, first_col) = tile.view(area);
    let (row, col) = (cursor.row.checked_sub(first_row)?, cursor.col.checked_sub(first_col)?);
    let at = Position::new(area.x.saturating_add(col), area.y.saturating_add(row));
    area.contains(at).then_some((at, cursor.shape))
}
