//! The menu of one host: what can be done with it now, at the pointer or at the tile. It is a view of the actions.
//!
//! What concerns this host alone is done without moving the focus, so that taking a host out of the broadcast by the mouse
//! leaves the keyboard with the others; the rest moves the focus there first.

use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

use crate::broadcast::{Entry, Life, MemberId, Part};
use crate::pane::{Key, KeyCode, Mods, MouseEvent, MouseKind};
use crate::session::SessionState;
use crate::tui::action::Action;
use crate::tui::layout::{self, Zoom};
use crate::tui::tiling::FRAME;

use super::{App, Keyboard, Work};

/// One thing to choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    choice: Choice,
    /// What it does, with its key.
    pub text: String,
}

/// What becomes of a choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Choice {
    /// The focus goes there.
    Focus,
    /// An action, for this host.
    Do(Action),
}

/// The menu while it is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Menu {
    /// Whose.
    pub member: MemberId,
    /// The host's name.
    pub title: String,
    /// From the top.
    pub items: Vec<Item>,
    /// Which of them is marked.
    pub marked: usize,
    /// Column and row of the place where it was asked for.
    at: (u16, u16),
}

impl Menu {
    /// Where it stands on a screen, its frame included: at the place it was asked for, moved as far as it must.
    pub fn rect(&self, screen: Rect) -> Rect {
        let widest =
            self.items.iter().map(|item| item.text.width()).max().unwrap_or(0).max(self.title.width() + 2);
        let columns = u16::try_from(widest + 2).unwrap_or(u16::MAX).saturating_add(FRAME).min(screen.width);
        let rows = u16::try_from(self.items.len()).unwrap_or(u16::MAX).saturating_add(FRAME);
        // The bottom line says who hears, and stays.
        let high = screen.height.saturating_sub(1);
        let rows = rows.min(high);
        let (col, row) = self.at;
        Rect::new(col.min(screen.width - columns), row.min(high - rows), columns, rows)
    }

    /// The item in the first row, where there is not room for all.
    pub fn first(&self, screen: Rect) -> usize {
        let room = usize::from(layout::inner(self.rect(screen)).height).max(1);
        self.marked.saturating_sub(room - 1)
    }

    fn move_mark(&mut self, by: isize) {
        let last = self.items.len().saturating_sub(1);
        self.marked = self.marked.saturating_add_signed(by).min(last);
    }
}

impl App {
    /// Opens the menu of the focused host, beside its glyph.
    pub(super) fn open_menu_of_focus(&mut self) {
        let Some(focus) = self.focus_or_say() else { return };
        let at = self.layout.rect(focus).map_or((0, 0), |rect| (rect.x.saturating_add(2), rect.y + 1));
        self.open_menu(focus, at);
    }

    /// Opens the menu of a host at a place of the screen.
    pub(super) fn open_menu(&mut self, member: MemberId, at: (u16, u16)) {
        self.leave_scrollback();
        let items: Vec<Item> =
            self.choices(member).into_iter().map(|(choice, what)| self.item(choice, what)).collect();
        let title = self.name(member);
        self.keyboard = Keyboard::Menu(Menu { member, title, items, marked: 0, at });
    }

    fn item(&self, choice: Choice, what: &str) -> Item {
        let text = match choice {
            Choice::Do(action) if !self.options.keymap.keys(action).is_empty() => {
                format!("{what:<12} {}", self.options.keymap.hint(action))
            }
            _ => what.to_owned(),
        };
        Item { choice, text }
    }

    /// What can be done with a host as it is now.
    fn choices(&self, id: MemberId) -> Vec<(Choice, &'static str)> {
        let (Some(tile), Some(member)) = (self.tiles.get(id), self.broadcast.member(id)) else {
            return Vec::new();
        };
        let is_open = member.life() == Life::Open;
        let attached = member.part() == Part::Attached;
        let zoom = if self.zoom == Zoom::Focus { "zoom back" } else { "zoom" };
        let part = if attached { "detach" } else { "attach" };
        [
            (self.broadcast.focus() != Some(id), Choice::Focus, "focus"),
            (true, Choice::Do(Action::Detach), part),
            (is_open && member.entry() == Entry::Waiting, Choice::Do(Action::Admit), "let in"),
            (member.is_held(), Choice::Do(Action::SendKept), "send kept"),
            (member.is_held(), Choice::Do(Action::DiscardKept), "discard kept"),
            (matches!(tile.state, SessionState::Asking), Choice::Do(Action::Answer), "answer"),
            (tile.is_closed_shell(), Choice::Do(Action::Reconnect), "reconnect"),
            (tile.work == Work::Command, Choice::Do(Action::OpenShell), "open a shell"),
            (true, Choice::Do(Action::Zoom), zoom),
            (true, Choice::Do(Action::Scrollback), "look back"),
            (true, Choice::Do(Action::Copy), "copy"),
            (true, Choice::Do(Action::Close), "close"),
        ]
        .into_iter()
        .filter(|(can, ..)| *can)
        .map(|(_, choice, what)| (choice, what))
        .collect()
    }

