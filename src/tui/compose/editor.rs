//! A text of several lines that is being typed, with the keys of a shell's line in each of them.
//!
//! It stands on the same line editor as every other line of omnes, so that one set of keys works everywhere; the editor of
//! the crate world for ratatui keeps keys, colours and a viewport of its own, which drawing would have to change.

use std::fmt;

use tui_input::{Input, InputRequest};
use unicode_width::UnicodeWidthChar;

use crate::escape;
use crate::pane::{Key, KeyCode, Mods};
use crate::tui::line::{Typed, request};

/// Longest text, in bytes: between the brackets of a paste and with its Enter it fits into an empty outbox.
pub const TEXT_BYTES: usize = crate::broadcast::OUTBOX_BYTES - 13;

/// Lines with a cursor; never without a line. A log shows their size alone.
#[derive(Clone)]
pub struct Editor {
    rows: Vec<Input>,
    at: usize,
    /// What was cut out last.
    cut: String,
    /// The column that up and down keep to.
    goal: Option<usize>,
}

impl Default for Editor {
    fn default() -> Editor {
        Editor { rows: vec![Input::default()], at: 0, cut: String::new(), goal: None }
    }
}

impl fmt::Debug for Editor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} bytes]", self.len())
    }
}

impl Editor {
    /// A text, with the cursor at its end; cut where it is too long.
    pub fn holding(text: &str) -> Editor {
        let rows: Vec<Input> = clean(text).split('\n').map(|line| Input::new(line.to_owned())).collect();
        Editor { at: rows.len() - 1, rows, ..Editor::default() }
    }

    /// The text, its lines ended by `\n` but for the last; of the control characters it holds at most tabs.
    pub fn text(&self) -> String {
        self.lines().collect::<Vec<_>>().join("\n")
    }

    /// The lines.
    pub fn lines(&self) -> impl ExactSizeIterator<Item = &str> {
        self.rows.iter().map(Input::value)
    }

    /// The line of the cursor, from 0, and the columns of the text before it.
    pub fn cursor(&self) -> (usize, u16) {
        (self.at, u16::try_from(self.rows[self.at].visual_cursor()).unwrap_or(u16::MAX))
    }

    /// Is there nothing in it?
    pub fn is_empty(&self) -> bool {
        self.rows.len() == 1 && self.rows[0].value().is_empty()
    }

    /// Takes pasted text as it is, but for characters that act or cannot be seen, tabs and line ends apart; refuses what is
    /// too long.
    pub fn paste(&mut self, text: &str) -> Result<(), String> {
        let text = clean(text);
        if self.len() + text.len() > TEXT_BYTES {
            let kb = text.len().div_ceil(1024);
            return Err(format!(
                "this paste has {kb} kB, and a host takes at most 64 kB at once; it was not taken"
            ));
        }
        let (head, tail) = self.halves();
        let mut lines: Vec<String> = format!("{head}{text}").split('\n').map(str::to_owned).collect();
        let last = lines.last_mut().map_or(0, |last| {
            let cursor = last.chars().count();
            last.push_str(&tail);
            cursor
        });
        let added = lines.len();
        self.rows.splice(self.at..=self.at, lines.into_iter().map(Input::new));
        self.at += added - 1;
        self.rows[self.at].handle(InputRequest::SetCursor(last));
        self.goal = None;
        Ok(())
    }

    /// Takes a key. [`Typed::Not`] for one that has no meaning here, such as up in the first line.
    pub fn key(&mut self, key: Key) -> Typed {
        if let (KeyCode::Up | KeyCode::Down, Mods::NONE) = (key.code(), key.mods()) {
            return self.step(key.code());
        }
        self.goal = None;
        if (key.code(), key.mods()) == (KeyCode::Enter, Mods::NONE) {
            return self.split();
        }
        let Some(request) = request(key) else { return Typed::Not };
        let (first, last) = (self.at == 0, self.at + 1 == self.rows.len());
        let (start, end) = (self.is_at_start(), self.is_at_end());
        match request {
            InputRequest::DeletePrevChar if start && !first => {
                self.at -= 1;
                self.join(InputRequest::GoToEnd)
            }
            InputRequest::DeleteNextChar | InputRequest::DeleteTillEnd if end && !last => {
                self.join(InputRequest::GoToEnd)
            }
            InputRequest::GoToPrevChar if start && !first => self.go(self.at - 1, InputRequest::GoToEnd),
            InputRequest::GoToNextChar if end && !last => self.go(self.at + 1, InputRequest::GoToStart),
            InputRequest::Yank => self.bring_back(),
            InputRequest::InsertChar(c) if escape::acts(c) || self.len() + c.len_utf8() > TEXT_BYTES => {
                Typed::Moved
            }
            request => self.handle(request),
        }
    }

    /// Bytes of the text.
    fn len(&self) -> usize {
        self.lines().map(|line| line.len() + 1).sum::<usize>() - 1
    }

    fn row(&mut self) -> &mut Input {
        &mut self.rows[self.at]
    }

    fn is_at_start(&self) -> bool {
        self.rows[self.at].cursor() == 0
    }

    fn is_at_end(&self) -> bool {
        let row = &self.rows[self.at];
        row.cursor() == row.value().chars().count()
    }

    /// What stands before the cursor in its line, and what behind.
    fn halves(&self) -> (String, String) {
        let row = &self.rows[self.at];
        let at = row.value().char_indices().nth(row.cursor()).map_or(row.value().len(), |(at, _)| at);
        let (head, tail) = row.value().split_at(at);
        (head.to_owned(), tail.to_owned())
    }

