//! The emulator behind its panic boundary.
//!
//! Nothing a host prints may end the program, and the emulator has panicked before on input that looked harmless. So
//! every call into it that can be steered by a host runs under `catch_unwind`; after a panic the emulator is replaced by
//! a fresh one, the history stays, and the pane says so.

use std::cell::Cell;
use std::num::NonZeroU16;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use super::history::History;
use super::modes::Modes;
use super::replies::{Facts, Question, Replies};
use crate::size::Size;

/// Below this many columns and rows the emulator is known to misbehave.
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
    parser: vt100::Parser<Watch>,
}

impl Emulator {
    pub(super) fn new(size: Size, history: History) -> Emulator {
        let size = fitting(size);
        let watch = Watch { history, ..Watch::default() };
        let (rows, cols) = (cells(size.rows), cells(size.cols));
        // Rows that leave the screen go to our own history at once; the emulator keeps none.
        Emulator { parser: vt100::Parser::new_with_callbacks(rows, cols, 0, watch) }
    }

    pub(super) fn screen(&self) -> &vt100::Screen {
        self.parser.screen()
    }

    pub(super) fn history(&self) -> &History {
        &self.parser.callbacks().history
    }

    pub(super) fn watch(&mut self) -> &mut Watch {
        self.parser.callbacks_mut()
    }

    pub(super) fn size(&self) -> Size {
        size_of_screen(self.screen())
    }

    pub(super) fn modes(&self) -> Modes {
        Modes::of(self.screen(), self.parser.callbacks().focus_events)
    }

    /// Feeds bytes that passed the filter: whole sequences and whole characters.
    pub(super) fn feed(&mut self, now: Duration, bytes: &[u8]) -> Kept {
        self.watch().now = now;
        self.guarded(self.size(), |parser| parser.process(bytes))
    }

    /// Gives the screen another size. Rows that fall off its top go to the history; room is added at its bottom.
    pub(super) fn resize(&mut self, asked: Size) -> Kept {
        let size = fitting(asked);
        if size == self.size() {
            return Kept::Same;
        }
        self.guarded(size, |parser| {
            forget_scrolled(parser);
            parser.set_size(cells(size.rows), cells(size.cols));
        })
    }

    /// Runs work that should leave the emulator with this size, and replaces it by a fresh one of this size if it panics.
    fn guarded(&mut self, size: Size, work: impl FnOnce(&mut vt100::Parser<Watch>)) -> Kept {
        let before = IN_BOUNDARY.replace(true);
        let result = catch_unwind(AssertUnwindSafe(|| work(&mut self.parser)));
        IN_BOUNDARY.set(before);
        if result.is_ok() {
            return Kept::Same;
        }
        // What the watch collected is ours and whole: a line is complete before it is added.
        let Watch { history, replies, .. } = std::mem::take(self.watch());
        *self = Emulator::new(size, history);
        self.watch().replies = replies;
        self.parser.process(NOTICE);
        Kept::Reset
    }
}

/// Makes the emulator forget how many rows it has scrolled away: when its screen grows it would put as many blank rows on
/// top, in the place of rows that it no longer has. That number belongs to the main screen, so the alternate one is left
/// for a moment; mode 47 clears nothing.
fn forget_scrolled(parser: &mut vt100::Parser<Watch>) {
    let alternate = parser.screen().alternate_screen();
    if alternate {
        parser.process(b"\x1b[?47l");
    }
    parser.screen_mut().clear_scrollback();
    if alternate {
        parser.process(b"\x1b[?47h");
    }
}

fn cells(n: u16) -> NonZeroU16 {
    NonZeroU16::new(n).unwrap_or(NonZeroU16::MIN)
}

fn size_of_screen(screen: &vt100::Screen) -> Size {
    let (rows, cols) = screen.size();
    Size { rows: rows.get(), cols: cols.get() }
}

/// What the emulator tells while it works.
#[derive(Debug, Default)]
pub(super) struct Watch {
    pub(super) history: History,
    pub(super) replies: Replies,
    pub(super) bell: bool,
    focus_events: bool,
    now: Duration,
    /// A row on its way to the history, kept for its memory.
    row: String,
}

