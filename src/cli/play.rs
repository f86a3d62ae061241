//! `omnes play`: a script of steps in a terminal on every host.

use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, anyhow, bail};

use super::args::{PacingArgs, PlayArgs, StepsArgs, TargetArgs};
use super::asker::Asker;
use super::confirm::{Consent, Word};
use super::journal::{Origin, Record};
use super::launch::{self, Settled};
use super::pacing::{self, Fleet};
use super::{forecast, headless, secrets};
use crate::config::Config;
use crate::hosts::{Empty, Facts, Host};
use crate::outcome::Exit;
use crate::play::{self, Player, Score, Screens, Script, Secrets, Texts, file};
use crate::run::throttle::Fanout;
use crate::run::{Job, Limits, Pacing, Plan};
use crate::ssh::{Connector, KnownHosts, Tcp};

/// Checks everything, then connects.
pub(super) fn play(args: &PlayArgs) -> anyhow::Result<Exit> {
    if args.how.journal.resume.is_some() || args.how.journal.again.is_some() {
        bail!(
            "`omnes play` goes on with no earlier run; name its hosts, as in @run:last:not-ok, to play to them"
        );
    }
    let script = read(&args.steps, &args.targets)?;
    let chosen = launch::choose(&args.targets, "omnes play steps.toml web")?;
    let members = chosen.members.iter().map(|member| (member.host.clone(), Facts::of(member))).collect();
    let empty = if args.targets.allow_empty { Empty::Allowed } else { Empty::Refused };
    let score = score(&args.steps, script, (members, empty))?;
    if args.steps.check {
        return check(&score);
    }
    let rank = chosen.rank(&args.how.pacing)?;
    let (config, settled) = chosen.settle(&args.ssh, |reach| reach)?;
    let Settled { hosts, facts, targets, descriptors } = settled;
    let limits = limits(&score, &args.how.pacing, (&config, descriptors.clone()))?;
    let fleet = Fleet { facts: &facts, rank: &rank, each: descriptors };
    let pacing = pacing(&score, &args.how.pacing, (&config, &limits), fleet)?;
    let plan = Plan { command: command(&args.steps), hosts, facts, limits, pacing };
    let consent = Consent::new(&args.how.consent, &config, &plan, &score)?;
    if args.how.consent.plan {
        let asks = forecast::asks(&consent, &args.secrets, &plan).chain(asks(&score)).collect();
        return forecast::tell((&plan, &targets), &score, &args.how, asks);
    }
    consent.can_be_had()?;
    let password = secrets::password(&args.secrets, &args.targets)?;
    let player = player(&args.steps, score)?;
    let asker = Asker::headless(password);
    let runtime = headless::runtime()?;
    let exit = runtime.block_on(async {
        let mut interrupts = headless::interrupts()?;
        if consent.given(&mut interrupts).await? == Word::Interrupted {
            return Ok(Exit::Interrupted);
        }
        let connector = Connector::new(Arc::new(Tcp), asker.ask(), Arc::new(KnownHosts::new()));
        let job = Job::new(plan, targets, connector, Arc::new(player));
        let record = Record::New(Origin::of_process());
        Ok(headless::carry_out(job, &args.how, record, interrupts).await?.exit)
    });
    headless::leave(runtime);
    exit
}

/// What the script makes omnes ask, in sentences.
pub(super) fn asks(score: &Score) -> impl Iterator<Item = String> {
    let secrets = score.secrets().into_iter();
    secrets.map(|name| format!("the secret {name}, before anything is contacted, where no option gives it"))
}

/// In which order and waves. Hosts that wait for each other are in one.
pub(super) fn pacing(
    score: &Score,
    args: &PacingArgs,
    (config, limits): (&Config, &Limits),
    fleet: Fleet<'_>,
) -> anyhow::Result<Pacing> {
    let hosts = score.hosts();
    let pacing = pacing::pacing(args, config, limits, fleet)?;
    match score.barriers().first() {
        Some(barrier) if pacing.waves.cut(hosts).len() > 1 => bail!(
            "step {} is a barrier, so all {hosts} hosts must be connected at once; leave --waves out, or take the barrier out",
            barrier + 1
        ),
        // All of them at once, whatever the run finds out.
        Some(_) => Ok(Pacing { fanout: Fanout::Fixed, ..pacing }),
        None => Ok(pacing),
    }
}

/// What a run of a script is called.
pub(super) fn command(args: &StepsArgs) -> String {
    format!("play {}", args.file.display())
}

