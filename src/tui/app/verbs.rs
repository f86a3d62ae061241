//! What each action does.

use crate::broadcast::{Entry, MemberId, Part};
use crate::pane::FocusChange;
use crate::tui::action::Action;
use crate::tui::event::Effect;
use crate::tui::layout::Zoom;
use crate::tui::tiling::Toward;

use super::{App, Confirm, Keyboard, Purpose, Tone};

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
            Action::FocusLeft => self.step_focus(Toward::Left),
            Action::FocusDown => self.step_focus(Toward::Down),
            Action::FocusUp => self.step_focus(Toward::Up),
            Action::FocusRight => self.step_focus(Toward::Right),
            Action::FocusFirst => self.focus_end(0),
            Action::FocusLast => self.focus_end(self.count().saturating_sub(1)),
            Action::FocusNext => {
                self.focus_at(self.focus_position().map_or(0, |at| at + 1) % self.count().max(1))
            }
            Action::PageNext => self.turn_page(1),
            Action::PagePrevious => self.turn_page(-1),
            Action::Zoom => self.toggle_zoom(),
            Action::DensityNext
            | Action::DensityPrevious
            | Action::ColumnsMore
            | Action::ColumnsFewer
            | Action::ColumnsAuto
            | Action::Retile
            | Action::PanLeft
            | Action::PanRight
            | Action::PanUp
            | Action::PanDown
            | Action::PanHome
            | Action::HostList => self.view_action(action),
            Action::Menu => self.open_menu_of_focus(),
            Action::Detach => self.on_focus(App::toggle_part),
            Action::AttachAll => self.attach_all(),
            Action::Admit => self.on_focus(App::admit),
            Action::SendKept => self.on_focus(App::send_kept),
            Action::DiscardKept => self.on_focus(App::discard_kept),
            Action::SendAllKept => self.release_all(Kept::Send),
            Action::DiscardAllKept => self.release_all(Kept::Discard),
            Action::FoldView
            | Action::FoldMembers
            | Action::FoldScope
            | Action::OddNext
            | Action::Compare => self.fold_action(action),
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
            Action::Scrollback
            | Action::Search
            | Action::SearchAll
            | Action::SearchHits
            | Action::ScrollTogether
            | Action::Copy
            | Action::CopyAll
            | Action::CopyToFile
            | Action::NextMark
            | Action::Watch
            | Action::AllowClipboard => self.reading_action(action),
            Action::Answer => self.open_questions(),
            Action::Add => self.ask_for(Purpose::AddHosts),
            Action::Palette => self.open_palette(),
            Action::Close => self.on_focus(App::ask_close),
            Action::OpenShell => self.on_focus(App::open_shell),
            Action::Reconnect => self.on_focus(App::reconnect_by_hand),
            Action::ReconnectAll => self.reconnect_all(),
            Action::AutoReconnect => self.toggle_reconnect(),
            Action::FocusInNeed => self.focus_next_in_need(),
            Action::Log
            | Action::LogAll
            | Action::Record
            | Action::RecordScreen
            | Action::RecordScript
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
            | Action::CursorLeft
            | Action::CursorRight
            | Action::WordNext
            | Action::WordEnd
            | Action::WordBack
            | Action::LineStart
            | Action::LineText
            | Action::LineEnd
            | Action::ScrollUp
            | Action::ScrollDown
            | Action::HalfUp
            | Action::HalfDown
            | Action::FullUp
            | Action::FullDown
            | Action::Top
            | Action::Bottom
            | Action::SearchNewer
            | Action::SearchOlder
            | Action::HitNext
            | Action::HitPrevious
            | Action::SelectBegin
            | Action::SelectLines
            | Action::SelectBlock
            | Action::SelectOtherEnd
            | Action::CopySelection
            | Action::CopyRegion
            | Action::Leave
            | Action::LeaveAtOnce => self.reading_action(action),
        }
    }

    /// Does something with the focused host.
    fn on_focus(&mut self, act: fn(&mut App, MemberId)) {
        if let Some(focus) = self.focus_or_say() {
            act(self, focus);
        }
    }

    /// The focused host; where there is none, says so.
    pub(super) fn focus_or_say(&mut self) -> Option<MemberId> {
        let focus = self.broadcast.focus();
        if focus.is_none() {
            let add = self.options.keymap.hint(Action::Add);
            self.notes.refuse(format!("no host is open; {add} opens one"), self.now);
        }
        focus
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
        self.mark_in_list(member);
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

    /// The first or the last host.
    fn focus_end(&mut self, at: usize) {
        self.focus_at(at);
        let text = format!("host {} of {}", at + 1, self.count());
        self.notes.say(Tone::Plain, text, self.now);
    }

    /// One tile in a direction. Up and down cross pages; at an edge the focus stays.
    fn step_focus(&mut self, toward: Toward) {
        if let Some(at) = self.focus_position() {
            self.focus_at(self.layout.grid.neighbour(at, self.count(), toward));
        }
    }

    fn turn_page(&mut self, by: isize) {
        let page = self.layout.page.saturating_add_signed(by);
        if page != self.layout.page && page < self.layout.pages {
            self.focus_at(page * self.layout.per_page);
        } else {
            let text = match (self.layout.pages, by > 0) {
                (1, _) => "every host is on this page",
                (_, true) => "this is the last page",
                (_, false) => "this is the first page",
            };
            self.notes.refuse(text, self.now);
        }
    }

    fn toggle_zoom(&mut self) {
        self.zoom = match self.zoom {
            Zoom::Grid => Zoom::Focus,
            Zoom::Focus => Zoom::Grid,
        };
        self.relayout();
    }

    pub(super) fn toggle_part(&mut self, id: MemberId) {
        let Some(member) = self.broadcast.member(id) else { return };
        let (part, told, stay) = match member.part() {
            Part::Attached => (Part::Detached, "is detached", "stay as they are"),
            Part::Detached => (Part::Attached, "is attached", "stay detached"),
        };
        self.broadcast.set_part(id, part);
        // A tile of many hosts stands for more than was done.
        let others = match self.stands_for(id) - 1 {
            0 => String::new(),
            1 => format!(
                "; the other host of its tile {}",
                stay.replace("stay", "stays").replace("they are", "it is")
            ),
            n => format!("; the {n} other hosts of its tile {stay}"),
        };
        let text = format!("{} {told}{others}", self.name(id));
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

    pub(super) fn admit(&mut self, id: MemberId) {
        let waits = self.broadcast.member(id).is_some_and(|m| m.entry() == Entry::Waiting);
        if !waits {
            let text = format!("{} does not wait to be let in", self.name(id));
            return self.notes.refuse(text, self.now);
        }
        self.broadcast.admit(id);
        self.notes.say(Tone::Plain, format!("{} was let in", self.name(id)), self.now);
    }

    /// Releases a held host and sends what was kept.
    pub(super) fn send_kept(&mut self, id: MemberId) {
        self.release_one(id, Kept::Send);
    }

    /// Releases a held host and discards what was kept.
    pub(super) fn discard_kept(&mut self, id: MemberId) {
        self.release_one(id, Kept::Discard);
    }

    fn release_one(&mut self, id: MemberId, kept: Kept) {
        if self.broadcast.member(id).is_some_and(|m| m.is_held()) {
            self.release(&[id], kept);
        } else {
            let text = format!("{} is not held", self.name(id));
            self.notes.refuse(text, self.now);
        }
    }

    fn release_all(&mut self, kept: Kept) {
        let held: Vec<MemberId> = self.tiles.ids().iter().copied().filter(|id| self.is_held(*id)).collect();
        match held.as_slice() {
            [] => self.notes.refuse("no host is held", self.now),
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
                Kept::Discard => {
                    self.script_discarded(*member);
                    bytes += self.broadcast.discard(*member);
                }
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
            return self.notes.refuse("there is no question", self.now);
        }
        self.leave_scrollback();
        self.questions.open_for_user();
        self.keyboard = Keyboard::Questions;
    }

    pub(super) fn ask_close(&mut self, id: MemberId) {
        self.leave_scrollback();
        if self.runs_on(id) {
            return self.refuse_while_it_runs(id);
        }
        match self.tiles.get(id).is_some_and(|tile| tile.state.is_closed()) {
            true => self.close(id),
            false => self.keyboard = Keyboard::Confirm(Confirm::Close(id)),
        }
    }

    fn ask_quit(&mut self) {
        if self.course.goes_on() {
            self.keyboard = Keyboard::Confirm(Confirm::EndRun);
            return;
        }
        match self.tiles.iter().all(|tile| tile.state.is_closed()) {
            true => self.effects.push(Effect::Quit),
            false => self.keyboard = Keyboard::Confirm(Confirm::Quit),
        }
    }

    /// A new session for one closed host, on the user's word.
    pub(super) fn reconnect_by_hand(&mut self, id: MemberId) {
        if self.is_of_run(id) {
            return self.refuse_to_run_again(id);
        }
        if self.tiles.get(id).is_some_and(|tile| tile.state.is_closed()) {
            self.effects.push(Effect::Pardon);
            self.reconnect(id);
        } else {
            let text = format!("{} is not closed", self.name(id));
            self.notes.refuse(text, self.now);
        }
    }

    fn reconnect_all(&mut self) {
        let closed: Vec<MemberId> =
            self.tiles.iter().filter(|tile| tile.is_closed_shell()).map(|tile| tile.member).collect();
        if closed.is_empty() {
            return self.notes.refuse("no session is closed", self.now);
        }
        self.effects.push(Effect::Pardon);
        for member in closed {
            self.reconnect(member);
        }
    }

    fn send_prefix(&mut self) {
        let prefix = self.options.keymap.prefix();
        match self.keyboard {
            Keyboard::Hosts => self.send_key(prefix),
            _ => self.notes.refuse("nothing was sent: the keyboard is not with the hosts", self.now),
        }
    }
}
