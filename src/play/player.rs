//! The deed of `omnes play`: a shell in a terminal on each host, and a script carried out in it.
//!
//! The moment that divides *certainly not run* from *not known* is the first byte of the first step; from then on each
//! step is told before its first byte goes out, so that a run that is resumed knows where each host stopped.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};

use super::course::{Course, Do};
use super::gate::{Gate, Starts};
use super::score::{Score, Sent};
use super::script::OnFail;
use crate::outcome::{Fate, NotRun, Outcome, StepFailed, StepFault, Unknown};
use crate::run::deed::Ending;
use crate::run::{Call, Deed, HostIx, Stream};
use crate::ssh::{Channel, ChannelEvent, ChannelInput, ChannelOutput, ConnectError, Link, Stage, StartError};

/// What the remote side is told it talks to; our emulator keeps that promise.
const TERM: &str = "xterm-256color";

/// How long taking leave of a shell may take.
const CLOSING: Duration = Duration::from_secs(1);

/// Texts on their way to one host that its window does not take yet: those of one step and a few answers of the terminal.
/// At the bound the course waits.
const WRITES: usize = 64;

/// What is put in the place of a secret that a host shows.
const HIDDEN: &[u8] = b"********";

/// Whether the screen is told after steps that are no commands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Screens {
    /// It is not.
    #[default]
    Unsaid,
    /// It is, as text (`--screen`).
    Said,
}

/// Secrets by their names.
pub type Secrets = HashMap<String, SecretString>;

/// A script for every host.
pub struct Player {
    score: Score,
    secrets: Secrets,
    screens: Screens,
    /// By host: the step that it begins with, from 0.
    from: Vec<usize>,
    gate: Mutex<Gate>,
    /// Told whenever the gate may have opened.
    moved: watch::Sender<u64>,
}

impl Player {
    /// Plays the whole script everywhere. Every secret of the script must be there.
    pub fn new(score: Score, secrets: Secrets, screens: Screens) -> Player {
        let hosts = score.hosts();
        let gate = Mutex::new(Gate::new(score.barriers(), hosts));
        Player { score, secrets, screens, from: vec![0; hosts], gate, moved: watch::Sender::new(0) }
    }

    /// The same, but this host begins with this step, counted from 0: it has done with those before it.
    pub fn from(mut self, host: HostIx, step: usize) -> Player {
        self.from[host.0] = step;
        self
    }

    fn gate(&self) -> MutexGuard<'_, Gate> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn gate_moved(&self) {
        self.moved.send_modify(|moves| *moves += 1);
    }

    /// Opens the shell, plays, and takes leave. An error proves that nothing was sent.
    async fn on(&self, call: &Call<'_>, link: &Link) -> Result<Outcome, ConnectError> {
        let host = call.host.0;
        self.gate().begins(host);
        let parts = self.score.parts(host, self.from[host]);
        if parts.is_empty() {
            return Ok(Outcome::Exited(0));
        }
        let opened = tokio::select! {
            biased;
            () = call.cancelled() => return Ok(Outcome::NotRun(NotRun::Cancelled)),
            opened = link.shell(TERM, self.score.size()) => opened,
        };
        let Channel { mut input, output } = opened.map_err(|error| match error {
            StartError::NotRun(error) => error,
            StartError::Lost(why) => ConnectError::Unreachable { stage: Stage::Request, why },
        })?;
        let (writes, written) = mpsc::channel(WRITES);
        let key = format!("{:016x}n", rand::random::<u64>());
        let performance = Performance {
            player: self,
            call,
            course: Course::new(parts, self.score.size(), key),
            writes,
            begun: Instant::now(),
            sent: false,
            typed: Vec::new(),
        };
        let outcome = tokio::select! {
            outcome = performance.play(output) => outcome,
            never = write(&mut input, written) => match never {},
        };
        let _ = timeout(CLOSING, input.close()).await;
        Ok(outcome)
    }
}

impl Deed for Player {
    fn carry_out<'a>(&'a self, call: Call<'a>, link: &'a Link) -> BoxFuture<'a, Outcome> {
        async move {
            let outcome = self.on(&call, link).await.unwrap_or_else(Outcome::from);
            self.left(call.host);
            outcome
        }
        .boxed()
    }

    fn left(&self, host: HostIx) {
        self.gate().leaves(host.0);
        self.gate_moved();
    }
}

