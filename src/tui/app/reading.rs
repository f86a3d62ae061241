//! Looking back: the scrollback of a tile, its cursor, and tiles that scroll together.
//!
//! While the user looks back the keyboard is with the scrollback, and nothing typed reaches a host. The view stands still
//! whatever is printed. Lines go by their number since the host's first one, so a cursor stays on its line while the
//! history moves on.

use ratatui::layout::Rect;

use crate::broadcast::MemberId;
use crate::pane::{Key, Screen};
use crate::tui::action::{Action, Place};
use crate::tui::layout;
use crate::tui::search::At;
use crate::tui::selection::{self, Selection, Shape};
use crate::tui::watch::WatchId;

use super::{App, Keyboard, Tile, Tone};

/// Whether the tiles on the screen scroll by the same number of lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scrolling {
    /// Each by itself.
    #[default]
    Alone,
    /// Together.
    Together,
}

/// What is remembered of reading.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// The look back that has the keyboard, or had it before a dialog that belongs to it.
    pub(super) look: Option<Look>,
    pub(super) scrolling: Scrolling,
    /// The watches that are listed, to be removed by their place: one may come about while the list is open.
    pub(super) listed: Vec<WatchId>,
}

/// A look back in one tile, by keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Whose tile.
    pub member: MemberId,
    /// Where its cursor is.
    pub cursor: At,
    /// Where a selection was begun, and its form.
    pub selects: Option<(At, Shape)>,
    /// The column that the cursor comes back to on lines that are long enough.
    wanted: u16,
}

impl Look {
    /// What is selected.
    pub fn selection(&self) -> Option<Selection> {
        self.selects.map(|(anchor, shape)| Selection { anchor, cursor: self.cursor, shape })
    }
}

/// The part of a pane's text that a tile shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The number of the line in the first row, counted from the host's first one.
    pub line: u64,
    /// The column at the left edge.
    pub col: u16,
}

/// What drawing reads.
impl App {
    /// The look back that goes on.
    pub fn look(&self) -> Option<&Look> {
        self.reading.look.as_ref()
    }

    /// Do tiles scroll together?
    pub fn scrolling(&self) -> Scrolling {
        self.reading.scrolling
    }

    /// Does a tile with this inside show a part of its text that does not follow the cursor?
    pub fn looks_back(&self, tile: &Tile, inside: Rect) -> bool {
        self.look().is_some_and(|look| look.member == tile.member)
            || tile.top_line(inside.height.max(1)).is_some()
    }

    /// The part of its text that a tile with this inside shows.
    pub fn window(&self, tile: &Tile, inside: Rect) -> Window {
        let screen = tile.pane.screen();
        let (row, col) = tile.view(inside);
        if let Some(look) = self.look().filter(|look| look.member == tile.member) {
            // Whatever the host does with its cursor meanwhile, the view stands still.
            let line = tile.top.unwrap_or_else(|| newest(tile, inside.height)).max(screen.first_line());
            return Window { line, col: left_of(tile, look.cursor.col, inside) };
        }
        match tile.top_line(inside.height.max(1)) {
            Some(top) => Window { line: screen.first_line() + top as u64, col: 0 },
            None => Window { line: screen.first_line() + screen.history_len() as u64 + u64::from(row), col },
        }
    }
}

/// The column at the left edge with which a cursor in this column is in sight.
fn left_of(tile: &Tile, col: u16, inside: Rect) -> u16 {
    layout::view(tile.pane.size(), (0, col), inside).1
}

/// The line at the top of a tile that follows its cursor.
pub(super) fn newest(tile: &Tile, height: u16) -> u64 {
    let screen = tile.pane.screen();
    let cursor = screen.cursor();
    let area = Rect::new(0, 0, screen.size().cols, height.max(1));
    let (row, _) = layout::view(screen.size(), (cursor.row, cursor.col), area);
    screen.first_line() + screen.history_len() as u64 + u64::from(row)
}

