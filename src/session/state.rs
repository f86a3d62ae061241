//! The states of a session, as its events tell them.

use crate::outcome::Outcome;
use crate::ssh::{Stage, Wait};

use super::SessionEvent;

/// Where a session is in its life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionState {
    /// Waiting for its turn to connect.
    Queued,
    /// On its way.
    Connecting(Stage),
    /// Begun, but not under way; why.
    Waiting(Wait),
    /// Waiting for an answer of the user.
    Asking,
    /// Its shell runs and takes input.
    Ready,
    /// A command that nobody typed runs in it; it takes no input.
    Running,
    /// Over; a reconnect is a new session.
    Closed(Outcome),
}

impl SessionState {
    /// The state after an event. Closed is final: what an actor still says after its end changes nothing.
    pub fn after(self, event: &SessionEvent) -> SessionState {
        match (self, event) {
            (closed @ SessionState::Closed(_), _) => closed,
            (_, SessionEvent::Connecting(stage)) => SessionState::Connecting(*stage),
            (_, SessionEvent::Waiting(wait)) => SessionState::Waiting(wait.clone()),
            (_, SessionEvent::Asking) => SessionState::Asking,
            (_, SessionEvent::Ready) => SessionState::Ready,
            (_, SessionEvent::Running) => SessionState::Running,
            (_, SessionEvent::Closed(outcome)) => SessionState::Closed(outcome.clone()),
            (
                same,
                SessionEvent::Output(_)
                | SessionEvent::Written
                | SessionEvent::Stalled(_)
                | SessionEvent::Resumed,
            ) => same,
        }
    }

    /// Does it take input?
    pub fn is_ready(&self) -> bool {
        matches!(self, SessionState::Ready)
    }

    /// Is it over?
    pub fn is_closed(&self) -> bool {
        matches!(self, SessionState::Closed(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    #[test]
    fn a_life_from_queue_to_end() {
        let end = Outcome::Exited(0);
        let mut state = SessionState::Queued;
        for (event, expected) in [
            (SessionEvent::Connecting(Stage::Tcp), SessionState::Connecting(Stage::Tcp)),
            (SessionEvent::Asking, SessionState::Asking),
            (SessionEvent::Connecting(Stage::Login), SessionState::Connecting(Stage::Login)),
            (SessionEvent::Ready, SessionState::Ready),
            (SessionEvent::Output(Bytes::from_static(b"x")), SessionState::Ready),
            (SessionEvent::Written, SessionState::Ready),
            (SessionEvent::Closed(end.clone()), SessionState::Closed(end.clone())),
            (SessionEvent::Ready, SessionState::Closed(end.clone())),
        ] {
            state = state.after(&event);
            assert_eq!(state, expected);
        }
        assert!(state.is_closed() && !state.is_ready());
    }
}
