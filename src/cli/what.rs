//! What is run, from the words of the command line to orders: everything is read and checked before anything connects.

use std::ffi::OsString;
use std::fs::File;
use std::io::{IsTerminal, Read};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, anyhow, bail};
use rand::RngCore;
use secrecy::SecretString;

use super::args::{SecretArgs, TargetArgs, WhatArgs};
use super::journal::Record;
use super::secrets::{self, Place};
use crate::ask::Ask;
use crate::escape;
use crate::hosts::{Facts, Host, Template};
use crate::run::exec::Exec;
use crate::run::plan;
use crate::run::script::Interpreter;
use crate::run::stdin::Source;
use crate::run::sudo::{Password, Sudo};
use crate::run::work::{Keeper, LONGEST, Orders, Recipe, RunsOn, Text, What};
use crate::ssh::SudoPasswords;

/// What is run, read and checked but for what differs from host to host.
pub(super) struct Work {
    /// In the words of the user, for reports.
    pub(super) command: String,
    /// The text of the script, as it was read.
    script: Option<Vec<u8>>,
    recipe: Recipe,
    input: Option<Source>,
    sudo_password: Option<SecretString>,
}

impl Work {
    /// Reads what the options name. `line` is an example for who named nothing.
    pub(super) fn read(args: &WhatArgs, line: &str) -> anyhow::Result<Work> {
        let words = texts(&args.command)?;
        let (command, what, script) = match &args.script {
            Some(file) => {
                let (command, what, text) = script(file, &words, args)?;
                (command, what, Some(text))
            }
            None if words.is_empty() => bail!("no command after `--`; write, for example: {line}"),
            None => {
                let command = plan::command(&words);
                (command.clone(), What::Command(text("the command", command.as_bytes(), args)?), None)
            }
        };
        let environment = args.env.iter().map(|word| variable(word, args)).collect::<Result<_, _>>()?;
        let directory = args.chdir.as_deref().map(|dir| text("--chdir", dir.as_bytes(), args)).transpose()?;
        let recipe = Recipe {
            what,
            environment,
            directory,
            shell: args.shell.as_ref().map(|shell| shell.0.clone()),
            place: if args.pty { RunsOn::Terminal } else { RunsOn::Pipes },
            sudo: sudo(args)?,
            keeper: if args.ensure_kill { Keeper::Wrapper } else { Keeper::Nobody },
        };
        let input = args.stdin.as_deref().map(source).transpose()?;
        let sudo_password = sudo_password(args)?;
        Ok(Work { command, script, recipe, input, sudo_password })
    }

    /// Tells the journal what is sent, as far as it is known before: of an input that comes through a pipe nothing is.
    pub(super) fn tell(&self, args: &WhatArgs, record: &mut Record) -> anyhow::Result<()> {
        record.sends("command", self.command.as_bytes())?;
        if let Some(script) = &self.script {
            record.sends("script", script.as_slice())?;
        }
        if let Some(file) = args.stdin.as_deref().filter(|file| file.is_file()) {
            let input =
                File::open(file).with_context(|| format!("--stdin: {} cannot be read", file.display()))?;
            record.sends("stdin", input)?;
        }
        Ok(())
    }

    /// What the user would be asked for it, in sentences.
    pub(super) fn asks(&self) -> Option<String> {
        let is_asked = |sudo: &Sudo| sudo.password == Password::OnDemand && self.sudo_password.is_none();
        let asked = self.recipe.sudo.as_ref().is_some_and(is_asked);
        asked.then(|| "the password for sudo, once a host wants it".to_owned())
    }

    /// What each of these hosts is sent, or why nothing is sent to anybody.
    pub(super) fn orders(&self, hosts: &[Host], facts: &[Facts]) -> anyhow::Result<Orders> {
        let mut seed = [0; 16];
        rand::rng().fill_bytes(&mut seed);
        Ok(Orders::made(self.recipe.clone(), hosts, facts, seed)?)
    }

    /// The deed that carries these orders out; questions about `sudo` go to `ask`.
    pub(super) fn deed(self, orders: Orders, ask: Arc<dyn Ask>) -> Exec {
        let ask = secrets::before(self.sudo_password, Place::Sudo, ask);
        Exec::new(orders).with_input(self.input).with_passwords(SudoPasswords::new(ask))
    }
}

