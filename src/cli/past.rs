//! Runs of the past: their hosts as a target, and what goes on from them.
//!
//! A run goes on by reading its own command line again, with what is typed now added to it; which hosts it had is taken from
//! its journal and from nothing else, so a cluster file that has changed meanwhile neither adds hosts nor loses any.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::io::Write;

use anyhow::{Context, bail};
use clap::{CommandFactory, FromArgMatches};

use super::args::{Cli, Command, FileArgs, JournalArgs, PullArgs, PushArgs, RunArgs, TargetArgs};
use super::journal::{self, Kept, Origin, Record};
use super::words;
use crate::escape;
use crate::hosts::{Earlier, Host, HostSet, Member};
use crate::outcome::Exit;
use crate::push::place::{Beside, To};
use crate::run::Plan;
use crate::run::journal::{Books, Reopened, Retention, RunId, Standing, Store, Wish};
use crate::ssh::UserEnvironment;

/// The hosts of a run by what stands behind `@run:`: `last`, `last:failed`, `ID:unreachable,login`. The error is a sentence.
pub(super) fn hosts(store: &Store, said: &str) -> Result<Vec<Earlier>, String> {
    let (run, wishes) = said.rsplit_once(':').unwrap_or((said, "all"));
    let wishes = Wish::read(wishes).map_err(|error| error.to_string())?;
    let id = store.find(run).map_err(|error| error.to_string())?;
    let books = store.read(&id).map_err(|error| error.to_string())?;
    Ok(parts(&books, &wishes))
}

fn parts(books: &Books, wishes: &[Wish]) -> Vec<Earlier> {
    let mut clusters: HashMap<Host, &str> = HashMap::new();
    for (cluster, hosts) in &books.start.clusters {
        // What does not read back names no host, and its hosts are looked for by themselves.
        let hosts: HostSet = hosts.parse().unwrap_or_default();
        clusters.extend(hosts.iter().map(|host| (host.clone(), cluster.as_str())));
    }
    let mut parts: BTreeMap<Option<&str>, Vec<Host>> = BTreeMap::new();
    for number in books.chosen(wishes) {
        let host = &books.hosts[number];
        parts.entry(clusters.get(host).copied()).or_default().push(host.clone());
    }
    let part = |(cluster, hosts): (Option<&str>, Vec<Host>)| Earlier {
        cluster: cluster.map(str::to_owned),
        hosts: hosts.into_iter().collect(),
    };
    parts.into_iter().map(part).collect()
}

/// A run that goes on, or whose command is run again.
pub(super) struct Past {
    /// The command line of it, with what is typed now added.
    pub(super) args: RunArgs,
    /// What the journal is told.
    pub(super) record: Record,
}

/// The same of a push, and its hosts.
pub(super) struct PastPush {
    pub(super) args: PushArgs,
    pub(super) targets: TargetArgs,
    pub(super) record: Record,
}

/// A run that goes on; its lock is held.
pub(super) struct Further {
    reopened: Reopened,
    unknowns: Unknowns,
    scripted: Scripted,
    others: Exit,
    pub(super) content: BTreeMap<String, String>,
}

/// Which of the hosts that were chosen have their turn now. A host has the same number in its run whenever it has its turn, and
/// whoever else is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Turns {
    /// Their places among those that were chosen, ascending.
    pub(super) places: Vec<usize>,
    /// The number of each in the whole run, from 1.
    pub(super) numbers: Vec<usize>,
    /// How many hosts the whole run has.
    pub(super) count: usize,
}

impl Turns {
    /// All of so many hosts, as in a run that begins.
    pub(super) fn all(count: usize) -> Turns {
        Turns { places: (0..count).collect(), numbers: (1..=count).collect(), count }
    }
}

impl Record {
    /// Which of these hosts have their turn.
    pub(super) fn turns(&mut self, members: &[Member]) -> Turns {
        match self {
            Record::New(_) => Turns::all(members.len()),
            Record::Further(further) => further.turns(members),
        }
    }
}

/// What becomes of hosts of which it is not known whether the command ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unknowns {
    /// They are left out.
    Left,
    /// They have their turn.
    Run,
}

