//! Who receives what the user types, and what is kept back for whom.
//!
//! Theory. Every host on the screen is a *member*. One rule decides: if the focused member is detached, keys go to it
//! alone; otherwise they go to every member that is attached, open, in scope, and neither waiting nor held. Nothing but
//! the user's own act adds a receiver: whatever becomes ready after the first key was broadcast waits until it is
//! admitted, and a host that fell behind stays held until it is released.
//!
//! Each member has an [`Outbox`]: what it was sent and the transport has not taken yet, in order, bounded. Only one
//! chunk is under way at a time, so the bound holds from end to end.
//!
//! The number of receivers is kept up to date with every change, since it is shown with every frame and asked for with
//! every key, and there may be thousands of members.

mod outbox;

use std::collections::HashSet;
use std::fmt;

use bytes::Bytes;

pub use outbox::{CHUNK_BYTES, OUTBOX_BYTES, Outbox, Push};

/// Which member; given out once and never reused. A reconnect is a new session of the same member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberId(pub u32);

impl fmt::Display for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "member {}", self.0)
    }
}

/// Whether the user left the member in the broadcast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// It takes part.
    Attached,
    /// The user took it out.
    Detached,
}

/// Where a member's session is, as far as input is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// Not ready yet.
    Opening,
    /// It takes input.
    Open,
    /// Over.
    Closed,
}

/// Whether a member that came late was let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// It has missed nothing, or the user let it in.
    Admitted,
    /// It became ready after the broadcast began.
    Waiting,
}

/// How far a broadcast reaches while the focus is on an attached member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// To every receiving member, shown or not.
    Everyone,
    /// To the focused member alone, as if it were detached (`zoom = "alone"` while zoomed).
    FocusOnly,
}

/// Which members the broadcast is limited to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// No limit.
    #[default]
    All,
    /// These, as they were when the scope was taken.
    Only(HashSet<MemberId>),
}

/// Who hears the next key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receivers {
    /// Every receiving member; this many, at least one.
    All(usize),
    /// The focused member alone.
    Alone(MemberId),
    /// No one, and why.
    Nobody(Why),
}

impl Receivers {
    /// How many hear.
    pub fn count(self) -> usize {
        match self {
            Receivers::All(count) => count,
            Receivers::Alone(_) => 1,
            Receivers::Nobody(_) => 0,
        }
    }
}

/// Why nobody hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// There is no member at all.
    NoMembers,
    /// Keys would go to the focused member alone, but it is not ready.
    FocusOpening(MemberId),
    /// Keys would go to the focused member alone, but it is closed.
    FocusClosed(MemberId),
    /// Keys would go to the focused member alone, but it was not let in.
    FocusWaiting(MemberId),
    /// Keys would go to the focused member alone, but it is held.
    FocusHeld(MemberId),
    /// The focused member is outside the scope.
    FocusOutOfScope(MemberId),
    /// Not one member is receiving.
    NoneReceiving,
}

/// One host's part in the broadcast.
#[derive(Debug)]
pub struct Member {
    id: MemberId,
    part: Part,
    life: Life,
    entry: Entry,
    in_scope: bool,
    outbox: Outbox,
}

impl Member {
    /// Whether the user left it in.
    pub fn part(&self) -> Part {
        self.part
    }

    /// Where its session is.
    pub fn life(&self) -> Life {
        self.life
    }

    /// Whether it was let in.
    pub fn entry(&self) -> Entry {
        self.entry
    }

    /// Whether the scope holds it.
    pub fn in_scope(&self) -> bool {
        self.in_scope
    }

    /// Whether input is kept back from it.
    pub fn is_held(&self) -> bool {
        self.outbox.is_held()
    }

    /// Bytes kept for it that the transport has not taken yet.
    pub fn backlog(&self) -> usize {
        self.outbox.backlog()
    }

    /// Is it one of those that a broadcast goes to: attached, open, let in, in scope and not held?
    pub fn receives(&self) -> bool {
        self.part == Part::Attached
            && self.life == Life::Open
            && self.entry == Entry::Admitted
            && self.in_scope
            && !self.outbox.is_held()
    }
}

/// All members in the order they came, the focus, and whether the broadcast has begun.
#[derive(Debug)]
pub struct Broadcast {
    /// In ascending order of id, which is the order of coming.
    members: Vec<Member>,
    next_id: u32,
    focus: Option<MemberId>,
    begun: bool,
    scope: Scope,
    reach: Reach,
    /// How many members receive; equals a recount at all times.
    receiving: usize,
}

