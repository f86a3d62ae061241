//! A script as it is played to these hosts: every pattern compiled, every expression read, every template checked. Pure.
//!
//! What a [`Score`] holds cannot fail any more for a reason that stands in the file, so nothing is contacted before it is
//! there.

use std::time::Duration;

use regex::Regex;

use super::keys::Keys;
use super::script::{Act, OnFail, Script, Step, TIMEOUT};
use super::shell;
use crate::escape;
use crate::hosts::template::{Piece, Place};
use crate::hosts::{Empty, Facts, Host, HostSet, Template, among};
use crate::pane;
use crate::size::Size;

/// A script for certain hosts.
#[derive(Debug)]
pub struct Score {
    script: Script,
    hosts: Vec<(Host, Facts)>,
    /// By host: its number in the whole run, from 1.
    numbers: Vec<usize>,
    /// How many hosts the whole run has.
    count: usize,
    /// By step: for whom it is, by host; `None` is everybody.
    who: Vec<Option<Vec<bool>>>,
    texts: Texts,
}

/// What braces in the texts of a script are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Texts {
    /// Themselves.
    #[default]
    AsTheyAre,
    /// Places for what differs from host to host (`--template`).
    Templates,
}

/// One step as one host plays it.
#[derive(Clone, Debug)]
pub struct Part {
    /// Which step of the script, from 0.
    pub step: usize,
    /// What is sent.
    pub deed: Sent,
    /// What the cursor's line must show first.
    pub at: Option<Regex>,
    /// What must come.
    pub expect: Option<Regex>,
    /// In this time.
    pub timeout: Duration,
    /// What follows where it does not.
    pub on_fail: OnFail,
    /// Whether all come here before anybody begins it.
    pub barrier: bool,
}

/// What a host is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sent {
    /// A command line.
    Command(String),
    /// Keys.
    Keys(Keys),
    /// A paste.
    Paste(String),
    /// The secret of this name, and Enter.
    Secret(String),
}

