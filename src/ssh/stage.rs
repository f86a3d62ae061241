//! How far a connection has come.

use std::fmt;

/// The stages of reaching a host, in order. Each one that stalls or fails is named in the outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// The name becomes addresses.
    Resolve,
    /// TCP, or whatever else gives the stream.
    Tcp,
    /// The identification lines (RFC 4253 section 4.2).
    Banner,
    /// Key exchange and the check of the host key (RFC 4253 sections 7 and 8).
    KeyExchange,
    /// User authentication (RFC 4252).
    Login,
    /// Opening the channel (RFC 4254 section 5).
    Channel,
    /// Asking for the terminal, the shell or the command (RFC 4254 section 6).
    Request,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stage::Resolve => "resolve",
            Stage::Tcp => "tcp",
            Stage::Banner => "banner",
            Stage::KeyExchange => "key exchange",
            Stage::Login => "login",
            Stage::Channel => "channel",
            Stage::Request => "request",
        })
    }
}