impl Default for Broadcast {
    fn default() -> Broadcast {
        Broadcast {
            members: Vec::new(),
            next_id: 0,
            focus: None,
            begun: false,
            scope: Scope::All,
            reach: Reach::Everyone,
            receiving: 0,
        }
    }
}

impl Broadcast {
    /// A new member: attached, opening. The first one gets the focus.
    pub fn add(&mut self) -> MemberId {
        let id = MemberId(self.next_id);
        self.next_id += 1;
        self.members.push(Member {
            id,
            part: Part::Attached,
            life: Life::Opening,
            entry: Entry::Admitted,
            in_scope: self.scope.holds(id),
            outbox: Outbox::default(),
        });
        self.focus.get_or_insert(id);
        id
    }

    /// Takes a member away on the user's word; the focus goes to the one after it, else to the one before.
    pub fn remove(&mut self, id: MemberId) {
        let Some(at) = self.position(id) else { return };
        let member = self.members.remove(at);
        self.receiving -= usize::from(member.receives());
        if self.focus == Some(id) {
            self.focus = self.members.get(at).or(self.members.last()).map(|m| m.id);
        }
    }

    /// The members in the order they came.
    pub fn members(&self) -> impl ExactSizeIterator<Item = &Member> {
        self.members.iter()
    }

    /// One member.
    pub fn member(&self, id: MemberId) -> Option<&Member> {
        self.position(id).map(|at| &self.members[at])
    }

    /// The member with the cursor; `None` only where there are no members.
    pub fn focus(&self) -> Option<MemberId> {
        self.focus
    }

    /// Moves the focus, on the user's word.
    pub fn set_focus(&mut self, id: MemberId) {
        if self.position(id).is_some() {
            self.focus = Some(id);
        }
    }

    /// Has a key been broadcast yet?
    pub fn has_begun(&self) -> bool {
        self.begun
    }

    /// How far a broadcast reaches.
    pub fn reach(&self) -> Reach {
        self.reach
    }

    /// Sets how far a broadcast reaches.
    pub fn set_reach(&mut self, reach: Reach) {
        self.reach = reach;
    }

    /// What the broadcast is limited to.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Limits the broadcast.
    pub fn set_scope(&mut self, scope: Scope) {
        self.scope = scope;
        for member in &mut self.members {
            member.in_scope = self.scope.holds(member.id);
        }
        self.receiving = self.members.iter().filter(|m| m.receives()).count();
    }

    /// Takes a member out of the broadcast, or puts it back.
    pub fn set_part(&mut self, id: MemberId, part: Part) {
        self.change(id, |m| m.part = part);
    }

    /// Lets a waiting member in.
    pub fn admit(&mut self, id: MemberId) {
        self.change(id, |m| m.entry = Entry::Admitted);
    }

    /// Puts every member back and lets all waiting ones in; releases nobody that is held.
    pub fn attach_all(&mut self) {
        for member in &mut self.members {
            member.part = Part::Attached;
            member.entry = Entry::Admitted;
        }
        self.receiving = self.members.iter().filter(|m| m.receives()).count();
    }

    /// A new session of this member is on its way; nothing that was kept for the old one is left.
    pub fn opening(&mut self, id: MemberId) {
        self.change(id, |m| {
            m.life = Life::Opening;
            m.entry = Entry::Admitted;
            m.outbox = Outbox::default();
        });
    }

    /// Its session takes input now. It waits if the broadcast has begun.
    pub fn opened(&mut self, id: MemberId) {
        let entry = if self.begun { Entry::Waiting } else { Entry::Admitted };
        self.change(id, |m| {
            m.life = Life::Open;
            m.entry = entry;
        });
    }

    /// Its session is over. Returns how many bytes were kept for it and will never be sent.
    pub fn closed(&mut self, id: MemberId) -> usize {
        let mut unsent = 0;
        self.change(id, |m| {
            unsent = m.outbox.backlog();
            m.life = Life::Closed;
            m.outbox = Outbox::default();
        });
        unsent
    }

