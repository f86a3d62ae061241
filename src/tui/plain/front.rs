//! The loop of the plain mode: lines in, lines out, the same app and the same sessions as behind the screen.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};
use zeroize::Zeroizing;

use crate::ask::Answer;
use crate::pane::{Key, KeyCode, Mods};
use crate::session::{Listener, SessionEvent, SessionId};
use crate::tui::app::{App, Keyboard};
use crate::tui::asker::Asked;
use crate::tui::asker::Questions;
use crate::tui::control::protocol::Response;
use crate::tui::control::socket::Door;
use crate::tui::control::{ControlId, socket, text};
use crate::tui::event::{Effect, Event, Opened, QuestionId};
use crate::tui::event_loop::{Ended, Fleet, Inlets, Search, knocked};
use crate::tui::keep::Keeper;
use crate::tui::keep::words::Told;
use crate::tui::new_file;
use crate::tui::terminal::TerminalError;

use super::input::{Echoes, Typed, lines};
use super::output::Output;
use super::teller::{Charset, Teller};
use super::words::{self, Said};

/// Lines are told this long after the first of them, so that equal lines of many hosts meet.
const GATHERS: Duration = Duration::from_millis(150);

/// Output taken from the hosts before lines of the user are looked at again.
const SHARE_BYTES: usize = 64 * 1024;

/// How long the end of the program waits for a terminal, or a reader of a pipe, that takes nothing.
const LAST_LINES: Duration = Duration::from_secs(2);

/// Two C-c within this ask whether to leave, three leave.
const TWICE: Duration = Duration::from_secs(1);

/// Lines of ours that wait for the terminal; beyond, the oldest go.
const MOST_WAITING: usize = 10_000;

/// The plain mode's own requests; those of the socket count from 1.
const OWN: ControlId = ControlId(0);

/// Runs the plain mode over these hosts, whose targets are the first of the fleet's list, until it ends.
pub async fn run<F: Fleet>(
    app: App,
    hosts: Vec<Opened>,
    fleet: F,
    (inlets, charset): (Inlets, Charset),
) -> Result<Ended, TerminalError> {
    let Inlets { questions, door, keeper } = inlets;
    Front::new(app, fleet, (charset, keeper))?.turn(hosts, (questions, door)).await
}

struct Front<F: Fleet> {
    app: App,
    fleet: F,
    keeper: Keeper,
    listener: Arc<Listener>,
    teller: Teller,
    output: Output,
    echoes: Echoes,
    began: Instant,
    /// Since when there is something to tell.
    dirty: Option<Instant>,
    /// What is to be told besides what the app shows; at most [`MOST_WAITING`].
    waiting: Vec<String>,
    answers: HashMap<QuestionId, oneshot::Sender<Answer>>,
    replies: HashMap<ControlId, oneshot::Sender<Response>>,
    /// What is being found out for the user; a few at most.
    searches: JoinSet<Search<F::Found>>,
    /// Files that are being written, each on the user's word, with their names.
    files: JoinSet<(String, Result<(), String>)>,
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
    Asked(Asked),
    Withdrawn,
    Control(socket::Asked),
    Kept(Told),
    Nothing,
    Heard(Vec<(SessionId, SessionEvent)>),
}

impl<F: Fleet> Front<F> {
    fn new(mut app: App, fleet: F, (charset, keeper): (Charset, Keeper)) -> Result<Front<F>, TerminalError> {
        // A question is told, and opened by the user's word alone.
        app.ask_only_when_told();
        Ok(Front {
            app,
            listener: fleet.listener(),
            fleet,
            keeper,
            teller: Teller::new(charset),
            output: Output::new()?,
            echoes: Echoes::new()?,
            began: Instant::now(),
            dirty: Some(Instant::now()),
            waiting: vec!["omnes: one line for each event; :help shows what can be typed".to_owned()],
            answers: HashMap::new(),
            replies: HashMap::new(),
            searches: JoinSet::new(),
            files: JoinSet::new(),
            interrupts: Vec::new(),
            ended: None,
        })
    }

