//! Why something with files did not work on a host.
//!
//! Theory: two things are told apart. Either the host said no to one thing, which then is what it was before and of which a
//! class and a sentence are known; or nobody answers any more, and what was under way is not known.

use crate::outcome::FileFault;
use crate::ssh::ConnectError;

/// Why something with files did not work; every sentence is free of control characters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// This one thing did not work, and is what it was before.
    #[error("{why}")]
    File {
        /// The class.
        fault: FileFault,
        /// A sentence with the path.
        why: String,
    },
    /// There was no channel, so nothing was done on this one.
    #[error(transparent)]
    Unreachable(ConnectError),
    /// The link, or the host's side of it, ended: what was under way may have happened.
    #[error("{0}")]
    Lost(String),
}

impl Trouble {
    /// A thing that did not work.
    pub fn file(fault: FileFault, why: impl Into<String>) -> Trouble {
        Trouble::File { fault, why: why.into() }
    }

    /// Its class, where the host could still be heard.
    pub fn fault(&self) -> Option<FileFault> {
        match self {
            Trouble::File { fault, .. } => Some(*fault),
            Trouble::Unreachable(_) | Trouble::Lost(_) => None,
        }
    }
}
