//! A connection with a proven host key and a login, and the channels on it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use russh::client::{Handle, Msg};
use russh::{ChannelWriteHalf, Disconnect, Pty};
use tokio::sync::watch;
use tokio::time::Instant;

use super::channel::{Channel, ChannelInput, ChannelOutput, Hub, Mailbox};
use super::client::{Client, describe};
use super::clock::{Clock, Phases};
use super::forward::lent;
use super::stream::Guard;
use super::target::Terminal;
use super::{ConnectError, Stage, Target};
use crate::size::Size;

/// A connection that is logged in. Dropping it ends everything on it at once; [`Link::close`] says good-bye first.
pub struct Link {
    pub(super) handle: Handle<Client>,
    pub(super) target: Arc<Target>,
    pub(super) hub: Arc<Hub>,
    pub(super) guard: Guard,
    pub(super) phases: Phases,
    /// The whole connect timeout, for each channel after the first.
    pub(super) limit: Duration,
    /// What the connect left of it, for the first channel.
    pub(super) left: Mutex<Option<Duration>>,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").field("phases", &self.phases).finish_non_exhaustive()
    }
}

/// How starting a command or a shell failed. The difference is whether it may have run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// It certainly did not run: there was no channel, or the host refused.
    #[error(transparent)]
    NotRun(#[from] ConnectError),
    /// The request had been handed to the transport and no answer came: it may have run.
    #[error("link lost after the command was sent: {0}")]
    Lost(String),
}

/// An open channel on which nothing was started yet.
///
/// [`Opened::exec`] and [`Opened::shell`] are the moment that divides "certainly not run" from "not known": until they
/// are called nothing can have run; once they were polled, only their own answer `NotRun` proves that nothing did, and a
/// caller that drops them does not know.
#[derive(Debug)]
pub struct Opened {
    half: ChannelWriteHalf<Msg>,
    mailbox: Arc<Mailbox>,
    hub: Arc<Hub>,
    target: Arc<Target>,
    limit: Duration,
}

/// The terminal of a command that wants one: nobody looks at it, so it can do nothing, in the usual size.
const UNSEEN: (&str, Size) = ("dumb", Size::DEFAULT);

/// Whether a host answers, for whoever shows it.
#[derive(Debug)]
pub struct Pulse {
    stalled: watch::Receiver<Option<Instant>>,
}

impl Pulse {
    /// Waits for the next change; gives how long the host has been silent when it began to count as stalled, or `None`
    /// when it is heard again. May be dropped and called anew; after the end of the link it waits for ever.
    pub async fn changed(&mut self) -> Option<Duration> {
        if self.stalled.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
        self.stalled.borrow_and_update().map(|since| since.elapsed())
    }
}

/// How long a polite good-bye may take.
const GOODBYE: Duration = Duration::from_secs(1);

impl Link {
    /// How long each stage of the connect took.
    pub fn phases(&self) -> &Phases {
        &self.phases
    }

    /// Opens a session channel: the first one within what is left of the connect timeout, further ones within all of it.
    pub async fn open(&self) -> Result<Opened, ConnectError> {
        let left = self.left.lock().unwrap_or_else(PoisonError::into_inner).take();
        let clock = Clock::with_left(self.limit, left.unwrap_or(self.limit));
        clock.enter(Stage::Channel);
        clock.within(&(), self.open_session()).await
    }

    async fn open_session(&self) -> Result<Opened, ConnectError> {
        let channel = self.handle.channel_open_session().await.map_err(|error| {
            let why = match error {
                russh::Error::ChannelOpenFailure(reason) => {
                    format!("the host refused a session ({reason:?})")
                }
                error => self.guard.0.lost().unwrap_or_else(|| describe(&error)),
            };
            ConnectError::Unreachable { stage: Stage::Channel, why }
        })?;
        let mailbox = self.hub.claim(channel.id());
        if let Some(why) = self.guard.0.lost() {
            return Err(ConnectError::Unreachable { stage: Stage::Channel, why });
        }
        if let Some(agent) = lent(&self.target) {
            self.hub.lender.offer(agent.to_owned(), self.handle.agent_session_binding().cloned());
        }
        let (_, half) = channel.split();
        let (hub, target) = (Arc::clone(&self.hub), Arc::clone(&self.target));
        Ok(Opened { half, mailbox, hub, target, limit: self.limit })
    }

