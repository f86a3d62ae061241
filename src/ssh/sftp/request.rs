//! What is asked of a server. Pure; see [`super::packet`].

use bytes::{BufMut, Bytes, BytesMut};

use super::attrs::Attrs;
use super::cursor::{Cursor, Malformed, PutString};
use super::packet::{begin, end, kind, names};

/// How a file is opened: bits of the draft's section 6.3, joined by `|`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenFlags(pub u32);

impl OpenFlags {
    /// To read it.
    pub const READ: OpenFlags = OpenFlags(1);
    /// To write it.
    pub const WRITE: OpenFlags = OpenFlags(2);
    /// Every write goes to its end.
    pub const APPEND: OpenFlags = OpenFlags(4);
    /// It is made where there is none.
    pub const CREATE: OpenFlags = OpenFlags(8);
    /// It is emptied.
    pub const TRUNCATE: OpenFlags = OpenFlags(16);
    /// It must not be there yet.
    pub const EXCLUSIVE: OpenFlags = OpenFlags(32);

    /// Whether all of these are set.
    pub fn has(self, flags: OpenFlags) -> bool {
        self.0 & flags.0 == flags.0
    }
}

impl std::ops::BitOr for OpenFlags {
    type Output = OpenFlags;

    fn bitor(self, other: OpenFlags) -> OpenFlags {
        OpenFlags(self.0 | other.0)
    }
}

/// What is asked of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are those of the draft, and their names say what they are")]
pub enum Request {
    /// A file, for reading or writing.
    Open { path: Bytes, flags: OpenFlags, attrs: Attrs },
    /// The end of a handle.
    Close { handle: Bytes },
    /// So many bytes from there.
    Read { handle: Bytes, at: u64, len: u32 },
    /// These bytes there; see [`write_head`] for how to send them without a copy.
    Write { handle: Bytes, at: u64, data: Bytes },
    /// About a path, a link itself.
    Lstat { path: Bytes },
    /// About an open file.
    Fstat { handle: Bytes },
    /// Sets attributes; follows links.
    Setstat { path: Bytes, attrs: Attrs },
    /// Sets attributes of an open file.
    Fsetstat { handle: Bytes, attrs: Attrs },
    /// A folder, for listing.
    Opendir { path: Bytes },
    /// The next page of a listing.
    Readdir { handle: Bytes },
    /// Removes a file.
    Remove { path: Bytes },
    /// Makes a folder.
    Mkdir { path: Bytes, attrs: Attrs },
    /// Removes an empty folder.
    Rmdir { path: Bytes },
    /// The absolute form of a path.
    Realpath { path: Bytes },
    /// About a path or where its link leads.
    Stat { path: Bytes },
    /// Gives a path another name that nothing has.
    Rename { from: Bytes, to: Bytes },
    /// What a link says.
    Readlink { path: Bytes },
    /// Makes a link at `path` that says `to`.
    Symlink { to: Bytes, path: Bytes },
    /// Gives a path another name, over what has it.
    PosixRename { from: Bytes, to: Bytes },
    /// Writes an open file to its disk.
    Fsync { handle: Bytes },
    /// About the file system of a path; answered by [`StatVfs`](super::StatVfs).
    Statvfs { path: Bytes },
    /// How long packets may be; answered by four numbers of 64 bits.
    Limits,
    /// Sets attributes, of a link itself.
    Lsetstat { path: Bytes, attrs: Attrs },
    /// The absolute form of a path that may begin with `~`.
    ExpandPath { path: Bytes },
    /// An extension that is not known here.
    Extended { name: Bytes, data: Bytes },
    /// Something that is not known here.
    Unknown { kind: u8 },
}

/// What comes to a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The first packet, with the version of the client.
    Init(u32),
    /// A request and its number.
    Request(u32, Request),
}

/// The beginning of a request that writes `len` bytes, which are to follow it.
pub fn write_head(id: u32, handle: &[u8], (at, len): (u64, usize)) -> Bytes {
    let mut out = begin(kind::WRITE, id);
    out.put_string(handle);
    out.put_u64(at);
    out.put_u32(u32::try_from(len).expect("a write is no longer than a packet"));
    end(out, len)
}

impl Asked {
    /// The whole packet, its length first.
    pub fn encode(&self) -> Bytes {
        match self {
            // The version stands where others have their number.
            Asked::Init(version) => end(begin(kind::INIT, *version), 0),
            Asked::Request(id, request) => request.encode(*id),
        }
    }

    /// From a packet without its length.
    pub fn decode(packet: Bytes) -> Result<Asked, Malformed> {
        let mut cursor = Cursor::new(packet);
        let (kind, id) = (cursor.u8()?, cursor.u32()?);
        if kind == kind::INIT {
            // What may stand after it is for versions that nobody has made.
            return Ok(Asked::Init(id));
        }
        Ok(Asked::Request(id, Request::decode(kind, cursor)?))
    }
}

impl Request {
    fn kind(&self) -> u8 {
        match self {
            Request::Open { .. } => kind::OPEN,
            Request::Close { .. } => kind::CLOSE,
            Request::Read { .. } => kind::READ,
            Request::Write { .. } => kind::WRITE,
            Request::Lstat { .. } => kind::LSTAT,
            Request::Fstat { .. } => kind::FSTAT,
            Request::Setstat { .. } => kind::SETSTAT,
            Request::Fsetstat { .. } => kind::FSETSTAT,
            Request::Opendir { .. } => kind::OPENDIR,
            Request::Readdir { .. } => kind::READDIR,
            Request::Remove { .. } => kind::REMOVE,
            Request::Mkdir { .. } => kind::MKDIR,
            Request::Rmdir { .. } => kind::RMDIR,
            Request::Realpath { .. } => kind::REALPATH,
            Request::Stat { .. } => kind::STAT,
            Request::Rename { .. } => kind::RENAME,
            Request::Readlink { .. } => kind::READLINK,
            Request::Symlink { .. } => kind::SYMLINK,
            Request::Unknown { kind } => *kind,
            Request::PosixRename { .. }
            | Request::Fsync { .. }
            | Request::Statvfs { .. }
            | Request::Limits
            | Request::Lsetstat { .. }
            | Request::ExpandPath { .. }
            | Request::Extended { .. } => kind::EXTENDED,
        }
    }

