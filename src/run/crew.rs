//! The hosts at work, each in a task of its own, under one pace that all of them hear.
//!
//! Every host that is begun is at work until it is given back once by [`Crew::next`] or [`Crew::give_up`]; whoever uses a
//! crew decides who is begun when, and keeps the books. A host may come again after it was given back.

use std::collections::HashMap;
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

/// Hosts at work, whose tasks come to a `T`.
pub(super) struct Crew<T> {
    tasks: JoinSet<T>,
    hosts: HashMap<Id, HostIx>,
    pace: watch::Sender<Pace>,
}

impl<T: Send + 'static> Crew<T> {
    /// Nobody is at work.
    pub(super) fn new() -> Crew<T> {
        Crew { tasks: JoinSet::new(), hosts: HashMap::new(), pace: watch::Sender::new(Pace::Go) }
    }

    /// The pace that holds.
    pub(super) fn pace(&self) -> Pace {
        *self.pace.borrow()
    }

    /// At least this pace from now on; every task hears of it.
    pub(super) fn raise(&self, pace: Pace) {
        self.pace.send_if_modified(|old| std::mem::replace(old, pace.max(*old)) < pace);
    }

    /// Begins a host that is not at work.
    pub(super) fn begin<F>(&mut self, host: HostIx, work: impl FnOnce(watch::Receiver<Pace>) -> F)
    where
        F: Future<Output = T> + Send + 'static,
    {
        let task = self.tasks.spawn(work(self.pace.subscribe()));
        self.hosts.insert(task.id(), host);
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
    pub(super) fn at_work(&self) -> impl ExactSizeIterator<Item = HostIx> {
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
    async fn each_host_is_given_back_once_for_each_time_that_it_was_begun() {
        let mut crew = Crew::new();
        let begin = |crew: &mut Crew<usize>, host: usize| {
            crew.begin(HostIx(host), move |_| async move {
                assert_ne!(host, 3, "this one breaks off");
                host + 10
            });
        };
        (0..5).for_each(|host| begin(&mut crew, host));
        assert_eq!(crew.at_work().count(), 5);
        let (mut done, mut again) = (Vec::new(), true);
        while let Some(ended) = crew.next().await {
            if std::mem::take(&mut again) {
                begin(&mut crew, ended.0.0);
            }
            done.push(ended);
        }
        done.sort_by_key(|(host, _)| *host);
        done.dedup();
        let expected = [Some(10), Some(11), Some(12), None, Some(14)];
        assert_eq!(
            done,
            expected.into_iter().enumerate().map(|(n, job)| (HostIx(n), job)).collect::<Vec<_>>()
        );
    }

    #[tokio::test]
    async fn who_is_given_up_is_named_and_the_pace_never_goes_back() {
        let mut crew: Crew<()> = Crew::new();
        for host in 0..2 {
            crew.begin(HostIx(host), |mut pace| async move { at_least(&mut pace, Pace::Leave).await });
        }
        crew.raise(Pace::End);
        crew.raise(Pace::StartNoMore);
        assert_eq!(crew.pace(), Pace::End);
        let mut given_up = crew.give_up(Duration::from_secs(60)).await;
        given_up.sort_by_key(|(host, _)| *host);
        assert_eq!(given_up, [(HostIx(0), None), (HostIx(1), None)]);
        assert_eq!(crew.next().await, None);
    }
}
