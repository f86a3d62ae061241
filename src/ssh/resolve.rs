//! From a host as named to a [`Target`]: who says what, and who is heard first.
//!
//! The order is: the host expression, the command line (`-l`, `-p`, `-i`, then `-o`), the cluster files, ssh_config,
//! the defaults. Everything is settled here, before anything connects: a host whose configuration asks for what is not
//! done is refused by name.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::config::{Checking, ConfigError, Setting, SshConfig, Tokens};
use super::config::{expand, expand_host_name, parse_option};
use super::names::{bad_user, canonical};
use super::place::Place;
use super::{ConnectError, HostKeyPolicy, Logins, Target, UserEnvironment, Way};
use crate::escape;
use crate::hosts::Host;

/// From resolve to channel, where nobody says otherwise.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// More key files than this are refused, as in OpenSSH.
const IDENTITIES: usize = 100;

/// What to do about a host whose configuration asks for what is not done.
const WAY_OUT: &str = "leave the host out with -x, or name a configuration without it with -F";

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
    /// The jump host that a cluster file names; such a host is refused.
    pub jump: Option<String>,
    /// The key file that a cluster file names; `~` and tokens are expanded.
    pub identity: Option<String>,
}

impl Request {
    /// A host of which no cluster file says more than its name.
    pub fn new(host: Host) -> Request {
        Request { host, cluster: None, user: None, port: None, address: None, jump: None, identity: None }
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
        let options: Vec<Setting> =
            options.iter().map(|option| parse_option(option)).collect::<Result<_, _>>()?;
        // What is wrong for every host is an error of the command line.
        for option in &options {
            let wrong = match option {
                Setting::User(user) => bad_user(user).map(|why| format!("-o User: {why}")),
                Setting::HostName(name) => expand_host_name(name, "host")
                    .and_then(|address| canonical(&address))
                    .err()
                    .map(|why| format!("-o HostName: {why}")),
                _ => None,
            };
            if let Some(why) = wrong {
                return Err(ConfigError::Option(why));
            }
        }
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
        let case = Case { request, options, heard };
        let (address, origin) = case.address()?;
        if let Some(place) = self.config.doubtful(request.host.name(), &address) {
            return Err(unsupported(format!(
                "a Match block that may concern this host ({place}); {WAY_OUT}"
            )));
        }
        if let Some((keyword, place)) = evaluated.refused.first() {
            return Err(unsupported(format!("{keyword} ({place}); {WAY_OUT}")));
        }
        let mut resolved = self.settle(&case, address, origin)?;
        let noted = evaluated.noted.iter();
        resolved
            .notes
            .extend(noted.map(|&(keyword, place)| Note::PassedOver { keyword, place: place.clone() }));
        resolved.notes.sort();
        Ok(resolved)
    }

    fn settle(&self, case: &Case<'_>, address: String, origin: Origin) -> Result<Resolved, ConnectError> {
        let heard = &case.heard;
        let (user, user_origin) = self.user(case)?;
        let (port, port_origin) = self.port(case);
        let alias = heard.alias.as_ref().map(|(alias, _)| alias.to_ascii_lowercase());
        let tokens = Tokens {
            host: &address,
            original: case.request.host.name(),
            alias: alias.as_deref().unwrap_or(case.request.host.name()),
            port,
            user: &user,
            local_user: &self.environment.user,
            uid: self.environment.uid,
            home: &self.environment.home,
            local_host: &self.environment.host_name,
            variables: &self.environment.variables,
        };
        let (identities, identities_configured) = self.identities(case, &tokens)?;
        let agent = self.agent(heard, &tokens)?;
        let user_known_hosts = self.user_known_hosts(heard, &tokens)?;
        let (policy, policy_origin, note) = self.policy(heard);
        let origins = Origins {
            user: user_origin,
            port: port_origin,
            key_name: heard.alias.as_ref().map_or_else(|| origin.clone(), |(_, origin)| origin.clone()),
            address: origin,
            policy: policy_origin,
            connect_timeout: heard
                .connect_timeout
                .as_ref()
                .map_or(Origin::Default, |(_, origin)| origin.clone()),
        };
        let target = Target {
            host: case.request.host.clone(),
            cluster: case.request.cluster.clone(),
            key_port: (alias.is_none() && port != 22).then_some(port),
            key_name: alias.unwrap_or_else(|| address.clone()),
            address,
            port,
            user,
            identities,
            identities_configured,
            identities_only: heard.identities_only.as_ref().is_some_and(|&(only, _)| only),
            logins: heard.logins(),
            agent,
            user_known_hosts,
            global_known_hosts: global_known_hosts(heard),
            policy,
            connect_timeout: heard
                .connect_timeout
                .as_ref()
                .and_then(|&(limit, _)| limit)
                .unwrap_or(CONNECT_TIMEOUT),
            ..Target::bare(case.request.host.clone(), "", 22, "")
        };
        Ok(Resolved { target, origins, notes: note.into_iter().collect() })
    }

