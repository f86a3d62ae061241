//! The questions that wait for the user, and the dialog in which they are answered.
//!
//! What is typed for hosts must never answer a question. So the dialog opens by itself only while nothing was typed, and
//! then listens only after the keyboard has been quiet for a moment; it is answered by control keys, never by letters or
//! Enter, which somebody may be typing; a key accepts only rows that have been on the list for a moment; and the dialog
//! closes only by the user's key, even when the last question was withdrawn, so that the rest of a password does not go
//! to the hosts.

pub(super) mod entry;

use std::time::Duration;

use self::entry::Entry;
use super::quiet::{QUIET, Quiet};
use crate::ask::{Answer, Echo, HostPrompt, KeyToAdd, Question, SecretKind, SecretRequest, UnknownKey};
use crate::pane::{Key, KeyCode, Mods};
use crate::tui::event::QuestionId;

/// A question that waits.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// Which.
    pub id: QuestionId,
    /// What is asked.
    pub question: Question,
    /// Since when it is on the list.
    pub since: Duration,
}

/// All questions, each session having at most one, in the order they came.
#[derive(Debug)]
pub struct Questions {
    waiting: Vec<Waiting>,
    dialog: Option<Dialog>,
    manners: Manners,
}

/// Whether a question may open the dialog by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manners {
    /// Nothing was typed yet.
    MayOpen,
    /// The user types, or closed the dialog: the status line says that there are questions.
    OnlyTell,
}

/// The open dialog.
#[derive(Debug)]
pub struct Dialog {
    /// From when on keys are taken.
    quiet: Quiet,
    /// What is asked now.
    pub topic: Topic,
    /// The selected host key.
    pub selected: Option<QuestionId>,
    /// What the last key could not do.
    pub note: Option<String>,
    entry: Entry,
    empty: Empty,
}

/// An empty answer is sent only by a second Enter: the first may have been meant for something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Empty {
    /// Enter says that nothing was typed.
    Warned,
    /// Nobody pressed Enter on nothing.
    Not,
}

/// What the dialog is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Topic {
    /// The table of all unknown host keys.
    HostKeys,
    /// One secret. The kind stays when the question is withdrawn: another host may ask for the same.
    Secret(QuestionId, SecretRequest),
    /// One prompt of one host.
    Prompt(QuestionId, HostPrompt),
    /// Whether the agent shall hold a key.
    AddKey(QuestionId, KeyToAdd),
}

/// The answers that a key gave.
pub type Answers = Vec<(QuestionId, Answer)>;

impl Default for Questions {
    fn default() -> Questions {
        Questions { waiting: Vec::new(), dialog: None, manners: Manners::MayOpen }
    }
}

impl Questions {
    /// How many wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// None at all?
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// The open dialog.
    pub fn dialog(&self) -> Option<&Dialog> {
        self.dialog.as_ref()
    }

    /// The unknown host keys, in the order of their hosts: it is a list to compare with another.
    pub fn host_keys(&self) -> impl Iterator<Item = (QuestionId, &UnknownKey)> {
        let mut keys: Vec<(QuestionId, &UnknownKey)> = (self.waiting.iter())
            .filter_map(|w| match &w.question {
                Question::HostKey(key) => Some((w.id, key)),
                _ => None,
            })
            .collect();
        keys.sort_by(|(_, one), (_, other)| one.host.cmp(&other.host));
        keys.into_iter()
    }

    /// Does anybody wait for the secret that the dialog asks for?
    pub fn is_wanted(&self, id: QuestionId, kind: &SecretKind) -> bool {
        self.addressee(id, kind).is_some()
    }

    /// Does anybody wait for this very answer?
    pub fn is_waiting(&self, id: QuestionId) -> bool {
        self.waiting.iter().any(|w| w.id == id)
    }

    /// Does the dialog take keys now?
    pub fn listens(&self, now: Duration) -> bool {
        self.dialog.as_ref().is_some_and(|dialog| dialog.quiet.is_over(now))
    }