impl Score {
    /// Reads a script for these hosts. The error holds a sentence for each fault.
    pub fn new(script: Script, hosts: Vec<(Host, Facts)>, how: (Texts, Empty)) -> Result<Score, Vec<String>> {
        let (texts, empty) = how;
        let mut faults = Vec::new();
        let mut who = Vec::with_capacity(script.steps.len());
        let listed: Vec<(&Host, &Facts)> = hosts.iter().map(|(host, facts)| (host, facts)).collect();
        for (n, step) in script.steps.iter().enumerate() {
            match audience(step, &listed, empty) {
                Ok(those) => who.push(those),
                Err(fault) => faults.push(format!("step {}: {fault}", n + 1)),
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let count = hosts.len();
        let score = Score { script, hosts, numbers: (1..=count).collect(), count, who, texts };
        match score.check_texts() {
            faults if faults.is_empty() => Ok(score),
            faults => Err(faults),
        }
    }

    /// The same where these hosts are a part of a run: by host its number in the whole, from 1, and how many hosts that has.
    pub fn numbered(self, numbers: Vec<usize>, count: usize) -> Score {
        debug_assert_eq!(numbers.len(), self.hosts.len());
        Score { numbers, count, ..self }
    }

    /// Every text of every host is made once, so that none fails later; a fault is told of its first host.
    fn check_texts(&self) -> Vec<String> {
        let fault = |n: usize| {
            let hosts = (0..self.hosts.len()).filter(|host| self.is_for(n, *host));
            let hosts = hosts.take(if self.texts == Texts::Templates { usize::MAX } else { 1 });
            let fault = hosts
                .map(|host| (host, self.part(host, n)))
                .find_map(|(host, part)| Some((host, part.err()?)));
            fault.map(|(host, fault)| format!("step {} for {}: {fault}", n + 1, self.hosts[host].0))
        };
        (0..self.script.steps.len()).filter_map(fault).collect()
    }

    /// The size of the remote terminals.
    pub fn size(&self) -> Size {
        self.script.size.unwrap_or(Size::DEFAULT)
    }

    /// The script.
    pub fn script(&self) -> &Script {
        &self.script
    }

    /// How many hosts it is for.
    pub fn hosts(&self) -> usize {
        self.hosts.len()
    }

    /// A host by its place.
    pub fn host(&self, host: usize) -> &Host {
        &self.hosts[host].0
    }

    /// What follows where a step fails.
    pub fn on_fail(&self, step: usize) -> OnFail {
        self.script.steps[step].on_fail
    }

    /// Whether a step runs a command.
    pub fn is_command(&self, step: usize) -> bool {
        matches!(self.script.steps[step].act, Act::Run(_))
    }

    /// Whether a step is for a host.
    pub fn is_for(&self, step: usize, host: usize) -> bool {
        self.who[step].as_ref().is_none_or(|those| those[host])
    }

    /// For whom a step is.
    pub fn audience(&self, step: usize) -> HostSet {
        (0..self.hosts.len())
            .filter(|host| self.is_for(step, *host))
            .map(|host| self.hosts[host].0.clone())
            .collect()
    }

    /// The steps at which all wait for all, from 0.
    pub fn barriers(&self) -> Vec<usize> {
        (0..self.script.steps.len()).filter(|step| self.script.steps[*step].barrier).collect()
    }

    /// The secrets that are needed, each once, in the order of the file.
    pub fn secrets(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for (n, step) in self.script.steps.iter().enumerate() {
            let needed = || (0..self.hosts.len()).any(|host| self.is_for(n, host));
            if let Act::Secret(name) = &step.act
                && !names.contains(&name.as_str())
                && needed()
            {
                names.push(name);
            }
        }
        names
    }

    /// Whether every host plays the same.
    pub fn is_same_for_all(&self) -> bool {
        self.texts == Texts::AsTheyAre && self.who.iter().all(Option::is_none)
    }

    /// What a host plays from this step on.
    pub fn parts(&self, host: usize, from: usize) -> Vec<Part> {
        let steps = (from..self.script.steps.len()).filter(|step| self.is_for(*step, host));
        steps.filter_map(|step| self.part(host, step).ok()).collect()
    }

    fn part(&self, host: usize, n: usize) -> Result<Part, String> {
        let step = &self.script.steps[n];
        let before = n.checked_sub(1).map(|n| &self.script.steps[n]);
        let at = match (&step.at, &step.act, before) {
            (Some(at), _, _) => Some(at),
            // The reader of the file saw to it that there is one.
            (None, Act::Secret(_), Some(before)) => before.expect.as_ref(),
            _ => None,
        };
        let pattern = |text: &String| pane::pattern(text);
        let deed = match &step.act {
            Act::Run(command) => Sent::Command(self.filled(command, host, shell::word)?),
            Act::Send(keys) => Sent::Keys(keys.clone()),
            Act::Paste(text) => Sent::Paste(self.filled(text, host, str::to_owned)?),
            Act::Secret(name) => Sent::Secret(name.clone()),
        };
        Ok(Part {
            step: n,
            deed,
            at: at.map(pattern).transpose()?,
            expect: step.expect.as_ref().map(pattern).transpose()?,
            timeout: step.timeout.unwrap_or(TIMEOUT),
            on_fail: step.on_fail,
            barrier: step.barrier,
        })
    }

    /// A text with its places filled in, each value made fit for where it stands.
    fn filled(&self, text: &str, host: usize, fit: fn(&str) -> String) -> Result<String, String> {
        if self.texts == Texts::AsTheyAre {
            return Ok(text.to_owned());
        }
        let template = Template::parse(text).map_err(|error| error.to_string())?;
        let (name, facts) = &self.hosts[host];
        let place = Place { host: name, facts, n: self.numbers[host], count: self.count };
        let pieces = template.pieces(&place).map_err(|error| error.to_string())?;
        let piece = |(text, piece): (String, Piece)| if piece == Piece::Name { fit(&text) } else { text };
        Ok(pieces.into_iter().map(piece).collect())
    }
}

/// For whom a step is, by host.
fn audience(step: &Step, hosts: &[(&Host, &Facts)], empty: Empty) -> Result<Option<Vec<bool>>, String> {
    let Some(on) = &step.on else { return Ok(None) };
    let named: std::collections::HashSet<Host> = among(on, hosts)?.into_iter().collect();
    if named.is_empty() && empty == Empty::Refused {
        let on = escape::text(on, 60);
        return Err(format!(
            "on = \"{on}\" names none of these hosts; --allow-empty leaves the step out where that is meant"
        ));
    }
    Ok(Some(hosts.iter().map(|(host, _)| named.contains(host)).collect()))
}

/// What a script would do to these hosts, for people; nothing is contacted for it.
pub fn told(score: &Score) -> String {
    let all: HostSet = score.hosts.iter().map(|(host, _)| host.clone()).collect();
    let steps = &score.script.steps;
    let mut text = format!("{} steps, {} hosts: {all}\n", steps.len(), all.len());
    if let Some(description) = &score.script.description {
        text.push_str(&format!("{}\n", escape::text(description, 400)));
    }
    for (n, step) in steps.iter().enumerate() {
        let set = score.audience(n);
        let who = match set.len() {
            0 => "nobody".to_owned(),
            len if len == all.len() => "all".to_owned(),
            len => format!("{set} ({len})"),
        };
        let barrier = if step.barrier { ", when all have come here" } else { "" };
        text.push_str(&format!("{:>3}. {who}{barrier}: {}\n", n + 1, sentence(step)));
    }
    let secrets = score.secrets();
    if !secrets.is_empty() {
        text.push_str(&format!("secrets that are asked for: {}\n", secrets.join(", ")));
    }
    text
}

/// A step in a line.
fn sentence(step: &Step) -> String {
    const CHARS: usize = 70;
    let act = match &step.act {
        Act::Run(command) => format!("run {}", escape::text(command, CHARS)),
        Act::Send(keys) => format!("send {}", escape::text(&keys.to_string(), CHARS)),
        Act::Paste(text) => format!("paste {}", escape::text(text, CHARS)),
        Act::Secret(name) => format!("type the secret {name}"),
    };
    match &step.expect {
        Some(expect) => format!("{act}  -> /{}/", escape::text(expect, CHARS)),
        None => act,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::play::file;

    fn score(text: &str, how: (Texts, Empty)) -> Result<Score, Vec<String>> {
        let host = |n: usize| {
            let tags = if n == 1 { vec!["canary".to_owned()] } else { Vec::new() };
            let vars = [("dc".to_owned(), format!("d c{n}"))].into();
            let facts = Facts { clusters: vec![Arc::from("web")], tags, vars, ..Facts::default() };
            (Host::new(None, &format!("web{n}"), None), facts)
        };
        Score::new(file::parse("f", text).expect("a good file"), (1..=3).map(host).collect(), how)
    }

    const PLAIN: (Texts, Empty) = (Texts::AsTheyAre, Empty::Refused);

    #[test]
    fn each_host_plays_what_is_for_it() {
        let text = "[[step]]\nrun = 'a {x}'\n[[step]]\non = '@canary'\nrun = 'b'\n[[step]]\non = 'web[2-9]'\nrun = 'c'\nbarrier = true";
        let score = score(text, PLAIN).expect("it fits");
        let steps = |host: usize, from: usize| {
            score.parts(host, from).iter().map(|part| part.step).collect::<Vec<_>>()
        };
        assert_eq!((steps(0, 0), steps(1, 0), steps(2, 1)), (vec![0, 1], vec![0, 2], vec![2]));
        assert_eq!(score.barriers(), [2]);
        assert_eq!(
            told(&score),
            "3 steps, 3 hosts: web[1-3]\n  1. all: run a {x}\n  2. web1 (1): run b\n  3. web[2-3] (2), when all have come here: run c\n"
        );
    }

    #[test]
    fn what_names_nobody_is_refused_unless_it_is_meant() {
        let text = "[[step]]\non = 'db1'\nrun = 'a'\n[[step]]\non = 'x['\nrun = 'a'";
        let faults = score(text, PLAIN).expect_err("db1 is not there");
        assert!(
            faults[0].starts_with("step 1: on = \"db1\" names none of these hosts; --allow-empty"),
            "{faults:?}"
        );
        assert!(faults[1].starts_with("step 2: "), "{faults:?}");
        let text = "[[step]]\non = 'db1'\nrun = 'a'\n[[step]]\nrun = 'b'";
        assert_eq!(score(text, (Texts::AsTheyAre, Empty::Allowed)).expect("meant").parts(0, 0).len(), 1);
    }

    #[test]
    fn templates_are_filled_in_where_they_are_wanted_fit_for_their_place() {
        let text = "[[step]]\nrun = 'echo {dc} {host}'\n[[step]]\npaste = '{dc}'\nexpect = 'c2{1}$'";
        let filled = score(text, (Texts::Templates, Empty::Refused)).expect("it fits");
        let parts = filled.parts(1, 0);
        assert_eq!(parts[0].deed, Sent::Command("echo 'd c2' web2".into()));
        assert_eq!(parts[1].deed, Sent::Paste("d c2".into()));
        assert!(parts[1].expect.as_ref().is_some_and(|expect| expect.is_match("d c2")));
        let faults =
            score("[[step]]\nrun = '{nope}'", (Texts::Templates, Empty::Refused)).expect_err("no such name");
        assert!(faults[0].starts_with("step 1 for web1: "), "{faults:?}");
    }

    #[test]
    fn a_secret_is_typed_where_the_step_before_expects_its_prompt() {
        let text = "[[step]]\nsend = '\"sudo -i\" Enter'\nexpect = 'assword: $'\n[[step]]\nsecret = 'sudo'\nexpect = '# $'";
        let score = score(text, PLAIN).expect("it fits");
        assert_eq!(score.parts(0, 1)[0].at.as_ref().map(Regex::as_str), Some("assword: $"));
        assert_eq!(score.secrets(), ["sudo"]);
    }
}
