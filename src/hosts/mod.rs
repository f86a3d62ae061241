//! Who: hosts as the user names them, sets of hosts with algebra, and the files that define clusters.

mod host;
mod set;

pub use host::{Host, HostParseError};
pub use set::HostSet;
