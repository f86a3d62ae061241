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

use super::App;

/// Entries kept in memory; the oldest goes.
pub const ENTRIES: usize = 1_000;

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
    /// A receiver asked for a secret; the text is nowhere.
    Secret,
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Text::Kept(text) => text,
            Text::Secret => "(not kept: secret prompt)",
        })
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
    match &entry.text {
        Text::Kept(text) => text.len() + entry.hosts.len(),
        Text::Secret => entry.hosts.len(),
    }
}

/// What is kept of a text; nothing of one that is empty or begins with a blank.
fn kept(text: &str) -> Option<Text> {
    let text = text.trim_end_matches(['\r', '\n']);
    if text.trim().is_empty() || text.starts_with([' ', '\t']) {
        return None;
    }
    let mut end = ENTRY_BYTES.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let cut = match text.len() - end {
        0 => text.to_owned(),
        more => format!("{} … ({more} more bytes)", &text[..end]),
    };
    Some(Text::Kept(cut.into()))
}

impl App {
    /// Notes that a text was sent to these members. To be called before the text is delivered: whether a receiver asks for a
    /// secret is looked up now.
    pub fn record_sent(&mut self, how: How, text: &str, to: &[MemberId]) {
        let Some(text) = kept(text) else { return };
        if to.is_empty() {
            return;
        }
        let hosts = self.folded(to);
        self.sent.push(Entry { at: self.now, how, hosts, text });
    }

    /// What was sent so far.
    pub fn sent(&self) -> &Sent {
        &self.sent
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
            assert_eq!(kept(text), expected.map(|text| Text::Kept(text.into())), "{text:?}");
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
