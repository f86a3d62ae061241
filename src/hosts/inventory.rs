//! The inventory: all files of hosts put together, and the hosts that a selection names with every value they carry.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::bag::{Claim, Named};
use super::definitions::{Cluster, Definitions, GroupSource, Item, Setting, Settings, Source};
use super::eval::Evaluator;
use super::{Disagreement, FileProblem, Host, HostSet, Origin, SelectError, Valued};

/// What a dynamic source is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Query<'a> {
    /// The hosts of a group.
    Group(&'a str),
    /// The names of all groups.
    List,
    /// All hosts.
    All,
}

/// Who asks the dynamic sources. Evaluation itself runs nothing.
pub trait Groups {
    /// The source's answer: words separated by blanks or lines. The error is a sentence.
    fn ask(&self, source: &Source, query: Query<'_>) -> Result<String, String>;

    /// The hosts of an earlier run: what stands behind `@run:`, such as `last:failed`. The error is a sentence.
    fn earlier(&self, said: &str) -> Result<Vec<Earlier>, String> {
        let _ = said;
        Err("the hosts of earlier runs are not known here".to_owned())
    }
}

/// Hosts of an earlier run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Earlier {
    /// The cluster through which they were named, and through which they are looked for again.
    pub cluster: Option<String>,
    /// They themselves, as they were named.
    pub hosts: HostSet,
}

/// Asks nobody: every dynamic source is refused.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoGroups;

impl Groups for NoGroups {
    fn ask(&self, source: &Source, _: Query<'_>) -> Result<String, String> {
        Err(format!("source `{}` is not asked here", source.name))
    }
}

/// All clusters, hosts and sources of the files, later files over earlier ones.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    pub(super) clusters: BTreeMap<Arc<str>, Cluster>,
    pub(super) hosts: BTreeMap<String, Settings>,
    pub(super) groups: BTreeMap<Arc<str>, GroupSource>,
    pub(super) sources: BTreeMap<Arc<str>, Source>,
    pub(super) default_source: Option<Arc<str>>,
    /// Members that the tags files add, kept apart so that a later definition of the cluster does not lose them.
    pub(super) members: BTreeMap<Arc<str>, Vec<Item>>,
    /// Tags of clusters, kept apart for the same reason: a guard is never lost.
    pub(super) tags: BTreeMap<Arc<str>, Vec<Valued<String>>>,
    warnings: Vec<FileProblem>,
}

/// What is asked of the inventory.
#[derive(Clone, Debug, Default)]
pub struct Selection<'a> {
    /// Expressions; they are united, and one that begins with `!`, `&` or `^` applies to all before it.
    pub targets: &'a [String],
    /// Expressions whose hosts are taken out at the end (`-x`).
    pub exclude: &'a [String],
    /// Hosts from standard input or files; they stand before the targets.
    pub lists: &'a [HostList],
    /// What an empty result is.
    pub empty: Empty,
}

/// What an empty result of a selection is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Empty {
    /// An error.
    #[default]
    Refused,
    /// An empty list (`--allow-empty`).
    Allowed,
}

/// A list of hosts, one or more a line, as read by `parse_host_list`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostList {
    /// The items.
    pub items: Vec<Item>,
}

/// A selected host with everything the files say about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The host as named. Where it names a user or a port, that stands above `-l` and `-p`.
    pub host: Host,
    /// Where the host itself was named.
    pub origin: Origin,
    /// The login name, if the expression or a file says one.
    pub user: Option<Valued<String>>,
    /// The port, if the expression or a file says one.
    pub port: Option<Valued<u16>>,
    /// The name or address to dial.
    pub address: Option<Valued<String>>,
    /// The jump host or chain.
    pub jump: Option<Valued<String>>,
    /// The key file, as written.
    pub identity: Option<Valued<String>>,
    /// Tags of every cluster that holds the host, however it was named, and its own; each once, sorted.
    pub tags: Vec<Valued<String>>,
    /// Variables for templates.
    pub vars: BTreeMap<String, Valued<String>>,
    /// The clusters through which it was named, the innermost first.
    pub via: Vec<Arc<str>>,
}

