//! Hashed names (`|1|salt|hash`, `HashKnownHosts`): HMAC-SHA1 of a name under a salt of its own.
//!
//! Theory: whether such a name is a certain one can only be tried, so each name that is looked for costs one hash for
//! each line. The keyed start of each is made once; what was found for a name is kept, also when the file is read anew;
//! and tries need no lock, so that hosts which are looked for at once are tried on all cores.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

const SALT: usize = 20;

/// All hashed names that were seen, each with a number: their order.
#[derive(Debug, Default)]
pub(super) struct Hashes {
    numbers: HashMap<Box<[u8]>, usize>,
    all: Vec<HashedName>,
    /// What was found for a name, and how many were tried.
    tried: Mutex<HashMap<Box<[u8]>, (usize, Vec<usize>)>>,
}

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
            found.extend((from..self.all.len()).filter(|&number| self.all[number].is(name)));
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

#[derive(Debug)]
struct HashedName {
    /// The keyed start, made once; a clone of it hashes a name.
    hmac: Hmac<Sha1>,
    hash: Box<[u8]>,
}

impl HashedName {
    /// Reads the whole host field; other schemes than 1 and salts of another length than 20 are invalid.
    fn read(text: &[u8]) -> Option<HashedName> {
        let rest = text.strip_prefix(b"|1|")?;
        let bar = rest.iter().position(|&byte| byte == b'|')?;
        let salt = STANDARD.decode(&rest[..bar]).ok().filter(|salt| salt.len() == SALT)?;
        let hash = STANDARD.decode(&rest[bar + 1..]).ok()?;
        Some(HashedName { hmac: Hmac::new_from_slice(&salt).ok()?, hash: hash.into() })
    }

    fn is(&self, name: &[u8]) -> bool {
        self.hmac.clone().chain_update(name).finalize().into_bytes()[..] == self.hash[..]
    }
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
