//! Hosts while sets are computed: each with the clusters through which it was named and what those say about it.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use super::definitions::{Setting, Settings};
use super::expr::Op;
use super::{Host, Origin, Valued};

/// What a cluster says about a host.
#[derive(Clone, Debug)]
pub(super) struct Claim {
    pub(super) value: Valued<String>,
    pub(super) cluster: Arc<str>,
    /// Another cluster, neither inside nor around this one, that says otherwise.
    pub(super) rival: Option<Box<Claim>>,
}

/// What the clusters through which a host was named say about it.
#[derive(Clone, Debug, Default)]
pub(super) struct Effective {
    pub(super) claims: BTreeMap<Setting, Claim>,
    /// The clusters, the innermost first.
    pub(super) via: Vec<Arc<str>>,
}

/// A host while sets are computed.
#[derive(Clone, Debug)]
pub(super) struct Named {
    pub(super) host: Host,
    pub(super) origin: Origin,
    /// Two items of equal rank that name different users.
    pub(super) rival: Option<Box<(Valued<String>, Valued<String>)>>,
    /// Shared by the hosts of which the same is said.
    pub(super) effective: Rc<Effective>,
}

/// Hosts by identity.
pub(super) type Bag = HashMap<Host, Named>;

/// Joins two bags. The cost is that of the right one, or of the left one for an intersection.
pub(super) fn join(bag: &mut Bag, op: Op, other: &Bag) {
    let mut joins = Joins::default();
    match op {
        Op::Union if bag.is_empty() => bag.clone_from(other),
        Op::Union => other.values().for_each(|named| joins.put(bag, named)),
        Op::Difference => other.keys().for_each(|host| {
            bag.remove(host);
        }),
        Op::Intersection => {
            bag.retain(|host, _| other.contains_key(host));
            let shared: Vec<&Named> = bag.keys().filter_map(|host| other.get(host)).collect();
            shared.into_iter().for_each(|named| joins.put(bag, named));
        }
        Op::SymmetricDifference => {
            for (host, named) in other {
                if bag.remove(host).is_none() {
                    bag.insert(host.clone(), named.clone());
                }
            }
        }
    }
}

/// Puts one host into a bag.
pub(super) fn put(bag: &mut Bag, named: &Named) {
    Joins::default().put(bag, named);
}

type Pair = (*const Effective, *const Effective);

/// Results of joining what two clusters say, since it is the same for all their common hosts.
#[derive(Default)]
struct Joins {
    /// By the addresses of both; the left one is kept alive beside the result, the right one by its bag, so that an
    /// address names nothing else meanwhile.
    known: HashMap<Pair, (Rc<Effective>, Rc<Effective>)>,
}

impl Joins {
    fn put(&mut self, bag: &mut Bag, other: &Named) {
        match bag.get_mut(&other.host) {
            None => {
                bag.insert(other.host.clone(), other.clone());
            }
            Some(named) => self.merge(named, other),
        }
    }

    /// A user beats none, the command line beats a file; two users of equal rank are remembered as rivals.
    fn merge(&mut self, named: &mut Named, other: &Named) {
        if !Rc::ptr_eq(&named.effective, &other.effective) {
            let pair = (Rc::as_ptr(&named.effective), Rc::as_ptr(&other.effective));
            let (_, joined) = self.known.entry(pair).or_insert_with(|| {
                (named.effective.clone(), Rc::new(both(&named.effective, &other.effective)))
            });
            named.effective = joined.clone();
        }
        let typed = |named: &Named| named.origin == Origin::Expression;
        match (named.host.user(), other.host.user()) {
            (_, None) => {}
            (Some(one), Some(two)) if one == two && typed(named) >= typed(other) => {}
            (Some(one), Some(two)) if one != two && typed(named) == typed(other) => {
                let said = |user: &str, named: &Named| Valued {
                    value: user.to_owned(),
                    origin: named.origin.clone(),
                };
                let rivals = (said(one, named), said(two, other));
                named.rival.get_or_insert_with(|| Box::new(rivals));
            }
            (Some(_), Some(_)) if typed(named) => {}
            _ => {
                named.host = other.host.clone();
                named.origin = other.origin.clone();
                named.rival.clone_from(&other.rival);
            }
        }
    }
}

fn both(one: &Effective, two: &Effective) -> Effective {
    let mut joined = one.clone();
    for (setting, claim) in &two.claims {
        match joined.claims.get_mut(setting) {
            None => {
                joined.claims.insert(setting.clone(), claim.clone());
            }
            Some(known) if known.value.value != claim.value.value && known.rival.is_none() => {
                known.rival = Some(Box::new(claim.clone()));
            }
            Some(known) if known.rival.is_none() => known.rival.clone_from(&claim.rival),
            Some(_) => {}
        }
    }
    for cluster in &two.via {
        if !joined.via.contains(cluster) {
            joined.via.push(cluster.clone());
        }
    }
    joined
}

/// The hosts leave a cluster: it fills the gaps that the clusters inside it left open.
pub(super) fn leave(bag: &mut Bag, cluster: &Arc<str>, settings: &Settings) {
    let mut known: HashMap<*const Effective, (Rc<Effective>, Rc<Effective>)> = HashMap::new();
    for named in bag.values_mut() {
        let (_, left) = known.entry(Rc::as_ptr(&named.effective)).or_insert_with(|| {
            let mut left = Effective::clone(&named.effective);
            for (setting, value) in &settings.values {
                left.claims.entry(setting.clone()).or_insert_with(|| Claim {
                    value: value.clone(),
                    cluster: cluster.clone(),
                    rival: None,
                });
            }
            if !left.via.contains(cluster) {
                left.via.push(cluster.clone());
            }
            // The old value is kept beside the new, so that its address names nothing else meanwhile.
            (named.effective.clone(), Rc::new(left))
        });
        named.effective = left.clone();
    }
}

/// The same hosts, all under one user.
pub(super) fn with_user(bag: &Bag, user: &str, origin: &Origin) -> Bag {
    bag.values()
        .map(|named| {
            let host = named.host.with_user(user);
            let named = Named {
                host: host.clone(),
                origin: origin.clone(),
                rival: None,
                effective: named.effective.clone(),
            };
            (host, named)
        })
        .collect()
}
