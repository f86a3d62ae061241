//! The names of a host that the fold view puts aside: those that the user's words give it, and the one it calls itself.
//!
//! A host that called itself by the name of another could hide behind that one, so no name of an open host is taken from
//! what another prints.

use crate::broadcast::MemberId;
use crate::pane::{Names, names};

use super::App;

/// Pieces of output in which a host's prompt is looked for after its session began.
const PIECES: u16 = 64;

impl App {
    /// New tiles, from this one on, get the names of their hosts.
    pub(super) fn name_panes(&mut self, first: usize) {
        let new: Vec<MemberId> = self.tiles.ids()[first..].to_vec();
        for member in &new {
            let Some(tile) = self.tiles.get(*member) else { continue };
            let name = tile.host.name().to_ascii_lowercase();
            self.folds.taken.insert(names::short(&name).to_owned());
            self.folds.taken.insert(name);
        }
        new.into_iter().for_each(|member| self.name_pane(member));
        // Who showed a name that is now another host's has no right to it any more.
        let usurps = |member: &MemberId| {
            let shown = self.tiles.get(*member).and_then(|tile| tile.pane.names().shown());
            shown.is_some_and(|shown| self.is_taken(shown))
        };
        let usurpers: Vec<MemberId> =
            self.tiles.ids()[..first].iter().copied().filter(|member| usurps(member)).collect();
        for member in usurpers {
            self.name_pane(member);
            self.folds.unnamed.remove(&member);
        }
    }

    /// Gives a pane the names that the user's words give its host; the one that the host shows is still to be seen.
    pub(super) fn name_pane(&mut self, member: MemberId) {
        let Some(tile) = self.tiles.get_mut(member) else { return };
        let address = tile.facts.address.as_deref();
        tile.pane.set_names(Names::given([tile.host.name()].into_iter().chain(address)));
        self.folds.unnamed.insert(member, PIECES);
    }

    /// Looks for the host's own name in its first prompt, or in its title. Only the first is taken: a prompt that names
    /// another host later is that of a shell on that other host.
    pub(super) fn learn_name(&mut self, member: MemberId) {
        let Some(left) = self.folds.unnamed.get_mut(&member) else { return };
        *left -= 1;
        let ends = *left == 0;
        let Some(tile) = self.tiles.get(member) else { return };
        let screen = tile.pane.screen();
        let row = screen.row_text(screen.cursor().row);
        let prompt = names::ends_as_prompt(&row).then_some(row.as_str());
        let shown = [prompt, Some(screen.title())].into_iter().flatten().find_map(names::shown_in);
        let shown = shown.map(str::to_owned);
        if shown.is_none() && !ends {
            return;
        }
        self.folds.unnamed.remove(&member);
        let Some(shown) = shown.filter(|shown| !self.is_taken(shown)) else { return };
        if let Some(tile) = self.tiles.get_mut(member) {
            let mut names = tile.pane.names().clone();
            if names.learn(&shown) {
                tile.pane.set_names(names);
            }
        }
    }

    /// Is this the name of a host that is open?
    fn is_taken(&self, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        self.folds.taken.contains(names::short(&name)) || self.folds.taken.contains(&name)
    }
}
