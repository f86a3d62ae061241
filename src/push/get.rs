//! One file from a host, in order and bounded by what was allowed.
//!
//! Theory: what a server says about a file is a claim. The size it says is what is read, many requests ahead; one that ends
//! earlier was a lie or changed under us, and a file that goes on after it has grown, which is no error but is told; so is one
//! that a kernel makes when it is read, as in /sys, which says the size of a page and holds less. What is
//! no file is never opened: opening a FIFO waits for ever, and opening a device does things.

use bytes::Bytes;
use futures_util::future::BoxFuture;
use sha2::{Digest, Sha256};

use super::cause::{self, Doing};
use super::path::shown;
use super::put::{Way, special};
use super::trouble::Trouble;
use super::window::{Queue, Window};
use crate::outcome::FileFault;
use crate::ssh::sftp::{Attrs, FileType, Handle, OpenFlags, Pending, SftpError};

/// The largest page of a kernel, in bytes.
pub(super) const PAGE: u64 = 64 * 1024;

/// Takes what is read, in order.
pub trait Sink: Send {
    /// The next bytes; the error is a sentence and ends the reading.
    fn take(&mut self, bytes: Bytes) -> BoxFuture<'_, Result<(), String>>;
}

/// What is read at most, and of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Bytes; a file that is larger is refused.
    pub bytes: u64,
    /// Whether a link is followed.
    pub links: Links,
}

/// What a link in the place of a file means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    /// The file it leads to.
    Followed,
    /// It is refused.
    Refused,
}

/// What was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Got {
    /// Bytes.
    pub size: u64,
    /// Their SHA-256.
    pub sha256: [u8; 32],
    /// Whether the file went on after what it said its size was: it grew, and this is its beginning.
    pub grew: bool,
    /// Whether it is a file of a kernel that holds less than it says, as those in /sys do.
    pub holds_less: bool,
    /// Its permission bits when it was opened, `07777`: what a server says.
    pub mode: u32,
    /// When it was changed last, in seconds since 1970.
    pub mtime: i64,
}

/// Reads a file.
pub(super) async fn get(
    way: Way<'_>,
    path: &[u8],
    (sink, limit): (&mut dyn Sink, Limit),
) -> Result<Got, Trouble> {
    let (handle, attrs) = open(way, path, limit).await?;
    let told = attrs.size.unwrap_or(0);
    if told > limit.bytes {
        return Err(too_large(path, limit));
    }
    let mut taker = Taker { path, sink, digest: Sha256::new(), at: 0 };
    let end = match told {
        // What makes its content when it is read, as in /proc, says that it has none.
        0 => to_the_end(way, &handle, (&mut taker, limit)).await.map(|()| End::AsTold)?,
        told => as_told(way, &handle, (&mut taker, told)).await?,
    };
    Ok(Got {
        size: taker.at,
        sha256: taker.digest.finalize().into(),
        grew: end == End::Beyond,
        holds_less: end == End::Before,
        mode: attrs.permissions().unwrap_or(0),
        mtime: attrs.times.map_or(0, |(_, change)| change.into()),
    })
}

/// Opens what is a file, looked at before and after.
async fn open(way: Way<'_>, path: &[u8], limit: Limit) -> Result<(Handle, Attrs), Trouble> {
    let looked = match limit.links {
        Links::Followed => way.sftp.stat(path).await,
        Links::Refused => way.sftp.lstat(path).await,
    };
    let attrs = match looked {
        Ok(attrs) => attrs,
        Err(error) => return Err(cause::of(way.sftp, (Doing::Use, path), error).await),
    };
    only_files(path, attrs)?;
    let handle = match way.sftp.open_file(path, OpenFlags::READ, Attrs::default()).await {
        Ok(handle) => handle,
        Err(error) => return Err(cause::of(way.sftp, (Doing::Use, path), error).await),
    };
    let attrs = way.sftp.fstat(&handle).await.map_err(cause::plain)?.attrs().await.map_err(cause::plain)?;
    only_files(path, attrs)?;
    Ok((handle, attrs))
}

fn only_files(path: &[u8], attrs: Attrs) -> Result<(), Trouble> {
    match attrs.file_type() {
        Some(FileType::File) | None => Ok(()),
        Some(FileType::Dir) => Err(cause::at(path, FileFault::IsDirectory)),
        Some(FileType::Special) => Err(special(path)),
        Some(FileType::Link) => Err(Trouble::file(
            FileFault::Refused,
            format!("{}: a symbolic link, which is not followed here", shown(path)),
        )),
    }
}

pub(super) fn too_large(path: &[u8], limit: Limit) -> Trouble {
    let why = format!("{}: it is larger than the {} bytes that are allowed", shown(path), limit.bytes);
    Trouble::file(FileFault::Refused, why)
}

/// Hands on what came, in order.
struct Taker<'a> {
    path: &'a [u8],
    sink: &'a mut dyn Sink,
    digest: Sha256,
    at: u64,
}

