//! Files out to many hosts and back: `omnes push`, `pull` and `diff`.
//!
//! Theory: work on files is a [`Deed`](crate::run::Deed) like any other, so waves, budget, journal and resume are those of
//! `run`. A path holds its old or its new content at every instant: a file is written under another name in the same folder,
//! checked, and renamed. Names are bytes ([`path`]), and a server's names are checked before anything is made of them.
//!
//! What is done on one host goes through [`remote`], by SFTP or by a shell: [`put`] brings one file there (`begin` makes or
//! finds its part, [`part`] names it), small new ones go as a `convoy`, [`get`] brings one back, [`window`] says how much is
//! under way, and `cause` finds out why a host said no.

mod anchor;
pub mod arrival;
mod begin;
pub mod books;
mod carry;
mod cause;
pub mod census;
pub mod changes;
pub mod contents;
mod convoy;
mod copy;
pub mod deed;
pub mod delete;
pub mod exclude;
pub mod fill;
mod foresee;
pub mod get;
mod hand;
pub mod landing;
mod lift;
mod look;
pub mod losses;
pub mod manifest;
mod manifest_ledger;
pub mod manifest_store;
pub mod part;
pub mod path;
pub mod paths;
pub mod place;
pub mod pull;
pub mod put;
pub mod remote;
mod remove;
mod scripts;
mod shell;
pub mod sift;
pub mod source;
pub mod spot;
mod sums;
pub mod telling;
pub mod tidy;
pub mod tree;
pub mod trouble;
pub mod versions;
pub mod walk;
pub mod window;
