//! What scripts and editors ask for over the control socket, and what the plain mode's commands come to.
//!
//! A request is the user's own act, so it may change who hears; but everything that it does is shown in the status line,
//! and it answers no dialog: while one has the keyboard, requests that act are refused. What a guard would ask about is
//! refused unless the request says that it was confirmed. Requests that name hosts do all of it or nothing.

mod looking;
mod sent;
mod waits;

use std::collections::HashSet;

use crate::broadcast::{Entry, Life, MemberId, Part};
use crate::escape;
use crate::hosts::Host;
use crate::session::SessionId;
use crate::tui::action::Place;
use crate::tui::control::{ControlId, Request, Response};
use crate::tui::event::{Effect, Opened};
use crate::tui::keymap::Hands;
use crate::tui::scopes::{self, Choice};

use super::quiet::Quiet;
use super::{App, Keyboard, Tone};

pub(super) use waits::Controlled;

/// What becomes of a request: a sentence of what was done, or the response that it was not.
type Done = Result<String, Response>;

/// Who makes requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum By {
    /// Somebody else, over the socket: what is said of it names that.
    #[default]
    Script,
    /// The user, with a line of the plain mode.
    Lines,
}

impl By {
    fn of(id: ControlId) -> By {
        if id == ControlId::LINES { By::Lines } else { By::Script }
    }
}

/// Names or texts in a sentence, in characters.
const WORDS: usize = 80;

fn refused(said: impl Into<String>) -> Response {
    Response::Refused { said: said.into() }
}

fn usage(said: impl Into<String>) -> Response {
    Response::Usage { said: said.into() }
}

impl App {
    /// Takes a request. It is answered at once, but for a `wait` and an `open`.
    pub(super) fn control(&mut self, id: ControlId, request: Request) {
        self.controlled.by = By::of(id);
        let response = match request {
            Request::List { host } => self.ctl_list(host.as_deref()),
            Request::Dump { host, history } => self.ctl_dump(host.as_deref(), history),
            Request::Wait { sign, host, which, from, timeout_ms } => {
                let wish = waits::Wish { sign, which, from, timeout_ms };
                match self.begin_wait(id, wish, host.as_deref()) {
                    Ok(()) => return,
                    Err(response) => response,
                }
            }
            Request::Open { hosts } => match self.ctl_open(id, hosts) {
                Ok(()) => return,
                Err(response) => response,
            },
            acts => match self.act_for(acts) {
                Ok(said) => Response::Done { said },
                Err(response) => response,
            },
        };
        self.reply_to(id, response);
    }

    fn reply_to(&mut self, id: ControlId, response: Response) {
        self.effects.push(Effect::Reply(id, response));
    }

    /// Does what changes something, if no dialog has the keyboard; the status line says so.
    fn act_for(&mut self, request: Request) -> Done {
        self.free_for_ctl()?;
        match request {
            Request::Send { text, enter, host, yes } => {
                self.ctl_send(sent::Wish::text(&text, enter)?.confirmed(yes), host.as_deref())
            }
            Request::Keys { keys, host, yes } => {
                self.ctl_send(sent::Wish::keys(&keys)?.confirmed(yes), host.as_deref())
            }
            Request::Select { hosts } => self.ctl_select(&hosts),
            Request::Attach { hosts } => self.ctl_parts(&hosts, Part::Attached),
            Request::Detach { hosts } => self.ctl_parts(&hosts, Part::Detached),
            Request::Focus { host } => self.ctl_focus(&host),
            Request::Close { hosts } => self.ctl_close(&hosts),
            Request::Do { action } => self.ctl_do(&action),
            Request::Quit {} => {
                self.effects.push(Effect::Quit);
                Ok("leaving".to_owned())
            }
            Request::List { .. } | Request::Dump { .. } | Request::Wait { .. } | Request::Open { .. } => {
                Err(usage("this request changes nothing"))
            }
        }
    }

    /// Something that the user is to know from the beginning.
    pub fn begin_with(&mut self, said: String) {
        self.notes.tell(Tone::Bad, escape::text(&said, 400), self.now);
    }

    /// The tile that shows a session.
    pub fn member_of(&self, session: SessionId) -> Option<MemberId> {
        self.tiles.member_of(session)
    }

    /// From now on no dialog opens by itself; the user's word opens it.
    pub fn ask_only_when_told(&mut self) {
        self.questions.keep_quiet();
    }

    /// May a request act now?
    fn free_for_ctl(&self) -> Result<(), Response> {
        match self.keyboard {
            Keyboard::Hosts | Keyboard::Scrollback => Ok(()),
            Keyboard::Questions => Err(refused(
                "omnes asks for a secret or a host key, and no request answers that; answer it there",
            )),
            _ => Err(refused("a dialog of omnes has the keyboard; close it there first")),
        }
    }

    /// Shows what a request did, and gives it back for the response.
    fn tell_control(&mut self, said: String) -> String {
        let told = match self.controlled.by {
            By::Script => format!("ctl: {said}"),
            By::Lines => said.clone(),
        };
        self.notes.tell(Tone::Plain, told, self.now);
        said
    }

    /// The open hosts that an expression names; `all` is each of them.
    pub(super) fn ctl_hosts(&self, expression: &str) -> Result<Vec<MemberId>, Response> {
        if expression.trim() == "all" {
            return Ok(self.tiles.ids().to_vec());
        }
        self.ctl_members(expression).map_err(refused)
    }

