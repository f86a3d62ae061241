//! Recording what the user does as a script for `omnes play`: the hooks of the app, and what the recorder sees of the hosts.
//!
//! The model is [`crate::tui::recorder`]. It is told of everything that the user sends, before the hosts have it, and of what
//! the hosts say; what it writes goes to the keeper step by step.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::broadcast::{Life, MemberId, Part, Receivers};
use crate::hosts::{Host, HostSet};
use crate::pane::{EchoSeen, Key, KeyCode, Modes, Mods, Situation, situation};
use crate::tui::action::Action;
use crate::tui::compose::Ending;
use crate::tui::event::Effect;
use crate::tui::keep::words::{Keep, Told};
use crate::tui::recorder::{Eyes, Look, Recorder, Shown, Sight, Waits, Whose};

use super::typed::Typed;
use super::{App, Certainty, Tile, Tone};

/// Different texts of one parcel that become steps of their own.
const APART: usize = 8;

/// So many rows of a screen change when a program answers; a clock changes one.
const ANSWERED: usize = 3;

/// Whether a script is recorded from the beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ScriptStart {
    /// Not before the user says so.
    #[default]
    ByHand,
    /// As soon as the hosts are there.
    AtOnce,
}

/// The script that is being recorded.
#[derive(Debug, Default)]
pub(super) struct Scripting {
    recorder: Option<Box<Recorder>>,
}

impl App {
    /// Is a script being recorded?
    pub fn is_scripting(&self) -> bool {
        self.scripting.recorder.is_some()
    }

    /// The program ends: what is recorded is completed.
    pub fn end(&mut self) -> Vec<Effect> {
        self.end_script();
        std::mem::take(&mut self.effects)
    }

    pub(super) fn script_at_start(&mut self) {
        if self.options.script == ScriptStart::AtOnce {
            self.begin_script();
        }
    }

    /// Begins to record, or ends it.
    pub(super) fn toggle_script(&mut self) {
        match self.is_scripting() {
            true => self.end_script(),
            false => self.begin_script(),
        }
    }

    fn begin_script(&mut self) {
        let hosts: HostSet = self.tiles.iter().map(|tile| tile.host.clone()).collect();
        let (recorder, header) = Recorder::begin(&hosts.to_string(), self.terminal);
        self.scripting.recorder = Some(Box::new(recorder));
        self.keep(Keep::Script(header));
    }

    fn end_script(&mut self) {
        let now = self.now;
        self.scripted(|recorder, app| recorder.end(now, app));
        if self.scripting.recorder.take().is_some() {
            self.keep(Keep::EndScript);
        }
    }

    /// What became of the file.
    pub(super) fn script_told(&mut self, told: Told) {
        let key = self.options.keymap.hint(Action::RecordScript);
        let (tone, text) = match told {
            Told::Scripts(path) => {
                (Tone::Plain, format!("what you do is recorded as a script in {path}; {key} ends it"))
            }
            Told::ScriptEnded(path) => {
                (Tone::Plain, format!("the script is in {path}; `omnes play` does it again"))
            }
            Told::ScriptStopped(why) => {
                self.scripting.recorder = None;
                (Tone::Bad, format!("no script is recorded: {why}"))
            }
            _ => return,
        };
        self.notes.tell(tone, text, self.now);
    }

    /// Does something with the recorder, if there is one; what it has to write and to say goes its way.
    fn scripted(&mut self, act: impl FnOnce(&mut Recorder, &App)) {
        let Some(mut recorder) = self.scripting.recorder.take() else { return };
        act(&mut recorder, self);
        let (text, said) = (recorder.take_text(), recorder.take_said());
        if !text.is_empty() {
            self.keep(Keep::ScriptText(text));
        }
        for said in said {
            self.notes.tell(Tone::Bad, format!("script: {said}"), self.now);
        }
        if recorder.is_full() {
            self.keep(Keep::EndScript);
            return self.notes.tell(
                Tone::Bad,
                "the script has as many steps as one may have: it is ended",
                self.now,
            );
        }
        self.scripting.recorder = Some(recorder);
    }

    /// Why the keys go where they go now.
    fn whose(&self) -> Whose {
        match self.broadcast.receivers() {
            Receivers::Alone(id) if self.broadcast.member(id).is_some_and(|m| m.part() == Part::Detached) => {
                Whose::Alone
            }
            _ => Whose::Broadcast,
        }
    }
}

