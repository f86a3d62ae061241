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
use crate::hosts::HostSet;

use crate::tui::event::Effect;
use crate::tui::keep::words::Keep;

use super::{App, HistoryKept};

/// Entries kept in memory; the oldest goes.
const ENTRIES: usize = 1_000;

/// Text kept of all entries together, in bytes; the oldest entry goes.
const TEXT_BYTES: usize = 1 << 20;

/// Text kept of one entry, in bytes; what is longer is cut, and its length is said.
const ENTRY_BYTES: usize = 8 << 10;

/// How a text came to the hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum How {
    /// Key by key, up to Enter.
    Typed,
    /// As a paste.
    Pasted,
    /// From the compose box.
    Composed,
    /// By a macro.
    Macro,
}

impl How {
    /// In a word, for lists and files.
    pub fn word(self) -> &'static str {
        match self {
            How::Typed => "typed",
            How::Pasted => "pasted",
            How::Composed => "composed",
            How::Macro => "macro",
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
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Text::Kept(text) => f.write_str(text),
            Text::Begun(text) => write!(f, "{text}… (finished on the host)"),
            Text::Secret => f.write_str("(not kept: secret prompt)"),
            Text::Unseen => f.write_str("(not kept: its echo was not seen)"),
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
            Text::Secret | Text::Unseen => None,
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
pub(super) fn kept(text: &str) -> Option<Arc<str>> {
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
    /// Notes that a text was sent to these members. To be called before the text is delivered: whether a receiver asks for a
    /// secret is looked up now.
    pub fn record_sent(&mut self, how: How, text: &str, to: &[MemberId]) {
        if let Some(text) = kept(text) {
            let text = if self.any_secret(to) { Text::Secret } else { Text::Kept(text) };
            self.push_sent(how, text, to);
        }
    }

    /// What was sent so far.
    pub fn sent(&self) -> &Sent {
        &self.sent
    }

    pub(super) fn push_sent(&mut self, how: How, text: Text, to: &[MemberId]) {
        if !to.is_empty() && self.options.history == HistoryKept::Yes {
            let entry = Entry { at: self.now, how, hosts: self.folded(to), text };
            self.effects.push(Effect::Keep(Keep::Sent(entry.clone())));
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
}
