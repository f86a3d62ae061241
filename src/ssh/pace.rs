//! Who may log in now: the limits for each network and each server, and what a server's refusals teach.
//!
//! Theory: a connection passes gates before it is dialled, one for each server (address and port) that it may reach and
//! one for each network of those. A gate lets so many logins through at once, and the rest in the order of their first
//! arrival, so that a host which was turned away comes before those that never tried. The limit of a network is fixed.
//! That of a server follows TCP's congestion control, with "refused before login" in the place of a lost packet: it
//! begins with [`START`], which a default `MaxStartups` takes without a refusal; each login adds one until the first
//! refusal; a refusal halves it and closes the gate for a pause; afterwards each full round of logins adds one.
//!
//! Refusals come in bursts, of which only the first says something new: a connection that was let through before the last
//! lesson teaches none. A gate that [`ROUNDS`] lessons in a row leave without a single login gives up, and with it everybody
//! who waits there, since a thousand hosts that each try for themselves would be what the server defends itself against.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// Logins at once in one /24 network (IPv6: /64).
pub(super) const NETWORK: usize = 64;

/// Logins at once at one server of which nothing is known. `MaxStartups` is 10:30:100 by default.
pub(super) const START: usize = 8;

/// Logins at once at one server that never refused.
const MOST: usize = NETWORK;

/// Lessons in a row, without a login between them, after which a server is left alone.
pub(super) const ROUNDS: u32 = 5;

/// How long a gate stays closed after each lesson in a row, in seconds; whoever waits stretches or shortens it by half.
const PAUSES: [f64; ROUNDS as usize - 1] = [0.3, 0.8, 2.0, 4.0];

/// What is limited. Their order is the order in which a connection passes them, so that no two wait for each other, and
/// nobody who waits for a slow server takes up the turn of a network.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Gate {
    /// A server that is not dialled by its address: behind a jump host, behind a command, in memory.
    Name(String),
    /// A server.
    Server(SocketAddr),
    /// A network: its first address.
    Network(IpAddr),
}

impl Gate {
    /// The /24 or /64 of an address.
    pub(super) fn network(address: IpAddr) -> Gate {
        Gate::Network(match address.to_canonical() {
            IpAddr::V4(v4) => Ipv4Addr::from_bits(v4.to_bits() & !0xff).into(),
            IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
        })
    }

    /// All gates before these addresses, in order.
    pub(super) fn before(addresses: &[SocketAddr]) -> Vec<Gate> {
        let servers = addresses.iter().copied().map(Gate::Server);
        let mut gates: Vec<Gate> =
            servers.chain(addresses.iter().map(|address| Gate::network(address.ip()))).collect();
        gates.sort_unstable();
        gates.dedup();
        gates
    }

    fn limit(&self) -> usize {
        match self {
            Gate::Network(_) => NETWORK,
            Gate::Name(_) | Gate::Server(_) => START,
        }
    }
}

/// The place of a host among those who wait, from its first arrival on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Arrival(u64);

/// Lessons that a gate had when it let somebody through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Era(u32);

/// What becomes of somebody who comes to a gate.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// It goes through.
    Through(Era),
    /// It waits.
    Queued,
}

/// What a refusal means for the gate.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Lesson<W> {
    /// Nothing new.
    Known,
    /// It is closed; whoever was refused opens it again after this pause.
    Closed(Duration),
    /// The server is left alone; these waited.
    Over(Vec<W>),
}

/// All gates. `W` is by what those who wait are told.
#[derive(Debug)]
pub(super) struct Pace<W> {
    lanes: HashMap<Gate, Lane<W>>,
    arrivals: u64,
}

/// One gate. Those that never refused are forgotten when nobody is there, so there are as many as connections under
/// way and servers that refused.
#[derive(Debug)]
struct Lane<W> {
    limit: usize,
    inside: usize,
    /// At most one for each host of a run, which waits in its own task anyway.
    queue: BTreeMap<Arrival, W>,
    closed: bool,
    era: Era,
    /// Lessons since the last login.
    rounds: u32,
    /// Logins since the limit changed.
    logins: usize,
}

impl<W> Lane<W> {
    fn new(limit: usize) -> Lane<W> {
        Lane { limit, inside: 0, queue: BTreeMap::new(), closed: false, era: Era(0), rounds: 0, logins: 0 }
    }

