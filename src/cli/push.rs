//! `omnes push`: files and folders onto every host.

use std::collections::hash_map::Entry as Slot;
use std::collections::{HashMap, HashSet};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, anyhow, bail};

use super::args::{CompressArg, HowArgs, PushArgs, PushWhatArgs, TargetArgs, ViaArg, WhatArgs};
use super::asker::Asker;
use super::confirm::{Consent, Word};
use super::journal::{Origin, Record};
use super::launch::{self, Settled};
use super::past::Turns;
use super::push_words::Words;
use super::secrets::Place as Secret;
use super::{deletion, forecast, headless, past, secrets, what};
use crate::hosts::{Facts, Host, HostSet};
use crate::outcome::Exit;
use crate::push::changes::{Modes, Policy, Same, Times};
use crate::push::deed::{Manner, Owner, Parcel, Purpose, Push, Via};
use crate::push::delete::Removal;
use crate::push::exclude::{Excludes, Patterns};
use crate::push::fill::{Filling, MAX_FILLED};
use crate::push::path::shown;
use crate::push::place::{Landing, To};
use crate::push::put::Verify;
use crate::push::source::feed::{Feed, WINDOW};
use crate::push::source::{Lot, Sources, sample, walk};
use crate::push::tidy::{Tidy, Ways};
use crate::push::tree::{Entry, Kind};
use crate::run::forecast::Sends;
use crate::run::freight::size;
use crate::run::{HostIx, Job, Plan};
use crate::ssh::{Compression, ConnectError, Connector, KnownHosts, SudoPasswords, Target, Tcp};

/// Bytes that all hosts together may have under way beyond what each has of its own.
const UNDER_WAY: usize = 64 << 20;

/// Entries that a forecast names.
const NAMED: usize = 20;

/// Things of the source that are passed over and named.
const PASSED: usize = 10;

/// Bytes of a file of patterns.
const PATTERNS: u64 = 4 << 20;

/// A push of the command line as it stands, or one of the past that it speaks of.
pub(super) fn push(args: &PushArgs) -> anyhow::Result<Exit> {
    match past::of_push(args)? {
        Some(past) => on_hosts(&past.args, Some(past.targets), past.record),
        None => on_hosts(args, None, Record::New(Origin::of_process())),
    }
}

