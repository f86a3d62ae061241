//! Every verb of the user, named once. Key bindings, help and the status line are views of this list.

use std::fmt;

/// Something the user can tell omnes to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// Move the focus.
    FocusLeft,
    /// Move the focus.
    FocusDown,
    /// Move the focus.
    FocusUp,
    /// Move the focus.
    FocusRight,
    /// Move the focus to the next tile in order.
    FocusNext,
    /// Move the focus to the next tile that needs the user.
    FocusInNeed,
    /// Move the focus to the next page.
    PageNext,
    /// Move the focus to the page before.
    PagePrevious,
    /// Let the focused tile fill the screen, or give it back.
    Zoom,
    /// Take the focused host out of the broadcast, or put it back.
    Detach,
    /// Put every host back and let all waiting ones in.
    AttachAll,
    /// Let the focused host in.
    Admit,
    /// Release the focused host and send what was kept.
    SendKept,
    /// Release the focused host and discard what was kept.
    DiscardKept,
    /// Release every held host and send what was kept.
    SendAllKept,
    /// Release every held host and discard what was kept.
    DiscardAllKept,
    /// Look back in the focused tile.
    Scrollback,
    /// Copy the focused tile's screen.
    Copy,
    /// Open the questions.
    Answer,
    /// Add hosts.
    Add,
    /// Close the focused session and take its tile away.
    Close,
    /// Reconnect the focused host.
    Reconnect,
    /// Reconnect every closed host.
    ReconnectAll,
    /// Let lost sessions come back by themselves, or not.
    AutoReconnect,
    /// Send the prefix key itself.
    SendPrefix,
    /// Show the keys.
    Help,
    /// Draw everything anew.
    Redraw,
    /// Suspend omnes.
    Suspend,
    /// Leave.
    Quit,
    /// One line back.
    LineUp,
    /// One line on.
    LineDown,
    /// Half a screen back.
    HalfUp,
    /// Half a screen on.
    HalfDown,
    /// To the oldest line.
    Top,
    /// To the newest line, and leave.
    Bottom,
    /// Leave the scrollback.
    Leave,
}

/// Where an action's keys are looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// After the prefix.
    Prefix,
    /// In the scrollback.
    Scrollback,
}

/// What belongs to one action.
struct Entry {
    action: Action,
    place: Place,
    name: &'static str,
    keys: &'static [&'static str],
    describe: &'static str,
}

const fn prefix(
    action: Action,
    name: &'static str,
    keys: &'static [&'static str],
    describe: &'static str,
) -> Entry {
    Entry { action, place: Place::Prefix, name, keys, describe }
}

const fn scrollback(
    action: Action,
    name: &'static str,
    keys: &'static [&'static str],
    describe: &'static str,
) -> Entry {
    Entry { action, place: Place::Scrollback, name, keys, describe }
}

