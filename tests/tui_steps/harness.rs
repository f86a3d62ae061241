//! An app with hosts that exist only as what was sent to them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use bytes::Bytes;
use omnes::ask::{
    Answer, Before, Echo, HostPrompt, KeyOrigin, Question, SecretKind, SecretRequest, UnknownKey,
};
use omnes::broadcast::MemberId;
use omnes::hosts::{Facts, Host};
use omnes::outcome::{Outcome, Unknown};
use omnes::pane::{Key, Mods, MouseButton, MouseEvent, MouseKind};
use omnes::session::{SessionEvent, SessionId};
use omnes::size::Size;
use omnes::tui::app::{App, Options, QUIET};
use omnes::tui::draw;
use omnes::tui::event::{Effect, Event, Opened, QuestionId};
use ratatui::buffer::Buffer;
use unicode_width::UnicodeWidthStr;

/// A screen on which two tiles stand above each other.
pub(crate) const SMALL: Size = Size { rows: 25, cols: 80 };

/// An app and what became of its effects.
pub(crate) struct Ui {
    pub(crate) app: App,
    pub(crate) now: Duration,
    /// Everything each session was sent.
    pub(crate) sent: HashMap<SessionId, Vec<u8>>,
    /// The present session of each host, by the host's name.
    pub(crate) session: BTreeMap<String, SessionId>,
    /// Hosts that take no input: their chunks stay under way.
    pub(crate) stuck: HashSet<SessionId>,
    /// Every effect but input, in order.
    pub(crate) effects: Vec<Effect>,
    targets: Vec<String>,
    questions: u64,
}

impl Ui {
    /// Hosts of these names, connecting.
    pub(crate) fn connecting(options: Options, size: Size, names: &[&str]) -> Ui {
        let mut ui = Ui {
            app: App::new(options, size),
            now: Duration::from_secs(1),
            sent: HashMap::new(),
            session: BTreeMap::new(),
            stuck: HashSet::new(),
            effects: Vec::new(),
            targets: names.iter().map(|name| name.to_string()).collect(),
            questions: 0,
        };
        let effects = ui.app.start(names.iter().map(|name| host(name)));
        ui.take(effects);
        ui
    }

    /// Ready hosts, each with its clusters and its tags, in words.
    pub(crate) fn tagged(options: Options, size: Size, hosts: &[(&str, &str, &str)]) -> Ui {
        let mut ui = Ui::connecting(options, size, &[]);
        ui.targets = hosts.iter().map(|(name, ..)| name.to_string()).collect();
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let opened = hosts.iter().map(|(name, clusters, tags)| Opened {
            host: host(name),
            facts: Facts {
                clusters: words(clusters).iter().map(|name| name.as_str().into()).collect(),
                tags: words(tags),
                ..Facts::default()
            },
        });
        let effects = ui.app.start(opened.collect::<Vec<_>>());
        ui.take(effects);
        hosts.iter().for_each(|(name, ..)| ui.ready(name));
        ui
    }

    /// Hosts of these names, ready.
    pub(crate) fn with(options: Options, size: Size, names: &[&str]) -> Ui {
        let mut ui = Ui::connecting(options, size, names);
        names.iter().for_each(|name| ui.ready(name));
        ui
    }

    /// Ready hosts with the usual options on a small screen.
    pub(crate) fn of(names: &[&str]) -> Ui {
        Ui::with(Options::default(), SMALL, names)
    }

    /// `n` ready hosts `h000`, `h001`...
    pub(crate) fn fleet(n: usize) -> Ui {
        let names: Vec<String> = (0..n).map(|i| format!("h{i:03}")).collect();
        Ui::of(&names.iter().map(String::as_str).collect::<Vec<_>>())
    }

    pub(crate) fn step(&mut self, event: Event) {
        let effects = self.app.step(self.now, event);
        self.take(effects);
    }

