//! The signals that end the program whoever shows it.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Whether somebody outside wants the program to end: by TERM, HUP or QUIT. What INT means is the front's own matter.
pub(super) struct Endings {
    terminate: Signal,
    hangup: Signal,
    quit: Signal,
}

impl Endings {
    /// Hears these signals from now on, which end nothing by themselves any more.
    pub(super) fn listen() -> io::Result<Endings> {
        Ok(Endings {
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            quit: signal(SignalKind::quit())?,
        })
    }

    /// Waits for one of them.
    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
            _ = self.quit.recv() => {}
        }
    }
}
