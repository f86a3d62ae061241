//! Every verb of the user, named once. Key bindings, help, the palette and `docs/keys.md` are views of this list.

use std::fmt;

/// Makes the list of actions and what belongs to each from one table, so that neither can lack what the other has.
///
/// A line is: the action, its name in configuration files, where its keys are looked up, its keys, what it does. An action
/// without keys is found in the palette.
macro_rules! actions {
    ($($group:ident { $($action:ident $name:literal $place:ident [$($key:literal),*] $describe:literal;)* })*) => {
        /// Something the user can tell omnes to do.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Action {
            $($(#[doc = concat!("`", $name, "`: ", $describe, ".")] $action,)*)*
        }

        /// In the order of the help screen, which is that of the enum.
        const ENTRIES: &[Entry] = &[
            $($(Entry {
                action: Action::$action,
                group: Group::$group,
                place: Place::$place,
                name: $name,
                keys: &[$($key),*],
                describe: $describe,
            },)*)*
        ];

        /// In the order of the table.
        const GROUPS: &[Group] = &[$(Group::$group),*];
    };
}

actions! {
    Hearers {
        Detach         "detach"           Prefix ["d"]   "take this host out of the broadcast, or put it back";
        AttachAll      "attach-all"       Prefix ["D"]   "put every host back and let all waiting ones in";
        Admit          "admit"            Prefix ["i"]   "let this host in (it came after the first key)";
        SendKept       "send-kept"        Prefix ["u"]   "release this held host and send what was kept";
        DiscardKept    "discard-kept"     Prefix ["U"]   "release this held host and discard what was kept";
        SendAllKept    "send-all-kept"    Prefix ["M-u"] "release every held host and send what was kept";
        DiscardAllKept "discard-all-kept" Prefix ["M-U"] "release every held host and discard it";
    }
    Focus {
        FocusLeft    "focus-left"    Prefix ["Left", "h"]     "move the focus to the left";
        FocusDown    "focus-down"    Prefix ["Down", "j"]     "move the focus down";
        FocusUp      "focus-up"      Prefix ["Up", "k"]       "move the focus up";
        FocusRight   "focus-right"   Prefix ["Right", "l"]    "move the focus to the right";
        FocusNext    "focus-next"    Prefix ["o", "Tab"]      "move the focus to the next host";
        FocusInNeed  "focus-in-need" Prefix ["!", "M-n"]      "go to the next host that is closed, stalled, held, asking or waiting";
        PageNext     "page-next"     Prefix ["n", "PageDown"] "show the next page";
        PagePrevious "page-previous" Prefix ["p", "PageUp"]   "show the page before";
        FocusFirst   "focus-first"   Prefix ["Home"]          "move the focus to the first host";
        FocusLast    "focus-last"    Prefix ["End"]           "move the focus to the last host";
    }
    Scopes {
        ScopeList       "scopes"           Prefix ["s"]   "choose who hears from a list of scopes";
        ScopeExpression "scope-expression" Prefix ["e"]   "limit the broadcast to the hosts of an expression";
        ScopeAll        "scope-all"        Prefix ["0"]   "back to all hosts";
        Scope1          "scope-1"          Prefix ["1"]   "the first scope with a name";
        Scope2          "scope-2"          Prefix ["2"]   "the second scope with a name";
        Scope3          "scope-3"          Prefix ["3"]   "the third scope with a name";
        Scope4          "scope-4"          Prefix ["4"]   "the fourth scope with a name";
        Scope5          "scope-5"          Prefix ["5"]   "the fifth scope with a name";
        Scope6          "scope-6"          Prefix ["6"]   "the sixth scope with a name";
        Scope7          "scope-7"          Prefix ["7"]   "the seventh scope with a name";
        Scope8          "scope-8"          Prefix ["8"]   "the eighth scope with a name";
        Scope9          "scope-9"          Prefix ["9"]   "the ninth scope with a name";
        ScopeName       "name-scope"       Prefix ["S"]   "give the present scope a name and a number";
        ScopeRefresh    "refresh-scope"    Prefix ["M-s"] "ask the rule of the scope again: who is in that state now";
        ScopeVisible    "scope-visible"    Prefix ["v"]   "only the hosts on the screen hear";
        ScopeInvert     "scope-invert"     Prefix ["V"]   "all but those who are in scope now";
        ScopeHalf       "scope-half"       Prefix ["H"]   "the first half of the scope; again, the other half";
        Mark            "mark"             Prefix ["m"]   "mark this host, or take its mark away";
        ScopeMarked     "scope-marked"     Prefix ["M"]   "only the marked hosts hear";
        UnmarkAll       "unmark-all"       Prefix []      "take every mark away";
        ScopeMatching   "scope-matching"   Prefix []      "only hosts whose screen matches a regular expression hear";
        FocusInScope    "focus-in-scope"   Prefix ["M-o"] "move the focus to the next host that is in scope";
    }
    View {
        Zoom            "zoom"             Prefix ["z"]       "let this host fill the screen, or give it back";
        DensityNext     "density-next"     Prefix ["Space"]   "show more hosts and less of each; after lines comes full";
        DensityPrevious "density-previous" Prefix ["M-Space"] "show fewer hosts and more of each";
        HostList        "host-list"        Prefix ["w"]       "list all hosts at the side: find one, attach, detach";
        Menu            "menu"             Prefix ["g"]       "what can be done with this host";
        Retile          "retile"           Prefix ["t"]       "give every terminal the size of the tiles as they are now";
        ColumnsMore     "columns-more"     Prefix ["="]       "one column of tiles more";
        ColumnsFewer    "columns-fewer"    Prefix ["-"]       "one column of tiles less, so that they are wider";
        ColumnsAuto     "columns-auto"     Prefix []          "leave the number of columns to the screen";
        PanLeft         "pan-left"         Prefix ["M-Left"]  "show what is further left in this host's terminal";
        PanRight        "pan-right"        Prefix ["M-Right"] "show what is further right";
        PanUp           "pan-up"           Prefix ["M-Up"]    "show what is further up";
        PanDown         "pan-down"         Prefix ["M-Down"]  "show what is further down";
        PanHome         "pan-home"         Prefix ["M-Home"]  "follow this host's cursor again";
    }
    Fold {
        FoldView    "fold"         Prefix ["f"]     "show hosts with equal screens as one tile, or all again";
        FoldMembers "fold-members" Prefix ["Enter"] "show the hosts of this fold, or the folds again";
        FoldScope   "scope-here"   Prefix ["F"]     "limit the broadcast to the hosts of this tile";
        OddNext     "next-odd"     Prefix ["O"]     "go to the next host that shows something else than most do";
        Compare     "compare"      Prefix ["M-d"]   "compare this screen with what most hosts show";
    }
    Read {
        Scrollback     "scrollback"      Prefix ["["]   "look back in this host's output";
        Search         "search"          Prefix ["/"]   "search this host's output, from the newest line";
        SearchAll      "search-all"      Prefix ["M-/"] "search the output of every host";
        SearchHits     "search-hits"     Prefix []      "list the hits of the last search over every host";
        ScrollTogether "scroll-together" Prefix ["b"]   "let the tiles on the screen scroll together, or not";
        Copy           "copy"            Prefix ["y"]   "copy what is selected, or what this tile shows, to the clipboard";
        CopyAll        "copy-all"        Prefix ["Y"]   "copy the same region of every host, equal ones once";
        CopyToFile     "copy-to-file"    Prefix []      "write what was copied last to a file";
        NextMark       "next-mark"       Prefix ["A"]   "go to the next host that rang, or printed out of sight";
        Watch          "watch"           Prefix ["W"]   "be told when hosts show a text or fall silent; list such watches";
        AllowClipboard "allow-clipboard" Prefix []      "decide whether this host may set the clipboard";
    }
    Send {
        Compose     "compose"      Prefix ["c"] "write a text of several lines, look at what each host would get, and send it";
        Macros      "macros"       Prefix ["C"] "choose one of your macros";
        SendHost    "send-host"    Prefix ["N"] "send each host its own name";
        SendTarget  "send-target"  Prefix []    "send each host its name as you wrote it, with user and port";
        SendUser    "send-user"    Prefix []    "send each host the name of the user who logged in there";
        SendNumber  "send-number"  Prefix []    "send each host its number among those that hear";
        SendVersion "send-version" Prefix []    "send the version of omnes";
        SendSecret  "send-secret"  Prefix ["P"] "type a secret, hidden, for the hosts that ask for one";
    }
    Keeping {
        Log          "log"           Prefix ["L"]   "log this host, or no longer";
        LogAll       "log-all"       Prefix ["M-l"] "log every host, or none";
        Record       "record"        Prefix ["E"]   "record this host's terminal, or end the recording";
        RecordScreen "record-screen" Prefix ["M-e"] "record the whole screen, or end the recording";
        RecordScript "record-script" Prefix ["B"]   "record what you do as steps, or end the recording";
        History      "history"       Prefix ["I"]   "show what was sent to whom";
        SaveSet      "save-set"      Prefix ["K"]   "save the open set of hosts under a name";
    }
    Sessions {
        Answer        "answer"         Prefix ["a"]   "open the questions";
        Add           "add"            Prefix ["+"]   "add hosts";
        OpenShell     "open-shell"     Prefix ["$"]   "open a shell on this host of a run, detached, in a tile of its own";
        Reconnect     "reconnect"      Prefix ["r"]   "reconnect this host";
        ReconnectAll  "reconnect-all"  Prefix ["R"]   "reconnect every closed host";
        AutoReconnect "auto-reconnect" Prefix ["M-r"] "let lost sessions reconnect by themselves, or not";
        Close         "close"          Prefix ["x"]   "close this session and take its tile away";
    }
    Program {
        Palette    "palette"     Prefix [":"]   "find an action by a few of its letters, and do it";
        SendPrefix "send-prefix" Prefix []      "send the prefix key itself";
        Help       "help"        Prefix ["?"]   "show the keys";
        Redraw     "redraw"      Prefix ["C-l"] "draw the screen anew";
        Suspend    "suspend"     Prefix ["C-z"] "suspend omnes; `fg` brings it back";
        Quit       "quit"        Prefix ["q"]   "leave omnes";
    }
    Scrollback {
        LineUp         "line-up"          Scrollback ["Up", "k"]         "the cursor one line up";
        LineDown       "line-down"        Scrollback ["Down", "j"]       "the cursor one line down";
        CursorLeft     "cursor-left"      Scrollback ["Left", "h"]       "the cursor one character to the left";
        CursorRight    "cursor-right"     Scrollback ["Right", "l"]      "the cursor one character to the right";
        WordNext       "word-next"        Scrollback ["w"]               "to the beginning of the next word";
        WordEnd        "word-end"         Scrollback ["e"]               "to the end of the word";
        WordBack       "word-back"        Scrollback ["b"]               "to the beginning of the word before";
        LineStart      "line-start"       Scrollback ["0"]               "to the beginning of the line";
        LineText       "line-text"        Scrollback ["^"]               "to the first word of the line";
        LineEnd        "line-end"         Scrollback ["$"]               "to the end of the line";
        ScrollUp       "scroll-up"        Scrollback ["C-y", "K"]        "scroll one line back";
        ScrollDown     "scroll-down"      Scrollback ["C-e", "J"]        "scroll one line on";
        HalfUp         "half-up"          Scrollback ["C-u"]             "half a tile back";
        HalfDown       "half-down"        Scrollback ["C-d"]             "half a tile on";
        FullUp         "full-up"          Scrollback ["PageUp", "C-b"]   "a tile back";
        FullDown       "full-down"        Scrollback ["PageDown", "C-f"] "a tile on";
        Top            "top"              Scrollback ["g", "Home"]       "to the oldest line";
        Bottom         "bottom"           Scrollback ["G", "End"]        "to the newest line";
        SearchNewer    "search-newer"     Scrollback ["/"]               "search towards the newest line";
        SearchOlder    "search-older"     Scrollback ["?"]               "search towards the oldest line";
        HitNext        "hit-next"         Scrollback ["n"]               "to the next hit, on to the next host after a search of all";
        HitPrevious    "hit-previous"     Scrollback ["N"]               "to the hit before";
        SelectBegin    "select"           Scrollback ["v", "Space"]      "begin to select, or stop";
        SelectLines    "select-lines"     Scrollback ["V"]               "select whole lines";
        SelectBlock    "select-block"     Scrollback ["C-v"]             "select a rectangle";
        SelectOtherEnd "select-other-end" Scrollback ["o"]               "the cursor to the other end of the selection";
        CopySelection  "copy-selection"   Scrollback ["y", "Enter"]      "copy the selection, and leave";
        CopyRegion     "copy-region"      Scrollback ["Y"]               "copy the selected region of every host, and leave";
        Leave          "leave"            Scrollback ["Esc"]             "drop the selection, else leave";
        LeaveAtOnce    "leave-at-once"    Scrollback ["q", "C-c"]        "leave the scrollback";
    }
}

/// Which subject an action belongs to; help and `docs/keys.md` show them together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Group {
    /// Who takes part in the broadcast.
    Hearers,
    /// Where the cursor is.
    Focus,
    /// What the broadcast is limited to.
    Scopes,
    /// What is shown, and how large.
    View,
    /// Hosts that show the same, as one tile.
    Fold,
    /// Reading what hosts have printed.
    Read,
    /// What is sent besides single keys.
    Send,
    /// What outlives the screen.
    Keeping,
    /// The life of the sessions.
    Sessions,
    /// omnes itself.
    Program,
    /// While looking back.
    Scrollback,
}

