//! A run without windows, shown: its tiles take no keys, it ends in steps, and a host of it can be given a shell.
//!
//! Theory. A tile of a run never becomes ready, so by the rule of the broadcast no key can reach it. A shell on one of its
//! hosts is another session in a tile of its own, beside that of the run, and comes up detached: what is typed goes to it
//! while it is in focus, and to nobody else. The run itself goes on whatever the user looks at; leaving takes it through
//! the same three steps as `C-c` does without a screen.

use crate::broadcast::{MemberId, Part};
use crate::escape;
use crate::outcome::{NotRun, Outcome};
use crate::pane::{HistoryLimit, Pane};
use crate::session::SessionState;
use crate::tui::action::Action;
use crate::tui::event::{Effect, Opened};

use super::sessions::ending_in_short;
use super::tiles::Tile;
use super::{App, Tone};

/// Longest reason for an end, and longest sentence about a run, in characters.
const WORDS_CHARS: usize = 400;

/// What is done on a host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Work {
    /// A shell waits for what the user types.
    #[default]
    Shell,
    /// The command of a run that somebody else carries out; nothing is typed into it.
    Command,
}

/// How far the run is whose hosts are shown.
#[derive(Debug, Default)]
pub struct Course {
    /// Hosts whose part is not over.
    left: usize,
    /// Hosts of the run that did not end well.
    unwell: usize,
    /// All hosts of the run.
    all: usize,
    step: Step,
}

/// How far the user has taken the run towards its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Step {
    /// Not at all.
    #[default]
    Goes,
    /// No more hosts are started.
    StartsNoMore,
    /// What runs is being ended.
    Ends,
}

impl Course {
    /// Is the part of some host not over?
    pub fn goes_on(&self) -> bool {
        self.left > 0
    }

    /// How far it is, in words: `812 of 1000 done`, `3 not ok`; nothing where no run is shown.
    pub fn told(&self) -> Vec<String> {
        let done = (self.all > 0).then(|| format!("{} of {} done", self.all - self.left, self.all));
        let unwell = (self.unwell > 0).then(|| format!("{} not ok", self.unwell));
        done.into_iter().chain(unwell).collect()
    }

    /// Is a run shown, over or not?
    pub fn is_shown(&self) -> bool {
        self.all > 0
    }

    /// How far the user has taken it towards its end.
    pub fn step(&self) -> Step {
        self.step
    }

    /// A host of it is opened, if that is what is done there.
    pub(super) fn begins(&mut self, work: Work) {
        if work == Work::Command {
            self.left += 1;
            self.all += 1;
        }
    }
}

impl Tile {
    /// Is it a shell that is over, so that another can take its place?
    pub(super) fn is_closed_shell(&self) -> bool {
        self.work == Work::Shell && self.state.is_closed()
    }

    /// Did a command end there as one wishes?
    pub(super) fn went_well(&self) -> bool {
        self.work == Work::Command && matches!(self.state, SessionState::Closed(Outcome::Exited(0)))
    }

    /// How far a command is that has begun there, in words; hosts in other words never share a tile.
    pub(super) fn course_of_command(&self) -> Option<String> {
        match &self.state {
            _ if self.work == Work::Shell => None,
            SessionState::Running => Some("running".to_owned()),
            SessionState::Closed(Outcome::NotRun(_)) => None,
            SessionState::Closed(outcome) => Some(command_ending(outcome)),
            _ => None,
        }
    }
}

/// What became of a command on a host, in the few words that fit into a title.
pub fn command_ending(outcome: &Outcome) -> String {
    match outcome {
        Outcome::NotRun(NotRun::Connect(_)) => format!("unreachable: {}", ending_in_short(outcome)),
        other => escape::text(&other.to_string(), WORDS_CHARS),
    }
}

impl App {
    /// How far the run is that is shown.
    pub fn course(&self) -> &Course {
        &self.course
    }

    /// Is this a host's part of the run?
    pub(super) fn is_of_run(&self, id: MemberId) -> bool {
        self.tiles.get(id).is_some_and(|tile| tile.work == Work::Command)
    }

    /// Is it, and not over?
    pub(super) fn runs_on(&self, id: MemberId) -> bool {
        self.tiles.get(id).is_some_and(|tile| tile.work == Work::Command && !tile.state.is_closed())
    }

