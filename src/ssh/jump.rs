//! Jump hosts: connections that many hosts share, and channels through them.
//!
//! Theory: a jump host is a host like any other (its key proven under its own name, logged in with its own means, reached
//! by its own route), but a fleet must not meet it as a fleet. So its connections are kept in a [`Pool`]: each carries
//! [`HOSTS_PER_LINK`] hosts, there are at most [`LINKS`], and they log in one after another, when the ones before are
//! full. [`LOGINS_BEHIND`] hosts at a time log in behind one jump host; the others wait for their turn, and neither
//! that nor the wait for the jump host itself is their time. A host to which the jump host finds no way keeps its turn
//! for [`SLOW`] only: hosts that are down would otherwise make those wait that are up.
//!
//! A connection to a jump host is opened by those who wait for it: if all of them go away, so does the attempt. If it
//! fails, everyone who had asked by then gets the one answer; whoever asks later makes it try again. A connection that
//! nobody uses any more is closed after [`GRACE`]; one that died is forgotten, and the next host opens another. So is one
//! that answers nothing when a host had waited for its channel in vain; those who are on it keep it.
//!
//! A host is joined to its channel by a task of its own (see [`super::pump`]): an open that was asked for cannot be taken
//! back, so somebody must be there to close the channel if it comes when nobody wants it any more.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{Shared as SharedFuture, WeakShared};
use russh::{ChannelOpenFailure, Disconnect};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};
use tokio::time::timeout;

use super::channel::{Channel, ChannelInput, ChannelOutput};
use super::clock::{Clock, Progress, Wait};
use super::connect::{self, Part};
use super::connector::Shared;
use super::link::Link;
use super::pump::{self, Tunnel};
use super::{ConnectError, Stage, Target};
use crate::ask::BoxFuture;
use crate::escape;

/// Hosts behind one connection to a jump host, unless there are `LINKS` connections already.
pub const HOSTS_PER_LINK: usize = 64;

/// Connections to one jump host.
const LINKS: usize = 8;

/// Logins at once behind one jump host; sshd refuses from the tenth.
const LOGINS_BEHIND: usize = 8;

/// How long a connection to a jump host stays open unused, so that whoever comes back finds it.
const GRACE: Duration = Duration::from_secs(5);

/// How long a polite good-bye, or a question to a jump host about a refusal, may take.
const POLITE: Duration = Duration::from_secs(1);

/// How long a jump host that gave no channel in time may take to answer anything at all.
const DOUBT: Duration = Duration::from_secs(3);

/// How long a host that waits for its channel keeps others from logging in.
const SLOW: Duration = Duration::from_secs(2);

/// How often a connection may die under a host that asks for a channel before that is the answer.
const TRIES: u32 = 3;

/// The right to log in behind a jump host; given back when dropped.
pub(super) type Turn = OwnedSemaphorePermit;

/// The jump hosts of a run.
#[derive(Default)]
pub(super) struct Jumps {
    /// One for each jump host that was ever needed, by where it is and as whom; there are as many as the configuration
    /// names.
    pools: Mutex<HashMap<Place, Vec<Arc<Pool>>>>,
}

/// Address, port and user.
type Place = (String, u16, String);

impl Jumps {
    /// The connections to `via`, however many hosts name it and by whatever name.
    fn pool(&self, via: &Arc<Target>) -> Arc<Pool> {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        let pools = pools.entry((via.address.clone(), via.port, via.user.clone())).or_default();
        match pools.iter().find(|pool| same(&pool.via, via)) {
            Some(pool) => Arc::clone(pool),
            None => {
                let pool = Arc::new(Pool::new(Arc::clone(via)));
                pools.push(Arc::clone(&pool));
                pool
            }
        }
    }
}

/// Whether two targets are one jump host: all that a connection depends on is the same, the name that the user wrote apart.
fn same(a: &Arc<Target>, b: &Arc<Target>) -> bool {
    Arc::ptr_eq(a, b) || **a == Target { host: a.host.clone(), ..(**b).clone() }
}

/// A stream to `target` through `via`, and the right to log in on it.
pub(super) async fn stream(
    shared: &Arc<Shared>,
    via: &Arc<Target>,
    target: &Target,
    clock: &Clock,
) -> Result<(Tunnel, Turn), ConnectError> {
    clock.enter(Stage::Jump);
    let unreachable = |why: String| ConnectError::Unreachable { stage: Stage::Jump, why };
    let pool = shared.jumps.pool(via);
    let since = pool.state().failures;
    let mut tries = 0;
    loop {
        let turn = pool.turn(clock).await;
        let seat = pool
            .seat(shared, since, clock)
            .await
            .map_err(|error| unreachable(format!("{}: {error}", via.host)))?;
        let link = Arc::clone(&seat.link);
        match pool.by_turns(through(seat, target), turn, clock).await {
            Ok(opened) => return Ok(opened),
            Err(why) => {
                tries += 1;
                if !link.link.is_closed() || tries == TRIES {
                    return Err(unreachable(why));
                }
            }
        }
    }
}

