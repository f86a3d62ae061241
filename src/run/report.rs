//! What a run says, as it happens and at its end: pure, from [`Happened`] to text for the two streams.
//!
//! The fan-out keeps the books; the reporter tells them. Remote bytes are escaped where they go to a terminal and exact
//! where they do not.

use std::time::Duration;

use super::gather::{Gather, Group, Kept, Text};
use super::schedule::Stopped;
use super::stream::Lines;
use super::{Happened, HostIx, Plan, Stream, json, tally};
use crate::escape;
use crate::hosts::{Host, HostSet};
use crate::outcome::{Exit, Fate, NotRun, Outcome, StepFailed, StepFault, Unknown};

/// The form in which results are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Output {
    /// Live lines, each with its host before it.
    #[default]
    Stream,
    /// Equal outputs once, under their folded host set, when all is over.
    Gather,
    /// JSON lines (`docs/events.md`).
    Json,
}

/// Where one of our own streams goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sink {
    /// A terminal: what a host wrote is escaped.
    Terminal,
    /// A file or pipe: what a host wrote is exact.
    Exact,
}

/// Text on its way to our two streams, in the order in which it is to appear.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Paper {
    /// Never two neighbours for the same stream.
    pub parts: Vec<(Stream, Vec<u8>)>,
}

impl Paper {
    /// The text of one stream, to be added to.
    pub fn on(&mut self, stream: Stream) -> &mut Vec<u8> {
        if self.parts.last().is_none_or(|(last, _)| *last != stream) {
            self.parts.push((stream, Vec::new()));
        }
        let (_, text) = self.parts.last_mut().expect("one was pushed if there was none");
        text
    }

    /// One line of ours on standard error.
    pub fn notice(&mut self, sentence: &str) {
        let text = self.on(Stream::Err);
        text.extend_from_slice(b"omnes: ");
        text.extend_from_slice(sentence.as_bytes());
        text.push(b'\n');
    }
}

impl Summary {
    /// The books closed: a host without an outcome was never begun. `end` is what the run itself came to, hosts apart.
    pub fn new(outcomes: Vec<Option<Outcome>>, end: Exit) -> Summary {
        let outcomes: Vec<Outcome> =
            outcomes.into_iter().map(|o| o.unwrap_or(Outcome::NotRun(NotRun::NotStarted))).collect();
        let exit = outcomes.iter().fold(end, |exit, outcome| exit.worst(outcome.class().into()));
        Summary { outcomes, exit, stopped: None }
    }

    /// The same, ended worse.
    pub fn with(self, end: Exit) -> Summary {
        Summary { exit: self.exit.worst(end), ..self }
    }
}

/// The end of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// One outcome for each host of the plan, in its order.
    pub outcomes: Vec<Outcome>,
    /// What all outcomes add up to, the user's interrupt and our own faults included.
    pub exit: Exit,
    /// Why it stopped before every host had its turn, where that was not an interrupt.
    pub stopped: Option<Stopped>,
}

/// How our streams look to the reporter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sinks {
    /// Standard output.
    pub out: Sink,
    /// Standard error.
    pub err: Sink,
}

impl Sinks {
    fn of(self, stream: Stream) -> Sink {
        match stream {
            Stream::Out => self.out,
            Stream::Err => self.err,
        }
    }
}

/// The teller of one run.
#[derive(Debug)]
pub struct Reporter {
    mode: Mode,
    sinks: Sinks,
    command: String,
    hosts: Vec<Host>,
    names: Vec<String>,
    lines: Vec<[Lines; 2]>,
    cut: Vec<bool>,
    /// By host: how often it was begun.
    attempts: Vec<u32>,
    ended: usize,
}

#[derive(Debug)]
enum Mode {
    Stream,
    Gather(Gather),
    Json,
}

impl Reporter {
    /// A reporter for one plan.
    pub fn new(plan: &Plan, output: Output, sinks: Sinks) -> Reporter {
        let n = plan.hosts.len();
        Reporter {
            mode: match output {
                Output::Stream => Mode::Stream,
                Output::Gather => Mode::Gather(Gather::default()),
                Output::Json => Mode::Json,
            },
            sinks,
            command: plan.command.clone(),
            hosts: plan.hosts.clone(),
            names: plan.hosts.iter().map(Host::to_string).collect(),
            lines: (0..n).map(|_| Default::default()).collect(),
            cut: vec![false; n],
            attempts: vec![0; n],
            ended: 0,
        }
    }

    /// The beginning.
    pub fn begin(&mut self, paper: &mut Paper) {
        if let Mode::Json = self.mode {
            json::start(paper.on(Stream::Out), &self.command, &self.hosts);
        }
    }

