//! What is asked before a line is sent: guarded patterns, and receivers that are in different modes.
//!
//! Theory. What a line will execute is known for certain to the host alone. Two things are looked at: what the user typed
//! since the last Enter, and the line with the cursor on the screen of each guarded receiver, which shows what came from
//! the history or a completion. Both are held against the user's patterns at the moment of Enter, or of a paste with line
//! ends. One question names all that is in the way; while it stands nothing reaches a host, and it listens only after a
//! quiet moment, so that what was typed ahead is no answer.

use std::collections::HashSet;

use zeroize::Zeroizing;

use crate::broadcast::MemberId;
use crate::escape;
use crate::pane::{EchoSeen, Key, KeyCode, Situation};
use crate::tui::guard::{EXECUTES, Guard, Guarded, Mixed};
use crate::tui::keymap::Hands;

use super::dispatch::Parcel;
use super::typed::ends_line;
use super::{App, Certainty, Confirm, Keyboard, Tone};

/// Stands in a question for what may be a secret.
const UNSEEN: &str = "(not shown: its echo was not seen)";

/// What is held back until the user has answered.
#[derive(Clone, PartialEq, Eq)]
pub enum Sending {
    /// A key that ends a line.
    Key(Key),
    /// A paste. It may be a secret, and is wiped when it goes.
    Paste(Zeroizing<String>),
    /// A paste that goes line by line.
    Lines(Zeroizing<String>),
    /// Texts for hosts that are settled.
    Prepared(Box<Parcel>),
}

impl std::fmt::Debug for Sending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Sending::Key(key) => write!(f, "Key({key})"),
            Sending::Paste(text) => write!(f, "Paste([{} bytes])", text.len()),
            Sending::Lines(text) => write!(f, "Lines([{} bytes])", text.len()),
            Sending::Prepared(parcel) => write!(f, "Prepared({parcel:?})"),
        }
    }
}

/// A question before something is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caution {
    /// What would be sent.
    pub what: Sending,
    /// The guarded pattern in it, if there is one.
    pub guarded: Option<Guarded>,
    /// The modes that the receivers are in, if they differ and that is asked.
    pub mix: Option<Mix>,
    /// How many hosts the question names.
    pub hosts: usize,
    /// Who they are; ascending.
    asked: Vec<MemberId>,
}

impl App {
    /// The user said no. What was typed before an Enter stands on the hosts, where the next line would join it.
    pub(super) fn say_not_sent(&mut self, caution: &Caution) {
        let text = match (&caution.what, self.options.keymap.hands()) {
            (Sending::Key(_), Hands::Keys) => {
                "not sent; the line still stands on the hosts: C-u takes it away in a shell"
            }
            (Sending::Key(_), Hands::Lines) => {
                "not sent, but the line still stands on the hosts, and the next one would join it; `:keys C-u` takes it away \
                 in a shell"
            }
            _ => "not sent",
        };
        self.notes.say(Tone::Plain, text, self.now);
    }
}

/// Receivers that are in different modes: by what they wait for, the largest part first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mix {
    /// What they wait for, and who they are.
    pub parts: Vec<(Situation, Vec<MemberId>)>,
}

/// The modes between which a difference matters. A shell and a program of which nothing is known are one: a host that is
/// slow to print its prompt is no reason to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Mode {
    Lines,
    Secret,
    FullScreen,
}

impl Mode {
    fn of(situation: Situation) -> Mode {
        match situation {
            Situation::Shell | Situation::Other => Mode::Lines,
            Situation::Secret => Mode::Secret,
            Situation::FullScreen => Mode::FullScreen,
        }
    }
}

impl Mix {
    fn counts(&self, mode: Mode) -> usize {
        let parts = self.parts.iter().filter(|(situation, _)| Mode::of(*situation) == mode);
        parts.map(|(_, members)| members.len()).sum()
    }

    /// Those who are not in the mode of most.
    fn smaller(&self) -> HashSet<(MemberId, Mode)> {
        let modes = [Mode::Lines, Mode::Secret, Mode::FullScreen];
        let most = modes.into_iter().max_by_key(|mode| self.counts(*mode)).unwrap_or(Mode::Lines);
        let parts = self.parts.iter().map(|(situation, members)| (Mode::of(*situation), members));
        let others = parts.filter(|(mode, _)| *mode != most);
        others.flat_map(|(mode, members)| members.iter().map(move |id| (*id, mode))).collect()
    }

