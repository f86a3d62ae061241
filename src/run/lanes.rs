//! Who is at work, and who of them counts. Pure.
//!
//! Theory: a dead host says nothing until its connect timeout, and a live one is reached in a fraction of that. A host that
//! has been connecting for [`MULTIPLE`] times as long as it takes lately is therefore put *aside*: it goes on in its own
//! time, but holds no place among those that count. Time in which it waits for its turn or for a person is no time of its
//! own. As many can be put aside as the file descriptors allow; where there is no room, hosts stay where they are.

use std::collections::VecDeque;
use std::time::Duration;

use super::HostIx;

/// How often what is usual a host may take before it is put aside.
const MULTIPLE: u32 = 4;

/// Nobody is put aside sooner.
const LEAST: Duration = Duration::from_secs(1);

/// Where no host was reached yet, nobody knows what is usual.
const UNKNOWN: Duration = Duration::from_secs(3);

/// Where a host is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// Not at work.
    Rest,
    /// On its way, with the mark of its clock, which stands still where there is no time.
    Connecting(u32, Option<Duration>),
    /// On its way, and put aside.
    Aside,
    /// There.
    Reached,
}

/// All hosts of a run.
#[derive(Debug)]
pub(super) struct Lanes {
    at: Vec<At>,
    counted: usize,
    aside: usize,
    room_aside: usize,
    /// Hosts whose clock runs, in the order in which it began to; those whose mark has changed are passed over. At most
    /// one for each time that a clock was started.
    clocks: VecDeque<(HostIx, u32, Duration)>,
    marks: u32,
}

impl Lanes {
    /// Nobody of so many is at work; so many may be put aside.
    pub(super) fn new(hosts: usize, room_aside: usize) -> Lanes {
        Lanes {
            at: vec![At::Rest; hosts],
            counted: 0,
            aside: 0,
            room_aside,
            clocks: VecDeque::new(),
            marks: 0,
        }
    }

    /// Hosts that hold a place.
    pub(super) fn counted(&self) -> usize {
        self.counted
    }

    /// Hosts at work.
    pub(super) fn at_work(&self) -> usize {
        self.counted + self.aside
    }

    /// A host is begun.
    pub(super) fn begin(&mut self, host: HostIx, now: Duration) {
        debug_assert_eq!(self.at[host.0], At::Rest, "never two attempts at once");
        self.counted += 1;
        self.start_clock(host, now);
    }

    /// A host waits, or goes on.
    pub(super) fn waits(&mut self, host: HostIx, waits: bool, now: Duration) {
        let At::Connecting(mark, since) = self.at[host.0] else { return };
        match (waits, since) {
            (true, Some(_)) => self.at[host.0] = At::Connecting(mark, None),
            (false, None) => self.start_clock(host, now),
            _ => {}
        }
    }

    fn start_clock(&mut self, host: HostIx, now: Duration) {
        self.marks = self.marks.wrapping_add(1);
        self.at[host.0] = At::Connecting(self.marks, Some(now));
        if self.room_aside > 0 {
            self.clocks.push_back((host, self.marks, now));
        }
    }

    /// A host was reached: it counts, also where it was put aside.
    pub(super) fn reached(&mut self, host: HostIx) {
        if self.at[host.0] == At::Aside {
            self.aside -= 1;
            self.counted += 1;
        }
        if self.at[host.0] != At::Rest {
            self.at[host.0] = At::Reached;
        }
    }

    /// A host is no longer at work.
    pub(super) fn ended(&mut self, host: HostIx) {
        match std::mem::replace(&mut self.at[host.0], At::Rest) {
            At::Rest => {}
            At::Aside => self.aside -= 1,
            At::Connecting(..) | At::Reached => self.counted -= 1,
        }
    }

    /// Puts aside whoever has been connecting for too long; says when to look again.
    pub(super) fn sort(&mut self, usual: Option<Duration>, now: Duration) -> Option<Duration> {
        let patience = usual.map_or(UNKNOWN, |usual| usual.saturating_mul(MULTIPLE).max(LEAST));
        while let Some((host, mark, since)) = self.clocks.front().copied() {
            let runs = self.at[host.0] == At::Connecting(mark, Some(since));
            if runs && self.aside >= self.room_aside {
                return None;
            }
            if runs && now < since + patience {
                return Some(since + patience);
            }
            self.clocks.pop_front();
            if runs {
                self.at[host.0] = At::Aside;
                self.counted -= 1;
                self.aside += 1;
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn three(room: usize) -> Lanes {
        let mut lanes = Lanes::new(3, room);
        (0..3).for_each(|host| lanes.begin(HostIx(host), ms(host as u64 * 100)));
        lanes
    }

    #[test]
    fn who_takes_too_long_is_put_aside_in_turn_and_counts_again_when_it_is_there() {
        let mut lanes = three(8);
        assert_eq!(lanes.sort(Some(ms(500)), ms(1999)), Some(ms(2000)));
        assert_eq!((lanes.counted(), lanes.at_work()), (3, 3));
        assert_eq!(lanes.sort(Some(ms(500)), ms(2000)), Some(ms(2100)));
        assert_eq!((lanes.counted(), lanes.at_work()), (2, 3));
        lanes.reached(HostIx(1));
        assert_eq!(lanes.sort(Some(ms(500)), ms(9000)), None);
        assert_eq!((lanes.counted(), lanes.at_work()), (1, 3));
        lanes.reached(HostIx(0));
        assert_eq!((lanes.counted(), lanes.at_work()), (2, 3));
        (0..3).for_each(|host| lanes.ended(HostIx(host)));
        lanes.ended(HostIx(0));
        assert_eq!((lanes.counted(), lanes.at_work()), (0, 0));
    }

    #[test]
    fn a_host_that_waits_for_its_turn_uses_no_time_of_its_own() {
        let mut lanes = three(8);
        lanes.waits(HostIx(0), true, ms(500));
        assert_eq!(lanes.sort(Some(ms(1)), ms(1050)), Some(ms(1100)));
        lanes.waits(HostIx(0), false, ms(5000));
        assert_eq!(lanes.sort(Some(ms(1)), ms(5001)), Some(ms(6000)));
        assert_eq!((lanes.counted(), lanes.at_work()), (1, 3));
        assert_eq!(lanes.sort(Some(ms(1)), ms(6000)), None);
        assert_eq!((lanes.counted(), lanes.at_work()), (0, 3));
    }

    #[test]
    fn nobody_is_put_aside_beyond_the_room_or_before_anything_is_known() {
        let mut lanes = three(1);
        assert_eq!(lanes.sort(None, ms(2999)), Some(ms(3000)));
        assert_eq!(lanes.sort(None, ms(9999)), None);
        assert_eq!((lanes.counted(), lanes.at_work()), (2, 3));
        lanes.ended(HostIx(0));
        assert_eq!(lanes.sort(None, ms(9999)), None);
        assert_eq!((lanes.counted(), lanes.at_work()), (1, 2));
        let mut fixed = three(0);
        assert_eq!(fixed.sort(Some(ms(1)), ms(9999)), None);
        assert_eq!((fixed.counted(), fixed.at_work()), (3, 3));
    }
}
