//! What can be asked of a host over SFTP.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use futures_util::future::{BoxFuture, FutureExt, Shared};

use super::attrs::Attrs;
use super::cursor::Malformed;
use super::error::SftpError;
use super::frame::MAX_PACKET;
use super::listing::Dir;
use super::packet::names;
use super::reply::StatVfs;
use super::request::{OpenFlags, Request};
use super::session::{Pending, Session};
use crate::ssh::{Channel, Link};

/// The longest path that is sent; Linux takes 4,096 bytes.
const LONGEST_PATH: usize = 16 * 1024;

/// What one request reads or writes where the server names no limit: what every server must take (draft section 3).
const USUAL: u32 = 32 * 1024;

/// What a packet holds beside its data at most.
const AROUND: usize = 1024;

/// The extensions a server knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Features {
    /// It renames over what is there, at once.
    pub posix_rename: bool,
    /// It writes a file to its disk.
    pub fsync: bool,
    /// It tells about file systems.
    pub statvfs: bool,
    /// It names its limits.
    pub limits: bool,
    /// It sets attributes of links.
    pub lsetstat: bool,
    /// It knows `~`.
    pub expand_path: bool,
    /// It gives files second names.
    pub hardlink: bool,
}

/// How much one request may carry, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// What one request may read.
    pub read: u32,
    /// What one request may write.
    pub write: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { read: USUAL, write: USUAL }
    }
}

impl Limits {
    /// From the answer that was asked for, where the server has one.
    async fn of(asked: Option<Pending>) -> Result<Limits, SftpError> {
        let Some(asked) = asked else { return Ok(Limits::default()) };
        match asked.extended().await {
            Ok(body) => Ok(Limits::decode(body)?),
            // What it names and then refuses it need not have.
            Err(SftpError::Refused(_)) => Ok(Limits::default()),
            Err(error) => Err(error),
        }
    }

    /// From the answer of a server, kept within what a packet holds here.
    fn decode(mut body: Bytes) -> Result<Limits, Malformed> {
        let mut number = || body.try_get_u64().map_err(|_| Malformed::Short);
        let (_packet, read, write) = (number()?, number()?, number()?);
        let most = u32::try_from(MAX_PACKET - AROUND - AROUND).expect("a packet is smaller than 4 GiB");
        let kept = |limit: u64| match u32::try_from(limit).unwrap_or(most) {
            // No limit is named.
            0 => USUAL,
            limit => limit.clamp(1024, most),
        };
        Ok(Limits { read: kept(read), write: kept(write) })
    }
}

/// The files of a host, over one channel. Cheap to clone; the channel is closed with the last clone and handle.
#[derive(Clone, Debug)]
pub struct Sftp {
    session: Session,
    about: Arc<About>,
}

/// What is known of a server.
struct About {
    features: Features,
    /// Asked for at the beginning, and waited for by whoever needs them first.
    limits: Shared<BoxFuture<'static, Result<Limits, SftpError>>>,
}

impl std::fmt::Debug for About {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("About")
            .field("features", &self.features)
            .field("limits", &self.limits.peek())
            .finish_non_exhaustive()
    }
}

/// An open file or folder; closed when dropped, where that needs no waiting.
#[derive(Debug)]
pub struct Handle {
    bytes: Bytes,
    session: Option<Session>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            session.send_away(&Request::Close { handle: self.bytes.clone() });
        }
    }
}

impl Sftp {
    /// Starts SFTP on a link, within its connect timeout.
    pub async fn open(link: &Link) -> Result<Sftp, SftpError> {
        let opened = link.open().await.map_err(SftpError::Unreachable)?;
        match opened.subsystem("sftp").await? {
            Some(channel) => Sftp::over(channel, link.limit()).await,
            None => Err(SftpError::Missing("it refused the subsystem sftp".to_owned())),
        }
    }

    /// Speaks SFTP with a server that was started on a channel, as one that runs as somebody else; the greeting has so long.
    pub async fn over(channel: Channel, limit: Duration) -> Result<Sftp, SftpError> {
        let (session, extensions) = Session::begin(channel, limit).await?;
        let has = |name: &[u8]| extensions.iter().any(|(known, _)| known == name);
        let features = Features {
            posix_rename: has(names::POSIX_RENAME),
            fsync: has(names::FSYNC),
            statvfs: has(names::STATVFS),
            limits: has(names::LIMITS),
            lsetstat: has(names::LSETSTAT),
            expand_path: has(names::EXPAND_PATH),
            hardlink: has(names::HARDLINK),
        };
        let asked = match features.limits {
            true => Some(session.send(&Request::Limits).await?),
            false => None,
        };
        let limits = Limits::of(asked).boxed().shared();
        Ok(Sftp { session, about: Arc::new(About { features, limits }) })
    }

    /// What its server can do beyond the draft.
    pub fn features(&self) -> Features {
        self.about.features
    }

