//! The fan-out of a command: each host in a task of a `Crew` that ends with one outcome.
//!
//! The moment that divides *certainly not run* from *not known* is the exec request: until it is handed over a host that
//! fails or is given up did not run the command, from then on only its exit status says that it did. The standard input
//! of a command is empty; that of omnes is never read here.
//!
//! Interrupts go through three steps, each told to all host tasks at once (`Pace`): start no more, end what runs, leave.

use std::collections::HashSet;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::crew::{Crew, Pace, at_least};
use super::patience::Patience;
use super::report::{Output, Reporter, Summary};
use super::writer::{self, Ends, Events, Writer};
use super::{Happened, HostIx, Interrupt, Plan, Stream};
use crate::hosts::Host;
use crate::outcome::{Exit, NotRun, Outcome, Unknown};
use crate::ssh::{Channel, ChannelEvent, ChannelOutput, ConnectError, Connector, StartError, Target};

/// How long a command may take to end after it was told to. With three times [`CLOSING`], for the signal, the channel and
/// the link, these are the 5 s that the user was promised.
const GRACE: Duration = Duration::from_secs(2);
/// How long each step of taking leave may take: a signal, closing a channel, closing a link.
const CLOSING: Duration = Duration::from_secs(1);

/// A plan with its targets and the way to them.
pub struct Job {
    /// What is run where.
    pub plan: Plan,
    /// For each host of the plan, in its order: how it is reached, or why it is not contacted.
    pub targets: Vec<Result<Target, ConnectError>>,
    /// What reaches them.
    pub connector: Connector,
}

/// Runs the plan to its end. Every host has exactly one outcome in the summary, however the run ends.
///
/// After the third interrupt tasks and the writer may still be at work when this returns: the caller leaves the process.
pub async fn run(job: Job, output: Output, ends: Ends, mut interrupts: mpsc::Receiver<Interrupt>) -> Summary {
    let begun = Instant::now();
    let fault = CancellationToken::new();
    let mut writing = Writer::new(Reporter::new(&job.plan, output, ends.sinks), ends, fault.clone());
    let (events, happened) = writer::queue();
    let writing = tokio::task::spawn_blocking(move || {
        writing.drain(happened);
        writing
    });
    let mut run = Run::new(job, events, fault);
    run.drive(&mut interrupts).await;
    let leaving = run.crew.pace() == Pace::Leave;
    if leaving {
        run.give_up().await;
    }
    let known = run.summary();
    let telling = async {
        let summary = run.close_books().await;
        let mut writer = writing.await?;
        tokio::task::spawn_blocking(move || writer.finish(summary, begun.elapsed())).await
    };
    // No host is at work any more, so whoever interrupts now does not want to wait for the reader of our output.
    tokio::select! {
        told = telling => told.unwrap_or_else(|_| known.with(Exit::OwnFault)),
        Some(_) = interrupts.recv() => known.with(Exit::Interrupted),
        () = sleep(CLOSING), if leaving => known,
    }
}

struct Run {
    shared: Arc<Shared>,
    crew: Crew<Result<Target, ConnectError>, Outcome>,
    books: Vec<Option<Outcome>>,
    /// Hosts whose task ended before it could tell its outcome.
    untold: HashSet<HostIx>,
    fault: CancellationToken,
    exit: Exit,
}

/// What every host task needs.
struct Shared {
    command: String,
    command_timeout: Option<Duration>,
    connector: Connector,
    events: Events,
    /// By host: its name.
    names: Vec<Host>,
    /// By host: the exec request may have been handed over.
    sent: Vec<AtomicBool>,
    /// It was said that hosts are throttled.
    throttled: AtomicBool,
}

impl Run {
    fn new(job: Job, events: Events, fault: CancellationToken) -> Run {
        let Job { plan, targets, connector } = job;
        let n = plan.hosts.len();
        let shared = Shared {
            command: plan.command,
            command_timeout: plan.limits.command_timeout,
            connector,
            events,
            names: plan.hosts,
            sent: (0..n).map(|_| AtomicBool::new(false)).collect(),
            throttled: AtomicBool::new(false),
        };
        Run {
            shared: Arc::new(shared),
            crew: Crew::new(targets, plan.limits.fanout),
            books: vec![None; n],
            untold: HashSet::new(),
            fault,
            exit: Exit::Well,
        }
    }

