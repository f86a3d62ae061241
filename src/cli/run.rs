//! `omnes run`: one command on many hosts.

use std::sync::Arc;

use super::args::RunArgs;
use super::asker::Asker;
use super::launch::{self, Settled};
use super::reach::Reach;
use super::{headless, secrets};
use crate::outcome::Exit;
use crate::run::{Job, Plan};
use crate::ssh::{Connector, KnownHosts, Tcp};

/// Checks everything, then connects.
pub(super) fn run(args: &RunArgs) -> anyhow::Result<Exit> {
    let command = headless::command(&args.what.command, "omnes run web -- uptime")?;
    let chosen = launch::choose(&args.targets, "omnes run web -- uptime")?;
    let (config, settled) = chosen.settle(&args.ssh, Reach::for_command)?;
    let Settled { hosts, facts, targets, descriptors } = settled;
    let limits = headless::limits_for(&args.how.pacing, &config, descriptors);
    let asker = Asker::headless(secrets::password(&args.secrets, &args.targets)?);
    let runtime = headless::runtime()?;
    let summary = runtime.block_on(async {
        let interrupts = headless::interrupts()?;
        let connector = Connector::new(Arc::new(Tcp), asker.ask(), Arc::new(KnownHosts::new()));
        let job = Job::command(Plan { command, hosts, facts, limits }, targets, connector);
        anyhow::Ok(headless::carry_out(job, &args.how, interrupts).await)
    });
    headless::leave(runtime);
    Ok(summary?.exit)
}
