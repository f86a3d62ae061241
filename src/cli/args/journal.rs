//! What is kept of headless work, what goes on from it, and how it is looked at.

use clap::Args;

/// What is kept of headless work, and what goes on from it.
#[derive(Clone, Debug, Default, Args)]
pub struct JournalArgs {
    /// Keep no journal: the run can be neither shown nor gone on with
    #[arg(long, conflicts_with = "resume")]
    pub no_journal: bool,
    /// Go on with RUN (`last`, -1, an id or a part of one): the hosts that certainly did not run have their turn. Options
    /// beside it are added to those that were typed then
    #[arg(long, value_name = "RUN", allow_negative_numbers = true, conflicts_with = "again")]
    pub resume: Option<String>,
    /// With --resume: hosts of which it is not known whether the command ran have their turn too
    #[arg(long, requires = "resume")]
    pub unknowns: bool,
    /// Run the command of RUN again, on the same hosts or those that --only names, as a run of its own
    #[arg(long, value_name = "RUN", allow_negative_numbers = true)]
    pub again: Option<String>,
    /// With --again: only hosts that came to this: failed, unreachable, login, unknown, not-ok and more, with commas
    #[arg(long, value_name = "WHAT", requires = "again")]
    pub only: Option<String>,
}

/// `omnes runs`.
#[derive(Debug, Args)]
pub struct RunsArgs {
    /// How many of the newest are listed; 0 is all
    #[arg(short = 'n', long = "number", value_name = "N", default_value = "20")]
    pub number: usize,
    /// A table, or JSON lines [default: text]
    #[arg(long, value_enum, value_name = "FORM")]
    pub output: Option<super::FormArg>,
}

/// `omnes show`.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// Which run: `last`, -1 (the last), -2, an id, or a part of one
    #[arg(value_name = "RUN", allow_negative_numbers = true)]
    pub run: String,
    /// Only hosts that are not well
    #[arg(long, conflicts_with = "only")]
    pub failed: bool,
    /// Only hosts that came to this: failed, unreachable, unknown and more, with commas
    #[arg(long, value_name = "WHAT")]
    pub only: Option<String>,
    /// What this host wrote, each stream to ours
    #[arg(long, value_name = "HOST", conflicts_with_all = ["failed", "only", "diff"])]
    pub host: Option<String>,
    /// What differs from the output that most hosts have
    #[arg(long)]
    pub diff: bool,
    /// Text, or JSON lines [default: text]
    #[arg(long, value_enum, value_name = "FORM", conflicts_with = "diff")]
    pub output: Option<super::FormArg>,
}
