//! One copy, here, of what all hosts have alike. What happens here blocks.

use std::sync::Arc;

use super::contents::Contents;
use super::landing::{Folder, Ground, LandError, NewFile, Standing};
use super::path::RelPath;
use super::pull::{LinkRule, below};
use super::versions::{Marks, Survey, Version, Versions};

/// What hosts have, and what is made of it.
pub(super) struct Copy<'a> {
    /// Where everything stands, and where the copy does, from the ground.
    pub(super) place: (&'a Ground, &'a RelPath),
    /// What becomes of links.
    pub(super) links: LinkRule,
    /// What hosts have, in order.
    pub(super) known: (&'a Versions, &'a Survey),
    /// The content of that.
    pub(super) contents: &'a Contents,
}

impl Copy<'_> {
    /// Makes one copy of all that every host has alike; gives what could not be made.
    pub(super) fn make(&self) -> Vec<LandError> {
        let (versions, survey) = self.known;
        let mut amiss = Vec::new();
        for at in versions.paths(survey) {
            let Some((version, marks)) = at.of_all() else { continue };
            let is_passed_over = matches!(version, Version::Link(_)) && self.links == LinkRule::PassedOver;
            let Ok(place) = below(self.place.1, &at.path()) else { continue };
            if is_passed_over {
                continue;
            }
            if let Err(error) = self.one(&place, (version, marks)) {
                let is_for_all = error.is_for_all();
                amiss.push(error);
                if is_for_all {
                    break;
                }
            }
        }
        amiss
    }

    /// One copy of what every host has.
    fn one(&self, place: &RelPath, (version, marks): (&Version, Marks)) -> Result<(), LandError> {
        let Some((parent, name)) = place.split() else { return Ok(()) };
        let ground = self.place.0;
        match version {
            Version::Folder => ground.for_place(&parent)?.enter(name).map(drop),
            Version::Link(to) => ground.for_place(&parent)?.link(name, to, marks.mtime),
            Version::File { size, sha256 } => {
                let folder = Arc::new(ground.for_place(&parent)?);
                let there = folder.look(name)?;
                let is_as_long = matches!(there, Some(Standing::File { size: here, .. }) if here == *size);
                if is_as_long
                    && folder.sha256(name)? == *sha256
                    && folder.keep(name, (marks.mode, marks.mtime))?
                {
                    return Ok(());
                }
                self.write((&folder, name), (sha256, marks))
            }
            Version::Special | Version::Missing | Version::Unreadable(_) => Ok(()),
        }
    }

    fn write(
        &self,
        (folder, name): (&Arc<Folder>, &[u8]),
        (sha256, marks): (&[u8; 32], Marks),
    ) -> Result<(), LandError> {
        let mut file = NewFile::begin(folder, name, marks.mode)?;
        let lost = || folder.lost(name, "its content could not be kept until all hosts were compared");
        self.contents.pour(sha256, |bytes| file.add(bytes)).ok_or_else(lost)??;
        file.land(marks.mtime)
    }
}