    /// How much one request may carry.
    pub async fn limits(&self) -> Result<Limits, SftpError> {
        self.about.limits.clone().await
    }

    /// Waits until nothing can be asked any more: the link was lost, or the server misbehaved.
    pub async fn ended(&self) -> SftpError {
        self.session.ended().await
    }

    async fn send(&self, request: Request) -> Result<Pending, SftpError> {
        self.session.send(&request).await
    }

    /// Opens a file.
    pub async fn open_file(&self, path: &[u8], flags: OpenFlags, attrs: Attrs) -> Result<Handle, SftpError> {
        let pending = self.opening(path, flags, attrs).await?;
        self.opened(pending).await
    }

    /// Asks for a file to be opened; [`Sftp::opened`] takes the answer.
    pub async fn opening(&self, path: &[u8], flags: OpenFlags, attrs: Attrs) -> Result<Pending, SftpError> {
        self.send(Request::Open { path: checked(path)?, flags, attrs }).await
    }

    /// The answer to [`Sftp::opening`].
    pub async fn opened(&self, pending: Pending) -> Result<Handle, SftpError> {
        Ok(self.handle(pending.handle().await?))
    }

    fn handle(&self, bytes: Bytes) -> Handle {
        Handle { bytes, session: Some(self.session.clone()) }
    }

    /// Closes a file or folder; [`Pending::done`] is the answer, with some file systems the first to say that there is no room.
    pub async fn close(&self, mut handle: Handle) -> Result<Pending, SftpError> {
        let pending = self.send(Request::Close { handle: handle.bytes.clone() }).await?;
        handle.session = None;
        Ok(pending)
    }

    /// Sends bytes to be written at an offset, at most [`Limits::write`]; [`Pending::done`] is the answer.
    pub async fn write(&self, handle: &Handle, at: u64, data: Bytes) -> Result<Pending, SftpError> {
        self.session.send_write(&handle.bytes, (at, data)).await
    }

    /// Asks for bytes at an offset, at most [`Limits::read`]; [`Pending::data`] is the answer, which may be shorter.
    pub async fn read(&self, handle: &Handle, at: u64, len: u32) -> Result<Pending, SftpError> {
        self.send(Request::Read { handle: handle.bytes.clone(), at, len }).await
    }

    /// Asks about an open file; [`Pending::attrs`] is the answer.
    pub async fn fstat(&self, handle: &Handle) -> Result<Pending, SftpError> {
        self.send(Request::Fstat { handle: handle.bytes.clone() }).await
    }

    /// Sets attributes of an open file; [`Pending::done`] is the answer.
    pub async fn fsetstat(&self, handle: &Handle, attrs: Attrs) -> Result<Pending, SftpError> {
        self.send(Request::Fsetstat { handle: handle.bytes.clone(), attrs }).await
    }

    /// Has an open file written to its disk, where [`Features::fsync`] says so; [`Pending::done`] is the answer.
    pub async fn fsync(&self, handle: &Handle) -> Result<Pending, SftpError> {
        self.send(Request::Fsync { handle: handle.bytes.clone() }).await
    }

    /// About a path, a link itself.
    pub async fn lstat(&self, path: &[u8]) -> Result<Attrs, SftpError> {
        self.send(Request::Lstat { path: checked(path)? }).await?.attrs().await
    }

    /// About a path, or where its link leads.
    pub async fn stat(&self, path: &[u8]) -> Result<Attrs, SftpError> {
        self.send(Request::Stat { path: checked(path)? }).await?.attrs().await
    }

    /// Sets attributes; follows links.
    pub async fn setstat(&self, path: &[u8], attrs: Attrs) -> Result<(), SftpError> {
        self.send(Request::Setstat { path: checked(path)?, attrs }).await?.done().await
    }

    /// Sets attributes, of a link itself, where [`Features::lsetstat`] says so.
    pub async fn lsetstat(&self, path: &[u8], attrs: Attrs) -> Result<(), SftpError> {
        self.send(Request::Lsetstat { path: checked(path)?, attrs }).await?.done().await
    }

    /// Lists a folder, by pages.
    pub async fn read_dir(&self, path: &[u8]) -> Result<Dir, SftpError> {
        let pending = self.send(Request::Opendir { path: checked(path)? }).await?;
        Ok(Dir::new(self.clone(), self.handle(pending.handle().await?)))
    }

    /// Asks for the next page of a folder.
    pub(super) async fn next_page(&self, handle: &Handle) -> Result<Pending, SftpError> {
        self.send(Request::Readdir { handle: handle.bytes.clone() }).await
    }

    /// Makes a folder.
    pub async fn mkdir(&self, path: &[u8], attrs: Attrs) -> Result<(), SftpError> {
        self.send(Request::Mkdir { path: checked(path)?, attrs }).await?.done().await
    }

    /// Removes an empty folder.
    pub async fn rmdir(&self, path: &[u8]) -> Result<(), SftpError> {
        self.send(Request::Rmdir { path: checked(path)? }).await?.done().await
    }

