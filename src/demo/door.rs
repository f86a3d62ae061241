//! The way into a host: a port of its own on loopback, or none at all, where streams are made in memory.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use socket2::SockRef;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;

use super::host::Host;
use super::scenario::{Fault, Refusal};

/// Connections that wait to be accepted, per host.
const BACKLOG: u32 = 64;

/// A host's port. It stays the host's while the door lives, also while nobody listens on it.
pub(super) struct Door {
    address: SocketAddr,
    state: State,
}

enum State {
    Open(JoinHandle<()>),
    /// Bound, so that nobody else gets the port, but not listening: the kernel refuses. Empty if listening failed.
    Shut(Option<TcpSocket>),
}

impl Door {
    /// A door on a port of 127.0.0.1 that the system chooses.
    pub(super) fn new(host: &Arc<Host>) -> io::Result<Door> {
        let socket = bound(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        let address = socket.local_addr()?;
        let state = match host.fault() {
            Some(Fault::Refuse(Refusal::Port)) => State::Shut(Some(socket)),
            _ => listen(socket, host)?,
        };
        Ok(Door { address, state })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Refuses from now on.
    pub(super) async fn shut(&mut self) -> io::Result<()> {
        if let State::Open(accepting) = &mut self.state {
            // The second socket takes over the port before the first goes.
            let socket = bound(self.address)?;
            accepting.abort();
            let _aborted = accepting.await;
            self.state = State::Shut(Some(socket));
        }
        Ok(())
    }

    /// Listens again.
    pub(super) fn open(&mut self, host: &Arc<Host>) -> io::Result<()> {
        if let State::Shut(held) = &mut self.state {
            let socket = held.take().map_or_else(|| bound(self.address), Ok)?;
            self.state = listen(socket, host)?;
        }
        Ok(())
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        if let State::Open(accepting) = &self.state {
            accepting.abort();
        }
    }
}

fn bound(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseport(true)?;
    socket.bind(address)?;
    Ok(socket)
}

fn listen(socket: TcpSocket, host: &Arc<Host>) -> io::Result<State> {
    let listener = socket.listen(BACKLOG)?;
    Ok(State::Open(tokio::spawn(accept(listener, host.clone()))))
}

async fn accept(listener: TcpListener, host: Arc<Host>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) if host.fault() == Some(Fault::Refuse(Refusal::Reset)) => reset(stream),
            Ok((stream, _)) => {
                // Without it each keystroke's echo waits for an acknowledgement; the connection works nevertheless.
                let _slow = stream.set_nodelay(true);
                host.admit(stream);
            }
            // No file descriptors, most likely: some are given back as connections end.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// Ends a connection with RST instead of FIN.
fn reset(stream: TcpStream) {
    let _closed_anyway = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
}
