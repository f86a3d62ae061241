//! The command line as typed: one definition for parsing, help, completions and man pages.
//!
//! What was typed is turned into what is meant, and checked as a whole, in the modules of the commands; nothing here
//! reads a file or looks at the machine.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};

mod consent;
mod deletion;
mod diff;
mod files;
mod journal;
mod pacing;
mod play;
mod pull;
mod reading;
mod run;
mod what;

pub use consent::ConsentArgs;
pub use deletion::DeleteArgs;
pub use diff::DiffArgs;
pub use files::{CompressArg, FileSudoArgs, MoreHostsArgs, Owner, PushArgs, PushWhatArgs, ViaArg};
pub use journal::{JournalArgs, RunsArgs, ShowArgs};
pub use pacing::PacingArgs;
pub use play::{DemoPlayArgs, PlayArgs, StepsArgs};
pub use pull::{BackArgs, PullArgs, PullWhatArgs};
pub use reading::{OutputArg, ReadingArgs};
pub use run::{DemoRunArgs, HowArgs, RunArgs, ShownArgs};
pub use what::WhatArgs;

/// Everything that can be typed.
#[derive(Debug, Parser)]
#[command(
    name = "omnes",
    version,
    about = "A cluster shell for the terminal: type once, every host hears it",
    override_usage = "omnes [OPTIONS] TARGET...\n       omnes COMMAND ...",
    after_help = "`omnes TARGET...` is short for `omnes open TARGET...`; without a target it opens the cluster `default`.\n\n\
        Examples:\n  omnes web                      open the cluster web, one pane a host\n  \
        omnes run web -- uptime        the same without windows",
    subcommand_required = true,
    max_term_width = 110
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Write a log to FILE; secrets never stand in it
    #[arg(long, global = true, display_order = 900, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub debug: Option<PathBuf>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Open a terminal for every host; keys go to all of them
    #[command(
        after_help = "Examples:\n  omnes open web                 the cluster web, even if a command has its name\n  \
        omnes open 'db[1-4]' -x db3    three hosts"
    )]
    Open(OpenArgs),
    /// Run a command on every host, without windows
    #[command(
        override_usage = "omnes run [OPTIONS] TARGET... -- COMMAND...\n       \
            omnes run [OPTIONS] TARGET... --script FILE [-- ARGUMENT...]",
        after_long_help = RUN_NOTES,
        after_help = RUN_EXAMPLES
    )]
    Run(Box<RunArgs>),
    /// Do what was typed in terminals, or written by hand, on every host without windows
    #[command(
        override_usage = "omnes play [OPTIONS] FILE TARGET...",
        after_long_help = PLAY_NOTES,
        after_help = PLAY_EXAMPLES
    )]
    Play(Box<PlayArgs>),
    /// Send files and folders to every host, each whole or not at all
    #[command(
        override_usage = "omnes push [OPTIONS] SRC... TARGETS:/DEST\n       omnes push [OPTIONS] SRC... --to TARGETS:DEST",
        after_long_help = files::PUSH_NOTES,
        after_help = files::PUSH_EXAMPLES
    )]
    Push(Box<PushArgs>),
    /// Bring files and folders of every host here, each host's into a folder of its own
    #[command(
        override_usage = "omnes pull [OPTIONS] TARGETS:/SRC --to DIR",
        after_long_help = pull::PULL_NOTES,
        after_help = pull::PULL_EXAMPLES
    )]
    Pull(Box<PullArgs>),
    /// Show which hosts hold which version of a file, or of each file of a folder
    #[command(
        override_usage = "omnes diff [OPTIONS] TARGETS:/PATH",
        after_long_help = diff::DIFF_NOTES,
        after_help = diff::DIFF_EXAMPLES
    )]
    Diff(Box<DiffArgs>),
    /// List what was run, with what became of it
    #[command(after_help = "Examples:\n  omnes runs                      the last 20, the newest first\n  \
        omnes runs -n 0 --output json")]
    Runs(RunsArgs),
    /// Show what became of a run: its hosts, folded, and what they wrote
    #[command(
        override_usage = "omnes show [OPTIONS] RUN",
        after_help = "Examples:\n  omnes show last --failed        whoever is not well\n  \
        omnes show -2 --host web07      what one host wrote in the run before the last"
    )]
    Show(ShowArgs),
    /// Show which hosts an expression names; nothing is contacted
    #[command(after_help = "Examples:\n  omnes hosts 'web!web04'         fold what is left\n  \
        omnes hosts -v edge             where every value of a host comes from")]
    Hosts(HostsArgs),
    /// Reach every host, log in, run nothing, and show how long each phase took
    #[command(after_long_help = PING_NOTES, after_help = PING_EXAMPLES)]
    Ping(PingArgs),
    /// Show the host keys of the hosts against known_hosts; nobody logs in
    #[command(after_long_help = KEYS_NOTES, after_help = KEYS_EXAMPLES)]
    Keys(KeysArgs),
    /// Tell an omnes that runs what to do: list, send, wait, dump and more
    #[command(
        after_help = "Examples:\n  omnes ctl send --enter uptime\n  omnes ctl --to prod list --output json"
    )]
    Ctl(super::ctl::args::CtlArgs),
    /// A fleet of SSH hosts inside this process, to try everything on
    #[command(after_help = "Examples:\n  omnes demo --hosts 12           open it in the terminal\n  \
        omnes demo run -- hostname      run a command on it")]
    Demo(DemoArgs),
    /// Print a completion script for a shell
    #[command(
        hide = true,
        after_help = "Examples:\n  omnes completions bash > ~/.local/share/bash-completion/completions/omnes\n  \
        omnes completions fish > ~/.config/fish/completions/omnes.fish"
    )]
    Completions(CompletionsArgs),
    /// Print the man page, or write one for every command into a directory
    #[command(
        hide = true,
        after_help = "Examples:\n  omnes man | man -l -\n  omnes man ~/.local/share/man/man1"
    )]
    Man(ManArgs),
    /// Print the names of all clusters, for completions
    #[command(name = "__clusters", hide = true)]
    Clusters(FileArgs),
    /// Print the names of all runs, for completions
    #[command(name = "__runs", hide = true)]
    RunNames,
    /// Print docs/keys.md
    #[command(name = "__keys-page", hide = true)]
    KeysPage,
}

