//! The sums of a host's files, made there.
//!
//! Theory: a program on the host sums a file that it would cost much to read back. Whether it has one, and a shell that lets it
//! run, is learned from the first answer; who comes while that is asked waits for it, and what cannot be had is not asked for again.

use std::time::Duration;

use tokio::sync::Mutex;

use super::shell::{Extent, Shell, Summed};
use super::trouble::Trouble;
use crate::ssh::Link;

/// Whether something on a host can sum files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Skill {
    Untried,
    Has,
    Lacks,
}

/// The sums of a host's files, as long as something there can make them.
pub(super) struct Sums<'a> {
    shell: Shell<'a>,
    /// Held while the host is asked, so that who comes next knows what the one before has learned.
    skill: Mutex<Skill>,
}

impl<'a> Sums<'a> {
    pub(super) fn new(link: &'a Link) -> Sums<'a> {
        Sums { shell: Shell::new(link), skill: Mutex::new(Skill::Untried) }
    }

    /// The same with another patience.
    pub(super) fn patient(self, patience: Duration) -> Sums<'a> {
        Sums { shell: self.shell.patient(patience), ..self }
    }

    /// A sum will be asked for, for the first time perhaps: what is long to wait for begins now.
    pub(super) async fn make_ready(&self) {
        let may_ask = self.skill.try_lock().is_ok_and(|skill| *skill != Skill::Lacks);
        if may_ask {
            self.shell.make_ready().await;
        }
    }

    /// The sum of a file of so many bytes; `None` where nothing on the host can make it. A host that could not the first time, or
    /// did not answer at any time, is not asked again.
    pub(super) async fn sha256(&self, path: &[u8], size: u64) -> Result<Option<[u8; 32]>, Trouble> {
        self.ask(path, (Extent::Whole, size)).await
    }

    /// The same of so many bytes at the beginning of a file, whatever is behind them.
    pub(super) async fn of_beginning(&self, path: &[u8], size: u64) -> Result<Option<[u8; 32]>, Trouble> {
        self.ask(path, (Extent::Beginning, size)).await
    }

    async fn ask(&self, path: &[u8], extent: (Extent, u64)) -> Result<Option<[u8; 32]>, Trouble> {
        let mut skill = self.skill.lock().await;
        if *skill == Skill::Lacks {
            return Ok(None);
        }
        let (said, learned) = match self.shell.sum(path, extent).await {
            Ok(Summed::Sum(sum)) => (Some(sum), Skill::Has),
            Ok(Summed::Nothing) => (None, *skill),
            Err(Trouble::Lost(why)) if self.shell.is_lost() => return Err(Trouble::Lost(why)),
            // It hangs, and the next would hang as long.
            Err(Trouble::Lost(_)) => (None, Skill::Lacks),
            // No channel, no shell, or one that talks: SFTP goes on without it.
            Ok(Summed::No) | Err(_) if *skill == Skill::Has => (None, Skill::Has),
            Ok(Summed::No) | Err(_) => (None, Skill::Lacks),
        };
        *skill = learned;
        Ok(said)
    }
}
