//! How a stream to a host is had: TCP here; other implementations of [`Dial`] give streams through a jump host or into
//! the demo fleet.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::clock::Progress;
use super::stream::Stream;
use super::{ConnectError, Stage, Target};
use crate::ask::BoxFuture;
use crate::hosts::Host;

/// One hop: which host, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    /// The host as named.
    pub host: Host,
    /// The name or address to dial.
    pub address: String,
    /// The port to dial.
    pub port: u16,
}

impl From<&Target> for Hop {
    fn from(target: &Target) -> Hop {
        Hop { host: target.host.clone(), address: target.address.clone(), port: target.port }
    }
}

/// Gives a stream to a hop. Everything above it (host keys, login, channels) is the same for all implementations.
pub trait Dial: Send + Sync {
    /// Opens a stream; reports the stages it goes through. Dropping the future gives up and leaves nothing behind.
    fn dial<'a>(
        &'a self,
        hop: &'a Hop,
        progress: &'a dyn Progress,
    ) -> BoxFuture<'a, Result<Stream, ConnectError>>;
}

/// Addresses of one name that are tried; more than that are not a host but a mistake.
const ADDRESSES: usize = 8;

/// How long an address may stay silent before the next one is tried beside it.
const STAGGER: Duration = Duration::from_secs(1);

/// TCP, straight to the address.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tcp;

impl Dial for Tcp {
    fn dial<'a>(
        &'a self,
        hop: &'a Hop,
        progress: &'a dyn Progress,
    ) -> BoxFuture<'a, Result<Stream, ConnectError>> {
        Box::pin(async move {
            progress.stage(Stage::Resolve);
            let addresses = resolve(hop).await?;
            progress.stage(Stage::Tcp);
            let stream = race(&addresses).await.map_err(|error| unreachable(Stage::Tcp, &error))?;
            tune(&stream).map_err(|error| unreachable(Stage::Tcp, &error))?;
            Ok(Box::new(Quick { stream, stale: true }) as Stream)
        })
    }
}

fn unreachable(stage: Stage, error: &io::Error) -> ConnectError {
    let why = match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        io::ErrorKind::TimedOut => "connection timed out".to_owned(),
        _ => crate::escape::text(&error.to_string(), 200),
    };
    ConnectError::Unreachable { stage, why }
}

async fn resolve(hop: &Hop) -> Result<Vec<SocketAddr>, ConnectError> {
    let unknown = |why: String| ConnectError::Unreachable {
        stage: Stage::Resolve,
        why: format!("`{}`: {why}", crate::escape::text(&hop.address, 200)),
    };
    let found = tokio::net::lookup_host((hop.address.as_str(), hop.port))
        .await
        .map_err(|error| unknown(crate::escape::text(&error.to_string(), 200)))?;
    let addresses: Vec<SocketAddr> = found.take(ADDRESSES).collect();
    if addresses.is_empty() {
        return Err(unknown("the name has no address".to_owned()));
    }
    Ok(addresses)
}

/// Connects to the first address that answers. The next one is tried when the one before it failed or was silent for
/// [`STAGGER`], so that one dead address does not use up the time of the others.
async fn race(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut waiting = addresses.iter();
    let mut under_way = FuturesUnordered::new();
    let mut failure = None;
    loop {
        if let Some(address) = waiting.next() {
            under_way.push(TcpStream::connect(address));
        }
        let next = if waiting.len() == 0 {
            under_way.next().await
        } else {
            match tokio::time::timeout(STAGGER, under_way.next()).await {
                Ok(next) => next,
                Err(_) => continue,
            }
        };
        match next {
            Some(Ok(stream)) => return Ok(stream),
            Some(Err(error)) => failure = Some(error),
            None => return Err(failure.unwrap_or_else(|| io::Error::from(io::ErrorKind::AddrNotAvailable))),
        }
    }
}

/// Without nodelay each small packet waits for the host's delayed ACK (40 ms). TCP's own keepalive runs at the system's
/// pace, as with `ssh`, and nothing makes the kernel give up sooner: when silence ends a link is judged above (`silence`),
/// and a link that is only shown as stalled outlives the sleep of a laptop.
fn tune(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    SockRef::from(stream).set_keepalive(true)
}

/// A TCP stream that acknowledges at once: sshd leaves Nagle's algorithm on without a terminal, and each of its packets
/// would wait 40 ms for our delayed ACK. The kernel forgets the setting, so it is armed again whenever the socket has
/// been read empty.
struct Quick {
    stream: TcpStream,
    stale: bool,
}

impl AsyncRead for Quick {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let me = self.get_mut();
        let read = Pin::new(&mut me.stream).poll_read(cx, buf);
        if read.is_ready() {
            me.stale = true;
        } else if std::mem::take(&mut me.stale) {
            #[cfg(target_os = "linux")]
            let _ = SockRef::from(&me.stream).set_tcp_quickack(true);
        }
        read
    }
}

impl AsyncWrite for Quick {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