/// Checks everything, then connects.
fn on_hosts(args: &PushArgs, past: Option<TargetArgs>, mut record: Record) -> anyhow::Result<Exit> {
    let words = Words::read(args)?;
    check_reading(&args.how)?;
    let targets = past.unwrap_or_else(|| args.hosts.beside(words.to.hosts()));
    one_reader(args, &targets)?;
    let excludes = excludes(&args.what)?;
    let mut chosen = launch::choose(&targets, "omnes push app.conf web:/etc/app/")?;
    let turns = record.turns(&chosen.members);
    if let (Record::Further(further), true) = (&record, turns.places.is_empty()) {
        return Ok(further.others());
    }
    let all: Vec<Host> = match &record {
        Record::New(_) => chosen.members.iter().map(|member| member.host.clone()).collect(),
        Record::Further(further) => further.hosts().to_vec(),
    };
    chosen.members = past::at(chosen.members, &turns.places);
    let (sources, lots) = sources(args, &words, (&all, &turns), &excludes)?;
    if let Some(suffix) = &args.what.backup {
        apart_from_backups(&sources, &lots, suffix)?;
    }
    record.sends("source", listing(&sources).as_slice())?;
    let settled = chosen.settle(&args.ssh, &args.how.pacing)?;
    let (limits, pacing) = settled.pace(&args.how.pacing)?;
    let Settled { config, hosts, facts, mut targets, .. } = settled;
    compress(args.what.compress, &sources, &mut targets)?;
    let facts = reached(facts, &targets);
    let parcels = parcels(&words.to, (&hosts, &facts), lots, &turns)?;
    let tidy = tidy(args, &words, (&sources, excludes))?;
    let feed = Feed::new(Arc::new(sources), WINDOW);
    let runtime = headless::runtime()?;
    let fillings = match args.what.template {
        true => runtime.block_on(fillings(&feed, &parcels))?,
        false => HashMap::new(),
    };
    let command = words.command();
    let plan = Plan { command, hosts, facts, limits, pacing };
    let goes = Goes { sources: feed.sources(), parcels: &parcels, to: &words.to };
    let consent = Consent::new(&args.how.consent, &config, &plan, &goes)?;
    let sudo = Sudo::read(args)?;
    let is_plan = args.how.consent.plan;
    if is_plan {
        let asks = forecast::asks(&consent, &args.secrets, &plan).chain(sudo.asks()).collect();
        match forecast::tell_before_look((&plan, &targets), &goes, &args.how, asks)? {
            Exit::Well => {}
            exit => return Ok(exit),
        }
    } else {
        consent.can_be_had()?;
    }
    let asker = Asker::headless(secrets::password(&args.secrets, &TargetArgs::default())?);
    let exit = runtime.block_on(async {
        let mut interrupts = headless::interrupts()?;
        if !is_plan && consent.given(&mut interrupts).await? == Word::Interrupted {
            return Ok(Exit::Interrupted);
        }
        let manner = manner(args, purpose(args), sudo.passwords(&asker))?;
        let deed = Push::new(feed, parcels, manner, UNDER_WAY).filling(fillings).tidying(tidy.clone());
        let deed = Arc::new(deed);
        let connector = Connector::new(Arc::new(Tcp), asker.ask(), Arc::new(KnownHosts::new())).for_files();
        let deletes = tidy.filter(|_| args.deletion.delete);
        if let (Some(tidy), false) = (&deletes, is_plan) {
            let looking = Job::command(plan.clone(), targets.clone(), connector.clone()).doing(deed.clone());
            if deletion::settled(&args.deletion, (looking, tidy), &mut interrupts).await?.is_none() {
                return Ok(Exit::Interrupted);
            }
        }
        let mut how = args.how.clone();
        let mut plan = plan;
        if is_plan {
            plan.pacing = deletion::of_look(&plan.pacing);
            how.journal.no_journal = true;
            how.reading.gather |= how.reading.output.is_none();
        }
        let job = Job::command(plan, targets, connector).doing(deed);
        let exit = headless::carry_out(job, &how, record, interrupts).await?.exit;
        if let (Some(tidy), true) = (&deletes, is_plan) {
            // What is too much to be told was not.
            tidy.losses()?;
        }
        if let (Some(step), false) = (next_step(exit, args.how.journal.no_journal), is_plan) {
            headless::notice(step);
        }
        Ok(exit)
    });
    headless::leave(runtime);
    exit
}

/// What to do about a push that did not come to its end.
fn next_step(exit: Exit, no_journal: bool) -> Option<&'static str> {
    let broke_off = matches!(exit, Exit::Interrupted | Exit::NotKnown | Exit::Budget | Exit::NotRun);
    match (broke_off, no_journal) {
        (false, _) => None,
        (true, false) => {
            Some("every file there is whole or what it was; go on with: omnes push --resume last")
        }
        (true, true) => Some("every file there is whole or what it was; push again to go on"),
    }
}

/// Hosts write nothing in a push, so there is nothing to be kept or compared; only a forecast says something of each.
fn check_reading(how: &HowArgs) -> anyhow::Result<()> {
    if how.reading.output_dir.is_some() {
        bail!(
            "-O keeps what commands write, and a push runs none; leave it out (--output json tells all of a push)"
        );
    }
    if (how.reading.diff || how.reading.diff_from.is_some()) && !how.consent.plan {
        bail!(
            "--diff compares what hosts write, and in a push they write nothing; leave it out, or add --plan"
        );
    }
    Ok(())
}

