//! Offering one key or certificate, and signing for it.

use std::sync::Arc;

use russh::client::Handle;
use russh::keys::agent::{AgentIdentity, AgentSessionBinding};
use russh::keys::signature::Signer as _;
use russh::keys::ssh_encoding::Encode;
use russh::keys::ssh_key::private::KeypairData;
use russh::keys::{Certificate, HashAlg, PrivateKey, PublicKey, PublicKeyBase64};
use russh::{SendError, Signer};

use super::super::AddKeys;
use super::super::agent::{Agent, Errand, Held, Terms, Uses};
use super::super::client::Client;
use super::super::clock::Clock;
use super::super::connect::{Parked, Setback};
use super::super::keys::{KeyFile, Private};
use super::super::stream::Control;
use super::ladder::Offer;
use super::offers::{self, Kind};
use super::{Login, Tally, tally};
use crate::ask::{Answer, KeyToAdd, Question};

/// A key or a certificate, and who can sign for it.
#[derive(Clone)]
pub(super) struct Paper {
    /// Not known of some locked files.
    key: Option<PublicKey>,
    certificate: Option<Box<Certificate>>,
    source: Source,
    /// The algorithms under which it may sign, best first.
    names: Vec<String>,
}

/// Who signs.
#[derive(Clone)]
pub(super) enum Source {
    /// The agent, which knows the key by this blob.
    Agent(Vec<u8>),
    /// A file.
    File(Arc<KeyFile>),
    /// Nobody that is known.
    Nowhere,
}

impl Paper {
    pub(super) fn of_agent(held: &Held) -> Paper {
        let key = Some(held.key.clone());
        Paper {
            key,
            certificate: held.certificate.clone(),
            source: Source::Agent(held.blob.clone()),
            names: Vec::new(),
        }
    }

    pub(super) fn of_file(
        key: PublicKey,
        certificate: Option<Box<Certificate>>,
        file: &Arc<KeyFile>,
    ) -> Paper {
        Paper { key: Some(key), certificate, source: Source::File(Arc::clone(file)), names: Vec::new() }
    }

    pub(super) fn of_certificate(certificate: Certificate, source: Source) -> Paper {
        let key = Some(PublicKey::new(certificate.public_key().clone(), ""));
        Paper { key, certificate: Some(Box::new(certificate)), source, names: Vec::new() }
    }

    pub(super) fn locked(file: &Arc<KeyFile>) -> Paper {
        let source = Source::File(Arc::clone(file));
        Paper { key: None, certificate: None, source, names: Vec::new() }
    }

    /// As on the wire.
    pub(super) fn blob(&self) -> Vec<u8> {
        match (&self.certificate, &self.key) {
            (Some(certificate), _) => certificate.to_bytes().unwrap_or_default(),
            (None, Some(key)) => key.public_key_bytes(),
            (None, None) => Vec::new(),
        }
    }

    /// Whether it is the key of a certificate.
    pub(super) fn is_of(&self, certificate: &Certificate) -> bool {
        self.key.as_ref().is_some_and(|key| key.key_data() == certificate.public_key())
    }

    /// It with the agent to sign, where that holds its private half; `None` where nobody does.
    pub(super) fn signed_by(mut self, held: &[Held]) -> Option<Paper> {
        let same = |held: &&Held| self.key.as_ref().is_some_and(|key| key.key_data() == held.key.key_data());
        let plain = held.iter().filter(same).min_by_key(|held| held.certificate.is_some());
        if let Some(held) = plain {
            self.source = Source::Agent(held.blob.clone());
            return Some(self);
        }
        match &self.source {
            Source::File(file) if file.can_sign() => Some(self),
            Source::Agent(_) => Some(self),
            _ => None,
        }
    }

    /// Whether it may sign under any of these algorithms; remembers which.
    pub(super) fn keep(&mut self, accepted: &[String]) -> bool {
        let Some(key) = &self.key else { return true };
        let kind = if self.certificate.is_some() { Kind::Certificate } else { Kind::Key };
        let algorithm = key.algorithm();
        self.names =
            offers::names(if algorithm.clone().is_rsa() { "ssh-rsa" } else { algorithm.as_str() }, kind);
        self.names.retain(|name| accepted.contains(name));
        !self.names.is_empty()
    }

    /// The hashes under which an RSA key may sign, best first.
    fn hashes(&self) -> Vec<HashAlg> {
        let known = [("512", HashAlg::Sha512), ("256", HashAlg::Sha256)];
        let may = |size: &str| self.names.is_empty() || self.names.iter().any(|name| name.contains(size));
        known.into_iter().filter(|(size, _)| may(size)).map(|(_, hash)| hash).collect()
    }
}

