//! Why something was not answered, or answered with no.

use super::cursor::Malformed;
use super::packet::Status;
use crate::escape;
use crate::ssh::{ConnectError, StartError};

/// Characters of a server's words that a sentence repeats.
const WORDS: usize = 200;

/// Why a request was in vain. All sentences are free of control characters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SftpError {
    /// There was no channel for it; nothing was asked.
    #[error(transparent)]
    Unreachable(ConnectError),
    /// The host has no SFTP: why.
    #[error("the host has no SFTP: {0}")]
    Missing(String),
    /// Something on the host writes where SFTP should begin: its first bytes.
    #[error(
        "the host wrote \"{0}\" where SFTP should begin; find what prints it for sessions without a terminal \
         (a .bashrc, .cshrc or sshrc) and silence it"
    )]
    Noise(String),
    /// The server does not keep to the protocol.
    #[error("the SFTP server does not keep to its protocol: {0}")]
    Odd(String),
    /// The server said no to this request.
    #[error(transparent)]
    Refused(Refusal),
    /// Nothing came for so many seconds, although the server owed an answer.
    #[error("the SFTP server has not answered for {0} s")]
    Silent(u64),
    /// The link, or the server behind it, ended.
    #[error("{0}")]
    Lost(String),
}

/// A server's no.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .words)]
pub struct Refusal {
    /// Its kind.
    pub status: Status,
    /// In the server's words, free of control characters; OpenSSH has no more than the kind.
    pub words: String,
}

impl SftpError {
    pub(super) fn odd(what: impl Into<String>) -> SftpError {
        SftpError::Odd(what.into())
    }

    pub(super) fn refused(status: Status, words: &[u8]) -> SftpError {
        let words = match escape::text(&String::from_utf8_lossy(words), WORDS) {
            empty if empty.is_empty() => format!("the SFTP server says {}", status.code()),
            words => words,
        };
        SftpError::Refused(Refusal { status, words })
    }

    /// The status, where the server said no.
    pub fn status(&self) -> Option<Status> {
        match self {
            SftpError::Refused(refusal) => Some(refusal.status),
            _ => None,
        }
    }
}

impl From<Malformed> for SftpError {
    fn from(malformed: Malformed) -> SftpError {
        SftpError::Odd(format!("it sent {malformed}"))
    }
}

impl From<StartError> for SftpError {
    fn from(error: StartError) -> SftpError {
        match error {
            StartError::NotRun(error) => SftpError::Unreachable(error),
            StartError::Lost(why) => SftpError::Lost(why),
        }
    }
}
