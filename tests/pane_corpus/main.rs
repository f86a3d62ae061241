//! What hostile and broken input does: nothing, within bounds that are counted.

mod bombs;
mod generator;
mod killers;
mod questions;
mod written;

use std::time::Duration;

use omnes::pane::{Fed, HistoryLimit, Pane};
use omnes::size::Size;

pub(crate) fn pane(rows: u16, cols: u16) -> Pane {
    Pane::new(Size::new(rows, cols), HistoryLimit::default())
}

pub(crate) fn feed(pane: &mut Pane, bytes: impl AsRef<[u8]>) -> Fed {
    pane.feed(Duration::ZERO, bytes.as_ref())
}
