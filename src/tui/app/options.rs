//! The preferences that the app follows.

use std::time::Duration;

use crate::size::Size;
use crate::tui::keymap::Keymap;
use crate::tui::theme::Theme;

/// Preferences, filled in by whoever reads the configuration.
#[derive(Clone, Debug)]
pub struct Options {
    /// The prefix and the bindings.
    pub keymap: Keymap,
    /// How long after the prefix the keys that may follow are shown; `None` never shows them.
    pub which_key: Option<Duration>,
    /// The smallest tile, with its frame, before there are pages.
    pub min_tile: Size,
    /// Lines of history kept for each host.
    pub scrollback: usize,
    /// Who hears while one tile fills the screen.
    pub zoom_hears: ZoomHears,
    /// What the broadcast is limited to.
    pub scope: ScopeDefault,
    /// What becomes of a lost session.
    pub reconnect: Reconnect,
    /// The colours of omnes, and what of any colour the terminal can show.
    pub theme: Theme,
    /// What becomes of the bells of hosts.
    pub bell: HostBell,
    /// What becomes of hosts' wishes to set the clipboard.
    pub clipboard: HostClipboard,
}

/// Who hears while one tile fills the screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ZoomHears {
    /// Everyone who heard before.
    #[default]
    All,
    /// The zoomed host alone.
    Alone,
}

/// What the broadcast is limited to from the beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ScopeDefault {
    /// Nothing: hidden hosts hear too.
    #[default]
    All,
    /// The hosts on the screen.
    Visible,
}

/// What becomes of a session whose link was lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reconnect {
    /// It stays closed until the user reconnects it.
    #[default]
    Ask,
    /// It comes back by itself, and waits to be let in.
    Auto,
}

/// What becomes of the bells of hosts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HostBell {
    /// They are marked, and the outer terminal rings.
    #[default]
    Ring,
    /// They are marked.
    Mark,
    /// Nothing.
    Off,
}

/// What becomes of hosts' wishes to set the clipboard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HostClipboard {
    /// They are refused and marked, until the user allows it for a pane.
    #[default]
    Ask,
    /// They are refused.
    Never,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            keymap: Keymap::default(),
            which_key: Some(Duration::from_millis(700)),
            min_tile: Size { rows: 8, cols: 40 },
            scrollback: 1000,
            zoom_hears: ZoomHears::All,
            scope: ScopeDefault::All,
            reconnect: Reconnect::Ask,
            theme: Theme::default(),
            bell: HostBell::Ring,
            clipboard: HostClipboard::Ask,
        }
    }
}
