//! Boxes over the tiles: the questions, and what omnes asks.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::widgets::{Block, BorderType, Clear, Widget};

use crate::ask::{Before, HostPrompt, KeyOrigin, KeyToAdd, SecretKind, SecretRequest, UnknownKey};
use crate::escape;
use crate::tui::app::{App, Confirm, Dialog, Topic};
use crate::tui::event::QuestionId;
use crate::tui::layout::Layout;

use super::guards;
use super::running;
use super::text::{behind, put, row, width, wrap};
use super::theme;

/// Widest box, in columns: one host key with its fingerprint, and lines that are still easy to read.
const MOST_COLUMNS: u16 = 100;

/// Widest column of names in the table of host keys.
const MOST_NAME: u16 = 30;

/// Columns and rows that the frame takes.
const FRAME: u16 = 2;

/// Longest text of a host in a dialog, in characters.
const REMOTE_CHARS: usize = 120;

/// One line of a box; it is wrapped where it is too long.
#[derive(Clone, Debug)]
pub(super) struct Row {
    text: String,
    style: Style,
    place: Place,
}

/// What a line of a box is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// The user types into it: of a box that is too small it is the last to go.
    Typed,
    /// It says something.
    Said,
}

impl Row {
    pub(super) fn new(text: impl Into<String>, style: Style) -> Row {
        Row { text: text.into(), style, place: Place::Said }
    }

    /// The line into which the user types.
    pub(super) fn typed(text: impl Into<String>, style: Style) -> Row {
        Row { text: text.into(), style, place: Place::Typed }
    }

    /// It, wrapped.
    fn lines(&self, columns: u16) -> Vec<(String, Style)> {
        wrap(&self.text, columns).into_iter().map(|line| (line, self.style)).collect()
    }
}

/// A box with a title.
pub(super) struct Panel<'a> {
    pub(super) title: &'a str,
    pub(super) rows: Vec<Row>,
}

/// Rows inside the largest box.
pub(super) fn most_rows(layout: &Layout) -> usize {
    usize::from(layout.status.y.saturating_sub(FRAME))
}

/// Columns inside the widest box.
pub(super) fn most_columns(layout: &Layout) -> u16 {
    layout.area.width.saturating_sub(FRAME).min(MOST_COLUMNS)
}

/// Rows broken into lines that fit into the widest box, for a list that is scrolled.
pub(super) fn broken(rows: &[Row], layout: &Layout) -> Vec<Row> {
    let columns = most_columns(layout);
    rows.iter().flat_map(|row| row.lines(columns)).map(|(text, style)| Row::new(text, style)).collect()
}

/// Clears a box, and paints its frame with its title where there is room for one.
pub(super) fn frame(title: &str, inside: Rect, layout: &Layout, buf: &mut Buffer) {
    let outer = Rect::new(
        inside.x.saturating_sub(1),
        inside.y.saturating_sub(1),
        inside.width + FRAME,
        inside.height + FRAME,
    )
    .intersection(Rect { height: layout.status.y, ..layout.area })
    .intersection(buf.area);
    Clear.render(outer, buf);
    if outer.width > FRAME && outer.height > FRAME {
        Block::bordered().border_type(BorderType::Thick).border_style(theme::strong()).render(outer, buf);
        put(buf, behind(row(outer, 0), 2), &format!(" {title} "), theme::attention());
    }
}

/// Paints a box in the middle of the screen; returns where its inside is.
pub(super) fn panel(panel: &Panel<'_>, layout: &Layout, buf: &mut Buffer) -> Rect {
    let inside = inside(panel, layout);
    frame(panel.title, inside, layout, buf);
    for (n, (line, style)) in visible(panel, inside).into_iter().enumerate() {
        put(buf, row(inside, n as u16), &line, style);
    }
    inside
}

/// The inside of a box: wide enough for its lines, high enough for them wrapped, within the screen.
fn inside(panel: &Panel<'_>, layout: &Layout) -> Rect {
    let (most, high) = (layout.area.width.saturating_sub(FRAME), most_rows(layout) as u16);
    let widest = panel.rows.iter().map(|row| width(&row.text)).max().unwrap_or(0).max(width(panel.title) + 4);
    let columns = widest.min(MOST_COLUMNS).min(most);
    let rows = (wrapped(panel, columns).len() as u16).min(high);
    let x = (layout.area.width.saturating_sub(columns)) / 2;
    let y = (layout.status.y.saturating_sub(rows)) / 2;
    Rect::new(x, y, columns, rows)
}

