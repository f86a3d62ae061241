//! The writing thread: entries into lines and frames, groups of them onto the disk.
//!
//! What a full disk means: an intent that cannot be written is refused, and with it the host's command. The outcomes of
//! those that were begun should still find room, so room for them is reserved in the file before their intents are answered;
//! what fails nevertheless is tried again with each later group. A group is written whole or cut away again, so no line is
//! ever left torn by an error.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::fs::{FallocateFlags, fallocate};
use tokio::sync::{mpsc, oneshot};

use super::super::{HostIx, Passage, json};
use super::frame::{self, Kind};
use super::keeper::{Entry, Trouble};
use super::line;
use crate::outcome::{NotRun, Outcome};

/// While intents come one upon the other, a group reaches the disk no more often than this.
const SPACING: Duration = Duration::from_millis(10);
/// A group of so many intents does not wait for more; what has come meanwhile goes with it.
const GROUP: usize = 64;
/// The largest group: a slow disk is to be waited for as seldom as possible.
const LARGEST: usize = 1_024;
/// How many bytes are put together before they are written.
const BATCH: usize = 256 << 10;
/// Room reserved for the outcome of each host that was begun, in bytes.
const OUTCOME_ROOM: u64 = 512;
/// Room reserved beyond that at once, so that it need not be done for every group.
const SPARE_ROOM: u64 = 64 << 10;

/// The files of a run, and what is known of its hosts.
pub(super) struct Scribe {
    /// `journal.jsonl`, opened to append.
    pub(super) journal: File,
    /// `output`, opened to append.
    pub(super) output: File,
    /// Where they are.
    pub(super) directory: PathBuf,
    /// By host: its name, and its number in the whole run.
    pub(super) hosts: Vec<(String, u32)>,
    /// Whether the run goes on, so that a host may have had a turn before.
    pub(super) turns: Turns,
    /// How much output is kept, in bytes; what comes after is counted.
    pub(super) output_limit: u64,
    pub(super) trouble: Arc<Trouble>,
    pub(super) state: State,
}

/// Whether hosts may have had a turn before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turns {
    First,
    Later,
}

/// How far the files are written.
#[derive(Debug, Default)]
pub(super) struct State {
    /// The length of the journal, all of it whole lines.
    pub(super) lines_end: u64,
    /// The length of the output file, all of it whole frames.
    pub(super) frames_end: u64,
    /// Up to where room is reserved in the journal.
    pub(super) reserved: u64,
    /// Hosts with an intent and without an outcome.
    pub(super) at_work: u64,
    /// Lines that must be written and are not.
    pub(super) owed: Vec<u8>,
    /// By host, where it is not 0: bytes of output that are not kept.
    pub(super) left_out: HashMap<HostIx, u64>,
    /// By host, where it is not 0: attempts that failed and were followed by another.
    pub(super) repeated: HashMap<HostIx, u32>,
    pub(super) committed: Option<Instant>,
}

/// What goes to the disk together.
#[derive(Default)]
struct Group {
    frames: Vec<u8>,
    intents: Vec<u8>,
    waiting: Vec<oneshot::Sender<()>>,
    closing: Option<oneshot::Sender<()>>,
}

impl Scribe {
    /// Writes until every handle of the journal is gone.
    pub(super) fn write(mut self, mut entries: mpsc::Receiver<Entry>) {
        if self.turns == Turns::First {
            self.sync_names();
        }
        while let Some(entry) = entries.blocking_recv() {
            let mut group = Group::default();
            self.take(entry, &mut group);
            self.gather(&mut entries, &mut group);
            if !group.waiting.is_empty() && group.waiting.len() < GROUP {
                let since = self.state.committed.map_or(SPACING, |at| at.elapsed());
                std::thread::sleep(SPACING.saturating_sub(since));
                self.gather(&mut entries, &mut group);
            }
            self.commit(group);
        }
    }

    /// A file that nothing names is gone after a power failure. Done while the first hosts are being connected; a file system
    /// that does not know of it is no reason to stop.
    fn sync_names(&self) {
        for directory in [Some(self.directory.as_path()), self.directory.parent()].into_iter().flatten() {
            let _ = File::open(directory).and_then(|directory| directory.sync_all());
        }
    }

    /// Takes what waits, up to a bound.
    fn gather(&mut self, entries: &mut mpsc::Receiver<Entry>, group: &mut Group) {
        while group.frames.len() + self.state.owed.len() < BATCH && group.waiting.len() < LARGEST {
            let Ok(entry) = entries.try_recv() else { return };
            self.take(entry, group);
        }
    }

