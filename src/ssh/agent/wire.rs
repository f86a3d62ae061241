//! The agent's protocol (draft-miller-ssh-agent): requests as bytes, answers as values. Pure.
//!
//! What an agent says is not trusted more than what a host says: every length is checked, a key that cannot be read is
//! passed over and hides no other, and lists are cut at [`KEYS`].

use std::time::Duration;

use russh::keys::ssh_encoding::Encode;
use russh::keys::ssh_key::public::KeyData;
use russh::keys::{Certificate, HashAlg, PrivateKey, PublicKey};
use zeroize::Zeroizing;

/// Longest answer of an agent in bytes, as in OpenSSH; none is allocated before its length is known.
pub(super) const FRAME: usize = 256 * 1024;

/// Keys of an agent that are looked at; a host lets us offer six.
pub(super) const KEYS: usize = 1000;

const FAILURE: u8 = 5;
const SUCCESS: u8 = 6;
const REQUEST_IDENTITIES: u8 = 11;
const IDENTITIES_ANSWER: u8 = 12;
const SIGN_REQUEST: u8 = 13;
const SIGN_RESPONSE: u8 = 14;
const ADD_IDENTITY: u8 = 17;
const ADD_ID_CONSTRAINED: u8 = 25;
const EXTENSION: u8 = 27;
const EXTENSION_FAILURE: u8 = 28;

const CONSTRAIN_LIFETIME: u8 = 1;
const CONSTRAIN_CONFIRM: u8 = 2;

const RSA_SHA2_256: u32 = 2;
const RSA_SHA2_512: u32 = 4;

/// A key that an agent holds: a plain one, or a certificate over one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::ssh) struct Held {
    /// As on the wire; the agent knows it by that.
    pub(in crate::ssh) blob: Vec<u8>,
    /// The key itself.
    pub(in crate::ssh) key: PublicKey,
    /// The certificate, if it is one.
    pub(in crate::ssh) certificate: Option<Box<Certificate>>,
}

/// A request; wiped when it goes, since it may hold a private key.
pub(super) type Frame = Zeroizing<Vec<u8>>;

/// Why an answer is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The agent says no.
    Refused,
    /// It does not keep to the protocol.
    Protocol,
}

/// What becomes of a key in the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ssh) struct Terms {
    /// How long it is held; for as long as the agent lives, if `None`.
    pub(in crate::ssh) life: Option<Duration>,
    /// Whether each use is confirmed.
    pub(in crate::ssh) uses: Uses,
}

/// Whether the user confirms each use of a key in the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ssh) enum Uses {
    Free,
    Confirmed,
}

fn frame(body: &[&[u8]]) -> Frame {
    let length: usize = body.iter().map(|part| part.len()).sum();
    let mut frame = Zeroizing::new(Vec::with_capacity(4 + length));
    frame.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
    body.iter().for_each(|part| frame.extend_from_slice(part));
    frame
}

fn string(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    [&length.to_be_bytes()[..], bytes].concat()
}

/// Asks for the list of keys.
pub(super) fn list() -> Frame {
    frame(&[&[REQUEST_IDENTITIES]])
}

/// Asks for a signature over `data`.
pub(super) fn sign(blob: &[u8], data: &[u8], hash: Option<HashAlg>) -> Frame {
    let flags: u32 = match hash {
        Some(HashAlg::Sha256) => RSA_SHA2_256,
        Some(HashAlg::Sha512) => RSA_SHA2_512,
        _ => 0,
    };
    frame(&[&[SIGN_REQUEST], &string(blob), &string(data), &flags.to_be_bytes()])
}

/// Binds the agent's connection to a session with a host (`session-bind@openssh.com`), for an authentication.
pub(super) fn bind(host_key: &[u8], session: &[u8], signature: &[u8]) -> Frame {
    frame(&[
        &[EXTENSION],
        &string(b"session-bind@openssh.com"),
        &string(host_key),
        &string(session),
        &string(signature),
        &[0],
    ])
}

