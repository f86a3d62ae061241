//! The open set: taken as a value, saved under a name, and brought back.

use std::collections::HashMap;

use crate::broadcast::{Member, MemberId, Part, Scope};
use crate::tui::keep::set::{self, OpenSet, SavedHost, SavedLayout};
use crate::tui::keep::words::Keep;
use crate::tui::layout::Zoom;

use super::{App, Tone};

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
        let name = |id: MemberId| self.tiles.get(id).map(|tile| tile.host.to_string());
        let hosts = self.tiles.iter().map(|tile| SavedHost {
            name: tile.host.to_string(),
            cluster: tile.facts.clusters.last().map(|cluster| cluster.to_string()),
            detached: self.broadcast.member(tile.member).map(Member::part) == Some(Part::Detached),
            marked: false,
        });
        let mut set = OpenSet::of(hosts.collect());
        set.focus = self.broadcast.focus().and_then(name);
        set.scope = match self.broadcast.scope() {
            Scope::All => None,
            Scope::Only(ids) => Some(
                self.tiles.ids().iter().filter(|id| ids.contains(id)).copied().filter_map(name).collect(),
            ),
        };
        set.layout = SavedLayout { zoom: self.zoom == Zoom::Focus, ..SavedLayout::default() };
        set
    }

    /// The hosts that are opened first are those of a saved set.
    pub fn restore(&mut self, restored: Restored) {
        self.keeping.restored = Some(restored);
    }

    /// Brings the first hosts to what they were, before any key.
    pub(super) fn restore_now(&mut self) {
        let Some(Restored { set, missing }) = self.keeping.restored.take() else { return };
        let members: HashMap<String, MemberId> =
            self.tiles.iter().map(|tile| (tile.host.to_string(), tile.member)).collect();
        for host in set.hosts.iter().filter(|host| host.detached) {
            if let Some(member) = members.get(&host.name) {
                self.broadcast.set_part(*member, Part::Detached);
            }
        }
        if let Some(focus) = set.focus.as_ref().and_then(|name| members.get(name).copied()) {
            self.broadcast.set_focus(focus);
        }
        if let Some(scope) = &set.scope {
            let only = scope.iter().filter_map(|name| members.get(name).copied()).collect();
            self.broadcast.set_scope(Scope::Only(only));
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
