//! Files out to many hosts and back: `omnes push`, `pull` and `diff`.
//!
//! Theory: work on files is a [`Deed`](crate::run::Deed) like any other, so waves, budget, journal and resume are those of
//! `run`. A path holds its old or its new content at every instant: a file is written under another name in the same folder,
//! checked, and renamed. Names are bytes ([`path`]), and a server's names are checked before anything is made of them.

pub mod changes;
pub mod delete;
pub mod get;
pub mod losses;
pub mod manifest;
pub mod manifest_store;
pub mod part;
pub mod path;
pub mod put;
pub mod remote;
pub mod remove;
pub mod source;
pub mod tree;
pub mod trouble;
pub mod window;
