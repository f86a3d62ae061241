//! The screen: panes in tiles, the keyboard and who hears it.
//!
//! [`app::App`] is the whole behaviour as a pure state machine: [`event::Event`] in, [`event::Effect`] out.
//! [`layout::Layout`] is the geometry, [`draw`] paints it and changes nothing. Every verb of the user is an
//! [`action::Action`]; [`keymap::Keymap`] binds keys to them. Around it stand the io files: [`terminal`] takes the user's
//! terminal over and gives it back, `painter` sends frames, [`asker`] carries questions, [`keep`] writes logs, recordings
//! and what was sent, [`event_loop`] turns it all. Two other fronts lead to the same app: [`control`], for scripts, and
//! [`plain`], lines instead of a screen.

pub mod action;
pub mod app;
pub mod asker;
pub mod compose;
pub mod control;
pub mod desk;
pub mod draw;
pub mod event;
pub mod event_loop;
pub mod fold;
pub mod guard;
pub mod keep;
pub mod keymap;
pub mod layout;
pub mod line;
mod lock;
mod new_file;
mod painter;
pub mod picker;
pub mod plain;
pub mod recorder;
pub mod rehearsal;
pub mod scopes;
pub mod search;
pub mod selection;
mod signals;
pub mod stepwise;
pub mod terminal;
pub mod theme;
pub mod tiling;
pub mod translate;
pub mod watch;
