//! Choosing who hears: the scope in force, how it is taken, and what is said of it.
//!
//! Every change of the scope goes through [`App::limit_to`] or one of its neighbours here, is an act of the user's, and is
//! told in the status line. What a scope is, is in [`crate::tui::scopes`].

use std::collections::HashSet;

use crate::broadcast::{Entry, Life, MemberId, Part, Receivers, Scope};
use crate::hosts::{Facts, Host};
use crate::pane;
use crate::tui::action::Action;
use crate::tui::event::Event;
use crate::tui::scopes::{self, Choice, Half, Rule, Scopes, State, Taken};

use super::scope_list::Offer;
use super::{App, Purpose, ScopeDefault, Tile, Tone};

/// Why "all" gets no name.
const NO_NAME_FOR_ALL: &str = "all hosts are in scope; choose a scope first, then give it a name";

/// The scopes, and what the list of them holds.
#[derive(Debug, Default)]
pub(super) struct Scoping {
    pub(super) scopes: Scopes,
    /// What each line of the list stands for, while it is open.
    pub(super) offers: Vec<Offer>,
    /// The geometry was computed since the scope last followed it.
    laid_out: bool,
}

impl Scoping {
    /// The scopes at the start.
    pub(super) fn of(default: ScopeDefault) -> Scoping {
        let mut scoping = Scoping { laid_out: true, ..Scoping::default() };
        if default == ScopeDefault::Visible {
            scoping.scopes.current = Taken { choice: Choice::visible(), hosts: HashSet::new() };
        }
        scoping
    }

    /// The geometry is another one.
    pub(super) fn laid_out(&mut self) {
        self.laid_out = true;
    }

    /// The geometry that is the latest one has been followed, or was no act of the user's.
    pub(super) fn forget_layout(&mut self) {
        self.laid_out = false;
    }
}

/// Is this event an act of the user's, so that a scope that follows the screen may follow it?
pub(super) fn is_act(event: &Event) -> bool {
    matches!(
        event,
        Event::Key(_)
            | Event::Mouse(_)
            | Event::Resize(_)
            | Event::Resumed(_)
            | Event::Added(_)
            | Event::FoundFor(..)
    ) || matches!(event, Event::Control(_, request) if request.acts())
}

impl App {
    /// The scope in force, those with a name, and the marks.
    pub fn scopes(&self) -> &Scopes {
        &self.scoping.scopes
    }

    /// Limits the broadcast to the hosts that a rule names now: the one way to choose a scope. Where it names no open host
    /// nothing changes, and the error says so in a sentence.
    pub fn limit_to(&mut self, choice: Choice) -> Result<(), String> {
        let hosts = self.hosts_of(&choice)?;
        self.take_scope(Taken { choice, hosts });
        Ok(())
    }

    /// The hosts that a rule names now; none is an error.
    fn hosts_of(&mut self, choice: &Choice) -> Result<HashSet<Host>, String> {
        let hosts = match &choice.rule {
            Rule::All => return Ok(HashSet::new()),
            Rule::Visible => self.in_sight(),
            Rule::These(hosts) => {
                let open: HashSet<&Host> = self.tiles.iter().map(|tile| &tile.host).collect();
                if !hosts.iter().any(|host| open.contains(host)) {
                    return Err(format!("no host of {} is open", choice.name));
                }
                hosts.iter().cloned().collect()
            }
            Rule::Cluster(name) => self.those(|tile| tile.facts.clusters.contains(name)),
            Rule::Tag(name) => self.those(|tile| tile.facts.tags.contains(name)),
            Rule::Expression(text) => {
                let open: Vec<(&Host, &Facts)> =
                    self.tiles.iter().map(|tile| (&tile.host, &tile.facts)).collect();
                scopes::select(text, &open)?.into_iter().collect()
            }
            Rule::State(State::Odd) => self.odd_ones(),
            Rule::State(state) => self.those(|tile| self.is_in(tile, *state)),
            Rule::Matching(regex) => {
                let regex = pane::pattern(regex)?;
                self.those(|tile| regex.is_match(&tile.pane.screen().text()))
            }
            Rule::Marked => {
                let marked = &self.scoping.scopes.marked;
                self.those(|tile| marked.contains(&tile.host))
            }
        };
        match hosts.is_empty() {
            true => Err(self.nobody(choice)),
            false => Ok(hosts),
        }
    }

