//! How headless work is told, from the command line: checked before anything connects.

use std::str::FromStr;

use anyhow::{Context, bail};

use super::args::{OutputArg, ReadingArgs};
use super::tty;
use crate::hosts::Host;
use crate::run::files::Files;
use crate::run::meter::Meter;
use crate::run::report::Reporter;
use crate::run::writer::Writer;
use crate::run::{Against, Detail, Ends, HostIx, Output, Plan, Reading};

/// The writer of a run on the standard streams of this process, as the command line wants it.
pub(super) fn writer(args: &ReadingArgs, plan: &Plan) -> anyhow::Result<Writer> {
    let reading = reading(args, &plan.hosts)?;
    let ends = Ends::standard();
    let reporter = Reporter::new(plan, reading, ends.sinks);
    let files = args.output_dir.as_ref().map(|dir| Files::within(dir, reporter.names())).transpose();
    let files = files.context("--output-dir cannot be used")?;
    let is_for_people = matches!(reading.output, Output::Stream | Output::Gather);
    let meter = is_for_people.then(Meter::of_process).flatten().map(|meter| meter.giving_way(tty::is_asked));
    Ok(Writer::new(reporter, ends).with_meter(meter).with_files(files))
}

/// The writer of a run that is shown on a screen: what is told without output, once that is gone, and files where they are
/// wanted.
pub(super) fn writer_beside_screen(args: &ReadingArgs, plan: &Plan, ends: Ends) -> anyhow::Result<Writer> {
    let reading = Reading { top: args.top.map(usize::from), ..Output::Quiet.into() };
    let reporter = Reporter::new(plan, reading, ends.sinks);
    let files = args.output_dir.as_ref().map(|dir| Files::within(dir, reporter.names())).transpose();
    Ok(Writer::new(reporter, ends).with_files(files.context("--output-dir cannot be used")?))
}

/// The form of the output, and what is shown besides.
pub(super) fn reading(args: &ReadingArgs, hosts: &[Host]) -> anyhow::Result<Reading> {
    let diff = diff(args, hosts)?;
    let output = match (args.output, args.gather || diff.is_some()) {
        (None, true) | (Some(OutputArg::Gather), _) => Output::Gather,
        (None | Some(OutputArg::Stream), false) => Output::Stream,
        (Some(OutputArg::Json), false) => Output::Json,
        (Some(OutputArg::Quiet), false) => Output::Quiet,
        (Some(_), true) => {
            bail!("--diff compares gathered outputs; leave out --output, or write --output gather")
        }
    };
    let detail = if args.verbose { Detail::Verbose } else { Detail::Usual };
    Ok(Reading { output, diff, top: args.top.map(usize::from), detail })
}

/// With whose output, or whose files, others are compared.
pub(super) fn diff(args: &ReadingArgs, hosts: &[Host]) -> anyhow::Result<Option<Against>> {
    let Some(name) = &args.diff_from else {
        return Ok(args.diff.then_some(Against::Majority));
    };
    let wanted = Host::from_str(name).with_context(|| format!("--diff-from {name}"))?;
    match hosts.iter().position(|host| *host == wanted) {
        Some(at) => Ok(Some(Against::Host(HostIx(at)))),
        None => bail!("--diff-from {name}: that is none of the hosts of this run; name one of them"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(args: &ReadingArgs) -> Result<Reading, String> {
        let hosts = ["web1", "u@web2"].map(|host| host.parse().expect("a host"));
        reading(args, &hosts).map_err(|error| error.to_string())
    }

    #[test]
    fn what_was_typed_is_one_form_with_its_extras() {
        let args = ReadingArgs::default;
        assert_eq!(of(&args()), Ok(Reading::default()));
        assert_eq!(of(&ReadingArgs { gather: true, ..args() }), Ok(Output::Gather.into()));
        let quiet = ReadingArgs { output: Some(OutputArg::Quiet), ..args() };
        assert_eq!(of(&quiet), Ok(Output::Quiet.into()));
        let from = |name: &str| ReadingArgs { diff_from: Some(name.into()), ..args() };
        let second = Reading { diff: Some(Against::Host(HostIx(1))), ..Output::Gather.into() };
        assert_eq!(of(&from("web2")), Ok(second));
        assert!(of(&from("web3")).expect_err("it is not in it").contains("none of the hosts"));
        let json = ReadingArgs { diff: true, output: Some(OutputArg::Json), ..args() };
        assert!(of(&json).expect_err("no comparison").contains("--output gather"));
        let gather = ReadingArgs { diff: true, output: Some(OutputArg::Gather), ..args() };
        assert_eq!(of(&gather), Ok(Reading { diff: Some(Against::Majority), ..Output::Gather.into() }));
    }
}
