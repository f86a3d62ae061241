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
use crate::escape;
use crate::hosts::{Host, HostSet};
use crate::pane::{FaceReader, Names, names};
use crate::session::{SessionState, Wait};
use crate::tui::event::Event;
use crate::tui::fold::{Calm, Class, Folding, GroupId, Standing};
use crate::tui::guard::Guarding;
use crate::tui::layout::Zoom;

use super::sessions::ending_in_short;
use super::{App, ZoomHears};

/// What a host printed is read so long after the first note of it.
const GATHERS: Duration = Duration::from_millis(50);

/// Panes read in one step: some 2 ms.
const AT_ONCE: usize = 64;

/// Pieces of output in which a host's prompt is looked for after its session began.
const PIECES: u16 = 64;

/// Longest label, in characters; a title shows what fits of it.
const LABEL_CHARS: usize = 200;

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
enum Apart {
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
    reader: FaceReader,
    /// Panes that printed something since they were read; each once, so never more than there are.
    noted: Vec<MemberId>,
    is_noted: HashSet<MemberId>,
    due: Option<Duration>,
    /// Whether every pane was read since the view was switched on.
    pub(super) caught_up: CaughtUp,
    /// Whether each host has a tile of its own whatever the view says.
    apart: Apart,
    /// The detached host that had the focus last.
    visited: Option<MemberId>,
    /// The revision of the groups that the layout shows.
    laid: u64,
    /// What a tile is called, for groups on the screen, and for which members.
    labels: HashMap<GroupId, (usize, u64, String)>,
    /// The hosts of one fold, while they are shown instead of the folds.
    pub(super) opened: Option<Vec<MemberId>>,
    /// The names of all hosts opened so far, in lower case: no host may take another's for its own.
    taken: HashSet<String>,
    /// Hosts whose own name was not seen yet, and in how many more pieces of output it is looked for.
    unnamed: HashMap<MemberId, u16>,
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
}

/// The names that are put aside.
impl App {
    /// New tiles, from this one on, get the names of their hosts.
    pub(super) fn name_panes(&mut self, first: usize) {
        let new: Vec<MemberId> = self.tiles.ids()[first..].to_vec();
        for member in &new {
            let Some(tile) = self.tiles.get(*member) else { continue };
            let name = tile.host.name().to_ascii_lowercase();
            self.folds.taken.insert(names::short(&name).to_owned());
            self.folds.taken.insert(name);
        }
        new.into_iter().for_each(|member| self.name_pane(member));
        // Who showed a name that is now another host's has no right to it any more.
        let usurps = |member: &MemberId| {
            let shown = self.tiles.get(*member).and_then(|tile| tile.pane.names().shown());
            shown.is_some_and(|shown| self.is_taken(shown))
        };
        let usurpers: Vec<MemberId> =
            self.tiles.ids()[..first].iter().copied().filter(|member| usurps(member)).collect();
        for member in usurpers {
            self.name_pane(member);
            self.folds.unnamed.remove(&member);
        }
    }

    /// Gives a pane the names that the user's words give its host; the one that the host shows is still to be seen.
    pub(super) fn name_pane(&mut self, member: MemberId) {
        let Some(tile) = self.tiles.get_mut(member) else { return };
        let address = tile.facts.address.as_deref();
        tile.pane.set_names(Names::given([tile.host.name()].into_iter().chain(address)));
        self.folds.unnamed.insert(member, PIECES);
    }

    /// Looks for the host's own name in its first prompt, or in its title. Only the first is taken: a prompt that names
    /// another host later is that of a shell on that other host.
    fn learn_name(&mut self, member: MemberId) {
        let Some(left) = self.folds.unnamed.get_mut(&member) else { return };
        *left -= 1;
        let ends = *left == 0;
        let Some(tile) = self.tiles.get(member) else { return };
        let screen = tile.pane.screen();
        let row = screen.row_text(screen.cursor().row);
        let prompt = names::ends_as_prompt(&row).then_some(row.as_str());
        let shown = [prompt, Some(screen.title())].into_iter().flatten().find_map(names::shown_in);
        let shown = shown.map(str::to_owned);
        if shown.is_none() && !ends {
            return;
        }
        self.folds.unnamed.remove(&member);
        let Some(shown) = shown.filter(|shown| !self.is_taken(shown)) else { return };
        if let Some(tile) = self.tiles.get_mut(member) {
            let mut names = tile.pane.names().clone();
            if names.learn(&shown) {
                tile.pane.set_names(names);
            }
        }
    }

    /// Is this the name of a host that is open?
    fn is_taken(&self, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        self.folds.taken.contains(names::short(&name)) || self.folds.taken.contains(&name)
    }
}

