//! The ssh-agent: one client for all hosts of a run.
//!
//! Theory: a stock agent works one request at a time and refuses connections when too many come at once, so at most
//! [`CONNECTIONS`] are open and each serves many requests. Its keys are listed once per run. An agent that dies or
//! does not answer is given up for the whole run: everybody who waits for it learns the same reason at once, instead of
//! each host waiting anew.
//!
//! A key may be bound to destinations (`ssh-add -h`). Such a key signs only on a connection that is bound to the host's
//! session (`session-bind@openssh.com`), and a connection that was bound serves no other session. So what refuses to
//! sign is asked once more on a connection of its own, bound and closed afterwards; which keys want that is remembered.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use russh::keys::agent::AgentSessionBinding;
use russh::keys::{HashAlg, PrivateKey};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::{Notify, OnceCell, Semaphore};

mod wire;

use wire::{Fault, Frame};
pub(super) use wire::{Held, Terms, Uses};

/// Connections to one agent; one more may ask whether it lives.
const CONNECTIONS: usize = 7;

/// How long the agent may take for one answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long an agent that lives may take for a signature: it asks the user for a word, a touch or a passphrase.
const HUMAN: Duration = Duration::from_secs(120);

/// How long an agent may take to show that it lives.
const SIGN_OF_LIFE: Duration = Duration::from_secs(2);

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
    /// Held by the one that looks whether it lives.
    doubt: tokio::sync::Mutex<()>,
    idle: Mutex<Vec<UnixStream>>,
    keys: OnceCell<Result<Vec<Held>, String>>,
    habits: Mutex<Habits>,
    given_up: Mutex<Option<String>>,
    gave_up: Notify,
}

/// What is known of the agent's keys, by their blobs; at most as many as [`wire::KEYS`].
#[derive(Default)]
struct Habits {
    /// They sign on any connection.
    free: HashSet<Vec<u8>>,
    /// They sign on bound connections only.
    bound: HashSet<Vec<u8>>,
}

/// What is to be signed, and for which session.
pub(super) struct Errand<'a> {
    /// The key or certificate, as the agent knows it.
    pub(super) blob: &'a [u8],
    /// The hash of an RSA signature.
    pub(super) hash: Option<HashAlg>,
    /// The session with the host, if it is known.
    pub(super) binding: Option<&'a AgentSessionBinding>,
}

/// How one request on one connection ended.
enum Served {
    Answered(Vec<u8>),
    /// The connection is of no more use; why.
    Broken(String),
}

