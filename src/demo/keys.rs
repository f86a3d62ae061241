//! The keys of one run: who the hosts are, and the one user they let in.

use russh::keys::ssh_key::private::{Ed25519Keypair, KeypairData};
use russh::keys::ssh_key::{LineEnding, Result};
use russh::keys::{PrivateKey, PublicKey};

/// An Ed25519 key, kept as its seed: 32 bytes a host, the rest is computed when it is needed.
#[derive(Clone)]
pub(super) struct Seed([u8; 32]);

impl Seed {
    /// A new key from the system's randomness.
    pub(super) fn random() -> Seed {
        Seed(rand::random())
    }

    /// The key pair.
    pub(super) fn private(&self, comment: &str) -> Result<PrivateKey> {
        PrivateKey::new(KeypairData::Ed25519(Ed25519Keypair::from_seed(&self.0)), comment)
    }

    /// Its public half.
    pub(super) fn public(&self) -> Result<PublicKey> {
        Ok(self.private("")?.public_key().clone())
    }

    /// One line of known_hosts: `name ssh-ed25519 AAAA…`.
    pub(super) fn known_hosts_line(&self, name: &str) -> Result<String> {
        Ok(format!("{name} {}\n", self.public()?.to_openssh()?.trim_end()))
    }

    /// The private key as a file that `ssh -i` reads.
    pub(super) fn openssh_file(&self, comment: &str) -> Result<String> {
        Ok(self.private(comment)?.to_openssh(LineEnding::LF)?.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_one_key_and_two_seeds_are_two() {
        let (one, other) = (Seed::random(), Seed::random());
        let again = one.private("x").unwrap().public_key().key_data().clone();
        assert_eq!(one.public().unwrap().key_data(), &again);
        assert_ne!(one.public().unwrap().key_data(), other.public().unwrap().key_data());
        let line = one.known_hosts_line("demo01").unwrap();
        assert!(line.starts_with("demo01 ssh-ed25519 AAAA") && line.lines().count() == 1, "{line}");
    }
}
