//! What outlives the screen: logs, recordings, the history of what was sent, saved sets.
//!
//! The app says what is to be kept ([`words::Keep`]) and hears what became of it ([`words::Told`]). The [`Keeper`] stands in
//! the event loop: it taps the output of the sessions that are logged or recorded, before the app sees it, and hands it to a
//! thread that does all the writing (`worker`), through a queue with a bound. The formats are pure: `plain` (lines of text),
//! `cast` and `redraw` (recordings), `set`, `entry` (history), `marks` (the lines of ours in a log), `names` (of files).

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Sender;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::timeout_at;

pub mod cast;
pub mod disk;
mod entry;
mod history;
pub mod marks;
pub mod names;
pub mod plain;
pub mod redraw;
pub mod saved;
mod script;
pub mod set;
pub mod stamp;
mod unkept;
pub mod utf8;
pub mod words;
mod worker;

use crate::session::{SessionEvent, SessionId};
use crate::size::Size;
use crate::tui::app::ending;
use disk::Rotation;
use set::OpenSet;
use unkept::Unkept;
use words::{Keep, Recorded, Told};
use worker::{Job, Queued, Rooms, Worker};

/// Output of one session that waits to be written, in bytes. Beyond, it is left out of the log, and counted.
pub const SESSION_BYTES: usize = 256 << 10;

/// All that waits to be written, in bytes.
pub const ALL_BYTES: usize = 16 << 20;

/// What a job takes besides its bytes.
const JOB_BYTES: usize = 128;

/// What the thread has told and the loop has not read; the thread waits then.
const UNREAD: usize = 64;

/// How long the end of the program waits for a disk that takes nothing; longer than for a lock, so that the reason is told.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a log holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// Lines of text.
    #[default]
    Plain,
    /// The bytes that the host sent.
    Raw,
    /// Both, in two files.
    Both,
}

/// Is the open set saved when the user leaves?
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SaveLast {
    /// Yes, as [`set::LAST`].
    #[default]
    Yes,
    /// No.
    No,
}

/// Where everything goes, and in which form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// The directory of logs.
    pub logs: PathBuf,
    /// What a log holds.
    pub form: Form,
    /// When a log is put aside.
    pub rotation: Rotation,
    /// The directory of recordings.
    pub recordings: PathBuf,
    /// The file of the first script, if the user named one; others stand among the recordings.
    pub script: Option<PathBuf>,
    /// The history file, if there is one.
    pub history: Option<PathBuf>,
    /// The directory of sets.
    pub sets: PathBuf,
    /// Whether the last set is saved by itself.
    pub save_last: SaveLast,
}

impl Places {
    /// The usual places below a directory of state, such as `~/.local/state/omnes`.
    pub fn below(state: &Path) -> Places {
        Places {
            logs: state.join("logs"),
            form: Form::Plain,
            rotation: Rotation { max: 10 << 20, keep: 5 },
            recordings: state.join("recordings"),
            script: None,
            history: Some(state.join("history")),
            sets: state.join("sets"),
            save_last: SaveLast::Yes,
        }
    }

    /// The file of a set, whose name [`set::name`] has approved.
    pub fn set(&self, name: &str) -> PathBuf {
        self.sets.join(format!("{name}.toml"))
    }
}

/// What is written of one session, and what waits for it.
#[derive(Debug, Default)]
struct Tap {
    logs: bool,
    records: bool,
    waits: Arc<AtomicUsize>,
    /// Bytes that there was no room for since the last that there was.
    left_out: u64,
}

/// The loop's end of the thread that writes.
#[derive(Debug)]
pub struct Keeper {
    jobs: Option<Sender<Queued>>,
    taps: HashMap<SessionId, Tap>,
    /// The frames of omnes, while they are recorded.
    screen: Option<Tap>,
    waits: Arc<AtomicUsize>,
    told: mpsc::Receiver<Told>,
    save_last: SaveLast,
}

/// What became of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framed {
    /// It is on its way to the file.
    Taken,
    /// There was no room; the next one must be whole.
    LeftOut,
}

impl Keeper {
    /// A keeper whose thread waits for work; the first that it tells is the history of earlier runs.
    pub fn start(places: Places) -> io::Result<Keeper> {
        let (jobs, given) = std::sync::mpsc::channel();
        let (tell, told) = mpsc::channel(UNREAD);
        let save_last = places.save_last;
        let worker = Worker::new(places, tell);
        thread::Builder::new().name("keeping".to_owned()).spawn(move || worker.work(&given))?;
        let (taps, waits) = (HashMap::new(), Arc::default());
        Ok(Keeper { jobs: Some(jobs), taps, screen: None, waits, told, save_last })
    }

