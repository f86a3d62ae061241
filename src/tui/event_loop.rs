//! The loop of the screen: keys in, frames out when something changed.
//!
//! One `select!` in this order: signals, the keyboard, frames and timers, and only then what the [desk](super::desk) hears,
//! of which what hosts say comes last and in shares. So a key never waits behind a flood, and a flood never keeps the
//! picture from being drawn, at most 60 times a second.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, sleep_until, timeout};
use zeroize::Zeroizing;

use crate::pane::FocusChange;

use super::app::{App, Keyboard};
use super::desk::{Desk, Fleet, FrontEffect, Inlets};
use super::event::{Event, Opened};
use super::keep::Framed;
use super::painter::{Copies, Painter};
use super::signals::Endings;
use super::terminal::{self, Terminal, TerminalError};
use super::translate::{Decoder, Input};

/// The shortest time between two frames: 60 a second.
const FRAME: Duration = Duration::from_micros(16_667);

/// A frame waits this long for what belongs to it: the echoes of many hosts come one after another. What a key changes that
/// is for omnes itself is complete at once.
const GATHERS: Duration = Duration::from_millis(2);

/// After this long an ESC was the Escape key, and not the beginning of something.
const ESCAPE_ENDS: Duration = Duration::from_millis(40);

/// After this long without a byte a paste is taken as it is: its end will not come.
const PASTE_ENDS: Duration = Duration::from_secs(1);

/// How long a stop is waited for after it was asked for. A process group without a job control is never stopped.
const STOPS: Duration = Duration::from_millis(300);

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

/// The end of the program, as far as the loop knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// How it came.
    pub ended: Ended,
    /// What was to be kept and could not be written any more, in sentences: there is no screen to say it on.
    pub unkept: Vec<String>,
}

/// Runs the TUI over these hosts, whose targets are the first of the fleet's list, until it ends; the terminal is as it
/// was then.
pub async fn run<F: Fleet>(
    app: App,
    hosts: Vec<Opened>,
    fleet: F,
    inlets: Inlets,
) -> Result<Left, TerminalError> {
    let terminal = Terminal::enter()?;
    let looped = Loop::new(Desk::new(app, fleet, inlets), &terminal)?.turn(hosts).await;
    terminal.give_back();
    looped
}

struct Loop<'a, F: Fleet> {
    desk: Desk<F>,
    terminal: &'a Terminal,
    painter: Painter,
    /// When the last frame was made, and when the next one is wanted, if anything changed.
    framed: Instant,
    wanted: Option<Instant>,
    decoder: Decoder,
    /// When the last byte of the keyboard came.
    typed: Instant,
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

/// What the loop waits for.
enum Next {
    Ended(Ended),
    Typed(Zeroizing<Vec<u8>>),
    Resized,
    Stopped,
    Continued,
    Frame,
    Flush,
    Tick,
    Nothing,
    News(Vec<Event>),
}

impl<'a, F: Fleet> Loop<'a, F> {
    fn new(desk: Desk<F>, terminal: &'a Terminal) -> Result<Loop<'a, F>, TerminalError> {
        let now = Instant::now();
        Ok(Loop {
            desk,
            terminal,
            painter: Painter::new()?,
            framed: now - FRAME,
            wanted: Some(now),
            decoder: Decoder::default(),
            typed: now,
            ended: None,
            suspends: None,
        })
    }

    async fn turn(mut self, hosts: Vec<Opened>) -> Result<Left, TerminalError> {
        let mut signals = Signals::listen()?;
        let mut keyboard = terminal::keyboard()?;
        let idle = self.painter.idle();
        self.step(Event::Resize(self.terminal.size()));
        let left = self.desk.start(hosts);
        self.act(left);
        let mut turned = Ok(());
        while self.ended.is_none() && turned.is_ok() {
            let (frame, flush, tick) = (self.frame_at(), self.flush_at(), self.desk.tick_at());
            let next = tokio::select! {
                biased;
                signalled = signals.next() => signalled,
                typed = keyboard.recv() => typed.map_or(Next::Ended(Ended::TerminalGone), Next::Typed),
                () = at(frame) => Next::Frame,
                () = at(flush) => Next::Flush,
                () = at(tick) => Next::Tick,
                () = idle.notified() => Next::Nothing,
                news = self.desk.news() => Next::News(news),
            };
            turned = self.take(next);
            if let (Some(stop), true) = (self.suspends.take(), turned.is_ok()) {
                turned = self.suspend(stop, &mut signals).await;
            }
        }
        // Also where the terminal has failed: what was logged so far is written to its end.
        let unkept = self.desk.finish().await;
        turned.map(|()| Left { ended: self.ended.unwrap_or(Ended::ByUser), unkept })
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
            Next::Nothing => {}
            Next::News(news) => self.hear(news),
        }
        if self.painter.is_broken() {
            self.ended = Some(Ended::TerminalGone);
        }
        Ok(())
    }