/// Whether a host that failed has something left to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scripted {
    /// It has not: its command has ended.
    Not,
    /// It has: the steps from where it stopped, or files that are not in their place.
    Steps,
}

/// Looks up the run of a script that the command line of `omnes play` speaks of, if any: its hosts, and what the journal is
/// told. The script is given again, and must be the same.
pub(super) fn of_script(
    asked: &JournalArgs,
    typed: &TargetArgs,
) -> anyhow::Result<Option<(TargetArgs, Record)>> {
    if let Some(said) = &asked.again {
        let said = escape::text(said, 80);
        bail!("--again repeats a command; play a script once more with the target @run:{said}:failed");
    }
    let Some(said) = &asked.resume else { return Ok(None) };
    if has_targets(typed) {
        bail!(
            "--resume takes its hosts from the run; leave out a part of them with -x, and name the script alone"
        );
    }
    let store = journal::store(&UserEnvironment::of_process());
    let id = journal::find(&store, said)?;
    let reopened = store.reopen(&id).map_err(journal::fault)?;
    let words = words::place(reopened.books.start.words.iter().map(OsString::from).collect())?;
    if words.first().is_none_or(|word| word != "play") {
        bail!("run {id} played no script; go on with it there: omnes run --resume {id}");
    }
    let targets = TargetArgs {
        targets: vec![format!("@run:{id}:all")],
        exclude: typed.exclude.clone(),
        files: typed.files.clone(),
        allow_empty: typed.allow_empty || reopened.books.hosts.is_empty(),
        ..TargetArgs::default()
    };
    let unknowns = if asked.unknowns { Unknowns::Run } else { Unknowns::Left };
    let (scripted, content) = (Scripted::Steps, BTreeMap::new());
    let further = Further { reopened, unknowns, scripted, others: Exit::Well, content };
    Ok(Some((targets, Record::Further(Box::new(further)))))
}

/// Looks up the run that the command line speaks of, if any.
pub(super) fn of(args: &RunArgs) -> anyhow::Result<Option<Past>> {
    let asked = &args.how.journal;
    let Some(said) = asked.resume.as_ref().or(asked.again.as_ref()) else { return Ok(None) };
    let option = if asked.resume.is_some() { "--resume" } else { "--again" };
    if !args.what.command.is_empty() || has_targets(&args.targets) {
        bail!(
            "{option} takes its hosts and its command from the run; leave out a part of the hosts with -x, or begin a run \
             of its own with the target @run:{}:failed",
            escape::text(said, 80)
        );
    }
    let store = journal::store(&UserEnvironment::of_process());
    let id = journal::find(&store, said)?;
    match asked.resume {
        Some(_) => further(args, &store, &id).map(Some),
        None => again(args, &store, &id).map(Some),
    }
}

fn has_targets(targets: &TargetArgs) -> bool {
    let TargetArgs { targets, with, hosts_from, hosts_of, .. } = targets;
    !targets.is_empty() || !with.is_empty() || !hosts_from.is_empty() || !hosts_of.is_empty()
}

fn further(args: &RunArgs, store: &Store, id: &RunId) -> anyhow::Result<Past> {
    let reopened = store.reopen(id).map_err(journal::fault)?;
    let now = Now {
        exclude: &args.targets.exclude,
        allow_empty: args.targets.allow_empty,
        journal: &args.how.journal,
        command: "run",
    };
    let (args, _) = run_of(&now, &reopened.books, (id, "all"))?;
    let unknowns = if now.journal.unknowns { Unknowns::Run } else { Unknowns::Left };
    let (scripted, content) = (Scripted::Not, BTreeMap::new());
    let further = Further { reopened, unknowns, scripted, others: Exit::Well, content };
    Ok(Past { args, record: Record::Further(Box::new(further)) })
}

fn again(args: &RunArgs, store: &Store, id: &RunId) -> anyhow::Result<Past> {
    let books = store.read(id).map_err(journal::fault)?;
    let only = args.how.journal.only.as_deref().unwrap_or("all");
    Wish::read(only)?;
    let now = Now {
        exclude: &args.targets.exclude,
        allow_empty: args.targets.allow_empty,
        journal: &args.how.journal,
        command: "run",
    };
    let (args, words) = run_of(&now, &books, (id, only))?;
    let record = Record::New(Origin { words, again: Some(id.clone()), ..Origin::default() });
    Ok(Past { args, record })
}

