//! Between two SSH layers: a channel of the outer connection made the stream of the inner one.
//!
//! Theory: a russh connection does not read while it writes, and it does not write while it hands data on. Two of them
//! joined directly can therefore wait for each other for ever, and with them every host behind the same jump host. So
//! neither layer ever waits for the other:
//! - what comes is drained at once into [`Pipe`], whoever reads it. What bounds it is the inner layer: as long as that
//!   does not read (its consumer is slow, see [`super::stream`]) it gives the host no further window, so an honest host
//!   falls silent after one window, and neither its neighbours nor the outer connection feel it. Nothing has to be left
//!   out or dropped: bytes in the middle of an SSH stream could not be. A host that sends more than its window allows
//!   meets [`DRAIN_LIMIT`] and loses its own link, no other;
//! - what goes waits in the pipe, up to [`OUTGOING_LIMIT`], for the window of the outer channel; the inner layer waits
//!   for nothing else;
//! - under the outer connection stands [`Draining`], which goes on reading while a write waits: a jump host of the same
//!   habits reads again only when it has written what it has.

use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;

use super::channel::{Channel, ChannelEvent, ChannelInput, ChannelOutput};
use super::stream::Stream;

/// Bytes that were drained and wait for their reader. An honest host cannot come so far: its window is 256 kB, and even
/// single bytes, with their headers and the longest MAC, make no more than a hundred bytes each on the wire.
pub(super) const DRAIN_LIMIT: usize = 32 << 20;

/// Bytes of the inner layer that wait for the outer channel; at the bound its writes wait.
const OUTGOING_LIMIT: usize = 256 * 1024;

/// An emptied buffer larger than this is given back.
const SPARE: usize = 64 * 1024;

/// How long saying good-bye to a channel may take.
const GOODBYE: Duration = Duration::from_secs(1);

/// What both ends of a tunnel share.
#[derive(Debug, Default)]
pub(super) struct Pipe {
    state: Mutex<State>,
    /// The inner layer wrote, shut down or went away.
    stirred: Notify,
}

#[derive(Debug, Default)]
struct State {
    incoming: BytesMut,
    /// Nothing more will come: the host closed it, or the outer connection was lost for this reason.
    ended: Option<Result<(), String>>,
    outgoing: BytesMut,
    /// Bytes taken from `outgoing` that the outer connection has not taken yet.
    sending: bool,
    shut: bool,
    left: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// What the pump does next on the way out.
#[derive(Debug, PartialEq, Eq)]
enum Errand {
    Send(Bytes),
    Eof,
}

impl Pipe {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in what came; false when it is more than an honest host can send.
    fn take_in(&self, bytes: &[u8]) -> bool {
        let mut state = self.state();
        if state.left {
            return true;
        }
        if state.incoming.len() + bytes.len() > DRAIN_LIMIT {
            return false;
        }
        state.incoming.extend_from_slice(bytes);
        wake(state.reader.take());
        true
    }

    /// Nothing more will come; the first reason stands.
    fn end(&self, how: Result<(), String>) {
        let mut state = self.state();
        state.ended.get_or_insert(how);
        wake(state.reader.take());
        wake(state.writer.take());
    }

    /// The next thing to do on the way out, in order.
    async fn errand(&self) -> Errand {
        loop {
            let mut stirred = pin!(self.stirred.notified());
            stirred.as_mut().enable();
            {
                let mut state = self.state();
                state.sending = !state.outgoing.is_empty();
                if state.sending {
                    return Errand::Send(state.outgoing.split().freeze());
                }
                wake(state.writer.take());
                if state.shut {
                    return Errand::Eof;
                }
            }
            stirred.await;
        }
    }

