//! Folding: panes that show the same are one tile.
//!
//! Theory. Every member belongs to one *group*. What may share a tile at all is said by its [`Class`], which is never
//! waited for: who stops receiving leaves the tile of the receivers at once. Within a class members are together by the
//! number of what they show (`Pane::face`), and there groups are *calm*: an echo that is still in flight to some hosts
//! takes nobody out of a group.
//!
//! - Two members whose screens both stood still for [`Calm::lasts`] and differ are never in one group.
//! - A member that goes on changing leaves when its group has not been seen to show the same for [`Calm::drifts`].
//! - A group joins another once it has shown the same as that one for [`Calm::joins`].
//!
//! The work is by what changed: a look at a member costs one entry of a table, and only groups in which somebody differs
//! are gone through when something in them is due.

pub mod compare;
mod group;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::time::Duration;

use crate::broadcast::MemberId;
use crate::tui::guard::Guarding;

use group::Group;

/// What may share a tile. Whoever differs here is apart at once.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Takes part in the broadcast; hosts with other guards look otherwise, so they stand apart.
    Attached(Standing, Guarding),
    /// The user took it out.
    Detached(Standing, Guarding),
    /// The user took it out and types into it: it shares with nobody.
    Alone(MemberId),
    /// Not ready yet; in which state, in words.
    Opening(&'static str),
    /// A command that nobody typed runs there, or has ended, in words: what it wrote is what matters.
    Ran(String),
    /// Over; how it ended, in words. What it showed last does not matter.
    Closed(String),
}

/// Whether input reaches a member that is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// It does.
    Takes,
    /// It may not: the link is silent.
    Stalled,
    /// The scope leaves it out.
    OutOfScope,
    /// It came late and was not let in.
    Waiting,
    /// Input is kept back from it.
    Held,
}

impl Class {
    /// Does what its members show matter?
    pub fn is_live(&self) -> bool {
        !matches!(self, Class::Opening(_) | Class::Closed(_))
    }
}

/// How calm the groups are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Calm {
    /// Two screens that stood still for so long and differ are apart.
    pub lasts: Duration,
    /// A screen that goes on changing is apart when it was not seen equal to its group's for so long.
    pub drifts: Duration,
    /// A screen that has become equal to another group's joins it after so long.
    pub joins: Duration,
}

impl Calm {
    /// The times that go with `lasts`: moving screens get five times as long, and joining takes a quarter.
    pub fn lasting(lasts: Duration) -> Calm {
        Calm { lasts, drifts: lasts * 5, joins: lasts / 4 }
    }
}

impl Default for Calm {
    fn default() -> Calm {
        Calm::lasting(Duration::from_millis(400))
    }
}

/// Which group; given out once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(u32);

/// What is known of one member.
#[derive(Clone, Debug)]
struct Seen {
    class: Class,
    face: u64,
    /// When its face became this one.
    changed: Duration,
    /// When it last showed what its group does.
    tuned: Duration,
    group: GroupId,
}

/// All members in groups.
#[derive(Debug, Default)]
pub struct Folding {
    calm: Calm,
    seen: HashMap<MemberId, Seen>,
    groups: BTreeMap<GroupId, Group>,
    /// The group that shows this, in this class.
    showing: HashMap<(Class, u64), GroupId>,
    /// Groups of which a member changed since they were settled.
    touched: BTreeSet<GroupId>,
    /// Groups with something that will be due.
    restless: BTreeSet<GroupId>,
    /// When the first of it is.
    wakes: Option<Duration>,
    /// The revision that was settled last.
    settled: u64,
    /// The largest group, which keeps that place until another is larger.
    crowd: Option<GroupId>,
    next: u32,
    /// A number that is another one whenever some member is in another group.
    revision: u64,
    /// Members looked through in groups since the beginning.
    judged: u64,
}

impl Folding {
    /// No members yet.
    pub fn new(calm: Calm) -> Folding {
        Folding { calm, ..Folding::default() }
    }

    /// A member shows this now. A member that is new, or in another class than before, is put where it belongs at once.
    pub fn observe(&mut self, member: MemberId, class: &Class, face: u64, now: Duration) {
        let face = if class.is_live() { face } else { 0 };
        match self.seen.get_mut(&member) {
            Some(seen) if seen.class == *class => {
                if seen.face == face {
                    return;
                }
                let (group, before) = (seen.group, seen.face);
                (seen.face, seen.changed) = (face, now);
                if let Some(group) = self.groups.get_mut(&group) {
                    // A group in which nobody differs is not looked at: it has shown the same as this member until now.
                    if group.showed(before, now, self.calm.lasts) {
                        seen.tuned = now;
                    }
                    group.shows_instead(before, face);
                }
                self.touched.insert(group);
            }
            Some(_) => {
                self.remove(member);
                self.place(member, class.clone(), face, now);
            }
            None => self.place(member, class.clone(), face, now),
        }
    }

    /// The class of a member, as it was last observed.
    pub fn class(&self, member: MemberId) -> Option<&Class> {
        self.seen.get(&member).map(|seen| &seen.class)
    }

