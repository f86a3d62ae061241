//! What the user wants kept: logs, recordings, saved sets, and the list of what was sent.
//!
//! The app knows the wishes and what became of them; files are the business of [`crate::tui::keep`]. A log belongs to a
//! host and goes on with its next session; a recording belongs to a session and ends with it.

use std::collections::{HashMap, HashSet};
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use crate::broadcast::{Member, MemberId, Part, Scope};
use crate::escape;
use crate::pane::{EchoSeen, Key, Situation};
use crate::session::SessionId;
use crate::tui::action::Action;
use crate::tui::event::Effect;
use crate::tui::keep::redraw::redraw;
use crate::tui::keep::set::{self, OpenSet, SavedHost, SavedLayout};
use crate::tui::keep::words::{Keep, Past, Recorded, Told};
use crate::tui::layout::Zoom;
use crate::tui::picker::Choice;

use super::sent::{Entry, How, Text};
use super::typed::{Typed, ends_line};
use super::{App, LogStart, Picking, Purpose, Tone};

/// Longest line of the list of what was sent, in characters.
const LISTED_CHARS: usize = 300;

/// What is kept now.
#[derive(Debug, Default)]
pub struct Keeping {
    logged: HashSet<MemberId>,
    /// Hosts that come are logged too.
    every: LogStart,
    recorded: HashSet<MemberId>,
    screen: Recording,
    /// The user asked for a log just now and is to hear where it is: of this host, or of all.
    asked: Option<Asked>,
    /// Logs that stopped by themselves since the user last had to do with logs.
    stopped: usize,
    past: Vec<Past>,
    restored: Option<Restored>,
}

/// Whether the frames of omnes are recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Recording {
    #[default]
    Off,
    On,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    One(MemberId),
    All,
}

/// A set that is opened again.
#[derive(Clone, Debug)]
pub struct Restored {
    /// The set; its hosts are named as those that are opened.
    pub set: OpenSet,
    /// Hosts of the set that are not opened, each with the reason, safe for a terminal.
    pub missing: Vec<String>,
}

impl Keeping {
    /// Nothing yet, or every host that comes.
    pub(super) fn new(every: LogStart) -> Keeping {
        Keeping { every, ..Keeping::default() }
    }

    /// Is this host logged?
    pub fn logs(&self, member: MemberId) -> bool {
        self.logged.contains(&member)
    }

    /// Is this host's terminal recorded?
    pub fn records(&self, member: MemberId) -> bool {
        self.recorded.contains(&member)
    }

    /// Is anything recorded?
    pub fn is_recording(&self) -> bool {
        self.screen == Recording::On || !self.recorded.is_empty()
    }

    /// How many hosts are logged.
    pub fn logged(&self) -> usize {
        self.logged.len()
    }
}

impl App {
    /// What is kept now.
    pub fn keeping(&self) -> &Keeping {
        &self.keeping
    }

    /// Does what the user said.
    pub(super) fn keep_action(&mut self, action: Action) {
        match action {
            Action::Log => self.toggle_log(),
            Action::LogAll => self.toggle_logs(),
            Action::Record => self.toggle_record(),
            Action::RecordScreen => self.toggle_record_screen(),
            Action::History => self.list_sent(),
            _ => self.ask_for(Purpose::SaveSet),
        }
    }

    fn keep(&mut self, keep: Keep) {
        self.effects.push(Effect::Keep(keep));
    }

    /// What became of it.
    pub(super) fn kept(&mut self, told: Told) {
        let now = self.now;
        match told {
            Told::Past(past) => self.keeping.past = past,
            Told::Logs(session, path) => self.tell_log(session, &path),
            Told::LogStopped(session, why) => self.log_stopped(session, &why),
            Told::LogGap(session, bytes) => {
                let name = self.name_of(session);
                let text = format!(
                    "{name}: {bytes} bytes are not in its log, since the disk is slower than the host"
                );
                self.notes.tell(Tone::Bad, text, now);
            }
            Told::Records(what, path) => {
                let text = format!("{} is recorded in {path}", self.recorded_name(what));
                self.notes.tell(Tone::Plain, text, now);
            }
            Told::RecordEnded(what, path) => {
                let text = format!("the recording of {} is in {path}", self.recorded_name(what));
                self.notes.tell(Tone::Plain, text, now);
            }
            Told::RecordStopped(what, why) => {
                match what {
                    Recorded::Screen => self.keeping.screen = Recording::Off,
                    Recorded::Pane(session) => {
                        let member = self.tiles.member_of(session);
                        member.map(|member| self.keeping.recorded.remove(&member));
                    }
                }
                let text = format!("the recording of {} has stopped: {why}", self.recorded_name(what));
                self.notes.tell(Tone::Bad, text, now);
            }
            Told::HistoryStopped(why) => {
                self.notes.tell(Tone::Bad, format!("the history is not written any more: {why}"), now);
            }
            // On the way out, when the last set is saved, nobody looks.
            Told::Saved(name) => {
                let text = format!("saved; `omnes open --restore {name}` opens this set again");
                self.notes.tell(Tone::Plain, text, now);
            }
            Told::SaveFailed(why) => self.notes.tell(Tone::Bad, format!("the set was not saved: {why}"), now),
        }
    }

