//! Why a host was not reached.

use super::Stage;

/// Why there is no link to a host; each of them proves that nothing ran there. The sentences are free of control
/// characters (text from a host went through [`crate::escape`]) and name the next step where there is one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// It could not be reached.
    #[error("unreachable ({stage}): {why}")]
    Unreachable {
        /// How far the connection came.
        stage: Stage,
        /// What happened.
        why: String,
    },
    /// Its configuration asks for something that omnes does not do; nothing was contacted.
    #[error("not supported: {0}")]
    Unsupported(String),
    /// Its key was unknown, changed or revoked.
    #[error("host key refused: {0}")]
    HostKey(String),
    /// It did not let us in.
    #[error("login refused ({0})")]
    Login(String),
    /// It refused before login, because too many were connecting.
    #[error("throttled: {0}")]
    Throttled(String),
}

impl ConnectError {
    /// The kind in a few words, without what a host or a system said about it.
    pub fn kind(&self) -> String {
        match self {
            ConnectError::Unreachable { stage, .. } => format!("unreachable ({stage})"),
            ConnectError::Unsupported(_) => "not supported".to_owned(),
            ConnectError::HostKey(_) => "host key refused".to_owned(),
            ConnectError::Login(_) => "login refused".to_owned(),
            ConnectError::Throttled(_) => "throttled".to_owned(),
        }
    }
}
