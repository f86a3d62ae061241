//! Dialogs of what is sent: a paste that waits, lines on their way, a secret that is typed.

use ratatui::buffer::Buffer;
use ratatui::layout::Position;
use ratatui::style::Style;

use crate::broadcast::MemberId;
use crate::escape;
use crate::pane::{EchoSeen, Situation};
use crate::tui::app::{App, Controls, LineByLine, Pasting, Preparing, SecretBox, pasted_lines};
use crate::tui::layout::Layout;
use crate::tui::stepwise::Stage;

use super::dialogs::{Panel, Row, cursor_in, dots, most_columns, most_rows, panel};
use super::text::{age, count};
use super::{compose, guards, theme};

/// Most lines of a paste that are shown at once.
const PASTE_ROWS: usize = 16;

/// Hosts that are named one by one while lines are on their way.
const NAMED_ROWS: usize = 8;

/// What stands before a secret.
const SECRET_LABEL: &str = "hidden: ";

/// Paints the dialog.
pub(super) fn sending(app: &App, sending: &Preparing, layout: &Layout, buf: &mut Buffer) {
    match sending {
        Preparing::Compose(compose) => compose::compose(app, compose, layout, buf),
        Preparing::Paste(waits) => drop(panel(&paste(app, waits, layout), layout, buf)),
        Preparing::Lines(begun) => drop(panel(&lines(app, begun), layout, buf)),
        Preparing::Secret(asked) => drop(panel(&secret(app, asked), layout, buf)),
    }
}

/// The cursor in it.
pub(super) fn cursor(app: &App, sending: &Preparing, layout: &Layout) -> Option<Position> {
    match sending {
        Preparing::Compose(compose) => compose::cursor(app, compose, layout),
        Preparing::Secret(asked) => {
            let typed = dots(app, asked.typed()).chars().count() as u16;
            cursor_in(&secret(app, asked), SECRET_LABEL, typed, layout)
        }
        Preparing::Paste(_) | Preparing::Lines(_) => None,
    }
}

fn paste(app: &App, waits: &Pasting, layout: &Layout) -> Panel<'static> {
    let shape = waits.shape;
    let hosts = count(app.broadcast().receivers().count(), "host");
    let mut rows = vec![Row::new(
        format!("{} × {hosts}, {} bytes", count(shape.lines, "line"), shape.bytes),
        theme::strong(),
    )];
    let controls = count(shape.control_bytes, "control byte");
    let without = match (shape.control_bytes, waits.controls) {
        (0, _) => "",
        (_, Controls::Kept) => {
            rows.push(Row::new(format!("with {controls}"), theme::strong()));
            " · M-c without control bytes"
        }
        (_, Controls::Removed) => {
            rows.push(Row::new(format!("without its {controls}"), theme::strong()));
            " · M-c with control bytes"
        }
    };
    rows.extend(excerpt(app, waits, layout));
    if let Some(fault) = waits.fault {
        rows.push(Row::new(fault, theme::strong()));
    }
    let keys = match app.listens() {
        true => format!("y sends it{without} · M-l line by line, each at a prompt · n does not"),
        false => guards::MOMENT.to_owned(),
    };
    rows.push(Row::new(keys, theme::quiet()));
    Panel { title: "Paste?", rows }
}

/// The lines of a paste from the first one that is shown, control characters made visible.
fn excerpt(app: &App, waits: &Pasting, layout: &Layout) -> Vec<Row> {
    if app.broadcast().hearing().iter().any(|id| app.situation(*id) == Situation::Secret) {
        return vec![Row::new("│ (not shown, since a host asks for a secret)", theme::quiet())];
    }
    if app.broadcast().hearing().iter().any(|id| app.echo_seen(*id) == EchoSeen::No) {
        return vec![Row::new("│ (not shown, since a host shows nothing of what is typed)", theme::quiet())];
    }
    let room = most_rows(layout).saturating_sub(6).clamp(1, PASTE_ROWS);
    let columns = usize::from(most_columns(layout).saturating_sub(4)).max(1);
    let text = waits.text();
    let lines = pasted_lines(&text);
    let top = waits.top.min(lines.len().saturating_sub(room));
    let mut rows = Vec::new();
    if top > 0 {
        rows.push(Row::new(format!("│ … {} above", count(top, "line")), theme::quiet()));
    }
    rows.extend(
        (lines.iter().skip(top).take(room))
            .map(|line| Row::new(format!("│ {}", visible(line, columns)), Style::new())),
    );
    if lines.len() > top + room {
        rows.push(Row::new(format!("│ … {} more", lines.len() - top - room), theme::quiet()));
    }
    rows
}

