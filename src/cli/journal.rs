//! The journal of a headless command: where it is, what its first line holds, how it is begun.
//!
//! The words of the command line are kept as they were typed, since a run is gone on with by reading them again. The values of
//! `--env` are not: only their names are, and whoever goes on gives them again. Passwords and what is read from standard
//! input stand on no command line.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io::{self, Write};

use anyhow::{Context, bail};
use sha2::{Digest, Sha256};

use super::OwnFault;
use super::args::JournalArgs;
use super::keeping;
use super::past::Further;
use super::{preferences, words};
use crate::config::Config;
use crate::escape;
use crate::hosts::{Host, HostSet};
use crate::outcome::Exit;
use crate::run::journal::line::{Resume, Start};
use crate::run::journal::{Journal, Retention, RunId, Store, StoreError};
use crate::run::{Plan, Summary};
use crate::ssh::UserEnvironment;

/// The runs of this user.
pub(super) fn store(environment: &UserEnvironment) -> Store {
    Store::at(keeping::state(environment).join("runs"))
}

/// How much is kept.
fn retention(config: &Config) -> Retention {
    let (said, usual) = (config.journal, Retention::DEFAULT);
    Retention {
        keep: said.keep.unwrap_or(usual.keep),
        max_size: said.max_size.unwrap_or(usual.max_size),
        max_runs: said.max_runs.unwrap_or(usual.max_runs),
    }
}

/// What the journal is told of a run besides its plan.
pub(super) enum Record {
    /// A run that begins.
    New(Origin),
    /// One that goes on.
    Further(Box<Further>),
}

/// Where a run that begins comes from.
#[derive(Clone, Debug, Default)]
pub(super) struct Origin {
    /// The words of the command line after `omnes`; `--env` still has its values.
    pub(super) words: Vec<String>,
    /// By what it is (`script`, `stdin`): the digest of what was read ([`Record::sends`]).
    pub(super) content: BTreeMap<String, String>,
    /// The run whose command is run again.
    pub(super) again: Option<RunId>,
}

impl Origin {
    /// As the command line of this process says.
    pub(super) fn of_process() -> Origin {
        Origin { words: words(), ..Origin::default() }
    }
}

/// The words of this command line after `omnes`.
pub(super) fn words() -> Vec<String> {
    std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect()
}

/// The SHA-256 of what is sent, so that a run that goes on sends the same.
fn digest(mut content: impl io::Read) -> io::Result<String> {
    let (mut digest, mut piece) = (Sha256::new(), vec![0; 64 << 10]);
    loop {
        match content.read(&mut piece)? {
            0 => return Ok(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()),
            read => digest.update(&piece[..read]),
        }
    }
}

impl Record {
    /// What is sent to hosts beside their names: `what` is `command`, `script` or `stdin`. Of its content only the digest is
    /// kept; a run that goes on refuses to send anything else.
    pub(super) fn sends(&mut self, what: &str, content: impl io::Read) -> anyhow::Result<()> {
        let digest = digest(content).with_context(|| format!("the {what} cannot be read"))?;
        match self {
            Record::New(origin) => origin.content.insert(what.to_owned(), digest),
            Record::Further(further) => further.content.insert(what.to_owned(), digest),
        };
        Ok(())
    }
}

/// A journal that is open, and what the hosts without a turn in this part came to.
pub(super) struct Kept {
    /// Where what happens is recorded.
    pub(super) journal: Journal,
    others: Exit,
}

impl Kept {
    /// Begins or goes on with a journal, before anything is contacted.
    pub(super) fn open(plan: &Plan, args: &JournalArgs, record: Record) -> anyhow::Result<Kept> {
        if args.no_journal {
            return Ok(Kept { journal: Journal::default(), others: Exit::Well });
        }
        let environment = UserEnvironment::of_process();
        let retention = retention(&preferences::read(&environment)?);
        match record {
            Record::New(origin) => {
                let start = first_line(plan, origin);
                let begun = store(&environment).begin(start, &plan.hosts, retention);
                let (_, journal) = begun.map_err(fault)?;
                Ok(Kept { journal, others: Exit::Well })
            }
            Record::Further(further) => further.go_on(plan, retention),
        }
    }

