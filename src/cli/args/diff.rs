//! `omnes diff`.

use clap::Args;

use super::{BackArgs, FormArg, MoreHostsArgs, SecretArgs, SshArgs, ViaArg};

pub(super) const DIFF_EXAMPLES: &str = "Examples:\n  omnes diff web:/etc/nginx/nginx.conf\n  \
    omnes diff 'web[01-48]:/etc/nginx' --against web01";

pub(super) const DIFF_NOTES: &str = "Each version is told with its hosts, that of most hosts first, and every other file as a unified diff to it. \
    That there is nothing, nothing that may be read, or a folder in place of a file, is a version of its own. Of a folder every file in it is compared. \
    Files of more than 4 MiB are told apart by their digest alone.\n\n\
    Nothing is changed on the hosts, and nothing is written here but the journal.\n\n\
    Exit code: 0 all hosts have the same; 1 they have not, or nobody has anything there; for the rest as of `omnes run`.\n\n\
    Examples:\n  omnes diff web:/etc/nginx/nginx.conf\n  \
    omnes diff 'web[01-48]:/etc/nginx' --against web01";

/// `omnes diff`.
#[derive(Clone, Debug, Args)]
pub struct DiffArgs {
    /// Hosts, and a path on them, which begins with `/`, `~/` or `./`; divided at the first colon before one of these. /PATH
    /// alone beside -w and the like
    #[arg(value_name = "TARGETS:PATH")]
    pub from: String,
    /// Compare with a file of ours, or with what HOST has, in place of what most hosts have
    #[arg(long, value_name = "FILE|HOST")]
    pub against: Option<String>,
    /// Say only who has which version
    #[arg(short = 'q', long)]
    pub brief: bool,
    /// Compare a link that is named by what it says; without it, it is followed
    #[arg(long)]
    pub links: bool,
    /// How files are read [default: sftp]
    #[arg(long, value_enum, value_name = "WAY")]
    pub via: Option<ViaArg>,
    /// Text, or JSON lines [default: text]
    #[arg(long, value_enum, value_name = "FORM")]
    pub output: Option<FormArg>,
    /// Which other hosts.
    #[command(flatten)]
    pub hosts: MoreHostsArgs,
    /// How they are reached.
    #[command(flatten)]
    pub ssh: SshArgs,
    /// The login password.
    #[command(flatten)]
    pub secrets: SecretArgs,
    /// How it is done.
    #[command(flatten)]
    pub back: BackArgs,
}
