//! A line that is being typed in a dialog of omnes, with the usual keys of a shell's line.

use std::fmt;

use tui_input::{Input, InputRequest};

use crate::pane::{Key, KeyCode, Mods};

/// Longest line, in bytes; what goes beyond is not taken.
const LINE_BYTES: usize = 4096;

/// A line and the cursor in it.
#[derive(Clone, Default)]
pub struct Line {
    input: Input,
}

/// What a key was to a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Typed {
    /// The text is another one.
    Changed,
    /// The cursor may have moved.
    Moved,
    /// Not a key of a line.
    Not,
}

/// It may hold what must not be seen, so a log shows its size.
impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} bytes]", self.text().len())
    }
}

impl Line {
    /// A line that holds a text, with the cursor at its end.
    pub fn holding(text: &str) -> Line {
        let mut line = Line::default();
        line.paste(text);
        line
    }

    /// What was typed so far, free of control characters.
    pub fn text(&self) -> &str {
        self.input.value()
    }

    /// Columns of the text before the cursor.
    pub fn cursor(&self) -> u16 {
        u16::try_from(self.input.visual_cursor()).unwrap_or(u16::MAX)
    }

    /// Takes pasted text, its line ends and other control characters as blanks.
    pub fn paste(&mut self, text: &str) {
        for c in text.trim_end().chars() {
            self.insert(if c.is_control() { ' ' } else { c });
        }
    }

    /// Takes a key.
    pub fn key(&mut self, key: Key) -> Typed {
        match request(key) {
            None => Typed::Not,
            Some(InputRequest::InsertChar(c)) => self.insert(c),
            Some(request) => match self.input.handle(request) {
                Some(changed) if changed.value => Typed::Changed,
                _ => Typed::Moved,
            },
        }
    }

    fn insert(&mut self, c: char) -> Typed {
        if self.text().len() + c.len_utf8() > LINE_BYTES {
            return Typed::Moved;
        }
        self.input.handle(InputRequest::InsertChar(c));
        Typed::Changed
    }
}

/// What a key asks of a line, the same in every line of omnes.
pub(super) fn request(key: Key) -> Option<InputRequest> {
    use InputRequest::*;
    Some(match (key.code(), key.mods()) {
        (KeyCode::Char(c), Mods::NONE) => InsertChar(c),
        (KeyCode::Backspace, Mods::NONE) | (KeyCode::Char('h'), Mods::CTRL) => DeletePrevChar,
        (KeyCode::Delete, Mods::NONE) | (KeyCode::Char('d'), Mods::CTRL) => DeleteNextChar,
        (KeyCode::Left, Mods::NONE) | (KeyCode::Char('b'), Mods::CTRL) => GoToPrevChar,
        (KeyCode::Right, Mods::NONE) | (KeyCode::Char('f'), Mods::CTRL) => GoToNextChar,
        (KeyCode::Left, Mods::CTRL) | (KeyCode::Char('b'), Mods::ALT) => GoToPrevWord,
        (KeyCode::Right, Mods::CTRL) | (KeyCode::Char('f'), Mods::ALT) => GoToNextWord,
        (KeyCode::Home, Mods::NONE) | (KeyCode::Char('a'), Mods::CTRL) => GoToStart,
        (KeyCode::End, Mods::NONE) | (KeyCode::Char('e'), Mods::CTRL) => GoToEnd,
        (KeyCode::Char('u'), Mods::CTRL) => DeleteFromStart,
        (KeyCode::Char('k'), Mods::CTRL) => DeleteTillEnd,
        (KeyCode::Char('w'), Mods::CTRL) | (KeyCode::Backspace, Mods::ALT) => DeletePrevWord,
        (KeyCode::Char('d'), Mods::ALT) => DeleteNextWord,
        (KeyCode::Char('y'), Mods::CTRL) => Yank,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(keys: &str) -> (String, u16) {
        let mut line = Line::holding("one two");
        for key in keys.split_whitespace() {
            line.key(key.parse().expect("a key"));
        }
        (line.text().to_owned(), line.cursor())
    }

    #[test]
    fn a_line_is_edited_as_in_a_shell() {
        for (keys, text, cursor) in [
            ("x", "one twox", 8),
            ("Backspace", "one tw", 6),
            ("C-w", "one ", 4),
            ("C-a x", "xone two", 1),
            ("C-a C-k", "", 0),
            ("Left Left C-u", "wo", 0),
            ("Home Delete", "ne two", 0),
            ("M-b M-d", "one ", 4),
            ("C-Left C-Left 語", "語one two", 2),
            ("F5 Up", "one two", 7),
        ] {
            assert_eq!(after(keys), (text.to_owned(), cursor), "{keys}");
        }
    }

    #[test]
    fn pasted_control_characters_are_blanks_and_the_length_is_bounded() {
        assert_eq!(Line::holding("a\nb\x1b[31m\n").text(), "a b [31m");
        assert_eq!(Line::holding(&"x".repeat(9999)).text().len(), LINE_BYTES);
    }
}
