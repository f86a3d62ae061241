//! Why a host said no: the class, found by asking more where its answer says nothing.
//!
//! Theory: OpenSSH's server has three answers for all errors of a system: no such file (also for a file where a folder should
//! be, and for links in a circle), permission denied, and failure, which stands for all others. So after a failure the host is
//! asked what it can tell: whether its file system can be written and has room, and what stands at the path. Servers and shells
//! that say more are taken at their word first; their words are those of the C library in English.

use super::path::shown;
use super::trouble::Trouble;
use crate::outcome::FileFault;
use crate::ssh::sftp::{FileType, Refusal, Sftp, SftpError, Status};

/// What was to be done at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doing {
    /// Making a file there.
    Create,
    /// Writing a file there that has been made, of which so many bytes are left.
    Write(u64),
    /// Putting a file there in place of what there is.
    Replace,
    /// Anything with what stands there.
    Use,
}

/// What the words of a C library say, if they are among those that name a class.
pub(super) fn by_words(words: &str) -> Option<FileFault> {
    const WORDS: [(&str, FileFault); 11] = [
        ("no space left", FileFault::NoSpace),
        ("quota exceeded", FileFault::NoSpace),
        ("file too large", FileFault::NoSpace),
        ("permission denied", FileFault::NoRight),
        ("operation not permitted", FileFault::NoRight),
        ("read-only file system", FileFault::ReadOnly),
        ("text file busy", FileFault::Busy),
        ("resource busy", FileFault::Busy),
        ("is a directory", FileFault::IsDirectory),
        ("not a directory", FileFault::IsDirectory),
        ("no such file", FileFault::Missing),
    ];
    let words = words.to_ascii_lowercase();
    WORDS.iter().find(|(known, _)| words.contains(known)).map(|(_, fault)| *fault)
}

/// What a class is in a sentence, after a path.
pub(super) fn words(fault: FileFault) -> &'static str {
    match fault {
        FileFault::NoSpace => "there is no room left, or the quota is used up",
        FileFault::NoRight => "permission denied",
        FileFault::ReadOnly => "its file system can only be read",
        FileFault::Busy => "it is in use and cannot be replaced, as a mount point is",
        FileFault::IsDirectory => "a folder stands where a file should, or a file where a folder should",
        FileFault::ChecksumDiffers => "what arrived is not what was sent",
        FileFault::Missing => "no such file or folder",
        FileFault::NoSftp => "the host has no SFTP",
        FileFault::Odd => "the host answers as no honest server does",
        FileFault::Refused => "it was not done",
        FileFault::Other => "it failed",
    }
}

/// A sentence about a path.
pub(super) fn at(path: &[u8], fault: FileFault) -> Trouble {
    Trouble::file(fault, format!("{}: {}", shown(path), words(fault)))
}

/// What an error means that says nothing about a path.
pub(super) fn plain(error: SftpError) -> Trouble {
    match error {
        SftpError::Unreachable(error) => Trouble::Unreachable(error),
        SftpError::Missing(_) => Trouble::file(FileFault::NoSftp, error.to_string()),
        SftpError::Noise(_) | SftpError::Odd(_) => Trouble::file(FileFault::Odd, error.to_string()),
        SftpError::Refused(refusal) => {
            Trouble::file(by_words(&refusal.words).unwrap_or(FileFault::Other), refusal.words)
        }
        SftpError::Silent(_) | SftpError::Lost(_) => Trouble::Lost(error.to_string()),
    }
}

/// What an error means at a path, found by asking more where it must.
pub(super) async fn of(sftp: &Sftp, (doing, path): (Doing, &[u8]), error: SftpError) -> Trouble {
    let refusal = match error {
        SftpError::Refused(refusal) => refusal,
        other => return plain(other),
    };
    let fault = match (refusal.status, by_words(&refusal.words)) {
        (Status::NoSuchFile, _) => missing(sftp, doing, path).await,
        (Status::PermissionDenied, _) => FileFault::NoRight,
        (_, Some(fault)) => fault,
        (Status::Failure, None) => failure(sftp, doing, path).await,
        (_, None) => FileFault::Other,
    };
    sentence(path, fault, &refusal)
}

fn sentence(path: &[u8], fault: FileFault, refusal: &Refusal) -> Trouble {
    match fault {
        FileFault::Other => Trouble::file(fault, format!("{}: {}", shown(path), refusal.words)),
        known => at(path, known),
    }
}

/// Nothing there, or a file where a folder should be.
async fn missing(sftp: &Sftp, doing: Doing, path: &[u8]) -> FileFault {
    if doing == Doing::Use {
        return FileFault::Missing;
    }
    match sftp.stat(folder_of(path)).await.ok().and_then(|attrs| attrs.file_type()) {
        Some(FileType::Dir) | None => FileFault::Missing,
        Some(_) => FileFault::IsDirectory,
    }
}

/// A failure without words: the file system is asked, and what stands at the path.
async fn failure(sftp: &Sftp, doing: Doing, path: &[u8]) -> FileFault {
    if sftp.features().statvfs
        && let Ok(system) = sftp.statvfs(folder_of(path)).await
    {
        let left = match doing {
            Doing::Write(left) => left,
            _ => 0,
        };
        // A block more, as the last may be begun.
        let room = system.available.saturating_sub(1).saturating_mul(system.block);
        let is_full = system.available == 0 || (system.files > 0 && system.files_available == 0);
        if system.is_read_only {
            return FileFault::ReadOnly;
        }
        if doing != Doing::Use && (is_full || room < left) {
            return FileFault::NoSpace;
        }
    }
    match (doing, sftp.lstat(path).await.ok().and_then(|attrs| attrs.file_type())) {
        (_, Some(FileType::Dir)) => FileFault::IsDirectory,
        // The folder took a new file, so it can be written; what cannot be replaced in it is held.
        (Doing::Replace, Some(_)) => FileFault::Busy,
        _ => FileFault::Other,
    }
}

/// The folder of a path.
pub(super) fn folder_of(path: &[u8]) -> &[u8] {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(0) => b"/",
        Some(slash) => &path[..slash],
        None => b".",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_a_system_name_the_class() {
        for (words, fault) in [
            ("sh: 1: cannot create x: Permission denied", Some(FileFault::NoRight)),
            ("cat: write error: No space left on device", Some(FileFault::NoSpace)),
            ("cat: write error: Disk quota exceeded", Some(FileFault::NoSpace)),
            ("mv: cannot move 'a' to 'b': Device or resource busy", Some(FileFault::Busy)),
            ("touch: Read-only file system", Some(FileFault::ReadOnly)),
            ("Failure", None),
            ("", None),
        ] {
            assert_eq!(by_words(words), fault, "{words}");
        }
    }

    #[test]
    fn every_path_has_a_folder() {
        for (path, folder) in [(&b"/a"[..], &b"/"[..]), (b"/a/b", b"/a"), (b"a", b"."), (b"a/b/c", b"a/b")] {
            assert_eq!(folder_of(path), folder);
        }
    }

    #[test]
    fn an_answer_without_a_path_keeps_its_class() {
        for (error, fault) in [
            (SftpError::Missing("x".into()), Some(FileFault::NoSftp)),
            (SftpError::Noise("Welcome".into()), Some(FileFault::Odd)),
            (SftpError::Odd("x".into()), Some(FileFault::Odd)),
            (SftpError::Silent(90), None),
            (SftpError::Lost("reset".into()), None),
        ] {
            assert_eq!(plain(error).fault(), fault);
        }
    }
}
