//! Reading ssh_config files: which ones, in what order, and under what conditions they are trusted.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::parse::{Statement, parse};
use super::rules::{GuardTest, What};
use super::tokens::expand_path;
use super::{ConfigError, SshConfig};
use crate::escape;
use crate::ssh::UserEnvironment;
use crate::ssh::pattern::Pattern;
use crate::ssh::place::Place;

/// Where OpenSSH's own files are.
const SYSTEM_DIRECTORY: &str = "/etc/ssh";
/// An `Include` within an `Include`, at most so often, as in OpenSSH.
const DEPTH: usize = 16;
/// All files of a configuration together; more is not meant to be one.
const BYTES: usize = 16 << 20;
/// Included files, all told.
const FILES: usize = 4096;

/// What `-F` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigSource {
    /// No `-F`: the user's file, then the system's; either may be missing.
    Usual,
    /// `-F FILE`: this one alone; it must be there.
    File(PathBuf),
    /// `-F none`.
    Nothing,
}

impl From<Option<&Path>> for ConfigSource {
    fn from(option: Option<&Path>) -> ConfigSource {
        match option {
            None => ConfigSource::Usual,
            Some(file) if file.as_os_str().eq_ignore_ascii_case("none") => ConfigSource::Nothing,
            Some(file) => ConfigSource::File(file.to_owned()),
        }
    }
}

impl SshConfig {
    /// Reads a configuration with all that it includes. A bad line anywhere is an error, as in `ssh`; so is a file
    /// that is there and cannot be read, since its absence could send a connection elsewhere.
    pub fn load(source: &ConfigSource, environment: &UserEnvironment) -> Result<SshConfig, ConfigError> {
        let mut reader = Reader::new(environment);
        match source {
            ConfigSource::Nothing => {}
            ConfigSource::File(file) => reader.root(file, Kind::User, Trust::AsGiven, Missing::IsAnError)?,
            ConfigSource::Usual => {
                let user = environment.home.join(".ssh/config");
                reader.root(&user, Kind::User, Trust::OwnersOnly, Missing::IsFine)?;
                let system = Path::new(SYSTEM_DIRECTORY).join("ssh_config");
                reader.root(&system, Kind::System, Trust::AsGiven, Missing::IsFine)?;
            }
        }
        Ok(reader.config)
    }
}

/// Whose file it is: where its relative `Include`s are, and whether its keywords are worth a note.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    User,
    System,
}

/// Whether a file must be owned by the user or root, and writable by nobody else.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trust {
    OwnersOnly,
    AsGiven,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Missing {
    IsFine,
    IsAnError,
}

struct Reader<'a> {
    environment: &'a UserEnvironment,
    config: SshConfig,
    ignored: Vec<Pattern>,
    bytes: usize,
    files: usize,
}

/// A file being read, and the conditions it inherits.
#[derive(Clone, Copy)]
struct Within {
    kind: Kind,
    trust: Trust,
    depth: usize,
    /// The block that the file's first lines belong to.
    guard: usize,
}

