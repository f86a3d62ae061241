//! Where the files of hosts are, reading them, and whether they may name commands. The only file of this room besides
//! `sources` that touches the system.
//!
//! A file is opened once; what is checked is what was opened. Only plain files are read, none longer than the cap, all of
//! them UTF-8. A file that names commands is believed only from `/etc` or the user's own configuration directory, owned
//! by root or the user and writable by nobody else, and so must be every directory above it.

use std::ffi::OsString;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::definitions::Trust;
use super::parse::{self, Directories, Format, Role};
use super::{FileProblem, FileProblems, Inventory};

/// The longest file that is read, in bytes; 100,000 hosts with full names take about a third of it.
const SIZE_LIMIT: u64 = 16 << 20;
/// The most files that one directory of files may hold.
const DIRECTORY_LIMIT: usize = 1_000;

/// May files named by `--clusters` run commands?
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExtraSources {
    /// No.
    #[default]
    Refused,
    /// Yes, under the same rule of ownership as others (`--allow-sources`).
    Allowed,
}

/// Where files are looked for.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// The system's configuration, `/etc`.
    pub system: PathBuf,
    /// The user's home.
    pub home: Option<PathBuf>,
    /// The user's configuration, `$XDG_CONFIG_HOME` or `~/.config`.
    pub config: Option<PathBuf>,
    /// `$CLUSTERSHELL_CFGDIR`.
    pub clustershell: Option<PathBuf>,
    /// Files named on the command line (`--clusters`).
    pub extra: Vec<PathBuf>,
    /// What those may do.
    pub extra_sources: ExtraSources,
}

impl Places {
    /// The usual places, given the environment.
    pub fn from_environment(variable: impl Fn(&str) -> Option<OsString>) -> Places {
        let directory = |name| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let home = directory("HOME");
        // The XDG specification: a relative path is invalid and to be passed over.
        let config = directory("XDG_CONFIG_HOME").filter(|path| path.is_absolute());
        Places {
            system: PathBuf::from("/etc"),
            config: config.or_else(|| home.as_ref().map(|home| home.join(".config"))),
            home,
            clustershell: directory("CLUSTERSHELL_CFGDIR"),
            ..Places::default()
        }
    }
}

/// Reads every file of hosts there is, in the order of their precedence. Missing files are passed over, except those
/// named on the command line; every other fault of every file is reported.
pub fn load(places: &Places) -> Result<Inventory, FileProblems> {
    let mut loader = Loader { places, inventory: Inventory::default(), problems: Vec::new() };
    let clusterssh = places.home.as_ref().map(|home| home.join(".clusterssh"));
    for (name, role) in [("clusters", Role::Clusters), ("tags", Role::Tags)] {
        for directory in [Some(&places.system), clusterssh.as_ref()].into_iter().flatten() {
            loader.file(&directory.join(name), role, Wanted::IfThere);
        }
    }
    loader.clustershell();
    if let Some(own) = places.config.as_ref().map(|config| config.join("omnes")) {
        loader.file(&own.join("clusters.toml"), Role::Clusters, Wanted::IfThere);
        for path in loader.directory(&own.join("clusters.d"), "toml") {
            loader.file(&path, Role::Clusters, Wanted::IfThere);
        }
    }
    for path in &places.extra {
        loader.file(path, Role::Clusters, Wanted::ByName);
    }
    if loader.problems.is_empty() { Ok(loader.inventory) } else { Err(FileProblems(loader.problems)) }
}

/// What a missing or unreadable file means.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// Missing is fine, unreadable is not.
    IfThere,
    /// One of a directory that others share: unreadable is a warning.
    Shared,
    /// Named on the command line: it must be there.
    ByName,
}

struct Loader<'a> {
    places: &'a Places,
    inventory: Inventory,
    problems: Vec<FileProblem>,
}