impl Agent {
    fn new(socket: &Path) -> Agent {
        Agent {
            socket: socket.to_owned(),
            slots: Semaphore::new(CONNECTIONS),
            doubt: tokio::sync::Mutex::default(),
            idle: Mutex::default(),
            keys: OnceCell::new(),
            habits: Mutex::default(),
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

    fn habits(&self) -> MutexGuard<'_, Habits> {
        self.habits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The keys it holds; listed once. The error is a sentence.
    pub(super) async fn keys(&self) -> Result<&[Held], String> {
        let list = || async {
            let answer = self.request(&wire::list(), None).await?;
            wire::held(&answer).map_err(|fault| self.sentence(fault, "will not say which keys it holds"))
        };
        self.keys.get_or_init(list).await.as_deref().map_err(Clone::clone)
    }

    /// A signature over `data`, as it goes to the host. The error is a sentence.
    pub(super) async fn sign(&self, errand: &Errand<'_>, data: &[u8]) -> Result<Vec<u8>, String> {
        let request = wire::sign(errand.blob, data, errand.hash);
        let (free, bound) = {
            let habits = self.habits();
            (habits.free.contains(errand.blob), habits.bound.contains(errand.blob))
        };
        if !bound {
            let answer = self.request(&request, None).await?;
            match wire::signature(&answer) {
                Ok(signature) => {
                    self.habits().free.insert(errand.blob.to_vec());
                    return Ok(signature);
                }
                Err(Fault::Refused) if !free && errand.binding.is_some() => {}
                Err(fault) => return Err(self.sentence(fault, REFUSES)),
            }
        }
        let Some(binding) = errand.binding else { return Err(self.sentence(Fault::Refused, REFUSES)) };
        let bind = wire::bind(binding.host_key(), binding.session_id(), binding.signature());
        let answer = self.request(&request, Some(&bind)).await?;
        let signature = wire::signature(&answer).map_err(|fault| self.sentence(fault, REFUSES))?;
        self.habits().bound.insert(errand.blob.to_vec());
        Ok(signature)
    }

    /// Gives it a key. The error is a sentence.
    pub(super) async fn add(&self, key: &PrivateKey, comment: &str, terms: Terms) -> Result<(), String> {
        let request = wire::add(key, comment, terms).ok_or("the key cannot be given to an agent")?;
        let answer = self.request(&request, None).await?;
        wire::done(&answer).map_err(|fault| self.sentence(fault, "did not take the key"))
    }

    fn sentence(&self, fault: Fault, refuses: &str) -> String {
        match fault {
            Fault::Refused => format!("the agent {refuses}"),
            Fault::Protocol => {
                format!("what answers at {} does not speak as an agent does", self.socket.display())
            }
        }
    }

    /// One request and its answer; `first` goes before it, on a connection of its own.
    async fn request(&self, request: &Frame, first: Option<&Frame>) -> Result<Vec<u8>, String> {
        tokio::select! {
            biased;
            why = self.until_given_up() => Err(why),
            answer = self.in_turn(request, first) => answer,
        }
    }

    async fn in_turn(&self, request: &Frame, first: Option<&Frame>) -> Result<Vec<u8>, String> {
        let Ok(_slot) = self.slots.acquire().await else { return Err("the agent is gone".to_owned()) };
        let mut serving = pin!(self.serve(request, first));
        if let Ok(answer) = tokio::time::timeout(PATIENCE, serving.as_mut()).await {
            return answer.map_err(|why| self.give_up(why));
        }
        // It may be asking the user; an agent that can do two things at once shows that it lives.
        if tokio::time::timeout(SIGN_OF_LIFE, self.lives()).await.is_ok_and(|lives| lives)
            && let Ok(answer) = tokio::time::timeout(HUMAN, serving.as_mut()).await
        {
            return answer.map_err(|why| self.give_up(why));
        }
        let (socket, seconds) = (self.socket.display(), PATIENCE.as_secs());
        Err(self.give_up(format!("the agent at {socket} did not answer within {seconds} s")))
    }

    async fn serve(&self, request: &Frame, first: Option<&Frame>) -> Result<Vec<u8>, String> {
        // A connection from the pool may have died meanwhile; a fresh one gets a second try. One that is to be bound
        // takes the place of one in the pool.
        if let Some(mut idle) = self.take_idle()
            && first.is_none()
            && let Served::Answered(answer) = exchange(&mut idle, request).await
        {
            self.idle().push(idle);
            return Ok(answer);
        }
        let mut stream = self.connect().await?;
        let Some(first) = first else {
            return match exchange(&mut stream, request).await {
                Served::Answered(answer) => {
                    self.idle().push(stream);
                    Ok(answer)
                }
                Served::Broken(why) => Err(self.broken(&why)),
            };
        };
        // An agent that does not know how to bind says so, and is asked all the same.
        for frame in [first, request] {
            match exchange(&mut stream, frame).await {
                Served::Answered(answer) if std::ptr::eq(frame, request) => return Ok(answer),
                Served::Answered(_) => {}
                Served::Broken(why) => return Err(self.broken(&why)),
            }
        }
        Err(self.broken("it said nothing"))
    }

    fn broken(&self, why: &str) -> String {
        format!("the agent at {} cannot be used: {why}", self.socket.display())
    }

    /// Whether another connection is answered; then the agent is busy and not dead.
    async fn lives(&self) -> bool {
        let _one = self.doubt.lock().await;
        let Ok(mut stream) = UnixStream::connect(&self.socket).await else { return false };
        matches!(exchange(&mut stream, &wire::list()).await, Served::Answered(_))
    }

    /// From now on everybody gets this reason, or the first one that was given.
    fn give_up(&self, why: String) -> String {
        let mut given_up = self.given_up.lock().unwrap_or_else(PoisonError::into_inner);
        let why = given_up.get_or_insert(why).clone();
        drop(given_up);
        self.gave_up.notify_waiters();
        why
    }

    async fn connect(&self) -> Result<UnixStream, String> {
        loop {
            match UnixStream::connect(&self.socket).await {
                Ok(stream) => return Ok(stream),
                // Its queue is full of other programs' connections.
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                Err(error) => return Err(format!("no agent at {}: {error}", self.socket.display())),
            }
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<UnixStream>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_idle(&self) -> Option<UnixStream> {
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

const REFUSES: &str = "refused to sign; is it locked, or was its question answered with no?";

/// Sends a request and reads the answer.
async fn exchange(stream: &mut UnixStream, request: &Frame) -> Served {
    let answer = async {
        stream.write_all(request).await?;
        let length = stream.read_u32().await? as usize;
        if length > wire::FRAME {
            return Err(std::io::Error::other(format!("its answer has {length} bytes")));
        }
        let mut answer = vec![0; length];
        stream.read_exact(&mut answer).await?;
        Ok(answer)
    };
    match answer.await {
        Ok(answer) => Served::Answered(answer),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            Served::Broken("it closed the connection".to_owned())
        }
        Err(error) => Served::Broken(error.to_string()),
    }
}

#[cfg(test)]
mod tests;
