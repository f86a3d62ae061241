//! The loop around the app: events in, effects out, frames when something changed.
//!
//! One `select!` in this order: signals, the keyboard, frames and timers, and only then what hosts say, in shares. So a key
//! never waits behind a flood, and a flood never keeps the picture from being drawn, at most 60 times a second.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};
use zeroize::Zeroizing;

use crate::ask::{Answer, BoxFuture};
use crate::pane::FocusChange;
use crate::session::{Listener, SessionEvent, SessionId};
use crate::size::Size;

use super::app::App;
use super::asker::{Asked, Questions};
use super::control::socket::{self, Door};
use super::control::{ControlId, Response};
use super::event::{Effect, Event, Opened, QuestionId, TargetIndex};
use super::keep::words::Told;
use super::keep::{Framed, Keeper};
use super::new_file;
use super::painter::{Copies, Painter};
use super::terminal::{self, Terminal, TerminalError};
use super::translate::{Decoder, Input};

/// The shortest time between two frames: 60 a second.
const FRAME: Duration = Duration::from_micros(16_667);

/// A frame waits this long for what belongs to it: a key's echo comes back a moment after the key.
const GATHERS: Duration = Duration::from_millis(2);

/// Output taken from the hosts before keys and frames are looked at again: a few milliseconds of emulation.
const SHARE_BYTES: usize = 64 * 1024;

/// After this long an ESC was the Escape key, and not the beginning of something.
const ESCAPE_ENDS: Duration = Duration::from_millis(40);

/// After this long without a byte a paste is taken as it is: its end will not come.
const PASTE_ENDS: Duration = Duration::from_secs(1);

/// How long a stop is waited for after it was asked for. A process group without a job control is never stopped.
const STOPS: Duration = Duration::from_millis(300);

/// Sessions and their targets, which the app knows by number only.
pub trait Fleet {
    /// Targets that were found, before they are kept.
    type Found: Send + 'static;

    /// The user tries again: refusals that were remembered for all hosts are forgotten.
    fn pardon(&mut self);
    /// Opens a session to a target of the list.
    fn open(&mut self, session: SessionId, target: TargetIndex, size: Size);
    /// Hands input to a session.
    fn input(&mut self, session: SessionId, bytes: Bytes);
    /// Changes the size of a session's terminal.
    fn resize(&mut self, session: SessionId, size: Size);
    /// Ends a session; it still reports its end.
    fn close(&mut self, session: SessionId);
    /// A session has reported its end.
    fn forget(&mut self, session: SessionId);
    /// Where sessions report.
    fn listener(&self) -> Arc<Listener>;
    /// Finds out which hosts an expression means; an error is a sentence. It may take its time.
    fn find(&self, expression: String) -> BoxFuture<'static, Result<Self::Found, String>>;
    /// Puts what was found at the end of the list, in the order of the hosts it returns.
    fn keep(&mut self, found: Self::Found) -> Vec<Opened>;
}

/// How the loop came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The user left.
    ByUser,
    /// A signal asked for it (TERM, HUP, INT, QUIT).
    BySignal,
    /// The terminal went away.
    TerminalGone,
}

/// What was found, and the request that asked for it, if it was one.
pub(super) type Search<T> = (Option<ControlId>, Result<T, String>);

/// What the app has to do with besides the keyboard and the sessions.
pub struct Inlets {
    /// What sessions ask.
    pub questions: Questions,
    /// Where scripts knock, if they may.
    pub door: Option<Door>,
    /// Where things are written down.
    pub keeper: Keeper,
}

/// Runs the TUI over these hosts, whose targets are the first of the fleet's list, until it ends; the terminal is as it
/// was then.
pub async fn run<F: Fleet>(
    app: App,
    hosts: Vec<Opened>,
    fleet: F,
    inlets: Inlets,
) -> Result<Ended, TerminalError> {
    let terminal = Terminal::enter()?;
    let Inlets { questions, door, keeper } = inlets;
    let looped = Loop::new(app, fleet, (&terminal, keeper))?.turn(hosts, (questions, door)).await;
    terminal.give_back();
    looped
}

struct Loop<'a, F: Fleet> {
    app: App,
    fleet: F,
    listener: Arc<Listener>,
    terminal: &'a Terminal,
    painter: Painter,
    keeper: Keeper,
    began: Instant,
    /// When the last frame was made, and since when it is out of date.
    framed: Instant,
    dirty: Option<Instant>,
    decoder: Decoder,
    /// When the last byte of the keyboard came.
    typed: Instant,
    answers: HashMap<QuestionId, oneshot::Sender<Answer>>,
    /// What is being found out for the user; a few at most, each started by a line the user typed.
    searches: JoinSet<Search<F::Found>>,
    /// Who waits for the answer to a request; one for each client at most.
    replies: HashMap<ControlId, oneshot::Sender<Response>>,
    /// Files that are being written, each on the user's word, with their names.
    files: JoinSet<(String, Result<(), String>)>,
    ended: Option<Ended>,
    suspends: Option<Stop>,
}

