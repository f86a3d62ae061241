//! What a request does to the disk, and what is answered. Pure.
//!
//! Statuses are those of OpenSSH's sftp-server, which has a word for few errors and says `Failure` for all others, so that a
//! client of the demo learns as little as it would from a real server.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::disk::Disk;
use super::handles::{Handles, MAX_HANDLES, Open};
use super::hostile::{self, Listing};
use super::node::{Body, Errno, Kind, Last, NodeId, Opening, Over, Stat};
use crate::demo::scenario::FilesFault;
use crate::ssh::sftp::{Attrs, Name, OpenFlags, Reply, Request, StatVfs, Status, names};

/// Names of one page of a listing.
const PAGE: usize = 100;
/// The longest packet, in bytes, as OpenSSH says it.
const MAX_PACKET: u32 = 256 * 1024;
/// The most that is read or written at once, in bytes, as OpenSSH says it.
const MAX_READ: u32 = 255 * 1024;
/// What even the slowest host reads or writes at once, in bytes.
const LEAST_PIECE: u32 = 4096;
/// What is taken off the mode of new files and folders.
const UMASK: u32 = 0o022;
/// The block in which room is counted, in bytes.
const BLOCK: u64 = 4096;

/// Answers the requests of one client.
#[derive(Debug)]
pub(super) struct Answerer {
    disk: Arc<Disk>,
    home: Vec<u8>,
    fault: Option<FilesFault>,
    handles: Handles,
}

/// The client is gone: what it had open is not open any more.
impl Drop for Answerer {
    fn drop(&mut self) {
        for open in self.handles.take_all() {
            self.shut(open);
        }
    }
}

impl Answerer {
    pub(super) fn new(disk: Arc<Disk>, user: &str, fault: Option<FilesFault>) -> Answerer {
        let name = if user.contains('/') || user.starts_with('.') { "nobody" } else { user };
        let home = format!("/home/{name}").into_bytes();
        disk.put_dir(&home, (0o755, 0));
        Answerer { disk, home, fault, handles: Handles::default() }
    }

    pub(super) fn answer(&mut self, request: Request, now: i64) -> Reply {
        self.perform(request, now).unwrap_or_else(refuse)
    }

    fn perform(&mut self, request: Request, now: i64) -> Result<Reply, Errno> {
        match request {
            Request::Open { path, flags, attrs } => self.open(&path, (flags, attrs), now),
            Request::Close { handle } => {
                let open = self.handles.remove(&handle).ok_or(Errno::NotFound)?;
                self.shut(open);
                Ok(well())
            }
            Request::Read { handle, at, len } => self.read(&handle, at, len),
            Request::Write { handle, at, data } => self.write(&handle, (at, data), now),
            Request::Lstat { path } => self.stat(&path, Last::Itself),
            Request::Stat { path } => self.stat(&path, Last::Followed),
            Request::Fstat { handle } => self.fstat(&handle),
            Request::Setstat { path, attrs } => self.set_path(&path, (Last::Followed, attrs), now),
            Request::Lsetstat { path, attrs } => self.set_path(&path, (Last::Itself, attrs), now),
            Request::Fsetstat { handle, attrs } => {
                let node = self.file(&handle)?;
                self.set(node, attrs, now)
            }
            Request::Fsync { handle } => self.file(&handle).map(|_| well()),
            Request::Opendir { path } => self.open_dir(&path),
            Request::Readdir { handle } => self.read_dir(&handle),
            Request::Limits => Ok(limits(self.piece())),
            Request::Statvfs { path } => self.room(&path),
            Request::Realpath { path } => Ok(one_name(self.real(&self.absolute(&path)?)?)),
            Request::ExpandPath { path } => Ok(one_name(self.real(&self.expand(&path)?)?)),
            Request::Readlink { path } => self.read_link(&path),
            Request::Extended { name, data } if name == names::HARDLINK => self.second_name(data, now),
            Request::Extended { .. } | Request::Unknown { .. } => Ok(status(Status::Unsupported)),
            other => self.change_names(other, now),
        }
    }

    /// The requests that make, move and remove names.
    fn change_names(&self, request: Request, now: i64) -> Result<Reply, Errno> {
        let at = |path: &Bytes| self.absolute(path);
        let mode = |attrs: &Attrs| attrs.permissions().unwrap_or(0o777) & !UMASK;
        let mut held = self.disk.lock();
        let fs = &mut held.fs;
        match &request {
            Request::Mkdir { path, attrs } => {
                fs.make(&at(path)?, Body::Dir(BTreeMap::new()), (mode(attrs), now)).map(|_| ())
            }
            Request::Symlink { to, path } => {
                fs.make(&at(path)?, Body::Link((&**to).into()), (0o777, now)).map(|_| ())
            }
            Request::Remove { path } => fs.remove(&at(path)?, now),
            Request::Rmdir { path } => fs.remove_dir(&at(path)?, now),
            Request::Rename { from, to } => fs.rename((&at(from)?, &at(to)?), Over::Refused, now),
            Request::PosixRename { from, to } => fs.rename((&at(from)?, &at(to)?), Over::Replaced, now),
            _ => return Ok(status(Status::Unsupported)),
        }?;
        Ok(well())
    }

