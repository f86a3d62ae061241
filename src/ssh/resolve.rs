//! From a host as named to a [`Target`]: who says what, and who is heard first.
//!
//! The order is that of DESIGN section 3: the host expression, the command line, the cluster files, ssh_config, the
//! defaults. Everything is settled here, before anything connects: a host whose configuration asks for what is not
//! done is refused by name.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::time::Duration;

use super::config::{Checking, ConfigError, Evaluated, Setting, SshConfig, Tokens};
use super::config::{expand, expand_host_name, parse_option};
use super::place::Place;
use super::{ConnectError, HostKeyPolicy, Target, UserEnvironment};
use crate::escape;
use crate::hosts::Host;

/// From resolve to channel, where nobody says otherwise.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// More key files than this are refused, as in OpenSSH.
const IDENTITIES: usize = 100;

/// What the host expression and the cluster files say about one host.
#[derive(Clone, Debug)]
pub struct Request {
    /// The host as named; its user and port come first of all.
    pub host: Host,
    /// The user that a cluster file names.
    pub user: Option<String>,
    /// The port that a cluster file names.
    pub port: Option<u16>,
    /// The address that a cluster file names.
    pub address: Option<String>,
    /// The jump host that a cluster file names; such a host is refused.
    pub jump: Option<String>,
    /// The key file that a cluster file names; `~` and tokens are expanded.
    pub identity: Option<String>,
}

impl Request {
    /// A host of which no cluster file says more than its name.
    pub fn new(host: Host) -> Request {
        Request { host, user: None, port: None, address: None, jump: None, identity: None }
    }
}

/// What the command line says about every host.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    user: Option<String>,
    port: Option<u16>,
    identities: Vec<String>,
    options: Vec<Setting>,
}

impl Overrides {
    /// From `-l`, `-p`, each `-i` and each `-o`. An `-o` that is wrong or not supported is an error that says which
    /// ones are.
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
        let options = options.iter().map(|option| parse_option(option)).collect::<Result<_, _>>()?;
        Ok(Overrides { user, port, identities, options })
    }
}

/// Who said a value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// The host expression.
    Expression,
    /// This option of the command line.
    Option(&'static str),
    /// A cluster file; [`Request`] had it.
    Cluster,
    /// A line of an ssh_config.
    Config(Place),
    /// Nobody.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Expression => f.write_str("the host expression"),
            Origin::Option(name) => f.write_str(name),
            Origin::Cluster => f.write_str("the cluster file"),
            Origin::Config(place) => place.fmt(f),
            Origin::Default => f.write_str("default"),
        }
    }
}

/// Who said the values of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origins {
    /// The login name.
    pub user: Origin,
    /// The port.
    pub port: Origin,
    /// The address.
    pub address: Origin,
    /// The name under which known_hosts is searched.
    pub key_name: Origin,
    /// What happens with unknown keys.
    pub policy: Origin,
    /// The connect timeout.
    pub connect_timeout: Origin,
}

/// Something in the configuration that is read otherwise than it stands, to be said once a run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Note {
    /// A keyword that is passed over.
    PassedOver {
        /// The keyword.
        keyword: &'static str,
        /// Where it stands.
        place: Place,
    },
    /// `StrictHostKeyChecking no` is read as `accept-new`.
    ReadAsAcceptNew(Origin),
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Note::PassedOver { keyword, place } => {
                write!(f, "{place}: {keyword} is not supported and was passed over")
            }
            Note::ReadAsAcceptNew(origin) => {
                write!(
                    f,
                    "{origin}: StrictHostKeyChecking no is read as accept-new; changed keys are always refused"
                )
            }
        }
    }
}

/// A target, and how it came about.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// Everything that is needed to reach the host.
    pub target: Target,
    /// Who said what.
    pub origins: Origins,
    /// What is worth a word; the same for many hosts, so gather them in a set.
    pub notes: Vec<Note>,
}

/// Settles hosts, one after another, from one configuration.
#[derive(Clone, Debug)]
pub struct Resolver {
    config: SshConfig,
    overrides: Overrides,
    environment: UserEnvironment,
    default_policy: HostKeyPolicy,
}

impl Resolver {
    /// `default_policy` holds where neither `-o` nor ssh_config says anything: `ask` in the TUI, `strict` headless.
    pub fn new(
        config: SshConfig,
        overrides: Overrides,
        environment: UserEnvironment,
        default_policy: HostKeyPolicy,
    ) -> Resolver {
        Resolver { config, overrides, environment, default_policy }
    }

