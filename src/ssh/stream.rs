//! The stream under one SSH connection, in our hands.
//!
//! Theory: russh runs a connection as a task of its own that cannot be stopped from outside and reads as fast as the
//! host sends. [`Guarded`] stands between that task and the socket, and [`Control`] is our handle on it:
//! - cut, so that a cancelled connect ends its task and closes its socket instead of leaking them;
//! - pacing: while more than [`HELD_LIMIT`] bytes of this connection's output wait for their consumer it reads nothing
//!   (and so the host is slowed by TCP), while writes go on, so that `^C` reaches a host that floods;
//! - silence: it tells when the link is stalled and ends it when it is lost, as [`super::silence`] judges. Time during
//!   which we do not read is no silence, but a write that does not come through is;
//! - a look at the first lines, to know the stage and why a server turned us away.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicIsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, Sleep};

use super::Stage;
use super::ahead::Ahead;
use super::clock::Clock;
use super::silence::{Ear, Patience, Verdict};

/// A stream in both directions.
pub trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for T {}

/// What a [`Dial`](super::Dial) gives.
pub type Stream = Box<dyn ByteStream>;

/// Bytes of output that may wait for their consumer, per connection, before its stream is read no further.
pub(super) const HELD_LIMIT: isize = 256 * 1024;

/// Bytes of output that may wait over all connections before each may hold no more than [`SHORT_LIMIT`]: what a thousand
/// hosts print at once waits in their network, since our memory would not be given back.
const ALL_LIMIT: isize = 2 * 1024 * 1024;

/// Bytes that a connection may hold however much the others do.
const SHORT_LIMIT: isize = 4 * 1024;

/// Bytes that wait over all connections of the process, whose memory they take.
static ALL_HELD: AtomicIsize = AtomicIsize::new(0);

/// A link at which nothing was heard for so long was at rest.
const RESTED: Duration = Duration::from_secs(5);

/// Bytes before the identification line that are kept for the error.
const PREAMBLE_LIMIT: usize = 256;

/// Characters of a banner that are repeated.
const BANNER_LIMIT: usize = 200;

/// Bytes before the identification line that are looked at; russh gives up after 20 lines of 255.
const OPENING_LIMIT: usize = 8 * 1024;

/// Our handle on one connection's stream; shared with the russh task.
#[derive(Debug)]
pub(super) struct Control {
    cut: Flag,
    finished: Flag,
    /// The rule for silence, from the login on.
    patience: OnceLock<Patience>,
    /// Since when the link is silent, while it is stalled.
    stalled: watch::Sender<Option<Instant>>,
    held: AtomicIsize,
    /// What all connections hold, this one included.
    all: &'static AtomicIsize,
    /// The reader waits for bytes to be released.
    paced: AtomicBool,
    reader: AtomicWaker,
    writer: AtomicWaker,
    said: Mutex<Said>,
    clock: Arc<Clock>,
}

/// Something that happens once.
#[derive(Debug, Default)]
struct Flag {
    set: AtomicBool,
    changed: Notify,
}

impl Flag {
    fn set(&self) {
        self.set.store(true, SeqCst);
        self.changed.notify_waiters();
    }

    fn is_set(&self) -> bool {
        self.set.load(SeqCst)
    }

    async fn wait(&self) {
        let mut changed = std::pin::pin!(self.changed.notified());
        changed.as_mut().enable();
        if !self.is_set() {
            changed.await;
        }
    }
}

/// The lines before the identification and that line itself.
#[derive(Debug, Default)]
struct Opening {
    preamble: Vec<u8>,
    /// The first four bytes of the line that is coming.
    line: Vec<u8>,
    seen: usize,
}

/// What came before the identification line, and why the link ended.
#[derive(Debug, Default)]
struct Said {
    opening: Opening,
    lost: Option<String>,
    dismissed: bool,
    exhausted: bool,
    /// The last thing the host said about the login, if it is short enough to be a reason.
    banner: Option<String>,
}

impl Control {
    pub(super) fn new(clock: Arc<Clock>) -> Arc<Control> {
        Control::among(&ALL_HELD, clock)
    }

    fn among(all: &'static AtomicIsize, clock: Arc<Clock>) -> Arc<Control> {
        Arc::new(Control {
            cut: Flag::default(),
            finished: Flag::default(),
            patience: OnceLock::new(),
            stalled: watch::Sender::default(),
            held: AtomicIsize::new(0),
            all,
            paced: AtomicBool::new(false),
            reader: AtomicWaker::new(),
            writer: AtomicWaker::new(),
            said: Mutex::default(),
            clock,
        })
    }

    fn said(&self) -> std::sync::MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the connection: its task sees an error at once, ends, and closes the socket.
    pub(super) fn cut(&self) {
        self.cut.set();
        self.reader.wake();
        self.writer.wake();
    }

