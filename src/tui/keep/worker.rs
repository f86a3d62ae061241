//! The thread that writes: logs, recordings, the history, sets. A disk that stalls stalls nothing but this.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Receiver;
use std::time::{Instant, SystemTime};

use bytes::Bytes;
use tokio::sync::mpsc;

use super::cast::{self, About, Cast};
use super::disk;
use super::marks::{self, Raw};
use super::plain::Plain;
use super::script::ScriptFile;
use super::stamp::Stamp;
use super::words::{Keep, Recorded, Told};
use super::{Form, Places, entry, history, names};
use crate::session::SessionId;
use crate::size::Size;

/// Something to do, in the order of the loop.
pub(super) enum Job {
    /// What the app wants kept.
    Keep(Keep, Instant),
    /// What a session printed.
    Output(SessionId, Bytes, Instant),
    /// What a session printed and there was no room for, in bytes.
    Gap(SessionId, u64, Instant),
    /// A session's terminal has another size.
    Resized(SessionId, Size, Instant),
    /// A session is over; how.
    Ended(SessionId, String, Instant),
    /// A frame of omnes.
    Frame(Vec<u8>, Instant),
    /// A frame was left out; the next one is whole.
    FrameGap(Instant),
}

/// A job, and the room it takes in the queue.
pub(super) struct Queued {
    pub(super) job: Job,
    pub(super) cost: usize,
    pub(super) rooms: Rooms,
}

/// Who counts the room that a job takes.
#[derive(Clone, Debug, Default)]
pub(super) struct Rooms(pub(super) Vec<Arc<AtomicUsize>>);

impl Rooms {
    fn free(&self, cost: usize) {
        for room in &self.0 {
            room.fetch_sub(cost, Ordering::AcqRel);
        }
    }
}

/// One host's log.
struct Log {
    plain: Option<(PathBuf, Plain)>,
    raw: Option<(PathBuf, Raw)>,
    host: String,
}

/// One recording.
struct Recording {
    file: File,
    path: PathBuf,
    /// Bytes of whole lines in the file.
    good: u64,
    cast: Cast,
    began: Instant,
}

pub(super) struct Worker {
    places: Places,
    told: mpsc::Sender<Told>,
    logs: HashMap<SessionId, Log>,
    panes: HashMap<SessionId, Recording>,
    screen: Option<Recording>,
    script: Option<ScriptFile>,
    history: HistoryState,
}

/// Is the history written? After an error it is not, for this run.
enum HistoryState {
    Written,
    Stopped,
}

impl Worker {
    pub(super) fn new(places: Places, told: mpsc::Sender<Told>) -> Worker {
        let history = if places.history.is_some() { HistoryState::Written } else { HistoryState::Stopped };
        Worker {
            places,
            told,
            logs: HashMap::new(),
            panes: HashMap::new(),
            screen: None,
            script: None,
            history,
        }
    }

    /// Works until nobody gives work any more.
    pub(super) fn work(mut self, jobs: &Receiver<Queued>) {
        if let Some(file) = &self.places.history {
            let past = history::read(file);
            self.tell(Told::Past(past));
        }
        for Queued { job, cost, rooms } in jobs {
            self.take(job);
            rooms.free(cost);
        }
        let now = Instant::now();
        let logged: Vec<SessionId> = self.logs.keys().copied().collect();
        logged.into_iter().for_each(|session| self.end_log(session, "log ends"));
        let recorded: Vec<SessionId> = self.panes.keys().copied().collect();
        recorded.into_iter().for_each(|session| self.end_pane(session, now));
        self.end_screen(now);
    }

    /// Who is told may be gone; then nobody wants to know.
    fn tell(&self, told: Told) {
        let _ = self.told.blocking_send(told);
    }

    fn take(&mut self, job: Job) {
        match job {
            Job::Keep(keep, at) => self.keep(keep, at),
            Job::Output(session, bytes, at) => {
                self.log(session, &bytes);
                self.record(session, |cast, began| cast.output(at - began, &bytes));
            }
            Job::Gap(session, bytes, at) => {
                let text = format!("{bytes} bytes were left out: the disk was slower than the host");
                self.log_line(session, &text);
                self.record(session, |cast, began| cast.mark(at - began, &text));
                self.tell(Told::LogGap(session, bytes));
            }
            Job::Resized(session, size, at) => {
                self.record(session, |cast, began| cast.resize(at - began, size));
            }
            Job::Ended(session, how, at) => {
                self.end_log(session, &format!("session ends: {how}"));
                self.end_pane(session, at);
            }
            Job::Frame(bytes, at) => self.record_screen(|cast, began| cast.output(at - began, &bytes)),
            Job::FrameGap(at) => {
                self.record_screen(|cast, began| cast.mark(at - began, "frames were left out"));
            }
        }
    }

