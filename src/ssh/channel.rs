//! One command or shell on a link: what is said to it and what it says.
//!
//! Theory: russh hands each event of a channel both to a bounded queue and to our handler. The queue wedges the whole
//! connection when nobody drains it, so we drop its reading half at once and keep what the handler gets in a
//! [`Mailbox`]. A mailbox never makes the connection wait; its bytes are counted at the connection's
//! [`Control`], which reads no further while too many wait ([`super::stream::HELD_LIMIT`]). Every item costs
//! [`ITEM_COST`] bytes of that bound too, so that empty messages are not free.

use std::collections::{HashMap, VecDeque};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use russh::client::Msg;
use russh::{ChannelId, ChannelWriteHalf, Sig};
use tokio::sync::Notify;

use super::forward::Lender;
use super::stream::Control;
use crate::size::Size;

/// What one queued item costs beside its bytes.
const ITEM_COST: usize = 64;

/// Neighbouring packets of one stream are joined up to this many bytes.
const JOIN_LIMIT: usize = 64 * 1024;

/// What a host says on a channel. The exit status may come before or after `Eof`; only `Closed` is the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChannelEvent {
    /// Standard output, or the terminal.
    Data(Bytes),
    /// Standard error.
    Stderr(Bytes),
    /// Neither will say more.
    Eof,
    /// The command ended with this status.
    Exit(u32),
    /// The command was ended by this signal, named without `SIG`.
    Signal(String),
    /// The channel is over: closed by the host or us, or the link was lost for this reason.
    Closed(Result<(), String>),
}

/// The channel is over; nothing more can be said to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the channel is closed")]
pub struct Gone;

/// A running command or shell. It ends when the host says so, by [`ChannelInput::close`], or with its
/// [`Link`](super::Link); dropping it leaves the command running as long as the link stands.
#[derive(Debug)]
pub struct Channel {
    /// What we say to it.
    pub input: ChannelInput,
    /// What it says.
    pub output: ChannelOutput,
}

/// The way towards a command or shell.
#[derive(Debug)]
pub struct ChannelInput {
    pub(super) half: ChannelWriteHalf<Msg>,
    pub(super) mailbox: Arc<Mailbox>,
    pub(super) hub: Arc<Hub>,
}

impl ChannelInput {
    /// Sends bytes; waits while the host's window is full. Dropped while it waits, part of the bytes may have gone.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), Gone> {
        self.unless_gone(pin!(self.half.data_bytes(bytes))).await
    }

    /// Says that nothing more will come.
    pub async fn eof(&mut self) -> Result<(), Gone> {
        self.unless_gone(pin!(self.half.eof())).await
    }

    /// Changes the size of the terminal (RFC 4254 section 6.7).
    pub async fn resize(&mut self, size: Size) -> Result<(), Gone> {
        self.unless_gone(pin!(self.half.window_change(size.cols.into(), size.rows.into(), 0, 0))).await
    }

    /// Sends a signal, named without `SIG` (RFC 4254 section 6.9); the host need not heed it.
    pub async fn signal(&mut self, name: &str) -> Result<(), Gone> {
        self.unless_gone(pin!(self.half.signal(signal(name)))).await
    }

    /// Closes the channel: the output ends with what has come, whatever the host still had to say.
    pub async fn close(&mut self) {
        let _ = self.unless_gone(pin!(self.half.close())).await;
        // russh forgets a channel that we have closed, so the host's own close is never heard.
        self.hub.closed(self.half.id());
        self.mailbox.close(Ok(()));
    }

    /// russh waits for ever for the window of a connection that has died, so the end is watched beside it. What is sent
    /// is pinned by the caller: handed over by value it would be kept twice in the state of every idle session.
    async fn unless_gone(
        &self,
        sent: Pin<&mut impl Future<Output = Result<(), russh::Error>>>,
    ) -> Result<(), Gone> {
        tokio::select! {
            biased;
            () = self.mailbox.gone() => Err(Gone),
            sent = sent => sent.map_err(|_| Gone),
        }
    }
}

fn signal(name: &str) -> Sig {
    match name {
        "ABRT" => Sig::ABRT,
        "ALRM" => Sig::ALRM,
        "FPE" => Sig::FPE,
        "HUP" => Sig::HUP,
        "ILL" => Sig::ILL,
        "INT" => Sig::INT,
        "KILL" => Sig::KILL,
        "PIPE" => Sig::PIPE,
        "QUIT" => Sig::QUIT,
        "SEGV" => Sig::SEGV,
        "TERM" => Sig::TERM,
        "USR1" => Sig::USR1,
        other => Sig::Custom(other.to_owned()),
    }
}

/// What a command or shell says. Dropped, it stands for a consumer that discards everything.
#[derive(Debug)]
pub struct ChannelOutput {
    pub(super) mailbox: Arc<Mailbox>,
}