impl Group {
    /// All of them, in the order of the help screen.
    pub const ALL: &[Group] = GROUPS;

    /// Where the keys of its actions are looked up.
    pub fn place(self) -> Place {
        match self {
            Group::Scrollback => Place::Scrollback,
            _ => Place::Prefix,
        }
    }

    /// A heading for its actions.
    pub fn title(self) -> &'static str {
        match self {
            Group::Hearers => "Who takes part",
            Group::Focus => "Focus",
            Group::Scopes => "Scopes",
            Group::View => "View",
            Group::Fold => "Folding",
            Group::Read => "Reading",
            Group::Send => "Sending",
            Group::Keeping => "Keeping",
            Group::Sessions => "Sessions",
            Group::Program => "omnes",
            Group::Scrollback => "While you look back",
        }
    }
}

/// Where an action's keys are looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// After the prefix.
    Prefix,
    /// In the scrollback.
    Scrollback,
    /// Without the prefix, while the keyboard is with the hosts. No action is at home here: the user, or a preset, takes
    /// such a key from the hosts.
    Direct,
}

/// What belongs to one action.
struct Entry {
    action: Action,
    group: Group,
    place: Place,
    name: &'static str,
    keys: &'static [&'static str],
    describe: &'static str,
}

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

    /// Which subject it belongs to.
    pub fn group(self) -> Group {
        self.entry().group
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

    /// May it be done while a dialog is open?
    pub fn works_in_dialogs(self) -> bool {
        matches!(self, Action::Answer | Action::Redraw | Action::Suspend)
    }

    fn entry(self) -> &'static Entry {
        &ENTRIES[self as usize]
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
    fn every_action_has_a_name_of_its_own_that_leads_back_to_it() {
        let names: HashSet<&str> = Action::all().map(Action::name).collect();
        assert_eq!(names.len(), Action::all().count());
        for (n, action) in Action::all().enumerate() {
            assert_eq!(action as usize, n, "{action}");
            assert_eq!(Action::named(action.name()), Some(action));
            assert!(!action.describe().is_empty());
            assert_eq!(action.place(), action.group().place(), "{action}");
            assert!(Group::ALL.contains(&action.group()), "{action}");
        }
    }
}
