//! `--stdin`: one input for every host, read once, with bounded memory.
//!
//! Theory: a file is read at each host's own place, as the host takes it. What comes from a pipe is written into a file
//! without a name first, so that a host whose turn comes late gets it from its beginning too; the pipe is read only as far
//! as `AHEAD` of the host that wants most, so an endless one does not fill the disk while nobody reads.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::watch;
use tokio::task::spawn_blocking;

/// How much one host is given at once, in bytes; what it holds in memory.
const PIECE: usize = 32 * 1024;

/// How far a pipe is read ahead of the host that is furthest, in bytes.
const AHEAD: u64 = 1 << 20;

/// The input of a run.
#[derive(Debug)]
pub struct Source {
    file: Arc<File>,
    filled: watch::Receiver<Filled>,
    pipe: Option<Pipe>,
}

/// How much of the input there is.
#[derive(Clone, Debug)]
struct Filled {
    bytes: u64,
    end: End,
}

#[derive(Clone, Debug)]
enum End {
    NotYet,
    Reached,
    Broken(String),
}

/// A pipe that is read when somebody wants it.
#[derive(Debug)]
struct Pipe {
    demand: Arc<Demand>,
    /// What reads it, until it has been started.
    reader: Mutex<Option<Reader>>,
}

/// How far the hosts are.
#[derive(Debug, Default)]
struct Demand {
    wanted: Mutex<u64>,
    raised: Condvar,
}

impl Demand {
    fn wanted(&self) -> MutexGuard<'_, u64> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A host wants what lies behind this place.
    fn raise(&self, place: u64) {
        let mut wanted = self.wanted();
        if place > *wanted {
            *wanted = place;
            self.raised.notify_all();
        }
    }