impl ChannelOutput {
    /// The next event, in the order of the host; after `Closed` the same again. May be dropped and called anew.
    pub async fn next(&mut self) -> ChannelEvent {
        loop {
            let mut changed = pin!(self.mailbox.changed.notified());
            changed.as_mut().enable();
            if let Some(event) = self.mailbox.take() {
                return event;
            }
            changed.await;
        }
    }

    /// The next event if there is one already.
    pub fn try_next(&mut self) -> Option<ChannelEvent> {
        self.mailbox.take()
    }
}

impl Drop for ChannelOutput {
    fn drop(&mut self) {
        self.mailbox.abandon();
    }
}

/// Which of the two ways out of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outlet {
    Data,
    Stderr,
}

/// Events of one channel that wait for their consumer.
#[derive(Debug)]
pub(super) struct Mailbox {
    control: Arc<Control>,
    mail: Mutex<Mail>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Mail {
    items: VecDeque<Item>,
    /// Answers to our requests, in order; at most one request is under way.
    replies: VecDeque<bool>,
    abandoned: bool,
    /// Whether the task that opened the channel has it.
    claimed: bool,
    closed: Option<Result<(), String>>,
}

#[derive(Debug)]
enum Item {
    Bytes(Outlet, BytesMut),
    Eof,
    Exit(u32),
    Signal(String),
}

impl Item {
    fn cost(&self) -> usize {
        match self {
            Item::Bytes(_, bytes) => ITEM_COST + bytes.len(),
            Item::Signal(name) => ITEM_COST + name.len(),
            Item::Eof | Item::Exit(_) => ITEM_COST,
        }
    }
}

impl Mailbox {
    pub(super) fn new(control: Arc<Control>) -> Arc<Mailbox> {
        Arc::new(Mailbox { control, mail: Mutex::default(), changed: Notify::new() })
    }

    fn mail(&self) -> MutexGuard<'_, Mail> {
        self.mail.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn data(&self, outlet: Outlet, data: &[u8]) {
        if data.is_empty() {
            return;
        }
        let mut mail = self.mail();
        if let Some(Item::Bytes(last, bytes)) = mail.items.back_mut()
            && *last == outlet
            && bytes.len() + data.len() <= JOIN_LIMIT
        {
            bytes.extend_from_slice(data);
            self.control.hold(data.len());
        } else {
            self.push(mail, Item::Bytes(outlet, BytesMut::from(data)));
            return;
        }
        drop(mail);
        self.changed.notify_waiters();
    }

    pub(super) fn eof(&self) {
        self.push(self.mail(), Item::Eof);
    }

    pub(super) fn exit(&self, status: u32) {
        self.push(self.mail(), Item::Exit(status));
    }

    pub(super) fn signalled(&self, name: String) {
        self.push(self.mail(), Item::Signal(name));
    }

    fn push(&self, mut mail: MutexGuard<'_, Mail>, item: Item) {
        if mail.abandoned || mail.closed.is_some() {
            return;
        }
        self.control.hold(item.cost());
        mail.items.push_back(item);
        drop(mail);
        self.changed.notify_waiters();
    }

    /// An answer to our request. A host that answers what was not asked is not remembered.
    pub(super) fn reply(&self, ok: bool) {
        let mut mail = self.mail();
        if mail.replies.len() < 2 {
            mail.replies.push_back(ok);
        }
        drop(mail);
        self.changed.notify_waiters();
    }

    /// The end of the channel; the first reason stands.
    pub(super) fn close(&self, how: Result<(), String>) {
        self.mail().closed.get_or_insert(how);
        self.changed.notify_waiters();
    }

    fn abandon(&self) {
        let mut mail = self.mail();
        mail.abandoned = true;
        let cost = mail.items.drain(..).map(|item| item.cost()).sum();
        drop(mail);
        self.control.release(cost);
    }

    fn take(&self) -> Option<ChannelEvent> {
        let mut mail = self.mail();
        let Some(item) = mail.items.pop_front() else {
            return mail.closed.clone().map(ChannelEvent::Closed);
        };
        drop(mail);
        self.control.release(item.cost());
        Some(match item {
            Item::Bytes(Outlet::Data, bytes) => ChannelEvent::Data(bytes.freeze()),
            Item::Bytes(Outlet::Stderr, bytes) => ChannelEvent::Stderr(bytes.freeze()),
            Item::Eof => ChannelEvent::Eof,
            Item::Exit(status) => ChannelEvent::Exit(status),
            Item::Signal(name) => ChannelEvent::Signal(name),
        })
    }

    /// The answer to the request under way; `Err` when the channel ended without one.
    pub(super) async fn answer(&self) -> Result<bool, Result<(), String>> {
        loop {
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            {
                let mut mail = self.mail();
                if let Some(ok) = mail.replies.pop_front() {
                    return Ok(ok);
                }
                if let Some(how) = &mail.closed {
                    return Err(how.clone());
                }
            }
            changed.await;
        }
    }

