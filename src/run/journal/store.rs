//! The directories of all runs: begun, gone on with, read, deleted.
//!
//! `journal.jsonl` is locked (flock(2)) for as long as its run is at work, by the kernel's word: a program that was killed
//! holds no lock. Everything is for its user alone: directories 0700, files 0600.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::frame::{self, Header, Kind};
use super::id::{self, Moment, RefError};
use super::keeper::Journal;
use super::line::{self, Resume, Start};
use super::retention::{Old, Retention, outdated};
use super::scribe::{Scribe, State, Turns};
use super::{BookError, Books, RunId};
use crate::hosts::Host;

const JOURNAL: &str = "journal.jsonl";
const OUTPUT: &str = "output";

/// How often a lock is tried that a mere look at the run may hold for a moment.
const TRIES: usize = 20;
const TRY_AGAIN: Duration = Duration::from_millis(10);

/// Where the runs of a user are.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
}

/// Why something about a run cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No run is meant.
    #[error(transparent)]
    Reference(#[from] RefError),
    /// The journal of a new run cannot be made.
    #[error("the journal cannot be begun in {place}: {why}; mend that, or go without one: --no-journal")]
    Begin {
        /// The directory.
        place: String,
        /// The system's word.
        why: io::Error,
    },
    /// A journal cannot be read or written.
    #[error("{place}: {why}")]
    Io {
        /// The file.
        place: String,
        /// The system's word.
        why: io::Error,
    },
    /// What is in it is no journal.
    #[error("{place}: {why}")]
    Books {
        /// The file.
        place: String,
        /// What is wrong.
        why: BookError,
    },
    /// The run is at work.
    #[error("run {0} is still at work in another omnes; wait for its end")]
    Alive(RunId),
}

/// Whether a run is at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// A program holds its lock.
    Alive,
    /// None does.
    Ended,
}

impl Store {
    /// The runs below this directory, which need not be there.
    pub fn at(root: PathBuf) -> Store {
        Store { root }
    }

    /// All runs, the oldest first. What is no run is passed over.
    pub fn ids(&self) -> Vec<RunId> {
        let entries = fs::read_dir(&self.root).into_iter().flatten().flatten();
        let mut ids: Vec<RunId> =
            entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
        ids.sort();
        ids
    }

    /// The run that is meant by `last`, `-1`, a name or a part of one.
    pub fn find(&self, said: &str) -> Result<RunId, StoreError> {
        Ok(id::find(&self.ids(), said)?)
    }

    /// The directory of a run.
    pub fn directory(&self, id: &RunId) -> PathBuf {
        self.root.join(id.as_str())
    }

    /// What the journal of a run says.
    pub fn read(&self, id: &RunId) -> Result<Books, StoreError> {
        let path = self.directory(id).join(JOURNAL);
        let text = fs::read(&path).map_err(|why| cannot(&path, why))?;
        books(&path, &text)
    }

