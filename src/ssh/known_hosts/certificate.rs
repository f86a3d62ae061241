//! Certificates of hosts: what one says, and whether it may speak for a host (OpenSSH's PROTOCOL.certkeys).
//!
//! Theory: a certificate is a key and the word of an authority. The word counts where a `@cert-authority` line names
//! the authority for this host; where it does not count, the key is judged like any other, as `ssh` does.

use std::ops::Range;

use super::key::Key;
use crate::ssh::algorithms::Choice;

/// The signatures of authorities that count where nobody says otherwise (`CASignatureAlgorithms`): none with SHA-1.
const SIGNATURES: [&str; 8] = [
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "rsa-sha2-512",
    "rsa-sha2-256",
];

/// A certificate whose authority's signature was found good. Keys are blobs as on the wire (RFC 4253 section 6.6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostCertificate {
    /// The key that it certifies, plain.
    pub key: Vec<u8>,
    /// The authority's key.
    pub authority: Vec<u8>,
    /// The algorithm of the authority's signature, such as `rsa-sha2-512`.
    pub signature: String,
    /// Its number; 0 where the authority gives none.
    pub serial: u64,
    /// Its name, for people and for revocation.
    pub key_id: String,
    /// Whether it was issued for hosts, and not for users.
    pub kind: CertificateKind,
    /// The names that it stands for; none stands for all.
    pub principals: Vec<String>,
    /// Seconds since 1970 during which it holds.
    pub valid: Range<u64>,
    /// The names of its critical options. None is defined for hosts, so any makes it void.
    pub critical: Vec<String>,
}

/// For whom a certificate was issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateKind {
    /// A host.
    Host,
    /// A user.
    User,
}

impl HostCertificate {
    /// Why it cannot speak for the host `name` at the time `now` (seconds since 1970), in ssh's order of checks;
    /// `None` where it can. Whether its authority is trusted is another question.
    pub(super) fn flaw(&self, name: &str, now: u64, signatures: &Choice) -> Option<&'static str> {
        if Key::from_blob(self.key.clone()).is_none() {
            return Some("its key is too weak or of no known type");
        }
        if self.kind != CertificateKind::Host {
            return Some("it is not a host certificate");
        }
        if now < self.valid.start {
            return Some("it is not yet valid");
        }
        if now >= self.valid.end {
            return Some("it has expired");
        }
        if !self.principals.is_empty() && !self.principals.iter().any(|principal| principal == name) {
            return Some("it does not name this host");
        }
        if !self.critical.is_empty() {
            return Some("it has critical options that hosts cannot have");
        }
        let ours: Vec<String> = SIGNATURES.map(str::to_owned).to_vec();
        let takes_signature = signatures.apply(&ours).contains(&self.signature);
        (!takes_signature).then_some("CASignatureAlgorithms does not take its signature")
    }
}

#[cfg(test)]
mod tests {
    use super::super::key::tests::ed25519;
    use super::*;

    #[test]
    fn a_certificate_speaks_for_whom_it_names_while_it_is_valid() {
        let good = HostCertificate {
            key: Key::read(ed25519(1).as_bytes()).unwrap().blob,
            authority: vec![2],
            signature: "rsa-sha2-512".to_owned(),
            serial: 1,
            key_id: "web".to_owned(),
            kind: CertificateKind::Host,
            principals: vec!["db".to_owned(), "web".to_owned()],
            valid: 10..20,
            critical: Vec::new(),
        };
        let flaw = |certificate: &HostCertificate| certificate.flaw("web", 10, &Choice::Ours);
        assert_eq!(flaw(&good), None);
        assert_eq!(good.flaw("web", 19, &Choice::Ours), None);
        assert_eq!(flaw(&HostCertificate { principals: Vec::new(), ..good.clone() }), None);
        for (bad, why) in [
            (HostCertificate { key: vec![1], ..good.clone() }, "too weak"),
            (HostCertificate { kind: CertificateKind::User, ..good.clone() }, "not a host"),
            (HostCertificate { valid: 11..20, ..good.clone() }, "not yet"),
            (HostCertificate { valid: 0..10, ..good.clone() }, "expired"),
            (
                HostCertificate { principals: vec!["we".to_owned(), "*".to_owned()], ..good.clone() },
                "not name",
            ),
            (HostCertificate { critical: vec!["x".to_owned()], ..good.clone() }, "critical"),
            (HostCertificate { signature: "ssh-rsa".to_owned(), ..good.clone() }, "CASignatureAlgorithms"),
        ] {
            assert!(flaw(&bad).is_some_and(|flaw| flaw.contains(why)), "{bad:?}");
        }
        assert!(good.flaw("web", 10, &Choice::parse("-rsa*")).is_some());
        let old = HostCertificate { signature: "ssh-rsa".to_owned(), ..good };
        assert_eq!(old.flaw("web", 10, &Choice::parse("+ssh-rsa")), None);
    }
}
