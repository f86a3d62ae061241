//! What was sent to some hosts at once, from its first key until everybody has answered.

use std::time::Duration;

use zeroize::Zeroizing;

use crate::broadcast::MemberId;
use crate::pane::{Key, KeyCode, Mods};
use crate::play::keys::Keys;
use crate::scrubbed::Scrubbed;
use crate::tui::app::ends_line;

use super::sight::{Sight, Waits};
use super::{Eyes, Look};

/// Why the hosts got it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// They are those who hear a broadcast.
    Broadcast,
    /// It was meant for this one alone.
    Alone,
}

/// What is known of one host since.
#[derive(Clone, Debug)]
pub(super) enum Seen {
    /// Nothing yet.
    Waiting,
    /// It stands at a shell's prompt, for now.
    Back(Sight),
    /// What it showed when the next thing came to it.
    Fixed(Sight),
}

/// A part of what was sent.
#[derive(Debug)]
pub(super) enum What {
    /// Keys, in notation, apart by blanks.
    Keys(Scrubbed),
    /// A text that went as a whole.
    Paste(Zeroizing<String>),
}

/// A part, and what the hosts showed when the next one came.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) what: What,
    pub(super) then: Vec<Sight>,
}

/// How it is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// As it was sent.
    Open,
    /// As a secret: its content is nowhere.
    Secret,
}

/// Whether it is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// More keys may belong to it.
    Goes,
    /// Its last key is one after which a host does something.
    Ended,
}

/// What was sent.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) to: Vec<MemberId>,
    pub(super) whose: Whose,
    /// Every host that was open then.
    pub(super) open: Vec<MemberId>,
    /// What the hosts showed before; in the order of `to`.
    pub(super) begin: Vec<Sight>,
    /// Their screens before the first letter of the present line.
    pub(super) looks: Vec<Look>,
    /// All of them stood at a shell's prompt with nothing behind it.
    pub(super) fresh: bool,
    pub(super) form: Form,
    pub(super) stage: Stage,
    pub(super) parts: Vec<Part>,
    /// The command line that it is, as far as what was typed tells.
    pub(super) run: Option<Zeroizing<String>>,
    /// Keys so far; lines that were ended.
    pub(super) keys: usize,
    pub(super) lines: usize,
    /// Letters and pastes of the present line, and where it begins: the part, and the byte in it.
    pub(super) letters: usize,
    line_at: (usize, usize),
    pub(super) seen: Vec<Seen>,
    /// How many of them are [`Seen::Waiting`].
    pub(super) waiting: usize,
    pub(super) sent_at: Duration,
}

impl Piece {
    /// Nothing yet, for these hosts.
    pub(super) fn new(to: &[MemberId], whose: Whose, open: Vec<MemberId>, begin: Vec<Sight>) -> Piece {
        Piece {
            seen: vec![Seen::Waiting; to.len()],
            waiting: to.len(),
            to: to.to_vec(),
            whose,
            open,
            begin,
            looks: Vec::new(),
            fresh: false,
            form: Form::Open,
            stage: Stage::Goes,
            parts: Vec::new(),
            run: None,
            keys: 0,
            lines: 0,
            letters: 0,
            line_at: (0, 0),
            sent_at: Duration::ZERO,
        }
    }

    pub(super) fn is_for(&self, to: &[MemberId], whose: Whose) -> bool {
        self.to == to && self.whose == whose
    }

    /// Adds a key, whose meaning is not looked at.
    pub(super) fn push(&mut self, key: Key) {
        if !matches!(self.parts.last(), Some(Part { what: What::Keys(_), .. })) {
            self.parts.push(Part { what: What::Keys(Scrubbed::default()), then: Vec::new() });
        }
        if let Some(Part { what: What::Keys(notation), .. }) = self.parts.last_mut() {
            notation.extend(Zeroizing::new(format!("{key} ")).as_bytes());
        }
        self.keys += 1;
        self.letters += usize::from(is_letter(key));
    }