    /// A keeper without a thread, which keeps nothing and tells nothing.
    pub fn of_nothing() -> Keeper {
        let (_, told) = mpsc::channel(1);
        let (taps, waits) = (HashMap::new(), Arc::default());
        Keeper { jobs: None, taps, screen: None, waits, told, save_last: SaveLast::No }
    }

    /// Does what the app wants kept. What needs room in the queue and finds none is refused, and what is returned says so.
    pub fn keep(&mut self, keep: Keep) -> Option<Told> {
        let cost = match &keep {
            // What ends something is not refused; there is no more of it than of what began.
            Keep::Unlog(_) | Keep::EndRecord(_) | Keep::EndRecordScreen | Keep::EndScript => 0,
            Keep::Script(text) | Keep::ScriptText(text) => JOB_BYTES + text.len(),
            Keep::Log { .. } | Keep::RecordScreen(_) | Keep::ScreenSize(_) => JOB_BYTES,
            Keep::Record { redraw, .. } => JOB_BYTES + redraw.len(),
            Keep::Sent(entry) => JOB_BYTES + entry.hosts.len() + entry.known().map_or(0, str::len),
            Keep::Save { set, .. } => JOB_BYTES + set.hosts.len() * JOB_BYTES,
        };
        if cost > 0 && self.waits.load(Ordering::Acquire) + cost > ALL_BYTES {
            return refused(&keep);
        }
        match &keep {
            Keep::Log { session, .. } => self.taps.entry(*session).or_default().logs = true,
            Keep::Record { session, .. } => self.taps.entry(*session).or_default().records = true,
            Keep::Unlog(session) => self.untap(*session, |tap| tap.logs = false),
            Keep::EndRecord(session) => self.untap(*session, |tap| tap.records = false),
            Keep::RecordScreen(_) => self.screen = Some(Tap { records: true, ..Tap::default() }),
            Keep::EndRecordScreen => self.screen = None,
            Keep::ScreenSize(_) | Keep::Sent(_) | Keep::Save { .. } => {}
            Keep::Script(_) | Keep::ScriptText(_) | Keep::EndScript => {}
        }
        self.send(Job::Keep(keep, Instant::now()), cost, Rooms(vec![self.waits.clone()]));
        None
    }

    /// A session reports; what it prints is tapped.
    pub fn hear(&mut self, session: SessionId, event: &SessionEvent) {
        match event {
            SessionEvent::Output(bytes) => self.output(session, bytes),
            SessionEvent::Closed(outcome) => {
                self.own_up(session);
                if self.taps.remove(&session).is_some() {
                    let job = Job::Ended(session, ending(outcome), Instant::now());
                    self.send(job, 0, Rooms::default());
                }
            }
            _ => {}
        }
    }

    /// A session's terminal has another size.
    pub fn resized(&mut self, session: SessionId, size: Size) {
        if self.taps.get(&session).is_some_and(|tap| tap.records) {
            self.send(Job::Resized(session, size, Instant::now()), 0, Rooms(vec![self.waits.clone()]));
        }
    }

    /// Are frames recorded?
    pub fn records_screen(&self) -> bool {
        self.screen.is_some()
    }

    /// Takes a frame.
    pub fn frame(&mut self, bytes: Vec<u8>) -> Framed {
        let Some(tap) = &mut self.screen else { return Framed::Taken };
        let cost = bytes.len() + JOB_BYTES;
        let fits = self.waits.load(Ordering::Acquire) + cost <= ALL_BYTES
            && tap.waits.load(Ordering::Acquire) + cost <= ALL_BYTES / 4;
        if !fits {
            tap.left_out += 1;
            return Framed::LeftOut;
        }
        let rooms = Rooms(vec![self.waits.clone(), tap.waits.clone()]);
        if std::mem::take(&mut tap.left_out) > 0 {
            self.send(Job::FrameGap(Instant::now()), 0, Rooms::default());
        }
        self.send(Job::Frame(bytes, Instant::now()), cost, rooms);
        Framed::Taken
    }

