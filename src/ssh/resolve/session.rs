//! What a session asks for, and the values that many hosts share.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use super::case::{Case, at};
use crate::ssh::config::{Grammar, Key, Tokens, Value, expand};
use crate::ssh::offer::Offer;
use crate::ssh::pattern::matches;
use crate::ssh::{Algorithms, ConnectError, SessionWishes, Terminal};

/// The lines that say a value, by their addresses: the configuration stays where it is while a resolver lives.
type Lines = Vec<usize>;

/// Algorithms of which something is left to offer, or why nothing is.
type Usable = Result<Arc<Algorithms>, String>;

/// Values that do not depend on the host, made once for all hosts for which the same lines hold.
#[derive(Debug, Default)]
pub(super) struct Kept {
    algorithms: Mutex<HashMap<Lines, Usable>>,
    sessions: Mutex<HashMap<Lines, Arc<SessionWishes>>>,
}

impl Kept {
    pub(super) fn algorithms(&self, lines: &[Option<&Value>], make: impl FnOnce() -> Algorithms) -> Usable {
        let mut kept = self.algorithms.lock().unwrap_or_else(PoisonError::into_inner);
        let usable = || {
            let algorithms = make();
            Offer::new(&algorithms, &[]).map(|_| Arc::new(algorithms))
        };
        kept.entry(key(lines)).or_insert_with(usable).clone()
    }

    fn session(&self, lines: &[Option<&Value>], make: impl FnOnce() -> SessionWishes) -> Arc<SessionWishes> {
        let mut kept = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(kept.entry(key(lines)).or_insert_with(|| Arc::new(make())))
    }
}

fn key(lines: &[Option<&Value>]) -> Lines {
    lines.iter().map(|line| line.map_or(0, |value| std::ptr::from_ref(value) as usize)).collect()
}

impl Case<'_> {
    pub(super) fn session(&self, tokens: &Tokens<'_>) -> Result<Arc<SessionWishes>, ConnectError> {
        let slot = |key| self.heard.slot(key).map(|(value, _)| value);
        let mut lines = vec![slot(Key::SetEnv), slot(Key::RequestTTY), slot(Key::RemoteCommand)];
        lines.extend(self.heard.all(Key::SendEnv).map(|(value, _)| Some(value)));
        let command = self.some_text(Key::RemoteCommand);
        let wishes = |command| SessionWishes {
            environment: self.variables(),
            terminal: match self.heard.word(Key::RequestTTY) {
                Some("no") => Terminal::No,
                Some("yes" | "force") => Terminal::Yes,
                _ => Terminal::Auto,
            },
            command,
        };
        match command {
            // Its tokens may make it another one for each host.
            Some((command, source)) if command.contains('%') => {
                let command = expand(command, tokens, Grammar::Command);
                Ok(Arc::new(wishes(Some(command.map_err(at("RemoteCommand", source))?))))
            }
            command => {
                let command = command.map(|(command, _)| command.to_owned());
                Ok(self.resolver.kept.session(&lines, || wishes(command)))
            }
        }
    }

    /// The variables of the local environment that `SendEnv` names, by name, then those of `SetEnv`, which win.
    fn variables(&self) -> Vec<(String, String)> {
        let mut patterns: Vec<&str> = Vec::new();
        for (value, _) in self.heard.all(Key::SendEnv) {
            let Value::List(words) = value else { continue };
            for word in words {
                match word.strip_prefix('-') {
                    Some(out) => patterns.retain(|pattern| !matches(out.as_bytes(), pattern.as_bytes())),
                    None => patterns.push(word),
                }
            }
        }
        let sent = |name: &str| patterns.iter().any(|pattern| matches(pattern.as_bytes(), name.as_bytes()));
        let mut variables: BTreeMap<&str, &str> = BTreeMap::new();
        if !patterns.is_empty() {
            let ours = self.resolver.environment.variables.iter();
            variables.extend(
                ours.map(|(name, value)| (name.as_str(), value.as_str())).filter(|(name, _)| sent(name)),
            );
        }
        let mut set: Vec<(String, String)> = Vec::new();
        for pair in self.heard.list(Key::SetEnv).map_or(&[][..], |(pairs, _)| pairs) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            variables.remove(name);
            set.push((name.to_owned(), value.to_owned()));
        }
        let sent = variables.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        sent.chain(set).collect()
    }
}
