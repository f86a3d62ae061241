//! What a run would do, told before anything is contacted. Pure.
//!
//! Theory: a [`Forecast`] looks at the very values from which the run is carried out (the plan, its targets, what is sent), so
//! that what it says and what happens cannot part. Hosts that are sent equal words are named together, in the order of
//! their turns, so the first host's words come first; what each host is told of itself (its name, its number) makes no
//! difference there. It is text for people, or one line of JSON.

use std::collections::HashMap;
use std::fmt::Write;
use std::time::Duration;

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::json::{self, Part};
use super::schedule::Pause;
use super::throttle::Fanout;
use super::work::Orders;
use super::{HostIx, Plan};
use crate::escape;
use crate::hosts::{Host, HostSet};
use crate::ssh::{ConnectError, Route, Target};

/// Bytes of commands after which no further one is shown; a forecast of ten thousand hosts with a script of their own is
/// to be read, not to be filled with it. Hosts that are left out are named.
const SHOWN: usize = 1 << 20;

/// Different ways, and different reasons against a host, that stand in the text.
const LINES: usize = 50;

/// What hosts are sent.
pub trait Sends {
    /// All that a host is sent, for people: lines kept, nothing in them that acts on a terminal.
    fn shown(&self, host: HostIx) -> String;
    /// Equal for hosts that do the same, although each may be told its own name.
    fn essence(&self, host: HostIx) -> Vec<u8>;
    /// The user's own words as they come to this host, without what stands around them.
    fn own(&self, host: HostIx) -> String;
    /// Whether all hosts are sent the same.
    fn is_same_for_all(&self) -> bool;
}

impl Sends for Orders {
    fn shown(&self, host: HostIx) -> String {
        Orders::shown(self, host)
    }

    fn essence(&self, host: HostIx) -> Vec<u8> {
        Orders::essence(self, host)
    }

    fn own(&self, host: HostIx) -> String {
        Orders::own(self, host)
    }

    fn is_same_for_all(&self) -> bool {
        matches!(self, Orders::Same(_))
    }
}

/// A run that has not begun.
pub struct Forecast<'a> {
    /// What is run where.
    pub plan: &'a Plan,
    /// For each host of the plan: how it is reached, or why it would not be contacted.
    pub targets: &'a [Result<Target, ConnectError>],
    /// What they are sent.
    pub sends: &'a dyn Sends,
    /// What the user would be asked, in sentences.
    pub asks: Vec<String>,
    /// Where what the hosts write would go, in sentences.
    pub output: Vec<String>,
    /// Whether they hear of it.
    pub contact: Contact,
}

/// Whether hosts hear of a forecast.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Contact {
    /// They do not.
    #[default]
    None,
    /// They are looked at afterwards.
    Looks,
}

/// Hosts that are sent the same.
struct Sent {
    hosts: Vec<HostIx>,
    text: String,
}

/// All that is sent: who is sent what, and those whose words are not shown any more.
struct Commands {
    sent: Vec<Sent>,
    left: Vec<HostIx>,
}

