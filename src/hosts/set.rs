//! Host sets.

use std::fmt;

use super::Host;

/// Hosts as a value: each once, in natural order; prints folded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostSet {
    hosts: Vec<Host>,
}

impl HostSet {
    /// The hosts, in natural order.
    pub fn iter(&self) -> impl Iterator<Item = &Host> {
        self.hosts.iter()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.hosts.len()
    }

    /// None at all?
    pub fn is_empty(&self) -> bool {
        self.hosts.is_empty()
    }
}

impl FromIterator<Host> for HostSet {
    fn from_iter<I: IntoIterator<Item = Host>>(iter: I) -> HostSet {
        HostSet { hosts: iter.into_iter().collect() }
    }
}

impl fmt::Display for HostSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.hosts.iter().map(Host::to_string).collect();
        f.write_str(&names.join(","))
    }
}
