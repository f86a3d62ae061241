//! Geometry: which tile stands where. One value, computed from the size, the tiles and the focus; drawing, the mouse and
//! the size of the remote terminals all read it, so they cannot disagree.
//!
//! The page is not a state of its own: it is the one that holds the focused tile, so the cursor is always on the screen.

use ratatui::layout::{Position, Rect};

use crate::broadcast::MemberId;
use crate::size::Size;

use super::tiling::{self, Density, FRAME, Flow, Grid, Shape, Side, Tiling, Wanted};

/// Rows of the host list above its hosts.
const LIST_HEAD: u16 = 2;

/// What the geometry depends on.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// The outer terminal.
    pub screen: Size,
    /// The tiles that the view shows, in its order; not every host need have one.
    pub tiles: &'a [MemberId],
    /// The tile with the cursor.
    pub focus: Option<MemberId>,
    /// Tiles side by side, or one alone.
    pub zoom: Zoom,
    /// How much of each host is shown.
    pub density: Density,
    /// What the user has fixed about the tiles.
    pub shape: Shape,
    /// Whether the host list stands beside them.
    pub side: Side,
    /// What the size of the remote terminals is taken from.
    pub tiling: Tiling,
    /// The smallest tile of the usual grid, with its frame, before there are pages.
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

/// How a host on the screen looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A terminal in a frame.
    Tile,
    /// One line.
    Line,
}

/// The geometry of one screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The tiles that are shown, with their frames.
    pub tiles: Vec<(MemberId, Rect)>,
    /// What they are.
    pub form: Form,
    /// The host list, while it is open; where there is no room beside the tiles it stands over them.
    pub list: Option<Rect>,
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
    /// The rows and columns of a page; a zoomed tile covers them.
    pub grid: Grid,
    /// The size that every remote terminal should have.
    pub terminal: Size,
}

impl Layout {
    /// Computes the geometry.
    pub fn of(scene: Scene<'_>) -> Layout {
        let Size { rows, cols } = scene.screen;
        let Scene { density, shape, min_tile, .. } = scene;
        let body = tiling::body(scene.screen, scene.side);
        let grid = Grid::of(body, scene.tiles.len(), Wanted { density, shape, min_tile });
        let per_page = grid.per_page();
        let at = scene.focus.and_then(|id| scene.tiles.iter().position(|tile| *tile == id)).unwrap_or(0);
        let page = at / per_page;
        let shown = scene.tiles.iter().skip(page * per_page).take(per_page);
        let (tiles, form) = match (zoomed(scene.zoom, scene.focus), grid.flow) {
            (Some(id), _) => (vec![(id, body)], Form::Tile),
            (None, flow) => {
                let form = if flow == Flow::Columns { Form::Line } else { Form::Tile };
                (shown.enumerate().map(|(n, id)| (*id, grid.cell(n))).collect(), form)
            }
        };
        Layout {
            tiles,
            form,
            list: (scene.side == Side::Open).then(|| tiling::list(scene.screen)),
            status: Rect::new(0, rows - 1, cols, 1),
            area: Rect::new(0, 0, cols, rows),
            page,
            pages: scene.tiles.len().div_ceil(per_page).max(1),
            per_page,
            grid,
            terminal: scene.tiling.terminal(scene.screen, min_tile),
        }
    }

    /// The tile at a cell of the screen, with the place inside its frame where there is one. The host list hides what is
    /// under it.
    pub fn hit(&self, column: u16, row: u16) -> Option<(MemberId, Option<(u16, u16)>)> {
        let at = Position::new(column, row);
        if self.in_list(column, row) {
            return None;
        }
        let (id, rect) = self.tiles.iter().find(|(_, rect)| rect.contains(at))?;
        let inner = inner(*rect);
        let inside = inner.contains(at).then(|| (row - inner.y, column - inner.x));
        Some((*id, inside))
    }

    /// The tile whose glyph stands at a cell of the screen.
    pub fn glyph_at(&self, column: u16, row: u16) -> Option<MemberId> {
        let at = Position::new(column, row);
        let (id, rect) = self.tiles.iter().find(|(_, rect)| rect.contains(at))?;
        (!self.in_list(column, row) && glyph(*rect) == at).then_some(*id)
    }

    /// Is this cell one of the host list?
    pub fn in_list(&self, column: u16, row: u16) -> bool {
        self.list.is_some_and(|list| list.contains(Position::new(column, row)))
    }

    /// Is this tile on the screen, and not behind the host list?
    pub fn shows(&self, id: MemberId) -> bool {
        self.tiles.iter().any(|(tile, rect)| *tile == id && !self.covers(*rect))
    }

    /// The tiles of which something is to be seen: all of the page but those behind the host list.
    pub fn in_sight(&self) -> impl Iterator<Item = MemberId> {
        self.tiles.iter().filter(|(_, rect)| !self.covers(*rect)).map(|(id, _)| *id)
    }

