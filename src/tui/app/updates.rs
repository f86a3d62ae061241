//! Hosts that draw a screen in secret (mode 2026) and may never show it: when to look at them again.

use std::time::Duration;

use super::App;
use crate::pane::Fed;

/// When the first of the panes that hide an update shows it, ready or not.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Updates {
    due: Option<Duration>,
}

impl Updates {
    /// Notes what a pane says when it was fed.
    pub(super) fn expect(&mut self, wake_at: Option<Duration>) {
        self.due = self.due.into_iter().chain(wake_at).min();
    }

    pub(super) fn wake_at(self) -> Option<Duration> {
        self.due
    }
}

impl App {
    /// Shows the updates that have been hidden too long.
    pub(super) fn show_updates(&mut self) {
        if self.updates.due.is_none_or(|due| due > self.now) {
            return;
        }
        self.updates = Updates::default();
        let mut shown = Vec::new();
        for tile in self.tiles.iter_mut() {
            if tile.pane.wake(self.now) {
                tile.typing.heard(self.now, &tile.pane, &self.options.prompts);
                shown.push(tile.member);
            }
            self.updates.expect(tile.pane.wake_at());
        }
        for member in shown {
            self.controlled.heard(member);
            self.shows_another(member);
            self.noticed(member, &Fed::default());
            self.heard_for_lines(member);
        }
    }
}
