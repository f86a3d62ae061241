//! Evaluation: from expressions to hosts, each with the clusters through which it was named and what those say.
//!
//! A cluster is evaluated once and kept. When its hosts leave it, what it says fills the gaps that the clusters inside
//! left open, so the innermost wins without any path being stored; two clusters that say different things side by side
//! leave a claim with a rival, which is an error only if the host is really selected and nothing stands above both.
//! The work is counted against a limit, so that no expression and no file can make it run for ever.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use super::bag::{Bag, Effective, Named, join, leave, put, with_user};
use super::definitions::{Cluster, Trust};
use super::expr::{self, Op, Step, Term};
use super::place::{Order, Place, Span, expand, lines, nearest, read_host, too_many};
use super::range::HOST_LIMIT;
use super::{
    Empty, ExprError, Groups, Host, HostSet, Inventory, NoGroups, Origin, Query, SelectError, Selection,
};

mod earlier;

/// How many hosts may be looked at in one selection, all steps together.
const WORK_LIMIT: u64 = 1_000_000;
/// How deep clusters may nest.
const NEST_LIMIT: usize = 32;

/// A cluster or group that is evaluated once.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    Cluster(Arc<str>),
    Group(Arc<str>, Arc<str>),
    /// Every host of the cluster files.
    Everything,
    /// Every host of one source.
    AllOf(Arc<str>),
    /// Hosts of an earlier run.
    Earlier(Arc<str>),
}

impl Key {
    fn shown(&self) -> String {
        match self {
            Key::Cluster(name) => name.to_string(),
            Key::Group(source, group) => format!("@{source}:{group}"),
            Key::Everything => "@*".to_owned(),
            Key::AllOf(source) => format!("@{source}:*"),
            Key::Earlier(said) => format!("@run:{said}"),
        }
    }
}

/// Reads an expression in which every name is a host.
pub(super) fn plain(text: &str) -> Result<HostSet, ExprError> {
    let inventory = Inventory::default();
    let mut evaluator = Evaluator::new(&inventory, &NoGroups);
    let place = Place::typed(text, Order::First);
    let mut bag = Bag::new();
    match evaluator.apply(&place, &mut bag) {
        Ok(()) => Ok(bag.into_values().map(|named| named.host).collect()),
        Err(SelectError::Expression(error)) => Err(*error),
        Err(other) => Err(ExprError {
            origin: Origin::Expression,
            column: 1,
            text: text.to_owned(),
            span: 0..text.len(),
            message: other.to_string(),
            help: String::new(),
        }),
    }
}

/// One selection's worth of evaluation.
pub(super) struct Evaluator<'a> {
    inventory: &'a Inventory,
    groups: &'a dyn Groups,
    known: HashMap<Key, Rc<Bag>>,
    /// What is being evaluated, the outermost first, with the place of its definition.
    open: Vec<(Key, Origin)>,
    asking: Asking,
    /// What a group without hosts is of which its source does not know either.
    empty: Empty,
    /// What is said of hosts that were named by themselves: nothing. One value for all, so that it is told apart once.
    plain: Rc<Effective>,
    /// Hosts looked at so far, up to `WORK_LIMIT`.
    work: u64,
}

/// Are dynamic sources asked?
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asking {
    /// When they are named.
    Named,
    /// Never: they count as empty, since `@*` asks no source.
    Never,
}

