//! The compose box: a text of several lines for all who hear, in which names in braces differ from host to host.
//!
//! Nothing in it reaches a host before one of two keys says so: one for all, one for a single host first (the *canary*).
//! From the canary on it is settled who gets the rest: those who would have heard then, and still hear when the rest is
//! sent. A change of the text undoes that, since the others would get what the canary never saw.

mod editor;

use std::collections::VecDeque;
use std::fmt;

use crate::broadcast::MemberId;
use crate::hosts::{Template, TemplateError};

pub use editor::{Editor, TEXT_BYTES};

/// Composed texts that are remembered; the oldest goes.
pub const REMEMBERED: usize = 100;

/// Bytes of all of them together; the oldest goes.
const REMEMBERED_BYTES: usize = 256 * 1024;

/// How braces in a text are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reading {
    /// As a template.
    #[default]
    Template,
    /// As any other character.
    Literal,
}

/// Whether Enter follows a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ending {
    /// It does: the last line is executed.
    #[default]
    Enter,
    /// It does not: the last line can still be edited.
    Open,
}

/// What the box shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum View {
    /// The text.
    #[default]
    Text,
    /// What each host would get, from the one with this number on.
    Preview(usize),
}

/// A text with the way in which its braces are read; a log shows its size alone.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Remembered {
    /// The text.
    pub text: String,
    /// How its braces are read.
    pub reading: Reading,
}

impl fmt::Debug for Remembered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} bytes, {:?}]", self.text.len(), self.reading)
    }
}

/// One host got the text before the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Canary {
    /// Everyone who heard at that moment.
    pub batch: Vec<MemberId>,
    /// Who got it.
    pub first: MemberId,
}

/// The box.
#[derive(Clone, Debug, Default)]
pub struct Compose {
    /// The name of the macro that it began with.
    pub named: Option<String>,
    /// The text.
    pub editor: Editor,
    /// How braces are read.
    pub reading: Reading,
    /// Whether Enter follows.
    pub ending: Ending,
    /// What is shown.
    pub view: View,
    /// Why it cannot be sent, or what became of it, in a sentence free of control characters.
    pub fault: Option<String>,
    /// Who got it already.
    pub canary: Option<Canary>,
    /// Which of the remembered texts it shows, from the newest, and what stood here before.
    recalled: Option<(usize, Remembered)>,
}

impl Compose {
    /// A box with a text.
    pub fn holding(text: &str) -> Compose {
        Compose { editor: Editor::holding(text), ..Compose::default() }
    }

    /// A box with a text that was remembered.
    pub fn of(text: &Remembered) -> Compose {
        Compose { reading: text.reading, ..Compose::holding(&text.text) }
    }

    /// The text as it is read.
    pub fn template(&self) -> Result<Template, TemplateError> {
        match self.reading {
            Reading::Template => Template::parse(&self.editor.text()),
            Reading::Literal => Ok(Template::literal(&self.editor.text())),
        }
    }

    /// Reads braces the other way.
    pub fn toggle_reading(&mut self) {
        self.reading = match self.reading {
            Reading::Template => Reading::Literal,
            Reading::Literal => Reading::Template,
        };
        self.changed();
    }

    /// Enter follows, or not.
    pub fn toggle_ending(&mut self) {
        self.ending = match self.ending {
            Ending::Enter => Ending::Open,
            Ending::Open => Ending::Enter,
        };
        self.changed();
    }

    /// The text, or what each host would get.
    pub fn toggle_view(&mut self) {
        self.view = match self.view {
            View::Text => View::Preview(0),
            View::Preview(_) => View::Text,
        };
    }

    /// It is another text now: what was said of the old one does not hold.
    pub fn changed(&mut self) {
        self.fault = None;
        self.canary = None;
    }

    /// Shows an older text.
    pub fn older(&mut self, past: &Past) {
        let next = self.recalled.as_ref().map_or(0, |(n, _)| n + 1);
        if let Some(older) = past.newest(next) {
            let draft = self.recalled.take().map_or_else(|| self.remembered(), |(_, draft)| draft);
            self.recalled = Some((next, draft));
            self.recall(older);
        }
    }

    /// Shows a newer text, at last the one that stood here first.
    pub fn newer(&mut self, past: &Past) {
        let Some((n, draft)) = self.recalled.take() else { return };
        match n.checked_sub(1).and_then(|n| Some((n, past.newest(n)?))) {
            Some((n, newer)) => {
                self.recall(newer);
                self.recalled = Some((n, draft));
            }
            None => self.recall(&draft),
        }
    }

