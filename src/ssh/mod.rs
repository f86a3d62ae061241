//! How a host is reached.
//!
//! `Target` says where and as whom, resolved and checked before anything connects; `Dial` gives a stream to it; `Link`
//! is that stream with a proven host key and a login; a `Channel` is one command or shell on it.
//!
//! From below: `route` gives the stream: from `dial` (`lookup` finds addresses, `race` tries several, `socket` opens one),
//! through a jump host (`jump`, with `pump` between the two layers), or from a command (`proxy`); `stream` stands between
//! it and russh and can end or slow it; `offer` and `tuning` say what may be agreed on; `client` answers the host;
//! `hostkey` proves it, and `rotation` hears of its other keys; `login` does what its ladder plans, with `agent`, `keys`
//! and `broker`; `connect` puts these in order; `road` waits for its turn, as `pace` allows and `turns` hands out, and
//! decides what is tried again; `clock` measures all of it; `connector` holds what the hosts of a run share. On a link,
//! `channel` carries one command or shell, `sftp` files over one, and `forward` lends the agent. Beside them, `resolve` makes targets from
//! `config`, and `known_hosts` is the store of host keys.

mod agent;
mod ahead;
mod algorithms;
mod asked;
mod broker;
mod channel;
mod client;
mod clock;
mod config;
mod connect;
mod connector;
mod dial;
mod elevation;
mod environment;
mod error;
mod forward;
mod hostkey;
mod jump;
mod keys;
pub mod known_hosts;
mod link;
mod login;
mod lookup;
mod names;
mod offer;
mod pace;
mod pattern;
mod place;
mod proxy;
mod pump;
mod race;
mod resolve;
mod road;
mod rotation;
mod route;
mod scan;
pub mod sftp;
mod silence;
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
pub use elevation::{SudoClaim, SudoPasswords};
pub use environment::UserEnvironment;
pub use error::ConnectError;
pub use hostkey::{HostKeys, Verdict, Voucher};
pub use jump::HOSTS_PER_LINK;
pub use known_hosts::KnownHosts;
pub use link::{Link, Opened, Pulse, StartError};
pub use lookup::{Directory, Lookups};
pub use place::Place;
pub use resolve::{
    CONNECT_TIMEOUT, LocalMachine, Lookup, MatchExec, Note, Origin, Origins, Outside, Overrides, Request,
    Resolved, Resolver, Saying,
};
pub use scan::HostKey;
pub use silence::Silence;
pub use stage::Stage;
pub use stream::{ByteStream, Stream};
pub use target::{
    AddKeys, Alive, Family, HostKeyPolicy, Keeping, Logins, Method, Names, Route, SessionWishes,
    SocketWishes, Target, TcpKeepalives, Terminal, Updates, Way,
};
