//! What the user wants kept, as far as it goes on by itself: logs and recordings.
//!
//! The app knows the wishes and what became of them; files are the business of [`crate::tui::keep`]. A log belongs to a
//! host and goes on with its next session; a recording belongs to a session and ends with it.

use std::collections::HashSet;

use crate::broadcast::MemberId;
use crate::session::SessionId;
use crate::tui::action::Action;
use crate::tui::event::Effect;
use crate::tui::keep::redraw::redraw;
use crate::tui::keep::words::{Keep, Past, Recorded, Told};

use super::restoring::Restored;
use super::{App, LogStart, Purpose, SetsKept, Tone};

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
    /// What earlier runs sent, the oldest first.
    pub(super) past: Vec<Past>,
    /// A set whose hosts are opened first.
    pub(super) restored: Option<Restored>,
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

    /// Are the frames of omnes recorded?
    pub fn records_screen(&self) -> bool {
        self.screen == Recording::On
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
            Action::RecordScript => self.toggle_script(),
            Action::History => self.list_sent(),
            _ if self.options.sets == SetsKept::Passing => {
                let text =
                    "not saved: these hosts are gone when omnes ends, so their set could not be opened again";
                self.notes.say(Tone::Bad, text, self.now);
            }
            _ => self.ask_for(Purpose::SaveSet),
        }
    }

    pub(super) fn keep(&mut self, keep: Keep) {
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
                        if let Some(member) = self.tiles.member_of(session) {
                            self.keeping.recorded.remove(&member);
                        }
                    }
                }
                let text = format!("the recording of {} has stopped: {why}", self.recorded_name(what));
                self.notes.tell(Tone::Bad, text, now);
            }
            Told::Scripts(_) | Told::ScriptEnded(_) | Told::ScriptStopped(_) => self.script_told(told),
            Told::HistoryStopped(why) => {
                self.notes.tell(Tone::Bad, format!("the history is not written: {why}"), now);
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
        let Some(focus) = self.focus_or_say() else { return };
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

    /// One sentence however many logs share the same disk. The others go on, and hosts that come are logged as before, until
    /// no log is left: then the user's next word about logs begins them anew.
    fn log_stopped(&mut self, session: SessionId, why: &str) {
        let Some(member) = self.tiles.member_of(session) else { return };
        if !self.keeping.logged.remove(&member) {
            return;
        }
        self.keeping.asked = None;
        self.keeping.stopped += 1;
        let name = self.name(member);
        let stopped = match self.keeping.stopped {
            1 => format!("the log of {name} has stopped: {why}"),
            n => format!("the logs of {name} and {} more have stopped: {why}", n - 1),
        };
        let rest = match (self.keeping.logged.len(), self.keeping.every) {
            (0, LogStart::Every) => {
                self.keeping.every = LogStart::Off;
                "; no host is logged any more, nor any that comes".to_owned()
            }
            (0, LogStart::Off) => String::new(),
            (1, _) => "; 1 other goes on".to_owned(),
            (n, _) => format!("; {n} others go on"),
        };
        self.notes.tell(Tone::Bad, stopped + &rest, self.now);
    }
}

/// Recordings.
impl App {
    fn toggle_record(&mut self) {
        let Some(tile) = self.focus_or_say().and_then(|id| self.tiles.get(id)) else { return };
        let (member, session) = (tile.member, tile.session);
        if self.keeping.records(member) {
            self.keeping.recorded.remove(&member);
            return self.keep(Keep::EndRecord(session));
        }
        if tile.state.is_closed() {
            let text = format!("{} is closed; there is nothing to record", tile.name);
            return self.notes.refuse(text, self.now);
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
