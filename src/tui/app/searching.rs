//! Searching: in the tile of a look back, and across every host.
//!
//! Work is done in slices, one at a time with a pause between their beginnings, so that keys, frames and output have
//! their turn. How much a slice reads follows what the last ones took: a pattern that is slow to match makes smaller slices,
//! not a slower keyboard.

use std::collections::HashMap;
use std::time::Duration;

use crate::broadcast::MemberId;
use crate::tui::action::Action;
use crate::tui::picker::{Choice, Picker};
use crate::tui::search::{At, Hit, Query, Seek, Sought, Sweep, Way};

use super::{App, Keyboard, Picking, Prompt, Purpose, Scrolling, Tone};

/// From the beginning of one slice to that of the next.
const SLICE_EVERY: Duration = Duration::from_millis(6);

/// A slice that begins so much later than it was due came after one that was too large, or the machine has other work; shorter
/// delays are of no account to who types.
const LATE: Duration = Duration::from_millis(20);

/// Bytes of text that a slice reads at most; some 6 ms.
pub const SLICE_BYTES: usize = 3 << 20;

/// Bytes of text that a slice reads however slow it is.
const LEAST_BYTES: usize = 32 << 10;

/// The list of hosts with hits is made anew at most this often while a search runs.
const LISTS_EVERY: Duration = Duration::from_millis(100);

/// Where hits are looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Realm {
    /// In the tile of the look back.
    #[default]
    Tile,
    /// In every host's output.
    All,
}

/// What is remembered of searching.
#[derive(Debug)]
pub(super) struct Searching {
    query: Option<Query>,
    realm: Realm,
    /// Where the next hit is looked for.
    way: Way,
    /// The search over every host, under way or done.
    sweep: Option<Sweep>,
    /// The way to the next hit, where it takes more than a slice.
    seek: Option<(MemberId, Seek)>,
    hit: Option<(MemberId, Hit)>,
    /// Where the other tiles are that go from hit to hit together with the focused one.
    beside: HashMap<MemberId, At>,
    due: Option<Duration>,
    listed: Duration,
    bytes: usize,
    /// What the last slice read.
    read: usize,
}

impl Default for Searching {
    fn default() -> Searching {
        Searching {
            query: None,
            realm: Realm::Tile,
            way: Way::Older,
            sweep: None,
            seek: None,
            hit: None,
            beside: HashMap::new(),
            due: None,
            listed: Duration::ZERO,
            bytes: SLICE_BYTES / 4,
            read: 0,
        }
    }
}

/// What drawing reads.
impl App {
    /// What is looked for, while hits are to be seen: the user looks back, or has the list of hits open.
    pub fn sought(&self) -> Option<&Query> {
        let lists = matches!(self.keyboard, Keyboard::Picker(Picking::Hits, _));
        self.searching.query.as_ref().filter(|_| lists || self.look().is_some())
    }

    /// The hit that was gone to last, if it is this member's.
    pub fn hit_of(&self, member: MemberId) -> Option<&Hit> {
        self.searching.hit.as_ref().filter(|(id, _)| *id == member).map(|(_, hit)| hit)
    }

    /// The search over every host, under way or done.
    pub fn sweep(&self) -> Option<&Sweep> {
        self.searching.sweep.as_ref()
    }

    /// How many bytes of text the last slice of a search read.
    pub fn slice_read(&self) -> usize {
        self.searching.read
    }
}

impl App {
    pub(super) fn search_action(&mut self, action: Action) {
        match action {
            Action::SearchAll => self.ask_query(Purpose::SearchAll),
            Action::SearchHits if self.searching.sweep.is_some() => self.list_hits(),
            Action::SearchHits => {
                let text =
                    format!("{} searches every host first", self.options.keymap.hint(Action::SearchAll));
                self.notes.refuse(text, self.now);
            }
            Action::SearchNewer => self.ask_query(Purpose::Search(Way::Newer)),
            Action::HitNext => self.next_hit(self.searching.way),
            Action::HitPrevious => self.next_hit(self.searching.way.back()),
            // From the newest line there is only one way.
            _ => self.ask_query(Purpose::Search(Way::Older)),
        }
    }

