//! When a silent link is stalled, and when it is lost; by values, without a clock.
//!
//! Theory: a host that has nothing to say is silent too, so silence counts only while the host owes an answer: since the
//! first thing we sent after the last byte was heard. A link at rest is asked now and then (`keepalive@openssh.com`, as
//! `ssh` does), so that there is always something owed soon. A program that reads without a word owes nothing, though
//! something was typed for it; therefore a link is not stalled before it was asked and had time to answer.
//!
//! A look that comes late means that we were stopped or asleep ourselves; what was owed before is owed from then on.

use std::time::Duration;

use super::target::Alive;

/// What becomes of a silent link where the host's configuration does not say (`ServerAliveInterval`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Silence {
    /// It is shown as stalled and stays until TCP ends: somebody looks at it, and a laptop may have slept.
    Shown,
    /// It is lost after three questions, one each 15 s, without an answer.
    #[default]
    Ends,
}

/// How often a link is asked where silence is only shown. With the time for the answer a stall is seen within 16 s; asked
/// more often, a thousand hosts at rest would take more than a hundredth of a core.
const ASKS_SHOWN: Duration = Duration::from_secs(13);

/// How long an answer may take where silence is only shown.
const ANSWERS_SHOWN: Duration = Duration::from_millis(2_500);

/// The rule where silence ends a link.
const ENDS: Alive = Alive { interval: Duration::from_secs(15), count: 3 };

/// A look that comes so late means that we did not run in between.
const LATE: Duration = Duration::from_secs(5);

/// The rule for one link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Patience {
    /// Silent for so long it is asked; `None` asks nothing, and then silence says nothing.
    asks: Option<Duration>,
    /// An answer that takes longer is a stall.
    answers: Duration,
    /// Silence after so many questions, one each interval, ends the link.
    ends: Option<Alive>,
}

impl Patience {
    /// What the mode says, unless the host's configuration says otherwise.
    pub(super) fn of(silence: Silence, alive: Option<Alive>) -> Patience {
        let ends = match (alive, silence) {
            (Some(alive), _) => Some(alive),
            (None, Silence::Ends) => Some(ENDS),
            (None, Silence::Shown) => None,
        };
        if ends.is_some_and(|alive| alive.interval.is_zero()) {
            return Patience { asks: None, answers: Duration::ZERO, ends: None };
        }
        let asks = match (ends, silence) {
            (Some(alive), Silence::Ends) => alive.interval,
            (Some(alive), Silence::Shown) => alive.interval.min(ASKS_SHOWN),
            (None, _) => ASKS_SHOWN,
        };
        let answers = match silence {
            Silence::Shown => (asks / 2).min(ANSWERS_SHOWN),
            Silence::Ends => asks / 2,
        };
        Patience { asks: Some(asks), answers, ends }
    }

    /// Silent for so long a link is asked.
    pub(super) fn asks(&self) -> Option<Duration> {
        self.asks
    }
}

/// What the silence of a link means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing, so far.
    Fine,
    /// The host should have answered.
    Stalled,
    /// It has not answered for as long as anybody waits.
    Lost,
}

/// What was heard and sent on one link; moments are times since some beginning.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ear {
    heard: Duration,
    /// Since when the host owes an answer.
    owed: Option<Duration>,
    /// When the next look is due.
    due: Option<Duration>,
}

impl Ear {
    /// Begins to listen.
    pub(super) fn new(now: Duration) -> Ear {
        Ear { heard: now, owed: None, due: None }
    }

    /// Bytes came, or silence did not count until now.
    pub(super) fn hears(&mut self, now: Duration) {
        *self = Ear::new(now);
    }

    /// Bytes were sent.
    pub(super) fn sends(&mut self, now: Duration) {
        self.owed.get_or_insert(now);
    }

    /// Since when nothing was heard.
    pub(super) fn heard(&self) -> Duration {
        self.heard
    }

