//! Whether a host is the one it should be: the verdict of the known_hosts store, under the target's policy.
//!
//! Theory: an unknown key under the policy `ask` makes a question. At most [`super::broker::SLOTS`] connections stay open behind
//! questions; any other is closed, the question is put without it, and after "accept" the key is learned and the host
//! is reached again: its key is then verified against what was learned, like any known one. Hosts that would be kept
//! under one name and present one key share one question. A certificate counts where an authority vouches for it;
//! where none does, its key is judged like any other.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{SystemTime, UNIX_EPOCH};

use russh::keys::{Certificate, HashAlg, PublicKey, PublicKeyBase64, PublicKeyOrCertificate};

use super::connector::Shared;
use super::known_hosts::{
    self, CertificateKind, HostCertificate, KnownHosts, Plan, Vouched, known_as, shell_word,
};
use super::stream::Control;
use super::{ConnectError, HostKeyPolicy, Target};
use crate::ask::{Answer, KeyOrigin, Question, UnknownKey};
use crate::escape;

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

/// What a store of host keys says about a host's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Voucher {
    /// An authority of the host vouches for it.
    Good,
    /// None does; the key is to be judged like any other. Where it is an authority's certificate all the same, why it is
    /// void.
    None(Option<String>),
    /// It, its key or its authority is revoked. The sentence says by whom.
    Refused(String),
}

/// A store of host keys, as `known_hosts` files are one.
pub trait HostKeys: Send + Sync {
    /// What is known about a key which `target` presents; `blob` is the key as on the wire (RFC 4253 section 6.6).
    fn check(&self, target: &Target, algorithm: &str, blob: &[u8]) -> Verdict;

    /// Keeps a key for `target` from now on. The error is a sentence.
    fn learn(&self, target: &Target, algorithm: &str, blob: &[u8]) -> Result<(), String>;

    /// The key types held for `target`, best first, so that the host is asked for a key that can be verified; names of
    /// certificate types (`…-cert-v01@openssh.com`) where a certificate may decide.
    fn algorithms_for(&self, target: &Target) -> Vec<String>;

    /// Whether what speaks about `target` is at hand, so that no other question waits for a file.
    fn is_ready(&self, _target: &Target) -> bool {
        true
    }

    /// Makes it so; this may wait for files.
    fn prepare(&self, _target: &Target) {}

    /// The user tries again by hand, perhaps after mending what refused a host.
    fn doubt(&self) {}

    /// Whether an authority vouches for `target` with this certificate at the time `now` (seconds since 1970).
    fn vouch(&self, _target: &Target, _certificate: &HostCertificate, _now: u64) -> Voucher {
        Voucher::None(None)
    }

    /// What is to be done about the keys that `target` announces, where it has proven itself with `presented`. Quick:
    /// the connection waits for it.
    fn plan_update(&self, _target: &Target, _presented: &[u8], _announced: &[Vec<u8>]) -> Plan {
        Plan::Nothing
    }

    /// Puts announced keys, all of them known or proven, in the place of those held for `target`, as soon as
    /// [`HostKeys::write_updates`] runs; true where the caller is to see to that.
    fn update(&self, _target: &Target, _announced: Vec<Vec<u8>>) -> bool {
        false
    }

    /// Writes all that [`HostKeys::update`] left to be written. It may take long and waits for files.
    fn write_updates(&self) {}
}

/// The key types held for a target. Files are read on a thread of their own, never on one that drives connections.
pub(super) async fn held_types(shared: &Shared, target: &Target) -> Vec<String> {
    if !shared.keys.is_ready(target) {
        let (keys, target) = (Arc::clone(&shared.keys), target.clone());
        // Where it breaks off, the check says what is wrong.
        let _ = tokio::task::spawn_blocking(move || keys.prepare(&target)).await;
    }
    shared.keys.algorithms_for(target)
}

/// A key that a host presented, perhaps in a certificate.
#[derive(Clone, Debug)]
pub(super) struct Presented {
    algorithm: String,
    pub(super) blob: Vec<u8>,
    fingerprint: String,
    certificate: Option<Arc<HostCertificate>>,
}

