//! How russh is set: algorithms, windows and timers.
//!
//! Theory: a `Config` is shared, since thousands of connections need the same few. Those few differ in what they offer
//! (by the host's configuration, and by the key types that known_hosts holds: those come first, as in OpenSSH, so that
//! the host presents a key that can be verified) and in their timers (so that a fleet neither pings nor re-keys in step).

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rand::Rng;
use russh::client::{Config, GexParams};
use russh::{Limits, Preferred, SshId, compression};

use super::algorithms::{Algorithms, Compression};
use super::offer::Offer;
use super::silence::{Patience, Silence};
use super::target::Alive;
use super::{ConnectError, Target};

/// Window of a channel in bytes: what may be under way unseen. Small, so that `^C` is not behind megabytes.
const WINDOW: u32 = 256 * 1024;

/// The same where files are moved: at 50 ms it carries 40 MB/s.
const FILES_WINDOW: u32 = 2 * 1024 * 1024;

/// Configs that differ in their timers only, for each set of wants.
const VARIANTS: usize = 8;

/// Compression where the configuration asks for it, and where it does not but the host may insist. Never before the
/// login (plain `zlib`), where nobody is known yet.
const COMPRESSED: &[compression::Name] = &[compression::ZLIB_LEGACY, compression::NONE];
const UNCOMPRESSED: &[compression::Name] = &[compression::NONE, compression::ZLIB_LEGACY];

/// What makes a host's config another than its neighbour's.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Wants {
    /// Types of its keys in known_hosts.
    known: Vec<String>,
    algorithms: Arc<Algorithms>,
    alive: Option<Alive>,
}

type Variants = Vec<Arc<Config>>;

/// The configs of a run, made when first needed.
#[derive(Debug)]
pub(super) struct Tuning {
    silence: Silence,
    window: u32,
    by_wants: Mutex<HashMap<Wants, Result<Variants, String>>>,
}

impl Default for Tuning {
    fn default() -> Tuning {
        Tuning::new(Silence::default())
    }
}

impl Tuning {
    /// Configs whose timers ask a silent host as this needs it.
    pub(super) fn new(silence: Silence) -> Tuning {
        Tuning { silence, window: WINDOW, by_wants: Mutex::default() }
    }

    /// The same for links that move files.
    pub(super) fn for_files(self) -> Tuning {
        Tuning { window: FILES_WINDOW, by_wants: Mutex::default(), ..self }
    }

    /// The rule for silence on links to a host.
    pub(super) fn patience(&self, target: &Target) -> Patience {
        Patience::of(self.silence, target.alive)
    }

    /// A config for a host of which these key types are known; the error is a configuration that leaves nothing to offer.
    pub(super) fn config(&self, target: &Target, known: Vec<String>) -> Result<Arc<Config>, ConnectError> {
        let wants = Wants { known, algorithms: Arc::clone(&target.algorithms), alive: target.alive };
        let mut by_wants = self.by_wants.lock().unwrap_or_else(PoisonError::into_inner);
        let variants = by_wants.entry(wants).or_insert_with_key(|wants| {
            let offer = Offer::new(&wants.algorithms, &wants.known)?;
            Ok((0..VARIANTS).map(|_| variant((self.silence, self.window), wants, &offer)).collect())
        });
        match variants {
            Ok(variants) => Ok(Arc::clone(&variants[rand::rng().random_range(0..VARIANTS)])),
            Err(why) => Err(ConnectError::Unsupported(why.clone())),
        }
    }
}

/// Groups as `ssh` asks for them: what a host with a short list of primes has is taken down to 2,048 bits.
fn groups() -> GexParams {
    GexParams::new(2048, 8192, 8192).expect("russh takes groups from 2,048 bits")
}

fn variant((silence, window): (Silence, u32), wants: &Wants, offer: &Offer) -> Arc<Config> {
    let mut rng = rand::rng();
    let asks = Patience::of(silence, wants.alive).asks();
    // Where somebody looks at them, hosts that last spoke together are asked together: a process at rest wakes once for many,
    // and nobody types. Headless links come and go, and are spread.
    let keepalive = asks.map(|asks| match silence {
        Silence::Shown => asks,
        Silence::Ends => asks.mul_f64(rng.random_range(0.9..1.0)),
    });
    let rekey = Duration::from_secs(3600).mul_f64(rng.random_range(6.0..12.0));
    Arc::new(Config {
        client_id: SshId::Standard(Cow::Borrowed(concat!("SSH-2.0-omnes_", env!("CARGO_PKG_VERSION")))),
        limits: Limits::new(1 << 30, 1 << 30, rekey),
        window_size: window,
        maximum_packet_size: 32 * 1024,
        channel_buffer_size: 32,
        preferred: Preferred {
            kex: Cow::Owned(offer.kex.clone()),
            key: Cow::Owned(offer.host_keys.clone()),
            host_key_certificates: Cow::Owned(offer.host_certificates.clone()),
            cipher: Cow::Owned(offer.ciphers.clone()),
            mac: Cow::Owned(offer.macs.clone()),
            compression: Cow::Borrowed(match wants.algorithms.compression {
                Compression::Yes => COMPRESSED,
                Compression::No => UNCOMPRESSED,
            }),
        },
        keepalive_interval: keepalive,
        // russh would count a time during which we do not read as silence; the guarded stream counts better.
        keepalive_max: 0,
        gex: groups(),
        nodelay: true,
        ..Config::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hosts::Host;
    use crate::ssh::Choice;

    fn target() -> Target {
        Target::bare(Host::new(None, "web1", None), "web1", 22, "ann")
    }

    #[test]
    fn configs_are_shared_and_jittered() {
        let tuning = Tuning::default();
        let mut seen: Vec<Arc<Config>> =
            (0..100).map(|_| tuning.config(&target(), Vec::new()).unwrap()).collect();
        seen.sort_by_key(Arc::as_ptr);
        seen.dedup_by(|a, b| Arc::ptr_eq(a, b));
        assert!((2..=VARIANTS).contains(&seen.len()));
        assert_ne!(seen[0].keepalive_interval, seen[1].keepalive_interval);
    }

    #[test]
    fn links_that_move_files_have_a_wider_window() {
        let narrow = Tuning::default().config(&target(), Vec::new()).unwrap();
        let wide = Tuning::new(Silence::Shown).for_files().config(&target(), Vec::new()).unwrap();
        assert_eq!((narrow.window_size, wide.window_size), (WINDOW, FILES_WINDOW));
    }

    #[test]
    fn hosts_that_want_something_else_get_something_else() {
        let tuning = Tuning::default();
        let plain = tuning.config(&target(), Vec::new()).unwrap();
        assert_eq!(plain.preferred.compression[0], compression::NONE);
        let mut target = target();
        target.algorithms = Arc::new(Algorithms {
            ciphers: Choice::parse("aes128-ctr"),
            compression: Compression::Yes,
            ..Algorithms::default()
        });
        let other = tuning.config(&target, Vec::new()).unwrap();
        assert_eq!(*other.preferred.cipher, [russh::cipher::AES_128_CTR]);
        assert_eq!(other.preferred.compression[0], compression::ZLIB_LEGACY);
        target.algorithms =
            Arc::new(Algorithms { ciphers: Choice::parse("3des-cbc"), ..Algorithms::default() });
        let refused = tuning.config(&target, Vec::new()).unwrap_err().to_string();
        assert!(refused.starts_with("not supported: none of its Ciphers (3des-cbc)"), "{refused}");
    }
}
