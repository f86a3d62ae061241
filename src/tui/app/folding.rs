//! The fold view: which tile stands for which hosts, and when that is looked at again.
//!
//! The model is `tui::fold`; here is what feeds it. A pane that printed something is noted, and what it shows is read a
//! moment later, for all that were noted, so that a line from each of a thousand hosts is read once; not more than
//! [`AT_ONCE`] panes in one step, between which keys and frames have their turn. So it is too when the view is switched
//! on: the tiles stay as they are until every pane was read. Who may share a tile is looked at after every event: of one
//! host where a session reported, of all where the user did something; what those show was read before.
//!
//! The view changes nobody's part in the broadcast, and no remote terminal's size.

use std::collections::{HashMap, HashSet};
use std::hash::RandomState;
use std::time::Duration;

use crate::broadcast::{Entry, Life, MemberId, Part};
use crate::hosts::Host;
use crate::pane::FaceReader;
use crate::session::{SessionState, Wait};
use crate::tui::event::Event;
use crate::tui::fold::{Calm, Class, Folding, GroupId, Standing};
use crate::tui::guard::Guarding;

use super::App;
use super::sessions::ending_in_short;

/// What a host printed is read so long after the first note of it.
const GATHERS: Duration = Duration::from_millis(50);

/// Panes read in one step: some 2 ms.
const AT_ONCE: usize = 64;

/// Is the fold view shown?
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FoldView {
    /// Every host has its tile.
    #[default]
    Off,
    /// Hosts that show the same are one tile.
    On,
}

/// Whether every pane was read since the view was switched on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CaughtUp {
    /// It was.
    Yes,
    /// Some are still to be read; nothing is folded yet.
    NotYet,
}

/// Whether hosts that show the same stand apart all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Apart {
    /// None does.
    Nobody,
    /// All do: a host fills the screen and hears alone, so that it stands for no other.
    All,
}

/// Preferences of the fold view.
#[derive(Clone, Debug)]
pub struct FoldOptions {
    /// Whether it is shown from the beginning.
    pub view: FoldView,
    /// How long a difference lasts before a tile splits.
    pub lasts: Duration,
    /// The key of the numbers that stand for screens, which no host may know.
    pub key: RandomState,
}

impl Default for FoldOptions {
    fn default() -> FoldOptions {
        FoldOptions { view: FoldView::Off, lasts: Calm::default().lasts, key: RandomState::new() }
    }
}

/// Whose class is looked at after an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    Nobody,
    One(MemberId),
    All,
}

/// The view and what it is made from.
pub(super) struct Folds {
    pub(super) view: FoldView,
    calm: Calm,
    pub(super) folding: Folding,
    pub(super) reader: FaceReader,
    /// Panes that printed something since they were read; each once, so never more than there are.
    noted: Vec<MemberId>,
    is_noted: HashSet<MemberId>,
    due: Option<Duration>,
    /// Whether every pane was read since the view was switched on.
    pub(super) caught_up: CaughtUp,
    /// Whether each host has a tile of its own whatever the view says.
    pub(super) apart: Apart,
    /// The detached host that had the focus last.
    pub(super) visited: Option<MemberId>,
    /// The revision of the groups that the layout shows.
    pub(super) laid: u64,
    /// What a tile is called, for groups on the screen, and for which members.
    pub(super) labels: HashMap<GroupId, (usize, u64, String)>,
    /// The hosts of one fold, while they are shown instead of the folds.
    pub(super) opened: Option<Vec<MemberId>>,
    /// The names of all hosts opened so far, in lower case: no host may take another's for its own.
    pub(super) taken: HashSet<String>,
    /// Hosts whose own name was not seen yet, and in how many more pieces of output it is looked for.
    pub(super) unnamed: HashMap<MemberId, u16>,
}