    /// Settles one host, or says why it is not contacted ([`ConnectError::Unsupported`]).
    pub fn resolve(&self, request: &Request) -> Result<Resolved, ConnectError> {
        if let Some(jump) = &request.jump {
            let jump = escape::text(jump, 80);
            return Err(unsupported(format!(
                "the jump host {jump} of a cluster file; give the host a direct address"
            )));
        }
        let evaluated = self.config.evaluate(request.host.name());
        let mut heard = Heard::default();
        self.overrides.options.iter().for_each(|setting| heard.hear(setting, || Origin::Option("-o")));
        let options = heard.clone();
        evaluated
            .settings
            .iter()
            .for_each(|(setting, place)| heard.hear(setting, || Origin::Config((*place).clone())));
        let address = self.address(request, &options, &heard)?;
        if let Some((keyword, place)) = evaluated.refused.first() {
            return Err(unsupported(format!("{keyword} ({place})")));
        }
        if let Some(place) = self.config.doubtful(request.host.name(), &address.0) {
            return Err(unsupported(format!("a Match block that may concern this host ({place})")));
        }
        self.finish(request, &options, heard, address, &evaluated)
    }

    /// The address, checked: nothing that is no name or address leaves this function.
    fn address(
        &self,
        request: &Request,
        options: &Heard<'_>,
        heard: &Heard<'_>,
    ) -> Result<(String, Origin), ConnectError> {
        let named = request.host.name();
        let (address, origin) = match (&options.host_name, &request.address, &heard.host_name) {
            (None, Some(address), _) => (address.clone(), Origin::Cluster),
            (Some((template, origin)), ..) | (None, None, Some((template, origin))) => {
                let address = expand_host_name(template, named);
                (address.map_err(|what| unsupported(format!("HostName ({origin}): {what}")))?, origin.clone())
            }
            (None, None, None) => (named.to_owned(), Origin::Expression),
        };
        match canonical(&address) {
            Ok(address) => Ok((address, origin)),
            Err(why) => Err(unsupported(format!("the address of this host ({origin}): {why}"))),
        }
    }

    fn finish(
        &self,
        request: &Request,
        options: &Heard<'_>,
        heard: Heard<'_>,
        (address, address_origin): (String, Origin),
        evaluated: &Evaluated<'_>,
    ) -> Result<Resolved, ConnectError> {
        let (user, user_origin) = self.user(request, options, &heard)?;
        let (port, port_origin) = self.port(request, options, &heard);
        let alias = heard.alias.as_ref().map(|(alias, _)| alias.to_ascii_lowercase());
        let tokens = Tokens {
            host: &address,
            original: request.host.name(),
            alias: alias.as_deref().unwrap_or(request.host.name()),
            port,
            user: &user,
            local_user: &self.environment.user,
            uid: self.environment.uid,
            home: &self.environment.home,
            local_host: &self.environment.host_name,
            variables: &self.environment.variables,
        };
        let (identities, identities_configured) = self.identities(request, &heard, &tokens)?;
        let agent = self.agent(&heard, &tokens)?;
        let user_known_hosts = self.user_known_hosts(&heard, &tokens)?;
        let (policy, policy_origin, note) = self.policy(&heard);
        let noted = evaluated.noted.iter();
        let noted = noted.map(|&(keyword, place)| Note::PassedOver { keyword, place: place.clone() });
        let timeout = heard.connect_timeout.as_ref();
        let origins = Origins {
            user: user_origin,
            port: port_origin,
            key_name: heard
                .alias
                .as_ref()
                .map_or_else(|| address_origin.clone(), |(_, origin)| origin.clone()),
            address: address_origin,
            policy: policy_origin,
            connect_timeout: timeout.map_or(Origin::Default, |(_, origin)| origin.clone()),
        };
        let notes = noted.chain(note).collect();
        let target = Target {
            host: request.host.clone(),
            key_port: (alias.is_none() && port != 22).then_some(port),
            key_name: alias.unwrap_or_else(|| address.clone()),
            address,
            port,
            user,
            identities,
            identities_configured,
            identities_only: heard.identities_only.is_some_and(|(only, _)| only),
            agent,
            user_known_hosts,
            global_known_hosts: match &heard.global_known_hosts {
                Some((files, _)) => files.iter().map(PathBuf::from).collect(),
                None => ["/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"].map(PathBuf::from).to_vec(),
            },
            policy,
            connect_timeout: timeout.and_then(|(limit, _)| *limit).unwrap_or(CONNECT_TIMEOUT),
        };
        Ok(Resolved { target, origins, notes })
    }