    /// A second name for a file. Here it is a file of its own with the same content, since a node has one name; nobody can tell
    /// who does not write to either where it stands.
    fn second_name(&self, mut data: Bytes, now: i64) -> Result<Reply, Errno> {
        let mut next = || {
            let length = data.try_get_u32().ok().and_then(|length| usize::try_from(length).ok());
            let length = length.filter(|length| *length <= data.len()).ok_or(Errno::Invalid)?;
            Ok(data.split_to(length))
        };
        let (path, second) = (self.absolute(&next()?)?, self.absolute(&next()?)?);
        let mut held = self.disk.lock();
        let node = held.fs.find(&path, Last::Itself)?;
        let (body, stat) = (held.fs.body(node).clone(), held.fs.stat(node));
        if stat.kind == Kind::Dir {
            return Err(Errno::Denied);
        }
        let copy = held.fs.make(&second, body, (stat.mode, now))?;
        held.fs.set_mtime(copy, stat.mtime)?;
        held.fs.set_owner(copy, stat.owner)?;
        Ok(well())
    }

    fn open(&mut self, path: &[u8], (flags, attrs): (OpenFlags, Attrs), now: i64) -> Result<Reply, Errno> {
        let path = self.absolute(path)?;
        let how = Opening {
            write: flags.has(OpenFlags::WRITE),
            create: flags.has(OpenFlags::CREATE),
            exclusive: flags.has(OpenFlags::EXCLUSIVE),
            truncate: flags.has(OpenFlags::TRUNCATE),
            mode: attrs.permissions().unwrap_or(0o666) & !UMASK,
        };
        let opened = {
            let mut held = self.disk.lock();
            held.count(&path, |counted| counted.opens += 1);
            held.fs.open(&path, how, now)
        };
        match opened {
            Ok(node) => {
                self.give(Open::File { node, appends: flags.has(OpenFlags::APPEND), writes: how.write })
            }
            Err(Errno::NotFound) if self.lies().is_some() && !how.write => self.give(Open::MadeUp),
            Err(error) => Err(error),
        }
    }

    fn give(&mut self, open: Open) -> Result<Reply, Errno> {
        match self.handles.add(open) {
            Ok(handle) => Ok(Reply::Handle(handle)),
            Err(open) => {
                self.shut(open);
                Err(Errno::NoSpace)
            }
        }
    }

    fn shut(&self, open: Open) {
        if let Open::File { node, .. } = open {
            self.disk.lock().fs.close(node);
        }
    }

    fn read(&mut self, handle: &[u8], at: u64, len: u32) -> Result<Reply, Errno> {
        let count = usize::try_from(len.min(self.piece())).unwrap_or(usize::MAX);
        let data = match self.handles.get(handle).ok_or(Errno::NotFound)? {
            Open::File { .. } if self.fault == Some(FilesFault::SaysLess) => Bytes::from(vec![b'x'; count]),
            Open::File { node, .. } => {
                let mut held = self.disk.lock();
                held.count_node(*node, |counted| counted.reads += 1);
                held.fs.read(*node, at, count)?
            }
            Open::MadeUp => {
                let at = usize::try_from(at).unwrap_or(usize::MAX).min(hostile::TEXT.len());
                Bytes::from_static(&hostile::TEXT[at..])
            }
            Open::Dir { .. } | Open::Listing { .. } => return Err(Errno::IsDir),
        };
        Ok(if data.is_empty() { status(Status::Eof) } else { Reply::Data(data) })
    }

    fn write(&mut self, handle: &[u8], (at, data): (u64, Bytes), now: i64) -> Result<Reply, Errno> {
        let Some(Open::File { node, appends, writes: true }) = self.handles.get(handle) else {
            return Err(Errno::NotFound);
        };
        let piece = self.disk.pool().share(&data);
        let mut held = self.disk.lock();
        held.count_node(*node, |counted| counted.writes += 1);
        let at = if *appends { held.fs.stat(*node).size } else { at };
        held.fs.write(*node, at, piece, now)?;
        Ok(well())
    }

    fn file(&mut self, handle: &[u8]) -> Result<NodeId, Errno> {
        match self.handles.get(handle) {
            Some(Open::File { node, .. }) => Ok(*node),
            _ => Err(Errno::NotFound),
        }
    }

