//! How a host is reached.
//!
//! `Target` says where and as whom, resolved and checked before anything connects; `Dial` gives a stream to it; `Link`
//! is that stream with a proven host key and a login; a `Channel` is one command or shell on it.

mod error;
mod stage;
mod target;

pub use error::ConnectError;
pub use stage::Stage;
pub use target::{HostKeyPolicy, Target};
