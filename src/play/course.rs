//! One host's way through its steps: bytes and time in, what is to be done out. Pure.
//!
//! Theory: a step is *prepared* (the terminal has come to rest where keys are typed after a command, and the cursor's line
//! is as `at` wants it), then the player is told that it is ready, and only when it says so the step *goes*: what is sent
//! before that is nothing, so that a host that stops there has certainly not begun the step. Behind the host stands a
//! [`Pane`], so that the cursor's line is what a person would see, keys are encoded as this terminal wants them, and its
//! questions are answered.

use std::time::Duration;

use regex::Regex;

use super::ear::{Ear, Heard};
use super::plain;
use super::score::{Part, Sent};
use super::shell::{self, Answered, Shell};
use crate::escape;
use crate::outcome::{Fate, StepFault, Unknown};
use crate::pane::{HistoryLimit, Pane};
use crate::size::Size;

/// A terminal that said nothing for so long has come to rest.
const QUIET: Duration = Duration::from_millis(100);

/// How long that is waited for; the terminal of a flood never rests.
const PATIENCE: Duration = Duration::from_secs(3);

/// The most of a step's output that is held against patterns, in bytes: its end.
const HEARD: usize = 64 * 1024;

/// Longest piece of a screen that a sentence repeats, in characters.
const SHOWN_CHARS: usize = 120;

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub enum Do {
    /// Send this.
    Write(Vec<u8>),
    /// Tell this: output of a command as text, whole lines.
    Say(Vec<u8>),
    /// The next step may go: [`Course::go`] is awaited.
    Ready,
    /// This step came to what was expected.
    Passed(usize),
    /// This step did not; what follows is the player's affair.
    Failed(usize, StepFault),
    /// What became of this step is not known; nothing can follow it.
    NotKnown(usize, Unknown),
}

/// How far the step is that is next.
#[derive(Debug)]
enum Stage {
    /// Not prepared.
    Idle,
    /// The terminal is to come to rest, until then at most.
    Settling(Duration),
    /// The cursor's line is to match, until then.
    Meeting(Duration),
    Ready,
    /// A shell is to answer the probe with this mark.
    Probing {
        until: Duration,
        mark: String,
        seen: Vec<u8>,
    },
    Running {
        until: Duration,
        ear: Ear,
        lines: plain::Lines,
    },
    /// The host is to show what is expected, since it said something.
    Expecting {
        until: Duration,
        answered: bool,
    },
}

/// The course of one host.
pub struct Course {
    parts: Vec<Part>,
    place: usize,
    pane: Pane,
    stage: Stage,
    /// Random, so that nothing that was printed before is a mark of ours.
    key: String,
    marks: usize,
    /// The shell at the prompt, while nothing but commands was sent since it answered.
    shell: Option<Shell>,
    /// When it said something last.
    spoke: Option<Duration>,
    /// Keys were never typed on a terminal that has come to rest since the start or the last command.
    restless: bool,
    /// What it said since the step went, its end.
    heard: Vec<u8>,
}

impl Course {
    /// These steps on a terminal of this size; `key` is some random letters.
    pub fn new(parts: Vec<Part>, size: Size, key: String) -> Course {
        Course {
            parts,
            place: 0,
            pane: Pane::new(size, HistoryLimit::lines(0)),
            stage: Stage::Idle,
            key,
            marks: 0,
            shell: None,
            spoke: None,
            restless: true,
            heard: Vec::new(),
        }
    }

    /// The step that is next or under way; `None` when all are done.
    pub fn part(&self) -> Option<&Part> {
        self.parts.get(self.place)
    }

    /// Whether the next step waits to be prepared.
    pub fn is_idle(&self) -> bool {
        matches!(self.stage, Stage::Idle)
    }

    /// Whether something of a step was sent and its end has not come.
    pub fn is_under_way(&self) -> bool {
        matches!(self.stage, Stage::Probing { .. } | Stage::Running { .. } | Stage::Expecting { .. })
    }