    /// Does the host list hide all of this?
    fn covers(&self, rect: Rect) -> bool {
        self.list.is_some_and(|list| list.intersection(rect) == rect)
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

/// Where the glyph of a tile stands: behind the corner of its frame and the mark of the focus.
pub fn glyph(tile: Rect) -> Position {
    Position::new(tile.x + if has_frame(tile) { 2 } else { 1 }, tile.y)
}

/// What is left of a tile inside its frame; where the tile is too small for a frame, everything below its title.
pub fn inner(tile: Rect) -> Rect {
    if has_frame(tile) {
        return Rect::new(tile.x + 1, tile.y + 1, tile.width - FRAME, tile.height - FRAME);
    }
    let title = tile.height.min(1);
    Rect::new(tile.x, tile.y + title, tile.width, tile.height - title)
}

/// The rows of hosts in a list: inside its frame, below the counts and the filter.
pub fn list_rows(list: Rect) -> Rect {
    let inside = inner(list);
    let above = inside.height.min(LIST_HEAD);
    Rect::new(inside.x, inside.y + above, inside.width, inside.height - above)
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

#[cfg(test)]
mod tests {
    use super::*;

    const MIN: Size = Size { rows: 8, cols: 40 };

    fn layout(rows: u16, cols: u16, tiles: u32, focus: u32, zoom: Zoom) -> Layout {
        dense(Size::new(rows, cols), tiles, focus, (zoom, Density::Grid, Side::Closed))
    }

    fn dense(screen: Size, tiles: u32, focus: u32, (zoom, density, side): (Zoom, Density, Side)) -> Layout {
        let ids: Vec<MemberId> = (0..tiles).map(MemberId).collect();
        let focus = (tiles > 0).then_some(MemberId(focus));
        let tiling = Tiling { tiles: ids.len(), ..Tiling::default() };
        let shape = Shape::default();
        Layout::of(Scene { screen, tiles: &ids, focus, zoom, density, shape, side, tiling, min_tile: MIN })
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
            assert_eq!((l.grid.columns, l.per_page, l.pages), expected, "{cols}x{rows} with {tiles}");
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
    fn remote_terminals_follow_neither_zoom_nor_density_nor_the_list() {
        let screen = Size::new(51, 200);
        let usual = dense(screen, 2, 0, (Zoom::Grid, Density::Grid, Side::Closed)).terminal;
        assert_eq!(usual, Size::new(48, 98));
        for zoom in [Zoom::Grid, Zoom::Focus] {
            for density in Density::ALL {
                for side in [Side::Closed, Side::Open] {
                    assert_eq!(dense(screen, 2, 0, (zoom, density, side)).terminal, usual);
                }
            }
        }
    }

    #[test]
    fn lines_are_one_row_each_and_a_zoomed_host_is_a_tile_again() {
        let l = dense(Size::new(25, 120), 60, 30, (Zoom::Grid, Density::Lines, Side::Closed));
        assert_eq!((l.form, l.tiles.len(), l.pages, l.page), (Form::Line, 48, 2, 0));
        assert_eq!(l.tiles[25], (MemberId(25), Rect::new(60, 1, 60, 1)), "down first, then to the right");
        assert_eq!(l.glyph_at(61, 1), Some(MemberId(25)));
        assert_eq!(l.hit(70, 1), Some((MemberId(25), None)), "a line has no inside");
        let l = dense(Size::new(25, 120), 60, 30, (Zoom::Focus, Density::Lines, Side::Closed));
        assert_eq!((l.form, l.tiles.len()), (Form::Tile, 1));
    }

    #[test]
    fn five_thousand_hosts_have_no_more_places_than_the_screen_has_rows_and_columns_for() {
        for density in Density::ALL {
            for (focus, rows, cols) in [(0, 25, 80), (4999, 51, 200), (2500, 200, 500), (17, 1, 1)] {
                let screen = Size::new(rows, cols);
                let l = dense(screen, 5000, focus, (Zoom::Grid, density, Side::Closed));
                let room = usize::from(rows.max(2) - 1) * usize::from(cols).div_ceil(4);
                assert!(l.tiles.len() <= l.per_page && l.per_page <= room, "{density:?}: {}", l.per_page);
                assert!(l.shows(MemberId(focus)), "the page is the one with the focus");
                assert_eq!(l.pages, 5000_usize.div_ceil(l.per_page));
            }
        }
    }

    #[test]
    fn the_list_stands_beside_the_tiles_or_over_them_where_there_is_no_room() {
        let l = dense(Size::new(25, 120), 4, 0, (Zoom::Grid, Density::Grid, Side::Open));
        let list = l.list.expect("an open list");
        assert_eq!(list, Rect::new(80, 0, 40, 24));
        assert!(l.tiles.iter().all(|(_, rect)| rect.intersection(list).is_empty()));
        let l = dense(Size::new(25, 60), 4, 0, (Zoom::Grid, Density::Grid, Side::Open));
        assert_eq!((l.list, l.tiles.len()), (Some(Rect::new(0, 0, 60, 24)), 3));
        assert_eq!((l.hit(5, 5), l.glyph_at(2, 0), l.in_list(5, 5)), (None, None, true));
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