    /// From now on this is the rule for silence; before, the connect timeout rules.
    pub(super) fn establish(&self, patience: Patience) {
        let _ = self.patience.set(patience);
        self.reader.wake();
    }

    /// Follows whether the link is stalled, and since when it is silent; a stall that is under way counts as a change.
    pub(super) fn stalled(&self) -> watch::Receiver<Option<Instant>> {
        let mut stalled = self.stalled.subscribe();
        if stalled.borrow().is_some() {
            stalled.mark_changed();
        }
        stalled
    }

    /// So many bytes of output now wait for their consumer.
    pub(super) fn hold(&self, bytes: usize) {
        self.held.fetch_add(bytes as isize, SeqCst);
        self.all.fetch_add(bytes as isize, SeqCst);
    }

    /// So many bytes were taken by their consumer.
    pub(super) fn release(&self, bytes: usize) {
        self.held.fetch_sub(bytes as isize, SeqCst);
        self.all.fetch_sub(bytes as isize, SeqCst);
        if self.paced.load(SeqCst) && !self.is_full() {
            self.reader.wake();
        }
    }

    /// Whether so much waits that nothing more is read. What others hold may become less without a word to this reader; but
    /// it holds something itself then, and is told when that is taken.
    fn is_full(&self) -> bool {
        let held = self.held.load(SeqCst);
        held > HELD_LIMIT || (held > SHORT_LIMIT && self.all.load(SeqCst) > ALL_LIMIT)
    }

    /// The reader waits if it must; then whoever releases bytes wakes it.
    fn must_wait(&self) -> bool {
        if !self.is_full() {
            return false;
        }
        self.paced.store(true, SeqCst);
        // What was released in between has woken nobody.
        self.is_full()
    }

    /// Bytes that wait for their consumer.
    #[cfg(test)]
    pub(super) fn held(&self) -> isize {
        self.held.load(SeqCst)
    }

    /// The clock of this connection.
    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Whether the link is stalled now.
    pub(super) fn is_stalled(&self) -> bool {
        self.stalled.borrow().is_some()
    }

    /// Waits until the connection is ended by us.
    pub(super) async fn ended(&self) {
        self.cut.wait().await;
    }

    /// The connection's task is over, and everything is known about its end.
    pub(super) fn finish(&self) {
        self.finished.set();
    }

    /// Waits for that.
    pub(super) async fn finished(&self) {
        self.finished.wait().await;
    }

    /// Notes why the link ended; the first reason stands.
    pub(super) fn lose(&self, why: impl Into<String>) {
        self.said().lost.get_or_insert_with(|| why.into());
    }

    /// The host ended the connection in its own words.
    pub(super) fn dismiss(&self, words: &str) {
        self.said().dismissed = true;
        self.lose(format!("the host ended the connection: {words}"));
    }

    /// The host refused the last way to log in that it knows; russh ends the connection then.
    pub(super) fn exhaust(&self) {
        self.said().exhausted = true;
        self.lose("the host knows no other way to log in");
    }

    /// Whether the connection ended with a refusal that was heard.
    pub(super) fn exhausted(&self) -> bool {
        self.said().exhausted
    }

    /// The host says something during the login (RFC 4252 section 5.4). One line may be why it will refuse; several are a
    /// greeting.
    pub(super) fn hear_banner(&self, words: &str) {
        let mut lines = words.lines().map(str::trim).filter(|line| !line.is_empty());
        self.said().banner = match (lines.next(), lines.next()) {
            (Some(line), None) => Some(crate::escape::text(line, BANNER_LIMIT)),
            _ => None,
        };
    }

    /// What the host last said during the login, if that was one line.
    pub(super) fn banner(&self) -> Option<String> {
        self.said().banner.clone()
    }

    /// Whether the host ended the connection in its own words.
    pub(super) fn dismissed(&self) -> bool {
        self.said().dismissed
    }

    /// Why the link ended, if it has.
    pub(super) fn lost(&self) -> Option<String> {
        self.said().lost.clone()
    }

    /// The text that a server sent in place of its identification.
    pub(super) fn preamble(&self) -> String {
        crate::escape::text(&String::from_utf8_lossy(&self.said().opening.preamble), PREAMBLE_LIMIT)
    }

    /// Looks at what comes before the identification line is complete; says whether it still wants to see more.
    fn look(&self, bytes: &[u8]) -> bool {
        let mut said = self.said();
        if said.opening.look(bytes) {
            drop(said);
            self.clock.enter(Stage::KeyExchange);
            return false;
        }
        said.opening.seen < OPENING_LIMIT
    }
}

impl Opening {
    /// Whether the identification (RFC 4253 section 4.2) is complete with these bytes.
    fn look(&mut self, bytes: &[u8]) -> bool {
        self.seen += bytes.len();
        for &byte in bytes {
            if self.preamble.len() < PREAMBLE_LIMIT {
                self.preamble.push(byte);
            }
            if byte == b'\n' {
                if self.line.starts_with(b"SSH-") {
                    return true;
                }
                self.line.clear();
            } else if self.line.len() < 4 {
                self.line.push(byte);
            }
        }
        false
    }
}

