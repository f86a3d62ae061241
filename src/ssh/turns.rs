//! The gates of [`pace`](super::pace) among tasks: turns that are waited for, held, and given back when dropped.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::Rng;
use tokio::sync::oneshot;

use super::ConnectError;
use super::clock::{Clock, Wait};
use super::pace::{Arrival, Entry, Era, Gate, Lesson, Pace};

/// Whoever waits is handed its turn, or told that the server is left alone. A turn that was handed over and not taken
/// is dropped, and thereby given back.
type Waiter = oneshot::Sender<Result<Turn, ConnectError>>;

/// All gates of a run.
#[derive(Debug, Default)]
pub(super) struct Turns {
    pace: Mutex<Pace<Waiter>>,
}

impl Turns {
    fn pace(&self) -> MutexGuard<'_, Pace<Waiter>> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A host arrives; it keeps its place over all its tries.
    pub(super) fn arrive(&self) -> Arrival {
        self.pace().arrive()
    }

    /// Hands turns over, outside the lock: one that nobody takes comes back here.
    fn hand(self: &Arc<Self>, gate: &Gate, admitted: Vec<(Waiter, Era)>) {
        for (waiter, era) in admitted {
            drop(waiter.send(Ok(self.turn(gate, era))));
        }
    }

    fn turn(self: &Arc<Self>, gate: &Gate, era: Era) -> Turn {
        Turn { turns: Arc::clone(self), gate: gate.clone(), era }
    }

    /// Comes to a gate, and opens it where that is this host's business.
    fn enter(
        self: &Arc<Self>,
        gate: &Gate,
        arrival: Arrival,
        opening: Option<Opening>,
    ) -> Result<Turn, Queued> {
        let (waiter, told) = oneshot::channel();
        let mut pace = self.pace();
        let opens = opening.is_some();
        if let Some(opening) = opening {
            pace.open(gate);
            opening.forget();
        }
        let entry = pace.enter(gate, arrival, waiter);
        let admitted = if opens { pace.admit(gate) } else { Vec::new() };
        drop(pace);
        self.hand(gate, admitted);
        match entry {
            Entry::Through(era) => Ok(self.turn(gate, era)),
            Entry::Queued => Err(Queued { turns: Arc::clone(self), gate: gate.clone(), arrival, told }),
        }
    }

    /// Waits for the turn at each of these gates, in their order; the clock stands still meanwhile. `opening` is what
    /// [`Pass::refused`] gave, `wait` what the user is shown.
    pub(super) async fn pass(
        self: &Arc<Self>,
        gates: &[Gate],
        arrival: Arrival,
        mut opening: Option<Opening>,
        (clock, wait): (&Clock, &Wait),
    ) -> Result<Pass, ConnectError> {
        let mut turns = Vec::with_capacity(gates.len());
        for gate in gates {
            let ours = opening.take_if(|opening| opening.gate.as_ref() == Some(gate));
            turns.push(match self.enter(gate, arrival, ours) {
                Ok(turn) => turn,
                Err(queued) => {
                    // Whoever waits elsewhere keeps no gate closed.
                    opening = None;
                    let _wait = clock.wait(wait.clone());
                    queued.turn().await?
                }
            });
        }
        Ok(Pass { turns })
    }
}

/// A right to log in through one gate.
#[derive(Debug)]
struct Turn {
    turns: Arc<Turns>,
    gate: Gate,
    era: Era,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let admitted = self.turns.pace().leave(&self.gate);
        self.turns.hand(&self.gate, admitted);
    }
}

/// A place in a queue.
struct Queued {
    turns: Arc<Turns>,
    gate: Gate,
    arrival: Arrival,
    told: oneshot::Receiver<Result<Turn, ConnectError>>,
}

impl Queued {
    async fn turn(mut self) -> Result<Turn, ConnectError> {
        let told = (&mut self.told).await;
        told.expect("a waiter is told before it goes")
    }
}

impl Drop for Queued {
    fn drop(&mut self) {
        self.turns.pace().abandon(&self.gate, self.arrival);
    }
}

/// The turns of one connection; given back when dropped.
#[derive(Debug)]
pub(super) struct Pass {
    turns: Vec<Turn>,
}

impl Pass {
    /// Of the addresses that raced this one answered: the turns for the others are given back.
    pub(super) fn narrow(&mut self, gates: &[Gate]) {
        if self.turns.iter().any(|turn| gates.contains(&turn.gate)) {
            self.turns.retain(|turn| gates.contains(&turn.gate));
        }
    }

    /// The host let us as far as its login.
    pub(super) fn welcomed(self) {
        for turn in &self.turns {
            turn.turns.pace().welcomed(&turn.gate);
        }
    }

