//! Lending the user's agent to a host (`ForwardAgent`).
//!
//! Theory: a host may open a channel to the agent only when we have offered it on a session of this connection, and we
//! offer it only where the configuration says so. The offer is made by the [`Lender`] of the connection: it is shut
//! until [`Lender::offer`] is called on a connection whose host key was proven and whose login succeeded, and a target
//! without `forward_agent` never calls it. What the host then says to the agent and what the agent answers is carried
//! from one to the other unread; before it, the agent is told which host asks (`session-bind@openssh.com` with the
//! forwarding flag), so that keys that are confined to certain hosts (`ssh-add -h`) stay so. An agent that does not know
//! that message refuses it, which changes nothing for it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::BytesMut;
use russh::keys::agent::AgentSessionBinding;
use russh::keys::agent::client::AgentClient;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Target;
use super::channel::{ChannelEvent, ChannelInput, ChannelOutput};

/// Channels to the agent that one host may have open at once; a further one is refused.
const CHANNELS: usize = 16;

/// Bytes of the agent's answer that are carried at once. What waits towards the agent is bounded with the rest of the
/// connection's output ([`super::stream::HELD_LIMIT`]).
const CHUNK: usize = 16 * 1024;

/// How long the agent may take to be there and to be told who asks. Its answers have no limit: a person may have to
/// touch a key.
const PATIENCE: Duration = Duration::from_secs(10);

/// The agent that a host is to have. As in ssh there is none where nothing is at its place: the host would be told of a
/// socket that nobody answers at.
pub(super) fn lent(target: &Target) -> Option<&Path> {
    target.forward_agent.as_deref().filter(|socket| socket.exists())
}

/// What a host may have of the user's agent; one for each connection.
#[derive(Debug)]
pub(super) struct Lender {
    offered: Mutex<Option<Offered>>,
    channels: Arc<Semaphore>,
}

#[derive(Clone, Debug)]
struct Offered {
    socket: PathBuf,
    binding: Option<AgentSessionBinding>,
}

impl Default for Lender {
    fn default() -> Lender {
        Lender { offered: Mutex::default(), channels: Arc::new(Semaphore::new(CHANNELS)) }
    }
}

impl Lender {
    /// From now on the host may speak with the agent at this socket. `binding` is the proof of which host it is.
    pub(super) fn offer(&self, socket: PathBuf, binding: Option<AgentSessionBinding>) {
        let mut offered = self.offered.lock().unwrap_or_else(PoisonError::into_inner);
        offered.get_or_insert(Offered { socket, binding });
    }

    /// A loan for one channel that the host opens; `None` where nothing was offered or too many are out.
    pub(super) fn lend(&self) -> Option<Loan> {
        let offered = self.offered.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        let slot = Arc::clone(&self.channels).try_acquire_owned().ok()?;
        Some(Loan { offered, _slot: slot })
    }
}

/// One channel's way to the agent.
#[derive(Debug)]
pub(super) struct Loan {
    offered: Offered,
    _slot: OwnedSemaphorePermit,
}

impl Loan {
    /// Carries bytes both ways until either side ends, then closes the channel.
    pub(super) async fn serve(self, mut input: ChannelInput, mut output: ChannelOutput) {
        match tokio::time::timeout(PATIENCE, self.reach()).await {
            Ok(Ok(agent)) => carry(agent, &mut input, &mut output).await,
            Ok(Err(error)) => tracing::debug!("the agent that is lent: {error}"),
            Err(_) => {
                tracing::debug!("the agent that is lent did not answer within {} s", PATIENCE.as_secs())
            }
        }
        input.close().await;
    }

    /// A connection to the agent that knows for whom it is.
    async fn reach(&self) -> std::io::Result<UnixStream> {
        let mut agent = UnixStream::connect(&self.offered.socket).await?;
        if let Some(binding) = &self.offered.binding
            && let Err(error) = AgentClient::connect(&mut agent).bind_session(binding, true).await
        {
            tracing::debug!("the agent that is lent does not take the name of the host: {error}");
        }
        Ok(agent)
    }
}

async fn carry(mut agent: UnixStream, input: &mut ChannelInput, output: &mut ChannelOutput) {
    let mailbox = Arc::clone(&input.mailbox);
    let (mut from_agent, mut to_agent) = agent.split();
    let asks = async {
        loop {
            match output.next().await {
                ChannelEvent::Data(bytes) => to_agent.write_all(&bytes).await?,
                ChannelEvent::Eof => to_agent.shutdown().await?,
                ChannelEvent::Closed(_) => return Ok::<(), std::io::Error>(()),
                // What only a command sends.
                ChannelEvent::Stderr(_) | ChannelEvent::Exit(_) | ChannelEvent::Signal(_) => {}
            }
        }
    };
    let answers = async {
        let mut chunk = BytesMut::with_capacity(CHUNK);
        while let Ok(1..) = from_agent.read_buf(&mut chunk).await {
            if input.write(chunk.split().freeze()).await.is_err() {
                return;
            }
            chunk.reserve(CHUNK);
        }
    };
    tokio::select! {
        _ = asks => {}
        () = answers => {}
        // The agent may take nothing just then.
        () = mailbox.gone() => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lent_before_the_offer_and_never_more_than_the_bound() {
        let lender = Lender::default();
        assert!(lender.lend().is_none());
        lender.offer(PathBuf::from("/agent"), None);
        let loans: Vec<Loan> = std::iter::from_fn(|| lender.lend()).collect();
        assert_eq!(loans.len(), CHANNELS);
        drop(loans);
        assert!(lender.lend().is_some());
    }
}
