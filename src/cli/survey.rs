//! What `ping` and `keys` have in common: hosts settled before anything connects, the survey with its progress, and the
//! telling of what it found.

use std::io::{self, IsTerminal, Write};
use std::num::NonZeroUsize;

use anyhow::bail;

use super::args::{SshArgs, SurveyArgs, TargetArgs};
use super::headless::{self, Interrupts};
use super::preferences;
use super::reach::{self, Reach};
use super::select::{self, Wanted};
use crate::hosts::Host;
use crate::outcome::Exit;
use crate::run::survey::{Survey, Told, survey};
use crate::ssh::{ConnectError, HostKeyPolicy, Target, UserEnvironment};

/// Hosts that are to be looked at.
pub(super) struct Settled {
    /// The hosts, in their order.
    pub(super) hosts: Vec<Host>,
    /// For each, how it is reached, or why it is not contacted.
    pub(super) targets: Vec<Result<Target, ConnectError>>,
    fanout: NonZeroUsize,
}

/// Reads and checks everything that a survey needs; contacts nothing.
pub(super) fn settle(
    targets: &TargetArgs,
    ssh: &SshArgs,
    args: &SurveyArgs,
    example: &str,
) -> anyhow::Result<Settled> {
    let environment = UserEnvironment::of_process();
    let config = preferences::read(&environment)?;
    let wanted = Wanted::new(targets)?;
    if wanted.is_nothing() {
        bail!("no target; name clusters or hosts, for example: {example}");
    }
    let inventory = select::inventory(&targets.files)?;
    select::tell_warnings(&inventory);
    let reach = Reach::new(ssh, &config, environment, HostKeyPolicy::Strict)?;
    let members = wanted.select(&inventory)?;
    let resolved = reach.resolve_all(&members);
    reach::tell_notes(resolved.iter().flatten());
    let each = headless::descriptors(resolved.iter().flatten().map(|resolved| &resolved.target));
    Ok(Settled {
        fanout: headless::fanout_for(args.fanout, &config, each),
        hosts: members.into_iter().map(|member| member.host).collect(),
        targets: resolved.into_iter().map(|resolved| Ok(resolved?.target)).collect(),
    })
}

impl Settled {
    /// Looks at every host; a terminal shows how far that is.
    pub(super) async fn look<T, F>(
        &self,
        interrupts: &mut Interrupts,
        look: impl Fn(Target) -> F,
    ) -> Survey<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, ConnectError>> + Send + 'static,
    {
        let shows = io::stderr().is_terminal();
        let told = |told| match told {
            Told::Done { done, total } if shows && done < total => {
                eprint(&format!("\r\x1b[Komnes: {done} of {total} hosts done"));
            }
            Told::Done { .. } if shows => eprint("\r\x1b[K"),
            Told::Done { .. } => {}
            Told::Ending => {
                let wipe = if shows { "\r\x1b[K" } else { "" };
                eprint(&format!("{wipe}omnes: ending the connections; C-c again leaves at once\n"));
            }
        };
        survey(self.targets.clone(), self.fanout, interrupts, look, told).await
    }
}

fn eprint(text: &str) {
    // Whoever closed our standard error does not want to know.
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Sentences of ours on standard error.
pub(super) fn notice(sentence: &str) {
    eprint(&format!("omnes: {sentence}\n"));
}

/// Writes `out` to standard output, then `err` to standard error. A reader may take its time, but it does not keep us
/// from hearing an interrupt.
pub(super) async fn tell(out: Vec<u8>, err: String, interrupts: &mut Interrupts) -> Exit {
    let telling = tokio::task::spawn_blocking(move || {
        let mut stdout = io::stdout().lock();
        let told = stdout.write_all(&out).and_then(|()| stdout.flush());
        eprint(&err);
        told
    });
    let told = tokio::select! {
        told = telling => told.unwrap_or_else(|_| Err(io::Error::other("internal error"))),
        Some(_) = interrupts.recv() => return Exit::Interrupted,
    };
    match told {
        Ok(()) => Exit::Well,
        Err(error) => {
            // A reader that went away knows that it did.
            if error.kind() != io::ErrorKind::BrokenPipe {
                notice(&format!("standard output cannot be written: {error}"));
            }
            Exit::OwnFault
        }
    }
}
