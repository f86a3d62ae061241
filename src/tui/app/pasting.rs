//! Pastes: what goes through at once, what waits for the user's word, and what goes line by line.

use std::fmt;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::broadcast::{Member, MemberId, OUTBOX_BYTES};
use crate::pane::{Key, KeyCode, Mods, PasteShape, Situation, encode_paste, paste};
use crate::scrubbed::Scrubbed;
use crate::tui::compose::Ending;
use crate::tui::stepwise::{Prompting, Sight, Stage, Stepwise};

use super::composing::Preparing;
use super::guards::Sending as Outgoing;
use super::sent::How;
use super::{App, Keyboard, PasteConfirm, Tone};

/// Longest paste, in bytes: with its brackets it must fit into an empty outbox as a whole.
const PASTE_BYTES: usize = OUTBOX_BYTES - 12;

/// A paste that waits. It may be a secret: it is wiped when it goes, and no log shows it.
pub struct Pasting {
    /// As the user pasted it.
    text: Zeroizing<String>,
    /// What it holds.
    pub shape: PasteShape,
    /// Whom the question names; ascending.
    asked: Vec<MemberId>,
    /// What becomes of control characters.
    pub controls: Controls,
    /// The first line that is shown.
    pub top: usize,
    /// Why it was not sent.
    pub fault: Option<&'static str>,
}

/// What becomes of the control characters of a paste.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Controls {
    /// They are sent, but for what would end the brackets of a paste.
    Kept,
    /// They are taken out; tabs and line ends stay.
    Removed,
}

impl fmt::Debug for Pasting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[a paste: {:?} for {} hosts, {:?}]", self.shape, self.asked.len(), self.controls)
    }
}

impl Pasting {
    /// What will be sent, as it is to be shown: not escaped.
    pub fn text(&self) -> Zeroizing<String> {
        Zeroizing::new(match self.controls {
            Controls::Kept => (*self.text).clone(),
            Controls::Removed => paste::printable(&self.text),
        })
    }
}

/// A paste on its way, line by line.
#[derive(Debug)]
pub struct LineByLine {
    /// Who has come how far.
    pub steps: Stepwise,
    /// When it began, on the clock of [`App::step`].
    pub since: Duration,
    /// When nobody waited any more.
    pub over: Option<Duration>,
}

impl App {
    /// Takes a paste: into the line or the secret that is being typed, or to the hosts.
    pub(super) fn paste(&mut self, text: Zeroizing<String>) {
        self.prefixed = None;
        match &mut self.keyboard {
            Keyboard::Hosts => self.paste_to_hosts(text),
            Keyboard::Prompt(prompt) => prompt.line.paste(&text),
            Keyboard::Picker(_, picker) => picker.paste(&text),
            Keyboard::HostList => self.paste_to_list(&text),
            Keyboard::Questions => self.questions.paste(&text, self.now),
            Keyboard::Preparing(Preparing::Compose(_)) => self.paste_into_compose(&text),
            Keyboard::Preparing(Preparing::Secret(_)) => self.paste_into_secret(&text),
            _ => {
                self.notes.say(Tone::Bad, "nothing was pasted: the keyboard is not with the hosts", self.now);
            }
        }
    }

    /// One clean line goes through; anything that could execute or act waits for the user's word.
    fn paste_to_hosts(&mut self, text: Zeroizing<String>) {
        self.questions.keep_quiet();
        if text.is_empty() || !self.has_receivers() {
            return;
        }
        if text.len() > PASTE_BYTES {
            // How much more is not known: the rest of it was not read.
            let text = "this paste is larger than a host takes: a host takes at most 64 kB at once; send it as a file";
            return self.notes.say(Tone::Bad, text, self.now);
        }
        let shape = paste::inspect(&text);
        if is_plain(&text, shape) && self.options.paste_confirm == PasteConfirm::MultiLine {
            return self.send_paste(&text);
        }
        let asked = self.broadcast.hearing();
        let waits = Pasting { text, shape, asked, controls: Controls::Kept, top: 0, fault: None };
        self.open_quietly(Keyboard::Preparing(Preparing::Paste(Box::new(waits))));
    }

    /// Sends a paste to whoever hears now.
    fn send_paste(&mut self, text: &str) {
        if self.has_receivers() && !self.holds_back_paste(text) {
            self.transmit_paste(text);
        }
    }

