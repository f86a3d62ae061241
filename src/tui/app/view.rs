//! How the user looks at the hosts: densities, columns, the size of the remote terminals, and moving a tile off its cursor.
//!
//! Nothing here changes who hears, and only a retile changes what a host is told of its size. A retile is asked for with a
//! key; it also follows when hosts are added or closed (as in ClusterSSH), unless the user keeps that for himself. What it
//! takes the size from is remembered ([`Tiling`]), so that a resize of the outer terminal means the same whatever is on
//! the screen at that moment.

use std::num::NonZeroU16;

use crate::size::Size;
use crate::tui::action::Action;
use crate::tui::layout::{self, Form, Layout, Scene, Zoom};
use crate::tui::tiling::{Density, Shape, Side, Tiling, Toward};

use super::options::{Options, Retile};
use super::{App, HostList, Tone};

/// What the user has chosen about the view.
#[derive(Debug)]
pub(super) struct View {
    pub(super) density: Density,
    pub(super) shape: Shape,
    /// The host list, while it is open.
    pub(super) list: Option<HostList>,
    /// What the remote size is taken from.
    pub(super) tiling: Tiling,
    /// Whether that follows the number of hosts.
    follows: Follows,
}

/// What the number of tiles in the tiling goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Follows {
    /// The hosts: one tile for each.
    Hosts,
    /// Nothing: the user took the size of a view that shows other tiles, such as a zoomed one.
    Nothing,
}

impl View {
    /// The view in the beginning.
    pub(super) fn new(options: &Options) -> View {
        let density = options.view.density;
        let shape = usual_shape(options, density);
        let tiling = Tiling { density, shape, ..Tiling::default() };
        View { density, shape, list: None, tiling, follows: Follows::Hosts }
    }

    /// Is the host list open?
    fn side(&self) -> Side {
        if self.list.is_some() { Side::Open } else { Side::Closed }
    }

    /// The geometry of a screen without hosts.
    pub(super) fn empty(&self, screen: Size, min_tile: Size) -> Layout {
        let (density, shape, tiling) = (self.density, self.shape, self.tiling);
        let (zoom, side) = (Zoom::Grid, Side::Closed);
        Layout::of(Scene { screen, tiles: &[], focus: None, zoom, density, shape, side, tiling, min_tile })
    }
}

/// What the user's file fixes concerns the grid: as many columns of full terminals would be too narrow, and as few columns
/// of lines too wide.
fn usual_shape(options: &Options, density: Density) -> Shape {
    match density {
        Density::Grid => options.view.shape,
        Density::Full | Density::Compact | Density::Lines => Shape::default(),
    }
}

