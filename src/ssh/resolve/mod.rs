//! From a host as named to a [`Target`](super::Target): who says what, and who is heard first.
//!
//! The order is: the host expression, the command line (`-l`, `-p`, `-i`, `-J`, then `-o`), the cluster files,
//! ssh_config, the defaults. Everything is settled here, before anything connects: a host whose configuration asks for
//! what is not done is refused by name.
//!
//! As in ssh, the command line is about the hosts that it names; a jump host is settled from ssh_config alone. Equal
//! chains of jump hosts are one `Arc<Target>`, so that whoever connects can share them.
//!
//! `request` is what is asked, `case` one host on its way through the configuration, `canonical` the rule for names,
//! `values`, `session` and `route` make the parts of its target, `origin` is who said what, `sayings` how that reads. These are pure; what they
//! need from outside (does a name exist, does a command end well) they get through [`Outside`], and `machine` is the one
//! that asks this machine.

mod canonical;
mod case;
mod machine;
mod origin;
mod outside;
mod request;
mod route;
mod sayings;
mod session;
mod values;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub use machine::{LocalMachine, MatchExec};
pub use origin::{Note, Origin, Origins, Resolved, Saying};
pub use outside::{Lookup, Outside};
pub use request::{Overrides, Request};

use super::config::{KEYS, SshConfig};
use super::{ConnectError, HostKeyPolicy, UserEnvironment};
use case::{Case, Role};
use route::Hop;
use session::Kept;

/// From resolve to channel, where nobody says otherwise.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// What to do about a host whose configuration asks for what is not done.
const WAY_OUT: &str = "leave the host out with -x, or name a configuration without it with -F";

/// Settles hosts, one after another, from one configuration; cheap to clone.
#[derive(Clone, Debug)]
pub struct Resolver {
    config: Arc<SshConfig>,
    overrides: Arc<Overrides>,
    environment: Arc<UserEnvironment>,
    outside: Arc<dyn Outside>,
    defaults: Defaults,
    /// By its text: each chain of jump hosts that was settled, or why it could not be.
    hops: Arc<Mutex<HashMap<String, Hop>>>,
    /// Values that many hosts share.
    kept: Arc<Kept>,
}

/// What holds where no file says anything.
#[derive(Clone, Copy, Debug)]
struct Defaults {
    policy: HostKeyPolicy,
    /// Before everything else, also for jump hosts.
    asked_timeout: Option<Duration>,
    /// After everything else.
    preferred_timeout: Option<Duration>,
}

impl Resolver {
    /// `default_policy` holds where neither `-o` nor ssh_config says anything: `ask` in the TUI, `strict` headless.
    /// Nothing outside is asked: names do not exist, and no command is run; [`Resolver::asking`] changes that.
    pub fn new(
        config: SshConfig,
        overrides: Overrides,
        environment: UserEnvironment,
        default_policy: HostKeyPolicy,
    ) -> Resolver {
        Resolver {
            config: Arc::new(config),
            overrides: Arc::new(overrides),
            environment: Arc::new(environment),
            outside: Arc::new(outside::Nothing),
            defaults: Defaults { policy: default_policy, asked_timeout: None, preferred_timeout: None },
            hops: Arc::default(),
            kept: Arc::default(),
        }
    }

    /// The same, with someone to ask about names and commands.
    pub fn asking(self, outside: Arc<dyn Outside>) -> Resolver {
        Resolver { outside, ..self }
    }

    /// The same, with connect timeouts: one that beats all others (`--connect-timeout`), and one in place of the default.
    pub fn with_timeouts(self, asked: Option<Duration>, preferred: Option<Duration>) -> Resolver {
        let defaults = Defaults { asked_timeout: asked, preferred_timeout: preferred, ..self.defaults };
        Resolver { defaults, ..self }
    }

    /// Asks for the names that canonicalization needs for these hosts, all at once, so that settling them one after
    /// another does not wait for each; does nothing where the configuration does not canonicalize.
    pub fn prepare(&self, requests: &[Request]) {
        if !self.config.may_canonicalize() && !self.overrides.may_canonicalize() {
            return;
        }
        let mut names: Vec<String> =
            requests.iter().flat_map(|request| self.names_for(request).unwrap_or_default()).collect();
        names.sort_unstable();
        names.dedup();
        self.outside.look_up(&names);
    }

    /// Settles one host, or says why it is not contacted ([`ConnectError::Unsupported`]).
    pub fn resolve(&self, request: &Request) -> Result<Resolved, ConnectError> {
        self.settle(request, &Role::Destination)
    }

    fn settle(&self, request: &Request, role: &Role) -> Result<Resolved, ConnectError> {
        let said = request.said()?;
        let case = Case::walk(self, request, &said, role)?;
        case.settle(role)
    }

    /// The names that canonicalization may try for a host.
    fn names_for(&self, request: &Request) -> Result<Vec<String>, ConnectError> {
        let said = request.said()?;
        let mut case = Case::new(self, request, &said, &Role::Destination);
        case.first_walk()?;
        Ok(canonical::names(&case.address, &case.heard).unwrap_or_default())
    }
}

fn unsupported(what: String) -> ConnectError {
    ConnectError::Unsupported(what)
}

// The slots of a host lie on the stack; a key is their index.
const _: () = assert!(KEYS < 64);
