//! One host on its way through the configuration.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::origin::{Note, Origin, Origins, Resolved};
use super::request::{Request, Said};
use super::route::Trail;
use super::{CONNECT_TIMEOUT, Resolver, WAY_OUT, canonical, unsupported};
use crate::ssh::config::{
    Facts, Grammar, Heard, Key, MatchTest, Open, Pass, Source, Tokens, Value, expand, expand_host_name,
};
use crate::ssh::names::{bad_in_command, bad_name, bad_user, canonical as canonical_form};
use crate::ssh::place::Place;
use crate::ssh::{ConnectError, HostKeyPolicy, Target, Way};

/// Why a host is settled.
pub(super) enum Role {
    /// It was named by the user.
    Destination,
    /// Others are reached through it; it stands behind those of the trail.
    Hop(Trail),
}

/// A host, and all that was said about it so far.
pub(super) struct Case<'a> {
    pub(super) resolver: &'a Resolver,
    pub(super) request: &'a Request,
    pub(super) heard: Heard<'a>,
    /// The name or address to dial, in its one form; empty during the first walk.
    pub(super) address: String,
    address_origin: Origin,
}

impl<'a> Case<'a> {
    /// A host of which the configuration has not been asked yet.
    pub(super) fn new(resolver: &'a Resolver, request: &'a Request, said: &'a Said, role: &Role) -> Case<'a> {
        let mut heard = Heard::new();
        said.expression().for_each(|(setting, source)| heard.hear(setting, source));
        if let Role::Destination = role {
            resolver.overrides.settings().for_each(|(setting, source)| heard.hear(setting, source));
        }
        said.cluster().for_each(|(setting, source)| heard.hear(setting, source));
        Case { resolver, request, heard, address: String::new(), address_origin: Origin::Expression }
    }

    /// Goes through the configuration: once, or twice as ssh does it.
    pub(super) fn walk(
        resolver: &'a Resolver,
        request: &'a Request,
        said: &'a Said,
        role: &Role,
    ) -> Result<Case<'a>, ConnectError> {
        let mut case = Case::new(resolver, request, said, role);
        case.first_walk()?;
        case.refuse_cnames()?;
        let canonicalizes = case.heard.word(Key::CanonicalizeHostname).is_some_and(|mode| mode != "no");
        if canonicalizes {
            case.address = canonical::canonical_name(&case.address, &case.heard, &*resolver.outside)?;
        }
        if canonicalizes || resolver.config.wants_final() {
            case.pass(Pass::Final)?;
        }
        match case.heard.refused.first() {
            Some((keyword, place)) => Err(unsupported(format!("{keyword} ({place}); {WAY_OUT}"))),
            None => Ok(case),
        }
    }

    /// The first time through, and the address that results.
    pub(super) fn first_walk(&mut self) -> Result<(), ConnectError> {
        let named = self.request.host.name();
        if let Some(why) = bad_name(named) {
            return Err(unsupported(format!("the name of this host ({}): {why}", Origin::Expression)));
        }
        self.pass(Pass::First)?;
        let (address, origin) = match self.heard.text(Key::HostName) {
            None => (named.to_owned(), Origin::Expression),
            Some((template, source)) => {
                let address = expand_host_name(template, named);
                let origin = Origin::from(source);
                (address.map_err(|what| unsupported(format!("HostName ({origin}): {what}")))?, origin)
            }
        };
        let form = canonical_form(&address)
            .map_err(|why| unsupported(format!("the address of this host ({origin}): {why}")))?;
        // As in ssh, an address of a family that is not taken stays as it is written.
        self.address = if self.is_other_family(&form) { address.to_ascii_lowercase() } else { form };
        self.address_origin = origin;
        Ok(())
    }

    fn is_other_family(&self, address: &str) -> bool {
        match self.heard.word(Key::AddressFamily) {
            Some("inet") => address.parse::<Ipv6Addr>().is_ok(),
            Some("inet6") => address.parse::<Ipv4Addr>().is_ok(),
            _ => false,
        }
    }

