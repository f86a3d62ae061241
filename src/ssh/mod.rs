//! How a host is reached.
//!
//! `Target` says where and as whom, resolved and checked before anything connects; `Dial` gives a stream to it; `Link`
//! is that stream with a proven host key and a login; a `Channel` is one command or shell on it.
//!
//! From below: [`dial`] gives the stream; [`stream`] stands between it and russh and can end or slow it; [`client`]
//! answers the host; [`hostkey`] proves it; [`login`] does what [`auth`] plans, with [`agent`], [`keys`] and
//! [`broker`]; [`connect`] puts these in order and decides what is tried again; [`clock`] measures all of it;
//! [`connector`] holds what the hosts of a run share.

mod agent;
mod auth;
mod broker;
mod channel;
mod client;
mod clock;
mod connect;
mod connector;
mod dial;
mod error;
mod hostkey;
mod keys;
mod link;
mod login;
mod stage;
mod stream;
mod target;
mod tuning;

pub use channel::{Channel, ChannelEvent, ChannelInput, ChannelOutput, Gone};
pub use clock::{Phases, Progress};
pub use connector::Connector;
pub use dial::{Dial, Hop, Tcp};
pub use error::ConnectError;
pub use hostkey::{HostKeys, Verdict};
pub use link::{Link, Opened, StartError};
pub use stage::Stage;
pub use stream::{ByteStream, Stream};
pub use target::{HostKeyPolicy, Target};