/// Looks up the push that the command line speaks of, if any. A push that goes on has every host do its part again on which
/// not everything is known to be in its place: what is there already is not sent again, so nothing is done twice.
pub(super) fn of_push(args: &PushArgs) -> anyhow::Result<Option<PastPush>> {
    let asked = &args.how.journal;
    let Some(said) = asked.resume.as_ref().or(asked.again.as_ref()) else { return Ok(None) };
    let option = if asked.resume.is_some() { "--resume" } else { "--again" };
    if !args.sources.is_empty() || args.to.is_some() || has_targets(&args.hosts.beside(Vec::new())) {
        bail!(
            "{option} takes its files and its hosts from the run; leave out a part of the hosts with -x, or begin a push of \
             its own to the target @run:{}:not-ok",
            escape::text(said, 80)
        );
    }
    let store = journal::store(&UserEnvironment::of_process());
    let id = journal::find(&store, said)?;
    let now = Now { exclude: &args.hosts.exclude_hosts, allow_empty: false, journal: asked, command: "push" };
    if asked.resume.is_none() {
        let books = store.read(&id).map_err(journal::fault)?;
        let only = asked.only.as_deref().unwrap_or("all");
        Wish::read(only)?;
        let (args, targets, words) = push_of(&now, &books, (&id, only))?;
        let record = Record::New(Origin { words, again: Some(id), ..Origin::default() });
        return Ok(Some(PastPush { args, targets, record }));
    }
    let reopened = store.reopen(&id).map_err(journal::fault)?;
    let (args, targets, _) = push_of(&now, &reopened.books, (&id, "all"))?;
    let (unknowns, scripted) = (Unknowns::Run, Scripted::Steps);
    let further = Further { reopened, unknowns, scripted, others: Exit::Well, content: BTreeMap::new() };
    Ok(Some(PastPush { args, targets, record: Record::Further(Box::new(further)) }))
}

/// What is typed now about a run of the past.
struct Now<'a> {
    exclude: &'a [String],
    allow_empty: bool,
    journal: &'a JournalArgs,
    /// The command that is typed, which must be the one of the run.
    command: &'static str,
}

fn run_of(now: &Now<'_>, books: &Books, of: (&RunId, &str)) -> anyhow::Result<(RunArgs, Vec<String>)> {
    let (command, words) = line_of(now, books, of.0)?;
    let Command::Run(args) = command else { bail!("run {} was no `omnes run`", of.0) };
    let mut args = *args;
    args.targets = targets_of(now, books, of, args.targets.files);
    args.how.journal = journal_of(now);
    Ok((args, words))
}

fn push_of(
    now: &Now<'_>,
    books: &Books,
    of: (&RunId, &str),
) -> anyhow::Result<(PushArgs, TargetArgs, Vec<String>)> {
    let (command, words) = line_of(now, books, of.0)?;
    let Command::Push(args) = command else { bail!("run {} was no `omnes push`", of.0) };
    let mut args = *args;
    let targets = targets_of(now, books, of, args.hosts.files.clone());
    args.how.journal = journal_of(now);
    Ok((args, targets, words))
}

/// The hosts of the run, those that are left out now apart.
fn targets_of(now: &Now<'_>, books: &Books, (id, wishes): (&RunId, &str), files: FileArgs) -> TargetArgs {
    TargetArgs {
        targets: vec![format!("@run:{id}:{wishes}")],
        exclude: now.exclude.to_vec(),
        files,
        // A run on nobody goes on with nobody; who names a part of the hosts that is empty is told.
        allow_empty: now.allow_empty || books.hosts.is_empty(),
        ..TargetArgs::default()
    }
}

fn journal_of(now: &Now<'_>) -> JournalArgs {
    JournalArgs { no_journal: now.journal.no_journal, ..JournalArgs::default() }
}

