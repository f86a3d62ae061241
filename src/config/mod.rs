//! Preferences: `$XDG_CONFIG_HOME/omnes/config.toml`.
//!
//! The whole file is checked before anything else happens. A key that is not known is an error that names the nearest
//! known one: a preference that is silently not in force is worse than none. Parsing is pure; `read.rs` is the io.

use std::num::NonZeroUsize;
use std::time::Duration;

mod fold;
mod guards;
mod journal;
mod keeping;
mod macros;
mod parse;
mod prompts;
mod read;
mod value;
mod view;

pub use fold::{Fold, FoldStart};
pub use guards::{GuardedTag, Guards, Mixed};
pub use journal::Journal;
pub use keeping::{History, Log, LogForm, LogStart, Save};
pub use macros::{Enter, Macro};
pub(crate) use parse::word;
pub use parse::{duration, parse};
pub use prompts::Prompts;
pub use read::read;
pub use value::ConfigError;
pub(crate) use value::{Item, Source};
pub use view::{Density, Retile, View};

use crate::size::Size;
use crate::ssh::{HostKeyPolicy, MatchExec};

/// What the user prefers; `None` wherever the file is silent, so that each command has its own defaults.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// The prefix key, in key notation (`C-a`); the keymap knows which exist.
    pub prefix: Option<Place<String>>,
    /// `[keys]`: an action and all of its keys, as written and in the order of the file; the keymap knows which exist.
    pub keys: Vec<Place<Binding>>,
    /// `[direct]`: likewise, keys that act without the prefix.
    pub direct: Vec<Place<Binding>>,
    /// `keymap`: what the bindings are a change of.
    pub keymap: Keymap,
    /// `which_key`: after the prefix the keys that may follow are shown after this long; zero is never.
    pub which_key: Option<Duration>,
    /// `[theme]`.
    pub theme: Theme,
    /// What zoom means.
    pub zoom: Zoom,
    /// What the scope is at the start.
    pub scope: Scope,
    /// `[sessions] reconnect`.
    pub reconnect: Reconnect,
    /// `[sessions] save`.
    pub save: Save,
    /// `[log]`.
    pub log: Log,
    /// `[history] keep`.
    pub history: History,
    /// `[reading] bell`.
    pub bell: Bell,
    /// `[reading] clipboard`.
    pub clipboard: Clipboard,
    /// `host_keys`.
    pub host_keys: Option<HostKeyPolicy>,
    /// `[ssh] match_exec`.
    pub match_exec: MatchExec,
    /// `[fold]`.
    pub fold: Fold,
    /// `[control] socket`.
    pub control: ControlSocket,
    /// `[macros]`, in the order of the file.
    pub macros: Vec<Place<Macro>>,
    /// `[paste] confirm`.
    pub paste_confirm: PasteConfirm,
    /// `[prompts]`.
    pub prompts: Prompts,
    /// `[guards]`.
    pub guards: Guards,
    /// `[journal]`.
    pub journal: Journal,
    /// `[limits]`.
    pub limits: Limits,
    /// `[view]`.
    pub view: View,
}

/// An action and all of its keys, as written.
pub type Binding = (String, Vec<String>);

/// A value and where it stands (`config.toml:3:7`), for whoever can judge it later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place<T> {
    /// The value.
    pub value: T,
    /// File, line and column.
    pub at: String,
}

/// `[limits]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Hosts worked on at once by `run`, at most.
    pub fanout: Option<NonZeroUsize>,
    /// From resolve to channel.
    pub connect_timeout: Option<Duration>,
    /// From sending a command to its end; zero in the file is none.
    pub command_timeout: Option<Duration>,
    /// Attempts after the first of a host that failed before anything was sent.
    pub retries: Option<u32>,
    /// How many hosts may fail before a run stops, as written; the budget knows how that reads.
    pub max_fail: Option<Place<String>>,
    /// Logins at once in the TUI.
    pub logins: Option<NonZeroUsize>,
    /// Lines of history in a pane.
    pub scrollback: Option<usize>,
    /// Smallest tile before there are pages.
    pub min_tile: Option<Size>,
}

/// Whether the TUI listens for `omnes ctl`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ControlSocket {
    /// On a socket that only its user can reach.
    #[default]
    Listens,
    /// Not at all.
    Off,
}

/// Which bindings everything starts from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keymap {
    /// omnes' own.
    #[default]
    Default,
    /// tmux's, where omnes has the same thing.
    Tmux,
    /// ClusterSSH's, without a prefix.
    ClusterSsh,
}

/// Whether colours are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Yes.
    Always,
    /// No.
    Never,
    /// The sixteen of the terminal, whatever it says it can.
    Sixteen,
    /// 256.
    TwoFiftySix,
    /// All.
    True,
}

/// `[theme]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Theme {
    /// `color`.
    pub color: Color,
    /// `preset`.
    pub preset: ThemePreset,
    /// What each role of a colour is to look like, as written; the theme knows which exist.
    pub roles: Vec<Place<(String, String)>>,
}

/// Colours that belong together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ThemePreset {
    /// Those of the terminal.
    #[default]
    Terminal,
    /// For a dark background.
    Dark,
    /// For a light background.
    Light,
}

/// Who hears a broadcast while one pane is zoomed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Zoom {
    /// The hidden panes too.
    #[default]
    All,
    /// The zoomed pane alone.
    Alone,
}

/// What becomes of a session of the TUI whose link was lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reconnect {
    /// It stays closed until the user reconnects it.
    #[default]
    Ask,
    /// It comes back by itself.
    Auto,
}

/// What becomes of the bells of hosts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bell {
    /// They are marked, and the terminal rings.
    #[default]
    Ring,
    /// They are marked.
    Mark,
    /// Nothing.
    Off,
}

/// What becomes of hosts' wishes to set the clipboard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Clipboard {
    /// They are refused and marked, until the user allows it for a pane.
    #[default]
    Ask,
    /// They are refused.
    Never,
}

/// Which pastes wait for the user's word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PasteConfirm {
    /// Those with line ends or control characters.
    #[default]
    MultiLine,
    /// All.
    Always,
}

/// Who hears a broadcast while there are pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// The panes of other pages too.
    #[default]
    All,
    /// Only panes that are shown.
    Visible,
}