/// In the order of the help screen. `SendPrefix` has no key of its own: it is the prefix pressed twice.
const ENTRIES: &[Entry] = &[
    prefix(Action::Detach, "detach", &["d"], "take this host out of the broadcast, or put it back"),
    prefix(Action::AttachAll, "attach-all", &["D"], "put every host back and let all waiting ones in"),
    prefix(Action::Admit, "admit", &["i"], "let this host in (it came after the first key)"),
    prefix(Action::SendKept, "send-kept", &["u"], "release this held host and send what was kept"),
    prefix(Action::DiscardKept, "discard-kept", &["U"], "release this held host and discard what was kept"),
    prefix(Action::SendAllKept, "send-all-kept", &["M-u"], "release every held host and send what was kept"),
    prefix(Action::DiscardAllKept, "discard-all-kept", &["M-U"], "release every held host and discard it"),
    prefix(Action::FocusLeft, "focus-left", &["Left", "h"], "move the focus to the left"),
    prefix(Action::FocusDown, "focus-down", &["Down", "j"], "move the focus down"),
    prefix(Action::FocusUp, "focus-up", &["Up", "k"], "move the focus up"),
    prefix(Action::FocusRight, "focus-right", &["Right", "l"], "move the focus to the right"),
    prefix(Action::FocusNext, "focus-next", &["o", "Tab"], "move the focus to the next host"),
    prefix(
        Action::FocusInNeed,
        "focus-in-need",
        &["!", "M-n"],
        "go to the next host that is closed, stalled, held, asking or waiting",
    ),
    prefix(Action::PageNext, "page-next", &["n", "PageDown"], "show the next page"),
    prefix(Action::PagePrevious, "page-previous", &["p", "PageUp"], "show the page before"),
    prefix(Action::Zoom, "zoom", &["z"], "let this host fill the screen, or give it back"),
    prefix(Action::Scrollback, "scrollback", &["["], "look back in this host's output"),
    prefix(Action::Copy, "copy", &["y"], "copy what this tile shows to the clipboard"),
    prefix(Action::Answer, "answer", &["a"], "open the questions"),
    prefix(Action::Add, "add", &["+"], "add hosts"),
    prefix(Action::Reconnect, "reconnect", &["r"], "reconnect this host"),
    prefix(Action::ReconnectAll, "reconnect-all", &["R"], "reconnect every closed host"),
    prefix(
        Action::AutoReconnect,
        "auto-reconnect",
        &["M-r"],
        "let lost sessions reconnect by themselves, or not",
    ),
    prefix(Action::Close, "close", &["x"], "close this session and take its tile away"),
    prefix(Action::SendPrefix, "send-prefix", &[], "send the prefix key itself"),
    prefix(Action::Help, "help", &["?"], "show the keys"),
    prefix(Action::Redraw, "redraw", &["C-l"], "draw the screen anew"),
    prefix(Action::Suspend, "suspend", &["C-z"], "suspend omnes; `fg` brings it back"),
    prefix(Action::Quit, "quit", &["q"], "leave omnes"),
    scrollback(Action::LineUp, "line-up", &["Up", "k"], "one line back"),
    scrollback(Action::LineDown, "line-down", &["Down", "j"], "one line on"),
    scrollback(Action::HalfUp, "half-up", &["PageUp", "C-u", "C-b"], "half a tile back"),
    scrollback(Action::HalfDown, "half-down", &["PageDown", "C-d", "C-f"], "half a tile on"),
    scrollback(Action::Top, "top", &["g", "Home"], "to the oldest line"),
    scrollback(Action::Bottom, "bottom", &["G", "End"], "to the newest line, and leave"),
    scrollback(Action::Leave, "leave", &["q", "Esc", "Enter", "C-c"], "leave the scrollback"),
];

impl Action {
    /// Every action, in the order of the help screen.
    pub fn all() -> impl Iterator<Item = Action> {
        ENTRIES.iter().map(|entry| entry.action)
    }

    /// The name in configuration files, such as `attach-all`.
    pub fn name(self) -> &'static str {
        self.entry().name
    }

    /// What it does, in a few words.
    pub fn describe(self) -> &'static str {
        self.entry().describe
    }

    /// Where its keys are looked up.
    pub fn place(self) -> Place {
        self.entry().place
    }

    /// The keys it has unless the user says otherwise, in key notation.
    pub fn default_keys(self) -> &'static [&'static str] {
        self.entry().keys
    }

    /// The action of this name.
    pub fn named(name: &str) -> Option<Action> {
        ENTRIES.iter().find(|entry| entry.name == name).map(|entry| entry.action)
    }

    /// May it be done while the dialog of questions is open?
    pub fn works_in_dialogs(self) -> bool {
        matches!(self, Action::Answer | Action::Redraw | Action::Suspend)
    }

    fn entry(self) -> &'static Entry {
        ENTRIES
            .iter()
            .find(|entry| entry.action == self)
            .expect("every action stands in the table, a test says so")
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_action_stands_once_and_its_name_leads_back_to_it() {
        let all: Vec<Action> = Action::all().collect();
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
        // The last variant's number is the count less one, so none is missing.
        assert_eq!(all.len(), Action::Leave as usize + 1);
        for action in all {
            assert_eq!(Action::named(action.name()), Some(action));
            assert!(!action.describe().is_empty());
        }
    }
}
