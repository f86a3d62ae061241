//! The fan-out: each host in a task of a `Crew` that connects, carries out the run's [`Deed`], and ends with one outcome.
//!
//! Interrupts go through three steps, each told to all host tasks at once (`Pace`): start no more, end what runs, leave.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::crew::{Crew, Pace, at_least};
use super::deed::{Call, Deed};
use super::exec::Exec;
use super::patience::Patience;
use super::report::{Output, Reporter, Summary};
use super::work::Orders;
use super::writer::{self, Ends, Events, Teller, Writer};
use super::{CLOSING, Happened, HostIx, Interrupt, Plan};
use crate::hosts::Host;
use crate::outcome::{Exit, Fate, NotRun, Outcome, Unknown};
use crate::ssh::{ConnectError, Connector, Target};

/// A plan with its targets, the way to them, and what is done there.
pub struct Job {
    /// What is run where.
    pub plan: Plan,
    /// For each host of the plan, in its order: how it is reached, or why it is not contacted.
    pub targets: Vec<Result<Target, ConnectError>>,
    /// What reaches them.
    pub connector: Connector,
    /// What is done on each.
    pub deed: Arc<dyn Deed>,
}

impl Job {
    /// The plan's command on every host, exactly as `ssh HOST CMD` would run it.
    pub fn command(plan: Plan, targets: Vec<Result<Target, ConnectError>>, connector: Connector) -> Job {
        let deed = Arc::new(Exec { orders: Orders::same(&plan.command) });
        Job { plan, targets, connector, deed }
    }
}

/// Runs the plan to its end, told on these streams.
pub async fn run(job: Job, output: Output, ends: Ends, interrupts: mpsc::Receiver<Interrupt>) -> Summary {
    let writer = Writer::new(Reporter::new(&job.plan, output, ends.sinks), ends);
    run_told(job, writer, interrupts).await
}

/// Runs the plan to its end, told by this teller. Every host has exactly one outcome in the summary, however the run ends.
///
/// After the third interrupt tasks and the teller may still be at work when this returns: the caller leaves the process.
pub async fn run_told(
    job: Job,
    mut teller: impl Teller,
    mut interrupts: mpsc::Receiver<Interrupt>,
) -> Summary {
    let begun = Instant::now();
    let fault = teller.fault();
    let (events, happened) = writer::queue();
    let telling = tokio::task::spawn_blocking(move || {
        teller.drain(happened);
        teller
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
        let mut teller = telling.await?;
        tokio::task::spawn_blocking(move || teller.finish(summary, begun.elapsed())).await
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
    deed: Arc<dyn Deed>,
    command_timeout: Option<Duration>,
    connector: Connector,
    events: Events,
    /// By host: its name.
    names: Vec<Host>,
    /// By host: what may have an effect there may have been sent.
    sent: Vec<AtomicBool>,
    /// It was said that hosts are throttled.
    throttled: AtomicBool,
}

impl Run {
    fn new(job: Job, events: Events, fault: CancellationToken) -> Run {
        let Job { plan, targets, connector, deed } = job;
        let n = plan.hosts.len();
        let shared = Shared {
            deed,
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
            true => Outcome::Unknown(Unknown::Killed(Fate::MayStillRun)),
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
        self.shared.events.try_send(Happened::Looked);
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
    shared.events.send(Happened::Began(host)).await;
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

/// Connects, and does there what is to be done. An error proves that nothing was done.
async fn reach(
    shared: &Shared,
    host: HostIx,
    target: &Target,
    pace: &mut watch::Receiver<Pace>,
) -> Result<Outcome, ConnectError> {
    let name = &shared.names[host.0];
    let patience = Patience { host: name, events: &shared.events, told: &shared.throttled };
    let link = tokio::select! {
        biased;
        () = at_least(pace, Pace::StartNoMore) => return Ok(Outcome::NotRun(NotRun::Cancelled)),
        connected = shared.connector.connect(target, &patience) => connected?,
    };
    shared.events.send(Happened::Reached(host, *link.phases())).await;
    let (events, sent) = (&shared.events, &shared.sent[host.0]);
    let call = Call { host, name, events, sent, pace: pace.clone(), timeout: shared.command_timeout };
    let outcome = shared.deed.carry_out(call, &link).await;
    let _ = timeout(CLOSING, link.close()).await;
    Ok(outcome)
}
