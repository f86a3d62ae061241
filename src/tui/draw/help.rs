//! The list of keys, made from the keymap: what stands here is what works.

use ratatui::buffer::Buffer;
use ratatui::style::Style;

use crate::tui::action::{Action, Group, Place};
use crate::tui::app::{App, Mark};
use crate::tui::layout::Layout;

use super::dialogs::{Panel, Row};
use super::{dialogs, theme};

/// Paints the list, scrolled down by `top` lines but never beyond its end.
pub(super) fn help(app: &App, top: usize, layout: &Layout, buf: &mut Buffer) {
    let rows = dialogs::broken(&rows(app), layout);
    let room = dialogs::most_rows(layout).saturating_sub(1).max(1);
    let top = top.min(rows.len().saturating_sub(room));
    let more = rows.len() > room;
    let mut shown: Vec<Row> = rows.into_iter().skip(top).take(room).collect();
    shown.push(Row::new(if more { "↑ ↓ scroll · Esc closes" } else { "Esc closes" }, theme::quiet()));
    dialogs::panel(&Panel { title: "Keys", rows: shown }, layout, buf);
}

fn rows(app: &App) -> Vec<Row> {
    let map = &app.options().keymap;
    let keys = |action: Action| {
        let keys: Vec<String> = map.keys(action).iter().map(ToString::to_string).collect();
        let keys = if keys.is_empty() { format!(": {action}") } else { keys.join(", ") };
        format!("{keys:<14} {}", action.describe())
    };
    let of = |group| Action::all().filter(move |action| action.group() == group).map(keys);
    let plain = |text: String| Row::new(text, Style::new());
    let mut rows = vec![Row::new(format!("After {}:", map.prefix()), theme::strong())];
    for group in Group::ALL.iter().copied().filter(|group| group.place() == Place::Prefix) {
        rows.push(Row::new(group.title(), theme::strong()));
        rows.extend(of(group).map(plain));
    }
    let direct = |action: Action| {
        let keys: Vec<String> = map.direct(action).iter().map(ToString::to_string).collect();
        (!keys.is_empty()).then(|| format!("{:<14} {}", keys.join(", "), action.describe()))
    };
    let direct: Vec<Row> = Action::all().filter_map(direct).map(plain).collect();
    if !direct.is_empty() {
        rows.push(Row::new("Without the prefix (the hosts never get these):", theme::strong()));
        rows.extend(direct);
    }
    rows.push(Row::new("In the scrollback:", theme::strong()));
    rows.extend(of(Group::Scrollback).map(plain));
    rows.push(Row::new("Marks:", theme::strong()));
    rows.extend(MARKS.iter().map(|(mark, text)| plain(format!("{:<14} {text}", mark.glyph()))));
    rows
}

const MARKS: &[(Mark, &str)] = &[
    (Mark::Hears, "hears the next key (its frame is double)"),
    (Mark::Silent, "takes part, but the keys go elsewhere now"),
    (Mark::Detached, "detached: hears only while it has the focus"),
    (Mark::Waiting, "waiting: came after the first key, and is not let in yet"),
    (Mark::Held, "held: it does not take its input, which is kept for it"),
    (Mark::OutOfScope, "out of scope: the broadcast is limited to others"),
    (Mark::Opening, "connecting"),
    (Mark::Closed, "closed"),
];
