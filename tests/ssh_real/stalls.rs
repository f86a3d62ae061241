//! Servers that stall, drip, turn away and break off; and connects that are given up.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use omnes::ssh::{ConnectError, Progress, Stage, Target};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::common::*;
use crate::support::proxy::{Proxy, Toxic, Way};
use crate::support::sshd::Sshd;

/// A listener that treats every connection alike; its connections end with the test.
async fn server<F>(treat: impl Fn(TcpStream) -> F + Send + 'static) -> u16
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(treat(stream));
        }
    });
    port
}

fn hasty(port: u16, limit: Duration) -> Target {
    let mut target = target("127.0.0.1", port, "/nonexistent".as_ref());
    target.connect_timeout = limit;
    target
}

/// Reads for ever, so that the client sees neither an end nor an answer.
async fn listen_on(mut stream: TcpStream) {
    let mut buffer = [0; 4096];
    while stream.read(&mut buffer).await.is_ok_and(|n| n > 0) {}
}

/// Where KEXINIT, the first packet of a server, ends in what it says (RFC 4253 sections 4.2, 6 and 7.1).
async fn first_packet_ends(port: u16) -> u64 {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let mut said = 0;
    while stream.read_u8().await.unwrap() != b'\n' {
        said += 1;
    }
    stream.write_all(b"SSH-2.0-Curious_1.0\r\n").await.unwrap();
    said + 1 + 4 + u64::from(stream.read_u32().await.unwrap())
}

