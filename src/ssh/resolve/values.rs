//! The parts of a target that are values of keywords.

use std::path::PathBuf;
use std::sync::Arc;

use super::case::{Case, at};
use super::origin::Origin;
use super::unsupported;
use crate::ssh::config::{Grammar, Key, Said, Source, Tokens, Value, expand};
use crate::ssh::{
    AddKeys, Algorithms, Alive, Compression, ConnectError, Family, Keeping, Logins, Method, Names,
    SocketWishes, TcpKeepalives, Updates, Way,
};

/// More key files or certificates than this are refused, as in OpenSSH.
const FILES: usize = 100;

/// Questions in a row without an answer before a link is given up (`ServerAliveCountMax`).
const ALIVE_COUNT: u32 = 3;

/// Files that several lines name, and who named each.
pub(super) struct Files {
    pub(super) paths: Vec<PathBuf>,
    pub(super) origins: Vec<Origin>,
    pub(super) are_configured: bool,
}

impl Case<'_> {
    /// The key files, each once; the usual ones where nobody names one.
    pub(super) fn identities(&self, tokens: &Tokens<'_>) -> Result<Files, ConnectError> {
        if self.heard.all(Key::IdentityFile).next().is_none() {
            let paths = self.resolver.environment.usual_identities.clone();
            return Ok(Files { origins: vec![Origin::Default; paths.len()], paths, are_configured: false });
        }
        self.gathered(Key::IdentityFile, tokens)
    }

    /// The certificates beside those of the key files.
    pub(super) fn certificates(&self, tokens: &Tokens<'_>) -> Result<Files, ConnectError> {
        self.gathered(Key::CertificateFile, tokens)
    }

    fn gathered(&self, key: Key, tokens: &Tokens<'_>) -> Result<Files, ConnectError> {
        let keyword = crate::ssh::config::name(key);
        // As texts: paths are compared by their components, which takes its time.
        let (mut files, mut origins): (Vec<String>, Vec<Origin>) = Default::default();
        for (value, source) in self.heard.all(key) {
            let Value::Text(file) = value else { continue };
            if file.eq_ignore_ascii_case("none") {
                continue;
            }
            let file = path(keyword, (file, source), tokens)?;
            if !files.contains(&file) {
                files.push(file);
                origins.push(source.into());
            }
        }
        match files.len() {
            0..=FILES => {
                let paths = files.into_iter().map(PathBuf::from).collect();
                Ok(Files { paths, origins, are_configured: true })
            }
            many => {
                Err(unsupported(format!("{many} times {keyword} for one host; at most {FILES} are tried")))
            }
        }
    }

    pub(super) fn agent(&self, tokens: &Tokens<'_>) -> Result<Option<PathBuf>, ConnectError> {
        let usual = || self.resolver.environment.agent.clone();
        match self.heard.text(Key::IdentityAgent) {
            None | Some(("SSH_AUTH_SOCK", _)) => Ok(usual()),
            Some(("none", _)) => Ok(None),
            Some(said) => self.socket_path("IdentityAgent", said, tokens),
        }
    }

    /// The agent that the host may use: the one that is used for login, or one of its own.
    pub(super) fn forward_agent(
        &self,
        tokens: &Tokens<'_>,
        agent: Option<&PathBuf>,
    ) -> Result<Option<PathBuf>, ConnectError> {
        match self.heard.text(Key::ForwardAgent) {
            None | Some(("no", _)) => Ok(None),
            Some(("yes", _)) => Ok(agent.cloned()),
            Some(said) => self.socket_path("ForwardAgent", said, tokens),
        }
    }

    /// A path, or the variable that holds one; a variable that is not set names no agent.
    fn socket_path(
        &self,
        keyword: &str,
        said: (&str, Source<'_>),
        tokens: &Tokens<'_>,
    ) -> Result<Option<PathBuf>, ConnectError> {
        let variables = &self.resolver.environment.variables;
        match said.0.strip_prefix('$').filter(|name| !name.starts_with('{')) {
            Some(name) => Ok(variables.get(name).filter(|path| !path.is_empty()).map(PathBuf::from)),
            None => Ok(Some(PathBuf::from(path(keyword, said, tokens)?))),
        }
    }

    pub(super) fn user_known_hosts(&self, tokens: &Tokens<'_>) -> Result<Vec<PathBuf>, ConnectError> {
        let Some((files, source)) = self.heard.list(Key::UserKnownHostsFile) else {
            let ours = self.resolver.environment.home.join(".ssh");
            return Ok(vec![ours.join("known_hosts"), ours.join("known_hosts2")]);
        };
        let expanded = |file: &String| path("UserKnownHostsFile", (file, source), tokens).map(PathBuf::from);
        files.iter().map(expanded).collect()
    }

    /// As OpenSSH takes them: neither tokens nor `~` mean anything here.
    pub(super) fn global_known_hosts(&self) -> Vec<PathBuf> {
        match self.heard.list(Key::GlobalKnownHostsFile) {
            Some((files, _)) => files.iter().map(PathBuf::from).collect(),
            None => ["/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"].map(PathBuf::from).to_vec(),
        }
    }

    pub(super) fn keeping(&self, tokens: &Tokens<'_>) -> Result<Keeping, ConnectError> {
        let revoked = match self.some_text(Key::RevokedHostKeys) {
            Some(said) => vec![PathBuf::from(path("RevokedHostKeys", said, tokens)?)],
            None => Vec::new(),
        };
        let hashed = self.heard.flag(Key::HashKnownHosts) == Some(true);
        Ok(Keeping {
            names: if hashed { Names::Hashed } else { Names::Plain },
            updates: self.updates(),
            revoked,
        })
    }

    /// Where nobody says: as in ssh, only the user's usual file is kept up to date.
    fn updates(&self) -> Updates {
        match self.heard.word(Key::UpdateHostKeys) {
            Some("yes") => Updates::Yes,
            // As in ssh: a question would stand in the way of the command, and who wants quiet is not asked.
            Some("ask") if self.some_text(Key::RemoteCommand).is_some() || self.is_quiet() => Updates::No,
            Some("ask") => Updates::Ask,
            Some(_) => Updates::No,
            None => match self.heard.list(Key::UserKnownHostsFile) {
                None => Updates::Yes,
                Some((files, _)) if files == ["~/.ssh/known_hosts"] => Updates::Yes,
                Some(_) => Updates::No,
            },
        }
    }

    fn is_quiet(&self) -> bool {
        matches!(self.heard.word(Key::LogLevel), Some("QUIET" | "FATAL" | "ERROR"))
    }

    /// A text that is not `none`.
    pub(super) fn some_text(&self, key: Key) -> Said<'_, &str> {
        self.heard.text(key).filter(|(text, _)| !text.eq_ignore_ascii_case("none"))
    }

    pub(super) fn logins(&self) -> Logins {
        let usual = Logins::default();
        let order = match self.heard.list(Key::PreferredAuthentications) {
            None => usual.order,
            Some((ways, _)) => ways.iter().filter_map(|way| method(way)).collect(),
        };
        let no = |key| self.heard.flag(key) == Some(false);
        let batch = self.heard.flag(Key::BatchMode) == Some(true);
        let way = |method: Method, barred: bool| match barred || !order.contains(&method) {
            true => Way::Barred,
            false => Way::Open,
        };
        Logins {
            keys: way(Method::Keys, self.heard.word(Key::PubkeyAuthentication) == Some("no")),
            passwords: way(Method::Password, no(Key::PasswordAuthentication) || batch),
            interactive: way(Method::Interactive, no(Key::KbdInteractiveAuthentication) || batch),
            questions: if batch { Way::Barred } else { Way::Open },
            prompts: self.heard.number(Key::NumberOfPasswordPrompts).unwrap_or(usual.prompts),
            order,
        }
    }

    pub(super) fn socket(&self) -> SocketWishes {
        let text = |key| self.heard.text(key).map(|(text, _)| text.to_owned());
        SocketWishes {
            family: match self.heard.word(Key::AddressFamily) {
                Some("inet") => Family::Inet,
                Some("inet6") => Family::Inet6,
                _ => Family::Any,
            },
            bind_address: text(Key::BindAddress),
            bind_interface: text(Key::BindInterface),
            keepalive: match self.heard.flag(Key::TCPKeepAlive) {
                Some(false) => TcpKeepalives::Omitted,
                _ => TcpKeepalives::Sent,
            },
        }
    }

    pub(super) fn attempts(&self) -> Result<u32, ConnectError> {
        match (self.heard.number(Key::ConnectionAttempts), self.heard.source(Key::ConnectionAttempts)) {
            (Some(0), Some(source)) => {
                Err(at("ConnectionAttempts", source)("0 is none; write 1 or more".to_owned()))
            }
            (attempts, _) => Ok(attempts.unwrap_or(1)),
        }
    }

    pub(super) fn add_keys(&self) -> AddKeys {
        match self.heard.slot(Key::AddKeysToAgent) {
            Some((Value::AddKeys(add), _)) => *add,
            _ => AddKeys::default(),
        }
    }

    pub(super) fn alive(&self) -> Option<Alive> {
        let interval = self.heard.time(Key::ServerAliveInterval)?;
        Some(Alive { interval, count: self.heard.number(Key::ServerAliveCountMax).unwrap_or(ALIVE_COUNT) })
    }

    /// The algorithms; hosts for which the same lines hold share them. A line that leaves nothing to offer refuses them.
    pub(super) fn algorithms(&self) -> Result<Arc<Algorithms>, ConnectError> {
        const KEYS: [Key; 7] = [
            Key::KexAlgorithms,
            Key::Ciphers,
            Key::MACs,
            Key::HostKeyAlgorithms,
            Key::PubkeyAcceptedAlgorithms,
            Key::CASignatureAlgorithms,
            Key::Compression,
        ];
        let lines = KEYS.map(|key| self.heard.slot(key).map(|(value, _)| value));
        let usable = self.resolver.kept.algorithms(&lines, || Algorithms {
            kex: self.heard.choice(Key::KexAlgorithms),
            ciphers: self.heard.choice(Key::Ciphers),
            macs: self.heard.choice(Key::MACs),
            host_keys: self.heard.choice(Key::HostKeyAlgorithms),
            user_keys: self.heard.choice(Key::PubkeyAcceptedAlgorithms),
            ca_signatures: self.heard.choice(Key::CASignatureAlgorithms),
            compression: match self.heard.flag(Key::Compression) {
                Some(true) => Compression::Yes,
                _ => Compression::No,
            },
        });
        usable.map_err(|why| {
            let named = KEYS.iter().find(|&&key| why.contains(crate::ssh::config::name(key)));
            let origin = Origin::from(named.and_then(|&key| self.heard.source(key)));
            unsupported(format!("{origin}: {why}"))
        })
    }
}

fn method(way: &str) -> Option<Method> {
    match way {
        "publickey" => Some(Method::Keys),
        "keyboard-interactive" => Some(Method::Interactive),
        "password" => Some(Method::Password),
        _ => None,
    }
}

fn path(keyword: &str, said: (&str, Source<'_>), tokens: &Tokens<'_>) -> Result<String, ConnectError> {
    expand(said.0, tokens, Grammar::Path).map_err(|what| at(keyword, said.1)(what))
}