    fn has_room(&self) -> bool {
        !self.closed && self.inside < self.limit
    }

    fn is_forgotten(&self) -> bool {
        self.inside == 0 && self.queue.is_empty() && self.era == Era(0)
    }

    fn admit(&mut self) -> Vec<(W, Era)> {
        let mut admitted = Vec::new();
        while self.has_room()
            && let Some((_, waiter)) = self.queue.pop_first()
        {
            self.inside += 1;
            admitted.push((waiter, self.era));
        }
        admitted
    }
}

impl<W> Default for Pace<W> {
    fn default() -> Pace<W> {
        Pace { lanes: HashMap::new(), arrivals: 0 }
    }
}

impl<W> Pace<W> {
    /// A host arrives.
    pub(super) fn arrive(&mut self) -> Arrival {
        self.arrivals += 1;
        Arrival(self.arrivals)
    }

    /// Somebody comes to a gate; where it has to wait it leaves `waiter` behind.
    pub(super) fn enter(&mut self, gate: &Gate, arrival: Arrival, waiter: W) -> Entry {
        let lane = self.lane(gate);
        let is_next = lane.queue.first_key_value().is_none_or(|(first, _)| arrival < *first);
        if is_next && lane.has_room() {
            lane.inside += 1;
            return Entry::Through(lane.era);
        }
        lane.queue.insert(arrival, waiter);
        Entry::Queued
    }

    /// Somebody no longer wants to wait; false where its turn had come already.
    pub(super) fn abandon(&mut self, gate: &Gate, arrival: Arrival) -> bool {
        let found = self.lanes.get_mut(gate).is_some_and(|lane| lane.queue.remove(&arrival).is_some());
        self.tidy(gate);
        found
    }

    /// Somebody who went through is done; these may go now.
    pub(super) fn leave(&mut self, gate: &Gate) -> Vec<(W, Era)> {
        let lane = self.lane(gate);
        lane.inside = lane.inside.saturating_sub(1);
        let admitted = lane.admit();
        self.tidy(gate);
        admitted
    }

    /// The server behind the gate let somebody log in (or refused it by name, which is as good here).
    pub(super) fn welcomed(&mut self, gate: &Gate) {
        if matches!(gate, Gate::Network(_)) {
            return;
        }
        let lane = self.lane(gate);
        lane.rounds = 0;
        lane.logins += 1;
        let enough = if lane.era == Era(0) { 1 } else { lane.limit };
        if lane.logins >= enough && lane.limit < MOST {
            lane.limit += 1;
            lane.logins = 0;
        }
    }

    /// The server behind the gate turned somebody away who went through in `era`; it has still to [`Pace::leave`].
    pub(super) fn refused(&mut self, gate: &Gate, era: Era) -> Lesson<W> {
        let lane = self.lane(gate);
        if matches!(gate, Gate::Network(_)) || era != lane.era {
            return Lesson::Known;
        }
        lane.era = Era(lane.era.0 + 1);
        lane.limit = (lane.limit.min(lane.inside) / 2).max(1);
        lane.logins = 0;
        let pause = PAUSES.get(lane.rounds as usize);
        lane.rounds += 1;
        match pause {
            Some(pause) => {
                lane.closed = true;
                Lesson::Closed(Duration::from_secs_f64(*pause))
            }
            None => {
                lane.rounds = 0;
                Lesson::Over(std::mem::take(&mut lane.queue).into_values().collect())
            }
        }
    }

    /// The pause is over. Call [`Pace::admit`] when whoever opened it has come back.
    pub(super) fn open(&mut self, gate: &Gate) {
        self.lane(gate).closed = false;
    }

    /// Who may go through now.
    pub(super) fn admit(&mut self, gate: &Gate) -> Vec<(W, Era)> {
        self.lane(gate).admit()
    }

    /// Whether nobody is there, and nobody has the duty to open it.
    #[cfg(test)]
    pub(super) fn is_idle(&self, gate: &Gate) -> bool {
        let idle = |lane: &Lane<W>| lane.inside == 0 && lane.queue.is_empty() && !lane.closed;
        self.lanes.get(gate).is_none_or(idle)
    }

    fn lane(&mut self, gate: &Gate) -> &mut Lane<W> {
        if !self.lanes.contains_key(gate) {
            self.lanes.insert(gate.clone(), Lane::new(gate.limit()));
        }
        self.lanes.get_mut(gate).expect("made above")
    }