    /// Asks what to look for; the look back goes on meanwhile.
    fn ask_query(&mut self, purpose: Purpose) {
        if self.broadcast.focus().is_some() {
            self.keyboard = Keyboard::Prompt(Prompt::new(purpose));
        }
    }

    /// Takes what was typed; an empty line is the query before.
    fn take_query(&mut self, text: &str) -> Result<(), String> {
        if !text.is_empty() {
            self.searching.query = Some(Query::parse(text)?);
            self.searching.beside.clear();
        }
        match self.searching.query {
            Some(_) => Ok(()),
            None => Err("write what to look for".to_owned()),
        }
    }

    /// Searches the focused tile.
    pub(super) fn search_tile(&mut self, way: Way, text: &str) -> Result<(), String> {
        self.take_query(text)?;
        (self.searching.realm, self.searching.way) = (Realm::Tile, way);
        self.enter_scrollback();
        self.keyboard = Keyboard::Scrollback;
        self.next_hit(way);
        Ok(())
    }

    /// Searches every host and lists those with hits.
    pub(super) fn search_all(&mut self, text: &str) -> Result<(), String> {
        self.take_query(text)?;
        (self.searching.realm, self.searching.way) = (Realm::All, Way::Older);
        self.searching.sweep = Some(Sweep::new(self.tiles.ids().to_vec()));
        self.searching.due = Some(self.now);
        self.list_hits();
        self.search_on();
        Ok(())
    }

    /// The list of hosts with hits; it grows while the search runs.
    fn list_hits(&mut self) {
        self.searching.realm = Realm::All;
        self.searching.listed = self.now;
        self.pick(Picking::Hits, self.hit_choices());
    }

    fn hit_choices(&self) -> Vec<Choice> {
        let found = self.searching.sweep.iter().flat_map(|sweep| sweep.found());
        let choice = |(member, hits): (&MemberId, &crate::tui::search::Hits)| Choice {
            text: format!("{}: {}", self.name(*member), hits.line.trim()),
            detail: if hits.count == 1 { "1 hit".to_owned() } else { format!("{} hits", hits.count) },
        };
        found.map(choice).collect()
    }

    /// A host of the list was chosen: to its newest hit.
    pub(super) fn hit_picked(&mut self, n: usize) {
        let sweep = self.searching.sweep.as_ref();
        let Some((member, hits)) = sweep.and_then(|sweep| sweep.found().iter().nth(n)) else { return };
        let (member, hit) = (*member, hits.last.clone());
        self.go_to_hit(member, hit);
    }

    /// The list was left: what is found is found, and no more is looked for.
    pub(super) fn stop_search(&mut self) {
        let Some(sweep) = &mut self.searching.sweep else { return };
        if !sweep.is_done() {
            let text = format!("stopped: {}", progress(sweep));
            sweep.stop();
            self.searching.due = None;
            self.notes.say(Tone::Plain, text, self.now);
        }
    }

    /// Does a slice when it is due.
    pub(super) fn search_on(&mut self) {
        let Some(due) = self.searching.due.filter(|due| *due <= self.now) else { return };
        let searching = &mut self.searching;
        // Late: the last slice, or a frame, took longer than it should.
        searching.bytes = match self.now.saturating_sub(due) > LATE {
            true => searching.bytes / 2,
            false => searching.bytes * 2,
        }
        .clamp(LEAST_BYTES, SLICE_BYTES);
        searching.due = None;
        if searching.seek.is_some() {
            self.seek_on();
        } else {
            self.sweep_on();
        }
    }