impl Forecast<'_> {
    /// For people.
    pub fn text(&self) -> String {
        let waves = self.plan.pacing.waves(self.plan.hosts.len());
        let mut out = String::new();
        let mut part = |title: &str, lines: Vec<String>| {
            if !lines.is_empty() {
                let _ = writeln!(out, "{title}\n  {}", lines.join("\n  "));
            }
        };
        part("sent", self.sent_lines(&waves));
        part("turns", self.turn_lines(&waves));
        part("reached", self.way_lines());
        part("not contacted", self.refused_lines());
        part("limits", self.limit_lines());
        part("asked", self.asks.clone());
        part("output", self.output.clone());
        let contact = match self.contact {
            Contact::None => "no host was contacted",
            Contact::Looks => "they are looked at, and nothing is changed there",
        };
        format!("plan for {}; {contact}\n{out}", hosts(self.plan.hosts.len()))
    }

    /// One line of JSON, `plan` of `docs/events.md`.
    pub fn json(&self) -> Vec<u8> {
        let waves = self.plan.pacing.waves(self.plan.hosts.len());
        let commands = self.commands(&waves);
        let sent = |sent: &Sent| SentLine { hosts: self.part(&sent.hosts), command: sent.text.clone() };
        let names = |wave: &Vec<HostIx>| wave.iter().map(|host| self.name(*host)).collect();
        let line = PlanLine {
            v: json::V,
            event: "plan",
            command: &self.plan.command,
            count: self.plan.hosts.len(),
            hosts: self.plan.hosts.iter().cloned().collect::<HostSet>().to_string(),
            sent: commands.sent.iter().map(sent).collect(),
            unshown: self.part(&commands.left),
            waves: waves.iter().map(names).collect(),
            targets: (0..self.plan.hosts.len()).map(|ix| self.target_line(HostIx(ix))).collect(),
            limits: self.limits(),
            asks: &self.asks,
            output: &self.output,
        };
        let mut text = Vec::new();
        json::push(&mut text, &line);
        text
    }

    fn commands(&self, waves: &[Vec<HostIx>]) -> Commands {
        let turns = waves.iter().flatten().copied();
        let mut commands = Commands { sent: Vec::new(), left: Vec::new() };
        if self.sends.is_same_for_all() {
            let hosts: Vec<HostIx> = turns.collect();
            let first = hosts.first().map(|first| self.sends.shown(*first));
            commands.sent.extend(first.map(|text| Sent { hosts, text }));
            return commands;
        }
        let (mut known, mut room) = (HashMap::<[u8; 32], usize>::new(), SHOWN);
        for host in turns {
            let digest: [u8; 32] = Sha256::digest(self.sends.essence(host)).into();
            match known.get(&digest) {
                Some(n) => commands.sent[*n].hosts.push(host),
                None if room == 0 => commands.left.push(host),
                None => {
                    let text = self.sends.shown(host);
                    room = room.saturating_sub(text.len());
                    known.insert(digest, commands.sent.len());
                    commands.sent.push(Sent { hosts: vec![host], text });
                }
            }
        }
        commands
    }

    fn sent_lines(&self, waves: &[Vec<HostIx>]) -> Vec<String> {
        let commands = self.commands(waves);
        let mut lines = Vec::new();
        for sent in &commands.sent {
            lines.push(format!("{}:", self.counted(&sent.hosts)));
            lines.extend(sent.text.lines().map(|line| format!("  {line}")));
        }
        if !commands.left.is_empty() {
            let hosts = self.counted(&commands.left);
            lines.push(format!("{hosts}: others, too much to be shown here; name fewer hosts to see them"));
        }
        lines
    }

    fn turn_lines(&self, waves: &[Vec<HostIx>]) -> Vec<String> {
        if let [all] = waves {
            return vec![self.in_order(all)];
        }
        let pause = match self.plan.pacing.pause {
            Pause::None => None,
            Pause::For(wait) => Some(format!("a pause of {}", seconds(wait))),
            Pause::Look => Some("a pause, until you say that it goes on".to_owned()),
        };
        let mut lines = Vec::new();
        for (n, wave) in waves.iter().enumerate() {
            lines.extend(pause.clone().filter(|_| n > 0));
            lines.push(format!("wave {} of {}: {}", n + 1, waves.len(), self.in_order(wave)));
        }
        lines
    }

    fn way_lines(&self) -> Vec<String> {
        let ways = self.targets.iter().map(|target| target.as_ref().ok().map(way));
        self.grouped(ways, "other ways")
    }

    fn refused_lines(&self) -> Vec<String> {
        let whys = self.targets.iter().map(|target| target.as_ref().err().map(ToString::to_string));
        self.grouped(whys, "other reasons")
    }

    /// One line for hosts of which the same is to be said.
    fn grouped(&self, said: impl Iterator<Item = Option<String>>, others: &str) -> Vec<String> {
        let mut groups: Vec<(String, Vec<HostIx>)> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        for (host, said) in said.enumerate() {
            let Some(said) = said else { continue };
            let place = *places.entry(said).or_insert_with_key(|said| {
                groups.push((said.clone(), Vec::new()));
                groups.len() - 1
            });
            groups[place].1.push(HostIx(host));
        }
        let shown = groups.iter().take(LINES);
        let mut lines: Vec<String> =
            shown.map(|(said, hosts)| format!("{}: {said}", self.counted(hosts))).collect();
        if let Some(left) = groups.get(LINES..).filter(|left| !left.is_empty()) {
            let left: Vec<HostIx> = left.iter().flat_map(|(_, hosts)| hosts.iter().copied()).collect();
            lines.push(format!("{}: {others}; --output json has them all", self.counted(&left)));
        }
        lines
    }

    fn limit_lines(&self) -> Vec<String> {
        let (plan, pacing) = (self.plan, &self.plan.pacing);
        let fanout = match pacing.fanout {
            Fanout::Fixed => format!("{} at once", hosts(plan.limits.fanout.get())),
            Fanout::Adapts { .. } => {
                format!("at most {} at once, as many as go well", hosts(plan.limits.fanout.get()))
            }
        };
        let mut lines = vec![fanout];
        lines.extend(self.connect_timeouts().map(|(least, most)| match least == most {
            true => format!("{} to reach a host", seconds(most)),
            false => {
                format!("{} to {} to reach a host, as each is configured", seconds(least), seconds(most))
            }
        }));
        lines.push(match plan.limits.command_timeout {
            Some(time) => format!("{} for a command", seconds(time)),
            None => "no time limit for a command".to_owned(),
        });
        lines.push(match pacing.retry.times {
            0 => "a host that cannot be reached is not tried again".to_owned(),
            times => format!("tried again up to {times} times, where nothing was sent: {}", pacing.retry.on),
        });
        lines.push(match pacing.budget.to_string() {
            budget if budget.is_empty() => "it goes on however many hosts fail".to_owned(),
            budget => format!("it stops when more fail than {budget}"),
        });
        lines
    }

    fn connect_timeouts(&self) -> Option<(Duration, Duration)> {
        let times = || self.targets.iter().flatten().map(|target| target.connect_timeout);
        times().min().zip(times().max())
    }

    fn limits(&self) -> LimitsLine {
        let (plan, pacing) = (self.plan, &self.plan.pacing);
        let budget = pacing.budget.to_string();
        LimitsLine {
            fanout: plan.limits.fanout.get(),
            adapts: pacing.fanout != Fanout::Fixed,
            command_timeout: plan.limits.command_timeout.map(|time| time.as_secs_f64()),
            retries: pacing.retry.times,
            retry_on: pacing.retry.on.to_string(),
            max_fail: (!budget.is_empty()).then_some(budget),
            pause: match pacing.pause {
                Pause::None => None,
                Pause::For(wait) => Some(wait.as_secs_f64()),
                Pause::Look => None,
            },
            looks: pacing.pause == Pause::Look,
        }
    }

    fn target_line(&self, host: HostIx) -> TargetLine {
        let (target, refused) = match &self.targets[host.0] {
            Ok(target) => (Some(target), None),
            Err(error) => (None, Some(error.to_string())),
        };
        let (through, command) = target.map(hops).unwrap_or_default();
        TargetLine {
            host: self.name(host),
            user: target.map(|target| target.user.clone()),
            address: target.map(|target| target.address.clone()),
            port: target.map(|target| target.port),
            connect_timeout: target.map(|target| target.connect_timeout.as_secs_f64()),
            through,
            proxy_command: command.map(str::to_owned),
            refused,
        }
    }

    fn name(&self, host: HostIx) -> String {
        self.plan.hosts[host.0].to_string()
    }

    fn part(&self, hosts: &[HostIx]) -> Part {
        Part::of(hosts.iter().map(|host| self.plan.hosts[host.0].clone()))
    }

    /// `web[01-03] (3)`.
    fn counted(&self, hosts: &[HostIx]) -> String {
        let set: HostSet = hosts.iter().map(|host| self.plan.hosts[host.0].clone()).collect();
        format!("{set} ({})", hosts.len())
    }

    /// Folded where that is their order; else one after another.
    fn in_order(&self, hosts: &[HostIx]) -> String {
        let folded = self.counted(hosts);
        let set = folded.rsplit_once(' ').map_or("", |(set, _)| set);
        let parts = parts(set).into_iter().filter_map(|part| part.parse::<HostSet>().ok());
        let order: Vec<Host> = parts.flat_map(|part| part.iter().cloned().collect::<Vec<_>>()).collect();
        if order.iter().eq(hosts.iter().map(|host| &self.plan.hosts[host.0])) {
            return folded;
        }
        let names: Vec<String> = hosts.iter().map(|host| self.name(*host)).collect();
        format!("{} ({})", names.join(" "), hosts.len())
    }
}