/// Gives the agent a key. `None` where the key cannot be encoded.
pub(super) fn add(key: &PrivateKey, comment: &str, terms: Terms) -> Option<Frame> {
    let mut encoded = Zeroizing::new(Vec::with_capacity(key.key_data().encoded_len().ok()?));
    key.key_data().encode(&mut *encoded).ok()?;
    let mut constraints = Vec::new();
    if let Some(life) = terms.life {
        constraints.push(CONSTRAIN_LIFETIME);
        constraints.extend_from_slice(&u32::try_from(life.as_secs()).unwrap_or(u32::MAX).to_be_bytes());
    }
    if terms.uses == Uses::Confirmed {
        constraints.push(CONSTRAIN_CONFIRM);
    }
    let kind = if constraints.is_empty() { ADD_IDENTITY } else { ADD_ID_CONSTRAINED };
    Some(frame(&[&[kind], &encoded, &string(comment.as_bytes()), &constraints]))
}

/// The keys of a list. Keys of a type that is not known, or that cannot be read, are left out.
pub(super) fn held(answer: &[u8]) -> Result<Vec<Held>, Fault> {
    let (&kind, mut rest) = answer.split_first().ok_or(Fault::Protocol)?;
    match kind {
        IDENTITIES_ANSWER => {}
        FAILURE | EXTENSION_FAILURE => return Err(Fault::Refused),
        _ => return Err(Fault::Protocol),
    }
    let count = take_number(&mut rest)?;
    let mut keys = Vec::new();
    for _ in 0..count {
        if keys.len() >= KEYS {
            break;
        }
        let blob = take_string(&mut rest)?;
        let _comment = take_string(&mut rest)?;
        keys.extend(key(blob));
    }
    Ok(keys)
}

fn key(blob: &[u8]) -> Option<Held> {
    let name = take_string(&mut &*blob).ok()?;
    if name.ends_with(b"-cert-v01@openssh.com") {
        // A certificate inside a certificate would be parsed without end.
        let certificate = Certificate::from_bytes(blob).ok()?;
        let key = PublicKey::new(certificate.public_key().clone(), "");
        return Some(Held { blob: blob.to_vec(), key, certificate: Some(Box::new(certificate)) });
    }
    let key = PublicKey::from_bytes(blob).ok()?;
    // russh can offer only keys whose type it knows.
    let known = !matches!(key.key_data(), KeyData::Other(_) | KeyData::Dsa(_));
    known.then(|| Held { blob: blob.to_vec(), key, certificate: None })
}

/// The signature as it goes to the host: a string (RFC 4252 section 7).
pub(super) fn signature(answer: &[u8]) -> Result<Vec<u8>, Fault> {
    let (&kind, mut rest) = answer.split_first().ok_or(Fault::Protocol)?;
    match kind {
        SIGN_RESPONSE => {
            let signature = take_string(&mut rest)?;
            // What it is, the host checks; that it is one, we do.
            let mut inside = signature;
            let algorithm = take_string(&mut inside)?;
            let well = !algorithm.is_empty() && take_string(&mut inside).is_ok();
            if well { Ok(string(signature)) } else { Err(Fault::Protocol) }
        }
        FAILURE | EXTENSION_FAILURE => Err(Fault::Refused),
        _ => Err(Fault::Protocol),
    }
}

/// Whether a request that has no other answer was carried out.
pub(super) fn done(answer: &[u8]) -> Result<(), Fault> {
    match answer.first() {
        Some(&SUCCESS) => Ok(()),
        Some(&(FAILURE | EXTENSION_FAILURE)) => Err(Fault::Refused),
        _ => Err(Fault::Protocol),
    }
}

fn take_number(rest: &mut &[u8]) -> Result<u32, Fault> {
    let (number, after) = rest.split_first_chunk::<4>().ok_or(Fault::Protocol)?;
    *rest = after;
    Ok(u32::from_be_bytes(*number))
}

