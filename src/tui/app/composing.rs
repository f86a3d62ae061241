//! Texts that go to the hosts as a whole: the compose box.

use crate::broadcast::MemberId;
use crate::pane::{Key, KeyCode, Mods};
use crate::tui::action::Action;
use crate::tui::compose::{Canary, Compose, Reading, View};
use crate::tui::line::Typed;

use super::dispatch::{Parcel, Then};
use super::pasting::Pasting;
use super::secret::SecretBox;
use super::sent::How;
use super::{App, Keyboard, LineByLine};

/// A dialog in which something is prepared for the hosts. While it is open, nothing typed reaches one.
#[derive(Debug)]
pub enum Preparing {
    /// The compose box.
    Compose(Box<Compose>),
    /// A paste that waits for the user's word.
    Paste(Box<Pasting>),
    /// A paste on its way, line by line.
    Lines(Box<LineByLine>),
    /// A secret that is being typed.
    Secret(Box<SecretBox>),
}

impl App {
    /// Does one of the actions that send something.
    pub(super) fn sending_action(&mut self, action: Action) {
        self.leave_scrollback();
        match action {
            Action::Compose => {
                let aside = self.past.aside.take();
                let compose = aside.or_else(|| self.past.draft.take()).unwrap_or_default();
                self.open_compose(compose);
            }
            Action::Macros => self.open_macros(),
            Action::SendSecret => self.open_secret(),
            own => self.send_own(own),
        }
    }

    /// A key in one of the dialogs.
    pub(super) fn sending_key(&mut self, key: Key) {
        match &self.keyboard {
            Keyboard::Preparing(Preparing::Compose(_)) => self.compose_key(key),
            Keyboard::Preparing(Preparing::Paste(_)) => self.pasting_key(key),
            Keyboard::Preparing(Preparing::Lines(_)) => self.lines_key(key),
            Keyboard::Preparing(Preparing::Secret(_)) => self.secret_key(key),
            _ => {}
        }
    }

    /// Opens the compose box.
    pub(super) fn open_compose(&mut self, compose: Compose) {
        self.keyboard = Keyboard::Preparing(Preparing::Compose(Box::new(compose)));
        self.check_composed();
    }

    fn compose_key(&mut self, key: Key) {
        let Keyboard::Preparing(Preparing::Compose(compose)) = &mut self.keyboard else { return };
        match (key.code(), key.mods()) {
            (KeyCode::Esc, _) | (KeyCode::Char('c'), Mods::CTRL) => return self.leave_compose(),
            (KeyCode::Char('s'), Mods::CTRL) | (KeyCode::Enter, Mods::ALT) => return self.send_composed(),
            (KeyCode::Char('c'), Mods::ALT) => return self.send_canary(),
            (KeyCode::Char('t'), Mods::ALT) => compose.toggle_reading(),
            (KeyCode::Char('e'), Mods::ALT) => compose.toggle_ending(),
            (KeyCode::Tab, _) => return compose.toggle_view(),
            (KeyCode::Char('p'), Mods::CTRL) => compose.older(&self.past),
            (KeyCode::Char('n'), Mods::CTRL) => compose.newer(&self.past),
            _ => match compose.view {
                View::Preview(_) => return self.scroll_preview(key),
                View::Text => match (compose.editor.key(key), key.code()) {
                    (Typed::Changed, _) => compose.changed(),
                    (Typed::Not, KeyCode::Up) => compose.older(&self.past),
                    (Typed::Not, KeyCode::Down) => compose.newer(&self.past),
                    _ => return,
                },
            },
        }
        self.check_composed();
    }

    /// Takes a paste into the text.
    pub(super) fn paste_into_compose(&mut self, text: &str) {
        let Keyboard::Preparing(Preparing::Compose(compose)) = &mut self.keyboard else { return };
        match compose.editor.paste(text) {
            Ok(()) => {
                compose.view = View::Text;
                compose.changed();
                self.check_composed();
            }
            Err(fault) => compose.fault = Some(fault),
        }
    }

    /// What was written is still there when the box is opened again; but not what one host has already, since it would get it
    /// twice.
    fn leave_compose(&mut self) {
        let Some(mut compose) = self.take_compose() else { return };
        let is_draft = !compose.editor.is_empty() && compose.named.is_none() && compose.canary.is_none();
        compose.changed();
        compose.view = View::Text;
        self.past.draft = is_draft.then_some(*compose);
    }

    fn scroll_preview(&mut self, key: Key) {
        let last = self.broadcast.receivers().count().saturating_sub(1);
        let page = usize::from(self.layout.area.height / 2).max(1);
        let Keyboard::Preparing(Preparing::Compose(compose)) = &mut self.keyboard else { return };
        let View::Preview(top) = &mut compose.view else { return };
        *top = match key.code() {
            KeyCode::Up | KeyCode::Char('k') => top.saturating_sub(1),
            KeyCode::Down | KeyCode::Char('j') => (*top + 1).min(last),
            KeyCode::PageUp => top.saturating_sub(page),
            KeyCode::PageDown | KeyCode::Char(' ') => (*top + page).min(last),
            KeyCode::Home => 0,
            KeyCode::End => last,
            _ => *top,
        };
    }

