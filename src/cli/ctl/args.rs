//! The words of `omnes ctl`: one definition for parsing, help, completions and man pages.

use std::time::Duration;

use clap::{Args, Subcommand};

use super::super::args::FormArg;
use crate::tui::control::protocol::WAIT_MS;

/// `omnes ctl`.
#[derive(Debug, Args)]
pub struct CtlArgs {
    /// Which omnes: its --name or its process number; needed only where several run
    #[arg(long, global = true, value_name = "NAME|PID")]
    pub to: Option<String>,
    /// What it is told.
    #[command(subcommand)]
    pub verb: Verb,
}

/// `omnes ctl ...`.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// How each open host stands
    #[command(after_help = "Examples:\n  omnes ctl list\n  omnes ctl list --host @db --output json")]
    List(ListArgs),
    /// Type a text for the hosts that receive, or for some
    #[command(
        after_help = "Examples:\n  omnes ctl send --enter uptime\n  omnes ctl send --enter --host 'web[1-3]' 'systemctl restart app'"
    )]
    Send(SendArgs),
    /// Press keys for the hosts that receive, or for some
    #[command(after_help = "Examples:\n  omnes ctl keys C-c\n  omnes ctl keys --host web1 Up Enter")]
    Keys(KeysArgs),
    /// Limit the broadcast to some hosts; `all` ends the limit
    #[command(after_help = "Examples:\n  omnes ctl select @db\n  omnes ctl select all")]
    Select(NamedArgs),
    /// Put hosts back into the broadcast, and let them in if they wait
    #[command(after_help = "Examples:\n  omnes ctl attach web03\n  omnes ctl attach all")]
    Attach(NamedArgs),
    /// Take hosts out of the broadcast
    #[command(after_help = "Examples:\n  omnes ctl detach web03\n  omnes ctl detach '@web!web01'")]
    Detach(NamedArgs),
    /// Move the focus to a host
    #[command(after_help = "Examples:\n  omnes ctl focus web03\n  omnes ctl focus db1 --to prod")]
    Focus(FocusArgs),
    /// Wait until hosts show a line that matches, or a shell's prompt; 1 where they do not in time
    #[command(
        after_help = "Examples:\n  omnes ctl wait --timeout 300 '^done$'\n  omnes ctl wait --prompt --host @web"
    )]
    Wait(WaitArgs),
    /// Print what hosts show
    #[command(after_help = "Examples:\n  omnes ctl dump --host web01 --history\n  omnes ctl dump -b")]
    Dump(DumpArgs),
    /// Open more hosts
    #[command(after_help = "Examples:\n  omnes ctl open 'web[05-06]'\n  omnes ctl open @db --to prod")]
    Open(NamedArgs),
    /// End sessions and take their tiles away
    #[command(after_help = "Examples:\n  omnes ctl close web06\n  omnes ctl close '@db'")]
    Close(NamedArgs),
    /// Do what a key does: any action by its name
    #[command(after_help = "Examples:\n  omnes ctl do attach-all\n  omnes ctl do zoom")]
    Do(DoArgs),
    /// Leave omnes, and end every session
    #[command(after_help = "Examples:\n  omnes ctl quit\n  omnes ctl --to prod quit")]
    Quit,
}

/// `list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Only these hosts
    #[arg(long, value_name = "EXPR")]
    pub host: Option<String>,
    /// A table, or JSON lines [default: text]
    #[arg(long, value_enum, value_name = "FORM")]
    pub output: Option<FormArg>,
}

/// `send`.
#[derive(Debug, Args)]
pub struct SendArgs {
    /// The text; several words are joined by one space
    #[arg(value_name = "TEXT", required = true, allow_hyphen_values = true)]
    pub text: Vec<String>,
    /// Press Enter behind it
    #[arg(long)]
    pub enter: bool,
    /// To these hosts instead of the receivers
    #[arg(long, value_name = "EXPR")]
    pub host: Option<String>,
    /// Send even what a guard would ask about
    #[arg(long)]
    pub yes: bool,
}

/// `keys`.
#[derive(Debug, Args)]
pub struct KeysArgs {
    /// Keys in notation: C-c, Up, Enter, M-x, S-F5
    #[arg(value_name = "KEY", required = true)]
    pub keys: Vec<String>,
    /// To these hosts instead of the receivers
    #[arg(long, value_name = "EXPR")]
    pub host: Option<String>,
    /// Send even what a guard would ask about
    #[arg(long)]
    pub yes: bool,
}

/// Verbs that take hosts.
#[derive(Debug, Args)]
pub struct NamedArgs {
    /// Hosts: an expression such as web01, 'web[01-06]' or @db; several are a union
    #[arg(value_name = "EXPR", required = true)]
    pub hosts: Vec<String>,
}

/// `focus`.
#[derive(Debug, Args)]
pub struct FocusArgs {
    /// The host
    #[arg(value_name = "HOST")]
    pub host: String,
}

/// `wait`.
#[derive(Debug, Args)]
pub struct WaitArgs {
    /// A regular expression, held against each line
    #[arg(value_name = "REGEX", required_unless_present = "prompt", conflicts_with = "prompt")]
    pub regex: Option<String>,
    /// Wait for a shell's prompt
    #[arg(long)]
    pub prompt: bool,
    /// On these hosts instead of the receivers
    #[arg(long, value_name = "EXPR")]
    pub host: Option<String>,
    /// One of them is enough
    #[arg(long)]
    pub any: bool,
    /// All of the screen counts, not only what came after the last `send` or `keys`
    #[arg(long)]
    pub screen: bool,
    /// Longest time: 60, 0.5, 5m [default: 60]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub timeout: Option<Duration>,
}

/// `dump`.
#[derive(Debug, Args)]
pub struct DumpArgs {
    /// Only these hosts
    #[arg(long, value_name = "EXPR")]
    pub host: Option<String>,
    /// With the lines that have left the screen
    #[arg(long)]
    pub history: bool,
    /// Equal screens once, under their folded hosts
    #[arg(short = 'b')]
    pub gather: bool,
    /// Text, or JSON lines [default: text]
    #[arg(long, value_enum, value_name = "FORM")]
    pub output: Option<FormArg>,
}

/// `do`.
#[derive(Debug, Args)]
pub struct DoArgs {
    /// The action's name, as in `[keys]` of config.toml; the palette (C-a :) shows them
    #[arg(value_name = "ACTION")]
    pub action: String,
}

impl WaitArgs {
    /// How long it lasts, in milliseconds.
    pub(super) fn millis(&self) -> u64 {
        self.timeout.map_or(WAIT_MS, |time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    crate::config::duration(text).ok_or_else(|| "write seconds, such as 60, 0.5 or 5m".into())
}