/// Standard input has at most one reader; two are named.
pub(super) fn one_reader(what: &WhatArgs, targets: &TargetArgs, secrets: &SecretArgs) -> anyhow::Result<()> {
    let is_stdin = |path: &Path| path.as_os_str() == "-";
    let mut readers = Vec::new();
    readers
        .extend(targets.targets.iter().chain(&targets.with).filter(|t| *t == "-").map(|_| "the target `-`"));
    readers.extend(targets.hosts_from.iter().filter(|file| is_stdin(file)).map(|_| "`--hosts-from -`"));
    readers.extend(what.script.as_deref().filter(|file| is_stdin(file)).map(|_| "`--script -`"));
    readers.extend(what.stdin.as_deref().filter(|file| is_stdin(file)).map(|_| "`--stdin -`"));
    readers.extend(secrets.password_fd.filter(|fd| *fd == 0).map(|_| "`--password-fd 0`"));
    readers.extend(what.sudo_password_fd.filter(|fd| *fd == 0).map(|_| "`--sudo-password-fd 0`"));
    match readers[..] {
        [one, two, ..] => bail!(
            "standard input has two readers, {one} and {two}; keep one and give the other a file or another descriptor"
        ),
        _ => Ok(()),
    }
}

fn texts(words: &[OsString]) -> anyhow::Result<Vec<String>> {
    let text = |word: &OsString| {
        let text = word.clone().into_string();
        text.map_err(|word| anyhow!("the command is not UTF-8: {}", word.display()))
    };
    words.iter().map(text).collect()
}

/// A text that may have places, where the user says so.
fn text(what: &str, bytes: &[u8], args: &WhatArgs) -> anyhow::Result<Text> {
    if bytes.contains(&0) {
        bail!("{what} holds a NUL byte, which no command can hold");
    }
    if !args.template {
        return Ok(Text::Plain(bytes.to_vec()));
    }
    let text = std::str::from_utf8(bytes);
    let text = text.map_err(|error| anyhow!("{what}: --template needs UTF-8, and {error}"))?;
    let template =
        Template::parse(text).map_err(|error| anyhow!("{what}: {error}; nothing was contacted"))?;
    Ok(Text::Filled(template))
}

fn script(file: &Path, words: &[String], args: &WhatArgs) -> anyhow::Result<(String, What, Vec<u8>)> {
    let is_ours = file.as_os_str() == "-";
    let name = if is_ours { "standard input".into() } else { escape::text(&file.display().to_string(), 300) };
    let bytes = read(file, is_ours).with_context(|| format!("--script: {name} cannot be read"))?;
    if bytes.len() > LONGEST {
        bail!(
            "--script: {name} has more than {LONGEST} bytes, and no Linux takes a longer command; copy it to the hosts and \
             run it there"
        );
    }
    let interpreter = Interpreter::of(&bytes).map_err(|error| anyhow!("--script: {name}: {error}"))?;
    let argument = |(n, word): (usize, &String)| text(&format!("argument {}", n + 1), word.as_bytes(), args);
    let arguments = words.iter().enumerate().map(argument).collect::<Result<_, _>>()?;
    let text = text(&name, &bytes, args)?;
    let called = if is_ours { "omnes".as_ref() } else { file.file_name().unwrap_or(file.as_os_str()) };
    let called = called.to_string_lossy().into_owned();
    let shown = plan::command(&[&["script".to_owned(), called.clone()], words].concat());
    Ok((shown, What::Script { name: called, interpreter, text, arguments }, bytes))
}

