//! `omnes pull`, and what it shares with `omnes diff`.

use clap::{Args, ValueHint};

use super::{MoreHostsArgs, PacingArgs, ReadingArgs, SecretArgs, SshArgs, ViaArg};

pub(super) const PULL_EXAMPLES: &str = "Examples:\n  omnes pull web:/etc/nginx --to backup\n  \
    omnes pull 'web[01-48]:/var/log/app.log' --to 'logs/{host}.log'";

pub(super) const PULL_NOTES: &str = "Each host's part stands in a folder of its own, DIR/HOST, under its own name; `web:/etc/nginx/.` brings \
    what is in the folder. Where DIR has {host}, {target}, {n:03} or cluster variables in it, it is the place of each host's part itself, or \
    with a `/` behind it the folder of that.\n\n\
    Each file is written under another name beside its place and renamed when it is whole, and what is unchanged (size and time, or with --checksum the content) \
    is not fetched. Nothing is changed on the hosts, so nothing is asked before, and a pull may be made again at any time: \
    `omnes pull @run:last:not-ok:/etc/nginx --to backup` is for the hosts that are not done. docs/files.md has it all.\n\n\
    Exit code: as of `omnes run`, where a host of which some file did not come has failed, and one whose link was lost was not \
    run; with --same 1 also where hosts differ.\n\n\
    Examples:\n  omnes pull web:/etc/nginx --to backup\n  \
    omnes pull 'web[01-48]:/var/log/app.log' --to 'logs/{host}.log'";

/// `omnes pull`.
#[derive(Clone, Debug, Args)]
pub struct PullArgs {
    /// Hosts, and a path on them, which begins with `/`, `~/` or `./`; divided at the first colon before one of these. /SRC
    /// alone beside -w and the like
    #[arg(value_name = "TARGETS:SRC")]
    pub from: String,
    /// Where it comes to stand: a folder, in which each host has its own; or a place with {host} or the like in it
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub to: String,
    /// What is brought.
    #[command(flatten)]
    pub what: PullWhatArgs,
    /// Which other hosts.
    #[command(flatten)]
    pub hosts: MoreHostsArgs,
    /// How they are reached.
    #[command(flatten)]
    pub ssh: SshArgs,
    /// The login password.
    #[command(flatten)]
    pub secrets: SecretArgs,
    /// What is shown of it.
    #[command(flatten)]
    pub reading: ReadingArgs,
    /// How it is done.
    #[command(flatten)]
    pub back: BackArgs,
}

/// What is brought, and how it stands here.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "What is brought")]
pub struct PullWhatArgs {
    /// Write one copy of what all hosts have alike, and say who differs; with --diff also how
    #[arg(long, conflicts_with = "checksum")]
    pub same: bool,
    /// Permission bits as they are there (never setuid, setgid and sticky), times of folders too, and links as links
    #[arg(short = 'P', long)]
    pub preserve: bool,
    /// Keep symbolic links as links; without it the one that is named is followed, and those in a folder are passed over
    #[arg(long)]
    pub links: bool,
    /// Find what is unchanged by content, in place of size and time
    #[arg(short = 'c', long)]
    pub checksum: bool,
    /// How files get here [default: sftp]
    #[arg(long, value_enum, value_name = "WAY")]
    pub via: Option<ViaArg>,
}

/// How work is done that changes nothing on a host.
#[derive(Clone, Debug, Default, Args)]
pub struct BackArgs {
    /// How much at once.
    #[command(flatten)]
    pub pacing: PacingArgs,
    /// Show what would happen and contact no host
    #[arg(long)]
    pub plan: bool,
    /// Keep no journal: the run can be neither shown nor named in @run:last:not-ok
    #[arg(long)]
    pub no_journal: bool,
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::{Cli, Command};
    use super::*;

    fn parsed(words: &str) -> Result<PullArgs, String> {
        let line = ["omnes", "pull"].into_iter().chain(words.split(' '));
        match Cli::try_parse_from(line).map_err(|error| error.to_string())?.command {
            Command::Pull(pull) => Ok(*pull),
            _ => Err("pull was meant".to_owned()),
        }
    }

    #[test]
    fn words_are_a_place_there_and_a_place_here() {
        let pull = parsed("-l me web:/etc/x --to out -x web3 -f 8 --same --diff -w db").expect("a good line");
        assert_eq!((pull.from.as_str(), pull.to.as_str()), ("web:/etc/x", "out"));
        assert!(pull.what.same && pull.reading.diff && !pull.what.preserve);
        assert_eq!(
            (pull.hosts.exclude_hosts, pull.hosts.with),
            (vec!["web3".to_owned()], vec!["db".to_owned()])
        );
        for (words, part) in [
            ("web:/x", "--to"),
            ("a:/x b:/y --to d", "unexpected"),
            ("a:/x --to d --same -c", "cannot be used"),
        ] {
            let error = parsed(words).expect_err(words);
            assert!(error.contains(part), "{words}: {error}");
        }
    }
}