    /// Waits for the end of the channel.
    pub(super) async fn gone(&self) {
        loop {
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            if self.mail().closed.is_some() {
                return;
            }
            changed.await;
        }
    }
}

/// The mailboxes of one connection. A channel that was never opened has none, and what comes for it goes nowhere.
#[derive(Debug)]
pub(super) struct Hub {
    control: Arc<Control>,
    boxes: Mutex<HashMap<ChannelId, Arc<Mailbox>>>,
    /// Which channels the host may open: none, or some to the user's agent.
    pub(super) lender: Lender,
    /// What the host said when it refused channels, by reason code (RFC 4254 section 5.1); the last [`REFUSALS`].
    refusals: Mutex<VecDeque<(u32, Option<String>)>>,
}

/// Refusals that are kept for those who asked for the channels.
const REFUSALS: usize = 16;

impl Hub {
    pub(super) fn new(control: Arc<Control>) -> Arc<Hub> {
        let (boxes, lender, refusals) = Default::default();
        Arc::new(Hub { control, boxes, lender, refusals })
    }

    fn boxes(&self) -> MutexGuard<'_, HashMap<ChannelId, Arc<Mailbox>>> {
        self.boxes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The mailbox of a channel that the host confirmed, made when it is first asked for: by the handler or by whoever
    /// waits for the channel, in either order.
    pub(super) fn opened(&self, id: ChannelId) -> Arc<Mailbox> {
        self.boxes().entry(id).or_insert_with(|| Mailbox::new(Arc::clone(&self.control))).clone()
    }

    /// Takes a mailbox for good; it stays listed until its channel is closed, which may be the case already.
    pub(super) fn claim(&self, id: ChannelId) -> Arc<Mailbox> {
        let mailbox = self.opened(id);
        let mut mail = mailbox.mail();
        mail.claimed = true;
        let closed = mail.closed.is_some();
        drop(mail);
        if closed {
            self.boxes().remove(&id);
        }
        mailbox
    }

    pub(super) fn get(&self, id: ChannelId) -> Option<Arc<Mailbox>> {
        self.boxes().get(&id).cloned()
    }

    /// This channel was closed.
    pub(super) fn closed(&self, id: ChannelId) {
        let Some(mailbox) = self.get(id) else { return };
        mailbox.close(Ok(()));
        if mailbox.mail().claimed {
            self.boxes().remove(&id);
        }
    }

    /// The host refused a channel in these words. It does not say whose channel in a way that we could tell, so where
    /// several refusals for one reason differ, none of their words counts.
    pub(super) fn refused(&self, reason: u32, words: String) {
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        let mut said = Some(words).filter(|words| !words.is_empty());
        if refusals.iter().any(|(code, other)| *code == reason && *other != said) {
            said = None;
            refusals.iter_mut().filter(|(code, _)| *code == reason).for_each(|(_, other)| *other = None);
        }
        if refusals.len() == REFUSALS {
            refusals.pop_front();
        }
        refusals.push_back((reason, said));
    }

    /// What the host said to a refusal for this reason, if that is known; asked once by each who was refused.
    pub(super) fn refusal(&self, reason: u32) -> Option<String> {
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        let at = refusals.iter().position(|(code, _)| *code == reason)?;
        refusals.remove(at)?.1
    }

    /// The link is gone, and every channel with it.
    pub(super) fn lost(&self, why: &str) {
        for (_, mailbox) in self.boxes().drain() {
            mailbox.close(Err(why.to_owned()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ssh::clock::Clock;
    use std::time::Duration;

    fn mailbox() -> (Arc<Mailbox>, Arc<Control>) {
        let control = Control::new(Arc::new(Clock::new(Duration::from_secs(1))));
        (Mailbox::new(Arc::clone(&control)), control)
    }

    #[tokio::test]
    async fn order_is_kept_and_neighbours_are_joined() {
        let (mailbox, control) = mailbox();
        let mut output = ChannelOutput { mailbox: Arc::clone(&mailbox) };
        mailbox.data(Outlet::Data, b"one ");
        mailbox.data(Outlet::Data, b"two");
        mailbox.data(Outlet::Stderr, b"oops");
        mailbox.eof();
        mailbox.exit(3);
        mailbox.close(Ok(()));
        assert_eq!(output.next().await, ChannelEvent::Data(Bytes::from_static(b"one two")));
        assert_eq!(output.next().await, ChannelEvent::Stderr(Bytes::from_static(b"oops")));
        assert_eq!(output.next().await, ChannelEvent::Eof);
        assert_eq!(output.next().await, ChannelEvent::Exit(3));
        assert_eq!(output.next().await, ChannelEvent::Closed(Ok(())));
        assert_eq!(output.next().await, ChannelEvent::Closed(Ok(())));
        assert_eq!(control.held(), 0);
    }

    #[tokio::test]
    async fn what_nobody_reads_is_given_back() {
        let (mailbox, control) = mailbox();
        mailbox.data(Outlet::Data, &[0; 1000]);
        assert!(control.held() >= 1000);
        drop(ChannelOutput { mailbox: Arc::clone(&mailbox) });
        mailbox.data(Outlet::Data, &[0; 1000]);
        mailbox.exit(0);
        assert_eq!(control.held(), 0);
    }
}
