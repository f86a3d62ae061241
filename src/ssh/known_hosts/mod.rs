//! known_hosts with OpenSSH's meaning: the same file gives the same verdict as `ssh`.
//!
//! `file` reads lines, `key` reads keys, `matcher` finds the lines that name a host, `verdict` judges a key by
//! them; these are pure. `store` reads each file once a run and appends what is learned. Keys are compared as bytes
//! on the wire, so nothing here knows a transport.

mod file;
mod key;
mod matcher;
mod store;
mod verdict;

pub use store::{KnownHosts, StoreError};
pub use verdict::{HeldKey, Verdict, fingerprint};
