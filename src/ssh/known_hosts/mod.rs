//! known_hosts with OpenSSH's meaning: the same file gives the same verdict as `ssh`.
//!
//! `file` reads lines, `key` reads keys, `matcher` finds the lines that name a host, `verdict` judges a key by
//! them, `standing` sees all keys of a host beside each other, `listed` reads a list obtained elsewhere, `edit` takes
//! entries out of a text; these are pure. `store` reads each file once a run and appends what is learned, `rewrite`
//! changes files as a person has confirmed. Keys are compared as bytes on the wire, so nothing here knows a transport.

mod edit;
mod file;
mod key;
mod listed;
mod matcher;
mod rewrite;
mod standing;
mod store;
mod verdict;

pub use listed::{ListError, Listed, Listing};
pub use rewrite::Swap;
pub use standing::{Standing, standings};
pub use store::{KnownHosts, StoreError};
pub use verdict::{HeldKey, Verdict, fingerprint, known_as};