/// What nobody took is held no more.
impl Drop for Control {
    fn drop(&mut self) {
        self.all.fetch_sub(*self.held.get_mut(), SeqCst);
    }
}

/// Cuts the connection when it goes, so that nothing outlives whoever waited for it.
#[derive(Debug)]
pub(super) struct Guard(pub(super) Arc<Control>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.cut();
    }
}

/// The stream as russh sees it.
pub(super) struct Guarded {
    stream: Stream,
    control: Arc<Control>,
    /// Whether `control.look` still wants to see what comes.
    opening: bool,
    ahead: Ahead,
    began: Instant,
    ear: Ear,
    stalled: bool,
    /// The next look at the silence. Made when first needed and moved after that.
    look: Option<Pin<Box<Sleep>>>,
}

impl Guarded {
    pub(super) fn new(stream: Stream, control: Arc<Control>) -> Guarded {
        let ear = Ear::new(Duration::ZERO);
        let began = Instant::now();
        Guarded {
            stream,
            control,
            opening: true,
            ahead: Ahead::new(),
            began,
            ear,
            stalled: false,
            look: None,
        }
    }

    fn heard(&mut self, bytes: &[u8]) {
        let now = self.began.elapsed();
        if now.saturating_sub(self.ear.heard()) > RESTED {
            // It was asked and answers. The look that was to see whether it does would wake an idle link for nothing, and
            // there may be thousands; between keys it is left to ring.
            self.look = None;
        }
        self.ear.hears(now);
        if std::mem::take(&mut self.stalled) {
            self.control.stalled.send_replace(None);
        }
        if self.opening {
            self.opening = self.control.look(bytes);
        }
    }

    /// Judges the silence of a link on which nothing moves at this moment, and ends it when it is lost.
    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(patience) = self.control.patience.get().copied() else { return Poll::Pending };
        loop {
            let (verdict, due) = self.ear.look(self.began.elapsed(), &patience);
            match verdict {
                Verdict::Fine => {}
                Verdict::Stalled if self.stalled => {}
                Verdict::Stalled => {
                    self.stalled = true;
                    self.control.stalled.send_replace(Some(self.began + self.ear.heard()));
                }
                Verdict::Lost => {
                    let silent = self.began.elapsed().saturating_sub(self.ear.heard());
                    let why = format!("nothing heard for {} s", silent.as_secs());
                    self.control.lose(why.clone());
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, why)));
                }
            }
            let Some(due) = due.map(|due| self.began + due) else { return Poll::Pending };
            let look = self.look.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due)));
            // With everything that is heard the next look moves away; a timer that rings too early is moved then, and
            // not with every byte.
            if look.is_elapsed() || due < look.deadline() {
                look.as_mut().reset(due);
            }
            std::task::ready!(look.as_mut().poll(cx));
        }
    }

    fn check(&self) -> io::Result<()> {
        if self.control.cut.is_set() {
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "ended by us"));
        }
        Ok(())
    }

    fn note<T>(&self, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if let Poll::Ready(Err(error)) = &result {
            self.control.lose(error.to_string());
        }
        result
    }
}

impl AsyncRead for Guarded {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let me = self.get_mut();
        me.control.reader.register(cx.waker());
        me.check()?;
        if me.control.must_wait() {
            return Poll::Pending;
        }
        if me.control.paced.swap(false, SeqCst) {
            me.ear.hears(me.began.elapsed());
        }
        let before = buf.filled().len();
        let read = me.ahead.poll_read(&mut me.stream, cx, buf);
        match me.note(read) {
            Poll::Ready(Ok(())) if buf.filled().len() == before => {
                me.control.lose("the host closed the connection");
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Ok(())) => {
                me.heard(&buf.filled()[before..]);
                Poll::Ready(Ok(()))
            }
            Poll::Ready(error) => Poll::Ready(error),
            Poll::Pending => me.poll_silence(cx),
        }
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let me = self.get_mut();
        me.control.writer.register(cx.waker());
        me.check()?;
        me.ear.sends(me.began.elapsed());
        match Pin::new(&mut me.stream).poll_write(cx, buf) {
            Poll::Pending => me.poll_silence(cx).map_ok(|()| 0),
            written => me.note(written),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let me = self.get_mut();
        me.control.writer.register(cx.waker());
        me.check()?;
        match Pin::new(&mut me.stream).poll_flush(cx) {
            Poll::Pending => me.poll_silence(cx),
            flushed => me.note(flushed),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let me = self.get_mut();
        me.control.writer.register(cx.waker());
        me.check()?;
        Pin::new(&mut me.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
