//! The size of a terminal, in cells.

use std::fmt;

/// Rows and columns of a terminal; never zero in either direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Size {
    /// Height in rows, at least 1.
    pub rows: u16,
    /// Width in columns, at least 1.
    pub cols: u16,
}

impl Size {
    /// What a terminal is assumed to be when nobody says otherwise.
    pub const DEFAULT: Size = Size { rows: 24, cols: 80 };

    /// A size with zero raised to one, since an outer terminal may be resized to nothing.
    pub fn new(rows: u16, cols: u16) -> Size {
        Size { rows: rows.max(1), cols: cols.max(1) }
    }

    /// The smallest size that holds both.
    pub fn union(self, other: Size) -> Size {
        Size { rows: self.rows.max(other.rows), cols: self.cols.max(other.cols) }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.cols, self.rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_raised_to_one_and_union_covers_both() {
        assert_eq!(Size::new(0, 0), Size { rows: 1, cols: 1 });
        assert_eq!(Size::DEFAULT.union(Size::new(50, 10)).to_string(), "80x50");
    }
}
