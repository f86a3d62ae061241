//! Whether a host proves itself as it was asked to.
//!
//! Theory: host and client settle on one type of key and one algorithm of signatures (RFC 4253 section 7.1), and the host
//! is held to it by `ssh`. russh verifies that the key has signed, of whatever type it is. A host that settled on one type and
//! presents another could prove itself by an old key that the user's `HostKeyAlgorithms` no longer takes, or sign with
//! SHA-1; so what was not asked for is refused here.

use russh::Preferred;
use russh::client::{Handle, Handler};
use russh::keys::ssh_encoding::Decode;
use russh::keys::{Algorithm, PublicKeyOrCertificate};

use super::ConnectError;
use crate::escape;

/// The error is a host that presents a key, or a certificate, of a type that it was not asked for.
pub(super) fn check_type(asked: &Preferred, presented: &PublicKeyOrCertificate) -> Result<(), ConnectError> {
    let (types, what) = match presented.certificate() {
        Some(_) => (&asked.host_key_certificates, "certificate"),
        None => (&asked.key, "key"),
    };
    let algorithm = presented.public_key().algorithm();
    match types.iter().any(|asked| *asked == algorithm || (is_rsa(asked) && is_rsa(&algorithm))) {
        true => Ok(()),
        false => Err(ConnectError::HostKey(format!(
            "the host presents a {what} of the type {}, which it was not asked for (see HostKeyAlgorithms in \
             ssh_config(5))",
            escape::text(algorithm.as_str(), 80)
        ))),
    }
}

/// The error is a host that signed the key exchange by an algorithm that it was not asked for.
pub(super) fn check_signature<H: Handler>(asked: &Preferred, handle: &Handle<H>) -> Result<(), ConnectError> {
    let binding = handle.agent_session_binding();
    match binding.is_some_and(|binding| is_signed_as_asked(asked, binding.signature())) {
        true => Ok(()),
        false => Err(ConnectError::HostKey(
            "the host signs by an algorithm that it was not asked for (see HostKeyAlgorithms in ssh_config(5))"
                .to_owned(),
        )),
    }
}

/// A signature begins with the name of its algorithm (RFC 4253 section 6.6).
fn is_signed_as_asked(asked: &Preferred, mut signature: &[u8]) -> bool {
    let Ok(name) = String::decode(&mut signature) else { return false };
    asked.key.iter().chain(&*asked.host_key_certificates).any(|asked| asked.as_str() == name)
}

fn is_rsa(algorithm: &Algorithm) -> bool {
    matches!(algorithm, Algorithm::Rsa { .. })
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use russh::keys::ssh_encoding::Encode;
    use russh::keys::{HashAlg, PrivateKey, PublicKey};

    use super::*;

    const SHA512: Algorithm = Algorithm::Rsa { hash: Some(HashAlg::Sha512) };

    fn asked(keys: &[Algorithm], certificates: &[Algorithm]) -> Preferred {
        Preferred {
            key: Cow::Owned(keys.to_vec()),
            host_key_certificates: Cow::Owned(certificates.to_vec()),
            ..Preferred::DEFAULT
        }
    }

    #[test]
    fn a_key_of_another_type_is_refused() {
        let key = PrivateKey::random(&mut russh::keys::key::safe_rng(), Algorithm::Ed25519).unwrap();
        let ed25519: PublicKey = key.public_key().clone();
        let check = |asked: &Preferred| check_type(asked, &ed25519.clone().into());
        assert_eq!(check(&asked(&[SHA512, Algorithm::Ed25519], &[])), Ok(()));
        let why = check(&asked(&[SHA512], &[Algorithm::Ed25519])).unwrap_err().to_string();
        assert!(why.contains("a key of the type ssh-ed25519") && why.contains("HostKeyAlgorithms"), "{why}");
    }

    #[test]
    fn a_signature_by_another_algorithm_is_refused() {
        let signature = |name: &str| {
            let mut blob = Vec::new();
            name.encode(&mut blob).unwrap();
            blob
        };
        let plain = asked(&[SHA512], &[]);
        assert!(is_signed_as_asked(&plain, &signature("rsa-sha2-512")));
        assert!(!is_signed_as_asked(&plain, &signature("ssh-rsa")), "SHA-1");
        assert!(!is_signed_as_asked(&plain, &[0, 0, 1]));
        let named = asked(&[SHA512, Algorithm::Rsa { hash: None }], &[]);
        assert!(is_signed_as_asked(&named, &signature("ssh-rsa")), "where the user named it");
        assert!(
            is_signed_as_asked(&asked(&[], &[SHA512]), &signature("rsa-sha2-512")),
            "of a certificate's key"
        );
    }
}
