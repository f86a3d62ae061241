//! Geometry: which tile stands where. One value, computed from the size, the tiles and the focus; drawing, the mouse and
//! the size of the remote terminals all read it, so they cannot disagree.
//!
//! The page is not a state of its own: it is the one that holds the focused tile, so the cursor is always on the screen.

use ratatui::layout::Rect;

use crate::broadcast::MemberId;
use crate::size::Size;

/// Rows and columns that a tile's frame takes.
const FRAME: u16 = 2;

/// What the geometry depends on.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// The outer terminal.
    pub screen: Size,
    /// All tiles, in order.
    pub tiles: &'a [MemberId],
    /// The tile with the cursor.
    pub focus: Option<MemberId>,
    /// Tiles side by side, or one alone.
    pub zoom: Zoom,
    /// The smallest tile, with its frame, before there are pages.
    pub min_tile: Size,
}

/// How many tiles are shown at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Zoom {
    /// A grid of them.
    #[default]
    Grid,
    /// The focused one fills the screen.
    Focus,
}

/// The geometry of one screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The tiles that are shown, with their frames.
    pub tiles: Vec<(MemberId, Rect)>,
    /// The bottom line.
    pub status: Rect,
    /// The whole screen.
    pub area: Rect,
    /// Which page is shown, from 0.
    pub page: usize,
    /// How many pages there are, at least 1.
    pub pages: usize,
    /// Tiles on a full page.
    pub per_page: usize,
    /// Tiles in a row of the grid.
    pub columns: usize,
    /// The size that every remote terminal should have.
    pub terminal: Size,
}

impl Layout {
    /// Computes the geometry.
    pub fn of(scene: Scene<'_>) -> Layout {
        let Size { rows, cols } = scene.screen;
        let area = Rect::new(0, 0, cols, rows);
        let body = Rect::new(0, 0, cols, rows - 1);
        let status = Rect::new(0, rows - 1, cols, 1);
        let grid = Grid::of(Size::new(body.height, cols), scene.tiles.len(), scene.min_tile);
        let per_page = grid.columns * grid.rows;
        let at = scene.focus.and_then(|id| scene.tiles.iter().position(|tile| *tile == id)).unwrap_or(0);
        let page = at / per_page;
        let shown = scene.tiles.iter().skip(page * per_page).take(per_page);
        let tiles = match zoomed(scene.zoom, scene.focus) {
            Some(id) => vec![(id, body)],
            None => shown.enumerate().map(|(n, id)| (*id, grid.cell(body, n))).collect(),
        };
        Layout {
            tiles,
            status,
            area,
            page,
            pages: scene.tiles.len().div_ceil(per_page).max(1),
            per_page,
            columns: grid.columns,
            terminal: Size::DEFAULT.union(grid.inner),
        }
    }

    /// The tile at a cell of the screen, with the place inside its frame where there is one.
    pub fn hit(&self, column: u16, row: u16) -> Option<(MemberId, Option<(u16, u16)>)> {
        let at = ratatui::layout::Position::new(column, row);
        let (id, rect) = self.tiles.iter().find(|(_, rect)| rect.contains(at))?;
        let inner = inner(*rect);
        let inside = inner.contains(at).then(|| (row - inner.y, column - inner.x));
        Some((*id, inside))
    }

    /// Is this tile on the screen?
    pub fn shows(&self, id: MemberId) -> bool {
        self.tiles.iter().any(|(tile, _)| *tile == id)
    }

    /// The frame of a tile that is on the screen.
    pub fn rect(&self, id: MemberId) -> Option<Rect> {
        self.tiles.iter().find(|(tile, _)| *tile == id).map(|(_, rect)| *rect)
    }
}

fn zoomed(zoom: Zoom, focus: Option<MemberId>) -> Option<MemberId> {
    match zoom {
        Zoom::Grid => None,
        Zoom::Focus => focus,
    }
}

/// What is left of a tile inside its frame; where the tile is too small for a frame, everything below its title.
pub fn inner(tile: Rect) -> Rect {
    if has_frame(tile) {
        return Rect::new(tile.x + 1, tile.y + 1, tile.width - FRAME, tile.height - FRAME);
    }
    let title = tile.height.min(1);
    Rect::new(tile.x, tile.y + title, tile.width, tile.height - title)
}

/// Is there room for a frame?
pub fn has_frame(tile: Rect) -> bool {
    tile.width > FRAME && tile.height > FRAME
}

/// The first row and column of a terminal that a smaller tile shows, so that the cursor is in sight.
pub fn view(terminal: Size, cursor: (u16, u16), tile: Rect) -> (u16, u16) {
    let (row, column) = cursor;
    let last_row = terminal.rows.saturating_sub(tile.height);
    let last_column = terminal.cols.saturating_sub(tile.width);
    let first_row = (row + 1).saturating_sub(tile.height).min(last_row);
    // A line is read from its beginning: sideways the tile moves only when the cursor is beyond it, and then by a
    // quarter more, so that it does not move with every letter.
    let first_column = if column < tile.width {
        0
    } else {
        (column + 1 + tile.width / 4).saturating_sub(tile.width).min(last_column)
    };
    (first_row, first_column)
}

/// Equal tiles in rows and columns.
struct Grid {
    columns: usize,
    rows: usize,
    /// A tile without its frame.
    inner: Size,
}

impl Grid {
    /// The grid that shows most of an 80x24 terminal in each tile; among equals the one with the wider tiles, which
    /// read better. No tile is smaller than `min`, unless the screen itself is.
    fn of(body: Size, tiles: usize, min: Size) -> Grid {
        let most_columns = usize::from(body.cols / min.cols.max(1)).max(1);
        let most_rows = usize::from(body.rows / min.rows.max(1)).max(1);
        let wanted = tiles.clamp(1, most_columns * most_rows);
        (1..=most_columns.min(wanted))
            .filter(|columns| wanted.div_ceil(*columns) <= most_rows)
            .map(|columns| Grid::with(body, columns, wanted.div_ceil(columns)))
            .reduce(|best, next| if next.worth() > best.worth() { next } else { best })
            .unwrap_or_else(|| Grid::with(body, most_columns, most_rows))
    }