/// The hooks. Each is called before the hosts have what is sent, and before the lines they have are followed.
impl App {
    pub(super) fn script_key(&mut self, key: Key, to: &[MemberId]) {
        let (now, whose) = (self.now, self.whose());
        self.scripted(|recorder, app| recorder.key(now, key, (to, whose), app));
    }

    pub(super) fn script_paste(&mut self, text: &str, to: &[MemberId]) {
        let (now, whose) = (self.now, self.whose());
        self.scripted(|recorder, app| recorder.paste(now, text, (to, whose), app));
    }

    /// Lines that are sent one by one, each at a prompt.
    pub(super) fn script_lines(&mut self, lines: &[Zeroizing<String>], to: &[MemberId]) {
        let (now, whose) = (self.now, self.whose());
        self.scripted(|recorder, app| recorder.lines(now, lines, (to, whose), app));
    }

    /// Texts that go as a whole, equal ones together.
    pub(super) fn script_parcel(&mut self, texts: &[(MemberId, Arc<str>)], ending: Ending) {
        if !self.is_scripting() {
            return;
        }
        let (now, whose) = (self.now, self.whose());
        let groups: Vec<_> = texts.chunk_by(|(_, one), (_, other)| one == other).take(APART + 1).collect();
        if groups.len() > APART {
            let text = "a text of its own for each host is not recorded; write it with `{host}` and play it with --template";
            return self.scripted(|recorder, app| recorder.passed_over(now, text, app));
        }
        for group in groups {
            let to: Vec<MemberId> = group.iter().map(|(id, _)| *id).collect();
            self.scripted(|recorder, app| match ending {
                Ending::Enter => recorder.line(now, &group[0].1, (&to, whose), app),
                Ending::Open => recorder.paste(now, &group[0].1, (&to, whose), app),
            });
        }
    }

    /// A text that a request types, and the keys behind it.
    pub(super) fn script_wish(&mut self, text: &str, behind: &[Key], to: &[MemberId]) {
        let enter = Key::new(KeyCode::Enter, Mods::NONE);
        let now = self.now;
        match behind {
            [key] if *key == enter => {
                self.scripted(|recorder, app| recorder.line(now, text, (to, Whose::Broadcast), app));
            }
            _ => text.chars().for_each(|c| self.script_key(Key::char(c), to)),
        }
    }

    pub(super) fn script_secret(&mut self, to: &[MemberId]) {
        let now = self.now;
        self.scripted(|recorder, app| recorder.secret(now, to, app));
    }

    pub(super) fn script_heard(&mut self, member: MemberId) {
        let now = self.now;
        self.scripted(|recorder, app| recorder.heard(now, member, app));
    }

    pub(super) fn script_gone(&mut self, member: MemberId) {
        let now = self.now;
        self.scripted(|recorder, app| recorder.gone(now, member, app));
    }

    pub(super) fn script_renewed(&mut self, member: MemberId) {
        self.script_remark(member, "has a new session from here on, and has lost what came before");
    }

    pub(super) fn script_mouse(&mut self, member: MemberId) {
        self.script_remark(member, "heard the mouse: that is not recorded");
    }

    pub(super) fn script_discarded(&mut self, member: MemberId) {
        self.script_remark(member, "did not get what was kept for it, though it is recorded");
    }

    fn script_remark(&mut self, member: MemberId, what: &str) {
        if self.is_scripting() {
            let (now, text) = (self.now, format!("{} {what}", self.name(member)));
            self.scripted(|recorder, app| recorder.passed_over(now, &text, app));
        }
    }
}

impl Eyes for App {
    fn sight(&self, member: MemberId) -> Sight {
        let Some(tile) = self.tiles.get(member).filter(|tile| !tile.state.is_closed()) else {
            return Sight { waits: Waits::Gone, line: Shown::default() };
        };
        let (screen, names, line) = (tile.pane.screen(), tile.pane.names(), self.cursor_line(member));
        let shown = Shown::of(&line, names);
        match self.situation(member) {
            Situation::Shell if shown.is_shell() => Sight { waits: Waits::Shell, line: shown },
            Situation::Shell => Sight { waits: Waits::Line, line: shown },
            Situation::Secret => Sight { waits: Waits::Secret, line: shown },
            Situation::FullScreen if shown.is_blank() => {
                // An editor says below what it edits.
                let rows = (0..screen.size().rows).rev().map(|row| Shown::row(&screen.row_text(row), names));
                let row = rows.into_iter().find(|row| !row.is_blank()).unwrap_or_default();
                Sight { waits: Waits::Screen, line: row }
            }
            Situation::FullScreen => Sight { waits: Waits::Screen, line: shown },
            Situation::Other if line.before.trim().is_empty() => Sight { waits: Waits::Nothing, line: shown },
            Situation::Other => Sight { waits: Waits::Line, line: shown },
        }
    }

