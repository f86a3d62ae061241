//! The part of a file on a host: made anew, or found and gone on with.
//!
//! Theory: a part is made exclusively, so it is ours and nobody else's. One that is there already is what an earlier push left,
//! or a trap. It is gone on with only if it is a file, large enough to be worth it, belongs to who we are there, and its content
//! is the beginning of ours, summed there; then even a part that somebody else prepared holds nothing but what is sent anyway.
//! Otherwise it is removed, and another name is taken: it may be that of another push that is at work right now, and what
//! that one renames into place must be what it made itself. Nothing is ever emptied: two pushes of the same content at once
//! write the same bytes to the same places, or one of them finds its part gone.

use sha2::{Digest, Sha256};

use super::cause::{self, Doing};
use super::part::{chance_name, part_name};
use super::put::{Source, Way, beside};
use super::trouble::Trouble;
use crate::ssh::sftp::{Attrs, FileType, Handle, OpenFlags, Sftp, SftpError};

/// Parts of fewer bytes are not worth the questions.
pub(super) const WORTH: u64 = 1024 * 1024;

/// Nobody else may look at a file that is not in its place yet.
const PRIVATE: u32 = 0o600;

/// A part that stands on a host.
#[derive(Debug)]
pub(super) struct Part {
    /// Its path.
    pub(super) path: Vec<u8>,
    /// How much of it is there and right.
    pub(super) have: u64,
}

/// Makes the part of a file, or finds it.
pub(super) async fn begin(
    way: Way<'_>,
    (path, name): (&[u8], &[u8]),
    source: &dyn Source,
) -> Result<(Part, Handle), Trouble> {
    let part = beside(path, &part_name(name, &source.sha256()));
    let refused = match create(way.sftp, &part).await {
        Ok(handle) => return Ok((Part { path: part, have: 0 }, handle)),
        Err(SftpError::Refused(refused)) => SftpError::Refused(refused),
        Err(error) => return Err(cause::plain(error)),
    };
    let Ok(found) = way.sftp.lstat(&part).await else {
        return Err(cause::of(way.sftp, (Doing::Create, path), refused).await);
    };
    if let Some(begun) = go_on(way, (path, name), (&part, found), source).await? {
        return Ok(begun);
    }
    // It may not be removed, or be a folder.
    let _ = way.sftp.remove(&part).await;
    let other = beside(path, &chance_name(name));
    match create(way.sftp, &other).await {
        Ok(handle) => Ok((Part { path: other, have: 0 }, handle)),
        Err(_) => Err(cause::of(way.sftp, (Doing::Create, path), refused).await),
    }
}

async fn create(sftp: &Sftp, path: &[u8]) -> Result<Handle, SftpError> {
    let flags = OpenFlags::READ | OpenFlags::WRITE | OpenFlags::CREATE | OpenFlags::EXCLUSIVE;
    sftp.open_file(path, flags, Attrs::with_mode(PRIVATE)).await
}

/// Opens what an earlier push left, if it is the beginning of this content.
async fn go_on(
    way: Way<'_>,
    (path, name): (&[u8], &[u8]),
    (part, found): (&[u8], Attrs),
    source: &dyn Source,
) -> Result<Option<(Part, Handle)>, Trouble> {
    let Some(have) = found.size.filter(|size| (WORTH..=source.size()).contains(size)) else {
        return Ok(None);
    };
    if found.file_type() != Some(FileType::File)
        || found.owner.is_none()
        || found.owner != me(way.sftp, (path, name)).await
    {
        return Ok(None);
    }
    let Some(there) = way.sums.sha256(part, have).await? else { return Ok(None) };
    if there != sum_of_beginning(path, source, have).await? {
        return Ok(None);
    }
    let Ok(handle) = way.sftp.open_file(part, OpenFlags::READ | OpenFlags::WRITE, Attrs::default()).await
    else {
        return Ok(None);
    };
    // What was opened is what was looked at.
    let opened = way.sftp.fstat(&handle).await.map_err(cause::plain)?.attrs().await.map_err(cause::plain)?;
    let is_same = (opened.size, opened.owner) == (found.size, found.owner);
    Ok(is_same.then(|| (Part { path: part.to_vec(), have }, handle)))
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
