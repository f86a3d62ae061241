//! What is wrong with which host. Pure: a fleet is told everything before it starts, so that a test can say what must
//! come out of it.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

/// What answers behind the login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShellKind {
    /// A real shell in a real PTY, and `/bin/sh -c` for commands; processes of this machine and this account.
    Real,
    /// [`Scripted`](super::Scripted): no process at all, cheap enough for thousands of hosts.
    Scripted,
}

/// Where a host falls silent. It keeps the connection open for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StallAt {
    /// It accepts the connection and says nothing.
    Banner,
    /// It sends its identification line and no more.
    KeyExchange,
    /// It answers no authentication request.
    Login,
    /// It answers no request for a channel, but is otherwise alive.
    Channel,
    /// It answers no request for a terminal, a shell or a command, but is otherwise alive.
    Request,
}

/// How a connection is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    /// Nobody listens on the port.
    Port,
    /// The connection is accepted and reset at once.
    Reset,
}

/// What is wrong with a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// It cannot be connected to.
    Refuse(Refusal),
    /// It falls silent.
    Stall(StallAt),
    /// It shows another host key than the one that known_hosts holds.
    ChangedKey,
    /// It shows a host key that known_hosts does not hold.
    UnknownKey,
    /// It accepts no login.
    RefuseLogin,
    /// Its link breaks after this many bytes of output; where there are fewer, in place of the exit status. The command
    /// has run.
    DieAfter(u64),
    /// Every command and shell of it writes for ever, this many bytes a second.
    Flood(u32),
    /// Commands end without an exit status.
    NoExitStatus,
    /// Commands end with this status, whatever they did.
    ExitStatus(u8),
    /// Every piece of output comes this much later.
    Slow(Duration),
    /// Nothing reads the input, so that the client's window stays shut after its first 64 kB.
    NeverReads,
    /// Something is wrong with its files, or with how it tells of them; commands and shells are well.
    Files(FilesFault),
}

/// What is wrong with the files of a host, or with what it says of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FilesFault {
    /// It has no SFTP.
    NoSubsystem,
    /// It prints lines of text before SFTP begins, as a start-up file of a shell does.
    Noise,
    /// The disk has room for this many bytes more.
    NoSpaceAfter(u64),
    /// The disk is mounted for reading only.
    ReadOnly,
    /// Nothing belongs to the account, which may read it.
    NoRight,
    /// It reads and writes files at this many bytes a second.
    Slow(u32),
    /// Its link breaks after this many bytes of files, in either direction.
    DiesAfter(u64),
    /// Every folder holds [`HOSTILE_NAMES`](super::HOSTILE_NAMES).
    HostileNames,
    /// No listing of a folder ends.
    EndlessListing,
    /// Every listing of a folder is pages without a name, for ever.
    EmptyPages,
    /// Every folder holds a folder.
    EndlessDepth,
    /// Every folder names `both` twice: as a folder, and as a link that leads out of it.
    NamedTwice,
    /// It answers requests that nobody made.
    UnknownIds,
    /// Files are said to have 10 bytes, and never end.
    SaysLess,
    /// Files are said to have 10 GB, and end where they end.
    SaysMore,
    /// Its first answer after the version says that 4 GiB follow.
    HugePacket,
}

impl Fault {
    /// A flood that shows on every screen and still leaves a test machine able to work: 256 kB a second.
    pub const FLOOD: Fault = Fault::Flood(256 * 1024);
}

/// Which host has which fault; hosts are counted from 1, as in their names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    by_number: BTreeMap<usize, Fault>,
}

impl Faults {
    /// No host has any.
    pub fn none() -> Faults {
        Faults::default()
    }

    /// The same, and host `number` has `fault`.
    pub fn with(mut self, number: usize, fault: Fault) -> Faults {
        self.by_number.insert(number, fault);
        self
    }

    /// The fault of host `number`.
    pub fn of(&self, number: usize) -> Option<Fault> {
        self.by_number.get(&number).copied()
    }

    /// The numbers of the hosts with exactly this fault, ascending.
    pub fn having(&self, fault: Fault) -> Vec<usize> {
        self.by_number.iter().filter(|(_, has)| **has == fault).map(|(number, _)| *number).collect()
    }

