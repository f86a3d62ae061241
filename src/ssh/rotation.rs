//! The keys that a host announces after the login (`hostkeys-00@openssh.com`, OpenSSH's PROTOCOL section 2.5), so that
//! it can change its keys without anybody being asked (`UpdateHostKeys`).
//!
//! Theory: the word of a host that has proven itself is worth something, but not enough to learn a key from: it is
//! asked to sign with each new key first (`hostkeys-prove-00@openssh.com`). All of it happens beside the session, in a
//! task that ends with the connection; only the file is written on a thread of its own, for many hosts at once.

use std::sync::{Arc, OnceLock};

use russh::CryptoVec;
use russh::client::{Handle, Session};
use russh::keys::ssh_encoding::{Decode, Encode};
use russh::keys::ssh_key::Signature;
use russh::keys::{HashAlg, PublicKey, PublicKeyBase64, signature};
use tokio::sync::oneshot;

use super::Target;
use super::client::Client;
use super::connector::Shared;
use super::hostkey::{Presented, Trust, question};
use super::known_hosts::{ANNOUNCED_KEYS, Plan};
use super::target::Updates;
use crate::ask::{Answer, KeyOrigin};

/// The request that asks for proofs, which is also part of what is signed.
const PROVE: &str = "hostkeys-prove-00@openssh.com";

/// What identifies the connection, known when its first key exchange is over (RFC 4253 section 7.2).
pub(super) type SessionId = OnceLock<Vec<u8>>;

/// One connection's dealings with announced keys.
#[derive(Debug)]
pub(super) struct Rotation {
    session: Arc<SessionId>,
    trusted: Option<(Trust, Presented)>,
    /// A host announces its keys once; only the first time is listened to.
    heard: bool,
}

/// Notes what identifies a connection; to be done before the login, since hosts announce keys after it.
pub(super) fn begun(session: &SessionId, handle: &Handle<Client>) {
    if let Some(binding) = handle.agent_session_binding() {
        session.get_or_init(|| binding.session_id().to_vec());
    }
}

impl Rotation {
    pub(super) fn new(session: &Arc<SessionId>) -> Rotation {
        Rotation { session: Arc::clone(session), trusted: None, heard: false }
    }

    /// The host has proven itself.
    pub(super) fn trust(&mut self, trust: Trust, presented: Presented) {
        if !self.heard {
            self.trusted.get_or_insert((trust, presented));
        }
    }

    /// The host announces keys. Nothing here waits.
    pub(super) fn announced(
        &mut self,
        shared: &Arc<Shared>,
        target: &Arc<Target>,
        keys: Vec<PublicKey>,
        session: &mut Session,
    ) {
        // What was kept for this moment would else be kept as long as the link.
        let trusted = self.trusted.take();
        if std::mem::replace(&mut self.heard, true) || target.keeping.updates == Updates::No {
            return;
        }
        // Who is trusted only since a moment ago, or by an authority's word, is not listened to, as in ssh.
        let Some((Trust::Known | Trust::Accepted, presented)) = trusted else { return };
        let Some(keys) = worthwhile(target, keys) else { return };
        let blobs: Vec<Vec<u8>> = keys.iter().map(PublicKeyBase64::public_key_bytes).collect();
        let proof = match shared.keys.plan_update(target, &presented.blob, &blobs) {
            Plan::Nothing => return,
            // Nothing new: what is asked about is keys, and there is none.
            Plan::Write if target.keeping.updates == Updates::Ask => return,
            Plan::Write => None,
            Plan::Prove(new) => {
                let Some(session_id) = self.session.get() else { return };
                let new: Vec<PublicKey> =
                    keys.into_iter().filter(|key| new.contains(&key.public_key_bytes())).collect();
                let (reply, answer) = oneshot::channel();
                let mut data = Vec::new();
                let put = new.iter().try_for_each(|key| key.public_key_bytes().encode(&mut data));
                if put.is_err() || session.send_global_request(Some(reply), PROVE, &data).is_err() {
                    return;
                }
                Some(Proof { session: session_id.clone(), keys: new, answer })
            }
        };
        let update = Update { shared: Arc::clone(shared), target: Arc::clone(target), keys: blobs };
        tokio::spawn(update.carry_out(proof));
    }
}

