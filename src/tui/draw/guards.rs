//! Guarded tags on tiles and in the status line, and the question before something is sent.

use ratatui::style::{Modifier, Style};

use crate::pane::Situation;
use crate::tui::app::{App, Caution, Mark, Tile};
use crate::tui::guard::Guard;

use super::dialogs::Row;
use super::text::count;
use super::theme;

/// The style of a tile's frame: that of its mark, and for a guarded host in no special state the colour of its tag.
pub(super) fn frame(app: &App, tile: &Tile, mark: Mark) -> Style {
    let style = theme::frame(app, mark);
    match (app.options().guards.first(tile.guards), mark) {
        (Some(guard), Mark::Hears | Mark::Silent | Mark::Detached | Mark::OutOfScope) => {
            style.patch(tinted(app, guard))
        }
        _ => style,
    }
}

/// What the title of a tile says of its guards: ` [prod]`.
pub(super) fn words(app: &App, tile: &Tile) -> String {
    app.options().guards.with(tile.guards).map(|(_, guard)| format!(" [{}]", guard.tag)).collect()
}

/// The guarded tags among those who hear, each with its number of hosts, for the status line.
pub(super) fn audience(app: &App) -> Vec<(String, Style)> {
    let said = app.guarded_audience().into_iter().map(|(guard, n)| {
        let style = tinted(app, guard).add_modifier(Modifier::BOLD | Modifier::REVERSED);
        (format!(" {}: {n} ", guard.tag), style)
    });
    said.collect()
}

/// How those who hear differ, for the status line: ` mixed: 11 shell, 1 full-screen `.
pub(super) fn mixed(app: &App) -> Option<String> {
    let parts: Vec<String> =
        app.told_mix()?.into_iter().map(|(situation, n)| format!("{n} {}", word(situation))).collect();
    Some(format!(" mixed: {} ", parts.join(", ")))
}

fn word(situation: Situation) -> &'static str {
    match situation {
        Situation::Shell => "shell",
        Situation::Secret => "password",
        Situation::FullScreen => "full-screen",
        Situation::Other => "other",
    }
}

/// The rows of the question, without its keys.
pub(super) fn question(app: &App, caution: &Caution) -> Vec<Row> {
    let what = app.held_back(&caution.what);
    let mut rows =
        vec![Row::new(format!("{what} would go to {}.", count(caution.hosts, "host")), Style::new())];
    if let Some(guarded) = &caution.guarded {
        rows.push(Row::new(format!("│ {}", guarded.line), theme::strong()));
        rows.push(Row::new(guarded.sentence(), Style::new()));
    }
    if let Some(mix) = &caution.mix {
        rows.push(Row::new("They are not all in the same mode:", Style::new()));
        for (n, (situation, members)) in mix.parts.iter().enumerate() {
            let names = if n == 0 { String::new() } else { format!(": {}", app.names_of(members)) };
            rows.push(Row::new(
                format!("│ {} {}{names}", members.len(), situation.phrase()),
                theme::strong(),
            ));
        }
    }
    rows
}

/// Stands where the keys of a dialog are told, while it does not take them yet.
pub(super) const MOMENT: &str = "one moment: a key counts once none was pressed for half a second";

/// What the keys of the question do.
pub(super) fn keys(app: &App) -> &'static str {
    match app.listens() {
        true => "y sends it · n does not, the line stays",
        false => MOMENT,
    }
}

fn tinted(app: &App, guard: &Guard) -> Style {
    match app.options().theme.own_color(guard.color) {
        Some(color) => Style::new().fg(theme::color(color)),
        None => Style::new(),
    }
}
