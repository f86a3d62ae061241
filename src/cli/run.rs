//! `omnes run`: one command on many hosts.

use std::sync::Arc;

use anyhow::bail;

use super::args::RunArgs;
use super::asker::Asker;
use super::confirm::{Consent, Word};
use super::journal::{Origin, Record};
use super::pacing::{self, Fleet};
use super::past::{self, Past};
use super::reach::{self, Reach};
use super::run_screen::{self, Shown, Stage};
use super::select::{self, Wanted};
use super::what::{self, Work};
use super::{forecast, headless, preferences, secrets};
use crate::hosts::{Facts, Host};
use crate::outcome::Exit;
use crate::run::order::Order;
use crate::run::{Job, Plan};
use crate::ssh::{ConnectError, Connector, HostKeyPolicy, KnownHosts, Resolved, Tcp, UserEnvironment};

/// A run of the command line as it stands, or one of the past that it speaks of.
pub(super) fn run(args: &RunArgs) -> anyhow::Result<Exit> {
    match past::of(args)? {
        Some(Past { args: mut past, record }) => {
            // Where a run is shown is a matter of the moment, and not of the run.
            past.shown = args.shown.clone();
            on_hosts(&past, record)
        }
        None => on_hosts(args, Record::New(Origin::of_process())),
    }
}

/// Checks everything, then connects.
fn on_hosts(args: &RunArgs, mut record: Record) -> anyhow::Result<Exit> {
    let shown = Shown::new(&args.shown, &args.how)?;
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
    let reach = Reach::new(&args.ssh, &config, environment.clone(), HostKeyPolicy::Strict)?.for_command();
    let members = wanted.select(&inventory)?;
    let turns = record.turns(&members);
    if let (Record::Further(further), true) = (&record, turns.places.is_empty()) {
        return Ok(further.others());
    }
    let resolved = reach.resolve_all(&members);
    let facts = named(members.iter().map(Facts::of).collect(), &resolved);
    let hosts: Vec<Host> = members.iter().map(|member| member.host.clone()).collect();
    let orders = work.orders(&hosts, &facts)?.only(&turns.places, (turns.numbers, turns.count));
    let turns = &turns.places;
    let (members, hosts, facts) = (past::at(members, turns), past::at(hosts, turns), past::at(facts, turns));
    let resolved = past::at(resolved, turns);
    reach::tell_notes(resolved.iter().flatten());
    let each = headless::descriptors(resolved.iter().flatten().map(|resolved| &resolved.target));
    let limits = headless::limits_for(&args.how.pacing, &config, each.clone());
    let rank = match args.how.pacing.order {
        Some(Order::Given) => wanted.ranks(&inventory, &members)?,
        _ => Vec::new(),
    };
    let fleet = Fleet { facts: &facts, rank: &rank, each };
    let pacing = pacing::pacing(&args.how.pacing, &config, &limits, fleet)?;
    let targets: Vec<_> = resolved.into_iter().map(|resolved| Ok(resolved?.target)).collect();
    let plan = Plan { command: work.command.clone(), hosts, facts, limits, pacing };
    let consent = Consent::new(&args.how.consent, &config, &plan, &orders)?;
    if args.how.consent.plan {
        let asks = forecast::asks(&consent, &args.secrets, &plan).chain(work.asks()).collect();
        return forecast::tell((&plan, &targets), &orders, &args.how, asks);
    }
    consent.can_be_had()?;
    let password = secrets::password(&args.secrets, &args.targets)?;
    let stage = shown.stage(password.clone(), &config, &environment)?;
    let asker = Asker::headless(password);
    let ask = stage.as_ref().map_or_else(|| asker.ask(), Stage::ask);
    let runtime = headless::runtime()?;
    let exit = runtime.block_on(async {
        let mut interrupts = headless::interrupts()?;
        if consent.given(&mut interrupts).await? == Word::Interrupted {
            return Ok(Exit::Interrupted);
        }
        let connector = Connector::new(Arc::new(Tcp), ask.clone(), Arc::new(KnownHosts::new()));
        let deed = Arc::new(work.deed(orders, ask.clone()));
        let job = Job::command(plan, targets, connector).doing(deed);
        Ok(run_screen::carry_out(stage, job, (&args.how, record), interrupts).await?.exit)
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
