//! A host once resolved: where it is, who logs in, and what its key is checked against.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::algorithms::Algorithms;
use crate::hosts::Host;

/// Everything that is needed to reach one host; made before anything connects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The host as the user named it; reports use nothing else.
    pub host: Host,
    /// The cluster by which it was named on the command line, if by one; secrets are shared inside it.
    pub cluster: Option<String>,
    /// The name or address to dial (`HostName`).
    pub address: String,
    /// The port to dial.
    pub port: u16,
    /// The login name.
    pub user: String,
    /// The name under which known_hosts is searched, in lower case (`HostKeyAlias`, else the address).
    pub key_name: String,
    /// The port that qualifies `key_name` (`[name]:port`); `None` under an alias or on port 22.
    pub key_port: Option<u16>,
    /// Key files to try, in order (`IdentityFile`, `-i`); the usual ones where none is configured.
    pub identities: Vec<PathBuf>,
    /// Whether `identities` was configured; then a missing file is worth a word.
    pub identities_configured: bool,
    /// Offer only keys of `identities`, also from the agent (`IdentitiesOnly`).
    pub identities_only: bool,
    /// Which ways to log in are open.
    pub logins: Logins,
    /// The agent's socket (`SSH_AUTH_SOCK`), if any.
    pub agent: Option<PathBuf>,
    /// `UserKnownHostsFile`; learned keys go to the first.
    pub user_known_hosts: Vec<PathBuf>,
    /// `GlobalKnownHostsFile`.
    pub global_known_hosts: Vec<PathBuf>,
    /// What to do with a key that is not known.
    pub policy: HostKeyPolicy,
    /// From resolve to channel; time spent waiting for a person apart.
    pub connect_timeout: Duration,
    /// How a stream to it is had.
    pub route: Route,
    /// How its socket is opened, where the route is direct.
    pub socket: SocketWishes,
    /// How often it is dialled before it counts as unreachable (`ConnectionAttempts`), at least 1.
    pub attempts: u32,
    /// Certificates beside those of the agent and of `identities` (`CertificateFile`).
    pub certificates: Vec<PathBuf>,
    /// What becomes of a key whose passphrase was typed (`AddKeysToAgent`).
    pub add_keys: AddKeys,
    /// The agent's socket that the host may use (`ForwardAgent`); `None` forwards nothing.
    pub forward_agent: Option<PathBuf>,
    /// What a session asks for (`SetEnv`, `SendEnv`, `RequestTTY`, `RemoteCommand`).
    pub session: Arc<SessionWishes>,
    /// How host keys are kept (`HashKnownHosts`, `UpdateHostKeys`, `RevokedHostKeys`).
    pub keeping: Keeping,
    /// What the configuration says about algorithms.
    pub algorithms: Arc<Algorithms>,
    /// When silence ends the link (`ServerAliveInterval`, `ServerAliveCountMax`); `None` where nobody says, and the
    /// mode's default holds.
    pub alive: Option<Alive>,
}

impl Target {
    /// File descriptors that the way to this host takes at most: a socket, and another while its name is resolved; or
    /// the pipes of a command and what tells of its end. Behind a jump host there are none but those of that.
    pub fn descriptors(&self) -> u64 {
        match self.route {
            Route::Direct => 2,
            Route::Jump(_) => 0,
            Route::Command(_) => 4,
        }
    }

    /// A host at an address, reached directly, about which no configuration says anything: it is checked against no
    /// file and offered no key.
    pub fn bare(host: Host, address: &str, port: u16, user: &str) -> Target {
        Target {
            host,
            cluster: None,
            address: address.to_owned(),
            port,
            user: user.to_owned(),
            key_name: address.to_ascii_lowercase(),
            key_port: (port != 22).then_some(port),
            identities: Vec::new(),
            identities_configured: false,
            identities_only: false,
            logins: Logins::default(),
            agent: None,
            user_known_hosts: Vec::new(),
            global_known_hosts: Vec::new(),
            policy: HostKeyPolicy::Strict,
            connect_timeout: super::CONNECT_TIMEOUT,
            route: Route::Direct,
            socket: SocketWishes::default(),
            attempts: 1,
            certificates: Vec::new(),
            add_keys: AddKeys::default(),
            forward_agent: None,
            session: Arc::default(),
            keeping: Keeping::default(),
            algorithms: Arc::default(),
            alive: None,
        }
    }
}

/// How a stream to a host is had.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Route {
    /// TCP, straight to its address and port.
    #[default]
    Direct,
    /// A channel through this host, which has a route of its own (`ProxyJump`, `-J`, `jump` of a cluster file).
    Jump(Arc<Target>),
    /// The standard input and output of this command (`ProxyCommand`), its tokens expanded; the user's shell runs it.
    Command(String),
}

