//! What to try next at login, and when to stop. Pure.
//!
//! As OpenSSH: of the ways that the configuration leaves open and the host still takes, the first in the configured
//! order that has something to offer; the same again until it has nothing more. A host that takes one step and wants
//! another (partial success) says which. A server counts refused tries and ends the connection at the sixth
//! (`MaxAuthTries`), so we stop by then. Where only keys were refused and a person can still be asked, a fresh connection
//! goes on without keys.

use super::super::{Logins, Method, Way};
use crate::ask::Before;

/// Tries after which servers end the connection.
const TRIES: u32 = 6;

/// Steps of one login that succeed in part, after which a host only plays with us.
const PARTS: u32 = 16;

/// Why a login ends that had nothing to offer to a host that wants a key.
pub(super) const NO_KEY: &str = "needs a key, and there is none to offer; name one with -i";

/// One key or certificate that can be offered, by its place in the list of offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Offer(pub(super) usize);

/// The methods that a server takes (RFC 4252 section 5.1), as far as they matter to us.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Methods {
    pub(super) publickey: bool,
    pub(super) password: bool,
    pub(super) keyboard_interactive: bool,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Try `none`, which also says which methods there are.
    Probe,
    /// Offer this key.
    Key(Offer),
    /// Let the host ask (RFC 4256).
    Interactive,
    /// Offer a password.
    Password,
    /// This connection takes no more tries, but a fresh one does.
    Again,
    /// There is nothing more to offer; the reason.
    Stop(String),
}

/// How far one host's login has come. It outlives a connection that was closed behind a question: a key that was refused
/// is not offered again, and one that was half the login comes first.
#[derive(Debug)]
pub(super) struct Ladder {
    offers: usize,
    /// The first offer that was not made yet.
    next: usize,
    refused: usize,
    /// Keys that were a part of the login, which a new connection wants again.
    proven: Vec<Offer>,
    /// Of those, how many this connection has seen.
    shown: usize,
    methods: Option<Methods>,
    tries: u32,
    parts: u32,
    interactive: Asked,
    password: Asked,
    keys: Keys,
    probe: Probe,
    logins: Logins,
}

/// Whether `none` was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Probe {
    Due,
    Done,
}

/// How often one way that asks a person was taken, and whether it is open still.
#[derive(Debug, Default)]
struct Asked {
    times: u32,
    over: bool,
}

/// Whether keys are offered still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keys {
    Offered,
    Over,
}

impl Ladder {
    /// `offers` is 0 where `logins` bars keys.
    pub(super) fn new(offers: usize, logins: Logins) -> Ladder {
        Ladder {
            offers,
            next: 0,
            refused: 0,
            proven: Vec::new(),
            shown: 0,
            methods: None,
            tries: 0,
            parts: 0,
            interactive: Asked::default(),
            password: Asked::default(),
            keys: Keys::Offered,
            probe: Probe::Due,
            logins,
        }
    }

    /// A new connection: the server counts anew, and has seen nothing.
    pub(super) fn connected(&mut self) {
        (self.tries, self.shown, self.methods, self.parts) = (0, 0, None, 0);
    }

    /// What to do next; the same again until something is reported.
    pub(super) fn step(&self) -> Step {
        let Some(methods) = self.methods else {
            // The first step needs no list of methods, and so no round trip for it.
            let first = self.logins.order.iter().find(|&&method| self.is_open(method));
            return match (first, self.next_key()) {
                (Some(Method::Keys), Some(offer)) => Step::Key(offer),
                _ => Step::Probe,
            };
        };
        if self.parts > PARTS {
            return Step::Stop("the host takes every step and never lets us in".to_owned());
        }
        let ways = self.logins.order.iter().filter(|&&method| self.is_open(method) && methods.has(method));
        let step = ways.filter_map(|&method| self.within(method)).next();
        match step {
            // A host may let us in without anything, and a person is not asked for nothing.
            Some(Step::Interactive | Step::Password) | None if self.may_probe(methods) => Step::Probe,
            Some(_) if self.tries >= TRIES => self.again(),
            Some(step) => step,
            None => Step::Stop(self.nothing_left(methods)),
        }
    }

    /// Whether `none` is still to be tried here. A host that knows no way more has ended the connection.
    fn may_probe(&self, methods: Methods) -> bool {
        let waits = self.parts == 0 && self.tries < TRIES && methods != Methods::default();
        self.probe == Probe::Due && waits
    }

    /// The next step of one way.
    fn within(&self, method: Method) -> Option<Step> {
        let left = |asked: &Asked| !asked.over && asked.times < self.logins.prompts;
        match method {
            Method::Keys => self.next_key().map(Step::Key),
            Method::Interactive => left(&self.interactive).then_some(Step::Interactive),
            Method::Password => left(&self.password).then_some(Step::Password),
        }
    }

    fn next_key(&self) -> Option<Offer> {
        let proven = self.proven.get(self.shown).copied();
        let fresh = || (self.keys == Keys::Offered && self.next < self.offers).then_some(Offer(self.next));
        proven.or_else(fresh)
    }

    fn is_open(&self, method: Method) -> bool {
        let logins = &self.logins;
        match method {
            Method::Keys => logins.keys == Way::Open && self.offers > 0,
            Method::Interactive => logins.interactive == Way::Open,
            Method::Password => logins.passwords == Way::Open,
        }
    }

