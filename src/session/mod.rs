//! One host's life: its state, and the task that lives it.
//!
//! A session goes through waiting for its turn, connecting, asking, ready and closed. It owns its link and its channel;
//! from outside it is told by [`Hub`] calls and answers with [`SessionEvent`]s.

mod actor;
mod logins;
mod mailbox;
mod state;

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use crate::outcome::Outcome;
use crate::ssh::Stage;

pub use actor::Hub;
pub use mailbox::{Listener, Mailbox};
pub use state::SessionState;

// What a session waits for is told by those who show sessions, and they do not name `ssh`.
pub use crate::ssh::Wait;

/// Which session; given out once and never reused within a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub u32);

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// What a session reports.
#[derive(Clone, Debug, PartialEq)]
pub enum SessionEvent {
    /// Its turn has come; it is at this stage.
    Connecting(Stage),
    /// It is not under way: others come first, or the host turned it away and is tried again.
    Waiting(Wait),
    /// It waits for an answer of the user, or begins to.
    Asking,
    /// Its shell runs; input is taken from now on.
    Ready,
    /// A command that nobody typed runs in it (`omnes run`); it takes no input.
    Running,
    /// The host said this.
    Output(Bytes),
    /// The host owes an answer and has been silent for so long; the session goes on, and what is typed is on its way.
    Stalled(Duration),
    /// A stalled host is heard again.
    Resumed,
    /// The input handed over last has gone to the transport; the next may follow. There is at most one under way.
    Written,
    /// It is over; how. The id is dead from now on, a reconnect is a new session.
    Closed(Outcome),
}