    fn stat(&self, path: &[u8], last: Last) -> Result<Reply, Errno> {
        let path = self.absolute(path)?;
        let mut held = self.disk.lock();
        held.count(&path, |counted| counted.stats += 1);
        match (held.fs.find(&path, last), self.lies()) {
            (Ok(node), _) => Ok(Reply::Attrs(self.attrs(held.fs.stat(node)))),
            (Err(Errno::NotFound), Some(listing)) => Ok(Reply::Attrs(attrs(made_up(listing, &path)))),
            (Err(error), _) => Err(error),
        }
    }

    fn fstat(&mut self, handle: &[u8]) -> Result<Reply, Errno> {
        let stat = match self.handles.get(handle).ok_or(Errno::NotFound)? {
            Open::File { node, .. } => self.disk.lock().fs.stat(*node),
            Open::MadeUp => hostile::stat(Kind::File),
            Open::Dir { .. } | Open::Listing { .. } => hostile::stat(Kind::Dir),
        };
        Ok(Reply::Attrs(self.attrs(stat)))
    }

    fn set_path(&self, path: &[u8], (last, attrs): (Last, Attrs), now: i64) -> Result<Reply, Errno> {
        let node = self.disk.lock().fs.find(&self.absolute(path)?, last)?;
        self.set(node, attrs, now)
    }

    fn set(&self, node: NodeId, attrs: Attrs, now: i64) -> Result<Reply, Errno> {
        let mut held = self.disk.lock();
        if let Some(size) = attrs.size {
            held.fs.resize(node, size, now)?;
        }
        if let Some(mode) = attrs.permissions() {
            held.fs.set_mode(node, mode)?;
        }
        if let Some((_, change)) = attrs.times {
            held.fs.set_mtime(node, change.into())?;
        }
        if let Some(owner) = attrs.owner {
            held.fs.set_owner(node, owner)?;
        }
        Ok(well())
    }

    fn open_dir(&mut self, path: &[u8]) -> Result<Reply, Errno> {
        let path = self.absolute(path)?;
        let lies = self.lies();
        let found = {
            let mut held = self.disk.lock();
            held.count(&path, |counted| counted.lists += 1);
            let found = held.fs.find(&path, Last::Followed);
            found.and_then(|folder| {
                let dots = [&b"."[..], b".."].map(|name| (name.to_vec(), held.fs.stat(folder)));
                let entries = held.fs.entries(folder)?;
                let entries = entries.iter().map(|(name, node)| (name.to_vec(), held.fs.stat(*node)));
                Ok(dots.into_iter().chain(entries).collect::<Vec<_>>())
            })
        };
        match (found, lies) {
            (Ok(_) | Err(Errno::NotFound), Some(listing)) => {
                self.give(Open::Listing { listing, path, page: 0 })
            }
            (Ok(entries), None) => self.give(Open::Dir { left: entries.into_iter() }),
            (Err(error), _) => Err(error),
        }
    }

    fn read_dir(&mut self, handle: &[u8]) -> Result<Reply, Errno> {
        let page = match self.handles.get(handle).ok_or(Errno::NotFound)? {
            Open::Dir { left } => Some(left.take(PAGE).collect::<Vec<_>>()).filter(|page| !page.is_empty()),
            Open::Listing { listing, path, page } => {
                *page += 1;
                hostile::page(*listing, path, *page - 1)
            }
            Open::File { .. } | Open::MadeUp => return Err(Errno::NotDir),
        };
        let Some(page) = page else { return Ok(status(Status::Eof)) };
        let named = page.into_iter().map(|(name, stat)| Name { name: name.into(), attrs: self.attrs(stat) });
        Ok(Reply::Names(named.collect()))
    }

    fn read_link(&self, path: &[u8]) -> Result<Reply, Errno> {
        let held = self.disk.lock();
        match (held.fs.find(&self.absolute(path)?, Last::Itself), self.lies()) {
            (Ok(node), _) => match held.fs.body(node) {
                Body::Link(to) => Ok(one_name(to.to_vec())),
                _ => Err(Errno::Invalid),
            },
            (Err(Errno::NotFound), Some(_)) => Ok(one_name(hostile::OUT.to_vec())),
            (Err(error), _) => Err(error),
        }
    }

    fn room(&self, path: &[u8]) -> Result<Reply, Errno> {
        let held = self.disk.lock();
        held.fs.find(&self.absolute(path)?, Last::Followed)?;
        let (all, free) = held.fs.room();
        let told = StatVfs {
            block: BLOCK,
            blocks: all / BLOCK,
            free: free / BLOCK,
            available: free / BLOCK,
            is_read_only: held.fs.is_read_only(),
            ..StatVfs::default()
        };
        Ok(Reply::Extended(told.encode()))
    }