    /// Waits until somebody is near this place.
    fn wait_for(&self, place: u64) {
        let mut wanted = self.wanted();
        while place >= *wanted + AHEAD {
            wanted = self.raised.wait(wanted).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Source {
    /// The input from a file; `-` is our own standard input. Nothing is read yet.
    pub fn open(path: &Path) -> io::Result<Source> {
        let is_ours = path.as_os_str() == "-";
        // The descriptor itself, since a buffer of ours would take more than was asked for.
        let file = if is_ours { File::open("/dev/stdin")? } else { File::open(path)? };
        let about = file.metadata()?;
        if about.is_dir() {
            return Err(ErrorKind::IsADirectory.into());
        }
        if about.is_file() && !is_ours {
            return Ok(Source::of_file(file, about.len()));
        }
        Source::of_pipe(Box::new(file))
    }

    fn of_file(file: File, len: u64) -> Source {
        // Nothing changes, so nobody is needed who would say so.
        let filled = watch::Sender::new(Filled { bytes: len, end: End::Reached }).subscribe();
        Source { file: Arc::new(file), filled, pipe: None }
    }

    fn of_pipe(from: Box<dyn Read + Send>) -> io::Result<Source> {
        let file = Arc::new(tempfile::tempfile()?);
        let filled = watch::Sender::new(Filled { bytes: 0, end: End::NotYet });
        let listener = filled.subscribe();
        let demand = Arc::new(Demand::default());
        let reader = Reader { from, to: Arc::clone(&file), filled, demand: Arc::clone(&demand) };
        Ok(Source { file, filled: listener, pipe: Some(Pipe { demand, reader: Mutex::new(Some(reader)) }) })
    }

    /// The input from its beginning, for one host.
    pub fn feed(self: &Arc<Self>) -> Feed {
        Feed { source: Arc::clone(self), place: 0, filled: self.filled.clone() }
    }

    fn want(&self, place: u64) {
        let Some(pipe) = &self.pipe else { return };
        pipe.demand.raise(place);
        let reader = pipe.reader.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(reader) = reader {
            // A thread of its own, which nobody waits for: a pipe may never end.
            std::thread::spawn(move || reader.read());
        }
    }
}

/// Writes a pipe into the file without a name.
struct Reader {
    from: Box<dyn Read + Send>,
    to: Arc<File>,
    filled: watch::Sender<Filled>,
    demand: Arc<Demand>,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Reader")
    }
}

impl Reader {
    fn read(mut self) {
        let end = match self.read_all() {
            Ok(()) => End::Reached,
            Err(error) => End::Broken(error.to_string()),
        };
        self.filled.send_modify(|filled| filled.end = end);
    }

    fn read_all(&mut self) -> io::Result<()> {
        let mut piece = vec![0; PIECE];
        let mut place = 0;
        loop {
            self.demand.wait_for(place);
            let read = match self.from.read(&mut piece) {
                Ok(0) => return Ok(()),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            self.to.write_all_at(&piece[..read], place)?;
            place += read as u64;
            self.filled.send_modify(|filled| filled.bytes = place);
        }
    }
}

/// One host's way through the input.
#[derive(Debug)]
pub struct Feed {
    source: Arc<Source>,
    place: u64,
    filled: watch::Receiver<Filled>,
}

impl Feed {
    /// The next piece; `None` at the end. The error says why there is no end: then what was given must not be taken for all.
    pub async fn next(&mut self) -> Result<Option<Bytes>, String> {
        self.source.want(self.place);
        let about =
            self.filled.wait_for(|filled| filled.bytes > self.place || !matches!(filled.end, End::NotYet));
        let filled = match about.await {
            Ok(filled) => filled.clone(),
            // The sender of a file is gone from the beginning, and what it said last stands.
            Err(_) => self.source.filled.borrow().clone(),
        };
        if filled.bytes > self.place {
            let most = (filled.bytes - self.place).min(PIECE as u64);
            return self.read(usize::try_from(most).unwrap_or(PIECE)).await.map(Some);
        }
        match filled.end {
            End::Broken(why) => Err(why),
            End::Reached | End::NotYet => Ok(None),
        }
    }

    async fn read(&mut self, len: usize) -> Result<Bytes, String> {
        let (file, place) = (Arc::clone(&self.source.file), self.place);
        let reading = spawn_blocking(move || {
            let mut piece = vec![0; len];
            file.read_exact_at(&mut piece, place).map(|()| Bytes::from(piece))
        });
        let piece = reading.await.map_err(|error| error.to_string())?;
        let piece = piece.map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => "it became shorter while it was sent".to_owned(),
            _ => error.to_string(),
        })?;
        self.place += piece.len() as u64;
        Ok(piece)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::sync::atomic::{AtomicU64, Ordering};

    async fn all(source: &Arc<Source>) -> Result<Vec<u8>, String> {
        let mut feed = source.feed();
        let mut out = Vec::new();
        while let Some(piece) = feed.next().await? {
            assert!(piece.len() <= PIECE);
            out.extend_from_slice(&piece);
        }
        Ok(out)
    }

    fn numbers() -> Vec<u8> {
        (0..600_000_u32).flat_map(u32::to_le_bytes).collect()
    }

    #[tokio::test]
    async fn everybody_gets_all_of_a_file_and_of_a_pipe() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&numbers()).unwrap();
        let of_file = Arc::new(Source::open(file.path()).unwrap());
        let of_pipe = Arc::new(Source::of_pipe(Box::new(std::io::Cursor::new(numbers()))).unwrap());
        for source in [of_file, of_pipe] {
            let (one, two) = tokio::join!(all(&source), all(&source));
            assert!(one.as_deref() == Ok(&numbers()[..]) && two == one);
            assert_eq!(all(&source).await, one, "whoever comes late");
        }
        let empty = tempfile::NamedTempFile::new().unwrap();
        assert_eq!(all(&Arc::new(Source::open(empty.path()).unwrap())).await, Ok(vec![]));
        assert!(Source::open(Path::new("/tmp")).is_err());
    }

    /// A pipe that never ends, and says how much was taken from it.
    struct Endless(Arc<AtomicU64>);

    impl Read for Endless {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            self.0.fetch_add(into.len() as u64, Ordering::SeqCst);
            Ok(into.len())
        }
    }

    #[tokio::test]
    async fn an_endless_pipe_is_read_only_as_far_as_somebody_wants() {
        let taken = Arc::new(AtomicU64::new(0));
        let source = Arc::new(Source::of_pipe(Box::new(Endless(Arc::clone(&taken)))).unwrap());
        assert_eq!(taken.load(Ordering::SeqCst), 0, "nobody has asked");
        let mut feed = source.feed();
        let mut given = 0;
        while given < 5 * AHEAD {
            given += feed.next().await.unwrap().unwrap().len() as u64;
            let bound = given + AHEAD + 2 * PIECE as u64;
            assert!(taken.load(Ordering::SeqCst) <= bound, "{} after {given}", taken.load(Ordering::SeqCst));
        }
    }

    struct Broken;

    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the disk is gone"))
        }
    }

    #[tokio::test]
    async fn what_breaks_off_is_no_end() {
        let start = std::io::Cursor::new(b"start".to_vec());
        let source = Arc::new(Source::of_pipe(Box::new(start.chain(Broken))).unwrap());
        assert_eq!(all(&source).await, Err("the disk is gone".to_owned()));
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&[1; 100]).unwrap();
        let source = Arc::new(Source::open(file.path()).unwrap());
        file.as_file().set_len(50).unwrap();
        assert_eq!(all(&source).await, Err("it became shorter while it was sent".to_owned()));
    }
}
