//! The writing thread of a journal, and the handle through which a run tells it what happens.
//!
//! It has a queue of its own, so a reader of our output that stalls stops no outcome from being recorded. Intents are
//! committed in groups: all that came while the last group was on its way to the disk go with the next one.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::super::{Happened, HostIx, Passage, Stream};
use super::scribe::Scribe;
use crate::outcome::{NotRun, Outcome};

/// How many entries wait for the writing thread; at the bound whoever tells of more waits.
const QUEUE: usize = 1_024;
/// How many bytes of output wait for it, in all entries together; at the bound the same.
const ROOM: usize = 4 << 20;

/// Where a run records what happens; cheap to clone. The default keeps nothing.
#[derive(Clone, Debug, Default)]
pub struct Journal {
    inner: Option<Inner>,
}

#[derive(Clone, Debug)]
struct Inner {
    queue: mpsc::Sender<Entry>,
    room: Arc<Semaphore>,
    trouble: Arc<Trouble>,
}

/// The journal could not be written: what was to be begun must not be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the journal cannot be written")]
pub struct JournalFault;

/// Nothing was sent: the run stops where it can no longer say what it does.
impl From<JournalFault> for NotRun {
    fn from(_: JournalFault) -> NotRun {
        NotRun::Cancelled
    }
}

/// What is known of a journal that cannot be written.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    fault: CancellationToken,
    sentence: Mutex<Option<String>>,
}

impl Trouble {
    /// The first trouble is the one that is told.
    pub(super) fn met(&self, sentence: impl FnOnce() -> String) {
        if !self.fault.is_cancelled() {
            *self.sentence.lock().unwrap_or_else(PoisonError::into_inner) = Some(sentence());
            self.fault.cancel();
        }
    }

    pub(super) fn is_met(&self) -> bool {
        self.fault.is_cancelled()
    }
}

/// What waits for the writing thread.
#[derive(Debug)]
pub(super) enum Entry {
    /// Something is about to be sent, of a played script the step of this number; answered once that is on the disk.
    Intent(HostIx, Option<usize>, oneshot::Sender<()>),
    /// A step of a played script was passed.
    Passed(HostIx, usize),
    /// A host wrote this.
    Said(HostIx, Stream, Bytes, Option<OwnedSemaphorePermit>),
    /// An attempt failed before anything was done, and there is to be another.
    Again(HostIx),
    /// A host's part is over.
    Ended(HostIx, Outcome, Duration),
    /// The last line; answered once everything is on the disk.
    Close(Vec<u8>, oneshot::Sender<()>),
}

impl Journal {
    /// A journal that this scribe writes, on a thread of its own that ends with the last handle.
    pub(super) fn written_by(make: impl FnOnce(Arc<Trouble>) -> Scribe) -> std::io::Result<Journal> {
        let (queue, entries) = mpsc::channel(QUEUE);
        let trouble = Arc::new(Trouble::default());
        let scribe = make(Arc::clone(&trouble));
        std::thread::Builder::new().name("journal".to_owned()).spawn(move || scribe.write(entries))?;
        Ok(Journal { inner: Some(Inner { queue, room: Arc::new(Semaphore::new(ROOM)), trouble }) })
    }

    /// To be awaited right before something may have an effect on a host: the intent is on the disk then.
    pub async fn intent(&self, host: HostIx) -> Result<(), JournalFault> {
        self.intend(host, None).await
    }

    /// The same for a step of a played script.
    pub async fn step_intent(&self, host: HostIx, step: usize) -> Result<(), JournalFault> {
        self.intend(host, Some(step)).await
    }

    async fn intend(&self, host: HostIx, step: Option<usize>) -> Result<(), JournalFault> {
        let Some(inner) = &self.inner else { return Ok(()) };
        let (done, committed) = oneshot::channel();
        inner.queue.send(Entry::Intent(host, step, done)).await.map_err(|_| JournalFault)?;
        committed.await.map_err(|_| JournalFault)
    }

    /// Records what happened, except for intents. Waits while too much is not written yet.
    pub async fn record(&self, event: &Happened) {
        let Some(inner) = &self.inner else { return };
        let entry = match event {
            Happened::Said(host, stream, bytes) => {
                let room = u32::try_from(bytes.len().min(ROOM)).unwrap_or(u32::MAX);
                let permit = Arc::clone(&inner.room).acquire_many_owned(room).await.ok();
                Entry::Said(*host, *stream, bytes.clone(), permit)
            }
            Happened::Again(host, ..) => Entry::Again(*host),
            Happened::Ended(host, outcome, took) => Entry::Ended(*host, outcome.clone(), *took),
            Happened::Step(host, step, Passage::Passed) => Entry::Passed(*host, *step),
            _ => return,
        };
        // A thread that is gone has met its trouble, and that is asked for at the end.
        let _ = inner.queue.send(entry).await;
    }

    /// Writes the last line; everything is on the disk afterwards, or [`Journal::is_faulty`].
    pub async fn close(&self, last: Vec<u8>) {
        let Some(inner) = &self.inner else { return };
        let (done, closed) = oneshot::channel();
        let sent = inner.queue.send(Entry::Close(last, done)).await.is_ok();
        if !sent || closed.await.is_err() {
            inner.trouble.met(|| "the journal was not closed; please report it".to_owned());
        }
    }

    /// Whether nothing is kept.
    pub fn is_nothing(&self) -> bool {
        self.inner.is_none()
    }

    /// Whether something could not be written.
    pub fn is_faulty(&self) -> bool {
        self.inner.as_ref().is_some_and(|inner| inner.trouble.is_met())
    }

    /// Cancelled as soon as something cannot be written: nothing more is to be begun then.
    pub fn fault(&self) -> CancellationToken {
        self.inner.as_ref().map_or_else(CancellationToken::new, |inner| inner.trouble.fault.clone())
    }

    /// What cannot be written and why, a sentence that is given once.
    pub fn complaint(&self) -> Option<String> {
        let inner = self.inner.as_ref()?;
        inner.trouble.sentence.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
