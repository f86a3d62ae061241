//! Traffic through a jump host: what one host does must not be felt by its neighbours, whoever the jump host is. OpenSSH
//! reads while it writes; a server built on russh does not, and is the harder one.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use omnes::hosts::Host;
use omnes::ssh::{Channel, ChannelEvent, Connector, Target};
use russh::keys::load_secret_key;
use russh::server::{Auth, ChannelOpenHandle, Config, Handler, Msg, Session};
use russh::{ChannelId, ChannelMsg, ChannelOpenFailure};
use tokio::net::{TcpListener, TcpStream};

use crate::common::*;
use crate::jump::{behind, named};
use crate::support::sshd::{KeyKind, Sshd, keygen};

/// A server built on russh: a jump host as one writes it in an afternoon, and a host with three commands.
#[derive(Default)]
struct Relay {
    session: Option<russh::Channel<Msg>>,
}

/// Starts one; everybody is let in.
async fn relay() -> Target {
    let dir = tempfile::tempdir().unwrap();
    keygen(KeyKind::Ed25519, &dir.path().join("key"));
    let key = load_secret_key(dir.path().join("key"), None).unwrap();
    let config = Arc::new(Config { keys: vec![key], ..Config::default() });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    // As on a long way, little fits into the sockets.
    let socket = socket2::SockRef::from(&listener);
    socket.set_recv_buffer_size(16 * 1024).unwrap();
    socket.set_send_buffer_size(16 * 1024).unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let config = config.clone();
            stream.set_nodelay(true).unwrap();
            tokio::spawn(async move {
                if let Ok(session) = russh::server::run_stream(config, stream, Relay::default()).await {
                    let _ = session.await;
                }
            });
        }
    });
    let target = target("127.0.0.1", port, "/nonexistent".as_ref());
    Target { host: Host::new(None, "relay", None), identities: Vec::new(), ..target }
}

impl Handler for Relay {
    type Error = russh::Error;

    async fn auth_none(&mut self, _: &str) -> Result<Auth, russh::Error> {
        Ok(Auth::Accept)
    }

    async fn channel_open_session(
        &mut self,
        channel: russh::Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        self.session = Some(channel);
        reply.accept().await;
        Ok(())
    }

    async fn channel_open_direct_tcpip(
        &mut self,
        channel: russh::Channel<Msg>,
        host: &str,
        port: u32,
        _: &str,
        _: u32,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        match TcpStream::connect((host, u16::try_from(port).unwrap())).await {
            Err(_) => reply.reject(ChannelOpenFailure::ConnectFailed).await,
            Ok(mut stream) => {
                stream.set_nodelay(true).unwrap();
                reply.accept().await;
                tokio::spawn(async move {
                    let _ = tokio::io::copy_bidirectional(&mut channel.into_stream(), &mut stream).await;
                });
            }
        }
        Ok(())
    }

    async fn exec_request(
        &mut self,
        id: ChannelId,
        command: &[u8],
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        let (mut read, write) = self.session.take().unwrap().split();
        // A flood of large packets, one of small packets, or back what comes.
        let flood = match command {
            b"large" => Some(Bytes::from(vec![b'y'; 32 * 1024])),
            b"small" => Some(Bytes::from_static(b"y\ny\ny\n")),
            b"cat" => None,
            other => panic!("{other:?}"),
        };
        session.channel_success(id)?;
        // It takes in everything at once: a russh session that waits for its channel hears nothing else.
        let (taken, mut kept) = tokio::sync::mpsc::unbounded_channel();
        let echoes = flood.is_none();
        tokio::spawn(async move {
            while let Some(message) = read.wait().await {
                if let (ChannelMsg::Data { data }, true) = (message, echoes) {
                    let _ = taken.send(data);
                }
            }
        });
        tokio::spawn(async move {
            match flood {
                Some(piece) => while write.data_bytes(piece.clone()).await.is_ok() {},
                None => {
                    while let Some(data) = kept.recv().await {
                        let _ = write.data_bytes(data).await;
                    }
                }
            }
        });
        Ok(())
    }
}

/// Sends bytes to `cat` and reads them back.
async fn there_and_back(connector: &Connector, target: &Target, bytes: usize) {
    let link = connector.connect(target, &()).await.unwrap();
    let Channel { mut input, mut output } = link.exec(b"cat").await.unwrap();
    let sent = Bytes::from((0..bytes).map(|n| (n / 7) as u8).collect::<Vec<u8>>());
    let mut back = Vec::new();
    let reading = async {
        while back.len() < bytes {
            match output.next().await {
                ChannelEvent::Data(data) => back.extend_from_slice(&data),
                other => panic!("{other:?}"),
            }
        }
    };
    let writing = input.write(sent.clone());
    let (written, ()) = tokio::time::timeout(DEADLINE, async { tokio::join!(writing, reading) })
        .await
        .expect("the neighbour is not blocked");
    written.unwrap();
    assert!(back == sent, "what comes back is what was sent");
}

