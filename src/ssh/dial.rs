//! How a stream to a host is had: TCP here; other implementations of [`Dial`] give streams through a jump host or into
//! the demo fleet.

use std::future::ready;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::LazyLock;
use std::task::{Context, Poll};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::clock::Progress;
use super::lookup::{Lookups, System, Unresolved};
use super::race::{interleave, race};
use super::socket::{Origin, Patience, is_scarce};
use super::stream::Stream;
use super::target::{Family, SocketWishes, TcpKeepalives};
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
    /// How the socket is opened.
    pub socket: SocketWishes,
    /// What [`Dial::find`] found, in the order in which it is tried; empty where it was not asked.
    pub found: Vec<SocketAddr>,
}

impl From<&Target> for Hop {
    fn from(target: &Target) -> Hop {
        Hop {
            host: target.host.clone(),
            address: target.address.clone(),
            port: target.port,
            socket: target.socket.clone(),
            found: Vec::new(),
        }
    }
}

/// Gives a stream to a hop. Everything above it (host keys, login, channels) is the same for all implementations.
pub trait Dial: Send + Sync {
    /// The addresses that [`Dial::dial`] would try, for whoever must know them before: how many log in at once is limited
    /// for each address and network. Empty where the hop has none, and no limit of that kind.
    fn find<'a>(
        &'a self,
        _: &'a Hop,
        _: &'a dyn Progress,
    ) -> BoxFuture<'a, Result<Vec<SocketAddr>, ConnectError>> {
        Box::pin(ready(Ok(Vec::new())))
    }

    /// Opens a stream; reports the stages it goes through. Dropping the future gives up and leaves nothing behind.
    fn dial<'a>(
        &'a self,
        hop: &'a Hop,
        progress: &'a dyn Progress,
    ) -> BoxFuture<'a, Result<Stream, ConnectError>>;
}

/// TCP, straight to the address; names are looked up by the system.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tcp;

/// The threads that ask the system's resolver, which there is one of: each resolver has its bounds for the whole process.
static NAMES: LazyLock<Lookups> = LazyLock::new(|| Lookups::new(System));

impl Dial for Tcp {
    fn find<'a>(
        &'a self,
        hop: &'a Hop,
        progress: &'a dyn Progress,
    ) -> BoxFuture<'a, Result<Vec<SocketAddr>, ConnectError>> {
        Box::pin(find(&NAMES, hop, progress))
    }

    fn dial<'a>(
        &'a self,
        hop: &'a Hop,
        progress: &'a dyn Progress,
    ) -> BoxFuture<'a, Result<Stream, ConnectError>> {
        Box::pin(dial(&NAMES, hop, progress))
    }
}

/// TCP, straight to the address; names are looked up by somebody else than the system.
#[derive(Clone, Debug)]
pub struct TcpBy(pub Lookups);

impl Dial for TcpBy {
    fn find<'a>(
        &'a self,
        hop: &'a Hop,
        progress: &'a dyn Progress,
    ) -> BoxFuture<'a, Result<Vec<SocketAddr>, ConnectError>> {
        Box::pin(find(&self.0, hop, progress))
    }

    fn dial<'a>(
        &'a self,
        hop: &'a Hop,
        progress: &'a dyn Progress,
    ) -> BoxFuture<'a, Result<Stream, ConnectError>> {
        Box::pin(dial(&self.0, hop, progress))
    }
}

fn unreachable(stage: Stage, error: &io::Error) -> ConnectError {
    let why = match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        io::ErrorKind::TimedOut => "connection timed out".to_owned(),
        _ if is_scarce(error) => "no file descriptor was left for a minute (`ulimit -n`)".to_owned(),
        _ => crate::escape::text(&error.to_string(), 200),
    };
    ConnectError::Unreachable { stage, why }
}

/// The addresses of a name; while there is no file descriptor to ask with, it waits for one.
async fn look_up(
    names: &Lookups,
    name: &str,
    progress: &dyn Progress,
) -> Result<std::sync::Arc<[SocketAddr]>, ConnectError> {
    // An address is no name: it does not wait behind names of which a resolver says nothing.
    if let Ok(address) = name.parse() {
        return Ok([SocketAddr::new(address, 0)].into());
    }
    let mut patience = Patience::default();
    loop {
        match names.get(name, progress).await {
            Ok(found) => return Ok(found),
            Err(Unresolved::Scarce) if patience.wait(progress).await => {}
            Err(why) => return Err(unresolved(name, &why.to_string())),
        }
    }
}

fn unresolved(name: &str, why: &str) -> ConnectError {
    let why = format!("`{}`: {why}", crate::escape::text(name, 200));
    ConnectError::Unreachable { stage: Stage::Resolve, why }
}

/// The addresses of a hop in the order in which they are tried; never none.
async fn find(names: &Lookups, hop: &Hop, progress: &dyn Progress) -> Result<Vec<SocketAddr>, ConnectError> {
    progress.stage(Stage::Resolve);
    let mut found = look_up(names, &hop.address, progress).await?.to_vec();
    let missing = match hop.socket.family {
        Family::Any => "no address",
        Family::Inet => {
            found.retain(SocketAddr::is_ipv4);
            "no IPv4 address, and AddressFamily wants one"
        }
        Family::Inet6 => {
            found.retain(SocketAddr::is_ipv6);
            "no IPv6 address, and AddressFamily wants one"
        }
    };
    if found.is_empty() {
        return Err(unresolved(&hop.address, &format!("the name has {missing}")));
    }
    found.iter_mut().for_each(|address| address.set_port(hop.port));
    Ok(interleave(&found))
}

