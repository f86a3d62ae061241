//! The tasks that live the sessions, and the hub through which they are told and heard.
//!
//! A session is one task: it waits for its turn, connects, asks for a shell, and then reads and writes side by side, so
//! that a host which does not read is still heard. It never shares a lock with another session, and a panic in it ends
//! it alone.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::FutureExt;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::outcome::{Fate, NotRun, Outcome, Unknown};
use crate::size::Size;
use crate::ssh::{
    Channel, ChannelEvent, ChannelInput, ChannelOutput, ConnectError, Connector, Link, Progress, Pulse,
    Stage, StartError, Target, Wait,
};

use super::logins::{Login, Logins};
use super::mailbox::{Listener, Mailbox};
use super::{SessionEvent, SessionId};

/// What every pane says it is (the emulator speaks this terminal's language).
const TERM: &str = "xterm-256color";

/// Inputs on their way to one actor. The outbox hands over one at a time and waits for `Written`, so one place would do;
/// the second is for a chunk that was released while the first is acknowledged.
const INPUT_PLACES: usize = 2;

/// All sessions of a program.
pub struct Hub {
    connector: Arc<Connector>,
    turns: Arc<Logins>,
    listener: Arc<Listener>,
    sessions: HashMap<SessionId, Wires>,
}

/// The ends by which one actor is told. Dropping them ends it.
struct Wires {
    input: mpsc::Sender<Bytes>,
    size: watch::Sender<Size>,
    end: CancellationToken,
}

impl Drop for Wires {
    fn drop(&mut self) {
        self.end.cancel();
    }
}

impl std::fmt::Debug for Hub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hub").field("sessions", &self.sessions.len()).finish_non_exhaustive()
    }
}

impl Hub {
    /// A hub whose sessions connect through `connector`, at most `logins` of them at once.
    pub fn new(connector: Arc<Connector>, logins: usize) -> Hub {
        Hub { connector, turns: Logins::new(logins), listener: Arc::default(), sessions: HashMap::new() }
    }

    /// Opens a session. A host that its configuration refuses is closed at once, and nothing is contacted.
    pub fn open(&mut self, id: SessionId, target: Result<Target, ConnectError>, size: Size) {
        let (input, inputs) = mpsc::channel(INPUT_PLACES);
        let (resize, sizes) = watch::channel(size);
        let end = CancellationToken::new();
        let actor = Actor {
            connector: self.connector.clone(),
            turns: self.turns.clone(),
            voice: Voice { listener: self.listener.clone(), mailbox: Mailbox::new(id) },
        };
        // On the heap: a target is large, and a session at rest has no use for it.
        tokio::spawn(actor.live(target.map(Box::new), inputs, sizes, end.clone()));
        self.sessions.insert(id, Wires { input, size: resize, end });
    }

    /// Hands input to a session. False where it takes none: it is over, or an input is still under way.
    pub fn input(&self, id: SessionId, bytes: Bytes) -> bool {
        self.sessions.get(&id).is_some_and(|wires| wires.input.try_send(bytes).is_ok())
    }

    /// Changes the size of a session's terminal; only the last of several counts.
    pub fn resize(&self, id: SessionId, size: Size) {
        if let Some(wires) = self.sessions.get(&id) {
            wires.size.send_if_modified(|current| std::mem::replace(current, size) != size);
        }
    }

    /// Ends a session; `Closed` follows.
    pub fn close(&self, id: SessionId) {
        if let Some(wires) = self.sessions.get(&id) {
            wires.end.cancel();
        }
    }

    /// The ear of this hub, to wait on while the hub itself is being told things.
    pub fn listener(&self) -> Arc<Listener> {
        self.listener.clone()
    }

    /// Forgets a session that has reported its end.
    pub fn forget(&mut self, id: SessionId) {
        self.sessions.remove(&id);
    }
}

/// How an actor reports.
#[derive(Clone)]
struct Voice {
    listener: Arc<Listener>,
    mailbox: Arc<Mailbox>,
}

impl Voice {
    fn say(&self, event: SessionEvent) {
        self.listener.post(&self.mailbox, event);
    }
}

/// Reports the stages of a connect. While the user is asked, or others come first, the turn is given to another host;
/// afterwards it is taken back, whether one is free or not, and so many the fewer begin.
struct Reporter {
    voice: Voice,
    turns: Arc<Logins>,
    turn: Mutex<Option<Login>>,
    stage: Mutex<Stage>,
}

impl Progress for Reporter {
    fn stage(&self, stage: Stage) {
        *self.stage.lock().unwrap_or_else(PoisonError::into_inner) = stage;
        self.voice.say(SessionEvent::Connecting(stage));
    }

    fn asking(&self, asking: bool) {
        if asking {
            self.turn.lock().unwrap_or_else(PoisonError::into_inner).take();
            self.voice.say(SessionEvent::Asking);
        } else {
            self.goes_on();
        }
    }

    fn waiting(&self, wait: Option<Wait>) {
        match wait {
            Some(wait) => {
                self.turn.lock().unwrap_or_else(PoisonError::into_inner).take();
                self.voice.say(SessionEvent::Waiting(wait));
            }
            None => self.goes_on(),
        }
    }
}

impl Reporter {
    fn goes_on(&self) {
        let mut turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        turn.get_or_insert_with(|| self.turns.take());
        drop(turn);
        let stage = *self.stage.lock().unwrap_or_else(PoisonError::into_inner);
        self.voice.say(SessionEvent::Connecting(stage));
    }
}

struct Actor {
    connector: Arc<Connector>,
    turns: Arc<Logins>,
    voice: Voice,
}