    async fn drive(&mut self, interrupts: &mut mpsc::Receiver<Interrupt>) {
        loop {
            let shared = &self.shared;
            self.crew.start_more(|host, target, pace| work(shared.clone(), host, target, pace));
            let faulty = self.crew.pace() >= Pace::End;
            tokio::select! {
                biased;
                Some(interrupt) = interrupts.recv() => {
                    if self.interrupted(interrupt) == Pace::Leave {
                        return;
                    }
                }
                () = self.fault.cancelled(), if !faulty => {
                    self.crew.set_pace(Pace::End);
                }
                ended = self.crew.next() => match ended {
                    Some((host, outcome)) => self.host_ended(host, outcome),
                    None => return,
                },
            }
        }
    }

    fn host_ended(&mut self, host: HostIx, outcome: Option<Outcome>) {
        match outcome {
            Some(outcome) => self.books[host.0] = Some(outcome),
            None if self.crew.pace() == Pace::Leave => self.given_up(host),
            None => {
                self.exit = self.exit.worst(Exit::OwnFault);
                self.untold.insert(host);
                let why = "internal error, please report it".into();
                self.books[host.0] = Some(Outcome::Unknown(Unknown::LinkLost(why)));
            }
        }
    }

    /// What is not known of this host yet will not be known.
    fn given_up(&mut self, host: HostIx) {
        let sent = self.shared.sent[host.0].load(Ordering::Acquire);
        self.untold.insert(host);
        self.books[host.0] = Some(match sent {
            true => Outcome::Unknown(Unknown::Killed),
            false => Outcome::NotRun(NotRun::Cancelled),
        });
    }

    /// One step further; says so, unless the writer is so far behind that it would have to wait.
    fn interrupted(&mut self, interrupt: Interrupt) -> Pace {
        self.exit = self.exit.worst(Exit::Interrupted);
        let old = self.crew.pace();
        let sent = |host: &HostIx| self.shared.sent[host.0].load(Ordering::Acquire);
        let running = self.crew.at_work().filter(sent).count();
        let (pace, sentence) = match (old, interrupt) {
            (Pace::Go, Interrupt::Int) => (
                Pace::StartNoMore,
                match running {
                    1 => "no more hosts are started, 1 goes on; C-c again ends its command".to_owned(),
                    n => format!("no more hosts are started, {n} go on; C-c again ends their commands"),
                },
            ),
            (Pace::Go | Pace::StartNoMore, _) => {
                let commands = if running == 1 { "command" } else { "commands" };
                (Pace::End, format!("ending {running} {commands}, at most 5 s; C-c again leaves at once"))
            }
            (Pace::End, Interrupt::Term) => return Pace::End,
            _ => (Pace::Leave, "left at once; commands may still run".to_owned()),
        };
        self.crew.set_pace(pace);
        self.shared.events.try_send(Happened::Notice(sentence));
        pace
    }

    /// The third interrupt. A task that has told its outcome has nothing left to wait for, so whoever is aborted has told
    /// none: every host is told of once here too.
    async fn give_up(&mut self) {
        for (host, outcome) in self.crew.give_up(CLOSING).await {
            self.host_ended(host, outcome);
        }
    }

    /// Whoever had no turn is told of too. Afterwards no sender of events is left, so the writer comes to its end.
    async fn close_books(self) -> Summary {
        let silent = self.books.iter().enumerate().filter_map(|(ix, outcome)| match outcome {
            None => Some((HostIx(ix), Outcome::NotRun(NotRun::NotStarted))),
            Some(outcome) => self.untold.contains(&HostIx(ix)).then(|| (HostIx(ix), outcome.clone())),
        });
        for (host, outcome) in silent {
            self.shared.events.send(Happened::Ended(host, outcome, Duration::ZERO)).await;
        }
        self.summary()
    }

    fn summary(&self) -> Summary {
        Summary::new(self.books.clone(), self.exit)
    }
}

/// One host from its turn to its outcome.
async fn work(
    shared: Arc<Shared>,
    host: HostIx,
    target: Result<Target, ConnectError>,
    mut pace: watch::Receiver<Pace>,
) -> Outcome {
    let begun = Instant::now();
    let outcome = match target {
        Ok(target) => {
            let outcome = reach(&shared, host, &target, &mut pace).await.unwrap_or_else(Outcome::from);
            tracing::debug!(host = %target.host, took = ?begun.elapsed(), "{outcome}");
            outcome
        }
        Err(error) => error.into(),
    };
    shared.events.send(Happened::Ended(host, outcome.clone(), begun.elapsed())).await;
    outcome
}