/// Sends what is to be sent, in order; that the channel is gone is learned by who reads.
async fn write(input: &mut ChannelInput, mut writes: mpsc::Receiver<Bytes>) -> std::convert::Infallible {
    while let Some(bytes) = writes.recv().await {
        if input.write(bytes).await.is_err() {
            break;
        }
    }
    std::future::pending().await
}

/// One host while it plays.
struct Performance<'a> {
    player: &'a Player,
    call: &'a Call<'a>,
    course: Course,
    writes: mpsc::Sender<Bytes>,
    begun: Instant,
    /// The first step went out.
    sent: bool,
    /// The secrets that were typed here.
    typed: Vec<&'a SecretString>,
}

/// What a host is to do at the border of two steps.
enum Border {
    Go,
    Wait,
    Over(Outcome),
}

impl Performance<'_> {
    async fn play(mut self, mut output: ChannelOutput) -> Outcome {
        let (mut ending, mut cancelled) = (pin!(self.call.to_be_ended()), pin!(self.call.cancelled()));
        let mut moved = self.player.moved.subscribe();
        let (mut starts, mut status) = (Starts::GoOn, None);
        loop {
            let mut waits = false;
            if self.course.is_idle() {
                moved.mark_unchanged();
                match self.border(starts) {
                    Border::Go => {
                        let todo = self.course.prepare(self.now());
                        if let Some(outcome) = self.carry_out(todo).await {
                            return outcome;
                        }
                        continue;
                    }
                    Border::Wait => waits = true,
                    Border::Over(outcome) => return outcome,
                }
            }
            let due = self.course.wake_at().map(|at| self.begun + at);
            let todo = tokio::select! {
                biased;
                ending = &mut ending => return self.ended(ending),
                () = &mut cancelled, if starts == Starts::GoOn => {
                    if !self.sent {
                        return Outcome::NotRun(NotRun::Cancelled);
                    }
                    starts = Starts::AreOver;
                    continue;
                }
                _ = moved.changed(), if waits => continue,
                event = output.next() => match event {
                    ChannelEvent::Data(bytes) | ChannelEvent::Stderr(bytes) => self.course.feed(self.now(), &bytes),
                    ChannelEvent::Eof => continue,
                    ChannelEvent::Exit(code) => {
                        status = Some(code);
                        continue;
                    }
                    ChannelEvent::Signal(name) => {
                        self.call.notice(&format!("its shell was ended by signal {name}")).await;
                        continue;
                    }
                    ChannelEvent::Closed(Ok(())) => self.course.closed(status),
                    ChannelEvent::Closed(Err(why)) => return self.lost(why),
                },
                () = sleep_until(due.unwrap_or(self.begun)), if due.is_some() => self.course.wake(self.now()),
            };
            if let Some(outcome) = self.carry_out(todo).await {
                return outcome;
            }
        }
    }

    fn now(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Between two steps: may the next one begin?
    fn border(&self, starts: Starts) -> Border {
        let Some(part) = self.course.part() else { return Border::Over(Outcome::Exited(0)) };
        let mut gate = self.player.gate();
        if let Some((host, step)) = gate.stopped() {
            drop(gate);
            let name = self.player.score.host(host);
            return Border::Over(self.not_begun(format!("as step {} failed on {name}", step + 1)));
        }
        let opened = gate.comes_to(self.call.host.0, part.step);
        let may = gate.is_open(part.step, starts);
        drop(gate);
        if opened {
            self.player.gate_moved();
        }
        if may { Border::Go } else { Border::Wait }
    }

    /// Does what the course wants; an outcome is the end.
    async fn carry_out(&mut self, todo: Vec<Do>) -> Option<Outcome> {
        let mut todo = std::collections::VecDeque::from(todo);
        while let Some(one) = todo.pop_front() {
            match one {
                Do::Write(bytes) => {
                    // Whoever would take it lives as long as this.
                    let _ = self.writes.send(Bytes::from(bytes)).await;
                }
                Do::Say(text) => self.call.said(Stream::Out, self.hidden(text)).await,
                Do::Ready => match self.begin().await {
                    Ok(more) => todo.extend(more),
                    Err(outcome) => return Some(outcome),
                },
                Do::Passed(step) => self.passed(step).await,
                Do::Failed(step, fault) => {
                    if let Some(outcome) = self.failed(step, fault).await {
                        return Some(outcome);
                    }
                }
                Do::NotKnown(step, unknown) => {
                    return Some(Outcome::Unknown(Unknown::InStep(step + 1, Box::new(unknown))));
                }
            }
        }
        None
    }

    /// The step that is ready begins, once that is told.
    async fn begin(&mut self) -> Result<Vec<Do>, Outcome> {
        let Some(part) = self.course.part() else { return Ok(Vec::new()) };
        let (step, deed) = (part.step, part.deed.clone());
        if !self.sent {
            self.call.sending().await.map_err(Outcome::NotRun)?;
        }
        if let Err(fault) = self.call.beginning(step).await {
            return Err(self.not_begun(fault.to_string()));
        }
        self.sent = true;
        let secret = match &deed {
            Sent::Secret(name) => self.player.secrets.get(name),
            _ => None,
        };
        self.typed.extend(secret);
        Ok(self.course.go(self.now(), secret.map(ExposeSecret::expose_secret)))
    }

    async fn passed(&self, step: usize) {
        if self.player.screens == Screens::Said && !self.player.score.is_command(step) {
            self.call.said(Stream::Out, self.hidden(self.course.screen().into_bytes())).await;
        }
        self.call.passed(step).await;
    }

    /// A step did not come to what was expected; an outcome is the end of this host.
    async fn failed(&self, step: usize, fault: StepFault) -> Option<Outcome> {
        let fault = match fault {
            StepFault::Mismatch(sentence) => StepFault::Mismatch(self.hidden_text(sentence)),
            fault => fault,
        };
        let failed = StepFailed { step: step + 1, why: fault };
        match self.player.score.on_fail(step) {
            OnFail::Continue if !matches!(failed.why, StepFault::NotBegun(_)) => {
                let sentence = format!("{}; it goes on", Outcome::StepFailed(failed));
                self.call.notice(&sentence).await;
                return None;
            }
            OnFail::StopAll => {
                self.player.gate().stop(self.call.host.0, step);
                self.player.gate_moved();
            }
            _ => {}
        }
        Some(Outcome::StepFailed(failed))
    }

    /// The outcome of a host that stops between two steps.
    fn not_begun(&self, why: String) -> Outcome {
        match self.course.part() {
            Some(part) if self.sent => {
                let why = StepFault::NotBegun(why);
                Outcome::StepFailed(StepFailed { step: part.step + 1, why })
            }
            _ => Outcome::NotRun(NotRun::Cancelled),
        }
    }

    /// The outcome of a host that is not to go on.
    fn ended(&self, ending: Ending) -> Outcome {
        let unknown = match ending {
            Ending::Overdue(after) => Unknown::TimedOut(after, Fate::MayStillRun),
            Ending::Told => Unknown::Killed(Fate::MayStillRun),
        };
        match (self.course.part(), ending) {
            (Some(part), _) if self.course.is_under_way() => {
                Outcome::Unknown(Unknown::InStep(part.step + 1, Box::new(unknown)))
            }
            (_, Ending::Overdue(after)) => {
                self.not_begun(format!("as the {} s of the command timeout were over", after.as_secs_f64()))
            }
            (_, Ending::Told) => self.not_begun("as the run was ended".to_owned()),
        }
    }

    fn lost(&self, why: String) -> Outcome {
        match self.course.part() {
            Some(part) if self.course.is_under_way() => {
                let unknown = Unknown::InStep(part.step + 1, Box::new(Unknown::LinkLost(why)));
                Outcome::Unknown(unknown)
            }
            _ if !self.sent => ConnectError::Unreachable { stage: Stage::Request, why }.into(),
            _ => self.not_begun(format!("as the link was lost: {why}")),
        }
    }

    /// A text without the secrets that were typed here.
    fn hidden(&self, text: Vec<u8>) -> Bytes {
        let mut text = text;
        for secret in &self.typed {
            let secret = secret.expose_secret().as_bytes();
            if !secret.is_empty() && memchr::memmem::find(&text, secret).is_some() {
                text = replaced(&text, secret);
            }
        }
        Bytes::from(text)
    }

    fn hidden_text(&self, text: String) -> String {
        String::from_utf8_lossy(&self.hidden(text.into_bytes())).into_owned()
    }
}

fn replaced(text: &[u8], secret: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut from = 0;
    for at in memchr::memmem::find_iter(text, secret) {
        out.extend_from_slice(&text[from..at]);
        out.extend_from_slice(HIDDEN);
        from = at + secret.len();
    }
    out.extend_from_slice(&text[from..]);
    out
}
