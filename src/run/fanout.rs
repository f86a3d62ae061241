//! The fan-out: each host in a task of a `Crew` that connects, carries out the run's [`Deed`], and ends with one outcome.
//!
//! Who is begun when is decided by the [`Schedule`], which is told what becomes of them. An attempt that failed before
//! anything was sent may be followed by another; only its last one tells an outcome. Interrupts go through three steps, each told to all host tasks at once (`Pace`): start no more, end what runs, leave.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::crew::{Crew, Pace, at_least};
use super::deed::{Call, Deed, Work};
use super::exec::Exec;
use super::journal::Journal;
use super::patience::{self, Patience, Sign};
use super::pause::{self, Look, Overseer, Unattended};
use super::report::{Output, Reporter, Summary, summary_line};
use super::schedule::{Decision, Pause, Retrying, Schedule, WaveOver};
use super::work::Orders;
use super::writer::{self, Ends, Events, Teller, Writer};
use super::{CLOSING, Happened, HostIx, Interrupt, Plan, json};
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
    /// Who looks at each wave, where the plan wants that.
    pub overseer: Arc<dyn Overseer>,
}

impl Job {
    /// The plan's command on every host, exactly as `ssh HOST CMD` would run it.
    pub fn command(plan: Plan, targets: Vec<Result<Target, ConnectError>>, connector: Connector) -> Job {
        let deed = Arc::new(Exec::new(Orders::same(&plan.command)));
        Job { plan, targets, connector, deed, overseer: Arc::new(Unattended) }
    }

    /// The same with another deed.
    pub fn doing(self, deed: Arc<dyn Deed>) -> Job {
        Job { deed, ..self }
    }
}

/// Runs the plan to its end, told on these streams.
pub async fn run(job: Job, output: Output, ends: Ends, interrupts: mpsc::Receiver<Interrupt>) -> Summary {
    let writer = Writer::new(Reporter::new(&job.plan, output, ends.sinks), ends);
    run_told(job, writer, interrupts).await
}

/// Runs the plan to its end, told by this teller and recorded nowhere.
pub async fn run_told(job: Job, teller: impl Teller, interrupts: mpsc::Receiver<Interrupt>) -> Summary {
    run_kept(job, teller, Journal::default(), interrupts).await
}