/// Who wants the program to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    /// The user, by a key: the whole process group stops, as with the terminal's own key.
    Group,
    /// Somebody outside, by a signal to this process.
    Alone,
}

/// What the loop waits for besides the hosts.
enum Next {
    Ended(Ended),
    Typed(Zeroizing<Vec<u8>>),
    Resized,
    Stopped,
    Continued,
    Frame,
    Flush,
    Tick,
    Asked(Asked),
    Withdrawn,
    Kept(Told),
    Control(socket::Asked),
    Nothing,
    Heard(Vec<(SessionId, SessionEvent)>),
}

impl<'a, F: Fleet> Loop<'a, F> {
    fn new(
        app: App,
        fleet: F,
        (terminal, keeper): (&'a Terminal, Keeper),
    ) -> Result<Loop<'a, F>, TerminalError> {
        let now = Instant::now();
        Ok(Loop {
            app,
            listener: fleet.listener(),
            fleet,
            terminal,
            painter: Painter::new()?,
            keeper,
            began: now,
            framed: now - FRAME,
            dirty: Some(now),
            decoder: Decoder::default(),
            typed: now,
            answers: HashMap::new(),
            searches: JoinSet::new(),
            replies: HashMap::new(),
            files: JoinSet::new(),
            ended: None,
            suspends: None,
        })
    }

    async fn turn(
        mut self,
        hosts: Vec<Opened>,
        (mut questions, mut door): (Questions, Option<Door>),
    ) -> Result<Ended, TerminalError> {
        let mut signals = Signals::listen()?;
        let mut keyboard = terminal::keyboard()?;
        let listener = self.listener.clone();
        let (idle, withdrawn) = (self.painter.idle(), questions.withdrawn());
        self.step(Event::Resize(self.terminal.size()));
        let effects = self.app.start(hosts);
        self.carry_out(effects);
        let mut turned = Ok(());
        while self.ended.is_none() && turned.is_ok() {
            let (frame, flush, tick) = (self.frame_at(), self.flush_at(), self.tick_at());
            let next = tokio::select! {
                biased;
                signalled = signals.next() => signalled,
                typed = keyboard.recv() => typed.map_or(Next::Ended(Ended::TerminalGone), Next::Typed),
                () = at(frame) => Next::Frame,
                () = at(flush) => Next::Flush,
                () = at(tick) => Next::Tick,
                () = idle.notified() => Next::Nothing,
                asked = questions.next() => Next::Asked(asked),
                () = withdrawn.notified() => Next::Withdrawn,
                told = self.keeper.told() => Next::Kept(told),
                asked = knocked(&mut door) => Next::Control(asked),
                Some(found) = self.searches.join_next() => {
                    let failed = |_| (None, Err("adding hosts failed inside omnes".to_owned()));
                    let (id, found) = found.unwrap_or_else(failed);
                    self.found(id, found);
                    Next::Nothing
                }
                Some(Ok((path, result))) = self.files.join_next() => {
                    self.step(Event::FileWritten { path, result });
                    Next::Nothing
                }
                heard = listener.next(SHARE_BYTES) => Next::Heard(heard),
            };
            turned = self.take(next);
            if let (Some(stop), true) = (self.suspends.take(), turned.is_ok()) {
                turned = self.suspend(stop, &mut signals).await;
            }
        }
        // Also where the terminal has failed: what was logged so far is written to its end.
        let set = self.app.open_set();
        self.keeper.finish(set).await;
        turned.map(|()| self.ended.unwrap_or(Ended::ByUser))
    }

    fn take(&mut self, next: Next) -> Result<(), TerminalError> {
        match next {
            Next::Ended(ended) => self.ended = Some(ended),
            Next::Resized => {
                // Even where the size is the old one again: in between the terminal may have cut or moved what it shows.
                self.painter.forget();
                self.step(Event::Resize(self.terminal.size()));
            }
            Next::Stopped => self.suspends = Some(Stop::Alone),
            // It was stopped without a word (SIGSTOP), and meanwhile the terminal was another's, who may have left it in any
            // state: given back first, all of it is set again.
            Next::Continued => {
                self.terminal.give_back();
                self.take_back()?;
            }
            Next::Typed(bytes) => {
                self.type_in(&bytes)?;
                self.breathe()?;
            }
            Next::Frame => self.paint()?,
            Next::Flush => {
                let inputs = self.decoder.flush();
                self.take_inputs(inputs)?;
            }
            Next::Tick => self.step(Event::Tick),
            Next::Asked(asked) => {
                self.answers.insert(asked.id, asked.reply);
                self.step(Event::Question(asked.id, asked.question));
            }
            Next::Withdrawn => self.withdraw(),
            Next::Kept(told) => {
                self.step(Event::Kept(told));
                self.copy_frames();
            }
            Next::Control(asked) => self.asked_for(asked),
            Next::Nothing => {}
            Next::Heard(heard) => self.hear(heard),
        }
        if self.painter.is_broken() {
            self.ended = Some(Ended::TerminalGone);
        }
        Ok(())
    }

