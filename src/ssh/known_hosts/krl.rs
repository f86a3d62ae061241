//! Key revocation lists in OpenSSH's binary form (PROTOCOL.krl), as `ssh-keygen -k` writes them.
//!
//! A list that cannot be understood whole is no list: what was not understood may be the key in question.

use std::collections::HashSet;
use std::ops::RangeInclusive;

use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::certificate::HostCertificate;
use super::wire::Wire;

/// How a list begins.
const MAGIC: &[u8; 8] = b"SSHKRL\n\0";
const VERSION: u32 = 1;

/// Sections (PROTOCOL.krl).
const CERTIFICATES: u8 = 1;
const EXPLICIT: u8 = 2;
const SHA1: u8 = 3;
const SIGNATURE: u8 = 4;
const SHA256: u8 = 5;
const EXTENSION: u8 = 255;

/// Sections about the certificates of one authority.
const SERIALS: u8 = 0x20;
const RANGE: u8 = 0x21;
const BITMAP: u8 = 0x22;
const KEY_IDS: u8 = 0x23;
const CERTIFICATES_EXTENSION: u8 = 0x39;

/// What a list holds. Its size is within that of its file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Krl {
    keys: HashSet<Box<[u8]>>,
    sha1: HashSet<Box<[u8]>>,
    sha256: HashSet<Box<[u8]>>,
    authorities: Vec<Issued>,
}

/// The revoked certificates of one authority, or of any where it is not named.
#[derive(Debug, Default, PartialEq, Eq)]
struct Issued {
    authority: Option<Box<[u8]>>,
    serials: Vec<RangeInclusive<u64>>,
    /// Numbers from the first on, one bit each.
    bitmaps: Vec<(u64, Box<[u8]>)>,
    key_ids: HashSet<Box<[u8]>>,
}

impl Krl {
    /// Whether a file begins as a list does.
    pub(super) fn is_one(bytes: &[u8]) -> bool {
        bytes.starts_with(MAGIC)
    }

    /// Reads a list; the error says what is wrong with it.
    pub(super) fn read(bytes: &[u8]) -> Result<Krl, &'static str> {
        const CUT: &str = "it is a damaged key revocation list";
        let mut wire = Wire(bytes.strip_prefix(MAGIC).ok_or("it is no key revocation list")?);
        if wire.u32() != Some(VERSION) {
            return Err("it is a key revocation list of an unknown version");
        }
        // Its own version, its date and flags, something reserved, a comment.
        (|| Some((wire.take(24)?, wire.string()?, wire.string()?)))().ok_or(CUT)?;
        let mut krl = Krl::default();
        while !wire.0.is_empty() {
            let kind = wire.byte().ok_or(CUT)?;
            let mut data = Wire(wire.string().ok_or(CUT)?);
            match kind {
                CERTIFICATES => krl.authorities.push(Issued::read(data)?),
                EXPLICIT => strings(data, &mut krl.keys).ok_or(CUT)?,
                SHA1 => strings(data, &mut krl.sha1).ok_or(CUT)?,
                SHA256 => strings(data, &mut krl.sha256).ok_or(CUT)?,
                EXTENSION => pass_over(&mut data)?,
                SIGNATURE => return Err("it is a signed key revocation list, which omnes cannot check"),
                _ => return Err("it is a key revocation list with a section of an unknown kind"),
            }
        }
        Ok(krl)
    }

    /// Whether it revokes a plain key.
    pub(super) fn revokes_key(&self, blob: &[u8]) -> bool {
        self.keys.contains(blob)
            || (!self.sha1.is_empty() && self.sha1.contains(&Sha1::digest(blob)[..]))
            || (!self.sha256.is_empty() && self.sha256.contains(&Sha256::digest(blob)[..]))
    }

    /// Whether it revokes a certificate: its key, its authority's key, its number or its name.
    pub(super) fn revokes(&self, certificate: &HostCertificate) -> bool {
        self.revokes_key(&certificate.key)
            || self.revokes_key(&certificate.authority)
            || self.authorities.iter().any(|issued| issued.revokes(certificate))
    }
}