    fn user(
        &self,
        request: &Request,
        options: &Heard<'_>,
        heard: &Heard<'_>,
    ) -> Result<(String, Origin), ConnectError> {
        let (user, origin) = None
            .or_else(|| Some((request.host.user()?.to_owned(), Origin::Expression)))
            .or_else(|| Some((self.overrides.user.clone()?, Origin::Option("-l"))))
            .or_else(|| options.user.as_ref().map(|(user, origin)| ((*user).to_owned(), origin.clone())))
            .or_else(|| Some((request.user.clone()?, Origin::Cluster)))
            .or_else(|| heard.user.as_ref().map(|(user, origin)| ((*user).to_owned(), origin.clone())))
            .unwrap_or_else(|| (self.environment.user.clone(), Origin::Default));
        match bad_user(&user) {
            None => Ok((user, origin)),
            Some(why) => Err(unsupported(format!("the user ({origin}): {why}"))),
        }
    }

    fn port(&self, request: &Request, options: &Heard<'_>, heard: &Heard<'_>) -> (u16, Origin) {
        None.or_else(|| Some((request.host.port()?, Origin::Expression)))
            .or_else(|| Some((self.overrides.port?, Origin::Option("-p"))))
            .or_else(|| options.port.clone())
            .or_else(|| Some((request.port?, Origin::Cluster)))
            .or_else(|| heard.port.clone())
            .unwrap_or((22, Origin::Default))
    }

    /// The key files, each once; the usual ones where nobody names one.
    fn identities(
        &self,
        request: &Request,
        heard: &Heard<'_>,
        tokens: &Tokens<'_>,
    ) -> Result<(Vec<PathBuf>, bool), ConnectError> {
        let option = self.overrides.identities.iter().map(|file| (file.as_str(), Origin::Option("-i")));
        let (before, after): (Vec<_>, Vec<_>) =
            heard.identities.iter().cloned().partition(|(_, origin)| matches!(origin, Origin::Option(_)));
        let cluster = request.identity.iter().map(|file| (file.as_str(), Origin::Cluster));
        let named: Vec<(&str, Origin)> = option.chain(before).chain(cluster).chain(after).collect();
        if named.is_empty() {
            return Ok((self.environment.usual_identities.clone(), false));
        }
        let mut files: Vec<PathBuf> = Vec::new();
        for (file, origin) in named.iter().filter(|(file, _)| !file.eq_ignore_ascii_case("none")) {
            let file = expand(file, tokens);
            let file =
                PathBuf::from(file.map_err(|what| unsupported(format!("IdentityFile ({origin}): {what}")))?);
            if !files.contains(&file) {
                files.push(file);
            }
        }
        match files.len() {
            0..=IDENTITIES => Ok((files, true)),
            many => {
                Err(unsupported(format!("{many} key files for one host; at most {IDENTITIES} are tried")))
            }
        }
    }

    fn agent(&self, heard: &Heard<'_>, tokens: &Tokens<'_>) -> Result<Option<PathBuf>, ConnectError> {
        let Some((value, origin)) = &heard.agent else { return Ok(self.environment.agent.clone()) };
        match *value {
            "none" => Ok(None),
            "SSH_AUTH_SOCK" => Ok(self.environment.agent.clone()),
            value => match value.strip_prefix('$').filter(|name| !name.starts_with('{')) {
                // As in ssh, an agent that is named by a variable which is not set is no agent.
                Some(name) => Ok(self
                    .environment
                    .variables
                    .get(name)
                    .filter(|path| !path.is_empty())
                    .map(PathBuf::from)),
                None => expand(value, tokens)
                    .map(|path| Some(PathBuf::from(path)))
                    .map_err(|what| unsupported(format!("IdentityAgent ({origin}): {what}"))),
            },
        }
    }

    fn user_known_hosts(&self, heard: &Heard<'_>, tokens: &Tokens<'_>) -> Result<Vec<PathBuf>, ConnectError> {
        let Some((files, origin)) = &heard.user_known_hosts else {
            let ours = self.environment.home.join(".ssh");
            return Ok(vec![ours.join("known_hosts"), ours.join("known_hosts2")]);
        };
        let expanded = files.iter().map(|file| expand(file, tokens).map(PathBuf::from));
        let expanded = expanded.collect::<Result<_, _>>();
        expanded.map_err(|what| unsupported(format!("UserKnownHostsFile ({origin}): {what}")))
    }

    fn policy(&self, heard: &Heard<'_>) -> (HostKeyPolicy, Origin, Option<Note>) {
        let Some((checking, origin)) = &heard.checking else {
            return (self.default_policy, Origin::Default, None);
        };
        let (policy, note) = match checking {
            Checking::Yes => (HostKeyPolicy::Strict, None),
            Checking::Ask => (HostKeyPolicy::Ask, None),
            Checking::AcceptNew => (HostKeyPolicy::AcceptNew, None),
            Checking::Off => (HostKeyPolicy::AcceptNew, Some(Note::ReadAsAcceptNew(origin.clone()))),
        };
        (policy, origin.clone(), note)
    }
}