/// The command line of the run with what is typed now, and the words of it.
fn line_of(now: &Now<'_>, books: &Books, id: &RunId) -> anyhow::Result<(Command, Vec<String>)> {
    let extra = beside(journal::words());
    journal::check_env(&books.start, &extra)?;
    enter(&books.start.directory)?;
    let words = merged(&books.start.words, extra, (id, now.command))?;
    Ok((parsed(&words, id)?, words))
}

/// Names of files on the old command line are meant from where it was typed.
fn enter(directory: &str) -> anyhow::Result<()> {
    let shown = || format!("{}, where the run was begun, cannot be entered", escape::text(directory, 400));
    match directory.is_empty() {
        true => Ok(()),
        false => std::env::set_current_dir(directory).with_context(shown),
    }
}

/// What is typed beside `run`, and beside the words that speak of the past.
fn beside(words: Vec<String>) -> Vec<String> {
    let placed = words::place(words.into_iter().map(OsString::from).collect()).unwrap_or_default();
    let mut words = placed.into_iter().skip(1).map(|word| word.to_string_lossy().into_owned());
    let mut kept = Vec::new();
    while let Some(word) = words.next() {
        match word.split_once('=').map_or(word.as_str(), |(option, _)| option) {
            "--unknowns" => {}
            "--resume" | "--again" | "--only" => {
                if !word.contains('=') {
                    words.next();
                }
            }
            // What is left out is left out of the hosts of the run.
            "-x" => drop(words.next()),
            _ => kept.push(word),
        }
    }
    kept
}

/// The words of the run with others before its command.
fn merged(then: &[String], extra: Vec<String>, (id, command): (&RunId, &str)) -> anyhow::Result<Vec<String>> {
    let placed = words::place(then.iter().map(OsString::from).collect())?;
    let mut words: Vec<String> = placed.into_iter().map(|word| word.to_string_lossy().into_owned()).collect();
    match words.first().map(String::as_str) {
        Some(first) if first == command => {}
        Some("demo") => bail!("run {id} was on the demo fleet, and its hosts are gone with it"),
        _ => bail!(elsewhere(&words, id)),
    }
    let end = words.iter().position(|word| word == "--").unwrap_or(words.len());
    words.splice(end..end, extra);
    Ok(words)
}

/// What to do about a run of another command.
fn elsewhere(words: &[String], id: &RunId) -> String {
    let command = escape::text(words.first().map(String::as_str).unwrap_or_default(), 40);
    match parsed(words, id) {
        // Their hosts were only read, so they are asked again.
        Ok(Command::Pull(pull)) => {
            let line = pulled_again(words, &pull, id);
            format!("run {id} was `omnes pull`; do it again for the hosts that are not done: {line}")
        }
        Ok(Command::Diff(_)) => {
            format!(
                "run {id} was `omnes diff`, which compares all hosts at once; do it again: {}",
                line(words)
            )
        }
        _ => format!("run {id} was `omnes {command}`; go on with it there: omnes {command} --resume {id}"),
    }
}

/// The command line of a pull for those of its hosts that are not done.
fn pulled_again(words: &[String], pull: &PullArgs, id: &RunId) -> String {
    let Ok(to) = To::read(&pull.from, pull.hosts.named()) else { return line(words) };
    // One copy of what all have alike is made of all.
    if pull.what.same {
        return line(words);
    }
    let from = format!("@run:{id}:not-ok:{}", to.typed);
    if pull.hosts.named() == Beside::Hosts {
        return line(&["pull".to_owned(), from, "--to".to_owned(), pull.to.clone()]);
    }
    let word = |word: &String| if *word == pull.from { from.clone() } else { word.clone() };
    line(&words.iter().map(word).collect::<Vec<String>>())
}

fn line(words: &[String]) -> String {
    let words: Vec<String> = words.iter().map(|word| words::quoted(word)).collect();
    format!("omnes {}", words.join(" "))
}