impl Folds {
    pub(super) fn new(options: &FoldOptions) -> Folds {
        let calm = Calm::lasting(options.lasts);
        Folds {
            view: options.view,
            calm,
            folding: Folding::new(calm),
            reader: FaceReader::new(options.key.clone()),
            noted: Vec::new(),
            is_noted: HashSet::new(),
            due: None,
            caught_up: CaughtUp::Yes,
            apart: Apart::Nobody,
            visited: None,
            laid: 0,
            labels: HashMap::new(),
            opened: None,
            taken: HashSet::new(),
            unnamed: HashMap::new(),
        }
    }

    /// When something here is due.
    pub(super) fn wake_at(&self) -> Option<Duration> {
        self.due.into_iter().chain(self.folding.wake_at()).min()
    }

    /// A tile is gone.
    pub(super) fn forget(&mut self, member: MemberId) {
        self.folding.remove(member);
        self.unnamed.remove(&member);
        self.is_noted.remove(&member);
    }

    /// Notes that a pane is to be read, at the latest then.
    pub(super) fn note(&mut self, member: MemberId, at: Duration) {
        if self.is_noted.insert(member) {
            self.noted.push(member);
        }
        self.due = Some(self.due.map_or(at, |due| due.min(at)));
    }

    /// Are tiles folded now?
    pub(super) fn folds(&self) -> bool {
        self.view == FoldView::On && self.caught_up == CaughtUp::Yes && self.apart == Apart::Nobody
    }

    pub(super) fn clear(&mut self) {
        self.folding = Folding::new(self.calm);
        self.noted.clear();
        self.is_noted.clear();
        self.labels.clear();
        self.due = None;
        self.opened = None;
    }
}

/// Keeping the groups up to date.
impl App {
    /// Whose class an event may change.
    pub(super) fn whose_class(&self, event: &Event) -> Look {
        match event {
            _ if self.folds.view == FoldView::Off => Look::Nobody,
            Event::Session(session, _) => self.tiles.member_of(*session).map_or(Look::Nobody, Look::One),
            _ => Look::All,
        }
    }

    /// A pane printed something: it is read in a moment.
    pub(super) fn shows_another(&mut self, member: MemberId) {
        self.learn_name(member);
        if self.folds.view == FoldView::On {
            self.folds.note(member, self.now + GATHERS);
        }
    }

    /// Brings the groups up to date, and the layout where they changed.
    pub(super) fn refold(&mut self, look: Look) {
        if self.folds.view == FoldView::Off {
            return;
        }
        match look {
            Look::Nobody => {}
            Look::One(member) => self.look_at_class(member),
            Look::All => {
                for member in self.tiles.ids().to_vec() {
                    self.look_at_class(member);
                }
            }
        }
        if self.folds.due.is_some_and(|due| due <= self.now) {
            self.read_noted();
        }
        if self.folds.folding.count() == self.tiles.ids().len() {
            self.catch_up();
        }
        self.folds.folding.settle(self.now);
        if self.folds.laid != self.folds.folding.revision() {
            self.relayout();
        }
    }

    /// Every pane was read: what shows the same is one tile from now on.
    fn catch_up(&mut self) {
        if std::mem::replace(&mut self.folds.caught_up, CaughtUp::Yes) == CaughtUp::NotYet {
            self.folds.folding.settle(self.now);
            self.relayout();
        }
    }

    /// Who hears has changed for these hosts by an event of another one.
    pub(super) fn reclass(&mut self, members: &[MemberId]) {
        if self.folds.view == FoldView::On {
            members.iter().for_each(|member| self.look_at_class(*member));
        }
    }

    fn look_at_class(&mut self, member: MemberId) {
        let Some(class) = self.class(member) else { return };
        let folding = &mut self.folds.folding;
        let face = folding.shown(member);
        match folding.class(member) {
            Some(before) if *before == class => {}
            None if self.folds.caught_up == CaughtUp::NotYet => {}
            // Who hears has changed, not what is seen: what that is was read, or is to be read soon.
            Some(_) if face.is_some() => folding.observe(member, &class, face.unwrap_or_default(), self.now),
            _ => self.read(member, &class),
        }
    }

