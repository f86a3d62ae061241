//! Whether a host is the one it should be: the verdict of the known_hosts store, under the target's policy.
//!
//! Theory: an unknown key under the policy `ask` makes a question. At most [`super::broker::SLOTS`] connections stay open behind
//! questions; any other is closed, the question is put without it, and after "accept" the key is learned and the host
//! is reached again: its key is then verified against what was learned, like any known one.

use std::sync::Arc;

use russh::keys::{HashAlg, PublicKey, PublicKeyBase64};

use super::connector::Shared;
use super::known_hosts::{self, KnownHosts};
use super::stream::Control;
use super::{ConnectError, HostKeyPolicy, Target};
use crate::ask::{Answer, Question, UnknownKey};

/// What a store of host keys says about one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It holds exactly this key for the host.
    Known,
    /// It holds no key that speaks for or against this one.
    Unknown,
    /// It speaks against this key: changed or revoked. The sentence names both fingerprints where there are two, and
    /// the command that mends it.
    Refused(String),
}

/// A store of host keys, as `known_hosts` files are one.
pub trait HostKeys: Send + Sync {
    /// What is known about a key which `target` presents; `blob` is the key as on the wire (RFC 4253 section 6.6).
    fn check(&self, target: &Target, algorithm: &str, blob: &[u8]) -> Verdict;

    /// Keeps a key for `target` from now on. The error is a sentence.
    fn learn(&self, target: &Target, algorithm: &str, blob: &[u8]) -> Result<(), String>;

    /// The key types held for `target`, best first, so that the host is asked for a key that can be verified.
    fn algorithms_for(&self, target: &Target) -> Vec<String>;

    /// The user tries again by hand, perhaps after mending what refused a host.
    fn doubt(&self) {}
}

/// A key that a host presented.
#[derive(Clone, Debug)]
pub(super) struct Presented {
    algorithm: String,
    blob: Vec<u8>,
    fingerprint: String,
}

impl Presented {
    pub(super) fn new(key: &PublicKey) -> Presented {
        Presented {
            algorithm: key.algorithm().as_str().to_owned(),
            blob: key.public_key_bytes(),
            fingerprint: key.fingerprint(HashAlg::Sha256).to_string(),
        }
    }
}

/// Why a key did not let the connection go on.
#[derive(Debug)]
pub(super) enum KeyEnd {
    /// It is refused.
    Refused(ConnectError),
    /// Too many connections stay open behind questions: close this one and [`settle`] it without.
    Parked(Presented),
}

/// Decides on a presented key while the connection is open.
pub(super) async fn decide(
    shared: &Shared,
    target: &Target,
    control: &Control,
    presented: Presented,
) -> Result<(), KeyEnd> {
    let deciding = async {
        match verdict(shared, target, &presented).await? {
            Next::GoOn => Ok(()),
            Next::Ask => {
                let Some(_slot) = shared.slots.take() else {
                    return Err(KeyEnd::Parked(presented.clone()));
                };
                let _human = control.clock().human();
                ask(shared, target, &presented).await.map_err(KeyEnd::Refused)
            }
        }
    };
    tokio::select! {
        biased;
        () = control.ended() => Err(KeyEnd::Refused(ConnectError::HostKey("not answered".to_owned()))),
        decided = deciding => decided,
    }
}

/// Decides on a key while there is no connection; afterwards the host is reached again.
pub(super) async fn settle(
    shared: &Shared,
    target: &Target,
    presented: &Presented,
) -> Result<(), ConnectError> {
    match verdict(shared, target, presented).await {
        Ok(Next::GoOn) => Ok(()),
        Ok(Next::Ask) => ask(shared, target, presented).await,
        Err(KeyEnd::Refused(error)) => Err(error),
        Err(KeyEnd::Parked(_)) => Ok(()),
    }
}

enum Next {
    GoOn,
    Ask,
}