    async fn turn(
        mut self,
        hosts: Vec<Opened>,
        (mut questions, mut door): (Questions, Option<Door>),
    ) -> Result<Ended, TerminalError> {
        let mut signals = Signals::listen()?;
        let mut keyboard = lines()?;
        let listener = self.listener.clone();
        let (idle, withdrawn) = (self.output.idle(), questions.withdrawn());
        let effects = self.app.start(hosts);
        self.carry_out(effects);
        while self.ended.is_none() {
            let (tell, tick) = (self.tell_at(), self.tick_at());
            let next = tokio::select! {
                biased;
                signalled = signals.next() => signalled,
                typed = keyboard.recv() => typed.map_or(Next::Ended(Ended::TerminalGone), Next::Typed),
                () = at(tell) => Next::Tell,
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
                Some(written) = self.files.join_next() => {
                    if let Ok((path, result)) = written {
                        self.step(Event::FileWritten { path, result });
                    }
                    Next::Nothing
                }
                heard = listener.next(SHARE_BYTES) => Next::Heard(heard),
            };
            self.take(next);
        }
        let _ = timeout(LAST_LINES, self.output.finish()).await;
        self.tell();
        let set = self.app.open_set();
        self.keeper.finish(set).await;
        let _ = timeout(LAST_LINES, self.output.finish()).await;
        Ok(self.ended.unwrap_or(Ended::ByUser))
    }

