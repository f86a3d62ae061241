//! The file of a script that is being recorded: new, for this user alone, and whole after each step.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::disk;
use super::stamp::Stamp;

/// A file that exists since the recording began.
pub(super) struct ScriptFile {
    file: File,
    path: PathBuf,
    /// Bytes of whole steps in it.
    good: u64,
}

impl ScriptFile {
    /// Makes the file that the user named, or one with a name of its own in a directory. The error is a sentence.
    pub(super) fn begin(
        named: Option<PathBuf>,
        directory: &Path,
        header: &str,
    ) -> Result<ScriptFile, String> {
        let place = named.clone().unwrap_or_else(|| directory.to_owned());
        let made = match named {
            Some(path) => create(&path).map(|file| (file, path)),
            None => disk::private_directory(directory).and_then(|()| {
                let stem = format!("script-{}", Stamp::of(SystemTime::now()).for_file());
                disk::create_new(directory, &stem, "toml")
            }),
        };
        let (file, path) = made.map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => format!("{} exists already; choose another name", shown(&place)),
            _ => fault(&place, &error),
        })?;
        let mut script = ScriptFile { file, path, good: 0 };
        script.add(header).inspect_err(|_| {
            // A file without a beginning helps nobody; the fault that counts is the first.
            let _ = std::fs::remove_file(&script.path);
        })?;
        Ok(script)
    }

    /// Its name, for a sentence.
    pub(super) fn shown(&self) -> String {
        shown(&self.path)
    }

    /// Puts a text behind what is there, all of it or nothing.
    pub(super) fn add(&mut self, text: &str) -> Result<(), String> {
        self.file.write_all(text.as_bytes()).map_err(|error| {
            // The fault that counts is the first.
            let _ = self.file.set_len(self.good);
            fault(&self.path, &error)
        })?;
        self.good += text.len() as u64;
        Ok(())
    }
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create_new(true).mode(0o600).open(path)
}

fn shown(path: &Path) -> String {
    crate::escape::text(&path.display().to_string(), 400)
}

fn fault(path: &Path, error: &io::Error) -> String {
    format!("{}: {}", shown(path), crate::escape::reason(error))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_script_is_a_new_file_for_its_owner_and_overwrites_none() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("setup.toml");
        let mut script = ScriptFile::begin(Some(path.clone()), dir.path(), "v = 1\n").expect("a new file");
        script.add("# more\n").expect("there is room");
        assert_eq!(std::fs::read_to_string(&path).expect("the file"), "v = 1\n# more\n");
        assert_eq!(std::fs::metadata(&path).expect("the file").permissions().mode() & 0o777, 0o600);
        let again = ScriptFile::begin(Some(path.clone()), dir.path(), "v = 1\n").err().expect("it is there");
        assert!(again.ends_with("exists already; choose another name"), "{again}");
        let unnamed = ScriptFile::begin(None, &dir.path().join("recordings"), "v = 1\n").expect("a new file");
        let name = unnamed.shown();
        assert!(name.contains("/recordings/script-") && name.ends_with(".toml"), "{name}");
    }
}
