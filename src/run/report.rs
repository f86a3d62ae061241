//! What a run says, as it happens and at its end: pure, from [`Happened`] to text for the two streams.
//!
//! The fan-out keeps the books; the reporter tells them. Remote bytes are escaped where they go to a terminal and exact
//! where they do not.

use std::time::Duration;

use super::freight::{FileTally, Tallies};
use super::gather::Gather;
use super::groups::{Against, Groups, Press, Show};
use super::schedule::Stopped;
use super::spill::Spill;
use super::stream::Lines;
use super::top::Top;
use super::{Happened, HostIx, Passage, Plan, Stream, json, tally};
use crate::escape;
use crate::hosts::Host;
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
    /// No output: who did not do well, and the summary.
    Quiet,
}

/// How results are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// The form.
    pub output: Output,
    /// Gathered results are compared with this; only where they are gathered.
    pub diff: Option<Against>,
    /// The phases of the run and so many of its slowest hosts.
    pub top: Option<usize>,
    /// How much is said on the way.
    pub detail: Detail,
}

/// How much is said while hosts are at work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Detail {
    /// What they wrote, and what went wrong.
    #[default]
    Usual,
    /// When they were reached and which step they are at, too.
    Verbose,
}

impl From<Output> for Reading {
    fn from(output: Output) -> Reading {
        Reading { output, ..Reading::default() }
    }
}

/// Where one of our own streams goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sink {
    /// A terminal: what a host wrote is escaped.
    Terminal,
    /// A file or pipe: what a host wrote is exact.
    Exact,
}

/// For whom something is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// For people.
    Text,
    /// For machines: JSON lines.
    Json,
}

/// Where a deed says what there is to say of all hosts together.
pub struct Words<'a> {
    /// For whom.
    pub form: Form,
    /// Where our streams go.
    pub sinks: Sinks,
    /// What is said.
    pub paper: &'a mut Paper,
    /// Takes away text that is ready.
    pub press: Press<'a>,
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

    /// How many bytes there are on both.
    pub fn len(&self) -> usize {
        self.parts.iter().map(|(_, text)| text.len()).sum()
    }

    /// Nothing at all?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
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
    /// Where this stream goes.
    pub fn of(self, stream: Stream) -> Sink {
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
    detail: Detail,
    top: Option<Top>,
    /// What became of files, where it is told at the end.
    tallies: Tallies,
    /// Since the beginning of the run.
    now: Duration,
}

#[derive(Debug)]
enum Mode {
    Stream,
    Gather(Box<Groups>),
    Json,
}

impl Reporter {
    /// A reporter for one plan. Gathered output for which there is no room in memory goes to a file without a name.
    pub fn new(plan: &Plan, reading: impl Into<Reading>, sinks: Sinks) -> Reporter {
        Reporter::with(plan, reading.into(), sinks, Gather::new(Box::new(Spill::usual())))
    }

    /// The same, with another place for what is gathered.
    pub fn with(plan: &Plan, reading: Reading, sinks: Sinks, gather: Gather) -> Reporter {
        let n = plan.hosts.len();
        let show = match reading.diff {
            Some(against) => Show::Difference(against),
            None => Show::All,
        };
        Reporter {
            mode: match reading.output {
                Output::Stream => Mode::Stream,
                Output::Gather => Mode::Gather(Box::new(Groups::new(show, gather))),
                Output::Quiet => Mode::Gather(Box::new(Groups::new(Show::Failures, gather))),
                Output::Json => Mode::Json,
            },
            sinks,
            command: plan.command.clone(),
            hosts: plan.hosts.clone(),
            names: plan.hosts.iter().map(Host::to_string).collect(),
            lines: (0..n).map(|_| Default::default()).collect(),
            cut: vec![false; n],
            attempts: vec![0; n],
            detail: reading.detail,
            top: reading.top.map(|named| Top::new(n, named)),
            tallies: Tallies::default(),
            now: Duration::ZERO,
        }
    }

    /// The names of the hosts, in the order of the plan.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Where our streams go.
    pub fn sinks(&self) -> Sinks {
        self.sinks
    }

    /// For whom it is told.
    pub fn form(&self) -> Form {
        match self.mode {
            Mode::Json => Form::Json,
            _ => Form::Text,
        }
    }

    /// What happens next happens so long after the beginning of the run.
    pub fn at(&mut self, now: Duration) -> &mut Reporter {
        self.now = now;
        self
    }