    fn tidy(&mut self, gate: &Gate) {
        if self.lanes.get(gate).is_some_and(Lane::is_forgotten) {
            self.lanes.remove(gate);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(text: &str) -> Gate {
        Gate::Server(text.parse().unwrap())
    }

    /// Lets `count` come to a gate, each named by its number.
    fn come(pace: &mut Pace<u64>, gate: &Gate, count: usize) -> Vec<Entry> {
        (0..count)
            .map(|_| {
                let arrival = pace.arrive();
                pace.enter(gate, arrival, arrival.0)
            })
            .collect()
    }

    fn through(entries: &[Entry]) -> usize {
        entries.iter().filter(|entry| matches!(entry, Entry::Through(_))).count()
    }

    #[test]
    fn addresses_have_servers_and_networks_in_one_order() {
        for (address, network) in [
            ("10.1.2.3", "10.1.2.0"),
            ("::ffff:10.1.2.3", "10.1.2.0"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("fe80::1", "fe80::"),
        ] {
            assert_eq!(Gate::network(address.parse().unwrap()), Gate::Network(network.parse().unwrap()));
        }
        let addresses = |list: &[&str]| list.iter().map(|a| a.parse().unwrap()).collect::<Vec<SocketAddr>>();
        let gates = Gate::before(&addresses(&["[2001:db8::1]:22", "10.0.0.9:22", "10.0.0.1:22"]));
        assert_eq!(gates, Gate::before(&addresses(&["10.0.0.1:22", "[2001:db8::1]:22", "10.0.0.9:22"])));
        assert_eq!(gates.len(), 5);
        assert!(gates[..3].iter().all(|gate| matches!(gate, Gate::Server(_))), "{gates:?}");
        assert!(Gate::before(&[]).is_empty());
    }

    #[test]
    fn a_network_takes_64_and_the_rest_in_their_order() {
        let (mut pace, gate) = (Pace::default(), Gate::network("10.0.0.1".parse().unwrap()));
        assert_eq!(through(&come(&mut pace, &gate, 70)), NETWORK);
        assert_eq!(pace.leave(&gate), [(65, Era(0))]);
        assert!(pace.abandon(&gate, Arrival(66)) && !pace.abandon(&gate, Arrival(65)));
        assert_eq!(pace.leave(&gate), [(67, Era(0))]);
        // Other networks know nothing of it, and refusals are a server's own.
        assert_eq!(through(&come(&mut pace, &Gate::network("10.0.1.1".parse().unwrap()), 1)), 1);
        assert_eq!(pace.refused(&gate, Era(0)), Lesson::Known);
        assert_eq!(pace.leave(&gate), [(68, Era(0))]);
    }

    #[test]
    fn what_never_refused_is_forgotten_when_nobody_is_there() {
        let mut pace = Pace::default();
        for n in 0..1000_u16 {
            let gate = server(&format!("127.0.0.1:{}", 1000 + n));
            come(&mut pace, &gate, 1);
            pace.welcomed(&gate);
            pace.leave(&gate);
        }
        assert!(pace.lanes.is_empty());
    }

    #[test]
    fn a_server_that_never_refuses_is_trusted_with_more_and_more() {
        let (mut pace, gate) = (Pace::default(), server("127.0.0.1:22"));
        assert_eq!(through(&come(&mut pace, &gate, 200)), START);
        for inside in START..MOST {
            pace.welcomed(&gate);
            assert_eq!(pace.leave(&gate).len(), 2, "one for the turn, one for the trust, at {inside}");
        }
        pace.welcomed(&gate);
        assert_eq!(pace.leave(&gate).len(), 1);
    }

    #[test]
    fn a_burst_of_refusals_is_one_lesson() {
        let (mut pace, gate) = (Pace::default(), server("127.0.0.1:22"));
        come(&mut pace, &gate, 20);
        assert_eq!(pace.refused(&gate, Era(0)), Lesson::Closed(Duration::from_millis(300)));
        assert_eq!(pace.leave(&gate), []);
        assert_eq!(pace.refused(&gate, Era(0)), Lesson::Known);
        assert_eq!(pace.leave(&gate), []);
        // Six are inside; four are allowed now, and none before the gate is open.
        for _ in 0..4 {
            pace.welcomed(&gate);
            assert_eq!(pace.leave(&gate), []);
        }
        pace.open(&gate);
        // A round of four logins has been seen meanwhile, so it is five.
        let admitted: Vec<u64> = pace.admit(&gate).into_iter().map(|(who, _)| who).collect();
        assert_eq!(admitted, [9, 10, 11]);
    }

    #[test]
    fn whoever_was_refused_comes_before_those_who_never_tried() {
        let (mut pace, gate) = (Pace::default(), server("127.0.0.1:22"));
        come(&mut pace, &gate, START + 2);
        pace.refused(&gate, Era(0));
        pace.leave(&gate);
        assert_eq!(pace.enter(&gate, Arrival(3), 3), Entry::Queued);
        pace.open(&gate);
        for _ in 0..START - 1 {
            pace.leave(&gate);
        }
        let lane = &pace.lanes[&gate];
        assert_eq!((lane.inside, lane.limit, lane.queue.len()), (3, 4, 0));
        // And where there is room it goes at once.
        assert_eq!(pace.enter(&gate, Arrival(2), 2), Entry::Through(Era(1)));
    }

    #[test]
    fn a_server_that_lets_nobody_in_is_left_alone_after_five_rounds() {
        let (mut pace, gate) = (Pace::default(), server("127.0.0.1:22"));
        come(&mut pace, &gate, 3);
        come(&mut pace, &gate, 20);
        let mut pauses = Vec::new();
        let over = loop {
            let era = pace.lanes[&gate].era;
            match pace.refused(&gate, era) {
                Lesson::Known => panic!("this era has taught nothing yet"),
                Lesson::Closed(pause) => {
                    pauses.push(pause.as_secs_f64());
                    pace.open(&gate);
                }
                Lesson::Over(waiters) => break waiters,
            }
        };
        assert_eq!(pauses, PAUSES);
        assert_eq!(over, (START as u64 + 1..=23).collect::<Vec<_>>());
        // Whoever comes later, by the user's wish, is a fresh beginning, one at a time.
        while pace.lanes[&gate].inside > 0 {
            pace.leave(&gate);
        }
        assert_eq!(through(&come(&mut pace, &gate, 2)), 1);
        assert!(matches!(pace.refused(&gate, Era(ROUNDS)), Lesson::Closed(_)));
    }

    /// A default sshd: from the tenth login under way it refuses 30 of 100, more with each one beyond (`MaxStartups`
    /// 10:30:100). Time goes in steps in which one login ends; the n-th connection's luck is a table, not chance.
    #[test]
    fn a_default_sshd_is_found_out_with_few_refusals() {
        let (mut pace, gate) = (Pace::default(), server("127.0.0.1:22"));
        let (mut waiting, mut inside, mut tries) = (Vec::new(), Vec::new(), HashMap::new());
        for _ in 0..200 {
            let arrival = pace.arrive();
            if let Entry::Through(era) = pace.enter(&gate, arrival, arrival.0) {
                waiting.push((arrival.0, era));
            }
        }
        let (mut luck, mut most, mut done) = (0_u64, 0, 0);
        while done < 200 {
            while let Some((who, era)) = waiting.pop() {
                *tries.entry(who).or_insert(0) += 1;
                luck = (luck + 37) % 100;
                let refused = inside.len() >= 10 && luck < 30 + 70 * (inside.len() as u64 - 10) / 90;
                if !refused {
                    inside.push(who);
                    continue;
                }
                let lesson = pace.refused(&gate, era);
                waiting.extend(pace.leave(&gate));
                if let Lesson::Closed(_) = lesson {
                    pace.open(&gate);
                }
                if let Entry::Through(era) = pace.enter(&gate, Arrival(who), who) {
                    waiting.push((who, era));
                }
                waiting.extend(pace.admit(&gate));
            }
            most = most.max(inside.len());
            assert!(!inside.is_empty(), "somebody is always let in");
            inside.remove(0);
            done += 1;
            pace.welcomed(&gate);
            waiting.extend(pace.leave(&gate));
        }
        let refusals = tries.values().sum::<u32>() - 200;
        assert!(tries.values().all(|&tries| tries <= 5), "{tries:?}");
        assert!((8..=20).contains(&most) && refusals <= 30, "{most} at once, {refusals} refusals");
    }
}