    /// When the dialog will begin to listen, if that is still to come.
    pub fn wake_at(&self, now: Duration) -> Option<Duration> {
        self.dialog.as_ref()?.quiet.ends_at(now)
    }

    /// Something was typed for hosts: from now on no dialog opens by itself.
    pub fn keep_quiet(&mut self) {
        self.manners = Manners::OnlyTell;
    }

    /// May a new question open the dialog?
    pub fn may_open(&self) -> bool {
        self.manners == Manners::MayOpen && self.dialog.is_none() && !self.waiting.is_empty()
    }

    /// A question came.
    pub fn add(&mut self, id: QuestionId, question: Question, now: Duration) {
        self.waiting.push(Waiting { id, question, since: now });
        let first = self.host_keys().next().map(|(id, _)| id);
        // Nobody has looked at the table yet, let alone moved in it: it begins at its top.
        if let Some(dialog) = self.dialog.as_mut().filter(|dialog| !dialog.quiet.is_over(now)) {
            dialog.selected = first;
        }
    }

    /// Nobody waits for this answer any more. The dialog stays, and so does what was typed in it.
    pub fn withdraw(&mut self, id: QuestionId) {
        self.waiting.retain(|w| w.id != id);
        if let Some(dialog) = self.dialog.as_mut().filter(|dialog| dialog.selected == Some(id)) {
            dialog.selected = None;
        }
    }

    /// Opens the dialog by itself: it listens after a quiet moment.
    pub fn open_unasked(&mut self, now: Duration) {
        self.open(Quiet::from(now));
    }

    /// Opens the dialog for the user, or lets an open one listen at once.
    pub fn open_for_user(&mut self) {
        match &mut self.dialog {
            Some(dialog) => dialog.quiet = Quiet::OVER,
            None => self.open(Quiet::OVER),
        }
    }

    fn open(&mut self, quiet: Quiet) {
        let Some(topic) = self.next_topic(None) else { return };
        let selected = self.host_keys().next().map(|(id, _)| id);
        let (entry, empty) = (Entry::default(), Empty::Not);
        self.dialog = Some(Dialog { quiet, topic, selected, note: None, entry, empty });
    }

    /// Takes a pasted secret or answer: its first line. Elsewhere a paste has no meaning.
    pub fn paste(&mut self, text: &str, now: Duration) {
        if !self.listens(now) {
            return;
        }
        if let Some(dialog) = &mut self.dialog
            && matches!(dialog.topic, Topic::Secret(..) | Topic::Prompt(..))
        {
            dialog.entry.paste(text);
        }
    }

    /// A key in the dialog.
    pub fn key(&mut self, key: Key, now: Duration) -> Answers {
        let Some(dialog) = &mut self.dialog else { return Answers::new() };
        if dialog.quiet.breaks(now) {
            return Answers::new();
        }
        dialog.note = None;
        match (key.code(), key.mods()) {
            (KeyCode::Esc, _) => {
                self.manners = Manners::OnlyTell;
                self.dialog = None;
                Answers::new()
            }
            (KeyCode::Tab, Mods::NONE) => {
                self.turn();
                Answers::new()
            }
            _ => match dialog.topic.clone() {
                Topic::HostKeys => self.host_key_key(key, now),
                Topic::Secret(id, request) => self.secret_key(key, id, &request),
                Topic::Prompt(id, _) => self.prompt_key(key, id),
                Topic::AddKey(id, _) => self.add_key_key(key, id),
            },
        }
    }

    fn host_key_key(&mut self, key: Key, now: Duration) -> Answers {
        match (key.code(), key.mods()) {
            (KeyCode::Up | KeyCode::Char('k'), Mods::NONE) => self.select(-1),
            (KeyCode::Down | KeyCode::Char('j'), Mods::NONE) => self.select(1),
            (KeyCode::Char('y'), Mods::CTRL) => return self.accept(self.selected(), now),
            (KeyCode::Char('t'), Mods::CTRL) => return self.accept(self.ids(), now),
            (KeyCode::Char('x'), Mods::CTRL) => return self.refuse(self.selected()),
            (KeyCode::Char('r'), Mods::CTRL) => return self.refuse(self.ids()),
            _ => self.note("this key answers nothing; see the line below"),
        }
        Answers::new()
    }

