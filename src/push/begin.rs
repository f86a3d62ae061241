//! The part of a file on a host: made anew, or found and gone on with.
//!
//! Theory: a part is made exclusively and under a name of its own, so it is ours and nobody else's: what is renamed at the end
//! is what was written and proven. One that an earlier push left is claimed by renaming it to a name of our own, which only one
//! can do, and gone on with only if it is a file, large enough to be worth it, belongs to who we are there, and its content is
//! the beginning of ours, summed there; then even a part that somebody else prepared holds nothing but what is sent anyway.
//! Otherwise it is removed. Nothing is ever emptied: should its first writer still live, it writes the same bytes to the same
//! places, and finds at its end that its part was taken away.

use sha2::{Digest, Sha256};

use super::cause::{self, Doing};
use super::part::{chance_name, part_name};
use super::put::{Source, Way, beside, replace};
use super::trouble::Trouble;
use crate::ssh::sftp::{Attrs, FileType, Handle, OpenFlags, Pending, Sftp, SftpError};

/// Parts of fewer bytes are not worth the questions.
pub(super) const WORTH: u64 = 1024 * 1024;

/// Nobody else may look at a file that is not in its place yet.
const PRIVATE: u32 = 0o600;

/// A part that stands on a host.
#[derive(Debug)]
pub(super) struct Part {
    /// Its path, which nobody else uses.
    pub(super) path: Vec<u8>,
    /// How much of it is there and right.
    pub(super) have: u64,
}

/// Makes the part of a file, or goes on with the one that an earlier push `left`.
pub(super) async fn begin(
    way: Way<'_>,
    (path, name): (&[u8], &[u8]),
    (source, left): (&dyn Source, Option<&[u8]>),
) -> Result<(Part, Handle), Trouble> {
    let own = beside(path, &part_name(name, &source.sha256()));
    if let Some(left) = left {
        if let Some(begun) = claim(way, (path, name), (left, &own), source).await? {
            return Ok(begun);
        }
        // Of no use, or claimed by somebody else, who has it under another name now.
        let _ = way.sftp.remove(left).await;
    }
    match create(way.sftp, &own).await {
        Ok(handle) => Ok((Part { path: own, have: 0 }, handle)),
        Err(error) => Err(cause::of(way.sftp, (Doing::Create, path), error).await),
    }
}

async fn create(sftp: &Sftp, path: &[u8]) -> Result<Handle, SftpError> {
    let pending = creating(sftp, path).await?;
    sftp.opened(pending).await
}

/// Asks for a part to be made, which nobody else has.
pub(super) async fn creating(sftp: &Sftp, path: &[u8]) -> Result<Pending, SftpError> {
    let flags = OpenFlags::READ | OpenFlags::WRITE | OpenFlags::CREATE | OpenFlags::EXCLUSIVE;
    sftp.opening(path, flags, Attrs::with_mode(PRIVATE)).await
}

/// Makes what an earlier push left ours, where it is worth it, and goes on with it, where it is right.
async fn claim(
    way: Way<'_>,
    (path, name): (&[u8], &[u8]),
    (left, own): (&[u8], &[u8]),
    source: &dyn Source,
) -> Result<Option<(Part, Handle)>, Trouble> {
    // Whatever is no file, or too small, is not even renamed.
    let Ok(found) = way.sftp.lstat(left).await else { return Ok(None) };
    if worth(found, source).is_none()
        || found.owner.is_none()
        || found.owner != me(way.sftp, (path, name)).await
    {
        return Ok(None);
    }
    if replace(way.sftp, (left, own), false).await.is_err() {
        return Ok(None);
    }
    let begun = go_on(way, (path, own), (found, source)).await;
    if !matches!(begun, Ok(Some(_)) | Err(Trouble::Lost(_) | Trouble::Unreachable(_))) {
        let _ = way.sftp.remove(own).await;
    }
    begun
}

/// The bytes of a part, if it can be the beginning of this content.
fn worth(found: Attrs, source: &dyn Source) -> Option<u64> {
    let is_file = found.file_type() == Some(FileType::File);
    found.size.filter(|size| is_file && (WORTH..=source.size()).contains(size))
}

/// Opens a part that is ours now, if it is the beginning of this content.
async fn go_on(
    way: Way<'_>,
    (path, own): (&[u8], &[u8]),
    (found, source): (Attrs, &dyn Source),
) -> Result<Option<(Part, Handle)>, Trouble> {
    // What was renamed need not be what was looked at before, and only files are opened.
    match way.sftp.lstat(own).await {
        Ok(claimed) if worth(claimed, source).is_some() => {}
        _ => return Ok(None),
    }
    let Ok(handle) = way.sftp.open_file(own, OpenFlags::READ | OpenFlags::WRITE, Attrs::default()).await
    else {
        return Ok(None);
    };
    let opened = way.sftp.fstat(&handle).await.map_err(cause::plain)?.attrs().await.map_err(cause::plain)?;
    let Some(have) = worth(opened, source).filter(|_| opened.owner == found.owner) else { return Ok(None) };
    let Some(there) = way.sums.of_beginning(own, have).await? else { return Ok(None) };
    let is_right = there == sum_of_beginning(path, source, have).await?;
    Ok(is_right.then(|| (Part { path: own.to_vec(), have }, handle)))
}

/// Who we are there: the owner of a file that we make.
async fn me(sftp: &Sftp, (path, name): (&[u8], &[u8])) -> Option<(u32, u32)> {
    let probe = beside(path, &chance_name(name));
    let handle = create(sftp, &probe).await.ok()?;
    let about = match sftp.fstat(&handle).await {
        Ok(pending) => pending.attrs().await.ok(),
        Err(_) => None,
    };
    let _ = sftp.remove(&probe).await;
    about?.owner
}

async fn sum_of_beginning(path: &[u8], source: &dyn Source, have: u64) -> Result<[u8; 32], Trouble> {
    let mut digest = Sha256::new();
    let mut at = 0;
    while at < have {
        let mut chunk = source.chunk(at).await.map_err(|why| super::put::source_fault(path, &why))?;
        chunk.truncate(usize::try_from(have - at).unwrap_or(usize::MAX));
        if chunk.is_empty() {
            return Err(super::put::source_fault(path, "its source gave nothing where it should go on"));
        }
        digest.update(&chunk);
        at += chunk.len() as u64;
    }
    Ok(digest.finalize().into())
}
