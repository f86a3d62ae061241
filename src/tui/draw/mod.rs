//! Painting: a function of the app and the geometry that changes neither.
//!
//! Remote text comes here as cells of a pane or through the escaper; every other string passes `text::put`, which
//! keeps inside its line.

mod compare;
mod compose;
mod dialogs;
mod fold;
mod guards;
mod help;
mod hostlist;
mod ink;
mod marks;
mod menu;
mod panes;
mod picker;
mod rows;
mod running;
mod sending;
mod status;
mod text;
mod theme;
mod whichkey;

use ratatui::buffer::Buffer;
use ratatui::layout::Position;

use crate::pane::CursorShape;

use super::app::{App, Keyboard};
use super::layout::{Form, Layout};

/// Paints the whole screen.
pub fn draw(app: &App, layout: &Layout, buf: &mut Buffer) {
    match layout.form {
        Form::Line => rows::page(app, layout, buf),
        Form::Tile => {
            for (id, rect) in &layout.tiles {
                if let Some(tile) = app.tile(*id) {
                    panes::tile(app, tile, *rect, buf);
                }
            }
        }
    }
    if layout.tiles.is_empty() {
        panes::nothing(app, layout, buf);
    }
    hostlist::list(app, buf);
    match app.keyboard() {
        Keyboard::Hosts | Keyboard::Scrollback | Keyboard::HostList => {}
        Keyboard::Menu(menu) => menu::menu(menu, layout, buf),
        Keyboard::Questions => dialogs::questions(app, layout, buf),
        Keyboard::Confirm(confirm) => dialogs::confirm(app, confirm, layout, buf),
        Keyboard::Prompt(prompt) => picker::prompt(prompt, layout, buf),
        Keyboard::Picker(picking, list) => picker::picker(*picking, list, layout, buf),
        Keyboard::Compare(comparison) => compare::compare(app, comparison, layout, buf),
        Keyboard::Preparing(sent) => sending::sending(app, sent, layout, buf),
        Keyboard::Help(top) => help::help(app, *top, layout, buf),
    }
    if app.hints_at().is_some_and(|at| at <= app.now()) {
        whichkey::whichkey(app, layout, buf);
    }
    status::status(app, layout, buf);
}

/// Where the cursor of the user's terminal belongs, and how it looks; `None` hides it.
pub fn cursor(app: &App, layout: &Layout) -> Option<(Position, CursorShape)> {
    let at = match app.keyboard() {
        // A list that stands over the tiles hides the cursor with them.
        Keyboard::Hosts => {
            let at = match layout.form {
                Form::Line => rows::cursor(app, layout),
                Form::Tile => panes::cursor(app, layout),
            };
            return at.filter(|(at, _)| !layout.in_list(at.x, at.y));
        }
        Keyboard::HostList => hostlist::cursor(app),
        Keyboard::Scrollback => marks::cursor(app, layout),
        Keyboard::Confirm(_) | Keyboard::Menu(_) | Keyboard::Compare(_) | Keyboard::Help(_) => None,
        Keyboard::Questions => dialogs::questions_cursor(app, layout),
        Keyboard::Prompt(prompt) => picker::prompt_cursor(prompt, layout),
        Keyboard::Picker(picking, list) => picker::picker_cursor(*picking, list, layout),
        Keyboard::Preparing(sent) => sending::cursor(app, sent, layout),
    };
    at.filter(|at| layout.area.contains(*at)).map(|at| (at, CursorShape::Default))
}
