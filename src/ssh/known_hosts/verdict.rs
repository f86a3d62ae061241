//! What the lines that name a host say about the key it presents.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use sha2::{Digest, Sha256};

use super::certificate::HostCertificate;
use super::file::Marker;
use super::key::Key;
use crate::escape;
use crate::ssh::Target;
use crate::ssh::place::Place;

/// What known_hosts says about a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It holds this key for the host.
    Known,
    /// It holds no key of the host.
    Unknown,
    /// It holds other keys of the host, and not this one. A key of another type counts, as in ssh: who cannot present
    /// the key that is known may not be the host.
    Changed {
        /// What it holds, in the order of the files.
        held: Vec<HeldKey>,
    },
    /// It says that this key is never to be accepted.
    Revoked {
        /// What says so.
        at: Place,
    },
}

/// What the files say about a host's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Vouched {
    /// An authority that they name for the host vouches for it.
    Yes,
    /// They name its authority for the host, but the certificate is void: why, and the authority's line.
    Void(String),
    /// They do not name its authority for the host.
    Unknown,
    /// They revoke it, its key or its authority.
    Revoked {
        /// What says so.
        at: Place,
    },
}

/// A key that known_hosts holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldKey {
    /// Its algorithm, such as `ssh-ed25519`.
    pub algorithm: &'static str,
    /// `SHA256:…`, as `ssh-keygen -l` prints it.
    pub fingerprint: String,
    /// The name under which it stands, `name` or `[name]:port`.
    pub name: String,
    /// Where it stands.
    pub at: Place,
}

/// A line that names the host, with its key.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) marker: Marker,
    pub(super) key: Key,
    pub(super) at: Place,
}

/// Judges `blob` by the lines that name `name`, of all files, in order.
pub(super) fn judge(held: &[Held], name: &str, blob: &[u8]) -> Verdict {
    // A revocation counts wherever it stands, also beside a line that holds the key.
    if let Some(revoked) = held.iter().find(|line| line.marker == Marker::Revoked && line.key.blob == blob) {
        return Verdict::Revoked { at: revoked.at.clone() };
    }
    let mut plain = held.iter().filter(|line| line.marker == Marker::Plain).peekable();
    if plain.peek().is_none() {
        return Verdict::Unknown;
    }
    if plain.clone().any(|line| line.key.blob == blob) {
        return Verdict::Known;
    }
    let held = plain.map(|line| HeldKey {
        algorithm: line.key.algorithm,
        fingerprint: fingerprint(&line.key.blob),
        name: name.to_owned(),
        at: line.at.clone(),
    });
    Verdict::Changed { held: held.collect() }
}

/// Judges a certificate by the lines that name the host; `flaw` says why it is void, if it is.
pub(super) fn vouch(
    held: &[Held],
    certificate: &HostCertificate,
    flaw: impl Fn() -> Option<&'static str>,
) -> Vouched {
    let keys = [&certificate.key, &certificate.authority];
    let revoked = |line: &&Held| line.marker == Marker::Revoked && keys.contains(&&line.key.blob);
    if let Some(line) = held.iter().find(revoked) {
        return Vouched::Revoked { at: line.at.clone() };
    }
    let names_it = |line: &&Held| line.marker == Marker::Authority && line.key.blob == certificate.authority;
    match (held.iter().find(names_it), flaw()) {
        (None, _) => Vouched::Unknown,
        (Some(_), None) => Vouched::Yes,
        (Some(line), Some(why)) => Vouched::Void(format!("{why} (authority: {})", line.at)),
    }
}

/// The fingerprint of a key on the wire, as `ssh-keygen -l` prints it: `SHA256:…`.
pub fn fingerprint(blob: &[u8]) -> String {
    format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(blob)))
}

impl Verdict {
    /// Why a key with this verdict is refused under every policy: one sentence with both fingerprints, the place, and
    /// the command that mends it. `None` for known and unknown keys.
    pub fn refusal(&self, target: &Target, algorithm: &str, blob: &[u8]) -> Option<String> {
        let presented = format!("{} {}", escape::text(algorithm, 80), fingerprint(blob));
        match self {
            Verdict::Known | Verdict::Unknown => None,
            Verdict::Revoked { at } => Some(format!(
                "{} presents {presented}, which is marked as revoked ({at}); the host needs a new key",
                known_as(target)
            )),
            Verdict::Changed { held } => {
                let told: Vec<String> = held
                    .iter()
                    .map(|held| format!("{} {} ({})", held.algorithm, held.fingerprint, held.at))
                    .collect();
                Some(format!(
                    "{} presents {presented}, but known_hosts holds {}; somebody may stand in between. If the change is \
                     rightful: omnes keys --replace {} (or {})",
                    known_as(target),
                    told.join(", "),
                    word(&target.host.to_string()),
                    mend(held),
                ))
            }
        }
    }
}

