//! `omnes run --tui`: the same run, shown in the tiles of the TUI.
//!
//! The run is carried out as ever, by the fan-out with its journal and its budget. What happens is seen by a witness
//! ([`Seen`]) that turns it into what a session reports, so the app shows a host of a run as it shows any session; neither
//! room knows of the other. The first sessions are the hosts of the plan, in its order; all later ones are shells, opened
//! through the same connector. What belongs on standard error waits in [`Later`] until the screen is gone.

use std::io::{self, Write};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, bail};
use bytes::Bytes;
use secrecy::SecretString;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::args::{HowArgs, LogArgs, ShownArgs};
use super::headless::Interrupts;
use super::journal::{Kept, Record};
use super::screen::{self, Panes, Reached};
use super::{OwnFault, front, headless, keeping, reading, secrets};
use crate::ask::{Ask, BoxFuture};
use crate::config::Config;
use crate::escape;
use crate::run::report::{Sink, Sinks};
use crate::run::schedule::Pause;
use crate::run::{Ends, Happened, HostIx, Interrupt, Job, Plan, Summary, Witness};
use crate::session::{Listener, Mailbox, SessionEvent, SessionId, Wait};
use crate::size::Size;
use crate::ssh::{Stage as Connecting, UserEnvironment};
use crate::tui::app::{App, FoldOptions, FoldView, Options, SetsKept, Work};
use crate::tui::asker::{Questions, asker};
use crate::tui::desk::{Fleet, Inlets};
use crate::tui::event::{Opened, TargetIndex};
use crate::tui::event_loop::{self, Ended, Left};
use crate::tui::keep::{Keeper, Places};

/// Steps towards the end that wait for the run: three are all there are, from the keyboard and as signals.
const STEPS: usize = 8;

/// Sentences of the run that wait to be shown; those beyond are told when the screen is gone, as all of them are.
const SENTENCES: usize = 16;

/// Where a run is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// On the standard streams.
    AsLines,
    /// On the whole screen.
    OnScreen,
}

impl Shown {
    /// As the command line says; an error says what does not go together, before anything is contacted.
    pub(super) fn new(args: &ShownArgs, how: &HowArgs) -> anyhow::Result<Shown> {
        if !args.tui || how.consent.plan {
            return Ok(Shown::AsLines);
        }
        let reading = &how.reading;
        let other = [
            (reading.output.is_some(), "--output"),
            (reading.gather, "-b"),
            (reading.diff, "--diff"),
            (reading.diff_from.is_some(), "--diff-from"),
            (reading.verbose, "--verbose"),
        ];
        if let Some((_, option)) = other.iter().find(|(given, _)| *given) {
            bail!(
                "{option} says how a run is told as lines, and --tui shows it on the screen; leave one of them out"
            );
        }
        if how.pacing.pause == Some(Pause::Look) {
            bail!(
                "--pause asks on the terminal, which --tui takes; write --pause 60s to wait between the waves"
            );
        }
        match front::no_tiles() {
            Some(why) => bail!(why),
            None => Ok(Shown::OnScreen),
        }
    }

    /// What is wanted for the screen, where there is to be one.
    pub(super) fn stage(
        self,
        password: Option<SecretString>,
        config: &Config,
        environment: &UserEnvironment,
    ) -> anyhow::Result<Option<Stage>> {
        match self {
            Shown::AsLines => Ok(None),
            Shown::OnScreen => Stage::new(password, config, environment).map(Some),
        }
    }
}

/// Carries out a run, on a screen where there is a stage for it.
pub(super) async fn carry_out(
    stage: Option<Stage>,
    job: Job,
    (how, record): (&HowArgs, Record),
    interrupts: Interrupts,
) -> anyhow::Result<Summary> {
    match stage {
        Some(stage) => stage.carry_out(job, how, record, interrupts).await,
        None => headless::carry_out(job, how, record, interrupts).await,
    }
}

/// All that is wanted for a screen before the run is made.
pub(super) struct Stage {
    options: Options,
    places: Places,
    ask: Arc<dyn Ask>,
    questions: Questions,
    logins: usize,
}

impl Stage {
    /// The preferences are looked at now, before anything is contacted.
    fn new(
        password: Option<SecretString>,
        config: &Config,
        environment: &UserEnvironment,
    ) -> anyhow::Result<Stage> {
        let (asker, questions) = asker();
        let none = LogArgs::default();
        let options = keeping::options(screen::options(config)?, config, &none);
        Ok(Stage {
            options: Options {
                fold: FoldOptions { view: FoldView::On, ..options.fold },
                // The run itself can be gone on with (`--resume`); its tiles are no set of sessions.
                sets: SetsKept::Passing,
                work: Work::Command,
                ..options
            },
            places: keeping::passing(keeping::places(config, environment, &none)?),
            ask: secrets::before(password, secrets::Place::Login, Arc::new(asker)),
            questions,
            logins: screen::logins(None, config),
        })
    }

