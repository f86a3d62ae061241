//! Texts that go to the hosts as a whole: the compose box, and the one way by which it and the macros send.

use std::fmt;
use std::sync::Arc;

use crate::broadcast::{MemberId, OUTBOX_BYTES};
use crate::escape;
use crate::hosts::template::Place;
use crate::hosts::{HostSet, Template};
use crate::pane::{Key, KeyCode, Modes, Mods, encode_key, encode_paste};
use crate::scrubbed::Scrubbed;
use crate::tui::action::Action;
use crate::tui::compose::{Canary, Compose, Ending, Reading, Remembered, View};
use crate::tui::guard::EXECUTES;
use crate::tui::line::Typed;

use super::guards::Sending;
use super::pasting::Pasting;
use super::secret::SecretBox;
use super::sent::How;
use super::{App, Keyboard, LineByLine, Tone};

/// Longest list of hosts in a sentence, in characters.
const LIST_CHARS: usize = 120;

/// Hosts that are looked at for such a list.
const MOST_NAMED: usize = 64;

/// The key that executes.
fn enter() -> Key {
    Key::new(KeyCode::Enter, Mods::NONE)
}

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

/// Texts that are about to be sent. They may hold what must not be seen, so a log shows for how many hosts they are.
#[derive(Clone, PartialEq, Eq)]
pub struct Parcel {
    /// How they came about.
    pub(super) how: How,
    /// What the user wrote, before it was filled in for each host.
    pub(super) source: Remembered,
    /// What each gets, in ascending order of member.
    pub(super) texts: Vec<(MemberId, Arc<str>)>,
    /// Whether Enter follows.
    pub(super) ending: Ending,
    /// What comes after it was sent.
    pub(super) then: Then,
}

impl fmt::Debug for Parcel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[texts for {} hosts]", self.texts.len())
    }
}

/// What comes after something was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// Nothing.
    Nothing,
    /// The box is done with; this is said.
    Said(String),
    /// The box comes back, for those who are left.
    Back(Canary),
}

impl Parcel {
    /// Would a shell execute a line of it?
    pub(super) fn executes(&self) -> bool {
        self.ending == Ending::Enter || self.texts.iter().any(|(_, text)| text.contains(EXECUTES))
    }
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

/// The one way by which prepared texts go out.
impl App {
    /// What a template says to these of a batch, which numbers them; or why it cannot be sent to one of them, and then it is
    /// sent to none.
    pub(super) fn filled_in(
        &self,
        template: &Template,
        batch: &[MemberId],
        to: &[MemberId],
    ) -> Result<Vec<(MemberId, Arc<str>)>, String> {
        self.check(template, to)?;
        let mut same: Option<Arc<str>> = None;
        let mut texts = Vec::with_capacity(to.len());
        for (n, id) in batch.iter().enumerate().filter(|(_, id)| to.binary_search(id).is_ok()) {
            let text = match same.clone().filter(|_| template.is_same_for_all()) {
                Some(text) => text,
                None => Arc::from(self.filled_in_for(template, *id, (n + 1, batch.len()))?),
            };
            if text.len() + MARKS_BYTES > OUTBOX_BYTES {
                let (name, kb) = (self.name(*id), text.len().div_ceil(1024));
                return Err(format!(
                    "for {name} this is {kb} kB, and a host takes at most 64 kB at once; nothing was sent"
                ));
            }
            same = Some(text.clone());
            texts.push((*id, text));
        }
        Ok(texts)
    }

    /// What a template says to one host: the `n`-th of `count`. Line ends at its end are left out; Enter follows or not.
    pub fn filled_in_for(
        &self,
        template: &Template,
        id: MemberId,
        (n, count): (usize, usize),
    ) -> Result<String, String> {
        let Some(tile) = self.tiles.get(id) else { return Err(format!("{id} is gone")) };
        let place = Place { host: &tile.host, facts: &tile.facts, n, count };
        let mut text = template.render(&place).map_err(|error| error.to_string())?;
        text.truncate(text.trim_end_matches(['\n', '\r']).len());
        Ok(text)
    }

    /// Does every name of a template mean something for these hosts? The fault of the first for which one does not, and for how
    /// many.
    fn check(&self, template: &Template, to: &[MemberId]) -> Result<(), String> {
        let error = |id: &MemberId| {
            let tile = self.tiles.get(*id)?;
            template.check(&Place { host: &tile.host, facts: &tile.facts, n: 1, count: to.len() }).err()
        };
        if template.is_same_for_all() {
            return Ok(());
        }
        let mut errors = to.iter().filter_map(error);
        let Some(first) = errors.next() else { return Ok(()) };
        Err(match errors.count() {
            0 => first.to_string(),
            more => format!("{first} ({} of {} hosts)", more + 1, to.len()),
        })
    }

