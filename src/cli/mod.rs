//! What was asked, checked as a whole before anything connects; wires the rooms together.
//!
//! Two stages, as everywhere in this room: [`args`] holds the command line as typed, and each command's module turns it
//! into what is meant. Every error up to that point is one of usage and exits 2 with nothing contacted.

use std::ffi::OsString;
use std::io::Write;

use clap::Parser;

use crate::outcome::Exit;

pub mod args;
mod argv;
mod asker;
mod confirm;
mod consent;
pub mod ctl;
mod deletion;
mod demo;
mod diff;
mod forecast;
mod front;
mod headless;
mod hosts;
mod journal;
mod keeping;
mod keys;
mod launch;
mod log;
mod open;
mod pacing;
mod papers;
mod past;
mod ping;
mod play;
mod preferences;
mod pull;
mod push;
mod push_words;
mod reach;
mod reading;
mod run;
mod run_screen;
mod runs;
mod screen;
mod secrets;
mod select;
mod show;
mod signals;
mod story;
mod survey;
mod tty;
mod what;
mod words;

use args::{Cli, Command};

/// An error that is ours and not the user's: exit code 6 instead of 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct OwnFault(pub String);

/// The exit code of an error that ended the program.
pub fn exit_of(error: &anyhow::Error) -> Exit {
    match error.downcast_ref::<OwnFault>() {
        Some(_) => Exit::OwnFault,
        None => Exit::Usage,
    }
}

/// Does what the words say; errors are sentences for the user.
pub fn main(words: Vec<OsString>) -> anyhow::Result<Exit> {
    let words = words::place(words)?;
    let cli = match Cli::try_parse_from(std::iter::once("omnes".into()).chain(words)) {
        Ok(cli) => cli,
        Err(error) => return told_by_clap(&error),
    };
    if let Some(file) = &cli.debug {
        log::start(file)?;
    }
    let mut out = std::io::stdout();
    match cli.command {
        Command::Completions(args) => papers::completions(&args, &mut out).map(|()| Exit::Well),
        Command::Man(args) => papers::man(&args, &mut out).map(|()| Exit::Well),
        Command::Open(args) => open::open(&args),
        Command::Run(args) => run::run(&args),
        Command::Play(args) => play::play(&args),
        Command::Push(args) => push::push(&args),
        Command::Pull(args) => pull::pull(&args),
        Command::Diff(args) => diff::diff(&args),
        Command::Runs(args) => runs::runs(&args),
        Command::Show(args) => show::show(&args),
        Command::Hosts(args) => hosts::hosts(&args),
        Command::Ping(args) => ping::ping(&args),
        Command::Keys(args) => keys::keys(&args),
        Command::RunNames => runs::names(),
        Command::KeysPage => papers::keys(&mut out).map(|()| Exit::Well),
        Command::Clusters(args) => hosts::cluster_names(&args),
        Command::Ctl(args) => ctl::ctl(&args),
        Command::Demo(args) => demo::demo(&args),
    }
}

/// Help and version go to standard output and are no error; everything else is a sentence of usage.
fn told_by_clap(error: &clap::Error) -> anyhow::Result<Exit> {
    let text = error.render().to_string();
    if !error.use_stderr() {
        // A reader that has seen enough of the help is no fault.
        let _ = std::io::stdout().write_all(text.as_bytes());
        return Ok(Exit::Well);
    }
    anyhow::bail!("{}", text.strip_prefix("error: ").unwrap_or(&text).trim_end())
}