    /// Who is asked: the user, on the screen.
    pub(super) fn ask(&self) -> Arc<dyn Ask> {
        self.ask.clone()
    }

    /// Carries out a run while it is shown. When the user has left the screen, what is not over goes on to its end.
    async fn carry_out(
        self,
        job: Job,
        how: &HowArgs,
        record: Record,
        interrupts: Interrupts,
    ) -> anyhow::Result<Summary> {
        let (steps, taken) = mpsc::channel(STEPS);
        let (sentences, said) = mpsc::channel(SENTENCES);
        let (later, gone) = (Later::default(), CancellationToken::new());
        let hosts = opened(&job.plan);
        let panes = Panes::new(
            job.connector.clone(),
            self.logins,
            job.targets.clone(),
            Arc::new(|_| Err(NO_MORE.into())),
        );
        let fleet = RunPanes { panes, of_run: hosts.len(), steps: steps.clone() };
        let seen = Seen::new(fleet.listener(), hosts.len(), (sentences, gone.clone()));
        let writer = reading::writer_beside_screen(&how.reading, &job.plan, later.ends())?;
        let keeper = Keeper::start(self.places).context(OwnFault("no thread can be started".into()))?;
        let kept = Kept::open(&job.plan, &how.journal, record)?;
        let inlets = Inlets { questions: self.questions, door: None, keeper, said: Some(said) };
        let relay = tokio::spawn(pass_on(interrupts, steps.clone()));

        let writer = writer.with_witness(Box::new(seen));
        let mut run = pin!(crate::run::run_kept(job, writer, kept.journal.clone(), taken));
        let mut shown = pin!(event_loop::run(App::new(self.options, Size::DEFAULT), hosts, fleet, inlets));
        let mut over = None;
        let left = loop {
            tokio::select! {
                left = &mut shown => break left,
                summary = &mut run, if over.is_none() => over = Some(summary),
            }
        };
        gone.cancel();
        later.begin();
        if !matches!(&left, Ok(Left { ended: Ended::ByUser | Ended::BySignal, .. })) {
            // Nobody can look any more. INT, TERM and HUP have reached the run by themselves; after QUIT it goes on as it is.
            let _ = steps.try_send(Interrupt::Term);
        }
        let summary = match over {
            Some(summary) => summary,
            None => run.await,
        };
        relay.abort();
        let left = left.context(OwnFault("the terminal cannot be used".into()))?;
        left.unkept.iter().for_each(|said| front::notice(said));
        Ok(kept.closed(summary))
    }
}

/// Why nothing is added.
const NO_MORE: &str = "a run has the hosts that it began with; `omnes open` opens others";

/// The hosts of a plan as the app takes them.
fn opened(plan: &Plan) -> Vec<Opened> {
    let hosts = plan.hosts.iter().cloned().zip(plan.facts.iter().cloned());
    hosts.map(|(host, facts)| Opened { host, facts }).collect()
}

/// Signals are steps too.
async fn pass_on(mut interrupts: Interrupts, steps: mpsc::Sender<Interrupt>) {
    while let Some(interrupt) = interrupts.recv().await {
        if steps.send(interrupt).await.is_err() {
            return;
        }
    }
}

/// The sessions of a run that is shown: the first are hosts of the run, which it connects itself, the others shells.
struct RunPanes {
    panes: Panes,
    /// How many are hosts of the run.
    of_run: usize,
    steps: mpsc::Sender<Interrupt>,
}

impl RunPanes {
    /// The session of a host of the run: the app numbers them in the order of the plan.
    fn is_of_run(&self, session: SessionId) -> bool {
        usize::try_from(session.0).is_ok_and(|number| number < self.of_run)
    }
}

/// The hub knows nothing of the sessions of the run, so what is meant for one of them is nothing to it.
impl Fleet for RunPanes {
    type Found = Vec<Reached>;

    fn pardon(&mut self) {
        self.panes.pardon();
    }

    fn open(&mut self, session: SessionId, target: TargetIndex, size: Size) {
        if !self.is_of_run(session) {
            self.panes.open(session, target, size);
        }
    }

    fn input(&mut self, session: SessionId, bytes: Bytes) {
        self.panes.input(session, bytes);
    }

