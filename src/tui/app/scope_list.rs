//! The list of scopes: what can be chosen now, each with its number of hosts.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::tui::picker::Choice as Listed;
use crate::tui::scopes::{Choice, State};

use super::{App, Picking, Purpose};

/// A line of the list of scopes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Offer {
    Take(Choice),
    Named(usize),
    Ask(Purpose),
    Invert,
    Half,
}

impl App {
    /// Opens the list of scopes.
    pub(super) fn list_scopes(&mut self) {
        let (mut listed, mut offers) = (Vec::new(), Vec::new());
        for (offer, text, hosts) in self.offers() {
            let detail = match hosts {
                Some(1) => "1 host".to_owned(),
                Some(n) => format!("{n} hosts"),
                None => String::new(),
            };
            listed.push(Listed { text, detail });
            offers.push(offer);
        }
        self.scoping.offers = offers;
        self.pick(Picking::Scope, listed);
    }

    /// A line of the list was chosen.
    pub(super) fn picked_scope(&mut self, n: usize) {
        match std::mem::take(&mut self.scoping.offers).into_iter().nth(n) {
            Some(Offer::Take(choice)) => self.try_scope(choice),
            Some(Offer::Named(number)) => self.named_scope(number),
            Some(Offer::Ask(purpose)) => self.ask_for(purpose),
            Some(Offer::Invert) => self.invert_scope(),
            Some(Offer::Half) => self.halve_scope(),
            None => {}
        }
    }

    /// What can be chosen now, in words, with the number of hosts.
    fn offers(&mut self) -> Vec<(Offer, String, Option<usize>)> {
        let all = self.tiles.ids().len();
        let mut offers = vec![
            (Offer::Take(Choice::all()), "all".to_owned(), Some(all)),
            (
                Offer::Take(Choice::visible()),
                "sight: only what is on the screen".to_owned(),
                Some(self.in_sight().len()),
            ),
        ];
        for (n, taken) in self.scoping.scopes.named.iter().enumerate() {
            let held = self.tiles.iter().filter(|tile| taken.holds(&tile.host)).count();
            offers.push((Offer::Named(n + 1), format!("{}: {}", n + 1, taken.choice.name), Some(held)));
        }
        let marked = self.those(|tile| self.scoping.scopes.marked.contains(&tile.host)).len();
        if marked > 0 {
            offers.push((Offer::Take(Choice::marked()), "marked".to_owned(), Some(marked)));
        }
        for (name, n) in self.clusters() {
            let shown = Choice::cluster(&name);
            let text = format!("cluster {}", shown.name);
            offers.push((Offer::Take(shown), text, Some(n)));
        }
        for (name, n) in self.tags() {
            let shown = Choice::tag(name);
            let text = format!("tag {}", shown.name);
            offers.push((Offer::Take(shown), text, Some(n)));
        }
        for state in State::ALL {
            let n = match state {
                State::Odd => self.odd_ones().len(),
                state => self.tiles.iter().filter(|tile| self.is_in(tile, state)).count(),
            };
            if n > 0 {
                let text = format!("{}: those {}", state.name(), state.means());
                offers.push((Offer::Take(Choice::state(state)), text, Some(n)));
            }
        }
        offers.push((
            Offer::Ask(Purpose::ScopeMatching),
            "screen matches a regular expression…".to_owned(),
            None,
        ));
        offers.push((Offer::Ask(Purpose::ScopeExpression), "host expression…".to_owned(), None));
        offers.push((Offer::Invert, "invert: all but the present ones".to_owned(), None));
        offers.push((Offer::Half, "half of the present ones".to_owned(), None));
        offers
    }

    /// The clusters of the open hosts, with their numbers of hosts.
    fn clusters(&self) -> BTreeMap<Arc<str>, usize> {
        let mut clusters = BTreeMap::new();
        for name in self.tiles.iter().flat_map(|tile| &tile.facts.clusters) {
            *clusters.entry(name.clone()).or_default() += 1;
        }
        clusters
    }

    /// The tags of the open hosts, with their numbers of hosts.
    fn tags(&self) -> BTreeMap<&str, usize> {
        let mut tags = BTreeMap::new();
        for name in self.tiles.iter().flat_map(|tile| &tile.facts.tags) {
            *tags.entry(name.as_str()).or_default() += 1;
        }
        tags
    }
}
