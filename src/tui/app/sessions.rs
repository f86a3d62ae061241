//! The life of a tile: opened, connected, closed, reconnected, taken away; and the size of its terminal.

use std::collections::HashSet;
use std::time::Duration;

use crate::broadcast::{Entry, Life, Member, MemberId};
use crate::escape;
use crate::hosts::Host;
use crate::outcome::{NotRun, Outcome, Unknown};
use crate::pane::{HistoryLimit, MouseMode, Pane};
use crate::session::{SessionEvent, SessionId, SessionState};
use crate::size::Size;
use crate::tui::action::Action;
use crate::tui::event::{Effect, Opened, TargetIndex};

use super::tiles::Tile;
use super::{App, Tone, Work};

/// Longest reason for an end, in characters.
const REASON_CHARS: usize = 1_000;

/// After a resize of the outer terminal the hosts are told once it has been quiet for this long...
const SETTLES: Duration = Duration::from_millis(60);

/// ...and at most this often: while the user drags a window, every host gets few messages, and the last one in time.
const TELLS: Duration = Duration::from_millis(500);

/// Puts a terminal back to its usual modes without losing what it shows, whatever the last session left: ends an
/// unfinished sequence, leaves the alternate screen, turns mouse, focus, paste, key and insert modes and the scroll
/// region off, and shows an update that was never ended.
const START_AFRESH: &[u8] = b"\x18\x1b\\\x1b[<99u\x1b[?1049l\x1b[<99u\
    \x1b[?1;5;6;9;1000;1002;1003;1004;1005;1006;2004;2026l\x1b[4;20l\x1b>\x1b[?7;25h\x1b[0 q\x1b[r\x1b[m\x1b(B\x0f";

impl App {
    /// Opens a tile and a session for each host; their targets come next in the event loop's list.
    pub(super) fn open_hosts(&mut self, hosts: Vec<Opened>) {
        let first = self.tiles.ids().len();
        let mut open: HashSet<Host> = self.tiles.iter().map(|tile| tile.host.clone()).collect();
        for Opened { host, facts } in hosts {
            let target = TargetIndex(self.targets);
            self.targets += 1;
            // The hosts of a run are those of its plan, each by its number, whatever they are called.
            if !open.insert(host.clone()) && self.options.work == Work::Shell {
                let name = escape::text(&host.to_string(), 60);
                self.notes.say(Tone::Plain, format!("{name} is open already"), self.now);
                continue;
            }
            let (member, session) = (self.broadcast.add(), self.next_session());
            let pane = Pane::new(self.terminal, HistoryLimit::lines(self.options.scrollback));
            let guards = self.options.guards.of(&facts.tags);
            let tile = Tile::new(Opened { host, facts }, (member, session, target), pane);
            self.course.begins(self.options.work);
            self.tiles.push(Tile { guards, work: self.options.work, ..tile });
            self.log_new_session(member);
        }
        self.open_sessions(first);
    }

    /// Shows the tiles from this one on, which are new, and opens their sessions.
    pub(super) fn open_sessions(&mut self, first: usize) {
        self.name_panes(first);
        self.retile_for_hosts();
        self.restore_now();
        self.relayout();
        self.apply_scope();
        self.resize_terminals(first);
        self.effects.push(Effect::Pardon);
        for tile in self.tiles.iter().skip(first) {
            let (session, target, size) = (tile.session, tile.target, self.terminal);
            self.effects.push(Effect::Open { session, target, size });
        }
    }

    /// A session reports.
    pub(super) fn session(&mut self, session: SessionId, event: SessionEvent) {
        let Some(member) = self.tiles.member_of(session) else { return };
        let Some(tile) = self.tiles.get_mut(member) else { return };
        if tile.state.is_closed() {
            return;
        }
        let was_ready = tile.state.is_ready();
        tile.state = std::mem::replace(&mut tile.state, SessionState::Queued).after(&event);
        match event {
            SessionEvent::Connecting(_)
            | SessionEvent::Waiting(_)
            | SessionEvent::Asking
            | SessionEvent::Running => {}
            SessionEvent::Ready => self.became_ready(member),
            SessionEvent::Output(bytes) => self.output(member, &bytes),
            SessionEvent::Stalled(silent) => self.stalled(member, silent),
            SessionEvent::Resumed => self.resumed(member),
            SessionEvent::Written => self.written(member),
            SessionEvent::Closed(outcome) => self.became_closed(member, &outcome, was_ready),
        }
    }

