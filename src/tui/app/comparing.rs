//! Two screens side by side. While they are compared nothing typed reaches a host; both go on living.

use std::ops::Range;

use crate::broadcast::MemberId;
use crate::pane::{Key, KeyCode, Mods};
use crate::tui::fold::compare::{Compared, Side, compare};

use super::{App, Keyboard};

/// Columns that one key moves sideways.
const SIDEWAYS: u16 = 10;

/// Which screens are compared, and what part of them is in sight. The members were found when it began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    left: (MemberId, String),
    others: Vec<(MemberId, String)>,
    /// Which of the others stands on the right.
    right: usize,
    /// Lines scrolled away at the top.
    pub top: usize,
    /// Columns scrolled away on the left.
    pub first_column: u16,
}

impl Comparison {
    /// A screen, by the member that shows it and what its group is called, beside the first of several others.
    ///
    /// # Panics
    /// Never with at least one other, which is what the caller sees to.
    pub(super) fn new(left: (MemberId, String), others: Vec<(MemberId, String)>) -> Comparison {
        Comparison { left, others, right: 0, top: 0, first_column: 0 }
    }

    /// The screen on the left, and what its group is called.
    pub fn left(&self) -> (MemberId, &str) {
        (self.left.0, &self.left.1)
    }

    /// The screen on the right, and what its group is called.
    pub fn right(&self) -> (MemberId, &str) {
        self.others.get(self.right).map_or(self.left(), |(member, label)| (*member, label))
    }

    /// Which of how many others stands on the right, from 1.
    pub fn place(&self) -> (usize, usize) {
        (self.right + 1, self.others.len())
    }
}

impl App {
    /// A key while two screens are compared.
    pub(super) fn compare_key(&mut self, key: Key) {
        let page = usize::from(self.layout.status.y.saturating_sub(2)).max(1);
        let lines = match &self.keyboard {
            Keyboard::Compare(comparison) => self.compared(comparison, 0..0).lines.len(),
            _ => return,
        };
        let columns = self.terminal.cols;
        let Keyboard::Compare(comparison) = &mut self.keyboard else { return };
        let last = lines.saturating_sub(page);
        let others = comparison.others.len();
        match (key.code(), key.mods()) {
            (KeyCode::Esc | KeyCode::Char('q'), _) | (KeyCode::Char('c'), Mods::CTRL) => {
                self.keyboard = Keyboard::Hosts;
            }
            (KeyCode::Down | KeyCode::Char('j'), _) => comparison.top = (comparison.top + 1).min(last),
            (KeyCode::Up | KeyCode::Char('k'), _) => comparison.top = comparison.top.saturating_sub(1),
            (KeyCode::PageDown | KeyCode::Char(' '), _) => comparison.top = (comparison.top + page).min(last),
            (KeyCode::PageUp, _) => comparison.top = comparison.top.saturating_sub(page),
            (KeyCode::Right | KeyCode::Char('l'), _) => {
                comparison.first_column = (comparison.first_column + SIDEWAYS).min(columns.saturating_sub(1));
            }
            (KeyCode::Left | KeyCode::Char('h'), _) => {
                comparison.first_column = comparison.first_column.saturating_sub(SIDEWAYS);
            }
            (KeyCode::Char('n') | KeyCode::Tab, _) => comparison.right = (comparison.right + 1) % others,
            (KeyCode::Char('p'), _) => comparison.right = (comparison.right + others - 1) % others,
            _ => {}
        }
    }

    /// The rows of both screens side by side, as they are now; none where one of them is gone. The columns that differ are
    /// known of these lines only.
    pub fn compared(&self, comparison: &Comparison, shown: Range<usize>) -> Compared {
        let side = |member| {
            let pane = &self.tiles.get(member)?.pane;
            Some(Side { screen: pane.screen(), names: pane.names() })
        };
        match (side(comparison.left().0), side(comparison.right().0)) {
            (Some(left), Some(right)) => compare(left, right, shown),
            _ => Compared::default(),
        }
    }
}
