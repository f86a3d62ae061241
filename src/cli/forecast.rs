//! `--plan`: what would happen, told on standard output in place of the run.

use std::io::{self, Write};

use anyhow::Context;

use super::OwnFault;
use super::args::{HowArgs, OutputArg, ReadingArgs, SecretArgs};
use super::confirm::Consent;
use super::reading;
use crate::escape;
use crate::outcome::Exit;
use crate::run::Output;
use crate::run::Plan;
use crate::run::forecast::{Contact, Forecast, Sends};
use crate::run::schedule::Pause;
use crate::ssh::{ConnectError, Target};

/// Tells what would happen; no host is contacted. `asks` is what else the user would be asked, besides what `how` says.
pub(super) fn tell(
    (plan, targets): (&Plan, &[Result<Target, ConnectError>]),
    sends: &dyn Sends,
    how: &HowArgs,
    asks: Vec<String>,
) -> anyhow::Result<Exit> {
    let asks = or_nothing(asks);
    let output = output(&how.reading, plan)?;
    write(&Forecast { plan, targets, sends, asks, output, contact: Contact::None }, how)
}

/// The same for work that runs no command: `output` is what comes of it, and where.
pub(super) fn tell_of_files(
    (plan, targets): (&Plan, &[Result<Target, ConnectError>]),
    sends: &dyn Sends,
    how: &HowArgs,
    (asks, mut output): (Vec<String>, Vec<String>),
) -> anyhow::Result<Exit> {
    output.push(match how.reading.output {
        Some(OutputArg::Json) => {
            "JSON lines to standard output, sentences for people to standard error".to_owned()
        }
        _ => "the summary to standard error".to_owned(),
    });
    let asks = or_nothing(asks);
    write(&Forecast { plan, targets, sends, asks, output, contact: Contact::None }, how)
}

/// Tells what would happen, on hosts that are looked at afterwards.
pub(super) fn tell_before_look(
    (plan, targets): (&Plan, &[Result<Target, ConnectError>]),
    sends: &dyn Sends,
    how: &HowArgs,
    asks: Vec<String>,
) -> anyhow::Result<Exit> {
    let output =
        vec!["what would be done, of each host or of all that are equal, to standard output".to_owned()];
    write(&Forecast { plan, targets, sends, asks: or_nothing(asks), output, contact: Contact::Looks }, how)
}

fn or_nothing(asks: Vec<String>) -> Vec<String> {
    if asks.is_empty() { vec!["nothing, but what hosts ask when they let us in".to_owned()] } else { asks }
}

fn write(forecast: &Forecast<'_>, how: &HowArgs) -> anyhow::Result<Exit> {
    let text = match how.reading.output {
        Some(OutputArg::Json) => forecast.json(),
        _ => forecast.text().into_bytes(),
    };
    let mut out = io::stdout().lock();
    match out.write_all(&text).and_then(|()| out.flush()) {
        Ok(()) => Ok(Exit::Well),
        // A reader that has seen enough knows it.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::OwnFault),
        Err(error) => Err(error).context(OwnFault("standard output cannot be written".into())),
    }
}

/// What the options make omnes ask before and during a run.
pub(super) fn asks(consent: &Consent, secrets: &SecretArgs, plan: &Plan) -> impl Iterator<Item = String> {
    let password = "the login password, before anything is contacted".to_owned();
    let password = secrets.ask_password.then_some(password);
    consent.asks().into_iter().chain(password).chain(looks(plan))
}

/// The same, where nothing but the pauses of the run itself ask.
pub(super) fn looks(plan: &Plan) -> impl Iterator<Item = String> + use<> {
    let looks = plan.pacing.pause == Pause::Look;
    looks.then(|| "after each wave but the last, whether it goes on".to_owned()).into_iter()
}

/// Where what hosts write goes, and the rest.
fn output(args: &ReadingArgs, plan: &Plan) -> anyhow::Result<Vec<String>> {
    let reading = reading::reading(args, &plan.hosts)?;
    let form = match reading.output {
        Output::Stream => {
            "what hosts write to standard output and standard error, live, each line with its host"
        }
        Output::Gather => "equal outputs once, with their hosts, to standard output",
        Output::Json => "JSON lines to standard output, sentences for people to standard error",
        Output::Quiet => "no output of hosts",
    };
    let mut output = vec![form.to_owned()];
    output.extend(reading.diff.map(|_| "how others differ from what is compared with".to_owned()));
    if let Some(directory) = &args.output_dir {
        let directory = escape::text(&directory.display().to_string(), 200);
        output.push(format!("a file for each host and stream, below {directory}"));
    }
    if reading.output != Output::Json {
        output.push("the summary to standard error".to_owned());
    }
    Ok(output)
}