    fn resize(&mut self, session: SessionId, size: Size) {
        self.panes.resize(session, size);
    }

    fn close(&mut self, session: SessionId) {
        self.panes.close(session);
    }

    fn forget(&mut self, session: SessionId) {
        self.panes.forget(session);
    }

    fn interrupt(&mut self) {
        // Full only where more steps wait than there are.
        let _ = self.steps.try_send(Interrupt::Int);
    }

    fn listener(&self) -> Arc<Listener> {
        self.panes.listener()
    }

    fn find(&self, expression: String) -> BoxFuture<'static, Result<Vec<Reached>, String>> {
        self.panes.find(expression)
    }

    fn keep(&mut self, found: Vec<Reached>) -> Vec<Opened> {
        self.panes.keep(found)
    }
}

/// Turns what happens in a run into what sessions report. Output waits for room in the mailbox of its host, and with it
/// the run's queue, its hosts and their SSH windows.
struct Seen {
    listener: Arc<Listener>,
    hosts: Vec<Host>,
    sentences: mpsc::Sender<String>,
    /// Cancelled when the screen is gone: nobody takes anything out of the mailboxes then.
    gone: CancellationToken,
}

/// One host of the run.
struct Host {
    mailbox: Arc<Mailbox>,
    /// Whether its last byte was a carriage return.
    ends_in_return: bool,
}

impl Seen {
    fn new(
        listener: Arc<Listener>,
        hosts: usize,
        (sentences, gone): (mpsc::Sender<String>, CancellationToken),
    ) -> Seen {
        let host = |number| Host { mailbox: Mailbox::new(SessionId(number)), ends_in_return: false };
        let hosts = (0..u32::try_from(hosts).unwrap_or(u32::MAX)).map(host).collect();
        Seen { listener, hosts, sentences, gone }
    }

    fn post(&self, HostIx(host): HostIx, event: SessionEvent) {
        self.listener.post(&self.hosts[host].mailbox, event);
    }

    fn print(&mut self, HostIx(host): HostIx, text: &[u8]) {
        let Host { mailbox, ends_in_return } = &mut self.hosts[host];
        let text = Bytes::from(for_terminal(text, ends_in_return));
        Handle::current().block_on(async {
            tokio::select! {
                () = self.listener.room(mailbox) => self.listener.post(mailbox, SessionEvent::Output(text)),
                () = self.gone.cancelled() => {}
            }
        });
    }
}

impl Witness for Seen {
    fn see(&mut self, happened: &Happened) {
        if self.gone.is_cancelled() {
            return;
        }
        match happened {
            Happened::Began(host) => self.post(*host, SessionEvent::Connecting(Connecting::Resolve)),
            Happened::Sent(host) => self.post(*host, SessionEvent::Running),
            Happened::Said(host, _, bytes) => self.print(*host, bytes),
            Happened::Again(host, outcome, wait) => {
                let why = escape::text(&outcome.to_string(), 400);
                let text = format!("[omnes: {why}; it is tried again in {:.1} s]\n", wait.as_secs_f64());
                self.print(*host, text.as_bytes());
                self.post(*host, SessionEvent::Waiting(Wait::Turn));
            }
            Happened::Ended(host, outcome, _) => self.post(*host, SessionEvent::Closed(outcome.clone())),
            Happened::Notice(sentence) => {
                // What finds no room is told when the screen is gone.
                let _ = self.sentences.try_send(sentence.clone());
            }
            // No command tells of files.
            Happened::Moved(..) | Happened::Files(..) => {}
            Happened::Reached(..) | Happened::Step(..) | Happened::Looked => {}
        }
    }
}

/// What a command wrote without a terminal, for one: each line begins at the left, as a terminal's own line discipline
/// would see to.
fn for_terminal(text: &[u8], ends_in_return: &mut bool) -> Vec<u8> {
    let mut shown = Vec::with_capacity(text.len() + text.len() / 32 + 1);
    for byte in text {
        if *byte == b'\n' && !*ends_in_return {
            shown.push(b'\r');
        }
        shown.push(*byte);
        *ends_in_return = *byte == b'\r';
    }
    shown
}

/// Standard error for as long as there is a screen in front of it: kept, and written when the screen is gone. It is bounded
/// by the hosts of the run: who did not do well, sentences about the run and its summary, and no output.
#[derive(Clone, Default)]
struct Later(Arc<Mutex<Waiting>>);

#[derive(Default)]
struct Waiting {
    kept: Vec<u8>,
    begun: bool,
}