/// Runs the plan to its end, recorded in this journal and told by this teller. Every host has exactly one outcome in the
/// summary, however the run ends.
///
/// After the third interrupt tasks and the teller may still be at work when this returns: the caller leaves the process.
pub async fn run_kept(
    job: Job,
    mut teller: impl Teller,
    journal: Journal,
    mut interrupts: mpsc::Receiver<Interrupt>,
) -> Summary {
    let begun = Instant::now();
    let fault = teller.fault();
    let (events, happened) = writer::queue();
    let events = events.kept_in(journal.clone());
    let telling = tokio::task::spawn_blocking(move || {
        teller.drain(happened);
        teller
    });
    let mut run = Run::new(job, events, fault);
    run.journal = journal;
    run.drive(&mut interrupts).await;
    let leaving = run.crew.pace() == Pace::Leave;
    if leaving {
        run.give_up().await;
    }
    let deed = Arc::clone(&run.shared.deed);
    if run.crew.pace() < Pace::End {
        let end = tokio::select! {
            biased;
            end = deed.conclude() => end,
            Some(_) = interrupts.recv() => Exit::Interrupted,
        };
        run.exit = run.exit.worst(end);
    }
    let known = run.summary();
    let telling = async {
        run.close_journal(begun).await;
        let summary = run.close_books().await;
        let mut teller = telling.await?;
        let finishing = move || {
            teller.conclude(&*deed);
            teller.finish(summary, begun.elapsed())
        };
        tokio::task::spawn_blocking(finishing).await
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
    crew: Crew<Turn>,
    schedule: Schedule,
    signs: mpsc::Receiver<Sign>,
    pause: Pause,
    overseer: Arc<dyn Overseer>,
    /// Between two waves: the word that is waited for.
    pausing: Option<BoxFuture<'static, Look>>,
    books: Vec<Option<Outcome>>,
    /// Hosts whose outcome was not told yet, each with the time that its last attempt took: its task broke off, or it
    /// waits for another attempt.
    untold: HashMap<HostIx, Duration>,
    /// How far the user has gone with interrupts.
    interrupted: Pace,
    fault: CancellationToken,
    journal: Journal,
    exit: Exit,
    begun: Instant,
}

/// What every host task needs.
struct Shared {
    deed: Arc<dyn Deed>,
    command_timeout: Option<Duration>,
    connector: Connector,
    events: Events,
    signs: mpsc::Sender<Sign>,
    retrying: Retrying,
    /// By host: its name.
    names: Vec<Host>,
    /// By host: how it is reached.
    targets: Vec<Result<Target, ConnectError>>,
    /// By host: what may have an effect there may have been sent.
    sent: Vec<AtomicBool>,
    /// By host: its deed has begun, whether it has an effect there or not.
    at_work: Vec<AtomicBool>,
    /// It was said that hosts are throttled.
    throttled: AtomicBool,
}

/// What a host's turn came to.
enum Turn {
    /// That was its end, and it is told.
    Over(Outcome),
    /// It came to nothing in so long, and another is wanted after a wait.
    Again { outcome: Outcome, took: Duration, wait: Duration },
}

impl Run {
    fn new(job: Job, events: Events, fault: CancellationToken) -> Run {
        let Job { plan, targets, connector, deed, overseer } = job;
        let n = plan.hosts.len();
        let schedule = Schedule::new(&plan.pacing, n, plan.limits.fanout);
        let (sender, signs) = patience::signs();
        let shared = Shared {
            deed,
            command_timeout: plan.limits.command_timeout,
            connector,
            events,
            signs: sender,
            retrying: schedule.retry(),
            names: plan.hosts,
            targets,
            sent: (0..n).map(|_| AtomicBool::new(false)).collect(),
            at_work: (0..n).map(|_| AtomicBool::new(false)).collect(),
            throttled: AtomicBool::new(false),
        };
        Run {
            shared: Arc::new(shared),
            crew: Crew::new(),
            schedule,
            signs,
            pause: plan.pacing.pause,
            overseer,
            pausing: None,
            books: vec![None; n],
            untold: HashMap::new(),
            interrupted: Pace::Go,
            fault,
            journal: Journal::default(),
            exit: Exit::Well,
            begun: Instant::now(),
        }
    }

    async fn drive(&mut self, interrupts: &mut mpsc::Receiver<Interrupt>) {
        let unkept = self.journal.fault();
        while let Some(until) = self.begin_more() {
            let faulty = self.crew.pace() >= Pace::End;
            tokio::select! {
                biased;
                Some(interrupt) = interrupts.recv() => {
                    if self.interrupt(interrupt) == Pace::Leave {
                        return;
                    }
                }
                () = self.fault.cancelled(), if !faulty => {
                    self.interrupted = self.interrupted.max(Pace::End);
                    self.begin_nothing(Pace::End);
                }
                () = unkept.cancelled(), if self.crew.pace() == Pace::Go => {
                    self.begin_nothing(Pace::StartNoMore);
                    let sentence = "the journal cannot be written; no more hosts are started, running ones go on";
                    self.shared.events.try_send(Happened::Notice(sentence.to_owned()));
                }
                Some(sign) = self.signs.recv() => self.heard(sign),
                Some((host, turn)) = self.crew.next() => self.turn_ended(host, turn),
                look = looked(&mut self.pausing) => self.go_on(look),
                () = reached(until.map(|until| self.begun + until)) => {}
            }
        }
    }

    /// Begins all that is to be begun now; says until when nothing more is. `None` when all is over.
    fn begin_more(&mut self) -> Option<Option<Duration>> {
        loop {
            match self.schedule.next(self.begun.elapsed()) {
                Decision::Start(host, attempt) => {
                    self.untold.remove(&host);
                    let shared = self.shared.clone();
                    self.crew.begin(host, |pace| work(shared, host, attempt, pace));
                }
                Decision::Wait(until) => return Some(until),
                Decision::WaveOver(over) => self.pause_after(&over),
                Decision::Over => return None,
            }
        }
    }

    /// Says what a wave came to, in order with all that its hosts said, and waits for the word to go on.
    fn pause_after(&mut self, over: &WaveOver) {
        if self.pause == Pause::None {
            return self.schedule.go_on();
        }
        let hosts = self.schedule.hosts(over).iter();
        let ended = hosts.filter_map(|host| Some((&self.shared.names[host.0], self.books[host.0].as_ref()?)));
        let sentence = pause::sentence(over, &summary_line(ended), self.pause);
        let events = self.shared.events.clone();
        let word = match self.pause {
            Pause::Look => self.overseer.look(),
            Pause::For(wait) => async move {
                sleep(wait).await;
                Look::GoOn
            }
            .boxed(),
            Pause::None => std::future::ready(Look::GoOn).boxed(),
        };
        let pausing = async move {
            events.send(Happened::Notice(sentence)).await;
            word.await
        };
        self.pausing = Some(pausing.boxed());
    }

    fn go_on(&mut self, look: Look) {
        self.pausing = None;
        match look {
            Look::GoOn => self.schedule.go_on(),
            Look::Stop => self.schedule.stop_here(),
        }
    }

    fn heard(&mut self, sign: Sign) {
        match sign {
            Sign::Goes(host, way) => self.schedule.goes(self.begun.elapsed(), host, way),
            Sign::Reached(host, took) => self.schedule.reached(host, took),
        }
    }

    fn turn_ended(&mut self, host: HostIx, turn: Option<Turn>) {
        match turn {
            Some(Turn::Over(outcome)) => self.host_ended(host, outcome),
            Some(Turn::Again { outcome, took, wait }) => {
                self.schedule.failed(self.begun.elapsed(), host, (&outcome, wait));
                self.untold.insert(host, took);
                self.books[host.0] = Some(outcome);
            }
            None if self.crew.pace() == Pace::Leave => self.given_up(host),
            None => {
                self.exit = self.exit.worst(Exit::OwnFault);
                self.untold.insert(host, Duration::ZERO);
                let why = "internal error, please report it".into();
                self.host_ended(host, Outcome::Unknown(Unknown::LinkLost(why)));
            }
        }
    }

    fn host_ended(&mut self, host: HostIx, outcome: Outcome) {
        self.shared.deed.left(host);
        let stopped = self.schedule.ended(host, &outcome).map(ToString::to_string);
        self.books[host.0] = Some(outcome);
        let Some(why) = stopped else { return };
        self.exit = self.exit.worst(Exit::Budget);
        let (running, work) = (self.running(), self.shared.deed.work());
        self.begin_nothing(Pace::StartNoMore);
        // Where nothing goes on, the summary says the same at once.
        if running > 0 {
            let sentence = format!("stopped: {why}; no more hosts are started, {}", go_on(running, work));
            self.shared.events.try_send(Happened::Notice(sentence));
        }
    }

    /// From now on nobody is begun, and whoever is at work hears how far it is to go.
    fn begin_nothing(&mut self, pace: Pace) {
        self.pausing = None;
        self.schedule.stop();
        self.crew.raise(pace);
    }

    /// What is not known of this host yet will not be known.
    fn given_up(&mut self, host: HostIx) {
        let sent = self.shared.sent[host.0].load(Ordering::Acquire);
        self.untold.insert(host, Duration::ZERO);
        self.books[host.0] = Some(match sent {
            true => Outcome::Unknown(Unknown::Killed(Fate::MayStillRun)),
            false => Outcome::NotRun(NotRun::Cancelled),
        });
    }

    /// Hosts whose command runs, as far as is known.
    fn running(&self) -> usize {
        let at_work = |host: &HostIx| self.shared.at_work[host.0].load(Ordering::Acquire);
        self.crew.at_work().filter(at_work).count()
    }

    /// One step further; says so, unless the writer is so far behind that it would have to wait.
    fn interrupt(&mut self, interrupt: Interrupt) -> Pace {
        self.exit = self.exit.worst(Exit::Interrupted);
        let (running, work) = (self.running(), self.shared.deed.work());
        let (pace, sentence) = match (self.interrupted, interrupt) {
            (Pace::Go, Interrupt::Int) => (Pace::StartNoMore, no_more(running, work)),
            (Pace::Go | Pace::StartNoMore, _) => (Pace::End, ending(running, work)),
            (Pace::End, Interrupt::Term) => return Pace::End,
            _ => (Pace::Leave, left(work).to_owned()),
        };
        self.interrupted = pace;
        self.begin_nothing(pace);
        self.shared.events.try_send(Happened::Notice(sentence));
        self.shared.events.try_send(Happened::Looked);
        pace
    }

    /// The third interrupt. A task that has told its outcome has nothing left to wait for, so whoever is aborted has told
    /// none: every host is told of once here too.
    async fn give_up(&mut self) {
        for (host, turn) in self.crew.give_up(CLOSING).await {
            self.turn_ended(host, turn);
        }
    }

    /// Whoever had no turn is told of too. Afterwards no sender of events is left, so the writer comes to its end.
    async fn close_books(self) -> Summary {
        for end in self.silent().collect::<Vec<_>>() {
            self.shared.events.tell(end).await;
        }
        self.summary()
    }

    /// The ends of hosts that have not told theirs.
    fn silent(&self) -> impl Iterator<Item = Happened> {
        let silent = self.books.iter().enumerate().filter_map(|(ix, outcome)| match outcome {
            None => Some((HostIx(ix), Outcome::NotRun(NotRun::NotStarted), Duration::ZERO)),
            Some(outcome) => self.untold.get(&HostIx(ix)).map(|took| (HostIx(ix), outcome.clone(), *took)),
        });
        silent.map(|(host, outcome, took)| Happened::Ended(host, outcome, took))
    }

    /// The same in the journal, and its last line: before anything waits for the reader of our output.
    async fn close_journal(&mut self, begun: Instant) {
        if self.journal.is_nothing() {
            return;
        }
        for end in self.silent().collect::<Vec<_>>() {
            self.journal.record(&end).await;
        }
        let end = if self.fault.is_cancelled() { Exit::OwnFault } else { Exit::Well };
        let mut last = Vec::new();
        json::summary(&mut last, &self.shared.names, &self.summary().with(end), begun.elapsed());
        self.journal.close(last).await;
    }

    fn summary(&self) -> Summary {
        let end = if self.journal.is_faulty() { Exit::OwnFault } else { Exit::Well };
        let stopped = self.schedule.stopped().cloned();
        Summary { stopped, ..Summary::new(self.books.clone(), self.exit.worst(end)) }
    }
}

/// Who goes on when no more are started.
fn go_on(running: usize, work: Work) -> String {
    match work {
        Work::Commands => format!("commands on {running} go on"),
        Work::Files => format!("files of {running} go on"),
    }
}

/// What is said at the first interrupt.
fn no_more(running: usize, work: Work) -> String {
    match (running, work) {
        (1, Work::Commands) => "no more hosts are started, 1 goes on; C-c again ends its command".to_owned(),
        (n, Work::Commands) => format!("no more hosts are started, {n} go on; C-c again ends their commands"),
        (1, Work::Files) => "no more hosts are started, 1 goes on; C-c again ends that too".to_owned(),
        (n, Work::Files) => format!("no more hosts are started, {n} go on; C-c again ends them too"),
    }
}

/// What is said at the second.
fn ending(running: usize, work: Work) -> String {
    let what = match (running, work) {
        (1, Work::Commands) => "1 command".to_owned(),
        (n, Work::Commands) => format!("{n} commands"),
        (1, Work::Files) => "what 1 host is at".to_owned(),
        (n, Work::Files) => format!("what {n} hosts are at"),
    };
    format!("ending {what}, at most 5 s; C-c again leaves at once")
}

/// What is said at the third.
fn left(work: Work) -> &'static str {
    match work {
        Work::Commands => "left at once; commands may still run",
        Work::Files => "left at once; every file is whole or what it was",
    }
}

