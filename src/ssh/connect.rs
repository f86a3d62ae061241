//! From a target to a link: its turn, dial, identification, key exchange, login, and what is tried again.
//!
//! Theory: a server that has too many logins under way closes new connections before it identifies itself, some with a
//! word, some without. That is no statement about the host, so such a connection is tried again, at most [`TRIES`] times
//! in all, when the server's gate (see [`pace`](super::pace)) lets it: there the refusal has lowered how many log in at
//! once. Waiting for that is no time of the host's, so the clock stands still. What the host said after its
//! identification is final.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::channel::Hub;
use super::client::{Client, ClientError, describe};
use super::clock::{Clock, Hold, Progress, Wait};
use super::connector::Shared;
use super::dial::Hop;
use super::hostkey::{KeyEnd, Presented};
use super::keys::KeyFile;
use super::link::Link;
use super::login::Login;
use super::pace::{Arrival, Gate};
use super::stream::{Control, Guard, Guarded};
use super::turns::{BackOff, Manner, Opening, Pass};
use super::{ConnectError, Route, Stage, Target};

/// Why a connection did not become a link.
#[derive(Debug)]
pub(super) enum Setback {
    /// That is the host's last word.
    Final(ConnectError),
    /// It turned us away before it knew us; it may do otherwise in a while.
    TurnedAway(ConnectError, Manner),
    /// It was closed, since something must be waited for without it.
    Parked(Parked),
}

/// What a host without a connection waits for.
pub(super) enum Parked {
    /// Whether this key is the right one.
    HostKey(Presented),
    /// The passphrase of a key that the host would take.
    Passphrase(Arc<KeyFile>),
    /// A password.
    Password,
    /// Nothing: the host closed the connection while we waited, and what we waited for is there.
    Settled,
}

impl std::fmt::Debug for Parked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Parked::HostKey(_) => "HostKey",
            Parked::Passphrase(_) => "Passphrase",
            Parked::Password => "Password",
            Parked::Settled => "Settled",
        })
    }
}

/// Connections of one host that may be turned away before its login, the last of which is told.
const TRIES: u32 = 5;

/// How long to wait before a host that did not answer is dialled once more (`ConnectionAttempts`), as ssh does.
const REDIAL: Duration = Duration::from_secs(1);

/// Connections of one host that may be closed behind questions, before something is plainly wrong.
const PARKINGS: u32 = 20;

/// Reaches a target within its clock.
pub(super) async fn reach(
    shared: &Arc<Shared>,
    target: &Arc<Target>,
    clock: &Arc<Clock>,
) -> Result<Link, ConnectError> {
    let mut login = Login::new(shared, target);
    let mut road = Road::new(shared, target, clock).await?;
    let mut parkings = 0;
    loop {
        clock.carry(road.pass().await?);
        let ended = attempt(&road, &mut login).await;
        let pass = clock.put_down();
        match ended {
            Ok(link) => {
                road.let_in(pass);
                return Ok(link);
            }
            Err(Setback::TurnedAway(error, manner)) => road.turned_away((error, manner), pass).await?,
            Err(Setback::Final(error)) => {
                road.let_in(pass);
                road.unanswered(error).await?;
            }
            Err(Setback::Parked(parked)) => {
                road.let_in(pass);
                parkings += 1;
                if parkings > PARKINGS {
                    let why = "the host closes its connections while they wait for an answer".to_owned();
                    return Err(ConnectError::Unreachable { stage: Stage::Login, why });
                }
                let _human = clock.human();
                login.settle(parked).await?;
            }
        }
    }
}