    fn sweep_on(&mut self) {
        let searching = &mut self.searching;
        let (Some(sweep), Some(query)) = (&mut searching.sweep, &searching.query) else { return };
        if sweep.is_done() {
            return;
        }
        let tiles = &self.tiles;
        searching.read =
            sweep.slice(query, searching.bytes, |id| tiles.get(id).map(|tile| tile.pane.screen()));
        let done = sweep.is_done();
        searching.due = (!done).then(|| self.now + SLICE_EVERY);
        if !done && self.now < searching.listed + LISTS_EVERY {
            return;
        }
        searching.listed = self.now;
        if matches!(self.keyboard, Keyboard::Picker(Picking::Hits, _)) {
            let choices = self.hit_choices();
            if let Keyboard::Picker(_, picker) = &mut self.keyboard {
                Picker::renew(picker, choices);
            }
        }
    }

    /// When the next slice is due.
    pub(super) fn search_wakes(&self) -> Option<Duration> {
        self.searching.due
    }

    /// Nobody waits for the next hit any more.
    pub(super) fn forget_seek(&mut self) {
        self.searching.seek = None;
        self.searching.hit = None;
        self.searching.beside.clear();
    }

    /// To the next hit of this way.
    fn next_hit(&mut self, way: Way) {
        let Some(look) = self.reading.look else { return };
        if self.searching.query.is_none() {
            let text = format!("{} searches first", self.options.keymap.hint(Action::SearchOlder));
            return self.notes.refuse(text, self.now);
        }
        // The first search from the newest line finds what stands on the line of the cursor too.
        let from = match (self.hit_of(look.member), way) {
            (None, Way::Older) => At { col: u16::MAX, ..look.cursor },
            _ => look.cursor,
        };
        self.searching.seek = Some((look.member, Seek::new(from, way)));
        self.seek_on();
    }

    fn seek_on(&mut self) {
        let Some((member, mut seek)) = self.searching.seek.take() else { return };
        let Some(query) = &self.searching.query else { return };
        let Some(tile) = self.tiles.get(member) else { return };
        match seek.slice(tile.pane.screen(), query, self.searching.bytes) {
            Sought::Found(hit) => {
                self.go_to_hit(member, hit);
                self.others_to_hits(member, seek.way());
            }
            Sought::Nowhere => self.seek_beyond(member, seek.way()),
            Sought::Further => {
                self.searching.seek = Some((member, seek));
                self.searching.due = Some(self.now + SLICE_EVERY);
            }
        }
        let runs = self.searching.sweep.as_ref().is_some_and(|sweep| !sweep.is_done());
        if runs && self.searching.due.is_none() {
            self.searching.due = Some(self.now + SLICE_EVERY);
        }
    }

    /// There is no more in this tile: on to the next host with hits, or round from the other end.
    fn seek_beyond(&mut self, member: MemberId, way: Way) {
        let sweep = self.searching.sweep.as_ref().filter(|_| self.searching.realm == Realm::All);
        let Some(next) = sweep.and_then(|sweep| sweep.after(member, way)) else {
            return self.seek_around(member, way);
        };
        if next == member {
            return self.seek_around(member, way);
        }
        let hit = self.end_hit(next, way);
        match hit {
            Some(hit) => self.go_to_hit(next, hit),
            None => {
                let text = format!("{} does not hold it any more", self.name(next));
                self.notes.refuse(text, self.now);
            }
        }
    }

    fn seek_around(&mut self, member: MemberId, way: Way) {
        let (said, tone) = match self.end_hit(member, way) {
            Some(hit) => {
                self.go_to_hit(member, hit);
                match way {
                    Way::Older => ("on from the newest line", Tone::Plain),
                    Way::Newer => ("on from the oldest line", Tone::Plain),
                }
            }
            None => ("it stands nowhere here", Tone::Bad),
        };
        self.notes.say(tone, said, self.now);
    }

