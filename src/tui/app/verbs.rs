//! What each action does.

use crate::broadcast::{Entry, MemberId, Part};
use crate::pane::{FocusChange, Key};
use crate::tui::action::{Action, Place};
use crate::tui::event::Effect;
use crate::tui::layout::Zoom;

use super::{App, Confirm, Keyboard, Purpose, Tone};

/// Longest text for the clipboard, in bytes; terminals refuse more (OSC 52).
const CLIPBOARD_BYTES: usize = 74_000;

/// What becomes of the input that was kept for a held host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kept {
    Send,
    Discard,
}

impl App {
    /// Does what the user said.
    pub(super) fn perform(&mut self, action: Action) {
        self.notes.turn();
        match action {
            Action::FocusLeft | Action::FocusDown | Action::FocusUp | Action::FocusRight => {
                self.step_focus(action)
            }
            Action::FocusNext => {
                self.focus_at(self.focus_position().map_or(0, |at| at + 1) % self.count().max(1))
            }
            Action::PageNext => self.turn_page(1),
            Action::PagePrevious => self.turn_page(-1),
            Action::Zoom => self.toggle_zoom(),
            Action::Detach => self.toggle_part(),
            Action::AttachAll => self.attach_all(),
            Action::Admit => self.admit(),
            Action::SendKept => self.release_focused(Kept::Send),
            Action::DiscardKept => self.release_focused(Kept::Discard),
            Action::SendAllKept => self.release_all(Kept::Send),
            Action::DiscardAllKept => self.release_all(Kept::Discard),
            Action::ScopeList
            | Action::ScopeExpression
            | Action::ScopeAll
            | Action::Scope1
            | Action::Scope2
            | Action::Scope3
            | Action::Scope4
            | Action::Scope5
            | Action::Scope6
            | Action::Scope7
            | Action::Scope8
            | Action::Scope9
            | Action::ScopeName
            | Action::ScopeRefresh
            | Action::ScopeVisible
            | Action::ScopeInvert
            | Action::ScopeHalf
            | Action::Mark
            | Action::ScopeMarked
            | Action::UnmarkAll
            | Action::ScopeMatching
            | Action::FocusInScope => self.scope_action(action),
            Action::Scrollback => self.enter_scrollback(),
            Action::Copy => self.copy(),
            Action::Answer => self.open_questions(),
            Action::Add => self.ask_for(Purpose::AddHosts),
            Action::Palette => self.open_palette(),
            Action::Close => self.ask_close(),
            Action::Reconnect => self.reconnect_focused(),
            Action::ReconnectAll => self.reconnect_all(),
            Action::AutoReconnect => self.toggle_reconnect(),
            Action::FocusInNeed => self.focus_next_in_need(),
            Action::Log
            | Action::LogAll
            | Action::Record
            | Action::RecordScreen
            | Action::History
            | Action::SaveSet => self.keep_action(action),
            Action::SendPrefix => self.send_prefix(),
            Action::Help => self.keyboard = Keyboard::Help(0),
            Action::Redraw => self.effects.push(Effect::Redraw),
            Action::Suspend => self.effects.push(Effect::Suspend),
            Action::Quit => self.ask_quit(),
            Action::Compose
            | Action::Macros
            | Action::SendHost
            | Action::SendTarget
            | Action::SendUser
            | Action::SendNumber
            | Action::SendVersion
            | Action::SendSecret => self.sending_action(action),
            Action::LineUp
            | Action::LineDown
            | Action::HalfUp
            | Action::HalfDown
            | Action::Top
            | Action::Bottom
            | Action::Leave => self.scroll(action),
        }
    }

    /// Moves the focus, on the user's word; the programs that asked to know are told.
    pub(super) fn set_focus(&mut self, member: MemberId) {
        let before = self.broadcast.focus();
        if before == Some(member) {
            return;
        }
        self.notes.turn();
        self.leave_scrollback();
        self.tell_focus(before, FocusChange::Lost);
        self.broadcast.set_focus(member);
        self.tell_focus(Some(member), FocusChange::Gained);
        self.relayout();
    }

    fn count(&self) -> usize {
        self.order.len()
    }

    fn focus_position(&self) -> Option<usize> {
        let focus = self.broadcast.focus()?;
        self.order.iter().position(|id| *id == focus)
    }

    fn focus_at(&mut self, at: usize) {
        if let Some(member) = self.order.get(at).copied() {
            self.set_focus(member);
        }
    }