    /// What the silence means now, and when to look again. To be called after what can be heard has been heard.
    pub(super) fn look(&mut self, now: Duration, patience: &Patience) -> (Verdict, Option<Duration>) {
        let (Some(asks), Some(owed)) = (patience.asks, self.owed) else { return (Verdict::Fine, None) };
        let late = self.due.take().is_some_and(|due| now > due + LATE);
        let owed = if late { now } else { owed };
        self.owed = Some(owed);
        let stalls = (self.heard + asks + patience.answers).max(owed + patience.answers);
        let ends = patience.ends.map(|alive| {
            let waited = alive.interval.saturating_mul(alive.count);
            (self.heard + alive.interval).saturating_add(waited).max(owed.saturating_add(waited))
        });
        let (verdict, due) = match ends {
            Some(ends) if now >= ends => (Verdict::Lost, None),
            ends if now >= stalls => (Verdict::Stalled, ends),
            ends => (Verdict::Fine, Some(ends.map_or(stalls, |ends| ends.min(stalls)))),
        };
        self.due = due;
        (verdict, due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    fn alive(interval: u64, count: u32) -> Option<Alive> {
        Some(Alive { interval: Duration::from_secs(interval), count })
    }

    /// When a link is stalled and when lost that was heard last at 0 and is sent something at `sent`.
    fn verdicts(patience: &Patience, sent: f64) -> (Option<Duration>, Option<Duration>) {
        let mut ear = Ear::new(s(0.0));
        ear.sends(s(sent));
        let (mut stalled, mut now) = (None, s(sent));
        loop {
            let (verdict, due) = ear.look(now, patience);
            match verdict {
                Verdict::Fine => {}
                Verdict::Stalled => drop(stalled.get_or_insert(now)),
                Verdict::Lost => return (stalled, Some(now)),
            }
            let Some(due) = due else { return (stalled, None) };
            assert!(due > now, "it makes progress");
            now = due;
        }
    }

    #[test]
    fn the_configuration_wins_and_then_the_mode() {
        for (silence, configured, sent, stalled, lost) in [
            // Idle: the question goes out after 13 s. Typing: a key right after the last byte heard.
            (Silence::Shown, None, 13.0, Some(15.5), None),
            (Silence::Shown, None, 0.0, Some(15.5), None),
            (Silence::Ends, None, 15.0, Some(22.5), Some(60.0)),
            (Silence::Ends, None, 0.0, Some(22.5), Some(60.0)),
            // As `ssh` does it: the fourth question is not asked.
            (Silence::Shown, alive(5, 3), 5.0, Some(7.5), Some(20.0)),
            (Silence::Ends, alive(5, 3), 5.0, Some(7.5), Some(20.0)),
            (Silence::Shown, alive(60, 3), 10.0, Some(15.5), Some(240.0)),
            (Silence::Ends, alive(1, 0), 1.0, None, Some(1.0)),
            // No questions: silence says nothing, whatever is typed.
            (Silence::Shown, alive(0, 3), 0.0, None, None),
            (Silence::Ends, alive(0, 3), 0.0, None, None),
        ] {
            let patience = Patience::of(silence, configured);
            assert_eq!(
                verdicts(&patience, sent),
                (stalled.map(s), lost.map(s)),
                "{silence:?} {configured:?} {sent}"
            );
        }
        assert_eq!(Patience::of(Silence::Shown, alive(60, 3)).asks(), Some(ASKS_SHOWN));
        assert_eq!(Patience::of(Silence::Ends, alive(60, 3)).asks(), Some(s(60.0)));
        assert_eq!(Patience::of(Silence::Ends, alive(0, 3)).asks(), None);
    }

    #[test]
    fn silence_counts_only_while_something_is_owed() {
        let patience = Patience::of(Silence::Ends, None);
        let mut ear = Ear::new(s(0.0));
        assert_eq!(ear.look(s(1e6), &patience), (Verdict::Fine, None));
        ear.sends(s(1e6));
        assert_eq!(ear.look(s(1e6 + 44.0), &patience).0, Verdict::Stalled);
        ear.hears(s(1e6 + 44.5));
        assert_eq!(ear.look(s(1e6 + 45.0), &patience), (Verdict::Fine, None));
    }

    #[test]
    fn an_hour_of_sleep_is_no_silence() {
        for (silence, configured) in [(Silence::Ends, None), (Silence::Shown, alive(5, 3))] {
            let patience = Patience::of(silence, configured);
            let mut ear = Ear::new(s(0.0));
            ear.sends(s(1.0));
            ear.look(s(1.0), &patience);
            let (verdict, due) = ear.look(s(3600.0), &patience);
            assert_eq!(verdict, Verdict::Fine, "the host has not had time to answer");
            let mut now = due.unwrap();
            while let (_, Some(due)) = ear.look(now, &patience) {
                now = due;
            }
            assert!(now > s(3614.0), "and then it is lost as ever, at {now:?}");
        }
    }
}