    /// A journal that goes on beside hosts that came to this.
    pub(super) fn beside(journal: Journal, others: Exit) -> Kept {
        Kept { journal, others }
    }

    /// The summary of the whole run; what the journal has to complain of is said.
    pub(super) fn closed(self, summary: Summary) -> Summary {
        if let Some(complaint) = self.journal.complaint() {
            let _ = writeln!(io::stderr(), "omnes: {complaint}");
        }
        let end = if self.journal.is_faulty() { Exit::OwnFault } else { Exit::Well };
        summary.with(end).with(self.others)
    }
}

/// An error of a journal: of the command line where it is about which run is meant, else our own.
pub(super) fn fault(error: StoreError) -> anyhow::Error {
    match error {
        StoreError::Reference(_) | StoreError::Alive(_) => anyhow::anyhow!("{error}"),
        _ => OwnFault(error.to_string()).into(),
    }
}

fn first_line(plan: &Plan, origin: Origin) -> Start {
    let (words, env) = without_values(origin.words);
    let hosts: HostSet = plan.hosts.iter().cloned().collect();
    Start {
        command: plan.command.clone(),
        count: plan.hosts.len(),
        hosts: hosts.to_string(),
        clusters: clusters(plan),
        words,
        env,
        directory: std::env::current_dir().map(|at| at.display().to_string()).unwrap_or_default(),
        content: origin.content,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        again: origin.again.map(|id| id.to_string()),
        ..Start::default()
    }
}

/// The line that begins a further part for the hosts of this plan.
pub(super) fn further_line(plan: &Plan) -> Resume {
    let hosts: HostSet = plan.hosts.iter().cloned().collect();
    let (words, _) = without_values(words());
    let version = env!("CARGO_PKG_VERSION").to_owned();
    Resume { words, count: plan.hosts.len(), hosts: hosts.to_string(), version, ..Resume::default() }
}

/// By cluster: the hosts that were named through it. The outermost is the one that the user wrote.
fn clusters(plan: &Plan) -> BTreeMap<String, String> {
    let mut named: BTreeMap<&str, Vec<&Host>> = BTreeMap::new();
    for (host, facts) in plan.hosts.iter().zip(&plan.facts) {
        if let Some(cluster) = facts.clusters.last() {
            named.entry(cluster).or_default().push(host);
        }
    }
    let folded = |hosts: Vec<&Host>| hosts.into_iter().cloned().collect::<HostSet>().to_string();
    named.into_iter().map(|(cluster, hosts)| (cluster.to_owned(), folded(hosts))).collect()
}

/// The words without `--env NAME=VALUE`, and those names.
fn without_values(words: Vec<String>) -> (Vec<String>, Vec<String>) {
    let (mut kept, mut names) = (Vec::new(), BTreeSet::new());
    let name = |said: &str| said.split('=').next().unwrap_or_default().to_owned();
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        match word.strip_prefix("--env") {
            _ if word == "--" => {
                kept.push(word);
                kept.extend(words.by_ref());
            }
            Some("") => names.extend(words.next().map(|said| name(&said))),
            Some(said) if said.starts_with('=') => {
                names.insert(name(&said[1..]));
            }
            _ => kept.push(word),
        }
    }
    (kept, names.into_iter().collect())
}

/// What is typed beside `--resume` must give the variables again.
pub(super) fn check_env(start: &Start, given: &[String]) -> anyhow::Result<()> {
    let (_, names) = without_values(given.to_vec());
    let missing: Vec<&String> = start.env.iter().filter(|name| !names.contains(name)).collect();
    if let Some(name) = missing.first() {
        let name = escape::text(name, 80);
        bail!("the value of {name} is in no journal; give it again: --env {name}=VALUE");
    }
    Ok(())
}

/// What is sent must be what was sent before.
pub(super) fn check_same(start: &Start, content: &BTreeMap<String, String>) -> anyhow::Result<()> {
    let kinds: BTreeSet<&String> = start.content.keys().chain(content.keys()).collect();
    if let Some(what) = kinds.into_iter().find(|what| start.content.get(*what) != content.get(*what)) {
        let (what, id) = (escape::text(what, 40), escape::text(&start.run, 40));
        bail!(
            "the {what} is not what it was when run {id} began, and its hosts would not all get the same; bring it back, or \
             begin a run of its own: {}",
            anew(start, &id)
        );
    }
    Ok(())
}