    /// Why a rule names nobody.
    fn nobody(&self, choice: &Choice) -> String {
        let mark = self.options.keymap.hint(Action::Mark);
        match &choice.rule {
            Rule::State(state) => format!("no host {}", lacks(*state)),
            Rule::Matching(_) => format!("no screen matches {}", choice.name),
            Rule::Marked => format!("no host is marked; {mark} marks the one in focus"),
            _ => format!("no open host is in {}", choice.name),
        }
    }

    pub(super) fn those(&self, is: impl Fn(&Tile) -> bool) -> HashSet<Host> {
        self.tiles.iter().filter(|tile| is(tile)).map(|tile| tile.host.clone()).collect()
    }

    /// The hosts on the screen, those behind a folded tile among them.
    pub(super) fn in_sight(&self) -> HashSet<Host> {
        let host = |id: MemberId| self.tiles.get(id).map(|tile| tile.host.clone());
        self.shown_members().into_iter().filter_map(host).collect()
    }

    pub(super) fn is_in(&self, tile: &Tile, state: State) -> bool {
        let Some(member) = self.broadcast.member(tile.member) else { return false };
        match state {
            State::At(situation) => tile.state.is_ready() && self.situation(tile.member) == situation,
            State::Closed => member.life() == Life::Closed,
            State::Behind => member.is_held() || member.backlog() > 0,
            State::Waiting => member.life() == Life::Open && member.entry() == Entry::Waiting,
            State::Deaf => {
                let hears = member.life() == Life::Open
                    && member.entry() == Entry::Admitted
                    && member.part() == Part::Attached
                    && !member.is_held();
                !hears
            }
            State::Odd => false,
        }
    }

    /// Brings back the scopes of a saved set; the broadcast is told by whoever opens its hosts.
    pub(super) fn restore_scopes(&mut self, scopes: Scopes) {
        self.scoping.scopes = scopes;
    }

    /// Puts a scope in force, and says so.
    fn take_scope(&mut self, taken: Taken) {
        let scopes = &mut self.scoping.scopes;
        scopes.whole = None;
        scopes.current = taken;
        self.apply_scope();
        self.say_scope("");
    }

    /// Tells the broadcast which members are in the scope: those that bear the name of one of its hosts.
    pub(super) fn apply_scope(&mut self) {
        let current = &self.scoping.scopes.current;
        let scope = match current.choice.rule {
            Rule::All => Scope::All,
            _ => {
                let held = self.tiles.iter().filter(|tile| current.holds(&tile.host));
                Scope::Only(held.map(|tile| tile.member).collect())
            }
        };
        self.broadcast.set_scope(scope);
    }

    /// Where the scope is what is on the screen, it follows what the user did to the screen; a view that changes by itself
    /// does not move it.
    pub(super) fn follow_sight(&mut self, is_act: bool) {
        if std::mem::take(&mut self.scoping.laid_out)
            && is_act
            && self.scoping.scopes.current.choice.rule == Rule::Visible
        {
            let hosts = self.in_sight();
            if hosts != self.scoping.scopes.current.hosts {
                self.scoping.scopes.current.hosts = hosts;
                self.apply_scope();
            }
        }
    }

    /// What the scope is now, what changed, and how to go back.
    fn say_scope(&mut self, change: &str) {
        let hint = |action| self.options.keymap.hint(action);
        let current = &self.scoping.scopes.current;
        let mut text = match current.choice.rule {
            Rule::All => "the scope is all hosts".to_owned(),
            _ => {
                let held = self.tiles.iter().filter(|tile| current.holds(&tile.host)).count();
                let all = self.tiles.ids().len();
                // Some of them may be closed or held.
                let hear = match self.broadcast.receivers() {
                    Receivers::All(hear) if hear < held => format!(", of which {hear} hear"),
                    _ => String::new(),
                };
                format!(
                    "the scope is {}: {held} of {all} hosts{hear}{change}; {} goes back to all",
                    current.choice.name,
                    hint(Action::ScopeAll)
                )
            }
        };
        if let Some(tile) = self.focused().filter(|tile| !current.holds(&tile.host)) {
            text.push_str(&format!("; {} is outside, {} goes in", tile.name, hint(Action::FocusInScope)));
        }
        self.notes.say(Tone::Plain, text, self.now);
    }

