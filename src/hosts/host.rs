//! One machine as the user names it.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// A host as named: `[user@]name[:port]`. Equality and order are by name and port alone: `a@web1` and `b@web1` are one
/// machine. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Host {
    user: Option<Arc<str>>,
    name: Arc<str>,
    port: Option<u16>,
}

impl Host {
    /// A host from its parts.
    pub fn new(user: Option<&str>, name: &str, port: Option<u16>) -> Host {
        Host { user: user.map(Arc::from), name: Arc::from(name), port }
    }

    /// The name without user and port.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The user, where the expression named one.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// The port, where the expression named one.
    pub fn port(&self) -> Option<u16> {
        self.port
    }
}

impl PartialEq for Host {
    fn eq(&self, other: &Host) -> bool {
        (&self.name, self.port) == (&other.name, other.port)
    }
}

impl Eq for Host {}

impl std::hash::Hash for Host {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        (&self.name, self.port).hash(state);
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        match self.port {
            Some(port) if self.name.contains(':') => write!(f, "[{}]:{port}", self.name),
            Some(port) => write!(f, "{}:{port}", self.name),
            None => write!(f, "{}", self.name),
        }
    }
}

/// A host that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no host: write [user@]name[:port]")]
pub struct HostParseError(pub String);

impl FromStr for Host {
    type Err = HostParseError;
    fn from_str(s: &str) -> Result<Host, HostParseError> {
        let (user, rest) = match s.rsplit_once('@') {
            Some((user, rest)) => (Some(user), rest),
            None => (None, s),
        };
        let (name, port) = match rest.rsplit_once(':') {
            Some((name, port)) => (name, Some(port.parse().map_err(|_| HostParseError(s.to_owned()))?)),
            None => (rest, None),
        };
        Ok(Host::new(user, name, port))
    }
}
