//! How a host is reached.
//!
//! `Target` says where and as whom, resolved and checked before anything connects; `Dial` gives a stream to it; `Link`
//! is that stream with a proven host key and a login; a `Channel` is one command or shell on it.

mod config;
mod environment;
mod error;
pub mod known_hosts;
mod names;
mod pattern;
mod place;
mod resolve;
mod stage;
mod target;

pub use config::{ConfigError, ConfigSource, SshConfig};
pub use environment::UserEnvironment;
pub use error::ConnectError;
pub use known_hosts::KnownHosts;
pub use place::Place;
pub use resolve::{CONNECT_TIMEOUT, Note, Origin, Origins, Overrides, Request, Resolved, Resolver};
pub use stage::Stage;
pub use target::{HostKeyPolicy, Target};
