//! What is said in the status line for a while, and its flash.

use std::time::Duration;

/// How long a sentence stands.
const STANDS: Duration = Duration::from_secs(8);

/// How long the line flashes when more hosts hear than before.
const FLASHES: Duration = Duration::from_millis(600);

/// How much a sentence matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// An answer to what the user did.
    Plain,
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

/// The last sentence and the flash.
#[derive(Debug, Default)]
pub struct Notes {
    note: Option<Note>,
    flash_until: Duration,
}

impl Notes {
    /// Answers an act of the user; what stood before is gone.
    pub fn say(&mut self, tone: Tone, text: impl Into<String>, now: Duration) {
        self.note = Some(Note { tone, text: text.into(), until: now + STANDS, cause: Cause::Act });
    }

    /// Tells what happened by itself; what stood before is gone.
    pub fn tell(&mut self, tone: Tone, text: impl Into<String>, now: Duration) {
        self.note = Some(Note { tone, text: text.into(), until: now + STANDS, cause: Cause::News });
    }

    /// The user does something else: the answer to what was done before does not stand beside it.
    pub fn turn(&mut self) {
        self.note.take_if(|note| note.cause == Cause::Act);
    }

    /// What begins so is not true any more.
    pub fn take_back(&mut self, beginning: &str) {
        self.note.take_if(|note| note.text.starts_with(beginning));
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