/// The newest line with text on it, or the one with the cursor below it.
fn last_line(screen: Screen<'_>) -> u64 {
    let mut text = String::new();
    let has_text = |line: &u64| {
        screen.text_of(*line, &mut text);
        !text.is_empty()
    };
    (screen.line_of_cursor()..screen.end_line()).rev().find(has_text).unwrap_or(screen.line_of_cursor())
}

/// Where the top of a look back is after so many lines, in a tile this high.
fn scrolled(tile: &Tile, (top, height): (u64, u16), lines: i64) -> u64 {
    let screen = tile.pane.screen();
    let last = (last_line(screen) + 1).saturating_sub(u64::from(height)).max(newest(tile, height));
    top.saturating_add_signed(lines).clamp(screen.first_line(), last.max(screen.first_line()))
}

/// The scrollback.
impl App {
    /// What a key of the group "Reading" does.
    pub(super) fn reading_action(&mut self, action: Action) {
        match action {
            Action::Scrollback => {
                if self.focus_or_say().is_some() {
                    self.enter_scrollback();
                }
            }
            Action::ScrollTogether => self.toggle_scrolling(),
            Action::Search | Action::SearchAll | Action::SearchHits => self.search_action(action),
            Action::Copy => self.copy_shown(),
            Action::CopyAll => self.copy_from_all(),
            Action::CopyToFile => self.ask_for_file(),
            Action::NextMark => self.go_to_next_sign(),
            Action::Watch => self.open_watches(),
            Action::AllowClipboard => self.ask_consent(),
            action => self.scrollback_action(action),
        }
    }

    /// The scrollback has the keyboard until the user leaves it.
    pub(super) fn enter_scrollback(&mut self) {
        if self.reading.look.is_some() {
            return;
        }
        self.zoom_from_line();
        let Some(member) = self.broadcast.focus() else { return };
        let inside = self.inside(member);
        let Some(tile) = self.tiles.get(member) else { return };
        let (screen, window) = (tile.pane.screen(), self.window(tile, inside));
        let last = window.line + u64::from(inside.height.max(1)) - 1;
        let line = screen.line_of_cursor().clamp(window.line, last.min(screen.end_line() - 1));
        let col = if line == screen.line_of_cursor() { screen.cursor().col } else { 0 };
        self.reading.look = Some(Look { member, cursor: At { line, col }, selects: None, wanted: col });
        self.keyboard = Keyboard::Scrollback;
        self.freeze(member, window.line);
    }

    /// Back to the newest line, and the keyboard to the hosts.
    pub(super) fn leave_scrollback(&mut self) {
        let Some(look) = self.reading.look.take() else { return };
        if matches!(self.keyboard, Keyboard::Scrollback) {
            self.keyboard = Keyboard::Hosts;
        }
        self.notes.turn();
        self.forget_seek();
        match self.reading.scrolling {
            Scrolling::Together => self.tiles.iter_mut().for_each(|tile| tile.top = None),
            Scrolling::Alone => {
                if let Some(tile) = self.tiles.get_mut(look.member) {
                    tile.top = None;
                }
            }
        }
    }

    /// Who has the keyboard once a dialog is closed that may have been opened from the scrollback.
    pub(super) fn keyboard_behind(&self) -> Keyboard {
        if self.reading.look.is_some() { Keyboard::Scrollback } else { Keyboard::Hosts }
    }

    /// A key in the scrollback.
    pub(super) fn scrollback_key(&mut self, key: Key) {
        if let Some(action) = self.options.keymap.action(Place::Scrollback, key) {
            self.notes.turn();
            self.scrollback_action(action);
        } else {
            let map = &self.options.keymap;
            let text = format!("{key} does nothing here; {} leaves the scrollback", map.hint(Action::Leave));
            self.notes.say(Tone::Plain, text, self.now);
        }
    }

