//! Requests and their replies over one channel.
//!
//! Theory: a task owns the channel. It writes what is queued, whole packets in order, and gives each reply to whoever waits for
//! its number; a caller that goes away leaves a number whose reply is dropped, and never half a packet. Memory is bounded by
//! those who ask: at most [`IN_FLIGHT`] requests wait for replies, a reply is no larger than a packet, and writes share the
//! memory of what they send. Silence counts only while an answer is owed. What
//! ends it is a whole reply, [`SIGN`] bytes of a long one, or a window that the host opens; a byte now and then does not.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::attrs::Attrs;
use super::error::SftpError;
use super::frame::Frames;
use super::greeting::{greet, keep, silent_start, spoken};
use super::packet::Status;
use super::reply::{Name, Reply, Told};
use super::request::{Request, write_head};
use crate::escape;
use crate::ssh::channel::{Channel, ChannelEvent, ChannelInput, ChannelOutput};

/// Requests that wait for their reply; at the bound the next wait for their turn.
pub const IN_FLIGHT: usize = 512;

/// Packets that wait to be written; at the bound the next wait.
const QUEUED: usize = 32;

/// How long a server that owes an answer may be silent.
const PATIENCE: Duration = Duration::from_secs(90);

/// So much of a long reply is a sign of life; a way so slow that this takes longer is of no use.
const SIGN: usize = 4096;

/// A look that comes so much too late means that we were stopped ourselves.
const LATE: Duration = Duration::from_secs(5);

/// Small packets are joined up to this many bytes, and large ones written in such pieces: what one SSH packet takes.
const PIECE: usize = 32 * 1024;

/// How long saying good-bye to the channel may take.
const GOODBYE: Duration = Duration::from_secs(1);

/// Bytes of a handle at most, as the draft says (section 6.2).
const HANDLE: usize = 256;

/// A packet to be written: its own bytes, and data that follow them without being copied.
#[derive(Debug)]
struct Outgoing {
    head: Bytes,
    data: Bytes,
}

/// One SFTP session; the channel is closed when the last of its clones is gone.
#[derive(Clone, Debug)]
pub(super) struct Session {
    outgoing: mpsc::Sender<Outgoing>,
    shared: Arc<Shared>,
    _life: Arc<Life>,
}

/// Tells the task that nobody asks any more.
#[derive(Debug)]
struct Life(Arc<Shared>);

impl Drop for Life {
    fn drop(&mut self) {
        self.0.left.notify_one();
    }
}

/// What the task and those who ask share.
#[derive(Debug)]
struct Shared {
    table: Mutex<Table>,
    room: Arc<Semaphore>,
    left: Notify,
}

#[derive(Debug, Default)]
struct Table {
    next: u32,
    waiting: HashMap<u32, Waiting>,
    /// Since when an answer is owed and nothing was heard.
    owed: Option<Instant>,
    ended: Option<SftpError>,
}

#[derive(Debug)]
struct Waiting {
    reply: oneshot::Sender<Reply>,
    _room: OwnedSemaphorePermit,
}

impl Shared {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something came, or went and could not have without the host.
    fn stirred(&self) {
        let mut table = self.table();
        table.owed = (!table.waiting.is_empty()).then(Instant::now);
    }

    fn route(&self, id: u32, reply: Reply) -> Result<(), SftpError> {
        let waiting = self.table().waiting.remove(&id);
        let waiting = waiting.ok_or_else(|| SftpError::odd("it answered what was not asked"))?;
        // Whoever asked may be gone; then nobody wants it.
        let _ = waiting.reply.send(reply);
        Ok(())
    }

    /// The end for all who wait; the first reason stands.
    fn end(&self, why: SftpError) {
        let mut table = self.table();
        table.ended.get_or_insert(why);
        table.waiting.clear();
    }

    fn ended(&self) -> SftpError {
        let ended = self.table().ended.clone();
        ended.unwrap_or_else(|| SftpError::Lost("the SFTP session has ended".to_owned()))
    }
}

