//! Names, addresses and sockets: how a stream is had before anybody speaks.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use omnes::hosts::Host;
use omnes::ssh::{
    ConnectError, Dial, Directory, Family, Hop, Lookups, SocketWishes, Stage, Target, Tcp, TcpBy,
};
use tokio::io::AsyncReadExt;

use crate::common::*;

/// A resolver with a fifth of unknown names and a twentieth of silent ones.
struct Zone(Arc<Silence>);

#[derive(Default)]
struct Silence {
    over: Mutex<bool>,
    ended: Condvar,
}

impl Silence {
    fn end(&self) {
        *self.over.lock().unwrap() = true;
        self.ended.notify_all();
    }
}

impl Directory for Zone {
    fn addresses(&self, name: &str) -> io::Result<Vec<SocketAddr>> {
        match kind(name) {
            Kind::Unknown => Err(io::Error::other("failed to lookup: Name or service not known")),
            Kind::Silent => {
                let over = self.0.over.lock().unwrap();
                drop(self.0.ended.wait_while(over, |over| !*over).unwrap());
                Err(io::Error::other("failed to lookup: Temporary failure in name resolution"))
            }
            Kind::Known => Ok(vec!["[::1]:0".parse().unwrap(), "127.0.0.1:0".parse().unwrap()]),
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Unknown,
    Silent,
    Known,
}

fn kind(name: &str) -> Kind {
    match name.trim_start_matches("name").parse::<u32>().unwrap() % 20 {
        0..4 => Kind::Unknown,
        4 => Kind::Silent,
        _ => Kind::Known,
    }
}

fn hop(address: &str, port: u16, socket: SocketWishes) -> Hop {
    let target = Target { socket, ..Target::bare(Host::new(None, "h", None), address, port, "u") };
    Hop::from(&target)
}

/// One port on both loopbacks: IPv4 answers, IPv6 swallows what is sent to it, since its backlog is full. What is
/// returned keeps it so.
fn black_holed_v6() -> (u16, Vec<TcpListener>, Vec<std::net::TcpStream>) {
    for _ in 0..20 {
        let v4 = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = v4.local_addr().unwrap().port();
        let Ok(v6) = TcpListener::bind(("::1", port)) else { continue };
        socket2::SockRef::from(&v6).listen(0).unwrap();
        let address = v6.local_addr().unwrap();
        let mut fillers = Vec::new();
        while let Ok(stream) = std::net::TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
            fillers.push(stream);
        }
        return (port, vec![v4, v6], fillers);
    }
    panic!("no port is free on both loopbacks");
}

#[tokio::test]
async fn a_thousand_names_are_classified_while_some_are_silent_and_ipv6_leads_nowhere() {
    let (port, listeners, _fillers) = black_holed_v6();
    let accepting = listeners[0].try_clone().unwrap();
    std::thread::spawn(move || while accepting.accept().is_ok() {});
    let silence = Arc::<Silence>::default();
    let deadline = Duration::from_secs(1);
    let tcp = TcpBy(Lookups::within(Zone(silence.clone()), deadline));
    let start = Instant::now();
    let dials = (0..1000).map(|n| {
        let (tcp, name) = (&tcp, format!("name{n}"));
        async move {
            let dialled = tcp.dial(&hop(&name, port, SocketWishes::default()), &()).await;
            (name, dialled.map(drop))
        }
    });
    let ended: Vec<_> = futures_util::stream::iter(dials).buffer_unordered(200).collect().await;
    silence.end();
    assert!(start.elapsed() < deadline * 15, "{:?}", start.elapsed());
    assert_eq!(ended.len(), 1000);
    for (name, ended) in ended {
        let told = ended.map_err(|error| error.to_string());
        let why = match kind(&name) {
            Kind::Known => {
                assert_eq!(told, Ok(()), "{name}");
                continue;
            }
            Kind::Unknown => "no such name",
            Kind::Silent => "the resolver did not answer in 1 s",
        };
        assert_eq!(told, Err(format!("unreachable (resolve): `{name}`: {why}")));
    }
}

#[tokio::test]
async fn a_family_that_leads_nowhere_costs_a_quarter_of_a_second() {
    let (port, _listeners, _fillers) = black_holed_v6();
    let tcp = TcpBy(Lookups::new(Zone(Arc::default())));
    let start = Instant::now();
    tcp.dial(&hop("name9", port, SocketWishes::default()), &()).await.map(drop).unwrap();
    // It is 250 ms; what is above that is this machine's.
    assert!((Duration::from_millis(250)..Duration::from_millis(1250)).contains(&start.elapsed()));
}

#[tokio::test]
async fn the_family_that_is_wished_for_is_the_only_one() {
    let tcp = TcpBy(Lookups::new(Zone(Arc::default())));
    for (family, found) in [
        (Family::Any, &["[::1]:7", "127.0.0.1:7"][..]),
        (Family::Inet, &["127.0.0.1:7"]),
        (Family::Inet6, &["[::1]:7"]),
    ] {
        let hop = hop("name9", 7, SocketWishes { family, ..SocketWishes::default() });
        let addresses = tcp.find(&hop, &()).await.unwrap();
        assert_eq!(addresses.iter().map(ToString::to_string).collect::<Vec<_>>(), found);
    }
    let v6 = SocketWishes { family: Family::Inet6, ..SocketWishes::default() };
    let error = Tcp.find(&hop("127.0.0.1", 7, v6), &()).await.unwrap_err();
    let told =
        "unreachable (resolve): `127.0.0.1`: the name has no IPv6 address, and AddressFamily wants one";
    assert_eq!(error.to_string(), told);
}

#[tokio::test]
async fn a_socket_begins_where_it_is_bound() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let from = |bind: &str, interface: Option<&str>| SocketWishes {
        bind_address: (!bind.is_empty()).then(|| bind.to_owned()),
        bind_interface: interface.map(str::to_owned),
        ..SocketWishes::default()
    };
    for (wishes, origin) in [
        (from("127.0.0.9", None), "127.0.0.9"),
        (from("localhost", None), "127.0.0.1"),
        (from("", Some("lo")), "127.0.0.1"),
        // An address goes before an interface.
        (from("127.0.0.9", Some("no-such-one")), "127.0.0.9"),
    ] {
        let stream = Tcp.dial(&hop("127.0.0.1", port, wishes), &()).await.map_err(|e| e.to_string());
        let (_, peer) = listener.accept().await.unwrap();
        assert_eq!(peer.ip().to_string(), origin);
        drop(stream.unwrap());
    }
    for (wishes, why) in [
        (from("192.0.2.99", None), "no 192.0.2.99, from which BindAddress of ssh_config"),
        (from("::1", None), "BindAddress is of the other family"),
        (from("", Some("no-such-one")), "no no-such-one, from which BindInterface of ssh_config"),
    ] {
        let told = Tcp.dial(&hop("127.0.0.1", port, wishes), &()).await.map(drop).unwrap_err();
        assert!(matches!(told, ConnectError::Unreachable { stage: Stage::Tcp, .. }), "{told}");
        assert!(told.to_string().contains(why), "{told}");
    }
}

#[tokio::test]
async fn the_system_finds_localhost() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut stream =
        Tcp.dial(&hop("localhost", port, SocketWishes::default()), &()).await.map_err(|_| ()).unwrap();
    drop(listener.accept().await.unwrap());
    let read = tokio::time::timeout(DEADLINE, stream.read(&mut [0; 1])).await.unwrap();
    assert!(read.is_ok_and(|read| read == 0));
}