/// A later option beats an earlier one, since what is typed now stands behind what was typed then.
fn parsed(words: &[String], id: &RunId) -> anyhow::Result<Command> {
    let command = Cli::command().args_override_self(true);
    let line = std::iter::once("omnes").chain(words.iter().map(String::as_str));
    let cannot = |error: clap::Error| {
        let text = error.render().to_string();
        let text = text.strip_prefix("error: ").unwrap_or(&text).trim_end().to_owned();
        anyhow::anyhow!("the command line of run {id} does not go with what is typed now: {text}")
    };
    let matches = command.try_get_matches_from(line).map_err(cannot)?;
    Ok(Cli::from_arg_matches(&matches).map_err(cannot)?.command)
}

/// Those at these places, which are in their order.
pub(super) fn at<T>(all: Vec<T>, places: &[usize]) -> Vec<T> {
    let mut places = places.iter().copied().peekable();
    let wanted = |(at, one): (usize, T)| places.next_if_eq(&at).map(|_| one);
    all.into_iter().enumerate().filter_map(wanted).collect()
}

impl Further {
    /// Whether the host of this number has its turn now.
    fn has_turn(&self, number: usize) -> bool {
        match self.reopened.books.standing(number) {
            Standing::NotRun | Standing::NotStarted => true,
            Standing::NotKnown => self.unknowns == Unknowns::Run,
            Standing::Failed => self.scripted == Scripted::Steps,
            Standing::Well => false,
        }
    }

    /// The step of the script, counted from 0, with which a host goes on: the one in which it stopped.
    pub(super) fn step_of(&self, host: &Host) -> usize {
        let books = &self.reopened.books;
        let account = books.number(&host.to_string()).map(|number| books.account(number));
        match account.map(|account| (account.begun, account.passed)) {
            Some((Some(begun), passed)) if passed < Some(begun) => begun,
            Some((Some(begun), _)) => begun + 1,
            _ => 0,
        }
    }

    /// Which of these hosts have their turn now. Who is left out is said, and counts for the exit code.
    fn turns(&mut self, members: &[Member]) -> Turns {
        let books = &self.reopened.books;
        let count = books.hosts.len();
        let number = |member: &Member| books.number(&member.host.to_string());
        let turn = |at: usize| Some((at, number(&members[at]).filter(|number| self.has_turn(*number))?));
        let (places, at): (Vec<usize>, Vec<usize>) = (0..members.len()).filter_map(turn).unzip();
        let mut left: Vec<bool> = vec![true; count];
        at.iter().for_each(|number| left[*number] = false);
        let left = || left.iter().enumerate().filter(|(_, left)| **left).map(|(number, _)| number);
        let others = left().map(|number| exit_of(books.standing(number)));
        self.others = others.fold(Exit::Well, Exit::worst);
        let _ = writeln!(std::io::stderr(), "omnes: {}", sentence(&self.reopened, places.len(), left()));
        Turns { places, numbers: at.into_iter().map(|number| number + 1).collect(), count }
    }

    /// All hosts of the run, also those that have no turn now.
    pub(super) fn hosts(&self) -> &[Host] {
        &self.reopened.books.hosts
    }

    /// What the hosts that are left out come to.
    pub(super) fn others(&self) -> Exit {
        self.others
    }

    /// Begins the further part.
    pub(super) fn go_on(self, plan: &Plan, retention: Retention) -> anyhow::Result<Kept> {
        journal::check_same(&self.reopened.books.start, &self.content)?;
        let journal = self.reopened.go_on(journal::further_line(plan), &plan.hosts, retention);
        Ok(Kept::beside(journal.map_err(journal::fault)?, self.others))
    }
}

fn exit_of(standing: Standing) -> Exit {
    match standing {
        Standing::Well => Exit::Well,
        Standing::Failed => Exit::Failed,
        Standing::NotRun | Standing::NotStarted => Exit::NotRun,
        Standing::NotKnown => Exit::NotKnown,
    }
}

