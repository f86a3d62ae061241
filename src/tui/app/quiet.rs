//! The quiet moment before a dialog takes keys, so that what somebody types at that moment answers nothing.
//!
//! A dialog that the user opens by a key of omnes listens at once. One that opens by anything else (a line that was ended,
//! a paste, a request of a script) may come up in the middle of somebody's typing: it listens after half a second without
//! a key, and a key before that only makes it wait longer. There is one such moment for whatever has the keyboard, so that
//! no dialog can forget it; the dialog of questions, which lives beside the keyboard, keeps its own.

use std::time::Duration;

use super::{App, Keyboard};

/// So long nothing must have been typed; a row of a table may be accepted only when it has been shown this long. About the
/// time in which a person sees what is new.
pub const QUIET: Duration = Duration::from_millis(500);

/// From when on keys are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Quiet {
    from: Duration,
}

impl Quiet {
    /// At once.
    pub(super) const OVER: Quiet = Quiet { from: Duration::ZERO };

    /// After a quiet moment that begins now.
    pub(super) fn from(now: Duration) -> Quiet {
        Quiet { from: now + QUIET }
    }

    /// Are keys taken?
    pub(super) fn is_over(self, now: Duration) -> bool {
        now >= self.from
    }

    /// When they will be, if that is still to come.
    pub(super) fn ends_at(self, now: Duration) -> Option<Duration> {
        (!self.is_over(now)).then_some(self.from)
    }

    /// A key: is it too early? Then the moment begins anew.
    pub(super) fn breaks(&mut self, now: Duration) -> bool {
        let early = !self.is_over(now);
        if early {
            *self = Quiet::from(now);
        }
        early
    }
}

impl App {
    /// A dialog has just opened that somebody may type into without knowing.
    pub(super) fn open_quietly(&mut self, keyboard: Keyboard) {
        self.keyboard = keyboard;
        self.quiet = Quiet::from(self.now);
    }

    /// A key: does it come too early for the dialog that has the keyboard?
    pub(super) fn is_too_early(&mut self) -> bool {
        if matches!(self.keyboard, Keyboard::Hosts) {
            // Whatever opens by this key opens by the user's own hand.
            self.quiet = Quiet::OVER;
        }
        self.quiet.breaks(self.now)
    }

    /// When the dialog that has the keyboard begins to listen, if that is still to come.
    pub(super) fn listens_at(&self) -> Option<Duration> {
        self.quiet.ends_at(self.now)
    }

    /// Does whatever has the keyboard take keys now?
    pub fn listens(&self) -> bool {
        self.quiet.is_over(self.now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_comes_too_early_makes_the_moment_longer() {
        let at = Duration::from_millis;
        let mut quiet = Quiet::from(at(1000));
        assert_eq!((quiet.is_over(at(1499)), quiet.ends_at(at(1499))), (false, Some(at(1500))));
        assert!(quiet.breaks(at(1400)));
        assert!(!quiet.is_over(at(1899)));
        assert!(!quiet.breaks(at(1900)) && quiet.is_over(at(1900)));
        assert_eq!((quiet.ends_at(at(1900)), Quiet::OVER.ends_at(at(0))), (None, None));
    }
}
