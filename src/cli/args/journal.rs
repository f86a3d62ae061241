//! What is kept of headless work, and what goes on from it.

use clap::Args;

/// What is kept of headless work, and what goes on from it.
#[derive(Clone, Debug, Default, Args)]
pub struct JournalArgs {}
