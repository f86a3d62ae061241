//! What was said about one host so far: the first value of each keyword, and who said it.

use std::time::Duration;

use super::keyword::{KEYS, Key};
use super::setting::{Setting, Value};
use crate::ssh::Choice;
use crate::ssh::place::Place;

/// Who said a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ssh) enum Source<'a> {
    /// The host expression.
    Expression,
    /// This option of the command line.
    Option(&'static str),
    /// A cluster file.
    Cluster,
    /// A line of an ssh_config.
    Config(&'a Place),
}

/// A value with who said it.
pub(in crate::ssh) type Said<'a, T> = Option<(T, Source<'a>)>;

/// The first value of each keyword; key files, certificates and the names of variables gather.
#[derive(Clone, Debug)]
pub(in crate::ssh) struct Heard<'a> {
    slots: [Said<'a, &'a Value>; KEYS],
    gathered: Vec<(Key, &'a Value, Source<'a>)>,
    /// Keywords that refuse the host, each with its place.
    pub(in crate::ssh) refused: Vec<(&'static str, &'a Place)>,
    /// Keywords that are passed over.
    pub(in crate::ssh) noted: Vec<(&'static str, &'a Place)>,
    decided: Vec<&'static str>,
}

/// What stands for `ProxyCommand none`, which a ProxyJump implies.
static NO_COMMAND: Value = Value::Flag(false);

impl<'a> Heard<'a> {
    pub(in crate::ssh) fn new() -> Heard<'a> {
        Heard {
            slots: [None; KEYS],
            gathered: Vec::new(),
            refused: Vec::new(),
            noted: Vec::new(),
            decided: Vec::new(),
        }
    }

    /// Hears a setting; only the first of its key counts.
    pub(in crate::ssh) fn hear(&mut self, setting: &'a Setting, source: Source<'a>) {
        let Setting { key, value } = setting;
        match key {
            Key::IdentityFile | Key::CertificateFile | Key::SendEnv => {
                // A second pass says the same once more.
                if !self.gathered.iter().any(|&(_, heard, _)| std::ptr::eq(heard, value)) {
                    self.gathered.push((*key, value, source));
                }
            }
            // As in ssh: a ProxyJump bars a later ProxyCommand, and a ProxyCommand, even `none`, a later ProxyJump;
            // `ProxyJump none` bars no ProxyCommand.
            Key::ProxyJump if self.slot(Key::ProxyCommand).is_some() => {}
            Key::ProxyJump if self.slot(Key::ProxyJump).is_none() => {
                self.slots[Key::ProxyJump as usize] = Some((value, source));
                if matches!(value, Value::Jumps(jumps) if !jumps.0.is_empty()) {
                    self.slots[Key::ProxyCommand as usize] = Some((&NO_COMMAND, source));
                }
            }
            // As in ssh: that an agent is forwarded, and which one, are heard apart.
            Key::ForwardAgent if self.text(Key::ForwardAgent).is_some_and(|(said, _)| said == "yes") => {
                if !matches!(value, Value::Text(said) if said == "yes" || said == "no") {
                    self.slots[Key::ForwardAgent as usize] = Some((value, source));
                }
            }
            key => {
                self.slots[*key as usize].get_or_insert((value, source));
            }
        }
    }

    /// Hears a keyword that refuses its hosts.
    pub(super) fn refuse(&mut self, keyword: &'static str, place: &'a Place) {
        if self.decide(keyword) {
            self.refused.push((keyword, place));
        }
    }

    /// Hears a keyword that is passed over.
    pub(super) fn note(&mut self, keyword: &'static str, place: &'a Place) {
        if self.decide(keyword) {
            self.noted.push((keyword, place));
        }
    }

    /// Hears a keyword of one of these kinds with a value that asks for nothing.
    pub(super) fn decide(&mut self, keyword: &'static str) -> bool {
        let first = !self.decided.contains(&keyword);
        if first {
            self.decided.push(keyword);
        }
        first
    }

    /// The value of a keyword as it was read.
    pub(in crate::ssh) fn slot(&self, key: Key) -> Said<'a, &'a Value> {
        self.slots[key as usize]
    }

    /// All values of a keyword that gathers.
    pub(in crate::ssh) fn all(&self, key: Key) -> impl Iterator<Item = (&'a Value, Source<'a>)> {
        self.gathered.iter().filter(move |(of, ..)| *of == key).map(|&(_, value, source)| (value, source))
    }

    /// Who said a keyword.
    pub(in crate::ssh) fn source(&self, key: Key) -> Option<Source<'a>> {
        self.slot(key).map(|(_, source)| source)
    }

    pub(in crate::ssh) fn text(&self, key: Key) -> Said<'a, &'a str> {
        match self.slot(key)? {
            (Value::Text(text), source) => Some((text, source)),
            _ => None,
        }
    }

    pub(in crate::ssh) fn flag(&self, key: Key) -> Option<bool> {
        match self.slot(key)? {
            (Value::Flag(flag), _) => Some(*flag),
            _ => None,
        }
    }

    pub(in crate::ssh) fn number(&self, key: Key) -> Option<u32> {
        match self.slot(key)? {
            (Value::Number(number), _) => Some(*number),
            _ => None,
        }
    }

    pub(in crate::ssh) fn time(&self, key: Key) -> Option<Duration> {
        match self.slot(key)? {
            (Value::Time(time), _) => Some(*time),
            _ => None,
        }
    }

    pub(in crate::ssh) fn word(&self, key: Key) -> Option<&'static str> {
        match self.slot(key)? {
            (Value::Word(word), _) => Some(word),
            _ => None,
        }
    }

    pub(in crate::ssh) fn list(&self, key: Key) -> Said<'a, &'a [String]> {
        match self.slot(key)? {
            (Value::List(list), source) => Some((list, source)),
            _ => None,
        }
    }

    pub(in crate::ssh) fn choice(&self, key: Key) -> Choice {
        match self.slot(key) {
            Some((Value::Choice(choice), _)) => choice.clone(),
            _ => Choice::Ours,
        }
    }
}
