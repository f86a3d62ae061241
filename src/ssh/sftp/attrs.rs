//! What is said about a file: size, owner, mode and times, each or none of them (draft section 5). Pure.

use bytes::{BufMut, BytesMut};

use super::cursor::{Cursor, Malformed};

const SIZE: u32 = 1;
const OWNER: u32 = 2;
const MODE: u32 = 4;
const TIMES: u32 = 8;
const EXTENDED: u32 = 1 << 31;

/// The bits of a mode that say what something is.
const TYPE: u32 = 0o170_000;

/// What is said about a file, or is to be set on it; `None` is not said, or left as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attrs {
    /// Bytes.
    pub size: Option<u64>,
    /// The numbers of its owner and group.
    pub owner: Option<(u32, u32)>,
    /// As `st_mode`: permissions, and in what a server says also the kind.
    pub mode: Option<u32>,
    /// Last access and last change, in seconds since 1970; the protocol cannot say others than these.
    pub times: Option<(u32, u32)>,
}

/// What something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileType {
    /// A file.
    File,
    /// A folder.
    Dir,
    /// A symbolic link.
    Link,
    /// A device, FIFO, socket or something that nobody knows.
    Special,
}

impl Attrs {
    /// What it is, if the server says it.
    pub fn file_type(&self) -> Option<FileType> {
        self.mode.map(|mode| match mode & TYPE {
            0o100_000 => FileType::File,
            0o040_000 => FileType::Dir,
            0o120_000 => FileType::Link,
            _ => FileType::Special,
        })
    }

    /// Permissions with setuid, setgid and sticky, if the server says them.
    pub fn permissions(&self) -> Option<u32> {
        self.mode.map(|mode| mode & 0o7777)
    }

    /// Only these permissions.
    pub fn with_mode(mode: u32) -> Attrs {
        Attrs { mode: Some(mode), ..Attrs::default() }
    }

    pub(super) fn read(cursor: &mut Cursor) -> Result<Attrs, Malformed> {
        let flags = cursor.u32()?;
        let has = |flag: u32| flags & flag != 0;
        let mut attrs = Attrs::default();
        if has(SIZE) {
            attrs.size = Some(cursor.u64()?);
        }
        if has(OWNER) {
            attrs.owner = Some((cursor.u32()?, cursor.u32()?));
        }
        if has(MODE) {
            attrs.mode = Some(cursor.u32()?);
        }
        if has(TIMES) {
            attrs.times = Some((cursor.u32()?, cursor.u32()?));
        }
        if has(EXTENDED) {
            // Each takes bytes of the packet, so their number needs no other bound.
            for _ in 0..cursor.u32()? {
                cursor.string()?;
                cursor.string()?;
            }
        }
        Ok(attrs)
    }

    pub(super) fn write(&self, out: &mut BytesMut) {
        let flag = |said: bool, flag: u32| if said { flag } else { 0 };
        out.put_u32(
            flag(self.size.is_some(), SIZE)
                | flag(self.owner.is_some(), OWNER)
                | flag(self.mode.is_some(), MODE)
                | flag(self.times.is_some(), TIMES),
        );
        if let Some(size) = self.size {
            out.put_u64(size);
        }
        if let Some((user, group)) = self.owner {
            out.put_u32(user);
            out.put_u32(group);
        }
        if let Some(mode) = self.mode {
            out.put_u32(mode);
        }
        if let Some((access, change)) = self.times {
            out.put_u32(access);
            out.put_u32(change);
        }
    }
}
