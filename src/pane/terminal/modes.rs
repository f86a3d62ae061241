//! Modes, the two screens, and the saved cursor.

use super::{Saved, Terminal};
use crate::pane::budget::Work;
use crate::pane::grid::Grid;
use crate::pane::modes::{Cursor, MouseEncoding, MouseMode};
use crate::pane::pen::Pen;
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
                9 | 1000 | 1002 | 1003 | 1005 | 1006 => self.set_mouse(mode, on),
                47 | 1047 | 1048 | 1049 => self.switch_screen(mode, on),
                _ => self.set_private_mode(mode, on),
            }
        }
    }

    fn set_private_mode(&mut self, mode: u16, on: bool) {
        match mode {
            1 => self.modes.application_cursor = on,
            5 => self.reverse(on),
            6 => {
                self.ways.origin = on;
                self.go(1, 1);
            }
            7 => self.ways.autowrap = on,
            25 => self.modes.cursor = if on { Cursor::Visible } else { Cursor::Hidden },
            66 => self.modes.application_keypad = on,
            1004 => self.modes.focus_events = on,
            2004 => self.modes.bracketed_paste = on,
            2026 if on => self.begin_update(),
            2026 => self.end_update(),
            _ => {}
        }
    }

    /// DECSCNM.
    fn reverse(&mut self, on: bool) {
        if self.ways.reversed != on {
            self.ways.reversed = on;
            self.touched.add(0..self.size.rows);
        }
    }

    fn set_mouse(&mut self, mode: u16, on: bool) {
        let modes = &mut self.modes;
        let mouse = match mode {
            9 => MouseMode::Press,
            1000 => MouseMode::PressRelease,
            1002 => MouseMode::Drag,
            1003 => MouseMode::Motion,
            _ => {
                let encoding = if mode == 1005 { MouseEncoding::Utf8 } else { MouseEncoding::Sgr };
                if on || modes.mouse_encoding == encoding {
                    modes.mouse_encoding = if on { encoding } else { MouseEncoding::Default };
                }
                return;
            }
        };
        if on || modes.mouse == mouse {
            modes.mouse = if on { mouse } else { MouseMode::Off };
        }
    }

    /// The modes of the alternate screen: 47 only shows it, 1047 also empties it on leaving, 1048 saves the cursor, and 1049 is
    /// both, but empties it on entering.
    fn switch_screen(&mut self, mode: u16, on: bool) {
        match (mode, on) {
            (1048, true) => self.save_cursor(),
            (1048, false) => self.restore_cursor(),
            (1049, true) => {
                if !self.modes.alternate_screen {
                    self.save_cursor();
                }
                self.show_alternate();
                self.empty_alternate();
            }
            (1049, false) => {
                if self.modes.alternate_screen {
                    self.alternate = None;
                }
                self.show_main();
                self.restore_cursor();
            }
            (_, true) => self.show_alternate(),
            (_, false) => {
                if mode == 1047 && self.modes.alternate_screen {
                    self.alternate = None;
                }
                self.show_main();
            }
        }
    }

    fn show_alternate(&mut self) {
        if self.modes.alternate_screen || !self.budget.pay(self.cells(), Work::Allocate) {
            return;
        }
        let size = self.size;
        self.alternate.get_or_insert_with(|| Grid::new(size));
        self.modes.alternate_screen = true;
        self.screen_changed();
    }

    fn show_main(&mut self) {
        if self.modes.alternate_screen {
            self.modes.alternate_screen = false;
            self.screen_changed();
        }
    }

    fn screen_changed(&mut self) {
        self.modes.key_encoding = self.keyboards[self.shown()].encoding();
        self.touched.add(0..self.size.rows);
    }

    fn empty_alternate(&mut self) {
        let (rows, pen) = (self.size.rows, self.pen.erased());
        if self.modes.alternate_screen && self.budget.pay(self.cells(), Work::Clear) {
            self.touched.add(0..rows);
            self.grid_mut().erase(0..rows, pen);
        }
    }

    /// DECSC.
    pub(in crate::pane) fn save_cursor(&mut self) {
        self.saved[self.shown()] = Saved {
            cursor: self.cursor,
            style: self.style,
            charsets: self.charsets,
            origin: self.ways.origin,
        };
    }

    /// DECRC; what was never saved is as at the beginning.
    pub(in crate::pane) fn restore_cursor(&mut self) {
        let saved = self.saved[self.shown()];
        self.cursor = saved.cursor;
        self.style = saved.style;
        self.pen = Pen::of(&saved.style);
        self.charsets = saved.charsets;
        self.ways.origin = saved.origin;
    }

    /// DECKPAM and DECKPNM.
    pub(in crate::pane) fn set_keypad(&mut self, application: bool) {
        self.modes.application_keypad = application;
    }
}
