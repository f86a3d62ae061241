//! One key to many hosts: from the first host's bytes on its socket to the last one's.
//!
//! The app, the desk, the sessions and SSH are the real ones, in a process of their own; between SSH and the socket stands
//! a stream that notes when it was written to.

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use omnes::ask::{BoxFuture, Nobody};
use omnes::hosts::Host;
use omnes::session::{Hub, Listener, SessionId};
use omnes::size::Size;
use omnes::ssh::{ConnectError, Connector, Dial, Hop, KnownHosts, Progress, Stream, Target, Tcp};
use omnes::tui::app::{App, Options};
use omnes::tui::desk;
use omnes::tui::event::{Opened, TargetIndex};
use omnes::tui::rehearsal::Rehearsal;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::held::targets;
use crate::measure;
use crate::server::Server;

/// Hosts that hear each key.
const HOSTS: usize = 200;
/// Keys of one measurement.
const KEYS: usize = 100;
/// A wait that takes longer has failed.
const DEADLINE: Duration = Duration::from_secs(120);
/// The key; its echo tells that a host has had it.
const KEY: char = '#';

/// Measures, and prints what came out.
pub(crate) fn measure() {
    let server = Server::start(HOSTS);
    println!("{KEYS} keys to {HOSTS} hosts, load {}; milliseconds p50 / p99", measure::load());
    let (_, told) = measure::role("sends", server.dir());
    for (what, times) in
        ["key to all handed over", "key to the first write", "first to last write", "key to the last write"]
            .iter()
            .zip(told.chunks(KEYS))
    {
        measure::tell_times(what, times.to_vec());
    }
}

/// The role: types, and tells four times of each key.
pub(crate) fn report() {
    let dir = std::env::var("OMNES_BENCH_DIR").expect("the directory of the fleet");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let times = runtime.block_on(keys(Path::new(&dir)));
    measure::tell(&times.concat());
}

async fn keys(dir: &Path) -> [Vec<f64>; 4] {
    let (notes, targets) = (Arc::new(Notes::default()), targets(dir));
    let hosts: Vec<Host> = targets.iter().map(|target| target.host.clone()).collect();
    let all = hosts.len();
    let connector =
        Connector::new(Arc::new(Noted(notes.clone())), Arc::new(Nobody), Arc::new(KnownHosts::new()));
    let hub = Hub::new(Arc::new(connector), 32);
    let app = App::new(Options::default(), Size { rows: 60, cols: 200 });
    let mut rehearsal = Rehearsal::start(app, hosts, Sessions { hub, targets });
    let prompts =
        |app: &App| app.tiles().filter(|tile| tile.pane.screen().text().contains("$")).count() == all;
    assert!(rehearsal.until(DEADLINE, prompts).await, "every host shows its prompt");
    let mut told = [const { Vec::new() }; 4];
    for n in 0..KEYS {
        notes.written.lock().expect("nobody panics").clear();
        notes.listens.store(true, Ordering::SeqCst);
        let pressed = Instant::now();
        rehearsal.keys(&KEY.to_string());
        let handed = pressed.elapsed();
        let echoed = move |app: &App| {
            let count = |text: &str| text.chars().filter(|c| *c == KEY).count();
            app.tiles().all(|tile| count(&tile.pane.screen().text()) > n)
        };
        let come = || notes.written.lock().expect("nobody panics").len() >= all;
        assert!(rehearsal.until(DEADLINE, |_| come()).await, "every host is written to");
        notes.listens.store(false, Ordering::SeqCst);
        let written = notes.written.lock().expect("nobody panics").clone();
        let (first, last) = (written.iter().min().expect("one"), written.iter().max().expect("one"));
        for (list, time) in told.iter_mut().zip([handed, *first - pressed, *last - *first, *last - pressed]) {
            list.push(time.as_secs_f64() * 1e3);
        }
        assert!(rehearsal.until(DEADLINE, echoed).await, "every host echoes");
    }
    told
}

/// When each connection was written to, while somebody listens.
#[derive(Default)]
struct Notes {
    listens: AtomicBool,
    written: Mutex<Vec<Instant>>,
}

/// TCP whose streams note their writes.
struct Noted(Arc<Notes>);

impl Dial for Noted {
    fn dial<'a>(
        &'a self,
        hop: &'a Hop,
        progress: &'a dyn Progress,
    ) -> BoxFuture<'a, Result<Stream, ConnectError>> {
        Box::pin(async move {
            let stream = Tcp.dial(hop, progress).await?;
            Ok(Box::new(NotedStream { stream, notes: self.0.clone() }) as Stream)
        })
    }
}

struct NotedStream {
    stream: Stream,
    notes: Arc<Notes>,
}

impl AsyncRead for NotedStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for NotedStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let me = self.get_mut();
        let written = Pin::new(&mut me.stream).poll_write(cx, buf);
        if written.is_ready() && me.notes.listens.load(Ordering::SeqCst) {
            me.notes.written.lock().expect("nobody panics").push(Instant::now());
        }
        written
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

/// Sessions to these targets.
struct Sessions {
    hub: Hub,
    targets: Vec<Target>,
}

impl desk::Fleet for Sessions {
    type Found = ();

    fn pardon(&mut self) {}
    fn open(&mut self, session: SessionId, target: TargetIndex, size: Size) {
        self.hub.open(session, Ok(self.targets[target.0].clone()), size);
    }
    fn input(&mut self, session: SessionId, bytes: Bytes) {
        assert!(self.hub.input(session, bytes), "one chunk at a time, so there is always room");
    }
    fn resize(&mut self, session: SessionId, size: Size) {
        self.hub.resize(session, size);
    }
    fn close(&mut self, session: SessionId) {
        self.hub.close(session);
    }
    fn forget(&mut self, session: SessionId) {
        self.hub.forget(session);
    }
    fn listener(&self) -> Arc<Listener> {
        self.hub.listener()
    }
    fn find(&self, _: String) -> BoxFuture<'static, Result<(), String>> {
        Box::pin(async { Err("no hosts are added here".to_owned()) })
    }
    fn keep(&mut self, (): ()) -> Vec<Opened> {
        Vec::new()
    }
}
