//! One TCP connection, opened as ssh_config wishes.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rand::Rng;
use rustix::io::Errno;
use socket2::SockRef;
use tokio::net::{TcpSocket, TcpStream};

use super::clock::{Progress, Wait};

/// How often a socket is tried for while there are no file descriptors left: for about a minute. By then the panes that
/// hold them are there to stay.
const PATIENCE: u32 = 600;

/// Whether an error means that this process, or this machine, has no file descriptor left.
pub(super) fn is_scarce(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE))
}

/// Where a socket begins.
#[derive(Clone, Debug, Default)]
pub(super) struct Origin {
    /// Its own addresses, of which that of the right family is taken; empty: the system chooses.
    pub(super) addresses: Vec<IpAddr>,
    /// The interface that it goes through.
    pub(super) interface: Option<String>,
}

impl Origin {
    /// Connects to an address from here.
    pub(super) async fn connect(&self, address: SocketAddr) -> io::Result<TcpStream> {
        let socket = if address.is_ipv6() { TcpSocket::new_v6()? } else { TcpSocket::new_v4()? };
        if let Some(interface) = &self.interface {
            go_through(&socket, interface).map_err(|error| unusable("BindInterface", interface, &error))?;
        }
        if !self.addresses.is_empty() {
            let ours = self.addresses.iter().find(|ours| ours.is_ipv6() == address.is_ipv6());
            let ours = ours.ok_or_else(|| {
                io::Error::new(io::ErrorKind::AddrNotAvailable, "BindAddress is of the other family")
            })?;
            let bound = socket.bind(SocketAddr::new(*ours, 0));
            bound.map_err(|error| unusable("BindAddress", &ours.to_string(), &error))?;
        }
        socket.connect(address).await
    }
}

/// What this machine does not have; a famine of descriptors or ports stays what it is.
fn unusable(keyword: &str, value: &str, error: &io::Error) -> io::Error {
    match Errno::from_io_error(error) {
        Some(Errno::ADDRNOTAVAIL | Errno::NODEV) => io::Error::new(
            io::ErrorKind::AddrNotAvailable,
            format!("this machine has no {value}, from which {keyword} of ssh_config wants it to be dialled"),
        ),
        _ => io::Error::new(error.kind(), format!("{keyword} {value} of ssh_config: {error}")),
    }
}

#[cfg(target_os = "linux")]
fn go_through(socket: &TcpSocket, interface: &str) -> io::Result<()> {
    SockRef::from(socket).bind_device(Some(interface.as_bytes()))
}

#[cfg(not(target_os = "linux"))]
fn go_through(_: &TcpSocket, _: &str) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Waiting for file descriptors that others hold: a matter of this machine, which costs no host its time or its outcome.
#[derive(Debug, Default)]
pub(super) struct Patience(u32);

impl Patience {
    /// Waits a little; false when that is in vain.
    pub(super) async fn wait(&mut self, progress: &dyn Progress) -> bool {
        self.0 += 1;
        if self.0 > PATIENCE {
            return false;
        }
        progress.waiting(Some(Wait::Turn));
        let pause = Duration::from_millis(rand::rng().random_range(50..150));
        tokio::time::sleep(pause).await;
        progress.waiting(None);
        true
    }
}