    /// Waits until the inner layer has let go of its end.
    async fn left(&self) {
        loop {
            let mut stirred = pin!(self.stirred.notified());
            stirred.as_mut().enable();
            if self.state().left {
                return;
            }
            stirred.await;
        }
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// Empties what was read into `buf`, and gives a large buffer back when it is empty.
fn hand_out(kept: &mut BytesMut, buf: &mut ReadBuf<'_>) {
    let n = kept.len().min(buf.remaining());
    buf.put_slice(&kept[..n]);
    kept.advance(n);
    if kept.is_empty() && kept.capacity() > SPARE {
        *kept = BytesMut::new();
    }
}

/// The end of a tunnel that the inner layer holds. Dropping it closes the channel.
#[derive(Debug)]
pub(super) struct Tunnel(Arc<Pipe>);

/// The end of a tunnel that the pump holds.
#[derive(Debug)]
pub(super) struct Outlet(Arc<Pipe>);

/// A tunnel, not yet joined to a channel.
pub(super) fn tunnel() -> (Tunnel, Outlet) {
    let pipe = Arc::<Pipe>::default();
    (Tunnel(Arc::clone(&pipe)), Outlet(pipe))
}

impl Tunnel {
    /// Why nothing more can be written, if so.
    fn broken(state: &State) -> Option<io::Error> {
        let why = match state.ended.as_ref()? {
            Ok(()) => "the host closed the connection",
            Err(why) => why,
        };
        Some(io::Error::new(io::ErrorKind::BrokenPipe, why))
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.left = true;
        (state.incoming, state.outgoing) = Default::default();
        drop(state);
        self.0.stirred.notify_waiters();
    }
}

impl AsyncRead for Tunnel {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut state = self.0.state();
        if !state.incoming.is_empty() {
            hand_out(&mut state.incoming, buf);
            return Poll::Ready(Ok(()));
        }
        match &state.ended {
            Some(Ok(())) => Poll::Ready(Ok(())),
            Some(Err(why)) => Poll::Ready(Err(io::Error::new(io::ErrorKind::ConnectionAborted, why.clone()))),
            None => {
                state.reader = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl AsyncWrite for Tunnel {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let mut state = self.0.state();
        if let Some(error) = Tunnel::broken(&state) {
            return Poll::Ready(Err(error));
        }
        let room = OUTGOING_LIMIT.saturating_sub(state.outgoing.len());
        if room == 0 {
            state.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let n = room.min(buf.len());
        state.outgoing.extend_from_slice(&buf[..n]);
        drop(state);
        self.0.stirred.notify_waiters();
        Poll::Ready(Ok(n))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Done when all that was written has been handed to the outer connection.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.0.state();
        let first = !std::mem::replace(&mut state.shut, true);
        let over = state.ended.is_some() || (state.outgoing.is_empty() && !state.sending);
        if !over {
            state.writer = Some(cx.waker().clone());
        }
        drop(state);
        if first {
            self.0.stirred.notify_waiters();
        }
        if over { Poll::Ready(Ok(())) } else { Poll::Pending }
    }
}

impl Outlet {
    /// Moves bytes between the channel and the tunnel until either ends, then closes the channel. `name` is the host that
    /// carries the channel, for the sentence of those behind it.
    pub(super) async fn run(self, channel: Channel, name: &str) {
        let Channel { mut input, output } = channel;
        let pipe = &*self.0;
        {
            let sending = pin!(send(pipe, &mut input));
            let draining = pin!(drain(pipe, output, name));
            tokio::select! {
                () = draining => {}
                () = pipe.left() => {}
                never = sending => match never {},
            }
        }
        let _ = tokio::time::timeout(GOODBYE, input.close()).await;
    }
}

/// Drains the channel to its end.
async fn drain(pipe: &Pipe, mut output: ChannelOutput, name: &str) {
    loop {
        match output.next().await {
            ChannelEvent::Data(bytes) => {
                if !pipe.take_in(&bytes) {
                    return pipe.end(Err(format!("it sends more than it may ({} MB)", DRAIN_LIMIT >> 20)));
                }
            }
            ChannelEvent::Eof => pipe.end(Ok(())),
            ChannelEvent::Closed(Ok(())) => return pipe.end(Ok(())),
            ChannelEvent::Closed(Err(why)) => {
                return pipe.end(Err(format!("the jump host {name}: {why}")));
            }
            ChannelEvent::Stderr(_) | ChannelEvent::Exit(_) | ChannelEvent::Signal(_) => {}
        }
    }
}

async fn send(pipe: &Pipe, input: &mut ChannelInput) -> std::convert::Infallible {
    loop {
        let gone = match pipe.errand().await {
            Errand::Send(bytes) => input.write(bytes).await.is_err(),
            Errand::Eof => {
                let _ = input.eof().await;
                true
            }
        };
        if gone {
            // The draining side learns the reason, or the inner layer lets go.
            std::future::pending::<()>().await;
        }
    }
}

/// A stream that goes on reading while a write waits.
pub(super) struct Draining {
    stream: Stream,
    kept: BytesMut,
    /// How reading ended while a write waited.
    ended: Option<io::Result<()>>,
    reader: Option<Waker>,
}

/// Bytes that are read at once while a write waits.
const GULP: usize = 16 * 1024;

impl Draining {
    pub(super) fn new(stream: Stream) -> Draining {
        Draining { stream, kept: BytesMut::new(), ended: None, reader: None }
    }

    fn drain(&mut self, cx: &mut Context<'_>) {
        let mut scratch = [0; GULP];
        while self.ended.is_none() && self.kept.len() < DRAIN_LIMIT {
            let mut buf = ReadBuf::new(&mut scratch);
            match Pin::new(&mut self.stream).poll_read(cx, &mut buf) {
                Poll::Pending => return,
                Poll::Ready(Ok(())) if !buf.filled().is_empty() => self.kept.extend_from_slice(buf.filled()),
                Poll::Ready(end) => self.ended = Some(end),
            }
            // The reader waits for a socket that we have emptied.
            wake(self.reader.take());
        }
    }
}

impl AsyncRead for Draining {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let me = self.get_mut();
        if !me.kept.is_empty() {
            hand_out(&mut me.kept, buf);
            return Poll::Ready(Ok(()));
        }
        if let Some(end) = me.ended.take() {
            return Poll::Ready(end);
        }
        let read = Pin::new(&mut me.stream).poll_read(cx, buf);
        if read.is_pending() {
            me.reader = Some(cx.waker().clone());
        }
        read
    }
}

impl AsyncWrite for Draining {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let me = self.get_mut();
        let written = Pin::new(&mut me.stream).poll_write(cx, buf);
        if written.is_pending() {
            me.drain(cx);
        }
        written
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let me = self.get_mut();
        let flushed = Pin::new(&mut me.stream).poll_flush(cx);
        if flushed.is_pending() {
            me.drain(cx);
        }
        flushed
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn what_comes_waits_for_its_reader_and_the_end_comes_after_it() {
        let (mut tunnel, outlet) = tunnel();
        assert!(outlet.0.take_in(b"one "));
        assert!(outlet.0.take_in(&[b'x'; SPARE * 2]));
        outlet.0.end(Err("the jump host b: gone".to_owned()));
        outlet.0.end(Ok(()));
        let mut seen = Vec::new();
        let error = tunnel.read_to_end(&mut seen).await.unwrap_err();
        assert_eq!((seen.len(), error.to_string()), (4 + SPARE * 2, "the jump host b: gone".to_owned()));
        let error = tunnel.write_all(b"x").await.unwrap_err();
        assert_eq!(error.to_string(), "the jump host b: gone");
    }

    #[test]
    fn more_than_any_window_is_refused() {
        let (_tunnel, outlet) = tunnel();
        let piece = vec![0; DRAIN_LIMIT / 4];
        assert!((0..4).all(|_| outlet.0.take_in(&piece)));
        assert!(!outlet.0.take_in(b"x"));
    }

    #[tokio::test]
    async fn what_goes_is_bounded_keeps_its_order_and_a_shutdown_waits_for_it() {
        let (mut tunnel, outlet) = tunnel();
        tunnel.write_all(b"first ").await.unwrap();
        let writer = tokio::spawn(async move {
            tunnel.write_all(&vec![b'x'; 2 * OUTGOING_LIMIT]).await.unwrap();
            tunnel.shutdown().await.unwrap();
            tunnel
        });
        let mut sent = Vec::new();
        loop {
            tokio::task::yield_now().await;
            assert!(outlet.0.state().outgoing.len() <= OUTGOING_LIMIT);
            match outlet.0.errand().await {
                Errand::Send(bytes) => sent.extend_from_slice(&bytes),
                Errand::Eof => break,
            }
            assert!(!writer.is_finished(), "its last bytes are still on their way");
        }
        assert_eq!(sent.len(), 6 + 2 * OUTGOING_LIMIT);
        assert!(sent.starts_with(b"first x"));
        drop(writer.await.unwrap());
        outlet.0.left().await;
    }

    #[tokio::test]
    async fn two_that_write_before_they_read_do_not_wait_for_each_other() {
        // Each side writes more than the stream between them holds before it reads anything.
        const AMOUNT: usize = 1 << 20;
        let (near, far) = tokio::io::duplex(1024);
        let talk = |mut stream: Draining| async move {
            stream.write_all(&vec![7; AMOUNT]).await.unwrap();
            let mut heard = vec![0; AMOUNT];
            stream.read_exact(&mut heard).await.unwrap();
            stream.shutdown().await.unwrap();
            assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 0);
        };
        let both = async {
            tokio::join!(talk(Draining::new(Box::new(near))), talk(Draining::new(Box::new(far))));
        };
        tokio::time::timeout(Duration::from_secs(30), both).await.expect("neither waits for ever");
    }
}