    fn has(&self, wanted: Situation) -> bool {
        self.parts.iter().any(|(situation, _)| *situation == wanted)
    }
}

impl App {
    /// Looks at a key that is about to be sent; whether it is held back, because the user is asked first.
    pub(super) fn holds_back_key(&mut self, key: Key) -> bool {
        ends_line(key) && self.holds_back(Sending::Key(key))
    }

    /// The same of a paste.
    pub(super) fn holds_back_paste(&mut self, text: &str) -> bool {
        self.holds_back(Sending::Paste(text.to_owned().into()))
    }

    /// The same of anything.
    pub(super) fn holds_back(&mut self, what: Sending) -> bool {
        let to = self.meant(&what);
        let caution = self.caution(what, &to);
        let held = caution.is_some();
        if let Some(caution) = caution {
            self.open_quietly(Keyboard::Confirm(Confirm::Send(caution)));
        }
        held
    }

    /// Who would get it.
    fn meant(&self, what: &Sending) -> Vec<MemberId> {
        match what {
            Sending::Prepared(parcel) => {
                let members = parcel.texts.iter().map(|(id, _)| *id);
                members.filter(|id| self.broadcast.hears(*id)).collect()
            }
            Sending::Key(_) | Sending::Paste(_) | Sending::Lines(_) => self.broadcast.hearing(),
        }
    }

    fn caution(&mut self, what: Sending, to: &[MemberId]) -> Option<Caution> {
        let guarded = match &what {
            Sending::Key(_) => self.guarded_line(to),
            Sending::Prepared(parcel) if !parcel.executes() => return None,
            Sending::Prepared(parcel) => self.guarded_parcel(parcel, to),
            Sending::Lines(text) => self.guarded_paste(text, to),
            Sending::Paste(text) if text.contains(EXECUTES) => self.guarded_paste(text, to),
            // Too long to be followed until its Enter comes.
            Sending::Paste(text) if self.outgrows_line(text, to) => self.guarded_paste(text, to),
            Sending::Paste(_) => None,
        };
        let mix = self.mix(to);
        if mix.is_none() {
            self.allowed.clear();
        }
        let mix = mix.filter(|mix| self.asks_about(mix, to));
        (guarded.is_some() || mix.is_some()).then(|| Caution {
            what,
            guarded,
            mix,
            hosts: to.len(),
            asked: to.to_vec(),
        })
    }

    /// Is this text guarded on any of these hosts? Each line of it is looked at; a macro, a composed text and whatever else
    /// is sent for the user asks here before it is.
    pub fn guarded(&self, text: &str, receivers: &[MemberId]) -> Option<Guarded> {
        self.guarded_by(receivers, |guard, _| guard.matches(text))
    }

    /// What Enter would execute: what was typed, and what the line shows.
    fn guarded_line(&self, to: &[MemberId]) -> Option<Guarded> {
        self.guarded_by(to, |guard, of_guard| {
            of_guard.iter().find_map(|id| {
                let typed = self.typed_for(*id).and_then(|text| guard.matches(text));
                let typed = typed.map(|(pattern, line)| match (self.echo_seen(*id), self.situation(*id)) {
                    (EchoSeen::Yes, _) | (EchoSeen::Unknown, Situation::Shell) => (pattern, line),
                    _ => (pattern, UNSEEN.to_owned()),
                });
                typed.or_else(|| match self.situation(*id) {
                    // What stands in the line of an editor is no command, and a secret is none either.
                    Situation::FullScreen | Situation::Secret => None,
                    Situation::Shell | Situation::Other => guard.matches(&self.cursor_line(*id).text()),
                })
            })
        })
    }

    /// A paste together with what was typed before it.
    fn guarded_paste(&self, text: &str, to: &[MemberId]) -> Option<Guarded> {
        self.guarded_by(to, |guard, of_guard| self.finds_behind(guard, of_guard, text))
    }