    /// The open hosts that an expression names; why none, in a sentence.
    fn ctl_members(&self, expression: &str) -> Result<Vec<MemberId>, String> {
        let open: Vec<_> = self.tiles.iter().map(|tile| (&tile.host, &tile.facts)).collect();
        let named: HashSet<Host> = scopes::select(expression, &open)?.into_iter().collect();
        Ok(self.tiles.iter().filter(|tile| named.contains(&tile.host)).map(|tile| tile.member).collect())
    }

    /// The hosts that were chosen, or else all of them.
    fn ctl_hosts_or_all(&self, expression: Option<&str>) -> Result<Vec<MemberId>, Response> {
        self.ctl_hosts(expression.unwrap_or("all"))
    }

    /// Names as a folded set, for a sentence.
    fn ctl_names(&self, members: &[MemberId]) -> String {
        match members {
            [one] => self.name(*one),
            many => {
                let names: Vec<&str> =
                    many.iter().filter_map(|id| self.tiles.get(*id)).map(|tile| tile.name.as_str()).collect();
                escape::text(&crate::tui::control::text::folded(names.into_iter()), WORDS)
            }
        }
    }

    fn ctl_select(&mut self, expression: &str) -> Done {
        let choice = match expression.trim() {
            "all" => Choice::all(),
            expression => Choice::expression(expression),
        };
        let said = format!("the scope is {}", choice.name);
        self.limit_to(choice).map_err(refused)?;
        Ok(self.tell_control(said))
    }

    fn ctl_parts(&mut self, expression: &str, part: Part) -> Done {
        let members = self.ctl_hosts(expression)?;
        for member in &members {
            self.broadcast.set_part(*member, part);
            if part == Part::Attached {
                self.broadcast.admit(*member);
            }
        }
        let told = if part == Part::Attached { "attached" } else { "detached" };
        let said = format!("{told} {}", self.ctl_names(&members));
        Ok(self.tell_control(said))
    }

    fn ctl_focus(&mut self, expression: &str) -> Done {
        let members = self.ctl_hosts(expression)?;
        let [member] = members[..] else {
            return Err(refused(format!(
                "the focus is on one host, and this names {}; name one of them",
                members.len()
            )));
        };
        self.set_focus(member);
        let said = format!("the focus is on {}", self.name(member));
        Ok(self.tell_control(said))
    }

    fn ctl_close(&mut self, expression: &str) -> Done {
        let members = self.ctl_hosts(expression)?;
        let said = format!("closed {}", self.ctl_names(&members));
        self.leave_scrollback();
        members.into_iter().for_each(|member| self.close(member));
        Ok(self.tell_control(said))
    }

    fn ctl_do(&mut self, name: &str) -> Done {
        let action = crate::tui::keymap::named(name).map_err(|error| usage(error.to_string()))?;
        if action.place() == Place::Scrollback && !matches!(self.keyboard, Keyboard::Scrollback) {
            return Err(refused(format!("`{name}` works while one looks back; `scrollback` begins that")));
        }
        self.notes.turn();
        let before = self.notes.count();
        self.perform(action);
        // Nobody at the screen asked for what opens now; who reads lines is told of it and answers with a line.
        let opened = !matches!(self.keyboard, Keyboard::Hosts | Keyboard::Scrollback);
        if opened && self.options.keymap.hands() == Hands::Keys {
            self.quiet = Quiet::from(self.now);
        }
        let answer = self.notes.note().filter(|_| self.notes.count() > before).cloned();
        let said = answer.as_ref().map_or_else(|| name.to_owned(), |note| format!("{name}: {}", note.text));
        match (answer, self.controlled.by) {
            (Some(note), By::Script) if note.refuses() => {
                self.notes.tell(note.tone, format!("ctl: {said}"), self.now);
                Err(refused(said))
            }
            // The sentence itself is told, in its turn.
            (_, By::Lines) => Ok(said),
            (_, By::Script) => Ok(self.tell_control(said)),
        }
    }

    fn ctl_open(&mut self, id: ControlId, expression: String) -> Result<(), Response> {
        self.free_for_ctl()?;
        if expression.trim().is_empty() {
            return Err(usage("no host was named"));
        }
        self.tell_control(format!("looking for {}", escape::text(&expression, WORDS)));
        self.effects.push(Effect::FindFor(id, expression));
        Ok(())
    }

    /// The hosts of an `open` have been found, or not.
    pub(super) fn found_for(&mut self, id: ControlId, found: Result<Vec<Opened>, String>) {
        self.controlled.by = By::of(id);
        let response = match found {
            Ok(hosts) => {
                let first = self.tiles.ids().len();
                self.open_hosts(hosts);
                let new = self.tiles.ids()[first..].to_vec();
                let said = match new.is_empty() {
                    true => "each of them is open already".to_owned(),
                    false => format!("opened {}", self.ctl_names(&new)),
                };
                Response::Done { said: self.tell_control(said) }
            }
            Err(why) => {
                let why = escape::text(&why, 400);
                if self.controlled.by == By::Script {
                    self.notes.tell(Tone::Bad, format!("ctl: {why}"), self.now);
                }
                refused(why)
            }
        };
        self.reply_to(id, response);
    }

    /// Why this host takes no input; `None` if it does.
    fn takes_no_input(&self, id: MemberId) -> Option<&'static str> {
        let member = self.broadcast.member(id)?;
        match (member.life(), member.entry(), member.part()) {
            (Life::Opening, ..) => Some("not ready yet"),
            (Life::Closed, ..) => Some("closed"),
            _ if member.is_held() => Some("held"),
            (_, Entry::Waiting, Part::Attached) => Some("not let in yet"),
            _ if !member.in_scope() => Some("outside the scope"),
            _ => None,
        }
    }
}