impl Presented {
    /// The error is a certificate that its authority has not signed.
    pub(super) fn new(presented: &PublicKeyOrCertificate) -> Result<Presented, ConnectError> {
        let certificate = match presented.certificate() {
            Some(certificate) => Some(Arc::new(host_certificate(certificate)?)),
            None => None,
        };
        Ok(Presented { certificate, ..Presented::plain(&presented.public_key()) })
    }

    /// The certificate that the key came in.
    pub(super) fn certificate(&self) -> Option<&Arc<HostCertificate>> {
        self.certificate.as_ref()
    }

    pub(super) fn plain(key: &PublicKey) -> Presented {
        Presented {
            algorithm: key.algorithm().as_str().to_owned(),
            blob: key.public_key_bytes(),
            fingerprint: key.fingerprint(HashAlg::Sha256).to_string(),
            certificate: None,
        }
    }
}

/// What a certificate says, after its authority's signature was found good.
fn host_certificate(certificate: &Certificate) -> Result<HostCertificate, ConnectError> {
    certificate.verify_signature().map_err(|_| {
        ConnectError::HostKey("the host presents a certificate that its authority has not signed".to_owned())
    })?;
    Ok(HostCertificate {
        key: PublicKey::from(certificate.public_key().clone()).public_key_bytes(),
        authority: PublicKey::from(certificate.signature_key().clone()).public_key_bytes(),
        signature: certificate.signature().algorithm().as_str().to_owned(),
        serial: certificate.serial(),
        key_id: certificate.key_id().to_owned(),
        kind: match certificate.cert_type().is_host() {
            true => CertificateKind::Host,
            false => CertificateKind::User,
        },
        principals: certificate.valid_principals().to_vec(),
        valid: certificate.valid_after()..certificate.valid_before(),
        critical: certificate.critical_options().keys().cloned().collect(),
    })
}