    /// Sends each host its text, unless the user is to be asked first.
    pub(super) fn dispatch(&mut self, parcel: Parcel) {
        if !self.holds_back(Sending::Prepared(Box::new(parcel.clone()))) {
            self.transmit_parcel(parcel);
        }
    }

    /// Sends each host its text, if it still hears; nothing is left to be asked.
    pub(super) fn transmit_parcel(&mut self, parcel: Parcel) {
        let Parcel { how, source, mut texts, ending, then } = parcel;
        let (all, lost): (Vec<MemberId>, Vec<MemberId>) =
            texts.iter().map(|(id, _)| *id).partition(|id| self.broadcast.hears(*id));
        if all.is_empty() {
            return self.none_hears_it(&lost);
        }
        texts.retain(|(id, _)| all.binary_search(id).is_ok());
        let secret = self.any_secret(&all);
        self.questions.keep_quiet();
        self.broadcast.begin();
        if ending == Ending::Enter {
            self.record_sent(how, &source.text, &all);
        }
        let mut held = Vec::new();
        // Equal texts stand together: the same for all, or each its own.
        for group in texts.chunk_by(|(_, one), (_, other)| one == other) {
            let to: Vec<MemberId> = group.iter().map(|(id, _)| *id).collect();
            held.extend(self.hand_over(&group[0].1, ending, &to));
        }
        match then {
            Then::Nothing => {}
            Then::Said(said) => {
                let said = match lost.as_slice() {
                    [] => said,
                    lost => {
                        let to = format!("{} {}", all.len(), if all.len() == 1 { "host" } else { "hosts" });
                        format!("sent to {to}; not to {}: no longer hearing", self.named(lost))
                    }
                };
                self.past.aside = None;
                self.past.remember_unless(source, secret);
                self.notes.say(Tone::Plain, said, self.now);
            }
            Then::Back(canary) => self.come_back(canary, (source, secret)),
        }
        self.say_held(&held);
    }

    /// Those who were to get it hear no more: the text is not lost, and is not taken for sent.
    fn none_hears_it(&mut self, lost: &[MemberId]) {
        let fault = format!("nothing was sent: {} no longer hearing", self.named(lost));
        match self.past.aside.take() {
            Some(mut compose) => {
                compose.fault = Some(fault);
                self.keyboard = Keyboard::Preparing(Preparing::Compose(Box::new(compose)));
            }
            None => self.notes.say(Tone::Bad, fault, self.now),
        }
    }

    /// One host has the text: the box comes back for the others.
    fn come_back(&mut self, canary: Canary, (source, secret): (Remembered, bool)) {
        let mut compose = self.past.aside.take().unwrap_or_else(|| Compose::of(&source));
        self.past.remember_unless(source, secret);
        compose.fault = None;
        compose.view = View::Text;
        compose.canary = Some(canary);
        self.keyboard = Keyboard::Preparing(Preparing::Compose(Box::new(compose)));
    }

    /// Puts one text into the outboxes of these hosts; returns who is held from now on.
    pub(super) fn hand_over(&mut self, text: &str, ending: Ending, to: &[MemberId]) -> Vec<MemberId> {
        self.note_paste(text, to);
        if ending == Ending::Enter {
            self.note_key(enter(), to);
        }
        self.put(to, |modes| encoded(text, ending, modes))
    }

    /// Why nobody would hear.
    pub(super) fn why_nobody(&self) -> String {
        match self.broadcast.receivers() {
            crate::broadcast::Receivers::Nobody(why) => self.explain(why),
            _ => "nobody hears".to_owned(),
        }
    }

    /// Hosts by name, folded where they are many, for a sentence. It is drawn with every frame, so of very many only the first
    /// are looked at.
    pub fn named(&self, members: &[MemberId]) -> String {
        let (named, others) = members.split_at(members.len().min(MOST_NAMED));
        let hosts: HostSet =
            named.iter().filter_map(|id| self.tiles.get(*id)).map(|tile| tile.host.clone()).collect();
        let text = escape::text(&hosts.to_string(), LIST_CHARS);
        match others.len() {
            0 => text,
            more => format!("{text} and {more} more"),
        }
    }
}

/// Brackets of a paste and Enter.
const MARKS_BYTES: usize = 13;

/// The bytes of a text for a terminal in these modes: in brackets where its host asked for them, otherwise line by line.
fn encoded(text: &str, ending: Ending, modes: &Modes) -> Scrubbed {
    let mut bytes =
        if text.is_empty() { Scrubbed::default() } else { Scrubbed::from(encode_paste(text, modes)) };
    if ending == Ending::Enter {
        bytes.extend(&encode_key(enter(), modes));
    }
    bytes
}