    fn with(body: Size, columns: usize, rows: usize) -> Grid {
        let share = |whole: u16, parts: usize| (usize::from(whole) / parts) as u16;
        let inner = Size::new(
            share(body.rows, rows).saturating_sub(FRAME),
            share(body.cols, columns).saturating_sub(FRAME),
        );
        Grid { columns, rows, inner }
    }

    /// How much of an 80x24 terminal a tile shows, with columns counting twice: a line cut short hurts more than a line
    /// less.
    fn worth(&self) -> u64 {
        let rows = u64::from(self.inner.rows.min(Size::DEFAULT.rows));
        let cols = u64::from(self.inner.cols.min(Size::DEFAULT.cols));
        rows * cols * cols
    }

    /// The `n`th tile of a page. What division leaves over goes to the last row and column.
    fn cell(&self, body: Rect, n: usize) -> Rect {
        let (row, column) = (n / self.columns, n % self.columns);
        let edge = |whole: u16, parts: usize, n: usize| (usize::from(whole) * n / parts) as u16;
        let (left, right) =
            (edge(body.width, self.columns, column), edge(body.width, self.columns, column + 1));
        let (top, bottom) = (edge(body.height, self.rows, row), edge(body.height, self.rows, row + 1));
        Rect::new(left, top, right - left, bottom - top)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIN: Size = Size { rows: 8, cols: 40 };

    fn layout(rows: u16, cols: u16, tiles: u32, focus: u32, zoom: Zoom) -> Layout {
        let ids: Vec<MemberId> = (0..tiles).map(MemberId).collect();
        let focus = (tiles > 0).then_some(MemberId(focus));
        Layout::of(Scene { screen: Size::new(rows, cols), tiles: &ids, focus, zoom, min_tile: MIN })
    }

    #[test]
    fn tiles_are_wide_and_pages_begin_where_they_would_be_too_small() {
        // rows, cols, tiles → columns, per page, pages
        for (rows, cols, tiles, expected) in [
            (25, 80, 1, (1, 1, 1)),
            (25, 80, 2, (1, 2, 1)),
            (25, 80, 4, (2, 4, 1)),
            (25, 80, 7, (2, 6, 2)),
            (60, 100, 2, (1, 2, 1)),
            (51, 200, 2, (2, 2, 1)),
            (51, 200, 12, (3, 12, 1)),
            (51, 200, 1000, (5, 30, 34)),
            (5, 20, 3, (1, 1, 3)),
            (1, 1, 3, (1, 1, 3)),
            (24, 80, 0, (1, 1, 1)),
        ] {
            let l = layout(rows, cols, tiles, 0, Zoom::Grid);
            assert_eq!((l.columns, l.per_page, l.pages), expected, "{cols}x{rows} with {tiles}");
        }
    }

    #[test]
    fn tiles_cover_the_body_without_overlap_and_hits_find_them() {
        for (rows, cols, tiles) in [(25, 80, 5), (51, 203, 13), (7, 33, 2), (2, 3, 1)] {
            let l = layout(rows, cols, tiles, 0, Zoom::Grid);
            for (id, rect) in &l.tiles {
                assert!(rect.bottom() <= l.status.y && rect.right() <= cols);
                for (column, row) in [(rect.x, rect.y), (rect.right() - 1, rect.bottom() - 1)] {
                    assert_eq!(l.hit(column, row).map(|(hit, _)| hit), Some(*id));
                }
            }
            assert_eq!(l.hit(0, l.status.y), None);
        }
    }

    #[test]
    fn the_page_is_the_one_with_the_focus_and_zoom_fills_the_body() {
        let l = layout(25, 80, 20, 13, Zoom::Grid);
        assert_eq!((l.page, l.tiles[0].0, l.tiles.len()), (2, MemberId(12), 6));
        let l = layout(25, 80, 20, 13, Zoom::Focus);
        assert_eq!(l.tiles, [(MemberId(13), Rect::new(0, 0, 80, 24))]);
    }

    #[test]
    fn remote_terminals_are_the_larger_of_80x24_and_the_tile() {
        assert_eq!(layout(25, 80, 6, 0, Zoom::Grid).terminal, Size::DEFAULT);
        assert_eq!(layout(51, 200, 1, 0, Zoom::Grid).terminal, Size::new(48, 198));
        assert_eq!(layout(51, 200, 2, 0, Zoom::Grid).terminal, Size::new(48, 98));
        let zoomed = layout(51, 200, 12, 0, Zoom::Focus).terminal;
        assert_eq!(zoomed, layout(51, 200, 12, 0, Zoom::Grid).terminal, "zoom changes no remote size");
    }

    #[test]
    fn the_cursor_is_always_in_sight() {
        for cursor in [(0, 0), (23, 79), (10, 40), (23, 0), (0, 79)] {
            for tile in [Rect::new(0, 0, 80, 24), Rect::new(0, 0, 38, 6), Rect::new(0, 0, 1, 1)] {
                let (row, column) = view(Size::DEFAULT, cursor, tile);
                assert!((row..row + tile.height).contains(&cursor.0), "{cursor:?} in {tile}");
                assert!((column..column + tile.width).contains(&cursor.1), "{cursor:?} in {tile}");
                assert!(row + tile.height <= 24 && column + tile.width <= 80, "nothing beyond the edge");
            }
        }
    }
}
