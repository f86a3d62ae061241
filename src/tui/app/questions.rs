//! The questions that wait for the user, and the dialog in which they are answered.
//!
//! What is typed for hosts must never answer a question. So the dialog opens by itself only while nothing was typed, and
//! then listens only after the keyboard has been quiet for a moment; accepting needs a letter of its own, never Enter; a
//! key accepts only rows that have been on the list for a moment; and the dialog closes only by the user's key, even
//! when the last question was withdrawn, so that the rest of a password does not go to the hosts.

use std::fmt;
use std::time::Duration;

use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::ask::{Answer, Question, SecretKind, SecretRequest, UnknownKey};
use crate::pane::{Key, KeyCode, Mods};
use crate::tui::event::QuestionId;

/// A dialog that opened by itself listens only after this long without a key; a row may be accepted only when it has
/// been shown this long. About the time in which a person sees what is new.
pub const QUIET: Duration = Duration::from_millis(500);

/// Longest secret, in bytes; reserved at once, so that no copy is left behind by growing.
const SECRET_BYTES: usize = 1024;

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
    listens_from: Duration,
    /// What is asked now.
    pub topic: Topic,
    /// The selected host key.
    pub selected: Option<QuestionId>,
    /// What the last key could not do.
    pub note: Option<String>,
    secret: Typed,
}

/// What the dialog is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Topic {
    /// The table of all unknown host keys.
    HostKeys,
    /// One secret. The kind stays when the question is withdrawn: another host may ask for the same.
    Secret(QuestionId, SecretRequest),
}

/// The answers that a key gave.
pub type Answers = Vec<(QuestionId, Answer)>;

/// What was typed of a secret; never shown, not in a log either.
struct Typed(Zeroizing<String>);

impl Default for Typed {
    fn default() -> Typed {
        Typed(Zeroizing::new(String::with_capacity(SECRET_BYTES)))
    }
}

