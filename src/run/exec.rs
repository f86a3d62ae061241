//! The deed of `omnes run`: a command on an exec channel, followed to its end.
//!
//! The moment that divides *certainly not run* from *not known* is the exec request: until it is handed over a host that
//! fails or is given up did not run the command, from then on only its exit status says that it did, and only the end of a
//! `sudo` that never let it begin says that it did not. The standard input of omnes is read only for `--stdin -`.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt};
use tokio::time::timeout;

use super::CLOSING;
use super::deed::{Call, Deed, Ending};
use super::ears::{Ears, Word};
use super::gate;
use super::stdin::Source;
use super::work::{Gated, Keeper, Order, Orders, RunsOn};
use super::wrapper;
use crate::outcome::{Fate, NotRun, Outcome, Unknown};
use crate::ssh::{Channel, ChannelInput, ConnectError, Link, Opened, StartError, SudoPasswords};

/// How long a command may take to end after the user wants it to, the signal included. With twice [`CLOSING`], for the channel
/// and the link, these are the 5 s that the user was promised.
const GRACE: Duration = Duration::from_secs(3);

/// The same for the wrapper of `--ensure-kill` after a timeout, where nobody waits for a prompt: it needs a second before it
/// kills, and a busy host as long again.
const WRAPPER_GRACE: Duration = Duration::from_secs(10);

/// The end of input as a terminal knows it.
const END_OF_INPUT: Bytes = Bytes::from_static(b"\x04");

/// What is run on every host.
pub struct Exec {
    /// What is sent to whom.
    orders: Orders,
    /// The standard input of all; nothing by default.
    input: Option<Arc<Source>>,
    /// Where passwords for `sudo` come from.
    passwords: Option<SudoPasswords>,
}

impl Exec {
    /// These orders, with an empty standard input.
    pub fn new(orders: Orders) -> Exec {
        Exec { orders, input: None, passwords: None }
    }

    /// The same with this standard input.
    pub fn with_input(self, input: Option<Source>) -> Exec {
        Exec { input: input.map(Arc::new), ..self }
    }

    /// The same with somebody who has passwords for `sudo`.
    pub fn with_passwords(self, passwords: SudoPasswords) -> Exec {
        Exec { passwords: Some(passwords), ..self }
    }
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
            started = start(opened, &order) => started,
            // A request has a deadline of its own, so the timeout counts from its answer.
            () = call.told_to_end() => {
                return Ok(Outcome::Unknown(Unknown::Killed(Fate::MayStillRun)));
            }
        };
        match started {
            Ok(channel) => Ok(self.follow((call, link), channel, &order).await),
            Err(StartError::NotRun(error)) => Err(error),
            Err(StartError::Lost(why)) => Ok(Outcome::Unknown(Unknown::LinkLost(why))),
        }
    }

    /// Passes `sudo` where it stands before the command, then follows the command.
    async fn follow(&self, (call, link): (&Call<'_>, &Link), channel: Channel, order: &Order) -> Outcome {
        let Channel { mut input, output } = channel;
        let mut ears = Ears::new(output, order);
        if order.gate == Gated::BySudo {
            let claim = self.passwords.as_ref().map(|passwords| passwords.claim(call.name, link));
            if let Err(outcome) = gate::pass(call, (&mut input, &mut ears), claim).await {
                return outcome;
            }
        }
        run(call, (input, ears), (order, self.input.as_ref())).await
    }
}

async fn start(opened: Opened, order: &Order) -> Result<Channel, StartError> {
    match order.place {
        RunsOn::Pipes => opened.exec(&order.command).await,
        RunsOn::Terminal => opened.exec_in_terminal(&order.command).await,
    }
}

/// Why we stop listening to a command that has not ended.
enum Stop {
    /// It has: its channel is closed.
    Closed(Result<(), String>),
    /// It is to be ended.
    Ending(Ending),
    /// Its input broke off, which it must not take for an end.
    Broken(String),
}

