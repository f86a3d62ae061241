//! How hosts are reached: the words of ssh on the command line, ssh_config and our preferences, settled into targets.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::Arc;

use super::args::SshArgs;
use super::select;
use crate::config::Config;
use crate::hosts::Member;
use crate::ssh::{
    ConfigSource, ConnectError, HostKeyPolicy, LocalMachine, Note, Overrides, Request, Resolved, Resolver,
    SshConfig, UserEnvironment,
};

/// Settles hosts into targets.
pub(super) struct Reach {
    resolver: Resolver,
    purpose: Purpose,
}

/// What is done on the hosts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// A shell, or nothing but to look.
    Any,
    /// A command of the command line.
    Command,
}

impl Reach {
    /// Reads ssh_config; `mode` is the policy for unknown host keys where nobody says one.
    pub(super) fn new(
        args: &SshArgs,
        config: &Config,
        environment: UserEnvironment,
        mode: HostKeyPolicy,
    ) -> anyhow::Result<Reach> {
        let source = ConfigSource::from(args.ssh_config.as_deref());
        let ssh_config = SshConfig::load(&source, &environment)?;
        let overrides = Overrides::new(args.user.clone(), args.port, args.identity.clone(), &args.option)?;
        let overrides = match &args.jump {
            Some(jump) => overrides.with_jump(jump)?,
            None => overrides,
        };
        let shell = environment.variables.get("SHELL").map(String::as_str);
        let machine = LocalMachine::new(config.match_exec, shell);
        let policy = config.host_keys.unwrap_or(mode);
        let resolver = Resolver::new(ssh_config, overrides, environment, policy)
            .with_timeouts(args.connect_timeout, config.limits.connect_timeout)
            .asking(Arc::new(machine));
        Ok(Reach { resolver, purpose: Purpose::Any })
    }

    /// The same for a command of the command line: as in ssh, hosts whose configuration has one of its own
    /// (`RemoteCommand`) are refused.
    pub(super) fn for_command(self) -> Reach {
        Reach { purpose: Purpose::Command, ..self }
    }

    /// One host, settled, or why it is not contacted.
    pub(super) fn resolve(&self, request: &Request) -> Result<Resolved, ConnectError> {
        let resolved = self.resolver.resolve(request)?;
        if self.purpose == Purpose::Command && resolved.target.session.command.is_some() {
            let place = resolved.origins.others.iter().find(|saying| saying.keyword == "RemoteCommand");
            let place = place.map_or_else(String::new, |saying| format!(" ({})", saying.origin));
            return Err(ConnectError::Unsupported(format!(
                "RemoteCommand{place} together with a command of the command line; write -o RemoteCommand=none"
            )));
        }
        Ok(resolved)
    }

    /// Several hosts; what they need from outside is asked for all of them at once.
    pub(super) fn resolve_all(&self, members: &[Member]) -> Vec<Result<Resolved, ConnectError>> {
        let requests: Vec<Request> = members.iter().map(select::request).collect();
        self.resolver.prepare(&requests);
        requests.iter().map(|request| self.resolve(request)).collect()
    }
}

/// Says once what the configuration says and we read otherwise.
pub(super) fn tell_notes<'a>(resolved: impl Iterator<Item = &'a Resolved>) {
    let notes: BTreeSet<&Note> = resolved.flat_map(|resolved| &resolved.notes).collect();
    let mut err = std::io::stderr().lock();
    for note in notes {
        let _ = writeln!(err, "omnes: {note}");
    }
}