    /// Does a guard find something in a text that is executed, or in its first line together with what stands in the line
    /// of one of these hosts already? That is what was typed there, and what the line shows, whoever brought it there.
    fn finds_behind(&self, guard: &Guard, members: &[MemberId], text: &str) -> Option<(String, String)> {
        let first = text.split(EXECUTES).next().unwrap_or_default();
        let typed = || {
            let typed: HashSet<&str> = members.iter().filter_map(|id| self.typed_for(*id)).collect();
            typed.into_iter().find_map(|typed| guard.matches(&Zeroizing::new(format!("{typed}{first}"))))
        };
        let shown = || {
            let tells = |id: &&MemberId| matches!(self.situation(**id), Situation::Shell | Situation::Other);
            let line = |id: &MemberId| {
                let line = self.cursor_line(*id);
                format!("{}{first}{}", line.before, line.behind)
            };
            let lines: HashSet<String> = members.iter().filter(tells).map(line).collect();
            lines.into_iter().find_map(|line| guard.matches(&line))
        };
        guard.matches(text).or_else(typed).or_else(shown)
    }

    /// What each of these hosts would get, together with what was typed there before it.
    fn guarded_parcel(&self, parcel: &Parcel, to: &[MemberId]) -> Option<Guarded> {
        self.guarded_by(to, |guard, of_guard| {
            // Equal texts stand together and are looked at once.
            let mut groups = parcel.texts.chunk_by(|(_, one), (_, other)| one == other);
            groups.find_map(|group| {
                let ids = group.iter().map(|(id, _)| *id);
                let meant: Vec<MemberId> = ids.filter(|id| of_guard.binary_search(id).is_ok()).collect();
                if meant.is_empty() { None } else { self.finds_behind(guard, &meant, &group[0].1) }
            })
        })
    }

    /// The first guard of which enough hosts are among these and that finds something; it is told its hosts.
    fn guarded_by(
        &self,
        to: &[MemberId],
        finds: impl Fn(&Guard, &[MemberId]) -> Option<(String, String)>,
    ) -> Option<Guarded> {
        self.options.guards.iter().find_map(|(n, guard)| {
            let has = |id: &&MemberId| self.tiles.get(**id).is_some_and(|tile| tile.guards.has(n));
            let of_guard: Vec<MemberId> = to.iter().filter(has).copied().collect();
            if of_guard.is_empty() || of_guard.len() < guard.confirm {
                return None;
            }
            let (pattern, line) = finds(guard, &of_guard)?;
            let (tag, guarded, hosts) = (guard.tag.clone(), of_guard.len(), to.len());
            Some(Guarded { tag, pattern, line, guarded, hosts })
        })
    }

    /// What was typed for one host, unless nothing is known of it.
    pub(super) fn typed_for(&self, id: MemberId) -> Option<&str> {
        let line = self.tiles.get(id)?.typing.line();
        (line.certainty() != Certainty::Withheld && !line.text().is_empty()).then(|| line.text())
    }

    /// The modes of these hosts, if they are not all in the same.
    pub(super) fn mix(&self, to: &[MemberId]) -> Option<Mix> {
        let mut parts: Vec<(Situation, Vec<MemberId>)> = Vec::new();
        for id in to {
            let situation = self.situation(*id);
            match parts.iter_mut().find(|(has, _)| *has == situation) {
                Some((_, members)) => members.push(*id),
                None => parts.push((situation, vec![*id])),
            }
        }
        parts.sort_by_key(|(_, members)| std::cmp::Reverse(members.len()));
        let modes: HashSet<Mode> = parts.iter().map(|(situation, _)| Mode::of(*situation)).collect();
        (modes.len() > 1).then_some(Mix { parts })
    }

    /// Is the user asked about this mix? Once for each: not again while nobody new is in the smaller part.
    pub(super) fn asks_about(&self, mix: &Mix, to: &[MemberId]) -> bool {
        let guarded = || to.iter().any(|id| self.tiles.get(*id).is_some_and(|tile| !tile.guards.is_empty()));
        let asks = match self.options.guards.mixed {
            Mixed::Off => false,
            Mixed::Ask => true,
            Mixed::Tell => guarded() || (mix.has(Situation::Secret) && mix.has(Situation::Shell)),
        };
        asks && !mix.smaller().is_subset(&self.allowed)
    }

