//! The questions of a host that its terminal answers by itself: a closed list.
//!
//! An answer arrives at the host as if it had been typed, so a host that could choose its bytes could type commands for
//! the user. Every answer is therefore one of seven templates filled with numbers of ours, at most [`LONGEST`] bytes, and at
//! most [`PER_SECOND`] go out a second. Whatever is not listed stays unanswered: version strings, colours, the title, the
//! clipboard, checksums, termcap queries.

use std::fmt::Write;
use std::time::Duration;

use super::modes::{Cursor, Modes, MouseEncoding, MouseMode};
use super::sequence::Sequence;
use crate::size::Size;

/// The longest answer in bytes.
pub const LONGEST: usize = 32;
/// Answers a second at most; the questions beyond stay unanswered. vim asks six when it starts.
pub const PER_SECOND: usize = 10;

/// A VT220 with colour: enough for programs that wait for any answer to this question before they draw.
const PRIMARY_ATTRIBUTES: &str = "\x1b[?62;22c";
/// An xterm new enough for SGR mouse reports.
const SECONDARY_ATTRIBUTES: &str = "\x1b[>0;280;0c";
const WELL: &str = "\x1b[0n";

/// One question as it was parsed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question {
    /// The bytes before and after the parameters, or 0.
    marks: (u8, u8),
    /// The first parameter, and how many there are.
    parameters: (u16, usize),
    /// The final byte.
    end: u8,
}

impl Question {
    pub(super) fn of(sequence: Sequence<'_>) -> Question {
        let Sequence { mark, parameters, intermediate, end } = sequence;
        Question { marks: (mark, intermediate), parameters: (parameters.number(0), parameters.len()), end }
    }
}

/// What the answers may tell.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    pub(super) modes: Modes,
    pub(super) autowrap: bool,
    /// An update is under way (mode 2026).
    pub(super) updating: bool,
    /// The flags of the kitty keyboard protocol that are in force.
    pub(super) keyboard: u8,
    pub(super) size: Size,
    /// Row and column of the cursor, from 0; the column may stand one beyond the last.
    pub(super) cursor: (u16, u16),
}

/// The answers collected in one feed, and when the last ones were given.
#[derive(Debug, Default)]
pub(super) struct Replies {
    pending: String,
    /// When the last answers were given, a ring of [`PER_SECOND`].
    given: [Option<Duration>; PER_SECOND],
    next: usize,
}

impl Replies {
    /// Answers a question if it is on the list and the rate allows it.
    pub(super) fn answer(&mut self, now: Duration, question: Question, facts: &Facts) {
        let Some(answer) = answer(question, facts) else { return };
        let recent = |then: Duration| now.saturating_sub(then) < Duration::from_secs(1);
        if self.given[self.next].is_some_and(recent) {
            return;
        }
        self.given[self.next] = Some(now);
        self.next = (self.next + 1) % PER_SECOND;
        self.pending.push_str(&answer);
    }

    /// Takes what has been answered since the last call.
    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.pending).into_bytes()
    }
}

fn answer(question: Question, facts: &Facts) -> Option<String> {
    let mut out = String::new();
    match (question.marks, question.parameters, question.end) {
        ((0, 0), (0, 1), b'c') => out.push_str(PRIMARY_ATTRIBUTES),
        ((b'>', 0), (0, 1), b'c') => out.push_str(SECONDARY_ATTRIBUTES),
        ((0, 0), (5, 1), b'n') => out.push_str(WELL),
        ((0, 0), (6, 1), b'n') => {
            let row = facts.cursor.0.min(facts.size.rows - 1) + 1;
            let col = facts.cursor.1.min(facts.size.cols - 1) + 1;
            write!(out, "\x1b[{row};{col}R").ok()?;
        }
        ((0, 0), (18, 1), b't') => write!(out, "\x1b[8;{};{}t", facts.size.rows, facts.size.cols).ok()?,
        ((b'?', b'$'), (mode, 1), b'p') => {
            let (mode, state) = known_mode(mode, facts)?;
            write!(out, "\x1b[?{mode};{}$y", state as u8).ok()?;
        }
        ((b'?', 0), (0, 1), b'u') => write!(out, "\x1b[?{}u", facts.keyboard).ok()?,
        _ => return None,
    }
    (out.len() <= LONGEST).then_some(out)
}

