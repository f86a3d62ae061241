//! The user's word before a run on many hosts or on guarded ones: their number, typed, or `--yes N`.
//!
//! A run on more hosts than the limit asks, and one that a guard of the configuration speaks of (`[guards.TAG]`): where the
//! tag has patterns, only what matches one of them. The question stands on the terminal, whatever becomes of standard
//! output and wherever standard input comes from; it is put only where somebody can see it and answer it, and nothing is
//! contacted before.

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Write};

use anyhow::{Context, bail};
use rustix::process::getpgrp;
use rustix::termios::{QueueSelector, tcflush, tcgetpgrp};
use tokio::sync::oneshot;

use super::args::ConsentArgs;
use super::consent::{self, Answers, Question};
use super::headless::{self, Interrupts};
use super::screen;
use crate::config::Config;
use crate::escape;
use crate::hosts::HostSet;
use crate::run::forecast::Sends;
use crate::run::{HostIx, Plan};
use crate::tui::guard::{Guarded, Guards};

/// More hosts than this are confirmed, where the configuration says no other number.
const ABOVE: usize = 100;

/// Characters of a command in a question.
const COMMAND_CHARS: usize = 100;

/// What has to be confirmed, and how it is.
pub(super) struct Consent {
    /// What is run, as the question says it.
    command: String,
    hosts: HostSet,
    /// Why it has to be confirmed; without a reason it has not.
    reasons: Vec<String>,
    /// `--yes`.
    yes: Option<usize>,
}

/// What the user said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// It may begin.
    Begin,
    /// The question was interrupted.
    Interrupted,
}

impl Consent {
    /// What this plan has to be confirmed for. Where `--yes` names fewer hosts than it has, nothing is run.
    pub(super) fn new(
        args: &ConsentArgs,
        config: &Config,
        plan: &Plan,
        sends: &dyn Sends,
    ) -> anyhow::Result<Consent> {
        let n = plan.hosts.len();
        enough(args, n)?;
        let above = config.limits.confirm_above.unwrap_or(ABOVE);
        let many = (n > above).then(|| match n {
            1 => format!("1 host is more than {above} (`confirm_above`)"),
            _ => format!("{n} hosts are more than {above} (`confirm_above`)"),
        });
        let mut reasons = Vec::from_iter(many);
        reasons.extend(guarded(&screen::guards(&config.guards)?, plan, sends));
        let command = escape::text(&plan.command, COMMAND_CHARS);
        Ok(Consent { command, hosts: plan.hosts.iter().cloned().collect(), reasons, yes: args.yes })
    }

    /// What the user would be asked, in a sentence.
    pub(super) fn asks(&self) -> Option<String> {
        let reasons = self.reasons.join("; ");
        match (self.reasons.is_empty(), self.yes) {
            (true, _) => None,
            (false, Some(yes)) => Some(format!("{reasons}: --yes {yes} answers")),
            (false, None) => {
                Some(format!("{reasons}: their number, unless --yes {} answers", self.hosts.len()))
            }
        }
    }

    /// Where it has to be asked for, somebody must be there who can answer; said before anything else is asked.
    pub(super) fn can_be_had(&self) -> anyhow::Result<()> {
        if self.is_given() || can_ask() {
            return Ok(());
        }
        bail!(
            "{}; nobody can be asked here, so confirm with --yes {} (--plan shows what would happen); nothing was contacted",
            self.reasons.join("; "),
            self.hosts.len()
        )
    }

    fn is_given(&self) -> bool {
        self.reasons.is_empty() || self.yes.is_some()
    }