    fn take(&mut self, entry: Entry, group: &mut Group) {
        match entry {
            Entry::Intent(host, step, done) => {
                let (name, number) = &self.hosts[host.0];
                match step {
                    None => line::intent(&mut group.intents, name),
                    Some(step) => line::step(&mut group.intents, name, step, Passage::Begun),
                }
                if step.is_none() {
                    self.state.at_work += 1;
                    if self.turns == Turns::Later {
                        frame::push(&mut group.frames, *number, Kind::Anew, &[]);
                    }
                }
                group.waiting.push(done);
            }
            Entry::Passed(host, step) => {
                line::step(&mut self.state.owed, &self.hosts[host.0].0, step, Passage::Passed);
            }
            Entry::Said(host, stream, bytes, _room) => {
                let kept = self.state.frames_end + (group.frames.len() + bytes.len()) as u64;
                if kept > self.output_limit || self.trouble.is_met() {
                    *self.state.left_out.entry(host).or_default() += bytes.len() as u64;
                } else {
                    frame::push(&mut group.frames, self.hosts[host.0].1, Kind::Said(stream), &bytes);
                }
            }
            Entry::Again(host) => *self.state.repeated.entry(host).or_default() += 1,
            Entry::Ended(host, outcome, took) => {
                let name = &self.hosts[host.0].0;
                if let Some(bytes) = self.state.left_out.remove(&host) {
                    line::left_out(&mut self.state.owed, name, bytes);
                }
                let begun = u32::from(outcome != Outcome::NotRun(NotRun::NotStarted));
                let attempts = begun + self.state.repeated.remove(&host).unwrap_or_default();
                json::outcome(&mut self.state.owed, name, (&outcome, attempts), took);
                self.state.at_work = self.state.at_work.saturating_sub(1);
            }
            Entry::Close(last, done) => {
                self.state.owed.extend_from_slice(&last);
                group.closing = Some(done);
            }
        }
    }

    /// Output first, then what became of hosts, then what is about to be done: what a line speaks of is there before it.
    fn commit(&mut self, group: Group) {
        self.write_frames(&group.frames);
        self.write_owed();
        if !group.waiting.is_empty() {
            match self.write_intents(&group.intents) {
                // A host whose task is gone asks no more.
                Ok(()) => {
                    for done in group.waiting {
                        let _ = done.send(());
                    }
                }
                Err(error) => self.met(&error),
            }
            self.state.committed = Some(Instant::now());
        }
        if let Some(done) = group.closing {
            // What was reserved is given back.
            let finished = self.journal.set_len(self.state.lines_end).and_then(|()| self.journal.sync_data());
            if let Err(error) = finished {
                self.met(&error);
            }
            let _ = done.send(());
        }
    }

    fn write_frames(&mut self, frames: &[u8]) {
        if frames.is_empty() || self.trouble.is_met() {
            return;
        }
        match append(&mut self.output, &mut self.state.frames_end, frames) {
            Ok(()) => {}
            Err(error) => self.met(&error),
        }
    }

    fn write_owed(&mut self) {
        let owed = std::mem::take(&mut self.state.owed);
        if let Err(error) = append(&mut self.journal, &mut self.state.lines_end, &owed) {
            self.state.owed = owed;
            self.met(&error);
        }
    }

    /// Intents that are on the disk when this returns. Nothing is begun after trouble.
    fn write_intents(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.trouble.is_met() {
            return Err(io::ErrorKind::Other.into());
        }
        self.reserve(lines.len() as u64)?;
        append(&mut self.journal, &mut self.state.lines_end, lines)?;
        self.journal.sync_data()
    }

    /// Room for these lines and for the outcomes of all that are at work. A file system that reserves nothing is no reason
    /// to stop.
    fn reserve(&mut self, lines: u64) -> io::Result<()> {
        let state = &mut self.state;
        let needed = state.lines_end + lines + (state.at_work + 1) * OUTCOME_ROOM;
        if needed <= state.reserved {
            return Ok(());
        }
        let wanted = needed + SPARE_ROOM;
        match fallocate(&self.journal, FallocateFlags::KEEP_SIZE, 0, wanted) {
            Err(error) if error == rustix::io::Errno::NOSPC || error == rustix::io::Errno::DQUOT => {
                Err(error.into())
            }
            _ => {
                state.reserved = wanted;
                Ok(())
            }
        }
    }

    fn met(&self, error: &io::Error) {
        let directory = self.directory.display();
        let run = self.directory.file_name().unwrap_or_default().display();
        self.trouble.met(|| {
            format!(
                "the journal in {directory} cannot be written: {error}; no more hosts were started. \
                 Make room, then go on with: omnes run --resume {run}"
            )
        });
    }
}

/// Writes all of it or nothing: what got there of a failed write is cut away.
fn append(file: &mut File, end: &mut u64, bytes: &[u8]) -> io::Result<()> {
    if bytes.is_empty() {
        return Ok(());
    }
    match file.write_all(bytes) {
        Ok(()) => {
            *end += bytes.len() as u64;
            Ok(())
        }
        Err(error) => {
            // Where even that fails, the torn line is the last one, and readers pass it over.
            let _ = file.set_len(*end);
            Err(error)
        }
    }
}