/// The commands that take out what is held, one for each file.
fn mend(held: &[HeldKey]) -> String {
    let mut commands: Vec<String> = Vec::new();
    for key in held {
        let command = format!("ssh-keygen -R {} -f {}", quoted(&key.name), quoted_path(&key.at.file));
        if !commands.contains(&command) {
            commands.push(command);
        }
    }
    commands.join(" && ")
}

fn quoted_path(path: &Path) -> String {
    quoted(&escape::line(path.as_os_str().as_encoded_bytes()))
}

/// A host's name as one word of a shell.
pub(crate) fn word(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "@%+=:,./_-".contains(c);
    if name.chars().all(plain) { name.to_owned() } else { quoted(&escape::text(name, 200)) }
}

/// In single quotes, as a shell takes it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// The name under which a host's key is kept: `name`, or `[name]:port`.
pub fn known_as(target: &Target) -> String {
    match target.key_port {
        Some(port) => format!("[{}]:{port}", target.key_name),
        None => target.key_name.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::key::tests::ed25519;
    use super::*;

    fn held(marker: Marker, byte: u8, line: usize) -> Held {
        let key = Key::read(ed25519(byte).as_bytes()).unwrap();
        Held { marker, key, at: Place { file: Path::new("/kh").into(), line } }
    }

    #[test]
    fn every_verdict() {
        use Marker::{Authority, Plain, Revoked};
        let blob = Key::read(ed25519(1).as_bytes()).unwrap().blob;
        let judge = |lines: &[(Marker, u8)]| {
            let lines: Vec<Held> =
                lines.iter().enumerate().map(|(at, &(marker, byte))| held(marker, byte, at + 1)).collect();
            match judge(&lines, "web", &blob) {
                Verdict::Known => "known".to_owned(),
                Verdict::Unknown => "unknown".to_owned(),
                Verdict::Changed { held } => format!("changed {}", held.len()),
                Verdict::Revoked { at } => format!("revoked {at}"),
            }
        };
        assert_eq!(judge(&[]), "unknown");
        assert_eq!(judge(&[(Plain, 1)]), "known");
        assert_eq!(judge(&[(Plain, 2), (Plain, 1)]), "known");
        assert_eq!(judge(&[(Plain, 2), (Plain, 3)]), "changed 2");
        assert_eq!(judge(&[(Authority, 1)]), "unknown");
        assert_eq!(judge(&[(Authority, 2), (Plain, 1)]), "known");
        assert_eq!(judge(&[(Revoked, 2)]), "unknown");
        assert_eq!(judge(&[(Plain, 1), (Revoked, 1)]), "revoked /kh:2");
        assert_eq!(judge(&[(Plain, 2), (Revoked, 2)]), "changed 1");
    }

    #[test]
    fn every_word_of_an_authority() {
        use Marker::{Authority, Plain, Revoked};
        let blob = |byte| Key::read(ed25519(byte).as_bytes()).unwrap().blob;
        let certificate = HostCertificate {
            key: blob(1),
            authority: blob(2),
            signature: "ssh-ed25519".to_owned(),
            serial: 0,
            key_id: String::new(),
            kind: super::super::CertificateKind::Host,
            principals: Vec::new(),
            valid: 0..u64::MAX,
            critical: Vec::new(),
        };
        let judge = |lines: &[(Marker, u8)], flaw| {
            let lines: Vec<Held> =
                lines.iter().enumerate().map(|(at, &(marker, byte))| held(marker, byte, at + 1)).collect();
            match vouch(&lines, &certificate, || flaw) {
                Vouched::Yes => "yes".to_owned(),
                Vouched::Void(why) => why,
                Vouched::Unknown => "unknown".to_owned(),
                Vouched::Revoked { at } => format!("revoked {at}"),
            }
        };
        assert_eq!(judge(&[], None), "unknown");
        assert_eq!(judge(&[(Plain, 1), (Plain, 2), (Authority, 1)], None), "unknown");
        assert_eq!(judge(&[(Authority, 3), (Authority, 2)], None), "yes");
        assert_eq!(judge(&[(Authority, 2)], Some("it has expired")), "it has expired (authority: /kh:1)");
        assert_eq!(judge(&[(Authority, 3)], Some("it has expired")), "unknown");
        assert_eq!(judge(&[(Authority, 2), (Revoked, 2)], None), "revoked /kh:2");
        assert_eq!(judge(&[(Authority, 2), (Revoked, 1)], None), "revoked /kh:2");
        assert_eq!(judge(&[(Authority, 2), (Revoked, 3)], None), "yes");
    }

    #[test]
    fn a_fingerprint_is_that_of_ssh_keygen() {
        // The SHA-256 of nothing, in base64 without padding.
        assert_eq!(fingerprint(b""), "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU");
    }
}
