//! The ssh-agent: one client for all hosts of a run.
//!
//! Theory: a stock agent works one request at a time and refuses connections when too many come at once, so at most
//! [`CONNECTIONS`] are opened and each serves many requests. Its keys are listed once per run. An agent that does not
//! answer within [`PATIENCE`] is given up for the whole run: everybody who waits for it learns that at once, instead of
//! each host waiting anew.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::{Error, HashAlg, PublicKey};
use tokio::net::UnixStream;
use tokio::sync::{Notify, OnceCell, Semaphore};

use super::clock::Clock;
use crate::ask::BoxFuture;

/// Connections to one agent.
const CONNECTIONS: usize = 8;

/// How long the agent may take for one answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Keys of an agent that are looked at; a host lets us offer six.
const KEYS: usize = 1000;

type Client = AgentClient<UnixStream>;

/// The agents of a run, by socket.
#[derive(Default)]
pub(super) struct Agents {
    by_socket: Mutex<HashMap<PathBuf, Arc<Agent>>>,
}

impl Agents {
    /// Forgets agents that failed, so that they are asked again.
    pub(super) fn pardon(&self) {
        let mut by_socket = self.by_socket.lock().unwrap_or_else(PoisonError::into_inner);
        by_socket.retain(|_, agent| !agent.failed());
    }

    pub(super) fn get(&self, socket: &Path) -> Arc<Agent> {
        let mut by_socket = self.by_socket.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(by_socket.entry(socket.to_owned()).or_insert_with(|| Arc::new(Agent::new(socket))))
    }
}

/// One agent.
pub(super) struct Agent {
    socket: PathBuf,
    slots: Semaphore,
    idle: Mutex<Vec<Client>>,
    keys: OnceCell<Result<Vec<PublicKey>, String>>,
    given_up: Mutex<Option<String>>,
    gave_up: Notify,
}

impl Agent {
    fn new(socket: &Path) -> Agent {
        Agent {
            socket: socket.to_owned(),
            slots: Semaphore::new(CONNECTIONS),
            idle: Mutex::default(),
            keys: OnceCell::new(),
            given_up: Mutex::default(),
            gave_up: Notify::new(),
        }
    }

    fn failed(&self) -> bool {
        self.why_given_up().is_some() || matches!(self.keys.get(), Some(Err(_)))
    }

    fn why_given_up(&self) -> Option<String> {
        self.given_up.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The keys it holds; listed once. The error is a sentence.
    pub(super) async fn keys(&self) -> Result<&[PublicKey], String> {
        let list = || async {
            let identities = self.request(|client| Box::pin(client.request_identities())).await?;
            Ok(identities.into_iter().filter_map(plain).take(KEYS).collect())
        };
        self.keys.get_or_init(list).await.as_deref().map_err(Clone::clone)
    }

    /// Signs with one of its keys.
    pub(super) async fn sign(
        &self,
        key: &AgentIdentity,
        hash: Option<HashAlg>,
        data: Vec<u8>,
    ) -> Result<Vec<u8>, String> {
        // Copies for each try: the bytes come back with the signature appended.
        self.request(|client| {
            let (key, data) = (key.clone(), data.clone());
            Box::pin(async move { client.sign_request(&key, hash, data).await })
        })
        .await
    }

    async fn request<T>(
        &self,
        request: impl for<'c> Fn(&'c mut Client) -> BoxFuture<'c, Result<T, Error>>,
    ) -> Result<T, String> {
        tokio::select! {
            biased;
            why = self.until_given_up() => Err(why),
            result = self.serve(request) => result,
        }
    }

    async fn serve<T>(
        &self,
        request: impl for<'c> Fn(&'c mut Client) -> BoxFuture<'c, Result<T, Error>>,
    ) -> Result<T, String> {
        let Ok(_slot) = self.slots.acquire().await else { return Err("the agent is gone".to_owned()) };
        let answer = tokio::time::timeout(PATIENCE, async {
            // A connection from the pool may have died meanwhile; a fresh one gets a second try.
            if let Some(mut client) = self.take_idle()
                && let Some(answer) = self.answer(&request, &mut client).await
            {
                self.idle().push(client);
                return answer;
            }
            let mut client = self.connect().await?;
            match self.answer(&request, &mut client).await {
                Some(answer) => {
                    self.idle().push(client);
                    answer
                }
                None => Err(format!("the agent at {} closed the connection", self.socket.display())),
            }
        });
        match answer.await {
            Ok(answer) => answer,
            Err(_) => {
                let why = format!(
                    "the agent at {} did not answer within {} s",
                    self.socket.display(),
                    PATIENCE.as_secs()
                );
                *self.given_up.lock().unwrap_or_else(PoisonError::into_inner) = Some(why.clone());
                self.gave_up.notify_waiters();
                Err(why)
            }
        }
    }

    /// `None` when the connection is of no more use.
    async fn answer<T>(
        &self,
        request: &impl for<'c> Fn(&'c mut Client) -> BoxFuture<'c, Result<T, Error>>,
        client: &mut Client,
    ) -> Option<Result<T, String>> {
        match request(client).await {
            Ok(value) => Some(Ok(value)),
            Err(Error::AgentFailure) => Some(Err("the agent refused to sign; is it locked?".to_owned())),
            Err(error) => {
                log::debug!("agent: {error}");
                None
            }
        }
    }

    async fn connect(&self) -> Result<Client, String> {
        loop {
            match UnixStream::connect(&self.socket).await {
                Ok(stream) => return Ok(AgentClient::connect(stream)),
                // Its queue is full of other programs' connections.
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                Err(error) => return Err(format!("no agent at {}: {error}", self.socket.display())),
            }
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Client>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_idle(&self) -> Option<Client> {
        self.idle().pop()
    }

    async fn until_given_up(&self) -> String {
        loop {
            let mut gave_up = pin!(self.gave_up.notified());
            gave_up.as_mut().enable();
            if let Some(why) = self.why_given_up() {
                return why;
            }
            gave_up.await;
        }
    }
}

/// Certificates of users are not offered yet; their plain keys stand in the agent beside them.
fn plain(identity: AgentIdentity) -> Option<PublicKey> {
    match identity {
        AgentIdentity::PublicKey { key, .. } => Some(key),
        AgentIdentity::Certificate { .. } => None,
    }
}

/// Signs a login through an agent. The host's clock stands still meanwhile: the agent has a deadline of its own.
pub(super) struct AgentSigner<'a> {
    pub(super) agent: &'a Agent,
    pub(super) clock: &'a Clock,
}

/// Why there is no signature.
#[derive(Debug)]
pub(super) enum SignError {
    /// The connection has ended.
    Ended,
    /// The key cannot sign: a sentence.
    Refused(String),
}

impl From<russh::SendError> for SignError {
    fn from(_: russh::SendError) -> SignError {
        SignError::Ended
    }
}

impl russh::Signer for AgentSigner<'_> {
    type Error = SignError;

    async fn auth_sign(
        &mut self,
        key: &AgentIdentity,
        hash: Option<HashAlg>,
        to_sign: Vec<u8>,
    ) -> Result<Vec<u8>, SignError> {
        let _hold = self.clock.hold();
        self.agent.sign(key, hash, to_sign).await.map_err(SignError::Refused)
    }
}