    /// A key while the menu is open.
    pub(super) fn menu_key(&mut self, key: Key) {
        let Keyboard::Menu(menu) = &mut self.keyboard else { return };
        match (key.code(), key.mods()) {
            (KeyCode::Up, Mods::NONE) | (KeyCode::Char('k'), Mods::NONE) => menu.move_mark(-1),
            (KeyCode::Down, Mods::NONE) | (KeyCode::Char('j'), Mods::NONE) => menu.move_mark(1),
            (KeyCode::Enter, Mods::NONE) => {
                let marked = menu.marked;
                self.choose(marked);
            }
            (KeyCode::Esc, _) | (KeyCode::Char('q'), Mods::NONE) | (KeyCode::Char('c'), Mods::CTRL) => {
                self.keyboard = Keyboard::Hosts;
            }
            _ => {}
        }
    }

    /// Takes a mouse event while the menu is open: a click chooses, beside it leaves.
    pub(super) fn menu_mouse(&mut self, event: MouseEvent) {
        let screen = self.layout.area;
        let Keyboard::Menu(menu) = &mut self.keyboard else { return };
        match event.kind {
            MouseKind::WheelUp => menu.move_mark(-1),
            MouseKind::WheelDown => menu.move_mark(1),
            MouseKind::Down(_) => {
                let (rect, first) = (menu.rect(screen), menu.first(screen));
                let at = ratatui::layout::Position::new(event.col, event.row);
                let inside = layout::inner(rect);
                if inside.contains(at) {
                    self.choose(first + usize::from(event.row - inside.y));
                } else if !rect.contains(at) {
                    self.keyboard = Keyboard::Hosts;
                }
            }
            _ => {}
        }
    }

    fn choose(&mut self, n: usize) {
        let Keyboard::Menu(menu) = std::mem::replace(&mut self.keyboard, Keyboard::Hosts) else { return };
        let Some(item) = menu.items.get(n) else { return };
        if self.tiles.get(menu.member).is_none() {
            let text = format!("{} is not open any more", menu.title);
            return self.notes.refuse(text, self.now);
        }
        match item.choice {
            Choice::Focus => self.set_focus(menu.member),
            Choice::Do(action) => self.perform_for(action, menu.member),
        }
    }

    /// Does an action for one host. What concerns this host alone leaves the focus where it is.
    fn perform_for(&mut self, action: Action, member: MemberId) {
        match action {
            Action::Detach => self.toggle_part(member),
            Action::Admit => self.admit(member),
            Action::SendKept => self.send_kept(member),
            Action::DiscardKept => self.discard_kept(member),
            Action::Reconnect => self.reconnect_by_hand(member),
            Action::OpenShell => self.open_shell(member),
            Action::Close => self.ask_close(member),
            action => {
                self.set_focus(member);
                self.perform(action);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_menu_stays_on_the_screen_and_off_the_bottom_line() {
        let item = |text: &str| Item { choice: Choice::Focus, text: text.to_owned() };
        let items = vec![item("focus"), item("look back    C-a ["), item("close")];
        let menu =
            Menu { member: MemberId(0), title: "日本語".to_owned(), items, marked: 2, at: (70, 20) };
        assert_eq!(menu.rect(Rect::new(0, 0, 80, 25)), Rect::new(58, 19, 22, 5));
        for (cols, rows) in [(1, 1), (10, 3), (2, 2), (80, 4)] {
            let screen = Rect::new(0, 0, cols, rows);
            let rect = menu.rect(screen);
            assert!(rect.right() <= cols && rect.bottom() < rows.max(1), "{rect} on {screen}");
            assert!(menu.first(screen) <= menu.marked);
        }
    }
}
