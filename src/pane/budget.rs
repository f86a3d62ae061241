//! How much work a host's bytes may cause.
//!
//! A few bytes can ask for a whole screen of work: clear it, repeat a character over it, scroll it away. Each byte of input
//! earns [`PER_BYTE`] units, of which at most one screenful (and at least [`LEAST_SAVED`]) is saved up; an operation that
//! cannot be paid for is left out. No program comes near: it would have to clear a 200x60 screen every twelve bytes, all the
//! time. One unit is about a nanosecond, so 4 kB of such operations cost some 5 ms. Counting bytes instead of time
//! keeps the screen independent of the machine, and of how the bytes were cut into chunks.

use crate::size::Size;

/// Units earned with each byte.
const PER_BYTE: u64 = 1_000;
/// Units that may be saved up, at least.
const LEAST_SAVED: u64 = 2_000_000;

/// What one cell costs, in units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// Blank it.
    Clear = 1,
    /// Move it along its row, or blank it with care for wide neighbours.
    Shift = 2,
    /// Write it into the history.
    Keep = 8,
    /// Allocate it anew.
    Allocate = 10,
    /// Draw a character into it.
    Draw = 32,
}

/// An account of work.
#[derive(Clone, Debug)]
pub(super) struct Budget {
    saved: u64,
    most: u64,
    spent: u64,
}

impl Budget {
    pub(super) fn new(size: Size) -> Budget {
        let most = most(size);
        Budget { saved: most, most, spent: 0 }
    }

    pub(super) fn resize(&mut self, size: Size) {
        self.most = most(size);
        self.saved = self.saved.min(self.most);
    }

    pub(super) fn earn(&mut self, bytes: usize) {
        self.saved = self.most.min(self.saved + bytes as u64 * PER_BYTE);
    }

    /// Pays for work on this many cells, or says that it cannot be paid for.
    #[must_use]
    pub(super) fn pay(&mut self, cells: u64, work: Work) -> bool {
        let cost = cells * work as u64;
        let paid = cost <= self.saved;
        if paid {
            self.saved -= cost;
            self.spent += cost;
        }
        paid
    }

    /// How many cells of this work could be paid for now.
    pub(super) fn affordable(&self, work: Work) -> u64 {
        self.saved / work as u64
    }

    /// Units paid since the beginning.
    pub(super) fn spent(&self) -> u64 {
        self.spent
    }
}

fn most(size: Size) -> u64 {
    let cells = u64::from(size.rows) * u64::from(size.cols);
    LEAST_SAVED.max(cells * Work::Allocate as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_spent_is_bounded_by_what_was_fed() {
        let mut budget = Budget::new(Size::new(60, 200));
        let mut refused = 0;
        for _ in 0..4096 {
            budget.earn(1);
            refused += usize::from(!budget.pay(12_000, Work::Allocate));
        }
        assert!(refused > 0);
        assert!(budget.spent() <= LEAST_SAVED + 4096 * PER_BYTE);
    }

    #[test]
    fn a_whole_screen_can_always_be_paid_at_first() {
        for size in [Size::new(3, 10), Size::new(24, 80), Size::new(512, 1024)] {
            let cells = u64::from(size.rows) * u64::from(size.cols);
            assert!(Budget::new(size).pay(cells, Work::Allocate), "{size}");
        }
    }
}