/// A line with its control characters to be seen, blanks at its beginning kept.
fn visible(line: &str, columns: usize) -> String {
    let escaped = escape::line(line.as_bytes()).replace('\t', "→");
    match escaped.char_indices().nth(columns) {
        Some((at, _)) => format!("{}…", &escaped[..at]),
        None => escaped,
    }
}

fn lines(app: &App, begun: &LineByLine) -> Panel<'static> {
    let (steps, all) = (&begun.steps, begun.steps.stages().len());
    let mut rows = vec![Row::new(
        format!(
            "{} to {}, each at a prompt, {} {}",
            count(steps.count(), "line"),
            count(all, "host"),
            if begun.over.is_some() { "in" } else { "since" },
            age(begun.over.unwrap_or(app.now()).saturating_sub(begun.since))
        ),
        theme::strong(),
    )];
    let done = steps.stages().filter(|(_, stage)| *stage == Stage::Done).count();
    rows.push(Row::new(format!("✓ {} got every line", count(done, "host")), Style::new()));
    let mut others = steps.stages().filter(|(_, stage)| *stage != Stage::Done);
    for (id, stage) in others.by_ref().take(NAMED_ROWS) {
        let (mark, n, why) = match stage {
            Stage::Waiting(n) => ("…", n, app.situation(id).phrase()),
            Stage::Stopped(n) => ("✗", n, "hears no more"),
            Stage::Done => continue,
        };
        let text = format!("{mark} {}: {n} of {} sent, {why}", app.named(&[id]), steps.count());
        rows.push(Row::new(text, Style::new()));
    }
    match others.count() {
        0 => {}
        more => rows.push(Row::new(format!("… and {more} more"), theme::quiet())),
    }
    let keys = if steps.is_over() { "Enter closes" } else { "Esc stops the rest" };
    rows.push(Row::new(keys, theme::quiet()));
    Panel { title: "Line by line", rows }
}

fn secret(app: &App, asked: &SecretBox) -> Panel<'static> {
    let audience = app.secret_audience(asked);
    let mut rows = Vec::new();
    rows.push(match audience.gets.as_slice() {
        [] => Row::new("no host that hears asks for a secret", theme::strong()),
        gets => {
            Row::new(format!("goes to {}: {}", count(gets.len(), "host"), app.named(gets)), theme::strong())
        }
    });
    for situation in Situation::ALL {
        let there: Vec<MemberId> =
            audience.skipped.iter().copied().filter(|id| app.situation(*id) == situation).collect();
        let why = match situation {
            Situation::Secret => "where what is typed is seen",
            other => other.phrase(),
        };
        if !there.is_empty() {
            let text = format!("skips {} {why}: {}", there.len(), app.named(&there));
            rows.push(Row::new(text, Style::new()));
        }
    }
    if !audience.came.is_empty() {
        let came = &audience.came;
        let text =
            format!("{} came to such a prompt since: {}; C-r takes them in", came.len(), app.named(came));
        rows.push(Row::new(text, theme::strong()));
    }
    rows.push(Row::typed(format!("{SECRET_LABEL}{}", dots(app, asked.typed())), theme::strong()));
    if let Some(fault) = asked.fault() {
        rows.push(Row::new(fault.to_owned(), theme::strong()));
    }
    rows.push(Row::new("A host that fakes such a prompt gets it too.", theme::quiet()));
    let enter = if audience.gets.is_empty() { "Enter sends nothing" } else { "Enter sends it, with Enter" };
    rows.push(Row::new(format!("{enter} · C-u clears · C-r looks again · Esc leaves"), theme::quiet()));
    Panel { title: "Secret", rows }
}
