//! Temporary names: `.NAME.omnes-<first 16 hex digits of the SHA-256>.part`, in the folder of the file.
//!
//! Theory: the name says what the part will be when it is whole, so that a push of the same content finds what an earlier one
//! left and can go on with it, and that two pushes of the same content write the same bytes. A name that would be too long is
//! cut, with a digest of the whole in place of what is missing.

use sha2::{Digest, Sha256};

use super::path::MAX_NAME;

/// What stands between the name and the digest.
const MARK: &[u8] = b".omnes-";

/// What such a name ends with.
const END: &[u8] = b".part";

/// Hex digits of the digest.
const DIGITS: usize = 16;

/// Bytes that are kept of a name that would be too long.
const KEPT: usize = 200;

/// The longest name that is kept whole.
const WHOLE: usize = MAX_NAME - 1 - MARK.len() - DIGITS - END.len();

/// The temporary name of this content by the name of its file.
pub fn part_name(name: &[u8], sha256: &[u8; 32]) -> Vec<u8> {
    with_digits(name, &hex(&sha256[..DIGITS / 2]))
}

/// A temporary name that nobody can foresee.
pub fn chance_name(name: &[u8]) -> Vec<u8> {
    with_digits(name, &format!("{:016x}", rand::random::<u64>()))
}

fn with_digits(name: &[u8], digits: &str) -> Vec<u8> {
    [&begin(name)[..], digits.as_bytes(), END].concat()
}

/// What all temporary names of a file begin with.
fn begin(name: &[u8]) -> Vec<u8> {
    if name.len() <= WHOLE {
        return [b".", name, MARK].concat();
    }
    let digest = format!("~{}", hex(&Sha256::digest(name)[..4]));
    [b".", &name[..KEPT], digest.as_bytes(), MARK].concat()
}

/// Is `found` a temporary name of the file `name`?
pub fn is_part_of(found: &[u8], name: &[u8]) -> bool {
    let digits = found.strip_prefix(begin(name).as_slice()).and_then(|rest| rest.strip_suffix(END));
    digits.is_some_and(is_digest)
}

/// Is this the temporary name of whatever file?
pub fn is_part(found: &[u8]) -> bool {
    let Some(rest) = found.strip_prefix(b".").and_then(|rest| rest.strip_suffix(END)) else { return false };
    let Some(at) = rest.len().checked_sub(DIGITS) else { return false };
    is_digest(&rest[at..]) && rest[..at].len() > MARK.len() && rest[..at].ends_with(MARK)
}

fn is_digest(digits: &[u8]) -> bool {
    digits.len() == DIGITS && digits.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Bytes as hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_told_from_its_file_and_from_others() {
        let sum = [0xab; 32];
        assert_eq!(part_name(b"a.conf", &sum), b".a.conf.omnes-abababababababab.part");
        for name in [&b"a"[..], b"a.conf", b"\xff\n", &[b'x'; 226], &[b'x'; 227], &[b'x'; 255]] {
            let part = part_name(name, &sum);
            assert!(part.len() <= MAX_NAME && is_part_of(&part, name) && is_part(&part), "{part:?}");
            assert!(is_part_of(&chance_name(name), name));
            assert!(!is_part_of(&part, b"b") && !is_part_of(name, name) && !is_part(name));
        }
    }

    #[test]
    fn long_names_that_begin_alike_have_parts_of_their_own() {
        let (one, other) = ([[b'x'; 254], [b'1'; 254]].concat(), [[b'x'; 254], [b'2'; 254]].concat());
        let (one, other) = (&one[..255], &other[..255]);
        assert!(!is_part_of(&part_name(one, &[0; 32]), other));
    }

    #[test]
    fn what_only_looks_like_a_part_is_none() {
        for name in [
            &b".a.omnes-0123456789abcde.part"[..],
            b".a.omnes-0123456789abcdeg.part",
            b".a.omnes-0123456789ABCDEF.part",
            b"a.omnes-0123456789abcdef.part",
            b".omnes-0123456789abcdef.part",
            b".a.omnes-0123456789abcdef.part2",
            b".part",
            b"",
        ] {
            assert!(!is_part(name) && !is_part_of(name, b"a"), "{name:?}");
        }
    }
}