const RUN_EXAMPLES: &str =
    "Examples:\n  omnes run web -- uptime\n  omnes run -b 'web[01-48]' -x web07 -- 'uname -r'";

const RUN_NOTES: &str = "The command is sent as `ssh HOST COMMAND` would send it, its words joined by one space; the options below \
    \"What is run\" put words around it, which need a POSIX shell on the host (docs/run.md has them all).\n\n\
    A command that is to end early, after --command-timeout or at the second C-c, is told so, and its outcome says `ended`, \
    `may still run`, or with --ensure-kill `killed`, which then is certain.\n\n\
    Exit code: 0 all well; 1 a command failed; 2 usage; 3 not run on some host, for certain; 4 not known of some host; \
    5 stopped by --max-fail; 6 the journal or the output could not be written (also when its reader went away, as in \
    `| head -1`); 130 interrupted. Of several the first of 130, 6, 5, 4, 1, 3.\n\n\
    --plan shows what would happen. A run on more than 100 hosts, or on guarded ones, asks for their number; without a terminal \
    --yes N has to confirm it (docs/plan.md).\n\n\
    The first C-c starts no more hosts, the second ends the running commands, the third leaves at once.\n\n\
    --waves 1,10%,100% goes from 1 host to another 10% of all to the rest; the next wave begins when every host of the one \
    before has its outcome. --max-fail 5 stops at the sixth failure of the run: what runs goes on, the rest is not started. \
    Only what failed before anything was sent is ever tried again.\n\n\
    Examples:\n  omnes run web -- uptime\n  omnes run -b 'web[01-48]' -x web07 -- 'uname -r'";

const PLAY_EXAMPLES: &str = "Examples:\n  omnes play --check steps.toml web   what each host would get; nothing is contacted\n  \
    omnes play -b steps.toml 'web[01-48]'";

const PLAY_NOTES: &str = "FILE is TOML, a [[step]] for each thing that is done; `-` is standard input. docs/play.md describes it.\n\n\
    Exit code: as of `omnes run`, where a step that did not come to what was expected is a failed command, and one that \
    was sent and whose end was never seen is not known.\n\n\
    Examples:\n  omnes play --check steps.toml web   what each host would get; nothing is contacted\n  \
    omnes play -b steps.toml 'web[01-48]'";

