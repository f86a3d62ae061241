//! Whom things on a host are to belong to: its numbers for a name, and what belongs to somebody else.

use std::collections::HashSet;

use super::{Ground, Owner, Visit};
use crate::outcome::FileFault;
use crate::push::carry::{self, Books};
use crate::push::changes::Act;
use crate::push::hand::{Hand, at_once};
use crate::push::path::RelPath;
use crate::push::remote::Marks;
use crate::push::tree::Kind;
use crate::push::trouble::Trouble;
use crate::run::quote;
use crate::ssh::ChannelEvent;

/// Things that are given to somebody else at once on one host.
const GIVEN: usize = 8;

/// The host has no such user or group.
fn unknown(user: &str, group: &str) -> Trouble {
    let who = if group.is_empty() { user.to_owned() } else { format!("{user}:{group}") };
    Trouble::file(FileFault::Refused, format!("--owner {who}: the host knows no such user or group"))
}

impl Visit<'_> {
    /// The numbers of the owner that is wanted.
    pub(super) async fn owner(&self, hand: Hand<'_>) -> Result<Option<(u32, u32)>, Trouble> {
        let Some(Owner { user, group }) = &self.push.manner.owner else { return Ok(None) };
        let group = group.as_deref().unwrap_or_default();
        match hand {
            Hand::Lifted(_, lift) => match lift.ids(user, group).await {
                Err(Trouble::File { .. }) => Err(unknown(user, group)),
                ids => ids.map(Some),
            },
            Hand::Own(_) => self.ids(user, group).await.map(Some),
        }
    }

    async fn ids(&self, user: &str, group: &str) -> Result<(u32, u32), Trouble> {
        if let (Ok(user), Ok(group)) = (user.parse(), group.parse()) {
            return Ok((user, group));
        }
        let script =
            r#"id -u "$1" && if [ -z "$2" ]; then id -g "$1"; else getent group "$2" | cut -d: -f3; fi"#;
        let words = ["sh", "-c", script, "sh", user, group];
        let mut channel =
            self.link.exec(&quote::line(words)).await.map_err(|error| Trouble::Lost(error.to_string()))?;
        let mut said = Vec::new();
        loop {
            match channel.output.next().await {
                ChannelEvent::Data(bytes) if said.len() < 256 => said.extend_from_slice(&bytes),
                ChannelEvent::Closed(Err(why)) => return Err(Trouble::Lost(why)),
                ChannelEvent::Closed(Ok(())) => break,
                _ => {}
            }
        }
        let text = String::from_utf8_lossy(&said);
        let mut lines = text.lines().map(|line| line.trim().parse().ok());
        match (lines.next().flatten(), lines.next().flatten()) {
            (Some(user), Some(group)) => Ok((user, group)),
            _ => Err(unknown(user, group)),
        }
    }

    /// What stands there and belongs to somebody else.
    pub(super) fn disowned(&self, ground: &Ground<'_>, owner: Option<(u32, u32)>) -> Vec<RelPath> {
        let Some(owner) = owner else { return Vec::new() };
        let put: HashSet<&RelPath> = ground
            .changes
            .files
            .iter()
            .filter(|act| matches!(act, Act::Put { .. } | Act::Link { .. }))
            .filter_map(carry::item)
            .map(|item| &ground.source[item].path)
            .collect();
        let theirs = ground.sight.entries.iter().zip(&ground.sight.owners);
        theirs
            .filter(|(entry, whose)| entry.kind != Kind::Dir && whose.is_some_and(|whose| whose != owner))
            .filter(|(entry, _)| !put.contains(&entry.path))
            .map(|(entry, _)| entry.path.clone())
            .collect()
    }

    /// Gives what stands there unchanged to whom it is to belong.
    pub(super) async fn give(
        &self,
        hand: Hand<'_>,
        (ground, books): (&Ground<'_>, &mut Books),
        (owner, theirs): (Option<(u32, u32)>, &[RelPath]),
    ) -> Result<(), Trouble> {
        let marks = Marks { owner, ..Marks::default() };
        let base = ground.base.as_slice();
        let giving = theirs.iter().map(|path| async move { hand.set(&path.below(base), marks).await });
        for given in at_once(GIVEN, giving).await {
            match given {
                Ok(()) => {}
                Err(Trouble::File { fault, why }) => books.failed(fault, &why, 1),
                Err(trouble) => return Err(trouble),
            }
        }
        Ok(())
    }
}