    /// One tile in a direction. Up and down cross pages; at an edge the focus stays.
    fn step_focus(&mut self, action: Action) {
        let Some(at) = self.focus_position() else { return };
        let columns = self.layout.columns;
        let column = at % columns;
        let to = match action {
            Action::FocusLeft if column > 0 => at - 1,
            Action::FocusRight if column + 1 < columns => at + 1,
            Action::FocusUp => at.saturating_sub(if at >= columns { columns } else { 0 }),
            Action::FocusDown if at + columns < self.count() => at + columns,
            // The last row may be short: the tile above a gap leads to the last one.
            Action::FocusDown if at / columns < (self.count() - 1) / columns => self.count() - 1,
            _ => at,
        };
        self.focus_at(to);
    }

    fn turn_page(&mut self, by: isize) {
        let page = self.layout.page.saturating_add_signed(by);
        if page != self.layout.page && page < self.layout.pages {
            self.focus_at(page * self.layout.per_page);
        } else {
            let text = format!("page {} of {}", self.layout.page + 1, self.layout.pages);
            self.notes.say(Tone::Plain, text, self.now);
        }
    }

    fn toggle_zoom(&mut self) {
        self.zoom = match self.zoom {
            Zoom::Grid => Zoom::Focus,
            Zoom::Focus => Zoom::Grid,
        };
        self.relayout();
    }

    fn toggle_part(&mut self) {
        let Some(focus) = self.broadcast.focus() else { return };
        let Some(member) = self.broadcast.member(focus) else { return };
        let (part, told) = match member.part() {
            Part::Attached => (Part::Detached, "is detached"),
            Part::Detached => (Part::Attached, "is attached"),
        };
        self.broadcast.set_part(focus, part);
        let text = format!("{} {told}", self.name(focus));
        self.notes.say(Tone::Plain, text, self.now);
    }

    fn attach_all(&mut self) {
        self.broadcast.attach_all();
        let held = self.broadcast.members().filter(|m| m.is_held()).count();
        let mut text = "every host is attached".to_owned();
        if held > 0 {
            let release = self.options.keymap.hint(Action::SendAllKept);
            text.push_str(&format!(
                "; {held} held must be released, one by one or all at once with {release}"
            ));
        }
        self.notes.say(Tone::Plain, text, self.now);
    }

    fn admit(&mut self) {
        let Some(focus) = self.broadcast.focus() else { return };
        let waits = self.broadcast.member(focus).is_some_and(|m| m.entry() == Entry::Waiting);
        let told = if waits { "was let in" } else { "does not wait" };
        self.broadcast.admit(focus);
        let text = format!("{} {told}", self.name(focus));
        self.notes.say(Tone::Plain, text, self.now);
    }

    fn release_focused(&mut self, kept: Kept) {
        let Some(focus) = self.broadcast.focus() else { return };
        if self.broadcast.member(focus).is_some_and(|m| m.is_held()) {
            self.release(&[focus], kept);
        } else {
            let text = format!("{} is not held", self.name(focus));
            self.notes.say(Tone::Plain, text, self.now);
        }
    }

    fn release_all(&mut self, kept: Kept) {
        let held: Vec<MemberId> = self.tiles.ids().iter().copied().filter(|id| self.is_held(*id)).collect();
        match held.as_slice() {
            [] => self.notes.say(Tone::Plain, "no host is held", self.now),
            held => self.release(held, kept),
        }
    }

    fn is_held(&self, id: MemberId) -> bool {
        self.broadcast.member(id).is_some_and(|m| m.is_held())
    }

    fn release(&mut self, held: &[MemberId], kept: Kept) {
        let mut bytes = 0;
        for member in held {
            match kept {
                Kept::Send => {
                    bytes += self.broadcast.member(*member).map_or(0, |m| m.backlog());
                    self.broadcast.release(*member);
                    self.flush(*member);
                }
                Kept::Discard => bytes += self.broadcast.discard(*member),
            }
        }
        let what = match kept {
            Kept::Send => "are being sent",
            Kept::Discard => "were discarded",
        };
        let who = match held {
            [one] => self.name(*one),
            many => format!("{} hosts", many.len()),
        };
        self.notes.say(Tone::Plain, format!("{who}: released, {bytes} kept bytes {what}"), self.now);
    }

