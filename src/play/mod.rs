//! What was typed into terminals, done again without windows: scripts of steps, and the player that carries them out.
//!
//! Theory: a [`Script`] says who gets what and what is expected then. It is written by a person or by the
//! recorder of the terminal, and means the same on any number of hosts. With the hosts it becomes a
//! [`Score`], in which every text has been read and cannot fail any more. The [`Player`] is what is done on
//! each host: a shell in a terminal, a pure [`course`] through the steps, and one [`gate`] at which hosts wait for each
//! other.

mod ahead;
pub mod course;
pub mod ear;
pub mod file;
pub mod gate;
pub mod keys;
pub mod plain;
mod player;
pub mod score;
pub mod script;
pub mod shell;

pub use file::{parse, print};
pub use player::{Player, Screens, Secrets};
pub use score::{Score, Texts};
pub use script::Script;
