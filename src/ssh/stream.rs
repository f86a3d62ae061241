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
        Guarded { stream, control, opening: true, began, ear, stalled: false, look: None }
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
        let read = Pin::new(&mut me.stream).poll_read(cx, buf);
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
mod tests {
    use super::super::silence::Silence;
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    fn guarded() -> (Guarded, tokio::io::DuplexStream, Arc<Control>) {
        let (near, far) = tokio::io::duplex(1 << 20);
        let control = Control::new(Arc::new(Clock::new(Duration::from_secs(1))));
        (Guarded::new(Box::new(near), Arc::clone(&control)), far, control)
    }

    fn patience(silence: Silence) -> Patience {
        Patience::of(silence, None)
    }

    #[tokio::test(start_paused = true)]
    async fn silence_ends_an_established_link_that_owes_an_answer() {
        let (mut guarded, mut far, control) = guarded();
        guarded.write_all(b"a question").await.unwrap();
        let wait = tokio::time::timeout(Duration::from_secs(1000), guarded.read_u8());
        wait.await.expect_err("before the login the connect timeout rules");
        control.establish(patience(Silence::Ends));
        far.write_all(b"x").await.unwrap();
        assert_eq!(guarded.read_u8().await.unwrap(), b'x');
        let wait = tokio::time::timeout(Duration::from_secs(1000), guarded.read_u8());
        wait.await.expect_err("nothing was asked");
        guarded.write_all(b"a question").await.unwrap();
        let start = Instant::now();
        let error = guarded.read_u8().await.unwrap_err();
        assert_eq!((error.kind(), start.elapsed().as_secs()), (io::ErrorKind::TimedOut, 45));
        assert_eq!(control.lost().as_deref(), Some("nothing heard for 1045 s"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_stalled_link_stays_and_is_heard_again() {
        let (mut guarded, mut far, control) = guarded();
        control.establish(patience(Silence::Shown));
        let mut stalled = control.stalled();
        for _ in 0..2 {
            let heard = Instant::now();
            guarded.write_all(b"a key").await.unwrap();
            let reading = tokio::spawn(async move { (guarded.read_u8().await, guarded) });
            stalled.changed().await.unwrap();
            assert_eq!(heard.elapsed().as_secs(), 15);
            assert_eq!(*stalled.borrow_and_update(), Some(heard));
            tokio::time::sleep(Duration::from_secs(86_400)).await;
            assert!(!reading.is_finished());
            assert!(control.stalled().has_changed().unwrap(), "who comes late is told too");
            far.write_all(b"x").await.unwrap();
            stalled.changed().await.unwrap();
            assert_eq!(*stalled.borrow_and_update(), None);
            let read;
            (read, guarded) = reading.await.unwrap();
            assert_eq!(read.unwrap(), b'x');
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_sleep_of_ours_is_no_silence_of_the_host() {
        let (mut guarded, _far, control) = guarded();
        control.establish(patience(Silence::Ends));
        guarded.write_all(b"a question").await.unwrap();
        let reading = tokio::spawn(async move { guarded.read_u8().await.unwrap_err().kind() });
        tokio::task::yield_now().await;
        tokio::time::advance(Duration::from_secs(3600)).await;
        let awake = Instant::now();
        assert_eq!(reading.await.unwrap(), io::ErrorKind::TimedOut);
        assert_eq!(awake.elapsed().as_secs(), 45);
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_that_does_not_come_through_is_silence() {
        let (near, _far) = tokio::io::duplex(16);
        let control = Control::new(Arc::new(Clock::new(Duration::from_secs(1))));
        let mut guarded = Guarded::new(Box::new(near), Arc::clone(&control));
        control.establish(patience(Silence::Ends));
        let start = Instant::now();
        let error = guarded.write_all(&[0; 100]).await.unwrap_err();
        assert_eq!((error.kind(), start.elapsed().as_secs()), (io::ErrorKind::TimedOut, 60));
    }

    #[tokio::test(start_paused = true)]
    async fn time_in_which_we_do_not_read_is_no_silence() {
        let (mut guarded, mut far, control) = guarded();
        control.establish(patience(Silence::Ends));
        control.hold(HELD_LIMIT as usize + 1);
        far.write_all(b"x").await.unwrap();
        tokio::time::timeout(Duration::from_secs(1000), guarded.read_u8()).await.expect_err("paced");
        // Writes go on.
        guarded.write_all(b"^C").await.unwrap();
        control.release(1);
        assert_eq!(guarded.read_u8().await.unwrap(), b'x');
        guarded.write_all(b"a question").await.unwrap();
        let start = Instant::now();
        guarded.read_u8().await.unwrap_err();
        assert_eq!(start.elapsed().as_secs(), 60);
    }

    #[tokio::test]
    async fn release_and_cut_wake_a_reader() {
        let (mut guarded, mut far, control) = guarded();
        control.hold(HELD_LIMIT as usize + 100);
        far.write_all(b"x").await.unwrap();
        let (told, mut hears) = tokio::sync::mpsc::channel(1);
        let reader = tokio::spawn(async move {
            let first = guarded.read_u8().await;
            told.send(first).await.unwrap();
            guarded.read_u8().await
        });
        tokio::task::yield_now().await;
        control.release(100);
        assert_eq!(hears.recv().await.unwrap().unwrap(), b'x');
        control.cut();
        assert_eq!(reader.await.unwrap().unwrap_err().kind(), io::ErrorKind::ConnectionAborted);
    }

    #[tokio::test(start_paused = true)]
    async fn where_all_hold_much_each_may_hold_little_and_what_nobody_took_is_given_back() {
        static ALL: AtomicIsize = AtomicIsize::new(0);
        let control = || Control::among(&ALL, Arc::new(Clock::new(Duration::from_secs(1))));
        let (near, mut far) = tokio::io::duplex(1 << 20);
        let (mine, other) = (control(), control());
        let mut guarded = Guarded::new(Box::new(near), Arc::clone(&mine));
        far.write_all(b"abc").await.unwrap();
        mine.hold(SHORT_LIMIT as usize + 1);
        assert_eq!(guarded.read_u8().await.unwrap(), b'a', "the others hold nothing");
        other.hold(ALL_LIMIT as usize);
        let wait = tokio::time::timeout(Duration::from_secs(1000), guarded.read_u8());
        wait.await.expect_err("all hold too much");
        let reader = tokio::spawn(async move { (guarded.read_u8().await, guarded) });
        tokio::task::yield_now().await;
        mine.release(1);
        let (read, mut guarded) = reader.await.unwrap();
        assert_eq!(read.unwrap(), b'b', "it holds little");
        mine.hold(1);
        drop(other);
        assert_eq!(guarded.read_u8().await.unwrap(), b'c');
        drop((guarded, mine));
        assert_eq!(ALL.load(SeqCst), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_link_that_answers_leaves_no_timer_behind() {
        let (mut guarded, mut far, control) = guarded();
        control.establish(patience(Silence::Shown));
        for _ in 0..2 {
            tokio::time::sleep(Duration::from_secs(9)).await;
            guarded.write_all(b"are you there").await.unwrap();
            let wait = tokio::time::timeout(Duration::from_millis(1), guarded.read_u8());
            wait.await.expect_err("no answer yet");
            assert!(guarded.look.is_some(), "it is looked whether the host answers");
            far.write_all(b"x").await.unwrap();
            assert_eq!(guarded.read_u8().await.unwrap(), b'x');
            assert!(guarded.look.is_none());
        }
    }

    #[test]
    fn the_identification_may_come_in_pieces_and_after_other_lines() {
        let clock = Arc::new(Clock::new(Duration::from_secs(1)));
        let control = Control::new(Arc::clone(&clock));
        clock.enter(Stage::Banner);
        let long = "x".repeat(1000);
        for piece in ["hello\r\n", &long, "SSH-\n", "SS", "H-", "2.0-x", "\r"] {
            assert!(control.look(piece.as_bytes()));
            assert_eq!(clock.stage(), Stage::Banner, "{piece:?}");
        }
        assert!(!control.look(b"\nbinary"));
        assert_eq!(clock.stage(), Stage::KeyExchange);
        assert!(control.preamble().starts_with("hello  xx"));
    }
}
