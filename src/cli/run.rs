//! `omnes run`: one command on many hosts.

use std::sync::Arc;

use anyhow::bail;

use super::args::RunArgs;
use super::asker::Asker;
use super::pacing::{self, Fleet};
use super::reach::{self, Reach};
use super::select::{self, Wanted};
use super::{headless, preferences, secrets};
use crate::hosts::Facts;
use crate::outcome::Exit;
use crate::run::order::Order;
use crate::run::{Job, Plan};
use crate::ssh::{Connector, HostKeyPolicy, KnownHosts, Tcp, UserEnvironment};

/// Checks everything, then connects.
pub(super) fn run(args: &RunArgs) -> anyhow::Result<Exit> {
    let command = headless::command(&args.what.command, "omnes run web -- uptime")?;
    let environment = UserEnvironment::of_process();
    let config = preferences::read(&environment)?;
    let wanted = Wanted::new(&args.targets)?;
    if wanted.is_nothing() {
        bail!("no target; name clusters or hosts, for example: omnes run web -- uptime");
    }
    let inventory = select::inventory(&args.targets.files)?;
    select::tell_warnings(&inventory);
    let reach = Reach::new(&args.ssh, &config, environment, HostKeyPolicy::Strict)?.for_command();
    let members = wanted.select(&inventory)?;
    let resolved = reach.resolve_all(&members);
    reach::tell_notes(resolved.iter().flatten());
    let each = headless::descriptors(resolved.iter().flatten().map(|resolved| &resolved.target));
    let limits = headless::limits_for(&args.how.pacing, &config, each.clone());
    let facts: Vec<Facts> = members.iter().map(Facts::of).collect();
    let rank = match args.how.pacing.order {
        Some(Order::Given) => wanted.ranks(&inventory, &members)?,
        _ => Vec::new(),
    };
    let fleet = Fleet { facts: &facts, rank: &rank, each };
    let pacing = pacing::pacing(&args.how.pacing, &config, &limits, fleet)?;
    let asker = Asker::headless(secrets::password(&args.secrets, &args.targets)?);
    let runtime = headless::runtime()?;
    let summary = runtime.block_on(async {
        let interrupts = headless::interrupts()?;
        let hosts = members.into_iter().map(|member| member.host).collect();
        let targets = resolved.into_iter().map(|resolved| Ok(resolved?.target)).collect();
        let connector = Connector::new(Arc::new(Tcp), asker.ask(), Arc::new(KnownHosts::new()));
        let plan = Plan { command, hosts, facts, limits, pacing };
        let job = Job::command(plan, targets, connector);
        anyhow::Ok(headless::carry_out(job, &args.how, interrupts).await)
    });
    headless::leave(runtime);
    Ok(summary?.exit)
}