    /// Does what an action of this subject is for.
    pub(super) fn scope_action(&mut self, action: Action) {
        match action {
            Action::ScopeList => self.list_scopes(),
            Action::ScopeExpression => self.ask_for(Purpose::ScopeExpression),
            Action::ScopeMatching => self.ask_for(Purpose::ScopeMatching),
            Action::ScopeAll => self.try_scope(Choice::all()),
            Action::ScopeVisible => self.try_scope(Choice::visible()),
            Action::ScopeMarked => self.try_scope(Choice::marked()),
            Action::ScopeInvert => self.invert_scope(),
            Action::ScopeHalf => self.halve_scope(),
            Action::ScopeName if self.scoping.scopes.current.choice.rule == Rule::All => {
                self.notes.refuse(NO_NAME_FOR_ALL, self.now);
            }
            Action::ScopeName => self.ask_for(Purpose::ScopeName),
            Action::ScopeRefresh => self.refresh_scope(),
            Action::Mark => self.toggle_mark(),
            Action::UnmarkAll => self.unmark_all(),
            Action::FocusInScope => self.focus_in_scope(),
            action => {
                if let Some(number) = number_of(action) {
                    self.named_scope(number);
                }
            }
        }
    }

    pub(super) fn try_scope(&mut self, choice: Choice) {
        if let Err(why) = self.limit_to(choice) {
            self.notes.say(Tone::Bad, format!("{why}: the scope stays as it is"), self.now);
        }
    }

    /// Switches to a scope with a name, as it was taken when it got the name.
    pub(super) fn named_scope(&mut self, number: usize) {
        match self.scoping.scopes.named.get(number - 1).cloned() {
            Some(taken) => self.take_scope(taken),
            None => {
                let name = self.options.keymap.hint(Action::ScopeName);
                let text = format!("there is no scope {number}; {name} gives the present one a name");
                self.notes.refuse(text, self.now);
            }
        }
    }

    pub(super) fn invert_scope(&mut self) {
        let current = &self.scoping.scopes.current;
        let hosts: Vec<Host> = self
            .tiles
            .iter()
            .filter(|tile| !current.holds(&tile.host))
            .map(|tile| tile.host.clone())
            .collect();
        let name = match current.choice.name.strip_prefix("all but ") {
            Some(name) => name.to_owned(),
            None => format!("all but {}", current.choice.name),
        };
        if hosts.is_empty() {
            let text = "every open host is in scope: nobody would be left";
            return self.notes.say(Tone::Bad, text, self.now);
        }
        self.try_scope(Choice::these(&name, hosts));
    }

    /// The first half of the scope; again, the other half of the same.
    pub(super) fn halve_scope(&mut self) {
        let (whole, which) = match self.scoping.scopes.whole.clone() {
            Some((whole, Half::First)) => (whole, Half::Other),
            Some((whole, Half::Other)) => (whole, Half::First),
            None => (self.scoping.scopes.current.clone(), Half::First),
        };
        let all: Vec<Host> =
            self.tiles.iter().filter(|tile| whole.holds(&tile.host)).map(|tile| tile.host.clone()).collect();
        if all.len() < 2 {
            return self.notes.say(Tone::Bad, "a single host has no halves", self.now);
        }
        let name = match which {
            Half::First => format!("first half of {}", whole.choice.name),
            Half::Other => format!("other half of {}", whole.choice.name),
        };
        self.try_scope(Choice::these(&name, scopes::half(&all, which).to_vec()));
        self.scoping.scopes.whole = Some((whole, which));
    }

