//! Bells and output that the user has not seen: which host to look at next.
//!
//! A host that prints costs one look at its own sign. Only hosts with a sign are kept here, so what is shown of all of them
//! is counted without asking each.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use crate::broadcast::MemberId;
use crate::pane::Fed;
use crate::tui::event::Effect;

use super::{App, HostBell, Tone};

/// The outer terminal rings for hosts at most this often.
const RINGS_EVERY: Duration = Duration::from_millis(500);

/// What a host prints so soon after keys were sent to it is their echo, and what it prints so soon after it became ready
/// is its greeting; neither is marked.
const ECHOES: Duration = Duration::from_secs(2);
const GREETS: Duration = Duration::from_secs(5);

/// Why a host is worth a look; the most important first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sign {
    /// What the user waits for came about there.
    Watch,
    /// It rang.
    Bell,
    /// It wants to set the clipboard.
    Clipboard,
    /// It printed something out of sight.
    Output,
}

impl Sign {
    /// All of them, the most important first.
    pub const ALL: [Sign; 4] = [Sign::Watch, Sign::Bell, Sign::Clipboard, Sign::Output];

    /// Its glyph, one cell wide.
    pub fn glyph(self) -> char {
        match self {
            Sign::Watch => '!',
            Sign::Bell => '♪',
            Sign::Clipboard => '?',
            Sign::Output => '+',
        }
    }

    /// The same in a word.
    pub fn word(self) -> &'static str {
        match self {
            Sign::Watch => "watch",
            Sign::Bell => "bell",
            Sign::Clipboard => "clipboard",
            Sign::Output => "output",
        }
    }
}

/// The hosts with signs.
#[derive(Debug, Default)]
pub(super) struct Signs {
    of: [BTreeSet<MemberId>; 4],
    /// When each became ready; gone once it is long ago.
    greets: HashMap<MemberId, Duration>,
    /// When keys were sent last.
    typed: Option<Duration>,
    rang: Option<Duration>,
}

impl Signs {
    pub(super) fn put(&mut self, sign: Sign, member: MemberId) -> bool {
        self.of[sign as usize].insert(member)
    }

    pub(super) fn take(&mut self, sign: Sign, member: MemberId) {
        self.of[sign as usize].remove(&member);
    }

    /// The host is gone.
    pub(super) fn forget(&mut self, member: MemberId) {
        Sign::ALL.into_iter().for_each(|sign| self.take(sign, member));
        self.greets.remove(&member);
    }

    pub(super) fn became_ready(&mut self, member: MemberId, now: Duration) {
        self.greets.insert(member, now);
    }

    pub(super) fn typed(&mut self, now: Duration) {
        self.typed = Some(now);
    }
}

/// What drawing reads.
impl App {
    /// The most important sign of a host.
    pub fn sign(&self, member: MemberId) -> Option<Sign> {
        Sign::ALL.into_iter().find(|sign| self.signs.of[*sign as usize].contains(&member))
    }

    /// How many hosts have a sign.
    pub fn signs(&self, sign: Sign) -> usize {
        self.signs.of[sign as usize].len()
    }
}

impl App {
    /// Takes note of what a host printed, beside its text.
    pub(super) fn noticed(&mut self, member: MemberId, fed: &Fed) {
        if fed.bell {
            self.rang(member);
        }
        self.printed(member);
        self.watch_output(member);
        self.clipboard_offered(member, fed);
    }

    /// A host was taken away: nothing is kept of it.
    pub(super) fn unread(&mut self, member: MemberId) {
        self.signs.forget(member);
        self.clipboard.forget(member);
        self.watch_without(member);
    }

    /// A host rang.
    fn rang(&mut self, member: MemberId) {
        if self.options.bell == HostBell::Off {
            return;
        }
        if self.broadcast.focus() != Some(member) {
            self.signs.put(Sign::Bell, member);
        }
        if self.options.bell == HostBell::Ring {
            self.ring();
        }
    }

    /// Rings the outer terminal, unless it rang a moment ago.
    pub(super) fn ring(&mut self) {
        if self.signs.rang.is_none_or(|rang| self.now >= rang + RINGS_EVERY) {
            self.signs.rang = Some(self.now);
            self.effects.push(Effect::Bell);
        }
    }

    /// A host printed something.
    fn printed(&mut self, member: MemberId) {
        let known = self.signs.of[Sign::Output as usize].contains(&member);
        if known || self.broadcast.focus() == Some(member) || self.layout.shows(self.tile_of(member)) {
            return;
        }
        if let Some(ready) = self.signs.greets.get(&member) {
            if self.now < *ready + GREETS {
                return;
            }
            self.signs.greets.remove(&member);
        }
        let echoes = self.signs.typed.is_some_and(|typed| self.now < typed + ECHOES);
        if !(echoes && self.broadcast.hears(member)) {
            self.signs.put(Sign::Output, member);
        }
    }

    /// What is on the screen is seen, and the focused host above all.
    pub(super) fn see(&mut self) {
        if !self.signs.of[Sign::Output as usize].is_empty() {
            let seen = self.layout.in_sight().flat_map(|id| self.members_of_tile(id)).collect::<Vec<_>>();
            seen.into_iter().for_each(|member| self.signs.take(Sign::Output, member));
        }
        if let Some(focus) = self.broadcast.focus() {
            [Sign::Watch, Sign::Bell, Sign::Output].into_iter().for_each(|sign| self.signs.take(sign, focus));
        }
    }

    /// To the next host with a sign, the most important kind first, round and round from the focused one.
    pub(super) fn go_to_next_sign(&mut self) {
        let focus = self.broadcast.focus();
        let next = |hosts: &BTreeSet<MemberId>| {
            let after = focus.and_then(|focus| hosts.range(focus..).find(|id| **id != focus));
            after.or(hosts.iter().find(|id| Some(**id) != focus)).copied()
        };
        let found = Sign::ALL.into_iter().find_map(|sign| Some((sign, next(&self.signs.of[sign as usize])?)));
        let Some((sign, member)) = found else {
            return self.notes.refuse("no host rang or printed anything that you have not seen", self.now);
        };
        let text = format!("{}: {} {}", self.name(member), sign.glyph(), sign.word());
        self.set_focus(member);
        self.notes.say(Tone::Plain, text, self.now);
    }
}
