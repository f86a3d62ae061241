//! How the stream to a host is had, by its [`Route`]: dialled, through a jump host, or from a command.

use super::jump;
use super::pump::Draining;
use super::road::{Road, Stages};
use super::stream::Stream;
use super::{ConnectError, Route, Stage, proxy};

/// Opens a stream, on which the host's identification comes next. Behind a jump host the clock carries from now on the
/// right to log in there. The clock is left at the stage that waits for the host's identification: with a command that is
/// [`Stage::Proxy`], since what a silent command does is not known.
pub(super) async fn open(road: &Road<'_>) -> Result<Stream, ConnectError> {
    let Road { shared, target, clock, hop, .. } = road;
    match &target.route {
        Route::Direct => {
            let stream = shared.dial.dial(hop, &Stages::new(clock)).await?;
            clock.enter(Stage::Banner);
            Ok(Box::new(Draining::new(stream)))
        }
        Route::Jump(via) => {
            let (tunnel, turn) = jump::stream(shared, via, target, clock).await?;
            clock.enter(Stage::Banner);
            clock.carry_behind(turn);
            Ok(Box::new(tunnel))
        }
        Route::Command(command) => {
            clock.enter(Stage::Proxy);
            let stream = proxy::start(command)?;
            Ok(Box::new(Draining::new(Box::new(stream))))
        }
    }
}
