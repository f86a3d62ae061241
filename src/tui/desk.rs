//! What stands around the app whoever shows it: the sessions, what they ask, the control socket, and what is written down.
//!
//! The `Desk` hears all of that (`news`), takes a step of the app for each event, and carries out what the app wants done
//! (`step`). What is left for whoever stands in front of it (`FrontEffect`) is little and has no answer; in front stand the
//! screen, the plain mode, or a rehearsal without either.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::ask::{Answer, BoxFuture};
use crate::session::{Listener, SessionEvent, SessionId};
use crate::size::Size;

use super::app::App;
use super::asker::{Asked, Questions, asker};
use super::control::socket::{self, Door};
use super::control::{ControlId, Response};
use super::event::{Effect, Event, Motion, Opened, QuestionId, TargetIndex};
use super::keep::Keeper;
use super::new_file;

/// Output taken from the hosts before keys and what is shown are looked at again: a few milliseconds of emulation.
const SHARE_BYTES: usize = 64 * 1024;

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
    /// Takes the run whose hosts the sessions show one step towards its end. Most fleets show none.
    fn interrupt(&mut self) {}
    /// Where sessions report.
    fn listener(&self) -> Arc<Listener>;
    /// Finds out which hosts an expression means; an error is a sentence. It may take its time.
    fn find(&self, expression: String) -> BoxFuture<'static, Result<Self::Found, String>>;
    /// Puts what was found at the end of the list, in the order of the hosts it returns.
    fn keep(&mut self, found: Self::Found) -> Vec<Opened>;
}

/// What the app has to do with besides the keyboard and the sessions.
pub struct Inlets {
    /// What sessions ask.
    pub questions: Questions,
    /// Where scripts knock, if they may.
    pub door: Option<Door>,
    /// Where things are written down.
    pub keeper: Keeper,
    /// Sentences about the run that is shown, if it is one; whoever sends them bounds their number.
    pub said: Option<mpsc::Receiver<String>>,
}

impl Inlets {
    /// Nobody asks, nobody knocks, and nothing is written down.
    pub(super) fn closed() -> Inlets {
        let (_, questions) = asker();
        Inlets { questions, door: None, keeper: Keeper::of_nothing(), said: None }
    }
}

/// What only whoever shows the app can do. The meaning of each is that of the [`Effect`] of its name.
#[derive(Clone)]
pub(super) enum FrontEffect {
    /// The response to a request that came through no socket, or whose client has gone.
    Reply(ControlId, Response),
    /// A text for the clipboard.
    Copy(String),
    /// Which motion of the mouse is wanted.
    Motion(Motion),
    /// Ring.
    Bell,
    /// Draw every cell anew.
    Redraw,
    /// Stop until the user wants us back.
    Suspend,
    /// The user leaves.
    Quit,
}

impl std::fmt::Debug for FrontEffect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            FrontEffect::Reply(id, response) => f.debug_tuple("Reply").field(id).field(response).finish(),
            FrontEffect::Copy(text) => write!(f, "Copy([{} bytes])", text.len()),
            FrontEffect::Motion(motion) => f.debug_tuple("Motion").field(motion).finish(),
            FrontEffect::Bell => f.write_str("Bell"),
            FrontEffect::Redraw => f.write_str("Redraw"),
            FrontEffect::Suspend => f.write_str("Suspend"),
            FrontEffect::Quit => f.write_str("Quit"),
        }
    }
}

/// What was found, and the request that asked for it, if it was one.
type Search<T> = (Option<ControlId>, Result<T, String>);

