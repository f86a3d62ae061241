//! Changes that a person has confirmed: all keys of a host kept at once, and changed keys replaced.
//!
//! Theory: what is only added is appended, as [`KnownHosts::learn`] does. To take something out the file is written
//! anew beside the old one and put in its place by a rename, while the old one is locked: whoever appends locks first
//! and looks then whether the file is still the one that the path names, so nothing is lost in the old one. At any
//! moment the path names a whole file, the old or the new.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::disk::{exchange, open_to_append, open_to_replace};
use super::edit::{self, Cuts, Stuck};
use super::store::{KnownHosts, Slot, StoreError, line, shown};
use super::verdict::{Held, HeldKey, Verdict, fingerprint, judge, known_as};
use crate::escape;
use crate::ssh::Target;

/// How often a file may change under us before its changes are given up.
const TRIES: usize = 8;

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
        let obstacle = |swap: &Swap<'_>| {
            let name = known_as(swap.target);
            if let Err(error) = first_file(swap.target) {
                return Some(error.to_string());
            }
            if let Some(error) = swap.new.iter().find_map(|blob| line(swap.target, &name, blob).err()) {
                return Some(error.to_string());
            }
            swap.old.iter().find_map(|old| self.obstacle(swap.target, old))
        };
        swaps.iter().map(obstacle).collect()
    }

    fn obstacle(&self, target: &Target, old: &HeldKey) -> Option<String> {
        if !target.user_known_hosts.iter().any(|file| **file == *old.at.file) {
            return Some(format!(
                "{} stands in {}, a file that omnes does not change; take it out there",
                old.fingerprint, old.at
            ));
        }
        let slot = self.slot(&old.at.file);
        // A file that can no longer be read is said when it is to be changed.
        let content = slot.read().ok()?;
        let Stuck { pattern, .. } = edit::stuck(&content.index, old.at.line, &old.name)?;
        Some(format!("{} {}", old.at, by_pattern(&pattern)))
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
        let mut backups = Vec::new();
        let carried_out = edits.iter().try_for_each(|(path, edit)| {
            backups.extend(self.rewrite(path, edit)?);
            Ok(())
        });
        self.doubt();
        match carried_out {
            Ok(()) => Ok(backups),
            Err(error) => Err(also(error, &backups)),
        }
    }

    /// Changes one file and gives the backup; `None` where it is already as it should be, so that the backup of an
    /// earlier change stays what it is.
    fn rewrite(&self, path: &Path, edit: &Edit<'_>) -> Result<Option<PathBuf>, StoreError> {
        let slot = self.slot(path);
        let _turn = slot.turn();
        for _ in 0..TRIES {
            match try_rewrite(&slot, edit)? {
                Tried::Changed => {}
                Tried::Needless => return Ok(None),
                Tried::Done(backup) => return Ok(Some(backup)),
            }
        }
        Err(StoreError::NotKept(format!("{} changes again and again", shown(path))))
    }
}

/// How one try to change a file ended.
enum Tried {
    /// The file changed under us.
    Changed,
    Needless,
    /// Done, with this backup.
    Done(PathBuf),
}

fn try_rewrite(slot: &Slot, edit: &Edit<'_>) -> Result<Tried, StoreError> {
    let failed = |error: io::Error| StoreError::NotKept(format!("{}: {error}", shown(&slot.path)));
    let (file, real) = open_to_replace(&slot.path).map_err(failed)?;
    slot.change(|content| {
        content.refresh(&file).map_err(failed)?;
        let before = content.index.text();
        let mut after = edit::cut(&content.index, &edit.cuts).map_err(|Stuck { line, pattern }| {
            StoreError::NotKept(format!("{}:{line} {}", shown(&slot.path), by_pattern(&pattern)))
        })?;
        let mut added = String::new();
        for swap in &edit.additions {
            let name = known_as(swap.target);
            let mut held = content.held(&slot.path, &name);
            held.retain(|line| !edit.takes_out(&name, &line.key.blob));
            added.push_str(&additions(swap.target, &held, &swap.new, &swap.beside)?);
        }
        if added.is_empty() && after == before {
            return Ok(Tried::Needless);
        }
        if after.last().is_some_and(|&byte| byte != b'\n') {
            after.push(b'\n');
        }
        after.extend_from_slice(added.as_bytes());
        let backup = exchange(&file, &real, before, &after).map_err(failed)?;
        Ok(backup.map_or(Tried::Changed, Tried::Done))
    })?
}

