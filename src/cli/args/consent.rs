//! What is asked before headless work.

use clap::Args;

/// What is asked before headless work.
#[derive(Clone, Debug, Default, Args)]
pub struct ConsentArgs {}