/// A line of `omnes hosts --list`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The name as it is typed: `web`, `@source:group` or `@source:…`.
    pub name: String,
    /// Where it is defined.
    pub origin: Origin,
    /// Its hosts; `None` for a dynamic source, which is not asked for a list.
    pub hosts: Option<Result<HostSet, SelectError>>,
}

impl Inventory {
    /// Takes in what one file says; files are taken in the order of their precedence, the weakest first.
    pub fn add(&mut self, definitions: Definitions) {
        for mut cluster in definitions.clusters {
            self.tags.entry(cluster.name.clone()).or_default().append(&mut cluster.settings.tags);
            self.clusters.insert(cluster.name.clone(), cluster);
        }
        for (name, item) in definitions.members {
            self.clusters.entry(name.clone()).or_insert_with(|| Cluster {
                name: name.clone(),
                origin: item.origin.clone(),
                items: Vec::new(),
                settings: Settings::default(),
            });
            self.members.entry(name).or_default().push(item);
        }
        for (name, settings) in definitions.hosts {
            let known = self.hosts.entry(name).or_default();
            known.values.extend(settings.values);
            known.tags.extend(settings.tags);
        }
        self.groups.extend(definitions.groups.into_iter().map(|source| (source.name.clone(), source)));
        self.sources.extend(definitions.sources.into_iter().map(|source| (source.name.clone(), source)));
        if let Some(name) = definitions.default_source {
            self.default_source = Some(Arc::from(name.value));
        }
        self.warnings.extend(definitions.warnings);
    }

    /// What the files say that has no meaning here.
    pub fn warnings(&self) -> &[FileProblem] {
        &self.warnings
    }

    pub(super) fn warn(&mut self, warning: FileProblem) {
        self.warnings.push(warning);
    }

    /// Is there a cluster of this name?
    pub fn has_cluster(&self, name: &str) -> bool {
        self.cluster_names().any(|known| known == name)
    }

    /// The names of all clusters, for completion.
    pub fn cluster_names(&self) -> impl Iterator<Item = &str> {
        let default = self.default_source.as_ref().and_then(|name| self.groups.get(name));
        let groups = default.into_iter().flat_map(|source| source.groups.keys());
        let names: BTreeSet<&str> = self.clusters.keys().chain(groups).map(AsRef::as_ref).collect();
        names.into_iter()
    }

    /// The hosts that a selection names, in natural order, each with every value the files give it.
    pub fn select(&self, selection: &Selection<'_>, groups: &dyn Groups) -> Result<Vec<Member>, SelectError> {
        let mut evaluator = Evaluator::new(self, groups);
        let named = evaluator.select(selection)?;
        if named.is_empty() {
            let said: Vec<&str> = selection.targets.iter().map(String::as_str).collect();
            return match selection.empty {
                Empty::Allowed => Ok(Vec::new()),
                Empty::Refused if said.is_empty() => Err(SelectError::Empty("the list".to_owned())),
                Empty::Refused => Err(SelectError::Empty(format!("`{}`", said.join(" ")))),
            };
        }
        let tags = self.tags_by_name(&mut evaluator)?;
        named.iter().map(|named| self.member(named, &tags)).collect()
    }

    /// Every cluster and group with its hosts. Dynamic sources are named and not asked.
    pub fn clusters(&self) -> Vec<Listed> {
        let expand = |text: String| {
            let targets = [text];
            let selection = Selection { targets: &targets, empty: Empty::Allowed, ..Selection::default() };
            Evaluator::new(self, &NoGroups)
                .select(&selection)
                .map(|named| named.into_iter().map(|named| named.host).collect::<HostSet>())
        };
        let mut listed = Vec::new();
        for cluster in self.clusters.values() {
            let hosts = Some(expand(format!("@{}", cluster.name)));
            listed.push(Listed { name: cluster.name.to_string(), origin: cluster.origin.clone(), hosts });
        }
        for source in self.groups.values() {
            for group in source.groups.values() {
                let name = format!("@{}:{}", source.name, group.name);
                listed.push(Listed { hosts: Some(expand(name.clone())), name, origin: group.origin.clone() });
            }
        }
        for source in self.sources.values() {
            let name = format!("@{}:…", source.name);
            listed.push(Listed { name, origin: source.origin.clone(), hosts: None });
        }
        listed
    }

