//! What omnes itself asks. While it asks, nothing typed reaches a host.

use crate::broadcast::MemberId;
use crate::pane::{Key, KeyCode, Mods};
use crate::tui::action::{Action, Group};
use crate::tui::event::Effect;

use super::{App, Caution, Keyboard};

/// Columns that the keys take in the list of keys, about.
const KEYS_COLUMNS: usize = 16;

/// Rows behind the actions in the list of keys, and the columns that one takes, about.
const MARKS_ROWS: usize = 11;
const MARK_COLUMNS: usize = 60;

/// A question of omnes. Only `y` says yes; Enter never does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Confirm {
    /// Send what is guarded, or to hosts in different modes?
    Send(Caution),
    /// Close a session that lives?
    Close(MemberId),
    /// Leave while sessions live?
    Quit,
    /// Take the run that is shown one step towards its end?
    EndRun,
}

/// `C-c` leaves a dialog, as it leaves most programs.
fn is_interrupt(key: Key) -> bool {
    key == Key::new(KeyCode::Char('c'), Mods::CTRL)
}

impl App {
    /// A key in the dialog of questions.
    pub(super) fn question_key(&mut self, key: Key) {
        let answers = self.questions.key(key, self.now);
        self.effects.extend(answers.into_iter().map(|(id, answer)| Effect::Answer(id, answer)));
        if self.questions.dialog().is_none() {
            self.keyboard = Keyboard::Hosts;
        }
    }

    /// A key where omnes asks for a yes.
    pub(super) fn confirm_key(&mut self, key: Key) {
        let says_yes = key == Key::char('y');
        let says_no = key == Key::char('n') || key.code() == KeyCode::Esc || is_interrupt(key);
        let Keyboard::Confirm(confirm) = std::mem::replace(&mut self.keyboard, Keyboard::Hosts) else {
            return;
        };
        match confirm {
            Confirm::Send(caution) if says_no => self.say_not_sent(&caution),
            _ if says_no => {}
            confirm if says_yes => self.confirmed(confirm),
            confirm => self.keyboard = Keyboard::Confirm(confirm),
        }
    }

    fn confirmed(&mut self, confirm: Confirm) {
        match confirm {
            Confirm::Send(caution) => self.send_after_all(caution),
            Confirm::Close(member) => self.close(member),
            Confirm::Quit => self.effects.push(Effect::Quit),
            Confirm::EndRun => self.end_run_further(),
        }
    }

    /// A key in the list of keys: it scrolls, and anything else closes it.
    pub(super) fn help_key(&mut self, key: Key) {
        if is_interrupt(key) {
            self.keyboard = Keyboard::Hosts;
        }
        let Keyboard::Help(top) = &mut self.keyboard else { return };
        let page = usize::from(self.layout.area.height.saturating_sub(4)).max(1);
        // What is beyond the end is not scrolled to. How many lines there are is known when they are drawn; about so many.
        let columns = usize::from(self.layout.area.width.saturating_sub(2)).max(1);
        let broken = |columns_wanted: usize| 1 + columns_wanted * 5 / 4 / columns;
        let actions: usize = Action::all().map(|a| broken(KEYS_COLUMNS + a.describe().len())).sum();
        let titles = Group::ALL.len() * broken(KEYS_COLUMNS);
        let last = titles + actions + MARKS_ROWS * broken(MARK_COLUMNS);
        match key.code() {
            KeyCode::Down | KeyCode::Char('j') => *top = (*top + 1).min(last),
            KeyCode::Up | KeyCode::Char('k') => *top = top.saturating_sub(1),
            KeyCode::PageDown | KeyCode::Char(' ') => *top = (*top + page).min(last),
            KeyCode::PageUp => *top = top.saturating_sub(page),
            KeyCode::Esc | KeyCode::Char('q' | '?') => self.keyboard = Keyboard::Hosts,
            _ => {}
        }
    }
}
