//! What is known of a host besides its name.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::inventory::Member;

/// What scopes, guards and templates go by. A value that nobody said is not there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The clusters through which it was named, the innermost first.
    pub clusters: Vec<Arc<str>>,
    /// Tags of every cluster that holds it, and its own; sorted.
    pub tags: Vec<String>,
    /// Variables for templates.
    pub vars: BTreeMap<String, String>,
    /// The login name.
    pub user: Option<String>,
    /// The port.
    pub port: Option<u16>,
    /// The name or address that is dialled.
    pub address: Option<String>,
}

impl Facts {
    /// What the cluster files and the expression say.
    pub fn of(member: &Member) -> Facts {
        Facts {
            clusters: member.via.clone(),
            tags: member.tags.iter().map(|tag| tag.value.clone()).collect(),
            vars: member.vars.iter().map(|(name, var)| (name.clone(), var.value.clone())).collect(),
            user: member.user.as_ref().map(|user| user.value.clone()),
            port: member.port.as_ref().map(|port| port.value),
            address: member.address.as_ref().map(|address| address.value.clone()),
        }
    }
}
