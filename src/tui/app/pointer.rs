//! The mouse: a click moves the focus, the wheel looks back, and what a program asked for goes to the pane under the
//! pointer and nowhere else.

use crate::broadcast::{MemberId, Push};
use crate::pane::{MouseEvent, MouseKind, MouseMode};
use crate::tui::layout;

use super::{App, Keyboard};

/// Lines for one step of the wheel.
const WHEEL_LINES: i64 = 3;

/// What is remembered between mouse events.
#[derive(Debug, Default)]
pub(super) struct Pointer {
    click: Click,
}

/// Whose click is under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Click {
    /// The host's, or none.
    #[default]
    Forwarded,
    /// It moved the focus; what belongs to it, up to the release, is ours too.
    Ours,
}

impl App {
    /// Takes a mouse event in the cells of the outer screen.
    pub(super) fn mouse(&mut self, event: MouseEvent) {
        if !matches!(self.keyboard, Keyboard::Hosts | Keyboard::Scrollback) {
            return;
        }
        if self.select_by_mouse(event) {
            return;
        }
        let Some((member, inside)) = self.layout.hit(event.col, event.row) else { return };
        match event.kind {
            MouseKind::Down(_) if self.broadcast.focus() != Some(member) => {
                self.pointer.click = Click::Ours;
                self.set_focus(member);
            }
            MouseKind::Up(_) if self.pointer.click == Click::Ours => self.pointer.click = Click::Forwarded,
            MouseKind::Drag(_) if self.pointer.click == Click::Ours => {}
            MouseKind::WheelUp | MouseKind::WheelDown => self.wheel(member, inside, event),
            _ if self.broadcast.focus() == Some(member) => {
                self.pointer.click = Click::Forwarded;
                self.forward(member, inside, event);
            }
            _ => {}
        }
    }

    fn wheel(&mut self, member: MemberId, inside: Option<(u16, u16)>, event: MouseEvent) {
        if self.forward(member, inside, event) {
            return;
        }
        let lines = if event.kind == MouseKind::WheelUp { -WHEEL_LINES } else { WHEEL_LINES };
        // Where the user looks back the cursor goes along.
        match self.look().is_some_and(|look| look.member == member) {
            true => self.scroll_by(lines),
            false => self.scroll_tile(member, lines),
        }
    }

    /// Hands a mouse event to the program in the pane under the pointer; says whether the program has the mouse.
    fn forward(&mut self, member: MemberId, inside: Option<(u16, u16)>, event: MouseEvent) -> bool {
        let (Some(tile), Some((row, col))) = (self.tiles.get(member), inside) else { return false };
        let wants = tile.pane.modes().mouse != MouseMode::Off;
        if !wants || tile.top.is_some() || !self.broadcast.takes_pointer(member) {
            return false;
        }
        let Some(rect) = self.layout.rect(member) else { return false };
        let screen = tile.pane.screen();
        let cursor = screen.cursor();
        let (first_row, first_col) =
            layout::view(screen.size(), (cursor.row, cursor.col), layout::inner(rect));
        let (row, col) = (first_row + row, first_col + col);
        if row < screen.size().rows && col < screen.size().cols {
            let event = MouseEvent { row, col, ..event };
            if let Some(bytes) = tile.pane.encode_mouse(&event) {
                if self.broadcast.push(member, &bytes) == Push::NowHeld {
                    self.say_held(&[member]);
                }
                self.flush(member);
            }
        }
        true
    }

    /// Rows inside the frame of a tile; 1 where it is not shown.
    pub(super) fn height(&self, member: MemberId) -> u16 {
        self.layout.rect(member).map_or(1, |rect| layout::inner(rect).height.max(1))
    }
}
