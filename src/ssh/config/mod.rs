//! ssh_config: what the user's and the system's configuration say about a host, as OpenSSH reads them.
//!
//! A file is read once into rules, each under a guard (its `Host` or `Match` line, and those around its `Include`);
//! asking for a host only walks the rules whose guards let it in. The first value of a keyword wins, `IdentityFile`
//! gathers. What we do not do is never passed over in silence: a keyword is evaluated, or it refuses the hosts it
//! applies to, or it is noted once (`keyword::Support`). A keyword that nobody knows is an error with its line.
//!
//! `words`, `keyword`, `setting`, `parse`, `rules` and `tokens` are pure; `files` reads.

mod error;
mod files;
mod keyword;
mod parse;
mod rules;
mod setting;
mod tokens;
mod words;

pub use error::ConfigError;
pub use files::ConfigSource;
pub use rules::SshConfig;

pub(super) use parse::parse_option;
pub(super) use setting::{Checking, Setting};
pub(super) use tokens::{Tokens, expand, expand_host_name};