    /// All of them, by number.
    pub fn iter(&self) -> impl Iterator<Item = (usize, Fault)> + '_ {
        self.by_number.iter().map(|(number, fault)| (*number, *fault))
    }

    /// What a newcomer meets in the demo: one host is slow, one refuses, one has a changed host key. A fleet of fewer
    /// than five hosts has no faults, since little else would be left.
    pub fn story(hosts: usize) -> Faults {
        if hosts < 5 {
            return Faults::none();
        }
        Faults::none()
            .with(3, Fault::Slow(Duration::from_millis(400)))
            .with(hosts - 1, Fault::Refuse(Refusal::Port))
            .with(hosts, Fault::ChangedKey)
    }

    /// Faults given out by shares to hosts drawn with `seed`. A share of `p` per mille of `hosts` is rounded down, no
    /// host gets two, and the same arguments give the same answer. Shares beyond the whole are cut.
    pub fn by_shares(hosts: usize, shares: &[(Fault, usize)], seed: u64) -> Faults {
        let mut numbers: Vec<usize> = (1..=hosts).collect();
        numbers.shuffle(&mut StdRng::seed_from_u64(seed));
        let mut drawn = numbers.into_iter();
        let mut by_number = BTreeMap::new();
        for (fault, per_mille) in shares {
            let count = hosts * per_mille / 1000;
            by_number.extend(drawn.by_ref().take(count).map(|number| (number, *fault)));
        }
        Faults { by_number }
    }
}

/// The shares of the ledger, per mille: of 1,000 hosts 780 are good.
pub const LEDGER: &[(Fault, usize)] = &[
    (Fault::Refuse(Refusal::Port), 100),
    (Fault::Stall(StallAt::Banner), 10),
    (Fault::Stall(StallAt::KeyExchange), 10),
    (Fault::Stall(StallAt::Login), 10),
    (Fault::Stall(StallAt::Channel), 10),
    (Fault::Stall(StallAt::Request), 10),
    (Fault::ChangedKey, 20),
    (Fault::RefuseLogin, 20),
    (Fault::FLOOD, 10),
    (Fault::DieAfter(0), 10),
    (Fault::NoExitStatus, 10),
];

/// The name of host `number` in a fleet of `hosts`: `demo01` to `demo12`, `demo001` to `demo500`.
pub fn host_name(number: usize, hosts: usize) -> String {
    let width = hosts.to_string().len().max(2);
    format!("demo{number:0width$}")
}

/// The host expression that names the whole fleet.
pub fn fleet_expression(hosts: usize) -> String {
    let width = hosts.to_string().len().max(2);
    format!("demo[{:0width$}-{hosts:0width$}]", 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ledger_gives_exact_counts_and_each_host_one_fault() {
        let faults = Faults::by_shares(1000, LEDGER, 7);
        for (fault, per_mille) in LEDGER {
            assert_eq!(faults.having(*fault).len(), *per_mille, "{fault:?}");
        }
        assert_eq!(faults.iter().count(), 220);
        assert!(faults.iter().all(|(number, _)| (1..=1000).contains(&number)));
    }

    #[test]
    fn the_seed_alone_decides_who_gets_what() {
        assert_eq!(Faults::by_shares(500, LEDGER, 1), Faults::by_shares(500, LEDGER, 1));
        assert_ne!(Faults::by_shares(500, LEDGER, 1), Faults::by_shares(500, LEDGER, 2));
    }

    #[test]
    fn shares_beyond_the_whole_are_cut() {
        let faults = Faults::by_shares(10, &[(Fault::ChangedKey, 800), (Fault::NeverReads, 800)], 1);
        assert_eq!((faults.having(Fault::ChangedKey).len(), faults.having(Fault::NeverReads).len()), (8, 2));
    }

    #[test]
    fn names_keep_one_width() {
        assert_eq!((host_name(1, 12), host_name(7, 1000)), ("demo01".to_owned(), "demo0007".to_owned()));
        assert_eq!(
            (fleet_expression(5), fleet_expression(500)),
            ("demo[01-05]".into(), "demo[001-500]".into())
        );
    }

    #[test]
    fn the_story_shows_three_states_and_spares_small_fleets() {
        let kinds: Vec<Fault> = Faults::story(12).iter().map(|(_, fault)| fault).collect();
        assert_eq!(kinds.len(), 3);
        assert_eq!(Faults::story(12).of(12), Some(Fault::ChangedKey));
        assert_eq!(Faults::story(4), Faults::none());
    }
}
