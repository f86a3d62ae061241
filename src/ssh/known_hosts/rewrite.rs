//! Changes that a person has confirmed: all keys of a host kept at once, and changed keys replaced.
//!
//! Theory: what is only added is appended, as [`KnownHosts::learn`] does. To take something out the file is written
//! anew beside the old one and put in its place by a rename, while the old one is locked: whoever appends locks first
//! and looks then whether the file is still the one that the path names, so nothing is lost in the old one. At any
//! moment the path names a whole file, the old or the new.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::disk::{exchange, open_to_append, read_from};
use super::edit::{self, Cuts, Stuck};
use super::store::{KnownHosts, StoreError, line, shown};
use super::verdict::{HeldKey, Verdict, fingerprint, judge, known_as};
use crate::escape;
use crate::ssh::Target;

/// A host whose keys are to be replaced.
#[derive(Clone, Debug)]
pub struct Swap<'a> {
    /// The host.
    pub target: &'a Target,
    /// What is taken out, as it was shown to the user.
    pub old: Vec<HeldKey>,
    /// What is put in its place, as on the wire (RFC 4253 section 6.6).
    pub new: Vec<&'a [u8]>,
}

/// What is done to one file.
#[derive(Default)]
struct Edit<'a> {
    cuts: Cuts,
    additions: Vec<(&'a Target, &'a [u8])>,
}

impl KnownHosts {
    /// Keeps these keys of a host, all or none; `beside` are the others that it presents. Where another process has
    /// meanwhile kept a key of the host that speaks against them, or revoked one, that is an error.
    ///
    /// This writes to a file and may wait up to 5 s for another process's append.
    pub fn learn_all(&self, target: &Target, blobs: &[&[u8]], beside: &[&[u8]]) -> Result<(), StoreError> {
        let path = first_file(target)?;
        let name = known_as(target);
        let slot = self.slot(path);
        drop(slot.read()?);
        let failed = |error: io::Error| StoreError::NotKept(format!("{}: {error}", shown(&slot.path)));
        let _turn = slot.turn();
        let file = open_to_append(&slot.path).map_err(failed)?;
        slot.change(|content| {
            content.refresh(&file).map_err(failed)?;
            let held = content.held(&slot.path, &name);
            let presented: Vec<String> = blobs.iter().chain(beside).map(|blob| fingerprint(blob)).collect();
            let mut text = String::from(if content.index.is_torn() { "\n" } else { "" });
            for blob in blobs {
                let (algorithm, line) = line(target, &name, blob)?;
                let verdict = judge(&held, &name, blob);
                match &verdict {
                    Verdict::Known => continue,
                    Verdict::Changed { held } if !speaks_against(held, algorithm, &presented) => {}
                    _ => {
                        if let Some(why) = verdict.refusal(target, algorithm, blob) {
                            return Err(StoreError::Conflict(why));
                        }
                    }
                }
                text.push_str(&line);
            }
            if !text.trim().is_empty() {
                (&file).write_all(text.as_bytes()).map_err(failed)?;
                content.refresh(&file).map_err(failed)?;
            }
            Ok(())
        })?
    }

    /// For each of the swaps, why it cannot be carried out, as a sentence: a key that stands in a file that is not the
    /// user's, or in a line that names the host by a pattern.
    pub fn obstacles(&self, swaps: &[Swap<'_>]) -> Vec<Option<String>> {
        let mut texts: HashMap<&Path, Vec<u8>> = HashMap::new();
        for old in swaps.iter().flat_map(|swap| &swap.old) {
            texts.entry(&old.at.file).or_insert_with(|| fs::read(&old.at.file).unwrap_or_default());
        }
        let obstacle = |swap: &Swap<'_>| {
            let name = known_as(swap.target);
            if let Err(error) = first_file(swap.target) {
                return Some(error.to_string());
            }
            if let Some(error) = swap.new.iter().find_map(|blob| line(swap.target, &name, blob).err()) {
                return Some(error.to_string());
            }
            swap.old.iter().find_map(|old| obstacle(swap.target, old, &texts[&*old.at.file]))
        };
        swaps.iter().map(obstacle).collect()
    }