/// Passes on what a command says until it is over, out of time, or ended by the user.
async fn run(
    call: &Call<'_>,
    (mut input, mut ears): (ChannelInput, Ears),
    (order, source): (&Order, Option<&Arc<Source>>),
) -> Outcome {
    let is_over = AtomicBool::new(false);
    let (ending, end) = {
        let mut telling = pin!(tell(call, &mut ears, &is_over));
        let stop = until(call, telling.as_mut(), pin!(feed(&mut input, order, source))).await;
        match stop {
            Stop::Closed(how) => (None, how),
            // How it ended was said before; what is ended is what goes on with its output.
            Stop::Ending(ending) if is_over.load(Ordering::Relaxed) => {
                end(&mut input, telling, (order, ending)).await;
                (None, Err("something else went on writing, and was listened to no longer".to_owned()))
            }
            Stop::Ending(ending) => {
                end(&mut input, telling, (order, ending)).await;
                (Some(ending), Ok(()))
            }
            Stop::Broken(why) => {
                call.notice(&format!(
                    "the command is ended, since its input cannot be read to its end: {why}"
                ))
                .await;
                end(&mut input, telling, (order, Ending::Told)).await;
                (Some(Ending::Told), Ok(()))
            }
        }
    };
    if let (Some(_), Err(why)) = (&ears.status, &end) {
        call.notice(&format!("the command has ended, but its output may lack its end: {why}")).await;
    }
    let fate = wrapper::fate(ears.fate, ears.status.as_ref());
    // A status that has arrived is the truth, even where the channel never closed; but one that came only after the signal
    // says nothing of the work.
    match (ending, ears.status.take(), end) {
        (Some(Ending::Overdue(after)), ..) => Outcome::Unknown(Unknown::TimedOut(after, fate)),
        (Some(Ending::Told), ..) => Outcome::Unknown(Unknown::Killed(fate)),
        (None, Some(_), _) if ears.is_unable => Outcome::from(unable()),
        (None, Some(outcome), _) => outcome,
        (None, None, Ok(())) => Outcome::Unknown(Unknown::NoStatus),
        (None, None, Err(why)) => Outcome::Unknown(Unknown::LinkLost(why)),
    }
}

/// There is nothing on the host that could make a process group, so nothing was begun.
pub(super) fn unable() -> ConnectError {
    let why = "--ensure-kill, since the host has neither setsid nor a shell with job control";
    ConnectError::Unsupported(why.to_owned())
}

/// Listens and feeds until either has a reason to stop.
async fn until(
    call: &Call<'_>,
    mut telling: Pin<&mut impl Future<Output = Result<(), String>>>,
    mut feeding: Pin<&mut impl Future<Output = Result<(), String>>>,
) -> Stop {
    let mut ending = pin!(call.to_be_ended());
    let mut is_fed = false;
    loop {
        tokio::select! {
            biased;
            closed = &mut telling => return Stop::Closed(closed),
            ending = &mut ending => return Stop::Ending(ending),
            fed = &mut feeding, if !is_fed => match fed {
                Ok(()) => is_fed = true,
                Err(why) => return Stop::Broken(why),
            },
        }
    }
}

/// Ends a command that is to end: a signal request, for a wrapper the end of its input too, and in the end its channel.
async fn end(
    input: &mut ChannelInput,
    telling: Pin<&mut impl Future<Output = Result<(), String>>>,
    (order, ending): (&Order, Ending),
) {
    let is_wrapped = order.keeper == Keeper::Wrapper;
    let patience = match ending {
        Ending::Overdue(_) if is_wrapped => WRAPPER_GRACE,
        _ => GRACE,
    };
    let ending = async {
        let asking = async {
            let _ = input.signal("TERM").await;
            if is_wrapped {
                let _ = input.eof().await;
            }
        };
        let _ = timeout(CLOSING, asking).await;
        let _ = telling.await;
    };
    let _ = timeout(patience, ending).await;
    let _ = timeout(CLOSING, input.close()).await;
}

/// Gives a command its standard input, and then its end; a wrapper's input stays open, as its end would end the command.
async fn feed(input: &mut ChannelInput, order: &Order, source: Option<&Arc<Source>>) -> Result<(), String> {
    if order.keeper == Keeper::Wrapper {
        return Ok(());
    }
    if let Some(source) = source {
        let mut feed = source.feed();
        while let Some(piece) = feed.next().await? {
            if input.write(piece).await.is_err() {
                // It has ended, or reads no more: its status says which.
                return Ok(());
            }
        }
    }
    let _ = match order.place {
        RunsOn::Pipes => input.eof().await,
        RunsOn::Terminal => input.write(END_OF_INPUT).await,
    };
    Ok(())
}

/// Passes on output until the channel is closed; waits where the writer is behind, and with it the host's window.
/// Notes when the command has said how it ended.
async fn tell(call: &Call<'_>, ears: &mut Ears, is_over: &AtomicBool) -> Result<(), String> {
    loop {
        match ears.next().await {
            Word::Said(stream, bytes) => call.said(stream, bytes).await,
            Word::Mark(_) => {}
            Word::Over => is_over.store(true, Ordering::Relaxed),
            Word::Closed(how) => return how,
        }
    }
}