/// A request that was sent. Dropped, its reply is dropped too.
#[derive(Debug)]
#[must_use = "its reply says whether it worked"]
pub struct Pending {
    reply: oneshot::Receiver<Reply>,
    shared: Arc<Shared>,
}

impl Pending {
    /// The reply, a refusal made an error.
    async fn reply(self) -> Result<Reply, SftpError> {
        match self.reply.await {
            Ok(Reply::Status(status, words)) if status != Status::Ok => {
                Err(SftpError::refused(status, &words))
            }
            Ok(reply) => Ok(reply),
            Err(_) => Err(self.shared.ended()),
        }
    }

    /// Waits for a yes.
    pub async fn done(self) -> Result<(), SftpError> {
        match self.reply().await? {
            Reply::Status(..) => Ok(()),
            other => Err(unexpected(&other)),
        }
    }

    /// Waits for what was read, at most `len` bytes; `None` at the end of the file.
    pub async fn data(self, len: u32) -> Result<Option<Bytes>, SftpError> {
        match self.reply().await {
            Ok(Reply::Data(data)) if data.is_empty() => {
                Err(SftpError::odd("it read nothing and says no end"))
            }
            Ok(Reply::Data(data)) if data.len() > len as usize => {
                Err(SftpError::odd("it sent more than was asked for"))
            }
            Ok(Reply::Data(data)) => Ok(Some(data)),
            Ok(other) => Err(unexpected(&other)),
            Err(error) if error.status() == Some(Status::Eof) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Waits for what is said about something.
    pub async fn attrs(self) -> Result<Attrs, SftpError> {
        match self.reply().await? {
            Reply::Attrs(attrs) => Ok(attrs),
            other => Err(unexpected(&other)),
        }
    }

    /// Waits for a handle.
    pub(super) async fn handle(self) -> Result<Bytes, SftpError> {
        match self.reply().await? {
            Reply::Handle(handle) if handle.len() <= HANDLE => Ok(handle),
            Reply::Handle(_) => Err(SftpError::odd("it gave a handle of more than 256 bytes")),
            other => Err(unexpected(&other)),
        }
    }

    /// Waits for names; `None` at the end of a listing.
    pub(super) async fn names(self) -> Result<Option<Vec<Name>>, SftpError> {
        match self.reply().await {
            Ok(Reply::Names(names)) => Ok(Some(names)),
            Ok(other) => Err(unexpected(&other)),
            Err(error) if error.status() == Some(Status::Eof) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Waits for the answer to an extension.
    pub(super) async fn extended(self) -> Result<Bytes, SftpError> {
        match self.reply().await? {
            Reply::Extended(body) => Ok(body),
            other => Err(unexpected(&other)),
        }
    }
}

fn unexpected(reply: &Reply) -> SftpError {
    let kind = match reply {
        Reply::Status(..) => "a yes without what was asked for",
        Reply::Handle(_) => "a handle that was not asked for",
        Reply::Data(_) => "data that were not asked for",
        Reply::Names(_) => "names that were not asked for",
        Reply::Attrs(_) => "attributes that were not asked for",
        Reply::Extended(_) => "the answer to an extension that was not asked for",
    };
    SftpError::odd(format!("it answered with {kind}"))
}

impl Session {
    /// Greets the server on a channel where it was started, within `limit`; gives also the extensions it knows.
    pub(super) async fn begin(
        mut channel: Channel,
        limit: Duration,
    ) -> Result<(Session, Vec<(Bytes, Bytes)>), SftpError> {
        let mut frames = Frames::default();
        let greeting = timeout(limit, greet(&mut channel, &mut frames)).await;
        let extensions = match greeting.unwrap_or_else(|_| Err(silent_start(&frames, limit))) {
            Ok(extensions) => extensions,
            Err(error) => {
                let _ = timeout(GOODBYE, channel.input.close()).await;
                return Err(error);
            }
        };
        let (outgoing, queued) = mpsc::channel(QUEUED);
        let room = Arc::new(Semaphore::new(IN_FLIGHT));
        let shared = Arc::new(Shared { table: Mutex::default(), room, left: Notify::new() });
        tokio::spawn(carry(channel, (queued, frames), Arc::clone(&shared)));
        let life = Arc::new(Life(Arc::clone(&shared)));
        Ok((Session { outgoing, shared, _life: life }, extensions))
    }

    /// Sends a request; waits while too many are under way. Dropped while it waits, nothing was sent.
    pub(super) async fn send(&self, request: &Request) -> Result<Pending, SftpError> {
        self.enqueue(|id| Outgoing { head: request.encode(id), data: Bytes::new() }).await
    }

    /// Sends data to be written, without a copy.
    pub(super) async fn send_write(
        &self,
        handle: &[u8],
        (at, data): (u64, Bytes),
    ) -> Result<Pending, SftpError> {
        self.enqueue(|id| Outgoing { head: write_head(id, handle, (at, data.len())), data }).await
    }

    async fn enqueue(&self, packet: impl FnOnce(u32) -> Outgoing) -> Result<Pending, SftpError> {
        let room = Arc::clone(&self.shared.room).acquire_owned().await.map_err(|_| self.shared.ended())?;
        let place = self.outgoing.reserve().await.map_err(|_| self.shared.ended())?;
        let (id, pending) = self.register(room)?;
        place.send(packet(id));
        Ok(pending)
    }

    /// Waits for the end of the session, whoever ends it; for those who have nothing under way.
    pub(super) async fn ended(&self) -> SftpError {
        self.outgoing.closed().await;
        self.shared.ended()
    }

    /// Sends a request whose reply nobody waits for, unless that would have to wait.
    pub(super) fn send_away(&self, request: &Request) {
        let Ok(room) = Arc::clone(&self.shared.room).try_acquire_owned() else { return };
        let Ok(place) = self.outgoing.try_reserve() else { return };
        if let Ok((id, _)) = self.register(room) {
            place.send(Outgoing { head: request.encode(id), data: Bytes::new() });
        }
    }

    fn register(&self, room: OwnedSemaphorePermit) -> Result<(u32, Pending), SftpError> {
        let (sender, reply) = oneshot::channel();
        let mut table = self.shared.table();
        if let Some(why) = &table.ended {
            return Err(why.clone());
        }
        // At most a few hundred are taken, so a free one is near.
        while table.waiting.contains_key(&table.next) {
            table.next = table.next.wrapping_add(1);
        }
        let id = table.next;
        table.next = id.wrapping_add(1);
        table.waiting.insert(id, Waiting { reply: sender, _room: room });
        table.owed.get_or_insert_with(Instant::now);
        drop(table);
        Ok((id, Pending { reply, shared: Arc::clone(&self.shared) }))
    }
}

/// The task of a session: until the channel ends, the server misbehaves, or nobody asks any more.
async fn carry(
    channel: Channel,
    (mut queued, frames): (mpsc::Receiver<Outgoing>, Frames),
    shared: Arc<Shared>,
) {
    let Channel { mut input, mut output } = channel;
    let left = async {
        shared.left.notified().await;
        sleep(GOODBYE).await;
    };
    let why = tokio::select! {
        biased;
        why = hear(&mut output, frames, &shared) => why,
        why = speak(&mut input, &mut queued, &shared) => why,
        () = left => ended_by_us(),
    };
    shared.end(why);
    // Only now: whoever is woken by this finds the reason.
    drop(queued);
    // What was written last goes out before the close.
    let _ = timeout(GOODBYE, input.close()).await;
}

/// Gives each reply to whoever waits for it.
async fn hear(output: &mut ChannelOutput, mut frames: Frames, shared: &Shared) -> SftpError {
    let (mut words, mut status) = (Vec::new(), None);
    let mut heard = 0;
    // What came with the greeting.
    if let Err(odd) = take(&mut frames, shared) {
        return odd;
    }
    loop {
        let event = tokio::select! {
            biased;
            event = output.next() => event,
            silent = silence(shared) => return silent,
        };
        match event {
            ChannelEvent::Data(bytes) => {
                heard += bytes.len();
                frames.push(&bytes);
            }
            ChannelEvent::Stderr(bytes) => keep(&mut words, &bytes),
            ChannelEvent::Eof => {}
            ChannelEvent::Exit(code) => status = Some(format!("with status {code}")),
            ChannelEvent::Signal(name) => status = Some(format!("by the signal {}", escape::text(&name, 40))),
            ChannelEvent::Closed(Err(why)) => return SftpError::Lost(why),
            ChannelEvent::Closed(Ok(())) => return ended(status, &words),
        }
        match take(&mut frames, shared) {
            Err(odd) => return odd,
            Ok(packets) if is_sign(packets, &mut heard) => shared.stirred(),
            Ok(_) => {}
        }
    }
}

/// Whether what came is a sign of life: whole packets, or enough of a long one since the last sign.
fn is_sign(packets: usize, heard: &mut usize) -> bool {
    let is_sign = packets > 0 || *heard >= SIGN;
    if is_sign {
        *heard = 0;
    }
    is_sign
}

fn ended(status: Option<String>, words: &[u8]) -> SftpError {
    let mut why = "the SFTP server ended".to_owned();
    if let Some(status) = status {
        why = format!("{why} {status}");
    }
    if let Some(words) = spoken(words) {
        why = format!("{why}: {words}");
    }
    SftpError::Lost(why)
}

/// Takes all whole packets that have come; gives how many.
fn take(frames: &mut Frames, shared: &Shared) -> Result<usize, SftpError> {
    let mut taken = 0;
    while let Some(packet) = frames.take()? {
        match Told::decode(packet)? {
            Told::Reply(id, reply) => shared.route(id, reply)?,
            Told::Version(..) => return Err(SftpError::odd("it said its version again")),
        }
        taken += 1;
    }
    Ok(taken)
}

/// Waits until the server has owed an answer for too long.
async fn silence(shared: &Shared) -> SftpError {
    loop {
        let owed = shared.table().owed;
        let due = owed.unwrap_or_else(Instant::now) + PATIENCE;
        sleep_until(due).await;
        let now = Instant::now();
        let mut table = shared.table();
        match table.owed {
            // Stopped or asleep ourselves, we have not listened: it may have answered long ago.
            Some(_) if now > due + LATE => table.owed = Some(now),
            Some(since) if now >= since + PATIENCE => return SftpError::Silent(PATIENCE.as_secs()),
            _ => {}
        }
    }
}

/// Writes what is queued until nobody asks any more.
async fn speak(
    input: &mut ChannelInput,
    queued: &mut mpsc::Receiver<Outgoing>,
    shared: &Shared,
) -> SftpError {
    let mut batch = Vec::with_capacity(QUEUED);
    while queued.recv_many(&mut batch, QUEUED).await > 0 {
        let mut joined = BytesMut::new();
        for Outgoing { head, data } in batch.drain(..) {
            joined.extend_from_slice(&head);
            if data.len() <= PIECE / 2 {
                joined.extend_from_slice(&data);
            }
            if joined.len() >= PIECE / 2 || data.len() > PIECE / 2 {
                write(input, joined.split().freeze(), shared).await;
            }
            if data.len() > PIECE / 2 {
                write(input, data, shared).await;
            }
        }
        write(input, joined.freeze(), shared).await;
    }
    ended_by_us()
}

fn ended_by_us() -> SftpError {
    SftpError::Lost("the SFTP session was ended by us".to_owned())
}

/// Writes in pieces, each of which goes only when the host has room for it. That the channel is gone is heard at the other side.
async fn write(input: &mut ChannelInput, mut bytes: Bytes, shared: &Shared) {
    while !bytes.is_empty() {
        let piece = bytes.split_to(bytes.len().min(PIECE));
        if pin!(input.write(piece)).await.is_err() {
            return std::future::pending().await;
        }
        shared.stirred();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared() -> Arc<Shared> {
        Arc::new(Shared {
            table: Mutex::default(),
            room: Arc::new(Semaphore::new(IN_FLIGHT)),
            left: Notify::new(),
        })
    }

    fn session() -> (Session, mpsc::Receiver<Outgoing>) {
        let (outgoing, queued) = mpsc::channel(QUEUED);
        let shared = shared();
        let life = Arc::new(Life(Arc::clone(&shared)));
        (Session { outgoing, shared, _life: life }, queued)
    }

    #[tokio::test(start_paused = true)]
    async fn silence_counts_only_while_an_answer_is_owed() {
        let (session, _queued) = session();
        let hour = Duration::from_secs(3600);
        assert!(timeout(hour, silence(&session.shared)).await.is_err(), "nothing is owed");
        let pending = session.send(&Request::Limits).await.unwrap();
        // Each sign of life puts it off.
        for _ in 0..10 {
            assert!(timeout(PATIENCE / 2, silence(&session.shared)).await.is_err());
            session.shared.stirred();
        }
        assert_eq!(silence(&session.shared).await, SftpError::Silent(PATIENCE.as_secs()));
        session.shared.route(0, Reply::status(Status::Ok, "")).unwrap();
        session.shared.stirred();
        assert!(timeout(hour, silence(&session.shared)).await.is_err(), "all was answered");
        assert_eq!(pending.done().await, Ok(()));
    }

    #[test]
    fn a_byte_now_and_then_is_no_sign_of_life() {
        let mut heard = 0;
        let signs = (0..3 * SIGN).filter(|_| {
            heard += 1;
            is_sign(0, &mut heard)
        });
        assert_eq!(signs.count(), 3);
        assert!(is_sign(1, &mut 1), "a whole reply is one however short it is");
        assert!(!is_sign(0, &mut 0), "words on standard error are none");
    }

    #[tokio::test]
    async fn replies_find_who_asked_and_only_once() {
        let (session, _queued) = session();
        let one = session.send(&Request::Limits).await.unwrap();
        let other = session.send(&Request::Limits).await.unwrap();
        session.shared.route(1, Reply::status(Status::NoSuchFile, "gone\x1b")).unwrap();
        session.shared.route(0, Reply::status(Status::Ok, "")).unwrap();
        assert_eq!(one.done().await, Ok(()));
        assert_eq!(other.done().await.unwrap_err().to_string(), "gone^[");
        for id in [0, 1, 77] {
            let again = session.shared.route(id, Reply::status(Status::Ok, ""));
            assert!(matches!(again, Err(SftpError::Odd(_))), "{id}");
        }
    }

    #[tokio::test]
    async fn nobody_is_given_more_than_was_asked_for_or_something_else() {
        for (reply, is_right) in [
            (Reply::Data(Bytes::from_static(b"1234")), true),
            (Reply::Data(Bytes::from_static(b"12345")), false),
            (Reply::Data(Bytes::new()), false),
            (Reply::Handle(Bytes::from_static(b"1234")), false),
        ] {
            let (session, _queued) = session();
            let pending = session.send(&Request::Limits).await.unwrap();
            session.shared.route(0, reply.clone()).unwrap();
            assert_eq!(pending.data(4).await.is_ok(), is_right, "{reply:?}");
        }
    }

    #[tokio::test]
    async fn requests_that_wait_have_a_bound_and_learn_of_the_end() {
        let (session, mut queued) = session();
        let mut pending = Vec::new();
        for _ in 0..IN_FLIGHT {
            pending.push(session.send(&Request::Limits).await.unwrap());
            queued.recv().await.unwrap();
        }
        let further = session.clone();
        let mut waits = tokio::spawn(async move { further.send(&Request::Limits).await.map(drop) });
        tokio::task::yield_now().await;
        assert!(!waits.is_finished(), "there is no room");
        session.shared.end(SftpError::Lost("reset".to_owned()));
        assert_eq!((&mut waits).await.unwrap(), Err(SftpError::Lost("reset".to_owned())));
        for pending in pending {
            assert_eq!(pending.done().await, Err(SftpError::Lost("reset".to_owned())));
        }
    }
}