/// The lines that there is room for. The one into which the user types comes first; then the last row, which says which keys
/// answer; then the others, from the top.
fn visible(panel: &Panel<'_>, inside: Rect) -> Vec<(String, Style)> {
    let lines = wrapped(panel, inside.width);
    let room = usize::from(inside.height);
    if lines.len() <= room {
        return lines;
    }
    let mut rank = Vec::with_capacity(lines.len());
    for (n, row) in panel.rows.iter().enumerate() {
        let (is_keys, count) = (n + 1 == panel.rows.len(), row.lines(inside.width).len());
        rank.extend((0..count).map(|line| match (row.place, is_keys) {
            (Place::Typed, _) => (0, line),
            // Of the keys the end stays: there stands the way out.
            (Place::Said, true) => (1, count - line),
            (Place::Said, false) => (2, 0),
        }));
    }
    let mut shown: Vec<usize> = (0..lines.len()).collect();
    // Lines of one rank stay in their order.
    shown.sort_by_key(|n| rank[*n]);
    shown.truncate(room);
    shown.sort_unstable();
    shown.into_iter().map(|n| lines[n].clone()).collect()
}

fn wrapped(panel: &Panel<'_>, columns: u16) -> Vec<(String, Style)> {
    panel.rows.iter().flat_map(|row| row.lines(columns)).collect()
}

/// Paints the dialog of questions.
pub(super) fn questions(app: &App, layout: &Layout, buf: &mut Buffer) {
    if let Some(dialog) = app.questions().dialog() {
        panel(&questions_panel(app, dialog, layout), layout, buf);
    }
}

fn questions_panel(app: &App, dialog: &Dialog, layout: &Layout) -> Panel<'static> {
    let listens = app.questions().listens(app.now());
    let (title, mut rows, keys) = match &dialog.topic {
        Topic::HostKeys => (
            "Unknown host keys",
            host_keys(app, dialog, layout),
            "C-y accepts the marked key · C-t all · C-x refuses it · C-r all",
        ),
        Topic::Secret(id, request) => {
            let rows = secret(app, dialog, *id, request);
            ("A secret is needed", rows, "Enter takes it · C-u clears · C-x gives up this login")
        }
        Topic::Prompt(id, prompt) => (
            "A host asks",
            host_prompt(app, dialog, (*id, prompt), layout),
            "Enter sends it to this host · C-u clears · C-x gives up this login",
        ),
        Topic::AddKey(id, add) => {
            ("Add a key to the agent?", add_key(app, *id, add), "C-y adds it · C-x does not")
        }
    };
    if let Some(note) = &dialog.note {
        rows.push(Row::new(note.clone(), theme::strong()));
    }
    let others = if app.questions().has_other_topic() { " · Tab next" } else { "" };
    let keys = match listens {
        true => format!("{keys}{others} · Esc later"),
        false => "one moment: keys are taken when you do not type".to_owned(),
    };
    rows.push(Row::new(keys, theme::quiet()));
    Panel { title, rows }
}

/// The table of unknown keys: the part around the selected one that fits.
fn host_keys(app: &App, dialog: &Dialog, layout: &Layout) -> Vec<Row> {
    let keys: Vec<(QuestionId, &UnknownKey)> = app.questions().host_keys().collect();
    let mut rows = vec![Row::new(
        format!(
            "{} not known yet. Compare the fingerprint before you accept.",
            match keys.len() {
                0 => "No key is left that is".to_owned(),
                1 => "The key of 1 host is".to_owned(),
                n => format!("The keys of {n} hosts are"),
            }
        ),
        Style::new(),
    )];
    let names = keys.iter().map(|(_, key)| width(&name_of(key))).max().unwrap_or(0).min(MOST_NAME);
    let prints = keys.iter().map(|(_, key)| width(&print_of(key))).max().unwrap_or(0);
    let columns = most_columns(layout);
    let rows_each = if 2 + names + 1 + prints <= columns { 1 } else { 2 };
    let at = keys.iter().position(|(id, _)| dialog.selected == Some(*id)).unwrap_or(0);
    let room = (most_rows(layout).saturating_sub(4) / rows_each).max(1);
    let first = at.saturating_sub(room / 2).min(keys.len().saturating_sub(room));
    for (id, key) in keys.iter().skip(first).take(room) {
        let (mark, style) = match dialog.selected == Some(*id) {
            true => ("▶", theme::strong()),
            false => (" ", Style::new()),
        };
        let (name, print) = (name_of(key), print_of(key));
        if rows_each == 1 {
            rows.push(Row::new(format!("{mark} {name:<width$} {print}", width = usize::from(names)), style));
        } else {
            rows.push(Row::new(format!("{mark} {name}"), style));
            rows.push(Row::new(format!("    {print}"), style));
        }
    }
    rows
}