    fn accept(&mut self, ids: Vec<QuestionId>, now: Duration) -> Answers {
        let seen = |w: &&Waiting| ids.contains(&w.id) && w.since + QUIET <= now;
        let accepted: Vec<QuestionId> = self.waiting.iter().filter(seen).map(|w| w.id).collect();
        if ids.is_empty() {
            self.note("select a key first");
        } else if accepted.len() < ids.len() {
            self.note("a key that came this moment was left; look at it and press again");
        }
        self.give(accepted, || Answer::Accept)
    }

    fn refuse(&mut self, ids: Vec<QuestionId>) -> Answers {
        if ids.is_empty() {
            self.note("select a key first");
        }
        self.give(ids, || Answer::Refuse)
    }

    fn secret_key(&mut self, key: Key, id: QuestionId, request: &SecretRequest) -> Answers {
        let Some(dialog) = &mut self.dialog else { return Answers::new() };
        match (key.code(), key.mods()) {
            (KeyCode::Enter, _) if dialog.entry.is_empty() => {
                self.note("nothing was typed; C-x gives up this login");
            }
            (KeyCode::Enter, _) => return self.submit(self.addressee(id, &request.kind)),
            (KeyCode::Char('x'), Mods::CTRL) => {
                let to: Vec<QuestionId> = self.addressee(id, &request.kind).into_iter().collect();
                return self.give(to, || Answer::Refuse);
            }
            _ => dialog.entry.key(key),
        }
        Answers::new()
    }

    /// What a host asks of its own goes to that host's question alone. An empty answer may be right.
    fn prompt_key(&mut self, key: Key, id: QuestionId) -> Answers {
        let Some(dialog) = &mut self.dialog else { return Answers::new() };
        let empty = std::mem::replace(&mut dialog.empty, Empty::Not);
        let to = self.waiting.iter().find(|w| w.id == id).map(|w| w.id);
        match (key.code(), key.mods()) {
            (KeyCode::Enter, _) if dialog.entry.is_empty() && empty == Empty::Not => {
                dialog.empty = Empty::Warned;
                self.note("nothing was typed; Enter again sends an empty answer, C-x gives up this login");
            }
            (KeyCode::Enter, _) => return self.submit(to),
            (KeyCode::Char('x'), Mods::CTRL) => {
                return self.give(to.into_iter().collect(), || Answer::Refuse);
            }
            _ => dialog.entry.key(key),
        }
        Answers::new()
    }

    fn add_key_key(&mut self, key: Key, id: QuestionId) -> Answers {
        let to = || self.waiting.iter().filter(|w| w.id == id).map(|w| w.id).collect();
        match (key.code(), key.mods()) {
            (KeyCode::Char('y'), Mods::CTRL) => self.give(to(), || Answer::Accept),
            (KeyCode::Char('x'), Mods::CTRL) => self.give(to(), || Answer::Refuse),
            _ => {
                self.note("this key answers nothing; see the line below");
                Answers::new()
            }
        }
    }

    fn submit(&mut self, to: Option<QuestionId>) -> Answers {
        let (Some(to), Some(dialog)) = (to, &self.dialog) else {
            self.note("nobody waits for this any more; Esc closes");
            return Answers::new();
        };
        let text = dialog.entry.secret();
        self.give(vec![to], || Answer::Secret(text))
    }

    /// Answers these questions; goes on to the next topic, and closes the dialog when nothing is left to ask.
    fn give(&mut self, ids: Vec<QuestionId>, answer: impl FnOnce() -> Answer) -> Answers {
        if ids.is_empty() {
            return Answers::new();
        }
        let row = self.row();
        self.waiting.retain(|w| !ids.contains(&w.id));
        let answer = answer();
        let answers = ids.into_iter().map(|id| (id, answer.clone())).collect();
        let stays = self.dialog.as_ref().is_some_and(|d| d.topic == Topic::HostKeys)
            && self.host_keys().next().is_some();
        if stays {
            self.select_row(row.unwrap_or(0));
        } else {
            self.turn_to(self.next_topic(None));
        }
        answers
    }

