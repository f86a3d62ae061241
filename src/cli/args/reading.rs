//! What is shown of headless work.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{ArgAction, Args, ValueEnum, ValueHint};

use super::at_least_one;

/// What is shown of headless work.
#[derive(Clone, Debug, Default, Args)]
pub struct ReadingArgs {
    /// Live lines with their host, equal outputs once, JSON lines, or failures and summary alone [default: stream]
    #[arg(long, value_enum, value_name = "FORM")]
    pub output: Option<OutputArg>,
    /// Equal outputs once: the same as --output gather (in clush -b and -B; for -L pipe the live lines through `sort`)
    #[arg(short = 'b', action = ArgAction::SetTrue, conflicts_with = "output")]
    pub gather: bool,
    /// Gather, show what most hosts wrote once, and how the others differ from it
    #[arg(long)]
    pub diff: bool,
    /// The same, compared with what HOST wrote
    #[arg(long, value_name = "HOST")]
    pub diff_from: Option<String>,
    /// Write a file for each host and stream, too: DIR/HOST.out, DIR/HOST.err; with `.part` while they are not complete
    #[arg(short = 'O', long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub output_dir: Option<PathBuf>,
    /// Show at the end where the time went: percentiles of each phase, and the N slowest hosts [default of N: 5]
    #[arg(long, value_name = "N", num_args = 0..=1, require_equals = true, default_missing_value = "5",
        value_parser = at_least_one)]
    pub top: Option<NonZeroUsize>,
    /// Say when hosts are reached and which step they are at, too
    #[arg(short = 'v', long)]
    pub verbose: bool,
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
    /// Who did not do well, and the summary; no output
    Quiet,
}
