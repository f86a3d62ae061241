//! What was typed for each host since its last Enter, as far as it can be told, and what each waits for.
//!
//! Theory. What a host has in its line is known to the host alone; we know the keys that went there. Letters, Backspace,
//! `C-u`, `C-w` and `C-c` can be followed; after a key that brings text from elsewhere (history, completion) or moves in
//! the line, what is known is a beginning at best, and is marked so. Nothing is kept of a line that any of its receivers
//! read at a prompt for a secret: the check is made with every key, before it is taken, and again at the end of the line.
//! What was kept is wiped when it goes. Each host has a line of its own, since the user may edit one alone.

use std::fmt;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::broadcast::MemberId;
use crate::pane::{
    CursorLine, EchoSeen, EchoWatch, Key, KeyCode, Mods, Pane, Prompts, Situation, paste, situation,
};
use crate::scrubbed::Scrubbed;

use super::App;

/// The longest line that is followed, in bytes; beyond, the line counts as not known.
const LINE_BYTES: usize = 4096;

/// How much of a line is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Certainty {
    /// All of it.
    #[default]
    Known,
    /// Keys went there whose effect the host alone knows.
    Uncertain,
    /// It may be a secret, and nothing of it was kept.
    Withheld,
}

/// What was typed for one host since its last Enter.
#[derive(Debug, Default)]
pub struct TypedLine {
    text: Scrubbed,
    certainty: Certainty,
}

/// What was typed since the last Enter for several hosts together; a log does not show it.
#[derive(Clone, PartialEq, Eq)]
pub enum Typed {
    /// Nothing.
    Nothing,
    /// Exactly this, for all of them.
    Known(Zeroizing<String>),
    /// This, and keys whose effect only the hosts know; or not the same for all of them.
    Uncertain(Zeroizing<String>),
    /// It may be a secret; nothing of it was kept.
    Withheld,
}

impl fmt::Debug for Typed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Typed::Nothing => f.write_str("Nothing"),
            Typed::Known(text) => write!(f, "Known([{} bytes])", text.len()),
            Typed::Uncertain(text) => write!(f, "Uncertain([{} bytes])", text.len()),
            Typed::Withheld => f.write_str("Withheld"),
        }
    }
}

/// What is remembered of typing to one host.
#[derive(Debug, Default)]
pub struct Typing {
    line: TypedLine,
    echo: EchoWatch,
    situation: Situation,
    answer: Answer,
}

/// Whether the host has printed anything since the first letter of the line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Answer {
    /// It has, or nothing was typed.
    #[default]
    Came,
    /// It has not.
    Awaited,
    /// It does not matter: the user was told that it shows nothing.
    Told,
}

/// Does this key end a line, so that a shell executes it? Enter in all its forms; `C-o` is the one of readline that
/// executes and brings the next line of the history.
pub fn ends_line(key: Key) -> bool {
    match (key.code(), key.mods()) {
        (KeyCode::Enter, _) => true,
        (KeyCode::Char('m' | 'j' | 'o'), mods) => mods.ctrl,
        _ => false,
    }
}

impl TypedLine {
    /// What is kept of it.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.text).unwrap_or_default()
    }

    /// How much of the line that is.
    pub fn certainty(&self) -> Certainty {
        self.certainty
    }

    /// Was nothing typed since the last Enter?
    pub fn is_empty(&self) -> bool {
        self.text.is_empty() && self.certainty == Certainty::Known
    }

    fn key(&mut self, key: Key) {
        if ends_line(key) {
            self.clear();
            if key == Key::new(KeyCode::Char('o'), Mods::CTRL) {
                self.certainty = Certainty::Uncertain;
            }
            return;
        }
        match (key.code(), key.mods()) {
            (KeyCode::Char('c'), Mods::CTRL) => self.clear(),
            _ if self.certainty == Certainty::Withheld => {}
            (KeyCode::Char(c), Mods::NONE) => self.push(c.encode_utf8(&mut [0; 4])),
            (KeyCode::Backspace, Mods::NONE) | (KeyCode::Char('h'), Mods::CTRL) => {
                let last = self.text().chars().next_back().map_or(0, char::len_utf8);
                self.text.cut(self.text.len() - last);
            }
            (KeyCode::Char('u'), Mods::CTRL) => self.text.cut(0),
            (KeyCode::Char('w'), Mods::CTRL) => {
                let left = self.text().trim_end();
                let start = left.rfind(char::is_whitespace).map_or(0, |at| at + 1);
                self.text.cut(start);
            }
            _ => self.certainty = Certainty::Uncertain,
        }
    }

    /// The lines that these keys end, typed behind a beginning, as far as it can be told.
    pub(super) fn ended_by(keys: &[Key], beginning: &str) -> Vec<Zeroizing<String>> {
        let mut line = TypedLine::default();
        line.push(beginning);
        let mut lines = Vec::new();
        for key in keys {
            if ends_line(*key) {
                lines.push(Zeroizing::new(line.text().to_owned()));
            }
            line.key(*key);
        }
        lines
    }

    fn push(&mut self, text: &str) {
        if self.text.len() + text.len() > LINE_BYTES {
            self.certainty = Certainty::Uncertain;
        } else {
            self.text.extend(text.as_bytes());
        }
    }

    /// A paste: in brackets it is all text of the line, otherwise each line end in it is an Enter.
    fn paste(&mut self, text: &str, bracketed: bool) {
        let clean = Zeroizing::new(paste::clean(text));
        let last = match bracketed {
            true => clean.as_str(),
            false => {
                let from = clean.rfind(['\n', '\r']).map(|at| at + 1);
                if from.is_some() {
                    self.clear();
                }
                &clean[from.unwrap_or(0)..]
            }
        };
        if self.certainty != Certainty::Withheld {
            self.push(last);
        }
    }

    fn clear(&mut self) {
        self.text.cut(0);
        self.certainty = Certainty::Known;
    }

    fn withhold(&mut self) {
        self.text.cut(0);
        self.certainty = Certainty::Withheld;
    }
}