/// The app with all it has to do with, but for a screen and a keyboard.
pub(super) struct Desk<F: Fleet> {
    app: App,
    fleet: F,
    listener: Arc<Listener>,
    keeper: Keeper,
    questions: Questions,
    withdrawn: Arc<Notify>,
    door: Option<Door>,
    said: Option<mpsc::Receiver<String>>,
    began: Instant,
    /// Who waits for the answer to a question: connections that are open behind it, so no more than `ssh` keeps open.
    answers: HashMap<QuestionId, oneshot::Sender<Answer>>,
    /// Who waits for the answer to a request; one for each client at most.
    replies: HashMap<ControlId, oneshot::Sender<Response>>,
    /// What is being found out for the user; a few at most, each started by a line the user typed or by a client that waits.
    searches: JoinSet<Search<F::Found>>,
    /// Files that are being written, each on the user's word, with their names.
    files: JoinSet<(String, Result<(), String>)>,
}

/// What [`Desk::news`] waits for.
enum Heard<T> {
    Asked(Asked),
    Withdrawn,
    Knocked(socket::Asked),
    Found(Search<T>),
    Events(Vec<Event>),
}

impl<F: Fleet> Desk<F> {
    /// The app over the fleet, whose time begins now.
    pub(super) fn new(app: App, fleet: F, inlets: Inlets) -> Desk<F> {
        let Inlets { questions, door, keeper, said } = inlets;
        Desk {
            app,
            listener: fleet.listener(),
            fleet,
            keeper,
            withdrawn: questions.withdrawn(),
            questions,
            door,
            said,
            began: Instant::now(),
            answers: HashMap::new(),
            replies: HashMap::new(),
            searches: JoinSet::new(),
            files: JoinSet::new(),
        }
    }

    /// The app as it is.
    pub(super) fn app(&self) -> &App {
        &self.app
    }

    /// Where things are written down.
    pub(super) fn keeper(&mut self) -> &mut Keeper {
        &mut self.keeper
    }

    /// The time on the app's clock.
    pub(super) fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// The moment of a time on the app's clock.
    pub(super) fn moment(&self, time: Duration) -> Instant {
        self.began + time
    }

    /// When the app wants [`Event::Tick`].
    pub(super) fn tick_at(&self) -> Option<Instant> {
        self.app.wake_at().map(|at| self.moment(at))
    }

    /// Opens these hosts, whose targets are the first of the fleet's list.
    pub(super) fn start<H: Into<Opened>>(&mut self, hosts: Vec<H>) -> Vec<FrontEffect> {
        let effects = self.app.start(hosts);
        self.carry_out(effects)
    }

    /// The app hears of an event, and what it wants done is done; returns what is not the desk's to do.
    pub(super) fn step(&mut self, event: Event) -> Vec<FrontEffect> {
        let mut ended = None;
        if let Event::Session(session, event) = &event {
            self.keeper.hear(*session, event);
            ended = matches!(event, SessionEvent::Closed(_)).then_some(*session);
        }
        let effects = self.app.step(self.now(), event);
        let left = self.carry_out(effects);
        if let Some(session) = ended {
            self.fleet.forget(session);
        }
        left
    }

    /// What has happened next, as events to take steps with. What hosts say comes after all else, in shares. Nothing is lost
    /// when this is no longer waited for.
    pub(super) async fn news(&mut self) -> Vec<Event> {
        let heard = tokio::select! {
            biased;
            asked = self.questions.next() => Heard::Asked(asked),
            () = self.withdrawn.notified() => Heard::Withdrawn,
            told = self.keeper.told() => Heard::Events(vec![Event::Kept(told)]),
            sentence = told_of_run(&mut self.said) => Heard::Events(vec![Event::RunSaid(sentence)]),
            asked = knocked(&mut self.door) => Heard::Knocked(asked),
            Some(Ok(found)) = self.searches.join_next() => Heard::Found(found),
            Some(Ok((path, result))) = self.files.join_next() => {
                Heard::Events(vec![Event::FileWritten { path, result }])
            }
            heard = self.listener.next(SHARE_BYTES) => Heard::Events(of_sessions(heard)),
        };
        match heard {
            Heard::Asked(Asked { id, question, reply }) => {
                self.answers.insert(id, reply);
                vec![Event::Question(id, question)]
            }
            Heard::Withdrawn => self.withdraw(),
            Heard::Knocked(asked) => vec![self.knock(asked)],
            Heard::Found(found) => vec![self.found(found)],
            Heard::Events(events) => events,
        }
    }