/// One jump host and the connections to it.
struct Pool {
    via: Arc<Target>,
    turns: Arc<Semaphore>,
    state: Mutex<State>,
    /// What the login to the jump host waits for.
    pause: watch::Sender<Pause>,
}

/// What the login to a jump host waits for, and with it all who want to go through.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Pause {
    /// Nothing, it goes on.
    None,
    /// The user.
    Asking,
    /// Others, or that the jump host lets us in.
    Waiting(Wait),
}

#[derive(Default)]
struct State {
    links: Vec<Arc<Bastion>>,
    opening: Option<WeakShared<BoxFuture<'static, ()>>>,
    /// How many attempts have failed, and how the last one did.
    failures: u64,
    failure: Option<ConnectError>,
}

/// A connection to a jump host.
struct Bastion {
    link: Link,
    /// Hosts on it. Changed under the lock of the pool only.
    seats: watch::Sender<usize>,
}

/// What a host that wants a connection finds.
enum Found {
    Seat(Seat),
    Opening(SharedFuture<BoxFuture<'static, ()>>),
    Failed(ConnectError),
}

impl Pool {
    fn new(via: Arc<Target>) -> Pool {
        Pool {
            via,
            turns: Arc::new(Semaphore::new(LOGINS_BEHIND)),
            state: Mutex::default(),
            pause: watch::Sender::new(Pause::None),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the right to log in behind this jump host.
    async fn turn(&self, clock: &Clock) -> Turn {
        if let Ok(turn) = Arc::clone(&self.turns).try_acquire_owned() {
            return turn;
        }
        let _wait = clock.wait(Wait::Turn);
        let turn = self.attend(Arc::clone(&self.turns).acquire_owned(), clock).await;
        turn.expect("the semaphore is never closed")
    }

    /// Waits for a channel, and gives it with a turn: that which was there before, unless it was slow to come.
    async fn by_turns(
        &self,
        opening: impl Future<Output = Result<Tunnel, String>>,
        turn: Turn,
        clock: &Clock,
    ) -> Result<(Tunnel, Turn), String> {
        let mut opening = std::pin::pin!(opening);
        if let Ok(opened) = timeout(SLOW, &mut opening).await {
            return Ok((opened?, turn));
        }
        drop(turn);
        let tunnel = opening.await?;
        Ok((tunnel, self.turn(clock).await))
    }

    /// A place on a connection; opens one where needed. Fails with an attempt that ended after the first `since`.
    async fn seat(
        self: &Arc<Pool>,
        shared: &Arc<Shared>,
        since: u64,
        clock: &Clock,
    ) -> Result<Seat, ConnectError> {
        loop {
            match self.look(shared, since) {
                Found::Seat(seat) => return Ok(seat),
                Found::Failed(error) => return Err(error),
                Found::Opening(opening) => self.attend(opening, clock).await,
            }
        }
    }

    fn look(self: &Arc<Pool>, shared: &Arc<Shared>, since: u64) -> Found {
        let mut state = self.state();
        state.links.retain(|bastion| !bastion.link.is_closed());
        // A stalled connection stays for those who sit on it; others would only wait there too.
        let answering = || state.links.iter().filter(|bastion| !bastion.link.is_stalled());
        let roomy = answering().find(|bastion| *bastion.seats.borrow() < HOSTS_PER_LINK);
        if let Some(bastion) = roomy {
            return Found::Seat(self.sit(bastion));
        }
        let failed = state.failures > since;
        if failed || answering().count() >= LINKS {
            if let Some(bastion) = answering().min_by_key(|bastion| *bastion.seats.borrow()) {
                return Found::Seat(self.sit(bastion));
            }
            return Found::Failed(state.failure.clone().expect("an attempt has failed"));
        }
        if let Some(opening) = state.opening.as_ref().and_then(WeakShared::upgrade) {
            return Found::Opening(opening);
        }
        let opening = open(Arc::clone(self), Arc::clone(shared)).shared();
        state.opening = opening.downgrade();
        Found::Opening(opening)
    }

    fn sit(self: &Arc<Pool>, bastion: &Arc<Bastion>) -> Seat {
        bastion.seats.send_modify(|seats| *seats += 1);
        Seat { pool: Arc::clone(self), link: Arc::clone(bastion) }
    }

    /// Waits for the jump host, or for a turn behind it. That is not the time of the host, since the jump host has a clock
    /// of its own; and while its login waits for the user, so do we.
    async fn attend<T>(&self, work: impl Future<Output = T>, clock: &Clock) -> T {
        let _waiting = clock.hold();
        let mut work = std::pin::pin!(work);
        let mut pause = self.pause.subscribe();
        loop {
            let now = pause.borrow_and_update().clone();
            let _told = match now {
                Pause::None => None,
                Pause::Asking => Some(clock.human()),
                Pause::Waiting(wait) => Some(clock.wait(wait)),
            };
            tokio::select! {
                done = &mut work => return done,
                Ok(()) = pause.changed() => {}
            }
        }
    }

    /// Puts no more hosts on a connection.
    fn shun(&self, bastion: &Arc<Bastion>) {
        self.state().links.retain(|other| !Arc::ptr_eq(other, bastion));
    }

    /// Lets go of a connection if it is unused; says whether it was.
    fn retire(&self, bastion: &Arc<Bastion>) -> bool {
        let mut state = self.state();
        let unused = *bastion.seats.borrow() == 0;
        if unused {
            state.links.retain(|other| !Arc::ptr_eq(other, bastion));
        }
        unused
    }
}

/// Logs in to a jump host, and enters the connection or the failure into its pool.
fn open(pool: Arc<Pool>, shared: Arc<Shared>) -> BoxFuture<'static, ()> {
    Box::pin(async move {
        let clock = Arc::new(Clock::new(pool.via.connect_timeout));
        let told = Told(&pool.pause);
        let reached = clock.within(&told, connect::reach(&shared, (&pool.via, Part::Hop), &clock)).await;
        drop(told);
        let mut state = pool.state();
        state.opening = None;
        match reached {
            Ok(link) => {
                let bastion = Arc::new(Bastion { link, seats: watch::Sender::new(0) });
                tokio::spawn(keep(Arc::downgrade(&pool), Arc::clone(&bastion)));
                state.links.push(bastion);
            }
            Err(error) => {
                tracing::debug!(host = %pool.via.host, "jump host: {error}");
                state.failures += 1;
                state.failure = Some(error);
            }
        }
    })
}

/// Tells those who wait for a jump host what it waits for.
struct Told<'a>(&'a watch::Sender<Pause>);

impl Progress for Told<'_> {
    fn stage(&self, _: Stage) {}

