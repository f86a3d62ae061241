//! A link that is cut at any byte: every host is accounted for, and who is said not to have run the command has not.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use omnes::ask::Nobody;
use omnes::hosts::Host;
use omnes::outcome::{NotRun, Outcome, Unknown};
use omnes::run::report::{Sink, Sinks};
use omnes::run::{self, Ends, Job, Limits, Output, Plan, Summary};
use omnes::ssh::{ConnectError, Connector, Target, Tcp};
use tokio::sync::mpsc;

use crate::common::*;
use crate::support::proxy::{End, Proxy, Toxic, Way};
use crate::support::sshd::Sshd;

/// How many cuts are made; a longer run asks for more.
const CUTS: &str = "OMNES_TEST_CUTS";

/// Runs a command on targets without an output.
pub(crate) async fn run_on(targets: Vec<Target>, command: &str) -> Summary {
    let hosts = targets.iter().map(|target| target.host.clone()).collect();
    let job = Job::command(
        Plan::new(command, hosts, Limits::DEFAULT),
        targets.into_iter().map(Ok).collect(),
        Connector::new(Arc::new(Tcp), Arc::new(Nobody), Arc::new(Keys::default())),
    );
    let ends = Ends {
        out: Box::new(std::io::sink()),
        err: Box::new(std::io::sink()),
        sinks: Sinks { out: Sink::Exact, err: Sink::Exact },
    };
    let (_keep, interrupts) = mpsc::channel(1);
    tokio::time::timeout(DEADLINE * 2, run::run(job, Output::Stream, ends, interrupts))
        .await
        .expect("it ends")
}

/// A target that is reached through a proxy, named by its number.
pub(crate) fn through(proxy: &Proxy, sshd: &Sshd, n: usize) -> Target {
    let mut target = target("127.0.0.1", proxy.port(), &sshd.client_key());
    target.host = Host::new(None, &format!("cut{n:03}"), None);
    target
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_said_not_to_have_run_the_command_has_not() {
    let cuts: usize = std::env::var(CUTS).map_or(20, |cuts| cuts.parse().expect("a number"));
    let sshd = Sshd::builder().start();
    let file = |n: usize| sshd.dir().join(format!("ran.{n}"));
    let command = |n: usize| format!("echo x >> {}; echo x", file(n).display());
    let ran = |n: usize| fs::exists(file(n)).expect("its directory is there");

    // How much is said when nothing goes wrong.
    let whole = Proxy::to(sshd.port());
    let summary = run_on(vec![through(&whole, &sshd, cuts)], &command(cuts)).await;
    assert_eq!(summary.outcomes, [Outcome::Exited(0)]);
    let all = [whole.passed(Way::Up), whole.passed(Way::Down)];
    assert!(ran(cuts) && all[0] > 1000 && all[1] > 1000, "{all:?}");

    let runs = (0..cuts).map(|n| {
        let (way, total) = if n % 2 == 0 { (Way::Down, all[1]) } else { (Way::Up, all[0]) };
        // From the first byte to some way behind the last one.
        let at = (total + 200) * (n as u64 / 2) / (cuts as u64 / 2 - 1).max(1);
        let proxy = Proxy::to(sshd.port());
        proxy.set(way, Toxic::Cut(at, if n % 4 < 2 { End::Rst } else { End::Fin }));
        let mut target = through(&proxy, &sshd, n);
        // Refused before it is known, a host is tried again for as long as this.
        target.connect_timeout = Duration::from_secs(2);
        let command = command(n);
        tokio::spawn(async move { (way, at, run_on(vec![target], &command).await, proxy) })
    });
    let runs: Vec<_> = runs.collect();
    let (mut well, mut not_run, mut not_known) = (0, 0, 0);
    let mut ends = Vec::new();
    for run in runs {
        let (way, at, summary, _proxy) = run.await.expect("no panic");
        let [outcome] = summary.outcomes.as_slice() else { panic!("one host, one outcome: {summary:?}") };
        ends.push((way, at, outcome.clone()));
    }
    wait_until("what was started has ended", || sshd.is_idle()).await;
    for (n, (way, at, outcome)) in ends.into_iter().enumerate() {
        let said = format!("cut {way:?} at {at} of {all:?}: {outcome}");
        match outcome {
            Outcome::Exited(0) => {
                assert!(ran(n), "{said}");
                well += 1;
            }
            Outcome::NotRun(NotRun::Connect(
                ConnectError::Unreachable { .. } | ConnectError::Throttled(_),
            )) => {
                assert!(!ran(n), "it has run, though {said}");
                not_run += 1;
            }
            Outcome::Unknown(Unknown::LinkLost(_)) => not_known += 1,
            _ => panic!("{said}"),
        }
    }
    assert!(well > 0 && not_run > 0, "{well} well, {not_run} not run, {not_known} not known");
}