    /// A share of what hosts have said so far, without waiting; nothing where they have said nothing.
    pub(super) fn said(&self) -> Option<Vec<Event>> {
        self.listener.next(SHARE_BYTES).now_or_never().map(of_sessions)
    }

    /// The end: what is to be kept is written. Returns what could not be, in sentences.
    pub(super) async fn finish(mut self) -> Vec<String> {
        let effects = self.app.end();
        // What only a front could do, nobody sees any more.
        drop(self.carry_out(effects));
        let set = self.app.open_set();
        self.keeper.finish(set).await
    }

    fn carry_out(&mut self, effects: Vec<Effect>) -> Vec<FrontEffect> {
        effects.into_iter().flat_map(|effect| self.carry_out_one(effect)).collect()
    }

    fn carry_out_one(&mut self, effect: Effect) -> Vec<FrontEffect> {
        match effect {
            Effect::Open { session, target, size } => self.fleet.open(session, target, size),
            Effect::Pardon => self.fleet.pardon(),
            Effect::Input { session, bytes } => self.fleet.input(session, bytes),
            Effect::Resize { session, size } => {
                self.keeper.resized(session, size);
                self.fleet.resize(session, size);
            }
            Effect::Close(session) => self.fleet.close(session),
            Effect::Interrupt => self.fleet.interrupt(),
            Effect::Answer(id, answer) => {
                if let Some(reply) = self.answers.remove(&id) {
                    // Who asked may have gone away this moment; then the answer is nobody's.
                    let _ = reply.send(answer);
                }
            }
            Effect::AddHosts(expression) => self.find(None, expression),
            Effect::FindFor(id, expression) => self.find(Some(id), expression),
            Effect::Reply(id, response) => match self.replies.remove(&id) {
                // Who asked may have gone away this moment.
                Some(reply) => drop(reply.send(response)),
                None => return vec![FrontEffect::Reply(id, response)],
            },
            Effect::Keep(keep) => {
                if let Some(refused) = self.keeper.keep(keep) {
                    return self.step(Event::Kept(refused));
                }
            }
            Effect::WriteFile { path, text } => {
                self.files.spawn_blocking(move || {
                    let result = new_file::write(&path, &text);
                    (path, result)
                });
            }
            Effect::Copy(text) => return vec![FrontEffect::Copy(text)],
            Effect::Motion(motion) => return vec![FrontEffect::Motion(motion)],
            Effect::Bell => return vec![FrontEffect::Bell],
            Effect::Redraw => return vec![FrontEffect::Redraw],
            Effect::Suspend => return vec![FrontEffect::Suspend],
            Effect::Quit => return vec![FrontEffect::Quit],
        }
        Vec::new()
    }

    fn find(&mut self, id: Option<ControlId>, expression: String) {
        let finding = AssertUnwindSafe(self.fleet.find(expression)).catch_unwind();
        // Whoever asked gets an answer even if the search panics: a script waits for it.
        self.searches.spawn(async move {
            let found = finding.await;
            (
                id,
                found
                    .unwrap_or_else(|_| Err("adding hosts failed inside omnes; please report it".to_owned())),
            )
        });
    }

    fn found(&mut self, (id, found): Search<F::Found>) -> Event {
        let found = found.map(|found| self.fleet.keep(found));
        match (id, found) {
            (Some(id), found) => Event::FoundFor(id, found),
            (None, Ok(hosts)) => Event::Added(hosts),
            (None, Err(why)) => Event::AddFailed(why),
        }
    }

    /// A client of the control socket asks for something, or has gone.
    fn knock(&mut self, asked: socket::Asked) -> Event {
        match asked {
            socket::Asked::Request(id, request, reply) => {
                self.replies.insert(id, reply);
                Event::Control(id, request)
            }
            socket::Asked::Gone(id) => {
                self.replies.remove(&id);
                Event::ControlGone(id)
            }
        }
    }

