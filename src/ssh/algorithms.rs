//! Which algorithms a host's configuration wants (`KexAlgorithms`, `Ciphers`, `MACs`, `HostKeyAlgorithms`, and their kin).

/// What one keyword of ssh_config says about a list of algorithms (ssh_config(5), `Ciphers`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Choice {
    /// Nobody says anything: our own list.
    #[default]
    Ours,
    /// These, in this order.
    Only(Vec<String>),
    /// Ours, then these (`+`).
    Append(Vec<String>),
    /// Ours without those that match these patterns (`-`).
    Remove(Vec<String>),
    /// Those of ours that match these patterns first (`^`).
    Prefer(Vec<String>),
}

impl Choice {
    /// Reads the value of a keyword, such as `+ssh-rsa` or `aes128-ctr,aes256-ctr`.
    pub fn parse(value: &str) -> Choice {
        let list = |names: &str| names.split(',').map(str::to_owned).collect();
        match value.split_at_checked(1) {
            Some(("+", names)) => Choice::Append(list(names)),
            Some(("-", names)) => Choice::Remove(list(names)),
            Some(("^", names)) => Choice::Prefer(list(names)),
            _ => Choice::Only(list(value)),
        }
    }
}

/// What a host's configuration says about algorithms; the default leaves all to us.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Algorithms {
    /// `KexAlgorithms`.
    pub kex: Choice,
    /// `Ciphers`.
    pub ciphers: Choice,
    /// `MACs`.
    pub macs: Choice,
    /// `HostKeyAlgorithms`.
    pub host_keys: Choice,
    /// `PubkeyAcceptedAlgorithms`.
    pub user_keys: Choice,
    /// `CASignatureAlgorithms`.
    pub ca_signatures: Choice,
    /// `Compression`.
    pub compression: Compression,
}

/// Whether a connection is compressed (`Compression`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Compression {
    /// Not unless the host insists.
    #[default]
    No,
    /// After the login, where the host can.
    Yes,
}
