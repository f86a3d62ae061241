//! Where root does things: each place as a folder that must be where it was, and one name in it. Pure.
//!
//! Theory: the place that the user named is resolved once, links and all, since that is the user's own word. Everything below
//! it is a folder by its true path, which is compared after root went into it, and a name that is never followed. So whoever may
//! change a folder on the way can keep root from it, and cannot send it elsewhere.

use super::hand::split;

/// What the root of a push was found to be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Anchor {
    /// The root, as the push says it.
    base: Vec<u8>,
    /// The true path of the folder that the root lies in, where it stands.
    around: Option<Vec<u8>>,
    /// The true path of the root, where it is a folder.
    within: Option<Vec<u8>>,
}

/// A folder by its true path, and a name in it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Spot<'a> {
    pub(super) folder: Vec<u8>,
    pub(super) name: &'a [u8],
}

/// Why a path has no spot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoSpot {
    /// The folder that it lies in does not stand.
    NoFolder,
    /// It is not below the root, nor beside it.
    Elsewhere,
}

/// Without slashes at its end.
pub(super) fn trimmed(path: &[u8]) -> &[u8] {
    let end = path.iter().rposition(|byte| *byte != b'/').map_or(0, |last| last + 1);
    &path[..end]
}

fn joined(folder: &[u8], name: &[u8]) -> Vec<u8> {
    [trimmed(folder), b"/", name].concat()
}

impl Anchor {
    /// For a root, the true path of what it lies in, and its own where it is a folder.
    pub(super) fn new(base: &[u8], around: Option<Vec<u8>>, within: Option<Vec<u8>>) -> Anchor {
        Anchor { base: trimmed(base).to_vec(), around, within }
    }

    /// The true path of a folder: the root, one below it, or the one around it.
    pub(super) fn folder(&self, path: &[u8]) -> Result<Vec<u8>, NoSpot> {
        let path = trimmed(path);
        if path == self.base {
            return self.root().ok_or(NoSpot::NoFolder);
        }
        if path == trimmed(split(&self.base).0) {
            return self.around.clone().ok_or(NoSpot::NoFolder);
        }
        let rest = self.below(path).ok_or(NoSpot::Elsewhere)?;
        Ok(joined(&self.root().ok_or(NoSpot::NoFolder)?, rest))
    }

    /// Where something lies; the root itself in what is around it.
    pub(super) fn spot<'p>(&self, path: &'p [u8]) -> Result<Spot<'p>, NoSpot> {
        let path = trimmed(path);
        if path.is_empty() {
            return Ok(Spot { folder: b"/".to_vec(), name: b"." });
        }
        let (folder, name) = split(path);
        if matches!(name, b"." | b"..") {
            return Err(NoSpot::Elsewhere);
        }
        if trimmed(folder) == trimmed(split(&self.base).0) {
            let folder = self.around.clone().ok_or(NoSpot::NoFolder)?;
            return Ok(Spot { folder, name });
        }
        Ok(Spot { folder: self.folder(folder)?, name })
    }

    /// The same for the marks of something: those of a root that is a folder are its own, also where a link led to it.
    pub(super) fn marked<'p>(&self, path: &'p [u8]) -> Result<Spot<'p>, NoSpot> {
        match &self.within {
            Some(within) if trimmed(path) == self.base => Ok(Spot { folder: within.clone(), name: b"." }),
            _ => self.spot(path),
        }
    }

    /// The true path of the root, which need not stand yet.
    fn root(&self) -> Option<Vec<u8>> {
        let named = || Some(joined(self.around.as_ref()?, split(&self.base).1));
        self.within.clone().or_else(named)
    }

    fn below<'p>(&self, path: &'p [u8]) -> Option<&'p [u8]> {
        let rest = path.strip_prefix(self.base.as_slice())?.strip_prefix(b"/")?;
        let is_solid = rest.split(|byte| *byte == b'/').all(|name| !matches!(name, b"" | b"." | b".."));
        is_solid.then_some(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spot<'a>(folder: &[u8], name: &'a [u8]) -> Result<Spot<'a>, NoSpot> {
        Ok(Spot { folder: folder.to_vec(), name })
    }

    #[test]
    fn a_root_that_is_a_link_is_followed_once_and_nothing_below_it_is() {
        let anchor = Anchor::new(b"/srv/site/", Some(b"/srv".to_vec()), Some(b"/data/5".to_vec()));
        assert_eq!(anchor.spot(b"/srv/site/a"), spot(b"/data/5", b"a"));
        assert_eq!(anchor.spot(b"/srv/site/a/b c"), spot(b"/data/5/a", b"b c"));
        assert_eq!(anchor.spot(b"/srv/site"), spot(b"/srv", b"site"));
        assert_eq!(anchor.marked(b"/srv/site"), spot(b"/data/5", b"."));
        assert_eq!(anchor.spot(b"/srv/.site.part"), spot(b"/srv", b".site.part"));
        assert_eq!(anchor.folder(b"/srv/site/a"), Ok(b"/data/5/a".to_vec()));
        assert_eq!(anchor.folder(b"/srv/"), Ok(b"/srv".to_vec()));
        for elsewhere in
            [&b"/etc/passwd"[..], b"/srv/site/../x/y", b"/srv/site/a/..", b"/srv/site//a/b", b"/srv2/a"]
        {
            assert_eq!(anchor.spot(elsewhere), Err(NoSpot::Elsewhere), "{}", elsewhere.escape_ascii());
        }
    }

    #[test]
    fn a_root_that_is_made_or_is_all_there_is_has_places_too() {
        let anchor = Anchor::new(b"/new/site", Some(b"/true/new".to_vec()), None);
        assert_eq!(anchor.spot(b"/new/site"), spot(b"/true/new", b"site"));
        assert_eq!(anchor.marked(b"/new/site"), spot(b"/true/new", b"site"));
        assert_eq!(anchor.spot(b"/new/site/a/b"), spot(b"/true/new/site/a", b"b"));
        let anchor = Anchor::new(b"/", Some(b"/".to_vec()), Some(b"/".to_vec()));
        assert_eq!(anchor.spot(b"/etc/x"), spot(b"/etc", b"x"));
        assert_eq!(anchor.spot(b"/x"), spot(b"/", b"x"));
        assert_eq!(anchor.marked(b"/"), spot(b"/", b"."));
        let anchor = Anchor::new(b"/no/x", None, None);
        assert_eq!(anchor.spot(b"/no/x/y"), Err(NoSpot::NoFolder));
        assert_eq!(anchor.spot(b"/no/x"), Err(NoSpot::NoFolder));
    }
}
