//! Announced keys on their way into the files (`UpdateHostKeys`).
//!
//! Theory: a change replaces the whole file, and a fleet that rolls out new keys brings as many changes as it has
//! hosts. So changes wait in a queue, one thread at a time writes all that wait with one replacement, and it rests
//! between two replacements for as long as several of them take.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::disk::{exchange, open_to_replace};
use super::store::{KnownHosts, Slot, can_stand, lock, shown};
use super::update::{self, Change, KEYS, Plan, Role, Survey};
use super::verdict::known_as;
use crate::ssh::Target;

/// Changes that may wait; what comes beyond is passed over, and announced again with the next login.
const WAITING: usize = 10_000;

/// The writer rests for so many times what its last replacement took, and not longer than [`REST`].
const RESTS: u32 = 4;
const REST: Duration = Duration::from_millis(200);

/// How often a file may change under us before the changes are given up; the next login brings them again.
const TRIES: usize = 8;

/// What waits to be written, and whether somebody writes.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    changes: Vec<(Vec<PathBuf>, Change)>,
    is_written: bool,
    /// When the next replacement may begin.
    rests_until: Option<Instant>,
}

impl KnownHosts {
    /// What is to be done about the keys that the target announces, where it has proven itself with the key `presented`.
    /// Keys are blobs (RFC 4253 section 6.6), each once.
    pub fn plan_update(&self, target: &Target, presented: &[u8], announced: &[Vec<u8>]) -> Plan {
        let name = known_as(target);
        if announced.is_empty() || announced.len() > KEYS || !can_stand(&name) {
            return Plan::Nothing;
        }
        let slots: Vec<_> = target.user_known_hosts.iter().map(|path| self.slot(path)).collect();
        let mut survey = Survey::new(&name, announced);
        for slot in &slots {
            let Ok(content) = slot.read() else { return Plan::Nothing };
            survey.look(&content.index);
        }
        for slot in &slots {
            let Ok(content) = slot.read() else { return Plan::Nothing };
            survey.look_for_old(&content.index);
        }
        survey.plan(presented)
    }

    /// Puts announced keys, all of them known or proven, in the place of those that the target's files hold; true where
    /// the caller is to see to it that [`KnownHosts::write_updates`] runs, since nobody does that yet.
    pub fn update(&self, target: &Target, announced: Vec<Vec<u8>>) -> bool {
        let mut waiting = lock(&self.waiting);
        if waiting.changes.len() < WAITING {
            let change = Change { name: known_as(target), names: target.keeping.names, keys: announced };
            waiting.changes.push((target.user_known_hosts.clone(), change));
        }
        !std::mem::replace(&mut waiting.is_written, true)
    }

    /// Writes all that waits, and what comes meanwhile. This writes to files and rests in between; what fails is left
    /// for the next login, and said to the log.
    pub fn write_updates(&self) {
        loop {
            let rests_until = lock(&self.waiting).rests_until;
            thread::sleep(
                rests_until.map_or(Duration::ZERO, |until| until.saturating_duration_since(Instant::now())),
            );
            let changes = std::mem::take(&mut lock(&self.waiting).changes);
            let start = Instant::now();
            if let Err(error) = self.write_all(&changes) {
                tracing::warn!("announced host keys were not kept: {error}");
            }
            let mut waiting = lock(&self.waiting);
            waiting.rests_until = Some(Instant::now() + (start.elapsed() * RESTS).min(REST));
            if waiting.changes.is_empty() {
                waiting.is_written = false;
                return;
            }
        }
    }

    /// Whether no announced key waits to be written.
    pub fn is_settled(&self) -> bool {
        let waiting = lock(&self.waiting);
        waiting.changes.is_empty() && !waiting.is_written
    }

    /// First the files that keep keys, then those from which some are only taken out: a key is never in none of them.
    fn write_all(&self, changes: &[(Vec<PathBuf>, Change)]) -> Result<(), String> {
        let first: BTreeSet<&PathBuf> = changes.iter().filter_map(|(files, _)| files.first()).collect();
        let other: BTreeSet<&PathBuf> = changes.iter().flat_map(|(files, _)| files.iter().skip(1)).collect();
        first.iter().chain(other.difference(&first)).try_for_each(|path| self.write(path, changes))
    }

    /// Makes the changes of one file.
    fn write(&self, path: &Path, changes: &[(Vec<PathBuf>, Change)]) -> Result<(), String> {
        let changes: Vec<(Role, &Change)> = changes
            .iter()
            .filter_map(|(files, change)| match files.iter().position(|file| file == path)? {
                0 if files.len() == 1 => Some((Role::Only, change)),
                0 => Some((Role::First, change)),
                _ => Some((Role::Other, change)),
            })
            .collect();
        if !path.exists() && changes.iter().all(|(role, _)| *role == Role::Other) {
            return Ok(());
        }
        let slot = self.slot(path);
        let _turn = slot.turn();
        for _ in 0..TRIES {
            if self.replaced(&slot, &changes)? {
                return Ok(());
            }
        }
        Err(format!("{} changes again and again", shown(path)))
    }

    /// One try to make the changes; false where the file changed under us.
    fn replaced(&self, slot: &Slot, changes: &[(Role, &Change)]) -> Result<bool, String> {
        let failed = |error: io::Error| format!("{}: {error}", shown(&slot.path));
        if fs::metadata(&slot.path).is_ok_and(|metadata| !metadata.is_file()) {
            // What is "learned" into /dev/null stays nowhere.
            return Ok(true);
        }
        let (file, real) = open_to_replace(&slot.path).map_err(failed)?;
        let take_in = |file: &File| {
            let taken = slot.change(|content| content.refresh(file));
            taken.map_err(|error| error.to_string())?.map_err(failed)
        };
        take_in(&file)?;
        let (old, new) = {
            let content = slot.read().map_err(|error| error.to_string())?;
            let Some(new) = update::rewrite(&content.index, changes) else { return Ok(true) };
            (content.index.text().to_vec(), new)
        };
        if exchange(&file, &real, &old, &new).map_err(failed)?.is_none() {
            return Ok(false);
        }
        let new = File::open(&real).map_err(failed)?;
        take_in(&new)?;
        Ok(true)
    }
}