impl App {
    /// What the geometry depends on now.
    pub(super) fn scene(&self) -> Scene<'_> {
        Scene {
            screen: self.screen,
            tiles: &self.order,
            focus: self.broadcast.focus(),
            zoom: self.zoom,
            density: self.view.density,
            shape: self.view.shape,
            side: self.view.side(),
            tiling: self.view.tiling,
            min_tile: self.options.min_tile,
        }
    }

    /// Does what an action of the view says.
    pub(super) fn view_action(&mut self, action: Action) {
        match action {
            Action::DensityNext => self.set_density(self.view.density.next()),
            Action::DensityPrevious => self.set_density(self.view.density.previous()),
            Action::ColumnsMore => self.change_columns(1),
            Action::ColumnsFewer => self.change_columns(-1),
            Action::ColumnsAuto => self.free_columns(),
            Action::Retile => self.retile(),
            Action::PanLeft => self.pan(Toward::Left),
            Action::PanRight => self.pan(Toward::Right),
            Action::PanUp => self.pan(Toward::Up),
            Action::PanDown => self.pan(Toward::Down),
            Action::PanHome => {
                self.follow_cursor();
                self.notes.say(Tone::Plain, "the tile follows its cursor", self.now);
            }
            Action::HostList => self.toggle_list(),
            _ => {}
        }
    }

    /// How much of each host is shown.
    pub fn density(&self) -> Density {
        self.view.density
    }

    /// Shows more or less of each host. A zoomed host is given back, or there would be nothing to see of it.
    pub(super) fn set_density(&mut self, density: Density) {
        self.zoom = Zoom::Grid;
        self.view.density = density;
        self.view.shape = usual_shape(&self.options, density);
        self.relayout();
        let shown = match self.layout.pages {
            1 => "every host is on the page".to_owned(),
            pages if self.layout.per_page == 1 => format!("one host on a page, {pages} pages"),
            pages => format!("{} hosts on a page, {pages} pages", self.layout.per_page),
        };
        self.notes.say(Tone::Plain, format!("{}: {shown}", told(density)), self.now);
    }

    /// Density and columns, where they are not those of the start; 0 columns are as many as suit the screen.
    pub(super) fn chosen_view(&self) -> (Option<Density>, Option<u16>) {
        let View { density, shape, .. } = self.view;
        let columns = |shape: Shape| shape.columns.map_or(0, NonZeroU16::get);
        let usual = columns(usual_shape(&self.options, density));
        (
            Some(density).filter(|density| *density != self.options.view.density),
            Some(columns(shape)).filter(|columns| *columns != usual),
        )
    }

    /// The same of a saved set, as if it had been so from the start: the remote terminals have the size for it.
    pub(super) fn restore_view(&mut self, density: Option<Density>, columns: Option<u16>) {
        let density = density.unwrap_or(self.options.view.density);
        let mut shape = usual_shape(&self.options, density);
        if let Some(columns) = columns {
            shape.columns = NonZeroU16::new(columns);
        }
        (self.view.density, self.view.shape) = (density, shape);
        self.view.tiling = Tiling { density, shape, ..self.view.tiling };
    }

    /// A line is too little to look back in: the focused host fills the screen.
    pub(super) fn zoom_from_line(&mut self) {
        if self.layout.form == Form::Line {
            self.zoom = Zoom::Focus;
            self.relayout();
        }
    }

    /// Fixes the number of columns at one more or fewer than are seen.
    fn change_columns(&mut self, by: i16) {
        self.zoom = Zoom::Grid;
        self.relayout();
        let seen = u16::try_from(self.layout.grid.columns).unwrap_or(u16::MAX);
        self.view.shape.columns = NonZeroU16::new(seen.saturating_add_signed(by).max(1));
        self.relayout();
        // A wish for which there are no tiles or no room would make the next one seem to do nothing.
        let got = u16::try_from(self.layout.grid.columns).unwrap_or(u16::MAX);
        self.view.shape.columns = NonZeroU16::new(got);
        let text = match (got, got == seen) {
            (1, _) => "1 column".to_owned(),
            (n, false) => format!("{n} columns"),
            (n, true) => format!("{n} columns: there is no room or no tile for another"),
        };
        self.notes.say(Tone::Plain, text, self.now);
    }

    /// Leaves the number of columns to the screen.
    fn free_columns(&mut self) {
        self.view.shape = Shape::default();
        self.relayout();
        self.notes.say(Tone::Plain, "as many columns as suit the screen", self.now);
    }

    /// Hosts have come or gone: unless the user wants to say so himself, the remote size is that of the tiles there are now.
    pub(super) fn retile_for_hosts(&mut self) {
        let first = self.view.tiling.tiles == 0;
        if first || (self.options.view.retile == Retile::Auto && self.view.follows == Follows::Hosts) {
            self.view.tiling.tiles = self.tiles.ids().len();
        }
    }

    /// Gives every remote terminal the size of the tiles as they are now.
    fn retile(&mut self) {
        let (density, shape, side) = (self.view.density, self.view.shape, self.view.side());
        self.view.tiling = match self.zoom {
            Zoom::Grid => Tiling { density, shape, side, tiles: self.order.len() },
            Zoom::Focus => Tiling { side, tiles: 1, ..Tiling::default() },
        };
        let one_each = self.view.tiling.tiles == self.tiles.ids().len();
        self.view.follows = if one_each { Follows::Hosts } else { Follows::Nothing };
        self.relayout();
        self.set_terminal_size();
        self.notes.say(Tone::Plain, format!("every terminal is {} now", self.terminal), self.now);
    }

    /// Moves the view of the focused tile by half of what it shows.
    fn pan(&mut self, toward: Toward) {
        self.leave_scrollback();
        let Some(focus) = self.focus_or_say() else { return };
        let Some(rect) = self.layout.rect(focus) else { return };
        let inside = layout::inner(rect);
        let Some(tile) = self.tiles.get_mut(focus) else { return };
        let size = tile.pane.size();
        if self.layout.form == Form::Line || (inside.height >= size.rows && inside.width >= size.cols) {
            let why = match self.layout.form {
                Form::Line => "a line cannot be moved; a tile can",
                Form::Tile => "this host is shown whole",
            };
            return self.notes.refuse(why, self.now);
        }
        let (row, col) = tile.view(inside);
        let (rows, cols) = ((inside.height / 2).max(1), (inside.width / 2).max(1));
        let (row, col) = match toward {
            Toward::Left => (row, col.saturating_sub(cols)),
            Toward::Right => (row, col.saturating_add(cols)),
            Toward::Up => (row.saturating_sub(rows), col),
            Toward::Down => (row.saturating_add(rows), col),
        };
        tile.top = None;
        tile.pan = Some((row, col));
        tile.pan = Some(tile.view(inside));
    }

    /// The focused tile shows the part around its cursor again.
    pub(super) fn follow_cursor(&mut self) {
        if let Some(tile) = self.broadcast.focus().and_then(|id| self.tiles.get_mut(id)) {
            tile.pan = None;
        }
    }
}

/// A density in a few words.
fn told(density: Density) -> &'static str {
    match density {
        Density::Full => "full terminals",
        Density::Grid => "the usual grid",
        Density::Compact => "compact tiles",
        Density::Lines => "one line for each host",
    }
}
