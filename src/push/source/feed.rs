//! Content for all hosts at once: each file is read once, and what was read is shared.
//!
//! Theory: a file is read from its beginning to its end when the first host wants it; that one reading gives its checksum and,
//! for a file that fits the window (`kept`), everything that any host will be sent. Pieces go to all hosts as the
//! same bytes in memory. A larger file is read once for its checksum and once more for the hosts that are near each other in
//! it; a host that falls behind by more than the window reads for itself, which costs that host alone, and is counted.
//! Whatever is read is read by a task of its own: a host that stops listening in the middle leaves nobody waiting.
//!
//! What all of this holds is the window, the pieces that are being read (`READERS`), and whatever pieces each host has under
//! way by itself.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use sha2::{Digest, Sha256};
use tokio::sync::{Semaphore, watch};
use tokio::task::spawn_blocking;

use super::Sources;
use super::kept::{Coming, Kept, Key, PIECE, Piece, pieces};
use super::open::SourceFault;
use crate::push::put;

/// What is kept of files that were read, in bytes.
pub const WINDOW: usize = 64 << 20;

/// How many readings of pieces, and of whole files, are under way at once; the next wait.
const READERS: usize = 8;

/// The content of what was walked.
pub struct Feed {
    sources: Arc<Sources>,
    books: Mutex<Books>,
    /// Two kinds, so that no host waits for a piece behind the checksums of large files.
    for_sums: Arc<Semaphore>,
    for_pieces: Arc<Semaphore>,
    once: AtomicU64,
    again: AtomicU64,
}

struct Books {
    kept: Kept,
    sums: HashMap<usize, Sum>,
}

/// Tells those who wait what came of a reading.
type Telling<T> = watch::Sender<Option<Result<T, SourceFault>>>;

/// What is known of the content of a file.
enum Sum {
    Coming(Coming<[u8; 32]>),
    Known([u8; 32]),
}

/// How much was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reads {
    /// Bytes of files that were read for the first time.
    pub once: u64,
    /// Bytes that were read again, since the window did not hold them, or not any more.
    pub again: u64,
}

impl Feed {
    /// Nothing is read yet; `window` is what is kept, in bytes.
    pub fn new(sources: Arc<Sources>, window: usize) -> Arc<Feed> {
        Arc::new(Feed {
            sources,
            books: Mutex::new(Books { kept: Kept::new(window), sums: HashMap::new() }),
            for_sums: Arc::new(Semaphore::new(READERS)),
            for_pieces: Arc::new(Semaphore::new(READERS)),
            once: AtomicU64::new(0),
            again: AtomicU64::new(0),
        })
    }

    /// What it is the content of.
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// How much was read until now.
    pub fn reads(&self) -> Reads {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Reads { once: read(&self.once), again: read(&self.again) }
    }

    /// A file, by its place among all entries; it has been read to its end, once for all who ask.
    pub async fn file(self: &Arc<Self>, item: usize) -> Result<Content, SourceFault> {
        let sha256 = self.sum(item).await?;
        Ok(Content { feed: Arc::clone(self), item, sha256 })
    }

    /// All of a file that has at most so many bytes; `None` where it has more.
    pub async fn whole(self: &Arc<Self>, item: usize, most: u64) -> Result<Option<Bytes>, SourceFault> {
        let size = self.sources.size(item);
        if size > most {
            return Ok(None);
        }
        self.sum(item).await?;
        let mut whole = Vec::new();
        for piece in 0..pieces(size) {
            whole.extend_from_slice(&self.piece((item, piece)).await?);
        }
        Ok(Some(whole.into()))
    }

    /// These files will be asked for next: what nobody has read of them is read in one go, one after the other.
    pub fn expect(self: &Arc<Self>, items: impl Iterator<Item = usize>) {
        let mut readings = Vec::new();
        let mut books = self.books();
        for item in items {
            if let Entry::Vacant(unread) = books.sums.entry(item) {
                let (told, coming) = watch::channel(None);
                unread.insert(Sum::Coming(coming));
                readings.push((item, told));
            }
        }
        drop(books);
        if !readings.is_empty() {
            tokio::spawn(Arc::clone(self).read_wholes(readings));
        }
    }

    async fn sum(self: &Arc<Self>, item: usize) -> Result<[u8; 32], SourceFault> {
        let coming = loop {
            match self.books().sums.get(&item) {
                Some(Sum::Known(sum)) => return Ok(*sum),
                Some(Sum::Coming(coming)) => break coming.clone(),
                None => {}
            }
            self.expect([item].into_iter());
        };
        self.outcome(item, coming).await
    }

    async fn piece(self: &Arc<Self>, key: Key) -> Result<Bytes, SourceFault> {
        let coming = {
            let mut books = self.books();
            match books.kept.get(key) {
                Some(Piece::Here(bytes)) => return Ok(bytes.clone()),
                Some(Piece::Coming(coming)) => coming.clone(),
                None => {
                    let (told, coming) = watch::channel(None);
                    books.kept.expect(key, coming.clone());
                    tokio::spawn(Arc::clone(self).read_piece(key, told));
                    coming
                }
            }
        };
        self.outcome(key.0, coming).await
    }

