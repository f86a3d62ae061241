//! One group: its members, what they show by numbers, and what it stands for.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use crate::broadcast::MemberId;

use super::Class;

/// What a group stood for lately is remembered for so many changes.
const TRAIL: usize = 16;

/// Members that are one tile.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) class: Class,
    members: BTreeSet<MemberId>,
    /// How many members show this now.
    faces: HashMap<u64, usize>,
    /// What most of them showed when last looked at.
    pub(super) shows: u64,
    /// Since when it shows that.
    pub(super) since: Duration,
    /// What it showed before, and until when; bounded by `TRAIL`, the oldest goes.
    trail: Vec<(u64, Duration)>,
    /// When a difference in it will have lasted.
    pub(super) due: Option<Duration>,
}

impl Group {
    pub(super) fn new(class: Class, shows: u64, now: Duration) -> Group {
        Group {
            class,
            members: BTreeSet::new(),
            faces: HashMap::new(),
            shows,
            since: now,
            trail: Vec::new(),
            due: None,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    pub(super) fn members(&self) -> &BTreeSet<MemberId> {
        &self.members
    }

    pub(super) fn first(&self) -> Option<MemberId> {
        self.members.first().copied()
    }

    pub(super) fn add(&mut self, member: MemberId, face: u64) {
        self.members.insert(member);
        *self.faces.entry(face).or_default() += 1;
    }

    pub(super) fn take(&mut self, member: MemberId, face: u64) {
        self.members.remove(&member);
        self.lose(face);
    }

    pub(super) fn shows_instead(&mut self, before: u64, face: u64) {
        self.lose(before);
        *self.faces.entry(face).or_default() += 1;
    }

    fn lose(&mut self, face: u64) {
        if let Some(count) = self.faces.get_mut(&face) {
            *count -= 1;
            if *count == 0 {
                self.faces.remove(&face);
            }
        }
    }

    /// Does somebody differ?
    pub(super) fn is_mixed(&self) -> bool {
        self.faces.len() > 1
    }

    /// What it stands for becomes what most of its members show; what it stood for stays unless others are more.
    pub(super) fn follow(&mut self, now: Duration) {
        let count = |face: &u64| self.faces.get(face).copied().unwrap_or(0);
        let most = self.faces.iter().max_by_key(|(face, count)| (**count, **face)).map(|(face, _)| *face);
        if let Some(most) = most.filter(|most| count(most) > count(&self.shows)) {
            if self.trail.len() == TRAIL {
                self.trail.remove(0);
            }
            self.trail.push((self.shows, now));
            (self.shows, self.since) = (most, now);
        }
    }

    /// Does it show this, or did it within this time?
    pub(super) fn showed(&self, face: u64, now: Duration, within: Duration) -> bool {
        let lately = |(was, until): &(u64, Duration)| *was == face && *until + within > now;
        face == self.shows || self.trail.iter().any(lately)
    }

    /// Something in it is due then.
    pub(super) fn wake(&mut self, at: Duration) {
        self.due = Some(self.due.map_or(at, |due| due.min(at)));
    }

    /// Is something in it due now, or is it not known when?
    pub(super) fn is_due(&self, now: Duration) -> bool {
        self.due.is_none_or(|due| due <= now)
    }

    pub(super) fn due(&self) -> Option<Duration> {
        self.due
    }
}
