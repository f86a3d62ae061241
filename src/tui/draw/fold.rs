//! What a folded tile says of itself.

use crate::tui::action::Action;
use crate::tui::app::{App, Tile};

use super::text::{count, fitting, width};

/// The name of a tile: the host's, or the set that the tile stands for with its number, which is in sight however little
/// room there is.
pub(super) fn name(app: &App, tile: &Tile, room: u16) -> String {
    let Some(label) = app.fold_label(tile.member) else { return tile.name.clone() };
    let number = format!(" · {}", app.stands_for(tile.member));
    let room = room.saturating_sub(width(&number)).max(1);
    match width(label) <= room {
        true => format!("{label}{number}"),
        false => format!("{}…{number}", fitting(label, room - 1)),
    }
}

/// In how many tiles those are who hear: `, 3 folds`; nothing while the view is off.
pub(super) fn folds(app: &App) -> String {
    app.folds_that_hear().map_or(String::new(), |folds| format!(", {}", count(folds, "fold")))
}

/// While the hosts of one fold are shown: that they are, and the way back.
pub(super) fn way_back(app: &App) -> Option<String> {
    let back = app.options().keymap.hint(Action::FoldMembers);
    app.shows_members().then(|| format!("one fold: {back} goes back"))
}