/// The way to one host, over all its tries.
struct Road<'a> {
    shared: &'a Arc<Shared>,
    target: &'a Arc<Target>,
    clock: &'a Arc<Clock>,
    hop: Hop,
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
    async fn new(
        shared: &'a Arc<Shared>,
        target: &'a Arc<Target>,
        clock: &'a Arc<Clock>,
    ) -> Result<Road<'a>, ConnectError> {
        clock.enter(Stage::Resolve);
        let mut hop = Hop::from(&**target);
        if target.route == Route::Direct {
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

    /// Waits for its turn.
    async fn pass(&mut self) -> Result<Pass, ConnectError> {
        let opening = self.opening.take();
        let shown = (&**self.clock, &self.wait);
        self.shared.turns.pass(&self.gates, self.arrival, opening, shown).await
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

/// One connection, from its dial to its login.
async fn attempt(road: &Road<'_>, login: &mut Login<'_>) -> Result<Link, Setback> {
    let Road { shared, target, clock, hop, .. } = road;
    let stream = shared.dial.dial(hop, &Stages::new(clock)).await.map_err(Setback::Final)?;
    clock.enter(Stage::Banner);
    let control = Control::new(Arc::clone(clock));
    let guard = Guard(Arc::clone(&control));
    let hub = Hub::new(Arc::clone(&control));
    let client = Client {
        target: Arc::clone(target),
        shared: Arc::clone(shared),
        control: Arc::clone(&control),
        hub: Arc::clone(&hub),
    };
    let config = shared.tuning.config(shared.keys.algorithms_for(target));
    let guarded = Guarded::new(stream, Arc::clone(&control));
    let mut handle = russh::client::connect_stream(config, guarded, client)
        .await
        .map_err(|error| setback(error, &control))?;
    clock.enter(Stage::Login);
    login.run(&mut handle, &control).await?;
    control.establish();
    let left = Mutex::new(Some(clock.left()));
    Ok(Link { handle, hub, guard, phases: clock.phases(), limit: clock.limit(), left })
}

/// Sorts the end of a connection that did not come to a login.
fn setback(error: ClientError, control: &Control) -> Setback {
    let error = match error {
        ClientError::Key(KeyEnd::Refused(error)) => return Setback::Final(error),
        ClientError::Key(KeyEnd::Parked(presented)) => return Setback::Parked(Parked::HostKey(presented)),
        ClientError::Russh(error) => error,
    };
    let stage = control.clock().stage();
    let said = if stage == Stage::Banner { control.preamble() } else { String::new() };
    if let Some((why, manner)) = throttled(&said) {
        return Setback::TurnedAway(ConnectError::Throttled(why), manner);
    }
    let closed = matches!(error, russh::Error::Disconnect | russh::Error::HUP | russh::Error::IO(_));
    let mut why = match control.lost() {
        Some(lost) if closed => lost,
        _ => describe(&error),
    };
    if closed && stage == Stage::Banner && said.is_empty() {
        let why = format!("{why}, before it identified itself");
        return Setback::TurnedAway(ConnectError::Throttled(why), Manner::Crowd);
    }
    if !said.is_empty() {
        why.push_str(&format!("; it says `{said}`"));
    }
    let error = ConnectError::Unreachable { stage, why };
    match closed && !control.dismissed() {
        true => Setback::TurnedAway(error, Manner::Crowd),
        false => Setback::Final(error),
    }
}

/// What a server means that says this in place of its identification, where it means "not now": the words of OpenSSH's
/// `MaxStartups`, and since 9.8 of `PerSourcePenalties`, which never say for how long.
fn throttled(said: &str) -> Option<(String, Manner)> {
    if said.contains("Not allowed at this time") {
        let advice = "a penalty for earlier connections from this address, which ends by itself (sshd's \
                      PerSourcePenalties: seconds to 10 minutes); try again later";
        return Some((format!("the host says `{said}`: {advice}"), Manner::Penalty));
    }
    said.contains("MaxStartups").then(|| (format!("the host says `{said}`"), Manner::Crowd))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_means_not_now_is_throttling() {
        let crowd = ("the host says `Exceeded MaxStartups`".to_owned(), Manner::Crowd);
        assert_eq!(throttled("Exceeded MaxStartups"), Some(crowd));
        let (why, manner) = throttled("Not allowed at this time").unwrap();
        assert!(why.contains("a penalty") && manner == Manner::Penalty, "{why}");
        for said in ["", "SSH-2.0-OpenSSH_9.2", "go away"] {
            assert_eq!(throttled(said), None, "{said:?}");
        }
    }
}
