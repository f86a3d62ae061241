//! `push --delete` on the command line: when it can be meant, what is shown before anything is deleted, and the number that is
//! asked for.
//!
//! What would go is worked out by `push::delete` and `push::losses`; here it is told and confirmed. The number is that of the
//! files on the host that loses the most, since one cannot type it without having read it.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::args::DeleteArgs;
use super::confirm::{self, Word};
use super::headless::{self, Interrupts};
use super::keeping;
use crate::escape;
use crate::hosts::Host;
use crate::outcome::Exit;
use crate::push::deed::Purpose;
use crate::push::delete::{Policy, Removal, Strangers};
use crate::push::losses::{Allowed, Detail, Losses, Needed};
use crate::push::manifest_store::{Shelves, TreeName};
use crate::push::source::Sources;
use crate::push::tidy::{Tidy, Ways};
use crate::run::writer::{Queued, Teller};
use crate::run::{Job, Pacing, Summary, run_told};
use crate::ssh::UserEnvironment;

/// What the user meant by the words of the command line that name sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// One folder, as a whole.
    Tree,
    /// One file, or several things.
    Parts,
    /// `--map`: each host its own file.
    Mapped,
}

/// What may be deleted; `None` without `--delete`. An error where nothing as a whole is pushed, so that nobody could say what
/// is to go.
pub(super) fn policy(args: &DeleteArgs, sent: Sent, removal: Removal) -> anyhow::Result<Option<Policy>> {
    if !args.delete {
        return Ok(None);
    }
    match sent {
        Sent::Tree => {}
        Sent::Parts => bail!(
            "--delete goes with one SRC that is a folder, so that it is clear what there is not here any more; push the \
             folder, or leave --delete out"
        ),
        Sent::Mapped => bail!(
            "--delete does not go with --map, which sends single files; push a folder, or leave --delete out"
        ),
    }
    let strangers = if args.delete_unknown { Strangers::Go } else { Strangers::Stay };
    Ok(Some(Policy { strangers, removal }))
}

/// What is pushed, and where, as the user wrote it.
pub(super) struct Tree<'a> {
    /// What was named.
    pub(super) named: &'a Path,
    /// Where it goes, before anything is filled in.
    pub(super) dest: &'a str,
    /// What is in it.
    pub(super) sources: &'a Sources,
}

/// What is remembered of the hosts, and deleted there. Where it cannot be remembered, a push that deletes nothing goes on
/// without. What is only foreseen writes nothing.
pub(super) fn tidy(tree: &Tree<'_>, ways: Ways, purpose: Purpose) -> anyhow::Result<Option<Arc<Tidy>>> {
    let entries = tree.sources.all_entries();
    let shelves = Shelves::at(keeping::state(&UserEnvironment::of_process()).join("pushed"));
    let opened = name(tree).and_then(|name| match purpose {
        Purpose::Change => shelves.open(&name),
        Purpose::Foresee => shelves.look(&name),
    });
    let shelf = match (opened, ways.policy) {
        (Ok(shelf), _) => shelf,
        (Err(why), Some(_)) => {
            return Err(why).context("--delete: what earlier pushes put there is not known");
        }
        (Err(why), None) => {
            let why = escape::reason(&why);
            headless::notice(&format!(
                "what is pushed is not remembered ({why}), so a later --delete leaves it"
            ));
            return Ok(None);
        }
    };
    Ok(Some(Arc::new(Tidy::new(shelf, entries, ways))))
}

/// By what the tree is known again. Links are not resolved: what `current` leads to is the next time still `current`.
fn name(tree: &Tree<'_>) -> io::Result<TreeName> {
    let absolute: PathBuf = std::path::absolute(tree.named)?.components().collect();
    let root = tree.sources.all_entries().first().map(|entry| entry.path.as_bytes()).unwrap_or_default();
    let source = [absolute.as_os_str().as_encoded_bytes(), b" as ", root].concat();
    Ok(TreeName { source, dest: tree.dest.as_bytes().to_vec() })
}

/// The pace at which hosts are only looked at: there is nothing to wait for between waves, and nothing to be saved by ending
/// early.
pub(super) fn of_look(pacing: &Pacing) -> Pacing {
    Pacing { fanout: pacing.fanout, ..Pacing::default() }
}

/// Visits all hosts before anything is changed on any. Who cannot be reached is told when its turn comes.
async fn look(mut job: Job, interrupts: &mut Interrupts) -> Exit {
    job.plan.pacing = of_look(&job.plan.pacing);
    let (tell, told) = mpsc::channel(3);
    let mut looking = pin!(run_told(job, Unsaid, told));
    loop {
        tokio::select! {
            summary = &mut looking => return summary.exit,
            Some(interrupt) = interrupts.recv() => {
                // More than three of them say nothing more.
                let _ = tell.try_send(interrupt);
            }
        }
    }
}