impl Later {
    /// As the streams of a run: standard output has nothing in it where no output is told.
    fn ends(&self) -> Ends {
        let sinks = Sinks { out: Sink::Terminal, err: Sink::Terminal };
        Ends { out: Box::new(self.clone()), err: Box::new(self.clone()), sinks }
    }

    /// The screen is gone.
    fn begin(&self) {
        let mut waiting = self.lock();
        waiting.begun = true;
        let kept = std::mem::take(&mut waiting.kept);
        // Whoever closed our standard error does not want to know.
        let _ = io::stderr().write_all(&kept);
    }

    /// Whole at every step, also if a holder panicked.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for Later {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        let mut waiting = self.lock();
        match waiting.begun {
            true => io::stderr().write(text),
            false => {
                waiting.kept.extend_from_slice(text);
                Ok(text.len())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::{ConsentArgs, PacingArgs, ReadingArgs};
    use crate::outcome::Outcome;
    use std::time::Duration;

    #[test]
    fn what_does_not_go_together_is_said_by_name() {
        let tui = ShownArgs { tui: true };
        let gather = || ReadingArgs { gather: true, ..ReadingArgs::default() };
        let how = || HowArgs { reading: gather(), ..HowArgs::default() };
        let said = Shown::new(&tui, &how()).expect_err("two forms").to_string();
        assert!(said.starts_with("-b says how a run is told as lines"), "{said}");
        let pacing = PacingArgs { pause: Some(Pause::Look), ..PacingArgs::default() };
        let said = Shown::new(&tui, &HowArgs { pacing, ..HowArgs::default() }).expect_err("no terminal left");
        assert!(said.to_string().contains("write --pause 60s"), "{said}");
        // Without it nothing is looked at; and a forecast is text wherever it is asked for.
        assert_eq!(Shown::new(&ShownArgs::default(), &how()).expect("lines"), Shown::AsLines);
        let consent = ConsentArgs { plan: true, ..ConsentArgs::default() };
        assert_eq!(Shown::new(&tui, &HowArgs { consent, ..how() }).expect("a forecast"), Shown::AsLines);
    }

    #[test]
    fn lines_begin_at_the_left_however_they_are_cut() {
        let mut ends_in_return = false;
        let mut shown = Vec::new();
        for piece in ["a\nb\r", "\nc\r\n", "\n"] {
            shown.extend(for_terminal(piece.as_bytes(), &mut ends_in_return));
        }
        assert_eq!(String::from_utf8(shown).expect("text"), "a\r\nb\r\nc\r\n\r\n");
    }

    #[tokio::test]
    async fn a_host_of_a_run_reports_what_a_session_would() {
        let (sentences, mut said) = mpsc::channel(1);
        let listener = Arc::new(Listener::default());
        let mut seen = Seen::new(listener.clone(), 2, (sentences, CancellationToken::new()));
        let told = tokio::task::spawn_blocking(move || {
            let host = HostIx(1);
            let text = Bytes::from_static(b"up\n");
            for happened in [
                Happened::Began(host),
                Happened::Sent(host),
                Happened::Said(host, crate::run::Stream::Out, text),
                Happened::Ended(host, Outcome::Exited(3), Duration::ZERO),
                Happened::Notice("first".to_owned()),
                Happened::Notice("there is no room for it".to_owned()),
            ] {
                seen.see(&happened);
            }
        });
        told.await.expect("nobody waits for anything");
        let expected = [
            SessionEvent::Connecting(Connecting::Resolve),
            SessionEvent::Running,
            SessionEvent::Output(Bytes::from_static(b"up\r\n")),
            SessionEvent::Closed(Outcome::Exited(3)),
        ];
        assert_eq!(listener.next(1 << 20).await, expected.map(|event| (SessionId(1), event)));
        assert_eq!(said.recv().await.as_deref(), Some("first"));
        assert_eq!(said.recv().await, None);
    }

    #[tokio::test]
    async fn a_screen_that_is_gone_holds_no_host_up() {
        let (sentences, _said) = mpsc::channel(1);
        let gone = CancellationToken::new();
        let mut seen = Seen::new(Arc::default(), 1, (sentences, gone.clone()));
        let flood = tokio::task::spawn_blocking(move || {
            let piece = Bytes::from(vec![b'x'; 64 << 10]);
            for _ in 0..100 {
                seen.see(&Happened::Said(HostIx(0), crate::run::Stream::Out, piece.clone()));
            }
        });
        tokio::task::yield_now().await;
        assert!(!flood.is_finished(), "nobody reads, so it waits");
        gone.cancel();
        flood.await.expect("it goes on to its end");
    }
}
