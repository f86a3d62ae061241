//! Host sets: hosts as a value, with the algebra of sets.

use std::collections::HashMap;
use std::fmt;
use std::ops::{BitAnd, BitOr, BitXor, Sub};
use std::str::FromStr;

use super::{ExprError, Host, fold};

/// Hosts as a value: each once, in natural order; prints folded, and what is printed parses back.
///
/// Identity is name and port. Where a host is put in twice, the one that names a user stays, else the first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostSet {
    hosts: Vec<Host>,
}

impl HostSet {
    /// The empty set.
    pub fn new() -> HostSet {
        HostSet::default()
    }

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

    /// Is this machine in the set, under whatever user?
    pub fn contains(&self, host: &Host) -> bool {
        self.hosts.binary_search(host).is_ok()
    }

    /// The host as this set names it.
    pub fn get(&self, host: &Host) -> Option<&Host> {
        self.hosts.binary_search(host).ok().map(|at| &self.hosts[at])
    }

    /// Every host of either.
    pub fn union(&self, other: &HostSet) -> HostSet {
        self.iter().chain(other.iter()).cloned().collect()
    }

    /// The hosts of this set that are not in the other.
    pub fn difference(&self, other: &HostSet) -> HostSet {
        self.filtered(|host| !other.contains(host))
    }

    /// The hosts of this set that are in the other.
    pub fn intersection(&self, other: &HostSet) -> HostSet {
        self.filtered(|host| other.contains(host))
    }

    /// The hosts of exactly one of both.
    pub fn symmetric_difference(&self, other: &HostSet) -> HostSet {
        self.difference(other).union(&other.difference(self))
    }

    fn filtered(&self, keep: impl Fn(&Host) -> bool) -> HostSet {
        HostSet { hosts: self.hosts.iter().filter(|host| keep(host)).cloned().collect() }
    }
}

impl FromIterator<Host> for HostSet {
    fn from_iter<I: IntoIterator<Item = Host>>(iter: I) -> HostSet {
        let mut hosts: Vec<Host> = Vec::new();
        let mut places: HashMap<Host, usize> = HashMap::new();
        for host in iter {
            match places.get(&host) {
                Some(&at) if hosts[at].user().is_none() && host.user().is_some() => hosts[at] = host,
                Some(_) => {}
                None => {
                    places.insert(host.clone(), hosts.len());
                    hosts.push(host);
                }
            }
        }
        hosts.sort();
        HostSet { hosts }
    }
}

impl IntoIterator for HostSet {
    type Item = Host;
    type IntoIter = std::vec::IntoIter<Host>;
    fn into_iter(self) -> Self::IntoIter {
        self.hosts.into_iter()
    }
}

impl fmt::Display for HostSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&fold::fold(&self.hosts))
    }
}

impl FromStr for HostSet {
    type Err = ExprError;
    /// Reads an expression in which every name is a host. The empty text is the empty set.
    fn from_str(text: &str) -> Result<HostSet, ExprError> {
        if text.trim().is_empty() {
            return Ok(HostSet::new());
        }
        super::eval::plain(text)
    }
}

macro_rules! operator {
    ($trait:ident, $function:ident, $method:ident) => {
        impl $trait for &HostSet {
            type Output = HostSet;
            fn $function(self, other: &HostSet) -> HostSet {
                self.$method(other)
            }
        }
    };
}

