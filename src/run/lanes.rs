//! Who is at work, and who of them counts. Pure.
//!
//! Theory: two things bound a run. All hosts at work hold a place each; those on their way also load what all have in common,
//! and a host loads that until it is reached, but not while it waits for its turn with others or for a person.
//!
//! A dead host says nothing until its connect timeout, and a live one is reached in a fraction of that. A host that has been
//! on its way for [`MULTIPLE`] times as long as that takes lately is therefore put *aside*: it goes on in its own time, but
//! holds no place and counts for no load. Time in which it waits is no time of its own. As many can be put aside as the
//! file descriptors allow; where there is no room, hosts stay where they are.

use std::collections::VecDeque;
use std::time::Duration;

use super::HostIx;

/// How often what is usual a host may take before it is put aside.
const MULTIPLE: u32 = 4;

/// Nobody is put aside sooner.
const LEAST: Duration = Duration::from_secs(1);

/// Where no host was reached yet, nobody knows what is usual.
const UNKNOWN: Duration = Duration::from_secs(3);

/// What a host on its way does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// It goes on.
    Goes,
    /// It waits for its turn with others, or for a person.
    Waits,
    /// It was turned away, and waits to try again.
    Back,
}

/// Where a host is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// Not at work.
    Rest,
    /// On its way, and since when where it goes on.
    Way(Way, Duration),
    /// On its way, and put aside.
    Aside,
    /// There.
    Reached,
}

impl At {
    fn loads(self) -> bool {
        matches!(self, At::Way(Way::Goes | Way::Back, _))
    }

    fn holds(self) -> bool {
        matches!(self, At::Way(..) | At::Reached)
    }
}

/// All hosts of a run.
#[derive(Debug)]
pub(super) struct Lanes {
    at: Vec<At>,
    holding: usize,
    loading: usize,
    aside: usize,
    room_aside: usize,
    /// Hosts in the order in which they began to go on; one that has done something else since is passed over. At most
    /// one for each time that a host began to go on.
    going: VecDeque<(HostIx, Duration)>,
}

impl Lanes {
    /// Nobody of so many is at work; so many may be put aside.
    pub(super) fn new(hosts: usize, room_aside: usize) -> Lanes {
        let going = VecDeque::new();
        Lanes { at: vec![At::Rest; hosts], holding: 0, loading: 0, aside: 0, room_aside, going }
    }

    /// Hosts that hold a place.
    pub(super) fn holding(&self) -> usize {
        self.holding
    }

    /// Hosts on their way that load what all have in common.
    pub(super) fn loading(&self) -> usize {
        self.loading
    }

    /// Hosts at work.
    pub(super) fn at_work(&self) -> usize {
        self.holding + self.aside
    }

    /// A host is begun.
    pub(super) fn begin(&mut self, host: HostIx, now: Duration) {
        debug_assert_eq!(self.at[host.0], At::Rest, "never two attempts at once");
        self.go(host, now);
    }

    /// A host on its way waits, or goes on.
    pub(super) fn goes(&mut self, host: HostIx, way: Way, now: Duration) {
        match self.at[host.0] {
            At::Way(before, _) if before == way => {}
            At::Way(..) if way == Way::Goes => self.go(host, now),
            At::Way(..) => self.put(host, At::Way(way, now)),
            At::Rest | At::Aside | At::Reached => {}
        }
    }

    fn go(&mut self, host: HostIx, now: Duration) {
        self.put(host, At::Way(Way::Goes, now));
        if self.room_aside > 0 {
            self.going.push_back((host, now));
        }
    }

    /// A host was reached: it holds a place, also where it was put aside.
    pub(super) fn reached(&mut self, host: HostIx) {
        if self.at[host.0] != At::Rest {
            self.put(host, At::Reached);
        }
    }

    /// A host is no longer at work.
    pub(super) fn ended(&mut self, host: HostIx) {
        self.put(host, At::Rest);
    }

