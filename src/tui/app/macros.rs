//! Texts that the user named: macros of the configuration, and what each host is told of itself.

use crate::escape;
use crate::hosts::Template;
use crate::pane::Key;
use crate::tui::action::Action;
use crate::tui::compose::{Compose, Ending, Reading, Remembered, View};
use crate::tui::picker::Choice;

use super::dispatch::{Parcel, Then};
use super::picking::Picking;
use super::sent::How;
use super::{App, Keyboard, Tone};

/// Longest text of a macro in the list, in characters.
const LIST_CHARS: usize = 200;

/// A text that the user named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Macro {
    /// Its name, free of control characters.
    pub name: String,
    /// Its text, a template.
    pub text: String,
    /// Whether Enter follows.
    pub ending: Ending,
    /// The key that sends it at once, after the prefix.
    pub key: Option<Key>,
}

impl App {
    /// Opens the list of macros; the one that is chosen comes into the compose box, with what each host would get.
    pub(super) fn open_macros(&mut self) {
        if self.options.macros.is_empty() {
            let text = "there is no macro; name some under [macros] in config.toml";
            return self.notes.refuse(text, self.now);
        }
        let choices = (self.options.macros.iter())
            .map(|one| Choice {
                text: format!("{}: {}", one.name, self.example(one)),
                detail: one
                    .key
                    .map(|key| format!("{} {key}", self.options.keymap.prefix()))
                    .unwrap_or_default(),
            })
            .collect();
        self.pick(Picking::Macro, choices);
    }

    /// What a macro would say to the focused host, among all whom it would go to; to the first of them where the focused one
    /// hears nothing. Its text as it stands where that cannot be told.
    fn example(&self, one: &Macro) -> String {
        let to = self.broadcast.hearing();
        let at = self.broadcast.focus().and_then(|focus| to.binary_search(&focus).ok()).unwrap_or(0);
        let said = (to.get(at).zip(Template::parse(&one.text).ok()))
            .and_then(|(host, template)| self.filled_in_for(&template, *host, (at + 1, to.len())).ok());
        let text = said.unwrap_or_else(|| one.text.clone());
        escape::text(&text.replace('\n', " ⏎ "), LIST_CHARS)
    }

    pub(super) fn macro_picked(&mut self, n: usize) {
        let Some(one) = self.options.macros.get(n) else { return };
        let mut compose = Compose::holding(&one.text);
        compose.named = Some(one.name.clone());
        compose.ending = one.ending;
        compose.view = View::Preview(0);
        self.open_compose(compose);
    }

    /// Sends the macro of this key, if there is one; says whether there is.
    pub(super) fn press_macro(&mut self, key: Key) -> bool {
        let Some(one) = self.options.macros.iter().find(|one| one.key == Some(key)).cloned() else {
            return false;
        };
        self.notes.turn();
        if self.in_dialog() {
            self.notes.say(Tone::Plain, "Esc closes the dialog first", self.now);
        } else {
            self.leave_scrollback();
            self.send_template(&one.text, one.ending);
        }
        true
    }

    /// Sends each host what the action says of it, as if it had been typed there.
    pub(super) fn send_own(&mut self, action: Action) {
        let text = match action {
            Action::SendHost => "{host}",
            Action::SendTarget => "{target}",
            Action::SendUser => "{user}",
            Action::SendNumber => "{n}",
            _ => env!("CARGO_PKG_VERSION"),
        };
        self.send_template(text, Ending::Open);
    }

    fn send_template(&mut self, text: &str, ending: Ending) {
        self.questions.keep_quiet();
        if !matches!(self.keyboard, Keyboard::Hosts) || !self.has_receivers() {
            return;
        }
        let to = self.broadcast.hearing();
        let template = Template::parse(text).map_err(|error| error.to_string());
        match template.and_then(|template| self.filled_in(&template, &to, &to)) {
            Err(fault) => self.notes.say(Tone::Bad, format!("nothing was sent: {fault}"), self.now),
            Ok(texts) => {
                let source = Remembered { text: text.to_owned(), reading: Reading::Template };
                self.dispatch(Parcel { how: How::Macro, source, texts, ending, then: Then::Nothing });
            }
        }
    }
}
