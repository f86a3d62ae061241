//! The emulator behind its panic boundary: the parser and the terminal it drives.
//!
//! Nothing a host prints may end the program, and emulators have panicked before on input that looked harmless. No input is
//! known that makes this one panic; yet every call into it that can be steered by a host runs under `catch_unwind`, and
//! after a panic the emulator is replaced by a fresh one, the history stays, and the pane says so.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use super::history::History;
use super::parser::Parser;
use super::terminal::Terminal;
use crate::size::Size;

/// Programs expect no less, and a wide character always has room.
const SMALLEST: Size = Size { rows: 3, cols: 10 };
/// Above this the cells of one pane would take more than 16 MB.
const LARGEST: Size = Size { rows: 512, cols: 1024 };
/// What a fresh emulator shows after the old one failed.
const NOTICE: &[u8] = b"emulator reset\r\n";

/// The size an emulator gets when this one is asked for.
pub(super) fn fitting(asked: Size) -> Size {
    Size {
        rows: asked.rows.clamp(SMALLEST.rows, LARGEST.rows),
        cols: asked.cols.clamp(SMALLEST.cols, LARGEST.cols),
    }
}

thread_local! {
    static IN_BOUNDARY: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is inside an emulator's panic boundary; the program's panic hook stays quiet there, since the
/// panic is caught and shown in its pane.
pub fn in_boundary() -> bool {
    IN_BOUNDARY.get()
}

/// What became of a call into the emulator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// It went well.
    Same,
    /// It panicked and was replaced.
    Reset,
}

/// The emulator of one pane.
pub(super) struct Emulator {
    parser: Parser,
    terminal: Terminal,
}

impl Emulator {
    pub(super) fn new(size: Size, history: History) -> Emulator {
        Emulator { parser: Parser::default(), terminal: Terminal::new(fitting(size), history) }
    }

    pub(super) fn terminal(&self) -> &Terminal {
        &self.terminal
    }

    pub(super) fn terminal_mut(&mut self) -> &mut Terminal {
        &mut self.terminal
    }

    pub(super) fn size(&self) -> Size {
        self.terminal.size()
    }

    /// Memory held beside the cells of the screen, in bytes.
    pub(super) fn held_bytes(&self) -> usize {
        self.terminal.history.held_bytes() + self.terminal.held_bytes() + self.parser.held_bytes()
    }

    /// Feeds what a host printed.
    pub(super) fn feed(&mut self, now: Duration, bytes: &[u8]) -> Kept {
        self.guarded(self.size(), |parser, terminal| {
            terminal.tell_time(now);
            parser.feed(bytes, terminal);
        })
    }

    /// Gives the screen another size.
    pub(super) fn resize(&mut self, asked: Size) -> Kept {
        let size = fitting(asked);
        if size == self.size() {
            return Kept::Same;
        }
        self.guarded(size, |_, terminal| terminal.resize(size))
    }