/// Those of the announced keys that may prove the host; `None` where the announcement is no sane one.
fn worthwhile(target: &Target, keys: Vec<PublicKey>) -> Option<Vec<PublicKey>> {
    if keys.is_empty() || keys.len() > ANNOUNCED_KEYS {
        return None;
    }
    let mut kept: Vec<PublicKey> = Vec::new();
    for key in keys {
        if kept.iter().any(|other| other.key_data() == key.key_data()) {
            return None;
        }
        if accepted(target, &key) {
            kept.push(key);
        }
    }
    (!kept.is_empty()).then_some(kept)
}

/// Whether the configuration takes keys of this type (`HostKeyAlgorithms`).
fn accepted(target: &Target, key: &PublicKey) -> bool {
    const OURS: [&str; 6] = [
        "ssh-ed25519",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521",
        "rsa-sha2-512",
        "rsa-sha2-256",
    ];
    let ours = OURS.map(str::to_owned);
    let taken = target.algorithms.host_keys.apply_among(&ours, &ours);
    let algorithm = key.algorithm();
    // An RSA key has one name, and its signatures have others.
    taken.iter().any(|name| match algorithm.as_str() {
        "ssh-rsa" => name.starts_with("rsa-sha2-"),
        algorithm => name == algorithm,
    })
}

/// What a host was asked to prove, and where its answer will come.
struct Proof {
    session: Vec<u8>,
    keys: Vec<PublicKey>,
    answer: oneshot::Receiver<Option<CryptoVec>>,
}

impl Proof {
    /// Waits for the answer and looks at every signature; gives the keys, now proven.
    async fn had(self) -> Result<Vec<PublicKey>, &'static str> {
        let Ok(answer) = self.answer.await else {
            return Err("the connection ended before it could prove them");
        };
        let answer = answer.ok_or("it refused to prove them")?;
        let mut rest = &answer[..];
        for key in &self.keys {
            proven(&self.session, key, &mut rest).ok_or("it could not prove them")?;
        }
        if rest.is_empty() { Ok(self.keys) } else { Err("its proofs are not what was asked for") }
    }
}

/// Takes one signature from `rest`; `Some` where it is the key's, over this connection, and not made with SHA-1.
fn proven(session: &[u8], key: &PublicKey, rest: &mut &[u8]) -> Option<()> {
    let signature = Vec::<u8>::decode(rest).ok()?;
    let mut reader = &signature[..];
    let signature = Signature::decode(&mut reader).ok()?;
    let sha1 = russh::keys::Algorithm::Rsa { hash: None };
    if !reader.is_empty() || signature.algorithm() == sha1 {
        return None;
    }
    let mut signed = Vec::new();
    PROVE.encode(&mut signed).ok()?;
    session.encode(&mut signed).ok()?;
    key.public_key_bytes().encode(&mut signed).ok()?;
    signature::Verifier::verify(key, &signed, &signature).ok()
}

/// Announced keys on their way into the files.
struct Update {
    shared: Arc<Shared>,
    target: Arc<Target>,
    keys: Vec<Vec<u8>>,
}

impl Update {
    async fn carry_out(self, proof: Option<Proof>) {
        if let Some(proof) = proof {
            let new = match proof.had().await {
                Ok(new) => new,
                Err(why) => {
                    tracing::warn!("{}: announced host keys are not kept: {why}", self.target.host);
                    return;
                }
            };
            if self.target.keeping.updates == Updates::Ask && !self.is_accepted(&new).await {
                return;
            }
            for key in &new {
                tracing::info!("{}: new host key {}", self.target.host, key.fingerprint(HashAlg::Sha256));
            }
        }
        if self.shared.keys.update(&self.target, self.keys) {
            let keys = Arc::clone(&self.shared.keys);
            tokio::task::spawn_blocking(move || keys.write_updates());
        }
    }