    /// One thing happened.
    pub fn step(&mut self, happened: Happened, paper: &mut Paper) {
        match happened {
            Happened::Began(host) => self.attempts[host.0] += 1,
            Happened::Reached(..) | Happened::Sent(_) | Happened::Step(..) => {}
            Happened::Again(host, outcome, wait) => self.host_again(host, &outcome, wait, paper),
            Happened::Said(host, stream, bytes) => self.said(host, stream, &bytes, paper),
            Happened::Ended(host, outcome, took) => self.host_ended(host, outcome, took, paper),
            Happened::Notice(sentence) => {
                self.wipe_progress(paper);
                paper.notice(&sentence);
            }
        }
    }

    /// The end: what was gathered, and the summary.
    pub fn finish(&mut self, summary: &Summary, took: Duration, paper: &mut Paper) {
        self.wipe_progress(paper);
        if let Mode::Gather(gather) = &self.mode {
            for group in gather.groups() {
                self.print_group(&group, paper);
            }
        }
        match self.mode {
            Mode::Json => json::summary(paper.on(Stream::Out), &self.hosts, summary, took),
            _ => {
                if let Some(why) = &summary.stopped {
                    paper.notice(&format!("stopped: {why}"));
                }
                paper.notice(&summary_line(self.hosts.iter().zip(&summary.outcomes)));
            }
        }
    }

    fn said(&mut self, host: HostIx, stream: Stream, bytes: &[u8], paper: &mut Paper) {
        let kept = match &mut self.mode {
            Mode::Gather(gather) => gather.said(host, stream, bytes),
            _ => Kept::Live,
        };
        match kept {
            Kept::Kept => {}
            Kept::Live => self.live(host, stream, bytes, paper),
            Kept::Overflow(Text { out, err }) => {
                self.wipe_progress(paper);
                let name = &self.names[host.0];
                paper.notice(&format!("{name} wrote too much to be gathered; it is shown as live lines"));
                self.live(host, Stream::Out, &out, paper);
                self.live(host, Stream::Err, &err, paper);
            }
        }
    }

    fn live(&mut self, host: HostIx, stream: Stream, bytes: &[u8], paper: &mut Paper) {
        let Some(block) = self.lines[host.0][stream as usize].feed(bytes) else { return };
        self.print_block(host, stream, &block.bytes, paper);
        if block.cut && !matches!(self.mode, Mode::Json) && !std::mem::replace(&mut self.cut[host.0], true) {
            paper.notice(&format!("{}: a line of more than 1 MiB is shown in pieces", self.names[host.0]));
        }
    }

    fn print_block(&self, host: HostIx, stream: Stream, block: &[u8], paper: &mut Paper) {
        let name = &self.names[host.0];
        if let Mode::Json = self.mode {
            return json::output(paper.on(Stream::Out), name, stream, block);
        }
        let (sink, text) = (self.sinks.of(stream), paper.on(stream));
        for line in block.split_inclusive(|byte| *byte == b'\n') {
            text.extend_from_slice(name.as_bytes());
            text.extend_from_slice(b": ");
            push_line(text, line, sink);
        }
    }

    /// An attempt failed before anything was done, and there is to be another.
    fn host_again(&mut self, host: HostIx, outcome: &Outcome, wait: Duration, paper: &mut Paper) {
        let name = &self.names[host.0];
        match self.mode {
            Mode::Json => {
                let attempt = self.attempts[host.0];
                json::again(paper.on(Stream::Out), name, (outcome, attempt), wait);
            }
            _ => {
                self.wipe_progress(paper);
                let wait = wait.as_secs_f64();
                paper.notice(&format!("{name}: {outcome}; it is tried again in {wait:.1} s"));
            }
        }
    }

    fn host_ended(&mut self, host: HostIx, outcome: Outcome, took: Duration, paper: &mut Paper) {
        for stream in [Stream::Out, Stream::Err] {
            if let Some(last) = self.lines[host.0][stream as usize].finish() {
                self.print_block(host, stream, &last, paper);
            }
        }
        self.ended += 1;
        match &mut self.mode {
            Mode::Json => {
                let attempts = self.attempts[host.0];
                json::outcome(paper.on(Stream::Out), &self.names[host.0], (&outcome, attempts), took);
            }
            Mode::Gather(gather) => {
                gather.ended(host, outcome.clone());
                self.progress(paper);
            }
            // Nothing to say of the well; whom the user's interrupt kept from running is named by the summary alone.
            Mode::Stream if is_unremarkable(&outcome) => {}
            Mode::Stream => {
                let text = paper.on(Stream::Err);
                text.extend_from_slice(format!("{}: {outcome}\n", self.names[host.0]).as_bytes());
            }
        }
    }