    fn name_of(&self, session: SessionId) -> String {
        self.tiles.member_of(session).map_or_else(|| "a closed host".to_owned(), |member| self.name(member))
    }

    fn recorded_name(&self, what: Recorded) -> String {
        match what {
            Recorded::Pane(session) => self.name_of(session),
            Recorded::Screen => "the screen".to_owned(),
        }
    }
}

/// Logs.
impl App {
    fn toggle_log(&mut self) {
        let Some(focus) = self.broadcast.focus() else { return };
        self.keeping.stopped = 0;
        if self.keeping.logs(focus) {
            self.unlog(focus);
            let text = format!("{} is not logged any more", self.name(focus));
            return self.notes.say(Tone::Plain, text, self.now);
        }
        self.keeping.asked = Some(Asked::One(focus));
        self.log(focus);
        if self.tiles.get(focus).is_some_and(|tile| tile.state.is_closed()) {
            let text = format!("{} is closed; its next session is logged", self.name(focus));
            self.notes.say(Tone::Plain, text, self.now);
        }
    }

    /// Logs every host, unless every host is logged: then none.
    fn toggle_logs(&mut self) {
        self.keeping.stopped = 0;
        let members = self.tiles.ids().to_vec();
        if self.keeping.every == LogStart::Every && members.iter().all(|id| self.keeping.logs(*id)) {
            self.keeping.every = LogStart::Off;
            members.into_iter().for_each(|member| self.unlog(member));
            return self.notes.say(Tone::Plain, "no host is logged any more", self.now);
        }
        self.keeping.every = LogStart::Every;
        self.keeping.asked = Some(Asked::All);
        let others: Vec<MemberId> = members.into_iter().filter(|id| !self.keeping.logs(*id)).collect();
        others.into_iter().for_each(|member| self.log(member));
    }

    fn log(&mut self, member: MemberId) {
        self.keeping.logged.insert(member);
        self.log_session(member);
    }

    /// A session is about to be opened for this tile: it is logged if the tile is, or if all are.
    pub(super) fn log_new_session(&mut self, member: MemberId) {
        if self.keeping.every == LogStart::Every {
            self.keeping.logged.insert(member);
        }
        if self.keeping.logs(member) {
            self.log_session(member);
        }
    }

    fn log_session(&mut self, member: MemberId) {
        let Some(tile) = self.tiles.get(member) else { return };
        if !tile.state.is_closed() {
            let (session, host) = (tile.session, tile.host.to_string());
            self.keep(Keep::Log { session, host });
        }
    }

    fn unlog(&mut self, member: MemberId) {
        if self.keeping.logged.remove(&member)
            && let Some(tile) = self.tiles.get(member)
        {
            self.keep(Keep::Unlog(tile.session));
        }
    }

    fn tell_log(&mut self, session: SessionId, path: &str) {
        let member = self.tiles.member_of(session);
        let text = match self.keeping.asked {
            Some(Asked::One(asked)) if member == Some(asked) => {
                format!("{} is logged in {path}", self.name(asked))
            }
            Some(Asked::All) => {
                let directory = path.rsplit_once('/').map_or(path, |(directory, _)| directory);
                format!("every host is logged in {directory}, and every one that comes")
            }
            _ => return,
        };
        self.keeping.asked = None;
        self.notes.tell(Tone::Plain, text, self.now);
    }

    /// One sentence however many logs share the same disk.
    fn log_stopped(&mut self, session: SessionId, why: &str) {
        let Some(member) = self.tiles.member_of(session) else { return };
        if !self.keeping.logged.remove(&member) {
            return;
        }
        self.keeping.asked = None;
        self.keeping.every = LogStart::Off;
        self.keeping.stopped += 1;
        let name = self.name(member);
        let text = match self.keeping.stopped {
            1 => format!("the log of {name} has stopped: {why}"),
            n => format!("the logs of {name} and {} more have stopped: {why}", n - 1),
        };
        self.notes.tell(Tone::Bad, text, self.now);
    }
}

