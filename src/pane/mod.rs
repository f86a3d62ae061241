//! What a host shows: a terminal screen with its history, and how keys are encoded for it.
//!
//! Bytes of a host go through the filter ([`filter`]), which no hostile or broken stream gets past, into the emulator
//! behind its panic boundary ([`emulator`]); rows that leave the screen become compact text ([`history`]). The way back
//! is narrow: keys, pastes and mouse events encoded under the modes of this one terminal ([`encode`], [`paste`],
//! [`mouse`]), and the answers of a closed list ([`replies`]). All of it is pure: time is passed in.

mod budget;
mod cell;
mod characters;
mod digest;
mod emulator;
mod encode;
mod filter;
mod history;
mod key;
mod modes;
mod mouse;
pub mod paste;
mod replies;
mod screen;

use std::time::Duration;

pub use cell::{Cell, Color, Span, Style, StyledLine};
pub use emulator::in_boundary;
pub use encode::{Encoded, encode_key};
pub use history::HistoryLimit;
pub use key::{Key, KeyCode, KeyError, LAST_FUNCTION_KEY, Mods};
pub use modes::{Cursor, CursorShape, Modes, MouseEncoding, MouseMode};
pub use mouse::{FocusChange, MouseButton, MouseEvent, MouseKind, encode_focus, encode_mouse};
pub use paste::{PasteShape, encode_paste};
pub use replies::{LONGEST as LONGEST_REPLY, PER_SECOND as REPLIES_PER_SECOND};
pub use screen::{CursorAt, Screen};

use crate::size::Size;
use digest::{Digest, Stale};
use emulator::{Emulator, Kept};
use filter::Filter;
use history::History;

/// Input is taken in pieces of this many bytes, so that what is held between filter and emulator stays small.
const PIECE: usize = 4096;

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
    /// Work asked for by sequences that are worth more than their bytes, in units of about a nanosecond; a caller may
    /// read a host more slowly that asks for much.
    pub work: u64,
}

/// A host's terminal.
pub struct Pane {
    filter: Filter,
    emulator: Emulator,
    digest: Digest,
    title: String,
}

impl Pane {
    /// An empty terminal of this size, but at least 10x3 and at most 1024x512 cells.
    pub fn new(size: Size, limit: HistoryLimit) -> Pane {
        let emulator = Emulator::new(size, History::new(limit));
        Pane { filter: Filter::new(emulator.size()), emulator, digest: Digest::new(), title: String::new() }
    }

    /// Takes bytes the host printed; `now` is the time since any fixed moment, for the rate of answers.
    ///
    /// Takes time in proportion to the bytes, whatever they say: about 20 ms for 4 kB at the very worst.
    pub fn feed(&mut self, now: Duration, bytes: &[u8]) -> Fed {
        let mut fed = Fed::default();
        let work = self.filter.work();
        let mut passed = Vec::with_capacity(bytes.len().min(PIECE) + 64);
        for piece in bytes.chunks(PIECE) {
            passed.clear();
            self.filter.feed(piece, &mut passed);
            self.digest.touch(digest::touched(&passed, self.emulator.screen()));
            if self.emulator.feed(now, &passed) == Kept::Reset {
                self.start_over();
                fed.reset = true;
            }
        }
        fed.title_changed = self.take_title();
        fed.work = self.filter.work().saturating_sub(work);
        let watch = self.emulator.watch();
        fed.bell = std::mem::take(&mut watch.bell);
        fed.replies = watch.replies.take();
        fed
    }

    /// Gives the terminal another size within the bounds of [`Pane::new`]; says whether the emulator had to be replaced.
    pub fn resize(&mut self, size: Size) -> Fed {
        let reset = self.emulator.resize(size) == Kept::Reset;
        if reset {
            self.start_over();
        }
        self.filter.resize(self.emulator.size());
        self.digest.touch(Stale::All);
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
        self.emulator.modes()
    }

    /// What is to be seen.
    pub fn screen(&self) -> Screen<'_> {
        Screen { emulator: &self.emulator, title: &self.title }
    }

    /// A number for each row of the screen that changes when the row does.
    pub fn row_digests(&mut self) -> &[u64] {
        self.digest.rows(self.emulator.screen())
    }

    /// One number for the whole screen, the cursor apart.
    pub fn digest(&mut self) -> u64 {
        self.row_digests().iter().fold(0, |all, row| all.rotate_left(7) ^ row)
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
        self.emulator.history().held_bytes() + self.filter.held_bytes()
    }

    fn take_title(&mut self) -> bool {
        let title = self.filter.take_title().filter(|title| *title != self.title);
        let changed = title.is_some();
        self.title = title.unwrap_or_else(|| std::mem::take(&mut self.title));
        changed
    }

    /// A fresh emulator begins with a fresh stream of sequences.
    fn start_over(&mut self) {
        self.filter = Filter::new(self.emulator.size());
        self.digest = Digest::new();
    }
}
