//! A TCP proxy that does harm on request: it stands between a client and a server on loopback and stalls, drips,
//! delays, cuts or changes what passes, switched at any moment.
//!
//! It lives on a thread and a runtime of its own, so that tests with and without a runtime use it alike, and one that
//! stops the clock of its own runtime does not stop the proxy. Each way has one [`Toxic`] at a time, which holds for all
//! connections. Offsets count the bytes of one connection in one way.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};

/// Bytes taken at once.
const PIECE: usize = 16 * 1024;

/// How long an end in order waits for the other sides' ends.
const FAREWELL: Duration = Duration::from_secs(1);

/// Which of the two ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the client to the server.
    Up,
    /// From the server to the client.
    Down,
}

/// What is done to the bytes of one way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Toxic {
    /// Nothing.
    #[default]
    Clear,
    /// Nothing passes, not even an end; what comes is kept by the kernel and passes when this is over. A cable pulled.
    Stall,
    /// So many bytes of this way pass, then none: a stall at a moment that is known to the byte.
    StallAfter(u64),
    /// What comes is taken and thrown away.
    Swallow,
    /// So many bytes pass, then none for a while.
    Drip(usize, Duration),
    /// Every piece passes so much later.
    Delay(Duration),
    /// After so many bytes of this way the connection ends.
    Cut(u64, End),
    /// The byte at this offset is changed by exclusive or.
    Flip(u64, u8),
}

/// How a connection is ended, towards both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// In order.
    Fin,
    /// At once, and both sides get an error.
    Rst,
}

/// The proxy; its port and its connections end with it.
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
    _stop: oneshot::Sender<()>,
}

struct Shared {
    up: Lane,
    down: Lane,
    connections: AtomicUsize,
    open: AtomicUsize,
    /// Counts the resets that were asked for.
    resets: watch::Sender<u64>,
}

struct Lane {
    toxic: watch::Sender<Toxic>,
    passed: AtomicU64,
    swallowed: AtomicU64,
}

impl Lane {
    fn new() -> Lane {
        Lane { toxic: watch::Sender::default(), passed: AtomicU64::new(0), swallowed: AtomicU64::new(0) }
    }
}

impl Proxy {
    /// A proxy on a port of its own, for the server on this port of 127.0.0.1.
    pub fn to(port: u16) -> Proxy {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("a socket");
        let own = listener.local_addr().expect("bound").port();
        let shared = Arc::new(Shared {
            up: Lane::new(),
            down: Lane::new(),
            connections: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
            resets: watch::Sender::default(),
        });
        let (stop, stopped) = oneshot::channel();
        let serving = Arc::clone(&shared);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async move {
                tokio::select! {
                    () = serve(listener, SocketAddr::from(([127, 0, 0, 1], port)), serving) => {}
                    _ = stopped => {}
                }
            });
        });
        Proxy { port: own, shared, _stop: stop }
    }

    /// The port on 127.0.0.1 that clients connect to.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Does this to one way from now on, in place of what was done before.
    pub fn set(&self, way: Way, toxic: Toxic) {
        self.shared.lane(way).toxic.send_replace(toxic);
    }

    /// The same for both ways.
    pub fn set_both(&self, toxic: Toxic) {
        self.set(Way::Up, toxic);
        self.set(Way::Down, toxic);
    }

    /// Resets every open connection now.
    pub fn reset(&self) {
        self.shared.resets.send_modify(|count| *count += 1);
    }

    /// Connections accepted so far.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(SeqCst)
    }

    /// Connections that are open now.
    pub fn open(&self) -> usize {
        self.shared.open.load(SeqCst)
    }

    /// Bytes that passed one way so far, of all connections.
    pub fn passed(&self, way: Way) -> u64 {
        self.shared.lane(way).passed.load(SeqCst)
    }

    /// Bytes of one way that were thrown away so far, of all connections.
    pub fn swallowed(&self, way: Way) -> u64 {
        self.shared.lane(way).swallowed.load(SeqCst)
    }
}