    /// Between two pieces of a long input: hosts say that they took what was typed before, and the picture goes on.
    /// Otherwise a paste without brackets would hold every host at its bound.
    fn breathe(&mut self) -> Result<(), TerminalError> {
        let heard = self.listener.clone().next(SHARE_BYTES).now_or_never();
        self.hear(heard.unwrap_or_default());
        if self.frame_at().is_some_and(|due| due <= Instant::now()) {
            self.paint()?;
        }
        Ok(())
    }

    fn type_in(&mut self, bytes: &[u8]) -> Result<(), TerminalError> {
        self.typed = Instant::now();
        let inputs = self.decoder.feed(bytes);
        self.take_inputs(inputs)
    }

    /// What was typed may be a secret, so each place is overwritten as it is taken.
    fn take_inputs(&mut self, mut inputs: Vec<Input>) -> Result<(), TerminalError> {
        for input in &mut inputs {
            match std::mem::replace(input, Input::Focus(FocusChange::Gained)) {
                Input::Key(key) => self.step(Event::Key(key)),
                Input::Paste(text) => self.step(Event::Paste(text)),
                Input::Mouse(mouse) => self.step(Event::Mouse(mouse)),
                Input::Focus(change) => self.step(Event::Focus(change)),
                Input::KnowsKitty => self.terminal.use_kitty()?,
            }
        }
        // Otherwise the writes would be left out, since nobody reads them.
        std::hint::black_box(&inputs);
        Ok(())
    }

    fn hear(&mut self, heard: Vec<(SessionId, SessionEvent)>) {
        for (session, event) in heard {
            self.keeper.hear(session, &event);
            let ends = matches!(event, SessionEvent::Closed(_));
            self.step(Event::Session(session, event));
            if ends {
                self.fleet.forget(session);
            }
        }
    }

