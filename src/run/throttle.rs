//! How many hosts are on their way at once, when the run itself finds that out. Pure.
//!
//! Theory: TCP's congestion control once more, for what all hosts of a run have in common: this machine, its network, the
//! firewall and the address translation on the way. (What one server or one network takes is the business of
//! `ssh/pace`, and a host that waits for its turn there loads nothing.) What loads it is reaching hosts; commands that run
//! are bounded by the fan-out alone. It begins with `START` and takes one more for each host that was reached, until the
//! first lesson; afterwards one more for each `CALM` hosts. It stays where it is while reaching a host takes twice as long as
//! it did at its best: more hosts at once would only wait for each other. A lesson is that more than one of `RARE`
//! connections was turned away; it halves the number, down to `FLOOR`, so that the end of a run never crawls. Whoever
//! was begun before the last lesson teaches no other: refusals come in bursts.

use std::time::Duration;

/// Hosts on their way at once in the beginning.
const START: usize = 32;

/// No lesson makes it fewer.
const FLOOR: usize = 16;

/// Hosts that are reached before there is one more, after the first lesson.
const CALM: usize = 8;

/// More than one of so many that are turned away is a lesson.
const RARE: usize = 16;

/// Connections that must have come to an end, one way or another, before anything is learned from them.
const ENOUGH: usize = 8;

/// How far back it is remembered who was turned away, in connections.
const LATELY: usize = 256;

/// What does not count as slower, whatever was best: the scheduler's noise.
const NOISE: Duration = Duration::from_millis(50);

/// The best time is half forgotten after about so many slower ones.
const FORGETS: u64 = 512;

/// Who decides how many hosts are worked on at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fanout {
    /// The limit is how many.
    #[default]
    Fixed,
    /// The limit is the most; the run finds out how many it may reach at once.
    Adapts {
        /// Hosts that have been on their way for too long are put aside, where they hold nobody back: at most so many.
        aside: usize,
    },
}

/// Lessons that there had been when a host was begun.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Era(u32);

/// How many at once, and what is learned about it.
#[derive(Clone, Debug)]
pub(super) struct Throttle {
    most: usize,
    now: usize,
    adapts: bool,
    era: Era,
    /// Of this era: connections that came to an end, and those of them that were turned away.
    came: usize,
    refused: usize,
    /// Hosts reached since there was one more.
    calm: usize,
    /// What reaching a host takes lately, in microseconds, and took at its best.
    usual: Option<u64>,
    best: u64,
}

impl Throttle {
    /// At most `most` at work.
    pub(super) fn new(most: usize, fanout: Fanout) -> Throttle {
        let adapts = matches!(fanout, Fanout::Adapts { .. });
        let now = if adapts { most.min(START) } else { most };
        Throttle { most, now, adapts, era: Era(0), came: 0, refused: 0, calm: 0, usual: None, best: u64::MAX }
    }

    /// How many hosts at work, on their way or there.
    pub(super) fn most(&self) -> usize {
        self.most
    }

    /// How many on their way at once, now.
    pub(super) fn allowed(&self) -> usize {
        self.now
    }

    /// For a host that is begun now.
    pub(super) fn era(&self) -> Era {
        self.era
    }

    /// What reaching a host takes lately; `None` while none was reached.
    pub(super) fn usual(&self) -> Option<Duration> {
        self.usual.map(Duration::from_micros)
    }

    /// A host was reached, in so long.
    pub(super) fn reached(&mut self, era: Era, took: Duration) {
        self.learn_time(took);
        if era == self.era {
            self.came();
        }
        if !self.adapts || self.is_slow() {
            return;
        }
        self.calm += 1;
        let needed = if self.era == Era(0) { 1 } else { CALM };
        if self.calm >= needed {
            self.calm = 0;
            self.now = (self.now + 1).min(self.most);
        }
    }

    /// A host was turned away.
    pub(super) fn refused(&mut self, era: Era) {
        if !self.adapts || era != self.era {
            return;
        }
        self.came();
        self.refused += 1;
        if self.came >= ENOUGH && self.refused * RARE > self.came {
            self.now = (self.now / 2).max(FLOOR.min(self.most));
            self.era = Era(self.era.0 + 1);
            (self.came, self.refused, self.calm) = (0, 0, 0);
        }
    }

