//! Which keys a host presents: each type asked for on a connection of its own, that ends with the key exchange.
//!
//! Theory: in a key exchange a host proves one key, of the type that both sides settled on (RFC 4253 section 7.1). So
//! whoever wants to see all keys asks for one type at a time, and a host that has none of a type says so by ending the
//! exchange, with the list of those it has; the types that are not on it need no connection. Where an authority may
//! vouch for the host, its certificate is asked for first. Nobody logs in, nothing is decided here: the key of a host is
//! only looked at.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};

use russh::client::{Config, DisconnectReason, Handler};
use russh::keys::{Algorithm, PublicKeyBase64, PublicKeyOrCertificate};
use russh::{AlgorithmKind, Preferred, SshId};

use super::client::ClientError;
use super::clock::{Clock, Progress};
use super::connect::{self, Setback};
use super::connector::{Connector, Shared};
use super::hostkey::Presented;
use super::known_hosts::{HostCertificate, fingerprint};
use super::road::{Next, Road};
use super::route;
use super::stream::{Control, Guard, Guarded};
use super::{ConnectError, Stage, Target};
use crate::escape;

/// A key that a host presented and proved to hold. Nothing says that it is the right one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostKey {
    /// Its algorithm, such as `ssh-ed25519`; free of control characters.
    pub algorithm: String,
    /// The key on the wire (RFC 4253 section 6.6).
    pub blob: Vec<u8>,
    /// `SHA256:…`, as `ssh-keygen -l` prints it.
    pub fingerprint: String,
    /// The certificate that it came in, where one was asked for; its signature is good.
    pub certificate: Option<Arc<HostCertificate>>,
}

impl HostKey {
    /// A key from its algorithm and its blob.
    pub fn new(algorithm: &str, blob: Vec<u8>) -> HostKey {
        let fingerprint = fingerprint(&blob);
        HostKey { algorithm: escape::text(algorithm, 80), blob, fingerprint, certificate: None }
    }
}

impl Connector {
    /// All keys that a host presents, of the types that we accept, in the order of our preference. Each connection has
    /// the target's connect timeout; where one fails the host was not asked, whatever the others gave. Nobody logs in.
    /// Dropping the future gives up at once.
    pub async fn scan(&self, target: &Target, progress: &dyn Progress) -> Result<Vec<HostKey>, ConnectError> {
        let target = Arc::new(target.clone());
        let mut keys = Vec::new();
        let mut offered: Option<Vec<String>> = None;
        for types in types(&*settings(self.shared(), &target)?) {
            if offered.as_ref().is_some_and(|offered| !types.are_among(offered)) {
                continue;
            }
            let clock = Arc::new(Clock::new(target.connect_timeout));
            let asking = ask(self.shared(), &target, &clock, &types);
            match clock.within(progress, asking).await? {
                Answer::Key(key) => keys.push(key),
                Answer::Offers(theirs) => offered = Some(theirs),
            }
        }
        if keys.is_empty() {
            let theirs = escape::text(&offered.unwrap_or_default().join(", "), 300);
            let why = format!("no common Key algorithm; the host offers {theirs}");
            return Err(ConnectError::Unreachable { stage: Stage::KeyExchange, why });
        }
        Ok(keys)
    }
}

/// What a host says to a type of key.
enum Answer {
    /// Here it is.
    Key(HostKey),
    /// It has none of these types, but others.
    Offers(Vec<String>),
}

/// How a connection ended that was meant to end.
#[derive(Debug)]
enum ScanEnd {
    Russh(russh::Error),
    /// The key was seen.
    Seen,
}

impl From<russh::Error> for ScanEnd {
    fn from(error: russh::Error) -> ScanEnd {
        ScanEnd::Russh(error)
    }
}

/// Our side of such a connection: keeps the key and ends.
struct Look {
    control: Arc<Control>,
    seen: Arc<Seen>,
}

/// What the host presented; an error is a certificate that its authority has not signed.
type Seen = Mutex<Option<Result<HostKey, ConnectError>>>;

impl Drop for Look {
    fn drop(&mut self) {
        self.control.finish();
    }
}

impl Handler for Look {
    type Error = ScanEnd;

    async fn check_server_key(&mut self, key: &PublicKeyOrCertificate) -> Result<bool, ScanEnd> {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(host_key(key));
        Err(ScanEnd::Seen)
    }

    async fn disconnected(&mut self, reason: DisconnectReason<ScanEnd>) -> Result<(), ScanEnd> {
        match reason {
            DisconnectReason::ReceivedDisconnect(said) => {
                self.control.dismiss(&escape::text(&said.message, 300));
                Ok(())
            }
            DisconnectReason::Error(error) => Err(error),
        }
    }
}