/// Connects, runs the command and follows it to its end. An error proves that the command did not run.
async fn reach(
    shared: &Shared,
    host: HostIx,
    target: &Target,
    pace: &mut watch::Receiver<Pace>,
) -> Result<Outcome, ConnectError> {
    let patience = Patience { host: &shared.names[host.0], events: &shared.events, told: &shared.throttled };
    let connecting = async {
        let link = shared.connector.connect(target, &patience).await?;
        let opened = link.open().await?;
        Ok::<_, ConnectError>((link, opened))
    };
    let (link, opened) = tokio::select! {
        biased;
        () = at_least(pace, Pace::StartNoMore) => return Ok(Outcome::NotRun(NotRun::Cancelled)),
        connected = connecting => connected?,
    };
    shared.sent[host.0].store(true, Ordering::Release);
    let started = tokio::select! {
        started = opened.exec(shared.command.as_bytes()) => started,
        () = at_least(pace, Pace::End) => return Ok(Outcome::Unknown(Unknown::Killed)),
    };
    let outcome = match started {
        Ok(channel) => follow(shared, host, channel, pace).await,
        Err(StartError::NotRun(error)) => error.into(),
        Err(StartError::Lost(why)) => Outcome::Unknown(Unknown::LinkLost(why)),
    };
    let _ = timeout(CLOSING, link.close()).await;
    Ok(outcome)
}

/// Passes on what a command says until it is over, out of time, or ended by the user.
async fn follow(
    shared: &Shared,
    host: HostIx,
    channel: Channel,
    pace: &mut watch::Receiver<Pace>,
) -> Outcome {
    let Channel { mut input, mut output } = channel;
    let _ = timeout(CLOSING, input.eof()).await;
    let mut status = None;
    let end = {
        let mut telling = pin!(tell(shared, host, &mut output, &mut status));
        let overdue = async {
            match shared.command_timeout {
                Some(after) => sleep(after).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            closed = &mut telling => closed,
            () = overdue => Err(Unknown::TimedOut(shared.command_timeout.unwrap_or_default())),
            () = at_least(pace, Pace::End) => {
                let _ = timeout(CLOSING, input.signal("TERM")).await;
                timeout(GRACE, telling).await.unwrap_or(Err(Unknown::Killed))
            }
        }
    };
    if let Err(Unknown::TimedOut(_) | Unknown::Killed) = end {
        let closing = async {
            let _ = input.signal("TERM").await;
            input.close().await;
        };
        let _ = timeout(CLOSING, closing).await;
    }
    if let (Some(_), Err(Unknown::LinkLost(why))) = (&status, &end) {
        let name = &shared.names[host.0];
        let sentence = format!("{name}: the command has ended, but its output may lack its end: {why}");
        shared.events.send(Happened::Notice(sentence)).await;
    }
    // A status that has arrived is the truth, even where the channel never closed.
    match (status, end) {
        (Some(outcome), _) => outcome,
        (None, Ok(())) => Outcome::Unknown(Unknown::NoStatus),
        (None, Err(why)) => Outcome::Unknown(why),
    }
}

/// Passes on output until the channel is closed; waits where the writer is behind, and with it the host's window.
async fn tell(
    shared: &Shared,
    host: HostIx,
    output: &mut ChannelOutput,
    status: &mut Option<Outcome>,
) -> Result<(), Unknown> {
    loop {
        let (stream, bytes) = match output.next().await {
            ChannelEvent::Data(bytes) => (Stream::Out, bytes),
            ChannelEvent::Stderr(bytes) => (Stream::Err, bytes),
            ChannelEvent::Eof => continue,
            ChannelEvent::Exit(code) => {
                status.get_or_insert(Outcome::Exited(code));
                continue;
            }
            ChannelEvent::Signal(name) => {
                status.get_or_insert(Outcome::Signalled(name));
                continue;
            }
            ChannelEvent::Closed(how) => return how.map_err(Unknown::LinkLost),
        };
        shared.events.send(Happened::Said(host, stream, bytes)).await;
    }
}
