//! In which order the hosts of a run have their turns. Pure.
//!
//! By a variable of the cluster files, such as one for each rack, hosts with equal values are kept as far apart as possible:
//! each value gets its first turn before any gets its second, and from then on each is spread evenly over the whole
//! run. So a first wave meets as many racks as it has hosts, and no rack is worked on all at once.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use super::HostIx;
use crate::escape;
use crate::hosts::Facts;

/// In which order the hosts have their turns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// As a set of hosts is printed: `web2` before `web10`.
    #[default]
    Sorted,
    /// Target after target, as they were named; within each as sorted.
    Given,
    /// By chance; with a seed the same every time.
    Random(Option<u64>),
    /// Hosts with equal values of this variable apart.
    Apart(String),
}

impl FromStr for Order {
    type Err = String;

    fn from_str(text: &str) -> Result<Order, String> {
        match (text, text.split_once(':')) {
            ("sorted", _) => Ok(Order::Sorted),
            ("given", _) => Ok(Order::Given),
            ("random", _) => Ok(Order::Random(None)),
            (_, Some(("random", seed))) => match seed.parse() {
                Ok(seed) => Ok(Order::Random(Some(seed))),
                Err(_) => Err(format!("`{seed}` is no seed; write a whole number, such as random:42")),
            },
            (_, Some(("var", name))) if !name.is_empty() => Ok(Order::Apart(name.to_owned())),
            (name, None) if !name.is_empty() => Ok(Order::Apart(name.to_owned())),
            _ => Err(format!(
                "`{text}` is no order; write given, sorted, random, random:SEED or a variable of the clusters"
            )),
        }
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Order::Sorted => f.write_str("sorted"),
            Order::Given => f.write_str("given"),
            Order::Random(None) => f.write_str("random"),
            Order::Random(Some(seed)) => write!(f, "random:{seed}"),
            Order::Apart(name) => write!(f, "var:{name}"),
        }
    }
}

/// No host has the variable that is to order them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("--order {}: no host has a variable of that name; {}", escape::text(.name, 40), .step)]
pub struct NoSuchVariable {
    name: String,
    step: String,
}

/// The hosts of a plan in the order of their turns. `rank` is for each host the place of the first target that names
/// it; where it is empty all were named together.
pub fn arrange(order: &Order, facts: &[Facts], rank: &[usize]) -> Result<Vec<HostIx>, NoSuchVariable> {
    let mut turns: Vec<HostIx> = (0..facts.len()).map(HostIx).collect();
    match order {
        Order::Sorted => {}
        Order::Given => turns.sort_by_key(|host| rank.get(host.0).copied().unwrap_or_default()),
        Order::Random(seed) => turns.shuffle(&mut StdRng::seed_from_u64(seed.unwrap_or_default())),
        Order::Apart(name) => return apart(name, facts),
    }
    Ok(turns)
}

fn apart(name: &str, facts: &[Facts]) -> Result<Vec<HostIx>, NoSuchVariable> {
    // Hosts without the variable are apart from each other like those of one more value.
    let mut groups: BTreeMap<Option<&str>, Vec<HostIx>> = BTreeMap::new();
    for (host, facts) in facts.iter().enumerate() {
        groups.entry(facts.vars.get(name).map(String::as_str)).or_default().push(HostIx(host));
    }
    if !facts.is_empty() && groups.keys().all(Option::is_none) {
        let names: std::collections::BTreeSet<&str> =
            facts.iter().flat_map(|facts| facts.vars.keys().map(String::as_str)).collect();
        let step = match names.len() {
            0 => "give them one in clusters.toml, as in `[hosts.web03] vars = { rack = \"r7\" }`".to_owned(),
            _ => format!("they have {}", escape::text(&Vec::from_iter(names).join(", "), 200)),
        };
        return Err(NoSuchVariable { name: name.to_owned(), step });
    }
    // The n-th of k hosts stands at n/k of the run; fractions are compared crosswise, so that they are exact.
    let mut placed: Vec<(u64, u64, HostIx)> = Vec::with_capacity(facts.len());
    for hosts in groups.into_values() {
        let k = hosts.len() as u64;
        placed.extend(hosts.into_iter().enumerate().map(|(n, host)| (n as u64, k, host)));
    }
    placed.sort_by(|(n, k, _), (m, l, _)| (n * l).cmp(&(m * k)));
    Ok(placed.into_iter().map(|(.., host)| host).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn racks(names: &[&str]) -> Vec<Facts> {
        let facts = |rack: &&str| Facts {
            vars: if rack.is_empty() {
                BTreeMap::new()
            } else {
                BTreeMap::from([("rack".to_owned(), (*rack).to_owned())])
            },
            ..Facts::default()
        };
        names.iter().map(facts).collect()
    }

    fn arranged(order: &str, names: &[&str]) -> String {
        let order = order.parse().expect(order);
        let turns = arrange(&order, &racks(names), &[]).expect("an order");
        let mut sorted = turns.clone();
        sorted.sort();
        assert_eq!(sorted, (0..names.len()).map(HostIx).collect::<Vec<_>>(), "each host once");
        turns.iter().map(|host| names[host.0]).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn equal_values_are_apart_and_each_comes_once_before_any_comes_twice() {
        assert_eq!(arranged("rack", &["a", "a", "a", "b", "b", "b"]), "a b a b a b");
        assert_eq!(arranged("rack", &["a", "a", "a", "a", "b", "c"]), "a b c a a a");
        assert_eq!(arranged("var:rack", &["a", "a", "a", "a", "b", "b"]), "a b a a b a");
        assert_eq!(arranged("rack", &["", "a", "", "a"]), " a  a");
        let many: Vec<&str> = (0..100).map(|n| ["a", "b", "c", "d", "e"][n / 20]).collect();
        let turns = arranged("rack", &many);
        let racks: Vec<&str> = turns.split(' ').collect();
        assert!(racks.chunks(5).all(|five| five == ["a", "b", "c", "d", "e"]), "{turns}");
    }

    #[test]
    fn chance_is_the_same_for_the_same_seed_and_names_each_host_once() {
        let names = vec!["a"; 50];
        let of = |order: &str| arrange(&order.parse().expect(order), &racks(&names), &[]).expect("an order");
        assert_eq!(of("random:7"), of("random:7"));
        assert_ne!(of("random:7"), of("random:8"));
        let mut sorted = of("random:7");
        sorted.sort();
        assert_eq!(sorted, of("sorted"));
    }

    #[test]
    fn targets_come_in_the_order_in_which_they_were_named() {
        let turns = arrange(&Order::Given, &racks(&["", "", "", ""]), &[1, 0, 1, 0]).expect("an order");
        assert_eq!(turns, [1, 3, 0, 2].map(HostIx));
    }

    #[test]
    fn an_order_that_does_not_exist_is_said_with_what_does() {
        for wrong in ["", "random:x", "random:", "var:", "x:y"] {
            assert!(wrong.parse::<Order>().expect_err(wrong).contains("write"), "{wrong}");
        }
        let no = |order: &str, names: &[&str]| {
            arrange(&order.parse().expect(order), &racks(names), &[]).expect_err(order).to_string()
        };
        assert!(
            no("row", &["a"]).contains("--order row: no host has a variable of that name; they have rack")
        );
        assert!(no("row", &[""]).contains("clusters.toml"));
        for text in ["sorted", "given", "random", "random:3", "var:rack"] {
            assert_eq!(text.parse::<Order>().expect(text).to_string(), text);
        }
    }
}
