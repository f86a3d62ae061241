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

/// The line under text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Underline {
    /// No line.
    #[default]
    None,
    /// One line.
    Single,
    /// Two lines.
    Double,
    /// A wave, as editors draw it under a mistake.
    Curly,
    /// Dots.
    Dotted,
    /// Dashes.
    Dashed,
}

impl Underline {
    /// All of them, each at the number that `SGR 4:n` gives it.
    pub const ALL: [Underline; 6] = [
        Underline::None,
        Underline::Single,
        Underline::Double,
        Underline::Curly,
        Underline::Dotted,
        Underline::Dashed,
    ];

    /// Whether there is a line.
    pub fn is_some(self) -> bool {
        self != Underline::None
    }
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
    /// The line under it.
    pub underline: Underline,
    /// Colour of that line; the default is the text's own.
    pub underline_color: Color,
    /// Foreground and background change places.
    pub inverse: bool,
    /// It blinks.
    pub blink: bool,
    /// It takes its room and is not shown.
    pub conceal: bool,
    /// A line through it.
    pub strike: bool,
    /// A line above it.
    pub overline: bool,
}

impl Style {
    /// Nothing special.
    pub const PLAIN: Style = Style {
        fg: Color::Default,
        bg: Color::Default,
        bold: false,
        dim: false,
        italic: false,
        underline: Underline::None,
        underline_color: Color::Default,
        inverse: false,
        blink: false,
        conceal: false,
        strike: false,
        overline: false,
    };
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
    pub const BLANK: Cell<'static> = Cell { text: "", style: Style::PLAIN, wide: false, continuation: false };
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
