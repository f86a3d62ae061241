//! Many logins at one server or in one network: how many at once, and what becomes of those that are turned away.
//!
//! A server in memory counts whom it sees; with it time is virtual, so that its slow logins cost nothing.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use omnes::ask::{BoxFuture, Nobody};
use omnes::hosts::Host;
use omnes::session::{self, SessionEvent, SessionId};
use omnes::size::Size;
use omnes::ssh::{ConnectError, Connector, Dial, Hop, HostKeyPolicy, Progress, Stage, Stream, Target, Wait};
use russh::keys::{PrivateKey, load_secret_key};
use russh::server::{Auth, ChannelOpenHandle, Config, Handler, Msg, Session};
use russh::{Channel, ChannelId, MethodKind, MethodSet, Pty};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use crate::common::*;
use crate::support::sshd::{KeyKind, Sshd, keygen};

/// Whom a server turns away.
#[derive(Clone, Copy)]
enum Refuses {
    Nobody,
    Everybody,
    /// As `MaxStartups 10:30:100` does.
    ACrowd,
}

/// A server, or many.
#[derive(Clone)]
struct Crowd {
    key: Arc<PrivateKey>,
    refuses: Refuses,
    /// How long each login takes.
    slow: Duration,
    /// Where a host is.
    place: fn(&Host) -> SocketAddr,
    book: Arc<Mutex<Book>>,
}

#[derive(Default)]
struct Book {
    in_login: usize,
    most: usize,
    dials: HashMap<String, u32>,
    refusals: u32,
    luck: usize,
}

fn one_place(_: &Host) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 22))
}

/// The n-th host, called hN, has an address of its own.
fn a_network(host: &Host) -> SocketAddr {
    let n: u8 = host.name()[1..].parse().unwrap();
    SocketAddr::from(([192, 0, 2, n], 22))
}

fn crowd(refuses: Refuses, slow: Duration, place: fn(&Host) -> SocketAddr) -> Crowd {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key");
    keygen(KeyKind::Ed25519, &path);
    let key = Arc::new(load_secret_key(&path, None).unwrap());
    Crowd { key, refuses, slow, place, book: Arc::default() }
}

impl Crowd {
    fn book(&self) -> std::sync::MutexGuard<'_, Book> {
        self.book.lock().unwrap()
    }

    fn connector(&self) -> Connector {
        Connector::new(Arc::new(self.clone()), Arc::new(Nobody), Arc::new(Keys::default()))
    }

    fn refuses_now(&self) -> bool {
        let mut book = self.book();
        book.luck = (book.luck + 37) % 100;
        match self.refuses {
            Refuses::Nobody => false,
            Refuses::Everybody => true,
            Refuses::ACrowd => book.in_login >= 10 && book.luck < 30 + 70 * (book.in_login - 10) / 90,
        }
    }
}

impl Dial for Crowd {
    fn find<'a>(
        &'a self,
        hop: &'a Hop,
        _: &'a dyn Progress,
    ) -> BoxFuture<'a, Result<Vec<SocketAddr>, ConnectError>> {
        Box::pin(async move { Ok(vec![(self.place)(&hop.host)]) })
    }

    fn dial<'a>(
        &'a self,
        hop: &'a Hop,
        progress: &'a dyn Progress,
    ) -> BoxFuture<'a, Result<Stream, ConnectError>> {
        progress.stage(Stage::Tcp);
        progress.answered(hop.found[0]);
        let (near, mut far) = tokio::io::duplex(64 * 1024);
        *self.book().dials.entry(hop.host.to_string()).or_default() += 1;
        if self.refuses_now() {
            self.book().refusals += 1;
            tokio::spawn(async move { far.write_all(b"Exceeded MaxStartups\r\n").await });
        } else {
            let mut book = self.book();
            book.in_login += 1;
            book.most = book.most.max(book.in_login);
            drop(book);
            let config = Config {
                keys: vec![(*self.key).clone()],
                methods: MethodSet::from(&[MethodKind::Password][..]),
                ..Config::default()
            };
            let server = Server { slow: self.slow, book: Some(self.book.clone()) };
            tokio::spawn(async move {
                if let Ok(session) = russh::server::run_stream(Arc::new(config), far, server).await {
                    let _ = session.await;
                }
            });
        }
        Box::pin(async move { Ok(Box::new(near) as Stream) })
    }
}

