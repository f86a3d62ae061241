//! What the fold view shows: the tiles in their order, what each is called, and for whom it stands.

use std::collections::HashMap;

use crate::broadcast::{MemberId, Part};
use crate::escape;
use crate::hosts::HostSet;
use crate::tui::fold::{Class, GroupId};
use crate::tui::layout::Zoom;

use super::folding::Apart;
use super::{App, FoldView, ZoomHears};

/// Longest label, in characters; a title shows what fits of it.
const LABEL_CHARS: usize = 200;

impl App {
    /// The tiles in their order, where the view leaves some out.
    pub(super) fn fold_order(&mut self) -> Option<Vec<MemberId>> {
        self.folds.laid = self.folds.folding.revision();
        self.folds.apart = match (self.zoom, self.options.zoom_hears) {
            (Zoom::Focus, ZoomHears::Alone) => Apart::All,
            _ => Apart::Nobody,
        };
        if !self.folds.folds() {
            return None;
        }
        let focus = self.broadcast.focus();
        let is_detached =
            |id: &MemberId| self.broadcast.member(*id).is_some_and(|m| m.part() == Part::Detached);
        if let Some(alone) = focus.filter(is_detached) {
            self.folds.visited = Some(alone);
        }
        let tiles = &self.tiles;
        if let Some(opened) = &mut self.folds.opened {
            opened.retain(|member| tiles.get(*member).is_some());
            if focus.is_some_and(|focus| opened.contains(&focus)) {
                return Some(opened.clone());
            }
            self.folds.opened = None;
        }
        let order = self.folds.folding.order();
        self.label(&order);
        Some(order.into_iter().filter_map(|id| self.face_of(id)).collect())
    }

    /// The host whose screen stands for a group. A detached host leaves its group when the focus comes to it, and comes
    /// back when the focus goes, so there it is always the turn of the one behind the last: else the focus would go to
    /// and fro between two of them.
    fn face_of(&self, id: GroupId) -> Option<MemberId> {
        let (folding, focus) = (&self.folds.folding, self.broadcast.focus());
        let first = folding.face_of(id, focus)?;
        match folding.class(first) {
            Some(Class::Detached(..)) if Some(first) != focus => {
                self.folds.visited.and_then(|last| folding.member_after(id, last)).or(Some(first))
            }
            _ => Some(first),
        }
    }

    /// Names the groups, those anew whose members are others than before.
    fn label(&mut self, order: &[GroupId]) {
        let mut labels = HashMap::with_capacity(order.len());
        for id in order {
            let members: Vec<MemberId> = self.folds.folding.members(*id).collect();
            if members.len() < 2 {
                continue;
            }
            let sum =
                members.iter().fold(0u64, |sum, m| sum.rotate_left(9).wrapping_mul(31) ^ u64::from(m.0));
            let old = self.folds.labels.remove(id).filter(|(n, s, _)| (*n, *s) == (members.len(), sum));
            let label = old.unwrap_or_else(|| (members.len(), sum, self.folded_name(&members)));
            labels.insert(*id, label);
        }
        self.folds.labels = labels;
    }

    /// Hosts as one folded set.
    pub(super) fn folded_name(&self, members: &[MemberId]) -> String {
        let hosts = members.iter().filter_map(|id| self.tiles.get(*id)).map(|tile| tile.host.clone());
        escape::text(&hosts.collect::<HostSet>().to_string(), LABEL_CHARS)
    }

    /// Every host that a tile on the screen stands for.
    pub(super) fn shown_members(&self) -> Vec<MemberId> {
        self.layout.tiles.iter().flat_map(|(id, _)| self.members_of_tile(*id)).collect()
    }

    /// The hosts that a tile stands for, itself among them.
    pub fn members_of_tile(&self, id: MemberId) -> Vec<MemberId> {
        match self.fold_of(id) {
            Some(group) => self.folds.folding.members(group).collect(),
            None => vec![id],
        }
    }

    /// The group that a tile stands for, where it stands for more than itself.
    fn fold_of(&self, id: MemberId) -> Option<GroupId> {
        let folded = self.folds.folds() && self.folds.opened.is_none();
        let group = self.folds.folding.group_of(id).filter(|_| folded)?;
        self.folds.labels.contains_key(&group).then_some(group)
    }

    /// Is the fold view shown?
    pub fn fold_view(&self) -> FoldView {
        self.folds.view
    }

    /// Are the hosts of one fold shown instead of the folds?
    pub fn shows_members(&self) -> bool {
        self.folds.opened.is_some()
    }

    /// How many hosts a tile stands for; 1 where it is not folded.
    pub fn stands_for(&self, id: MemberId) -> usize {
        self.fold_of(id).map_or(1, |group| self.folds.folding.size(group))
    }

    /// The tile that stands for a host now; its own where it is not folded.
    pub(super) fn tile_of(&self, id: MemberId) -> MemberId {
        self.fold_of(id).and_then(|group| self.face_of(group)).unwrap_or(id)
    }

    /// The hosts that a folded tile stands for, as a set such as `web[001-997]`; `None` for a tile of one host.
    pub fn fold_label(&self, id: MemberId) -> Option<&str> {
        self.folds.labels.get(&self.fold_of(id)?).map(|(_, _, label)| label.as_str())
    }

    /// In how many tiles those are who hear a broadcast; `None` where the view is off.
    pub fn folds_that_hear(&self) -> Option<usize> {
        let hears = |id: &GroupId| {
            let first = self.folds.folding.face_of(*id, None);
            first.is_some_and(|first| self.broadcast.hears(first))
        };
        let shown = self.folds.folds() && self.folds.opened.is_none();
        shown.then(|| self.folds.folding.groups().filter(hears).count())
    }

    /// Rows read for the fold view since the beginning.
    pub fn rows_read(&self) -> u64 {
        self.folds.reader.rows()
    }

    /// Members looked through for the fold view since it was switched on.
    pub fn members_judged(&self) -> u64 {
        self.folds.folding.judged()
    }
}
