//! The one way by which prepared texts go out: filled in for each host, looked at by the guards, and handed over under each
//! terminal's own modes.

use std::fmt;
use std::sync::Arc;

use crate::broadcast::{MemberId, OUTBOX_BYTES};
use crate::escape;
use crate::hosts::template::Place;
use crate::hosts::{HostSet, Template};
use crate::pane::{Key, KeyCode, Modes, Mods, encode_key, encode_paste};
use crate::scrubbed::Scrubbed;
use crate::tui::compose::{Canary, Compose, Ending, Remembered, View};
use crate::tui::guard::EXECUTES;

use super::guards::Sending;
use super::sent::How;
use super::{App, Keyboard, Preparing, Tone};

/// Longest list of hosts in a sentence, in characters.
const LIST_CHARS: usize = 120;

/// Hosts that are looked at for such a list.
const MOST_NAMED: usize = 64;

/// The key that executes.
fn enter() -> Key {
    Key::new(KeyCode::Enter, Mods::NONE)
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
    pub(super) fn check(&self, template: &Template, to: &[MemberId]) -> Result<(), String> {
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
        self.script_parcel(&texts, ending);
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