    /// Whether a run is at work.
    pub fn life(&self, id: &RunId) -> Life {
        let Ok(file) = File::open(self.directory(id).join(JOURNAL)) else { return Life::Ended };
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => Life::Alive,
            _ => Life::Ended,
        }
    }

    /// Begins a run: its directory, its lock, its first line; then deletes what is kept no longer. `start` lacks the name and
    /// the moment, which are put in.
    pub fn begin(
        &self,
        start: Start,
        hosts: &[Host],
        retention: Retention,
    ) -> Result<(RunId, Journal), StoreError> {
        let failed = |why| StoreError::Begin { place: self.root.display().to_string(), why };
        let begun = self.make(start, hosts, retention).map_err(failed)?;
        self.sweep(&begun.0, retention);
        Ok(begun)
    }

    fn make(&self, start: Start, hosts: &[Host], retention: Retention) -> io::Result<(RunId, Journal)> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.root)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let id = self.claim(now)?;
        let directory = self.directory(&id);
        let mut journal = appended(&directory.join(JOURNAL))?;
        journal.lock()?;
        let mut text = Vec::new();
        line::start(&mut text, &Start { run: id.to_string(), at: Moment(now).to_string(), ..start });
        if let Err(error) = journal.write_all(&text) {
            // A run without its first line is none.
            let _ = fs::remove_dir_all(&directory);
            return Err(error);
        }
        let output = appended(&directory.join(OUTPUT))?;
        let state = State { lines_end: text.len() as u64, ..State::default() };
        let named = hosts.iter().map(Host::to_string);
        let mut sorted: Vec<(&Host, usize)> = hosts.iter().zip(0..).collect();
        sorted.sort();
        let mut numbers = vec![0; hosts.len()];
        for (number, (_, at)) in (0..).zip(sorted) {
            numbers[at] = number;
        }
        let hosts = named.zip(numbers).collect();
        let limit = retention.max_size;
        let journal = Journal::written_by(|trouble| {
            let turns = Turns::First;
            Scribe { journal, output, directory, hosts, turns, output_limit: limit, trouble, state }
        })?;
        Ok((id, journal))
    }

    /// A directory that was not there.
    fn claim(&self, now: u64) -> io::Result<RunId> {
        let mut last = None;
        for _ in 0..TRIES {
            let id = RunId::after(self.ids().last(), now, rand::random());
            match fs::DirBuilder::new().mode(0o700).create(self.directory(&id)) {
                Ok(()) => return Ok(id),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => last = Some(error),
                Err(error) => return Err(error),
            }
        }
        Err(last.unwrap_or_else(|| io::ErrorKind::AlreadyExists.into()))
    }

    /// Deletes what is kept no longer. What cannot be deleted stays until next time.
    fn sweep(&self, present: &RunId, retention: Retention) {
        let now = SystemTime::now();
        let mut old: Vec<Old> = Vec::new();
        for id in self.ids().into_iter().filter(|id| id != present) {
            let directory = self.directory(&id);
            let Ok(journal) = fs::metadata(directory.join(JOURNAL)) else { continue };
            let output = fs::metadata(directory.join(OUTPUT)).map_or(0, |output| output.len());
            let age = journal.modified().ok().and_then(|at| now.duration_since(at).ok()).unwrap_or_default();
            old.push(Old { id, bytes: journal.len() + output, age });
        }
        for id in outdated(&old, retention) {
            self.delete(&id);
        }
    }

    /// Deletes a run, unless it is at work. The journal goes last, so that a run is never half there without it.
    fn delete(&self, id: &RunId) {
        let directory = self.directory(id);
        let Ok(journal) = File::open(directory.join(JOURNAL)) else { return };
        if journal.try_lock().is_ok() {
            let _ = fs::remove_file(directory.join(OUTPUT));
            let _ = fs::remove_file(directory.join(JOURNAL));
            let _ = fs::remove_dir_all(directory);
        }
    }

    /// Takes the lock of a run that ended, to go on with it.
    pub fn reopen(&self, id: &RunId) -> Result<Reopened, StoreError> {
        let directory = self.directory(id);
        let path = directory.join(JOURNAL);
        let open = OpenOptions::new().read(true).append(true).open(&path);
        let mut journal = open.map_err(|why| cannot(&path, why))?;
        lock(&journal).map_err(|error| match error {
            TryLockError::WouldBlock => StoreError::Alive(id.clone()),
            TryLockError::Error(why) => cannot(&path, why),
        })?;
        let mut text = Vec::new();
        journal.read_to_end(&mut text).map_err(|why| cannot(&path, why))?;
        let books = books(&path, &text)?;
        let ends_whole = text.last() == Some(&b'\n');
        Ok(Reopened { id: id.clone(), books, directory, journal, length: text.len() as u64, ends_whole })
    }

    /// What hosts of a run wrote: `each` gets the number of the host, the stream and bytes, in the order in which they came.
    /// Only what belongs to a host's last turn is given.
    pub fn output(
        &self,
        id: &RunId,
        wanted: impl Fn(usize) -> bool,
        mut each: impl FnMut(usize, super::super::Stream, &[u8]) -> io::Result<()>,
    ) -> Result<(), StoreError> {
        let path = self.directory(id).join(OUTPUT);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(why) => return Err(cannot(&path, why)),
        };
        let mut turns: HashMap<u32, u64> = HashMap::new();
        let failed = |why| cannot(&path, why);
        walk(&file, |header, at| {
            if header.kind == Kind::Anew {
                turns.insert(header.host, at);
            }
            Ok(())
        })
        .map_err(failed)?;
        let mut content = Vec::new();
        walk(&file, |header, at| {
            let Kind::Said(stream) = header.kind else { return Ok(()) };
            let host = header.host as usize;
            if !wanted(host) || turns.get(&header.host).is_some_and(|turn| at < *turn) {
                return Ok(());
            }
            content.resize(header.length as usize, 0);
            file.read_exact_at(&mut content, at)?;
            each(host, stream, &content)
        })
        .map_err(failed)?;
        Ok(())
    }
}