    /// Who hears the next key.
    pub fn receivers(&self) -> Receivers {
        let Some(focus) = self.focus.and_then(|id| self.member(id)) else {
            return Receivers::Nobody(Why::NoMembers);
        };
        if !focus.in_scope {
            return Receivers::Nobody(Why::FocusOutOfScope(focus.id));
        }
        if focus.part == Part::Detached || self.reach == Reach::FocusOnly {
            return match focus.life {
                Life::Opening => Receivers::Nobody(Why::FocusOpening(focus.id)),
                Life::Closed => Receivers::Nobody(Why::FocusClosed(focus.id)),
                // Detached, it is typed to by the user's own act; zoomed, it waits as it does among the others.
                Life::Open if focus.part == Part::Attached && focus.entry == Entry::Waiting => {
                    Receivers::Nobody(Why::FocusWaiting(focus.id))
                }
                Life::Open if focus.is_held() => Receivers::Nobody(Why::FocusHeld(focus.id)),
                Life::Open => Receivers::Alone(focus.id),
            };
        }
        match self.receiving {
            0 => Receivers::Nobody(Why::NoneReceiving),
            count => Receivers::All(count),
        }
    }

    /// Does this member hear the next key?
    pub fn hears(&self, id: MemberId) -> bool {
        match self.receivers() {
            Receivers::All(_) => self.member(id).is_some_and(Member::receives),
            Receivers::Alone(alone) => alone == id,
            Receivers::Nobody(_) => false,
        }
    }

    /// May a mouse event go to this member? It concerns no other, so it need not take part; but it hears nothing while it
    /// waits or is held.
    pub fn takes_pointer(&self, id: MemberId) -> bool {
        self.member(id).is_some_and(|m| {
            let let_in = m.entry == Entry::Admitted || m.part == Part::Detached;
            m.life == Life::Open && m.in_scope && !m.is_held() && let_in
        })
    }

    /// Everyone who hears the next key, in the order they came.
    pub fn hearing(&self) -> Vec<MemberId> {
        match self.receivers() {
            Receivers::All(_) => self.members.iter().filter(|m| m.receives()).map(|m| m.id).collect(),
            Receivers::Alone(id) => vec![id],
            Receivers::Nobody(_) => Vec::new(),
        }
    }

    /// A key is about to be sent to `receivers()`: from the first broadcast one on, newcomers wait.
    pub fn begin(&mut self) {
        self.begun |= matches!(self.receivers(), Receivers::All(_));
    }

    /// Puts input into a member's outbox. What does not fit is not taken, not even in part, and the member is held.
    pub fn push(&mut self, id: MemberId, input: &[u8]) -> Push {
        let mut push = Push::Refused;
        self.change(id, |m| {
            if m.life == Life::Open {
                push = m.outbox.push(input);
            }
        });
        push
    }

    /// Puts an automatic reply of a member's terminal into its outbox; see [`Outbox::push_reply`].
    pub fn push_reply(&mut self, id: MemberId, reply: &[u8]) -> Push {
        let mut push = Push::Refused;
        self.change(id, |m| {
            if m.life == Life::Open {
                push = m.outbox.push_reply(reply);
            }
        });
        push
    }

    /// The chunk to hand to a member's session now, if it may have one.
    pub fn take_chunk(&mut self, id: MemberId) -> Option<Bytes> {
        let at = self.position(id)?;
        self.members[at].outbox.take_chunk()
    }

    /// The chunk handed over last has gone to the transport.
    pub fn written(&mut self, id: MemberId) {
        if let Some(at) = self.position(id) {
            self.members[at].outbox.written();
        }
    }

    /// Releases a held member and sends what was kept.
    pub fn release(&mut self, id: MemberId) {
        self.change(id, |m| m.outbox.release());
    }

    /// Releases a held member and throws away what was kept; returns how many bytes that were.
    pub fn discard(&mut self, id: MemberId) -> usize {
        let mut discarded = 0;
        self.change(id, |m| discarded = m.outbox.discard());
        discarded
    }

    fn position(&self, id: MemberId) -> Option<usize> {
        self.members.binary_search_by_key(&id, |m| m.id).ok()
    }

    /// Every change to one member goes through here, so that the count stays right.
    fn change(&mut self, id: MemberId, change: impl FnOnce(&mut Member)) {
        let Some(at) = self.position(id) else { return };
        let member = &mut self.members[at];
        let before = member.receives();
        change(member);
        self.receiving = self.receiving + usize::from(member.receives()) - usize::from(before);
    }
}

impl Scope {
    fn holds(&self, id: MemberId) -> bool {
        match self {
            Scope::All => true,
            Scope::Only(ids) => ids.contains(&id),
        }
    }
}

#[cfg(test)]
mod tests;