/// Tells nothing.
struct Unsaid;

impl Teller for Unsaid {
    fn drain(&mut self, mut events: mpsc::Receiver<Queued>) {
        while events.blocking_recv().is_some() {}
    }

    fn finish(&mut self, summary: Summary, _: Duration) -> Summary {
        summary
    }

    fn fault(&self) -> CancellationToken {
        CancellationToken::new()
    }
}

/// Looks at all hosts, shows what would go and has it confirmed; `None` where the user ended it.
pub(super) async fn settled(
    args: &DeleteArgs,
    (job, tidy): (Job, &Tidy),
    interrupts: &mut Interrupts,
) -> anyhow::Result<Option<()>> {
    if look(job, interrupts).await == Exit::Interrupted {
        headless::notice("interrupted; nothing was changed");
        return Ok(None);
    }
    let allowed = confirmed(args, tidy.losses()?, interrupts).await?;
    Ok(allowed.map(|allowed| tidy.allow(allowed)))
}

/// Where a number may be needed, somebody must be there to type it; said before anything is contacted where nothing is asked
/// on a terminal.
fn can_be_asked(needed: &Needed) -> anyhow::Result<()> {
    if confirm::can_ask() {
        return Ok(());
    }
    bail!(
        "{}; nobody can be asked here, so confirm with --delete-confirm {} (--plan shows what would go); nothing was changed",
        needed.reasons.join("; "),
        needed.number
    )
}

/// Shows what would go and asks for its number where that is needed. Nothing was changed anywhere before; what comes back may
/// be deleted. `None` where the question was interrupted.
async fn confirmed(
    args: &DeleteArgs,
    losses: Losses,
    interrupts: &mut Interrupts,
) -> anyhow::Result<Option<Allowed>> {
    let told = losses.told(Detail::Some);
    // Standard error may be closed; whoever closed it did not want to read this.
    let _ = io::stderr().write_all(told.as_bytes());
    let needed = losses.needed();
    let number = needed.as_ref().map_or_else(|| losses.most(), |needed| needed.number);
    match (args.delete_confirm, needed) {
        (Some(given), _) if given != number && number > 0 => bail!(
            "--delete-confirm {given}: {} would go on the host that loses the most; nothing was changed",
            files(number)
        ),
        (Some(_), _) | (None, None) => {}
        (None, Some(needed)) => {
            can_be_asked(&needed)?;
            needed.reasons.iter().for_each(|reason| headless::notice(reason));
            let prompt = prompt(&needed.worst, needed.number);
            let Word::Begin = typed(&prompt, needed.number, interrupts).await? else { return Ok(None) };
        }
    }
    Ok(Some(losses.allowed()))
}

async fn typed(prompt: &str, number: usize, interrupts: &mut Interrupts) -> anyhow::Result<Word> {
    let Some(line) = confirm::line(prompt.to_owned(), interrupts).await? else {
        headless::notice("interrupted; nothing was changed");
        return Ok(Word::Interrupted);
    };
    match line.trim() {
        typed if typed == number.to_string() => Ok(Word::Begin),
        "" => bail!("not confirmed: nothing was typed; nothing was changed"),
        typed => bail!(
            "not confirmed: `{}` is not {number}, the number of files; nothing was changed",
            escape::text(typed, 40)
        ),
    }
}

fn prompt(worst: &Host, number: usize) -> String {
    let most = if number == 1 { "1 file goes".to_owned() } else { format!("{number} files go") };
    format!(
        "omnes: delete these files? {most} on {worst}, which loses the most (type the number of files to confirm) "
    )
}

fn files(n: usize) -> String {
    if n == 1 { "1 file".to_owned() } else { format!("{n} files") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_folder_as_a_whole_can_lose_something() {
        let policy = |delete, sent| {
            let args = DeleteArgs { delete, delete_unknown: true, delete_confirm: None };
            policy(&args, sent, Removal::Gone).map_err(|error| error.to_string())
        };
        let allowed = Policy { strangers: Strangers::Go, removal: Removal::Gone };
        assert_eq!(policy(true, Sent::Tree), Ok(Some(allowed)));
        for sent in [Sent::Parts, Sent::Mapped] {
            assert_eq!(policy(false, sent), Ok(None));
            assert!(policy(true, sent).expect_err("it is no tree").starts_with("--delete "));
        }
    }

    #[test]
    fn the_question_names_the_number_and_the_host() {
        let host = "web1".parse().expect("a host");
        assert_eq!(
            prompt(&host, 2),
            "omnes: delete these files? 2 files go on web1, which loses the most (type the number of files to confirm) "
        );
    }
}
