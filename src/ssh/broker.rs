//! The secrets of a run among tasks: [`Secrets`] behind a lock, with waiting, and guards that tell it when a host goes away.
//!
//! It also counts the connections that stay open behind questions.

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use secrecy::SecretString;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

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

    /// A secret to offer; asks the user when it is this host's turn to ask, and waits while another host's is.
    pub(super) async fn get(self: &Arc<Self>, claim: &Claim) -> Result<Ticket, Over> {
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
        let turn = Turn { broker: self, kind: &claim.kind, over: false };
        let (kind, host) = (claim.kind.clone(), claim.host.clone());
        let answer = self.ask.ask(Question::Secret(SecretRequest { kind, host, refused })).await;
        turn.answered(answer)
    }

    fn ticket(self: &Arc<Self>, claim: &Claim, secret: SecretString, trial: Trial) -> Ticket {
        Ticket {
            broker: Arc::clone(self),
            kind: claim.kind.clone(),
            host: claim.host.to_string(),
            secret,
            trial,
            open: true,
        }
    }
}

/// Gives the turn to ask to another host when its holder goes away.
struct Turn<'a> {
    broker: &'a Broker,
    kind: &'a SecretKind,
    over: bool,
}

impl Turn<'_> {
    fn answered(mut self, answer: Answer) -> Next {
        self.over = true;
        self.broker.change(|secrets| secrets.answered(self.kind, answer))
    }
}

impl Drop for Turn<'_> {
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
    pub(super) secret: SecretString,
    trial: Trial,
    open: bool,
}

impl Ticket {
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
        self.settle(Verdict::Unheard, &mut Tried::default());
    }
}