    /// Adds a text; `now` is what the hosts show before it.
    pub(super) fn paste(&mut self, text: &str, now: Vec<Sight>) {
        if let Some(last) = self.parts.last_mut() {
            last.then = now;
        }
        self.parts.push(Part { what: What::Paste(text.to_owned().into()), then: Vec::new() });
        self.keys += 1;
        self.letters += 1;
    }

    /// What the hosts show before something comes behind a paste.
    pub(super) fn after_paste(&mut self, now: impl FnOnce() -> Vec<Sight>) {
        if let Some(last @ Part { what: What::Paste(_), .. }) = self.parts.last_mut() {
            last.then = now();
        }
    }

    /// The present line was seen on the screens of these hosts, or has nothing that could be seen.
    pub(super) fn is_seen(&self, eyes: &impl Eyes) -> bool {
        let pasted = |part: &Part| match &part.what {
            What::Paste(text) if text.contains(['\n', '\r']) && !self.fresh => eyes.shows(&self.to, text),
            _ => true,
        };
        self.letters == 0
            || (eyes.is_shown(&self.to, &self.looks) && self.parts.iter().skip(self.line_at.0).all(pasted))
    }

    /// From here on another line is typed.
    pub(super) fn begin_line(&mut self) {
        self.letters = 0;
        self.looks.clear();
        self.line_at = match self.parts.last() {
            Some(Part { what: What::Keys(notation), .. }) => (self.parts.len() - 1, notation.len()),
            _ => (self.parts.len(), 0),
        };
    }

    /// Takes the present line away; nothing of it is left.
    pub(super) fn drop_line(&mut self) {
        let (part, at) = self.line_at;
        self.parts.truncate(if at > 0 { part + 1 } else { part });
        if let Some(Part { what: What::Keys(notation), .. }) = self.parts.get_mut(part) {
            notation.cut(at);
        }
        self.letters = 0;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Is it nothing but the end of a line?
    pub(super) fn is_bare_end(&self) -> bool {
        matches!(self.parts.as_slice(), [Part { what: What::Keys(notation), .. }]
            if matches!(keys_of(notation).0.as_slice(), [key] if ends_line(*key)))
    }

    /// Notes what became of one host.
    pub(super) fn see(&mut self, at: usize, seen: Seen) {
        if matches!(self.seen[at], Seen::Fixed(_)) {
            return;
        }
        let waits = |seen: &Seen| usize::from(matches!(seen, Seen::Waiting));
        self.waiting = self.waiting + waits(&seen) - waits(&self.seen[at]);
        self.seen[at] = seen;
    }

    /// What the host at this place showed in the end.
    pub(super) fn end(&self, at: usize) -> Option<&Sight> {
        match &self.seen[at] {
            Seen::Waiting => None,
            Seen::Back(sight) | Seen::Fixed(sight) => Some(sight),
        }
    }
}

/// The keys of a notation that [`Piece::push`] made.
pub(super) fn keys_of(notation: &[u8]) -> Keys {
    let text = std::str::from_utf8(notation).unwrap_or_default();
    Keys(text.split(' ').filter_map(|word| word.parse().ok()).collect())
}

/// Does it type a character, which may be one of a secret?
pub(super) fn is_letter(key: Key) -> bool {
    matches!((key.code(), key.mods()), (KeyCode::Char(_), mods) if !mods.ctrl)
}

/// Does a host do something after this key, so that one waits for it?
pub(super) fn is_end(key: Key) -> bool {
    ends_line(key)
        || key.code() == KeyCode::Esc
        || matches!((key.code(), key.mods()), (KeyCode::Char('c' | 'd' | 'z' | '\\'), Mods::CTRL))
}

/// Are these of one kind, so that a key means the same in both?
pub(super) fn same_mode(one: Waits, other: Waits) -> bool {
    let kind = |waits| match waits {
        Waits::Shell | Waits::Line | Waits::Nothing | Waits::Gone => 0,
        Waits::Secret => 1,
        Waits::Screen => 2,
    };
    kind(one) == kind(other)
}
