//! What is asked: a host with what the cluster files say about it, and what the command line says about all hosts.

use super::unsupported;
use crate::escape;
use crate::hosts::Host;
use crate::ssh::ConnectError;
use crate::ssh::config::{ConfigError, Key, Setting, Source, Value, expand_host_name, jumps, parse_option};
use crate::ssh::names::{bad_user, canonical};

/// What the host expression and the cluster files say about one host.
#[derive(Clone, Debug)]
pub struct Request {
    /// The host as named; its user and port come first of all.
    pub host: Host,
    /// The cluster by which it was named on the command line, if by one.
    pub cluster: Option<String>,
    /// The user that a cluster file names.
    pub user: Option<String>,
    /// The port that a cluster file names.
    pub port: Option<u16>,
    /// The address that a cluster file names.
    pub address: Option<String>,
    /// The jump hosts that a cluster file names, as `ProxyJump` has them.
    pub jump: Option<String>,
    /// The key file that a cluster file names; `~` and tokens are expanded.
    pub identity: Option<String>,
}

/// The same as settings: those of the expression, and those of the cluster files.
pub(super) struct Said {
    expression: Vec<Setting>,
    cluster: Vec<Setting>,
}

impl Request {
    /// A host of which no cluster file says more than its name.
    pub fn new(host: Host) -> Request {
        Request { host, cluster: None, user: None, port: None, address: None, jump: None, identity: None }
    }

    pub(super) fn said(&self) -> Result<Said, ConnectError> {
        let text = |key, text: String| Setting { key, value: Value::Text(text) };
        let port = |port: u16| Setting { key: Key::Port, value: Value::Number(port.into()) };
        let mut expression = Vec::new();
        expression.extend(self.host.user().map(|user| text(Key::User, user.to_owned())));
        expression.extend(self.host.port().map(port));
        let mut cluster = Vec::new();
        cluster.extend(self.user.clone().map(|user| text(Key::User, user)));
        cluster.extend(self.port.map(port));
        // Taken as it stands: tokens mean nothing in a cluster file's address.
        cluster.extend(self.address.as_ref().map(|address| text(Key::HostName, address.replace('%', "%%"))));
        cluster.extend(self.identity.clone().map(|file| text(Key::IdentityFile, file)));
        if let Some(jump) = &self.jump {
            let chain =
                jumps(jump).map_err(|what| unsupported(format!("`jump` of the cluster file: {what}")))?;
            cluster.push(Setting { key: Key::ProxyJump, value: Value::Jumps(chain) });
        }
        Ok(Said { expression, cluster })
    }
}

impl Said {
    pub(super) fn expression(&self) -> impl Iterator<Item = (&Setting, Source<'_>)> {
        self.expression.iter().map(|setting| (setting, Source::Expression))
    }

    pub(super) fn cluster(&self) -> impl Iterator<Item = (&Setting, Source<'_>)> {
        self.cluster.iter().map(|setting| (setting, Source::Cluster))
    }
}

/// What the command line says about every host that it names; jump hosts are not concerned.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    settings: Vec<(Setting, &'static str)>,
}

impl Overrides {
    /// From `-l`, `-p`, each `-i` and each `-o`. An `-o` that is wrong or not supported is an error that says why.
    pub fn new(
        user: Option<String>,
        port: Option<u16>,
        identities: Vec<String>,
        options: &[String],
    ) -> Result<Overrides, ConfigError> {
        if port == Some(0) {
            return Err(ConfigError::Option("-p 0: write a port from 1 to 65535".to_owned()));
        }
        if let Some(why) = user.as_deref().and_then(bad_user) {
            return Err(ConfigError::Option(format!("-l: {why}")));
        }
        let text = |key, text| Setting { key, value: Value::Text(text) };
        let mut settings = Vec::new();
        settings.extend(user.map(|user| (text(Key::User, user), "-l")));
        settings
            .extend(port.map(|port| (Setting { key: Key::Port, value: Value::Number(port.into()) }, "-p")));
        settings.extend(identities.into_iter().map(|file| (text(Key::IdentityFile, file), "-i")));
        for option in options {
            if let Some(setting) = parse_option(option)? {
                check(&setting)?;
                settings.push((setting, "-o"));
            }
        }
        Ok(Overrides { settings })
    }

    /// The same with `-J`; an `-o` that says how the hosts are reached contradicts it.
    pub fn with_jump(mut self, jump: &str) -> Result<Overrides, ConfigError> {
        let fail = |what: String| ConfigError::Option(format!("-J: {what}"));
        let route = |key| matches!(key, Key::ProxyJump | Key::ProxyCommand);
        if let Some((setting, _)) = self.settings.iter().find(|(setting, _)| route(setting.key)) {
            let name = crate::ssh::config::name(setting.key);
            return Err(fail(format!("-o {name} says otherwise; keep one of them")));
        }
        let value = Value::Jumps(jumps(jump).map_err(fail)?);
        self.settings.push((Setting { key: Key::ProxyJump, value }, "-J"));
        Ok(self)
    }

    pub(super) fn settings(&self) -> impl Iterator<Item = (&Setting, Source<'_>)> {
        self.settings.iter().map(|(setting, option)| (setting, Source::Option(option)))
    }

    pub(super) fn may_canonicalize(&self) -> bool {
        self.settings.iter().any(|(setting, _)| setting.key == Key::CanonicalizeHostname)
    }
}

/// What is wrong for every host is an error of the command line.
fn check(setting: &Setting) -> Result<(), ConfigError> {
    let wrong = match setting {
        Setting { key: Key::User, value: Value::Text(user) } => {
            bad_user(user).map(|why| format!("-o User: {why}"))
        }
        Setting { key: Key::HostName, value: Value::Text(name) } => expand_host_name(name, "host")
            .and_then(|address| canonical(&address))
            .err()
            .map(|why| format!("-o HostName: {why}")),
        _ => None,
    };
    wrong.map_or(Ok(()), |why| Err(ConfigError::Option(escape::text(&why, 300))))
}