    fn handle(&mut self, request: InputRequest) -> Typed {
        let before = self.row().value().to_owned();
        match self.row().handle(request) {
            Some(changed) if changed.value => {
                if cuts(request) {
                    let at = self.halves().0.len();
                    let gone = before.len() - self.row().value().len();
                    self.cut = before[at..at + gone].to_owned();
                }
                Typed::Changed
            }
            _ => Typed::Moved,
        }
    }

    fn bring_back(&mut self) -> Typed {
        match std::mem::take(&mut self.cut) {
            cut if cut.is_empty() => Typed::Moved,
            cut => {
                let fits = self.paste(&cut).is_ok();
                self.cut = cut;
                if fits { Typed::Changed } else { Typed::Moved }
            }
        }
    }

    fn split(&mut self) -> Typed {
        if self.len() + 1 > TEXT_BYTES {
            return Typed::Moved;
        }
        let (head, tail) = self.halves();
        self.rows[self.at] = Input::new(head);
        self.at += 1;
        self.rows.insert(self.at, Input::new(tail).with_cursor(0));
        Typed::Changed
    }

    /// Joins the line of the cursor with the next one; the cursor stays where they meet.
    fn join(&mut self, to: InputRequest) -> Typed {
        self.row().handle(to);
        let next = self.rows.remove(self.at + 1);
        let row = self.row();
        let cursor = row.value().chars().count();
        *row = Input::new(format!("{}{}", row.value(), next.value())).with_cursor(cursor);
        Typed::Changed
    }

    fn go(&mut self, row: usize, to: InputRequest) -> Typed {
        self.at = row;
        self.row().handle(to);
        Typed::Moved
    }

    /// A line up or down, as near to the column as its text allows.
    fn step(&mut self, code: KeyCode) -> Typed {
        let to = match code {
            KeyCode::Up => self.at.checked_sub(1),
            _ => Some(self.at + 1).filter(|row| *row < self.rows.len()),
        };
        let Some(to) = to else { return Typed::Not };
        let goal = self.goal.unwrap_or(usize::from(self.cursor().1));
        let mut used = 0;
        let before = |c: &char| {
            used += c.width().unwrap_or(1);
            used <= goal
        };
        let column = self.rows[to].value().chars().take_while(before).count();
        self.goal = Some(goal);
        self.go(to, InputRequest::SetCursor(column))
    }
}

/// Does it keep what it takes away?
fn cuts(request: InputRequest) -> bool {
    use InputRequest::*;
    matches!(request, DeleteFromStart | DeleteTillEnd | DeletePrevWord | DeleteNextWord)
}

/// Line ends in one form; no control characters but those and tabs, and none that cannot be seen or deceive.
fn clean(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    text.chars().filter(|c| !escape::acts(*c) || matches!(c, '\n' | '\t')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(text: &str, keys: &str) -> (String, (usize, u16)) {
        let mut editor = Editor::holding(text);
        for key in keys.split_whitespace() {
            editor.key(key.parse().expect("a key"));
        }
        (editor.text(), editor.cursor())
    }

    #[test]
    fn a_text_is_edited_line_by_line() {
        for (text, keys, left, cursor) in [
            ("", "a Enter b", "a\nb", (1, 1)),
            ("one two", "M-b Enter", "one \ntwo", (1, 0)),
            ("one\ntwo", "Home Backspace", "onetwo", (0, 3)),
            ("one\ntwo", "Up End Delete", "onetwo", (0, 3)),
            ("one\ntwo", "Up C-e C-k x", "onextwo", (0, 4)),
            ("one\ntwo", "Home Left x", "onex\ntwo", (0, 4)),
            ("one\ntwo", "Up End Right x", "one\nxtwo", (1, 1)),
            ("one\n\nthree", "Up Up", "one\n\nthree", (0, 3)),
            ("語語\nab", "Up x", "語x語\nab", (0, 3)),
            ("one\ntwo", "C-u Up C-y", "twoone\n", (0, 3)),
            ("one two", "C-w C-a C-y", "twoone ", (0, 3)),
            ("one", "Up Down F5 Tab", "one", (0, 3)),
        ] {
            assert_eq!(after(text, keys), (left.to_owned(), cursor), "{text:?} {keys}");
        }
    }

    #[test]
    fn the_edge_is_said_so_that_up_and_down_can_mean_more_there() {
        let mut editor = Editor::holding("one\ntwo");
        let mut press = |key: &str| editor.key(key.parse().expect("a key"));
        assert_eq!([press("Down"), press("Up"), press("Up")], [Typed::Not, Typed::Moved, Typed::Not]);
    }

    #[test]
    fn pastes_come_in_at_the_cursor_and_too_long_ones_do_not() {
        let mut editor = Editor::holding("ab");
        editor.key("Left".parse().expect("a key"));
        assert_eq!(editor.paste("1\r\n\t2\x1b[31m\r3"), Ok(()));
        assert_eq!((editor.text().as_str(), editor.cursor()), ("a1\n\t2[31m\n3b", (2, 1)));
        let text = editor.text();
        let refused = editor.paste(&"x".repeat(TEXT_BYTES)).expect_err("too long");
        assert!(refused.starts_with("this paste has 64 kB"), "{refused}");
        assert_eq!(editor.text(), text);
        assert_eq!(editor.paste(&"x".repeat(TEXT_BYTES - text.len())), Ok(()));
        editor.key(Key::char('y'));
        editor.key("Enter".parse().expect("a key"));
        assert_eq!(editor.text().len(), TEXT_BYTES);
    }
}
