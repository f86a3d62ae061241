//! Modes, the two screens, and the saved cursor.

use super::{Saved, Terminal};
use crate::pane::budget::Work;
use crate::pane::cell::Style;
use crate::pane::sequence::{Parameter, Sequence};

impl Terminal {
    /// SM and RM.
    pub(super) fn set_ansi_modes(&mut self, sequence: Sequence<'_>) {
        let on = sequence.end == b'h';
        for mode in sequence.parameters.all().map(Parameter::number) {
            match mode {
                4 => self.ways.insert = on,
                20 => self.ways.newline = on,
                _ => {}
            }
        }
    }

    /// DECSET and DECRST.
    pub(super) fn set_private_modes(&mut self, sequence: Sequence<'_>) {
        let on = sequence.end == b'h';
        for mode in sequence.parameters.all().map(Parameter::number) {
            match mode {
                47 | 1047 | 1048 | 1049 => self.switch_screen(mode, on),
                _ => self.set_private_mode(mode, on),
            }
        }
    }

    fn set_private_mode(&mut self, mode: u16, on: bool) {
        match mode {
            // Those that `vt100` keeps: keys, the cursor, the mouse and how it is written, pastes.
            1 | 25 | 9 | 1000 | 1002 | 1003 | 1005 | 1006 | 2004 => self.pass_mode(mode, on),
            5 => self.reverse(on),
            6 => {
                self.ways.origin = on;
                // It also leads to the first cell.
                self.pass_mode(mode, on);
            }
            7 => self.ways.autowrap = on,
            66 => self.set_keypad(on),
            1004 => self.focus_events = on,
            2026 if on => self.begin_update(),
            2026 => self.end_update(),
            _ => {}
        }
    }

    fn pass_mode(&mut self, mode: u16, on: bool) {
        self.screens.order(format_args!("\x1b[?{mode}{}", if on { 'h' } else { 'l' }));
    }

    /// DECSCNM.
    fn reverse(&mut self, on: bool) {
        if self.ways.reversed != on {
            self.ways.reversed = on;
            self.touch_all();
        }
    }

    /// The modes of the alternate screen: 47 only shows it, 1047 also empties it on leaving, 1048 saves the cursor, and 1049 is
    /// both, but empties it on entering too. That of `vt100` would give each screen a cursor and a region of its own.
    fn switch_screen(&mut self, mode: u16, on: bool) {
        let alternate = self.shown() == 1;
        match (mode, on) {
            (1048, true) => self.save_cursor(),
            (1048, false) => self.restore_cursor(),
            (1049, true) => {
                if !alternate {
                    self.save_cursor();
                }
                self.show_alternate();
                self.empty_alternate();
            }
            (_, true) => self.show_alternate(),
            (_, false) => {
                if alternate {
                    if mode != 47 {
                        self.paint(Style::PLAIN);
                        self.screens.write(b"\x1b[2J");
                    }
                    self.show(false);
                }
                if mode == 1049 {
                    self.restore_cursor();
                }
            }
        }
    }

    fn show_alternate(&mut self) {
        if self.shown() == 0 && self.budget.pay(self.cells(), Work::Allocate) {
            self.show(true);
        }
    }

    /// Shows the other screen, with the cursor, the region and the origin of this one.
    fn show(&mut self, alternate: bool) {
        let place = self.screens.cursor();
        self.screens.show(alternate);
        self.give_region();
        self.screens.place(place);
        self.touch_all();
    }

    /// Tells the screens region and origin, which leads to the first cell.
    pub(super) fn give_region(&mut self) {
        let origin = if self.ways.origin { 'h' } else { 'l' };
        let (first, last) = (self.region.start + 1, self.region.end);
        self.screens.order(format_args!("\x1b[{first};{last}r\x1b[?6{origin}"));
    }

    fn empty_alternate(&mut self) {
        if self.shown() == 1 && self.budget.pay(self.cells(), Work::Clear) {
            self.touch_all();
            self.paint_erased();
            self.screens.write(b"\x1b[2J");
        }
    }

    /// DECSC.
    pub(in crate::pane) fn save_cursor(&mut self) {
        self.saved[self.shown()] =
            Saved { style: self.style, charsets: self.charsets, origin: self.ways.origin };
        self.screens.write(b"\x1b7");
    }

    /// DECRC; what was never saved is as at the beginning.
    pub(in crate::pane) fn restore_cursor(&mut self) {
        let saved = self.saved[self.shown()];
        self.style = saved.style;
        self.charsets = saved.charsets;
        self.ways.origin = saved.origin;
        self.screens.restore_cursor();
    }

    /// DECKPAM and DECKPNM.
    pub(in crate::pane) fn set_keypad(&mut self, application: bool) {
        self.screens.write(if application { b"\x1b=" } else { b"\x1b>" });
    }
}
