//! The line in which a secret or an answer is typed; wiped when it goes, and shown in no log.

use std::fmt;

use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::pane::{Key, KeyCode, Mods};

/// Longest answer, in bytes; reserved at once, so that no copy is left behind by growing.
const BYTES: usize = 1024;

/// What was typed so far.
pub(in crate::tui::app) struct Entry(Zeroizing<String>);

impl Default for Entry {
    fn default() -> Entry {
        Entry(Zeroizing::new(String::with_capacity(BYTES)))
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[hidden]")
    }
}

impl Entry {
    pub(in crate::tui::app) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(in crate::tui::app) fn count(&self) -> usize {
        self.0.chars().count()
    }

    pub(in crate::tui::app) fn text(&self) -> &str {
        &self.0
    }

    /// A key that edits the line; others have no meaning here.
    pub(in crate::tui::app) fn key(&mut self, key: Key) {
        match (key.code(), key.mods()) {
            (KeyCode::Char(c), Mods::NONE) => self.push(c),
            (KeyCode::Backspace, _) => drop(self.0.pop()),
            (KeyCode::Char('u'), Mods::CTRL) => *self = Entry::default(),
            _ => {}
        }
    }

    /// The first line of a paste.
    pub(in crate::tui::app) fn paste(&mut self, text: &str) {
        let line = text.lines().next().unwrap_or_default();
        line.chars().filter(|c| !c.is_control()).for_each(|c| self.push(c));
    }

    /// It as an answer: a copy of exactly its length, since boxing a longer buffer would leave an unwiped one behind.
    pub(in crate::tui::app) fn secret(&self) -> SecretString {
        SecretString::from(self.0.as_str().to_owned())
    }

    fn push(&mut self, c: char) {
        if self.0.len() + c.len_utf8() <= BYTES {
            self.0.push(c);
        }
    }
}
