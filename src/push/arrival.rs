//! A file that arrives here piece by piece, written on threads that may block.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt};

use super::get::Sink;
use super::landing::{Folder, LandError, NewFile};

/// Does what blocks on a thread where it may. A panic there is this task's.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LandError> + Send + 'static,
) -> Result<T, LandError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// A file that arrives. The last piece waits for the next, so that a file of one piece costs one step.
pub struct Arrival<'a> {
    /// Told of each piece: how many bytes it has.
    pub moved: &'a (dyn Fn(usize) + Sync),
    folder: Arc<Folder>,
    name: Box<[u8]>,
    mode: u32,
    file: Option<NewFile>,
    held: Option<Bytes>,
    error: Option<LandError>,
}

impl<'a> Arrival<'a> {
    /// Nothing has come of this file yet.
    pub fn new(
        folder: &Arc<Folder>,
        (name, mode): (&[u8], u32),
        moved: &'a (dyn Fn(usize) + Sync),
    ) -> Arrival<'a> {
        let (folder, name) = (Arc::clone(folder), name.into());
        Arrival { moved, folder, name, mode, file: None, held: None, error: None }
    }

    /// What kept a piece from being written, where that ended the reading.
    pub fn error(&mut self) -> Option<LandError> {
        self.error.take()
    }

    /// Puts the file in its place, with this time of its last change.
    pub async fn land(mut self, mtime: i64) -> Result<(), LandError> {
        let writing = self.writing();
        blocking(move || writing()?.land(mtime)).await
    }

    /// What writes what has come so far.
    fn writing(&mut self) -> impl FnOnce() -> Result<NewFile, LandError> + Send + use<> {
        let (folder, name, mode) = (Arc::clone(&self.folder), self.name.clone(), self.mode);
        let (file, held) = (self.file.take(), self.held.take());
        move || {
            let mut file = match file {
                Some(file) => file,
                None => NewFile::begin(&folder, &name, mode)?,
            };
            held.map_or(Ok(()), |bytes| file.add(&bytes))?;
            Ok(file)
        }
    }
}

impl Sink for Arrival<'_> {
    fn take(&mut self, bytes: Bytes) -> BoxFuture<'_, Result<(), String>> {
        async move {
            (self.moved)(bytes.len());
            if self.held.is_some() {
                match blocking(self.writing()).await {
                    Ok(file) => self.file = Some(file),
                    Err(error) => {
                        let why = error.to_string();
                        self.error = Some(error);
                        return Err(why);
                    }
                }
            }
            self.held = Some(bytes);
            Ok(())
        }
        .boxed()
    }
}
