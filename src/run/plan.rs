//! What a run is going to do, decided before anything connects.

use std::num::NonZeroUsize;
use std::time::Duration;

use super::schedule::Pacing;
use crate::hosts::{Facts, Host};

/// One command for many hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The command, exactly as `ssh HOST CMD` would send it.
    pub command: String,
    /// The hosts, in the order of their set; each once.
    pub hosts: Vec<Host>,
    /// For each host, in the same order: what is known of it.
    pub facts: Vec<Facts>,
    /// How much at once, and for how long.
    pub limits: Limits,
    /// In which order, in which waves, how often, and when it stops.
    pub pacing: Pacing,
}

impl Plan {
    /// A command for hosts of which nothing is known but their names.
    pub fn new(command: &str, hosts: Vec<Host>, limits: Limits) -> Plan {
        let facts = vec![Facts::default(); hosts.len()];
        let pacing = Pacing::default();
        Plan { command: command.to_owned(), hosts, facts, limits, pacing }
    }
}

/// How much at once, and for how long. The connect timeout belongs to each host's target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many hosts are worked on at once.
    pub fanout: NonZeroUsize,
    /// How long a command may run after it was sent; `None` is for ever.
    pub command_timeout: Option<Duration>,
}

impl Limits {
    /// 256 at once (a library client costs 1.4 ms of CPU and 60 kB a host, so more only hurries the servers), for ever.
    pub const DEFAULT: Limits = Limits {
        fanout: match NonZeroUsize::new(256) {
            Some(n) => n,
            None => NonZeroUsize::MIN,
        },
        command_timeout: None,
    };
}

/// The words of a command line as ssh joins them: by one space, nothing quoted, nothing expanded.
pub fn command(words: &[String]) -> String {
    words.join(" ")
}

/// The fan-out that so many file descriptors allow, where it is below the wanted one.
///
/// `spare` descriptors are kept for what the hosts share: standard streams, files, the runtime, the agent's pool. `each`
/// is what each host takes; nobody knows which of them are at work together, so those that take most are.
pub fn lowered(
    wanted: NonZeroUsize,
    descriptors: u64,
    spare: u64,
    mut each: Vec<u64>,
) -> Option<NonZeroUsize> {
    each.sort_unstable_by_key(|needed| std::cmp::Reverse(*needed));
    let mut room = descriptors.saturating_sub(spare);
    let mut fits = |needed: &u64| {
        let left = room.checked_sub(*needed);
        room = left.unwrap_or_default();
        left.is_some()
    };
    let fitting = each.iter().take(wanted.get()).take_while(|needed| fits(needed)).count();
    let fitting = NonZeroUsize::new(fitting).unwrap_or(NonZeroUsize::MIN);
    (fitting.get() < each.len() && fitting < wanted).then_some(fitting)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_joined_by_one_space_and_never_quoted() {
        let words = ["echo".to_owned(), "a  b".to_owned(), String::new(), "$HOME".to_owned()];
        assert_eq!(command(&words), "echo a  b  $HOME");
    }

    #[test]
    fn the_fan_out_fits_the_descriptors_and_is_never_zero() {
        let n = |n| NonZeroUsize::new(n).expect("not zero");
        for (wanted, descriptors, expected) in [
            (256, 1_048_576, None),
            (256, 1_024, None),
            (256, 256, Some(96)),
            (256, 576, None),
            (10_000, 4_096, Some(2_016)),
            (256, 10, Some(1)),
            (1, 10, None),
        ] {
            let each = vec![2; wanted];
            assert_eq!(lowered(n(wanted), descriptors, 64, each), expected.map(n), "{wanted} {descriptors}");
        }
        // Hosts behind a jump host have no descriptor of their own; those behind a command have several.
        assert_eq!(lowered(n(10_000), 1_024, 64, vec![0; 10_000]), None);
        assert_eq!(lowered(n(256), 1_024, 64, vec![5; 256]), Some(n(192)));
        assert_eq!(lowered(n(256), 1_024, 64, [vec![0; 250], vec![5; 10]].concat()), None);
        assert_eq!(lowered(n(256), 100, 64, [vec![0; 250], vec![5; 10]].concat()), Some(n(7)));
        assert_eq!(Limits::DEFAULT.fanout.get(), 256);
    }
}
