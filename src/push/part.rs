//! Temporary names: `.NAME.omnes-<first 16 hex digits of the SHA-256>-<8 by chance>.part`, in the folder of the file.
//!
//! Theory: the name says what the part will be when it is whole, so that a push of the same content finds what an earlier one
//! left and can go on with it; what is by chance makes it the name of one writer, so that nobody else ever writes or renames
//! under it. Whoever goes on with a part first gives it a name of its own, which only one can do. Names without the second
//! number, as omnes made them once and makes for what is never gone on with, are known too. A name that would be too long is
//! cut, with a digest of the whole in place of what is missing.

use sha2::{Digest, Sha256};

use super::path::MAX_NAME;

/// What stands between the name and the digest.
const MARK: &[u8] = b".omnes-";

/// What such a name ends with.
const END: &[u8] = b".part";

/// Hex digits of the digest.
const DIGITS: usize = 16;

/// Hex digits by chance behind it, with what parts both.
const CHANCE: usize = 1 + 8;

/// Bytes that are kept of a name that would be too long.
const KEPT: usize = 200;

/// The longest name that is kept whole, with so many digits.
const fn whole(digits: usize) -> usize {
    MAX_NAME - 1 - MARK.len() - digits - END.len()
}

/// A temporary name for this content of the file of this name: that of one writer.
pub fn part_name(name: &[u8], sha256: &[u8; 32]) -> Vec<u8> {
    let digits = format!("{}-{:08x}", hex(&sha256[..DIGITS / 2]), rand::random::<u32>());
    with_digits(name, &digits)
}

/// A temporary name that nobody can foresee.
pub fn chance_name(name: &[u8]) -> Vec<u8> {
    with_digits(name, &format!("{:016x}", rand::random::<u64>()))
}

fn with_digits(name: &[u8], digits: &str) -> Vec<u8> {
    [&begin(name, digits.len())[..], digits.as_bytes(), END].concat()
}

/// What the temporary names of a file with so many digits begin with.
fn begin(name: &[u8], digits: usize) -> Vec<u8> {
    if name.len() <= whole(digits) {
        return [b".", name, MARK].concat();
    }
    let digest = format!("~{}", hex(&Sha256::digest(name)[..4]));
    [b".", &name[..KEPT], digest.as_bytes(), MARK].concat()
}

/// What all temporary names of a file begin with, up to their digits: one or the other.
pub(super) fn stems(name: &[u8]) -> [Vec<u8>; 2] {
    [DIGITS + CHANCE, DIGITS].map(|digits| begin(name, digits))
}

/// A temporary name of whatever file, up to its digits, and the digits of the content.
fn divided(found: &[u8]) -> Option<(&[u8], &[u8])> {
    let rest = found.strip_prefix(b".")?.strip_suffix(END)?;
    let before = |digits: usize| Some(rest.split_at(rest.len().checked_sub(digits)?));
    let (stem, digits) = match before(CHANCE) {
        Some((rest, [b'-', chance @ ..])) if is_hex(chance) => rest.split_at(rest.len().checked_sub(DIGITS)?),
        _ => before(DIGITS)?,
    };
    let is_part = is_hex(digits) && stem.len() > MARK.len() && stem.ends_with(MARK);
    is_part.then(|| (&found[..=stem.len()], digits))
}

/// What a temporary name begins with, up to its digits; `None` where it is none.
pub(super) fn stem(found: &[u8]) -> Option<&[u8]> {
    divided(found).map(|(stem, _)| stem)
}

/// Is `found` a temporary name of the file `name`?
pub fn is_part_of(found: &[u8], name: &[u8]) -> bool {
    stem(found).is_some_and(|stem| stems(name).iter().any(|known| known == stem))
}

/// Does this temporary name say that it will be this content?
pub fn is_begun(found: &[u8], sha256: &[u8; 32]) -> bool {
    divided(found).is_some_and(|(_, digits)| digits == hex(&sha256[..DIGITS / 2]).as_bytes())
}

/// Is this the temporary name of whatever file?
pub fn is_part(found: &[u8]) -> bool {
    divided(found).is_some()
}

fn is_hex(digits: &[u8]) -> bool {
    digits.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
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
        let part = part_name(b"a.conf", &sum);
        assert!(part.starts_with(b".a.conf.omnes-abababababababab-") && part.len() == 44, "{part:?}");
        assert_ne!(part, part_name(b"a.conf", &sum), "each writer has its own");
        for len in [1, 217, 218, 226, 227, 255] {
            let name = &[b'x'; 255][..len];
            let (part, other) = (part_name(name, &sum), chance_name(name));
            assert!(is_begun(&part, &sum) && !is_begun(&part, &[0; 32]) && !is_begun(&other, &sum));
            for part in [part, other] {
                assert!(part.len() <= MAX_NAME && is_part_of(&part, name) && is_part(&part), "{part:?}");
                assert!(!is_part_of(&part, b"b") && !is_part_of(name, name) && !is_part(name));
            }
        }
        let old = b".a.omnes-abababababababab.part";
        assert!(is_part_of(old, b"a") && is_begun(old, &sum), "what an older omnes left");
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
            b".a.omnes-0123456789abcdef-0123456.part",
            b".a.omnes-0123456789abcdef-0123456g.part",
            b".a.omnes-0123456789abcdef-012345678.part",
            b".a.omnes-0123456789abcdef01234567.part",
            b".a.omnes--01234567.part",
            b".omnes-0123456789abcdef-01234567.part",
            b".part",
            b"",
        ] {
            assert!(!is_part(name) && !is_part_of(name, b"a"), "{name:?}");
        }
    }
}
