//! `omnes run`: one command on many hosts.

use std::sync::Arc;

use anyhow::bail;

use super::args::RunArgs;
use super::asker::Asker;
use super::reach::{self, Reach};
use super::select::{self, Wanted};
use super::what::{self, Work};
use super::{headless, preferences, secrets};
use crate::hosts::{Facts, Host};
use crate::outcome::Exit;
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
    let limits = headless::limits_for(&args.how.pacing, &config, each);
    let facts = named(facts, &resolved);
    let orders = work.orders(&hosts, &facts)?;
    let asker = Asker::headless(secrets::password(&args.secrets, &args.targets)?);
    let runtime = headless::runtime()?;
    let summary = runtime.block_on(async {
        let interrupts = headless::interrupts()?;
        let targets = resolved.into_iter().map(|resolved| Ok(resolved?.target)).collect();
        let connector = Connector::new(Arc::new(Tcp), asker.ask(), Arc::new(KnownHosts::new()));
        let plan = Plan { command: work.command.clone(), hosts, facts, limits };
        let job = Job { plan, targets, connector, deed: Arc::new(work.deed(orders, asker.ask())) };
        anyhow::Ok(headless::carry_out(job, &args.how, interrupts).await)
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
