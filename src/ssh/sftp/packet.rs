//! What is asked and what is answered, as values and as bytes, in both directions. Pure.
//!
//! Theory: a packet is its kind, the number of its request, and fields. What is read may be anything: it is measured against
//! its own end and never against what it announces, so nothing is allocated that did not come. Strings share the memory of the
//! packet they came in. The order of a symbolic link's two paths is OpenSSH's and not the draft's, as everywhere.

use bytes::{BufMut, Bytes, BytesMut};

/// The version of the protocol.
pub const VERSION: u32 = 3;

/// The names of the extensions that are known here (OpenSSH's PROTOCOL, section 4).
pub mod names {
    /// Rename over what is there, at once.
    pub const POSIX_RENAME: &[u8] = b"posix-rename@openssh.com";
    /// A second name for a file.
    pub const HARDLINK: &[u8] = b"hardlink@openssh.com";
    /// Onto the disk.
    pub const FSYNC: &[u8] = b"fsync@openssh.com";
    /// About a file system.
    pub const STATVFS: &[u8] = b"statvfs@openssh.com";
    /// How long packets may be.
    pub const LIMITS: &[u8] = b"limits@openssh.com";
    /// Attributes of a link itself.
    pub const LSETSTAT: &[u8] = b"lsetstat@openssh.com";
    /// `~` and `~name`.
    pub const EXPAND_PATH: &[u8] = b"expand-path@openssh.com";
}

pub(super) mod kind {
    pub(in crate::ssh::sftp) const INIT: u8 = 1;
    pub(in crate::ssh::sftp) const VERSION: u8 = 2;
    pub(in crate::ssh::sftp) const OPEN: u8 = 3;
    pub(in crate::ssh::sftp) const CLOSE: u8 = 4;
    pub(in crate::ssh::sftp) const READ: u8 = 5;
    pub(in crate::ssh::sftp) const WRITE: u8 = 6;
    pub(in crate::ssh::sftp) const LSTAT: u8 = 7;
    pub(in crate::ssh::sftp) const FSTAT: u8 = 8;
    pub(in crate::ssh::sftp) const SETSTAT: u8 = 9;
    pub(in crate::ssh::sftp) const FSETSTAT: u8 = 10;
    pub(in crate::ssh::sftp) const OPENDIR: u8 = 11;
    pub(in crate::ssh::sftp) const READDIR: u8 = 12;
    pub(in crate::ssh::sftp) const REMOVE: u8 = 13;
    pub(in crate::ssh::sftp) const MKDIR: u8 = 14;
    pub(in crate::ssh::sftp) const RMDIR: u8 = 15;
    pub(in crate::ssh::sftp) const REALPATH: u8 = 16;
    pub(in crate::ssh::sftp) const STAT: u8 = 17;
    pub(in crate::ssh::sftp) const RENAME: u8 = 18;
    pub(in crate::ssh::sftp) const READLINK: u8 = 19;
    pub(in crate::ssh::sftp) const SYMLINK: u8 = 20;
    pub(in crate::ssh::sftp) const STATUS: u8 = 101;
    pub(in crate::ssh::sftp) const HANDLE: u8 = 102;
    pub(in crate::ssh::sftp) const DATA: u8 = 103;
    pub(in crate::ssh::sftp) const NAME: u8 = 104;
    pub(in crate::ssh::sftp) const ATTRS: u8 = 105;
    pub(in crate::ssh::sftp) const EXTENDED: u8 = 200;
    pub(in crate::ssh::sftp) const EXTENDED_REPLY: u8 = 201;
}

/// Whether something worked (draft section 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It did.
    Ok,
    /// Nothing comes after this.
    Eof,
    /// There is no such file or folder.
    NoSuchFile,
    /// The user may not.
    PermissionDenied,
    /// It did not, and that is all; OpenSSH says it for most errors.
    Failure,
    /// The request was not understood, or its names are impossible.
    BadMessage,
    /// The server cannot do this.
    Unsupported,
    /// Another number.
    Other(u32),
}

impl Status {
    /// By its number.
    pub fn from_code(code: u32) -> Status {
        match code {
            0 => Status::Ok,
            1 => Status::Eof,
            2 => Status::NoSuchFile,
            3 => Status::PermissionDenied,
            4 => Status::Failure,
            5 => Status::BadMessage,
            8 => Status::Unsupported,
            code => Status::Other(code),
        }
    }

    /// Its number.
    pub fn code(self) -> u32 {
        match self {
            Status::Ok => 0,
            Status::Eof => 1,
            Status::NoSuchFile => 2,
            Status::PermissionDenied => 3,
            Status::Failure => 4,
            Status::BadMessage => 5,
            Status::Unsupported => 8,
            Status::Other(code) => code,
        }
    }
}

/// Begins a packet: room for its length, its kind and its number.
pub(super) fn begin(kind: u8, id: u32) -> BytesMut {
    let mut out = BytesMut::with_capacity(64);
    out.put_u32(0);
    out.put_u8(kind);
    out.put_u32(id);
    out
}

/// Writes the length of a packet, of which `more` bytes follow by another way.
pub(super) fn end(mut out: BytesMut, more: usize) -> Bytes {
    let length = u32::try_from(out.len() - 4 + more).expect("nothing that is sent is longer than a packet");
    out[..4].copy_from_slice(&length.to_be_bytes());
    out.freeze()
}

#[cfg(test)]
#[path = "packet_tests.rs"]
mod tests;
