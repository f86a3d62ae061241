//! A line that omnes asks for. What each is for is one value, and so is what becomes of the line.

use crate::escape;
use crate::pane::{Key, KeyCode, Mods};
use crate::tui::event::Effect;
use crate::tui::line::{Line, Typed};
use crate::tui::scopes::Choice;
use crate::tui::search::Way;

use super::{App, Keyboard, Tone, WatchDraft, WatchKind};

/// What a line is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Open more hosts.
    AddHosts,
    /// Save the open set.
    SaveSet,
    /// Limit the broadcast to the hosts of an expression.
    ScopeExpression,
    /// Limit the broadcast to the hosts whose screen matches.
    ScopeMatching,
    /// Give the present scope a name.
    ScopeName,
    /// Search the focused tile, this way.
    Search(Way),
    /// Search every host.
    SearchAll,
    /// Begin a watch.
    Watch(WatchDraft),
    /// Write what was copied to a file.
    CopyToFile,
}

impl Purpose {
    /// The title of the dialog.
    pub fn title(&self) -> &'static str {
        match self {
            Purpose::AddHosts => "Add hosts",
            Purpose::SaveSet => "Save the open set",
            Purpose::ScopeExpression => "Scope: which of the open hosts?",
            Purpose::ScopeMatching => "Scope: whose screen matches?",
            Purpose::ScopeName => "Name this scope",
            Purpose::Search(Way::Older) => "Search towards the oldest line",
            Purpose::Search(Way::Newer) => "Search towards the newest line",
            Purpose::SearchAll => "Search every host",
            Purpose::Watch(draft) if draft.kind == WatchKind::Silence => "Watch for silence",
            Purpose::Watch(_) => "Watch for a text",
            Purpose::CopyToFile => "Write what was copied to a file",
        }
    }

    /// What stands before the line.
    pub fn label(&self) -> &'static str {
        match self {
            Purpose::AddHosts | Purpose::ScopeExpression => "hosts: ",
            Purpose::ScopeMatching => "regex: ",
            Purpose::SaveSet | Purpose::ScopeName => "name: ",
            Purpose::Search(_) | Purpose::SearchAll => "search: ",
            Purpose::Watch(draft) if draft.kind == WatchKind::Silence => "silent for: ",
            Purpose::Watch(_) => "text: ",
            Purpose::CopyToFile => "file: ",
        }
    }

    /// What may be written.
    pub fn hint(&self) -> &'static str {
        match self {
            Purpose::AddHosts => "names, clusters, ranges: web[01-12] @db user@host:port",
            Purpose::SaveSet => "`omnes open --restore NAME` opens these hosts again",
            Purpose::ScopeExpression => "among the open hosts: web[01-12] web* @cluster @tag, with , ! & ^",
            Purpose::ScopeMatching => "a regular expression, held against each line of each screen",
            Purpose::ScopeName => "the hosts stay the ones that are in it now",
            Purpose::Search(_) | Purpose::SearchAll => {
                "text as it stands, either case without a capital; re:PATTERN; empty for the last one"
            }
            Purpose::Watch(draft) if draft.kind == WatchKind::Silence => {
                "seconds, or a time such as 5m or 1h"
            }
            Purpose::Watch(_) => "text as it stands, either case without a capital; re:PATTERN",
            Purpose::CopyToFile => "a new file; ~/ is your home directory, no file is overwritten",
        }
    }

    /// What the keys do.
    pub fn keys(&self) -> &'static str {
        match self {
            Purpose::AddHosts => "Enter opens them · Esc does not",
            Purpose::SaveSet => "Enter saves · Esc does not",
            Purpose::ScopeExpression | Purpose::ScopeMatching => "Enter limits who hears · Esc does not",
            Purpose::ScopeName => "Enter keeps it · Esc does not",
            Purpose::Search(_) | Purpose::SearchAll => "Enter searches · Esc does not",
            Purpose::Watch(_) => "Enter begins · Esc does not",
            Purpose::CopyToFile => "Enter writes it · Esc does not",
        }
    }
}

/// A line that is being asked for.
#[derive(Clone, Debug)]
pub struct Prompt {
    /// What for.
    pub purpose: Purpose,
    /// What was typed so far.
    pub line: Line,
    /// Why what was typed could not be taken; gone with the next key.
    pub fault: Option<String>,
}

impl Prompt {
    /// An empty line.
    pub fn new(purpose: Purpose) -> Prompt {
        Prompt { purpose, line: Line::default(), fault: None }
    }
}

impl App {
    /// Asks for a line.
    pub(super) fn ask_for(&mut self, purpose: Purpose) {
        self.leave_scrollback();
        self.keyboard = Keyboard::Prompt(Prompt::new(purpose));
    }

    /// A key in a line that is asked for. A line that cannot be taken stays, with the reason.
    pub(super) fn prompt_key(&mut self, key: Key) {
        let Keyboard::Prompt(prompt) = &mut self.keyboard else { return };
        match (key.code(), key.mods()) {
            (KeyCode::Esc, _) | (KeyCode::Char('c'), Mods::CTRL) => self.keyboard = self.keyboard_behind(),
            (KeyCode::Enter, Mods::NONE) => {
                let behind = self.keyboard_behind();
                let Keyboard::Prompt(mut prompt) = std::mem::replace(&mut self.keyboard, behind) else {
                    return;
                };
                let text = prompt.line.text().trim().to_owned();
                if let Err(fault) = self.take_line(&prompt.purpose, &text) {
                    prompt.fault = Some(fault);
                    self.keyboard = Keyboard::Prompt(prompt);
                }
            }
            _ => {
                if prompt.line.key(key) == Typed::Changed {
                    prompt.fault = None;
                }
            }
        }
    }

    /// Does what the line was asked for; why not, in a sentence.
    fn take_line(&mut self, purpose: &Purpose, text: &str) -> Result<(), String> {
        match purpose {
            Purpose::AddHosts => self.find_hosts(text),
            Purpose::SaveSet => self.save_set(text)?,
            Purpose::ScopeExpression => self.limit_to(Choice::expression(text))?,
            Purpose::ScopeMatching => self.limit_to(Choice::matching(text))?,
            Purpose::ScopeName => self.name_scope(text)?,
            Purpose::Search(way) => return self.search_tile(*way, text),
            Purpose::SearchAll => return self.search_all(text),
            Purpose::Watch(draft) => return self.begin_watch(*draft, text),
            Purpose::CopyToFile => return self.write_copy(text),
        }
        Ok(())
    }

    fn find_hosts(&mut self, text: &str) {
        if !text.is_empty() {
            let said = format!("looking for {}", escape::text(text, 60));
            self.notes.say(Tone::Plain, said, self.now);
            self.effects.push(Effect::AddHosts(text.to_owned()));
        }
    }
}
