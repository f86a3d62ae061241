//! What a pane shows, as the bytes that bring an empty terminal there.

use crate::pane::{Color, Cursor, CursorShape, Modes, Screen, Style};

/// The bytes for an empty terminal of the same size. Scroll regions and tab stops are the usual ones afterwards.
pub fn redraw(screen: Screen<'_>, modes: &Modes) -> Vec<u8> {
    let mut out = String::new();
    if modes.alternate_screen {
        out.push_str("\x1b[?1049h");
    }
    out.push_str("\x1b[m\x1b[2J");
    let size = screen.size();
    let mut style = Style::default();
    for row in 0..size.rows {
        let cells = (0..size.cols).map(|col| screen.cell(row, col));
        let is_drawn =
            |cell: &crate::pane::Cell<'_>| !cell.text.trim().is_empty() || cell.style != Style::default();
        let Some(last) = cells.clone().map(|cell| is_drawn(&cell)).rposition(|drawn| drawn) else { continue };
        out.push_str(&format!("\x1b[{};1H", row + 1));
        for cell in cells.take(last + 1).filter(|cell| !cell.continuation) {
            if cell.style != style {
                style = cell.style;
                sgr(style, &mut out);
            }
            out.push_str(if cell.text.is_empty() { " " } else { cell.text });
        }
    }
    let cursor = screen.cursor();
    out.push_str(&format!("\x1b[m\x1b[{};{}H", cursor.row + 1, cursor.col + 1));
    out.push_str(match cursor.shape {
        CursorShape::Default => "\x1b[0 q",
        CursorShape::Block => "\x1b[2 q",
        CursorShape::Underline => "\x1b[4 q",
        CursorShape::Bar => "\x1b[6 q",
    });
    out.push_str(if cursor.cursor == Cursor::Hidden { "\x1b[?25l" } else { "\x1b[?25h" });
    out.into_bytes()
}

fn sgr(style: Style, out: &mut String) {
    out.push_str("\x1b[0");
    for (set, code) in [
        (style.bold, "1"),
        (style.dim, "2"),
        (style.italic, "3"),
        (style.underline, "4"),
        (style.inverse, "7"),
    ] {
        if set {
            out.push(';');
            out.push_str(code);
        }
    }
    color(style.fg, "38", out);
    color(style.bg, "48", out);
    out.push('m');
}

fn color(color: Color, code: &str, out: &mut String) {
    match color {
        Color::Default => {}
        Color::Indexed(n) => out.push_str(&format!(";{code};5;{n}")),
        Color::Rgb(r, g, b) => out.push_str(&format!(";{code};2;{r};{g};{b}")),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::pane::{HistoryLimit, Pane};
    use crate::size::Size;

    /// Text, styles and cursor of a pane after these bytes.
    fn shown(bytes: &[u8]) -> (String, Vec<Style>, crate::pane::CursorAt) {
        let mut pane = Pane::new(Size::new(6, 20), HistoryLimit::default());
        pane.feed(Duration::ZERO, bytes);
        let screen = pane.screen();
        let cells = (0..6).flat_map(|row| (0..20).map(move |col| (row, col)));
        let cells = cells.map(|(row, col)| screen.cell(row, col).style).collect();
        (screen.text(), cells, screen.cursor())
    }

    #[test]
    fn a_drawn_terminal_is_like_the_one_it_was_drawn_from() {
        for text in [
            "",
            "plain\r\ntext",
            "\x1b[1;3;31;48;2;1;2;3mred\x1b[m 語語 e\u{301}\x1b[4;58:5:9mwave\x1b[m\x1b[2 q",
            "\x1b[44m\x1b[2J\x1b[3;5Hin blue\x1b[?25l",
            "full width of cells!\r\nnext\x1b[5;20Hx\x1b[7m \x1b[m",
            "12345678901234567890",
            "\x1b[?1049hfull screen\x1b[2;2H\x1b[7mstruck",
        ] {
            let mut pane = Pane::new(Size::new(6, 20), HistoryLimit::default());
            pane.feed(Duration::ZERO, text.as_bytes());
            let bytes = redraw(pane.screen(), &pane.modes());
            let (first, again) = (shown(text.as_bytes()), shown(&bytes));
            assert_eq!(first, again, "{text:?}");
        }
    }
}