const PING_EXAMPLES: &str = "Examples:\n  omnes ping web                  a table, the slow and the unreachable by name\n  \
    omnes ping --output json @all";

const PING_NOTES: &str = "Times are in milliseconds, human time apart; each percentile is a time that was measured.\n\n\
    Exit code: 0 every host let us in; 2 usage; 3 some did not; 130 interrupted.\n\n\
    Examples:\n  omnes ping web                  a table, the slow and the unreachable by name\n  \
    omnes ping --output json @all";

const KEYS_EXAMPLES: &str = "Examples:\n  omnes keys web                  known, new, changed, revoked, unreachable\n  \
    omnes keys web --from keys.txt --accept";

const KEYS_NOTES: &str = "A host is asked for each type of key that omnes accepts, on a connection that ends before any login.\n\n\
    A host is known if known_hosts holds a key that it presents and none that speaks against another; new if it holds no \
    key of it; changed if the host presents another key than the one that is held; revoked if it presents a key that is \
    marked so; certified if an authority that known_hosts names for it vouches for its key. Changed and revoked keys are never learned by --accept, and revoked ones are never replaced.\n\n\
    Exit code, after what --accept and --replace did: 0 every host is known or certified; 1 some are new, changed, revoked or not as \
    --from has them; 2 usage; 3 some could not be asked; 130 interrupted.\n\n\
    Examples:\n  omnes keys web                  known, new, changed, revoked, unreachable\n  \
    omnes keys web --from keys.txt --accept";

/// Which hosts.
#[derive(Clone, Debug, Default, Args)]
pub struct TargetArgs {
    /// Clusters, hosts or expressions: web, 'web[01-06]', 'web!web04', @db; `-` reads hosts from standard input
    #[arg(value_name = "TARGET", allow_hyphen_values = false)]
    pub targets: Vec<String>,
    /// One more target, as in clush
    #[arg(short = 'w', value_name = "TARGET", allow_hyphen_values = true, value_parser = target_of_w)]
    pub with: Vec<String>,
    /// Leave out these hosts
    #[arg(short = 'x', value_name = "EXPR")]
    pub exclude: Vec<String>,
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

/// Which files define clusters.
#[derive(Clone, Debug, Default, Args)]
pub struct FileArgs {
    /// Read one more cluster file, after all others
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub clusters: Vec<PathBuf>,
    /// Let files given by --clusters run the commands of their sources
    #[arg(long)]
    pub allow_sources: bool,
}

/// How hosts are reached, in the words of ssh.
#[derive(Clone, Debug, Default, Args)]
pub struct SshArgs {
    /// Login name, where the target does not say
    #[arg(short = 'l', value_name = "USER")]
    pub user: Option<String>,
    /// Port, where the target does not say
    #[arg(short = 'p', value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub port: Option<u16>,
    /// Key file to log in with
    #[arg(short = 'i', value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub identity: Vec<String>,
    /// Jump host, or several that are passed from left to right: bastion,inner
    #[arg(short = 'J', value_name = "HOST")]
    pub jump: Option<String>,
    /// Read FILE instead of the ssh_config of the user and the system; `none` reads none
    #[arg(short = 'F', value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub ssh_config: Option<PathBuf>,
    /// An option as in ssh_config: StrictHostKeyChecking=accept-new
    #[arg(short = 'o', value_name = "OPTION")]
    pub option: Vec<String>,
    /// From resolving the name to the channel: 15, 0.5, 2m
    #[arg(long, value_name = "SECONDS", value_parser = above_zero)]
    pub connect_timeout: Option<Duration>,
}

/// The login password, where it is given beforehand.
#[derive(Clone, Debug, Default, Args)]
pub struct SecretArgs {
    /// Ask for the login password on the terminal, before anything connects
    #[arg(long, conflicts_with_all = ["password_command", "password_fd"])]
    pub ask_password: bool,
    /// Take the login password from the first line that CMD prints; CMD is split into words as by a shell, but none runs
    #[arg(long, value_name = "CMD", value_parser = argv, conflicts_with = "password_fd")]
    pub password_command: Option<Argv>,
    /// Take the login password from the first line of the open file descriptor N
    #[arg(long, value_name = "N")]
    pub password_fd: Option<u32>,
}

/// A command as a vector of words, for which no shell is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argv(pub Vec<String>);

/// `omnes open`.
#[derive(Debug, Args)]
pub struct OpenArgs {
    /// Which hosts.
    #[command(flatten)]
    pub targets: TargetArgs,
    /// How they are reached.
    #[command(flatten)]
    pub ssh: SshArgs,
    /// The login password.
    #[command(flatten)]
    pub secrets: SecretArgs,
    /// Open a saved set of hosts again, together with the targets; without a name the last one
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = "last")]
    pub restore: Option<String>,
    /// What is logged.
    #[command(flatten)]
    pub log: LogArgs,
    /// Logins at once
    #[arg(short = 'f', value_name = "N", value_parser = at_least_one)]
    pub fanout: Option<NonZeroUsize>,
    /// How it is shown, and by what name it is told what to do.
    #[command(flatten)]
    pub front: FrontArgs,
    /// Typed after `--`, which belongs to `run`.
    #[arg(last = true, hide = true)]
    pub command: Vec<OsString>,
}

