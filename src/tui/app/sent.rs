//! What was sent to whom: the history of typed lines, pastes, composed texts and macros.
//!
//! What stands here may be written to a file, so nothing comes in that must not stand there: a text sent while a receiver
//! asked for a secret is replaced by the fact that it was sent, and a line that begins with a blank is left out, as shells
//! leave it out.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::broadcast::MemberId;
use crate::escape;
use crate::hosts::HostSet;
use crate::pane::{EchoSeen, Key, Situation};
use crate::tui::action::Action;
use crate::tui::compose::Compose;
use crate::tui::event::Effect;
use crate::tui::keep::words::{Keep, Past};
use crate::tui::picker::Choice;

use super::typed::{Typed, ends_line};
use super::{App, HistoryKept, Picking, Tone};

/// Entries kept in memory; the oldest goes.
const ENTRIES: usize = 1_000;

/// Text kept of all entries together, in bytes; the oldest entry goes.
const TEXT_BYTES: usize = 1 << 20;

/// Longest line of the list, in characters.
const LISTED_CHARS: usize = 300;

/// Text kept of one entry, in bytes; what is longer is cut, and its length is said.
const ENTRY_BYTES: usize = 8 << 10;

/// Different lines that are remembered apart when one Enter ends them; if there are more, none of them is.
const LINES_APART: usize = 8;

/// How a text came to the hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum How {
    /// Key by key, up to Enter.
    Typed,
    /// As a paste.
    Pasted,
    /// From the compose box.
    Composed,
    /// From there, with its braces read as any other character.
    Literal,
    /// By a macro.
    Macro,
    /// By a request over the control socket.
    Ctl,
}

impl How {
    /// All of them.
    pub const ALL: [How; 6] = [How::Typed, How::Pasted, How::Composed, How::Literal, How::Macro, How::Ctl];

    /// In a word, for lists and files.
    pub fn word(self) -> &'static str {
        match self {
            How::Typed => "typed",
            How::Pasted => "pasted",
            How::Composed => "composed",
            How::Literal => "literal",
            How::Macro => "macro",
            How::Ctl => "ctl",
        }
    }
}

/// What is known of a text that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Text {
    /// The text itself.
    Kept(Arc<str>),
    /// What was typed; the host alone knows what became of it (it came from its history, or was completed or edited).
    Begun(Arc<str>),
    /// A receiver asked for a secret; the text is nowhere.
    Secret,
    /// It was not seen that the hosts show what they are sent, so it may have been a secret; the text is nowhere.
    Unseen,
    /// More different lines than are remembered apart.
    Apart,
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Text::Kept(text) => f.write_str(text),
            Text::Begun(text) => write!(f, "{text}… (finished on the host)"),
            Text::Secret => f.write_str("(not kept: secret prompt)"),
            Text::Unseen => f.write_str("(not kept: its echo was not seen)"),
            Text::Apart => {
                write!(f, "(more than {LINES_APART} different lines at once: not kept one by one)")
            }
        }
    }
}

/// One text that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When, on the clock of [`App::step`].
    pub at: Duration,
    /// How.
    pub how: How,
    /// To whom, folded.
    pub hosts: Arc<str>,
    /// What.
    pub text: Text,
}

impl Entry {
    /// The text, where it was kept.
    pub fn known(&self) -> Option<&str> {
        match &self.text {
            Text::Kept(text) | Text::Begun(text) => Some(text),
            Text::Secret | Text::Unseen | Text::Apart => None,
        }
    }
}

/// The newest entries.
#[derive(Debug, Default)]
pub struct Sent {
    entries: VecDeque<Entry>,
    bytes: usize,
    /// Who the last entry went to: a broadcast mostly goes to the same hosts as the one before.
    last: Option<(Vec<MemberId>, Arc<str>)>,
}

impl Sent {
    /// The entries, the newest first.
    pub fn newest(&self) -> impl ExactSizeIterator<Item = &Entry> {
        self.entries.iter().rev()
    }

