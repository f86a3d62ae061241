//! How a screen is divided into tiles: how much of each host is wanted, how many tiles that makes, and the size that the
//! remote terminals have.
//!
//! The size of the remote terminals does not follow what is on the screen at the moment: it is that of the [`Tiling`] which
//! the user asked for last, so that looking at hosts in another way never makes their editors draw anew.

use std::num::NonZeroU16;

use ratatui::layout::Rect;

use crate::size::Size;

/// Rows and columns that a tile's frame takes.
pub(super) const FRAME: u16 = 2;

/// The smallest tile that the user can ask for by fixing rows or columns: a frame around one cell or two.
const LEAST: Size = Size { rows: 3, cols: 4 };

/// The smallest compact tile, with its frame.
const COMPACT: Size = Size { rows: 4, cols: 24 };

/// The narrowest line of a host before there are fewer columns of lines.
const LINE_COLUMNS: u16 = 48;

/// How much of each host is shown. The order is that of the key which leads from one to the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Density {
    /// Few terminals, each as large as 80x24 where there is room.
    Full,
    /// Tiles of the user's smallest size or more.
    #[default]
    Grid,
    /// Tiles of a few rows.
    Compact,
    /// One line for each host.
    Lines,
}

impl Density {
    /// All of them, the one that shows most of a host first.
    pub const ALL: [Density; 4] = [Density::Full, Density::Grid, Density::Compact, Density::Lines];

    /// The one that shows less of each host, and more hosts; after the last comes the first.
    pub fn next(self) -> Density {
        Density::ALL[(self as usize + 1) % Density::ALL.len()]
    }

    /// The one before.
    pub fn previous(self) -> Density {
        Density::ALL[(self as usize + Density::ALL.len() - 1) % Density::ALL.len()]
    }

    /// Its name, for a sentence and for configuration files.
    pub fn word(self) -> &'static str {
        match self {
            Density::Full => "full",
            Density::Grid => "grid",
            Density::Compact => "compact",
            Density::Lines => "lines",
        }
    }
}

/// What the user has fixed about the tiles; `None` leaves it to the screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Shape {
    /// So many tiles side by side, if there are so many.
    pub columns: Option<NonZeroU16>,
    /// At most so many rows of tiles on a page.
    pub rows: Option<NonZeroU16>,
}

/// Whether the host list stands beside the tiles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Side {
    /// The tiles have the whole width.
    #[default]
    Closed,
    /// The list stands at the right.
    Open,
}

/// What the size of the remote terminals is taken from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Tiling {
    /// How much of each host.
    pub density: Density,
    /// What is fixed.
    pub shape: Shape,
    /// What stands beside.
    pub side: Side,
    /// How many tiles.
    pub tiles: usize,
}

impl Tiling {
    /// The size of every remote terminal on this screen: the larger of 80x24 and the inside of a tile.
    pub fn terminal(self, screen: Size, min_tile: Size) -> Size {
        let body = body(screen, self.side);
        let grid = Grid::of(body, self.tiles, Wanted { density: self.density, shape: self.shape, min_tile });
        Size::DEFAULT.union(grid.inner())
    }
}

/// The part of the screen for the tiles: all but the bottom line and a list at the side.
pub(super) fn body(screen: Size, side: Side) -> Rect {
    let beside = match (side, list(screen)) {
        // A list that takes the whole screen stands over the tiles.
        (Side::Open, list) if list.x > 0 => list.width,
        _ => 0,
    };
    Rect::new(0, 0, screen.cols - beside, screen.rows - 1)
}

/// Where a list of hosts stands: at the right, and on a narrow screen everywhere.
pub(super) fn list(screen: Size) -> Rect {
    let columns = if screen.cols < 72 { screen.cols } else { (screen.cols / 3).clamp(30, 64) };
    Rect::new(screen.cols - columns, 0, columns, screen.rows - 1)
}

/// What is wanted of a grid.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) density: Density,
    pub(super) shape: Shape,
    /// The smallest tile of [`Density::Grid`], with its frame.
    pub(super) min_tile: Size,
}

