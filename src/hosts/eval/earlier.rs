//! `@run:ID:failed`: hosts of an earlier run, each looked for again in the cluster through which it was named then.

use std::rc::Rc;
use std::sync::Arc;

use super::super::Earlier;
use super::super::bag::{Bag, Named};
use super::super::place::{Place, Span};
use super::{Evaluator, SelectError};

impl Evaluator<'_> {
    /// The hosts of an earlier run. One that its cluster does not hold any more is a host by itself.
    pub(super) fn earlier(
        &mut self,
        said: &Arc<str>,
        place: &Place<'_>,
        span: Span,
    ) -> Result<Bag, SelectError> {
        let help = "`omnes runs` lists the runs; write @run:last:failed or @run:ID:unreachable,login";
        let parts = self.groups.earlier(said).map_err(|message| place.error(span.clone(), message, help))?;
        let mut bag = Bag::new();
        for Earlier { cluster, hosts } in &parts {
            let cluster = match cluster.as_deref().and_then(|name| self.find(name)) {
                Some(key) => self.enter(key, place, span.clone())?,
                None => Rc::default(),
            };
            self.spend(hosts.len(), place, span.clone())?;
            for host in hosts.iter() {
                let effective = cluster.get(host).map_or(&self.plain, |named| &named.effective).clone();
                let origin = place.origin.clone();
                let named = Named { host: host.clone(), origin, rival: None, effective };
                bag.insert(host.clone(), named);
            }
            self.within_limit(&bag, place, span.clone())?;
        }
        Ok(bag)
    }
}