    fn push(&mut self, entry: Entry) {
        self.bytes += size(&entry);
        self.entries.push_back(entry);
        while self.entries.len() > ENTRIES || self.bytes > TEXT_BYTES {
            let Some(oldest) = self.entries.pop_front() else { return };
            self.bytes -= size(&oldest);
        }
    }
}

fn size(entry: &Entry) -> usize {
    entry.known().map_or(0, str::len) + entry.hosts.len()
}

/// What is kept of a text; nothing of one that is empty or begins with a blank.
fn kept(text: &str) -> Option<Arc<str>> {
    let text = text.trim_end_matches(['\r', '\n']);
    if text.trim().is_empty() || text.starts_with([' ', '\t']) {
        return None;
    }
    let mut end = ENTRY_BYTES.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    Some(match text.len() - end {
        0 => text.into(),
        more => format!("{} … ({more} more bytes)", &text[..end]).into(),
    })
}

impl App {
    /// Notes that a text was sent to these members as a whole. To be called before the text is delivered: what the receivers
    /// wait for is looked up now. Whether they show it nobody can see yet, so what goes elsewhere than to shells is not kept.
    pub fn record_sent(&mut self, how: How, text: &str, to: &[MemberId]) {
        if let Some(text) = kept(text) {
            let text = match self.any_secret(to) {
                true => Text::Secret,
                false if self.is_macro(&text) || self.all_at_shells(to) => Text::Kept(text),
                false => Text::Unseen,
            };
            self.push_sent(how, text, to);
        }
    }

    /// Is this the text of a macro as it stands, and so in a file of the user's already?
    fn is_macro(&self, text: &str) -> bool {
        self.options.macros.iter().any(|one| one.text.trim_end_matches(['\r', '\n']) == text)
    }

    /// What was sent so far.
    pub fn sent(&self) -> &Sent {
        &self.sent
    }

    fn push_sent(&mut self, how: How, text: Text, to: &[MemberId]) {
        if !to.is_empty() && self.options.history == HistoryKept::Yes {
            let entry = Entry { at: self.now, how, hosts: self.folded(to), text };
            self.keep(Keep::Sent(entry.clone()));
            self.sent.push(entry);
        }
    }

    fn folded(&mut self, members: &[MemberId]) -> Arc<str> {
        if let Some((last, folded)) = &self.sent.last
            && last == members
        {
            return folded.clone();
        }
        let hosts: HostSet =
            members.iter().filter_map(|id| self.tile(*id)).map(|tile| tile.host.clone()).collect();
        let folded: Arc<str> = hosts.to_string().into();
        self.sent.last = Some((members.to_vec(), folded.clone()));
        folded
    }
}

/// The hooks of the keyboard, and the list.
impl App {
    /// A key is on its way: if it ends a line, the line is remembered. To be called before the key is followed.
    pub(super) fn record_typed(&mut self, key: Key, to: &[MemberId]) {
        if !ends_line(key) {
            return;
        }
        self.look_for_unseen_line(to);
        match self.typed(to) {
            Typed::Uncertain(_) => self.record_apart(to),
            typed => self.record_ended(typed, to),
        }
    }

    /// One Enter ends lines that are not the same on all hosts, or of which only the hosts know the end: no host is said to
    /// have got the line of another.
    fn record_apart(&mut self, to: &[MemberId]) {
        let mut lines: Vec<(Typed, Vec<MemberId>)> = Vec::new();
        for id in to {
            let typed = self.typed(&[*id]);
            match lines.iter().position(|(line, _)| *line == typed) {
                Some(n) => lines[n].1.push(*id),
                None if lines.len() == LINES_APART => return self.push_sent(How::Typed, Text::Apart, to),
                None => lines.push((typed, vec![*id])),
            }
        }
        // A line that one host shows may be what another one reads unseen.
        let is_unseen = |(line, members): &(Typed, Vec<MemberId>)| match line {
            Typed::Known(text) | Typed::Uncertain(text) => !self.was_echoed(text, members),
            Typed::Nothing | Typed::Withheld => false,
        };
        if lines.iter().any(is_unseen) {
            return self.push_sent(How::Typed, Text::Unseen, to);
        }
        lines.into_iter().for_each(|(line, members)| self.record_ended(line, &members));
    }