    /// Between two pieces of a long input: hosts say that they took what was typed before, and the picture goes on.
    /// Otherwise a paste without brackets would hold every host at its bound.
    fn breathe(&mut self) -> Result<(), TerminalError> {
        let said = self.desk.said();
        self.hear(said.unwrap_or_default());
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

    fn hear(&mut self, news: Vec<Event>) {
        news.into_iter().for_each(|event| self.step(event));
    }

    fn step(&mut self, event: Event) {
        let (is_key, had_keyboard) = (matches!(event, Event::Key(_)), self.has_keyboard());
        let left = self.desk.step(event);
        self.act(left);
        let is_ours = is_key && (had_keyboard || self.has_keyboard());
        let wanted = Instant::now() + if is_ours { Duration::ZERO } else { GATHERS };
        self.wanted = Some(self.wanted.map_or(wanted, |before| before.min(wanted)));
    }

    /// Is the next key for omnes itself?
    fn has_keyboard(&self) -> bool {
        let app = self.desk.app();
        app.is_prefixed() || !matches!(app.keyboard(), Keyboard::Hosts)
    }

    /// Does what the desk leaves to the screen.
    fn act(&mut self, effects: Vec<FrontEffect>) {
        for effect in effects {
            match effect {
                FrontEffect::Copy(text) => self.painter.copy(&text),
                FrontEffect::Motion(motion) => self.painter.report_motion(motion),
                FrontEffect::Bell => self.painter.ring(),
                FrontEffect::Redraw => self.painter.forget(),
                FrontEffect::Suspend => self.suspends = Some(Stop::Group),
                FrontEffect::Quit => self.ended = Some(Ended::ByUser),
                // All requests come through the socket here; whose client is gone waits for nothing.
                FrontEffect::Reply(..) => {}
            }
        }
    }

    /// When the next frame is due: when something changed, and the terminal has taken the last one.
    fn frame_at(&self) -> Option<Instant> {
        let due = self.wanted?.max(self.framed + FRAME);
        self.painter.is_idle().then_some(due)
    }

    /// When what was typed is complete as it is.
    fn flush_at(&self) -> Option<Instant> {
        let ends = if self.decoder.is_pasting() { PASTE_ENDS } else { ESCAPE_ENDS };
        self.decoder.is_waiting().then(|| self.typed + ends)
    }

    fn paint(&mut self) -> Result<(), TerminalError> {
        self.wanted = None;
        self.framed = Instant::now();
        // Frames are copied while they are recorded.
        self.painter.copies(match self.desk.keeper().records_screen() {
            true => Copies::Wanted,
            false => Copies::None,
        });
        self.painter.paint(self.desk.app())?;
        if let Some(frame) = self.painter.take_frame()
            && self.desk.keeper().frame(frame) == Framed::LeftOut
        {
            self.painter.forget();
        }
        Ok(())
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

/// Waits until a moment; for ever where there is none.
pub(super) async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

struct Signals {
    endings: Endings,
    interrupt: Signal,
    resized: Signal,
    stopped: Signal,
    continued: Signal,
}

impl Signals {
    fn listen() -> Result<Signals, TerminalError> {
        Ok(Signals {
            endings: Endings::listen()?,
            interrupt: signal(SignalKind::interrupt())?,
            resized: signal(SignalKind::window_change())?,
            stopped: signal(SignalKind::from_raw(rustix::process::Signal::TSTP.as_raw()))?,
            continued: signal(SignalKind::from_raw(rustix::process::Signal::CONT.as_raw()))?,
        })
    }

    async fn next(&mut self) -> Next {
        tokio::select! {
            biased;
            () = self.endings.next() => Next::Ended(Ended::BySignal),
            _ = self.interrupt.recv() => Next::Ended(Ended::BySignal),
            _ = self.resized.recv() => Next::Resized,
            _ = self.stopped.recv() => Next::Stopped,
            _ = self.continued.recv() => Next::Continued,
        }
    }
}