impl Issued {
    fn read(mut wire: Wire<'_>) -> Result<Issued, &'static str> {
        const CUT: &str = "it is a key revocation list with damaged certificate sections";
        let authority = wire.string().ok_or(CUT)?;
        wire.string().ok_or(CUT)?;
        let authority = (!authority.is_empty()).then(|| authority.into());
        let mut issued = Issued { authority, ..Issued::default() };
        while !wire.0.is_empty() {
            let kind = wire.byte().ok_or(CUT)?;
            let mut data = Wire(wire.string().ok_or(CUT)?);
            match kind {
                SERIALS => {
                    while !data.0.is_empty() {
                        let serial = data.u64().ok_or(CUT)?;
                        issued.serials.push(serial..=serial);
                    }
                }
                RANGE => {
                    let range = data.u64().ok_or(CUT)?..=data.u64().ok_or(CUT)?;
                    if range.is_empty() || !data.0.is_empty() {
                        return Err(CUT);
                    }
                    issued.serials.push(range);
                }
                BITMAP => issued.bitmap(data).ok_or(CUT)?,
                KEY_IDS => strings(data, &mut issued.key_ids).ok_or(CUT)?,
                CERTIFICATES_EXTENSION => pass_over(&mut data)?,
                _ => return Err("it is a key revocation list with certificate sections of an unknown kind"),
            }
        }
        Ok(issued)
    }

    /// The numbers from an offset on whose bits are set in a large number, the lowest bit last.
    fn bitmap(&mut self, mut data: Wire<'_>) -> Option<()> {
        let offset = data.u64()?;
        let bits = data.string()?;
        offset.checked_add(8 * bits.len() as u64)?;
        self.bitmaps.push((offset, bits.into()));
        data.0.is_empty().then_some(())
    }

    fn revokes_serial(&self, serial: u64) -> bool {
        let is_set = |(offset, bits): &(u64, Box<[u8]>)| {
            let bit = serial.checked_sub(*offset)?;
            let byte = bits.iter().rev().nth(usize::try_from(bit / 8).ok()?)?;
            Some(byte >> (bit % 8) & 1 == 1)
        };
        self.serials.iter().any(|serials| serials.contains(&serial))
            || self.bitmaps.iter().any(|bitmap| is_set(bitmap) == Some(true))
    }

    fn revokes(&self, certificate: &HostCertificate) -> bool {
        let ours = self.authority.as_ref().is_none_or(|authority| **authority == *certificate.authority);
        // Number 0 is what authorities write that do not count.
        let numbered = certificate.serial != 0 && self.revokes_serial(certificate.serial);
        ours && (numbered || self.key_ids.contains(certificate.key_id.as_bytes()))
    }
}

/// All strings that are left.
fn strings(mut wire: Wire<'_>, into: &mut HashSet<Box<[u8]>>) -> Option<()> {
    while !wire.0.is_empty() {
        into.insert(wire.string()?.into());
    }
    Some(())
}

/// An extension (a name, whether it is critical, its data) may be passed over unless it is critical.
fn pass_over(data: &mut Wire<'_>) -> Result<(), &'static str> {
    match (data.string(), data.byte()) {
        (Some(_), Some(0)) => Ok(()),
        _ => Err("it is a key revocation list with an extension that omnes does not know"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::certificate::CertificateKind;
    use super::super::key::tests::blob;
    use super::*;

    fn section(kind: u8, data: &[u8]) -> Vec<u8> {
        [&[kind][..], &blob(&[data])].concat()
    }

    fn list(sections: &[Vec<u8>]) -> Vec<u8> {
        let header = [&MAGIC[..], &VERSION.to_be_bytes(), &[0; 24], &blob(&[b"", b"comment"])].concat();
        [header, sections.concat()].concat()
    }

    fn certificates(authority: &[u8], kind: u8, data: &[u8]) -> Vec<u8> {
        section(CERTIFICATES, &[blob(&[authority, b""]), section(kind, data)].concat())
    }

    fn certificate(serial: u64) -> HostCertificate {
        HostCertificate {
            key: b"key".to_vec(),
            authority: b"authority".to_vec(),
            signature: "ssh-ed25519".to_owned(),
            serial,
            key_id: "web".to_owned(),
            kind: CertificateKind::Host,
            principals: Vec::new(),
            valid: 0..u64::MAX,
            critical: Vec::new(),
        }
    }

    #[test]
    fn keys_are_revoked_by_themselves_and_by_their_hashes() {
        for (kind, data) in [
            (EXPLICIT, blob(&[b"other", b"key"])),
            (SHA1, blob(&[&Sha1::digest(b"key")])),
            (SHA256, blob(&[&Sha256::digest(b"key")])),
        ] {
            let krl = Krl::read(&list(&[section(kind, &data)])).unwrap();
            assert!(krl.revokes_key(b"key") && !krl.revokes_key(b"kez"), "{kind}");
            assert!(krl.revokes(&certificate(0)));
        }
        let krl = Krl::read(&list(&[section(EXPLICIT, &blob(&[b"authority"]))])).unwrap();
        assert!(krl.revokes(&certificate(0)) && !krl.revokes_key(b"key"));
    }

    #[test]
    fn certificates_are_revoked_by_number_and_name() {
        let numbers = |numbers: &[u64]| numbers.iter().flat_map(|n| n.to_be_bytes()).collect::<Vec<u8>>();
        // Bits 0, 1 and 9 from 100 on.
        let bitmap = [numbers(&[100]), blob(&[&[2, 3]])].concat();
        for (kind, data, revoked, well) in [
            (SERIALS, numbers(&[5, 7]), vec![5, 7], vec![0, 4, 6, 8]),
            (RANGE, numbers(&[0, 7]), vec![1, 7], vec![0, 8]),
            (BITMAP, bitmap, vec![100, 101, 109], vec![99, 102, 108, 110]),
            (KEY_IDS, blob(&[b"db", b"web"]), vec![0, 1], vec![]),
        ] {
            for authority in [&b"authority"[..], b""] {
                let krl = Krl::read(&list(&[certificates(authority, kind, &data)])).unwrap();
                for serial in &revoked {
                    assert!(krl.revokes(&certificate(*serial)), "{kind} {serial}");
                }
                for serial in &well {
                    assert!(!krl.revokes(&certificate(*serial)), "{kind} {serial}");
                }
            }
            let krl = Krl::read(&list(&[certificates(b"another", kind, &data)])).unwrap();
            assert!(!krl.revokes(&certificate(revoked[0])), "{kind}, of another authority");
        }
    }

    #[test]
    fn what_is_not_understood_is_no_list() {
        let extension = |critical: u8| section(EXTENSION, &[&blob(&[b"new"])[..], &[critical]].concat());
        Krl::read(&list(&[extension(0)])).unwrap();
        for bad in [list(&[extension(1)]), list(&[section(SIGNATURE, b"")]), list(&[section(9, b"")])] {
            Krl::read(&bad).unwrap_err();
        }
        let backwards = [9u64, 8].map(u64::to_be_bytes).concat();
        Krl::read(&list(&[certificates(b"", RANGE, &backwards)])).unwrap_err();
        let beyond = [&u64::MAX.to_be_bytes()[..], &blob(&[&[3]])].concat();
        Krl::read(&list(&[certificates(b"", BITMAP, &beyond)])).unwrap_err();
        Krl::read(b"SSHKRL\n\0\0\0\0\x02").unwrap_err();
    }

    #[test]
    fn no_bytes_make_it_panic() {
        let whole = list(&[
            section(EXPLICIT, &blob(&[b"key"])),
            certificates(b"authority", BITMAP, &[&7u64.to_be_bytes()[..], &blob(&[&[2, 3]])].concat()),
            certificates(b"", SERIALS, &7u64.to_be_bytes()),
        ]);
        for at in 0..whole.len() {
            // A list that is cut between two sections is whole as far as it goes.
            let _ = Krl::read(&whole[..at]);
            for byte in [0, 1, 0x20, 0x22, 0x7f, 0xff] {
                let mut changed = whole.clone();
                changed[at] = byte;
                let _ = Krl::read(&changed).map(|krl| krl.revokes(&certificate(7)));
            }
        }
    }
}
