//! The TUI by values: start, keys, screen. No terminal, no clock, no hosts; every rule of who hears what.

mod compose;
mod delivery;
mod guards;
mod harness;
mod keeping;
mod life;
mod model;
mod prompts;
mod receivers;
mod recovery;
mod scopes;
mod screens;
mod secret;