    fn became_ready(&mut self, member: MemberId) {
        self.broadcast.opened(member);
        self.admit_shell_of_run(member);
        self.signs.became_ready(member, self.now);
        self.note_ready(member);
        self.mark_new_session(member);
        if self.broadcast.member(member).map(Member::entry) == Some(Entry::Waiting) {
            let map = &self.options.keymap;
            let (admit, all) = (map.hint(Action::Admit), map.hint(Action::AttachAll));
            let waits = |m: &&Member| m.entry() == Entry::Waiting && m.life() == Life::Open;
            let waiting = self.broadcast.members().filter(waits).count();
            let text = match waiting {
                0 | 1 => {
                    let name = self.name(member);
                    format!("{name} is ready and waits: {admit} there lets it in, {all} lets all in")
                }
                n => format!(
                    "{n} hosts are ready and wait: {admit} lets in the one in focus, {all} all of them"
                ),
            };
            self.notes.tell(Tone::Plain, text, self.now);
        }
    }

    /// Below what an earlier session left, a line that tells it from what this one will say.
    fn mark_new_session(&mut self, member: MemberId) {
        let Some(tile) = self.tiles.get_mut(member) else { return };
        let screen = tile.pane.screen();
        let used = (0..screen.size().rows).rev().find(|row| !screen.row_text(*row).is_empty());
        if let Some(last) = used {
            let mark = format!("\x1b[{};1H\r\n\x1b[2m[omnes: new session]\x1b[m\r\n", last + 1);
            tile.pane.feed(self.now, mark.as_bytes());
        }
    }

    fn output(&mut self, member: MemberId, bytes: &[u8]) {
        let Some(tile) = self.tiles.get_mut(member) else { return };
        tile.recovery.heard();
        self.controlled.heard(member);
        let fed = tile.pane.feed(self.now, bytes);
        self.updates.expect(tile.pane.wake_at());
        tile.typing.heard(self.now, &tile.pane, &self.options.prompts);
        let motion = tile.pane.modes().mouse == MouseMode::Motion;
        if std::mem::replace(&mut tile.wants_motion, motion) != motion {
            self.pointer.look_again();
        }
        if fed.reset {
            let text = format!("{}: emulator reset", tile.name);
            self.notes.tell(Tone::Bad, text, self.now);
        }
        self.script_heard(member);
        self.shows_another(member);
        if !fed.replies.is_empty() {
            self.broadcast.push_reply(member, &fed.replies);
            self.flush(member);
        }
        self.noticed(member, &fed);
        self.heard_for_lines(member);
    }

    fn written(&mut self, member: MemberId) {
        let backlog = |app: &App| app.broadcast.member(member).map_or(0, Member::backlog);
        let before = backlog(self);
        self.broadcast.written(member);
        let sent = before - backlog(self);
        if let Some(tile) = self.tiles.get_mut(member) {
            tile.recovery.sent(sent);
        }
        self.flush(member);
    }

    fn became_closed(&mut self, member: MemberId, outcome: &Outcome, was_ready: bool) {
        self.record_over(member);
        self.script_gone(member);
        let mut unsent = self.broadcast.closed(member);
        self.heard_for_lines(member);
        if let (Outcome::Unknown(Unknown::LinkLost(_)), Some(tile)) = (outcome, self.tiles.get(member)) {
            // What a host was given and never answered may have died with the link.
            unsent += tile.recovery.unanswered();
        }
        self.controlled.heard(member);
        if self.note_end(member, was_ready) || self.note_end_of_command(member, outcome) {
            return;
        }
        let name = self.name(member);
        // The whole reason stands in the tile, which is where the user looks next.
        let mut text = format!("{name}: {}", ending_in_short(outcome));
        if unsent > 0 {
            text.push_str(&format!(
                "; {unsent} bytes typed for it may not have arrived, and are not sent again"
            ));
        }
        self.notes.tell(Tone::Bad, text, self.now);
    }