    fn step(&mut self, event: Event) {
        let effects = self.app.step(self.began.elapsed(), event);
        self.carry_out(effects);
        self.dirty.get_or_insert_with(Instant::now);
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Open { session, target, size } => self.fleet.open(session, target, size),
                Effect::Pardon => self.fleet.pardon(),
                Effect::Input { session, bytes } => self.fleet.input(session, bytes),
                Effect::Resize { session, size } => {
                    self.keeper.resized(session, size);
                    self.fleet.resize(session, size);
                }
                Effect::Close(session) => self.fleet.close(session),
                Effect::Answer(id, answer) => {
                    if let Some(reply) = self.answers.remove(&id) {
                        // Who asked may have gone away this moment; then the answer is nobody's.
                        let _ = reply.send(answer);
                    }
                }
                Effect::AddHosts(expression) => {
                    let finding = self.fleet.find(expression);
                    self.searches.spawn(async move { (None, finding.await) });
                }
                Effect::FindFor(id, expression) => {
                    let finding = self.fleet.find(expression);
                    self.searches.spawn(async move { (Some(id), finding.await) });
                }
                Effect::Reply(id, response) => {
                    if let Some(reply) = self.replies.remove(&id) {
                        // Who asked may have gone away this moment.
                        let _ = reply.send(response);
                    }
                }
                Effect::Keep(keep) => {
                    let refused = self.keeper.keep(keep);
                    self.copy_frames();
                    if let Some(told) = refused {
                        self.step(Event::Kept(told));
                    }
                }
                Effect::Copy(text) => self.painter.copy(&text),
                Effect::Motion(motion) => self.painter.report_motion(motion),
                Effect::WriteFile { path, text } => {
                    self.files.spawn_blocking(move || {
                        let result = new_file::write(&path, &text);
                        (path, result)
                    });
                }
                Effect::Bell => self.painter.ring(),
                Effect::Redraw => self.painter.forget(),
                Effect::Suspend => self.suspends = Some(Stop::Group),
                Effect::Quit => self.ended = Some(Ended::ByUser),
            }
        }
    }

    fn found(&mut self, id: Option<ControlId>, found: Result<F::Found, String>) {
        let found = found.map(|found| self.fleet.keep(found));
        self.step(match (id, found) {
            (Some(id), found) => Event::FoundFor(id, found),
            (None, Ok(hosts)) => Event::Added(hosts),
            (None, Err(why)) => Event::AddFailed(why),
        });
    }

    /// A client of the control socket asks for something, or has gone.
    fn asked_for(&mut self, asked: socket::Asked) {
        match asked {
            socket::Asked::Request(id, request, reply) => {
                self.replies.insert(id, reply);
                self.step(Event::Control(id, request));
            }
            socket::Asked::Gone(id) => {
                self.replies.remove(&id);
                self.step(Event::ControlGone(id));
            }
        }
    }

    /// Finds the questions whose askers are gone.
    fn withdraw(&mut self) {
        let gone: Vec<QuestionId> =
            self.answers.iter().filter(|(_, reply)| reply.is_closed()).map(|(id, _)| *id).collect();
        for id in gone {
            self.answers.remove(&id);
            self.step(Event::QuestionWithdrawn(id));
        }
    }

    /// When the next frame is due: when something changed, and the terminal has taken the last one.
    fn frame_at(&self) -> Option<Instant> {
        let due = (self.dirty? + GATHERS).max(self.framed + FRAME);
        self.painter.is_idle().then_some(due)
    }

    /// When what was typed is complete as it is.
    fn flush_at(&self) -> Option<Instant> {
        let ends = if self.decoder.is_pasting() { PASTE_ENDS } else { ESCAPE_ENDS };
        self.decoder.is_waiting().then(|| self.typed + ends)
    }

    fn tick_at(&self) -> Option<Instant> {
        self.app.wake_at().map(|at| self.began + at)
    }

    fn paint(&mut self) -> Result<(), TerminalError> {
        self.dirty = None;
        self.framed = Instant::now();
        self.painter.paint(&self.app)?;
        if let Some(frame) = self.painter.take_frame()
            && self.keeper.frame(frame) == Framed::LeftOut
        {
            self.painter.forget();
        }
        Ok(())
    }

    /// Frames are copied while they are recorded.
    fn copy_frames(&mut self) {
        self.painter.copies(match self.keeper.records_screen() {
            true => Copies::Wanted,
            false => Copies::None,
        });
    }

    /// Gives the terminal back, stops, and goes on after `fg`. TSTP itself is ours to hear, so this process stops by TTOU:
    /// like TSTP, and unlike STOP, it stops nobody in a group without a job control, which nothing would ever continue.
    async fn suspend(&mut self, stop: Stop, signals: &mut Signals) -> Result<(), TerminalError> {
        use rustix::process::{Signal, getpid, kill_current_process_group, kill_process};
        self.terminal.give_back();
        // These fail only where there is no such signal.
        if stop == Stop::Group {
            let _ = kill_current_process_group(Signal::TSTP);
            let _ = timeout(STOPS, signals.stopped.recv()).await;
        }
        let _ = kill_process(getpid(), Signal::TTOU);
        let _ = timeout(STOPS, signals.continued.recv()).await;
        self.take_back()
    }

    /// Takes the terminal again after it was given back, and draws all of it.
    fn take_back(&mut self) -> Result<(), TerminalError> {
        self.terminal.take()?;
        self.step(Event::Resumed(self.terminal.size()));
        Ok(())
    }
}

/// What comes next through the control socket; nothing where there is none.
pub(super) async fn knocked(door: &mut Option<Door>) -> socket::Asked {
    match door {
        Some(door) => door.next().await,
        None => std::future::pending().await,
    }
}

/// Waits until a moment; for ever where there is none.
async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

struct Signals {
    terminate: Signal,
    hangup: Signal,
    interrupt: Signal,
    quit: Signal,
    resized: Signal,
    stopped: Signal,
    continued: Signal,
}

impl Signals {
    fn listen() -> Result<Signals, TerminalError> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
            resized: signal(SignalKind::window_change())?,
            stopped: signal(SignalKind::from_raw(rustix::process::Signal::TSTP.as_raw()))?,
            continued: signal(SignalKind::from_raw(rustix::process::Signal::CONT.as_raw()))?,
        })
    }

    async fn next(&mut self) -> Next {
        tokio::select! {
            biased;
            _ = self.terminate.recv() => Next::Ended(Ended::BySignal),
            _ = self.hangup.recv() => Next::Ended(Ended::BySignal),
            _ = self.interrupt.recv() => Next::Ended(Ended::BySignal),
            _ = self.quit.recv() => Next::Ended(Ended::BySignal),
            _ = self.resized.recv() => Next::Resized,
            _ = self.stopped.recv() => Next::Stopped,
            _ = self.continued.recv() => Next::Continued,
        }
    }
}