/// What hosts print, and what is done, in files.
#[derive(Clone, Debug, Default, Args)]
pub struct LogArgs {
    /// Log what every host prints, in files below DIR
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub log: Option<PathBuf>,
    /// Record what you do as a script for `omnes play`, in a new file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub record: Option<PathBuf>,
}

/// How the sessions are shown, and by what name they are told what to do.
#[derive(Clone, Debug, Default, Args)]
pub struct FrontArgs {
    /// One line for each event instead of a screen: for screen readers and terminals that cannot move their cursor
    #[arg(long)]
    pub plain: bool,
    /// What `omnes ctl --to` calls it [default: its process number]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
}

/// How hosts are looked at, and how that is shown.
#[derive(Clone, Debug, Default, Args)]
pub struct SurveyArgs {
    /// Hosts at once [default: 256]
    #[arg(short = 'f', value_name = "N", value_parser = at_least_one)]
    pub fanout: Option<NonZeroUsize>,
    /// A table, or JSON lines [default: text]
    #[arg(long, value_enum, value_name = "FORM")]
    pub output: Option<FormArg>,
}

/// `--output` of a survey.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FormArg {
    /// Tables and sentences
    Text,
    /// JSON lines
    Json,
}

/// `omnes ping`.
#[derive(Debug, Args)]
pub struct PingArgs {
    /// Which hosts.
    #[command(flatten)]
    pub targets: TargetArgs,
    /// How they are reached.
    #[command(flatten)]
    pub ssh: SshArgs,
    /// The login password, where it is given beforehand.
    #[command(flatten)]
    pub secrets: SecretArgs,
    /// How they are looked at.
    #[command(flatten)]
    pub survey: SurveyArgs,
}

/// `omnes keys`.
#[derive(Debug, Args)]
pub struct KeysArgs {
    /// Which hosts.
    #[command(flatten)]
    pub targets: TargetArgs,
    /// How they are reached.
    #[command(flatten)]
    pub ssh: SshArgs,
    /// The login password, where it is given beforehand.
    #[command(flatten)]
    pub secrets: SecretArgs,
    /// How they are looked at.
    #[command(flatten)]
    pub survey: SurveyArgs,
    /// The keys of known hosts too, each with its place
    #[arg(short = 'v')]
    pub verbose: bool,
    /// Learn the keys of new hosts, after a confirmation
    #[arg(long)]
    pub accept: bool,
    /// Confirm --accept without being asked
    #[arg(long, requires = "accept")]
    pub yes: bool,
    /// Put what the host presents in the place of changed keys, after a confirmation
    #[arg(long)]
    pub replace: bool,
    /// Confirm --replace without being asked: N is the number of hosts whose keys are replaced
    #[arg(long, value_name = "N", requires = "replace")]
    pub confirm: Option<usize>,
    /// Compare with a list from elsewhere: lines of known_hosts, or HOST SHA256:FINGERPRINT; then only keys that stand
    /// there are learned
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub from: Option<PathBuf>,
}