    /// What is to be seen, without empty lines at its end.
    pub fn screen(&self) -> String {
        let text = self.pane.screen().text();
        format!("{}\n", text.trim_end())
    }

    /// The next step is wanted; `now` is the time since the course began, here and everywhere.
    pub fn prepare(&mut self, now: Duration) -> Vec<Do> {
        let Some(part) = self.part() else { return Vec::new() };
        // A shell reads commands that were typed ahead, once it is there; keys are for what is seen.
        let rests = self.spoke.is_some() && matches!(part.deed, Sent::Command(_)) && self.place > 0;
        self.stage = match self.restless && !rests {
            true => Stage::Settling(now + PATIENCE),
            false => Stage::Meeting(now + part.timeout),
        };
        self.wake(now)
    }

    /// The step that is ready goes; a secret is handed in if it types one.
    pub fn go(&mut self, now: Duration, secret: Option<&str>) -> Vec<Do> {
        let Some(part) = self.parts.get(self.place) else { return Vec::new() };
        let until = now + part.timeout;
        self.heard.clear();
        let bytes = match &part.deed {
            Sent::Command(command) => {
                let command = command.clone();
                return match self.shell {
                    Some(shell) => self.run(shell, &command, until),
                    None => self.probe(until),
                };
            }
            Sent::Keys(keys) => keys.0.iter().flat_map(|key| self.pane.encode_key(*key).to_vec()).collect(),
            Sent::Paste(text) => self.pane.encode_paste(text),
            Sent::Secret(_) => [secret.unwrap_or_default().as_bytes(), b"\r"].concat(),
        };
        self.shell = None;
        self.restless = false;
        self.stage = Stage::Expecting { until, answered: false };
        vec![Do::Write(bytes)]
    }

    fn probe(&mut self, until: Duration) -> Vec<Do> {
        let key = self.next_key();
        self.stage = Stage::Probing { until, mark: shell::mark(&key), seen: Vec::new() };
        vec![Do::Write(format!("{}\r", shell::probe(&key)).into_bytes())]
    }

    fn run(&mut self, shell: Shell, command: &str, until: Duration) -> Vec<Do> {
        let key = self.next_key();
        self.restless = true;
        self.heard.clear();
        let ear = Ear::new(&shell::mark(&key));
        self.stage = Stage::Running { until, ear, lines: plain::Lines::default() };
        let typed = shell::lines(shell, &key, command).join("\r");
        vec![Do::Write(format!("{typed}\r").into_bytes())]
    }

    fn next_key(&mut self) -> String {
        self.marks += 1;
        format!("{}{}", self.key, self.marks)
    }

    /// The host said something.
    pub fn feed(&mut self, now: Duration, bytes: &[u8]) -> Vec<Do> {
        let fed = self.pane.feed(now, bytes);
        self.spoke = Some(now);
        let mut todo = Vec::new();
        if !fed.replies.is_empty() {
            todo.push(Do::Write(fed.replies));
        }
        match &mut self.stage {
            Stage::Idle | Stage::Settling(_) | Stage::Ready => {}
            Stage::Meeting(_) => todo.extend(self.meet()),
            Stage::Probing { seen, .. } => {
                keep(seen, bytes);
                todo.extend(self.hear_probe());
            }
            Stage::Running { .. } => self.hear_command(bytes, &mut todo),
            Stage::Expecting { answered, .. } => {
                *answered = true;
                keep(&mut self.heard, bytes);
                if self.is_as_expected() {
                    todo.push(self.passed());
                }
            }
        }
        todo
    }