    /// The text and how it is read, to be remembered.
    pub fn remembered(&self) -> Remembered {
        Remembered { text: self.editor.text(), reading: self.reading }
    }

    /// Shows a text that was remembered, read as it was then.
    fn recall(&mut self, text: &Remembered) {
        self.editor = Editor::holding(&text.text);
        self.reading = text.reading;
        self.changed();
    }
}

/// Texts that were composed before, and the one that was left without being sent.
#[derive(Debug, Default)]
pub struct Past {
    texts: VecDeque<Remembered>,
    bytes: usize,
    /// The box as it was left with Esc.
    pub draft: Option<Compose>,
    /// The box whose text is on its way out, until it is out.
    pub aside: Option<Compose>,
}

impl Past {
    /// Remembers a text; one that was the newest already is not remembered twice.
    pub fn remember(&mut self, text: Remembered) {
        if text.text.trim().is_empty() || self.texts.back() == Some(&text) {
            return;
        }
        self.bytes += text.text.len();
        self.texts.push_back(text);
        while self.texts.len() > REMEMBERED || self.bytes > REMEMBERED_BYTES {
            let Some(oldest) = self.texts.pop_front() else { return };
            self.bytes -= oldest.text.len();
        }
    }

    /// Remembers a text, unless a secret was asked for where it went.
    pub fn remember_unless(&mut self, text: Remembered, asks_for_secret: bool) {
        if !asks_for_secret {
            self.remember(text);
        }
    }

    /// The text with this number, from 0, the newest first.
    fn newest(&self, n: usize) -> Option<&Remembered> {
        self.texts.iter().rev().nth(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_as_template(text: &str) -> Remembered {
        Remembered { text: text.to_owned(), reading: Reading::Template }
    }

    #[test]
    fn a_text_comes_back_with_its_braces_read_as_they_were() {
        let mut past = Past::default();
        past.remember(Remembered { text: "${x}".to_owned(), reading: Reading::Literal });
        past.remember(read_as_template("{host}"));
        let mut compose = Compose::holding("draft");
        let mut seen = Vec::new();
        for step in [Compose::older, Compose::older, Compose::newer, Compose::newer] {
            step(&mut compose, &past);
            seen.push((compose.editor.text(), compose.reading));
        }
        use Reading::{Literal, Template};
        let expected = [("{host}", Template), ("${x}", Literal), ("{host}", Template), ("draft", Template)];
        assert_eq!(seen, expected.map(|(text, reading)| (text.to_owned(), reading)));
        assert!(!format!("{compose:?} {past:?}").contains("host"), "{compose:?} {past:?}");
    }

    #[test]
    fn older_texts_come_back_and_the_draft_is_not_lost() {
        let mut past = Past::default();
        ["one", "two", "two", " "].into_iter().for_each(|text| past.remember(read_as_template(text)));
        let mut compose = Compose::holding("draft");
        let mut seen = Vec::new();
        for step in
            [Compose::older, Compose::older, Compose::older, Compose::newer, Compose::newer, Compose::newer]
        {
            step(&mut compose, &past);
            seen.push(compose.editor.text());
        }
        assert_eq!(seen, ["two", "one", "one", "two", "draft", "draft"]);
    }

    #[test]
    fn the_past_is_bounded() {
        let mut past = Past::default();
        (0..REMEMBERED + 9).for_each(|n| past.remember(read_as_template(&n.to_string())));
        assert_eq!((past.texts.len(), past.newest(0)), (REMEMBERED, Some(&read_as_template("108"))));
        (0..9).for_each(|n| past.remember(read_as_template(&n.to_string().repeat(60_000))));
        assert!(past.bytes <= REMEMBERED_BYTES && past.texts.len() == 4, "{}", past.texts.len());
    }

    #[test]
    fn a_change_undoes_the_canary() {
        let canary = Canary { batch: vec![MemberId(0), MemberId(1)], first: MemberId(0) };
        let toggles: [fn(&mut Compose); 2] = [Compose::toggle_reading, Compose::toggle_ending];
        for toggle in toggles {
            let mut compose = Compose { canary: Some(canary.clone()), ..Compose::holding("{host}") };
            compose.toggle_view();
            assert!(compose.canary.is_some());
            toggle(&mut compose);
            assert_eq!(compose.canary, None);
        }
    }

    #[test]
    fn braces_are_read_as_the_user_says() {
        let mut compose = Compose::holding("${x} {host");
        assert!(compose.template().is_err());
        compose.toggle_reading();
        assert!(compose.template().is_ok_and(|template| template.is_same_for_all()));
    }
}
