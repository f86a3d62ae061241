//! What stands in one cell, in types of ours: the drawing code sees no emulator.

/// A colour as a host names it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Color {
    /// The terminal's own.
    #[default]
    Default,
    /// One of the 256 of the palette.
    Indexed(u8),
    /// Red, green, blue.
    Rgb(u8, u8, u8),
}

/// How text looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Style {
    /// Colour of the text.
    pub fg: Color,
    /// Colour behind it.
    pub bg: Color,
    /// Bold.
    pub bold: bool,
    /// Dim.
    pub dim: bool,
    /// Italic.
    pub italic: bool,
    /// Underlined.
    pub underline: bool,
    /// Foreground and background change places.
    pub inverse: bool,
}

/// One cell of the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell<'a> {
    /// What it shows: one character with its combining marks, or nothing (draw a blank).
    pub text: &'a str,
    /// How it looks.
    pub style: Style,
    /// It covers this cell and the next.
    pub wide: bool,
    /// It is the second half of a wide cell; draw nothing.
    pub continuation: bool,
}

impl Cell<'_> {
    /// A cell that shows nothing; also what stands outside the screen.
    pub const BLANK: Cell<'static> = Cell {
        text: "",
        style: Style {
            fg: Color::Default,
            bg: Color::Default,
            bold: false,
            dim: false,
            italic: false,
            underline: false,
            inverse: false,
        },
        wide: false,
        continuation: false,
    };

    pub(super) fn of(cell: &vt100::Cell) -> Cell<'_> {
        Cell {
            text: cell.contents(),
            style: Style {
                fg: color(cell.fgcolor()),
                bg: color(cell.bgcolor()),
                bold: cell.bold(),
                dim: cell.dim(),
                italic: cell.italic(),
                underline: cell.underline(),
                inverse: cell.inverse(),
            },
            wide: cell.is_wide(),
            continuation: cell.is_wide_continuation(),
        }
    }
}

fn color(color: vt100::Color) -> Color {
    match color {
        vt100::Color::Default => Color::Default,
        vt100::Color::Idx(n) => Color::Indexed(n),
        vt100::Color::Rgb(r, g, b) => Color::Rgb(r, g, b),
    }
}

/// A stretch of one line in one style.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// The text, printable characters only.
    pub text: String,
    /// How it looks.
    pub style: Style,
}

/// A line with its styles, from the history or from the screen; blanks at its end may be missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StyledLine {
    /// Its stretches, from the left.
    pub spans: Vec<Span>,
}

impl StyledLine {
    /// The text alone.
    pub fn text(&self) -> String {
        self.spans.iter().map(|span| span.text.as_str()).collect()
    }

    pub(super) fn push(&mut self, text: &str, style: Style) {
        match self.spans.last_mut() {
            Some(last) if last.style == style => last.text.push_str(text),
            _ => self.spans.push(Span { text: text.to_owned(), style }),
        }
    }
}