impl Typing {
    /// What the host waits for.
    pub fn situation(&self) -> Situation {
        self.situation
    }

    /// What was typed for it since its last Enter.
    pub fn line(&self) -> &TypedLine {
        &self.line
    }

    /// Were the letters of this line echoed?
    pub fn echo_seen(&self, now: Duration, pane: &Pane) -> EchoSeen {
        self.echo.seen(now, pane.screen())
    }

    /// The host printed something. While a command is being edited, it stays one that awaits a command: its line does not
    /// end in a prompt any more.
    pub(super) fn heard(&mut self, now: Duration, pane: &Pane, prompts: &Prompts) {
        if self.answer == Answer::Awaited {
            self.answer = Answer::Came;
        }
        let seen = situation(pane.screen(), &pane.modes(), prompts);
        let edits = self.situation == Situation::Shell && !self.line.is_empty();
        let stays = match seen {
            Situation::Other => edits,
            // Somebody who types `Password:` at a shell sees it; at a prompt for a secret nothing of it is seen.
            Situation::Secret => edits && self.echo_seen(now, pane) == EchoSeen::Yes,
            Situation::Shell | Situation::FullScreen => false,
        };
        if !stays {
            self.situation = seen;
        }
        if self.situation == Situation::Secret && !self.line.is_empty() {
            self.line.withhold();
        }
    }

    /// Letters are on their way.
    fn typed(&mut self, now: Duration, pane: &Pane) {
        if self.echo.since().is_none() && self.answer == Answer::Came {
            self.answer = Answer::Awaited;
        }
        self.echo.typed(now, pane.screen());
    }

    /// Since when letters have been sent and nothing at all was printed; `None` also where the user was told.
    pub(super) fn unanswered_since(&self) -> Option<Duration> {
        self.echo.since().filter(|_| self.answer == Answer::Awaited)
    }

    /// The user was told that nothing is shown here.
    pub(super) fn told_unseen(&mut self) {
        self.answer = Answer::Told;
    }

    /// The line was sent or given up. What it shows now is the past; what the host waits for next it has not printed yet.
    fn ended(&mut self) {
        self.echo.forget();
        if self.answer == Answer::Awaited {
            self.answer = Answer::Came;
        }
        if self.situation != Situation::FullScreen {
            self.situation = Situation::Other;
        }
    }

    /// Another session: nothing is known of it.
    pub(super) fn begin_anew(&mut self) {
        *self = Typing::default();
    }
}

impl App {
    /// Would a text make the line of one of these hosts longer than what is followed of it?
    pub(super) fn outgrows_line(&self, text: &str, to: &[MemberId]) -> bool {
        let typed = to.iter().filter_map(|id| self.typed_for(*id)).map(str::len).max();
        typed.unwrap_or(0) + text.len() > LINE_BYTES
    }

    /// What one host waits for; `Other` where there is no such host or its session is not ready.
    pub fn situation(&self, member: MemberId) -> Situation {
        match self.tiles.get(member) {
            Some(tile) if tile.state.is_ready() => tile.typing.situation(),
            _ => Situation::Other,
        }
    }

    /// Were the letters typed lately for this host echoed?
    pub fn echo_seen(&self, member: MemberId) -> EchoSeen {
        let tile = self.tiles.get(member);
        tile.map_or(EchoSeen::Unknown, |tile| tile.typing.echo_seen(self.now, &tile.pane))
    }

    /// The line with the cursor of a host, as the host printed it: not escaped.
    pub fn cursor_line(&self, member: MemberId) -> CursorLine {
        self.tiles.get(member).map(|tile| tile.pane.screen().cursor_line()).unwrap_or_default()
    }

    /// What was typed for these hosts since their last Enter.
    pub fn typed(&self, members: &[MemberId]) -> Typed {
        let lines = || members.iter().filter_map(|id| self.tiles.get(*id)).map(|tile| tile.typing.line());
        let Some(first) = lines().next() else { return Typed::Nothing };
        if lines().any(|line| line.certainty() == Certainty::Withheld) || self.any_secret(members) {
            return Typed::Withheld;
        }
        if lines().all(TypedLine::is_empty) {
            return Typed::Nothing;
        }
        let text = Zeroizing::new(first.text().to_owned());
        let same = |line: &TypedLine| line.certainty() == Certainty::Known && line.text() == text.as_str();
        match lines().all(same) {
            true => Typed::Known(text),
            false => Typed::Uncertain(text),
        }
    }

