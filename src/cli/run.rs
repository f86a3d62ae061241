//! `omnes run`: one command on many hosts.

use std::sync::Arc;

use anyhow::bail;

use super::args::RunArgs;
use super::asker::Asker;
use super::confirm::{Consent, Word};
use super::pacing::{self, Fleet};
use super::reach::{self, Reach};
use super::select::{self, Wanted};
use super::{forecast, headless, preferences, secrets};
use crate::hosts::Facts;
use crate::outcome::Exit;
use crate::run::order::Order;
use crate::run::work::Orders;
use crate::run::{Job, Plan};
use crate::ssh::{ConnectError, Connector, HostKeyPolicy, KnownHosts, Resolved, Tcp, UserEnvironment};

/// Checks everything, then connects.
pub(super) fn run(args: &RunArgs) -> anyhow::Result<Exit> {
    what::one_reader(&args.what, &args.targets, &args.secrets)?;
    let work = Work::read(&args.what, "omnes run web -- uptime")?;
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
    let facts: Vec<Facts> = members.iter().map(Facts::of).collect();
    let hosts: Vec<Host> = members.iter().map(|member| member.host.clone()).collect();
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
    let hosts = members.into_iter().map(|member| member.host).collect();
    let targets: Vec<_> = resolved.into_iter().map(|resolved| Ok(resolved?.target)).collect();
    let plan = Plan { command, hosts, facts, limits, pacing };
    let orders = Orders::same(&plan.command);
    let consent = Consent::new(&args.how.consent, &config, &plan, &orders)?;
    if args.how.consent.plan {
        let asks = forecast::asks(consent.asks(), Some(&args.secrets), plan.pacing.pause);
        return forecast::tell((&plan, &targets), &orders, &args.how, asks);
    }
    consent.can_be_had()?;
    let asker = Asker::headless(secrets::password(&args.secrets, &args.targets)?);
    let runtime = headless::runtime()?;
    let exit = runtime.block_on(async {
        let mut interrupts = headless::interrupts()?;
        if consent.given(&mut interrupts).await? == Word::Interrupted {
            return Ok(Exit::Interrupted);
        }
        let connector = Connector::new(Arc::new(Tcp), asker.ask(), Arc::new(KnownHosts::new()));
        let job = Job::command(plan, targets, connector);
        anyhow::Ok(headless::carry_out(job, &args.how, interrupts).await.exit)
    });
    headless::leave(runtime);
    exit
}

/// Facts with the login name, port and address that ssh_config and the command line settled on, for templates; a host that
/// is not contacted keeps what its cluster files say.
fn named(mut facts: Vec<Facts>, resolved: &[Result<Resolved, ConnectError>]) -> Vec<Facts> {
    for (facts, resolved) in facts.iter_mut().zip(resolved) {
        let Ok(Resolved { target, .. }) = resolved else { continue };
        facts.user = Some(target.user.clone());
        facts.port = Some(target.port);
        facts.address = Some(target.address.clone());
    }
    facts
}
