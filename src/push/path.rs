//! Names below a folder, as bytes.
//!
//! Theory: file names are bytes, not text, and those that a server gives are an attack until they are checked. A [`RelPath`]
//! cannot be made of anything that leads out of the folder it is relative to; whoever opens one walks it name by name,
//! from folder to folder.

use std::borrow::Cow;
use std::fmt;

use crate::escape;

/// How many folders a name may lie below its root.
pub const MAX_DEPTH: usize = 256;

/// Bytes of one name, as Linux takes no longer one.
pub const MAX_NAME: usize = 255;

/// Characters of a path that a sentence shows at most.
const SHOWN: usize = 200;

/// A path relative to a root, its names joined by `/`; empty, it is the root itself. No name in it is empty, `.` or `..`,
/// holds `/` or NUL, or is longer than [`MAX_NAME`].
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RelPath(Box<[u8]>);

/// Why a name is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameFault {
    /// It is empty.
    #[error("an empty name")]
    Empty,
    /// It is `.` or `..`.
    #[error("a name that stands for another folder")]
    Dots,
    /// It holds `/` or NUL.
    #[error("a name with a slash or a NUL in it")]
    Slash,
    /// It is longer than [`MAX_NAME`] bytes.
    #[error("a name of more than {MAX_NAME} bytes")]
    Long,
    /// It lies deeper than [`MAX_DEPTH`].
    #[error("a name more than {MAX_DEPTH} folders deep")]
    Deep,
}

/// Is this one name in a folder, and not a way out of it?
pub fn check_name(name: &[u8]) -> Result<(), NameFault> {
    match name {
        b"" => Err(NameFault::Empty),
        b"." | b".." => Err(NameFault::Dots),
        _ if name.iter().any(|byte| matches!(byte, b'/' | 0)) => Err(NameFault::Slash),
        _ if name.len() > MAX_NAME => Err(NameFault::Long),
        _ => Ok(()),
    }
}

impl RelPath {
    /// The root itself.
    pub fn root() -> RelPath {
        RelPath::default()
    }

    /// What lies in this folder by this name.
    pub fn join(&self, name: &[u8]) -> Result<RelPath, NameFault> {
        check_name(name)?;
        if self.depth() >= MAX_DEPTH {
            return Err(NameFault::Deep);
        }
        let folder: &[&[u8]] = if self.is_root() { &[] } else { &[&self.0] };
        Ok(RelPath([folder, &[name]].concat().join(&b'/').into_boxed_slice()))
    }

    /// Reads names joined by `/`; the error is the first that is refused.
    pub fn parse(bytes: &[u8]) -> Result<RelPath, NameFault> {
        RelPath::of_names(bytes.split(|byte| *byte == b'/'))
    }

    /// Names from the outermost; the error is the first that is refused. Takes time by the length of the path alone.
    pub fn of_names<'a>(names: impl IntoIterator<Item = &'a [u8]>) -> Result<RelPath, NameFault> {
        let mut path = Vec::new();
        for (depth, name) in names.into_iter().enumerate() {
            check_name(name)?;
            if depth >= MAX_DEPTH {
                return Err(NameFault::Deep);
            }
            path.extend_from_slice(if depth == 0 { b"" } else { b"/" });
            path.extend_from_slice(name);
        }
        Ok(RelPath(path.into_boxed_slice()))
    }

    /// The root is not in itself.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// How many names it has.
    pub fn depth(&self) -> usize {
        self.names().count()
    }

    /// Its names, from the outermost.
    pub fn names(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.0.split(|byte| *byte == b'/').filter(|name| !name.is_empty())
    }

    /// The folder it lies in, and its name there.
    pub fn split(&self) -> Option<(RelPath, &[u8])> {
        if self.is_root() {
            return None;
        }
        Some(match self.0.iter().rposition(|byte| *byte == b'/') {
            Some(slash) => (RelPath(self.0[..slash].into()), &self.0[slash + 1..]),
            None => (RelPath::root(), &self.0),
        })
    }

    /// As bytes, with `/` between its names.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// This below an absolute or relative path of the other side, as that side takes it; below nothing it is what it is, and
    /// never absolute.
    pub fn below<'a>(&'a self, root: &'a [u8]) -> Cow<'a, [u8]> {
        match (self.is_root(), root.ends_with(b"/")) {
            (true, _) => Cow::Borrowed(root),
            _ if root.is_empty() => Cow::Borrowed(&self.0),
            (false, true) => Cow::Owned([root, &self.0].concat()),
            (false, false) => Cow::Owned([root, b"/", &self.0].concat()),
        }
    }
}

/// As a sentence shows it: escaped and bounded.
impl fmt::Display for RelPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(&self.0))
    }
}

/// Bytes of a path as a sentence shows them: escaped and bounded.
pub fn shown(path: &[u8]) -> String {
    escape::text(&String::from_utf8_lossy(path), SHOWN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leads_out_of_its_folder() {
        for (name, fault) in [
            (&b""[..], NameFault::Empty),
            (b".", NameFault::Dots),
            (b"..", NameFault::Dots),
            (b"/etc", NameFault::Slash),
            (b"a/b", NameFault::Slash),
            (b"a\0b", NameFault::Slash),
            (&[b'x'; 256], NameFault::Long),
        ] {
            assert_eq!(RelPath::root().join(name), Err(fault), "{name:?}");
        }
        for path in [&b"/a"[..], b"a/", b"a//b", b"a/../b", b""] {
            assert!(RelPath::parse(path).is_err(), "{path:?}");
        }
        for name in [&b"..."[..], b"..a", b"a\\b", b"\xff\xfe", b"a\nb", b"-rf", &[b'x'; 255]] {
            assert_eq!(RelPath::root().join(name).expect("a name").as_bytes(), name);
        }
    }

    #[test]
    fn a_path_is_its_names() {
        let path = RelPath::parse(b"etc/nginx/nginx.conf").expect("a path");
        assert_eq!(path.names().collect::<Vec<_>>(), [&b"etc"[..], b"nginx", b"nginx.conf"]);
        assert_eq!((path.depth(), RelPath::root().depth()), (3, 0));
        let (folder, name) = path.split().expect("it is no root");
        assert_eq!((folder.as_bytes(), name), (&b"etc/nginx"[..], &b"nginx.conf"[..]));
        assert_eq!(folder.join(name), Ok(path.clone()));
        assert_eq!(RelPath::parse(b"a").expect("a path").split(), Some((RelPath::root(), &b"a"[..])));
        assert_eq!(RelPath::root().split(), None);
        assert_eq!(&*path.below(b"/srv"), b"/srv/etc/nginx/nginx.conf");
        assert_eq!(&*RelPath::parse(b"x").expect("a path").below(b"/"), b"/x");
        assert_eq!(&*RelPath::root().below(b"/srv"), b"/srv");
        assert_eq!(&*RelPath::parse(b"x").expect("a path").below(b""), b"x", "and not /x");
        let names = RelPath::of_names([&b"etc"[..], b"nginx", b"nginx.conf"]);
        assert_eq!((names, RelPath::of_names([])), (Ok(path), Ok(RelPath::root())));
    }

    #[test]
    fn depth_has_an_end() {
        let deep = (0..MAX_DEPTH).fold(RelPath::root(), |path, _| path.join(b"d").expect("not too deep"));
        assert_eq!(deep.join(b"d"), Err(NameFault::Deep));
        assert_eq!(RelPath::parse(&[deep.as_bytes(), b"/d"].concat()), Err(NameFault::Deep));
    }
}