/// What is remembered and deleted, where one folder is pushed as a whole.
fn tidy(
    args: &PushArgs,
    words: &Words,
    (sources, excludes): (&Sources, Excludes),
) -> anyhow::Result<Option<Arc<Tidy>>> {
    let is_tree = words.sources.len() == 1 && !sources.all().is_lone();
    let sent = match (&args.what.map, is_tree) {
        (Some(_), _) => deletion::Sent::Mapped,
        (None, true) => deletion::Sent::Tree,
        (None, false) => deletion::Sent::Parts,
    };
    let removal = if args.what.backup.is_some() { Removal::Aside } else { Removal::Gone };
    let policy = deletion::policy(&args.deletion, sent, removal)?;
    // What is only told is not remembered.
    let is_told = args.how.consent.plan && policy.is_none();
    let (deletion::Sent::Tree, false) = (sent, is_told) else { return Ok(None) };
    let [named] = &words.sources[..] else { return Ok(None) };
    let tree = deletion::Tree { named, dest: &words.to.typed, sources };
    let backup = args.what.backup.clone().map(String::into_bytes);
    let ways = Ways { excludes, backup, policy, given: args.deletion.delete_confirm };
    deletion::tidy(&tree, ways, purpose(args))
}

fn purpose(args: &PushArgs) -> Purpose {
    if args.how.consent.plan { Purpose::Foresee } else { Purpose::Change }
}

/// Standard input has at most one reader.
fn one_reader(args: &PushArgs, targets: &TargetArgs) -> anyhow::Result<()> {
    let what = WhatArgs { sudo_password_fd: args.sudo.sudo_password_fd, ..WhatArgs::default() };
    what::one_reader(&what, targets, &args.secrets)
}

fn excludes(args: &PushWhatArgs) -> anyhow::Result<Excludes> {
    let mut patterns = Patterns::default();
    args.exclude.iter().try_for_each(|pattern| patterns.option(pattern))?;
    for file in &args.exclude_from {
        let name = file.display().to_string();
        let cannot = || format!("--exclude-from: {} cannot be read", shown(name.as_bytes()));
        let large = std::fs::metadata(file).with_context(cannot)?.len() > PATTERNS;
        if large {
            bail!("--exclude-from: {} has more than 4 MB; no file of patterns has", shown(name.as_bytes()));
        }
        patterns.file(&name, &std::fs::read(file).with_context(cannot)?)?;
    }
    Ok(patterns.build()?)
}

/// What is pushed, and what each host of this part gets.
fn sources(
    args: &PushArgs,
    words: &Words,
    (all, turns): (&[Host], &Turns),
    excludes: &Excludes,
) -> anyhow::Result<(Sources, Vec<Lot>)> {
    let (sources, lots) = match &args.what.map {
        None => {
            let sources = walk::walk(&words.sources, excludes)?;
            let lots = vec![sources.all(); turns.numbers.len()];
            (sources, lots)
        }
        Some(dir) => mapped(dir, (all, turns), excludes)?,
    };
    passed_over(sources.passed_over()).iter().for_each(|line| headless::notice(line));
    Ok((sources, lots))
}

/// The old content of no file may come to where another file is pushed: which of both would stay there is chance.
fn apart_from_backups(sources: &Sources, lots: &[Lot], suffix: &str) -> anyhow::Result<()> {
    let mut looked_at = HashSet::new();
    for lot in lots.iter().filter(|lot| looked_at.insert(lot.range().start)) {
        let entries = sources.entries(lot, Landing::Into);
        let paths: HashSet<&[u8]> = entries.iter().map(|entry| entry.path.as_bytes()).collect();
        for entry in entries.iter().filter(|entry| entry.kind != Kind::Dir) {
            let backup = [entry.path.as_bytes(), suffix.as_bytes()].concat();
            if paths.contains(&backup[..]) {
                let (backup, suffix) = (shown(&backup), shown(suffix.as_bytes()));
                bail!(
                    "--backup {suffix}: {backup} is pushed, and would be the old content of {} too; choose another suffix",
                    entry.path
                );
            }
        }
    }
    Ok(())
}