fn take_string<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], Fault> {
    let length = take_number(rest)? as usize;
    let (string, after) = rest.split_at_checked(length).ok_or(Fault::Protocol)?;
    *rest = after;
    Ok(string)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An Ed25519 public key as on the wire.
    fn ed25519(byte: u8) -> Vec<u8> {
        [string(b"ssh-ed25519"), string(&[byte; 32])].concat()
    }

    fn answer(blobs: &[Vec<u8>]) -> Vec<u8> {
        let mut answer = vec![IDENTITIES_ANSWER];
        answer.extend_from_slice(&(blobs.len() as u32).to_be_bytes());
        for blob in blobs {
            answer.extend(string(blob));
            answer.extend(string(b"comment"));
        }
        answer
    }

    #[test]
    fn a_key_that_cannot_be_read_hides_no_other() {
        let odd = [
            Vec::new(),
            vec![0xff; 7],
            [string(b"ssh-mystery"), string(b"x")].concat(),
            string(b"ssh-ed25519"),
            [string(b"ssh-ed25519-cert-v01@openssh.com"), vec![0; 3]].concat(),
        ];
        for odd in odd {
            let keys = held(&answer(&[ed25519(1), odd.clone(), ed25519(2)])).unwrap();
            let blobs: Vec<_> = keys.into_iter().map(|held| held.blob).collect();
            assert_eq!(blobs, [ed25519(1), ed25519(2)], "{odd:?}");
        }
    }

    #[test]
    fn lists_are_cut_and_lies_are_faults() {
        let many = answer(&vec![ed25519(7); KEYS + 50]);
        assert_eq!(held(&many).unwrap().len(), KEYS);
        assert_eq!(held(&[FAILURE]), Err(Fault::Refused));
        assert_eq!(held(&[]), Err(Fault::Protocol));
        assert_eq!(held(&[SUCCESS]), Err(Fault::Protocol));
        // It says that more comes than there is.
        assert_eq!(held(&[IDENTITIES_ANSWER, 0xff, 0xff, 0xff, 0xff]), Err(Fault::Protocol));
        assert_eq!(held(&[IDENTITIES_ANSWER, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff]), Err(Fault::Protocol));
        assert_eq!(held(&answer(&[])), Ok(Vec::new()));
    }

    #[test]
    fn signatures_are_passed_on_whole() {
        let inside = [string(b"ssh-ed25519"), string(&[3; 64])].concat();
        let answer = [vec![SIGN_RESPONSE], string(&inside)].concat();
        assert_eq!(signature(&answer), Ok(string(&inside)));
        // A FIDO key's has flags and a counter behind it.
        let fido = [string(b"sk-ssh-ed25519@openssh.com"), string(&[3; 64]), vec![1, 0, 0, 0, 9]].concat();
        assert_eq!(signature(&[vec![SIGN_RESPONSE], string(&fido)].concat()), Ok(string(&fido)));
        for lie in [vec![SIGN_RESPONSE], vec![SIGN_RESPONSE, 0, 0, 0, 9], vec![7], Vec::new()] {
            assert_eq!(signature(&lie), Err(Fault::Protocol), "{lie:?}");
        }
        assert_eq!(signature(&[FAILURE]), Err(Fault::Refused));
    }

    #[test]
    fn requests_stand_in_the_protocol() {
        assert_eq!(*list(), [0, 0, 0, 1, REQUEST_IDENTITIES]);
        let request = sign(b"k", b"data", Some(HashAlg::Sha512));
        assert_eq!(*request, [b"\0\0\0\x12\x0d\0\0\0\x01k\0\0\0\x04data\0\0\0\x04" as &[u8]].concat());
        assert!(bind(b"h", b"s", b"g").ends_with(b"\0\0\0\x01h\0\0\0\x01s\0\0\0\x01g\0"));
    }
}