    /// Why gathered output was lost, as soon as some was.
    pub fn fault(&self) -> Option<&str> {
        match &self.mode {
            Mode::Gather(groups) => groups.fault(),
            _ => None,
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
        if let Some(top) = &mut self.top {
            top.step(&happened, self.now);
        }
        match happened {
            Happened::Began(host) => self.attempts[host.0] += 1,
            Happened::Sent(_) | Happened::Moved(..) => {}
            Happened::Files(host, tally) => self.files(host, tally, paper),
            Happened::Reached(host, phases) => {
                let millis = phases.total().as_millis();
                self.remark(host, || format!("reached in {millis} ms"), paper);
            }
            Happened::Step(host, step, Passage::Begun) => {
                self.remark(host, || format!("step {} begun", step + 1), paper);
            }
            Happened::Step(host, step, Passage::Passed) => {
                self.remark(host, || format!("step {} passed", step + 1), paper);
            }
            Happened::Again(host, outcome, wait) => self.host_again(host, &outcome, wait, paper),
            Happened::Said(host, stream, bytes) => self.said(host, stream, &bytes, paper),
            Happened::Ended(host, outcome, took) => self.host_ended(host, outcome, took, paper),
            Happened::Looked => self.tell_gathered(paper, &mut |_| {}),
            Happened::Notice(sentence) => paper.notice(&sentence),
        }
    }

    /// What was gathered and not told yet; `press` takes away text that is ready, since it may be more than fits memory.
    pub fn tell_gathered(&mut self, paper: &mut Paper, press: Press<'_>) {
        if let Mode::Gather(groups) = &mut self.mode {
            groups.tell(&self.hosts, self.sinks, paper, press);
        }
    }

    /// The end: what was gathered, where the time went, and the summary.
    pub fn finish(&mut self, summary: &Summary, took: Duration, paper: &mut Paper) {
        self.tell_gathered(paper, &mut |_| {});
        match (&self.mode, &self.top) {
            (Mode::Json, Some(top)) => top.json(&self.names, paper.on(Stream::Out)),
            (_, Some(top)) => paper.on(Stream::Err).extend_from_slice(top.table(&self.names).as_bytes()),
            (_, None) => {}
        }
        match self.mode {
            Mode::Json => {
                json::summary(paper.on(Stream::Out), &self.hosts, summary, took);
                Self::stopped(summary, paper);
            }
            _ => {
                let tallies = match self.detail {
                    Detail::Usual => &self.tallies,
                    // Each host's own was told when its part was over.
                    Detail::Verbose => &self.tallies.shared(),
                };
                tallies.lines(&self.hosts).iter().for_each(|line| paper.notice(line));
                Self::stopped(summary, paper);
                paper.notice(&summary_line(self.hosts.iter().zip(&summary.outcomes)));
            }
        }
    }

    fn stopped(summary: &Summary, paper: &mut Paper) {
        if let Some(why) = &summary.stopped {
            paper.notice(&format!("stopped: {why}"));
        }
    }

    fn said(&mut self, host: HostIx, stream: Stream, bytes: &[u8], paper: &mut Paper) {
        match &mut self.mode {
            Mode::Gather(groups) => groups.said(host, stream, bytes),
            _ => self.live(host, stream, bytes, paper),
        }
    }

    /// What became of a host's files: at once for machines and for who wants details, for the others folded at the end.
    fn files(&mut self, host: HostIx, tally: FileTally, paper: &mut Paper) {
        match self.mode {
            Mode::Json => json::files(paper.on(Stream::Out), &self.names[host.0], &tally),
            _ => {
                self.remark(host, || tally.words(), paper);
                self.tallies.add(host, tally);
            }
        }
    }

    /// Something about a host that only who asks for details wants to know.
    fn remark(&self, host: HostIx, words: impl FnOnce() -> String, paper: &mut Paper) {
        if self.detail == Detail::Verbose && !matches!(self.mode, Mode::Json) {
            paper.notice(&format!("{}: {}", self.names[host.0], words()));
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
        match &mut self.mode {
            Mode::Json => {
                let attempts = self.attempts[host.0];
                json::outcome(paper.on(Stream::Out), &self.names[host.0], (&outcome, attempts), took);
            }
            Mode::Gather(groups) => groups.ended(host, outcome),
            // Nothing to say of the well; whom the user's interrupt kept from running is named by the summary alone.
            Mode::Stream if is_unremarkable(&outcome) => {}
            Mode::Stream => {
                let text = paper.on(Stream::Err);
                text.extend_from_slice(format!("{}: {outcome}\n", self.names[host.0]).as_bytes());
            }
        }
    }
}

pub(super) fn is_unremarkable(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Exited(0) | Outcome::NotRun(NotRun::NotStarted | NotRun::Cancelled))
}

/// One line, with the newline it may lack. On a terminal the carriage return of a DOS line end is left out.
pub fn push_line(text: &mut Vec<u8>, line: &[u8], sink: Sink) {
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
        Outcome::FilesFailed(failed) => format!("failed ({})", failed.fault),
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