/// A value, and who said it.
type Said<T> = Option<(T, Origin)>;

/// The first of each setting; key files gather.
#[derive(Clone, Debug, Default)]
struct Heard<'a> {
    host_name: Said<&'a str>,
    user: Said<&'a str>,
    port: Said<u16>,
    identities: Vec<(&'a str, Origin)>,
    identities_only: Said<bool>,
    agent: Said<&'a str>,
    alias: Said<&'a str>,
    user_known_hosts: Said<&'a [String]>,
    global_known_hosts: Said<&'a [String]>,
    checking: Said<Checking>,
    connect_timeout: Said<Option<Duration>>,
}

impl<'a> Heard<'a> {
    fn hear(&mut self, setting: &'a Setting, origin: impl Fn() -> Origin) {
        fn first<T>(slot: &mut Said<T>, value: T, origin: impl Fn() -> Origin) {
            slot.get_or_insert_with(|| (value, origin()));
        }
        match setting {
            Setting::HostName(name) => first(&mut self.host_name, name, origin),
            Setting::User(name) => first(&mut self.user, name, origin),
            Setting::Port(port) => first(&mut self.port, *port, origin),
            Setting::IdentityFile(file) => self.identities.push((file, origin())),
            Setting::IdentitiesOnly(only) => first(&mut self.identities_only, *only, origin),
            Setting::IdentityAgent(agent) => first(&mut self.agent, agent, origin),
            Setting::HostKeyAlias(alias) => first(&mut self.alias, alias, origin),
            Setting::UserKnownHostsFile(files) => first(&mut self.user_known_hosts, files, origin),
            Setting::GlobalKnownHostsFile(files) => first(&mut self.global_known_hosts, files, origin),
            Setting::StrictHostKeyChecking(checking) => first(&mut self.checking, *checking, origin),
            Setting::ConnectTimeout(limit) => first(&mut self.connect_timeout, *limit, origin),
        }
    }
}

fn unsupported(what: String) -> ConnectError {
    ConnectError::Unsupported(what)
}

/// A name in lower case, or an address in the one form that known_hosts uses (`127.1` is 127.0.0.1, `0::1` is ::1).
/// What cannot be either is an error, so that no text of a configuration reaches a resolver or a shell as it stands.
fn canonical(address: &str) -> Result<String, String> {
    let shown = || escape::text(address, 80);
    if let Ok(v6) = address.parse::<Ipv6Addr>() {
        return Ok(v6.to_string());
    }
    if let Some(v4) = ipv4(address) {
        return Ok(v4.to_string());
    }
    let usual = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '%' | '+');
    match address {
        "" => Err("it is empty".to_owned()),
        _ if address.len() > 255 => Err("it is longer than 255 characters".to_owned()),
        _ if address.starts_with('-') => Err(format!("`{}` begins with a dash", shown())),
        _ if !address.chars().all(usual) => Err(format!("`{}` is no host name", shown())),
        _ => Ok(address.to_ascii_lowercase()),
    }
}

/// An IPv4 address in any form that the system's resolver takes for one: one to four numbers, decimal, octal or
/// hexadecimal, the last of which fills what is left.
fn ipv4(text: &str) -> Option<Ipv4Addr> {
    let number = |part: &str| -> Option<u32> {
        let (digits, radix) = match part {
            _ if part.starts_with("0x") || part.starts_with("0X") => (&part[2..], 16),
            _ if part.len() > 1 && part.starts_with('0') => (&part[1..], 8),
            _ => (part, 10),
        };
        (!digits.starts_with('+')).then(|| u32::from_str_radix(digits, radix).ok())?
    };
    let parts: Vec<u32> = text.split('.').map(number).collect::<Option<_>>()?;
    let (&last, front) = parts.split_last()?;
    if front.len() > 3 || front.iter().any(|&part| part > 255) {
        return None;
    }
    let room = 32 - 8 * front.len() as u32;
    if room < 32 && last >> room != 0 {
        return None;
    }
    let high = front.iter().enumerate().fold(0, |sum, (at, &part)| sum | part << (24 - 8 * at));
    Some(Ipv4Addr::from(high | last))
}

/// Why a login name is refused, if it is: those that ssh refuses, and control characters.
fn bad_user(user: &str) -> Option<String> {
    let shown = || escape::text(user, 40);
    let odd = |c: char| c.is_control() || "'`\";&<>|(){}".contains(c);
    match user {
        "" => Some("it is empty".to_owned()),
        _ if user.starts_with('-') => Some(format!("`{}` begins with a dash", shown())),
        _ if user.contains(odd) || user.ends_with('\\') => Some(format!("`{}` is no login name", shown())),
        _ => None,
    }
}