    /// Asks about each new key; one that is not accepted leaves everything as it is.
    async fn is_accepted(&self, new: &[PublicKey]) -> bool {
        for key in new {
            let question = question(&self.target, &Presented::plain(key), KeyOrigin::Announced);
            if !matches!(self.shared.ask.ask(question).await, Answer::Accept) {
                return false;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use russh::keys::{Algorithm, PrivateKey};

    use super::*;
    use crate::hosts::Host;
    use crate::ssh::{Algorithms, Choice};

    fn key() -> PrivateKey {
        PrivateKey::random(&mut russh::keys::key::safe_rng(), Algorithm::Ed25519).unwrap()
    }

    fn signed(key: &PrivateKey, session: &[u8], of: &PrivateKey) -> Vec<u8> {
        let mut data = Vec::new();
        PROVE.encode(&mut data).unwrap();
        session.encode(&mut data).unwrap();
        of.public_key().public_key_bytes().encode(&mut data).unwrap();
        let signature: Signature = signature::Signer::try_sign(key, &data).unwrap();
        let mut blob = Vec::new();
        Vec::<u8>::try_from(signature).unwrap().encode(&mut blob).unwrap();
        blob
    }

    async fn had(keys: &[&PrivateKey], answer: Option<Vec<u8>>) -> Result<usize, &'static str> {
        let (reply, answered) = oneshot::channel();
        let keys = keys.iter().map(|key| key.public_key().clone()).collect();
        let proof = Proof { session: b"session".to_vec(), keys, answer: answered };
        reply.send(answer.map(|answer| CryptoVec::from_slice(&answer))).unwrap();
        let had = tokio::time::timeout(Duration::from_secs(60), proof.had()).await.unwrap();
        had.map(|keys| keys.len())
    }

    #[tokio::test]
    async fn only_a_signature_over_this_connection_proves_a_key() {
        let (a, b) = (key(), key());
        let right = [signed(&a, b"session", &a), signed(&b, b"session", &b)].concat();
        assert_eq!(had(&[&a, &b], Some(right.clone())).await, Ok(2));
        for (title, answer) in [
            ("in another order", [signed(&b, b"session", &b), signed(&a, b"session", &a)].concat()),
            ("of another connection", [signed(&a, b"session", &a), signed(&b, b"other", &b)].concat()),
            ("by another key", [signed(&a, b"session", &a), signed(&a, b"session", &b)].concat()),
            ("about another key", [signed(&a, b"session", &a), signed(&b, b"session", &a)].concat()),
            ("one missing", signed(&a, b"session", &a)),
            ("cut", right[..right.len() - 1].to_vec()),
            ("one too many", [right.clone(), signed(&a, b"session", &a)].concat()),
            ("nothing", Vec::new()),
        ] {
            had(&[&a, &b], Some(answer)).await.expect_err(title);
        }
        assert_eq!(had(&[&a], None).await, Err("it refused to prove them"));
    }

    #[test]
    fn announcements_are_bounded_and_follow_the_configuration() {
        let mut target = Target::bare(Host::new(None, "web", None), "web", 22, "ann");
        let keys = |count: usize| (0..count).map(|_| key().public_key().clone()).collect::<Vec<_>>();
        assert_eq!(worthwhile(&target, keys(ANNOUNCED_KEYS)).map(|keys| keys.len()), Some(ANNOUNCED_KEYS));
        assert!(worthwhile(&target, keys(ANNOUNCED_KEYS + 1)).is_none());
        assert!(worthwhile(&target, Vec::new()).is_none());
        let same = key().public_key().clone();
        assert!(worthwhile(&target, vec![same.clone(), same]).is_none(), "twice the same");
        let host_keys = Choice::parse("-ssh-ed25519");
        target.algorithms = Arc::new(Algorithms { host_keys, ..Algorithms::default() });
        assert!(worthwhile(&target, keys(1)).is_none());
    }
}