/// What is said of what stands in the source and is never pushed.
fn passed_over(names: &[String]) -> Vec<String> {
    let line = |name: &String| format!("{name}: a FIFO, device or socket; passed over");
    let mut lines: Vec<String> = names.iter().take(PASSED).map(line).collect();
    if names.len() > PASSED {
        lines.push(format!("{} more FIFOs, devices and sockets; passed over", names.len() - PASSED));
    }
    lines
}

/// What all hosts of the run get is looked at, so that a push that goes on finds the source to be what it was, whoever has a
/// turn in it.
fn mapped(
    dir: &Path,
    (all, turns): (&[Host], &Turns),
    excludes: &Excludes,
) -> anyhow::Result<(Sources, Vec<Lot>)> {
    let names: Vec<&str> = all.iter().map(Host::name).collect();
    let mapped = walk::map(dir, &names, excludes)?;
    let turns = || turns.numbers.iter().map(|number| number - 1);
    let missing: HostSet =
        turns().filter(|at| mapped.lots[*at].is_none()).map(|at| all[at].clone()).collect();
    if !missing.is_empty() {
        let dir = shown(dir.as_os_str().as_bytes());
        bail!(
            "--map: {dir} has no file of the name of {missing}; add them, or leave those hosts out with -x; nothing was contacted"
        );
    }
    let lots = turns().filter_map(|at| mapped.lots[at].clone()).collect();
    Ok((mapped.sources, lots))
}

/// What is sent, so that a push that goes on sends the same: names, sizes, times, and what links say.
fn listing(sources: &Sources) -> Vec<u8> {
    let line = |entry: &Entry| {
        let (kind, size, to): (_, _, &[u8]) = match &entry.kind {
            Kind::File { size } => ('f', *size, b""),
            Kind::Dir => ('d', 0, b""),
            Kind::Link { to } => ('l', 0, to),
            Kind::Special => ('s', 0, b""),
        };
        let marks =
            format!("\0{kind} {:o} {size} {}\0", entry.mode, if kind == 'f' { entry.mtime } else { 0 });
        [entry.path.as_bytes(), marks.as_bytes(), to, b"\n"].concat()
    };
    sources.all_entries().iter().flat_map(line).collect()
}

/// Facts with what ssh_config and the command line settled on, for templates.
fn reached(mut facts: Vec<Facts>, targets: &[Result<Target, ConnectError>]) -> Vec<Facts> {
    for (facts, target) in facts.iter_mut().zip(targets) {
        let Ok(target) = target else { continue };
        facts.user = Some(target.user.clone());
        facts.port = Some(target.port);
        facts.address = Some(target.address.clone());
    }
    facts
}

/// What each host of this part gets, and where.
fn parcels(
    to: &To,
    (hosts, facts): (&[Host], &[Facts]),
    lots: Vec<Lot>,
    Turns { numbers, count, .. }: &Turns,
) -> anyhow::Result<Vec<Parcel>> {
    let (each, count) = (hosts.iter().zip(facts).zip(lots).zip(numbers), *count);
    each.map(|(((host, facts), lot), n)| {
        let place = crate::hosts::Place { host, facts, n: *n, count };
        let at = to.dest.at(&place).map_err(|why| anyhow!("{why}; nothing was contacted"))?;
        Ok(Parcel { lot, at, host: host.clone(), facts: facts.clone(), n: *n, count })
    })
    .collect()
}