    /// Waits for a reading that somebody does.
    async fn outcome<T: Clone>(&self, item: usize, mut coming: Coming<T>) -> Result<T, SourceFault> {
        let told = coming.wait_for(Option::is_some).await.ok().and_then(|told| told.clone());
        told.unwrap_or_else(|| {
            let shown = self.sources.shown(item);
            Err(SourceFault::Unreadable(shown, "the reading was given up".to_owned()))
        })
    }

    async fn read_wholes(self: Arc<Self>, readings: Vec<(usize, Telling<[u8; 32]>)>) {
        let _turn = self.for_sums.acquire().await.expect("nobody closes it");
        let feed = Arc::clone(&self);
        // On a thread that may wait for a disk. Where it breaks off, those who wait hear that from their channels.
        let _ = spawn_blocking(move || {
            for (item, told) in readings {
                let result = feed.read_whole_now(item);
                let mut books = feed.books();
                match &result {
                    Ok(sum) => books.sums.insert(item, Sum::Known(*sum)),
                    // Whoever asks next has it tried once more.
                    Err(_) => books.sums.remove(&item),
                };
                drop(books);
                told.send_replace(Some(result));
            }
        })
        .await;
    }

    async fn read_piece(self: Arc<Self>, key: Key, told: Telling<Bytes>) {
        let result = self.reading(&self.for_pieces, key.0, move |feed| feed.read_piece_now(key)).await;
        let mut books = self.books();
        match &result {
            Ok(bytes) => books.kept.keep(key, bytes.clone()),
            Err(_) => books.kept.forget(key),
        }
        drop(books);
        told.send_replace(Some(result));
    }

    /// Reads on a thread that may wait for a disk, when it is this reading's turn.
    async fn reading<T: Send + 'static>(
        self: &Arc<Self>,
        turns: &Arc<Semaphore>,
        item: usize,
        read: impl FnOnce(&Feed) -> Result<T, SourceFault> + Send + 'static,
    ) -> Result<T, SourceFault> {
        let _turn = turns.acquire().await.expect("nobody closes it");
        let feed = Arc::clone(self);
        spawn_blocking(move || read(&feed))
            .await
            .unwrap_or_else(|error| Err(SourceFault::Unreadable(self.sources.shown(item), error.to_string())))
    }

    fn read_whole_now(&self, item: usize) -> Result<[u8; 32], SourceFault> {
        let is_kept = self.books().kept.holds(self.sources.size(item));
        self.sources.read_whole(item, |piece, bytes| {
            self.once.fetch_add(bytes.len() as u64, Ordering::Relaxed);
            if is_kept {
                self.books().kept.keep((item, piece), bytes);
            }
        })
    }

    fn read_piece_now(&self, (item, piece): Key) -> Result<Bytes, SourceFault> {
        let bytes = self.sources.read_piece(item, piece)?;
        self.again.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(bytes)
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        // Nothing that holds it can leave it half done.
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let held = self.books().kept.held();
        f.debug_struct("Feed").field("reads", &self.reads()).field("held", &held).finish_non_exhaustive()
    }
}

/// The content of one file, for one host after the other or for all at once.
#[derive(Clone, Debug)]
pub struct Content {
    feed: Arc<Feed>,
    item: usize,
    sha256: [u8; 32],
}

impl put::Source for Content {
    fn size(&self) -> u64 {
        self.feed.sources.size(self.item)
    }

    fn chunk(&self, at: u64) -> BoxFuture<'_, Result<Bytes, String>> {
        if at >= self.size() {
            return Box::pin(std::future::ready(Ok(Bytes::new())));
        }
        let piece = u32::try_from(at / PIECE as u64).unwrap_or(u32::MAX);
        let within = usize::try_from(at % PIECE as u64).expect("less than a piece");
        Box::pin(async move {
            let bytes = self.feed.piece((self.item, piece)).await.map_err(|fault| fault.to_string())?;
            Ok(bytes.slice(within.min(bytes.len())..))
        })
    }

    fn sha256(&self) -> [u8; 32] {
        self.sha256
    }
}

/// Content that was made for one host, such as a filled-in template; it is in memory as a whole.
#[derive(Clone, Debug)]
pub struct Made {
    bytes: Bytes,
    sha256: [u8; 32],
}

impl Made {
    /// This content.
    pub fn new(bytes: Bytes) -> Made {
        let sha256 = Sha256::digest(&bytes).into();
        Made { bytes, sha256 }
    }
}

impl put::Source for Made {
    fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn chunk(&self, at: u64) -> BoxFuture<'_, Result<Bytes, String>> {
        let from = usize::try_from(at).unwrap_or(usize::MAX).min(self.bytes.len());
        Box::pin(std::future::ready(Ok(self.bytes.slice(from..))))
    }

    fn sha256(&self) -> [u8; 32] {
        self.sha256
    }
}

#[cfg(test)]
#[path = "feed_tests.rs"]
mod tests;