/// The error, with what was changed before it came.
fn also(error: StoreError, backups: &[PathBuf]) -> StoreError {
    let more = || {
        let backups: Vec<String> = backups.iter().map(|path| shown(path)).collect();
        format!("; what was changed before that is as it was in {}", backups.join(", "))
    };
    match error {
        error if backups.is_empty() => error,
        StoreError::NotKept(why) => StoreError::NotKept(why + &more()),
        StoreError::Conflict(why) => StoreError::Conflict(why + &more()),
        StoreError::Unreadable { file, why } => StoreError::Unreadable { file, why: why + &more() },
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

fn by_pattern(pattern: &[u8]) -> String {
    let pattern = escape::line(pattern);
    format!("names it by the pattern `{pattern}`, which other hosts may need; change that line by hand")
}

#[cfg(test)]
mod tests {
    use std::fs;

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
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for n in 0..30 {
                    let (store, web) = (KnownHosts::new(), target("web", &file));
                    let new = blob(2 - n % 2);
                    let old = held(&store, &web, &new);
                    let swap = Swap { target: &web, old, new: vec![&new], beside: Vec::new() };
                    store.replace(&[swap]).unwrap();
                }
            });
            for learner in [0, 1] {
                let file = &file;
                scope.spawn(move || {
                    let store = KnownHosts::new();
                    for n in 0..30 {
                        let target = target(&format!("new{learner}-{n}"), file);
                        store.learn_all(&target, &[&blob(9)], &[]).unwrap();
                    }
                });
            }
        });
        let text = fs::read_to_string(&file).unwrap();
        let mut names: Vec<&str> = text.lines().map(|line| line.split(' ').next().unwrap()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!((names.len(), text.lines().count()), (61, 61));
    }

    /// Two paths lead to the file, so it is changed twice; the backup is still the file as it was.
    #[test]
    fn a_file_of_two_names_keeps_its_backup() {
        let directory = tempfile::tempdir().unwrap();
        let (file, link) = (directory.path().join("known_hosts"), directory.path().join("link"));
        let before = format!("web {}\n", ed25519(1));
        fs::write(&file, &before).unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        let web = Target { user_known_hosts: vec![file.clone(), link], ..target("web", &file) };
        let (store, new) = (KnownHosts::new(), blob(2));
        let old = held(&store, &web, &new);
        assert_eq!(old.len(), 2);
        let backups =
            store.replace(&[Swap { target: &web, old, new: vec![&new], beside: Vec::new() }]).unwrap();
        assert_eq!(backups, [directory.path().canonicalize().unwrap().join("known_hosts.old")]);
        assert_eq!(fs::read_to_string(&backups[0]).unwrap(), before);
        assert_eq!(fs::read_to_string(&file).unwrap(), format!("web {}\n", ed25519(2)));
    }

    /// An editor that writes in place, keeps the length and sets the time back.
    #[test]
    fn a_file_that_was_changed_in_place_is_read_anew() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("known_hosts");
        let (store, web) = (KnownHosts::new(), target("web", &file));
        let text = |key| format!("web {}\n", ed25519(key));
        let write = |text: &str| {
            let times = fs::FileTimes::new().set_modified(std::time::SystemTime::UNIX_EPOCH);
            fs::write(&file, text).unwrap();
            fs::File::options().write(true).open(&file).unwrap().set_times(times).unwrap();
        };
        write(&text(1));
        assert_eq!(store.check(&web, &blob(1)), Ok(Verdict::Known));
        write(&text(3));
        store.doubt();
        assert!(matches!(store.check(&web, &blob(1)), Ok(Verdict::Changed { .. })));
        // Longer, but not by lines at its end.
        write(&(text(4) + &text(5)));
        store.learn_all(&web, &[&blob(3)], &[]).expect_err("other keys are held now");
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