    /// Opens a shell on a host of the run, or goes to the one that is open there.
    pub(super) fn open_shell(&mut self, id: MemberId) {
        let Some(tile) = self.tiles.get(id) else { return };
        let (host, target, name) = (tile.host.clone(), tile.target, tile.name.clone());
        if tile.work == Work::Shell {
            return self.notes.refuse(format!("{name} is a shell already"), self.now);
        }
        let is_open = |tile: &&Tile| tile.work == Work::Shell && tile.host == host && !tile.state.is_closed();
        let open = self.tiles.iter().find(is_open).map(|tile| tile.member);
        if let Some(open) = open {
            return self.set_focus(open);
        }
        let opened = Opened { host, facts: tile.facts.clone() };
        let guards = tile.guards;
        let first = self.tiles.ids().len();
        let (member, session) = (self.broadcast.add(), self.next_session());
        self.broadcast.set_part(member, Part::Detached);
        let pane = Pane::new(self.terminal, HistoryLimit::lines(self.options.scrollback));
        let shell = Tile::new(opened, (member, session, target), pane);
        self.tiles.push(Tile { guards, name: format!("{name} shell"), ..shell });
        self.log_new_session(member);
        self.open_sessions(first);
        self.set_focus(member);
        let text = format!("a shell on {name}: detached, so only it hears while it is in focus");
        self.notes.say(Tone::Plain, text, self.now);
    }

    /// The user opened it by itself and for itself, so it waits for nobody's word.
    pub(super) fn admit_shell_of_run(&mut self, member: MemberId) {
        let detached = self.broadcast.member(member).is_some_and(|m| m.part() == Part::Detached);
        if self.options.work == Work::Command && detached {
            self.broadcast.admit(member);
        }
    }

    /// A sentence of the run. It speaks to somebody at a shell, where `C-c` is what quitting is here.
    pub(super) fn run_said(&mut self, sentence: &str) {
        let quit = format!("{} again", self.options.keymap.hint(Action::Quit));
        let text = escape::text(&sentence.replace("C-c again", &quit), WORDS_CHARS);
        self.notes.tell(Tone::Plain, text, self.now);
    }

    /// A host's part of the run is over: says so where it did not go well, and when it was the last. False for a shell.
    pub(super) fn note_end_of_command(&mut self, member: MemberId, outcome: &Outcome) -> bool {
        if !self.is_of_run(member) {
            return false;
        }
        self.course.left = self.course.left.saturating_sub(1);
        let is_well = matches!(outcome, Outcome::Exited(0));
        self.course.unwell += usize::from(!is_well);
        if self.course.left == 0 {
            let map = &self.options.keymap;
            let (shell, quit) = (map.hint(Action::OpenShell), map.hint(Action::Quit));
            let well = self.course.all - self.course.unwell;
            let text = format!(
                "the run is over: {well} of {} ok; {shell} opens a shell on a host, {quit} leaves",
                self.course.all
            );
            let tone = if self.course.unwell == 0 { Tone::Plain } else { Tone::Bad };
            self.notes.tell(tone, text, self.now);
        } else if !is_well {
            let text = format!("{}: {}", self.name(member), command_ending(outcome));
            self.notes.tell(Tone::Bad, text, self.now);
        }
        true
    }

    /// Why a key reaches nobody, where it is a run that is shown.
    pub(super) fn explain_run(&self) -> Option<String> {
        let shell = self.options.keymap.hint(Action::OpenShell);
        let text = || format!("a run takes no keys; {shell} opens a shell");
        self.course.is_shown().then(text)
    }

    /// A tile goes when the part of its host is over.
    pub(super) fn refuse_while_it_runs(&mut self, id: MemberId) {
        let quit = self.options.keymap.hint(Action::Quit);
        let text = format!("the run on {} is not over; {quit} ends the run", self.name(id));
        self.notes.refuse(text, self.now);
    }

    /// Nothing is run twice by a key.
    pub(super) fn refuse_to_run_again(&mut self, id: MemberId) {
        let shell = self.options.keymap.hint(Action::OpenShell);
        let text = format!("the run on {} is not repeated; {shell} opens a shell there", self.name(id));
        self.notes.refuse(text, self.now);
    }

    /// The user has said yes: one step further towards the end of the run.
    pub(super) fn end_run_further(&mut self) {
        if !self.course.goes_on() {
            // It came to its end while the question stood.
            return;
        }
        self.effects.push(Effect::Interrupt);
        self.course.step = match self.course.step {
            Step::Goes => Step::StartsNoMore,
            Step::StartsNoMore => Step::Ends,
            Step::Ends => {
                self.effects.push(Effect::Quit);
                Step::Ends
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Unknown;

    #[test]
    fn an_end_in_a_few_words() {
        for (outcome, words) in [
            (Outcome::Exited(0), "ok"),
            (Outcome::Exited(3), "exit status 3"),
            (Outcome::NotRun(NotRun::NotStarted), "not started"),
        ] {
            assert_eq!(command_ending(&outcome), words);
        }
        let lost = Outcome::Unknown(Unknown::LinkLost("\x1b[2Jgone".to_owned()));
        assert!(!command_ending(&lost).contains('\x1b'));
    }
}
