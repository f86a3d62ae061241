//! Lines of text inside their bounds.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_width::UnicodeWidthChar;
use unicode_width::UnicodeWidthStr;

/// Writes text into the first row of `line`, cut at its right edge; returns the columns used.
pub(super) fn put(buf: &mut Buffer, line: Rect, text: &str, style: Style) -> u16 {
    let line = line.intersection(buf.area);
    if line.is_empty() {
        return 0;
    }
    let (end, _) = buf.set_stringn(line.x, line.y, text, usize::from(line.width), style);
    end - line.x
}

/// A time as a person reads it: seconds, then minutes, then hours.
pub(super) fn age(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3600),
    }
}

/// The row of an area, counted from its top; empty beyond its end.
pub(super) fn row(area: Rect, n: u16) -> Rect {
    Rect::new(area.x, area.y.saturating_add(n), area.width, u16::from(n < area.height))
}

/// What is left of a line behind the first columns.
pub(super) fn behind(line: Rect, used: u16) -> Rect {
    let used = used.min(line.width);
    Rect::new(line.x + used, line.y, line.width - used, line.height)
}

/// Columns that a text takes.
pub(super) fn width(text: &str) -> u16 {
    u16::try_from(text.width()).unwrap_or(u16::MAX)
}

/// Breaks a text at blanks into lines of at most `columns`; a longer word is broken where it must. Blanks at the
/// beginning stay.
pub(super) fn wrap(text: &str, columns: u16) -> Vec<String> {
    let columns = usize::from(columns.max(1));
    let mut lines = vec![String::new()];
    let mut used = 0;
    for (n, word) in text.split(' ').enumerate() {
        let fits = used + 1 + word.width() <= columns;
        if n > 0 && fits {
            push(&mut lines, ' ');
            used += 1;
        } else if used > 0 {
            lines.push(String::new());
            used = 0;
        }
        for c in word.chars() {
            let wide = c.width().unwrap_or(0);
            if used + wide > columns && used > 0 {
                lines.push(String::new());
                used = 0;
            }
            push(&mut lines, c);
            used += wide;
        }
    }
    lines
}

fn push(lines: &mut [String], c: char) {
    if let Some(last) = lines.last_mut() {
        last.push(c);
    }
}

/// The beginning of a text that takes at most so many columns.
pub(super) fn fitting(text: &str, columns: u16) -> &str {
    let mut used = 0;
    let too_far = text.char_indices().find(|(_, c)| {
        used += c.width().unwrap_or(0);
        used > usize::from(columns)
    });
    too_far.map_or(text, |(at, _)| &text[..at])
}

/// A number of bytes for people.
pub(super) fn bytes(n: usize) -> String {
    match n {
        0..1024 => format!("{n} B"),
        _ => format!("{} kB", n.div_ceil(1024)),
    }
}

/// `1 host`, `2 hosts`.
pub(super) fn count(n: usize, noun: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{n} {noun}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_that_fits() {
        assert_eq!((fitting("abc", 3), fitting("abc", 2), fitting("日本", 3)), ("abc", "ab", "日"));
    }

    #[test]
    fn lines_break_at_blanks_and_long_words_where_they_must() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("SHA256:abcdef", 6), ["SHA256", ":abcde", "f"]);
        assert_eq!(wrap("日本語", 4), ["日本", "語"]);
        assert_eq!(wrap("  two in", 6), ["  two", "in"]);
        assert_eq!(wrap("", 4), [""]);
        assert_eq!(wrap("ab", 0), ["a", "b"]);
    }
}