/// Reads the script. Standard input has one reader.
pub(super) fn read(args: &StepsArgs, targets: &TargetArgs) -> anyhow::Result<Script> {
    let is_stdin = args.file.as_os_str() == "-";
    let hosts = targets.targets.iter().chain(&targets.with).any(|target| target == "-")
        || targets.hosts_from.iter().any(|file| file.as_os_str() == "-");
    if is_stdin && hosts {
        bail!("the script and hosts would both be read from standard input; give one of them by a file");
    }
    let (name, text) = match is_stdin {
        true => ("standard input".to_owned(), text(std::io::stdin().lock(), Path::new("standard input"))?),
        false => {
            let open =
                File::open(&args.file).with_context(|| format!("{} cannot be read", args.file.display()))?;
            (args.file.display().to_string(), text(open, &args.file)?)
        }
    };
    Ok(play::parse(&name, &text)?)
}

fn text(reader: impl Read, name: &Path) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    let read = reader.take(file::FILE_BYTES as u64 + 1).read_to_end(&mut bytes);
    read.with_context(|| format!("{} cannot be read", name.display()))?;
    if bytes.len() > file::FILE_BYTES {
        bail!("{}: a script of more than 4 MB; bring long texts there as files", name.display());
    }
    String::from_utf8(bytes).map_err(|_| anyhow!("{} is not UTF-8; save it as UTF-8 text", name.display()))
}

/// The script for these hosts; every fault is told at once.
pub(super) fn score(
    args: &StepsArgs,
    script: Script,
    hosts: (Vec<(Host, Facts)>, Empty),
) -> anyhow::Result<Score> {
    let texts = if args.template { Texts::Templates } else { Texts::AsTheyAre };
    let name = args.file.display();
    Score::new(script, hosts.0, (texts, hosts.1)).map_err(|faults| {
        anyhow!("{}", faults.iter().map(|fault| format!("{name}: {fault}")).collect::<Vec<_>>().join("\n"))
    })
}

/// `--check`: what would be done.
pub(super) fn check(score: &Score) -> anyhow::Result<Exit> {
    let written = std::io::stdout().write_all(play::score::told(score).as_bytes());
    Ok(if written.is_ok() { Exit::Well } else { Exit::OwnFault })
}

/// How much at once. Hosts that wait for each other must all have their turn.
pub(super) fn limits(
    score: &Score,
    pacing: &PacingArgs,
    (config, descriptors): (&Config, Vec<u64>),
) -> anyhow::Result<Limits> {
    let hosts = score.hosts();
    let (Some(barrier), Some(all)) = (score.barriers().first().copied(), NonZeroUsize::new(hosts)) else {
        return Ok(headless::limits_for(pacing, config, descriptors));
    };
    let why = format!("step {} is a barrier, so all {hosts} hosts must be connected at once", barrier + 1);
    if let Some(fanout) = pacing.fanout.filter(|fanout| *fanout < all) {
        bail!("{why}, and -f {fanout} allows fewer; leave -f out, name fewer hosts, or take the barrier out");
    }
    let raised = PacingArgs { fanout: Some(all), ..pacing.clone() };
    let limits = headless::limits_for(&raised, config, descriptors);
    if limits.fanout < all {
        bail!(
            "{why}, and {} is what the system allows (`ulimit -n`); name fewer hosts, or take the barrier out",
            limits.fanout
        );
    }
    Ok(limits)
}

/// The deed, with every secret that it needs.
pub(super) fn player(args: &StepsArgs, score: Score) -> anyhow::Result<Player> {
    let mut known = Secrets::new();
    let needed: Vec<String> = score.secrets().into_iter().map(str::to_owned).collect();
    let named =
        args.secret_command.iter().map(|(name, _)| name).chain(args.secret_fd.iter().map(|(name, _)| name));
    if let Some(name) = named.clone().find(|name| !needed.contains(name)) {
        bail!("the script has no secret `{name}` for these hosts; {}", known_names(&needed));
    }
    for name in needed {
        let command = args.secret_command.iter().find(|(of, _)| *of == name);
        let descriptor = args.secret_fd.iter().find(|(of, _)| *of == name);
        let secret = match (command, descriptor) {
            (Some((_, command)), _) => secrets::of_command("--secret-command", command)?,
            (None, Some((_, number))) => secrets::of_descriptor("--secret-fd", *number)?,
            (None, None) => secrets::asked(&name)?,
        };
        known.insert(name, secret);
    }
    let screens = if args.screen { Screens::Said } else { Screens::Unsaid };
    Ok(Player::new(score, known, screens))
}

fn known_names(needed: &[String]) -> String {
    match needed {
        [] => "it has none".to_owned(),
        names => format!("it has {}", names.join(", ")),
    }
}