    /// Sends a paste of which nothing is left to be asked.
    pub(super) fn transmit_paste(&mut self, text: &str) {
        if self.has_receivers() {
            self.broadcast.begin();
            let to = self.broadcast.hearing();
            self.script_paste(text, &to);
            self.record_paste(text, &to);
            self.note_paste(text, &to);
            let held = self.put(&to, |modes| Scrubbed::from(encode_paste(text, modes)));
            self.say_held(&held);
        }
    }

    /// A key where a paste waits.
    pub(super) fn pasting_key(&mut self, key: Key) {
        let page = usize::from(self.layout.area.height / 2).max(1);
        let Keyboard::Preparing(Preparing::Paste(waits)) = &mut self.keyboard else { return };
        let last = waits.shape.lines.saturating_sub(1);
        match (key.code(), key.mods()) {
            (KeyCode::Char('y'), Mods::NONE) => self.paste_agreed(Way::Whole),
            (KeyCode::Char('l'), Mods::ALT) => self.paste_agreed(Way::LineByLine),
            (KeyCode::Char('n'), Mods::NONE) | (KeyCode::Esc, _) | (KeyCode::Char('c'), Mods::CTRL) => {
                self.keyboard = Keyboard::Hosts;
            }
            (KeyCode::Char('c'), Mods::ALT) => {
                waits.controls = match waits.controls {
                    Controls::Kept => Controls::Removed,
                    Controls::Removed => Controls::Kept,
                };
            }
            (KeyCode::Down | KeyCode::Char('j'), Mods::NONE) => waits.top = (waits.top + 1).min(last),
            (KeyCode::Up | KeyCode::Char('k'), Mods::NONE) => waits.top = waits.top.saturating_sub(1),
            (KeyCode::PageDown | KeyCode::Char(' '), _) => waits.top = (waits.top + page).min(last),
            (KeyCode::PageUp, _) => waits.top = waits.top.saturating_sub(page),
            (KeyCode::Home, _) => waits.top = 0,
            (KeyCode::End, _) => waits.top = last,
            _ => {}
        }
    }

    /// The user's yes holds for the hosts that were named: where another one hears, it is asked again.
    fn paste_agreed(&mut self, way: Way) {
        let Keyboard::Preparing(Preparing::Paste(mut waits)) =
            std::mem::replace(&mut self.keyboard, Keyboard::Hosts)
        else {
            return;
        };
        let hearing = self.broadcast.hearing();
        if hearing.iter().any(|id| waits.asked.binary_search(id).is_err()) {
            waits.asked = hearing;
            waits.fault = Some("more hosts hear than were asked about: look again");
            return self.open_quietly(Keyboard::Preparing(Preparing::Paste(waits)));
        }
        match way {
            Way::Whole => self.send_paste(&waits.text()),
            Way::LineByLine => self.begin_lines(&waits.text()),
        }
    }
}

/// How a paste is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Whole,
    LineByLine,
}

/// Line by line.
impl App {
    fn begin_lines(&mut self, text: &str) {
        if self.has_receivers() && !self.holds_back(Outgoing::Lines(text.to_owned().into())) {
            self.transmit_lines(text);
        }
    }

    /// Begins with lines of which nothing is left to be asked.
    pub(super) fn transmit_lines(&mut self, text: &str) {
        if !self.has_receivers() {
            return;
        }
        let to = self.broadcast.hearing();
        self.questions.keep_quiet();
        self.broadcast.begin();
        self.record_sent(How::Pasted, text, &to);
        let lines: Vec<Zeroizing<String>> =
            pasted_lines(text).into_iter().map(|line| paste::clean(line).into()).collect();
        self.script_lines(&lines, &to);
        let steps = Stepwise::new(lines, &to, self.now);
        let begun = LineByLine { steps, since: self.now, over: None };
        self.keyboard = Keyboard::Preparing(Preparing::Lines(Box::new(begun)));
        self.walk_lines();
    }

    /// Sends the next line to every host whose prompt stands again.
    pub(super) fn walk_lines(&mut self) {
        let Keyboard::Preparing(Preparing::Lines(begun)) = &mut self.keyboard else { return };
        if begun.steps.due().is_none_or(|due| due > self.now) {
            return;
        }
        let Keyboard::Preparing(Preparing::Lines(mut begun)) =
            std::mem::replace(&mut self.keyboard, Keyboard::Hosts)
        else {
            return;
        };
        let next = begun.steps.look(self.now, |id| self.sight(id));
        let mut held = Vec::new();
        for (id, n) in next {
            if let Some(line) = begun.steps.line(n) {
                held.extend(self.hand_over(line, Ending::Enter, &[id]));
            }
        }
        held.iter().for_each(|id| begun.steps.refused(*id));
        if begun.steps.is_over() {
            begun.over.get_or_insert(self.now);
        }
        self.keyboard = Keyboard::Preparing(Preparing::Lines(begun));
        self.say_held(&held);
    }

