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
    /// A host asks something of its own (keyboard-interactive, RFC 4256): a code, mostly.
    Prompt(HostPrompt),
    /// A key was used, and the configuration says to ask whether the agent shall hold it (`AddKeysToAgent ask`).
    AddKey(KeyToAdd),
}

impl Question {
    /// The host on whose behalf it is asked.
    pub fn host(&self) -> &Host {
        match self {
            Question::HostKey(key) => &key.host,
            Question::Secret(request) => &request.host,
            Question::Prompt(prompt) => &prompt.host,
            Question::AddKey(add) => &add.host,
        }
    }
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

/// One prompt of a host. Its words are the host's: without control characters and cut to a length, but never to be
/// believed. The answer, an empty one too, goes to this host alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPrompt {
    /// Who asks.
    pub host: Host,
    /// The login name, at this host.
    pub user: String,
    /// What the host calls the dialogue; may be empty.
    pub title: String,
    /// What it says before its prompts; may be empty.
    pub instruction: String,
    /// The prompt, such as `Verification code:`.
    pub prompt: String,
    /// Whether the answer may be seen.
    pub echo: Echo,
    /// What became of the answer before this one.
    pub before: Before,
}

/// What became of what a host was answered in an earlier dialogue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Before {
    /// There was none.
    #[default]
    Nothing,
    /// The host did not accept it.
    Refused,
}

/// Whether what is typed may be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Echo {
    /// It may.
    Shown,
    /// It must not.
    Hidden,
}

/// A key that an agent may be given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyToAdd {
    /// The host whose login used it.
    pub host: Host,
    /// The file that holds it.
    pub key: PathBuf,
}

/// Which secret; equal kinds share one answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SecretKind {
    /// The login password of this user name, on the hosts that the user named together: a password that is meant for
    /// the hosts of one cluster is not tried on those of another.
    Password {
        /// The login name.
        user: String,
        /// The cluster that was named on the command line, if the host was named by one.
        cluster: Option<String>,
    },
    /// The login password at a jump host, which is nobody else's: neither is it tried on the hosts behind, nor theirs on it.
    JumpPassword {
        /// The login name.
        user: String,
        /// The jump host, as the user names it.
        host: Host,
    },
    /// The password that `sudo` asks for on hosts that this user has reached, shared as login passwords are.
    Sudo {
        /// The login name.
        user: String,
        /// The cluster that was named on the command line, if the host was named by one.
        cluster: Option<String>,
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
            SecretKind::Password { user, cluster: None } => write!(f, "password of {user}"),
            SecretKind::Password { user, cluster: Some(cluster) } => {
                write!(f, "password of {user} in {cluster}")
            }
            SecretKind::JumpPassword { user, host } => {
                write!(f, "password of {user} at the jump host {host}")
            }
            SecretKind::Sudo { user, cluster: None } => write!(f, "sudo password of {user}"),
            SecretKind::Sudo { user, cluster: Some(cluster) } => {
                write!(f, "sudo password of {user} in {cluster}")
            }
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
    /// Here is the secret, or what a host asked for.
    Secret(SecretString),
    /// What was given beforehand was not accepted, and there is nothing else.
    NoOther,
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
