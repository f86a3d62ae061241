//! The screen: panes in tiles, the keyboard and who hears it.
//!
//! [`app::App`] is the whole behaviour as a pure state machine: [`event::Event`] in, [`event::Effect`] out.
//! [`layout::Layout`] is the geometry, [`draw`] paints it and changes nothing. Every verb of the user is an
//! [`action::Action`]; [`keymap::Keymap`] binds keys to them. The io files around it own the terminal.

pub mod action;
pub mod app;
pub mod draw;
pub mod event;
pub mod keymap;
pub mod layout;