    /// Does any of these hosts read a secret now?
    pub(super) fn any_secret(&self, members: &[MemberId]) -> bool {
        members.iter().any(|id| self.situation(*id) == Situation::Secret)
    }

    /// A key is on its way to these hosts. To be told before their outboxes have it.
    pub(super) fn note_key(&mut self, key: Key, to: &[MemberId]) {
        let is_secret = self.any_secret(to);
        let is_letter = matches!((key.code(), key.mods()), (KeyCode::Char(_), Mods::NONE));
        if is_letter {
            self.unseen.typed(self.now);
        }
        let gives_up = key == Key::new(KeyCode::Char('c'), Mods::CTRL);
        for id in to {
            let Some(tile) = self.tiles.get_mut(*id) else { continue };
            let typing = &mut tile.typing;
            if is_secret {
                typing.line.withhold();
            }
            typing.line.key(key);
            if ends_line(key) || gives_up {
                typing.ended();
            } else if is_letter {
                typing.typed(self.now, &tile.pane);
            }
        }
    }

    /// A paste is on its way to these hosts. To be told before their outboxes have it.
    pub(super) fn note_paste(&mut self, text: &str, to: &[MemberId]) {
        let is_secret = self.any_secret(to);
        self.unseen.typed(self.now);
        for id in to {
            let Some(tile) = self.tiles.get_mut(*id) else { continue };
            if is_secret {
                tile.typing.line.withhold();
            }
            let bracketed = tile.pane.modes().bracketed_paste;
            tile.typing.line.paste(text, bracketed);
            if !bracketed && text.contains(['\n', '\r']) {
                // What stands behind the last line end is read by whatever the lines before it began.
                tile.typing.ended();
            }
            tile.typing.typed(self.now, &tile.pane);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(keys: &str) -> (String, Certainty) {
        let mut line = TypedLine::default();
        for key in keys.split_whitespace() {
            line.key(key.parse().expect("a key"));
        }
        (line.text().to_owned(), line.certainty())
    }

    #[test]
    fn a_line_is_followed_as_far_as_it_can_be() {
        use Certainty::{Known, Uncertain};
        for (keys, text, certainty) in [
            ("l s", "ls", Known),
            ("l s Space - l Backspace C-h", "ls ", Known),
            ("r m Space a C-w", "rm ", Known),
            ("r m Space C-w", "", Known),
            ("r m C-u l s", "ls", Known),
            ("r m C-c l s", "ls", Known),
            ("r m Enter l s", "ls", Known),
            ("r m C-j l s", "ls", Known),
            ("r m C-m l s", "ls", Known),
            ("r m C-o", "", Uncertain),
            ("Up", "", Uncertain),
            ("Up Enter l s", "ls", Known),
            ("r e b Tab", "reb", Uncertain),
            ("l s Left x", "lsx", Uncertain),
            ("C-r a", "a", Uncertain),
            ("é 語 Backspace", "é", Known),
            ("Backspace C-w C-u", "", Known),
        ] {
            assert_eq!(after(keys), (text.to_owned(), certainty), "{keys}");
        }
    }

    #[test]
    fn the_lines_that_keys_end() {
        let ended = |keys: &str, beginning: &str| {
            let keys: Vec<Key> = keys.split_whitespace().map(|key| key.parse().expect("a key")).collect();
            TypedLine::ended_by(&keys, beginning).iter().map(|line| line.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(ended("l s Enter i d C-j x", "sudo "), ["sudo ls", "id"]);
        assert_eq!(ended("C-u Enter Enter", "rm"), ["", ""]);
        assert_eq!(ended("x", "rm"), [""; 0]);
    }

    #[test]
    fn pastes_and_their_line_ends() {
        for (text, bracketed, left) in
            [("two", false, "onetwo"), ("a\nb", false, "b"), ("a\nb", true, "onea\nb"), ("a\r", false, "")]
        {
            let mut line = TypedLine::default();
            line.push("one");
            line.paste(text, bracketed);
            assert_eq!(line.text(), left, "{text:?}");
        }
    }

    #[test]
    fn a_line_without_end_is_not_kept_without_end() {
        let mut line = TypedLine::default();
        for _ in 0..2 * LINE_BYTES {
            line.key(Key::char('x'));
        }
        assert_eq!((line.text().len(), line.certainty()), (LINE_BYTES, Certainty::Uncertain));
    }

    #[test]
    fn of_a_secret_nothing_is_kept_until_the_line_ends() {
        let mut line = TypedLine::default();
        line.push("hun");
        line.withhold();
        line.key(Key::char('t'));
        line.paste("er2", true);
        assert_eq!((line.text(), line.certainty()), ("", Certainty::Withheld));
        line.key(Key::new(KeyCode::Enter, Mods::NONE));
        assert!(line.is_empty());
        assert!(!format!("{line:?}").contains("hun"));
    }
}
