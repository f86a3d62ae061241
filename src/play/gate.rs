//! Where hosts wait for each other: barriers, and the word that stops all. Pure.
//!
//! Theory: a host has *come to* a barrier when it has done with all of its steps before it, whether or not the step behind
//! the barrier is for it. A barrier opens when every host has come there or has left the run, so that who fails, is
//! unreachable or is done never holds others. Hosts whose turn has not begun hold a barrier shut as long as they may still
//! begin: whoever starts a run sees to it that all of them get their turn at once.

/// Which host of the run.
pub type Member = usize;

/// What is known of all hosts.
#[derive(Debug)]
pub struct Gate {
    /// The steps before which all wait, ascending.
    barriers: Vec<usize>,
    /// By barrier: how many have come there or have left.
    come: Vec<usize>,
    hosts: Vec<Presence>,
    /// Hosts that have neither begun nor left.
    idle: usize,
    /// Who stopped all, and at which step.
    stopped: Option<(Member, usize)>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Presence {
    begun: bool,
    left: bool,
    /// The barriers it has come to.
    passed: usize,
}

/// May a host that has begun nothing yet still begin?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Starts {
    /// It may.
    GoOn,
    /// Nobody begins any more.
    AreOver,
}

impl Gate {
    /// So many hosts, before these steps.
    pub fn new(barriers: Vec<usize>, hosts: usize) -> Gate {
        Gate {
            come: vec![0; barriers.len()],
            barriers,
            hosts: vec![Presence::default(); hosts],
            idle: hosts,
            stopped: None,
        }
    }

    /// A host's turn has begun.
    pub fn begins(&mut self, host: Member) {
        let presence = &mut self.hosts[host];
        if !presence.begun && !presence.left {
            presence.begun = true;
            self.idle -= 1;
        }
    }

    /// A host is done with its steps before this one. Says whether a barrier may have opened.
    pub fn comes_to(&mut self, host: Member, step: usize) -> bool {
        let mut opened = false;
        while let Some(barrier) = self.barriers.get(self.hosts[host].passed)
            && *barrier <= step
        {
            opened |= self.count(host);
        }
        opened
    }

    /// A host is over. Says whether a barrier may have opened.
    pub fn leaves(&mut self, host: Member) -> bool {
        let presence = &mut self.hosts[host];
        if std::mem::replace(&mut presence.left, true) {
            return false;
        }
        if !presence.begun {
            self.idle -= 1;
        }
        let mut opened = false;
        while self.hosts[host].passed < self.barriers.len() {
            opened |= self.count(host);
        }
        opened
    }

    fn count(&mut self, host: Member) -> bool {
        let barrier = self.hosts[host].passed;
        self.hosts[host].passed += 1;
        self.come[barrier] += 1;
        self.come[barrier] + self.idle >= self.hosts.len()
    }

    /// Whether a host may begin this step, as far as the others are concerned.
    pub fn is_open(&self, step: usize, starts: Starts) -> bool {
        let Ok(barrier) = self.barriers.binary_search(&step) else { return true };
        let missed = if starts == Starts::AreOver { self.idle } else { 0 };
        self.come[barrier] + missed >= self.hosts.len()
    }

    /// Stops all: nobody begins a step any more. The first word stands.
    pub fn stop(&mut self, host: Member, step: usize) {
        self.stopped.get_or_insert((host, step));
    }

    /// Who stopped all, and at which step.
    pub fn stopped(&self) -> Option<(Member, usize)> {
        self.stopped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_barrier_opens_when_all_have_come_or_left() {
        let mut gate = Gate::new(vec![2, 5], 3);
        (0..3).for_each(|host| gate.begins(host));
        assert!(gate.is_open(1, Starts::GoOn) && !gate.is_open(2, Starts::GoOn));
        assert!(!gate.comes_to(0, 1) && !gate.comes_to(0, 2) && !gate.comes_to(0, 2));
        assert!(!gate.comes_to(1, 7), "who has no step at the barrier comes past it");
        assert!(!gate.is_open(2, Starts::GoOn));
        assert!(gate.leaves(2) && gate.is_open(2, Starts::GoOn));
        assert!(!gate.is_open(5, Starts::GoOn));
        assert!(gate.comes_to(0, 5) && gate.is_open(5, Starts::GoOn));
        assert!(!gate.leaves(2), "nobody leaves twice");
    }

    #[test]
    fn who_has_not_begun_is_waited_for_while_it_may_begin() {
        let mut gate = Gate::new(vec![1], 3);
        gate.begins(0);
        gate.comes_to(0, 1);
        assert!(!gate.is_open(1, Starts::GoOn) && gate.is_open(1, Starts::AreOver));
        gate.begins(1);
        assert!(!gate.is_open(1, Starts::AreOver), "it has begun and will come");
        gate.leaves(1);
        assert!(gate.is_open(1, Starts::AreOver));
        gate.leaves(2);
        assert!(gate.is_open(1, Starts::GoOn), "all others are over");
    }

    #[test]
    fn no_order_of_coming_and_leaving_leaves_a_barrier_shut() {
        for order in 0..64u32 {
            let mut gate = Gate::new(vec![0, 3, 4], 6);
            for host in 0..6 {
                if order >> host & 1 == 0 {
                    gate.begins(host);
                    gate.comes_to(host, host);
                }
                gate.leaves(host);
            }
            assert!([0, 3, 4].iter().all(|step| gate.is_open(*step, Starts::GoOn)), "{order}");
        }
    }

    #[test]
    fn the_first_who_stops_all_is_named() {
        let mut gate = Gate::new(Vec::new(), 2);
        gate.stop(1, 4);
        gate.stop(0, 2);
        assert_eq!(gate.stopped(), Some((1, 4)));
    }
}