impl<'a> Reader<'a> {
    fn new(environment: &'a UserEnvironment) -> Reader<'a> {
        Reader { environment, config: SshConfig::default(), ignored: Vec::new(), bytes: 0, files: 0 }
    }

    fn root(&mut self, path: &Path, kind: Kind, trust: Trust, missing: Missing) -> Result<(), ConfigError> {
        let start = Place { file: path.into(), line: 1 };
        match self.text(path, trust) {
            Ok(text) => {
                let guard = self.config.open(None, GuardTest::Open, start);
                self.lines(&text, path, Within { kind, trust, depth: 0, guard })
            }
            Err(error) if is_missing(&error) && missing == Missing::IsFine => Ok(()),
            Err(error) if missing == Missing::IsAnError => Err(ConfigError::File(format!(
                "-F: {} cannot be read: {error}; name a file, or `none`",
                shown(path)
            ))),
            Err(error) => Err(ConfigError::File(format!("{}: {error}", shown(path)))),
        }
    }

    fn lines(&mut self, text: &[u8], path: &Path, within: Within) -> Result<(), ConfigError> {
        let file: Arc<Path> = path.into();
        let (outer, mut guard) = (within.guard, within.guard);
        for (number, line) in text.split(|&byte| byte == b'\n').enumerate() {
            let place = Place { file: file.clone(), line: number + 1 };
            let fail = |what| ConfigError::Line { place: place.clone(), what };
            match parse(line, &self.ignored).map_err(fail)? {
                Statement::Nothing => {}
                Statement::IgnoreUnknown(patterns) => self.ignored.extend(patterns),
                Statement::Host(patterns) => {
                    guard = self.config.open(Some(outer), GuardTest::Host(patterns), place);
                }
                Statement::Match(test) => {
                    guard = self.config.open(Some(outer), GuardTest::Match(test), place)
                }
                Statement::Include(names) => {
                    for name in &names {
                        self.include(name, &place, Within { guard, ..within })?;
                    }
                }
                Statement::Set(setting) => self.config.add(guard, What::Set(setting), place),
                Statement::Refuse(keyword) => self.config.add(guard, What::Refuse(keyword), place),
                // The system's file is not what the user wrote; its usual keywords are not worth a word each run.
                Statement::Note(keyword) if within.kind == Kind::User => {
                    self.config.add(guard, What::Note(keyword), place);
                }
                Statement::Note(_) => {}
                Statement::Decline(keyword) => self.config.add(guard, What::Decline(keyword), place),
            }
        }
        Ok(())
    }

    fn include(&mut self, name: &str, place: &Place, within: Within) -> Result<(), ConfigError> {
        let fail =
            |what: String| ConfigError::Line { place: place.clone(), what: format!("Include: {what}") };
        if within.depth == DEPTH {
            return Err(fail(format!("more than {DEPTH} files deep; does a file include itself?")));
        }
        if within.kind == Kind::System && name.starts_with('~') {
            return Err(fail("the system's configuration cannot include a user's file".to_owned()));
        }
        let name = expand_path(name, self.environment).map_err(&fail)?;
        let base = match within.kind {
            Kind::User => self.environment.home.join(".ssh"),
            Kind::System => PathBuf::from(SYSTEM_DIRECTORY),
        };
        for path in found(&base.join(&name)).map_err(&fail)? {
            self.files += 1;
            if self.files > FILES {
                return Err(fail(format!("more than {FILES} files are included")));
            }
            match self.text(&path, within.trust) {
                Ok(text) => self.lines(&text, &path, Within { depth: within.depth + 1, ..within })?,
                Err(error) if is_missing(&error) => {}
                Err(error) => return Err(fail(format!("{}: {error}", shown(&path)))),
            }
        }
        Ok(())
    }

    /// The bytes of a file, after the checks that it is one and can be trusted.
    fn text(&mut self, path: &Path, trust: Trust) -> io::Result<Vec<u8>> {
        // Without O_NONBLOCK, opening a FIFO would wait for a writer.
        let nonblocking =
            i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).expect("open's flags are an int");
        let file = File::options().read(true).custom_flags(nonblocking).open(path)?;
        let metadata = file.metadata()?;
        check(&metadata, trust, self.environment)?;
        let left = BYTES - self.bytes;
        let mut text = Vec::new();
        file.take(left as u64 + 1).read_to_end(&mut text)?;
        if text.len() > left {
            return Err(io::Error::other(format!("the configuration is larger than {} MB", BYTES >> 20)));
        }
        self.bytes += text.len();
        Ok(text)
    }
}

fn is_missing(error: &io::Error) -> bool {
    // `HOME=/dev/null`, as services have it, gives the second.
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn check(metadata: &Metadata, trust: Trust, environment: &UserEnvironment) -> io::Result<()> {
    if !metadata.is_file() && !is_null(metadata) {
        let what = if metadata.is_dir() { "a directory" } else { "not a regular file" };
        return Err(io::Error::other(format!("this is {what}; a configuration must be a file")));
    }
    if trust == Trust::AsGiven {
        return Ok(());
    }
    let owned = metadata.uid() == 0 || metadata.uid() == environment.uid;
    if !owned || metadata.mode() & 0o022 != 0 {
        return Err(io::Error::other(
            "somebody else owns it or may write to it, and could send connections elsewhere; chown it to yourself and \
             chmod go-w it",
        ));
    }
    Ok(())
}

/// `/dev/null` is the usual way to say "an empty file".
fn is_null(metadata: &Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt;
    metadata.file_type().is_char_device() && metadata.rdev() == rustix::fs::makedev(1, 3)
}

/// The files that a name with wildcards means, in the order of their names.
fn found(path: &Path) -> Result<Vec<PathBuf>, String> {
    let name = path.to_str().ok_or("the path is not UTF-8")?;
    if !name.contains(['*', '?', '[']) {
        return Ok(vec![path.to_owned()]);
    }
    let options = glob::MatchOptions {
        case_sensitive: true,
        require_literal_separator: true,
        require_literal_leading_dot: true,
    };
    let paths =
        glob::glob_with(name, options).map_err(|error| format!("`{}`: {error}", escape::text(name, 200)))?;
    paths
        .take(FILES + 1)
        .map(|path| path.map_err(|error| format!("{}: {}", shown(error.path()), error.error())))
        .collect()
}

fn shown(path: &Path) -> String {
    escape::line(path.as_os_str().as_encoded_bytes())
}
