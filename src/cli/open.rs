//! `omnes open`: a terminal for every host.

use std::io::IsTerminal;

use anyhow::bail;

use super::args::OpenArgs;
use super::preferences;
use super::reach::{self, Reach};
use super::select::{self, Wanted};
use crate::outcome::Exit;
use crate::ssh::{HostKeyPolicy, UserEnvironment};

/// The cluster that is opened where nothing is named.
const DEFAULT: &str = "default";

/// Checks everything, then connects.
pub(super) fn open(args: &OpenArgs) -> anyhow::Result<Exit> {
    if !args.command.is_empty() {
        bail!("`--` and a command belong to `run`: omnes run TARGET... -- COMMAND...");
    }
    let environment = UserEnvironment::of_process();
    let config = preferences::read(&environment)?;
    let mut wanted = Wanted::new(&args.targets)?;
    let inventory = select::inventory(&args.targets.files)?;
    select::tell_warnings(&inventory);
    if wanted.is_nothing() {
        if !inventory.has_cluster(DEFAULT) {
            bail!(NO_TARGET);
        }
        wanted = wanted.with("@default");
    }
    let reach = Reach::new(&args.ssh, &config, environment, HostKeyPolicy::Ask)?;
    let members = wanted.select(&inventory)?;
    if !std::io::stdout().is_terminal() || !has_keyboard() {
        bail!("`open` needs a terminal; without one run a command: omnes run TARGET... -- COMMAND...");
    }
    let resolved: Vec<_> = members.iter().map(|member| reach.resolve(&select::request(member))).collect();
    reach::tell_notes(resolved.iter().flatten());
    bail!("not yet")
}

const NO_TARGET: &str = "no target, and no cluster `default` is defined; try\n  \
    omnes web01,web02      open hosts by name\n  \
    omnes hosts --list     see which clusters are defined\n  \
    omnes demo             try everything on a fleet inside this process";

/// Keys come from standard input, or from the terminal itself where standard input holds the list of hosts.
fn has_keyboard() -> bool {
    std::io::stdin().is_terminal() || std::fs::File::open("/dev/tty").is_ok()
}