    /// The whole packet, its length first.
    pub fn encode(&self, id: u32) -> Bytes {
        let mut out = begin(self.kind(), id);
        match self {
            Request::Open { path, flags, attrs } => {
                out.put_string(path);
                out.put_u32(flags.0);
                attrs.write(&mut out);
            }
            Request::Read { handle, at, len } => {
                out.put_string(handle);
                out.put_u64(*at);
                out.put_u32(*len);
            }
            Request::Write { handle, at, data } => {
                out.put_string(handle);
                out.put_u64(*at);
                out.put_string(data);
            }
            Request::Setstat { path: what, attrs }
            | Request::Fsetstat { handle: what, attrs }
            | Request::Mkdir { path: what, attrs } => {
                out.put_string(what);
                attrs.write(&mut out);
            }
            Request::Close { handle: what }
            | Request::Fstat { handle: what }
            | Request::Readdir { handle: what }
            | Request::Lstat { path: what }
            | Request::Opendir { path: what }
            | Request::Remove { path: what }
            | Request::Rmdir { path: what }
            | Request::Realpath { path: what }
            | Request::Stat { path: what }
            | Request::Readlink { path: what } => out.put_string(what),
            Request::Rename { from, to } | Request::Symlink { to: from, path: to } => {
                out.put_string(from);
                out.put_string(to);
            }
            Request::Unknown { .. } => {}
            extended => extended.write_extended(&mut out),
        }
        end(out, 0)
    }

    fn write_extended(&self, out: &mut BytesMut) {
        match self {
            Request::PosixRename { from, to } => {
                out.put_string(names::POSIX_RENAME);
                out.put_string(from);
                out.put_string(to);
            }
            Request::Fsync { handle } => {
                out.put_string(names::FSYNC);
                out.put_string(handle);
            }
            Request::Statvfs { path } => {
                out.put_string(names::STATVFS);
                out.put_string(path);
            }
            Request::Limits => out.put_string(names::LIMITS),
            Request::Lsetstat { path, attrs } => {
                out.put_string(names::LSETSTAT);
                out.put_string(path);
                attrs.write(out);
            }
            Request::ExpandPath { path } => {
                out.put_string(names::EXPAND_PATH);
                out.put_string(path);
            }
            Request::Extended { name, data } => {
                out.put_string(name);
                out.put_slice(data);
            }
            _ => unreachable!("all others are no extensions"),
        }
    }

    fn decode(kind: u8, mut cursor: Cursor) -> Result<Request, Malformed> {
        let c = &mut cursor;
        let request = match kind {
            kind::OPEN => {
                Request::Open { path: c.string()?, flags: OpenFlags(c.u32()?), attrs: Attrs::read(c)? }
            }
            kind::CLOSE => Request::Close { handle: c.string()? },
            kind::READ => Request::Read { handle: c.string()?, at: c.u64()?, len: c.u32()? },
            kind::WRITE => Request::Write { handle: c.string()?, at: c.u64()?, data: c.string()? },
            kind::LSTAT => Request::Lstat { path: c.string()? },
            kind::FSTAT => Request::Fstat { handle: c.string()? },
            kind::SETSTAT => Request::Setstat { path: c.string()?, attrs: Attrs::read(c)? },
            kind::FSETSTAT => Request::Fsetstat { handle: c.string()?, attrs: Attrs::read(c)? },
            kind::OPENDIR => Request::Opendir { path: c.string()? },
            kind::READDIR => Request::Readdir { handle: c.string()? },
            kind::REMOVE => Request::Remove { path: c.string()? },
            kind::MKDIR => Request::Mkdir { path: c.string()?, attrs: Attrs::read(c)? },
            kind::RMDIR => Request::Rmdir { path: c.string()? },
            kind::REALPATH => Request::Realpath { path: c.string()? },
            kind::STAT => Request::Stat { path: c.string()? },
            kind::RENAME => Request::Rename { from: c.string()?, to: c.string()? },
            kind::READLINK => Request::Readlink { path: c.string()? },
            kind::SYMLINK => Request::Symlink { to: c.string()?, path: c.string()? },
            kind::EXTENDED => return Request::decode_extended(cursor),
            kind => return Ok(Request::Unknown { kind }),
        };
        cursor.end()?;
        Ok(request)
    }

    fn decode_extended(mut cursor: Cursor) -> Result<Request, Malformed> {
        let c = &mut cursor;
        let name = c.string()?;
        let request = match &name[..] {
            names::POSIX_RENAME => Request::PosixRename { from: c.string()?, to: c.string()? },
            names::FSYNC => Request::Fsync { handle: c.string()? },
            names::STATVFS => Request::Statvfs { path: c.string()? },
            names::LIMITS => Request::Limits,
            names::LSETSTAT => Request::Lsetstat { path: c.string()?, attrs: Attrs::read(c)? },
            names::EXPAND_PATH => Request::ExpandPath { path: c.string()? },
            _ => return Ok(Request::Extended { name, data: cursor.rest() }),
        };
        cursor.end()?;
        Ok(request)
    }
}