    fn record_ended(&mut self, typed: Typed, to: &[MemberId]) {
        match typed {
            Typed::Nothing => {}
            Typed::Withheld => self.push_sent(How::Typed, Text::Secret, to),
            // A paste with several lines was remembered when it was sent.
            Typed::Known(line) | Typed::Uncertain(line) if line.contains('\n') => {}
            Typed::Known(line) => self.record_line(&line, Text::Kept, to),
            Typed::Uncertain(line) => self.record_line(&line, Text::Begun, to),
        }
    }

    fn record_line(&mut self, line: &str, text: fn(Arc<str>) -> Text, to: &[MemberId]) {
        match (kept(line), self.was_echoed(line, to)) {
            (None, _) => {}
            (Some(_), false) => self.push_sent(How::Typed, Text::Unseen, to),
            (Some(line), true) => self.push_sent(How::Typed, text(line), to),
        }
    }

    /// A paste is on its way. One line without an end joins the line that is being typed; more are remembered here.
    pub(super) fn record_paste(&mut self, text: &str, to: &[MemberId]) {
        if !text.contains(['\n', '\r']) {
            return;
        }
        self.record_sent(How::Pasted, text, to);
    }

    /// Was it seen that these hosts show this line? A host that stands at its shell's prompt shows it, unless nothing was seen;
    /// elsewhere the line itself must stand where the cursor is, since other output moves the cursor too.
    pub(super) fn was_echoed(&self, line: &str, to: &[MemberId]) -> bool {
        self.heard_from(to).into_iter().all(|id| match (self.echo_seen(id), self.situation(id)) {
            (EchoSeen::No, _) => false,
            (_, Situation::Shell) => true,
            (EchoSeen::Yes, _) => self.cursor_line(id).text().contains(line.trim_end()),
            (EchoSeen::Unknown, _) => false,
        })
    }

    /// Does each of these hosts stand at the prompt of a shell, which shows what it is sent?
    pub(super) fn all_at_shells(&self, to: &[MemberId]) -> bool {
        self.heard_from(to).into_iter().all(|id| self.situation(id) == Situation::Shell)
    }

    /// Those of them that are not stalled, and say what becomes of what they are sent; all, where every one is.
    fn heard_from(&self, to: &[MemberId]) -> Vec<MemberId> {
        let is_heard =
            |id: &MemberId| self.tiles.get(*id).is_some_and(|tile| tile.recovery.silent_since().is_none());
        let heard: Vec<MemberId> = to.iter().copied().filter(is_heard).collect();
        if heard.is_empty() { to.to_vec() } else { heard }
    }

    /// Opens the list of what was sent, the newest first; that of earlier runs stands below.
    pub(super) fn list_sent(&mut self) {
        let (now, map) = (self.now, &self.options.keymap);
        let here = self.sent.newest().map(|entry| listed(entry, now));
        let earlier = self.keeping.past.iter().rev().map(listed_past);
        let choices: Vec<Choice> = here.chain(earlier).collect();
        if choices.is_empty() {
            let text = format!("nothing was sent yet; {} shows the keys", map.hint(Action::Help));
            return self.notes.refuse(text, now);
        }
        self.pick(Picking::Sent, choices);
    }

    /// Puts what was chosen into the compose box and on the clipboard. It goes nowhere before the user says so there.
    pub(super) fn chose_sent(&mut self, n: usize) {
        let here = self.sent.newest().len();
        let past = |n: usize| self.keeping.past.iter().rev().nth(n);
        let (how, text) = match n.checked_sub(here) {
            None => match self.sent.newest().nth(n) {
                Some(entry) => (Some(entry.how), entry.known().map(str::to_owned)),
                None => return,
            },
            Some(n) => (past(n).and_then(|past| past.how), past(n).and_then(|past| past.text.clone())),
        };
        let Some(text) = text else {
            return self.notes.say(Tone::Bad, "the text of this entry was not kept", self.now);
        };
        let copied = match is_cut(&text) {
            true => "copied to the clipboard; it was cut when it was kept, so it is not sent again from here",
            false => "copied to the clipboard",
        };
        self.notes.say(Tone::Plain, copied, self.now);
        if !is_cut(&text) {
            self.compose_again(&text, how);
        }
        self.effects.push(Effect::Copy(text));
    }

