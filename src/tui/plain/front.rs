//! The loop of the plain mode: lines in, lines out, the same app and the same sessions as behind the screen.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, timeout};
use zeroize::Zeroizing;

use crate::pane::{Key, KeyCode, Mods};
use crate::tui::app::{App, Keyboard};
use crate::tui::control::protocol::Response;
use crate::tui::control::{ControlId, text};
use crate::tui::desk::{Desk, Fleet, FrontEffect, Inlets};
use crate::tui::event::{Event, Opened};
use crate::tui::event_loop::{Ended, Left, at};
use crate::tui::signals::Endings;
use crate::tui::terminal::TerminalError;

use super::input::{Echoes, Typed, lines};
use super::output::Output;
use super::teller::{Charset, Teller};
use super::words::{self, Said};

/// Lines are told this long after the first of them, so that equal lines of many hosts meet.
const GATHERS: Duration = Duration::from_millis(150);

/// How long the end of the program waits for a terminal, or a reader of a pipe, that takes nothing.
const LAST_LINES: Duration = Duration::from_secs(2);

/// Two C-c within this ask whether to leave, three leave.
const TWICE: Duration = Duration::from_secs(1);

/// Lines of ours that wait for the terminal; beyond, the oldest go.
const MOST_WAITING: usize = 10_000;

/// Runs the plain mode over these hosts, whose targets are the first of the fleet's list, until it ends.
pub async fn run<F: Fleet>(
    mut app: App,
    hosts: Vec<Opened>,
    fleet: F,
    (inlets, charset): (Inlets, Charset),
) -> Result<Left, TerminalError> {
    // A question is told, and opened by the user's word alone.
    app.ask_only_when_told();
    Front::new(Desk::new(app, fleet, inlets), charset)?.turn(hosts).await
}

struct Front<F: Fleet> {
    desk: Desk<F>,
    teller: Teller,
    output: Output,
    echoes: Echoes,
    /// Since when there is something to tell.
    dirty: Option<Instant>,
    /// What is to be told besides what the app shows; at most [`MOST_WAITING`].
    waiting: Vec<String>,
    /// The last interrupts, at most two.
    interrupts: Vec<Instant>,
    ended: Option<Ended>,
}

enum Next {
    Ended(Ended),
    Interrupted,
    Typed(Typed),
    Tell,
    Tick,
    Nothing,
    News(Vec<Event>),
}

impl<F: Fleet> Front<F> {
    fn new(desk: Desk<F>, charset: Charset) -> Result<Front<F>, TerminalError> {
        Ok(Front {
            desk,
            teller: Teller::new(charset),
            output: Output::new()?,
            echoes: Echoes::new()?,
            dirty: Some(Instant::now()),
            waiting: vec!["omnes: one line for each event; :help shows what can be typed".to_owned()],
            interrupts: Vec::new(),
            ended: None,
        })
    }

    async fn turn(mut self, hosts: Vec<Opened>) -> Result<Left, TerminalError> {
        let mut signals = Signals::listen()?;
        let mut keyboard = lines()?;
        let idle = self.output.idle();
        let left = self.desk.start(hosts);
        self.act(left);
        while self.ended.is_none() {
            let (tell, tick) = (self.tell_at(), self.desk.tick_at());
            let next = tokio::select! {
                biased;
                signalled = signals.next() => signalled,
                typed = keyboard.recv() => typed.map_or(Next::Ended(Ended::TerminalGone), Next::Typed),
                () = at(tell) => Next::Tell,
                () = at(tick) => Next::Tick,
                () = idle.notified() => Next::Nothing,
                news = self.desk.news() => Next::News(news),
            };
            self.take(next);
        }
        let _ = timeout(LAST_LINES, self.output.finish()).await;
        self.tell();
        let unkept = self.desk.finish().await;
        let _ = timeout(LAST_LINES, self.output.finish()).await;
        Ok(Left { ended: self.ended.unwrap_or(Ended::ByUser), unkept })
    }

    fn take(&mut self, next: Next) {
        match next {
            Next::Ended(ended) => self.ended = Some(ended),
            Next::Interrupted => self.interrupted(),
            Next::Typed(Typed::Piece(bytes)) => self.typed(&bytes),
            Next::Typed(Typed::End) => self.say("omnes: :quit leaves, `:keys C-d` sends C-d to the hosts"),
            Next::Tell => self.tell(),
            Next::Tick => self.step(Event::Tick),
            Next::Nothing => {}
            Next::News(news) => self.step_all(news),
        }
        self.echoes.hide(words::hides(self.desk.app()));
        if self.output.is_broken() {
            self.ended = Some(Ended::TerminalGone);
        }
    }

    /// A line of the user's, or a piece of one that was sent without its end.
    fn typed(&mut self, bytes: &[u8]) {
        let text = Zeroizing::new(String::from_utf8_lossy(bytes).into_owned());
        let (line, ended) = match text.strip_suffix('\n') {
            Some(line) => (line, true),
            None => (text.as_str(), false),
        };
        if self.echoes.are_hidden() {
            let left = if line.contains('\x03') { ":later" } else { line };
            return self.step_all(words::to_dialog(self.desk.app(), left));
        }
        if words::must_be_told(self.desk.app()) && !self.teller.has_told_dialog(self.desk.app()) {
            return self.say(
                "omnes: this line came before the question was told: it answers nothing and went nowhere",
            );
        }
        if !matches!(self.desk.app().keyboard(), Keyboard::Hosts | Keyboard::Scrollback) {
            return self.step_all(words::to_dialog(self.desk.app(), line));
        }
        match words::read(line) {
            Said::Line(line) => self.line(&line, ended),
            Said::Help => self.say_all(words::help().iter().map(|line| format!("omnes: {line}")).collect()),
            Said::Wrong(why) => self.say(&format!("omnes: {why}")),
            Said::Request(request) => self.step(Event::Control(ControlId::LINES, request)),
        }
        self.close_what_has_no_lines();
    }