/// Three hosts flood and are written to, and nobody reads what they say; a fourth behind the same jump host works.
async fn neighbours(via: &Target, target: &Target, floods: &[&str]) {
    let connector = connector();
    let target = behind(via, target.clone());
    let mut flooding = Vec::new();
    for flood in floods {
        let link = connector.connect(&target, &()).await.unwrap();
        let Channel { mut input, output } = link.exec(flood.as_bytes()).await.unwrap();
        let writer =
            tokio::spawn(
                async move { while input.write(Bytes::from_static(&[b'x'; 4096])).await.is_ok() {} },
            );
        flooding.push((link, output, writer));
    }
    for _ in 0..2 {
        there_and_back(&connector, &target, 2_000_000).await;
    }
    // They were slowed, not cut off: whoever reads now hears more than can have been on its way.
    for (link, mut output, writer) in flooding {
        let mut heard = 0;
        let reading = async {
            while heard < 700_000 {
                match output.next().await {
                    ChannelEvent::Data(data) => {
                        assert!(data.iter().all(|byte| b"y\n".contains(byte)));
                        heard += data.len();
                    }
                    other => panic!("{other:?}"),
                }
            }
        };
        tokio::time::timeout(2 * DEADLINE, reading).await.expect("the flood goes on");
        drop(link);
        tokio::time::timeout(DEADLINE, writer).await.expect("a lost link ends its writer").unwrap();
    }
}

const FLOODS: [&str; 3] =
    ["cat >/dev/null & yes", "cat >/dev/null & while :; do echo y; done", "yes | head -c 100000000"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_behind_sshd_is_not_felt_by_its_neighbours() {
    let (bastion, web) = (Sshd::builder().start(), Sshd::builder().start());
    neighbours(&named("bastion", &bastion), &named("web", &web), &FLOODS).await;
    assert_eq!(bastion.log().matches("Connection from").count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_behind_a_server_of_another_make_is_not_felt_by_its_neighbours() {
    let web = Sshd::builder().start();
    neighbours(&relay().await, &named("web", &web), &FLOODS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hosts_of_another_make_flood_behind_either_kind_of_jump_host() {
    let bastion = Sshd::builder().start();
    let host = relay().await;
    for via in [named("bastion", &bastion), relay().await] {
        neighbours(&via, &host, &["large", "small", "large"]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn much_in_both_directions_at_once_comes_through_every_kind_of_jump_host() {
    let bastion = Sshd::builder().start();
    let host = relay().await;
    let connector = connector();
    for via in [named("bastion", &bastion), relay().await] {
        let target = behind(&via, host.clone());
        let talks: Vec<_> = (0..8)
            .map(|_| {
                let (connector, target) = (connector.clone(), target.clone());
                tokio::spawn(async move { there_and_back(&connector, &target, 4_000_000).await })
            })
            .collect();
        for talk in talks {
            talk.await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_flood_behind_a_jump_host_that_nobody_reads_stands_still_at_its_host() {
    let (bastion, web) = (Sshd::builder().start(), Sshd::builder().start());
    let connector = connector();
    let target = behind(&named("bastion", &bastion), named("web", &web));
    let idle = connector.connect(&target, &()).await.unwrap();
    let busy = connector.connect(&target, &()).await.unwrap();
    let written = web.dir().join("written");
    let flood = format!("head -c 50000000 /dev/zero; touch {}", written.display());
    let unread = idle.exec(flood.as_bytes()).await.unwrap();
    // As much again, read to its end through the same jump host: time enough, if anything took the first one in.
    let said = run(&busy, "head -c 50000000 /dev/zero").await;
    assert_eq!(said.stdout.len(), 50_000_000);
    assert!(!written.exists());
    // The way to it is open all the same, and then nothing is missing.
    let said = collect(unread).await;
    assert_eq!((said.stdout.len(), said.exit), (50_000_000, Some(0)));
    assert!(written.exists());
}

#[tokio::test]
async fn a_host_that_takes_no_input_does_not_hold_its_neighbours() {
    let (bastion, web) = (Sshd::builder().start(), Sshd::builder().start());
    let connector = connector();
    let target = behind(&named("bastion", &bastion), named("web", &web));
    let deaf = connector.connect(&target, &()).await.unwrap();
    let Channel { mut input, .. } = deaf.exec(b"sleep 1000").await.unwrap();
    let filled = async {
        // Until the window of sshd, the channel's, and what lies between are full.
        loop {
            let write = input.write(Bytes::from(vec![0; 100_000]));
            if tokio::time::timeout(Duration::from_secs(1), write).await.is_err() {
                return;
            }
        }
    };
    tokio::time::timeout(DEADLINE, filled).await.expect("it takes no more at some point");
    there_and_back(&connector, &target, 1_000_000).await;
}
