//! Colours and attributes of omnes itself. A colour never says anything alone: a glyph, a word or the frame says it too.

use ratatui::style::{Color, Modifier, Style};

use crate::pane;
use crate::tui::app::{App, Mark, Tone};
use crate::tui::theme::Role;

/// The style of a tile's frame.
pub(super) fn frame(app: &App, mark: Mark) -> Style {
    let role = match mark {
        Mark::Hears => Role::Hears,
        Mark::Waiting | Mark::Held => Role::Waiting,
        Mark::Detached => Role::Detached,
        Mark::Closed => Role::Closed,
        Mark::Silent | Mark::Opening | Mark::OutOfScope => Role::Silent,
    };
    let style = colored(app, role);
    if mark == Mark::Hears { style.add_modifier(Modifier::BOLD) } else { style }
}

/// The style of the line that says who hears.
pub(super) fn audience(app: &App, hears: bool) -> Style {
    let style = colored(app, if hears { Role::Hears } else { Role::Bad }).add_modifier(Modifier::BOLD);
    if app.notes().flashes(app.now()) { style.add_modifier(Modifier::REVERSED) } else { style }
}

/// The style of a sentence.
pub(super) fn note(app: &App, tone: Tone) -> Style {
    match tone {
        Tone::Plain | Tone::Refused => Style::new(),
        Tone::Bad => colored(app, Role::Bad).add_modifier(Modifier::BOLD),
    }
}

/// What asks for the user's attention.
pub(super) fn attention() -> Style {
    Style::new().add_modifier(Modifier::BOLD | Modifier::REVERSED)
}

/// What may be overlooked.
pub(super) fn quiet() -> Style {
    Style::new().add_modifier(Modifier::DIM)
}

/// Bold.
pub(super) fn strong() -> Style {
    Style::new().add_modifier(Modifier::BOLD)
}

fn colored(app: &App, role: Role) -> Style {
    match app.options().theme.color(role) {
        Some(shown) => Style::new().fg(color(shown)),
        None => Style::new(),
    }
}

/// A colour as ratatui names it.
pub(super) fn color(color: pane::Color) -> Color {
    match color {
        pane::Color::Default => Color::Reset,
        pane::Color::Indexed(n) => Color::Indexed(n),
        pane::Color::Rgb(r, g, b) => Color::Rgb(r, g, b),
    }
}