/// The word at a pause, where there is one.
async fn looked(pausing: &mut Option<BoxFuture<'static, Look>>) -> Look {
    match pausing {
        Some(pausing) => pausing.await,
        None => std::future::pending().await,
    }
}

/// This moment, where there is one.
async fn reached(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// One attempt of a host, from its turn to its outcome.
async fn work(shared: Arc<Shared>, host: HostIx, attempt: u32, mut pace: watch::Receiver<Pace>) -> Turn {
    let begun = Instant::now();
    shared.events.send(Happened::Began(host)).await;
    let target = &shared.targets[host.0];
    let outcome = match target {
        Ok(target) => {
            let outcome = reach(&shared, host, target, &mut pace).await.unwrap_or_else(Outcome::from);
            tracing::debug!(host = %target.host, attempt, took = ?begun.elapsed(), "{outcome}");
            outcome
        }
        Err(error) => error.clone().into(),
    };
    let took = begun.elapsed();
    let may_go_on = *pace.borrow() == Pace::Go && !shared.sent[host.0].load(Ordering::Acquire);
    let again = shared.retrying.again(&outcome, host, attempt);
    if let Some(wait) = again.filter(|_| may_go_on && target.is_ok()) {
        shared.events.send(Happened::Again(host, outcome.clone(), wait)).await;
        return Turn::Again { outcome, took, wait };
    }
    shared.events.send(Happened::Ended(host, outcome.clone(), took)).await;
    Turn::Over(outcome)
}

/// Connects, and does there what is to be done. An error proves that nothing was done.
async fn reach(
    shared: &Shared,
    host: HostIx,
    target: &Target,
    pace: &mut watch::Receiver<Pace>,
) -> Result<Outcome, ConnectError> {
    let name = &shared.names[host.0];
    let told = &shared.throttled;
    let patience = Patience { host: (host, name), events: &shared.events, signs: &shared.signs, told };
    let link = tokio::select! {
        biased;
        () = at_least(pace, Pace::StartNoMore) => return Ok(Outcome::NotRun(NotRun::Cancelled)),
        connected = shared.connector.connect(target, &patience) => connected?,
    };
    // Nobody hears it only where the run is being left.
    let _ = shared.signs.send(Sign::Reached(host, link.phases().total())).await;
    shared.events.send(Happened::Reached(host, *link.phases())).await;
    let (events, sent, at_work) = (&shared.events, &shared.sent[host.0], &shared.at_work[host.0]);
    let call =
        Call { host, name, events, sent, at_work, pace: pace.clone(), timeout: shared.command_timeout };
    let outcome = shared.deed.carry_out(call, &link).await;
    let _ = timeout(CLOSING, link.close()).await;
    Ok(outcome)
}