    fn hear_probe(&mut self) -> Vec<Do> {
        let Stage::Probing { until, mark, seen } = &self.stage else { return Vec::new() };
        let until = *until;
        let Some(at) = memchr::memmem::find(seen, mark.as_bytes()) else { return Vec::new() };
        let rest = &seen[at + mark.len()..];
        let Some(end) = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n')) else { return Vec::new() };
        match shell::answered(&String::from_utf8_lossy(&rest[..end])) {
            Some(Answered::By(shell)) => {
                self.shell = Some(shell);
                let Some(Part { deed: Sent::Command(command), .. }) = self.part() else { return Vec::new() };
                let command = command.clone();
                self.run(shell, &command, until)
            }
            Some(Answered::Csh) => {
                let fault = "the shell there is csh, in which no error of a command can be caught; begin with a \
                             step that sends \"exec sh\" Enter";
                vec![self.failed(StepFault::Mismatch(fault.to_owned()))]
            }
            None => vec![self.failed(StepFault::Mismatch("the shell there is of no known kind".to_owned()))],
        }
    }

    fn hear_command(&mut self, bytes: &[u8], todo: &mut Vec<Do>) {
        let Stage::Running { ear, lines, .. } = &mut self.stage else { return };
        let mut status = None;
        for heard in ear.hear(bytes) {
            match heard {
                Heard::Output(bytes) => {
                    keep(&mut self.heard, &bytes);
                    todo.extend(said(lines.feed(&bytes)));
                }
                Heard::Status(code) => status = Some(code),
            }
        }
        if let Some(status) = status {
            todo.extend(said(lines.finish()));
            todo.push(self.ended(status));
        }
    }

    /// A command has ended.
    fn ended(&mut self, status: u32) -> Do {
        let expect = self.part().and_then(|part| part.expect.clone());
        match (status, expect) {
            (0, Some(expect)) if !expect.is_match(&plain::text(&self.heard)) => {
                let fault = format!("it ended well, but its output does not match {}", shown(&expect));
                self.failed(StepFault::Mismatch(fault))
            }
            (0, _) => self.passed(),
            (status, _) => self.failed(StepFault::Status(status)),
        }
    }

    /// Whether the cursor's line, or the output since the step went, is what was expected.
    fn is_as_expected(&self) -> bool {
        let Some(expect) = self.part().and_then(|part| part.expect.as_ref()) else { return true };
        self.is_at(expect) || expect.is_match(&plain::text(&self.heard))
    }

    /// Whether the cursor's line matches, what stands before the cursor or all of it.
    fn is_at(&self, pattern: &Regex) -> bool {
        let line = self.pane.screen().cursor_line();
        pattern.is_match(&line.before) || pattern.is_match(&line.text())
    }

    fn meet(&mut self) -> Vec<Do> {
        let met = self.part().and_then(|part| part.at.as_ref()).is_none_or(|at| self.is_at(at));
        if !met {
            return Vec::new();
        }
        self.stage = Stage::Ready;
        vec![Do::Ready]
    }

    fn passed(&mut self) -> Do {
        Do::Passed(self.next())
    }

    fn failed(&mut self, fault: StepFault) -> Do {
        Do::Failed(self.next(), fault)
    }

    /// On to the next step; the one that was is given back.
    fn next(&mut self) -> usize {
        let step = self.part().map_or(0, |part| part.step);
        self.place += 1;
        self.stage = Stage::Idle;
        step
    }

    /// When [`Course::wake`] is to be called if the host says nothing until then.
    pub fn wake_at(&self) -> Option<Duration> {
        let stage = match &self.stage {
            Stage::Idle | Stage::Ready => None,
            Stage::Settling(until) => Some(self.spoke.map_or(*until, |spoke| (spoke + QUIET).min(*until))),
            Stage::Meeting(until) | Stage::Probing { until, .. } => Some(*until),
            Stage::Running { until, .. } | Stage::Expecting { until, .. } => Some(*until),
        };
        stage.into_iter().chain(self.pane.wake_at()).min()
    }