/// The algorithm and the fingerprint, whole: they are there to be compared.
fn print_of(key: &UnknownKey) -> String {
    let algorithm = escape::text(&key.algorithm, REMOTE_CHARS);
    let more = match key.origin {
        KeyOrigin::Presented => "",
        KeyOrigin::Announced => " (announced, one more key of a known host)",
    };
    format!("{algorithm} {}{more}", escape::text(&key.fingerprint, REMOTE_CHARS))
}

/// The host as the user named it, and the name of its key where that is another one.
fn name_of(key: &UnknownKey) -> String {
    let host = escape::text(&key.host.to_string(), REMOTE_CHARS);
    let known_as = escape::text(&key.known_as, REMOTE_CHARS);
    if known_as == key.host.name() { host } else { format!("{host} ({known_as})") }
}

fn secret(app: &App, dialog: &Dialog, id: QuestionId, request: &SecretRequest) -> Vec<Row> {
    let host = escape::text(&request.host.to_string(), REMOTE_CHARS);
    let kind = escape::text(&request.kind.to_string(), REMOTE_CHARS);
    let mut rows = Vec::new();
    if let Some(refused) = &request.refused {
        rows.push(Row::new(escape::text(refused, REMOTE_CHARS), theme::strong()));
    }
    if !app.questions().is_wanted(id, &request.kind) {
        rows.push(Row::new("nobody waits for it any more", theme::strong()));
    }
    rows.push(Row::new(
        match request.kind {
            SecretKind::Password { .. } | SecretKind::Sudo { .. } => {
                format!("{host} asks for the {kind}; it is offered only to hosts that ask for it.")
            }
            SecretKind::JumpPassword { .. } => format!("{host} asks for the {kind}; no other host sees it."),
            SecretKind::Passphrase { .. } => {
                format!("The login to {host} needs the {kind}, which is sent to no host.")
            }
        },
        Style::new(),
    ));
    rows.push(Row::typed(format!("{SECRET_LABEL}{}", dots(app, dialog.typed())), theme::strong()));
    rows
}

/// So many letters of a secret. While the screen is recorded they are not counted: how long it is, and in which rhythm it is
/// typed, would stand in the recording.
pub(super) fn dots(app: &App, typed: usize) -> String {
    match typed {
        0 => String::new(),
        _ if app.keeping().records_screen() => "•••••••• (not counted: the screen is recorded)".to_owned(),
        n => "•".repeat(n.min(40)),
    }
}

const SECRET_LABEL: &str = "hidden: ";
const SHOWN_LABEL: &str = "answer: ";

/// What a host asks: who it is in our words first, since what follows are the host's own and may pretend anything.
fn host_prompt(
    app: &App,
    dialog: &Dialog,
    (id, prompt): (QuestionId, &HostPrompt),
    layout: &Layout,
) -> Vec<Row> {
    let host = escape::text(&prompt.host.to_string(), REMOTE_CHARS);
    let user = escape::text(&prompt.user, REMOTE_CHARS);
    let before = match prompt.before {
        Before::Refused => "did not accept the last answer and asks again",
        Before::Nothing => "asks",
    };
    let mut rows = vec![Row::new(format!("{host} {before}, for the login of {user}:"), theme::strong())];
    if !app.questions().is_waiting(id) {
        rows.push(Row::new("it does not wait for the answer any more", theme::strong()));
    }
    let said = [&prompt.title, &prompt.instruction, &prompt.prompt];
    let lines = said.into_iter().flat_map(|text| text.lines()).filter(|line| !line.trim().is_empty());
    let lines: Vec<Row> =
        lines.map(|line| Row::new(format!("│ {}", escape::line(line.as_bytes())), Style::new())).collect();
    let mut lines = broken(&lines, layout);
    // The prompt stands last, and below it there must be room for the answer.
    let room = most_rows(layout).saturating_sub(6).max(1);
    if lines.len() > room {
        lines.drain(..lines.len() - room);
        rows.push(Row::new("│ …", theme::quiet()));
    }
    rows.extend(lines);
    rows.push(Row::typed(
        match dialog.shown() {
            Some(text) => format!("{SHOWN_LABEL}{}", escape::line(text.as_bytes())),
            None => format!("{SECRET_LABEL}{}", dots(app, dialog.typed())),
        },
        theme::strong(),
    ));
    rows
}