/// One connection; holds the book until its login is over.
struct Server {
    slow: Duration,
    book: Option<Arc<Mutex<Book>>>,
}

impl Server {
    fn login_over(&mut self) {
        if let Some(book) = self.book.take() {
            book.lock().unwrap().in_login -= 1;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.login_over();
    }
}

impl Handler for Server {
    type Error = russh::Error;

    async fn auth_none(&mut self, _: &str) -> Result<Auth, russh::Error> {
        tokio::time::sleep(self.slow).await;
        Ok(Auth::Accept)
    }

    async fn auth_succeeded(&mut self, _: &mut Session) -> Result<(), russh::Error> {
        self.login_over();
        Ok(())
    }

    async fn channel_open_session(
        &mut self,
        _: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        reply.accept().await;
        Ok(())
    }

    async fn shell_request(&mut self, id: ChannelId, session: &mut Session) -> Result<(), russh::Error> {
        session.channel_success(id)
    }

    async fn pty_request(
        &mut self,
        id: ChannelId,
        _: &str,
        _: u32,
        _: u32,
        _: u32,
        _: u32,
        _: &[(Pty, u32)],
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        session.channel_success(id)
    }
}

/// What a host waited for.
#[derive(Default)]
struct Waits(Mutex<Vec<Option<Wait>>>);

impl Progress for Waits {
    fn stage(&self, _: Stage) {}
    fn asking(&self, _: bool) {}
    fn waiting(&self, wait: Option<Wait>) {
        self.0.lock().unwrap().push(wait);
    }
}

impl Waits {
    fn has(&self, wanted: impl Fn(&Wait) -> bool) -> bool {
        self.0.lock().unwrap().iter().flatten().any(wanted)
    }
}

fn member(n: usize) -> Target {
    Target {
        policy: HostKeyPolicy::AcceptNew,
        ..Target::bare(Host::new(None, &format!("h{n}"), None), "192.0.2.1", 22, "u")
    }
}

/// All connect at once; what became of them, and what they waited for.
async fn all(connector: &Connector, targets: &[Target]) -> (Vec<Result<(), ConnectError>>, Vec<Waits>) {
    let waits: Vec<Waits> = targets.iter().map(|_| Waits::default()).collect();
    let connects = targets
        .iter()
        .zip(&waits)
        .map(|(target, waits)| async move { connector.connect(target, waits).await.map(drop) });
    (join_all(connects).await, waits)
}

#[tokio::test(start_paused = true)]
async fn a_server_with_slow_logins_takes_200_hosts_some_at_a_time() {
    let crowd = crowd(Refuses::ACrowd, Duration::from_secs(5), one_place);
    let targets: Vec<Target> = (1..=200).map(member).collect();
    let start = Instant::now();
    let (ended, waits) = all(&crowd.connector(), &targets).await;
    let took = start.elapsed().as_secs();
    for (target, ended) in targets.iter().zip(&ended) {
        assert_eq!(*ended, Ok(()), "{}", target.host);
    }
    let book = crowd.book();
    assert!(book.refusals > 0, "nothing was refused, so nothing was shown");
    assert!(book.refusals <= 40 && book.dials.values().all(|&tries| tries <= 5), "{}", book.refusals);
    // Eight at a time take 125 s.
    assert!((50..=200).contains(&took), "{took} s");
    // The last waited far longer than its connect timeout, and each one that was turned away said so.
    let waited = |wanted: fn(&Wait) -> bool| waits.iter().filter(|waits| waits.has(wanted)).count();
    assert!(waited(|wait| *wait == Wait::Turn) >= 190);
    let throttled = waited(|wait| matches!(wait, Wait::Throttled(why) if why.contains("MaxStartups")));
    assert_eq!(throttled, book.dials.values().filter(|&&tries| tries > 1).count());
    assert!(waits.iter().all(|waits| waits.0.lock().unwrap().last().is_none_or(Option::is_none)));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_turns_everybody_away_is_left_alone_soon() {
    let crowd = crowd(Refuses::Everybody, Duration::ZERO, one_place);
    let targets: Vec<Target> = (1..=100).map(member).collect();
    let start = Instant::now();
    let (ended, _) = all(&crowd.connector(), &targets).await;
    assert!(start.elapsed() <= Duration::from_secs(15), "{:?}", start.elapsed());
    let throttled = ConnectError::Throttled("the host says `Exceeded MaxStartups`".to_owned());
    assert!(ended.iter().all(|ended| *ended == Err(throttled.clone())), "{ended:?}");
    let book = crowd.book();
    assert!(book.refusals <= 20, "{} connections to a server that wants none", book.refusals);
}

#[tokio::test(start_paused = true)]
async fn a_network_hears_64_logins_at_once_and_those_who_leave_make_room() {
    let crowd = crowd(Refuses::Nobody, Duration::from_secs(5), a_network);
    let connector = crowd.connector();
    let targets: Vec<Target> = (1..=200).map(member).collect();
    // Whoever gives up while it waits takes no turn with it.
    let given_up = tokio::time::timeout(Duration::from_secs(1), all(&connector, &targets)).await;
    assert!(given_up.is_err());
    wait_until("the server has seen them go", || crowd.book().in_login == 0).await;
    let start = Instant::now();
    let (ended, waits) = all(&connector, &targets).await;
    assert!(ended.iter().all(Result::is_ok), "{ended:?}");
    assert_eq!(crowd.book().most, 64);
    assert_eq!(waits.iter().filter(|waits| waits.has(|wait| *wait == Wait::Turn)).count(), 200 - 64);
    assert!((20..25).contains(&start.elapsed().as_secs()), "four rounds: {:?}", start.elapsed());
}

/// The first ten are at one address, the others at another.
fn two_places(host: &Host) -> SocketAddr {
    let n: u8 = host.name()[1..].parse().unwrap();
    SocketAddr::from(([192, 0, 2, u8::from(n > 10)], 22))
}

/// A server lets eight in at a time; of the ten turns two are held by hosts that wait for it, and those go to others.
#[tokio::test(start_paused = true)]
async fn a_session_that_waits_for_others_says_so_and_lets_those_behind_it_pass() {
    let crowd = crowd(Refuses::Nobody, Duration::from_secs(5), two_places);
    let mut hub = session::Hub::new(Arc::new(crowd.connector()), 10);
    let start = Instant::now();
    for n in 1..=12 {
        hub.open(SessionId(n), Ok(member(n as usize)), Size::DEFAULT);
    }
    let listener = hub.listener();
    let (mut waited, mut ready) = (Vec::new(), HashMap::new());
    while ready.len() < 12 {
        for (id, event) in listener.next(1 << 20).await {
            match event {
                SessionEvent::Waiting(Wait::Turn) => waited.push(id.0),
                SessionEvent::Ready => drop(ready.insert(id.0, start.elapsed().as_secs())),
                SessionEvent::Connecting(_) => {}
                other => panic!("{id}: {other:?}"),
            }
        }
    }
    assert_eq!(waited, [9, 10]);
    let late: Vec<u32> = (1..=12).filter(|n| ready[n] >= 10).collect();
    assert_eq!(late, [9, 10]);
}

/// Nothing listens where its hosts are.
struct Nowhere(Mutex<u32>);

impl Dial for Nowhere {
    fn dial<'a>(
        &'a self,
        _: &'a Hop,
        progress: &'a dyn Progress,
    ) -> BoxFuture<'a, Result<Stream, ConnectError>> {
        progress.stage(Stage::Tcp);
        *self.0.lock().unwrap() += 1;
        let refused = ConnectError::Unreachable { stage: Stage::Tcp, why: "connection refused".to_owned() };
        Box::pin(async move { Err(refused) })
    }
}