/// How a socket is opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SocketWishes {
    /// `AddressFamily`.
    pub family: Family,
    /// The address to dial from (`BindAddress`).
    pub bind_address: Option<String>,
    /// The interface to dial from (`BindInterface`).
    pub bind_interface: Option<String>,
    /// Whether TCP's own keepalive is left out (`TCPKeepAlive no`).
    pub keepalive: TcpKeepalives,
}

/// `AddressFamily`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Family {
    /// Whatever the name has.
    #[default]
    Any,
    /// IPv4 alone.
    Inet,
    /// IPv6 alone.
    Inet6,
}

/// `TCPKeepAlive`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TcpKeepalives {
    /// They are sent.
    #[default]
    Sent,
    /// They are not.
    Omitted,
}

/// `AddKeysToAgent`: what becomes of a key that was unlocked with its passphrase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AddKeys {
    /// It stays with us.
    #[default]
    No,
    /// It is added, for at most so long where a time is given.
    Yes(Option<Duration>),
    /// It is added, and each use is to be confirmed (`ssh-add -c`).
    Confirm(Option<Duration>),
    /// The user is asked each time.
    Ask,
}

/// What a session asks for beside its shell or command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionWishes {
    /// Environment variables for the host, which takes those that its `AcceptEnv` names.
    pub environment: Vec<(String, String)>,
    /// `RequestTTY`.
    pub terminal: Terminal,
    /// The command in place of a shell (`RemoteCommand`), its tokens expanded.
    pub command: Option<String>,
}

/// `RequestTTY`: whether a session gets a terminal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Terminal {
    /// Shells do, commands do not.
    #[default]
    Auto,
    /// Never.
    No,
    /// Always (`yes`, `force`).
    Yes,
}

/// How host keys are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keeping {
    /// How names are written (`HashKnownHosts`).
    pub names: Names,
    /// Whether a host may announce further keys (`UpdateHostKeys`).
    pub updates: Updates,
    /// Files of keys that are never accepted, as text or as a KRL (`RevokedHostKeys`).
    pub revoked: Vec<PathBuf>,
}

/// `HashKnownHosts`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Names {
    /// As they are.
    #[default]
    Plain,
    /// Hashed.
    Hashed,
}

/// `UpdateHostKeys`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Updates {
    /// Announcements are passed over.
    No,
    /// Keys that the host proves are learned, and old ones dropped, where OpenSSH does so.
    #[default]
    Yes,
    /// The user is asked.
    Ask,
}

/// When silence ends a link: after `count` questions in a row without an answer, one each `interval`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Alive {
    /// `ServerAliveInterval`; zero asks nothing, and silence alone never ends the link.
    pub interval: Duration,
    /// `ServerAliveCountMax`.
    pub count: u32,
}

/// Which ways to log in a host's configuration leaves open. What is barred is not offered, whatever the host asks for:
/// a secret that is meant for other hosts must not reach one whose configuration wants none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logins {
    /// Keys, of the agent and of files (`PubkeyAuthentication`, `PreferredAuthentications`).
    pub keys: Way,
    /// Passwords (`PasswordAuthentication`, `PreferredAuthentications`, `BatchMode`).
    pub passwords: Way,
    /// Questions of the host itself (`KbdInteractiveAuthentication`, `PreferredAuthentications`, `BatchMode`).
    pub interactive: Way,
    /// Questions for this host: passphrases, and whether an unknown host key is right (`BatchMode`).
    pub questions: Way,
    /// The ways in the order in which they are tried (`PreferredAuthentications`).
    pub order: Vec<Method>,
    /// How often a wrong answer is followed by another question (`NumberOfPasswordPrompts`).
    pub prompts: u32,
}

impl Default for Logins {
    fn default() -> Logins {
        Logins {
            keys: Way::Open,
            passwords: Way::Open,
            interactive: Way::Open,
            questions: Way::Open,
            order: vec![Method::Keys, Method::Interactive, Method::Password],
            prompts: 3,
        }
    }
}

/// A way to log in (RFC 4252 sections 7 and 8, RFC 4256).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// `publickey`.
    Keys,
    /// `keyboard-interactive`.
    Interactive,
    /// `password`.
    Password,
}

/// Whether a way to log in is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Way {
    /// Nobody says otherwise.
    #[default]
    Open,
    /// The configuration bars it.
    Barred,
}

/// What to do with a host key that known_hosts does not hold (`StrictHostKeyChecking`). A changed or revoked key is
/// refused under every policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostKeyPolicy {
    /// Ask the user; where nobody can be asked this is `Strict`.
    Ask,
    /// Refuse.
    Strict,
    /// Learn it.
    AcceptNew,
}
