//! Headless work: one command on many hosts, and what became of it on each.
//!
//! Theory: the [`Plan`] says what is run where; the [`schedule`] decides who is begun when; the [`fanout`] does that, turns
//! what becomes of each host into [`Happened`] values and keeps the books: every host of the plan ends with exactly one outcome. The [`Reporter`] turns
//! what happened into text: live lines, gathered groups or JSON lines. Between the two stands one bounded queue, so a
//! reader of our output that stops reading stops the hosts, not the memory.

use std::time::Duration;

use bytes::Bytes;

use crate::outcome::Outcome;
use crate::ssh::Phases;

pub mod blocks;
pub mod budget;
mod crew;
pub mod deed;
pub mod diff;
pub mod difference;
mod ears;
pub mod exec;
pub mod fanout;
pub mod files;
pub mod forecast;
pub mod freight;
mod gate;
pub mod gather;
mod groups;
pub mod helper;
pub mod journal;
pub mod json;
pub mod keys;
mod lanes;
pub mod limits;
pub mod marks;
pub mod meter;
pub mod order;
mod patience;
pub mod pause;
pub mod ping;
pub mod plan;
pub mod progress;
pub mod quote;
pub mod report;
pub mod retry;
pub mod schedule;
pub mod script;
pub mod share;
pub mod spill;
pub mod stdin;
pub mod stream;
pub mod sudo;
pub mod survey;
mod tally;
pub mod throttle;
pub mod top;
pub mod waves;
pub mod work;
pub mod wrapper;
pub mod writer;

pub use deed::{Call, Deed};
pub use fanout::{Job, run, run_kept, run_told};
pub use freight::{FileTally, Freight};
pub use groups::{Against, Press};
pub use journal::Journal;
pub use pause::{Look, Overseer};
pub use plan::{Limits, Plan};
pub use report::{Detail, Output, Reading, Reporter, Summary};
pub use schedule::Pacing;
pub use writer::{Ends, Teller, Witness};

/// How long each step of taking leave may take: a signal, closing a channel, closing a link.
const CLOSING: Duration = Duration::from_secs(1);

/// Which host of a run: its place in the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostIx(pub usize);

/// One of the two streams a command writes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

impl Stream {
    /// The name machines read: `stdout` or `stderr`.
    pub fn word(self) -> &'static str {
        match self {
            Stream::Out => "stdout",
            Stream::Err => "stderr",
        }
    }
}

/// What the fan-out reports while it works.
#[derive(Clone, Debug, PartialEq)]
pub enum Happened {
    /// A host's turn began.
    Began(HostIx),
    /// There is a link to a host; each phase of connecting took so long.
    Reached(HostIx, Phases),
    /// From here on something may have run on a host.
    Sent(HostIx),
    /// A step of a played script: begun, or passed.
    Step(HostIx, usize, Passage),
    /// A host wrote this.
    Said(HostIx, Stream, Bytes),
    /// The bytes of a host's files are so far; some of these may be left out.
    Moved(HostIx, Freight),
    /// What became of a host's files; told once, before its end.
    Files(HostIx, FileTally),
    /// An attempt came to this, with certainly nothing done, and another is made after so long.
    Again(HostIx, Outcome, Duration),
    /// A host's part is over, so long after it was begun.
    Ended(HostIx, Outcome, Duration),
    /// The user looks: what is known so far is to be shown, where it waits for the end.
    Looked,
    /// A sentence for the user that belongs to no host.
    Notice(String),
}

/// How far a host is with a step of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passage {
    /// From here on it may have had an effect.
    Begun,
    /// What was expected came.
    Passed,
}

/// What the user wants while a run is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interrupt {
    /// `C-c`: one step further.
    Int,
    /// TERM or HUP: end what runs, at once.
    Term,
}