    /// Says what is wrong with the text for those who would get it, while it is being written.
    fn check_composed(&mut self) {
        let Keyboard::Preparing(Preparing::Compose(compose)) = &self.keyboard else { return };
        if compose.editor.is_empty() {
            return;
        }
        let checked = compose.template().map_err(|error| error.to_string());
        let fault = checked.and_then(|template| self.check(&template, &self.broadcast.hearing())).err();
        if let Keyboard::Preparing(Preparing::Compose(compose)) = &mut self.keyboard {
            compose.fault = fault.or(compose.fault.take());
        }
    }

    fn take_compose(&mut self) -> Option<Box<Compose>> {
        match std::mem::replace(&mut self.keyboard, Keyboard::Hosts) {
            Keyboard::Preparing(Preparing::Compose(compose)) => Some(compose),
            other => {
                self.keyboard = other;
                None
            }
        }
    }

    /// Sends the text to one host first.
    fn send_canary(&mut self) {
        let Some(mut compose) = self.take_compose() else { return };
        let batch = self.broadcast.hearing();
        let focus = self.broadcast.focus().filter(|focus| batch.contains(focus));
        match (focus.or(batch.first().copied()), &compose.canary) {
            (_, Some(_)) => {
                compose.fault = Some("one host has it already: C-s sends it to the others".to_owned())
            }
            (None, None) => compose.fault = Some(self.why_nobody()),
            (Some(first), None) => match self.composed(&compose, &batch, &[first]) {
                Err(fault) => compose.fault = Some(fault),
                Ok(parcel) => {
                    let then = match batch.as_slice() {
                        [one] => Then::Said(format!("sent to {}", self.name(*one))),
                        _ => Then::Back(Canary { batch, first }),
                    };
                    return self.let_go(compose, Parcel { then, ..parcel });
                }
            },
        }
        self.keyboard = Keyboard::Preparing(Preparing::Compose(compose));
    }

    /// Sends the text to all who hear, or to those who are left after the canary; the box closes.
    fn send_composed(&mut self) {
        let Some(mut compose) = self.take_compose() else { return };
        let hearing = self.broadcast.hearing();
        let (batch, to) = match &compose.canary {
            None => (hearing.clone(), hearing.clone()),
            Some(canary) => (canary.batch.clone(), canary.rest(&hearing)),
        };
        let parcel = match (to.is_empty(), &compose.canary) {
            (true, None) => Err(self.why_nobody()),
            (true, Some(_)) => Err("none of the others hears any more".to_owned()),
            (false, _) => self.composed(&compose, &batch, &to),
        };
        match parcel {
            Err(fault) => {
                compose.fault = Some(fault);
                self.keyboard = Keyboard::Preparing(Preparing::Compose(compose));
            }
            Ok(parcel) => {
                let then = Then::Said(self.account(compose.canary.as_ref(), &hearing, &to));
                self.let_go(compose, Parcel { then, ..parcel });
            }
        }
    }

    /// Lets go of a text. The box is put aside, so that it is not lost if the user is asked something and says no.
    fn let_go(&mut self, compose: Box<Compose>, parcel: Parcel) {
        self.past.aside = Some(*compose);
        self.dispatch(parcel);
    }

    /// Who got the text, and who did not though the user may think so.
    fn account(&self, canary: Option<&Canary>, hearing: &[MemberId], to: &[MemberId]) -> String {
        let Some(canary) = canary else {
            return match to {
                [one] => format!("sent to {}", self.name(*one)),
                many => format!("sent to {} hosts", many.len()),
            };
        };
        let mut said = format!("sent to the other {}", to.len());
        let lost: Vec<MemberId> = (canary.batch.iter().copied())
            .filter(|id| *id != canary.first && to.binary_search(id).is_err())
            .collect();
        let joined: Vec<MemberId> =
            hearing.iter().copied().filter(|id| canary.batch.binary_search(id).is_err()).collect();
        if !lost.is_empty() {
            said.push_str(&format!("; not to {}: no longer hearing", self.named(&lost)));
        }
        if !joined.is_empty() {
            said.push_str(&format!("; not to {}: joined after the first", self.named(&joined)));
        }
        said
    }

    /// The text of the box for these of a batch, or why it cannot be sent.
    fn composed(&self, compose: &Compose, batch: &[MemberId], to: &[MemberId]) -> Result<Parcel, String> {
        let source = compose.remembered();
        if source.text.is_empty() {
            return Err("there is nothing to send".to_owned());
        }
        let template = compose.template().map_err(|error| error.to_string())?;
        let how = match (compose.reading, &compose.named) {
            (Reading::Literal, _) => How::Literal,
            (Reading::Template, Some(_)) => How::Macro,
            (Reading::Template, None) => How::Composed,
        };
        let texts = self.filled_in(&template, batch, to)?;
        Ok(Parcel { how, source, texts, ending: compose.ending, then: Then::Nothing })
    }
}

impl Canary {
    /// Who is left, and still hears; `hearing` ascends, and so does the answer.
    pub(super) fn rest(&self, hearing: &[MemberId]) -> Vec<MemberId> {
        let left = self.batch.iter().copied().filter(|id| *id != self.first);
        left.filter(|id| hearing.binary_search(id).is_ok()).collect()
    }
}