/// In which order the places of a page are filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Row by row: tiles.
    Rows,
    /// Column by column: lines, as in a list of names.
    Columns,
}

/// Equal places in rows and columns: one page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    /// Places side by side.
    pub columns: usize,
    /// Places above each other.
    pub rows: usize,
    /// How they are filled.
    pub flow: Flow,
    /// The largest part of the screen that they divide.
    body: Rect,
}

/// Where the focus moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Toward {
    /// To the left.
    Left,
    /// Down.
    Down,
    /// Up.
    Up,
    /// To the right.
    Right,
}

impl Grid {
    /// The grid for so many tiles.
    pub(super) fn of(body: Rect, tiles: usize, wanted: Wanted) -> Grid {
        let least = match wanted.density {
            // 80x24 and its frame.
            Density::Full => Size::new(Size::DEFAULT.rows + FRAME, Size::DEFAULT.cols + FRAME),
            Density::Grid => wanted.min_tile,
            Density::Compact => {
                Size::new(COMPACT.rows.min(wanted.min_tile.rows), COMPACT.cols.min(wanted.min_tile.cols))
            }
            Density::Lines => return Grid::of_lines(body, tiles, wanted.shape),
        };
        Grid::of_tiles(body, tiles, least, wanted.shape)
    }

    /// Of the grids in which no tile is smaller than `least` (unless the screen itself is) the one that shows most of an
    /// 80x24 terminal in each; among equals the one with the wider tiles, which read better.
    fn of_tiles(body: Rect, tiles: usize, least: Size, shape: Shape) -> Grid {
        let most = |whole: u16, least: u16| usize::from(whole / least.max(1)).max(1);
        let most_columns = match shape.columns {
            Some(columns) => usize::from(columns.get()).min(most(body.width, LEAST.cols)),
            None => most(body.width, least.cols),
        };
        let most_rows = match shape.rows {
            Some(rows) => usize::from(rows.get()).min(most(body.height, LEAST.rows)),
            None => most(body.height, least.rows),
        };
        let wanted = tiles.clamp(1, most_columns * most_rows);
        let widest = most_columns.min(wanted);
        let fewest = if shape.columns.is_some() { widest } else { 1 };
        let with = |columns: usize| Grid { columns, rows: wanted.div_ceil(columns), flow: Flow::Rows, body };
        (fewest..=widest)
            .map(with)
            .filter(|grid| grid.rows <= most_rows)
            .reduce(|best, next| if next.worth() > best.worth() { next } else { best })
            .unwrap_or_else(|| with(widest))
    }

    /// As few columns of lines as hold them all, so that each is long.
    fn of_lines(body: Rect, tiles: usize, shape: Shape) -> Grid {
        let high = usize::from(body.height).max(1);
        let rows = shape.rows.map_or(high, |rows| usize::from(rows.get()).min(high));
        let columns = match shape.columns {
            Some(columns) => usize::from(columns.get().min(body.width / LEAST.cols)),
            None => tiles.div_ceil(rows).min(usize::from(body.width / LINE_COLUMNS)),
        };
        Grid { columns: columns.max(1), rows, flow: Flow::Columns, body }
    }

    /// Places on a page.
    pub fn per_page(self) -> usize {
        self.columns * self.rows
    }

    /// How much of an 80x24 terminal a tile shows, with columns counting twice: a line cut short hurts more than a line
    /// less.
    fn worth(self) -> u64 {
        let inner = self.inner();
        let rows = u64::from(inner.rows.min(Size::DEFAULT.rows));
        let cols = u64::from(inner.cols.min(Size::DEFAULT.cols));
        rows * cols * cols
    }

    /// The smallest tile of the page without its frame; a line of a host has no inside.
    fn inner(self) -> Size {
        let share = |whole: u16, parts: usize| (usize::from(whole) / parts) as u16;
        match self.flow {
            Flow::Columns => Size::new(1, 1),
            Flow::Rows => Size::new(
                share(self.body.height, self.rows).saturating_sub(FRAME),
                share(self.body.width, self.columns).saturating_sub(FRAME),
            ),
        }
    }