    /// A member is gone.
    pub fn remove(&mut self, member: MemberId) {
        let Some(seen) = self.seen.remove(&member) else { return };
        self.leave(member, seen.group, seen.face);
    }

    /// Takes those out of their groups whose difference has lasted, and joins groups that have come to show the same.
    ///
    /// Costs nothing where no member changed and nothing is due, and else as much as those groups have members.
    pub fn settle(&mut self, now: Duration) {
        let wakes = self.wakes.is_some_and(|at| at <= now);
        if self.touched.is_empty() && !wakes && self.settled == self.revision {
            return;
        }
        let mut due = std::mem::take(&mut self.touched);
        let is_due = |id: &&GroupId| self.groups.get(id).is_none_or(|group| group.is_due(now));
        due.extend(self.restless.iter().filter(is_due));
        for id in due {
            self.settle_group(id, now);
        }
        self.find_crowd();
        self.wakes = self.restless.iter().filter_map(|id| self.groups.get(id)?.due()).min();
        self.settled = self.revision;
    }

    fn find_crowd(&mut self) {
        let largest = self.groups.iter().max_by_key(|(id, group)| (group.len(), Reverse(**id)));
        let size = |id: GroupId| self.groups.get(&id).map_or(0, Group::len);
        if let Some((largest, _)) = largest
            && self.crowd.is_none_or(|crowd| size(crowd) < size(*largest))
        {
            self.crowd = Some(*largest);
        }
        if self.groups.is_empty() {
            self.crowd = None;
        }
    }

    /// When [`settle`](Folding::settle) may change something though nothing was observed.
    pub fn wake_at(&self) -> Option<Duration> {
        self.wakes
    }

    /// A number that is another one whenever some member is in another group.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Members looked through in groups since the beginning: the work that settling took.
    pub fn judged(&self) -> u64 {
        self.judged
    }

    /// The groups in the order they are shown: the largest, then the others by their first member. So tiles stand still
    /// while odd ones come and go.
    pub fn order(&self) -> Vec<GroupId> {
        let many = |id: &GroupId| self.groups.get(id).is_some_and(|group| group.len() > 1);
        let crowd = self.crowd.filter(many);
        let mut order: Vec<GroupId> = self.groups.keys().copied().collect();
        order.sort_by_key(|id| (Some(*id) != crowd, self.groups[id].first()));
        order
    }

    /// The groups, in no order that means anything.
    pub fn groups(&self) -> impl Iterator<Item = GroupId> {
        self.groups.keys().copied()
    }

    /// The largest group.
    pub fn crowd(&self) -> Option<GroupId> {
        self.crowd
    }

    /// The group of a member.
    pub fn group_of(&self, member: MemberId) -> Option<GroupId> {
        self.seen.get(&member).map(|seen| seen.group)
    }

    /// The members of a group, in their order.
    pub fn members(&self, id: GroupId) -> impl ExactSizeIterator<Item = MemberId> {
        let members = self.groups.get(&id).map(|group| group.members().iter().copied().collect::<Vec<_>>());
        members.unwrap_or_default().into_iter()
    }

    /// How many members a group has.
    pub fn size(&self, id: GroupId) -> usize {
        self.groups.get(&id).map_or(0, Group::len)
    }

    /// What a member showed when last observed, if it is one of an open host.
    pub fn shown(&self, member: MemberId) -> Option<u64> {
        self.seen.get(&member).filter(|seen| seen.class.is_live()).map(|seen| seen.face)
    }

    /// How many members were observed.
    pub fn count(&self) -> usize {
        self.seen.len()
    }

    /// The member whose pane stands for a group: the one with the focus if it is in it, else the first.
    pub fn face_of(&self, id: GroupId, focus: Option<MemberId>) -> Option<MemberId> {
        focus.filter(|focus| self.group_of(*focus) == Some(id)).or_else(|| self.groups.get(&id)?.first())
    }

    /// The first member of a group that comes after this one, which need not be in it.
    pub fn member_after(&self, id: GroupId, member: MemberId) -> Option<MemberId> {
        let after = (Bound::Excluded(member), Bound::Unbounded);
        self.groups.get(&id)?.members().range(after).next().copied()
    }

    /// Puts a member that is in no group into the one that shows the same, or into one of its own.
    fn place(&mut self, member: MemberId, class: Class, face: u64, now: Duration) {
        let key = (class.clone(), face);
        let group = self.showing.get(&key).copied().filter(|id| self.groups.contains_key(id));
        let group = group.unwrap_or_else(|| {
            let id = GroupId(self.next);
            self.next += 1;
            self.groups.insert(id, Group::new(class.clone(), face, now));
            self.showing.insert(key, id);
            id
        });
        if let Some(of) = self.groups.get_mut(&group) {
            of.add(member, face);
        }
        self.seen.insert(member, Seen { class, face, changed: now, tuned: now, group });
        self.touched.insert(group);
        self.revision += 1;
    }