    fn take(&mut self, next: Next) {
        match next {
            Next::Ended(ended) => self.ended = Some(ended),
            Next::Interrupted => self.interrupted(),
            Next::Typed(Typed::Piece(bytes)) => self.typed(&bytes),
            Next::Typed(Typed::End) => self.say("omnes: :quit leaves, `:keys C-d` sends C-d to the hosts"),
            Next::Tell => self.tell(),
            Next::Tick => self.step(Event::Tick),
            Next::Asked(asked) => {
                self.say(&format!("omnes: {} asks; `:answer` opens the questions", asked.question.host()));
                self.answers.insert(asked.id, asked.reply);
                self.step(Event::Question(asked.id, asked.question));
            }
            Next::Withdrawn => self.withdraw(),
            Next::Control(asked) => self.asked_for(asked),
            Next::Kept(told) => self.step(Event::Kept(told)),
            Next::Nothing => {}
            Next::Heard(heard) => self.hear(heard),
        }
        self.echoes.hide(words::hides(&self.app));
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
            return self.step_all(words::to_dialog(&self.app, left));
        }
        if words::must_be_told(&self.app) && !self.teller.has_told_dialog(&self.app) {
            return self.say(
                "omnes: this line came before the question was told: it answers nothing and went nowhere",
            );
        }
        if !matches!(self.app.keyboard(), Keyboard::Hosts | Keyboard::Scrollback) {
            return self.step_all(words::to_dialog(&self.app, line));
        }
        match words::read(line) {
            Said::Line(line) => self.line(&line, ended),
            Said::Help => self.say_all(words::help().iter().map(|line| format!("omnes: {line}")).collect()),
            Said::Wrong(why) => self.say(&format!("omnes: {why}")),
            Said::Request(request) => self.step(Event::Control(OWN, request)),
        }
        self.close_what_has_no_lines();
    }

    /// Types a line for the hosts that hear.
    fn line(&mut self, line: &str, ended: bool) {
        self.teller.typed(&self.app, line);
        self.step_all(words::keys_of(line).collect());
        if ended {
            self.step(Event::Key(Key::new(KeyCode::Enter, Mods::NONE)));
        }
    }

    /// What is made of keys and pictures only is left at once.
    fn close_what_has_no_lines(&mut self) {
        if matches!(self.app.keyboard(), Keyboard::Scrollback | Keyboard::Help(_)) {
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
        if !matches!(self.app.keyboard(), Keyboard::Hosts) {
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
        let of_one = matches!(event, Event::Session(..));
        let effects = self.app.step(self.began.elapsed(), event);
        self.carry_out(effects);
        if !of_one {
            self.teller.touch_all();
        }
        self.dirty.get_or_insert_with(Instant::now);
    }

    fn hear(&mut self, heard: Vec<(SessionId, SessionEvent)>) {
        for (session, event) in heard {
            self.keeper.hear(session, &event);
            let ends = matches!(event, SessionEvent::Closed(_));
            if let Some(member) = self.app.member_of(session) {
                self.teller.touch(member, self.began.elapsed());
            }
            self.step(Event::Session(session, event));
            if ends {
                self.fleet.forget(session);
            }
        }
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
                Effect::AddHosts(expression) => self.find(None, expression),
                Effect::FindFor(id, expression) => self.find(Some(id), expression),
                Effect::Reply(OWN, response) => self.say_all(told(&response)),
                Effect::Reply(id, response) => {
                    if let Some(reply) = self.replies.remove(&id) {
                        // Who asked may have gone away this moment.
                        let _ = reply.send(response);
                    }
                }
                Effect::WriteFile { path, text } => {
                    self.files.spawn_blocking(move || {
                        let result = new_file::write(&path, &text);
                        (path, result)
                    });
                }
                Effect::Keep(keep) => {
                    if let Some(told) = self.keeper.keep(keep) {
                        self.step(Event::Kept(told));
                    }
                }
                Effect::Quit => self.ended = Some(Ended::ByUser),
                Effect::Suspend => self.say("omnes: C-z suspends here"),
                // A bell rings with the line that says why; there is no clipboard and no picture here.
                Effect::Copy(_) | Effect::Bell | Effect::Redraw | Effect::Motion(_) => {}
            }
        }
    }

    fn find(&mut self, id: Option<ControlId>, expression: String) {
        let finding = self.fleet.find(expression);
        self.searches.spawn(async move { (id, finding.await) });
    }

    fn found(&mut self, id: Option<ControlId>, found: Result<F::Found, String>) {
        let found = found.map(|found| self.fleet.keep(found));
        self.step(match (id, found) {
            (Some(id), found) => Event::FoundFor(id, found),
            (None, Ok(hosts)) => Event::Added(hosts),
            (None, Err(why)) => Event::AddFailed(why),
        });
    }

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

    fn withdraw(&mut self) {
        let gone: Vec<QuestionId> =
            self.answers.iter().filter(|(_, reply)| reply.is_closed()).map(|(id, _)| *id).collect();
        for id in gone {
            self.answers.remove(&id);
            self.step(Event::QuestionWithdrawn(id));
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
        lines.extend(self.teller.tell(&self.app, self.began.elapsed()));
        self.output.write(&lines);
        if self.teller.has_more() {
            self.dirty = Some(Instant::now());
        }
    }

    /// When lines are told next: when there are some, and the terminal has taken the last ones.
    fn tell_at(&self) -> Option<Instant> {
        let dirty = self.dirty.map(|since| since + GATHERS);
        let due = dirty.into_iter().chain(self.teller.wake_at().map(|at| self.began + at)).min();
        due.filter(|_| self.output.is_idle())
    }

    fn tick_at(&self) -> Option<Instant> {
        self.app.wake_at().map(|at| self.began + at)
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
}

impl Signals {
    fn listen() -> Result<Signals, TerminalError> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
        })
    }

    async fn next(&mut self) -> Next {
        tokio::select! {
            biased;
            _ = self.terminate.recv() => Next::Ended(Ended::BySignal),
            _ = self.hangup.recv() => Next::Ended(Ended::BySignal),
            _ = self.quit.recv() => Next::Ended(Ended::BySignal),
            _ = self.interrupt.recv() => Next::Interrupted,
        }
    }
}