    fn asking(&self, asking: bool) {
        self.0.send_replace(if asking { Pause::Asking } else { Pause::None });
    }

    fn waiting(&self, wait: Option<Wait>) {
        self.0.send_replace(wait.map_or(Pause::None, Pause::Waiting));
    }
}

impl Drop for Told<'_> {
    fn drop(&mut self) {
        self.0.send_replace(Pause::None);
    }
}

/// Closes a connection once nobody has used it for [`GRACE`], or the pool is gone.
async fn keep(pool: Weak<Pool>, bastion: Arc<Bastion>) {
    let mut seats = bastion.seats.subscribe();
    let control = &bastion.link.guard.0;
    loop {
        let unused = async {
            let _ = seats.wait_for(|seats| *seats == 0).await;
            tokio::time::sleep(GRACE).await;
        };
        let dead = tokio::select! {
            () = control.finished() => true,
            () = unused => false,
        };
        let Some(pool) = pool.upgrade() else { break };
        if dead {
            pool.shun(&bastion);
        }
        if dead || pool.retire(&bastion) {
            break;
        }
    }
    let goodbye = async {
        if bastion.link.handle.disconnect(Disconnect::ByApplication, "", "").await.is_ok() {
            control.finished().await;
        }
    };
    let _ = timeout(POLITE, goodbye).await;
    control.cut();
}

/// A host's place on a connection to a jump host; given back when dropped.
struct Seat {
    pool: Arc<Pool>,
    link: Arc<Bastion>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let _state = self.pool.state();
        self.link.seats.send_modify(|seats| *seats -= 1);
    }
}

/// Opens a channel to `target` and joins a tunnel to it. The error is a sentence.
async fn through(seat: Seat, target: &Target) -> Result<Tunnel, String> {
    let (mut answer, answered) = oneshot::channel();
    let (address, port) = (target.address.clone(), target.port);
    tokio::spawn(async move {
        let bastion = Arc::clone(&seat.link);
        let name = seat.pool.via.host.to_string();
        let mut opening = std::pin::pin!(bastion.open(&address, port));
        let opened = tokio::select! {
            opened = &mut opening => opened,
            () = answer.closed() => {
                // Nobody waits any more, but the channel may still come, and must then be closed.
                let (opened, ()) = tokio::join!(opening, doubt(seat));
                if let Ok(mut channel) = opened {
                    let _ = timeout(POLITE, channel.input.close()).await;
                }
                return;
            }
        };
        match opened {
            Ok(channel) => {
                let (tunnel, outlet) = pump::tunnel();
                let _ = answer.send(Ok(tunnel));
                outlet.run(channel, &name).await;
            }
            Err(why) => {
                let _ = answer.send(Err(format!("{name} {why}")));
            }
        }
        drop(seat);
    });
    answered.await.unwrap_or_else(|_| Err("the task of the channel has ended: internal error".to_owned()))
}

