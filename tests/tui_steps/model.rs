//! Exact delivery: whatever the user does, each host hears what a naive model says it must, and nothing else.

use std::collections::BTreeMap;
use std::time::Duration;

use omnes::session::SessionEvent;
use omnes::tui::app::{Keyboard, Options, Reconnect};
use omnes::tui::control::{ControlId, Request};
use omnes::tui::event::Event;
use proptest::prelude::*;

use crate::harness::{SMALL, Ui};

/// The rule of DESIGN section 2 as plainly as it can be written, for hosts that are never stuck.
struct Model {
    hosts: BTreeMap<String, Host>,
    focus: String,
    begun: bool,
}

#[derive(Clone, Default)]
struct Host {
    detached: bool,
    open: bool,
    waiting: bool,
    outside: bool,
    heard: String,
}

impl Model {
    fn of(names: &[String]) -> Model {
        let host = Host { open: true, ..Host::default() };
        Model {
            hosts: names.iter().map(|name| (name.clone(), host.clone())).collect(),
            focus: names[0].clone(),
            begun: false,
        }
    }

    /// Something is sent, all of it or nothing.
    fn hear(&mut self, text: &str) {
        let focus = &self.hosts[&self.focus];
        if focus.outside {
            return;
        }
        if focus.detached {
            if focus.open {
                self.focused().heard.push_str(text);
            }
            return;
        }
        for host in self.hosts.values_mut().filter(|h| h.open && !h.detached && !h.waiting && !h.outside) {
            host.heard.push_str(text);
            self.begun = true;
        }
    }

    fn focused(&mut self) -> &mut Host {
        self.hosts.get_mut(&self.focus).expect("the focus is on a host")
    }
}

/// Keys that change what is seen and nothing else.
const LOOKS: [&str; 13] = [
    "C-a Space",
    "C-a M-Space",
    "C-a w Esc",
    "C-a w d b Esc",
    "C-a w C-a w",
    "C-a =",
    "C-a M-Up",
    "C-a t",
    "C-a f C-a f",
    "C-a g Esc",
    "C-a s x Esc",
    "C-a c C-g Esc",
    "C-a P x y Esc",
];

/// Scopes, each with the last digits of its hosts.
const SCOPES: [(&str, &str); 3] = [("h00[0-4]", "01234"), ("h00[3-8]", "345678"), ("h007", "7")];

#[derive(Clone, Debug)]
enum Act {
    Type(char),
    Next,
    Detach,
    AttachAll,
    Admit,
    Zoom,
    /// The hosts are looked at in another way.
    Look(usize),
    Page,
    Dies(usize),
    Reconnect(usize),
    Ready(usize),
    Output(usize),
    /// One of the scopes, or all hosts.
    Scope(usize),
    /// A text from the compose box.
    Compose(char),
    /// A line is pasted and agreed to.
    Paste(char),
    /// A script sends a line to whoever hears.
    Request(char),
    Stalls(usize),
    Resumes(usize),
    /// So many seconds pass, in which lost sessions may come back.
    Wait(u64),
}

fn act(hosts: usize) -> impl Strategy<Value = Act> {
    prop_oneof![
        12 => proptest::char::range('a', 'z').prop_map(Act::Type),
        4 => Just(Act::Next),
        4 => Just(Act::Detach),
        1 => Just(Act::AttachAll),
        1 => Just(Act::Admit),
        1 => Just(Act::Zoom),
        2 => (0..LOOKS.len()).prop_map(Act::Look),
        1 => Just(Act::Page),
        1 => (0..hosts).prop_map(Act::Dies),
        1 => (0..hosts).prop_map(Act::Reconnect),
        2 => (0..hosts).prop_map(Act::Ready),
        1 => (0..hosts).prop_map(Act::Output),
        2 => (0..=SCOPES.len()).prop_map(Act::Scope),
        1 => proptest::char::range('a', 'z').prop_map(Act::Compose),
        1 => proptest::char::range('a', 'z').prop_map(Act::Paste),
        1 => proptest::char::range('a', 'z').prop_map(Act::Request),
        1 => (0..hosts).prop_map(Act::Stalls),
        1 => (0..hosts).prop_map(Act::Resumes),
        2 => (0..100u64).prop_map(Act::Wait),
    ]
}

