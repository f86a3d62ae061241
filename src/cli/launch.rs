//! What headless work has in common before it begins: the hosts, and how each is reached.

use super::args::{PacingArgs, SshArgs, TargetArgs};
use super::reach::{self, Reach};
use super::select::{self, Wanted};
use super::{headless, preferences};
use crate::config::Config;
use crate::hosts::{Facts, Host, Inventory, Member};
use crate::run::order::Order;
use crate::ssh::{ConnectError, HostKeyPolicy, Resolved, Target, UserEnvironment};

/// The hosts of a piece of work.
pub(super) struct Chosen {
    /// Preferences.
    pub(super) config: Config,
    /// The hosts, in their order.
    pub(super) members: Vec<Member>,
    wanted: Wanted,
    inventory: Inventory,
    environment: UserEnvironment,
}

/// The same, each host settled.
pub(super) struct Settled {
    /// The hosts as they were named.
    pub(super) hosts: Vec<Host>,
    /// What is known of each.
    pub(super) facts: Vec<Facts>,
    /// How each is reached, or why it is not contacted.
    pub(super) targets: Vec<Result<Target, ConnectError>>,
    /// The file descriptors that each takes.
    pub(super) descriptors: Vec<u64>,
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
    Ok(Chosen { config, members, wanted, inventory, environment })
}

impl Chosen {
    /// For each host the place of the first target that names it, where their order goes by that.
    pub(super) fn rank(&self, pacing: &PacingArgs) -> anyhow::Result<Vec<usize>> {
        match pacing.order {
            Some(Order::Given) => self.wanted.ranks(&self.inventory, &self.members),
            _ => Ok(Vec::new()),
        }
    }

    /// Settles how each host is reached; `kind` may narrow that.
    pub(super) fn settle(self, ssh: &SshArgs, kind: fn(Reach) -> Reach) -> anyhow::Result<(Config, Settled)> {
        let Chosen { config, members, environment, .. } = self;
        let reach = kind(Reach::new(ssh, &config, environment, HostKeyPolicy::Strict)?);
        let resolved = reach.resolve_all(&members);
        reach::tell_notes(resolved.iter().flatten());
        let descriptors = headless::descriptors(resolved.iter().flatten().map(|resolved| &resolved.target));
        let facts = members.iter().map(Facts::of).collect();
        let hosts = members.into_iter().map(|member| member.host).collect();
        let target = |resolved: Result<Resolved, ConnectError>| Ok(resolved?.target);
        let targets = resolved.into_iter().map(target).collect();
        Ok((config, Settled { hosts, facts, targets, descriptors }))
    }
}
