//! The tiles: one for each host, with its terminal, in the order they came.

use std::collections::HashMap;

use ratatui::layout::Rect;

use crate::broadcast::{Entry, Life, Member, MemberId, Part};
use crate::escape;
use crate::hosts::{Facts, Host};
use crate::pane::{Pane, Screen};
use crate::session::{SessionId, SessionState};
use crate::tui::event::{Opened, TargetIndex};
use crate::tui::guard::Guarding;
use crate::tui::layout;

use super::recovery::Recovery;
use super::running::Work;
use super::typed::Typing;

/// Longest name of a host in a sentence, in characters.
const NAME_CHARS: usize = 60;

/// One host on the screen.
pub struct Tile {
    /// Its part in the broadcast.
    pub member: MemberId,
    /// The host as the user named it.
    pub host: Host,
    /// What else is known of it.
    pub facts: Facts,
    /// The same as text, safe for a terminal.
    pub name: String,
    /// Where its target stands in the event loop's list.
    pub target: TargetIndex,
    /// Its present session, or its last one.
    pub session: SessionId,
    /// Where that session is in its life.
    pub state: SessionState,
    /// Its terminal, kept over reconnects.
    pub pane: Pane,
    /// The line at the top of the tile while the user looks back, counted from the host's first line ever, so that it
    /// stays the same line while the history moves on. `None` follows the cursor.
    pub top: Option<u64>,
    /// The first row and column that the tile shows while the user has moved it off the cursor. `None` follows the cursor.
    pub pan: Option<(u16, u16)>,
    /// Its program asked for motion of the mouse without a button, when the host was last heard.
    pub(super) wants_motion: bool,
    /// Whether it is stalled, and when it comes back by itself.
    pub recovery: Recovery,
    /// What was typed for it since the last Enter, and what it waits for.
    pub typing: Typing,
    /// The guards of its tags.
    pub guards: Guarding,
    /// What is done in it.
    pub work: Work,
}

impl Tile {
    /// A tile for a host whose session is about to be opened.
    pub fn new(opened: Opened, ids: (MemberId, SessionId, TargetIndex), pane: Pane) -> Tile {
        let Opened { host, facts } = opened;
        let name = escape::text(&host.to_string(), NAME_CHARS);
        let (member, session, target) = ids;
        let recovery = Recovery::default();
        Tile {
            member,
            host,
            facts,
            name,
            target,
            session,
            state: SessionState::Queued,
            pane,
            top: None,
            pan: None,
            wants_motion: false,
            recovery,
            typing: Typing::default(),
            guards: Guarding::default(),
            work: Work::default(),
        }
    }

    /// The first row and column of the screen that a tile with this inside shows: where the user moved it, else around the
    /// cursor. Drawing and the mouse both go by it.
    pub fn view(&self, inside: Rect) -> (u16, u16) {
        let size = self.pane.size();
        match self.pan {
            Some((row, col)) => (
                row.min(size.rows.saturating_sub(inside.height)),
                col.min(size.cols.saturating_sub(inside.width)),
            ),
            None => self.around_cursor(inside),
        }
    }

    /// The same around the cursor, wherever the user moved the tile.
    pub fn around_cursor(&self, inside: Rect) -> (u16, u16) {
        let screen = self.pane.screen();
        let cursor = screen.cursor();
        layout::view(screen.size(), (cursor.row, cursor.col), inside)
    }

    /// The number of the line at the top of a tile this high, while the user looks back.
    pub fn top_line(&self, height: u16) -> Option<usize> {
        let screen = self.pane.screen();
        let index = usize::try_from(self.top?.saturating_sub(screen.history_dropped())).unwrap_or(usize::MAX);
        let last = self.bottom_line(screen, height);
        (index < last).then_some(index)
    }

    /// Looks so many lines further back (negative) or on; at the newest line the tile follows the cursor again.
    pub fn look(&mut self, lines: i64, height: u16) {
        let screen = self.pane.screen();
        let last = self.bottom_line(screen, height);
        let from = self.top_line(height).unwrap_or(last);
        let to = usize::try_from((from as i64).saturating_add(lines).max(0)).unwrap_or(0);
        self.top = (to < last).then(|| screen.history_dropped() + to as u64);
    }

