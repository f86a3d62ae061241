//! Who listens: the socket in its directory, and a task for each client.
//!
//! A client is let in only if it belongs to the same user, gets a greeting, and then is answered one request at a time.
//! Nothing it does holds up the program: requests wait in a short queue, a client that does not take its answer is cut,
//! and those beyond the bound wait in the system's own queue.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use socket2::{Domain, SockAddr, SockRef, Socket, Type};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::OwnedWriteHalf;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{sleep, timeout};

use crate::scrubbed::Scrubbed;

use super::place::{Place, PlaceError, check_name};
use super::protocol::{self, ControlId, Hello, REQUEST_BYTES, Request, Response, V};
use crate::tui::lock::lock;

/// Clients at once; the next wait in the system's queue.
const CLIENTS: usize = 16;

/// Requests and ends of clients that the loop has not taken yet; each client has at most one of each.
const UNREAD: usize = 2 * CLIENTS;

/// A client that asks nothing for so long is cut: its place may be wanted.
const IDLE: Duration = Duration::from_secs(60);

/// A request that was begun must be whole within this, and an answer taken.
const SLOWEST: Duration = Duration::from_secs(10);

/// How often it is looked whether a client still waits for its answer.
const LOOKS: Duration = Duration::from_millis(250);

/// Why nobody listens.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// There is no place for it.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// It is taken.
    #[error("an omnes that is called `{0}` runs already; give this one another --name")]
    Taken(String),
    /// The system refused.
    #[error("{0}: {1}")]
    Io(String, io::Error),
}

/// What a client wants.
#[derive(Debug)]
pub enum Asked {
    /// An answer.
    Request(ControlId, Request, oneshot::Sender<Response>),
    /// Nothing any more.
    Gone(ControlId),
}

/// The event loop's end of the socket. When it goes, so do the socket's file and every client.
#[derive(Debug)]
pub struct Door {
    asked: mpsc::Receiver<Asked>,
    accepting: AbortHandle,
    _file: Bound,
}

impl Door {
    /// The next thing that a client wants.
    pub async fn next(&mut self) -> Asked {
        match self.asked.recv().await {
            Some(asked) => asked,
            None => std::future::pending().await,
        }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// The socket's file while it is ours.
#[derive(Debug)]
struct Bound {
    file: PathBuf,
    inode: u64,
}

impl Drop for Bound {
    fn drop(&mut self) {
        // Somebody may have put another in its place.
        if fs::symlink_metadata(&self.file).is_ok_and(|now| now.ino() == self.inode) {
            let _ = fs::remove_file(&self.file);
        }
    }
}

/// Listens in this directory, called `name`, or else by the process's number; needs a runtime. Sockets that nobody listens
/// on any more are taken away.
pub fn listen(directory: &Path, name: Option<&str>) -> Result<Door, SocketError> {
    name.map_or(Ok(()), check_name)?;
    let place = Place::make(directory)?;
    let failed = |error| SocketError::Io(place.path().display().to_string(), error);
    lock(place.dir()).map_err(failed)?;
    clean(&place).map_err(failed)?;
    let pid = std::process::id();
    let called = name.map_or_else(|| pid.to_string(), str::to_owned);
    if fs::symlink_metadata(place.file(&called)).is_ok() {
        return Err(SocketError::Taken(called));
    }
    let listener = UnixListener::bind(place.address(&called)).map_err(failed)?;
    let file = place.file(&called);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).map_err(failed)?;
    let inode = fs::symlink_metadata(&file).map_err(failed)?.ino();
    let (send, asked) = mpsc::channel(UNREAD);
    let hello =
        Hello { v: V, omnes: env!("CARGO_PKG_VERSION").to_owned(), pid, name: name.map(str::to_owned) };
    let mut greeting = serde_json::to_vec(&hello).expect("its fields are texts and numbers");
    greeting.push(b'\n');
    let house = House { asked: send, greeting: greeting.into(), next: Arc::new(AtomicU64::new(1)) };
    let accepting = tokio::spawn(accept(listener, house)).abort_handle();
    Ok(Door { asked, accepting, _file: Bound { file, inode } })
}

/// Takes away the sockets of those who are gone. To be called while the directory is locked.
fn clean(place: &Place) -> io::Result<()> {
    for called in place.called()? {
        let file = place.file(&called);
        let is_socket = fs::symlink_metadata(&file).is_ok_and(|about| about.file_type().is_socket());
        if is_socket && !listens(&place.address(&called)) {
            // It may have gone by itself.
            let _ = fs::remove_file(file);
        }
    }
    Ok(())
}

/// Does somebody listen there? One whose queue is full does.
pub(super) fn listens(address: &Path) -> bool {
    let connected = knock(address);
    !matches!(connected, Err(error) if matches!(error.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound))
}

/// Connects without waiting.
pub(super) fn knock(address: &Path) -> io::Result<Socket> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.connect(&SockAddr::unix(address)?)?;
    Ok(socket)
}