/// A run whose lock is held, before anything more is done in it.
#[derive(Debug)]
pub struct Reopened {
    /// The name of the run.
    pub id: RunId,
    /// What its journal says.
    pub books: Books,
    directory: PathBuf,
    journal: File,
    length: u64,
    ends_whole: bool,
}

impl Reopened {
    /// Begins a further part for these hosts. `resume` lacks the name and the moment, which are put in.
    pub fn go_on(self, resume: Resume, hosts: &[Host], retention: Retention) -> Result<Journal, StoreError> {
        let place = self.directory.display().to_string();
        self.extend(resume, hosts, retention).map_err(|why| StoreError::Begin { place, why })
    }

    fn extend(mut self, resume: Resume, hosts: &[Host], retention: Retention) -> io::Result<Journal> {
        let output = appended(&self.directory.join(OUTPUT))?;
        let frames_end = walk(&output, |_, _| Ok(()))?;
        output.set_len(frames_end)?;
        let mut text = Vec::new();
        if !self.ends_whole {
            text.push(b'\n');
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        line::resume(&mut text, &Resume { run: self.id.to_string(), at: Moment(now).to_string(), ..resume });
        self.journal.seek(SeekFrom::End(0))?;
        if let Err(error) = self.journal.write_all(&text) {
            let _ = self.journal.set_len(self.length);
            return Err(error);
        }
        let state = State { lines_end: self.length + text.len() as u64, frames_end, ..State::default() };
        let number = |name: &str| {
            let number = self.books.number(name).ok_or(io::ErrorKind::InvalidInput)?;
            Ok(u32::try_from(number).unwrap_or(u32::MAX))
        };
        let named = hosts.iter().map(Host::to_string);
        let hosts: io::Result<Vec<(String, u32)>> =
            named.map(|name| number(&name).map(|number| (name, number))).collect();
        let (hosts, directory, journal) = (hosts?, self.directory, self.journal);
        let limit = retention.max_size;
        Journal::written_by(|trouble| {
            let turns = Turns::Later;
            Scribe { journal, output, directory, hosts, turns, output_limit: limit, trouble, state }
        })
    }
}

fn lock(journal: &File) -> Result<(), TryLockError> {
    for _ in 0..TRIES {
        match journal.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(TRY_AGAIN),
            locked => return locked,
        }
    }
    journal.try_lock()
}

fn appended(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)
}

/// Every whole frame of a file; returns where the last one ends.
fn walk(file: &File, each: impl FnMut(Header, u64) -> io::Result<()>) -> io::Result<u64> {
    let size = file.metadata()?.len();
    let read = |at| {
        let mut bytes = [0; frame::HEADER];
        file.read_exact_at(&mut bytes, at).map(|()| bytes)
    };
    frame::whole(size, read, each)
}

fn books(path: &Path, text: &[u8]) -> Result<Books, StoreError> {
    Books::read(text).map_err(|why| StoreError::Books { place: path.display().to_string(), why })
}

fn cannot(path: &Path, why: io::Error) -> StoreError {
    StoreError::Io { place: path.display().to_string(), why }
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
