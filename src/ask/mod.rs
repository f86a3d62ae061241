//! Questions that go upward, and their answers.
//!
//! Nothing below ever reads the terminal: whoever needs a host key confirmed or a secret hands a [`Question`] to an
//! [`Ask`] and waits. The TUI collects them into one dialog, a headless run refuses or reads from `/dev/tty`, a test
//! answers from a table.

pub mod secrets;

use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;

use secrecy::SecretString;

use crate::hosts::Host;

/// Something only the user can decide or know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// The host key is unknown and the policy is `ask`.
    HostKey(UnknownKey),
    /// A secret is needed.
    Secret(SecretRequest),
}

/// A host key that known_hosts does not hold; the answer holds for all hosts that would be kept under the same name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownKey {
    /// The host that presented the key.
    pub host: Host,
    /// The name under which the key would be kept, as known_hosts writes it (`name` or `[name]:port`).
    pub known_as: String,
    /// The key's algorithm, such as `ssh-ed25519`.
    pub algorithm: String,
    /// `SHA256:…`, as `ssh-keygen -l` prints it.
    pub fingerprint: String,
    /// How the host came to show it.
    pub origin: KeyOrigin,
}

/// How a host came to show a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyOrigin {
    /// It proves itself with it; without the key it is not reached.
    Presented,
    /// It announces, and has proven, that it has this key too (`UpdateHostKeys ask`); it is reached either way.
    Announced,
}

/// A secret that is asked for once, for all that need the same one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretRequest {
    /// Which secret.
    pub kind: SecretKind,
    /// The host that asked first; more may wait for the same answer.
    pub host: Host,
    /// Where an earlier answer was refused, what to say about it: `not accepted by web01`.
    pub refused: Option<String>,
}

/// Which secret; equal kinds share one answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SecretKind {
    /// The login password of this user name.
    Password {
        /// The login name.
        user: String,
    },
    /// The passphrase of a key file.
    Passphrase {
        /// The file that holds the key.
        key: PathBuf,
    },
}

impl fmt::Display for SecretKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SecretKind::Password { user } => write!(f, "password of {user}"),
            SecretKind::Passphrase { key } => write!(f, "passphrase of {}", key.display()),
        }
    }
}

/// What the user said.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Yes: learn this key, go on.
    Accept,
    /// No, or the question was dismissed.
    Refuse,
    /// Here is the secret.
    Secret(SecretString),
    /// Nobody can be asked: the reason, for the outcome (`needs a password`).
    Nobody,
}

/// A future on the heap, as trait objects need it.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Where questions go. Implementations may take as long as a person takes; time spent here is no timeout.
pub trait Ask: Send + Sync {
    /// Puts the question and waits for the answer. Dropping the future withdraws the question.
    fn ask(&self, question: Question) -> BoxFuture<'_, Answer>;
}

/// The answer where there is nobody to ask: each question becomes an outcome, never a hang.
#[derive(Clone, Copy, Debug)]
pub struct Nobody;

impl Ask for Nobody {
    fn ask(&self, _: Question) -> BoxFuture<'_, Answer> {
        Box::pin(std::future::ready(Answer::Nobody))
    }
}