    /// Asks where that is needed. Whatever is no yes is an error.
    pub(super) async fn given(&self, interrupts: &mut Interrupts) -> anyhow::Result<Word> {
        if self.is_given() {
            return Ok(Word::Begin);
        }
        self.reasons.iter().for_each(|reason| headless::notice(reason));
        let text = format!("run `{}` on", self.command);
        let question = Question { text: &text, hosts: &self.hosts, answers: Answers::Number };
        let Some(line) = line(question.prompt(), interrupts).await? else {
            headless::notice("interrupted; nothing was contacted");
            return Ok(Word::Interrupted);
        };
        match question.is_confirmed_by(&line) {
            true => Ok(Word::Begin),
            false => bail!("not confirmed: {}; nothing was contacted", refused(&line, self.hosts.len())),
        }
    }
}

/// `--yes N` is for at most N hosts, also where nothing would be asked.
pub(super) fn enough(args: &ConsentArgs, hosts: usize) -> anyhow::Result<()> {
    match args.yes {
        Some(yes) if yes < hosts => bail!(
            "--yes {yes} is for at most {}, and there are {hosts}; nothing was contacted",
            consent::hosts(yes)
        ),
        _ => Ok(()),
    }
}

fn refused(line: &str, hosts: usize) -> String {
    match line.trim() {
        "" => "nothing was typed".to_owned(),
        typed => format!("`{}` is not {hosts}, the number of hosts", escape::text(typed, 40)),
    }
}

/// What the guards have to say about it, tag by tag.
fn guarded(guards: &Guards, plan: &Plan, sends: &dyn Sends) -> Vec<String> {
    let mut of: Vec<Vec<HostIx>> = guards.iter().map(|_| Vec::new()).collect();
    for (host, facts) in plan.facts.iter().enumerate() {
        guards.with(guards.of(&facts.tags)).for_each(|(n, _)| of[n].push(HostIx(host)));
    }
    let all = plan.hosts.len();
    let said = guards.iter().filter_map(|(n, guard)| {
        let hosts = &of[n];
        if hosts.is_empty() || hosts.len() < guard.confirm {
            return None;
        }
        if guard.patterns.is_empty() {
            let are = if hosts.len() == 1 { "is" } else { "are" };
            return Some(format!(
                "{} of {} {are} tagged {}, which is guarded",
                hosts.len(),
                consent::hosts(all),
                guard.tag
            ));
        }
        // Where all are sent the same, one host says it for all.
        let looked_at = if sends.is_same_for_all() { &hosts[..1] } else { hosts };
        let found = guard
            .matches(&plan.command)
            .or_else(|| looked_at.iter().find_map(|host| guard.matches(&sends.own(*host))));
        found.map(|(pattern, line)| {
            let tag = guard.tag.clone();
            let guarded = Guarded { tag, pattern, line, guarded: hosts.len(), hosts: all };
            format!("`{}` {}", guarded.line, guarded.sentence())
        })
    });
    said.collect()
}

/// The terminal of this process, where it is ours to read from: a job in the background would be stopped by it.
fn terminal() -> Option<File> {
    let terminal = File::open("/dev/tty").ok()?;
    (tcgetpgrp(&terminal).ok()? == getpgrp()).then_some(terminal)
}

/// Whether somebody can see a question and answer it.
pub(super) fn can_ask() -> bool {
    io::stderr().is_terminal() && terminal().is_some()
}

/// What is typed behind a question; `None` where it was interrupted.
pub(super) async fn line(prompt: String, interrupts: &mut Interrupts) -> anyhow::Result<Option<String>> {
    let (tell, told) = oneshot::channel();
    // A thread that waits for a line cannot be told to stop; it holds nothing and ends with the process.
    std::thread::spawn(move || tell.send(read(&prompt)));
    tokio::select! {
        line = told => {
            let line = line.context("the question broke off")?.context("the terminal cannot be read")?;
            Ok(Some(line))
        }
        Some(_) = interrupts.recv() => {
            let _ = writeln!(io::stderr());
            Ok(None)
        }
    }
}

