//! `omnes demo`: the embedded fleet, and the commands on it.

use std::io::Write;
use std::sync::Arc;

use anyhow::{Context, bail};

use super::args::{DemoArgs, DemoCommand, DemoPlayArgs, DemoRunArgs, HowArgs, SecretArgs, TargetArgs};
use super::front::{self, Front};
use super::journal::{Origin, Record};
use super::run_screen::{self, Shown};
use super::screen::{self, Find, Reached, Screen};
use super::select::Wanted;
use super::what::{self, Work};
use super::{OwnFault, confirm, forecast, headless, keeping, pacing, play, preferences, signals, story};
use crate::ask::Nobody;
use crate::config::Config;
use crate::demo::{self, Faults, Fleet, FleetConfig};
use crate::hosts::{Empty, Facts, Inventory, Member};
use crate::outcome::Exit;
use crate::play::Script;
use crate::run::{Job, Plan, limits};
use crate::ssh::{Connector, KnownHosts, Target, UserEnvironment};
use crate::tui::app::{Options, SetsKept};
use crate::tui::event::Opened;

/// File descriptors of one demo host while a command runs on it: its pipes and those of its process.
const DESCRIPTORS: u64 = 8;

/// What is done with the fleet.
pub(super) fn demo(args: &DemoArgs) -> anyhow::Result<Exit> {
    match &args.what {
        Some(DemoCommand::Run(run)) => run_on(args, run),
        Some(DemoCommand::Play(script)) => play_on(args, script),
        Some(DemoCommand::Serve) => serve(args),
        None => open(args),
    }
}

/// The fleet in the TUI, with its faults, so that a newcomer sees every state; without a terminal its story, on hosts
/// that all answer.
fn open(args: &DemoArgs) -> anyhow::Result<Exit> {
    let environment = UserEnvironment::of_process();
    let config = preferences::read(&environment)?;
    // The fleet is gone with the program, so there is nothing to open again.
    let options = Options {
        sets: SetsKept::Passing,
        ..keeping::options(screen::options(&config)?, &config, &args.log)
    };
    let places = keeping::passing(keeping::places(&config, &environment, &args.log)?);
    let front = Front::new(&args.front, &config)?;
    limits::raise_descriptors();
    let runtime = headless::runtime()?;
    let shown = runtime.block_on(async {
        // From now on: a fleet that has begun is always ended.
        let mut interrupts = headless::interrupts()?;
        let (hosts, on_screen) = (usize::from(args.hosts), front::is_there(&args.front));
        let faults = if on_screen { Faults::story(hosts) } else { Faults::none() };
        let fleet = FleetConfig { hosts, faults, ..FleetConfig::default() };
        let fleet = Fleet::start(fleet).await.context(OwnFault("the demo cannot start".into()))?;
        let fleet = Arc::new(fleet);
        let targets = fleet.targets();
        let screen = Screen {
            hosts: targets.into_iter().map(reached).collect(),
            find: finder(fleet.clone()),
            options,
            places,
            restored: None,
            password: None,
            logins: screen::logins(None, &config),
            front,
        };
        let mut out = std::io::stdout();
        let shown = match on_screen {
            true if interrupts.try_recv().is_ok() => Ok(Exit::Interrupted),
            true => screen.show(fleet.clone()).await,
            false => tokio::select! {
                told = story::play(screen, fleet.clone(), &mut out) => told_story(told),
                Some(_) = interrupts.recv() => Ok(Exit::Interrupted),
            },
        };
        end(&fleet).await?;
        shown
    });
    runtime.shutdown_background();
    shown
}

fn reached(target: Target) -> Reached {
    let (user, port, address) = (target.user.clone(), target.port, target.address.clone());
    let (clusters, tags) = roles(target.host.name());
    let facts = Facts {
        clusters,
        tags,
        user: Some(user),
        port: Some(port),
        address: Some(address),
        ..Facts::default()
    };
    (Opened { host: target.host.clone(), facts }, Ok(target))
}