impl Taker<'_> {
    async fn take(&mut self, bytes: Bytes) -> Result<(), Trouble> {
        self.digest.update(&bytes);
        self.at += bytes.len() as u64;
        let taken = self.sink.take(bytes).await;
        taken.map_err(|why| Trouble::file(FileFault::Other, format!("{}: {why}", shown(self.path))))
    }

    fn ended(&self, told: u64) -> Trouble {
        let (path, at) = (shown(self.path), self.at);
        Trouble::file(
            FileFault::Odd,
            format!(
                "{path}: the host said {told} bytes, and it ends after {at}; it changed, or the host lies"
            ),
        )
    }
}

/// Where the end of a file was.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    AsTold,
    /// More follows.
    Beyond,
    /// It holds less, and always did.
    Before,
}

/// Reads what was told.
async fn as_told(
    way: Way<'_>,
    handle: &Handle,
    (taker, told): (&mut Taker<'_>, u64),
) -> Result<End, Trouble> {
    let mut window = Window::of_replies((way.budget, way.own), told);
    let mut queue: Queue<(Pending, u64, u32)> = Queue::new();
    let longest = u64::from(way.sftp.limits().await.map_err(cause::plain)?.read);
    let (mut next, mut beyond) = (0, None);
    while taker.at < told {
        while next < told {
            let len = window.longest(longest).min(told - next);
            let bytes = usize::try_from(len).expect("no longer than a packet");
            if !window.admits(bytes) {
                break;
            }
            let len = u32::try_from(len).expect("no longer than a packet");
            let pending = way.sftp.read(handle, next, len).await.map_err(cause::plain)?;
            window.sends(bytes);
            queue.push((pending, next, len), bytes);
            next += u64::from(len);
        }
        if next == told && beyond.is_none() {
            beyond = Some(way.sftp.read(handle, told, 1).await.map_err(cause::plain)?);
        }
        let ((pending, at, len), sent, bytes) = queue.pop().expect("what is not there is under way");
        if window.waits(one(way, handle, (taker, told), (pending, at, len))).await? == End::Before {
            return Ok(End::Before);
        }
        window.hears(bytes, sent.elapsed());
    }
    let Some(beyond) = beyond else { return Ok(End::AsTold) };
    match beyond.data(1).await {
        Ok(Some(_)) => Ok(End::Beyond),
        // All came that was told; who says no behind it says nothing about that.
        Ok(None) | Err(SftpError::Refused(_)) => Ok(End::AsTold),
        Err(error) => Err(cause::plain(error)),
    }
}

/// Whether a file that ended too soon is one that a kernel makes when it is read: all of it came in one reply, and it says
/// the same size still, which is a page at most.
async fn is_made(way: Way<'_>, handle: &Handle, (replies, told): (usize, u64)) -> Result<bool, Trouble> {
    if replies > 1 || told > PAGE {
        return Ok(false);
    }
    let again = way.sftp.fstat(handle).await.map_err(cause::plain)?.attrs().await.map_err(cause::plain)?;
    Ok(again.size == Some(told))
}

/// Takes what one request gave, and what it did not give asked for again.
async fn one(
    way: Way<'_>,
    handle: &Handle,
    (taker, told): (&mut Taker<'_>, u64),
    (pending, at, len): (Pending, u64, u32),
) -> Result<End, Trouble> {
    let end = at + u64::from(len);
    let mut answer = read(way, taker.path, (pending, len)).await?;
    let mut replies = 0;
    loop {
        let Some(data) = answer else {
            let is_made = at == 0 && is_made(way, handle, (replies, told)).await?;
            return if is_made { Ok(End::Before) } else { Err(taker.ended(told)) };
        };
        replies += 1;
        taker.take(data).await?;
        if taker.at >= end {
            return Ok(End::AsTold);
        }
        let len = u32::try_from(end - taker.at).expect("less than was asked for at first");
        let pending = way.sftp.read(handle, taker.at, len).await.map_err(cause::plain)?;
        answer = read(way, taker.path, (pending, len)).await?;
    }
}

async fn read(way: Way<'_>, path: &[u8], (pending, len): (Pending, u32)) -> Result<Option<Bytes>, Trouble> {
    match pending.data(len).await {
        Ok(data) => Ok(data),
        Err(error) => Err(cause::of(way.sftp, (Doing::Use, path), error).await),
    }
}

/// Reads until nothing comes.
async fn to_the_end(
    way: Way<'_>,
    handle: &Handle,
    (taker, limit): (&mut Taker<'_>, Limit),
) -> Result<(), Trouble> {
    let len = way.sftp.limits().await.map_err(cause::plain)?.read;
    loop {
        let pending = way.sftp.read(handle, taker.at, len).await.map_err(cause::plain)?;
        let Some(data) = read(way, taker.path, (pending, len)).await? else { return Ok(()) };
        if taker.at + data.len() as u64 > limit.bytes {
            return Err(too_large(taker.path, limit));
        }
        taker.take(data).await?;
    }
}

/// Nothing is kept of what is read but its sum.
struct Nowhere;

impl Sink for Nowhere {
    fn take(&mut self, _: Bytes) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// The sum of a file of at most so many bytes, read whole.
pub(super) async fn sum(way: Way<'_>, path: &[u8], bytes: u64) -> Result<[u8; 32], Trouble> {
    let limit = Limit { bytes, links: Links::Refused };
    Ok(get(way, path, (&mut Nowhere, limit)).await?.sha256)
}
