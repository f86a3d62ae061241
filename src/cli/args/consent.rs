//! What is shown and asked before headless work.

use clap::Args;

/// What is shown and asked before headless work.
#[derive(Clone, Debug, Default, Args)]
pub struct ConsentArgs {
    /// Show what would happen and contact no host: what each is sent, whose turn is when, the ways to them, the limits
    #[arg(long)]
    pub plan: bool,
    /// Confirm for at most N hosts, where their number would be asked for; on more nothing is run
    #[arg(long, value_name = "N")]
    pub yes: Option<usize>,
}
