//! Links that stall or are lost: what is shown of them, when a lost one is tried again, and the way to the next host
//! that needs the user.
//!
//! A session comes back by itself only where the user has said so, only where it was ready once, and only after an end
//! that says nothing about what the user wants: a link lost, or a host that cannot be reached or lets nobody in for now.
//! It comes back as one that the user reconnects does (in its place, waiting, with an empty queue), with growing pauses,
//! and moves neither the focus nor the scrollback.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::broadcast::{Entry, Life, MemberId};
use crate::session::SessionState;
use crate::tui::action::Action;

use super::options::Reconnect;
use super::tiles::Tile;
use super::{App, Tone};

/// The longest pause before the first try; each further one may be twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(2);

/// No pause is longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// A session that was ready for so long begins anew with short pauses when it is lost.
const PROVEN: Duration = Duration::from_secs(60);

/// What a tile remembers of its link over its sessions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Since when a stalled host has been silent.
    silent_since: Option<Duration>,
    /// When its present or last session became ready; `None` if none ever did.
    ready_at: Option<Duration>,
    /// Tries since it was last ready for long.
    tries: u32,
    /// When it is tried again by itself.
    due: Option<Duration>,
    /// Bytes given to the transport since the host was last heard.
    unanswered: usize,
}

impl Recovery {
    /// Since when it has been silent, while it is stalled.
    pub fn silent_since(&self) -> Option<Duration> {
        self.silent_since
    }

    /// When it is tried again by itself, if it will be.
    pub fn due(&self) -> Option<Duration> {
        self.due
    }

    /// Bytes given to the transport since the host was last heard.
    pub fn unanswered(&self) -> usize {
        self.unanswered
    }

    /// A new session is on its way, and nothing is planned.
    pub(super) fn begin_anew(&mut self) {
        *self = Recovery { ready_at: self.ready_at, ..Recovery::default() };
    }

    /// So many bytes have gone to the transport.
    pub(super) fn sent(&mut self, bytes: usize) {
        self.unanswered += bytes;
    }

    /// The host was heard.
    pub(super) fn heard(&mut self) {
        self.unanswered = 0;
    }
}

/// Those tiles that change by themselves, so that nobody must look through thousands.
#[derive(Debug, Default)]
pub(super) struct Returns {
    stalled: BTreeSet<MemberId>,
    due: BTreeSet<(Duration, MemberId)>,
}

impl Returns {
    /// When something here is due or is shown with another second.
    pub(super) fn wake_at(&self, now: Duration) -> Option<Duration> {
        let first = self.due.first().map(|(due, _)| *due);
        let counts = !self.stalled.is_empty() || first.is_some();
        counts.then(|| Duration::from_secs(now.as_secs() + 1)).into_iter().chain(first).min()
    }
}

/// The pause before a try: between half of its longest and that, so that hosts that were lost together do not come back
/// together. The app has no dice; `seed` stands in for them.
fn pause(tries: u32, seed: u64) -> Duration {
    let longest = FIRST_PAUSE.saturating_mul(1 << tries.min(16)).min(LONGEST_PAUSE);
    // The end of splitmix64: every bit of the seed reaches the upper bits.
    let mixed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    let share = f64::from((mixed >> 40) as u32) / f64::from(1u32 << 24);
    longest.mul_f64(0.5 + share / 2.0)
}

impl App {
    /// A host owes an answer, and has been silent for so long.
    pub(super) fn stalled(&mut self, member: MemberId, silent: Duration) {
        let now = self.now;
        let Some(tile) = self.tiles.get_mut(member) else { return };
        tile.recovery.silent_since = Some(now.saturating_sub(silent));
        let text = format!("{} nothing heard for {} s", stalled_words(&tile.name), silent.as_secs());
        self.returns.stalled.insert(member);
        self.notes.tell(Tone::Bad, text, now);
    }

    /// It is heard again, or over.
    pub(super) fn resumed(&mut self, member: MemberId) {
        self.returns.stalled.remove(&member);
        if let Some(tile) = self.tiles.get_mut(member) {
            tile.recovery.silent_since = None;
            self.notes.take_back(&stalled_words(&tile.name));
        }
    }

    /// A session is ready: from now on it is one that may come back.
    pub(super) fn note_ready(&mut self, member: MemberId) {
        let now = self.now;
        if let Some(tile) = self.tiles.get_mut(member) {
            tile.recovery.ready_at = Some(now);
            tile.recovery.unanswered = 0;
        }
    }

    /// A session has ended; tells whether that was a try of our own that came to nothing, which is no news.
    pub(super) fn note_end(&mut self, member: MemberId, was_ready: bool) -> bool {
        self.resumed(member);
        let now = self.now;
        let Some(tile) = self.tiles.get_mut(member) else { return false };
        let proven = tile.recovery.ready_at.is_some_and(|at| now.saturating_sub(at) >= PROVEN);
        if was_ready && proven {
            tile.recovery.tries = 0;
        }
        let again = tile.recovery.tries > 0 && !was_ready;
        self.plan_return(member);
        again && self.tiles.get(member).is_some_and(|tile| tile.recovery.due.is_some())
    }