#[tokio::test(start_paused = true)]
async fn a_host_that_does_not_answer_is_dialled_as_often_as_configured() {
    for attempts in [1, 4] {
        let nowhere = Arc::new(Nowhere(Mutex::default()));
        let connector = Connector::new(nowhere.clone(), Arc::new(Nobody), Arc::new(Keys::default()));
        let start = Instant::now();
        // The pauses between are no time of the host's.
        let target = Target { attempts, connect_timeout: Duration::from_secs(1), ..member(1) };
        let error = connector.connect(&target, &()).await.unwrap_err();
        assert_eq!(error.to_string(), "unreachable (tcp): connection refused");
        assert_eq!(*nowhere.0.lock().unwrap(), attempts);
        assert_eq!(start.elapsed().as_secs(), u64::from(attempts) - 1);
    }
}

/// A way to a server on which the first connections are answered with words instead.
async fn porch(behind: u16, words: &'static [u8], mut refusals: u32) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            if refusals > 0 {
                refusals -= 1;
                let _ = near.write_all(words).await;
                let _ = near.shutdown().await;
                let _ = near.read_to_end(&mut Vec::new()).await;
                continue;
            }
            tokio::spawn(async move {
                let mut far = TcpStream::connect(("127.0.0.1", behind)).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
            });
        }
    });
    port
}

