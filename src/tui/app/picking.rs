//! Lists from which the user chooses. What is chosen from is one value, and so is what becomes of the choice.

use crate::pane::Key;
use crate::tui::action::{Action, Place};
use crate::tui::picker::{Choice, Picked, Picker};

use super::{App, Keyboard};

/// What is chosen from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Picking {
    /// The palette: every action that does something outside of a mode of its own.
    Action,
    /// A macro of the user's.
    Macro,
    /// What was sent to whom.
    Sent,
    /// What the broadcast is limited to.
    Scope,
    /// Hosts in whose output something was found.
    Hits,
    /// Watches: to begin one, or to remove one.
    Watch,
    /// May the focused host set the clipboard?
    Clipboard,
}

impl Picking {
    /// The title of the list.
    pub fn title(self) -> &'static str {
        match self {
            Picking::Action => "Do what?",
            Picking::Macro => "Which macro?",
            Picking::Sent => "What was sent",
            Picking::Scope => "Who hears?",
            Picking::Hits => "Hits",
            Picking::Watch => "Watch for what?",
            Picking::Clipboard => "May this host set the clipboard?",
        }
    }

    /// What Enter does with the marked choice.
    pub fn enter(self) -> &'static str {
        match self {
            Picking::Sent => "Enter copies it",
            Picking::Hits => "Enter goes there",
            Picking::Action | Picking::Macro | Picking::Scope | Picking::Watch | Picking::Clipboard => {
                "Enter takes it"
            }
        }
    }
}

/// The actions of the palette, in its order.
fn actions() -> impl Iterator<Item = Action> {
    Action::all().filter(|action| action.place() == Place::Prefix)
}

impl App {
    /// Opens a list.
    pub(super) fn pick(&mut self, picking: Picking, choices: Vec<Choice>) {
        self.leave_scrollback();
        self.keyboard = Keyboard::Picker(picking, Picker::new(choices));
    }

    /// A key in a list.
    pub(super) fn picker_key(&mut self, key: Key) {
        let page = usize::from(self.layout.area.height.saturating_sub(5)).max(1);
        let Keyboard::Picker(picking, picker) = &mut self.keyboard else { return };
        let picking = *picking;
        match picker.key(key, page) {
            Picked::Open => {}
            Picked::Left => {
                self.keyboard = Keyboard::Hosts;
                if picking == Picking::Hits {
                    self.stop_search();
                }
            }
            Picked::Chosen(n) => {
                self.keyboard = Keyboard::Hosts;
                self.picked(picking, n);
            }
        }
    }

    fn picked(&mut self, picking: Picking, n: usize) {
        match picking {
            Picking::Action => {
                if let Some(action) = actions().nth(n) {
                    self.perform(action);
                }
            }
            Picking::Macro => self.macro_picked(n),
            Picking::Sent => self.chose_sent(n),
            Picking::Scope => self.picked_scope(n),
            Picking::Hits => self.hit_picked(n),
            Picking::Watch => self.watch_picked(n),
            Picking::Clipboard => self.consent_picked(n),
        }
    }

    /// Opens the palette.
    pub(super) fn open_palette(&mut self) {
        let map = &self.options.keymap;
        let choices = actions().map(|action| Choice {
            text: format!("{}: {}", action.name(), action.describe()),
            detail: match map.keys(action) {
                [] => String::new(),
                _ => map.hint(action).to_string(),
            },
        });
        self.pick(Picking::Action, choices.collect());
    }
}