    /// The `n`th place of a page. What division leaves over goes to the last row and column.
    pub(super) fn cell(self, n: usize) -> Rect {
        let edge = |whole: u16, parts: usize, n: usize| (usize::from(whole) * n / parts) as u16;
        let (width, height) = (self.body.width, self.body.height);
        let (row, column) = match self.flow {
            Flow::Rows => (n / self.columns, n % self.columns),
            Flow::Columns => (n % self.rows, n / self.rows),
        };
        let (left, right) = (edge(width, self.columns, column), edge(width, self.columns, column + 1));
        let (top, bottom) = match self.flow {
            Flow::Rows => (edge(height, self.rows, row), edge(height, self.rows, row + 1)),
            Flow::Columns => (row as u16, (row as u16 + 1).min(height)),
        };
        // Between two columns of lines a blank.
        let gap = u16::from(self.flow == Flow::Columns && column + 1 < self.columns);
        Rect::new(self.body.x + left, self.body.y + top, (right - left).saturating_sub(gap), bottom - top)
    }

    /// The place that lies in a direction, of `count` places over all pages. Up and down cross pages; at an edge it is the
    /// same place.
    pub fn neighbour(self, at: usize, count: usize, toward: Toward) -> usize {
        let last = count.saturating_sub(1);
        match self.flow {
            Flow::Rows => {
                let column = at % self.columns;
                match toward {
                    Toward::Left if column > 0 => at - 1,
                    Toward::Right if column + 1 < self.columns => (at + 1).min(last),
                    Toward::Up if at >= self.columns => at - self.columns,
                    Toward::Down if at + self.columns <= last => at + self.columns,
                    // The last row may be short: the tile above a gap leads to the last one.
                    Toward::Down if at / self.columns < last / self.columns => last,
                    _ => at,
                }
            }
            Flow::Columns => {
                let (page, column) = (at / self.per_page(), at % self.per_page() / self.rows);
                let in_next = last / self.per_page() == page && last % self.per_page() / self.rows > column;
                match toward {
                    Toward::Up => at.saturating_sub(1),
                    Toward::Down => (at + 1).min(last),
                    Toward::Left if column > 0 => at - self.rows,
                    Toward::Right if column + 1 < self.columns && at + self.rows <= last => at + self.rows,
                    // The last column may be short.
                    Toward::Right if in_next => last,
                    _ => at,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIN: Size = Size { rows: 8, cols: 40 };

    fn grid(rows: u16, cols: u16, tiles: usize, density: Density) -> Grid {
        let body = body(Size::new(rows, cols), Side::Closed);
        Grid::of(body, tiles, Wanted { density, shape: Shape::default(), min_tile: MIN })
    }

    #[test]
    fn densities_lead_around_and_back() {
        for density in Density::ALL {
            assert_eq!(density.next().previous(), density);
        }
        let around = (0..4).fold(Density::Full, |density, _| density.next());
        assert_eq!((around, Density::Lines.next()), (Density::Full, Density::Full));
    }

    #[test]
    fn each_density_shows_more_hosts_on_a_page_than_the_one_before() {
        // rows, cols, tiles → columns and rows for full, grid, compact, lines
        for (rows, cols, tiles, expected) in [
            (51, 200, 1000, [(2, 1), (5, 6), (8, 12), (4, 50)]),
            (51, 200, 30, [(2, 1), (5, 6), (3, 10), (1, 50)]),
            (25, 80, 7, [(1, 1), (2, 3), (2, 4), (1, 24)]),
            (79, 250, 9, [(3, 3), (3, 3), (3, 3), (1, 78)]),
            (2, 3, 5, [(1, 1); 4]),
        ] {
            let got = Density::ALL.map(|density| grid(rows, cols, tiles, density));
            assert_eq!(got.map(|grid| (grid.columns, grid.rows)), expected, "{cols}x{rows}, {tiles}");
        }
    }

    #[test]
    fn fixed_columns_and_rows_are_kept_as_far_as_there_are_tiles_and_room() {
        let fixed = |columns: u16, rows: u16, tiles| {
            let shape = Shape { columns: NonZeroU16::new(columns), rows: NonZeroU16::new(rows) };
            let body = body(Size::new(51, 200), Side::Closed);
            let grid = Grid::of(body, tiles, Wanted { density: Density::Grid, shape, min_tile: MIN });
            (grid.columns, grid.rows)
        };
        for (columns, rows, tiles, expected) in [
            (1, 0, 4, (1, 4)),
            (1, 0, 9, (1, 6)),
            (4, 0, 9, (4, 3)),
            (9, 0, 4, (4, 1)),
            (999, 0, 999, (50, 6)),
            (0, 1, 4, (4, 1)),
            (0, 1, 9, (5, 1)),
            (2, 2, 9, (2, 2)),
            (3, 999, 999, (3, 16)),
        ] {
            assert_eq!(fixed(columns, rows, tiles), expected, "{columns} and {rows} for {tiles}");
        }
    }

    #[test]
    fn places_cover_their_part_of_the_screen_without_overlap() {
        for density in Density::ALL {
            for (rows, cols, tiles) in [(25, 80, 5), (51, 203, 130), (7, 33, 2), (2, 3, 1), (1, 1, 3)] {
                let grid = grid(rows, cols, tiles, density);
                let cells: Vec<Rect> = (0..grid.per_page()).map(|n| grid.cell(n)).collect();
                for (n, cell) in cells.iter().enumerate() {
                    assert!(cell.bottom() < rows && cell.right() <= cols, "{density:?} {cell}");
                    let apart = cells[..n].iter().all(|other| other.intersection(*cell).is_empty());
                    assert!(apart, "{density:?} {cell}");
                }
            }
        }
    }

    #[test]
    fn steps_follow_what_is_seen() {
        use Toward::*;
        let tiles = Grid { columns: 2, rows: 3, flow: Flow::Rows, body: Rect::new(0, 0, 80, 24) };
        let lines = Grid { flow: Flow::Columns, ..tiles };
        // Nine places on two pages; the second is not full.
        for (grid, at, left, down, up, right) in [
            (tiles, 0, 0, 2, 0, 1),
            (tiles, 1, 0, 3, 1, 1),
            (tiles, 4, 4, 6, 2, 5),
            (tiles, 7, 6, 8, 5, 7),
            (tiles, 8, 8, 8, 6, 8),
            (lines, 0, 0, 1, 0, 3),
            (lines, 5, 2, 6, 4, 5),
            (lines, 6, 6, 7, 5, 6),
            (lines, 8, 8, 8, 7, 8),
        ] {
            let got = [Left, Down, Up, Right].map(|toward| grid.neighbour(at, 9, toward));
            assert_eq!(got, [left, down, up, right], "{:?} from {at}", grid.flow);
        }
        assert_eq!(lines.neighbour(2, 5, Right), 4, "a short column");
    }

    #[test]
    fn remote_terminals_are_the_larger_of_80x24_and_the_tile() {
        let terminal = |density, side, tiles, rows, cols| {
            Tiling { density, shape: Shape::default(), side, tiles }.terminal(Size::new(rows, cols), MIN)
        };
        for (density, side, tiles, rows, cols, expected) in [
            (Density::Grid, Side::Closed, 6, 25, 80, Size::DEFAULT),
            (Density::Grid, Side::Closed, 1, 51, 200, Size::new(48, 198)),
            (Density::Grid, Side::Closed, 2, 51, 200, Size::new(48, 98)),
            (Density::Grid, Side::Open, 1, 51, 200, Size::new(48, 134)),
            (Density::Lines, Side::Closed, 1, 51, 200, Size::DEFAULT),
            (Density::Full, Side::Closed, 12, 51, 200, Size::new(48, 98)),
            (Density::Grid, Side::Open, 1, 25, 60, Size::DEFAULT),
        ] {
            assert_eq!(
                terminal(density, side, tiles, rows, cols),
                expected,
                "{density:?} {tiles} {cols}x{rows}"
            );
        }
    }
}