/// The files as templates, each tried for every host that gets it.
async fn fillings(feed: &Arc<Feed>, parcels: &[Parcel]) -> anyhow::Result<HashMap<usize, Filling>> {
    let mut fillings = HashMap::new();
    for parcel in parcels {
        for item in parcel.lot.range() {
            if !matches!(feed.sources().all_entries()[item].kind, Kind::File { .. }) {
                continue;
            }
            let filling = match fillings.entry(item) {
                Slot::Occupied(read) => read.into_mut(),
                Slot::Vacant(unread) => {
                    let name = feed.sources().shown(item);
                    let content =
                        feed.whole(item, MAX_FILLED).await?.ok_or_else(|| Filling::too_large(&name))?;
                    unread.insert(Filling::read(&name, &content)?)
                }
            };
            filling.fill(&parcel.place()).context("nothing was contacted")?;
        }
    }
    Ok(fillings)
}

/// Compresses what goes to hosts, where that is wanted and pays.
fn compress(
    wanted: Option<CompressArg>,
    sources: &Sources,
    targets: &mut [Result<Target, ConnectError>],
) -> anyhow::Result<()> {
    let compression = match wanted {
        // What ssh_config says stands.
        None => return Ok(()),
        Some(CompressArg::Yes) => Compression::Yes,
        Some(CompressArg::No) => Compression::No,
        Some(CompressArg::Auto) if sample::pays(sources)? => Compression::Yes,
        Some(CompressArg::Auto) => {
            headless::notice("what is pushed hardly shrinks, so it is not compressed on the way");
            Compression::No
        }
    };
    // Hosts share a few of these.
    let mut known = HashMap::new();
    for target in targets.iter_mut().flatten() {
        let changed = known.entry(Arc::as_ptr(&target.algorithms)).or_insert_with(|| {
            let mut algorithms = (*target.algorithms).clone();
            algorithms.compression = compression;
            (Arc::clone(&target.algorithms), Arc::new(algorithms))
        });
        target.algorithms = Arc::clone(&changed.1);
    }
    Ok(())
}

/// Who moves files into place.
struct Sudo {
    sudo: Option<crate::run::sudo::Sudo>,
    password: Option<secrecy::SecretString>,
}

impl Sudo {
    fn read(args: &PushArgs) -> anyhow::Result<Sudo> {
        let what = WhatArgs {
            sudo: args.sudo.sudo,
            sudo_password_command: args.sudo.sudo_password_command.clone(),
            sudo_password_fd: args.sudo.sudo_password_fd,
            sudo_no_password: args.sudo.sudo_no_password,
            ..WhatArgs::default()
        };
        Ok(Sudo { sudo: what::sudo(&what)?, password: what::sudo_password(&what)? })
    }

    /// What the user would be asked, in a sentence.
    fn asks(&self) -> Option<String> {
        let may_ask = |sudo: &crate::run::sudo::Sudo| sudo.password == crate::run::sudo::Password::OnDemand;
        let asked = self.sudo.as_ref().is_some_and(may_ask) && self.password.is_none();
        asked.then(|| "the password for sudo, once a host wants it".to_owned())
    }

    fn passwords(self, asker: &Asker) -> Option<(crate::run::sudo::Sudo, SudoPasswords)> {
        let ask = secrets::before(self.password, Secret::Sudo, asker.ask());
        self.sudo.map(|sudo| (sudo, SudoPasswords::new(ask)))
    }
}

fn manner(
    args: &PushArgs,
    purpose: Purpose,
    sudo: Option<(crate::run::sudo::Sudo, SudoPasswords)>,
) -> anyhow::Result<Manner> {
    let what = &args.what;
    let modes = match (what.mode, what.preserve) {
        (Some(mode), _) => Modes::Set { files: mode, folders: entered(mode) },
        (None, true) if sudo.is_some() || what.owner.is_some() => Modes::KeptForAnother,
        (None, true) => Modes::Kept,
        (None, false) => Modes::New,
    };
    let times = if what.preserve { Times::All } else { Times::Files };
    let same = if what.checksum { Same::Checksum } else { Same::SizeAndTime };
    let owner =
        what.owner.as_ref().map(|owner| Owner { user: owner.user.clone(), group: owner.group.clone() });
    Ok(Manner {
        policy: Policy { same, modes, times },
        backup: what.backup.as_ref().map(|suffix| suffix.clone().into_bytes()),
        owner,
        sudo,
        via: if what.via == Some(ViaArg::Shell) { Via::Shell } else { Via::Sftp },
        verify: Verify::default(),
        purpose,
    })
}

