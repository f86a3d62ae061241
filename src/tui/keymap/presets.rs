//! Bindings for hands that know another program.
//!
//! A preset changes the usual bindings and nothing else: what it does not name is where it always is, so that the manual
//! and a colleague's advice stay true.

use crate::pane::{Key, KeyCode, Mods};
use crate::tui::action::Action;

/// Which bindings everything starts from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Preset {
    /// omnes' own.
    #[default]
    Default,
    /// tmux: its prefix, and its keys wherever omnes has the same thing.
    Tmux,
    /// ClusterSSH: its keys with Alt, without a prefix.
    ClusterSsh,
}

/// What a preset changes.
pub(super) struct Bindings {
    pub(super) prefix: Key,
    pub(super) keys: &'static [(Action, &'static [&'static str])],
    pub(super) direct: &'static [(Action, &'static [&'static str])],
}

impl Preset {
    /// All of them.
    pub const ALL: [Preset; 3] = [Preset::Default, Preset::Tmux, Preset::ClusterSsh];

    /// Its name in a configuration file.
    pub fn name(self) -> &'static str {
        match self {
            Preset::Default => "default",
            Preset::Tmux => "tmux",
            Preset::ClusterSsh => "clusterssh",
        }
    }

    pub(super) fn bindings(self) -> Bindings {
        let prefix = |letter| Key::new(KeyCode::Char(letter), Mods::CTRL);
        let (prefix, keys, direct) = match self {
            Preset::Default => (prefix('a'), NONE, NONE),
            Preset::Tmux => (prefix('b'), TMUX, NONE),
            Preset::ClusterSsh => (prefix('a'), NONE, CLUSTERSSH),
        };
        Bindings { prefix, keys, direct }
    }
}

type Table = &'static [(Action, &'static [&'static str])];

const NONE: Table = &[];

/// tmux(1), "DEFAULT KEY BINDINGS".
const TMUX: Table = &[
    (Action::Scrollback, &["[", "PageUp"]),
    (Action::PagePrevious, &["p"]),
    (Action::Redraw, &["r", "C-l"]),
    (Action::Reconnect, &["C-r"]),
    (Action::Quit, &["q", "&"]),
];

/// ClusterSSH's manual, "KEY SHORTCUTS"; its Control-Shift-plus is Alt-plus here, which every terminal can send.
const CLUSTERSSH: Table = &[
    (Action::Quit, &["M-q"]),
    (Action::Add, &["M-+", "M-="]),
    (Action::Retile, &["M-r"]),
    (Action::SendHost, &["M-n"]),
    (Action::SendUser, &["M-u"]),
    (Action::History, &["M-h"]),
    (Action::Macros, &["M-p"]),
];
