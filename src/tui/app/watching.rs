//! Watching hosts: what the user asks to be told of, and how it is told.

use crate::broadcast::MemberId;
use crate::tui::action::Action;
use crate::tui::picker::Choice;
use crate::tui::search::Query;
use crate::tui::watch::{self, About, Fired, MOST, Times, Wanted, Watch};

use super::signs::Sign;
use super::{App, HostBell, Picking, Purpose, Tone};

/// A watch that is being asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WatchDraft {
    /// Silence, or text.
    pub kind: WatchKind,
    /// How often it tells.
    pub times: Times,
    /// Which hosts.
    pub about: About,
}

/// What kind of thing is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WatchKind {
    /// Nothing is printed for a time.
    Silence,
    /// Something is printed.
    Text,
}

/// The watches that can be begun, as they are listed.
const KINDS: [(WatchKind, Times, bool, &str); 6] = [
    (WatchKind::Text, Times::Once, true, "tell me once when this host shows a text"),
    (WatchKind::Text, Times::Standing, true, "tell me every time this host shows a text"),
    (WatchKind::Silence, Times::Once, true, "tell me once when this host is silent"),
    (WatchKind::Silence, Times::Standing, true, "tell me every time this host falls silent"),
    (WatchKind::Text, Times::Once, false, "tell me when every host has shown a text"),
    (WatchKind::Silence, Times::Once, false, "tell me when every host is silent"),
];

impl App {
    /// Lists the watches, to remove one, and the kinds of them, to begin one.
    pub(super) fn open_watches(&mut self) {
        if self.broadcast.focus().is_none() {
            return;
        }
        let running = self.watches.iter().map(|watch| Choice {
            text: format!("remove: {} {}", self.about(watch.about), watch.wanted),
            detail: progress(watch),
        });
        let kinds = KINDS.iter().map(|(.., text)| Choice { text: (*text).to_owned(), detail: String::new() });
        let choices = kinds.chain(running).collect();
        self.reading.listed = self.watches.iter().map(|watch| watch.id).collect();
        self.pick(Picking::Watch, choices);
    }

    /// Something of that list was chosen.
    pub(super) fn watch_picked(&mut self, n: usize) {
        match (KINDS.get(n), self.broadcast.focus()) {
            (Some((kind, times, one, _)), Some(focus)) => {
                let about = if *one { About::One(focus) } else { About::All };
                self.ask_for(Purpose::Watch(WatchDraft { kind: *kind, times: *times, about }));
            }
            (Some(_), None) => {}
            (None, _) => {
                if let Some(id) = self.reading.listed.get(n - KINDS.len()).copied() {
                    self.watches.remove(id);
                    self.notes.say(Tone::Plain, "the watch is removed", self.now);
                }
            }
        }
    }

    /// The text or the time of a watch was typed.
    pub(super) fn begin_watch(&mut self, draft: WatchDraft, text: &str) -> Result<(), String> {
        let wanted = match draft.kind {
            WatchKind::Text => Wanted::Text(Query::parse(text)?),
            WatchKind::Silence => Wanted::Silence(
                watch::time(text).ok_or("write a time from 1 s to a day, such as 30, 5m or 1h")?,
            ),
        };
        let tiles = self.tiles.iter().filter(|tile| match draft.about {
            About::One(member) => tile.member == member,
            About::All => !tile.state.is_closed(),
        });
        let hosts: Vec<_> = tiles.map(|tile| (tile.member, watch::place(tile.pane.screen()))).collect();
        let said = match draft.about {
            About::One(member) => format!("watching until {} {wanted}", self.name(member)),
            About::All => format!("watching until each of {} hosts {wanted}", hosts.len()),
        };
        let many = format!(
            "{MOST} watches run already, or no host is open; {} removes one",
            self.options.keymap.hint(Action::Watch)
        );
        self.watches.add((wanted, draft.times), draft.about, hosts, self.now).ok_or(many)?;
        self.notes.say(Tone::Plain, said, self.now);
        Ok(())
    }

    /// Looks whether what a host printed is waited for.
    pub(super) fn watch_output(&mut self, member: MemberId) {
        let Some(tile) = self.tiles.get(member) else { return };
        let fired = self.watches.printed(member, tile.pane.screen(), self.now);
        self.tell_watches(fired);
    }

    /// Tells what came about by the passing of time.
    pub(super) fn watch_time(&mut self) {
        let fired = self.watches.pass(self.now);
        self.tell_watches(fired);
    }

    /// A host was taken away.
    pub(super) fn watch_without(&mut self, member: MemberId) {
        let fired = self.watches.forget(member);
        self.tell_watches(fired);
    }

    fn tell_watches(&mut self, fired: Vec<Fired>) {
        for fired in fired {
            // Where every host came to it there is no host to look at first.
            if let About::One(member) = fired.about
                && self.broadcast.focus() != Some(member)
            {
                self.signs.put(Sign::Watch, member);
            }
            let said = match fired.about {
                About::One(_) => self.about(fired.about),
                About::All => format!("each of {} hosts", fired.members.len()),
            };
            let wanted = match &fired.wanted {
                Wanted::Silence(time) => format!("has been silent for {} s", time.as_secs()),
                text => text.to_string(),
            };
            self.notes.tell(Tone::Bad, format!("! {said} {wanted}"), self.now);
            if self.options.bell != HostBell::Off {
                self.ring();
            }
        }
    }

    fn about(&self, about: About) -> String {
        match about {
            About::One(member) => self.name(member),
            About::All => "every host".to_owned(),
        }
    }

    /// What the bottom line says of the watches.
    pub fn watch_fact(&self) -> Option<String> {
        let counts = self.watches.iter().find(|watch| watch.about == About::All).map(progress);
        match (self.watches.iter().len(), counts) {
            (0, _) => None,
            (1, Some(counts)) => Some(format!("watch: {counts}")),
            (1, None) => Some("1 watch".to_owned()),
            (n, Some(counts)) => Some(format!("{n} watches, {counts}")),
            (n, None) => Some(format!("{n} watches")),
        }
    }
}

/// How many hosts came to it.
fn progress(watch: &Watch) -> String {
    match (watch.about, watch.progress()) {
        (About::One(_), _) => String::new(),
        (About::All, (came, all)) => format!("{came} of {all}"),
    }
}