    fn pass(&mut self, pass: Pass) -> Result<(), ConnectError> {
        let (resolver, request) = (self.resolver, self.request);
        let address = self.address.as_str();
        let name = match pass {
            Pass::First => request.host.name(),
            Pass::Final => address,
        };
        let mut judge = |test: &'a MatchTest, place: &'a Place, heard: &Heard<'a>| {
            Judge { resolver, request, address, pass }.judge(test, place, heard)
        };
        resolver.config.walk(name, &mut self.heard, &mut judge)
    }

    /// CNAMEs are not to be had from the system's resolver as we ask it, so rules about them cannot be followed.
    fn refuse_cnames(&self) -> Result<(), ConnectError> {
        match self.heard.list(Key::CanonicalizePermittedCNAMEs) {
            Some((rules, source)) if !rules.is_empty() && canonical::concerns(&self.address, &self.heard) => {
                Err(unsupported(format!(
                    "CanonicalizePermittedCNAMEs ({}): aliases of names are not followed; {WAY_OUT}",
                    Origin::from(source)
                )))
            }
            _ => Ok(()),
        }
    }

    /// Makes the target.
    pub(super) fn settle(&self, role: &Role) -> Result<Resolved, ConnectError> {
        let (user, user_origin) = self.user()?;
        let port = self.port();
        let alias = self.heard.text(Key::HostKeyAlias).map(|(alias, _)| alias.to_ascii_lowercase());
        let jump = self.jump_text();
        let tokens = Tokens {
            host: &self.address,
            original: self.request.host.name(),
            alias: alias.as_deref().unwrap_or(self.request.host.name()),
            port,
            user: &user,
            jump: &jump,
            local: &self.resolver.environment,
        };
        let (identities, certificates) = (self.identities(&tokens)?, self.certificates(&tokens)?);
        let agent = self.agent(&tokens)?;
        let (policy, policy_origin, note) = self.policy();
        let (connect_timeout, timeout_origin) = self.connect_timeout();
        let (route, mut notes) = self.route(&tokens, role)?;
        notes.extend(note);
        let noted = self.heard.noted.iter();
        notes.extend(noted.map(|&(keyword, place)| Note::PassedOver { keyword, place: place.clone() }));
        notes.sort();
        notes.dedup();
        let target = Target {
            host: self.request.host.clone(),
            cluster: self.request.cluster.clone(),
            key_port: (alias.is_none() && port != 22).then_some(port),
            certificates: certificates.paths,
            forward_agent: self.forward_agent(&tokens, agent.as_ref())?,
            session: self.session(&tokens)?,
            user_known_hosts: self.user_known_hosts(&tokens)?,
            keeping: self.keeping(&tokens)?,
            global_known_hosts: self.global_known_hosts(),
            identities: identities.paths,
            identities_configured: identities.are_configured,
            identities_only: self.heard.flag(Key::IdentitiesOnly).unwrap_or(false),
            logins: self.logins(),
            agent,
            policy,
            connect_timeout,
            route,
            socket: self.socket(),
            attempts: self.attempts()?,
            add_keys: self.add_keys(),
            algorithms: self.algorithms()?,
            alive: self.alive(),
            address: self.address.clone(),
            key_name: alias.unwrap_or_else(|| self.address.to_ascii_lowercase()),
            port,
            user,
        };
        let origins = self.origins(Origins {
            user: user_origin,
            policy: policy_origin,
            connect_timeout: timeout_origin,
            identities: identities.origins,
            certificates: certificates.origins,
            others: self.others(&target),
            ..Origins::default()
        });
        Ok(Resolved { target, origins, notes })
    }

    /// Completes what is known about who said what.
    fn origins(&self, known: Origins) -> Origins {
        let source = |key| self.heard.source(key);
        let command = source(Key::ProxyJump).or(source(Key::ProxyCommand));
        let key_name = source(Key::HostKeyAlias).map_or_else(|| self.address_origin.clone(), Origin::from);
        let address = self.address_origin.clone();
        Origins { port: source(Key::Port).into(), address, key_name, route: command.into(), ..known }
    }

    fn user(&self) -> Result<(String, Origin), ConnectError> {
        let (user, origin) = match self.heard.text(Key::User) {
            Some((user, source)) => (user, Origin::from(source)),
            None => (self.resolver.environment.user.as_str(), Origin::Default),
        };
        match bad_user(user) {
            None => Ok((user.to_owned(), origin)),
            Some(why) => Err(unsupported(format!("the user ({origin}): {why}"))),
        }
    }

    fn port(&self) -> u16 {
        port(&self.heard)
    }

    fn policy(&self) -> (HostKeyPolicy, Origin, Option<Note>) {
        let batch = self.heard.flag(Key::BatchMode) == Some(true);
        let Some((Value::Word(checking), source)) = self.heard.slot(Key::StrictHostKeyChecking) else {
            return match self.resolver.defaults.policy {
                HostKeyPolicy::Ask if batch => {
                    (HostKeyPolicy::Strict, self.heard.source(Key::BatchMode).into(), None)
                }
                policy => (policy, Origin::Default, None),
            };
        };
        let origin = Origin::from(source);
        let (policy, note) = match *checking {
            "ask" if self.logins().questions == Way::Open => (HostKeyPolicy::Ask, None),
            "accept-new" => (HostKeyPolicy::AcceptNew, None),
            "no" => (HostKeyPolicy::AcceptNew, Some(Note::ReadAsAcceptNew(origin.clone()))),
            _ => (HostKeyPolicy::Strict, None),
        };
        (policy, origin, note)
    }

    fn connect_timeout(&self) -> (std::time::Duration, Origin) {
        let defaults = &self.resolver.defaults;
        if let Some(timeout) = defaults.asked_timeout {
            return (timeout, Origin::Option("--connect-timeout"));
        }
        let usual = defaults.preferred_timeout.unwrap_or(CONNECT_TIMEOUT);
        // No limit is not to be had, since every stage has one.
        let said = self.heard.time(Key::ConnectTimeout).map(|time| if time.is_zero() { usual } else { time });
        (said.unwrap_or(usual), self.heard.source(Key::ConnectTimeout).into())
    }
}

