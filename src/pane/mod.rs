//! What a host shows: a terminal screen with its history, and how keys are encoded for it.
//!
//! Bytes of a host go through the parser (`parser`), which no hostile or broken stream gets past, into the terminal
//! (`terminal`), which is the crate `vt100` (`screens`) with what it lacks around it; both stand behind a panic boundary
//! (`emulator`). Rows that leave the screen become compact text (`history`). The way back is narrow: keys, pastes and mouse events encoded under the modes of this one terminal (`encode`, [`paste`],
//! `mouse`), and the answers of a closed list (`replies`). All of it is pure: time is passed in.

mod budget;
mod cell;
mod characters;
mod charset;
mod clipboard;
mod digest;
mod emulator;
mod encode;
mod face;
mod find;
mod history;
mod key;
mod keyboard;
mod modes;
mod mouse;
pub mod names;
mod parser;
pub mod paste;
mod pens;
mod replies;
mod screen;
mod screens;
mod sequence;
mod sgr;
mod situation;
mod tabs;
mod terminal;

use std::time::Duration;

pub use cell::{Cell, Color, Span, Style, StyledLine, Underline};
pub use clipboard::{CLIPBOARD_BYTES, ClipboardWrite};
pub use emulator::in_boundary;
pub use encode::{Encoded, encode_key};
pub use face::{FaceReader, Row, Unit, What};
pub use history::HistoryLimit;
pub use key::{Key, KeyCode, KeyError, LAST_FUNCTION_KEY, Mods};
pub use modes::{Cursor, CursorShape, KeyEncoding, Modes, MouseEncoding, MouseMode};
pub use mouse::{FocusChange, MouseButton, MouseEvent, MouseKind, encode_focus, encode_mouse};
pub use names::Names;
pub use paste::{PasteShape, encode_paste};
pub use replies::{LONGEST as LONGEST_REPLY, PER_SECOND as REPLIES_PER_SECOND};
pub use screen::{CursorAt, Screen};
pub use situation::{
    CursorLine, EchoSeen, EchoWatch, Prompts, SECRET_PROMPTS, SHELL_PROMPTS, Situation, pattern, situation,
};

use crate::size::Size;
use digest::Digest;
use emulator::{Emulator, Kept};
use face::Face;
use history::History;

/// What came of feeding a pane.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fed {
    /// Answers for the host that printed the bytes, and for no other; usually empty.
    pub replies: Vec<u8>,
    /// It rang the bell.
    pub bell: bool,
    /// The emulator failed and was replaced; the pane says "emulator reset".
    pub reset: bool,
    /// The title is another one.
    pub title_changed: bool,
    /// Text the host offers to the user's clipboard; the last one where it offered several. It goes nowhere by itself.
    pub clipboard: Option<ClipboardWrite>,
    /// Offers to the clipboard that were dropped because they were larger than [`CLIPBOARD_BYTES`].
    pub clipboard_dropped: usize,
    /// Work asked for by sequences that are worth more than their bytes, in units of about a nanosecond; a caller may
    /// read a host more slowly that asks for much.
    pub work: u64,
}

/// A host's terminal.
pub struct Pane {
    emulator: Emulator,
    digest: Digest,
    face: Face,
    revision: u64,
}

impl Pane {
    /// An empty terminal of this size, but at least 10x3 and at most 1024x512 cells.
    pub fn new(size: Size, limit: HistoryLimit) -> Pane {
        let emulator = Emulator::new(size, History::new(limit));
        Pane { emulator, digest: Digest::new(), face: Face::new(Names::default()), revision: 0 }
    }

    /// Takes bytes the host printed; `now` is the time since any fixed moment, for the rate of answers and the length of
    /// updates.
    ///
    /// Takes time in proportion to the bytes, whatever they say: some 10 ms for 4 kB of the worst on a screen of 300x200.
    pub fn feed(&mut self, now: Duration, bytes: &[u8]) -> Fed {
        let work = self.emulator.terminal().work();
        let reset = self.emulator.feed(now, bytes) == Kept::Reset;
        self.note_change(reset, !bytes.is_empty());
        let terminal = self.emulator.terminal_mut();
        let (clipboard, clipboard_dropped) = terminal.window.take_clipboard();
        Fed {
            replies: terminal.replies.take(),
            bell: terminal.take_bell(),
            reset,
            title_changed: terminal.window.take_title_changed(),
            clipboard,
            clipboard_dropped,
            work: terminal.work().saturating_sub(work),
        }
    }