    /// Opens the compose box with a text that was sent before; a draft that stands there is not lost.
    fn compose_again(&mut self, text: &str, how: Option<How>) {
        let mut compose = Compose::default();
        if let Err(fault) = compose.editor.paste(text) {
            compose.fault = Some(fault);
        }
        // Braces that were typed for a shell were no template.
        if !matches!(how, Some(How::Composed | How::Macro)) && text.contains(['{', '}']) {
            compose.toggle_reading();
        }
        if let Some(draft) = self.past.draft.take() {
            self.past.remember(draft.remembered());
        }
        self.open_compose(compose);
    }
}

/// Was this text cut when it was kept? Then the words that say so made it longer than any other.
fn is_cut(text: &str) -> bool {
    text.len() > ENTRY_BYTES
}

fn listed(entry: &Entry, now: Duration) -> Choice {
    let text = escape::text(&format!("{}: {}", entry.hosts, entry.text), LISTED_CHARS);
    let ago = now.saturating_sub(entry.at).as_secs();
    let ago = match (ago / 3600, ago / 60) {
        (0, 0) => "just now".to_owned(),
        (0, minutes) => format!("{minutes} min ago"),
        (hours, _) => format!("{hours} h ago"),
    };
    Choice { text, detail: format!("{} {ago}", entry.how.word()) }
}

fn listed_past(past: &Past) -> Choice {
    let text = past.text.as_deref().unwrap_or("(not kept)");
    let how = past.how.map_or("sent", How::word);
    let time = past.time.get(..16).unwrap_or(&past.time).replace('T', " ");
    Choice {
        text: escape::text(&format!("{}: {text}", past.hosts), LISTED_CHARS),
        detail: escape::text(&format!("{how} {time}"), 40),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(text: &str) -> Entry {
        Entry { at: Duration::ZERO, how: How::Typed, hosts: "web1".into(), text: Text::Kept(text.into()) }
    }

    #[test]
    fn what_is_kept_is_what_a_shell_would_keep() {
        for (text, expected) in [
            ("uptime", Some("uptime")),
            ("uptime\r", Some("uptime")),
            ("one\ntwo\n", Some("one\ntwo")),
            (" secret", None),
            ("\tsecret", None),
            ("", None),
            ("  ", None),
            ("\r\n", None),
        ] {
            assert_eq!(kept(text).as_deref(), expected, "{text:?}");
        }
        let long = "é".repeat(ENTRY_BYTES);
        let cut = kept(&long).expect("it is kept").to_string();
        assert!(cut.ends_with("é … (8192 more bytes)"), "{}", &cut[cut.len() - 40..]);
        assert!(is_cut(&cut) && !is_cut(&kept(&"x".repeat(ENTRY_BYTES)).expect("it is kept")));
    }

    #[test]
    fn the_oldest_goes_at_the_bound_of_number_and_of_text() {
        let mut sent = Sent::default();
        (0..ENTRIES + 7).for_each(|n| sent.push(entry(&n.to_string())));
        assert_eq!(sent.newest().len(), ENTRIES);
        assert_eq!(sent.newest().next().map(|e| e.text.to_string()), Some((ENTRIES + 6).to_string()));
        let mut sent = Sent::default();
        (0..300).for_each(|_| sent.push(entry(&"x".repeat(ENTRY_BYTES))));
        assert!(sent.newest().len() < 128 && sent.bytes <= TEXT_BYTES, "{}", sent.newest().len());
    }

    #[test]
    fn entries_are_listed_without_anything_that_acts() {
        let past = Past {
            time: "2026-11-21T14:55:08Z".to_owned(),
            how: None,
            hosts: "web".to_owned(),
            text: Some("a\x1b[2J\nb".to_owned()),
        };
        let choice = listed_past(&past);
        assert_eq!(
            (choice.text.as_str(), choice.detail.as_str()),
            ("web: a^[[2J b", "sent 2026-11-21 14:55")
        );
    }
}
