//! From a target to a link: dial, identification, key exchange, login, and what is tried again.
//!
//! Theory: a server that has too many logins under way closes new connections before it identifies itself, some with a
//! word, some without. That is no statement about the host, so such a connection is tried again, with growing and
//! random pauses, while the connect timeout lasts. What the host said after that is final.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::Rng;

use super::channel::Hub;
use super::client::{Client, ClientError, describe};
use super::clock::{Clock, Progress};
use super::connector::Shared;
use super::hostkey::{KeyEnd, Presented};
use super::keys::KeyFile;
use super::link::Link;
use super::login::Login;
use super::rotation::{self, Rotation};
use super::route::{self, Routed};
use super::stream::{Control, Guard, Guarded};
use super::{ConnectError, Stage, Target};

/// Why a connection did not become a link.
#[derive(Debug)]
pub(super) enum Setback {
    /// That is the host's last word.
    Final(ConnectError),
    /// It turned us away before it knew us; it may do otherwise in a moment.
    TurnedAway(ConnectError),
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
    /// Its turn to ask the user something of its own.
    Turn,
    /// Nothing: the host closed the connection while we waited, and what we waited for is there.
    Settled,
}

impl std::fmt::Debug for Parked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Parked::HostKey(_) => "HostKey",
            Parked::Passphrase(_) => "Passphrase",
            Parked::Password => "Password",
            Parked::Turn => "Turn",
            Parked::Settled => "Settled",
        })
    }
}

/// The pauses before each further try, in seconds; each is stretched or shortened at random by half. At most five tries.
pub(super) const PAUSES: [f64; 4] = [0.3, 0.8, 2.0, 4.0];

/// Connections of one host that may be closed behind questions, before something is plainly wrong.
const PARKINGS: u32 = 20;

/// Reaches a target within its clock.
pub(super) async fn reach(
    shared: &Arc<Shared>,
    target: &Arc<Target>,
    clock: &Arc<Clock>,
) -> Result<Link, ConnectError> {
    let mut login = Login::new(shared, target);
    let mut pauses = PAUSES.iter();
    let mut parkings = 0;
    loop {
        match attempt(shared, target, clock, &mut login).await {
            Ok(link) => return Ok(link),
            Err(Setback::Final(error)) => return Err(error),
            Err(Setback::TurnedAway(error)) => {
                let Some(pause) = pauses.next() else { return Err(error) };
                let pause = Duration::from_secs_f64(pause * rand::rng().random_range(0.5..1.5));
                if pause >= clock.left() {
                    return Err(error);
                }
                tokio::time::sleep(pause).await;
            }
            Err(Setback::Parked(parked)) => {
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

async fn attempt(
    shared: &Arc<Shared>,
    target: &Arc<Target>,
    clock: &Arc<Clock>,
    login: &mut Login<'_>,
) -> Result<Link, Setback> {
    let known = shared.keys.algorithms_for(target);
    let config = shared.tuning.config(target, known).map_err(Setback::Final)?;
    let Routed { stream, turn: _turn } = route::open(shared, target, clock).await.map_err(Setback::Final)?;
    let control = Control::new(Arc::clone(clock));
    let guard = Guard(Arc::clone(&control));
    let hub = Hub::new(Arc::clone(&control));
    let session = Arc::default();
    let client = Client {
        target: Arc::clone(target),
        shared: Arc::clone(shared),
        control: Arc::clone(&control),
        hub: Arc::clone(&hub),
        rotation: Rotation::new(&session),
    };
    let guarded = Guarded::new(stream, Arc::clone(&control));
    let mut handle = russh::client::connect_stream(config, guarded, client)
        .await
        .map_err(|error| setback(error, &control))?;
    rotation::begun(&session, &handle);
    clock.enter(Stage::Login);
    login.run(&mut handle, &control).await?;
    control.establish(shared.tuning.patience(target));
    let left = Mutex::new(Some(clock.left()));
    Ok(Link {
        handle,
        target: Arc::clone(target),
        hub,
        guard,
        phases: clock.phases(),
        limit: clock.limit(),
        left,
    })
}

/// Sorts the end of a connection that did not come to a login.
pub(super) fn setback(error: ClientError, control: &Control) -> Setback {
    let error = match error {
        ClientError::Key(KeyEnd::Refused(error)) => return Setback::Final(error),
        ClientError::Key(KeyEnd::Parked(presented)) => return Setback::Parked(Parked::HostKey(presented)),
        ClientError::Russh(error) => error,
    };
    let stage = control.clock().stage();
    let before = matches!(stage, Stage::Banner | Stage::Proxy);
    let said = if before { control.preamble() } else { String::new() };
    if said.contains("MaxStartups") || said.contains("Not allowed at this time") {
        return Setback::TurnedAway(ConnectError::Throttled(format!("the host says `{said}`")));
    }
    let closed = matches!(error, russh::Error::Disconnect | russh::Error::HUP | russh::Error::IO(_));
    let mut why = match control.lost() {
        Some(lost) if closed => lost,
        _ => describe(&error),
    };
    if !said.is_empty() {
        why.push_str(&format!("; it says `{said}`"));
    }
    let error = ConnectError::Unreachable { stage, why };
    // A command that ends has said its word; only a server turns away.
    let open_to_more = stage != Stage::Proxy && !control.dismissed();
    if closed && open_to_more { Setback::TurnedAway(error) } else { Setback::Final(error) }
}

/// Lets a dialer tell the clock its stages.
pub(super) struct Stages<'a>(pub(super) &'a Clock);

impl Progress for Stages<'_> {
    fn stage(&self, stage: Stage) {
        self.0.enter(stage);
    }

    fn asking(&self, _: bool) {}
}