impl fmt::Debug for Typed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[hidden]")
    }
}

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

    /// The unknown host keys, in the order they came.
    pub fn host_keys(&self) -> impl Iterator<Item = (QuestionId, &UnknownKey)> {
        self.waiting.iter().filter_map(|w| match &w.question {
            Question::HostKey(key) => Some((w.id, key)),
            Question::Secret(_) => None,
        })
    }

    /// Does anybody wait for the secret that the dialog asks for?
    pub fn is_wanted(&self, id: QuestionId, kind: &SecretKind) -> bool {
        self.addressee(id, kind).is_some()
    }

    /// Does the dialog take keys now?
    pub fn listens(&self, now: Duration) -> bool {
        self.dialog.as_ref().is_some_and(|dialog| dialog.listens_from <= now)
    }

    /// When the dialog will begin to listen, if that is still to come.
    pub fn wake_at(&self, now: Duration) -> Option<Duration> {
        let from = self.dialog.as_ref()?.listens_from;
        (from > now).then_some(from)
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
        self.open(now + QUIET);
    }

    /// Opens the dialog for the user, or lets an open one listen at once.
    pub fn open_for_user(&mut self) {
        match &mut self.dialog {
            Some(dialog) => dialog.listens_from = Duration::ZERO,
            None => self.open(Duration::ZERO),
        }
    }

    fn open(&mut self, listens_from: Duration) {
        let Some(topic) = self.next_topic(None) else { return };
        let selected = self.host_keys().next().map(|(id, _)| id);
        self.dialog = Some(Dialog { listens_from, topic, selected, note: None, secret: Typed::default() });
    }

    /// Takes a pasted secret: its first line. Elsewhere a paste has no meaning.
    pub fn paste(&mut self, text: &str, now: Duration) {
        if !self.listens(now) {
            return;
        }
        if let Some(dialog) = &mut self.dialog
            && matches!(dialog.topic, Topic::Secret(..))
        {
            let line = text.lines().next().unwrap_or_default();
            line.chars().filter(|c| !c.is_control()).for_each(|c| dialog.push(c));
        }
    }

    /// A key in the dialog.
    pub fn key(&mut self, key: Key, now: Duration) -> Answers {
        let Some(dialog) = &mut self.dialog else { return Answers::new() };
        if dialog.listens_from > now {
            dialog.listens_from = now + QUIET;
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
            },
        }
    }

    fn host_key_key(&mut self, key: Key, now: Duration) -> Answers {
        match (key.code(), key.mods()) {
            (KeyCode::Up | KeyCode::Char('k'), Mods::NONE) => self.select(-1),
            (KeyCode::Down | KeyCode::Char('j'), Mods::NONE) => self.select(1),
            (KeyCode::Char('a'), Mods::NONE) => return self.accept(self.selected(), now),
            (KeyCode::Char('A'), Mods::NONE) => return self.accept(self.ids(), now),
            (KeyCode::Char('r'), Mods::NONE) => return self.refuse(self.selected()),
            (KeyCode::Char('R'), Mods::NONE) => return self.refuse(self.ids()),
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
            (KeyCode::Char(c), Mods::NONE) => dialog.push(c),
            (KeyCode::Backspace, _) => drop(dialog.secret.0.pop()),
            (KeyCode::Char('u'), Mods::CTRL) => dialog.clear(),
            (KeyCode::Enter, _) if dialog.secret.0.is_empty() => {
                dialog.note = Some("nothing was typed; C-x gives up this login".to_owned());
            }
            (KeyCode::Enter, _) => return self.submit(id, request),
            (KeyCode::Char('x'), Mods::CTRL) => {
                let to: Vec<QuestionId> = self.addressee(id, &request.kind).into_iter().collect();
                return self.give(to, || Answer::Refuse);
            }
            _ => {}
        }
        Answers::new()
    }

    fn submit(&mut self, id: QuestionId, request: &SecretRequest) -> Answers {
        let Some(to) = self.addressee(id, &request.kind) else {
            self.note("nobody waits for this any more; Esc closes");
            return Answers::new();
        };
        // A copy of exactly its length: boxing a longer buffer would leave an unwiped one behind.
        let text = self.dialog.as_ref().map(|dialog| dialog.secret.0.as_str().to_owned()).unwrap_or_default();
        self.give(vec![to], || Answer::Secret(SecretString::from(text)))
    }

    /// Answers these questions; goes on to the next topic, and closes the dialog when nothing is left to ask.
    fn give(&mut self, ids: Vec<QuestionId>, answer: impl FnOnce() -> Answer) -> Answers {
        if ids.is_empty() {
            return Answers::new();
        }
        self.waiting.retain(|w| !ids.contains(&w.id));
        let answer = answer();
        let answers = ids.into_iter().map(|id| (id, answer.clone())).collect();
        let stays = self.dialog.as_ref().is_some_and(|d| d.topic == Topic::HostKeys)
            && self.host_keys().next().is_some();
        if stays {
            self.select(0);
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
                dialog.clear();
            }
            _ => self.dialog = None,
        }
    }

    /// Is there another topic than the dialog's, for Tab to turn to?
    pub fn has_other_topic(&self) -> bool {
        let present = self.dialog.as_ref().map(|dialog| &dialog.topic);
        self.next_topic(present).as_ref() != present
    }

    /// The topic that comes after `present`, in a circle: the host keys, then each secret.
    fn next_topic(&self, present: Option<&Topic>) -> Option<Topic> {
        let keys = self.host_keys().next().map(|_| Topic::HostKeys);
        let secrets = self.waiting.iter().filter_map(|w| match &w.question {
            Question::Secret(request) => Some(Topic::Secret(w.id, request.clone())),
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
        let ids = self.ids();
        let Some(dialog) = &mut self.dialog else { return };
        let at = dialog.selected.and_then(|id| ids.iter().position(|other| *other == id));
        let to = at.map_or(0, |at| at.saturating_add_signed(by).min(ids.len().saturating_sub(1)));
        dialog.selected = ids.get(to).copied();
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
        self.secret.0.chars().count()
    }

    fn push(&mut self, c: char) {
        if self.secret.0.len() + c.len_utf8() <= SECRET_BYTES {
            self.secret.0.push(c);
        }
    }

    fn clear(&mut self) {
        self.secret = Typed::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hosts::Host;
    use secrecy::ExposeSecret;

    const LATER: Duration = Duration::from_secs(10);

    fn host_key(name: &str) -> Question {
        Question::HostKey(UnknownKey {
            host: Host::new(None, name, None),
            known_as: name.to_owned(),
            algorithm: "ssh-ed25519".to_owned(),
            fingerprint: format!("SHA256:{name}"),
        })
    }

    fn password(host: &str) -> Question {
        Question::Secret(SecretRequest {
            kind: SecretKind::Password { user: "ann".to_owned() },
            host: Host::new(None, host, None),
            refused: None,
        })
    }

    fn asked(questions: &[Question]) -> Questions {
        let mut q = Questions::default();
        for (n, question) in questions.iter().enumerate() {
            q.add(QuestionId(n as u64), question.clone(), Duration::ZERO);
        }
        q
    }

    fn type_keys(q: &mut Questions, keys: &str, now: Duration) -> Vec<(u64, String)> {
        let mut answers = Vec::new();
        for key in keys.split(' ') {
            for (id, answer) in q.key(key.parse().unwrap(), now) {
                let text = match answer {
                    Answer::Accept => "accept".to_owned(),
                    Answer::Refuse => "refuse".to_owned(),
                    Answer::Secret(secret) => secret.expose_secret().to_owned(),
                    Answer::Nobody => "nobody".to_owned(),
                };
                answers.push((id.0, text));
            }
        }
        answers
    }

    fn told(answers: &[(u64, &str)]) -> Vec<(u64, String)> {
        answers.iter().map(|(id, text)| (*id, (*text).to_owned())).collect()
    }

    #[test]
    fn enter_and_typing_accept_no_key() {
        let mut q = asked(&[host_key("a"), host_key("b")]);
        q.open_for_user();
        assert_eq!(type_keys(&mut q, "y e s Enter Space l s Enter", LATER), []);
        assert_eq!(q.len(), 2);
    }

    #[test]
    fn one_or_all_are_accepted_or_refused_by_their_letters() {
        for (keys, expected) in [
            ("a", &[(0, "accept")][..]),
            ("Down a", &[(1, "accept")]),
            ("Down Down Down r", &[(2, "refuse")]),
            ("A", &[(0, "accept"), (1, "accept"), (2, "accept")]),
            ("a R", &[(0, "accept"), (1, "refuse"), (2, "refuse")]),
        ] {
            let mut q = asked(&[host_key("a"), host_key("b"), host_key("c")]);
            q.open_for_user();
            assert_eq!(type_keys(&mut q, keys, LATER), told(expected), "{keys}");
        }
    }

    #[test]
    fn the_dialog_closes_with_the_last_answer_or_with_esc_but_never_by_itself() {
        let mut q = asked(&[host_key("a")]);
        q.open_for_user();
        type_keys(&mut q, "A", LATER);
        assert!(q.dialog().is_none());
        let mut q = asked(&[password("a")]);
        q.open_for_user();
        type_keys(&mut q, "s e c", LATER);
        q.withdraw(QuestionId(0));
        assert!(q.dialog().is_some(), "the rest of the password must not go to the hosts");
        assert_eq!(type_keys(&mut q, "Enter", LATER), []);
        type_keys(&mut q, "Esc", LATER);
        assert!(q.dialog().is_none());
    }

    #[test]
    fn a_row_that_came_this_moment_is_not_accepted_unseen() {
        let mut q = asked(&[host_key("a")]);
        q.open_for_user();
        q.add(QuestionId(7), host_key("evil"), LATER);
        assert_eq!(type_keys(&mut q, "A", LATER), told(&[(0, "accept")]));
        assert!(q.dialog().is_some_and(|dialog| dialog.note.is_some()));
        assert_eq!(type_keys(&mut q, "A", LATER + QUIET), told(&[(7, "accept")]));
    }

    #[test]
    fn a_withdrawn_row_does_not_hand_its_selection_to_another() {
        let mut q = asked(&[host_key("a"), host_key("b")]);
        q.open_for_user();
        q.withdraw(QuestionId(0));
        assert_eq!(type_keys(&mut q, "a", LATER), []);
        assert_eq!(type_keys(&mut q, "Down a", LATER), told(&[(1, "accept")]));
    }

    #[test]
    fn a_dialog_that_opened_by_itself_listens_after_a_quiet_moment() {
        let mut q = asked(&[host_key("a")]);
        assert!(q.may_open());
        q.open_unasked(Duration::ZERO);
        let almost = QUIET - Duration::from_millis(1);
        assert_eq!(type_keys(&mut q, "A", almost), []);
        assert_eq!(type_keys(&mut q, "A", QUIET), [], "the first key began the wait anew");
        assert_eq!(type_keys(&mut q, "A", LATER), told(&[(0, "accept")]));
    }

    #[test]
    fn after_typing_or_esc_questions_only_tell() {
        let mut q = asked(&[host_key("a")]);
        q.keep_quiet();
        assert!(!q.may_open());
        let mut q = asked(&[host_key("a")]);
        q.open_for_user();
        type_keys(&mut q, "Esc", LATER);
        assert!(!q.may_open());
    }

    #[test]
    fn a_secret_is_hidden_edited_and_given_to_who_wants_it() {
        let mut q = asked(&[password("a"), password("b")]);
        q.open_for_user();
        assert_eq!(type_keys(&mut q, "Enter", LATER), [], "an empty secret is no answer");
        type_keys(&mut q, "x C-u h u n t e r 3 Backspace 2", LATER);
        assert_eq!(q.dialog().map(Dialog::typed), Some(7));
        assert!(!format!("{q:?}").contains("hunter"), "not in a log either");
        q.withdraw(QuestionId(0));
        assert_eq!(
            type_keys(&mut q, "Enter", LATER),
            told(&[(1, "hunter2")]),
            "another waits for the same secret"
        );
        assert!(q.dialog().is_none());
    }

    #[test]
    fn keys_first_then_secrets_and_tab_turns() {
        let mut q = asked(&[password("a"), host_key("b")]);
        q.open_for_user();
        assert_eq!(q.dialog().map(|d| d.topic.clone()), Some(Topic::HostKeys));
        type_keys(&mut q, "Tab", LATER);
        assert!(matches!(q.dialog().map(|d| &d.topic), Some(Topic::Secret(..))));
        type_keys(&mut q, "p", LATER);
        assert_eq!(type_keys(&mut q, "C-x", LATER), told(&[(0, "refuse")]));
        assert_eq!(q.dialog().map(|d| d.topic.clone()), Some(Topic::HostKeys), "on to what is left");
    }
}
