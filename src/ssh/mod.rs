//! How a host is reached.
//!
//! `Target` says where and as whom, resolved and checked before anything connects; `Dial` gives a stream to it; `Link`
//! is that stream with a proven host key and a login; a `Channel` is one command or shell on it.
//!
//! From below: `dial` gives the stream (`lookup` finds addresses, `race` tries several, `socket` opens one); `stream` stands between it and russh and can end or slow it; `client`
//! answers the host; `hostkey` proves it; `login` does what `auth` plans, with `agent`, `keys` and
//! `broker`; `connect` puts these in order and decides what is tried again, as `pace` allows and `turns` hands out; `clock` measures all of it;
//! `connector` holds what the hosts of a run share. Beside them, `resolve` makes targets from `config`, and
//! `known_hosts` is the store of host keys.

mod agent;
mod algorithms;
mod auth;
mod broker;
mod channel;
mod client;
mod clock;
mod config;
mod connect;
mod connector;
mod dial;
mod environment;
mod error;
mod hostkey;
mod keys;
pub mod known_hosts;
mod link;
mod login;
mod lookup;
mod names;
mod pace;
mod pattern;
mod place;
mod race;
mod resolve;
mod socket;
mod stage;
mod stream;
mod target;
mod tuning;
mod turns;

pub use algorithms::{Algorithms, Choice, Compression};
pub use channel::{Channel, ChannelEvent, ChannelInput, ChannelOutput, Gone};
pub use clock::{Phases, Progress, Wait};
pub use config::{ConfigError, ConfigSource, SshConfig};
pub use connector::Connector;
pub use dial::{Dial, Hop, Tcp, TcpBy};
pub use environment::UserEnvironment;
pub use error::ConnectError;
pub use hostkey::{HostKeys, Verdict};
pub use known_hosts::KnownHosts;
pub use link::{Link, Opened, StartError};
pub use lookup::{Lookup, Lookups, System};
pub use place::Place;
pub use resolve::{CONNECT_TIMEOUT, Note, Origin, Origins, Overrides, Request, Resolved, Resolver};
pub use stage::Stage;
pub use stream::{ByteStream, Stream};
pub use target::{
    AddKeys, Alive, Family, HostKeyPolicy, Keeping, Logins, Method, Names, Route, SessionWishes,
    SocketWishes, Target, TcpKeepalives, Terminal, Updates, Way,
};