    /// Carries out the swaps, each file in one step, and gives the backups that were made: the file as it was, under
    /// its name with `.old`. Taken out is only what stands in `old`, under the host's own name, in files of the user;
    /// where a pattern keeps it in a line, that file is left as it is.
    ///
    /// This writes to files and may wait up to 5 s for another process's append.
    pub fn replace(&self, swaps: &[Swap<'_>]) -> Result<Vec<PathBuf>, StoreError> {
        let mut edits: BTreeMap<PathBuf, Edit<'_>> = BTreeMap::new();
        for swap in swaps {
            let additions = swap.new.iter().map(|blob| (swap.target, *blob));
            edits.entry(first_file(swap.target)?.clone()).or_default().additions.extend(additions);
            for old in &swap.old {
                let cuts = &mut edits.entry(old.at.file.to_path_buf()).or_default().cuts;
                cuts.entry(old.fingerprint.clone()).or_default().insert(old.name.clone());
            }
        }
        // What is added comes before what is only taken out: a host is never without any key.
        let mut edits: Vec<(PathBuf, Edit<'_>)> = edits.into_iter().collect();
        edits.sort_by_key(|(_, edit)| edit.additions.is_empty());
        let carried_out = edits.iter().map(|(path, edit)| self.rewrite(path, edit));
        let backups = carried_out.collect();
        self.doubt();
        backups
    }

    fn rewrite(&self, path: &Path, edit: &Edit<'_>) -> Result<PathBuf, StoreError> {
        let failed = |error: io::Error| StoreError::NotKept(format!("{}: {error}", shown(path)));
        let slot = self.slot(path);
        let _turn = slot.turn();
        // Where the path is a link, the file is replaced that it leads to.
        let real = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let file = open_to_append(&real).map_err(failed)?;
        slot.change(|content| {
            content.refresh(&file).map_err(failed)?;
            let before = read_from(&file, 0).map_err(failed)?;
            let mut after = edit::cut(&before, &edit.cuts).map_err(|Stuck { line, pattern }| {
                StoreError::NotKept(format!("{}:{line} {}", shown(path), by_pattern(&pattern)))
            })?;
            if after.last().is_some_and(|&byte| byte != b'\n') {
                after.push(b'\n');
            }
            for (target, blob) in &edit.additions {
                let name = known_as(target);
                let (algorithm, line) = line(target, &name, blob)?;
                let verdict = judge(&content.held(&slot.path, &name), &name, blob);
                match verdict {
                    Verdict::Known => {}
                    Verdict::Revoked { .. } => {
                        let why = verdict.refusal(target, algorithm, blob);
                        return Err(StoreError::Conflict(
                            why.expect("revoked keys are refused with a reason"),
                        ));
                    }
                    _ => after.extend_from_slice(line.as_bytes()),
                }
            }
            exchange(&file, &real, &after).map_err(failed)
        })?
    }
}

fn first_file(target: &Target) -> Result<&PathBuf, StoreError> {
    target.user_known_hosts.first().ok_or_else(|| {
        StoreError::NotKept("UserKnownHostsFile is none; name a file with -o UserKnownHostsFile".to_owned())
    })
}

/// Do the held keys say that this one, of a type of its own, is not the host's? One of its type does; so do those of
/// other types, unless the host presents one of them.
fn speaks_against(held: &[HeldKey], algorithm: &str, presented: &[String]) -> bool {
    let is_presented = |held: &HeldKey| presented.contains(&held.fingerprint);
    !held.iter().any(is_presented)
        || held.iter().any(|held| held.algorithm == algorithm && !is_presented(held))
}

fn obstacle(target: &Target, old: &HeldKey, text: &[u8]) -> Option<String> {
    if !target.user_known_hosts.iter().any(|file| **file == *old.at.file) {
        return Some(format!(
            "{} stands in {}, a file that omnes does not change; take it out there",
            old.fingerprint, old.at
        ));
    }
    let cuts = Cuts::from([(old.fingerprint.clone(), [old.name.clone()].into())]);
    let Stuck { pattern, .. } = edit::stuck(text, old.at.line, &cuts)?;
    Some(format!("{} {}", old.at, by_pattern(&pattern)))
}

fn by_pattern(pattern: &[u8]) -> String {
    let pattern = escape::line(pattern);
    format!("names it by the pattern `{pattern}`, which other hosts may need; change that line by hand")
}
