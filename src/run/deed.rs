//! What is done on a host once it is reached, and what it is given for that.
//!
//! Theory: the fan-out brings hosts to their turn, connects them and keeps the books; what is done there is a [`Deed`]: a
//! command ([`super::exec`]), a played script, a file that is sent. One moment divides *certainly not run* from *not known*:
//! the deed calls [`Call::sending`] right before the first byte goes out that may have an effect. An outcome of the class
//! not run is true before it and a lie after it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt};
use tokio::sync::watch;
use tokio::time::sleep;

use super::crew::{Pace, at_least};
use super::journal::JournalFault;
use super::report::Words;
use super::writer::Events;
use super::{FileTally, Freight, Happened, HostIx, Passage, Stream};
use crate::hosts::Host;
use crate::outcome::{Exit, NotRun, Outcome};
use crate::ssh::Link;

/// What is done on every host of a run.
pub trait Deed: Send + Sync + 'static {
    /// Does it on one host, over a link that stands; the caller closes the link.
    fn carry_out<'a>(&'a self, call: Call<'a>, link: &'a Link) -> BoxFuture<'a, Outcome>;

    /// What it is made of.
    fn work(&self) -> Work {
        Work::default()
    }

    /// A host's part of the run is over, also where it was never carried out there; for deeds whose hosts wait for each
    /// other.
    fn left(&self, _host: HostIx) {}

    /// Every host is through, and nobody ended the run: what is done once for all of them. What it comes to counts beside the
    /// outcomes.
    fn conclude(&self) -> BoxFuture<'_, Exit> {
        std::future::ready(Exit::Well).boxed()
    }

    /// What there is to say of all hosts together; it stands before the summary.
    fn tell(&self, _words: &mut Words<'_>) {}
}

/// One host's turn: who it is, where to tell what happens, and how far the user has gone with interrupts.
pub struct Call<'a> {
    /// Which host of the plan.
    pub host: HostIx,
    /// Its name.
    pub name: &'a Host,
    pub(super) events: &'a Events,
    pub(super) sent: &'a AtomicBool,
    pub(super) at_work: &'a AtomicBool,
    pub(super) pace: watch::Receiver<Pace>,
    pub(super) timeout: Option<Duration>,
}

/// What a deed is made of, as sentences about it call that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Work {
    /// Commands run there.
    #[default]
    Commands,
    /// Files go there or come from there, each whole or not at all.
    Files,
}

/// Why a deed is to end before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The command timeout passed.
    Overdue(Duration),
    /// The user wants it.
    Told,
}

impl Call<'_> {
    /// To be called right before the first byte that may have an effect there: from here on it may have run. An error says
    /// that it must not be sent, and did not run. The intent is in the journal, on the disk, when this returns.
    pub async fn sending(&self) -> Result<(), NotRun> {
        self.events.intent(self.host).await?;
        self.events.send(Happened::Sent(self.host)).await;
        self.at_work.store(true, Ordering::Release);
        self.sent.store(true, Ordering::Release);
        Ok(())
    }

    /// To be called by a deed that changes nothing there, and so never calls [`Call::sending`], when it begins: from here on the
    /// host is one of those that go on when no more are started.
    pub fn looking(&self) {
        self.at_work.store(true, Ordering::Release);
    }

    /// Whether something may have had an effect there.
    pub fn is_sent(&self) -> bool {
        self.sent.load(Ordering::Acquire)
    }

    /// To be called right before the first byte of a step of a played script: the intent of that step is in the journal
    /// then. An error says that the step must not be begun.
    pub async fn beginning(&self, step: usize) -> Result<(), JournalFault> {
        self.events.step_intent(self.host, step).await?;
        self.events.tell(Happened::Step(self.host, step, Passage::Begun)).await;
        Ok(())
    }

    /// What a step of a played script expected has come.
    pub async fn passed(&self, step: usize) {
        self.events.send(Happened::Step(self.host, step, Passage::Passed)).await;
    }

    /// The host wrote something; waits while the writer is behind, and with it the host's window.
    pub async fn said(&self, stream: Stream, bytes: Bytes) {
        self.events.send(Happened::Said(self.host, stream, bytes)).await;
    }

    /// How far the bytes of this host's files are. Not told where too much is untold: a later word says all of it again.
    pub fn moved(&self, freight: Freight) {
        self.events.try_send(Happened::Moved(self.host, freight));
    }

    /// What became of this host's files; to be told once, before the deed ends.
    pub async fn files(&self, tally: FileTally) {
        self.events.send(Happened::Files(self.host, tally)).await;
    }

    /// A sentence about this host.
    pub async fn notice(&self, sentence: &str) {
        self.events.send(Happened::Notice(format!("{}: {sentence}", self.name))).await;
    }

    /// Waits until nothing more is to be begun: whoever has not sent anything yet need not.
    pub async fn cancelled(&self) {
        at_least(&mut self.pace.clone(), Pace::StartNoMore).await;
    }

    /// Waits until the user wants what was sent to be ended.
    pub async fn told_to_end(&self) {
        at_least(&mut self.pace.clone(), Pace::End).await;
    }

    /// Waits until what was sent is to be ended: so long after this was called, or when the user wants it.
    pub async fn to_be_ended(&self) -> Ending {
        let overdue = async {
            match self.timeout {
                Some(after) => {
                    sleep(after).await;
                    after
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = self.told_to_end() => Ending::Told,
            after = overdue => Ending::Overdue(after),
        }
    }
}