    /// When [`Pane::wake`] is to be called if nothing is fed until then: while the host is within an update that it may never
    /// end (mode 2026). On the clock of [`Pane::feed`].
    pub fn wake_at(&self) -> Option<Duration> {
        self.emulator.terminal().wake_at()
    }

    /// Shows what a host keeps back too long; says whether what is to be seen may have changed.
    pub fn wake(&mut self, now: Duration) -> bool {
        let due = self.wake_at().is_some_and(|due| due <= now);
        if due {
            self.emulator.terminal_mut().tell_time(now);
            self.note_change(false, true);
        }
        due
    }

    /// Gives the terminal another size within the bounds of [`Pane::new`]; says whether the emulator had to be replaced.
    pub fn resize(&mut self, size: Size) -> Fed {
        let reset = self.emulator.resize(size) == Kept::Reset;
        self.note_change(reset, true);
        Fed { reset, ..Fed::default() }
    }

    /// The size of the terminal, which the host is told.
    pub fn size(&self) -> Size {
        self.emulator.size()
    }

    /// The size a terminal gets when this one is asked for.
    pub fn fitting(asked: Size) -> Size {
        emulator::fitting(asked)
    }

    /// The modes the host has set.
    pub fn modes(&self) -> Modes {
        self.emulator.terminal().modes()
    }

