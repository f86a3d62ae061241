//! The text of a pane line by line, for whoever searches it: no line is built with its styles, and one string is used
//! for all of them.

use super::screen::Screen;

/// Reads the text of many lines of a pane, one after the other.
pub struct Lines<'a> {
    screen: Screen<'a>,
    /// The rows of the screen itself, all read when the first of them is.
    rows: Vec<String>,
}

impl Lines<'_> {
    /// As [`Screen::text_of`].
    pub fn text_of(&mut self, line: u64, out: &mut String) {
        let history = self.screen.first_line() + self.screen.history_len() as u64;
        let Some(row) = line.checked_sub(history) else { return self.screen.text_of(line, out) };
        if self.rows.is_empty() {
            self.rows.extend(self.screen.emulator.terminal().face().texts());
        }
        out.clear();
        if let Some(text) = usize::try_from(row).ok().and_then(|row| self.rows.get(row)) {
            out.push_str(text.trim_end());
        }
    }
}

impl<'a> Screen<'a> {
    /// For whoever reads many lines.
    pub fn lines(self) -> Lines<'a> {
        Lines { screen: self, rows: Vec::new() }
    }

    /// The number of the oldest line kept, counted from the host's first line ever. A line keeps its number while it
    /// moves from the screen into the history.
    pub fn first_line(self) -> u64 {
        self.history_dropped()
    }

    /// The number behind the last row of the screen, counted likewise.
    pub fn end_line(self) -> u64 {
        self.first_line() + self.line_count() as u64
    }

    /// The number of the line with the cursor.
    pub fn line_of_cursor(self) -> u64 {
        self.first_line() + self.history_len() as u64 + u64::from(self.cursor().row)
    }

    /// Puts the text of a line, by its number, into `out` in place of what is there, without blanks at its end; nothing
    /// where the line is gone or yet to come.
    pub fn text_of(self, line: u64, out: &mut String) {
        out.clear();
        let Some(n) = line.checked_sub(self.first_line()).and_then(|n| usize::try_from(n).ok()) else {
            return;
        };
        let history = self.emulator.history();
        match n.checked_sub(history.len()).map(u16::try_from) {
            None => history.text(n, out),
            Some(Ok(row)) if row < self.size().rows => {
                for cell in (0..self.size().cols).map(|col| self.cell(row, col)).filter(|c| !c.continuation) {
                    out.push_str(if cell.text.is_empty() { " " } else { cell.text });
                }
            }
            Some(_) => {}
        }
        out.truncate(out.trim_end().len());
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::pane::{HistoryLimit, Pane};
    use crate::size::Size;

    #[test]
    fn every_line_is_read_as_text_whatever_its_styles_and_keeps_its_number() {
        let mut pane = Pane::new(Size::new(5, 40), HistoryLimit::lines(20));
        for n in 0..300 {
            let line = format!("\x1b[3{}mline\x1b[1;38;2;27;27;{}m {n} \u{8a9e}\x1b[m é\r\n", n % 8, n % 250);
            pane.feed(Duration::ZERO, line.as_bytes());
            let screen = pane.screen();
            let (mut text, mut read) = (String::from("left over"), String::from("left over"));
            let mut lines = screen.lines();
            for line in screen.first_line()..=n {
                screen.text_of(line, &mut text);
                assert_eq!(text, format!("line {line} \u{8a9e} é"));
                lines.text_of(line, &mut read);
                assert_eq!(read, text);
            }
            for line in [n + 1, screen.end_line(), u64::MAX] {
                lines.text_of(line, &mut read);
                assert_eq!(read, "");
            }
            assert_eq!(screen.line_of_cursor(), n + 1);
            screen.text_of(screen.end_line(), &mut text);
            assert_eq!(text, "");
        }
        assert_eq!(pane.screen().first_line(), 300 - 4 - 20);
        let mut text = String::from("left over");
        pane.screen().text_of(3, &mut text);
        assert_eq!(text, "", "it has left the history");
    }
}
