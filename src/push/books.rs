//! What becomes of what is brought from one host: counts for the report, and the outcome.
//!
//! Theory: nothing is changed on a host that is only read, so the end of its part is always known: all came, something did
//! not, or the host was not there (any more), and then it may be asked again.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

use super::trouble::Trouble;
use crate::outcome::{FileFault, FilesFailed, NotRun, Outcome};
use crate::run::deed::Ending;
use crate::run::{Call, FileTally, Freight, Stream};
use crate::ssh::{ConnectError, Stage};

/// Lines about single files that a host's part says; what comes after is counted.
const LINES: usize = 1_000;

/// How many bytes further the progress is told again.
const STEP: u64 = 1 << 20;

/// The outcome of a host whose part was ended early.
pub fn ended(ending: Ending, books: &Books) -> Outcome {
    match ending {
        Ending::Told => Outcome::NotRun(NotRun::Cancelled),
        Ending::Overdue(after) => {
            let why = format!("not done within the {} s of the command timeout", after.as_secs_f64());
            books.fail(FileFault::Other, &why);
            books.outcome()
        }
    }
}

/// The outcome of a host whose part broke off. Nothing was changed there, so it certainly was not done.
pub fn not_done(trouble: Trouble) -> Outcome {
    match trouble {
        Trouble::File { fault, why } => Outcome::FilesFailed(FilesFailed { fault, why, files: 1 }),
        Trouble::Unreachable(error) => error.into(),
        Trouble::Lost(why) => ConnectError::Unreachable { stage: Stage::Request, why }.into(),
    }
}

/// What has become of the files of one host.
#[derive(Debug, Default)]
pub struct Books {
    brought: AtomicUsize,
    unchanged: AtomicUsize,
    bytes: AtomicU64,
    expected: AtomicU64,
    told: AtomicU64,
    lines: AtomicUsize,
    faults: Mutex<(Option<(FileFault, String)>, usize)>,
}

impl Books {
    /// Something was kept from its place.
    pub fn fail(&self, fault: FileFault, why: &str) {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        faults.0.get_or_insert_with(|| (fault, why.to_owned()));
        faults.1 += 1;
    }

    /// What the host comes to.
    pub fn outcome(&self) -> Outcome {
        let faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        match &faults.0 {
            None => Outcome::Exited(0),
            Some((fault, why)) => {
                Outcome::FilesFailed(FilesFailed { fault: *fault, why: why.clone(), files: faults.1 })
            }
        }
    }

    /// As numbers.
    pub fn tally(&self) -> FileTally {
        let failed = self.faults.lock().unwrap_or_else(PoisonError::into_inner).1;
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

    /// A line about one file.
    pub async fn say(&self, call: &Call<'_>, line: &str) {
        let line = match self.lines.fetch_add(1, Ordering::Relaxed) {
            said if said < LINES => format!("{line}\n"),
            LINES => "there is more of that kind, which is counted and not named\n".to_owned(),
            _ => return,
        };
        call.said(Stream::Err, Bytes::from(line)).await;
    }
}