/// How a host came to be trusted; it decides whether the host may announce further keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// Its key was known.
    Known,
    /// The user accepted its key a moment ago.
    Accepted,
    /// Its key was learned without a question.
    Learned,
    /// An authority vouches for it.
    Vouched,
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
    presented: &Presented,
) -> Result<Trust, KeyEnd> {
    let deciding = async {
        match verdict(shared, target, presented).await.map_err(KeyEnd::Refused)? {
            Next::GoOn(trust) => Ok(trust),
            Next::Ask => {
                let Some(_slot) = shared.slots.take() else {
                    return Err(KeyEnd::Parked(presented.clone()));
                };
                let _human = control.clock().human();
                ask(shared, target, presented).await.map_err(KeyEnd::Refused)
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
    match verdict(shared, target, presented).await? {
        Next::GoOn(_) => Ok(()),
        Next::Ask => ask(shared, target, presented).await.map(drop),
    }
}

enum Next {
    GoOn(Trust),
    Ask,
}

async fn verdict(shared: &Shared, target: &Target, presented: &Presented) -> Result<Next, ConnectError> {
    let mut void = None;
    if let Some(certificate) = &presented.certificate {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        match shared.keys.vouch(target, certificate, now) {
            Voucher::Good => return Ok(Next::GoOn(Trust::Vouched)),
            Voucher::Refused(why) => return Err(ConnectError::HostKey(why)),
            Voucher::None(why) => void = why,
        }
    }
    let refused = |why: String| match &void {
        None => ConnectError::HostKey(why),
        Some(void) => ConnectError::HostKey(format!("its certificate is void, since {void}; {why}")),
    };
    match shared.keys.check(target, &presented.algorithm, &presented.blob) {
        Verdict::Known => Ok(Next::GoOn(Trust::Known)),
        Verdict::Refused(why) => Err(refused(why)),
        Verdict::Unknown => match target.policy {
            HostKeyPolicy::Ask => Ok(Next::Ask),
            HostKeyPolicy::Strict => Err(refused(strict(target, presented))),
            HostKeyPolicy::AcceptNew => {
                learn(shared, target, presented).await.map(|()| Next::GoOn(Trust::Learned))
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
        // While it waited for its turn another host of the same name may have kept the same key.
        match keys.check(&target, &presented.algorithm, &presented.blob) {
            Verdict::Known => Ok(()),
            Verdict::Refused(why) => Err(why),
            Verdict::Unknown => keys.learn(&target, &presented.algorithm, &presented.blob),
        }
    });
    match learning.await {
        Ok(learned) => learned.map_err(ConnectError::HostKey),
        Err(_) => Err(ConnectError::HostKey("the host key could not be kept: internal error".to_owned())),
    }
}

/// The questions about host keys that are open, each for all hosts that it concerns.
#[derive(Debug, Default)]
pub(super) struct Asking(Mutex<HashMap<Matter, Weak<Shareable>>>);

/// What a question is about: the file and the name under which a key would be kept, and the key.
type Matter = (Option<PathBuf>, String, String);

/// An answer that others may wait for; `None` while whoever holds the lock is asking.
type Shareable = tokio::sync::Mutex<Option<Answer>>;

impl Asking {
    fn about(&self, target: &Target, presented: &Presented) -> Arc<Shareable> {
        let file = target.user_known_hosts.first().cloned();
        let matter = (file, known_as(target), presented.fingerprint.clone());
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(question) = open.get(&matter).and_then(Weak::upgrade) {
            return question;
        }
        open.retain(|_, question| question.strong_count() > 0);
        let question = Arc::new(Shareable::default());
        open.insert(matter, Arc::downgrade(&question));
        question
    }
}

async fn ask(shared: &Shared, target: &Target, presented: &Presented) -> Result<Trust, ConnectError> {
    let shareable = shared.asking.about(target, presented);
    // Who asks holds the lock; when it goes away, the next one asks in its place.
    let mut answer = shareable.lock().await;
    if answer.is_none() {
        *answer = Some(shared.ask.ask(question(target, presented, KeyOrigin::Presented)).await);
    }
    let said = answer.clone().expect("it was asked");
    drop(answer);
    match said {
        Answer::Accept => learn(shared, target, presented).await.map(|()| Trust::Accepted),
        Answer::Nobody => Err(ConnectError::HostKey(strict(target, presented))),
        _ => Err(ConnectError::HostKey(format!("{} was not accepted", presented.fingerprint))),
    }
}

/// The question whether a key is the host's.
pub(super) fn question(target: &Target, presented: &Presented, origin: KeyOrigin) -> Question {
    Question::HostKey(UnknownKey {
        host: target.host.clone(),
        known_as: known_as(target),
        algorithm: presented.algorithm.clone(),
        fingerprint: presented.fingerprint.clone(),
        origin,
    })
}

fn strict(target: &Target, presented: &Presented) -> String {
    let host = shell_word(&target.host.to_string());
    format!(
        "{} is not known ({} {}); compare and add it with `omnes keys --accept {host}`, open it once in the TUI, or \
         set StrictHostKeyChecking=accept-new (with -o; for a jump host in ssh_config)",
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

    fn is_ready(&self, target: &Target) -> bool {
        KnownHosts::is_ready(self, target)
    }

    fn prepare(&self, target: &Target) {
        KnownHosts::prepare(self, target);
    }

    fn doubt(&self) {
        KnownHosts::doubt(self);
    }

    fn vouch(&self, target: &Target, certificate: &HostCertificate, now: u64) -> Voucher {
        match KnownHosts::vouch(self, target, certificate, now) {
            Ok(Vouched::Yes) => Voucher::Good,
            Ok(Vouched::Unknown) => Voucher::None(None),
            Ok(Vouched::Void(why)) => Voucher::None(Some(why)),
            Ok(Vouched::Revoked { at }) => Voucher::Refused(format!(
                "{} presents the certificate `{}` (number {}), which is revoked ({at}), itself or by its key or its \
                 authority; the host needs a new one",
                known_as(target),
                escape::text(&certificate.key_id, 80),
                certificate.serial,
            )),
            Err(error) => Voucher::Refused(error.to_string()),
        }
    }

    fn plan_update(&self, target: &Target, presented: &[u8], announced: &[Vec<u8>]) -> Plan {
        KnownHosts::plan_update(self, target, presented, announced)
    }

    fn update(&self, target: &Target, announced: Vec<Vec<u8>>) -> bool {
        KnownHosts::update(self, target, announced)
    }

    fn write_updates(&self) {
        KnownHosts::write_updates(self);
    }
}
