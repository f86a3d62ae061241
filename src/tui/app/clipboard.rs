//! What hosts want to put on the user's clipboard (OSC 52): nothing gets there without the user's word for that pane.
//!
//! A host may fill a clipboard with a command that the user pastes into another one, so by default a wish is refused and
//! marked. What the clipboard holds is told to no host.

use std::collections::{BTreeMap, HashMap};

use crate::broadcast::MemberId;
use crate::escape;
use crate::pane::{ClipboardWrite, Fed};
use crate::tui::action::Action;
use crate::tui::event::Effect;
use crate::tui::picker::Choice;

use super::signs::Sign;
use super::{App, HostClipboard, Picking, Tone};

/// Texts that wait for the user's word; the oldest is let go for a further one. Each has at most
/// [`crate::pane::CLIPBOARD_BYTES`].
const WAITING: usize = 16;

/// Characters of a text that are shown before it is allowed.
const SHOWN_CHARS: usize = 40;

/// What the user said of a pane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Consent {
    Always,
    Never,
}

/// The choices, as they are listed.
const CHOICES: [&str; 3] = [
    "once: set the clipboard to this text now",
    "always: this host may set the clipboard",
    "never: refuse without a mark",
];

/// The wishes and what was said of them.
#[derive(Debug, Default)]
pub(super) struct Clipboard {
    said: HashMap<MemberId, Consent>,
    /// The last wish of each host that waits, by its order.
    waiting: BTreeMap<u64, (MemberId, ClipboardWrite)>,
    wishes: u64,
    /// The host and the text that the user is being asked about: what is allowed is what was shown.
    asked: Option<(MemberId, Option<ClipboardWrite>)>,
}

impl Clipboard {
    fn wait(&mut self, member: MemberId, write: ClipboardWrite) {
        self.waiting.retain(|_, (id, _)| *id != member);
        self.waiting.insert(self.wishes, (member, write));
        self.wishes += 1;
        if self.waiting.len() > WAITING {
            self.waiting.pop_first();
        }
    }

    fn wish(&self, member: MemberId) -> Option<&ClipboardWrite> {
        self.waiting.values().find(|(id, _)| *id == member).map(|(_, write)| write)
    }

    /// The host is gone.
    pub(super) fn forget(&mut self, member: MemberId) {
        self.waiting.retain(|_, (id, _)| *id != member);
        self.said.remove(&member);
    }
}

impl App {
    /// A host offered something to the clipboard.
    pub(super) fn clipboard_offered(&mut self, member: MemberId, fed: &Fed) {
        if fed.clipboard.is_none() && fed.clipboard_dropped == 0 {
            return;
        }
        match (self.options.clipboard, self.clipboard.said.get(&member)) {
            (HostClipboard::Never, _) | (_, Some(Consent::Never)) => {}
            (HostClipboard::Ask, Some(Consent::Always)) => self.host_copies(member, fed),
            (HostClipboard::Ask, None) => {
                if let Some(write) = &fed.clipboard {
                    self.clipboard.wait(member, write.clone());
                }
                // A host that asks again and again says it once.
                if self.signs.put(Sign::Clipboard, member) {
                    self.tell_wishes(member);
                }
            }
        }
    }

    fn tell_wishes(&mut self, member: MemberId) {
        let hint = self.options.keymap.hint(Action::AllowClipboard);
        let who = match self.signs(Sign::Clipboard) {
            1 => format!("{} wants", self.name(member)),
            n => format!("{n} hosts want"),
        };
        let text = format!("{who} to set the clipboard; refused. {hint} there allows it");
        self.notes.tell(Tone::Plain, text, self.now);
    }

    fn host_copies(&mut self, member: MemberId, fed: &Fed) {
        let name = self.name(member);
        match &fed.clipboard {
            Some(ClipboardWrite(text)) => {
                self.notes.tell(
                    Tone::Plain,
                    format!("{name} set the clipboard: {} bytes", text.len()),
                    self.now,
                );
                self.effects.push(Effect::Copy(text.clone()));
            }
            None => {
                let text = format!("{name} wanted to set the clipboard to more than 100 kB; refused");
                self.notes.tell(Tone::Bad, text, self.now);
            }
        }
    }

    /// Asks the user whether the focused host may set the clipboard.
    pub(super) fn ask_consent(&mut self) {
        let Some(focus) = self.focus_or_say() else { return };
        if self.options.clipboard == HostClipboard::Never {
            let text = "config.toml says `clipboard = \"never\"`, so no host may set the clipboard";
            return self.notes.refuse(text, self.now);
        }
        let wish = self.clipboard.wish(focus).cloned();
        let shown = match &wish {
            Some(ClipboardWrite(text)) => format!("{} B: {}", text.len(), escape::text(text, SHOWN_CHARS)),
            None => "no text waits".to_owned(),
        };
        let details = [shown, String::new(), String::new()];
        let choices =
            CHOICES.iter().zip(details).map(|(text, detail)| Choice { text: (*text).to_owned(), detail });
        let choices = choices.collect();
        self.clipboard.asked = Some((focus, wish));
        self.pick(Picking::Clipboard, choices);
    }

    /// The user said what this host may do.
    pub(super) fn consent_picked(&mut self, n: usize) {
        let Some((focus, wish)) = self.clipboard.asked.take() else { return };
        self.clipboard.waiting.retain(|_, (id, _)| *id != focus);
        self.signs.take(Sign::Clipboard, focus);
        let name = self.name(focus);
        let said = match n {
            0 => String::new(),
            1 => {
                self.clipboard.said.insert(focus, Consent::Always);
                format!("{name} may set the clipboard from now on")
            }
            _ => {
                self.clipboard.said.insert(focus, Consent::Never);
                format!("{name} may not set the clipboard")
            }
        };
        match wish {
            Some(ClipboardWrite(text)) if n < 2 => {
                let said = format!("the clipboard holds {} bytes of {name}", text.len());
                self.notes.say(Tone::Plain, said, self.now);
                self.effects.push(Effect::Copy(text));
            }
            _ if n == 0 => self.notes.say(Tone::Bad, format!("no text of {name} waits any more"), self.now),
            _ => self.notes.say(Tone::Plain, said, self.now),
        }
    }
}
