//! Who asks: finds the omnes that is meant, and asks it one thing after the other.

use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use crate::escape;

use super::place::{Place, PlaceError};
use super::protocol::{self, Hello, RESPONSE_BYTES, Request, Response, V};
use super::socket::{knock, listens};

/// How long a greeting is waited for.
const GREETING: Duration = Duration::from_secs(10);

/// Longest greeting, in bytes.
const HELLO_BYTES: usize = 4096;

/// Between two tries at a queue that is full.
const AGAIN: Duration = Duration::from_millis(20);

/// Why nobody answers.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// There is no place for sockets, or it is not safe.
    #[error(transparent)]
    Place(PlaceError),
    /// None runs.
    #[error("no omnes of yours runs with a control socket ({0}); `omnes open` starts one")]
    None(String),
    /// None of them is called so.
    #[error("no omnes that runs is called `{0}`{1}")]
    NotCalled(String, String),
    /// Several run.
    #[error("{0} omnes run; say which with --to:{1}")]
    Several(usize, String),
    /// It lives but says nothing.
    #[error("the omnes `{0}` does not answer: it is suspended, or busy with other requests")]
    Silent(String),
    /// It answers in another way than this one.
    #[error("the omnes `{0}` speaks another version of the protocol; use the `omnes` it was started with")]
    Version(String),
    /// It went away.
    #[error("the omnes `{0}` went away before it answered")]
    Gone(String),
}

/// A connection to an omnes that runs.
#[derive(Debug)]
pub struct Client {
    called: String,
    stream: BufReader<UnixStream>,
}

impl Client {
    /// The omnes that is called so or has this process number; without either, the only one that runs.
    pub fn find(directory: &Path, to: Option<&str>) -> Result<Client, ClientError> {
        let none = || ClientError::None(escape::text(&directory.display().to_string(), 300));
        let place = match Place::open(directory) {
            Ok(place) => place,
            Err(PlaceError::Io(_, error)) if error.kind() == io::ErrorKind::NotFound => return Err(none()),
            Err(error) => return Err(ClientError::Place(error)),
        };
        let called = place.called().map_err(|_| none())?;
        match to {
            Some(to) if called.iter().any(|called| called == to) => return Ok(Client::connect(&place, to)?.0),
            _ => {}
        }
        let alive: Vec<String> =
            called.into_iter().filter(|called| listens(&place.address(called))).collect();
        match (to, &alive[..]) {
            (_, []) => Err(none()),
            (None, [one]) => Ok(Client::connect(&place, one)?.0),
            (None, several) => Err(ClientError::Several(several.len(), listed(several))),
            (Some(to), _) => by_process(&place, &alive, to),
        }
    }

    fn connect(place: &Place, called: &str) -> Result<(Client, Hello), ClientError> {
        let address = place.address(called);
        let silent = || ClientError::Silent(called.to_owned());
        let until = Instant::now() + GREETING;
        let socket = loop {
            match knock(&address) {
                Ok(socket) => break socket,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && Instant::now() < until => {
                    thread::sleep(AGAIN);
                }
                Err(_) => return Err(silent()),
            }
        };
        let stream = UnixStream::from(OwnedFd::from(socket));
        let mut client = Client { called: called.to_owned(), stream: BufReader::new(stream) };
        let ready = client.stream.get_ref().set_nonblocking(false);
        ready.and_then(|()| client.patience(Some(GREETING))).map_err(|_| silent())?;
        let line = client.line(HELLO_BYTES)?;
        let hello = serde_json::from_slice::<Hello>(&line).ok().filter(|hello| hello.v == V);
        let hello = hello.ok_or_else(|| ClientError::Version(called.to_owned()))?;
        Ok((client, hello))
    }

    /// Asks, and waits for the answer; for ever where there is no `patience`.
    pub fn ask(&mut self, request: &Request, patience: Option<Duration>) -> Result<Response, ClientError> {
        let gone = |_| ClientError::Gone(self.called.clone());
        self.patience(patience).map_err(gone)?;
        self.stream.get_mut().write_all(&Zeroizing::new(protocol::write(request))).map_err(gone)?;
        let line = self.line(RESPONSE_BYTES)?;
        protocol::read_response(&line).map_err(|_| ClientError::Version(self.called.clone()))
    }

    fn patience(&self, patience: Option<Duration>) -> io::Result<()> {
        self.stream.get_ref().set_read_timeout(patience)
    }

    fn line(&mut self, most: usize) -> Result<Vec<u8>, ClientError> {
        let mut line = Vec::new();
        let read = io::Read::take(&mut self.stream, most as u64 + 1).read_until(b'\n', &mut line);
        match read {
            Ok(_) if line.ends_with(b"\n") => Ok(line),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                Err(ClientError::Silent(self.called.clone()))
            }
            _ => Err(ClientError::Gone(self.called.clone())),
        }
    }
}

/// One that has a name is found by its process too.
fn by_process(place: &Place, alive: &[String], to: &str) -> Result<Client, ClientError> {
    if let Ok(pid) = to.parse::<u32>() {
        for called in alive {
            if let Ok((client, hello)) = Client::connect(place, called)
                && hello.pid == pid
            {
                return Ok(client);
            }
        }
    }
    Err(ClientError::NotCalled(escape::text(to, 40), listed(alive)))
}

/// What those that run are called, one a line.
fn listed(called: &[String]) -> String {
    called.iter().map(|called| format!("\n  --to {called}")).collect()
}
