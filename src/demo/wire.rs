//! The stream under a host's SSH connection: it can be cut from outside, made silent, and made to read slower.
//!
//! russh gives window credit back when data arrives and not when it is consumed, so a command that reads slowly cannot
//! shut the client's window. What shuts it instead is this stream: while a connection's input backlog is above
//! [`Backlog::SOFT`], one read is let through every half second, enough to notice a signal, a close or a lost
//! client behind the data; above [`Backlog::HARD`] none is.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// How much input of a connection waits to be consumed, in bytes.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    bytes: AtomicUsize,
    reader: AtomicWaker,
}

impl Backlog {
    /// Above this reads are slowed: 256 kB.
    const SOFT: usize = 256 * 1024;
    /// Above this nothing is read: 2 MB.
    const HARD: usize = 2 * 1024 * 1024;
    /// What a message costs beside its bytes.
    const EACH: usize = 64;

    pub(super) fn add(&self, bytes: usize) {
        self.bytes.fetch_add(bytes + Backlog::EACH, Ordering::AcqRel);
    }

    pub(super) fn consumed(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes + Backlog::EACH, Ordering::AcqRel);
        self.reader.wake();
    }

    fn is_above(&self, bound: usize) -> bool {
        self.bytes.load(Ordering::Acquire) > bound
    }
}

/// What the host does to one of its connections.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// Cut once cancelled, as if the cable were.
    pub(super) cut: CancellationToken,
    /// Once set, what the host writes goes nowhere; it still reads.
    silent: Arc<AtomicBool>,
    pub(super) backlog: Arc<Backlog>,
}

impl Line {
    /// A connection that is cut with `host`, or alone.
    pub(super) fn new(host: &CancellationToken) -> Line {
        Line { cut: host.child_token(), silent: Arc::default(), backlog: Arc::default() }
    }

    pub(super) fn fall_silent(&self) {
        self.silent.store(true, Ordering::Release);
    }

    /// `stream` under the rule of this line.
    pub(super) fn wrap<S>(&self, stream: S) -> Wire<S> {
        Wire {
            stream,
            cut: Box::pin(self.cut.clone().cancelled_owned()),
            line: self.clone(),
            trickle: None,
            is_cut: false,
        }
    }
}

/// See the module.
pub(super) struct Wire<S> {
    stream: S,
    line: Line,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
    trickle: Option<Pin<Box<Sleep>>>,
    is_cut: bool,
}

impl<S> Wire<S> {
    /// How long a slowed reader waits between two reads.
    const TRICKLE: Duration = Duration::from_millis(500);

    fn poll_cut(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if self.is_cut || self.cut.as_mut().poll(cx).is_ready() {
            self.is_cut = true;
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Ok(())
    }

    /// Ready when the backlog allows a read.
    fn poll_allowed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let backlog = &self.line.backlog;
        if backlog.is_above(Backlog::SOFT) {
            backlog.reader.register(cx.waker());
        }
        if !backlog.is_above(Backlog::SOFT) {
            self.trickle = None;
            return Poll::Ready(());
        }
        if backlog.is_above(Backlog::HARD) {
            return Poll::Pending;
        }
        let trickle = self.trickle.get_or_insert_with(|| Box::pin(tokio::time::sleep(Self::TRICKLE)));
        if !trickle.is_elapsed() {
            ready!(trickle.as_mut().poll(cx));
        }
        Poll::Ready(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.poll_cut(cx)?;
        ready!(this.poll_allowed(cx));
        ready!(Pin::new(&mut this.stream).poll_read(cx, buf))?;
        this.trickle = None;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.poll_cut(cx)?;
        if this.line.silent.load(Ordering::Acquire) {
            return Poll::Ready(Ok(bytes.len()));
        }
        Pin::new(&mut this.stream).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test]
    async fn a_cut_line_fails_a_pending_read() {
        let line = Line::new(&CancellationToken::new());
        let (near, _far) = duplex(64);
        let mut wire = line.wrap(near);
        let reading = tokio::spawn(async move { wire.read(&mut [0; 8]).await.map_err(|e| e.kind()) });
        line.cut.cancel();
        assert_eq!(reading.await.unwrap(), Err(io::ErrorKind::ConnectionReset));
    }

    #[tokio::test]
    async fn a_silent_line_swallows_what_is_written() {
        let line = Line::new(&CancellationToken::new());
        let (near, mut far) = duplex(64);
        let mut wire = line.wrap(near);
        wire.write_all(b"heard").await.unwrap();
        line.fall_silent();
        wire.write_all(&[b'x'; 1000]).await.unwrap();
        drop(wire);
        let mut heard = Vec::new();
        far.read_to_end(&mut heard).await.unwrap();
        assert_eq!(heard, b"heard");
    }

    #[tokio::test(start_paused = true)]
    async fn a_backlog_slows_reads_and_a_large_one_stops_them() {
        let line = Line::new(&CancellationToken::new());
        let (near, mut far) = duplex(64);
        let mut wire = line.wrap(near);
        far.write_all(b"abc").await.unwrap();
        line.backlog.add(Backlog::SOFT);
        let start = tokio::time::Instant::now();
        assert_eq!(wire.read_u8().await.unwrap(), b'a');
        assert!(start.elapsed() >= Wire::<()>::TRICKLE);
        line.backlog.add(Backlog::HARD);
        let stopped = tokio::time::timeout(Duration::from_secs(60), wire.read_u8()).await;
        assert!(stopped.is_err());
        line.backlog.consumed(Backlog::HARD);
        line.backlog.consumed(Backlog::SOFT);
        assert_eq!(wire.read_u8().await.unwrap(), b'b');
    }
}
