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
use super::{forecast, headless, past, secrets};
use crate::hosts::{Empty, Facts, Host};
use crate::outcome::Exit;
use crate::play::{self, Player, Score, Screens, Script, Secrets, Texts, file};
use crate::run::{HostIx, Job, Limits, Plan};
use crate::ssh::{Connector, KnownHosts, Tcp};

/// Checks everything, then connects.
pub(super) fn play(args: &PlayArgs) -> anyhow::Result<Exit> {
    let (text, script) = read(&args.steps, &args.targets)?;
    let past = past::of_script(&args.how.journal, &args.targets)?;
    let is_past = past.is_some();
    let (targets, mut record) =
        past.unwrap_or_else(|| (args.targets.clone(), Record::New(Origin::of_process())));
    record.sends("script", text.as_bytes())?;
    let mut chosen = launch::choose(&targets, "omnes play steps.toml web")?;
    let turns = record.turns(&chosen.members);
    chosen.members = past::at(chosen.members, &turns.places);
    if let (Record::Further(further), true) = (&record, chosen.members.is_empty()) {
        return Ok(further.others());
    }
    let members = chosen.members.iter().map(|member| (member.host.clone(), Facts::of(member))).collect();
    // Where a run goes on, some of its hosts are done.
    let empty = if args.targets.allow_empty || is_past { Empty::Allowed } else { Empty::Refused };
    let score = score(&args.steps, script, (members, empty))?.numbered(turns.numbers, turns.count);
    if args.steps.check {
        return check(&score);
    }
    let settled = chosen.settle(&args.ssh, &args.how.pacing)?;
    let (limits, pacing) = settled.pace(&together(&score, &args.how.pacing)?)?;
    all_at_once(&score, &limits)?;
    let Settled { config, hosts, facts, targets, .. } = settled;
    let plan = Plan { command: command(&args.steps), hosts, facts, limits, pacing };
    let consent = Consent::new(&args.how.consent, &config, &plan, &score)?;
    if args.how.consent.plan {
        let asks = forecast::asks(&consent, &args.secrets, &plan).chain(asks(&score)).collect();
        return forecast::tell((&plan, &targets), &score, &args.how, asks);
    }
    consent.can_be_had()?;
    let password = secrets::password(&args.secrets, &args.targets)?;
    let player = begun(player(&args.steps, score)?, &plan.hosts, &record);
    let asker = Asker::headless(password);
    let runtime = headless::runtime()?;
    let exit = runtime.block_on(async {
        let mut interrupts = headless::interrupts()?;
        if consent.given(&mut interrupts).await? == Word::Interrupted {
            return Ok(Exit::Interrupted);
        }
        let connector = Connector::new(Arc::new(Tcp), asker.ask(), Arc::new(KnownHosts::new()));
        let job = Job::command(plan, targets, connector).doing(Arc::new(player));
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

/// Each host begins with the step in which it stopped, where the run goes on.
fn begun(player: Player, hosts: &[Host], record: &Record) -> Player {
    let Record::Further(further) = record else { return player };
    let hosts = hosts.iter().enumerate();
    hosts.fold(player, |player, (n, host)| player.from(HostIx(n), further.step_of(host)))
}

/// What a run of a script is called.
pub(super) fn command(args: &StepsArgs) -> String {
    format!("play {}", args.file.display())
}

/// Reads the script, and its text. Standard input has one reader.
pub(super) fn read(args: &StepsArgs, targets: &TargetArgs) -> anyhow::Result<(String, Script)> {
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
    let script = play::parse(&name, &text)?;
    Ok((text, script))
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

/// The pace that is wanted. Hosts that wait for each other all have their turn at once.
pub(super) fn together(score: &Score, pacing: &PacingArgs) -> anyhow::Result<PacingArgs> {
    let (Some(why), Some(all)) = (why_together(score), NonZeroUsize::new(score.hosts())) else {
        return Ok(pacing.clone());
    };
    if let Some(fanout) = pacing.fanout.filter(|fanout| *fanout < all) {
        bail!("{why}, and -f {fanout} allows fewer; leave -f out, name fewer hosts, or take the barrier out");
    }
    if pacing.waves.is_some() {
        bail!("{why}, and --waves begins one after the other; leave it out, or take the barrier out");
    }
    Ok(PacingArgs { fanout: Some(all), ..pacing.clone() })
}

/// Whether that is possible here.
pub(super) fn all_at_once(score: &Score, limits: &Limits) -> anyhow::Result<()> {
    let Some(why) = why_together(score).filter(|_| limits.fanout.get() < score.hosts()) else {
        return Ok(());
    };
    bail!(
        "{why}, and {} is what the system allows (`ulimit -n`); name fewer hosts, or take the barrier out",
        limits.fanout
    );
}

/// Why all hosts must have their turn at once, if they must.
fn why_together(score: &Score) -> Option<String> {
    let (barrier, hosts) = (score.barriers().first().copied()?, score.hosts());
    (hosts > 1)
        .then(|| format!("step {} is a barrier, so all {hosts} hosts must be connected at once", barrier + 1))
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
