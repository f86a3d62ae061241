//! tui
pub mod layout;