    fn scrollback_action(&mut self, action: Action) {
        let Some(look) = self.reading.look else { return };
        let page = i64::from(self.height(look.member));
        let half = (page / 2).max(1);
        match action {
            Action::LineUp => self.move_lines(-1),
            Action::LineDown => self.move_lines(1),
            Action::ScrollUp => self.scroll_by(-1),
            Action::ScrollDown => self.scroll_by(1),
            Action::HalfUp => self.scroll_by(-half),
            Action::HalfDown => self.scroll_by(half),
            Action::FullUp => self.scroll_by(-page),
            Action::FullDown => self.scroll_by(page),
            Action::Top => self.move_lines(i64::MIN),
            Action::Bottom => self.go_to_newest(),
            Action::SelectBegin => self.select(Shape::Text),
            Action::SelectLines => self.select(Shape::Lines),
            Action::SelectBlock => self.select(Shape::Block),
            Action::SelectOtherEnd => self.swap_ends(),
            Action::CopySelection => self.copy_selection(),
            Action::CopyRegion => self.copy_from_all(),
            Action::SearchOlder | Action::SearchNewer | Action::HitNext | Action::HitPrevious => {
                self.search_action(action)
            }
            Action::Leave if look.selects.is_some() => self.set_look(|look| look.selects = None),
            Action::Leave | Action::LeaveAtOnce => self.leave_scrollback(),
            action => self.move_in_line(action),
        }
    }

    /// Scrolls a tile on the user's word, by the wheel or by keys, and the others with it where they scroll together.
    pub(super) fn scroll_tile(&mut self, member: MemberId, lines: i64) {
        let before = self.top_of(member);
        let height = self.height(member);
        let reads = self.look().is_some_and(|look| look.member == member);
        if let Some(tile) = self.tiles.get_mut(member) {
            match reads {
                true => tile.top = Some(scrolled(tile, (before, height), lines)),
                false => tile.look(lines, height),
            }
        }
        let by = self.top_of(member) as i64 - before as i64;
        if self.reading.scrolling == Scrolling::Alone || by == 0 {
            return;
        }
        let others: Vec<MemberId> =
            self.layout.tiles.iter().map(|(id, _)| *id).filter(|id| *id != member).collect();
        for other in others {
            let height = self.height(other);
            if let Some(tile) = self.tiles.get_mut(other) {
                tile.look(by, height);
            }
        }
    }

    /// Keeps the view of a tile where it is, though it may be at the newest line.
    fn freeze(&mut self, member: MemberId, line: u64) {
        if let Some(tile) = self.tiles.get_mut(member) {
            tile.top = Some(line);
        }
    }

    fn top_of(&self, member: MemberId) -> u64 {
        let inside = self.inside(member);
        self.tiles.get(member).map_or(0, |tile| self.window(tile, inside).line)
    }

    /// Scrolls, and takes the cursor along where it would be out of sight.
    pub(super) fn scroll_by(&mut self, lines: i64) {
        let Some(look) = self.reading.look else { return };
        let before = self.top_of(look.member);
        self.scroll_tile(look.member, lines);
        let (top, height) = (self.top_of(look.member), u64::from(self.height(look.member)));
        let line = look.cursor.line.clamp(top, top + height - 1);
        match before == top {
            // At either end the cursor goes the rest of the way.
            true => self.move_lines(lines),
            false => self.put_cursor(line, look.wanted),
        }
    }

    /// Moves the cursor by lines; the view follows.
    fn move_lines(&mut self, lines: i64) {
        if let Some(look) = self.reading.look {
            self.put_cursor(look.cursor.line.saturating_add_signed(lines), look.wanted);
        }
    }

    fn go_to_newest(&mut self) {
        let Some(look) = self.reading.look else { return };
        let last = self.tiles.get(look.member).map(|tile| last_line(tile.pane.screen()));
        self.put_cursor(last.unwrap_or(look.cursor.line), look.wanted);
    }

    /// Puts the cursor on a line, as near to a column as its text allows, and the view where the cursor is in sight.
    fn put_cursor(&mut self, line: u64, wanted: u16) {
        let Some(look) = self.reading.look else { return };
        let Some(tile) = self.tiles.get(look.member) else { return };
        let screen = tile.pane.screen();
        let line = line.clamp(screen.first_line(), last_line(screen));
        let mut text = String::new();
        screen.text_of(line, &mut text);
        let col = selection::snapped(&text, wanted);
        self.set_look(|look| (look.cursor, look.wanted) = (At { line, col }, wanted));
        self.show_line(look.member, line);
    }