async fn verdict(shared: &Shared, target: &Target, presented: &Presented) -> Result<Next, KeyEnd> {
    let refused = |why: String| KeyEnd::Refused(ConnectError::HostKey(why));
    match shared.keys.check(target, &presented.algorithm, &presented.blob) {
        Verdict::Known => Ok(Next::GoOn),
        Verdict::Refused(why) => Err(refused(why)),
        Verdict::Unknown => match target.policy {
            HostKeyPolicy::Ask => Ok(Next::Ask),
            HostKeyPolicy::Strict => Err(refused(strict(target, presented))),
            HostKeyPolicy::AcceptNew => {
                learn(shared, target, presented).await.map(|()| Next::GoOn).map_err(KeyEnd::Refused)
            }
        },
    }
}

/// Writes a key down, which may wait for the file: never on a thread that drives connections, and one key at a time.
async fn learn(shared: &Shared, target: &Target, presented: &Presented) -> Result<(), ConnectError> {
    let turn = Arc::clone(&shared.learning).lock_owned().await;
    let (keys, target, presented) = (Arc::clone(&shared.keys), target.clone(), presented.clone());
    let learning = tokio::task::spawn_blocking(move || {
        // The thread keeps its turn even if nobody waits for it any more.
        let _turn = turn;
        keys.learn(&target, &presented.algorithm, &presented.blob)
    });
    match learning.await {
        Ok(learned) => learned.map_err(ConnectError::HostKey),
        Err(_) => Err(ConnectError::HostKey("the host key could not be kept: internal error".to_owned())),
    }
}

async fn ask(shared: &Shared, target: &Target, presented: &Presented) -> Result<(), ConnectError> {
    let question = Question::HostKey(UnknownKey {
        host: target.host.clone(),
        known_as: known_as(target),
        algorithm: presented.algorithm.clone(),
        fingerprint: presented.fingerprint.clone(),
    });
    match shared.ask.ask(question).await {
        // Meanwhile another host of the same name may have settled it, in either direction.
        Answer::Accept => match shared.keys.check(target, &presented.algorithm, &presented.blob) {
            Verdict::Known => Ok(()),
            Verdict::Unknown => learn(shared, target, presented).await,
            Verdict::Refused(why) => Err(ConnectError::HostKey(why)),
        },
        Answer::Nobody => Err(ConnectError::HostKey(strict(target, presented))),
        Answer::Refuse | Answer::NoOther | Answer::Secret(_) => {
            Err(ConnectError::HostKey(format!("{} was not accepted", presented.fingerprint)))
        }
    }
}

/// The name under which a key is kept, as known_hosts writes it.
fn known_as(target: &Target) -> String {
    match target.key_port {
        Some(port) => format!("[{}]:{port}", target.key_name),
        None => target.key_name.clone(),
    }
}

fn strict(target: &Target, presented: &Presented) -> String {
    let scan = match target.key_port {
        Some(port) => format!("ssh-keyscan -p {port} {}", target.address),
        None => format!("ssh-keyscan {}", target.address),
    };
    format!(
        "{} is not known ({} {}); open it once in the TUI, add it with `{scan}`, or use -o StrictHostKeyChecking=accept-new",
        known_as(target),
        presented.algorithm,
        presented.fingerprint,
    )
}

/// The real store. A file that cannot be read refuses: a changed key could stand in it.
impl HostKeys for KnownHosts {
    fn check(&self, target: &Target, algorithm: &str, blob: &[u8]) -> Verdict {
        match KnownHosts::check(self, target, blob) {
            Err(error) => Verdict::Refused(error.to_string()),
            Ok(known_hosts::Verdict::Known) => Verdict::Known,
            Ok(found) => match found.refusal(target, algorithm, blob) {
                Some(why) => Verdict::Refused(why),
                None => Verdict::Unknown,
            },
        }
    }

    fn learn(&self, target: &Target, _: &str, blob: &[u8]) -> Result<(), String> {
        KnownHosts::learn(self, target, blob).map_err(|error| error.to_string())
    }

    fn algorithms_for(&self, target: &Target) -> Vec<String> {
        KnownHosts::algorithms_for(self, target).into_iter().map(str::to_owned).collect()
    }

    fn doubt(&self) {
        KnownHosts::doubt(self);
    }
}