    /// The line at the top of a tile that follows the cursor.
    fn bottom_line(&self, screen: Screen<'_>, height: u16) -> usize {
        let cursor = screen.cursor();
        let area = Rect::new(0, 0, screen.size().cols, height.max(1));
        let (row, _) = layout::view(screen.size(), (cursor.row, cursor.col), area);
        screen.history_len() + usize::from(row)
    }
}

/// What the frame and the glyph of a tile say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// It hears the next key.
    Hears,
    /// It takes part, but keys go elsewhere now.
    Silent,
    /// The broadcast is limited to others.
    OutOfScope,
    /// The user took it out.
    Detached,
    /// It came after the broadcast began and was not let in yet.
    Waiting,
    /// Input is kept back from it.
    Held,
    /// It is not ready yet.
    Opening,
    /// It is over.
    Closed,
}

impl Mark {
    /// The mark of a member.
    pub fn of(member: &Member, hears: bool) -> Mark {
        match (member.life(), member.entry(), member.part()) {
            (Life::Closed, ..) => Mark::Closed,
            (Life::Opening, ..) => Mark::Opening,
            _ if member.is_held() => Mark::Held,
            _ if hears => Mark::Hears,
            _ if !member.in_scope() => Mark::OutOfScope,
            (_, Entry::Waiting, _) => Mark::Waiting,
            (_, _, Part::Detached) => Mark::Detached,
            _ => Mark::Silent,
        }
    }

    /// Its glyph, one cell wide.
    pub fn glyph(self) -> char {
        match self {
            Mark::Hears => '●',
            Mark::Silent => '·',
            Mark::OutOfScope => '⊘',
            Mark::Detached => '○',
            Mark::Waiting => '…',
            Mark::Held => '■',
            Mark::Opening => '◌',
            Mark::Closed => '×',
        }
    }

    /// The state in a word, for the title.
    pub fn word(self) -> &'static str {
        match self {
            Mark::Hears | Mark::Silent => "",
            Mark::OutOfScope => "out of scope",
            Mark::Detached => "detached",
            Mark::Waiting => "waiting",
            Mark::Held => "held",
            Mark::Opening => "connecting",
            Mark::Closed => "closed",
        }
    }
}

/// All tiles, found by member and by session.
#[derive(Default)]
pub(super) struct Tiles {
    /// In ascending order of member.
    tiles: Vec<Tile>,
    ids: Vec<MemberId>,
    by_session: HashMap<SessionId, MemberId>,
}

impl Tiles {
    pub(super) fn ids(&self) -> &[MemberId] {
        &self.ids
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = &Tile> {
        self.tiles.iter()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Tile> {
        self.tiles.iter_mut()
    }

    pub(super) fn position(&self, id: MemberId) -> Option<usize> {
        self.ids.binary_search(&id).ok()
    }

    pub(super) fn get(&self, id: MemberId) -> Option<&Tile> {
        self.position(id).map(|at| &self.tiles[at])
    }

    pub(super) fn get_mut(&mut self, id: MemberId) -> Option<&mut Tile> {
        self.position(id).map(|at| &mut self.tiles[at])
    }

    pub(super) fn member_of(&self, session: SessionId) -> Option<MemberId> {
        self.by_session.get(&session).copied()
    }

    /// Adds a tile; its member is newer than all others.
    pub(super) fn push(&mut self, tile: Tile) {
        self.by_session.insert(tile.session, tile.member);
        self.ids.push(tile.member);
        self.tiles.push(tile);
    }

    pub(super) fn remove(&mut self, id: MemberId) -> Option<Tile> {
        let at = self.position(id)?;
        self.ids.remove(at);
        let tile = self.tiles.remove(at);
        self.by_session.remove(&tile.session);
        Some(tile)
    }

    /// From now on this tile shows another session; what the old one still says finds nobody.
    pub(super) fn renew(&mut self, id: MemberId, session: SessionId) {
        let Some(at) = self.position(id) else { return };
        let tile = &mut self.tiles[at];
        self.by_session.remove(&tile.session);
        self.by_session.insert(session, id);
        tile.session = session;
        tile.state = SessionState::Queued;
        tile.top = None;
        tile.pan = None;
        tile.wants_motion = false;
    }
}
