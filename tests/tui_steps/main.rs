//! The TUI by values: start, keys, screen. No terminal, no clock, no hosts; every rule of who hears what.

mod delivery;
mod hands;
mod harness;
mod life;
mod model;
mod prompts;
mod reading;
mod receivers;
mod recovery;
mod screens;
mod search;
