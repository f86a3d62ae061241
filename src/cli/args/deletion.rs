//! `--delete`, as `omnes push` has it.

use clap::Args;

/// What may be deleted on the hosts.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "What is deleted there")]
pub struct DeleteArgs {
    /// Delete there what earlier pushes of this folder put there and is here no more, where nobody changed it since. Goes
    /// with one SRC that is a folder
    #[arg(long)]
    pub delete: bool,
    /// With --delete: delete everything there that is not here
    #[arg(long, requires = "delete")]
    pub delete_unknown: bool,
    /// With --delete: confirm that N files go on the host that loses the most, where that is more than a quarter of them
    /// or the folder here is empty
    #[arg(long, value_name = "N", requires = "delete")]
    pub delete_confirm: Option<usize>,
}
