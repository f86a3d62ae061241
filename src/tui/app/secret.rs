//! A secret that is typed once for the hosts that ask for one, and reaches no other.
//!
//! A host asks for one when the line of its cursor matches the user's patterns and what was typed there lately was not
//! echoed. Who is asked is settled when the box opens: a host that comes to such a prompt later is shown, and taken in by a key
//! of its own, since a host could otherwise print itself into the list. What the sign cannot show is that the prompt is
//! true: a host that fakes one gets the secret.

use zeroize::Zeroizing;

use crate::broadcast::MemberId;
use crate::pane::{EchoSeen, Key, KeyCode, Mods, Situation};

use super::composing::Preparing;
use super::questions::entry::Entry;
use super::{App, Keyboard, Tone};

/// The box.
#[derive(Debug)]
pub struct SecretBox {
    entry: Entry,
    /// Who asked when the list was made; ascending.
    listed: Vec<MemberId>,
    /// Why it was not sent.
    fault: Option<String>,
}

impl SecretBox {
    /// Characters typed so far.
    pub fn typed(&self) -> usize {
        self.entry.count()
    }

    /// Why it was not sent.
    pub fn fault(&self) -> Option<&str> {
        self.fault.as_deref()
    }
}

/// Who gets a secret, and who does not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audience {
    /// They were listed, and ask now.
    pub gets: Vec<MemberId>,
    /// They ask now, and were not listed.
    pub came: Vec<MemberId>,
    /// They hear, and do not ask.
    pub skipped: Vec<MemberId>,
}

impl App {
    /// Opens the box, whether or not somebody asks: who has begun to type a secret must not type it to a shell.
    pub(super) fn open_secret(&mut self) {
        let mut asked = SecretBox { entry: Entry::default(), listed: Vec::new(), fault: None };
        asked.listed = self.asking();
        self.keyboard = Keyboard::Preparing(Preparing::Secret(Box::new(asked)));
    }

    /// Who would get what is typed into the box.
    pub fn secret_audience(&self, asked: &SecretBox) -> Audience {
        let mut audience = Audience::default();
        for id in self.broadcast.hearing() {
            match (self.asks_for_secret(id), asked.listed.binary_search(&id)) {
                (true, Ok(_)) => audience.gets.push(id),
                (true, Err(_)) => audience.came.push(id),
                (false, _) => audience.skipped.push(id),
            }
        }
        audience
    }

    fn asking(&self) -> Vec<MemberId> {
        self.broadcast.hearing().into_iter().filter(|id| self.asks_for_secret(*id)).collect()
    }

    fn asks_for_secret(&self, id: MemberId) -> bool {
        self.situation(id) == Situation::Secret && self.echo_seen(id) != EchoSeen::Yes
    }

    pub(super) fn secret_key(&mut self, key: Key) {
        let listed = match (key.code(), key.mods()) {
            (KeyCode::Char('r'), Mods::CTRL) => Some(self.asking()),
            _ => None,
        };
        let Keyboard::Preparing(Preparing::Secret(asked)) = &mut self.keyboard else { return };
        asked.fault = None;
        match (key.code(), key.mods()) {
            (KeyCode::Esc, _) | (KeyCode::Char('c'), Mods::CTRL) => self.keyboard = Keyboard::Hosts,
            (KeyCode::Enter, _) => self.send_secret(),
            _ => match listed {
                Some(listed) => asked.listed = listed,
                None => asked.entry.key(key),
            },
        }
    }

    /// The first line of a paste is the secret.
    pub(super) fn paste_into_secret(&mut self, text: &str) {
        if let Keyboard::Preparing(Preparing::Secret(asked)) = &mut self.keyboard {
            asked.entry.paste(text);
        }
    }

    fn send_secret(&mut self) {
        let Keyboard::Preparing(Preparing::Secret(mut asked)) =
            std::mem::replace(&mut self.keyboard, Keyboard::Hosts)
        else {
            return;
        };
        let audience = self.secret_audience(&asked);
        if asked.entry.is_empty() || audience.gets.is_empty() {
            let fault = match asked.entry.is_empty() {
                true => "nothing was typed yet",
                false => "nothing was sent: none of the listed hosts asks for a secret now",
            };
            asked.fault = Some(fault.to_owned());
            self.keyboard = Keyboard::Preparing(Preparing::Secret(asked));
            return;
        }
        let mut said = match audience.gets.as_slice() {
            [one] => format!("the secret went to {}", self.name(*one)),
            many => format!("the secret went to {} hosts", many.len()),
        };
        let others: Vec<MemberId> = audience.skipped.into_iter().chain(audience.came).collect();
        if !others.is_empty() {
            said.push_str(&format!("; {} skipped: {}", others.len(), self.named(&others)));
        }
        self.notes.say(Tone::Plain, said, self.now);
        let mut bytes = Zeroizing::new(Vec::with_capacity(asked.entry.text().len() + 1));
        bytes.extend_from_slice(asked.entry.text().as_bytes());
        bytes.push(b'\r');
        self.questions.keep_quiet();
        self.broadcast.begin();
        self.script_secret(&audience.gets);
        self.note_key(Key::new(KeyCode::Enter, Mods::NONE), &audience.gets);
        let held = self.put(&audience.gets, |_| bytes.as_slice());
        self.say_held(&held);
    }
}