fn add_key(app: &App, id: QuestionId, add: &KeyToAdd) -> Vec<Row> {
    let host = escape::text(&add.host.to_string(), REMOTE_CHARS);
    let key = escape::text(&add.key.display().to_string(), REMOTE_CHARS);
    let mut rows = Vec::new();
    if !app.questions().is_waiting(id) {
        rows.push(Row::new("nobody waits for the answer any more", theme::strong()));
    }
    let text = format!("The login to {host} used the key {key}. Shall the agent hold it from now on?");
    rows.push(Row::new(text, Style::new()));
    rows
}

/// The cursor in the line of a secret.
pub(super) fn questions_cursor(app: &App, layout: &Layout) -> Option<Position> {
    let dialog = app.questions().dialog()?;
    let label = match (&dialog.topic, dialog.shown()) {
        (Topic::Prompt(..), Some(_)) => SHOWN_LABEL,
        (Topic::Secret(..) | Topic::Prompt(..), _) => SECRET_LABEL,
        (Topic::HostKeys | Topic::AddKey(..), _) => return None,
    };
    cursor_behind(&questions_panel(app, dialog, layout), label, layout)
}

/// Paints a question of omnes.
pub(super) fn confirm(app: &App, confirm: &Confirm, layout: &Layout, buf: &mut Buffer) {
    let (title, text, keys) = match confirm {
        Confirm::Send(caution) => ("Send it?", guards::question(app, caution), guards::keys(app)),
        Confirm::Close(id) => {
            let name = app.tile(*id).map_or("this host", |tile| tile.name.as_str());
            let text = format!("Close the session of {name}, which lives, and take its tile away?");
            ("Close?", vec![Row::new(text, Style::new())], "y closes · n does not")
        }
        Confirm::EndRun => {
            let (text, keys) = running::question(app);
            ("End the run?", vec![Row::new(text, Style::new())], keys)
        }
        Confirm::Quit => {
            let live = app.tiles().filter(|tile| !tile.state.is_closed()).count();
            let text = format!(
                "{} not closed yet. Leave omnes and end them?",
                match live {
                    1 => "1 session is".to_owned(),
                    n => format!("{n} sessions are"),
                }
            );
            ("Quit?", vec![Row::new(text, Style::new())], "y leaves · n stays")
        }
    };
    let mut rows = text;
    rows.push(Row::new(if app.listens() { keys } else { guards::MOMENT }, theme::quiet()));
    panel(&Panel { title, rows }, layout, buf);
}

/// The place behind the text of the line that begins with a label.
fn cursor_behind(panel: &Panel<'_>, label: &str, layout: &Layout) -> Option<Position> {
    let lines = visible(panel, inside(panel, layout));
    let (text, _) = lines.iter().find(|(line, _)| line.starts_with(label.trim_end()))?;
    cursor_in(panel, label, width(text.trim_end()).saturating_sub(width(label)), layout)
}

/// The place so many columns behind the label that a line begins with.
pub(super) fn cursor_in(panel: &Panel<'_>, label: &str, columns: u16, layout: &Layout) -> Option<Position> {
    let inside = inside(panel, layout);
    let lines = visible(panel, inside);
    let at = lines.iter().position(|(line, _)| line.starts_with(label.trim_end()))?;
    let column = (width(label) + columns).min(inside.width.saturating_sub(1));
    let at = Position::new(inside.x + column, inside.y + at as u16);
    inside.contains(at).then_some(at)
}
