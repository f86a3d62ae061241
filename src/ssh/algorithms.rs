//! Which algorithms a host's configuration wants (`KexAlgorithms`, `Ciphers`, `MACs`, `HostKeyAlgorithms`, and their kin).

use super::pattern::matches;

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

    /// The list that results where `ours` is the list without any configuration. Names are taken as they stand, also
    /// those that `ours` does not hold, so the caller leaves out what it cannot do; patterns (`*`, `?`) stand for what
    /// they match in `ours`.
    pub fn apply(&self, ours: &[String]) -> Vec<String> {
        let named = match self {
            Choice::Ours | Choice::Remove(_) => &[][..],
            Choice::Only(names) | Choice::Append(names) | Choice::Prefer(names) => names,
        };
        let plain = named.iter().filter(|name| !name.contains(['*', '?']));
        let all: Vec<String> = ours.iter().chain(plain).cloned().collect();
        self.apply_among(ours, &all)
    }

    /// As [`Choice::apply`], where `all` is everything that can be done: only that is named or matched.
    pub fn apply_among(&self, ours: &[String], all: &[String]) -> Vec<String> {
        let meant = |names: &[String]| -> Vec<String> {
            let means = |name: &String| {
                let pattern = name.as_bytes().to_owned();
                all.iter().filter(move |known| matches(&pattern, known.as_bytes())).cloned()
            };
            names.iter().flat_map(means).collect()
        };
        let list = match self {
            Choice::Ours => ours.to_vec(),
            Choice::Only(names) => meant(names),
            Choice::Append(names) => [ours, &meant(names)].concat(),
            Choice::Prefer(names) => [&meant(names), ours].concat(),
            Choice::Remove(names) => {
                let removed =
                    |name: &&String| names.iter().any(|pattern| matches(pattern.as_bytes(), name.as_bytes()));
                ours.iter().filter(|name| !removed(name)).cloned().collect()
            }
        };
        let mut once: Vec<String> = Vec::with_capacity(list.len());
        for name in list {
            if !once.contains(&name) {
                once.push(name);
            }
        }
        once
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_change_a_list_as_in_ssh_config() {
        let list = |names: &str| -> Vec<String> { names.split(',').map(str::to_owned).collect() };
        let ours = list("gcm,aes128-ctr,aes256-ctr,chacha");
        for (value, expected) in [
            ("aes256-ctr,gcm", "aes256-ctr,gcm"),
            ("aes256-ctr,aes256-ctr,other", "aes256-ctr,other"),
            ("aes*", "aes128-ctr,aes256-ctr"),
            ("+3des,gcm", "gcm,aes128-ctr,aes256-ctr,chacha,3des"),
            ("-aes*,chach?", "gcm"),
            ("^chacha,aes*", "chacha,aes128-ctr,aes256-ctr,gcm"),
        ] {
            assert_eq!(Choice::parse(value).apply(&ours), list(expected), "{value}");
        }
        assert_eq!(Choice::Ours.apply(&ours), ours);
        let all = list("gcm,aes128-ctr,aes256-ctr,chacha,3des");
        assert_eq!(Choice::parse("+3des,other").apply_among(&ours, &all).last(), Some(&"3des".to_owned()));
    }
}