    fn user(&self, case: &Case<'_>) -> Result<(String, Origin), ConnectError> {
        let Case { request, options, heard } = case;
        let said =
            |user: &Said<&str>| user.as_ref().map(|(user, origin)| ((*user).to_owned(), origin.clone()));
        let (user, origin) = None
            .or_else(|| Some((request.host.user()?.to_owned(), Origin::Expression)))
            .or_else(|| Some((self.overrides.user.clone()?, Origin::Option("-l"))))
            .or_else(|| said(&options.user))
            .or_else(|| Some((request.user.clone()?, Origin::Cluster)))
            .or_else(|| said(&heard.user))
            .unwrap_or_else(|| (self.environment.user.clone(), Origin::Default));
        match bad_user(&user) {
            None => Ok((user, origin)),
            Some(why) => Err(unsupported(format!("the user ({origin}): {why}"))),
        }
    }

    fn port(&self, case: &Case<'_>) -> (u16, Origin) {
        None.or_else(|| Some((case.request.host.port()?, Origin::Expression)))
            .or_else(|| Some((self.overrides.port?, Origin::Option("-p"))))
            .or_else(|| case.options.port.clone())
            .or_else(|| Some((case.request.port?, Origin::Cluster)))
            .or_else(|| case.heard.port.clone())
            .unwrap_or((22, Origin::Default))
    }

    /// The key files, each once; the usual ones where nobody names one.
    fn identities(&self, case: &Case<'_>, tokens: &Tokens<'_>) -> Result<(Vec<PathBuf>, bool), ConnectError> {
        let flags = self.overrides.identities.iter().map(|file| (file.as_str(), Origin::Option("-i")));
        // What `-o` says was heard first, so the configuration's own follow it.
        let (options, config) = case.heard.identities.split_at(case.options.identities.len());
        let cluster = case.request.identity.iter().map(|file| (file.as_str(), Origin::Cluster));
        let named: Vec<(&str, Origin)> =
            flags.chain(options.iter().cloned()).chain(cluster).chain(config.iter().cloned()).collect();
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
        let expanded: Result<_, _> =
            files.iter().map(|file| expand(file, tokens).map(PathBuf::from)).collect();
        expanded.map_err(|what| unsupported(format!("UserKnownHostsFile ({origin}): {what}")))
    }

    fn policy(&self, heard: &Heard<'_>) -> (HostKeyPolicy, Origin, Option<Note>) {
        let Some((checking, origin)) = &heard.checking else {
            return match (self.default_policy, &heard.batch_mode) {
                (HostKeyPolicy::Ask, Some((true, batch))) => (HostKeyPolicy::Strict, batch.clone(), None),
                (policy, _) => (policy, Origin::Default, None),
            };
        };
        let (policy, note) = match checking {
            Checking::Yes => (HostKeyPolicy::Strict, None),
            Checking::Ask if heard.logins().questions == Way::Barred => (HostKeyPolicy::Strict, None),
            Checking::Ask => (HostKeyPolicy::Ask, None),
            Checking::AcceptNew => (HostKeyPolicy::AcceptNew, None),
            Checking::Off => (HostKeyPolicy::AcceptNew, Some(Note::ReadAsAcceptNew(origin.clone()))),
        };
        (policy, origin.clone(), note)
    }
}

/// As OpenSSH takes them: neither tokens nor `~` mean anything here.
fn global_known_hosts(heard: &Heard<'_>) -> Vec<PathBuf> {
    match &heard.global_known_hosts {
        Some((files, _)) => files.iter().map(PathBuf::from).collect(),
        None => ["/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"].map(PathBuf::from).to_vec(),
    }
}

/// One host, and all that was said about it.
struct Case<'a> {
    request: &'a Request,
    /// What `-o` says.
    options: Heard<'a>,
    /// What `-o` and, after it, ssh_config say.
    heard: Heard<'a>,
}

impl Case<'_> {
    /// The address, checked: nothing that is no name or address leaves this function.
    fn address(&self) -> Result<(String, Origin), ConnectError> {
        let named = self.request.host.name();
        let (address, origin) = match (&self.options.host_name, &self.request.address, &self.heard.host_name)
        {
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
    keys: Said<bool>,
    passwords: Said<bool>,
    preferred: Said<&'a [String]>,
    batch_mode: Said<bool>,
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
            Setting::PubkeyAuthentication(allowed) => first(&mut self.keys, *allowed, origin),
            Setting::PasswordAuthentication(allowed) => first(&mut self.passwords, *allowed, origin),
            Setting::PreferredAuthentications(ways) => first(&mut self.preferred, ways, origin),
            Setting::BatchMode(batch) => first(&mut self.batch_mode, *batch, origin),
        }
    }

    fn logins(&self) -> Logins {
        let no = |said: &Said<bool>| matches!(said, Some((false, _)));
        let passed_over = |way: &str| {
            self.preferred.as_ref().is_some_and(|(ways, _)| !ways.iter().any(|listed| listed == way))
        };
        let way = |barred: bool| if barred { Way::Barred } else { Way::Open };
        let batch = matches!(self.batch_mode, Some((true, _)));
        Logins {
            keys: way(no(&self.keys) || passed_over("publickey")),
            passwords: way(no(&self.passwords) || passed_over("password") || batch),
            questions: way(batch),
            ..Logins::default()
        }
    }
}

fn unsupported(what: String) -> ConnectError {
    ConnectError::Unsupported(what)
}
