//! SFTP version 3: files on a host, over one channel.
//!
//! Theory: names and paths are bytes, since that is what they are on a host; nothing here makes text of them. `packet`,
//! `attrs` and `frame` are the language (draft-ietf-secsh-filexfer-02 and the extensions in OpenSSH's PROTOCOL), pure and in
//! both directions, so that a server can be made of them too. `greeting` begins, `session` carries requests and replies, many under way at once;
//! `client` is what can be asked, `listing` a folder by pages. What a server answers is checked here for its form: lengths,
//! ids, and that nobody is given more than was asked for. What names and sizes mean is checked by whoever uses them.
//!
//! The crate `russh-sftp` was meant for this and is not used: its paths are `String`s, so a name that is not UTF-8 cannot be
//! opened and two such names may become one, and its listing of a folder has no end but the server's.

mod attrs;
mod client;
mod cursor;
mod error;
mod frame;
mod greeting;
mod listing;
mod packet;
mod reply;
mod request;
mod session;

pub use attrs::{Attrs, FileType};
pub use client::{Features, Handle, Limits, Sftp};
pub use cursor::Malformed;
pub use error::{Refusal, SftpError};
pub use frame::{Frames, MAX_PACKET};
pub use listing::{Dir, Listed, MAX_EMPTY_PAGES, MAX_LISTED};
pub use packet::{Status, VERSION, names};
pub use reply::{Name, Reply, StatVfs, Told};
pub use request::{Asked, OpenFlags, Request, write_head};
pub use session::{IN_FLIGHT, Pending};
