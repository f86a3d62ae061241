//! Writing a text to a file of the user's choice that does not exist yet.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Writes a text to a new file that only the user may read; `~/` at its beginning is the home directory. The error is a
/// sentence without the name of the file.
pub(super) fn write(path: &str, text: &str) -> Result<(), String> {
    let path = place(path, std::env::var_os("HOME"));
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
    let written = file.and_then(|file| fill(file, &path, text));
    written.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => "it exists already; choose another name".to_owned(),
        _ => crate::escape::reason(&error),
    })
}

/// Writes all of it, or takes the new file away: half a text would keep its name from the next try.
fn fill(mut file: impl Write, path: &Path, text: &str) -> std::io::Result<()> {
    file.write_all(text.as_bytes()).inspect_err(|_| {
        // It may be gone already; the fault that counts is the first.
        let _ = std::fs::remove_file(path);
    })
}

fn place(path: &str, home: Option<OsString>) -> PathBuf {
    match (path.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => PathBuf::from(home).join(rest),
        _ => PathBuf::from(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_file_is_written_and_no_file_is_overwritten() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("copy.txt").display().to_string();
        assert_eq!(write(&path, "one\n"), Ok(()));
        assert_eq!(write(&path, "two\n"), Err("it exists already; choose another name".to_owned()));
        assert_eq!(std::fs::read_to_string(&path).expect("the file"), "one\n");
        let full = OpenOptions::new().write(true).open("/dev/full").expect("every Linux has it");
        fill(full, Path::new(&path), "x").expect_err("there is no room");
        assert!(!Path::new(&path).exists(), "half a text is not left");
        assert_eq!(place("~/x", Some("/home/ann".into())), PathBuf::from("/home/ann/x"));
        assert_eq!(place("a~/x", Some("/home/ann".into())), PathBuf::from("a~/x"));
    }
}
