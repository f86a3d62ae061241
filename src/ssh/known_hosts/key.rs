//! Public keys as known_hosts holds them: an algorithm and a blob (RFC 4253 section 6.6), checked as far as OpenSSH
//! checks them, since a line that it skips says nothing.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::file::word;
use super::wire::Wire;

/// A key of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    /// The algorithm that the blob names, such as `ssh-rsa`.
    pub(super) algorithm: &'static str,
    /// The key on the wire.
    pub(super) blob: Vec<u8>,
}

/// What stands in the blob after the algorithm's name (RFC 4253, RFC 5656, RFC 8709, OpenSSH's PROTOCOL.u2f).
#[derive(Clone, Copy)]
enum Shape {
    Ed25519,
    SecurityEd25519,
    Rsa,
    Dsa,
    /// The curve's name, and the length of a coordinate.
    Ecdsa(&'static str, usize),
    SecurityEcdsa,
    /// A certificate, whose insides are not looked at: a line without a marker that holds one matches no plain key.
    Certificate,
}

const ALGORITHMS: [(&str, Shape); 15] = [
    ("ssh-ed25519", Shape::Ed25519),
    ("ssh-rsa", Shape::Rsa),
    ("ecdsa-sha2-nistp256", Shape::Ecdsa("nistp256", 32)),
    ("ecdsa-sha2-nistp384", Shape::Ecdsa("nistp384", 48)),
    ("ecdsa-sha2-nistp521", Shape::Ecdsa("nistp521", 66)),
    ("ssh-dss", Shape::Dsa),
    ("sk-ssh-ed25519@openssh.com", Shape::SecurityEd25519),
    ("sk-ecdsa-sha2-nistp256@openssh.com", Shape::SecurityEcdsa),
    ("ssh-ed25519-cert-v01@openssh.com", Shape::Certificate),
    ("ssh-rsa-cert-v01@openssh.com", Shape::Certificate),
    ("ecdsa-sha2-nistp256-cert-v01@openssh.com", Shape::Certificate),
    ("ecdsa-sha2-nistp384-cert-v01@openssh.com", Shape::Certificate),
    ("ecdsa-sha2-nistp521-cert-v01@openssh.com", Shape::Certificate),
    ("sk-ssh-ed25519-cert-v01@openssh.com", Shape::Certificate),
    ("sk-ecdsa-sha2-nistp256-cert-v01@openssh.com", Shape::Certificate),
];

/// The bits of an RSA modulus that OpenSSH takes.
const RSA_BITS: std::ops::RangeInclusive<usize> = 1024..=16_384;

impl Key {
    /// Reads `algorithm base64 …` as it stands in a line; `None` where ssh skips the line.
    pub(super) fn read(text: &[u8]) -> Option<Key> {
        let name = word(text);
        let rest = text[name.len()..].trim_ascii_start();
        // OpenSSH's decoder skips white space, so the CR of a foreign line end does no harm.
        let base64: Vec<u8> =
            word(rest).iter().copied().filter(|byte| !matches!(byte, b'\n' | 0x0b..=b'\r')).collect();
        let key = Key::from_blob(STANDARD.decode(base64).ok()?)?;
        // RSA keys may also be named after their signatures.
        let named = match name {
            b"rsa-sha2-256" | b"rsa-sha2-512" => b"ssh-rsa",
            name => name,
        };
        (named == key.algorithm.as_bytes()).then_some(key)
    }

    /// A key from its blob, if it is a valid one of a known algorithm.
    pub(super) fn from_blob(blob: Vec<u8>) -> Option<Key> {
        let mut wire = Wire(&blob);
        let name = wire.string()?;
        let &(algorithm, shape) = ALGORITHMS.iter().find(|(known, _)| known.as_bytes() == name)?;
        wire.key(shape)?;
        let whole = wire.0.is_empty() || matches!(shape, Shape::Certificate);
        let blob = match shape {
            Shape::Rsa | Shape::Dsa => with_short_numbers(&blob)?,
            _ => blob,
        };
        whole.then_some(Key { algorithm, blob })
    }

    /// Whether it is a certificate, which no line holds in place of a key.
    pub(super) fn is_certificate(&self) -> bool {
        self.algorithm.ends_with("-cert-v01@openssh.com")
    }
}

/// The blob without zeros that its numbers need not begin with. ssh takes such numbers too, and compares values: a key
/// that somebody revoked in such a form is still that key.
fn with_short_numbers(blob: &[u8]) -> Option<Vec<u8>> {
    let (mut wire, mut short) = (Wire(blob), Vec::with_capacity(blob.len()));
    while !wire.0.is_empty() {
        let string = wire.string()?;
        let zeros = string.iter().take_while(|&&byte| byte == 0).count();
        // One stays where the number would be negative without it.
        let needed = usize::from(zeros > 0 && string.get(zeros).is_some_and(|byte| byte & 0x80 != 0));
        let string = &string[zeros - needed..];
        short.extend_from_slice(&u32::try_from(string.len()).ok()?.to_be_bytes());
        short.extend_from_slice(string);
    }
    Some(short)
}

impl Wire<'_> {
    /// A number that is not negative; its bits.
    fn number(&mut self) -> Option<usize> {
        let bytes = self.string()?;
        if bytes.first().is_some_and(|first| first & 0x80 != 0) {
            return None;
        }
        let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
        let bits =
            bytes.get(zeros).map_or(0, |first| 8 * (bytes.len() - zeros) - first.leading_zeros() as usize);
        (bits <= *RSA_BITS.end()).then_some(bits)
    }