/// Recordings.
impl App {
    fn toggle_record(&mut self) {
        let Some(tile) = self.focused() else { return };
        let (member, session) = (tile.member, tile.session);
        if self.keeping.records(member) {
            self.keeping.recorded.remove(&member);
            return self.keep(Keep::EndRecord(session));
        }
        if tile.state.is_closed() {
            let text = format!("{} is closed; there is nothing to record", tile.name);
            return self.notes.say(Tone::Plain, text, self.now);
        }
        let (host, size) = (tile.host.to_string(), tile.pane.size());
        let redraw = redraw(tile.pane.screen(), &tile.pane.modes());
        self.keeping.recorded.insert(member);
        self.keep(Keep::Record { session, host, size, redraw });
    }

    fn toggle_record_screen(&mut self) {
        match self.keeping.screen {
            Recording::On => {
                self.keeping.screen = Recording::Off;
                self.keep(Keep::EndRecordScreen);
            }
            Recording::Off => {
                self.keeping.screen = Recording::On;
                self.keep(Keep::RecordScreen(self.screen));
                self.effects.push(Effect::Redraw);
            }
        }
    }

    /// The outer terminal has another size.
    pub(super) fn record_size(&mut self) {
        if self.keeping.screen == Recording::On {
            self.keep(Keep::ScreenSize(self.screen));
        }
    }

    /// A session is over, and its recording with it.
    pub(super) fn record_over(&mut self, member: MemberId) {
        self.keeping.recorded.remove(&member);
    }

    /// A tile goes, and everything that is kept of it.
    pub(super) fn forget_kept(&mut self, member: MemberId) {
        self.keeping.logged.remove(&member);
        self.keeping.recorded.remove(&member);
    }
}

/// What was sent.
impl App {
    /// A key is on its way: if it ends a line, the line is remembered. To be called before the key is followed.
    pub(super) fn record_typed(&mut self, key: Key, to: &[MemberId]) {
        if !ends_line(key) {
            return;
        }
        match self.typed(to) {
            Typed::Nothing => {}
            Typed::Withheld => self.push_sent(How::Typed, Text::Secret, to),
            // A paste with several lines was remembered when it was sent.
            Typed::Known(line) | Typed::Uncertain(line) if line.contains('\n') => {}
            Typed::Known(line) => self.record_line(&line, Text::Kept, to),
            Typed::Uncertain(line) => self.record_line(&line, Text::Begun, to),
        }
    }

    fn record_line(&mut self, line: &str, text: fn(Arc<str>) -> Text, to: &[MemberId]) {
        match (super::sent::kept(line), self.was_echoed(to)) {
            (None, _) => {}
            (Some(_), false) => self.push_sent(How::Typed, Text::Unseen, to),
            (Some(line), true) => self.push_sent(How::Typed, text(line), to),
        }
    }

    /// A paste is on its way. One line without an end joins the line that is being typed; more are remembered here.
    pub(super) fn record_paste(&mut self, text: &str, to: &[MemberId]) {
        if !text.contains(['\n', '\r']) {
            return;
        }
        let known = |id: &MemberId| {
            matches!(self.situation(*id), Situation::Shell | Situation::FullScreen | Situation::Secret)
        };
        match to.iter().all(known) {
            true => self.record_sent(How::Pasted, text, to),
            false => self.push_sent(How::Pasted, Text::Unseen, to),
        }
    }

    /// Was it seen that these hosts show what is typed? A host that stands at its shell's prompt shows it; where neither is
    /// known, the line may be a secret.
    fn was_echoed(&self, to: &[MemberId]) -> bool {
        let live = to
            .iter()
            .filter(|id| self.tiles.get(**id).is_some_and(|tile| tile.recovery.silent_since().is_none()));
        let mut seen = false;
        let mut shells = true;
        for id in live {
            match self.echo_seen(*id) {
                EchoSeen::No => return false,
                EchoSeen::Yes => seen = true,
                EchoSeen::Unknown => shells &= self.situation(*id) == Situation::Shell,
            }
        }
        seen || shells
    }

    /// Opens the list of what was sent, the newest first; that of earlier runs stands below.
    fn list_sent(&mut self) {
        let (now, map) = (self.now, &self.options.keymap);
        let here = self.sent.newest().map(|entry| listed(entry, now));
        let earlier = self.keeping.past.iter().rev().map(listed_past);
        let choices: Vec<Choice> = here.chain(earlier).collect();
        if choices.is_empty() {
            let text = format!("nothing was sent yet; {} shows the keys", map.hint(Action::Help));
            return self.notes.say(Tone::Plain, text, now);
        }
        self.pick(Picking::Sent, choices);
    }

