//! One file onto a host (signatures; the rest follows).

use bytes::Bytes;
use futures_util::future::BoxFuture;

/// A file to be pushed, read once for all hosts.
pub trait Source: Send + Sync {
    /// Its bytes.
    fn size(&self) -> u64;
    /// The bytes from `at`, which is below the size: at least one, as many as are at hand. Hosts ask in order, each at its pace.
    /// The error is a sentence: the file changed while it was read, or cannot be read.
    fn chunk(&self, at: u64) -> BoxFuture<'_, Result<Bytes, String>>;
    /// Its SHA-256, known before it is sent.
    fn sha256(&self) -> [u8; 32];
}

/// The mode of a file that is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// These bits, `07777`.
    Set(u32),
    /// Those of the file it replaces, these where there is none.
    KeepOr(u32),
}

/// How content is proven once it is there. The size always is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verify {
    /// Only the size.
    Size,
    /// Small files are read back, others summed there where a shell can; otherwise the size.
    #[default]
    Content,
    /// Every file is proven: read back where nothing can sum it there.
    Always,
}

/// How one file is put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Its mode.
    pub mode: Mode,
    /// Its modification time in seconds since 1970; `None`: now.
    pub mtime: Option<i64>,
    /// Owner and group by number; `None` keeps those of a file that is replaced, where the user may.
    pub owner: Option<(u32, u32)>,
    /// How it is proven.
    pub verify: Verify,
}

/// A file that is in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Landed {
    /// How it was proven.
    pub proof: Proof,
    /// Bytes that were there already, from an earlier push that broke off.
    pub resumed: u64,
}

/// How content was proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Only its size could be compared.
    Size,
    /// Read back, or summed there.
    Content,
}
