//! The TUI by values: start, keys, screen. No terminal, no clock, no hosts; every rule of who hears what.

mod colours;
mod compose;
mod control;
mod delivery;
mod fold;
mod guards;
mod hands;
mod harness;
mod hostlist;
mod keeping;
mod life;
mod manners;
mod merged;
mod model;
mod plain;
mod prompts;
mod reading;
mod receivers;
mod recovery;
mod scopes;
mod screens;
mod search;
mod secret;
mod terminal;
mod views;
mod word;
