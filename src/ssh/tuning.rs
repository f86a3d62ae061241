//! How russh is set: algorithms, windows and timers.
//!
//! Theory: a `Config` is shared, since thousands of connections need the same few. Those few differ in the order of the
//! host key types (what known_hosts holds for a host comes first, as in OpenSSH, so that the host presents a key that
//! can be verified) and in their timers (so that a fleet neither pings nor re-keys in step).

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rand::Rng;
use russh::client::Config;
use russh::keys::{Algorithm, EcdsaCurve, HashAlg};
use russh::{Limits, Preferred, SshId, cipher};

use super::stream::SILENCE;

/// Window of a channel in bytes: what may be under way unseen. Small, so that `^C` is not behind megabytes.
const WINDOW: u32 = 256 * 1024;

/// Configs that differ in their timers only, for each order of host key types.
const VARIANTS: usize = 8;

/// AES-GCM first: with the processor's help it costs half of ChaCha20.
const CIPHERS: &[cipher::Name] = &[
    cipher::AES_256_GCM,
    cipher::AES_128_GCM,
    cipher::CHACHA20_POLY1305,
    cipher::AES_256_CTR,
    cipher::AES_192_CTR,
    cipher::AES_128_CTR,
];

/// The host key types that we take, best first. RSA never with SHA-1.
const HOST_KEYS: [Algorithm; 6] = [
    Algorithm::Ed25519,
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP384 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP521 },
    Algorithm::Rsa { hash: Some(HashAlg::Sha512) },
    Algorithm::Rsa { hash: Some(HashAlg::Sha256) },
];

type Variants = Vec<Arc<Config>>;

/// The configs of a run, made when first needed.
#[derive(Debug, Default)]
pub(super) struct Tuning {
    by_known: Mutex<HashMap<Vec<String>, Variants>>,
}

impl Tuning {
    /// A config for a host of which these key types are known.
    pub(super) fn config(&self, known: Vec<String>) -> Arc<Config> {
        let mut by_known = self.by_known.lock().unwrap_or_else(PoisonError::into_inner);
        let variants =
            by_known.entry(known).or_insert_with_key(|known| (0..VARIANTS).map(|_| variant(known)).collect());
        Arc::clone(&variants[rand::rng().random_range(0..VARIANTS)])
    }
}

/// Known types first, each group in our order.
fn order(known: &[String]) -> Vec<Algorithm> {
    // known_hosts names the type of the key, `ssh-rsa`, whatever hash signs with it.
    let is_known = |algorithm: &Algorithm| {
        let name = if matches!(algorithm, Algorithm::Rsa { .. }) { "ssh-rsa" } else { algorithm.as_str() };
        known.iter().any(|k| k == name)
    };
    let (first, rest): (Vec<_>, Vec<_>) = HOST_KEYS.into_iter().partition(is_known);
    first.into_iter().chain(rest).collect()
}

fn variant(known: &[String]) -> Arc<Config> {
    let mut rng = rand::rng();
    let keepalive = SILENCE.mul_f64(rng.random_range(0.2..0.25));
    let rekey = Duration::from_secs(3600).mul_f64(rng.random_range(6.0..12.0));
    Arc::new(Config {
        client_id: SshId::Standard(Cow::Borrowed(concat!("SSH-2.0-omnes_", env!("CARGO_PKG_VERSION")))),
        limits: Limits::new(1 << 30, 1 << 30, rekey),
        window_size: WINDOW,
        maximum_packet_size: 32 * 1024,
        channel_buffer_size: 32,
        preferred: Preferred {
            cipher: Cow::Borrowed(CIPHERS),
            key: Cow::Owned(order(known)),
            ..Preferred::DEFAULT
        },
        keepalive_interval: Some(keepalive),
        // russh would count a time during which we do not read as silence; the guarded stream counts better.
        keepalive_max: 0,
        nodelay: true,
        ..Config::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_asked_for_first() {
        let names = |known: &[&str]| -> Vec<String> {
            let known: Vec<String> = known.iter().map(|&k| k.to_owned()).collect();
            order(&known).iter().map(|a| a.as_str().to_owned()).collect()
        };
        assert_eq!(names(&[])[0], "ssh-ed25519");
        assert_eq!(names(&["ssh-rsa"])[..2], ["rsa-sha2-512", "rsa-sha2-256"]);
        assert_eq!(names(&["ssh-rsa", "ecdsa-sha2-nistp384"])[0], "ecdsa-sha2-nistp384");
        assert!(!names(&["ssh-rsa"]).contains(&"ssh-rsa".to_owned()));
    }

    #[test]
    fn configs_are_shared_and_jittered() {
        let tuning = Tuning::default();
        let mut seen: Vec<Arc<Config>> = (0..100).map(|_| tuning.config(Vec::new())).collect();
        seen.sort_by_key(Arc::as_ptr);
        seen.dedup_by(|a, b| Arc::ptr_eq(a, b));
        assert!((2..=VARIANTS).contains(&seen.len()));
        assert_ne!(seen[0].keepalive_interval, seen[1].keepalive_interval);
    }
}
