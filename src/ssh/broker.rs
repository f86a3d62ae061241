//! The secrets of a run among tasks: [`Secrets`] behind a lock, with waiting, and guards that tell it when a host goes away.
//!
//! It also counts the connections that stay open behind questions, and holds the queue of hosts that ask questions of
//! their own.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{Mutex as TurnLock, Notify, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};

use crate::ask::secrets::{Next, Over, Secrets, Trial, Tried, Verdict};
use crate::ask::{Answer, Ask, Question, SecretKind, SecretRequest};
use crate::hosts::Host;

/// Connections that may stay open while a person thinks; servers count every connection that has not logged in.
pub(super) const SLOTS: usize = 4;

/// The right to keep a connection open behind a question.
#[derive(Debug)]
pub(super) struct Slots(Arc<Semaphore>);

impl Default for Slots {
    fn default() -> Slots {
        Slots(Arc::new(Semaphore::new(SLOTS)))
    }
}

impl Slots {
    /// A slot, if one is free; it is given back when dropped.
    pub(super) fn take(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0).try_acquire_owned().ok()
    }
}

/// The queues of hosts that ask something of their own, by the number of jump hosts before them: as many as the longest
/// chain has hosts.
#[derive(Debug, Default)]
pub(super) struct Queues(Mutex<HashMap<usize, Queue>>);

impl Queues {
    pub(super) fn at(&self, hops: usize) -> Queue {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(hops).or_default().clone()
    }
}

/// One queue of hosts that ask something of their own: one at a time, and only that one is connected.
#[derive(Clone, Debug, Default)]
pub(super) struct Queue(Arc<TurnLock<()>>);

/// The right to ask the user on behalf of one host; the next has it when this goes.
pub(super) type Turn = OwnedMutexGuard<()>;

impl Queue {
    /// The turn, if nobody else has it.
    pub(super) fn take(&self) -> Option<Turn> {
        Arc::clone(&self.0).try_lock_owned().ok()
    }

    /// Waits for the turn, in the order in which hosts came.
    pub(super) async fn wait(&self) -> Turn {
        Arc::clone(&self.0).lock_owned().await
    }
}

/// All secrets of a run.
pub(super) struct Broker {
    secrets: Mutex<Secrets>,
    changed: Notify,
    ask: Arc<dyn Ask>,
}

impl Broker {
    pub(super) fn new(ask: Arc<dyn Ask>) -> Arc<Broker> {
        Arc::new(Broker { secrets: Mutex::default(), changed: Notify::new(), ask })
    }

    fn secrets(&self) -> MutexGuard<'_, Secrets> {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut Secrets) -> T) -> T {
        let result = change(&mut self.secrets());
        self.changed.notify_waiters();
        result
    }

    /// See [`Secrets::pardon`].
    pub(super) fn pardon(&self) {
        self.change(Secrets::pardon);
    }

    /// A secret to offer, if one can be had without asking or waiting.
    pub(super) fn at_hand(self: &Arc<Self>, claim: &Claim) -> Option<Result<Ticket, Over>> {
        let next = self.secrets().next(&claim.kind, claim.tried);
        match next {
            Next::Try(secret, trial) => Some(Ok(self.ticket(claim, secret, trial))),
            Next::Over(over) => Some(Err(over)),
            Next::Wait => None,
            Next::Ask { .. } => {
                self.change(|secrets| secrets.withdrawn(&claim.kind));
                None
            }
        }
    }

    /// Whether [`Broker::at_hand`] would have something.
    pub(super) fn is_at_hand(self: &Arc<Self>, claim: &Claim) -> bool {
        self.secrets().is_at_hand(&claim.kind, claim.tried)
    }

    /// A secret to offer; asks the user when it is this host's turn to ask, and waits while another host's is.
    pub(super) async fn get(self: &Arc<Self>, claim: &Claim) -> Result<Ticket, Over> {
        let _waiting = Waiting::begin(self, claim);
        loop {
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            let mut next = self.secrets().next(&claim.kind, claim.tried);
            if let Next::Ask { refused } = next {
                next = self.put_question(claim, refused).await;
            }
            match next {
                Next::Try(secret, trial) => return Ok(self.ticket(claim, secret, trial)),
                Next::Over(over) => return Err(over),
                Next::Wait | Next::Ask { .. } => changed.await,
            }
        }
    }

    async fn put_question(&self, claim: &Claim, refused: Option<String>) -> Next {
        let asking = Asking { broker: self, kind: &claim.kind, over: false };
        let (kind, host) = (claim.kind.clone(), claim.host.clone());
        let answer = self.ask.ask(Question::Secret(SecretRequest { kind, host, refused })).await;
        asking.answered(answer)
    }

    fn ticket(self: &Arc<Self>, claim: &Claim, secret: SecretString, trial: Trial) -> Ticket {
        Ticket {
            broker: Arc::clone(self),
            kind: claim.kind.clone(),
            host: claim.host.to_string(),
            secret,
            trial,
            shown: Shown::NotYet,
            open: true,
        }
    }
}

/// One host that waits for a secret.
struct Waiting<'a> {
    broker: &'a Broker,
    kind: &'a SecretKind,
    tried: Tried,
}

impl<'a> Waiting<'a> {
    fn begin(broker: &'a Broker, claim: &'a Claim) -> Waiting<'a> {
        broker.secrets().waits(&claim.kind, claim.tried);
        Waiting { broker, kind: &claim.kind, tried: claim.tried }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if self.broker.secrets().waits_no_more(self.kind, self.tried) {
            self.broker.changed.notify_waiters();
        }
    }
}

/// Lets another host ask when the one that does goes away.
struct Asking<'a> {
    broker: &'a Broker,
    kind: &'a SecretKind,
    over: bool,
}

impl Asking<'_> {
    fn answered(mut self, answer: Answer) -> Next {
        self.over = true;
        self.broker.change(|secrets| secrets.answered(self.kind, answer))
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        if !self.over {
            self.broker.change(|secrets| secrets.withdrawn(self.kind));
        }
    }
}

/// Which secret a host wants, and what it has tried.
#[derive(Clone, Debug)]
pub(super) struct Claim {
    pub(super) kind: SecretKind,
    pub(super) host: Host,
    pub(super) tried: Tried,
}

/// The right and the duty to offer a secret to one host and to say what became of it.
pub(super) struct Ticket {
    broker: Arc<Broker>,
    kind: SecretKind,
    host: String,
    secret: SecretString,
    trial: Trial,
    shown: Shown,
    open: bool,
}

/// Whether the host was given the secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    NotYet,
    ToTheHost,
}

impl Ticket {
    /// Whether another host has accepted the secret.
    pub(super) fn is_proven(&self) -> bool {
        self.trial != Trial::First
    }

    /// The secret, to be sent to the host now.
    pub(super) fn reveal(&mut self) -> String {
        self.shown = Shown::ToTheHost;
        self.secret.expose_secret().to_owned()
    }

    /// The host has decided.
    pub(super) fn verdict(mut self, verdict: Verdict, tried: &mut Tried) {
        self.settle(verdict, tried);
    }

    fn settle(&mut self, verdict: Verdict, tried: &mut Tried) {
        if std::mem::take(&mut self.open) {
            self.broker
                .change(|secrets| secrets.verdict(&self.kind, self.trial, verdict, (&self.host, tried)));
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let verdict = match self.shown {
            Shown::NotYet => Verdict::Unseen,
            Shown::ToTheHost => Verdict::Unheard,
        };
        self.settle(verdict, &mut Tried::default());
    }
}