    /// Removes a file or a link.
    pub async fn remove(&self, path: &[u8]) -> Result<(), SftpError> {
        self.send(Request::Remove { path: checked(path)? }).await?.done().await
    }

    /// Gives a path another name, which nothing must have.
    pub async fn rename(&self, from: &[u8], to: &[u8]) -> Result<(), SftpError> {
        self.renaming(from, to).await?.done().await
    }

    /// Asks for the same; [`Pending::done`] is the answer.
    pub async fn renaming(&self, from: &[u8], to: &[u8]) -> Result<Pending, SftpError> {
        self.send(Request::Rename { from: checked(from)?, to: checked(to)? }).await
    }

    /// Puts one thing in the place of another at once, where [`Features::posix_rename`] says so.
    pub async fn posix_rename(&self, from: &[u8], to: &[u8]) -> Result<(), SftpError> {
        self.posix_renaming(from, to).await?.done().await
    }

    /// Asks for the same; [`Pending::done`] is the answer.
    pub async fn posix_renaming(&self, from: &[u8], to: &[u8]) -> Result<Pending, SftpError> {
        self.send(Request::PosixRename { from: checked(from)?, to: checked(to)? }).await
    }

    /// Gives a file, or a link itself, a second name that nothing has, where [`Features::hardlink`] says so.
    pub async fn hardlink(&self, path: &[u8], second: &[u8]) -> Result<(), SftpError> {
        let mut data = BytesMut::new();
        for path in [checked(path)?, checked(second)?] {
            data.put_u32(u32::try_from(path.len()).expect("a path that was checked is short"));
            data.put_slice(&path);
        }
        let name = Bytes::from_static(names::HARDLINK);
        self.send(Request::Extended { name, data: data.freeze() }).await?.done().await
    }

    /// What a link says.
    pub async fn readlink(&self, path: &[u8]) -> Result<Bytes, SftpError> {
        let pending = self.send(Request::Readlink { path: checked(path)? }).await?;
        one_name(pending).await
    }

    /// Makes a link at `path` that says `to`.
    pub async fn symlink(&self, to: &[u8], path: &[u8]) -> Result<(), SftpError> {
        self.send(Request::Symlink { to: checked(to)?, path: checked(path)? }).await?.done().await
    }

    /// The absolute form of a path; `.` is where the user begins.
    pub async fn realpath(&self, path: &[u8]) -> Result<Bytes, SftpError> {
        let pending = self.send(Request::Realpath { path: checked(path)? }).await?;
        one_name(pending).await
    }

    /// The absolute form of a path that may begin with `~` or `~name`, where [`Features::expand_path`] says so.
    pub async fn expand_path(&self, path: &[u8]) -> Result<Bytes, SftpError> {
        let pending = self.send(Request::ExpandPath { path: checked(path)? }).await?;
        one_name(pending).await
    }

    /// About the file system of a path, where [`Features::statvfs`] says so.
    pub async fn statvfs(&self, path: &[u8]) -> Result<StatVfs, SftpError> {
        let pending = self.send(Request::Statvfs { path: checked(path)? }).await?;
        Ok(StatVfs::decode(pending.extended().await?)?)
    }
}

/// A path that can be sent.
fn checked(path: &[u8]) -> Result<Bytes, SftpError> {
    if path.len() > LONGEST_PATH || path.contains(&0) {
        let why = b"a path of more than 16,384 bytes, or with a NUL in it";
        return Err(SftpError::refused(super::packet::Status::BadMessage, why));
    }
    Ok(Bytes::copy_from_slice(path))
}

async fn one_name(pending: Pending) -> Result<Bytes, SftpError> {
    let names = pending.names().await?.unwrap_or_default();
    match <[_; 1]>::try_from(names) {
        Ok([name]) => Ok(name.name),
        Err(names) => Err(SftpError::odd(format!("it gave {} names for one", names.len()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_names_no_or_wild_limits_gets_sane_ones() {
        let limits = |read: u64, write: u64| {
            let body: Vec<u8> =
                [262_144, read, write, 1024].iter().flat_map(|n: &u64| n.to_be_bytes()).collect();
            Limits::decode(body.into()).unwrap()
        };
        assert_eq!(limits(261_120, 261_120), Limits { read: 261_120, write: 261_120 });
        assert_eq!(limits(0, 0), Limits::default());
        assert_eq!(limits(1, u64::MAX), Limits { read: 1024, write: 261_120 });
        assert!(Limits::decode(Bytes::from_static(b"\0\0\0")).is_err());
    }

    #[test]
    fn no_path_is_cut_at_a_nul() {
        assert!(checked(b"/etc/passwd\0.txt").is_err());
        assert!(checked(&[b'x'; LONGEST_PATH + 1]).is_err());
        assert_eq!(checked(b"\xff"), Ok(Bytes::from_static(b"\xff")));
    }
}