    fn take(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Input { session, bytes } => {
                    self.sent.entry(session).or_default().extend_from_slice(&bytes);
                    if !self.stuck.contains(&session) {
                        self.step(Event::Session(session, SessionEvent::Written));
                    }
                }
                Effect::Open { session, target, .. } => {
                    self.session.insert(self.targets[target.0].clone(), session);
                    self.effects.push(effect);
                }
                other => self.effects.push(other),
            }
        }
    }

    /// Keys in notation, separated by blanks.
    pub(crate) fn keys(&mut self, keys: &str) -> &mut Ui {
        for key in keys.split(' ') {
            let key: Key = key.parse().expect("a key in notation");
            self.step(Event::Key(key));
        }
        self
    }

    /// Text letter by letter.
    pub(crate) fn text(&mut self, text: &str) -> &mut Ui {
        text.chars().for_each(|c| self.step(Event::Key(Key::char(c))));
        self
    }

    /// Lets time pass.
    pub(crate) fn wait(&mut self, time: Duration) -> &mut Ui {
        self.now += time;
        self.step(Event::Tick);
        self
    }

    pub(crate) fn id(&self, name: &str) -> SessionId {
        self.session[name]
    }

    pub(crate) fn member(&self, name: &str) -> MemberId {
        self.app.tiles().find(|tile| tile.name == name).expect("an open host").member
    }

    pub(crate) fn session_event(&mut self, name: &str, event: SessionEvent) {
        self.step(Event::Session(self.id(name), event));
    }

    pub(crate) fn ready(&mut self, name: &str) {
        self.session_event(name, SessionEvent::Ready);
    }

    pub(crate) fn output(&mut self, name: &str, text: &str) {
        self.session_event(name, SessionEvent::Output(Bytes::copy_from_slice(text.as_bytes())));
    }

    /// The link to a host is lost.
    pub(crate) fn dies(&mut self, name: &str) {
        let outcome = Outcome::Unknown(Unknown::LinkLost("connection reset".to_owned()));
        self.session_event(name, SessionEvent::Closed(outcome));
    }

    /// A stuck host takes what is under way, and whatever comes until nothing more does.
    pub(crate) fn unstick(&mut self, name: &str) {
        let id = self.id(name);
        self.stuck.remove(&id);
        self.step(Event::Session(id, SessionEvent::Written));
    }

    pub(crate) fn stick(&mut self, name: &str) {
        let id = self.id(name);
        self.stuck.insert(id);
    }

    /// The hosts that the user asked for have been found.
    pub(crate) fn added(&mut self, names: &[&str]) {
        self.targets.extend(names.iter().map(|name| name.to_string()));
        self.step(Event::Added(names.iter().map(|name| host(name).into()).collect()));
    }

    /// The same, with what is known of them.
    pub(crate) fn added_with(&mut self, hosts: Vec<Opened>) {
        self.targets.extend(hosts.iter().map(|opened| opened.host.to_string()));
        self.step(Event::Added(hosts));
    }

    /// The hosts that a request asked for have been found.
    pub(crate) fn found_for(&mut self, id: u64, names: &[&str]) {
        self.targets.extend(names.iter().map(|name| name.to_string()));
        let found = names.iter().map(|name| host(name).into()).collect();
        self.step(Event::FoundFor(omnes::tui::control::ControlId(id), Ok(found)));
    }

    /// The same, with what is known of them; they are ready.
    pub(crate) fn opened(&mut self, hosts: Vec<Opened>) {
        let names: Vec<String> = hosts.iter().map(|opened| opened.host.to_string()).collect();
        self.targets.extend(names.iter().cloned());
        self.step(Event::Added(hosts));
        names.iter().for_each(|name| self.ready(name));
    }

    /// Lets a dialog begin to listen.
    pub(crate) fn settle(&mut self) -> &mut Ui {
        self.wait(QUIET)
    }

    /// A paste of the outer terminal.
    pub(crate) fn paste(&mut self, text: &str) -> &mut Ui {
        self.step(Event::Paste(text.to_owned().into()));
        self
    }

    pub(crate) fn ask(&mut self, question: Question) -> QuestionId {
        let id = QuestionId(self.questions);
        self.questions += 1;
        self.step(Event::Question(id, question));
        id
    }

    pub(crate) fn click(&mut self, col: u16, row: u16) {
        for kind in [MouseKind::Down(MouseButton::Left), MouseKind::Up(MouseButton::Left)] {
            self.mouse(kind, col, row);
        }
    }

    pub(crate) fn mouse(&mut self, kind: MouseKind, col: u16, row: u16) {
        self.step(Event::Mouse(MouseEvent { kind, row, col, mods: Mods::NONE }));
    }

    /// What the present session of a host was sent.
    pub(crate) fn got(&self, name: &str) -> String {
        String::from_utf8_lossy(self.sent.get(&self.id(name)).map_or(&[], Vec::as_slice))
            .escape_debug()
            .to_string()
    }

    /// What every host was sent, in the order of their names.
    pub(crate) fn all_got(&self) -> Vec<String> {
        self.session.keys().map(|name| self.got(name)).collect()
    }

    pub(crate) fn buffer(&self) -> Buffer {
        let mut buffer = Buffer::empty(self.app.layout().area);
        draw::draw(&self.app, self.app.layout(), &mut buffer);
        buffer
    }

    /// The screen as text, blanks at the ends of lines left out.
    pub(crate) fn screen(&self) -> String {
        let buffer = self.buffer();
        let line = |y| {
            let (mut text, mut x) = (String::new(), 0);
            while x < buffer.area.width {
                text.push_str(buffer[(x, y)].symbol());
                // A wide character stands on the cell behind it too.
                x += buffer[(x, y)].symbol().width().max(1) as u16;
            }
            text
        };
        (0..buffer.area.height).map(|y| line(y).trim_end().to_owned() + "\n").collect()
    }

    /// The bottom line.
    pub(crate) fn status(&self) -> String {
        self.screen().lines().last().expect("a bottom line").trim().to_owned()
    }

    /// The answers given so far.
    pub(crate) fn answers(&self) -> Vec<(QuestionId, Answer)> {
        let answer = |effect: &Effect| match effect {
            Effect::Answer(id, answer) => Some((*id, answer.clone())),
            _ => None,
        };
        self.effects.iter().filter_map(answer).collect()
    }

    pub(crate) fn did(&self, wanted: impl Fn(&Effect) -> bool) -> usize {
        self.effects.iter().filter(|effect| wanted(effect)).count()
    }
}

pub(crate) fn host(name: &str) -> Host {
    Host::new(None, name, None)
}

pub(crate) fn unknown_key(name: &str) -> Question {
    Question::HostKey(UnknownKey {
        host: host(name),
        known_as: name.to_owned(),
        algorithm: "ssh-ed25519".to_owned(),
        fingerprint: "SHA256:uNiVztksCsDhcc0u9e8BgrJXVGLpa9vFzv8YbGw0PcU".to_owned(),
        origin: KeyOrigin::Presented,
    })
}

pub(crate) fn password(name: &str) -> Question {
    Question::Secret(SecretRequest {
        kind: SecretKind::Password { user: "ann".to_owned(), cluster: None },
        host: host(name),
        refused: None,
    })
}

/// What a host asks of its own.
pub(crate) fn prompt(name: &str, prompt: &str, echo: Echo) -> Question {
    Question::Prompt(HostPrompt {
        host: host(name),
        user: "ann".to_owned(),
        title: String::new(),
        instruction: "Welcome".to_owned(),
        prompt: prompt.to_owned(),
        echo,
        before: Before::Nothing,
    })
}
