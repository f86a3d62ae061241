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
use super::what::{self, Work};
use super::{headless, preferences, secrets};
use crate::hosts::{Facts, Host};
use crate::outcome::Exit;
use crate::run::order::Order;
use crate::run::{Job, Plan};
use crate::ssh::{ConnectError, Connector, HostKeyPolicy, KnownHosts, Resolved, Tcp, UserEnvironment};

/// A run of the command line as it stands, or one of the past that it speaks of.
pub(super) fn run(args: &RunArgs) -> anyhow::Result<Exit> {
    match past::of(args)? {
        Some(Past { args, record }) => on_hosts(&args, record),
        None => on_hosts(args, Record::New(Origin::of_process())),
    }
}

/// Checks everything, then connects.
fn on_hosts(args: &RunArgs, mut record: Record) -> anyhow::Result<Exit> {
    what::one_reader(&args.what, &args.targets, &args.secrets)?;
    let work = Work::read(&args.what, "omnes run web -- uptime")?;
    work.tell(&args.what, &mut record)?;
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
    let turns = match &mut record {
        Record::New(_) => (0..members.len()).collect(),
        Record::Further(further) => {
            let turns = further.turns(&members);
            if turns.is_empty() {
                return Ok(further.others());
            }
            turns
        }
    };
    let resolved = reach.resolve_all(&members);
    let facts = named(members.iter().map(Facts::of).collect(), &resolved);
    let hosts: Vec<Host> = members.iter().map(|member| member.host.clone()).collect();
    // Every host of the run, so that each has the same number in it whenever it has its turn.
    let orders = work.orders(&hosts, &facts)?.only(&turns);
    let (members, hosts, facts) =
        (past::at(members, &turns), past::at(hosts, &turns), past::at(facts, &turns));
    let resolved = past::at(resolved, &turns);
    reach::tell_notes(resolved.iter().flatten());
    let each = headless::descriptors(resolved.iter().flatten().map(|resolved| &resolved.target));
    let limits = headless::limits_for(&args.how.pacing, &config, each.clone());
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
        let targets = resolved.into_iter().map(|resolved| Ok(resolved?.target)).collect();
        let connector = Connector::new(Arc::new(Tcp), asker.ask(), Arc::new(KnownHosts::new()));
        let plan = Plan { command: work.command.clone(), hosts, facts, limits, pacing };
        let deed = Arc::new(work.deed(orders, asker.ask()));
        let job = Job::command(plan, targets, connector).doing(deed);
        headless::carry_out(job, &args.how, record, interrupts).await
    });
    headless::leave(runtime);
    Ok(summary?.exit)
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