impl vt100::Callbacks for Watch {
    fn audible_bell(&mut self, _: &mut vt100::Screen) {
        self.bell = true;
    }

    fn visual_bell(&mut self, _: &mut vt100::Screen) {
        self.bell = true;
    }

    fn unhandled_csi(
        &mut self,
        screen: &mut vt100::Screen,
        first: Option<u8>,
        second: Option<u8>,
        parameters: &[&[u16]],
        end: char,
    ) {
        match (first, second, end) {
            (Some(b'?'), None, 'h' | 'l') => {
                if parameters.iter().any(|p| p == &[1004]) {
                    self.focus_events = end == 'h';
                }
            }
            (Some(b'>'), None, 'J') => self.history.clear(),
            _ => {
                let question = Question { marks: (first, second), parameters, end };
                let facts = Facts {
                    modes: Modes::of(screen, self.focus_events),
                    size: size_of_screen(screen),
                    cursor: screen.cursor_position(),
                };
                self.replies.answer(self.now, question, &facts);
            }
        }
    }

    fn on_scroll(&mut self, contents: vt100::capture::RowContents<'_>, alternate_screen: bool) {
        if alternate_screen {
            return;
        }
        self.row.clear();
        let mut plain = vt100::capture::BasicFormattedCaptureState::new();
        if contents.write_formatted_basic(&mut self.row, &mut plain).is_ok() {
            self.history.push(&self.row);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pane::history::HistoryLimit;

    fn emulator(rows: u16, cols: u16) -> Emulator {
        Emulator::new(Size::new(rows, cols), History::new(HistoryLimit::default()))
    }

    fn feed(emulator: &mut Emulator, text: &str) -> Kept {
        emulator.feed(Duration::ZERO, text.as_bytes())
    }

    /// Makes the emulator panic; the filter lets no such text pass.
    fn killer() -> String {
        format!("\x1b[24;1H{}8\u{fe0f}\x1b[23;80Hx", "a".repeat(79))
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
            let history = emulator.history().len();
            assert_eq!(feed(&mut emulator, &killer()), Kept::Reset);
            assert!(!in_boundary());
            assert!(emulator.screen().contents().starts_with("emulator reset"));
            assert!(emulator.history().len() >= history);
            assert_eq!(emulator.size(), Size::DEFAULT);
            assert_eq!(feed(&mut emulator, "goes on"), Kept::Same);
            assert!(emulator.screen().contents().contains("goes on"));
        });
        assert_eq!(silenced, 1);
    }

    #[test]
    fn rows_that_leave_the_screen_are_kept_in_order() {
        let mut emulator = emulator(5, 20);
        for n in 0..100 {
            feed(&mut emulator, &format!("\x1b[3{}mline {n}\x1b[m\r\n", n % 8));
        }
        assert_eq!(emulator.history().len(), 96);
        for n in 0..96 {
            assert_eq!(emulator.history().line(n).map(|l| l.text()), Some(format!("line {n}")));
        }
        feed(&mut emulator, "\x1b[?1049h\x1b[5H\n\n\n");
        assert_eq!(emulator.history().len(), 96, "the alternate screen has no history");
        feed(&mut emulator, "\x1b[>3J");
        assert_eq!(emulator.history().len(), 0);
    }

    #[test]
    fn a_larger_screen_gets_its_room_at_the_bottom() {
        for enter in ["", "\x1b[?1049h"] {
            let mut emulator = emulator(5, 20);
            feed(&mut emulator, "1\r\n2\r\n3\r\n4\r\n5\r\n6\r\n7");
            feed(&mut emulator, enter);
            emulator.resize(Size::new(9, 20));
            feed(&mut emulator, if enter.is_empty() { "" } else { "\x1b[?1049l" });
            assert_eq!(emulator.screen().contents(), "3\n4\n5\n6\n7");
            assert_eq!(emulator.screen().cursor_position().0, 4);
            assert_eq!(emulator.history().len(), 2);
            emulator.resize(Size::new(3, 20));
            assert_eq!(emulator.screen().contents(), "5\n6\n7");
            assert_eq!(emulator.history().len(), 4);
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
