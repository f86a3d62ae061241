//! At most so many hosts at work, each in a task of its own, under one pace that all of them hear.
//!
//! Every host that is handed in is either never begun, at work, or given back once by [`Crew::next`]; whoever uses a crew
//! keeps the books of that.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::timeout;

use super::HostIx;

/// How far the user has gone with interrupts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Pace {
    Go,
    StartNoMore,
    End,
    Leave,
}

/// Hosts, what is needed for each (`J`), and what their tasks come to (`T`).
pub(super) struct Crew<J, T> {
    waiting: std::iter::Enumerate<std::vec::IntoIter<J>>,
    /// Tasks at once; at the bound the next host waits for its turn.
    fanout: usize,
    tasks: JoinSet<T>,
    hosts: HashMap<Id, HostIx>,
    pace: watch::Sender<Pace>,
}

impl<J, T: Send + 'static> Crew<J, T> {
    /// A crew that has begun nothing; the first of `jobs` is host 0.
    pub(super) fn new(jobs: Vec<J>, fanout: NonZeroUsize) -> Crew<J, T> {
        Crew {
            waiting: jobs.into_iter().enumerate(),
            fanout: fanout.get(),
            tasks: JoinSet::new(),
            hosts: HashMap::new(),
            pace: watch::Sender::new(Pace::Go),
        }
    }

    /// The pace that holds.
    pub(super) fn pace(&self) -> Pace {
        *self.pace.borrow()
    }

    /// Another pace from now on; every task hears of it.
    pub(super) fn set_pace(&self, pace: Pace) {
        self.pace.send_replace(pace);
    }

    /// Begins hosts until the fan-out is reached; none at any other pace than [`Pace::Go`].
    pub(super) fn start_more<F>(&mut self, mut work: impl FnMut(HostIx, J, watch::Receiver<Pace>) -> F)
    where
        F: Future<Output = T> + Send + 'static,
    {
        while self.pace() == Pace::Go && self.tasks.len() < self.fanout {
            let Some((ix, job)) = self.waiting.next() else { return };
            let task = self.tasks.spawn(work(HostIx(ix), job, self.pace.subscribe()));
            self.hosts.insert(task.id(), HostIx(ix));
        }
    }

    /// The next host that is done, and what it came to: `None` where its task broke off. `None` when nobody is at work.
    pub(super) async fn next(&mut self) -> Option<(HostIx, Option<T>)> {
        let ended = self.tasks.join_next_with_id().await?;
        Some(self.ended(ended))
    }

    fn ended(&mut self, ended: Result<(Id, T), JoinError>) -> (HostIx, Option<T>) {
        let (id, result) = match ended {
            Ok((id, result)) => (id, Some(result)),
            Err(error) => (error.id(), None),
        };
        let host = self.hosts.remove(&id).expect("every task was entered when it was spawned");
        (host, result)
    }

    /// The hosts at work.
    pub(super) fn at_work(&self) -> impl Iterator<Item = HostIx> {
        self.hosts.values().copied()
    }

    /// Gives up whoever is at work, and gives them back: with what they came to where they did in time.
    ///
    /// Tasks that are given up let go of their connections; that takes no time, unless something hangs, and that is not
    /// waited for longer than `patience`.
    pub(super) async fn give_up(&mut self, patience: Duration) -> Vec<(HostIx, Option<T>)> {
        self.tasks.abort_all();
        let mut given_up = Vec::new();
        let ending = async {
            while let Some(ended) = self.next().await {
                given_up.push(ended);
            }
        };
        let _ = timeout(patience, ending).await;
        given_up.extend(std::mem::take(&mut self.hosts).into_values().map(|host| (host, None)));
        given_up
    }
}

/// Waits until the user has gone so far.
pub(super) async fn at_least(pace: &mut watch::Receiver<Pace>, wanted: Pace) {
    if pace.wait_for(|pace| *pace >= wanted).await.is_err() {
        std::future::pending().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_host_is_given_back_once_and_no_more_than_the_fan_out_are_at_work() {
        let two = NonZeroUsize::new(2).expect("not zero");
        let mut crew = Crew::new(vec![10, 11, 12, 13, 14], two);
        let mut done = Vec::new();
        loop {
            crew.start_more(|host, job, _| async move {
                assert_ne!(host, HostIx(3), "this one breaks off");
                job
            });
            assert!(crew.at_work().count() <= 2);
            let Some(ended) = crew.next().await else { break };
            done.push(ended);
        }
        done.sort_by_key(|(host, _)| *host);
        let expected = [Some(10), Some(11), Some(12), None, Some(14)];
        assert_eq!(
            done,
            expected.into_iter().enumerate().map(|(n, job)| (HostIx(n), job)).collect::<Vec<_>>()
        );
    }

    #[tokio::test]
    async fn who_is_given_up_is_named_and_who_waits_is_not_begun() {
        let two = NonZeroUsize::new(2).expect("not zero");
        let mut crew: Crew<u8, ()> = Crew::new(vec![0; 5], two);
        crew.start_more(|_, _, mut pace| async move { at_least(&mut pace, Pace::Leave).await });
        crew.set_pace(Pace::StartNoMore);
        crew.start_more(|_, _, _| std::future::ready(()));
        let mut given_up = crew.give_up(Duration::from_secs(60)).await;
        given_up.sort_by_key(|(host, _)| *host);
        assert_eq!(given_up, [(HostIx(0), None), (HostIx(1), None)]);
        assert_eq!(crew.next().await, None);
    }
}
