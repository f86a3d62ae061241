//! How much at once, in which order, and when it stops.

use std::num::NonZeroUsize;
use std::time::Duration;

use clap::Args;

use super::{any_time, at_least_one};

/// How much at once, in which order, and when it stops.
#[derive(Clone, Debug, Default, Args)]
pub struct PacingArgs {
    /// Hosts at once [default: 256]
    #[arg(short = 'f', value_name = "N", value_parser = at_least_one)]
    pub fanout: Option<NonZeroUsize>,
    /// From sending the command to its end: 60, 5m; 0 is none [default: none]
    #[arg(short = 'u', long, value_name = "SECONDS", value_parser = any_time)]
    pub command_timeout: Option<Duration>,
}