/// What the hosts of the demo are for, so that there is something to choose from: of each five the first three are `web`,
/// the others `db`; the first of all web hosts is the canary, and every second host is in production.
fn roles(name: &str) -> (Vec<Arc<str>>, Vec<String>) {
    let digits = name.trim_start_matches(|c: char| !c.is_ascii_digit());
    let number = digits.parse::<usize>().unwrap_or(1).max(1) - 1;
    let cluster = if number % 5 < 3 { "web" } else { "db" };
    let mut tags = Vec::new();
    if number == 0 {
        tags.push("canary".to_owned());
    }
    if number % 2 == 1 {
        tags.push("prod".to_owned());
    }
    (vec![Arc::from(cluster)], tags)
}

/// Only hosts of the fleet can be added to it.
fn finder(fleet: Arc<Fleet>) -> Find {
    Arc::new(move |expression| {
        let members = Wanted::expression(expression).select(&Inventory::default());
        let members = members.map_err(|error| screen::in_a_line(expression, &error))?;
        let target = |member: Member| {
            let target = fleet.target(member.host.name()).map_err(|error| error.to_string())?;
            Ok(reached(target))
        };
        members.into_iter().map(target).collect()
    })
}

/// Ends the fleet, its processes and its files, even where a session on its way out still holds it.
async fn end(fleet: &Fleet) -> anyhow::Result<()> {
    fleet.stop().await.context(OwnFault("the demo cannot end".into()))
}

fn fleet(args: &DemoArgs) -> FleetConfig {
    let hosts = usize::from(args.hosts);
    let faults = if args.faults { Faults::story(hosts) } else { Faults::none() };
    FleetConfig { hosts, faults, ..FleetConfig::default() }
}

/// A run on hosts that are gone does not go on.
fn refuse_past(how: &HowArgs) -> anyhow::Result<()> {
    if how.journal.resume.is_some() || how.journal.again.is_some() {
        bail!(
            "the hosts of a demo are gone with it, so no run on them goes on; `omnes demo serve` keeps them"
        );
    }
    Ok(())
}

fn run_on(args: &DemoArgs, run: &DemoRunArgs) -> anyhow::Result<Exit> {
    refuse_past(&run.how)?;
    if run.what.sudo {
        bail!("--sudo: the hosts of the demo are this machine, and run nothing as somebody else");
    }
    let shown = Shown::new(&run.shown, &run.how)?;
    what::one_reader(&run.what, &TargetArgs::default(), &SecretArgs::default())?;
    let work = Work::read(&run.what, "omnes demo run -- hostname")?;
    confirm::enough(&run.how.consent, args.hosts.into())?;
    let config = preferences::read(&UserEnvironment::of_process())?;
    let runtime = headless::runtime()?;
    let exit = runtime.block_on(async {
        let interrupts = headless::interrupts()?;
        let fleet =
            Arc::new(Fleet::start(fleet(args)).await.context(OwnFault("the demo cannot start".into()))?);
        let ran = run_with(&fleet, (&run.how, shown), (work, &config), interrupts).await;
        end(&fleet).await?;
        ran
    });
    runtime.shutdown_background();
    exit
}

/// Runs a command on a fleet that has begun.
async fn run_with(
    fleet: &Arc<Fleet>,
    (how, shown): (&HowArgs, Shown),
    (work, config): (Work, &Config),
    interrupts: headless::Interrupts,
) -> anyhow::Result<Exit> {
    let (opened, targets): (Vec<_>, Vec<_>) = fleet.targets().into_iter().map(reached).unzip();
    let (hosts, facts): (Vec<_>, Vec<_>) =
        opened.into_iter().map(|opened| (opened.host, opened.facts)).unzip();
    let each = vec![DESCRIPTORS; hosts.len()];
    let limits = headless::limits_for(&how.pacing, config, each.clone());
    let pacing =
        pacing::pacing(&how.pacing, config, &limits, pacing::Fleet { facts: &facts, rank: &[], each })?;
    let orders = work.orders(&hosts, &facts)?;
    let plan = Plan { command: work.command.clone(), hosts, facts, limits, pacing };
    if how.consent.plan {
        return forecast::tell((&plan, &targets), &orders, how, forecast::looks(&plan).collect());
    }
    let connector = Connector::new(fleet.clone(), Arc::new(Nobody), Arc::new(KnownHosts::new()));
    let deed = Arc::new(work.deed(orders, Arc::new(Nobody)));
    let job = Job::command(plan, targets, connector).doing(deed);
    let record = Record::New(Origin::of_process());
    let stage = shown.stage(None, config, &UserEnvironment::of_process())?;
    Ok(run_screen::carry_out(stage, job, (how, record), interrupts).await?.exit)
}