    fn mode(&self, member: MemberId) -> Waits {
        match self.situation(member) {
            Situation::Shell => Waits::Shell,
            Situation::Secret => Waits::Secret,
            Situation::FullScreen => Waits::Screen,
            Situation::Other => Waits::Line,
        }
    }

    fn is_fresh(&self, member: MemberId) -> bool {
        self.tiles.get(member).is_some_and(|tile| tile.typing.line().is_empty())
    }

    fn typed(&self, to: &[MemberId]) -> Option<Zeroizing<String>> {
        match App::typed(self, to) {
            Typed::Known(line) => Some(line),
            Typed::Nothing | Typed::Uncertain(_) | Typed::Withheld => None,
        }
    }

    fn looks(&self, to: &[MemberId]) -> Vec<Look> {
        match to.iter().any(|id| self.situation(*id) == Situation::FullScreen) {
            true => to.iter().map(|id| self.look_of(*id)).collect(),
            false => Vec::new(),
        }
    }

    fn is_shown(&self, to: &[MemberId], looks: &[Look]) -> bool {
        let full = |id: &MemberId| self.situation(*id) == Situation::FullScreen;
        let (screens, others): (Vec<MemberId>, Vec<MemberId>) = to.iter().copied().partition(full);
        let before = |id: &MemberId| to.binary_search(id).ok().and_then(|at| looks.get(at));
        others.iter().all(|id| self.is_line_shown(*id))
            && screens.iter().all(|id| before(id).is_some_and(|before| self.has_answered(*id, before)))
    }

    fn shows(&self, to: &[MemberId], text: &str) -> bool {
        let last = text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default();
        to.iter().filter_map(|id| self.tiles.get(*id)).all(|tile| tile.pane.screen().text().contains(last))
    }

    fn open(&self) -> Vec<MemberId> {
        let open =
            |id: &&MemberId| self.broadcast.member(**id).is_some_and(|member| member.life() == Life::Open);
        self.tiles.ids().iter().filter(open).copied().collect()
    }

    fn host(&self, member: MemberId) -> Option<Host> {
        self.tiles.get(member).map(|tile| tile.host.clone())
    }
}

/// What a program that has the whole screen shows of what is typed.
impl App {
    /// Does a host that reads lines show the one that was typed for it?
    fn is_line_shown(&self, member: MemberId) -> bool {
        let withheld = |tile: &Tile| tile.typing.line().certainty() == Certainty::Withheld;
        !self.tiles.get(member).is_some_and(withheld)
            && self.was_echoed(self.typed_for(member).unwrap_or_default(), &[member])
    }

    fn look_of(&self, member: MemberId) -> Look {
        let Some(tile) = self.tiles.get(member) else { return Look::default() };
        let screen = tile.pane.screen();
        let number = |row| {
            let mut hasher = DefaultHasher::new();
            screen.row_text(row).hash(&mut hasher);
            hasher.finish()
        };
        let cursor = screen.cursor();
        Look { rows: (0..screen.size().rows).map(number).collect(), cursor: (cursor.row, cursor.col) }
    }

    /// Has the screen answered the letters: the row of the cursor, or much of it? Not where it shows masks, or asks for
    /// a secret by its words.
    fn has_answered(&self, member: MemberId, before: &Look) -> bool {
        let Some(tile) = self.tiles.get(member) else { return false };
        let line = self.cursor_line(member).before;
        let asks =
            situation(tile.pane.screen(), &Modes::default(), &self.options.prompts) == Situation::Secret;
        if asks || line.trim_end().ends_with(['*', '•', '●']) {
            return false;
        }
        let now = self.look_of(member);
        let changed = now.rows.iter().zip(&before.rows).filter(|(now, before)| now != before).count();
        let row = |look: &Look| look.rows.get(usize::from(now.cursor.0)).copied();
        self.echo_seen(member) == EchoSeen::Yes
            || now.cursor != before.cursor
            || row(&now) != row(before)
            || changed >= ANSWERED
    }
}