    /// What the thread tells next. Never ends while the keeper lives.
    pub async fn told(&mut self) -> Told {
        let Some(told) = self.told.recv().await else { return std::future::pending().await };
        match &told {
            Told::LogStopped(session, _) => self.untap(*session, |tap| tap.logs = false),
            Told::RecordStopped(Recorded::Pane(session), _) => {
                self.untap(*session, |tap| tap.records = false);
            }
            Told::RecordStopped(Recorded::Screen, _) => self.screen = None,
            _ => {}
        }
        told
    }

    /// Saves the last set, if it is to be saved, and waits until everything is written, but not for ever. Returns what was
    /// not, in sentences, for nobody looks at the app any more.
    pub async fn finish(mut self, set: OpenSet) -> Vec<String> {
        let mut unkept = Unkept::default();
        if self.save_last == SaveLast::Yes && !set.hosts.is_empty() {
            let refused = self.keep(Keep::Save { name: set::LAST.to_owned(), set: Box::new(set) });
            refused.into_iter().for_each(|told| unkept.note(told));
        }
        let sessions: Vec<SessionId> = self.taps.keys().copied().collect();
        sessions.into_iter().for_each(|session| self.own_up(session));
        // The thread ends when there are no more jobs, and then it tells nothing any more.
        self.jobs = None;
        let until = tokio::time::Instant::now() + PATIENCE;
        loop {
            match timeout_at(until, self.told.recv()).await {
                Ok(Some(told)) => unkept.note(told),
                Ok(None) => return unkept.sentences(),
                Err(_) => {
                    unkept.say(format!(
                        "the disk has taken nothing for {} s: the end of logs and recordings, the history and the set may be missing",
                        PATIENCE.as_secs()
                    ));
                    return unkept.sentences();
                }
            }
        }
    }

    fn output(&mut self, session: SessionId, bytes: &Bytes) {
        let Some(tap) = self.taps.get_mut(&session) else { return };
        let cost = bytes.len() + JOB_BYTES;
        let all = self.waits.load(Ordering::Acquire);
        if tap.waits.load(Ordering::Acquire) + cost > SESSION_BYTES || all + cost > ALL_BYTES {
            tap.left_out += bytes.len() as u64;
            return;
        }
        let rooms = Rooms(vec![self.waits.clone(), tap.waits.clone()]);
        self.own_up(session);
        self.send(Job::Output(session, bytes.clone(), Instant::now()), cost, rooms);
    }

    /// Says how much was left out, if anything was.
    fn own_up(&mut self, session: SessionId) {
        let Some(tap) = self.taps.get_mut(&session) else { return };
        let left_out = std::mem::take(&mut tap.left_out);
        if left_out > 0 {
            self.send(Job::Gap(session, left_out, Instant::now()), 0, Rooms::default());
        }
    }

    fn untap(&mut self, session: SessionId, change: impl Fn(&mut Tap)) {
        self.own_up(session);
        let Some(tap) = self.taps.get_mut(&session) else { return };
        change(tap);
        if !tap.logs && !tap.records {
            self.taps.remove(&session);
        }
    }

    /// The thread is gone only if it panicked; then nothing is kept any more.
    fn send(&self, job: Job, cost: usize, rooms: Rooms) {
        let Some(jobs) = &self.jobs else { return };
        for room in &rooms.0 {
            room.fetch_add(cost, Ordering::AcqRel);
        }
        let _ = jobs.send(Queued { job, cost, rooms });
    }
}

/// What is told of something for which there is no room.
fn refused(keep: &Keep) -> Option<Told> {
    let why = "the disk has taken nothing for a while".to_owned();
    match keep {
        Keep::Log { session, .. } => Some(Told::LogStopped(*session, why)),
        Keep::Record { session, .. } => Some(Told::RecordStopped(Recorded::Pane(*session), why)),
        Keep::RecordScreen(_) => Some(Told::RecordStopped(Recorded::Screen, why)),
        Keep::Sent(_) => Some(Told::HistoryStopped(why)),
        Keep::Save { .. } => Some(Told::SaveFailed(why)),
        Keep::Script(_) | Keep::ScriptText(_) => Some(Told::ScriptStopped(why)),
        Keep::ScreenSize(_)
        | Keep::Unlog(_)
        | Keep::EndRecord(_)
        | Keep::EndRecordScreen
        | Keep::EndScript => None,
    }
}

#[cfg(test)]
mod tests;
