//! What a run without windows says about hosts that are not under way: a server that turns connections away slows the
//! whole run, and whoever watches it must not take that for a fault of omnes.

use std::sync::atomic::{AtomicBool, Ordering};

use super::Happened;
use super::writer::Events;
use crate::hosts::Host;
use crate::ssh::{Progress, Stage, Wait};

/// Tells of the first host that is throttled; the others of a run would say the same.
pub(super) struct Patience<'a> {
    pub(super) host: &'a Host,
    pub(super) events: &'a Events,
    pub(super) told: &'a AtomicBool,
}

impl Progress for Patience<'_> {
    fn stage(&self, _: Stage) {}
    fn asking(&self, _: bool) {}

    fn waiting(&self, wait: Option<Wait>) {
        let Some(Wait::Throttled(why)) = wait else { return };
        if !self.told.swap(true, Ordering::Relaxed) {
            let sentence = format!(
                "{}: turned away for now, and tried again with fewer logins at once (others may be, too): {why}",
                self.host
            );
            // A writer that is so far behind that it has no room has more to say than this.
            self.events.try_send(Happened::Notice(sentence));
        }
    }
}
