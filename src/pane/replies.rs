//! The questions of a host that its terminal answers by itself: a closed list.
//!
//! An answer arrives at the host as if it had been typed, so a host that could choose its bytes could type commands for
//! the user. Every answer is therefore one of six templates filled with numbers of ours, at most [`LONGEST`] bytes, and at
//! most [`PER_SECOND`] go out a second. Whatever is not listed stays unanswered: version strings, colours, the title, the
//! clipboard, checksums, termcap queries.

use std::fmt::Write;
use std::time::Duration;

use super::modes::{Cursor, Modes, MouseEncoding, MouseMode};
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
pub(super) struct Question<'a> {
    /// The bytes before and after the parameters.
    pub(super) marks: (Option<u8>, Option<u8>),
    /// The parameters.
    pub(super) parameters: &'a [&'a [u16]],
    /// The final character.
    pub(super) end: char,
}

/// What the answers may tell.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    pub(super) modes: Modes,
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
    pub(super) fn answer(&mut self, now: Duration, question: Question<'_>, facts: &Facts) {
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

fn answer(question: Question<'_>, facts: &Facts) -> Option<String> {
    let mut first = question.parameters.iter().map(|p| p.first().copied().unwrap_or(0));
    let first = (first.next().unwrap_or(0), question.parameters.len());
    let mut out = String::new();
    match (question.marks, first, question.end) {
        ((None, None), (0, 0 | 1), 'c') => out.push_str(PRIMARY_ATTRIBUTES),
        ((Some(b'>'), None), (0, 0 | 1), 'c') => out.push_str(SECONDARY_ATTRIBUTES),
        ((None, None), (5, 1), 'n') => out.push_str(WELL),
        ((None, None), (6, 1), 'n') => {
            let row = facts.cursor.0.min(facts.size.rows - 1) + 1;
            let col = facts.cursor.1.min(facts.size.cols - 1) + 1;
            write!(out, "\x1b[{row};{col}R").ok()?;
        }
        ((None, None), (18, 1), 't') => {
            write!(out, "\x1b[8;{};{}t", facts.size.rows, facts.size.cols).ok()?
        }
        ((Some(b'?'), Some(b'$')), (mode, 1), 'p') => {
            let (mode, state) = known_mode(mode, &facts.modes)?;
            write!(out, "\x1b[?{mode};{}$y", state as u8).ok()?;
        }
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
    AlwaysSet = 3,
}

/// The state of a mode from our own table, its number taken from there too. Programs ask for the last ones to learn what
/// a terminal can do, and some wait for the answer "unknown".
fn known_mode(asked: u16, modes: &Modes) -> Option<(u16, ModeState)> {
    let flag = |on| if on { ModeState::Set } else { ModeState::Reset };
    let table = [
        (1, flag(modes.application_cursor)),
        (7, ModeState::AlwaysSet),
        (9, flag(modes.mouse == MouseMode::Press)),
        (25, flag(modes.cursor == Cursor::Visible)),
        (47, flag(modes.alternate_screen)),
        (1000, flag(modes.mouse == MouseMode::PressRelease)),
        (1002, flag(modes.mouse == MouseMode::Drag)),
        (1003, flag(modes.mouse == MouseMode::Motion)),
        (1004, flag(modes.focus_events)),
        (1005, flag(modes.mouse_encoding == MouseEncoding::Utf8)),
        (1006, flag(modes.mouse_encoding == MouseEncoding::Sgr)),
        (1049, flag(modes.alternate_screen)),
        (2004, flag(modes.bracketed_paste)),
        (2026, ModeState::Unknown),
        (2027, ModeState::Unknown),
        (2031, ModeState::Unknown),
        (2048, ModeState::Unknown),
    ];
    table.into_iter().find(|(mode, _)| *mode == asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACTS: Facts = Facts {
        modes: Modes {
            application_cursor: true,
            application_keypad: false,
            bracketed_paste: false,
            mouse: MouseMode::Off,
            mouse_encoding: MouseEncoding::Default,
            focus_events: false,
            alternate_screen: false,
            cursor: Cursor::Visible,
            cursor_shape: super::super::modes::CursorShape::Default,
        },
        size: Size { rows: 24, cols: 80 },
        cursor: (4, 80),
    };

    #[test]
    fn the_rate_holds_in_every_second() {
        let mut replies = Replies::default();
        let question = Question { marks: (None, None), parameters: &[&[5]], end: 'n' };
        let mut given = Vec::new();
        for ms in (0..5000).step_by(7).map(Duration::from_millis) {
            replies.answer(ms, question, &FACTS);
            given.extend(std::iter::repeat_n(ms, replies.take().len() / WELL.len()));
        }
        assert_eq!(given.len(), 5 * PER_SECOND);
        for window in given.windows(PER_SECOND + 1) {
            assert!(window[PER_SECOND] - window[0] >= Duration::from_secs(1));
        }
    }

    #[test]
    fn the_list_is_closed_and_short() {
        let asked = |marks, parameters: &[&[u16]], end| answer(Question { marks, parameters, end }, &FACTS);
        let none = (None, None);
        assert_eq!(asked(none, &[&[0]], 'c').as_deref(), Some(PRIMARY_ATTRIBUTES));
        assert_eq!(asked((Some(b'>'), None), &[&[0]], 'c').as_deref(), Some(SECONDARY_ATTRIBUTES));
        assert_eq!(asked(none, &[&[6]], 'n').as_deref(), Some("\x1b[5;80R"));
        assert_eq!(asked(none, &[&[18]], 't').as_deref(), Some("\x1b[8;24;80t"));
        assert_eq!(asked((Some(b'?'), Some(b'$')), &[&[1]], 'p').as_deref(), Some("\x1b[?1;1$y"));
        assert_eq!(asked((Some(b'?'), Some(b'$')), &[&[2026]], 'p').as_deref(), Some("\x1b[?2026;0$y"));
        for n in 0..=u16::MAX {
            if let Some(reply) = asked((Some(b'?'), Some(b'$')), &[&[n]], 'p') {
                assert!(reply.len() <= LONGEST);
                assert!(known_mode(n, &FACTS.modes).is_some());
            }
        }
        for (marks, parameters, end) in [
            (none, &[&[1u16][..]][..], 'c'),
            ((Some(b'='), None), &[&[0]], 'c'),
            ((Some(b'>'), None), &[&[0]], 'q'),
            (none, &[&[21]], 't'),
            (none, &[&[14]], 't'),
            (none, &[&[6], &[6]], 'n'),
            ((Some(b'?'), None), &[&[0]], 'u'),
            ((Some(b'*'), None), &[&[1], &[1]], 'y'),
            ((Some(b'?'), Some(b'$')), &[&[31337]], 'p'),
        ] {
            assert_eq!(asked(marks, parameters, end), None, "{marks:?} {parameters:?} {end}");
        }
    }
}
