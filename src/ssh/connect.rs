//! From a target to a link: stream, identification, key exchange, login.
//!
//! Theory: a server that has too many logins under way closes new connections before it identifies itself, some with a
//! word, some without. That is no statement about the host, so it is told apart here from what is ([`Setback`]), and the
//! [`Road`] to the host decides when it is tried again. What the host said after its identification is final.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::channel::Hub;
use super::client::{Client, ClientError, describe};
use super::clock::Clock;
use super::connector::Shared;
use super::hostkey::{KeyEnd, Presented};
use super::keys::KeyFile;
use super::link::Link;
use super::login::Login;
use super::road::{Next, Road};
use super::rotation::{self, Rotation};
use super::route;
use super::stream::{Control, Guard, Guarded};
use super::turns::Manner;
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

/// How long a server may take to answer the first question after the login; one that answers none costs no more.
const SETTLES: Duration = Duration::from_secs(1);

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
        road.begin().await?;
        let ended = attempt(&road, &mut login).await;
        match road.next(ended).await? {
            Next::There(link) => return Ok(link),
            Next::Again => {}
            Next::Parked(parked) => {
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

/// One connection, from its stream to its login.
async fn attempt(road: &Road<'_>, login: &mut Login<'_>) -> Result<Link, Setback> {
    let Road { shared, target, clock, .. } = road;
    let known = shared.keys.algorithms_for(target);
    let config = shared.tuning.config(target, known).map_err(Setback::Final)?;
    let stream = route::open(road).await.map_err(Setback::Final)?;
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
    if matches!(target.route, Route::Jump(_)) {
        settled(&handle).await;
    }
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

/// Waits until the server has left the login behind as well. sshd counts a connection as unauthenticated for a moment
/// after it has let us in, and with eight at a time and no lesson learned behind a jump host that moment is enough for
/// its `MaxStartups`. Its answer to anything comes from beyond that moment.
async fn settled(handle: &russh::client::Handle<Client>) {
    let _ = tokio::time::timeout(SETTLES, handle.send_ping()).await;
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
    // A command that ends has said its word; only a server turns away.
    let open_to_more = stage != Stage::Proxy && !control.dismissed();
    match closed && open_to_more {
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
