//! `omnes run`: one command on many hosts.

use std::sync::Arc;

use super::args::RunArgs;
use super::asker::Asker;
use super::confirm::{Consent, Word};
use super::journal::{Origin, Record};
use super::launch::{self, Settled};
use super::pacing::{self, Fleet};
use super::past::{self, Past};
use super::reach::Reach;
use super::what::{self, Work};
use super::{forecast, headless, secrets};
use crate::hosts::Facts;
use crate::outcome::Exit;
use crate::run::{Job, Plan};
use crate::ssh::{ConnectError, Connector, KnownHosts, Target, Tcp};

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
    work.told_to(&mut record);
    let mut chosen = launch::choose(&args.targets, "omnes run web -- uptime")?;
    if let Record::Further(further) = &mut record {
        chosen.members = further.turns(chosen.members);
        if chosen.members.is_empty() {
            return Ok(further.others());
        }
    }
    let rank = chosen.rank(&args.how.pacing)?;
    let (config, settled) = chosen.settle(&args.ssh, Reach::for_command)?;
    let Settled { hosts, facts, targets, descriptors } = settled;
    let facts = named(facts, &targets);
    let limits = headless::limits_for(&args.how.pacing, &config, descriptors.clone());
    let fleet = Fleet { facts: &facts, rank: &rank, each: descriptors };
    let pacing = pacing::pacing(&args.how.pacing, &config, &limits, fleet)?;
    let orders = work.orders(&hosts, &facts)?;
    let plan = Plan { command: work.command.clone(), hosts, facts, limits, pacing };
    let consent = Consent::new(&args.how.consent, &config, &plan, &orders)?;
    if args.how.consent.plan {
        let asks = forecast::asks(&consent, &args.secrets, &plan).chain(work.asks()).collect();
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
        let deed = Arc::new(work.deed(orders, asker.ask()));
        let job = Job::new(plan, targets, connector, deed);
        Ok(headless::carry_out(job, &args.how, record, interrupts).await?.exit)
    });
    headless::leave(runtime);
    exit
}

/// Facts with the login name, port and address that ssh_config and the command line settled on, for templates; a host that
/// is not contacted keeps what its cluster files say.
fn named(mut facts: Vec<Facts>, targets: &[Result<Target, ConnectError>]) -> Vec<Facts> {
    for (facts, target) in facts.iter_mut().zip(targets) {
        let Ok(target) = target else { continue };
        facts.user = Some(target.user.clone());
        facts.port = Some(target.port);
        facts.address = Some(target.address.clone());
    }
    facts
}