    /// A path from the root. A NUL is no part of any.
    fn absolute(&self, path: &[u8]) -> Result<Vec<u8>, Errno> {
        match path {
            b"" => Err(Errno::NotFound),
            _ if path.contains(&0) => Err(Errno::Invalid),
            [b'/', ..] => Ok(path.to_vec()),
            _ => Ok([&self.home, &b"/"[..], path].concat()),
        }
    }

    fn expand(&self, path: &[u8]) -> Result<Vec<u8>, Errno> {
        match path.strip_prefix(b"~") {
            None => self.absolute(path),
            Some(rest) if rest.is_empty() || rest.starts_with(b"/") => Ok([&*self.home, rest].concat()),
            Some(rest) => Ok([b"/home/", rest].concat()),
        }
    }

    /// The path without links and dots; its last name need not be there.
    fn real(&self, path: &[u8]) -> Result<Vec<u8>, Errno> {
        let held = self.disk.lock();
        match held.fs.find(path, Last::Followed) {
            Ok(node) => Ok(held.fs.path(node)),
            Err(Errno::NotFound) => {
                let slash = path.iter().rposition(|byte| *byte == b'/').ok_or(Errno::NotFound)?;
                let folder = held.fs.path(held.fs.find(&path[..slash], Last::Followed)?);
                let folder = folder.strip_suffix(b"/").unwrap_or(&folder);
                Ok([folder, &path[slash..]].concat())
            }
            Err(error) => Err(error),
        }
    }

    /// The most that is read or written at once, in bytes: on a slow host what takes it about a second, so that it is never
    /// silent for long.
    fn piece(&self) -> u32 {
        match self.fault {
            Some(FilesFault::Slow(rate)) => rate.clamp(LEAST_PIECE, MAX_READ),
            _ => MAX_READ,
        }
    }

    /// What folders look like on a host that lies about them.
    fn lies(&self) -> Option<Listing> {
        match self.fault? {
            FilesFault::HostileNames => Some(Listing::Names),
            FilesFault::EndlessListing => Some(Listing::Endless),
            FilesFault::EmptyPages => Some(Listing::Empty),
            FilesFault::EndlessDepth => Some(Listing::Deep),
            FilesFault::NamedTwice => Some(Listing::Twice),
            _ => None,
        }
    }

    /// What is said about something of the disk.
    fn attrs(&self, stat: Stat) -> Attrs {
        let size = match (self.fault, stat.kind) {
            (Some(FilesFault::SaysLess), Kind::File) => hostile::LESS,
            (Some(FilesFault::SaysMore), Kind::File) => hostile::MORE,
            _ => stat.size,
        };
        attrs(Stat { size, ..stat })
    }
}

/// What something is that is not on the disk of a host that lies.
fn made_up(listing: Listing, path: &[u8]) -> Stat {
    let is_dir = listing == Listing::Deep || listing == Listing::Twice && path.ends_with(b"/both");
    hostile::stat(if is_dir { Kind::Dir } else { Kind::File })
}

fn attrs(stat: Stat) -> Attrs {
    let kind = match stat.kind {
        Kind::File => 0o100_000,
        Kind::Dir => 0o040_000,
        Kind::Link => 0o120_000,
        Kind::Fifo => 0o010_000,
    };
    // Times that the protocol cannot say come out as what is left of them in 32 bits, as from OpenSSH.
    let time = (stat.mtime & i64::from(u32::MAX)) as u32;
    Attrs {
        size: Some(stat.size),
        owner: Some(stat.owner),
        mode: Some(kind | stat.mode),
        times: Some((time, time)),
    }
}

fn limits(piece: u32) -> Reply {
    let mut body = BytesMut::new();
    [MAX_PACKET, piece, piece].into_iter().for_each(|limit| body.put_u64(limit.into()));
    body.put_u64(MAX_HANDLES as u64);
    Reply::Extended(body.freeze())
}

fn one_name(name: Vec<u8>) -> Reply {
    Reply::Names(vec![Name { name: name.into(), attrs: Attrs::default() }])
}

fn well() -> Reply {
    status(Status::Ok)
}

fn refuse(error: Errno) -> Reply {
    status(match error {
        Errno::NotFound | Errno::NotDir | Errno::Loop => Status::NoSuchFile,
        Errno::Denied => Status::PermissionDenied,
        Errno::TooLong | Errno::Invalid => Status::BadMessage,
        Errno::IsDir | Errno::Exists | Errno::NotEmpty | Errno::ReadOnly | Errno::NoSpace => Status::Failure,
    })
}

fn status(status: Status) -> Reply {
    let words = match status {
        Status::Ok => "Success",
        Status::Eof => "End of file",
        Status::NoSuchFile => "No such file",
        Status::PermissionDenied => "Permission denied",
        Status::BadMessage => "Bad message",
        Status::Unsupported => "Operation unsupported",
        Status::Failure | Status::Other(_) => "Failure",
    };
    Reply::status(status, words)
}
