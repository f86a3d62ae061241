//! known_hosts with OpenSSH's meaning: the same file gives the same verdict as `ssh`.
//!
//! `file` reads lines, `key` reads keys, `hashes` and `matcher` find the lines that name a host, `verdict` judges a key
//! by them, `certificate` what an authority's word is worth, `revoked` and `krl` read the files of `RevokedHostKeys`,
//! `update` says what announced keys change; these are pure. `disk` opens, locks and replaces files; `store` reads each
//! once a run and appends what is learned, and `updates` rewrites. Keys are compared as bytes on the wire, so nothing
//! here knows a transport.

mod certificate;
mod disk;
mod file;
mod hashes;
mod key;
mod krl;
mod matcher;
mod revoked;
mod store;
mod update;
mod updates;
mod verdict;
mod wire;

pub use certificate::{CertificateKind, HostCertificate};
pub use store::{KnownHosts, StoreError};
pub(crate) use update::KEYS as ANNOUNCED_KEYS;
pub use update::Plan;
pub use verdict::{HeldKey, Verdict, Vouched, fingerprint};
pub(crate) use verdict::{known_as, word as shell_word};
