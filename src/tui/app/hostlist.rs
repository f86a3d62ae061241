//! The list of all hosts at the side: found by a few letters of the name, a state or a tag; from it the focus jumps, and
//! hosts are taken out of the broadcast and put back without moving the focus.
//!
//! The filter changes what the list shows and nothing else. The list may stay open while the hosts have the keyboard.

use std::borrow::Cow;

use ratatui::layout::Rect;

use crate::broadcast::{Entry, Life, Member, MemberId, Part};
use crate::pane::{Key, KeyCode, Mods, MouseButton, MouseEvent, MouseKind};
use crate::session::SessionState;
use crate::tui::layout;
use crate::tui::line::{Line, Typed};

use super::tiles::Tile;
use super::{App, Keyboard};

/// A backlog below this is what a key or two leave behind for a moment.
const BEHIND: usize = 64;

/// So many letters of a state's word are enough.
const WORD_LETTERS: usize = 4;

/// Rows for one step of the wheel.
const WHEEL_ROWS: isize = 3;

/// The filter, and which host is marked.
#[derive(Clone, Debug, Default)]
pub struct HostList {
    line: Line,
    marked: Option<MemberId>,
}

impl HostList {
    /// The filter.
    pub fn line(&self) -> &Line {
        &self.line
    }
}

/// What the list shows.
pub struct Listed<'a> {
    /// The hosts that match, in their order.
    pub matching: Cow<'a, [MemberId]>,
    /// Which of them stands in the first row.
    pub first: usize,
    /// Which of them is marked.
    pub marked: Option<usize>,
    /// Where the rows stand.
    pub rows: Rect,
}

impl Listed<'_> {
    /// The hosts in sight, each with its row.
    pub fn shown(&self) -> impl Iterator<Item = (MemberId, Rect)> {
        let rows = self.rows;
        let row = move |n: usize| Rect::new(rows.x, rows.y + n as u16, rows.width, 1);
        let shown = self.matching.iter().skip(self.first).take(usize::from(rows.height));
        shown.enumerate().map(move |(n, id)| (*id, row(n)))
    }
}

impl App {
    /// Opens the list and gives it the keyboard; where it has the keyboard, closes it.
    pub(super) fn toggle_list(&mut self) {
        self.leave_scrollback();
        if matches!(self.keyboard, Keyboard::HostList) {
            self.keyboard = Keyboard::Hosts;
            self.view.list = None;
        } else {
            let marked = self.broadcast.focus();
            let list = self.view.list.get_or_insert_with(HostList::default);
            list.marked = marked;
            self.keyboard = Keyboard::HostList;
        }
        self.relayout();
    }

    /// The list, while it is open.
    pub fn list(&self) -> Option<&HostList> {
        self.view.list.as_ref()
    }

