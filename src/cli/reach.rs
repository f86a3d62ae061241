//! How hosts are reached: the words of ssh on the command line, ssh_config and our preferences, settled into targets.

use std::collections::BTreeSet;
use std::io::Write;
use std::time::Duration;

use anyhow::bail;

use super::args::SshArgs;
use crate::config::Config;
use crate::ssh::{
    ConfigSource, ConnectError, HostKeyPolicy, Note, Origin, Overrides, Request, Resolved, Resolver,
    SshConfig, UserEnvironment,
};

/// Settles hosts into targets.
pub(super) struct Reach {
    resolver: Resolver,
    /// `--connect-timeout`, before everything else.
    asked: Option<Duration>,
    /// `[limits] connect_timeout`, after everything else.
    preferred: Option<Duration>,
}

impl Reach {
    /// Reads ssh_config; `mode` is the policy for unknown host keys where nobody says one.
    pub(super) fn new(
        args: &SshArgs,
        config: &Config,
        environment: UserEnvironment,
        mode: HostKeyPolicy,
    ) -> anyhow::Result<Reach> {
        if args.jump.is_some() {
            bail!("-J: jump hosts are not supported yet; give hosts that can be reached directly");
        }
        let source = ConfigSource::from(args.ssh_config.as_deref());
        let ssh_config = SshConfig::load(&source, &environment)?;
        let overrides = Overrides::new(args.user.clone(), args.port, args.identity.clone(), &args.option)?;
        let policy = config.host_keys.unwrap_or(mode);
        Ok(Reach {
            resolver: Resolver::new(ssh_config, overrides, environment, policy),
            asked: args.connect_timeout,
            preferred: config.limits.connect_timeout,
        })
    }

    /// One host, settled, or why it is not contacted.
    pub(super) fn resolve(&self, request: &Request) -> Result<Resolved, ConnectError> {
        let mut resolved = self.resolver.resolve(request)?;
        if let Some(timeout) = self.asked {
            resolved.target.connect_timeout = timeout;
            resolved.origins.connect_timeout = Origin::Option("--connect-timeout");
        } else if let (Origin::Default, Some(timeout)) = (&resolved.origins.connect_timeout, self.preferred) {
            resolved.target.connect_timeout = timeout;
        }
        Ok(resolved)
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
