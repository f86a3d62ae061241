//! What is said in the status line for a while, and its flash.
//!
//! One sentence stands at a time. The last ones are remembered besides, for who tells each of them (the plain mode); and a
//! sentence says whether it answers an act that was refused, so that a script hears it too.

use std::collections::VecDeque;
use std::time::Duration;

/// Sentences that are remembered for who tells all of them; the oldest goes, and that it went is told.
const REMEMBERED: usize = 32;

/// How long a sentence stands.
const STANDS: Duration = Duration::from_secs(8);

/// How long the line flashes when more hosts hear than before.
const FLASHES: Duration = Duration::from_millis(600);

/// How much a sentence matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// An answer to what the user did.
    Plain,
    /// What the user wanted was not done, or there was nothing to do.
    Refused,
    /// Something did not work, or keys reached nobody.
    Bad,
}

/// Why a sentence is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// It answers an act of the user, and is gone with the next one: it may not be true any more.
    Act,
    /// Something happened by itself; that stays true.
    News,
}

/// One sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// How much it matters.
    pub tone: Tone,
    /// The sentence, free of control characters.
    pub text: String,
    until: Duration,
    cause: Cause,
}

impl Note {
    /// Does it say that what the user did just now came to nothing?
    pub fn refuses(&self) -> bool {
        self.cause == Cause::Act && self.tone != Tone::Plain
    }
}

/// The last sentence, those before it, and the flash.
#[derive(Debug, Default)]
pub struct Notes {
    note: Option<Note>,
    /// The last ones that were said, at most [`REMEMBERED`].
    said: VecDeque<String>,
    /// How many were said since the beginning.
    count: u64,
    flash_until: Duration,
}

impl Notes {
    /// Answers an act of the user; what stood before is gone.
    pub fn say(&mut self, tone: Tone, text: impl Into<String>, now: Duration) {
        self.put(Note { tone, text: text.into(), until: now + STANDS, cause: Cause::Act });
    }

    /// Answers an act of the user that is not done: why.
    pub fn refuse(&mut self, text: impl Into<String>, now: Duration) {
        self.say(Tone::Refused, text, now);
    }

    /// Tells what happened by itself; what stood before is gone.
    pub fn tell(&mut self, tone: Tone, text: impl Into<String>, now: Duration) {
        self.put(Note { tone, text: text.into(), until: now + STANDS, cause: Cause::News });
    }

    fn put(&mut self, note: Note) {
        if self.said.len() == REMEMBERED {
            self.said.pop_front();
        }
        self.said.push_back(note.text.clone());
        self.count += 1;
        self.note = Some(note);
    }

    /// How many sentences were said since the beginning.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The sentences said after the first so many, the oldest first, and how many of those are not remembered any more.
    pub fn since(&self, count: u64) -> (u64, impl Iterator<Item = &str>) {
        let new = usize::try_from(self.count.saturating_sub(count)).unwrap_or(usize::MAX);
        let kept = new.min(self.said.len());
        ((new - kept) as u64, self.said.iter().skip(self.said.len() - kept).map(String::as_str))
    }

    /// The user does something else: the answer to what was done before does not stand beside it.
    pub fn turn(&mut self) {
        self.note.take_if(|note| note.cause == Cause::Act);
    }

    /// What begins so is not true any more.
    pub fn take_back(&mut self, beginning: &str) {
        self.note.take_if(|note| note.text.starts_with(beginning));
        // An empty sentence is told by nobody; the count stays as it is.
        let untrue = self.said.iter_mut().filter(|said| said.starts_with(beginning));
        untrue.for_each(String::clear);
    }

    /// The sentence that stands now.
    pub fn note(&self) -> Option<&Note> {
        self.note.as_ref()
    }

    /// More hosts hear than before.
    pub fn flash(&mut self, now: Duration) {
        self.flash_until = now + FLASHES;
    }

    /// Does the line flash?
    pub fn flashes(&self, now: Duration) -> bool {
        now < self.flash_until
    }

    /// Lets go of what stood long enough.
    pub fn forget(&mut self, now: Duration) {
        if self.note.as_ref().is_some_and(|note| note.until <= now) {
            self.note = None;
        }
    }

    /// When something here changes by itself.
    pub fn wake_at(&self, now: Duration) -> Option<Duration> {
        let flash = (self.flash_until > now).then_some(self.flash_until);
        self.note.as_ref().map(|note| note.until).into_iter().chain(flash).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_goes_with_the_next_act_and_news_stays() {
        let mut notes = Notes::default();
        notes.say(Tone::Plain, "web01 is detached", Duration::ZERO);
        notes.turn();
        assert_eq!(notes.note(), None);
        notes.tell(Tone::Bad, "web01: link lost", Duration::ZERO);
        notes.turn();
        assert!(notes.note().is_some());
    }

    #[test]
    fn the_last_sentences_are_remembered_and_what_is_lost_is_counted() {
        let mut notes = Notes::default();
        let since = |notes: &Notes, count| {
            let (lost, said) = notes.since(count);
            (lost, said.map(str::to_owned).collect::<Vec<_>>())
        };
        assert_eq!(since(&notes, 0), (0, vec![]));
        notes.say(Tone::Plain, "one", Duration::ZERO);
        notes.tell(Tone::Bad, "two", Duration::ZERO);
        assert_eq!(since(&notes, 0), (0, vec!["one".into(), "two".into()]));
        assert_eq!(since(&notes, 1), (0, vec!["two".into()]));
        notes.take_back("two");
        assert_eq!(since(&notes, 1), (0, vec![String::new()]), "it is not true any more");
        (0..REMEMBERED).for_each(|n| notes.tell(Tone::Plain, n.to_string(), Duration::ZERO));
        let (lost, said) = since(&notes, 0);
        assert_eq!((lost, said.len(), said[0].as_str()), (2, REMEMBERED, "0"));
    }

    #[test]
    fn sentences_and_flashes_end() {
        let mut notes = Notes::default();
        assert_eq!(notes.wake_at(Duration::ZERO), None);
        notes.say(Tone::Plain, "a", Duration::ZERO);
        notes.flash(Duration::ZERO);
        assert_eq!(notes.wake_at(Duration::ZERO), Some(FLASHES));
        notes.forget(FLASHES);
        assert!(!notes.flashes(FLASHES) && notes.note().is_some());
        notes.forget(STANDS);
        assert_eq!((notes.note(), notes.wake_at(STANDS)), (None, None));
    }
}
