//! The preferences that the app follows.

use crate::pane::Prompts;
use crate::size::Size;
use crate::tui::guard::Guards;
use crate::tui::keymap::Keymap;

use super::macros::Macro;

/// Preferences, filled in by whoever reads the configuration.
#[derive(Clone, Debug)]
pub struct Options {
    /// The prefix and the bindings.
    pub keymap: Keymap,
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
    /// Whether hosts are logged from the beginning.
    pub log: LogStart,
    /// Whether what was sent is remembered.
    pub history: HistoryKept,
    /// Colours of the frames and lines of omnes itself.
    pub palette: Palette,
    /// Texts that the user named.
    pub macros: Vec<Macro>,
    /// Which pastes wait for the user's word.
    pub paste_confirm: PasteConfirm,
    /// How prompts look at which a command or a secret is awaited.
    pub prompts: Prompts,
    /// The guarded tags, and what is done about receivers in different modes.
    pub guards: Guards,
}

/// Which pastes wait for the user's word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PasteConfirm {
    /// Those that could execute or act: with line ends or control characters.
    #[default]
    MultiLine,
    /// All.
    Always,
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

/// Whether hosts that come are logged unasked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogStart {
    /// The user says which.
    #[default]
    Off,
    /// Every one.
    Every,
}

/// Whether what was sent is remembered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HistoryKept {
    /// Yes.
    #[default]
    Yes,
    /// No.
    No,
}

/// Colours of omnes itself; what hosts print keeps its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Palette {
    /// The sixteen colours of the terminal.
    #[default]
    Colour,
    /// None (`NO_COLOR`).
    Plain,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            keymap: Keymap::default(),
            min_tile: Size { rows: 8, cols: 40 },
            scrollback: 1000,
            zoom_hears: ZoomHears::All,
            scope: ScopeDefault::All,
            reconnect: Reconnect::Ask,
            log: LogStart::Off,
            history: HistoryKept::Yes,
            palette: Palette::Colour,
            macros: Vec::new(),
            paste_confirm: PasteConfirm::MultiLine,
            prompts: Prompts::default(),
            guards: Guards::default(),
        }
    }
}
