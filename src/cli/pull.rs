//! `omnes pull`: files and folders of every host, here.

use std::path::Path;
use std::sync::Arc;

use anyhow::{anyhow, bail};

use super::args::{
    BackArgs, HowArgs, JournalArgs, MoreHostsArgs, PullArgs, PullWhatArgs, ReadingArgs, SecretArgs, SshArgs,
    TargetArgs, ViaArg,
};
use super::asker::Asker;
use super::journal::{Origin, Record};
use super::launch::{self, Settled};
use super::remote::{self, Remote};
use super::{forecast, headless, reading, secrets};
use crate::config::Config;
use crate::escape;
use crate::hosts::{Facts, Host};
use crate::outcome::Exit;
use crate::push::census::{Census, Then};
use crate::push::changes::Same;
use crate::push::landing::{Ground, Modes};
use crate::push::path::{RelPath, shown};
use crate::push::deed::Via;
use crate::push::pull::{LinkRule, Pull, Rules};
use crate::push::spot::{Destination, Wanted};
use crate::push::telling::Reference;
use crate::push::versions::Versions;
use crate::push::walk;
use crate::push::window::Budget;
use crate::run::forecast::Sends;
use crate::run::spill::Spill;
use crate::run::{Against, Deed, HostIx, Job, Plan};
use crate::ssh::{ConnectError, Connector, KnownHosts, Target, Tcp};

/// Bytes that all hosts together may have under way, beyond a window for each.
pub(super) const UNDER_WAY: usize = 64 << 20;

/// File descriptors of a host's files and folders that are open at once.
const OPEN: u64 = walk::AT_ONCE as u64 + 4;

/// Checks everything, then connects.
pub(super) fn pull(args: &PullArgs) -> anyhow::Result<Exit> {
    let said = Said::read(&args.from, &args.hosts, "omnes pull web:/etc/hosts --to backup")?;
    let ready = said.ready(&args.ssh, &args.back)?;
    let what = format!("pull {}", args.from);
    let rules = rules(&args.what);
    let (destination, spots) = places(args, &said, &ready)?;
    let how = how(args)?;
    let plan = ready.plan(&what);
    if args.back.plan {
        let sends = Fetches { there: shown(said.path.as_bytes()), here: heres(&destination.folder, &spots, &plan) };
        return forecast::tell((&plan, &ready.targets), &sends, &how, asks(&args.secrets, &plan));
    }
    let password = secrets::password(&args.secrets, &said.targets)?;
    let modes = if args.what.preserve { Modes::Preserved } else { Modes::Masked };
    let ground = Ground::open(Path::new(&destination.folder), modes).map_err(|error| anyhow!("--to: {error}"))?;
    let (from, budget) = (said.path.as_bytes(), Budget::new(UNDER_WAY));
    let deed: Arc<dyn Deed> = match args.what.same {
        false => Arc::new(Pull { from: from.to_vec(), ground, spots, rules, budget }),
        true => {
            let then = Then::Copy { ground, spot: spots.into_iter().next().unwrap_or_default() };
            let reference = reference(&args.reading, &plan.hosts)?;
            let versions = Versions::new(Box::new(Spill::usual()));
            Arc::new(Census::new((from, plan.hosts.clone()), (rules, then), reference, (versions, budget)))
        }
    };
    begin((plan, ready.targets), deed, &how, Asker::headless(password))
}

/// Carries out work that changes nothing on a host, and so asks for no confirmation.
pub(super) fn begin(
    (plan, targets): (Plan, Vec<Result<Target, ConnectError>>),
    deed: Arc<dyn Deed>,
    how: &HowArgs,
    asker: Asker,
) -> anyhow::Result<Exit> {
    let runtime = headless::runtime()?;
    let exit = runtime.block_on(async {
        let interrupts = headless::interrupts()?;
        let connector = Connector::new(Arc::new(Tcp), asker.ask(), Arc::new(KnownHosts::new()));
        let job = Job::command(plan, targets, connector).doing(deed);
        let record = Record::New(Origin::of_process());
        Ok(headless::carry_out(job, how, record, interrupts).await?.exit)
    });
    headless::leave(runtime);
    exit
}

/// What was typed before and behind the colon.
pub(super) struct Said {
    /// The path there.
    pub(super) path: String,
    /// Which hosts.
    pub(super) targets: TargetArgs,
    line: &'static str,
}

impl Said {
    /// Divides the word; `line` is an example.
    pub(super) fn read(word: &str, hosts: &MoreHostsArgs, line: &'static str) -> anyhow::Result<Said> {
        let Some(Remote { targets, path }) = Remote::find(word) else {
            let word = escape::text(word, 200);
            bail!("`{word}` names no path; write it behind a colon, for example: {line}");
        };
        remote::check(&path).map_err(|why| anyhow!(why))?;
        let targets = if targets.is_empty() { Vec::new() } else { vec![targets] };
        Ok(Said { path, targets: hosts.beside(targets), line })
    }

    /// The hosts, each settled, and the pace.
    pub(super) fn ready(&self, ssh: &SshArgs, back: &BackArgs) -> anyhow::Result<Ready> {
        let chosen = launch::choose(&self.targets, self.line)?;
        let mut settled = chosen.settle(ssh, &back.pacing)?;
        settled.descriptors.iter_mut().for_each(|each| *each += OPEN);
        let (limits, pacing) = settled.pace(&back.pacing)?;
        let Settled { config, hosts, facts, targets, .. } = settled;
        let facts = facts.into_iter().zip(&targets).map(|(facts, target)| known(facts, target.as_ref().ok())).collect();
        Ok(Ready { config, hosts, facts, targets, limits, pacing })
    }
}