    /// Types a line for the hosts that hear.
    fn line(&mut self, line: &str, ended: bool) {
        self.teller.typed(self.desk.app(), line);
        self.step_all(words::keys_of(line).collect());
        if ended {
            self.step(Event::Key(Key::new(KeyCode::Enter, Mods::NONE)));
        }
    }

    /// What is made of keys and pictures only is left at once.
    fn close_what_has_no_lines(&mut self) {
        if matches!(self.desk.app().keyboard(), Keyboard::Scrollback | Keyboard::Help(_)) {
            self.step(Event::Key(Key::new(KeyCode::Esc, Mods::NONE)));
            self.say("omnes: that is shown on a screen only; `:dump` and `:help` tell it in lines");
        }
    }

    /// C-c goes to the hosts; two of them in a second say how to leave, three leave.
    fn interrupted(&mut self) {
        let now = Instant::now();
        self.interrupts.retain(|at| now - *at < TWICE);
        if self.interrupts.len() == 2 {
            self.ended = Some(Ended::ByUser);
            return;
        }
        self.interrupts.push(now);
        if !matches!(self.desk.app().keyboard(), Keyboard::Hosts) {
            return self.step(Event::Key(Key::new(KeyCode::Esc, Mods::NONE)));
        }
        self.step(Event::Key(Key::new(KeyCode::Char('c'), Mods::CTRL)));
        if self.interrupts.len() == 2 {
            self.say("omnes: C-c went to the hosts; once more now leaves omnes, and so does :quit");
        }
    }

    fn step_all(&mut self, events: Vec<Event>) {
        events.into_iter().for_each(|event| self.step(event));
    }

    fn step(&mut self, event: Event) {
        self.mark(&event);
        let left = self.desk.step(event);
        self.act(left);
        self.dirty.get_or_insert_with(Instant::now);
    }

    /// Marks of whom something may be new by this event.
    fn mark(&mut self, event: &Event) {
        if let Event::Question(_, question) = event {
            self.say(&format!("omnes: {} asks; `:answer` opens the questions", question.host()));
        }
        let Event::Session(session, _) = event else { return self.teller.touch_all() };
        if let Some(member) = self.desk.app().member_of(*session) {
            self.teller.touch(member, self.desk.now());
        }
    }

    /// Does what the desk leaves to the plain mode.
    fn act(&mut self, effects: Vec<FrontEffect>) {
        for effect in effects {
            match effect {
                FrontEffect::Reply(ControlId::LINES, response) => self.say_all(told(&response)),
                FrontEffect::Suspend => self.say("omnes: C-z suspends here"),
                FrontEffect::Quit => self.ended = Some(Ended::ByUser),
                // Its client is gone.
                FrontEffect::Reply(..) => {}
                // A bell rings with the line that says why; there is no clipboard and no picture here.
                FrontEffect::Copy(_) | FrontEffect::Bell | FrontEffect::Redraw | FrontEffect::Motion(_) => {}
            }
        }
    }

    fn say(&mut self, line: &str) {
        self.say_all(vec![line.to_owned()]);
    }

    fn say_all(&mut self, lines: Vec<String>) {
        self.waiting.extend(lines);
        let over = self.waiting.len().saturating_sub(MOST_WAITING);
        self.waiting.drain(..over);
        self.dirty.get_or_insert_with(Instant::now);
    }

    /// Tells what is new, all of it at once.
    fn tell(&mut self) {
        self.dirty = None;
        let mut lines: Vec<String> =
            std::mem::take(&mut self.waiting).iter().map(|line| self.teller.shown(line)).collect();
        lines.extend(self.teller.tell(self.desk.app(), self.desk.now()));
        self.output.write(&lines);
        if self.teller.has_more() {
            self.dirty = Some(Instant::now());
        }
    }

    /// When lines are told next: when there are some, and the terminal has taken the last ones.
    fn tell_at(&self) -> Option<Instant> {
        let dirty = self.dirty.map(|since| since + GATHERS);
        let due = dirty.into_iter().chain(self.teller.wake_at().map(|at| self.desk.moment(at))).min();
        due.filter(|_| self.output.is_idle())
    }
}

/// A response as lines.
fn told(response: &Response) -> Vec<String> {
    let all = |text: String| text.lines().map(str::to_owned).collect();
    match response {
        // The sentence stands as the app's note too, and is told once.
        Response::Done { .. } => Vec::new(),
        Response::Hosts { hosts } => all(text::table(hosts)),
        Response::Screens { screens } => all(text::screens(screens, text::Equal::Gathered)),
        Response::Waited { said, .. } | Response::Refused { said } | Response::Usage { said } => {
            vec![format!("omnes: {said}")]
        }
    }
}

struct Signals {
    endings: Endings,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> Result<Signals, TerminalError> {
        Ok(Signals { endings: Endings::listen()?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) -> Next {
        tokio::select! {
            biased;
            () = self.endings.next() => Next::Ended(Ended::BySignal),
            _ = self.interrupt.recv() => Next::Interrupted,
        }
    }
}