fn host_key(presented: &PublicKeyOrCertificate) -> Result<HostKey, ConnectError> {
    let key = presented.public_key();
    let certificate = Presented::new(presented)?.certificate().cloned();
    let suffix = if certificate.is_some() { "-cert-v01@openssh.com" } else { "" };
    let name = format!("{}{suffix}", key.algorithm().as_str());
    Ok(HostKey { certificate, ..HostKey::new(&name, key.public_key_bytes()) })
}

/// What one connection asks for.
#[derive(Debug, Default)]
struct Types {
    certificates: Vec<Algorithm>,
    keys: Vec<Algorithm>,
}

impl Types {
    /// Whether it is of use to ask a host that offers these.
    fn are_among(&self, offered: &[String]) -> bool {
        !self.certificates.is_empty()
            || self.keys.iter().any(|own| offered.iter().any(|name| name == own.as_str()))
    }
}

/// The types that we accept, those that sign one kind of key together: RSA keys sign with two hashes.
fn types(base: &Config) -> Vec<Types> {
    let mut all = Vec::new();
    let certificates = base.preferred.host_key_certificates.to_vec();
    if !certificates.is_empty() {
        all.push(Types { certificates, ..Types::default() });
    }
    for algorithm in base.preferred.key.iter() {
        let same = |types: &&mut Types| is_rsa(algorithm) && types.keys.first().is_some_and(is_rsa);
        match all.iter_mut().find(same) {
            Some(types) => types.keys.push(algorithm.clone()),
            None => all.push(Types { keys: vec![algorithm.clone()], ..Types::default() }),
        }
    }
    all
}

fn is_rsa(algorithm: &Algorithm) -> bool {
    matches!(algorithm, Algorithm::Rsa { .. })
}

/// How a connection to this host is set.
fn settings(shared: &Shared, target: &Target) -> Result<Arc<Config>, ConnectError> {
    shared.tuning.config(target, shared.keys.algorithms_for(target))
}

/// The same, asking for these types alone.
fn narrowed(base: &Config, types: &Types) -> Arc<Config> {
    let (SshId::Standard(id) | SshId::Raw(id)) = &base.client_id;
    Arc::new(Config {
        client_id: SshId::Standard(id.clone()),
        preferred: Preferred {
            key: Cow::Owned(types.keys.clone()),
            host_key_certificates: Cow::Owned(types.certificates.clone()),
            ..base.preferred.clone()
        },
        gex: base.gex.clone(),
        nodelay: base.nodelay,
        ..Config::default()
    })
}

/// Asks until the host answers or says a last word; it is asked again where it turned us away before it knew us.
async fn ask(
    shared: &Arc<Shared>,
    target: &Arc<Target>,
    clock: &Arc<Clock>,
    types: &Types,
) -> Result<Answer, ConnectError> {
    let mut road = Road::new(shared, target, clock).await?;
    loop {
        road.begin().await?;
        let ended = attempt(&road, types).await;
        if let Next::There(answer) = road.next(ended).await? {
            return Ok(answer);
        }
    }
}

async fn attempt(road: &Road<'_>, types: &Types) -> Result<Answer, Setback> {
    let Road { shared, target, clock, .. } = road;
    let stream = route::open(road).await.map_err(Setback::Final)?;
    let control = Control::new(Arc::clone(clock));
    let _guard = Guard(Arc::clone(&control));
    let seen: Arc<Seen> = Arc::default();
    let look = Look { control: Arc::clone(&control), seen: Arc::clone(&seen) };
    let guarded = Guarded::new(stream, Arc::clone(&control));
    let config = narrowed(&*settings(shared, target).map_err(Setback::Final)?, types);
    let ended = russh::client::connect_stream(config, guarded, look).await;
    let key = seen.lock().unwrap_or_else(PoisonError::into_inner).take();
    match (key, ended.err()) {
        (Some(Ok(key)), _) => Ok(Answer::Key(key)),
        (Some(Err(unsigned)), _) => Err(Setback::Final(unsigned)),
        (None, Some(ScanEnd::Russh(russh::Error::NoCommonAlgo { kind: AlgorithmKind::Key, theirs, .. }))) => {
            Ok(Answer::Offers(theirs))
        }
        (None, Some(ScanEnd::Russh(error))) => Err(connect::setback(ClientError::Russh(error), &control)),
        (None, Some(ScanEnd::Seen) | None) => {
            let why = "the key exchange ended without a key".to_owned();
            Err(Setback::Final(ConnectError::Unreachable { stage: Stage::KeyExchange, why }))
        }
    }
}