impl Loader<'_> {
    fn file(&mut self, path: &Path, role: Role, wanted: Wanted) {
        let Some((text, metadata)) = self.read(path, wanted) else { return };
        let trust = self.trust(path, &metadata, wanted);
        if role == Role::Clusters && parse::format(&text) == Format::GroupsConf {
            let directory = path.parent().unwrap_or(Path::new("."));
            self.directories(&parse::directories(&text, directory), wanted);
        }
        match parse::parse_clusters(&text, path, role, &trust) {
            Ok(definitions) => self.inventory.add(definitions),
            Err(problems) => self.problems.extend(problems),
        }
    }

    /// ClusterShell's own files: every `groups.conf` in its order, the last of which is what `$CFGDIR` means to all.
    fn clustershell(&mut self) {
        let below = |directory: Option<&PathBuf>, path: &str| directory.map(|directory| directory.join(path));
        let candidates = [
            Some(self.places.system.join("clustershell")),
            below(self.places.home.as_ref(), ".local/etc/clustershell"),
            below(self.places.config.as_ref(), "clustershell"),
            self.places.clustershell.clone(),
        ];
        let mut found = Vec::new();
        for directory in candidates.into_iter().flatten() {
            let path = directory.join("groups.conf");
            if let Some((text, metadata)) = self.read(&path, Wanted::IfThere) {
                found.push((path, text, metadata));
            }
        }
        let Some(config) = found.last().and_then(|(path, ..)| path.parent()).map(Path::to_owned) else {
            return;
        };
        let mut directories = Directories::default();
        for (_, text, _) in &found {
            let named = parse::directories(text, &config);
            let pick = |new: Vec<PathBuf>, old: Vec<PathBuf>| if new.is_empty() { old } else { new };
            directories = Directories {
                conf: pick(named.conf, directories.conf),
                auto: pick(named.auto, directories.auto),
            };
        }
        self.directories(&directories, Wanted::Shared);
        for (path, text, metadata) in found {
            let trust = self.trust(&path, &metadata, Wanted::IfThere);
            match parse::parse_groups_conf(&text, &path, &config, &trust) {
                Ok(definitions) => self.inventory.add(definitions),
                Err(problems) => self.problems.extend(problems),
            }
        }
    }

    /// The files in the directories that a `groups.conf` names; they are trusted as it is.
    fn directories(&mut self, directories: &Directories, wanted: Wanted) {
        let wanted = if wanted == Wanted::ByName { wanted } else { Wanted::Shared };
        for (list, ending) in [(&directories.conf, "conf"), (&directories.auto, "yaml")] {
            for directory in list {
                for path in self.directory(directory, ending) {
                    self.file(&path, Role::Clusters, wanted);
                }
            }
        }
    }

    /// The files of a directory with this ending, sorted by name; none where it is missing.
    fn directory(&mut self, directory: &Path, ending: &str) -> Vec<PathBuf> {
        let listed = match directory.read_dir() {
            Ok(listed) => listed,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
            Err(error) => {
                self.whole(
                    directory,
                    format!("the directory cannot be listed: {}", crate::escape::reason(&error)),
                    "mend its permissions",
                );
                return Vec::new();
            }
        };
        let is_wanted = |path: &PathBuf| {
            let is_hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
            !is_hidden && path.extension().is_some_and(|found| found == ending)
        };
        let mut paths: Vec<PathBuf> =
            listed.filter_map(|entry| entry.ok().map(|entry| entry.path())).filter(is_wanted).collect();
        if paths.len() > DIRECTORY_LIMIT {
            self.whole(directory, format!("it holds more than {DIRECTORY_LIMIT} files"), "put them together");
            return Vec::new();
        }
        paths.sort();
        paths
    }

    fn whole(&mut self, path: &Path, message: String, help: &str) {
        self.problems.push(FileProblem::whole(&Arc::from(path.to_string_lossy()), message, help));
    }

    /// The text of a file that is there, plain, short enough and UTF-8.
    fn read(&mut self, path: &Path, wanted: Wanted) -> Option<(String, Metadata)> {
        let (message, help) = match open(path) {
            Ok((bytes, metadata)) => match decode(bytes) {
                Ok(text) => return Some((text, metadata)),
                Err((message, help)) => (message, help),
            },
            Err(Unread::Io(error)) if error.kind() == io::ErrorKind::NotFound && wanted != Wanted::ByName => {
                return None;
            }
            // Something on the way to it is no directory: it is not there either.
            Err(Unread::Io(error))
                if error.kind() == io::ErrorKind::NotADirectory && wanted != Wanted::ByName =>
            {
                return None;
            }
            Err(Unread::Io(error)) if wanted == Wanted::Shared => {
                let file = Arc::from(path.to_string_lossy());
                let warning =
                    FileProblem::whole(&file, format!("it is passed over: {error}"), "ask its owner");
                self.inventory.warn(warning);
                return None;
            }
            Err(Unread::Io(error)) => {
                (format!("it cannot be read: {}", crate::escape::reason(&error)), "mend it, or take it away")
            }
            Err(Unread::Kind(message)) => (message.to_owned(), "name a plain file"),
            Err(Unread::Long) => (
                format!("it is longer than {} MB", SIZE_LIMIT >> 20),
                "split it, or use ranges such as web[1-99]",
            ),
        };
        self.whole(path, message, help);
        None
    }

    /// May what the file names be run?
    fn trust(&self, path: &Path, metadata: &Metadata, wanted: Wanted) -> Trust {
        let refused = |reason: String| Trust::Refused(reason);
        let real = match path.canonicalize() {
            Ok(real) => real,
            Err(error) => {
                return refused(format!("its real path is not known: {}", crate::escape::reason(&error)));
            }
        };
        if wanted == Wanted::ByName {
            if self.places.extra_sources == ExtraSources::Refused {
                return refused(
                    "a file named by --clusters runs commands only with --allow-sources".to_owned(),
                );
            }
        } else {
            let own =
                [Some(&self.places.system), self.places.config.as_ref(), self.places.clustershell.as_ref()];
            let is_inside = |directory: &PathBuf| {
                path.starts_with(directory)
                    && directory.canonicalize().is_ok_and(|directory| real.starts_with(directory))
            };
            if !own.into_iter().flatten().any(is_inside) {
                return refused(
                    "move it to /etc or to your configuration directory; from elsewhere it runs nothing"
                        .to_owned(),
                );
            }
        }
        let owned = |metadata: &Metadata| {
            metadata.uid() == 0 || metadata.uid() == rustix::process::geteuid().as_raw()
        };
        if !owned(metadata) || metadata.mode() & 0o022 != 0 {
            return refused(
                "it must belong to root or you and be writable by nobody else: chmod go-w it".to_owned(),
            );
        }
        for directory in real.ancestors().skip(1) {
            // In a sticky directory nobody replaces another's file.
            let is_safe = directory.metadata().is_ok_and(|found| {
                owned(&found) && (found.mode() & 0o022 == 0 || found.mode() & 0o1000 != 0)
            });
            if !is_safe {
                return refused(format!(
                    "others may write to {}, which holds it: chmod go-w that",
                    crate::escape::line(directory.as_os_str().as_encoded_bytes())
                ));
            }
        }
        Trust::Granted
    }
}

enum Unread {
    Io(io::Error),
    Kind(&'static str),
    Long,
}

/// Opens without waiting (a FIFO without a writer would block) and reads up to the cap.
fn open(path: &Path) -> Result<(Vec<u8>, Metadata), Unread> {
    let flags = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0);
    let file: File = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(Unread::Io)?;
    let metadata = file.metadata().map_err(Unread::Io)?;
    if metadata.is_dir() {
        return Err(Unread::Kind("it is a directory"));
    }
    if !metadata.is_file() {
        return Err(Unread::Kind("it is a pipe or a device"));
    }
    let mut bytes = Vec::new();
    file.take(SIZE_LIMIT + 1).read_to_end(&mut bytes).map_err(Unread::Io)?;
    if bytes.len() as u64 > SIZE_LIMIT {
        return Err(Unread::Long);
    }
    Ok((bytes, metadata))
}

fn decode(bytes: Vec<u8>) -> Result<String, (String, &'static str)> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(("it is UTF-16".to_owned(), "save it as UTF-8"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = good.iter().filter(|byte| **byte == b'\n').count() + 1;
        let column = good.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
        (format!("line {line}, byte {column} is not UTF-8"), "save it as UTF-8")
    })
}