async fn stalls_at(port: u16) -> Stage {
    let limit = Duration::from_secs(1);
    let start = Instant::now();
    let result = connector().connect(&hasty(port, limit), &()).await;
    let took = start.elapsed();
    assert!(took >= limit && took < limit * 5, "{took:?}");
    match result {
        Err(ConnectError::Unreachable { stage, why }) => {
            assert_eq!(why, "nothing in 1 s");
            stage
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn every_stall_ends_with_the_connect_timeout_and_names_its_stage() {
    assert_eq!(stalls_at(server(listen_on).await).await, Stage::Banner);
    let drip = server(|mut stream: TcpStream| async move {
        while stream.write_all(b"welcome to nowhere, this is no identification yet, is it\r").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    });
    assert_eq!(stalls_at(drip.await).await, Stage::Banner);
    let banner = server(|mut stream: TcpStream| async move {
        stream.write_all(b"hello\r\nSSH-2.0-Stalled_1.0\r\n").await.unwrap();
        listen_on(stream).await;
    });
    assert_eq!(stalls_at(banner.await).await, Stage::KeyExchange);
    // Debian's own server, whose key exchange comes to a stop behind its first packet.
    let sshd = Sshd::builder().start();
    let proxy = Proxy::to(sshd.port());
    proxy.set(Way::Down, Toxic::StallAfter(first_packet_ends(sshd.port()).await));
    assert_eq!(stalls_at(proxy.port()).await, Stage::KeyExchange);
    // An address that swallows what is sent to it: a full backlog does that on loopback.
    let full = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = full.local_addr().unwrap();
    // Said again with the smallest backlog, which the standard library does not offer.
    socket2::SockRef::from(&full).listen(0).unwrap();
    let mut fillers = Vec::new();
    while let Ok(stream) = std::net::TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
        fillers.push(stream);
    }
    assert_eq!(stalls_at(address.port()).await, Stage::Tcp);
}

#[tokio::test]
async fn a_closed_port_and_an_unknown_name_are_said_at_once() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let error = connector().connect(&hasty(port, DEADLINE), &()).await.unwrap_err();
    assert_eq!(error.to_string(), "unreachable (tcp): connection refused");
    let mut target = hasty(port, DEADLINE);
    target.address = "no-such-host.invalid".to_owned();
    let error = connector().connect(&target, &()).await.unwrap_err();
    assert!(error.to_string().starts_with("unreachable (resolve): `no-such-host.invalid`"), "{error}");
}

#[tokio::test]
async fn a_server_that_turns_away_is_tried_five_times() {
    let tries = std::sync::Arc::new(Mutex::new(0));
    let counted = tries.clone();
    let port = server(move |mut stream: TcpStream| {
        *counted.lock().unwrap() += 1;
        async move {
            let _ = stream.write_all(b"Exceeded MaxStartups\r\n").await;
        }
    });
    let error = connector().connect(&hasty(port.await, DEADLINE), &()).await.unwrap_err();
    assert_eq!(error.to_string(), "throttled: the host says `Exceeded MaxStartups`");
    assert_eq!(*tries.lock().unwrap(), 5);
    // Words that act on a terminal are shown, not obeyed.
    let port = server(|mut stream: TcpStream| async move {
        let _ = stream.write_all(b"go \x1b[2Jaway\r\n").await;
    });
    let error = connector().connect(&hasty(port.await, Duration::from_secs(1)), &()).await.unwrap_err();
    assert!(error.to_string().starts_with("unreachable (banner): "), "{error}");
    assert!(error.to_string().contains("go ^[[2Jaway"), "{error}");
}

#[tokio::test]
async fn a_throttling_sshd_lets_all_in_after_some_tries() {
    let sshd = Sshd::builder().option("PerSourceMaxStartups 2").start();
    let connector = connector();
    let logins: Vec<_> = (0..8)
        .map(|_| {
            let (connector, target) = (connector.clone(), target_of(&sshd));
            tokio::spawn(async move { connector.connect(&target, &()).await.map(drop) })
        })
        .collect();
    for login in logins {
        login.await.unwrap().unwrap();
    }
    sshd.wait_for_log("MaxStartups");
}

#[tokio::test]
async fn a_connect_that_is_given_up_leaves_neither_task_nor_socket() {
    let (closed, mut closings) = tokio::sync::mpsc::unbounded_channel();
    let (opened, mut openings) = tokio::sync::mpsc::unbounded_channel();
    let port = server(move |mut stream: TcpStream| {
        let (opened, closed) = (opened.clone(), closed.clone());
        async move {
            stream.write_all(b"SSH-2.0-Stalled_1.0\r\n").await.unwrap();
            let _ = opened.send(());
            listen_on(stream).await;
            let _ = closed.send(());
        }
    })
    .await;
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    let connector = connector();
    for _ in 0..20 {
        let target = hasty(port, DEADLINE);
        tokio::select! {
            result = connector.connect(&target, &()) => panic!("{result:?}"),
            _ = openings.recv() => {}
        }
        tokio::time::timeout(DEADLINE, closings.recv()).await.expect("its socket is closed");
    }
    wait_until("all tasks have ended", || tasks() == before).await;
}

#[tokio::test]
async fn stages_are_reported_in_order() {
    #[derive(Default)]
    struct Seen(Mutex<Vec<Stage>>);
    impl Progress for Seen {
        fn stage(&self, stage: Stage) {
            self.0.lock().unwrap().push(stage);
        }
        fn asking(&self, _: bool) {}
    }
    let sshd = Sshd::builder().start();
    let seen = Seen::default();
    let link = connector().connect(&target_of(&sshd), &seen).await.unwrap();
    let seen = seen.0.into_inner().unwrap();
    assert!(seen.is_sorted() && seen.contains(&Stage::Banner), "{seen:?}");
    let phases = link.phases();
    assert!(phases.get(Stage::KeyExchange) > Duration::ZERO && phases.get(Stage::Login) > Duration::ZERO);
    assert_eq!(phases.get(Stage::Channel), Duration::ZERO);
}

/// Of MaxStartups sshd takes the last value, of most others the first; what a test asks for must hold for both.
#[test]
fn what_a_test_asks_of_sshd_takes_the_place_of_the_usual() {
    let sshd = Sshd::builder().option("MaxStartups 2:100:2").option("maxsessions 3").start();
    let program = crate::support::need("sshd", "openssh-server");
    let told =
        std::process::Command::new(program).args(["-T", "-f"]).arg(sshd.dir().join("sshd_config")).output();
    let told = String::from_utf8(told.unwrap().stdout).unwrap();
    for line in ["maxstartups 2:100:2", "maxsessions 3", "printmotd no"] {
        assert!(told.lines().any(|told| told == line), "no `{line}` in:\n{told}");
    }
}
