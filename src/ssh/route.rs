//! How the stream to a host is had, by its [`Route`]: dialled, through a jump host, or from a command.

use std::sync::Arc;

use super::clock::Clock;
use super::connect::Stages;
use super::connector::Shared;
use super::dial::Hop;
use super::jump::{self, Turn};
use super::pump::Draining;
use super::stream::Stream;
use super::{ConnectError, Route, Stage, Target, proxy};

/// A stream to a host, on which its identification comes next.
pub(super) struct Routed {
    pub(super) stream: Stream,
    /// The right to log in behind a jump host: kept until the login is over.
    pub(super) turn: Option<Turn>,
}

/// Opens the stream. The clock is left at the stage that waits for the host's identification: with a command that is
/// [`Stage::Proxy`], since what a silent command does is not known.
pub(super) async fn open(
    shared: &Arc<Shared>,
    target: &Target,
    clock: &Clock,
) -> Result<Routed, ConnectError> {
    match &target.route {
        Route::Direct => {
            clock.enter(Stage::Resolve);
            let stream = shared.dial.dial(&Hop::from(target), &Stages(clock)).await?;
            clock.enter(Stage::Banner);
            Ok(Routed { stream: Box::new(Draining::new(stream)), turn: None })
        }
        Route::Jump(via) => {
            let (tunnel, turn) = jump::stream(shared, via, target, clock).await?;
            clock.enter(Stage::Banner);
            Ok(Routed { stream: Box::new(tunnel), turn: Some(turn) })
        }
        Route::Command(command) => {
            clock.enter(Stage::Proxy);
            let stream = proxy::start(command)?;
            Ok(Routed { stream: Box::new(Draining::new(Box::new(stream))), turn: None })
        }
    }
}