    /// To the topic after the present one, if there is another.
    fn turn(&mut self) {
        let present = self.dialog.as_ref().map(|dialog| dialog.topic.clone());
        if let Some(topic) = self.next_topic(present.as_ref()) {
            self.turn_to(Some(topic));
        }
    }

    fn turn_to(&mut self, topic: Option<Topic>) {
        let selected = self.host_keys().next().map(|(id, _)| id);
        match (topic, &mut self.dialog) {
            (Some(topic), Some(dialog)) => {
                dialog.topic = topic;
                dialog.selected = selected;
                (dialog.entry, dialog.empty) = (Entry::default(), Empty::Not);
            }
            _ => self.dialog = None,
        }
    }

    /// Is there another topic than the dialog's, for Tab to turn to?
    pub fn has_other_topic(&self) -> bool {
        let present = self.dialog.as_ref().map(|dialog| &dialog.topic);
        self.next_topic(present).as_ref() != present
    }

    /// The topic that comes after `present`, in a circle: the host keys, then each other question.
    fn next_topic(&self, present: Option<&Topic>) -> Option<Topic> {
        let keys = self.host_keys().next().map(|_| Topic::HostKeys);
        let secrets = self.waiting.iter().filter_map(|w| match &w.question {
            Question::Secret(request) => Some(Topic::Secret(w.id, request.clone())),
            Question::Prompt(prompt) => Some(Topic::Prompt(w.id, prompt.clone())),
            Question::AddKey(add) => Some(Topic::AddKey(w.id, add.clone())),
            Question::HostKey(_) => None,
        });
        let topics: Vec<Topic> = keys.into_iter().chain(secrets).collect();
        let at = present.and_then(|present| topics.iter().position(|topic| topic == present));
        topics.get(at.map_or(0, |at| (at + 1) % topics.len())).cloned()
    }

    /// The question that a typed secret answers: the one it was typed for, or another for the same secret.
    fn addressee(&self, id: QuestionId, kind: &SecretKind) -> Option<QuestionId> {
        let same = |w: &&Waiting| matches!(&w.question, Question::Secret(request) if request.kind == *kind);
        let exact = self.waiting.iter().find(|w| w.id == id);
        exact.or_else(|| self.waiting.iter().find(same)).map(|w| w.id)
    }

    fn ids(&self) -> Vec<QuestionId> {
        self.host_keys().map(|(id, _)| id).collect()
    }

    fn selected(&self) -> Vec<QuestionId> {
        self.dialog.as_ref().and_then(|dialog| dialog.selected).into_iter().collect()
    }

    /// Moves the selection; a selection that is gone begins anew at the first row.
    fn select(&mut self, by: isize) {
        self.select_row(self.row().map_or(0, |at| at.saturating_add_signed(by)));
    }

    /// Selects a row, or the last one where there are not that many.
    fn select_row(&mut self, row: usize) {
        let ids = self.ids();
        if let Some(dialog) = &mut self.dialog {
            dialog.selected = ids.get(row).or(ids.last()).copied();
        }
    }

    /// The row of the selection.
    fn row(&self) -> Option<usize> {
        let selected = self.dialog.as_ref()?.selected?;
        self.host_keys().position(|(id, _)| id == selected)
    }

    fn note(&mut self, text: &str) {
        if let Some(dialog) = &mut self.dialog {
            dialog.note = Some(text.to_owned());
        }
    }
}

impl Dialog {
    /// How many characters were typed; never which.
    pub fn typed(&self) -> usize {
        self.entry.count()
    }

    /// What was typed, where the host says that it may be seen.
    pub fn shown(&self) -> Option<&str> {
        match &self.topic {
            Topic::Prompt(_, HostPrompt { echo: Echo::Shown, .. }) => Some(self.entry.text()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
