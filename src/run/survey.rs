//! A look at every host that runs nothing there: at most so many at once, every host with exactly one result.
//!
//! Since nothing runs on any host, there is nothing to wait for after an interrupt: the first one, or TERM, ends the
//! connections that are under way, and what was found until then is told; the second leaves at once.

use std::future::Future;
use std::num::NonZeroUsize;
use std::time::Duration;

use tokio::sync::mpsc;

use super::crew::{Crew, Pace, at_least};
use super::{HostIx, Interrupt};
use crate::outcome::{Exit, NotRun};
use crate::ssh::{ConnectError, Target};

/// How long hosts that are given up may take to let go.
const LETTING_GO: Duration = Duration::from_secs(1);

/// What was found on one host, or why nothing was.
pub type Found<T> = Result<T, NotRun>;

/// A survey at its end.
#[derive(Clone, Debug, PartialEq)]
pub struct Survey<T> {
    /// One for each host, in the order of the targets.
    pub found: Vec<Found<T>>,
    /// What the survey itself came to, hosts apart: well, interrupted, or our own fault.
    pub end: Exit,
}

/// Looks at each target with `look`; `told` hears how many hosts are done, and what the user's interrupt does.
pub async fn survey<T, F>(
    targets: Vec<Result<Target, ConnectError>>,
    fanout: NonZeroUsize,
    interrupts: &mut mpsc::Receiver<Interrupt>,
    look: impl Fn(Target) -> F,
    mut told: impl FnMut(Told),
) -> Survey<T>
where
    T: Send + 'static,
    F: Future<Output = Result<T, ConnectError>> + Send + 'static,
{
    let total = targets.len();
    let mut books = Books { found: (0..total).map(|_| Err(NotRun::NotStarted)).collect(), end: Exit::Well };
    let (mut crew, mut waiting) = (Crew::new(), targets.into_iter().enumerate());
    let mut done = 0;
    loop {
        while crew.pace() == Pace::Go
            && crew.at_work().len() < fanout.get()
            && let Some((host, target)) = waiting.next()
        {
            let looking = target.map(&look);
            crew.begin(HostIx(host), |mut pace| async move {
                let looking = looking.map_err(NotRun::Connect)?;
                tokio::select! {
                    biased;
                    () = at_least(&mut pace, Pace::End) => Err(NotRun::Cancelled),
                    found = looking => found.map_err(NotRun::Connect),
                }
            });
        }
        tokio::select! {
            biased;
            Some(_) = interrupts.recv() => {
                books.end = books.end.worst(Exit::Interrupted);
                if crew.pace() == Pace::End {
                    break;
                }
                crew.raise(Pace::End);
                told(Told::Ending);
            }
            ended = crew.next() => match ended {
                Some((host, found)) => {
                    books.enter(host, found);
                    done += 1;
                    told(Told::Done { done, total });
                }
                None => break,
            },
        }
    }
    for (host, found) in crew.give_up(LETTING_GO).await {
        books.enter(host, Some(found.unwrap_or(Err(NotRun::Cancelled))));
    }
    Survey { found: books.found, end: books.end }
}

/// What a survey says while it is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// So many of all hosts are done.
    Done {
        /// How many.
        done: usize,
        /// Of how many.
        total: usize,
    },
    /// The user has interrupted it: connections are being ended.
    Ending,
}

struct Books<T> {
    found: Vec<Found<T>>,
    end: Exit,
}

impl<T> Books<T> {
    fn enter(&mut self, host: HostIx, found: Option<Found<T>>) {
        self.found[host.0] = found.unwrap_or_else(|| {
            self.end = self.end.worst(Exit::OwnFault);
            let why = "internal error, please report it".to_owned();
            Err(NotRun::Connect(ConnectError::Unsupported(why)))
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hosts::Host;

    fn targets(n: usize) -> Vec<Result<Target, ConnectError>> {
        let target = |n| Target::bare(Host::new(None, &format!("web{n}"), None), "127.0.0.1", 22, "root");
        (0..n).map(|n| Ok(target(n))).collect()
    }

    fn two() -> NonZeroUsize {
        NonZeroUsize::new(2).expect("not zero")
    }

    #[tokio::test]
    async fn every_host_has_one_result_in_the_order_of_the_targets() {
        let (_keep, mut interrupts) = mpsc::channel(1);
        let mut all = targets(4);
        all[1] = Err(ConnectError::Unsupported("x".into()));
        let mut heard = Vec::new();
        let look = |target: Target| async move {
            let name = target.host.to_string();
            assert_ne!(name, "web3", "this one breaks off");
            Ok(name)
        };
        let survey = survey(all, two(), &mut interrupts, look, |told| heard.push(told)).await;
        assert_eq!(survey.end, Exit::OwnFault);
        assert_eq!(survey.found[0], Ok("web0".to_owned()));
        assert_eq!(survey.found[1], Err(NotRun::Connect(ConnectError::Unsupported("x".into()))));
        assert_eq!(survey.found[2], Ok("web2".to_owned()));
        assert!(survey.found[3].is_err());
        assert_eq!(heard.last(), Some(&Told::Done { done: 4, total: 4 }));
    }

    #[tokio::test]
    async fn an_interrupt_ends_what_is_under_way_and_begins_nothing() {
        let (send, mut interrupts) = mpsc::channel(1);
        let look = |target: Target| {
            let send = send.clone();
            async move {
                if target.host.to_string() == "web1" {
                    send.send(Interrupt::Int).await.expect("the survey listens");
                }
                std::future::pending::<Result<(), ConnectError>>().await
            }
        };
        let survey = survey(targets(3), two(), &mut interrupts, look, |_| {}).await;
        let expected = [Err(NotRun::Cancelled), Err(NotRun::Cancelled), Err(NotRun::NotStarted)];
        assert_eq!((survey.found, survey.end), (expected.to_vec(), Exit::Interrupted));
    }
}
