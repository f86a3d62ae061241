//! The one budget of time that a host gets from resolve to channel, and where it went.
//!
//! Theory: a connect timeout is about the host, so the clock stands still while a person is asked (or while we ourselves
//! make the host wait). Whoever advances the connection enters the next [`Stage`]; the task that waits for the
//! connection reports stages and questions to its [`Progress`] and names the current stage when the time is used up.
//!
//! It carries the turns of the connection under way (its [`Pass`], and the one behind a jump host), since they are given
//! back when a person is asked: others may log in while somebody thinks.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::jump;
use super::pace::Gate;
use super::turns::Pass;
use super::{ConnectError, Stage};

/// Who wants to know how far a connection is.
pub trait Progress: Send + Sync {
    /// The connection has come to this stage; after a refused try it may start again.
    fn stage(&self, stage: Stage);
    /// It waits for an answer of the user (`true`), or goes on (`false`).
    fn asking(&self, asking: bool);
    /// It is not under way but waits, or (`None`) goes on.
    fn waiting(&self, _: Option<Wait>) {}
    /// Of several addresses this one answered.
    fn answered(&self, _: SocketAddr) {}
}

/// What a connection waits for before it goes on, which is no fault of the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Its turn: many others go to the same network or through the same jump host.
    Turn,
    /// The host, or its jump host, turned us away before it knew us; it is tried again. What it said.
    Throttled(String),
}

/// Nobody wants to know.
impl Progress for () {
    fn stage(&self, _: Stage) {}
    fn asking(&self, _: bool) {}
}

/// How long each stage took, human time apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Phases([Duration; Stage::COUNT]);

impl Phases {
    /// Time spent in a stage; several tries add up.
    pub fn get(&self, stage: Stage) -> Duration {
        self.0[stage as usize]
    }

    /// All stages added up.
    pub fn total(&self) -> Duration {
        self.0.iter().sum()
    }
}

impl FromIterator<(Stage, Duration)> for Phases {
    fn from_iter<I: IntoIterator<Item = (Stage, Duration)>>(stages: I) -> Phases {
        let mut phases = Phases::default();
        for (stage, took) in stages {
            phases.0[stage as usize] += took;
        }
        phases
    }
}

/// The clock of one host's connection. It runs from its making, unless held.
#[derive(Debug)]
pub(super) struct Clock {
    limit: Duration,
    state: Mutex<State>,
    changed: Notify,
    turns: Mutex<Turns>,
}

/// What a connection under way keeps from others.
#[derive(Debug, Default)]
struct Turns {
    pass: Option<Pass>,
    /// The right to log in behind a jump host.
    behind: Option<jump::Turn>,
}

#[derive(Debug)]
struct State {
    left: Duration,
    since: Instant,
    holds: u32,
    asking: u32,
    waiting: Option<Wait>,
    stage: Stage,
    phases: Phases,
}

impl State {
    /// Books the time since the last look.
    fn settle(&mut self) {
        let now = Instant::now();
        if self.holds == 0 {
            let spent = now - self.since;
            self.left = self.left.saturating_sub(spent);
            self.phases.0[self.stage as usize] += spent;
        }
        self.since = now;
    }
}

impl Clock {
    pub(super) fn new(limit: Duration) -> Clock {
        Clock::with_left(limit, limit)
    }

    /// A clock of which only so much is left.
    pub(super) fn with_left(limit: Duration, left: Duration) -> Clock {
        let state = State {
            left,
            since: Instant::now(),
            holds: 0,
            asking: 0,
            waiting: None,
            stage: Stage::Resolve,
            phases: Phases::default(),
        };
        Clock { limit, state: Mutex::new(state), changed: Notify::new(), turns: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state();
        state.settle();
        change(&mut state);
        drop(state);
        self.changed.notify_waiters();
    }

    /// The connection has come to this stage.
    pub(super) fn enter(&self, stage: Stage) {
        self.change(|state| state.stage = stage);
    }

    pub(super) fn stage(&self) -> Stage {
        self.state().stage
    }

    pub(super) fn phases(&self) -> Phases {
        let mut state = self.state();
        state.settle();
        state.phases
    }

    /// What is left of the budget.
    pub(super) fn left(&self) -> Duration {
        let mut state = self.state();
        state.settle();
        state.left
    }

    /// The whole budget.
    pub(super) fn limit(&self) -> Duration {
        self.limit
    }

    /// Stands still until the guard goes: what happens meanwhile is not the host's fault.
    pub(super) fn hold(&self) -> Hold<'_> {
        self.change(|state| state.holds += 1);
        Hold { clock: self, why: Why::Other }
    }