    /// The host turned us away before, for the reason given; how that goes on.
    pub(super) fn refused(self, reason: &ConnectError, manner: Manner) -> BackOff {
        let mut back_off = BackOff::Again(None);
        for turn in &self.turns {
            let lesson = turn.turns.pace().refused(&turn.gate, turn.era);
            match lesson {
                Lesson::Known => {}
                Lesson::Closed(pause) => {
                    let pause = pause.mul_f64(manner.stretch() * rand::rng().random_range(0.5..1.5));
                    let (turns, gate) = (Arc::clone(&turn.turns), Some(turn.gate.clone()));
                    let opening = Opening { turns, gate, pause };
                    back_off = BackOff::Again(Some(opening));
                }
                Lesson::Over(waiters) => {
                    waiters.into_iter().for_each(|waiter| drop(waiter.send(Err(reason.clone()))));
                    back_off = BackOff::Over;
                }
            }
        }
        back_off
    }
}

/// Why a server turns somebody away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// Too many are logging in, or it does not say.
    Crowd,
    /// It punishes this machine for what came from it before.
    Penalty,
}

impl Manner {
    /// By how much this takes longer to end than a crowd: OpenSSH's penalties begin at 15 s.
    fn stretch(self) -> f64 {
        match self {
            Manner::Crowd => 1.0,
            Manner::Penalty => 4.0,
        }
    }
}

/// How it goes on after a refusal.
#[derive(Debug)]
pub(super) enum BackOff {
    /// Once more; where the refusal closed a gate, after waiting to open it.
    Again(Option<Opening>),
    /// The server is left alone.
    Over,
}

/// The duty to open a gate after a pause; dropped, it opens it.
#[derive(Debug)]
pub(super) struct Opening {
    turns: Arc<Turns>,
    /// `None` once it was done.
    gate: Option<Gate>,
    pause: Duration,
}

impl Opening {
    /// How long to wait before.
    pub(super) fn pause(&self) -> Duration {
        self.pause
    }

    /// It was done already.
    fn forget(mut self) {
        self.gate = None;
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        let Some(gate) = self.gate.take() else { return };
        let mut pace = self.turns.pace();
        pace.open(&gate);
        let admitted = pace.admit(&gate);
        drop(pace);
        self.turns.hand(&gate, admitted);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    const DAY: Duration = Duration::from_secs(86_400);

    fn gates() -> Vec<Gate> {
        Gate::before(&["192.0.2.1:22".parse().unwrap(), "[2001:db8::1]:22".parse().unwrap()])
    }

    fn reason() -> ConnectError {
        ConnectError::Throttled("later".to_owned())
    }

    /// Counts those under way.
    struct Inside(Arc<AtomicUsize>);

    impl Inside {
        fn new(count: &Arc<AtomicUsize>) -> Inside {
            assert!(count.fetch_add(1, SeqCst) < super::super::pace::NETWORK);
            Inside(Arc::clone(count))
        }
    }

    impl Drop for Inside {
        fn drop(&mut self) {
            self.0.fetch_sub(1, SeqCst);
        }
    }

    /// One host; of 31 one is refused once.
    async fn log_in(turns: Arc<Turns>, inside: Arc<AtomicUsize>, n: u64) -> Result<(), ConnectError> {
        let (arrival, clock) = (turns.arrive(), Clock::new(DAY));
        let (mut opening, mut luck) = (None, !n.is_multiple_of(31));
        loop {
            let pass = turns.pass(&gates(), arrival, opening, (&clock, &Wait::Turn)).await?;
            let here = Inside::new(&inside);
            tokio::time::sleep(Duration::from_millis(n * 7919 % 50)).await;
            drop(here);
            if std::mem::replace(&mut luck, true) {
                pass.welcomed();
                return Ok(());
            }
            let BackOff::Again(duty) = pass.refused(&reason(), Manner::Crowd) else { return Err(reason()) };
            if let Some(duty) = &duty {
                tokio::time::sleep(duty.pause()).await;
            }
            opening = duty;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn no_turn_is_lost_whoever_gives_up_and_when() {
        let (turns, inside) = (Arc::<Turns>::default(), Arc::<AtomicUsize>::default());
        let tasks: Vec<_> = (0..2000_u64)
            .map(|n| {
                let patience = if n.is_multiple_of(3) { Duration::from_millis(n % 400) } else { DAY };
                let login = log_in(Arc::clone(&turns), Arc::clone(&inside), n);
                tokio::spawn(tokio::time::timeout(patience, login))
            })
            .collect();
        let mut done = 0;
        for task in tasks {
            done += usize::from(matches!(task.await.unwrap(), Ok(Ok(()))));
        }
        assert!(done >= 1333, "everybody with patience was let in: {done}");
        assert!(gates().iter().all(|gate| turns.pace().is_idle(gate)));
    }
}