impl Actor {
    async fn live(
        self,
        target: Result<Box<Target>, ConnectError>,
        inputs: mpsc::Receiver<Bytes>,
        sizes: watch::Receiver<Size>,
        end: CancellationToken,
    ) {
        let life = AssertUnwindSafe(self.connect_and_serve(target, inputs, sizes, end)).catch_unwind();
        let outcome = life.await.unwrap_or_else(|_| {
            Outcome::Unknown(Unknown::LinkLost("internal error: the session's task panicked".to_owned()))
        });
        self.voice.say(SessionEvent::Closed(outcome));
    }

    async fn connect_and_serve(
        &self,
        target: Result<Box<Target>, ConnectError>,
        inputs: mpsc::Receiver<Bytes>,
        mut sizes: watch::Receiver<Size>,
        end: CancellationToken,
    ) -> Outcome {
        let target = match target {
            Ok(target) => target,
            Err(refused) => return refused.into(),
        };
        let size = *sizes.borrow_and_update();
        // On the heap, so that it goes when it is done: within this future its state, several times that of a session at
        // rest, would be kept for the session's life.
        let opening = Box::pin(self.open(target, size));
        let (link, channel) = tokio::select! {
            biased;
            () = end.cancelled() => return Outcome::NotRun(NotRun::Cancelled),
            opened = opening => match opened {
                Ok(opened) => opened,
                Err(outcome) => return outcome,
            },
        };
        self.voice.say(SessionEvent::Ready);
        let outcome = tokio::select! {
            biased;
            () = end.cancelled() => Outcome::Unknown(Unknown::Killed(Fate::MayStillRun)),
            outcome = self.serve(channel, link.pulse(), inputs, sizes) => outcome,
        };
        link.close().await;
        outcome
    }

    async fn open(&self, target: Box<Target>, size: Size) -> Result<(Link, crate::ssh::Channel), Outcome> {
        let turn = Mutex::new(Some(self.turns.wait().await));
        let (voice, turns) = (self.voice.clone(), self.turns.clone());
        let reporter = Reporter { voice, turns, turn, stage: Mutex::new(Stage::Resolve) };
        let link = self.connector.connect(&target, &reporter).await?;
        let channel = link.shell(TERM, size).await.map_err(|error| match error {
            StartError::NotRun(error) => error.into(),
            StartError::Lost(why) => Outcome::Unknown(Unknown::LinkLost(why)),
        })?;
        Ok((link, channel))
    }

    /// Reads and writes side by side until the shell's end, and tells meanwhile whether the host answers.
    async fn serve(
        &self,
        channel: Channel,
        pulse: Pulse,
        inputs: mpsc::Receiver<Bytes>,
        sizes: watch::Receiver<Size>,
    ) -> Outcome {
        let write = self.write(channel.input, inputs, sizes);
        tokio::select! {
            outcome = self.read(channel.output) => outcome,
            never = write => match never {},
            never = self.watch(pulse) => match never {},
        }
    }

    async fn watch(&self, mut pulse: Pulse) -> std::convert::Infallible {
        loop {
            let told = pulse.changed().await;
            self.voice.say(told.map_or(SessionEvent::Resumed, SessionEvent::Stalled));
        }
    }

    async fn write(
        &self,
        mut input: ChannelInput,
        mut inputs: mpsc::Receiver<Bytes>,
        mut sizes: watch::Receiver<Size>,
    ) -> std::convert::Infallible {
        loop {
            let written = tokio::select! {
                biased;
                Ok(()) = sizes.changed() => {
                    let size = *sizes.borrow_and_update();
                    input.resize(size).await
                }
                Some(bytes) = inputs.recv() => {
                    let written = input.write(bytes).await;
                    self.voice.say(SessionEvent::Written);
                    written
                }
                else => std::future::pending().await,
            };
            if written.is_err() {
                // The reading side learns the reason and ends the session.
                std::future::pending::<()>().await;
            }
        }
    }

    async fn read(&self, mut output: ChannelOutput) -> Outcome {
        let mut end = None;
        loop {
            // First, so that nothing is held on the way from the one to the other.
            self.voice.listener.room(&self.voice.mailbox).await;
            match output.next().await {
                ChannelEvent::Data(bytes) | ChannelEvent::Stderr(bytes) => {
                    self.voice.say(SessionEvent::Output(bytes));
                }
                ChannelEvent::Eof => {}
                ChannelEvent::Exit(status) => end = Some(Outcome::Exited(status)),
                ChannelEvent::Signal(name) => end = Some(Outcome::Signalled(name)),
                ChannelEvent::Closed(how) => {
                    let unknown = match how {
                        Ok(()) => Unknown::NoStatus,
                        Err(why) => Unknown::LinkLost(why),
                    };
                    return end.unwrap_or(Outcome::Unknown(unknown));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ask::Nobody;
    use crate::ssh::{KnownHosts, Tcp};

    #[tokio::test]
    async fn a_session_at_rest_keeps_no_room_for_its_connect() {
        let connector =
            Arc::new(Connector::new(Arc::new(Tcp), Arc::new(Nobody), Arc::new(KnownHosts::new())));
        let actor = Actor {
            connector,
            turns: Logins::new(1),
            voice: Voice { listener: Arc::default(), mailbox: Mailbox::new(SessionId(1)) },
        };
        let (_input, inputs) = mpsc::channel(INPUT_PLACES);
        let (_resize, sizes) = watch::channel(Size::DEFAULT);
        let refused = Err(ConnectError::Login("none".to_owned()));
        let life = actor.live(refused, inputs, sizes, CancellationToken::new());
        let bytes = std::mem::size_of_val(&life);
        assert!(bytes <= 4096, "a thousand sessions hold a thousand of these: {bytes} bytes");
    }
}
