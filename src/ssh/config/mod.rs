//! ssh_config: what the user's and the system's configuration say about a host, as OpenSSH reads them.
//!
//! A file is read once into rules, each under a guard (its `Host` or `Match` line, and those around its `Include`);
//! asking for a host only walks the rules whose guards let it in. The first value of a keyword wins, `IdentityFile`
//! gathers. What we do not do is never passed over in silence: a keyword is evaluated, or it refuses the hosts it
//! applies to, or it is noted once (`keyword::Support`). A keyword that nobody knows is an error with its line.
//!
//! `words` takes a line apart, `keyword` says what becomes of its keyword, `setting` reads the value (`values`, `jump`,
//! `algorithms`, `conditions`), `parse` makes it a statement, `rules` holds them and walks through those that concern a
//! host, `heard` is what the host was told, `tokens` expands values. All of these are pure; `files` reads.

mod algorithms;
mod conditions;
mod error;
mod files;
mod heard;
mod jump;
mod keyword;
mod parse;
mod rules;
mod setting;
mod tokens;
mod values;
mod words;

pub use error::ConfigError;
pub use files::ConfigSource;
pub use rules::SshConfig;

pub(super) use conditions::{Facts, MatchTest, Open, Pass};
pub(super) use heard::{Heard, Said, Source};
pub(super) use jump::{HopName, hop_name, jumps};
pub(super) use keyword::{KEYS, Key, name};
pub(super) use parse::parse_option;
pub(super) use setting::{Setting, Value};
pub(super) use tokens::{Grammar, Tokens, expand, expand_host_name};
