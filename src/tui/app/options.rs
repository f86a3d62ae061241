//! The preferences that the app follows.

use std::time::Duration;

use crate::pane::Prompts;
use crate::size::Size;
use crate::tui::guard::Guards;
use crate::tui::keymap::Keymap;
use crate::tui::theme::Theme;
use crate::tui::tiling::{Density, Shape};

use super::folding::FoldOptions;

use super::macros::Macro;
use super::running::Work;
use super::scripting::ScriptStart;

/// Preferences, filled in by whoever reads the configuration.
#[derive(Clone, Debug)]
pub struct Options {
    /// The prefix and the bindings.
    pub keymap: Keymap,
    /// How long after the prefix the keys that may follow are shown; `None` never shows them.
    pub which_key: Option<Duration>,
    /// The smallest tile, with its frame, before there are pages.
    pub min_tile: Size,
    /// How the hosts are shown in the beginning.
    pub view: ViewOptions,
    /// Lines of history kept for each host.
    pub scrollback: usize,
    /// Who hears while one tile fills the screen.
    pub zoom_hears: ZoomHears,
    /// What the broadcast is limited to.
    pub scope: ScopeDefault,
    /// What becomes of a lost session.
    pub reconnect: Reconnect,
    /// The fold view.
    pub fold: FoldOptions,
    /// The colours of omnes, and what of any colour the terminal can show.
    pub theme: Theme,
    /// What becomes of the bells of hosts.
    pub bell: HostBell,
    /// What becomes of hosts' wishes to set the clipboard.
    pub clipboard: HostClipboard,
    /// Whether hosts are logged from the beginning.
    pub log: LogStart,
    /// Whether what was sent is remembered.
    pub history: HistoryKept,
    /// Whether a script is recorded from the beginning.
    pub script: ScriptStart,
    /// Whether the open set can be saved.
    pub sets: SetsKept,
    /// Texts that the user named.
    pub macros: Vec<Macro>,
    /// Which pastes wait for the user's word.
    pub paste_confirm: PasteConfirm,
    /// How prompts look at which a command or a secret is awaited.
    pub prompts: Prompts,
    /// The guarded tags, and what is done about receivers in different modes.
    pub guards: Guards,
    /// What is done on the hosts that are opened.
    pub work: Work,
}

/// How the hosts are shown in the beginning, and what follows from a change of their number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ViewOptions {
    /// How much of each host.
    pub density: Density,
    /// What is fixed about the grid.
    pub shape: Shape,
    /// When the size of the remote terminals is taken anew.
    pub retile: Retile,
}

/// When the size of the remote terminals is taken anew, besides by a key and with the outer terminal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Retile {
    /// Whenever hosts are added or closed.
    #[default]
    Auto,
    /// Never.
    ByHand,
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

/// Whether the open set can be saved and opened again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SetsKept {
    /// It can.
    #[default]
    Yes,
    /// Its hosts are gone with the program, so there is nothing to open again.
    Passing,
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
            view: ViewOptions::default(),
            scrollback: 1000,
            zoom_hears: ZoomHears::All,
            scope: ScopeDefault::All,
            reconnect: Reconnect::Ask,
            fold: FoldOptions::default(),
            theme: Theme::default(),
            log: LogStart::Off,
            history: HistoryKept::Yes,
            script: ScriptStart::ByHand,
            sets: SetsKept::Yes,
            macros: Vec::new(),
            paste_confirm: PasteConfirm::MultiLine,
            prompts: Prompts::default(),
            guards: Guards::default(),
            bell: HostBell::Ring,
            clipboard: HostClipboard::Ask,
            work: Work::Shell,
        }
    }
}
