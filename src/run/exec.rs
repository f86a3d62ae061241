//! The deed of `omnes run`: a command on an exec channel, followed to its end.
//!
//! The moment that divides *certainly not run* from *not known* is the exec request: until it is handed over a host that
//! fails or is given up did not run the command, from then on only its exit status says that it did. The standard input
//! of a command is empty; that of omnes is never read here.

use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt};
use std::pin::pin;
use tokio::time::timeout;

use super::deed::{Call, Deed, Ending};
use super::work::Orders;
use super::{CLOSING, Stream};
use crate::outcome::{Fate, NotRun, Outcome, Unknown};
use crate::ssh::{Channel, ChannelEvent, ChannelOutput, ConnectError, Link, StartError};

/// How long a command may take to end after it was told to. With three times [`CLOSING`], for the signal, the channel and
/// the link, these are the 5 s that the user was promised.
const GRACE: Duration = Duration::from_secs(2);

/// A command for every host.
#[derive(Debug)]
pub struct Exec {
    /// What is sent to whom.
    pub orders: Orders,
}

impl Deed for Exec {
    fn carry_out<'a>(&'a self, call: Call<'a>, link: &'a Link) -> BoxFuture<'a, Outcome> {
        async move { self.on(&call, link).await.unwrap_or_else(Outcome::from) }.boxed()
    }
}

impl Exec {
    /// Runs the command and follows it to its end. An error proves that it did not run.
    async fn on(&self, call: &Call<'_>, link: &Link) -> Result<Outcome, ConnectError> {
        let opened = tokio::select! {
            biased;
            () = call.cancelled() => return Ok(Outcome::NotRun(NotRun::Cancelled)),
            opened = link.open() => opened?,
        };
        if let Err(why) = call.sending().await {
            return Ok(Outcome::NotRun(why));
        }
        let order = self.orders.of(call.host);
        let started = tokio::select! {
            started = opened.exec(&order.command) => started,
            // A request has a deadline of its own, so the timeout counts from its answer.
            () = call.told_to_end() => return Ok(Outcome::Unknown(Unknown::Killed(Fate::MayStillRun))),
        };
        match started {
            Ok(channel) => Ok(follow(call, channel).await),
            Err(StartError::NotRun(error)) => Err(error),
            Err(StartError::Lost(why)) => Ok(Outcome::Unknown(Unknown::LinkLost(why))),
        }
    }
}

fn ended(ending: Ending, fate: Fate) -> Unknown {
    match ending {
        Ending::Overdue(after) => Unknown::TimedOut(after, fate),
        Ending::Told => Unknown::Killed(fate),
    }
}

/// Passes on what a command says until it is over, out of time, or ended by the user.
async fn follow(call: &Call<'_>, channel: Channel) -> Outcome {
    let Channel { mut input, mut output } = channel;
    let _ = timeout(CLOSING, input.eof()).await;
    let mut status = None;
    let (ending, end) = {
        let mut telling = pin!(tell(call, &mut output, &mut status));
        tokio::select! {
            closed = &mut telling => (None, closed),
            ending = call.to_be_ended() => {
                let _ = timeout(CLOSING, input.signal("TERM")).await;
                let _ = timeout(GRACE, telling).await;
                let _ = timeout(CLOSING, input.close()).await;
                (Some(ending), Ok(()))
            }
        }
    };
    if let (Some(_), Err(why)) = (&status, &end) {
        call.notice(&format!("the command has ended, but its output may lack its end: {why}")).await;
    }
    // A status that has arrived is the truth, even where the channel never closed.
    match (ending, status, end) {
        (Some(ending), status, _) => Outcome::Unknown(ended(ending, fate(status.as_ref()))),
        (None, Some(outcome), _) => outcome,
        (None, None, Ok(())) => Outcome::Unknown(Unknown::NoStatus),
        (None, None, Err(why)) => Outcome::Unknown(Unknown::LinkLost(why)),
    }
}

/// What the status says that came after a command was told to end.
fn fate(status: Option<&Outcome>) -> Fate {
    match status {
        Some(Outcome::Signalled(_)) => Fate::Killed,
        Some(_) => Fate::Ended,
        None => Fate::MayStillRun,
    }
}

/// Passes on output until the channel is closed; waits where the writer is behind, and with it the host's window.
async fn tell(
    call: &Call<'_>,
    output: &mut ChannelOutput,
    status: &mut Option<Outcome>,
) -> Result<(), String> {
    loop {
        let (stream, bytes) = match output.next().await {
            ChannelEvent::Data(bytes) => (Stream::Out, bytes),
            ChannelEvent::Stderr(bytes) => (Stream::Err, bytes),
            ChannelEvent::Eof => continue,
            ChannelEvent::Exit(code) => {
                status.get_or_insert(Outcome::Exited(code));
                continue;
            }
            ChannelEvent::Signal(name) => {
                status.get_or_insert(Outcome::Signalled(name));
                continue;
            }
            ChannelEvent::Closed(how) => return how,
        };
        call.said(stream, bytes).await;
    }
}