    /// The user said yes. Where it is not any more what was asked about, it is asked again.
    pub(super) fn send_after_all(&mut self, caution: Caution) {
        if let Some((why, again)) = self.asks_again(&caution) {
            self.notes.say(Tone::Bad, why, self.now);
            self.open_quietly(Keyboard::Confirm(Confirm::Send(again)));
            return;
        }
        if let Some(mix) = &caution.mix {
            self.allowed = mix.smaller();
        }
        match caution.what {
            Sending::Key(key) => self.transmit_key(key),
            Sending::Paste(text) => self.transmit_paste(&text),
            Sending::Lines(text) => self.transmit_lines(&text),
            Sending::Prepared(parcel) => self.transmit_parcel(*parcel),
        }
    }

    /// Is there something in the way that the user has not seen: a host that was not named, another pattern, another host in
    /// another mode? Fewer hosts than were named are no reason.
    fn asks_again(&mut self, caution: &Caution) -> Option<(&'static str, Caution)> {
        let to = self.meant(&caution.what);
        let is_new = |id: &MemberId| caution.asked.binary_search(id).is_err();
        let again = self.caution(caution.what.clone(), &to);
        if to.iter().any(is_new) {
            // Nothing may be in the way any more; that somebody else hears is enough.
            let again = again.unwrap_or_else(|| Caution {
                guarded: None,
                mix: None,
                hosts: to.len(),
                asked: to,
                ..caution.clone()
            });
            return Some(("more hosts hear than were asked about: look again", again));
        }
        let again = again?;
        let found = |caution: &Caution| caution.guarded.as_ref().map(|g| (g.tag.clone(), g.pattern.clone()));
        let odd = |caution: &Caution| caution.mix.as_ref().map(Mix::smaller).unwrap_or_default();
        let other_guard = again.guarded.is_some() && found(&again) != found(caution);
        let other_mix = !odd(&again).is_subset(&odd(caution));
        (other_guard || other_mix).then_some(("this is not what was asked about: look again", again))
    }

    /// How many of those who hear wait for what, if they are in different modes and that is told.
    pub fn told_mix(&self) -> Option<Vec<(Situation, usize)>> {
        if self.options.guards.mixed == Mixed::Off || self.audience()?.count() < 2 {
            return None;
        }
        let mut counts: Vec<(Situation, usize)> = Situation::ALL.map(|situation| (situation, 0)).to_vec();
        for tile in self.tiles.iter().filter(|tile| self.broadcast.hears(tile.member)) {
            let situation = self.situation(tile.member);
            counts.iter_mut().filter(|(has, _)| *has == situation).for_each(|(_, n)| *n += 1);
        }
        counts.retain(|(_, n)| *n > 0);
        let modes: HashSet<Mode> = counts.iter().map(|(situation, _)| Mode::of(*situation)).collect();
        (modes.len() > 1).then_some(counts)
    }

    /// The guarded tags among those who hear, with the number of hosts of each.
    pub fn guarded_audience(&self) -> Vec<(&Guard, usize)> {
        if self.options.guards.iter().next().is_none() || self.audience().is_none() {
            return Vec::new();
        }
        let mut counts = vec![0; self.options.guards.iter().count()];
        let heard = self.tiles.iter().filter(|tile| !tile.guards.is_empty());
        for tile in heard.filter(|tile| self.broadcast.hears(tile.member)) {
            for (n, _) in self.options.guards.with(tile.guards) {
                counts[n] += 1;
            }
        }
        let guards = self.options.guards.iter().zip(counts);
        guards.filter(|(_, n)| *n > 0).map(|((_, guard), n)| (guard, n)).collect()
    }

    /// What the question shows of the thing that would be sent.
    pub fn held_back(&self, what: &Sending) -> String {
        match what {
            Sending::Key(key) if key.code() == KeyCode::Enter => "Enter".to_owned(),
            Sending::Key(key) => format!("{key}, which ends the line as Enter does,"),
            Sending::Paste(text) => format!("a paste of {} bytes", text.len()),
            Sending::Lines(text) => format!("a paste of {} bytes, line by line,", text.len()),
            Sending::Prepared(_) => "the text".to_owned(),
        }
    }

    /// The names of hosts, folded, for the question.
    pub fn names_of(&self, members: &[MemberId]) -> String {
        let hosts = members.iter().filter_map(|id| self.tiles.get(*id)).map(|tile| &tile.host);
        escape::text(&crate::tui::scopes::folded(hosts), 80)
    }
}