    /// Puts what was chosen on the clipboard.
    pub(super) fn chose_sent(&mut self, n: usize) {
        let here = self.sent.newest().len();
        let text = match n.checked_sub(here) {
            None => self.sent.newest().nth(n).and_then(Entry::known).map(str::to_owned),
            Some(n) => self.keeping.past.iter().rev().nth(n).and_then(|past| past.text.clone()),
        };
        match text {
            Some(text) => {
                self.effects.push(Effect::Copy(text));
                self.notes.say(Tone::Plain, "copied to the clipboard", self.now);
            }
            None => self.notes.say(Tone::Bad, "the text of this entry was not kept", self.now),
        }
    }
}

fn listed(entry: &Entry, now: Duration) -> Choice {
    let text = escape::text(&format!("{}: {}", entry.hosts, entry.text), LISTED_CHARS);
    let ago = now.saturating_sub(entry.at).as_secs();
    let ago = match (ago / 3600, ago / 60) {
        (0, 0) => "just now".to_owned(),
        (0, minutes) => format!("{minutes} min ago"),
        (hours, _) => format!("{hours} h ago"),
    };
    Choice { text, detail: format!("{} {ago}", entry.how.word()) }
}

fn listed_past(past: &Past) -> Choice {
    let text = past.text.as_deref().unwrap_or("(not kept)");
    let how = past.how.map_or("sent", How::word);
    let time = past.time.get(..16).unwrap_or(&past.time).replace('T', " ");
    Choice {
        text: escape::text(&format!("{}: {text}", past.hosts), LISTED_CHARS),
        detail: escape::text(&format!("{how} {time}"), 40),
    }
}

/// The open set.
impl App {
    /// Saves the open set under this name; why not, in a sentence.
    pub(super) fn save_set(&mut self, name: &str) -> Result<(), String> {
        let name = set::name(name)?;
        let set = Box::new(self.open_set());
        self.keep(Keep::Save { name, set });
        Ok(())
    }

    /// The hosts that are open, and how.
    pub fn open_set(&self) -> OpenSet {
        let name = |id: MemberId| self.tiles.get(id).map(|tile| tile.host.to_string());
        let hosts = self.tiles.iter().map(|tile| SavedHost {
            name: tile.host.to_string(),
            cluster: tile.facts.clusters.last().map(|cluster| cluster.to_string()),
            detached: self.broadcast.member(tile.member).map(Member::part) == Some(Part::Detached),
            marked: false,
        });
        let mut set = OpenSet::of(hosts.collect());
        set.focus = self.broadcast.focus().and_then(name);
        set.scope = match self.broadcast.scope() {
            Scope::All => None,
            Scope::Only(ids) => Some(
                self.tiles.ids().iter().filter(|id| ids.contains(id)).copied().filter_map(name).collect(),
            ),
        };
        set.layout = SavedLayout { zoom: self.zoom == Zoom::Focus, ..SavedLayout::default() };
        set
    }

    /// The hosts that are opened first are those of a saved set.
    pub fn restore(&mut self, restored: Restored) {
        self.keeping.restored = Some(restored);
    }

    /// Brings the first hosts to what they were, before any key.
    pub(super) fn restore_now(&mut self) {
        let Some(Restored { set, missing }) = mem::take(&mut self.keeping.restored) else { return };
        let members: HashMap<String, MemberId> =
            self.tiles.iter().map(|tile| (tile.host.to_string(), tile.member)).collect();
        for host in set.hosts.iter().filter(|host| host.detached) {
            if let Some(member) = members.get(&host.name) {
                self.broadcast.set_part(*member, Part::Detached);
            }
        }
        if let Some(focus) = set.focus.as_ref().and_then(|name| members.get(name).copied()) {
            self.broadcast.set_focus(focus);
        }
        if let Some(scope) = &set.scope {
            let only = scope.iter().filter_map(|name| members.get(name).copied()).collect();
            self.broadcast.set_scope(Scope::Only(only));
        }
        if set.layout.zoom {
            self.zoom = Zoom::Focus;
        }
        if !missing.is_empty() {
            let text = format!("not opened again: {}", missing.join("; "));
            self.notes.tell(Tone::Bad, text, self.now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_listed_without_anything_that_acts() {
        let past = Past {
            time: "2026-11-21T14:55:08Z".to_owned(),
            how: None,
            hosts: "web".to_owned(),
            text: Some("a\x1b[2J\nb".to_owned()),
        };
        let choice = listed_past(&past);
        assert_eq!(
            (choice.text.as_str(), choice.detail.as_str()),
            ("web: a^[[2J b", "sent 2026-11-21 14:55")
        );
    }
}
