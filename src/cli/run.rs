//! `omnes run`: one command on many hosts.

use std::sync::Arc;

use anyhow::bail;

use super::args::RunArgs;
use super::asker::Asker;
use super::journal::{Origin, Record};
use super::pacing::{self, Fleet};
use super::past::{self, Past};
use super::reach::{self, Reach};
use super::select::{self, Wanted};
use super::{headless, preferences, secrets};
use crate::hosts::Facts;
use crate::outcome::Exit;
use crate::run::order::Order;
use crate::run::{Job, Plan};
use crate::ssh::{Connector, HostKeyPolicy, KnownHosts, Tcp, UserEnvironment};

/// A run of the command line as it stands, or one of the past that it speaks of.
pub(super) fn run(args: &RunArgs) -> anyhow::Result<Exit> {
    match past::of(args)? {
        Some(Past { args, record }) => on_hosts(&args, record),
        None => on_hosts(args, Record::New(Origin::of_process())),
    }
}

/// Checks everything, then connects.
fn on_hosts(args: &RunArgs, mut record: Record) -> anyhow::Result<Exit> {
    let command = headless::command(&args.what.command, "omnes run web -- uptime")?;
    record.sends("command", command.as_bytes());
    let environment = UserEnvironment::of_process();
    let config = preferences::read(&environment)?;
    let wanted = Wanted::new(&args.targets)?;
    if wanted.is_nothing() {
        bail!("no target; name clusters or hosts, for example: omnes run web -- uptime");
    }
    let inventory = select::inventory(&args.targets.files)?;
    select::tell_warnings(&inventory);
    let reach = Reach::new(&args.ssh, &config, environment, HostKeyPolicy::Strict)?.for_command();
    let mut members = wanted.select(&inventory)?;
    if let Record::Further(further) = &mut record {
        members = further.turns(members);
        if members.is_empty() {
            return Ok(further.others());
        }
    }
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
        headless::carry_out(job, &args.how, record, interrupts).await
    });
    headless::leave(runtime);
    Ok(summary?.exit)
}
