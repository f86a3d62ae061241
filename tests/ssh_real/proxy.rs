//! The fault proxy does the harm that the other tests ask of it, and no other.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::common::*;
use crate::support::proxy::{End, Proxy, Toxic, Way};

/// A server that says back what it hears, a proxy before it, and a connection through that.
async fn echo() -> (Proxy, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = Proxy::to(listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = stream.split();
                let _ = tokio::io::copy(&mut from, &mut to).await;
            });
        }
    });
    let stream = TcpStream::connect(("127.0.0.1", proxy.port())).await.unwrap();
    (proxy, stream)
}

async fn says_back(stream: &mut TcpStream, said: &[u8]) -> Vec<u8> {
    stream.write_all(said).await.unwrap();
    let mut heard = vec![0; said.len()];
    tokio::time::timeout(DEADLINE, stream.read_exact(&mut heard)).await.unwrap().unwrap();
    heard
}

#[tokio::test]
async fn what_stalls_comes_later_and_what_is_swallowed_never() {
    let (proxy, mut stream) = echo().await;
    assert_eq!(says_back(&mut stream, b"one").await, b"one");
    for way in [Way::Up, Way::Down] {
        proxy.set(way, Toxic::Stall);
        stream.write_all(b"two").await.unwrap();
        let nothing = tokio::time::timeout(Duration::from_millis(50), stream.read_u8()).await;
        nothing.expect_err("it stalls");
        proxy.set(way, Toxic::Clear);
        assert_eq!(says_back(&mut stream, b"").await, b"");
        let mut two = [0; 3];
        tokio::time::timeout(DEADLINE, stream.read_exact(&mut two)).await.unwrap().unwrap();
        assert_eq!(&two, b"two");
    }
    assert_eq!((proxy.passed(Way::Up), proxy.passed(Way::Down)), (9, 9));
    proxy.set(Way::Up, Toxic::Swallow);
    stream.write_all(b"lost").await.unwrap();
    wait_until("it is swallowed", || proxy.swallowed(Way::Up) == 4).await;
    proxy.set(Way::Up, Toxic::Clear);
    assert_eq!(says_back(&mut stream, b"three").await, b"three");
    assert_eq!((proxy.connections(), proxy.open()), (1, 1));
}

#[tokio::test]
async fn cuts_come_after_the_byte_that_was_named() {
    for (way, end) in [(Way::Up, End::Fin), (Way::Down, End::Fin), (Way::Up, End::Rst), (Way::Down, End::Rst)]
    {
        let (proxy, mut stream) = echo().await;
        proxy.set(way, Toxic::Cut(5, end));
        assert_eq!(says_back(&mut stream, b"1234").await, b"1234");
        stream.write_all(b"56").await.unwrap();
        let mut rest = Vec::new();
        let read = tokio::time::timeout(DEADLINE, stream.read_to_end(&mut rest)).await.unwrap();
        let reset = read.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset);
        assert_eq!(reset, end == End::Rst, "{way:?} {end:?}");
        assert_eq!(proxy.passed(way), 5, "{way:?} {end:?}");
        drop(stream);
        wait_until("it is closed", || proxy.open() == 0).await;
    }
}

#[tokio::test]
async fn a_reset_a_flipped_bit_a_drip_and_a_delay() {
    let (proxy, mut stream) = echo().await;
    proxy.set(Way::Down, Toxic::Flip(1, 0x20));
    assert_eq!(says_back(&mut stream, b"abc").await, b"aBc");
    proxy.set(Way::Down, Toxic::Drip(1, Duration::from_millis(20)));
    let start = Instant::now();
    assert_eq!(says_back(&mut stream, b"123456").await, b"123456");
    assert!(start.elapsed() >= Duration::from_millis(100));
    proxy.set_both(Toxic::Delay(Duration::from_millis(30)));
    let start = Instant::now();
    assert_eq!(says_back(&mut stream, b"x").await, b"x");
    assert!(start.elapsed() >= Duration::from_millis(60));
    proxy.reset();
    let error = tokio::time::timeout(DEADLINE, stream.read_u8()).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}