impl Login<'_> {
    /// Offers one key or certificate.
    pub(super) async fn offer_key(
        &mut self,
        handle: &mut Handle<Client>,
        control: &Control,
        Offer(n): Offer,
    ) -> Result<Tally, Setback> {
        let paper = self.means().papers[n].clone();
        let file = match &paper.source {
            Source::File(file) => Arc::clone(file),
            Source::Agent(blob) => {
                let agent = self.means().agent.clone().expect("its keys are offered");
                let binding = handle.agent_session_binding().cloned();
                let mut pen = Pen::Agent { agent: &agent, blob, binding, clock: control.clock() };
                return self.authenticate(handle, control, (&paper, &mut pen)).await;
            }
            Source::Nowhere => return Ok(Tally::Skipped),
        };
        let key = match file.at_hand().await {
            Some(key) => key,
            None if self.target.logins.questions == super::Way::Barred => {
                Err(format!("BatchMode: the passphrase of {} is not asked for", file.path.display()))
            }
            None => {
                if let Some(tally) = self.probe(handle, control, &paper).await? {
                    return Ok(tally);
                }
                self.unlock(handle, control, &file).await?
            }
        };
        let key = match key {
            Ok(key) => key,
            Err(why) => {
                self.note(why);
                return Ok(Tally::Skipped);
            }
        };
        let mut pen = Pen::File(Arc::clone(&key));
        let paper =
            Paper { key: Some(paper.key.clone().unwrap_or_else(|| key.public_key().clone())), ..paper };
        let tally = self.authenticate(handle, control, (&paper, &mut pen)).await?;
        if matches!(tally, Tally::In | Tally::Failed(_, true)) {
            self.hand_over(&file, &key, control).await;
        }
        Ok(tally)
    }

    /// Offers a key, and signs where the host would take it.
    async fn authenticate(
        &mut self,
        handle: &mut Handle<Client>,
        control: &Control,
        (paper, pen): (&Paper, &mut Pen<'_>),
    ) -> Result<Tally, Setback> {
        let Some(hash) = self.hash(handle, control, paper).await? else { return Ok(Tally::Skipped) };
        let user = &self.target.user;
        let result = match (&paper.certificate, &paper.key) {
            (Some(certificate), _) => {
                let certificate = (**certificate).clone();
                handle.authenticate_certificate_with(user, certificate, hash, pen).await
            }
            (None, Some(key)) => handle.authenticate_publickey_with(user, key.clone(), hash, pen).await,
            (None, None) => return Ok(Tally::Skipped),
        };
        match result {
            Ok(result) => Ok(tally(result)),
            Err(Blot::Ended) => Err(self.ended(control)),
            Err(Blot::Welcome) => Ok(Tally::In),
            Err(Blot::Refused(why)) => {
                self.note(why);
                Ok(Tally::Skipped)
            }
        }
    }

    /// Asks the host whether it would take a locked key, so that nobody types a passphrase for nothing. `None`: it would,
    /// or it cannot be asked.
    async fn probe(
        &mut self,
        handle: &mut Handle<Client>,
        control: &Control,
        paper: &Paper,
    ) -> Result<Option<Tally>, Setback> {
        if paper.key.is_none() {
            return Ok(None);
        }
        match self.authenticate(handle, control, (paper, &mut Pen::Welcome)).await? {
            // Nobody signed, so this only says that the host would take it.
            Tally::In => Ok(None),
            tally => Ok(Some(tally)),
        }
    }

    async fn unlock(
        &mut self,
        handle: &Handle<Client>,
        control: &Control,
        file: &Arc<KeyFile>,
    ) -> Result<Result<Arc<PrivateKey>, String>, Setback> {
        self.turn = None;
        let Some(_slot) = self.shared.slots.take() else {
            return Err(Setback::Parked(Parked::Passphrase(Arc::clone(file))));
        };
        let human = control.clock().human();
        let key = file.unlock(&*self.shared.ask, &self.target.host).await;
        drop(human);
        // Servers close a connection that has not logged in after a while.
        if handle.is_closed() { Err(Setback::Parked(Parked::Settled)) } else { Ok(key) }
    }

    /// Gives the agent a key that let us in, where the configuration says so (`AddKeysToAgent`): once for all hosts.
    async fn hand_over(&self, file: &KeyFile, key: &PrivateKey, control: &Control) {
        let (free, confirmed) = (Uses::Free, Uses::Confirmed);
        let terms = match self.target.add_keys {
            AddKeys::No => return,
            AddKeys::Yes(life) => Terms { life, uses: free },
            AddKeys::Confirm(life) => Terms { life, uses: confirmed },
            AddKeys::Ask => Terms { life: None, uses: free },
        };
        let Some(agent) = &self.means().agent else { return };
        if !file.hand_over_once() {
            return;
        }
        if self.target.add_keys == AddKeys::Ask {
            let _human = control.clock().human();
            let add = KeyToAdd { host: self.target.host.clone(), key: file.path.clone() };
            if !matches!(self.shared.ask.ask(Question::AddKey(add)).await, Answer::Accept) {
                return;
            }
        }
        let _hold = control.clock().hold();
        let comment = file.path.display().to_string();
        if let Err(why) = agent.add(key, &comment, terms).await {
            // The login does not hang on it.
            tracing::info!("{comment} was not added to the agent: {why}");
        }
    }

    /// The hash to sign with: `Some(None)` where the key leaves no choice, `None` if the host takes this RSA key with
    /// SHA-1 only, which we do not do.
    async fn hash(
        &mut self,
        handle: &Handle<Client>,
        control: &Control,
        paper: &Paper,
    ) -> Result<Option<Option<HashAlg>>, Setback> {
        if !paper.key.as_ref().is_some_and(|key| key.algorithm().is_rsa()) {
            return Ok(Some(None));
        }
        let may = paper.hashes();
        match handle.best_supported_rsa_hash().await {
            Err(_) => Err(self.ended(control)),
            Ok(Some(Some(hash))) if may.contains(&hash) => Ok(Some(Some(hash))),
            // Without a word of the host, the one that more servers know.
            Ok(None) => Ok(may.last().map(|&hash| Some(hash))),
            Ok(Some(Some(_))) => Ok(may.first().map(|&hash| Some(hash))),
            Ok(Some(None)) => {
                self.note("the host takes RSA keys with SHA-1 only, which is not safe".to_owned());
                Ok(None)
            }
        }
    }
}