    /// Time has passed.
    pub fn wake(&mut self, now: Duration) -> Vec<Do> {
        self.pane.wake(now);
        let Some(part) = self.part() else { return Vec::new() };
        let (step, timeout) = (part.step, part.timeout);
        match &self.stage {
            Stage::Settling(until) => {
                if now < *until && self.spoke.is_none_or(|spoke| now < spoke + QUIET) {
                    return Vec::new();
                }
                self.restless = false;
                self.stage = Stage::Meeting(now + timeout);
                self.meet()
            }
            Stage::Meeting(until) => {
                let late = now >= *until;
                match self.meet() {
                    met if met.is_empty() && late => vec![self.late_meeting(timeout)],
                    met => met,
                }
            }
            Stage::Probing { until, .. } if now >= *until => {
                let fault = format!(
                    "no shell answered within {}, so its command was not typed; {}",
                    time(timeout),
                    self.seen()
                );
                vec![self.failed(StepFault::Mismatch(fault))]
            }
            Stage::Expecting { until, answered: true } if now >= *until => {
                let expect = self.part().and_then(|part| part.expect.as_ref()).map(shown);
                let fault = format!(
                    "{} did not come within {}; {}",
                    expect.unwrap_or_default(),
                    time(timeout),
                    self.seen()
                );
                vec![self.failed(StepFault::Mismatch(fault))]
            }
            Stage::Running { until, .. } | Stage::Expecting { until, .. } if now >= *until => {
                vec![Do::NotKnown(step, Unknown::TimedOut(timeout, Fate::MayStillRun))]
            }
            _ => Vec::new(),
        }
    }

    fn late_meeting(&mut self, timeout: Duration) -> Do {
        let at = self.part().and_then(|part| part.at.as_ref()).map(shown).unwrap_or_default();
        let fault = format!("nothing was typed: {at} did not come within {}; {}", time(timeout), self.seen());
        self.failed(StepFault::Mismatch(fault))
    }

    /// The shell has ended, with this status if it said one.
    pub fn closed(&mut self, status: Option<u32>) -> Vec<Do> {
        let mut todo = Vec::new();
        let told = status.map_or_else(String::new, |status| format!(" with status {status}"));
        match (&mut self.stage, status) {
            (Stage::Running { lines, .. }, Some(status)) => {
                todo.extend(said(lines.finish()));
                todo.push(self.ended(status));
            }
            (Stage::Running { .. }, None) => {
                let step = self.part().map_or(0, |part| part.step);
                todo.push(Do::NotKnown(step, Unknown::NoStatus));
            }
            (Stage::Expecting { .. } | Stage::Probing { .. }, _) => {
                let fault = format!("the shell ended{told}; {}", self.seen());
                todo.push(self.failed(StepFault::Mismatch(fault)));
            }
            _ => {}
        }
        if self.part().is_some() && !todo.iter().any(|todo| matches!(todo, Do::Failed(..) | Do::NotKnown(..)))
        {
            todo.push(self.failed(StepFault::NotBegun(format!("the shell ended{told}"))));
        }
        todo
    }

    /// What a person would see, for a sentence.
    fn seen(&self) -> String {
        let screen = self.pane.screen();
        match screen.cursor_line().text() {
            line if line.trim().is_empty() => "the cursor's line is empty".to_owned(),
            line => format!("the cursor's line is `{}`", escape::text(&line, SHOWN_CHARS)),
        }
    }
}

fn said(text: Vec<u8>) -> Option<Do> {
    (!text.is_empty()).then_some(Do::Say(text))
}

/// Adds bytes, and keeps the end of all.
fn keep(kept: &mut Vec<u8>, bytes: &[u8]) {
    kept.extend_from_slice(bytes);
    if kept.len() > 2 * HEARD {
        kept.drain(..kept.len() - HEARD);
    }
}

fn shown(pattern: &Regex) -> String {
    format!("/{}/", escape::text(pattern.as_str(), SHOWN_CHARS))
}

fn time(time: Duration) -> String {
    format!("{} s", time.as_secs_f64())
}

#[cfg(test)]
#[path = "course_tests.rs"]
mod tests;
