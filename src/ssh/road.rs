//! The way to one host over all its tries: whose turn it is, what is tried again, and when.
//!
//! Theory: a host that turned us away before it knew us is tried again, at most [`TRIES`] times in all, when the server's
//! gate (see [`pace`](super::pace)) lets it: there the refusal has lowered how many log in at once. Waiting for that, and
//! for a turn at all, is no time of the host's, so the clock stands still.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::clock::{Clock, Hold, Progress, Wait};
use super::connect::{Parked, Setback};
use super::connector::Shared;
use super::dial::Hop;
use super::pace::{Arrival, Gate};
use super::turns::{BackOff, Manner, Opening, Pass};
use super::{ConnectError, Route, Stage, Target};

/// Connections of one host that may be turned away before its login, the last of which is told.
const TRIES: u32 = 5;

/// How long to wait before a host that did not answer is dialled once more (`ConnectionAttempts`), as ssh does.
const REDIAL: Duration = Duration::from_secs(1);

/// How it goes on after a try.
pub(super) enum Next<T> {
    /// It came through.
    There(T),
    /// It is tried again.
    Again,
    /// Something must be waited for without a connection.
    Parked(Parked),
}

/// The way to one host, over all its tries.
pub(super) struct Road<'a> {
    pub(super) shared: &'a Arc<Shared>,
    pub(super) target: &'a Arc<Target>,
    pub(super) clock: &'a Arc<Clock>,
    /// Where it is; with the addresses, where the route is direct.
    pub(super) hop: Hop,
    gates: Vec<Gate>,
    arrival: Arrival,
    /// What it waits for when it waits.
    wait: Wait,
    opening: Option<Opening>,
    /// Connections that were turned away.
    refusals: u32,
    /// Times that nobody answered.
    silences: u32,
}

impl<'a> Road<'a> {
    /// Finds the addresses, where it has any, since they decide with whom it must take turns.
    pub(super) async fn new(
        shared: &'a Arc<Shared>,
        target: &'a Arc<Target>,
        clock: &'a Arc<Clock>,
    ) -> Result<Road<'a>, ConnectError> {
        let mut hop = Hop::from(&**target);
        if target.route == Route::Direct {
            clock.enter(Stage::Resolve);
            hop.found = shared.dial.find(&hop, &Stages::new(clock)).await?;
        }
        let gates = match hop.found.is_empty() {
            true => vec![Gate::Name(target.host.to_string())],
            false => Gate::before(&hop.found),
        };
        let arrival = shared.turns.arrive();
        let (wait, opening) = (Wait::Turn, None);
        Ok(Road { shared, target, clock, hop, gates, arrival, wait, opening, refusals: 0, silences: 0 })
    }

    /// Waits for its turn, which the clock carries until [`Road::next`].
    pub(super) async fn begin(&mut self) -> Result<(), ConnectError> {
        let opening = self.opening.take();
        let shown = (&**self.clock, &self.wait);
        let pass = self.shared.turns.pass(&self.gates, self.arrival, opening, shown).await?;
        self.clock.carry(pass);
        Ok(())
    }

    /// How it goes on after a try; waits until it may go on.
    pub(super) async fn next<T>(&mut self, ended: Result<T, Setback>) -> Result<Next<T>, ConnectError> {
        let pass = self.clock.put_down();
        match ended {
            Ok(there) => {
                self.let_in(pass);
                Ok(Next::There(there))
            }
            Err(Setback::Parked(parked)) => {
                self.let_in(pass);
                Ok(Next::Parked(parked))
            }
            Err(Setback::Final(error)) => {
                self.let_in(pass);
                self.unanswered(error).await?;
                Ok(Next::Again)
            }
            Err(Setback::TurnedAway(error, manner)) => {
                self.turned_away((error, manner), pass).await?;
                Ok(Next::Again)
            }
        }
    }

    /// The host did not turn us away, whatever became of the connection.
    fn let_in(&mut self, pass: Option<Pass>) {
        self.wait = Wait::Turn;
        if let Some(pass) = pass
            && self.clock.stage() > Stage::Banner
        {
            pass.welcomed();
        }
    }

    /// Where what ended the last try is no more than that nobody answered, waits until it may be dialled again, if it may.
    async fn unanswered(&mut self, error: ConnectError) -> Result<(), ConnectError> {
        self.silences += 1;
        let silent = matches!(error, ConnectError::Unreachable { stage: Stage::Tcp, .. });
        if !silent || self.silences >= self.target.attempts {
            return Err(error);
        }
        let _hold = self.clock.hold();
        tokio::time::sleep(REDIAL).await;
        Ok(())
    }

    /// Waits until it may try again, if it may.
    async fn turned_away(
        &mut self,
        (error, manner): (ConnectError, Manner),
        pass: Option<Pass>,
    ) -> Result<(), ConnectError> {
        self.refusals += 1;
        let back_off = pass.map_or(BackOff::Again(None), |pass| pass.refused(&error, manner));
        let BackOff::Again(opening) = back_off else { return Err(error) };
        if self.refusals == TRIES {
            return Err(error);
        }
        self.wait = Wait::Throttled(match error {
            ConnectError::Throttled(why) => why,
            error => error.to_string(),
        });
        if let Some(opening) = &opening {
            let _wait = self.clock.wait(self.wait.clone());
            tokio::time::sleep(opening.pause()).await;
        }
        self.opening = opening;
        Ok(())
    }
}

/// Lets a dialer tell the clock what it does.
pub(super) struct Stages<'a> {
    clock: &'a Clock,
    hold: Mutex<Option<Hold<'a>>>,
}

impl<'a> Stages<'a> {
    pub(super) fn new(clock: &'a Clock) -> Stages<'a> {
        Stages { clock, hold: Mutex::default() }
    }
}

impl Progress for Stages<'_> {
    fn stage(&self, stage: Stage) {
        self.clock.enter(stage);
    }

    fn asking(&self, _: bool) {}

    fn waiting(&self, wait: Option<Wait>) {
        *self.hold.lock().unwrap_or_else(PoisonError::into_inner) = wait.map(|wait| self.clock.wait(wait));
    }

    fn answered(&self, peer: SocketAddr) {
        self.clock.narrow(&Gate::before(&[peer]));
    }
}
