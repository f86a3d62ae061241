//! Equal results, said once: output kept per host until it is over, then grouped.
//!
//! Theory: while a host runs, its output is kept; when it ends, (stdout, stderr, outcome) is its result, and hosts with
//! equal results form one [`Group`]. Equal outputs are stored once, so a thousand equal answers cost one. The memory is
//! bounded without dropping a byte: a host that passes [`HOST_LIMIT`], or that writes while all kept output together is
//! above [`TOTAL_LIMIT`], *overflows*: what was kept of it is handed back to be shown as live lines, and so is all that
//! follows.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::{HostIx, Stream};
use crate::outcome::Outcome;

/// How much of one host's output is kept, in bytes; above it the host is shown as live lines.
pub const HOST_LIMIT: usize = 4 << 20;
/// How much of all hosts' output is kept, in bytes; above it whoever writes next is shown as live lines.
pub const TOTAL_LIMIT: usize = 256 << 20;

/// What a host wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Text {
    /// To standard output.
    pub out: Vec<u8>,
    /// To standard error.
    pub err: Vec<u8>,
}

impl Text {
    fn len(&self) -> usize {
        self.out.len() + self.err.len()
    }
}

/// Hosts with the same result.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// The hosts, in the order of the plan.
    pub hosts: Vec<HostIx>,
    /// What each of them wrote; empty where it was shown live.
    pub text: Arc<Text>,
    /// What became of each of them.
    pub outcome: Outcome,
}

/// What becomes of a piece of output.
#[derive(Debug, PartialEq, Eq)]
pub enum Kept {
    /// It is kept.
    Kept,
    /// From now on this host is shown live; here is what was kept so far, the new piece included.
    Overflow(Text),
    /// This host is shown live already; the piece is the caller's.
    Live,
}

/// The output of all hosts of a run.
#[derive(Debug)]
pub struct Gather {
    running: HashMap<HostIx, Text>,
    live: HashSet<HostIx>,
    ended: BTreeMap<HostIx, (Arc<Text>, Outcome)>,
    texts: HashSet<Arc<Text>>,
    total: usize,
    host_limit: usize,
    total_limit: usize,
}

impl Default for Gather {
    fn default() -> Gather {
        Gather::with_limits(HOST_LIMIT, TOTAL_LIMIT)
    }
}

impl Gather {
    /// With other limits than the usual ones, in bytes for one host and for all.
    pub fn with_limits(host_limit: usize, total_limit: usize) -> Gather {
        Gather {
            running: HashMap::new(),
            live: Default::default(),
            ended: BTreeMap::new(),
            texts: Default::default(),
            total: 0,
            host_limit,
            total_limit,
        }
    }

    /// A host wrote something.
    pub fn said(&mut self, host: HostIx, stream: Stream, bytes: &[u8]) -> Kept {
        if self.live.contains(&host) {
            return Kept::Live;
        }
        let text = self.running.entry(host).or_default();
        match stream {
            Stream::Out => text.out.extend_from_slice(bytes),
            Stream::Err => text.err.extend_from_slice(bytes),
        }
        self.total += bytes.len();
        if text.len() <= self.host_limit && self.total <= self.total_limit {
            return Kept::Kept;
        }
        self.live.insert(host);
        let text = self.running.remove(&host).unwrap_or_default();
        self.total -= text.len();
        Kept::Overflow(text)
    }

    /// A host's part is over.
    pub fn ended(&mut self, host: HostIx, outcome: Outcome) {
        let text = self.running.remove(&host).unwrap_or_default();
        let len = text.len();
        let text = match self.texts.get(&text) {
            Some(known) => {
                self.total -= len;
                known.clone()
            }
            None => {
                let text = Arc::new(text);
                self.texts.insert(text.clone());
                text
            }
        };
        self.ended.insert(host, (text, outcome));
    }

    /// The groups: well, failed, not run, not known; within a class by status, then by the first host.
    pub fn groups(&self) -> Vec<Group> {
        let mut found: HashMap<(*const Text, String), usize> = HashMap::new();
        let mut groups: Vec<Group> = Vec::new();
        for (host, (text, outcome)) in &self.ended {
            let result = (Arc::as_ptr(text), format!("{} {outcome}", outcome.word()));
            let at = *found.entry(result).or_insert_with(|| {
                groups.push(Group { hosts: Vec::new(), text: text.clone(), outcome: outcome.clone() });
                groups.len() - 1
            });
            groups[at].hosts.push(*host);
        }
        groups.sort_by_key(|group| (group.outcome.class(), status(&group.outcome)));
        groups
    }
}

fn status(outcome: &Outcome) -> u32 {
    match outcome {
        Outcome::Exited(status) => *status,
        _ => u32::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ix(hosts: &[HostIx]) -> Vec<usize> {
        hosts.iter().map(|host| host.0).collect()
    }

    #[test]
    fn equal_results_are_one_group_and_the_failed_come_after_the_well() {
        let mut gather = Gather::default();
        for (host, out, err, status) in [
            (3, "up", "", 0),
            (0, "down", "", 1),
            (2, "up", "", 0),
            (1, "up", "warn", 0),
            (4, "up", "", 2),
            (5, "", "", 0),
        ] {
            gather.said(HostIx(host), Stream::Out, &out.as_bytes()[..out.len() / 2]);
            gather.said(HostIx(host), Stream::Err, err.as_bytes());
            gather.said(HostIx(host), Stream::Out, &out.as_bytes()[out.len() / 2..]);
            gather.ended(HostIx(host), Outcome::Exited(status));
        }
        let groups = gather.groups();
        let seen: Vec<_> = groups.iter().map(|g| (ix(&g.hosts), g.outcome.to_string())).collect();
        assert_eq!(
            seen,
            [
                (vec![1], "ok".into()),
                (vec![2, 3], "ok".into()),
                (vec![5], "ok".into()),
                (vec![0], "exit status 1".into()),
                (vec![4], "exit status 2".to_owned()),
            ]
        );
        assert_eq!(groups[1].text.out, b"up");
    }

    #[test]
    fn above_the_bound_output_is_handed_back_not_dropped() {
        let mut gather = Gather::with_limits(4, 6);
        let (a, b) = (HostIx(0), HostIx(1));
        assert_eq!(gather.said(a, Stream::Out, b"1234"), Kept::Kept);
        let five = Kept::Overflow(Text { out: b"12345".to_vec(), err: vec![] });
        assert_eq!(gather.said(a, Stream::Out, b"5"), five);
        assert_eq!(gather.said(a, Stream::Out, b"6"), Kept::Live);
        assert_eq!(gather.said(b, Stream::Out, b"abcd"), Kept::Kept);
        let third = gather.said(HostIx(2), Stream::Err, b"xyz");
        assert_eq!(third, Kept::Overflow(Text { out: vec![], err: b"xyz".to_vec() }));
    }

    #[test]
    fn equal_texts_are_stored_once() {
        let mut gather = Gather::with_limits(10, 20);
        for host in 0..1_000 {
            assert_eq!(gather.said(HostIx(host), Stream::Out, b"same text"), Kept::Kept, "{host}");
            gather.ended(HostIx(host), Outcome::Exited(0));
        }
        assert_eq!(gather.groups().len(), 1);
    }
}
