//! What a server answers. Pure; see [`super::packet`].

use bytes::{BufMut, Bytes, BytesMut};

use super::attrs::Attrs;
use super::cursor::{Cursor, Malformed, PutString};
use super::packet::{Status, begin, end, kind};

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Whether it worked, with the server's words.
    Status(Status, Bytes),
    /// Something was opened.
    Handle(Bytes),
    /// What was read.
    Data(Bytes),
    /// Names, with what is said about them.
    Names(Vec<Name>),
    /// What is said about something.
    Attrs(Attrs),
    /// The answer to an extension.
    Extended(Bytes),
}

/// What comes from a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// The first packet: its version, and the extensions it knows with theirs.
    Version(u32, Vec<(Bytes, Bytes)>),
    /// A reply and the number of its request.
    Reply(u32, Reply),
}

/// One name of a listing, or a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// The name; nobody has checked it.
    pub name: Bytes,
    /// What is said about it.
    pub attrs: Attrs,
}

/// About a file system, as `statvfs` says it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StatVfs {
    /// Bytes of the blocks that are counted.
    pub block: u64,
    /// Blocks in all.
    pub blocks: u64,
    /// Free blocks.
    pub free: u64,
    /// Blocks that are free for everybody.
    pub available: u64,
    /// Files it can hold; 0 where it has no such number.
    pub files: u64,
    /// Files that everybody can still make.
    pub files_available: u64,
    /// The number of the file system.
    pub id: u64,
    /// Whether it can only be read.
    pub is_read_only: bool,
}

const READ_ONLY: u64 = 1;
const LONGEST_NAME: u64 = 255;

impl StatVfs {
    /// From the body of an extended reply.
    pub fn decode(body: Bytes) -> Result<StatVfs, Malformed> {
        let mut cursor = Cursor::new(body);
        let mut numbers = [0; 11];
        for number in &mut numbers {
            *number = cursor.u64()?;
        }
        cursor.end()?;
        let [_, block, blocks, free, available, files, _, files_available, id, flags, _] = numbers;
        let is_read_only = flags & READ_ONLY != 0;
        Ok(StatVfs { block, blocks, free, available, files, files_available, id, is_read_only })
    }

    /// As the body of an extended reply.
    pub fn encode(&self) -> Bytes {
        let flags = if self.is_read_only { READ_ONLY } else { 0 };
        let mut out = BytesMut::with_capacity(88);
        for number in [
            self.block,
            self.block,
            self.blocks,
            self.free,
            self.available,
            self.files,
            self.files_available,
            self.files_available,
            self.id,
            flags,
            LONGEST_NAME,
        ] {
            out.put_u64(number);
        }
        out.freeze()
    }
}

impl Told {
    /// The whole packet, its length first.
    pub fn encode(&self) -> Bytes {
        match self {
            Told::Version(version, extensions) => {
                let mut out = begin(kind::VERSION, *version);
                for (name, value) in extensions {
                    out.put_string(name);
                    out.put_string(value);
                }
                end(out, 0)
            }
            Told::Reply(id, reply) => reply.encode(*id),
        }
    }

    /// From a packet without its length.
    pub fn decode(packet: Bytes) -> Result<Told, Malformed> {
        let mut cursor = Cursor::new(packet);
        let (kind, id) = (cursor.u8()?, cursor.u32()?);
        if kind == kind::VERSION {
            let mut extensions = Vec::new();
            while !cursor.is_empty() {
                extensions.push((cursor.string()?, cursor.string()?));
            }
            return Ok(Told::Version(id, extensions));
        }
        Ok(Told::Reply(id, Reply::decode(kind, cursor)?))
    }
}

impl Reply {
    /// A status in words of the server.
    pub fn status(status: Status, words: &str) -> Reply {
        Reply::Status(status, Bytes::copy_from_slice(words.as_bytes()))
    }

    /// The whole packet, its length first.
    pub fn encode(&self, id: u32) -> Bytes {
        let out = match self {
            Reply::Status(status, words) => {
                let mut out = begin(kind::STATUS, id);
                out.put_u32(status.code());
                out.put_string(words);
                out.put_string(b"");
                out
            }
            Reply::Handle(handle) => {
                let mut out = begin(kind::HANDLE, id);
                out.put_string(handle);
                out
            }
            Reply::Data(data) => {
                let mut out = begin(kind::DATA, id);
                out.put_string(data);
                out
            }
            Reply::Names(names) => {
                let mut out = begin(kind::NAME, id);
                out.put_u32(u32::try_from(names.len()).expect("a packet has no room for so many"));
                for name in names {
                    out.put_string(&name.name);
                    // The line of `ls -l`, which nobody reads.
                    out.put_string(&name.name);
                    name.attrs.write(&mut out);
                }
                out
            }
            Reply::Attrs(attrs) => {
                let mut out = begin(kind::ATTRS, id);
                attrs.write(&mut out);
                out
            }
            Reply::Extended(body) => {
                let mut out = begin(kind::EXTENDED_REPLY, id);
                out.put_slice(body);
                out
            }
        };
        end(out, 0)
    }

    fn decode(kind: u8, mut cursor: Cursor) -> Result<Reply, Malformed> {
        let c = &mut cursor;
        let reply = match kind {
            kind::STATUS => {
                let status = Status::from_code(c.u32()?);
                // Some old servers leave out the words and their language.
                let words = if c.is_empty() { Bytes::new() } else { c.string()? };
                return Ok(Reply::Status(status, words));
            }
            kind::HANDLE => Reply::Handle(c.string()?),
            kind::DATA => Reply::Data(c.string()?),
            kind::NAME => {
                let mut names = Vec::new();
                for _ in 0..c.u32()? {
                    let name = c.string()?;
                    c.string()?;
                    names.push(Name { name, attrs: Attrs::read(c)? });
                }
                Reply::Names(names)
            }
            kind::ATTRS => Reply::Attrs(Attrs::read(c)?),
            kind::EXTENDED_REPLY => return Ok(Reply::Extended(cursor.rest())),
            kind => return Err(Malformed::Unknown(kind)),
        };
        cursor.end()?;
        Ok(reply)
    }
}