    fn leave(&mut self, member: MemberId, id: GroupId, face: u64) {
        self.revision += 1;
        let Some(group) = self.groups.get_mut(&id) else { return };
        group.take(member, face);
        self.touched.insert(id);
        if group.len() == 0 {
            let (class, shows) = (group.class.clone(), group.shows);
            self.groups.remove(&id);
            self.touched.remove(&id);
            self.restless.remove(&id);
            self.forget_showing(&(class, shows), id);
            if self.crowd == Some(id) {
                self.crowd = None;
            }
        }
    }

    fn forget_showing(&mut self, key: &(Class, u64), id: GroupId) {
        if self.showing.get(key) == Some(&id) {
            self.showing.remove(key);
        }
    }

    fn settle_group(&mut self, id: GroupId, now: Duration) {
        self.follow(id, now);
        for member in self.judge(id, now) {
            self.split(member, now);
        }
        self.follow(id, now);
        self.join(id, now);
        match self.groups.get(&id).is_some_and(|group| group.due().is_some()) {
            true => self.restless.insert(id),
            false => self.restless.remove(&id),
        };
    }

    /// What a group stands for becomes what most of its members show.
    fn follow(&mut self, id: GroupId, now: Duration) {
        let Some(group) = self.groups.get_mut(&id) else { return };
        let before = group.shows;
        group.follow(now);
        let (class, shows) = (group.class.clone(), group.shows);
        if before != shows {
            self.forget_showing(&(class.clone(), before), id);
        }
        self.showing.entry((class, shows)).or_insert(id);
    }

    /// Those of a group whose difference has lasted; notes when the next one's will have.
    fn judge(&mut self, id: GroupId, now: Duration) -> Vec<MemberId> {
        let Some(group) = self.groups.get_mut(&id) else { return Vec::new() };
        group.due = None;
        if !group.is_mixed() {
            return Vec::new();
        }
        self.judged += group.len() as u64;
        let mut still: BTreeMap<u64, (usize, MemberId)> = BTreeMap::new();
        for member in group.members() {
            let Some(seen) = self.seen.get(member) else { continue };
            if now >= seen.changed + self.calm.lasts {
                still.entry(seen.face).or_insert((0, *member)).0 += 1;
            }
        }
        // The screens that stand still decide: those that show what the group does, else most of them, and among equals
        // those of the first member.
        let worth =
            |face: u64, (count, first): (usize, MemberId)| (face == group.shows, count, Reverse(first));
        let most = still.iter().max_by_key(|(face, of)| worth(**face, **of));
        let anchor = most.map(|(face, _)| *face);
        let mut leavers = Vec::new();
        for member in group.members().clone() {
            let Some(seen) = self.seen.get_mut(&member) else { continue };
            if anchor == Some(seen.face) || group.showed(seen.face, now, self.calm.lasts) {
                seen.tuned = now;
            }
            let stands = now >= seen.changed + self.calm.lasts;
            let lasted = stands && anchor.is_some_and(|anchor| anchor != seen.face);
            if lasted || now >= seen.tuned + self.calm.drifts {
                leavers.push(member);
                continue;
            }
            if !stands {
                group.wake(seen.changed + self.calm.lasts);
            }
            if seen.face != group.shows {
                group.wake(seen.tuned + self.calm.drifts);
            }
        }
        leavers
    }

    /// Takes a member out of its group and puts it where it belongs.
    fn split(&mut self, member: MemberId, now: Duration) {
        let Some(Seen { class, face, changed, group, .. }) = self.seen.remove(&member) else { return };
        self.leave(member, group, face);
        self.place(member, class, face, now);
        if let Some(seen) = self.seen.get_mut(&member) {
            seen.changed = changed;
        }
    }

    /// Joins a group in which all show the same to the one that shows the same as it, once it has for long enough.
    fn join(&mut self, id: GroupId, now: Duration) {
        let Some(group) = self.groups.get_mut(&id) else { return };
        let Some(other) = self.showing.get(&(group.class.clone(), group.shows)).copied() else { return };
        if other == id || group.is_mixed() {
            return;
        }
        let ready = group.since + self.calm.joins;
        if ready > now {
            return group.wake(ready);
        }
        let size = group.len();
        let larger = |other: &Group| !other.is_mixed() && other.len() < size;
        let (from, into) =
            if self.groups.get(&other).is_some_and(larger) { (other, id) } else { (id, other) };
        self.pour(from, into, now);
    }

    /// Puts all members of a group into another that shows the same.
    fn pour(&mut self, from: GroupId, into: GroupId, now: Duration) {
        let Some(emptied) = self.groups.remove(&from) else { return };
        self.restless.remove(&from);
        self.touched.remove(&from);
        let Some(group) = self.groups.get_mut(&into) else { return };
        for member in emptied.members() {
            if let Some(seen) = self.seen.get_mut(member) {
                (seen.group, seen.tuned) = (into, now);
                group.add(*member, seen.face);
            }
        }
        self.showing.insert((group.class.clone(), group.shows), into);
        if self.crowd == Some(from) {
            self.crowd = Some(into);
        }
        self.touched.insert(into);
        self.revision += 1;
    }
}

#[cfg(test)]
mod tests;