/// The jump hosts before a host, from ours on, and the command through which the first of them all is reached.
fn hops(target: &Target) -> (Vec<String>, Option<&str>) {
    let (mut names, mut at) = (Vec::new(), target);
    while let Route::Jump(via) = &at.route {
        names.push(via.host.to_string());
        at = via;
    }
    names.reverse();
    match &at.route {
        Route::Command(command) => (names, Some(command)),
        _ => (names, None),
    }
}

/// The parts of a folded set, as they stand.
fn parts(set: &str) -> Vec<&str> {
    let mut inside = false;
    let between = move |c: char| {
        inside = (inside || c == '[') && c != ']';
        c == ',' && !inside
    };
    set.split(between).collect()
}

fn way(target: &Target) -> String {
    let (names, command) = hops(target);
    let through = match names.is_empty() {
        true => "directly".to_owned(),
        false => format!("through {}", escape::text(&names.join(", then "), 400)),
    };
    match command {
        None => through,
        Some(command) if names.is_empty() => format!("by the command `{}`", escape::text(command, 400)),
        Some(command) => format!("{through}, that by the command `{}`", escape::text(command, 400)),
    }
}

fn hosts(n: usize) -> String {
    if n == 1 { "1 host".to_owned() } else { format!("{n} hosts") }
}

fn seconds(time: Duration) -> String {
    format!("{} s", time.as_secs_f64())
}

#[derive(Serialize)]
struct PlanLine<'a> {
    v: u32,
    event: &'static str,
    command: &'a str,
    count: usize,
    hosts: String,
    sent: Vec<SentLine>,
    unshown: Part,
    waves: Vec<Vec<String>>,
    targets: Vec<TargetLine>,
    limits: LimitsLine,
    asks: &'a [String],
    output: &'a [String],
}

#[derive(Serialize)]
struct SentLine {
    #[serde(flatten)]
    hosts: Part,
    command: String,
}

#[derive(Serialize)]
struct TargetLine {
    host: String,
    user: Option<String>,
    address: Option<String>,
    port: Option<u16>,
    connect_timeout: Option<f64>,
    through: Vec<String>,
    proxy_command: Option<String>,
    refused: Option<String>,
}

#[derive(Serialize)]
struct LimitsLine {
    fanout: usize,
    adapts: bool,
    command_timeout: Option<f64>,
    retries: u32,
    retry_on: String,
    max_fail: Option<String>,
    pause: Option<f64>,
    looks: bool,
}

#[cfg(test)]
#[path = "forecast_tests.rs"]
mod tests;