fn play_on(args: &DemoArgs, demo: &DemoPlayArgs) -> anyhow::Result<Exit> {
    refuse_past(&demo.how)?;
    let script = play::read(&demo.steps, &TargetArgs::default())?;
    confirm::enough(&demo.how.consent, args.hosts.into())?;
    let config = preferences::read(&UserEnvironment::of_process())?;
    let runtime = headless::runtime()?;
    let exit = runtime.block_on(async {
        let interrupts = headless::interrupts()?;
        let fleet =
            Arc::new(Fleet::start(fleet(args)).await.context(OwnFault("the demo cannot start".into()))?);
        let played = play_with(&fleet, demo, (script, &config), interrupts).await;
        end(&fleet).await?;
        played
    });
    runtime.shutdown_background();
    exit
}

/// Plays a script on a fleet that has begun.
async fn play_with(
    fleet: &Arc<Fleet>,
    demo: &DemoPlayArgs,
    ((text, script), config): ((String, Script), &Config),
    interrupts: headless::Interrupts,
) -> anyhow::Result<Exit> {
    let (opened, targets): (Vec<_>, Vec<_>) = fleet.targets().into_iter().map(reached).unzip();
    let (hosts, facts): (Vec<_>, Vec<_>) =
        opened.into_iter().map(|opened| (opened.host, opened.facts)).unzip();
    let members = hosts.iter().cloned().zip(facts.iter().cloned()).collect();
    let score = play::score(&demo.steps, script, (members, Empty::Refused))?;
    if demo.steps.check {
        return play::check(&score);
    }
    let (wanted, each) = (play::together(&score, &demo.how.pacing)?, vec![DESCRIPTORS; hosts.len()]);
    let limits = headless::limits_for(&wanted, config, each.clone());
    let pacing = pacing::pacing(&wanted, config, &limits, pacing::Fleet { facts: &facts, rank: &[], each })?;
    play::all_at_once(&score, &limits)?;
    let plan = Plan { command: play::command(&demo.steps), hosts, facts, limits, pacing };
    if demo.how.consent.plan {
        let asks = forecast::looks(&plan).chain(play::asks(&score)).collect();
        return forecast::tell((&plan, &targets), &score, &demo.how, asks);
    }
    let player = play::player(&demo.steps, score)?;
    let connector = Connector::new(fleet.clone(), Arc::new(Nobody), Arc::new(KnownHosts::new()));
    let job = Job::command(plan, targets, connector).doing(Arc::new(player));
    let mut record = Record::New(Origin::of_process());
    record.sends("script", text.as_bytes())?;
    Ok(headless::carry_out(job, &demo.how, record, interrupts).await?.exit)
}

fn serve(args: &DemoArgs) -> anyhow::Result<Exit> {
    limits::raise_descriptors();
    let runtime = headless::runtime()?;
    let served = runtime.block_on(async {
        let mut interrupts = signals::interrupts().context(OwnFault("signals cannot be watched".into()))?;
        let until = async {
            interrupts.recv().await;
        };
        let served = demo::serve(fleet(args), &mut std::io::stdout(), until).await;
        let _ = writeln!(std::io::stderr(), "omnes: the demo fleet is gone");
        served.context(OwnFault("the demo cannot be served".into()))
    });
    runtime.shutdown_background();
    served.map(|()| Exit::Well)
}

/// What a story came to. Whoever read our output and has gone away knows it; other faults of the output need a word.
fn told_story(told: anyhow::Result<()>) -> anyhow::Result<Exit> {
    let Err(error) = told else { return Ok(Exit::Well) };
    match error.downcast_ref::<std::io::Error>().map(std::io::Error::kind) {
        Some(std::io::ErrorKind::BrokenPipe) => Ok(Exit::OwnFault),
        Some(_) => Err(error).context(OwnFault("standard output cannot be written".into())),
        None => Err(error),
    }
}