impl KeyFile {
    /// Whether a signature can be had from it, perhaps after a question.
    fn can_sign(&self) -> bool {
        self.known()
            .is_some_and(|contents| matches!(contents.private, Private::Plain(_) | Private::Locked(_)))
    }
}

/// What signs.
enum Pen<'a> {
    /// The agent. The host's clock stands still meanwhile: the agent has a deadline of its own.
    Agent { agent: &'a Agent, blob: &'a [u8], binding: Option<AgentSessionBinding>, clock: &'a Clock },
    /// A private key at hand.
    File(Arc<PrivateKey>),
    /// Nothing: that it is asked says that the host would take the key.
    Welcome,
}

/// Why there is no signature.
#[derive(Debug)]
enum Blot {
    /// The connection has ended.
    Ended,
    /// The key cannot sign: a sentence.
    Refused(String),
    /// The host would take the key.
    Welcome,
}

impl From<SendError> for Blot {
    fn from(_: SendError) -> Blot {
        Blot::Ended
    }
}

impl Signer for Pen<'_> {
    type Error = Blot;

    /// What was to be signed with the signature behind it (RFC 4252 section 7).
    async fn auth_sign(
        &mut self,
        _: &AgentIdentity,
        hash: Option<HashAlg>,
        mut to_sign: Vec<u8>,
    ) -> Result<Vec<u8>, Blot> {
        let signature = match self {
            Pen::Welcome => return Err(Blot::Welcome),
            Pen::File(key) => by_key(key, hash, &to_sign),
            Pen::Agent { agent, blob, binding, clock } => {
                let _hold = clock.hold();
                let errand = Errand { blob, hash, binding: binding.as_ref() };
                agent.sign(&errand, &to_sign).await
            }
        };
        to_sign.extend(signature.map_err(Blot::Refused)?);
        Ok(to_sign)
    }
}

/// A signature as a string of RFC 4253 section 6.6.
fn by_key(key: &PrivateKey, hash: Option<HashAlg>, data: &[u8]) -> Result<Vec<u8>, String> {
    let signature = match key.key_data() {
        KeypairData::Rsa(rsa) => (rsa, hash).try_sign(data),
        other => other.try_sign(data),
    };
    let mut encoded = Vec::new();
    let done = signature
        .map_err(|error| error.to_string())
        .and_then(|signature| signature.encode_prefixed(&mut encoded).map_err(|error| error.to_string()));
    done.map_err(|why| format!("the key cannot sign: {}", crate::escape::text(&why, 200)))?;
    Ok(encoded)
}
