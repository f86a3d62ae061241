//! How a stream to a host is had: straight, through jump hosts, or from a command.

use std::sync::{Arc, PoisonError};

use super::case::{Case, Role, at, command_line};
use super::origin::Note;
use super::request::Request;
use super::{Resolver, unsupported};
use crate::escape;
use crate::hosts::Host;
use crate::ssh::config::{Grammar, HopName, Key, Source, Tokens, Value, hop_name};
use crate::ssh::{ConnectError, Route, Target};

/// More jump hosts in a row than this are a mistake.
const HOPS: usize = 16;

/// A jump host that was settled, with what is worth a word about it, or why it cannot be used.
pub(super) type Hop = Result<(Arc<Target>, Vec<Note>), ConnectError>;

/// Where a jump host stands.
pub(super) struct Trail {
    /// The chains that led to it, so that a loop is seen.
    chains: Vec<String>,
    /// The hop before it in its own chain; without one it has the route that its own configuration says.
    before: Option<Arc<Target>>,
}

impl Case<'_> {
    /// The chain as it is written, for `%j`.
    pub(super) fn jump_text(&self) -> String {
        self.chain().map_or_else(String::new, |(hops, _)| hops.join(","))
    }

    fn chain(&self) -> Option<(&[String], Source<'_>)> {
        match self.heard.slot(Key::ProxyJump)? {
            (Value::Jumps(jumps), source) if !jumps.0.is_empty() => Some((&jumps.0, source)),
            _ => None,
        }
    }

    /// The route, and what is worth a word about the hosts on it.
    pub(super) fn route(&self, tokens: &Tokens<'_>, role: &Role) -> Result<(Route, Vec<Note>), ConnectError> {
        let chains: &[String] = match role {
            Role::Destination => &[],
            Role::Hop(Trail { before: Some(before), .. }) => {
                return Ok((Route::Jump(Arc::clone(before)), Vec::new()));
            }
            Role::Hop(Trail { chains, .. }) => chains,
        };
        if let Some((hops, source)) = self.chain() {
            let fail = at("ProxyJump", source);
            let expanded = |hop: &String| match hop.contains('%') {
                true => command_line(hop, tokens, Grammar::Proxy),
                false => Ok(hop.clone()),
            };
            let hops: Vec<String> = hops.iter().map(expanded).collect::<Result<_, _>>().map_err(&fail)?;
            let last = hop_name(hops.last().expect("a chain has a hop")).map_err(&fail)?;
            if is_itself(&last, tokens) {
                let host = escape::text(&last.host, 80);
                return Err(fail(format!("{host} would be reached through itself")));
            }
            let (target, notes) = self.resolver.through(&hops, chains)?;
            return Ok((Route::Jump(target), notes));
        }
        match self.some_text(Key::ProxyCommand) {
            Some((command, source)) => {
                let command = command_line(command, tokens, Grammar::Proxy);
                Ok((Route::Command(command.map_err(at("ProxyCommand", source))?), Vec::new()))
            }
            None => Ok((Route::Direct, Vec::new())),
        }
    }
}

/// As ssh has it: the same name, port and user.
fn is_itself(hop: &HopName, tokens: &Tokens<'_>) -> bool {
    hop.host == tokens.host
        && hop.port.unwrap_or(22) == tokens.port
        && hop.user.as_deref().unwrap_or(tokens.user) == tokens.user
}

impl Resolver {
    /// The last hop of a chain, settled once for all hosts behind it.
    fn through(&self, hops: &[String], chains: &[String]) -> Hop {
        let text = hops.join(",");
        if let Some(hop) = self.hops.lock().unwrap_or_else(PoisonError::into_inner).get(&text) {
            return hop.clone();
        }
        let hop = self.settle_hop(hops, chains, &text);
        // What went wrong within a longer chain may be right alone.
        if hop.is_ok() || chains.is_empty() {
            self.hops.lock().unwrap_or_else(PoisonError::into_inner).insert(text, hop.clone());
        }
        hop
    }

    fn settle_hop(&self, hops: &[String], chains: &[String], text: &str) -> Hop {
        let shown = |text: &str| escape::text(text, 80);
        if let Some(at) = chains.iter().position(|chain| chain == text) {
            let steps: Vec<String> = chains[at..].iter().map(|chain| shown(chain)).collect();
            let chain = format!("{} → {}", steps.join(" → "), shown(text));
            return Err(unsupported(format!(
                "the jump hosts lead in a circle: {chain}; write ProxyJump none for one of them"
            )));
        }
        if chains.len() + hops.len() > HOPS {
            return Err(unsupported(format!("more than {HOPS} jump hosts in a row")));
        }
        let (last, before) = hops.split_last().expect("a chain has a hop");
        let name = hop_name(last).map_err(unsupported)?;
        let (before, mut notes) = match before {
            [] => (None, Vec::new()),
            before => {
                let (target, notes) = self.through(before, chains)?;
                (Some(target), notes)
            }
        };
        let request = Request::new(Host::new(name.user.as_deref(), &name.host, name.port));
        let chains = chains.iter().cloned().chain([text.to_owned()]).collect();
        let resolved = self.settle(&request, &Role::Hop(Trail { chains, before }));
        let resolved = resolved.map_err(|error| match error {
            // It names a jump host already: the one that is wrong, not all that lead to it.
            ConnectError::Unsupported(why) if why.contains("jump host") => unsupported(why),
            ConnectError::Unsupported(why) => unsupported(format!("the jump host {}: {why}", shown(last))),
            other => other,
        })?;
        notes.extend(resolved.notes);
        Ok((Arc::new(resolved.target), notes))
    }
}
