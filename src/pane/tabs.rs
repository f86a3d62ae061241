//! Where the tab key of a terminal stops.

/// Columns between the stops that a terminal begins with.
const EVERY: u16 = 8;

/// The tab stops of one terminal: one bit a column.
#[derive(Clone, Debug)]
pub(super) struct Tabs {
    /// Kept only once a host has set or cleared a stop; until then every eighth column is one.
    own: Option<Vec<bool>>,
    cols: u16,
}

impl Tabs {
    pub(super) fn new(cols: u16) -> Tabs {
        Tabs { own: None, cols }
    }

    pub(super) fn resize(&mut self, cols: u16) {
        self.cols = cols;
        if let Some(own) = &mut self.own {
            let known = own.len() as u16;
            own.resize(usize::from(cols), false);
            (known..cols).for_each(|col| own[usize::from(col)] = col % EVERY == 0);
        }
    }

    fn own(&mut self) -> &mut Vec<bool> {
        self.own.get_or_insert_with(|| (0..self.cols).map(|col| col % EVERY == 0).collect())
    }

    /// HTS.
    pub(super) fn set(&mut self, col: u16) {
        if let Some(stop) = self.own().get_mut(usize::from(col)) {
            *stop = true;
        }
    }

    /// TBC 0.
    pub(super) fn clear(&mut self, col: u16) {
        if let Some(stop) = self.own().get_mut(usize::from(col)) {
            *stop = false;
        }
    }

    /// TBC 3.
    pub(super) fn clear_all(&mut self) {
        self.own().fill(false);
    }

    fn is_stop(&self, col: u16) -> bool {
        match &self.own {
            None => col.is_multiple_of(EVERY),
            Some(own) => own.get(usize::from(col)).is_some_and(|stop| *stop),
        }
    }

    /// The next stop behind a column, or the last column.
    pub(super) fn after(&self, col: u16) -> u16 {
        let last = self.cols - 1;
        (col.saturating_add(1)..last).find(|col| self.is_stop(*col)).unwrap_or(last)
    }

    /// The stop before a column, or the first column.
    pub(super) fn before(&self, col: u16) -> u16 {
        (1..col.min(self.cols)).rev().find(|col| self.is_stop(*col)).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stops_are_every_eight_columns_until_the_host_says_otherwise() {
        let mut tabs = Tabs::new(20);
        assert_eq!([0, 7, 8, 16, 19].map(|col| tabs.after(col)), [8, 8, 16, 19, 19]);
        assert_eq!([0, 8, 9, 19].map(|col| tabs.before(col)), [0, 0, 8, 16]);
        tabs.set(3);
        tabs.clear(8);
        assert_eq!([0, 3, 16].map(|col| tabs.after(col)), [3, 16, 19]);
        tabs.resize(30);
        assert_eq!([16, 24].map(|col| tabs.after(col)), [24, 29]);
        tabs.clear_all();
        assert_eq!((tabs.after(0), tabs.before(29)), (29, 0));
        tabs.set(999);
    }
}