/// What every client's task has.
#[derive(Clone)]
struct House {
    asked: mpsc::Sender<Asked>,
    greeting: Arc<[u8]>,
    next: Arc<AtomicU64>,
}

/// Lets clients in, as many as there are places. They end with this task.
async fn accept(listener: UnixListener, house: House) {
    let places = Arc::new(Semaphore::new(CLIENTS));
    let mut clients = JoinSet::new();
    loop {
        while clients.try_join_next().is_some() {}
        let Ok(place) = places.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => drop(clients.spawn(serve(stream, house.clone(), place))),
            // Out of file descriptors, most likely: that passes.
            Err(_) => sleep(LOOKS).await,
        }
    }
}

/// One client, from its greeting to its end.
async fn serve(stream: UnixStream, house: House, _place: OwnedSemaphorePermit) {
    let same = stream.peer_cred().is_ok_and(|peer| peer.uid() == rustix::process::geteuid().as_raw());
    if !same {
        return;
    }
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    if !send(&mut write, &house.greeting).await {
        return;
    }
    loop {
        let line = match line(&mut read).await {
            Heard::Line(line) => line,
            Heard::TooLong => {
                let said = format!("a request has at most {REQUEST_BYTES} bytes; send this in parts");
                send(&mut write, &protocol::write(&Response::Usage { said })).await;
                return;
            }
            Heard::Nothing => return,
        };
        let response = match protocol::read_request(&line) {
            Ok(request) => match answer(&house, request, &write).await {
                Some(response) => response,
                None => return,
            },
            Err(error) => {
                send(&mut write, &protocol::write(&Response::Usage { said: error.to_string() })).await;
                return;
            }
        };
        if !send(&mut write, &protocol::write_response(&response)).await {
            return;
        }
    }
}

/// Asks the loop, and waits for its answer as long as the client does.
async fn answer(house: &House, request: Request, write: &OwnedWriteHalf) -> Option<Response> {
    let id = ControlId(house.next.fetch_add(1, Ordering::Relaxed));
    let (reply, answer) = oneshot::channel();
    house.asked.send(Asked::Request(id, request, reply)).await.ok()?;
    tokio::select! {
        answer = answer => answer.ok(),
        () = gone(write) => {
            let _ = house.asked.send(Asked::Gone(id)).await;
            None
        }
    }
}

/// Waits until the client has closed its end. One that has only ended what it sends still wants its answer.
async fn gone(write: &OwnedWriteHalf) {
    loop {
        sleep(LOOKS).await;
        if SockRef::from(write.as_ref())
            .send(&[])
            .is_err_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
        {
            return;
        }
    }
}

enum Heard {
    /// Wiped when it goes.
    Line(Scrubbed),
    TooLong,
    Nothing,
}

/// A line without its end. Nothing comes from a client that has gone, is idle for too long, or does not end what it began.
async fn line(read: &mut BufReader<tokio::net::unix::OwnedReadHalf>) -> Heard {
    match timeout(IDLE, read.fill_buf()).await {
        Ok(Ok(bytes)) if !bytes.is_empty() => {}
        _ => return Heard::Nothing,
    }
    timeout(SLOWEST, whole_line(read)).await.unwrap_or(Heard::Nothing)
}

async fn whole_line(read: &mut BufReader<tokio::net::unix::OwnedReadHalf>) -> Heard {
    let mut line = Scrubbed::default();
    loop {
        let Ok(bytes) = read.fill_buf().await else { return Heard::Nothing };
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let taken = end.unwrap_or(bytes.len());
        if bytes.is_empty() {
            return if line.is_empty() { Heard::Nothing } else { Heard::Line(line) };
        }
        if line.len() + taken >= REQUEST_BYTES {
            return Heard::TooLong;
        }
        line.extend(&bytes[..taken]);
        read.consume(taken + usize::from(end.is_some()));
        if end.is_some() {
            return Heard::Line(line);
        }
    }
}

/// Sends a line; says whether the client took it.
async fn send(write: &mut OwnedWriteHalf, line: &[u8]) -> bool {
    matches!(timeout(SLOWEST, write.write_all(line)).await, Ok(Ok(())))
}
