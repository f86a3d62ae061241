//! A list from which one thing is chosen by a few of its letters.
//!
//! The letters are matched as in editors: in order, not necessarily side by side, small letters for either case. What
//! matches best stands first; without letters the list keeps its order.

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

use crate::pane::{Key, KeyCode, Mods};

use super::line::{Line, Typed};

/// One thing to choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// What is matched and shown; free of control characters.
    pub text: String,
    /// What stands at the right: a key, a number.
    pub detail: String,
}

/// The list, the letters, and which is marked.
#[derive(Clone, Debug)]
pub struct Picker {
    line: Line,
    choices: Vec<Choice>,
    /// Places in `choices` that match, the best first.
    matching: Vec<usize>,
    /// Place in `matching`.
    marked: usize,
}

/// What a key came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Picked {
    /// This one, by its place among the choices.
    Chosen(usize),
    /// None.
    Left,
    /// Not yet.
    Open,
}

impl Picker {
    /// All choices, the first one marked.
    pub fn new(choices: Vec<Choice>) -> Picker {
        let matching = (0..choices.len()).collect();
        Picker { line: Line::default(), choices, matching, marked: 0 }
    }

    /// Puts other choices in place; those that were there keep their places, and the mark stays where it is.
    pub fn renew(&mut self, choices: Vec<Choice>) {
        let marked = self.matching.get(self.marked).copied();
        self.choices = choices;
        self.sift();
        self.marked = self.matching.iter().position(|n| Some(*n) == marked).unwrap_or(0);
    }

    /// The letters.
    pub fn line(&self) -> &Line {
        &self.line
    }

    /// What matches, the best first.
    pub fn matching(&self) -> impl ExactSizeIterator<Item = &Choice> {
        self.matching.iter().map(|n| &self.choices[*n])
    }

    /// How many choices there are, whether or not they match.
    pub fn len(&self) -> usize {
        self.choices.len()
    }

    /// Is there nothing to choose from?
    pub fn is_empty(&self) -> bool {
        self.choices.is_empty()
    }

    /// Which of those is marked.
    pub fn marked(&self) -> usize {
        self.marked
    }

    /// Takes pasted letters.
    pub fn paste(&mut self, text: &str) {
        self.line.paste(text);
        self.sift();
    }

    /// Takes a key; `page` is how many rows are shown.
    pub fn key(&mut self, key: Key, page: usize) -> Picked {
        let last = self.matching.len().saturating_sub(1);
        match (key.code(), key.mods()) {
            (KeyCode::Esc, _) | (KeyCode::Char('c'), Mods::CTRL) => return Picked::Left,
            (KeyCode::Enter, Mods::NONE) => {
                return self.matching.get(self.marked).map_or(Picked::Open, |n| Picked::Chosen(*n));
            }
            (KeyCode::Up, Mods::NONE) | (KeyCode::Char('p'), Mods::CTRL) => {
                self.marked = self.marked.saturating_sub(1);
            }
            (KeyCode::Down, Mods::NONE) | (KeyCode::Char('n'), Mods::CTRL) => {
                self.marked = (self.marked + 1).min(last);
            }
            (KeyCode::PageUp, Mods::NONE) => self.marked = self.marked.saturating_sub(page),
            (KeyCode::PageDown, Mods::NONE) => self.marked = (self.marked + page).min(last),
            _ => {
                if self.line.key(key) == Typed::Changed {
                    self.sift();
                }
            }
        }
        Picked::Open
    }

    fn sift(&mut self) {
        let pattern = Pattern::parse(self.line.text(), CaseMatching::Smart, Normalization::Smart);
        let mut matcher = Matcher::new(Config::DEFAULT);
        let mut letters = Vec::new();
        let mut scored: Vec<(u32, usize)> = (self.choices.iter().enumerate())
            .filter_map(|(n, choice)| {
                let text = Utf32Str::new(&choice.text, &mut letters);
                pattern.score(text, &mut matcher).map(|score| (score, n))
            })
            .collect();
        // Of equals, what begins with the letters is what was meant.
        let begins = |n: usize| self.choices[n].text.starts_with(self.line.text());
        scored.sort_by_key(|(score, n)| (std::cmp::Reverse(*score), !begins(*n), *n));
        self.matching = scored.into_iter().map(|(_, n)| n).collect();
        self.marked = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picker() -> Picker {
        let choice = |text: &str| Choice { text: text.to_owned(), detail: String::new() };
        Picker::new(["attach-all", "detach", "zoom", "copy"].map(choice).to_vec())
    }

    fn press(picker: &mut Picker, keys: &str) -> Picked {
        keys.split_whitespace().map(|key| picker.key(key.parse().expect("a key"), 3)).last().expect("keys")
    }

    #[test]
    fn what_begins_with_the_letters_stands_before_what_holds_them() {
        let choice = |text: &str| Choice { text: text.to_owned(), detail: String::new() };
        let texts = ["sight: only what is on the screen", "odd: whose screen differs", "screen matches…"];
        let mut picker = Picker::new(texts.map(choice).to_vec());
        press(&mut picker, "s c r e e n");
        let first = picker.matching().next().map(|choice| choice.text.as_str());
        assert_eq!((first, picker.matching().len(), picker.len()), (Some("screen matches…"), 3, 3));
    }

    #[test]
    fn a_few_letters_find_it_and_enter_takes_the_marked_one() {
        let mut list = picker();
        assert_eq!(press(&mut list, "Enter"), Picked::Chosen(0), "in its order without letters");
        assert_eq!(press(&mut list, "z m Enter"), Picked::Chosen(2));
        assert_eq!(press(&mut list, "q"), Picked::Open);
        assert_eq!(list.matching().len(), 0);
        assert_eq!(press(&mut list, "Enter"), Picked::Open);
        assert_eq!(press(&mut list, "C-u Down Down Down Down Down Enter"), Picked::Chosen(3));
        assert_eq!(press(&mut list, "Up Enter"), Picked::Chosen(2));
        assert_eq!(press(&mut list, "Esc"), Picked::Left);
    }
}
