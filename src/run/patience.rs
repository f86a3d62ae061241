//! What a run without windows says about hosts that are not under way: a server that turns connections away slows the
//! whole run, and whoever watches it must not take that for a fault of omnes.
//!
//! The schedule hears of the same, since a host that waits for its turn is not dead, and one that was turned away may mean
//! that too many are worked on at once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;

use super::schedule::Way;
use super::writer::Events;
use super::{Happened, HostIx};
use crate::hosts::Host;
use crate::ssh::{Progress, Stage, Wait};

/// Signs that the schedule has not taken; at the bound a host that was reached waits to say so, and what matters less
/// is not said.
const SIGNS: usize = 256;

/// What the schedule hears of a host while it is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    /// It waits, or goes on.
    Goes(HostIx, Way),
    /// It was reached, in so long.
    Reached(HostIx, Duration),
}

/// A queue of signs.
pub(super) fn signs() -> (mpsc::Sender<Sign>, mpsc::Receiver<Sign>) {
    mpsc::channel(SIGNS)
}

/// Tells of the first host that is throttled; the others of a run would say the same.
pub(super) struct Patience<'a> {
    pub(super) host: (HostIx, &'a Host),
    pub(super) events: &'a Events,
    pub(super) signs: &'a mpsc::Sender<Sign>,
    pub(super) told: &'a AtomicBool,
}

impl Patience<'_> {
    fn goes(&self, way: Way) {
        // Where many are untold the schedule is behind, and one more or less decides nothing.
        let _ = self.signs.try_send(Sign::Goes(self.host.0, way));
    }
}

impl Progress for Patience<'_> {
    fn stage(&self, _: Stage) {}

    fn asking(&self, asking: bool) {
        self.goes(if asking { Way::Waits } else { Way::Goes });
    }

    fn waiting(&self, wait: Option<Wait>) {
        self.goes(match &wait {
            None => Way::Goes,
            Some(Wait::Turn) => Way::Waits,
            Some(Wait::Throttled(_)) => Way::Back,
        });
        let Some(Wait::Throttled(why)) = wait else { return };
        if !self.told.swap(true, Ordering::Relaxed) {
            let sentence = format!(
                "{}: turned away for now, and tried again with fewer logins at once (others may be, too): {why}",
                self.host.1
            );
            // A writer that is so far behind that it has no room has more to say than this.
            self.events.try_send(Happened::Notice(sentence));
        }
    }
}
