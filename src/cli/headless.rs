//! What all headless commands have in common: the process prepared, the run carried out, its exit code.

use std::collections::HashMap;
use std::io::Write;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;

use super::args::{HowArgs, PacingArgs};
use super::journal::{Kept, Record};
use super::pacing::AtTerminal;
use super::{OwnFault, reading, signals};
use crate::config::Config;
use crate::run::{Interrupt, Job, Limits, Summary, limits, plan};
use crate::ssh::{HOSTS_PER_LINK, Route, Target};

/// Where a run hears of them.
pub(super) type Interrupts = tokio::sync::mpsc::Receiver<Interrupt>;

/// File descriptors kept for standard streams, files, the runtime, the agent's pool of connections.
pub(super) const SPARE: u64 = 64;

/// How long the end of the process may take at most; normally it takes a few milliseconds.
const PARTING: Duration = Duration::from_millis(500);

/// How much at once and how long; a fan-out that the system does not allow is lowered, and that is said. `each` is how
/// many file descriptors each host takes.
pub(super) fn limits_for(pacing: &PacingArgs, config: &Config, each: Vec<u64>) -> Limits {
    let fanout = fanout_for(pacing.fanout, config, each);
    let timeout = pacing.command_timeout.or(config.limits.command_timeout);
    Limits { fanout, command_timeout: timeout.filter(|timeout| !timeout.is_zero()) }
}

/// The file descriptors that each host takes. A connection to a jump host is counted where the first of those behind it
/// stands, as they share it.
pub(super) fn descriptors<'a>(targets: impl Iterator<Item = &'a Target>) -> Vec<u64> {
    let mut behind: HashMap<*const Target, usize> = HashMap::new();
    let of = |target: &'a Target| {
        let Route::Jump(via) = &target.route else { return target.descriptors() };
        let mut first = via;
        while let Route::Jump(via) = &first.route {
            first = via;
        }
        let hosts = behind.entry(Arc::as_ptr(first)).or_default();
        *hosts += 1;
        if (*hosts - 1).is_multiple_of(HOSTS_PER_LINK) { first.descriptors() } else { 0 }
    };
    targets.map(of).collect()
}

/// The fan-out alone.
pub(super) fn fanout_for(asked: Option<NonZeroUsize>, config: &Config, each: Vec<u64>) -> NonZeroUsize {
    let wanted = asked.or(config.limits.fanout).unwrap_or(Limits::DEFAULT.fanout);
    let needed = wanted.min(NonZeroUsize::new(each.len()).unwrap_or(NonZeroUsize::MIN));
    let allowed = descriptors_allowed();
    match plan::lowered(needed, allowed, SPARE, each) {
        None => wanted,
        Some(lower) => {
            notice(&format!(
                "fan-out {lower} instead of {needed}: {allowed} file descriptors are allowed (`ulimit -n`)"
            ));
            lower
        }
    }
}

/// How many file descriptors this process may have, from now on as many as it ever may.
pub(super) fn descriptors_allowed() -> u64 {
    limits::raise_descriptors()
}

/// A sentence of ours before a run.
pub(super) fn notice(sentence: &str) {
    // Whoever closed our standard error does not want to know.
    let _ = writeln!(std::io::stderr(), "omnes: {sentence}");
}

/// A runtime for one command.
pub(super) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    let built = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    built.context(OwnFault("no runtime".into()))
}

/// Lets go of what is still at work: nobody waits for its end (after the last interrupt there may be much of it), only for
/// each task to be dropped, since that is what ends a proxy command. A thread that cannot be dropped is left after [`PARTING`].
pub(super) fn leave(runtime: tokio::runtime::Runtime) {
    runtime.shutdown_timeout(PARTING);
}

/// Interrupts of this process, from now on. To be had before a demo fleet starts, which catches signals that are ignored.
pub(super) fn interrupts() -> anyhow::Result<Interrupts> {
    signals::interrupts().context(OwnFault("signals cannot be watched".into()))
}

/// Carries out a run on the standard streams of this process, recorded in its journal. An error says that nothing was
/// contacted.
pub(super) async fn carry_out(
    job: Job,
    how: &HowArgs,
    record: Record,
    interrupts: Interrupts,
) -> anyhow::Result<Summary> {
    let job = Job { overseer: Arc::new(AtTerminal), ..job };
    let writer = reading::writer(&how.reading, &job.plan)?;
    let kept = Kept::open(&job.plan, &how.journal, record)?;
    // Among the hosts it drives, so that no other thread is woken for each that ends.
    let run = tokio::spawn(crate::run::run_kept(job, writer, kept.journal.clone(), interrupts));
    let summary = run.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
    Ok(kept.closed(summary))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hosts::Host;

    #[test]
    fn hosts_behind_a_jump_host_share_its_descriptors() {
        let bare = |name: &str| Target::bare(Host::new(None, name, None), name, 22, "me");
        let bastion = Arc::new(bare("bastion"));
        let second = Target { route: Route::Jump(Arc::clone(&bastion)), ..bare("second") };
        let (near, far) = (Route::Jump(bastion), Route::Jump(Arc::new(second)));
        let mut targets = vec![bare("web"), Target { route: Route::Command("nc".to_owned()), ..bare("db") }];
        targets.extend((0..HOSTS_PER_LINK).map(|_| Target { route: near.clone(), ..bare("behind") }));
        targets.push(Target { route: far, ..bare("behind both") });
        let each = descriptors(targets.iter());
        assert_eq!(each[..4], [2, 4, 2, 0]);
        assert_eq!(each[4..].iter().sum::<u64>(), 2, "those beyond the first connection");
    }
}