    /// The first hit of a member when it is entered on this way. It is looked for in one go, within the bound of a slice.
    fn end_hit(&self, member: MemberId, way: Way) -> Option<Hit> {
        let (tile, query) = (self.tiles.get(member)?, self.searching.query.as_ref()?);
        let screen = tile.pane.screen();
        let before_all = || screen.first_line().checked_sub(1).map(|line| At { line, col: u16::MAX });
        let from = match way {
            Way::Older => At { line: screen.end_line(), col: 0 },
            Way::Newer => match before_all() {
                Some(at) => at,
                None => {
                    // Nothing stands before the first place of all, so a hit there is asked for by itself.
                    let mut text = String::new();
                    screen.text_of(0, &mut text);
                    let first = query.columns(&text).into_iter().next().filter(|columns| columns.start == 0);
                    if let Some(columns) = first {
                        return Some(Hit { line: 0, columns });
                    }
                    At { line: 0, col: 0 }
                }
            },
        };
        match Seek::new(from, way).slice(screen, query, SLICE_BYTES) {
            Sought::Found(hit) => Some(hit),
            Sought::Nowhere | Sought::Further => None,
        }
    }

    /// Shows a hit: its host gets the focus, and the view goes where it stands.
    fn go_to_hit(&mut self, member: MemberId, hit: Hit) {
        if self.tiles.get(member).is_none() {
            return self.notes.refuse("that host was closed meanwhile", self.now);
        }
        if self.broadcast.focus() != Some(member) {
            self.set_focus(member);
        }
        self.enter_scrollback();
        self.keyboard = Keyboard::Scrollback;
        let before = self.reading.look.map(|look| look.cursor);
        self.show_place(hit.at());
        self.center(member, before);
        let name = self.name(member);
        if let Some(sweep) = self.searching.sweep.as_ref().filter(|_| self.searching.realm == Realm::All) {
            let text = format!("{name}: {}", progress(sweep));
            self.notes.say(Tone::Plain, text, self.now);
        }
        self.searching.hit = Some((member, hit));
    }

    /// Where tiles scroll together, each of the others goes to its own next hit; one without stays where the scrolling by
    /// lines took it.
    fn others_to_hits(&mut self, member: MemberId, way: Way) {
        if self.scrolling() == Scrolling::Alone {
            return;
        }
        let others: Vec<MemberId> =
            self.layout.tiles.iter().map(|(id, _)| *id).filter(|id| *id != member).collect();
        for other in &others {
            let half = u64::from(self.height(*other) / 2);
            let (Some(query), Some(tile)) = (&self.searching.query, self.tiles.get_mut(*other)) else {
                continue;
            };
            let screen = tile.pane.screen();
            let end = match way {
                Way::Older => At { line: screen.end_line(), col: 0 },
                Way::Newer => At { line: screen.first_line(), col: 0 },
            };
            let from = self.searching.beside.get(other).copied().unwrap_or(end);
            if let Sought::Found(hit) = Seek::new(from, way).slice(screen, query, SLICE_BYTES / others.len())
            {
                tile.top = Some(hit.line.saturating_sub(half).max(screen.first_line()));
                self.searching.beside.insert(*other, hit.at());
            }
        }
    }

    /// A hit at the very edge of a tile is read better with what stands around it.
    fn center(&mut self, member: MemberId, before: Option<At>) {
        let Some(look) = self.reading.look.filter(|look| Some(look.cursor) != before) else { return };
        let (inside, Some(tile)) = (self.inside(member), self.tiles.get(member)) else { return };
        let row = look.cursor.line.saturating_sub(self.window(tile, inside).line) as i64;
        let height = i64::from(inside.height);
        if height > 2 && (row == 0 || row == height - 1) {
            self.scroll_tile(member, row - height / 2);
        }
    }
}

/// What a search over every host has come to, in words.
fn progress(sweep: &Sweep) -> String {
    let (done, all) = sweep.progress();
    let hits = match (sweep.total(), sweep.found().len()) {
        (0, _) => "no hit".to_owned(),
        (1, _) => "1 hit".to_owned(),
        (total, 1) => format!("{total} hits on 1 host"),
        (total, hosts) => format!("{total} hits on {hosts} hosts"),
    };
    if done < all { format!("{hits}, {done} of {all} hosts searched") } else { hits }
}