    /// Opens a channel and starts a command on it; see [`Opened::exec`].
    pub async fn exec(&self, command: &[u8]) -> Result<Channel, StartError> {
        self.open().await?.exec(command).await
    }

    /// Opens a channel and starts a shell in a terminal on it; see [`Opened::shell`].
    pub async fn shell(&self, term: &str, size: Size) -> Result<Channel, StartError> {
        self.open().await?.shell(term, size).await
    }

    /// The whole connect timeout: how long anything may take to begin.
    pub(super) fn limit(&self) -> Duration {
        self.limit
    }

    /// Follows whether the host answers.
    pub fn pulse(&self) -> Pulse {
        Pulse { stalled: self.guard.0.stalled() }
    }

    /// Whether the host owes an answer and is silent. Such a link may come back, but whoever has a choice takes another one.
    pub fn is_stalled(&self) -> bool {
        self.guard.0.is_stalled()
    }

    /// Whether the connection has ended.
    pub fn is_closed(&self) -> bool {
        self.handle.is_closed()
    }

    /// Says good-bye, waits until what was written has gone, at most a second, and ends the connection.
    pub async fn close(self) {
        let Link { handle, guard, .. } = self;
        guard.0.lose("ended by us");
        let goodbye = async {
            if handle.disconnect(Disconnect::ByApplication, "", "").await.is_ok() {
                let _ = handle.await;
            }
        };
        let _ = tokio::time::timeout(GOODBYE, goodbye).await;
        drop(guard);
    }
}

impl Opened {
    /// Starts a command, its bytes sent as they are; in a terminal only where the host's configuration wants one
    /// (`RequestTTY yes`). A `RemoteCommand` of the configuration is not heeded: it stands for a missing command.
    pub async fn exec(self, command: &[u8]) -> Result<Channel, StartError> {
        let terminal = matches!(self.target.session.terminal, Terminal::Yes).then_some(UNSEEN);
        let start = async {
            self.prepare(terminal).await?;
            self.start(self.half.exec(true, command), "to run a command").await
        };
        self.timed(start).await?;
        Ok(self.into_channel())
    }

    /// Starts a command without a terminal, whatever the host's configuration wants: what goes to it and comes from it are
    /// bytes that no terminal may change.
    pub async fn exec_on_pipes(self, command: &[u8]) -> Result<Channel, StartError> {
        let start = async {
            self.prepare(None).await?;
            self.start(self.half.exec(true, command), "to run a command").await
        };
        self.timed(start).await?;
        Ok(self.into_channel())
    }

    /// Starts a command in a terminal that nobody looks at, whatever the host's configuration wants.
    pub async fn exec_in_terminal(self, command: &[u8]) -> Result<Channel, StartError> {
        let start = async {
            self.prepare(Some(UNSEEN)).await?;
            self.start(self.half.exec(true, command), "to run a command").await
        };
        self.timed(start).await?;
        Ok(self.into_channel())
    }

    /// Asks for a terminal, unless the host's configuration wants none (`RequestTTY no`), then starts the login shell
    /// in it, or what the configuration puts in its place (`RemoteCommand`).
    pub async fn shell(self, term: &str, size: Size) -> Result<Channel, StartError> {
        let session = &self.target.session;
        let terminal = (!matches!(session.terminal, Terminal::No)).then_some((term, size));
        let start = async {
            self.prepare(terminal).await?;
            match &session.command {
                Some(command) => {
                    self.start(self.half.exec(true, command.as_bytes()), "to run a command").await
                }
                None => self.start(self.half.request_shell(true), "a shell").await,
            }
        };
        self.timed(start).await?;
        Ok(self.into_channel())
    }