    fn keep(&mut self, keep: Keep, at: Instant) {
        match keep {
            Keep::Log { session, host } => self.begin_log(session, host),
            Keep::Unlog(session) => self.end_log(session, "log ends"),
            Keep::Record { session, host, size, redraw } => {
                let begun = self.begin_recording(Recorded::Pane(session), &host, size, at);
                if let Some(recording) = begun {
                    self.panes.insert(session, recording);
                    self.record(session, |cast, _| cast.output(std::time::Duration::ZERO, &redraw));
                }
            }
            Keep::EndRecord(session) => self.end_pane(session, at),
            Keep::RecordScreen(size) => {
                self.screen = self.begin_recording(Recorded::Screen, "screen", size, at);
            }
            Keep::EndRecordScreen => self.end_screen(at),
            Keep::ScreenSize(size) => self.record_screen(|cast, began| cast.resize(at - began, size)),
            Keep::Script(header) => {
                self.script = None;
                let named = self.places.script.take();
                match ScriptFile::begin(named, &self.places.recordings, &header) {
                    Ok(script) => {
                        self.tell(Told::Scripts(script.shown()));
                        self.script = Some(script);
                    }
                    Err(why) => self.tell(Told::ScriptStopped(why)),
                }
            }
            Keep::ScriptText(text) => {
                if let Some(Err(why)) = self.script.as_mut().map(|script| script.add(&text)) {
                    self.script = None;
                    self.tell(Told::ScriptStopped(why));
                }
            }
            Keep::EndScript => {
                if let Some(script) = self.script.take() {
                    self.tell(Told::ScriptEnded(script.shown()));
                }
            }
            Keep::Sent(sent) => self.write_history(&entry::line(&sent, now())),
            Keep::Save { name, set } => {
                let path = self.places.set(&name);
                self.tell(match disk::replace(&path, set.to_text().as_bytes()) {
                    Ok(()) => Told::Saved(name),
                    Err(error) => Told::SaveFailed(fault(&path, &error)),
                });
            }
        }
    }

    fn write_history(&mut self, line: &str) {
        let (Some(path), HistoryState::Written) = (&self.places.history, &self.history) else { return };
        if let Err(error) = history::append(path, line) {
            let why = fault(path, &error);
            self.history = HistoryState::Stopped;
            self.tell(Told::HistoryStopped(why));
        }
    }
}

/// Logs.
impl Worker {
    fn begin_log(&mut self, session: SessionId, host: String) {
        let directory = &self.places.logs;
        let name = names::file_name(&host);
        let path = |suffix: &str| directory.join(format!("{name}.{suffix}"));
        let (plain, raw) = match self.places.form {
            Form::Plain => (Some(path("log")), None),
            Form::Raw => (None, Some(path("raw"))),
            Form::Both => (Some(path("log")), Some(path("raw"))),
        };
        if let Err(error) = disk::private_directory(directory) {
            return self.tell(Told::LogStopped(session, fault(directory, &error)));
        }
        let shown = plain.as_ref().or(raw.as_ref()).unwrap_or(directory).display().to_string();
        let plain = plain.map(|path| (path, Plain::default()));
        let raw = raw.map(|path| (path, Raw::default()));
        self.logs.insert(session, Log { plain, raw, host });
        if self.log_line(session, "log begins") {
            self.tell(Told::Logs(session, crate::escape::text(&shown, 400)));
        }
    }

    fn end_log(&mut self, session: SessionId, why: &str) {
        if let Some(log) = self.logs.get_mut(&session) {
            let rest = log.plain.as_mut().map(|(_, plain)| plain.end()).unwrap_or_default();
            if self.write_log(session, marks::guarded(&rest).as_bytes(), b"") && self.log_line(session, why) {
                self.logs.remove(&session);
            }
        }
    }

    fn log(&mut self, session: SessionId, bytes: &[u8]) {
        if let Some(log) = self.logs.get_mut(&session) {
            let lines = log.plain.as_mut().map(|(_, plain)| plain.feed(bytes)).unwrap_or_default();
            let raw = log.raw.as_mut().map(|(_, raw)| raw.guarded(bytes)).unwrap_or_default();
            self.write_log(session, marks::guarded(&lines).as_bytes(), &raw);
        }
    }

