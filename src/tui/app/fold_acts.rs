//! What the user does with the fold view: switches it, opens one fold, makes it the scope, goes to the odd ones, compares.

use crate::broadcast::MemberId;
use crate::tui::action::Action;
use crate::tui::fold::GroupId;
use crate::tui::scopes::{Choice, Rule};

use super::folding::{CaughtUp, crowd_of_live, is_live};
use super::{App, FoldView, Keyboard, Tone};

impl App {
    /// Does what the user said.
    pub(super) fn fold_action(&mut self, action: Action) {
        self.leave_scrollback();
        match action {
            Action::FoldMembers => self.open_fold(),
            Action::FoldScope => self.scope_here(),
            Action::OddNext => self.next_odd(),
            Action::Compare => self.compare(),
            _ => self.toggle_fold(),
        }
    }

    /// Shows the view of a saved set.
    pub(super) fn restore_fold(&mut self, view: FoldView) {
        if view != self.folds.view {
            self.toggle_fold();
        }
    }

    fn toggle_fold(&mut self) {
        self.folds.clear();
        match self.folds.view {
            FoldView::On => self.folds.view = FoldView::Off,
            FoldView::Off => {
                self.folds.view = FoldView::On;
                self.folds.caught_up = CaughtUp::NotYet;
                for member in self.tiles.ids().iter().rev() {
                    self.folds.note(*member, self.now);
                }
            }
        }
        self.relayout();
    }

    fn open_fold(&mut self) {
        let Some(focus) = self.focus_or_say() else { return };
        if self.folds.opened.take().is_none() {
            if self.stands_for(focus) < 2 {
                let fold = self.options.keymap.hint(Action::FoldView);
                let text = match self.folds.view {
                    FoldView::On if !self.folds.folds() => "the screens are still being read".to_owned(),
                    FoldView::On => format!("{} is alone in its tile", self.name(focus)),
                    FoldView::Off => format!("nothing is folded; {fold} folds"),
                };
                return self.notes.refuse(text, self.now);
            }
            let members = self.members_of_tile(focus);
            let back = self.options.keymap.hint(Action::FoldMembers);
            let text = format!("the {} hosts of this fold; {back} goes back", members.len());
            self.notes.say(Tone::Plain, text, self.now);
            self.folds.opened = Some(members);
        }
        self.relayout();
    }

    /// Limits the broadcast to the hosts of the focused tile, as they are at this moment.
    fn scope_here(&mut self) {
        let Some(focus) = self.focus_or_say() else { return };
        let members = self.members_of_tile(focus);
        let name = self.folded_name(&members);
        let host = |id: &MemberId| self.tiles.get(*id).map(|tile| tile.host.clone());
        let hosts = members.iter().filter_map(host).collect();
        if let Err(why) = self.limit_to(Choice { name, rule: Rule::These(hosts) }) {
            self.notes.say(Tone::Bad, why, self.now);
        }
    }

    /// To the next group that is not the largest; the groups stand in the order of their tiles.
    fn next_odd(&mut self) {
        let Some(focus) = self.focus_or_say() else { return };
        let grouped;
        let folding = match self.folds.folds() {
            true => &self.folds.folding,
            false => {
                grouped = self.grouped();
                &grouped
            }
        };
        let crowd = crowd_of_live(folding);
        let is_odd = |id: &GroupId| Some(*id) != crowd && is_live(folding, *id);
        let odd: Vec<GroupId> = folding.order().into_iter().filter(is_odd).collect();
        let here = folding.group_of(focus).and_then(|id| odd.iter().position(|odd| *odd == id));
        let next = odd.get(here.map_or(0, |here| here + 1)).or(odd.first());
        let Some(face) = next.and_then(|id| folding.face_of(*id, None)) else {
            return self.notes.refuse("every open host shows the same", self.now);
        };
        self.folds.opened = None;
        let at = here.map_or(1, |here| (here + 1) % odd.len() + 1);
        self.set_focus(face);
        let text = format!("odd one {at} of {}: {}", odd.len(), self.name(face));
        self.notes.say(Tone::Plain, text, self.now);
    }

    /// The focused screen beside that of the largest group, or beside the first odd one if it is in the largest.
    fn compare(&mut self) {
        let Some(focus) = self.focus_or_say() else { return };
        let folding = self.grouped();
        let (own, crowd) = (folding.group_of(focus), crowd_of_live(&folding));
        let mut others: Vec<GroupId> =
            folding.order().into_iter().filter(|id| Some(*id) != own && is_live(&folding, *id)).collect();
        others.sort_by_key(|id| Some(*id) != crowd);
        let described = |id: GroupId, focus| {
            let members: Vec<MemberId> = folding.members(id).collect();
            let count = if members.len() > 1 { format!(" · {}", members.len()) } else { String::new() };
            Some((folding.face_of(id, focus)?, format!("{}{count}", self.folded_name(&members))))
        };
        let left = own.and_then(|id| described(id, Some(focus)));
        let others: Vec<_> = others.into_iter().filter_map(|id| described(id, None)).collect();
        match left.filter(|_| !others.is_empty()) {
            Some(left) => self.keyboard = Keyboard::Compare(super::Comparison::new(left, others)),
            None => self.notes.refuse("every open host shows the same", self.now),
        }
    }
}
