//! A word for somebody who types at a prompt that shows nothing and that no pattern knows, such as that of `read -s`.
//!
//! omnes cannot know that a secret is typed there, and takes the keyboard from nobody. So it says, once for each session,
//! what becomes of what is typed (nothing of it is kept) and what there is for secrets. It counts as such a prompt when
//! letters were sent and the host has printed nothing at all since, for longer than an echo takes on a slow line; or when
//! the line ends before that, and nothing was seen of it.

use std::time::Duration;

use crate::broadcast::MemberId;
use crate::pane::{EchoSeen, Situation};
use crate::tui::action::Action;

use super::{App, Tone};

/// So long a host prints nothing after a letter.
const AFTER: Duration = Duration::from_millis(1500);

/// When hosts are looked at next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Unseen {
    due: Option<Duration>,
}

impl Unseen {
    /// A letter was sent.
    pub(super) fn typed(&mut self, now: Duration) {
        self.due.get_or_insert(now + AFTER);
    }

    /// When it wants to look.
    pub(super) fn wake_at(self) -> Option<Duration> {
        self.due
    }
}

impl App {
    /// Time passed: does a host show nothing of what is typed for it?
    pub(super) fn look_for_unseen(&mut self) {
        if self.unseen.due.is_none_or(|due| due > self.now) {
            return;
        }
        let since = |id: &MemberId| self.unanswered_at_no_prompt(*id);
        let to: Vec<(MemberId, Duration)> =
            self.broadcast.hearing().into_iter().filter_map(|id| Some((id, since(&id)?))).collect();
        let (old, young): (Vec<_>, Vec<_>) =
            to.into_iter().partition(|(_, since)| *since + AFTER <= self.now);
        self.unseen.due = young.iter().map(|(_, since)| *since + AFTER).min();
        let silent: Vec<MemberId> = old.into_iter().map(|(id, _)| id).collect();
        self.tell_unseen(&silent);
    }

    /// A line is about to end for these hosts: was nothing seen of it? To be called before the end is followed.
    pub(super) fn look_for_unseen_line(&mut self, to: &[MemberId]) {
        let is_unseen = |id: &MemberId| {
            self.unanswered_at_no_prompt(*id).is_some() && self.echo_seen(*id) == EchoSeen::No
        };
        let silent: Vec<MemberId> = to.iter().copied().filter(is_unseen).collect();
        self.tell_unseen(&silent);
    }

    /// Since when a host that stands at no known prompt has printed nothing though letters were sent; `None` where it is not
    /// so, or was told already.
    fn unanswered_at_no_prompt(&self, id: MemberId) -> Option<Duration> {
        let tile = self.tiles.get(id).filter(|_| self.situation(id) == Situation::Other)?;
        tile.typing.unanswered_since().filter(|_| tile.recovery.silent_since().is_none())
    }

    fn tell_unseen(&mut self, silent: &[MemberId]) {
        if silent.is_empty() {
            return;
        }
        for id in silent {
            if let Some(tile) = self.tiles.get_mut(*id) {
                tile.typing.told_unseen();
            }
        }
        let (names, secret) = (self.named(silent), self.options.keymap.hint(Action::SendSecret));
        let shows = if silent.len() == 1 { "shows" } else { "show" };
        let text = format!(
            "{names} {shows} nothing of what is typed, and none of it is kept; for prompts that `[prompts] secret` in \
             config.toml knows, {secret} sends a secret"
        );
        self.notes.tell(Tone::Plain, text, self.now);
    }
}
