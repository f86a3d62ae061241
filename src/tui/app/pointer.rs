//! The mouse: a click moves the focus, one on a glyph takes a host out or puts it back, the right button opens the menu,
//! the wheel looks back; and what a program asked for goes to the pane under the pointer and nowhere else.

use crate::broadcast::{MemberId, Push};
use crate::pane::{MouseButton, MouseEvent, MouseKind, MouseMode};
use crate::tui::event::{Effect, Motion};
use crate::tui::layout::{self, Form};

use super::{App, Keyboard};

/// Lines for one step of the wheel.
const WHEEL_LINES: i64 = 3;

/// What is remembered between mouse events.
#[derive(Debug, Default)]
pub(super) struct Pointer {
    click: Click,
    /// What the outer terminal was asked for.
    motion: Motion,
    /// The screen or a program changed so that motion may be wanted or not any more.
    look: Look,
}

/// Whether the wish for motion must be found out anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Look {
    /// It is known.
    #[default]
    Known,
    /// It is not.
    Again,
}

impl Pointer {
    /// The wish for motion must be found out anew.
    pub(super) fn look_again(&mut self) {
        self.look = Look::Again;
    }
}

/// Whose click is under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Click {
    /// The host's, or none.
    #[default]
    Forwarded,
    /// It did something here; what belongs to it, up to the release, is ours too.
    Ours,
}

impl App {
    /// Takes a mouse event in the cells of the outer screen.
    pub(super) fn mouse(&mut self, event: MouseEvent) {
        if matches!(event.kind, MouseKind::Up(_)) && self.pointer.click == Click::Ours {
            self.pointer.click = Click::Forwarded;
            return;
        }
        match self.keyboard {
            Keyboard::Hosts | Keyboard::Scrollback | Keyboard::HostList => {}
            Keyboard::Menu(_) => {
                self.claim(event);
                return self.menu_mouse(event);
            }
            _ => return,
        }
        if self.layout.in_list(event.col, event.row) {
            self.claim(event);
            return self.list_mouse(event);
        }
        if self.select_by_mouse(event) {
            return;
        }
        if let Some((member, inside)) = self.layout.hit(event.col, event.row) {
            self.mouse_on_tile(member, inside, event);
        }
    }

    /// A click that is not the host's: its release is not either.
    fn claim(&mut self, event: MouseEvent) {
        if matches!(event.kind, MouseKind::Down(_)) {
            self.pointer.click = Click::Ours;
        }
    }

    fn mouse_on_tile(&mut self, member: MemberId, inside: Option<(u16, u16)>, event: MouseEvent) {
        let has_focus = self.broadcast.focus() == Some(member);
        match event.kind {
            MouseKind::Down(MouseButton::Left)
                if self.layout.glyph_at(event.col, event.row) == Some(member) =>
            {
                self.claim(event);
                self.toggle_part(member);
            }
            MouseKind::Down(MouseButton::Right) if !(inside.is_some() && self.has_mouse(member)) => {
                self.claim(event);
                self.open_menu(member, (event.col, event.row));
            }
            MouseKind::Down(_) if !has_focus || matches!(self.keyboard, Keyboard::HostList) => {
                self.claim(event);
                if matches!(self.keyboard, Keyboard::HostList) {
                    self.keyboard = Keyboard::Hosts;
                }
                self.set_focus(member);
            }
            MouseKind::Drag(_) if self.pointer.click == Click::Ours => {}
            MouseKind::WheelUp | MouseKind::WheelDown => self.wheel(member, inside, event),
            MouseKind::Moved => {
                self.forward(member, inside, event);
            }
            _ if has_focus => {
                self.pointer.click = Click::Forwarded;
                self.forward(member, inside, event);
            }
            _ => {}
        }
    }

    fn wheel(&mut self, member: MemberId, inside: Option<(u16, u16)>, event: MouseEvent) {
        // A line is too little to look back in.
        if self.forward(member, inside, event) || self.layout.form == Form::Line {
            return;
        }
        let lines = if event.kind == MouseKind::WheelUp { -WHEEL_LINES } else { WHEEL_LINES };
        // Where the user looks back the cursor goes along.
        match self.look().is_some_and(|look| look.member == member) {
            true => self.scroll_by(lines),
            false => self.scroll_tile(member, lines),
        }
    }

    /// Has the program in this pane asked for the mouse, and may it hear of it?
    fn has_mouse(&self, member: MemberId) -> bool {
        let Some(tile) = self.tiles.get(member) else { return false };
        let wants = tile.pane.modes().mouse != MouseMode::Off;
        wants && tile.top.is_none() && self.broadcast.takes_pointer(member)
    }

    /// Hands a mouse event to the program in the pane under the pointer; says whether the program has the mouse.
    fn forward(&mut self, member: MemberId, inside: Option<(u16, u16)>, event: MouseEvent) -> bool {
        let (Some(tile), Some((row, col))) = (self.tiles.get(member), inside) else { return false };
        if !self.has_mouse(member) {
            return false;
        }
        let Some(rect) = self.layout.rect(member) else { return false };
        let size = tile.pane.size();
        let (first_row, first_col) = tile.view(layout::inner(rect));
        let (row, col) = (first_row + row, first_col + col);
        if row < size.rows && col < size.cols {
            let event = MouseEvent { row, col, ..event };
            if let Some(bytes) = tile.pane.encode_mouse(&event) {
                self.script_mouse(member);
                if self.broadcast.push(member, &bytes) == Push::NowHeld {
                    self.say_held(&[member]);
                }
                self.flush(member);
            }
        }
        true
    }

    /// Asks the outer terminal for motion without a button while a program on the screen wants it, and no longer.
    pub(super) fn ask_for_motion(&mut self) {
        if std::mem::take(&mut self.pointer.look) == Look::Known {
            return;
        }
        let wants = |id: &MemberId| self.tiles.get(*id).is_some_and(|tile| tile.wants_motion);
        let wanted = match self.layout.tiles.iter().any(|(id, _)| wants(id)) {
            true => Motion::Reported,
            false => Motion::Unreported,
        };
        if std::mem::replace(&mut self.pointer.motion, wanted) != wanted {
            self.effects.push(Effect::Motion(wanted));
        }
    }

    /// Rows inside the frame of a tile; 1 where it is not shown.
    pub(super) fn height(&self, member: MemberId) -> u16 {
        self.layout.rect(member).map_or(1, |rect| layout::inner(rect).height.max(1))
    }
}