/// Where the sockets of a hop begin; an address goes before an interface, as in ssh.
async fn origin(
    names: &Lookups,
    wishes: &SocketWishes,
    progress: &dyn Progress,
) -> Result<Origin, ConnectError> {
    match &wishes.bind_address {
        Some(name) => {
            let addresses = look_up(names, name, progress).await?.iter().map(SocketAddr::ip).collect();
            Ok(Origin { addresses, interface: None })
        }
        None => Ok(Origin { addresses: Vec::new(), interface: wishes.bind_interface.clone() }),
    }
}

/// Connects to the first address that answers; while there is no file descriptor for a socket, it waits for one.
async fn connect<S, C: Future<Output = io::Result<S>>>(
    addresses: &[SocketAddr],
    progress: &dyn Progress,
    open: impl Fn(SocketAddr) -> C,
) -> Result<S, ConnectError> {
    let mut patience = Patience::default();
    loop {
        match race(addresses, &open).await {
            Ok(stream) => return Ok(stream),
            Err(error) if is_scarce(&error) && patience.wait(progress).await => {}
            Err(error) => return Err(unreachable(Stage::Tcp, &error)),
        }
    }
}

async fn dial(names: &Lookups, hop: &Hop, progress: &dyn Progress) -> Result<Stream, ConnectError> {
    let found = if hop.found.is_empty() { find(names, hop, progress).await? } else { hop.found.clone() };
    let origin = origin(names, &hop.socket, progress).await?;
    progress.stage(Stage::Tcp);
    let stream = connect(&found, progress, |address| origin.connect(address)).await?;
    tune(&stream, hop.socket.keepalive).map_err(|error| unreachable(Stage::Tcp, &error))?;
    if let Ok(peer) = stream.peer_addr() {
        progress.answered(peer);
    }
    Ok(Box::new(Quick { stream, stale: true }))
}

/// Without nodelay each small packet waits for the host's delayed ACK (40 ms). TCP's own keepalive runs at the system's
/// pace, as with `ssh`, and nothing makes the kernel give up sooner: when silence ends a link is judged above (`silence`),
/// and a link that is only shown as stalled outlives the sleep of a laptop.
fn tune(stream: &TcpStream, keepalives: TcpKeepalives) -> io::Result<()> {
    stream.set_nodelay(true)?;
    SockRef::from(stream).set_keepalive(keepalives == TcpKeepalives::Sent)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ssh::Wait;
    use crate::ssh::lookup::Directory;
    use std::sync::Mutex;

    #[derive(Default)]
    struct Told(Mutex<Vec<Option<Wait>>>);

    impl Progress for Told {
        fn stage(&self, _: Stage) {}
        fn asking(&self, _: bool) {}
        fn waiting(&self, wait: Option<Wait>) {
            self.0.lock().unwrap().push(wait);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_famine_of_descriptors_is_waited_for_and_no_outcome() {
        let (told, tries) = (Told::default(), Mutex::new(0));
        let open = |address| {
            *tries.lock().unwrap() += 1;
            let famine = *tries.lock().unwrap() <= 3;
            ready(if famine { Err(io::Error::from_raw_os_error(24)) } else { Ok(address) })
        };
        let address: SocketAddr = "192.0.2.1:22".parse().unwrap();
        assert_eq!(connect(&[address], &told, open).await.unwrap(), address);
        assert_eq!(
            told.0.into_inner().unwrap(),
            vec![Some(Wait::Turn), None, Some(Wait::Turn), None, Some(Wait::Turn), None]
        );
        // But not for ever.
        let never = |_| ready(Err::<(), _>(io::Error::from_raw_os_error(23)));
        let error = connect(&[address], &(), never).await.unwrap_err();
        assert!(error.to_string().contains("`ulimit -n`"), "{error}");
    }

    #[tokio::test]
    async fn an_address_asks_no_resolver() {
        struct Untouched;
        impl Directory for Untouched {
            fn addresses(&self, name: &str) -> io::Result<Vec<SocketAddr>> {
                Err(io::Error::other(format!("{name} was asked for")))
            }
        }
        let names = Lookups::new(Untouched);
        for (name, found) in
            [("192.0.2.1", Some("192.0.2.1:0")), ("2001:db8::1", Some("[2001:db8::1]:0")), ("web", None)]
        {
            let address = look_up(&names, name, &()).await.ok().map(|found| found[0].to_string());
            assert_eq!(address.as_deref(), found, "{name}");
        }
    }

    #[tokio::test]
    async fn a_socket_is_kept_alive_unless_that_is_not_wished() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        for (wish, kept) in [(TcpKeepalives::Sent, true), (TcpKeepalives::Omitted, false)] {
            let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            tune(&stream, wish).unwrap();
            assert_eq!(SockRef::from(&stream).keepalive().unwrap(), kept);
            assert!(stream.nodelay().unwrap());
        }
    }
}