    /// Starts a subsystem (RFC 4254 section 6.5), without a terminal; `None`: the host has none of that name.
    pub async fn subsystem(self, name: &str) -> Result<Option<Channel>, StartError> {
        let start = async {
            self.prepare(None).await?;
            self.half.request_subsystem(true, name).await.map_err(|_| not_sent())?;
            self.answer().await
        };
        let limit = self.limit;
        let is_there = tokio::time::timeout(limit, start).await.unwrap_or_else(|_| Err(unanswered(limit)))?;
        Ok(is_there.then(|| self.into_channel()))
    }

    /// What comes before a command or shell, in the order of `ssh`: the agent, the terminal, the environment.
    async fn prepare(&self, terminal: Option<(&str, Size)>) -> Result<(), StartError> {
        if lent(&self.target).is_some() {
            self.half.agent_forward(false).await.map_err(|_| not_sent())?;
        }
        if let Some((term, size)) = terminal {
            let (cols, rows) = (u32::from(size.cols), u32::from(size.rows));
            self.start(self.half.request_pty(true, term, cols, rows, 0, 0, MODES), "a terminal").await?;
        }
        for (name, value) in &self.target.session.environment {
            // The host takes what its AcceptEnv names, and says nothing about the rest.
            self.half.set_env(false, name, value).await.map_err(|_| not_sent())?;
        }
        Ok(())
    }

    fn into_channel(self) -> Channel {
        let output = ChannelOutput { mailbox: Arc::clone(&self.mailbox) };
        Channel { input: ChannelInput { half: self.half, mailbox: self.mailbox, hub: self.hub }, output }
    }

    async fn timed(&self, start: impl Future<Output = Result<(), StartError>>) -> Result<(), StartError> {
        tokio::time::timeout(self.limit, start).await.unwrap_or_else(|_| Err(unanswered(self.limit)))
    }

    /// Sends one request and waits for its answer.
    async fn start(
        &self,
        request: impl Future<Output = Result<(), russh::Error>>,
        what: &str,
    ) -> Result<(), StartError> {
        request.await.map_err(|_| not_sent())?;
        if self.answer().await? { Ok(()) } else { Err(refused(format!("the host refused {what}"))) }
    }

    /// Waits for the host's yes or no.
    async fn answer(&self) -> Result<bool, StartError> {
        self.mailbox.answer().await.map_err(|ended| {
            let closed = || "the host closed the channel instead of answering".to_owned();
            StartError::Lost(ended.err().unwrap_or_else(closed))
        })
    }
}

fn unanswered(limit: Duration) -> StartError {
    StartError::Lost(format!("no answer to the request in {} s", limit.as_secs_f64()))
}

fn refused(why: String) -> StartError {
    ConnectError::Unreachable { stage: Stage::Request, why }.into()
}

/// An error of a request means that the connection's task is gone and has not taken it.
fn not_sent() -> StartError {
    refused("the link was lost before the request was sent".to_owned())
}

/// The modes of a fresh terminal (RFC 4254 section 8), as on a Linux console; without them some servers start one in
/// which `sudo` and `passwd` do not work.
const MODES: &[(Pty, u32)] = &[
    (Pty::VINTR, 3),
    (Pty::VQUIT, 28),
    (Pty::VERASE, 127),
    (Pty::VKILL, 21),
    (Pty::VEOF, 4),
    (Pty::VEOL, 255),
    (Pty::VEOL2, 255),
    (Pty::VSTART, 17),
    (Pty::VSTOP, 19),
    (Pty::VSUSP, 26),
    (Pty::VREPRINT, 18),
    (Pty::VWERASE, 23),
    (Pty::VLNEXT, 22),
    (Pty::VDISCARD, 15),
    (Pty::ICRNL, 1),
    (Pty::IXON, 1),
    (Pty::IUTF8, 1),
    (Pty::ISIG, 1),
    (Pty::ICANON, 1),
    (Pty::ECHO, 1),
    (Pty::ECHOE, 1),
    (Pty::ECHOK, 1),
    (Pty::ECHOCTL, 1),
    (Pty::ECHOKE, 1),
    (Pty::IEXTEN, 1),
    (Pty::OPOST, 1),
    (Pty::ONLCR, 1),
    (Pty::CS8, 1),
    (Pty::TTY_OP_ISPEED, 38_400),
    (Pty::TTY_OP_OSPEED, 38_400),
];