/// Both worlds, and the bytes that each host was sent over all its sessions.
struct Both {
    ui: Ui,
    model: Model,
    names: Vec<String>,
    earlier: BTreeMap<String, String>,
    reconnecting: Vec<bool>,
}

impl Both {
    fn of(n: usize) -> Both {
        let names: Vec<String> = (0..n).map(|i| format!("h{i:03}")).collect();
        let options = Options { reconnect: Reconnect::Auto, ..Options::default() };
        let ui = Ui::with(options, SMALL, &names.iter().map(String::as_str).collect::<Vec<_>>());
        Both { ui, model: Model::of(&names), names, earlier: BTreeMap::new(), reconnecting: vec![false; n] }
    }

    fn act(&mut self, act: &Act) {
        match act {
            Act::Type(c) => {
                self.ui.text(&c.to_string());
                self.model.hear(&c.to_string());
            }
            Act::Scope(n) => self.scope(SCOPES.get(*n).copied()),
            Act::Compose(c) => self.compose(*c),
            Act::Paste(c) => {
                self.ui.paste(&format!("{c}\n"));
                if !matches!(self.ui.app.keyboard(), Keyboard::Hosts) {
                    self.wait(omnes::tui::app::QUIET);
                    self.ui.keys("y");
                }
                self.model.hear(&format!("{c}\\r"));
            }
            Act::Request(c) => {
                let request =
                    Request::Send { text: c.to_string().into(), enter: true, host: None, yes: false };
                self.ui.step(Event::Control(ControlId(1), request));
                self.model.hear(&format!("{c}\\r"));
            }
            Act::Next => self.next(),
            Act::Detach => {
                self.ui.keys("C-a d");
                let host = self.model.focused();
                host.detached = !host.detached;
            }
            Act::AttachAll => {
                self.ui.keys("C-a D");
                self.model.hosts.values_mut().for_each(|h| (h.detached, h.waiting) = (false, false));
            }
            Act::Admit => {
                self.ui.keys("C-a i");
                self.model.focused().waiting = false;
            }
            Act::Zoom => drop(self.ui.keys("C-a z")),
            Act::Look(n) => drop(self.ui.keys(LOOKS[*n])),
            Act::Page => self.page(),
            Act::Dies(n) => self.dies(*n),
            Act::Reconnect(n) => self.reconnect(*n),
            Act::Ready(n) => self.ready(*n),
            Act::Output(n) => self.ui.output(&self.names[*n].clone(), "\x1b[31mnoise\r\n"),
            Act::Stalls(n) => self.pulse(*n, SessionEvent::Stalled(Duration::from_secs(15))),
            Act::Resumes(n) => self.pulse(*n, SessionEvent::Resumed),
            Act::Wait(seconds) => self.wait(Duration::from_secs(*seconds)),
        }
    }

    fn scope(&mut self, scope: Option<(&str, &str)>) {
        match scope {
            Some((expression, _)) => drop(self.ui.keys("C-a e").text(expression).keys("Enter")),
            None => drop(self.ui.keys("C-a 0")),
        }
        for (name, host) in &mut self.model.hosts {
            host.outside = scope.is_some_and(|(_, digits)| !name.ends_with(|c| digits.contains(c)));
        }
    }

    /// What nobody hears stays in the box, and is thrown away.
    fn compose(&mut self, c: char) {
        self.ui.keys("C-a c").text(&c.to_string()).keys("C-s");
        if !matches!(self.ui.app.keyboard(), Keyboard::Hosts) {
            self.ui.keys("C-a C-k Esc");
        }
        self.model.hear(&format!("{c}\\r"));
    }

