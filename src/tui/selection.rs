//! A part of a pane's text: what is selected, how a cursor moves through it, and what is copied.
//!
//! Columns are those of the terminal's cells. A wide character belongs to a part that holds either of its cells, so none
//! is ever cut in half.

use std::ops::Range;

use unicode_width::UnicodeWidthChar;

use crate::pane::Screen;

use super::search::At;

/// The form of a selection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// From one character to another, as text is read.
    Text,
    /// Whole lines.
    Lines,
    /// A rectangle.
    Block,
}

/// What is selected: everything between two places, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Selection {
    /// Where it was begun.
    pub anchor: At,
    /// Where the cursor is.
    pub cursor: At,
    /// Its form.
    pub shape: Shape,
}

/// What was read of a selection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    /// The text, blanks at the ends of lines left out; whole lines end in a newline.
    pub text: String,
    /// Lines of it.
    pub lines: usize,
    /// Lines that are not in the history any more.
    pub lost: u64,
    /// It was longer than it may be, and was cut.
    pub cut: bool,
}

impl Selection {
    /// The numbers of its lines.
    pub fn lines(&self) -> Range<u64> {
        self.anchor.line.min(self.cursor.line)..self.anchor.line.max(self.cursor.line) + 1
    }

    /// Its columns in a line; `None` where none of the line is selected.
    pub fn columns(&self, line: u64) -> Option<Range<u16>> {
        if !self.lines().contains(&line) {
            return None;
        }
        let (first, last) = (self.anchor.min(self.cursor), self.anchor.max(self.cursor));
        Some(match self.shape {
            Shape::Lines => 0..u16::MAX,
            Shape::Block => {
                let (left, right) =
                    (self.anchor.col.min(self.cursor.col), self.anchor.col.max(self.cursor.col));
                left..right.saturating_add(1)
            }
            Shape::Text => {
                let from = if line == first.line { first.col } else { 0 };
                let to = if line == last.line { last.col.saturating_add(1) } else { u16::MAX };
                from..to
            }
        })
    }

    /// Reads it from a screen and its history, at most so many bytes.
    pub fn read(&self, screen: Screen<'_>, bytes: usize) -> Copied {
        let lines = self.lines();
        let kept = lines.start.max(screen.first_line())..lines.end.min(screen.end_line());
        let mut copied = Copied { lost: kept.start - lines.start, ..Copied::default() };
        let mut text = String::new();
        for line in kept {
            screen.text_of(line, &mut text);
            let part = self.columns(line).map_or("", |columns| part(&text, columns)).trim_end();
            if copied.text.len() + part.len() >= bytes {
                copied.cut = true;
                break;
            }
            copied.text.push_str(part);
            copied.text.push('\n');
            copied.lines += 1;
        }
        if self.shape == Shape::Text {
            copied.text.pop();
        }
        copied
    }
}

/// The characters of a line that have a cell in these columns, with the marks upon them.
pub fn part(line: &str, columns: Range<u16>) -> &str {
    let (mut start, mut end, mut col) = (line.len(), line.len(), 0u16);
    for (byte, c) in line.char_indices() {
        let width = c.width().unwrap_or(0) as u16;
        let next = col.saturating_add(width);
        if width > 0 && next > columns.start && start == line.len() {
            start = byte;
        }
        if width > 0 && col >= columns.end {
            end = byte;
            break;
        }
        col = next;
    }
    &line[start.min(end)..end]
}

/// What a motion by words tells apart.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Blank,
    Word,
    Sign,
}

fn kind(c: char) -> Kind {
    match c {
        c if c.is_whitespace() => Kind::Blank,
        c if c.is_alphanumeric() || c == '_' => Kind::Word,
        _ => Kind::Sign,
    }
}

/// The columns at which characters begin, with what each is.
fn cells(line: &str) -> Vec<(u16, Kind)> {
    let mut col = 0u16;
    let mut cells = Vec::new();
    for c in line.chars() {
        let width = c.width().unwrap_or(0) as u16;
        if width > 0 {
            cells.push((col, kind(c)));
        }
        col = col.saturating_add(width);
    }
    cells
}

/// The columns at which words begin.
pub fn word_starts(line: &str) -> Vec<u16> {
    let cells = cells(line);
    let starts = |n: &usize| cells[*n].1 != Kind::Blank && (*n == 0 || cells[*n - 1].1 != cells[*n].1);
    (0..cells.len()).filter(starts).map(|n| cells[n].0).collect()
}