    /// What is to be seen.
    pub fn screen(&self) -> Screen<'_> {
        Screen { emulator: &self.emulator }
    }

    /// A number that is another one whenever what is to be seen may have changed: screen, history, cursor, title.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// A number for each row of the screen that changes when the row does.
    pub fn row_digests(&mut self) -> &[u64] {
        self.digest.rows(self.emulator.terminal().face())
    }

    /// One number for the whole screen, the cursor apart.
    pub fn digest(&mut self) -> u64 {
        self.row_digests().iter().fold(0, |all, row| all.rotate_left(7) ^ row)
    }

    /// The names of the host, which its face leaves out.
    pub fn names(&self) -> &Names {
        self.face.names()
    }

    /// Another set of names; the whole face is read again.
    pub fn set_names(&mut self, names: Names) {
        self.face = Face::new(names);
    }

    /// The number of what is to be seen with the host's own names put aside: equal for two panes, under one reader, where
    /// they show the same with the cursor at the same place. Reads those rows again that may have changed.
    pub fn face(&mut self, reader: &mut FaceReader) -> u64 {
        let screen = Screen { emulator: &self.emulator };
        self.face.number(screen, reader)
    }

    /// The bytes of a key for this terminal.
    pub fn encode_key(&self, key: Key) -> Encoded {
        encode_key(key, &self.modes())
    }

    /// The bytes of a paste for this terminal, cleaned.
    pub fn encode_paste(&self, text: &str) -> Vec<u8> {
        encode_paste(text, &self.modes())
    }

    /// The bytes of a mouse event, if this host wants it.
    pub fn encode_mouse(&self, event: &MouseEvent) -> Option<Encoded> {
        encode_mouse(event, &self.modes())
    }

    /// The bytes of a change of focus, if this host wants it.
    pub fn encode_focus(&self, change: FocusChange) -> Option<Encoded> {
        encode_focus(change, &self.modes())
    }

    /// Memory held beside the cells of the screen, in bytes: history and unfinished sequences.
    pub fn held_bytes(&self) -> usize {
        self.emulator.held_bytes()
    }

    fn note_change(&mut self, reset: bool, changed: bool) {
        let touched = self.emulator.terminal_mut().take_touched();
        self.digest.touch(touched.clone());
        self.face.touch(touched);
        self.revision += u64::from(reset || changed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pane() -> Pane {
        Pane::new(Size::DEFAULT, HistoryLimit::default())
    }

    fn feed(pane: &mut Pane, text: &str) -> Fed {
        pane.feed(Duration::ZERO, text.as_bytes())
    }

    #[test]
    fn what_is_fed_is_seen() {
        let mut pane = pane();
        let fed = feed(&mut pane, "\x1b]0;top\x07one \x1b[1;31mred\x1b[m 語\x07\r\n\x1b[6 q");
        assert_eq!(fed, Fed { bell: true, title_changed: true, ..Fed::default() });
        assert!(!feed(&mut pane, "\x1b]0;top\x07").title_changed);
        let screen = pane.screen();
        assert_eq!(screen.title(), "top");
        assert_eq!(screen.row_text(0), "one red 語");
        let red = screen.cell(0, 4);
        assert_eq!((red.text, red.style.fg, red.style.bold), ("r", Color::Indexed(1), true));
        assert!(screen.cell(0, 8).wide && screen.cell(0, 9).continuation);
        assert_eq!(screen.cell(500, 500), Cell::BLANK);
        let cursor = CursorAt { row: 1, col: 0, cursor: Cursor::Visible, shape: CursorShape::Bar };
        assert_eq!(screen.cursor(), cursor);
    }

    #[test]
    fn lines_run_from_the_history_into_the_screen() {
        let mut pane = pane();
        (0..50).for_each(|n| {
            feed(&mut pane, &format!("line {n}\r\n"));
        });
        let screen = pane.screen();
        assert_eq!((screen.history_len(), screen.line_count()), (27, 51));
        for n in 0..50 {
            assert_eq!(screen.line(n).text().trim_end(), format!("line {n}"));
        }
        assert_eq!(screen.line(9999), StyledLine::default());
    }

    #[test]
    fn each_pane_encodes_for_itself() {
        let (mut vim, mut prompt) = (pane(), pane());
        feed(&mut vim, "\x1b[?1049h\x1b[?1h\x1b=\x1b[?1002h\x1b[?1006h\x1b[?1004h");
        feed(&mut prompt, "\x1b[?2004h$ ");
        let up = Key::new(KeyCode::Up, Mods::NONE);
        assert_eq!((&*vim.encode_key(up), &*prompt.encode_key(up)), (&b"\x1bOA"[..], &b"\x1b[A"[..]));
        assert_eq!(vim.encode_paste("a\nb"), b"a\rb");
        assert_eq!(prompt.encode_paste("a\nb"), b"\x1b[200~a\nb\x1b[201~");
        let kind = MouseKind::Down(MouseButton::Left);
        let click = MouseEvent { kind, row: 0, col: 0, mods: Mods::NONE };
        assert_eq!(vim.encode_mouse(&click).as_deref(), Some(&b"\x1b[<0;1;1M"[..]));
        assert_eq!(prompt.encode_mouse(&click), None);
        assert!(vim.encode_focus(FocusChange::Lost).is_some());
        feed(&mut vim, "\x1bc");
        assert_eq!(vim.modes(), Modes::default());
        assert!(vim.encode_focus(FocusChange::Lost).is_none());
    }

    #[test]
    fn questions_are_answered_with_the_cursor_of_that_moment() {
        let mut pane = pane();
        let fed = feed(&mut pane, "\x1b[6n\x1b[5;9H\x1b[6n\x1b[c\x1b[>c\x1b[18t\x1b[?2004$p");
        assert_eq!(fed.replies, b"\x1b[1;1R\x1b[5;9R\x1b[?62;22c\x1b[>0;280;0c\x1b[8;24;80t\x1b[?2004;2$y");
        assert!(feed(&mut pane, "x").replies.is_empty());
    }

    #[test]
    fn the_digest_follows_what_is_seen() {
        let mut pane = pane();
        let empty = pane.digest();
        feed(&mut pane, "x");
        assert_ne!(pane.digest(), empty);
        feed(&mut pane, "\x1b]0;title\x07\x1b[?25l");
        let rows = pane.row_digests().to_vec();
        feed(&mut pane, "\x1b[24;80H\x1b[7mz");
        let changed: Vec<_> = (0..24).filter(|&n| pane.row_digests()[n] != rows[n]).collect();
        assert_eq!(changed, [23]);
        pane.resize(Size::new(3, 10));
        assert_eq!(pane.row_digests().len(), 3);
    }
}