operator!(BitOr, bitor, union);
operator!(Sub, sub, difference);
operator!(BitAnd, bitand, intersection);
operator!(BitXor, bitxor, symmetric_difference);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn set(text: &str) -> HostSet {
        text.parse().unwrap()
    }

    #[test]
    fn the_algebra_goes_by_name_and_port() {
        let (a, b) = (set("web[1-4],u@db1"), set("root@web[3-6],db1:22"));
        assert_eq!((&a | &b).to_string(), "db1:22,u@db1,web[1-2],root@web[3-6]");
        assert_eq!((&a - &b).to_string(), "u@db1,web[1-2]");
        assert_eq!((&a & &b).to_string(), "web[3-4]");
        assert_eq!((&a ^ &b).to_string(), "db1:22,u@db1,web[1-2],root@web[5-6]");
        assert!(a.contains(&"x@web1".parse().unwrap()));
        assert!(!a.contains(&"web1:22".parse().unwrap()));
    }

    #[test]
    fn a_host_with_a_user_beats_the_same_without() {
        assert_eq!(set("web1,root@web1").to_string(), "root@web1");
        assert_eq!(set("a@web1,b@web1").to_string(), "a@web1");
        assert_eq!(set("").len(), 0);
    }

    #[test]
    fn a_hundred_thousand_hosts_fold_in_no_time() {
        let diagonal: HostSet = (0..100_000).map(|n| Host::new(None, &format!("r{n}n{n}"), None)).collect();
        let start = std::time::Instant::now();
        let text = diagonal.to_string();
        assert_eq!(text.matches(',').count(), 99_999);
        assert!(start.elapsed().as_secs() < 20, "unoptimised on a busy machine; {:?}", start.elapsed());
        let line: HostSet = (0..100_000).map(|n| Host::new(None, &format!("web{n}"), None)).collect();
        assert_eq!(line.to_string(), "web[0-99999]");
        let words: HostSet =
            (0..100_000).map(|n| Host::new(None, &format!("h{}", letters(n)), None)).collect();
        assert_eq!(words.to_string().matches(',').count(), 99_999);
    }

    #[test]
    fn ten_thousand_irregular_names_fold_in_no_time() {
        let mut seed = 1_u64;
        let mut random = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            seed >> 33
        };
        let mut name = |kind: u64| match kind {
            0 => format!("ip-10-{}-{}-{}", random() % 256, random() % 256, random() % 256),
            1 => format!("i-{:08x}{:08x}", random(), random()),
            _ => format!("r{}n{}", random() % 1_000, random() % 1_000),
        };
        let start = std::time::Instant::now();
        for kind in 0..3 {
            let hosts: HostSet = (0..10_000).map(|_| Host::new(None, &name(kind), None)).collect();
            let (count, text) = (hosts.len(), hosts.to_string());
            assert_eq!(set(&text).len(), count);
        }
        assert!(start.elapsed().as_secs() < 20, "unoptimised on a busy machine; {:?}", start.elapsed());
    }

    fn letters(mut n: u32) -> String {
        let mut text = String::new();
        for _ in 0..6 {
            text.push(char::from(b'a' + u8::try_from(n % 26).unwrap()));
            n /= 26;
        }
        text
    }

    fn any_host() -> impl Strategy<Value = String> {
        let user = prop_oneof![Just(""), Just("u@"), Just("root2@"), Just("ssh://"), Just("ssh://u@")];
        let name = prop_oneof!["[a-c][0-9]{0,3}", "[ab]-[0-9]{1,2}-?[0-9]{0,2}x?[0-9]", "[0-9]{1,3}\\.[0-9]"];
        let port = prop_oneof![Just(""), Just(":22"), Just(":2222")];
        let named = (user, name, port).prop_map(|(u, n, p)| format!("{u}{n}{p}"));
        prop_oneof![8 => named, 1 => "fe80::[1-9]{1,3}", 1 => "\\[::[1-9]\\](:22)?"]
    }

    proptest! {
        #[test]
        fn what_is_printed_parses_back(names in proptest::collection::vec(any_host(), 0..60)) {
            let hosts: HostSet = names.iter().map(|name| name.parse::<Host>().unwrap()).collect();
            let back = set(&hosts.to_string());
            let shown = |set: &HostSet| set.iter().map(Host::to_string).collect::<Vec<_>>();
            prop_assert_eq!(shown(&hosts), shown(&back), "{}", hosts);
        }
    }
}