    /// Puts the cursor to a place, and the view where it is in sight.
    pub(super) fn show_place(&mut self, at: At) {
        self.put_cursor(at.line, at.col);
    }

    fn show_line(&mut self, member: MemberId, line: u64) {
        let (top, height) = (self.top_of(member), u64::from(self.height(member)));
        let by = match line {
            line if line < top => -((top - line) as i64),
            line if line >= top + height => (line - (top + height - 1)) as i64,
            _ => return,
        };
        self.scroll_tile(member, by);
    }

    fn set_look(&mut self, change: impl FnOnce(&mut Look)) {
        if let Some(look) = &mut self.reading.look {
            change(look);
        }
    }

    /// Moves the cursor within its line, or by words across lines.
    fn move_in_line(&mut self, action: Action) {
        let Some(look) = self.reading.look else { return };
        let Some(tile) = self.tiles.get(look.member) else { return };
        let (screen, At { line, col }) = (tile.pane.screen(), look.cursor);
        let text_of = |line| {
            let mut text = String::new();
            screen.text_of(line, &mut text);
            text
        };
        let text = text_of(line);
        let to = match action {
            Action::CursorLeft => At { line, col: selection::beside(&text, col, -1) },
            Action::CursorRight => At { line, col: selection::beside(&text, col, 1) },
            Action::LineStart => At { line, col: 0 },
            Action::LineText => At { line, col: selection::word_starts(&text).first().copied().unwrap_or(0) },
            Action::LineEnd => At { line, col: selection::last_column(&text) },
            Action::WordNext | Action::WordEnd => {
                let stops =
                    if action == Action::WordNext { selection::word_starts } else { selection::word_ends };
                match stops(&text).into_iter().find(|stop| *stop > col) {
                    Some(col) => At { line, col },
                    None if line + 1 >= screen.end_line() => At { line, col: selection::last_column(&text) },
                    None => {
                        At { line: line + 1, col: stops(&text_of(line + 1)).first().copied().unwrap_or(0) }
                    }
                }
            }
            Action::WordBack => match selection::word_starts(&text).into_iter().rfind(|start| *start < col) {
                Some(col) => At { line, col },
                None if line <= screen.first_line() => At { line, col: 0 },
                None => {
                    let starts = selection::word_starts(&text_of(line - 1));
                    At { line: line - 1, col: starts.last().copied().unwrap_or(0) }
                }
            },
            _ => return,
        };
        self.show_place(to);
        if action == Action::LineEnd {
            self.set_look(|look| look.wanted = u16::MAX);
        }
    }

    fn select(&mut self, shape: Shape) {
        self.set_look(|look| {
            look.selects = match look.selects {
                Some((_, same)) if same == shape => None,
                Some((anchor, _)) => Some((anchor, shape)),
                None => Some((look.cursor, shape)),
            };
        });
    }

    fn swap_ends(&mut self) {
        let Some((anchor, shape)) = self.reading.look.and_then(|look| look.selects) else { return };
        self.set_look(|look| look.selects = Some((look.cursor, shape)));
        self.show_place(anchor);
    }

    fn toggle_scrolling(&mut self) {
        let (scrolling, said) = match self.reading.scrolling {
            Scrolling::Alone => (Scrolling::Together, "the tiles on the screen scroll together"),
            Scrolling::Together => (Scrolling::Alone, "each tile scrolls by itself"),
        };
        self.reading.scrolling = scrolling;
        self.notes.say(Tone::Plain, said, self.now);
    }

    /// The inside of a tile; one cell where it is not shown.
    pub(super) fn inside(&self, member: MemberId) -> Rect {
        let inside = self.layout.rect(member).map_or(Rect::new(0, 0, 1, 1), layout::inner);
        Rect { height: inside.height.max(1), ..inside }
    }
}