    /// One more came to an end; those of long ago count less and less.
    fn came(&mut self) {
        self.came += 1;
        if self.came >= LATELY {
            self.came /= 2;
            self.refused /= 2;
        }
    }

    /// The last times count most; the best is slowly forgotten, so that a run that comes to farther hosts goes on growing.
    fn learn_time(&mut self, took: Duration) {
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX / 8).min(u64::MAX / 8);
        let usual = self.usual.map_or(took, |usual| usual - usual / 8 + took / 8);
        self.usual = Some(usual);
        self.best = if usual < self.best { usual } else { self.best + (usual - self.best) / FORGETS };
    }

    fn is_slow(&self) -> bool {
        let noise = u64::try_from(NOISE.as_micros()).unwrap_or_default();
        self.usual.is_some_and(|usual| usual > 2 * self.best + noise)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAST: Duration = Duration::from_millis(20);

    fn adapts(most: usize) -> Throttle {
        Throttle::new(most, Fanout::Adapts { aside: 0 })
    }

    fn good(throttle: &mut Throttle, times: usize, took: Duration) {
        (0..times).for_each(|_| throttle.reached(throttle.era(), took));
    }

    #[test]
    fn it_grows_with_every_host_that_is_reached_as_fast_as_ever_and_not_beyond_its_limit() {
        let mut throttle = adapts(256);
        assert_eq!(throttle.allowed(), START);
        good(&mut throttle, 100, FAST);
        assert_eq!(throttle.allowed(), START + 100);
        good(&mut throttle, 1000, FAST);
        assert_eq!(throttle.allowed(), 256);
        assert_eq!(throttle.usual(), Some(FAST));
        let mut few = adapts(4);
        assert_eq!(few.allowed(), 4);
        good(&mut few, 50, FAST);
        assert_eq!(few.allowed(), 4);
    }

    #[test]
    fn it_stays_while_hosts_are_reached_more_slowly_and_grows_again_when_that_is_usual() {
        let mut throttle = adapts(10_000);
        good(&mut throttle, 50, FAST);
        let before = throttle.allowed();
        good(&mut throttle, 150, FAST * 20);
        assert!(throttle.allowed() <= before + 10, "{}", throttle.allowed());
        // Farther hosts are no congestion: after a while that is what is usual.
        good(&mut throttle, 2000, FAST * 20);
        assert!(throttle.allowed() > before + 1000, "{}", throttle.allowed());
    }

    #[test]
    fn refusals_halve_it_once_for_each_burst_down_to_a_floor() {
        let mut throttle = adapts(256);
        good(&mut throttle, 300, FAST);
        let era = throttle.era();
        // Among so many good ones ten are too few to say anything; a burst is more.
        (0..10).for_each(|_| throttle.refused(era));
        assert_eq!(throttle.allowed(), 256);
        (0..100).for_each(|_| throttle.refused(era));
        assert_eq!(throttle.allowed(), 128, "one lesson, however many tell it");
        for _ in 0..20 {
            let era = throttle.era();
            (0..100).for_each(|_| throttle.refused(era));
        }
        assert_eq!(throttle.allowed(), FLOOR);
        // It comes back, more slowly than at first.
        good(&mut throttle, 80, FAST);
        assert_eq!(throttle.allowed(), FLOOR + 10);
        good(&mut throttle, 10_000, FAST);
        assert_eq!(throttle.allowed(), 256);
    }

    #[test]
    fn a_few_hosts_that_are_always_refused_do_not_slow_the_others() {
        let mut throttle = adapts(256);
        for _ in 0..100 {
            good(&mut throttle, 49, FAST);
            throttle.refused(throttle.era());
        }
        assert_eq!(throttle.allowed(), 256);
    }

    #[test]
    fn a_fixed_one_learns_nothing_but_the_time() {
        let mut throttle = Throttle::new(300, Fanout::Fixed);
        assert_eq!(throttle.allowed(), 300);
        good(&mut throttle, 10, FAST);
        (0..100).for_each(|_| throttle.refused(throttle.era()));
        assert_eq!((throttle.allowed(), throttle.usual()), (300, Some(FAST)));
    }
}
