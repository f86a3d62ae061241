//! What was typed into terminals, done again without windows: scripts of steps, and the player that carries them out.
//!
//! Theory: a [`Script`](script::Script) says who gets what and what is expected then. It is written by a person or by the
//! recorder of the terminal, and means the same on any number of hosts.

pub mod file;
pub mod keys;
pub mod script;