    /// What the list shows now. Without a filter this costs nothing; with one each host is looked at.
    pub fn listed(&self) -> Option<Listed<'_>> {
        let list = self.view.list.as_ref()?;
        let rows = layout::list_rows(self.layout.list?);
        let words: Vec<&str> = words(list.line.text()).collect();
        let matching = match words.as_slice() {
            [] => Cow::Borrowed(self.tiles.ids()),
            words => Cow::Owned(
                self.tiles.iter().filter(|tile| self.matches(tile, words)).map(|tile| tile.member).collect(),
            ),
        };
        // Ascending, as the hosts came.
        let marked = list.marked.and_then(|id| matching.binary_search(&id).ok());
        let room = usize::from(rows.height);
        let first = marked.unwrap_or(0).saturating_sub(room / 2).min(matching.len().saturating_sub(room));
        Some(Listed { matching, first, marked, rows })
    }

    fn matches(&self, tile: &Tile, words: &[&str]) -> bool {
        let Some(member) = self.broadcast.member(tile.member) else { return false };
        words.iter().all(|word| {
            let facts = &tile.facts;
            contains(&tile.name, word)
                || facts.tags.iter().any(|tag| begins(tag, word))
                || facts.clusters.iter().any(|cluster| cluster.eq_ignore_ascii_case(word))
                || states(tile, member).any(|state| is_state(state, word))
        })
    }

    /// A key while the list has the keyboard.
    pub(super) fn list_key(&mut self, key: Key) {
        let page = self.listed().map_or(1, |listed| isize::from(listed.rows.height as i16)).max(1);
        match (key.code(), key.mods()) {
            (KeyCode::Esc, _) | (KeyCode::Char('c'), Mods::CTRL) => self.keyboard = Keyboard::Hosts,
            (KeyCode::Enter, Mods::NONE) => self.jump_to_marked(),
            (KeyCode::Char(' '), Mods::NONE) => {
                if let Some(member) = self.marked_host() {
                    self.toggle_part(member);
                }
            }
            (KeyCode::Up, Mods::NONE) | (KeyCode::Char('p'), Mods::CTRL) => self.move_mark(-1),
            (KeyCode::Down, Mods::NONE) | (KeyCode::Char('n'), Mods::CTRL) => self.move_mark(1),
            (KeyCode::PageUp, Mods::NONE) => self.move_mark(-page),
            (KeyCode::PageDown, Mods::NONE) => self.move_mark(page),
            (KeyCode::Home, Mods::NONE) => self.move_mark(isize::MIN),
            (KeyCode::End, Mods::NONE) => self.move_mark(isize::MAX),
            _ => {
                let changed =
                    self.view.list.as_mut().is_some_and(|list| list.line.key(key) == Typed::Changed);
                if changed {
                    self.mark_first();
                }
            }
        }
    }

    /// Takes pasted letters.
    pub(super) fn paste_to_list(&mut self, text: &str) {
        if let Some(list) = &mut self.view.list {
            list.line.paste(text);
        }
        self.mark_first();
    }

    /// Takes a mouse event that fell into the list.
    pub(super) fn list_mouse(&mut self, event: MouseEvent) {
        match event.kind {
            MouseKind::WheelUp => self.move_mark(-WHEEL_ROWS),
            MouseKind::WheelDown => self.move_mark(WHEEL_ROWS),
            MouseKind::Down(button) => {
                let at = ratatui::layout::Position::new(event.col, event.row);
                let hit = self.listed().and_then(|listed| listed.shown().find(|(_, row)| row.contains(at)));
                match (hit, button) {
                    (None, _) => {
                        self.leave_scrollback();
                        self.keyboard = Keyboard::HostList;
                    }
                    (Some((member, _)), MouseButton::Right) => self.open_menu(member, (event.col, event.row)),
                    (Some((member, row)), _) if layout::glyph(row) == at => self.toggle_part(member),
                    (Some((member, _)), _) => self.jump(member),
                }
            }
            _ => {}
        }
    }

    /// The marked host of those that match; the first of them where the marked one does not.
    fn marked_host(&self) -> Option<MemberId> {
        let listed = self.listed()?;
        listed.matching.get(listed.marked.unwrap_or(0)).copied()
    }

    fn jump_to_marked(&mut self) {
        if let Some(member) = self.marked_host() {
            if let Some(list) = &mut self.view.list {
                list.line = Line::default();
            }
            self.jump(member);
        }
    }

    /// The focus and the keyboard go to a host.
    fn jump(&mut self, member: MemberId) {
        self.leave_scrollback();
        self.keyboard = Keyboard::Hosts;
        self.set_focus(member);
    }

    /// The mark goes with the focus.
    pub(super) fn mark_in_list(&mut self, member: MemberId) {
        if let Some(list) = &mut self.view.list {
            list.marked = Some(member);
        }
    }

    fn mark_first(&mut self) {
        let first = self.listed().and_then(|listed| listed.matching.first().copied());
        if let Some(list) = &mut self.view.list {
            list.marked = first;
        }
    }

    fn move_mark(&mut self, by: isize) {
        let Some(listed) = self.listed() else { return };
        let last = listed.matching.len().saturating_sub(1);
        let to = listed.marked.unwrap_or(0).saturating_add_signed(by).min(last);
        let marked = listed.matching.get(to).copied();
        if let Some(list) = &mut self.view.list {
            list.marked = marked;
        }
    }
}

/// The words of a filter. Space is a key of the list, so commas part them too.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split([' ', ',']).filter(|word| !word.is_empty())
}

/// The states of a host, as a filter names them.
fn states(tile: &Tile, member: &Member) -> impl Iterator<Item = &'static str> {
    let open = member.life() == Life::Open;
    [
        (member.receives(), "receiving"),
        (member.part() == Part::Detached, "detached"),
        (open && member.entry() == Entry::Waiting, "waiting"),
        (member.is_held(), "held"),
        (member.backlog() >= BEHIND, "behind"),
        (member.life() == Life::Opening, "connecting"),
        (matches!(tile.state, SessionState::Asking), "asking"),
        (tile.recovery.silent_since().is_some(), "stalled"),
        (member.life() == Life::Closed, "closed"),
    ]
    .into_iter()
    .filter(|(is, _)| *is)
    .map(|(_, word)| word)
}

/// Does a word name this state? A few letters may be the beginning of a host's name.
fn is_state(state: &str, word: &str) -> bool {
    state.eq_ignore_ascii_case(word) || (word.len() >= WORD_LETTERS && begins(state, word))
}

fn begins(text: &str, word: &str) -> bool {
    text.len() >= word.len() && text.as_bytes()[..word.len()].eq_ignore_ascii_case(word.as_bytes())
}

fn contains(text: &str, word: &str) -> bool {
    text.as_bytes().windows(word.len()).any(|part| part.eq_ignore_ascii_case(word.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_parted_by_commas_and_blanks() {
        assert_eq!(words(" web,, db closed ").collect::<Vec<_>>(), ["web", "db", "closed"]);
        assert_eq!(words(", ").count(), 0);
    }

    #[test]
    fn letters_are_found_in_either_case_and_anywhere() {
        assert!(contains("Web01.example", "b01") && contains("web", "WEB") && contains("日本語", "本"));
        assert!(!contains("web", "web1") && !contains("", "x"));
        assert!(begins("prod", "PR") && !begins("prod", "rod") && !begins("p", "pr"));
    }

    #[test]
    fn a_state_needs_four_letters_or_all_of_them() {
        for (word, is) in
            [("closed", true), ("clos", true), ("Closed", true), ("clo", false), ("closet", false)]
        {
            assert_eq!(is_state("closed", word), is, "{word}");
        }
        assert!(is_state("held", "held") && !is_state("held", "hel"));
    }
}