/// A script, up to a little more than could be sent.
fn read(file: &Path, is_ours: bool) -> std::io::Result<Vec<u8>> {
    let open = if is_ours { File::open("/dev/stdin")? } else { File::open(file)? };
    let mut bytes = Vec::new();
    open.take(LONGEST as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn variable(word: &str, args: &WhatArgs) -> anyhow::Result<(String, Text)> {
    let shown = escape::text(word, 60);
    let Some((name, value)) = word.split_once('=') else {
        bail!("--env {shown}: there is no `=`; write NAME=VALUE");
    };
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) || !name.chars().all(is_name) {
        bail!("--env {shown}: a name has letters, digits and `_`, and begins with no digit");
    }
    if name.starts_with("OMNES_") {
        bail!("--env {shown}: names with OMNES_ are those that omnes sets itself; take another one");
    }
    Ok((name.to_owned(), text(&format!("--env {name}"), value.as_bytes(), args)?))
}

fn source(file: &Path) -> anyhow::Result<Source> {
    Source::open(file).with_context(|| format!("--stdin: {} cannot be read", file.display()))
}

/// As whom it runs.
pub(super) fn sudo(args: &WhatArgs) -> anyhow::Result<Option<Sudo>> {
    if !args.sudo {
        return Ok(None);
    }
    if args.sudo_user.as_deref().is_some_and(|user| user.is_empty() || user.as_bytes().contains(&0)) {
        bail!("--sudo-user: the name is empty; leave the option out for root");
    }
    let password = if args.sudo_no_password { Password::Never } else { Password::OnDemand };
    Ok(Some(Sudo { user: args.sudo_user.clone(), password }))
}

/// The password that the options give. Where nobody could be asked, somebody must have said what to do without one.
pub(super) fn sudo_password(args: &WhatArgs) -> anyhow::Result<Option<SecretString>> {
    if let Some(command) = &args.sudo_password_command {
        return secrets::of_command("--sudo-password-command", command).map(Some);
    }
    if let Some(number) = args.sudo_password_fd {
        return secrets::of_descriptor("--sudo-password-fd", number).map(Some);
    }
    let nobody = !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal();
    if args.sudo && !args.sudo_no_password && nobody {
        bail!(
            "--sudo: a host may want a password, and there is no terminal to ask on; give it with --sudo-password-command or \
             --sudo-password-fd, or say --sudo-no-password"
        );
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::{Cli, Command};
    use clap::Parser;

    fn parsed(line: &[&str]) -> Result<crate::cli::args::RunArgs, String> {
        let line = ["omnes", "run", "web"].iter().chain(line);
        match Cli::try_parse_from(line).map_err(|error| error.to_string())?.command {
            Command::Run(run) => Ok(*run),
            _ => Err("run was meant".to_owned()),
        }
    }

    fn told(line: &[&str]) -> String {
        let run = parsed(line).expect("a good line");
        let read =
            one_reader(&run.what, &run.targets, &run.secrets).and_then(|()| Work::read(&run.what, "x"));
        read.err().map_or_else(String::new, |error| format!("{error:#}"))
    }

    #[test]
    fn what_cannot_be_meant_is_said_with_the_next_step() {
        for (line, part) in [
            (&["--"] as &[&str], "no command after `--`; write, for example: x"),
            (&["--env", "A", "--", "x"], "--env A: there is no `=`; write NAME=VALUE"),
            (&["--env", "1a=x", "--", "x"], "begins with no digit"),
            (&["--env", "OMNES_N=x", "--", "x"], "take another one"),
            (&["--template", "--", "echo {x"], "the command: column 6: this { is not closed"),
            (&["--script", "/nonexistent/x"], "--script: /nonexistent/x cannot be read: No such file"),
            (
                &["--stdin", "/nonexistent/x", "--", "x"],
                "--stdin: /nonexistent/x cannot be read: No such file",
            ),
            (&["--stdin", "-", "--script", "-"], "two readers, `--script -` and `--stdin -`"),
            (&["-w", "-", "--stdin", "-", "--", "x"], "two readers, the target `-` and `--stdin -`"),
            (
                &["--stdin", "-", "--password-fd", "0", "--", "x"],
                "two readers, `--stdin -` and `--password-fd 0`",
            ),
            (&["--sudo", "--sudo-user", "", "--", "x"], "--sudo-user: the name is empty"),
        ] {
            assert!(told(line).contains(part), "{line:?}: {}", told(line));
        }
        assert_eq!(told(&["--", "echo", "{x"]), "");
    }

    #[test]
    fn options_that_exclude_each_other_do() {
        for line in [
            &["--pty", "--stdin", "x", "--", "x"] as &[&str],
            &["--pty", "--ensure-kill", "--", "x"],
            &["--ensure-kill", "--stdin", "x", "--", "x"],
            &["--script", "x", "--shell"],
            &["--sudo-user", "x", "--", "x"],
            &["--sudo", "--sudo-no-password", "--sudo-password-fd", "3", "--", "x"],
        ] {
            assert!(parsed(line).is_err(), "{line:?}");
        }
        let run = parsed(&["--shell", "--", "x"]).expect("a good line");
        assert_eq!(run.what.shell.expect("a shell").0, ["/bin/sh"]);
    }
}