    /// A line of ours; false when the log has stopped.
    fn log_line(&mut self, session: SessionId, text: &str) -> bool {
        let Some(log) = self.logs.get(&session) else { return false };
        let text = crate::escape::text(&format!("{}, {text}", log.host), 1_000);
        let line = marks::mark(now(), &text);
        self.write_log(session, format!("{line}\n").as_bytes(), format!("\r\n{line}\r\n").as_bytes())
    }

    /// Writes both forms; false when the log has stopped, which is told once.
    fn write_log(&mut self, session: SessionId, plain: &[u8], raw: &[u8]) -> bool {
        let Some(log) = self.logs.get(&session) else { return false };
        let rotation = self.places.rotation;
        let files = [
            (log.plain.as_ref().map(|(path, _)| path), plain),
            (log.raw.as_ref().map(|(path, _)| path), raw),
        ];
        let written = files.into_iter().filter_map(|(path, bytes)| Some((path?, bytes))).try_for_each(
            |(path, bytes)| disk::append(path, bytes, rotation).map_err(|error| fault(path, &error)),
        );
        if let Err(why) = written {
            self.logs.remove(&session);
            self.tell(Told::LogStopped(session, why));
            return false;
        }
        true
    }
}

/// Recordings.
impl Worker {
    fn begin_recording(&self, what: Recorded, host: &str, size: Size, at: Instant) -> Option<Recording> {
        let (directory, made) = (&self.places.recordings, now());
        let stem = format!("{}-{}", names::file_name(host), made.for_file());
        let title = crate::escape::text(host, 200);
        let begun = disk::private_directory(directory)
            .and_then(|()| disk::create_new(directory, &stem, "cast"))
            .and_then(|(file, path)| {
                let mut recording = Recording { file, path, good: 0, cast: Cast::default(), began: at };
                recording.line(&cast::header(About { size, made, title: &title })).inspect_err(|_| {
                    // A recording of nothing helps nobody; the fault that counts is the first.
                    let _ = fs::remove_file(&recording.path);
                })?;
                Ok(recording)
            });
        match begun {
            Ok(recording) => {
                self.tell(Told::Records(what, shown(&recording.path)));
                Some(recording)
            }
            Err(error) => {
                self.tell(Told::RecordStopped(what, fault(directory, &error)));
                None
            }
        }
    }

    fn record(&mut self, session: SessionId, event: impl FnOnce(&mut Cast, Instant) -> String) {
        let Some(recording) = self.panes.get_mut(&session) else { return };
        if let Err(why) = recording.write(event) {
            self.panes.remove(&session);
            self.tell(Told::RecordStopped(Recorded::Pane(session), why));
        }
    }

    fn record_screen(&mut self, event: impl FnOnce(&mut Cast, Instant) -> String) {
        let Some(recording) = &mut self.screen else { return };
        if let Err(why) = recording.write(event) {
            self.screen = None;
            self.tell(Told::RecordStopped(Recorded::Screen, why));
        }
    }

    fn end_pane(&mut self, session: SessionId, at: Instant) {
        self.record(session, |cast, began| cast.end(at - began));
        if let Some(recording) = self.panes.remove(&session) {
            self.tell(Told::RecordEnded(Recorded::Pane(session), shown(&recording.path)));
        }
    }

    fn end_screen(&mut self, at: Instant) {
        self.record_screen(|cast, began| cast.end(at - began));
        if let Some(recording) = self.screen.take() {
            self.tell(Told::RecordEnded(Recorded::Screen, shown(&recording.path)));
        }
    }
}

impl Recording {
    fn write(&mut self, event: impl FnOnce(&mut Cast, Instant) -> String) -> Result<(), String> {
        let line = event(&mut self.cast, self.began);
        self.line(&line).map_err(|error| fault(&self.path, &error))
    }

    /// Writes a line, or leaves the file as it was: players stop at half a line.
    fn line(&mut self, line: &str) -> io::Result<()> {
        self.file.write_all(line.as_bytes()).inspect_err(|_| {
            let _ = self.file.set_len(self.good);
        })?;
        self.good += line.len() as u64;
        Ok(())
    }
}

fn now() -> Stamp {
    Stamp::of(SystemTime::now())
}

/// A path for a sentence.
fn shown(path: &Path) -> String {
    crate::escape::text(&path.display().to_string(), 400)
}

fn fault(path: &Path, error: &io::Error) -> String {
    format!("{}: {}", shown(path), crate::escape::reason(error))
}