    /// Finds the questions whose askers are gone.
    fn withdraw(&mut self) -> Vec<Event> {
        let gone = self.answers.extract_if(|_, reply| reply.is_closed());
        gone.map(|(id, _)| Event::QuestionWithdrawn(id)).collect()
    }
}

/// What sessions report, as the app hears it.
fn of_sessions(heard: Vec<(SessionId, SessionEvent)>) -> Vec<Event> {
    heard.into_iter().map(|(session, event)| Event::Session(session, event)).collect()
}

/// What is said next of the run that is shown; nothing where there is none.
async fn told_of_run(said: &mut Option<mpsc::Receiver<String>>) -> String {
    if let Some(next) = said {
        match next.recv().await {
            Some(sentence) => return sentence,
            None => *said = None,
        }
    }
    std::future::pending().await
}

/// What comes next through the control socket; nothing where there is none.
async fn knocked(door: &mut Option<Door>) -> socket::Asked {
    match door {
        Some(door) => door.next().await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ask::{Ask, Question, SecretKind, SecretRequest};
    use crate::hosts::Host;
    use crate::tui::app::Options;
    use crate::tui::control::Request;

    /// Finds a host wherever its name is known, and has no sessions.
    struct Book(Arc<Listener>);

    impl Fleet for Book {
        type Found = Host;

        fn pardon(&mut self) {}
        fn open(&mut self, _: SessionId, _: TargetIndex, _: Size) {}
        fn input(&mut self, _: SessionId, _: Bytes) {}
        fn resize(&mut self, _: SessionId, _: Size) {}
        fn close(&mut self, _: SessionId) {}
        fn forget(&mut self, _: SessionId) {}
        fn listener(&self) -> Arc<Listener> {
            self.0.clone()
        }
        fn find(&self, expression: String) -> BoxFuture<'static, Result<Host, String>> {
            Box::pin(async move {
                match expression.as_str() {
                    "web01" => Ok(Host::new(None, "web01", None)),
                    "bomb" => panic!("provoked"),
                    other => Err(format!("{other} means nobody")),
                }
            })
        }
        fn keep(&mut self, found: Host) -> Vec<Opened> {
            vec![found.into()]
        }
    }

    fn desk(questions: Questions) -> Desk<Book> {
        let app = App::new(Options::default(), Size::DEFAULT);
        let inlets = Inlets { questions, ..Inlets::closed() };
        Desk::new(app, Book(Arc::default()), inlets)
    }

    fn alone() -> Desk<Book> {
        desk(asker().1)
    }

    #[tokio::test]
    async fn hosts_are_found_for_whoever_asked() {
        let mut desk = alone();
        let found = vec![Opened::from(Host::new(None, "web01", None))];
        for (effect, event) in [
            (Effect::AddHosts("web01".into()), Event::Added(found.clone())),
            (Effect::AddHosts("x".into()), Event::AddFailed("x means nobody".into())),
            (Effect::FindFor(ControlId(7), "web01".into()), Event::FoundFor(ControlId(7), Ok(found))),
            (
                Effect::FindFor(ControlId(8), "x".into()),
                Event::FoundFor(ControlId(8), Err("x means nobody".into())),
            ),
        ] {
            assert!(desk.carry_out(vec![effect]).is_empty());
            assert_eq!(desk.news().await, [event]);
        }
    }

    #[tokio::test]
    async fn what_a_run_says_is_heard_and_its_end_holds_nothing_up() {
        let (say, said) = mpsc::channel(1);
        let app = App::new(Options::default(), Size::DEFAULT);
        let inlets = Inlets { said: Some(said), ..Inlets::closed() };
        let mut desk = Desk::new(app, Book(Arc::default()), inlets);
        say.send("wave 1 of 2".to_owned()).await.expect("it is read");
        drop(say);
        assert_eq!(desk.news().await, [Event::RunSaid("wave 1 of 2".to_owned())]);
        assert!(desk.carry_out(vec![Effect::AddHosts("x".into())]).is_empty());
        assert_eq!(desk.news().await, [Event::AddFailed("x means nobody".into())]);
    }

    #[tokio::test]
    async fn a_search_that_panics_is_answered_to_whoever_asked() {
        let mut desk = alone();
        let told = || "adding hosts failed inside omnes; please report it".to_owned();
        for (effect, event) in [
            (Effect::FindFor(ControlId(7), "bomb".into()), Event::FoundFor(ControlId(7), Err(told()))),
            (Effect::AddHosts("bomb".into()), Event::AddFailed(told())),
        ] {
            assert!(desk.carry_out(vec![effect]).is_empty());
            assert_eq!(desk.news().await, [event]);
        }
    }

    #[tokio::test]
    async fn an_answer_goes_back_and_a_question_without_its_asker_is_withdrawn() {
        let (asker, questions) = asker();
        let mut desk = desk(questions);
        let question = Question::Secret(SecretRequest {
            kind: SecretKind::Password { user: "ann".to_owned(), cluster: None },
            host: Host::new(None, "a", None),
            refused: None,
        });
        let asking = asker.ask(question.clone());
        let answering = async {
            let news = desk.news().await;
            let [Event::Question(id, _)] = news[..] else { panic!("{news:?}") };
            assert!(desk.carry_out(vec![Effect::Answer(id, Answer::Nobody)]).is_empty());
            assert!(desk.answers.is_empty());
        };
        assert!(matches!(tokio::join!(asking, answering).0, Answer::Nobody));
        assert_eq!(desk.news().await, [], "it is looked whether somebody went, and nobody did");

        let mut asking = asker.ask(question);
        let asked = tokio::select! {
            biased;
            _ = &mut asking => panic!("nobody has answered"),
            news = desk.news() => news,
        };
        let [Event::Question(id, _)] = asked[..] else { panic!("{asked:?}") };
        drop(asking);
        assert_eq!(desk.news().await, [Event::QuestionWithdrawn(id)]);
        assert!(desk.answers.is_empty());
    }

    #[tokio::test]
    async fn a_reply_goes_to_the_client_that_waits_and_to_the_front_where_none_does() {
        let mut desk = alone();
        let refusal = || Response::Refused { said: "no".to_owned() };
        let request = Request::List { host: None };
        let (reply, answer) = oneshot::channel();
        let event = desk.knock(socket::Asked::Request(ControlId(1), request.clone(), reply));
        assert_eq!(event, Event::Control(ControlId(1), request.clone()));
        assert!(desk.carry_out(vec![Effect::Reply(ControlId(1), refusal())]).is_empty());
        assert_eq!(answer.await.expect("an answer"), refusal());

        let (reply, _gone) = oneshot::channel();
        desk.knock(socket::Asked::Request(ControlId(2), request, reply));
        assert_eq!(desk.knock(socket::Asked::Gone(ControlId(2))), Event::ControlGone(ControlId(2)));
        for id in [ControlId(0), ControlId(2)] {
            let left = desk.carry_out(vec![Effect::Reply(id, refusal())]);
            assert!(matches!(&left[..], [FrontEffect::Reply(of, _)] if *of == id), "{left:?}");
        }
    }

    #[tokio::test]
    async fn what_only_a_front_can_do_is_left_in_its_order_and_files_are_written() {
        let mut desk = alone();
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("copy.txt").display().to_string();
        let left = desk.carry_out(vec![
            Effect::Bell,
            Effect::WriteFile { path: path.clone(), text: "one\n".to_owned() },
            Effect::Copy("one".to_owned()),
            Effect::Quit,
        ]);
        assert!(
            matches!(&left[..], [FrontEffect::Bell, FrontEffect::Copy(text), FrontEffect::Quit] if text == "one"),
            "{left:?}"
        );
        assert_eq!(desk.news().await, [Event::FileWritten { path: path.clone(), result: Ok(()) }]);
        assert_eq!(std::fs::read_to_string(path).expect("the file"), "one\n");
    }
}
