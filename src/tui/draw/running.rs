//! The question before a run is taken one step towards its end.

use crate::session::SessionState;
use crate::tui::app::{App, Step, Work};

/// What is asked, and the keys that answer.
pub(super) fn question(app: &App) -> (String, &'static str) {
    let of_run = || app.tiles().filter(|tile| tile.work == Work::Command && !tile.state.is_closed());
    let waiting = of_run().filter(|tile| tile.state == SessionState::Queued).count();
    let begun = of_run().count() - waiting;
    match app.course().step() {
        Step::Goes => (
            format!(
                "The run is not over: {begun} begun, {waiting} not started. Start no more? Those that are begun go on."
            ),
            "y starts no more · n lets it go on",
        ),
        Step::StartsNoMore => (
            format!("No more hosts are started, {begun} go on. End their commands? That takes at most 5 s."),
            "y ends them · n lets them go on",
        ),
        Step::Ends => (
            format!("{begun} commands are being ended. Leave at once? They may still run."),
            "y leaves at once · n waits",
        ),
    }
}
