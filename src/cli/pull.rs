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
use super::{forecast, headless, reading, secrets};
use crate::hosts::{Facts, Host, Place};
use crate::outcome::Exit;
use crate::push::census::{Census, Then};
use crate::push::changes::Same;
use crate::push::landing::{Ground, Modes};
use crate::push::path::{RelPath, shown};
use crate::push::place::{At, To};
use crate::push::pull::{LinkRule, Pull, Rules, Via};
use crate::push::spot::{Destination, Wanted};
use crate::push::telling::{Reference, Teller};
use crate::push::walk;
use crate::push::window::Budget;
use crate::run::forecast::Sends;
use crate::run::{Against, Deed, HostIx, Job, Limits, Pacing, Plan};
use crate::ssh::{ConnectError, Connector, KnownHosts, Target, Tcp};

/// Bytes that all hosts together may have under way, beyond a window for each.
pub(super) const UNDER_WAY: usize = 64 << 20;

/// File descriptors of a host's files and folders that are open at once: each file may lie in another folder.
const OPEN: u64 = 2 * walk::AT_ONCE as u64 + 4;

/// Checks everything, then connects.
pub(super) fn pull(args: &PullArgs) -> anyhow::Result<Exit> {
    let said = Said::read(&args.from, &args.hosts, "omnes pull web:/etc/hosts --to backup")?;
    let ready = said.ready(&args.ssh, &args.back)?;
    let rules = rules(&args.what);
    let (destination, spots) = places(args, &said, &ready)?;
    check_here(&destination.folder)?;
    let how = how(args)?;
    let plan = ready.plan(&format!("pull {}", args.from));
    let reference = reference(&args.reading, &plan.hosts)?;
    if args.back.plan {
        let here = heres(&destination.folder, &spots, &plan);
        let sends = Fetches { there: ready.from, here };
        let files = format!("files below {}", shown(destination.folder.as_bytes()));
        let output = match args.what.same {
            false => vec![files],
            true => vec![
                files,
                "which hosts have which version, where they differ, to standard output".to_owned(),
            ],
        };
        let asks = asks(&args.secrets, &plan);
        return forecast::tell_of_files((&plan, &ready.targets), &sends, &how, (asks, output));
    }
    let password = secrets::password(&args.secrets, &said.targets)?;
    let modes = if args.what.preserve { Modes::Preserved } else { Modes::Masked };
    let ground =
        Ground::open(Path::new(&destination.folder), modes).map_err(|error| anyhow!("--to: {error}"))?;
    let (from, budget) = (ready.from, Budget::new(UNDER_WAY));
    let deed: Arc<dyn Deed> = match args.what.same {
        false => Arc::new(Pull { from, ground, spots, rules, budget }),
        true => {
            let then = Then::Copy { ground, spot: spots.into_iter().next().unwrap_or_default() };
            let teller = Teller { top: said.path, hosts: plan.hosts.clone(), reference };
            Arc::new(Census::new(from, (rules, then), teller, budget))
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
        let connector = Connector::new(Arc::new(Tcp), asker.ask(), Arc::new(KnownHosts::new())).for_files();
        let job = Job::command(plan, targets, connector).doing(deed);
        let record = Record::New(Origin::of_process());
        Ok(headless::carry_out(job, how, record, interrupts).await?.exit)
    });
    headless::leave(runtime);
    exit
}

/// What was typed before and behind the colon.
pub(super) struct Said {
    /// The path there, as it was typed.
    pub(super) path: Vec<u8>,
    /// Which hosts.
    pub(super) targets: TargetArgs,
    to: To,
    line: &'static str,
}

impl Said {
    /// Divides the word; `line` is an example.
    pub(super) fn read(word: &str, hosts: &MoreHostsArgs, line: &'static str) -> anyhow::Result<Said> {
        let to = To::read(word, hosts.named())?;
        Ok(Said { path: to.typed.clone().into_bytes(), targets: hosts.beside(to.hosts()), to, line })
    }

    /// The hosts, each settled, and the pace.
    pub(super) fn ready(&self, ssh: &SshArgs, back: &BackArgs) -> anyhow::Result<Ready> {
        let chosen = launch::choose(&self.targets, self.line)?;
        let mut settled = chosen.settle(ssh, &back.pacing)?;
        settled.descriptors.iter_mut().for_each(|each| *each += OPEN);
        let (limits, pacing) = settled.pace(&back.pacing)?;
        let Settled { hosts, facts, targets, .. } = settled;
        let known =
            |(facts, target): (Facts, &Result<Target, ConnectError>)| known(facts, target.as_ref().ok());
        let facts: Vec<Facts> = facts.into_iter().zip(&targets).map(known).collect();
        let from = self.paths(&hosts, &facts)?;
        Ok(Ready { hosts, facts, from, targets, limits, pacing })
    }