    /// Ends the session of a tile and takes the tile away.
    pub(super) fn close(&mut self, member: MemberId) {
        self.resumed(member);
        self.forget_return(member);
        self.forget_kept(member);
        self.script_gone(member);
        let Some(tile) = self.tiles.remove(member) else { return };
        self.unread(member);
        if !tile.state.is_closed() {
            self.effects.push(Effect::Close(tile.session));
        }
        self.broadcast.remove(member);
        self.folds.forget(member);
        self.retile_for_hosts();
        self.relayout();
        self.set_terminal_size();
    }

    /// A new session for a closed tile, as on the user's word. What was kept for the old one is gone; its screen stays.
    pub(super) fn reconnect(&mut self, member: MemberId) {
        let is_closed = self.tiles.get(member).is_some_and(|tile| tile.state.is_closed());
        if !is_closed {
            return;
        }
        self.forget_return(member);
        self.script_renewed(member);
        self.name_pane(member);
        let session = self.next_session();
        self.tiles.renew(member, session);
        self.broadcast.opening(member);
        let (now, size) = (self.now, self.terminal);
        let Some(tile) = self.tiles.get_mut(member) else { return };
        tile.recovery.begin_anew();
        tile.typing.begin_anew();
        // Answers to this are nobody's: no host asked.
        tile.pane.resize(size);
        tile.pane.feed(now, START_AFRESH);
        let target = tile.target;
        self.log_new_session(member);
        self.effects.push(Effect::Open { session, target, size });
    }

    /// The outer terminal has another size.
    pub(super) fn resize(&mut self, screen: Size) {
        self.screen = screen;
        self.record_size();
        self.relayout();
        let changes = Pane::fitting(self.layout.terminal) != self.terminal;
        self.terminal_due = changes.then(|| (self.now + SETTLES).max(self.terminal_told + TELLS));
    }

    /// Tells all terminals their size when it is due.
    pub(super) fn tell_terminal_size(&mut self) {
        if self.terminal_due.is_some_and(|due| due <= self.now) {
            self.set_terminal_size();
        }
    }

    /// Gives every terminal that is not closed the size of the layout: they are all the same.
    pub(super) fn set_terminal_size(&mut self) {
        self.resize_terminals(self.tiles.ids().len());
    }

    /// The same, where only the first `told` tiles have sessions: the others are opened with the new size.
    fn resize_terminals(&mut self, told: usize) {
        self.terminal_due = None;
        let size = Pane::fitting(self.layout.terminal);
        if size == self.terminal {
            return;
        }
        self.terminal = size;
        self.terminal_told = self.now;
        for (n, tile) in self.tiles.iter_mut().enumerate().filter(|(_, tile)| !tile.state.is_closed()) {
            tile.pane.resize(size);
            if n < told {
                self.effects.push(Effect::Resize { session: tile.session, size });
            }
        }
    }

    /// The name of a host, for a sentence.
    pub(super) fn name(&self, member: MemberId) -> String {
        self.tiles.get(member).map_or_else(|| member.to_string(), |tile| tile.name.clone())
    }
}

/// How a shell ended, in the few words that fit into a title: without what a host or a system said about it.
pub fn ending_in_short(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Unknown(Unknown::LinkLost(_)) => "link lost".to_owned(),
        Outcome::NotRun(NotRun::Connect(error)) => error.kind(),
        other => ending(other),
    }
}

/// How a shell ended, in words, free of control characters. A command's outcome says more than a shell needs: nobody
/// asks whether a shell "was run".
pub fn ending(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Exited(0) => "the shell ended".to_owned(),
        Outcome::Exited(status) => format!("the shell ended with status {status}"),
        Outcome::Unknown(Unknown::LinkLost(why)) => format!("link lost: {}", escape::text(why, REASON_CHARS)),
        Outcome::Unknown(Unknown::Killed(_)) | Outcome::NotRun(NotRun::Cancelled) => {
            "closed by you".to_owned()
        }
        other => escape::text(&other.to_string(), REASON_CHARS),
    }
}
