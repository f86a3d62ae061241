//! What is run.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::{Argv, argv};

/// What is run on every host.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "What is run")]
pub struct WhatArgs {
    /// Run the script FILE, by the interpreter of its `#!` line; what stands after `--` are its arguments. Nothing is left
    /// behind on the hosts. `-` reads it from standard input
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "shell")]
    pub script: Option<PathBuf>,
    /// Give every host the content of FILE as standard input; `-` is the standard input of omnes
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub stdin: Option<PathBuf>,
    /// Fill in {host}, {user}, {n:03}, cluster variables and the like, each quoted for a shell, in the command, the script, its
    /// arguments, --env and --chdir; `{{` is a brace
    #[arg(long)]
    pub template: bool,
    /// Set a variable for the command; it is then told OMNES_HOST, OMNES_N, OMNES_COUNT and OMNES_VAR_* too
    #[arg(long, value_name = "NAME=VALUE")]
    pub env: Vec<String>,
    /// Run in this directory of the host; where there is none, nothing is run and the status is 126
    #[arg(long, value_name = "DIR")]
    pub chdir: Option<String>,
    /// Let SHELL run the command instead of the login shell: `--shell` for /bin/sh, `--shell='bash -l'`
    #[arg(long, value_name = "SHELL", num_args = 0..=1, require_equals = true, default_missing_value = "/bin/sh",
        value_parser = argv)]
    pub shell: Option<Argv>,
    /// Run in a terminal: for programs that insist on one. Both outputs become one
    #[arg(long, conflicts_with_all = ["stdin", "ensure_kill"])]
    pub pty: bool,
    /// Run as root by sudo. Its password is asked for once, when a host wants it
    #[arg(long)]
    pub sudo: bool,
    /// With --sudo: run as USER
    #[arg(long, value_name = "USER", requires = "sudo")]
    pub sudo_user: Option<String>,
    /// Take the password for sudo from the first line that CMD prints; CMD is split into words as by a shell, but none runs
    #[arg(long, value_name = "CMD", value_parser = argv, requires = "sudo",
        conflicts_with_all = ["sudo_password_fd", "sudo_no_password"])]
    pub sudo_password_command: Option<Argv>,
    /// Take the password for sudo from the first line of the open file descriptor N
    #[arg(long, value_name = "N", requires = "sudo", conflicts_with = "sudo_no_password")]
    pub sudo_password_fd: Option<u32>,
    /// Give sudo no password: a host that needs one does not run the command
    #[arg(long, requires = "sudo")]
    pub sudo_no_password: bool,
    /// When a command is to end, also because the link is lost, end its whole process group and see that it is gone
    #[arg(long, conflicts_with = "stdin")]
    pub ensure_kill: bool,
    /// The command, after `--`; the arguments of --script
    #[arg(last = true, value_name = "COMMAND", value_hint = ValueHint::CommandWithArguments)]
    pub command: Vec<OsString>,
}