impl<'a> Evaluator<'a> {
    pub(super) fn new(inventory: &'a Inventory, groups: &'a dyn Groups) -> Evaluator<'a> {
        let (known, open) = (HashMap::new(), Vec::new());
        let (asking, empty, plain) = (Asking::Named, Empty::Refused, Rc::default());
        Evaluator { inventory, groups, known, open, asking, empty, plain, work: 0 }
    }

    /// The hosts of a selection in natural order.
    pub(super) fn select(&mut self, selection: &Selection<'_>) -> Result<Vec<Named>, SelectError> {
        self.empty = selection.empty;
        let mut bag = Bag::new();
        let mut terms = 0;
        for item in selection.lists.iter().flat_map(|list| &list.items) {
            self.apply(&Place::of(item, None, None, Order::nth(terms)), &mut bag)?;
            terms += 1;
        }
        for line in selection.targets.iter().flat_map(|target| lines(target)) {
            self.apply(&Place::typed(line, Order::nth(terms)), &mut bag)?;
            terms += 1;
        }
        for line in selection.exclude.iter().flat_map(|target| lines(target)) {
            let mut taken = Bag::new();
            self.apply(&Place::typed(line, Order::First), &mut taken)?;
            join(&mut bag, Op::Difference, &taken);
        }
        let mut named: Vec<Named> = bag.into_values().collect();
        named.sort_by(|a, b| a.host.cmp(&b.host));
        Ok(named)
    }

    /// The hosts of a cluster.
    pub(super) fn hosts_of(&mut self, cluster: &Arc<str>) -> Result<Vec<Host>, SelectError> {
        let text = format!("@{cluster}");
        let place = Place::typed(&text, Order::First);
        let bag = self.enter(Key::Cluster(cluster.clone()), &place, 0..text.len())?;
        Ok(bag.keys().cloned().collect())
    }

    /// Applies the expression at `place` to all that was named before it.
    fn apply(&mut self, place: &Place<'_>, bag: &mut Bag) -> Result<(), SelectError> {
        let expr = expr::parse(place.text, &place.origin, place.column).map_err(Box::new)?;
        if !expr.continues {
            let own = self.steps(&expr.steps, place, Bag::new())?;
            join(bag, Op::Union, &own);
            return self.within_limit(bag, place, 0..place.text.len());
        }
        if place.order == Order::First {
            let help = "put it after the hosts it applies to; a shell needs it in quotes";
            return Err(place.error(0..1, "nothing stands before this operator", help));
        }
        *bag = self.steps(&expr.steps, place, std::mem::take(bag))?;
        Ok(())
    }

    fn steps(&mut self, steps: &[Step], place: &Place<'_>, mut bag: Bag) -> Result<Bag, SelectError> {
        for step in steps {
            match &step.term {
                Term::Group(inner) => {
                    let inner = self.steps(inner, place, Bag::new())?;
                    self.spend(inner.len(), place, 0..place.text.len())?;
                    join(&mut bag, step.op, &inner);
                }
                Term::Item(span) => {
                    let item = self.item(place, span.clone())?;
                    self.spend(item.len(), place, span.clone())?;
                    join(&mut bag, step.op, &item);
                    self.within_limit(&bag, place, span.clone())?;
                }
            }
        }
        Ok(bag)
    }

    fn spend(&mut self, hosts: usize, place: &Place<'_>, span: Span) -> Result<(), SelectError> {
        self.work = self.work.saturating_add(hosts as u64 + 1);
        if self.work > WORK_LIMIT {
            let message = format!("all parts together name more than {WORK_LIMIT} hosts");
            return Err(place.error(span, message, "name fewer at a time"));
        }
        Ok(())
    }

    fn within_limit(&self, bag: &Bag, place: &Place<'_>, span: Span) -> Result<(), SelectError> {
        if bag.len() > HOST_LIMIT {
            return Err(too_many(place, span, bag.len() as u64));
        }
        Ok(())
    }

    /// What one item stands for.
    fn item(&mut self, place: &Place<'_>, span: Span) -> Result<Rc<Bag>, SelectError> {
        let text = &place.text[span.clone()];
        if let Some(group) = text.strip_prefix('@') {
            return self.group_item(place, span.start + 1..span.end, group);
        }
        let texts = expand(place, span.clone(), text)?;
        if let [only] = texts.as_slice()
            && let Some(bag) = self.cluster_item(place, span.clone(), only)?
        {
            return Ok(bag);
        }
        let mut bag = Bag::with_capacity(texts.len());
        let shared = self.plain.clone();
        for text in &texts {
            if text.contains(['*', '?']) {
                let found = self.pattern(place, span.clone(), text)?;
                self.spend(found.len(), place, span.clone())?;
                join(&mut bag, Op::Union, &found);
            } else if let Some(cluster) = self.cluster_item(place, span.clone(), text)? {
                self.spend(cluster.len(), place, span.clone())?;
                join(&mut bag, Op::Union, &cluster);
            } else {
                let host = read_host(place, span.clone(), text, texts.len())?;
                let named =
                    Named { host, origin: place.origin.clone(), rival: None, effective: shared.clone() };
                put(&mut bag, &named);
            }
        }
        Ok(Rc::new(bag))
    }

    /// `web` or `user@web` where `web` is a cluster.
    fn cluster_item(
        &mut self,
        place: &Place<'_>,
        span: Span,
        text: &str,
    ) -> Result<Option<Rc<Bag>>, SelectError> {
        if place.namespace.is_some() || text.starts_with("ssh://") {
            return Ok(None);
        }
        let (user, name) = text.rsplit_once('@').map_or((None, text), |(user, name)| (Some(user), name));
        if place.inside.as_deref() == Some(name) {
            return Ok(None);
        }
        if let Some(key) = self.find(name) {
            let bag = self.enter(key, place, span.clone())?;
            let Some(user) = user else { return Ok(Some(bag)) };
            read_host(place, span, &format!("{user}@x"), 2)?;
            return Ok(Some(Rc::new(with_user(&bag, user, &place.origin))));
        }
        match name.rsplit_once(':') {
            Some((cluster, port)) if !cluster.contains(':') && self.find(cluster).is_some() => {
                let message = format!("`{cluster}` is a cluster, and a cluster has no port");
                Err(place.error(span, message, format!("use -p {port}, or write ssh://{text} for the host")))
            }
            _ => Ok(None),
        }
    }

    /// The cluster of a name: of the cluster files, else a group of the default source that stands in a file.
    fn find(&self, name: &str) -> Option<Key> {
        if let Some((name, _)) = self.inventory.clusters.get_key_value(name) {
            return Some(Key::Cluster(name.clone()));
        }
        let default = self.inventory.default_source.as_ref()?;
        let (group, _) = self.inventory.groups.get(default)?.groups.get_key_value(name)?;
        Some(Key::Group(default.clone(), group.clone()))
    }

    /// `@web`, `@source:group`, `@*`; ranges in the name name several.
    fn group_item(&mut self, place: &Place<'_>, span: Span, text: &str) -> Result<Rc<Bag>, SelectError> {
        let mut bag = Rc::new(Bag::new());
        let texts = expand(place, span.clone(), text)?;
        for name in &texts {
            let key = self.group_key(place, span.clone(), name)?;
            let found = self.enter(key, place, span.clone())?;
            if texts.len() == 1 {
                return Ok(found);
            }
            self.spend(found.len(), place, span.clone())?;
            join(Rc::make_mut(&mut bag), Op::Union, &found);
        }
        Ok(bag)
    }

    fn group_key(&self, place: &Place<'_>, span: Span, name: &str) -> Result<Key, SelectError> {
        let (source, group) = match name.split_once(':') {
            Some(("run", said)) => return Ok(Key::Earlier(Arc::from(said))),
            Some((source, group)) => (Some(Arc::from(source)), group),
            None => (place.namespace.clone(), name),
        };
        if group.is_empty() || group.starts_with('@') {
            return Err(place.error(span, "the name of a cluster is missing", "see `omnes hosts --list`"));
        }
        if group != "*" && group.contains(['*', '?']) {
            let help = "name the cluster, or @* for every host of the cluster files";
            return Err(place.error(span, "a pattern matches hosts, not clusters", help));
        }
        match source {
            None if group == "*" => Ok(Key::Everything),
            None => match (self.find(group), &self.inventory.default_source) {
                (Some(key), _) => Ok(key),
                (None, Some(default)) if self.inventory.sources.contains_key(default) => {
                    Ok(Key::Group(default.clone(), Arc::from(group)))
                }
                _ => Err(place.error(span, format!("no cluster is named `{group}`"), self.near(group))),
            },
            Some(source) => self.source_key(place, span, source, group),
        }
    }

    fn source_key(
        &self,
        place: &Place<'_>,
        span: Span,
        source: Arc<str>,
        group: &str,
    ) -> Result<Key, SelectError> {
        let file = self.inventory.groups.get(&source);
        if file.is_none() && !self.inventory.sources.contains_key(&source) {
            let known = self.inventory.groups.keys().chain(self.inventory.sources.keys());
            let near = nearest(&source, known.map(AsRef::as_ref));
            return Err(place.error(span, format!("no source is named `{source}`"), near));
        }
        match file {
            _ if group == "*" => Ok(Key::AllOf(source)),
            Some(file) if !file.groups.contains_key(group) => {
                let near = nearest(group, file.groups.keys().map(AsRef::as_ref));
                Err(place.error(span, format!("source `{source}` has no group `{group}`"), near))
            }
            _ => Ok(Key::Group(source, Arc::from(group))),
        }
    }

    fn near(&self, name: &str) -> String {
        nearest(name, self.inventory.cluster_names())
    }

    /// A pattern over the hosts of the cluster files, `[user@]pattern`. What it finds is as if it had been typed.
    fn pattern(&mut self, place: &Place<'_>, span: Span, text: &str) -> Result<Bag, SelectError> {
        let (user, pattern) = text.rsplit_once('@').map_or((None, text), |(user, name)| (Some(user), name));
        if pattern.contains(':') {
            return Err(place.error(span, "a pattern takes no port", "use -p PORT"));
        }
        if let Some(user) = user {
            read_host(place, span.clone(), &format!("{user}@x"), 2)?;
        }
        let all = match &place.namespace {
            Some(source) => Key::AllOf(source.clone()),
            None => Key::Everything,
        };
        let all = self.enter(all, place, span.clone())?;
        self.spend(all.len(), place, span)?;
        let shared = self.plain.clone();
        let found = all.values().filter(|named| expr::matches(pattern, named.host.name()));
        let bag: Bag = found
            .map(|named| (named.host.clone(), Named { effective: shared.clone(), ..named.clone() }))
            .collect();
        Ok(match user {
            Some(user) => with_user(&bag, user, &place.origin),
            None => bag,
        })
    }

    /// The hosts of a cluster or group, evaluated at most once.
    fn enter(&mut self, key: Key, place: &Place<'_>, span: Span) -> Result<Rc<Bag>, SelectError> {
        if let Some(bag) = self.known.get(&key) {
            return Ok(bag.clone());
        }
        // A cluster may say "everything but", and is then no part of its own everything.
        if key == Key::Everything && self.open.iter().any(|(open, _)| *open == key) {
            return Ok(Rc::default());
        }
        if let Some(at) = self.open.iter().position(|(open, _)| *open == key) {
            return Err(self.cycle(at, &key, place, span));
        }
        if self.open.len() >= NEST_LIMIT {
            let message = format!("clusters nest deeper than {NEST_LIMIT}");
            return Err(place.error(span, message, "name the hosts nearer to the top"));
        }
        self.open.push((key.clone(), place.origin.clone()));
        let bag = Rc::new(self.evaluate(&key, place, span)?);
        self.open.pop();
        self.known.insert(key, bag.clone());
        Ok(bag)
    }

    fn cycle(&self, at: usize, key: &Key, place: &Place<'_>, span: Span) -> SelectError {
        let mut chain = String::new();
        for (n, (open, _)) in self.open[at..].iter().enumerate() {
            let reached_from = self.open.get(at + n + 1).map_or(&place.origin, |(_, origin)| origin);
            chain.push_str(&format!("{} ({reached_from}) → ", open.shown()));
        }
        chain.push_str(&key.shown());
        let message = format!("the cluster `{}` holds itself: {chain}", key.shown());
        place.error(span, message, "take one of these members out")
    }

    fn evaluate(&mut self, key: &Key, place: &Place<'_>, span: Span) -> Result<Bag, SelectError> {
        match key {
            Key::Cluster(name) => match self.inventory.clusters.get(name) {
                Some(cluster) => self.cluster(cluster, None),
                None => Err(place.error(span, format!("no cluster is named `{name}`"), self.near(name))),
            },
            Key::Group(source, group) => {
                let file = self.inventory.groups.get(source).and_then(|file| file.groups.get(group));
                match file {
                    Some(cluster) => self.cluster(cluster, Some(source)),
                    None => {
                        let answer = self.ask(source, Query::Group(group), place, span.clone())?;
                        let bag = self.answered(source, &answer)?;
                        self.refuse_unknown(source, group, &bag, place, span)?;
                        Ok(bag)
                    }
                }
            }
            Key::Everything => self.everything(place, span),
            Key::AllOf(source) => self.all_of(source, place, span),
            Key::Earlier(said) => self.earlier(said, place, span),
        }
    }

    fn cluster(&mut self, cluster: &Cluster, namespace: Option<&Arc<str>>) -> Result<Bag, SelectError> {
        let mut bag = Bag::new();
        let inside = namespace.is_none().then(|| cluster.name.clone());
        let inventory = self.inventory;
        let added = inventory.members.get(&cluster.name).filter(|_| namespace.is_none());
        for (n, item) in cluster.items.iter().chain(added.into_iter().flatten()).enumerate() {
            self.apply(&Place::of(item, namespace, inside.as_ref(), Order::nth(n)), &mut bag)?;
        }
        leave(&mut bag, &cluster.name, &cluster.settings);
        Ok(bag)
    }

    /// Every host of the cluster files: all clusters, the hosts with settings of their own, and the default source where
    /// it stands in a file.
    fn everything(&mut self, place: &Place<'_>, span: Span) -> Result<Bag, SelectError> {
        let inventory = self.inventory;
        let mut bag = Bag::new();
        // Evaluated apart, since what a source would add is left out here and must not be kept.
        let mut quiet = Evaluator::new(inventory, self.groups);
        (quiet.asking, quiet.work, quiet.open) = (Asking::Never, self.work, self.open.clone());
        for name in inventory.clusters.keys() {
            let key = Key::Cluster(name.clone());
            if self.open.iter().any(|(open, _)| *open == key) {
                continue;
            }
            let cluster = quiet.enter(key, place, span.clone())?;
            join(&mut bag, Op::Union, &cluster);
            self.within_limit(&bag, place, span.clone())?;
        }
        self.work = quiet.work;
        // A host with settings is most often a member of a cluster too, there perhaps with a port.
        let members: HashSet<Arc<str>> = bag.keys().map(Host::shared_name).collect();
        for (name, settings) in inventory.hosts.iter().filter(|(name, _)| !members.contains(name.as_str())) {
            let first = settings.values.values().chain(&settings.tags).next();
            let origin = first.map_or(Origin::Expression, |value| value.origin.clone());
            let host = Host::new(None, name, None);
            put(&mut bag, &Named { host, origin, rival: None, effective: Rc::default() });
        }
        if let Some(default) = &inventory.default_source
            && inventory.groups.contains_key(default)
        {
            let all = self.enter(Key::AllOf(default.clone()), place, span)?;
            join(&mut bag, Op::Union, &all);
        }
        Ok(bag)
    }

    /// Every host of one source: its group `all` where it has one, else the union of its groups.
    fn all_of(&mut self, source: &Arc<str>, place: &Place<'_>, span: Span) -> Result<Bag, SelectError> {
        let inventory = self.inventory;
        let names: Vec<Arc<str>> = match inventory.groups.get(source) {
            Some(file) if file.groups.contains_key("all") => vec![Arc::from("all")],
            Some(file) => file.groups.keys().cloned().collect(),
            None => {
                let definition = inventory.sources.get(source);
                if definition.is_some_and(|definition| definition.has_all()) {
                    let answer = self.ask(source, Query::All, place, span)?;
                    return self.answered(source, &answer);
                }
                let answer = self.ask(source, Query::List, place, span.clone())?;
                answer.split_whitespace().map(Arc::from).collect()
            }
        };
        let mut bag = Bag::new();
        for name in names {
            let group = self.enter(Key::Group(source.clone(), name), place, span.clone())?;
            join(&mut bag, Op::Union, &group);
            self.within_limit(&bag, place, span.clone())?;
        }
        Ok(bag)
    }

    fn ask(
        &mut self,
        source: &str,
        query: Query<'_>,
        place: &Place<'_>,
        span: Span,
    ) -> Result<String, SelectError> {
        let Some(definition) = self.inventory.sources.get(source) else {
            return Err(place.error(
                span,
                format!("no source is named `{source}`"),
                "see `omnes hosts --list`",
            ));
        };
        if self.asking == Asking::Never {
            return Ok(String::new());
        }
        if let Trust::Refused(reason) = &definition.trust {
            let message = format!("source `{source}` ({}) may not run commands", definition.origin);
            return Err(place.error(span, message, reason.clone()));
        }
        if query == Query::List && !definition.has_list() {
            let message = format!("source `{source}` ({}) cannot say what it holds", definition.origin);
            return Err(place.error(span, message, "give it `all` or `list`, or name a group"));
        }
        self.groups.ask(definition, query).map_err(|message| {
            place.error(span, message, format!("run it by hand; it is defined in {}", definition.origin))
        })
    }

    /// Sources answer nothing for a group that they do not know. In silence a slip of the finger would leave hosts out,
    /// or, behind `!` or `-x`, in; so a group without hosts must at least be one that its source lists.
    fn refuse_unknown(
        &mut self,
        source: &str,
        group: &str,
        found: &Bag,
        place: &Place<'_>,
        span: Span,
    ) -> Result<(), SelectError> {
        if !found.is_empty() || self.asking == Asking::Never || self.empty == Empty::Allowed {
            return Ok(());
        }
        let definition = self.inventory.sources.get(source);
        let listed = match definition.filter(|definition| definition.has_list()) {
            Some(definition) => self.groups.ask(definition, Query::List).unwrap_or_default(),
            None => String::new(),
        };
        if listed.split_whitespace().any(|listed| listed == group) {
            return Ok(());
        }
        let near = nearest(group, listed.split_whitespace());
        let help = format!("--allow-empty takes it as a group without hosts; {near}");
        Err(place.error(span, format!("source `{source}` names no host in a group `{group}`"), help))
    }

    /// The hosts in the answer of a source: words, each an expression in that source's own namespace.
    fn answered(&mut self, source: &Arc<str>, answer: &str) -> Result<Bag, SelectError> {
        let mut bag = Bag::new();
        for (n, word) in answer.split_whitespace().enumerate() {
            let place = Place {
                text: word,
                origin: Origin::Source { name: source.clone() },
                column: 1,
                namespace: Some(source.clone()),
                inside: None,
                order: Order::nth(n),
            };
            self.apply(&place, &mut bag)?;
        }
        Ok(bag)
    }
}
