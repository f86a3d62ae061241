//! `omnes play`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::{Argv, HowArgs, SecretArgs, SshArgs, TargetArgs};

/// `omnes play`.
#[derive(Debug, Args)]
pub struct PlayArgs {
    /// What is played.
    #[command(flatten)]
    pub steps: StepsArgs,
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
}

/// `omnes demo play`.
#[derive(Debug, Args)]
pub struct DemoPlayArgs {
    /// What is played.
    #[command(flatten)]
    pub steps: StepsArgs,
    /// How the work is done.
    #[command(flatten)]
    pub how: HowArgs,
}

/// What is played.
#[derive(Clone, Debug, Args)]
pub struct StepsArgs {
    /// The script of steps; `-` is standard input
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// Say which hosts would get which steps, and contact none
    #[arg(long)]
    pub check: bool,
    /// Fill in {host}, {n:03} and the like in commands and pastes; in commands each becomes one word
    #[arg(long)]
    pub template: bool,
    /// Show the screen after steps that are no commands too
    #[arg(long)]
    pub screen: bool,
    /// Take the secret NAME from the first line that CMD prints
    #[arg(long, value_name = "NAME=CMD", value_parser = named_argv)]
    pub secret_command: Vec<(String, Argv)>,
    /// Take the secret NAME from the first line of the open file descriptor N
    #[arg(long, value_name = "NAME=N", value_parser = named_number)]
    pub secret_fd: Vec<(String, u32)>,
}

fn named_argv(text: &str) -> Result<(String, Argv), String> {
    let (name, command) = named(text, "sudo=pass show sudo")?;
    crate::cli::argv::split(command).map(|words| (name, Argv(words)))
}

fn named_number(text: &str) -> Result<(String, u32), String> {
    let (name, number) = named(text, "sudo=3")?;
    number
        .parse()
        .map(|number| (name, number))
        .map_err(|_| "write the number of a descriptor, as in sudo=3".into())
}

/// The name of a secret and what stands behind `=`.
fn named<'a>(text: &'a str, example: &str) -> Result<(String, &'a str), String> {
    match text.split_once('=') {
        Some((name, rest)) if crate::play::file::is_name(name) => Ok((name.to_owned(), rest)),
        _ => Err(format!("write the name of a secret of the script before `=`, as in {example}")),
    }
}