    /// The host refused the step, or took it and wants more (`partial`, which it does not count).
    pub(super) fn failed(&mut self, step: &Step, methods: Methods, partial: bool) {
        // A server does not count `none` where that comes first.
        let free = *step == Step::Probe && self.methods.is_none();
        self.methods = Some(methods);
        self.parts += u32::from(partial);
        self.tries += u32::from(!partial && !free);
        if *step == Step::Probe {
            self.probe = Probe::Done;
        }
        match *step {
            Step::Key(offer) => self.key_failed(offer, partial),
            Step::Interactive if !partial => self.interactive.times += 1,
            Step::Password if !partial => self.password.times += 1,
            _ => {}
        }
    }

    /// The host refused a password; whether a fresh connection, since this one takes none any more, may offer another.
    /// Where it may, that is counted as [`Ladder::failed`] would.
    pub(super) fn password_refused(&mut self, methods: Methods) -> bool {
        let left = self.password.times + 1 < self.logins.prompts;
        if left {
            self.failed(&Step::Password, methods, false);
        }
        left
    }

    fn key_failed(&mut self, offer: Offer, partial: bool) {
        let again = self.proven.get(self.shown) == Some(&offer);
        if !again {
            self.next = offer.0 + 1;
        }
        match (again, partial) {
            (true, true) => self.shown += 1,
            // It was good before; now it is not.
            (true, false) => drop(self.proven.remove(self.shown)),
            (false, true) => {
                self.proven.push(offer);
                self.shown = self.proven.len();
            }
            (false, false) => self.refused += 1,
        }
    }

    /// The step cannot be taken: this key, or this way altogether.
    pub(super) fn skip(&mut self, step: &Step) {
        match *step {
            Step::Key(offer) if self.proven.get(self.shown) == Some(&offer) => self.shown += 1,
            Step::Key(offer) => self.next = offer.0 + 1,
            Step::Interactive => self.interactive.over = true,
            Step::Password => self.password.over = true,
            Step::Probe | Step::Again | Step::Stop(_) => {}
        }
    }

    /// The connection takes no more tries. A fresh one is worth it where a way is left that is no key: no more keys then.
    pub(super) fn exhausted(&mut self) -> Step {
        let step = self.again();
        if step == Step::Again {
            self.keys = Keys::Over;
        }
        step
    }

    fn again(&self) -> Step {
        let methods = self.methods.unwrap_or_default();
        let left = [Method::Interactive, Method::Password].into_iter().any(|method| {
            self.logins.order.contains(&method)
                && self.is_open(method)
                && methods.has(method)
                && self.within(method).is_some()
        });
        match left && self.keys == Keys::Offered {
            true => Step::Again,
            false => Step::Stop(self.too_many()),
        }
    }

    /// What to say when the server ends the login for too many tries.
    fn too_many(&self) -> String {
        let left = self.offers - self.next;
        if self.refused == 0 || left == 0 {
            return "servers take no more tries".to_owned();
        }
        let keys = match self.refused {
            1 => "the key was not accepted".to_owned(),
            n => format!("none of {n} keys was accepted"),
        };
        format!(
            "{keys}, and servers take no more tries ({left} not offered); name the right key with -i and -o IdentitiesOnly=yes"
        )
    }

    /// Whether the host refused what it was answered before.
    pub(super) fn answered_before(&self) -> Before {
        if self.interactive.times > 0 { Before::Refused } else { Before::Nothing }
    }

    fn nothing_left(&self, methods: Methods) -> String {
        if let Some(why) = self.barred(methods) {
            return why;
        }
        match self.refused {
            _ if self.parts > 0 => {
                format!("one step was accepted, but the host wants {} too", methods.list())
            }
            0 if self.password.times > 0 => "no password was accepted".to_owned(),
            0 if self.interactive.times > 0 => "no answer was accepted".to_owned(),
            0 if methods.publickey => NO_KEY.to_owned(),
            0 => "it takes none of the ways to log in that omnes knows".to_owned(),
            1 => "the key was not accepted".to_owned(),
            n => format!("none of {n} keys was accepted"),
        }
    }

    /// What the configuration bars and the host wants, where nothing else was tried.
    fn barred(&self, methods: Methods) -> Option<String> {
        let Logins { keys, passwords, interactive, order, .. } = &self.logins;
        let barred = |way: Way, method| way == Way::Barred || !order.contains(&method);
        if self.refused > 0 || self.interactive.times + self.password.times > 0 {
            return None;
        }
        let bars = |what: &str, words: &str| {
            Some(format!("needs {what}, and the configuration of this host bars {words}"))
        };
        if methods.publickey && barred(*keys, Method::Keys) {
            return bars("a key", "keys (PubkeyAuthentication, PreferredAuthentications)");
        }
        if methods.password && barred(*passwords, Method::Password) {
            return bars(
                "a password",
                "passwords (PasswordAuthentication, PreferredAuthentications, BatchMode)",
            );
        }
        if methods.keyboard_interactive && barred(*interactive, Method::Interactive) {
            return bars(
                "an answer to its questions",
                "them (KbdInteractiveAuthentication, PreferredAuthentications, BatchMode)",
            );
        }
        None
    }
}

impl Methods {
    fn has(self, method: Method) -> bool {
        match method {
            Method::Keys => self.publickey,
            Method::Interactive => self.keyboard_interactive,
            Method::Password => self.password,
        }
    }

    fn list(self) -> String {
        let names = [
            (self.publickey, "a key"),
            (self.keyboard_interactive, "answers"),
            (self.password, "a password"),
        ];
        let names: Vec<&str> = names.into_iter().filter_map(|(takes, name)| takes.then_some(name)).collect();
        if names.is_empty() { "something that omnes does not know".to_owned() } else { names.join(" or ") }
    }
}

#[cfg(test)]
#[path = "ladder_tests.rs"]
mod tests;