/// A host has waited for its channel in vain. Whether that is the host's fault or the connection's shows in whether
/// anything is answered on that.
async fn doubt(seat: Seat) {
    let (pool, bastion) = (Arc::clone(&seat.pool), Arc::clone(&seat.link));
    drop(seat);
    if timeout(DOUBT, bastion.link.handle.send_ping()).await.is_err() {
        pool.shun(&bastion);
    }
}

impl Bastion {
    /// Opens a channel to an address as seen from the jump host (RFC 4254 section 7.2). The error goes on after its name.
    async fn open(&self, address: &str, port: u16) -> Result<Channel, String> {
        let Link { handle, hub, guard, .. } = &self.link;
        // As `ssh -W` does, which has no originator either.
        match handle.channel_open_direct_tcpip(address, port.into(), "127.0.0.1", 65535).await {
            Ok(channel) => {
                let mailbox = hub.claim(channel.id());
                let (_, half) = channel.split();
                let output = ChannelOutput { mailbox: Arc::clone(&mailbox) };
                Ok(Channel { input: ChannelInput { half, mailbox, hub: Arc::clone(hub) }, output })
            }
            Err(russh::Error::ChannelOpenFailure(reason)) => {
                // The words belong to the refusal, but russh hands them to the connection's handler, which may have them
                // a moment later than we have the refusal. An answer from the host is surely behind both.
                let _ = timeout(POLITE, handle.send_ping()).await;
                let said = hub.refusal(reason.code());
                Err(refused(&reason, &place(address, port), said.as_deref()))
            }
            Err(error) => {
                let why = guard.0.lost().unwrap_or_else(|| super::client::describe(&error));
                Err(format!("was lost: {why}"))
            }
        }
    }
}

fn place(address: &str, port: u16) -> String {
    let address = escape::text(address, 200);
    if address.contains(':') { format!("[{address}]:{port}") } else { format!("{address}:{port}") }
}

/// Why a jump host opens no channel, after its name.
fn refused(reason: &ChannelOpenFailure, place: &str, said: Option<&str>) -> String {
    let (what, hint) = match reason {
        ChannelOpenFailure::AdministrativelyProhibited => {
            ("does not let us through to", " (AllowTcpForwarding, PermitOpen in its sshd_config)")
        }
        ChannelOpenFailure::ConnectFailed => ("cannot reach", ""),
        ChannelOpenFailure::UnknownChannelType => ("does not know how to forward to", ""),
        ChannelOpenFailure::ResourceShortage => ("has no room for a channel to", ""),
        _ => ("opens no channel to", ""),
    };
    match said {
        Some(said) => format!("{what} {place}{hint}: {said}"),
        None => format!("{what} {place}{hint}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hosts::Host;
    use crate::ssh::Route;

    fn bastion(address: &str) -> Target {
        Target::bare(Host::new(None, "bastion", None), address, 22, "me")
    }

    #[test]
    fn a_jump_host_is_known_by_what_a_connection_depends_on() {
        let jumps = Jumps::default();
        let pool = |target: Target| jumps.pool(&Arc::new(target));
        let first = pool(bastion("10.0.0.1"));
        let alias = Target { host: Host::new(None, "b", None), ..bastion("10.0.0.1") };
        assert!(Arc::ptr_eq(&first, &pool(alias)), "the name that was typed makes no difference");
        let others = [
            bastion("10.0.0.2"),
            Target { port: 2222, ..bastion("10.0.0.1") },
            Target { user: "root".to_owned(), ..bastion("10.0.0.1") },
            Target { key_name: "other".to_owned(), ..bastion("10.0.0.1") },
            Target { route: Route::Jump(Arc::new(bastion("10.0.0.9"))), ..bastion("10.0.0.1") },
        ];
        for other in others {
            assert!(!Arc::ptr_eq(&first, &pool(other.clone())), "{other:?}");
        }
    }

    #[test]
    fn a_refusal_says_what_it_is_about() {
        use ChannelOpenFailure::*;
        assert_eq!(
            refused(&ConnectFailed, "web01:22", Some("Connection refused")),
            "cannot reach web01:22: Connection refused"
        );
        assert_eq!(
            refused(&AdministrativelyProhibited, "web01:22", Some("open failed")),
            "does not let us through to web01:22 (AllowTcpForwarding, PermitOpen in its sshd_config): open failed"
        );
        assert_eq!(refused(&ResourceShortage, "[::1]:22", None), "has no room for a channel to [::1]:22");
        assert_eq!(place("fe80::1", 22), "[fe80::1]:22");
    }
}
