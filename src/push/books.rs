//! What becomes of what is brought from one host: counts for the report, and the outcome.
//!
//! Theory: nothing is changed on a host that is only read, so the end of its part is always known: all came, something did
//! not, or the host was not there (any more), and then it may be asked again.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::trouble::Trouble;
use crate::outcome::{FileFault, FilesFailed, NotRun, Outcome};
use crate::run::deed::Ending;
use crate::run::{Call, FileTally, Freight, Stream};
use crate::ssh::{ConnectError, Stage};

/// Lines about single files that a host's part says; what comes after is counted.
pub const LINES: usize = 1_000;

/// How many bytes further the progress is told again.
const STEP: u64 = 1 << 20;

/// What has become of the files of one host.
#[derive(Debug, Default)]
pub struct Books {
    brought: AtomicUsize,
    unchanged: AtomicUsize,
    bytes: AtomicU64,
    expected: AtomicU64,
    told: AtomicU64,
    lines: AtomicUsize,
    faults: Mutex<Faults>,
}

/// The first fault, or the one that ended the part, and how many there are.
type Faults = (Option<(FileFault, String)>, usize);

impl Books {
    /// Something was kept from its place. The first of them is told by the outcome, each further one by a line here, so that
    /// none stands twice.
    pub async fn fail(&self, call: &Call<'_>, fault: FileFault, why: &str) {
        let is_first = {
            let mut faults = self.faults();
            faults.1 += 1;
            let is_first = faults.0.is_none();
            faults.0.get_or_insert_with(|| (fault, why.to_owned()));
            is_first
        };
        if !is_first {
            self.say(call, || why.to_owned()).await;
        }
    }

    /// So many more were kept from their places, of which nothing is said.
    pub fn fail_more(&self, files: usize) {
        self.faults().1 += files;
    }

    fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The outcome of a host whose part was ended early.
    pub async fn ended(&self, call: &Call<'_>, ending: Ending) -> Outcome {
        match ending {
            Ending::Told => {
                self.say_first(call).await;
                Outcome::NotRun(NotRun::Cancelled)
            }
            Ending::Overdue(after) => {
                let why = format!("not done within the {} s of the command timeout", after.as_secs_f64());
                self.broken_off(call, (FileFault::Other, why)).await
            }
        }
    }

    /// The outcome of a host whose part broke off. Nothing was changed there, so it certainly was not done.
    pub async fn not_done(&self, call: &Call<'_>, trouble: Trouble) -> Outcome {
        let error = match trouble {
            Trouble::File { fault, why } => return self.broken_off(call, (fault, why)).await,
            Trouble::Unreachable(error) => error,
            Trouble::Lost(why) => ConnectError::Unreachable { stage: Stage::Request, why },
        };
        self.say_first(call).await;
        error.into()
    }

    /// What ended the part is the outcome; what had gone wrong before counts, and is said.
    async fn broken_off(&self, call: &Call<'_>, last: (FileFault, String)) -> Outcome {
        self.say_first(call).await;
        {
            let mut faults = self.faults();
            faults.0 = Some(last);
            faults.1 += 1;
        }
        self.outcome()
    }

    /// Says what the outcome will not tell.
    async fn say_first(&self, call: &Call<'_>) {
        let first = self.faults().0.take();
        if let Some((_, why)) = first {
            self.say(call, || why).await;
        }
    }

    /// What the host comes to.
    pub fn outcome(&self) -> Outcome {
        let faults = self.faults();
        match &faults.0 {
            None => Outcome::Exited(0),
            Some((fault, why)) => {
                Outcome::FilesFailed(FilesFailed { fault: *fault, why: why.clone(), files: faults.1 })
            }
        }
    }

    /// As numbers.
    pub fn tally(&self) -> FileTally {
        let failed = self.faults().1;
        FileTally {
            sent: self.brought.load(Ordering::Relaxed),
            unchanged: self.unchanged.load(Ordering::Relaxed),
            removed: 0,
            failed,
            bytes: self.bytes.load(Ordering::Relaxed),
        }
    }

    /// One thing came to its place.
    pub fn brought(&self) {
        self.brought.fetch_add(1, Ordering::Relaxed);
    }

    /// One thing was in its place.
    pub fn unchanged(&self) {
        self.unchanged.fetch_add(1, Ordering::Relaxed);
    }

    /// So many bytes are to come, too.
    pub fn expect(&self, bytes: u64) {
        // A host may say any size; what it says is only shown.
        let add = |expected: u64| Some(expected.saturating_add(bytes));
        let _ = self.expected.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }

    /// So many bytes have come; tells the progress now and then.
    pub fn moved(&self, call: &Call<'_>, bytes: usize) {
        let done = self.bytes.fetch_add(bytes as u64, Ordering::Relaxed) + bytes as u64;
        if done >= self.told.load(Ordering::Relaxed) + STEP {
            self.told.store(done, Ordering::Relaxed);
            call.moved(Freight { done, total: self.expected.load(Ordering::Relaxed).max(done) });
        }
    }

    /// A line about one file; it is not made where enough was said.
    pub async fn say(&self, call: &Call<'_>, line: impl FnOnce() -> String) {
        let line = match self.lines.fetch_add(1, Ordering::Relaxed) {
            said if said < LINES => format!("{}\n", line()),
            LINES => "there is more of that kind, which is counted and not named\n".to_owned(),
            _ => return,
        };
        call.said(Stream::Err, Bytes::from(line)).await;
    }
}