    fn open_questions(&mut self) {
        if self.questions.is_empty() && self.questions.dialog().is_none() {
            return self.notes.say(Tone::Plain, "there is no question", self.now);
        }
        self.leave_scrollback();
        self.questions.open_for_user();
        self.keyboard = Keyboard::Questions;
    }

    fn ask_close(&mut self) {
        self.leave_scrollback();
        let Some(focus) = self.broadcast.focus() else { return };
        match self.tiles.get(focus).is_some_and(|tile| tile.state.is_closed()) {
            true => self.close(focus),
            false => self.keyboard = Keyboard::Confirm(Confirm::Close(focus)),
        }
    }

    fn ask_quit(&mut self) {
        match self.tiles.iter().all(|tile| tile.state.is_closed()) {
            true => self.effects.push(Effect::Quit),
            false => self.keyboard = Keyboard::Confirm(Confirm::Quit),
        }
    }

    fn reconnect_focused(&mut self) {
        let Some(focus) = self.broadcast.focus() else { return };
        if self.tiles.get(focus).is_some_and(|tile| tile.state.is_closed()) {
            self.effects.push(Effect::Pardon);
            self.reconnect(focus);
        } else {
            let text = format!("{} is not closed", self.name(focus));
            self.notes.say(Tone::Plain, text, self.now);
        }
    }

    fn reconnect_all(&mut self) {
        let closed: Vec<MemberId> =
            self.tiles.iter().filter(|tile| tile.state.is_closed()).map(|tile| tile.member).collect();
        if closed.is_empty() {
            return self.notes.say(Tone::Plain, "no session is closed", self.now);
        }
        self.effects.push(Effect::Pardon);
        for member in closed {
            self.reconnect(member);
        }
    }

    fn send_prefix(&mut self) {
        let prefix = self.options.keymap.prefix();
        if matches!(self.keyboard, Keyboard::Hosts) {
            self.send_key(prefix);
        }
    }

    fn copy(&mut self) {
        let Some(tile) = self.focused() else { return };
        let height = self.height(tile.member);
        let screen = tile.pane.screen();
        let text = match tile.top_line(height) {
            None => screen.text(),
            Some(top) => (top..top + usize::from(height)).map(|n| screen.line(n).text() + "\n").collect(),
        };
        let text = text.trim_end().to_owned() + "\n";
        if text.len() > CLIPBOARD_BYTES {
            let text = format!("{} is too large for a terminal's clipboard", tile.name);
            return self.notes.say(Tone::Bad, text, self.now);
        }
        let said = format!("copied {} lines of {}", text.lines().count(), tile.name);
        self.notes.say(Tone::Plain, said, self.now);
        self.effects.push(Effect::Copy(text));
    }
}

/// Looking back.
impl App {
    /// The scrollback has the keyboard until the user leaves it.
    fn enter_scrollback(&mut self) {
        if self.broadcast.focus().is_some() {
            self.keyboard = Keyboard::Scrollback;
        }
    }

    /// A key in the scrollback.
    pub(super) fn scrollback_key(&mut self, key: Key) {
        if let Some(action) = self.options.keymap.action(Place::Scrollback, key) {
            self.scroll(action);
        } else {
            let map = &self.options.keymap;
            let text = format!("{key} does nothing here; {} leaves the scrollback", map.hint(Action::Leave));
            self.notes.say(Tone::Plain, text, self.now);
        }
    }

    fn scroll(&mut self, action: Action) {
        let Some(focus) = self.broadcast.focus() else { return };
        let height = self.height(focus);
        let half = i64::from(height / 2).max(1);
        let lines = match action {
            Action::LineUp => -1,
            Action::LineDown => 1,
            Action::HalfUp => -half,
            Action::HalfDown => half,
            Action::Top => i64::MIN,
            _ => return self.leave_scrollback(),
        };
        if let Some(tile) = self.tiles.get_mut(focus) {
            tile.look(lines, height);
        }
    }

    /// Back to the newest line, and the keyboard to the hosts.
    pub(super) fn leave_scrollback(&mut self) {
        if !matches!(self.keyboard, Keyboard::Scrollback) {
            return;
        }
        self.keyboard = Keyboard::Hosts;
        self.notes.turn();
        let focus = self.broadcast.focus();
        if let Some(tile) = focus.and_then(|id| self.tiles.get_mut(id)) {
            tile.top = None;
        }
    }
}