    /// Plans the next try of a closed tile, if it may come back by itself.
    fn plan_return(&mut self, member: MemberId) {
        let now = self.now;
        let wanted = self.options.reconnect == Reconnect::Auto;
        let Some(tile) = self.tiles.get_mut(member) else { return };
        let SessionState::Closed(outcome) = &tile.state else { return };
        if !wanted || tile.recovery.ready_at.is_none() || !outcome.may_pass() || tile.recovery.due.is_some() {
            return;
        }
        let seed =
            (now.as_nanos() as u64).wrapping_add(u64::from(member.0).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let due = now + pause(tile.recovery.tries, seed);
        tile.recovery.due = Some(due);
        self.returns.due.insert((due, member));
    }

    /// A tile is not tried again by itself any more: it is on its way, or gone.
    pub(super) fn forget_return(&mut self, member: MemberId) {
        if let Some(due) = self.tiles.get_mut(member).and_then(|tile| tile.recovery.due.take()) {
            self.returns.due.remove(&(due, member));
        }
    }

    /// Tries those again whose time has come.
    pub(super) fn return_due(&mut self) {
        while let Some((due, member)) = self.returns.due.first().copied().filter(|(due, _)| *due <= self.now)
        {
            self.returns.due.remove(&(due, member));
            let before = self.tiles.get(member).map(|tile| (tile.recovery.tries, tile.top));
            self.reconnect(member);
            if let (Some((tries, top)), Some(tile)) = (before, self.tiles.get_mut(member)) {
                tile.recovery.tries = tries.saturating_add(1);
                // Whoever looks back in this tile goes on looking.
                tile.top = top;
            }
        }
    }

    /// Lost sessions come back by themselves from now on, or do not.
    pub(super) fn toggle_reconnect(&mut self) {
        let ids: Vec<MemberId> = self.tiles.ids().to_vec();
        let text = match self.options.reconnect {
            Reconnect::Ask => {
                self.options.reconnect = Reconnect::Auto;
                ids.iter().for_each(|id| self.plan_return(*id));
                "lost sessions reconnect by themselves".to_owned()
            }
            Reconnect::Auto => {
                self.options.reconnect = Reconnect::Ask;
                ids.iter().for_each(|id| self.forget_return(*id));
                let again = self.options.keymap.hint(Action::Reconnect);
                format!("lost sessions stay closed until you reconnect them, with {again}")
            }
        };
        self.notes.say(Tone::Plain, text, self.now);
    }

    /// Moves the focus to the next host that needs the user; with none, says so.
    pub(super) fn focus_next_in_need(&mut self) {
        let ids = self.tiles.ids();
        let from = self.broadcast.focus().and_then(|id| self.tiles.position(id)).map_or(0, |at| at + 1);
        let around = ids.iter().cycle().skip(from).take(ids.len());
        match around.copied().find(|id| self.needs_user(*id)) {
            Some(member) => self.set_focus(member),
            None => self.notes.refuse("no host needs you", self.now),
        }
    }

    fn needs_user(&self, id: MemberId) -> bool {
        let (Some(tile), Some(member)) = (self.tiles.get(id), self.broadcast.member(id)) else {
            return false;
        };
        let waits = member.life() == Life::Open && member.entry() == Entry::Waiting;
        let asks = matches!(tile.state, SessionState::Closed(_) | SessionState::Asking) && !tile.went_well();
        asks || waits || member.is_held() || tile.recovery.silent_since.is_some()
    }

    /// Tiles that are stalled, in order.
    pub fn stalled_tiles(&self) -> impl Iterator<Item = &Tile> {
        self.returns.stalled.iter().filter_map(|id| self.tiles.get(*id))
    }

    /// How many tiles are tried again by themselves.
    pub fn returning(&self) -> usize {
        self.returns.due.len()
    }
}

/// How the sentence about a silent host begins.
fn stalled_words(name: &str) -> String {
    format!("{name} is stalled:")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_minute_and_differ() {
        for (tries, longest) in [(0, 2), (1, 4), (2, 8), (3, 16), (4, 32), (5, 60), (6, 60), (u32::MAX, 60)] {
            let longest = Duration::from_secs(longest);
            let pauses: Vec<Duration> = (0..1000).map(|seed| pause(tries, seed << 32)).collect();
            assert!(pauses.iter().all(|pause| (longest / 2..=longest).contains(pause)), "{tries}");
            let early = pauses.iter().filter(|pause| **pause < longest.mul_f64(0.75)).count();
            assert!((300..700).contains(&early), "spread evenly: {early} of 1000");
        }
    }
}
