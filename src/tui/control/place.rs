//! Where the control sockets are: a directory that belongs to the user alone.

use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use crate::escape;

/// Longest path that fits into the address of a Unix socket on every system we know, in bytes.
const ADDRESS_BYTES: usize = 100;

/// How a socket's file ends.
const SUFFIX: &str = ".sock";

/// Longest name, in bytes.
const NAME_BYTES: usize = 32;

/// So many sockets are looked at in one directory; a user who runs more gives their names.
const MOST: usize = 1000;

/// Why sockets cannot be there.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// Neither variable is set.
    #[error("neither XDG_RUNTIME_DIR nor HOME says where a control socket could be")]
    Nowhere,
    /// It could not be made or read.
    #[error("{0}: {1}")]
    Io(String, io::Error),
    /// Others could put sockets there.
    #[error("{0} must belong to you and be closed to others; `chmod 700` closes it")]
    Open(String),
    /// Not a name.
    #[error(
        "`{0}` is no name: write 1 to {NAME_BYTES} letters, digits, `-`, `_` or `.`, not all digits and no `.` in front"
    )]
    Name(String),
}

/// The directory, open.
#[derive(Debug)]
pub struct Place {
    dir: File,
    path: PathBuf,
}

/// `$XDG_RUNTIME_DIR/omnes`, else `run` in omnes's directory for state (`$XDG_STATE_HOME/omnes`, `~/.local/state/omnes`).
pub fn directory(variable: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf, PlaceError> {
    let absolute = |name| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    if let Some(runtime) = absolute("XDG_RUNTIME_DIR").filter(|path| path.is_dir()) {
        return Ok(runtime.join("omnes"));
    }
    let state = absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")));
    Ok(state.ok_or(PlaceError::Nowhere)?.join("omnes/run"))
}

/// Checks what somebody wants to call an omnes. A number would be taken for a process.
pub fn check_name(name: &str) -> Result<(), PlaceError> {
    let is_good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let is_number = name.bytes().all(|byte| byte.is_ascii_digit());
    match (1..=NAME_BYTES).contains(&name.len())
        && name.chars().all(is_good)
        && !name.starts_with('.')
        && !is_number
    {
        true => Ok(()),
        false => Err(PlaceError::Name(escape::text(name, 40))),
    }
}

impl Place {
    /// Opens the directory, and makes it if it is not there: mode 0700, and nobody else's.
    pub fn make(path: &Path) -> Result<Place, PlaceError> {
        let io = |error| PlaceError::Io(shown(path), error);
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(io)?;
        Place::open(path)
    }

    /// Opens the directory, which must be there, and no link to another.
    pub fn open(path: &Path) -> Result<Place, PlaceError> {
        let io = |error| PlaceError::Io(shown(path), error);
        let flags = (OFlags::NOFOLLOW | OFlags::DIRECTORY).bits();
        let flags = i32::try_from(flags).expect("open's flags are an int");
        let dir = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(io)?;
        let metadata = dir.metadata().map_err(io)?;
        let mine = metadata.uid() == rustix::process::geteuid().as_raw();
        if !metadata.is_dir() || !mine || metadata.mode() & 0o077 != 0 {
            return Err(PlaceError::Open(shown(path)));
        }
        Ok(Place { dir, path: path.to_owned() })
    }

    /// The directory's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The open directory, to be locked while sockets are made and taken away.
    pub(super) fn dir(&self) -> &File {
        &self.dir
    }

    /// The file of the socket that is called so.
    pub(super) fn file(&self, called: &str) -> PathBuf {
        self.path.join(format!("{called}{SUFFIX}"))
    }

    /// The same as an address: a path that is too long for one leads through the open directory.
    pub(super) fn address(&self, called: &str) -> PathBuf {
        let file = self.file(called);
        match file.as_os_str().len() <= ADDRESS_BYTES {
            true => file,
            false => Path::new("/proc/self/fd")
                .join(self.dir.as_raw_fd().to_string())
                .join(format!("{called}{SUFFIX}")),
        }
    }

    /// What the sockets here are called, in order.
    pub(super) fn called(&self) -> io::Result<Vec<String>> {
        let mut called: Vec<String> = fs::read_dir(&self.path)?
            .flatten()
            .filter_map(|entry| called_so(&entry.file_name()))
            .take(MOST)
            .collect();
        called.sort();
        Ok(called)
    }
}

fn called_so(file: &OsStr) -> Option<String> {
    let name = std::str::from_utf8(file.as_bytes()).ok()?.strip_suffix(SUFFIX)?;
    let is_process = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
    (is_process || check_name(name).is_ok()).then(|| name.to_owned())
}

/// A path for a sentence.
fn shown(path: &Path) -> String {
    escape::text(&path.display().to_string(), 300)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_runtime_directory_comes_first_if_it_is_there() {
        let dir = tempfile::tempdir().expect("a directory");
        let there = dir.path().to_str().expect("UTF-8").to_owned();
        let of = |set: &[(&str, &str)]| {
            let set: Vec<(String, String)> =
                set.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect();
            let found = directory(|name| Some(set.iter().find(|(n, _)| n == name)?.1.clone().into()));
            found.map(|path| path.display().to_string()).ok()
        };
        assert_eq!(of(&[("XDG_RUNTIME_DIR", &there), ("HOME", "/h")]), Some(format!("{there}/omnes")));
        let home = Some("/h/.local/state/omnes/run".to_owned());
        assert_eq!(of(&[("XDG_RUNTIME_DIR", "/not/there"), ("HOME", "/h")]), home);
        assert_eq!(of(&[("XDG_RUNTIME_DIR", "relative"), ("HOME", "/h")]), home);
        assert_eq!(of(&[("XDG_STATE_HOME", "/s"), ("HOME", "/h")]), Some("/s/omnes/run".to_owned()));
        assert_eq!(of(&[]), None);
    }

    #[test]
    fn names_are_plain_words() {
        for good in ["web", "prod-1", "a.b_c", "7up", &"x".repeat(32)] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in ["", "12", ".x", "a/b", "a b", "é", "..", &"x".repeat(33), "\x1b[2J"] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_directory_that_is_open_to_others_is_not_used() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("deep/omnes");
        assert!(Place::open(&path).is_err());
        let place = Place::make(&path).expect("it is made");
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o700);
        assert_eq!(place.address("web"), path.join("web.sock"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o750)).expect("mine");
        let error = Place::make(&path).expect_err("open to others").to_string();
        assert!(error.contains("closed to others"), "{error}");
    }

    #[test]
    fn a_link_in_its_place_is_not_followed() {
        let dir = tempfile::tempdir().expect("a directory");
        let mine = dir.path().join("mine");
        Place::make(&mine).expect("it is made");
        let link = dir.path().join("omnes");
        std::os::unix::fs::symlink(&mine, &link).expect("a link");
        assert!(Place::make(&link).is_err(), "somebody else may have put the link there");
    }
}