impl Shared {
    fn lane(&self, way: Way) -> &Lane {
        match way {
            Way::Up => &self.up,
            Way::Down => &self.down,
        }
    }
}

async fn serve(listener: std::net::TcpListener, server: SocketAddr, shared: Arc<Shared>) {
    let listener = TcpListener::from_std(listener).expect("a listener");
    while let Ok((client, _)) = listener.accept().await {
        shared.connections.fetch_add(1, SeqCst);
        shared.open.fetch_add(1, SeqCst);
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            connection(client, server, &shared).await;
            shared.open.fetch_sub(1, SeqCst);
        });
    }
}

/// One connection from its beginning to its end.
async fn connection(mut client: TcpStream, server: SocketAddr, shared: &Shared) {
    let mut resets = shared.resets.subscribe();
    let Ok(mut server) = TcpStream::connect(server).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let end = {
        // Borrowed halves: owned ones would say good-bye when they go, before a reset could.
        let (mut from_client, mut to_client) = client.split();
        let (mut from_server, mut to_server) = server.split();
        let up = pump(&mut from_client, &mut to_server, &shared.up);
        let down = pump(&mut from_server, &mut to_client, &shared.down);
        tokio::select! {
            ended = async { tokio::try_join!(up, down) } => ended.err().unwrap_or(End::Fin),
            _ = resets.changed() => End::Rst,
        }
    };
    match end {
        End::Rst => {
            for stream in [&client, &server] {
                let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
            }
        }
        // A socket that is closed with something unread says so with a reset.
        End::Fin => {
            let both = async { tokio::join!(bid_farewell(&mut client), bid_farewell(&mut server)) };
            let _ = tokio::time::timeout(FAREWELL, both).await;
        }
    }
}

/// Ends one side in order: nothing more is said, and what still comes is passed over until its end.
async fn bid_farewell(stream: &mut TcpStream) {
    let _ = stream.shutdown().await;
    let mut buffer = vec![0; PIECE];
    while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
}

/// Passes the bytes of one way; `Err` ends both.
async fn pump(from: &mut ReadHalf<'_>, to: &mut WriteHalf<'_>, lane: &Lane) -> Result<(), End> {
    let mut toxics = lane.toxic.subscribe();
    let mut buffer = vec![0; PIECE];
    let mut passed = 0;
    loop {
        let toxic = *toxics.borrow_and_update();
        let most = match toxic {
            Toxic::Cut(at, how) if passed >= at => return Err(how),
            Toxic::Cut(at, _) => PIECE.min((at - passed) as usize),
            Toxic::Drip(bytes, _) => PIECE.min(bytes),
            Toxic::StallAfter(at) if passed < at => PIECE.min((at - passed) as usize),
            Toxic::Stall | Toxic::StallAfter(_) => {
                let _ = toxics.changed().await;
                continue;
            }
            _ => PIECE,
        };
        let read = tokio::select! {
            biased;
            _ = toxics.changed() => continue,
            read = from.read(&mut buffer[..most]) => read.unwrap_or(0),
        };
        if read == 0 {
            let _ = to.shutdown().await;
            return Ok(());
        }
        let piece = &mut buffer[..read];
        match toxic {
            Toxic::Swallow => {
                lane.swallowed.fetch_add(read as u64, SeqCst);
                continue;
            }
            Toxic::Delay(time) => tokio::time::sleep(time).await,
            Toxic::Flip(at, mask) if (passed..passed + read as u64).contains(&at) => {
                piece[(at - passed) as usize] ^= mask;
            }
            _ => {}
        }
        // Counted first: whoever has received a byte finds it counted.
        passed += read as u64;
        lane.passed.fetch_add(read as u64, SeqCst);
        if to.write_all(piece).await.is_err() {
            return Err(End::Rst);
        }
        if let Toxic::Drip(_, time) = toxic {
            tokio::time::sleep(time).await;
        }
    }
}