/// `omnes hosts`.
#[derive(Debug, Args)]
pub struct HostsArgs {
    /// Which hosts.
    #[command(flatten)]
    pub targets: TargetArgs,
    /// Expand: one host a line, or as --sep says
    #[arg(short = 'e', conflicts_with_all = ["count", "verbose"])]
    pub expand: bool,
    /// Count
    #[arg(short = 'c', conflicts_with = "verbose")]
    pub count: bool,
    /// List the clusters with their hosts
    #[arg(long, conflicts_with_all = ["expand", "count"])]
    pub list: bool,
    /// What stands between expanded hosts
    #[arg(long, value_name = "TEXT", requires = "expand")]
    pub sep: Option<String>,
    /// Each host with its values and where they come from
    #[arg(short = 'v')]
    pub verbose: bool,
    /// How they would be reached.
    #[command(flatten)]
    pub ssh: SshArgs,
}

/// `omnes demo`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = false, disable_help_subcommand = true)]
pub struct DemoArgs {
    /// What to do with the fleet.
    #[command(subcommand)]
    pub what: Option<DemoCommand>,
    /// How many hosts
    #[arg(long, global = true, value_name = "N", default_value = "12",
        value_parser = clap::value_parser!(u16).range(1..=5000))]
    pub hosts: u16,
    /// Let one host be slow, one refuse, one have a changed key [in the terminal: always]
    #[arg(long, global = true)]
    pub faults: bool,
    /// What is logged.
    #[command(flatten)]
    pub log: LogArgs,
    /// How it is shown, and by what name it is told what to do.
    #[command(flatten)]
    pub front: FrontArgs,
}

/// `omnes demo ...`.
#[derive(Debug, Subcommand)]
pub enum DemoCommand {
    /// Run a command on the fleet
    #[command(
        override_usage = "omnes demo run [OPTIONS] -- COMMAND...",
        after_help = "Examples:\n  omnes demo run -- hostname\n  omnes demo run --faults -b -- uptime"
    )]
    Run(Box<DemoRunArgs>),
    /// Play a script of steps on the fleet
    #[command(
        override_usage = "omnes demo play [OPTIONS] FILE",
        after_help = "Examples:\n  omnes demo play steps.toml\n  omnes demo --hosts 3 play --check steps.toml"
    )]
    Play(Box<DemoPlayArgs>),
    /// Listen on loopback, and print how the ordinary ssh gets there
    #[command(
        after_help = "Examples:\n  omnes demo serve                then, elsewhere: ssh -F FILE demo01\n  \
        omnes demo serve --hosts 100"
    )]
    Serve,
}

/// `omnes completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// Which shell
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

/// `omnes man`.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// Where the pages of all commands go
    #[arg(value_name = "DIRECTORY", value_hint = ValueHint::DirPath)]
    pub directory: Option<PathBuf>,
}

/// What pdsh means by the first character of a target is told to who is used to it.
fn target_of_w(text: &str) -> Result<String, String> {
    match text.strip_prefix(['-', '^']) {
        Some(host) if text.starts_with('-') && !host.is_empty() => {
            Err(format!("what begins with `-` is no target; to leave it out, as in pdsh, write -x {host}"))
        }
        Some(file) if text.starts_with('^') && file.contains('/') => {
            Err(format!("`^` is no file of hosts, as it is in pdsh; write --hosts-from {file}"))
        }
        _ => Ok(text.to_owned()),
    }
}

fn argv(text: &str) -> Result<Argv, String> {
    super::argv::split(text).map(Argv)
}

fn at_least_one(text: &str) -> Result<NonZeroUsize, String> {
    text.parse().map_err(|_| "write a number of hosts, 1 or more".into())
}

fn any_time(text: &str) -> Result<Duration, String> {
    crate::config::duration(text).ok_or_else(|| "write seconds, such as 60, 0.5 or 5m".into())
}