/// What is known of a host, with what its settings say.
fn known(facts: Facts, target: Option<&Target>) -> Facts {
    match target {
        None => facts,
        Some(target) => Facts {
            user: Some(target.user.clone()),
            port: Some(target.port),
            address: Some(target.address.clone()),
            ..facts
        },
    }
}

/// Hosts that are ready to be contacted.
pub(super) struct Ready {
    /// Preferences.
    pub(super) config: Config,
    /// The hosts.
    pub(super) hosts: Vec<Host>,
    /// What is known of each.
    pub(super) facts: Vec<Facts>,
    /// How each is reached.
    pub(super) targets: Vec<Result<Target, ConnectError>>,
    limits: crate::run::Limits,
    pacing: crate::run::Pacing,
}

impl Ready {
    /// The plan of a run that is called so.
    pub(super) fn plan(&self, command: &str) -> Plan {
        Plan {
            command: command.to_owned(),
            hosts: self.hosts.clone(),
            facts: self.facts.clone(),
            limits: self.limits,
            pacing: self.pacing.clone(),
        }
    }
}

/// What it is to do.
fn rules(args: &PullWhatArgs) -> Rules {
    Rules {
        links: if args.links || args.preserve { LinkRule::Kept } else { LinkRule::PassedOver },
        same: if args.checksum { Same::Checksum } else { Same::SizeAndTime },
        via: via(args.via),
    }
}

/// The way.
pub(super) fn via(args: Option<ViaArg>) -> Via {
    match args {
        None | Some(ViaArg::Sftp) => Via::Sftp,
        Some(ViaArg::Shell) => Via::Shell,
    }
}

/// Where everything comes to stand: by host, or the one place of all.
fn places(args: &PullArgs, said: &Said, ready: &Ready) -> anyhow::Result<(Destination, Vec<RelPath>)> {
    let wanted = Wanted::new(&said.path);
    if args.what.same {
        let destination = Destination::shared(&args.to)?;
        let spot = destination.one_spot(&wanted)?;
        return Ok((destination, vec![spot]));
    }
    let destination = Destination::parse(&args.to)?;
    let spots = destination.spots(&ready.hosts, &ready.facts, &wanted)?;
    Ok((destination, spots))
}

/// How it is done, in the words of headless work.
fn how(args: &PullArgs) -> anyhow::Result<HowArgs> {
    if (args.reading.diff || args.reading.diff_from.is_some()) && !args.what.same {
        bail!("--diff says how the files of hosts differ; it needs --same (`omnes diff` does it and writes no files)");
    }
    let reading = ReadingArgs { diff: false, diff_from: None, ..args.reading.clone() };
    Ok(with(&args.back, reading))
}

/// With what differing files are compared.
fn reference(args: &ReadingArgs, hosts: &[Host]) -> anyhow::Result<Reference> {
    let against = reading::diff(args, hosts)?;
    Ok(match against {
        None => Reference::Unshown,
        Some(Against::Majority) => Reference::Majority,
        Some(Against::Host(host)) => Reference::Host(host),
    })
}

/// What the user would be asked.
pub(super) fn asks(secrets: &SecretArgs, plan: &Plan) -> Vec<String> {
    let password = "the login password, before anything is contacted".to_owned();
    secrets.ask_password.then_some(password).into_iter().chain(forecast::looks(plan)).collect()
}

/// The same for all work that changes nothing on a host.
pub(super) fn with(back: &BackArgs, reading: ReadingArgs) -> HowArgs {
    let journal = JournalArgs { no_journal: back.no_journal, ..JournalArgs::default() };
    HowArgs { pacing: back.pacing.clone(), reading, journal, ..HowArgs::default() }
}

/// What hosts are asked for, as a forecast shows it.
pub(super) struct Fetches {
    /// The path there, escaped.
    pub(super) there: String,
    /// By host: the place here, escaped.
    pub(super) here: Vec<String>,
}

impl Sends for Fetches {
    fn shown(&self, host: HostIx) -> String {
        match self.here.get(host.0) {
            Some(here) => format!("{} is brought to {here}; nothing is changed there", self.there),
            None => format!("{} is read; nothing is changed there", self.there),
        }
    }

    fn essence(&self, _host: HostIx) -> Vec<u8> {
        self.there.as_bytes().to_vec()
    }

    fn own(&self, _host: HostIx) -> String {
        self.there.clone()
    }

    fn is_same_for_all(&self) -> bool {
        true
    }
}

fn heres(folder: &str, spots: &[RelPath], plan: &Plan) -> Vec<String> {
    let here = |spot: &RelPath| shown(&spot.below(folder.as_bytes()));
    match spots {
        [one] => vec![here(one); plan.hosts.len()],
        spots => spots.iter().map(here).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_without_a_path_is_refused_with_the_next_step() {
        let error = Said::read("web\x1b", &MoreHostsArgs::default(), "omnes pull web:/x --to d");
        let error = error.err().expect("no path").to_string();
        assert_eq!(error, "`web^[` names no path; write it behind a colon, for example: omnes pull web:/x --to d");
        let said = Said::read(":/x", &MoreHostsArgs::default(), "").expect("hosts may come from elsewhere");
        assert!(said.targets.targets.is_empty());
    }
}