/// What the view shows.
impl App {
    /// The tiles in their order, where the view leaves some out.
    pub(super) fn fold_order(&mut self) -> Option<Vec<MemberId>> {
        self.folds.laid = self.folds.folding.revision();
        self.folds.apart = match (self.zoom, self.options.zoom_hears) {
            (Zoom::Focus, ZoomHears::Alone) => Apart::All,
            _ => Apart::Nobody,
        };
        if !self.folds.folds() {
            return None;
        }
        let focus = self.broadcast.focus();
        let is_detached =
            |id: &MemberId| self.broadcast.member(*id).is_some_and(|m| m.part() == Part::Detached);
        if let Some(alone) = focus.filter(is_detached) {
            self.folds.visited = Some(alone);
        }
        let tiles = &self.tiles;
        if let Some(opened) = &mut self.folds.opened {
            opened.retain(|member| tiles.get(*member).is_some());
            if focus.is_some_and(|focus| opened.contains(&focus)) {
                return Some(opened.clone());
            }
            self.folds.opened = None;
        }
        let order = self.folds.folding.order();
        self.label(&order);
        Some(order.into_iter().filter_map(|id| self.face_of(id)).collect())
    }

    /// The host whose screen stands for a group. A detached host leaves its group when the focus comes to it, and comes
    /// back when the focus goes, so there it is always the turn of the one behind the last: else the focus would go to
    /// and fro between two of them.
    fn face_of(&self, id: GroupId) -> Option<MemberId> {
        let (folding, focus) = (&self.folds.folding, self.broadcast.focus());
        let first = folding.face_of(id, focus)?;
        match folding.class(first) {
            Some(Class::Detached(..)) if Some(first) != focus => {
                self.folds.visited.and_then(|last| folding.member_after(id, last)).or(Some(first))
            }
            _ => Some(first),
        }
    }

    /// Names the groups, those anew whose members are others than before.
    fn label(&mut self, order: &[GroupId]) {
        let mut labels = HashMap::with_capacity(order.len());
        for id in order {
            let members: Vec<MemberId> = self.folds.folding.members(*id).collect();
            if members.len() < 2 {
                continue;
            }
            let sum =
                members.iter().fold(0u64, |sum, m| sum.rotate_left(9).wrapping_mul(31) ^ u64::from(m.0));
            let old = self.folds.labels.remove(id).filter(|(n, s, _)| (*n, *s) == (members.len(), sum));
            let label = old.unwrap_or_else(|| (members.len(), sum, self.folded_name(&members)));
            labels.insert(*id, label);
        }
        self.folds.labels = labels;
    }

    /// Hosts as one folded set.
    pub(super) fn folded_name(&self, members: &[MemberId]) -> String {
        let hosts = members.iter().filter_map(|id| self.tiles.get(*id)).map(|tile| tile.host.clone());
        escape::text(&hosts.collect::<HostSet>().to_string(), LABEL_CHARS)
    }

    /// Every host that a tile on the screen stands for.
    pub(super) fn shown_members(&self) -> Vec<MemberId> {
        self.layout.tiles.iter().flat_map(|(id, _)| self.members_of_tile(*id)).collect()
    }

    /// The hosts that a tile stands for, itself among them.
    pub fn members_of_tile(&self, id: MemberId) -> Vec<MemberId> {
        match self.fold_of(id) {
            Some(group) => self.folds.folding.members(group).collect(),
            None => vec![id],
        }
    }

    /// The group that a tile stands for, where it stands for more than itself.
    fn fold_of(&self, id: MemberId) -> Option<GroupId> {
        let folded = self.folds.folds() && self.folds.opened.is_none();
        let group = self.folds.folding.group_of(id).filter(|_| folded)?;
        self.folds.labels.contains_key(&group).then_some(group)
    }

    /// Is the fold view shown?
    pub fn fold_view(&self) -> FoldView {
        self.folds.view
    }

    /// Are the hosts of one fold shown instead of the folds?
    pub fn shows_members(&self) -> bool {
        self.folds.opened.is_some()
    }

    /// How many hosts a tile stands for; 1 where it is not folded.
    pub fn stands_for(&self, id: MemberId) -> usize {
        self.fold_of(id).map_or(1, |group| self.folds.folding.size(group))
    }

    /// The tile that stands for a host now; its own where it is not folded.
    pub(super) fn tile_of(&self, id: MemberId) -> MemberId {
        self.fold_of(id).and_then(|group| self.face_of(group)).unwrap_or(id)
    }

    /// The hosts that a folded tile stands for, as a set such as `web[001-997]`; `None` for a tile of one host.
    pub fn fold_label(&self, id: MemberId) -> Option<&str> {
        self.folds.labels.get(&self.fold_of(id)?).map(|(_, _, label)| label.as_str())
    }

    /// In how many tiles those are who hear a broadcast; `None` where the view is off.
    pub fn folds_that_hear(&self) -> Option<usize> {
        let hears = |id: &GroupId| {
            let first = self.folds.folding.face_of(*id, None);
            first.is_some_and(|first| self.broadcast.hears(first))
        };
        let shown = self.folds.folds() && self.folds.opened.is_none();
        shown.then(|| self.folds.folding.groups().filter(hears).count())
    }

    /// Rows read for the fold view since the beginning.
    pub fn rows_read(&self) -> u64 {
        self.folds.reader.rows()
    }

    /// Members looked through for the fold view since it was switched on.
    pub fn members_judged(&self) -> u64 {
        self.folds.folding.judged()
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