fn above_zero(text: &str) -> Result<Duration, String> {
    any_time(text).and_then(|time| match time.is_zero() {
        true => Err("a host needs some time; write seconds above 0".into()),
        false => Ok(time),
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definitions_agree_with_each_other() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_help_ends_with_two_examples() {
        let mut root = Cli::command();
        root.build();
        let mut commands = vec![root];
        while let Some(mut command) = commands.pop() {
            let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
            commands.extend(command.get_subcommands().filter(|c| c.get_name() != "help").cloned());
            if name.ends_with("__clusters") || name.ends_with("__runs") || name.ends_with("__keys-page") {
                continue;
            }
            for help in [command.render_help().to_string(), command.render_long_help().to_string()] {
                let (_, examples) =
                    help.rsplit_once("Examples:\n").unwrap_or_else(|| panic!("{name}: {help}"));
                let lines: Vec<&str> = examples.trim_end().lines().collect();
                assert_eq!(lines.len(), 2, "{name}: {help}");
                assert!(lines.iter().all(|line| line.starts_with("  omnes ")), "{name}: {help}");
            }
        }
    }

    #[test]
    fn what_means_something_else_in_pdsh_says_what_it_is_here() {
        for (line, part) in [
            ("omnes run -w web -w -web3 -- x", "write -x web3"),
            ("omnes run -w ^/etc/hosts.web -- x", "write --hosts-from /etc/hosts.web"),
        ] {
            let error = Cli::try_parse_from(line.split(' ')).expect_err(line).to_string();
            assert!(error.contains(part), "{error}");
        }
        for line in ["omnes run -w - -- x", "omnes run -w web -w ^db -- x"] {
            assert!(Cli::try_parse_from(line.split(' ')).is_ok(), "{line}");
        }
    }

    #[test]
    fn what_the_table_of_other_tools_says_of_omnes_can_be_typed() {
        let table = include_str!("../../docs/peers.md");
        let rows: Vec<&str> = table.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
        assert!(rows.len() > 15, "{} rows", rows.len());
        for row in rows {
            let ours = row.trim_end_matches('|').rsplit(" | ").next().expect("a last column");
            let typed = ours.split('`').nth(1).unwrap_or_else(|| panic!("nothing to type: {row}"));
            let line = format!("omnes run web {typed} -- true");
            if let Err(error) = Cli::try_parse_from(line.split(' ')) {
                panic!("{row}\n{line}\n{error}");
            }
        }
    }

    #[test]
    fn options_are_those_of_ssh_and_clush() {
        let line = "omnes run -l me -p 22 -i k -F none -o A=b -w web -x web1 -f 8 -b -u 5 -- echo -n x";
        let cli = Cli::try_parse_from(line.split(' ')).expect("a good line");
        let Command::Run(run) = cli.command else { panic!("run was meant") };
        assert_eq!(run.what.command, ["echo", "-n", "x"]);
        assert_eq!((run.targets.with, run.targets.exclude), (vec!["web".into()], vec!["web1".into()]));
        assert!(run.how.reading.gather);
        assert_eq!(run.how.pacing.command_timeout, Some(Duration::from_secs(5)));
    }

    #[test]
    fn a_pause_has_a_time_or_asks_and_never_takes_a_target_for_either() {
        use crate::run::schedule::Pause;
        let parse = |words: &str| {
            let cli = Cli::try_parse_from(words.split(' ')).map_err(|error| error.to_string())?;
            let Command::Run(run) = cli.command else { panic!("run was meant") };
            Ok::<_, String>((run.how.pacing.pause, run.targets.targets))
        };
        let web = || vec!["web".to_owned()];
        for (words, pause) in [
            ("omnes run web --waves 1 --pause -- true", Some(Pause::Look)),
            ("omnes run --waves 1 --pause 60s web -- true", Some(Pause::For(Duration::from_secs(60)))),
            ("omnes run --waves 1 --pause=2m web -- true", Some(Pause::For(Duration::from_secs(120)))),
            ("omnes run --waves 1 web -- true", None),
        ] {
            assert_eq!(parse(words), Ok((pause, web())), "{words}");
        }
        let error = parse("omnes run --waves 1 --pause web -- true").expect_err("web is no time");
        assert!(error.contains("--pause 60s") && error.contains("after the targets"), "{error}");
        assert!(parse("omnes run web --pause 60s -- true").expect_err("no waves").contains("--waves"));
    }

    #[test]
    fn paces_are_judged_where_they_are_typed() {
        for (option, said) in [
            ("--waves=1,x", "`x` is no size of a wave"),
            ("--max-fail=5%,dead=1", "`dead` is no kind of failure"),
            ("--retry-on=link-lost", "may have run"),
            ("--retry=101", "101 is not in 0..=100"),
            ("--order=random:x", "no seed"),
        ] {
            let words = ["omnes", "run", "web", option, "--", "true"];
            let error = Cli::try_parse_from(words).expect_err(option).to_string();
            assert!(error.contains(said), "{option}: {error}");
        }
    }
}
