//! What could not be written when nobody looked any more, in a few sentences.

use super::words::Told;

/// So many sentences; the rest is counted.
const MOST: usize = 5;

/// The sentences so far.
#[derive(Debug, Default)]
pub(super) struct Unkept {
    said: Vec<String>,
    more: usize,
}

impl Unkept {
    /// Notes what was told, if it is about something that is not kept. A gap of a log stands in the log itself.
    pub(super) fn note(&mut self, told: Told) {
        match told {
            Told::LogStopped(_, why) => self.say(format!("a log has stopped: {why}")),
            Told::RecordStopped(_, why) => self.say(format!("a recording has stopped: {why}")),
            Told::ScriptStopped(why) => self.say(format!("the script is not complete: {why}")),
            Told::HistoryStopped(why) => self.say(format!("the history is not written: {why}")),
            Told::SaveFailed(why) => self.say(format!("the set was not saved: {why}")),
            Told::Past(_)
            | Told::Logs(..)
            | Told::LogGap(..)
            | Told::Records(..)
            | Told::RecordEnded(..)
            | Told::Scripts(_)
            | Told::ScriptEnded(_)
            | Told::Saved(_) => {}
        }
    }

    /// One more sentence.
    pub(super) fn say(&mut self, sentence: String) {
        match self.said.len() < MOST {
            true => self.said.push(sentence),
            false => self.more += 1,
        }
    }

    /// All of them.
    pub(super) fn sentences(mut self) -> Vec<String> {
        if self.more > 0 {
            self.said.push(format!("and {} more could not be written", self.more));
        }
        self.said
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::SessionId;

    #[test]
    fn a_thousand_faults_are_a_few_sentences_and_what_went_well_is_none() {
        let mut unkept = Unkept::default();
        unkept.note(Told::Saved("last".to_owned()));
        unkept.note(Told::SaveFailed("no room".to_owned()));
        for n in 0..1_000 {
            unkept.note(Told::LogStopped(SessionId(n), format!("/logs/{n}.log: no room")));
        }
        let said = unkept.sentences();
        assert_eq!(said.len(), MOST + 1);
        assert_eq!(said[..2], ["the set was not saved: no room", "a log has stopped: /logs/0.log: no room"]);
        assert_eq!(said[MOST], "and 996 more could not be written");
    }
}