    /// When lines may go on.
    pub(super) fn lines_due(&self) -> Option<Duration> {
        match &self.keyboard {
            Keyboard::Preparing(Preparing::Lines(begun)) => begun.steps.due(),
            _ => None,
        }
    }

    /// A host printed something, or is gone.
    pub(super) fn heard_for_lines(&mut self, id: MemberId) {
        if let Keyboard::Preparing(Preparing::Lines(begun)) = &mut self.keyboard {
            begun.steps.heard(id, self.now);
        }
    }

    fn sight(&self, id: MemberId) -> Sight {
        let hears =
            self.broadcast.hears(id) && self.broadcast.member(id).is_some_and(|m| !Member::is_held(m));
        let prompt = match self.situation(id) {
            _ if !hears => Prompting::Deaf,
            Situation::Shell => Prompting::Yes,
            _ => Prompting::No,
        };
        let Some(tile) = self.tiles.get(id) else {
            return Sight { prompt: Prompting::Deaf, line: 0, before: String::new() };
        };
        let screen = tile.pane.screen();
        let line = screen.history_dropped() + screen.history_len() as u64 + u64::from(screen.cursor().row);
        Sight { prompt, line, before: screen.cursor_line().before }
    }

    /// A key while lines are on their way: they can only be stopped, so that nothing comes between them.
    pub(super) fn lines_key(&mut self, key: Key) {
        let Keyboard::Preparing(Preparing::Lines(begun)) = &mut self.keyboard else { return };
        let leaves = match (key.code(), key.mods()) {
            (KeyCode::Esc, _) | (KeyCode::Char('c'), Mods::CTRL) => true,
            (KeyCode::Enter, Mods::NONE) => begun.steps.is_over(),
            _ => false,
        };
        if leaves {
            begun.steps.stop();
            let short: Vec<MemberId> = (begun.steps.stages())
                .filter(|(_, stage)| matches!(stage, Stage::Stopped(_)))
                .map(|(id, _)| id)
                .collect();
            let (done, all) = (begun.steps.stages().len() - short.len(), begun.steps.stages().len());
            self.keyboard = Keyboard::Hosts;
            let (tone, text) = match short.as_slice() {
                [] => (Tone::Plain, format!("every line went to {all} hosts")),
                short => {
                    let names = self.named(short);
                    (
                        Tone::Bad,
                        format!("every line went to {done} of {all} hosts; stopped before the end: {names}"),
                    )
                }
            };
            self.notes.say(tone, text, self.now);
        }
    }
}

/// Can this paste neither execute nor act? A line end would execute what stands before it.
fn is_plain(text: &str, shape: PasteShape) -> bool {
    shape.control_bytes == 0 && !text.contains(['\n', '\r'])
}

/// The lines of a paste, which a terminal sends as the Enter key would: each ended by a carriage return.
pub fn pasted_lines(text: &str) -> Vec<&str> {
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    // What stands between the two halves of a line end is no line.
    text.split('\n').flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paste_has_as_many_lines_as_it_says() {
        for (text, lines) in [
            ("one", vec!["one"]),
            ("one\ntwo\n", vec!["one", "two"]),
            ("one\rtwo\r", vec!["one", "two"]),
            ("one\r\ntwo\r\n", vec!["one", "two"]),
            ("one\r\rthree", vec!["one", "", "three"]),
            ("\n", vec![""]),
        ] {
            assert_eq!(pasted_lines(text), lines, "{text:?}");
            assert_eq!(paste::inspect(text).lines, lines.len(), "{text:?}");
        }
    }

    #[test]
    fn what_waits_stands_in_no_log() {
        let text = Zeroizing::new("hunter2\x07\n".to_owned());
        let shape = paste::inspect(&text);
        let mut waits = Pasting { text, shape, asked: vec![], controls: Controls::Kept, top: 0, fault: None };
        assert!(!format!("{waits:?}").contains("hunter2"));
        assert_eq!(waits.text().as_str(), "hunter2\x07\n");
        waits.controls = Controls::Removed;
        assert_eq!(waits.text().as_str(), "hunter2\n");
    }
}