/// Puts the question and reads one line; what was typed before is no answer.
fn read(prompt: &str) -> io::Result<String> {
    let terminal = terminal().ok_or(io::ErrorKind::NotFound)?;
    tcflush(&terminal, QueueSelector::IFlush)?;
    io::stderr().write_all(prompt.as_bytes())?;
    let mut line = String::new();
    BufReader::new(terminal).read_line(&mut line)?;
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hosts::Facts;
    use crate::run::Limits;
    use crate::run::work::Orders;

    fn plan(hosts: &str, command: &str, tagged: usize) -> Plan {
        let set: HostSet = hosts.parse().expect("hosts");
        let mut plan = Plan::new(command, set.iter().cloned().collect(), Limits::DEFAULT);
        for facts in plan.facts.iter_mut().take(tagged) {
            *facts = Facts { tags: vec!["prod".to_owned()], ..Facts::default() };
        }
        plan
    }

    fn consent(plan: &Plan, config: &str, yes: Option<usize>) -> anyhow::Result<Consent> {
        let config = crate::config::parse("config.toml", config).expect("a good file");
        let args = ConsentArgs { plan: false, yes };
        Consent::new(&args, &config, plan, &Orders::same(&plan.command))
    }

    fn reasons(plan: &Plan, config: &str) -> Vec<String> {
        consent(plan, config, None).expect("it can be meant").reasons
    }

    #[test]
    fn many_hosts_are_a_reason_from_the_number_on_that_the_configuration_says() {
        for (hosts, config, reason) in [
            ("h[1-100]", "", None),
            ("h[1-101]", "", Some("101 hosts are more than 100 (`confirm_above`)")),
            ("h[1-101]", "limits.confirm_above = 101", None),
            ("h1", "limits.confirm_above = 1", None),
            ("h1", "limits.confirm_above = 0", Some("1 host is more than 0 (`confirm_above`)")),
        ] {
            assert_eq!(reasons(&plan(hosts, "id", 0), config), Vec::from_iter(reason), "{hosts} {config}");
        }
    }

    #[test]
    fn guards_are_a_reason_for_what_matches_on_enough_of_their_hosts() {
        let guard = "[guards.prod]\npatterns = ['\\breboot', '^dd ']\nconfirm = 2";
        let tag = "[guards.prod]";
        let matched = "`sudo reboot` matches `\\breboot`, which is guarded: 2 of the 4 hosts that would hear it are tagged prod";
        for (tagged, command, config, reason) in [
            (2, "sudo reboot", guard, Some(matched)),
            (1, "sudo reboot", guard, None),
            (2, "uptime", guard, None),
            (2, "add if=x", guard, None),
            (0, "sudo reboot", guard, None),
            (2, "sudo reboot", "[guards.dev]", None),
            (1, "uptime", tag, Some("1 of 4 hosts is tagged prod, which is guarded")),
            (4, "uptime", tag, Some("4 of 4 hosts are tagged prod, which is guarded")),
        ] {
            let reasons = reasons(&plan("h[1-4]", command, tagged), config);
            assert_eq!(reasons, Vec::from_iter(reason), "{tagged} {command} {config}");
        }
    }

    #[test]
    fn yes_is_for_at_most_so_many_hosts() {
        let plan = plan("h[1-150]", "id", 0);
        let error = consent(&plan, "", Some(149)).err().expect("too few").to_string();
        assert_eq!(error, "--yes 149 is for at most 149 hosts, and there are 150; nothing was contacted");
        for yes in [150, 1000] {
            let consent = consent(&plan, "", Some(yes)).expect("enough");
            assert!(consent.is_given());
            assert!(consent.asks().expect("a reason").ends_with(&format!(": --yes {yes} answers")));
        }
        let asked = consent(&plan, "", None).expect("it is asked");
        assert!(!asked.is_given());
        assert!(asked.asks().expect("a reason").ends_with(": their number, unless --yes 150 answers"));
    }

    #[test]
    fn a_line_that_is_no_yes_is_named() {
        assert_eq!(refused("\n", 12), "nothing was typed");
        assert_eq!(refused("yes\x1b\n", 12), "`yes^[` is not 12, the number of hosts");
    }
}