    /// The path on each host.
    fn paths(&self, hosts: &[Host], facts: &[Facts]) -> anyhow::Result<Vec<Vec<u8>>> {
        let count = hosts.len();
        let path = |(n, (host, facts)): (usize, (&Host, &Facts))| {
            let at = self.to.dest.at(&Place { host, facts, n: n + 1, count });
            at.map(|At { path, .. }| path).map_err(|why| anyhow!(why))
        };
        hosts.iter().zip(facts).enumerate().map(path).collect()
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
    /// The hosts.
    pub(super) hosts: Vec<Host>,
    /// By host: the path there.
    pub(super) from: Vec<Vec<u8>>,
    /// How each is reached.
    pub(super) targets: Vec<Result<Target, ConnectError>>,
    facts: Vec<Facts>,
    limits: Limits,
    pacing: Pacing,
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
    let wanted: Vec<Wanted> = ready.from.iter().cloned().map(Wanted::new).collect();
    if !args.what.same {
        let destination = Destination::parse(&args.to)?;
        let spots = destination.spots(&ready.hosts, &ready.facts, &wanted)?;
        return Ok((destination, spots));
    }
    let destination = Destination::shared(&args.to)?;
    if !said.to.dest.is_same_for_all() {
        bail!("--same compares one path of all hosts; write it without {{host}} and the like");
    }
    let spot = wanted.first().map(|wanted| destination.one_spot(wanted)).transpose()?;
    Ok((destination, vec![spot.unwrap_or_default()]))
}

/// What is named as a folder here is one, or nothing yet.
fn check_here(folder: &str) -> anyhow::Result<()> {
    if folder.is_empty() {
        bail!("--to: it is empty; name a folder, `.` is the one that you are in");
    }
    let path = Path::new(folder);
    if path.exists() && !path.is_dir() {
        bail!("--to: {} here is no folder; name another", shown(folder.as_bytes()));
    }
    Ok(())
}

/// How it is done, in the words of headless work.
fn how(args: &PullArgs) -> anyhow::Result<HowArgs> {
    if (args.reading.diff || args.reading.diff_from.is_some()) && !args.what.same {
        bail!(
            "--diff says how the files of hosts differ; it needs --same (`omnes diff` does it and writes no files)"
        );
    }
    if args.reading.output_dir.is_some() {
        bail!("-O keeps what commands write, and a pull runs none; files come to --to DIR, so leave it out");
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
    /// By host: the path there.
    pub(super) there: Vec<Vec<u8>>,
    /// By host: the place here, escaped; none where nothing is written.
    pub(super) here: Vec<String>,
}

impl Sends for Fetches {
    fn shown(&self, host: HostIx) -> String {
        let there = self.own(host);
        match self.here.get(host.0) {
            Some(here) => format!("{there} is brought to {here}; nothing is changed there"),
            None => format!("{there} is read; nothing is changed there"),
        }
    }

    fn essence(&self, host: HostIx) -> Vec<u8> {
        self.there[host.0].clone()
    }

    fn own(&self, host: HostIx) -> String {
        shown(&self.there[host.0])
    }

    fn is_same_for_all(&self) -> bool {
        false
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
        for word in ["web\x1b", ":/x", "web:~ann/x"] {
            let error = Said::read(word, &MoreHostsArgs::default(), "omnes pull web:/x --to d");
            let error = error.err().expect(word).to_string();
            assert!(!error.contains('\x1b') && error.contains("write"), "{error}");
        }
        let said = Said::read("web[1-2]:/etc/{host}", &MoreHostsArgs::default(), "").expect("a good word");
        assert_eq!(
            (said.path.as_slice(), said.targets.targets),
            (&b"/etc/{host}"[..], vec!["web[1-2]".to_owned()])
        );
        let beside = MoreHostsArgs { with: vec!["web".to_owned()], ..MoreHostsArgs::default() };
        for (word, targets) in [(":/etc/x", vec![]), ("/etc/x", vec![]), ("-:/etc/x", vec!["-".to_owned()])] {
            let said = Said::read(word, &beside, "").expect(word);
            assert_eq!((said.path.as_slice(), said.targets.targets), (&b"/etc/x"[..], targets), "{word}");
        }
    }
}