    /// The one place where a host moves, so that the counts are those of the hosts.
    fn put(&mut self, host: HostIx, at: At) {
        let before = std::mem::replace(&mut self.at[host.0], at);
        self.holding = self.holding + usize::from(at.holds()) - usize::from(before.holds());
        self.loading = self.loading + usize::from(at.loads()) - usize::from(before.loads());
        self.aside = self.aside + usize::from(at == At::Aside) - usize::from(before == At::Aside);
    }

    /// Puts aside whoever has been connecting for too long; says when to look again.
    pub(super) fn sort(&mut self, usual: Option<Duration>, now: Duration) -> Option<Duration> {
        let patience = usual.map_or(UNKNOWN, |usual| usual.saturating_mul(MULTIPLE).max(LEAST));
        while let Some((host, since)) = self.going.front().copied() {
            let still = self.at[host.0] == At::Way(Way::Goes, since);
            if still && self.aside >= self.room_aside {
                return None;
            }
            if still && now < since + patience {
                return Some(since + patience);
            }
            self.going.pop_front();
            if still {
                self.put(host, At::Aside);
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

    /// Who holds a place, who loads, who is at work.
    fn counts(lanes: &Lanes) -> (usize, usize, usize) {
        (lanes.holding(), lanes.loading(), lanes.at_work())
    }

    #[test]
    fn who_takes_too_long_is_put_aside_in_turn_and_counts_again_when_it_is_there() {
        let mut lanes = three(8);
        assert_eq!(lanes.sort(Some(ms(500)), ms(1999)), Some(ms(2000)));
        assert_eq!(counts(&lanes), (3, 3, 3));
        assert_eq!(lanes.sort(Some(ms(500)), ms(2000)), Some(ms(2100)));
        assert_eq!(counts(&lanes), (2, 2, 3));
        lanes.reached(HostIx(1));
        assert_eq!(counts(&lanes), (2, 1, 3));
        assert_eq!(lanes.sort(Some(ms(500)), ms(9000)), None);
        assert_eq!(counts(&lanes), (1, 0, 3));
        lanes.reached(HostIx(0));
        assert_eq!(counts(&lanes), (2, 0, 3));
        (0..3).for_each(|host| lanes.ended(HostIx(host)));
        lanes.ended(HostIx(0));
        lanes.reached(HostIx(0));
        assert_eq!(counts(&lanes), (0, 0, 0));
    }

    #[test]
    fn a_host_that_waits_uses_no_time_of_its_own_and_loads_only_where_it_was_turned_away() {
        let mut lanes = three(8);
        lanes.goes(HostIx(0), Way::Waits, ms(500));
        assert_eq!(counts(&lanes), (3, 2, 3));
        assert_eq!(lanes.sort(Some(ms(1)), ms(1050)), Some(ms(1100)));
        lanes.goes(HostIx(0), Way::Back, ms(1060));
        assert_eq!(counts(&lanes), (3, 3, 3));
        lanes.goes(HostIx(0), Way::Goes, ms(5000));
        lanes.goes(HostIx(0), Way::Goes, ms(5500));
        assert_eq!(lanes.sort(Some(ms(1)), ms(5501)), Some(ms(6000)));
        assert_eq!(counts(&lanes), (1, 1, 3));
        assert_eq!(lanes.sort(Some(ms(1)), ms(6000)), None);
        assert_eq!(counts(&lanes), (0, 0, 3));
    }

    #[test]
    fn nobody_is_put_aside_beyond_the_room_or_before_anything_is_known() {
        let mut lanes = three(1);
        assert_eq!(lanes.sort(None, ms(2999)), Some(ms(3000)));
        assert_eq!(lanes.sort(None, ms(9999)), None);
        assert_eq!(counts(&lanes), (2, 2, 3));
        lanes.ended(HostIx(0));
        assert_eq!(lanes.sort(None, ms(9999)), None);
        assert_eq!(counts(&lanes), (1, 1, 2));
        let mut fixed = three(0);
        assert_eq!(fixed.sort(Some(ms(1)), ms(9999)), None);
        assert_eq!(counts(&fixed), (3, 3, 3));
    }
}
