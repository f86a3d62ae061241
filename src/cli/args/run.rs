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
    /// Where it is shown.
    #[command(flatten)]
    pub shown: ShownArgs,
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
    /// Where it is shown.
    #[command(flatten)]
    pub shown: ShownArgs,
    /// What is run.
    #[command(flatten)]
    pub what: WhatArgs,
}

/// Where a run is shown.
#[derive(Clone, Debug, Default, Args)]
pub struct ShownArgs {
    /// Show the run on the whole screen, hosts with equal output as one tile; C-a $ opens a shell on a host of it
    #[arg(long)]
    pub tui: bool,
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