/// The states of DECRQM that occur here.
#[derive(Clone, Copy, Debug)]
enum ModeState {
    Unknown = 0,
    Set = 1,
    Reset = 2,
}

/// The state of a mode from our own table, its number taken from there too. Programs ask for the last ones to learn what
/// a terminal can do, and some wait for the answer "unknown".
fn known_mode(asked: u16, facts: &Facts) -> Option<(u16, ModeState)> {
    let modes = &facts.modes;
    let flag = |on| if on { ModeState::Set } else { ModeState::Reset };
    let table = [
        (1, flag(modes.application_cursor)),
        (7, flag(facts.autowrap)),
        (9, flag(modes.mouse == MouseMode::Press)),
        (25, flag(modes.cursor == Cursor::Visible)),
        (47, flag(modes.alternate_screen)),
        (1000, flag(modes.mouse == MouseMode::PressRelease)),
        (1002, flag(modes.mouse == MouseMode::Drag)),
        (1003, flag(modes.mouse == MouseMode::Motion)),
        (1004, flag(modes.focus_events)),
        (1005, flag(modes.mouse_encoding == MouseEncoding::Utf8)),
        (1006, flag(modes.mouse_encoding == MouseEncoding::Sgr)),
        (1047, flag(modes.alternate_screen)),
        (1049, flag(modes.alternate_screen)),
        (2004, flag(modes.bracketed_paste)),
        (2026, flag(facts.updating)),
        (2027, ModeState::Unknown),
        (2031, ModeState::Unknown),
        (2048, ModeState::Unknown),
    ];
    table.into_iter().find(|(mode, _)| *mode == asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        Facts {
            modes: Modes { application_cursor: true, ..Modes::default() },
            autowrap: true,
            updating: false,
            keyboard: 1,
            size: Size { rows: 24, cols: 80 },
            cursor: (4, 80),
        }
    }

    fn question(text: &str) -> Question {
        let (end, between) = text.as_bytes().split_last().expect("an end");
        Question::of(Sequence::parse(between, *end).expect("well formed"))
    }

    #[test]
    fn the_rate_holds_in_every_second() {
        let mut replies = Replies::default();
        let mut given = Vec::new();
        for ms in (0..5000).step_by(7).map(Duration::from_millis) {
            replies.answer(ms, question("5n"), &facts());
            given.extend(std::iter::repeat_n(ms, replies.take().len() / WELL.len()));
        }
        assert_eq!(given.len(), 5 * PER_SECOND);
        for window in given.windows(PER_SECOND + 1) {
            assert!(window[PER_SECOND] - window[0] >= Duration::from_secs(1));
        }
    }

    #[test]
    fn the_list_is_closed_and_short() {
        let asked = |text: &str| answer(question(text), &facts());
        for (text, reply) in [
            ("c", PRIMARY_ATTRIBUTES),
            ("0c", PRIMARY_ATTRIBUTES),
            (">c", SECONDARY_ATTRIBUTES),
            ("5n", WELL),
            ("6n", "\x1b[5;80R"),
            ("18t", "\x1b[8;24;80t"),
            ("?1$p", "\x1b[?1;1$y"),
            ("?7$p", "\x1b[?7;1$y"),
            ("?2026$p", "\x1b[?2026;2$y"),
            ("?2027$p", "\x1b[?2027;0$y"),
            ("?u", "\x1b[?1u"),
        ] {
            assert_eq!(asked(text).as_deref(), Some(reply), "{text}");
        }
        for n in 0..=u16::MAX {
            if let Some(reply) = asked(&format!("?{n}$p")) {
                assert!(reply.len() <= LONGEST);
                assert!(known_mode(n, &facts()).is_some());
            }
        }
        for text in ["1c", "=c", ">0q", "21t", "14t", "6;6n", "?1u", "1;1*y", "?31337$p", "4$p", "?6n"] {
            assert_eq!(asked(text), None, "{text}");
        }
    }
}
