//! known_hosts with OpenSSH's meaning: the same file gives the same verdict as `ssh`.
//!
//! `file` reads lines, `key` reads keys, `hashes` and `matcher` find the lines that name a host, `verdict` judges a key
//! by them, `standing` sees all keys of a host beside each other, `certificate` what an authority's word is worth,
//! `revoked` and `krl` read the files of `RevokedHostKeys`, `listed` a list obtained elsewhere, `edit` takes entries out
//! of a text, `update` says what announced keys change; these are pure. `disk` opens, locks and exchanges files; `store`
//! reads each once a run and appends what is learned, `rewrite` changes files as a person has confirmed, `updates` as
//! hosts have announced. Keys are compared as bytes on the wire, so nothing here knows a transport.

mod certificate;
mod disk;
mod edit;
mod file;
mod hashes;
mod key;
mod krl;
mod listed;
mod matcher;
mod revoked;
mod rewrite;
mod standing;
mod store;
mod update;
mod updates;
mod verdict;
mod wire;

pub use certificate::{CertificateKind, HostCertificate};
pub use listed::{ListError, Listed, Listing};
pub use rewrite::Swap;
pub use standing::{Standing, standings};
pub use store::{KnownHosts, StoreError};
pub(crate) use update::KEYS as ANNOUNCED_KEYS;
pub use update::Plan;
pub(crate) use verdict::word as shell_word;
pub use verdict::{HeldKey, Verdict, Vouched, fingerprint, known_as};
