//! The hosts of a list that an expression names.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::{
    Cluster, Definitions, Empty, Facts, Host, Inventory, Item, NoGroups, Origin, Selection, Settings,
};

/// The hosts of the list that an expression names, as `clush` would read it over these hosts alone. Clusters are those
/// through which they were named, and their tags where no cluster has the name. A host whose name alone tells it apart
/// need not be written with its port. The error is a sentence about the expression.
pub fn among(text: &str, open: &[(&Host, &Facts)]) -> Result<Vec<Host>, String> {
    let keys = keys(text, open);
    let mut inventory = Inventory::default();
    inventory.add(definitions(&keys, open));
    let targets = [text.to_owned()];
    let selection = Selection { targets: &targets, empty: Empty::Allowed, ..Selection::default() };
    let named = inventory.select(&selection, &NoGroups).map_err(|error| first_line(&error.to_string()))?;
    let named: HashSet<Host> = named.into_iter().map(|member| member.host).collect();
    let named_ones =
        keys.iter().zip(open).filter(|(key, (host, _))| named.contains(key) || named.contains(host));
    Ok(named_ones.map(|(_, (host, _))| (*host).clone()).collect())
}

/// The name by which each host goes in an expression: without its port, where that tells it apart and no port is written.
fn keys(text: &str, open: &[(&Host, &Facts)]) -> Vec<Host> {
    let mut names: HashMap<&str, usize> = HashMap::new();
    for (host, _) in open {
        *names.entry(host.name()).or_default() += 1;
    }
    let ports = text.contains(':');
    let key = |(host, _): &(&Host, &Facts)| match ports || names[host.name()] > 1 {
        true => (*host).clone(),
        false => Host::new(None, host.name(), None),
    };
    open.iter().map(key).collect()
}

fn definitions(keys: &[Host], open: &[(&Host, &Facts)]) -> Definitions {
    let mut members: HashMap<Arc<str>, Vec<Item>> = HashMap::new();
    let clusters: HashSet<&str> =
        open.iter().flat_map(|(_, facts)| facts.clusters.iter().map(AsRef::as_ref)).collect();
    for (key, (_, facts)) in keys.iter().zip(open) {
        // Written as an address, so that a cluster of the same name is not meant.
        let name = if key.name().contains(':') { format!("[{}]", key.name()) } else { key.name().to_owned() };
        let port = key.port().map_or(String::new(), |port| format!(":{port}"));
        let item = Item { text: format!("ssh://{name}{port}"), origin: Origin::Expression, column: 1 };
        let tags = facts.tags.iter().filter(|tag| !clusters.contains(tag.as_str()));
        let groups = facts.clusters.iter().cloned().chain(tags.map(|tag| Arc::from(tag.as_str())));
        for group in groups.chain([Arc::from(EVERYTHING)]) {
            members.entry(group).or_default().push(item.clone());
        }
    }
    let cluster =
        |(name, items)| Cluster { name, origin: Origin::Expression, items, settings: Settings::default() };
    Definitions { clusters: members.into_iter().map(cluster).collect(), ..Definitions::default() }
}

/// The cluster behind `*` and `@*`; no cluster of the user's has a blank in its name.
const EVERYTHING: &str = "every open host";

fn first_line(error: &str) -> String {
    error.lines().next().unwrap_or_default().to_owned()
}