fn port(heard: &Heard<'_>) -> u16 {
    heard.number(Key::Port).and_then(|port| u16::try_from(port).ok()).unwrap_or(22)
}

/// Judges the `Match` lines of one walk.
#[derive(Clone, Copy)]
struct Judge<'j> {
    resolver: &'j Resolver,
    request: &'j Request,
    address: &'j str,
    pass: Pass,
}

impl Judge<'_> {
    fn judge(&self, test: &MatchTest, place: &Place, heard: &Heard<'_>) -> Result<bool, ConnectError> {
        let named = self.request.host.name();
        let local = &*self.resolver.environment;
        let host = match (self.pass, heard.text(Key::HostName)) {
            (Pass::Final, _) => self.address.to_owned(),
            (Pass::First, None) => named.to_owned(),
            (Pass::First, Some((template, source))) => expand_host_name(template, named)
                .map_err(|what| unsupported(format!("HostName ({}): {what}", Origin::from(source))))?,
        };
        let user = heard.text(Key::User).map_or(local.user.as_str(), |(user, _)| user);
        let facts = Facts {
            host: &host,
            original: named,
            user,
            local_user: &local.user,
            tag: heard.text(Key::Tag).map_or("", |(tag, _)| tag),
            pass: self.pass,
        };
        let Some(open) = test.judge(&facts) else { return Ok(false) };
        for question in &open {
            if let Open::Foreign(name) = question {
                return Err(unsupported(format!(
                    "Match {name} ({place}), which may concern this host; {WAY_OUT}"
                )));
            }
        }
        let alias = heard.text(Key::HostKeyAlias).map_or(host.as_str(), |(alias, _)| alias);
        let tokens = Tokens { host: &host, original: named, alias, port: port(heard), user, jump: "", local };
        for question in open {
            let Open::Exec { command, negated } = question else { continue };
            let fail = |why: String| {
                unsupported(format!("Match exec ({place}), which may concern this host: {why}"))
            };
            let command = command_line(command, &tokens, Grammar::Command).map_err(fail)?;
            if self.resolver.outside.ends_well(&command).map_err(fail)? == negated {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Expands a command for a shell. The host's and the user's name come from outside (an expression, a list of hosts), so
/// they are checked before they stand in it.
pub(super) fn command_line(template: &str, tokens: &Tokens<'_>, grammar: Grammar) -> Result<String, String> {
    canonical_form(tokens.host).map_err(|why| format!("the host: {why}"))?;
    if let Some(why) = bad_user(tokens.user) {
        return Err(format!("the user: {why}"));
    }
    if template.contains("%r")
        && let Some(why) = bad_in_command(tokens.user)
    {
        return Err(format!("the user: {why}"));
    }
    expand(template, tokens, grammar)
}

/// Who said a value, for a sentence.
pub(super) fn at(keyword: &str, source: Source<'_>) -> impl Fn(String) -> ConnectError {
    let begin = format!("{keyword} ({})", Origin::from(source));
    move |what| unsupported(format!("{begin}: {what}"))
}
