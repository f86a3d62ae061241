//! `omnes push`, and what all work on files shares.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};

use super::{Argv, DeleteArgs, FileArgs, HowArgs, SecretArgs, SshArgs, TargetArgs, argv};
use crate::push::place::Beside;

pub(super) const PUSH_EXAMPLES: &str = "Examples:\n  omnes push app.conf web:/etc/app/\n  \
    omnes push --waves 1,10%,100% --backup .old site/. 'web[01-48]:/srv/site'";

pub(super) const PUSH_NOTES: &str = "Each file is written under another name beside its place, proven, and renamed, so that at every \
    instant a path holds its old or its new content. What is unchanged (size and time, or with --checksum the content) is not \
    sent. docs/files.md has it all.\n\n\
    TARGETS:DEST is divided at the first colon before `/`, `~` or `.`; beside -w, --hosts-from and --hosts-of it may be /DEST alone, \
    and `-:/DEST` reads the hosts from standard input. A folder goes into DEST under its own name, `site/.` \
    sends what is in it. DEST may have {host}, {user}, {n:03} and cluster variables in it; `{{` is a brace.\n\n\
    --plan looks at the hosts, changes nothing there, and tells what would be done, of a --template with the lines that would \
    change. --resume RUN goes on with all hosts on which not everything is in its place: what is there already is not sent again.\n\n\
    Exit code: as of `omnes run`, where a host on which some file did not come to its place counts as failed.\n\n\
    Examples:\n  omnes push app.conf web:/etc/app/\n  \
    omnes push --waves 1,10%,100% --backup .old site/. 'web[01-48]:/srv/site'";

/// `omnes push`.
#[derive(Clone, Debug, Args)]
pub struct PushArgs {
    /// Files and folders that are sent, and without --to as the last word where: TARGETS:/DEST, or /DEST beside -w and the like
    #[arg(value_name = "SRC", value_hint = ValueHint::AnyPath)]
    pub sources: Vec<OsString>,
    /// Where they go: hosts and a path there, which begins with `/`, `~/` or `./`. A folder if it ends in `/`, or is one
    #[arg(long, value_name = "TARGETS:DEST", allow_hyphen_values = true)]
    pub to: Option<String>,
    /// What is sent, and what becomes of what is there.
    #[command(flatten)]
    pub what: PushWhatArgs,
    /// What is deleted there.
    #[command(flatten)]
    pub deletion: DeleteArgs,
    /// By sudo.
    #[command(flatten)]
    pub sudo: FileSudoArgs,
    /// Which other hosts.
    #[command(flatten)]
    pub hosts: MoreHostsArgs,
    /// How they are reached.
    #[command(flatten)]
    pub ssh: SshArgs,
    /// The login password.
    #[command(flatten)]
    pub secrets: SecretArgs,
    /// How the work is done.
    #[command(flatten)]
    pub how: HowArgs,
}

/// What is sent, and what becomes of what is there.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "What is sent")]
pub struct PushWhatArgs {
    /// Send each host its own file: the one in DIR that has its name
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub map: Option<PathBuf>,
    /// Fill in {host}, {user}, {n:03}, cluster variables and the like in the content of the files; `{{` is a brace
    #[arg(long)]
    pub template: bool,
    /// Leave out what matches PATTERN, as in a .gitignore; `!PATTERN` takes it in again
    #[arg(long, value_name = "PATTERN")]
    pub exclude: Vec<String>,
    /// Leave out what the patterns in FILE match, one a line
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub exclude_from: Vec<PathBuf>,
    /// Permission bits of every file, in octal: 644. Folders get the right to enter beside each right to read
    #[arg(long, value_name = "MODE", value_parser = mode, conflicts_with = "preserve")]
    pub mode: Option<u32>,
    /// Owner of every file; needs --sudo where that is somebody else
    #[arg(long, value_name = "USER[:GROUP]", value_parser = owner)]
    pub owner: Option<Owner>,
    /// Permission bits and times as they are here, of folders too
    #[arg(short = 'P', long)]
    pub preserve: bool,
    /// Keep the old content of each file that changes as NAME with SUFFIX behind it
    #[arg(long, value_name = "SUFFIX", value_parser = suffix)]
    pub backup: Option<String>,
    /// Find what is unchanged by content, in place of size and time
    #[arg(short = 'c', long)]
    pub checksum: bool,
    /// Compress on the way, where a sample of what is sent says that it pays [default of WHEN: auto]
    #[arg(long, value_enum, value_name = "WHEN", num_args = 0..=1, require_equals = true,
        default_missing_value = "auto")]
    pub compress: Option<CompressArg>,
    /// How files get there [default: sftp]
    #[arg(long, value_enum, value_name = "WAY")]
    pub via: Option<ViaArg>,
}

/// By `sudo`.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "As whom")]
pub struct FileSudoArgs {
    /// Move the files into place as root, by sudo; they land in a private folder before. Its password is asked for once,
    /// when a host wants it
    #[arg(long)]
    pub sudo: bool,
    /// Take the password for sudo from the first line that CMD prints; CMD is split into words as by a shell, but none runs
    #[arg(long, value_name = "CMD", value_parser = argv, requires = "sudo",
        conflicts_with_all = ["sudo_password_fd", "sudo_no_password"])]
    pub sudo_password_command: Option<Argv>,
    /// Take the password for sudo from the first line of the open file descriptor N
    #[arg(long, value_name = "N", requires = "sudo", conflicts_with = "sudo_no_password")]
    pub sudo_password_fd: Option<u32>,
    /// Give sudo no password: on a host that needs one nothing is moved
    #[arg(long, requires = "sudo")]
    pub sudo_no_password: bool,
}

