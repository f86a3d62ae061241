//! How changes to known_hosts are confirmed, on the command line or by a question on the terminal; and that question, as
//! `confirm` puts it too.

use std::io::{self, BufRead, IsTerminal, Write};

use anyhow::{Context, bail};
use rustix::termios::{QueueSelector, tcflush};

use super::args::{FormArg, KeysArgs};
use super::headless::Interrupts;
use crate::escape;
use crate::hosts::HostSet;

/// Characters of the hosts' names in a question; thousands that do not fold would push it off the screen.
const SET_CHARS: usize = 1000;

/// How learning and replacing are confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Consent {
    pub(super) accept: Means,
    pub(super) replace: Means,
}

/// How one of them is confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Means {
    /// It was not asked for.
    Off,
    /// The user is asked.
    Ask,
    /// On the command line.
    Given,
    /// On the command line, for so many hosts.
    Number(usize),
}

impl Consent {
    /// What the command line says. Where nobody can be asked and nothing confirms, nothing is contacted.
    pub(super) fn new(args: &KeysArgs) -> anyhow::Result<Consent> {
        let json = args.survey.output == Some(FormArg::Json);
        let asks = !json && io::stdin().is_terminal() && io::stderr().is_terminal();
        let accept = match (args.accept, args.yes) {
            (false, _) => Means::Off,
            (true, true) => Means::Given,
            (true, false) if asks => Means::Ask,
            _ => bail!("--accept asks before it learns, and nobody can be asked here; confirm with --yes"),
        };
        let replace = match (args.replace, args.confirm) {
            (false, _) => Means::Off,
            (true, Some(number)) => Means::Number(number),
            (true, None) if asks => Means::Ask,
            _ => bail!(
                "--replace asks for the number of hosts, and nobody can be asked here; look first without it, then \
                 confirm the number with --confirm N"
            ),
        };
        Ok(Consent { accept, replace })
    }
}

/// Something that the user confirms.
pub(super) struct Question<'a> {
    /// What is to be done, before the number of hosts: `learn 3 keys of`.
    pub(super) text: &'a str,
    /// The hosts that it is about.
    pub(super) hosts: &'a HostSet,
    /// What confirms it.
    pub(super) answers: Answers,
}

/// What confirms a question. Enter alone never does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answers {
    /// The number of hosts.
    Number,
    /// The number of hosts, or `yes`.
    NumberOrYes,
}

impl Question<'_> {
    /// The question as it stands on the terminal, behind which the answer is typed.
    pub(super) fn prompt(&self) -> String {
        let (text, n) = (self.text, hosts(self.hosts.len()));
        let set = escape::text(&self.hosts.to_string(), SET_CHARS);
        let answers = match self.answers {
            Answers::Number => "type the number of hosts to confirm",
            Answers::NumberOrYes => "type `yes` or the number of hosts to confirm",
        };
        format!("omnes: {text} {n}: {set}? ({answers}) ")
    }

    /// Whether this line is the answer.
    pub(super) fn is_confirmed_by(&self, line: &str) -> bool {
        let line = line.trim();
        line == self.hosts.len().to_string() || (self.answers == Answers::NumberOrYes && line == "yes")
    }

    /// A number on the command line is the number of hosts.
    pub(super) fn check(&self, means: Means) -> anyhow::Result<()> {
        match means {
            Means::Number(number) if number != self.hosts.len() => {
                let n = hosts(self.hosts.len());
                bail!("--confirm {number}: the keys of {n} can be replaced; nothing was changed")
            }
            _ => Ok(()),
        }
    }

    /// Whether the user wants it; `None` where the question was interrupted.
    pub(super) async fn confirmed(
        &self,
        means: Means,
        interrupts: &mut Interrupts,
    ) -> anyhow::Result<Option<bool>> {
        self.check(means)?;
        match means {
            Means::Off => return Ok(Some(false)),
            Means::Given | Means::Number(_) => return Ok(Some(true)),
            Means::Ask => {}
        }
        let prompt = self.prompt();
        let reading = tokio::task::spawn_blocking(move || {
            // What was typed before the question was to be seen does not answer it.
            let _ = tcflush(io::stdin(), QueueSelector::IFlush);
            let mut line = String::new();
            let _ = io::stderr().write_all(prompt.as_bytes());
            io::stdin().lock().read_line(&mut line).map(|_| line)
        });
        tokio::select! {
            line = reading => {
                let line = line.context("the question broke off")?.unwrap_or_default();
                Ok(Some(self.is_confirmed_by(&line)))
            }
            Some(_) = interrupts.recv() => Ok(None),
        }
    }
}

/// So many hosts, in words.
pub(super) fn hosts(n: usize) -> String {
    if n == 1 { "1 host".to_owned() } else { format!("{n} hosts") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enter_alone_confirms_nothing() {
        let hosts: HostSet = "web[1-3]".parse().expect("hosts");
        let question = |answers| Question { text: "learn 3 keys of", hosts: &hosts, answers };
        for (line, by_number, by_either) in [
            ("", false, false),
            ("\n", false, false),
            ("y\n", false, false),
            ("yes\n", false, true),
            ("2\n", false, false),
            ("3\n", true, true),
            (" 3 \n", true, true),
        ] {
            assert_eq!(question(Answers::Number).is_confirmed_by(line), by_number, "{line:?}");
            assert_eq!(question(Answers::NumberOrYes).is_confirmed_by(line), by_either, "{line:?}");
        }
        let prompt = question(Answers::Number).prompt();
        assert_eq!(
            prompt,
            "omnes: learn 3 keys of 3 hosts: web[1-3]? (type the number of hosts to confirm) "
        );
    }
}