    /// Runs work that should leave the emulator with this size, and replaces it by a fresh one of this size if it panics.
    fn guarded(&mut self, size: Size, work: impl FnOnce(&mut Parser, &mut Terminal)) -> Kept {
        let before = IN_BOUNDARY.replace(true);
        let Emulator { parser, terminal } = self;
        let result = catch_unwind(AssertUnwindSafe(|| work(parser, terminal)));
        IN_BOUNDARY.set(before);
        if result.is_ok() {
            return Kept::Same;
        }
        // The history and the answers are whole: a line is complete before it is added, an answer before it is given.
        let history = std::mem::take(&mut self.terminal.history);
        let replies = std::mem::take(&mut self.terminal.replies);
        *self = Emulator::new(size, history);
        self.terminal.replies = replies;
        self.parser.feed(NOTICE, &mut self.terminal);
        Kept::Reset
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pane::history::HistoryLimit;

    fn emulator(rows: u16, cols: u16) -> Emulator {
        Emulator::new(Size::new(rows, cols), History::new(HistoryLimit::default()))
    }

    /// The rows of the screen without blanks at the ends, and without the empty ones at the end.
    fn contents(emulator: &Emulator) -> String {
        let face = emulator.terminal().face();
        let text = |slot: &crate::pane::slot::Slot| match slot.text(face.clusters) {
            "" => " ".to_owned(),
            text => text.to_owned(),
        };
        let rows = face.rows.iter().map(|row| row.slots().iter().map(text).collect::<String>());
        let rows: Vec<String> = rows.map(|row| row.trim_end().to_owned()).collect();
        rows.join("\n").trim_end().to_owned()
    }

    fn feed(emulator: &mut Emulator, text: &str) -> Kept {
        emulator.feed(Duration::ZERO, text.as_bytes())
    }

    /// Runs with a panic hook as the program's own must be: quiet inside the boundary. Returns how often it was.
    fn panics_silenced(work: impl FnOnce()) -> usize {
        use std::sync::atomic::{AtomicUsize, Ordering};
        static SILENCED: AtomicUsize = AtomicUsize::new(0);
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| match in_boundary() {
            true => {
                SILENCED.fetch_add(1, Ordering::SeqCst);
            }
            false => before(info),
        }));
        work();
        SILENCED.load(Ordering::SeqCst)
    }

    #[test]
    fn a_panic_costs_the_screen_and_nothing_else() {
        let silenced = panics_silenced(|| {
            let mut emulator = emulator(24, 80);
            feed(&mut emulator, &"line\r\n".repeat(30));
            let history = emulator.terminal().history.len();
            let size = emulator.size();
            assert_eq!(emulator.guarded(size, |_, _| panic!("a fault")), Kept::Reset);
            assert!(!in_boundary());
            assert!(contents(&emulator).starts_with("emulator reset"));
            assert!(emulator.terminal().history.len() >= history);
            assert_eq!(emulator.size(), Size::DEFAULT);
            assert_eq!(feed(&mut emulator, "goes on"), Kept::Same);
            assert!(contents(&emulator).contains("goes on"));
        });
        assert_eq!(silenced, 1);
    }

    #[test]
    fn rows_that_leave_the_screen_are_kept_in_order() {
        let mut emulator = emulator(5, 20);
        for n in 0..100 {
            feed(&mut emulator, &format!("\x1b[3{}mline {n}\x1b[m\r\n", n % 8));
        }
        assert_eq!(emulator.terminal().history.len(), 96);
        for n in 0..96 {
            assert_eq!(emulator.terminal().history.line(n).map(|l| l.text()), Some(format!("line {n}")));
        }
        feed(&mut emulator, "\x1b[?1049h\x1b[5H\n\n\n");
        assert_eq!(emulator.terminal().history.len(), 96, "the alternate screen has no history");
        feed(&mut emulator, "\x1b[3J");
        assert_eq!(emulator.terminal().history.len(), 0);
    }

    #[test]
    fn a_larger_screen_gets_its_room_at_the_bottom() {
        for enter in ["", "\x1b[?1049h"] {
            let mut emulator = emulator(5, 20);
            feed(&mut emulator, "1\r\n2\r\n3\r\n4\r\n5\r\n6\r\n7");
            feed(&mut emulator, enter);
            emulator.resize(Size::new(9, 20));
            feed(&mut emulator, if enter.is_empty() { "" } else { "\x1b[?1049l" });
            assert_eq!(contents(&emulator), "3\n4\n5\n6\n7");
            assert_eq!(emulator.terminal().face().cursor.row, 4);
            assert_eq!(emulator.terminal().history.len(), 2);
            emulator.resize(Size::new(3, 20));
            assert_eq!(contents(&emulator), "5\n6\n7");
            assert_eq!(emulator.terminal().history.len(), 4);
        }
    }

    #[test]
    fn sizes_are_kept_within_bounds() {
        let mut emulator = emulator(1, 1);
        assert_eq!(emulator.size(), SMALLEST);
        emulator.resize(Size::new(u16::MAX, u16::MAX));
        assert_eq!(emulator.size(), LARGEST);
        emulator.resize(Size::new(24, 1));
        assert_eq!(emulator.size(), Size::new(24, 10));
    }
}
