//! omnes: a cluster shell for the terminal. Type once, every host hears it.
//!
//! The library promises nothing to other programs; it exists so that tests and benches reach every room. See
//! `ARCHITECTURE.md` for the map and the rules.

pub mod ask;
pub mod broadcast;
pub mod cli;
pub mod config;
pub mod demo;
pub mod escape;
pub mod hosts;
pub mod outcome;
pub mod pane;
pub mod play;
pub mod push;
pub mod run;
mod scrubbed;
pub mod session;
pub mod size;
pub mod ssh;
pub mod tui;