    /// Whether a host answers changes nothing of who hears.
    fn pulse(&mut self, n: usize, event: SessionEvent) {
        if self.model.hosts[&self.names[n]].open {
            self.ui.session_event(&self.names[n].clone(), event);
        }
    }

    /// Whoever comes back by itself is as one that the user reconnected, and the focus stays where it is.
    fn wait(&mut self, time: Duration) {
        let before: Vec<_> = self.names.iter().map(|name| (self.ui.id(name), self.ui.got(name))).collect();
        self.ui.wait(time);
        for (n, (session, heard)) in before.into_iter().enumerate() {
            let name = self.names[n].clone();
            if self.ui.id(&name) != session {
                self.earlier.entry(name.clone()).or_default().push_str(&heard);
                self.reconnecting[n] = true;
                self.model.hosts.get_mut(&name).expect("a host").waiting = false;
            }
        }
    }

    fn next(&mut self) {
        self.ui.keys("C-a o");
        let at = self.names.iter().position(|name| *name == self.model.focus).expect("a host");
        self.model.focus = self.names[(at + 1) % self.names.len()].clone();
    }

    /// A page turns to wherever the app says, on the user's word.
    fn page(&mut self) {
        self.ui.keys("C-a n");
        let focus = self.ui.app.broadcast().focus().and_then(|id| self.ui.app.tile(id)).expect("a focus");
        self.model.focus = focus.name.clone();
    }

    fn dies(&mut self, n: usize) {
        let name = self.names[n].clone();
        self.ui.dies(&name);
        self.model.hosts.get_mut(&name).expect("a host").open = false;
        self.reconnecting[n] = false;
    }

    /// The user goes there, presses `r`, and comes back.
    fn reconnect(&mut self, n: usize) {
        let name = self.names[n].clone();
        if self.model.hosts[&name].open || self.reconnecting[n] {
            return;
        }
        let heard = self.ui.got(&name);
        self.earlier.entry(name.clone()).or_default().push_str(&heard);
        while self.model.focus != name {
            self.next();
        }
        self.ui.keys("C-a r");
        self.reconnecting[n] = true;
        self.model.focused().waiting = false;
    }

    fn ready(&mut self, n: usize) {
        if !std::mem::take(&mut self.reconnecting[n]) {
            return;
        }
        let name = self.names[n].clone();
        self.ui.ready(&name);
        let begun = self.model.begun;
        let host = self.model.hosts.get_mut(&name).expect("a host");
        (host.open, host.waiting) = (true, begun);
    }

    fn agree(&self) {
        let focus = self.ui.app.broadcast().focus();
        assert_eq!(focus, Some(self.ui.member(&self.model.focus)));
        for (name, host) in &self.model.hosts {
            let earlier = self.earlier.get(name).map_or("", String::as_str);
            assert_eq!(format!("{earlier}{}", self.ui.got(name)), host.heard, "{name}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_host_hears_what_the_model_says(acts in proptest::collection::vec(act(9), 1..200)) {
        let mut both = Both::of(9);
        for act in &acts {
            both.act(act);
        }
        both.agree();
    }
}

#[test]
fn exact_delivery_to_200_hosts_over_500_changes_and_10_000_keys() {
    let mut both = Both::of(200);
    let mut seed = 20_261_121u64;
    let mut random = move |below: usize| {
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (seed >> 33) as usize % below
    };
    for n in 0..10_000 {
        if n % 20 == 0 {
            for _ in 0..random(40) {
                both.act(&Act::Next);
            }
            both.act(if random(25) == 0 { &Act::AttachAll } else { &Act::Detach });
        }
        both.act(&Act::Type(char::from(b'a' + random(26) as u8)));
    }
    both.agree();
    let heard: usize = both.model.hosts.values().map(|host| host.heard.len()).sum();
    assert!(heard > 100_000, "the script reaches many: {heard}");
}
