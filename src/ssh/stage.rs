//! How far a connection has come.

use std::fmt;

/// The stages of reaching a host, in order. Each one that stalls or fails is named in the outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// The name becomes addresses.
    Resolve,
    /// TCP, where the host is dialled directly.
    Tcp,
    /// The jump host in front of it, and the channel through that (RFC 4254 section 7.2).
    Jump,
    /// The command that gives the stream (`ProxyCommand`).
    Proxy,
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

impl Stage {
    /// How many there are.
    pub const COUNT: usize = 9;
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stage::Resolve => "resolve",
            Stage::Tcp => "tcp",
            Stage::Jump => "jump host",
            Stage::Proxy => "proxy command",
            Stage::Banner => "banner",
            Stage::KeyExchange => "key exchange",
            Stage::Login => "login",
            Stage::Channel => "channel",
            Stage::Request => "request",
        })
    }
}
