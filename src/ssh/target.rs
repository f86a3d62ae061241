//! A host once resolved: where it is, who logs in, and what its key is checked against.

use std::path::PathBuf;
use std::time::Duration;

use crate::hosts::Host;

/// Everything that is needed to reach one host; made before anything connects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The host as the user named it; reports use nothing else.
    pub host: Host,
    /// The name or address to dial (`HostName`).
    pub address: String,
    /// The port to dial.
    pub port: u16,
    /// The login name.
    pub user: String,
    /// The name under which known_hosts is searched, in lower case (`HostKeyAlias`, else the address).
    pub key_name: String,
    /// The port that qualifies `key_name` (`[name]:port`); `None` under an alias or on port 22.
    pub key_port: Option<u16>,
    /// Key files to try, in order (`IdentityFile`, `-i`); the usual ones where none is configured.
    pub identities: Vec<PathBuf>,
    /// Whether `identities` was configured; then a missing file is worth a word.
    pub identities_configured: bool,
    /// Offer only keys of `identities`, also from the agent (`IdentitiesOnly`).
    pub identities_only: bool,
    /// Which ways to log in are open.
    pub logins: Logins,
    /// The agent's socket (`SSH_AUTH_SOCK`), if any.
    pub agent: Option<PathBuf>,
    /// `UserKnownHostsFile`; learned keys go to the first.
    pub user_known_hosts: Vec<PathBuf>,
    /// `GlobalKnownHostsFile`.
    pub global_known_hosts: Vec<PathBuf>,
    /// What to do with a key that is not known.
    pub policy: HostKeyPolicy,
    /// From resolve to channel; time spent waiting for a person apart.
    pub connect_timeout: Duration,
}

/// Which ways to log in a host's configuration leaves open. What is barred is not offered, whatever the host asks for:
/// a secret that is meant for other hosts must not reach one whose configuration wants none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Logins {
    /// Keys, of the agent and of files (`PubkeyAuthentication`, `PreferredAuthentications`).
    pub keys: Way,
    /// Passwords (`PasswordAuthentication`, `PreferredAuthentications`, `BatchMode`).
    pub passwords: Way,
    /// Questions for this host: passphrases, and whether an unknown host key is right (`BatchMode`).
    pub questions: Way,
}

/// Whether a way to log in is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Way {
    /// Nobody says otherwise.
    #[default]
    Open,
    /// The configuration bars it.
    Barred,
}

/// What to do with a host key that known_hosts does not hold (`StrictHostKeyChecking`). A changed or revoked key is
/// refused under every policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostKeyPolicy {
    /// Ask the user; where nobody can be asked this is `Strict`.
    Ask,
    /// Refuse.
    Strict,
    /// Learn it.
    AcceptNew,
}
