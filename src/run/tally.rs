//! What surveys say about hosts in common: folded failures, one line for all. Pure.

use std::collections::HashMap;
use std::fmt::Write as _;

use super::survey::Found;
use crate::hosts::{Host, HostSet};
use crate::outcome::{NotRun, Outcome};
use crate::ssh::ConnectError;

/// Hosts under equal words, in the order in which each word first came.
pub(super) fn grouped<'a>(hosts: impl Iterator<Item = (&'a Host, String)>) -> Vec<(String, HostSet)> {
    let mut groups: Vec<(String, Vec<Host>)> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for (host, word) in hosts {
        let at = *places.entry(word.clone()).or_insert_with(|| {
            groups.push((word, Vec::new()));
            groups.len() - 1
        });
        groups[at].1.push(host.clone());
    }
    groups.into_iter().map(|(word, hosts)| (word, hosts.into_iter().collect())).collect()
}

/// `46 reached: web[01-46]; 1 unreachable (tcp): web48`.
pub(super) fn line<'a>(hosts: impl Iterator<Item = (&'a Host, String)>) -> String {
    let groups = grouped(hosts);
    if groups.is_empty() {
        return "nothing to do: no host".to_owned();
    }
    let parts = groups.iter().map(|(word, set)| format!("{} {word}: {set}", set.len()));
    parts.collect::<Vec<_>>().join("; ")
}

/// Whoever could not be asked, folded under the whole reason, a line each. Interrupted hosts are left to the summary.
pub(super) fn failures<T>(hosts: &[Host], found: &[Found<T>]) -> String {
    let failed = hosts.iter().zip(found).filter_map(|(host, found)| match found {
        Err(NotRun::Connect(error)) => Some((host, error.to_string())),
        _ => None,
    });
    let mut text = String::new();
    for (why, set) in grouped(failed) {
        let _ = writeln!(text, "{set}: {why}");
    }
    text
}

/// The kind of a failure in a few words.
pub(super) fn kind(why: &NotRun) -> String {
    match why {
        NotRun::Connect(error) => error.kind(),
        NotRun::Cancelled => "cancelled".to_owned(),
        NotRun::NotStarted => "not started".to_owned(),
        NotRun::Sudo(_) => "sudo refused".to_owned(),
    }
}

/// The word of a failure for machines, as in the outcomes of a run.
pub(super) fn word(why: &NotRun) -> &'static str {
    Outcome::NotRun(why.clone()).word()
}

/// How far the connection came.
pub(super) fn stage(why: &NotRun) -> Option<String> {
    match why {
        NotRun::Connect(ConnectError::Unreachable { stage, .. }) => Some(stage.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ssh::Stage;

    #[test]
    fn equal_reasons_stand_once() {
        let hosts: Vec<Host> = (1..=4).map(|n| Host::new(None, &format!("web{n}"), None)).collect();
        let refused = || {
            let why = "connection refused".to_owned();
            Err(NotRun::Connect(ConnectError::Unreachable { stage: Stage::Tcp, why }))
        };
        let found: Vec<Found<()>> = vec![refused(), Ok(()), Err(NotRun::Cancelled), refused()];
        assert_eq!(failures(&hosts, &found), "web[1,4]: unreachable (tcp): connection refused\n");
        let words = found.iter().map(|found| found.as_ref().map_or_else(kind, |()| "well".to_owned()));
        let line = line(hosts.iter().zip(words));
        assert_eq!(line, "2 unreachable (tcp): web[1,4]; 1 well: web2; 1 cancelled: web3");
        assert_eq!(super::line(std::iter::empty()), "nothing to do: no host");
    }
}
