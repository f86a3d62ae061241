//! What the next key can mean, for whoever pressed the prefix and hesitates: every key with its action's name, over the
//! lowest tiles.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::{Clear, Widget};

use crate::tui::action::{Action, Place};
use crate::tui::app::App;
use crate::tui::keymap::Keymap;
use crate::tui::layout::Layout;

use super::text::{behind, put, row, width};
use super::theme;

/// Columns between two columns of keys.
const GAP: u16 = 2;

/// Paints the keys above the bottom line; as many as there is room for, in the order of the help.
pub(super) fn whichkey(app: &App, layout: &Layout, buf: &mut Buffer) {
    let entries = entries(app);
    let widest = |part: fn(&(String, &str)) -> u16| entries.iter().map(part).max().unwrap_or(0);
    let keys = widest(|(key, _)| width(key));
    let column = keys + 1 + widest(|(_, name)| width(name)) + GAP;
    let columns = (layout.area.width.saturating_sub(1) / column).max(1);
    // The tile in focus stays in sight where it can.
    let room = (layout.status.y / 2).max(1);
    let rows = (entries.len() as u16).div_ceil(columns).min(room);
    let area = Rect::new(0, layout.status.y.saturating_sub(rows + 1), layout.area.width, rows + 1);
    Clear.render(area.intersection(buf.area), buf);
    let head = head(&app.options().keymap);
    buf.set_style(row(area, 0).intersection(buf.area), theme::attention());
    put(buf, row(area, 0), &head, theme::attention());
    for (n, (key, name)) in entries.iter().take(usize::from(rows * columns)).enumerate() {
        let (down, across) = (n as u16 % rows, n as u16 / rows);
        let line = behind(row(area, down + 1), 1 + across * column);
        put(buf, line, key, theme::strong());
        put(buf, behind(line, keys + 1), name, Style::new());
    }
}

/// The prefix, and where to find what there is no room for.
fn head(map: &Keymap) -> String {
    let mut text = format!(" {} … ", map.prefix());
    for (action, told) in [(Action::Palette, "finds any action"), (Action::Help, "shows all keys")] {
        if let Some(key) = map.keys(action).first() {
            text.push_str(&format!("· {key} {told} "));
        }
    }
    text
}

/// The first key of each action that has one after the prefix.
fn entries(app: &App) -> Vec<(String, &'static str)> {
    let map = &app.options().keymap;
    Action::all()
        .filter(|action| action.place() == Place::Prefix)
        .filter_map(|action| Some((map.keys(action).first()?.to_string(), action.name())))
        .collect()
}