    /// Stands still while a person is asked.
    pub(super) fn human(&self) -> Hold<'_> {
        self.change(|state| {
            state.holds += 1;
            state.asking += 1;
        });
        drop(self.put_down());
        Hold { clock: self, why: Why::Asking }
    }

    /// Stands still while the connection is not under way; the user is told why.
    pub(super) fn wait(&self, wait: Wait) -> Hold<'_> {
        let mut before = None;
        self.change(|state| {
            state.holds += 1;
            before = state.waiting.replace(wait);
        });
        Hold { clock: self, why: Why::Waiting(before) }
    }

    /// Takes over the turns of the connection under way.
    pub(super) fn carry(&self, pass: Pass) {
        self.turns().pass = Some(pass);
    }

    /// Takes over its turn behind a jump host as well.
    pub(super) fn carry_behind(&self, turn: jump::Turn) {
        self.turns().behind = Some(turn);
    }

    /// Of the turns that are carried only those for these gates are still needed.
    pub(super) fn narrow(&self, gates: &[Gate]) {
        if let Some(pass) = &mut self.turns().pass {
            pass.narrow(gates);
        }
    }

    /// Gives the turn behind a jump host back, and the pass to the caller, unless that was given back while a person was
    /// asked.
    pub(super) fn put_down(&self) -> Option<Pass> {
        std::mem::take(&mut *self.turns()).pass
    }

    fn turns(&self) -> MutexGuard<'_, Turns> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `work` inside the budget; when that is used up the error names the stage which was current.
    pub(super) async fn within<T, E: From<ConnectError>>(
        &self,
        progress: &dyn Progress,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let mut reported = Reported { progress, stage: None, asking: false, waiting: None };
        let result = tokio::select! {
            biased;
            result = work => result,
            never = self.watch(&mut reported) => Err(never.into()),
        };
        reported.asking(false);
        reported.waiting(None);
        result
    }

    /// Reports what changes; ends when the budget is used up.
    async fn watch(&self, reported: &mut Reported<'_>) -> ConnectError {
        loop {
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            let (running, left, stage, asking, waiting) = {
                let mut state = self.state();
                state.settle();
                (state.holds == 0, state.left, state.stage, state.asking > 0, state.waiting.clone())
            };
            reported.stage(stage);
            reported.asking(asking);
            reported.waiting(waiting);
            if !running {
                changed.await;
            } else if left.is_zero() {
                return ConnectError::Unreachable {
                    stage,
                    why: format!("nothing in {} s", self.limit.as_secs_f64()),
                };
            } else {
                let _ = tokio::time::timeout(left, changed).await;
            }
        }
    }
}

struct Reported<'a> {
    progress: &'a dyn Progress,
    stage: Option<Stage>,
    asking: bool,
    waiting: Option<Wait>,
}

impl Reported<'_> {
    fn stage(&mut self, stage: Stage) {
        if self.stage != Some(stage) {
            self.stage = Some(stage);
            self.progress.stage(stage);
        }
    }

    fn asking(&mut self, asking: bool) {
        if self.asking != asking {
            self.asking = asking;
            self.progress.asking(asking);
        }
    }

    fn waiting(&mut self, waiting: Option<Wait>) {
        if self.waiting != waiting {
            self.waiting.clone_from(&waiting);
            self.progress.waiting(waiting);
        }
    }
}

/// The clock stands still while this lives.
#[derive(Debug)]
pub(super) struct Hold<'a> {
    clock: &'a Clock,
    why: Why,
}

/// Why it stands still.
#[derive(Debug)]
enum Why {
    Asking,
    /// For something; and what it waited for before, which it waits for again afterwards.
    Waiting(Option<Wait>),
    Other,
}

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        let why = std::mem::replace(&mut self.why, Why::Other);
        self.clock.change(|state| {
            state.holds -= 1;
            match why {
                Why::Asking => state.asking -= 1,
                Why::Waiting(before) => state.waiting = before,
                Why::Other => {}
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_stage_that_was_current_is_named() {
        let clock = Clock::new(Duration::from_secs(3));
        let work = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            clock.enter(Stage::Banner);
            std::future::pending::<Result<(), ConnectError>>().await
        };
        let start = Instant::now();
        let error = clock.within(&(), work).await.unwrap_err();
        assert_eq!(error.to_string(), "unreachable (banner): nothing in 3 s");
        assert_eq!(start.elapsed().as_secs(), 3);
        assert_eq!(clock.phases().get(Stage::Resolve).as_secs(), 1);
    }

    #[derive(Default)]
    struct Told(Mutex<Vec<Option<Wait>>>);

    impl Progress for Told {
        fn stage(&self, _: Stage) {}
        fn asking(&self, _: bool) {}
        fn waiting(&self, wait: Option<Wait>) {
            self.0.lock().unwrap().push(wait);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_for_others_is_told_and_is_no_timeout() {
        let (clock, told) = (Clock::new(Duration::from_secs(3)), Told::default());
        let throttled = Wait::Throttled("later".to_owned());
        let work = async {
            for wait in [Wait::Turn, throttled.clone()] {
                let wait = clock.wait(wait);
                tokio::time::sleep(Duration::from_secs(100)).await;
                drop(wait);
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            Ok::<(), ConnectError>(())
        };
        clock.within(&told, work).await.unwrap();
        assert_eq!(clock.left().as_secs(), 1);
        assert_eq!(told.0.into_inner().unwrap(), [Some(Wait::Turn), None, Some(throttled), None]);
    }

    #[tokio::test(start_paused = true)]
    async fn human_time_is_no_timeout() {
        let clock = Clock::new(Duration::from_secs(3));
        let work = async {
            let human = clock.human();
            tokio::time::sleep(Duration::from_secs(3600)).await;
            drop(human);
            tokio::time::sleep(Duration::from_secs(2)).await;
            Ok::<(), ConnectError>(())
        };
        clock.within(&(), work).await.unwrap();
        assert_eq!(clock.left().as_secs(), 1);
    }
}
