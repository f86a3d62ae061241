//! How much at once, in which order, and when it stops.

use std::num::NonZeroUsize;
use std::time::Duration;

use clap::Args;

use super::{any_time, at_least_one};
use crate::run::budget::Budget;
use crate::run::order::Order;
use crate::run::retry::RetryOn;
use crate::run::schedule::Pause;
use crate::run::waves::Waves;

/// How much at once, in which order, and when it stops.
#[derive(Clone, Debug, Default, Args)]
pub struct PacingArgs {
    /// Hosts at once, exactly N [default: as many as go well, at most 256]
    #[arg(short = 'f', value_name = "N", value_parser = at_least_one)]
    pub fanout: Option<NonZeroUsize>,
    /// From sending the command to its end: 60, 5m; 0 is none [default: none]
    #[arg(short = 'u', long, value_name = "SECONDS", value_parser = any_time)]
    pub command_timeout: Option<Duration>,
    /// One wave after the other, hosts or percent of all: 1,10%,100%; the last size is repeated
    #[arg(long, value_name = "SIZES", value_parser = str::parse::<Waves>)]
    pub waves: Option<Waves>,
    /// Between two waves wait so long; without a time, until you have looked and said so
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "look", requires = "waves",
        value_parser = pause)]
    pub pause: Option<Pause>,
    /// Stop when more hosts than this fail: 5, 5%, or by kind unreachable=10%,failed=0
    #[arg(long, value_name = "BOUND", value_parser = str::parse::<Budget>)]
    pub max_fail: Option<Budget>,
    /// Try a host again up to N times, where it failed before anything was sent [default: 0]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(..=MOST_RETRIES))]
    pub retry: Option<u32>,
    /// Which failures are tried again: unreachable, throttled, login [default: unreachable,throttled]
    #[arg(long, value_name = "KINDS", value_parser = str::parse::<RetryOn>)]
    pub retry_on: Option<RetryOn>,
    /// given (target by target), sorted, random, random:SEED, or a variable (hosts of equal value apart) [default: sorted]
    #[arg(long, value_name = "ORDER", value_parser = str::parse::<Order>)]
    pub order: Option<Order>,
}

/// Attempts after the first: with their waits that is more than an hour for one host.
pub(in crate::cli) const MOST_RETRIES: i64 = 100;

fn pause(text: &str) -> Result<Pause, String> {
    if text == "look" {
        return Ok(Pause::Look);
    }
    match crate::config::duration(text) {
        Some(wait) => Ok(Pause::For(wait)),
        None => {
            Err("it is no time; write --pause 60s to wait, or put a bare --pause after the targets".into())
        }
    }
}