#[tokio::test]
async fn a_penalty_is_named_and_waited_out() {
    let sshd = Sshd::builder().start();
    let port = porch(sshd.port(), b"Not allowed at this time\r\n", 1).await;
    let waits = Waits::default();
    connector().connect(&target("127.0.0.1", port, &sshd.client_key()), &waits).await.unwrap();
    assert!(waits.has(|wait| matches!(wait, Wait::Throttled(why) if why.contains("penalty"))));
}

#[tokio::test]
async fn a_connection_that_is_closed_without_a_word_is_throttled_too() {
    let sshd = Sshd::builder().start();
    let port = porch(sshd.port(), b"", 2).await;
    let waits = Waits::default();
    connector().connect(&target("127.0.0.1", port, &sshd.client_key()), &waits).await.unwrap();
    let told = "the host closed the connection, before it identified itself";
    assert!(waits.has(|wait| *wait == Wait::Throttled(told.to_owned())), "{:?}", waits.0);
}

#[tokio::test]
async fn a_default_sshd_with_slow_logins_lets_a_fleet_in() {
    let sshd = Sshd::builder()
        .option("MaxStartups 10:30:100")
        // Asked before the file of keys, twice for each login; what it says is nothing.
        .option("AuthorizedKeysCommand /bin/sleep 0.2")
        .option(&format!("AuthorizedKeysCommandUser {}", user()))
        .start();
    let targets: Vec<Target> = (1..=100)
        .map(|n| Target { host: Host::new(None, &format!("h{n}"), None), ..target_of(&sshd) })
        .collect();
    let (ended, waits) = tokio::time::timeout(DEADLINE, all(&connector(), &targets)).await.unwrap();
    assert!(ended.iter().all(Result::is_ok), "{ended:?}");
    let refused = sshd.log().matches("past MaxStartups").count();
    assert!(refused <= 40, "{refused} refusals");
    let throttled = waits.iter().filter(|waits| waits.has(|wait| *wait != Wait::Turn)).count();
    assert!(throttled <= refused, "{throttled} hosts were throttled by {refused} refusals");
    assert!(waits.iter().filter(|waits| waits.has(|wait| *wait == Wait::Turn)).count() >= 80);
}