/// Hosts beside those that stand before the path.
#[derive(Clone, Debug, Default, Args)]
pub struct MoreHostsArgs {
    /// One more target, as in clush
    #[arg(short = 'w', value_name = "TARGET", allow_hyphen_values = true, value_parser = super::target_of_w)]
    pub with: Vec<String>,
    /// Leave out these hosts
    #[arg(short = 'x', value_name = "EXPR")]
    pub exclude_hosts: Vec<String>,
    /// Read more hosts from FILE (`-` is standard input), one or more a line, `#` comments
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub hosts_from: Vec<PathBuf>,
    /// Hosts of an earlier run: last:failed, ID:unreachable,login; the same as the target @run:last:failed
    #[arg(long, value_name = "RUN:WHAT", allow_hyphen_values = true)]
    pub hosts_of: Vec<String>,
    /// Accept an expression that names no host
    #[arg(long)]
    pub allow_empty: bool,
    /// Which files define clusters.
    #[command(flatten)]
    pub files: FileArgs,
}

impl MoreHostsArgs {
    /// Whether a place may stand without hosts before it.
    pub fn named(&self) -> Beside {
        let is_none = self.with.is_empty() && self.hosts_from.is_empty() && self.hosts_of.is_empty();
        if is_none { Beside::Nobody } else { Beside::Hosts }
    }

    /// Together with these targets.
    pub fn beside(&self, targets: Vec<String>) -> TargetArgs {
        TargetArgs {
            targets,
            with: self.with.clone(),
            exclude: self.exclude_hosts.clone(),
            hosts_from: self.hosts_from.clone(),
            hosts_of: self.hosts_of.clone(),
            allow_empty: self.allow_empty,
            files: self.files.clone(),
        }
    }
}

/// When files are compressed on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CompressArg {
    /// Where a sample says that it pays
    Auto,
    /// Always
    Yes,
    /// Never
    No,
}

/// How files get to a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ViaArg {
    /// SFTP, as the host's sshd offers it
    Sftp,
    /// A POSIX shell: for hosts without SFTP
    Shell,
}

/// Who a file is to belong to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// A name or number.
    pub user: String,
    /// The same; without one the group stays as it comes.
    pub group: Option<String>,
}

fn owner(text: &str) -> Result<Owner, String> {
    let (user, group) = match text.split_once(':') {
        Some((user, group)) => (user, Some(group)),
        None => (text, None),
    };
    let is_name = |name: &str| {
        let fits = |c: char| c.is_alphanumeric() || "._-@$\\".contains(c);
        !name.is_empty() && !name.starts_with('-') && name.chars().all(fits)
    };
    if !is_name(user) || !group.is_none_or(is_name) {
        return Err("write a user, or a user and a group: deploy, root:www-data, 1000:1000".into());
    }
    Ok(Owner { user: user.to_owned(), group: group.map(str::to_owned) })
}

fn mode(text: &str) -> Result<u32, String> {
    let is_octal =
        !text.is_empty() && text.len() <= 5 && text.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
    match u32::from_str_radix(text, 8) {
        Ok(mode) if is_octal && mode <= 0o7777 => Ok(mode),
        _ => Err("write permission bits in octal, such as 644 or 0755".into()),
    }
}

fn suffix(text: &str) -> Result<String, String> {
    let fits = !text.is_empty() && text.len() <= 64 && !text.contains(['/', '\0']);
    fits.then(|| text.to_owned())
        .ok_or_else(|| "write what stands behind the name, such as .bak or ~; without a slash".into())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::{Cli, Command};
    use super::*;

    fn parsed(words: &[&str]) -> Result<PushArgs, String> {
        let line = ["omnes", "push"].iter().chain(words);
        match Cli::try_parse_from(line).map_err(|error| error.to_string())?.command {
            Command::Push(push) => Ok(*push),
            _ => Err("push was meant".to_owned()),
        }
    }

    #[test]
    fn words_are_sources_and_options_what_they_are_elsewhere() {
        let push =
            parsed(&["-l", "me", "a", "b/", "web:/etc/", "--mode", "0640", "--owner", "root:adm", "-f", "8"]);
        let push = push.expect("a good line");
        assert_eq!(push.sources, ["a", "b/", "web:/etc/"]);
        let owner = Owner { user: "root".into(), group: Some("adm".into()) };
        assert_eq!((push.what.mode, push.what.owner), (Some(0o640), Some(owner)));
        let push = parsed(&["a", "--to", "web:~/x", "-x", "web3", "--exclude", "*.o", "--compress"]);
        let push = push.expect("a good line");
        assert_eq!((push.to.as_deref(), push.what.compress), (Some("web:~/x"), Some(CompressArg::Auto)));
        assert_eq!((push.hosts.exclude_hosts, push.what.exclude), (vec!["web3".into()], vec!["*.o".into()]));
    }

    #[test]
    fn what_cannot_be_meant_is_said() {
        for (words, part) in [
            (&["a", "--mode", "9"] as &[&str], "octal"),
            (&["a", "--mode", "77777"], "octal"),
            (&["a", "--owner=-x"], "write a user"),
            (&["a", "--owner", "a:b:c"], "write a user"),
            (&["a", "--backup", "/x"], "without a slash"),
            (&["a", "--preserve", "--mode", "644"], "cannot be used with"),
            (&["a", "--sudo-no-password"], "--sudo"),
        ] {
            let error = parsed(words).expect_err("a bad line");
            assert!(error.contains(part), "{words:?}: {error}");
        }
    }
}