    fn exactly(&mut self, expected: &[u8]) -> Option<()> {
        (self.string()? == expected).then_some(())
    }

    fn bytes(&mut self, length: usize) -> Option<()> {
        (self.string()?.len() == length).then_some(())
    }

    /// An uncompressed point.
    fn point(&mut self, coordinate: usize) -> Option<()> {
        let point = self.string()?;
        (point.len() == 1 + 2 * coordinate && point[0] == 4).then_some(())
    }

    fn key(&mut self, shape: Shape) -> Option<()> {
        match shape {
            Shape::Ed25519 => self.bytes(32),
            Shape::SecurityEd25519 => {
                self.bytes(32)?;
                self.string().map(drop)
            }
            Shape::Rsa => {
                self.number()?;
                RSA_BITS.contains(&self.number()?).then_some(())
            }
            Shape::Dsa => (0..4).try_for_each(|_| self.number().map(drop)),
            Shape::Ecdsa(curve, coordinate) => {
                self.exactly(curve.as_bytes())?;
                self.point(coordinate)
            }
            Shape::SecurityEcdsa => {
                self.exactly(b"nistp256")?;
                self.point(32)?;
                self.string().map(drop)
            }
            Shape::Certificate => Some(()),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// An Ed25519 key whose bytes are all `byte`, as `algorithm base64`.
    pub(in crate::ssh::known_hosts) fn ed25519(byte: u8) -> String {
        format!("ssh-ed25519 {}", STANDARD.encode(blob(&[b"ssh-ed25519", &[byte; 32]])))
    }

    pub(in crate::ssh::known_hosts) fn blob(strings: &[&[u8]]) -> Vec<u8> {
        let mut blob = Vec::new();
        for string in strings {
            blob.extend(u32::try_from(string.len()).unwrap().to_be_bytes());
            blob.extend(*string);
        }
        blob
    }

    #[test]
    fn keys_are_checked() {
        let rsa = |bytes: usize| blob(&[b"ssh-rsa", &[1, 0, 1], &[&[0][..], &vec![0xff; bytes]].concat()]);
        let point = |first: u8| [vec![first], vec![7; 64]].concat();
        for (name, blob, good) in [
            ("ssh-ed25519", blob(&[b"ssh-ed25519", &[1; 32]]), true),
            ("ssh-ed25519", blob(&[b"ssh-ed25519", &[1; 31]]), false),
            ("ssh-ed25519", blob(&[b"ssh-ed25519", &[1; 32], b""]), false),
            ("ssh-rsa", blob(&[b"ssh-ed25519", &[1; 32]]), false),
            ("ssh-rsa", rsa(256), true),
            ("rsa-sha2-512", rsa(256), true),
            ("ssh-rsa", rsa(64), false),
            ("ssh-rsa", rsa(2049), false),
            ("ssh-rsa", blob(&[b"ssh-rsa", &[1, 0, 1], &[0xff; 256]]), false),
            ("ecdsa-sha2-nistp256", blob(&[b"ecdsa-sha2-nistp256", b"nistp256", &point(4)]), true),
            ("ecdsa-sha2-nistp256", blob(&[b"ecdsa-sha2-nistp256", b"nistp256", &point(3)]), false),
            ("ecdsa-sha2-nistp256", blob(&[b"ecdsa-sha2-nistp256", b"nistp384", &point(4)]), false),
            ("ssh-what", blob(&[b"ssh-what", &[1; 32]]), false),
            ("ssh-ed25519", vec![0, 0, 0, 200, 1], false),
            ("ssh-ed25519", vec![], false),
        ] {
            let line = format!("{name} {} comment", STANDARD.encode(&blob));
            assert_eq!(Key::read(line.as_bytes()).is_some(), good, "{line}");
        }
        let long = blob(&[b"ssh-rsa", &[0, 0, 1, 0, 1], &[&[0, 0, 0][..], &[0xff; 256]].concat()]);
        assert_eq!(Key::from_blob(long).unwrap().blob, rsa(256), "the same numbers");
        let good = ed25519(1);
        assert!(Key::read(format!("{good}\r").as_bytes()).is_some());
        assert!(Key::read(good.replacen(' ', "\t \t", 1).as_bytes()).is_some());
        assert!(Key::read(format!("{good}=").as_bytes()).is_none());
        assert!(Key::read(b"ssh-ed25519").is_none());
        assert!(Key::read(b"").is_none());
    }
}