    /// Asks the rule of the scope again: the only way in which a host can come into one by what it does.
    fn refresh_scope(&mut self) {
        let current = self.scoping.scopes.current.clone();
        if matches!(current.choice.rule, Rule::All | Rule::Visible | Rule::These(_)) {
            let text = format!("the scope {} has no rule that could be asked again", current.choice.name);
            return self.notes.refuse(text, self.now);
        }
        match self.hosts_of(&current.choice) {
            Err(why) => self.notes.say(Tone::Bad, format!("{why} now: the scope stays as it was"), self.now),
            Ok(hosts) => {
                let (came, left) =
                    (hosts.difference(&current.hosts).count(), current.hosts.difference(&hosts).count());
                self.scoping.scopes.whole = None;
                self.scoping.scopes.current.hosts = hosts;
                self.apply_scope();
                self.say_scope(&format!(", {came} came and {left} left"));
            }
        }
    }

    fn toggle_mark(&mut self) {
        let Some(tile) = self.focus_or_say().and_then(|id| self.tiles.get(id)) else { return };
        let (host, name) = (tile.host.clone(), tile.name.clone());
        let is_marked = self.scoping.scopes.toggle_mark(&host);
        let marked = self.options.keymap.hint(Action::ScopeMarked);
        let text = match is_marked {
            true => {
                let all = self.scoping.scopes.marked.len();
                format!("{name} is marked, {all} in all; {marked} makes them the scope")
            }
            false => format!("{name} is not marked any more"),
        };
        self.notes.say(Tone::Plain, text, self.now);
    }

    fn unmark_all(&mut self) {
        let marked = std::mem::take(&mut self.scoping.scopes.marked).len();
        self.notes.say(Tone::Plain, format!("{marked} marks were taken away"), self.now);
    }

    /// Moves the focus to the next host that is in scope.
    fn focus_in_scope(&mut self) {
        let at = self.order.iter().position(|id| Some(*id) == self.broadcast.focus()).map_or(0, |at| at + 1);
        let around = self.order[at.min(self.order.len())..].iter().chain(&self.order);
        let is_in = |id: &&MemberId| self.broadcast.member(**id).is_some_and(|member| member.in_scope());
        match around.copied().find(|id| is_in(&id)) {
            Some(id) => self.set_focus(id),
            None => self.notes.refuse("no open host is in scope", self.now),
        }
    }

    /// Gives the present scope a name; the error keeps the dialog open.
    pub(super) fn name_scope(&mut self, name: &str) -> Result<(), String> {
        if self.scoping.scopes.current.choice.rule == Rule::All {
            return Err(NO_NAME_FOR_ALL.to_owned());
        }
        let number = self.scoping.scopes.keep(name)?;
        self.scoping.scopes.whole = None;
        let name = &self.scoping.scopes.current.choice.name;
        let text = match self.key_of_scope(number) {
            Some(key) => format!("{name} is scope {number}: {key} comes back to it"),
            None => format!("{name} is scope {number}, in the list"),
        };
        self.notes.say(Tone::Plain, text, self.now);
        Ok(())
    }

    /// The key that comes back to the scope of this number.
    pub fn key_of_scope(&self, number: usize) -> Option<String> {
        keyed(number).map(|action| self.options.keymap.hint(action).to_string())
    }

    /// Keeps a scope of these hosts under a name without putting it in force, as one that was saved; returns its number.
    pub fn keep_scope(&mut self, name: &str, hosts: Vec<Host>) -> Result<usize, String> {
        let choice = Choice::these(name, hosts.clone());
        self.scoping.scopes.put(Taken { choice, hosts: hosts.into_iter().collect() })
    }
}

/// The end of the sentence `no host …`.
fn lacks(state: State) -> String {
    match state {
        State::At(_) => format!("is {}", state.means()),
        State::Closed => "is closed".to_owned(),
        State::Behind => "is behind".to_owned(),
        State::Waiting => "waits to be let in".to_owned(),
        State::Deaf => "receives nothing for a reason of its own".to_owned(),
        State::Odd => "stands out".to_owned(),
    }
}

const NUMBERED: [Action; 9] = [
    Action::Scope1,
    Action::Scope2,
    Action::Scope3,
    Action::Scope4,
    Action::Scope5,
    Action::Scope6,
    Action::Scope7,
    Action::Scope8,
    Action::Scope9,
];

fn number_of(action: Action) -> Option<usize> {
    NUMBERED.iter().position(|numbered| *numbered == action).map(|n| n + 1)
}

fn keyed(number: usize) -> Option<Action> {
    NUMBERED.get(number.checked_sub(1)?).copied()
}