/// The mode of a folder whose files have this one: who may read may enter. Setuid and setgid are for files alone.
fn entered(mode: u32) -> u32 {
    let mode = mode & 0o777;
    mode | (mode & 0o444) >> 2
}

/// What hosts get, for people.
struct Goes<'a> {
    sources: &'a Sources,
    parcels: &'a [Parcel],
    to: &'a To,
}

impl Sends for Goes<'_> {
    fn shown(&self, host: HostIx) -> String {
        let parcel = &self.parcels[host.0];
        let range = parcel.lot.range();
        let entries = &self.sources.all_entries()[range.clone()];
        let (mut files, mut bytes) = (0usize, 0u64);
        for entry in entries {
            if let Kind::File { size } = entry.kind {
                (files, bytes) = (files + 1, bytes.saturating_add(size));
            }
        }
        let line = |(item, entry): (usize, &Entry)| match &entry.kind {
            Kind::File { size: bytes } => format!("  {} ({})", self.sources.shown(item), size(*bytes)),
            Kind::Link { to } => format!("  {} -> {}", self.sources.shown(item), shown(to)),
            _ => format!("  {}/", self.sources.shown(item)),
        };
        let slash = if parcel.at.form == crate::push::place::Form::Folder && parcel.at.path != b"/" {
            "/"
        } else {
            ""
        };
        // Hosts that get the same are told of together, wherever it goes on each.
        let place = match self.to.dest.is_same_for_all() {
            true => format!("{}{slash}", shown(&parcel.at.path)),
            false => format!(
                "{} (on {}: {}{slash})",
                shown(self.to.typed.as_bytes()),
                shown(parcel.host.to_string().as_bytes()),
                shown(&parcel.at.path)
            ),
        };
        let count = if files == 1 { "1 file".to_owned() } else { format!("{files} files") };
        let mut lines = vec![format!("{count} ({}) to {place}", size(bytes))];
        lines.extend(range.zip(entries).take(NAMED).map(line));
        if entries.len() > NAMED {
            lines.push(format!("  and {} more", entries.len() - NAMED));
        }
        lines.join("\n")
    }

    fn essence(&self, host: HostIx) -> Vec<u8> {
        let parcel = &self.parcels[host.0];
        match self.to.dest.is_same_for_all() {
            true => self.shown(host).into_bytes(),
            false => format!("{:?}", parcel.lot).into_bytes(),
        }
    }

    fn own(&self, host: HostIx) -> String {
        self.shown(host)
    }

    fn is_same_for_all(&self) -> bool {
        let same = |pair: &[Parcel]| pair[0].lot == pair[1].lot && pair[0].at == pair[1].at;
        self.parcels.windows(2).all(same)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_passed_over_is_named_and_beyond_ten_counted() {
        let names: Vec<String> = (0..12).map(|n| format!("d/p{n}")).collect();
        assert_eq!(passed_over(&names[..1]), ["d/p0: a FIFO, device or socket; passed over"]);
        let lines = passed_over(&names);
        assert_eq!((lines.len(), lines[10].as_str()), (11, "2 more FIFOs, devices and sockets; passed over"));
    }

    #[test]
    fn who_may_read_a_file_may_enter_its_folder() {
        for (mode, folder) in
            [(0o644, 0o755), (0o600, 0o700), (0o640, 0o750), (0o4755, 0o755), (0o222, 0o222)]
        {
            assert_eq!(entered(mode), folder, "{mode:o}");
        }
    }
}
