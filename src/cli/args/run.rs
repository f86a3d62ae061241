//! `omnes run` and what all headless work shares.

use clap::Args;

use super::{ConsentArgs, JournalArgs, PacingArgs, ReadingArgs, SecretArgs, SshArgs, TargetArgs, WhatArgs};

/// `omnes run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Which hosts.
    #[command(flatten)]
    pub targets: TargetArgs,
    /// How they are reached.
    #[command(flatten)]
    pub ssh: SshArgs,
    /// The login password.
    #[command(flatten)]
    pub secrets: SecretArgs,
    /// How the work is done.
    #[command(flatten)]
    pub how: HowArgs,
    /// What is run.
    #[command(flatten)]
    pub what: WhatArgs,
}

/// `omnes demo run`.
#[derive(Debug, Args)]
pub struct DemoRunArgs {
    /// How the work is done.
    #[command(flatten)]
    pub how: HowArgs,
    /// What is run.
    #[command(flatten)]
    pub what: WhatArgs,
}

/// How headless work is done, whatever it is.
#[derive(Clone, Debug, Default, Args)]
pub struct HowArgs {
    /// How much at once, in which order, and when it stops.
    #[command(flatten)]
    pub pacing: PacingArgs,
    /// What is shown of it.
    #[command(flatten)]
    pub reading: ReadingArgs,
    /// What is kept of it.
    #[command(flatten)]
    pub journal: JournalArgs,
    /// What is asked before it.
    #[command(flatten)]
    pub consent: ConsentArgs,
}