/// The command that does for the hosts that are left of a run what it was to do, with what is here now.
fn anew(start: &Start, id: &str) -> String {
    let placed = words::place(start.words.iter().map(OsString::from).collect()).unwrap_or_default();
    match placed.first().and_then(|word| word.to_str()) {
        Some("push") => format!("omnes push --again {id} --only not-ok"),
        Some("play") => format!("omnes play FILE @run:{id}:not-run"),
        _ => format!("omnes run --again {id} --only not-run"),
    }
}

/// The id of a run that a user means.
pub(super) fn find(store: &Store, said: &str) -> anyhow::Result<RunId> {
    store.find(said).map_err(fault)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hosts::Facts;
    use crate::run::Limits;

    #[test]
    fn words_are_kept_without_the_values_of_variables() {
        for (line, kept, names) in [
            ("run web -- uptime", "run web -- uptime", vec![]),
            ("run --env A=1 web --env=B=2=3 -- x --env C=4", "run web -- x --env C=4", vec!["A", "B"]),
            ("run --environment x -- y", "run --environment x -- y", vec![]),
            ("run --env", "run", vec![]),
        ] {
            let words = line.split(' ').map(str::to_owned).collect();
            let (got, env) = without_values(words);
            assert_eq!(
                (got.join(" ").as_str(), env),
                (kept, names.into_iter().map(str::to_owned).collect()),
                "{line}"
            );
        }
        let start = Start { env: vec!["TOKEN".to_owned()], ..Start::default() };
        let given = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert!(check_env(&start, &given("--env TOKEN=x")).is_ok());
        let error = check_env(&start, &given("-b")).expect_err("not given").to_string();
        assert_eq!(error, "the value of TOKEN is in no journal; give it again: --env TOKEN=VALUE");
    }

    #[test]
    fn hosts_are_remembered_with_the_cluster_that_the_user_wrote() {
        let hosts: HostSet = "web[1-2],db1".parse().expect("hosts");
        let mut plan = Plan::new("x", hosts.iter().cloned().collect(), Limits::DEFAULT);
        for (host, facts) in plan.hosts.iter().zip(&mut plan.facts) {
            if host.name().starts_with("web") {
                *facts = Facts { clusters: vec!["inner".into(), "outer".into()], ..Facts::default() };
            }
        }
        let start = first_line(&plan, Origin::default());
        assert_eq!(start.clusters, BTreeMap::from([("outer".to_owned(), "web[1-2]".to_owned())]));
        assert_eq!((start.count, start.hosts.as_str()), (3, "db1,web[1-2]"));
    }

    #[test]
    fn what_is_sent_is_known_again_by_its_digest() {
        let known = digest(b"abc".as_slice()).expect("it reads");
        assert_eq!(known, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        let mut record = Record::New(Origin::default());
        record.sends("command", b"uptime".as_slice()).expect("it reads");
        let Record::New(origin) = record else { panic!("it is new") };
        let start = Start { content: origin.content.clone(), run: "x".to_owned(), ..Start::default() };
        assert!(check_same(&start, &origin.content).is_ok());
        let error = check_same(&start, &BTreeMap::new()).expect_err("nothing").to_string();
        assert!(error.starts_with("the command is not what it was when run x began"), "{error}");
        assert!(error.ends_with("omnes run --again x --only not-run"), "{error}");
        for (line, advice) in [
            ("push --map d --to web:/x", "omnes push --again x --only not-ok"),
            ("-l root push a web:/x", "omnes push --again x --only not-ok"),
            ("play steps.toml web", "omnes play FILE @run:x:not-run"),
        ] {
            let words = line.split(' ').map(str::to_owned).collect();
            let start = Start { words, ..start.clone() };
            let error = check_same(&start, &BTreeMap::new()).expect_err("nothing").to_string();
            assert!(error.ends_with(&format!("begin a run of its own: {advice}")), "{error}");
        }
    }
}