    /// While results are gathered nothing else is to be seen; a terminal shows how far the run is.
    fn progress(&self, paper: &mut Paper) {
        if self.sinks.err == Sink::Terminal {
            let line = format!("\r\x1b[Komnes: {} of {} hosts done", self.ended, self.hosts.len());
            paper.on(Stream::Err).extend_from_slice(line.as_bytes());
        }
    }

    fn wipe_progress(&self, paper: &mut Paper) {
        if matches!(self.mode, Mode::Gather(_)) && self.sinks.err == Sink::Terminal && self.ended > 0 {
            paper.on(Stream::Err).extend_from_slice(b"\r\x1b[K");
        }
    }

    fn print_group(&self, group: &Group, paper: &mut Paper) {
        let set: HostSet = group.hosts.iter().map(|host| self.hosts[host.0].clone()).collect();
        let title = format!("{set} ({}): {}", set.len(), group.outcome);
        if let Outcome::NotRun(_) = group.outcome {
            // Nothing ran there, so there is nothing that belongs on standard output.
            return paper.on(Stream::Err).extend_from_slice(format!("{title}\n").as_bytes());
        }
        let Text { out, err } = &*group.text;
        if !out.is_empty() || err.is_empty() {
            push_header(paper.on(Stream::Out), &title);
            push_text(paper.on(Stream::Out), out, self.sinks.out);
        }
        if !err.is_empty() {
            push_header(paper.on(Stream::Err), &format!("{title}, standard error"));
            push_text(paper.on(Stream::Err), err, self.sinks.err);
        }
    }
}

fn is_unremarkable(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Exited(0) | Outcome::NotRun(NotRun::NotStarted | NotRun::Cancelled))
}

fn push_header(text: &mut Vec<u8>, title: &str) {
    let rule = "-".repeat(15);
    text.extend_from_slice(format!("{rule}\n{title}\n{rule}\n").as_bytes());
}

fn push_text(text: &mut Vec<u8>, lines: &[u8], sink: Sink) {
    for line in lines.split_inclusive(|byte| *byte == b'\n') {
        push_line(text, line, sink);
    }
}

/// One line, with the newline it may lack. On a terminal the carriage return of a DOS line end is left out.
fn push_line(text: &mut Vec<u8>, line: &[u8], sink: Sink) {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    match sink {
        Sink::Exact => text.extend_from_slice(line),
        Sink::Terminal => {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            text.extend_from_slice(escape::line(line).as_bytes());
        }
    }
    text.push(b'\n');
}

/// `46 ok: web[01-46]; 1 failed (exit status 2): web47; 1 unreachable (tcp): web48`.
pub(super) fn summary_line<'a>(hosts: impl Iterator<Item = (&'a Host, &'a Outcome)>) -> String {
    let mut all: Vec<(&Host, &Outcome)> = hosts.collect();
    all.sort_by_key(|(_, outcome)| outcome.class());
    tally::line(all.into_iter().map(|(host, outcome)| (host, kind(outcome))))
}

/// The kind of an outcome in a few words; hosts of one kind are counted together.
fn kind(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Exited(0) => "ok".into(),
        Outcome::Exited(status) => format!("failed (exit status {status})"),
        Outcome::Signalled(name) => format!("failed (signal {name})"),
        Outcome::NotRun(why) => tally::kind(why),
        Outcome::Unknown(unknown) => unknown_kind(unknown),
        Outcome::StepFailed(StepFailed { step, why: StepFault::Status(status) }) => {
            format!("failed (step {step}, exit status {status})")
        }
        Outcome::StepFailed(StepFailed { step, why: StepFault::NotBegun(_) }) => {
            format!("stopped (before step {step})")
        }
        Outcome::StepFailed(StepFailed { step, .. }) => format!("failed (step {step})"),
    }
}

fn unknown_kind(unknown: &Unknown) -> String {
    match unknown {
        Unknown::TimedOut(_, fate) => format!("timed out, {fate}"),
        Unknown::Killed(Fate::Killed) => "killed".into(),
        Unknown::Killed(fate) => format!("interrupted, {fate}"),
        Unknown::LinkLost(_) => "link lost, may have run".into(),
        Unknown::NoStatus => "no exit status".into(),
        Unknown::InStep(step, unknown) => format!("{} (step {step})", unknown_kind(unknown)),
    }
}

#[cfg(test)]
#[path = "report_tests.rs"]
mod tests;
