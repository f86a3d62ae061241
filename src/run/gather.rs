//! Equal results, said once: output kept while it arrives, then grouped.
//!
//! Theory: what a host writes goes into [`Blocks`], which hold equal output once; when it ends, (stdout, stderr, outcome) is
//! its result, and hosts with equal results form one [`Group`]. Memory is bounded by what blocks allow, and by one block
//! for each stream of a running host; nothing is ever shown out of its group for want of room.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::blocks::{BlockIx, Blocks, Flow, MEMORY, Piece, Shelf};
use super::{HostIx, Stream};
use crate::outcome::Outcome;

/// What a host wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Text {
    out: Vec<BlockIx>,
    err: Vec<BlockIx>,
}

impl Text {
    /// One of its streams.
    pub fn stream(&self, stream: Stream) -> &[BlockIx] {
        match stream {
            Stream::Out => &self.out,
            Stream::Err => &self.err,
        }
    }
}

/// Hosts with the same result.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// The hosts, in the order of the plan.
    pub hosts: Vec<HostIx>,
    /// What each of them wrote.
    pub text: Arc<Text>,
    /// What became of each of them.
    pub outcome: Outcome,
}

/// The output of all hosts of a run.
#[derive(Debug)]
pub struct Gather {
    running: HashMap<HostIx, [Flow; 2]>,
    ended: Vec<(HostIx, Arc<Text>, Outcome)>,
    /// So many of those that ended were taken.
    taken: usize,
    texts: HashSet<Arc<Text>>,
    blocks: Blocks,
}

impl Gather {
    /// Nothing yet; what has no room in memory goes to the shelf.
    pub fn new(shelf: Box<dyn Shelf>) -> Gather {
        Gather::within(MEMORY, shelf)
    }

    /// The same with other memory than usual, in bytes.
    pub fn within(memory: usize, shelf: Box<dyn Shelf>) -> Gather {
        Gather {
            running: HashMap::new(),
            ended: Vec::new(),
            taken: 0,
            texts: HashSet::new(),
            blocks: Blocks::new(memory, shelf),
        }
    }

    /// A host wrote something.
    pub fn said(&mut self, host: HostIx, stream: Stream, bytes: &[u8]) {
        self.running.entry(host).or_default()[stream as usize].add(bytes, &mut self.blocks);
    }

    /// A host's part is over.
    pub fn ended(&mut self, host: HostIx, outcome: Outcome) {
        let [out, err] = self.running.remove(&host).unwrap_or_default();
        let text = Text { out: out.end(&mut self.blocks), err: err.end(&mut self.blocks) };
        let text = match self.texts.get(&text) {
            Some(known) => known.clone(),
            None => {
                let text = Arc::new(text);
                self.texts.insert(text.clone());
                text
            }
        };
        self.ended.push((host, text, outcome));
    }

    /// How many ended.
    pub fn count(&self) -> usize {
        self.ended.len()
    }

    /// Why output was lost, as soon as some was.
    pub fn fault(&self) -> Option<&str> {
        self.blocks.fault()
    }

    /// The groups of all hosts that ended.
    pub fn groups(&self) -> Vec<Group> {
        groups(&self.ended)
    }

    /// The groups of the hosts that ended since this was asked before.
    pub fn take(&mut self) -> Vec<Group> {
        let from = std::mem::replace(&mut self.taken, self.ended.len());
        groups(&self.ended[from..])
    }

    /// What stands in a stream, piece by piece.
    pub fn pieces<'a>(&'a self, stream: &'a [BlockIx]) -> impl Iterator<Item = Piece<'a>> {
        stream.iter().map(|block| self.blocks.piece(*block))
    }

    /// A stream as a whole, where it is complete and has at most so many bytes.
    pub fn whole(&self, stream: &[BlockIx], limit: usize) -> Option<Vec<u8>> {
        if stream.iter().map(|block| self.blocks.len_of(*block)).sum::<usize>() > limit {
            return None;
        }
        let mut whole = Vec::new();
        for piece in self.pieces(stream) {
            let Piece::Bytes(bytes) = piece else { return None };
            whole.extend_from_slice(&bytes);
        }
        Some(whole)
    }
}

/// Hosts by result: well, failed, not run, not known; within a class by status, then by the first host.
fn groups(ended: &[(HostIx, Arc<Text>, Outcome)]) -> Vec<Group> {
    let mut ended: Vec<_> = ended.iter().collect();
    ended.sort_by_key(|(host, ..)| *host);
    let mut found: HashMap<(*const Text, String), usize> = HashMap::new();
    let mut groups: Vec<Group> = Vec::new();
    for (host, text, outcome) in ended {
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

fn status(outcome: &Outcome) -> u32 {
    match outcome {
        Outcome::Exited(status) => *status,
        _ => u32::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::super::blocks::tests::Board;
    use super::*;

    fn gather(memory: usize, room: usize) -> Gather {
        Gather::within(memory, Box::new(Board { room, ..Board::default() }))
    }

    fn ix(hosts: &[HostIx]) -> Vec<usize> {
        hosts.iter().map(|host| host.0).collect()
    }

    #[test]
    fn equal_results_are_one_group_and_the_failed_come_after_the_well() {
        let mut gather = gather(MEMORY, 0);
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
        assert_eq!(gather.whole(groups[1].text.stream(Stream::Out), 100), Some(b"up".to_vec()));
        assert_eq!(gather.whole(groups[1].text.stream(Stream::Out), 1), None);
    }

    #[test]
    fn who_was_taken_is_not_taken_again() {
        let mut gather = gather(MEMORY, 0);
        gather.ended(HostIx(4), Outcome::Exited(0));
        assert_eq!(gather.take().len(), 1);
        gather.ended(HostIx(1), Outcome::Exited(0));
        gather.ended(HostIx(0), Outcome::Exited(0));
        assert_eq!(gather.take().iter().map(|group| ix(&group.hosts)).collect::<Vec<_>>(), [[0, 1]]);
        assert_eq!((gather.take().len(), gather.count()), (0, 3));
        assert_eq!(ix(&gather.groups()[0].hosts), [0, 1, 4]);
    }

    #[test]
    fn however_much_is_written_it_is_in_its_group_and_what_is_lost_is_counted() {
        let mut gather = gather(100_000, 100_000);
        let text: Vec<u8> = (0..20_000).flat_map(|n: u32| n.to_le_bytes()).collect();
        for host in 0..50 {
            gather.said(HostIx(host), Stream::Out, &text);
            gather.ended(HostIx(host), Outcome::Exited(0));
        }
        assert_eq!((gather.groups().len(), gather.fault()), (1, None));
        for host in 50..53 {
            gather.said(HostIx(host), Stream::Err, &host.to_le_bytes());
            gather.said(HostIx(host), Stream::Err, &text);
            gather.ended(HostIx(host), Outcome::Exited(0));
        }
        assert!(gather.fault().is_some());
        let lost = |group: &Group| -> usize {
            let lost = gather.pieces(group.text.stream(Stream::Err)).map(|piece| match piece {
                Piece::Bytes(_) => 0,
                Piece::Lost(bytes) => bytes,
            });
            lost.sum()
        };
        let groups = gather.groups();
        assert_eq!((groups.len(), lost(&groups[0]), lost(&groups[2])), (4, 0, 0));
        // They differ in their first block alone.
        assert_eq!(lost(&groups[3]), super::super::blocks::BLOCK);
        assert_eq!(gather.whole(groups[3].text.stream(Stream::Err), usize::MAX), None);
    }
}
