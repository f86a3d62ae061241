//! Hashed names (`|1|salt|hash`, `HashKnownHosts`): HMAC-SHA1 of a name under a salt of its own.
//!
//! Theory: whether such a name is a certain one can only be tried, so each name that is looked for costs one hash for
//! each line. HMAC (RFC 2104) hashes the salt before the name, twice: that start is made once for each line, and the
//! blocks of the name once for each name, so a try is two steps of SHA-1's inner function. What was found for a name is
//! kept, also when the file is read anew; and tries need no lock, so that hosts which are looked for at once are tried
//! on all cores.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha1::block_api::compress;

const SALT: usize = 20;

/// All hashed names that were seen, each with a number: their order.
#[derive(Debug, Default)]
pub(super) struct Hashes {
    numbers: HashMap<Box<[u8]>, usize>,
    all: Vec<HashedName>,
    /// By name.
    tried: Mutex<HashMap<Box<[u8]>, Tried>>,
}

/// How many were tried for a name, and the numbers of those that are it.
type Tried = (usize, Vec<usize>);

impl Hashes {
    /// The number of the hashed name that is a line's whole host field; `None` where it is no valid one.
    pub(super) fn number(&mut self, hosts: &[u8]) -> Option<usize> {
        if let Some(&number) = self.numbers.get(hosts) {
            return Some(number);
        }
        self.all.push(HashedName::read(hosts)?);
        let number = self.all.len() - 1;
        self.numbers.insert(hosts.into(), number);
        Some(number)
    }

    /// The numbers of those that are `name`.
    pub(super) fn of(&self, name: &[u8]) -> Vec<usize> {
        if self.all.is_empty() {
            return Vec::new();
        }
        let tried = || self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        let (from, mut found) = tried().get(name).cloned().unwrap_or_default();
        if from < self.all.len() {
            let blocks = last_blocks(name);
            found.extend((from..self.all.len()).filter(|&number| self.all[number].is(&blocks)));
            tried().insert(name.into(), (self.all.len(), found.clone()));
        }
        found
    }

    /// How many hashes all names together have cost, each try counted once.
    #[cfg(test)]
    pub(super) fn work(&self) -> usize {
        self.tried.lock().unwrap().values().map(|(tried, _)| tried).sum()
    }
}

/// SHA-1 between two blocks, and where it begins (FIPS 180-4).
type State = [u32; 5];
const START: State = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];
const BLOCK: usize = 64;

#[derive(Debug)]
struct HashedName {
    /// The inner and the outer hash after the salt.
    inner: State,
    outer: State,
    hash: State,
}

impl HashedName {
    /// Reads the whole host field; other schemes than 1 and salts of another length than 20 are invalid.
    fn read(text: &[u8]) -> Option<HashedName> {
        let rest = text.strip_prefix(b"|1|")?;
        let bar = rest.iter().position(|&byte| byte == b'|')?;
        let salt = STANDARD.decode(&rest[..bar]).ok().filter(|salt| salt.len() == SALT)?;
        let hash: [u8; 20] = STANDARD.decode(&rest[bar + 1..]).ok()?.try_into().ok()?;
        let started = |pad: u8| {
            let mut block = [pad; BLOCK];
            block.iter_mut().zip(&salt).for_each(|(byte, salt)| *byte ^= salt);
            let mut state = START;
            compress(&mut state, &[block]);
            state
        };
        let mut words =
            hash.chunks_exact(4).map(|word| u32::from_be_bytes([word[0], word[1], word[2], word[3]]));
        let hash = std::array::from_fn(|_| words.next().expect("twenty bytes are five words"));
        Some(HashedName { inner: started(0x36), outer: started(0x5c), hash })
    }

    /// Whether it is the name that [`last_blocks`] made these of.
    fn is(&self, name: &[[u8; BLOCK]]) -> bool {
        let mut state = self.inner;
        compress(&mut state, name);
        let mut block = [0; BLOCK];
        for (bytes, word) in block.chunks_exact_mut(4).zip(state) {
            bytes.copy_from_slice(&word.to_be_bytes());
        }
        finish(&mut block, 20);
        let mut state = self.outer;
        compress(&mut state, &[block]);
        state == self.hash
    }
}

/// The blocks of a message that comes after one block, with SHA-1's padding.
fn last_blocks(message: &[u8]) -> Vec<[u8; BLOCK]> {
    let mut blocks = vec![[0; BLOCK]; (message.len() + 9).div_ceil(BLOCK)];
    finish(blocks.as_flattened_mut(), message.len());
    blocks.as_flattened_mut()[..message.len()].copy_from_slice(message);
    blocks
}

/// SHA-1's padding after `length` bytes: a bit, and at the end the length in bits, with the block that came before.
fn finish(blocks: &mut [u8], length: usize) {
    blocks[length] = 0x80;
    let bits = 8 * (BLOCK + length) as u64;
    let end = blocks.len() - 8;
    blocks[end..].copy_from_slice(&bits.to_be_bytes());
}

/// A name as a hashed one, under a salt that nobody else has.
pub(super) fn hashed(name: &str) -> String {
    hash(name, &rand::random())
}

/// A name hashed under `salt`.
pub(super) fn hash(name: &str, salt: &[u8; SALT]) -> String {
    let hmac = Hmac::<Sha1>::new_from_slice(salt).expect("HMAC takes keys of any length");
    let hash = hmac.chain_update(name).finalize().into_bytes();
    format!("|1|{}|{}", STANDARD.encode(salt), STANDARD.encode(hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_every_length_are_known_again_and_no_others() {
        let mut hashes = Hashes::default();
        let names: Vec<String> = (1..200).map(|length| "n".repeat(length)).collect();
        for name in &names {
            hashes.number(hash(name, &[7; SALT]).as_bytes()).unwrap();
        }
        for (number, name) in names.iter().enumerate() {
            assert_eq!(hashes.of(name.as_bytes()), [number], "{}", name.len());
        }
        assert!(hashes.of(b"m").is_empty() && hashes.of(b"").is_empty());
    }

    #[test]
    fn no_name_has_the_same_hash_twice() {
        let (one, other) = (hashed("web"), hashed("web"));
        assert_ne!(one, other);
        let mut hashes = Hashes::default();
        hashes.number(one.as_bytes()).unwrap();
        hashes.number(other.as_bytes()).unwrap();
        assert_eq!(hashes.number(one.as_bytes()), Some(0), "a line that stands twice is tried once");
        assert_eq!(hashes.of(b"web"), [0, 1]);
    }
}
