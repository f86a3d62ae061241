//! What is shown of headless work.

use clap::{ArgAction, Args, ValueEnum};

/// What is shown of headless work.
#[derive(Clone, Debug, Default, Args)]
pub struct ReadingArgs {
    /// Live lines with their host, equal outputs once, or JSON lines [default: stream]
    #[arg(long, value_enum, value_name = "FORM")]
    pub output: Option<OutputArg>,
    /// Equal outputs once: the same as --output gather
    #[arg(short = 'b', action = ArgAction::SetTrue, conflicts_with = "output")]
    pub gather: bool,
}

/// `--output`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OutputArg {
    /// Live lines, each with its host
    Stream,
    /// Equal outputs once, under their folded hosts
    Gather,
    /// JSON lines
    Json,
}
