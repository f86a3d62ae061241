//! The files of `RevokedHostKeys`: a list of keys as text, or a key revocation list.

use std::collections::HashMap;

use super::certificate::HostCertificate;
use super::file::word;
use super::key::Key;
use super::krl::Krl;

/// What one file revokes.
#[derive(Debug)]
pub(super) enum Revoked {
    /// Keys, with the line where each stands.
    Lines(HashMap<Vec<u8>, usize>),
    /// A list in OpenSSH's binary form.
    Krl(Krl),
}

/// Where a file says that something is revoked: the line, where it has lines.
pub(super) type Found = Option<usize>;

impl Revoked {
    /// Reads a file. A line that is no key is an error, as it is for ssh: it may be the key that matters.
    pub(super) fn read(bytes: &[u8]) -> Result<Revoked, String> {
        if Krl::is_one(bytes) {
            return Ok(Revoked::Krl(Krl::read(bytes)?));
        }
        let mut lines = HashMap::new();
        for (at, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
            let line = line.trim_ascii_start();
            if word(line).is_empty() || line.starts_with(b"#") {
                continue;
            }
            let key = Key::read(line).filter(|key| !key.is_certificate());
            let key = key.ok_or_else(|| format!("line {} is no key", at + 1))?;
            lines.entry(key.blob).or_insert(at + 1);
        }
        Ok(Revoked::Lines(lines))
    }

    /// Where it revokes a plain key, if it does.
    pub(super) fn key(&self, blob: &[u8]) -> Option<Found> {
        match self {
            Revoked::Lines(lines) => lines.get(blob).map(|&line| Some(line)),
            Revoked::Krl(krl) => krl.revokes_key(blob).then_some(None),
        }
    }

    /// Where it revokes a certificate, by itself, by its key or by its authority.
    pub(super) fn certificate(&self, certificate: &HostCertificate) -> Option<Found> {
        match self {
            Revoked::Lines(_) => self.key(&certificate.key).or_else(|| self.key(&certificate.authority)),
            Revoked::Krl(krl) => krl.revokes(certificate).then_some(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::key::tests::ed25519;
    use super::*;

    #[test]
    fn text_names_keys_and_must_be_readable_whole() {
        let text = format!("# old\n\n \t{} comment\r\n{}\n", ed25519(1), ed25519(2));
        let revoked = Revoked::read(text.as_bytes()).unwrap();
        let blob = |byte| Key::read(ed25519(byte).as_bytes()).unwrap().blob;
        assert_eq!(revoked.key(&blob(1)), Some(Some(3)));
        assert_eq!(revoked.key(&blob(2)), Some(Some(4)));
        assert_eq!(revoked.key(&blob(3)), None);
        assert!(Revoked::read(b"").unwrap().key(&blob(1)).is_none());
        let bad = Revoked::read(format!("{}\nweb {}\n", ed25519(1), ed25519(2)).as_bytes());
        assert_eq!(bad.unwrap_err(), "line 2 is no key");
    }
}
