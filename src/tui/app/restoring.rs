//! The open set: taken as a value, saved under a name, and brought back.

use std::collections::HashMap;

use crate::broadcast::{Member, MemberId, Part};
use crate::hosts::{Host, HostSet};
use crate::tui::keep::set::{self, OpenSet, SavedHost, SavedLayout, SavedScope};
use crate::tui::keep::words::Keep;
use crate::tui::layout::Zoom;
use crate::tui::scopes::{Choice, Rule, Taken};

use super::{App, FoldView, Tone};

/// A set that is opened again.
#[derive(Clone, Debug)]
pub struct Restored {
    /// The set; its hosts are named as those that are opened.
    pub set: OpenSet,
    /// Hosts of the set that are not opened, each with the reason, safe for a terminal.
    pub missing: Vec<String>,
}

impl App {
    /// Saves the open set under this name; why not, in a sentence.
    pub(super) fn save_set(&mut self, name: &str) -> Result<(), String> {
        let name = set::name(name)?;
        let set = Box::new(self.open_set());
        self.keep(Keep::Save { name, set });
        Ok(())
    }

    /// The hosts that are open, and how.
    pub fn open_set(&self) -> OpenSet {
        let scopes = self.scopes();
        let hosts = self.tiles.iter().map(|tile| SavedHost {
            name: tile.host.to_string(),
            cluster: tile.facts.clusters.last().map(|cluster| cluster.to_string()),
            detached: self.broadcast.member(tile.member).map(Member::part) == Some(Part::Detached),
            marked: scopes.marked.contains(&tile.host),
        });
        let mut set = OpenSet::of(hosts.collect());
        set.focus = self.focused().map(|tile| tile.host.to_string());
        let limits = !matches!(scopes.current.choice.rule, Rule::All | Rule::Visible);
        set.scope = limits.then(|| saved(&scopes.current));
        set.scopes = scopes.named.iter().map(saved).collect();
        set.layout = self.saved_layout();
        set
    }

    /// What stands otherwise than at a start: so a set follows the preferences where the user has chosen nothing else.
    fn saved_layout(&self) -> SavedLayout {
        let (density, columns) = self.chosen_view();
        let fold = self.fold_view();
        SavedLayout {
            zoom: self.zoom == Zoom::Focus,
            fold: (fold != self.options.fold.view).then_some(fold == FoldView::On),
            density: density.map(|density| density.word().to_owned()),
            columns,
        }
    }

    /// The hosts that are opened first are those of a saved set.
    pub fn restore(&mut self, restored: Restored) {
        self.keeping.restored = Some(restored);
    }

    /// Brings the first hosts to what they were, before any key.
    pub(super) fn restore_now(&mut self) {
        let Some(Restored { set, missing }) = self.keeping.restored.take() else { return };
        let open: HashMap<String, (MemberId, Host)> =
            self.tiles.iter().map(|tile| (tile.host.to_string(), (tile.member, tile.host.clone()))).collect();
        let of_set = || set.hosts.iter().filter_map(|host| open.get(&host.name).map(|found| (host, found)));
        for (_, (member, _)) in of_set().filter(|(host, _)| host.detached) {
            self.broadcast.set_part(*member, Part::Detached);
        }
        if let Some((focus, _)) = set.focus.as_ref().and_then(|name| open.get(name)) {
            self.broadcast.set_focus(*focus);
        }
        let mut scopes = self.scopes().clone();
        scopes.marked = of_set().filter(|(host, _)| host.marked).map(|(_, (_, host))| host.clone()).collect();
        scopes.named = set.scopes.iter().map(taken).collect();
        if let Some(scope) = &set.scope {
            scopes.current = taken(scope);
        }
        self.restore_scopes(scopes);
        self.restore_view(set.layout.density(), set.layout.columns);
        if let Some(fold) = set.layout.fold {
            self.restore_fold(if fold { FoldView::On } else { FoldView::Off });
        }
        if set.layout.zoom {
            self.zoom = Zoom::Focus;
        }
        if !missing.is_empty() {
            let text = format!("not opened again: {}", missing.join("; "));
            self.notes.tell(Tone::Bad, text, self.now);
        }
    }
}

/// A scope as the file holds it: its hosts as they were when it was taken.
fn saved(taken: &Taken) -> SavedScope {
    let hosts: HostSet = taken.hosts.iter().cloned().collect();
    SavedScope { name: taken.choice.name.clone(), hosts: hosts.iter().map(Host::to_string).collect() }
}

/// The scope that the file holds. What is no host there is passed over: it names nobody.
fn taken(scope: &SavedScope) -> Taken {
    let hosts: Vec<Host> = scope.hosts.iter().filter_map(|name| name.parse().ok()).collect();
    Taken { hosts: hosts.iter().cloned().collect(), choice: Choice::these(&scope.name, hosts) }
}
