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
use super::verdict::{Held, HeldKey, Verdict, fingerprint, judge, known_as};
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
    /// The other keys that the host presents, likewise.
    pub beside: Vec<&'a [u8]>,
}

/// What is done to one file.
#[derive(Default)]
struct Edit<'a> {
    cuts: Cuts,
    additions: Vec<&'a Swap<'a>>,
}

impl Edit<'_> {
    fn takes_out(&self, name: &str, blob: &[u8]) -> bool {
        self.cuts.get(&fingerprint(blob)).is_some_and(|names| names.contains(name))
    }
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
            let text = additions(target, &held, blobs, beside)?;
            let start = if content.index.is_torn() { "\n" } else { "" };
            if !text.is_empty() {
                (&file).write_all(format!("{start}{text}").as_bytes()).map_err(failed)?;
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
    pub fn replace<'a>(&self, swaps: &'a [Swap<'a>]) -> Result<Vec<PathBuf>, StoreError> {
        let mut edits: BTreeMap<PathBuf, Edit<'_>> = BTreeMap::new();
        for swap in swaps {
            edits.entry(first_file(swap.target)?.clone()).or_default().additions.push(swap);
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
            for swap in &edit.additions {
                let name = known_as(swap.target);
                let mut held = content.held(&slot.path, &name);
                held.retain(|line| !edit.takes_out(&name, &line.key.blob));
                after.extend_from_slice(additions(swap.target, &held, &swap.new, &swap.beside)?.as_bytes());
            }
            exchange(&file, &real, &after).map_err(failed)
        })?
    }
}

/// The lines that keep these keys of a host, beside those that are held; the error is one that is held against them.
fn additions(
    target: &Target,
    held: &[Held],
    blobs: &[&[u8]],
    beside: &[&[u8]],
) -> Result<String, StoreError> {
    let name = known_as(target);
    let presented: Vec<String> = blobs.iter().chain(beside).map(|blob| fingerprint(blob)).collect();
    let mut text = String::new();
    for blob in blobs {
        let (algorithm, line) = line(target, &name, blob)?;
        let verdict = judge(held, &name, blob);
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
    Ok(text)
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use super::*;
    use crate::hosts::Host;
    use crate::ssh::known_hosts::key::tests::ed25519;

    fn target(name: &str, file: &Path) -> Target {
        let target = Target::bare(Host::new(None, name, None), name, 22, "root");
        Target { user_known_hosts: vec![file.to_owned()], ..target }
    }

    fn blob(key: u8) -> Vec<u8> {
        STANDARD.decode(ed25519(key).split(' ').next_back().unwrap()).unwrap()
    }

    fn held(store: &KnownHosts, target: &Target, presented: &[u8]) -> Vec<HeldKey> {
        match store.check(target, presented).unwrap() {
            Verdict::Changed { held } => held,
            other => panic!("{other:?}"),
        }
    }

    /// Each store has files of its own, as two processes do.
    #[test]
    fn nothing_that_others_learn_is_lost_while_keys_are_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("known_hosts");
        fs::write(&file, format!("web {}\n", ed25519(1))).unwrap();
        let done = AtomicBool::new(false);
        let swapped = std::thread::scope(|scope| {
            let swapping = scope.spawn(|| {
                let (mut swapped, mut now) = (0, 1);
                while !done.load(Ordering::Relaxed) {
                    let (store, web) = (KnownHosts::new(), target("web", &file));
                    let next = 3 - now;
                    let new = blob(next);
                    let old = held(&store, &web, &new);
                    store
                        .replace(&[Swap { target: &web, old, new: vec![&new], beside: Vec::new() }])
                        .unwrap();
                    (swapped, now) = (swapped + 1, next);
                }
                swapped
            });
            let learners = [0, 1].map(|learner| {
                let file = &file;
                scope.spawn(move || {
                    let store = KnownHosts::new();
                    for n in 0..100 {
                        store
                            .learn_all(&target(&format!("new{learner}-{n}"), file), &[&blob(9)], &[])
                            .unwrap();
                    }
                })
            });
            learners.into_iter().for_each(|learner| learner.join().unwrap());
            done.store(true, Ordering::Relaxed);
            swapping.join().unwrap()
        });
        assert!(swapped > 0);
        let text = fs::read_to_string(&file).unwrap();
        let mut names: Vec<&str> = text.lines().map(|line| line.split(' ').next().unwrap()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!((names.len(), text.lines().count()), (201, 201));
    }

    #[test]
    fn what_others_decided_meanwhile_is_respected() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("known_hosts");
        let (store, web) = (KnownHosts::new(), target("web", &file));
        fs::write(&file, format!("web {}\n", ed25519(1))).unwrap();
        let new = blob(2);
        let old = held(&store, &web, &new);
        // Another process replaces the key by one that was never shown.
        fs::write(&file, format!("web {}\n", ed25519(3))).unwrap();
        store.learn_all(&web, &[&blob(2)], &[]).expect_err("another key is held");
        let swap = Swap { target: &web, old, new: vec![&new], beside: Vec::new() };
        store.replace(std::slice::from_ref(&swap)).expect_err("another key is held");
        assert_eq!(fs::read_to_string(&file).unwrap(), format!("web {}\n", ed25519(3)));
        // Another process revokes it.
        let revoked = format!("web {}\n@revoked web {}\n", ed25519(1), ed25519(2));
        fs::write(&file, &revoked).unwrap();
        let error = store.replace(&[swap]).unwrap_err();
        assert!(error.to_string().contains("marked as revoked"), "{error}");
        assert_eq!(fs::read_to_string(&file).unwrap(), revoked);
    }

    #[test]
    fn keys_are_learned_all_or_none() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("known_hosts");
        let (store, web) = (KnownHosts::new(), target("web", &file));
        fs::write(&file, format!("@revoked web {}", ed25519(2))).unwrap();
        store.learn_all(&web, &[&blob(1), &blob(2)], &[]).expect_err("one is revoked");
        assert_eq!(fs::read_to_string(&file).unwrap(), format!("@revoked web {}", ed25519(2)));
        store.learn_all(&web, &[&blob(1)], &[&blob(2)]).unwrap();
        let text = format!("@revoked web {}\nweb {}\n", ed25519(2), ed25519(1));
        assert_eq!(fs::read_to_string(&file).unwrap(), text);
        store.learn_all(&web, &[&blob(1)], &[]).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), text, "once is enough");
    }
}
