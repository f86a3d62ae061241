//! Colours and attributes of omnes itself. A colour never says anything alone: a glyph, a word or the frame says it too.

use ratatui::style::{Color, Modifier, Style};

use crate::tui::app::{App, Mark, Palette, Tone};

/// The style of a tile's frame.
pub(super) fn frame(app: &App, mark: Mark) -> Style {
    let color = match mark {
        Mark::Hears => Color::Green,
        Mark::Waiting | Mark::Held => Color::Yellow,
        Mark::Detached => Color::Cyan,
        Mark::Closed => Color::Red,
        Mark::Silent | Mark::Opening | Mark::OutOfScope => Color::DarkGray,
    };
    let style = colored(app, color);
    if mark == Mark::Hears { style.add_modifier(Modifier::BOLD) } else { style }
}

/// The style of the line that says who hears.
pub(super) fn audience(app: &App, hears: bool) -> Style {
    let style = colored(app, if hears { Color::Green } else { Color::Yellow }).add_modifier(Modifier::BOLD);
    if app.notes().flashes(app.now()) { style.add_modifier(Modifier::REVERSED) } else { style }
}

/// The style of a sentence.
pub(super) fn note(app: &App, tone: Tone) -> Style {
    match tone {
        Tone::Plain => Style::new(),
        Tone::Bad => colored(app, Color::Yellow).add_modifier(Modifier::BOLD),
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

fn colored(app: &App, color: Color) -> Style {
    match app.options().palette {
        Palette::Colour => Style::new().fg(color),
        Palette::Plain => Style::new(),
    }
}