/// The columns at which words end, each the first column of the last character.
pub fn word_ends(line: &str) -> Vec<u16> {
    let cells = cells(line);
    let ends =
        |n: &usize| cells[*n].1 != Kind::Blank && cells.get(*n + 1).is_none_or(|next| next.1 != cells[*n].1);
    (0..cells.len()).filter(ends).map(|n| cells[n].0).collect()
}

/// The first column of the last character; 0 in an empty line.
pub fn last_column(line: &str) -> u16 {
    cells(line).last().map_or(0, |(col, _)| *col)
}

/// The first column of the character that stands in a column, or in the last one before it.
pub fn snapped(line: &str, col: u16) -> u16 {
    cells(line).into_iter().map(|(start, _)| start).take_while(|start| *start <= col).last().unwrap_or(0)
}

/// The column one character further, to the right or to the left; where there is none, the same.
pub fn beside(line: &str, col: u16, step: isize) -> u16 {
    let starts: Vec<u16> = cells(line).into_iter().map(|(start, _)| start).collect();
    let at = starts.iter().rposition(|start| *start <= col).unwrap_or(0);
    let to = at.saturating_add_signed(step).min(starts.len().saturating_sub(1));
    starts.get(to).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::pane::{HistoryLimit, Pane};
    use crate::size::Size;

    fn read(text: &str, (a, b): ((u64, u16), (u64, u16)), shape: Shape) -> Copied {
        let mut pane = Pane::new(Size::new(4, 20), HistoryLimit::lines(10));
        pane.feed(Duration::ZERO, text.as_bytes());
        let at = |(line, col)| At { line, col };
        Selection { anchor: at(a), cursor: at(b), shape }.read(pane.screen(), 10_000)
    }

    #[test]
    fn a_selection_is_read_in_each_form_and_from_either_end() {
        let text = "one two   \r\n\r\n日本語 abc\r\nlast";
        for (ends, shape, expected) in [
            (((0, 4), (2, 1)), Shape::Text, "two\n\n日"),
            (((2, 2), (0, 4)), Shape::Text, "two\n\n日本"),
            (((0, 0), (0, 2)), Shape::Text, "one"),
            (((0, 5), (1, 9)), Shape::Lines, "one two\n\n"),
            (((0, 3), (3, 1)), Shape::Block, "ne\n\n日本\nast\n"),
            (((2, 3), (2, 4)), Shape::Text, "本語"),
        ] {
            assert_eq!(read(text, ends, shape).text, expected, "{ends:?}");
        }
        assert_eq!(read(text, ((0, 4), (2, 1)), Shape::Text).lines, 3);
    }

    #[test]
    fn what_left_the_history_and_what_is_too_long_is_told() {
        let text: String = (0..40).map(|n| format!("{n}\r\n")).collect();
        let copied = read(&text, ((20, 0), (29, 0)), Shape::Lines);
        assert_eq!((copied.lost, copied.lines, copied.text.as_str()), (7, 3, "27\n28\n29\n"));
        let mut pane = Pane::new(Size::new(4, 20), HistoryLimit::lines(10));
        pane.feed(Duration::ZERO, b"1234\r\n5678");
        let all =
            Selection { anchor: At { line: 0, col: 0 }, cursor: At { line: 1, col: 3 }, shape: Shape::Text };
        let copied = all.read(pane.screen(), 6);
        assert_eq!((copied.text.as_str(), copied.cut), ("1234", true));
    }

    #[test]
    fn no_character_is_cut_in_half_and_marks_stay_with_theirs() {
        for (columns, expected) in [
            (0..1, "日"),
            (1..2, "日"),
            (1..3, "日e\u{301}"),
            (2..3, "e\u{301}"),
            (3..9, "x"),
            (4..9, ""),
            (2..2, ""),
            (0..u16::MAX, "日e\u{301}x"),
        ] {
            assert_eq!(part("日e\u{301}x", columns.clone()), expected, "{columns:?}");
        }
    }

    #[test]
    fn motions_go_by_words_and_characters() {
        let line = "cd /tmp; 日本 x_1";
        assert_eq!(word_starts(line), [0, 3, 4, 7, 9, 14]);
        assert_eq!(word_ends(line), [1, 3, 6, 7, 11, 16]);
        assert_eq!((last_column(line), last_column("日"), last_column("")), (16, 0, 0));
        assert_eq!(
            (beside(line, 9, 1), beside(line, 11, -1), beside(line, 16, 1), beside("", 0, 1)),
            (11, 9, 16, 0)
        );
        assert_eq!((snapped(line, 10), snapped(line, 99), snapped("", 4)), (9, 16, 0));
    }
}