/// `run X goes on with 40 of 200 hosts; left out: 150 ok: web[01-150]; 10 not known ...`.
fn sentence(run: &Reopened, turns: usize, left: impl Iterator<Item = usize>) -> String {
    let mut groups: BTreeMap<Standing, Vec<Host>> = BTreeMap::new();
    for number in left {
        groups.entry(run.books.standing(number)).or_default().push(run.books.hosts[number].clone());
    }
    let part = |(standing, hosts): (&Standing, &Vec<Host>)| {
        let set: HostSet = hosts.iter().cloned().collect();
        let word = match standing {
            Standing::Well => "ok",
            Standing::Failed => "failed",
            Standing::NotRun => "not run",
            Standing::NotStarted => "not started",
            Standing::NotKnown => "not known (--unknowns runs them)",
        };
        format!("{} {word}: {set}", set.len())
    };
    let (id, count) = (&run.id, run.books.hosts.len());
    let mut text = match turns {
        0 => format!("run {id} has nothing left to do"),
        _ => format!("run {id} goes on with {turns} of {count} hosts"),
    };
    let parts: Vec<String> = groups.iter().map(part).collect();
    if !parts.is_empty() {
        text.push_str(&format!("; left out: {}", parts.join("; ")));
    }
    if run.books.damaged > 0 {
        let lines = if run.books.damaged == 1 { "1 line" } else { "some lines" };
        text.push_str(&format!(
            "; {lines} of its journal cannot be read, so who seems not to have run is not known"
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    fn id() -> RunId {
        RunId::new(1_795_284_902, 31)
    }

    #[test]
    fn what_is_typed_now_stands_behind_what_was_typed_then() {
        let extra = beside(words("-b run --resume last --unknowns -x web1 -f 8 --output=json"));
        assert_eq!(extra, words("-b -f 8 --output=json"));
        let line = merged(&words("-l root run web -f 2 -- uptime -a"), words("-f 8"), (&id(), "run"))
            .expect("a line");
        assert_eq!(line, words("run -l root web -f 2 -f 8 -- uptime -a"));
        let Command::Run(args) = parsed(&line, &id()).expect("a good line") else { panic!("run was meant") };
        assert_eq!(args.how.pacing.fanout.map(std::num::NonZeroUsize::get), Some(8));
        assert_eq!(args.what.command, ["uptime", "-a"]);
    }

    #[test]
    fn what_cannot_go_on_here_is_named() {
        let push = format!("was `omnes push`; go on with it there: omnes push --resume {}", id());
        let pull = format!("that are not done: omnes pull @run:{}:not-ok:/x --to d -P", id());
        let beside = format!("that are not done: omnes pull @run:{}:not-ok:/x --to '{{host}}'", id());
        for (line, part) in [
            ("demo run -- x", "was on the demo fleet, and its hosts are gone with it"),
            ("run web -- x", ""),
            ("push a web:/x", push.as_str()),
            ("pull web:/x --to d -P", pull.as_str()),
            ("pull -w web :/x -P --to {host}", beside.as_str()),
            ("pull web:/x --same --to d", "omnes pull web:/x --same --to d"),
            ("diff web:/x -q", "do it again: omnes diff web:/x -q"),
        ] {
            let got = merged(&words(line), Vec::new(), (&id(), "run"))
                .map_or_else(|error| error.to_string(), |_| String::new());
            assert!(got.ends_with(part) && got.is_empty() == part.is_empty(), "{got}");
        }
        let error =
            parsed(&words("run web -b --output json -- x"), &id()).expect_err("they exclude each other");
        assert!(error.to_string().contains("does not go with what is typed now"), "{error}");
    }

    #[test]
    fn hosts_come_back_through_the_cluster_that_named_them() {
        let mut text = Vec::new();
        let start = crate::run::journal::line::Start {
            count: 4,
            hosts: "db1,web[1-3]".to_owned(),
            clusters: BTreeMap::from([("front".to_owned(), "web[1-3]".to_owned())]),
            ..Default::default()
        };
        crate::run::journal::line::start(&mut text, &start);
        let books = Books::read(&text).expect("a journal");
        let found = parts(&books, &[Wish::All]);
        let shown: Vec<_> =
            found.iter().map(|part| (part.cluster.as_deref(), part.hosts.to_string())).collect();
        assert_eq!(shown, [(None, "db1".to_owned()), (Some("front"), "web[1-3]".to_owned())]);
        assert!(parts(&books, &[Wish::Standing(Standing::Failed)]).is_empty());
    }
}
