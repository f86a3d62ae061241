//! Updates that are shown only when they are complete (mode 2026).
//!
//! While a host is within one, what is to be seen is a copy of the screen as it was at the beginning; what arrives goes into
//! the terminal as ever, and its questions are answered. A host that never ends an update is shown again after a moment,
//! or after more bytes than a screen takes.

use std::time::Duration;

use super::{Face, Place, Terminal};
use crate::pane::budget::Work;
use crate::pane::grid::Row;
use crate::pane::modes::Modes;
use crate::pane::slot::Clusters;

/// How long an update may hide what arrives.
const LONGEST: Duration = Duration::from_millis(150);
/// How many bytes of it.
const MOST_BYTES: usize = 1 << 20;

/// The screen as it was when an update began.
#[derive(Debug)]
pub(super) struct Update {
    rows: Vec<Row>,
    clusters: Clusters,
    cursor: Place,
    modes: Modes,
    reversed: bool,
    began: Duration,
    bytes: usize,
}

impl Update {
    pub(super) fn face(&self) -> Face<'_> {
        Face {
            rows: &self.rows,
            clusters: &self.clusters,
            cursor: self.cursor,
            modes: &self.modes,
            reversed: self.reversed,
        }
    }
}

impl Terminal {
    /// An update begins. One that begins within another changes nothing, its bounds least of all.
    pub(super) fn begin_update(&mut self) {
        if self.update.is_some() || !self.budget.pay(self.cells(), Work::Shift) {
            return;
        }
        let live = self.live();
        let update = Update {
            rows: live.rows.to_vec(),
            clusters: live.clusters.clone(),
            cursor: live.cursor,
            modes: *live.modes,
            reversed: live.reversed,
            began: self.now,
            bytes: 0,
        };
        self.update = Some(update);
    }

    pub(super) fn end_update(&mut self) {
        self.update = None;
    }

    /// Counts bytes that came, and ends an update that has taken too many.
    pub(super) fn count_update(&mut self, bytes: usize) {
        if let Some(update) = &mut self.update {
            update.bytes += bytes;
            if update.bytes > MOST_BYTES {
                self.end_update();
            }
        }
    }

    /// Tells the time, and ends an update that has taken too long.
    pub(in crate::pane) fn tell_time(&mut self, now: Duration) {
        self.now = now;
        if self.wake_at().is_some_and(|due| due <= now) {
            self.end_update();
        }
    }

    /// When to be told the time, if nothing arrives until then.
    pub(in crate::pane) fn wake_at(&self) -> Option<Duration> {
        self.update.as_ref().map(|update| update.began + LONGEST)
    }
}
