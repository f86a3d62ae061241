//! What is run.

use std::ffi::OsString;

use clap::{Args, ValueHint};

/// What is run on every host.
#[derive(Clone, Debug, Default, Args)]
pub struct WhatArgs {
    /// The command, after `--`
    #[arg(last = true, value_name = "COMMAND", value_hint = ValueHint::CommandWithArguments)]
    pub command: Vec<OsString>,
}