    /// Reads the panes that printed something, as many as one step may.
    fn read_noted(&mut self) {
        let rest = self.folds.noted.len().saturating_sub(AT_ONCE);
        for member in self.folds.noted.split_off(rest) {
            let class = self.folds.folding.class(member).cloned().or_else(|| self.class(member));
            if let (true, Some(class)) = (self.folds.is_noted.remove(&member), class) {
                self.read(member, &class);
            }
        }
        self.folds.due = (rest > 0).then_some(self.now);
    }

    fn read(&mut self, member: MemberId, class: &Class) {
        let Some(tile) = self.tiles.get_mut(member) else { return };
        let face = if class.is_live() { tile.pane.face(&mut self.folds.reader) } else { 0 };
        self.folds.folding.observe(member, class, face, self.now);
    }

    /// What a host may share a tile with.
    fn class(&self, id: MemberId) -> Option<Class> {
        let (member, tile) = (self.broadcast.member(id)?, self.tiles.get(id)?);
        if let Some(words) = tile.course_of_command() {
            return Some(Class::Ran(words));
        }
        if let SessionState::Closed(outcome) = &tile.state {
            return Some(Class::Closed(ending_in_short(outcome)));
        }
        if member.life() != Life::Open {
            return Some(Class::Opening(match &tile.state {
                SessionState::Asking => "asks",
                SessionState::Waiting(Wait::Throttled(_)) => "waits to be let in",
                SessionState::Queued | SessionState::Waiting(Wait::Turn) => "waits for its turn",
                _ => "connecting",
            }));
        }
        let standing = if member.is_held() {
            Standing::Held
        } else if member.entry() == Entry::Waiting {
            Standing::Waiting
        } else if !member.in_scope() {
            Standing::OutOfScope
        } else if tile.recovery.silent_since().is_some() {
            Standing::Stalled
        } else {
            Standing::Takes
        };
        let focused = self.broadcast.focus() == Some(id);
        Some(match member.part() {
            Part::Attached => Class::Attached(standing, tile.guards),
            Part::Detached if focused => Class::Alone(id),
            Part::Detached => Class::Detached(standing, tile.guards),
        })
    }

    /// All hosts in groups by what they show at this moment, whether or not the view is on. Who receives does not matter
    /// here. Panes keep the numbers of their rows, so that only rows are read which changed since the last time.
    pub(super) fn grouped(&mut self) -> Folding {
        let mut folding = Folding::new(self.folds.calm);
        for member in self.tiles.ids().to_vec() {
            let (class, face) = match self.class(member) {
                Some(class) if class.is_live() => {
                    let Some(tile) = self.tiles.get_mut(member) else { continue };
                    let face = tile.pane.face(&mut self.folds.reader);
                    (Class::Attached(Standing::Takes, Guarding::default()), face)
                }
                Some(class) => (class, 0),
                None => continue,
            };
            folding.observe(member, &class, face, self.now);
        }
        folding.settle(self.now);
        folding
    }

    /// The open hosts that show something else than most do, at this moment; nobody where no two show the same.
    pub(super) fn odd_ones(&mut self) -> HashSet<Host> {
        let folding = self.grouped();
        let crowd = crowd_of_live(&folding).filter(|crowd| folding.members(*crowd).len() > 1);
        let odd = folding.order().into_iter().filter(|id| Some(*id) != crowd && is_live(&folding, *id));
        let members = odd.flat_map(|id| folding.members(id)).filter(|_| crowd.is_some());
        members.filter_map(|id| self.tiles.get(id)).map(|tile| tile.host.clone()).collect()
    }
}

/// Are the members of a group open?
pub(super) fn is_live(folding: &Folding, id: GroupId) -> bool {
    folding.members(id).next().and_then(|member| folding.class(member)).is_some_and(Class::is_live)
}

/// The largest group of open hosts.
pub(super) fn crowd_of_live(folding: &Folding) -> Option<GroupId> {
    let live = folding.order().into_iter().filter(|id| is_live(folding, *id));
    live.reduce(|most, id| if folding.members(id).len() > folding.members(most).len() { id } else { most })
}