    /// The tags of each host, by its name in lower case, whatever port it is named with: a guard must not be missed.
    fn tags_by_name(&self, evaluator: &mut Evaluator<'_>) -> Result<Tags, SelectError> {
        let mut tags = Tags::new();
        for (cluster, said) in self.tags.iter().filter(|(_, said)| !said.is_empty()) {
            let said: Arc<[Valued<String>]> = Arc::from(said.as_slice());
            for host in evaluator.hosts_of(cluster)? {
                tags.entry(host.name().to_ascii_lowercase()).or_default().push(said.clone());
            }
        }
        for (name, settings) in self.hosts.iter().filter(|(_, settings)| !settings.tags.is_empty()) {
            tags.entry(name.to_ascii_lowercase()).or_default().push(Arc::from(settings.tags.as_slice()));
        }
        Ok(tags)
    }

    fn member(&self, named: &Named, tags: &Tags) -> Result<Member, SelectError> {
        let host = &named.host;
        if let Some(rival) = &named.rival {
            return Err(users_disagree(host, &rival.0, &rival.1));
        }
        let mut values: BTreeMap<Setting, Valued<String>> = BTreeMap::new();
        let own = self.hosts.get(host.name());
        for (setting, claim) in &named.effective.claims {
            let is_settled = own.is_some_and(|own| own.values.contains_key(setting))
                || (*setting == Setting::User && host.user().is_some())
                || (*setting == Setting::Port && host.port().is_some());
            match &claim.rival {
                Some(rival) if !is_settled => return Err(clusters_disagree(host, setting, claim, rival)),
                _ => values.insert(setting.clone(), claim.value.clone()),
            };
        }
        if let Some(own) = own {
            values.extend(own.values.iter().map(|(setting, value)| (setting.clone(), value.clone())));
        }
        let origin = &named.origin;
        let said = |value: String| Valued { value, origin: origin.clone() };
        let user = host.user().map(|user| said(user.to_owned())).or_else(|| values.remove(&Setting::User));
        let port = host.port().map(|port| said(port.to_string())).or_else(|| values.remove(&Setting::Port));
        Ok(Member {
            user,
            port: port.and_then(|port| Some(Valued { value: port.value.parse().ok()?, origin: port.origin })),
            address: values.remove(&Setting::Address),
            jump: values.remove(&Setting::Jump),
            identity: values.remove(&Setting::Identity),
            tags: tags_of(host, tags),
            vars: values
                .into_iter()
                .filter_map(|(setting, value)| match setting {
                    Setting::Var(name) => Some((name, value)),
                    _ => None,
                })
                .collect(),
            via: named.effective.via.clone(),
            origin: origin.clone(),
            host: host.clone(),
        })
    }
}

type Tags = HashMap<String, Vec<Arc<[Valued<String>]>>>;

fn tags_of(host: &Host, tags: &Tags) -> Vec<Valued<String>> {
    let mut all: Vec<Valued<String>> = tags
        .get(&host.name().to_ascii_lowercase())
        .into_iter()
        .flatten()
        .flat_map(|said| said.iter().cloned())
        .collect();
    all.sort_by(|a, b| a.value.cmp(&b.value));
    all.dedup_by(|a, b| a.value == b.value);
    all
}

fn users_disagree(host: &Host, first: &Valued<String>, second: &Valued<String>) -> SelectError {
    let who = |valued: &Valued<String>| (format!("{}@{}", valued.value, host.name()), valued.clone());
    SelectError::Disagree(Box::new(Disagreement {
        host: host.name().to_owned(),
        what: "user".to_owned(),
        one: who(first),
        two: who(second),
    }))
}

fn clusters_disagree(host: &Host, setting: &Setting, claim: &Claim, rival: &Claim) -> SelectError {
    let who = |claim: &Claim| (claim.cluster.to_string(), claim.value.clone());
    SelectError::Disagree(Box::new(Disagreement {
        host: host.name().to_owned(),
        what: setting.name(),
        one: who(claim),
        two: who(rival),
    }))
}
