//! What headless work needs before it begins, whatever it is: the hosts, how each is reached, and at what pace.

use super::args::{PacingArgs, SshArgs, TargetArgs};
use super::pacing::{self, Fleet};
use super::reach::{self, Reach};
use super::select::{self, Wanted};
use super::{headless, preferences};
use crate::config::Config;
use crate::hosts::{Facts, Host, Inventory, Member};
use crate::run::order::Order;
use crate::run::{Limits, Pacing};
use crate::ssh::{ConnectError, HostKeyPolicy, Resolved, Target, UserEnvironment};

/// The hosts of a piece of work.
pub(super) struct Chosen {
    /// Preferences.
    pub(super) config: Config,
    /// The hosts, in their order.
    pub(super) members: Vec<Member>,
    environment: UserEnvironment,
    wanted: Wanted,
    inventory: Inventory,
}

/// The same, each host settled.
pub(super) struct Settled {
    /// Preferences.
    pub(super) config: Config,
    /// The hosts as they were named.
    pub(super) hosts: Vec<Host>,
    /// What is known of each.
    pub(super) facts: Vec<Facts>,
    /// How each is reached, or why it is not contacted.
    pub(super) targets: Vec<Result<Target, ConnectError>>,
    /// The file descriptors that each takes.
    pub(super) descriptors: Vec<u64>,
    /// The place of the first target that names each, where the order is that of the targets.
    rank: Vec<usize>,
}

/// Reads preferences and cluster files, and chooses the hosts; `line` is an example for who names none.
pub(super) fn choose(targets: &TargetArgs, line: &str) -> anyhow::Result<Chosen> {
    let environment = UserEnvironment::of_process();
    let config = preferences::read(&environment)?;
    let wanted = Wanted::new(targets)?;
    if wanted.is_nothing() {
        anyhow::bail!("no target; name clusters or hosts, for example: {line}");
    }
    let inventory = select::inventory(&targets.files)?;
    select::tell_warnings(&inventory);
    let members = wanted.select(&inventory)?;
    Ok(Chosen { config, members, environment, wanted, inventory })
}

impl Chosen {
    /// Settles how each host is reached.
    pub(super) fn settle(self, ssh: &SshArgs, pacing: &PacingArgs) -> anyhow::Result<Settled> {
        let Chosen { config, members, environment, wanted, inventory } = self;
        let rank = match pacing.order {
            Some(Order::Given) => wanted.ranks(&inventory, &members)?,
            _ => Vec::new(),
        };
        let reach = Reach::new(ssh, &config, environment, HostKeyPolicy::Strict)?;
        let resolved = reach.resolve_all(&members);
        reach::tell_notes(resolved.iter().flatten());
        let descriptors = headless::descriptors(resolved.iter().flatten().map(|resolved| &resolved.target));
        let facts = members.iter().map(Facts::of).collect();
        let hosts = members.into_iter().map(|member| member.host).collect();
        let target = |resolved: Result<Resolved, ConnectError>| Ok(resolved?.target);
        let targets = resolved.into_iter().map(target).collect();
        Ok(Settled { config, hosts, facts, targets, descriptors, rank })
    }
}

impl Settled {
    /// How much at once, and at what pace.
    pub(super) fn pace(&self, args: &PacingArgs) -> anyhow::Result<(Limits, Pacing)> {
        let limits = headless::limits_for(args, &self.config, self.descriptors.clone());
        let fleet = Fleet { facts: &self.facts, rank: &self.rank, each: self.descriptors.clone() };
        let pacing = pacing::pacing(args, &self.config, &limits, fleet)?;
        Ok((limits, pacing))
    }
}
